/* scenarios/cli/calibrate.h -- twinsite lab calibrate: a simulator profile of this lab. */
#pragma once
#include <glib.h>

/* Measures the disk below folder, plays an unplanned and a planned failover so many times, and
 * writes the profile to out.  Returns an exit code. */
int ts_calibrate (const char *out, guint rounds);
/* The same out of stored runs of the lab, with one VM each; nothing is run, and the disk is not
 * measured.  runs: folders, NULL-terminated. */
int ts_calibrate_from (const char *out, const char *const *runs);

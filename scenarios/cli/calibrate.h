/* scenarios/cli/calibrate.h -- twinsite lab calibrate: a simulator profile of this lab. */
#pragma once
#include <glib.h>

/* Measures the disk below folder, plays an unplanned and a planned failover so many times, and
 * writes the profile to out.  Returns an exit code. */
int ts_calibrate (const char *out, guint rounds);

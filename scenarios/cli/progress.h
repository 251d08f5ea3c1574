/* scenarios/cli/progress.h -- how far a run is, for people: one live line on a terminal, a line per
 * phase elsewhere.  Written to stderr; the results go to stdout. */
#pragma once
#include "scenarios/engine/timeline.h"

/* virtual_time: the world's clock is not ours.  Free with ts_progress_free. */
TsProgress *ts_progress_new (gboolean virtual_time) G_GNUC_WARN_UNUSED_RESULT;
void ts_progress_free (TsProgress *progress); /* ends the live line; NULL is fine */

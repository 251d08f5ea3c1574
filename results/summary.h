/* results/summary.h -- the table at the end of a run: the simulator beside the lab, for people. */
#pragma once
#include "results/judge.h"

/* One column per verdict (1 to 3), at most 100 characters wide, lines end with '\n'.  Below the
 * table the headline of each verdict that is not "passed", one line however long.  Caller frees. */
char *ts_summary_format (const TsVerdict *const *verdicts, guint count) G_GNUC_WARN_UNUSED_RESULT;

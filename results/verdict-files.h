/* results/verdict-files.h -- a verdict as files: verdict.json, metrics.json, junit.xml.
 *
 * Formats: results/README.md.  Each file appears whole or not at all (written beside, then
 * renamed); nothing in them depends on when or where they were written. */
#pragma once
#include "results/judge.h"

/* The texts; caller frees. */
char *ts_verdict_to_json (const TsVerdict *verdict) G_GNUC_WARN_UNUSED_RESULT;
char *ts_verdict_metrics_to_json (const TsVerdict *verdict) G_GNUC_WARN_UNUSED_RESULT;
/* One testsuite per verdict, so that several runs can share a file. */
char *ts_verdicts_to_junit (const TsVerdict *const *verdicts,
                            guint count) G_GNUC_WARN_UNUSED_RESULT;

/* All three into folder, which exists.  TS_ERROR_IO, TS_ERROR_FULL. */
gboolean ts_verdict_write (const TsVerdict *verdict, const char *folder, GError **error);

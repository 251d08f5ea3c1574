/* results/verdict-files.h -- a verdict as files: verdict.json, metrics.json, metrics.csv,
 * junit.xml, tap.txt.
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

/* metrics.csv (RFC 4180): a row per VM and metric: vm,metric,unit,value,t_us,told,reason; value is
 * empty unless told is "value". */
char *ts_verdict_to_csv (const TsVerdict *verdict) G_GNUC_WARN_UNUSED_RESULT;
/* tap.txt (TAP version 13): the cases of junit.xml; what is inconclusive is "not ok", and says so.
 */
char *ts_verdict_to_tap (const TsVerdict *verdict) G_GNUC_WARN_UNUSED_RESULT;

/* All five into folder, which exists.  TS_ERROR_IO, TS_ERROR_FULL. */
gboolean ts_verdict_write (const TsVerdict *verdict, const char *folder, GError **error);

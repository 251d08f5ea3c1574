/* results/verdict.h -- how a TsVerdict comes about.  Private to results/; the type is in judge.h.
 */
#pragma once
#include "results/judge.h"

TsVerdict *ts_verdict_new (const TsJudgeContext *context, gint64 end_us) G_GNUC_WARN_UNUSED_RESULT;
/* Copies every metric of every VM into figures. */
void ts_verdict_gather (TsVerdict *verdict, const TsMetrics *metrics);
/* Sets kind, exit code and headline; findings, invariants and reasons are complete, the reason that
 * matters most in front. */
void ts_verdict_close (TsVerdict *verdict, TsVerdictKind kind);

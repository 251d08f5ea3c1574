/* results/finding.h -- one expectation judged: window, measure, limits.
 *
 * Private to results/; TsFinding is in judge.h. */
#pragma once
#include "results/judge.h"

/* What is judged. */
typedef struct {
  const TsJournal *journal;
  const TsMetrics *metrics;
  const GPtrArray *must_fail; /* char *: ids */
  gboolean completed;         /* the run went all the way: what did not happen, never will */
} TsCase;

/* Without a VM of its own an expectation is judged for each, and the worst one decides. */
TsFinding *ts_finding_new (const TsCase *the,
                           const TsExpectation *expectation) G_GNUC_WARN_UNUSED_RESULT;
void ts_finding_free (TsFinding *finding); /* NULL is fine */
/* "rpo: rpo.achieved of app is 12.5 s, limit max 5 s, at 61.2 s".  Caller frees. */
char *ts_finding_text (const TsFinding *finding);

gboolean ts_names_have (const GPtrArray *names /* char * */, const char *name);
/* A record of kind `step` that tells the step's end. */
gboolean ts_step_is_over (const TsRecord *record);

/* results/judge.h -- expectations against metrics: the verdict.
 *
 * Judged from journal and ledger alone, so that it can be done again from a stored folder.
 *
 * What decides, strongest first:
 *   skipped       context->skipped, or the `end` record's reason begins with "skipped: "
 *   failed        an expectation does not hold (or one of must_fail does), an invariant broke that
 * is not allowed, a step ended `failed`, `timeout` or (unless allowed) `refused` inconclusive  no
 * `end` record, or with a reason other than TS_END_COMPLETED; a damaged last line; an expectation
 * whose metric the run does not tell; a `fault` (mode other than "up") without an `evidence` of the
 * same id with count > 0 -- then also a must_fail expectation that holds proves nothing and counts
 * here passed        all else */
#pragma once
#include "results/metrics.h"
#include "results/published.h"

#define TS_END_COMPLETED                                                                           \
  "completed" /* reason of the `end` record of a run that went all the way                         \
               */

typedef enum {
  TS_WINDOW_ALWAYS, /* the whole run */
  TS_WINDOW_AT,     /* the instant `from` */
  TS_WINDOW_DURING, /* from `from` to `to` */
  TS_WINDOW_END,    /* the run's last instant */
} TsWindowKind;

/* from and to: "STEP", "STEP.begun", "STEP.done", or a time since the start ("90s").  A plain STEP
 * is its begin in `from` of DURING, else its end (done, failed, refused or timeout). */
typedef struct {
  TsWindowKind kind;
  char *from, *to; /* NULL where the kind needs none */
} TsWindow;

/* A limit is a sum: TERM { (+|-) TERM }, TERM = [N *] (quantity | metric).  Quantities are in the
 * metric's unit ("500ms", "64KiB", "3"), metrics of the same VM and unit over the whole run.
 * "interval + transfer.max + 500ms", "2 * interval", "exposure.at_disaster", "0". */
typedef struct {
  char *id;     /* unique */
  char *metric; /* a name of ts_metric_find () */
  char *vm;     /* NULL: must hold for each VM of the run */
  TsWindow window;
  char *min, *max,
      *equals;  /* limits; NULL: none.  A text metric has `equals` only: the text itself */
  char *within; /* with equals of a number: how far off; NULL: 0 */
} TsExpectation;

TsExpectation *ts_expectation_new (const char *id, const char *metric) G_GNUC_WARN_UNUSED_RESULT;
void ts_expectation_free (TsExpectation *expectation); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsExpectation, ts_expectation_free)
/* Can it be judged at all: the metric exists, a limit is given and parses, the window suits the
 * metric's scope.  Step ids are the caller's to check.  TS_ERROR_ARGUMENT says what is wrong and,
 * for a metric, what might have been meant. */
gboolean ts_expectation_check (const TsExpectation *expectation, GError **error);

typedef struct {
  GPtrArray *expectations;  /* TsExpectation *, in the file's order; owned */
  GPtrArray *must_fail;     /* char *: ids of expectations that must not hold; owned */
  GPtrArray *allow;         /* char *: names of invariants that may break; owned */
  GPtrArray *allow_refused; /* char *: ids of steps that may be refused; owned */
  GPtrArray *allow_failed;  /* char *: ids of steps that may fail; owned */
  GPtrArray *also;          /* const TsMetric *: of families, that the verdict shall keep too */
  GPtrArray *published;     /* TsPublished *: shown beside ours, not judged; owned */
} TsExpectations;

TsExpectations *ts_expectations_new (void) G_GNUC_WARN_UNUSED_RESULT; /* all empty */
void ts_expectations_free (TsExpectations *expectations);             /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsExpectations, ts_expectations_free)

typedef struct {
  const char *scenario, *engine;
  guint64 seed;
  guint32 time_scale;
  const char *commit;  /* NULL: the one this program was built from */
  const char *replay;  /* one command that does this run again */
  const char *skipped; /* NULL, or why the engine cannot run it */
} TsJudgeContext;

typedef enum {
  TS_VERDICT_PASSED,
  TS_VERDICT_FAILED,
  TS_VERDICT_INCONCLUSIVE,
  TS_VERDICT_SKIPPED,
} TsVerdictKind;

/* One expectation judged. */
typedef struct {
  char *id, *vm; /* vm: the one that decided (the first that fails, else the first) */
  const TsMetric *metric;
  TsMeasure measured;
  const char *bound;    /* "max", "min", "equals": the limit that decided */
  char *formula;        /* as written */
  gint64 limit, within; /* the formula's value, in the metric's unit; within with "equals" */
  gboolean limit_known; /* FALSE: text metric, or a metric in the formula is unknown */
  gboolean passed;      /* the limit holds (for must_fail too: there it should be FALSE) */
  gboolean conclusive;  /* FALSE: could not be told, passed is FALSE */
  gboolean must_fail;
} TsFinding;

typedef struct {
  char *name, *detail;
  gboolean holds, allowed;
  gint64 t_us; /* of the breach, else of the end */
} TsInvariantFinding;

/* A TsLoss that owns its disk's name. */
typedef struct {
  TsLoss loss;
  char *disk;
} TsFigureLoss;

/* One of a VM's failovers: its story, and what is measured of each. */
enum {
  TS_FAILOVER_RPO,
  TS_FAILOVER_RTO,
  TS_FAILOVER_LOST,
  TS_FAILOVER_LOST_BYTES,
  TS_FAILOVER_UNFLUSHED,
  TS_FAILOVER_MEASURES
};
typedef struct {
  TsFailoverStory story;
  char *copy; /* story's */
  TsMeasure measures[TS_FAILOVER_MEASURES];
} TsFailoverFigures;
/* Of one of those measures: the metric, of the first failover. */
const TsMetric *ts_failover_metric (guint measure);

/* All metrics of one VM over the whole run, index as ts_metric_get (); behind them those of `also`. */
typedef struct {
  char *vm;
  guint count;
  TsMeasure *measures; /* [count] */
  GArray *losses; /* TsFigureLoss */
  GPtrArray *failovers; /* TsFailoverFigures *, all of them */
} TsVmFigures;

typedef struct {
  char *scenario, *engine, *commit, *replay;
  guint64 seed;
  guint32 time_scale;
  TsVerdictKind kind;
  int exit_code;       /* 0 passed and skipped, 1 failed, 2 inconclusive */
  char *headline;      /* first line for people; of a failure: expectation, measured, limit, virtual
                          time, seed, replay */
  GPtrArray *findings; /* TsFinding * */
  GPtrArray *invariants; /* TsInvariantFinding *, by name */
  GPtrArray *reasons;    /* char *: everything that speaks against "passed", a sentence each */
  GPtrArray *figures;    /* TsVmFigures *, by VM name */
  GPtrArray *also;       /* const TsMetric *: of families, kept because somebody asked for them */
  GPtrArray *published;  /* TsPublishedFinding *, in the scenario's order */
  gint64 end_us;
} TsVerdict;

void ts_verdict_free (TsVerdict *verdict); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsVerdict, ts_verdict_free)
const char *ts_verdict_name (TsVerdictKind kind); /* "passed" ... */

/* Expectations that ts_expectation_check () refuses are the caller's bug (asserted). */
TsVerdict *ts_judge (const TsJournal *journal, const TsLedger *ledger,
                     const TsExpectations *expectations,
                     const TsJudgeContext *context) G_GNUC_WARN_UNUSED_RESULT;

/* Same from a stored run's journal.jsonl and ledger.tsv. */
TsVerdict *ts_judge_folder (const char *folder, const TsExpectations *expectations,
                            const TsJudgeContext *context,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The metric over all VMs as verdict.json shows it: times and texts are the worst VM's (first for
 * texts), counts and bytes the sum.  UNKNOWN only when no VM tells it.  metric: of the table, or one
 * that the verdict also keeps (asserted).  Clear measure. */
void ts_verdict_figure (const TsVerdict *verdict, const TsMetric *metric, TsMeasure *measure);

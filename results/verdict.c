/* results/verdict.c -- what a judged run says about itself. */
#include "core/base/units.h"
#include "results/commit.h"
#include "results/finding.h"
#include "results/verdict.h"
#include <string.h>

static void
invariant_free (gpointer data)
{
  TsInvariantFinding *finding = data;
  g_free (finding->name);
  g_free (finding->detail);
  g_free (finding);
}

static void
failover_figures_free (gpointer data)
{
  TsFailoverFigures *figures = data;
  for (guint m = 0; m < TS_FAILOVER_MEASURES; m++)
    ts_measure_clear (&figures->measures[m]);
  g_free (figures->copy);
  g_free (figures);
}

static const char *const failover_metrics[TS_FAILOVER_MEASURES] = {
    [TS_FAILOVER_RPO] = "rpo.achieved",
    [TS_FAILOVER_RTO] = "rto",
    [TS_FAILOVER_LOST] = "loss.lost",
    [TS_FAILOVER_LOST_BYTES] = "loss.bytes",
    [TS_FAILOVER_UNFLUSHED] = "loss.unflushed",
};

const TsMetric *
ts_failover_metric (guint measure)
{
  return ts_metric_find (failover_metrics[measure]);
}

static GPtrArray *
gather_failovers (const TsMetrics *metrics, const char *vm)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (failover_figures_free);
  for (guint n = 1; n <= ts_metrics_failovers (metrics, vm); n++) {
    TsFailoverFigures *figures = g_new0 (TsFailoverFigures, 1);
    ts_metrics_failover (metrics, vm, n, &figures->story);
    figures->copy = g_strdup (figures->story.copy);
    figures->story.copy = figures->copy;
    for (guint m = 0; m < TS_FAILOVER_MEASURES; m++) {
      g_autofree char *name = g_strdup_printf ("%s@%u", failover_metrics[m], n);
      const TsMetric *metric = ts_metric_find (name);
      if (metric) /* more than 99 of them cannot be named */
        ts_metrics_measure (metrics, metric, vm, 0, TS_NEVER, &figures->measures[m]);
    }
    g_ptr_array_add (all, figures);
  }
  return all;
}

static void
figures_free (gpointer data)
{
  TsVmFigures *figures = data;
  g_clear_pointer (&figures->failovers, g_ptr_array_unref);
  for (guint i = 0; i < figures->count; i++)
    ts_measure_clear (&figures->measures[i]);
  for (guint i = 0; i < figures->losses->len; i++)
    g_free (g_array_index (figures->losses, TsFigureLoss, i).disk);
  g_array_unref (figures->losses);
  g_free (figures->measures);
  g_free (figures->vm);
  g_free (figures);
}

/* Of the table, then those that are kept too. */
static const TsMetric *
metric_at (const TsVerdict *verdict, guint index)
{
  guint count = ts_metric_count ();
  return index < count ? ts_metric_get (index) : verdict->also->pdata[index - count];
}

void
ts_verdict_gather (TsVerdict *verdict, const TsMetrics *metrics)
{
  for (guint i = 0; i < ts_metrics_vm_count (metrics); i++) {
    TsVmFigures *figures = g_new0 (TsVmFigures, 1);
    figures->vm = g_strdup (ts_metrics_vm (metrics, i));
    figures->count = ts_metric_count () + verdict->also->len;
    figures->measures = g_new0 (TsMeasure, figures->count);
    for (guint m = 0; m < figures->count; m++)
      ts_metrics_measure (metrics, metric_at (verdict, m), figures->vm, 0, TS_NEVER,
                          &figures->measures[m]);
    figures->failovers = gather_failovers (metrics, figures->vm);
    figures->losses = g_array_new (FALSE, FALSE, sizeof (TsFigureLoss));
    const GArray *losses = ts_metrics_losses (metrics, figures->vm);
    for (guint l = 0; l < losses->len; l++) {
      TsFigureLoss one = {.loss = g_array_index (losses, TsLoss, l)};
      one.disk = g_strdup (one.loss.disk);
      one.loss.disk = one.disk;
      g_array_append_val (figures->losses, one);
    }
    g_ptr_array_add (verdict->figures, figures);
  }
}

static char *
headline (const TsVerdict *verdict)
{
  const char *first = verdict->reasons->len > 0 ? verdict->reasons->pdata[0] : "";
  g_autofree char *run = g_strdup_printf ("%s on %s (seed %" G_GUINT64_FORMAT ")",
                                          verdict->scenario, verdict->engine, verdict->seed);
  guint expected = 0;
  switch (verdict->kind) {
  case TS_VERDICT_SKIPPED:
    return g_strdup_printf ("skipped: %s: %s", run, first);
  case TS_VERDICT_FAILED:
  case TS_VERDICT_INCONCLUSIVE:
    return g_strdup_printf ("%s: %s: %s; replay: %s", ts_verdict_name (verdict->kind), run, first,
                            verdict->replay);
  case TS_VERDICT_PASSED:
    break;
  }
  for (guint i = 0; i < verdict->findings->len; i++)
    expected += ((const TsFinding *)verdict->findings->pdata[i])->must_fail;
  return g_strdup_printf ("passed: %s: %u expectation%s%s, %u invariant%s", run,
                          verdict->findings->len, verdict->findings->len == 1 ? "" : "s",
                          expected > 0 ? " (some failed, as they must)" : "",
                          verdict->invariants->len, verdict->invariants->len == 1 ? "" : "s");
}

TsVerdict *
ts_verdict_new (const TsJudgeContext *context, gint64 end_us)
{
  TsVerdict *verdict = g_new0 (TsVerdict, 1);
  verdict->scenario = g_strdup (context->scenario);
  verdict->engine = g_strdup (context->engine);
  verdict->commit = g_strdup (context->commit ? context->commit : TS_COMMIT);
  verdict->replay = g_strdup (context->replay);
  verdict->seed = context->seed;
  verdict->time_scale = context->time_scale;
  verdict->findings = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_finding_free);
  verdict->invariants = g_ptr_array_new_with_free_func (invariant_free);
  verdict->reasons = g_ptr_array_new_with_free_func (g_free);
  verdict->figures = g_ptr_array_new_with_free_func (figures_free);
  verdict->also = g_ptr_array_new ();
  verdict->published =
      g_ptr_array_new_with_free_func ((GDestroyNotify)ts_published_finding_free);
  verdict->end_us = end_us;
  return verdict;
}

void
ts_verdict_free (TsVerdict *verdict)
{
  if (!verdict)
    return;
  char *texts[] = {verdict->scenario, verdict->engine, verdict->commit, verdict->replay,
                   verdict->headline};
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_ptr_array_unref (verdict->findings);
  g_ptr_array_unref (verdict->invariants);
  g_ptr_array_unref (verdict->reasons);
  g_ptr_array_unref (verdict->figures);
  g_ptr_array_unref (verdict->also);
  g_ptr_array_unref (verdict->published);
  g_free (verdict);
}

void
ts_verdict_close (TsVerdict *verdict, TsVerdictKind kind)
{
  static const int exit_codes[] = {0, 1, 2, 0};
  verdict->kind = kind;
  verdict->exit_code = exit_codes[kind];
  verdict->headline = headline (verdict);
}

const char *
ts_verdict_name (TsVerdictKind kind)
{
  static const char *const names[] = {"passed", "failed", "inconclusive", "skipped"};
  g_assert ((guint)kind < G_N_ELEMENTS (names));
  return names[kind];
}

void
ts_verdict_figure (const TsVerdict *verdict, const TsMetric *metric, TsMeasure *measure)
{
  const TsMeasure *worst = NULL;
  gint64 sum = 0;
  guint index = 0;
  while (metric_at (verdict, index) != metric) {
    index++;
    g_assert (index < ts_metric_count () + verdict->also->len);
  }
  for (guint i = 0; i < verdict->figures->len; i++) {
    const TsMeasure *one = &((const TsVmFigures *)verdict->figures->pdata[i])->measures[index];
    if (one->kind == TS_MEASURE_VALUE)
      sum += one->number;
    gboolean worse = !worst ||
                     (worst->kind == TS_MEASURE_UNKNOWN && one->kind != TS_MEASURE_UNKNOWN) ||
                     (worst->kind == TS_MEASURE_VALUE && one->kind == TS_MEASURE_NEVER) ||
                     (worst->kind == TS_MEASURE_VALUE && one->kind == TS_MEASURE_VALUE &&
                      one->number > worst->number);
    if (worse)
      worst = one;
  }
  *measure = worst ? *worst : (TsMeasure){.kind = TS_MEASURE_UNKNOWN};
  measure->text = worst ? g_strdup (worst->text) : NULL;
  measure->why = g_strdup (worst ? worst->why : "the journal names no VM");
  if (measure->kind == TS_MEASURE_VALUE &&
      (metric->unit == TS_UNIT_COUNT || metric->unit == TS_UNIT_BYTES))
    measure->number = sum;
}

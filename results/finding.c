#include "results/finding.h"
#include "core/base/units.h"
#include "results/facts.h"
#include "results/formula.h"
#include <string.h>

gboolean
ts_names_have (const GPtrArray *names, const char *name)
{
  for (guint i = 0; i < names->len; i++)
    if (g_strcmp0 (names->pdata[i], name) == 0)
      return TRUE;
  return FALSE;
}

gboolean
ts_step_is_over (const TsRecord *record)
{
  return ts_record_says (record, "phase", "done") || ts_record_says (record, "phase", "failed") ||
         ts_record_says (record, "phase", "refused") || ts_record_says (record, "phase", "timeout");
}

/* --- the window ------------------------------------------------------------------------------- */

/* When the step began or ended; -1: it did not. */
static gint64
step_time (const TsJournal *journal, const char *id, gboolean end)
{
  for (guint i = 0; i < journal->records->len; i++) {
    const TsRecord *record = journal->records->pdata[i];
    if (ts_record_is (record, "step") && ts_record_says (record, "id", id) &&
        (end ? ts_step_is_over (record) : ts_record_says (record, "phase", "begun")))
      return record->t_us;
  }
  return -1;
}

/* "90s", "STEP", "STEP.begun", "STEP.done" */
static gboolean
mark_time (const TsCase *the, const char *mark, gboolean end, gint64 *t_us, char **why)
{
  if (g_ascii_isdigit (*mark)) {
    gboolean fine = ts_parse_duration (mark, t_us, NULL);
    g_assert (fine); /* ts_expectation_check () */
    return TRUE;
  }
  g_autofree char *id = g_strdup (mark);
  if (g_str_has_suffix (id, ".begun")) {
    end = FALSE;
    id[strlen (id) - strlen (".begun")] = '\0';
  } else if (g_str_has_suffix (id, ".done")) {
    end = TRUE;
    id[strlen (id) - strlen (".done")] = '\0';
  }
  *t_us = step_time (the->journal, id, end);
  if (*t_us < 0 && !end)
    *t_us = step_time (the->journal, id, TRUE); /* told only when it was over */
  if (*t_us < 0)
    *why = g_strdup_printf ("step %s did not %s", id, end ? "end" : "begin");
  return *t_us >= 0;
}

static gboolean
window_times (const TsCase *the, const TsWindow *window, const TsMetric *metric, gint64 *from_us,
              gint64 *to_us, char **why)
{
  *from_us = 0;
  *to_us = TS_NEVER;
  switch (window->kind) {
  case TS_WINDOW_ALWAYS:
    return TRUE;
  case TS_WINDOW_END:
    if (metric->scope == TS_SCOPE_CURVE)
      *from_us = *to_us = ts_metrics_end_us (the->metrics);
    return TRUE;
  case TS_WINDOW_AT:
    if (!mark_time (the, window->from, TRUE, to_us, why))
      return FALSE;
    if (metric->scope == TS_SCOPE_CURVE)
      *from_us = *to_us;
    return TRUE;
  case TS_WINDOW_DURING:
    if (!mark_time (the, window->from, FALSE, from_us, why) ||
        !mark_time (the, window->to, TRUE, to_us, why))
      return FALSE;
    if (*from_us <= *to_us)
      return TRUE;
    *why = g_strdup_printf ("the window ends (%s) before it begins (%s)", window->to, window->from);
    return FALSE;
  }
  g_assert_not_reached ();
}

/* --- one expectation -------------------------------------------------------------------------- */

void
ts_finding_free (TsFinding *finding)
{
  if (!finding)
    return;
  g_free (finding->id);
  g_free (finding->vm);
  g_free (finding->formula);
  ts_measure_clear (&finding->measured);
  g_free (finding);
}

static gboolean
within_reach (gint64 a, gint64 b, gint64 within)
{
  gint64 off;
  if (__builtin_sub_overflow (a, b, &off))
    return FALSE;
  return off <= within && off >= -within;
}

/* One limit of the expectation; the finding keeps the first that does not hold, else the last. */
static void
judge_limit (const TsCase *the, const TsExpectation *e, const char *bound, const char *text,
             TsFinding *finding)
{
  if (!text || !finding->passed)
    return;
  const TsMeasure *measured = &finding->measured;
  g_free (finding->formula);
  finding->formula = g_strdup (text);
  finding->bound = bound;
  if (finding->metric->unit == TS_UNIT_TEXT) {
    finding->passed = measured->kind == TS_MEASURE_VALUE && strcmp (measured->text, text) == 0;
    return;
  }
  g_autofree char *why = NULL;
  g_autoptr (TsFormula) formula = ts_formula_parse (text, finding->metric->unit, NULL);
  g_autoptr (TsFormula) within =
      e->within ? ts_formula_parse (e->within, finding->metric->unit, NULL) : NULL;
  g_assert (formula && (within || !e->within)); /* ts_expectation_check () */
  finding->limit_known =
      ts_formula_value (formula, the->metrics, finding->vm, &finding->limit, &why) &&
      (!within || ts_formula_value (within, the->metrics, finding->vm, &finding->within, &why));
  if (!finding->limit_known) {
    finding->passed = finding->conclusive = FALSE;
    if (!finding->measured.why)
      finding->measured.why = g_steal_pointer (&why);
  } else if (measured->kind == TS_MEASURE_NEVER) {
    finding->passed = strcmp (bound, "min") == 0; /* never is later than anything */
  } else if (strcmp (bound, "max") == 0) {
    finding->passed = measured->number <= finding->limit;
  } else if (strcmp (bound, "min") == 0) {
    finding->passed = measured->number >= finding->limit;
  } else {
    finding->passed = within_reach (measured->number, finding->limit, finding->within);
  }
}

static TsFinding *
judge_vm (const TsCase *the, const TsExpectation *e, const char *vm)
{
  TsFinding *finding = g_new0 (TsFinding, 1);
  gint64 from_us, to_us;
  finding->id = g_strdup (e->id);
  finding->vm = g_strdup (vm);
  finding->metric = ts_metric_find (e->metric);
  finding->must_fail = ts_names_have (the->must_fail, e->id);
  finding->bound = e->max ? "max" : e->min ? "min" : "equals";
  finding->formula = g_strdup (e->max ? e->max : e->min ? e->min : e->equals);
  g_assert (finding->metric); /* ts_expectation_check () */
  if (!window_times (the, &e->window, finding->metric, &from_us, &to_us, &finding->measured.why)) {
    finding->measured.kind = TS_MEASURE_UNKNOWN;
    finding->measured.t_us = ts_metrics_end_us (the->metrics);
    return finding;
  }
  ts_metrics_measure (the->metrics, finding->metric, vm, from_us, to_us, &finding->measured);
  finding->passed = finding->conclusive = TRUE;
  judge_limit (the, e, "min", e->min, finding);
  judge_limit (the, e, "max", e->max, finding);
  judge_limit (the, e, "equals", e->equals, finding);
  if (finding->measured.kind == TS_MEASURE_UNKNOWN)
    finding->passed = finding->conclusive = FALSE; /* the limit is there for people */
  /* of a run cut short: what is past a maximum stays so; all else might still have come right */
  gboolean final =
      finding->measured.kind == TS_MEASURE_VALUE && strcmp (finding->bound, "max") == 0;
  if (!the->completed && !finding->passed && !final)
    finding->conclusive = FALSE;
  return finding;
}

/* 0: as it should be; 1: could not be told; 2: fails. */
static int
weight (const TsFinding *finding)
{
  if (!finding->conclusive)
    return 1;
  return finding->passed == finding->must_fail ? 2 : 0;
}

/* The VM that decides: the first of the worst.  A must_fail expectation fails with one VM. */
TsFinding *
ts_finding_new (const TsCase *the, const TsExpectation *e)
{
  TsFinding *decisive = NULL;
  if (e->vm || ts_metrics_vm_count (the->metrics) == 0)
    return judge_vm (the, e, e->vm ? e->vm : "-");
  for (guint i = 0; i < ts_metrics_vm_count (the->metrics); i++) {
    TsFinding *finding = judge_vm (the, e, ts_metrics_vm (the->metrics, i));
    gboolean decides = !decisive || (finding->must_fail ? weight (finding) < weight (decisive)
                                                        : weight (finding) > weight (decisive));
    if (decides) {
      if (decisive)
        ts_finding_free (decisive);
      decisive = finding;
    } else {
      ts_finding_free (finding);
    }
  }
  return decisive;
}

/* A time to the microsecond: "31.999999 s", "32 s".  Rounded as for a table, a value and the limit
 * that it breaks can look the same. */
static char *
exact_time (gint64 us)
{
  guint64 magnitude = us < 0 ? 0 - (guint64)us : (guint64)us;
  g_autoptr (GString) text = g_string_new (NULL);
  g_string_printf (text, "%s%" G_GUINT64_FORMAT ".%06u", us < 0 ? "-" : "",
                   magnitude / (guint64)TS_S, (guint)(magnitude % (guint64)TS_S));
  while (text->str[text->len - 1] == '0')
    g_string_truncate (text, text->len - 1);
  if (text->str[text->len - 1] == '.')
    g_string_truncate (text, text->len - 1);
  g_string_append (text, " s");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Bytes and counts as they are. */
static char *
exact (gint64 number, TsUnit unit)
{
  if (unit == TS_UNIT_US)
    return exact_time (number);
  return g_strdup_printf ("%" G_GINT64_FORMAT "%s", number,
                          unit == TS_UNIT_BYTES  ? " B"
                          : unit == TS_UNIT_RATE ? " B/s"
                                                 : "");
}

/* "max 5 s (interval + transfer.max)" */
static char *
limit_text (const TsFinding *finding)
{
  if (!finding->limit_known)
    return g_strdup_printf ("%s %s", finding->bound, finding->formula);
  g_autofree char *shown = exact (finding->limit, finding->metric->unit);
  g_autofree char *off = exact (finding->within, finding->metric->unit);
  g_autoptr (GString) text = g_string_new (finding->bound);
  g_string_append_printf (text, " %s", shown);
  if (finding->within)
    g_string_append_printf (text, " within %s", off);
  if (!g_ascii_isdigit (*finding->formula) || strpbrk (finding->formula, "+-*"))
    g_string_append_printf (text, " (%s)", finding->formula);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

char *
ts_finding_text (const TsFinding *finding)
{
  gboolean is_number =
      finding->measured.kind == TS_MEASURE_VALUE && finding->metric->unit != TS_UNIT_TEXT;
  g_autofree char *measured = is_number
                                  ? exact (finding->measured.number, finding->metric->unit)
                                  : ts_measure_format (&finding->measured, finding->metric->unit);
  g_autofree char *limit = limit_text (finding);
  g_autofree char *when = exact_time (finding->measured.t_us);
  g_autofree char *doubt = NULL;
  if (finding->measured.kind == TS_MEASURE_VALUE && finding->measured.why)
    doubt = g_strdup_printf (" [%s]", finding->measured.why);
  return g_strdup_printf ("%s: %s of %s is %s, limit %s, at %s%s", finding->id,
                          finding->metric->name, finding->vm, measured, limit, when,
                          doubt ? doubt : "");
}

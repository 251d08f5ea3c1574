/* results/tables.c -- a verdict as plain lines: metrics.csv and tap.txt (results/verdict-files.h).
 */
#include "results/finding.h"
#include "results/verdict-files.h"
#include <string.h>

/* --- CSV -------------------------------------------------------------------------------------- */

/* Quoted where RFC 4180 asks for it. */
static void
put_field (GString *csv, const char *text)
{
  if (!strpbrk (text, ",\"\r\n")) {
    g_string_append (csv, text);
    return;
  }
  g_string_append_c (csv, '"');
  for (const char *at = text; *at; at++) {
    if (*at == '"')
      g_string_append_c (csv, '"');
    g_string_append_c (csv, *at);
  }
  g_string_append_c (csv, '"');
}

static void
put_metric (GString *csv, const char *vm, const TsMetric *metric, const TsMeasure *measure)
{
  static const char *const told[] = {"value", "never", "unknown"};
  put_field (csv, vm);
  g_string_append_printf (csv, ",%s,%s,", metric->name, ts_unit_name (metric->unit));
  if (measure->kind == TS_MEASURE_VALUE && metric->unit == TS_UNIT_TEXT)
    put_field (csv, measure->text ? measure->text : "");
  else if (measure->kind == TS_MEASURE_VALUE)
    g_string_append_printf (csv, "%" G_GINT64_FORMAT, measure->number);
  g_string_append_printf (csv, ",%" G_GINT64_FORMAT ",%s,", measure->t_us, told[measure->kind]);
  put_field (csv, measure->why ? measure->why : "");
  g_string_append (csv, "\r\n");
}

char *
ts_verdict_to_csv (const TsVerdict *verdict)
{
  g_autoptr (GString) csv = g_string_new ("vm,metric,unit,value,t_us,told,reason\r\n");
  for (guint i = 0; i < verdict->figures->len; i++) {
    const TsVmFigures *figures = verdict->figures->pdata[i];
    for (guint j = 0; j < ts_metric_count (); j++)
      put_metric (csv, figures->vm, ts_metric_get (j), &figures->measures[j]);
  }
  return g_string_free (g_steal_pointer (&csv), FALSE);
}

/* --- TAP -------------------------------------------------------------------------------------- */

/* One line: no line end, and no '#', which would begin a directive. */
static void
put_line (GString *tap, const char *text)
{
  for (const char *at = text ? text : ""; *at; at++)
    g_string_append_c (tap, strchr ("\r\n", *at) ? ' ' : *at == '#' ? '+' : *at);
}

static void
put_test (GString *tap, guint *count, gboolean good, const char *name, const char *directive,
          const char *diagnosis)
{
  g_string_append_printf (tap, "%s %u - ", good ? "ok" : "not ok", ++*count);
  put_line (tap, name);
  if (directive) {
    g_string_append (tap, " # SKIP ");
    put_line (tap, directive);
  }
  g_string_append_c (tap, '\n');
  if (!good && diagnosis) {
    g_string_append (tap, "# ");
    put_line (tap, diagnosis);
    g_string_append_c (tap, '\n');
  }
}

char *
ts_verdict_to_tap (const TsVerdict *verdict)
{
  guint count = 0;
  g_autoptr (GString) tap = g_string_new ("TAP version 13\n");
  gboolean skipped = verdict->kind == TS_VERDICT_SKIPPED;
  g_string_append_printf (tap, "1..%u\n", 1 + verdict->findings->len + verdict->invariants->len);
  g_string_append_printf (tap, "# seed %" G_GUINT64_FORMAT ", commit ", verdict->seed);
  put_line (tap, verdict->commit);
  g_string_append (tap, ", replay: ");
  put_line (tap, verdict->replay);
  g_string_append_c (tap, '\n');
  g_autofree char *run = g_strdup_printf ("%s.%s run", verdict->scenario, verdict->engine);
  put_test (tap, &count, verdict->exit_code == 0, run, skipped ? verdict->headline : NULL,
            verdict->headline);
  for (guint i = 0; i < verdict->findings->len; i++) {
    const TsFinding *finding = verdict->findings->pdata[i];
    g_autofree char *name =
        g_strdup_printf ("expect %s%s", finding->id, finding->must_fail ? " (must fail)" : "");
    g_autofree char *text = ts_finding_text (finding);
    g_autofree char *said =
        finding->conclusive ? g_strdup (text) : g_strdup_printf ("inconclusive: %s", text);
    put_test (tap, &count, finding->conclusive && finding->passed != finding->must_fail, name, NULL,
              said);
  }
  for (guint i = 0; i < verdict->invariants->len; i++) {
    const TsInvariantFinding *invariant = verdict->invariants->pdata[i];
    g_autofree char *name = g_strdup_printf ("invariant %s", invariant->name);
    put_test (tap, &count, invariant->holds || invariant->allowed, name, NULL, invariant->detail);
  }
  return g_string_free (g_steal_pointer (&tap), FALSE);
}

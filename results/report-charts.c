#include "core/base/units.h"
#include "results/chart.h"
#include "results/markup.h"
#include "results/report-internal.h"
#include <string.h>

#define COLOURS 7u

static TsChart *
chart_new (const TsReport *report, const char *title)
{
  TsChart *chart = ts_chart_new (title, 0, ts_journal_end_us (report->journal));
  for (guint i = 0; i < report->periods->len; i++) {
    const TsPeriod *period = &g_array_index (report->periods, TsPeriod, i);
    g_autofree char *label =
        g_strdup_printf ("%s: %s %s", period->id, period->target, period->mode);
    ts_chart_shade (chart, period->from_us, period->to_us, label);
  }
  return chart;
}

static void
put_chart (TsReport *report, const TsChart *chart)
{
  g_autofree char *svg = ts_chart_to_svg (chart);
  g_string_append_printf (report->html, "<figure>%s</figure>\n", svg);
}

typedef GArray *(*Curve) (const TsFacts *facts);

/* A chart of that curve of every VM that has one. */
static void
put_curves (TsReport *report, const char *title, Curve make, TsUnit unit, gboolean steps,
            gboolean stems, const char *none)
{
  g_autoptr (TsChart) chart = chart_new (report, title);
  guint drawn = 0;
  for (guint i = 0; i < report->vms->len; i++) {
    const TsFacts *facts = report->vms->pdata[i];
    g_autoptr (GArray) curve = make (facts);
    if (curve->len == 0)
      continue;
    guint colour = drawn++ % COLOURS + 1;
    if (stems)
      ts_chart_stems (chart, curve, unit, colour, facts->vm);
    else
      ts_chart_curve (chart, curve, unit, steps, colour, facts->vm);
  }
  if (drawn > 0)
    put_chart (report, chart);
  else
    ts_report_note (report, none);
}

void
ts_report_exposure (TsReport *report)
{
  ts_report_begin (report, "exposure", "Exposure");
  ts_report_note (report, "What a disaster at that moment would have cost: the age of the newest "
                          "usable recovery point. Shaded: faults.");
  put_curves (report, "Exposure over time", ts_curve_exposure, TS_UNIT_US, FALSE, FALSE,
              "There was never a recovery point.");
  ts_report_end (report);
}

void
ts_report_pending (TsReport *report)
{
  ts_report_begin (report, "pending", "Pending bytes");
  ts_report_note (report, "Changed and tracked, not yet acknowledged by the replica; told at every "
                          "cut and acknowledgement.");
  put_curves (report, "Pending bytes over time", ts_curve_pending, TS_UNIT_BYTES, TRUE, FALSE,
              "The run tells of no pending bytes.");
  ts_report_end (report);
}

static GArray *
wire_bytes (const TsFacts *facts)
{
  g_autoptr (GArray) sets = ts_curve_sent (facts);
  GArray *curve = g_array_new (FALSE, FALSE, sizeof (TsVertex));
  for (guint i = 0; i < sets->len; i++) {
    const TsSent *sent = &g_array_index (sets, TsSent, i);
    TsVertex vertex = {sent->t_us, sent->wire_bytes};
    g_array_append_val (curve, vertex);
  }
  return curve;
}

void
ts_report_throughput (TsReport *report)
{
  ts_report_begin (report, "throughput", "Throughput");
  ts_report_note (report, "Bytes on the wire of each set of changes, when the replica acknowledged "
                          "it.");
  put_curves (report, "Bytes on the wire per set", wire_bytes, TS_UNIT_BYTES, FALSE, TRUE,
              "No set of changes was acknowledged.");
  ts_report_note (report, "Bytes a second: each set's spread over its transfer, an initial copy's "
                          "over the time between its reports.");
  put_curves (report, "Bytes a second on the wire", ts_curve_rate, TS_UNIT_RATE, TRUE, FALSE,
              "Nothing was sent.");
  ts_report_end (report);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static guint
colour_of (const char *value)
{
  static const struct {
    const char *value;
    guint colour;
  } colours[] = {
      {"normal", 3},    {"replicating", 3},     {"warning", 5},         {"initial", 5},
      {"suspended", 5}, {"resynchronizing", 5}, {"critical", 2},        {"error", 2},
      {"recovered", 1}, {"committed", 1},       {"resync-required", 2}, {"resync-suspended", 5},
      {"prepared", 6},  {"ready", 6},
  };
  for (guint i = 0; i < G_N_ELEMENTS (colours); i++)
    if (strcmp (colours[i].value, value) == 0)
      return colours[i].colour;
  return 7;
}

static void
put_lane (TsChart *chart, const TsFacts *facts, const char *kind, const char *role)
{
  g_autoptr (GArray) lane = ts_lane (facts, kind, role);
  if (lane->len == 0)
    return;
  g_autofree char *name = g_strdup_printf ("%s %s, %s", facts->vm, role, kind);
  ts_chart_lane (chart, name);
  for (guint i = 0; i < lane->len; i++) {
    const TsStretch *stretch = &g_array_index (lane, TsStretch, i);
    ts_chart_bar (chart, stretch->from_us, stretch->to_us, colour_of (stretch->value),
                  stretch->value);
  }
}

void
ts_report_lanes (TsReport *report)
{
  static const char *const kinds[] = {"state", "health"}, *const roles[] = {"primary", "replica"};
  g_autoptr (TsChart) chart = chart_new (report, "Replication state and health over time");
  ts_report_begin (report, "lanes", "States and health");
  ts_report_note (report, "What each side said of its replication. A side whose machine lost power "
                          "says nothing.");
  for (guint i = 0; i < report->vms->len; i++)
    for (guint r = 0; r < G_N_ELEMENTS (roles); r++)
      for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
        put_lane (chart, report->vms->pdata[i], kinds[k], roles[r]);
  put_chart (report, chart);
  ts_report_end (report);
}

/* --- recovery time ---------------------------------------------------------------------------- */

static const TsMeasure *
measure_of (const TsVmFigures *figures, const char *name)
{
  for (guint i = 0; i < ts_metric_count (); i++)
    if (strcmp (ts_metric_get (i)->name, name) == 0)
      return &figures->measures[i];
  return NULL;
}

/* Each stage begins where the last one ended. */
static void
put_waterfall (TsReport *report, const TsVmFigures *figures, const TsMeasure *rto)
{
  static const struct {
    const char *metric, *name, *meaning;
  } stages[] = {
      {"rto.detect", "detect", "disaster to the first bad probe"},
      {"rto.decide", "decide", "to the failover's command"},
      {"rto.promote", "promote", "to the copy being promoted"},
      {"rto.boot", "boot", "to the copy's guest being ready"},
      {"rto.probe", "answer", "to the first good probe"},
  };
  g_autofree char *title = g_strdup_printf ("Recovery time of %s in stages", figures->vm);
  g_autoptr (TsChart) chart = ts_chart_new (title, 0, rto->number);
  g_autoptr (GString) rows = g_string_new (NULL);
  gint64 at_us = 0;
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++) {
    const TsMeasure *stage = measure_of (figures, stages[i].metric);
    g_autofree char *length = ts_measure_format (stage, TS_UNIT_US);
    ts_markup_put (rows, "<tr><td>%s</td><td>%s</td><td class=\"n\">%s</td></tr>\n", stages[i].name,
                   stages[i].meaning, length);
    if (stage->kind != TS_MEASURE_VALUE)
      continue;
    ts_chart_lane (chart, stages[i].name);
    ts_chart_bar (chart, at_us, at_us + stage->number, i % COLOURS + 1, length);
    at_us += stage->number;
  }
  g_autofree char *total = ts_measure_format (rto, TS_UNIT_US);
  put_chart (report, chart);
  ts_markup_put (rows,
                 "<tr class=\"sum\"><td>RTO of %s</td><td>disaster to the first good probe"
                 "</td><td class=\"n\">%s</td></tr>\n",
                 figures->vm, total);
  g_string_append_printf (
      report->html,
      "<table><thead><tr><th scope=\"col\">Stage</th><th scope=\"col\">From the "
      "stage before</th><th scope=\"col\" class=\"n\">Took</th></tr></thead>"
      "<tbody>\n%s</tbody></table>\n",
      rows->str);
}

void
ts_report_rto (TsReport *report)
{
  gboolean told = FALSE;
  ts_report_begin (report, "rto", "Recovery time");
  for (guint i = 0; i < report->verdict->figures->len; i++) {
    const TsVmFigures *figures = report->verdict->figures->pdata[i];
    const TsMeasure *rto = measure_of (figures, "rto");
    if (rto->kind == TS_MEASURE_VALUE) {
      put_waterfall (report, figures, rto);
      told = TRUE;
    } else if (rto->kind == TS_MEASURE_NEVER) {
      g_autofree char *text = ts_measure_format (rto, TS_UNIT_US);
      ts_markup_put (report->html, "<p><strong>%s</strong> %s</p>\n", figures->vm, text);
      told = TRUE;
    }
  }
  if (!told)
    ts_report_note (report, "No failover in this run: there is no recovery time to tell.");
  ts_report_end (report);
}

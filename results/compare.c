#include "results/compare.h"
#include "core/base/units.h"
#include "results/chart.h"
#include <string.h>

#define PPM 1000000

/* --- metric by metric ------------------------------------------------------------------------- */

static const TsMeasure missing = {.kind = TS_MEASURE_UNKNOWN};

static const TsVmFigures *
figures_of (const TsVerdict *verdict, const char *vm)
{
  for (guint i = 0; i < verdict->figures->len; i++) {
    const TsVmFigures *figures = verdict->figures->pdata[i];
    if (strcmp (figures->vm, vm) == 0)
      return figures;
  }
  return NULL;
}

static const TsMeasure *
measure_of (const TsVmFigures *figures, guint metric)
{
  return figures ? &figures->measures[metric] : &missing;
}

/* Rounded to nearest, halves away from zero. */
static gint64
share_of (gint64 difference, gint64 whole)
{
  if (difference == 0)
    return 0;
  if (whole == 0)
    return difference > 0 ? G_MAXINT64 : G_MININT64;
  __int128 sum = (__int128)difference * PPM, size = whole < 0 ? -(__int128)whole : whole;
  __int128 share = (sum < 0 ? -sum : sum) * 2 / size;
  share = (share + 1) / 2;
  return (gint64)CLAMP (sum < 0 ? -share : share, -(__int128)G_MAXINT64, (__int128)G_MAXINT64 - 1);
}

static gboolean
differ (const TsMeasure *a, const TsMeasure *b, TsUnit unit)
{
  if (a->kind != b->kind)
    return TRUE;
  if (a->kind != TS_MEASURE_VALUE)
    return FALSE;
  return unit == TS_UNIT_TEXT ? g_strcmp0 (a->text, b->text) != 0 : a->number != b->number;
}

/* |difference| / |a| > threshold, in whole numbers. */
static gboolean
is_past (gint64 difference, gint64 whole, gint64 threshold_ppm)
{
  __int128 size = difference,
           limit = (__int128)threshold_ppm * (whole < 0 ? -(__int128)whole : whole);
  return (size < 0 ? -size : size) * PPM > limit;
}

static void
add_row (TsComparison *comparison, const char *vm, guint index)
{
  const TsMetric *metric = ts_metric_get (index);
  TsCompareRow row = {.vm = vm, .metric = metric};
  row.a = measure_of (figures_of (comparison->a.verdict, vm), index);
  row.b = measure_of (figures_of (comparison->b.verdict, vm), index);
  if (row.a->kind == TS_MEASURE_UNKNOWN && row.b->kind == TS_MEASURE_UNKNOWN)
    return;
  row.counts = metric->unit != TS_UNIT_TEXT && row.a->kind == TS_MEASURE_VALUE &&
               row.b->kind == TS_MEASURE_VALUE;
  if (row.counts) {
    row.difference = row.b->number - row.a->number;
    row.share_ppm = share_of (row.difference, row.a->number);
  }
  if (differ (row.a, row.b, metric->unit)) {
    row.past = TS_PAST_DIFFERS;
    if (comparison->threshold_ppm >= 0 &&
        (!row.counts || is_past (row.difference, row.a->number, comparison->threshold_ppm)))
      row.past = TS_PAST_LIMIT;
  }
  comparison->differing += row.past != TS_PAST_NOT;
  comparison->past += row.past == TS_PAST_LIMIT;
  g_array_append_val (comparison->rows, row);
}

/* --- agreement -------------------------------------------------------------------------------- */

static guint
index_of (const char *name)
{
  for (guint i = 0; i < ts_metric_count (); i++)
    if (strcmp (ts_metric_get (i)->name, name) == 0)
      return i;
  g_assert_not_reached ();
}

static void
add_agreement (TsComparison *comparison, const char *vm, const char *question, gboolean told,
               gboolean agrees, char *text)
{
  TsAgreement agreement = {vm, question, told, agrees, text};
  comparison->disagreeing += !agrees;
  g_array_append_val (comparison->agreements, agreement);
}

static char *
text_of (const TsComparison *comparison, const TsMeasure *a, const TsMeasure *b, TsUnit unit)
{
  g_autofree char *first = ts_measure_format (a, unit), *second = ts_measure_format (b, unit);
  return g_strdup_printf ("%s %s, %s %s", comparison->a.verdict->engine, first,
                          comparison->b.verdict->engine, second);
}

/* Times: within share_ppm of the lab's, or within slack_us. */
static void
ask_time (TsComparison *comparison, const char *vm, const char *question, const char *metric,
          gint64 share_ppm, gint64 slack_us)
{
  guint index = index_of (metric);
  const TsMeasure *a = measure_of (figures_of (comparison->a.verdict, vm), index);
  const TsMeasure *b = measure_of (figures_of (comparison->b.verdict, vm), index);
  gboolean told = a->kind != TS_MEASURE_UNKNOWN || b->kind != TS_MEASURE_UNKNOWN;
  gboolean agrees = a->kind == b->kind;
  if (agrees && a->kind == TS_MEASURE_VALUE) {
    gboolean a_is_lab = strcmp (comparison->a.verdict->engine, "lab") == 0;
    gint64 difference = b->number - a->number;
    agrees = ABS (difference) <= slack_us ||
             !is_past (difference, a_is_lab ? a->number : b->number, share_ppm);
  }
  add_agreement (comparison, vm, question, told, agrees, text_of (comparison, a, b, TS_UNIT_US));
}

static void
ask_states (TsComparison *comparison, const char *vm)
{
  guint index = index_of ("states");
  const TsMeasure *a = measure_of (figures_of (comparison->a.verdict, vm), index);
  const TsMeasure *b = measure_of (figures_of (comparison->b.verdict, vm), index);
  add_agreement (comparison, vm, "states",
                 a->kind != TS_MEASURE_UNKNOWN || b->kind != TS_MEASURE_UNKNOWN,
                 !differ (a, b, TS_UNIT_TEXT),
                 differ (a, b, TS_UNIT_TEXT) ? text_of (comparison, a, b, TS_UNIT_TEXT)
                                             : g_strdup (a->text ? a->text : ""));
}

/* "lost, unflushed"; told: does the run know of any class whether it occurs? */
static char *
loss_classes (const TsVmFigures *figures, gboolean *told)
{
  g_autoptr (GString) classes = g_string_new (NULL);
  for (guint i = 0; i < ts_metric_count (); i++) {
    const TsMetric *metric = ts_metric_get (i);
    const TsMeasure *measure = measure_of (figures, i);
    if (!g_str_has_prefix (metric->name, "loss.") || metric->unit != TS_UNIT_COUNT ||
        measure->kind != TS_MEASURE_VALUE)
      continue;
    *told = TRUE;
    /* no class of loss: nobody was promised it, and whether there is any hangs on where between two
     * flushes the power went */
    if (strcmp (metric->name, "loss.unflushed") == 0)
      continue;
    if (measure->number > 0)
      g_string_append_printf (classes, "%s%s", classes->len > 0 ? ", " : "",
                              metric->name + strlen ("loss."));
  }
  return g_string_free (g_steal_pointer (&classes), FALSE);
}

static void
ask_loss (TsComparison *comparison, const char *vm)
{
  gboolean a_told = FALSE, b_told = FALSE;
  g_autofree char *a = loss_classes (figures_of (comparison->a.verdict, vm), &a_told);
  g_autofree char *b = loss_classes (figures_of (comparison->b.verdict, vm), &b_told);
  char *text = g_strdup_printf ("%s %s, %s %s", comparison->a.verdict->engine,
                                !a_told ? "not told"
                                : *a    ? a
                                        : "none",
                                comparison->b.verdict->engine,
                                !b_told ? "not told"
                                : *b    ? b
                                        : "none");
  add_agreement (comparison, vm, "loss", a_told || b_told, a_told == b_told && strcmp (a, b) == 0,
                 text);
}

static void
clear_agreement (gpointer data)
{
  g_free (((TsAgreement *)data)->text);
}

static gboolean
is_pair (const TsVerdict *a, const TsVerdict *b)
{
  return strcmp (a->scenario, b->scenario) == 0 &&
         ((strcmp (a->engine, "sim") == 0 && strcmp (b->engine, "lab") == 0) ||
          (strcmp (a->engine, "lab") == 0 && strcmp (b->engine, "sim") == 0));
}

/* --- the comparison --------------------------------------------------------------------------- */

static void
compare_vm (TsComparison *comparison, const char *vm)
{
  for (guint i = 0; i < ts_metric_count (); i++)
    add_row (comparison, vm, i);
  if (!comparison->agreements)
    return;
  ask_states (comparison, vm);
  ask_loss (comparison, vm);
  ask_time (comparison, vm, "RPO", "rpo.achieved", 100000, TS_S);
  ask_time (comparison, vm, "RTO", "rto", 150000, 2 * TS_S);
}

TsComparison *
ts_compare (const TsCompareSide *a, const TsCompareSide *b, gint64 threshold_ppm)
{
  TsComparison *comparison = g_new0 (TsComparison, 1);
  comparison->a = *a;
  comparison->b = *b;
  comparison->threshold_ppm = threshold_ppm;
  comparison->rows = g_array_new (FALSE, FALSE, sizeof (TsCompareRow));
  if (is_pair (a->verdict, b->verdict)) {
    comparison->agreements = g_array_new (FALSE, FALSE, sizeof (TsAgreement));
    g_array_set_clear_func (comparison->agreements, clear_agreement);
  }
  for (guint i = 0; i < a->verdict->figures->len; i++)
    compare_vm (comparison, ((TsVmFigures *)a->verdict->figures->pdata[i])->vm);
  for (guint i = 0; i < b->verdict->figures->len; i++) {
    const char *vm = ((TsVmFigures *)b->verdict->figures->pdata[i])->vm;
    if (!figures_of (a->verdict, vm))
      compare_vm (comparison, vm);
  }
  return comparison;
}

void
ts_comparison_free (TsComparison *comparison)
{
  if (!comparison)
    return;
  g_array_unref (comparison->rows);
  if (comparison->agreements)
    g_array_unref (comparison->agreements);
  g_free (comparison);
}

/* --- for people ------------------------------------------------------------------------------- */

static char *
difference_text (const TsCompareRow *row)
{
  if (!row->counts)
    return g_strdup (row->past == TS_PAST_NOT ? "" : "differs");
  if (row->difference == 0)
    return g_strdup ("0");
  TsMeasure size = {.kind = TS_MEASURE_VALUE, .number = ABS (row->difference)};
  g_autofree char *text = ts_measure_format (&size, row->metric->unit);
  const char *sign = row->difference > 0 ? "+" : "-";
  if (row->share_ppm == G_MAXINT64 || row->share_ppm == G_MININT64)
    return g_strdup_printf ("%s%s (from 0)", sign, text);
  gint64 tenths = (ABS (row->share_ppm) + 500) / 1000;
  return g_strdup_printf ("%s%s (%s%" G_GINT64_FORMAT ".%d %%)", sign, text, sign, tenths / 10,
                          (int)(tenths % 10));
}

static void
put_row (GString *out, const TsCompareRow *row, const char *vm)
{
  g_autofree char *a = ts_measure_format (row->a, row->metric->unit);
  g_autofree char *b = ts_measure_format (row->b, row->metric->unit);
  g_autofree char *difference = difference_text (row);
  const char *mark = row->past == TS_PAST_LIMIT     ? "past "
                     : row->past == TS_PAST_DIFFERS ? "  ~  "
                                                    : "     ";
  if (row->metric->unit == TS_UNIT_TEXT || !row->counts)
    g_string_append_printf (out, "%s%-10s %-22s %s\n%-39s%s\n", mark, vm, row->metric->name, a, "",
                            b);
  else
    g_string_append_printf (out, "%s%-10s %-22s %16s %16s  %s\n", mark, vm, row->metric->name, a, b,
                            difference);
}

static void
put_agreements (GString *out, const TsComparison *comparison)
{
  if (!comparison->agreements)
    return;
  g_string_append (out, "\nDo simulator and lab agree?\n");
  if (comparison->a.verdict->time_scale != comparison->b.verdict->time_scale)
    g_string_append_printf (out, "  (time scales differ, %u and %u: times cannot agree)\n",
                            comparison->a.verdict->time_scale, comparison->b.verdict->time_scale);
  for (guint i = 0; i < comparison->agreements->len; i++) {
    const TsAgreement *one = &g_array_index (comparison->agreements, TsAgreement, i);
    g_string_append_printf (out, "  %-8s %-10s %-7s %s\n",
                            !one->told    ? "-"
                            : one->agrees ? "yes"
                                          : "NO",
                            one->vm, one->question, one->told ? one->text : "neither run tells");
  }
  if (comparison->disagreeing > 0)
    g_string_append_printf (out, "They do not agree: %u of %u\n", comparison->disagreeing,
                            comparison->agreements->len);
  else
    g_string_append (out, "They agree.\n");
}

char *
ts_comparison_format (const TsComparison *comparison, gboolean all)
{
  const TsVerdict *a = comparison->a.verdict, *b = comparison->b.verdict;
  g_autoptr (GString) out = g_string_new (NULL);
  const TsCompareSide *sides[] = {&comparison->a, &comparison->b};
  for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
    g_string_append_printf (out, "%c  %s: %s on %s, seed %" G_GUINT64_FORMAT "\n", "AB"[i],
                            sides[i] -> name, sides[i] -> verdict -> scenario,
                            sides[i] -> verdict -> engine, sides[i] -> verdict -> seed);
  if (strcmp (a->scenario, b->scenario) != 0)
    g_string_append (out, "These are runs of different scenarios.\n");
  g_string_append_printf (out, "\n     %-10s %-22s %16s %16s  %s\n", "vm", "metric", "A", "B",
                          "B - A");
  for (guint i = 0; i < comparison->rows->len; i++) {
    const TsCompareRow *row = &g_array_index (comparison->rows, TsCompareRow, i);
    if (all || row->past != TS_PAST_NOT)
      put_row (out, row, row->vm);
  }
  g_string_append_printf (out, "%u metrics, %u differ", comparison->rows->len,
                          comparison->differing);
  if (comparison->threshold_ppm >= 0)
    g_string_append_printf (out, ", %u by more than %g %%", comparison->past,
                            (double)comparison->threshold_ppm / 10000);
  g_string_append_c (out, '\n');
  put_agreements (out, comparison);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* --- both curves ------------------------------------------------------------------------------ */

static void
draw_side (TsChart *chart, const TsCompareSide *side, guint number)
{
  g_auto (GStrv) vms = ts_facts_vms (side->journal);
  g_autoptr (GArray) periods = ts_periods (side->journal);
  for (guint i = 0; i < periods->len; i++) {
    const TsPeriod *period = &g_array_index (periods, TsPeriod, i);
    g_autofree char *label = g_strdup_printf ("%s: %s", side->verdict->engine, period->id);
    ts_chart_shade (chart, period->from_us, period->to_us, label);
  }
  for (guint i = 0; vms[i]; i++) {
    g_autoptr (TsFacts) facts = ts_facts_new (side->journal, vms[i]);
    g_autoptr (GArray) curve = ts_curve_exposure (facts);
    g_autofree char *name = g_strdup_printf ("%s: %s", side->name, vms[i]);
    if (curve->len > 0)
      ts_chart_curve (chart, curve, TS_UNIT_US, FALSE, (i * 2 + number) % 7 + 1, name);
  }
}

char *
ts_comparison_to_svg (const TsComparison *comparison)
{
  gint64 end_us =
      MAX (ts_journal_end_us (comparison->a.journal), ts_journal_end_us (comparison->b.journal));
  g_autofree char *title =
      g_strdup_printf ("Exposure of %s and %s", comparison->a.name, comparison->b.name);
  g_autoptr (TsChart) chart = ts_chart_new (title, 0, end_us);
  draw_side (chart, &comparison->a, 0);
  draw_side (chart, &comparison->b, 1);
  return ts_chart_to_svg_file (chart);
}

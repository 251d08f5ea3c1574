#include "results/published.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/formula.h"
#include <string.h>

#define THOUSAND 1000 /* a ratio is in thousandths */

typedef struct {
  gint64 low, high;
} Range;

TsPublished *
ts_published_new (const char *what, const char *theirs, const char *source)
{
  TsPublished *published = g_new0 (TsPublished, 1);
  published->what = g_strdup (what);
  published->theirs = g_strdup (theirs);
  published->source = g_strdup (source);
  return published;
}

void
ts_published_free (TsPublished *p)
{
  if (!p)
    return;
  char *texts[] = {p->what, p->metric, p->per, p->vm, p->theirs, p->source, p->why};
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_free (p);
}

/* "1.5": thousandths. */
static gboolean
parse_ratio (const char *text, gint64 *value, GError **error)
{
  const char *dot = strchr (text, '.');
  gsize decimals = dot ? strlen (dot + 1) : 0;
  g_autofree char *whole = dot ? g_strndup (text, (gsize)(dot - text)) : g_strdup (text);
  gint64 units, thousandths = 0;
  if (decimals <= 3 && (!dot || decimals > 0) &&
      g_ascii_string_to_signed (whole, 10, 0, 1000000000, &units, NULL) &&
      (!dot || g_ascii_string_to_signed (dot + 1, 10, 0, 999, &thousandths, NULL))) {
    for (gsize i = decimals; dot && i < 3; i++)
      thousandths *= 10;
    *value = units * THOUSAND + thousandths;
    return TRUE;
  }
  return ts_throw (error, TS_ERROR_ARGUMENT,
                   "\"%s\" is not a ratio (such as 1.5, three decimals at most)", text);
}

static gboolean
parse_theirs (const TsPublished *p, const TsMetric *metric, Range *range, GError **error)
{
  const char *dots = strstr (p->theirs, "..");
  g_autofree char *low = dots ? g_strndup (p->theirs, (gsize)(dots - p->theirs))
                              : g_strdup (p->theirs);
  const char *high = dots ? dots + 2 : low;
  gboolean fine = p->per ? parse_ratio (low, &range->low, error) &&
                               parse_ratio (high, &range->high, error)
                         : ts_quantity_parse (low, metric->unit, &range->low, error) &&
                               ts_quantity_parse (high, metric->unit, &range->high, error);
  if (fine && range->low > range->high)
    return ts_throw (error, TS_ERROR_ARGUMENT, "\"%s\" begins above its end", p->theirs);
  return fine;
}

static const TsMetric *
find (const char *name, GError **error)
{
  const TsMetric *metric = ts_metric_find (name);
  if (!metric) {
    g_autofree char *suggestion = ts_metric_suggest (name);
    ts_throw (error, TS_ERROR_ARGUMENT, "there is no metric \"%s\"%s", name, suggestion);
  } else if (metric->unit == TS_UNIT_TEXT) {
    ts_throw (error, TS_ERROR_ARGUMENT, "%s is a text: a number is wanted", name);
    return NULL;
  }
  return metric;
}

gboolean
ts_published_check (const TsPublished *p, GError **error)
{
  Range range;
  if (!p->metric)
    return !p->per || ts_throw (error, TS_ERROR_ARGUMENT, "per goes with metric");
  const TsMetric *metric = find (p->metric, error);
  if (!metric)
    return FALSE;
  if (p->per) {
    const TsMetric *per = find (p->per, error);
    if (!per)
      return FALSE;
    if (per->unit != metric->unit)
      return ts_throw (error, TS_ERROR_ARGUMENT, "per: %s is in %s, %s is in %s", per->name,
                       ts_unit_name (per->unit), metric->name, ts_unit_name (metric->unit));
  }
  if (parse_theirs (p, metric, &range, error))
    return TRUE;
  g_prefix_error (error, "theirs: ");
  return FALSE;
}

/* Times of the worst machine, counts and bytes of all; as ts_verdict_figure (), and of families too. */
static void
measure_all (const TsPublished *p, const TsMetrics *metrics, const char *name, TsMeasure *all)
{
  const TsMetric *metric = ts_metric_find (name);
  gboolean adds = metric->unit == TS_UNIT_COUNT || metric->unit == TS_UNIT_BYTES;
  *all = (TsMeasure){.kind = TS_MEASURE_UNKNOWN, .why = g_strdup ("no machine tells it")};
  for (guint i = 0; i < ts_metrics_vm_count (metrics); i++) {
    g_auto (TsMeasure) one = {0};
    if (p->vm && strcmp (p->vm, ts_metrics_vm (metrics, i)) != 0)
      continue;
    ts_metrics_measure (metrics, metric, ts_metrics_vm (metrics, i), 0, G_MAXINT64, &one);
    gboolean first = all->kind == TS_MEASURE_UNKNOWN;
    if (one.kind == TS_MEASURE_VALUE && all->kind != TS_MEASURE_NEVER) {
      all->number = first ? one.number
                    : adds ? all->number + one.number
                           : MAX (all->number, one.number);
      all->kind = TS_MEASURE_VALUE;
    } else if (one.kind == TS_MEASURE_NEVER || first) {
      all->kind = one.kind;
      g_free (all->why);
      all->why = g_steal_pointer (&one.why);
    }
  }
}

static gboolean
is_value (const TsMeasure *measure, TsPublishedFinding *finding)
{
  if (measure->kind == TS_MEASURE_VALUE)
    return TRUE;
  g_free (finding->ours);
  finding->ours = ts_measure_format (measure, TS_UNIT_COUNT); /* says why */
  return FALSE;
}

/* By how much; of a range its nearer end counts. */
static char *
difference (gint64 ours, const Range *theirs)
{
  gint64 end = ours < theirs->low ? theirs->low : theirs->high;
  if (ours >= theirs->low && ours <= theirs->high)
    return g_strdup (theirs->low == theirs->high ? "the same" : "within");
  if (ours == 0 || end == 0)
    return g_strdup (ours == 0 ? "none here" : "none there");
  double ratio = (double)ours / (double)end;
  if (ratio >= 2 || ratio <= 0.5)
    return ratio > 1 ? g_strdup_printf ("%.1f times as much", ratio)
                     : g_strdup_printf ("1/%.1f of it", 1 / ratio);
  double percent = ratio > 1 ? (ratio - 1) * 100 : (1 - ratio) * 100;
  return g_strdup_printf ("%.*f %% %s", percent < 1 ? 1 : 0, percent, ratio > 1 ? "more" : "less");
}

/* In powers of 1000 where theirs is, and bits where theirs are: so that the two can be read side by
 * side. */
static char *
format_as (const TsMeasure *ours, TsUnit unit, const char *theirs)
{
  static const struct {
    const char *suffix;
    double bytes;
  } decimal[] = {{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}};
  for (guint i = 0; unit == TS_UNIT_BYTES && i < G_N_ELEMENTS (decimal); i++)
    if (g_str_has_suffix (theirs, decimal[i].suffix))
      return g_strdup_printf ("%.4g %s", (double)ours->number / decimal[i].bytes,
                              decimal[i].suffix);
  if (unit == TS_UNIT_RATE)
    return ts_format_rate ((guint64)ours->number * 8);
  return ts_measure_format (ours, unit);
}

static void
compare (const TsPublished *p, const TsMetrics *metrics, TsPublishedFinding *finding)
{
  const TsMetric *metric = ts_metric_find (p->metric);
  Range theirs;
  g_assert (metric && parse_theirs (p, metric, &theirs, NULL)); /* ts_published_check () */
  g_auto (TsMeasure) ours = {0}, per = {0};
  measure_all (p, metrics, p->metric, &ours);
  if (!is_value (&ours, finding))
    return;
  if (p->per) {
    measure_all (p, metrics, p->per, &per);
    if (!is_value (&per, finding))
      return;
    if (per.number == 0) {
      g_free (finding->ours);
      finding->ours = g_strdup_printf ("unknown: %s is 0", p->per);
      return;
    }
    ours.number = (gint64)((double)ours.number / (double)per.number * THOUSAND + 0.5);
  }
  g_free (finding->ours);
  finding->ours = p->per ? g_strdup_printf ("%.2f", (double)ours.number / THOUSAND)
                         : format_as (&ours, metric->unit, p->theirs);
  g_free (finding->difference);
  finding->difference = difference (ours.number, &theirs);
}

TsPublishedFinding *
ts_published_compare (const TsPublished *p, const TsMetrics *metrics)
{
  TsPublishedFinding *finding = g_new0 (TsPublishedFinding, 1);
  finding->what = g_strdup (p->what);
  finding->metric = p->per ? g_strdup_printf ("%s / %s", p->metric, p->per)
                           : g_strdup (p->metric ? p->metric : "");
  finding->theirs = g_strdup (p->theirs);
  finding->source = g_strdup (p->source);
  finding->why = g_strdup (p->why ? p->why : "");
  finding->ours = g_strdup (p->metric ? "" : "not measured");
  finding->difference = g_strdup ("");
  if (p->metric)
    compare (p, metrics, finding);
  return finding;
}

void
ts_published_finding_free (TsPublishedFinding *f)
{
  if (!f)
    return;
  char *texts[] = {f->what, f->metric, f->theirs, f->ours, f->difference, f->source, f->why};
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_free (f);
}

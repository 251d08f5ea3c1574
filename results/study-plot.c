#include "results/study-plot.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/bounds.h"
#include "results/file.h"
#include "results/plot.h"
#include "results/preamble-text.h"

#define LOG_SPAN 8 /* a factor of this between least and greatest asks for a logarithmic axis */

/* ---- scales ---- */

TsStudyScale
ts_study_scale (const TsMetric *metric, gint64 most)
{
  if (metric->unit == TS_UNIT_US)
    return most >= 180 * TS_S ? (TsStudyScale){60e6, "min"}
           : most >= TS_S     ? (TsStudyScale){1e6, "s"}
                              : (TsStudyScale){1e3, "ms"};
  if (metric->unit == TS_UNIT_BYTES)
    return (guint64)most >= 10 * TS_MIB ? (TsStudyScale){1048576, "MiB"}
                                        : (TsStudyScale){1024, "KiB"};
  return (TsStudyScale){1, ""};
}

gint64
ts_study_most (const TsStudy *study, const TsMetric *metric)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, metric);
  gint64 most = 1;
  for (guint group = 0; group < groups->columns * groups->rows; group++) {
    const GArray *numbers = groups->groups[group];
    for (guint i = numbers->len; i > 0; i--) {
      gint64 number = g_array_index (numbers, gint64, i - 1);
      if (number == G_MAXINT64)
        continue;
      most = MAX (most, number);
      break;
    }
  }
  return most;
}

double *
ts_study_positions (const TsStudyAxis *axis)
{
  guint count = axis->values->len;
  double *positions = g_new (double, count), least = INFINITY, most = 0;
  for (guint i = 0; i < count; i++) {
    positions[i] = axis->numbers != NULL ? axis->numbers[i] : i;
    least = fmin (least, positions[i]);
    most = fmax (most, positions[i]);
  }
  for (guint i = 0; axis->numbers != NULL && least > 0 && most >= LOG_SPAN * least && i < count;
       i++)
    positions[i] = log (positions[i]);
  return positions;
}

/* ---- data ---- */

static const TsStudyAxis *
x_axis (const TsStudy *study)
{
  return ts_study_axis (study, study->x);
}

static const char *
x_text (const TsStudy *study, guint column)
{
  return x_axis (study)->values->pdata[column];
}

static const char *
y_text (const TsStudy *study, guint row)
{
  return study->y < 0 ? "-" : ts_study_axis (study, (guint)study->y)->values->pdata[row];
}

/* A cell: what would end it becomes a space. */
static void
put_cell (GString *tsv, const char *text)
{
  for (const char *at = text; *at != '\0'; at++)
    g_string_append_c (tsv, (guchar)*at < 0x20 || *at == '"' ? ' ' : *at);
  g_string_append (tsv, *text != '\0' ? "\t" : "-\t");
}

/* "nan" is what gnuplot leaves out. */
static void
put_number (GString *tsv, gint64 number, gboolean told)
{
  if (told && number != G_MAXINT64)
    g_string_append_printf (tsv, "%" G_GINT64_FORMAT "\t", number);
  else
    g_string_append (tsv, "nan\t");
}

static void
put_place (const TsStudy *study, GString *tsv, guint column, guint row)
{
  g_string_append_printf (tsv, "%u\t%u\t", column, row);
  put_cell (tsv, x_text (study, column));
  put_cell (tsv, y_text (study, row));
}

char *
ts_study_heat_tsv (const TsStudy *study)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  GString *tsv = g_string_new (NULL);
  g_string_append_printf (tsv, "column\trow\tx\ty\t%s_p95\tcount\twithin\ttext\n",
                          study->metric->key);
  for (guint row = 0; row < groups->rows; row++)
    for (guint column = 0; column < groups->columns; column++) {
      TsSample sample;
      ts_groups_sample (groups, column, row, &sample);
      g_autofree char *text = ts_study_text (study->metric, sample.p95, sample.count);
      put_place (study, tsv, column, row);
      put_number (tsv, sample.p95, sample.count > 0);
      g_string_append_printf (tsv, "%u\t%u\t%s\n", sample.count,
                              study->max >= 0 ? sample.within : sample.count, text);
    }
  return g_string_free (tsv, FALSE);
}

char *
ts_study_curves_tsv (const TsStudy *study)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  g_autofree double *positions = ts_study_positions (x_axis (study));
  const char *key = study->metric->key;
  GString *tsv = g_string_new (NULL);
  g_string_append_printf (tsv,
                          "column\trow\tx\ty\tposition\t%s_median\t%s_low\t%s_high\t%s_p95\t"
                          "%s_max\tsure\tcount\n",
                          key, key, key, key, key);
  for (guint row = 0; row < groups->rows; row++)
    for (guint column = 0; column < groups->columns; column++) {
      TsSample sample;
      ts_groups_sample (groups, column, row, &sample);
      const gint64 numbers[] = {sample.median, sample.low, sample.high, sample.p95, sample.max};
      put_place (study, tsv, column, row);
      g_string_append_printf (tsv, "%.6f\t", positions[column]);
      for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
        put_number (tsv, numbers[i], sample.count > 0);
      g_string_append_printf (tsv, "%.4f\t%u\n", sample.sure, sample.count);
    }
  return g_string_free (tsv, FALSE);
}

char *
ts_study_keeping_tsv (const TsStudy *study)
{
  guint columns = x_axis (study)->values->len;
  guint rows = study->y < 0 ? 1 : ts_study_axis (study, (guint)study->y)->values->len;
  g_autofree double *positions = ts_study_positions (x_axis (study));
  GString *tsv = g_string_new ("column\trow\tx\ty\tposition\truns_kept_percent\tlow_percent\t"
                               "high_percent\tcycles_missed_percent\tcount\n");
  for (guint row = 0; row < rows; row++)
    for (guint column = 0; column < columns; column++) {
      TsKeeping keeping;
      ts_study_keeping (study, column, row, &keeping);
      put_place (study, tsv, column, row);
      if (keeping.count == 0) {
        g_string_append_printf (tsv, "%.6f\tnan\tnan\tnan\tnan\t0\n", positions[column]);
        continue;
      }
      g_string_append_printf (tsv, "%.6f\t%.2f\t%.2f\t%.2f\t", positions[column],
                              100.0 * keeping.kept / keeping.count, 100 * keeping.kept_low,
                              100 * keeping.kept_high);
      if (keeping.missed_share < 0)
        g_string_append_printf (tsv, "nan\t%u\n", keeping.count);
      else
        g_string_append_printf (tsv, "%.2f\t%u\n", 100 * keeping.missed_share, keeping.count);
    }
  return g_string_free (tsv, FALSE);
}

/* Every sample is a step; all rows of a column are one distribution. */
char *
ts_study_loss_tsv (const TsStudy *study)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->loss);
  gint64 most = ts_study_most (study, study->loss);
  GString *tsv = g_string_new (NULL);
  g_string_append_printf (tsv, "column\tx\t%s\tshare\tlow\thigh\tcount\n", study->loss->key);
  for (guint column = 0; column < groups->columns; column++) {
    g_autoptr (GArray) all = ts_groups_column (groups, column);
    double within = ts_bounds_distribution (all->len);
    for (guint i = 0; i <= all->len && all->len > 0; i++) {
      gint64 number = i == 0 ? 0 : g_array_index (all, gint64, i - 1);
      if (number == G_MAXINT64)
        break;
      gboolean last = i == all->len || g_array_index (all, gint64, i) == G_MAXINT64;
      double share = (double)i / all->len;
      for (guint end = 0; end < (last ? 2u : 1u); end++) { /* the last goes on to the right edge */
        g_string_append_printf (tsv, "%u\t", column);
        put_cell (tsv, x_text (study, column));
        g_string_append_printf (tsv, "%" G_GINT64_FORMAT "\t%.6f\t%.6f\t%.6f\t%u\n",
                                end == 0 ? number : most, share, fmax (0, share - within),
                                fmin (1, share + within), all->len);
      }
    }
  }
  return g_string_free (tsv, FALSE);
}

/* ---- scripts ---- */

/* In single quotes: there gnuplot runs no `command` and knows no escape but the doubled quote. */
static void
put_quoted (GString *gp, const char *text)
{
  g_string_append_c (gp, '\'');
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '\'')
      g_string_append_c (gp, '\'');
    g_string_append_c (gp, (guchar)*at < 0x20 ? ' ' : *at);
  }
  g_string_append_c (gp, '\'');
}

static void
put_setting (GString *gp, const char *name, const char *text)
{
  g_string_append_printf (gp, "%s = ", name);
  put_quoted (gp, text);
  g_string_append_c (gp, '\n');
}

static void
put_words (GString *gp, const char *name, const TsStudyAxis *axis)
{
  guint count = axis != NULL ? axis->values->len : 1;
  g_string_append_printf (gp, "array %s[%u]\n", name, count);
  for (guint i = 0; i < count; i++) {
    g_string_append_printf (gp, "%s[%u] = ", name, i + 1);
    put_quoted (gp, axis != NULL ? (const char *)axis->values->pdata[i] : "all runs");
    g_string_append_c (gp, '\n');
  }
}

static void
put_scale (GString *gp, const char *name, const TsStudy *study, const TsMetric *metric)
{
  TsStudyScale scale = ts_study_scale (metric, ts_study_most (study, metric));
  g_autofree char *label = scale.unit[0] != '\0'
                               ? g_strdup_printf ("%s [%s]", metric->name, scale.unit)
                               : g_strdup (metric->name);
  g_autofree char *key = g_strdup_printf ("%s_label", name);
  put_setting (gp, key, label);
  g_string_append_printf (gp, "%s_scale = %.0f.0\n", name, scale.scale);
}

/* From where to where a logarithmic axis goes that has all bounds and the objective. */
static void
put_range (GString *gp, const TsStudy *study)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  double low = INFINITY, high = fmax (1, (double)study->max);
  for (guint i = 0; i < groups->columns * groups->rows; i++) {
    TsSample sample;
    ts_groups_sample (groups, i % groups->columns, i / groups->columns, &sample);
    if (sample.count == 0)
      continue;
    if (sample.high != G_MAXINT64)
      high = fmax (high, (double)sample.high);
    if (sample.low > 0)
      low = fmin (low, (double)sample.low);
  }
  low = fmin (low, high / 10);
  g_string_append_printf (gp, "metric_low = %.0f.0\nmetric_high = %.0f.0\n",
                          floor (fmax (low, high / 1e4) * 0.8) + 1, high * 1.25 + 1);
}

char *
ts_study_sweep_gp (const TsStudy *study)
{
  const TsStudyAxis *x = x_axis (study);
  const TsStudyAxis *y = study->y < 0 ? NULL : ts_study_axis (study, (guint)study->y);
  g_autofree double *positions = ts_study_positions (x);
  g_autofree char *title = g_strdup_printf (
      "%s: %u points of %s, seeds %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT ", commit %s",
      study->name, study->point_count, study->scenario, study->first_seed,
      study->first_seed + study->seeds - 1, study->commit);
  GString *gp = g_string_new ("# title, axes and units of this sweep\nset title ");
  put_quoted (gp, title);
  g_string_append (gp, " noenhanced\n");
  put_setting (gp, "x_label", x->label);
  put_setting (gp, "y_label", y != NULL ? y->label : "");
  put_words (gp, "xs", x);
  put_words (gp, "ys", y);
  g_string_append_printf (gp, "columns = %u\nrows = %u\n", x->values->len,
                          y != NULL ? y->values->len : 1);
  put_scale (gp, "metric", study, study->metric);
  put_scale (gp, "loss", study, study->loss);
  g_string_append_printf (gp, "objective = %" G_GINT64_FORMAT ".0 # -1: there is none\n",
                          study->max);
  g_autofree char *objective = ts_study_text (study->metric, study->max, study->max >= 0);
  put_setting (gp, "objective_text", objective);
  put_range (gp, study);
  double least = positions[0], most = positions[0];
  g_string_append (gp, "array at[columns]\n");
  for (guint i = 0; i < x->values->len; i++) {
    g_string_append_printf (gp, "at[%u] = %.6f\n", i + 1, positions[i]);
    least = fmin (least, positions[i]);
    most = fmax (most, positions[i]);
  }
  g_string_append_printf (gp, "x_least = %.6f\nx_most = %.6f\n", least, most);
  return g_string_free (gp, FALSE);
}

#define HEAD(name) "name = '" name "'\nload 'preamble.gp'\nload 'sweep.gp'\nset xlabel x_label\n"
#define OF_ROW(column) "(column(2)+1 == i ? " column " : NaN)"
#define POSITIONS                                                                                  \
  "set xtics ()\ndo for [i=1:columns] { set xtics add (xs[i] at[i]) }\n"                           \
  "set offsets graph 0.03, graph 0.03, 0, 0\n"                                                     \
  "set key title y_label\n"

static const struct {
  const char *name;
  char *(*data) (const TsStudy *study);
  const char *script;
} plots[] = {
    {"heat", ts_study_heat_tsv,
     HEAD (
         "heat") "unset grid\nset border 0\nset tics scale 0\nset ylabel y_label\n"
                 "set lmargin 16\nset rmargin 14\n"
                 "set xtics ()\nset ytics ()\n"
                 "do for [i=1:columns] { set xtics add (xs[i] i-1) }\n"
                 "do for [i=1:rows] { set ytics add (ys[i] i-1) }\n"
                 "set xrange [-0.5:columns-0.5]\nset yrange [-0.5:rows-0.5]\n"
                 "# light is little, dark is much; the eye of the colour-blind sees that, too\n"
                 "set palette defined (0 '#fff7d6', 0.25 '#fed37a', 0.5 '#f59a3a', "
                 "0.75 '#c5500f', 1 '#6b1f00')\n"
                 "set logscale cb\nset cblabel metric_label.', 95th percentile'\n"
                 "set style textbox opaque margins 0.6, 0.6 fillcolor rgb '#ffffff' noborder\n"
                 "set key outside bottom center\n"
                 "level(c) = column(c) > 0 ? column(c)/metric_scale : column(c) == 0 ? "
                 "0.001 : NaN\n"
                 "plot 'heat.tsv' skip 1 using 1:2:(0.485):(0.47):(level(5)) with boxxyerror "
                 "fillcolor palette fillstyle solid noborder notitle, "
                 "'heat.tsv' skip 1 using 1:(column(7) < column(6) ? column(2) : NaN):(0.485):"
                 "(0.47) with boxxyerror fillstyle empty linecolor rgb '#0072b2' "
                 "linewidth 3 dashtype 2 title (objective < 0 ? '' : 'a run broke the objective, '"
                 ".objective_text), "
                 "'heat.tsv' skip 1 using 1:2:8 with labels boxed textcolor rgb '#1b1f24' "
                 "notitle\n"},
    {"curves", ts_study_curves_tsv,
     HEAD ("curves") POSITIONS
     "set ylabel metric_label.', median'\nset logscale y\nset yrange "
     "[metric_low/metric_scale:metric_high/metric_scale]\n"
     "if (objective > 0) { set arrow 1 from graph 0, first objective/metric_scale to graph 1, "
     "first "
     "objective/metric_scale nohead linecolor rgb '#444444' dashtype 2 linewidth 1.5; "
     "set label 1 'objective '.objective_text at graph 0.99, first objective/metric_scale right "
     "offset 0,0.6 textcolor rgb '#444444' }\n"
     "plot for [i=1:rows] 'curves.tsv' skip 1 using " OF_ROW (
         "column(5)") ":(column(7)/"
                      "metric_scale):(column(8)/metric_scale) with filledcurves linetype i "
                      "fillstyle transparent "
                      "solid 0.18 noborder notitle, for [i=1:rows] 'curves.tsv' skip 1 "
                      "using " OF_ROW (
                          "column(5)") ":(column(6)/metric_scale) with linespoints linetype i "
                                       "pointtype 7 pointsize "
                                       "0.6 title ys[i], NaN with filledcurves linecolor rgb "
                                       "'#999999' fillstyle "
                                       "transparent solid 0.3 title '95 % of the median'\n"},
    {"keeping", ts_study_keeping_tsv,
     HEAD ("keeping") POSITIONS
     "set ylabel 'runs without a missed cycle [%]'\nset yrange [-3:103]\n"
     "dodge(i) = (i - (rows+1)/2.0)*(x_most-x_least)*0.008\n"
     "plot for [i=1:rows] 'keeping.tsv' skip 1 using " OF_ROW (
         "column(5)+dodge(i)") ":6:7:8 with "
                               "yerrorbars linetype i pointtype 7 pointsize 0.6 notitle, for "
                               "[i=1:rows] 'keeping.tsv' skip 1 "
                               "using " OF_ROW (
                                   "column(5)+dodge(i)") ":6 with lines linetype i title ys[i], "
                                                         "NaN with "
                                                         "points linecolor rgb '#999999' "
                                                         "pointtype 2 pointsize 0.9 title '95 % "
                                                         "(Wilson)'\n"},
    {"loss", ts_study_loss_tsv,
     HEAD ("loss") "set xlabel loss_label\nset ylabel 'share of runs with at most so much'\n"
                   "set yrange [0:1.02]\nset xrange [0:*]\nset key title x_label\n"
                   "# of the first and the last column only: all bands would be a fog; the data "
                   "has them\n"
                   "plot for [i=1:columns:(columns > 1 ? columns-1 : 1)] 'loss.tsv' skip 1 using "
                   "(column(1)+1 == i ? column(3)/loss_scale : NaN):5:6 with filledcurves linetype "
                   "i fillstyle "
                   "transparent solid 0.15 noborder notitle, "
                   "for [i=1:columns] 'loss.tsv' skip 1 using (column(1)+1 == i ? "
                   "column(3)/loss_scale : NaN):4 with steps linetype i title xs[i], "
                   "NaN with filledcurves linecolor rgb '#999999' fillstyle transparent solid 0.3 "
                   "title '95 % (DKW), first and last'\n"},
};

static gboolean
write_one (const char *folder, const char *name, const char *suffix, const char *text,
           GError **error)
{
  g_autofree char *file = g_strconcat (name, suffix, NULL);
  return ts_file_replace (folder, file, text, error);
}

gboolean
ts_study_plot_write (const TsStudy *study, const char *folder, GError **error)
{
  g_autofree char *into = g_build_filename (folder, "plots", NULL);
  g_autofree char *sweep = ts_study_sweep_gp (study);
  if (g_mkdir (into, 0755) != 0 && errno != EEXIST)
    return ts_throw_errno (error, "make folder %s", into);
  if (!write_one (into, "preamble", ".gp", preamble_text, error) ||
      !write_one (into, "sweep", ".gp", sweep, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (plots); i++) {
    g_autofree char *data = plots[i].data (study);
    if (!write_one (into, plots[i].name, ".tsv", data, error) ||
        !write_one (into, plots[i].name, ".gp", plots[i].script, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ts_study_plot_draw (const char *folder, gboolean png, GError **error)
{
  g_autoptr (GError) first = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (plots); i++) /* one that has nothing to show stops no other */
    ts_plot_draw_script (folder, plots[i].name, png, first == NULL ? &first : NULL);
  if (first == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&first));
  return FALSE;
}

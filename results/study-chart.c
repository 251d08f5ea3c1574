#include "results/study-chart.h"
#include <math.h>
#include "core/base/units.h"
#include "results/bounds.h"
#include "results/markup.h"
#include "results/study-plot.h"

#define WIDTH 960.0
#define LEFT 90.0
#define RIGHT 20.0
#define TOP 18.0
#define HEIGHT 280.0
#define BOTTOM 46.0
#define COLOURS 7
#define FLOOR                                                                                      \
  1e-3 /* of what is shown on a logarithmic axis, nothing is less than this times the most */

typedef struct {
  GString *svg;
  double x_least, x_most; /* the axes' ends, in what is drawn */
  double y_least, y_most;
  gboolean y_log;
} Drawing;

static double
x_of (const Drawing *drawing, double x)
{
  double span = drawing->x_most - drawing->x_least;
  return LEFT + (span > 0 ? (x - drawing->x_least) / span : 0.5) * (WIDTH - LEFT - RIGHT);
}

static double
y_of (const Drawing *drawing, double y)
{
  double least = drawing->y_least, most = drawing->y_most;
  if (drawing->y_log) {
    y = log (fmax (y, least));
    least = log (least);
    most = log (most);
  }
  return TOP + (1 - (y - least) / (most - least)) * HEIGHT;
}

static guint
colour_of (guint index)
{
  return index % COLOURS + 1;
}

static void
begin (Drawing *drawing, const char *title)
{
  drawing->svg = g_string_new (NULL);
  ts_markup_put (drawing->svg,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                 "aria-label=\"%s\">\n<title>%s</title>\n",
                 WIDTH, TOP + HEIGHT + BOTTOM + 26, title, title);
}

static char *
end (Drawing *drawing)
{
  g_string_append (drawing->svg, "</svg>\n");
  return g_string_free (drawing->svg, FALSE);
}

static void
draw_x_label (const Drawing *drawing, double x, const char *text)
{
  double at = x_of (drawing, x), y = TOP + HEIGHT;
  ts_markup_put (drawing->svg,
                 "<path class=\"tick\" d=\"M%.2f %.2fv5\"/><text class=\"label middle\" "
                 "x=\"%.2f\" y=\"%.2f\">%s</text>\n",
                 at, y, at, y + 20, text);
}

static void
draw_y_label (const Drawing *drawing, double y, const char *text)
{
  double at = y_of (drawing, y);
  ts_markup_put (drawing->svg,
                 "<path class=\"grid\" d=\"M%.2f %.2fH%.2f\"/><text class=\"label end\" x=\"%.2f\" "
                 "y=\"%.2f\">%s</text>\n",
                 LEFT, at, WIDTH - RIGHT, LEFT - 8, at + 4, text);
}

static void
draw_x_axis (const Drawing *drawing, const char *label)
{
  ts_markup_put (drawing->svg,
                 "<path class=\"axis\" d=\"M%.2f %.2fH%.2f\"/><text class=\"label end\" x=\"%.2f\" "
                 "y=\"%.2f\">%s</text>\n",
                 LEFT, TOP + HEIGHT, WIDTH - RIGHT, WIDTH - RIGHT, TOP + HEIGHT + 40, label);
}

/* What each curve stands for; left of it what they differ in. */
static void
draw_legend (const Drawing *drawing, const TsStudyAxis *axis)
{
  double x = LEFT, y = TOP + HEIGHT + BOTTOM + 18;
  ts_markup_put (drawing->svg, "<text class=\"label\" x=\"%.2f\" y=\"%.2f\">%s:</text>\n", x, y,
                 axis->label);
  x += 20 + 6.6 * (double)g_utf8_strlen (axis->label, -1);
  for (guint i = 0; i < axis->values->len; i++) {
    const char *text = axis->values->pdata[i];
    ts_markup_put (drawing->svg,
                   "<path class=\"curve c%u\" d=\"M%.2f %.2fh18\"/><text class=\"label\" "
                   "x=\"%.2f\" y=\"%.2f\">%s</text>\n",
                   colour_of (i), x, y - 4, x + 24, y, text);
    x += 44 + 6.6 * (double)g_utf8_strlen (text, -1);
  }
}

/* A band between two lines of points (x, low, high), then a line through (x, middle). */
typedef struct {
  double x, low, middle, high;
} Mark;

static void
draw_band (const Drawing *drawing, const GArray *marks, guint colour, gboolean steps)
{
  if (marks->len < 2)
    return;
  g_string_append_printf (drawing->svg, "<path class=\"band f%u\" d=\"", colour);
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < marks->len; i++) {
      guint at = pass == 0 ? i : marks->len - 1 - i;
      const Mark *mark = &g_array_index (marks, Mark, at);
      double x = x_of (drawing, mark->x), y = y_of (drawing, pass == 0 ? mark->low : mark->high);
      if (pass == 0 && i == 0)
        g_string_append_printf (drawing->svg, "M%.2f %.2f", x, y);
      else if (steps && pass == 0)
        g_string_append_printf (drawing->svg, "H%.2fV%.2f", x, y);
      else if (steps)
        g_string_append_printf (drawing->svg, "V%2$.2fH%1$.2f", x, y);
      else
        g_string_append_printf (drawing->svg, "L%.2f %.2f", x, y);
    }
  g_string_append (drawing->svg, "Z\"/>\n");
}

static void
draw_line (const Drawing *drawing, const GArray *marks, guint colour, gboolean steps,
           const char *name)
{
  g_string_append_printf (drawing->svg, "<path class=\"curve c%u\" d=\"", colour);
  for (guint i = 0; i < marks->len; i++) {
    const Mark *mark = &g_array_index (marks, Mark, i);
    double x = x_of (drawing, mark->x), y = y_of (drawing, mark->middle);
    if (i == 0)
      g_string_append_printf (drawing->svg, "M%.2f %.2f", x, y);
    else
      g_string_append_printf (drawing->svg, steps ? "H%.2fV%.2f" : "L%.2f %.2f", x, y);
  }
  ts_markup_put (drawing->svg, "\"><title>%s</title></path>\n", name);
  for (guint i = 0; i < marks->len && !steps; i++) {
    const Mark *mark = &g_array_index (marks, Mark, i);
    g_string_append_printf (drawing->svg,
                            "<circle class=\"f%u\" cx=\"%.2f\" cy=\"%.2f\" r=\"3\"/>\n", colour,
                            x_of (drawing, mark->x), y_of (drawing, mark->middle));
  }
}

/* ---- by x ---- */

static const TsStudyAxis *
row_axis (const TsStudy *study)
{
  return study->y < 0 ? NULL : ts_study_axis (study, (guint)study->y);
}

static const char *
row_name (const TsStudy *study, guint row)
{
  const TsStudyAxis *axis = row_axis (study);
  return axis != NULL ? (const char *)axis->values->pdata[row] : "all runs";
}

static void
set_x (Drawing *drawing, const double *positions, guint count)
{
  drawing->x_least = drawing->x_most = positions[0];
  for (guint i = 1; i < count; i++) {
    drawing->x_least = fmin (drawing->x_least, positions[i]);
    drawing->x_most = fmax (drawing->x_most, positions[i]);
  }
  double margin = (drawing->x_most - drawing->x_least) * 0.03;
  drawing->x_least -= margin;
  drawing->x_most += margin;
}

static void
finish_by_x (Drawing *drawing, const TsStudy *study, const double *positions)
{
  const TsStudyAxis *axis = ts_study_axis (study, study->x);
  draw_x_axis (drawing, axis->label);
  for (guint i = 0; i < axis->values->len; i++)
    draw_x_label (drawing, positions[i], axis->values->pdata[i]);
  if (row_axis (study) != NULL)
    draw_legend (drawing, row_axis (study));
}

/* 1, 2, 5, 10 ... of the unit, of a logarithmic axis; or quarters of a round number. */
static void
draw_values (const Drawing *drawing, const TsStudyScale *scale)
{
  double least = drawing->y_least / scale->scale, most = drawing->y_most / scale->scale;
  static const double parts[] = {1, 2, 5};
  for (double power = 1e-9; power < 1e18; power *= 10)
    for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
      double value = parts[i] * power;
      double next = parts[(i + 1) % 3] * power * (i == 2 ? 10 : 1);
      gboolean here = drawing->y_log ? value >= least && value <= most * 1.0001
                                     : most / value <= 5 && most / value > most / next * 1.0;
      if (!here)
        continue;
      for (double at = value; at <= most * 1.0001; at += value) {
        g_autofree char *text =
            g_strdup_printf ("%g%s%s", at, scale->unit[0] ? " " : "", scale->unit);
        draw_y_label (drawing, at * scale->scale, text);
        if (drawing->y_log)
          break;
      }
      if (!drawing->y_log)
        return;
    }
}

static void
draw_objective (const Drawing *drawing, const TsStudy *study)
{
  if (study->max < 0 || (double)study->max > drawing->y_most)
    return;
  g_autofree char *text = ts_study_text (study->metric, study->max, 1);
  double y = y_of (drawing, (double)study->max);
  ts_markup_put (drawing->svg,
                 "<path class=\"edge\" d=\"M%.2f %.2fH%.2f\"/><text class=\"fault end\" x=\"%.2f\" "
                 "y=\"%.2f\">objective %s</text>\n",
                 LEFT, y, WIDTH - RIGHT, WIDTH - RIGHT - 4, y - 6, text);
}

char *
ts_study_chart_curves (const TsStudy *study)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  g_autofree double *positions = ts_study_positions (ts_study_axis (study, study->x));
  g_autofree char *title =
      g_strdup_printf ("%s by %s: medians with 95 %% bounds", study->metric->name,
                       ts_study_axis (study, study->x)->label);
  TsStudyScale scale = ts_study_scale (study->metric, ts_study_most (study, study->metric));
  Drawing drawing = {.y_least = INFINITY, .y_most = 0};
  for (guint i = 0; i < groups->columns * groups->rows; i++) {
    TsSample sample;
    ts_groups_sample (groups, i % groups->columns, i / groups->columns, &sample);
    if (sample.count == 0 || sample.high == G_MAXINT64)
      continue;
    drawing.y_least = fmin (drawing.y_least, (double)sample.low);
    drawing.y_most = fmax (drawing.y_most, (double)sample.high);
  }
  drawing.y_most = fmax (drawing.y_most, fmax (1, (double)study->max)) * 1.1;
  drawing.y_log = drawing.y_least > 0 && drawing.y_most > 20 * drawing.y_least;
  drawing.y_least = drawing.y_log ? fmax (drawing.y_least / 1.2, drawing.y_most * FLOOR) : 0;
  begin (&drawing, title);
  set_x (&drawing, positions, groups->columns);
  draw_values (&drawing, &scale);
  for (guint row = 0; row < groups->rows; row++) {
    g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (Mark));
    for (guint column = 0; column < groups->columns; column++) {
      TsSample sample;
      ts_groups_sample (groups, column, row, &sample);
      if (sample.count == 0 || sample.median == G_MAXINT64)
        continue;
      Mark mark = {positions[column], (double)sample.low, (double)sample.median,
                   fmin ((double)sample.high, drawing.y_most)};
      g_array_append_val (marks, mark);
    }
    draw_band (&drawing, marks, colour_of (row), FALSE);
    draw_line (&drawing, marks, colour_of (row), FALSE, row_name (study, row));
  }
  draw_objective (&drawing, study);
  finish_by_x (&drawing, study, positions);
  return end (&drawing);
}

char *
ts_study_chart_keeping (const TsStudy *study)
{
  guint columns = ts_study_axis (study, study->x)->values->len;
  guint rows = row_axis (study) != NULL ? row_axis (study)->values->len : 1;
  g_autofree double *positions = ts_study_positions (ts_study_axis (study, study->x));
  Drawing drawing = {.y_least = 0, .y_most = 1.02};
  begin (&drawing, "share of runs without a missed cycle, with 95 % bounds");
  set_x (&drawing, positions, columns);
  for (guint i = 0; i <= 4; i++) {
    g_autofree char *text = g_strdup_printf ("%u %%", 25 * i);
    draw_y_label (&drawing, i / 4.0, text);
  }
  for (guint row = 0; row < rows; row++) {
    g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (Mark));
    for (guint column = 0; column < columns; column++) {
      TsKeeping keeping;
      ts_study_keeping (study, column, row, &keeping);
      /* side by side, where bounds would hide each other */
      double beside = (row - (rows - 1) / 2.0) * (drawing.x_most - drawing.x_least) * 0.008;
      Mark mark = {positions[column] + beside, keeping.kept_low,
                   (double)keeping.kept / MAX (keeping.count, 1), keeping.kept_high};
      if (keeping.count > 0)
        g_array_append_val (marks, mark);
    }
    for (guint i = 0; i < marks->len; i++) {
      const Mark *mark = &g_array_index (marks, Mark, i);
      g_string_append_printf (drawing.svg, "<path class=\"bound c%u\" d=\"M%.2f %.2fV%.2f\"/>\n",
                              colour_of (row), x_of (&drawing, mark->x), y_of (&drawing, mark->low),
                              y_of (&drawing, mark->high));
    }
    draw_line (&drawing, marks, colour_of (row), FALSE, row_name (study, row));
  }
  finish_by_x (&drawing, study, positions);
  return end (&drawing);
}

/* ---- a distribution ---- */

char *
ts_study_chart_loss (const TsStudy *study)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->loss);
  const TsStudyAxis *axis = ts_study_axis (study, study->x);
  double most = (double)ts_study_most (study, study->loss);
  TsStudyScale scale = ts_study_scale (study->loss, (gint64)most);
  g_autofree char *title =
      g_strdup_printf ("distribution of %s, with 95 %% bands", study->loss->name);
  g_autofree char *label =
      g_strdup_printf ("%s%s%s", study->loss->name, scale.unit[0] != '\0' ? ", " : "", scale.unit);
  Drawing drawing = {.y_least = 0, .y_most = 1.02, .x_most = most * 1.02};
  begin (&drawing, title);
  for (guint i = 0; i <= 4; i++) {
    g_autofree char *text = g_strdup_printf ("%u %%", 25 * i);
    draw_y_label (&drawing, i / 4.0, text);
  }
  double step = pow (10, floor (log10 (most / scale.scale)));
  step = most / scale.scale / step < 2 ? step / 4 : most / scale.scale / step < 5 ? step / 2 : step;
  for (double value = 0; value * scale.scale <= most * 1.02; value += step) {
    g_autofree char *text = g_strdup_printf ("%g", value);
    draw_x_label (&drawing, value * scale.scale, text);
  }
  for (guint pass = 0; pass < 2; pass++) /* all bands are behind all lines */
    for (guint column = 0; column < groups->columns; column++) {
      g_autoptr (GArray) all = ts_groups_column (groups, column);
      g_autoptr (GArray) marks = g_array_new (FALSE, FALSE, sizeof (Mark));
      double within = ts_bounds_distribution (all->len), share = 0;
      for (guint i = 0; i <= all->len && all->len > 0; i++) {
        gint64 number = i == 0 ? 0 : g_array_index (all, gint64, i - 1);
        if (number == G_MAXINT64)
          break;
        share = (double)i / all->len;
        Mark mark = {(double)number, fmax (0, share - within), share, fmin (1, share + within)};
        g_array_append_val (marks, mark);
      }
      Mark last = {most * 1.02, fmax (0, share - within), share, fmin (1, share + within)};
      if (marks->len > 0)
        g_array_append_val (marks, last);
      /* all bands would be a fog: those of the first and the last are shown */
      gboolean shown = column == 0 || column == groups->columns - 1;
      if (pass == 0 && shown)
        draw_band (&drawing, marks, colour_of (column), TRUE);
      else if (pass == 1)
        draw_line (&drawing, marks, colour_of (column), TRUE, axis->values->pdata[column]);
    }
  draw_x_axis (&drawing, label);
  draw_legend (&drawing, axis);
  return end (&drawing);
}

#include "results/chart.h"
#include "core/base/units.h"
#include "results/chart-text.h"
#include "results/markup.h"
#include <math.h>
#include <string.h>

#define WIDTH 960.0
#define LEFT 96.0
#define LEFT_LANES 190.0
#define RIGHT 16.0
#define TOP 30.0
#define HEIGHT_CURVES 200.0
#define LANE 30.0
#define BOTTOM 34.0
#define COLUMNS 1600u /* more vertices than that are drawn as columns */

typedef struct {
  gint64 from_us, to_us;
  char *label;
} Shade;

typedef enum { CURVE_LINES, CURVE_STEPS, CURVE_STEMS } CurveKind;

typedef struct {
  GArray *vertices; /* TsVertex */
  CurveKind kind;
  guint colour;
  char *name;
} Curve;

typedef struct {
  guint lane, colour;
  gint64 from_us, to_us;
  char *label;
} Bar;

struct _TsChart {
  char *title;
  gint64 from_us, to_us;
  TsUnit unit;
  GArray *shades;   /* Shade */
  GArray *curves;   /* Curve */
  GPtrArray *lanes; /* char * */
  GArray *bars;     /* Bar */
};

static void
clear_shade (gpointer data)
{
  g_free (((Shade *)data)->label);
}

static void
clear_curve (gpointer data)
{
  Curve *curve = data;
  g_array_unref (curve->vertices);
  g_free (curve->name);
}

static void
clear_bar (gpointer data)
{
  g_free (((Bar *)data)->label);
}

static GArray *
list_new (guint size, GDestroyNotify clear)
{
  GArray *list = g_array_new (FALSE, FALSE, size);
  g_array_set_clear_func (list, clear);
  return list;
}

TsChart *
ts_chart_new (const char *title, gint64 from_us, gint64 to_us)
{
  TsChart *chart = g_new0 (TsChart, 1);
  chart->title = g_strdup (title);
  chart->from_us = from_us;
  chart->to_us = MAX (to_us, from_us + 1);
  chart->shades = list_new (sizeof (Shade), clear_shade);
  chart->curves = list_new (sizeof (Curve), clear_curve);
  chart->bars = list_new (sizeof (Bar), clear_bar);
  chart->lanes = g_ptr_array_new_with_free_func (g_free);
  return chart;
}

void
ts_chart_free (TsChart *chart)
{
  if (!chart)
    return;
  g_free (chart->title);
  g_array_unref (chart->shades);
  g_array_unref (chart->curves);
  g_array_unref (chart->bars);
  g_ptr_array_unref (chart->lanes);
  g_free (chart);
}

void
ts_chart_shade (TsChart *chart, gint64 from_us, gint64 to_us, const char *label)
{
  Shade shade = {from_us, to_us, g_strdup (label)};
  g_array_append_val (chart->shades, shade);
}

static void
add_curve (TsChart *chart, const GArray *vertices, TsUnit unit, CurveKind kind, guint colour,
           const char *name)
{
  Curve curve = {g_array_copy ((GArray *)vertices), kind, colour, g_strdup (name)};
  g_return_if_fail (chart->curves->len == 0 || chart->unit == unit);
  chart->unit = unit;
  g_array_append_val (chart->curves, curve);
}

void
ts_chart_curve (TsChart *chart, const GArray *vertices, TsUnit unit, gboolean steps, guint colour,
                const char *name)
{
  add_curve (chart, vertices, unit, steps ? CURVE_STEPS : CURVE_LINES, colour, name);
}

void
ts_chart_stems (TsChart *chart, const GArray *vertices, TsUnit unit, guint colour, const char *name)
{
  add_curve (chart, vertices, unit, CURVE_STEMS, colour, name);
}

void
ts_chart_lane (TsChart *chart, const char *name)
{
  g_ptr_array_add (chart->lanes, g_strdup (name));
}

void
ts_chart_bar (TsChart *chart, gint64 from_us, gint64 to_us, guint colour, const char *label)
{
  g_return_if_fail (chart->lanes->len > 0);
  Bar bar = {chart->lanes->len - 1, colour, from_us, to_us, g_strdup (label)};
  g_array_append_val (chart->bars, bar);
}

/* --- where things are ------------------------------------------------------------------------- */

typedef struct {
  const TsChart *chart;
  GString *svg;
  double left, height; /* of the drawing area */
  gint64 top_value;    /* at its upper edge */
} Drawing;

static double
x_of (const Drawing *drawing, gint64 t_us)
{
  const TsChart *chart = drawing->chart;
  gint64 t = CLAMP (t_us, chart->from_us, chart->to_us);
  return drawing->left + (WIDTH - RIGHT - drawing->left) * (double)(t - chart->from_us) /
                             (double)(chart->to_us - chart->from_us);
}

static double
y_of (const Drawing *drawing, gint64 value)
{
  return TOP + drawing->height * (1 - (double)value / (double)drawing->top_value);
}

/* The step of a round scale of about count parts: 1, 2 or 5 times a power of ten, or what suits
 * seconds, minutes and hours, or powers of two of bytes. */
static gint64
round_step (gint64 range, guint count, TsUnit unit)
{
  static const gint64 times[] = {15,   30,   60,   120,   300,   600,   900,
                                 1800, 3600, 7200, 10800, 21600, 43200, 86400};
  gint64 wanted = MAX (range / count, 1), step = 1;
  if (unit == TS_UNIT_BYTES || unit == TS_UNIT_RATE) {
    while (step < wanted)
      step *= 2;
    return step;
  }
  if (unit == TS_UNIT_US && wanted > 10 * TS_S)
    for (guint i = 0; i < G_N_ELEMENTS (times); i++)
      if (times[i] * TS_S >= wanted)
        return times[i] * TS_S;
  while (step < G_MAXINT64 / 20) {
    static const gint64 parts[] = {1, 2, 5};
    for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
      if (parts[i] * step >= wanted)
        return parts[i] * step;
    step *= 10;
  }
  return step;
}

/* "45 s", "1:30", "2:00:00" */
static char *
clock_text (gint64 us, gint64 step_us)
{
  gint64 s = us / TS_S;
  if (step_us % TS_S != 0)
    return step_us % (100 * TS_MS) == 0 ? g_strdup_printf ("%.1f s", (double)us / 1e6)
                                        : ts_format_duration (us);
  if (s < 60 || (s < 300 && step_us % (15 * TS_S) != 0))
    return g_strdup_printf ("%" G_GINT64_FORMAT " s", s);
  if (s < 3600)
    return g_strdup_printf ("%d:%02d", (int)(s / 60), (int)(s % 60));
  return g_strdup_printf ("%" G_GINT64_FORMAT ":%02d:%02d", s / 3600, (int)(s / 60 % 60),
                          (int)(s % 60));
}

static char *
value_text (gint64 value, gint64 step, TsUnit unit)
{
  if (value == 0)
    return g_strdup ("0");
  if (unit == TS_UNIT_US)
    return clock_text (value, step);
  if (unit != TS_UNIT_BYTES && unit != TS_UNIT_RATE)
    return g_strdup_printf ("%" G_GINT64_FORMAT, value);
  g_autofree char *size = ts_format_size ((guint64)value);
  return g_strconcat (size, unit == TS_UNIT_RATE ? "/s" : "", NULL);
}

/* --- drawing ---------------------------------------------------------------------------------- */

/* Roughly how wide a text is; the fonts are the reader's. */
static double
width_of (const char *text)
{
  return 6.6 * (double)g_utf8_strlen (text, -1);
}

static void
draw_shades (const Drawing *drawing)
{
  GArray *shades = drawing->chart->shades;
  double taken =
      0; /* labels stay in one row: one that would touch the last is only told on hover */
  for (guint i = 0; i < shades->len; i++) {
    const Shade *shade = &g_array_index (shades, Shade, i);
    double x = x_of (drawing, shade->from_us), to = x_of (drawing, shade->to_us);
    ts_markup_put (drawing->svg,
                   "<rect class=\"shade\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">"
                   "<title>%s</title></rect>\n<path class=\"edge\" d=\"M%.2f %.2fv%.2f\"/>\n",
                   x, TOP, MAX (to - x, 1.5), drawing->height, shade->label, x, TOP,
                   drawing->height);
    double wide = width_of (shade->label), at = MIN (x, WIDTH - RIGHT - wide);
    if (at < taken)
      continue;
    taken = at + wide + 10;
    ts_markup_put (drawing->svg, "<text class=\"fault\" x=\"%.2f\" y=\"%.2f\">%s</text>\n", at,
                   TOP - 8, shade->label);
  }
}

static void
draw_time_axis (const Drawing *drawing)
{
  const TsChart *chart = drawing->chart;
  gint64 step = round_step (chart->to_us - chart->from_us, 9, TS_UNIT_US);
  double y = TOP + drawing->height;
  gint64 first = (chart->from_us + step - 1) / step * step;
  for (gint64 t = first; t <= chart->to_us; t += step) {
    g_autofree char *text = clock_text (t, step);
    ts_markup_put (drawing->svg,
                   "<path class=\"tick\" d=\"M%.2f %.2fv5\"/><text class=\"label middle\" "
                   "x=\"%.2f\" y=\"%.2f\">%s</text>\n",
                   x_of (drawing, t), y, x_of (drawing, t), y + 19, text);
  }
  ts_markup_put (drawing->svg, "<path class=\"axis\" d=\"M%.2f %.2fH%.2f\"/>\n", drawing->left, y,
                 WIDTH - RIGHT);
}

static void
draw_value_axis (const Drawing *drawing, gint64 step)
{
  for (gint64 value = 0; value <= drawing->top_value; value += step) {
    g_autofree char *text = value_text (value, step, drawing->chart->unit);
    double y = y_of (drawing, value);
    if (value > 0)
      ts_markup_put (drawing->svg, "<path class=\"grid\" d=\"M%.2f %.2fH%.2f\"/>", drawing->left, y,
                     WIDTH - RIGHT);
    ts_markup_put (drawing->svg, "<text class=\"label end\" x=\"%.2f\" y=\"%.2f\">%s</text>\n",
                   drawing->left - 8, y + 4, text);
  }
}

/* What can be told apart: of each half pixel's vertices the first, lowest, highest and last. */
static GArray *
thin (const Drawing *drawing, const GArray *vertices)
{
  GArray *kept = g_array_new (FALSE, FALSE, sizeof (TsVertex));
  for (guint i = 0; i < vertices->len;) {
    int column = (int)(x_of (drawing, g_array_index (vertices, TsVertex, i).t_us) * 2);
    guint marks[4] = {i, i, i, i}, end = i + 1; /* first, lowest, highest, last */
    while (end < vertices->len &&
           (int)(x_of (drawing, g_array_index (vertices, TsVertex, end).t_us) * 2) == column) {
      gint64 value = g_array_index (vertices, TsVertex, end).value;
      if (value < g_array_index (vertices, TsVertex, marks[1]).value)
        marks[1] = end;
      if (value > g_array_index (vertices, TsVertex, marks[2]).value)
        marks[2] = end;
      marks[3] = end++;
    }
    if (marks[1] > marks[2]) {
      guint low = marks[1];
      marks[1] = marks[2];
      marks[2] = low;
    }
    for (guint j = 0; j < 4; j++)
      if (j == 0 || marks[j] != marks[j - 1])
        g_array_append_val (kept, g_array_index (vertices, TsVertex, marks[j]));
    i = end;
  }
  return kept;
}

static void
draw_curve (const Drawing *drawing, const Curve *curve)
{
  g_autoptr (GArray) all = curve->vertices->len > COLUMNS ? thin (drawing, curve->vertices)
                                                          : g_array_ref (curve->vertices);
  g_string_append_printf (drawing->svg, "<path class=\"curve c%u\" d=\"", curve->colour);
  for (guint i = 0; i < all->len; i++) {
    const TsVertex *vertex = &g_array_index (all, TsVertex, i);
    double x = x_of (drawing, vertex->t_us), y = y_of (drawing, vertex->value);
    if (curve->kind == CURVE_STEMS)
      g_string_append_printf (drawing->svg, "M%.2f %.2fV%.2f", x, y_of (drawing, 0), y);
    else if (i == 0)
      g_string_append_printf (drawing->svg, "M%.2f %.2f", x, y);
    else if (curve->kind == CURVE_STEPS)
      g_string_append_printf (drawing->svg, "H%.2fV%.2f", x, y);
    else
      g_string_append_printf (drawing->svg, "L%.2f %.2f", x, y);
  }
  ts_markup_put (drawing->svg, "\"><title>%s</title></path>\n", curve->name);
}

static void
draw_curves (Drawing *drawing)
{
  const TsChart *chart = drawing->chart;
  gint64 highest = 1;
  for (guint i = 0; i < chart->curves->len; i++) {
    const GArray *vertices = g_array_index (chart->curves, Curve, i).vertices;
    for (guint j = 0; j < vertices->len; j++)
      highest = MAX (highest, g_array_index (vertices, TsVertex, j).value);
  }
  gint64 step = round_step (highest, 4, chart->unit);
  drawing->top_value = (highest + step - 1) / step * step;
  draw_shades (drawing);
  draw_value_axis (drawing, step);
  draw_time_axis (drawing);
  for (guint i = 0; i < chart->curves->len; i++)
    draw_curve (drawing, &g_array_index (chart->curves, Curve, i));
}

/* Names of the curves, when there is more than one. */
static void
draw_legend (const Drawing *drawing)
{
  const TsChart *chart = drawing->chart;
  double x = drawing->left, y = TOP + drawing->height + BOTTOM + 8;
  for (guint i = 0; i < chart->curves->len && chart->curves->len > 1; i++) {
    const Curve *curve = &g_array_index (chart->curves, Curve, i);
    ts_markup_put (drawing->svg,
                   "<path class=\"curve c%u\" d=\"M%.2f %.2fh18\"/><text class=\"label\" "
                   "x=\"%.2f\" y=\"%.2f\">%s</text>\n",
                   curve->colour, x, y - 4, x + 24, y, curve->name);
    x += 44 + width_of (curve->name);
  }
}

static void
draw_lanes (const Drawing *drawing)
{
  const TsChart *chart = drawing->chart;
  draw_shades (drawing);
  draw_time_axis (drawing);
  for (guint i = 0; i < chart->lanes->len; i++)
    ts_markup_put (drawing->svg, "<text class=\"label end\" x=\"%.2f\" y=\"%.2f\">%s</text>\n",
                   drawing->left - 10, TOP + LANE * i + 20, (const char *)chart->lanes->pdata[i]);
  for (guint i = 0; i < chart->bars->len; i++) {
    const Bar *bar = &g_array_index (chart->bars, Bar, i);
    double x = x_of (drawing, bar->from_us), to = x_of (drawing, bar->to_us);
    double y = TOP + LANE * bar->lane + 5, wide = MAX (to - x, 1.5);
    ts_markup_put (drawing->svg,
                   "<rect class=\"bar f%u\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"20\" "
                   "rx=\"2\"><title>%s</title></rect>\n",
                   bar->colour, x, y, wide, bar->label);
    double text = width_of (bar->label);
    if (text + 12 < wide)
      ts_markup_put (drawing->svg, "<text class=\"inside f%ut\" x=\"%.2f\" y=\"%.2f\">%s</text>\n",
                     bar->colour, x + 7, y + 14.5, bar->label);
  }
}

static void
draw (const TsChart *chart, GString *svg, const char *head)
{
  Drawing drawing = {chart, svg, chart->lanes->len > 0 ? LEFT_LANES : LEFT, HEIGHT_CURVES, 1};
  if (chart->lanes->len > 0)
    drawing.height = LANE * chart->lanes->len + 4;
  double height = TOP + drawing.height + BOTTOM + (chart->curves->len > 1 ? 16 : 0);
  ts_markup_put (svg,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                 "aria-label=\"%s\">\n<title>%s</title>\n",
                 WIDTH, height, chart->title, chart->title);
  g_string_append (svg, head);
  if (chart->lanes->len > 0)
    draw_lanes (&drawing);
  else
    draw_curves (&drawing);
  draw_legend (&drawing);
  g_string_append (svg, "</svg>\n");
}

char *
ts_chart_to_svg (const TsChart *chart)
{
  g_autoptr (GString) svg = g_string_new (NULL);
  draw (chart, svg, "");
  return g_string_free (g_steal_pointer (&svg), FALSE);
}

char *
ts_chart_to_svg_file (const TsChart *chart)
{
  g_autoptr (GString) svg = g_string_new ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  g_autofree char *head = g_strdup_printf (
      "<style>%s</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n", chart_text);
  draw (chart, svg, head);
  return g_string_free (g_steal_pointer (&svg), FALSE);
}

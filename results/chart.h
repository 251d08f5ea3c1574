/* results/chart.h -- small exact charts as inline SVG, drawn by our own code.  Private to results/.
 *
 * A chart has a time axis in microseconds, and either a value axis with curves or lanes of bars.
 * Colours come from classes (c1 to c7, shade, axis ...) that the page's style gives, so that light
 * and dark work, in chart.css. */
#pragma once
#include "results/series.h"
#include "results/metrics.h"

typedef struct _TsChart TsChart;

/* title: what a reader who cannot see it is told.  [from_us, to_us] is the time axis. */
TsChart *ts_chart_new (const char *title, gint64 from_us, gint64 to_us) G_GNUC_WARN_UNUSED_RESULT;
void ts_chart_free (TsChart *chart); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsChart, ts_chart_free)

/* Behind everything: a band over the whole height with a label. */
void ts_chart_shade (TsChart *chart, gint64 from_us, gint64 to_us, const char *label);

/* A curve of TsVertex in unit; colour 1 to 7.  steps: a value holds until the next vertex; else
 * straight lines.  All curves of a chart share one unit.  Of more vertices than the picture can
 * show, the first, lowest, highest and last of each of its columns are drawn. */
void ts_chart_curve (TsChart *chart, const GArray *vertices, TsUnit unit, gboolean steps,
                     guint colour, const char *name);
/* Stems from zero, one per vertex. */
void ts_chart_stems (TsChart *chart, const GArray *vertices, TsUnit unit, guint colour,
                     const char *name);

/* A lane of bars below the lanes before it. */
void ts_chart_lane (TsChart *chart, const char *name);
/* A bar on the last lane; the label is drawn inside where it fits, and always told on hover. */
void ts_chart_bar (TsChart *chart, gint64 from_us, gint64 to_us, guint colour, const char *label);

char *ts_chart_to_svg (const TsChart *chart) G_GNUC_WARN_UNUSED_RESULT;
/* The same as a file of its own. */
char *ts_chart_to_svg_file (const TsChart *chart) G_GNUC_WARN_UNUSED_RESULT;

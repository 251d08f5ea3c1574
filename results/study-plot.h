/* results/study-plot.h -- pictures of a sweep by gnuplot, as results/plot.h does for a run.
 *
 * FOLDER/plots holds NAME.tsv and NAME.gp, the shared preamble.gp and sweep.gp (title, axes,
 * units).  NAME is heat (the shown metric's 95th percentile by x and y), curves (its median by x,
 * with 95 % bounds), keeping (where the link stops keeping up) or loss (its distribution, with its
 * 95 % band).  Nothing of this can change a verdict. */
#pragma once
#include "results/study.h"

/* Data and scripts into folder/plots, which is made.  TS_ERROR_IO, TS_ERROR_FULL. */
gboolean ts_study_plot_write (const TsStudy *study, const char *folder, GError **error);
/* As ts_plot_draw. */
gboolean ts_study_plot_draw (const char *folder, gboolean png, GError **error);

/* The texts of the data files, and of sweep.gp; caller frees. */
char *ts_study_heat_tsv (const TsStudy *study);
char *ts_study_curves_tsv (const TsStudy *study);
char *ts_study_keeping_tsv (const TsStudy *study);
char *ts_study_loss_tsv (const TsStudy *study);
char *ts_study_sweep_gp (const TsStudy *study);

/* How a metric's numbers are shown: divided by scale, in unit ("s", "min", "MiB", "").  most: the
 * greatest of them. */
typedef struct {
  double scale;
  const char *unit;
} TsStudyScale;
TsStudyScale ts_study_scale (const TsMetric *metric, gint64 most);
/* The greatest finite sample of the metric, at least 1. */
gint64 ts_study_most (const TsStudy *study, const TsMetric *metric);
/* Where an axis's values stand: their logarithms, when they are positive and span a factor of 8;
 * else the quantities themselves; 0, 1, 2 ... when they are none.  Caller frees. */
double *ts_study_positions (const TsStudyAxis *axis);

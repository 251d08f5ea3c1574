/* results/study-chart.h -- the pictures of a sweep's report: inline SVG by our own code, in the
 * classes of chart.css, so that light, dark and paper work.  Private to results/. */
#pragma once
#include "results/study.h"

/* Each returns an <svg> element; caller frees. */

/* The shown metric's median by x, a curve for each y, in the band of its 95 % bounds. */
char *ts_study_chart_curves (const TsStudy *study);
/* Share of runs in which no cycle was missed by x, a curve for each y, with Wilson's bounds. */
char *ts_study_chart_keeping (const TsStudy *study);
/* The distribution of the loss, a curve for each x, all y together, in its band. */
char *ts_study_chart_loss (const TsStudy *study);

/* scenarios/cli/publish.h -- a judged run as pages and pictures: report.html and plots/.
 *
 * None of this changes a verdict: what fails is told in one line on stderr, and that is all. */
#pragma once
#include "results/judge.h"

typedef enum { TS_PUBLISH_NO_PLOTS, TS_PUBLISH_SVG, TS_PUBLISH_PNG } TsPublishPlots;

/* Writes machine.txt: on what machine, and when, the run in that folder was made. */
void ts_publish_machine (const char *folder);
/* report.html always; plots' data and scripts unless NO_PLOTS, and their pictures when gnuplot is
 * there (its absence is told once).  title: the scenario's, or NULL.  FALSE: something was told. */
gboolean ts_publish (const char *folder, const TsVerdict *verdict, const char *title,
                     TsPublishPlots plots);

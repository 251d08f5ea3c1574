/* results/study-report.h -- a sweep as one page: report.html, made like a run's (report.h): self-
 * contained, no script, light and dark, printable. */
#pragma once
#include "results/study.h"

/* sweep, base: the two files' texts, or NULL.  Caller frees. */
char *ts_study_report_to_html (const TsStudy *study, const char *sweep,
                               const char *base) G_GNUC_WARN_UNUSED_RESULT;
/* FOLDER/report.html, with what FOLDER holds.  TS_ERROR_IO, TS_ERROR_FULL. */
gboolean ts_study_report_write (const TsStudy *study, const char *folder, GError **error);

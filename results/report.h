/* results/report.h -- report.html: one file that tells a run to someone who was not there.
 *
 * Self-contained: no script, no picture, no font from elsewhere; XHTML syntax, so that XML tools
 * read it, too.  The same for both engines.  Made from the verdict and the journal. */
#pragma once
#include "results/judge.h"

typedef struct {
  const char *title;    /* the scenario's, or NULL */
  const char *machine;  /* what it ran on, lines of "key: value"; NULL: not known */
  const char *scenario; /* the scenario's text as it was run, or NULL */
  const char *sums;     /* check sums of the run's files, "SUM  NAME" lines, or NULL */
} TsReportContext;

/* Caller frees. */
char *ts_report_to_html (const TsVerdict *verdict, const TsJournal *journal,
                         const TsReportContext *context) G_GNUC_WARN_UNUSED_RESULT;

/* Reads a stored run's journal, scenario.yaml and machine.txt (the last two may be missing) and
 * writes folder/report.html. */
gboolean ts_report_write (const TsVerdict *verdict, const TsJournal *journal, const char *folder,
                          const char *title, GError **error);

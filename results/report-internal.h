/* results/report-internal.h -- the sections of report.html.  Private to report*.c. */
#pragma once
#include "results/report.h"
#include "results/series.h"

typedef struct {
  const TsVerdict *verdict;
  const TsJournal *journal;
  const TsReportContext *context;
  GArray *periods; /* TsPeriod */
  GPtrArray *vms;  /* TsFacts *, by name */
  GString *html;
} TsReport;

/* "0:02:33.556": since the run's start.  Caller frees. */
char *ts_report_time (gint64 t_us);
/* <section> with its heading; ends with ts_report_end (). */
void ts_report_begin (TsReport *report, const char *id, const char *heading);
void ts_report_end (TsReport *report);
/* A paragraph. */
void ts_report_note (TsReport *report, const char *text);

/* report-tables.c */
void ts_report_expectations (TsReport *report);
void ts_report_published (TsReport *report);
void ts_report_losses (TsReport *report);
void ts_report_failovers (TsReport *report); /* shown when there were several */
void ts_report_faults (TsReport *report);
void ts_report_invariants (TsReport *report);
void ts_report_timeline (TsReport *report);
void ts_report_metrics (TsReport *report);

/* report-charts.c */
void ts_report_rto (TsReport *report);
void ts_report_exposure (TsReport *report);
void ts_report_pending (TsReport *report);
void ts_report_throughput (TsReport *report);
void ts_report_lanes (TsReport *report);

#include "results/finding.h"
#include "results/markup.h"
#include "results/report-internal.h"
#include <string.h>

#define LOSSES_MAX 1000u
#define TIMELINE_MAX 2000u

/* columns: "Id|Metric|#Measured": '#' before those that hold numbers. */
static void
begin_table (TsReport *report, const char *columns)
{
  g_auto (GStrv) heads = g_strsplit (columns, "|", -1);
  g_string_append (report->html, "<div class=\"wide\"><table><thead><tr>");
  for (guint i = 0; heads[i]; i++)
    ts_markup_put (report->html,
                   *heads[i] == '#' ? "<th scope=\"col\" class=\"n\">%s</th>"
                                    : "<th scope=\"col\">%s</th>",
                   *heads[i] == '#' ? heads[i] + 1 : heads[i]);
  g_string_append (report->html, "</tr></thead><tbody>\n");
}

static void
end_table (TsReport *report)
{
  g_string_append (report->html, "</tbody></table></div>\n");
}

/* --- objective against achieved --------------------------------------------------------------- */

static void
put_limit (GString *html, const TsFinding *finding)
{
  const char *sign = strcmp (finding->bound, "max") == 0   ? "at most"
                     : strcmp (finding->bound, "min") == 0 ? "at least"
                                                           : "equal to";
  TsMeasure limit = {.kind = TS_MEASURE_VALUE, .number = finding->limit};
  g_autofree char *value = finding->limit_known && finding->metric->unit != TS_UNIT_TEXT
                               ? ts_measure_format (&limit, finding->metric->unit)
                               : g_strdup (finding->formula);
  ts_markup_put (html, "%s %s", sign, value);
  if (finding->limit_known && finding->within > 0) {
    TsMeasure within = {.kind = TS_MEASURE_VALUE, .number = finding->within};
    g_autofree char *text = ts_measure_format (&within, finding->metric->unit);
    ts_markup_put (html, " ± %s", text);
  }
  if (finding->metric->unit != TS_UNIT_TEXT && /* that is its formula already */
      (ts_metric_find (finding->formula) || strchr (finding->formula, ' '))) /* more than a number */
    ts_markup_put (html, " <small>%s</small>", finding->formula);
}

void
ts_report_expectations (TsReport *report)
{
  const GPtrArray *findings = report->verdict->findings;
  ts_report_begin (report, "expectations", "Objective against achieved");
  if (findings->len == 0)
    ts_report_note (report, "The scenario expects nothing.");
  else
    begin_table (report, "Result|Expectation|Measured|VM|#Achieved|Objective|#At");
  for (guint i = 0; i < findings->len; i++) {
    const TsFinding *finding = findings->pdata[i];
    gboolean good = finding->conclusive && finding->passed != finding->must_fail;
    const char *result = !finding->conclusive ? "inconclusive"
                         : finding->must_fail ? good ? "fails, as it must" : "holds, must fail"
                         : good               ? "met"
                                              : "not met";
    g_autofree char *measured = ts_measure_format (&finding->measured, finding->metric->unit);
    g_autofree char *at = ts_report_time (finding->measured.t_us);
    ts_markup_put (report->html,
                   "<tr><td><span class=\"mark %s\">%s</span></td><td>%s</td><td><code>%s</code>"
                   "</td><td>%s</td><td class=\"%s\">%s</td><td>",
                   good                  ? "good"
                   : finding->conclusive ? "bad"
                                         : "open",
                   result, finding->id, finding->metric->name, finding->vm ? finding->vm : "",
                   finding->metric->unit == TS_UNIT_TEXT ? "t" : "n", /* a text may be long */
                   measured);
    put_limit (report->html, finding);
    ts_markup_put (report->html, "</td><td class=\"n\">%s</td></tr>\n", at);
  }
  if (findings->len > 0)
    end_table (report);
  ts_report_end (report);
}

/* --- somebody else's figures ------------------------------------------------------------------- */

void
ts_report_published (TsReport *report)
{
  const GPtrArray *published = report->verdict->published;
  if (published->len == 0)
    return;
  ts_report_begin (report, "published", "Published figures against ours");
  ts_report_note (report, "Measured by others, on other machines: shown, not judged.");
  begin_table (report, "What|#Theirs|#Ours|Difference|Why|Source");
  for (guint i = 0; i < published->len; i++) {
    const TsPublishedFinding *one = published->pdata[i];
    ts_markup_put (report->html,
                   "<tr><td>%s<br/><small><code>%s</code></small></td><td class=\"n\">%s</td>"
                   "<td class=\"n\">%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
                   one->what, one->metric, one->theirs, one->ours, one->difference, one->why,
                   one->source);
  }
  end_table (report);
  ts_report_end (report);
}

/* --- failovers -------------------------------------------------------------------------------- */

void
ts_report_failovers (TsReport *report)
{
  ts_report_begin (report, "failovers", "Failovers");
  begin_table (report, "VM|#|Kind|Copy on|#Commanded|#Point|#Achieved RPO|#RTO|#Lost|#Unflushed|Then");
  for (guint i = 0; i < report->verdict->figures->len; i++) {
    const TsVmFigures *figures = report->verdict->figures->pdata[i];
    for (guint n = 0; n < figures->failovers->len; n++) {
      const TsFailoverFigures *failover = figures->failovers->pdata[n];
      const TsFailoverStory *story = &failover->story;
      g_autofree char *commanded = ts_report_time (story->commanded_us);
      g_autofree char *instant =
          story->instant_us < 0 ? g_strdup ("-") : ts_report_time (story->instant_us);
      ts_markup_put (report->html,
                     "<tr><td>%s</td><td>%u</td><td>%s</td><td>%s</td><td class=\"n\">%s</td>"
                     "<td class=\"n\">%s</td>",
                     figures->vm, n + 1, story->planned ? "planned" : "unplanned",
                     story->copy ? story->copy : "-", commanded, instant);
      static const guint shown[] = {TS_FAILOVER_RPO, TS_FAILOVER_RTO, TS_FAILOVER_LOST,
                                    TS_FAILOVER_UNFLUSHED};
      for (guint m = 0; m < G_N_ELEMENTS (shown); m++) {
        g_autofree char *text = ts_measure_format (&failover->measures[shown[m]],
                                                   ts_failover_metric (shown[m])->unit);
        ts_markup_put (report->html, "<td class=\"n\">%s</td>", text);
      }
      ts_markup_put (report->html, "<td>%s</td></tr>\n", story->end);
    }
  }
  end_table (report);
  ts_report_note (report, "Loss and RPO are each failover's own: what an earlier one has lost is not lost "
                          "again. The waterfall above and the list of losses are the first one's.");
  ts_report_end (report);
}

/* --- loss ------------------------------------------------------------------------------------- */

static void
put_loss_counts (TsReport *report)
{
  begin_table (report, "Class|#Count|#Bytes|Meaning");
  for (guint i = 0; i < ts_metric_count (); i++) {
    const TsMetric *metric = ts_metric_get (i);
    if (!g_str_has_prefix (metric->name, "loss.") || metric->unit != TS_UNIT_COUNT)
      continue;
    const char *bytes_name = strcmp (metric->name, "loss.lost") == 0        ? "loss.bytes"
                             : strcmp (metric->name, "loss.unflushed") == 0 ? "loss.unflushed_bytes"
                                                                            : NULL;
    g_auto (TsMeasure) count = {0}, bytes = {0};
    ts_verdict_figure (report->verdict, metric, &count);
    if (bytes_name)
      ts_verdict_figure (report->verdict, ts_metric_find (bytes_name), &bytes);
    g_autofree char *size = bytes_name && bytes.kind == TS_MEASURE_VALUE
                                ? g_strdup_printf ("%" G_GINT64_FORMAT, bytes.number)
                                : g_strdup ("");
    g_autofree char *number = count.kind == TS_MEASURE_VALUE
                                  ? g_strdup_printf ("%" G_GINT64_FORMAT, count.number)
                                  : g_strdup ("not known");
    ts_markup_put (report->html,
                   "<tr><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td>%s</td></tr>"
                   "\n",
                   metric->name + strlen ("loss."), number, size, metric->help);
  }
  end_table (report);
}

static void
put_loss_list (TsReport *report, const TsVmFigures *figures)
{
  guint shown = MIN (figures->losses->len, LOSSES_MAX);
  if (figures->losses->len == 0)
    return;
  ts_markup_put (report->html, "<details><summary>%s: ", figures->vm);
  if (shown < figures->losses->len)
    ts_markup_put (report->html, "the first %u of %u entries", shown, figures->losses->len);
  else
    ts_markup_put (report->html, shown == 1 ? "the %u entry" : "all %u entries", shown);
  g_string_append (report->html, "</summary>\n");
  begin_table (report, "Class|Disk|#Offset, bytes|#Length, bytes|#Sequence|#At");
  for (guint i = 0; i < shown; i++) {
    const TsLoss *loss = &g_array_index (figures->losses, TsFigureLoss, i).loss;
    g_autofree char *at = ts_report_time (loss->t_us);
    ts_markup_put (report->html,
                   "<tr><td>%s</td><td>%s</td><td class=\"n\">%" G_GUINT64_FORMAT
                   "</td><td class=\"n\">%" G_GUINT64_FORMAT
                   "</td><td class=\"n\">%" G_GUINT64_FORMAT "</td><td class=\"n\">%s</td></tr>\n",
                   loss->class, loss->disk, loss->offset_bytes, loss->length_bytes, loss->sequence,
                   at);
  }
  end_table (report);
  g_string_append (report->html, "</details>\n");
}

void
ts_report_losses (TsReport *report)
{
  ts_report_begin (report, "loss", "Loss by class");
  ts_report_note (report,
                  "The ledger of acknowledged writes, kept outside both sites, against what "
                  "the copy that took over holds.");
  put_loss_counts (report);
  for (guint i = 0; i < report->verdict->figures->len; i++)
    put_loss_list (report, report->verdict->figures->pdata[i]);
  ts_report_end (report);
}

/* --- faults ----------------------------------------------------------------------------------- */

void
ts_report_faults (TsReport *report)
{
  ts_report_begin (report, "faults", "Faults and their evidence");
  if (report->periods->len == 0)
    ts_report_note (report, "No fault was injected.");
  else
    begin_table (report, "Step|Fault|Target|Mode|#From|#To|#Evidence|What was seen");
  for (guint i = 0; i < report->periods->len; i++) {
    const TsPeriod *period = &g_array_index (report->periods, TsPeriod, i);
    g_autofree char *from = ts_report_time (period->from_us);
    g_autofree char *to = ts_report_time (period->to_us);
    ts_markup_put (report->html,
                   "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td class=\"n\">%s</td><td "
                   "class=\"n\">%s</td>",
                   period->id, period->fault, period->target, period->mode, from, to);
    if (period->count > 0)
      ts_markup_put (report->html, "<td class=\"n\">%" G_GINT64_FORMAT "</td><td>%s</td></tr>\n",
                     period->count, period->what);
    else
      g_string_append (report->html,
                       "<td class=\"n\">0</td><td><span class=\"mark bad\">no evidence"
                       "</span> the fault did not bite</td></tr>\n");
  }
  if (report->periods->len > 0)
    end_table (report);
  ts_report_end (report);
}

/* --- invariants ------------------------------------------------------------------------------- */

void
ts_report_invariants (TsReport *report)
{
  const GPtrArray *invariants = report->verdict->invariants;
  ts_report_begin (report, "invariants", "Invariants");
  if (invariants->len == 0)
    ts_report_note (report, "No checker reported.");
  else
    begin_table (report, "Result|Invariant|Detail|#At");
  for (guint i = 0; i < invariants->len; i++) {
    const TsInvariantFinding *one = invariants->pdata[i];
    g_autofree char *at = ts_report_time (one->t_us);
    ts_markup_put (report->html,
                   "<tr><td><span class=\"mark %s\">%s</span></td><td>%s</td><td>%s</td><td "
                   "class=\"n\">%s</td></tr>\n",
                   one->holds || one->allowed ? "good" : "bad",
                   one->holds     ? "holds"
                   : one->allowed ? "broke, allowed"
                                  : "broke",
                   one->name, one->detail ? one->detail : "", at);
  }
  if (invariants->len > 0)
    end_table (report);
  ts_report_end (report);
}

/* --- timeline --------------------------------------------------------------------------------- */

/* What tells the story; what comes every cycle is in the curves. */
static gboolean
is_told (const TsRecord *record)
{
  static const char *const kinds[] = {
      "run",           "step",       "policy",  "power",  "guest",    "workload",
      "probe",         "connection", "state",   "health", "refused",  "failover",
      "test_failover", "survey",     "compare", "fault",  "evidence", "end"};
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (record->kind, kinds[i]) == 0)
      return TRUE;
  return strcmp (record->kind, "invariant") == 0 && !ts_record_get_int (record, "holds", 1);
}

/* "host hv-paris, from ready, to initial" */
static char *
fields_text (const TsRecord *record)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < record->fields->len; i++) {
    const TsField *field = &g_array_index (record->fields, TsField, i);
    const char *unit = g_str_has_suffix (field->key, "_us") ? "_us" : NULL;
    if (field->type == TS_FIELD_TEXT && !*field->text)
      continue;
    g_string_append (text, text->len > 0 ? ", " : "");
    g_string_append_len (text, field->key, (gssize)(strlen (field->key) - (unit ? 3 : 0)));
    if (field->type == TS_FIELD_TEXT)
      g_string_append_printf (text, " %s", field->text);
    else if (field->type == TS_FIELD_BOOL)
      g_string_append (text, field->number ? " yes" : " no");
    else if (unit) {
      TsMeasure time = {.kind = TS_MEASURE_VALUE, .number = field->number};
      g_autofree char *shown = strcmp (field->key, "instant_us") == 0
                                   ? ts_report_time (field->number)
                                   : ts_measure_format (&time, TS_UNIT_US);
      g_string_append_printf (text, " %s", shown);
    } else
      g_string_append_printf (text, " %" G_GINT64_FORMAT, field->number);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
ts_report_timeline (TsReport *report)
{
  const GPtrArray *records = report->journal->records;
  guint shown = 0, left_out = 0;
  ts_report_begin (report, "timeline", "Timeline");
  begin_table (report, "#Time|Told by|What|Details");
  for (guint i = 0; i < records->len; i++) {
    const TsRecord *record = records->pdata[i];
    if (!is_told (record))
      continue;
    if (shown == TIMELINE_MAX) {
      left_out++;
      continue;
    }
    g_autofree char *at = ts_report_time (record->t_us);
    g_autofree char *fields = fields_text (record);
    gboolean weighty = ts_record_is (record, "fault") || ts_record_is (record, "failover");
    g_string_append (report->html, weighty ? "<tr class=\"weighty\">" : "<tr>");
    ts_markup_put (report->html,
                   "<td class=\"n\">%s</td><td class=\"w\">%s</td><td>%s</td><td>%s</td></tr>\n",
                   at, record->source, record->kind, fields);
    shown++;
  }
  end_table (report);
  if (left_out > 0)
    ts_markup_put (report->html, "<p>%u more are in journal.jsonl.</p>\n", left_out);
  ts_report_end (report);
}

/* --- every number ----------------------------------------------------------------------------- */

void
ts_report_metrics (TsReport *report)
{
  ts_report_begin (report, "metrics", "Every number");
  for (guint i = 0; i < report->verdict->figures->len; i++) {
    const TsVmFigures *figures = report->verdict->figures->pdata[i];
    ts_markup_put (report->html, "<details><summary>%s</summary>\n", figures->vm);
    begin_table (report, "Metric|#Value|#Exact|Unit|#At|Meaning");
    for (guint j = 0; j < ts_metric_count (); j++) {
      const TsMetric *metric = ts_metric_get (j);
      const TsMeasure *measure = &figures->measures[j];
      g_autofree char *value = ts_measure_format (measure, metric->unit);
      g_autofree char *exact = measure->kind == TS_MEASURE_VALUE && metric->unit != TS_UNIT_TEXT
                                   ? g_strdup_printf ("%" G_GINT64_FORMAT, measure->number)
                                   : g_strdup ("");
      g_autofree char *at = ts_report_time (measure->t_us);
      ts_markup_put (report->html,
                     "<tr><td><code>%s</code></td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                     "<td>%s</td><td class=\"n\">%s</td><td>%s</td></tr>\n",
                     metric->name, value, exact, ts_unit_name (metric->unit), at, metric->help);
    }
    end_table (report);
    g_string_append (report->html, "</details>\n");
  }
  ts_report_end (report);
}

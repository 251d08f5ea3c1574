#include "results/report-internal.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/chart-text.h"
#include "results/file.h"
#include "results/markup.h"
#include "results/report-text.h"
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

/* --- what the sections share ------------------------------------------------------------------ */

char *
ts_report_time (gint64 t_us)
{
  gint64 ms = t_us / 1000;
  if (t_us < 0)
    return g_strdup ("before");
  return g_strdup_printf ("%" G_GINT64_FORMAT ":%02d:%02d.%03d", ms / 3600000,
                          (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
}

void
ts_report_begin (TsReport *report, const char *id, const char *heading)
{
  ts_markup_put (report->html,
                 "<section id=\"%s\" aria-labelledby=\"h-%s\">\n<h2 id=\"h-%s\">%s</h2>\n", id, id,
                 id, heading);
}

void
ts_report_end (TsReport *report)
{
  g_string_append (report->html, "</section>\n");
}

void
ts_report_note (TsReport *report, const char *text)
{
  ts_markup_put (report->html, "<p class=\"note\">%s</p>\n", text);
}

/* --- head: the verdict first ------------------------------------------------------------------ */

static void
put_head (TsReport *report)
{
  const TsVerdict *verdict = report->verdict;
  g_string_append (
      report->html,
      "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
      "<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\"/>\n");
  ts_markup_put (report->html, "<title>%s on %s: %s</title>\n", verdict->scenario, verdict->engine,
                 ts_verdict_name (verdict->kind));
  g_string_append_printf (report->html, "<style>\n%s%s</style>\n</head>\n<body>\n", chart_text,
                          report_text);
  g_string_append (report->html,
                   "<a class=\"skip\" href=\"#expectations\">Skip to objective against "
                   "achieved</a>\n");
}

static void
put_verdict (TsReport *report)
{
  static const char *const signs[] = {"✓", "✗", "?", "–"};
  const TsVerdict *verdict = report->verdict;
  const char *engine = strcmp (verdict->engine, "sim") == 0   ? "simulator, virtual time"
                       : strcmp (verdict->engine, "lab") == 0 ? "lab, real machines"
                                                              : verdict->engine;
  const char *title = report->context->title && *report->context->title ? report->context->title
                                                                        : verdict->scenario;
  g_autofree char *name = g_ascii_strup (ts_verdict_name (verdict->kind), -1);
  ts_markup_put (report->html,
                 "<header>\n<div class=\"verdict %s\"><span class=\"sign\" aria-hidden=\"true\">%s"
                 "</span><span class=\"word\">%s</span></div>\n<div>\n<h1>%s</h1>\n",
                 ts_verdict_name (verdict->kind), signs[verdict->kind], name, title);
  ts_markup_put (report->html,
                 "<p class=\"facts\">%s · %s · seed %" G_GUINT64_FORMAT " · commit %s</p>\n",
                 verdict->scenario, engine, verdict->seed, verdict->commit);
  if (verdict->kind != TS_VERDICT_PASSED)
    ts_markup_put (report->html, "<p class=\"headline\">%s</p>\n", verdict->headline);
  if (verdict->reasons->len > 1) {
    g_string_append (report->html, "<ul class=\"reasons\">\n");
    for (guint i = 0; i < verdict->reasons->len; i++)
      ts_markup_put (report->html, "<li>%s</li>\n", (const char *)verdict->reasons->pdata[i]);
    g_string_append (report->html, "</ul>\n");
  }
  g_string_append (report->html, "</div>\n</header>\n");
}

static void
put_figures (TsReport *report)
{
  static const struct {
    const char *metric, *name;
  } figures[] = {
      {"rpo.achieved", "Achieved RPO"},   {"rto", "RTO"},
      {"loss.lost", "Lost writes"},       {"exposure.max", "Highest exposure"},
      {"cycles.missed", "Missed cycles"}, {"health.worst", "Worst health"},
  };
  g_string_append (report->html, "<dl class=\"cards\">\n");
  for (guint i = 0; i < G_N_ELEMENTS (figures); i++) {
    const TsMetric *metric = ts_metric_find (figures[i].metric);
    g_auto (TsMeasure) measure = {0};
    ts_verdict_figure (report->verdict, metric, &measure);
    g_autofree char *text = measure.kind == TS_MEASURE_VALUE
                                ? ts_measure_format (&measure, metric->unit)
                            : measure.kind == TS_MEASURE_NEVER ? g_strdup ("never")
                                                               : g_strdup ("–");
    ts_markup_put (report->html, "<div><dt>%s</dt><dd>%s</dd></div>\n", figures[i].name, text);
  }
  g_string_append (report->html, "</dl>\n");
}

/* --- foot: how to check it -------------------------------------------------------------------- */

static void
put_fact (TsReport *report, const char *name, const char *value, gboolean code)
{
  if (!value || !*value)
    return;
  g_autofree char *shown = ts_markup_clean (value);
  ts_markup_put (report->html,
                 code ? "<dt>%s</dt><dd><pre>%s</pre></dd>\n" : "<dt>%s</dt><dd>%s</dd>\n", name,
                 shown);
}

static void
put_proof (TsReport *report)
{
  const TsVerdict *verdict = report->verdict;
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, verdict->seed);
  g_autofree char *scale =
      verdict->time_scale > 1 ? g_strdup_printf ("policy intervals and waiting times divided by %u",
                                                 verdict->time_scale)
                              : NULL;
  g_autofree char *lasted = ts_report_time (verdict->end_us);
  ts_report_begin (report, "proof", "How to check this");
  ts_report_note (report,
                  "Every number above is made from journal.jsonl and ledger.tsv in the run's "
                  "folder, and can be made again: twinsite judge FOLDER.");
  g_string_append (report->html, "<dl class=\"proof\">\n");
  put_fact (report, "Replay", verdict->replay, TRUE);
  put_fact (report, "Scenario", verdict->scenario, FALSE);
  put_fact (report, "Engine", verdict->engine, FALSE);
  put_fact (report, "Seed", seed, FALSE);
  put_fact (report, "Time scale", scale, FALSE);
  put_fact (report, "Lasted", lasted, FALSE);
  put_fact (report, "Commit", verdict->commit, FALSE);
  put_fact (report, "Machine", report->context->machine, TRUE);
  put_fact (report, "SHA-256", report->context->sums, TRUE);
  g_string_append (report->html, "</dl>\n");
  if (report->context->scenario) {
    g_autofree char *scenario = ts_markup_clean (report->context->scenario);
    ts_markup_put (report->html,
                   "<details><summary>The scenario as it was run</summary>\n<pre "
                   "class=\"file\">%s</pre>\n</details>\n",
                   scenario);
  }
  ts_report_end (report);
}

/* --- the page --------------------------------------------------------------------------------- */

static const struct {
  const char *id, *name;
  void (*put) (TsReport *report);
} sections[] = {
    {"expectations", "Objectives", ts_report_expectations},
    {"published", "Published", ts_report_published},
    {"rto", "Recovery time", ts_report_rto},
    {"failovers", "Failovers", ts_report_failovers},
    {"exposure", "Exposure", ts_report_exposure},
    {"pending", "Pending", ts_report_pending},
    {"throughput", "Throughput", ts_report_throughput},
    {"lanes", "States", ts_report_lanes},
    {"loss", "Loss", ts_report_losses},
    {"faults", "Faults", ts_report_faults},
    {"invariants", "Invariants", ts_report_invariants},
    {"timeline", "Timeline", ts_report_timeline},
    {"metrics", "Numbers", ts_report_metrics},
    {"proof", "Check", put_proof},
};

static gboolean
is_shown (const TsReport *report, guint section)
{
  const TsVerdict *verdict = report->verdict;
  gboolean several = FALSE;
  for (guint i = 0; i < verdict->figures->len; i++)
    several |= ((const TsVmFigures *)verdict->figures->pdata[i])->failovers->len > 1;
  return (sections[section].put != ts_report_published || verdict->published->len > 0) &&
         (sections[section].put != ts_report_failovers || several);
}

static void
put_contents (TsReport *report)
{
  g_string_append (report->html, "<nav aria-label=\"Sections\">\n");
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    if (is_shown (report, i))
      ts_markup_put (report->html, "<a href=\"#%s\">%s</a>\n", sections[i].id, sections[i].name);
  g_string_append (report->html, "</nav>\n");
}

char *
ts_report_to_html (const TsVerdict *verdict, const TsJournal *journal,
                   const TsReportContext *context)
{
  g_auto (GStrv) vms = ts_facts_vms (journal);
  g_autoptr (GString) html = g_string_new (NULL);
  g_autoptr (GArray) periods = ts_periods (journal);
  g_autoptr (GPtrArray) facts = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_facts_free);
  TsReport report = {verdict, journal, context, periods, facts, html};
  for (guint i = 0; vms[i]; i++)
    g_ptr_array_add (facts, ts_facts_new (journal, vms[i]));
  put_head (&report);
  put_verdict (&report);
  put_figures (&report);
  put_contents (&report);
  g_string_append (html, "<main>\n");
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    if (is_shown (&report, i))
      sections[i].put (&report);
  g_string_append (html, "</main>\n</body>\n</html>\n");
  return g_string_free (g_steal_pointer (&html), FALSE);
}

/* --- of a stored run -------------------------------------------------------------------------- */

/* NULL when it is not there. */
static char *
read_text (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;
  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

static char *
sums_of (const char *folder)
{
  static const char *const names[] = {"journal.jsonl", "ledger.tsv", "scenario.yaml"};
  g_autoptr (GString) sums = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
    if (!file)
      continue;
    guint8 sum[32]; /* by GnuTLS: with the processor's own instructions, six times as quick as GLib's */
    if (gnutls_hash_fast (GNUTLS_DIG_SHA256, g_mapped_file_get_contents (file),
                          g_mapped_file_get_length (file), sum) < 0)
      continue;
    g_string_append (sums, sums->len > 0 ? "\n" : "");
    for (guint k = 0; k < sizeof sum; k++)
      g_string_append_printf (sums, "%02x", sum[k]);
    g_string_append_printf (sums, "  %s", names[i]);
  }
  return g_string_free (g_steal_pointer (&sums), FALSE);
}

gboolean
ts_report_write (const TsVerdict *verdict, const TsJournal *journal, const char *folder,
                 const char *title, GError **error)
{
  g_autofree char *machine = read_text (folder, "machine.txt");
  g_autofree char *scenario = read_text (folder, "scenario.yaml");
  g_autofree char *sums = sums_of (folder);
  if (machine)
    g_strchomp (machine);
  TsReportContext context = {title, machine, scenario, sums};
  g_autofree char *html = ts_report_to_html (verdict, journal, &context);
  return ts_file_replace (folder, "report.html", html, error);
}

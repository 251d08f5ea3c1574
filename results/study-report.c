#include "results/study-report.h"
#include <math.h>
#include "results/chart-text.h"
#include "results/file.h"
#include "results/markup.h"
#include "results/report-text.h"
#include "results/study-chart.h"
#include "results/study-plot.h"
#include "results/study-text.h"

#define BAD_SHOWN 100u
#define POINTS_SHOWN 500u
#define SHADES 5

typedef struct {
  const TsStudy *study;
  GString *html;
} Page;

static void
begin (Page *page, const char *id, const char *heading)
{
  ts_markup_put (page->html,
                 "<section id=\"%s\" aria-labelledby=\"h-%s\">\n<h2 id=\"h-%s\">%s</h2>\n", id, id,
                 id, heading);
}

static void
end (Page *page)
{
  g_string_append (page->html, "</section>\n");
}

static void
note (Page *page, const char *text)
{
  ts_markup_put (page->html, "<p class=\"note\">%s</p>\n", text);
}

static void
figure (Page *page, char *svg)
{
  g_string_append_printf (page->html, "<figure>\n%s</figure>\n", svg);
  g_free (svg);
}

static const TsStudyAxis *
x_axis (const TsStudy *study)
{
  return ts_study_axis (study, study->x);
}

static const TsStudyAxis *
y_axis (const TsStudy *study)
{
  return study->y < 0 ? NULL : ts_study_axis (study, (guint)study->y);
}

/* ---- head ---- */

static void
put_head (Page *page)
{
  const TsStudy *study = page->study;
  TsStudyCount count;
  ts_study_count (study, &count);
  gboolean whole = count.done == study->cell_count;
  const char *kind = count.failed > 0                   ? "failed"
                     : count.troubled > 0               ? "failed"
                     : !whole || count.inconclusive > 0 ? "inconclusive"
                                                        : "passed";
  g_string_append (
      page->html,
      "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
      "<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\"/>\n");
  ts_markup_put (page->html, "<title>sweep %s</title>\n", study->name);
  g_string_append_printf (page->html, "<style>\n%s%s%s</style>\n</head>\n<body>\n", chart_text,
                          report_text, study_text);
  g_string_append (page->html, "<a class=\"skip\" href=\"#answer\">Skip to the answer</a>\n");
  ts_markup_put (page->html,
                 "<header>\n<div class=\"verdict %s\"><span class=\"sign\">%u</span><span "
                 "class=\"word\">OF %u RUNS</span></div>\n<div>\n<h1>%s</h1>\n",
                 kind, count.done, study->cell_count,
                 study->title[0] != '\0' ? study->title : study->name);
  ts_markup_put (
      page->html,
      "<p class=\"facts\">sweep %s · scenario %s on the simulator · %u points, %u seeds · "
      "commit %s</p>\n",
      study->name, study->scenario, study->point_count, study->seeds, study->commit);
  ts_markup_put (page->html,
                 "<p class=\"facts\">%u passed, %u failed, %u inconclusive, %u skipped, %u crashed "
                 "or given up, %u missing</p>\n</div>\n</header>\n",
                 count.passed, count.failed, count.inconclusive, count.skipped, count.troubled,
                 count.missing);
}

/* ---- the answer ---- */

static void
put_least (Page *page, guint row, gboolean kept)
{
  gint least = ts_study_least (page->study, row, kept);
  if (least < 0)
    g_string_append (page->html, "<td><span class=\"mark bad\">none shown</span></td>");
  else
    ts_markup_put (page->html, "<td><span class=\"mark good\">%s</span></td>",
                   (const char *)x_axis (page->study)->values->pdata[least]);
}

static void
put_answer_row (Page *page, const TsGroups *groups, guint row)
{
  const TsStudy *study = page->study;
  gint least = ts_study_least (study, row, FALSE);
  g_string_append (page->html, "<tr>");
  ts_markup_put (page->html, "<td>%s</td>",
                 y_axis (study) != NULL ? (const char *)y_axis (study)->values->pdata[row]
                                        : "all runs");
  if (study->max >= 0) {
    put_least (page, row, FALSE);
    if (least < 0)
      g_string_append (page->html, "<td></td>");
    else {
      TsSample sample;
      ts_groups_sample (groups, (guint)least, row, &sample);
      ts_markup_put (page->html, "<td>%u of %u runs; at least %.1f %% of all</td>", sample.within,
                     sample.count, floor (sample.within_low * 1000) / 10);
    }
  }
  put_least (page, row, TRUE);
  g_string_append (page->html, "</tr>\n");
}

static void
put_answer (Page *page)
{
  const TsStudy *study = page->study;
  const TsStudyAxis *y = y_axis (study);
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  begin (page, "answer", "What is enough");
  if (x_axis (study)->numbers == NULL) {
    note (page, "The axis to the right has no order of more and less: the tables below tell what "
                "holds where.");
    end (page);
    return;
  }
  g_autofree char *objective = ts_study_text (study->metric, study->max, study->max >= 0);
  ts_markup_put (page->html,
                 "<p class=\"note\">The least %s from which on, at every value shown, every run "
                 "%s%s%s. Shares are 95 %% lower bounds (Wilson).</p>\n",
                 x_axis (study)->label, study->max >= 0 ? "kept " : "kept every cycle",
                 study->max >= 0 ? study->metric->name : "",
                 study->max >= 0 ? " within the objective, and every cycle in time" : "");
  ts_markup_put (page->html, "<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">%s</th>",
                 y != NULL ? y->label : "");
  if (study->max >= 0)
    ts_markup_put (page->html, "<th scope=\"col\">%s within %s</th><th scope=\"col\">how sure</th>",
                   study->metric->name, objective);
  g_string_append (page->html, "<th scope=\"col\">no cycle missed</th></tr></thead>\n<tbody>\n");
  for (guint row = 0; row < groups->rows; row++)
    put_answer_row (page, groups, row);
  g_string_append (page->html, "</tbody></table></div>\n");
  end (page);
}

/* ---- the heat map, as a table that one can read and hear ---- */

static guint
shade_of (double value, double least, double most)
{
  if (least <= 0 || most <= least)
    return 0;
  double share = log (fmax (value, least) / least) / log (most / least);
  return MIN (SHADES - 1, (guint)(share * SHADES));
}

static void
put_heat_cell (Page *page, const TsSample *sample, double least, double most)
{
  const TsStudy *study = page->study;
  gboolean broken = study->max >= 0 && sample->within < sample->count;
  if (sample->count == 0) {
    g_string_append_printf (page->html, "<td class=\"none\">%s</td>",
                            sample->unknown > 0 ? "not told" : "–");
    return;
  }
  g_autofree char *text = ts_study_text (study->metric, sample->p95, sample->count);
  guint shade =
      sample->p95 == G_MAXINT64 ? SHADES - 1 : shade_of ((double)sample->p95, least, most);
  ts_markup_put (page->html, "<td class=\"s%u%s\"><b>%s</b>", shade, broken ? " broken" : "", text);
  if (study->max >= 0)
    ts_markup_put (page->html, "<small>%u of %u within</small>", sample->within, sample->count);
  else
    ts_markup_put (page->html, "<small>%u runs</small>", sample->count);
  g_string_append (page->html, "</td>");
}

static void
put_heat (Page *page)
{
  const TsStudy *study = page->study;
  const TsStudyAxis *x = x_axis (study), *y = y_axis (study);
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  double least = INFINITY, most = 0;
  for (guint i = 0; i < groups->columns * groups->rows; i++) {
    TsSample sample;
    ts_groups_sample (groups, i % groups->columns, i / groups->columns, &sample);
    if (sample.count == 0 || sample.p95 == G_MAXINT64)
      continue;
    least = fmin (least, fmax (1, (double)sample.p95));
    most = fmax (most, (double)sample.p95);
  }
  g_autofree char *heading = g_strdup_printf ("%s by %s%s%s", study->metric->name, x->label,
                                              y != NULL ? " and " : "", y != NULL ? y->label : "");
  begin (page, "heat", heading);
  note (page, "The 95th percentile of the runs (nearest rank); darker is more. Framed: a run broke "
              "the objective.");
  ts_markup_put (page->html,
                 "<div class=\"wide\"><table class=\"heat\">\n<thead><tr><th scope=\"col\">%s</th>",
                 y != NULL ? y->label : "");
  for (guint column = 0; column < groups->columns; column++)
    ts_markup_put (page->html, "<th scope=\"col\">%s</th>", (const char *)x->values->pdata[column]);
  g_string_append (page->html, "</tr></thead>\n<tbody>\n");
  for (guint row = groups->rows; row > 0; row--) { /* more is further up, as in the pictures */
    ts_markup_put (page->html, "<tr><th scope=\"row\">%s</th>",
                   y != NULL ? (const char *)y->values->pdata[row - 1] : "all runs");
    for (guint column = 0; column < groups->columns; column++) {
      TsSample sample;
      ts_groups_sample (groups, column, row - 1, &sample);
      put_heat_cell (page, &sample, least, most);
    }
    g_string_append (page->html, "</tr>\n");
  }
  g_string_append (page->html, "</tbody></table></div>\n");
  end (page);
}

/* ---- pictures ---- */

static void
put_curves (Page *page)
{
  TsSample sample;
  g_autoptr (TsGroups) groups = ts_groups_new (page->study, page->study->metric);
  ts_groups_sample (groups, 0, 0, &sample);
  begin (page, "curves", "How it changes");
  g_autofree char *text = g_strdup_printf (
      "%s: the median of the runs, and the range that encloses the true median with at least 95 %% "
      "(order statistics; below 6 runs the whole range, which is less sure).",
      page->study->metric->name);
  note (page, text);
  figure (page, ts_study_chart_curves (page->study));
  end (page);
}

static void
put_keeping (Page *page)
{
  begin (page, "keeping", "Where the link stops keeping up");
  note (page, "The share of runs in which no replication cycle was missed, with Wilson's 95 % "
              "bounds. Where it leaves 100 %, cycles begin to be late.");
  figure (page, ts_study_chart_keeping (page->study));
  end (page);
}

static void
put_loss (Page *page)
{
  begin (page, "loss", "What a disaster costs");
  g_autofree char *text = g_strdup_printf (
      "The share of runs in which %s was at most so much (%s), all runs of a column together; the "
      "bands of the first and the last hold the true distribution with 95 %% (Dvoretzky, Kiefer, "
      "Wolfowitz).",
      page->study->loss->name, page->study->loss->help);
  note (page, text);
  figure (page, ts_study_chart_loss (page->study));
  end (page);
}

/* ---- numbers ---- */

static void
put_text_cell (Page *page, const TsMetric *metric, gint64 number, guint count)
{
  g_autofree char *text = ts_study_text (metric, number, count);
  ts_markup_put (page->html, "<td class=\"n\">%s</td>", text);
}

static void
put_numbers (Page *page)
{
  const TsStudy *study = page->study;
  guint shown = 0;
  begin (page, "numbers", "Numbers");
  note (page, "Every point; the whole is in points.csv, each run in cells.csv, and all of it in "
              "summary.json.");
  g_string_append (page->html, "<div class=\"wide\"><table>\n<thead><tr>");
  for (guint i = 0; i < study->axes->len; i++)
    ts_markup_put (page->html, "<th scope=\"col\">%s</th>", ts_study_axis (study, i)->label);
  g_string_append (
      page->html, "<th scope=\"col\">metric</th><th class=\"n\" scope=\"col\">runs</th><th "
                  "class=\"n\" scope=\"col\">median</th><th class=\"n\" scope=\"col\">from</th><th "
                  "class=\"n\" scope=\"col\">to</th><th class=\"n\" scope=\"col\">sure</th><th "
                  "class=\"n\" scope=\"col\">highest</th></tr></thead>\n<tbody>\n");
  for (guint point = 0; point < study->point_count; point++)
    for (guint m = 0; m < study->metrics->len && shown < POINTS_SHOWN; m++, shown++) {
      const TsMetric *metric = study->metrics->pdata[m];
      TsSample sample;
      ts_study_point_sample (study, point, metric, &sample);
      g_string_append (page->html, "<tr>");
      for (guint i = 0; i < study->axes->len; i++)
        ts_markup_put (page->html, "<td>%s</td>", ts_study_value (study, point, i));
      ts_markup_put (page->html, "<td>%s</td><td class=\"n\">%u</td>", metric->name, sample.count);
      put_text_cell (page, metric, sample.median, sample.count);
      put_text_cell (page, metric, sample.low, sample.count);
      put_text_cell (page, metric, sample.high, sample.count);
      ts_markup_put (page->html, "<td class=\"n\">%.1f %%</td>", 100 * sample.sure);
      put_text_cell (page, metric, sample.max, sample.count);
      g_string_append (page->html, "</tr>\n");
    }
  g_string_append (page->html, "</tbody></table></div>\n");
  if (shown == POINTS_SHOWN)
    note (page, "The first 500 rows; points.csv has them all.");
  end (page);
}

static void
put_bad (Page *page)
{
  const TsStudy *study = page->study;
  guint shown = 0;
  begin (page, "bad", "Runs that did not pass");
  for (guint i = 0; i < study->cell_count && shown < BAD_SHOWN; i++) {
    const TsStudyCell *cell = &study->cells[i];
    if (cell->trouble == NULL && (!cell->done || cell->verdict == TS_VERDICT_PASSED))
      continue;
    g_autofree char *said =
        ts_markup_clean (cell->trouble != NULL ? cell->trouble : cell->headline);
    g_autofree char *replay = ts_markup_clean (cell->replay);
    if (shown++ == 0)
      g_string_append (page->html, "<div class=\"wide\"><table>\n<thead><tr><th "
                                   "scope=\"col\">run</th><th scope=\"col\">what happened, and how "
                                   "to see it again</th></tr></thead>\n<tbody>\n");
    ts_markup_put (page->html, "<tr><td>%u</td><td>%s<pre>%s</pre></td></tr>\n", i, said, replay);
  }
  if (shown > 0)
    g_string_append (page->html, "</tbody></table></div>\n");
  else
    note (page, "None.");
  if (shown == BAD_SHOWN)
    note (page, "The first 100; cells.csv has them all.");
  end (page);
}

static void
put_file (Page *page, const char *summary, const char *text)
{
  if (text == NULL)
    return;
  g_autofree char *clean = ts_markup_clean (text);
  ts_markup_put (page->html,
                 "<details><summary>%s</summary>\n<pre class=\"file\">%s</pre>\n</details>\n",
                 summary, clean);
}

char *
ts_study_report_to_html (const TsStudy *study, const char *sweep, const char *base)
{
  static const struct {
    const char *id, *name;
    void (*put) (Page *page);
  } sections[] = {{"answer", "Answer", put_answer},   {"heat", "Heat map", put_heat},
                  {"curves", "Curves", put_curves},   {"keeping", "Keeping up", put_keeping},
                  {"loss", "Loss", put_loss},         {"bad", "Failures", put_bad},
                  {"numbers", "Numbers", put_numbers}};
  Page page = {study, g_string_new (NULL)};
  put_head (&page);
  g_string_append (page.html, "<nav aria-label=\"Sections\">\n");
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    ts_markup_put (page.html, "<a href=\"#%s\">%s</a>\n", sections[i].id, sections[i].name);
  g_string_append (page.html, "<a href=\"#check\">Check</a>\n</nav>\n<main>\n");
  for (guint i = 0; i < G_N_ELEMENTS (sections); i++)
    sections[i].put (&page);
  begin (&page, "check", "How to check this");
  note (&page, "Every number is made from the files in cells/, each of which names this digest; "
               "the same sweep file, scenario and commit give the same digest, and the same cells. "
               "Any of them can be run alone: twinsite sweep --list shows the command of each.");
  ts_markup_put (page.html,
                 "<dl class=\"proof\"><dt>Digest</dt><dd><pre>%s</pre></dd><dt>Commit</dt><dd>%s"
                 "</dd></dl>\n",
                 study->digest, study->commit);
  put_file (&page, "The sweep's file, with all defaults", sweep);
  put_file (&page, "The scenario that it varies", base);
  end (&page);
  g_string_append (page.html, "</main>\n</body>\n</html>\n");
  return g_string_free (page.html, FALSE);
}

gboolean
ts_study_report_write (const TsStudy *study, const char *folder, GError **error)
{
  g_autofree char *sweep_path = g_build_filename (folder, "sweep.yaml", NULL);
  g_autofree char *base_path = g_build_filename (folder, "base.yaml", NULL);
  g_autofree char *sweep = NULL, *base = NULL;
  g_file_get_contents (sweep_path, &sweep, NULL, NULL);
  g_file_get_contents (base_path, &base, NULL, NULL);
  g_autofree char *html = ts_study_report_to_html (study, sweep, base);
  return ts_file_replace (folder, "report.html", html, error);
}

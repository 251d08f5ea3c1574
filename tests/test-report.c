/* tests/test-report.c -- report.html, metrics.csv and tap.txt: well-formed, escaped, complete, and
 * with the numbers of the metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>
#include "results-support.h"
#include "results/chart.h"
#include "results/report.h"
#include "results/verdict-files.h"

#define S(s) ((s)*TS_S)
#define EVIL "<script>alert('x')</script> & \"quoted\" \x01"

/* A disaster at 100 s, 12 s after the newest point's instant; RTO 31 s; two writes lost. */
static Run *
disaster_run (const char *step)
{
  Run *run = run_new ();
  run_point (run, S (60), S (58));
  run_point (run, S (90), S (88));
  run_write (run, S (50), "data", 0, 1);
  run_flush (run, S (50), "data", 1);
  run_write (run, S (95), "data", 1, 2);
  run_write (run, S (96), "data", 2, 3);
  run_flush (run, S (97), "data", 3);
  g_autoptr (TsRecord) fault = ts_record_new (S (92), "test", "fault");
  ts_record_text (fault, "id", step);
  ts_record_text (fault, "fault", "link");
  ts_record_text (fault, "target", "wan");
  ts_record_text (fault, "mode", "blackhole");
  ts_journal_add (run->journal, fault);
  g_autoptr (TsRecord) evidence = ts_record_new (S (93), "test", "evidence");
  ts_record_text (evidence, "id", step);
  ts_record_text (evidence, "what", "packets swallowed");
  ts_record_int (evidence, "count", 987);
  ts_journal_add (run->journal, evidence);
  run_tell (run, S (94),
            "\"kind\":\"state\",\"vm\":\"app\",\"host\":\"hv-a\",\"role\":\"primary\","
            "\"from\":\"initial\",\"to\":\"replicating\"");
  run_tell (run, S (95),
            "\"kind\":\"sent\",\"vm\":\"app\",\"host\":\"hv-a\",\"set\":2,"
            "\"data_bytes\":4096,\"transfer_us\":2000000,\"wire_bytes\":3001");
  run_power (run, S (100), "hv-a", FALSE, "power lost");
  run_probe (run, S (103), "hv-a", FALSE);
  run_failover (run, S (110), "commanded", FALSE, -1);
  run_failover (run, S (112), "promoted", FALSE, S (88));
  run_power (run, S (112), "hv-b", TRUE, "failover");
  run_ready (run, S (130));
  run_probe (run, S (131), "hv-b", TRUE);
  run_survey (run, S (132), "begun", 0, 0);
  run_held (run, S (133), "data", 0, 1, TS_HELD_WHOLE);
  run_survey (run, S (134), "done", 0, 0);
  run_tell (run, S (135), "\"kind\":\"invariant\",\"name\":\"one-active\",\"holds\":true");
  run_end (run, S (135));
  return run;
}

static TsVerdict *
judge (const Run *run, const char *max, const char *replay)
{
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  TsExpectation *rto = ts_expectation_new ("quick, \"back\"", "rto");
  rto->max = g_strdup (max);
  g_ptr_array_add (all->expectations, rto);
  TsPublished *published = ts_published_new ("theirs & ours", "25s", "a <page>");
  published->metric = g_strdup ("rto");
  published->why = g_strdup ("theirs had \"no\" probe");
  g_ptr_array_add (all->published, published);
  TsJudgeContext context = {.scenario = "made-up",
                            .engine = "lab",
                            .seed = 7,
                            .time_scale = 1,
                            .commit = "abc123",
                            .replay = replay};
  return ts_judge (run->journal, run->ledger, all, &context);
}

static char *
report_of (const Run *run, const TsVerdict *verdict, const char *title)
{
  TsReportContext context = {title, "system: Linux\nprocessors: 2", "name: made-up\n# a < b",
                             "0123abcd  journal.jsonl"};
  return ts_report_to_html (verdict, run->journal, &context);
}

/* Every element is closed, every attribute quoted, no character is loose. */
static void
assert_well_formed (const char *html)
{
  static const GMarkupParser parser = {0};
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, NULL, NULL);
  g_autoptr (GError) error = NULL;
  if (!g_markup_parse_context_parse (context, html, -1, &error) ||
      !g_markup_parse_context_end_parse (context, &error))
    fail_msg ("%s", error->message);
  assert_true (g_utf8_validate (html, -1, NULL));
  for (const char *at = html; *at; at++)
    assert_true ((guchar)*at >= 0x20 || *at == '\n');
}

static void
assert_has (const char *text, const char *part)
{
  if (!strstr (text, part))
    fail_msg ("not there: %s", part);
}

static void
page_is_whole_and_stands_alone (void **state)
{
  static const char *const ids[] = {"expectations", "rto",      "exposure", "pending",
                                    "throughput",   "lanes",    "loss",     "faults",
                                    "invariants",   "timeline", "metrics",  "proof"};
  g_autoptr (Run) run = disaster_run ("dark");
  g_autoptr (TsVerdict) verdict = judge (run, "1m", "twinsite run x.yaml --seed 7");
  g_autofree char *html = report_of (run, verdict, "A dark day");
  assert_int_equal (verdict->kind, TS_VERDICT_PASSED);
  assert_well_formed (html);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    g_autofree char *section = g_strdup_printf ("<section id=\"%s\"", ids[i]);
    g_autofree char *link = g_strdup_printf ("<a href=\"#%s\">", ids[i]);
    assert_has (html, section);
    assert_has (html, link);
  }
  /* the verdict before all else, and nothing from elsewhere */
  assert_true (strstr (html, "PASSED") < strstr (html, "<section"));
  assert_null (strstr (html, "<script"));
  assert_null (strstr (html, "src="));
  assert_null (strstr (html, "url("));
  assert_null (strstr (html, "@import"));
  assert_has (html, "prefers-color-scheme: dark");
  assert_has (html, "@media print");
  assert_has (html, "<h1>A dark day</h1>");
  assert_has (html, "Bytes a second on the wire");
}

static void
numbers_are_those_of_the_metrics (void **state)
{
  g_autoptr (Run) run = disaster_run ("dark");
  g_autoptr (TsVerdict) verdict = judge (run, "1m", "again");
  g_autofree char *html = report_of (run, verdict, NULL);
  const TsVmFigures *figures = verdict->figures->pdata[0];
  assert_int_equal (run_number (run, "rto"), S (31));
  assert_int_equal (run_number (run, "rpo.achieved"), S (5));
  assert_int_equal (run_number (run, "loss.lost"), 2);
  for (guint i = 0; i < ts_metric_count (); i++) {
    const TsMetric *metric = ts_metric_get (i);
    if (figures->measures[i].kind != TS_MEASURE_VALUE || metric->unit == TS_UNIT_TEXT)
      continue;
    g_autofree char *text = ts_measure_format (&figures->measures[i], metric->unit);
    g_autofree char *row = g_strdup_printf (
        "<code>%s</code></td><td class=\"n\">%s</td><td class=\"n\">%" G_GINT64_FORMAT "</td>",
        metric->name, text, figures->measures[i].number);
    assert_has (html, row);
  }
  assert_has (html, "<dt>RTO</dt><dd>31 s</dd>");
  assert_has (html, "<dt>Achieved RPO</dt><dd>5 s</dd>");
  assert_has (html, "<dt>Lost writes</dt><dd>2</dd>");
  /* objective against achieved */
  assert_has (html, "<code>rto</code></td><td>app</td><td class=\"n\">31 s</td><td>at most 1 min<");
  /* the stages: 3 + 7 + 2 + 18 + 1 */
  assert_has (html, "<td>detect</td><td>disaster to the first bad probe</td><td class=\"n\">3 s<");
  assert_has (html, "<td>decide</td><td>to the failover&apos;s command</td><td class=\"n\">7 s<");
  assert_has (html,
              "<td>boot</td><td>to the copy&apos;s guest being ready</td><td class=\"n\">18 s<");
  /* each lost write, the fault's evidence, the checker */
  assert_has (html,
              "<td>lost</td><td>data</td><td class=\"n\">8192</td><td class=\"n\">8192</td><td "
              "class=\"n\">2</td><td class=\"n\">0:01:35.000</td>");
  assert_has (html, "all 2 entries");
  assert_has (html, "<td class=\"n\">987</td><td>packets swallowed</td>");
  assert_has (html, "<td>one-active</td>");
  /* how to check it */
  assert_has (html, "<dt>Seed</dt><dd>7</dd>");
  assert_has (html, "<dt>Commit</dt><dd>abc123</dd>");
  assert_has (html, "0123abcd  journal.jsonl");
  assert_has (html, "processors: 2");
  assert_has (html, "# a &lt; b");
}

static void
failure_says_so_first (void **state)
{
  g_autoptr (Run) run = disaster_run ("dark");
  g_autoptr (TsVerdict) verdict = judge (run, "30s", "again");
  g_autofree char *html = report_of (run, verdict, NULL);
  assert_well_formed (html);
  assert_has (html, "<span class=\"word\">FAILED</span>");
  assert_has (html, "<span class=\"mark bad\">not met</span>");
  const char *headline = strstr (html, "<p class=\"headline\">");
  assert_non_null (headline);
  assert_true (headline < strstr (html, "<section"));
  assert_has (headline, "31 s");
}

static void
texts_of_users_are_only_text (void **state)
{
  g_autoptr (Run) run = disaster_run (EVIL);
  g_autoptr (TsVerdict) verdict = judge (run, "30s", EVIL);
  g_autofree char *html = report_of (run, verdict, EVIL);
  assert_well_formed (html);
  assert_null (strstr (html, "<script"));
  assert_has (html,
              "<h1>&lt;script&gt;alert(&apos;x&apos;)&lt;/script&gt; &amp; &quot;quoted&quot; "
              "?</h1>");
}

static void
run_without_anything_is_a_page_too (void **state)
{
  g_autoptr (TsJournal) journal = ts_journal_new ();
  g_autoptr (TsLedger) ledger = ts_ledger_new ();
  g_autoptr (TsExpectations) none = ts_expectations_new ();
  TsJudgeContext judged = {.scenario = "empty", .engine = "sim", .replay = "again"};
  g_autoptr (TsVerdict) verdict = ts_judge (journal, ledger, none, &judged);
  TsReportContext context = {0};
  g_autofree char *html = ts_report_to_html (verdict, journal, &context);
  assert_well_formed (html);
  assert_has (html, "INCONCLUSIVE");
  assert_has (html, "There was never a recovery point.");
}

static void
report_is_written_from_a_folder (void **state)
{
  static const char *const names[] = {"scenario.yaml", "machine.txt", "report.html"};
  g_autofree char *folder = g_dir_make_tmp ("test-report-XXXXXX", NULL);
  g_autofree char *scenario = g_build_filename (folder, "scenario.yaml", NULL);
  g_autofree char *machine = g_build_filename (folder, "machine.txt", NULL);
  g_autofree char *report = g_build_filename (folder, "report.html", NULL);
  g_autofree char *html = NULL;
  g_autoptr (Run) run = disaster_run ("dark");
  g_autoptr (TsVerdict) verdict = judge (run, "1m", "again");
  g_autoptr (GError) error = NULL;
  assert_true (g_file_set_contents (scenario, "abc", -1, NULL));
  assert_true (g_file_set_contents (machine, "a machine\n", -1, NULL));
  assert_true (ts_report_write (verdict, run->journal, folder, "T", &error));
  assert_true (g_file_get_contents (report, &html, NULL, NULL));
  assert_well_formed (html);
  assert_has (html, "<dt>Machine</dt><dd><pre>a machine</pre>");
  /* FIPS 180-2, appendix B.1 */
  assert_has (html, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  "
                    "scenario.yaml");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    assert_int_equal (g_unlink (path), 0);
  }
  assert_int_equal (g_rmdir (folder), 0); /* nothing else was left */
  assert_false (ts_report_write (verdict, run->journal, folder, "T", &error));
  assert_non_null (error);
}

/* --- charts ----------------------------------------------------------------------------------- */

static void
chart_is_exact (void **state)
{
  g_autoptr (TsChart) chart = ts_chart_new ("c", 0, S (100));
  g_autoptr (GArray) curve = g_array_new (FALSE, FALSE, sizeof (TsVertex));
  TsVertex vertices[] = {{0, 0}, {S (50), 4096}, {S (100), 2048}};
  g_array_append_vals (curve, vertices, 3);
  ts_chart_curve (chart, curve, TS_UNIT_BYTES, FALSE, 1, "a");
  ts_chart_shade (chart, S (25), S (50), "f & g");
  g_autofree char *svg = ts_chart_to_svg (chart);
  g_autofree char *file = ts_chart_to_svg_file (chart);
  assert_well_formed (svg);
  assert_well_formed (file);
  /* 96 to 944 across; 230 at the foot, 30 at the top, which is 4096 */
  assert_has (svg, "d=\"M96.00 230.00L520.00 30.00L944.00 130.00\"");
  assert_has (svg, "class=\"shade\" x=\"308.00\" y=\"30.00\" width=\"212.00\"");
  assert_has (svg, "f &amp; g");
}

static void
chart_of_a_million_keeps_its_peaks (void **state)
{
  g_autoptr (TsChart) chart = ts_chart_new ("c", 0, 1000000);
  g_autoptr (GArray) curve = g_array_new (FALSE, FALSE, sizeof (TsVertex));
  for (gint64 i = 0; i < 1000000; i++) {
    TsVertex vertex = {i, i == 777777 ? 1000 : i % 7};
    g_array_append_val (curve, vertex);
  }
  ts_chart_curve (chart, curve, TS_UNIT_COUNT, FALSE, 1, "a");
  g_autofree char *svg = ts_chart_to_svg (chart);
  assert_true (strlen (svg) < 200000);
  assert_has (svg, " 30.00L"); /* the one peak, at the top */
}

/* --- plain lines ------------------------------------------------------------------------------ */

static void
csv_has_every_metric (void **state)
{
  g_autoptr (Run) run = disaster_run ("dark");
  g_autoptr (TsVerdict) verdict = judge (run, "1m", "again");
  g_autofree char *csv = ts_verdict_to_csv (verdict);
  g_auto (GStrv) lines = g_strsplit (csv, "\r\n", -1);
  assert_int_equal (g_strv_length (lines), 1 + ts_metric_count () + 1); /* header, rows, the end */
  assert_string_equal (lines[0], "vm,metric,unit,value,t_us,told,reason");
  assert_has (csv, "\r\napp,rto,us,31000000,131000000,value,\r\n");
  assert_has (csv, "\r\napp,pending.max,bytes,,135000000,unknown,");
}

static void
tap_has_every_case (void **state)
{
  g_autoptr (Run) run = disaster_run ("dark");
  g_autoptr (TsVerdict) verdict = judge (run, "30s", "again # 7\nor not");
  g_autofree char *tap = ts_verdict_to_tap (verdict);
  assert_true (g_str_has_prefix (tap, "TAP version 13\n1..3\n"));
  assert_has (tap, "\nnot ok 1 - made-up.lab run\n# failed: ");
  assert_has (tap, "\nnot ok 2 - expect quick, \"back\"\n# ");
  assert_has (tap, "\nok 3 - invariant one-active\n");
  assert_has (tap, "replay: again + 7 or not\n");
}

/* Shown in full, judged by nothing. */
static void
published_figures_are_beside_ours (void **state)
{
  g_autoptr (Run) run = disaster_run ("dark");
  g_autoptr (TsVerdict) verdict = judge (run, "60s", "again");
  g_autofree char *html = report_of (run, verdict, "Title");
  g_autofree char *json = ts_verdict_to_json (verdict);
  assert_int_equal (verdict->kind, TS_VERDICT_PASSED);
  assert_non_null (strstr (html, "<a href=\"#published\">"));
  assert_non_null (strstr (html, "<tr><td>theirs &amp; ours<br/><small><code>rto</code></small></td>"
                                 "<td class=\"n\">25s</td><td class=\"n\">31 s</td>"
                                 "<td>24 % more</td>"));
  assert_non_null (strstr (html, "<td>a &lt;page&gt;</td>"));
  assert_non_null (strstr (json, "\"difference\" : \"24 % more\""));
  g_ptr_array_set_size (verdict->published, 0);
  g_autofree char *without = report_of (run, verdict, "Title");
  assert_null (strstr (without, "#published"));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (published_figures_are_beside_ours),
      cmocka_unit_test (page_is_whole_and_stands_alone),
      cmocka_unit_test (numbers_are_those_of_the_metrics),
      cmocka_unit_test (failure_says_so_first),
      cmocka_unit_test (texts_of_users_are_only_text),
      cmocka_unit_test (run_without_anything_is_a_page_too),
      cmocka_unit_test (report_is_written_from_a_folder),
      cmocka_unit_test (chart_is_exact),
      cmocka_unit_test (chart_of_a_million_keeps_its_peaks),
      cmocka_unit_test (csv_has_every_metric),
      cmocka_unit_test (tap_has_every_case),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

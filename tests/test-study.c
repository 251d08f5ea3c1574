/* Bounds against published values, samples and answers of a small study, and a cell's file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "core/base/error.h"
#include "results/bounds.h"
#include "results/study-files.h"
#include "results/study-plot.h"
#include "results/study-report.h"
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>

#define NEVER G_MAXINT64
#define UNTOLD (-1)

/* ---- bounds ---- */

static const struct median_row {
  guint n, want_k;
  double want_sure;
} medians[] = {
    /* Conover, Practical Nonparametric Statistics; binomial with 1/2 */
    {1, 1, 0},
    {5, 1, 0.9375},
    {6, 1, 0.96875},
    {8, 1, 0.9921875},
    {9, 2, 0.9609375},
    {10, 2, 0.9785156},
    {20, 6, 0.9586105},
    {50, 18, 0.9671611},
    {100, 40, 0.9647998},
    {5000, 2431, 0.950684},
};

static void
median_bounds (void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS (medians); i++) {
    guint k;
    double sure = ts_bounds_median (medians[i].n, &k);
    assert_int_equal (k, medians[i].want_k);
    assert_true (fabs (sure - medians[i].want_sure) < 1e-4);
  }
}

static void
share_bounds (void **state)
{
  double low, high;
  ts_bounds_share (0, 0, &low, &high);
  assert_true (low == 0 && high == 1);
  /* Newcombe 1998, table I, method 3: 81/263, 15/148, 0/20, 1/29 */
  ts_bounds_share (81, 263, &low, &high);
  assert_true (fabs (low - 0.2553) < 1e-4 && fabs (high - 0.3662) < 1e-4);
  ts_bounds_share (15, 148, &low, &high);
  assert_true (fabs (low - 0.0624) < 1e-4 && fabs (high - 0.1605) < 1e-4);
  ts_bounds_share (0, 20, &low, &high);
  assert_true (low == 0 && fabs (high - 0.1611) < 1e-4);
  ts_bounds_share (20, 20, &low, &high);
  assert_true (fabs (low - 0.8389) < 1e-4 && high == 1);
}

static void
distribution_bounds (void **state)
{
  assert_true (ts_bounds_distribution (0) == 1);
  assert_true (fabs (ts_bounds_distribution (100) - 0.13581) < 1e-5);
  assert_true (fabs (ts_bounds_distribution (10000) - 0.013581) < 1e-6);
}

/* ---- a study: links of 1, 2, 4 Mbit/s, churns of 5 and 10, 3 seeds ---- */

static guint
index_of (const char *name)
{
  guint index = 0;
  while (ts_metric_get (index) != ts_metric_find (name))
    index++;
  return index;
}

static void
put (TsStudyCell *cell, const char *name, gint64 number)
{
  cell->values[index_of (name)] =
      (TsStudyValue){.kind = number == NEVER    ? TS_MEASURE_NEVER
                             : number == UNTOLD ? TS_MEASURE_UNKNOWN
                                                : TS_MEASURE_VALUE,
                     .number = number == NEVER || number == UNTOLD ? 0 : number};
}

static void
fill (TsStudy *study, guint index, gint64 rpo_us, gint64 missed)
{
  TsStudyCell *cell = &study->cells[index];
  cell->done = TRUE;
  cell->headline = g_strdup ("passed: \"x\", y");
  cell->values = g_new0 (TsStudyValue, ts_metric_count ());
  for (guint i = 0; i < ts_metric_count (); i++)
    cell->values[i].kind = TS_MEASURE_UNKNOWN;
  put (cell, "rpo.achieved", rpo_us);
  put (cell, "cycles.missed", missed);
  put (cell, "cycles.success", 10 - missed);
}

static TsStudy *
study_new (void)
{
  static const char *const links[] = {"1Mbit/s", "2Mbit/s", "4Mbit/s"};
  static const char *const churns[] = {"5/s", "10/s"};
  static const guint8 points[] = {0, 0, 0, 1, 1, 0, 1, 1, 2, 0, 2, 1};
  TsStudy *study = ts_study_new ("s", "title", "base", "digest");
  ts_study_add_axis (study, "link", "the link", links, 3);
  ts_study_add_axis (study, "churn", "churn", churns, 2);
  ts_study_set_points (study, points, 6, 3, 1);
  study->y = 1;
  study->metric = ts_metric_find ("rpo.achieved");
  study->loss = ts_metric_find ("loss.lost");
  study->max = 300;
  g_ptr_array_add (study->metrics, (gpointer)study->metric);
  return study;
}

/* rpo of the three seeds of each point */
static const gint64 rpos[6][3] = {{400, 100, 250},   {900, 700, 800}, {200, 210, 220},
                                  {NEVER, 300, 301}, {90, 91, 92},    {300, 300, 10}};

static TsStudy *
study_full (void)
{
  TsStudy *study = study_new ();
  for (guint point = 0; point < 6; point++)
    for (guint seed = 0; seed < 3; seed++)
      fill (study, point * 3 + seed, rpos[point][seed], point == 0 && seed == 0 ? 4 : 0);
  return study;
}

static void
axes_are_quantities (void **state)
{
  static const char *const rates[] = {"500kbit/s", "1Mbit/s"}, *const times[] = {"30s", "5min"},
                           *const mixed[] = {"30s", "1Mbit/s"}, *const counts[] = {"1", "2"};
  g_autoptr (TsStudy) study = ts_study_new ("s", "", "b", "d");
  ts_study_add_axis (study, "a", "a", rates, 2);
  ts_study_add_axis (study, "b", "b", times, 2);
  ts_study_add_axis (study, "c", "c", mixed, 2);
  ts_study_add_axis (study, "d", "d", counts, 2);
  assert_true (ts_study_axis (study, 0)->numbers[0] == 500e3);
  assert_true (ts_study_axis (study, 0)->numbers[1] == 1e6);
  assert_true (ts_study_axis (study, 1)->numbers[1] == 300e6);
  assert_null (ts_study_axis (study, 2)->numbers);
  assert_true (ts_study_axis (study, 3)->numbers[1] == 2);
}

static void
samples (void **state)
{
  g_autoptr (TsStudy) study = study_full ();
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  TsSample sample;
  assert_int_equal (groups->columns, 3);
  assert_int_equal (groups->rows, 2);
  ts_groups_sample (groups, 0, 0, &sample);
  assert_int_equal (sample.count, 3);
  assert_int_equal (sample.min, 100);
  assert_int_equal (sample.median, 250);
  assert_int_equal (sample.p95, 400);
  assert_int_equal (sample.low, 100);
  assert_int_equal (sample.high, 400);
  assert_int_equal (sample.within, 2);
  ts_groups_sample (groups, 1, 1, &sample);
  assert_int_equal (sample.never, 1);
  assert_true (sample.max == NEVER && sample.median == 301);
  assert_int_equal (sample.within, 1);
  ts_study_point_sample (study, 5, study->metric, &sample);
  assert_int_equal (sample.within, 3); /* the objective itself is within */
  put (&study->cells[15], "rpo.achieved", UNTOLD);
  ts_study_point_sample (study, 5, study->metric, &sample);
  assert_int_equal (sample.count, 2);
  assert_int_equal (sample.unknown, 1);
}

/* Another axis than x and y: its runs are samples of the same group. */
static void
other_axes_are_samples (void **state)
{
  g_autoptr (TsStudy) study = study_full ();
  study->y = -1;
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  assert_int_equal (groups->rows, 1);
  assert_int_equal (ts_groups_get (groups, 0, 0)->len, 6);
}

static void
answers (void **state)
{
  g_autoptr (TsStudy) study = study_full ();
  assert_int_equal (ts_study_least (study, 0, FALSE), 1); /* 2 Mbit/s */
  assert_int_equal (ts_study_least (study, 1, FALSE), 2); /* 4 Mbit/s */
  assert_int_equal (ts_study_least (study, 0, TRUE), 1);  /* a cycle is missed at 1 Mbit/s */
  assert_int_equal (ts_study_least (study, 1, TRUE), 0);
  TsKeeping keeping;
  ts_study_keeping (study, 0, 0, &keeping);
  assert_int_equal (keeping.count, 3);
  assert_int_equal (keeping.kept, 2);
  assert_true (fabs (keeping.missed_share - 4.0 / 30) < 1e-9);
  /* good at 1 and at 4, and not at 2: then 1 is no answer */
  put (&study->cells[0], "rpo.achieved", 1);
  put (&study->cells[8], "rpo.achieved", 301);
  assert_int_equal (ts_study_least (study, 0, FALSE), 2);
  /* nothing is known at 4: it speaks neither for nor against, but is no answer */
  for (guint i = 12; i < 15; i++)
    ts_study_cell_clear (&study->cells[i]);
  assert_int_equal (ts_study_least (study, 0, FALSE), -1);
  study->max = -1;
  assert_int_equal (ts_study_least (study, 1, FALSE), -1);
}

static void
tables (void **state)
{
  g_autoptr (TsStudy) study = study_full ();
  ts_study_cell_clear (&study->cells[17]);
  study->cells[17].trouble = g_strdup ("crashed (Aborted)");
  study->cells[17].replay = g_strdup ("twinsite run b");
  g_autofree char *csv = ts_study_cells_csv (study);
  g_auto (GStrv) lines = g_strsplit (csv, "\r\n", -1);
  assert_int_equal (g_strv_length (lines), 20); /* header, 18 cells, the end */
  assert_true (g_str_has_prefix (lines[0], "cell,point,seed,link,churn,verdict,exit_code,"));
  assert_true (g_str_has_prefix (lines[1], "0,0,1,1Mbit/s,5/s,passed,0,"));
  assert_true (g_str_has_suffix (lines[1], ",\"passed: \"\"x\"\", y\""));
  assert_non_null (strstr (lines[10], ",never,"));
  assert_true (g_str_has_prefix (lines[18], "17,5,3,4Mbit/s,10/s,missing,2,,"));
  guint commas = 0;
  for (const char *at = lines[0]; *at != '\0'; at++)
    commas += *at == ',';
  for (const char *at = lines[18]; *at != '\0'; at++)
    commas -= *at == ',';
  assert_int_equal (commas, 0);
  g_autofree char *points = ts_study_points_csv (study);
  assert_non_null (strstr (
      points, "\r\n0,1Mbit/s,5/s,rpo.achieved,us,3,0,0,100,250,100,400,0.7500,400,400\r\n"));
  g_autofree char *text = ts_study_format (study);
  assert_non_null (strstr (text, "s: 17 of 18 runs (6 points, 3 seeds)"));
  assert_non_null (strstr (text, "17 passed 1 crashed or given up"));
  assert_non_null (strstr (text, "churn 5/s: rpo.achieved within 300 us from 2Mbit/s (3 of 3 runs "
                                 "within; 95 % sure of at least 44 % of all); no cycle missed from "
                                 "2Mbit/s\n"));
  assert_non_null (strstr (text, "cell 17: crashed (Aborted)\n  replay: twinsite run b\n"));
}

/* ---- a cell's file ---- */

static void
cell_comes_back (void **state)
{
  g_autoptr (TsStudy) study = study_full ();
  g_autoptr (GError) error = NULL;
  TsStudyCell again = {0};
  g_autofree char *text = ts_study_cell_format (study, 9, &study->cells[9]);
  assert_true (ts_study_cell_parse (study, 9, text, strlen (text), &again, &error));
  g_autofree char *text_again = ts_study_cell_format (study, 9, &again);
  assert_string_equal (text_again, text);
  assert_int_equal (again.values[index_of ("rpo.achieved")].kind, TS_MEASURE_NEVER);
  ts_study_cell_clear (&again);
}

static void
other_cells_are_refused (void **state)
{
  g_autoptr (TsStudy) study = study_full ();
  g_autofree char *text = ts_study_cell_format (study, 9, &study->cells[9]);
  static const char *const changes[][3] = {
      {"\"digest\":\"digest\"", "\"digest\":\"other\"", "is of another sweep"},
      {"\"cell\":9", "\"cell\":8", "does not say the cell"},
      {"\"seed\":1", "\"seed\":2", "does not say the cell"},
      {"\"verdict\":\"passed\"", "\"verdict\":\"good\"", "has no verdict"},
      {"\"exit_code\":0", "\"exit_code\":\"0\"", "has no verdict"},
      {"\"cycles_missed\":0", "\"cycles_missed\":0.5", "lacks a metric"},
      {"\"cycles_missed\":0", "\"cycles_mist\":0", "lacks a metric"},
      {"}}", "}", "is not a line of JSON"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (changes); i++) {
    g_autoptr (GError) error = NULL;
    TsStudyCell cell = {0};
    assert_non_null (strstr (text, changes[i][0]));
    g_auto (GStrv) parts = g_strsplit (text, changes[i][0], 2);
    g_autofree char *changed = g_strjoinv (changes[i][1], parts);
    assert_false (ts_study_cell_parse (study, 9, changed, strlen (changed), &cell, &error));
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    assert_non_null (strstr (error->message, changes[i][2]));
    assert_false (cell.done);
    assert_null (cell.values);
  }
}

/* ---- pictures and page ---- */

static void
picture_data (void **state)
{
  g_autoptr (TsStudy) study = study_full ();
  g_autofree char *heat = ts_study_heat_tsv (study);
  g_auto (GStrv) lines = g_strsplit (heat, "\n", -1);
  assert_string_equal (lines[0], "column\trow\tx\ty\trpo_achieved_us_p95\tcount\twithin\ttext");
  assert_string_equal (lines[1], "0\t0\t1Mbit/s\t5/s\t400\t3\t2\t400 us");
  assert_string_equal (lines[5], "1\t1\t2Mbit/s\t10/s\tnan\t3\t1\tnever");
  g_autofree char *curves = ts_study_curves_tsv (study);
  assert_non_null (strstr (curves, "\n0\t0\t1Mbit/s\t5/s\t1000000.000000\t250\t100\t400\t400\t"
                                   "400\t0.7500\t3\n"));
  g_autofree char *keeping = ts_study_keeping_tsv (study);
  assert_non_null (strstr (keeping, "\t66.67\t20.77\t93.85\t13.33\t3\n"));
  /* the loss is told by nobody here: no line but the header; then by two runs of a column */
  g_autofree char *none = ts_study_loss_tsv (study);
  assert_string_equal (none, "column\tx\tloss_lost_writes\tshare\tlow\thigh\tcount\n");
  put (&study->cells[0], "loss.lost", 7);
  put (&study->cells[1], "loss.lost", 3);
  g_autofree char *loss = ts_study_loss_tsv (study);
  assert_non_null (strstr (loss, "\n0\t1Mbit/s\t3\t0.500000\t0.000000\t1.000000\t2\n"));
  assert_non_null (strstr (loss, "\n0\t1Mbit/s\t7\t1.000000\t0.039677\t1.000000\t2\n"));
}

static void
axes_of_a_wide_span_are_logarithmic (void **state)
{
  static const char *const wide[] = {"1Mbit/s", "8Mbit/s"},
                           *const narrow[] = {"1Mbit/s", "7Mbit/s"},
                           *const words[] = {"on", "off", "30s"};
  g_autoptr (TsStudy) study = ts_study_new ("s", "", "b", "d");
  ts_study_add_axis (study, "a", "a", wide, 2);
  ts_study_add_axis (study, "b", "b", narrow, 2);
  ts_study_add_axis (study, "c", "c", words, 3);
  g_autofree double *a = ts_study_positions (ts_study_axis (study, 0));
  g_autofree double *b = ts_study_positions (ts_study_axis (study, 1));
  g_autofree double *c = ts_study_positions (ts_study_axis (study, 2));
  assert_true (fabs (a[1] - a[0] - log (8)) < 1e-9);
  assert_true (b[1] == 7e6);
  assert_true (c[0] == 0 && c[2] == 2);
}

static int
remove_one (const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
  return remove (path);
}

/* What a user calls things is not run by gnuplot, nor by a browser. */
static void
names_are_only_text (void **state)
{
  g_autoptr (TsStudy) study = study_full ();
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("test-study-XXXXXX", NULL);
  TsStudyAxis *axis = study->axes->pdata[1];
  g_free (axis->label);
  axis->label = g_strdup ("it's `touch evil` <b>&");
  put (&study->cells[0], "loss.lost", 7);
  assert_true (ts_study_plot_write (study, folder, &error));
  g_autofree char *html = ts_study_report_to_html (study, "a: <x>", NULL);
  const GMarkupParser parser = {0};
  g_autoptr (GMarkupParseContext) context =
      g_markup_parse_context_new (&parser, G_MARKUP_DEFAULT_FLAGS, NULL, NULL);
  const char *body = strstr (html, "<html"); /* GMarkup does not read the DOCTYPE's kin */
  assert_true (g_markup_parse_context_parse (context, body, -1, &error));
  assert_true (g_markup_parse_context_end_parse (context, &error));
  assert_non_null (strstr (html, "it&apos;s `touch evil` &lt;b&gt;&amp;"));
  assert_non_null (strstr (html, "<td>3 of 3 runs; at least 43.8 % of all</td>"));
  assert_null (strstr (html, "<script"));
  g_autofree char *gnuplot = g_find_program_in_path ("gnuplot");
  if (gnuplot != NULL) {
    assert_true (ts_study_plot_draw (folder, FALSE, &error));
    static const char *const names[] = {"heat.svg", "curves.svg", "keeping.svg", "loss.svg"};
    for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
      g_autofree char *path = g_build_filename (folder, "plots", names[i], NULL);
      g_autofree char *svg = NULL;
      assert_true (g_file_get_contents (path, &svg, NULL, NULL));
      assert_non_null (strstr (svg, "</svg>"));
    }
    g_autofree char *evil = g_build_filename (folder, "plots", "evil", NULL);
    assert_false (g_file_test (evil, G_FILE_TEST_EXISTS));
  }
  nftw (folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (median_bounds),
      cmocka_unit_test (share_bounds),
      cmocka_unit_test (distribution_bounds),
      cmocka_unit_test (axes_are_quantities),
      cmocka_unit_test (samples),
      cmocka_unit_test (other_axes_are_samples),
      cmocka_unit_test (answers),
      cmocka_unit_test (tables),
      cmocka_unit_test (cell_comes_back),
      cmocka_unit_test (other_cells_are_refused),
      cmocka_unit_test (picture_data),
      cmocka_unit_test (axes_of_a_wide_span_are_logarithmic),
      cmocka_unit_test (names_are_only_text),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

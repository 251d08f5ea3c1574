/* tests/test-plot.c -- the data behind the plots, to the microsecond, and gnuplot as a guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>
#include "core/base/error.h"
#include "results-support.h"
#include "results/plot.h"

#define S(s) ((s)*TS_S)

/* Points at 10 s (of 8 s), 40 s (of 38 s); a dark link from 45 s to 70 s; power lost at 60 s, with
 * a failover at 65 s; the end at 80 s. */
static Run *
dark_run (void)
{
  Run *run = run_new ();
  run_tell (run, S (5),
            "\"kind\":\"state\",\"vm\":\"app\",\"host\":\"hv-a\",\"role\":\"primary\","
            "\"from\":\"disabled\",\"to\":\"initial\"");
  run_point (run, S (10), S (8));
  run_tell (run, S (10),
            "\"kind\":\"state\",\"vm\":\"app\",\"host\":\"hv-a\",\"role\":\"primary\","
            "\"from\":\"initial\",\"to\":\"replicating\"");
  run_tell (run, S (12),
            "\"kind\":\"health\",\"vm\":\"app\",\"host\":\"hv-b\",\"role\":"
            "\"replica\",\"health\":\"normal\",\"reason\":\"\"");
  run_tell (run, S (38), "\"kind\":\"pending\",\"vm\":\"app\",\"host\":\"hv-a\",\"bytes\":4096");
  run_point (run, S (40), S (38));
  run_tell (run, S (40),
            "\"kind\":\"sent\",\"vm\":\"app\",\"host\":\"hv-a\",\"set\":2,"
            "\"data_bytes\":4096,\"transfer_us\":2000000,\"wire_bytes\":3001");
  run_tell (run, S (40), "\"kind\":\"pending\",\"vm\":\"app\",\"host\":\"hv-a\",\"bytes\":0");
  run_tell (run, S (45),
            "\"kind\":\"fault\",\"id\":\"dark\",\"fault\":\"link\",\"target\":\"wan\","
            "\"mode\":\"blackhole\"");
  run_power (run, S (60), "hv-a", FALSE, "power lost");
  run_tell (run, S (60),
            "\"kind\":\"fault\",\"id\":\"gone\",\"fault\":\"site_down\",\"target\":"
            "\"paris\",\"mode\":\"power\"");
  run_failover (run, S (65), "commanded", FALSE, -1);
  run_failover (run, S (66), "promoted", FALSE, S (38));
  run_tell (run, S (70),
            "\"kind\":\"fault\",\"id\":\"heal\",\"fault\":\"link\",\"target\":\"wan\","
            "\"mode\":\"up\"");
  run_tell (run, S (75),
            "\"kind\":\"evidence\",\"id\":\"dark\",\"fault\":\"link\",\"target\":"
            "\"wan\",\"what\":\"packets swallowed\",\"count\":3");
  run_tell (run, S (76),
            "\"kind\":\"evidence\",\"id\":\"dark\",\"fault\":\"link\",\"target\":"
            "\"wan\",\"what\":\"packets swallowed\",\"count\":4");
  run_tell (run, S (78),
            "\"kind\":\"state\",\"vm\":\"app\",\"host\":\"hv-a\",\"role\":\"primary\","
            "\"from\":\"replicating\",\"to\":\"replicating\"");
  run_end (run, S (80));
  return run;
}

static const struct row {
  const char *name;
  char *(*text) (const TsJournal *journal);
  const char *want;
} rows[] = {
    {"exposure: two corners at a point, and the curve ends at the disaster", ts_plot_exposure_tsv,
     "vm\tt_us\texposure_us\n"
     "app\t10000000\t2000000\n"
     "app\t40000000\t32000000\n"
     "app\t40000000\t2000000\n"
     "app\t60000000\t22000000\n"},
    {"pending: as told", ts_plot_pending_tsv,
     "vm\tt_us\tpending_bytes\n"
     "app\t38000000\t4096\n"
     "app\t40000000\t0\n"},
    {"bandwidth: from the first byte to the acknowledgement", ts_plot_bandwidth_tsv,
     "vm\tt_us\twire_bytes_per_s\n"
     "app\t38000000\t1500\n"
     "app\t40000000\t0\n"},
    {"throughput: bytes a second, rounded down", ts_plot_throughput_tsv,
     "vm\tt_us\tset\tdata_bytes\twire_bytes\ttransfer_us\twire_bytes_per_s\n"
     "app\t40000000\t2\t4096\t3001\t2000000\t1500\n"},
    {"lanes: a dead side says nothing until it is back", ts_plot_lanes_tsv,
     "lane\tvm\trole\twhat\tvalue\tfrom_us\tto_us\n"
     "0\tapp\tprimary\tstate\tinitial\t5000000\t10000000\n"
     "0\tapp\tprimary\tstate\treplicating\t10000000\t60000000\n"
     "0\tapp\tprimary\tstate\treplicating\t78000000\t80000000\n"
     "1\tapp\treplica\thealth\tnormal\t12000000\t80000000\n"},
    {"faults: healed, or to the end; evidence is summed", ts_plot_faults_tsv,
     "id\tfault\ttarget\tmode\tfrom_us\tto_us\twhat\tcount\n"
     "dark\tlink\twan\tblackhole\t45000000\t70000000\tpackets swallowed\t7\n"
     "gone\tsite_down\tparis\tpower\t60000000\t80000000\t-\t0\n"},
};

static void
data_is_exact (void **state)
{
  const struct row *row = *state;
  g_autoptr (Run) run = dark_run ();
  g_autofree char *text = row->text (run->journal);
  assert_string_equal (text, row->want);
}

static TsVerdict *
judge (const Run *run, const char *scenario)
{
  g_autoptr (TsExpectations) none = ts_expectations_new ();
  TsJudgeContext context = {.scenario = scenario,
                            .engine = "sim",
                            .seed = 7,
                            .time_scale = 1,
                            .commit = "abc",
                            .replay = "again"};
  return ts_judge (run->journal, run->ledger, none, &context);
}

static void
empty_run_has_headers_only (void **state)
{
  g_autoptr (TsJournal) journal = ts_journal_new ();
  g_autofree char *exposure = ts_plot_exposure_tsv (journal);
  g_autofree char *lanes = ts_plot_lanes_tsv (journal);
  assert_string_equal (exposure, "vm\tt_us\texposure_us\n");
  assert_string_equal (lanes, "lane\tvm\trole\twhat\tvalue\tfrom_us\tto_us\n");
}

static void
script_tells_run_and_faults (void **state)
{
  g_autoptr (Run) run = dark_run ();
  g_autoptr (TsVerdict) verdict = judge (run, "it's `evil`\n");
  g_autofree char *gp = ts_plot_run_gp (verdict, run->journal);
  assert_non_null (strstr (
      gp, "set title 'it''s `evil`  on sim, seed 7, commit abc: inconclusive' noenhanced\n"));
  assert_non_null (strstr (gp, "object 1 rectangle from first 45.000000, graph 0 to first "
                               "70.000000, graph 1"));
  assert_non_null (strstr (gp, "'dark: wan blackhole'"));
  assert_non_null (strstr (gp, "vm[1] = 'app'"));
}

/* --- gnuplot ---------------------------------------------------------------------------------- */

static void
remove_folder (const char *folder)
{
  g_autofree char *into = g_build_filename (folder, "plots", NULL);
  g_autoptr (GDir) dir = g_dir_open (into, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));) {
    g_autofree char *path = g_build_filename (into, name, NULL);
    assert_int_equal (g_unlink (path), 0);
  }
  g_rmdir (into);
  assert_int_equal (g_rmdir (folder), 0);
}

static gboolean
exists (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, "plots", name, NULL);
  return g_file_test (path, G_FILE_TEST_IS_REGULAR);
}

/* With path as PATH. */
static gboolean
draw_with_path (const char *folder, const char *path, GError **error)
{
  g_autofree char *before = g_strdup (g_getenv ("PATH"));
  g_setenv ("PATH", path, TRUE);
  gboolean good = ts_plot_draw (folder, TRUE, error);
  g_setenv ("PATH", before, TRUE);
  return good;
}

static void
missing_gnuplot_is_told_and_data_is_there (void **state)
{
  g_autofree char *folder = g_dir_make_tmp ("test-plot-XXXXXX", NULL);
  g_autoptr (Run) run = dark_run ();
  g_autoptr (TsVerdict) verdict = judge (run, "made-up");
  TsVerdictKind before = verdict->kind;
  g_autoptr (GError) error = NULL;
  assert_true (ts_plot_write (verdict, run->journal, folder, &error));
  assert_false (draw_with_path (folder, "/nonexistent", &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_UNAVAILABLE));
  assert_non_null (strstr (error->message, "gnuplot-nox"));
  assert_int_equal (verdict->kind, before);
  static const char *const names[] = {
      "exposure.tsv", "exposure.gp",    "pending.tsv",   "pending.gp", "bandwidth.tsv",
      "bandwidth.gp", "throughput.tsv", "throughput.gp", "lanes.tsv",  "lanes.gp",
      "faults.tsv",   "preamble.gp",    "run.gp"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_true (exists (folder, names[i]));
  assert_false (exists (folder, "exposure.svg"));
  remove_folder (folder);
}

static void
failing_gnuplot_is_told_with_what_it_said (void **state)
{
  g_autofree char *folder = g_dir_make_tmp ("test-plot-XXXXXX", NULL);
  g_autofree char *bin = g_dir_make_tmp ("test-plot-bin-XXXXXX", NULL);
  g_autofree char *fake = g_build_filename (bin, "gnuplot", NULL);
  g_autoptr (Run) run = dark_run ();
  g_autoptr (TsVerdict) verdict = judge (run, "made-up");
  g_autoptr (GError) error = NULL;
  assert_true (
      g_file_set_contents (fake, "#!/bin/sh\necho 'no terminal here' >&2\nexit 3\n", -1, NULL));
  assert_int_equal (g_chmod (fake, 0755), 0);
  assert_true (ts_plot_write (verdict, run->journal, folder, &error));
  assert_false (draw_with_path (folder, bin, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_IO));
  assert_string_equal (error->message, "gnuplot exposure.gp: no terminal here");
  assert_int_equal (g_unlink (fake), 0);
  assert_int_equal (g_rmdir (bin), 0);
  remove_folder (folder);
}

static void
gnuplot_draws_and_runs_no_command (void **state)
{
  g_autofree char *gnuplot = g_find_program_in_path ("gnuplot");
  if (!gnuplot)
    skip (); /* the package gnuplot-nox is not installed */
  g_autofree char *folder = g_dir_make_tmp ("test-plot-XXXXXX", NULL);
  g_autoptr (Run) run = dark_run ();
  g_autoptr (TsVerdict) verdict = judge (run, "`touch owned` 'q' \"r\" $(touch owned)");
  g_autoptr (GError) error = NULL;
  assert_true (ts_plot_write (verdict, run->journal, folder, &error));
  if (!ts_plot_draw (folder, TRUE, &error))
    fail_msg ("%s", error->message);
  static const char *const names[] = {"exposure", "pending", "bandwidth", "throughput", "lanes"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *svg = g_strconcat (names[i], ".svg", NULL);
    g_autofree char *png = g_strconcat (names[i], ".png", NULL);
    assert_true (exists (folder, svg));
    assert_true (exists (folder, png));
  }
  assert_false (exists (folder, "owned"));
  remove_folder (folder);
}

int
main (void)
{
  const struct CMUnitTest others[] = {
      cmocka_unit_test (empty_run_has_headers_only),
      cmocka_unit_test (script_tells_run_and_faults),
      cmocka_unit_test (missing_gnuplot_is_told_and_data_is_there),
      cmocka_unit_test (failing_gnuplot_is_told_with_what_it_said),
      cmocka_unit_test (gnuplot_draws_and_runs_no_command),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (rows)];
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = data_is_exact, .initial_state = (void *)&rows[i]};
  int failed = cmocka_run_group_tests (tests, NULL, NULL);
  return failed + cmocka_run_group_tests (others, NULL, NULL);
}

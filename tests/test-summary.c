/* The table at the end of a run. */
#include "results-support.h"
#include "results/summary.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define S(n) ((gint64)(n)*TS_S)

/* A disaster as in test-metrics, with one unflushed write lost. */
static TsVerdict *
disaster (const char *engine, guint32 time_scale, const char *max_rto)
{
  g_autoptr (Run) run = run_new ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  TsJudgeContext context = {.scenario = "first-disaster",
                            .engine = engine,
                            .seed = 7,
                            .time_scale = time_scale,
                            .commit = "abc123",
                            .replay = "again"};
  const char *const walk[] = {"disabled", "ready-for-initial-replication",
                              "initial-replication-in-progress", "replicating"};
  for (int i = 0; i < 3; i++)
    run_tell (
        run, S (i + 1),
        "\"kind\":\"state\",\"vm\":\"app\",\"role\":\"primary\",\"from\":\"%s\",\"to\":\"%s\"",
        walk[i], walk[i + 1]);
  run_tell (run, S (5),
            "\"kind\":\"copy\",\"vm\":\"app\",\"phase\":\"done\",\"bytes\":335544320,"
            "\"wire_bytes\":167772160");
  run_write (run, S (50), "system", 0, 1);
  run_flush (run, S (51), "", 1);
  run_point (run, S (62), S (60));
  run_tell (run, S (62), "\"kind\":\"cycle\",\"vm\":\"app\",\"outcome\":\"success\"");
  run_tell (run, S (62),
            "\"kind\":\"sent\",\"vm\":\"app\",\"data_bytes\":1048576,"
            "\"wire_bytes\":524288,\"transfer_us\":1500000");
  run_write (run, S (70), "system", 1, 2);
  run_power (run, S (75), "hv-a", FALSE, "power lost");
  run_probe (run, S (77), "hv-a", FALSE);
  run_failover (run, S (90), "commanded", FALSE, 0);
  run_failover (run, S (92), "promoted", FALSE, S (60));
  run_ready (run, S (97));
  run_probe (run, S (97) + 250000, "hv-b", TRUE);
  run_survey (run, S (98), "begun", 0, 0);
  run_held (run, S (98), "system", 0, 1, TS_HELD_WHOLE);
  run_survey (run, S (99), "done", 0, 0);
  run_tell (run, S (99), "\"kind\":\"invariant\",\"name\":\"one-active\",\"holds\":true");
  run_end (run, S (100));
  TsExpectation *e = ts_expectation_new ("rto", "rto");
  e->max = g_strdup (max_rto);
  g_ptr_array_add (all->expectations, e);
  return ts_judge (run->journal, run->ledger, all, &context);
}

static void
assert_line (const char *text, const char *wanted)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++)
    if (strcmp (lines[i], wanted) == 0)
      return;
  fail_msg ("no line\n%s\nin\n%s", wanted, text);
}

/* What cannot be judged of a machine of the user's own is said, not left out. */
static void
an_own_machine_is_judged_by_its_records (void **state)
{
  g_autoptr (Run) run = run_new ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  TsJudgeContext context = {
      .scenario = "own", .engine = "lab", .seed = 1, .time_scale = 1, .commit = "c", .replay = "r"};
  run_tell (run, S (1), "\"kind\":\"image\",\"vm\":\"app\",\"host\":\"hv-a\"");
  run_tell (run, S (50),
            "\"kind\":\"counter\",\"vm\":\"app\",\"host\":\"hv-a\",\"counter\":\"acked\","
            "\"value\":100");
  run_power (run, S (60), "hv-a", FALSE, "power lost");
  run_failover (run, S (70), "commanded", FALSE, 0);
  run_failover (run, S (72), "promoted", FALSE, S (40));
  run_tell (run, S (75),
            "\"kind\":\"counter\",\"vm\":\"app\",\"host\":\"hv-b\",\"counter\":\"survived\","
            "\"value\":93");
  run_probe (run, S (76), "hv-b", TRUE);
  run_end (run, S (80));
  g_autoptr (TsVerdict) verdict = ts_judge (run->journal, run->ledger, all, &context);
  const TsVerdict *one[] = {verdict};
  g_autofree char *text = ts_summary_format (one, 1);
  assert_line (text, "lost records            7");
  assert_line (text, "  acked / survived      100 / 93");
  assert_non_null (
      strstr (text, "  not judged            writes and blocks: a machine of the user's "));
  assert_null (strstr (text, "lost writes"));
}

static void
two_columns_side_by_side (void **state)
{
  g_autoptr (TsVerdict) sim = disaster ("sim", 1, "60s"), lab = disaster ("lab", 3, "22s");
  const TsVerdict *both[] = {sim, lab};
  g_autofree char *text = ts_summary_format (both, 2);
  static const char *const wanted[] = {
      "first-disaster, seed 7, commit abc123",
      "                        simulator                              lab (time / 3)",
      "states, primary         disabled >                             disabled >",
      "                        ready-for-initial-replication >        "
      "ready-for-initial-replication >",
      "                        initial-replication-in-progress >      "
      "initial-replication-in-progress >",
      "                        replicating                            replicating",
      "cycles ok/missed/due    1 / 0 / 0                              1 / 0 / 0",
      "  copy/changed/wire     320.0 MiB / 1.0 MiB / 160.5 MiB        320.0 MiB / 1.0 MiB / 160.5 "
      "MiB",
      "  at the disaster       15 s                                   15 s",
      "achieved RPO            5 s                                    5 s",
      "  unflushed, apart      1 / 8.0 KiB                            1 / 8.0 KiB",
      "lost writes, flushed    0 / 0 B                                0 / 0 B",
      "  detect / decide       2 s / 13 s                             2 s / 13 s",
      "invariants              1 of 1 hold                            1 of 1 hold",
      "expectations            1 of 1 met                             0 of 1 met",
      "verdict                 PASSED (exit code 0)                   FAILED (exit code 1)",
      "failed: first-disaster on lab (seed 7): rto: rto of app is 22.25 s, limit max 22 s, at "
      "97.25 s; "
      "replay: again",
  };
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    assert_line (text, wanted[i]);
  assert_null (strstr (text, "sites differ")); /* nobody compared: no row */
}

static void
lines_fit_100_columns_and_end_without_space (void **state)
{
  g_autoptr (TsVerdict) sim = disaster ("sim", 1, "60s");
  const TsVerdict *all[] = {sim, sim, sim};
  for (guint count = 1; count <= 3; count++) {
    g_autofree char *text = ts_summary_format (all, count);
    g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
      assert_true (g_utf8_strlen (lines[i], -1) <= 100);
      assert_false (g_str_has_suffix (lines[i], " "));
    }
  }
}

/* Told at the end, as long as they are, and no line too long. */
static void
published_figures_are_told (void **state)
{
  g_autoptr (TsVerdict) sim = disaster ("sim", 1, "60s");
  TsPublishedFinding *finding = g_new0 (TsPublishedFinding, 1);
  finding->what = g_strdup ("what they measured");
  finding->theirs = g_strdup ("1h..1.5h");
  finding->ours = g_strdup ("11 min");
  finding->difference = g_strdup ("1/5.5 of it");
  finding->why = g_strdup ("a reason of many words, many words, many words, many words, many words, "
                           "many words, many words, many words");
  g_ptr_array_add (sim->published, finding);
  const TsVerdict *one[] = {sim};
  g_autofree char *text = ts_summary_format (one, 1);
  assert_line (text, "  what they measured");
  assert_line (text, "                        1h..1.5h                  11 min                    1/5.5 of "
                     "it");
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++)
    assert_true (g_utf8_strlen (lines[i], -1) <= 100);
}

static void
empty_run (void **state)
{
  g_autoptr (TsJournal) journal = ts_journal_new ();
  g_autoptr (TsLedger) ledger = ts_ledger_new ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  TsJudgeContext context = {
      .scenario = "x", .engine = "lab", .seed = 1, .replay = "again", .skipped = "no /dev/net/tun"};
  g_autoptr (TsVerdict) verdict = ts_judge (journal, ledger, all, &context);
  const TsVerdict *one[] = {verdict};
  g_autofree char *text = ts_summary_format (one, 1);
  assert_line (text, "verdict                 SKIPPED (exit code 0)");
  assert_line (text, "skipped: x on lab (seed 1): no /dev/net/tun");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (two_columns_side_by_side),
      cmocka_unit_test (an_own_machine_is_judged_by_its_records),
      cmocka_unit_test (lines_fit_100_columns_and_end_without_space),
      cmocka_unit_test (published_figures_are_told),
      cmocka_unit_test (empty_run),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

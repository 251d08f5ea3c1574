/* tests/test-compare.c -- two runs metric by metric, and whether simulator and lab agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "results-support.h"
#include "results/compare.h"

#define S(s) ((s)*TS_S)

/* The disaster is at 100 s.  The service is back rto_us later; the copy misses the one write of
 * 100 s - rpo_us (-1: none), which is a lost one. */
static Run *
failed_over (gint64 rto_us, gint64 rpo_us, const char *state)
{
  Run *run = run_new ();
  run_tell (run, S (1),
            "\"kind\":\"state\",\"vm\":\"app\",\"host\":\"hv-a\",\"role\":\"primary\",\"from\":"
            "\"disabled\",\"to\":\"%s\"",
            state);
  run_point (run, S (60), S (55));
  run_write (run, S (50), "data", 0, 1);
  run_flush (run, S (50), "data", 1);
  if (rpo_us >= 0) {
    run_write (run, S (100) - rpo_us, "data", 1, 2);
    run_flush (run, S (100) - rpo_us, "data", 2);
  }
  run_power (run, S (100), "hv-a", FALSE, "power lost");
  run_probe (run, S (101), "hv-a", FALSE);
  run_failover (run, S (102), "commanded", FALSE, -1);
  run_failover (run, S (103), "promoted", FALSE, S (55));
  run_power (run, S (103), "hv-b", TRUE, "failover");
  run_ready (run, S (104));
  run_probe (run, S (100) + rto_us, "hv-b", TRUE);
  run_survey (run, S (300), "begun", 0, 0);
  run_held (run, S (301), "data", 0, 1, TS_HELD_WHOLE);
  run_survey (run, S (302), "done", 0, 0);
  run_end (run, S (303));
  return run;
}

static TsVerdict *
judge (const Run *run, const char *scenario, const char *engine)
{
  g_autoptr (TsExpectations) none = ts_expectations_new ();
  TsJudgeContext context = {
      .scenario = scenario, .engine = engine, .seed = 7, .time_scale = 1, .replay = "again"};
  return ts_judge (run->journal, run->ledger, none, &context);
}

static const TsCompareRow *
row_of (const TsComparison *comparison, const char *metric)
{
  for (guint i = 0; i < comparison->rows->len; i++) {
    const TsCompareRow *row = &g_array_index (comparison->rows, TsCompareRow, i);
    if (strcmp (row->metric->name, metric) == 0)
      return row;
  }
  fail_msg ("no row of %s", metric);
  return NULL;
}

/* --- the threshold: RTO of 10 s against ... --------------------------------------------------- */

static const struct threshold {
  const char *name;
  gint64 rto_us, threshold_ppm, want_difference, want_share_ppm;
  TsPast want;
} thresholds[] = {
    {"the same", S (10), 0, 0, 0, TS_PAST_NOT},
    {"more, no threshold", S (12), -1, S (2), 200000, TS_PAST_DIFFERS},
    {"exactly at the threshold", S (11), 100000, S (1), 100000, TS_PAST_DIFFERS},
    {"a microsecond past it", S (11) + 1, 100000, S (1) + 1, 100000, TS_PAST_LIMIT},
    {"as much less", S (9), 100000, -S (1), -100000, TS_PAST_DIFFERS},
    {"a microsecond less than that", S (9) - 1, 100000, -S (1) - 1, -100000, TS_PAST_LIMIT},
    {"a threshold of nothing", S (10) + 1, 0, 1, 0, TS_PAST_LIMIT},
    {"half a millionth is one", S (10) + 5, -1, 5, 1, TS_PAST_DIFFERS},
};

static void
threshold_is_exact (void **state)
{
  const struct threshold *the = *state;
  g_autoptr (Run) first = failed_over (S (10), S (5), "ready");
  g_autoptr (Run) second = failed_over (the->rto_us, S (5), "ready");
  g_autoptr (TsVerdict) a = judge (first, "x", "sim"), b = judge (second, "x", "sim");
  TsCompareSide left = {"one", a, first->journal}, right = {"two", b, second->journal};
  g_autoptr (TsComparison) comparison = ts_compare (&left, &right, the->threshold_ppm);
  const TsCompareRow *row = row_of (comparison, "rto");
  assert_true (row->counts);
  assert_int_equal (row->difference, the->want_difference);
  assert_int_equal (row->share_ppm, the->want_share_ppm);
  assert_int_equal (row->past, the->want);
  assert_true (comparison->past >= (the->want == TS_PAST_LIMIT));
  assert_int_equal (comparison->differing > 0, the->want != TS_PAST_NOT);
  assert_null (comparison->agreements); /* two simulations: nothing to agree about */
}

/* --- agreement: the simulator against a lab of RTO 100 s, RPO 40 s ---------------------------- */

static const struct agreement {
  const char *name;
  gint64 rto_us, rpo_us;
  const char *state, *want; /* the questions on which they do not agree */
} agreements[] = {
    {"the same", S (100), S (40), "ready", ""},
    {"RTO at 15 %", S (115), S (40), "ready", ""},
    {"RTO past 15 %", S (115) + 1, S (40), "ready", "RTO "},
    {"RTO at 15 % less", S (85), S (40), "ready", ""},
    {"RTO past 15 % less", S (85) - 1, S (40), "ready", "RTO "},
    {"RPO at 10 %", S (100), S (44), "ready", ""},
    {"RPO past 10 %", S (100), S (44) + 1, "ready", "RPO "},
    {"no loss in one", S (100), -1, "ready", "loss RPO "},
    {"other states", S (100), S (40), "initial", "states "},
};

static char *
disagreements (const TsComparison *comparison)
{
  g_autoptr (GString) text = g_string_new (NULL);
  assert_non_null (comparison->agreements);
  assert_int_equal (comparison->agreements->len, 4);
  for (guint i = 0; i < comparison->agreements->len; i++) {
    const TsAgreement *one = &g_array_index (comparison->agreements, TsAgreement, i);
    assert_true (one->told);
    if (!one->agrees)
      g_string_append_printf (text, "%s ", one->question);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
agreement_is_exact (void **state)
{
  const struct agreement *the = *state;
  g_autoptr (Run) first = failed_over (the->rto_us, the->rpo_us, the->state);
  g_autoptr (Run) second = failed_over (S (100), S (40), "ready");
  g_autoptr (TsVerdict) a = judge (first, "x", "sim"), b = judge (second, "x", "lab");
  TsCompareSide sim = {"sim-run", a, first->journal}, lab = {"lab-run", b, second->journal};
  g_autoptr (TsComparison) forth = ts_compare (&sim, &lab, -1);
  g_autoptr (TsComparison) back = ts_compare (&lab, &sim, -1); /* the lab is the measure still */
  g_autofree char *there = disagreements (forth), *here = disagreements (back);
  assert_string_equal (there, the->want);
  assert_string_equal (here, the->want);
  assert_int_equal (forth->disagreeing > 0, *the->want != '\0');
}

/* --- others ----------------------------------------------------------------------------------- */

/* Whether a write was still unflushed when the power went is chance: no disagreement. */
static void
unflushed_is_no_class_of_loss (void **state)
{
  g_autoptr (Run) first = failed_over (S (100), S (40), "ready");
  g_autoptr (Run) second = failed_over (S (100), S (40), "ready");
  run_write (first, S (99), "data", 2, 3);
  assert_int_equal (run_number (first, "loss.unflushed"), 1);
  g_autoptr (TsVerdict) a = judge (first, "x", "sim"), b = judge (second, "x", "lab");
  TsCompareSide sim = {"s", a, first->journal}, lab = {"l", b, second->journal};
  g_autoptr (TsComparison) comparison = ts_compare (&sim, &lab, -1);
  g_autofree char *none = disagreements (comparison);
  assert_string_equal (none, "");
}

static void
small_times_agree_by_slack (void **state)
{
  g_autoptr (Run) first = failed_over (S (7), S (2), "ready");
  g_autoptr (Run) second = failed_over (S (5), S (1), "ready");
  g_autoptr (Run) third = failed_over (S (7) + 1, S (2) + 1, "ready");
  g_autoptr (TsVerdict) a = judge (first, "x", "sim"), b = judge (second, "x", "lab");
  g_autoptr (TsVerdict) c = judge (third, "x", "sim");
  TsCompareSide sim = {"s", a, first->journal}, lab = {"l", b, second->journal};
  TsCompareSide off = {"o", c, third->journal};
  g_autoptr (TsComparison) near = ts_compare (&sim, &lab, -1), far = ts_compare (&off, &lab, -1);
  g_autofree char *none = disagreements (near), *both = disagreements (far);
  assert_string_equal (none, "");
  assert_string_equal (both, "RPO RTO ");
}

static void
from_nothing_is_past_any_threshold (void **state)
{
  g_autoptr (Run) first = failed_over (S (10), -1, "ready");
  g_autoptr (Run) second = failed_over (S (10), S (5), "ready");
  g_autoptr (TsVerdict) a = judge (first, "x", "sim"), b = judge (second, "x", "sim");
  TsCompareSide left = {"one", a, first->journal}, right = {"two", b, second->journal};
  g_autoptr (TsComparison) comparison = ts_compare (&left, &right, 1000000);
  const TsCompareRow *row = row_of (comparison, "loss.lost");
  assert_int_equal (row->difference, 1);
  assert_int_equal (row->share_ppm, G_MAXINT64);
  assert_int_equal (row->past, TS_PAST_LIMIT);
  g_autofree char *text = ts_comparison_format (comparison, FALSE);
  assert_non_null (strstr (text, "+1 (from 0)"));
  assert_non_null (strstr (text, "by more than 100 %"));
}

static void
vm_of_one_run_only_differs (void **state)
{
  g_autoptr (Run) first = failed_over (S (10), S (5), "ready");
  g_autoptr (Run) second = failed_over (S (10), S (5), "ready");
  g_autoptr (TsVerdict) a = judge (first, "x", "sim");
  run_tell (second, S (303),
            "\"kind\":\"health\",\"vm\":\"other\",\"host\":\"hv-a\",\"role\":"
            "\"primary\",\"health\":\"normal\"");
  g_autoptr (TsVerdict) b = judge (second, "x", "sim");
  TsCompareSide left = {"one", a, first->journal}, right = {"two", b, second->journal};
  g_autoptr (TsComparison) comparison = ts_compare (&left, &right, 0);
  assert_true (comparison->past > 0);
}

static void
text_and_picture_tell_both (void **state)
{
  g_autoptr (Run) first = failed_over (S (30), S (40), "ready");
  g_autoptr (Run) second = failed_over (S (100), S (40), "ready");
  g_autoptr (TsVerdict) a = judge (first, "x", "sim"), b = judge (second, "x", "lab");
  TsCompareSide sim = {"sim & run", a, first->journal}, lab = {"lab-run", b, second->journal};
  g_autoptr (TsComparison) comparison = ts_compare (&sim, &lab, -1);
  g_autofree char *text = ts_comparison_format (comparison, FALSE);
  g_autofree char *svg = ts_comparison_to_svg (comparison);
  assert_non_null (strstr (text, "NO       app        RTO     sim 30 s, lab 1 min 40 s\n"));
  assert_non_null (strstr (text, "They do not agree: 1 of 4\n"));
  assert_non_null (strstr (text, "+1 min 10 s (+233.3 %)"));
  assert_non_null (strstr (svg, "sim &amp; run: app"));
  assert_non_null (strstr (svg, "lab-run: app"));
}

int
main (void)
{
  const struct CMUnitTest others[] = {
      cmocka_unit_test (unflushed_is_no_class_of_loss),
      cmocka_unit_test (small_times_agree_by_slack),
      cmocka_unit_test (from_nothing_is_past_any_threshold),
      cmocka_unit_test (vm_of_one_run_only_differs),
      cmocka_unit_test (text_and_picture_tell_both),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (thresholds) + G_N_ELEMENTS (agreements)];
  guint count = 0;
  for (guint i = 0; i < G_N_ELEMENTS (thresholds); i++)
    tests[count++] = (struct CMUnitTest){.name = thresholds[i].name,
                                         .test_func = threshold_is_exact,
                                         .initial_state = (void *)&thresholds[i]};
  for (guint i = 0; i < G_N_ELEMENTS (agreements); i++)
    tests[count++] = (struct CMUnitTest){.name = agreements[i].name,
                                         .test_func = agreement_is_exact,
                                         .initial_state = (void *)&agreements[i]};
  int failed = cmocka_run_group_tests (tests, NULL, NULL);
  return failed + cmocka_run_group_tests (others, NULL, NULL);
}

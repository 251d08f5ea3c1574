/* Expectations, verdicts, and their files. */
#include "core/base/error.h"
#include "results-support.h"
#include "results/verdict-files.h"
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define S(n) ((gint64)(n)*TS_S)

static const TsJudgeContext context = {
    .scenario = "made-up",
    .engine = "sim",
    .seed = 7,
    .time_scale = 1,
    .commit = "abc123",
    .replay = "twinsite run made-up.yaml --seed 7",
};

/* --- expectations that can be judged ---------------------------------------------------------- */

typedef struct {
  const char *name;
  const char *metric, *min, *max, *equals, *within;
  TsWindow window;
  const char *want; /* what the message holds; NULL: accepted */
} Check;

static const Check checks[] = {
    {.name = "a maximum", .metric = "rto", .max = "60s"},
    {.name = "a sum of metrics",
     .metric = "exposure.max",
     .max = "interval + transfer.max + 500ms"},
    {.name = "a multiple", .metric = "exposure.max", .max = "2 * interval - 1s"},
    {.name = "without spaces", .metric = "exposure.max", .max = "2*interval+transfer.p95"},
    {.name = "equals within",
     .metric = "rpo.achieved",
     .equals = "exposure.at_disaster",
     .within = "1s"},
    {.name = "a count", .metric = "loss.lost", .equals = "0"},
    {.name = "a text", .metric = "health.end", .equals = "normal"},
    {.name = "bytes", .metric = "bytes.copy", .min = "1MiB"},
    {.name = "a window by steps",
     .metric = "exposure.max",
     .max = "1s",
     .window = {TS_WINDOW_DURING, (char *)"cut", (char *)"heal.done"}},
    {.name = "another metric",
     .metric = "exposure.maxx",
     .max = "1s",
     .want = "did you mean \"exposure.max\""},
    {.name = "far from any metric",
     .metric = "happiness",
     .max = "1s",
     .want = "no metric \"happiness\""},
    {.name = "no limit", .metric = "rto", .want = "min, max or equals"},
    {.name = "equals and max",
     .metric = "rto",
     .max = "1s",
     .equals = "1s",
     .want = "stands alone"},
    {.name = "within alone",
     .metric = "rto",
     .max = "1s",
     .within = "1s",
     .want = "goes with equals"},
    {.name = "no unit", .metric = "rto", .max = "60", .want = "max: "},
    {.name = "the wrong unit", .metric = "rto", .max = "60MiB", .want = "max: "},
    {.name = "another unit's metric",
     .metric = "rto",
     .max = "bytes.copy",
     .want = "is in bytes, the limit is in us"},
    {.name = "an unknown term",
     .metric = "rto",
     .max = "intervall + 1s",
     .want = "did you mean \"interval\""},
    {.name = "a plus at the end", .metric = "rto", .max = "1s +", .want = "is missing"},
    {.name = "a plus in front", .metric = "rto", .max = "+ 1s", .want = "is missing"},
    {.name = "nothing", .metric = "rto", .max = "", .want = "is missing"},
    {.name = "two without a sign", .metric = "rto", .max = "1s 2s", .want = "+ or - is wanted"},
    {.name = "a factor that is a metric",
     .metric = "rto",
     .max = "interval * 2",
     .want = "in front of *"},
    {.name = "a duration as a count", .metric = "loss.lost", .max = "1s", .want = "not a count"},
    {.name = "a maximum of a text", .metric = "health.end", .max = "normal", .want = "only equals"},
    {.name = "an instant of what has one value",
     .metric = "rto",
     .max = "1s",
     .window = {TS_WINDOW_AT, (char *)"cut", NULL},
     .want = "one value a run"},
    {.name = "an instant without one",
     .metric = "exposure",
     .max = "1s",
     .window = {TS_WINDOW_AT, NULL, NULL},
     .want = "from is missing"},
    {.name = "a time without unit",
     .metric = "exposure",
     .max = "1s",
     .window = {TS_WINDOW_AT, (char *)"90", NULL},
     .want = "window: "},
};

static void
check (void **state)
{
  const Check *row = *state;
  g_autoptr (GError) error = NULL;
  TsExpectation e = {.id = (char *)"x",
                     .metric = (char *)row->metric,
                     .min = (char *)row->min,
                     .max = (char *)row->max,
                     .equals = (char *)row->equals,
                     .within = (char *)row->within,
                     .window = row->window};
  gboolean fine = ts_expectation_check (&e, &error);
  if (!row->want) {
    if (!fine)
      fail_msg ("refused: %s", error->message);
    return;
  }
  assert_false (fine);
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  if (!strstr (error->message, row->want))
    fail_msg ("\"%s\" does not hold \"%s\"", error->message, row->want);
}

/* --- judging ---------------------------------------------------------------------------------- */

/* Points every 30 s from 32 s on, usable 2 s after their instant, so exposure is between 2 and 32
 * s; a fault from 40 to 70 s that bit, and all that a completed run has.  130 s long. */
static Run *
good_run (void)
{
  Run *run = run_new ();
  run_step (run, S (1), "protect", "begun");
  run_step (run, S (31), "protect", "done");
  for (int cut = 30; cut <= 120; cut += 30) {
    run_tell (run, S (cut + 2), "\"kind\":\"sent\",\"vm\":\"app\",\"transfer_us\":2000000");
    run_point (run, S (cut + 2), S (cut));
  }
  run_step (run, S (40), "cut", "begun");
  run_tell (run, S (40),
            "\"kind\":\"fault\",\"id\":\"cut\",\"fault\":\"link\",\"mode\":\"blackhole\"");
  run_step (run, S (40), "cut", "done");
  run_step (run, S (70), "heal", "begun");
  run_tell (run, S (70), "\"kind\":\"fault\",\"id\":\"heal\",\"fault\":\"link\",\"mode\":\"up\"");
  run_tell (run, S (70), "\"kind\":\"evidence\",\"id\":\"cut\",\"fault\":\"link\",\"count\":12");
  run_step (run, S (71), "heal", "done");
  run_tell (run, S (130), "\"kind\":\"invariant\",\"name\":\"one-active\",\"holds\":true");
  return run;
}

static TsExpectation *
expect (TsExpectations *all, const char *id, const char *metric, const char *max)
{
  TsExpectation *e = ts_expectation_new (id, metric);
  e->max = g_strdup (max);
  g_ptr_array_add (all->expectations, e);
  return e;
}

static TsVerdict *
judge (Run *run, TsExpectations *all)
{
  for (guint i = 0; i < all->expectations->len; i++)
    assert_true (ts_expectation_check (all->expectations->pdata[i], NULL));
  return ts_judge (run->journal, run->ledger, all, &context);
}

static const TsFinding *
finding (const TsVerdict *verdict, guint i)
{
  assert_true (i < verdict->findings->len);
  return verdict->findings->pdata[i];
}

static void
passes (void **state)
{
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_end (run, S (130));
  expect (all, "sum", "exposure.max", "interval + transfer.max");
  g_autoptr (TsVerdict) verdict = judge (run, all);
  assert_string_equal (verdict->headline,
                       "passed: made-up on sim (seed 7): 1 expectation, 1 invariant");
  assert_int_equal (verdict->kind, TS_VERDICT_PASSED);
  assert_int_equal (verdict->exit_code, 0);
  assert_int_equal (verdict->reasons->len, 0);
  assert_int_equal (finding (verdict, 0)->limit, S (32));
  assert_int_equal (finding (verdict, 0)->measured.number, S (32));
}

static void
one_microsecond_past_the_limit_fails (void **state)
{
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_end (run, S (130));
  expect (all, "good", "exposure.max", "32s");
  expect (all, "tight", "exposure.max", "31999999us");
  g_autoptr (TsVerdict) verdict = judge (run, all);
  assert_int_equal (verdict->kind, TS_VERDICT_FAILED);
  assert_int_equal (verdict->exit_code, 1);
  assert_true (finding (verdict, 0)->passed);
  assert_false (finding (verdict, 1)->passed);
  /* expectation, measured, limit, virtual time, seed, replay */
  const char *const parts[] = {"failed: made-up on sim (seed 7): tight: exposure.max of app is 32",
                               ", limit max 31.999999 s", ", at 62 s",
                               "; replay: twinsite run made-up.yaml"};
  const char *at = verdict->headline;
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    const char *found = strstr (at, parts[i]);
    if (!found)
      fail_msg ("\"%s\" lacks \"%s\"", verdict->headline, parts[i]);
    at = found;
  }
}

typedef struct {
  const char *name;
  const char *metric, *min, *max, *equals, *within;
  TsWindow window;
  gboolean passed, inconclusive;
} Limit;

#define AT(mark)                                                                                   \
  {                                                                                                \
    TS_WINDOW_AT, (char *)(mark), NULL                                                             \
  }
#define DURING(a, b)                                                                               \
  {                                                                                                \
    TS_WINDOW_DURING, (char *)(a), (char *)(b)                                                     \
  }

static const Limit limits[] = {
    {.name = "at a time",
     .metric = "exposure",
     .window = AT ("61s"),
     .equals = "31s",
     .passed = TRUE},
    {.name = "at a time, 1 us off",
     .metric = "exposure",
     .window = AT ("61s"),
     .equals = "31000001us"},
    {.name = "within, just",
     .metric = "exposure",
     .window = AT ("61s"),
     .equals = "30s",
     .within = "1s",
     .passed = TRUE},
    {.name = "within, just not",
     .metric = "exposure",
     .window = AT ("61s"),
     .equals = "30s",
     .within = "999999us"},
    {.name = "at a step's end",
     .metric = "exposure",
     .window = AT ("heal"),
     .equals = "11s",
     .passed = TRUE},
    {.name = "at a step's begin",
     .metric = "exposure",
     .window = AT ("heal.begun"),
     .equals = "10s",
     .passed = TRUE},
    {.name = "during steps",
     .metric = "exposure.max",
     .window = DURING ("heal", "heal"),
     .equals = "11s",
     .passed = TRUE},
    {.name = "during times",
     .metric = "exposure.max",
     .window = DURING ("63s", "70s"),
     .max = "10s",
     .passed = TRUE},
    {.name = "during a step and a time",
     .metric = "exposure.max",
     .window = DURING ("cut", "50s"),
     .equals = "20s",
     .passed = TRUE},
    {.name = "at the end",
     .metric = "exposure",
     .window = {TS_WINDOW_END, NULL, NULL},
     .equals = "10s",
     .passed = TRUE},
    {.name = "counted so far",
     .metric = "points",
     .window = AT ("70s"),
     .equals = "2",
     .passed = TRUE},
    {.name = "counted at the end",
     .metric = "points",
     .window = {TS_WINDOW_END, NULL, NULL},
     .equals = "4",
     .passed = TRUE},
    {.name = "between", .metric = "points", .min = "3", .max = "5", .passed = TRUE},
    {.name = "a difference",
     .metric = "exposure.max",
     .equals = "2 * interval - 30s + transfer.max",
     .passed = TRUE},
    {.name = "below the minimum", .metric = "points", .min = "5", .max = "9"},
    {.name = "past the maximum", .metric = "points", .min = "1", .max = "3"},
    {.name = "a text", .metric = "health.end", .equals = "normal", .passed = TRUE},
    {.name = "another text", .metric = "health.end", .equals = "warning"},
    {.name = "a step that never was",
     .metric = "exposure",
     .window = AT ("nothing"),
     .max = "1h",
     .inconclusive = TRUE},
    {.name = "an end before its begin",
     .metric = "exposure.max",
     .window = DURING ("80s", "heal"),
     .max = "1h",
     .inconclusive = TRUE},
    {.name = "before the first point",
     .metric = "exposure.max",
     .window = DURING ("1s", "20s"),
     .max = "1h",
     .inconclusive = TRUE},
    {.name = "what the run does not tell", .metric = "rto", .max = "1h", .inconclusive = TRUE},
    {.name = "a limit that the run does not tell",
     .metric = "exposure.max",
     .max = "rto",
     .inconclusive = TRUE},
};

static void
judge_limits (void **state)
{
  const Limit *row = *state;
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_end (run, S (130));
  TsExpectation *e = expect (all, "x", row->metric, row->max);
  e->min = g_strdup (row->min);
  e->equals = g_strdup (row->equals);
  e->within = g_strdup (row->within);
  e->window = row->window;
  e->window.from = g_strdup (row->window.from);
  e->window.to = g_strdup (row->window.to);
  g_autoptr (TsVerdict) verdict = judge (run, all);
  if (finding (verdict, 0)->passed != row->passed ||
      finding (verdict, 0)->conclusive == row->inconclusive)
    fail_msg ("%s", verdict->headline);
  assert_int_equal (verdict->kind, row->inconclusive ? TS_VERDICT_INCONCLUSIVE
                                   : row->passed     ? TS_VERDICT_PASSED
                                                     : TS_VERDICT_FAILED);
  assert_int_equal (verdict->exit_code, row->inconclusive ? 2 : row->passed ? 0 : 1);
}

static void
must_fail_turns_it_round (void **state)
{
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_end (run, S (130));
  expect (all, "tight", "exposure.max", "5s");
  g_ptr_array_add (all->must_fail, g_strdup ("tight"));
  g_autoptr (TsVerdict) fails = judge (run, all);
  assert_int_equal (fails->kind, TS_VERDICT_PASSED);
  assert_false (finding (fails, 0)->passed);
  assert_true (finding (fails, 0)->must_fail);

  g_autoptr (TsExpectations) loose = ts_expectations_new ();
  expect (loose, "loose", "exposure.max", "1h");
  g_ptr_array_add (loose->must_fail, g_strdup ("loose"));
  g_autoptr (TsVerdict) holds = judge (run, loose);
  assert_int_equal (holds->kind, TS_VERDICT_FAILED);
  assert_non_null (strstr (holds->headline, "must fail"));
}

static void
must_fail_that_cannot_be_told_proves_nothing (void **state)
{
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_end (run, S (130));
  expect (all, "x", "rto", "1s");
  g_ptr_array_add (all->must_fail, g_strdup ("x"));
  g_autoptr (TsVerdict) verdict = judge (run, all);
  assert_int_equal (verdict->kind, TS_VERDICT_INCONCLUSIVE);
}

static void
service_that_never_comes_breaks_a_maximum (void **state)
{
  g_autoptr (Run) run = run_new ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_power (run, S (10), "hv-a", FALSE, "power lost");
  run_failover (run, S (12), "commanded", FALSE, 0);
  run_end (run, S (100));
  expect (all, "rto", "rto", "1h");
  g_autoptr (TsVerdict) verdict = judge (run, all);
  assert_int_equal (verdict->kind, TS_VERDICT_FAILED);
  assert_non_null (strstr (verdict->headline, "never"));
}

/* --- what else decides ------------------------------------------------------------------------ */

typedef struct {
  const char *name;
  const char *told;   /* one more record, at 100 s */
  const char *reason; /* of the end; NULL: "completed"; "": no end at all */
  gboolean allow;     /* invariant "one-active" and step "try" */
  TsVerdictKind want;
  const char *says;
} Other;

static const Other others[] = {
    {"nothing special", NULL, NULL, FALSE, TS_VERDICT_PASSED, "passed"},
    {"a fault without evidence", "\"kind\":\"fault\",\"id\":\"f\",\"fault\":\"site_down\"", NULL,
     FALSE, TS_VERDICT_INCONCLUSIVE, "fault f (site_down) left no evidence"},
    {"healing needs none", "\"kind\":\"fault\",\"id\":\"g\",\"fault\":\"link\",\"mode\":\"up\"",
     NULL, FALSE, TS_VERDICT_PASSED, "passed"},
    {"an invariant broke",
     "\"kind\":\"invariant\",\"name\":\"one-active\",\"holds\":false,"
     "\"detail\":\"two\"",
     NULL, FALSE, TS_VERDICT_FAILED, "one-active is broken: two"},
    {"an invariant broke and may", "\"kind\":\"invariant\",\"name\":\"one-active\",\"holds\":false",
     NULL, TRUE, TS_VERDICT_PASSED, "passed"},
    {"another one broke", "\"kind\":\"invariant\",\"name\":\"other\",\"holds\":false", NULL, TRUE,
     TS_VERDICT_FAILED, "other is broken"},
    {"a step timed out",
     "\"kind\":\"step\",\"id\":\"w\",\"phase\":\"timeout\",\"reason\":\"no point\"", NULL, FALSE,
     TS_VERDICT_FAILED, "step w: timed out: no point"},
    {"a step failed", "\"kind\":\"step\",\"id\":\"w\",\"phase\":\"failed\"", NULL, FALSE,
     TS_VERDICT_FAILED, "step w: failed"},
    {"a step was refused", "\"kind\":\"step\",\"id\":\"try\",\"phase\":\"refused\"", NULL, FALSE,
     TS_VERDICT_FAILED, "step try: refused"},
    {"a step was refused and may", "\"kind\":\"step\",\"id\":\"try\",\"phase\":\"refused\"", NULL,
     TRUE, TS_VERDICT_PASSED, "passed"},
    {"no end", NULL, "", FALSE, TS_VERDICT_INCONCLUSIVE, "cut short"},
    {"an end by hand", NULL, "interrupted", FALSE, TS_VERDICT_INCONCLUSIVE, "interrupted"},
    {"skipped", NULL, "skipped: no such verb", FALSE, TS_VERDICT_SKIPPED, "no such verb"},
    {"a failure is not hidden by a doubt", "\"kind\":\"step\",\"id\":\"w\",\"phase\":\"timeout\"",
     "interrupted", FALSE, TS_VERDICT_FAILED, "step w"},
};

static void
judge_other (void **state)
{
  const Other *row = *state;
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  if (row->told)
    run_tell (run, S (100), "%s", row->told);
  if (!row->reason)
    run_end (run, S (130));
  else if (*row->reason)
    run_tell (run, S (130), "\"kind\":\"end\",\"reason\":\"%s\"", row->reason);
  if (row->allow) {
    g_ptr_array_add (all->allow, g_strdup ("one-active"));
    g_ptr_array_add (all->allow_refused, g_strdup ("try"));
  }
  expect (all, "sum", "exposure.max", "32s");
  g_autoptr (TsVerdict) verdict = judge (run, all);
  if (verdict->kind != row->want || !strstr (verdict->headline, row->says))
    fail_msg ("%s", verdict->headline);
}

static void
must_fail_that_holds_because_the_fault_did_not_bite (void **state)
{
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_tell (run, S (100), "\"kind\":\"fault\",\"id\":\"f\",\"fault\":\"link\"");
  run_tell (run, S (101), "\"kind\":\"evidence\",\"id\":\"f\",\"count\":0");
  run_end (run, S (130));
  expect (all, "x", "exposure.max", "1h");
  g_ptr_array_add (all->must_fail, g_strdup ("x"));
  g_autoptr (TsVerdict) verdict = judge (run, all);
  assert_int_equal (verdict->kind, TS_VERDICT_INCONCLUSIVE);
}

static void
run_cut_short_fails_only_for_what_is_past_help (void **state)
{
  g_autoptr (Run) run = good_run (); /* without an end */
  g_autoptr (TsExpectations) past = ts_expectations_new ();
  g_autoptr (TsExpectations) open = ts_expectations_new ();
  expect (past, "x", "exposure.max", "5s");
  expect (open, "x", "points", NULL)->min = g_strdup ("9");
  g_autoptr (TsVerdict) failed = judge (run, past);
  g_autoptr (TsVerdict) doubtful = judge (run, open);
  assert_int_equal (failed->kind, TS_VERDICT_FAILED);
  assert_int_equal (doubtful->kind, TS_VERDICT_INCONCLUSIVE);
}

/* Without a VM an expectation holds for all of them. */
static void
worst_vm_decides (void **state)
{
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_tell (run, S (1), "\"kind\":\"policy\",\"vm\":\"zoo\",\"interval_us\":30000000");
  run_tell (run, S (2), "\"kind\":\"point\",\"vm\":\"zoo\",\"instant_us\":1000000");
  run_end (run, S (130));
  expect (all, "all", "exposure.max", "32s");
  expect (all, "one", "exposure.max", "32s")->vm = g_strdup ("app");
  expect (all, "points", "points", "99");
  expect (all, "tight", "exposure.max", "60s"); /* fails with zoo only */
  g_ptr_array_add (all->must_fail, g_strdup ("tight"));
  g_autoptr (TsVerdict) verdict = judge (run, all);
  assert_false (finding (verdict, 0)->passed);
  assert_string_equal (finding (verdict, 0)->vm, "zoo");
  assert_true (finding (verdict, 1)->passed);
  assert_false (finding (verdict, 3)->passed); /* one that fails is enough */
  assert_string_equal (finding (verdict, 3)->vm, "zoo");
  g_auto (TsMeasure) worst = {0}, sum = {0};
  ts_verdict_figure (verdict, ts_metric_find ("exposure.max"), &worst);
  ts_verdict_figure (verdict, ts_metric_find ("points"), &sum);
  assert_int_equal (worst.number, S (129));
  assert_int_equal (sum.number, 5);
}

/* --- files ------------------------------------------------------------------------------------ */

static TsVerdict *
ugly_verdict (void)
{
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  run_tell (run, S (99),
            "\"kind\":\"invariant\",\"name\":\"one-active\",\"holds\":false,"
            "\"detail\":\"<two> & \\\"more\\\"\\u0001\"");
  run_end (run, S (130));
  expect (all, "tight", "exposure.max", "interval");
  expect (all, "health", "health.end", NULL)->equals = g_strdup ("normal");
  expect (all, "rto", "rto", "1h");
  return judge (run, all);
}

static void
assert_holds (const char *text, const char *part)
{
  if (!strstr (text, part))
    fail_msg ("no %s in\n%s", part, text);
}

static void
verdict_json (void **state)
{
  g_autoptr (TsVerdict) verdict = ugly_verdict ();
  g_autofree char *json = ts_verdict_to_json (verdict);
  const char *const parts[] = {
      "\"scenario\" : \"made-up\"",
      "\"engine\" : \"sim\"",
      "\"seed\" : 7",
      "\"commit\" : \"abc123\"",
      "\"verdict\" : \"failed\"",
      "\"exit_code\" : 1",
      "\"replay\" : \"twinsite run made-up.yaml --seed 7\"",
      ("\"id\" : \"tight\",\n      \"metric\" : \"exposure.max\",\n      \"measured\" : 32000000,\n"
       "      \"limit\" : 30000000,\n      \"unit\" : \"us\",\n      \"passed\" : false,\n"
       "      \"t_us\" : 62000000,"),
      "\"metric\" : \"health.end\",\n      \"measured\" : \"normal\",\n      \"limit\" : "
      "\"normal\"",
      "\"metric\" : \"rto\",\n      \"measured\" : null,\n      \"limit\" : 3600000000",
      "\"exposure_us_max\" : 32000000",
      "\"rpo_achieved_us\" : null",
      "\"rto_us\" : null",
      "\"loss_lost_writes\" : null",
      "\"loss_lost_bytes\" : null",
      "\"name\" : \"one-active\"",
      "\"holds\" : false",
  };
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    assert_holds (json, parts[i]);
  g_autofree char *metrics = ts_verdict_metrics_to_json (verdict);
  assert_holds (metrics, "\"name\" : \"exposure.max\"");
  assert_holds (metrics, "\"told\" : \"unknown\"");
}

static void
junit_is_escaped_and_counts (void **state)
{
  g_autoptr (TsVerdict) verdict = ugly_verdict ();
  const TsVerdict *both[] = {verdict, verdict};
  g_autofree char *xml = ts_verdicts_to_junit (both, 2);
  assert_holds (xml, "<testsuite id=\"0\" package=\"twinsite\" name=\"made-up.sim\"");
  assert_holds (xml, "<testsuite id=\"1\" package=\"twinsite\" name=\"made-up.sim\"");
  assert_holds (xml, "tests=\"5\" failures=\"3\" errors=\"1\" skipped=\"0\"");
  assert_holds (xml, "&lt;two&gt; &amp; &quot;more&quot;?");
  assert_holds (xml, "<testcase classname=\"made-up.sim\" name=\"expect health\"");
  assert_null (strchr (xml, '\x01'));
  /* GLib's parser knows no more than elements and escapes, but those it checks */
  GMarkupParser none = {0};
  GMarkupParseContext *parser = g_markup_parse_context_new (&none, 0, NULL, NULL);
  g_autoptr (GError) error = NULL;
  assert_true (g_markup_parse_context_parse (parser, xml, -1, &error));
  assert_true (g_markup_parse_context_end_parse (parser, &error));
  g_markup_parse_context_free (parser);
}

/* What xmllint says of the verdicts' junit.xml; NULL: it is valid. */
static char *
schema_complains (const char *xmllint, const TsVerdict *const *verdicts, guint count)
{
  g_autofree char *folder = g_dir_make_tmp ("test-judge-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "junit.xml", NULL);
  g_autofree char *xml = ts_verdicts_to_junit (verdicts, count);
  g_autofree char *said = NULL;
  assert_true (g_file_set_contents (path, xml, -1, NULL));
  char *argv[] = {(char *)xmllint,
                  (char *)"--nonet",
                  (char *)"--noout",
                  (char *)"--schema",
                  (char *)"tests/data/junit.xsd",
                  path,
                  NULL};
  int status;
  assert_true (g_spawn_sync (NULL, argv, NULL, 0, NULL, NULL, NULL, &said, &status, NULL));
  assert_int_equal (g_unlink (path), 0);
  assert_int_equal (g_rmdir (folder), 0);
  return g_spawn_check_wait_status (status, NULL) ? NULL : g_steal_pointer (&said);
}

static void
junit_is_valid_by_the_common_schemas (void **state)
{
  g_autofree char *xmllint = g_find_program_in_path ("xmllint");
  if (!xmllint) {
    print_message ("skipped: there is no xmllint (package libxml2-utils)\n");
    skip ();
  }
  g_autoptr (TsVerdict) ugly = ugly_verdict ();
  const TsVerdict *several[] = {ugly, ugly, ugly};
  static const TsVerdictKind kinds[] = {TS_VERDICT_PASSED, TS_VERDICT_FAILED,
                                        TS_VERDICT_INCONCLUSIVE, TS_VERDICT_SKIPPED};
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    ugly->kind = kinds[i];
    g_autofree char *said = schema_complains (xmllint, several, 3);
    if (said)
      fail_msg ("%s", said);
  }
  g_free (ugly->scenario);
  ugly->scenario = g_strdup ("two\nlines"); /* and the schema is one that finds something */
  ugly->kind = TS_VERDICT_FAILED;
  ugly->end_us = -1;
  g_autofree char *said = schema_complains (xmllint, several, 1);
  assert_non_null (said);
}

static void
files_are_written_whole_and_judged_again_alike (void **state)
{
  static const char *const names[] = {"journal.jsonl", "ledger.tsv", "verdict.json",
                                      "metrics.json",  "junit.xml",  "metrics.csv",
                                      "tap.txt"};
  g_autofree char *folder = g_dir_make_tmp ("test-judge-XXXXXX", NULL);
  g_autoptr (Run) run = good_run ();
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  g_autoptr (GString) journal = g_string_new (NULL);
  run_end (run, S (130));
  expect (all, "sum", "exposure.max", "32s");
  for (guint i = 0; i < run->journal->records->len; i++) {
    g_autofree char *line = ts_record_to_json (run->journal->records->pdata[i]);
    g_string_append_printf (journal, "%s\n", line);
  }
  g_autofree char *journal_path = g_build_filename (folder, names[0], NULL);
  g_autofree char *ledger_path = g_build_filename (folder, names[1], NULL);
  assert_true (g_file_set_contents (journal_path, journal->str, -1, NULL));
  assert_true (g_file_set_contents (ledger_path, TS_LEDGER_HEADER, -1, NULL));
  g_autoptr (TsVerdict) first = judge (run, all);
  g_autoptr (TsVerdict) again = ts_judge_folder (folder, all, &context, NULL);
  g_autofree char *json = ts_verdict_to_json (first);
  g_autofree char *json_again = ts_verdict_to_json (again);
  assert_string_equal (json, json_again);

  assert_true (ts_verdict_write (again, folder, NULL));
  g_autofree char *verdict_path = g_build_filename (folder, names[2], NULL);
  g_autofree char *read = NULL;
  assert_true (g_file_get_contents (verdict_path, &read, NULL, NULL));
  assert_string_equal (read, json);

  /* a half line at the end: told, and no longer a pass */
  g_string_append (journal, "{\"t_us\":1");
  assert_true (g_file_set_contents (journal_path, journal->str, -1, NULL));
  g_autoptr (TsVerdict) damaged = ts_judge_folder (folder, all, &context, NULL);
  assert_int_equal (damaged->kind, TS_VERDICT_INCONCLUSIVE);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (folder, names[i], NULL);
    assert_int_equal (g_unlink (path), 0);
  }
  assert_int_equal (g_rmdir (folder), 0); /* nothing else was left */
}

static void
unwritable_folder_is_told (void **state)
{
  g_autoptr (TsVerdict) verdict = ugly_verdict ();
  g_autoptr (GError) error = NULL, read_error = NULL;
  g_autoptr (TsExpectations) all = ts_expectations_new ();
  assert_false (ts_verdict_write (verdict, "/nowhere/at/all", &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_IO));
  assert_null (ts_judge_folder ("/nowhere/at/all", all, &context, &read_error));
  assert_non_null (read_error);
}

int
main (void)
{
  static const struct CMUnitTest single[] = {
      cmocka_unit_test (passes),
      cmocka_unit_test (one_microsecond_past_the_limit_fails),
      cmocka_unit_test (must_fail_turns_it_round),
      cmocka_unit_test (must_fail_that_cannot_be_told_proves_nothing),
      cmocka_unit_test (must_fail_that_holds_because_the_fault_did_not_bite),
      cmocka_unit_test (service_that_never_comes_breaks_a_maximum),
      cmocka_unit_test (run_cut_short_fails_only_for_what_is_past_help),
      cmocka_unit_test (worst_vm_decides),
      cmocka_unit_test (verdict_json),
      cmocka_unit_test (junit_is_escaped_and_counts),
      cmocka_unit_test (junit_is_valid_by_the_common_schemas),
      cmocka_unit_test (files_are_written_whole_and_judged_again_alike),
      cmocka_unit_test (unwritable_folder_is_told),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (checks) + G_N_ELEMENTS (limits) + G_N_ELEMENTS (others) +
                          G_N_ELEMENTS (single)];
  guint count = 0;
  for (guint i = 0; i < G_N_ELEMENTS (checks); i++)
    tests[count++] = (struct CMUnitTest){
        .name = checks[i].name, .test_func = check, .initial_state = (void *)&checks[i]};
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    tests[count++] = (struct CMUnitTest){
        .name = limits[i].name, .test_func = judge_limits, .initial_state = (void *)&limits[i]};
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    tests[count++] = (struct CMUnitTest){
        .name = others[i].name, .test_func = judge_other, .initial_state = (void *)&others[i]};
  memcpy (tests + count, single, sizeof single);
  return cmocka_run_group_tests (tests, NULL, NULL);
}

/* tests/test-sim-failover.c -- what can be done with a failover short of committing it: transcripts
 * in virtual time, with every checker on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/world.h"

static void
fail_over (Fixture *f)
{
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
}

static void
cancel_turns_the_copy_off_and_replication_goes_on (void **state)
{
  Fixture *f = *state;
  gint64 from_us = fixture_now_us (f) + 1;
  fail_over (f);
  fixture_do (f, TS_DO_WORKLOAD_START); /* on the copy: to be thrown away */
  fixture_wait (f, TS_MIN, "state", "to", "error", "hv-paris");
  fixture_run (f, 5 * TS_S);
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_wait (f, TS_MIN, "failover", "phase", "cancelled", "hv-lyon");
  fixture_do (f, TS_DO_RESUME);
  fixture_wait (f, TS_MIN, "point", "set", "3", NULL);
  fixture_expect_trace (
      f, from_us, "power probe state failover point step",
      "[ 34.126] app@hv-lyon state role=replica from=replicating to=recovered wmi=5 ps=6\n"
      "[ 34.126] app@hv-lyon failover planned=false phase=promoted set=2 instant_us=33768743 type=standard\n"
      "[ 34.426] hv-lyon power on=true why=failover\n"
      "[ 34.426] app@hv-lyon failover planned=false phase=started set=2 instant_us=33768743 type=standard\n"
      "[ 34.426] sim step id=test verb=failover phase=done reason=\n"
      "[ 37.706] sim step id=test verb=workload_start phase=done reason=\n"
      "[ 38.002] probe probe up=true\n"
      "[ 38.002] app@hv-lyon failover phase=serving set=2 instant_us=33768743\n"
      "[ 40.207] app@hv-paris state role=primary from=replicating to=error wmi=8 ps=9\n"
      "[ 45.267] hv-lyon power on=false why=failover cancelled\n"
      "[ 45.267] probe probe up=false\n"
      "[ 45.267] app@hv-lyon state role=replica from=recovered to=replicating wmi=3 ps=4\n"
      "[ 45.267] app@hv-lyon failover planned=false phase=cancelled set=2 instant_us=33768743 type=standard\n"
      "[ 45.267] sim step id=test verb=cancel_failover phase=done reason=\n"
      "[ 45.267] app@hv-paris state role=primary from=error to=replicating wmi=3 ps=4\n"
      "[ 45.267] sim step id=test verb=resume phase=done reason=\n"
      "[ 45.486] app@hv-lyon point set=3 instant_us=45267398 type=standard\n");
  fixture_run (f, 40 * TS_S);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* A primary that never tried to send meanwhile never notices: nobody has to resume it. */
static void
a_primary_that_did_not_notice_goes_on (void **state)
{
  Fixture *f = *state;
  fixture_link (f, TS_LINK_BLACKHOLE);
  fail_over (f);
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_wait (f, TS_MIN, "failover", "phase", "cancelled", "hv-lyon");
  fixture_link (f, TS_LINK_UP);
  fixture_wait (f, 5 * TS_MIN, "point", "set", "4", NULL);
  assert_int_equal (fixture_count (f, "state", "to", "error", NULL), 0);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

static void
expect_cancel_refused (Fixture *f, const char *in_state)
{
  guint before = fixture_count (f, "refused", "verb", "cancel failover", "hv-lyon");
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  assert_int_equal (fixture_count (f, "refused", "verb", "cancel failover", "hv-lyon"), before + 1);
  const TsRecord *refused = fixture_last (f, "refused", "verb", "cancel failover", "hv-lyon");
  assert_int_equal (ts_record_get_int (refused, "code", 0), 32775);
  assert_string_equal (ts_record_get_text (refused, "state"), in_state);
  const TsRecord *step = fixture_last (f, "step", "verb", "cancel_failover", NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "refused");
}

static void
trap_8_failover_again_and_commit_ends_it (void **state)
{
  Fixture *f = *state;
  expect_cancel_refused (f, "replicating");
  for (int i = 0; i < 2; i++) {
    fail_over (f);
    fixture_do (f, TS_DO_CANCEL_FAILOVER);
    fixture_wait (f, TS_MIN, "failover", "phase", "cancelled", "hv-lyon");
  }
  gint64 from_us = fixture_now_us (f);
  fail_over (f);
  assert_true (fixture_last (f, "survey", "phase", "done", "hv-lyon")->t_us > from_us);
  assert_int_equal (fixture_count (f, "failover", "phase", "promoted", NULL), 3);
  assert_int_equal (fixture_count (f, "survey", "phase", "done", "hv-lyon"), 3);
  fixture_do (f, TS_DO_COMMIT);
  fixture_wait (f, TS_MIN, "state", "to", "committed", "hv-lyon");
  expect_cancel_refused (f, "committed");
  assert_int_equal (fixture_count (f, "power", "on", "false", "hv-lyon"),
                    2); /* the last one stays */
  fixture_expect_clean (f);
}

/* The copy's host loses power while it is failed over: the failover is still there, and can still
 * be cancelled; what was stored and acknowledged is not lost by it. */
static void
a_failover_on_a_host_that_crashed_can_be_cancelled (void **state)
{
  Fixture *f = *state;
  fail_over (f);
  fixture_wait (f, TS_MIN, "state", "to", "error", "hv-paris");
  fixture_site_down (f, 1);
  fixture_run (f, TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, TS_S);
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_wait (f, TS_MIN, "failover", "phase", "cancelled", "hv-lyon");
  fixture_do (f, TS_DO_RESUME);
  fixture_wait (f, TS_MIN, "point", "set", "3", NULL);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

static void
test_failover_while_replication_goes_on (void **state)
{
  Fixture *f = *state;
  gint64 from_us = fixture_now_us (f) + 1;
  fixture_do (f, TS_DO_TEST_FAILOVER);
  fixture_wait (f, TS_MIN, "test_failover", "phase", "surveyed", "hv-lyon");
  fixture_wait (f, TS_MIN, "point", "set", "4", NULL);
  assert_int_equal (fixture_count (f, "applied", "set", "3", NULL), 0); /* it waits */
  for (guint i = 0; i < f->ledger->len; i++) /* what the test VM holds is no copy's */
    assert_int_not_equal (g_array_index (f->ledger, TsLedgerEntry, i).kind, TS_LEDGER_HELD);
  fixture_do (f, TS_DO_STOP_TEST_FAILOVER);
  fixture_wait (f, TS_MIN, "applied", "set", "4", NULL);
  fixture_expect_trace (
      f, from_us, "power guest probe survey state test_failover cycle applied",
      "[ 34.426] app@hv-lyon test_failover test=app - Test phase=started set=2 "
      "instant_us=33768743\n"
      "[ 37.626] app@hv-lyon test_failover test=app - Test phase=serving set=2 "
      "instant_us=33768743\n"
      "[ 37.706] app@hv-lyon test_failover test=app - Test phase=surveyed set=2 "
      "instant_us=33768743 records=289 torn=0 corrupt=0 fill_blocks=1024 fill_bad=0\n"
      "[ 64.062] app@hv-paris cycle set=3 outcome=success success=3 missed=0\n"
      "[ 94.061] app@hv-paris cycle set=4 outcome=success success=4 missed=0\n"
      "[ 94.101] app@hv-lyon test_failover test=app - Test phase=stopped set=2 "
      "instant_us=33768743\n"
      "[ 94.114] app@hv-lyon applied set=3 instant_us=63768743\n"
      "[ 94.127] app@hv-lyon applied set=4 instant_us=93768743\n");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* The disaster comes while a test runs: the failover ends it, and takes what was received. */
static void
a_disaster_during_a_test_failover (void **state)
{
  Fixture *f = *state;
  fixture_do (f, TS_DO_TEST_FAILOVER);
  fixture_wait (f, TS_MIN, "point", "set", "3", NULL);
  fixture_site_down (f, 0);
  fail_over (f);
  assert_int_equal (fixture_count (f, "test_failover", "phase", "stopped", NULL), 1);
  const TsRecord *promoted = fixture_last (f, "failover", "phase", "promoted", NULL);
  assert_int_equal (ts_record_get_int (promoted, "set", 0), 3);
  assert_int_equal (fixture_count (f, "applied", "set", "3", NULL), 1);
  fixture_expect_clean (f);
}

/* The replica's host dies with the test VM on it: apply does not wait for what is gone. */
static void
a_test_failover_ends_with_its_host (void **state)
{
  Fixture *f = *state;
  fixture_do (f, TS_DO_TEST_FAILOVER);
  fixture_wait (f, TS_MIN, "point", "set", "3", NULL);
  fixture_site_down (f, 1);
  assert_int_equal (fixture_count (f, "test_failover", "phase", "lost", "hv-lyon"), 1);
  fixture_run (f, TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_wait (f, TS_MIN, "applied", "set", "3", NULL);
  fixture_do (f, TS_DO_STOP_TEST_FAILOVER);
  const TsRecord *step = fixture_last (f, "step", "verb", "stop_test_failover", NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "refused");
  fixture_do (f, TS_DO_TEST_FAILOVER); /* another one can be had */
  fixture_wait (f, TS_MIN, "test_failover", "phase", "surveyed", "hv-lyon");
  fixture_do (f, TS_DO_STOP_TEST_FAILOVER);
  fixture_wait (f, TS_MIN, "test_failover", "phase", "stopped", "hv-lyon");
  fixture_run (f, TS_MIN);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

int
main (void)
{
#define T(name) cmocka_unit_test_setup_teardown (name, fixture_setup_replicating, fixture_teardown)
  const struct CMUnitTest tests[] = {
      T (cancel_turns_the_copy_off_and_replication_goes_on),
      T (a_primary_that_did_not_notice_goes_on),
      T (trap_8_failover_again_and_commit_ends_it),
      T (a_failover_on_a_host_that_crashed_can_be_cancelled),
      T (test_failover_while_replication_goes_on),
      T (a_disaster_during_a_test_failover),
      T (a_test_failover_ends_with_its_host),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

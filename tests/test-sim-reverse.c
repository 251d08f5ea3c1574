/* tests/test-sim-reverse.c -- the two sides change places: transcripts in virtual time, with every
 * checker on.  HVR reference 3.5, 3.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/world.h"

/* Moves the VM there by a planned failover; it works there afterwards. */
static void
move (Fixture *f, const char *to)
{
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", to);
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 5 * TS_S);
}

static void
reverse (Fixture *f, const char *primary)
{
  fixture_do (f, TS_DO_REVERSE);
  fixture_wait (f, 10 * TS_S, "step", "verb", "reverse", NULL);
  const TsRecord *done = fixture_last (f, "step", "verb", "reverse", NULL);
  assert_string_equal (ts_record_get_text (done, "phase"), "done");
  const TsRecord *turned = fixture_last (f, "reverse", NULL, NULL, NULL);
  assert_string_equal (ts_record_get_text (turned, "host"), primary);
  assert_string_equal (ts_record_get_text (turned, "role"), "primary");
}

static void
expect_refused (Fixture *f, TsVerb verb, const char *reason)
{
  fixture_do (f, verb);
  fixture_run (f, TS_S);
  const TsRecord *step = fixture_last (f, "step", "verb", ts_verb_name (verb), NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "refused");
  assert_non_null (strstr (ts_record_get_text (step, "reason"), reason));
}

/* The records of those kinds from from_us on, one per line, with what they say of roles, states and
 * phases; when, is the simulator's business. */
static void
expect_order (Fixture *f, gint64 from_us, const char *kinds, const char *want)
{
  static const char *const keys[] = {"role", "from", "to", "phase"};
  g_auto (GStrv) wanted = g_strsplit (kinds, " ", -1);
  g_autoptr (GString) have = g_string_new ("");
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = g_ptr_array_index (f->records, i);
    if (r->t_us < from_us || !g_strv_contains ((const char *const *)wanted, r->kind))
      continue;
    g_string_append_printf (have, "%s %s", r->source, r->kind);
    for (guint k = 0; k < G_N_ELEMENTS (keys); k++)
      if (ts_record_get_text (r, keys[k]))
        g_string_append_printf (have, " %s=%s", keys[k], ts_record_get_text (r, keys[k]));
    g_string_append_c (have, '\n');
  }
  assert_string_equal (have->str, want);
}

/* Trap 10: reverse after a planned failover needs no initial replication. */
static void
trap_10_a_planned_failover_is_reversed_without_a_copy (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  fixture_do (f, TS_DO_COMMIT);
  fixture_wait (f, 10 * TS_S, "state", "to", "committed", "hv-lyon");
  fixture_run (f, TS_S);
  gint64 from_us = fixture_now_us (f) + 1;
  guint copied = fixture_count (f, "copy", NULL, NULL, NULL);
  reverse (f, "hv-lyon");
  fixture_wait (f, 2 * TS_MIN, "cycle", "set", "4", NULL);
  expect_order (f, from_us, "state reverse connection copy point failure resync step",
                "app@hv-paris state role=replica from=prepared to=replicating\n"
                "app@hv-paris reverse role=replica phase=turned\n"
                "app@hv-lyon state role=primary from=committed to=replicating\n"
                "app@hv-lyon reverse role=primary phase=turned\n"
                "sim step phase=done\n"
                "app@hv-lyon connection\n"
                "app@hv-paris point\n");
  assert_int_equal (fixture_count (f, "copy", NULL, NULL, NULL), copied);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* HVR 3.5: from 5 or 6; what is not merged is merged first (trap 8). */
static void
trap_8_reversing_commits_what_is_not_committed (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  reverse (f, "hv-lyon");
  assert_int_equal (fixture_count (f, "state", "to", "committed", "hv-lyon"), 1);
  expect_refused (f, TS_DO_CANCEL_FAILOVER, "is not possible in state 'replicating'");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

static void
two_round_trips_home (void **state)
{
  Fixture *f = *state;
  for (guint trip = 0; trip < 2; trip++) {
    move (f, "hv-lyon");
    reverse (f, "hv-lyon");
    fixture_run (f, 95 * TS_S);
    move (f, "hv-paris");
    reverse (f, "hv-paris");
    fixture_run (f, 95 * TS_S);
  }
  const TsRecord *on = fixture_last (f, "power", NULL, NULL, NULL);
  assert_string_equal (ts_record_get_text (on, "host"), "hv-paris");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

static void
nothing_is_reversed_before_a_failover (void **state)
{
  Fixture *f = *state;
  expect_refused (f, TS_DO_REVERSE, "has not failed over");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* The old primary's side is asked first: when it cannot be, nothing has changed. */
static void
a_dead_old_primary_stops_it (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  fixture_site_down (f, 0);
  fixture_do (f, TS_DO_REVERSE);
  fixture_run (f, TS_S);
  const TsRecord *step = fixture_last (f, "step", "verb", "reverse", NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "failed");
  assert_int_equal (fixture_count (f, "reverse", NULL, NULL, NULL), 0);
  fixture_do (f, TS_DO_COMMIT);
  fixture_wait (f, 10 * TS_S, "state", "to", "committed", "hv-lyon");
  fixture_expect_clean (f);
}

/* What the copy wrote was tracked in the memory of a host that has lost power: there is no cut of
 * it, and no silent difference either. */
static void
a_copy_whose_host_lost_power_asks_for_resync (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  ts_sim_world_power (f->world, 1, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, TS_S);
  reverse (f, "hv-lyon");
  fixture_wait (f, TS_MIN, "state", "to", "resync-required", "hv-lyon");
  fixture_expect_clean (f);
}

/* The link is dark while the sides change places: each does its part, and they find each other
 * when it is up again. */
static void
the_new_primary_waits_for_the_link (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  fixture_link (f, TS_LINK_BLACKHOLE);
  reverse (f, "hv-lyon");
  fixture_run (f, 40 * TS_S);
  assert_int_equal (fixture_count (f, "point", "set", "4", NULL), 0);
  fixture_link (f, TS_LINK_UP);
  fixture_wait (f, TS_MIN, "point", "set", "4", "hv-paris");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

static void
expect_done (Fixture *f, TsVerb verb)
{
  fixture_run (f, 2 * TS_S);
  const TsRecord *step = fixture_last (f, "step", "verb", ts_verb_name (verb), NULL);
  if (!g_str_equal (ts_record_get_text (step, "phase"), "done"))
    fail_msg ("%s: %s: %s", ts_verb_name (verb), ts_record_get_text (step, "phase"),
              ts_record_get_text (step, "reason"));
}

static void
ask (Fixture *f, TsVerb verb, TsSides sides)
{
  fixture_order (f, (TsOrder){.verb = verb, .host = -1, .sides = sides});
}

/* --- a planned failover is taken back (HVR 3.6, cancel) --------------------------------------- */

/* Before the replica has failed over: 4 -> 3 on the primary, whose VM may be started again. */
static void
trap_10_a_prepared_primary_is_locked_until_cancelled (void **state)
{
  Fixture *f = *state;
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "state", "to", "prepared", "hv-paris");
  ts_sim_world_power (f->world, 1, FALSE); /* so that it goes no further */
  fixture_run (f, TS_S);
  fixture_order (f, (TsOrder){.verb = TS_DO_POWER_ON, .host = 0});
  fixture_run (f, TS_S);
  const TsRecord *step = fixture_last (f, "step", "verb", "power_on", NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "refused");
  assert_non_null (strstr (ts_record_get_text (step, "reason"), "in state 'prepared'"));
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_run (f, TS_S);
  assert_string_equal (ts_record_get_text (fixture_last (f, "state", NULL, NULL, "hv-paris"), "to"),
                       "replicating");
  ask (f, TS_DO_POWER_ON, TS_SIDES_DEFAULT);
  expect_done (f, TS_DO_POWER_ON);
  fixture_wait (f, TS_MIN, "guest", "phase", "ready", "hv-paris");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 70 * TS_S);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* After it: the copy goes, and both sides replicate again. */
static void
a_planned_failover_is_cancelled_on_both_sides (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  gint64 from_us = fixture_now_us (f) + 1;
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  expect_done (f, TS_DO_CANCEL_FAILOVER);
  expect_order (f, from_us, "state power",
                "hv-lyon power\n"
                "app@hv-lyon state role=replica from=recovered to=replicating\n"
                "app@hv-paris state role=primary from=prepared to=replicating\n");
  ask (f, TS_DO_POWER_ON, TS_SIDES_DEFAULT);
  expect_done (f, TS_DO_POWER_ON);
  fixture_wait (f, TS_MIN, "guest", "phase", "ready", "hv-paris");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 40 * TS_S);
  move (f, "hv-lyon"); /* another one, for good */
  reverse (f, "hv-lyon");
  fixture_run (f, 70 * TS_S);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* While the last log cannot be sent: the failover is ended, and the primary goes on. */
static void
a_planned_failover_that_waits_for_the_link_is_cancelled (void **state)
{
  Fixture *f = *state;
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_failover (f, TRUE);
  fixture_run (f, 20 * TS_S);
  assert_int_equal (fixture_count (f, "state", "to", "prepared", NULL), 0);
  expect_refused (f, TS_DO_PAUSE, "another operation is in progress");
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_run (f, TS_S);
  const TsRecord *failover = fixture_last (f, "step", "verb", "failover", NULL);
  assert_string_equal (ts_record_get_text (failover, "phase"), "failed");
  const TsRecord *cancel = fixture_last (f, "step", "verb", "cancel_failover", NULL);
  assert_string_equal (ts_record_get_text (cancel, "phase"), "done");
  fixture_link (f, TS_LINK_UP);
  ask (f, TS_DO_POWER_ON, TS_SIDES_DEFAULT);
  expect_done (f, TS_DO_POWER_ON);
  fixture_wait (f, TS_MIN, "guest", "phase", "ready", "hv-paris");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_wait (f, 5 * TS_MIN, "point", "set", "5", NULL);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* Shut down and synchronize first: nothing is lost, and it reverses as a planned one does. */
static void
an_unplanned_failover_that_shuts_down_first_loses_nothing (void **state)
{
  Fixture *f = *state;
  fixture_order (f, (TsOrder){.verb = TS_DO_FAILOVER, .host = -1, .shut_down_first = TRUE});
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  assert_int_equal (fixture_count (f, "state", "to", "prepared", "hv-paris"), 1);
  reverse (f, "hv-lyon");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 40 * TS_S);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* ... and when the source is gone it fails over all the same. */
static void
shutting_down_first_is_only_tried (void **state)
{
  Fixture *f = *state;
  fixture_site_down (f, 0);
  fixture_order (f, (TsOrder){.verb = TS_DO_FAILOVER, .host = -1, .shut_down_first = TRUE});
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  expect_done (f, TS_DO_FAILOVER);
  fixture_expect_clean (f);
}

/* --- pause and resume on either side (HVR 2.10, trap 5) --------------------------------------- */

static void
trap_5_a_paused_replica_is_critical_and_all_is_sent_on_resume (void **state)
{
  Fixture *f = *state;
  ask (f, TS_DO_PAUSE, TS_SIDES_REPLICA);
  fixture_run (f, 80 * TS_S);
  const TsRecord *health = fixture_last (f, "health", "role", "replica", "hv-lyon");
  assert_string_equal (ts_record_get_text (health, "health"), "critical");
  assert_string_equal (ts_record_get_text (fixture_last (f, "state", NULL, NULL, "hv-lyon"), "to"),
                       "suspended");
  /* the primary goes on trying: it has not been told of an error */
  assert_int_equal (fixture_count (f, "state", "to", "error", NULL), 0);
  assert_int_equal (fixture_count (f, "point", "set", "3", NULL), 0);
  ask (f, TS_DO_RESUME, TS_SIDES_REPLICA);
  fixture_wait (f, 2 * TS_MIN, "point", "set", "4", NULL);
  health = fixture_last (f, "health", "role", "replica", "hv-lyon");
  assert_string_equal (ts_record_get_text (health, "health"), "normal");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

static void
a_paused_primary_is_a_warning (void **state)
{
  Fixture *f = *state;
  ask (f, TS_DO_PAUSE, TS_SIDES_PRIMARY);
  fixture_run (f, 40 * TS_S);
  const TsRecord *health = fixture_last (f, "health", "role", "primary", "hv-paris");
  assert_string_equal (ts_record_get_text (health, "health"), "warning");
  ask (f, TS_DO_RESUME, TS_SIDES_PRIMARY);
  fixture_wait (f, TS_MIN, "point", "set", "3", NULL);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* A paused replica can fail over (HVR 3.5). */
static void
a_paused_replica_fails_over (void **state)
{
  Fixture *f = *state;
  ask (f, TS_DO_PAUSE, TS_SIDES_REPLICA);
  fixture_run (f, 5 * TS_S);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_expect_clean (f);
}

/* --- a dead site returns ---------------------------------------------------------------------- */

/* Its host crashed with the VM running: resynchronization is required (trap 13).  The replica has
 * not failed over, so the VM starts again. */
static void
trap_13_a_returned_primary_starts_its_vm_and_requires_resync (void **state)
{
  Fixture *f = *state;
  fixture_site_down (f, 0);
  fixture_run (f, 20 * TS_S);
  gint64 from_us = fixture_now_us (f) + 1;
  fixture_run (f, 2);
  fixture_site_up (f, 0);
  fixture_wait (f, TS_MIN, "guest", "phase", "ready", "hv-paris");
  expect_order (f, from_us, "fault state connection power failure",
                "sim fault\n"
                "app@hv-paris state role=primary from=replicating to=resync-required\n"
                "app@hv-paris connection\n"
                "hv-paris power\n");
  fixture_expect_clean (f);
}

/* The replica has failed over: the VM stays off, whoever waits, and the relation is in error. */
static void
a_returned_primary_finds_its_replica_failed_over_and_stays_off (void **state)
{
  Fixture *f = *state;
  fixture_site_down (f, 0);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  gint64 from_us = fixture_now_us (f) + 1;
  fixture_run (f, 2);
  fixture_site_up (f, 0);
  fixture_run (f, 5 * TS_MIN);
  expect_order (f, from_us, "fault state connection power",
                "sim fault\n"
                "app@hv-paris state role=primary from=replicating to=resync-required\n"
                "app@hv-paris state role=primary from=resync-required to=error\n");
  fixture_expect_clean (f);
}

/* Only the operator forces it: then both run, and nobody calls that a fault of the product's. */
static void
a_returned_primary_is_started_by_force_only (void **state)
{
  Fixture *f = *state;
  fixture_site_down (f, 0);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_site_up (f, 0);
  fixture_run (f, 10 * TS_S);
  fixture_order (f, (TsOrder){.verb = TS_DO_POWER_ON, .host = 0});
  expect_done (f, TS_DO_POWER_ON);
  expect_refused (f, TS_DO_REVERSE, "is running");
  fixture_expect_clean (f);
}

/* With the link dark it cannot know: its VM stays off until it does. */
static void
a_returned_primary_that_cannot_ask_waits (void **state)
{
  Fixture *f = *state;
  fixture_site_down (f, 0);
  fixture_run (f, 5 * TS_S);
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_site_up (f, 0);
  fixture_run (f, 90 * TS_S);
  const TsRecord *power = fixture_last (f, "power", NULL, NULL, "hv-paris");
  assert_false (ts_record_get_int (power, "on", 1));
  fixture_link (f, TS_LINK_UP);
  fixture_wait (f, 2 * TS_MIN, "guest", "phase", "ready", "hv-paris");
  fixture_expect_clean (f);
}

/* A prepared primary comes back prepared, and locked. */
static void
a_prepared_primary_comes_back_prepared (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  fixture_site_down (f, 0);
  fixture_run (f, 5 * TS_S);
  fixture_site_up (f, 0);
  fixture_run (f, 5 * TS_S);
  reverse (f, "hv-lyon");
  fixture_run (f, 70 * TS_S);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* --- after an unplanned failover -------------------------------------------------------------- */

/* HVR 3.5: the new primary goes 1 -> initial replication -> 3.  Then home again, and reversed:
 * nothing that was acknowledged after the failover is lost. */
static void
unplanned_reverse_failback_reverse (void **state)
{
  Fixture *f = *state;
  fixture_site_down (f, 0);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 10 * TS_S);
  fixture_site_up (f, 0);
  fixture_wait (f, TS_MIN, "state", "to", "error", "hv-paris");
  gint64 from_us = fixture_now_us (f) + 1;
  reverse (f, "hv-lyon");
  fixture_wait (f, 2 * TS_MIN, "state", "to", "replicating", "hv-lyon");
  expect_order (f, from_us, "state reverse",
                "app@hv-paris state role=replica from=error to=initial\n"
                "app@hv-paris reverse role=replica phase=turned\n"
                "app@hv-lyon state role=replica from=recovered to=committed\n"
                "app@hv-lyon state role=primary from=committed to=ready\n"
                "app@hv-lyon reverse role=primary phase=turned\n"
                "app@hv-lyon state role=primary from=ready to=initial\n"
                "app@hv-paris state role=replica from=initial to=replicating\n"
                "app@hv-lyon state role=primary from=initial to=replicating\n");
  assert_int_equal (fixture_count (f, "resync", "phase", "done", "hv-lyon"), 1);
  assert_int_equal (fixture_count (f, "resync", "phase", "merging", "hv-paris"), 1);
  fixture_run (f, 70 * TS_S);
  move (f, "hv-paris");
  reverse (f, "hv-paris");
  fixture_run (f, 70 * TS_S);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* The old primary did not lose power, it was only cut off; its VM has to be shut down first. */
static void
an_old_primary_that_runs_is_not_overwritten (void **state)
{
  Fixture *f = *state;
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_wait (f, TS_MIN, "state", "to", "error", "hv-paris");
  expect_refused (f, TS_DO_REVERSE, "is running");
  assert_int_equal (fixture_count (f, "reverse", NULL, NULL, NULL), 0);
  fixture_expect_clean (f);
}

/* --- remove (HVR 2.12, trap 12) --------------------------------------------------------------- */

/* Trap 12: on each side apart.  The replica stays, with what it had. */
static void
trap_12_removed_on_the_primary_the_replica_stays (void **state)
{
  Fixture *f = *state;
  ask (f, TS_DO_REMOVE, TS_SIDES_PRIMARY);
  expect_done (f, TS_DO_REMOVE);
  fixture_run (f, 70 * TS_S);
  assert_int_equal (fixture_count (f, "cut", "set", "3", NULL), 0);
  const TsRecord *power = fixture_last (f, "power", NULL, NULL, "hv-paris");
  assert_true (ts_record_get_int (power, "on", 0));
  expect_refused (f, TS_DO_PAUSE, "not applicable");
  fixture_failover (f, FALSE); /* what it has is good */
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_expect_clean (f);
}

static void
trap_12_removed_on_the_replica_the_primary_is_in_error (void **state)
{
  Fixture *f = *state;
  ask (f, TS_DO_REMOVE, TS_SIDES_REPLICA);
  expect_done (f, TS_DO_REMOVE);
  fixture_wait (f, 2 * TS_MIN, "state", "to", "error", "hv-paris");
  const TsRecord *failure = fixture_last (f, "failure", NULL, NULL, "hv-paris");
  assert_non_null (strstr (ts_record_get_text (failure, "reason"), "no replica"));
  fixture_failover (f, FALSE);
  fixture_run (f, TS_S);
  const TsRecord *step = fixture_last (f, "step", "verb", "failover", NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "refused");
  fixture_expect_clean (f);
}

static void
removed_on_both_sides_it_can_be_protected_anew (void **state)
{
  Fixture *f = *state;
  ask (f, TS_DO_REMOVE, TS_SIDES_DEFAULT);
  expect_done (f, TS_DO_REMOVE);
  assert_int_equal (fixture_count (f, "state", "to", "disabled", NULL), 2);
  expect_refused (f, TS_DO_RESUME, "not protected");
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_run (f, 40 * TS_S);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* What is not committed is, and the machine goes on. */
static void
a_failed_over_replica_is_removed_with_what_it_holds (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  ask (f, TS_DO_REMOVE, TS_SIDES_REPLICA);
  expect_done (f, TS_DO_REMOVE);
  assert_int_equal (fixture_count (f, "state", "to", "committed", "hv-lyon"), 1);
  const TsRecord *power = fixture_last (f, "power", NULL, NULL, "hv-lyon");
  assert_true (ts_record_get_int (power, "on", 0));
  fixture_expect_clean (f);
}

#define T(test) cmocka_unit_test_setup_teardown (test, fixture_setup_replicating, fixture_teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
      T (trap_10_a_planned_failover_is_reversed_without_a_copy),
      T (trap_8_reversing_commits_what_is_not_committed),
      T (two_round_trips_home),
      T (nothing_is_reversed_before_a_failover),
      T (a_dead_old_primary_stops_it),
      T (a_copy_whose_host_lost_power_asks_for_resync),
      T (the_new_primary_waits_for_the_link),
      T (trap_10_a_prepared_primary_is_locked_until_cancelled),
      T (a_planned_failover_is_cancelled_on_both_sides),
      T (a_planned_failover_that_waits_for_the_link_is_cancelled),
      T (an_unplanned_failover_that_shuts_down_first_loses_nothing),
      T (shutting_down_first_is_only_tried),
      T (trap_5_a_paused_replica_is_critical_and_all_is_sent_on_resume),
      T (a_paused_primary_is_a_warning),
      T (a_paused_replica_fails_over),
      T (trap_13_a_returned_primary_starts_its_vm_and_requires_resync),
      T (a_returned_primary_finds_its_replica_failed_over_and_stays_off),
      T (a_returned_primary_is_started_by_force_only),
      T (a_returned_primary_that_cannot_ask_waits),
      T (a_prepared_primary_comes_back_prepared),
      T (unplanned_reverse_failback_reverse),
      T (an_old_primary_that_runs_is_not_overwritten),
      T (trap_12_removed_on_the_primary_the_replica_stays),
      T (trap_12_removed_on_the_replica_the_primary_is_in_error),
      T (removed_on_both_sides_it_can_be_protected_anew),
      T (a_failed_over_replica_is_removed_with_what_it_holds),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

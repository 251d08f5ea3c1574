/* tests/test-sim-crash.c -- the replica's host loses power at every moment of a cycle and comes
 * back: replication goes on, nothing acknowledged is lost, every point is a past of the source.
 *
 * HVR reference 2.4.7 (a partly applied set is not usable) and 2.6; the fault model of sim/disk.h:
 * what was not flushed is lost, or torn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/relation/receiver-internal.h"
#include "sim-fixture.h"
#include "sim/internal.h"
#include "sim/world.h"

#define STEP_US (10 * TS_MS) /* every step of every action: test-sim-death.c */

static void
crash_with (gint64 after_us, TsVerb protect_first, guint32 points)
{
  Fixture *f = fixture_new ();
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->recovery_points = points;
  if (points > 0) { /* a cycle every 15 s, an hour in a minute */
    policy->frequency_us = 900 * TS_S;
    policy->time_scale = 60;
  }
  fixture_begin (f);
  fixture_do (f, protect_first);
  fixture_run (f, after_us);
  ts_sim_world_power (f->world, 1, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, 90 * TS_S);
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 40 * TS_S);
  fixture_do (f, TS_DO_COMPARE);
  if (fixture_count (f, "compare", "identical", "true", NULL) != 2)
    fail_msg ("a crash after %" G_GINT64_FORMAT " us leaves the disks different", after_us);
  const TsRecord *state = fixture_last (f, "state", NULL, NULL, "hv-paris");
  assert_string_equal (ts_record_get_text (state, "to"), "replicating");
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
crash_at (gint64 after_us, TsVerb protect_first)
{
  crash_with (after_us, protect_first, 0);
}

/* From the order to protect to a while after the first set is applied. */
static void
during_initial_replication (void **state)
{
  for (gint64 t = 0; t < TS_S; t += 50 * TS_MS)
    crash_at (t, TS_DO_PROTECT);
}

/* From the first regular cut (30.57 s after the order) until its set has been applied. */
static void
during_a_cycle (void **state)
{
  for (gint64 t = 30560 * TS_MS; t < 30900 * TS_MS; t += STEP_US)
    crash_at (t, TS_DO_PROTECT);
}

/* Either host loses power at every moment of a reversal.  What was half done is asked for again;
 * afterwards both sides hold the same, or the new primary asks for a resynchronization and they do
 * after that: never a silent difference. */
static void
crash_while_reversing (guint host, gint64 after_us)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 3 * TS_S);
  fixture_do (f, TS_DO_REVERSE);
  fixture_run (f, after_us);
  ts_sim_world_power (f->world, host, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, host, TRUE);
  fixture_run (f, 20 * TS_S);
  if (!fixture_last (f, "reverse", "role", "primary", "hv-lyon"))
    fixture_do (f, TS_DO_REVERSE);
  fixture_run (f, 50 * TS_S);
  assert_non_null (fixture_last (f, "reverse", "role", "primary", "hv-lyon"));
  const TsRecord *power = fixture_last (f, "power", NULL, NULL, "hv-lyon");
  if (!ts_record_get_int (power, "on", 0))
    fixture_order (f, (TsOrder){.verb = TS_DO_POWER_ON, .host = -1});
  fixture_run (f, 10 * TS_S);
  fixture_do (f, TS_DO_WORKLOAD_START);
  const TsRecord *state = fixture_last (f, "state", NULL, NULL, "hv-lyon");
  if (g_str_equal (ts_record_get_text (state, "to"), "resync-required"))
    fixture_do (f, TS_DO_RESYNC);
  fixture_run (f, 60 * TS_S);
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 70 * TS_S);
  fixture_do (f, TS_DO_COMPARE);
  if (fixture_count (f, "compare", "identical", "true", NULL) != 2)
    fail_msg ("host %u crashed %" G_GINT64_FORMAT " us after the order, and the disks differ", host,
              after_us);
  state = fixture_last (f, "state", NULL, NULL, "hv-lyon");
  assert_string_equal (ts_record_get_text (state, "role"), "primary");
  assert_string_equal (ts_record_get_text (state, "to"), "replicating");
  state = fixture_last (f, "state", NULL, NULL, "hv-paris");
  assert_string_equal (ts_record_get_text (state, "role"), "replica");
  fixture_expect_clean (f);
  fixture_free (f);
}

/* A cycle that is a point to keep, with two kept and one to be dropped: saving to the undo log,
 * making it durable, half an apply, dropping.  Every checker is on, also that every kept point can
 * be gone back to. */
static void
during_a_cycle_with_points (void **state)
{
  guint dropped = 0;
  for (gint64 t = 180500 * TS_MS; t < 180960 * TS_MS; t += STEP_US)
    crash_with (t, TS_DO_PROTECT, 2);
  Fixture *f = fixture_new (); /* does that time hold what is meant? */
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->frequency_us = 900 * TS_S;
  policy->time_scale = 60;
  policy->recovery_points = 2;
  fixture_begin (f);
  gint64 from_us = f->ops->now_us (f->world);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 5 * TS_MIN);
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = g_ptr_array_index (f->records, i);
    gint64 at_us = r->t_us - from_us;
    dropped += g_str_equal (r->kind, "history") && ts_record_get_int (r, "kept", 0) == 3 &&
               at_us > 180500 * TS_MS && at_us < 180960 * TS_MS;
  }
  assert_int_equal (dropped, 1);
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
during_a_reversal (void **state)
{
  for (guint host = 0; host < 2; host++)
    for (gint64 t = 0; t < 700 * TS_MS; t += 40 * TS_MS)
      crash_while_reversing (host, t);
}

/* The checkers must bite: break the world on purpose, and see each of them say so. */
static Fixture *
replicating (void)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  return f;
}

static void
expect_breach (Fixture *f, const char *name)
{
  assert_int_equal (fixture_count (f, "invariant", "name", name, NULL), 1);
  const TsRecord *r = fixture_last (f, "invariant", "name", name, NULL);
  assert_int_equal (ts_record_get_int (r, "holds", 1), 0);
  fixture_free (f);
}

static void
a_replica_changed_behind_our_back_is_seen (void **state)
{
  Fixture *f = replicating ();
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->disks, 0));
  disk->ops->write (disk, 1000, "x", 1, NULL);
  ts_sim_watch_end (rel); /* or it would be found out, and the set not be applied */
  fixture_run (f, 40 * TS_S);
  expect_breach (f, "point-is-past");
}

static void
an_undo_log_that_is_gone_is_seen (void **state)
{
  Fixture *f = fixture_new ();
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->frequency_us = 900 * TS_S;
  policy->time_scale = 60;
  policy->recovery_points = 3;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, 5 * TS_MIN, "history", "older", "1", NULL);
  fixture_run (f, 5 * TS_S); /* applied */
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  TsUndo none = {0};
  const TsPoint *points;
  none.count = 1;
  assert_true (ts_receiver_points (rel->receiver, &points) > 0);
  none.point[0] = points[0];
  none.point[0].set++;
  ts_sim_undo_keep (rel->undo, &none);
  ts_sim_vm (f->world, 0)->kept_seen = 0;
  ts_sim_touch (ts_sim_vm (f->world, 0));
  fixture_run (f, TS_S);
  expect_breach (f, "kept-point-is-past");
}

static void
two_running_copies_are_seen (void **state)
{
  Fixture *f = replicating ();
  fixture_failover (f, FALSE);
  ts_sim_vm (f->world, 0)->forced = FALSE; /* nobody meant it */
  fixture_run (f, 10 * TS_S);
  expect_breach (f, "one-active-copy");
}

static void
a_forgotten_acknowledgement_is_seen (void **state)
{
  Fixture *f = replicating ();
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  GBytes *older = g_bytes_ref (rel->persisted);
  fixture_wait (f, TS_MIN, "cycle", "set", "2", NULL);
  g_bytes_unref (rel->persisted);
  rel->persisted = older; /* as if the newer one had not been durable */
  ts_sim_world_power (f->world, 1, FALSE);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, 1);
  fixture_run (f, TS_S);
  expect_breach (f, "acknowledged-survives");
}

static void
a_point_that_moves_back_is_seen (void **state)
{
  Fixture *f = replicating ();
  ts_sim_vm (f->world, 0)->newest_point_us = TS_HOUR;
  ts_sim_touch (ts_sim_vm (f->world, 0));
  fixture_run (f, TS_S);
  expect_breach (f, "point-never-moves-back");
}

static void
health_that_lies_is_seen (void **state)
{
  Fixture *f = replicating ();
  fixture_run (f, 10 * TS_MIN);
  ts_sim_vm (f->world, 0)->newest_point_us = 0;
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  TsSimRelation *kept = rel;
  kept->vm->replica = 0; /* hide the replica: only health is looked at */
  fixture_run (f, TS_S);
  kept->vm->replica = 1;
  expect_breach (f, "health-is-honest");
}

static void
a_planned_failover_that_loses_is_seen (void **state)
{
  Fixture *f = replicating ();
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "state", "to", "recovered", "hv-lyon");
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 0), ts_sim_vm (f->world, 0));
  TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->disks, 0));
  disk->ops->write (disk, 1000, "x", 1, NULL);
  fixture_run (f, 2 * TS_S);
  expect_breach (f, "planned-loses-nothing");
}

static void
an_apply_below_a_test_vm_is_seen (void **state)
{
  Fixture *f = replicating ();
  fixture_do (f, TS_DO_TEST_FAILOVER);
  fixture_wait (f, TS_MIN, "test_failover", "phase", "started", "hv-lyon");
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  rel->receiver->applied++; /* as if it had been */
  ts_sim_touch (rel->vm);
  fixture_run (f, TS_S);
  expect_breach (f, "test-stands-on-still-disks");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (during_initial_replication),
      cmocka_unit_test (during_a_cycle),
      cmocka_unit_test (during_a_reversal),
      cmocka_unit_test (during_a_cycle_with_points),
      cmocka_unit_test (a_replica_changed_behind_our_back_is_seen),
      cmocka_unit_test (an_undo_log_that_is_gone_is_seen),
      cmocka_unit_test (two_running_copies_are_seen),
      cmocka_unit_test (a_forgotten_acknowledgement_is_seen),
      cmocka_unit_test (a_point_that_moves_back_is_seen),
      cmocka_unit_test (health_that_lies_is_seen),
      cmocka_unit_test (a_planned_failover_that_loses_is_seen),
      cmocka_unit_test (an_apply_below_a_test_vm_is_seen),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

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

#define STEP_US (5 * TS_MS)

static void
crash_at (gint64 after_us, TsVerb protect_first)
{
  Fixture *f = fixture_new ();
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

/* From the order to protect to a while after the first set is applied. */
static void
during_initial_replication (void **state)
{
  for (gint64 t = 0; t < TS_S; t += 25 * TS_MS)
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

static void
during_a_reversal (void **state)
{
  for (guint host = 0; host < 2; host++)
    for (gint64 t = 0; t < 700 * TS_MS; t += 20 * TS_MS)
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
  fixture_wait (f, TS_MIN, "cycle", "set", "2", NULL);
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  g_clear_pointer (&rel->persisted, g_bytes_unref);
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
      cmocka_unit_test (a_replica_changed_behind_our_back_is_seen),
      cmocka_unit_test (two_running_copies_are_seen),
      cmocka_unit_test (a_forgotten_acknowledgement_is_seen),
      cmocka_unit_test (a_point_that_moves_back_is_seen),
      cmocka_unit_test (health_that_lies_is_seen),
      cmocka_unit_test (a_planned_failover_that_loses_is_seen),
      cmocka_unit_test (an_apply_below_a_test_vm_is_seen),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

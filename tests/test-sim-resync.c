/* tests/test-sim-resync.c -- resynchronization in virtual time, with every checker on: what differs
 * crosses, and only that; at every moment the replica is either what it was or what the primary
 * is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/relation/receiver-internal.h"
#include "core/relation/sender-internal.h"
#include "sim-fixture.h"
#include "sim/internal.h"
#include "sim/world.h"

static const char *
state_of (Fixture *f, const char *host)
{
  return ts_record_get_text (fixture_last (f, "state", NULL, NULL, host), "to");
}

/* What happened since, in order: states of the primary, cuts, phases by host, events. */
static char *
phases (Fixture *f, gint64 from_us)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = g_ptr_array_index (f->records, i);
    const char *sep = text->len > 0 ? " " : "";
    if (r->t_us < from_us)
      continue;
    if (g_str_equal (r->kind, "state"))
      g_string_append_printf (text, "%s%s>%s", sep, ts_record_get_text (r, "from"),
                              ts_record_get_text (r, "to"));
    else if (g_str_equal (r->kind, "cut"))
      g_string_append_printf (text, "%scut:%s", sep, ts_record_get_text (r, "type"));
    else if (g_str_equal (r->kind, "resync"))
      g_string_append_printf (text, "%s%s:%s", sep, ts_record_get_text (r, "host"),
                              ts_record_get_text (r, "phase"));
    else if (g_str_equal (r->kind, "event"))
      g_string_append_printf (text, "%s%" G_GINT64_FORMAT, sep, ts_record_get_int (r, "event", 0));
  }
  return g_string_free (text, FALSE);
}

/* Forced on a healthy VM: paused, then this (HVR 2.9). */
static void
by_hand (void **state)
{
  Fixture *f = *state;
  fixture_do (f, TS_DO_RESYNC); /* not of a healthy one */
  assert_int_equal (fixture_count (f, "refused", "verb", "resynchronize", "hv-paris"), 1);
  fixture_do (f, TS_DO_PAUSE);
  fixture_run (f, 20 * TS_S);
  gint64 from_us = fixture_now_us (f);
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, TS_MIN, "resync", "phase", "done", "hv-paris");
  g_autofree char *have = phases (f, from_us);
  assert_string_equal (have, "suspended>resynchronizing hv-paris:begun 29242 hv-lyon:begun "
                             "hv-paris:compared hv-paris:sent cut:resync hv-lyon:merging "
                             "hv-lyon:done 29244 hv-paris:done resynchronizing>replicating");
  const TsRecord *done = fixture_last (f, "resync", "phase", "done", "hv-paris");
  assert_int_equal (ts_record_get_int (done, "compared_bytes", 0), 12 * TS_MIB);
  assert_int_equal (ts_record_get_int (done, "total_bytes", 0), 12 * TS_MIB);
  assert_int_equal (ts_record_get_int (done, "differing_bytes", 0), 199 * 4096);
  assert_int_equal (ts_record_get_int (done, "bytes", 0), 199 * 4096);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* What was written while nothing was tracked: the primary's disks differ from the replica's. */
static void
begin (Fixture *f)
{
  fixture_do (f, TS_DO_PAUSE);
  fixture_run (f, 20 * TS_S);
  fixture_do (f, TS_DO_RESYNC);
}

/* Disks of 12 MiB are not compared in no time: a moment in the middle of it. */
static void
paused_and_resumed (void **state)
{
  Fixture *f = *state;
  begin (f);
  fixture_wait (f, TS_MIN, "resync", "phase", "begun", "hv-lyon");
  fixture_run (f, TS_MS); /* before it hears that it may go on */
  fixture_do (f, TS_DO_PAUSE);
  assert_string_equal (state_of (f, "hv-paris"), "resync-suspended");
  assert_int_equal (fixture_count (f, "resync", "phase", "compared", NULL), 0);
  fixture_run (f, TS_MIN); /* nothing goes on by itself, and nothing breaks */
  assert_int_equal (fixture_count (f, "resync", "phase", "compared", NULL), 0);
  fixture_do (f, TS_DO_RESUME);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  assert_int_equal (fixture_count (f, "resync", "phase", "begun", "hv-lyon"), 1); /* the same run */
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

static void
paused_while_sending (void **state)
{
  Fixture *f = *state;
  begin (f);
  fixture_wait (f, TS_MIN, "resync", "phase", "compared", "hv-paris");
  fixture_do (f, TS_DO_PAUSE);
  fixture_run (f, TS_MIN);
  assert_string_equal (state_of (f, "hv-paris"), "resync-suspended");
  fixture_do (f, TS_DO_RESUME);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

static void
cancelled (void **state)
{
  Fixture *f = *state;
  begin (f);
  fixture_wait (f, TS_MIN, "resync", "phase", "compared", "hv-paris");
  fixture_do (f, TS_DO_CANCEL_RESYNC);
  assert_string_equal (state_of (f, "hv-paris"), "resync-required");
  fixture_run (f, TS_MIN);
  assert_string_equal (state_of (f, "hv-paris"), "resync-required");
  fixture_do (f, TS_DO_RESYNC); /* from the beginning */
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  assert_int_equal (fixture_count (f, "resync", "phase", "compared", "hv-paris"), 2);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* Trap 4: planned and test failover are refused, an unplanned one ends the run and takes the last
 * consistent content. */
static void
trap_4_failovers_meanwhile (void **state)
{
  Fixture *f = *state;
  begin (f);
  fixture_wait (f, TS_MIN, "resync", "phase", "compared", "hv-paris");
  gint64 point_us = ts_sim_vm (f->world, 0)->newest_point_us;
  fixture_do (f, TS_DO_TEST_FAILOVER);
  assert_int_equal (fixture_count (f, "refused", "verb", "test failover", "hv-lyon"), 1);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  assert_int_equal (fixture_count (f, "resync", "reason", "failover", "hv-lyon"), 1);
  const TsRecord *promoted = fixture_last (f, "failover", "phase", "promoted", "hv-lyon");
  assert_int_equal (ts_record_get_int (promoted, "instant_us", -1), point_us);
  fixture_run (f, 2 * TS_MIN);
  assert_string_equal (state_of (f, "hv-paris"), "resync-required");
  fixture_do (f, TS_DO_CANCEL_FAILOVER); /* nobody needed it */
  fixture_run (f, 10 * TS_S);
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* Trap 3: no point is older than it. */
static void
trap_3_all_points_go (void **state)
{
  Fixture *f = *state;
  begin (f);
  gint64 from_us = fixture_now_us (f);
  fixture_wait (f, TS_MIN, "resync", "phase", "done", "hv-lyon");
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  assert_true (ts_receiver_point_us (rel->receiver) > from_us);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* Whoever paused it may have been away: tracking goes on all the same. */
static void
link_breaks_at (gint64 after_us)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  begin (f);
  fixture_run (f, after_us);
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_run (f, 25 * TS_S);
  fixture_link (f, TS_LINK_UP);
  fixture_run (f, 3 * TS_MIN);
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  assert_int_equal (fixture_count (f, "resync", "phase", "begun", "hv-lyon"), 1);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
a_broken_link_at_any_moment (void **state)
{
  for (gint64 t = 170 * TS_MS; t < 800 * TS_MS; t += 35 * TS_MS)
    link_breaks_at (t);
}

/* The replica's host loses power at every moment from the order until all is merged. */
static void
replica_crashes_at (gint64 after_us, gboolean then_fail_over)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  begin (f);
  fixture_run (f, after_us);
  ts_sim_world_power (f->world, 1, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  if (then_fail_over) { /* what is there is whole, whichever it is */
    fixture_run (f, TS_S);
    fixture_failover (f, FALSE);
    fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
    for (guint i = 0; i < f->ledger->len; i++) {
      const TsLedgerEntry *h = &g_array_index (f->ledger, TsLedgerEntry, i);
      assert_true (h->kind != TS_LEDGER_HELD || h->held == TS_HELD_WHOLE ||
                   h->held == TS_HELD_FILL);
    }
    fixture_expect_clean (f);
  } else {
    fixture_run (f, 90 * TS_S);
    assert_string_equal (state_of (f, "hv-paris"), "replicating");
    fixture_expect_identical (f);
    fixture_expect_clean (f);
  }
  fixture_free (f);
}

static void
a_crash_of_the_replica_at_any_moment (void **state)
{
  for (gint64 t = 0; t < 900 * TS_MS; t += 25 * TS_MS)
    replica_crashes_at (t, FALSE);
}

static void
a_failover_after_a_crash_at_any_moment (void **state)
{
  for (gint64 t = 150 * TS_MS; t < 900 * TS_MS; t += 30 * TS_MS)
    replica_crashes_at (t, TRUE);
}

/* Only what differs crosses: the blocks written while nothing was tracked, and 16 bytes a batch. */
static void
bytes_are_close_to_what_differs (void **state)
{
  Fixture *f = *state;
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, TS_MIN); /* both are alike now */
  fixture_do (f, TS_DO_PAUSE);
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->disks, 0));
  for (guint i = 0; i < 50; i++) /* behind our back: a byte in each of 50 blocks */
    disk->ops->write (disk, i * 3 * 4096 + 17, "x", 1, NULL);
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  const TsRecord *done = fixture_last (f, "resync", "phase", "done", "hv-paris");
  assert_int_equal (ts_record_get_int (done, "differing_bytes", 0), 50 * 4096);
  assert_int_equal (ts_record_get_int (done, "bytes", 0), 50 * 4096);
  assert_int_equal (ts_record_get_int (done, "percent", 0), 100);
  gint64 wire = ts_record_get_int (done, "wire_bytes", 0);
  assert_true (wire > 0 && wire < 60 * 4096);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* HVR 2.9, secondary: found out before the next set is applied; it does not become a point, and a
 * failover meanwhile is the operator's risk. */
static void
replica_disk_changed_behind_our_back (void **state)
{
  Fixture *f = *state;
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->disks, 1));
  guint64 applied = ts_receiver_applied_set (rel->receiver);
  disk->ops->write (disk, 4096 * 700, "x", 1, NULL);
  fixture_wait (f, 40 * TS_S, "state", "to", "resync-required", "hv-paris");
  assert_int_equal (fixture_count (f, "resync", "phase", "spoilt", "hv-lyon"), 1);
  assert_int_equal (ts_receiver_applied_set (rel->receiver), applied);
  ts_sim_world_power (f->world, 1, FALSE); /* not forgotten by a crash */
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* ... of a block that has been compared, before the overlays are merged: that run is worth nothing. */
static void
changed_after_it_was_compared (void **state)
{
  Fixture *f = *state;
  TsSimRelation *rel =
      ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  fixture_do (f, TS_DO_PAUSE);
  fixture_run (f, 20 * TS_S);
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, TS_MIN, "resync", "phase", "begun", "hv-lyon");
  for (guint i = 0; i < 600 && fixture_count (f, "resync", "phase", "merging", "hv-lyon") == 0; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->disks, 0));
    if (i == 3)
      disk->ops->write (disk, 0, "x", 1, NULL); /* the first batch has long been hashed */
    fixture_run (f, 100 * TS_MS);
  }
  fixture_wait (f, TS_MIN, "state", "to", "resync-required", "hv-paris");
  assert_int_equal (fixture_count (f, "resync", "phase", "spoilt", "hv-lyon"), 1);
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, TS_MIN, "resync", "phase", "done", "hv-lyon");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

/* With points that are kept, so that an apply has several steps (sim/relation-replica.c). */
static int
setup_points (void **state)
{
  Fixture *f = fixture_new ();
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->frequency_us = 900 * TS_S;
  policy->time_scale = 60;
  policy->recovery_points = 2;
  fixture_begin (f);
  *state = f;
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, 3 * TS_MIN, "cycle", "set", "5", NULL);
  return 0;
}

/* ... between an apply that power loss has cut off in the middle, and its redo. */
static void
changed_during_an_apply (void **state)
{
  Fixture *f = *state;
  TsSimHost *host = ts_sim_host (f->world, 1);
  TsSimRelation *rel = ts_sim_host_relation (host, ts_sim_vm (f->world, 0));
  const TsDeath death = {.armed = TRUE, .action = TS_ACTION_APPLY, .moment = TS_DEATH_DURING, .count = 1};
  ts_sim_world_die_at (f->world, 1, &death, 2 * TS_S);
  for (guint i = 0; i < 1000 && host->up; i++)
    fixture_run (f, 100 * TS_MS);
  assert_false (host->up);
  TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->disks, 1));
  disk->ops->write (disk, 4096 * 700, "x", 1, NULL);
  disk->ops->flush (disk, NULL);
  fixture_wait (f, 2 * TS_MIN, "state", "to", "resync-required", "hv-paris");
  assert_int_equal (fixture_count (f, "resync", "phase", "spoilt", "hv-lyon"), 1);
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown (by_hand, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test_setup_teardown (paused_and_resumed, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test_setup_teardown (paused_while_sending, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test_setup_teardown (cancelled, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test_setup_teardown (trap_4_failovers_meanwhile, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test_setup_teardown (trap_3_all_points_go, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test_setup_teardown (replica_disk_changed_behind_our_back, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test_setup_teardown (changed_after_it_was_compared, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test_setup_teardown (changed_during_an_apply, setup_points, fixture_teardown),
      cmocka_unit_test_setup_teardown (bytes_are_close_to_what_differs, fixture_setup_replicating, fixture_teardown),
      cmocka_unit_test (a_broken_link_at_any_moment),
      cmocka_unit_test (a_crash_of_the_replica_at_any_moment),
      cmocka_unit_test (a_failover_after_a_crash_at_any_moment),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

/* tests/test-sim-disks.c -- a VM's disks change while it replicates: included, left out, resized
 * (HVR reference 2.6); and a host loses power at every moment of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/internal.h"
#include "sim/world.h"

enum { SYSTEM = 1, DATA = 2, BOTH = 3 };

/* Replicating, the data disk left out. */
static Fixture *
without_data (guint32 points)
{
  Fixture *f = fixture_new ();
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->recovery_points = points;
  policy->time_scale = points > 0 ? 10 : 1;
  ts_vm_spec_disk (ts_topology_vm (f->topology, 0), 1)->replicated = FALSE;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  return f;
}

static void
replicate (Fixture *f, guint32 disks)
{
  fixture_order (f, (TsOrder){.verb = TS_DO_REPLICATE_DISKS, .disks = disks});
}

static void
resize (Fixture *f, guint disk, guint64 bytes, TsSides sides)
{
  fixture_order (f, (TsOrder){.verb = TS_DO_RESIZE_DISK,
                              .disk = disk,
                              .amount_bytes = bytes,
                              .sides = sides});
}

static void
expect_refused (Fixture *f, const char *verb, const char *reason)
{
  const TsRecord *r = fixture_last (f, "refused", "verb", verb, NULL);
  assert_non_null (r);
  assert_string_equal (ts_record_get_text (r, "reason"), reason);
  assert_int_equal (ts_record_get_int (r, "code", 0), TS_CODE_INVALID_STATE);
}

/* So many disks are compared, and all of them are the same. */
static void
expect_identical (Fixture *f, guint disks, gint64 after_us)
{
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 70 * TS_S);
  fixture_do (f, TS_DO_COMPARE);
  if (fixture_count (f, "compare", "identical", "true", NULL) != disks ||
      fixture_count (f, "compare", "identical", "false", NULL) != 0)
    fail_msg ("a crash %" G_GINT64_FORMAT " us after the order leaves the disks different", after_us);
  const TsRecord *state = fixture_last (f, "state", NULL, NULL, "hv-paris");
  assert_string_equal (ts_record_get_text (state, "to"), "replicating");
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
a_disk_is_included (void **state)
{
  Fixture *f = without_data (0);
  fixture_run (f, TS_S);
  gint64 from_us = f->ops->now_us (f->world);
  replicate (f, BOTH);
  fixture_wait (f, TS_MIN, "disk_update", "phase", "done", "hv-paris");
  fixture_run (f, 1);
  fixture_expect_trace (f, from_us, "state disk_update disks",
                        "[  4.979] app@hv-paris state role=primary from=replicating to=disk-update wmi=15 ps=16\n"
                        "[  4.979] app@hv-paris disk_update phase=begun disks=data bytes=0 total_bytes=0 reason=\n"
                        "[  5.310] app@hv-paris disk_update phase=copying disks=data bytes=0 total_bytes=45056 reason=\n"
                        "[  5.373] app@hv-paris disk_update phase=copied disks=data bytes=45056 total_bytes=45056 reason=\n"
                        "[  5.564] app@hv-lyon disks replicated=system data excluded=\n"
                        "[  5.584] app@hv-paris disk_update phase=done disks=data bytes=45056 total_bytes=45056 reason=\n"
                        "[  5.584] app@hv-paris state role=primary from=disk-update to=replicating wmi=3 ps=4\n");
  expect_identical (f, 2, -1);
}

static void
one_is_left_out (void **state)
{
  Fixture *f = without_data (0);
  replicate (f, BOTH);
  fixture_wait (f, TS_MIN, "disk_update", "phase", "done", "hv-paris");
  fixture_run (f, 40 * TS_S);
  replicate (f, DATA); /* of two disks that are there, the first goes */
  fixture_wait (f, TS_MIN, "disks", "excluded", "system", "hv-lyon");
  fixture_run (f, 40 * TS_S);
  const TsRecord *cut = fixture_last (f, "cut", NULL, NULL, NULL);
  assert_true (ts_record_get_int (cut, "entries", 0) > 0);
  expect_identical (f, 1, -1);
}

static void
what_is_refused (void **state)
{
  Fixture *f = without_data (0);
  replicate (f, 4);
  expect_refused (f, "change replicated disks", "IncludedDisks is not valid for Hyper-V operation");
  replicate (f, 0);
  expect_refused (f, "change replicated disks", "IncludedDisks is not valid for Hyper-V operation");
  replicate (f, DATA);
  expect_refused (f, "change replicated disks", "one of the disks that are replicated has to stay");
  resize (f, 0, 8 * TS_MIB + 1, TS_SIDES_PRIMARY);
  expect_refused (f, "resize disk", "a disk is 1 MiB to 64 TiB large, and a multiple of 4 KiB");
  resize (f, 7, 8 * TS_MIB, TS_SIDES_REPLICA);
  expect_refused (f, "resize disk", "there is no disk 7");
  replicate (f, BOTH);
  fixture_do (f, TS_DO_PAUSE);
  expect_refused (f, "suspend",
                  "Could not change the replication state: 'suspend' is not possible in state "
                  "'disk-update'");
  fixture_wait (f, TS_MIN, "connection", "up", "true", NULL);
  resize (f, 0, 12 * TS_MIB, TS_SIDES_REPLICA);
  expect_refused (f, "resize disk", "the replica's disks are being copied");
  fixture_wait (f, TS_MIN, "disk_update", "phase", "done", "hv-paris");
  fixture_do (f, TS_DO_TEST_FAILOVER);
  fixture_wait (f, TS_MIN, "test_failover", "phase", "started", NULL);
  resize (f, 0, 12 * TS_MIB, TS_SIDES_REPLICA);
  expect_refused (f, "resize disk", "a virtual machine stands on the replica's disks");
  fixture_do (f, TS_DO_STOP_TEST_FAILOVER);
  fixture_wait (f, TS_MIN, "test_failover", "phase", "stopped", NULL);
  expect_identical (f, 2, -1);
}

/* Taken back before it has ended: the disk is none of the replica's, and nothing of it is left. */
static void
taken_back (void **state)
{
  Fixture *f = without_data (0);
  replicate (f, BOTH);
  fixture_wait (f, TS_MIN, "disk_update", "phase", "copying", NULL);
  fixture_run (f, 50 * TS_MS);
  replicate (f, SYSTEM);
  assert_non_null (fixture_last (f, "disk_update", "phase", "cancelled", NULL));
  fixture_run (f, 40 * TS_S);
  expect_identical (f, 1, -1);
}

/* A failover in the middle goes without the disk; taken back, the update begins anew. */
static void
failover_in_the_middle (void **state)
{
  Fixture *f = without_data (0);
  replicate (f, BOTH);
  fixture_wait (f, TS_MIN, "disk_update", "phase", "copying", NULL);
  fixture_run (f, 100 * TS_MS);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  assert_null (fixture_last (f, "disks", "excluded", "", "hv-lyon"));
  assert_int_equal (ts_sim_vm (f->world, 0)->copy->blank, DATA);
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_run (f, 5 * TS_S);
  if (g_str_equal (ts_record_get_text (fixture_last (f, "state", NULL, NULL, "hv-paris"), "to"),
                   "error"))
    fixture_do (f, TS_DO_RESUME);
  fixture_run (f, 2 * TS_MIN);
  assert_non_null (fixture_last (f, "disk_update", "phase", "done", "hv-paris"));
  expect_identical (f, 2, -1);
}

/* --- a host loses power ----------------------------------------------------------------------- */

static void
crash (guint host, gint64 after_us, guint32 points)
{
  Fixture *f = without_data (points);
  replicate (f, BOTH);
  fixture_run (f, after_us);
  ts_sim_world_power (f->world, host, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, host, TRUE);
  fixture_run (f, 60 * TS_S);
  if (host == 0) { /* trap 13: its tracking is gone; a comparison of all disks is the end of both */
    const TsRecord *now = fixture_last (f, "state", NULL, NULL, "hv-paris");
    assert_string_equal (ts_record_get_text (now, "to"), "resync-required");
    fixture_do (f, TS_DO_RESYNC);
    fixture_run (f, 60 * TS_S);
  }
  expect_identical (f, 2, after_us);
}

static void
the_replica_dies_at_every_moment (void **state)
{
  for (gint64 t = 0; t < 1200 * TS_MS; t += 15 * TS_MS)
    crash (1, t, 0);
}

static void
the_replica_dies_with_points (void **state)
{
  for (gint64 t = 0; t < 1200 * TS_MS; t += 50 * TS_MS)
    crash (1, t, 2);
}

static void
the_primary_dies_at_every_moment (void **state)
{
  for (gint64 t = 0; t < 1200 * TS_MS; t += 50 * TS_MS)
    crash (0, t, 0);
}

/* --- resizing --------------------------------------------------------------------------------- */

static void
out_of_bounds (void **state)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  resize (f, 1, 64 * TS_MIB, TS_SIDES_PRIMARY);
  fixture_wait (f, TS_MIN, "resized", "role", "primary", NULL);
  fixture_run (f, 40 * TS_S); /* its guest has not looked yet */
  assert_null (fixture_last (f, "state", "to", "error", NULL));
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, TS_S);
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_wait (f, TS_MIN, "state", "to", "error", "hv-paris");
  const TsRecord *failure = fixture_last (f, "failure", "event", "32086", "hv-paris");
  assert_non_null (failure);
  assert_true (g_str_has_prefix (ts_record_get_text (failure, "reason"),
                                 "An out-of-bounds write was encountered on the Replica virtual "
                                 "machine 'app': disk data of the primary is written up to byte "));
  fixture_do (f, TS_DO_RESUME); /* nothing has changed */
  fixture_wait (f, TS_MIN, "state", "to", "error", "hv-paris");
  resize (f, 1, 64 * TS_MIB, TS_SIDES_REPLICA);
  fixture_wait (f, TS_MIN, "resized", "role", "replica", NULL);
  fixture_do (f, TS_DO_RESUME);
  fixture_wait (f, TS_MIN, "applied", NULL, NULL, "hv-lyon");
  assert_null (fixture_last (f, "resync", "phase", "required", NULL));
  expect_identical (f, 2, -1);
}

/* HVR 2.6: resync at next start. */
static void
resized_while_it_is_off (void **state)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  ts_sim_machine_shut_down (ts_sim_vm (f->world, 0)->source);
  fixture_wait (f, TS_MIN, "power", "on", "false", "hv-paris");
  resize (f, 1, 8 * TS_MIB, TS_SIDES_BOTH);
  fixture_wait (f, TS_MIN, "resized", "role", "primary", NULL);
  fixture_run (f, 40 * TS_S);
  assert_null (fixture_last (f, "resync", "phase", "required", NULL));
  fixture_order (f, (TsOrder){.verb = TS_DO_POWER_ON, .host = -1});
  fixture_wait (f, TS_MIN, "resync", "reason",
                "a disk was resized while the virtual machine was off", "hv-paris");
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  expect_identical (f, 2, -1);
}

/* Points of before a shrink go; a growth leaves them, and they can be gone back to (a checker looks). */
static void
points_of_before (void **state)
{
  Fixture *f = fixture_new ();
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->frequency_us = 900 * TS_S;
  policy->time_scale = 60;
  policy->recovery_points = 3;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, 5 * TS_MIN, "history", "older", "2", NULL);
  resize (f, 1, 12 * TS_MIB, TS_SIDES_BOTH);
  fixture_wait (f, TS_MIN, "resized", "role", "primary", NULL);
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, TS_S);
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 2 * TS_MIN);
  assert_null (fixture_last (f, "history", "why", "a disk was shrunk", NULL));
  fixture_order (f, (TsOrder){.verb = TS_DO_FAILOVER, .point = {TS_CHOOSE_INDEX, 1}});
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_run (f, 20 * TS_S);
  fixture_do (f, TS_DO_RESUME);
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 40 * TS_S);
  resize (f, 0, 7 * TS_MIB, TS_SIDES_PRIMARY);
  fixture_wait (f, TS_MIN, "resized", "disk", "system", "hv-paris");
  resize (f, 0, 7 * TS_MIB, TS_SIDES_REPLICA);
  fixture_wait (f, TS_MIN, "resized", "disk", "system", "hv-lyon");
  const TsRecord *gone = fixture_last (f, "history", "why", "a disk was shrunk", NULL);
  assert_non_null (gone);
  assert_int_equal (ts_record_get_int (gone, "kept", -1), 0);
  expect_identical (f, 2, -1);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (a_disk_is_included),
      cmocka_unit_test (one_is_left_out),
      cmocka_unit_test (what_is_refused),
      cmocka_unit_test (taken_back),
      cmocka_unit_test (failover_in_the_middle),
      cmocka_unit_test (the_replica_dies_at_every_moment),
      cmocka_unit_test (the_replica_dies_with_points),
      cmocka_unit_test (the_primary_dies_at_every_moment),
      cmocka_unit_test (out_of_bounds),
      cmocka_unit_test (resized_while_it_is_off),
      cmocka_unit_test (points_of_before),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

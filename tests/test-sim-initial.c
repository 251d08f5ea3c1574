/* tests/test-sim-initial.c -- initial replication in all its methods, in virtual time (HVR
 * reference 2.2, 2.3): planned, cancelled, interrupted, on a medium, from a copy that is there; and with
 * power lost at every moment of it. */
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

#define DAY_US (24 * TS_HOUR)

static Fixture *
fixture_of (TsInitial method)
{
  Fixture *f = fixture_new ();
  ts_topology_policy (f->topology, 0)->policy.initial = method;
  return f;
}

static void
start (Fixture *f, TsInitial method, gint64 in_us)
{
  fixture_order (f, (TsOrder){.verb = TS_DO_START_INITIAL, .initial = {method, in_us}});
}

static const char *
state_of (Fixture *f, const char *host)
{
  const TsRecord *r = fixture_last (f, "state", NULL, NULL, host);
  return r ? ts_record_get_text (r, "to") : "disabled";
}

static const char *
last_phase (Fixture *f)
{
  const TsRecord *r = fixture_last (f, "step", NULL, NULL, NULL);
  return ts_record_get_text (r, "phase");
}

/* The source rests, all is sent and applied, both sides hold the same. */
static void
expect_identical (Fixture *f, const char *what, gint64 at_us)
{
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 70 * TS_S);
  if (!g_str_equal (state_of (f, "hv-paris"), "replicating"))
    fail_msg ("%s %" G_GINT64_FORMAT " us: the primary is %s", what, at_us, state_of (f, "hv-paris"));
  if (!g_str_equal (state_of (f, "hv-lyon"), "replicating"))
    fail_msg ("%s %" G_GINT64_FORMAT " us: the replica is %s", what, at_us, state_of (f, "hv-lyon"));
  guint before = fixture_count (f, "compare", "identical", "true", NULL);
  fixture_do (f, TS_DO_COMPARE);
  if (fixture_count (f, "compare", "identical", "true", NULL) != before + 2)
    fail_msg ("%s %" G_GINT64_FORMAT " us: the disks differ", what, at_us);
  fixture_expect_clean (f);
}

/* --- planned ---------------------------------------------------------------------------------- */

static void
planned_up_to_seven_days_ahead (void **state)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_WORKLOAD_STOP); /* days of it are not what this is about */
  gint64 from_us = f->ops->now_us (f->world);
  fixture_order (f, (TsOrder){.verb = TS_DO_PROTECT, .host = 1, .initial = {0, 7 * DAY_US}});
  assert_string_equal (last_phase (f), "done");
  fixture_run (f, 7 * DAY_US - TS_S);
  assert_string_equal (state_of (f, "hv-paris"), "ready");
  assert_string_equal (state_of (f, "hv-lyon"), "initial");
  fixture_run (f, 2 * TS_S);
  const TsRecord *begun = fixture_last (f, "copy", "phase", "begun", NULL);
  assert_in_range (begun->t_us, from_us + 7 * DAY_US, from_us + 7 * DAY_US + 300 * TS_MS);
  expect_identical (f, "planned", 0);
  fixture_free (f);
}

static void
later_than_seven_days_is_refused (void **state)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_order (f, (TsOrder){.verb = TS_DO_PROTECT, .host = 1, .initial = {0, 7 * DAY_US + 1}});
  const TsRecord *refused = fixture_last (f, "refused", NULL, NULL, NULL);
  assert_non_null (strstr (ts_record_get_text (refused, "reason"), "up to 7 days ahead"));
  assert_string_equal (state_of (f, "hv-paris"), "disabled");
  fixture_free (f);
}

/* 4.1: the policy's start time; the day's clock is the scenario's. */
static void
planned_by_the_policy (void **state)
{
  Fixture *f = fixture_new ();
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->initial_at_us = 2 * TS_HOUR;
  policy->resync.clock_us = TS_HOUR + 50 * TS_MIN;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 10 * TS_MIN - 5 * TS_S);
  assert_string_equal (state_of (f, "hv-paris"), "ready");
  fixture_run (f, 3 * TS_S);
  const TsRecord *begun = fixture_last (f, "copy", "phase", "begun", NULL);
  assert_in_range (begun->t_us, 10 * TS_MIN, 10 * TS_MIN + 300 * TS_MS);
  fixture_free (f);
}

/* The plan outlives the host's power: it is persisted before anybody is told of it. */
static void
a_plan_outlives_a_crash (void **state)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_order (f, (TsOrder){.verb = TS_DO_PROTECT, .host = 1, .initial = {0, 60 * TS_S}});
  fixture_run (f, 10 * TS_S);
  ts_sim_world_power (f->world, 0, FALSE);
  fixture_run (f, 5 * TS_S);
  ts_sim_world_power (f->world, 0, TRUE);
  fixture_run (f, 30 * TS_S);
  assert_string_equal (state_of (f, "hv-paris"), "ready");
  /* nothing was tracked, so nothing was lost: the replica is asked, and the VM starts (trap 13) */
  assert_int_equal (ts_record_get_int (fixture_last (f, "power", NULL, NULL, "hv-paris"), "on", 0), 1);
  fixture_run (f, 30 * TS_S);
  expect_identical (f, "planned, and a crash", 0);
  fixture_free (f);
}

/* --- cancelled -------------------------------------------------------------------------------- */

/* At every moment of it, and begun again: what changed between the two attempts was tracked by
 * nobody, and is on the replica all the same. */
static void
cancelled_at (gint64 after_us, TsInitial again)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, after_us);
  fixture_do (f, TS_DO_CANCEL_INITIAL);
  gboolean cancelled = g_str_equal (last_phase (f), "done");
  if (cancelled) {
    assert_string_equal (state_of (f, "hv-paris"), "ready");
    fixture_run (f, 200 * TS_MS); /* it has read what is there; writes go on */
    if (after_us > TS_S / 10)
      assert_string_equal (state_of (f, "hv-lyon"), "initial"); /* 3.5: R stays 2 */
    start (f, again, 0);
  } else /* 2.3: at any time but when the replica may have it all */
    assert_in_range (after_us, 600 * TS_MS, TS_S);
  fixture_run (f, 60 * TS_S);
  expect_identical (f, "cancelled after", after_us);
  fixture_free (f);
}

static void
cancelled_at_every_moment (void **state)
{
  for (gint64 t = 0; t < 900 * TS_MS; t += 10 * TS_MS)
    cancelled_at (t, TS_INITIAL_NETWORK);
}

static void
cancelled_and_begun_from_what_is_there (void **state)
{
  for (gint64 t = 0; t < 600 * TS_MS; t += 60 * TS_MS)
    cancelled_at (t, TS_INITIAL_SEEDED);
}

/* --- interrupted ------------------------------------------------------------------------------ */

static gint64
copied_wire_bytes (gboolean dark)
{
  Fixture *f = fixture_new ();
  f->stamped = TRUE;
  TsDiskSpec *disk = ts_vm_spec_disk (ts_topology_vm (f->topology, 0), 0);
  disk->size_bytes = 128 * TS_MIB;
  disk->fill_bytes = 64 * TS_MIB;
  ts_topology_policy (f->topology, 0)->policy.compression = FALSE;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 6 * TS_S); /* of eleven */
  if (dark) {
    fixture_link (f, TS_LINK_BLACKHOLE);
    fixture_run (f, 40 * TS_S);
    fixture_link (f, TS_LINK_UP);
  }
  fixture_wait (f, 60 * TS_S, "copy", "phase", "done", NULL);
  gint64 bytes = ts_record_get_int (fixture_last (f, "copy", "phase", "done", NULL), "wire_bytes", 0);
  assert_true (bytes > (gint64)(64 * TS_MIB));
  assert_true (bytes < (gint64)(84 * TS_MIB)); /* holes did not cross */
  expect_identical (f, "interrupted", dark);
  fixture_free (f);
  return bytes;
}

/* What was acknowledged before the link broke is not sent again: at most a window is. */
static void
goes_on_at_the_last_acknowledged_frame (void **state)
{
  gint64 once = copied_wire_bytes (FALSE), broken = copied_wire_bytes (TRUE);
  assert_true (broken >= once);
  assert_true (broken - once <= (gint64)(TS_SENDER_WINDOW_BYTES + 64 * TS_KIB));
}

/* --- on a medium ------------------------------------------------------------------------------ */

static void
on_a_medium_while_cycles_go_on (void **state)
{
  Fixture *f = fixture_of (TS_INITIAL_EXPORT);
  fixture_begin (f);
  gint64 from_us = f->ops->now_us (f->world);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 70 * TS_S);
  assert_string_equal (state_of (f, "hv-lyon"), "initial");
  fixture_do (f, TS_DO_IMPORT);
  fixture_run (f, 5 * TS_S);
  fixture_expect_trace (
      f, from_us, "state copy import point applied",
      "[  3.200] app@hv-paris state role=primary from=disabled to=ready wmi=1 ps=1\n"
      "[  3.200] app@hv-paris state role=primary from=ready to=initial wmi=2 ps=2\n"
      "[  3.300] app@hv-lyon state role=replica from=disabled to=initial wmi=2 ps=3\n"
      "[  3.350] app@hv-paris copy phase=begun method=export bytes=0 total_bytes=4202496 percent=0 wire_bytes=248\n"
      "[  3.380] app@hv-paris copy phase=exported method=export bytes=4202496 total_bytes=4202496 percent=100 wire_bytes=248\n"
      "[  3.601] app@hv-lyon applied set=1 instant_us=3380408\n"
      "[ 33.670] app@hv-lyon applied set=2 instant_us=33380408\n"
      "[ 63.667] app@hv-lyon applied set=3 instant_us=63380408\n"
      "[ 73.210] app@hv-lyon import phase=begun bytes=0 total_bytes=4202496 percent=0\n"
      "[ 73.260] app@hv-lyon import phase=done bytes=4202496 total_bytes=4202496 percent=100\n"
      "[ 73.260] app@hv-lyon state role=replica from=initial to=replicating wmi=3 ps=4\n"
      "[ 73.260] app@hv-lyon point set=3 instant_us=63380408 type=standard\n"
      "[ 73.280] app@hv-paris state role=primary from=initial to=replicating wmi=3 ps=4\n");
  expect_identical (f, "on a medium", 0);
  fixture_free (f);
}

/* Imported before the first set has come: it is that set that makes an instant of the copy. */
static void
imported_before_the_first_set (void **state)
{
  Fixture *f = fixture_of (TS_INITIAL_EXPORT);
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  TsSimRelation *sender = ts_sim_host_relation (ts_sim_host (f->world, 0), ts_sim_vm (f->world, 0));
  while (!sender->sender->exported)
    fixture_run (f, TS_MS);
  TsSimRelation *rel = NULL;
  while (!rel || rel->receiver->aside != ASIDE_WAITING) {
    fixture_run (f, TS_MS);
    rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  }
  assert_int_equal (rel->receiver->stored, 0);
  fixture_do (f, TS_DO_IMPORT);
  fixture_run (f, 10 * TS_S);
  expect_identical (f, "imported early", 0);
  fixture_free (f);
}

static void
expect_refusal (Fixture *f, const char *says)
{
  fixture_run (f, 5 * TS_S);
  assert_string_equal (last_phase (f), "refused");
  const TsRecord *refused = fixture_last (f, "refused", NULL, NULL, NULL);
  const char *reason = ts_record_get_text (refused, "reason");
  if (!strstr (reason, says))
    fail_msg ("\"%s\" does not say \"%s\"", reason, says);
}

static Fixture *
exported (void)
{
  Fixture *f = fixture_of (TS_INITIAL_EXPORT);
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, 20 * TS_S, "copy", "phase", "exported", NULL);
  fixture_run (f, 5 * TS_S);
  return f;
}

static void
no_medium_no_import (void **state)
{
  Fixture *f = exported ();
  TsSimVm *vm = ts_sim_vm (f->world, 0);
  g_clear_pointer (&vm->exported, ts_sim_medium_unref); /* lost on the way */
  fixture_do (f, TS_DO_IMPORT);
  expect_refusal (f, "no medium with a finished export has been brought here");
  fixture_free (f);
}

static void
a_damaged_medium_is_turned_down_and_a_good_one_taken (void **state)
{
  Fixture *f = exported ();
  TsSimVm *vm = ts_sim_vm (f->world, 0);
  assert_int_equal (ts_sim_medium_damage (vm->exported, 1), 1);
  fixture_do (f, TS_DO_IMPORT);
  expect_refusal (f, "the medium is damaged: what it holds of disk system at byte 0");
  assert_string_equal (state_of (f, "hv-lyon"), "initial");
  assert_int_equal (ts_sim_medium_damage (vm->exported, 1), 1); /* the same bit: it is whole again */
  fixture_run (f, 30 * TS_S);
  fixture_do (f, TS_DO_IMPORT);
  fixture_run (f, 5 * TS_S);
  expect_identical (f, "a second medium", 0);
  fixture_free (f);
}

/* On its way only: what was exported is as it was. */
static void
a_medium_that_is_damaged_on_its_way_can_be_carried_again (void **state)
{
  Fixture *f = exported ();
  fixture_order (f, (TsOrder){.verb = TS_DO_IMPORT, .medium_of = -1, .damaged = TRUE});
  expect_refusal (f, "the medium is damaged: what it holds of disk system at byte 0");
  assert_int_equal (fixture_count (f, "evidence", "fault", "damaged_medium", NULL), 1);
  assert_string_equal (state_of (f, "hv-lyon"), "initial");
  fixture_do (f, TS_DO_IMPORT);
  fixture_run (f, 5 * TS_S);
  assert_string_equal (state_of (f, "hv-lyon"), "replicating");
  expect_identical (f, "carried again", 0);
  fixture_free (f);
}

/* Before there is one, nothing can happen to it. */
static void
no_medium_that_could_be_damaged (void **state)
{
  Fixture *f = exported ();
  TsSimVm *vm = ts_sim_vm (f->world, 0);
  g_clear_pointer (&vm->exported, ts_sim_medium_unref);
  fixture_order (f, (TsOrder){.verb = TS_DO_IMPORT, .medium_of = -1, .damaged = TRUE});
  fixture_run (f, TS_S);
  assert_string_equal (last_phase (f), "failed");
  assert_int_equal (fixture_count (f, "fault", NULL, NULL, NULL), 0);
  fixture_free (f);
}

/* A list that names another attempt, another VM, other disks; or is none. */
static void
a_wrong_medium_is_turned_down (void **state)
{
  static const char *const says[] = {
      "the medium is of another virtual machine",
      "the medium is of another initial replication of this virtual machine",
      "the medium has 1 disks, the virtual machine has 2",
      "disk data of the medium has 8192 bytes, the virtual machine's has 4194304",
      "the medium is damaged: its checksum does not match"};
  Fixture *f = exported ();
  TsSimVm *vm = ts_sim_vm (f->world, 0);
  g_autoptr (GBytes) good = g_bytes_ref (ts_sim_medium_list (vm->exported));
  for (guint i = 0; i < G_N_ELEMENTS (says); i++) {
    g_autoptr (TsMedium) list = ts_medium_unpack (good, NULL);
    if (i == 0)
      list->vm.bytes[0] ^= 1;
    if (i == 1)
      list->run++;
    if (i >= 2)
      g_array_set_size (list->pieces, 0);
    if (i == 2)
      list->disks = 1;
    if (i == 3)
      list->size_bytes[1] = 8192;
    GByteArray *bytes = g_bytes_unref_to_array (ts_medium_pack (list));
    if (i == 4)
      bytes->data[bytes->len - 1] ^= 1;
    g_autoptr (GBytes) bad = g_byte_array_free_to_bytes (bytes);
    ts_sim_medium_end (vm->exported, bad);
    fixture_do (f, TS_DO_IMPORT);
    expect_refusal (f, says[i]);
  }
  ts_sim_medium_end (vm->exported, good);
  fixture_do (f, TS_DO_IMPORT);
  fixture_run (f, 5 * TS_S);
  expect_identical (f, "the right medium", 0);
  fixture_free (f);
}

/* 2.3: while it runs it can be stopped, state 1; afterwards not. */
static void
an_export_is_cancelled_only_while_it_runs (void **state)
{
  for (gint64 t = 0; t < 400 * TS_MS; t += 20 * TS_MS) {
    Fixture *f = fixture_of (TS_INITIAL_EXPORT);
    fixture_begin (f);
    fixture_do (f, TS_DO_PROTECT);
    fixture_run (f, t);
    gboolean whole = fixture_last (f, "copy", "phase", "exported", NULL) != NULL;
    fixture_do (f, TS_DO_CANCEL_INITIAL);
    assert_string_equal (last_phase (f), whole ? "refused" : "done");
    assert_string_equal (state_of (f, "hv-paris"), whole ? "initial" : "ready");
    if (!whole) {
      assert_null (ts_sim_vm (f->world, 0)->exported);
      start (f, TS_INITIAL_EXPORT, 0);
    }
    fixture_run (f, 40 * TS_S);
    fixture_do (f, TS_DO_IMPORT);
    fixture_run (f, 5 * TS_S);
    expect_identical (f, "an export cancelled after", t);
    fixture_free (f);
  }
}

/* --- power is lost ---------------------------------------------------------------------------- */

/* The primary's host, while it exports and after: what it tracked is lost (trap 13), and a
 * resynchronization makes it good. */
static void
primary_crash_at (gint64 after_us)
{
  Fixture *f = fixture_of (TS_INITIAL_EXPORT);
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, after_us);
  ts_sim_world_power (f->world, 0, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, 0, TRUE);
  fixture_run (f, 60 * TS_S);
  fixture_do (f, TS_DO_WORKLOAD_START);
  const char *now = state_of (f, "hv-paris");
  if (g_str_equal (now, "resync-required"))
    fixture_do (f, TS_DO_RESYNC);
  else if (g_str_equal (now, "ready"))
    start (f, TS_INITIAL_NETWORK, 0);
  else if (g_str_equal (now, "initial") && after_us < 250 * TS_MS)
    fixture_do (f, TS_DO_IMPORT); /* the replica had not welcomed it: it was exported again */
  else
    fail_msg ("after a crash at %" G_GINT64_FORMAT " us the primary is %s", after_us, now);
  fixture_run (f, 40 * TS_S);
  expect_identical (f, "the primary lost power after", after_us);
  fixture_free (f);
}

static void
primary_loses_power_during_an_export (void **state)
{
  for (gint64 t = 0; t < 500 * TS_MS; t += 10 * TS_MS)
    primary_crash_at (t);
}

/* The replica's host, while sets are played onto the placeholder: from the first to the second
 * one's end, and then an import. */
static void
replica_crash_at (gint64 after_us, gint64 import_us)
{
  Fixture *f = fixture_of (TS_INITIAL_EXPORT);
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, import_us < 0 ? after_us : import_us);
  if (import_us >= 0) {
    fixture_do (f, TS_DO_IMPORT);
    fixture_run (f, after_us);
  }
  ts_sim_world_power (f->world, 1, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, 60 * TS_S);
  if (g_str_equal (state_of (f, "hv-lyon"), "initial")) {
    fixture_do (f, TS_DO_IMPORT);
    fixture_run (f, 5 * TS_S);
  }
  expect_identical (f, import_us < 0 ? "the replica lost power after" : "the replica lost power in an import after", after_us);
  fixture_free (f);
}

static void
replica_loses_power_before_the_import (void **state)
{
  for (gint64 t = 0; t < 700 * TS_MS; t += 20 * TS_MS)
    replica_crash_at (t, -1);
  for (gint64 t = 30300 * TS_MS; t < 30700 * TS_MS; t += 10 * TS_MS)
    replica_crash_at (t, -1);
}

static void
replica_loses_power_during_the_import (void **state)
{
  guint merging = 0;
  for (gint64 t = 0; t < 160 * TS_MS; t += 4 * TS_MS)
    replica_crash_at (t, 40 * TS_S);
  Fixture *f = fixture_of (TS_INITIAL_EXPORT); /* does that time hold what is meant? */
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 40 * TS_S);
  gint64 from_us = f->ops->now_us (f->world);
  fixture_do (f, TS_DO_IMPORT);
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, 1), ts_sim_vm (f->world, 0));
  for (gint64 t = 0; t < 160 * TS_MS; t += 4 * TS_MS) {
    fixture_run (f, 4 * TS_MS);
    merging += rel->receiver->aside == ASIDE_MERGING;
  }
  assert_true (merging >= 2);
  assert_in_range (fixture_last (f, "import", "phase", "done", NULL)->t_us, from_us + TS_MS,
                   from_us + 160 * TS_MS);
  fixture_free (f);
}

/* --- from a copy that is there ---------------------------------------------------------------- */

static Fixture *
removed (void)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 40 * TS_S);
  fixture_do (f, TS_DO_REMOVE);
  fixture_run (f, 20 * TS_S);
  return f;
}

static void
seeded_sends_what_differs (void **state)
{
  Fixture *f = removed ();
  fixture_order (f, (TsOrder){.verb = TS_DO_PROTECT, .host = 1, .initial = {TS_INITIAL_SEEDED, 0}});
  fixture_run (f, 20 * TS_S);
  const TsRecord *done = fixture_last (f, "copy", "method", "seeded", NULL);
  assert_string_equal (ts_record_get_text (done, "phase"), "done");
  assert_int_equal (ts_record_get_int (done, "percent", 0), 100);
  gint64 bytes = ts_record_get_int (done, "bytes", 0);
  assert_in_range (bytes, 100 * 4096, 400 * 4096); /* 10 writes/s for 20 to 30 s, some twice */
  expect_identical (f, "seeded", 0);
  fixture_free (f);
}

/* Without a copy there is nothing to begin from; the replica says so, and the primary may begin
 * otherwise (resume: state 1). */
static void
seeded_from_nothing_is_refused (void **state)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  fixture_order (f, (TsOrder){.verb = TS_DO_PROTECT, .host = 1, .initial = {TS_INITIAL_SEEDED, 0}});
  expect_refusal (f, "there is no copy of the virtual machine here");
  assert_string_equal (state_of (f, "hv-paris"), "error");
  fixture_do (f, TS_DO_RESUME);
  assert_string_equal (state_of (f, "hv-paris"), "ready");
  start (f, TS_INITIAL_NETWORK, 0);
  fixture_run (f, 20 * TS_S);
  expect_identical (f, "seeded from nothing, then over the network", 0);
  fixture_free (f);
}

/* Over the network the old copy's disks are emptied first: a block that the source does not hold any
 * more would stay on them. */
static void
network_over_an_old_copy_leaves_nothing_of_it (void **state)
{
  Fixture *f = removed ();
  TsSimRelation *old =
      g_ptr_array_index (ts_sim_host (f->world, 1)->removed, 0); /* its copy has more than the source */
  TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (old->disks, 0));
  disk->ops->write (disk, 8 * TS_MIB - 4096, "old", 3, NULL);
  disk->ops->flush (disk, NULL);
  fixture_order (f, (TsOrder){.verb = TS_DO_PROTECT, .host = 1, .initial = {TS_INITIAL_SEEDED, TS_MIN}});
  fixture_run (f, TS_S);
  start (f, TS_INITIAL_NETWORK, 0);
  fixture_run (f, 20 * TS_S);
  expect_identical (f, "over an old copy", 0);
  fixture_free (f);
}

static void
seeded_crash_at (gint64 after_us)
{
  Fixture *f = removed ();
  fixture_order (f, (TsOrder){.verb = TS_DO_PROTECT, .host = 1, .initial = {TS_INITIAL_SEEDED, 0}});
  fixture_run (f, after_us);
  ts_sim_world_power (f->world, 1, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, 90 * TS_S);
  if (g_str_equal (state_of (f, "hv-paris"), "resync-required"))
    fixture_do (f, TS_DO_RESYNC);
  fixture_run (f, 20 * TS_S);
  expect_identical (f, "seeded, the replica lost power after", after_us);
  fixture_free (f);
}

static void
replica_loses_power_while_it_is_compared (void **state)
{
  for (gint64 t = 200 * TS_MS; t < 900 * TS_MS; t += 25 * TS_MS)
    seeded_crash_at (t);
}

/* 2.3: "unallocated and zero blocks do not cross": neither a hole nor what is allocated and holds
 * nothing but zeros.  Bytes on the wire to the replica, all told. */
static guint64
wire_bytes_of_a_copy (guint64 zeros_bytes, gboolean compress)
{
  Fixture *f = fixture_new ();
  ts_topology_policy (f->topology, 0)->policy.compression = compress;
  ts_topology_workload (f->topology, 0)->rate_per_megasecond = 1; /* nothing is written */
  TsVmSpec *vm = ts_topology_vm (f->topology, 0);
  ts_vm_spec_disk (vm, 0)->fill_bytes = TS_MIB;
  ts_vm_spec_disk (vm, 1)->fill_bytes = 0;
  fixture_begin (f);
  TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (ts_sim_vm (f->world, 0)->source->disks, 0));
  g_autofree guint8 *zeros = g_malloc0 (TS_MIB);
  for (guint64 at = 0; at < zeros_bytes; at += TS_MIB)
    assert_true (disk->ops->write (disk, 3 * TS_MIB + at, zeros, TS_MIB, NULL));
  g_autoptr (TsExtents) map = ts_extents_new ();
  ts_sim_disk_map (g_ptr_array_index (ts_sim_vm (f->world, 0)->source->disks, 0), map);
  assert_true (ts_extents_bytes (map) >= TS_MIB + zeros_bytes); /* allocated, by the disk's own account */
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_expect_identical (f);
  fixture_expect_clean (f);
  guint64 bytes = (guint64)ts_record_get_int (fixture_last (f, "traffic", "from", "paris", NULL), "bytes", 0);
  fixture_free (f);
  return bytes;
}

static void
zeros_and_holes_do_not_cross (void **state)
{
  for (guint compress = 0; compress < 2; compress++) {
    guint64 without = wire_bytes_of_a_copy (0, compress), with = wire_bytes_of_a_copy (4 * TS_MIB, compress);
    assert_true (without > TS_MIB / 3 && without < TS_MIB + 128 * TS_KIB); /* of 12 MiB of disks */
    assert_true (with < without + 16 * TS_KIB);                            /* frames that name them */
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (planned_up_to_seven_days_ahead),
      cmocka_unit_test (later_than_seven_days_is_refused),
      cmocka_unit_test (planned_by_the_policy),
      cmocka_unit_test (a_plan_outlives_a_crash),
      cmocka_unit_test (cancelled_at_every_moment),
      cmocka_unit_test (cancelled_and_begun_from_what_is_there),
      cmocka_unit_test (goes_on_at_the_last_acknowledged_frame),
      cmocka_unit_test (zeros_and_holes_do_not_cross),
      cmocka_unit_test (on_a_medium_while_cycles_go_on),
      cmocka_unit_test (imported_before_the_first_set),
      cmocka_unit_test (no_medium_no_import),
      cmocka_unit_test (a_damaged_medium_is_turned_down_and_a_good_one_taken),
      cmocka_unit_test (a_medium_that_is_damaged_on_its_way_can_be_carried_again),
      cmocka_unit_test (no_medium_that_could_be_damaged),
      cmocka_unit_test (a_wrong_medium_is_turned_down),
      cmocka_unit_test (an_export_is_cancelled_only_while_it_runs),
      cmocka_unit_test (primary_loses_power_during_an_export),
      cmocka_unit_test (replica_loses_power_before_the_import),
      cmocka_unit_test (replica_loses_power_during_the_import),
      cmocka_unit_test (seeded_sends_what_differs),
      cmocka_unit_test (seeded_from_nothing_is_refused),
      cmocka_unit_test (network_over_an_old_copy_leaves_nothing_of_it),
      cmocka_unit_test (replica_loses_power_while_it_is_compared),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

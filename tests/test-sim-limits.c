/* tests/test-sim-limits.c -- what a host bounds and counts: transfers and applies at once, tracked bytes,
 * the monitoring interval; and the two ways of tracking.  In virtual time, every checker on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/world.h"

#define VMS 4u

static gint64
number (const TsRecord *record, const char *key)
{
  assert_non_null (record);
  return ts_record_get_int (record, key, -1);
}

/* --- slots ------------------------------------------------------------------------------------ */

static void
more_vms (Fixture *f)
{
  for (guint i = 1; i < VMS; i++) {
    g_autofree char *name = g_strdup_printf ("app%u", i);
    TsVmSpec *vm = ts_topology_add_vm (f->topology, name);
    TsRandom random;
    ts_random_init (&random, 1, name);
    vm->id = ts_guid_draw (&random);
    ts_vm_spec_add_disk (vm, "system")->size_bytes = 8 * TS_MIB;
    TsWorkloadSpec *workload = ts_topology_add_workload (f->topology, name);
    guint first = 0;
    workload->vm = i;
    g_array_append_val (workload->disks, first);
    workload->kind = TS_WORKLOAD_RANDOM;
    workload->rate_per_megasecond = 10 * 1000000;
    workload->flush_every = 4;
  }
}

static void
protect_all (Fixture *f)
{
  for (guint i = 0; i < VMS; i++) {
    TsOrder order = {.step = "protect", .verb = TS_DO_PROTECT, .vm = (gint)i, .policy = 0,
                     .host = 1,         .site = -1,            .link = -1};
    assert_true (f->ops->order (f->world, &order, NULL));
  }
}

/* How many VMs were at it at once, at most: `kind` tells the end of a thing that took transfer_us. */
static guint
at_once (Fixture *f)
{
  guint most = 0;
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *end = g_ptr_array_index (f->records, i);
    if (!g_str_equal (end->kind, "sent"))
      continue;
    gint64 from_us = end->t_us - number (end, "transfer_us");
    guint now = 0;
    for (guint k = 0; k < f->records->len; k++) {
      const TsRecord *other = g_ptr_array_index (f->records, k);
      now += g_str_equal (other->kind, "sent") && other->t_us > from_us &&
             other->t_us - number (other, "transfer_us") <= from_us;
    }
    most = MAX (most, now);
  }
  return most;
}

static void
transfers (Fixture *f, guint limit)
{
  ts_topology_host (f->topology, 0)->settings.transfers_max = limit;
  ts_topology_link (f->topology, 0)->shape.rate_bits_per_s = 8 * 1000 * 1000;
  more_vms (f);
  fixture_begin (f);
  protect_all (f);
  fixture_run (f, 4 * TS_MIN);
  assert_int_equal (fixture_count (f, "state", "to", "replicating", "hv-paris"), VMS);
}

static void
one_transfer_at_once (void **state)
{
  Fixture *f = *state;
  transfers (f, 1);
  assert_int_equal (at_once (f), 1);
  const TsRecord *waits = fixture_last (f, "slot", "phase", "waiting", "hv-paris");
  assert_int_equal (number (waits, "limit"), 1);
  assert_int_equal (number (waits, "held"), 1);
  assert_string_equal (ts_record_get_text (waits, "what"), "transfer");
  assert_int_equal (fixture_count (f, "cycle", "outcome", "missed", NULL), 0);
  fixture_expect_clean (f);
}

static void
as_many_transfers_as_there_are_vms (void **state)
{
  Fixture *f = *state;
  transfers (f, VMS);
  assert_true (at_once (f) > 1);
  assert_int_equal (fixture_count (f, "slot", NULL, NULL, NULL), 0);
  fixture_expect_clean (f);
}

/* Who has a slot when its host loses power does not keep the others waiting. */
static void
slots_do_not_outlive_their_host (void **state)
{
  Fixture *f = *state;
  transfers (f, 1);
  fixture_site_down (f, 0);
  fixture_run (f, 10 * TS_S);
  fixture_site_up (f, 0);
  fixture_run (f, 10 * TS_S);
  for (guint i = 0; i < VMS; i++) {
    TsOrder order = {.step = "resync", .verb = TS_DO_RESYNC, .vm = (gint)i, .policy = -1,
                     .host = -1,       .site = -1,           .link = -1};
    assert_true (f->ops->order (f->world, &order, NULL));
  }
  fixture_run (f, 3 * TS_MIN);
  assert_int_equal (fixture_count (f, "resync", "phase", "done", "hv-paris"), VMS);
  fixture_expect_clean (f);
}

static void
one_apply_at_once (void **state)
{
  Fixture *f = *state;
  ts_topology_host (f->topology, 1)->settings.apply_vms_max = 1;
  f->topology->profile.apply_us = 2 * TS_S;
  more_vms (f);
  fixture_begin (f);
  protect_all (f);
  fixture_run (f, 4 * TS_MIN);
  gint64 last_us = -TS_MIN;
  guint applied = 0;
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = g_ptr_array_index (f->records, i);
    if (!g_str_equal (r->kind, "applied"))
      continue;
    assert_true (r->t_us - last_us >= 2 * TS_S);
    last_us = r->t_us;
    applied++;
  }
  assert_true (applied >= 5 * VMS);
  assert_string_equal (
      ts_record_get_text (fixture_last (f, "slot", "phase", "waiting", "hv-lyon"), "what"), "apply");
  fixture_expect_clean (f);
}

/* Of a VM's first set with that many disks at once: from received to applied. */
static gint64
apply_us (guint lanes)
{
  Fixture *f = fixture_new ();
  ts_topology_host (f->topology, 1)->settings.apply_disks_max = lanes;
  f->topology->profile.disk_bytes_per_s = TS_MIB;
  ts_topology_workload (f->topology, 0)->rate_per_megasecond = 40 * 1000000;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, 3 * TS_MIN, "applied", "set", "2", NULL);
  gint64 took_us = fixture_last (f, "applied", "set", "2", NULL)->t_us -
                   fixture_last (f, "point", "set", "2", NULL)->t_us;
  fixture_free (f);
  return took_us;
}

static void
disks_are_applied_side_by_side (void **state)
{
  gint64 one_us = apply_us (1), two_us = apply_us (2);
  assert_true (one_us > TS_S);
  assert_true (two_us < one_us * 6 / 10); /* two disks, about as much on each */
  assert_int_equal (apply_us (0), two_us);
}

/* --- tracking --------------------------------------------------------------------------------- */

static void
replicating (Fixture *f)
{
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_wait (f, 2 * TS_MIN, "cut", "set", "2", NULL);
}

/* The same few blocks again and again: 30 s, ten writes of 4 KiB a second. */
static const TsRecord *
cut_of_hot_blocks (Fixture *f, TsTracking tracking)
{
  ts_topology_vm (f->topology, 0)->tracking = tracking;
  ts_topology_workload (f->topology, 0)->region_bytes = 8 * 4096; /* of each disk */
  replicating (f);
  fixture_wait (f, TS_MIN, "cut", "set", "3", NULL);
  return fixture_last (f, "cut", "set", "3", NULL);
}

static void
expect_identical (Fixture *f)
{
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 70 * TS_S);
  fixture_do (f, TS_DO_COMPARE);
  assert_int_equal (fixture_count (f, "compare", "identical", "true", NULL), 2);
  assert_int_equal (fixture_count (f, "compare", "identical", "false", NULL), 0);
  fixture_expect_clean (f);
}

static void
a_log_holds_each_write (void **state)
{
  Fixture *f = *state;
  const TsRecord *cut = cut_of_hot_blocks (f, TS_TRACKING_LOG);
  assert_in_range (number (cut, "entries"), 280, 320);
  assert_int_equal (number (cut, "data_bytes"), number (cut, "entries") * 4096);
  expect_identical (f);
}

static void
a_bitmap_holds_each_block (void **state)
{
  Fixture *f = *state;
  const TsRecord *cut = cut_of_hot_blocks (f, TS_TRACKING_BITMAP);
  assert_true (number (cut, "data_bytes") <= 16 * 4096);
  expect_identical (f);
}

/* With logs as with bitmaps, through a crash, a resynchronization and a planned failover. */
static void
logs_through_thick_and_thin (void **state)
{
  Fixture *f = *state;
  ts_topology_vm (f->topology, 0)->tracking = TS_TRACKING_LOG;
  ts_topology_policy (f->topology, 0)->policy.recovery_points = 2;
  replicating (f);
  fixture_site_down (f, 0);
  fixture_run (f, 5 * TS_S);
  fixture_site_up (f, 0);
  fixture_wait (f, TS_MIN, "state", "to", "resync-required", "hv-paris");
  fixture_run (f, 15 * TS_S);
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, 2 * TS_MIN, "resync", "phase", "done", "hv-paris");
  fixture_run (f, 70 * TS_S);
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "failover", "phase", "serving", NULL);
  fixture_do (f, TS_DO_REVERSE);
  fixture_wait (f, TS_MIN, "reverse", "role", "primary", NULL);
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 70 * TS_S);
  expect_identical (f);
}

/* Trap 6: not only when the logs are cut.  12 MiB of disks, 6 of them in a cycle of 15 minutes. */
static void
half_of_the_disks_within_a_cycle (Fixture *f, TsTracking tracking)
{
  ts_topology_vm (f->topology, 0)->tracking = tracking;
  ts_topology_policy (f->topology, 0)->policy.frequency_us = 900 * TS_S;
  ts_topology_workload (f->topology, 0)->rate_per_megasecond = 20 * 1000000;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_wait (f, 14 * TS_MIN, "state", "to", "resync-required", "hv-paris");
  assert_int_equal (fixture_count (f, "cut", "type", "regular", NULL), 0);
}

static void
too_much_within_a_cycle (void **state)
{
  half_of_the_disks_within_a_cycle (*state, TS_TRACKING_BITMAP);
}

/* The log has grown past half of the disks when a third of their blocks has changed, or less. */
static void
a_log_is_too_long_before_a_bitmap_is (void **state)
{
  Fixture *f = *state;
  half_of_the_disks_within_a_cycle (f, TS_TRACKING_LOG);
  gint64 log_us = f->ops->now_us (f->world);
  Fixture *g = fixture_new ();
  half_of_the_disks_within_a_cycle (g, TS_TRACKING_BITMAP);
  gint64 bitmap_us = g->ops->now_us (g->world);
  fixture_free (g);
  assert_true (log_us < bitmap_us);
  /* 6 MiB are 1536 writes, 20 a second, and told a 64th of 12 MiB (2.4 s) later at most */
  gint64 began_us = fixture_last (f, "cut", "type", "initial", NULL)->t_us;
  assert_in_range ((log_us - began_us) / TS_S, 75, 81);
}

static void
paused_for_too_long (void **state)
{
  Fixture *f = *state;
  replicating (f);
  fixture_do (f, TS_DO_PAUSE);
  fixture_wait (f, 20 * TS_MIN, "state", "to", "resync-required", "hv-paris");
  fixture_expect_clean (f);
}

/* --- the monitoring interval ------------------------------------------------------------------ */

static void
statistics_at_the_grid (void **state)
{
  Fixture *f = *state;
  for (guint i = 0; i < 2; i++) {
    TsHostSettings *s = &ts_topology_host (f->topology, i)->settings;
    s->monitoring_us = TS_HOUR;
    s->monitoring_from_us = 10 * TS_MIN;
  }
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 2 * TS_HOUR);
  /* the first interval is cut short by the grid */
  assert_int_equal (fixture_count (f, "statistics", "event", "29174", "hv-paris"), 2);
  assert_int_equal (fixture_count (f, "statistics", "event", "29174", "hv-lyon"), 2);
  const TsRecord *hour = fixture_last (f, "statistics", NULL, NULL, "hv-paris");
  assert_int_equal (hour->t_us, 70 * TS_MIN);
  assert_int_equal (number (hour, "from_us"), 10 * TS_MIN);
  assert_int_equal (number (hour, "to_us"), 70 * TS_MIN);
  assert_int_equal (number (hour, "success"), 120);
  assert_int_equal (number (hour, "missed"), 0);
  gint64 bytes = 0, most = 0;
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = g_ptr_array_index (f->records, i);
    if (!g_str_equal (r->kind, "sent") || r->t_us <= 10 * TS_MIN || r->t_us > 70 * TS_MIN)
      continue;
    bytes += number (r, "data_bytes");
    most = MAX (most, number (r, "data_bytes"));
  }
  assert_int_equal (number (hour, "bytes"), bytes);
  assert_int_equal (number (hour, "bytes_max"), most);
  assert_string_equal (ts_record_get_text (hour, "health"), "normal");
  const TsRecord *replica = fixture_last (f, "statistics", NULL, NULL, "hv-lyon");
  assert_int_equal (number (replica, "bytes"), bytes);
  assert_true (number (replica, "last_applied_us") > number (replica, "last_sync_us"));
  fixture_expect_clean (f);
}

/* What was missed in one interval is forgotten in the next: health is judged by one (5.1, 5.2). */
static void
health_recovers_with_the_interval (void **state)
{
  Fixture *f = *state;
  TsHostSettings *s = &ts_topology_host (f->topology, 0)->settings;
  s->monitoring_us = TS_HOUR;
  s->monitoring_from_us = 0;
  ts_topology_workload (f->topology, 0)->rate_per_megasecond = 2 * 1000000;
  replicating (f);
  fixture_run (f, 10 * TS_MIN);
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_run (f, 5 * TS_MIN);
  fixture_link (f, TS_LINK_UP);
  fixture_run (f, 10 * TS_MIN);
  const TsRecord *health = fixture_last (f, "health", NULL, NULL, "hv-paris");
  assert_string_equal (ts_record_get_text (health, "health"), "warning");
  fixture_run (f, 40 * TS_MIN);
  health = fixture_last (f, "health", NULL, NULL, "hv-paris");
  assert_string_equal (ts_record_get_text (health, "health"), "normal");
  fixture_expect_clean (f);
}

int
main (void)
{
#define T(name) cmocka_unit_test_setup_teardown (name, fixture_setup, fixture_teardown)
  const struct CMUnitTest tests[] = {
      T (one_transfer_at_once),
      T (as_many_transfers_as_there_are_vms),
      T (slots_do_not_outlive_their_host),
      T (one_apply_at_once),
      cmocka_unit_test (disks_are_applied_side_by_side),
      T (a_log_holds_each_write),
      T (a_bitmap_holds_each_block),
      T (logs_through_thick_and_thin),
      T (too_much_within_a_cycle),
      T (a_log_is_too_long_before_a_bitmap_is),
      T (paused_for_too_long),
      T (statistics_at_the_grid),
      T (health_recovers_with_the_interval),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

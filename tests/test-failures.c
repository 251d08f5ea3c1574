/* tests/test-failures.c -- HVR reference 2.6, "Failure handling of a cycle", row by row: the simulator's
 * two hosts, every checker on.  Rows of disks (resize, added, excluded) are in the tests of disks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/relation/event.h"
#include "sim-fixture.h"
#include "sim/internal.h"
#include "sim/world.h"

static void
on_host (Fixture *f, TsVerb verb, gint host)
{
  fixture_order (f, (TsOrder){.verb = verb, .host = host});
}

static const char *
state_of (Fixture *f, const char *host)
{
  return ts_record_get_text (fixture_last (f, "state", NULL, NULL, host), "to");
}

static const char *
health_of (Fixture *f, const char *host)
{
  return ts_record_get_text (fixture_last (f, "health", NULL, NULL, host), "health");
}

static guint
events (Fixture *f, const char *kind, const char *number, const char *host)
{
  return fixture_count (f, kind, "event", number, host);
}

static void
expect_identical (Fixture *f)
{
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 80 * TS_S);
  fixture_do (f, TS_DO_COMPARE);
  assert_int_equal (fixture_count (f, "compare", "identical", "true", NULL), 2);
  fixture_expect_clean (f);
}

static void
heal_by_resync (Fixture *f)
{
  if (!g_str_equal (state_of (f, "hv-paris"), "resync-required"))
    fixture_wait (f, 5 * TS_MIN, "state", "to", "resync-required", "hv-paris");
  assert_string_equal (health_of (f, "hv-paris"), "critical");
  fixture_do (f, TS_DO_RESYNC);
  fixture_wait (f, 2 * TS_MIN, "resync", "phase", "done", "hv-paris");
}

/* --- transient send failure ------------------------------------------------------------------- */

static void
transient_send_failure (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_run (f, 20 * TS_S);
  fixture_link (f, TS_LINK_RESET);
  fixture_wait (f, TS_MIN, "retry", "event", "32315", "hv-paris");
  assert_true (events (f, "failure", "32022", "hv-paris") >= 1);
  fixture_wait (f, TS_MIN, "retry", "attempt", "2", "hv-paris");
  fixture_wait (f, TS_MIN, "retry", "attempt", "3", "hv-paris");
  /* 1, 2, 4 minutes of a five-minute interval: 6, 12, 24 s of 30 s */
  static const gint64 after_us[] = {6 * TS_S, 12 * TS_S, 24 * TS_S};
  for (guint i = 0; i < 3; i++) {
    g_autofree char *attempt = g_strdup_printf ("%u", i + 1);
    const TsRecord *retry = fixture_last (f, "retry", "attempt", attempt, "hv-paris");
    assert_int_equal (ts_record_get_int (retry, "after_us", 0), after_us[i]);
  }
  assert_string_equal (state_of (f, "hv-paris"), "replicating"); /* it is recoverable */
  fixture_link (f, TS_LINK_UP);
  fixture_run (f, TS_MIN);
  assert_int_equal (events (f, "failure", "32086", NULL), 0);
  expect_identical (f);
}

/* --- not recoverable -------------------------------------------------------------------------- */

static void
authorization_lost (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  TsSimHost *lyon = ts_sim_host (f->world, 1);
  ts_authorization_free (lyon->authorization); /* the administrator takes the entry back */
  lyon->authorization = ts_authorization_new ();
  on_host (f, TS_DO_HOST_CRASH, 1);
  on_host (f, TS_DO_HOST_UP, 1);
  fixture_wait (f, 2 * TS_MIN, "refused", "verb", "connect", "hv-lyon");
  fixture_run (f, TS_MIN);
  /* who is not authorized is told nothing, so that looks as a link that does not work: retried */
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  assert_true (events (f, "retry", "32315", "hv-paris") >= 2);
}

static void
replica_in_a_wrong_state (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_failover (f, FALSE);
  fixture_wait (f, 2 * TS_MIN, "failure", "event", "32086", "hv-paris");
  assert_string_equal (state_of (f, "hv-paris"), "error");
  assert_int_equal (ts_record_get_int (fixture_last (f, "state", NULL, NULL, "hv-paris"), "wmi", -1), 8);
  assert_string_equal (health_of (f, "hv-paris"), "critical");
  gint64 told_us = f->ops->now_us (f->world);
  fixture_run (f, 10 * TS_MIN);
  const TsRecord *retry = fixture_last (f, "retry", NULL, NULL, "hv-paris");
  assert_true (!retry || retry->t_us <= told_us); /* no retry: until the operator resumes */
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_run (f, 10 * TS_S);
  fixture_do (f, TS_DO_RESUME);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
}

/* --- link down long --------------------------------------------------------------------------- */

static void
link_down_long (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_run (f, 80 * TS_S);
  assert_true (fixture_count (f, "cycle", "outcome", "missed", "hv-paris") >= 1);
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  /* 12 MiB of disks, 10 writes of 4 KiB a second: 6 MiB are tracked after less than 160 s */
  fixture_wait (f, 2 * TS_MIN, "state", "to", "resync-required", "hv-paris");
  fixture_link (f, TS_LINK_UP);
  heal_by_resync (f);
  expect_identical (f);
}

/* --- primary disk full ------------------------------------------------------------------------ */

static void
primary_disk_full (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  on_host (f, TS_DO_DISK_FULL, 0);
  fixture_run (f, 70 * TS_S);
  assert_true (events (f, "failure", "32022", "hv-paris") >= 2); /* each cycle */
  assert_true (fixture_count (f, "cycle", "outcome", "missed", "hv-paris") >= 2);
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  on_host (f, TS_DO_DISK_FREE, 0); /* what changed was tracked: the next cut has it */
  fixture_run (f, TS_MIN);
  assert_int_equal (fixture_count (f, "resync", "phase", "required", NULL), 0);
  expect_identical (f);
}

static void
primary_disk_full_for_long (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  on_host (f, TS_DO_DISK_FULL, 0);
  fixture_wait (f, 10 * TS_MIN, "state", "to", "resync-required", "hv-paris"); /* the 50 % rule */
  on_host (f, TS_DO_DISK_FREE, 0);
  heal_by_resync (f);
  expect_identical (f);
}

static void
replica_disk_full (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  on_host (f, TS_DO_DISK_FULL, 1);
  fixture_wait (f, TS_MIN, "retry", "event", "32315", "hv-paris");
  assert_non_null (strstr (ts_record_get_text (fixture_last (f, "failure", "event", "32022", "hv-paris"),
                                               "reason"),
                           "no space left"));
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  on_host (f, TS_DO_DISK_FREE, 1);
  fixture_run (f, TS_MIN);
  expect_identical (f);
}

/* A store of a known size is full when logs queue: nobody has to say so. */
static void
a_small_log_store (void **state)
{
  Fixture *f = *state;
  ts_topology_host (f->topology, 0)->log_store_bytes = 2 * TS_MIB;
  fixture_replicate (f);
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_wait (f, 3 * TS_MIN, "failure", "action", "cut", "hv-paris");
  assert_non_null (strstr (ts_record_get_text (fixture_last (f, "failure", "action", "cut", "hv-paris"),
                                               "reason"),
                           "no space left"));
  fixture_link (f, TS_LINK_UP);
  fixture_run (f, 2 * TS_MIN);
  if (g_str_equal (state_of (f, "hv-paris"), "resync-required"))
    heal_by_resync (f);
  expect_identical (f);
}

/* --- write error on the log ------------------------------------------------------------------- */

/* Written as it happens, a log that cannot be written has lost a write. */
static void
write_error_on_the_log (void **state)
{
  Fixture *f = *state;
  ts_topology_vm (f->topology, 0)->tracking = TS_TRACKING_LOG;
  fixture_replicate (f);
  on_host (f, TS_DO_DISK_FULL, 0);
  fixture_wait (f, TS_MIN, "state", "to", "resync-required", "hv-paris");
  on_host (f, TS_DO_DISK_FREE, 0);
  heal_by_resync (f);
  expect_identical (f);
}

static void
a_log_is_damaged_on_the_primary (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_wait (f, TS_MIN, "cut", "type", "regular", NULL);
  on_host (f, TS_DO_CORRUPT_LOG, 0);
  fixture_link (f, TS_LINK_UP);
  fixture_wait (f, 5 * TS_MIN, "resync", "phase", "required", "hv-paris");
  heal_by_resync (f);
  expect_identical (f);
}

/* The one that waits first: what comes behind it is not even sent. */
static void
a_log_is_out_of_sequence (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_wait (f, TS_MIN, "cut", "type", "regular", NULL);
  gint64 stored = fixture_count (f, "point", NULL, NULL, "hv-lyon");
  fixture_order (f, (TsOrder){.verb = TS_DO_CORRUPT_LOG, .host = 0, .log_fault = TS_LOG_ORDER});
  fixture_link (f, TS_LINK_UP);
  fixture_wait (f, 5 * TS_MIN, "resync", "phase", "required", "hv-paris");
  const char *reason = ts_record_get_text (fixture_last (f, "resync", "phase", "required", "hv-paris"), "reason");
  if (!strstr (reason, "does not follow the last one received"))
    fail_msg ("\"%s\" is another reason", reason);
  assert_int_equal (fixture_count (f, "point", NULL, NULL, "hv-lyon"), stored);
  heal_by_resync (f);
  const TsRecord *done = fixture_last (f, "resync", "phase", "done", "hv-paris");
  assert_true (ts_record_get_int (done, "bytes", 0) > 0);
  assert_true (ts_record_get_int (done, "bytes", 0) <= ts_record_get_int (done, "differing_bytes", 0));
  expect_identical (f);
}

/* What the replica has stored, it found to follow: nothing would find it out any more. */
static void
a_stored_log_stays_in_sequence (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_do (f, TS_DO_BACKUP);
  fixture_wait (f, TS_MIN, "point", NULL, NULL, "hv-lyon");
  fixture_order (f, (TsOrder){.verb = TS_DO_CORRUPT_LOG, .host = 1, .log_fault = TS_LOG_ORDER});
  fixture_run (f, TS_S);
  const TsRecord *step = fixture_last (f, "step", "verb", "corrupt_log", NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "failed");
  assert_int_equal (fixture_count (f, "fault", NULL, NULL, NULL), 0);
}

static void
a_log_is_damaged_on_the_replica (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_do (f, TS_DO_BACKUP);
  fixture_wait (f, TS_MIN, "point", NULL, NULL, "hv-lyon");
  on_host (f, TS_DO_CORRUPT_LOG, 1);
  fixture_do (f, TS_DO_END_BACKUP);
  fixture_wait (f, 2 * TS_MIN, "resync", "phase", "required", "hv-paris");
  heal_by_resync (f);
  expect_identical (f);
}

/* --- hosts that go and come ------------------------------------------------------------------- */

/* Caught in the middle of a transfer: the link is so thin that there always is one. */
static void
reboot_during_transfer (Fixture *f, gint host, gboolean suspends)
{
  for (guint i = 0; i < 2; i++)
    ts_topology_host (f->topology, i)->settings.stop_suspends = suspends;
  fixture_replicate (f);
  fixture_link (f, TS_LINK_UP);
  TsSimHost *paris = ts_sim_host (f->world, 0);
  TsSimRelation *rel = ts_sim_host_relation (paris, ts_sim_vm (f->world, 0));
  while (ts_sender_pending_bytes (rel->sender) == 0) /* from a cut to its acknowledgement */
    fixture_run (f, TS_MS);
  on_host (f, TS_DO_HOST_REBOOT, host);
}

static void
graceful_reboot_of_the_replica_host (void **state)
{
  Fixture *f = *state;
  ts_topology_link (f->topology, 0)->shape.rate_bits_per_s = 1000 * 1000; /* a set takes 4 s */
  reboot_during_transfer (f, 1, TRUE);
  fixture_wait (f, TS_MIN, "failure", "event", "32086", "hv-paris");
  assert_int_equal (events (f, "failure", "32022", "hv-paris"), 1);
  assert_non_null (strstr (
      ts_record_get_text (fixture_last (f, "failure", "event", "32086", "hv-paris"), "reason"),
      "0x80004004"));
  fixture_run (f, 40 * TS_S);
  assert_string_equal (state_of (f, "hv-paris"), "error"); /* until somebody resumes it */
  fixture_do (f, TS_DO_RESUME);
  fixture_run (f, TS_MIN);
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  assert_int_equal (fixture_count (f, "resync", "phase", "required", NULL), 0);
  expect_identical (f);
}

static void
graceful_reboot_of_the_replica_host_from_2016_on (void **state)
{
  Fixture *f = *state;
  ts_topology_link (f->topology, 0)->shape.rate_bits_per_s = 1000 * 1000;
  reboot_during_transfer (f, 1, FALSE);
  fixture_run (f, 2 * TS_MIN);
  assert_int_equal (events (f, "failure", "32086", NULL), 0);
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  expect_identical (f);
}

static void
graceful_reboot_of_the_primary_host (void **state)
{
  Fixture *f = *state;
  ts_topology_link (f->topology, 0)->shape.rate_bits_per_s = 1000 * 1000;
  reboot_during_transfer (f, 0, TRUE);
  fixture_wait (f, 2 * TS_MIN, "step", "phase", "done", NULL);
  assert_int_equal (events (f, "failure", "32086", "hv-paris"), 1);
  fixture_wait (f, TS_MIN, "power", "on", "true", "hv-paris"); /* it starts its machine again */
  assert_string_equal (state_of (f, "hv-paris"), "error");
  fixture_do (f, TS_DO_RESUME);
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, TS_MIN);
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  assert_int_equal (fixture_count (f, "resync", "phase", "required", NULL), 0); /* closed gracefully */
  expect_identical (f);
}

/* Nothing was under way: nothing is suspended, and nothing has to be compared. */
static void
graceful_reboot_between_transfers (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_run (f, 5 * TS_S);
  on_host (f, TS_DO_HOST_REBOOT, 0);
  fixture_wait (f, TS_MIN, "step", "phase", "done", NULL);
  fixture_wait (f, TS_MIN, "guest", "phase", "ready", "hv-paris");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 70 * TS_S);
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  assert_int_equal (events (f, "failure", "32086", NULL), 0);
  assert_int_equal (fixture_count (f, "resync", "phase", "required", NULL), 0);
  expect_identical (f);
}

static void
host_crash_with_the_machine_running (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  on_host (f, TS_DO_HOST_CRASH, 0);
  fixture_run (f, 10 * TS_S);
  on_host (f, TS_DO_HOST_UP, 0);
  fixture_wait (f, TS_MIN, "state", "to", "resync-required", "hv-paris");
  fixture_wait (f, TS_MIN, "guest", "phase", "ready", "hv-paris");
  heal_by_resync (f);
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 40 * TS_S);
  expect_identical (f);
}

static void
host_crash_of_the_replica (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  on_host (f, TS_DO_HOST_CRASH, 1);
  fixture_run (f, 40 * TS_S);
  on_host (f, TS_DO_HOST_UP, 1);
  fixture_run (f, 2 * TS_MIN);
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  expect_identical (f);
}

static void
the_machine_is_off (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  ts_sim_machine_shut_down (ts_sim_vm (f->world, 0)->source);
  fixture_run (f, 90 * TS_S);
  const TsRecord *cut = fixture_last (f, "cut", NULL, NULL, NULL);
  assert_int_equal (ts_record_get_int (cut, "data_bytes", -1), 0); /* cycles continue, without data */
  assert_string_equal (state_of (f, "hv-paris"), "replicating");
  assert_string_equal (health_of (f, "hv-paris"), "normal");
  expect_identical (f);
}

/* --- backup of the replica -------------------------------------------------------------------- */

static void
backup_of_the_replica_takes_long (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_do (f, TS_DO_BACKUP);
  gint64 from_us = f->ops->now_us (f->world);
  fixture_run (f, 100 * TS_S);
  assert_true (fixture_last (f, "applied", NULL, NULL, NULL)->t_us < from_us);
  assert_true (fixture_last (f, "point", NULL, NULL, NULL)->t_us > from_us); /* received all the same */
  static const char *const numbers[] = {"19050", "32546", "32032", "33680"};
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    assert_true (events (f, "failure", numbers[i], "hv-lyon") >= 3);
  assert_string_equal (state_of (f, "hv-lyon"), "replicating");
  assert_string_equal (health_of (f, "hv-paris"), "normal"); /* nothing is to be seen of it there */
  assert_string_equal (health_of (f, "hv-lyon"), "normal");
  assert_int_equal (fixture_count (f, "cycle", "outcome", "missed", NULL), 0);
  fixture_do (f, TS_DO_END_BACKUP);
  fixture_run (f, 5 * TS_S);
  assert_true (fixture_last (f, "applied", NULL, NULL, NULL)->t_us > from_us);
  expect_identical (f);
}

/* HVR 2.12: refused while something is applied, and cut off by a failover. */
static void
a_backup_has_its_conditions (void **state)
{
  Fixture *f = *state;
  f->topology->profile.apply_us = 3 * TS_S;
  fixture_replicate (f);
  fixture_wait (f, TS_MIN, "point", NULL, NULL, "hv-lyon");
  fixture_do (f, TS_DO_BACKUP);
  assert_int_equal (fixture_count (f, "refused", "verb", "backup", "hv-lyon"), 1);
  fixture_run (f, 10 * TS_S);
  fixture_do (f, TS_DO_END_BACKUP);
  assert_int_equal (fixture_count (f, "refused", "verb", "end backup", "hv-lyon"), 1);
  fixture_do (f, TS_DO_BACKUP);
  assert_int_equal (fixture_count (f, "backup", "phase", "begun", "hv-lyon"), 1);
  fixture_run (f, 40 * TS_S);
  fixture_failover (f, FALSE);
  assert_int_equal (fixture_count (f, "backup", "phase", "cut off", "hv-lyon"), 1);
  fixture_wait (f, TS_MIN, "failover", "phase", "serving", NULL);
  fixture_expect_clean (f);
}

int
main (void)
{
#define ROW(name, test)                                                                            \
  {                                                                                                \
    name, test, fixture_setup, fixture_teardown, NULL                                                              \
  }
  const struct CMUnitTest tests[] = {
      ROW ("2.6 transient send failure: back-off, events 32022 and 32315", transient_send_failure),
      ROW ("2.6 non-recoverable: the peer is not authorized any more", authorization_lost),
      ROW ("2.6 non-recoverable: replica in a wrong state, event 32086, state 8",
           replica_in_a_wrong_state),
      ROW ("2.6 link down long: missed cycles, then the 50 % rule", link_down_long),
      ROW ("2.6 primary disk full", primary_disk_full),
      ROW ("2.6 primary disk full, for too long", primary_disk_full_for_long),
      ROW ("2.6 transient: replica disk full", replica_disk_full),
      ROW ("2.6 primary disk full: a log store of its size", a_small_log_store),
      ROW ("2.6 write error on the log", write_error_on_the_log),
      ROW ("2.6 write error on the log: damaged on the primary", a_log_is_damaged_on_the_primary),
      ROW ("2.9 an out-of-sequence log", a_log_is_out_of_sequence),
      ROW ("an out-of-sequence log: not on the replica", a_stored_log_stays_in_sequence),
      ROW ("2.9 an invalid log on the replica", a_log_is_damaged_on_the_replica),
      ROW ("2.6 graceful reboot of the replica host during transfer",
           graceful_reboot_of_the_replica_host),
      ROW ("2.6 graceful reboot during transfer, from 2016 on",
           graceful_reboot_of_the_replica_host_from_2016_on),
      ROW ("2.6 graceful reboot of the primary host during transfer",
           graceful_reboot_of_the_primary_host),
      ROW ("2.6 graceful reboot between transfers", graceful_reboot_between_transfers),
      ROW ("2.6 host crash with VM running", host_crash_with_the_machine_running),
      ROW ("2.6 host crash of the replica", host_crash_of_the_replica),
      ROW ("2.6 VM off", the_machine_is_off),
      ROW ("2.6 backup of the replica takes long", backup_of_the_replica_takes_long),
      ROW ("2.12 a backup has its conditions", a_backup_has_its_conditions),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

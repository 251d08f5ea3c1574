/* tests/test-traps.c -- HVR reference, section 0: what an emulator most easily gets wrong, a test each with
 * the trap in its name.  In virtual time, every checker on; what more there is of a trap (a unit's part, the
 * lab's, the orchestrator's) is in the tests of those. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/relation/receiver-internal.h"
#include "core/relation/sender-internal.h"
#include "lab/link/link.h"
#include "sim-fixture.h"
#include "sim/internal.h"
#include "sim/world.h"

static TsSimRelation *
relation (Fixture *f, guint host)
{
  return ts_sim_host_relation (ts_sim_host (f->world, host), ts_sim_vm (f->world, 0));
}

static TsState
state_of (Fixture *f, guint host)
{
  return ts_sim_relation_state (relation (f, host));
}

static const char *
health_of (Fixture *f, const char *host)
{
  return ts_record_get_text (fixture_last (f, "health", NULL, NULL, host), "health");
}

static void
ask (Fixture *f, guint host, TsAsk what)
{
  ts_sim_relation_ask (relation (f, host), &(TsSideOrder){.ask = what});
}

static void
on_side (Fixture *f, TsVerb verb, TsSides sides)
{
  fixture_order (f, (TsOrder){.verb = verb, .host = -1, .sides = sides});
}

static void
resync (Fixture *f)
{
  fixture_do (f, TS_DO_PAUSE);
  fixture_do (f, TS_DO_RESYNC);
}

static guint
kept (Fixture *f)
{
  const TsPoint *points;
  return ts_receiver_points (relation (f, 1)->receiver, &points);
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

/* --- the traps -------------------------------------------------------------------------------- */

static void
trap_1 (void **state)
{
  Fixture *f = *state;
  static const struct {
    TsState wmi;
    gint powershell, replica, collection; /* HVR 3.2, 3.7 */
  } rows[] = {{TS_STATE_INITIAL, 2, 3, 2},      {TS_STATE_REPLICATING, 4, 4, 3},
              {TS_STATE_RECOVERED, 6, 6, 5},    {TS_STATE_COMMITTED, 7, 7, 6},
              {TS_STATE_SUSPENDED, 8, 8, 7},    {TS_STATE_ERROR, 9, 9, 8},
              {TS_STATE_RESYNC_REQUIRED, 10, 10, 9}};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    assert_int_equal (ts_state_powershell (rows[i].wmi, TS_ROLE_PRIMARY), rows[i].powershell);
    assert_int_equal (ts_state_powershell (rows[i].wmi, TS_ROLE_REPLICA), rows[i].replica);
    assert_int_equal (ts_state_row (rows[i].wmi)->collection, rows[i].collection);
  }
  fixture_replicate (f);
  const TsRecord *told = fixture_last (f, "state", "to", "replicating", "hv-paris");
  assert_int_equal (ts_record_get_int (told, "wmi", -1), 3);
  assert_int_equal (ts_record_get_int (told, "ps", -1), 4);
}

static void
trap_2 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_site_down (f, 0);
  fixture_site_up (f, 0);
  fixture_wait (f, TS_MIN, "guest", "phase", "ready", "hv-paris");
  fixture_do (f, TS_DO_WORKLOAD_START);
  guint64 before = ts_sim_vm (f->world, 0)->source->next_write;
  guint sent = fixture_count (f, "sent", NULL, NULL, NULL), cuts = fixture_count (f, "cut", NULL, NULL, NULL);
  fixture_run (f, 5 * TS_MIN);
  assert_int_equal (state_of (f, 0), TS_STATE_RESYNC_REQUIRED);
  assert_true (ts_sim_vm (f->world, 0)->source->next_write > before + 1000); /* the guest writes on */
  assert_int_equal (ts_sim_tracker_bytes (relation (f, 0)->tracker), 0);     /* and nobody tracks it */
  assert_int_equal (fixture_count (f, "cut", NULL, NULL, NULL), cuts);
  assert_int_equal (fixture_count (f, "sent", NULL, NULL, NULL), sent);
  assert_string_equal (health_of (f, "hv-paris"), "critical");
  fixture_do (f, TS_DO_RESYNC); /* only a compare repairs it */
  fixture_wait (f, 2 * TS_MIN, "resync", "phase", "done", "hv-paris");
  expect_identical (f);
}

static void
trap_3 (void **state)
{
  Fixture *f = *state;
  ts_topology_policy (f->topology, 0)->policy.recovery_points = 4;
  fixture_replicate (f);
  fixture_run (f, 3 * TS_HOUR);
  assert_true (kept (f) >= 3);
  resync (f);
  fixture_wait (f, 2 * TS_MIN, "resync", "phase", "done", "hv-paris");
  assert_true (kept (f) <= 1); /* what is left is the latest */
  expect_identical (f);
}

static void
trap_4 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  resync (f);
  fixture_wait (f, TS_S, "resync", "phase", "begun", "hv-lyon");
  fixture_link (f, TS_LINK_BLACKHOLE); /* so that it lasts */
  fixture_run (f, TS_S);
  assert_int_equal (state_of (f, 0), TS_STATE_RESYNCHRONIZING);
  fixture_do (f, TS_DO_TEST_FAILOVER);
  assert_int_equal (fixture_count (f, "refused", "verb", "test failover", "hv-lyon"), 1);
  ask (f, 0, TS_ASK_PREPARE);
  assert_int_equal (fixture_count (f, "refused", "verb", "prepare planned failover", "hv-paris"), 1);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "failover", "phase", "serving", "hv-lyon");
  fixture_link (f, TS_LINK_UP);
  fixture_run (f, 2 * TS_MIN);
  assert_int_equal (state_of (f, 1), TS_STATE_RECOVERED);
  assert_int_equal (state_of (f, 0), TS_STATE_RESYNC_REQUIRED); /* the run is over */
  fixture_expect_clean (f);
}

static void
trap_5 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  on_side (f, TS_DO_PAUSE, TS_SIDES_PRIMARY);
  assert_string_equal (health_of (f, "hv-paris"), "warning");
  guint sent = fixture_count (f, "sent", NULL, NULL, NULL);
  fixture_run (f, 45 * TS_S);
  guint64 then = ts_sim_tracker_bytes (relation (f, 0)->tracker);
  fixture_run (f, 45 * TS_S);
  assert_true (then > 0);
  assert_true (ts_sim_tracker_bytes (relation (f, 0)->tracker) > then);
  assert_int_equal (fixture_count (f, "sent", NULL, NULL, NULL), sent);
  on_side (f, TS_DO_RESUME, TS_SIDES_PRIMARY);
  fixture_run (f, 40 * TS_S);
  assert_int_equal (fixture_count (f, "resync", NULL, NULL, NULL), 0);
  on_side (f, TS_DO_PAUSE, TS_SIDES_REPLICA);
  assert_string_equal (health_of (f, "hv-lyon"), "critical");
  fixture_run (f, 30 * TS_S);
  on_side (f, TS_DO_RESUME, TS_SIDES_REPLICA);
  fixture_run (f, TS_MIN);
  expect_identical (f);
}

static void
trap_6 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  resync (f);
  fixture_link (f, TS_LINK_BLACKHOLE);
  assert_int_equal (state_of (f, 0), TS_STATE_RESYNCHRONIZING);
  /* of both disks together: 6 of 12 MiB, more than the smaller of them holds */
  fixture_wait (f, 15 * TS_MIN, "state", "to", "resync-required", "hv-paris");
  const TsRecord *again = fixture_last (f, "state", "to", "resync-required", "hv-paris");
  assert_string_equal (ts_record_get_text (again, "from"), "resynchronizing");
  assert_non_null (strstr (
      ts_record_get_text (fixture_last (f, "resync", "phase", "required", "hv-paris"), "reason"), "50 %"));
  fixture_expect_clean (f);
}

static void
trap_7 (void **state)
{
  Fixture *f = *state;
  f->topology->profile.apply_us = 20 * TS_S;
  fixture_replicate (f);
  fixture_wait (f, TS_MIN, "point", NULL, NULL, "hv-lyon");
  TsReceiver *replica = relation (f, 1)->receiver;
  fixture_run (f, TS_S);
  guint64 received = ts_receiver_stored_set (replica);
  assert_true (ts_receiver_applied_set (replica) < received);
  assert_true (replica->statistics.last_sync_us > replica->statistics.last_applied_us); /* two times */
  assert_string_equal (health_of (f, "hv-paris"), "normal"); /* a cycle is done once it is sent */
  assert_int_equal (fixture_count (f, "cycle", "outcome", "missed", NULL), 0);
  fixture_failover (f, FALSE);
  fixture_wait (f, 2 * TS_MIN, "failover", "phase", "promoted", "hv-lyon");
  const TsRecord *promoted = fixture_last (f, "failover", "phase", "promoted", NULL);
  assert_int_equal (ts_record_get_int (promoted, "set", 0), received);
  assert_int_equal (ts_receiver_applied_set (replica), received);
  fixture_expect_clean (f);
}

static void
trap_8 (void **state)
{
  Fixture *f = *state;
  ts_topology_policy (f->topology, 0)->policy.recovery_points = 2;
  fixture_replicate (f);
  fixture_run (f, 2 * TS_HOUR);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "failover", "phase", "started", NULL);
  assert_int_equal (state_of (f, 1), TS_STATE_RECOVERED);
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_run (f, 5 * TS_S);
  assert_int_equal (state_of (f, 1), TS_STATE_REPLICATING);
  assert_true (kept (f) >= 2);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "failover", "phase", "started", NULL);
  fixture_do (f, TS_DO_COMMIT);
  fixture_run (f, 10 * TS_S);
  assert_int_equal (state_of (f, 1), TS_STATE_COMMITTED);
  assert_true (kept (f) <= 1);
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  assert_int_equal (
      ts_record_get_int (fixture_last (f, "refused", "verb", "cancel failover", "hv-lyon"), "code", 0),
      TS_CODE_INVALID_STATE);
  fixture_expect_clean (f);
}

static void
trap_9 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  ask (f, 1, TS_ASK_FAILOVER);
  fixture_run (f, TS_MIN);
  assert_int_equal (state_of (f, 1), TS_STATE_RECOVERED);
  assert_null (ts_sim_vm (f->world, 0)->copy); /* Start-VM is another verb */
  ask (f, 1, TS_ASK_POWER_ON);
  fixture_wait (f, TS_MIN, "guest", "phase", "ready", "hv-lyon");
}

static void
trap_10 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "failover", "phase", "started", NULL);
  gint64 off_us = fixture_last (f, "power", "why", "shutdown", "hv-paris")->t_us;
  gint64 last_us = fixture_last (f, "cut", "type", "planned", NULL)->t_us;
  gint64 locked_us = fixture_last (f, "state", "to", "prepared", "hv-paris")->t_us;
  gint64 over_us = fixture_last (f, "state", "to", "recovered", "hv-lyon")->t_us;
  gint64 on_us = fixture_last (f, "power", "why", "failover", "hv-lyon")->t_us;
  assert_true (off_us < last_us && last_us < locked_us && locked_us < over_us && over_us < on_us);
  ask (f, 0, TS_ASK_POWER_ON); /* locked */
  assert_int_equal (fixture_count (f, "refused", "verb", "power on", "hv-paris"), 1);
  guint copies = fixture_count (f, "copy", NULL, NULL, NULL);
  fixture_do (f, TS_DO_REVERSE);
  fixture_run (f, TS_MIN);
  assert_int_equal (state_of (f, 1), TS_STATE_REPLICATING);
  assert_int_equal (fixture_count (f, "copy", NULL, NULL, NULL), copies); /* nothing is copied */
  assert_int_equal (fixture_count (f, "resync", NULL, NULL, NULL), 0);
  fixture_expect_clean (f);
}

static void
trap_10_unplanned (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_site_down (f, 0);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "failover", "phase", "serving", NULL);
  fixture_do (f, TS_DO_COMMIT);
  fixture_run (f, 10 * TS_S);
  fixture_site_up (f, 0);
  fixture_run (f, 20 * TS_S);
  fixture_do (f, TS_DO_REVERSE);
  fixture_wait (f, 3 * TS_MIN, "resync", "phase", "done", "hv-lyon"); /* data are transferred */
  fixture_expect_clean (f);
}

static void
trap_11 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  ask (f, 1, TS_ASK_POWER_ON);
  assert_int_equal (fixture_count (f, "refused", "verb", "power on", "hv-lyon"), 1);
  assert_null (ts_sim_vm (f->world, 0)->copy);
  for (guint state_number = 0; state_number < TS_STATE_COUNT; state_number++)
    if (ts_state_allows ((TsState)state_number, TS_ROLE_REPLICA, TS_ASK_POWER_ON))
      assert_true (state_number == TS_STATE_RECOVERED || state_number == TS_STATE_COMMITTED);
}

static void
trap_12 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_run (f, 5 * TS_S);
  GPtrArray *disks = relation (f, 1)->disks;
  on_side (f, TS_DO_REMOVE, TS_SIDES_PRIMARY);
  fixture_run (f, 10 * TS_S);
  assert_null (relation (f, 0));
  assert_non_null (relation (f, 1)); /* the other side has not been asked */
  on_side (f, TS_DO_REMOVE, TS_SIDES_REPLICA);
  fixture_run (f, 10 * TS_S);
  assert_null (relation (f, 1));
  TsSimRelation *gone = g_ptr_array_index (ts_sim_host (f->world, 1)->removed, 0);
  assert_ptr_equal (gone->disks, disks); /* the VM's disks stay */
  assert_true (ts_sim_disk_differing_bytes (g_ptr_array_index (disks, 0),
                                            g_ptr_array_index (ts_sim_vm (f->world, 0)->source->disks, 0)) <
               8 * TS_MIB / 2);
}

static void
trap_13 (void **state)
{
  Fixture *f = *state;
  ts_topology_link (f->topology, 0)->shape.rate_bits_per_s = 1000 * 1000;
  fixture_replicate (f);
  while (ts_sender_pending_bytes (relation (f, 0)->sender) == 0)
    fixture_run (f, TS_MS);
  fixture_order (f, (TsOrder){.verb = TS_DO_HOST_REBOOT, .host = 0});
  fixture_wait (f, 2 * TS_MIN, "guest", "phase", "ready", "hv-paris");
  fixture_run (f, 2 * TS_MIN);
  assert_int_equal (state_of (f, 0), TS_STATE_ERROR); /* suspended until someone resumes it */
  assert_int_equal (fixture_count (f, "resync", NULL, NULL, NULL), 0);
  fixture_do (f, TS_DO_RESUME);
  fixture_run (f, TS_MIN);
  assert_int_equal (state_of (f, 0), TS_STATE_REPLICATING);
  fixture_order (f, (TsOrder){.verb = TS_DO_HOST_CRASH, .host = 0});
  fixture_order (f, (TsOrder){.verb = TS_DO_HOST_UP, .host = 0});
  fixture_wait (f, TS_MIN, "state", "to", "resync-required", "hv-paris");
  fixture_expect_clean (f);
}

static void
resize (Fixture *f, TsSides side)
{
  fixture_order (f, (TsOrder){.verb = TS_DO_RESIZE_DISK, .host = -1, .disk = 1,
                              .amount_bytes = 16 * TS_MIB, .sides = side});
  fixture_run (f, 5 * TS_S);
}

static void
trap_14 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  resize (f, TS_SIDES_PRIMARY);
  fixture_run (f, 70 * TS_S);
  assert_int_equal (state_of (f, 0), TS_STATE_REPLICATING); /* nothing writes there yet */
  assert_int_equal (ts_sim_disk_ops (g_ptr_array_index (relation (f, 1)->disks, 1))->size_bytes,
                    4 * TS_MIB); /* never propagated */
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_do (f, TS_DO_WORKLOAD_START); /* now the guest has seen it */
  fixture_wait (f, 3 * TS_MIN, "failure", "event", "32086", "hv-paris");
  assert_non_null (strstr (
      ts_record_get_text (fixture_last (f, "failure", "event", "32086", "hv-paris"), "reason"),
      "out-of-bounds write"));
  assert_int_equal (state_of (f, 0), TS_STATE_ERROR);
  resize (f, TS_SIDES_REPLICA);
  fixture_do (f, TS_DO_RESUME); /* suffices */
  fixture_run (f, TS_MIN);
  assert_int_equal (state_of (f, 0), TS_STATE_REPLICATING);
  assert_int_equal (fixture_count (f, "resync", NULL, NULL, NULL), 0);
  expect_identical (f);
}

/* The orchestrator's commit is this one; see also the vault's tests. */
static void
trap_15 (void **state)
{
  Fixture *f = *state;
  ts_topology_policy (f->topology, 0)->policy.recovery_points = 2;
  fixture_replicate (f);
  fixture_run (f, 2 * TS_HOUR);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "failover", "phase", "serving", NULL);
  fixture_do (f, TS_DO_COMMIT);
  fixture_wait (f, TS_MIN, "failover", "phase", "committed", NULL);
  assert_true (kept (f) <= 1);
  guint points = fixture_count (f, "point", NULL, NULL, NULL);
  fixture_run (f, 5 * TS_MIN);
  assert_int_equal (fixture_count (f, "point", NULL, NULL, NULL), points); /* not protected */
  assert_string_equal (health_of (f, "hv-lyon"), "warning");
}

/* Replication has ended before a failover begins: who takes it back has to resume it. */
static void
trap_16 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_failover (f, FALSE);
  fixture_wait (f, 2 * TS_MIN, "state", "to", "error", "hv-paris");
  fixture_do (f, TS_DO_CANCEL_FAILOVER);
  fixture_run (f, 80 * TS_S);
  assert_int_equal (state_of (f, 1), TS_STATE_REPLICATING);
  assert_int_equal (state_of (f, 0), TS_STATE_ERROR);
  assert_string_equal (health_of (f, "hv-paris"), "critical");
  fixture_do (f, TS_DO_RESUME);
  fixture_run (f, TS_MIN);
  assert_int_equal (state_of (f, 0), TS_STATE_REPLICATING);
}

static void
trap_17 (void **state)
{
  Fixture *f = *state;
  fixture_replicate (f);
  ts_sim_machine_turn_off (ts_sim_vm (f->world, 0)->source, "shutdown");
  ask (f, 0, TS_ASK_PREPARE);
  assert_int_equal (state_of (f, 0), TS_STATE_REPLICATING); /* the job runs */
  assert_int_equal (ts_sender_shown_state (relation (f, 0)->sender), TS_STATE_PREPARED);
  const TsRecord *begun = fixture_last (f, "prepare", "phase", "begun", "hv-paris");
  assert_string_equal (ts_record_get_text (begun, "shows"), "prepared");
  fixture_wait (f, TS_MIN, "state", "to", "prepared", "hv-paris");
  assert_int_equal (ts_sender_shown_state (relation (f, 0)->sender), TS_STATE_PREPARED);
}

static void
trap_18 (void **state)
{
  TsPolicy policy;
  ts_policy_init (&policy);
  assert_false (policy.resync.automatic); /* the WMI page's word */
  assert_int_equal (policy.resync.from_us, 18 * TS_HOUR + 30 * TS_MIN);
  assert_int_equal (policy.resync.until_us, 6 * TS_HOUR);
  Fixture *f = *state;
  fixture_replicate (f);
  fixture_site_down (f, 0);
  fixture_site_up (f, 0);
  fixture_wait (f, TS_MIN, "state", "to", "resync-required", "hv-paris");
  fixture_run (f, 24 * TS_HOUR);
  assert_int_equal (state_of (f, 0), TS_STATE_RESYNC_REQUIRED);
}

/* What is sent takes all of the line that there is; only how many send at once can be set. */
static void
trap_19 (void **state)
{
  Fixture *f = *state;
  ts_topology_link (f->topology, 0)->shape.rate_bits_per_s = 1000 * 1000;
  fixture_replicate (f);
  fixture_wait (f, TS_MIN, "sent", NULL, NULL, NULL);
  const TsRecord *sent = fixture_last (f, "sent", NULL, NULL, NULL);
  gint64 bits = ts_record_get_int (sent, "wire_bytes", 0) * 8;
  gint64 us = ts_record_get_int (sent, "transfer_us", 0);
  assert_true (bits > 1000 * 1000);
  assert_true (bits * 10 > us * 9); /* nine tenths of 1 bit a microsecond */
  assert_int_equal (f->topology->hosts->len, 2);
  assert_int_equal (ts_topology_host (f->topology, 0)->settings.transfers_max, 3);
}

static void
trap_20 (void **state)
{
  assert_int_equal (TS_LAB_KERBEROS_PORT, 8083); /* plain HVR: 80 and 443 */
  assert_int_equal (TS_LAB_PORT, 8084);
}

int
main (void)
{
#define TRAP(name, test)                                                                           \
  {                                                                                                \
    "trap " name, test, fixture_setup, fixture_teardown, NULL                                                      \
  }
  const struct CMUnitTest tests[] = {
      TRAP ("1: three numberings of the replication state", trap_1),
      TRAP ("2: resynchronization required stops tracking", trap_2),
      TRAP ("3: a resynchronization deletes every recovery point", trap_3),
      TRAP ("4: what is refused while a resynchronization runs", trap_4),
      TRAP ("5: pausing keeps tracking", trap_5),
      TRAP ("6: the 50 % rule is per VM, and of a resynchronization too", trap_6),
      TRAP ("7: received and applied are two times", trap_7),
      TRAP ("8: a failover can be undone until it is committed", trap_8),
      TRAP ("9: failover does not start the VM", trap_9),
      TRAP ("10: the order of a planned failover; reversed without a copy", trap_10),
      TRAP ("10: reversed after an unplanned one, data are transferred", trap_10_unplanned),
      TRAP ("11: a replica is powered on by a failover alone", trap_11),
      TRAP ("12: removed on each side apart, the replica's disks stay", trap_12),
      TRAP ("13: a crash needs resynchronization, a shutdown a resume", trap_13),
      TRAP ("14: a disk's size is not propagated; resized too, resuming suffices", trap_14),
      TRAP ("15: commit deletes points; after an unplanned failover nothing is protected", trap_15),
      TRAP ("16: who cancels a failover is left unreplicated", trap_16),
      TRAP ("17: the state that is shown is the one that was asked for", trap_17),
      TRAP ("18: a resynchronization does not begin by itself unless it is said", trap_18),
      TRAP ("19: there is no limit of bandwidth", trap_19),
      TRAP ("20: ports 8083 and 8084", trap_20),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

/* tests/test-sim-extended.c -- a chain of three hosts (HVR reference 2.11): what is applied at the second is
 * what the third gets; and the one in the middle loses power. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/relation/extend.h"
#include "sim-fixture.h"
#include "sim/internal.h"
#include "sim/world.h"

/* --- who may be extended, and how ------------------------------------------------------------- */

static const struct row {
  const char *name;
  gint64 primary_us, frequency_us, app_consistent_us;
  TsState state;
  const char *refusal; /* NULL: fine */
} rows[] = {
    {"5 minutes behind 30 seconds", 30 * TS_S, 300 * TS_S, 0, TS_STATE_REPLICATING, NULL},
    {"15 minutes behind 15", 900 * TS_S, 900 * TS_S, 0, TS_STATE_REPLICATING, NULL},
    {"30 seconds", 30 * TS_S, 30 * TS_S, 0, TS_STATE_REPLICATING,
     "extended replication has an interval of 5 or 15 minutes"},
    {"more frequent than the primary", 900 * TS_S, 300 * TS_S, 0, TS_STATE_REPLICATING,
     "extended replication cannot be more frequent than that of the primary"},
    {"application-consistent", 30 * TS_S, 300 * TS_S, TS_HOUR, TS_STATE_REPLICATING,
     "extended replication has no application-consistent recovery points"},
    {"before the copy is complete", 30 * TS_S, 300 * TS_S, 0, TS_STATE_INITIAL,
     "a replica in state 'initial' cannot be extended"},
    {"after a failover", 30 * TS_S, 300 * TS_S, 0, TS_STATE_COMMITTED,
     "a replica in state 'committed' cannot be extended"},
};

static void
extending (void **state)
{
  const struct row *row = *state;
  TsPolicy primary, further;
  ts_policy_init (&primary);
  ts_policy_init (&further);
  primary.frequency_us = row->primary_us;
  further.frequency_us = row->frequency_us;
  further.app_consistent_us = row->app_consistent_us;
  g_autofree char *why = ts_extend_refusal (&further, &primary, row->state);
  if (row->refusal)
    assert_string_equal (why, row->refusal);
  else
    assert_null (why);
}

/* --- the chain -------------------------------------------------------------------------------- */

enum { APP, THIRD };

static void
order (Fixture *f, gint vm, TsVerb verb, gint host, gint policy)
{
  TsOrder o = {.step = "test", .verb = verb, .vm = vm, .host = host, .policy = policy};
  o.site = o.link = -1;
  assert_true (f->ops->order (f->world, &o, NULL));
}

static Fixture *
chain (void)
{
  Fixture *f = fixture_new ();
  TsTopology *t = f->topology;
  ts_topology_add_site (t, "nice");
  ts_topology_add_host (t, "hv-nice")->site = 2;
  TsLinkSpec *coast = ts_topology_add_link (t, "coast");
  coast->site[0] = 1;
  coast->site[1] = 2;
  coast->shape = ts_topology_link (t, 0)->shape;
  TsPolicySpec *silver = ts_topology_add_policy (t, "silver");
  ts_policy_init (&silver->policy);
  silver->policy.frequency_us = 300 * TS_S;
  TsVmSpec *third = ts_topology_add_vm (t, "third"), *app = ts_topology_vm (t, 0);
  third->host = 1;
  third->extends = 0;
  third->id = app->id;
  third->id.bytes[0] ^= 1;
  for (guint i = 0; i < app->disks->len; i++) {
    TsDiskSpec *disk = ts_vm_spec_add_disk (third, ts_vm_spec_disk (app, i)->name);
    disk->size_bytes = ts_vm_spec_disk (app, i)->size_bytes;
    disk->fill_bytes = ts_vm_spec_disk (app, i)->fill_bytes;
  }
  /* in five minutes less than half of the disks (trap 6) */
  ts_topology_workload_of (t, 0)->rate_per_megasecond = 1000000;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  order (f, THIRD, TS_DO_PROTECT, 2, 1);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-nice");
  return f;
}

/* Both pairs of disks, in the end. */
static void
expect_the_same_thrice (Fixture *f, gint64 after_us)
{
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 12 * TS_MIN);
  fixture_do (f, TS_DO_COMPARE);
  order (f, THIRD, TS_DO_COMPARE, -1, -1);
  if (fixture_count (f, "compare", "identical", "true", NULL) != 4)
    fail_msg ("a crash %" G_GINT64_FORMAT " us after the first cycle leaves the disks different",
              after_us);
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
the_third_follows (void **state)
{
  Fixture *f = chain ();
  fixture_run (f, 11 * TS_MIN);
  /* a set of it is an instant of the second's newest, and never one that the second has not */
  const TsRecord *point = fixture_last (f, "applied", NULL, NULL, "hv-nice");
  g_autofree char *instant =
      g_strdup_printf ("%" G_GINT64_FORMAT, ts_record_get_int (point, "instant_us", -1));
  assert_int_equal (fixture_count (f, "point", "instant_us", instant, "hv-lyon"), 1);
  expect_the_same_thrice (f, -1);
}

static void
the_middle_is_held (void **state)
{
  Fixture *f = chain ();
  order (f, APP, TS_DO_REMOVE, -1, -1);
  fixture_run (f, TS_S);
  const TsRecord *r = fixture_last (f, "refused", "verb", "remove", "hv-lyon");
  assert_string_equal (ts_record_get_text (r, "reason"),
                       "the virtual machine has extended replication, which has to be removed first");
  order (f, THIRD, TS_DO_REMOVE, -1, -1);
  fixture_wait (f, TS_MIN, "removed", "role", "replica", "hv-nice");
  TsOrder again = {.verb = TS_DO_REMOVE, .sides = TS_SIDES_REPLICA};
  fixture_order (f, again);
  fixture_wait (f, TS_MIN, "removed", "role", "replica", "hv-lyon");
  fixture_expect_clean (f);
  fixture_free (f);
}

/* Its tracking goes with its power, and so the third is compared with it. */
static void
the_middle_dies (void **state)
{
  for (gint64 t = 0; t < 700 * TS_MS; t += 50 * TS_MS) {
    Fixture *f = chain ();
    fixture_wait (f, 6 * TS_MIN, "cut", "type", "regular", "hv-lyon");
    fixture_run (f, t);
    ts_sim_world_power (f->world, 1, FALSE);
    fixture_run (f, 2 * TS_S);
    ts_sim_world_power (f->world, 1, TRUE);
    fixture_run (f, 2 * TS_MIN);
    const TsRecord *now = fixture_last (f, "state", "role", "primary", "hv-lyon");
    assert_string_equal (ts_record_get_text (now, "to"), "resync-required");
    order (f, THIRD, TS_DO_RESYNC, -1, -1);
    fixture_wait (f, 5 * TS_MIN, "state", "to", "replicating", "hv-lyon");
    expect_the_same_thrice (f, t);
  }
}

/* What its replica's machine has not persisted it is told again. */
static void
the_middle_is_held_after_its_death (void **state)
{
  Fixture *f = chain ();
  ts_sim_world_power (f->world, 1, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, TS_S);
  TsOrder remove = {.verb = TS_DO_REMOVE, .sides = TS_SIDES_REPLICA};
  fixture_order (f, remove);
  fixture_run (f, TS_S);
  const TsRecord *r = fixture_last (f, "refused", "verb", "remove", "hv-lyon");
  assert_non_null (r);
  assert_string_equal (ts_record_get_text (r, "reason"),
                       "the virtual machine has extended replication, which has to be removed first");
  fixture_expect_clean (f);
  fixture_free (f);
}

/* --- the middle takes over -------------------------------------------------------------------- */

static Fixture *
committed_chain (void)
{
  Fixture *f = chain ();
  fixture_run (f, TS_MIN);
  fixture_site_down (f, 0);
  fixture_run (f, TS_S);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_do (f, TS_DO_COMMIT);
  fixture_wait (f, TS_MIN, "state", "to", "committed", "hv-lyon");
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_wait (f, 6 * TS_MIN, "state", "to", "resync-required", "hv-lyon");
  return f;
}

/* A machine runs on the disks, and nobody tracks them for the third: they are not compared now. */
static void
a_committed_copy_is_not_tracked (void **state)
{
  Fixture *f = committed_chain ();
  order (f, THIRD, TS_DO_RESYNC, -1, -1);
  fixture_run (f, 11 * TS_MIN);
  assert_true (fixture_count (f, "failure", "reason", TS_EXTEND_NOT_WHOLE, "hv-lyon") > 0);
  assert_int_equal (fixture_count (f, "resync", "phase", "done", NULL), 0);
  fixture_do (f, TS_DO_CONTINUE);
  fixture_wait (f, 40 * TS_MIN, "resync", "phase", "done", NULL); /* it has tried all along */
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 12 * TS_MIN);
  order (f, THIRD, TS_DO_COMPARE, -1, -1);
  assert_int_equal (fixture_count (f, "compare", "identical", "true", NULL), 2);
  fixture_expect_clean (f);
  fixture_free (f);
}

/* The old primary comes back and would begin anew, onto the disks on which the copy runs. */
static void
nobody_replicates_onto_a_copy_that_goes_on (void **state)
{
  Fixture *f = committed_chain ();
  fixture_do (f, TS_DO_CONTINUE);
  fixture_wait (f, TS_MIN, "removed", "role", "replica", "hv-lyon");
  fixture_site_up (f, 0);
  fixture_run (f, TS_MIN);
  TsOrder remove = {.verb = TS_DO_REMOVE, .sides = TS_SIDES_PRIMARY};
  fixture_order (f, remove);
  fixture_wait (f, TS_MIN, "removed", "role", "primary", "hv-paris");
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, TS_MIN);
  const TsRecord *refused = NULL;
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = f->records->pdata[i];
    const char *why = ts_record_get_text (r, "reason");
    if (why && strstr (why, TS_EXTEND_GOES_ON))
      refused = r;
  }
  assert_non_null (refused);
  fixture_expect_clean (f);
  fixture_free (f);
}

/* Its host dies after it has said that its replica is none any more, and before that is forgotten. */
static void
a_continue_that_was_cut_off_is_done (void **state)
{
  Fixture *f = committed_chain ();
  fixture_do (f, TS_DO_CONTINUE);
  ts_sim_world_power (f->world, 1, FALSE);
  assert_int_equal (fixture_count (f, "removed", "role", "replica", "hv-lyon"), 0);
  fixture_run (f, TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, TS_S);
  assert_int_equal (fixture_count (f, "removed", "role", "replica", "hv-lyon"), 1);
  order (f, THIRD, TS_DO_RESYNC, -1, -1);
  fixture_wait (f, 5 * TS_MIN, "resync", "phase", "done", NULL);
  fixture_run (f, 11 * TS_MIN);
  order (f, THIRD, TS_DO_COMPARE, -1, -1);
  assert_int_equal (fixture_count (f, "compare", "identical", "true", NULL), 2);
  fixture_expect_clean (f);
  fixture_free (f);
}

/* The checker must bite: the third copy runs beside the machine, and nobody has meant it. */
static void
a_third_running_copy_is_seen (void **state)
{
  Fixture *f = chain ();
  order (f, THIRD, TS_DO_FAILOVER, -1, -1);
  ts_sim_vm (f->world, THIRD)->forced = FALSE;
  fixture_run (f, 10 * TS_S);
  assert_int_equal (fixture_count (f, "invariant", "name", "one-active-copy", NULL), 1);
  fixture_free (f);
}

int
main (void)
{
  struct CMUnitTest row_tests[G_N_ELEMENTS (rows)] = {0};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    row_tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = extending, .initial_state = (void *)&rows[i]};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (the_third_follows),
      cmocka_unit_test (the_middle_is_held),
      cmocka_unit_test (the_middle_dies),
      cmocka_unit_test (the_middle_is_held_after_its_death),
      cmocka_unit_test (a_committed_copy_is_not_tracked),
      cmocka_unit_test (nobody_replicates_onto_a_copy_that_goes_on),
      cmocka_unit_test (a_continue_that_was_cut_off_is_done),
      cmocka_unit_test (a_third_running_copy_is_seen),
  };
  int failed = cmocka_run_group_tests_name ("extending rows", row_tests, NULL, NULL);
  return failed + cmocka_run_group_tests_name ("extended", tests, NULL, NULL);
}

/* tests/test-sim-move.c -- a machine, or its replica, goes to another host of its cloud while it
 * replicates (HVR reference 2.6): what is told, what is refused, and what becomes of it when either
 * host loses its power, at every step of the move.
 *
 *   test-sim-move [ACT HOST ACTION MOMENT N]     one death, with its journal */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/internal.h"
#include "sim/world.h"

enum { PARIS, LYON, PARIS_2, LYON_2, HOSTS };
#define DARK_US (2 * TS_S)

static Fixture *
stage (void)
{
  Fixture *f = fixture_new ();
  ts_topology_add_host (f->topology, "hv-paris-2")->site = 0;
  ts_topology_add_host (f->topology, "hv-lyon-2")->site = 1;
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->frequency_us = 900 * TS_S;
  policy->time_scale = 60; /* a cycle every 15 s, an hour in a minute */
  policy->recovery_points = 2;
  TsVmSpec *vm = ts_topology_vm (f->topology, 0);
  ts_vm_spec_disk (vm, 0)->size_bytes = TS_MIB;
  ts_vm_spec_disk (vm, 0)->fill_bytes = 400 * TS_KIB;
  ts_vm_spec_disk (vm, 1)->size_bytes = TS_MIB / 2;
  ts_topology_workload (f->topology, 0)->rate_per_megasecond = 3 * 1000000;
  f->stamped = TRUE;
  return f;
}

static Fixture *
replicating_stage (void)
{
  Fixture *f = stage ();
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 40 * TS_S);
  return f;
}

static TsSimVm *
vm (Fixture *f)
{
  return ts_sim_vm (f->world, 0);
}

static TsSimRelation *
relation (Fixture *f, TsRole role)
{
  for (guint h = 0; h < HOSTS; h++) {
    TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, h), vm (f));
    if (rel && (role == TS_ROLE_PRIMARY ? rel->sender != NULL : rel->receiver != NULL))
      return rel;
  }
  return NULL;
}

static TsState
state (Fixture *f, TsRole role)
{
  TsSimRelation *rel = relation (f, role);
  return rel ? ts_sim_relation_state (rel) : TS_STATE_DISABLED;
}

static void
move (Fixture *f, guint to)
{
  fixture_order (f, (TsOrder){.verb = TS_DO_MOVE, .host = (gint)to});
}

static const char *
last_reason (Fixture *f)
{
  return ts_record_get_text (fixture_last (f, "step", "verb", "move", NULL), "reason");
}

static gboolean
last_phase_is (Fixture *f, const char *phase)
{
  return g_strcmp0 (ts_record_get_text (fixture_last (f, "step", "verb", "move", NULL), "phase"), phase) == 0;
}

/* --- what is told ----------------------------------------------------------------------------- */

static void
primary_transcript (void **unused)
{
  Fixture *f = replicating_stage ();
  gint64 from_us = fixture_now_us (f);
  guint64 before = ts_sender_statistics (relation (f, TS_ROLE_PRIMARY)->sender)->success;
  move (f, PARIS_2);
  fixture_run (f, 2 * TS_S);
  fixture_expect_trace (f, from_us, "move power connection state resync authorized",
                       "[ 43.200] app@hv-paris move role=primary to=hv-paris-2 phase=begun\n"
                       "[ 43.222] app@hv-paris move role=primary to=hv-paris-2 phase=held\n"
                       "[ 44.518] hv-paris power on=false why=moved\n"
                       "[ 44.518] app@hv-paris move role=primary to=hv-paris-2 phase=given\n"
                       "[ 44.819] hv-paris-2 power on=true why=moved\n"
                       "[ 44.819] app@hv-paris-2 move role=primary from=hv-paris phase=arrived pause_us=1613125 reason=\n"
                       "[ 44.819] app@hv-paris move role=primary to=hv-paris-2 phase=done\n"
                       "[ 44.919] hv-lyon authorized peer=hv-paris-2 entry=hv-paris-2 storage=replica trust_group=DEFAULT\n"
                       "[ 44.939] app@hv-paris-2 connection up=true reason=\n");
  assert_int_equal (vm (f)->primary, PARIS_2);
  assert_ptr_equal (vm (f)->source->host, ts_sim_host (f->world, PARIS_2));
  assert_null (ts_sim_host_relation (ts_sim_host (f->world, PARIS), vm (f)));
  assert_true (ts_sender_statistics (relation (f, TS_ROLE_PRIMARY)->sender)->success >= before);
  fixture_run (f, 40 * TS_S);
  assert_int_equal (state (f, TS_ROLE_PRIMARY), TS_STATE_REPLICATING);
  assert_int_equal (fixture_count (f, "resync", NULL, NULL, NULL), 0);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
replica_transcript (void **unused)
{
  Fixture *f = replicating_stage ();
  gint64 from_us = fixture_now_us (f);
  move (f, LYON_2);
  fixture_run (f, 40 * TS_S);
  fixture_expect_trace (f, from_us, "move power connection state resync peer refused authorized",
                       "[ 43.200] app@hv-lyon refused verb=receive code=32775 state=replicating reason=the replica is being moved to another host\n"
                       "[ 43.200] app@hv-lyon move role=replica to=hv-lyon-2 phase=begun\n"
                       "[ 43.216] app@hv-lyon move role=replica to=hv-lyon-2 phase=held\n"
                       "[ 43.220] app@hv-paris connection up=false reason=the replica is being moved to another host\n"
                       "[ 43.230] app@hv-lyon move role=replica to=hv-lyon-2 phase=given\n"
                       "[ 43.530] app@hv-lyon-2 move role=replica from=hv-lyon phase=arrived reason=\n"
                       "[ 43.531] app@hv-lyon move role=replica to=hv-lyon-2 phase=done\n"
                       "[ 46.340] app@hv-paris peer to=hv-lyon-2\n"
                       "[ 46.461] app@hv-paris connection up=true reason=\n");
  assert_int_equal (vm (f)->replica, LYON_2);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
  fixture_free (f);
}

/* The replica's host that it has left is told nothing of where a primary that has gone is, and the
 * primary that has moved finds a replica that has moved. */
static void
both_sides (void **unused)
{
  Fixture *f = replicating_stage ();
  move (f, LYON_2);
  fixture_run (f, 3 * TS_S);
  move (f, PARIS_2);
  fixture_run (f, 20 * TS_S);
  move (f, PARIS);
  fixture_run (f, 3 * TS_S);
  fixture_order (f, (TsOrder){.verb = TS_DO_MOVE, .host = LYON, .sides = TS_SIDES_REPLICA});
  fixture_run (f, 40 * TS_S);
  assert_int_equal (fixture_count (f, "move", "phase", "arrived", NULL), 4);
  assert_int_equal (fixture_count (f, "move", "phase", "failed", NULL), 0);
  assert_int_equal (state (f, TS_ROLE_PRIMARY), TS_STATE_REPLICATING);
  assert_int_equal (fixture_count (f, "resync", NULL, NULL, NULL), 0);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
not_replicated (void **unused)
{
  Fixture *f = stage ();
  fixture_begin (f);
  move (f, PARIS_2);
  fixture_run (f, 5 * TS_S);
  assert_true (last_phase_is (f, "done"));
  assert_true (vm (f)->source->on && vm (f)->source->working);
  assert_ptr_equal (vm (f)->source->host, ts_sim_host (f->world, PARIS_2));
  fixture_do (f, TS_DO_PROTECT); /* and from there it is protected as from anywhere */
  fixture_run (f, 40 * TS_S);
  assert_int_equal (state (f, TS_ROLE_PRIMARY), TS_STATE_REPLICATING);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
switched_off (void **unused)
{
  Fixture *f = replicating_stage ();
  fixture_do (f, TS_DO_POWER_OFF);
  fixture_run (f, 20 * TS_S);
  move (f, PARIS_2);
  fixture_run (f, 5 * TS_S);
  assert_true (last_phase_is (f, "done"));
  assert_false (vm (f)->source->on);
  assert_null (ts_record_field (fixture_last (f, "move", "phase", "arrived", NULL), "pause_us"));
  fixture_order (f, (TsOrder){.verb = TS_DO_POWER_ON, .host = -1});
  fixture_run (f, 20 * TS_S);
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 20 * TS_S);
  assert_int_equal (fixture_count (f, "resync", NULL, NULL, NULL), 0);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
  fixture_free (f);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void
refusals (void **unused)
{
  Fixture *f = replicating_stage ();
  move (f, PARIS);
  assert_true (last_phase_is (f, "refused"));
  assert_string_equal (last_reason (f), "the virtual machine is on host hv-paris already");
  fixture_order (f, (TsOrder){.verb = TS_DO_MOVE, .host = LYON, .sides = TS_SIDES_PRIMARY});
  assert_string_equal (last_reason (f), "host hv-lyon is of another cloud");
  fixture_do (f, TS_DO_TEST_FAILOVER);
  fixture_run (f, 10 * TS_S);
  move (f, LYON_2);
  assert_true (last_phase_is (f, "refused"));
  assert_string_equal (last_reason (f), "a test failover is running");
  fixture_do (f, TS_DO_STOP_TEST_FAILOVER);
  fixture_run (f, 5 * TS_S);
  fixture_do (f, TS_DO_BACKUP);
  move (f, LYON_2);
  assert_string_equal (last_reason (f), "the replica is being backed up");
  fixture_do (f, TS_DO_END_BACKUP);
  fixture_failover (f, TRUE);
  fixture_run (f, 20 * TS_S);
  move (f, PARIS_2);
  assert_string_equal (last_reason (f), "Could not change the replication state: 'move' is not possible "
                                        "in state 'prepared'");
  move (f, LYON_2);
  assert_string_equal (last_reason (f), "Could not change the replication state: 'move' is not possible "
                                        "in state 'recovered'");
  fixture_free (f);
}

/* Two trust groups (1.3): the replica is the first host's, and does not go on with the other one. */
static void
another_trust_group (void **unused)
{
  Fixture *f = stage ();
  TsHostSpec *lyon = ts_topology_host (f->topology, LYON);
  ts_host_spec_restrict (lyon);
  ts_host_spec_authorize (lyon, "hv-paris", NULL, "shop");
  ts_host_spec_authorize (lyon, "hv-paris-2", NULL, "guests");
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 40 * TS_S);
  move (f, PARIS_2);
  fixture_run (f, 20 * TS_S);
  assert_true (last_phase_is (f, "done"));
  assert_int_equal (state (f, TS_ROLE_PRIMARY), TS_STATE_ERROR);
  const TsRecord *failure = fixture_last (f, "failure", "event", "32086", "hv-paris-2");
  assert_non_null (failure);
  assert_non_null (strstr (ts_record_get_text (failure, "reason"), "trust group"));
  move (f, PARIS);
  fixture_run (f, 5 * TS_S);
  fixture_do (f, TS_DO_RESUME);
  fixture_run (f, 20 * TS_S);
  assert_int_equal (state (f, TS_ROLE_PRIMARY), TS_STATE_REPLICATING);
  fixture_expect_identical (f);
  fixture_expect_clean (f);
  fixture_free (f);
}

/* --- the checker ------------------------------------------------------------------------------ */

static void
two_machines_are_seen (void **unused)
{
  Fixture *f = replicating_stage ();
  move (f, PARIS_2);
  fixture_run (f, 5 * TS_S);
  assert_int_equal (vm (f)->discarded->len, 1);
  assert_int_equal (fixture_count (f, "invariant", NULL, NULL, NULL), 0);
  ((TsSimMachine *)vm (f)->discarded->pdata[0])->on = TRUE; /* the one that has left runs, too */
  ts_sim_touch (vm (f));
  fixture_run (f, 20 * TS_S);
  const TsRecord *breach = fixture_last (f, "invariant", "name", "one-active-copy", NULL);
  assert_non_null (breach);
  assert_string_equal (ts_record_get_text (breach, "detail"), "app runs on hv-paris, which it has left");
  fixture_free (f);
}

/* --- death at every step ---------------------------------------------------------------------- */

typedef struct {
  const char *name;
  guint from, to;
} Act;

static const Act acts[] = {
    {"primary", PARIS, PARIS_2},
    {"replica", LYON, LYON_2},
};

typedef struct {
  guint host;
  TsActionKind action;
  TsDeathMoment moment;
  guint count;
} Way;

static void
calm (Fixture *f)
{
  gboolean up = FALSE;
  for (guint i = 0; i < 60 && (vm (f)->operation || !up); i++) {
    fixture_run (f, TS_S);
    up = TRUE;
    for (guint h = 0; h < HOSTS; h++)
      up &= ts_sim_host (f->world, h)->up;
  }
  assert_null (vm (f)->operation);
}

static void
play (Fixture *f, const Act *act)
{
  move (f, act->to);
  calm (f);
  fixture_run (f, 20 * TS_S);
}

/* What an operator does who sees that it does not go on by itself. */
static void
help (Fixture *f)
{
  for (guint i = 0; i < 8; i++) {
    calm (f);
    TsSimMachine *source = vm (f)->source;
    if (!relation (f, TS_ROLE_PRIMARY))
      fail_msg ("nobody has the machine: it was moved away, and has not arrived");
    TsState now = state (f, TS_ROLE_PRIMARY);
    if (!source->on)
      fixture_order (f, (TsOrder){.verb = TS_DO_POWER_ON, .host = -1, .sides = TS_SIDES_PRIMARY});
    else if (source->ready && !source->working)
      fixture_do (f, TS_DO_WORKLOAD_START);
    calm (f);
    if (now == TS_STATE_RESYNC_REQUIRED)
      fixture_do (f, TS_DO_RESYNC);
    else if (now == TS_STATE_ERROR)
      fixture_do (f, TS_DO_RESUME);
    fixture_run (f, 16 * TS_S);
    if (state (f, TS_ROLE_PRIMARY) == TS_STATE_REPLICATING && source->on && source->working)
      return;
  }
  fail_msg ("replication does not go on: states %s, %s", ts_state_name (state (f, TS_ROLE_PRIMARY)),
            ts_state_name (state (f, TS_ROLE_REPLICA)));
}

static void
check (Fixture *f)
{
  guint primaries = 0, replicas = 0;
  for (guint h = 0; h < HOSTS; h++) {
    TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (f->world, h), vm (f));
    primaries += rel && rel->sender ? 1 : 0;
    replicas += rel && rel->receiver ? 1 : 0;
  }
  assert_int_equal (primaries, 1);
  assert_int_equal (replicas, 1);
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 35 * TS_S);
  fixture_do (f, TS_DO_COMPARE);
  if (fixture_count (f, "compare", "identical", "true", NULL) != 2)
    fail_msg ("the two sides differ, and nobody says so: states %s, %s",
              ts_state_name (state (f, TS_ROLE_PRIMARY)), ts_state_name (state (f, TS_ROLE_REPLICA)));
  fixture_expect_clean (f);
}

static Fixture *shown;

static int
tell (void **unused)
{
  for (guint i = 0; i < shown->records->len; i++) {
    g_autofree char *line = ts_record_to_json (g_ptr_array_index (shown->records, i));
    print_message ("%s\n", line);
  }
  fixture_free (shown);
  return 0;
}

static gboolean
die (const Act *act, const Way *way, gboolean loud)
{
  Fixture *f = replicating_stage ();
  const TsDeath death = {
      .armed = TRUE, .action = way->action, .moment = way->moment, .count = way->count};
  ts_sim_world_die_at (f->world, way->host, &death, DARK_US);
  shown = f;
  play (f, act);
  help (f);
  gboolean struck = ts_sim_world_died (f->world, way->host);
  check (f);
  if (!loud)
    fixture_free (f);
  return struck;
}

typedef guint Moments[HOSTS][TS_ACTION_KINDS][TS_DEATH_MOMENTS];

static void
count_moments (const Act *act, Moments moments)
{
  Fixture *f = replicating_stage ();
  for (guint turn = 0; turn < 2; turn++) {
    for (guint h = 0; h < HOSTS; h++)
      for (guint k = 0; k < TS_ACTION_KINDS; k++)
        for (guint m = 0; m < TS_DEATH_MOMENTS; m++)
          moments[h][k][m] = ts_sim_world_moments (f->world, h, k, m) - (turn ? moments[h][k][m] : 0);
    if (turn == 0)
      play (f, act);
  }
  help (f);
  check (f);
  fixture_free (f);
}

static void
every_death (void **state_of_test)
{
  const Act *act = *state_of_test;
  Moments moments;
  guint deaths = 0, of_move = 0;
  count_moments (act, moments);
  for (guint h = 0; h < HOSTS; h++)
    for (guint k = 0; k < TS_ACTION_KINDS; k++)
      for (guint m = 0; m < TS_DEATH_MOMENTS; m++)
        for (guint n = 1; n <= moments[h][k][m]; n++) {
          if (k == TS_ACTION_REPORT)
            continue;
          Way way = {h, k, m, n};
          deaths++;
          of_move += k >= TS_ACTION_MOVE && k <= TS_ACTION_HAND_SCRAP ? 1 : 0;
          if (g_getenv ("TWINSITE_DEATHS"))
            print_message ("%s %u %s %s %u\n", act->name, h, ts_action_name (k), ts_death_moment_name (m), n);
          if (!die (act, &way, FALSE))
            fail_msg ("%s %u %s %s %u: there was no such moment", act->name, h, ts_action_name (k),
                      ts_death_moment_name (m), n);
        }
  assert_true (of_move >= 40);
  print_message ("%s: %u deaths, %u of the handover\n", act->name, deaths, of_move);
}

static void
one_death (void **state_of_test)
{
  char **words = *state_of_test;
  const Act *act = g_str_equal (words[1], "replica") ? &acts[1] : &acts[0];
  Way way = {.host = (guint)atoi (words[2]), .count = (guint)atoi (words[5])};
  while (way.action < TS_ACTION_KINDS && g_strcmp0 (ts_action_name (way.action), words[3]) != 0)
    way.action++;
  while (way.moment < TS_DEATH_MOMENTS && g_strcmp0 (ts_death_moment_name (way.moment), words[4]) != 0)
    way.moment++;
  assert_true (way.action < TS_ACTION_KINDS && way.moment < TS_DEATH_MOMENTS);
  assert_true (die (act, &way, TRUE));
}

int
main (int argc, char **argv)
{
  if (argc == 6) {
    struct CMUnitTest one[] = {
        {.name = "one death", .test_func = one_death, .teardown_func = tell, .initial_state = argv}};
    return cmocka_run_group_tests_name ("move", one, NULL, NULL);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (primary_transcript),
      cmocka_unit_test (replica_transcript),
      cmocka_unit_test (both_sides),
      cmocka_unit_test (not_replicated),
      cmocka_unit_test (switched_off),
      cmocka_unit_test (refusals),
      cmocka_unit_test (another_trust_group),
      cmocka_unit_test (two_machines_are_seen),
      {.name = "every death, primary", .test_func = every_death, .initial_state = (void *)&acts[0]},
      {.name = "every death, replica", .test_func = every_death, .initial_state = (void *)&acts[1]},
  };
  return cmocka_run_group_tests_name ("move", tests, NULL, NULL);
}

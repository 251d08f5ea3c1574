/* tests/test-sim-death.c -- either host loses its power at every step of everything that replication
 * does: before, during and after each action of each kind, in a loop over all that there are.
 *
 * What must hold afterwards: replication goes on, by itself or after the resynchronization that it
 * asks for, and both sides hold the same; whatever an operator has asked for can be asked for again.
 * A silent difference, a breach of an invariant or a state that no verb leads out of is a failure.
 * The fault model is that of sim/disk.h: what was not flushed is lost, or torn.
 *
 *   test-sim-death [ACT [HOST ACTION MOMENT N]]     one act, or one death of it with its journal */
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

#define DARK_US (2 * TS_S)

/* --- the stage -------------------------------------------------------------------------------- */

/* Small disks, so that a copy is a few frames; a cycle every 15 s, an hour in a minute, an
 * application-consistent point in each; two points are kept. */
static Fixture *
stage (gboolean automatic)
{
  Fixture *f = fixture_new ();
  TsPolicy *policy = &ts_topology_policy (f->topology, 0)->policy;
  policy->frequency_us = 900 * TS_S;
  policy->time_scale = 60;
  policy->recovery_points = 2;
  policy->app_consistent_us = TS_HOUR;
  policy->resync.automatic = automatic; /* at any time of the day: at once */
  TsVmSpec *vm = ts_topology_vm (f->topology, 0);
  ts_vm_spec_disk (vm, 0)->size_bytes = TS_MIB;
  ts_vm_spec_disk (vm, 0)->fill_bytes = 400 * TS_KIB;
  ts_vm_spec_disk (vm, 1)->size_bytes = TS_MIB / 2;
  ts_topology_workload (f->topology, 0)->rate_per_megasecond = 3 * 1000000;
  f->stamped = TRUE; /* what a crash leaves is the same with bytes: test-sim-modes.c */
  fixture_begin (f);
  return f;
}

static TsSimRelation *
relation (Fixture *f, guint host)
{
  return ts_sim_host_relation (ts_sim_host (f->world, host), ts_sim_vm (f->world, 0));
}

static TsState
state (Fixture *f, guint host)
{
  TsSimRelation *rel = relation (f, host);
  return rel ? ts_sim_relation_state (rel) : TS_STATE_DISABLED;
}

static gboolean
is_primary (Fixture *f, guint host)
{
  TsSimRelation *rel = relation (f, host);
  return rel && rel->sender;
}

static gboolean
is_replica (Fixture *f, guint host)
{
  TsSimRelation *rel = relation (f, host);
  return rel && rel->receiver;
}

static gboolean
up (Fixture *f, guint host)
{
  return ts_sim_host (f->world, host)->up;
}

/* Nothing that was ordered is under way, and both hosts are there. */
static void
calm (Fixture *f)
{
  for (guint i = 0; i < 60 && (ts_sim_vm (f->world, 0)->operation || !up (f, 0) || !up (f, 1)); i++)
    fixture_run (f, TS_S);
}

typedef gboolean (*Reached) (Fixture *f);

static void help (Fixture *f);

/* Ordered until it is so: what a crash has cut off is asked for again.  What is not possible before
 * a resynchronization, after one. */
static void
until (Fixture *f, TsOrder order, Reached reached)
{
  for (guint i = 0; i < 5 && !reached (f); i++) {
    if (order.planned && state (f, 0) == TS_STATE_PREPARED && state (f, 1) == TS_STATE_REPLICATING)
      fixture_do (f, TS_DO_CANCEL_FAILOVER);
    if (order.planned && state (f, 0) != TS_STATE_PREPARED)
      help (f);
    fixture_order (f, order);
    fixture_run (f, 2 * TS_S);
    calm (f);
    for (guint wait = 0; wait < 20 && !reached (f); wait++)
      fixture_run (f, TS_S);
  }
  if (!reached (f))
    fail_msg ("%s does not lead on: states %s, %s", ts_verb_name (order.verb),
              ts_state_name (state (f, 0)), ts_state_name (state (f, 1)));
}

#define ORDER(...) ((TsOrder){__VA_ARGS__, .host = -1})

static gboolean
replicating (Fixture *f)
{
  return (is_primary (f, 0) && state (f, 0) == TS_STATE_REPLICATING) ||
         (is_primary (f, 1) && state (f, 1) == TS_STATE_REPLICATING);
}

static void
protected (Fixture *f)
{
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 20 * TS_S);
}

static void
protected_long (Fixture *f)
{
  protected (f);
  fixture_run (f, 2 * TS_MIN + 20 * TS_S);
}

/* --- the acts --------------------------------------------------------------------------------- */

static void
enable (Fixture *f)
{
  TsOrder order = {.verb = TS_DO_PROTECT, .host = 1};
  for (guint i = 0; i < 3 && !relation (f, 0); i++) {
    fixture_do (f, order.verb);
    fixture_run (f, 2 * TS_S);
    calm (f);
  }
  fixture_run (f, 45 * TS_S);
}

static void
protect_by (Fixture *f, TsInitial method)
{
  for (guint i = 0; i < 3 && !relation (f, 0); i++) {
    fixture_order (f, (TsOrder){.verb = TS_DO_PROTECT, .host = 1, .initial = {method, 0}});
    fixture_run (f, 2 * TS_S);
    calm (f);
  }
}

/* On a medium, with a cycle while it is on its way. */
static void
export (Fixture *f)
{
  protect_by (f, TS_INITIAL_EXPORT);
  fixture_run (f, 20 * TS_S);
  calm (f);
  fixture_do (f, TS_DO_IMPORT);
  fixture_run (f, 20 * TS_S);
}

static void
removed (Fixture *f)
{
  protected (f);
  fixture_do (f, TS_DO_REMOVE);
  fixture_run (f, 5 * TS_S);
}

static void
seeded (Fixture *f)
{
  protect_by (f, TS_INITIAL_SEEDED);
  fixture_run (f, 40 * TS_S);
}

/* Begun, cancelled in the middle of it, begun again. */
static void
begun_again (Fixture *f)
{
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, 180 * TS_MS);
  calm (f);
  fixture_do (f, TS_DO_CANCEL_INITIAL);
  fixture_run (f, TS_S);
  calm (f);
  if (state (f, 0) == TS_STATE_READY)
    fixture_do (f, TS_DO_START_INITIAL);
  protect_by (f, TS_INITIAL_NETWORK); /* unless it died before it was enabled */
  fixture_run (f, 40 * TS_S);
}

static void
cycles (Fixture *f)
{
  fixture_run (f, 65 * TS_S);
}

/* The primary's host dies first, so that a resynchronization begins while its machine starts. */
static void
alone (Fixture *f)
{
  fixture_site_down (f, 0);
  fixture_run (f, TS_S);
  fixture_site_up (f, 0);
  fixture_run (f, 35 * TS_S);
}

static gboolean
resync_is_due (Fixture *f)
{
  return state (f, 0) == TS_STATE_RESYNC_REQUIRED;
}

static gboolean
resync_has_begun (Fixture *f)
{
  return state (f, 0) != TS_STATE_RESYNC_REQUIRED;
}

/* The replica's disks are edited: the difference must be found out, whenever its host dies. */
static void
resync (Fixture *f)
{
  fixture_order (f, (TsOrder){.verb = TS_DO_EDIT_DISK, .host = 1, .amount_bytes = 96 * TS_KIB});
  for (guint i = 0; i < 60 && !resync_is_due (f); i++)
    fixture_run (f, TS_S);
  assert_true (resync_is_due (f));
  until (f, ORDER (.verb = TS_DO_RESYNC), resync_has_begun);
  fixture_run (f, 40 * TS_S);
}

static gboolean
failed_over (Fixture *f)
{
  return state (f, 1) == TS_STATE_RECOVERED || state (f, 1) == TS_STATE_COMMITTED;
}

static gboolean
committed (Fixture *f)
{
  return state (f, 1) == TS_STATE_COMMITTED;
}

static gboolean
taken_back (Fixture *f)
{
  return state (f, 1) == TS_STATE_REPLICATING;
}

static gboolean
reversed (Fixture *f)
{
  return is_primary (f, 1) && is_replica (f, 0);
}

static void
planned (Fixture *f)
{
  until (f, ORDER (.verb = TS_DO_FAILOVER, .planned = TRUE), failed_over);
  fixture_run (f, 4 * TS_S);
  until (f, ORDER (.verb = TS_DO_REVERSE), reversed);
  fixture_run (f, 30 * TS_S);
}

static void
cancelled (Fixture *f)
{
  until (f, ORDER (.verb = TS_DO_FAILOVER), failed_over);
  fixture_run (f, 4 * TS_S);
  until (f, ORDER (.verb = TS_DO_CANCEL_FAILOVER), taken_back);
  fixture_run (f, 30 * TS_S);
}

/* The source is off meanwhile: the operator has pulled its plug. */
static void
unplanned (Fixture *f)
{
  fixture_site_down (f, 0);
  until (f, ORDER (.verb = TS_DO_FAILOVER), failed_over);
  fixture_run (f, 6 * TS_S);
  until (f, ORDER (.verb = TS_DO_COMMIT), committed);
  fixture_site_up (f, 0);
  fixture_run (f, 10 * TS_S);
  until (f, ORDER (.verb = TS_DO_REVERSE), reversed);
  fixture_run (f, 40 * TS_S);
}

static gboolean
at_the_latest (Fixture *f)
{
  return fixture_last (f, "step", "verb", "change_point", NULL) &&
         g_strcmp0 (ts_record_get_text (fixture_last (f, "step", "verb", "change_point", NULL),
                                        "phase"),
                    "done") == 0;
}

static void
points (Fixture *f)
{
  until (f, ORDER (.verb = TS_DO_FAILOVER, .point = {.how = TS_CHOOSE_INDEX, .number = 1}),
         failed_over);
  fixture_run (f, 4 * TS_S);
  until (f, ORDER (.verb = TS_DO_CHANGE_POINT), at_the_latest);
  fixture_run (f, 4 * TS_S);
  until (f, ORDER (.verb = TS_DO_CANCEL_FAILOVER), taken_back);
  fixture_run (f, 20 * TS_S);
}

static void
test (Fixture *f)
{
  fixture_do (f, TS_DO_TEST_FAILOVER);
  fixture_run (f, 20 * TS_S);
  calm (f);
  fixture_do (f, TS_DO_STOP_TEST_FAILOVER); /* refused when there is none any more */
  fixture_run (f, 20 * TS_S);
}

static void
pauses (Fixture *f)
{
  for (guint side = TS_SIDES_PRIMARY; side <= TS_SIDES_REPLICA; side++) {
    fixture_order (f, ORDER (.verb = TS_DO_PAUSE, .sides = side));
    fixture_run (f, 16 * TS_S);
    calm (f);
    if (state (f, 0) != TS_STATE_RESYNC_REQUIRED &&
        state (f, side == TS_SIDES_PRIMARY ? 0 : 1) == TS_STATE_SUSPENDED)
      fixture_order (f, ORDER (.verb = TS_DO_RESUME, .sides = side));
    fixture_run (f, 20 * TS_S);
  }
}

typedef struct {
  const char *name;
  void (*prepare) (Fixture *f);
  void (*play) (Fixture *f);
  gboolean automatic; /* a resynchronization begins by itself, at once */
} Act;

static const Act acts[] = {
    {"enable", NULL, enable, FALSE},
    {"cycles", protected_long, cycles, FALSE},
    {"alone", protected, alone, TRUE},
    {"resync", protected, resync, FALSE},
    {"planned", protected, planned, FALSE},
    {"cancelled", protected, cancelled, FALSE},
    {"unplanned", protected, unplanned, FALSE},
    {"points", protected_long, points, FALSE},
    {"test", protected, test, FALSE},
    {"pauses", protected, pauses, FALSE},
    {"export", NULL, export, FALSE},
    {"seeded", removed, seeded, FALSE},
    {"begun-again", NULL, begun_again, FALSE},
};

/* --- the loop --------------------------------------------------------------------------------- */

typedef struct {
  guint host;
  TsActionKind action;
  TsDeathMoment moment;
  guint count;
} Way; /* to die */

static char *
way_name (const Act *act, const Way *way)
{
  return g_strdup_printf ("%s %u %s %s %u", act->name, way->host, ts_action_name (way->action),
                          ts_death_moment_name (way->moment), way->count);
}

/* What an operator does who sees that it does not go on by itself. */
static void
help (Fixture *f)
{
  calm (f);
  for (guint i = 0; i < 8; i++) {
    guint primary = is_primary (f, 1) ? 1 : 0;
    TsSimMachine *source = ts_sim_vm (f->world, 0)->source;
    if (!source->on && state (f, primary) != TS_STATE_DISABLED)
      fixture_order (f, ORDER (.verb = TS_DO_POWER_ON, .sides = TS_SIDES_PRIMARY));
    else if (source->ready && !source->working)
      fixture_do (f, TS_DO_WORKLOAD_START);
    calm (f);
    TsState now = state (f, primary);
    if (now == TS_STATE_READY) /* Start-VMInitialReplication */
      fixture_do (f, TS_DO_START_INITIAL);
    else if (now == TS_STATE_RESYNC_REQUIRED)
      fixture_do (f, TS_DO_RESYNC);
    else if (now == TS_STATE_INITIAL && state (f, 1 - primary) == TS_STATE_INITIAL)
      fixture_do (f, TS_DO_IMPORT); /* refused when it does not come on a medium */
    else if (now == TS_STATE_ERROR || now == TS_STATE_SUSPENDED)
      fixture_order (f, ORDER (.verb = TS_DO_RESUME, .sides = TS_SIDES_PRIMARY));
    if (state (f, 1 - primary) == TS_STATE_SUSPENDED)
      fixture_order (f, ORDER (.verb = TS_DO_RESUME, .sides = TS_SIDES_REPLICA));
    fixture_run (f, 16 * TS_S);
    if (replicating (f) && source->on && source->working)
      return;
  }
  fail_msg ("replication does not go on: states %s, %s", ts_state_name (state (f, 0)),
            ts_state_name (state (f, 1)));
}

/* Whatever was kept before a death has been told after it: who reads the journal knows the states. */
static void
expect_told (Fixture *f)
{
  for (guint h = 0; h < 2; h++) {
    const char *host = ts_topology_host (f->topology, h)->name;
    const TsRecord *told = fixture_last (f, "state", NULL, NULL, host);
    TsSimRelation *rel = relation (f, h);
    if (!rel || state (f, h) == TS_STATE_DISABLED)
      continue;
    assert_non_null (told);
    assert_string_equal (ts_record_get_text (told, "to"), ts_state_name (state (f, h)));
    assert_string_equal (ts_record_get_text (told, "role"), rel->sender ? "primary" : "replica");
  }
}

static void
check (Fixture *f)
{
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 35 * TS_S);
  fixture_do (f, TS_DO_COMPARE);
  if (fixture_count (f, "compare", "identical", "true", NULL) != 2)
    fail_msg ("the two sides differ, and nobody says so: states %s, %s",
              ts_state_name (state (f, 0)), ts_state_name (state (f, 1)));
  assert_true (replicating (f));
  expect_told (f);
  fixture_expect_clean (f);
}

static Fixture *shown; /* of the death that is played */

static int
tell (void **state_of_test)
{
  for (guint i = 0; i < shown->records->len; i++) {
    g_autofree char *line = ts_record_to_json (g_ptr_array_index (shown->records, i));
    print_message ("%s\n", line);
  }
  fixture_free (shown);
  return 0;
}

/* FALSE: there is no such moment in the act. */
static gboolean
die (const Act *act, const Way *way, gboolean loud)
{
  Fixture *f = stage (act->automatic);
  if (act->prepare)
    act->prepare (f);
  const TsDeath death = {.armed = TRUE,
                         .action = way->action,
                         .moment = way->moment,
                         .count = way->count};
  ts_sim_world_die_at (f->world, way->host, &death, DARK_US);
  shown = f;
  act->play (f);
  calm (f);
  help (f);
  gboolean struck = ts_sim_world_died (f->world, way->host);
  check (f);
  if (!loud)
    fixture_free (f);
  return struck;
}

/* How many moments of each kind the act has, when nobody dies. */
static void
count_moments (const Act *act, guint moments[2][TS_ACTION_KINDS][TS_DEATH_MOMENTS])
{
  Fixture *f = stage (act->automatic);
  if (act->prepare)
    act->prepare (f);
  for (guint turn = 0; turn < 2; turn++) {
    for (guint h = 0; h < 2; h++)
      for (guint k = 0; k < TS_ACTION_KINDS; k++)
        for (guint m = 0; m < TS_DEATH_MOMENTS; m++)
          moments[h][k][m] = ts_sim_world_moments (f->world, h, k, m) - (turn ? moments[h][k][m] : 0);
    if (turn == 0)
      act->play (f);
  }
  help (f);
  check (f);
  fixture_free (f);
}

static void
every_death (void **state_of_test)
{
  const Act *act = *state_of_test;
  guint moments[2][TS_ACTION_KINDS][TS_DEATH_MOMENTS], deaths = 0;
  count_moments (act, moments);
  for (guint h = 0; h < 2; h++)
    for (guint k = 0; k < TS_ACTION_KINDS; k++)
      for (guint m = 0; m < TS_DEATH_MOMENTS; m++)
        for (guint n = 1; n <= moments[h][k][m]; n++) {
          if (k == TS_ACTION_REPORT || k == TS_ACTION_LOCK) /* change nothing: as well before the next */
            continue;
          Way way = {h, k, m, n};
          g_autofree char *name = way_name (act, &way);
          deaths++;
          if (g_getenv ("TWINSITE_DEATHS"))
            print_message ("%s\n", name);
          if (!die (act, &way, FALSE))
            fail_msg ("%s: there was no such moment", name);
        }
  print_message ("%s: %u deaths\n", act->name, deaths);
}

static const Act *
find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (acts); i++)
    if (g_str_equal (acts[i].name, name))
      return &acts[i];
  return NULL;
}

static void
one_death (void **state_of_test)
{
  char **words = *state_of_test;
  Way way = {.host = (guint)atoi (words[2]), .count = (guint)atoi (words[5])};
  while (way.action < TS_ACTION_KINDS && g_strcmp0 (ts_action_name (way.action), words[3]) != 0)
    way.action++;
  while (way.moment < TS_DEATH_MOMENTS &&
         g_strcmp0 (ts_death_moment_name (way.moment), words[4]) != 0)
    way.moment++;
  assert_true (find (words[1]) && way.action < TS_ACTION_KINDS && way.moment < TS_DEATH_MOMENTS);
  assert_true (die (find (words[1]), &way, TRUE));
}

int
main (int argc, char **argv)
{
  struct CMUnitTest tests[G_N_ELEMENTS (acts)] = {{0}};
  guint count = 0;
  if (argc == 6)
    tests[count++] = (struct CMUnitTest){.name = "one death",
                                         .test_func = one_death,
                                         .teardown_func = tell,
                                         .initial_state = argv};
  for (guint i = 0; argc < 6 && i < G_N_ELEMENTS (acts); i++)
    if (argc == 1 || g_str_equal (argv[1], acts[i].name))
      tests[count++] = (struct CMUnitTest){.name = acts[i].name,
                                           .test_func = every_death,
                                           .initial_state = (void *)(uintptr_t)&acts[i]};
  return _cmocka_run_group_tests ("deaths", tests, count, NULL, NULL);
}

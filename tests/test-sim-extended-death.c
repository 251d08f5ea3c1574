/* tests/test-sim-extended-death.c -- a chain of three hosts (HVR reference 2.11), and the one in the middle
 * loses its power at every step of it: as test-sim-death.c, with the same fault model.  An act that is named
 * kills the others, too.
 *
 * What must hold afterwards: both legs go on, by themselves or after the resynchronization that they ask
 * for, and all three hold the same; a silent difference, or a breach of an invariant, is a failure.
 *
 *   test-sim-extended-death [ACT [HOST ACTION MOMENT N]]     one act, or one death of it with its journal */
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

enum { APP, THIRD };
enum { PARIS, LYON, NICE, HOSTS };

/* --- the stage -------------------------------------------------------------------------------- */

static void
give (Fixture *f, gint vm, TsOrder order)
{
  order.step = "test";
  order.vm = vm;
  order.site = order.link = -1;
  assert_true (f->ops->order (f->world, &order, NULL));
}

static void
policy (TsPolicy *p, gint64 frequency_us)
{
  p->frequency_us = frequency_us;
  p->time_scale = 60;
  p->recovery_points = 2;
}

/* Small disks, a cycle of the first leg every 5 s, of the second every 15 s. */
static Fixture *
stage (void)
{
  Fixture *f = fixture_new ();
  TsTopology *t = f->topology;
  ts_topology_add_site (t, "nice");
  ts_topology_add_host (t, "hv-nice")->site = 2;
  TsLinkSpec *coast = ts_topology_add_link (t, "coast");
  coast->site[0] = 1;
  coast->site[1] = 2;
  coast->shape = ts_topology_link (t, 0)->shape;
  policy (&ts_topology_policy (t, 0)->policy, 300 * TS_S);
  TsPolicySpec *silver = ts_topology_add_policy (t, "silver");
  ts_policy_init (&silver->policy);
  policy (&silver->policy, 900 * TS_S);
  TsVmSpec *third = ts_topology_add_vm (t, "third"), *app = ts_topology_vm (t, 0);
  third->host = LYON;
  third->extends = APP;
  third->id = app->id;
  third->id.bytes[0] ^= 1;
  ts_vm_spec_disk (app, 0)->size_bytes = TS_MIB;
  ts_vm_spec_disk (app, 0)->fill_bytes = 400 * TS_KIB;
  ts_vm_spec_disk (app, 1)->size_bytes = TS_MIB / 2;
  for (guint i = 0; i < app->disks->len; i++) {
    TsDiskSpec *disk = ts_vm_spec_add_disk (third, ts_vm_spec_disk (app, i)->name);
    disk->size_bytes = ts_vm_spec_disk (app, i)->size_bytes;
    disk->fill_bytes = ts_vm_spec_disk (app, i)->fill_bytes;
  }
  ts_topology_workload (t, 0)->rate_per_megasecond = 3 * 1000000;
  f->stamped = TRUE;
  fixture_begin (f);
  give (f, APP, (TsOrder){.verb = TS_DO_PROTECT, .host = LYON});
  fixture_run (f, 12 * TS_S);
  return f;
}

static TsSimRelation *
relation (Fixture *f, guint host, guint vm)
{
  return ts_sim_host_relation (ts_sim_host (f->world, host), ts_sim_vm (f->world, vm));
}

static TsState
state (Fixture *f, guint host, guint vm)
{
  TsSimRelation *rel = relation (f, host, vm);
  return rel ? ts_sim_relation_state (rel) : TS_STATE_DISABLED;
}

static void
calm (Fixture *f)
{
  for (guint i = 0; i < 60; i++) {
    gboolean quiet = TRUE;
    for (guint vm = 0; vm < 2; vm++)
      quiet &= ts_sim_vm (f->world, vm)->operation == NULL;
    for (guint h = 0; h < HOSTS; h++)
      quiet &= ts_sim_host (f->world, h)->up;
    if (quiet)
      return;
    fixture_run (f, TS_S);
  }
}

/* --- the acts --------------------------------------------------------------------------------- */

static void
extend (Fixture *f)
{
  for (guint i = 0; i < 8 && !relation (f, LYON, THIRD); i++) {
    give (f, THIRD, (TsOrder){.verb = TS_DO_PROTECT, .host = NICE, .policy = 1});
    fixture_run (f, 2 * TS_S);
    calm (f);
  }
  fixture_run (f, 35 * TS_S);
}

static void
extended (Fixture *f)
{
  extend (f);
  fixture_run (f, 20 * TS_S);
}

static void
cycles (Fixture *f)
{
  fixture_run (f, 32 * TS_S);
}

static void
resync (Fixture *f, guint host, guint vm, guint edited)
{
  give (f, (gint)vm, (TsOrder){.verb = TS_DO_EDIT_DISK, .host = (gint)edited, .amount_bytes = 96 * TS_KIB});
  for (guint i = 0; i < 40 && state (f, host, vm) != TS_STATE_RESYNC_REQUIRED; i++)
    fixture_run (f, TS_S);
  for (guint i = 0; i < 5 && state (f, host, vm) == TS_STATE_RESYNC_REQUIRED; i++) {
    give (f, (gint)vm, (TsOrder){.verb = TS_DO_RESYNC, .host = -1});
    fixture_run (f, 2 * TS_S);
    calm (f);
  }
  fixture_run (f, 20 * TS_S);
}

/* Below the second leg. */
static void
first_resync (Fixture *f)
{
  resync (f, PARIS, APP, LYON);
}

static void
second_resync (Fixture *f)
{
  resync (f, LYON, THIRD, NICE);
}

/* The first site is lost; asked for until it is so. */
static void
go_on (Fixture *f)
{
  static const struct {
    TsVerb verb;
    TsState until;
  } steps[] = {{TS_DO_FAILOVER, TS_STATE_RECOVERED},
               {TS_DO_COMMIT, TS_STATE_COMMITTED},
               {TS_DO_CONTINUE, TS_STATE_DISABLED}};
  fixture_site_down (f, 0);
  for (guint s = 0; s < G_N_ELEMENTS (steps); s++) {
    for (guint i = 0; i < 8 && state (f, LYON, APP) != steps[s].until; i++) {
      give (f, APP, (TsOrder){.verb = steps[s].verb, .host = -1});
      for (guint wait = 0; wait < 8; wait++)
        fixture_run (f, TS_S);
    }
    assert_int_equal (state (f, LYON, APP), steps[s].until);
  }
  assert_null (relation (f, LYON, APP));
  fixture_run (f, 20 * TS_S);
}

typedef struct {
  const char *name;
  void (*prepare) (Fixture *f);
  void (*play) (Fixture *f);
  gboolean alone; /* the first site stays dark */
} Act;

static const Act acts[] = {
    {"extend", NULL, extend, FALSE},
    {"cycles", extended, cycles, FALSE},
    {"first-resync", extended, first_resync, FALSE},
    {"second-resync", extended, second_resync, FALSE},
    {"go-on", extended, go_on, TRUE},
};

/* --- the loop --------------------------------------------------------------------------------- */

typedef struct {
  guint host;
  TsActionKind action;
  TsDeathMoment moment;
  guint count;
} Way; /* to die */

/* What an operator does for one leg; TRUE: there is nothing to do. */
static gboolean
help_leg (Fixture *f, guint vm, guint from, guint to)
{
  TsState now = state (f, from, vm);
  if (now == TS_STATE_DISABLED && vm == THIRD)
    give (f, THIRD, (TsOrder){.verb = TS_DO_PROTECT, .host = NICE, .policy = 1});
  else if (now == TS_STATE_READY)
    give (f, (gint)vm, (TsOrder){.verb = TS_DO_START_INITIAL, .host = -1});
  else if (now == TS_STATE_RESYNC_REQUIRED)
    give (f, (gint)vm, (TsOrder){.verb = TS_DO_RESYNC, .host = -1});
  else if (now == TS_STATE_ERROR || now == TS_STATE_SUSPENDED)
    give (f, (gint)vm, (TsOrder){.verb = TS_DO_RESUME, .host = -1, .sides = TS_SIDES_PRIMARY});
  return now == TS_STATE_REPLICATING && state (f, to, vm) == TS_STATE_REPLICATING;
}

/* Twice in a row with a cycle between: what is spoilt is found out by the next cut. */
static void
help (Fixture *f, const Act *act)
{
  guint good = 0;
  for (guint i = 0; i < 16 && good < 2; i++) {
    TsSimMachine *source = ts_sim_vm (f->world, APP)->source;
    calm (f);
    if (!act->alone && !source->on)
      give (f, APP, (TsOrder){.verb = TS_DO_POWER_ON, .host = -1, .sides = TS_SIDES_PRIMARY});
    else if (!act->alone && source->ready && !source->working)
      fixture_do (f, TS_DO_WORKLOAD_START);
    gboolean first = act->alone || help_leg (f, APP, PARIS, LYON);
    gboolean second = help_leg (f, THIRD, LYON, NICE);
    good = first && second && (act->alone || source->on) ? good + 1 : 0;
    fixture_run (f, 18 * TS_S);
  }
  if (good < 2)
    fail_msg ("replication does not go on: states %s, %s; %s, %s",
              ts_state_name (state (f, PARIS, APP)), ts_state_name (state (f, LYON, APP)),
              ts_state_name (state (f, LYON, THIRD)), ts_state_name (state (f, NICE, THIRD)));
}

static void
check (Fixture *f, const Act *act)
{
  const TsSimMachine *copy = ts_sim_vm (f->world, APP)->copy;
  if (!act->alone || (copy && copy->working))
    fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 45 * TS_S);
  if (!act->alone)
    fixture_do (f, TS_DO_COMPARE);
  give (f, THIRD, (TsOrder){.verb = TS_DO_COMPARE, .host = -1});
  if (fixture_count (f, "compare", "identical", "true", NULL) != (act->alone ? 2 : 4))
    fail_msg ("the sides differ, and nobody says so: states %s, %s; %s, %s",
              ts_state_name (state (f, PARIS, APP)), ts_state_name (state (f, LYON, APP)),
              ts_state_name (state (f, LYON, THIRD)), ts_state_name (state (f, NICE, THIRD)));
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
  Fixture *f = stage ();
  if (act->prepare)
    act->prepare (f);
  const TsDeath death = {
      .armed = TRUE, .action = way->action, .moment = way->moment, .count = way->count};
  ts_sim_world_die_at (f->world, way->host, &death, DARK_US);
  shown = f;
  act->play (f);
  help (f, act);
  gboolean struck = ts_sim_world_died (f->world, way->host);
  check (f, act);
  if (!loud)
    fixture_free (f);
  return struck;
}

static void
count_moments (const Act *act, guint moments[HOSTS][TS_ACTION_KINDS][TS_DEATH_MOMENTS])
{
  Fixture *f = stage ();
  if (act->prepare)
    act->prepare (f);
  for (guint turn = 0; turn < 2; turn++) {
    for (guint h = 0; h < HOSTS; h++)
      for (guint k = 0; k < TS_ACTION_KINDS; k++)
        for (guint m = 0; m < TS_DEATH_MOMENTS; m++)
          moments[h][k][m] = ts_sim_world_moments (f->world, h, k, m) - (turn ? moments[h][k][m] : 0);
    if (turn == 0)
      act->play (f);
  }
  help (f, act);
  check (f, act);
  fixture_free (f);
}

static gboolean by_hand; /* all hosts; else the one in the middle, which has two machines */

static void
every_death (void **state_of_test)
{
  const Act *act = *state_of_test;
  guint moments[HOSTS][TS_ACTION_KINDS][TS_DEATH_MOMENTS], deaths = 0;
  count_moments (act, moments);
  for (guint h = by_hand && !act->alone ? PARIS : LYON; h < (by_hand ? HOSTS : NICE); h++)
    for (guint k = 0; k < TS_ACTION_KINDS; k++)
      for (guint m = 0; m < TS_DEATH_MOMENTS; m++)
        for (guint n = 1; n <= moments[h][k][m]; n++) {
          if (k == TS_ACTION_REPORT || k == TS_ACTION_LOCK) /* change nothing: as well before the next */
            continue;
          if (!by_hand && n > 2 && n % 3 != 0) /* a minute is enough, for who waits for all tests */
            continue;
          Way way = {h, k, m, n};
          g_autofree char *name =
              g_strdup_printf ("%s %u %s %s %u", act->name, h, ts_action_name (way.action),
                               ts_death_moment_name (way.moment), n);
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
  by_hand = argc > 1;
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
  return _cmocka_run_group_tests ("deaths of a chain", tests, count, NULL, NULL);
}

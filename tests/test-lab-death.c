/* tests/test-lab-death.c -- a host's process is killed (SIGKILL, with its machines) at steps of what
 * replication does: before, during and after actions, by count.  The real twin of test-sim-death.c.
 *
 * One world for all: after each death the site comes back, replication goes on, by itself or after
 * the resynchronization that the policy begins at once, and both sides' disks are compared.
 *
 *   test-lab-death            some steps of each side (a minute or two)
 *   test-lab-death all [N]    every kind of action, the first N (3) of each, every moment: by hand */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "lab/doctor.h"
#include "lab/host/host.h"
#include "lab/site/helper.h"
#include "lab/site/layout.h"
#include "tests/world-support.h"

#define EAST 0u /* the primary */
#define WEST 1u

typedef enum { PLAY_CYCLE, PLAY_RESYNC, PLAY_FAILOVER } Play; /* during which it dies */

typedef struct {
  guint host;
  TsActionKind action;
  TsDeathMoment moment;
  guint count;
  Play play;
} Way;

#define B TS_DEATH_BEFORE
#define D TS_DEATH_DURING
#define A TS_DEATH_AFTER

static const Way few[] = {
    {WEST, TS_ACTION_PERSIST, B, 1, PLAY_CYCLE},     {WEST, TS_ACTION_STORE, D, 1, PLAY_CYCLE},
    {WEST, TS_ACTION_APPLY, D, 1, PLAY_CYCLE},       {WEST, TS_ACTION_RESYNC_MERGE, D, 1, PLAY_RESYNC},
    {EAST, TS_ACTION_CUT, A, 1, PLAY_CYCLE},         {EAST, TS_ACTION_SEND, B, 2, PLAY_CYCLE},
};

/* What each side asks for in which play. */
static const struct {
  guint host;
  TsActionKind action;
  Play play;
} kinds[] = {
    {WEST, TS_ACTION_PERSIST, PLAY_CYCLE},       {WEST, TS_ACTION_SEND, PLAY_CYCLE},
    {WEST, TS_ACTION_STORE, PLAY_CYCLE},         {WEST, TS_ACTION_SEAL, PLAY_CYCLE},
    {WEST, TS_ACTION_APPLY, PLAY_CYCLE},         {WEST, TS_ACTION_DELETE_SET, PLAY_CYCLE},
    {WEST, TS_ACTION_KEEP, PLAY_CYCLE},          {WEST, TS_ACTION_HASH, PLAY_RESYNC},
    {WEST, TS_ACTION_PERSIST, PLAY_RESYNC},      {WEST, TS_ACTION_RESYNC_OPEN, PLAY_RESYNC},
    {WEST, TS_ACTION_RESYNC_WRITE, PLAY_RESYNC}, {WEST, TS_ACTION_RESYNC_FLUSH, PLAY_RESYNC},
    {WEST, TS_ACTION_RESYNC_MERGE, PLAY_RESYNC}, {WEST, TS_ACTION_RESYNC_DROP, PLAY_RESYNC},
    {WEST, TS_ACTION_BRANCH, PLAY_FAILOVER},     {WEST, TS_ACTION_POWER_ON, PLAY_FAILOVER},
    {WEST, TS_ACTION_DISCARD, PLAY_FAILOVER},    {WEST, TS_ACTION_PERSIST, PLAY_FAILOVER},
    {EAST, TS_ACTION_PERSIST, PLAY_CYCLE},       {EAST, TS_ACTION_CUT, PLAY_CYCLE},
    {EAST, TS_ACTION_SEND, PLAY_CYCLE},          {EAST, TS_ACTION_DELETE_SET, PLAY_CYCLE},
    {EAST, TS_ACTION_TRACK, PLAY_RESYNC},        {EAST, TS_ACTION_UNTRACK, PLAY_RESYNC},
    {EAST, TS_ACTION_HASH, PLAY_RESYNC},         {EAST, TS_ACTION_SEND, PLAY_RESYNC},
    {EAST, TS_ACTION_PERSIST, PLAY_RESYNC},
};

/* --- the stage -------------------------------------------------------------------------------- */

typedef struct {
  TsTopology *topology;
  Heard *heard;
  TsWorld *world;
  char *folder;
  guint orders;
} Run;

static gint64
now_us (Run *run)
{
  return ts_lab_world_ops ()->now_us (run->world);
}

/* At most so long; an alarm or a record may end it. */
static void
let (Run *run, gint64 us)
{
  g_autoptr (GError) error = NULL;
  gint64 until_us = now_us (run) + us;
  while (now_us (run) < until_us)
    if (!ts_lab_world_ops ()->run_until (run->world, until_us, &error))
      fail_msg ("%s", error->message);
}

/* Ends by itself as it can: done, refused, failed. */
static void
give (Run *run, TsOrder order)
{
  g_autofree char *id = g_strdup_printf ("%s-%u", ts_verb_name (order.verb), ++run->orders);
  g_autoptr (GError) error = NULL;
  order.step = g_intern_string (id);
  if (!ts_lab_world_ops ()->order (run->world, &order, &error))
    fail_msg ("%s: %s", id, error->message);
  for (guint i = 0; i < 600; i++) { /* its begin is not told */
    if (heard_count (run->heard, "step", "id", order.step) > 0)
      return;
    let (run, TS_S / 10);
  }
  fail_msg ("%s does not end", id);
}


static const char *
state (Run *run, const char *role)
{
  for (guint i = run->heard->records->len; i > 0; i--) {
    const TsRecord *record = run->heard->records->pdata[i - 1];
    if (g_str_equal (record->kind, "state") &&
        g_strcmp0 (ts_record_get_text (record, "role"), role) == 0)
      return ts_record_get_text (record, "to");
  }
  return "disabled";
}

static gboolean
machine_on (Run *run)
{
  for (guint i = run->heard->records->len; i > 0; i--) {
    const TsRecord *record = run->heard->records->pdata[i - 1];
    if (g_str_equal (record->kind, "power") &&
        g_strcmp0 (ts_record_get_text (record, "host"), "hv-east") == 0)
      return ts_record_get_int (record, "on", 0) != 0;
  }
  return FALSE;
}

static int
prepare (void **state_of_test)
{
  Run *run = g_new0 (Run, 1);
  g_autoptr (GError) error = NULL;
  run->topology = world_topology ();
  TsPolicy *policy = &ts_topology_policy (run->topology, 0)->policy;
  policy->resync = (TsSchedule){.automatic = TRUE}; /* the whole day: at once */
  policy->recovery_points = 2;
  run->heard = heard_new (run->topology);
  run->folder = g_dir_make_tmp ("twinsite-death-XXXXXX", NULL);
  TsWorldOptions options = {.folder = run->folder, .limit_us = 24 * TS_HOUR};
  run->world = ts_lab_world_ops ()->start (run->topology, &options, &run->heard->observer, &error);
  if (!run->world)
    fail_msg ("%s", error->message);
  *state_of_test = run;
  return 0;
}

static int
clear (void **state_of_test)
{
  Run *run = *state_of_test;
  ts_lab_world_ops ()->finish (run->world, NULL);
  ts_lab_world_ops ()->free (run->world);
  heard_free (run->heard);
  ts_topology_free (run->topology);
  ts_lab_remove_tree (run->folder, NULL);
  g_free (run->folder);
  g_free (run);
  return 0;
}

/* --- a death ---------------------------------------------------------------------------------- */

static gboolean
goes_on (Run *run)
{
  return g_str_equal (state (run, "primary"), "replicating") &&
         g_str_equal (state (run, "replica"), "replicating") && machine_on (run);
}

static void
show (Run *run)
{
  guint from = run->heard->records->len > 60 ? run->heard->records->len - 60 : 0;
  for (guint i = from; i < run->heard->records->len; i++) {
    g_autofree char *line = ts_record_to_json (run->heard->records->pdata[i]);
    print_error ("%s\n", line);
  }
}

/* What an operator does who sees that it does not go on by itself. */
static void
heal (Run *run)
{
  gint64 deadline_us = now_us (run) + 3 * TS_MIN;
  while (!goes_on (run) && now_us (run) < deadline_us) {
    let (run, 2 * TS_S);
    if (goes_on (run))
      break;
    if (g_str_equal (state (run, "replica"), "recovered"))
      give (run, (TsOrder){.verb = TS_DO_CANCEL_FAILOVER, .host = -1, .site = -1, .policy = -1, .link = -1});
    else if (g_str_equal (state (run, "primary"), "error"))
      give (run, (TsOrder){.verb = TS_DO_RESUME, .sides = TS_SIDES_PRIMARY, .host = -1, .site = -1, .policy = -1, .link = -1});
    let (run, 3 * TS_S);
  }
  if (!goes_on (run))
    show (run);
  if (!goes_on (run))
    fail_msg ("replication does not go on: states %s, %s, machine %s", state (run, "primary"),
              state (run, "replica"), machine_on (run) ? "on" : "off");
}

static void
compare (Run *run)
{
  guint before = heard_count (run->heard, "compare", "identical", NULL), same = 0;
  give (run, (TsOrder){.verb = TS_DO_WORKLOAD_STOP, .host = -1, .site = -1, .policy = -1, .link = -1});
  guint applied = heard_count (run->heard, "applied", NULL, NULL);
  gint64 deadline_us = now_us (run) + TS_MIN;
  while (heard_count (run->heard, "applied", NULL, NULL) < applied + 2 &&
         now_us (run) < deadline_us)
    let (run, TS_S / 2);
  give (run, (TsOrder){.verb = TS_DO_COMPARE, .host = -1, .site = -1, .policy = -1, .link = -1});
  for (guint i = before; i < before + 2; i++) {
    const TsRecord *record = heard_record (run->heard, "compare", NULL, NULL, i);
    assert_non_null (record);
    same += ts_record_get_int (record, "identical", 0) != 0;
  }
  if (same != 2)
    fail_msg ("the two sides differ, and nobody says so: states %s, %s", state (run, "primary"),
              state (run, "replica"));
}

/* Between two sets: what somebody writes to the replica's disks while we do is not to be told from
 * our own (lab/host/watch.c). */
static void
let_apply (Run *run)
{
  guint applied = heard_count (run->heard, "applied", NULL, NULL);
  gint64 deadline_us = now_us (run) + TS_MIN;
  while (heard_count (run->heard, "applied", NULL, NULL) <= applied && now_us (run) < deadline_us)
    let (run, TS_S / 20);
  let (run, TS_S / 2);
}

static void
play (Run *run, Play which)
{
  switch (which) {
  case PLAY_CYCLE:
    break;
  case PLAY_RESYNC:
    let_apply (run);
    give (run, (TsOrder){.verb = TS_DO_EDIT_DISK, .host = WEST, .amount_bytes = 256 * TS_KIB, .site = -1, .policy = -1, .link = -1});
    break;
  case PLAY_FAILOVER:
    give (run, (TsOrder){.verb = TS_DO_FAILOVER, .host = -1, .site = -1, .policy = -1, .link = -1});
    if (!ts_lab_world_died (run->world, WEST))
      give (run, (TsOrder){.verb = TS_DO_CANCEL_FAILOVER, .host = -1, .site = -1, .policy = -1, .link = -1});
    break;
  }
}

/* FALSE: there was no such moment. */
static gboolean
die (Run *run, const Way *way)
{
  const TsDeath death = {TRUE, way->action, way->moment, way->count, 0};
  const TsDeath none = {TRUE, way->action, way->moment, G_MAXUINT, 0};
  gint64 begun_us = now_us (run);
  give (run, (TsOrder){.verb = TS_DO_WORKLOAD_START, .host = -1, .site = -1, .policy = -1, .link = -1});
  ts_lab_world_die_at (run->world, way->host, &death);
  play (run, way->play);
  for (guint i = 0; i < 600 && !ts_lab_world_died (run->world, way->host); i++)
    let (run, TS_S / 10);
  gboolean died = ts_lab_world_died (run->world, way->host);
  if (died)
    give (run, (TsOrder){.verb = TS_DO_SITE_UP, .site = (gint)way->host, .host = -1, .policy = -1, .link = -1});
  else
    ts_lab_world_die_at (run->world, way->host, &none);
  heal (run);
  compare (run);
  print_message ("%s %s %s %u: %s, %.1f s\n", way->host == EAST ? "primary" : "replica",
                 ts_action_name (way->action), ts_death_moment_name (way->moment), way->count,
                 died ? "healed" : "no such moment", (double)(now_us (run) - begun_us) / TS_S);
  return died;
}

static void
begin (Run *run)
{
  give (run, (TsOrder){.verb = TS_DO_PROTECT, .policy = 0, .host = WEST, .site = -1, .link = -1});
  world_wait (run->world, run->heard, "applied", NULL, NULL, 2, 60 * TS_S);
}

static void
some (void **state_of_test)
{
  Run *run = *state_of_test;
  begin (run);
  for (guint i = 0; i < G_N_ELEMENTS (few); i++)
    if (!die (run, &few[i])) {
      show (run);
      fail_msg ("there was no such moment");
    }
}

static guint up_to = 3;

static void
all (void **state_of_test)
{
  Run *run = *state_of_test;
  guint deaths = 0;
  begin (run);
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint moment = 0; moment < TS_DEATH_MOMENTS; moment++)
      for (guint n = 1; n <= up_to; n++) {
        Way way = {kinds[k].host, kinds[k].action, moment, n, kinds[k].play};
        if (!die (run, &way))
          break;
        deaths++;
      }
  print_message ("%u deaths\n", deaths);
  assert_true (deaths > 2 * G_N_ELEMENTS (kinds));
}

int
main (int argc, char **argv)
{
  int status;
  if (ts_lab_helper_main (argc, argv, &status))
    return status;
  if (argc == 3 && g_str_equal (argv[1], "host"))
    return ts_lab_host_main (argc, argv);
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "twinsite", NULL);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (cache);
  g_autoptr (GError) error = NULL;
  if (!ts_lab_doctor_pass (findings, &error)) {
    print_message ("no machines: %s\n", error->message);
    return 77;
  }
  if (argc > 2)
    up_to = (guint)atoi (argv[2]);
  const struct CMUnitTest few_tests[] = {cmocka_unit_test_setup_teardown (some, prepare, clear)};
  const struct CMUnitTest all_tests[] = {cmocka_unit_test_setup_teardown (all, prepare, clear)};
  return argc > 1 && g_str_equal (argv[1], "all")
             ? cmocka_run_group_tests (all_tests, NULL, NULL)
             : cmocka_run_group_tests (few_tests, NULL, NULL);
}

/* tests/test-lab-death.c -- a host's process is killed (SIGKILL, with its machines) at steps of what
 * replication does: before, during and after actions, by count.  The real twin of test-sim-death.c.
 *
 * One world for all.  After each death the site comes back and an operator asks again for what was cut
 * off; replication goes on, by itself or after the resynchronization that the policy begins at once, the
 * machine is at home again, and both sides' disks are compared.
 *
 *   test-lab-death                    some steps of each side (a minute and a half)
 *   test-lab-death all [N [ACT [ACTION]]]   every kind of action of every act (or one), the first N (3)
 *                                     of each, every moment: by hand, an hour or so with N 1 */
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

#define EAST 0u /* at home the primary */
#define WEST 1u

typedef enum { /* what goes on when it dies */
  ACT_CYCLES,
  ACT_INITIAL,
  ACT_RESYNC,
  ACT_TEST,
  ACT_CANCELLED, /* an unplanned failover, cancelled */
  ACT_PLANNED,   /* a planned failover, and reverse */
  ACT_UNPLANNED, /* an unplanned failover, commit, and reverse */
  ACTS
} Act;

static const char *const act_names[ACTS] = {"cycles",    "initial", "resync",   "test",
                                            "cancelled", "planned", "unplanned"};

typedef struct {
  Act act;
  guint host;
  TsActionKind action;
  TsDeathMoment moment;
  guint count;
} Way;

#define B TS_DEATH_BEFORE
#define D TS_DEATH_DURING
#define A TS_DEATH_AFTER

static const Way few[] = {
    {ACT_CYCLES, WEST, TS_ACTION_STORE, D, 1},     {ACT_CYCLES, WEST, TS_ACTION_APPLY, D, 1},
    {ACT_CYCLES, EAST, TS_ACTION_CUT, A, 1},       {ACT_RESYNC, WEST, TS_ACTION_RESYNC_MERGE, D, 1},
    {ACT_CANCELLED, WEST, TS_ACTION_PERSIST, A, 1}, {ACT_INITIAL, WEST, TS_ACTION_FLUSH, B, 1},
};

/* What each side asks for in which act. */
#define E EAST
#define W WEST
static const struct {
  Act act;
  guint host;
  TsActionKind action;
} kinds[] = {
    {ACT_CYCLES, W, TS_ACTION_PERSIST},       {ACT_CYCLES, W, TS_ACTION_SEND},
    {ACT_CYCLES, W, TS_ACTION_STORE},         {ACT_CYCLES, W, TS_ACTION_SEAL},
    {ACT_CYCLES, W, TS_ACTION_APPLY},         {ACT_CYCLES, W, TS_ACTION_DELETE_SET},
    {ACT_CYCLES, E, TS_ACTION_PERSIST},       {ACT_CYCLES, E, TS_ACTION_CUT},
    {ACT_CYCLES, E, TS_ACTION_SEND},          {ACT_CYCLES, E, TS_ACTION_DELETE_SET},
    {ACT_INITIAL, E, TS_ACTION_PERSIST},      {ACT_INITIAL, E, TS_ACTION_TRACK},
    {ACT_INITIAL, E, TS_ACTION_MAP},          {ACT_INITIAL, E, TS_ACTION_SEND},
    {ACT_INITIAL, E, TS_ACTION_CUT},          {ACT_INITIAL, E, TS_ACTION_CONNECT},
    {ACT_INITIAL, W, TS_ACTION_PERSIST},      {ACT_INITIAL, W, TS_ACTION_CREATE},
    {ACT_INITIAL, W, TS_ACTION_WRITE},        {ACT_INITIAL, W, TS_ACTION_FLUSH},
    {ACT_INITIAL, W, TS_ACTION_STORE},        {ACT_INITIAL, W, TS_ACTION_SEAL},
    {ACT_INITIAL, W, TS_ACTION_APPLY},
    {ACT_RESYNC, W, TS_ACTION_HASH},          {ACT_RESYNC, W, TS_ACTION_PERSIST},
    {ACT_RESYNC, W, TS_ACTION_RESYNC_OPEN},   {ACT_RESYNC, W, TS_ACTION_RESYNC_WRITE},
    {ACT_RESYNC, W, TS_ACTION_RESYNC_FLUSH},  {ACT_RESYNC, W, TS_ACTION_RESYNC_MERGE},
    {ACT_RESYNC, W, TS_ACTION_RESYNC_DROP},   {ACT_RESYNC, E, TS_ACTION_TRACK},
    {ACT_RESYNC, E, TS_ACTION_UNTRACK},       {ACT_RESYNC, E, TS_ACTION_HASH},
    {ACT_RESYNC, E, TS_ACTION_SEND},          {ACT_RESYNC, E, TS_ACTION_PERSIST},
    {ACT_TEST, W, TS_ACTION_TEST_START},      {ACT_TEST, W, TS_ACTION_TEST_STOP},
    {ACT_CANCELLED, W, TS_ACTION_PERSIST},    {ACT_CANCELLED, W, TS_ACTION_BRANCH},
    {ACT_CANCELLED, W, TS_ACTION_POWER_ON},   {ACT_CANCELLED, W, TS_ACTION_DISCARD},
    {ACT_PLANNED, E, TS_ACTION_PERSIST},      {ACT_PLANNED, E, TS_ACTION_CUT},
    {ACT_PLANNED, E, TS_ACTION_SEND},         {ACT_PLANNED, E, TS_ACTION_LOCK},
    {ACT_PLANNED, E, TS_ACTION_TURN},         {ACT_PLANNED, E, TS_ACTION_APPLY},
    {ACT_PLANNED, W, TS_ACTION_STORE},        {ACT_PLANNED, W, TS_ACTION_SEAL},
    {ACT_PLANNED, W, TS_ACTION_APPLY},        {ACT_PLANNED, W, TS_ACTION_BRANCH},
    {ACT_PLANNED, W, TS_ACTION_POWER_ON},     {ACT_PLANNED, W, TS_ACTION_MERGE},
    {ACT_PLANNED, W, TS_ACTION_TURN},         {ACT_PLANNED, W, TS_ACTION_PERSIST},
    {ACT_PLANNED, W, TS_ACTION_CUT},          {ACT_PLANNED, W, TS_ACTION_SEND},
    {ACT_UNPLANNED, W, TS_ACTION_BRANCH},     {ACT_UNPLANNED, W, TS_ACTION_POWER_ON},
    {ACT_UNPLANNED, W, TS_ACTION_MERGE},      {ACT_UNPLANNED, W, TS_ACTION_TURN},
    {ACT_UNPLANNED, W, TS_ACTION_HASH},       {ACT_UNPLANNED, W, TS_ACTION_TRACK},
    {ACT_UNPLANNED, E, TS_ACTION_TURN},       {ACT_UNPLANNED, E, TS_ACTION_RESYNC_WRITE},
    {ACT_UNPLANNED, E, TS_ACTION_RESYNC_MERGE},
};
#undef E
#undef W

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

static void
show (Run *run)
{
  guint from = run->heard->records->len > 120 ? run->heard->records->len - 120 : 0;
  for (guint i = from; i < run->heard->records->len; i++) {
    g_autofree char *line = ts_record_to_json (run->heard->records->pdata[i]);
    print_error ("%s\n", line);
  }
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
  for (guint i = 0; i < 1800; i++) { /* its begin is not told */
    if (heard_count (run->heard, "step", "id", order.step) > 0)
      return;
    let (run, TS_S / 10);
  }
  show (run);
  fail_msg ("%s does not end", id);
}

/* Whether the newest step that has ended is done. */
static gboolean
done (Run *run)
{
  for (guint i = run->heard->records->len; i > 0; i--) {
    const TsRecord *record = run->heard->records->pdata[i - 1];
    if (g_str_equal (record->kind, "step"))
      return g_strcmp0 (ts_record_get_text (record, "phase"), "done") == 0;
  }
  return FALSE;
}

static TsOrder
order (TsVerb verb)
{
  return (TsOrder){.verb = verb, .host = -1, .site = -1, .policy = -1, .link = -1, .medium_of = -1};
}

static void
do_it (Run *run, TsVerb verb)
{
  give (run, order (verb));
}

static const char *const host_names[] = {"hv-east", "hv-west"};

/* The newest such record of a host. */
static const TsRecord *
last (Run *run, const char *kind, guint host)
{
  for (guint i = run->heard->records->len; i > 0; i--) {
    const TsRecord *record = run->heard->records->pdata[i - 1];
    if (g_str_equal (record->kind, kind) &&
        g_strcmp0 (ts_record_get_text (record, "host"), host_names[host]) == 0)
      return record;
  }
  return NULL;
}

static const char *
state (Run *run, guint host)
{
  const TsRecord *record = last (run, "state", host);
  return record ? ts_record_get_text (record, "to") : "disabled";
}

static gboolean
is (Run *run, guint host, const char *role, const char *wanted)
{
  const TsRecord *record = last (run, "state", host);
  return record && g_strcmp0 (ts_record_get_text (record, "role"), role) == 0 &&
         g_strcmp0 (ts_record_get_text (record, "to"), wanted) == 0;
}

/* The primary's host; -1: there is none. */
static gint
primary (Run *run)
{
  for (guint h = 0; h < 2; h++) {
    const TsRecord *record = last (run, "state", h);
    if (record && g_strcmp0 (ts_record_get_text (record, "role"), "primary") == 0 &&
        g_strcmp0 (ts_record_get_text (record, "to"), "disabled") != 0)
      return (gint)h;
  }
  return -1;
}

static gboolean
machine_on (Run *run, guint host)
{
  const TsRecord *record = last (run, "power", host);
  return record && ts_record_get_int (record, "on", 0) != 0;
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

/* --- an operator ------------------------------------------------------------------------------ */

/* Power comes back to whoever has died. */
static void
revive (Run *run)
{
  for (guint h = 0; h < 2; h++)
    if (ts_lab_world_died (run->world, h)) {
      TsOrder up = order (TS_DO_SITE_UP);
      up.site = (gint)h;
      give (run, up);
      let (run, TS_S);
    }
}

static gboolean
at_home (Run *run)
{
  return is (run, EAST, "primary", "replicating") && is (run, WEST, "replica", "replicating") &&
         machine_on (run, EAST);
}

static gboolean
away (Run *run)
{
  return is (run, WEST, "primary", "replicating") && is (run, EAST, "replica", "replicating") &&
         machine_on (run, WEST);
}

static gboolean
reversed (Run *run)
{
  return primary (run) == WEST && last (run, "state", EAST) &&
         g_str_equal (ts_record_get_text (last (run, "state", EAST), "role"), "replica");
}

static gboolean
goes_on (Run *run)
{
  return at_home (run) || away (run);
}

static gboolean
replica_is (Run *run, const char *wanted)
{
  return is (run, WEST, "replica", wanted) || is (run, EAST, "replica", wanted);
}

/* One look at what there is, and the verb that leads on from there. */
static void
help (Run *run)
{
  gint p = primary (run);
  revive (run);
  if (p < 0 && (replica_is (run, "recovered") || replica_is (run, "committed"))) {
    do_it (run, TS_DO_REVERSE); /* the old primary has turned, the copy has not */
    return;
  }
  if (p < 0) {
    TsOrder protect = order (TS_DO_PROTECT);
    protect.policy = 0;
    protect.host = WEST;
    give (run, protect);
    return;
  }
  const char *now = state (run, (guint)p);
  TsOrder resume = order (TS_DO_RESUME), on = order (TS_DO_POWER_ON);
  resume.sides = on.sides = TS_SIDES_PRIMARY;
  if (replica_is (run, "recovered") || g_str_equal (now, "prepared"))
    do_it (run, TS_DO_CANCEL_FAILOVER);
  else if (replica_is (run, "committed"))
    do_it (run, TS_DO_REVERSE);
  else if (g_str_equal (now, "ready"))
    do_it (run, TS_DO_START_INITIAL);
  else if (g_str_equal (now, "resync-required"))
    do_it (run, TS_DO_RESYNC);
  else if (g_str_equal (now, "error") || g_str_equal (now, "suspended"))
    give (run, resume);
  else if (!machine_on (run, (guint)p))
    give (run, on);
}

/* By itself for a while, then with help. */
static void
until (Run *run, gboolean (*reached) (Run *run), const char *what)
{
  for (guint i = 0; i < 18 && !reached (run); i++) {
    gint64 deadline_us = now_us (run) + (i == 0 ? 8 : 5) * TS_S;
    while (!reached (run) && now_us (run) < deadline_us)
      let (run, TS_S / 2);
    if (!reached (run))
      help (run);
  }
  if (reached (run))
    return;
  show (run);
  fail_msg ("%s: states %s, %s, machines %s, %s", what, state (run, EAST), state (run, WEST),
            machine_on (run, EAST) ? "on" : "off", machine_on (run, WEST) ? "on" : "off");
}

/* Asked until it is so; between two tries whatever replicates does so again. */
static void
ask_until (Run *run, TsOrder what, gboolean (*reached) (Run *run), gboolean (*before) (Run *run))
{
  for (guint i = 0; i < 4 && !reached (run); i++) {
    if (i > 0) {
      revive (run);
      let (run, 3 * TS_S);
      if (!reached (run) && before)
        until (run, before, "before it is asked again");
    }
    give (run, what);
    let (run, 2 * TS_S);
    revive (run);
  }
  if (!reached (run)) {
    show (run);
    fail_msg ("%s does not lead on: states %s, %s", ts_verb_name (what.verb), state (run, EAST),
              state (run, WEST));
  }
}

static gboolean
failed_over (Run *run)
{
  return replica_is (run, "recovered") || replica_is (run, "committed");
}

static gboolean
committed (Run *run)
{
  return replica_is (run, "committed");
}

static gboolean
removed (Run *run)
{
  return g_str_equal (state (run, EAST), "disabled") && g_str_equal (state (run, WEST), "disabled");
}

static gboolean
begun (Run *run)
{
  return primary (run) == EAST && g_strcmp0 (state (run, EAST), "ready") != 0;
}

/* There and back by planned failovers. */
static void
move (Run *run, gboolean (*from) (Run *run), gboolean (*to) (Run *run))
{
  TsOrder planned = order (TS_DO_FAILOVER);
  planned.planned = TRUE;
  ask_until (run, planned, failed_over, from);
  gint was = primary (run);
  for (guint i = 0; i < 4 && primary (run) == was; i++) {
    revive (run);
    do_it (run, TS_DO_REVERSE);
    let (run, TS_S);
  }
  until (run, to, "after a planned failover and reverse");
}

/* --- a death ---------------------------------------------------------------------------------- */

/* The same on both sides?  FALSE: replication does not go on, which says so. */
static gboolean
same (Run *run)
{
  guint before = heard_count (run->heard, "compare", "identical", NULL), alike = 0;
  do_it (run, TS_DO_WORKLOAD_STOP);
  guint applied = heard_count (run->heard, "applied", NULL, NULL);
  gint64 deadline_us = now_us (run) + TS_MIN;
  while (heard_count (run->heard, "applied", NULL, NULL) < applied + 2 && now_us (run) < deadline_us &&
         goes_on (run))
    let (run, TS_S / 2);
  if (!goes_on (run))
    return FALSE;
  do_it (run, TS_DO_COMPARE);
  for (guint i = before; i < before + 2; i++) {
    const TsRecord *record = heard_record (run->heard, "compare", NULL, NULL, i);
    assert_non_null (record);
    alike += ts_record_get_int (record, "identical", 0) != 0;
  }
  if (alike == 2)
    return TRUE;
  let (run, 3 * TS_S); /* found out meanwhile? */
  if (!goes_on (run))
    return FALSE;
  show (run);
  fail_msg ("the two sides differ, and nobody says so: states %s, %s", state (run, EAST),
            state (run, WEST));
  return FALSE;
}

static void
heal (Run *run)
{
  until (run, goes_on, "replication does not go on");
  for (guint i = 0; i < 4 && !same (run); i++)
    until (run, goes_on, "replication does not go on");
  assert_true (goes_on (run));
  if (!at_home (run))
    move (run, away, at_home);
}

static void
let_apply (Run *run)
{
  guint applied = heard_count (run->heard, "applied", NULL, NULL);
  gint64 deadline_us = now_us (run) + TS_MIN;
  while (heard_count (run->heard, "applied", NULL, NULL) <= applied && now_us (run) < deadline_us)
    let (run, TS_S / 20);
}

/* What stands before the act, in which nobody dies. */
static void
set_up (Run *run, Act act)
{
  TsOrder remove = order (TS_DO_REMOVE);
  remove.sides = TS_SIDES_BOTH;
  if (act == ACT_INITIAL)
    ask_until (run, remove, removed, NULL);
}

static void
play (Run *run, Act act)
{
  TsOrder edit = order (TS_DO_EDIT_DISK), protect = order (TS_DO_PROTECT);
  edit.host = WEST;
  edit.amount_bytes = 256 * TS_KIB;
  protect.policy = 0;
  protect.host = WEST;
  switch (act) {
  case ACT_CYCLES:
    break;
  case ACT_INITIAL: /* one that was enabled and no more is begun */
    give (run, protect);
    for (guint i = 0; i < 4 && !begun (run); i++) {
      revive (run);
      let (run, 3 * TS_S);
      if (!begun (run))
        give (run, g_str_equal (state (run, EAST), "ready") ? order (TS_DO_START_INITIAL) : protect);
    }
    break;
  case ACT_RESYNC: /* also while a set is being applied */
    let_apply (run);
    give (run, edit);
    break;
  case ACT_TEST:
    do_it (run, TS_DO_TEST_FAILOVER);
    let (run, 2 * TS_S);
    if (!ts_lab_world_died (run->world, WEST))
      do_it (run, TS_DO_STOP_TEST_FAILOVER);
    break;
  case ACT_CANCELLED:
    do_it (run, TS_DO_FAILOVER);
    if (!ts_lab_world_died (run->world, WEST))
      do_it (run, TS_DO_CANCEL_FAILOVER);
    break;
  case ACT_PLANNED:
    move (run, at_home, away);
    break;
  case ACT_UNPLANNED:
    if (!ts_lab_world_died (run->world, EAST))
      ask_until (run, order (TS_DO_FAILOVER), failed_over, at_home);
    ask_until (run, order (TS_DO_COMMIT), committed, NULL);
    for (guint i = 0; i < 4 && !reversed (run); i++) {
      TsOrder off = order (TS_DO_POWER_OFF); /* the old primary's machine */
      revive (run);
      give (run, off);
      do_it (run, TS_DO_REVERSE);
      let (run, TS_S);
    }
    until (run, away, "after an unplanned failover and reverse");
    break;
  case ACTS:
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
  guint deaths = heard_count (run->heard, "fault", "id", "death");
  do_it (run, TS_DO_WORKLOAD_START);
  for (guint i = 0; i < 30 && !done (run); i++) { /* its guest is still booting */
    let (run, TS_S);
    do_it (run, TS_DO_WORKLOAD_START);
  }
  set_up (run, way->act);
  ts_lab_world_die_at (run->world, way->host, &death);
  play (run, way->act);
  for (guint i = 0; i < 200 && heard_count (run->heard, "fault", "id", "death") == deaths; i++)
    let (run, TS_S / 10);
  gboolean died = heard_count (run->heard, "fault", "id", "death") > deaths;
  revive (run);
  if (!died)
    ts_lab_world_die_at (run->world, way->host, &none);
  heal (run);
  print_message ("%-9s %s %s %s %u: %s, %.1f s\n", act_names[way->act],
                 way->host == EAST ? "east" : "west", ts_action_name (way->action),
                 ts_death_moment_name (way->moment), way->count, died ? "healed" : "no such moment",
                 (double)(now_us (run) - begun_us) / TS_S);
  fflush (stdout);
  return died;
}

static void
begin (Run *run)
{
  TsOrder protect = order (TS_DO_PROTECT);
  protect.policy = 0;
  protect.host = WEST;
  give (run, protect);
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
static const char *only, *only_action; /* names of an act, of an action; NULL: all */

static void
all (void **state_of_test)
{
  Run *run = *state_of_test;
  guint deaths[ACTS] = {0}, sum = 0;
  begin (run);
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint moment = 0; moment < TS_DEATH_MOMENTS; moment++)
      for (guint n = 1; n <= up_to; n++) {
        Way way = {kinds[k].act, kinds[k].host, kinds[k].action, moment, n};
        if ((only && !g_str_equal (act_names[way.act], only)) ||
            (only_action && !g_str_equal (ts_action_name (way.action), only_action)) || !die (run, &way))
          break;
        deaths[way.act]++;
      }
  for (guint i = 0; i < ACTS; i++) {
    if (!only || g_str_equal (act_names[i], only)) {
      print_message ("%s: %u deaths\n", act_names[i], deaths[i]);
      assert_true (deaths[i] > 0);
    }
    sum += deaths[i];
  }
  print_message ("%u deaths\n", sum);
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
  if (argc > 3)
    only = argv[3];
  if (argc > 4)
    only_action = argv[4];
  const struct CMUnitTest few_tests[] = {cmocka_unit_test_setup_teardown (some, prepare, clear)};
  const struct CMUnitTest all_tests[] = {cmocka_unit_test_setup_teardown (all, prepare, clear)};
  return argc > 1 && g_str_equal (argv[1], "all")
             ? cmocka_run_group_tests (all_tests, NULL, NULL)
             : cmocka_run_group_tests (few_tests, NULL, NULL);
}

#include "scenarios/engine/predicate.h"
#include <string.h>
#include "core/base/units.h"

/* ---- the board ---- */

TsBoard *
ts_board_new (const TsTopology *topology)
{
  TsBoard *board = g_new0 (TsBoard, 1);
  board->topology = topology;
  board->vms = g_new0 (TsBoardVm, topology->vms->len);
  board->vm_index = g_hash_table_new (g_str_hash, g_str_equal);
  board->steps_done = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint v = 0; v < topology->vms->len; v++) {
    TsBoardVm *vm = &board->vms[v];
    g_hash_table_insert (board->vm_index, ts_topology_vm (topology, v)->name,
                         GUINT_TO_POINTER (v + 1));
    for (guint role = 0; role < 2; role++)
      vm->side[role].state = vm->side[role].health = -1;
    vm->copies = g_new0 (TsBoardCopy, topology->hosts->len);
    for (guint h = 0; h < topology->hosts->len; h++)
      vm->copies[h].power = vm->copies[h].probe = -1;
    vm->last_cut = vm->last_applied = vm->pending_bytes = -1;
    vm->primary = ts_topology_vm (topology, v)->host;
    vm->connection = -1;
    vm->test_bad = -1;
  }
  return board;
}

void
ts_board_free (TsBoard *board)
{
  if (board == NULL)
    return;
  for (guint v = 0; v < board->topology->vms->len; v++) {
    g_free (board->vms[v].copies);
    for (guint role = 0; role < 2; role++)
      g_free (board->vms[v].side[role].health_reason);
  }
  g_free (board->vms);
  g_hash_table_unref (board->steps_done);
  g_hash_table_unref (board->vm_index);
  g_free (board);
}

static TsBoardSide *
side_of (TsBoardVm *vm, const TsRecord *record)
{
  const char *role = ts_record_get_text (record, "role");
  return &vm->side[g_strcmp0 (role, "replica") == 0 ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY];
}

static TsBoardCopy *
copy_of (const TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  const char *name = ts_record_get_text (record, "host");
  gint host = name != NULL ? ts_topology_find_host (board->topology, name) : -1;
  return host >= 0 ? &vm->copies[host] : NULL;
}

static gint
find_health (const char *name)
{
  for (gint health = TS_HEALTH_NONE; health <= TS_HEALTH_CRITICAL; health++)
    if (g_strcmp0 (ts_health_name ((TsHealth)health), name) == 0)
      return health;
  return -1;
}

static void
hear_state (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  const char *to = ts_record_get_text (record, "to");
  side_of (vm, record)->state = to != NULL ? ts_state_find (to) : -1;
}

static void
hear_health (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  TsBoardSide *side = side_of (vm, record);
  side->health = find_health (ts_record_get_text (record, "health"));
  g_free (side->health_reason);
  side->health_reason = g_strdup (ts_record_get_text (record, "reason"));
}

static void
hear_cycle (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  if (g_strcmp0 (ts_record_get_text (record, "outcome"), "missed") == 0)
    vm->missed++;
  else
    vm->cycles++;
}

static void
hear_cut (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  vm->last_cut = ts_record_get_int (record, "set", vm->last_cut);
}

static void
hear_point (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  vm->points++;
}

static void
hear_history (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  vm->kept = (guint64)ts_record_get_int (record, "older", 0);
}

static void
hear_applied (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  vm->applied++;
  vm->last_applied = ts_record_get_int (record, "set", vm->last_applied);
}

static void
hear_pending (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  vm->pending_bytes = ts_record_get_int (record, "bytes", vm->pending_bytes);
}

static void
hear_connection (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  /* both ends tell; the primary's word counts, so that the answer does not depend on their order */
  const char *primary = ts_topology_host (board->topology, vm->primary)->name;
  if (g_strcmp0 (ts_record_get_text (record, "host"), primary) == 0)
    vm->connection = ts_record_get_int (record, "up", 0) != 0;
}

static void
hear_power (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  TsBoardCopy *copy = copy_of (board, vm, record);
  if (copy == NULL)
    return;
  copy->power = ts_record_get_int (record, "on", 0) != 0;
  if (!copy->power && copy->probe > 0) /* whoever is off does not answer; the probe says so later */
    copy->probe = 0;
}

/* Another copy, or another recovery point: what has been read back is of other disks. */
static void
hear_failover (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  const char *phase = ts_record_get_text (record, "phase");
  if (g_strcmp0 (phase, "promoted") == 0 || g_strcmp0 (phase, "changed") == 0)
    vm->surveys = 0;
}

static void
hear_probe (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  TsBoardCopy *copy = copy_of (board, vm, record);
  if (copy != NULL)
    copy->probe = ts_record_get_int (record, "up", 0) != 0;
}

static void
hear_survey (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  vm->surveying = g_strcmp0 (ts_record_get_text (record, "phase"), "done") != 0;
  if (!vm->surveying)
    vm->surveys++;
}

static const char *const test_names[] = {
    [TS_BOARD_TEST_OFF] = "off",
    [TS_BOARD_TEST_STARTED] = "started",
    [TS_BOARD_TEST_SERVING] = "serving",
    [TS_BOARD_TEST_WHOLE] = "whole",
};

gint
ts_board_test_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (test_names); i++)
    if (g_str_equal (test_names[i], name))
      return (gint)i;
  return -1;
}

static const char *const copy_names[] = {
    [TS_BOARD_COPY_NONE] = "not begun",      [TS_BOARD_COPY_SCHEDULED] = "scheduled",
    [TS_BOARD_COPY_BEGUN] = "begun",         [TS_BOARD_COPY_EXPORTED] = "exported",
    [TS_BOARD_COPY_IMPORTED] = "imported",   [TS_BOARD_COPY_DONE] = "done",
    [TS_BOARD_COPY_CANCELLED] = "cancelled", [TS_BOARD_COPY_FAILED] = "failed",
};

gint
ts_board_copy_find (const char *name)
{
  for (guint i = 0; name != NULL && i < G_N_ELEMENTS (copy_names); i++)
    if (g_str_equal (copy_names[i], name))
      return (gint)i;
  return -1;
}

static void
hear_copy (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  gint copy = ts_board_copy_find (ts_record_get_text (record, "phase"));
  if (copy >= 0) /* progress is none */
    vm->copy = (TsBoardInitial)copy;
}

static void
hear_import (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  if (g_strcmp0 (ts_record_get_text (record, "phase"), "done") == 0)
    vm->copy = TS_BOARD_COPY_IMPORTED;
}

static void
hear_test (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  const char *phase = ts_record_get_text (record, "phase");
  if (g_strcmp0 (phase, "surveyed") == 0) {
    /* a disk that held nothing at all would be "whole" too */
    gboolean empty = ts_record_get_int (record, "records", 0) == 0;
    vm->test_bad = ts_record_get_int (record, "torn", 0) +
                   ts_record_get_int (record, "corrupt", 0) +
                   ts_record_get_int (record, "fill_bad", 0) + (empty ? 1 : 0);
    if (vm->test_bad == 0 && vm->test == TS_BOARD_TEST_SERVING)
      vm->test = TS_BOARD_TEST_WHOLE;
    return;
  }
  vm->test_bad = -1;
  vm->test = g_strcmp0 (phase, "started") == 0   ? TS_BOARD_TEST_STARTED
             : g_strcmp0 (phase, "serving") == 0 ? TS_BOARD_TEST_SERVING
                                                 : TS_BOARD_TEST_OFF;
}

/* The sides have changed places, or one of them has; the numbers of sets may begin anew. */
static void
hear_reverse (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  TsBoardCopy *copy = copy_of (board, vm, record);
  if (copy == NULL || g_strcmp0 (ts_record_get_text (record, "role"), "primary") != 0)
    return;
  vm->primary = (guint)(copy - vm->copies);
  vm->connection = 0;
  vm->last_cut = vm->last_applied = -1;
}

/* One of the sides is on another host now.  How its machine stands is told by records of its own. */
static void
hear_move (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  TsBoardCopy *copy = copy_of (board, vm, record);
  if (copy != NULL && g_strcmp0 (ts_record_get_text (record, "phase"), "arrived") == 0 &&
      g_strcmp0 (ts_record_get_text (record, "role"), "replica") != 0)
    vm->primary = (guint)(copy - vm->copies);
}

static void
hear_disks (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  const char *names = ts_record_get_text (record, "excluded");
  g_auto (GStrv) each = g_strsplit (names ? names : "", " ", -1);
  vm->excluded = g_strv_length (each);
}

static void
hear_compare (TsBoard *board, TsBoardVm *vm, const TsRecord *record)
{
  vm->compared++;
  if (ts_record_get_int (record, "identical", 0) == 0)
    vm->differing++;
}

static const struct {
  const char *kind;
  void (*hear) (TsBoard *board, TsBoardVm *vm, const TsRecord *record);
} hearers[] = {
    {"state", hear_state},       {"health", hear_health},         {"cycle", hear_cycle},
    {"cut", hear_cut},           {"point", hear_point},           {"applied", hear_applied},
    {"pending", hear_pending},   {"connection", hear_connection}, {"power", hear_power},
    {"probe", hear_probe},       {"survey", hear_survey},         {"test_failover", hear_test},
    {"disks", hear_disks},       {"move", hear_move},
    {"compare", hear_compare},   {"reverse", hear_reverse},       {"history", hear_history},
    {"failover", hear_failover}, {"copy", hear_copy},             {"import", hear_import},
};

void
ts_board_hear (TsBoard *board, const TsRecord *record)
{
  if (g_str_equal (record->kind, "step")) {
    const char *id = ts_record_get_text (record, "id");
    if (id != NULL && g_strcmp0 (ts_record_get_text (record, "phase"), "done") == 0)
      g_hash_table_add (board->steps_done, g_strdup (id));
    return;
  }
  const char *name = ts_record_get_text (record, "vm");
  guint vm = name != NULL ? GPOINTER_TO_UINT (g_hash_table_lookup (board->vm_index, name)) : 0;
  if (vm-- == 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (hearers); i++)
    if (g_str_equal (hearers[i].kind, record->kind))
      hearers[i].hear (board, &board->vms[vm], record);
}

/* ---- predicates ---- */

static const struct {
  const char *name, *help;
} kinds[TS_WAIT_COUNT] = {
    [TS_WAIT_STATE] = {"state", "a side of the replication is in this state"},
    [TS_WAIT_HEALTH] = {"health", "replication health is this"},
    [TS_WAIT_CYCLES] = {"cycles", "successful cycles since the step began"},
    [TS_WAIT_MISSED] = {"missed", "missed cycles since the step began"},
    [TS_WAIT_POINTS] = {"points", "recovery points since the step began"},
    [TS_WAIT_KEPT] = {"kept", "older recovery points that are kept"},
    [TS_WAIT_APPLIED] = {"applied", "log sets cut and applied since the step began"},
    [TS_WAIT_COPY] = {"copy", "what initial replication has come to"},
    [TS_WAIT_PENDING] = {"pending_below", "bytes not yet acknowledged"},
    [TS_WAIT_CONNECTION] = {"connection", "of the primary to its replica server"},
    [TS_WAIT_POWER] = {"power", "of a machine"},
    [TS_WAIT_PROBE] = {"probe", "answer of a machine's service"},
    [TS_WAIT_SURVEY] = {"survey", "disks of a copy read back into the ledger"},
    [TS_WAIT_TEST] = {"test", "how far a test failover has come"},
    [TS_WAIT_STEP] = {"step", "another step is done"},
    [TS_WAIT_SETTLED] = {"settled", "replicating, healthy, everything cut is applied"},
};

const char *
ts_predicate_name (TsPredicateKind kind)
{
  return kinds[kind].name;
}

const char *
ts_predicate_help (TsPredicateKind kind)
{
  return kinds[kind].help;
}

gint
ts_predicate_find (const char *name)
{
  for (gint kind = 0; kind < TS_WAIT_COUNT; kind++)
    if (g_str_equal (kinds[kind].name, name))
      return kind;
  return -1;
}

/* The running count that a counting predicate looks at. */
static guint64
count_of (const TsPredicate *predicate, const TsBoardVm *vm)
{
  return predicate->kind == TS_WAIT_CYCLES   ? vm->cycles
         : predicate->kind == TS_WAIT_MISSED ? vm->missed
                                             : vm->points;
}

static const TsBoardVm *
vm_of (const TsPredicate *predicate, const TsBoard *board)
{
  return predicate->vm >= 0 ? &board->vms[predicate->vm] : NULL;
}

TsPredicateMark
ts_predicate_mark (const TsPredicate *predicate, const TsBoard *board)
{
  const TsBoardVm *vm = vm_of (predicate, board);
  if (vm == NULL)
    return (TsPredicateMark){0, -1};
  return (TsPredicateMark){.count = count_of (predicate, vm), .set = vm->last_cut};
}

/* Of the host named, or of any: on if any is, off if none is and at least one has been heard of. */
static gint
copies_say (const TsPredicate *predicate, const TsBoard *board, gboolean probe)
{
  const TsBoardVm *vm = vm_of (predicate, board);
  gint answer = -1;
  for (guint h = 0; h < board->topology->hosts->len; h++)
    if (predicate->host < 0 || predicate->host == (gint)h)
      answer = MAX (answer, probe ? vm->copies[h].probe : vm->copies[h].power);
  return answer;
}

gboolean
ts_predicate_holds (const TsPredicate *predicate, const TsBoard *board, const TsPredicateMark *mark)
{
  const TsBoardVm *vm = vm_of (predicate, board);
  switch (predicate->kind) {
  case TS_WAIT_STATE:
    return vm->side[predicate->role].state == predicate->value;
  case TS_WAIT_HEALTH:
    return vm->side[predicate->role].health == predicate->value;
  case TS_WAIT_CYCLES:
  case TS_WAIT_MISSED:
  case TS_WAIT_POINTS:
    return count_of (predicate, vm) - mark->count >= predicate->amount;
  case TS_WAIT_KEPT:
    return predicate->amount == 0 ? vm->kept == 0 : vm->kept >= predicate->amount;
  case TS_WAIT_APPLIED:
    return vm->last_applied - mark->set >= (gint64)predicate->amount;
  case TS_WAIT_PENDING:
    return vm->pending_bytes >= 0 && (guint64)vm->pending_bytes < predicate->amount;
  case TS_WAIT_CONNECTION:
    return vm->connection == predicate->value;
  case TS_WAIT_POWER:
    return copies_say (predicate, board, FALSE) == predicate->value;
  case TS_WAIT_PROBE:
    return copies_say (predicate, board, TRUE) == predicate->value;
  case TS_WAIT_SURVEY:
    return vm->surveys > 0 && !vm->surveying;
  case TS_WAIT_COPY:
    return (gint)vm->copy == predicate->value;
  case TS_WAIT_TEST:
    return predicate->value == TS_BOARD_TEST_OFF ? vm->test == TS_BOARD_TEST_OFF
                                                 : (gint)vm->test >= predicate->value;
  case TS_WAIT_STEP:
    return g_hash_table_contains (board->steps_done, predicate->step);
  case TS_WAIT_SETTLED:
    return vm->side[TS_ROLE_PRIMARY].state == TS_STATE_REPLICATING &&
           vm->side[TS_ROLE_PRIMARY].health == TS_HEALTH_NORMAL && vm->last_cut >= 0 &&
           vm->last_applied >= vm->last_cut;
  case TS_WAIT_COUNT:
  default:
    g_assert_not_reached ();
  }
}

static const char *
host_text (const TsPredicate *predicate, const TsTopology *topology)
{
  return predicate->host < 0 ? "any host"
                             : ts_topology_host (topology, (guint)predicate->host)->name;
}

char *
ts_predicate_text (const TsPredicate *predicate, const TsTopology *topology)
{
  const char *vm =
      predicate->vm >= 0 ? ts_topology_vm (topology, (guint)predicate->vm)->name : NULL;
  unsigned long long amount = predicate->amount;
  switch (predicate->kind) {
  case TS_WAIT_STATE:
    return g_strdup_printf ("the %s of %s is %s", ts_role_name (predicate->role), vm,
                            ts_state_name ((TsState)predicate->value));
  case TS_WAIT_HEALTH:
    return g_strdup_printf ("the health of %s is %s on the %s", vm,
                            ts_health_name ((TsHealth)predicate->value),
                            ts_role_name (predicate->role));
  case TS_WAIT_CYCLES:
    return g_strdup_printf ("%llu more successful cycle%s of %s", amount, amount == 1 ? "" : "s",
                            vm);
  case TS_WAIT_MISSED:
    return g_strdup_printf ("%llu more missed cycle%s of %s", amount, amount == 1 ? "" : "s", vm);
  case TS_WAIT_POINTS:
    return g_strdup_printf ("%llu more recovery point%s of %s", amount, amount == 1 ? "" : "s", vm);
  case TS_WAIT_KEPT:
    return g_strdup_printf ("%llu older recovery point%s of %s kept", amount,
                            amount == 1 ? " is" : "s are", vm);
  case TS_WAIT_APPLIED:
    return g_strdup_printf ("%llu log set%s of %s, cut from now on, applied", amount,
                            amount == 1 ? "" : "s", vm);
  case TS_WAIT_PENDING: {
    g_autofree char *size = ts_format_size (predicate->amount);
    return g_strdup_printf ("less than %s of %s is pending", size, vm);
  }
  case TS_WAIT_CONNECTION:
    return g_strdup_printf ("the replication connection of %s is %s", vm,
                            predicate->value ? "up" : "down");
  case TS_WAIT_POWER:
    return g_strdup_printf ("%s is %s on %s", vm, predicate->value ? "on" : "off",
                            host_text (predicate, topology));
  case TS_WAIT_PROBE:
    return g_strdup_printf ("the service of %s %s on %s", vm,
                            predicate->value ? "answers" : "does not answer",
                            host_text (predicate, topology));
  case TS_WAIT_SURVEY:
    return g_strdup_printf ("the copy of %s has read its disks back", vm);
  case TS_WAIT_COPY:
    return g_strdup_printf ("the initial replication of %s is %s", vm, copy_names[predicate->value]);
  case TS_WAIT_TEST:
    return g_strdup_printf ("the test failover of %s is %s", vm, test_names[predicate->value]);
  case TS_WAIT_STEP:
    return g_strdup_printf ("step %s is done", predicate->step);
  case TS_WAIT_SETTLED:
    return g_strdup_printf ("%s is replicating, healthy, and all its logs are applied", vm);
  case TS_WAIT_COUNT:
  default:
    g_assert_not_reached ();
  }
}

static const char *
state_text (gint state)
{
  return state < 0 ? "not told yet" : ts_state_name ((TsState)state);
}

static const char *
health_text (gint health)
{
  return health < 0 ? "not told yet" : ts_health_name ((TsHealth)health);
}

static const char *
switch_text (gint value, const char *on, const char *off)
{
  return value < 0 ? "not told yet" : value ? on : off;
}

char *
ts_predicate_now (const TsPredicate *predicate, const TsBoard *board, const TsPredicateMark *mark)
{
  const TsBoardVm *vm = vm_of (predicate, board);
  switch (predicate->kind) {
  case TS_WAIT_STATE:
    return g_strdup_printf ("it is %s", state_text (vm->side[predicate->role].state));
  case TS_WAIT_HEALTH: {
    const TsBoardSide *side = &vm->side[predicate->role];
    gboolean reason = side->health_reason != NULL && side->health_reason[0] != '\0';
    return g_strdup_printf ("it is %s%s%s", health_text (side->health), reason ? ": " : "",
                            reason ? side->health_reason : "");
  }
  case TS_WAIT_CYCLES:
  case TS_WAIT_MISSED:
  case TS_WAIT_POINTS:
    return g_strdup_printf ("there were %llu",
                            (unsigned long long)(count_of (predicate, vm) - mark->count));
  case TS_WAIT_KEPT:
    return g_strdup_printf ("there are %llu", (unsigned long long)vm->kept);
  case TS_WAIT_APPLIED:
    return g_strdup_printf ("the newest set cut is %lld, applied %lld", (long long)vm->last_cut,
                            (long long)vm->last_applied);
  case TS_WAIT_PENDING: {
    if (vm->pending_bytes < 0)
      return g_strdup ("it was not told yet");
    g_autofree char *size = ts_format_size ((guint64)vm->pending_bytes);
    return g_strdup_printf ("it is %s", size);
  }
  case TS_WAIT_CONNECTION:
    return g_strdup_printf ("it is %s", switch_text (vm->connection, "up", "down"));
  case TS_WAIT_POWER:
    return g_strdup_printf ("it is %s",
                            switch_text (copies_say (predicate, board, FALSE), "on", "off"));
  case TS_WAIT_PROBE:
    return g_strdup_printf (
        "it %s", switch_text (copies_say (predicate, board, TRUE), "answers", "does not answer"));
  case TS_WAIT_SURVEY:
    return g_strdup (vm->surveying ? "it still reads" : "no survey was begun");
  case TS_WAIT_COPY:
    return g_strdup_printf ("it is %s", copy_names[vm->copy]);
  case TS_WAIT_TEST:
    if (vm->test_bad > 0)
      return g_strdup_printf ("its disks are not whole: %lld broken", (long long)vm->test_bad);
    return g_strdup_printf ("it is %s", test_names[vm->test]);
  case TS_WAIT_STEP:
    return g_strdup ("it is not");
  case TS_WAIT_SETTLED: {
    const TsBoardSide *side = &vm->side[TS_ROLE_PRIMARY];
    return g_strdup_printf ("state %s, health %s, newest set cut %lld, applied %lld",
                            state_text (side->state), health_text (side->health),
                            (long long)vm->last_cut, (long long)vm->last_applied);
  }
  case TS_WAIT_COUNT:
  default:
    g_assert_not_reached ();
  }
}

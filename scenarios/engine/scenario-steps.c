/* What happens: orders, what is waited for, and who waits for whom. */
#include "scenarios/engine/scenario-build.h"
#include <string.h>
#include "core/base/units.h"
#include "scenarios/engine/scenario-management.h"
#include "scenarios/engine/schema.h"
#include "scenarios/engine/value.h"

static gint
optional_index (TsBuild *build, const char *section, const TsYaml *map, const char *key)
{
  const char *name = ts_build_text (map, key);
  return name != NULL ? (gint)ts_build_index (build, section, name) : -1;
}

static gint
step_index (TsBuild *build, const char *id)
{
  const TsYaml *steps = ts_yaml_get (build->root, "steps");
  for (guint i = 0; i < steps->items->len; i++)
    if (g_strcmp0 (ts_build_text (steps->items->pdata[i], "id"), id) == 0)
      return (gint)i;
  g_assert_not_reached ();
}

static TsSides
sides_of (const char *text)
{
  return g_strcmp0 (text, "primary") == 0   ? TS_SIDES_PRIMARY
         : g_strcmp0 (text, "replica") == 0 ? TS_SIDES_REPLICA
         : g_strcmp0 (text, "both") == 0    ? TS_SIDES_BOTH
                                            : TS_SIDES_DEFAULT;
}

/* A disk of the step's VM by its name. */
static gboolean
find_disk (TsBuild *build, const TsStep *step, const TsYaml *name, guint *number)
{
  const TsVmSpec *vm = ts_topology_vm (build->scenario->topology, (guint)step->order.vm);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  for (*number = 0; *number < vm->disks->len; (*number)++) {
    g_ptr_array_add (words, ts_vm_spec_disk (vm, *number)->name);
    if (g_str_equal (words->pdata[*number], name->text))
      return TRUE;
  }
  g_ptr_array_add (words, NULL);
  g_autofree char *hint = ts_suggest_text (name->text, (const char *const *)words->pdata);
  ts_build_tell (build, name, "step %s: VM %s has no disk '%s'%s", step->id, vm->name, name->text,
                 hint);
  return FALSE;
}

static void
build_step_disks (TsBuild *build, TsStep *step, const TsYaml *node)
{
  const TsYaml *disk = ts_yaml_get (node, "disk"), *size = ts_yaml_get (node, "size");
  const TsYaml *disks = ts_yaml_get (node, "disks");
  guint number;
  if (disk != NULL && find_disk (build, step, disk, &step->order.disk) &&
      step->order.verb == TS_DO_ATTACH_DISK &&
      ts_vm_spec_disk (ts_topology_vm (build->scenario->topology, (guint)step->order.vm),
                       step->order.disk)
          ->attached)
    ts_build_tell (build, disk, "step %s: disk %s is attached from the start", step->id,
                   disk->text);
  if (size != NULL) {
    step->order.amount_bytes = ts_value_size (size);
    if (step->order.amount_bytes % 4096 != 0)
      ts_build_tell (build, size, "step %s: size: %s is not a multiple of 4 KiB", step->id,
                     size->text);
  }
  for (guint i = 0; disks != NULL && i < disks->items->len; i++)
    if (find_disk (build, step, disks->items->pdata[i], &number))
      step->order.disks |= 1u << number;
}

/* A machine moves within a cloud: between hosts of one site. */
static gboolean
has_neighbour (const TsTopology *topology, guint host)
{
  for (guint i = 0; i < topology->hosts->len; i++)
    if (i != host && ts_topology_host (topology, i)->site == ts_topology_host (topology, host)->site)
      return TRUE;
  return FALSE;
}

static void
build_order (TsBuild *build, TsStep *step, const TsYaml *node)
{
  const char *kind = ts_build_text (node, "kind"), *mode = ts_build_text (node, "mode");
  const TsYaml *first = ts_yaml_get (node, "shut_down_first"), *damaged = ts_yaml_get (node, "damaged");
  step->order = (TsOrder){
      .step = step->id,
      .verb = (TsVerb)ts_verb_find (ts_build_text (node, "do")),
      .vm = optional_index (build, "vms", node, "vm"),
      .host = optional_index (build, "hosts", node, ts_build_text (node, "on") ? "on" : "to"),
      .amount_bytes = ts_yaml_get (node, "bytes") ? ts_value_size (ts_yaml_get (node, "bytes")) : 0,
      .site = optional_index (build, "sites", node, "site"),
      .link = optional_index (build, "links", node, "link"),
      .policy = optional_index (build, "policies", node, "policy"),
      .plan = (guint)(optional_index (build, "plans", node, "plan") + 1),
      .vmm = (guint)(optional_index (build, "vmms", node, "vmm") + 1),
      .planned = g_strcmp0 (kind, "planned") == 0,
      .shut_down_first = first != NULL && ts_value_switch (first),
      .sides = sides_of (ts_build_text (node, "side")),
      .initial.method = ts_build_initial (ts_build_text (node, "initial")),
      .medium_of = optional_index (build, "vms", node, "medium_of"),
      .damaged = damaged != NULL && ts_value_switch (damaged),
      .link_mode = g_strcmp0 (mode, "blackhole") == 0 ? TS_LINK_BLACKHOLE
                   : g_strcmp0 (mode, "reset") == 0   ? TS_LINK_RESET
                                                      : TS_LINK_UP,
      .log_fault = g_strcmp0 (ts_build_text (node, "what"), "order") == 0 ? TS_LOG_ORDER : TS_LOG_BYTES,
  };
  build_step_disks (build, step, node);
  const TsYaml *point = ts_yaml_get (node, "point");
  if (point != NULL)
    step->order.point = ts_value_point (point);
  if (step->order.planned && step->order.point.how != TS_CHOOSE_LATEST)
    ts_build_tell (build, point, "step %s: point: a planned failover is of its last log (HVR 3.6)",
                   step->id);
  const TsTopology *topology = build->scenario->topology;
  if (step->order.verb == TS_DO_FAILOVER && build->scenario->no_ledger)
    ts_build_tell (build, node,
                   "step %s: a failover is judged by the ledger, and this file has 'ledger: off'",
                   step->id);
  ts_scenario_check_managed_order (build->scenario, step, node, build->problems);
  if (step->order.verb == TS_DO_PROTECT && step->order.host >= 0) {
    const TsVmSpec *vm = ts_topology_vm (topology, (guint)step->order.vm);
    guint from = ts_topology_host (topology, vm->host)->site;
    guint to = ts_topology_host (topology, (guint)step->order.host)->site;
    const TsYaml *place = ts_yaml_get (node, "to");
    if (vm->host == (guint)step->order.host)
      ts_build_tell (build, place,
                     "step %s: to: %s runs on %s itself; the replica needs another host", step->id,
                     vm->name, place->text);
    else if (from != to && ts_topology_link_between (topology, from, to) < 0)
      ts_build_tell (build, place, "step %s: to: no link joins sites %s and %s", step->id,
                     ts_topology_site (topology, from)->name,
                     ts_topology_site (topology, to)->name);
  }
  if (step->order.verb == TS_DO_MOVE && step->order.host >= 0 && !has_neighbour (topology, (guint)step->order.host))
    ts_build_tell (build, ts_yaml_get (node, "to"),
                   "step %s: to: %s is the only host of its site: nothing can come there from another", step->id,
                   ts_build_text (node, "to"));
  const TsYaml *later = ts_yaml_get (node, "start_in");
  step->order.initial.in_us = later != NULL ? ts_value_duration (later) : 0;
  if (later != NULL && step->order.initial.method == TS_INITIAL_EXPORT)
    ts_build_tell (build, later,
                   "step %s: start_in: an export begins when it is asked for (HVR 2.2)", step->id);
  if (step->order.verb == TS_DO_POWER_ON)
    step->order.host = optional_index (build, "hosts", node, "host");
  if (step->order.shut_down_first && step->order.planned)
    ts_build_tell (build, ts_yaml_get (node, "shut_down_first"),
                   "step %s: shut_down_first: a planned failover always does", step->id);
  if ((step->order.verb == TS_DO_WORKLOAD_START || step->order.verb == TS_DO_WORKLOAD_STOP) &&
      ts_topology_workload_of (topology, (guint)step->order.vm) == NULL)
    ts_build_tell (build, ts_yaml_get (node, "vm"), "step %s: VM %s has no workload", step->id,
                   ts_build_text (node, "vm"));
}

/* What the test failover of a machine of the user's own never comes to. */
static void
check_test_of_own (TsBuild *build, const TsStep *step, const TsYaml *value)
{
  const TsVmSpec *vm = ts_topology_vm (build->scenario->topology, (guint)step->predicate.vm);
  if (vm->image == NULL)
    return;
  if (step->predicate.value == TS_BOARD_TEST_WHOLE)
    ts_build_tell (
        build, value,
        "step %s: VM %s is a machine of your own: nothing of ours in it reads its disks back "
        "(expected: serving)",
        step->id, vm->name);
  else if (step->predicate.value == TS_BOARD_TEST_SERVING && vm->image->probe == TS_PROBE_TCP &&
           vm->image->nic != NULL && !vm->image->nic->test_isolated)
    ts_build_tell (
        build, value,
        "step %s: the card of VM %s is not connected in a test failover, so its port is not "
        "reached (expected: nic: test: isolated)",
        step->id, vm->name);
}

static void
build_predicate (TsBuild *build, TsStep *step, const TsYaml *node)
{
  TsPredicate *predicate = &step->predicate;
  *predicate = (TsPredicate){.kind = TS_WAIT_COUNT};
  const TsYaml *value = NULL;
  for (guint i = 0; i < node->keys->len; i++) {
    gint kind = ts_predicate_find (((TsYaml *)node->keys->pdata[i])->text);
    if (kind < 0)
      continue;
    predicate->kind = (TsPredicateKind)kind;
    value = node->items->pdata[i];
  }
  g_assert (value != NULL);
  predicate->vm = optional_index (build, "vms", node, "vm");
  predicate->host = optional_index (build, "hosts", node, "host");
  predicate->role =
      g_strcmp0 (ts_build_text (node, "role"), "replica") == 0 ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY;
  switch (predicate->kind) {
  case TS_WAIT_STATE:
    predicate->value = ts_state_find (value->text);
    break;
  case TS_WAIT_HEALTH:
    while (!g_str_equal (ts_health_name ((TsHealth)predicate->value), value->text))
      predicate->value++;
    break;
  case TS_WAIT_CYCLES:
  case TS_WAIT_MISSED:
  case TS_WAIT_POINTS:
  case TS_WAIT_KEPT:
  case TS_WAIT_APPLIED:
    predicate->amount = (guint64)ts_value_integer (value);
    break;
  case TS_WAIT_PENDING:
    predicate->amount = ts_value_size (value);
    break;
  case TS_WAIT_CONNECTION:
  case TS_WAIT_PROBE:
    predicate->value = g_str_equal (value->text, "up");
    break;
  case TS_WAIT_POWER:
    predicate->value = g_str_equal (value->text, "on");
    break;
  case TS_WAIT_STEP: {
    gint other = step_index (build, value->text);
    const TsYaml *steps = ts_yaml_get (build->root, "steps");
    predicate->step = ts_build_text (steps->items->pdata[other], "id"); /* the tree lives as long */
    break;
  }
  case TS_WAIT_COPY:
    predicate->value = ts_board_copy_find (value->text);
    break;
  case TS_WAIT_TEST:
    predicate->value = ts_board_test_find (value->text);
    check_test_of_own (build, step, value);
    break;
  case TS_WAIT_SURVEY:
  case TS_WAIT_SETTLED:
    break;
  case TS_WAIT_COUNT:
  default:
    g_assert_not_reached ();
  }
}

void
ts_build_step (TsBuild *build, const TsYaml *node)
{
  static const char *const whats[] = {"do", "wait", "check"};
  TsStep *step = g_new0 (TsStep, 1);
  step->id = g_strdup (ts_build_text (node, "id"));
  step->line = node->line;
  g_ptr_array_add (build->scenario->steps, step);

  guint given = 0;
  for (guint i = 0; i < G_N_ELEMENTS (whats); i++)
    if (ts_yaml_get (node, whats[i]) != NULL) {
      given++;
      step->kind = (TsStepKind)i;
    }
  if (given != 1) {
    ts_build_tell (build, node,
                   given == 0 ? "step %s: says nothing to do; give it one of do, wait, check"
                              : "step %s: has more than one of do, wait and check",
                   step->id);
    return;
  }
  if (step->kind == TS_STEP_DO)
    build_order (build, step, node);
  else
    build_predicate (build, step, ts_yaml_get (node, whats[step->kind]));

  const TsYaml *within = ts_yaml_get (node, "within"), *at = ts_yaml_get (node, "at");
  const TsYaml *after = ts_yaml_get (node, "after");
  const TsYaml *refused = ts_yaml_get (node, "expect_refused");
  const TsYaml *failed = ts_yaml_get (node, "expect_failed");
  if (step->kind == TS_STEP_WAIT && within == NULL)
    ts_build_tell (build, ts_yaml_get (node, "wait"),
                   "step %s: wait needs 'within: DURATION', or it could wait for ever", step->id);
  if (step->kind == TS_STEP_CHECK && within != NULL)
    ts_build_tell (build, within, "step %s: check looks once; 'within' belongs to wait", step->id);
  if (step->kind != TS_STEP_DO && refused != NULL)
    ts_build_tell (build, refused, "step %s: only what is done can be refused", step->id);
  if (at != NULL && after != NULL)
    ts_build_tell (build, at, "step %s: has both 'at' and 'after'; give it one", step->id);
  step->within_us = within != NULL ? ts_value_duration (within) : TS_NEVER;
  step->at_us = at != NULL ? ts_value_duration (at) : -1;
  step->after = after != NULL ? step_index (build, ts_build_text (after, "step")) : -1;
  step->by_us = after != NULL ? ts_value_duration (ts_yaml_get (after, "by")) : 0;
  step->expect_refused = refused != NULL && ts_value_switch (refused);
  step->expect_failed = failed != NULL && ts_value_switch (failed);
  if (step->kind != TS_STEP_DO && failed != NULL)
    ts_build_tell (build, failed, "step %s: only what is done can fail", step->id);
  if (step->expect_failed)
    g_ptr_array_add (build->scenario->expectations->allow_failed, g_strdup (step->id));
  if (step->expect_refused)
    g_ptr_array_add (build->scenario->expectations->allow_refused, g_strdup (step->id));
}
/* Follows who waits for whom.  A step waits for one other to begin, and a `wait: {step}` for one
 * more to end: at most two ways on from each.  On a cycle path holds it. */
static gboolean
find_cycle (const TsScenario *scenario, gint at, guint8 *seen, GArray *path)
{
  enum { UNSEEN, OPEN, CLOSED };
  if (at < 0 || seen[at] == CLOSED)
    return FALSE;
  g_array_append_val (path, at);
  if (seen[at] == OPEN)
    return TRUE;
  seen[at] = OPEN;
  const TsStep *step = ts_scenario_step (scenario, (guint)at);
  if (find_cycle (scenario, ts_scenario_previous (scenario, (guint)at), seen, path))
    return TRUE;
  if (step->kind != TS_STEP_DO && step->predicate.kind == TS_WAIT_STEP)
    for (guint i = 0; i < scenario->steps->len; i++)
      if (g_str_equal (ts_scenario_step (scenario, i)->id, step->predicate.step) &&
          find_cycle (scenario, (gint)i, seen, path))
        return TRUE;
  seen[at] = CLOSED;
  g_array_set_size (path, path->len - 1);
  return FALSE;
}

void
ts_build_check_cycles (TsBuild *build)
{
  const TsScenario *scenario = build->scenario;
  g_autofree guint8 *seen = g_new0 (guint8, scenario->steps->len);
  g_autoptr (GArray) path = g_array_new (FALSE, FALSE, sizeof (gint));
  for (guint i = 0; i < scenario->steps->len; i++) {
    g_array_set_size (path, 0);
    if (!find_cycle (scenario, (gint)i, seen, path))
      continue;
    gint end = g_array_index (path, gint, path->len - 1);
    guint start = 0;
    while (g_array_index (path, gint, start) != end)
      start++;
    GString *text = g_string_new (NULL);
    for (guint p = start; p < path->len; p++)
      g_string_append_printf (
          text, "%s%s", p > start ? " waits for " : "",
          ts_scenario_step (scenario, (guint)g_array_index (path, gint, p))->id);
    const TsYaml *steps = ts_yaml_get (build->root, "steps");
    ts_build_tell (build, steps->items->pdata[end], "steps wait for each other: %s", text->str);
    g_string_free (text, TRUE);
    return;
  }
}

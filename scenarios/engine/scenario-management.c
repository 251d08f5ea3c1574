#include "scenarios/engine/scenario-management.h"
#include <string.h>
#include "core/base/ipv4.h"
#include "core/vault/errand.h"
#include "scenarios/engine/schema.h"
#include "scenarios/engine/value.h"

typedef struct {
  TsScenario *scenario;
  TsTopology *topology;
  TsManagement *management;
  TsProblems *problems;
  const TsYaml *root;
} Build;

static void G_GNUC_PRINTF (3, 4) tell (Build *build, const TsYaml *node, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  ts_problem (build->problems, node->line, node->column, "%s", message);
}

static const char *
text_of (const TsYaml *map, const char *key)
{
  const TsYaml *node = ts_yaml_get (map, key);
  return node != NULL ? node->text : NULL;
}

static gint
index_in (const TsYaml *root, const char *section, const char *name)
{
  const TsYaml *map = ts_yaml_get (root, section);
  for (guint i = 0; name != NULL && i < map->keys->len; i++)
    if (g_str_equal (((TsYaml *)map->keys->pdata[i])->text, name))
      return (gint)i;
  return -1;
}

/* A list of names of things in that section, as indices; what is none is told. */
static void
build_names (Build *build, const TsYaml *list, const char *section, const char *what, GArray *into)
{
  const TsYaml *map = ts_yaml_get (build->root, section);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  for (guint i = 0; i < map->keys->len; i++)
    g_ptr_array_add (words, ((TsYaml *)map->keys->pdata[i])->text);
  g_ptr_array_add (words, NULL);
  for (guint i = 0; list != NULL && i < list->items->len; i++) {
    const TsYaml *item = list->items->pdata[i];
    gint index = index_in (build->root, section, item->text);
    if (index < 0) {
      g_autofree char *hint = ts_suggest_text (item->text, (const char *const *)words->pdata);
      tell (build, item, "%s: '%s' is not in %s%s", what, item->text, section, hint);
      continue;
    }
    guint found = (guint)index;
    g_array_append_val (into, found);
  }
}

/* ---- servers, clouds ---- */

static void
build_vmms (Build *build)
{
  static const char *const keys[] = {"good", "foreign", "expired"};
  const TsYaml *vmms = ts_yaml_get (build->root, "vmms");
  for (guint i = 0; i < vmms->items->len; i++) {
    const TsYaml *key = vmms->keys->pdata[i], *node = vmms->items->pdata[i];
    TsVmmSpec *vmm = ts_management_add_vmm (build->management, key->text);
    const TsYaml *ahead = ts_yaml_get (node, "clock_ahead"), *behind = ts_yaml_get (node, "clock_behind");
    vmm->site = (guint)index_in (build->root, "sites", text_of (node, "site"));
    vmm->clock_us = (ahead != NULL ? ts_value_duration (ahead) : 0) -
                    (behind != NULL ? ts_value_duration (behind) : 0);
    while (!g_str_equal (keys[vmm->key], text_of (node, "key")))
      vmm->key++;
    if (text_of (node, "claims") != NULL) {
      g_free (vmm->claims);
      vmm->claims = g_strdup (text_of (node, "claims"));
    }
    if (build->management->site != vmm->site &&
        ts_topology_link_between (build->topology, build->management->site, vmm->site) < 0)
      tell (build, key, "vmm %s: no link joins its site with the vault's, %s", key->text,
            ts_topology_site (build->topology, build->management->site)->name);
  }
}

static void
build_clouds (Build *build)
{
  const TsYaml *clouds = ts_yaml_get (build->root, "clouds");
  for (guint i = 0; i < clouds->items->len; i++) {
    const TsYaml *key = clouds->keys->pdata[i], *node = clouds->items->pdata[i];
    TsCloudSpec *cloud = ts_management_add_cloud (build->management, key->text);
    g_autofree char *what = g_strdup_printf ("cloud %s: hosts", key->text);
    cloud->vmm = (guint)index_in (build->root, "vmms", text_of (node, "vmm"));
    build_names (build, ts_yaml_get (node, "hosts"), "hosts", what, cloud->hosts);
    cloud->to = index_in (build->root, "clouds", text_of (node, "to"));
    cloud->policy = index_in (build->root, "policies", text_of (node, "policy"));
    if ((cloud->to >= 0) != (cloud->policy >= 0))
      tell (build, node, "cloud %s: 'to' and 'policy' belong together", key->text);
    if (cloud->to == (gint)i)
      tell (build, ts_yaml_get (node, "to"), "cloud %s: is not paired with itself", key->text);
    const TsVmmSpec *vmm = build->management->vmms->pdata[cloud->vmm];
    for (guint h = 0; h < cloud->hosts->len; h++) {
      guint host = g_array_index (cloud->hosts, guint, h);
      const TsHostSpec *spec = ts_topology_host (build->topology, host);
      if (spec->site != vmm->site)
        tell (build, key, "cloud %s: host %s does not stand at the site of VMM server %s", key->text,
              spec->name, vmm->name);
      if (ts_management_cloud_of (build->management, host) != (gint)i)
        tell (build, key, "cloud %s: host %s is in another cloud already", key->text, spec->name);
    }
  }
  for (guint i = 0; i < build->management->clouds->len; i++) { /* HVR 1.1: one pairing each */
    const TsCloudSpec *cloud = build->management->clouds->pdata[i];
    for (guint j = 0; j < build->management->clouds->len && cloud->to >= 0; j++) {
      const TsCloudSpec *other = build->management->clouds->pdata[j];
      if (j != i && other->to >= 0 && (other->to == cloud->to || other->to == (gint)i))
        tell (build, clouds->keys->pdata[i], "cloud %s: a cloud takes part in one pairing, and %s too has one with %s",
              cloud->name, other->name, other->to == (gint)i ? cloud->name : "the same");
    }
  }
}

/* "10.0.0.10-10.0.0.99" */
static void
build_pool (Build *build, const TsYaml *node, TsFarSpec *far)
{
  g_auto (GStrv) ends = g_strsplit (node->text, "-", 2);
  g_autoptr (GError) error = NULL;
  if (g_strv_length (ends) != 2)
    tell (build, node, "pool: '%s' is no range of addresses, such as 10.0.0.10-10.0.0.99", node->text);
  else if (!ts_ipv4_parse (ends[0], &far->pool_from, NULL, &error) ||
           !ts_ipv4_parse (ends[1], &far->pool_to, NULL, &error))
    tell (build, node, "pool: %s", error->message);
  else if (far->pool_from == 0 || far->pool_from > far->pool_to)
    tell (build, node, "pool: '%s' begins behind its end", node->text);
}

static void
build_far (Build *build, const char *section, GPtrArray *fars)
{
  const TsYaml *map = ts_yaml_get (build->root, section);
  for (guint i = 0; i < map->items->len; i++) {
    const TsYaml *key = map->keys->pdata[i], *node = map->items->pdata[i];
    TsFarSpec *far = ts_management_add_far (fars, key->text);
    far->vmm = (guint)index_in (build->root, "vmms", text_of (node, "vmm"));
    far->to = index_in (build->root, section, text_of (node, "to"));
    far->logical = g_strdup (text_of (node, "logical"));
    if (text_of (node, "pool"))
      build_pool (build, ts_yaml_get (node, "pool"), far);
    if (far->to == (gint)i)
      tell (build, ts_yaml_get (node, "to"), "%s %s: is not mapped to itself", section, key->text);
  }
}

static void
build_vm_places (Build *build)
{
  const TsYaml *vms = ts_yaml_get (build->root, "vms"), *hosts = ts_yaml_get (build->root, "hosts");
  for (guint i = 0; i < vms->items->len; i++) {
    TsVmSpec *vm = ts_topology_vm (build->topology, i);
    const char *address = text_of (vms->items->pdata[i], "address");
    g_autoptr (GError) error = NULL;
    if (address && !ts_ipv4_parse (address, &vm->address, NULL, &error))
      tell (build, ts_yaml_get (vms->items->pdata[i], "address"), "address: %s", error->message);
    if (address && !text_of (vms->items->pdata[i], "network"))
      tell (build, ts_yaml_get (vms->items->pdata[i], "address"), "address: it needs a network");
    vm->network = index_in (build->root, "networks", text_of (vms->items->pdata[i], "network"));
    vm->storage = index_in (build->root, "storages", text_of (vms->items->pdata[i], "storage"));
  }
  for (guint i = 0; i < hosts->items->len; i++) {
    TsHostSpec *host = ts_topology_host (build->topology, i);
    const TsYaml *memory = ts_yaml_get (hosts->items->pdata[i], "memory");
    const TsYaml *storage = ts_yaml_get (hosts->items->pdata[i], "storage");
    host->memory_bytes = memory != NULL ? ts_value_size (memory) : host->memory_bytes;
    host->storage_bytes = storage != NULL ? ts_value_size (storage) : host->storage_bytes;
  }
}

/* ---- plans ---- */

static void
build_scripts (Build *build)
{
  const TsYaml *scripts = ts_yaml_get (build->root, "scripts");
  for (guint i = 0; i < scripts->items->len; i++) {
    const TsYaml *key = scripts->keys->pdata[i], *node = scripts->items->pdata[i];
    TsScriptSpec *script = ts_management_add_script (build->management, key->text);
    const char *file = text_of (node, "file");
    if (file != NULL) {
      g_autofree char *folder = g_path_get_dirname (build->scenario->path);
      g_autofree char *base = g_canonicalize_filename (folder, NULL);
      script->file = g_canonicalize_filename (file, base);
    }
    script->takes_us = ts_value_duration (ts_yaml_get (node, "takes"));
    script->complains = g_strdup (text_of (node, "complains"));
    script->fails = (guint)ts_value_integer (ts_yaml_get (node, "fails"));
    script->hangs = ts_value_switch (ts_yaml_get (node, "hangs"));
    script->missing = ts_value_switch (ts_yaml_get (node, "missing"));
  }
}

static gboolean
holds (const TsYaml *list, const char *word)
{
  for (guint i = 0; i < list->items->len; i++)
    if (g_str_equal (((TsYaml *)list->items->pdata[i])->text, word))
      return TRUE;
  return FALSE;
}

static void
build_actions (Build *build, const TsYaml *list, const char *plan, GPtrArray *into)
{
  for (guint i = 0; list != NULL && i < list->items->len; i++) {
    const TsYaml *node = list->items->pdata[i];
    TsActionSpec *action = ts_group_spec_add_action (into, text_of (node, "name"));
    const TsYaml *limit = ts_yaml_get (node, "limit"), *when = ts_yaml_get (node, "failovers");
    const TsYaml *directions = ts_yaml_get (node, "directions");
    action->script = index_in (build->root, "scripts", text_of (node, "script"));
    action->manual = g_strdup (text_of (node, "manual"));
    action->primary = g_str_equal (text_of (node, "on"), "primary");
    action->planned = holds (when, "planned");
    action->unplanned = holds (when, "unplanned");
    action->test = holds (when, "test");
    action->away = holds (directions, "away");
    action->home = holds (directions, "home");
    action->limit_us = limit != NULL ? ts_value_duration (limit) : 0;
    if ((action->script >= 0) == (action->manual != NULL))
      tell (build, node, "plan %s: action %s: has one of 'script' and 'manual'", plan, action->name);
  }
}

static void
build_group (Build *build, const TsYaml *node, const char *plan, TsGroupSpec *group)
{
  if (node == NULL)
    return;
  build_actions (build, ts_yaml_get (node, "before"), plan, group->before);
  build_actions (build, ts_yaml_get (node, "after"), plan, group->after);
}

static void
check_member (Build *build, const TsPlanSpec *plan, const TsYaml *node, guint vm)
{
  const char *name = ts_topology_vm (build->topology, vm)->name;
  gint vmm = ts_management_vmm_of (build->management, ts_topology_vm (build->topology, vm)->host);
  if (vmm < 0 || (guint)vmm != plan->from)
    tell (build, node, "plan %s: VM %s is in no cloud of %s", plan->name, name,
          ((TsVmmSpec *)build->management->vmms->pdata[plan->from])->name);
  guint times = 0;
  for (guint g = 0; g < plan->groups->len; g++) {
    const TsGroupSpec *group = plan->groups->pdata[g];
    for (guint i = 0; i < group->vms->len; i++)
      times += g_array_index (group->vms, guint, i) == vm ? 1 : 0;
  }
  if (times > 1)
    tell (build, node, "plan %s: VM %s is in it twice", plan->name, name);
}

static void
build_plans (Build *build)
{
  const TsYaml *plans = ts_yaml_get (build->root, "plans");
  for (guint i = 0; i < plans->items->len; i++) {
    const TsYaml *key = plans->keys->pdata[i], *node = plans->items->pdata[i];
    TsPlanSpec *plan = ts_management_add_plan (build->management, key->text);
    plan->from = (guint)index_in (build->root, "vmms", text_of (node, "from"));
    plan->to = (guint)index_in (build->root, "vmms", text_of (node, "to"));
    build_group (build, ts_yaml_get (node, "shutdown"), key->text, plan->shutdown);
    build_group (build, ts_yaml_get (node, "failover"), key->text, plan->failover);
    const TsYaml *groups = ts_yaml_get (node, "groups");
    for (guint g = 0; g < groups->items->len; g++) {
      const TsYaml *one = groups->items->pdata[g];
      TsGroupSpec *group = ts_group_spec_new ();
      g_ptr_array_add (plan->groups, group);
      g_autofree char *what = g_strdup_printf ("plan %s: group %u: vms", key->text, g + 1);
      build_names (build, ts_yaml_get (one, "vms"), "vms", what, group->vms);
      build_group (build, one, key->text, group);
      for (guint v = 0; v < group->vms->len; v++)
        check_member (build, plan, one, g_array_index (group->vms, guint, v));
    }
  }
}

/* ---- all ---- */

void
ts_scenario_build_management (TsScenario *scenario, const TsYaml *root, TsProblems *problems)
{
  static const char *const sections[] = {"vmms", "clouds", "networks", "storages", "plans", "scripts"};
  Build build = {scenario, scenario->topology, NULL, problems, root};
  const TsYaml *vault = ts_yaml_get (root, "vault");
  if (vault == NULL) {
    for (guint i = 0; i < G_N_ELEMENTS (sections); i++) {
      const TsYaml *map = ts_yaml_get (root, sections[i]);
      if (map->keys->len > 0)
        tell (&build, map->keys->pdata[0], "%s: only with 'vault'", sections[i]);
    }
    return;
  }
  build.management = scenario->topology->management = ts_management_new ();
  build.management->site = (guint)index_in (root, "sites", text_of (vault, "site"));
  build_vmms (&build);
  build_clouds (&build);
  build_far (&build, "networks", build.management->networks);
  build_far (&build, "storages", build.management->storages);
  build_vm_places (&build);
  build_scripts (&build);
  build_plans (&build);
}

void
ts_scenario_check_managed_order (TsScenario *scenario, const TsStep *step, const TsYaml *node,
                                 TsProblems *problems)
{
  Build build = {scenario, scenario->topology, scenario->topology->management, problems, NULL};
  const TsOrder *order = &step->order;
  const char *verb = ts_verb_name (order->verb);
  const TsYaml *plan = ts_yaml_get (node, "plan"), *vm = ts_yaml_get (node, "vm");
  gboolean needs_vault = order->plan > 0 || order->vmm > 0 ||
                         order->verb == TS_DO_VAULT_DOWN || order->verb == TS_DO_VAULT_UP;
  if (build.management == NULL && needs_vault) {
    tell (&build, node, "step %s: %s: only in a scenario with 'vault'", step->id, verb);
    return;
  }
  if (ts_schema_find ("step", "plan", G_GUINT64_CONSTANT (1) << order->verb) != NULL &&
      order->verb != TS_DO_CONFIRM && (plan != NULL) == (vm != NULL))
    tell (&build, node, "step %s: %s: has one of 'vm' and 'plan'", step->id, verb);
  if (order->plan > 0 && order->point.how != TS_CHOOSE_LATEST && order->point.how != TS_CHOOSE_CONSISTENT)
    tell (&build, ts_yaml_get (node, "point"),
          "step %s: point: of a plan it is latest or latest-app-consistent", step->id);
  if (order->damaged && build.management != NULL) /* its VMM server takes the medium where it lies */
    tell (&build, ts_yaml_get (node, "damaged"), "step %s: damaged: not in a scenario with 'vault'", step->id);
  if (order->verb == TS_DO_PROTECT && build.management == NULL && order->host < 0)
    tell (&build, node, "step %s: 'to' is missing: the host that keeps the replica", step->id);
  if (order->verb == TS_DO_PROTECT && build.management != NULL) {
    gint cloud = ts_management_cloud_of (build.management, ts_topology_vm (build.topology, (guint)order->vm)->host);
    const TsCloudSpec *spec = cloud < 0 ? NULL : build.management->clouds->pdata[cloud];
    if (spec == NULL || spec->to < 0)
      tell (&build, vm, "step %s: VM %s is in no cloud that is paired with another", step->id, vm->text);
    else if (spec->policy >= 0 && spec->policy != order->policy)
      tell (&build, ts_yaml_get (node, "policy"), "step %s: policy: cloud %s is paired by policy %s",
            step->id, spec->name, ts_topology_policy (build.topology, (guint)spec->policy)->name);
    else if (order->host >= 0 && ts_management_cloud_of (build.management, (guint)order->host) != spec->to)
      tell (&build, ts_yaml_get (node, "to"), "step %s: to: %s is not in cloud %s", step->id,
            text_of (node, "to"), ((TsCloudSpec *)build.management->clouds->pdata[spec->to])->name);
  }
}

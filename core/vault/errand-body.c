/* core/vault/errand-body.c -- what a topology's policies, clouds, mappings and plans are as requests. */
#include "core/vault/errand-internal.h"

static const TsManagement *
management (const TsErrand *errand)
{
  return errand->topology->management;
}

static const char *
fabric (const TsErrand *errand, guint vmm)
{
  return ((const TsVmmSpec *)management (errand)->vmms->pdata[vmm])->claims;
}

static char *
cloud_path (const TsTopology *topology, guint index)
{
  const TsCloudSpec *cloud = topology->management->clouds->pdata[index];
  const TsVmmSpec *vmm = topology->management->vmms->pdata[cloud->vmm];
  return g_strdup_printf ("replicationFabrics/%s/replicationProtectionContainers/%s", vmm->claims,
                          cloud->name);
}

char *
ts_errand_item_path (const TsTopology *topology, guint vm)
{
  const TsVmSpec *spec = ts_topology_vm (topology, vm);
  gint cloud = ts_management_cloud_of (topology->management, spec->host);
  if (cloud < 0)
    return NULL;
  g_autofree char *path = cloud_path (topology, (guint)cloud);
  return g_strdup_printf ("%s/replicationProtectedItems/%s", path, spec->name);
}

/* --- preparation ------------------------------------------------------------------------------ */

static void
add_policy (TsErrand *errand, const TsPolicySpec *spec)
{
  const TsPolicy *policy = &spec->policy;
  TsFields *input = ts_fields_new (), *p = ts_fields_new ();
  gboolean immediate = policy->resync.from_us == policy->resync.until_us;
  ts_fields_set_int (input, "allowedAuthenticationType", (gint64)policy->authentication);
  ts_fields_set_int (input, "replicationFrequencyInSeconds", policy->frequency_us / TS_S);
  ts_fields_set_int (input, "recoveryPoints", policy->recovery_points);
  ts_fields_set_int (input, "applicationConsistentSnapshotFrequencyInHours",
                     policy->app_consistent_us / TS_HOUR);
  ts_fields_set_text (input, "compression", policy->compression ? "Enable" : "Disable");
  ts_fields_set_text (input, "autoResynchronize",
                      !policy->resync.automatic ? "Manual" : immediate ? "Immediate" : "Scheduled");
  ts_fields_set_int (input, "autoResynchronizeStart", policy->resync.from_us / TS_S);
  ts_fields_set_int (input, "autoResynchronizeEnd", policy->resync.until_us / TS_S);
  if (policy->initial == TS_INITIAL_EXPORT) { /* one share that both sites see */
    ts_fields_set_text (input, "initialReplicationMethod", "Offline");
    ts_fields_set_text (input, "offlineReplicationExportPath", "/share");
    ts_fields_set_text (input, "offlineReplicationImportPath", "/share");
  } else if (policy->initial == TS_INITIAL_SEEDED)
    ts_fields_set_text (input, "initialReplicationMethod", "Seeded");
  ts_fields_set (p, "providerSpecificInput", ts_fields_end (input));
  ts_errand_add (errand, TS_CALL_PLAIN, TS_VAULT_PUT,
                 g_strdup_printf ("replicationPolicies/%s", spec->name), p);
}

static gboolean
may_register (const TsErrand *errand, guint vmm)
{
  const TsVmmSpec *spec = management (errand)->vmms->pdata[vmm];
  return spec->key == TS_KEY_GOOD && g_str_equal (spec->claims, spec->name);
}

static void
add_pairing (TsErrand *errand, guint index)
{
  const TsCloudSpec *cloud = management (errand)->clouds->pdata[index];
  if (cloud->to < 0 || cloud->policy < 0)
    return;
  const TsCloudSpec *to = management (errand)->clouds->pdata[cloud->to];
  if (!may_register (errand, cloud->vmm) || !may_register (errand, to->vmm))
    return;
  g_autofree char *source = cloud_path (errand->topology, index);
  g_autofree char *target = cloud_path (errand->topology, (guint)cloud->to);
  g_autofree char *policy = g_strdup_printf (
      "replicationPolicies/%s", ts_topology_policy (errand->topology, (guint)cloud->policy)->name);
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "targetProtectionContainerId", target);
  ts_fields_set_text (p, "policyId", policy);
  ts_errand_add (errand, TS_CALL_JOB, TS_VAULT_PUT,
                 g_strdup_printf ("%s/replicationProtectionContainerMappings/%s-%s", source,
                                  cloud->name, to->name),
                 p);
}

static void
add_far (TsErrand *errand, const GPtrArray *fars, guint index, gboolean network)
{
  const TsFarSpec *far = fars->pdata[index];
  if (far->to < 0)
    return;
  const TsFarSpec *to = fars->pdata[far->to];
  if (!may_register (errand, far->vmm) || !may_register (errand, to->vmm))
    return;
  const char *folder = network ? "replicationNetworks" : "replicationStorageClassifications";
  g_autofree char *target =
      g_strdup_printf ("replicationFabrics/%s/%s/%s", fabric (errand, to->vmm), folder, to->name);
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, network ? "recoveryNetworkId" : "targetStorageClassificationId", target);
  ts_errand_add (errand, TS_CALL_PLAIN, TS_VAULT_PUT,
                 g_strdup_printf ("replicationFabrics/%s/%s/%s/%s/%s-%s", fabric (errand, far->vmm),
                                  folder, far->name,
                                  network ? "replicationNetworkMappings"
                                          : "replicationStorageClassificationMappings",
                                  far->name, to->name),
                 p);
}

void
ts_errand_fill_preparation (TsErrand *errand)
{
  const TsManagement *m = management (errand);
  for (guint i = 0; i < m->vmms->len; i++) {
    const TsVmmSpec *vmm = m->vmms->pdata[i];
    if (vmm->key == TS_KEY_FOREIGN)
      continue;
    TsFields *soon = vmm->key == TS_KEY_EXPIRED ? ts_fields_new () : NULL;
    if (soon) /* the engine gives it to the server too late */
      ts_fields_set_int (soon, "validForSeconds", 1);
    TsErrandCall *call = ts_errand_add (errand, TS_CALL_KEY, TS_VAULT_POST,
                                        g_strdup ("registrationKeys"), soon);
    call->vmm = g_strdup (vmm->name);
    if (may_register (errand, i)) /* before another one can claim its name */
      ts_errand_add (errand, TS_CALL_UNTIL, TS_VAULT_GET,
                     g_strdup_printf ("replicationFabrics/%s", vmm->claims), NULL);
  }
  for (guint i = 0; i < errand->topology->policies->len; i++)
    add_policy (errand, ts_topology_policy (errand->topology, i));
  for (guint i = 0; i < m->clouds->len; i++) {
    const TsCloudSpec *cloud = m->clouds->pdata[i];
    if (may_register (errand, cloud->vmm))
      ts_errand_add (errand, TS_CALL_UNTIL, TS_VAULT_GET, cloud_path (errand->topology, i), NULL);
  }
  for (guint v = 0; v < errand->topology->vms->len; v++) {
    gint cloud = ts_management_cloud_of (m, ts_topology_vm (errand->topology, v)->host);
    if (cloud < 0 || !may_register (errand, ((TsCloudSpec *)m->clouds->pdata[cloud])->vmm))
      continue;
    g_autofree char *container = cloud_path (errand->topology, (guint)cloud);
    ts_errand_add (errand, TS_CALL_UNTIL, TS_VAULT_GET,
                   g_strdup_printf ("%s/replicationProtectableItems/%s", container,
                                    ts_topology_vm (errand->topology, v)->name),
                   NULL);
  }
  for (guint i = 0; i < m->networks->len; i++)
    add_far (errand, m->networks, i, TRUE);
  for (guint i = 0; i < m->storages->len; i++)
    add_far (errand, m->storages, i, FALSE);
  for (guint i = 0; i < m->clouds->len; i++)
    add_pairing (errand, i);
}

/* --- plans ------------------------------------------------------------------------------------ */

static void
add_word (GVariantBuilder *list, gboolean yes, const char *word)
{
  if (yes)
    ts_list_add (list, g_variant_new_string (word));
}

static GVariant *
action_body (const TsErrand *errand, const TsActionSpec *action)
{
  GVariantBuilder types, directions;
  g_variant_builder_init (&types, G_VARIANT_TYPE ("av"));
  g_variant_builder_init (&directions, G_VARIANT_TYPE ("av"));
  add_word (&types, action->planned, "PlannedFailover");
  add_word (&types, action->unplanned, "UnplannedFailover");
  add_word (&types, action->test, "TestFailover");
  add_word (&directions, action->away, "PrimaryToRecovery");
  add_word (&directions, action->home, "RecoveryToPrimary");
  TsFields *details = ts_fields_new (), *body = ts_fields_new ();
  if (action->script >= 0) {
    const TsScriptSpec *script = management (errand)->scripts->pdata[action->script];
    ts_fields_set_text (details, "instanceType", "ScriptActionDetails");
    ts_fields_set_text (details, "path", script->name);
    ts_fields_set_text (details, "fabricLocation", action->primary ? "Primary" : "Recovery");
    if (action->limit_us > 0)
      ts_fields_set_int (details, "timeoutInSeconds", MAX (action->limit_us / TS_S, 1));
  } else {
    ts_fields_set_text (details, "instanceType", "ManualActionDetails");
    ts_fields_set_text (details, "description", action->manual);
  }
  ts_fields_set_text (body, "actionName", action->name);
  ts_fields_set (body, "failoverTypes", g_variant_builder_end (&types));
  ts_fields_set (body, "failoverDirections", g_variant_builder_end (&directions));
  ts_fields_set (body, "customDetails", ts_fields_end (details));
  return ts_fields_end (body);
}

static GVariant *
actions_body (const TsErrand *errand, const GPtrArray *actions)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < actions->len; i++)
    ts_list_add (&list, action_body (errand, actions->pdata[i]));
  return g_variant_builder_end (&list);
}

static GVariant *
group_body (const TsErrand *errand, const TsGroupSpec *group, const char *type)
{
  TsFields *body = ts_fields_new ();
  ts_fields_set_text (body, "groupType", type);
  ts_fields_set (body, "startGroupActions", actions_body (errand, group->before));
  ts_fields_set (body, "endGroupActions", actions_body (errand, group->after));
  if (group->vms->len > 0) {
    GVariantBuilder items;
    g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < group->vms->len; i++) {
      g_autofree char *path =
          ts_errand_item_path (errand->topology, g_array_index (group->vms, guint, i));
      TsFields *item = ts_fields_new ();
      ts_fields_set_text (item, "id", path ? path : "");
      ts_list_add (&items, ts_fields_end (item));
    }
    ts_fields_set (body, "replicationProtectedItems", g_variant_builder_end (&items));
  }
  return ts_fields_end (body);
}

void
ts_errand_fill_plan (TsErrand *errand, const TsPlanSpec *plan)
{
  char *path = g_strdup_printf ("replicationRecoveryPlans/%s", plan->name);
  g_autofree char *from = g_strdup_printf ("replicationFabrics/%s", fabric (errand, plan->from));
  g_autofree char *to = g_strdup_printf ("replicationFabrics/%s", fabric (errand, plan->to));
  GVariantBuilder groups;
  g_variant_builder_init (&groups, G_VARIANT_TYPE ("av"));
  ts_list_add (&groups, group_body (errand, plan->shutdown, "Shutdown"));
  ts_list_add (&groups, group_body (errand, plan->failover, "Failover"));
  for (guint i = 0; i < plan->groups->len; i++)
    ts_list_add (&groups, group_body (errand, plan->groups->pdata[i], "Boot"));
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "primaryFabricId", from);
  ts_fields_set_text (p, "recoveryFabricId", to);
  ts_fields_set (p, "groups", g_variant_builder_end (&groups));
  ts_errand_add (errand, TS_CALL_ABSENT, TS_VAULT_GET, g_strdup (path), NULL);
  ts_errand_add (errand, TS_CALL_PLAIN, TS_VAULT_PUT, path, p);
}

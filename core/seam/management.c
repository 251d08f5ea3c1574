#include "core/seam/management.h"

static void
vmm_free (gpointer data)
{
  TsVmmSpec *vmm = data;
  g_free (vmm->name);
  g_free (vmm->claims);
  g_free (vmm);
}

static void
cloud_free (gpointer data)
{
  TsCloudSpec *cloud = data;
  g_free (cloud->name);
  g_array_unref (cloud->hosts);
  g_free (cloud);
}

static void
far_free (gpointer data)
{
  TsFarSpec *far = data;
  g_free (far->name);
  g_free (far->logical);
  g_free (far);
}

static void
script_free (gpointer data)
{
  TsScriptSpec *script = data;
  g_free (script->name);
  g_free (script->file);
  g_free (script->complains);
  g_free (script);
}

static void
action_free (gpointer data)
{
  TsActionSpec *action = data;
  g_free (action->name);
  g_free (action->manual);
  g_free (action);
}

static void
group_free (gpointer data)
{
  TsGroupSpec *group = data;
  if (!group)
    return;
  g_array_unref (group->vms);
  g_ptr_array_unref (group->before);
  g_ptr_array_unref (group->after);
  g_free (group);
}

static void
plan_free (gpointer data)
{
  TsPlanSpec *plan = data;
  g_free (plan->name);
  group_free (plan->shutdown);
  group_free (plan->failover);
  g_ptr_array_unref (plan->groups);
  g_free (plan);
}

TsManagement *
ts_management_new (void)
{
  TsManagement *management = g_new0 (TsManagement, 1);
  management->vmms = g_ptr_array_new_with_free_func (vmm_free);
  management->clouds = g_ptr_array_new_with_free_func (cloud_free);
  management->networks = g_ptr_array_new_with_free_func (far_free);
  management->storages = g_ptr_array_new_with_free_func (far_free);
  management->plans = g_ptr_array_new_with_free_func (plan_free);
  management->scripts = g_ptr_array_new_with_free_func (script_free);
  return management;
}

void
ts_management_free (TsManagement *management)
{
  if (!management)
    return;
  g_ptr_array_unref (management->vmms);
  g_ptr_array_unref (management->clouds);
  g_ptr_array_unref (management->networks);
  g_ptr_array_unref (management->storages);
  g_ptr_array_unref (management->plans);
  g_ptr_array_unref (management->scripts);
  g_free (management);
}

TsVmmSpec *
ts_management_add_vmm (TsManagement *management, const char *name)
{
  TsVmmSpec *vmm = g_new0 (TsVmmSpec, 1);
  vmm->name = g_strdup (name);
  vmm->claims = g_strdup (name);
  g_ptr_array_add (management->vmms, vmm);
  return vmm;
}

TsCloudSpec *
ts_management_add_cloud (TsManagement *management, const char *name)
{
  TsCloudSpec *cloud = g_new0 (TsCloudSpec, 1);
  cloud->name = g_strdup (name);
  cloud->hosts = g_array_new (FALSE, FALSE, sizeof (guint));
  cloud->to = cloud->policy = -1;
  g_ptr_array_add (management->clouds, cloud);
  return cloud;
}

TsFarSpec *
ts_management_add_far (GPtrArray *fars, const char *name)
{
  TsFarSpec *far = g_new0 (TsFarSpec, 1);
  far->name = g_strdup (name);
  far->to = -1;
  g_ptr_array_add (fars, far);
  return far;
}

TsPlanSpec *
ts_management_add_plan (TsManagement *management, const char *name)
{
  TsPlanSpec *plan = g_new0 (TsPlanSpec, 1);
  plan->name = g_strdup (name);
  plan->groups = g_ptr_array_new_with_free_func (group_free);
  plan->shutdown = ts_group_spec_new ();
  plan->failover = ts_group_spec_new ();
  g_ptr_array_add (management->plans, plan);
  return plan;
}

TsScriptSpec *
ts_management_add_script (TsManagement *management, const char *name)
{
  TsScriptSpec *script = g_new0 (TsScriptSpec, 1);
  script->name = g_strdup (name);
  g_ptr_array_add (management->scripts, script);
  return script;
}

TsGroupSpec *
ts_group_spec_new (void)
{
  TsGroupSpec *group = g_new0 (TsGroupSpec, 1);
  group->vms = g_array_new (FALSE, FALSE, sizeof (guint));
  group->before = g_ptr_array_new_with_free_func (action_free);
  group->after = g_ptr_array_new_with_free_func (action_free);
  return group;
}

TsActionSpec *
ts_group_spec_add_action (GPtrArray *actions, const char *name)
{
  TsActionSpec *action = g_new0 (TsActionSpec, 1);
  action->name = g_strdup (name);
  action->script = -1;
  action->planned = action->unplanned = action->test = action->away = action->home = TRUE;
  g_ptr_array_add (actions, action);
  return action;
}

gint
ts_management_cloud_of (const TsManagement *management, guint host)
{
  for (guint c = 0; c < management->clouds->len; c++) {
    const TsCloudSpec *cloud = management->clouds->pdata[c];
    for (guint h = 0; h < cloud->hosts->len; h++)
      if (g_array_index (cloud->hosts, guint, h) == host)
        return (gint)c;
  }
  return -1;
}

gint
ts_management_vmm_of (const TsManagement *management, guint host)
{
  gint cloud = ts_management_cloud_of (management, host);
  return cloud < 0 ? -1 : (gint)((const TsCloudSpec *)management->clouds->pdata[cloud])->vmm;
}

const TsScriptSpec *
ts_management_script (const TsManagement *management, const char *name)
{
  for (guint i = 0; i < management->scripts->len; i++)
    if (g_str_equal (((TsScriptSpec *)management->scripts->pdata[i])->name, name))
      return management->scripts->pdata[i];
  return NULL;
}

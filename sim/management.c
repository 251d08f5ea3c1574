/* sim/management.c -- see management.h. */
#include "sim/management.h"

static void
lan_free (gpointer lan)
{
  ts_sim_link_free (lan);
}

TsSimManagement *
ts_sim_management_new (TsWorld *world)
{
  const TsTopology *topology = world->topology;
  TsSimManagement *m = g_new0 (TsSimManagement, 1);
  world->management = m;
  m->world = world;
  m->spec = topology->management;
  m->lans = g_ptr_array_new_with_free_func (lan_free);
  m->vmms = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_vmm_free);
  m->agents = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_agent_free);
  m->errands = g_ptr_array_new_with_free_func (ts_sim_operator_free);
  m->asked = g_hash_table_new (NULL, NULL);
  m->next_request = G_GUINT64_CONSTANT (1) << 40; /* whoever asks from outside has the others */
  for (guint i = 0; i < topology->sites->len; i++) {
    const char *site = ts_topology_site (topology, i)->name;
    TsLinkSpec lan = {.name = (char *)"lan", .site = {i, i}, .shape = {.delay_us = TS_SIM_LAN_US}};
    g_ptr_array_add (m->lans, ts_sim_link_new (world->clock, &lan, &topology->profile, topology->seed, site, site));
  }
  m->vault = ts_sim_vault_new (m);
  for (guint i = 0; i < m->spec->vmms->len; i++)
    g_ptr_array_add (m->vmms, ts_sim_vmm_new (m, i));
  for (guint i = 0; i < topology->hosts->len; i++) {
    gint vmm = ts_management_vmm_of (m->spec, i);
    g_ptr_array_add (m->agents,
                     vmm < 0 ? NULL : ts_sim_agent_new (m, ts_sim_host (world, i), m->vmms->pdata[vmm]));
  }
  /* one that is none of this vault's */
  for (guint i = 0; i < m->spec->vmms->len; i++) {
    const TsVmmSpec *vmm = m->spec->vmms->pdata[i];
    if (vmm->key == TS_KEY_FOREIGN)
      ts_sim_vmm_set_key (m->vmms->pdata[i], "00000000000000000000000000000000");
  }
  ts_sim_operator_prepare (m);
  return m;
}

void
ts_sim_management_free (TsSimManagement *m)
{
  if (!m)
    return;
  g_ptr_array_unref (m->errands);
  g_hash_table_unref (m->asked);
  g_ptr_array_unref (m->agents);
  g_ptr_array_unref (m->vmms);
  ts_sim_vault_free (m->vault);
  g_ptr_array_unref (m->lans);
  g_free (m);
}

TsSimConn *
ts_sim_management_connect (TsSimManagement *m, guint from, guint to, const TsSimConnEvents *events,
                           gpointer user, void (*welcome_far) (TsSimConn *far, gpointer user),
                           gpointer far_user)
{
  const TsTopology *topology = m->world->topology;
  if (from == to)
    return ts_sim_link_connect (m->lans->pdata[from], 0, events, user, welcome_far, far_user);
  gint link = ts_topology_link_between (topology, from, to);
  g_assert (link >= 0); /* the reader has looked */
  guint end = ts_topology_link (topology, (guint)link)->site[0] == from ? 0 : 1;
  return ts_sim_link_connect (m->world->links->pdata[link], end, events, user, welcome_far, far_user);
}

gint64
ts_sim_management_clock_us (const TsSimManagement *m, gint64 ahead_us)
{
  const TsTopology *topology = m->world->topology;
  gint64 day_us =
      topology->policies->len > 0 ? ts_topology_policy (topology, 0)->policy.resync.clock_us : 0;
  return TS_SIM_EPOCH_US + day_us + ts_sim_now_us (m->world) + ahead_us;
}

void
ts_sim_management_site_power (TsSimManagement *m, guint site, gboolean on)
{
  if (m->spec->site == site) {
    if (on)
      ts_sim_vault_start (m->vault);
    else
      ts_sim_vault_kill (m->vault, TRUE);
  }
  for (guint i = 0; i < m->vmms->len; i++) {
    if (ts_sim_vmm_site (m->vmms->pdata[i]) != site)
      continue;
    if (on)
      ts_sim_vmm_start (m->vmms->pdata[i]);
    else
      ts_sim_vmm_kill (m->vmms->pdata[i], TRUE);
  }
}

void
ts_sim_management_look (TsSimManagement *m, TsSimVm *vm)
{
  for (guint i = 0; i < m->agents->len; i++)
    if (m->agents->pdata[i])
      ts_sim_agent_look (m->agents->pdata[i], vm);
}

void
ts_sim_management_hear (TsSimManagement *m, const TsRecord *record)
{
  gint host = ts_topology_find_host (m->world->topology, ts_record_get_text (record, "host"));
  if (host >= 0 && m->agents->pdata[host])
    ts_sim_agent_hear (m->agents->pdata[host], record);
}

void
ts_sim_management_host_power (TsSimManagement *m, const TsSimHost *host, gboolean on)
{
  if (m->agents->pdata[host->index])
    ts_sim_agent_host_power (m->agents->pdata[host->index], on);
}

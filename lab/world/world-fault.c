/* lab/world/world-fault.c -- what fate does, for real, and the evidence that it bit. */
#include "lab/world/store.h"
#include "lab/world/world.h"
#include "core/base/error.h"
#include "core/base/units.h"

void
ts_lab_tell_fault (TsWorld *world, const char *id, const char *fault, const char *target,
                   const char *mode)
{
  TsRecord *record = ts_record_text (ts_lab_world_record (world, "fault"), "id", id);
  ts_record_text (record, "fault", fault);
  ts_record_text (record, "target", target);
  ts_lab_world_report (world, ts_record_text (record, "mode", mode));
}

void
ts_lab_tell_evidence (TsWorld *world, const char *id, const char *fault, const char *target,
               const char *what, guint64 count)
{
  TsRecord *record = ts_record_text (ts_lab_world_record (world, "evidence"), "id", id);
  ts_record_text (record, "fault", fault);
  ts_record_text (record, "target", target);
  ts_record_text (record, "what", what);
  ts_lab_world_report (world, ts_record_int (record, "count", (gint64)count));
}

/* --- links ------------------------------------------------------------------------------------ */

void
ts_lab_link_fault_free (TsLabLinkFault *fault)
{
  g_free (fault->step);
  g_free (fault);
}

gboolean
ts_lab_fault_counters (TsWorld *world, guint link, TsShaperCounters counters[2], GError **error)
{
  TsShaperCounters now[2];
  const TsShaperCounters *before = world->lines[link].before;
  if (!world->wans->pdata[link])
    return ts_throw (error, TS_ERROR_LOST, "the link did not come back");
  if (!ts_lab_wan_counters (world->wans->pdata[link], now, error))
    return FALSE;
  for (guint d = 0; d < 2; d++) {
    now[d].packets += before[d].packets;
    now[d].bytes += before[d].bytes;
    now[d].dropped_queue += before[d].dropped_queue;
    now[d].dropped_loss += before[d].dropped_loss;
    now[d].dropped_blackhole += before[d].dropped_blackhole;
    now[d].blackhole_bytes += before[d].blackhole_bytes;
    now[d].resets += before[d].resets;
    counters[d] = now[d];
  }
  return TRUE;
}

/* last: there will be no better evidence, none is told too. */
static void
tell_link_evidence (TsWorld *world, guint link, gboolean last)
{
  const char *name = ts_topology_link (world->topology, link)->name;
  TsShaperCounters now[2];
  if (!ts_lab_fault_counters (world, link, now, NULL))
    return;
  for (guint i = 0; i < world->faults->len; i++) {
    TsLabLinkFault *fault = world->faults->pdata[i];
    if (fault->told || fault->link != link)
      continue;
    guint64 packets = 0, bytes = 0;
    for (guint d = 0; d < 2; d++) {
      packets += now[d].resets - fault->before[d].resets +
                  now[d].dropped_blackhole - fault->before[d].dropped_blackhole;
      bytes += now[d].blackhole_bytes - fault->before[d].blackhole_bytes;
    }
    if (packets == 0 && !last)
      continue;
    fault->told = TRUE;
    if (fault->mode == TS_LINK_RESET) {
      ts_lab_tell_evidence (world, fault->step, "link", name, "packets answered by a reset", packets);
      continue;
    }
    ts_lab_tell_evidence (world, fault->step, "link", name, "packets swallowed", packets);
    ts_lab_tell_evidence (world, fault->step, "link", name, "bytes swallowed", bytes);
  }
}

gboolean
ts_lab_fault_link (TsWorld *world, const TsOrder *order, GError **error)
{
  guint link = (guint)order->link;
  TsLabWan *wan = world->wans->pdata[link];
  const char *name = ts_topology_link (world->topology, link)->name;
  TsShaperCounters before[2];
  tell_link_evidence (world, link, TRUE); /* of the fault that this one ends */
  if (!ts_lab_fault_counters (world, link, before, error) ||
      !ts_lab_wan_set_mode (wan, order->link_mode, error))
    return FALSE;
  world->lines[link].mode = order->link_mode;
  ts_lab_tell_fault (world, order->step, "link", name, ts_link_mode_name (order->link_mode));
  if (order->link_mode != TS_LINK_UP) {
    TsLabLinkFault *fault = g_new0 (TsLabLinkFault, 1);
    fault->step = g_strdup (order->step);
    fault->link = link;
    fault->mode = order->link_mode;
    fault->before[0] = before[0];
    fault->before[1] = before[1];
    g_ptr_array_add (world->faults, fault);
  }
  return TRUE;
}

/* --- sites ------------------------------------------------------------------------------------ */

/* A dying kernel says goodbye on its connections, a site without power does not. */
static gboolean
unplug (TsWorld *world, guint site, GError **error)
{
  for (guint i = 0; i < world->wans->len; i++) {
    const TsLinkSpec *spec = ts_topology_link (world->topology, i);
    for (guint side = 0; side < 2; side++)
      if (spec->site[side] == site) {
        tell_link_evidence (world, i, FALSE); /* before the unplugging counts too */
        if (!ts_lab_wan_unplug (world->wans->pdata[i], side, error))
          return FALSE;
      }
  }
  return TRUE;
}

/* id: whose step it is. */
static gboolean
site_down (TsWorld *world, guint site, const char *id, GError **error)
{
  const char *name = ts_topology_site (world->topology, site)->name;
  gint64 begun_us = ts_lab_world_now_us (world);
  if (!unplug (world, site, error))
    return FALSE;
  for (guint i = 0; i < world->seats->len; i++) {
    TsLabSeat *seat = world->seats->pdata[i];
    if (seat->spec->site == site)
      seat->dead = TRUE;
  }
  ts_lab_management_site_down (world, site);
  guint killed = ts_lab_site_power_off (world->sites->pdata[site]);
  ts_lab_stores_power_off (world, (gint)site, FALSE);
  ts_lab_nics_let_go (world, site);
  /* Every process is gone now; what the guests were promised was promised before this. */
  gint64 dead_us = ts_lab_world_now_us (world);

  TsRecord *fault = ts_record_new (begun_us, "lab", "fault");
  ts_record_text (fault, "id", id);
  ts_record_text (fault, "fault", "site_down");
  ts_record_text (fault, "target", name);
  ts_lab_world_report (world, ts_record_text (fault, "mode", "power"));
  for (guint i = 0; i < world->guests->len; i++) {
    TsLabGuest *guest = world->guests->pdata[i];
    if (ts_topology_host (world->topology, guest->host)->site != site ||
        !ts_lab_guest_on (guest))
      continue;
    ts_lab_guest_lost_power (guest, dead_us);
  }
  ts_lab_tell_evidence (world, id, "site_down", name, "processes killed", killed);
  for (guint i = 0; i < world->seats->len; i++) {
    const TsLabSeat *seat = world->seats->pdata[i];
    if (seat->spec->site == site)
      ts_lab_operations_host_lost (world, seat->spec->name);
  }
  return TRUE;
}

gboolean
ts_lab_fault_site_down (TsWorld *world, const TsOrder *order, GError **error)
{
  return site_down (world, (guint)order->site, order->step, error);
}

void
ts_lab_world_die_at (TsWorld *world, guint host, const TsDeath *death)
{
  TsLabSeat *seat = world->seats->pdata[host];
  g_autoptr (GError) error = NULL;
  seat->mortal = TRUE;
  GVariant *body = g_variant_new ("(uuu)", (guint32)death->action, (guint32)death->moment,
                                  (guint32)death->count);
  if (!ts_lab_seat_order (seat, "die-at", body, &error))
    ts_lab_world_break (world, "host %s: %s", seat->spec->name, error->message);
}

gboolean
ts_lab_world_died (const TsWorld *world, guint host)
{
  return ((const TsLabSeat *)world->seats->pdata[host])->dead;
}

void
ts_lab_fault_died (TsWorld *world, guint host)
{
  g_autoptr (GError) error = NULL;
  guint site = ts_topology_host (world->topology, host)->site;
  if (!site_down (world, site, "death", &error))
    ts_lab_world_break (world, "%s", error->message);
}

/* --- a site comes back --------------------------------------------------------------------------
 */

static gboolean
has_power (const TsWorld *world, guint site)
{
  return ts_lab_site_pid (world->sites->pdata[site]) != 0;
}

/* The devices of a link went with one of its sites, and with them the counters. */
static gboolean
plug_in (TsWorld *world, guint site, GError **error)
{
  for (guint i = 0; i < world->wans->len; i++) {
    const TsLinkSpec *spec = ts_topology_link (world->topology, i);
    if ((spec->site[0] != site && spec->site[1] != site) || !has_power (world, spec->site[0]) ||
        !has_power (world, spec->site[1]))
      continue;
    tell_link_evidence (world, i, FALSE);
    if (!ts_lab_fault_counters (world, i, world->lines[i].before, error))
      return FALSE;
    ts_lab_wan_free (world->wans->pdata[i]);
    world->wans->pdata[i] = ts_lab_world_start_link (world, i, error);
    if (!world->wans->pdata[i] ||
        !ts_lab_wan_set_mode (world->wans->pdata[i], world->lines[i].mode, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ts_lab_fault_site_up (TsWorld *world, const TsOrder *order, GError **error)
{
  guint site = (guint)order->site;
  const char *name = ts_topology_site (world->topology, site)->name;
  if (has_power (world, site)) {
    ts_lab_world_step (world, order->step, order->verb, "done", "");
    return TRUE;
  }
  ts_lab_tell_fault (world, order->step, "site_down", name, "up");
  TsLabSite *fresh = ts_lab_world_start_site (world, site, error);
  if (!fresh)
    return FALSE;
  ts_lab_site_free (world->sites->pdata[site]);
  world->sites->pdata[site] = fresh;
  if (!plug_in (world, site, error) || !ts_lab_world_serve_realm (world, site, error))
    return FALSE;
  for (guint i = 0; i < world->seats->len; i++) {
    if (ts_topology_host (world->topology, i)->site != site)
      continue;
    TsLabSeat *seat = ts_lab_world_start_host (world, i, error);
    if (!seat)
      return FALSE;
    ts_lab_seat_free (world->seats->pdata[i]);
    world->seats->pdata[i] = seat;
  }
  if (!ts_lab_management_site_up (world, site, error) || !ts_lab_world_wait_hosts (world, error))
    return FALSE;
  ts_lab_world_step (world, order->step, order->verb, "done", "");
  return TRUE;
}

/* --- processes of the management ------------------------------------------------------------------
 */

gboolean
ts_lab_fault_process (TsWorld *world, const TsOrder *order, GError **error)
{
  gboolean down = order->verb == TS_DO_VAULT_DOWN || order->verb == TS_DO_VMM_DOWN;
  const char *fault = order->vmm > 0 ? "vmm_down" : "vault_down";
  const char *name = ts_lab_management_name (world, order);
  guint killed;
  ts_lab_tell_fault (world, order->step, fault, name, down ? "killed" : "up");
  if (!ts_lab_management_fate (world, order, &killed, error))
    return FALSE;
  if (down)
    ts_lab_tell_evidence (world, order->step, fault, name, "processes gone", killed);
  return TRUE;
}

/* --- disks ------------------------------------------------------------------------------------ */

void
ts_lab_fault_edit (TsWorld *world, const TsOrder *order, GError **error)
{
  const char *vm = ts_topology_vm (world->topology, (guint)order->vm)->name;
  const char *verb = ts_verb_name (order->verb);
  guint64 edited = 0;
  if (order->verb == TS_DO_KEEP_DISKS) {
    ts_lab_fault_keep_disks (world, order, error);
    return;
  }
  ts_lab_tell_fault (world, order->step, verb, vm,
              ts_topology_host (world->topology, (guint)order->host)->name);
  if (order->verb == TS_DO_EDIT_DISK ? ts_lab_fault_edit_disk (world, order, &edited, error)
                                     : ts_lab_fault_restore_disks (world, order, &edited, error))
    ts_lab_tell_evidence (world, order->step, verb, vm, "blocks changed", edited);
}

/* --- the end ---------------------------------------------------------------------------------- */

void
ts_lab_faults_finish (TsWorld *world)
{
  for (guint i = 0; i < world->wans->len; i++) {
    const TsLinkSpec *spec = ts_topology_link (world->topology, i);
    TsShaperCounters counters[2];
    tell_link_evidence (world, i, TRUE);
    if (!ts_lab_fault_counters (world, i, counters, NULL))
      continue;
    for (guint d = 0; d < 2; d++) {
      TsRecord *record = ts_lab_world_record (world, "traffic");
      ts_record_text (record, "link", spec->name);
      ts_record_text (record, "from", ts_topology_site (world->topology, spec->site[d])->name);
      ts_record_text (record, "to", ts_topology_site (world->topology, spec->site[1 - d])->name);
      ts_record_int (record, "packets", (gint64)counters[d].packets);
      ts_record_int (record, "bytes", (gint64)counters[d].bytes);
      ts_record_int (record, "dropped_queue", (gint64)counters[d].dropped_queue);
      ts_record_int (record, "dropped_loss", (gint64)counters[d].dropped_loss);
      ts_record_int (record, "dropped_blackhole", (gint64)counters[d].dropped_blackhole);
      ts_lab_world_report (world, record);
    }
  }
}

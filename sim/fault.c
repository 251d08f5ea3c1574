/* sim/fault.c -- what fate does: to a link, to a site, to a process of the management, to one host
 * (crash, graceful reboot, a full disk, a damaged log).
 *
 * Twin of lab/world/world-fault.c and fault-host.c. */
#include "core/base/units.h"
#include "sim/internal.h"
#include "sim/management.h"
#include "sim/profile.h"

void
ts_sim_tell_fault (TsWorld *world, const char *id, const char *fault, const char *target, const char *mode)
{
  TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "fault");
  ts_record_text (record, "id", id);
  ts_record_text (record, "fault", fault);
  ts_record_text (record, "target", target);
  ts_sim_report (world, ts_record_text (record, "mode", mode));
}

void
ts_sim_tell_evidence (TsWorld *world, const char *id, const char *fault, const char *target,
               const char *what, guint64 count)
{
  TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "evidence");
  ts_record_text (record, "id", id);
  ts_record_text (record, "fault", fault);
  ts_record_text (record, "target", target);
  ts_record_text (record, "what", what);
  ts_sim_report (world, ts_record_int (record, "count", (gint64)count));
}

static void
done (TsWorld *world, const TsOrder *order)
{
  ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "done", "");
}

/* --- links ------------------------------------------------------------------------------------- */

typedef struct { /* a fault that has begun; its evidence is told when it is healed, or at the end */
  char *id;
  guint link;
  TsLinkMode mode;
  guint64 dropped_before, bytes_before;
  gboolean told;
} Fault;

void
ts_sim_fault_free (gpointer data)
{
  Fault *fault = data;
  g_free (fault->id);
  g_free (fault);
}

/* --- for the other files ---------------------------------------------------------------------- */

static guint64
swallowed (TsWorld *world, guint link)
{
  TsSimLink *l = g_ptr_array_index (world->links, link);
  guint64 count = 0;
  for (guint d = 0; d < 2; d++)
    count += ts_sim_link_shaper (l, d)->counters.dropped_blackhole +
             ts_sim_link_shaper (l, d)->counters.resets;
  return count;
}

static void
tell_link_evidence (TsWorld *world, guint link)
{
  for (guint i = 0; i < world->faults->len; i++) {
    Fault *fault = g_ptr_array_index (world->faults, i);
    if (fault->told || fault->link != link)
      continue;
    fault->told = TRUE;
    ts_sim_tell_evidence (world, fault->id, "link", ts_topology_link (world->topology, link)->name,
                   fault->mode == TS_LINK_RESET ? "packets answered by a reset" : "packets swallowed",
                          swallowed (world, link) - fault->dropped_before);
  }
}

static void
set_link (TsWorld *world, const TsOrder *order)
{
  guint link = (guint)order->link;
  const char *name = ts_topology_link (world->topology, link)->name;
  tell_link_evidence (world, link); /* of the fault that this one ends */
  if (order->link_mode != TS_LINK_UP) {
    Fault *fault = g_new0 (Fault, 1);
    fault->id = g_strdup (order->step);
    fault->link = link;
    fault->mode = order->link_mode;
    fault->dropped_before = swallowed (world, link);
    g_ptr_array_add (world->faults, fault);
  }
  ts_sim_link_set_mode (g_ptr_array_index (world->links, link), order->link_mode);
  ts_sim_tell_fault (world, order->step, "link", name, ts_link_mode_name (order->link_mode));
  ts_sim_report_step (world, order->step, "link", "done", "");
}

void
ts_sim_fault_finish (TsWorld *world)
{
  for (guint i = 0; i < world->links->len; i++)
    tell_link_evidence (world, i);
}

/* --- sites, processes --------------------------------------------------------------------------- */

static void
site_down (TsWorld *world, const TsOrder *order)
{
  guint died = 0;
  const char *name = ts_topology_site (world->topology, (guint)order->site)->name;
  ts_sim_tell_fault (world, order->step, "site_down", name, "power");
  for (guint i = 0; i < world->hosts->len; i++) {
    TsSimHost *host = ts_sim_host (world, i);
    if (host->spec->site == (guint)order->site)
      died += ts_sim_host_power_loss (host);
  }
  if (world->management)
    ts_sim_management_site_power (world->management, (guint)order->site, FALSE);
  ts_sim_tell_evidence (world, order->step, "site_down", name, "hosts and machines gone", died);
  ts_sim_report_step (world, order->step, "site_down", "done", "");
}

static void
site_up (TsWorld *world, const TsOrder *order)
{
  const char *name = ts_topology_site (world->topology, (guint)order->site)->name;
  ts_sim_tell_fault (world, order->step, "site_down", name, "up");
  for (guint i = 0; i < world->hosts->len; i++) {
    TsSimHost *host = ts_sim_host (world, i);
    if (host->spec->site == (guint)order->site)
      ts_sim_host_power_on (host);
  }
  if (world->management)
    ts_sim_management_site_power (world->management, (guint)order->site, TRUE);
  ts_sim_report_step (world, order->step, "site_up", "done", "");
}

/* A process of the management dies, or comes back. */
static void
set_process (TsWorld *world, const TsOrder *order)
{
  TsSimManagement *m = world->management;
  const char *verb = ts_verb_name (order->verb);
  TsSimVmm *vmm = order->vmm > 0 ? m->vmms->pdata[order->vmm - 1] : NULL;
  const char *name = vmm ? ((TsVmmSpec *)m->spec->vmms->pdata[order->vmm - 1])->name : "vault";
  gboolean down = order->verb == TS_DO_VAULT_DOWN || order->verb == TS_DO_VMM_DOWN;
  const char *fault = vmm ? "vmm_down" : "vault_down";
  ts_sim_tell_fault (world, order->step, fault, name, down ? "killed" : "up");
  if (down)
    ts_sim_tell_evidence (world, order->step, fault, name, "processes gone",
                   vmm ? ts_sim_vmm_kill (vmm, FALSE) : ts_sim_vault_kill (m->vault, FALSE));
  else if (vmm)
    ts_sim_vmm_start (vmm);
  else
    ts_sim_vault_start (m->vault);
  ts_sim_report_step (world, order->step, verb, "done", "");
}

/* --- one host ---------------------------------------------------------------------------------- */

static void
host_crash (TsWorld *world, TsSimHost *host, const TsOrder *order)
{
  ts_sim_tell_fault (world, order->step, "host_crash", host->spec->name, "power");
  guint died = ts_sim_host_power_loss (host);
  ts_sim_tell_evidence (world, order->step, "host_crash", host->spec->name,
                        "hosts and machines gone", died);
  done (world, order);
}

static void
host_up (TsWorld *world, TsSimHost *host, const TsOrder *order)
{
  ts_sim_tell_fault (world, order->step, "host_crash", host->spec->name, "up");
  ts_sim_host_power_on (host);
  done (world, order);
}

static void
disk_full (TsWorld *world, TsSimHost *host, const TsOrder *order)
{
  gboolean full = order->verb == TS_DO_DISK_FULL;
  ts_sim_tell_fault (world, order->step, "disk_full", host->spec->name, full ? "full" : "up");
  host->full = full;
  if (full)
    ts_sim_tell_evidence (world, order->step, "disk_full", host->spec->name, "file systems filled",
                          1);
  done (world, order);
}

static void
corrupt_log (TsWorld *world, TsSimHost *host, const TsOrder *order)
{
  TsSimVm *vm = ts_sim_vm (world, (guint)order->vm);
  TsSimRelation *rel = ts_sim_host_relation (host, vm);
  gboolean sends = rel && rel->sender, order_only = order->log_fault == TS_LOG_ORDER;
  if (!rel || (order_only && !sends) || !ts_sim_spool_corrupt (rel->spool, sends, order->log_fault)) {
    ts_sim_report_step (world, order->step, "corrupt_log", "failed",
                        order_only ? "no log of it waits on this host to be sent"
                                   : "no log of it waits on this host");
    return;
  }
  ts_sim_tell_fault (world, order->step, "corrupt_log", vm->spec->name, host->spec->name);
  ts_sim_tell_evidence (world, order->step, "corrupt_log", vm->spec->name,
                        order_only ? "logs out of sequence" : "bytes changed", 1);
  done (world, order);
}

/* --- a graceful reboot ------------------------------------------------------------------------ */

typedef struct {
  TsSimHost *host;
  char *step;
  gboolean *was_on; /* by VM, at home */
} Reboot;

static void
reboot_free (gpointer data)
{
  Reboot *reboot = data;
  g_free (reboot->step);
  g_free (reboot->was_on);
  g_free (reboot);
}

static void
up_again (gpointer user, gpointer data)
{
  TsWorld *world = user;
  Reboot *reboot = data;
  reboot->host->stopping = FALSE;
  ts_sim_host_power_on (reboot->host);
  ts_sim_tell_fault (world, reboot->step, "host_reboot", reboot->host->spec->name, "up");
  ts_sim_report_step (world, reboot->step, "host_reboot", "done", "");
}

static Reboot *
again (const Reboot *reboot)
{
  Reboot *copy = g_memdup2 (reboot, sizeof *reboot);
  copy->step = g_strdup (reboot->step);
  copy->was_on = g_memdup2 (reboot->was_on, reboot->host->world->vms->len * sizeof (gboolean));
  return copy;
}

/* Its machines are off. */
static void
machines_off (gpointer user, gpointer data)
{
  TsWorld *world = user;
  Reboot *reboot = data;
  ts_sim_host_stop (reboot->host, reboot->was_on);
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + TS_SIM_REBOOT_US, up_again, world,
                   again (reboot), reboot_free);
}

static void
host_reboot (TsWorld *world, TsSimHost *host, const TsOrder *order)
{
  if (!host->up || host->stopping) {
    ts_sim_report_step (world, order->step, "host_reboot", "failed", "the host does not run");
    return;
  }
  guint count = 0;
  Reboot *reboot = g_new0 (Reboot, 1);
  reboot->host = host;
  reboot->step = g_strdup (order->step);
  reboot->was_on = g_new0 (gboolean, world->vms->len);
  ts_sim_tell_fault (world, order->step, "host_reboot", host->spec->name, "reboot");
  host->stopping = TRUE;
  for (guint i = 0; i < world->vms->len; i++) {
    TsSimVm *vm = ts_sim_vm (world, i);
    TsSimMachine *machines[] = {vm->source, vm->copy, vm->test};
    for (guint m = 0; m < G_N_ELEMENTS (machines); m++) {
      if (!machines[m] || !machines[m]->on || machines[m]->host != host)
        continue;
      reboot->was_on[i] |= machines[m] == vm->source;
      ts_sim_machine_shut_down (machines[m]);
      count++;
    }
  }
  ts_sim_tell_evidence (world, order->step, "host_reboot", host->spec->name,
                        "hosts and machines shut down", count + 1);
  ts_sim_clock_at (world->clock,
                   ts_sim_now_us (world) + world->topology->profile.shutdown_us + TS_MS,
                   machines_off, world, reboot, reboot_free);
}

gboolean
ts_sim_fault (TsWorld *world, const TsOrder *order)
{
  TsSimHost *host = order->host >= 0 ? ts_sim_host (world, (guint)order->host) : NULL;
  switch ((int)order->verb) {
  case TS_DO_LINK:
    set_link (world, order);
    return TRUE;
  case TS_DO_SITE_DOWN:
    site_down (world, order);
    return TRUE;
  case TS_DO_SITE_UP:
    site_up (world, order);
    return TRUE;
  case TS_DO_VAULT_DOWN:
  case TS_DO_VAULT_UP:
  case TS_DO_VMM_DOWN:
  case TS_DO_VMM_UP:
    set_process (world, order);
    return TRUE;
  case TS_DO_HOST_CRASH:
    host_crash (world, host, order);
    return TRUE;
  case TS_DO_HOST_UP:
    host_up (world, host, order);
    return TRUE;
  case TS_DO_HOST_REBOOT:
    host_reboot (world, host, order);
    return TRUE;
  case TS_DO_DISK_FULL:
  case TS_DO_DISK_FREE:
    disk_full (world, host, order);
    return TRUE;
  case TS_DO_CORRUPT_LOG:
    corrupt_log (world, host, order);
    return TRUE;
  default:
    return FALSE;
  }
}

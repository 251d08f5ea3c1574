/* sim/fault.c -- what fate does to one host: crash, graceful reboot, a full disk, a damaged log.
 *
 * Twin of lab/world/world-fault.c.  Links and sites are world.c's. */
#include "core/base/units.h"
#include "sim/internal.h"
#include "sim/profile.h"

static void
done (TsWorld *world, const TsOrder *order)
{
  ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "done", "");
}

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
  if (!rel || !ts_sim_spool_corrupt (rel->spool, rel->sender != NULL)) {
    ts_sim_report_step (world, order->step, "corrupt_log", "failed",
                      "no log of it waits on this host");
    return;
  }
  ts_sim_tell_fault (world, order->step, "corrupt_log", vm->spec->name, host->spec->name);
  ts_sim_tell_evidence (world, order->step, "corrupt_log", vm->spec->name, "bytes changed", 1);
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

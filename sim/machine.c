/* sim/machine.c -- one copy of a VM on one host: off, booting, ready.  Twin of lab/machine/machine.c. */
#include "core/base/error.h"
#include "core/format/stamp.h"
#include "sim/internal.h"
#include "sim/profile.h"

static void
fill_disk (TsSimDisk *disk, guint index, guint64 fill_bytes, guint64 seed)
{
  TsDisk *ops = ts_sim_disk_ops (disk);
  guint8 block[TS_STAMP_BLOCK];
  for (guint64 at = 0; at < fill_bytes; at += TS_STAMP_BLOCK) {
    TsStamp stamp = {.disk = (guint16)index,
                     .kind = TS_STAMP_FILL,
                     .sequence = at / TS_STAMP_BLOCK + 1,
                     .offset = at,
                     .length = TS_STAMP_BLOCK};
    ts_stamp_lay (block, &stamp, seed);
    ops->ops->write (ops, at, block, sizeof block, NULL);
  }
  ops->ops->flush (ops, NULL);
}

TsSimMachine *
ts_sim_machine_new (TsSimVm *vm, TsSimHost *host, GPtrArray *disks)
{
  TsSimMachine *machine = g_new0 (TsSimMachine, 1);
  machine->vm = vm;
  machine->host = host;
  machine->workload = ts_topology_workload_of (vm->world->topology, vm->index);
  machine->is_copy = disks != NULL;
  if (disks) {
    machine->disks = g_ptr_array_ref (disks);
    return machine;
  }
  machine->owned = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  machine->disks = g_ptr_array_ref (machine->owned);
  for (guint i = 0; i < vm->spec->disks->len; i++) {
    const TsDiskSpec *spec = ts_vm_spec_disk (vm->spec, i);
    guint64 seed = vm->world->topology->seed;
    TsSimDisk *disk = ts_sim_disk_new (spec->size_bytes, seed);
    if (vm->world->bytes)
      fill_disk (disk, i, spec->fill_bytes, seed);
    else
      ts_sim_disk_fill (disk, i, spec->fill_bytes / TS_SIM_PAGE_BYTES);
    g_ptr_array_add (machine->owned, disk);
  }
  return machine;
}

void
ts_sim_machine_free (TsSimMachine *machine)
{
  if (!machine)
    return;
  g_ptr_array_unref (machine->disks);
  g_clear_pointer (&machine->owned, g_ptr_array_unref);
  g_free (machine);
}

static void
report (TsSimMachine *machine, TsRecord *record)
{
  ts_record_text (record, "vm", machine->vm->spec->name);
  ts_record_text (record, "host", machine->host->spec->name);
}

static void
report_power (TsSimMachine *machine, const char *why)
{
  TsWorld *world = machine->vm->world;
  ts_sim_touch (machine->vm);
  if (machine->is_test) { /* its relation tells of it, as long as it has power itself */
    if (!machine->host->up)
      ts_sim_report (world, ts_sim_test_record (machine, "lost"));
    return;
  }
  TsRecord *record = ts_record_new (ts_sim_now_us (world), machine->host->spec->name, "power");
  report (machine, record);
  ts_record_bool (record, "on", machine->on);
  ts_sim_report (world, ts_record_text (record, "why", why));
  TsSimRelation *relation = ts_sim_host_relation (machine->host, machine->vm);
  if (relation && machine->host->up) /* without power it hears nothing */
    ts_sim_relation_machine (relation, machine->on);
}

typedef struct {
  guint64 life;
} Life;

static Life *
life_of (const TsSimMachine *machine)
{
  Life *life = g_new (Life, 1);
  life->life = machine->life;
  return life;
}

static void
booted (gpointer user, gpointer data)
{
  TsSimMachine *machine = user;
  if (((Life *)data)->life != machine->life)
    return;
  machine->ready = TRUE;
  ts_sim_touch (machine->vm);
  TsWorld *world = machine->vm->world;
  if (machine->is_test)
    ts_sim_report (world, ts_sim_test_record (machine, "serving"));
  else {
    TsRecord *record = ts_record_new (ts_sim_now_us (world), machine->host->spec->name, "guest");
    report (machine, record);
    ts_sim_report (world, ts_record_text (record, "phase", "ready"));
  }
  if (machine->is_copy)
    ts_sim_workload_survey (machine);
}

void
ts_sim_machine_power_on (TsSimMachine *machine, const char *why)
{
  ts_sim_watch_source (machine);
  machine->off_disks = NULL;
  machine->on = machine->defined = TRUE;
  machine->ready = machine->frozen = FALSE;
  ts_sim_probes_silent (machine);
  machine->life++;
  report_power (machine, why);
  TsWorld *world = machine->vm->world;
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + world->topology->profile.boot_us, booted,
                   machine, life_of (machine), g_free);
}

void
ts_sim_machine_resume (TsSimMachine *machine, const char *why)
{
  machine->on = machine->defined = TRUE;
  machine->life++;
  report_power (machine, why);
}

static void
switched_off (gpointer user, gpointer data)
{
  TsSimMachine *machine = user;
  if (((Life *)data)->life != machine->life)
    return;
  for (guint i = 0; i < machine->disks->len; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (machine->disks, i));
    disk->ops->flush (disk, NULL);
  }
  machine->on = machine->ready = FALSE;
  ts_sim_probes_silent (machine);
  machine->life++;
  ts_sim_watch_off (machine);
  report_power (machine, "shutdown");
}

void
ts_sim_machine_shut_down (TsSimMachine *machine)
{
  TsWorld *world = machine->vm->world;
  ts_sim_workload_stop (machine);
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + world->topology->profile.shutdown_us,
                   switched_off, machine, life_of (machine), g_free);
}

void
ts_sim_machine_turn_off (TsSimMachine *machine, const char *why)
{
  if (!machine->on)
    return;
  machine->on = machine->ready = machine->working = machine->held = FALSE;
  ts_sim_probes_silent (machine);
  machine->life++;
  ts_sim_watch_off (machine);
  report_power (machine, why);
}

void
ts_sim_machine_power_loss (TsSimMachine *machine, TsRandom *random)
{
  if (machine->owned)
    for (guint i = 0; i < machine->owned->len; i++)
      ts_sim_disk_power_loss (g_ptr_array_index (machine->owned, i), random);
  ts_sim_machine_turn_off (machine, "power lost");
  machine->defined = FALSE;
}

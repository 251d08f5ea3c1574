/* sim/order.c -- operations on a VM, and what else is asked of its machines.
 *
 * Twin of lab/world/world-order.c.  What an operation asks of whom, and when it has ended, is
 * core/vault/operation.h's; here it is given, and heard. */
#include "core/disk/compare.h"
#include "core/relation/extend.h"
#include "sim/internal.h"
#include "sim/move.h"
#include "sim/profile.h"

/* --- operations on a VM ----------------------------------------------------------------------- */

static void
give (TsSimVm *vm, const TsSideOrder *order)
{
  TsWorld *world = vm->world;
  TsSimHost *host = ts_sim_host (world, order->side == TS_ROLE_PRIMARY ? vm->primary : vm->replica);
  TsOperation *operation = vm->operation;
  ts_operation_given (operation);
  if (!host->up) {
    ts_operation_fail (operation, "the host does not answer");
    return;
  }
  if (order->shut_down) {
    if (vm->source->on) {
      ts_sim_machine_shut_down (vm->source);
      return;
    } /* who waits for it hears what he waits for */
    TsRecord *record = ts_record_new (ts_sim_now_us (world), host->spec->name, "power");
    ts_record_text (ts_record_text (record, "vm", vm->spec->name), "host", host->spec->name);
    ts_record_bool (record, "on", FALSE);
    ts_sim_report (world, ts_record_text (record, "why", "shutdown"));
    return;
  }
  TsSimRelation *rel = ts_sim_host_relation (host, vm);
  if (order->ask == TS_ASK_MOVE) {
    g_autofree char *why = ts_sim_move_why_not (host, vm, order->host);
    if (why) {
      ts_operation_refuse (operation, why);
      return;
    }
    if (!rel) { /* a machine that is not replicated */
      ts_sim_move_begin (host, vm, order->host);
      return;
    }
  }
  gboolean is_side = rel && (order->side == TS_ROLE_PRIMARY ? rel->sender != NULL
                                                            : rel->receiver != NULL);
  if (!rel || (!is_side && order->ask != TS_ASK_REVERSE)) { /* HVR 3.4, known failures */
    g_autofree char *why = g_strdup_printf ("'%s' is not applicable on virtual machine '%s'",
                                            ts_ask_name (order->ask), vm->spec->name);
    ts_operation_refuse (operation, why);
    return;
  }
  ts_sim_relation_ask (rel, order);
}

/* Gives every order that is due; ends the operation when it has ended. */
void
ts_sim_operation_go_on (TsSimVm *vm)
{
  while (vm->operation) {
    TsSideOrder order;
    switch (ts_operation_phase (vm->operation, &order)) {
    case TS_OPERATION_WAITING:
      return;
    case TS_OPERATION_ORDER:
      give (vm, &order);
      break;
    case TS_OPERATION_DONE:
    case TS_OPERATION_FAILED: {
      g_autoptr (TsOperation) operation = g_steal_pointer (&vm->operation);
      gboolean refused;
      const char *reason = ts_operation_reason (operation, &refused);
      ts_sim_report_step (vm->world, ts_operation_step_id (operation), ts_operation_verb (operation),
                   *reason == '\0' ? "done"
                   : refused       ? "refused"
                                   : "failed",
                   reason);
      return;
    }
    }
  }
}

/* Until the copy's side says so, the source's is not asked to give up its part. */
static gboolean
failed_over (const TsSimVm *vm)
{
  const TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (vm->world, vm->replica), vm);
  TsState state = rel ? ts_sim_relation_state (rel) : TS_STATE_DISABLED;
  return state == TS_STATE_RECOVERED || state == TS_STATE_COMMITTED;
}

/* Which sides have something to cancel; the replica's word decides when neither has. */
static TsSides
sides_to_cancel (const TsSimVm *vm)
{
  const TsSimRelation *from = ts_sim_host_relation (ts_sim_host (vm->world, vm->primary), vm);
  const TsSimRelation *to = ts_sim_host_relation (ts_sim_host (vm->world, vm->replica), vm);
  guint sides = 0;
  if (from && ts_sim_relation_state (from) == TS_STATE_PREPARED)
    sides |= TS_SIDES_PRIMARY;
  if (to && ts_sim_relation_state (to) == TS_STATE_RECOVERED)
    sides |= TS_SIDES_REPLICA;
  return sides ? (TsSides)sides : TS_SIDES_REPLICA;
}

static TsSides
side_of_host (const TsSimVm *vm, gint host)
{
  if (host < 0)
    return failed_over (vm) ? TS_SIDES_REPLICA : TS_SIDES_PRIMARY;
  return (guint)host == vm->replica ? TS_SIDES_REPLICA : TS_SIDES_PRIMARY;
}

/* The side that is in the site of that host; of two the primary. */
static TsSides
side_to_move (const TsSimVm *vm, guint host)
{
  const TsWorld *world = vm->world;
  guint site = ts_sim_host (world, host)->spec->site;
  gboolean of_primary = vm->replica == G_MAXUINT ||
                        ts_sim_host (world, vm->primary)->spec->site == site ||
                        ts_sim_host (world, vm->replica)->spec->site != site;
  return of_primary ? TS_SIDES_PRIMARY : TS_SIDES_REPLICA;
}

/* The medium to the replica's host, for an import. */
static gboolean
carry (TsWorld *world, TsSimVm *vm, const TsOrder *order)
{
  TsSimVm *of = order->medium_of < 0 ? vm : ts_sim_vm (world, (guint)order->medium_of);
  if (!ts_sim_initial_carry (vm, of, order->damaged)) {
    ts_sim_report_step (world, order->step, "import", "failed",
                        "there is nothing on the medium that could be damaged");
    return FALSE;
  }
  if (order->damaged) {
    ts_sim_tell_fault (world, order->step, "damaged_medium", vm->spec->name, "import");
    ts_sim_tell_evidence (world, order->step, "damaged_medium", vm->spec->name, "bytes changed", 1);
  }
  return TRUE;
}

void
ts_sim_operation_begin (TsSimVm *vm, const TsOrder *wanted)
{
  TsWorld *world = vm->world;
  TsOrder filled = *wanted, *order = &filled;
  if (order->verb == TS_DO_CANCEL_FAILOVER && vm->operation &&
      ts_operation_may_cancel (vm->operation)) {
    order->sides = TS_SIDES_PRIMARY;
    ts_operation_fail (vm->operation, "it was cancelled");
    ts_sim_operation_go_on (vm);
  }
  if (vm->operation) {
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                 "another operation is in progress");
    return;
  }
  if (order->verb == TS_DO_PROTECT) {
    if (ts_sim_host_relation (ts_sim_host (world, vm->primary), vm)) {
      ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                   "the virtual machine is protected already");
      return;
    }
    const TsPolicySpec *policy = ts_topology_policy (world->topology, (guint)order->policy);
    g_autofree char *why = vm->base ? ts_sim_extend (vm, &policy->policy) : NULL;
    if (why) {
      ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused", why);
      return;
    }
    vm->replica = (guint)order->host;
    vm->policy = &policy->policy;
    ts_sim_relation_new_sender (ts_sim_host (world, vm->primary), vm, &policy->policy);
    if (vm->base) {
      ts_sim_extended_tell (vm, TRUE);
      TsRecord *of = ts_record_new (ts_sim_now_us (world), "sim", "extends");
      ts_record_text (of, "vm", vm->spec->name);
      ts_sim_report (world, ts_record_text (of, "of", vm->base->spec->name));
    }
    TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "policy");
    ts_record_text (record, "vm", vm->spec->name);
    ts_record_text (record, "policy", policy->name);
    ts_record_int (record, "frequency_us", policy->policy.frequency_us);
    ts_record_int (record, "recovery_points", policy->policy.recovery_points);
    ts_record_int (record, "app_consistent_us", policy->policy.app_consistent_us);
    ts_sim_report (world,
                   ts_record_int (record, "interval_us", ts_policy_interval_us (&policy->policy)));
  } else if (vm->replica == G_MAXUINT && order->verb != TS_DO_MOVE) {
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                 "the virtual machine is not protected");
    return;
  }
  if (order->verb == TS_DO_REPLICATE_DISKS && (order->disks & vm->detached)) {
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                 "a disk of them is not attached");
    return;
  }
  if (vm->base && ts_extend_order_refusal (order)) {
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                        ts_extend_order_refusal (order));
    return;
  }
  if (order->verb == TS_DO_REVERSE && !failed_over (vm)) {
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                 "the virtual machine has not failed over");
    return;
  }
  if (order->verb == TS_DO_CANCEL_FAILOVER && order->sides == TS_SIDES_DEFAULT)
    order->sides = sides_to_cancel (vm);
  else if (order->verb == TS_DO_POWER_ON) {
    order->sides = side_of_host (vm, order->host);
    vm->forced |= order->sides == TS_SIDES_PRIMARY ? vm->copy && vm->copy->on : vm->source->on;
  }
  else if (order->verb == TS_DO_MOVE && order->sides == TS_SIDES_DEFAULT)
    order->sides = side_to_move (vm, (guint)order->host);
  else if (order->verb == TS_DO_IMPORT && !carry (world, vm, order))
    return;
  const char *replica = vm->replica == G_MAXUINT ? "" : ts_sim_host (world, vm->replica)->spec->name;
  if (order->verb == TS_DO_FAILOVER) {
    vm->forced = !order->planned && (vm->source->on || (vm->base && ts_sim_vm_runs (vm->base, NULL)));
    g_autofree char *source = g_strdup_printf ("%s@%s", vm->spec->name, replica);
    TsRecord *record = ts_record_new (ts_sim_now_us (world), source, "failover");
    ts_record_text (record, "vm", vm->spec->name);
    ts_record_text (record, "host", replica);
    ts_record_bool (record, "planned", order->planned);
    ts_sim_report (world, ts_record_text (record, "phase", "commanded"));
  }
  vm->operation = ts_operation_new (order, vm->spec->name,
                                    ts_sim_host (world, vm->primary)->spec->name, replica);
}

/* --- other orders ----------------------------------------------------------------------------- */

TsSimMachine *
ts_sim_running (TsSimVm *vm)
{
  return vm->copy && vm->copy->on ? vm->copy : vm->source;
}

static void
compare (TsSimVm *vm, const TsOrder *order)
{
  TsWorld *world = vm->world;
  TsSimRelation *replica =
      vm->replica == G_MAXUINT ? NULL : ts_sim_host_relation (ts_sim_host (world, vm->replica), vm);
  if (!replica || !replica->disks) {
    ts_sim_report_step (world, order->step, "compare", "failed", "there is no replica to compare with");
    return;
  }
  guint32 blank = replica->receiver ? ts_sim_relation_blank (replica) : 0;
  for (guint i = 0; i < vm->source->disks->len; i++) {
    if (blank >> i & 1)
      continue;
    TsSimDisk *disk = g_ptr_array_index (vm->source->disks, i);
    if (ts_sim_disk_ops (disk)->size_bytes !=
        ts_sim_disk_ops (g_ptr_array_index (replica->disks, i))->size_bytes) {
      ts_sim_report_step (world, order->step, "compare", "failed", "the disks have different sizes");
      return;
    }
    guint64 differing = ts_sim_disk_differing_bytes (disk, g_ptr_array_index (replica->disks, i));
    TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "compare");
    ts_record_text (record, "vm", vm->spec->name);
    ts_record_text (record, "disk", ts_vm_spec_disk (vm->spec, i)->name);
    ts_record_bool (record, "identical", differing == 0);
    ts_record_int (record, "differing_bytes", (gint64)differing);
    ts_sim_report (world,
                   ts_record_int (record, "bytes", (gint64)ts_sim_disk_ops (disk)->size_bytes));
  }
  ts_sim_report_step (world, order->step, "compare", "done", "");
}

static void
attach_disk (TsSimVm *vm, const TsOrder *order)
{
  TsWorld *world = vm->world;
  TsSimMachine *machine = ts_sim_running (vm);
  const char *name = ts_vm_spec_disk (vm->spec, order->disk)->name;
  if (!machine->on || !(vm->detached >> order->disk & 1)) {
    ts_sim_report_step (world, order->step, "attach_disk", "failed",
                 machine->on ? "it is attached" : "the virtual machine does not run");
    return;
  }
  vm->detached &= ~(1u << order->disk);
  TsRecord *record = ts_record_new (ts_sim_now_us (world), machine->host->spec->name, "attached");
  ts_record_text (record, "vm", vm->spec->name);
  ts_record_text (record, "host", machine->host->spec->name);
  ts_sim_report (world, ts_record_text (record, "disk", name));
  ts_sim_report_step (world, order->step, "attach_disk", "done", "");
}

static void
done (TsSimVm *vm, const TsOrder *order)
{
  ts_sim_report_step (vm->world, order->step, ts_verb_name (order->verb), "done", "");
}

gboolean
ts_sim_machine_order (TsSimVm *vm, const TsOrder *order)
{
  switch ((int)order->verb) {
  case TS_DO_WORKLOAD_START:
    ts_sim_workload_start (ts_sim_running (vm));
    done (vm, order);
    return TRUE;
  case TS_DO_WORKLOAD_STOP:
    ts_sim_workload_stop (ts_sim_running (vm));
    done (vm, order);
    return TRUE;
  case TS_DO_COMPARE:
    compare (vm, order);
    return TRUE;
  case TS_DO_ATTACH_DISK:
    attach_disk (vm, order);
    return TRUE;
  case TS_DO_EDIT_DISK:
  case TS_DO_KEEP_DISKS:
  case TS_DO_RESTORE_DISKS:
    ts_sim_edit (vm, order);
    return TRUE;
  default:
    return FALSE;
  }
}

/* lab/world/world-order.c -- what is asked of the lab: operations on a VM, workloads, comparing, fate. */
#include "lab/world/world-internal.h"
#include "core/base/error.h"
#include "core/relation/extend.h"
#include "core/vault/errand.h"
#include "lab/host/medium.h"
#include "lab/machine/disk.h"

void
ts_lab_world_step (TsWorld *world, const char *id, TsVerb verb, const char *phase,
                   const char *reason)
{
  TsRecord *record = ts_record_text (ts_lab_world_record (world, "step"), "id", id);
  ts_record_text (record, "verb", ts_verb_name (verb));
  ts_record_text (record, "phase", phase);
  ts_lab_world_report (world, ts_record_text (record, "reason", reason));
}

/* --- operations ------------------------------------------------------------------------------- */

typedef struct {
  TsOperation *operation;
  guint vm;
  TsVerb verb;
} Running;

void
ts_lab_running_free (gpointer data)
{
  Running *running = data;
  ts_operation_free (running->operation);
  g_free (running);
}

/* Tells a host with whom and how it is to replicate the VM. */
static gboolean
relate (TsWorld *world, guint vm, guint host, guint peer, GError **error)
{
  const TsPolicy *policy =
      &ts_topology_policy (world->topology, (guint)world->vms[vm].policy)->policy;
  return ts_lab_seat_order (
      world->seats->pdata[host], "relate",
      g_variant_new ("(ss@" TS_POLICY_TYPE ")", ts_topology_vm (world->topology, vm)->name,
                     ts_topology_host (world->topology, peer)->name, ts_policy_pack (policy)),
      error);
}

static gboolean
give (TsWorld *world, const Running *running, const TsSideOrder *order, GError **error)
{
  const TsLabVmView *view = &world->vms[running->vm];
  const char *vm = ts_topology_vm (world->topology, running->vm)->name;
  guint host = order->side == TS_ROLE_PRIMARY ? view->primary : (guint)view->replica;
  TsLabSeat *seat = world->seats->pdata[host];
  if (order->ask == TS_ASK_REVERSE && order->side == TS_ROLE_REPLICA &&
      !relate (world, running->vm, host, view->primary, error))
    return FALSE;
  if (!order->shut_down && (order->ask == TS_ASK_RESIZE || order->ask == TS_ASK_UPDATE_DISKS))
    return ts_lab_seat_order (seat, "disks",
                              g_variant_new ("(suuuut)", vm, (guint32)order->side,
                                             (guint32)order->ask, order->disks.replicated,
                                             order->disks.disk, order->disks.size_bytes),
                              error);
  if (!order->shut_down && order->ask == TS_ASK_MOVE)
    return ts_lab_seat_order (seat, "move",
                              g_variant_new ("(sus)", vm, (guint32)order->side,
                                             ts_topology_host (world->topology, order->host)->name),
                              error);
  if (!order->shut_down)
    return ts_lab_seat_order (seat, "ask",
                              g_variant_new ("(suubuxux)", vm, (guint32)order->side,
                                             (guint32)order->ask, order->planned,
                                             (guint32)order->point.how, order->point.number,
                                             (guint32)order->initial.method,
                                             order->initial.in_us),
                              error);
  TsLabGuest *guest = ts_lab_guest_at (world, running->vm, host);
  if (!ts_lab_seat_order (seat, "shut-down", g_variant_new ("(s)", vm), error))
    return FALSE;
  if (guest && guest->channel) {
    ts_lab_guest_stop_work (guest);
    ts_guest_channel_say (guest->channel, "Q");
  }
  return TRUE;
}

/* Gives every order that is due.  TRUE: the operation has ended, and that has been told. */
static gboolean
go_on (TsWorld *world, Running *running)
{
  TsSideOrder order;
  for (;;) {
    switch (ts_operation_phase (running->operation, &order)) {
    case TS_OPERATION_WAITING:
      return FALSE;
    case TS_OPERATION_ORDER: {
      g_autoptr (GError) error = NULL;
      ts_operation_given (running->operation);
      if (!give (world, running, &order, &error))
        ts_operation_fail (running->operation, error->message);
      break;
    }
    case TS_OPERATION_DONE:
    case TS_OPERATION_FAILED: {
      gboolean refused;
      const char *reason = ts_operation_reason (running->operation, &refused);
      const char *phase = !*reason ? "done" : refused ? "refused" : "failed";
      ts_lab_world_step (world, ts_operation_step_id (running->operation), running->verb, phase,
                         reason);
      return TRUE;
    }
    }
  }
}

/* Giving an order makes records, which come back here: those are heard, and acted upon by the call
 * that is under way. */
static void
go_on_all (TsWorld *world)
{
  if (world->going_on)
    return;
  world->going_on = TRUE;
  for (guint i = 0; i < world->operations->len;)
    if (go_on (world, world->operations->pdata[i])) {
      g_ptr_array_remove_index (world->operations, i);
      i = 0;
    } else
      i++;
  world->going_on = FALSE;
}

void
ts_lab_operations_hear (TsWorld *world, const TsRecord *record)
{
  if (world->operations->len == 0 || g_str_equal (record->kind, "step"))
    return;
  for (guint i = 0; i < world->operations->len; i++)
    ts_operation_hear (((Running *)world->operations->pdata[i])->operation, record);
  go_on_all (world);
}

void
ts_lab_operations_fail (TsWorld *world, const char *reason)
{
  for (guint i = 0; i < world->operations->len; i++)
    ts_operation_fail (((Running *)world->operations->pdata[i])->operation, reason);
  go_on_all (world);
}

void
ts_lab_operations_host_lost (TsWorld *world, const char *host)
{
  for (guint i = 0; i < world->operations->len; i++)
    ts_operation_host_lost (((Running *)world->operations->pdata[i])->operation, host);
  go_on_all (world);
}

static void
report_policy (TsWorld *world, guint vm, const TsPolicySpec *policy)
{
  TsRecord *record = ts_lab_world_record (world, "policy");
  ts_record_text (record, "vm", ts_topology_vm (world->topology, vm)->name);
  ts_record_text (record, "policy", policy->name);
  ts_record_int (record, "frequency_us", policy->policy.frequency_us);
  ts_record_int (record, "recovery_points", policy->policy.recovery_points);
  ts_record_int (record, "app_consistent_us", policy->policy.app_consistent_us);
  ts_lab_world_report (
      world, ts_record_int (record, "interval_us", ts_policy_interval_us (&policy->policy)));
}

static void
report_commanded (TsWorld *world, guint vm, gboolean planned)
{
  TsLabVmView *view = &world->vms[vm];
  const char *name = ts_topology_vm (world->topology, vm)->name;
  const char *host = ts_topology_host (world->topology, (guint)view->replica)->name;
  g_autofree char *source = g_strdup_printf ("%s@%s", name, host);
  view->planned = planned;
  TsRecord *record = ts_record_new (ts_lab_world_now_us (world), source, "failover");
  ts_record_text (ts_record_text (record, "vm", name), "host", host);
  ts_record_bool (record, "planned", planned);
  ts_lab_world_report (world, ts_record_text (record, "phase", "commanded"));
}

/* Why it cannot even begin; NULL: it can. */
static const char *
no_operation (TsWorld *world, const TsOrder *order)
{
  const TsLabVmView *view = &world->vms[order->vm];
  for (guint i = 0; i < world->operations->len; i++)
    if (((const Running *)world->operations->pdata[i])->vm == (guint)order->vm)
      return "another operation is in progress";
  if (order->verb == TS_DO_PROTECT && view->replica >= 0 &&
      view->state[TS_ROLE_PRIMARY] != TS_STATE_DISABLED)
    return "the virtual machine is protected already";
  if (order->verb != TS_DO_PROTECT && order->verb != TS_DO_MOVE && view->replica < 0)
    return "the virtual machine is not protected";
  const TsVmSpec *vm = ts_topology_vm (world->topology, (guint)order->vm);
  if (vm->extends >= 0 && ts_extend_order_refusal (order))
    return ts_extend_order_refusal (order);
  for (guint i = 0; order->verb == TS_DO_REPLICATE_DISKS && i < vm->disks->len; i++)
    if ((order->disks >> i & 1) && !ts_vm_spec_disk (vm, i)->attached &&
        !(view->attached >> i & 1))
      return "a disk of them is not attached";
  if (order->verb == TS_DO_REVERSE && !view->failed_over)
    return "the virtual machine has not failed over";
  return NULL;
}

/* Why the VM's relation cannot extend another's, as far as the hosts have told; the host looks again.
 * NULL: it can, or is an ordinary one. */
static char *
no_extension (const TsWorld *world, guint index, const TsPolicy *policy)
{
  const TsVmSpec *vm = ts_topology_vm (world->topology, index);
  if (vm->extends < 0)
    return NULL;
  const TsLabVmView *base = &world->vms[vm->extends];
  if (base->replica != (gint)vm->host || base->state[TS_ROLE_REPLICA] == TS_STATE_DISABLED)
    return g_strdup_printf ("there is no replica of %s on %s",
                            ts_topology_vm (world->topology, (guint)vm->extends)->name,
                            ts_topology_host (world->topology, vm->host)->name);
  return ts_extend_refusal (policy,
                            &ts_topology_policy (world->topology, (guint)base->policy)->policy,
                            (TsState)base->state[TS_ROLE_REPLICA]);
}

static void
report_extends (TsWorld *world, guint index)
{
  const TsVmSpec *vm = ts_topology_vm (world->topology, index);
  if (vm->extends < 0)
    return;
  TsRecord *record = ts_record_text (ts_lab_world_record (world, "extends"), "vm", vm->name);
  ts_lab_world_report (world, ts_record_text (record, "of",
                                              ts_topology_vm (world->topology, (guint)vm->extends)->name));
}

/* Which sides have something to cancel; the replica's word decides when neither has. */
static TsSides
sides_to_cancel (const TsLabVmView *view)
{
  guint sides = 0;
  if (view->state[TS_ROLE_PRIMARY] == TS_STATE_PREPARED)
    sides |= TS_SIDES_PRIMARY;
  if (view->state[TS_ROLE_REPLICA] == TS_STATE_RECOVERED)
    sides |= TS_SIDES_REPLICA;
  return sides ? (TsSides)sides : TS_SIDES_REPLICA;
}

static TsSides
side_of_host (const TsLabVmView *view, gint host)
{
  if (host < 0)
    return view->failed_over ? TS_SIDES_REPLICA : TS_SIDES_PRIMARY;
  return host == view->replica ? TS_SIDES_REPLICA : TS_SIDES_PRIMARY;
}

/* Which side goes to a host, when nobody has said so: that which is at its site. */
static TsSides
side_to_move (const TsWorld *world, const TsLabVmView *view, guint host)
{
  guint site = ts_topology_host (world->topology, host)->site;
  gboolean of_primary = view->replica < 0 ||
                        ts_topology_host (world->topology, view->primary)->site == site ||
                        ts_topology_host (world->topology, (guint)view->replica)->site != site;
  return of_primary ? TS_SIDES_PRIMARY : TS_SIDES_REPLICA;
}

/* A planned failover that waits for the primary's last log is ended, so that it can be cancelled.
 */
static gboolean
end_preparing (TsWorld *world, guint vm)
{
  for (guint i = 0; i < world->operations->len; i++) {
    Running *running = world->operations->pdata[i];
    if (running->vm != vm || !ts_operation_may_cancel (running->operation))
      continue;
    ts_operation_fail (running->operation, "it was cancelled");
    go_on_all (world);
    return TRUE;
  }
  return FALSE;
}

static void
begin_operation (TsWorld *world, const TsOrder *wanted)
{
  TsOrder filled = *wanted, *order = &filled;
  if (order->verb == TS_DO_CANCEL_FAILOVER)
    order->sides = end_preparing (world, (guint)order->vm)
                       ? TS_SIDES_PRIMARY
                       : sides_to_cancel (&world->vms[order->vm]);
  else if (order->verb == TS_DO_POWER_ON)
    order->sides = side_of_host (&world->vms[order->vm], order->host);
  else if (order->verb == TS_DO_MOVE && order->sides == TS_SIDES_DEFAULT)
    order->sides = side_to_move (world, &world->vms[order->vm], (guint)order->host);
  const char *why_not = no_operation (world, order);
  if (why_not) {
    ts_lab_world_step (world, order->step, order->verb, "refused", why_not);
    return;
  }
  guint vm = (guint)order->vm;
  TsLabVmView *view = &world->vms[vm];
  const char *name = ts_topology_vm (world->topology, vm)->name;
  g_autoptr (GError) error = NULL;
  const TsPolicySpec *policy =
      order->verb == TS_DO_PROTECT ? ts_topology_policy (world->topology, (guint)order->policy) : NULL;
  g_autofree char *why = policy ? no_extension (world, vm, &policy->policy) : NULL;
  if (why) {
    ts_lab_world_step (world, order->step, order->verb, "refused", why);
    return;
  }
  if (policy) {
    report_extends (world, vm);
    report_policy (world, vm, policy);
    view->policy = order->policy;
    if (!relate (world, vm, view->primary, (guint)order->host, &error)) {
      ts_lab_world_step (world, order->step, order->verb, "failed", error->message);
      return;
    }
    view->replica = order->host;
  } else if (order->verb == TS_DO_FAILOVER)
    report_commanded (world, vm, order->planned);
  Running *running = g_new0 (Running, 1);
  running->vm = vm;
  running->verb = order->verb;
  running->operation =
      ts_operation_new (order, name, ts_topology_host (world->topology, view->primary)->name,
                        view->replica < 0 ? "" : ts_topology_host (world->topology, (guint)view->replica)->name);
  g_ptr_array_add (world->operations, running);
  go_on_all (world);
}

/* --- a medium that is carried ------------------------------------------------------------------ */

typedef struct {
  TsWorld *world;
  char *step, *from, *to;
  TsOrder order;
  GError *error;
} Carriage;

static void
carry (gpointer data)
{
  Carriage *c = data;
  if (ts_lab_medium_carry (c->from, c->to, &c->error) && c->order.damaged)
    ts_lab_medium_damage (c->to, &c->error);
}

static void
carried (gpointer data)
{
  Carriage *c = data;
  if (c->error) {
    ts_lab_world_step (c->world, c->step, c->order.verb, "failed", c->error->message);
    return;
  }
  if (c->order.damaged) {
    const char *vm = ts_topology_vm (c->world->topology, (guint)c->order.vm)->name;
    ts_lab_tell_fault (c->world, c->step, "damaged_medium", vm, "import");
    ts_lab_tell_evidence (c->world, c->step, "damaged_medium", vm, "bytes changed", 1);
  }
  begin_operation (c->world, &c->order);
}

static void
carriage_free (gpointer data)
{
  Carriage *c = data;
  g_free (c->step);
  g_free (c->from);
  g_free (c->to);
  g_clear_error (&c->error);
  g_free (c);
}

/* From the export folder of one host to the import folder of the other, then the operation. */
static void
begin_import (TsWorld *world, const TsOrder *order)
{
  guint of = (guint)(order->medium_of < 0 ? order->vm : order->medium_of);
  const TsLabVmView *view = &world->vms[order->vm];
  if (view->replica < 0) {
    begin_operation (world, order); /* refuses it */
    return;
  }
  const TsVmSpec *vm = ts_topology_vm (world->topology, (guint)order->vm);
  const TsVmSpec *exported = ts_topology_vm (world->topology, of);
  Carriage *c = g_new0 (Carriage, 1);
  c->world = world;
  c->step = g_strdup (order->step);
  c->order = *order;
  c->order.step = c->step;
  c->from = ts_lab_medium_folder (&world->layout,
                                  ts_topology_host (world->topology, world->vms[of].primary)->name,
                                  "export", exported->name, &exported->id);
  c->to = ts_lab_medium_folder (&world->layout,
                                ts_topology_host (world->topology, (guint)view->replica)->name,
                                "import", vm->name, &vm->id);
  ts_lab_worker_push (world->worker, carry, carried, carriage_free, c);
}

/* --- comparing -------------------------------------------------------------------------------- */

typedef struct {
  TsWorld *world;
  char *step;
  guint vm, count;
  char *source[TS_WIRE_DISKS_MAX], *copy[TS_WIRE_DISKS_MAX];
  guint64 differing[TS_WIRE_DISKS_MAX];
  GError *error;
} Comparison;

static void
compare (gpointer data)
{
  Comparison *c = data;
  for (guint i = 0; i < c->count && !c->error; i++)
    if (c->source[i])
      ts_lab_disk_compare (c->source[i], c->copy[i], &c->differing[i], &c->error);
}

static void
compared (gpointer data)
{
  Comparison *c = data;
  TsWorld *world = c->world;
  const TsVmSpec *vm = ts_topology_vm (world->topology, c->vm);
  for (guint i = 0; i < c->count && !c->error; i++) {
    if (!c->source[i])
      continue;
    const TsDiskSpec *disk = ts_vm_spec_disk (vm, i);
    TsRecord *record = ts_record_text (ts_lab_world_record (world, "compare"), "vm", vm->name);
    ts_record_text (record, "disk", disk->name);
    ts_record_bool (record, "identical", c->differing[i] == 0);
    ts_record_int (record, "differing_bytes", (gint64)c->differing[i]);
    ts_lab_world_report (world, ts_record_int (record, "bytes", (gint64)disk->size_bytes));
  }
  ts_lab_world_step (world, c->step, TS_DO_COMPARE, c->error ? "failed" : "done",
                     c->error ? c->error->message : "");
}

static void
comparison_free (gpointer data)
{
  Comparison *c = data;
  for (guint i = 0; i < c->count; i++) {
    g_free (c->source[i]);
    g_free (c->copy[i]);
  }
  g_clear_error (&c->error);
  g_free (c->step);
  g_free (c);
}

/* Where a host has the plain data of a disk, whichever part it has now. */
char *
ts_lab_world_plain_path (const TsWorld *world, guint index, guint host, const char *disk)
{
  const TsVmSpec *vm = ts_topology_vm (world->topology, index);
  if (vm->extends >= 0 && host == vm->host) /* the replica's */
    return ts_lab_world_plain_path (world, (guint)vm->extends, host, disk);
  const char *storage = world->vms[index].storage;
  const char *name = ts_topology_host (world->topology, host)->name;
  return host == vm->host
             ? ts_lab_path_data (&world->layout, name, vm->name, disk)
             : ts_lab_path_replica (&world->layout, name, storage ? storage : TS_STORAGE_DEFAULT,
                                    vm->name, disk);
}

/* Both sites' files can be seen from here.  Means something when the source is quiet or off, and
 * all that it wrote has been applied. */
static void
begin_compare (TsWorld *world, const TsOrder *order)
{
  const TsLabVmView *view = &world->vms[order->vm];
  const TsVmSpec *vm = ts_topology_vm (world->topology, (guint)order->vm);
  if (view->replica < 0) {
    ts_lab_world_step (world, order->step, order->verb, "failed",
                       "there is no replica to compare with");
    return;
  }
  Comparison *c = g_new0 (Comparison, 1);
  c->world = world;
  c->step = g_strdup (order->step);
  c->vm = (guint)order->vm;
  c->count = vm->disks->len;
  for (guint i = 0; i < c->count; i++) {
    if (view->excluded >> i & 1)
      continue;
    const char *disk = ts_vm_spec_disk (vm, i)->name;
    c->source[i] = ts_lab_world_plain_path (world, c->vm, view->primary, disk);
    c->copy[i] = ts_lab_world_plain_path (world, c->vm, (guint)view->replica, disk);
  }
  ts_lab_worker_push (world->worker, compare, compared, comparison_free, c);
}

/* --- all -------------------------------------------------------------------------------------- */

static void
order_workload (TsWorld *world, const TsOrder *order)
{
  g_autoptr (GError) error = NULL;
  TsLabGuest *guest = ts_lab_guest_of (world, (guint)order->vm);
  if (order->verb == TS_DO_WORKLOAD_STOP) {
    if (guest)
      ts_lab_guest_stop_work (guest);
  } else if (!guest)
    ts_throw (&error, TS_ERROR_STATE, "the virtual machine does not run");
  else
    ts_lab_guest_start_work (guest, &error);
  ts_lab_world_step (world, order->step, order->verb, error ? "failed" : "done",
                     error ? error->message : "");
}

static void
order_attach (TsWorld *world, const TsOrder *order)
{
  TsLabVmView *view = &world->vms[order->vm];
  g_autoptr (GError) error = NULL;
  if (view->attaching)
    ts_throw (&error, TS_ERROR_STATE, "another disk is being attached");
  else if (ts_lab_seat_order (world->seats->pdata[view->primary], "attach",
                              g_variant_new ("(su)",
                                             ts_topology_vm (world->topology, (guint)order->vm)->name,
                                             order->disk),
                              &error))
    view->attaching = g_strdup (order->step);
  if (error)
    ts_lab_world_step (world, order->step, order->verb, "failed", error->message);
}

gboolean
ts_lab_world_order (TsWorld *world, const TsOrder *order, GError **error)
{
  if (world->finished)
    return ts_throw (error, TS_ERROR_STATE, "the run has ended");
  if (order->verb == TS_DO_IMPORT) {
    begin_import (world, order);
    return TRUE;
  }
  if (world->management && ts_errand_is (order->verb)) {
    ts_lab_errand_begin (world, order);
    return TRUE;
  }
  if (ts_operation_is (order->verb)) {
    begin_operation (world, order);
    return TRUE;
  }
  switch (order->verb) {
  case TS_DO_WORKLOAD_START:
  case TS_DO_WORKLOAD_STOP:
    order_workload (world, order);
    return TRUE;
  case TS_DO_COMPARE:
    begin_compare (world, order);
    return TRUE;
  case TS_DO_LINK:
    if (!ts_lab_fault_link (world, order, error))
      return FALSE;
    break;
  case TS_DO_ATTACH_DISK:
    order_attach (world, order);
    return TRUE;
  case TS_DO_EDIT_DISK:
  case TS_DO_KEEP_DISKS:
  case TS_DO_RESTORE_DISKS: {
    g_autoptr (GError) reason = NULL;
    ts_lab_fault_edit (world, order, &reason);
    ts_lab_world_step (world, order->step, order->verb, reason ? "failed" : "done",
                       reason ? reason->message : "");
    return TRUE;
  }
  case TS_DO_CORRUPT_LOG:
  case TS_DO_DISK_FULL:
  case TS_DO_DISK_FREE:
  case TS_DO_HOST_CRASH:
  case TS_DO_HOST_UP:
  case TS_DO_HOST_REBOOT: {
    g_autoptr (GError) reason = NULL;
    ts_lab_fault_host (world, order, &reason);
    ts_lab_world_step (world, order->step, order->verb, reason ? "failed" : "done",
                       reason ? reason->message : "");
    return TRUE;
  }
  case TS_DO_SITE_DOWN:
    if (!ts_lab_fault_site_down (world, order, error))
      return FALSE;
    break;
  case TS_DO_SITE_UP:
    return ts_lab_fault_site_up (world, order, error);
  case TS_DO_VAULT_DOWN:
  case TS_DO_VAULT_UP:
  case TS_DO_VMM_DOWN:
  case TS_DO_VMM_UP:
    if (!ts_lab_fault_process (world, order, error))
      return FALSE;
    break;
  case TS_DO_PROTECT:
  case TS_DO_START_INITIAL:
  case TS_DO_CANCEL_INITIAL:
  case TS_DO_IMPORT:
  case TS_DO_FAILOVER:
  case TS_DO_COMMIT:
  case TS_DO_CANCEL_FAILOVER:
  case TS_DO_CHANGE_POINT:
  case TS_DO_TEST_FAILOVER:
  case TS_DO_STOP_TEST_FAILOVER:
  case TS_DO_REVERSE:
  case TS_DO_REMOVE:
  case TS_DO_POWER_ON:
  case TS_DO_POWER_OFF:
  case TS_DO_PAUSE:
  case TS_DO_RESUME:
  case TS_DO_RESYNC:
  case TS_DO_CANCEL_RESYNC:
  case TS_DO_MOVE:
  case TS_DO_CONTINUE:
  case TS_DO_RESIZE_DISK:
  case TS_DO_REPLICATE_DISKS:
  case TS_DO_BACKUP:
  case TS_DO_END_BACKUP:
  case TS_DO_RESET_STATISTICS:
  case TS_DO_CONFIRM:
  case TS_DO_COUNT:
    return ts_throw (error, TS_ERROR_INTERNAL, "verb %d", (int)order->verb);
  }
  ts_lab_world_step (world, order->step, order->verb, "done", "");
  return TRUE;
}

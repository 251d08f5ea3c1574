/* sim/world.c -- see world.h.  Twin of lab/world/world.c. */
#include "sim/world.h"
#include "core/base/error.h"
#include "core/disk/compare.h"
#include "sim/internal.h"
#include "sim/management.h"
#include "sim/profile.h"

static const TsSimCheck *const checks[] = {
    &ts_sim_check_one_active_copy,
    &ts_sim_check_point_is_past,
    &ts_sim_check_point_never_moves_back,
    &ts_sim_check_acknowledged_survives,
    &ts_sim_check_planned_loses_nothing,
    &ts_sim_check_health_is_honest,
    &ts_sim_check_test_stands_on_still_disks,
    &ts_sim_check_kept_point_is_past,
};

typedef struct { /* a fault that has begun; its evidence is told when it is healed, or at the end */
  char *id;
  guint link;
  TsLinkMode mode;
  guint64 dropped_before, bytes_before;
  gboolean told;
} Fault;

static void
fault_free (gpointer data)
{
  Fault *fault = data;
  g_free (fault->id);
  g_free (fault);
}

/* --- for the other files ---------------------------------------------------------------------- */

gint64
ts_sim_now_us (const TsWorld *world)
{
  return ts_sim_clock_now_us (world->clock);
}

TsSimHost *
ts_sim_host (const TsWorld *world, guint index)
{
  return g_ptr_array_index (world->hosts, index);
}

TsSimVm *
ts_sim_vm (const TsWorld *world, guint index)
{
  return g_ptr_array_index (world->vms, index);
}

gboolean
ts_sim_vm_runs (const TsSimVm *vm, const TsSimMachine *but)
{
  return (vm->source->on && vm->source != but) || (vm->copy && vm->copy->on && vm->copy != but);
}

void
ts_sim_touch (TsSimVm *vm)
{
  if (vm->touched)
    return;
  vm->touched = TRUE;
  g_ptr_array_add (vm->world->touched, vm);
}

static void
touch_all (TsWorld *world)
{
  for (guint i = 0; i < world->vms->len; i++)
    ts_sim_touch (ts_sim_vm (world, i));
}

void
ts_sim_report (TsWorld *world, TsRecord *record)
{
  world->observer->record (world->observer, record);
  const char *name = ts_record_get_text (record, "vm");
  TsSimVm *vm = name ? g_hash_table_lookup (world->by_name, name) : NULL;
  if (vm && vm->operation) {
    ts_operation_hear (vm->operation, record);
    ts_sim_touch (vm);
  }
  if (vm && world->management &&
      (g_str_equal (record->kind, "refused") || g_str_equal (record->kind, "failure")))
    ts_sim_management_hear (world->management, record);
  ts_record_free (record);
}

void
ts_sim_report_step (TsWorld *world, const char *id, const char *verb, const char *phase,
             const char *reason)
{
  TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "step");
  ts_record_text (record, "id", id);
  ts_record_text (record, "verb", verb);
  ts_record_text (record, "phase", phase);
  ts_sim_report (world, ts_record_text (record, "reason", reason));
}

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
static void
go_on (TsSimVm *vm)
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

static void
begin_operation (TsSimVm *vm, const TsOrder *wanted)
{
  TsWorld *world = vm->world;
  TsOrder filled = *wanted, *order = &filled;
  if (order->verb == TS_DO_CANCEL_FAILOVER && vm->operation &&
      ts_operation_may_cancel (vm->operation)) {
    order->sides = TS_SIDES_PRIMARY;
    ts_operation_fail (vm->operation, "it was cancelled");
    go_on (vm);
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
  } else if (vm->replica == G_MAXUINT) {
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                 "the virtual machine is not protected");
    return;
  }
  if (order->verb == TS_DO_REPLICATE_DISKS && (order->disks & vm->detached)) {
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                 "a disk of them is not attached");
    return;
  }
  if (vm->base && (order->verb == TS_DO_REVERSE || order->verb == TS_DO_POWER_ON ||
                   (order->verb == TS_DO_FAILOVER && order->planned))) {
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "refused",
                 "not of an extended relation");
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
  else if (order->verb == TS_DO_IMPORT)
    ts_sim_initial_carry (vm, order->medium_of < 0 ? vm : ts_sim_vm (world, (guint)order->medium_of));
  const char *replica = ts_sim_host (world, vm->replica)->spec->name;
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

static TsSimMachine *
running (TsSimVm *vm)
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
  TsSimMachine *machine = running (vm);
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
ts_sim_world_power (TsWorld *world, guint site, gboolean on)
{
  for (guint i = 0; i < world->hosts->len; i++) {
    TsSimHost *host = ts_sim_host (world, i);
    if (host->spec->site != site)
      continue;
    if (on)
      ts_sim_host_power_on (host);
    else
      ts_sim_host_power_loss (host);
  }
}

void
ts_sim_world_die_at (TsWorld *world, guint host, const TsDeath *death, gint64 down_us)
{
  TsSimHost *mortal = ts_sim_host (world, host);
  mortal->death = *death;
  mortal->death_us = down_us;
}

gboolean
ts_sim_world_died (TsWorld *world, guint host)
{
  return !ts_sim_host (world, host)->death.armed;
}

guint
ts_sim_world_moments (TsWorld *world, guint host, TsActionKind action, TsDeathMoment moment)
{
  return ts_sim_host (world, host)->moments[action][moment];
}

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

/* --- the table of calls ----------------------------------------------------------------------- */

static char *
sim_refusal (const TsTopology *topology, const GPtrArray *orders)
{
  for (guint i = 0; i < topology->vms->len; i++)
    if (ts_topology_vm (topology, i)->image)
      return g_strdup_printf ("VM %s is a machine of your own; the simulator has no processor to "
                              "run it on",
                              ts_topology_vm (topology, i)->name);
  for (guint i = 0; i < orders->len; i++) {
    const TsOrder *order = g_ptr_array_index (orders, i);
    if (order->verb != TS_DO_PROTECT || order->host < 0)
      continue;
    guint from =
        ts_topology_host (topology, ts_topology_vm (topology, (guint)order->vm)->host)->site;
    guint to = ts_topology_host (topology, (guint)order->host)->site;
    if (ts_topology_link_between (topology, from, to) < 0)
      return g_strdup_printf ("step %s: no link joins the sites %s and %s", order->step,
                              ts_topology_site (topology, from)->name,
                              ts_topology_site (topology, to)->name);
  }
  return NULL;
}

static void
image_free (gpointer data)
{
  TsSimImage *image = data;
  g_ptr_array_unref (image->disks);
  g_free (image);
}

void
ts_sim_forget_images_from (TsSimVm *vm, guint64 set)
{
  while (vm->images.tail && ((TsSimImage *)vm->images.tail->data)->set >= set)
    image_free (g_queue_pop_tail (&vm->images));
}

void
ts_sim_forget_images (TsSimVm *vm)
{
  g_ptr_array_set_size (vm->kept, 0);
  g_queue_clear_full (&vm->images, image_free);
}

static void
vm_free (gpointer data)
{
  TsSimVm *vm = data;
  ts_sim_forget_images (vm);
  ts_operation_free (vm->operation);
  g_ptr_array_unref (vm->discarded);
  g_clear_pointer (&vm->aside, g_ptr_array_unref);
  g_ptr_array_unref (vm->kept);
  ts_sim_medium_unref (vm->exported);
  ts_sim_medium_unref (vm->carried);
  ts_sim_machine_free (vm->test);
  ts_sim_machine_free (vm->copy);
  ts_sim_machine_free (vm->source);
  g_free (vm);
}

static void
sim_free (TsWorld *world)
{
  if (!world)
    return;
  ts_sim_clock_free (world->clock); /* first: nothing of it may be called any more */
  ts_sim_management_free (world->management);
  g_ptr_array_unref (world->hosts);
  g_ptr_array_unref (world->vms);
  g_ptr_array_unref (world->links);
  g_ptr_array_unref (world->faults);
  g_array_unref (world->breached);
  g_ptr_array_unref (world->touched);
  g_hash_table_unref (world->by_name);
  g_hash_table_unref (world->by_id);
  ts_sim_probes_free (world->probes);
  g_free (world);
}

static void
look_with (TsSimVm *vm, guint number)
{
  TsWorld *world = vm->world;
  gboolean *breached = &g_array_index (world->breached, gboolean, number);
  if (*breached)
    return;
  g_autofree char *detail = checks[number]->look (vm);
  if (checks[number]->due_us)
    world->due_us = MIN (world->due_us, checks[number]->due_us (vm));
  if (!detail)
    return;
  *breached = TRUE;
  TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "invariant");
  ts_record_text (record, "name", checks[number]->name);
  ts_record_bool (record, "holds", FALSE);
  ts_sim_report (world, ts_record_text (record, "detail", detail));
}

/* What an event leaves to do: orders of operations that go on, then every invariant of every VM
 * that was touched; a breach is told when it begins. */
static void
settle (TsWorld *world)
{
  for (guint i = 0; i < world->hosts->len; i++)
    ts_sim_host_bury (ts_sim_host (world, i));
  if (ts_sim_now_us (world) > world->due_us) {
    world->due_us = TS_NEVER; /* looking says anew */
    touch_all (world);
  }
  for (guint i = 0; i < world->touched->len; i++) /* grows meanwhile */
    go_on (g_ptr_array_index (world->touched, i));
  for (guint i = 0; world->management && i < world->touched->len; i++)
    ts_sim_management_look (world->management, g_ptr_array_index (world->touched, i));
  for (guint number = 0; number < G_N_ELEMENTS (checks); number++)
    for (guint i = 0; i < world->touched->len; i++)
      look_with (g_ptr_array_index (world->touched, i), number);
  for (guint i = 0; i < world->touched->len; i++)
    ((TsSimVm *)g_ptr_array_index (world->touched, i))->touched = FALSE;
  g_ptr_array_set_size (world->touched, 0);
}

static gboolean
sim_step (TsWorld *world, gint64 until_us)
{
  if (!ts_sim_probes_step (world->probes) && !ts_sim_clock_step (world->clock, until_us))
    return FALSE;
  if (world->touched->len > 0 || ts_sim_now_us (world) > world->due_us)
    settle (world);
  return TRUE;
}

/* ready: so many from the first on are known to be; once booted, nothing switches them off here. */
static gboolean
all_ready (TsWorld *world, guint *ready)
{
  while (*ready < world->vms->len && (ts_sim_vm (world, *ready)->base || ts_sim_vm (world, *ready)->source->ready))
    (*ready)++;
  return *ready == world->vms->len;
}

static guint
hash_id (gconstpointer id)
{
  guint hash;
  memcpy (&hash, id, sizeof hash);
  return hash;
}

static gboolean
same_id (gconstpointer a, gconstpointer b)
{
  return ts_guid_equal (a, b);
}

static TsWorld *
sim_start (const TsTopology *topology, const TsWorldOptions *options, TsObserver *observer,
           GError **error)
{
  TsWorld *world = g_new0 (TsWorld, 1);
  world->topology = topology;
  world->observer = observer;
  world->bytes = options->bytes;
  world->clock = ts_sim_clock_new ();
  world->links = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_link_free);
  world->hosts = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_host_free);
  world->vms = g_ptr_array_new_with_free_func (vm_free);
  world->faults = g_ptr_array_new_with_free_func (fault_free);
  world->touched = g_ptr_array_new ();
  world->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  world->by_id = g_hash_table_new (hash_id, same_id);
  world->due_us = TS_NEVER;
  world->breached = g_array_new (FALSE, TRUE, sizeof (gboolean));
  g_array_set_size (world->breached, G_N_ELEMENTS (checks));
  for (guint i = 0; i < topology->links->len; i++) {
    const TsLinkSpec *spec = ts_topology_link (topology, i);
    g_ptr_array_add (world->links,
                     ts_sim_link_new (world->clock, spec, &topology->profile, topology->seed,
                                      ts_topology_site (topology, spec->site[0])->name,
                                      ts_topology_site (topology, spec->site[1])->name));
  }
  for (guint i = 0; i < topology->hosts->len; i++)
    g_ptr_array_add (world->hosts, ts_sim_host_new (world, i));
  for (guint i = 0; i < topology->vms->len; i++) {
    TsSimVm *vm = g_new0 (TsSimVm, 1);
    g_ptr_array_add (world->vms, vm);
    vm->world = world;
    vm->index = i;
    vm->spec = ts_topology_vm (topology, i);
    g_hash_table_insert (world->by_name, vm->spec->name, vm);
    if (!g_hash_table_contains (world->by_id, &vm->spec->id)) /* the first, if there are two */
      g_hash_table_insert (world->by_id, (gpointer)&vm->spec->id, vm);
    for (guint d = 0; d < vm->spec->disks->len; d++)
      vm->detached |= ts_vm_spec_disk (vm->spec, d)->attached ? 0 : 1u << d;
    vm->primary = vm->spec->host;
    vm->replica = G_MAXUINT;
    vm->newest_point_us = -1;
    g_queue_init (&vm->images);
    vm->kept = g_ptr_array_new ();
    vm->discarded = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_machine_free);
    g_autoptr (GPtrArray) none = vm->spec->extends >= 0 ? g_ptr_array_new () : NULL;
    vm->source = ts_sim_machine_new (vm, ts_sim_host (world, vm->primary), none);
    vm->source->is_copy = FALSE;
    vm->service = vm->source;
    if (!none)
      ts_sim_machine_power_on (vm->source, "boot");
  }
  for (guint i = 0; i < topology->vms->len; i++) {
    TsSimVm *vm = ts_sim_vm (world, i);
    vm->base = vm->spec->extends >= 0 ? ts_sim_vm (world, (guint)vm->spec->extends) : NULL;
    if (vm->base)
      vm->base->third = vm;
  }
  world->probes = ts_sim_probes_new (world);
  guint ready = 0;
  while (!all_ready (world, &ready) && sim_step (world, TS_MIN)) {
  }
  if (topology->management) {
    gint64 limit_us = ts_sim_now_us (world) + 10 * TS_MIN;
    ts_sim_management_new (world);
    while (!world->management->ready && sim_step (world, limit_us)) {
    }
    if (!world->management->ready) {
      sim_free (world);
      ts_throw (error, TS_ERROR_UNAVAILABLE, "the vault is not ready after 10 minutes");
      return NULL;
    }
  }
  for (guint i = 0; i < world->vms->len; i++)
    ts_sim_workload_start (ts_sim_vm (world, i)->source);
  return world;
}

static gint64
sim_now_us (TsWorld *world)
{
  return ts_sim_now_us (world);
}

static gboolean
sim_order (TsWorld *world, const TsOrder *order, GError **error)
{
  TsSimVm *vm = order->vm >= 0 ? ts_sim_vm (world, (guint)order->vm) : NULL;
  if (world->management && ts_errand_is (order->verb)) {
    ts_sim_operator_begin (world->management, order);
    return TRUE;
  }
  if (ts_operation_is (order->verb)) {
    begin_operation (vm, order);
    ts_sim_touch (vm);
    settle (world);
    return TRUE;
  }
  if (ts_sim_fault (world, order)) {
    touch_all (world);
    settle (world);
    return TRUE;
  }
  switch ((int)order->verb) { /* the rest of them */
  case TS_DO_WORKLOAD_START:
    ts_sim_workload_start (running (vm));
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "done", "");
    break;
  case TS_DO_WORKLOAD_STOP:
    ts_sim_workload_stop (running (vm));
    ts_sim_report_step (world, order->step, ts_verb_name (order->verb), "done", "");
    break;
  case TS_DO_COMPARE:
    compare (vm, order);
    break;
  case TS_DO_ATTACH_DISK:
    attach_disk (vm, order);
    break;
  case TS_DO_LINK:
    set_link (world, order);
    break;
  case TS_DO_EDIT_DISK:
  case TS_DO_KEEP_DISKS:
  case TS_DO_RESTORE_DISKS:
    ts_sim_edit (vm, order);
    break;
  case TS_DO_SITE_DOWN:
    site_down (world, order);
    break;
  case TS_DO_SITE_UP:
    site_up (world, order);
    break;
  case TS_DO_VAULT_DOWN:
  case TS_DO_VAULT_UP:
  case TS_DO_VMM_DOWN:
  case TS_DO_VMM_UP:
    set_process (world, order);
    break;
  default:
    return ts_throw (error, TS_ERROR_INTERNAL, "the simulator does not know order %d", order->verb);
  }
  if (vm)
    ts_sim_touch (vm);
  else
    touch_all (world);
  settle (world);
  return TRUE;
}

static gboolean
sim_request (TsWorld *world, const TsVaultRequest *request, GError **error)
{
  if (!world->management)
    return ts_throw (error, TS_ERROR_STATE, "this world has no vault");
  if (!ts_sim_vault_up (world->management->vault))
    return ts_throw (error, TS_ERROR_LOST, "the vault does not answer");
  ts_sim_vault_request (world->management->vault, request);
  return TRUE;
}

static gboolean
sim_run_until (TsWorld *world, gint64 t_us, GError **error)
{
  world->observer->stop = FALSE;
  while (!world->observer->stop && sim_step (world, t_us)) {
  }
  world->observer->stop = FALSE;
  return TRUE;
}

static void
tell_traffic (TsWorld *world, guint index)
{
  const TsLinkSpec *spec = ts_topology_link (world->topology, index);
  for (guint d = 0; d < 2; d++) {
    const TsShaperCounters *c =
        &ts_sim_link_shaper (g_ptr_array_index (world->links, index), d)->counters;
    TsRecord *record = ts_record_new (ts_sim_now_us (world), spec->name, "traffic");
    ts_record_text (record, "link", spec->name);
    ts_record_text (record, "from", ts_topology_site (world->topology, spec->site[d])->name);
    ts_record_text (record, "to", ts_topology_site (world->topology, spec->site[1 - d])->name);
    ts_record_int (record, "packets", (gint64)c->packets);
    ts_record_int (record, "bytes", (gint64)c->bytes);
    ts_record_int (record, "dropped_queue", (gint64)c->dropped_queue);
    ts_record_int (record, "dropped_loss", (gint64)c->dropped_loss);
    ts_sim_report (world,
                   ts_record_int (record, "dropped_blackhole", (gint64)c->dropped_blackhole));
  }
}

/* What a machine has written, and what keeping a replica of it has cost the other site's storage. */
static void
tell_load (TsWorld *world, TsSimVm *vm)
{
  TsSimRelation *replica =
      vm->replica == G_MAXUINT ? NULL : ts_sim_host_relation (ts_sim_host (world, vm->replica), vm);
  if (!vm->source || !vm->source->workload)
    return;
  TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "load");
  ts_record_text (record, "vm", vm->spec->name);
  ts_record_int (record, "writes", (gint64)vm->source->next_write);
  ts_record_int (record, "bytes",
                 (gint64)(vm->source->next_write * vm->source->workload->record_bytes));
  ts_record_int (record, "log_writes", replica ? (gint64)replica->log_writes : 0);
  ts_record_int (record, "log_bytes", replica ? (gint64)replica->log_bytes : 0);
  ts_record_int (record, "apply_writes", replica ? (gint64)replica->apply_writes : 0);
  ts_sim_report (world,
                 ts_record_int (record, "apply_bytes", replica ? (gint64)replica->apply_bytes : 0));
}

static gboolean
sim_finish (TsWorld *world, GError **error)
{
  if (world->finished)
    return TRUE;
  world->finished = TRUE;
  for (guint i = 0; i < world->vms->len; i++)
    ts_sim_workload_stop (running (ts_sim_vm (world, i)));
  for (guint i = 0; i < world->links->len; i++) {
    tell_link_evidence (world, i);
    tell_traffic (world, i);
  }
  for (guint i = 0; i < world->vms->len; i++)
    tell_load (world, ts_sim_vm (world, i));
  touch_all (world);
  settle (world);
  for (guint i = 0; i < G_N_ELEMENTS (checks); i++) {
    if (g_array_index (world->breached, gboolean, i))
      continue;
    TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "invariant");
    ts_record_text (record, "name", checks[i]->name);
    ts_record_bool (record, "holds", TRUE);
    ts_sim_report (world, ts_record_text (record, "detail", ""));
  }
  return TRUE;
}

guint64
ts_sim_world_events (const TsWorld *world)
{
  return ts_sim_clock_calls (world->clock);
}

static const TsWorldOps sim_ops = {
    .name = "sim",
    .refusal = sim_refusal,
    .start = sim_start,
    .now_us = sim_now_us,
    .order = sim_order,
    .request = sim_request,
    .run_until = sim_run_until,
    .finish = sim_finish,
    .free = sim_free,
};

const TsWorldOps *
ts_sim_world_ops (void)
{
  return &sim_ops;
}

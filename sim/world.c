/* sim/world.c -- see world.h.  Twin of lab/world/world.c. */
#include "sim/world.h"
#include "core/base/error.h"
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
      (g_str_equal (record->kind, "refused") || g_str_equal (record->kind, "failure") ||
       g_str_equal (record->kind, "move")))
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

/* --- what tests do to a world ----------------------------------------------------------------- */

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
    ts_sim_operation_go_on (g_ptr_array_index (world->touched, i));
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
  world->faults = g_ptr_array_new_with_free_func (ts_sim_fault_free);
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
    ts_sim_operation_begin (vm, order);
    ts_sim_touch (vm);
    settle (world);
    return TRUE;
  }
  if (ts_sim_fault (world, order)) {
    touch_all (world);
    settle (world);
    return TRUE;
  }
  if (!vm || !ts_sim_machine_order (vm, order))
    return ts_throw (error, TS_ERROR_INTERNAL, "the simulator does not know order %d", order->verb);
  ts_sim_touch (vm);
  settle (world);
  return TRUE;
}

gboolean
ts_sim_world_request (TsWorld *world, const TsVaultRequest *request, GError **error)
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
    ts_sim_workload_stop (ts_sim_running (ts_sim_vm (world, i)));
  ts_sim_fault_finish (world);
  for (guint i = 0; i < world->links->len; i++)
    tell_traffic (world, i);
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
    .run_until = sim_run_until,
    .finish = sim_finish,
    .free = sim_free,
};

const TsWorldOps *
ts_sim_world_ops (void)
{
  return &sim_ops;
}

/* lab/world/world-guest.c -- the guests, heard from outside both sites: workload, ledger, probe, survey.
 */
#include "lab/world/world-internal.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/format/stamp.h"
#include "lab/world/asker.h"
#include "lab/world/own-guest.h"

#define CONNECT_US (60 * TS_S) /* for QEMU's socket to be there */

static TsLabVmView *
view_of (const TsLabGuest *guest)
{
  return &guest->world->vms[guest->vm];
}

static TsVmSpec *
spec_of (const TsLabGuest *guest)
{
  return ts_topology_vm (guest->world->topology, guest->vm);
}

static const char *
host_of (const TsLabGuest *guest)
{
  return ts_topology_host (guest->world->topology, guest->host)->name;
}

static TsRecord *
guest_record (const TsLabGuest *guest, const char *kind)
{
  g_autofree char *source = g_strdup_printf ("%s@%s", spec_of (guest)->name, host_of (guest));
  TsRecord *record = ts_record_new (ts_lab_world_now_us (guest->world), source, kind);
  return ts_record_text (ts_record_text (record, "vm", spec_of (guest)->name), "host",
                         host_of (guest));
}

/* Of a test failover's guest; twin of ts_sim_test_record. */
static TsRecord *
test_record (const TsLabGuest *guest, const char *phase)
{
  g_autofree char *name = g_strdup_printf ("%s - Test", spec_of (guest)->name);
  TsRecord *record = ts_record_text (guest_record (guest, "test_failover"), "test", name);
  ts_record_text (record, "phase", phase);
  ts_record_int (record, "set", guest->point_set);
  return ts_record_int (record, "instant_us", guest->point_us);
}

/* --- workload --------------------------------------------------------------------------------- */

static void
report_work (TsLabGuest *guest, gboolean on)
{
  guest->working = on;
  ts_lab_world_report (guest->world, ts_record_bool (guest_record (guest, "workload"), "on", on));
}

/* On a copy every disk has its place. */
static gboolean
is_attached (const TsLabGuest *guest, guint disk)
{
  return ts_vm_spec_disk (spec_of (guest), disk)->attached || guest->host != spec_of (guest)->host ||
         (view_of (guest)->attached >> disk & 1);
}

static guint64
disk_bytes (const TsLabGuest *guest, guint disk)
{
  const TsDiskSpec *spec = ts_vm_spec_disk (spec_of (guest), disk);
  g_autofree char *key = g_strdup_printf ("%s/%s", host_of (guest), spec->name);
  GHashTable *resized = view_of (guest)->resized;
  const guint64 *bytes = resized ? g_hash_table_lookup (resized, key) : NULL;
  return bytes ? *bytes : spec->size_bytes;
}

gboolean
ts_lab_guest_start_work (TsLabGuest *guest, GError **error)
{
  TsWorld *world = guest->world;
  const TsWorkloadSpec *work = ts_topology_workload_of (world->topology, guest->vm);
  if (!work || work->rate_per_megasecond == 0)
    return ts_throw (error, TS_ERROR_ARGUMENT, "the virtual machine has no workload");
  if (!guest->ready || !guest->channel)
    return ts_throw (error, TS_ERROR_STATE, "the guest does not answer");
  if (guest->working)
    return TRUE;
  g_autoptr (GString) disks = g_string_new (NULL);
  guint turns = 0, there = 0; /* of the disks it is to write to, those that are attached, as large as they are */
  for (guint i = 0; i < spec_of (guest)->disks->len; i++)
    there += is_attached (guest, i);
  for (guint i = 0; i < work->disks->len; i++) {
    guint index = g_array_index (work->disks, guint, i);
    guint64 fill_bytes = ts_vm_spec_disk (spec_of (guest), index)->fill_bytes;
    guint64 bytes = disk_bytes (guest, index);
    if (!is_attached (guest, index) || bytes < fill_bytes + work->record_bytes)
      continue;
    turns++;
    g_string_append_printf (disks, " %u:%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, index,
                            fill_bytes, (bytes - fill_bytes) / work->record_bytes);
  }
  if (turns == 0)
    return ts_throw (error, TS_ERROR_STATE, "none of its disks is there");
  if (view_of (guest)->attached || view_of (guest)->resized)
    ts_guest_channel_say (guest->channel, "D %u", there);
  g_autoptr (GString) line = g_string_new (NULL);
  g_string_append_printf (
      line, "W %d %" G_GUINT64_FORMAT " %u %" G_GUINT64_FORMAT " %u %" G_GUINT64_FORMAT " %u",
      (int)work->kind, world->topology->seed, work->record_bytes,
      1000000 * (guint64)TS_S / work->rate_per_megasecond, work->flush_every,
      view_of (guest)->next_write, turns);
  g_string_append (line, disks->str);
  ts_guest_channel_say (guest->channel, "%s", line->str);
  report_work (guest, TRUE);
  return TRUE;
}

void
ts_lab_guest_stop_work (TsLabGuest *guest)
{
  if (!guest->working)
    return;
  if (guest->channel)
    ts_guest_channel_say (guest->channel, "W");
  report_work (guest, FALSE);
}

/* --- the ledger ------------------------------------------------------------------------------- */

static const char *
disk_name (const TsLabGuest *guest, guint disk)
{
  return disk < spec_of (guest)->disks->len ? ts_vm_spec_disk (spec_of (guest), disk)->name : "?";
}

static TsHeldState
held_state (char said)
{
  return said == 'w' ? TS_HELD_WHOLE : said == 't' ? TS_HELD_TORN : TS_HELD_CORRUPT;
}

static void
enter (TsLabGuest *guest, TsLedgerKind kind, const TsGuestMessage *message)
{
  TsWorld *world = guest->world;
  TsLedgerEntry entry = {
      .kind = kind,
      /* What a machine said before it lost power may be read only after that. */
      .t_us = MIN (ts_lab_world_now_us (world), guest->power_lost_us),
      .vm = spec_of (guest)->name,
      .disk = kind == TS_LEDGER_FLUSH ? "" : disk_name (guest, message->disk),
      .sequence = message->number,
      .copy = "",
  };
  if (kind != TS_LEDGER_FLUSH) {
    entry.offset_bytes = message->offset_bytes;
    entry.length_bytes = message->length_bytes;
  }
  if (kind == TS_LEDGER_HELD) {
    guest->torn += message->said == TS_GUEST_HELD && message->held == 't';
    guest->corrupt += message->said == TS_GUEST_HELD && message->held == 'c';
    if (guest->is_test) /* the ledger is for copies that take over */
      return;
    entry.copy = host_of (guest);
    entry.held = message->said == TS_GUEST_FILL ? TS_HELD_FILL : held_state (message->held);
  }
  world->observer->ledger (world->observer, &entry);
}

/* --- survey and probe ------------------------------------------------------------------------- */

/* In the place of a disk that is not replicated a copy has an empty one: nothing was to be there. */
static gboolean
is_there (const TsLabGuest *guest, guint disk)
{
  return !((guest->is_copy || guest->is_test) && (view_of (guest)->excluded >> disk & 1));
}

/* A copy is read back before anybody writes to it again. */
static void
begin_survey (TsLabGuest *guest)
{
  g_autoptr (GString) line = g_string_new ("S");
  for (guint i = 0; i < spec_of (guest)->disks->len; i++)
    if (is_there (guest, i))
      g_string_append_printf (line, " %u:%" G_GUINT64_FORMAT, i,
                              ts_vm_spec_disk (spec_of (guest), i)->fill_bytes);
  guest->surveyed = TRUE;
  if (!guest->is_test)
    ts_lab_world_report (guest->world,
                         ts_record_text (guest_record (guest, "survey"), "phase", "begun"));
  ts_guest_channel_say (guest->channel, "%s", line->str);
}

static void
end_survey (TsLabGuest *guest, const TsGuestMessage *message)
{
  TsRecord *record = guest->is_test
                         ? test_record (guest, "surveyed")
                         : ts_record_text (guest_record (guest, "survey"), "phase", "done");
  ts_record_int (record, "records", (gint64)message->records);
  if (guest->is_test) {
    ts_record_int (record, "torn", (gint64)guest->torn);
    ts_record_int (record, "corrupt", (gint64)guest->corrupt);
  }
  guint64 fill_bytes = 0; /* what ought to be there: the guest tells what is */
  for (guint i = 0; i < spec_of (guest)->disks->len; i++)
    fill_bytes += is_there (guest, i) ? ts_vm_spec_disk (spec_of (guest), i)->fill_bytes : 0;
  ts_record_int (record, "fill_blocks", (gint64)(fill_bytes / TS_STAMP_BLOCK));
  ts_lab_world_report (guest->world, ts_record_int (record, "fill_bad", (gint64)message->bad));
}

static void
report_probe (TsLabGuest *guest)
{
  gboolean up = guest->probe.state == TS_PROBE_UP;
  if (guest->is_test) {
    if (up && !guest->served)
      ts_lab_world_report (guest->world, test_record (guest, "serving"));
    guest->served |= up;
    return;
  }
  ts_lab_world_report (guest->world, ts_record_bool (guest_record (guest, "probe"), "up", up));
  if (!up || !guest->is_copy || guest->served)
    return;
  const TsLabVmView *view = view_of (guest);
  guest->served = TRUE;
  TsRecord *record = ts_record_bool (guest_record (guest, "failover"), "planned", view->planned);
  ts_record_text (record, "phase", "serving");
  ts_record_int (record, "set", view->point_set);
  ts_lab_world_report (guest->world, ts_record_int (record, "instant_us", view->point_us));
}

static void
probe (gpointer user)
{
  TsLabGuest *guest = user;
  guint64 number;
  if (ts_probe_tick (&guest->probe, ts_lab_world_now_us (guest->world), &number))
    report_probe (guest);
  if (guest->channel)
    ts_guest_channel_say (guest->channel, "P %" G_GUINT64_FORMAT, number);
  else if (guest->asker && ts_lab_guest_on (guest))
    ts_lab_asker_ask (guest->asker, number);
  else if (guest->probe.state != TS_PROBE_UP)
    return; /* it does not come back by itself */
  ts_lab_timer_set (guest->probing, guest->probe.next_us);
}

/* --- freeze ----------------------------------------------------------------------------------- */

static void
answer_freeze (TsLabSeat *seat, const char *vm, guint64 number, gboolean ok, const char *reason)
{
  /* a host that is gone waits for nothing */
  ts_lab_seat_order (seat, "frozen", g_variant_new ("(stbs)", vm, number, ok, reason), NULL);
}

void
ts_lab_guest_freeze (TsLabSeat *seat, const char *vm_name, guint64 number, gboolean on)
{
  static const char *const modes[] = {"works", "fails", "hangs"}; /* TsFreezeMode */
  TsWorld *world = seat->world;
  gint vm = ts_topology_find_vm (world->topology, vm_name);
  TsLabGuest *guest = vm >= 0 ? ts_lab_guest_at (world, (guint)vm, seat->index) : NULL;
  if (!guest || !guest->channel || !guest->ready) {
    if (on)
      answer_freeze (seat, vm_name, number, FALSE, "the guest does not answer");
    return;
  }
  if (on)
    ts_guest_channel_say (guest->channel, "Z %" G_GUINT64_FORMAT " %s", number,
                          modes[ts_topology_vm (world->topology, (guint)vm)->freeze]);
  else
    ts_guest_channel_say (guest->channel, "U %" G_GUINT64_FORMAT, number);
}

/* --- what a guest says ------------------------------------------------------------------------ */

static void
greet (TsLabGuest *guest)
{
  if (guest->ready)
    return;
  guest->ready = TRUE;
  if (!guest->is_test)
    ts_lab_world_report (guest->world,
                         ts_record_text (guest_record (guest, "guest"), "phase", "ready"));
  ts_probe_init (&guest->probe, ts_lab_world_now_us (guest->world));
  ts_lab_timer_set (guest->probing, guest->probe.next_us);
  if (!view_of (guest)->works_on || guest->is_test || guest->is_copy)
    return;
  view_of (guest)->works_on = FALSE;
  ts_lab_guest_start_work (guest, NULL);
}

static void
said (TsGuestChannel *channel, const TsGuestMessage *message, gpointer user)
{
  TsLabGuest *guest = user;
  switch (message->said) {
  case TS_GUEST_READY:
    greet (guest);
    return;
  case TS_GUEST_ALIVE:
    if (!ts_probe_answer (&guest->probe, message->number))
      return;
    report_probe (guest);
    if (guest->is_copy && !guest->surveyed)
      begin_survey (guest);
    return;
  case TS_GUEST_WROTE:
    view_of (guest)->next_write = MAX (view_of (guest)->next_write, message->number);
    enter (guest, TS_LEDGER_WRITE, message);
    return;
  case TS_GUEST_FLUSHED:
    enter (guest, TS_LEDGER_FLUSH, message);
    return;
  case TS_GUEST_HELD:
  case TS_GUEST_FILL:
    enter (guest, TS_LEDGER_HELD, message);
    return;
  case TS_GUEST_SURVEYED:
    end_survey (guest, message);
    return;
  case TS_GUEST_FROZEN:
  case TS_GUEST_NOT_FROZEN: {
    gboolean ok = message->said == TS_GUEST_FROZEN;
    answer_freeze (guest->world->seats->pdata[guest->host], spec_of (guest)->name, message->number,
                   ok, ok ? "" : "the guest could not freeze");
    return;
  }
  case TS_GUEST_TROUBLE: {
    TsRecord *record = ts_record_text (guest_record (guest, "failure"), "action", "guest");
    ts_lab_world_report (guest->world, ts_record_text (record, "reason", message->text));
    return;
  }
  }
}

static void
channel_lost (TsGuestChannel *channel, const GError *reason, gpointer user)
{
  TsLabGuest *guest = user;
  g_clear_pointer (&guest->channel, ts_guest_channel_free);
  guest->working = FALSE;
}

/* --- machines of the user's own --------------------------------------------------------------- */

gboolean
ts_lab_guest_on (const TsLabGuest *guest)
{
  return guest->power_lost_us == TS_NEVER &&
         (guest->channel != NULL || (guest->own != NULL && !guest->own_off));
}

TsRecord *
ts_lab_guest_record (const TsLabGuest *guest, const char *kind)
{
  TsRecord *record = guest_record (guest, kind);
  record->t_us = MIN (record->t_us, guest->power_lost_us);
  return record;
}

void
ts_lab_guest_answers (TsLabGuest *guest, gboolean up)
{
  if (!guest->ready) {
    guest->ready = TRUE;
    if (!guest->is_test)
      ts_lab_world_report (guest->world,
                           ts_record_text (guest_record (guest, "guest"), "phase", "ready"));
  }
  guest->probe.state = up ? TS_PROBE_UP : TS_PROBE_DOWN;
  report_probe (guest);
}

void
ts_lab_guest_answered (TsLabGuest *guest, guint64 number)
{
  if (ts_lab_guest_on (guest) && ts_probe_answer (&guest->probe, number))
    ts_lab_guest_answers (guest, TRUE);
}

void
ts_lab_guest_pong (TsLabSeat *seat, const char *vm_name, gboolean test, guint64 number, gboolean ok,
                   const char *reason)
{
  TsWorld *world = seat->world;
  gint vm = ts_topology_find_vm (world->topology, vm_name);
  for (guint i = world->guests->len; vm >= 0 && i-- > 0;) {
    TsLabGuest *guest = world->guests->pdata[i];
    if (guest->vm == (guint)vm && guest->host == seat->index && guest->is_test == test) {
      if (guest->asker)
        ts_lab_asker_hear (guest->asker, number, ok, reason);
      return; /* the newest that ran there */
    }
  }
}

void
ts_lab_guest_rest (TsLabGuest *guest)
{
  if (guest->asker)
    ts_lab_asker_rest (guest->asker);
}

char *
ts_lab_guests_trouble (const TsWorld *world)
{
  for (guint i = 0; i < world->guests->len; i++) {
    const TsLabGuest *guest = world->guests->pdata[i];
    if (guest->ready || !guest->own)
      continue;
    const char *why = guest->asker ? ts_lab_asker_trouble (guest->asker)
                                   : "its console has not said that it is ready";
    return g_strdup_printf ("VM %s does not serve (%s)", spec_of (guest)->name,
                            *why ? why : "it has not answered");
  }
  return NULL;
}

static TsLabOwnGuest *
watch_own (TsLabGuest *guest)
{
  TsWorld *world = guest->world;
  g_autofree char *name =
      g_strconcat (spec_of (guest)->name, guest->is_test ? ".test.console" : ".console", NULL);
  g_autofree char *path = ts_lab_path_host (&world->layout, host_of (guest), name);
  guint64 from_bytes = 0;
  for (guint i = 0; i < world->guests->len; i++) { /* what an earlier machine said there is read */
    TsLabGuest *before = world->guests->pdata[i];
    if (before->own && before->vm == guest->vm && before->host == guest->host &&
        before->is_test == guest->is_test)
      from_bytes = MAX (from_bytes, ts_lab_own_guest_read (before->own));
  }
  return ts_lab_own_guest_watch (guest, path, from_bytes);
}

static void
own_is_off (TsWorld *world, guint vm, guint host, gboolean is_test)
{
  for (guint i = 0; i < world->guests->len; i++) {
    TsLabGuest *guest = world->guests->pdata[i];
    if (!guest->own || guest->vm != vm || guest->host != host || guest->is_test != is_test)
      continue;
    ts_lab_own_guest_off (guest->own);
    guest->own_off = TRUE;
  }
}

/* --- coming and going ------------------------------------------------------------------------- */

static TsLabGuest *
switched_on (TsWorld *world, guint vm, guint host, gboolean is_test)
{
  static const TsGuestChannelEvents events = {said, channel_lost};
  TsLabGuest *guest = g_new0 (TsLabGuest, 1);
  guest->world = world;
  guest->vm = vm;
  guest->host = host;
  guest->is_copy = host != world->vms[vm].primary;
  guest->is_test = is_test;
  guest->power_lost_us = TS_NEVER;
  guest->probing = ts_lab_timer_new (&world->clock, probe, guest);
  g_autofree char *path = is_test ? ts_lab_path_test_channel (&world->layout, host, vm)
                                  : ts_lab_path_channel (&world->layout, host, vm);
  if (spec_of (guest)->image) {
    guest->own = watch_own (guest);
    guest->asker = ts_lab_asker_new (guest);
    ts_probe_init (&guest->probe, ts_lab_world_now_us (world));
    if (guest->asker)
      ts_lab_timer_set (guest->probing, guest->probe.next_us);
  }
  else
    guest->channel = ts_guest_channel_open (path, CONNECT_US, &events, guest);
  g_ptr_array_add (world->guests, guest);
  return guest;
}

/* A test VM came or went. */
static void
hear_test (TsWorld *world, guint vm, guint host, const TsRecord *record)
{
  const char *phase = ts_record_get_text (record, "phase");
  if (g_strcmp0 (phase, "started") == 0) {
    TsLabGuest *guest = switched_on (world, vm, host, TRUE);
    guest->point_set = ts_record_get_int (record, "set", 0);
    guest->point_us = ts_record_get_int (record, "instant_us", -1);
  } else if (g_strcmp0 (phase, "stopped") == 0) {
    own_is_off (world, vm, host, TRUE);
    for (guint i = 0; i < world->guests->len; i++) {
      TsLabGuest *guest = world->guests->pdata[i];
      if (!guest->is_test || guest->vm != vm || guest->host != host)
        continue;
      g_clear_pointer (&guest->channel, ts_guest_channel_free);
      ts_lab_timer_set (guest->probing, TS_NEVER);
    }
  }
}

void
ts_lab_guest_free (TsLabGuest *guest)
{
  ts_guest_channel_free (guest->channel);
  ts_lab_own_guest_free (guest->own);
  ts_lab_asker_free (guest->asker);
  ts_lab_timer_free (guest->probing);
  g_free (guest);
}

static void
hear_disks (TsWorld *world, guint index, const TsRecord *record)
{
  const TsVmSpec *vm = ts_topology_vm (world->topology, index);
  g_auto (GStrv) names = g_strsplit (ts_record_get_text (record, "excluded"), " ", -1);
  guint32 mask = 0;
  for (guint i = 0; i < vm->disks->len; i++)
    if (g_strv_contains ((const char *const *)names, ts_vm_spec_disk (vm, i)->name))
      mask |= 1u << i;
  world->vms[index].excluded = mask;
}

static void
hear_resized (TsLabVmView *view, const char *host, const TsRecord *record)
{
  if (!view->resized)
    view->resized = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  guint64 *bytes = g_new (guint64, 1);
  *bytes = (guint64)ts_record_get_int (record, "bytes", 0);
  g_hash_table_insert (view->resized,
                       g_strdup_printf ("%s/%s", host, ts_record_get_text (record, "disk")), bytes);
}

static void
hear_attached (TsWorld *world, guint index, const TsRecord *record)
{
  TsLabVmView *view = &world->vms[index];
  const TsVmSpec *vm = ts_topology_vm (world->topology, index);
  gboolean failed = g_str_equal (record->kind, "failure");
  if (!view->attaching ||
      (failed && g_strcmp0 (ts_record_get_text (record, "action"), "attach") != 0))
    return;
  for (guint i = 0; !failed && i < vm->disks->len; i++)
    if (g_strcmp0 (ts_record_get_text (record, "disk"), ts_vm_spec_disk (vm, i)->name) == 0)
      view->attached |= 1u << i;
  g_autofree char *step = g_steal_pointer (&view->attaching);
  ts_lab_world_step (world, step, TS_DO_ATTACH_DISK, failed ? "failed" : "done",
                     failed ? ts_record_get_text (record, "reason") : "");
}

/* It is another host's from when it was given, whose machine has not started yet; who has given it may have
 * died before it said so, and says later that it is gone, or the other one that it has arrived. */
static void
hear_move (TsWorld *world, guint vm, const char *host, const TsRecord *record)
{
  TsLabVmView *view = &world->vms[vm];
  const char *phase = ts_record_get_text (record, "phase");
  gboolean arrived = g_strcmp0 (phase, "arrived") == 0;
  if (!arrived && g_strcmp0 (phase, "given") != 0 && g_strcmp0 (phase, "done") != 0)
    return;
  gint to = ts_topology_find_host (world->topology, arrived ? host : ts_record_get_text (record, "to"));
  gint from = ts_topology_find_host (world->topology, arrived ? ts_record_get_text (record, "from") : host);
  gboolean replica = g_strcmp0 (ts_record_get_text (record, "role"), "replica") == 0;
  if (to < 0 || from < 0 || to == (replica ? view->replica : (gint)view->primary))
    return;
  if (replica)
    view->replica = to;
  else
    view->primary = (guint)to;
  view->told[to] = view->told[from];
  view->told[from].state = TS_STATE_DISABLED;
}

void
ts_lab_guests_hear (TsWorld *world, const TsRecord *record)
{
  const char *vm_name = ts_record_get_text (record, "vm");
  const char *host_name = ts_record_get_text (record, "host");
  gint vm = vm_name ? ts_topology_find_vm (world->topology, vm_name) : -1;
  gint host = host_name ? ts_topology_find_host (world->topology, host_name) : -1;
  if (vm < 0 || host < 0 || world->finished)
    return;
  TsLabVmView *view = &world->vms[vm];
  if (g_str_equal (record->kind, "disks"))
    hear_disks (world, (guint)vm, record);
  else if (g_str_equal (record->kind, "resized"))
    hear_resized (view, host_name, record);
  else if (g_str_equal (record->kind, "attached") || g_str_equal (record->kind, "failure"))
    hear_attached (world, (guint)vm, record);
  else if (g_str_equal (record->kind, "power") && ts_record_get_int (record, "on", 0) != 0)
    switched_on (world, (guint)vm, (guint)host, FALSE);
  else if (g_str_equal (record->kind, "power"))
    own_is_off (world, (guint)vm, (guint)host, FALSE);
  else if (g_str_equal (record->kind, "move"))
    hear_move (world, (guint)vm, host_name, record);
  else if (g_str_equal (record->kind, "test_failover"))
    hear_test (world, (guint)vm, (guint)host, record);
  else if (g_str_equal (record->kind, "authorized") &&
           (guint)host != ts_topology_vm (world->topology, (guint)vm)->host) {
    g_free (view->storage);
    view->storage = g_strdup (ts_record_get_text (record, "storage"));
  } else if (g_str_equal (record->kind, "state")) {
    gboolean replica = g_strcmp0 (ts_record_get_text (record, "role"), "replica") == 0;
    view->told[host].role = replica ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY;
    view->told[host].state = (gint)ts_record_get_int (record, "wmi", TS_STATE_DISABLED);
    if (replica && world->management && view->replica < 0 && (guint)host != view->primary)
      view->replica = host; /* placed by a VMM server */
    view->state[replica ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY] =
        (gint)ts_record_get_int (record, "wmi", TS_STATE_UNKNOWN);
    if (view->state[0] == TS_STATE_DISABLED && view->state[1] == TS_STATE_DISABLED) {
      view->replica = -1; /* removed on both sides */
      view->failed_over = FALSE;
    }
  } else if (g_str_equal (record->kind, "failover")) {
    const char *phase = ts_record_get_text (record, "phase");
    if (g_strcmp0 (phase, "commanded") == 0)
      view->planned = ts_record_get_int (record, "planned", 0) != 0;
    if (g_strcmp0 (phase, "promoted") == 0 || g_strcmp0 (phase, "changed") == 0) {
      view->failed_over = TRUE;
      view->point_set = ts_record_get_int (record, "set", 0);
      view->point_us = ts_record_get_int (record, "instant_us", -1);
    } else if (g_strcmp0 (phase, "cancelled") == 0)
      view->failed_over = FALSE;
  } else if (g_str_equal (record->kind, "reverse") &&
             g_strcmp0 (ts_record_get_text (record, "role"), "primary") == 0 &&
             (guint)host != view->primary) {
    view->replica = (gint)view->primary;
    view->primary = (guint)host;
    view->failed_over = FALSE;
  }
}

void
ts_lab_guest_lost_power (TsLabGuest *guest, gint64 t_us)
{
  if (guest->own)
    ts_lab_own_guest_read (guest->own); /* what it said before */
  guest->power_lost_us = t_us;
  TsRecord *record = NULL;
  if (guest->is_test)
    record = test_record (guest, "lost");
  else {
    record = ts_record_new (t_us, host_of (guest), "power");
    ts_record_text (record, "vm", spec_of (guest)->name);
    ts_record_text (record, "host", host_of (guest));
    ts_record_bool (record, "on", FALSE);
    ts_record_text (record, "why", "power lost");
  }
  ts_lab_world_report (guest->world, record);
}

TsLabGuest *
ts_lab_guest_at (const TsWorld *world, guint vm, guint host)
{
  for (guint i = world->guests->len; i-- > 0;) {
    TsLabGuest *guest = world->guests->pdata[i];
    if (guest->vm == vm && guest->host == host && !guest->is_test)
      return guest;
  }
  return NULL;
}

TsLabGuest *
ts_lab_guest_of (const TsWorld *world, guint vm)
{
  for (guint i = world->guests->len; i-- > 0;) {
    TsLabGuest *guest = world->guests->pdata[i];
    if (guest->vm == vm && ts_lab_guest_on (guest) && !guest->is_test)
      return guest;
  }
  return NULL;
}

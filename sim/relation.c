/* sim/relation.c -- performs what a sender or a receiver asks for, in virtual time.
 *
 * Twin of the lab's driver: steps the machine, walks its actions in order, and posts the completion
 * of each at the time that link, disk and profile give.  Storage and apply are two serial workers.
 */
#include "core/disk/compare.h"
#include "core/relation/turn.h"
#include "sim/move.h"
#include "sim/parcel.h"
#include "sim/profile.h"
#include "sim/relation-internal.h"

/* --- completions ------------------------------------------------------------------------------ */

void
ts_sim_work_free (gpointer data)
{
  TsSimWork *work = data;
  g_clear_pointer (&work->payload, g_bytes_unref);
  g_free (work->reason);
  g_free (work->undo);
  g_free (work);
}

TsSimWork *
ts_sim_work_of (TsSimRelation *rel, const TsAction *action)
{
  TsSimWork *work = g_new0 (TsSimWork, 1);
  work->life = rel->host->life;
  work->kind = action->kind;
  work->set = action->set;
  work->disk = action->disk;
  work->disks = action->disks;
  work->held = action->held;
  work->set_kind = action->set_kind;
  work->offset_bytes = action->offset_bytes;
  work->len_bytes = action->len_bytes;
  work->payload = action->payload ? g_bytes_ref (action->payload) : NULL;
  work->track = action->track;
  work->adopt = action->adopt;
  work->aside = action->aside;
  work->undo = action->undo ? g_memdup2 (action->undo, sizeof *action->undo) : NULL;
  work->ok = TRUE;
  return work;
}

void
ts_sim_relation_post (TsSimRelation *rel, TsSimWork *work, gint64 after_us)
{
  ts_sim_clock_at (world_of (rel)->clock, now_us (rel) + after_us, ts_sim_relation_complete, rel,
                   work, ts_sim_work_free);
}

/* On a serial worker: behind what it is busy with. */
void
ts_sim_relation_post_serial (TsSimRelation *rel, TsSimWork *work, gint64 *free_us, gint64 takes_us)
{
  *free_us = MAX (*free_us, now_us (rel)) + takes_us;
  ts_sim_clock_at (world_of (rel)->clock, *free_us, ts_sim_relation_complete, rel, work,
                   ts_sim_work_free);
}

static void
perform_done (TsSimRelation *rel, TsSimWork *work, TsEvent *event, TsExtents *map,
              TsManifest *manifest, GBytes **hashes, GError **error)
{
  switch ((int)work->kind) { /* only those that answer */
  case TS_ACTION_MAP:
    ts_sim_disk_map (g_ptr_array_index (rel->disks, work->disk), map);
    event->done.map = map;
    break;
  case TS_ACTION_HASH:
    *hashes = ts_compare_hash (ts_sim_disk_ops (g_ptr_array_index (rel->disks, work->disk)),
                               work->offset_bytes, work->len_bytes, error);
    event->done.ok = *hashes != NULL;
    event->done.hashes = *hashes;
    event->done.offset_bytes = work->offset_bytes;
    break;
  case TS_ACTION_RESYNC_OPEN:
    ts_sim_resync_open (rel);
    ts_sim_watch_begin (rel); /* what they are now is what is compared */
    break;
  case TS_ACTION_RESYNC_FLUSH:
    ts_sim_resync_flush (rel);
    break;
  case TS_ACTION_RESYNC_MERGE:
    event->done.ok = ts_sim_watch_look (rel, work->disks, error);
    if (!event->done.ok)
      break;
    ts_sim_resync_merge (rel);
    ts_sim_watch_begin (rel);
    ts_sim_extended_spoil (rel);
    break;
  case TS_ACTION_CUT:
    event->done.instant_us = work->instant_us;
    event->done.logs = work->logs;
    break;
  case TS_ACTION_FREEZE:
    ts_sim_workload_flush (rel->vm->source);
    break;
  case TS_ACTION_CREATE:
    if (work->adopt)
      event->done.ok = ts_sim_initial_adopt (rel, error);
    else {
      ts_sim_relation_create_disks (rel, work->disks);
      ts_sim_extended_spoil (rel); /* CHOICE: also when the disk is a new one */
    }
    break;
  case TS_ACTION_EXPORT:
    *hashes = ts_sim_initial_export (rel, work->set, work->disk, work->offset_bytes,
                                     work->len_bytes, error);
    event->done.ok = *hashes != NULL;
    event->done.hashes = *hashes;
    event->done.offset_bytes = work->offset_bytes;
    break;
  case TS_ACTION_EXPORT_END:
    ts_sim_initial_export_end (rel, work->set, work->payload);
    break;
  case TS_ACTION_IMPORT_OPEN:
    event->done.medium = ts_sim_initial_list (rel, error);
    event->done.ok = event->done.medium != NULL;
    break;
  case TS_ACTION_IMPORT:
    *hashes = ts_sim_initial_import (rel, work->disk, work->offset_bytes, work->len_bytes, error);
    event->done.ok = *hashes != NULL;
    event->done.hashes = *hashes;
    event->done.offset_bytes = work->offset_bytes;
    break;
  case TS_ACTION_WRITE:
    event->done.ok = ts_sim_parcel_write (g_ptr_array_index (rel->disks, work->disk),
                                          work->offset_bytes, work->payload, error);
    event->done.offset_bytes = work->offset_bytes + g_bytes_get_size (work->payload);
    ts_sim_extended_wrote (rel, work->disk, work->offset_bytes, g_bytes_get_size (work->payload));
    break;
  case TS_ACTION_RESYNC_WRITE:
    event->done.ok =
        ts_sim_resync_write (rel, work->disk, work->offset_bytes, work->payload, error);
    event->done.offset_bytes = work->offset_bytes + g_bytes_get_size (work->payload);
    break;
  case TS_ACTION_FLUSH:
    for (guint i = 0; i < rel->disks->len; i++) {
      TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->disks, i));
      disk->ops->flush (disk, NULL);
    }
    break;
  case TS_ACTION_STORE:
    ts_sim_spool_store (rel->spool, work->set, work->disk, work->offset_bytes, work->payload);
    event->done.offset_bytes = work->offset_bytes + g_bytes_get_size (work->payload);
    rel->log_writes++;
    rel->log_bytes += g_bytes_get_size (work->payload);
    break;
  case TS_ACTION_SEAL:
    event->done.ok =
        ts_sim_spool_seal (rel->spool, work->set, rel->disks->len, work->disks, manifest, error);
    event->done.sealed = manifest;
    break;
  case TS_ACTION_APPLY:
    event->done.ok = ts_sim_relation_apply_set (rel, work, error);
    break;
  case TS_ACTION_RESIZE:
    ts_sim_watch_end (rel);
    ts_sim_disk_resize (g_ptr_array_index (rel->disks, work->disk), work->offset_bytes);
    if (rel->tracker)
      ts_sim_tracker_resize (rel->tracker, work->disk);
    event->done.offset_bytes = work->offset_bytes;
    break;
  case TS_ACTION_BRANCH:
    rel->overlays = ts_sim_relation_overlays (rel, work->disks, work->undo, error);
    event->done.ok = rel->overlays != NULL;
    break;
  case TS_ACTION_MERGE:
    ts_sim_relation_merge (rel);
    break;
  case TS_ACTION_POWER_ON:
    if (rel->sender)
      ts_sim_machine_power_on (rel->vm->source, "start");
    else
      ts_sim_relation_start_copy (rel, work->track);
    break;
  case TS_ACTION_DISCARD:
    ts_sim_relation_discard_copy (rel);
    break;
  case TS_ACTION_TEST_START:
    event->done.ok = ts_sim_test_start (rel, work->disks, work->undo, error);
    break;
  case TS_ACTION_TEST_STOP:
    ts_sim_test_stop (rel);
    break;
  default:
    break;
  }
}

/* Does it end later? */
static gboolean
answers (TsActionKind kind)
{
  switch ((int)kind) {
  case TS_ACTION_REPORT:
  case TS_ACTION_PERSIST:
  case TS_ACTION_CONNECT:
  case TS_ACTION_DISCONNECT:
  case TS_ACTION_SEND:
  case TS_ACTION_UNTRACK:
  case TS_ACTION_THAW:
  case TS_ACTION_DELETE_SET:
  case TS_ACTION_LOCK:
  case TS_ACTION_RESYNC_DROP:
  case TS_ACTION_DROP:
  case TS_ACTION_MOVE:
  case TS_ACTION_PEER:
    return FALSE;
  default:
    return TRUE;
  }
}

/* What an action writes where a host keeps logs and replicas; disks are as long as what is in them.
 */
static gboolean
needs_room (TsActionKind kind)
{
  switch ((int)kind) {
  case TS_ACTION_CREATE:
  case TS_ACTION_WRITE:
  case TS_ACTION_RESYNC_WRITE:
  case TS_ACTION_STORE:
  case TS_ACTION_BRANCH:
  case TS_ACTION_TEST_START:
    return TRUE;
  default:
    return FALSE;
  }
}

void
ts_sim_relation_complete (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  TsSimWork *work = data;
  if (work->life != rel->host->life || rel->removed)
    return;
  if (work->kind == TS_ACTION_SLOT && !ts_slots_has (rel->host->slots, rel))
    return; /* given back meanwhile */
  if (work->kind == TS_ACTION_CONTINUE)
    ts_sim_extended_continue (rel);
  if (work->kind == TS_ACTION_FORGET || work->kind == TS_ACTION_CONTINUE) {
    ts_sim_host_forget (rel->host, rel);
    ts_sim_host_dies (rel->host, work->kind, TS_DEATH_AFTER);
    return;
  }
  if (work->kind == TS_ACTION_TURN) {
    ts_sim_turn (rel);
    ts_sim_host_dies (rel->host, work->kind, TS_DEATH_AFTER);
    return;
  }
  g_autoptr (GError) error = NULL;
  g_autoptr (TsExtents) map = ts_extents_new ();
  g_autoptr (GBytes) hashes = NULL;
  TsManifest manifest;
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_DONE};
  event.done.action = work->kind;
  event.done.set = work->set;
  event.done.disk = work->disk;
  event.done.ok = work->ok;
  event.done.code = work->code;
  event.done.reason = work->reason;
  if (work->ok && needs_room (work->kind) && ts_sim_host_is_full (rel->host)) {
    event.done.ok = FALSE;
    ts_throw (&error, TS_ERROR_FULL, "no space left on the disk of host %s", rel->host->spec->name);
  } else if (work->ok)
    perform_done (rel, work, &event, map, &manifest, &hashes, &error);
  if (error) {
    event.done.code = (TsErrorCode)error->code;
    event.done.reason = error->message;
  }
  if (!ts_sim_host_dies (rel->host, work->kind, TS_DEATH_AFTER))
    ts_sim_relation_step (rel, &event);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void
keep_now (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  TsSimWork *work = data;
  if (work->life == rel->host->life)
    ts_sim_undo_keep (rel->undo, work->undo);
}

/* Behind the apply that may still save to what goes. */
static void
keep (TsSimRelation *rel, const TsAction *action)
{
  rel->apply_free_us = MAX (rel->apply_free_us, now_us (rel)) + profile_of (rel)->store_us;
  ts_sim_clock_at (world_of (rel)->clock, rel->apply_free_us, keep_now, rel,
                   ts_sim_work_of (rel, action), ts_sim_work_free);
}

/* Reading undo logs and writing them to overlays: in proportion to what has changed (HVR 2.7). */
static gint64
undo_us (const TsSimRelation *rel, const TsAction *action)
{
  return action->undo ? ts_profile_disk_us (profile_of (rel),
                                            2 * ts_sim_undo_bytes (rel->undo, action->undo))
                      : 0;
}

void
ts_sim_relation_slot (TsSimRelation *rel)
{
  TsAction slot = {.kind = TS_ACTION_SLOT};
  ts_sim_relation_post (rel, ts_sim_work_of (rel, &slot), 0);
}

void
ts_sim_relation_slot_end (TsSimRelation *rel)
{
  TsSimRelation *next = ts_slots_release (rel->host->slots, rel);
  if (next)
    ts_sim_relation_slot (next);
}

/* A primary's, to send; a replica's, to apply what comes from its primary. */
static void
ask_slot (TsSimRelation *rel)
{
  const TsHostSettings *settings = &rel->host->spec->settings;
  const char *group = rel->sender ? "" : rel->owner ? rel->owner : "-";
  guint limit = rel->sender ? settings->transfers_max : settings->apply_vms_max;
  if (ts_slots_ask (rel->host->slots, group, limit, rel))
    ts_sim_relation_slot (rel);
  else
    ts_sim_report (world_of (rel),
                   ts_slots_record (rel->host->slots, rel->vm->spec->name, rel->host->spec->name,
                                    group, limit, now_us (rel)));
}

static void
perform_now (TsSimRelation *rel, TsAction *action)
{
  gsize len = action->payload ? g_bytes_get_size (action->payload) : 0;
  gint64 *storage = &rel->storage_free_us;
  const TsProfile *profile = &world_of (rel)->topology->profile;
  switch (action->kind) {
  case TS_ACTION_REPORT:
    ts_traffic_annotate (&rel->traffic, action->record);
    if (g_str_equal (action->record->kind, "state")) {
      rel->told_role = rel->sender ? TS_ROLE_PRIMARY : TS_ROLE_REPLICA;
      rel->told_state = (TsState)ts_record_get_int (action->record, "wmi", TS_STATE_DISABLED);
    }
    ts_sim_report (world_of (rel), g_steal_pointer (&action->record));
    break;
  case TS_ACTION_PERSIST:
    g_clear_pointer (&rel->persisted, g_bytes_unref);
    rel->persisted = g_steal_pointer (&action->payload);
    break;
  case TS_ACTION_CONNECT:
    ts_sim_relation_connect_peer (rel);
    break;
  case TS_ACTION_DISCONNECT:
    ts_sim_relation_hang_up (rel);
    break;
  case TS_ACTION_SEND:
    ts_sim_relation_send_frame (rel, action);
    break;
  case TS_ACTION_TRACK:
    ts_sim_relation_track (rel, action);
    break;
  case TS_ACTION_UNTRACK:
    ts_sim_tracker_stop (rel->tracker);
    break;
  case TS_ACTION_MAP:
    ts_sim_relation_post (rel, ts_sim_work_of (rel, action), profile->store_us);
    break;
  case TS_ACTION_CUT:
    ts_sim_relation_cut (rel, action);
    break;
  case TS_ACTION_SLOT:
    ask_slot (rel);
    break;
  case TS_ACTION_SLOT_END:
    ts_sim_relation_slot_end (rel);
    break;
  case TS_ACTION_FREEZE:
    ts_sim_relation_freeze (rel, action);
    break;
  case TS_ACTION_THAW:
    ts_sim_workload_thaw (rel->vm->source);
    break;
  case TS_ACTION_DELETE_SET:
    ts_sim_spool_delete (rel->spool, action->set);
    break;
  case TS_ACTION_RESIZE:
    ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), &rel->apply_free_us,
                                 profile->sync_us);
    break;
  case TS_ACTION_LOCK: /* ts_state_allows says so; there is no other way to switch a VM on */
    break;
  case TS_ACTION_HASH:
    if (profile->read_bytes_per_s > 0)
      ts_sim_relation_post (rel, ts_sim_work_of (rel, action),
                            ts_sim_relation_read_until_us (rel, action->len_bytes) - now_us (rel));
    else
      ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), storage,
                                   profile->store_us +
                                       ts_profile_disk_us (profile, action->len_bytes));
    break;
  case TS_ACTION_EXPORT:
  case TS_ACTION_IMPORT: /* read there, written here */
    ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), storage,
                                 profile->store_us +
                                     ts_profile_disk_us (profile, 2 * (guint64)action->len_bytes));
    break;
  case TS_ACTION_EXPORT_END:
  case TS_ACTION_IMPORT_OPEN:
    ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), storage, profile->sync_us);
    break;
  case TS_ACTION_EXPORT_DROP:
    g_clear_pointer (&rel->vm->exported, ts_sim_medium_unref);
    break;
  case TS_ACTION_RESYNC_OPEN:
    ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), storage, profile->branch_us);
    break;
  case TS_ACTION_RESYNC_MERGE:
    ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), &rel->apply_free_us,
                                 profile->apply_us +
                                     ts_profile_disk_us (profile, 2 * ts_sim_resync_bytes (rel)));
    break;
  case TS_ACTION_RESYNC_DROP:
    ts_sim_resync_drop (rel);
    break;
  case TS_ACTION_CREATE:
    ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), storage, profile->branch_us);
    break;
  case TS_ACTION_WRITE:
  case TS_ACTION_RESYNC_WRITE:
  case TS_ACTION_STORE:
    ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), storage,
                                 profile->store_us + ts_profile_disk_us (profile, len));
    break;
  case TS_ACTION_FLUSH:
  case TS_ACTION_RESYNC_FLUSH:
  case TS_ACTION_SEAL:
    ts_sim_relation_post_serial (rel, ts_sim_work_of (rel, action), storage, profile->sync_us);
    break;
  case TS_ACTION_DROP:
    ts_sim_spool_drop_after (rel->spool, action->set);
    break;
  case TS_ACTION_APPLY:
    ts_sim_relation_apply (rel, action);
    break;
  case TS_ACTION_KEEP:
    keep (rel, action);
    break;
  case TS_ACTION_BRANCH:
    ts_sim_relation_post (rel, ts_sim_work_of (rel, action),
                          profile->branch_us + undo_us (rel, action));
    break;
  case TS_ACTION_DISCARD:
  case TS_ACTION_TEST_STOP:
  case TS_ACTION_CONTINUE:
  case TS_ACTION_TURN:
  case TS_ACTION_FORGET:
    ts_sim_relation_post (rel, ts_sim_work_of (rel, action), profile->branch_us);
    break;
  case TS_ACTION_MERGE: {
    guint64 bytes = 0;
    for (guint i = 0; rel->overlays && i < rel->overlays->len; i++)
      bytes += ts_sim_disk_dirty_bytes (g_ptr_array_index (rel->overlays, i));
    ts_sim_relation_post (rel, ts_sim_work_of (rel, action),
                          profile->merge_us + ts_profile_disk_us (profile, bytes));
    break;
  }
  case TS_ACTION_TEST_START:
    ts_sim_relation_post (rel, ts_sim_work_of (rel, action),
                          profile->branch_us + profile->define_us + undo_us (rel, action));
    break;
  case TS_ACTION_POWER_ON:
    ts_sim_relation_post (rel, ts_sim_work_of (rel, action), profile->define_us);
    break;
  case TS_ACTION_MOVE:
    ts_sim_move_begin (rel->host, rel->vm, rel->move_to);
    break;
  case TS_ACTION_PEER: { /* a host that nobody knows is one that does not answer */
    gint peer = ts_topology_find_host (world_of (rel)->topology, g_bytes_get_data (action->payload, NULL));
    if (peer >= 0)
      rel->peer = (guint)peer;
    break;
  }
  case TS_ACTION_HAND_CONNECT: /* move.c's */
  case TS_ACTION_HAND_HANG_UP:
  case TS_ACTION_HAND_SAY:
  case TS_ACTION_HAND_KEEP:
  case TS_ACTION_HAND_HOLD:
  case TS_ACTION_HAND_LET_GO:
  case TS_ACTION_HAND_CARRY:
  case TS_ACTION_HAND_SETTLE:
  case TS_ACTION_HAND_TAKE:
  case TS_ACTION_HAND_LEAVE:
  case TS_ACTION_HAND_SCRAP:
  case TS_ACTION_KINDS:
    g_assert_not_reached ();
  }
}

/* What is done at once is done before anything can happen; what answers, when it is completed. */
static void
perform (TsSimRelation *rel, TsAction *action)
{
  TsActionKind kind = action->kind;
  if (ts_sim_host_dies (rel->host, kind, TS_DEATH_BEFORE) && !rel->turning)
    return;
  perform_now (rel, action);
  ts_sim_host_dies (rel->host, kind, answers (kind) ? TS_DEATH_DURING : TS_DEATH_AFTER);
}

typedef struct {
  guint64 life, timer;
} Tick;

static void
ticked (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  Tick *tick = data;
  if (tick->life != rel->host->life || tick->timer != rel->timer || rel->removed)
    return;
  rel->armed_us = TS_NEVER;
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_TICK};
  ts_sim_relation_step (rel, &event);
}

static void
arm (TsSimRelation *rel)
{
  gint64 wake_us =
      rel->sender ? ts_sender_wake_us (rel->sender) : ts_receiver_wake_us (rel->receiver);
  if (wake_us == rel->armed_us)
    return;
  rel->armed_us = wake_us;
  rel->timer++;
  if (wake_us == TS_NEVER)
    return;
  Tick *tick = g_new (Tick, 1);
  *tick = (Tick){rel->host->life, rel->timer};
  ts_sim_clock_at (world_of (rel)->clock, wake_us, ticked, rel, tick, g_free);
}

void
ts_sim_relation_perform (TsSimRelation *rel, TsActions *out)
{
  for (guint i = 0; i < out->len; i++)
    perform (rel, &g_array_index (out, TsAction, i));
  if (!rel->host->dying)
    arm (rel);
}

void
ts_sim_relation_step (TsSimRelation *rel, TsEvent *event)
{
  g_autoptr (TsActions) out = ts_actions_new ();
  ts_sim_touch (rel->vm);
  if (rel->host->dying)
    return;
  if (rel->sender)
    ts_sender_step (rel->sender, event, out);
  else
    ts_receiver_step (rel->receiver, event, out);
  ts_sim_relation_perform (rel, out);
}

/* --- entry points ----------------------------------------------------------------------------- */

void
ts_sim_relation_ask (TsSimRelation *rel, const TsSideOrder *order)
{
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_ASK};
  event.ask.ask = order->ask;
  event.ask.planned = order->planned;
  event.ask.point = order->point;
  event.ask.disks = order->disks;
  event.ask.initial = order->initial;
  rel->move_to = order->host;
  ts_sim_relation_step (rel, &event);
}

void
ts_sim_relation_tracked (TsSimRelation *rel)
{
  TsEvent event = {.now_us = now_us (rel),
                   .kind = TS_EVENT_TRACKED,
                   .tracked = {ts_sim_tracker_bytes (rel->tracker)}};
  ts_sim_relation_step (rel, &event);
}

void
ts_sim_relation_machine (TsSimRelation *rel, gboolean on)
{
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_MACHINE, .machine = {on}};
  ts_sim_relation_step (rel, &event);
}

TsState
ts_sim_relation_state (const TsSimRelation *rel)
{
  return rel->sender ? ts_sender_state (rel->sender) : ts_receiver_state (rel->receiver);
}

static TsSimRelation *
relation_new (TsSimHost *host, TsSimVm *vm)
{
  TsSimRelation *rel = g_new0 (TsSimRelation, 1);
  rel->host = host;
  rel->vm = vm;
  rel->spool = ts_sim_spool_new (host->world->bytes);
  rel->undo = ts_sim_undo_new ();
  rel->armed_us = TS_NEVER;
  ts_traffic_init (&rel->traffic);
  g_ptr_array_add (host->relations, rel);
  host->by_vm[vm->index] = rel;
  return rel;
}

TsSimRelation *
ts_sim_relation_arrive (TsSimHost *host, TsSimVm *vm)
{
  return relation_new (host, vm);
}

TsSenderOptions
ts_sim_relation_options (const TsSimHost *host, const TsSimVm *vm, const TsPolicy *policy)
{
  TsSenderOptions options = {.vm = vm->spec->name,
                             .host = host->spec->name,
                             .policy = policy,
                             .settings = &host->spec->settings,
                             .take_turns = TRUE};
  options.hello.vm = vm->spec->id;
  g_strlcpy (options.hello.name, vm->spec->name, sizeof options.hello.name);
  options.hello.disks = vm->spec->disks->len;
  for (guint i = 0; i < vm->spec->disks->len; i++) {
    const TsDiskSpec *disk = ts_vm_spec_disk (vm->spec, i);
    options.hello.disk[i].size_bytes = disk->size_bytes;
    options.hello.disk[i].excluded = !disk->replicated || (vm->detached >> i & 1);
    g_strlcpy (options.hello.disk[i].name, disk->name, sizeof options.hello.disk[i].name);
  }
  return options;
}

TsSimRelation *
ts_sim_relation_new_sender (TsSimHost *host, TsSimVm *vm, const TsPolicy *policy)
{
  TsSimRelation *rel = relation_new (host, vm);
  rel->disks = g_ptr_array_ref (vm->source->disks);
  rel->peer = vm->replica;
  g_autofree char *name = g_strdup_printf ("hrl/%s@%s", vm->spec->name, host->spec->name);
  rel->tracker =
      ts_sim_tracker_new (vm->spec->tracking, rel->disks, host->world->topology->seed, name);
  vm->source->tracker = rel->tracker;
  TsSenderOptions options = ts_sim_relation_options (host, vm, policy);
  rel->sender = ts_sender_new (&options);
  ts_sim_relation_machine (rel, vm->source->on);
  return rel;
}

TsSimRelation *
ts_sim_relation_new_receiver (TsSimHost *host, TsSimVm *vm)
{
  TsSimRelation *rel = relation_new (host, vm);
  rel->receiver = ts_receiver_new (host->spec->name);
  ts_receiver_set_settings (rel->receiver, &host->spec->settings);
  return rel;
}

void
ts_sim_relation_free (TsSimRelation *rel)
{
  if (!rel)
    return;
  if (rel->conn)
    ts_sim_conn_vanish (rel->conn);
  g_queue_clear_full (&rel->held, ts_sim_relation_held_free);
  g_clear_pointer (&rel->reader, ts_frame_reader_free);
  ts_sender_free (rel->sender);
  ts_receiver_free (rel->receiver);
  ts_sim_spool_free (rel->spool);
  ts_sim_undo_free (rel->undo);
  ts_sim_tracker_free (rel->tracker);
  g_clear_pointer (&rel->overlays, g_ptr_array_unref);
  g_clear_pointer (&rel->test_overlays, g_ptr_array_unref);
  ts_sim_resync_drop (rel);
  g_clear_pointer (&rel->disks, g_ptr_array_unref);
  g_clear_pointer (&rel->persisted, g_bytes_unref);
  g_free (rel->owner_group);
  ts_traffic_clear (&rel->traffic);
  g_free (rel);
}

void
ts_sim_relation_stop (TsSimRelation *rel, gboolean was_on)
{
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_STOP, .stop = {was_on}};
  ts_sim_relation_step (rel, &event);
  ts_sim_relation_hang_up (rel);
  rel->armed_us = TS_NEVER;
  rel->timer++;
}

void
ts_sim_relation_power_loss (TsSimRelation *rel, TsRandom *random)
{
  if (rel->conn)
    ts_sim_conn_vanish (rel->conn);
  ts_sim_relation_forget_conn (rel);
  ts_sim_spool_power_loss (rel->spool);
  ts_sim_undo_power_loss (rel->undo, random);
  if (rel->receiver && rel->disks) /* a source's disks belong to its machine */
    for (guint i = 0; i < rel->disks->len; i++)
      ts_sim_disk_power_loss (g_ptr_array_index (rel->disks, i), random);
  for (guint i = 0; rel->overlays && i < rel->overlays->len; i++)
    ts_sim_disk_power_loss (g_ptr_array_index (rel->overlays, i), random);
  if (rel->tracker) /* its bitmaps were in the memory of what has lost power */
    ts_sim_tracker_stop (rel->tracker);
  if (rel->sender)
    ts_sim_initial_power_loss (rel->vm);
  ts_sim_resync_power_loss (rel, random);
  rel->armed_us = TS_NEVER;
  rel->timer++;
}

/* What its last life kept and did not tell. */
static void
tell_again (TsSimRelation *rel)
{
  g_autoptr (TsActions) out = ts_actions_new ();
  if (rel->sender)
    ts_turn_tell_sender (rel->sender, rel->told_role, rel->told_state, now_us (rel), out);
  else
    ts_turn_tell_receiver (rel->receiver, rel->told_role, rel->told_state, now_us (rel), out);
  for (guint i = 0; i < out->len; i++)
    perform_now (rel, &g_array_index (out, TsAction, i));
}

void
ts_sim_relation_restore (TsSimRelation *rel)
{
  g_autoptr (GError) error = NULL;
  rel->storage_free_us = rel->apply_free_us = 0;
  if (rel->sender) {
    TsSenderOptions options = ts_sim_relation_options (rel->host, rel->vm, rel->vm->policy);
    g_clear_pointer (&rel->sender, ts_sender_free);
    rel->sender = rel->persisted ? ts_sender_restore (&options, rel->persisted, &error)
                                 : ts_sender_new (&options);
    if (error)
      g_error ("%s", error->message); /* we wrote it ourselves */
    gint peer = ts_topology_find_host (world_of (rel)->topology, ts_sender_peer (rel->sender));
    if (peer >= 0)
      rel->peer = (guint)peer;
    /* a cut that was under way is none */
    for (guint i = 0; i < rel->disks->len; i++)
      ts_sim_tracker_follow (rel->tracker, i, ts_sender_chain (rel->sender, i));
    tell_again (rel);
    arm (rel);
    return;
  }
  ts_sim_test_stop (rel); /* what is left of one: it is off */
  g_clear_pointer (&rel->receiver, ts_receiver_free);
  if (rel->persisted)
    rel->receiver = ts_receiver_restore (rel->host->spec->name, rel->persisted, &error);
  if (error)
    g_error ("%s", error->message); /* we wrote it ourselves */
  if (!rel->receiver)
    rel->receiver = ts_receiver_new (rel->host->spec->name);
  ts_receiver_set_settings (rel->receiver, &rel->host->spec->settings);
  tell_again (rel);
  arm (rel);
}

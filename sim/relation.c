/* sim/relation.c -- performs what a sender or a receiver asks for, in virtual time.
 *
 * Twin of the lab's driver: steps the machine, walks its actions in order, and posts the completion
 * of each at the time that link, disk and profile give.  Storage and apply are two serial workers.
 */
#include "core/base/error.h"
#include "core/disk/apply.h"
#include "core/disk/compare.h"
#include "sim/internal.h"
#include "sim/parcel.h"
#include "sim/profile.h"

static TsWorld *
world_of (const TsSimRelation *rel)
{
  return rel->host->world;
}

static const TsProfile *
profile_of (const TsSimRelation *rel)
{
  return &world_of (rel)->topology->profile;
}

static gint64
now_us (const TsSimRelation *rel)
{
  return ts_sim_now_us (world_of (rel));
}

/* --- completions ------------------------------------------------------------------------------ */

typedef struct { /* an action under way */
  guint64 life;  /* of the host */
  TsActionKind kind;
  guint64 set;
  guint disk;
  guint32 disks, held;
  TsSetKind set_kind;
  guint64 offset_bytes;
  guint32 len_bytes;
  GBytes *payload;
  TsUndo *undo;
  gint64 instant_us;
  TsCutLog logs[TS_WIRE_DISKS_MAX];
  gboolean ok, track, adopt, aside;
  TsErrorCode code; /* when not ok */
  char *reason;
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;
  g_clear_pointer (&work->payload, g_bytes_unref);
  g_free (work->reason);
  g_free (work->undo);
  g_free (work);
}

static void complete (gpointer user, gpointer data);

static Work *
work_of (TsSimRelation *rel, const TsAction *action)
{
  Work *work = g_new0 (Work, 1);
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

static void
post (TsSimRelation *rel, Work *work, gint64 after_us)
{
  ts_sim_clock_at (world_of (rel)->clock, now_us (rel) + after_us, complete, rel, work, work_free);
}

/* On a serial worker: behind what it is busy with. */
static void
post_serial (TsSimRelation *rel, Work *work, gint64 *free_us, gint64 takes_us)
{
  *free_us = MAX (*free_us, now_us (rel)) + takes_us;
  ts_sim_clock_at (world_of (rel)->clock, *free_us, complete, rel, work, work_free);
}

/* --- what the actions do when their time has come --------------------------------------------- */

static void
replace_disk (GPtrArray *disks, guint index, TsSimDisk *disk)
{
  ts_sim_disk_free (g_ptr_array_index (disks, index));
  g_ptr_array_index (disks, index) = disk;
}

static void
create_disks (TsSimRelation *rel, guint32 disks)
{
  const TsHello *hello = ts_receiver_hello (rel->receiver);
  if (!rel->disks)
    rel->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  ts_sim_watch_end (rel);
  for (guint i = 0; i < hello->disks; i++) {
    if (i < rel->disks->len && !(disks >> i & 1))
      continue;
    TsSimDisk *disk = ts_sim_disk_new (hello->disk[i].size_bytes, world_of (rel)->topology->seed);
    if (i < rel->disks->len)
      replace_disk (rel->disks, i, disk);
    else /* of one that is left out only the place */
      g_ptr_array_add (rel->disks, disk);
  }
}

/* What a set overwrites is saved on all disks before the first byte of it is written on any. */
static gboolean
save_undo (TsSimRelation *rel, const Work *work, GError **error)
{
  for (guint i = 0; work->undo && i < rel->disks->len; i++) {
    if (!((work->disks & work->undo->disks) >> i & 1))
      continue;
    g_autoptr (GBytes) bytes = ts_sim_spool_get (rel->spool, work->set, i);
    g_autoptr (TsHrl) log = bytes ? ts_hrl_open (bytes, error) : NULL;
    if (!bytes)
      return ts_throw (error, TS_ERROR_IO, "the log of disk %u is gone", i);
    if (!log || !ts_sim_undo_save (rel->undo, &work->undo->point[0], i,
                                   ts_sim_disk_ops (g_ptr_array_index (rel->disks, i)), log,
                                   work->set, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
apply_disk (TsSimRelation *rel, guint64 set, guint disk, gboolean aside, GError **error)
{
  GPtrArray *disks = aside ? rel->resync_overlays : rel->disks;
  if (!disks) /* dropped meanwhile */
    return ts_throw (error, TS_ERROR_IO, "there is no placeholder");
  const TsSimLog *said = ts_sim_spool_log (rel->spool, set, disk);
  if (said)
    return ts_sim_log_apply (said, g_ptr_array_index (disks, disk), error);
  g_autoptr (GBytes) bytes = ts_sim_spool_get (rel->spool, set, disk);
  if (!bytes)
    return ts_throw (error, TS_ERROR_IO, "the log of disk %u is gone", disk);
  g_autoptr (TsHrl) log = ts_hrl_open (bytes, error);
  return log && ts_apply_log (ts_sim_disk_ops (g_ptr_array_index (disks, disk)), log, error);
}

/* What an apply writes, for those who count it. */
static void
count_apply (TsSimRelation *rel, guint64 set, guint disk)
{
  const TsSimLog *said = ts_sim_spool_log (rel->spool, set, disk);
  g_autoptr (GBytes) bytes = said ? NULL : ts_sim_spool_get (rel->spool, set, disk);
  g_autoptr (TsHrl) log = bytes ? ts_hrl_open (bytes, NULL) : NULL;
  rel->apply_writes += said ? ts_sim_log_entries (said) : log ? ts_hrl_count (log) : 0;
  rel->apply_bytes += said ? ts_sim_log_data_bytes (said) : log ? ts_hrl_data_bytes (log) : 0;
}

static gboolean
apply_set (TsSimRelation *rel, const Work *work, GError **error)
{
  if (work->aside) {
    for (guint i = 0; i < rel->disks->len; i++)
      if (!(work->disks >> i & 1))
        continue;
      else if (!apply_disk (rel, work->set, i, TRUE, error))
        return FALSE;
      else
        count_apply (rel, work->set, i);
    return TRUE;
  }
  if (!ts_sim_watch_look (rel, work->held, error))
    return FALSE;
  if (!save_undo (rel, work, error)) /* there already, unless that failed */
    return FALSE;
  ts_sim_undo_sync (rel->undo);
  ts_sim_watch_end (rel);
  for (guint i = 0; i < rel->disks->len; i++)
    if (!(work->disks >> i & 1))
      continue;
    else if (!apply_disk (rel, work->set, i, FALSE, error))
      return FALSE;
    else
      count_apply (rel, work->set, i);
  ts_sim_watch_begin (rel);
  ts_sim_extended_applied (rel, work->set, work->disks);
  return TRUE;
}

/* An apply is a course of steps, so that power can be lost between any two of them: what it will
 * overwrite is read, made durable; the first disk is written; then all of it (complete). */
static void
apply_step (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  Work *work = data;
  if (work->life != rel->host->life)
    return;
  if (work->offset_bytes == 0) /* which step */
    save_undo (rel, work, NULL);
  else if (work->offset_bytes == 1)
    ts_sim_undo_sync (rel->undo);
  else if (ts_sim_watch_look (rel, work->held, NULL) && /* or the apply finds it again, and says so */
           save_undo (rel, work, NULL)) {   /* whoever could not save does not write */
    ts_sim_watch_end (rel);
    apply_disk (rel, work->set, (guint)__builtin_ctz (work->disks), FALSE, NULL);
    if (ts_sim_host_dies (rel->host, TS_ACTION_APPLY, TS_DEATH_DURING)) /* half of it is done */
      ts_sim_touch (rel->vm);
  }
}

/* Disks are applied side by side (HVR 2.13, ApplyVHDLimit), each by the lane that is free first: the
 * bytes of the lane that ends last.  Each replica disk is as quick as the profile says. */
static guint64
longest_lane (TsSimRelation *rel, guint64 set)
{
  guint64 lane[TS_WIRE_DISKS_MAX] = {0}, longest = 0;
  guint disks = rel->disks->len;
  guint lanes = ts_host_settings_apply_lanes (&rel->host->spec->settings, disks);
  for (guint i = 0; i < disks; i++) {
    guint first = 0;
    for (guint n = 1; n < lanes; n++)
      if (lane[n] < lane[first])
        first = n;
    lane[first] += ts_sim_spool_log_bytes (rel->spool, set, i);
    longest = MAX (longest, lane[first]);
  }
  return longest;
}

static void
apply (TsSimRelation *rel, const TsAction *action)
{
  const TsProfile *profile = profile_of (rel);
  guint64 bytes = ts_sim_spool_set_bytes (rel->spool, action->set);
  for (guint step = 0; action->undo && step < 3; step++) {
    Work *work = work_of (rel, action);
    work->offset_bytes = step;
    rel->apply_free_us =
        MAX (rel->apply_free_us, now_us (rel)) +
        (step == 0 ? ts_profile_disk_us (profile, 2 * bytes) : profile->sync_us / 2);
    ts_sim_clock_at (world_of (rel)->clock, rel->apply_free_us, apply_step, rel, work, work_free);
  }
  post_serial (rel, work_of (rel, action), &rel->apply_free_us,
               profile->apply_us + ts_profile_disk_us (profile, 2 * longest_lane (rel, action->set)));
}

GPtrArray *
ts_sim_relation_overlays (TsSimRelation *rel, guint32 which, const TsUndo *way, GError **error)
{
  g_autoptr (GPtrArray) overlays =
      g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  for (guint i = 0; i < rel->disks->len; i++) {
    TsSimDisk *below = g_ptr_array_index (rel->disks, i);
    TsSimDisk *overlay = which >> i & 1
                             ? ts_sim_disk_new_overlay (below)
                             : ts_sim_disk_new (ts_sim_disk_ops (below)->size_bytes,
                                                world_of (rel)->topology->seed);
    TsDisk *ops = ts_sim_disk_ops (overlay);
    g_ptr_array_add (overlays, overlay);
    if (way && (which >> i & 1) &&
        !(ts_sim_undo_play (rel->undo, way, i, ops, error) && ops->ops->flush (ops, error)))
      return NULL;
  }
  return g_steal_pointer (&overlays);
}

guint32
ts_sim_relation_blank (const TsSimRelation *rel)
{
  const TsHello *hello = ts_receiver_hello (rel->receiver);
  return ((1u << hello->disks) - 1) & ~ts_hello_disks (hello);
}

/* From the first write on: a bitmap in the overlay. */
static void
track_copy (TsSimRelation *rel, GPtrArray *disks)
{
  g_autofree char *name =
      g_strdup_printf ("hrl/%s@%s/%" G_GUINT64_FORMAT, rel->vm->spec->name, rel->host->spec->name,
                       ts_receiver_stored_set (rel->receiver));
  g_clear_pointer (&rel->tracker, ts_sim_tracker_free);
  rel->tracker = ts_sim_tracker_new (rel->vm->spec->tracking, disks, world_of (rel)->topology->seed, name);
  ts_sim_tracker_start (rel->tracker);
  rel->vm->copy->tracker = rel->tracker;
}

static void
start_copy (TsSimRelation *rel, gboolean track)
{
  TsSimVm *vm = rel->vm;
  gboolean first = vm->copy == NULL;
  if (!first) /* of an earlier life of its host */
    g_ptr_array_add (vm->discarded, vm->copy);
  GPtrArray *disks = rel->overlays ? rel->overlays : rel->disks;
  vm->copy = ts_sim_machine_new (vm, rel->host, disks);
  vm->copy->blank = ts_sim_relation_blank (rel);
  if (track && first) /* else what was written is not known any more */
    track_copy (rel, disks);
  vm->copy->next_write = vm->source ? vm->source->next_write : 0;
  ts_sim_serve (vm, vm->copy);
  ts_sim_machine_power_on (vm->copy, "failover");
}

/* The copy goes, and its overlays with what it wrote. */
static void
discard_copy (TsSimRelation *rel)
{
  TsSimVm *vm = rel->vm;
  /* not when it only changes the point, also when it does so by itself after a crash */
  if (vm->operation && !g_str_equal (ts_operation_verb (vm->operation), "change_point"))
    vm->forced = FALSE;
  g_clear_pointer (&rel->overlays, g_ptr_array_unref);
  if (!vm->copy)
    return;
  vm->copy->tracker = NULL;
  g_clear_pointer (&rel->tracker, ts_sim_tracker_free);
  ts_sim_machine_turn_off (vm->copy, "failover cancelled");
  ts_sim_serve (vm, vm->source);
  /* Numbers of writes are not given twice, also not those of writes that are gone. */
  vm->source->next_write = MAX (vm->source->next_write, vm->copy->next_write);
  g_ptr_array_add (vm->discarded, g_steal_pointer (&vm->copy));
}

/* The copy runs on the disks themselves from now on. */
static void
merge (TsSimRelation *rel)
{
  TsSimMachine *copy = rel->vm->copy;
  ts_sim_watch_end (rel);
  for (guint i = 0; rel->overlays && i < rel->overlays->len; i++)
    if (ts_sim_disk_is_overlay (g_ptr_array_index (rel->overlays, i)))
      ts_sim_disk_merge (g_ptr_array_index (rel->overlays, i));
    else { /* in the place of one that is not replicated */
      ts_sim_disk_free (g_ptr_array_index (rel->disks, i));
      g_ptr_array_index (rel->disks, i) = ts_sim_disk_snapshot (g_ptr_array_index (rel->overlays, i));
    }
  ts_sim_extended_spoil (rel);
  if (copy) {
    g_ptr_array_unref (copy->disks);
    copy->disks = g_ptr_array_ref (rel->disks);
  }
  if (rel->tracker)
    ts_sim_tracker_move (rel->tracker, rel->disks);
  g_clear_pointer (&rel->overlays, g_ptr_array_unref);
}

static void
perform_done (TsSimRelation *rel, Work *work, TsEvent *event, TsExtents *map, TsManifest *manifest,
              GBytes **hashes, GError **error)
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
    break;
  case TS_ACTION_RESYNC_FLUSH:
    ts_sim_resync_flush (rel);
    break;
  case TS_ACTION_RESYNC_MERGE:
    ts_sim_watch_end (rel);
    ts_sim_resync_merge (rel);
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
    else
      create_disks (rel, work->disks);
    break;
  case TS_ACTION_EXPORT:
    *hashes = ts_sim_initial_export (rel, work->set, work->disk, work->offset_bytes, work->len_bytes,
                                     error);
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
    *hashes =
        ts_sim_initial_import (rel, work->disk, work->offset_bytes, work->len_bytes, error);
    event->done.ok = *hashes != NULL;
    event->done.hashes = *hashes;
    event->done.offset_bytes = work->offset_bytes;
    break;
  case TS_ACTION_WRITE:
    event->done.ok = ts_sim_parcel_write (g_ptr_array_index (rel->disks, work->disk),
                                          work->offset_bytes, work->payload, error);
    event->done.offset_bytes = work->offset_bytes + g_bytes_get_size (work->payload);
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
    event->done.ok = ts_sim_spool_seal (rel->spool, work->set, rel->disks->len, work->disks,
                                        manifest, error);
    event->done.sealed = manifest;
    break;
  case TS_ACTION_APPLY:
    event->done.ok = apply_set (rel, work, error);
    break;
  case TS_ACTION_RESIZE:
    ts_sim_watch_end (rel);
    ts_sim_disk_resize (g_ptr_array_index (rel->disks, work->disk), work->offset_bytes);
    if (rel->tracker)
      ts_sim_tracker_resize (rel->tracker, work->disk);
    event->done.offset_bytes = work->offset_bytes;
    break;
  case TS_ACTION_BRANCH:
    ts_sim_watch_end (rel);
    rel->overlays = ts_sim_relation_overlays (rel, work->disks, work->undo, error);
    event->done.ok = rel->overlays != NULL;
    break;
  case TS_ACTION_MERGE:
    merge (rel);
    break;
  case TS_ACTION_POWER_ON:
    if (rel->sender)
      ts_sim_machine_power_on (rel->vm->source, "start");
    else
      start_copy (rel, work->track);
    break;
  case TS_ACTION_DISCARD:
    discard_copy (rel);
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
    return FALSE;
  default:
    return TRUE;
  }
}

/* What an action writes where a host keeps logs and replicas; disks are as long as what is in them. */
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

static void
complete (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  Work *work = data;
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

/* --- the connection --------------------------------------------------------------------------- */

static void
conn_connected (TsSimConn *conn, gpointer user)
{
  TsSimRelation *rel = user;
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_CONNECTED};
  ts_sim_relation_step (rel, &event);
}

typedef struct { /* a frame that waits */
  GBytes *bytes;
  gsize wire_bytes;
  gint64 ready_us; /* when what it carries has been read */
} Held;

static void
held_free (gpointer data)
{
  Held *held = data;
  g_bytes_unref (held->bytes);
  g_free (held);
}

static void
forget_conn (TsSimRelation *rel)
{
  rel->conn = NULL;
  rel->conns++;
  g_queue_clear_full (&rel->held, held_free);
  g_clear_pointer (&rel->reader, ts_frame_reader_free);
}

static void
conn_lost (TsSimConn *conn, const char *reason, gpointer user)
{
  TsSimRelation *rel = user;
  forget_conn (rel);
  ts_sim_conn_close (conn);
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_LOST, .lost = {reason, FALSE}};
  ts_sim_relation_step (rel, &event);
}

static void
hear_frame (TsSimRelation *rel, TsFrame *frame)
{
  TsEvent event = {.now_us = now_us (rel), .kind = TS_EVENT_FRAME, .frame = {frame}};
  ts_sim_relation_step (rel, &event);
  ts_frame_clear (frame);
}

static void
conn_message (TsSimConn *conn, GBytes *bytes, gpointer user)
{
  TsSimRelation *rel = user;
  TsFrame frame = {0};
  if (ts_sim_parcel_open_frame (bytes, &frame)) {
    hear_frame (rel, &frame);
    return;
  }
  gsize len;
  const void *data = g_bytes_get_data (bytes, &len);
  if (!rel->reader)
    rel->reader = ts_frame_reader_new ();
  ts_frame_reader_push (rel->reader, data, len);
  while (rel->conn == conn) {
    g_autoptr (GError) error = NULL;
    if (!ts_frame_reader_pop (rel->reader, &frame, &error)) {
      conn_lost (conn, error->message, rel);
      return;
    }
    if (frame.kind == 0)
      return;
    hear_frame (rel, &frame);
  }
}

static const TsSimConnEvents conn_events = {conn_connected, conn_message, conn_lost};

static void
hang_up (TsSimRelation *rel)
{
  TsSimConn *conn = rel->conn;
  if (!conn)
    return;
  forget_conn (rel);
  ts_sim_conn_close (conn);
}

static void
take_conn (TsSimRelation *rel, TsSimConn *conn)
{
  hang_up (rel);
  rel->conn = conn;
  rel->sent_frames = 0;
}

static void
connect_peer (TsSimRelation *rel)
{
  TsWorld *world = world_of (rel);
  TsSimHost *peer = ts_sim_host (world, rel->vm->replica);
  gint index = ts_topology_link_between (world->topology, rel->host->spec->site, peer->spec->site);
  TsSimLink *link = g_ptr_array_index (world->links, (guint)index);
  guint from =
      ts_topology_link (world->topology, (guint)index)->site[0] == rel->host->spec->site ? 0 : 1;
  take_conn (rel, ts_sim_link_connect (link, from, &conn_events, rel, ts_sim_host_accept, peer));
  ts_sim_conn_introduce (rel->conn, rel->host->spec->name);
}

void
ts_sim_relation_adopt (TsSimRelation *rel, TsSimConn *conn, GBytes *first)
{
  take_conn (rel, conn);
  ts_sim_conn_set_events (conn, &conn_events, rel);
  conn_connected (conn, rel);
  conn_message (conn, first, rel);
}

/* What a frame that the codec has made takes on the wire: the initial copy and logs as the model
 * says, so that it is the same whether bytes travel or parcels; everything else as it is. */
static gsize
wire_of (const TsAction *action, GBytes *encoded, guint64 modelled)
{
  gboolean is_modelled = action->source == TS_SOURCE_LOG ||
                         (action->source == TS_SOURCE_DISK && action->frame.kind == TS_FRAME_COPY);
  if (is_modelled)
    return TS_FRAME_HEADER_BYTES + (action->compress ? modelled : action->len_bytes);
  return g_bytes_get_size (encoded);
}

static GBytes *
disk_piece (TsSimRelation *rel, const TsAction *action)
{
  TsSimDisk *disk = g_ptr_array_index (rel->disks, action->frame.disk);
  GBytes *parcel = NULL;
  if (!world_of (rel)->bytes && action->frame.kind == TS_FRAME_COPY)
    parcel = ts_sim_parcel_pages (disk, action->frame.offset_bytes, action->len_bytes);
  if (parcel)
    return parcel;
  TsDisk *ops = ts_sim_disk_ops (disk);
  guint8 *data = g_malloc (action->len_bytes);
  ops->ops->read (ops, action->frame.offset_bytes, data, action->len_bytes, NULL);
  return g_bytes_new_take (data, action->len_bytes);
}

/* Sends what is ready, up to the first that is not. */
static void
release (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  Held *held;
  if (GPOINTER_TO_SIZE (data) != (rel->conns & G_MAXSIZE) || !rel->conn)
    return;
  while ((held = g_queue_peek_head (&rel->held)) && held->ready_us <= now_us (rel)) {
    ts_sim_conn_send (rel->conn, held->bytes, held->wire_bytes);
    held_free (g_queue_pop_head (&rel->held));
  }
}

/* Sends it when it is ready, and behind all that was passed on before. */
static void
pass_on (TsSimRelation *rel, GBytes *bytes, gsize wire_bytes, gint64 ready_us)
{
  if (rel->held.length == 0 && ready_us <= now_us (rel)) {
    ts_sim_conn_send (rel->conn, bytes, wire_bytes);
    return;
  }
  Held *held = g_new (Held, 1);
  *held = (Held){g_bytes_ref (bytes), wire_bytes, ready_us};
  g_queue_push_tail (&rel->held, held);
  if (ready_us > now_us (rel))
    ts_sim_clock_at (world_of (rel)->clock, ready_us, release, rel,
                     GSIZE_TO_POINTER (rel->conns & G_MAXSIZE), NULL);
}

/* When the host will have read so much, behind what it reads already. */
static gint64
read_until_us (TsSimRelation *rel, guint64 bytes)
{
  gint64 *free_us = &rel->host->read_free_us;
  if (profile_of (rel)->read_bytes_per_s == 0)
    return now_us (rel);
  *free_us = MAX (*free_us, now_us (rel)) + ts_profile_read_us (profile_of (rel), bytes);
  return *free_us;
}

static void
send_frame (TsSimRelation *rel, TsAction *action)
{
  if (!rel->conn)
    return;
  TsFrame *frame = &action->frame;
  frame->sequence = ++rel->sent_frames;
  guint64 modelled = 0;
  if (action->source == TS_SOURCE_LOG)
    frame->payload = ts_sim_spool_slice (rel->spool, frame->set, frame->disk, frame->offset_bytes,
                                         action->len_bytes, &modelled);
  else if (action->source == TS_SOURCE_DISK) {
    frame->payload = disk_piece (rel, action);
    modelled = MIN (TS_SIM_WIRE_FIXED_BYTES + ts_sim_wire_data_bytes (action->len_bytes),
                    action->len_bytes);
  }
  gboolean is_parcel = frame->payload && ts_sim_parcel_is (frame->payload);
  g_autoptr (GBytes) encoded = is_parcel ? NULL : ts_frame_encode (frame, action->compress);
  gint64 ready_us = action->source == TS_SOURCE_DISK ? read_until_us (rel, action->len_bytes)
                                                     : now_us (rel);
  gsize wire_bytes = wire_of (action, encoded, modelled);
  if (rel->sender)
    ts_traffic_count (&rel->traffic, frame->set, wire_bytes);
  if (world_of (rel)->bytes) {
    pass_on (rel, encoded, wire_bytes, ready_us);
    return;
  }
  g_autoptr (GBytes) parcel = ts_sim_parcel_frame (frame, wire_bytes);
  pass_on (rel, parcel, wire_bytes, ready_us);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void
keep_image (TsSimRelation *rel, guint64 set, guint32 which)
{
  TsSimImage *image = g_new0 (TsSimImage, 1);
  image->set = set;
  image->instant_us = now_us (rel);
  image->which = which;
  image->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  for (guint i = 0; i < rel->disks->len; i++)
    g_ptr_array_add (image->disks, ts_sim_disk_snapshot (g_ptr_array_index (rel->disks, i)));
  ts_sim_forget_images_from (rel->vm, set); /* of a cut that a crash has made nothing of */
  g_queue_push_tail (&rel->vm->images, image);
}

guint64
ts_sim_image_differing (const TsSimImage *image, const GPtrArray *disks, guint32 blank)
{
  guint64 bytes = 0;
  for (guint i = 0; i < disks->len; i++)
    if ((image->which & ~blank) >> i & 1)
      bytes += ts_sim_disk_differing_bytes (g_ptr_array_index (disks, i),
                                            g_ptr_array_index (image->disks, i));
  return bytes;
}

static void
cut_work (TsSimRelation *rel, Work *work)
{
  const TsProfile *profile = &world_of (rel)->topology->profile;
  g_autoptr (GError) error = NULL;
  TsSimRelation *replica = rel->vm->base ? ts_sim_host_relation (rel->host, rel->vm->base) : NULL;
  work->instant_us = now_us (rel);
  guint32 time_s = (guint32)(work->instant_us / TS_S);
  if (replica && replica->receiver) /* what past of the source its disks are */
    work->instant_us = ts_receiver_applied_us (replica->receiver);
  guint64 bytes = 0;
  ts_sim_spool_set_full (rel->spool, ts_sim_host_is_full (rel->host));
  if (!rel->vm->base && !rel->vm->source->on)
    ts_sim_watch_source (rel->vm->source);
  if (rel->vm->source->edited) {
    work->ok = FALSE;
    work->code = TS_ERROR_LOST;
    work->reason = g_strdup (TS_SIM_EDITED);
  } else if (ts_sim_tracker_cut (rel->tracker, work->set, work->disks, time_s, rel->spool, work->logs,
                          &error)) {
    keep_image (rel, work->set,
                work->set_kind == TS_SET_DISKS ? work->disks
                                               : work->disks & ~ts_sender_updating (rel->sender));
    bytes = ts_sim_spool_set_bytes (rel->spool, work->set);
  } else {
    work->ok = FALSE;
    work->code = (TsErrorCode)error->code;
    work->reason = g_strdup (error->message);
  }
  /* a log that was written all along: only what is in memory still is to be written */
  if (rel->vm->spec->tracking == TS_TRACKING_LOG)
    bytes = MIN (bytes, TS_SIM_LOG_BUFFER_BYTES);
  post (rel, work, profile->cut_us + ts_profile_disk_us (profile, bytes));
}

static void
cut_later (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  Work *work = data;
  if (work->life == rel->host->life && rel->sender && !rel->removed) {
    Work *own = g_memdup2 (work, sizeof *work); /* the clock frees what it was given */
    own->payload = NULL;
    own->undo = NULL;
    own->reason = NULL;
    cut_work (rel, own);
  }
}

static void
cut (TsSimRelation *rel, const TsAction *action)
{
  TsSimRelation *replica = rel->vm->base ? ts_sim_host_relation (rel->host, rel->vm->base) : NULL;
  if (replica && replica->apply_free_us > now_us (rel)) /* between two applies, never within one */
    ts_sim_clock_at (world_of (rel)->clock, replica->apply_free_us, cut_later, rel,
                     work_of (rel, action), work_free);
  else
    cut_work (rel, work_of (rel, action));
}

static void
track (TsSimRelation *rel, const TsAction *action)
{
  TsSimMachine *source = rel->vm->source;
  Work *work = work_of (rel, action);
  source->edited = FALSE;
  if (source->defined || rel->vm->base) {
    if (!source->on)
      ts_sim_watch_off (source);
    ts_sim_tracker_start (rel->tracker);
  } else {
    work->ok = FALSE;
    work->code = TS_ERROR_STATE;
    work->reason = g_strdup ("the machine is not there");
  }
  post (rel, work, profile_of (rel)->track_us);
}

static void
freeze (TsSimRelation *rel, const TsAction *action)
{
  gint64 takes_us = ts_sim_workload_freeze (rel->vm->source);
  if (takes_us == G_MAXINT64)
    return;
  Work *work = work_of (rel, action);
  if (takes_us < 0) {
    work->ok = FALSE;
    work->code = TS_ERROR_STATE;
    work->reason = g_strdup ("the guest could not freeze");
  }
  post (rel, work, takes_us < 0 ? profile_of (rel)->probe_us : takes_us);
}

static void
keep_now (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  Work *work = data;
  if (work->life == rel->host->life)
    ts_sim_undo_keep (rel->undo, work->undo);
}

/* Behind the apply that may still save to what goes. */
static void
keep (TsSimRelation *rel, const TsAction *action)
{
  rel->apply_free_us = MAX (rel->apply_free_us, now_us (rel)) + profile_of (rel)->store_us;
  ts_sim_clock_at (world_of (rel)->clock, rel->apply_free_us, keep_now, rel, work_of (rel, action),
                   work_free);
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
  post (rel, work_of (rel, &slot), 0);
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
    ts_sim_report (world_of (rel), g_steal_pointer (&action->record));
    break;
  case TS_ACTION_PERSIST:
    g_clear_pointer (&rel->persisted, g_bytes_unref);
    rel->persisted = g_steal_pointer (&action->payload);
    break;
  case TS_ACTION_CONNECT:
    connect_peer (rel);
    break;
  case TS_ACTION_DISCONNECT:
    hang_up (rel);
    break;
  case TS_ACTION_SEND:
    send_frame (rel, action);
    break;
  case TS_ACTION_TRACK:
    track (rel, action);
    break;
  case TS_ACTION_UNTRACK:
    ts_sim_tracker_stop (rel->tracker);
    break;
  case TS_ACTION_MAP:
    post (rel, work_of (rel, action), profile->store_us);
    break;
  case TS_ACTION_CUT:
    cut (rel, action);
    break;
  case TS_ACTION_SLOT:
    ask_slot (rel);
    break;
  case TS_ACTION_SLOT_END:
    ts_sim_relation_slot_end (rel);
    break;
  case TS_ACTION_FREEZE:
    freeze (rel, action);
    break;
  case TS_ACTION_THAW:
    ts_sim_workload_thaw (rel->vm->source);
    break;
  case TS_ACTION_DELETE_SET:
    ts_sim_spool_delete (rel->spool, action->set);
    break;
  case TS_ACTION_RESIZE:
    post_serial (rel, work_of (rel, action), &rel->apply_free_us, profile->sync_us);
    break;
  case TS_ACTION_LOCK: /* ts_state_allows says so; there is no other way to switch a VM on */
    break;
  case TS_ACTION_HASH:
    if (profile->read_bytes_per_s > 0)
      post (rel, work_of (rel, action), read_until_us (rel, action->len_bytes) - now_us (rel));
    else
        post_serial (rel, work_of (rel, action), storage,
                   profile->store_us + ts_profile_disk_us (profile, action->len_bytes));
    break;
  case TS_ACTION_EXPORT:
  case TS_ACTION_IMPORT: /* read there, written here */
    post_serial (rel, work_of (rel, action), storage,
                 profile->store_us + ts_profile_disk_us (profile, 2 * (guint64)action->len_bytes));
    break;
  case TS_ACTION_EXPORT_END:
  case TS_ACTION_IMPORT_OPEN:
    post_serial (rel, work_of (rel, action), storage, profile->sync_us);
    break;
  case TS_ACTION_EXPORT_DROP:
    g_clear_pointer (&rel->vm->exported, ts_sim_medium_unref);
    break;
  case TS_ACTION_RESYNC_OPEN:
    post_serial (rel, work_of (rel, action), storage, profile->branch_us);
    break;
  case TS_ACTION_RESYNC_MERGE:
    post_serial (rel, work_of (rel, action), &rel->apply_free_us,
                 profile->apply_us + ts_profile_disk_us (profile, 2 * ts_sim_resync_bytes (rel)));
    break;
  case TS_ACTION_RESYNC_DROP:
    ts_sim_resync_drop (rel);
    break;
  case TS_ACTION_CREATE:
    post_serial (rel, work_of (rel, action), storage, profile->branch_us);
    break;
  case TS_ACTION_WRITE:
  case TS_ACTION_RESYNC_WRITE:
  case TS_ACTION_STORE:
    post_serial (rel, work_of (rel, action), storage,
                 profile->store_us + ts_profile_disk_us (profile, len));
    break;
  case TS_ACTION_FLUSH:
  case TS_ACTION_RESYNC_FLUSH:
  case TS_ACTION_SEAL:
    post_serial (rel, work_of (rel, action), storage, profile->sync_us);
    break;
  case TS_ACTION_DROP:
    ts_sim_spool_drop_after (rel->spool, action->set);
    break;
  case TS_ACTION_APPLY:
    apply (rel, action);
    break;
  case TS_ACTION_KEEP:
    keep (rel, action);
    break;
  case TS_ACTION_BRANCH:
    post (rel, work_of (rel, action), profile->branch_us + undo_us (rel, action));
    break;
  case TS_ACTION_DISCARD:
  case TS_ACTION_TEST_STOP:
  case TS_ACTION_CONTINUE:
  case TS_ACTION_TURN:
  case TS_ACTION_FORGET:
    post (rel, work_of (rel, action), profile->branch_us);
    break;
  case TS_ACTION_MERGE: {
    guint64 bytes = 0;
    for (guint i = 0; rel->overlays && i < rel->overlays->len; i++)
      bytes += ts_sim_disk_dirty_bytes (g_ptr_array_index (rel->overlays, i));
    post (rel, work_of (rel, action), profile->merge_us + ts_profile_disk_us (profile, bytes));
    break;
  }
  case TS_ACTION_TEST_START:
    post (rel, work_of (rel, action),
          profile->branch_us + profile->define_us + undo_us (rel, action));
    break;
  case TS_ACTION_POWER_ON:
    post (rel, work_of (rel, action), profile->define_us);
    break;
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
  g_autofree char *name = g_strdup_printf ("hrl/%s@%s", vm->spec->name, host->spec->name);
  rel->tracker = ts_sim_tracker_new (vm->spec->tracking, rel->disks, host->world->topology->seed, name);
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
  g_queue_clear_full (&rel->held, held_free);
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
  hang_up (rel);
  rel->armed_us = TS_NEVER;
  rel->timer++;
}

void
ts_sim_relation_power_loss (TsSimRelation *rel, TsRandom *random)
{
  if (rel->conn)
    ts_sim_conn_vanish (rel->conn);
  forget_conn (rel);
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
    /* a cut that was under way is none */
    for (guint i = 0; i < rel->disks->len; i++)
      ts_sim_tracker_follow (rel->tracker, i, ts_sender_chain (rel->sender, i));
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
  arm (rel);
}

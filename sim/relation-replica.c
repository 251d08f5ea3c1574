/* sim/relation-replica.c -- what only a replica's side does: disks, applying, copies that run. */
#include "core/disk/apply.h"
#include "sim/profile.h"
#include "sim/relation-internal.h"

static void
replace_disk (GPtrArray *disks, guint index, TsSimDisk *disk)
{
  ts_sim_disk_free (g_ptr_array_index (disks, index));
  g_ptr_array_index (disks, index) = disk;
}

void
ts_sim_relation_create_disks (TsSimRelation *rel, guint32 disks)
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
save_undo (TsSimRelation *rel, const TsSimWork *work, GError **error)
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

gboolean
ts_sim_relation_apply_set (TsSimRelation *rel, const TsSimWork *work, GError **error)
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
  gboolean fine = TRUE;
  for (guint i = 0; i < rel->disks->len && fine; i++)
    if (work->disks >> i & 1) {
      fine = apply_disk (rel, work->set, i, FALSE, error);
      if (fine)
        count_apply (rel, work->set, i);
    }
  ts_sim_watch_begin (rel);
  if (!fine)
    return FALSE;
  ts_sim_extended_applied (rel, work->set, work->disks);
  return TRUE;
}

/* An apply is a course of steps, so that power can be lost between any two of them: what it will
 * overwrite is read, made durable; the first disk is written; then all of it
 * (ts_sim_relation_complete). */
static void
apply_step (gpointer user, gpointer data)
{
  TsSimRelation *rel = user;
  TsSimWork *work = data;
  if (work->life != rel->host->life)
    return;
  if (work->offset_bytes == 0) /* which step */
    save_undo (rel, work, NULL);
  else if (work->offset_bytes == 1)
    ts_sim_undo_sync (rel->undo);
  else if (ts_sim_watch_look (rel, work->held,
                              NULL) &&    /* or the apply finds it again, and says so */
           save_undo (rel, work, NULL)) { /* whoever could not save does not write */
    guint disk = (guint)__builtin_ctz (work->disks);
    apply_disk (rel, work->set, disk, FALSE, NULL);
    ts_sim_watch_wrote (rel, disk);
    if (ts_sim_host_dies (rel->host, TS_ACTION_APPLY, TS_DEATH_DURING)) /* half of it is done */
      ts_sim_touch (rel->vm);
  }
}

/* Disks are applied side by side (HVR 2.13, ApplyVHDLimit), each by the lane that is free first:
 * the bytes of the lane that ends last.  Each replica disk is as quick as the profile says. */
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

void
ts_sim_relation_apply (TsSimRelation *rel, const TsAction *action)
{
  const TsProfile *profile = profile_of (rel);
  guint64 bytes = ts_sim_spool_set_bytes (rel->spool, action->set);
  for (guint step = 0; action->undo && step < 3; step++) {
    TsSimWork *work = ts_sim_work_of (rel, action);
    work->offset_bytes = step;
    rel->apply_free_us =
        MAX (rel->apply_free_us, now_us (rel)) +
        (step == 0 ? ts_profile_disk_us (profile, 2 * bytes) : profile->sync_us / 2);
    ts_sim_clock_at (world_of (rel)->clock, rel->apply_free_us, apply_step, rel, work,
                     ts_sim_work_free);
  }
  ts_sim_relation_post_serial (
      rel, ts_sim_work_of (rel, action), &rel->apply_free_us,
      profile->apply_us + ts_profile_disk_us (profile, 2 * longest_lane (rel, action->set)));
}

GPtrArray *
ts_sim_relation_overlays (TsSimRelation *rel, guint32 which, const TsUndo *way, GError **error)
{
  g_autoptr (GPtrArray) overlays =
      g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  for (guint i = 0; i < rel->disks->len; i++) {
    TsSimDisk *below = g_ptr_array_index (rel->disks, i);
    TsSimDisk *overlay = which >> i & 1 ? ts_sim_disk_new_overlay (below)
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
  rel->tracker =
      ts_sim_tracker_new (rel->vm->spec->tracking, disks, world_of (rel)->topology->seed, name);
  ts_sim_tracker_start (rel->tracker);
  rel->vm->copy->tracker = rel->tracker;
}

void
ts_sim_relation_start_copy (TsSimRelation *rel, gboolean track)
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
void
ts_sim_relation_discard_copy (TsSimRelation *rel)
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
void
ts_sim_relation_merge (TsSimRelation *rel)
{
  TsSimMachine *copy = rel->vm->copy;
  ts_sim_watch_end (rel);
  for (guint i = 0; rel->overlays && i < rel->overlays->len; i++)
    if (ts_sim_disk_is_overlay (g_ptr_array_index (rel->overlays, i)))
      ts_sim_disk_merge (g_ptr_array_index (rel->overlays, i));
    else { /* in the place of one that is not replicated */
      ts_sim_disk_free (g_ptr_array_index (rel->disks, i));
      g_ptr_array_index (rel->disks, i) =
          ts_sim_disk_snapshot (g_ptr_array_index (rel->overlays, i));
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

/* sim/tracker.c -- see tracker.h. */
#include "sim/tracker.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "sim/dirty.h"

#define ENTRY_PAGES_MAX (256 * TS_KIB / TS_SIM_PAGE_BYTES)

struct _TsSimTracker {
  TsTracking kind;
  GPtrArray *disks; /* TsSimDisk */
  GPtrArray *dirty; /* TsSimDirty, one per disk */
  TsGuid previous[TS_WIRE_DISKS_MAX];
  TsGuid disk_write[TS_WIRE_DISKS_MAX];
  TsRandom random;
  gboolean on;
  TsSimLog *open[TS_WIRE_DISKS_MAX]; /* log tracking; NULL: nothing was written since the cut */
  guint32 counted; /* bit 1 << disk: those that are cut */
  guint64 bytes, told_bytes, step_bytes;
};

TsSimTracker *
ts_sim_tracker_new (TsTracking kind, GPtrArray *disks, guint64 seed, const char *name)
{
  TsSimTracker *tracker = g_new0 (TsSimTracker, 1);
  tracker->kind = kind;
  tracker->counted = G_MAXUINT32;
  tracker->disks = g_ptr_array_ref (disks);
  tracker->dirty = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_dirty_free);
  ts_random_init (&tracker->random, seed, name);
  for (guint i = 0; i < disks->len; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (disks, i));
    g_ptr_array_add (tracker->dirty, ts_sim_dirty_new (disk->size_bytes / TS_SIM_PAGE_BYTES));
    tracker->disk_write[i] = ts_guid_draw (&tracker->random);
    tracker->step_bytes += disk->size_bytes / 64;
  }
  return tracker;
}

/* Whatever is tracked. */
static void
forget (TsSimTracker *tracker)
{
  for (guint i = 0; i < tracker->dirty->len; i++) {
    ts_sim_dirty_clear (g_ptr_array_index (tracker->dirty, i));
    g_clear_pointer (&tracker->open[i], ts_sim_log_unref);
  }
  tracker->bytes = tracker->told_bytes = 0;
}

void
ts_sim_tracker_free (TsSimTracker *tracker)
{
  if (!tracker)
    return;
  forget (tracker);
  g_ptr_array_unref (tracker->disks);
  g_ptr_array_unref (tracker->dirty);
  g_free (tracker);
}

void
ts_sim_tracker_start (TsSimTracker *tracker)
{
  ts_sim_tracker_stop (tracker);
  tracker->on = TRUE;
}

void
ts_sim_tracker_stop (TsSimTracker *tracker)
{
  tracker->on = FALSE;
  forget (tracker);
}

static TsSimLog *
new_log (TsSimTracker *tracker, guint d, guint32 time_s)
{
  TsSimDisk *disk = g_ptr_array_index (tracker->disks, d);
  TsHrlInfo info = {.time_s = time_s,
                    .disk_bytes = ts_sim_disk_ops (disk)->size_bytes,
                    .unique = ts_guid_draw (&tracker->random),
                    .previous = tracker->previous[d],
                    .disk_write = tracker->disk_write[d]};
  return ts_sim_log_new (&info, ts_sim_disk_seed (disk));
}

gboolean
ts_sim_tracker_mark (TsSimTracker *tracker, guint disk, guint64 offset, guint64 len,
                     guint32 time_s)
{
  if (!tracker->on || len == 0)
    return FALSE;
  guint64 page = offset / TS_SIM_PAGE_BYTES, end = (offset + len - 1) / TS_SIM_PAGE_BYTES + 1;
  guint64 fresh = end - page;
  if (tracker->kind == TS_TRACKING_BITMAP)
    fresh = ts_sim_dirty_mark (g_ptr_array_index (tracker->dirty, disk), page, end - page);
  else {
    if (!tracker->open[disk])
      tracker->open[disk] = new_log (tracker, disk, time_s);
    for (guint64 count; page < end; page += count) {
      count = MIN (end - page, ENTRY_PAGES_MAX);
      ts_sim_log_add (tracker->open[disk], g_ptr_array_index (tracker->disks, disk), page, count,
                      time_s);
    }
  }
  tracker->bytes += tracker->counted >> disk & 1 ? fresh * TS_SIM_PAGE_BYTES : 0;
  if (tracker->bytes - tracker->told_bytes < tracker->step_bytes)
    return FALSE;
  tracker->told_bytes = tracker->bytes;
  return TRUE;
}

gboolean
ts_sim_tracker_tracks (const TsSimTracker *tracker)
{
  return tracker->on;
}

guint64
ts_sim_tracker_bytes (const TsSimTracker *tracker)
{
  return tracker->bytes;
}

void
ts_sim_tracker_move (TsSimTracker *tracker, GPtrArray *disks)
{
  g_ptr_array_ref (disks);
  g_ptr_array_unref (tracker->disks);
  tracker->disks = disks;
}

void
ts_sim_tracker_follow (TsSimTracker *tracker, guint disk, const TsGuid *previous)
{
  tracker->previous[disk] = *previous;
}

void
ts_sim_tracker_resize (TsSimTracker *tracker, guint disk)
{
  guint64 pages =
      ts_sim_disk_ops (g_ptr_array_index (tracker->disks, disk))->size_bytes / TS_SIM_PAGE_BYTES;
  TsSimDirty *old = g_ptr_array_index (tracker->dirty, disk), *dirty = ts_sim_dirty_new (pages);
  guint64 page = 0, count;
  for (; ts_sim_dirty_next (old, G_MAXUINT32, &page, &count) && page < pages; page += count)
    ts_sim_dirty_mark (dirty, page, MIN (count, pages - page));
  ts_sim_dirty_free (old);
  g_ptr_array_index (tracker->dirty, disk) = dirty;
}

static TsSimLog *
cut_disk (TsSimTracker *tracker, guint d, guint32 time_s)
{
  if (tracker->open[d]) {
    ts_sim_log_close (tracker->open[d], time_s);
    return ts_sim_log_ref (tracker->open[d]);
  }
  TsSimDisk *disk = g_ptr_array_index (tracker->disks, d);
  TsSimLog *log = new_log (tracker, d, time_s);
  guint64 page = 0, count;
  for (; ts_sim_dirty_next (g_ptr_array_index (tracker->dirty, d), ENTRY_PAGES_MAX, &page, &count);
       page += count)
    ts_sim_log_add (log, disk, page, count, time_s);
  ts_sim_log_close (log, time_s);
  return log;
}

gboolean
ts_sim_tracker_cut (TsSimTracker *tracker, guint64 set, guint32 disks, guint32 time_s,
                    TsSimSpool *spool, TsCutLog *logs, GError **error)
{
  if (!tracker->on)
    return ts_throw (error, TS_ERROR_LOST, "changes were not tracked");
  for (guint i = 0; i < tracker->disks->len; i++) {
    if (!(disks >> i & 1))
      continue;
    g_autoptr (TsSimLog) log = cut_disk (tracker, i, time_s);
    g_autoptr (GError) reason = NULL;
    if (!ts_sim_spool_add (spool, set, i, log, &reason)) {
      ts_sim_spool_delete (spool, set); /* what changed stays marked */
      if (tracker->kind == TS_TRACKING_LOG) { /* there is nothing but the log (HVR 2.6, 2.9) */
        ts_sim_tracker_stop (tracker);
        return ts_throw (error, TS_ERROR_LOST, "the log could not be written: %s", reason->message);
      }
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
    logs[i] = (TsCutLog){.log_bytes = ts_sim_log_length_bytes (log),
                         .data_bytes = ts_sim_log_data_bytes (log),
                         .entries = ts_sim_log_entries (log),
                         .unique = ts_sim_log_info (log)->unique};
  }
  forget (tracker);
  tracker->counted = disks;
  for (guint i = 0; i < tracker->disks->len; i++)
    if (disks >> i & 1)
      tracker->previous[i] = logs[i].unique;
  return TRUE;
}

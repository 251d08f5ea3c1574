/* sim/tracker.c -- see tracker.h. */
#include "sim/tracker.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "sim/dirty.h"

#define ENTRY_PAGES_MAX (256 * TS_KIB / TS_SIM_PAGE_BYTES)

struct _TsSimTracker {
  GPtrArray *disks; /* TsSimDisk */
  GPtrArray *dirty; /* TsSimDirty, one per disk */
  TsGuid previous[TS_WIRE_DISKS_MAX];
  TsGuid disk_write[TS_WIRE_DISKS_MAX];
  TsRandom random;
  gboolean on;
};

TsSimTracker *
ts_sim_tracker_new (GPtrArray *disks, guint64 seed, const char *name)
{
  TsSimTracker *tracker = g_new0 (TsSimTracker, 1);
  tracker->disks = g_ptr_array_ref (disks);
  tracker->dirty = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_dirty_free);
  ts_random_init (&tracker->random, seed, name);
  for (guint i = 0; i < disks->len; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (disks, i));
    g_ptr_array_add (tracker->dirty, ts_sim_dirty_new (disk->size_bytes / TS_SIM_PAGE_BYTES));
    tracker->disk_write[i] = ts_guid_draw (&tracker->random);
  }
  return tracker;
}

void
ts_sim_tracker_free (TsSimTracker *tracker)
{
  if (!tracker)
    return;
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
  for (guint i = 0; i < tracker->dirty->len; i++)
    ts_sim_dirty_clear (g_ptr_array_index (tracker->dirty, i));
}

void
ts_sim_tracker_mark (TsSimTracker *tracker, guint disk, guint64 offset, guint64 len)
{
  if (!tracker->on || len == 0)
    return;
  guint64 first = offset / TS_SIM_PAGE_BYTES, last = (offset + len - 1) / TS_SIM_PAGE_BYTES;
  ts_sim_dirty_mark (g_ptr_array_index (tracker->dirty, disk), first, last - first + 1);
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

static TsSimLog *
cut_disk (TsSimTracker *tracker, guint d, guint32 time_s)
{
  TsSimDisk *disk = g_ptr_array_index (tracker->disks, d);
  TsHrlInfo info = {.time_s = time_s,
                    .disk_bytes = ts_sim_disk_ops (disk)->size_bytes,
                    .unique = ts_guid_draw (&tracker->random),
                    .previous = tracker->previous[d],
                    .disk_write = tracker->disk_write[d]};
  TsSimLog *log = ts_sim_log_new (&info, ts_sim_disk_seed (disk));
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
    if (!ts_sim_spool_add (spool, set, i, log, error)) {
      ts_sim_spool_delete (spool, set); /* what changed stays marked */
      return FALSE;
    }
    logs[i] = (TsCutLog){.log_bytes = ts_sim_log_length_bytes (log),
                         .data_bytes = ts_sim_log_data_bytes (log),
                         .entries = ts_sim_log_entries (log),
                         .unique = ts_sim_log_info (log)->unique};
  }
  for (guint i = 0; i < tracker->disks->len; i++) {
    ts_sim_dirty_clear (g_ptr_array_index (tracker->dirty, i));
    if (disks >> i & 1)
      tracker->previous[i] = logs[i].unique;
  }
  return TRUE;
}

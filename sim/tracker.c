/* sim/tracker.c -- see tracker.h. */
#include "sim/tracker.h"
#include "core/base/units.h"
#include "core/format/hrl.h"

#define BLOCK_BYTES 4096
#define ENTRY_BYTES_MAX (256 * TS_KIB)

struct _TsSimTracker {
  GPtrArray *disks; /* TsSimDisk */
  GPtrArray *dirty; /* TsExtents, one per disk */
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
  tracker->dirty = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_extents_free);
  ts_random_init (&tracker->random, seed, name);
  for (guint i = 0; i < disks->len; i++) {
    g_ptr_array_add (tracker->dirty, ts_extents_new ());
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
    ts_extents_clear (g_ptr_array_index (tracker->dirty, i));
}

void
ts_sim_tracker_mark (TsSimTracker *tracker, guint disk, guint64 offset, guint64 len)
{
  if (tracker->on)
    ts_extents_add (g_ptr_array_index (tracker->dirty, disk), offset, len);
}

typedef struct {
  TsSimSpool *spool;
  guint64 set;
  guint disk;
} Place;

static gboolean
put (void *user, guint64 offset, const void *data, gsize len, GError **error)
{
  Place *place = user;
  ts_sim_spool_put (place->spool, place->set, place->disk, offset, data, len);
  return TRUE;
}

static gboolean
cut_disk (TsSimTracker *tracker, Place *place, guint32 time_s, TsCutLog *cut, GError **error)
{
  guint d = place->disk;
  TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (tracker->disks, d));
  TsExtents *dirty = g_ptr_array_index (tracker->dirty, d);
  TsHrlInfo info = {.time_s = time_s,
                    .disk_bytes = disk->size_bytes,
                    .unique = ts_guid_draw (&tracker->random),
                    .previous = tracker->previous[d],
                    .disk_write = tracker->disk_write[d]};
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, put, place, error);
  if (!writer)
    return FALSE;
  ts_extents_align (dirty, BLOCK_BYTES, disk->size_bytes);
  g_autofree guint8 *buffer = g_malloc (ENTRY_BYTES_MAX);
  *cut = (TsCutLog){.unique = info.unique};
  guint64 offset = 0;
  TsExtent next;
  while (ts_extents_next (dirty, offset, ENTRY_BYTES_MAX, &next)) {
    if (!disk->ops->read (disk, next.offset_bytes, buffer, next.len_bytes, error) ||
        !ts_hrl_writer_add (writer, next.offset_bytes, buffer, next.len_bytes, time_s, error))
      return FALSE;
    cut->data_bytes += next.len_bytes;
    cut->entries++;
    offset = next.offset_bytes + next.len_bytes;
  }
  if (!ts_hrl_writer_close (writer, time_s, 0, error))
    return FALSE;
  cut->log_bytes = ts_hrl_writer_bytes (writer);
  return TRUE;
}

gboolean
ts_sim_tracker_cut (TsSimTracker *tracker, guint64 set, guint32 time_s, TsSimSpool *spool,
                    TsCutLog *logs, GError **error)
{
  for (guint i = 0; i < tracker->disks->len; i++) {
    Place place = {spool, set, i};
    if (!cut_disk (tracker, &place, time_s, &logs[i], error)) {
      ts_sim_spool_delete (spool, set); /* what changed stays marked */
      return FALSE;
    }
  }
  for (guint i = 0; i < tracker->disks->len; i++) {
    ts_extents_clear (g_ptr_array_index (tracker->dirty, i));
    tracker->previous[i] = logs[i].unique;
  }
  return TRUE;
}

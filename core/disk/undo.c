/* core/disk/undo.c -- see undo.h. */
#include "core/disk/undo.h"
#include "core/base/error.h"

static gboolean
check (const TsHru *undo, const TsHruInfo *want, GError **error)
{
  const TsHruInfo *have = ts_hru_info (undo);
  if (have->point != want->point || have->instant_us != want->instant_us ||
      have->disk_bytes > want->disk_bytes) /* less: it has been grown since */
    return ts_throw (error, TS_ERROR_LOST,
                     "the undo log is of point %" G_GUINT64_FORMAT
                     " of a disk of %" G_GUINT64_FORMAT " bytes, not of point %" G_GUINT64_FORMAT
                     " of %" G_GUINT64_FORMAT,
                     have->point, have->disk_bytes, want->point, want->disk_bytes);
  return TRUE;
}

static gboolean
take (void *user, guint64 offset_bytes, void *data, gsize len_bytes, GError **error)
{
  TsDisk *disk = user;
  return disk->ops->read (disk, offset_bytes, data, len_bytes, error);
}

/* What log writes and is not saved yet, of what the disk had at the point. */
static TsExtents *
not_saved (const TsHrl *log, guint64 disk_bytes, const TsExtents *saved)
{
  g_autoptr (TsExtents) written = ts_extents_new ();
  for (guint64 i = 0; i < ts_hrl_count (log); i++) {
    TsHrlEntry entry = ts_hrl_entry (log, i);
    if (entry.disk_offset_bytes < disk_bytes)
      ts_extents_add (written, entry.disk_offset_bytes,
                      MIN (entry.len_bytes, disk_bytes - entry.disk_offset_bytes));
  }
  if (!saved)
    return g_steal_pointer (&written);
  TsExtents *rest = ts_extents_new ();
  for (guint i = 0; i < ts_extents_count (written); i++) {
    TsExtent e = ts_extents_get (written, i), hit;
    guint64 at = e.offset_bytes, end = e.offset_bytes + e.len_bytes;
    while (at < end) {
      if (!ts_extents_next (saved, at, end - at, &hit) || hit.offset_bytes >= end)
        hit = (TsExtent){end, 0};
      ts_extents_add (rest, at, hit.offset_bytes - at);
      at = hit.offset_bytes + hit.len_bytes;
    }
  }
  return rest;
}

gboolean
ts_undo_save (TsDisk *disk, const TsHrl *log, guint64 set, const TsHruInfo *info,
              const TsHru *so_far, TsHruPut put, void *user, guint64 *saved_bytes, gboolean *wrote,
              GError **error)
{
  *saved_bytes = 0;
  *wrote = FALSE;
  if (so_far && !check (so_far, info, error))
    return FALSE;
  guint64 last = so_far ? ts_hru_last_set (so_far) : info->point;
  if (last == set)
    return TRUE; /* the host died after it was made */
  if (last + 1 != set)
    return ts_throw (error, TS_ERROR_LOST,
                     "the undo log of point %" G_GUINT64_FORMAT " ends with set %" G_GUINT64_FORMAT
                     ", set %" G_GUINT64_FORMAT " is to be applied",
                     info->point, last, set);
  if (ts_hrl_info (log)->disk_bytes > disk->size_bytes) /* will be refused; do not read there */
    return ts_throw (error, TS_ERROR_ARGUMENT, "the log writes behind the disk's end");
  g_autoptr (TsExtents) fresh = not_saved (log, so_far ? ts_hru_info (so_far)->disk_bytes : info->disk_bytes,
                                            so_far ? ts_hru_saved (so_far) : NULL);
  guint64 at = so_far ? ts_hru_end (so_far) : TS_HRU_HEADER_BYTES, end;
  *saved_bytes = ts_extents_bytes (fresh);
  *wrote = TRUE;
  return (so_far || ts_hru_put_header (info, put, user, error)) &&
         ts_hru_put_segment (at, set, fresh, take, disk, put, user, &end, error);
}

gboolean
ts_undo_play (TsDisk *disk, const TsHru *undo, const TsHruInfo *info, guint64 until, GError **error)
{
  if (!check (undo, info, error))
    return FALSE;
  if (ts_hru_last_set (undo) < until)
    return ts_throw (error, TS_ERROR_LOST,
                     "the undo log of point %" G_GUINT64_FORMAT
                     " is whole up to set %" G_GUINT64_FORMAT ", set %" G_GUINT64_FORMAT
                     " has been applied",
                     info->point, ts_hru_last_set (undo), until);
  for (guint64 i = 0; i < ts_hru_count (undo); i++) {
    TsExtent e = ts_hru_entry (undo, i);
    if (!disk->ops->write (disk, e.offset_bytes, ts_hru_data (undo, i), (gsize)e.len_bytes, error))
      return FALSE;
  }
  return TRUE;
}

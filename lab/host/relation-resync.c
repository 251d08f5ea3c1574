/* lab/host/relation-resync.c -- hashing disks, and what differs, beside the replica's disks, until it is
 * merged.  Twin of sim/relation-resync.c.
 *
 * An overlay is a sparse file of the disk's size, and a map of what of it counts: a list of
 * (offset, length), 64 bits each, little-endian.  The map is replaced whole once the file is
 * durable, so it never names what is not there; what is missing in it is sent again.  (A qcow2
 * overlay would need a QEMU to write it.) */
#include "lab/host/host-internal.h"
#include "core/disk/apply.h"
#include "core/disk/compare.h"
#include "lab/machine/disk.h"
#include <glib/gstdio.h>

static char *
overlay_path (TsLabVm *vm, guint disk)
{
  g_autofree char *base = ts_lab_vm_data_path (vm, disk);
  return g_strconcat (base, ".resync", NULL);
}

static char *
map_path (TsLabVm *vm, guint disk)
{
  g_autofree char *base = ts_lab_vm_data_path (vm, disk);
  return g_strconcat (base, ".resync-map", NULL);
}

static gboolean
save_map (TsLabVm *vm, guint disk, const TsExtents *map, GError **error)
{
  GByteArray *bytes = g_byte_array_new ();
  for (guint i = 0; i < ts_extents_count (map); i++) {
    TsExtent e = ts_extents_get (map, i);
    guint64 row[2] = {GUINT64_TO_LE (e.offset_bytes), GUINT64_TO_LE (e.len_bytes)};
    g_byte_array_append (bytes, (const guint8 *)row, sizeof row);
  }
  g_autoptr (GBytes) all = g_byte_array_free_to_bytes (bytes);
  g_autofree char *path = map_path (vm, disk);
  return ts_lab_state_save (path, all, error);
}

static TsExtents *
load_map (TsLabVm *vm, guint disk, GError **error)
{
  g_autofree char *path = map_path (vm, disk);
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) all = ts_lab_state_load (path, &reason);
  if (!all) {
    ts_throw (error, TS_ERROR_IO, "%s: %s", path, reason ? reason->message : "it is gone");
    return NULL;
  }
  gsize len;
  const guint8 *at = g_bytes_get_data (all, &len);
  guint64 size = ts_lab_vm_disk_bytes (vm, disk);
  g_autoptr (TsExtents) map = ts_extents_new ();
  for (gsize i = 0; i + 16 <= len; i += 16) {
    guint64 row[2];
    memcpy (row, at + i, sizeof row);
    guint64 offset = GUINT64_FROM_LE (row[0]), bytes = GUINT64_FROM_LE (row[1]);
    if (offset > size || bytes > size - offset) {
      ts_throw (error, TS_ERROR_FORMAT, "%s: it names what lies behind the end of the disk", path);
      return NULL;
    }
    ts_extents_add (map, offset, bytes);
  }
  if (len % 16 != 0) {
    ts_throw (error, TS_ERROR_FORMAT, "%s: %zu bytes are no whole number of ranges", path, len);
    return NULL;
  }
  return g_steal_pointer (&map);
}

/* --- on workers ------------------------------------------------------------------------------- */

static gpointer
hash_zeros (gpointer unused)
{
  g_autofree guint8 *zeros = g_malloc0 (TS_COMPARE_BATCH_BYTES);
  (void)unused;
  return ts_compare_hash_data (zeros, TS_COMPARE_BATCH_BYTES);
}

/* What was never written needs neither be read nor hashed, and that is most of many a disk. */
static void
hash (TsLabJob *job)
{
  static GOnce zeros = G_ONCE_INIT;
  TsLabVm *vm = job->relation->vm;
  guint index = job->action.disk;
  g_autofree char *path = ts_lab_vm_data_path (vm, index);
  ts_lab_extended_hold (vm);
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, FALSE, &job->error);
  if (disk && job->action.len_bytes == TS_COMPARE_BATCH_BYTES &&
      ts_lab_disk_is_hole (disk, job->action.offset_bytes, job->action.len_bytes))
    job->hashes = g_bytes_ref (g_once (&zeros, hash_zeros, NULL));
  else if (disk)
    job->hashes =
        ts_compare_hash (disk, job->action.offset_bytes, job->action.len_bytes, &job->error);
  ts_lab_extended_release (vm);
}

static void
forget (TsLabRelation *relation)
{
  for (guint i = 0; i < relation->vm->config->disks; i++) {
    g_autofree char *overlay = overlay_path (relation->vm, i);
    g_autofree char *map = map_path (relation->vm, i);
    (void)g_unlink (overlay);
    (void)g_unlink (map);
    g_clear_pointer (&relation->resync_map[i], ts_extents_free);
  }
}

static void
drop (TsLabJob *job)
{
  forget (job->relation);
}

static void
open_overlays (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  TsLabVm *vm = relation->vm;
  forget (relation);
  for (guint i = 0; i < vm->config->disks && !job->error; i++) {
    if (!(job->action.disks >> i & 1))
      continue;
    g_autofree char *path = overlay_path (vm, i);
    relation->resync_map[i] = ts_extents_new ();
    if (ts_lab_disk_create (path, ts_lab_vm_disk_bytes (vm, i), &job->error))
      save_map (vm, i, relation->resync_map[i], &job->error);
  }
  if (!job->error) /* what they are now is what is compared */
    ts_lab_watch_begin (relation);
}

static void
write_overlay (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  guint index = job->action.disk;
  g_autofree char *path = overlay_path (relation->vm, index);
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, &job->error);
  gsize len = 0;
  const void *data = g_bytes_get_data (job->action.payload, &len);
  if (!relation->resync_map[index] && !job->error) /* the host has been started again */
    relation->resync_map[index] = load_map (relation->vm, index, &job->error);
  if (disk && !job->error &&
      disk->ops->write (disk, job->action.offset_bytes, data, len, &job->error))
    ts_extents_add (relation->resync_map[index], job->action.offset_bytes, len);
}

static void
flush (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  for (guint i = 0; i < relation->vm->config->disks && !job->error; i++) {
    if (!relation->resync_map[i]) /* nothing was written since it was saved */
      continue;
    g_autofree char *path = overlay_path (relation->vm, i);
    g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, &job->error);
    if (disk && disk->ops->flush (disk, &job->error))
      save_map (relation->vm, i, relation->resync_map[i], &job->error);
  }
}

gboolean
ts_lab_resync_apply (TsLabRelation *relation, guint disk, const TsHrl *log, GError **error)
{
  TsLabVm *vm = relation->vm;
  g_autofree char *path = overlay_path (vm, disk);
  g_autoptr (TsDisk) overlay = ts_lab_disk_open (path, TRUE, error);
  if (!overlay)
    return FALSE;
  if (!relation->resync_map[disk] && !(relation->resync_map[disk] = load_map (vm, disk, error)))
    return FALSE;
  if (!ts_apply_log (overlay, log, error))
    return FALSE;
  for (guint64 i = 0; i < ts_hrl_count (log); i++) {
    TsHrlEntry entry = ts_hrl_entry (log, i);
    ts_extents_add (relation->resync_map[disk], entry.disk_offset_bytes, entry.len_bytes);
  }
  return save_map (vm, disk, relation->resync_map[disk], error);
}

static void
merge_disk (TsLabRelation *relation, guint index, GError **error)
{
  TsLabVm *vm = relation->vm;
  g_autofree char *from_path = overlay_path (vm, index);
  g_autoptr (TsExtents) map = load_map (vm, index, error);
  g_autoptr (TsDisk) from = map ? ts_lab_disk_open (from_path, FALSE, error) : NULL;
  TsDisk *to = from ? ts_lab_watch_disk (relation, index, error) : NULL;
  if (!to)
    return;
  g_autofree guint8 *data = g_malloc (TS_COMPARE_BATCH_BYTES);
  TsExtent piece;
  for (guint64 at = 0; ts_extents_next (map, at, TS_COMPARE_BATCH_BYTES, &piece);) {
    if (!from->ops->read (from, piece.offset_bytes, data, piece.len_bytes, error) ||
        !to->ops->write (to, piece.offset_bytes, data, piece.len_bytes, error))
      return;
    at = piece.offset_bytes + piece.len_bytes;
  }
  to->ops->flush (to, error);
}

/* Every write is absolute: after a crash in the middle it is done again from the start.  What was
 * found to be equal must still be so: a disk that was written to since it was compared is not the one
 * that the overlay belongs to. */
static void
merge (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  guint32 disks = job->action.disks;
  for (guint i = 0; i < relation->vm->config->disks; i++)
    if ((disks >> i & 1) && !ts_lab_watch_disk (relation, i, &job->error))
      return;
  if (!ts_lab_watch_look (relation, disks, &job->error))
    return;
  ts_lab_watch_write (relation);
  ts_lab_extended_spoil (relation->vm);
  for (guint i = 0; i < relation->vm->config->disks && !job->error; i++)
    if (disks >> i & 1)
      merge_disk (relation, i, &job->error);
  if (!job->error)
    ts_lab_watch_go_on (relation, disks);
  ts_lab_extended_spoil (relation->vm);
}

void
ts_lab_resync_perform (TsLabRelation *relation, TsAction *action)
{
  switch ((int)action->kind) {
  case TS_ACTION_HASH:
    ts_lab_job_start (relation, action, relation->storage, hash, NULL);
    return;
  case TS_ACTION_RESYNC_OPEN:
    ts_lab_job_start (relation, action, relation->storage, open_overlays, NULL);
    return;
  case TS_ACTION_RESYNC_WRITE:
    ts_lab_job_start (relation, action, relation->storage, write_overlay, NULL);
    return;
  case TS_ACTION_RESYNC_FLUSH:
    ts_lab_job_start (relation, action, relation->storage, flush, NULL);
    return;
  case TS_ACTION_RESYNC_MERGE:
    ts_lab_job_start (relation, action, relation->apply, merge, NULL);
    return;
  case TS_ACTION_RESYNC_DROP:
    ts_lab_job_start (relation, action, relation->storage, drop, ts_lab_job_complain);
    return;
  default:
    g_assert_not_reached ();
  }
}

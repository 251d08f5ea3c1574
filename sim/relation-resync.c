/* sim/relation-resync.c -- what differs, beside the replica's disks, until it is merged.  Twin of
 * lab/host/relation-resync.c. */
#include "core/base/error.h"
#include "sim/internal.h"
#include "sim/parcel.h"

void
ts_sim_resync_open (TsSimRelation *rel)
{
  ts_sim_resync_drop (rel);
  rel->resync_overlays = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  for (guint i = 0; i < rel->disks->len; i++)
    g_ptr_array_add (rel->resync_overlays,
                     ts_sim_disk_new_overlay (g_ptr_array_index (rel->disks, i)));
}

void
ts_sim_resync_drop (TsSimRelation *rel)
{
  g_clear_pointer (&rel->resync_overlays, g_ptr_array_unref);
}

gboolean
ts_sim_resync_write (TsSimRelation *rel, guint disk, guint64 offset_bytes, GBytes *payload,
                     GError **error)
{
  if (!rel->resync_overlays) /* dropped meanwhile */
    return ts_throw (error, TS_ERROR_STATE, "there is no overlay");
  return ts_sim_parcel_write (g_ptr_array_index (rel->resync_overlays, disk), offset_bytes, payload,
                              error);
}

void
ts_sim_resync_merge (TsSimRelation *rel)
{
  for (guint i = 0; rel->resync_overlays && i < rel->resync_overlays->len; i++)
    ts_sim_disk_merge (g_ptr_array_index (rel->resync_overlays, i));
}

guint64
ts_sim_resync_bytes (const TsSimRelation *rel)
{
  guint64 bytes = 0;
  for (guint i = 0; rel->resync_overlays && i < rel->resync_overlays->len; i++)
    bytes += ts_sim_disk_own_bytes (g_ptr_array_index (rel->resync_overlays, i));
  return bytes;
}

void
ts_sim_resync_flush (TsSimRelation *rel)
{
  for (guint i = 0; rel->resync_overlays && i < rel->resync_overlays->len; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (rel->resync_overlays, i));
    disk->ops->flush (disk, NULL);
  }
}

void
ts_sim_resync_power_loss (TsSimRelation *rel, TsRandom *random)
{
  for (guint i = 0; rel->resync_overlays && i < rel->resync_overlays->len; i++)
    ts_sim_disk_power_loss (g_ptr_array_index (rel->resync_overlays, i), random);
}

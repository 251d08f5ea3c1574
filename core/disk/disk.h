/* core/disk/disk.h -- a disk as a table of calls: memory in the simulator, files and NBD in the
 * lab.
 *
 * Offsets and lengths are in bytes and lie within [0, size_bytes); anything else is the caller's
 * bug.  write is durable only after flush.  On failure the range written holds anything. */
#pragma once
#include <glib.h>

typedef struct _TsDisk TsDisk;

typedef struct {
  const char *name; /* "memory", "file", "nbd" */
  gboolean (*read) (TsDisk *disk, guint64 offset_bytes, void *data, gsize len_bytes,
                    GError **error);
  gboolean (*write) (TsDisk *disk, guint64 offset_bytes, const void *data, gsize len_bytes,
                     GError **error);
  gboolean (*flush) (TsDisk *disk, GError **error);
  void (*free) (TsDisk *disk);
} TsDiskOps;

struct _TsDisk { /* each kind puts this first in its own struct */
  const TsDiskOps *ops;
  guint64 size_bytes;
};

static inline void
ts_disk_free (TsDisk *disk)
{
  if (disk)
    disk->ops->free (disk);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsDisk, ts_disk_free)

/* lab/disk.h -- disks that are files. */
#pragma once
#include "core/disk/disk.h"
#include "core/disk/extents.h"

/* A plain (raw) file of the disk's size as TsDisk; flush is fdatasync. */
TsDisk *ts_lab_disk_open (const char *path, gboolean writable, GError **error);

/* A new sparse raw file.  TS_ERROR_FULL when the file system cannot even hold its name. */
gboolean ts_lab_disk_create (const char *path, guint64 size_bytes, GError **error);

/* A new qcow2 (compat 1.1, cluster 64 KiB) whose data lie plain in data_path (data_file_raw), so that
 * they can be read at any time without asking QEMU, while its dirty bitmaps persist. data_path is
 * created. */
gboolean ts_lab_disk_create_tracked (const char *path, const char *data_path, guint64 size_bytes,
                                     GError **error);

/* A new qcow2 overlay on a raw file (qemu-img create -b). */
gboolean ts_lab_disk_create_overlay (const char *path, const char *base_path, GError **error);

/* What of a raw file is allocated (SEEK_DATA / SEEK_HOLE). */
gboolean ts_lab_disk_map (const char *path, TsExtents *extents, GError **error);

/* Lays the initial fill (format/stamp.h, kind FILL) over the first fill_bytes of a raw file. */
gboolean ts_lab_disk_fill (const char *path, guint disk, guint64 fill_bytes, guint64 seed,
                           GError **error);

/* Bytes in 4 KiB blocks that differ between two raw files of equal size. */
gboolean ts_lab_disk_compare (const char *path_a, const char *path_b, guint64 *differing_bytes,
                              GError **error);

/* lab/machine/disk.h -- disks that are files. */
#pragma once
#include "core/disk/disk.h"
#include "core/disk/extents.h"

/* A plain (raw) file of the disk's size as TsDisk; flush is fdatasync. */
TsDisk *ts_lab_disk_open (const char *path, gboolean writable,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Zeros from there on, as a hole where the file system can make one.  disk: from ts_lab_disk_open. */
gboolean ts_lab_disk_clear (TsDisk *disk, guint64 offset_bytes, gsize len_bytes, GError **error);

/* TRUE: nothing of that is allocated, so all of it is zeros.  FALSE: something is, or nobody can tell.  disk: from
 * ts_lab_disk_open. */
gboolean ts_lab_disk_is_hole (TsDisk *disk, guint64 offset_bytes, gsize len_bytes);

/* A new sparse raw file; nothing may stand at path.  size_bytes: a multiple of 512, 1 sector or
 * more. TS_ERROR_FULL when the file system cannot even hold its name. */
gboolean ts_lab_disk_create (const char *path, guint64 size_bytes, GError **error);

/* A new qcow2 whose data lie plain in data_path (data_file_raw), so that they can be read at any
 * time without asking QEMU, while its dirty bitmaps persist.  data_path is created; nothing may
 * stand at either place.  The cluster size is the grain of change tracking: 4 KiB up to 4 GiB, 16
 * KiB up to 16 GiB, then 64 KiB. */
gboolean ts_lab_disk_create_tracked (const char *path, const char *data_path, guint64 size_bytes,
                                     GError **error);

/* Such a qcow2 around data that lie at data_path already, which stay as they are.  What stands at
 * path (of an earlier time: its bitmaps mean nothing any more) is replaced. */
gboolean ts_lab_disk_wrap (const char *path, const char *data_path, guint64 size_bytes,
                           GError **error);
/* Puts right what a crash in the middle of ts_lab_disk_wrap left of the data.  Fine when it left
 * nothing. */
gboolean ts_lab_disk_unwrap (const char *data_path, GError **error);

/* A new qcow2 overlay on such a qcow2, with the same grain of change tracking. */
gboolean ts_lab_disk_create_branch (const char *path, const char *base_path, guint64 size_bytes,
                                    GError **error);

/* A new, empty qcow2 of its own. */
gboolean ts_lab_disk_create_blank (const char *path, guint64 size_bytes, GError **error);

/* A new qcow2 overlay on a raw file (qemu-img create -b). */
gboolean ts_lab_disk_create_overlay (const char *path, const char *base_path, GError **error);

/* Adds to extents what of a raw file is allocated (SEEK_DATA / SEEK_HOLE). */
gboolean ts_lab_disk_map (const char *path, TsExtents *extents, GError **error);

/* Lays the initial fill (format/stamp.h, kind FILL) over the first fill_bytes of a raw file.
 * fill_bytes: a multiple of 4 KiB within the disk. */
gboolean ts_lab_disk_fill (const char *path, guint disk, guint64 fill_bytes, guint64 seed,
                           GError **error);

/* Bytes in 4 KiB blocks that differ between two raw files; TS_ERROR_ARGUMENT when their sizes do.
 */
gboolean ts_lab_disk_compare (const char *path_a, const char *path_b, guint64 *differing_bytes,
                              GError **error);

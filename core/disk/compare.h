/* core/disk/compare.h -- which blocks of two disks differ, told by hashes that cross the wire
 * instead of data.
 *
 * Both sides hash the same batch of their own disk, block by block.  One number over all of a
 * batch's hashes, its digest, goes first; only where the digests differ do the hashes of the blocks
 * follow, and only where those differ is a block sent.  Equal batches of 1 MiB so cost 16 bytes and
 * the frames around them, a batch that differs 4 KiB more.
 *
 * The hash is XXH3-128.  Two different blocks have the same one by chance once in 2^128; it is no
 * defence against somebody who makes blocks on purpose (CHOICE: block size and hash of a
 * resynchronization are not published, HVR reference 2.9). */
#pragma once
#include "core/disk/disk.h"
#include "core/disk/extents.h"

#define TS_COMPARE_BLOCK_BYTES 4096
#define TS_COMPARE_BATCH_BYTES (1024 * 1024)
#define TS_COMPARE_HASH_BYTES 16

/* Reads [offset, offset + len) of the disk: TS_COMPARE_HASH_BYTES per block, the last may be short.
 * len: 1 to TS_COMPARE_BATCH_BYTES.  NULL: the disk's error. */
GBytes *ts_compare_hash (TsDisk *disk, guint64 offset_bytes, guint32 len_bytes,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same of bytes that are in memory already. */
GBytes *ts_compare_hash_data (const void *data, guint32 len_bytes) G_GNUC_WARN_UNUSED_RESULT;
/* TS_COMPARE_HASH_BYTES over all of them. */
GBytes *ts_compare_digest (GBytes *hashes) G_GNUC_WARN_UNUSED_RESULT;
/* Adds to differing the blocks of [offset, offset + len) whose hashes are not the same.
 * TS_ERROR_FORMAT, and nothing added: theirs are not the hashes of so many bytes. */
gboolean ts_compare_differing (GBytes *mine, GBytes *theirs, guint64 offset_bytes,
                               guint32 len_bytes, TsExtents *differing, GError **error);

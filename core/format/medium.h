/* core/format/medium.h -- what an initial replication on a medium says of itself.
 *
 * HVR reference 2.3, "export / external media": the disks go to a folder, the folder is carried to
 * the replica, and imported there.  How Hyper-V marks such a folder is not published; this is ours
 * (CHOICE).  Beside the disks' data lies a list of what was copied, piece by piece, with a hash of
 * each; it is written last, so that a folder without it is one that is not finished.
 *
 * MEDIUM, version 1.  Every integer is unsigned and little-endian.
 *
 *   OFFSET  SIZE
 *        0     8  magic "TSMEDIUM"
 *        8     4  version, 1
 *       12     4  disks: 1 to TS_MEDIUM_DISKS_MAX
 *       16    16  vm, not zero
 *       32     8  run: of the primary's attempt (relation/wire.h), not 0
 *       40     8  pieces
 *       48     8  XXH3-64 of bytes 0..47 and 56..end
 *       56        disks times size_bytes (8), not 0
 *                 pieces times:
 *       +0     8  offset_bytes
 *       +8     4  len_bytes: 1 to TS_MEDIUM_PIECE_BYTES_MAX
 *      +12     4  disk
 *      +16    16  XXH3-128 of the data
 *
 * It is valid if and only if it is exactly that long, the checksum matches, and pieces are in rising
 * order of (disk, offset), apart or touching, each within its disk. */
#pragma once
#include <glib.h>
#include "core/base/guid.h"

#define TS_MEDIUM_DISKS_MAX 16
#define TS_MEDIUM_PIECE_BYTES_MAX (1024 * 1024)
#define TS_MEDIUM_HASH_BYTES 16

typedef struct {
  guint64 offset_bytes;
  guint32 len_bytes, disk;
  guint8 hash[TS_MEDIUM_HASH_BYTES];
} TsMediumPiece;

typedef struct {
  TsGuid vm;
  guint64 run;
  guint disks;
  guint64 size_bytes[TS_MEDIUM_DISKS_MAX];
  GArray *pieces; /* TsMediumPiece */
} TsMedium;

TsMedium *ts_medium_new (void) G_GNUC_WARN_UNUSED_RESULT; /* without pieces, all else zero */
void ts_medium_free (TsMedium *medium);                   /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsMedium, ts_medium_free)
const TsMediumPiece *ts_medium_piece (const TsMedium *medium, guint index);

/* What unpack would refuse is the caller's bug (asserted). */
GBytes *ts_medium_pack (const TsMedium *medium) G_GNUC_WARN_UNUSED_RESULT;
/* NULL, with TS_ERROR_REFUSED when it is of another version and TS_ERROR_FORMAT for anything else. */
TsMedium *ts_medium_unpack (GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Of a piece's data: TS_MEDIUM_HASH_BYTES. */
GBytes *ts_medium_hash (const void *data, gsize len_bytes) G_GNUC_WARN_UNUSED_RESULT;

/* core/format/hru.h -- the undo log: what stood on one replica disk at a recovery point and has
 * been overwritten since.
 *
 * From WS2012 R2 on the replica's disks are always of the newest point, and an older one is reached
 * by undo logs, ".HRU" (HVR reference 2.7).  Their layout was never published: this one is ours
 * (CHOICE).  One log belongs to one kept point and one disk.  Before a set is applied, a segment is
 * appended with the old content of what the set overwrites for the first time since the point, and
 * made durable.  A set that overwrites nothing new still has its segment, empty: so a log proves
 * that it misses none.
 *
 * UNDO LOG, version 1.  Every integer is unsigned and little-endian.
 *
 *   OFFSET  SIZE  HEADER
 *        0     8  magic "TSUNDO\r\n"
 *        8     4  version, 1
 *       12     4  zero
 *       16     8  point: number of the log set that the point is of, 1 or more
 *       24     8  instant_us of the point, 0 to G_MAXINT64
 *       32     8  disk_bytes: size of the disk
 *       40    16  zero
 *       56     8  XXH3-64 of bytes 0..55
 *   SEGMENT, any number of them, one behind the other from byte 64
 *       +0     8  magic "TSUSEG\r\n"
 *       +8     8  set: before the apply of which it was made; point + 1, then one more each
 *      +16     8  entries
 *      +24     8  data_bytes: of all entries
 *      +32     8  XXH3-64 of the table
 *      +40     8  XXH3-64 of the data
 *      +48     8  zero
 *      +56     8  XXH3-64 of bytes 0..55 of the segment
 *      +64        table: per entry offset_bytes, len_bytes (8 each); in rising order, apart or
 *                 touching, within the disk, none empty, none twice in the whole log
 *                 data: of each entry, in the order of the table, without a gap
 *
 * A segment is valid if and only if all of that holds and it lies within the file.  The first that
 * is not ends the log: what stands there is a segment that was being written when the host died
 * (its set has not touched the disk), or damage; the number of the last valid one tells which. */
#pragma once
#include <glib.h>
#include "core/disk/extents.h"

#define TS_HRU_HEADER_BYTES 64
#define TS_HRU_SEGMENT_BYTES 64
#define TS_HRU_ENTRY_BYTES 16

typedef struct {
  guint64 point;     /* number of the set */
  gint64 instant_us; /* of the source */
  guint64 disk_bytes;
} TsHruInfo;

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct _TsHru TsHru;

typedef enum {
  TS_HRU_WHOLE, /* to undo: everything is checked */
  TS_HRU_INDEX, /* to append: of all segments but the last the data are taken on trust */
} TsHruCheck;

/* Reads the header and every valid segment.  bytes is referenced, not copied.  TS_ERROR_FORMAT: the
 * header is none. */
TsHru *ts_hru_open (GBytes *bytes, TsHruCheck check, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_hru_free (TsHru *hru); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsHru, ts_hru_free)

const TsHruInfo *ts_hru_info (const TsHru *hru);
guint64 ts_hru_last_set (const TsHru *hru);   /* of the last valid segment; none: the point */
guint64 ts_hru_end (const TsHru *hru);        /* byte behind the last valid segment */
guint64 ts_hru_data_bytes (const TsHru *hru); /* what it takes to undo */
guint64 ts_hru_count (const TsHru *hru);      /* entries of all segments */
TsExtent ts_hru_entry (const TsHru *hru, guint64 index);
const guint8 *ts_hru_data (const TsHru *hru, guint64 index); /* len_bytes of them; owned by hru */
const TsExtents *ts_hru_saved (const TsHru *hru);            /* which ranges are in it */

/* --- writing ---------------------------------------------------------------------------------- */

/* Puts bytes at an offset of the log; offsets may come in any order, and once each. */
typedef gboolean (*TsHruPut) (void *user, guint64 offset_bytes, const void *data, gsize len_bytes,
                              GError **error);
/* Gives len_bytes of the disk as it is now. */
typedef gboolean (*TsHruTake) (void *user, guint64 offset_bytes, void *data, gsize len_bytes,
                               GError **error);

gboolean ts_hru_put_header (const TsHruInfo *info, TsHruPut put, void *user, GError **error);
/* Appends a segment at byte `at` of the log (behind what is valid): the content of extents, which
 * must lie within the disk and not be saved yet.  Makes nothing durable.  *end: byte behind it. */
gboolean ts_hru_put_segment (guint64 at, guint64 set, const TsExtents *extents, TsHruTake take,
                             void *take_user, TsHruPut put, void *put_user, guint64 *end,
                             GError **error);

/* A put for logs in memory.  user: a GByteArray, which grows; gaps are zero. */
gboolean ts_hru_put_array (void *user, guint64 offset_bytes, const void *data, gsize len_bytes,
                           GError **error);

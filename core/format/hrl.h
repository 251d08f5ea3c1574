/* core/format/hrl.h -- the Hyper-V Replica log, as published: [MS-HRL] v6.0 (section numbers below
 * are that document's).
 *
 * A log holds the writes to one disk between two cuts, in order of time, with their data.  It is
 * read backwards from its end to find the metadata blocks, and applied forwards (2.5).  Writer and
 * reader do no I/O: the writer hands out bytes to put at an offset, the reader is given the whole
 * file.
 *
 * LOG FILE.  Every integer is little-endian; nothing is aligned.
 *
 *   header, 4096 bytes | metadata block, empty | { data of up to 127 writes | metadata block } ...
 *
 *   OFFSET  SIZE  HEADER (2.2)
 *        0     8  Cookie, "msctlog" and a NUL (CHOICE: the example prints a blank; both are read)
 *        8     4  LogFormatVersion, 0x00020000
 *       12     4  TimeStamp: when the log was opened, seconds since 2000-01-01 UTC
 *       16     4  CreatorApplication, "ct"; not verified
 *       20     4  CreatorVersion; not verified
 *       24     8  OriginalSize: of the LOG when it was made, 0.  Not of the disk: no field is
 *       32     8  CurrentSize: of the log; 0 while open
 *       40     4  Checksum of the header
 *       44     8  EOLLocation: the log's length; 0 while open, so 0 means not closed gracefully
 *       52     4  ErrorCode: what tracking suffered
 *       56     4  MetadataSize: of a block, 4096; others are read if multiples of 512
 *       60    16  UniqueId: of this log
 *       76    16  PreviousUniqueId: of the log before it
 *       92     4  LastModifiedTimeStamp
 *       96     8  TotalMetadataEntries
 *      104     4  FileType, 0
 *      108     2  Flags, 0
 *      110    16  Vhd2DataWriteGuid: changes when the disk is changed behind the tracker's back
 *      126  3970  zero
 *   METADATA BLOCK (2.3), 32 bytes and then entries; those behind the valid ones are zero
 *       +0     8  PreviousMetadataLocation: how far back the block before starts; 0 in the first
 *       +8     4  ValidMetadataEntries
 *      +12     4  Checksum of these 32 bytes
 *      +16    16  zero
 *   ENTRY (2.4), 32 bytes
 *       +0     8  ByteOffset on the disk
 *       +8     4  Checksum of these 32 bytes
 *      +12     4  DataLength
 *      +16     4  TimeStamp
 *      +20     1  MetaOperation, 1: write
 *      +21     4  DataChecksum: of the data; 0: none was kept (so in the published example, section
 * 3) +25     1  Location, 0 +26     6  zero
 *
 * A checksum is the one's complement of the sum of the bytes, its own four left out (2.6).
 *
 * A log is valid if and only if: cookie, version and every checksum fit; what must be zero is zero;
 * it is closed (EOLLocation and CurrentSize are its length); the backward chain ends in a first
 * block; data and metadata tile the file from the header to the end without a gap; and the blocks'
 * entries add up to TotalMetadataEntries.  Anything else is TS_ERROR_FORMAT, and nothing of it may
 * be applied. */
#pragma once
#include <glib.h>
#include "core/base/guid.h"
#include "core/disk/extents.h"

#define TS_HRL_HEADER_BYTES 4096
#define TS_HRL_METADATA_BYTES 4096
#define TS_HRL_ENTRIES_PER_BLOCK 127
#define TS_HRL_VERSION 0x00020000
#define TS_HRL_EPOCH_UNIX_S G_GINT64_CONSTANT (946684800) /* 2000-01-01 00:00:00 UTC */
#define TS_HRL_DATA_MAX (8 * 1024 * 1024) /* CHOICE: one write's data; longer ones are split */

typedef struct {
  guint32 time_s;     /* since 2000-01-01 UTC: when the log was opened */
  guint64 disk_bytes; /* writing: no write may end behind it.  The format does not keep it; reading:
                         where the furthest write ends, the smallest disk that can take the log */
  TsGuid unique;      /* this log */
  TsGuid previous;    /* the log before it; zero for the first */
  TsGuid disk_write;  /* Vhd2DataWriteGuid */
} TsHrlInfo;

/* --- writing ---------------------------------------------------------------------------------- */

typedef struct _TsHrlWriter TsHrlWriter;

/* put: stores bytes at an offset of the log; FALSE with error stops the writer for good.  Offsets
 * rise without a gap, but for the header, which is rewritten at offset 0 when the log is closed. */
typedef gboolean (*TsHrlPut) (void *user, guint64 offset_bytes, const void *data, gsize len_bytes,
                              GError **error);

/* A put for logs in memory.  user: a GByteArray, empty at the start. */
gboolean ts_hrl_put_array (void *user, guint64 offset_bytes, const void *data, gsize len_bytes,
                           GError **error);

/* Writes an open header (EOLLocation 0) and the first, empty metadata block. */
TsHrlWriter *ts_hrl_writer_new (const TsHrlInfo *info, TsHrlPut put, void *user,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_hrl_writer_free (TsHrlWriter *writer); /* NULL is fine; the log stays open: not graceful */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsHrlWriter, ts_hrl_writer_free)

/* Appends one write; longer than TS_HRL_DATA_MAX is split; of length 0 it is nothing.  time_s:
 * since 2000-01-01 UTC.  TS_ERROR_ARGUMENT when it ends behind the disk: the log stays as it was.
 */
gboolean ts_hrl_writer_add (TsHrlWriter *writer, guint64 offset_bytes, const void *data,
                            gsize len_bytes, guint32 time_s, GError **error);
/* Writes the last metadata block, then the header with EOLLocation.  Call once; no add after it.
 * error_code: 0, or what tracking suffered (header ErrorCode). */
gboolean ts_hrl_writer_close (TsHrlWriter *writer, guint32 time_s, gint32 error_code,
                              GError **error);

/* Has the header of a closed log, of TS_HRL_HEADER_BYTES or more, name another log as the one before it,
 * its checksum made good: a valid log, of another chain.  TS_ERROR_FORMAT, and nothing is changed, when
 * it is no header of a closed log or its checksum did not fit. */
gboolean ts_hrl_follow_another (guint8 *header, gsize len_bytes, const TsGuid *previous,
                                GError **error);

guint64 ts_hrl_writer_bytes (const TsHrlWriter *writer);      /* the log's length so far */
guint64 ts_hrl_writer_data_bytes (const TsHrlWriter *writer); /* the writes' data so far */
guint64 ts_hrl_writer_entries (const TsHrlWriter *writer);    /* writes so far */

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct _TsHrl TsHrl;

typedef struct {
  guint64 disk_offset_bytes; /* where the write went on the disk */
  guint32 len_bytes;
  guint32 time_s;
  guint64 log_offset_bytes; /* where its data lies in the log */
} TsHrlEntry;

/* Checks the whole log by the rule above.  bytes is referenced, not copied. */
TsHrl *ts_hrl_open (GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_hrl_free (TsHrl *hrl); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsHrl, ts_hrl_free)

const TsHrlInfo *ts_hrl_info (const TsHrl *hrl);
gint32 ts_hrl_error_code (const TsHrl *hrl);
guint64 ts_hrl_count (const TsHrl *hrl);
TsHrlEntry ts_hrl_entry (const TsHrl *hrl, guint64 index);   /* in order of time */
const guint8 *ts_hrl_data (const TsHrl *hrl, guint64 index); /* len_bytes of them; owned by hrl */
guint64 ts_hrl_data_bytes (const TsHrl *hrl);                /* sum of len_bytes */
/* Entries whose data no checksum guards (DataChecksum 0).  Logs of this writer have none. */
guint64 ts_hrl_unguarded (const TsHrl *hrl);

/* The header of a log that may be open or damaged, for `twinsite hrl` and for telling why a log is
 * refused.  FALSE with TS_ERROR_FORMAT when it is not all there, or cookie or version do not fit.
 */
typedef struct {
  TsHrlInfo info;    /* disk_bytes: 0, it is not in the header */
  guint64 eol_bytes; /* 0: not closed gracefully */
  guint64 log_bytes; /* CurrentSize */
  guint64 entries;
  guint32 modified_s;  /* since 2000-01-01 UTC */
  guint32 block_bytes; /* MetadataSize */
  gint32 error_code;
  gboolean checksum_ok;
} TsHrlGlance;
gboolean ts_hrl_glance (const void *data, gsize len_bytes, TsHrlGlance *glance, GError **error);

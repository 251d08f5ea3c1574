/* core/format/hrl.h -- the Hyper-V Replica log, as published: [MS-HRL] v6.0, HVR reference 2.5.
 *
 * A log holds the writes to one disk between two cuts, in order of time, with their data.  It is a
 * header of 4096 bytes, an empty metadata block, then runs of {data of up to 127 writes, metadata
 * block}.  Little-endian, packed.  It is read backwards from EOLLocation to find the metadata blocks
 * and applied forwards.  Writer and reader do no I/O: the writer hands out bytes to put at an
 * offset, the reader is given the whole file.
 *
 * A log is valid if and only if: cookie, version and every checksum fit (header, metadata blocks,
 * entries), it is closed (EOLLocation is its length), the backward chain reaches the first block
 * exactly, data and metadata tile the file without a gap, every write lies within CurrentSize, and
 * the entries add up to TotalMetadataEntries.  Anything else is TS_ERROR_FORMAT, and nothing of it
 * may be applied. */
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
  guint32 time_s;           /* since 2000-01-01 UTC: when the log was opened */
  guint64 disk_bytes;       /* OriginalSize and CurrentSize */
  TsGuid unique;            /* this log */
  TsGuid previous;          /* the log before it; zero for the first */
  TsGuid disk_write;        /* Vhd2DataWriteGuid: changes when the disk is changed offline */
} TsHrlInfo;

/* --- writing ---------------------------------------------------------------------------------- */

typedef struct _TsHrlWriter TsHrlWriter;

/* put: stores bytes at an offset of the log; FALSE with error stops the writer for good.  Offsets
 * rise, but for the header, which is rewritten at offset 0 when the log is closed. */
typedef gboolean (*TsHrlPut) (void *user, guint64 offset_bytes, const void *data, gsize len_bytes,
                              GError **error);

/* Writes an open header (EOLLocation 0) and the first, empty metadata block. */
TsHrlWriter *ts_hrl_writer_new (const TsHrlInfo *info, TsHrlPut put, void *user, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
void ts_hrl_writer_free (TsHrlWriter *writer); /* NULL is fine; the log stays open: not graceful */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsHrlWriter, ts_hrl_writer_free)

/* Appends one write; longer than TS_HRL_DATA_MAX is split.  time_s: since 2000-01-01 UTC. */
gboolean ts_hrl_writer_add (TsHrlWriter *writer, guint64 offset_bytes, const void *data,
                            gsize len_bytes, guint32 time_s, GError **error);
/* Writes the last metadata block, then the header with EOLLocation.  Call once.
 * error_code: 0, or what tracking suffered (header ErrorCode). */
gboolean ts_hrl_writer_close (TsHrlWriter *writer, guint32 time_s, gint32 error_code, GError **error);

guint64 ts_hrl_writer_bytes (const TsHrlWriter *writer);   /* the log's length so far */
guint64 ts_hrl_writer_entries (const TsHrlWriter *writer); /* writes so far */

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct _TsHrl TsHrl;

typedef struct {
  guint64 disk_offset_bytes; /* where the write went on the disk */
  guint32 len_bytes;
  guint32 time_s;
  guint64 log_offset_bytes;  /* where its data lies in the log */
} TsHrlEntry;

/* Checks the whole log by the rule above.  bytes is referenced, not copied. */
TsHrl *ts_hrl_open (GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_hrl_free (TsHrl *hrl); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsHrl, ts_hrl_free)

const TsHrlInfo *ts_hrl_info (const TsHrl *hrl);
gint32 ts_hrl_error_code (const TsHrl *hrl);
guint64 ts_hrl_count (const TsHrl *hrl);
TsHrlEntry ts_hrl_entry (const TsHrl *hrl, guint64 index); /* in order of time */
const guint8 *ts_hrl_data (const TsHrl *hrl, guint64 index); /* len_bytes of them; owned by hrl */
guint64 ts_hrl_data_bytes (const TsHrl *hrl); /* sum of len_bytes */

/* The header of a log that may be open or damaged, for `twinsite hrl` and for telling why a log is
 * refused: fills what can be read.  FALSE when not even cookie and version fit. */
typedef struct {
  TsHrlInfo info;
  guint64 eol_bytes; /* 0: not closed gracefully */
  guint64 entries;
  gint32 error_code;
  gboolean checksum_ok;
} TsHrlGlance;
gboolean ts_hrl_glance (const void *data, gsize len_bytes, TsHrlGlance *glance, GError **error);

/* sim/log.h -- a closed replication log: which pages it changes, and what they then hold.
 *
 * It is the published format without its bytes (core/format/hrl.h): the same writes in the same
 * order, the same length to the byte, and ts_sim_log_bytes makes the very file.  Once closed it
 * does not change any more, so primary, wire and replica hold the same one. */
#pragma once
#include "core/format/hrl.h"
#include "sim/disk.h"

typedef struct _TsSimLog TsSimLog;

TsSimLog *ts_sim_log_new (const TsHrlInfo *info, guint64 seed);
TsSimLog *ts_sim_log_ref (TsSimLog *log);
void ts_sim_log_unref (TsSimLog *log); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsSimLog, ts_sim_log_unref)

/* One write: pages [page, page + count) as the disk holds them now. */
void ts_sim_log_add (TsSimLog *log, const TsSimDisk *disk, guint64 page, guint64 count,
                     guint32 time_s);
void ts_sim_log_close (TsSimLog *log, guint32 time_s);

const TsHrlInfo *ts_sim_log_info (const TsSimLog *log);
guint64 ts_sim_log_length_bytes (const TsSimLog *log); /* of the file */
guint64 ts_sim_log_data_bytes (const TsSimLog *log);
guint64 ts_sim_log_entries (const TsSimLog *log);
guint64 ts_sim_log_end_bytes (const TsSimLog *log); /* on the disk: where the furthest write ends */

/* The file. */
GBytes *ts_sim_log_bytes (const TsSimLog *log, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Plays it onto a disk and flushes; what core/disk/apply.h does with the bytes. */
gboolean ts_sim_log_apply (const TsSimLog *log, TsSimDisk *disk, GError **error);
/* What a piece of the file takes on the wire once compressed: modelled, see profile.h. */
guint64 ts_sim_log_wire_bytes (const TsSimLog *log, guint64 offset_bytes, guint64 len_bytes);

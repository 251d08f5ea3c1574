/* lab/host/spool.h -- log sets on disk: a folder with one .hrl file per (set, disk).
 *
 * The primary's spool is filled by a cut and read for sending; the replica's is filled piece by
 * piece as frames come, sealed, and read for applying.  Every call blocks.  One thread at a time
 * per spool, but ts_lab_spool_read and ts_lab_spool_log, which any thread may call. A full file
 * system is TS_ERROR_FULL everywhere. */
#pragma once
#include "core/format/hrl.h"
#include "core/relation/event.h"

typedef struct _TsLabSpool TsLabSpool;

/* Makes the folder (and those above it) if it is not there. */
TsLabSpool *ts_lab_spool_open (const char *folder, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_spool_free (TsLabSpool *spool); /* NULL is fine; leaves the files */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabSpool, ts_lab_spool_free)

/* "FOLDER/set-00000012.disk-01.hrl" */
char *ts_lab_spool_path (const TsLabSpool *spool, guint64 set, guint disk);

/* --- the primary's -----------------------------------------------------------------------------
 */

typedef struct _TsLabSpoolLog TsLabSpoolLog; /* a log that is being written */

/* Replaces what an earlier, failed cut of the same number left. */
TsLabSpoolLog *ts_lab_spool_create (TsLabSpool *spool, guint64 set, guint disk,
                                    const TsHrlInfo *info,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
TsHrlWriter *ts_lab_spool_log_writer (TsLabSpoolLog *log);
/* Closes the log and makes it durable (its name too); then what it is (data_bytes is the caller's).
 */
gboolean ts_lab_spool_log_close (TsLabSpoolLog *log, guint32 time_s, TsCutLog *closed,
                                 GError **error);
/* Removes the file if the log was not closed. NULL is fine. */
void ts_lab_spool_log_free (TsLabSpoolLog *log);

/* Exactly len_bytes of a log; less is TS_ERROR_FORMAT. */
GBytes *ts_lab_spool_read (const TsLabSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                           gsize len_bytes, GError **error);

/* --- the replica's -----------------------------------------------------------------------------
 */

gboolean ts_lab_spool_store (TsLabSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                             GBytes *payload, GError **error);
/* Makes the set's logs (of disks in the mask `which`) durable, then checks each whole
 * (format/hrl.h); *manifest says what they say of themselves (instant and kind are not in them: zero).
 * TS_ERROR_FORMAT: a log is missing, damaged, or not closed. */
gboolean ts_lab_spool_seal (TsLabSpool *spool, guint64 set, guint disks, guint32 which,
                            TsManifest *manifest, GError **error);
/* A stored log, checked whole. */
TsHrl *ts_lab_spool_log (const TsLabSpool *spool, guint64 set, guint disk, GError **error);

/* --- both --------------------------------------------------------------------------------------
 */

/* Removes the logs of a set; fine when there are none. */
gboolean ts_lab_spool_delete_set (TsLabSpool *spool, guint64 set, GError **error);
/* Removes the logs of every set behind that one. */
gboolean ts_lab_spool_drop (TsLabSpool *spool, guint64 behind_set, GError **error);

/* Exactly len_bytes of any file. */
GBytes *ts_lab_file_read (const char *path, guint64 offset_bytes, gsize len_bytes, GError **error);

/* A file is durable; of a folder, the names in it. */
gboolean ts_lab_path_sync (const char *path, GError **error);

/* A small file, replaced whole or not at all, durable when it returns (the relation's state). */
gboolean ts_lab_state_save (const char *path, GBytes *state, GError **error);
/* NULL without error: there is none. */
GBytes *ts_lab_state_load (const char *path, GError **error);

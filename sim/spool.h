/* sim/spool.h -- logs in memory, with what power loss takes.  Twin of lab/host/spool.h.
 *
 * A log is kept as what it says (sim/log.h) or as the bytes of its file.  Whoever asks for bytes
 * gets them, however it is kept. */
#pragma once
#include "core/relation/wire.h"
#include "core/seam/order.h"
#include "sim/log.h"

typedef struct _TsSimSpool TsSimSpool;

/* bytes: logs are kept as their files. */
TsSimSpool *ts_sim_spool_new (gboolean bytes);
void ts_sim_spool_free (TsSimSpool *spool);

/* Is there no room for another log of our own? */
void ts_sim_spool_set_full (TsSimSpool *spool, gboolean full);
/* A whole log of our own; references it.  TS_ERROR_FULL. */
gboolean ts_sim_spool_add (TsSimSpool *spool, guint64 set, guint disk, TsSimLog *log,
                           GError **error);
/* A piece of a log that has come from a peer, bytes or parcel; not durable yet. */
void ts_sim_spool_store (TsSimSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                         GBytes *payload);
/* Puts bytes at an offset of the log of (set, disk), which grows; not durable yet. */
void ts_sim_spool_put (TsSimSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                       const void *data, gsize len_bytes);
/* The log's bytes, as far as they are there, or NULL. */
GBytes *ts_sim_spool_get (const TsSimSpool *spool, guint64 set, guint disk);
/* The log, borrowed, when it is kept as what it says and is there to its end; else NULL. */
const TsSimLog *ts_sim_spool_log (const TsSimSpool *spool, guint64 set, guint disk);
/* Part of one of our own logs, bytes or parcel, and what it takes on the wire when compressed. */
GBytes *ts_sim_spool_slice (const TsSimSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                            gsize len_bytes, guint64 *wire_bytes);
/* Of one log, as far as it is there. */
guint64 ts_sim_spool_log_bytes (const TsSimSpool *spool, guint64 set, guint disk);
guint64 ts_sim_spool_bytes (const TsSimSpool *spool); /* of all logs */
guint64 ts_sim_spool_set_bytes (const TsSimSpool *spool, guint64 set);
/* Makes the set's logs (of disks in the mask `which`) durable and tells what they say of themselves. */
gboolean ts_sim_spool_seal (TsSimSpool *spool, guint64 set, guint disks, guint32 which,
                            TsManifest *manifest, GError **error);
/* Changes the newest whole log.  FALSE: there is none. */
gboolean ts_sim_spool_corrupt (TsSimSpool *spool, gboolean own, /* own: of our own logs, which are whole */
                               TsLogFault fault);
void ts_sim_spool_delete (TsSimSpool *spool, guint64 set);
void ts_sim_spool_drop_after (TsSimSpool *spool, guint64 set);
/* Logs that were not sealed are gone. */
void ts_sim_spool_power_loss (TsSimSpool *spool);

/* sim/spool.h -- logs in memory, with what power loss takes.  Twin of lab/spool.h. */
#pragma once
#include "core/relation/wire.h"

typedef struct _TsSimSpool TsSimSpool;

TsSimSpool *ts_sim_spool_new (void);
void ts_sim_spool_free (TsSimSpool *spool);

/* Puts bytes at an offset of the log of (set, disk), which grows; not durable yet. */
void ts_sim_spool_put (TsSimSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                       const void *data, gsize len_bytes);
/* The log, or NULL. */
GBytes *ts_sim_spool_get (const TsSimSpool *spool, guint64 set, guint disk);
/* Part of a log. */
GBytes *ts_sim_spool_slice (const TsSimSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                            gsize len_bytes);
guint64 ts_sim_spool_set_bytes (const TsSimSpool *spool, guint64 set);
/* Makes a set durable and tells what its logs say of themselves. */
gboolean ts_sim_spool_seal (TsSimSpool *spool, guint64 set, guint disks, TsManifest *manifest,
                            GError **error);
void ts_sim_spool_delete (TsSimSpool *spool, guint64 set);
void ts_sim_spool_drop_after (TsSimSpool *spool, guint64 set);
/* Logs that were not sealed are gone. */
void ts_sim_spool_power_loss (TsSimSpool *spool);

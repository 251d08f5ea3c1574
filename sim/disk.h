/* sim/disk.h -- a disk of shared pages in memory, with a write-back cache that power loss empties.
 *
 * Twin of lab/disk.h.  Pages of 4 KiB are shared between a disk and its snapshots until written, so
 * a snapshot costs a pointer per page.  An overlay reads through to its base.
 *
 * Fault model: what was flushed stays.  Of each page written since, power loss keeps the new
 * content, the old one, or (torn) some leading sectors of the new, each a third of the time. */
#pragma once
#include "core/base/random.h"
#include "core/disk/disk.h"
#include "core/disk/extents.h"

#define TS_SIM_PAGE_BYTES 4096

typedef struct _TsSimDisk TsSimDisk; /* begins with a TsDisk */

TsSimDisk *ts_sim_disk_new (guint64 size_bytes) G_GNUC_WARN_UNUSED_RESULT;
TsSimDisk *
ts_sim_disk_new_overlay (TsSimDisk *base) G_GNUC_WARN_UNUSED_RESULT; /* base outlives it */
TsSimDisk *ts_sim_disk_snapshot (const TsSimDisk *disk) G_GNUC_WARN_UNUSED_RESULT;
void ts_sim_disk_free (TsSimDisk *disk);   /* NULL is fine */
TsDisk *ts_sim_disk_ops (TsSimDisk *disk); /* borrowed */

void ts_sim_disk_power_loss (TsSimDisk *disk, TsRandom *random);
/* Folds an overlay into its base and empties it. */
void ts_sim_disk_merge (TsSimDisk *overlay);
/* Which pages were ever written. */
void ts_sim_disk_map (const TsSimDisk *disk, TsExtents *extents);
/* Bytes in pages that differ; sizes are equal. */
guint64 ts_sim_disk_differing_bytes (const TsSimDisk *a, const TsSimDisk *b);
guint64 ts_sim_disk_dirty_bytes (const TsSimDisk *disk); /* in the cache, not flushed */

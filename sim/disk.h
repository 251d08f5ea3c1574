/* sim/disk.h -- a disk in memory, with a write-back cache that power loss empties.
 *
 * Twin of lab/machine/disk.h.  A page of 4 KiB is a word (sim/pages.h): what it holds, or its bytes.  Bytes
 * may be read and written anywhere and at any time, whatever the pages are; who knows what a page
 * holds says so (put_word), and then neither makes nor keeps its bytes.  Snapshots share, and cost
 * nothing.  An overlay reads through to its base.
 *
 * Fault model: what was flushed stays.  Of each page written since, power loss keeps the new
 * content, the old one, or (torn) some leading sectors of the new, each a third of the time. */
#pragma once
#include "core/base/random.h"
#include "core/disk/disk.h"
#include "core/disk/extents.h"
#include "sim/pages.h"

typedef struct _TsSimDisk TsSimDisk; /* begins with a TsDisk */

/* seed: of the bytes behind stamped words; one in a world. */
TsSimDisk *ts_sim_disk_new (guint64 size_bytes, guint64 seed) G_GNUC_WARN_UNUSED_RESULT;
TsSimDisk *
ts_sim_disk_new_overlay (TsSimDisk *base) G_GNUC_WARN_UNUSED_RESULT; /* base outlives it */
TsSimDisk *ts_sim_disk_snapshot (const TsSimDisk *disk) G_GNUC_WARN_UNUSED_RESULT;
void ts_sim_disk_free (TsSimDisk *disk); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsSimDisk, ts_sim_disk_free)
TsDisk *ts_sim_disk_ops (TsSimDisk *disk); /* borrowed */
guint64 ts_sim_disk_seed (const TsSimDisk *disk);

/* What a page holds; borrowed, valid until the next write. */
TsSimWord ts_sim_disk_word (const TsSimDisk *disk, guint64 page);
/* Writes a page; takes the reference. */
void ts_sim_disk_put_word (TsSimDisk *disk, guint64 page, TsSimWord word);
/* Lays the initial fill over the first pages of an empty disk, flushed. */
void ts_sim_disk_fill (TsSimDisk *disk, guint index, guint64 pages);
/* As ts_sim_pages_next_run, through to the base. */
gboolean ts_sim_disk_next_run (const TsSimDisk *disk, guint64 *page, guint64 *count);
/* Behind a run of put_word that was a bulk load: see ts_sim_pages_fold. */
void ts_sim_disk_fold (TsSimDisk *disk, guint64 page);

/* Counts writes to it: who has done all of them knows what it must be. */
guint64 ts_sim_disk_writes (const TsSimDisk *disk);

gboolean ts_sim_disk_is_overlay (const TsSimDisk *disk);

void ts_sim_disk_power_loss (TsSimDisk *disk, TsRandom *random);
/* Folds an overlay into its base and empties it. */
void ts_sim_disk_merge (TsSimDisk *overlay);
/* Bytes in pages of its own: what an overlay holds. */
guint64 ts_sim_disk_own_bytes (const TsSimDisk *disk);
/* Which pages were ever written. */
void ts_sim_disk_map (const TsSimDisk *disk, TsExtents *extents);
/* The disk is that large from now on, and flushed: what lay behind is gone, what comes is blank.  No
 * overlay, and no other one's base. */
void ts_sim_disk_resize (TsSimDisk *disk, guint64 size_bytes);
/* Bytes in pages that differ; of disks of two sizes, as far as both go. */
guint64 ts_sim_disk_differing_bytes (const TsSimDisk *a, const TsSimDisk *b);
/* Lets disk share what it holds with another one of the same content: nobody can tell, but less is
 * kept, and comparing them, or what becomes of them, is quick.  Call only when nothing differs. */
void ts_sim_disk_share (TsSimDisk *disk, const TsSimDisk *with);
guint64 ts_sim_disk_dirty_bytes (const TsSimDisk *disk); /* in the cache, not flushed */

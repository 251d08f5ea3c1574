/* sim/dirty.h -- which pages of a disk were written since the last cut: a sparse bitmap.
 *
 * A bit a page of 4 KiB, as QEMU's dirty bitmaps have it; room is taken only where there are bits.
 */
#pragma once
#include <glib.h>

typedef struct _TsSimDirty TsSimDirty;

TsSimDirty *ts_sim_dirty_new (guint64 pages);
void ts_sim_dirty_free (TsSimDirty *dirty); /* NULL is fine */
/* Returns how many of them were not marked before. */
guint64 ts_sim_dirty_mark (TsSimDirty *dirty, guint64 page, guint64 count);
/* The first run of marked pages at or behind *page, at most max long.  FALSE: there is none. */
gboolean ts_sim_dirty_next (const TsSimDirty *dirty, guint64 max, guint64 *page, guint64 *count);
void ts_sim_dirty_clear (TsSimDirty *dirty);

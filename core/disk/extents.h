/* core/disk/extents.h -- a set of byte ranges of one disk, kept sorted, disjoint and merged. */
#pragma once
#include <glib.h>

typedef struct {
  guint64 offset_bytes, len_bytes;
} TsExtent;

typedef struct _TsExtents TsExtents;

TsExtents *ts_extents_new (void) G_GNUC_WARN_UNUSED_RESULT;
TsExtents *ts_extents_copy (const TsExtents *extents) G_GNUC_WARN_UNUSED_RESULT;
void ts_extents_free (TsExtents *extents); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsExtents, ts_extents_free)

/* Adds [offset, offset + len), joining what touches.  len 0 changes nothing. */
void ts_extents_add (TsExtents *extents, guint64 offset_bytes, guint64 len_bytes);
void ts_extents_add_all (TsExtents *extents, const TsExtents *from);
void ts_extents_clear (TsExtents *extents);
/* Widens every range to whole blocks, cut off at disk_bytes. block_bytes: a power of two. */
void ts_extents_align (TsExtents *extents, guint64 block_bytes, guint64 disk_bytes);

guint ts_extents_count (const TsExtents *extents);
TsExtent ts_extents_get (const TsExtents *extents, guint index); /* sorted by offset */
guint64 ts_extents_bytes (const TsExtents *extents);             /* sum of lengths */

/* The first part of the set at or behind offset, at most max_bytes long.  FALSE: there is none. */
gboolean ts_extents_next (const TsExtents *extents, guint64 offset_bytes, guint64 max_bytes,
                          TsExtent *next);

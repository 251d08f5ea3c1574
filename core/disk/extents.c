#include "core/disk/extents.h"

/* Sorted by offset; no two overlap or touch; none is empty. */
struct _TsExtents {
  GArray *list; /* TsExtent */
};

static guint64
end_of (const TsExtent *extent)
{
  return extent->offset_bytes + extent->len_bytes;
}

static TsExtent *
at (const TsExtents *extents, guint index)
{
  return &g_array_index (extents->list, TsExtent, index);
}

/* The first extent that ends at or behind offset; the count when there is none. */
static guint
first_ending_from (const TsExtents *extents, guint64 offset_bytes)
{
  guint low = 0, high = extents->list->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;
    if (end_of (at (extents, middle)) < offset_bytes)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Puts an extent that starts no earlier than all others behind them, joining it to the last. */
static void
append (GArray *list, guint64 offset_bytes, guint64 end_bytes)
{
  if (list->len) {
    TsExtent *last = &g_array_index (list, TsExtent, list->len - 1);
    if (offset_bytes <= end_of (last)) {
      last->len_bytes = MAX (end_of (last), end_bytes) - last->offset_bytes;
      return;
    }
  }
  TsExtent extent = {offset_bytes, end_bytes - offset_bytes};
  g_array_append_val (list, extent);
}

TsExtents *
ts_extents_new (void)
{
  TsExtents *extents = g_new0 (TsExtents, 1);
  extents->list = g_array_new (FALSE, FALSE, sizeof (TsExtent));
  return extents;
}

TsExtents *
ts_extents_copy (const TsExtents *extents)
{
  TsExtents *copy = ts_extents_new ();
  g_array_append_vals (copy->list, extents->list->data, extents->list->len);
  return copy;
}

void
ts_extents_free (TsExtents *extents)
{
  if (!extents)
    return;
  g_array_unref (extents->list);
  g_free (extents);
}

void
ts_extents_add (TsExtents *extents, guint64 offset_bytes, guint64 len_bytes)
{
  g_return_if_fail (len_bytes <= G_MAXUINT64 - offset_bytes);
  if (len_bytes == 0)
    return;
  guint64 end_bytes = offset_bytes + len_bytes;
  guint first = first_ending_from (extents, offset_bytes), behind = first;
  for (; behind < extents->list->len && at (extents, behind)->offset_bytes <= end_bytes; behind++) {
    offset_bytes = MIN (offset_bytes, at (extents, behind)->offset_bytes);
    end_bytes = MAX (end_bytes, end_of (at (extents, behind)));
  }
  TsExtent joined = {offset_bytes, end_bytes - offset_bytes};
  if (behind == first) {
    g_array_insert_val (extents->list, first, joined);
    return;
  }
  *at (extents, first) = joined;
  if (behind > first + 1)
    g_array_remove_range (extents->list, first + 1, behind - first - 1);
}

void
ts_extents_add_all (TsExtents *extents, const TsExtents *from)
{
  GArray *merged = g_array_new (FALSE, FALSE, sizeof (TsExtent));
  guint i = 0, k = 0;
  while (i < extents->list->len || k < from->list->len) {
    gboolean mine =
        k == from->list->len ||
        (i < extents->list->len && at (extents, i)->offset_bytes <= at (from, k)->offset_bytes);
    const TsExtent *next = mine ? at (extents, i++) : at (from, k++);
    append (merged, next->offset_bytes, end_of (next));
  }
  g_array_unref (extents->list);
  extents->list = merged;
}

void
ts_extents_clear (TsExtents *extents)
{
  g_array_set_size (extents->list, 0);
}

void
ts_extents_align (TsExtents *extents, guint64 block_bytes, guint64 disk_bytes)
{
  g_return_if_fail (block_bytes && (block_bytes & (block_bytes - 1)) == 0);
  GArray *aligned = g_array_new (FALSE, FALSE, sizeof (TsExtent));
  for (guint i = 0; i < extents->list->len; i++) {
    guint64 start = at (extents, i)->offset_bytes & ~(block_bytes - 1);
    guint64 end = end_of (at (extents, i)), over = end & (block_bytes - 1);
    if (over) /* up to the block's end, which may lie behind the last number there is */
      end = block_bytes - over > G_MAXUINT64 - end ? G_MAXUINT64 : end + (block_bytes - over);
    end = MIN (end, disk_bytes);
    if (start < end)
      append (aligned, start, end);
  }
  g_array_unref (extents->list);
  extents->list = aligned;
}

guint
ts_extents_count (const TsExtents *extents)
{
  return extents->list->len;
}

TsExtent
ts_extents_get (const TsExtents *extents, guint index)
{
  g_assert (index < extents->list->len);
  return *at (extents, index);
}

guint64
ts_extents_bytes (const TsExtents *extents)
{
  guint64 sum = 0;
  for (guint i = 0; i < extents->list->len; i++)
    sum += at (extents, i)->len_bytes;
  return sum;
}

gboolean
ts_extents_next (const TsExtents *extents, guint64 offset_bytes, guint64 max_bytes, TsExtent *next)
{
  g_return_val_if_fail (max_bytes > 0 && next, FALSE);
  guint index = first_ending_from (extents, offset_bytes);
  if (index < extents->list->len && end_of (at (extents, index)) == offset_bytes)
    index++; /* it ends just before offset */
  if (index == extents->list->len)
    return FALSE;
  next->offset_bytes = MAX (offset_bytes, at (extents, index)->offset_bytes);
  next->len_bytes = MIN (end_of (at (extents, index)) - next->offset_bytes, max_bytes);
  return TRUE;
}

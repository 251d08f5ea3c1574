/* scenarios/engine/pairwise.h -- few points that hold every pair of values of every two axes.
 *
 * A covering array of strength 2, with forbidden combinations: greedy, a point at a time, as AETG
 * does (Cohen, Dalal, Fredman, Patton 1997), but without chance: the same space gives the same
 * points.  Knows nothing of sweeps. */
#pragma once
#include <glib.h>

/* A combination is forbidden when it has one of the skips whole.  A skip holds for each axis the
 * values that match it, bit i for value i; all bits of an axis: it does not matter. */
typedef struct {
  guint axes;
  guint *sizes;     /* of each axis, 1 to 64 */
  GPtrArray *skips; /* guint64 *, an element for each axis */
} TsPairwiseSpace;

TsPairwiseSpace *ts_pairwise_space_new (guint axes, const guint *sizes) G_GNUC_WARN_UNUSED_RESULT;
void ts_pairwise_space_free (TsPairwiseSpace *space); /* NULL is fine */
/* A new skip that matches everything: clear bits in it. */
guint64 *ts_pairwise_space_skip (TsPairwiseSpace *space);
/* point: a value of each axis */
gboolean ts_pairwise_allowed (const TsPairwiseSpace *space, const guint8 *point);

/* Points, `axes` bytes each, in the order found.  Every pair of values that some allowed point has
 * is in one of them, and every one is allowed.  *impossible: pairs that no allowed point has.
 * NULL with TS_ERROR_ARGUMENT: the skips are so entangled that this would take for ever. */
GByteArray *ts_pairwise (const TsPairwiseSpace *space, guint *impossible,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

#include "results/exposure.h"

/* A straight piece: from lo, with slope 1, for len. */
typedef struct {
  gint64 begin_us, lo_us, len_us;
} Piece;

static const TsPointStep *
point (const TsFacts *facts, guint index)
{
  return &g_array_index (facts->points, TsPointStep, index);
}

static const TsLeg *
leg (const TsFacts *facts, guint index)
{
  return &g_array_index (facts->legs, TsLeg, index);
}

gboolean
ts_exposure_clip (const TsFacts *facts, gint64 *from_us, gint64 *to_us, const char **why)
{
  gint64 first_us = G_MAXINT64, last_us = -1;
  if (facts->points->len == 0) {
    *why = "there was never a recovery point";
    return FALSE;
  }
  for (guint i = 0; i < facts->legs->len; i++) {
    gint64 begin = MAX (*from_us, leg (facts, i)->from_us);
    gint64 end = MIN (*to_us, leg (facts, i)->to_us);
    if (begin > end)
      continue;
    first_us = MIN (first_us, begin);
    last_us = MAX (last_us, end);
  }
  *why = "the VM had no recovery point then, or had failed over";
  if (last_us < 0)
    return FALSE;
  *from_us = first_us;
  *to_us = last_us;
  return TRUE;
}

/* The index of the leg's point that is the newest at t. */
static guint
point_at (const TsFacts *facts, const TsLeg *of, gint64 t_us)
{
  guint low = of->first, high = of->first + of->count; /* the answer is in [low, high) */
  while (high - low > 1) {
    guint middle = low + (high - low) / 2;
    if (point (facts, middle)->t_us <= t_us)
      low = middle;
    else
      high = middle;
  }
  return low;
}

gint64
ts_exposure_at (const TsFacts *facts, gint64 t_us)
{
  const TsLeg *of = leg (facts, 0);
  for (guint i = 1; i < facts->legs->len && leg (facts, i)->from_us <= t_us; i++)
    of = leg (facts, i);
  return t_us - point (facts, point_at (facts, of, t_us))->instant_us;
}

/* The pieces of the window, one per point that is the newest in a part of it. */
static GArray *
pieces (const TsFacts *facts, gint64 from_us, gint64 to_us)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Piece));
  for (guint l = 0; l < facts->legs->len; l++) {
    const TsLeg *of = leg (facts, l);
    gint64 open_us = MAX (from_us, of->from_us), close_us = MIN (to_us, of->to_us);
    if (open_us > close_us)
      continue;
    for (guint i = point_at (facts, of, open_us); i < of->first + of->count; i++) {
      gint64 begin = MAX (open_us, point (facts, i)->t_us);
      if (begin > close_us)
        break;
      gint64 end =
          i + 1 < of->first + of->count ? MIN (close_us, point (facts, i + 1)->t_us) : close_us;
      Piece piece = {begin, begin - point (facts, i)->instant_us, end - begin};
      g_array_append_val (all, piece);
    }
  }
  return all;
}

gint64
ts_exposure_max (const TsFacts *facts, gint64 from_us, gint64 to_us, gint64 *t_us)
{
  g_autoptr (GArray) all = pieces (facts, from_us, to_us);
  gint64 max = G_MININT64;
  for (guint i = 0; i < all->len; i++) {
    const Piece *piece = &g_array_index (all, Piece, i);
    if (piece->lo_us + piece->len_us > max) {
      max = piece->lo_us + piece->len_us;
      *t_us = piece->begin_us + piece->len_us;
    }
  }
  return max;
}

/* For how long of the window exposure is at most v: exact, since a piece of slope 1 is at most v
 * for v - lo of its length. */
static gint64
time_at_most (const GArray *all, gint64 v)
{
  gint64 sum = 0;
  for (guint i = 0; i < all->len; i++) {
    const Piece *piece = &g_array_index (all, Piece, i);
    sum += CLAMP (v - piece->lo_us, 0, piece->len_us);
  }
  return sum;
}

gint64
ts_exposure_over (const TsFacts *facts, gint64 from_us, gint64 to_us, gint64 limit_us, gint64 *t_us)
{
  g_autoptr (GArray) all = pieces (facts, from_us, to_us);
  gint64 sum = 0;
  for (guint i = 0; i < all->len; i++) {
    const Piece *piece = &g_array_index (all, Piece, i);
    gint64 below_us = CLAMP (limit_us - piece->lo_us, 0, piece->len_us);
    if (sum == 0 && below_us < piece->len_us)
      *t_us = piece->begin_us + below_us;
    sum += piece->len_us - below_us;
  }
  return sum;
}

gint64
ts_exposure_percentile (const TsFacts *facts, gint64 from_us, gint64 to_us, guint percent)
{
  if (from_us == to_us)
    return ts_exposure_at (facts, to_us);
  g_autoptr (GArray) all = pieces (facts, from_us, to_us);
  gint64 low = G_MAXINT64, high = G_MININT64, total_us = 0;
  for (guint i = 0; i < all->len; i++) {
    const Piece *piece = &g_array_index (all, Piece, i);
    low = MIN (low, piece->lo_us);
    high = MAX (high, piece->lo_us + piece->len_us);
    total_us += piece->len_us;
  }
  if (total_us == 0)
    return ts_exposure_at (facts, to_us);
  __int128 wanted = (__int128)total_us * percent;
  while (low < high) { /* least v with time_at_most (v) * 100 >= wanted */
    gint64 middle = low + (high - low) / 2;
    if ((__int128)time_at_most (all, middle) * 100 >= wanted)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

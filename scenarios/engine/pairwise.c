#include "scenarios/engine/pairwise.h"
#include <string.h>
#include "core/base/error.h"

#define OPEN 0xff               /* an axis whose value is not chosen yet */
#define STEPS_MAX (1000 * 1000) /* of one search for a point that the skips allow */
#define VALUES_MANY 128 /* so many values of all axes together make every choice count less */

static guint64
all_of (guint size)
{
  return size >= 64 ? G_MAXUINT64 : (G_GUINT64_CONSTANT (1) << size) - 1;
}

TsPairwiseSpace *
ts_pairwise_space_new (guint axes, const guint *sizes)
{
  TsPairwiseSpace *space = g_new0 (TsPairwiseSpace, 1);
  for (guint i = 0; i < axes; i++)
    g_assert (sizes[i] >= 1 && sizes[i] <= 64);
  space->axes = axes;
  space->sizes = g_memdup2 (sizes, axes * sizeof *sizes);
  space->skips = g_ptr_array_new_with_free_func (g_free);
  return space;
}

void
ts_pairwise_space_free (TsPairwiseSpace *space)
{
  if (space == NULL)
    return;
  g_free (space->sizes);
  g_ptr_array_unref (space->skips);
  g_free (space);
}

guint64 *
ts_pairwise_space_skip (TsPairwiseSpace *space)
{
  guint64 *skip = g_new (guint64, space->axes);
  for (guint i = 0; i < space->axes; i++)
    skip[i] = all_of (space->sizes[i]);
  g_ptr_array_add (space->skips, skip);
  return skip;
}

/* Does no completion of it escape one of the skips?  Of a whole point: is it forbidden? */
static gboolean
is_forbidden (const TsPairwiseSpace *space, const guint8 *point)
{
  for (guint s = 0; s < space->skips->len; s++) {
    const guint64 *skip = space->skips->pdata[s];
    guint axis = 0;
    while (axis < space->axes && (point[axis] == OPEN ? skip[axis] == all_of (space->sizes[axis])
                                                      : (skip[axis] >> point[axis] & 1) != 0))
      axis++;
    if (axis == space->axes)
      return TRUE;
  }
  return FALSE;
}

gboolean
ts_pairwise_allowed (const TsPairwiseSpace *space, const guint8 *point)
{
  return !is_forbidden (space, point);
}

/* ---- the search ---- */

typedef struct {
  const TsPairwiseSpace *space;
  guint *first;    /* number of an axis's first value, when all values are numbered through */
  guint values;    /* how many there are */
  guint8 *covered; /* [values * values], of both orders: nonzero is covered or impossible */
  guint open;      /* pairs that are neither */
  guint steps;     /* of the search that is under way */
  gboolean lost;   /* one took too many: no answer of it can be relied on */
} Search;

static guint8 *
pair_at (const Search *search, guint a, guint a_value, guint b, guint b_value)
{
  return &search->covered[(gsize)(search->first[a] + a_value) * search->values + search->first[b] +
                          b_value];
}

static gboolean
find_completion (Search *search, guint8 *point)
{
  const TsPairwiseSpace *space = search->space;
  search->steps++;
  if (is_forbidden (space, point))
    return FALSE;
  guint axis = 0;
  while (axis < space->axes && point[axis] != OPEN)
    axis++;
  if (axis == space->axes)
    return TRUE;
  gboolean found = FALSE;
  for (guint value = 0; value < space->sizes[axis] && !found && search->steps < STEPS_MAX;
       value++) {
    point[axis] = (guint8)value;
    found = find_completion (search, point);
  }
  point[axis] = OPEN;
  return found;
}

/* Can the open axes be given values so that the point is allowed?  They keep what was open. */
static gboolean
can_be_completed (Search *search, guint8 *point)
{
  if (search->space->skips->len == 0)
    return TRUE;
  search->steps = 0;
  gboolean found = find_completion (search, point);
  search->lost = search->lost || search->steps >= STEPS_MAX;
  return found;
}

/* How many uncovered pairs the value would make with those that are chosen. */
static guint
gain_of (const Search *search, const guint8 *point, guint axis, guint value)
{
  guint gain = 0;
  for (guint other = 0; other < search->space->axes; other++)
    if (other != axis && point[other] != OPEN)
      gain += *pair_at (search, axis, value, other, point[other]) == 0;
  return gain;
}

/* How many uncovered pairs the value has with any value of the axes that are still open. */
static guint
promise_of (const Search *search, const guint8 *point, guint axis, guint value)
{
  guint promise = 0;
  for (guint other = 0; other < search->space->axes; other++)
    for (guint v = 0; other != axis && point[other] == OPEN && v < search->space->sizes[other]; v++)
      promise += *pair_at (search, axis, value, other, v) == 0;
  return promise;
}

/* Gives every open axis the value that covers most, axes in turn from `from` on.  The point can be
 * completed when it comes here, and stays so.  Returns the pairs it newly covers. */
static guint
complete (Search *search, guint8 *point, guint from)
{
  const TsPairwiseSpace *space = search->space;
  guint gain = 0;
  for (guint i = 0; i < space->axes; i++) {
    guint axis = (from + i) % space->axes;
    if (point[axis] != OPEN)
      continue;
    gint best = -1;
    guint64 best_worth = 0;
    for (guint value = 0; value < space->sizes[axis]; value++) {
      guint64 worth = (guint64)gain_of (search, point, axis, value) << 32 |
                      promise_of (search, point, axis, value);
      if (best >= 0 && worth <= best_worth)
        continue;
      point[axis] = (guint8)value;
      if (can_be_completed (search, point)) {
        best = (gint)value;
        best_worth = worth;
      }
    }
    if (best < 0) /* only when the search was given up */
      best = 0;
    point[axis] = OPEN;
    gain += gain_of (search, point, axis, (guint)best);
    point[axis] = (guint8)best;
  }
  return gain;
}

static void
close_pair (Search *search, guint a, guint a_value, guint b, guint b_value)
{
  guint8 *there = pair_at (search, a, a_value, b, b_value);
  if (*there == 0)
    search->open--;
  *there = *pair_at (search, b, b_value, a, a_value) = 1;
}

static void
close_pairs (Search *search, const guint8 *point)
{
  for (guint a = 0; a < search->space->axes; a++)
    for (guint b = a + 1; b < search->space->axes; b++)
      close_pair (search, a, point[a], b, point[b]);
}

/* What no allowed point has will not be looked for. */
static guint
close_impossible (Search *search, guint8 *point)
{
  const TsPairwiseSpace *space = search->space;
  guint impossible = 0;
  for (guint a = 0; a < space->axes; a++)
    for (guint b = a + 1; b < space->axes; b++)
      for (guint i = 0; i < space->sizes[a] && !search->lost; i++)
        for (guint j = 0; j < space->sizes[b]; j++) {
          memset (point, OPEN, space->axes);
          point[a] = (guint8)i;
          point[b] = (guint8)j;
          search->open++;
          if (!can_be_completed (search, point)) {
            close_pair (search, a, i, b, j);
            impossible++;
          }
        }
  return impossible;
}

/* The first pair that is not covered, into an open point. */
static void
begin_with_open_pair (const Search *search, guint8 *point)
{
  const TsPairwiseSpace *space = search->space;
  memset (point, OPEN, space->axes);
  for (guint a = 0; a < space->axes; a++)
    for (guint b = a + 1; b < space->axes; b++)
      for (guint i = 0; i < space->sizes[a]; i++)
        for (guint j = 0; j < space->sizes[b]; j++)
          if (*pair_at (search, a, i, b, j) == 0) {
            point[a] = (guint8)i;
            point[b] = (guint8)j;
            return;
          }
  g_assert_not_reached ();
}

/* One axis has no pairs: each of its values that is allowed is a point. */
static void
add_single (const TsPairwiseSpace *space, GByteArray *points)
{
  for (guint value = 0; value < space->sizes[0]; value++) {
    guint8 point = (guint8)value;
    if (!is_forbidden (space, &point))
      g_byte_array_append (points, &point, 1);
  }
}

GByteArray *
ts_pairwise (const TsPairwiseSpace *space, guint *impossible, GError **error)
{
  g_autoptr (GByteArray) points = g_byte_array_new ();
  *impossible = 0;
  if (space->axes < 2) {
    add_single (space, points);
    return g_steal_pointer (&points);
  }
  Search search = {.space = space};
  g_autofree guint *first = g_new (guint, space->axes);
  for (guint i = 0; i < space->axes; i++) {
    first[i] = search.values;
    search.values += space->sizes[i];
  }
  g_autofree guint8 *covered = g_malloc0 ((gsize)search.values * search.values);
  g_autofree guint8 *point = g_malloc (space->axes);
  g_autofree guint8 *best = g_malloc (space->axes);
  search.first = first;
  search.covered = covered;
  *impossible = close_impossible (&search, point);
  guint tries = search.values > VALUES_MANY ? 1 : space->axes;
  while (search.open > 0 && !search.lost) {
    guint best_gain = 0;
    /* which axis is asked first makes a difference: each may be it */
    for (guint from = 0; from < tries; from++) {
      begin_with_open_pair (&search, point);
      guint gain = complete (&search, point, from);
      if (from == 0 || gain > best_gain) {
        best_gain = gain;
        memcpy (best, point, space->axes);
      }
    }
    close_pairs (&search, best);
    g_byte_array_append (points, best, space->axes);
  }
  if (search.lost) {
    ts_throw (error, TS_ERROR_ARGUMENT,
              "skip: its conditions are too entangled to find points that they allow");
    return NULL;
  }
  return g_steal_pointer (&points);
}

/* Every pair that can be is in a point, no point is forbidden, and the points are few. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "core/base/random.h"
#include "scenarios/engine/pairwise.h"

#define AXES_MAX 12

static const struct row {
  const char *name;
  guint axes, sizes[AXES_MAX];
  guint want_least, want_most; /* points; least: the product of the two largest */
} rows[] = {
    {"one axis: each value", 1, {5}, 5, 5},
    {"two axes: all of it", 2, {3, 4}, 12, 12},
    {"four of three: 9 would do", 4, {3, 3, 3, 3}, 9, 12},
    {"ten of two: 6 would do", 10, {2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, 4, 10},
    {"axes of one value", 4, {1, 1, 1, 1}, 1, 1},
    {"mixed", 6, {5, 4, 3, 3, 2, 2}, 20, 26},
    {"twelve of four, of 16,777,216 points", 12, {4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4}, 16, 44},
    {"64 values", 3, {64, 2, 2}, 128, 140},
    {"six axes of 30: of 729,000,000 points", 6, {30, 30, 30, 30, 30, 30}, 900, 1800},
};

static gboolean
has_pair (const GByteArray *points, guint axes, guint a, guint i, guint b, guint j)
{
  for (guint at = 0; at < points->len; at += axes)
    if (points->data[at + a] == i && points->data[at + b] == j)
      return TRUE;
  return FALSE;
}

/* By trying all points: does an allowed one have the pair? */
static gboolean
is_possible (const TsPairwiseSpace *space, guint a, guint i, guint b, guint j)
{
  guint8 point[AXES_MAX] = {0};
  for (;;) {
    if (point[a] == i && point[b] == j && ts_pairwise_allowed (space, point))
      return TRUE;
    guint axis = 0;
    while (axis < space->axes && ++point[axis] == space->sizes[axis])
      point[axis++] = 0;
    if (axis == space->axes)
      return FALSE;
  }
}

/* Returns how many pairs are in no allowed point; with no skips none is. */
static guint
check_cover (const TsPairwiseSpace *space, const GByteArray *points)
{
  guint impossible = 0;
  for (guint at = 0; at < points->len; at += space->axes) {
    assert_true (ts_pairwise_allowed (space, points->data + at));
    for (guint a = 0; a < space->axes; a++)
      assert_true (points->data[at + a] < space->sizes[a]);
  }
  for (guint a = 0; a < space->axes; a++)
    for (guint b = a + 1; b < space->axes; b++)
      for (guint i = 0; i < space->sizes[a]; i++)
        for (guint j = 0; j < space->sizes[b]; j++) {
          gboolean possible = space->skips->len == 0 || is_possible (space, a, i, b, j);
          assert_int_equal (has_pair (points, space->axes, a, i, b, j), possible);
          impossible += !possible;
        }
  return impossible;
}

static void
covers (void **state)
{
  const struct row *row = *state;
  guint impossible;
  TsPairwiseSpace *space = ts_pairwise_space_new (row->axes, row->sizes);
  g_autoptr (GByteArray) points = ts_pairwise (space, &impossible, NULL);
  assert_non_null (points);
  assert_int_equal (impossible, 0);
  assert_in_range (points->len / row->axes, row->want_least, row->want_most);
  if (row->axes > 1)
    assert_int_equal (check_cover (space, points), 0);
  guint again_impossible;
  g_autoptr (GByteArray) again = ts_pairwise (space, &again_impossible, NULL);
  assert_int_equal (again->len, points->len);
  assert_memory_equal (again->data, points->data, points->len);
  ts_pairwise_space_free (space);
}

/* Random spaces with random skips: against the count by trying everything. */
static void
covers_what_skips_leave (void **state)
{
  TsRandom random;
  ts_random_init (&random, 7, "test-pairwise");
  guint with_impossible = 0;
  for (guint round = 0; round < 200; round++) {
    guint axes = 2 + (guint)ts_random_below (&random, 4), sizes[AXES_MAX], impossible;
    for (guint i = 0; i < axes; i++)
      sizes[i] = 1 + (guint)ts_random_below (&random, 4);
    TsPairwiseSpace *space = ts_pairwise_space_new (axes, sizes);
    for (guint64 skips = ts_random_below (&random, 6); skips > 0; skips--) {
      guint64 *skip = ts_pairwise_space_skip (space);
      for (guint i = 0; i < axes; i++)
        if (ts_random_below (&random, 2) == 0)
          skip[i] = ts_random_u64 (&random);
    }
    g_autoptr (GByteArray) points = ts_pairwise (space, &impossible, NULL);
    assert_non_null (points);
    assert_int_equal (check_cover (space, points), impossible);
    with_impossible += impossible > 0;
    ts_pairwise_space_free (space);
  }
  assert_in_range (with_impossible, 50, 199); /* both kinds were met */
}

static void
nothing_is_left (void **state)
{
  const guint sizes[] = {2, 2};
  guint impossible;
  TsPairwiseSpace *space = ts_pairwise_space_new (2, sizes);
  ts_pairwise_space_skip (space);
  g_autoptr (GByteArray) points = ts_pairwise (space, &impossible, NULL);
  assert_int_equal (points->len, 0);
  assert_int_equal (impossible, 4);
  ts_pairwise_space_free (space);
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 2] = {{0}};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = covers, .initial_state = (void *)&rows[i]};
  tests[G_N_ELEMENTS (rows)] = (struct CMUnitTest)cmocka_unit_test (covers_what_skips_leave);
  tests[G_N_ELEMENTS (rows) + 1] = (struct CMUnitTest)cmocka_unit_test (nothing_is_left);
  return cmocka_run_group_tests (tests, NULL, NULL);
}

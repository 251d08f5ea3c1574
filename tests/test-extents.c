/* Sets of byte ranges, against a bitmap that cannot be wrong. */
#include "core/base/random.h"
#include "core/disk/extents.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define DISK 600 /* bytes of the model's disk; not a multiple of any block */

typedef struct {
  TsExtents *extents;
  guint8 map[DISK]; /* 1: in the set */
} Model;

static void
model_add (Model *model, guint64 offset_bytes, guint64 len_bytes)
{
  ts_extents_add (model->extents, offset_bytes, len_bytes);
  memset (model->map + offset_bytes, 1, len_bytes);
}

static void
model_align (Model *model, guint block_bytes)
{
  ts_extents_align (model->extents, block_bytes, DISK);
  for (guint at = 0; at < DISK; at += block_bytes) {
    guint len = MIN (block_bytes, DISK - at);
    if (memchr (model->map + at, 1, len))
      memset (model->map + at, 1, len);
  }
}

/* Sorted, disjoint, none touching another, none empty, and the same bytes as the bitmap. */
static void
model_check (const Model *model)
{
  guint8 seen[DISK] = {0};
  guint64 sum = 0, end = 0;
  for (guint i = 0; i < ts_extents_count (model->extents); i++) {
    TsExtent extent = ts_extents_get (model->extents, i);
    assert_true (extent.len_bytes > 0);
    assert_true (i == 0 || extent.offset_bytes > end);
    end = extent.offset_bytes + extent.len_bytes;
    assert_true (end <= DISK);
    memset (seen + extent.offset_bytes, 1, extent.len_bytes);
    sum += extent.len_bytes;
  }
  assert_memory_equal (seen, model->map, DISK);
  assert_int_equal (ts_extents_bytes (model->extents), sum);
}

/* Walking with next() visits the same bytes, in pieces no longer than asked for. */
static void
model_walk (const Model *model, guint64 from, guint64 max_bytes)
{
  guint8 seen[DISK] = {0};
  TsExtent part;
  guint64 at = from;
  while (ts_extents_next (model->extents, at, max_bytes, &part)) {
    assert_true (part.len_bytes > 0 && part.len_bytes <= max_bytes);
    assert_true (part.offset_bytes >= at);
    memset (seen + part.offset_bytes, 1, part.len_bytes);
    at = part.offset_bytes + part.len_bytes;
  }
  for (guint64 i = 0; i < DISK; i++)
    assert_int_equal (seen[i], i >= from && model->map[i]);
}

static void
agrees_with_a_bitmap (void **state)
{
  TsRandom random;
  ts_random_init (&random, 1, "extents");
  for (guint round = 0; round < 300; round++) {
    Model model = {ts_extents_new (), {0}}, other = {ts_extents_new (), {0}};
    guint adds = (guint)ts_random_below (&random, 60);
    guint64 longest = 1 + ts_random_below (&random, 80);
    for (guint i = 0; i < adds; i++) {
      guint64 offset = ts_random_below (&random, DISK);
      guint64 len = ts_random_below (&random, longest);
      len = MIN (len, DISK - offset);
      model_add (i % 3 ? &model : &other, offset, len);
      model_check (&model);
    }
    model_walk (&model, ts_random_below (&random, DISK), 1 + ts_random_below (&random, 50));

    ts_extents_add_all (model.extents, other.extents);
    for (guint i = 0; i < DISK; i++)
      model.map[i] |= other.map[i];
    model_check (&model);
    model_check (&other); /* what was added from is as it was */

    g_autoptr (TsExtents) copy = ts_extents_copy (model.extents);
    Model before = model;
    before.extents = copy;
    model_align (&model, 1u << ts_random_below (&random, 8));
    model_check (&model);
    model_check (&before); /* a copy stands alone */
    model_walk (&model, 0, G_MAXUINT64);
    ts_extents_free (model.extents);
    ts_extents_free (other.extents);
  }
}

typedef struct {
  const char *name;
  TsExtent add[4];
  TsExtent want[4];
  guint block_bytes;
  guint64 disk_bytes;
} Row;

static const Row rows[] = {
    {"nothing is nothing", {{5, 0}}, {{0}}, 0, 0},
    {"touching ranges join", {{0, 4}, {4, 4}}, {{0, 8}}, 0, 0},
    {"touching from the left joins", {{4, 4}, {0, 4}}, {{0, 8}}, 0, 0},
    {"a byte between keeps them apart", {{0, 4}, {5, 4}}, {{0, 4}, {5, 4}}, 0, 0},
    {"the missing byte joins three", {{0, 4}, {5, 4}, {4, 1}}, {{0, 9}}, 0, 0},
    {"a range inside changes nothing", {{0, 100}, {10, 10}}, {{0, 100}}, 0, 0},
    {"a range around swallows", {{10, 10}, {30, 10}, {0, 100}}, {{0, 100}}, 0, 0},
    {"they are sorted", {{50, 1}, {10, 1}, {30, 1}}, {{10, 1}, {30, 1}, {50, 1}}, 0, 0},
    {"one byte makes its whole block", {{5000, 1}}, {{4096, 4096}}, 4096, 9000},
    {"a write over a border makes both blocks", {{4095, 2}}, {{0, 8192}}, 4096, 9000},
    {"the short last block counts at its length", {{8999, 1}}, {{8192, 808}}, 4096, 9000},
    {"behind the disk there is nothing", {{20000, 1}}, {{0}}, 4096, 9000},
    {"blocks that meet join", {{1, 1}, {4097, 1}}, {{0, 8192}}, 4096, 9000},
    {"64 TiB disks",
     {{G_GUINT64_CONSTANT (70368744177663), 1}},
     {{G_GUINT64_CONSTANT (70368744112128), 65536}},
     65536,
     G_GUINT64_CONSTANT (70368744177664)},
    {"up to the last number", {{G_MAXUINT64 - 10, 10}}, {{G_MAXUINT64 - 15, 15}}, 16, G_MAXUINT64},
};

static void
adds_and_aligns (void **state)
{
  const Row *row = *state;
  g_autoptr (TsExtents) extents = ts_extents_new ();
  guint want = 0;
  for (guint i = 0; i < G_N_ELEMENTS (row->add); i++)
    ts_extents_add (extents, row->add[i].offset_bytes, row->add[i].len_bytes);
  if (row->block_bytes)
    ts_extents_align (extents, row->block_bytes, row->disk_bytes);
  while (want < G_N_ELEMENTS (row->want) && row->want[want].len_bytes)
    want++;
  assert_int_equal (ts_extents_count (extents), want);
  for (guint i = 0; i < want; i++) {
    assert_int_equal (ts_extents_get (extents, i).offset_bytes, row->want[i].offset_bytes);
    assert_int_equal (ts_extents_get (extents, i).len_bytes, row->want[i].len_bytes);
  }
}

static void
next_at_the_borders (void **state)
{
  g_autoptr (TsExtents) extents = ts_extents_new ();
  TsExtent next;
  assert_false (ts_extents_next (extents, 0, 10, &next));
  ts_extents_add (extents, 10, 10);
  ts_extents_add (extents, 30, 10);
  assert_true (ts_extents_next (extents, 19, 10, &next));
  assert_int_equal (next.offset_bytes, 19);
  assert_int_equal (next.len_bytes, 1);
  assert_true (ts_extents_next (extents, 20, 10, &next)); /* the first one's end is not in it */
  assert_int_equal (next.offset_bytes, 30);
  assert_true (ts_extents_next (extents, 32, 3, &next));
  assert_int_equal (next.offset_bytes, 32);
  assert_int_equal (next.len_bytes, 3);
  assert_false (ts_extents_next (extents, 40, 10, &next));
  ts_extents_clear (extents);
  assert_int_equal (ts_extents_count (extents), 0);
  assert_int_equal (ts_extents_bytes (extents), 0);
  ts_extents_free (NULL);
}

int
main (void)
{
  struct CMUnitTest tests[2 + G_N_ELEMENTS (rows)] = {
      cmocka_unit_test (agrees_with_a_bitmap),
      cmocka_unit_test (next_at_the_borders),
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[2 + i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = adds_and_aligns, .initial_state = (void *)&rows[i]};
  return cmocka_run_group_tests_name ("extents", tests, NULL, NULL);
}

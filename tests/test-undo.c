/* Undo logs: what is saved, what comes back, and that a host may die at any step of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/disk/apply.h"
#include "core/disk/undo.h"

#define BLOCK 512
#define BLOCKS 64
#define DISK_BYTES (BLOCK * BLOCKS)

/* A disk that dies at a step: the n-th write reaches it in part, and none after it. */
typedef struct {
  TsDisk disk;
  guint8 data[DISK_BYTES];
  gint *budget; /* steps left to live; NULL: for ever */
} Memory;

static gboolean
spend (gint *budget)
{
  return !budget || (*budget)-- > 0;
}

static gboolean
dead (GError **error)
{
  return ts_throw (error, TS_ERROR_LOST, "the host is dead");
}

static gboolean
memory_read (TsDisk *disk, guint64 offset, void *data, gsize len, GError **error)
{
  memcpy (data, ((Memory *)disk)->data + offset, len);
  return TRUE;
}

static gboolean
memory_write (TsDisk *disk, guint64 offset, const void *data, gsize len, GError **error)
{
  Memory *m = (Memory *)disk;
  gboolean alive = spend (m->budget);
  memcpy (m->data + offset, data, alive ? len : len / 2); /* torn */
  return alive || dead (error);
}

static gboolean
memory_flush (TsDisk *disk, GError **error)
{
  return spend (((Memory *)disk)->budget) || dead (error);
}

static const TsDiskOps memory_ops = {
    .name = "memory", .read = memory_read, .write = memory_write, .flush = memory_flush};

typedef struct {
  GByteArray *bytes;
  gint *budget;
} Log;

static gboolean
log_put (void *user, guint64 offset, const void *data, gsize len, GError **error)
{
  Log *log = user;
  gboolean alive = spend (log->budget);
  ts_hru_put_array (log->bytes, offset, data, alive ? len : len / 2, NULL);
  return alive || dead (error);
}

static TsHru *
open_log (GByteArray *bytes, TsHruCheck check, GError **error)
{
  g_autoptr (GBytes) copy = g_bytes_new (bytes->data, bytes->len);
  return ts_hru_open (copy, check, error);
}

/* A log set of so many writes, drawn. */
static TsHrl *
draw_set (TsRandom *random, guint writes)
{
  GByteArray *array = g_byte_array_new ();
  TsHrlInfo info = {.disk_bytes = DISK_BYTES, .unique = {{1}}};
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, array, NULL);
  for (guint i = 0; i < writes; i++) {
    guint8 data[3 * BLOCK];
    guint64 at = ts_random_below (random, BLOCKS - 2) * BLOCK;
    gsize len = (gsize)(1 + ts_random_below (random, 3)) * BLOCK;
    memset (data, (int)(1 + ts_random_below (random, 255)), sizeof data);
    assert_true (ts_hrl_writer_add (writer, at, data, len, 0, NULL));
  }
  assert_true (ts_hrl_writer_close (writer, 0, 0, NULL));
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (array);
  TsHrl *hrl = ts_hrl_open (bytes, NULL);
  assert_non_null (hrl);
  return hrl;
}

/* One apply as drivers do it. */
static gboolean
apply (Memory *m, GByteArray *bytes, gint *budget, guint64 set, const TsHrl *hrl,
       const TsHruInfo *info, GError **error)
{
  Log log = {bytes, budget};
  m->budget = budget;
  g_autoptr (TsHru) so_far = bytes->len > 0 ? open_log (bytes, TS_HRU_INDEX, NULL) : NULL;
  assert_true (so_far || set == info->point + 1);
  g_byte_array_set_size (bytes, so_far ? (guint)ts_hru_end (so_far) : 0);
  guint64 saved;
  gboolean wrote;
  return ts_undo_save (&m->disk, hrl, set, info, so_far, log_put, &log, &saved, &wrote, error) &&
         (spend (budget) || dead (error)) /* the log is made durable */
         && ts_apply_log (&m->disk, hrl, error);
}

#define SETS 9u

/* Points at sets 1, 4 and 7 of 9; at each the disk is remembered. */
typedef struct {
  Memory m;
  GByteArray *logs[3];
  guint8 past[3][DISK_BYTES];
  TsRandom random;
} World;

static const guint64 points[] = {1, 4, 7};

static World *
world_new (void)
{
  World *w = g_new0 (World, 1);
  w->m.disk = (TsDisk){&memory_ops, DISK_BYTES};
  for (guint i = 0; i < 3; i++)
    w->logs[i] = g_byte_array_new ();
  ts_random_init (&w->random, 7, "undo");
  return w;
}

static void
world_free (World *w)
{
  for (guint i = 0; i < 3; i++)
    g_byte_array_unref (w->logs[i]);
  g_free (w);
}

static TsHruInfo
info_of (guint point)
{
  return (TsHruInfo){points[point], (gint64)points[point] * 1000, DISK_BYTES};
}

/* Every point can be gone back to from the disk as it is, when sets up to `applied` are on it. */
static void
expect_pasts (World *w, guint64 applied)
{
  Memory *m = g_memdup2 (&w->m, sizeof w->m);
  m->budget = NULL;
  guint64 until = applied;
  for (guint i = 3; i-- > 0;) {
    if (points[i] >= applied)
      continue;
    TsHruInfo info = info_of (i);
    g_autoptr (GError) error = NULL;
    g_autoptr (TsHru) hru = open_log (w->logs[i], TS_HRU_WHOLE, &error);
    g_assert_no_error (error);
    ts_undo_play (&m->disk, hru, &info, until, &error);
    g_assert_no_error (error);
    if (memcmp (m->data, w->past[i], DISK_BYTES) != 0)
      fail_msg ("point %u is not what it was, after set %u", (guint)points[i], (guint)applied);
    until = points[i];
  }
  g_free (m);
}

static void
every_point_comes_back (void **state)
{
  World *w = world_new ();
  for (guint64 set = 1; set <= SETS; set++) {
    g_autoptr (TsHrl) hrl = draw_set (&w->random, 6);
    gint open = set > 7 ? 2 : set > 4 ? 1 : set > 1 ? 0 : -1;
    TsHruInfo info = open >= 0 ? info_of ((guint)open) : (TsHruInfo){0};
    if (open >= 0)
      assert_true (apply (&w->m, w->logs[open], NULL, set, hrl, &info, NULL));
    else
      assert_true (ts_apply_log (&w->m.disk, hrl, NULL));
    for (guint i = 0; i < 3; i++)
      if (points[i] == set)
        memcpy (w->past[i], w->m.data, DISK_BYTES);
    expect_pasts (w, set);
  }
  world_free (w);
}

/* The host dies at step n of the applies of sets 2 and 3, for every n, and does again what it was
 * doing: newest and old point are as if nothing had happened. */
static void
dying_at_every_step (void **state)
{
  guint survived = 0;
  for (gint steps = 0; survived < 3; steps++) {
    World *w = world_new ();
    TsHruInfo info = info_of (0);
    g_autoptr (TsHrl) first = draw_set (&w->random, 6);
    assert_true (ts_apply_log (&w->m.disk, first, NULL));
    memcpy (w->past[0], w->m.data, DISK_BYTES);
    Memory clean = w->m;
    gint budget = steps;
    gboolean died = FALSE;
    for (guint64 set = 2; set <= 3; set++) {
      g_autoptr (TsHrl) hrl = draw_set (&w->random, 6);
      assert_true (ts_apply_log (&clean.disk, hrl, NULL));
      g_autoptr (GError) error = NULL;
      if (!apply (&w->m, w->logs[0], died ? NULL : &budget, set, hrl, &info, &error)) {
        assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_LOST));
        assert_false (died);
        died = TRUE;
        g_clear_error (&error);
        apply (&w->m, w->logs[0], NULL, set, hrl, &info, &error); /* back again: redo */
        g_assert_no_error (error);
      }
      if (memcmp (w->m.data, clean.data, DISK_BYTES) != 0)
        fail_msg ("dead after %d steps: set %u is not on the disk", steps, (guint)set);
      expect_pasts (w, set);
    }
    survived = died ? 0 : survived + 1;
    assert_true (steps < 200);
    world_free (w);
  }
}

static void
only_the_first_overwriting_is_saved (void **state)
{
  World *w = world_new ();
  TsHruInfo info = info_of (0);
  g_autoptr (TsHrl) hrl = draw_set (&w->random, 4);
  assert_true (apply (&w->m, w->logs[0], NULL, 2, hrl, &info, NULL));
  g_autoptr (TsHru) once = open_log (w->logs[0], TS_HRU_WHOLE, NULL);
  assert_true (apply (&w->m, w->logs[0], NULL, 3, hrl, &info, NULL));
  g_autoptr (TsHru) twice = open_log (w->logs[0], TS_HRU_WHOLE, NULL);
  assert_true (ts_hru_data_bytes (once) > 0);
  assert_int_equal (ts_hru_data_bytes (once), ts_hru_data_bytes (twice));
  assert_int_equal (ts_hru_last_set (twice), 3);
  assert_int_equal (ts_hru_end (twice), ts_hru_end (once) + TS_HRU_SEGMENT_BYTES);
  world_free (w);
}

static void
a_gap_and_another_disk_are_refused (void **state)
{
  World *w = world_new ();
  TsHruInfo info = info_of (0), other = {1, 1000, DISK_BYTES / 2};
  g_autoptr (TsHrl) hrl = draw_set (&w->random, 4);
  g_autoptr (GError) error = NULL;
  assert_true (apply (&w->m, w->logs[0], NULL, 2, hrl, &info, NULL));
  assert_false (apply (&w->m, w->logs[0], NULL, 4, hrl, &info, &error)); /* 3 is missing */
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_LOST));
  g_clear_error (&error);
  assert_false (apply (&w->m, w->logs[0], NULL, 3, hrl, &other, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_LOST));
  g_clear_error (&error);
  g_autoptr (TsHru) hru = open_log (w->logs[0], TS_HRU_WHOLE, NULL);
  guint8 before[DISK_BYTES];
  memcpy (before, w->m.data, DISK_BYTES);
  assert_false (ts_undo_play (&w->m.disk, hru, &info, 3, &error)); /* does not reach set 3 */
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_LOST));
  assert_memory_equal (before, w->m.data, DISK_BYTES);
  world_free (w);
}

/* Any byte of a log that is altered is seen: the log ends before it, or is none. */
static void
every_altered_byte_is_seen (void **state)
{
  World *w = world_new ();
  TsHruInfo info = info_of (0);
  for (guint64 set = 2; set <= 3; set++) {
    g_autoptr (TsHrl) hrl = draw_set (&w->random, 3);
    assert_true (apply (&w->m, w->logs[0], NULL, set, hrl, &info, NULL));
  }
  for (guint i = 0; i < w->logs[0]->len; i++) {
    w->logs[0]->data[i] ^= 1;
    g_autoptr (GError) error = NULL;
    g_autoptr (TsHru) hru = open_log (w->logs[0], TS_HRU_WHOLE, &error);
    if (hru && ts_hru_last_set (hru) == 3)
      fail_msg ("byte %u is altered, and the log is read as before", i);
    if (!hru)
      assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    w->logs[0]->data[i] ^= 1;
  }
  for (guint len = 0; len < w->logs[0]->len; len++) { /* cut off anywhere */
    g_autoptr (GBytes) bytes = g_bytes_new (w->logs[0]->data, len);
    g_autoptr (TsHru) hru = ts_hru_open (bytes, TS_HRU_WHOLE, NULL);
    assert_true (!hru || ts_hru_last_set (hru) < 3);
  }
  world_free (w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (every_point_comes_back),
      cmocka_unit_test (dying_at_every_step),
      cmocka_unit_test (only_the_first_overwriting_is_saved),
      cmocka_unit_test (a_gap_and_another_disk_are_refused),
      cmocka_unit_test (every_altered_byte_is_seen),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

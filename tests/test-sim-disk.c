/* tests/test-sim-disk.c -- pages, snapshots, overlays, and what power loss leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/disk.h"

static void
put (TsSimDisk *disk, guint64 offset, const char *text)
{
  TsDisk *ops = ts_sim_disk_ops (disk);
  assert_true (ops->ops->write (ops, offset, text, strlen (text), NULL));
}

static void
expect (TsSimDisk *disk, guint64 offset, const char *want)
{
  char have[16] = "";
  TsDisk *ops = ts_sim_disk_ops (disk);
  assert_true (ops->ops->read (ops, offset, have, strlen (want), NULL));
  assert_memory_equal (have, want, strlen (want));
}

static void
writes_cross_pages (void **state)
{
  TsSimDisk *disk = ts_sim_disk_new (16384, 1);
  put (disk, 4093, "abcdef");
  expect (disk, 4093, "abcdef");
  expect (disk, 4090, "\0\0\0abc");
  g_autoptr (TsExtents) map = ts_extents_new ();
  ts_sim_disk_map (disk, map);
  assert_int_equal (ts_extents_bytes (map), 8192);
  ts_sim_disk_free (disk);
}

static void
a_snapshot_does_not_move (void **state)
{
  TsSimDisk *disk = ts_sim_disk_new (16384, 1);
  put (disk, 0, "old");
  TsSimDisk *snapshot = ts_sim_disk_snapshot (disk);
  put (disk, 0, "new");
  put (disk, 0, "newer"); /* in place now: still not the snapshot's page */
  expect (snapshot, 0, "old");
  assert_int_equal (ts_sim_disk_differing_bytes (disk, snapshot), 4096);
  ts_sim_disk_free (snapshot);
  ts_sim_disk_free (disk);
}

/* A hole that is written hides what the base holds, and merges as what it is. */
static void
a_hole_in_an_overlay_is_zeros (void **state)
{
  TsSimDisk *base = ts_sim_disk_new (16384, 1);
  put (base, 0, "old");
  TsSimDisk *overlay = ts_sim_disk_new_overlay (base);
  TsDisk *top = ts_sim_disk_ops (overlay), *below = ts_sim_disk_ops (base);
  char have[3];
  ts_sim_disk_put_word (overlay, 0, 0);
  assert_true (top->ops->read (top, 0, have, sizeof have, NULL));
  assert_memory_equal (have, "\0\0\0", sizeof have);
  ts_sim_disk_merge (overlay);
  assert_true (below->ops->read (below, 0, have, sizeof have, NULL));
  assert_memory_equal (have, "\0\0\0", sizeof have);
  ts_sim_disk_free (overlay);
  ts_sim_disk_free (base);
}

static void
an_overlay_reads_through_and_merges (void **state)
{
  TsSimDisk *base = ts_sim_disk_new (16384, 1);
  put (base, 0, "base0");
  put (base, 4096, "base1");
  TsSimDisk *overlay = ts_sim_disk_new_overlay (base);
  put (overlay, 2, "XX");
  expect (overlay, 0, "baXX0");
  expect (overlay, 4096, "base1");
  expect (base, 0, "base0");
  ts_sim_disk_put_word (overlay, 1, 0); /* never written, where the base holds something */
  TsDisk *zeroed = ts_sim_disk_ops (overlay);
  guint8 zero[2] = {1, 1};
  zeroed->ops->read (zeroed, 4096, zero, 2, NULL);
  assert_true (zero[0] == 0 && zero[1] == 0);
  ts_sim_disk_merge (overlay);
  zeroed = ts_sim_disk_ops (base);
  zeroed->ops->read (zeroed, 4096, zero, 2, NULL);
  assert_true (zero[0] == 0 && zero[1] == 0);
  expect (base, 0, "baXX0");
  expect (overlay, 0, "baXX0");
  ts_sim_disk_free (overlay);
  ts_sim_disk_free (base);
}

static void
power_loss_keeps_what_was_flushed (void **state)
{
  guint kept = 0, lost = 0, torn = 0;
  for (guint64 seed = 0; seed < 300; seed++) {
    TsSimDisk *disk = ts_sim_disk_new (16384, 1);
    TsDisk *ops = ts_sim_disk_ops (disk);
    guint8 page[4096], have[4096];
    memset (page, 'o', sizeof page);
    ops->ops->write (ops, 0, page, sizeof page, NULL);
    put (disk, 8192, "flushed");
    ops->ops->flush (ops, NULL);
    memset (page, 'n', sizeof page);
    ops->ops->write (ops, 0, page, sizeof page, NULL);
    TsRandom random;
    ts_random_init (&random, seed, "power");
    ts_sim_disk_power_loss (disk, &random);
    expect (disk, 8192, "flushed");
    ops->ops->read (ops, 0, have, sizeof have, NULL);
    guint fresh = 0;
    for (guint i = 0; i < sizeof have; i++)
      fresh += have[i] == 'n';
    assert_int_equal (fresh % 512, 0); /* sectors are whole */
    kept += fresh == 4096;
    lost += fresh == 0;
    torn += fresh > 0 && fresh < 4096;
    assert_int_equal (ts_sim_disk_dirty_bytes (disk), 0);
    ts_sim_disk_power_loss (disk, &random); /* nothing is unflushed any more */
    ops->ops->read (ops, 0, page, sizeof page, NULL);
    assert_memory_equal (page, have, sizeof page);
    ts_sim_disk_free (disk);
  }
  assert_true (kept > 60 && lost > 60 && torn > 60);
}

/* What a stamped page reads as is what the guest would have written. */
static void
expect_laid (TsSimDisk *disk, guint64 page, const TsStamp *stamp, guint pages)
{
  g_autofree guint8 *want = g_malloc (stamp->length), *have = g_malloc (stamp->length);
  ts_stamp_lay (want, stamp, 1);
  TsDisk *ops = ts_sim_disk_ops (disk);
  ops->ops->read (ops, page * 4096, have, stamp->length, NULL);
  assert_memory_equal (have, want, stamp->length);
  assert_int_equal (stamp->length, pages * 4096);
}

static void
a_stamped_page_reads_as_what_was_written (void **state)
{
  TsSimDisk *disk = ts_sim_disk_new (G_GUINT64_CONSTANT (1) << 40, 1);
  guint64 page = 200000001; /* far out: room is taken only where something is */
  for (guint i = 0; i < 3; i++)
    ts_sim_disk_put_word (disk, page + i, ts_sim_word_record (5, 123456789, i, 3));
  TsStamp record = {.disk = 5,
                    .kind = TS_STAMP_RECORD,
                    .sequence = 123456789,
                    .offset = page * 4096,
                    .length = 3 * 4096};
  expect_laid (disk, page, &record, 3);
  TsSimDisk *filled = ts_sim_disk_new (G_GUINT64_CONSTANT (1) << 40, 1);
  ts_sim_disk_fill (filled, 2, 100000000);
  TsStamp fill = {.disk = 2,
                  .kind = TS_STAMP_FILL,
                  .sequence = 99999999 + 1,
                  .offset = 99999999 * G_GUINT64_CONSTANT (4096),
                  .length = 4096};
  expect_laid (filled, 99999999, &fill, 1);
  assert_true (ts_sim_disk_word (filled, 100000000) == 0);
  assert_int_equal (ts_sim_disk_differing_bytes (filled, disk) / 4096, 100000000 + 3);
  put (filled, 4096, "x"); /* bytes on a stamped page */
  fill.sequence = 2;
  fill.offset = 4096;
  guint8 want[4096], have[4096];
  ts_stamp_lay (want, &fill, 1);
  want[0] = 'x';
  TsDisk *ops = ts_sim_disk_ops (filled);
  ops->ops->read (ops, 4096, have, sizeof have, NULL);
  assert_memory_equal (have, want, sizeof have);
  ts_sim_disk_free (disk);
  ts_sim_disk_free (filled);
}

static void
pages_loaded_one_by_one_fold_to_one_word (void **state)
{
  TsSimDisk *a = ts_sim_disk_new (64 * 1024 * 1024, 1), *b = ts_sim_disk_new (64 * 1024 * 1024, 1);
  ts_sim_disk_fill (a, 0, 16384);
  for (guint64 page = 0; page < 16384; page++)
    ts_sim_disk_put_word (b, page, ts_sim_word_fill (0));
  for (guint64 page = 0; page < 16384; page += 128)
    ts_sim_disk_fold (b, page);
  guint64 page = 0, count = 0;
  assert_true (ts_sim_disk_next_run (b, &page, &count));
  assert_int_equal (page, 0);
  assert_int_equal (count, 16384);
  assert_int_equal (ts_sim_disk_differing_bytes (a, b), 0);
  ts_sim_disk_free (a);
  ts_sim_disk_free (b);
}

/* A page that was written often since the last flush comes back as it was at the flush. */
static void
the_oldest_content_comes_back (void **state)
{
  gboolean seen_lost = FALSE;
  for (guint64 seed = 0; seed < 20; seed++) {
    TsSimDisk *disk = ts_sim_disk_new (1024 * 1024, 1);
    TsDisk *ops = ts_sim_disk_ops (disk);
    ts_sim_disk_put_word (disk, 7, ts_sim_word_record (0, 1, 0, 1));
    ops->ops->flush (ops, NULL);
    for (guint64 n = 2; n < 20000; n++)
      ts_sim_disk_put_word (disk, 7 + n % 3, ts_sim_word_record (0, n, 0, 1));
    assert_int_equal (ts_sim_disk_dirty_bytes (disk), 3 * 4096);
    TsRandom random;
    ts_random_init (&random, seed, "power");
    ts_sim_disk_power_loss (disk, &random);
    TsSimWord word = ts_sim_disk_word (disk, 7);
    if (!ts_sim_word_is_bytes (word) && word != ts_sim_word_record (0, 19998, 0, 1)) {
      assert_true (word == ts_sim_word_record (0, 1, 0, 1));
      seen_lost = TRUE;
    }
    ts_sim_disk_free (disk);
  }
  assert_true (seen_lost);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (writes_cross_pages),
      cmocka_unit_test (a_snapshot_does_not_move),
      cmocka_unit_test (a_hole_in_an_overlay_is_zeros),
      cmocka_unit_test (an_overlay_reads_through_and_merges),
      cmocka_unit_test (power_loss_keeps_what_was_flushed),
      cmocka_unit_test (a_stamped_page_reads_as_what_was_written),
      cmocka_unit_test (pages_loaded_one_by_one_fold_to_one_word),
      cmocka_unit_test (the_oldest_content_comes_back),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

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
  TsSimDisk *disk = ts_sim_disk_new (16384);
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
  TsSimDisk *disk = ts_sim_disk_new (16384);
  put (disk, 0, "old");
  TsSimDisk *snapshot = ts_sim_disk_snapshot (disk);
  put (disk, 0, "new");
  put (disk, 0, "newer"); /* in place now: still not the snapshot's page */
  expect (snapshot, 0, "old");
  assert_int_equal (ts_sim_disk_differing_bytes (disk, snapshot), 4096);
  ts_sim_disk_free (snapshot);
  ts_sim_disk_free (disk);
}

static void
an_overlay_reads_through_and_merges (void **state)
{
  TsSimDisk *base = ts_sim_disk_new (16384);
  put (base, 0, "base0");
  put (base, 4096, "base1");
  TsSimDisk *overlay = ts_sim_disk_new_overlay (base);
  put (overlay, 2, "XX");
  expect (overlay, 0, "baXX0");
  expect (overlay, 4096, "base1");
  expect (base, 0, "base0");
  ts_sim_disk_merge (overlay);
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
    TsSimDisk *disk = ts_sim_disk_new (16384);
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

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (writes_cross_pages),
      cmocka_unit_test (a_snapshot_does_not_move),
      cmocka_unit_test (an_overlay_reads_through_and_merges),
      cmocka_unit_test (power_loss_keeps_what_was_flushed),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

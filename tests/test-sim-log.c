/* tests/test-sim-log.c -- a log without its bytes is the published file, and what it is said to
 * take on the wire is what the codec makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/disk/apply.h"
#include "core/format/frame.h"
#include "core/format/plan.h"
#include "sim/log.h"
#include "sim/profile.h"

#define DISK_BYTES (64 * TS_MIB)
#define SEED 7

/* A disk with `records` records of `pages` pages at random, and the log of them. */
static TsSimLog *
make (TsSimDisk *disk, guint records, guint pages)
{
  TsHrlInfo info = {.time_s = 1000, .disk_bytes = DISK_BYTES};
  TsRandom random;
  ts_random_init (&random, SEED, "test");
  info.unique = ts_guid_draw (&random);
  info.disk_write = ts_guid_draw (&random);
  TsSimLog *log = ts_sim_log_new (&info, SEED);
  for (guint i = 0; i < records; i++) {
    guint64 slot = ts_random_below (&random, DISK_BYTES / 4096 / pages);
    for (guint k = 0; k < pages; k++)
      ts_sim_disk_put_word (disk, slot * pages + k, ts_sim_word_record (1, 500 + i, k, pages));
    ts_sim_log_add (log, disk, slot * pages, pages, 1000 + i);
  }
  ts_sim_log_close (log, 1030);
  return log;
}

static void
it_is_the_published_file (void **state)
{
  static const guint counts[] = {0, 1, 126, 127, 128, 500};
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    g_autoptr (TsSimDisk) source = ts_sim_disk_new (DISK_BYTES, SEED);
    g_autoptr (TsSimDisk) said = ts_sim_disk_new (DISK_BYTES, SEED);
    g_autoptr (TsSimDisk) read = ts_sim_disk_new (DISK_BYTES, SEED);
    g_autoptr (TsSimLog) log = make (source, counts[i], 2);
    g_autoptr (GBytes) bytes = ts_sim_log_bytes (log, NULL);
    assert_int_equal (g_bytes_get_size (bytes), ts_sim_log_length_bytes (log));
    g_autoptr (TsHrl) hrl = ts_hrl_open (bytes, NULL);
    assert_non_null (hrl);
    assert_int_equal (ts_hrl_count (hrl), counts[i]);
    assert_int_equal (ts_hrl_data_bytes (hrl), ts_sim_log_data_bytes (log));
    assert_true (ts_guid_equal (&ts_hrl_info (hrl)->unique, &ts_sim_log_info (log)->unique));
    assert_true (ts_sim_log_apply (log, said, NULL));
    assert_true (ts_apply_log (ts_sim_disk_ops (read), hrl, NULL));
    assert_int_equal (ts_sim_disk_differing_bytes (said, read), 0);
    assert_int_equal (ts_sim_disk_differing_bytes (said, source), 0);
  }
}

static void
a_log_of_a_larger_disk_changes_nothing (void **state)
{
  g_autoptr (TsSimDisk) source = ts_sim_disk_new (DISK_BYTES, SEED);
  g_autoptr (TsSimDisk) small = ts_sim_disk_new (TS_MIB, SEED);
  g_autoptr (TsSimDisk) empty = ts_sim_disk_new (TS_MIB, SEED);
  g_autoptr (TsSimLog) log = make (source, 50, 1);
  assert_false (ts_sim_log_apply (log, small, NULL));
  assert_int_equal (ts_sim_disk_differing_bytes (small, empty), 0);
}

static guint64
really (const guint8 *data, gsize len)
{
  TsFrame frame = {.kind = TS_FRAME_LOG, .sequence = 1, .payload = g_bytes_new (data, len)};
  g_autoptr (GBytes) encoded = ts_frame_encode (&frame, TRUE);
  ts_frame_clear (&frame);
  return g_bytes_get_size (encoded) - TS_FRAME_HEADER_BYTES;
}

/* The model against the codec, in pieces as the sender sends them. */
static void
what_it_takes_on_the_wire_is_close (void **state)
{
  static const struct {
    guint records, pages;
  } rows[] = {{100, 1}, {1500, 1}, {400, 2}, {100, 16}, {8, 64}};
  for (guint r = 0; r < G_N_ELEMENTS (rows); r++) {
    g_autoptr (TsSimDisk) disk = ts_sim_disk_new (DISK_BYTES, SEED);
    g_autoptr (TsSimLog) log = make (disk, rows[r].records, rows[r].pages);
    g_autoptr (GBytes) bytes = ts_sim_log_bytes (log, NULL);
    gsize len;
    const guint8 *data = g_bytes_get_data (bytes, &len);
    guint64 modelled = 0, real = 0;
    for (gsize at = 0; at < len; at += 128 * TS_KIB) {
      gsize part = MIN (len - at, 128 * TS_KIB);
      modelled += ts_sim_log_wire_bytes (log, at, part);
      real += really (data + at, part);
    }
    gint64 off_permille = ((gint64)modelled - (gint64)real) * 1000 / (gint64)real;
    print_message ("%u records of %u pages: codec %" G_GUINT64_FORMAT ", model %" G_GUINT64_FORMAT
                   " (%" G_GINT64_FORMAT " permille off)\n",
                   rows[r].records, rows[r].pages, real, modelled, off_permille);
    assert_in_range (off_permille + 20, 0, 40);
  }
  g_autoptr (TsSimDisk) fill = ts_sim_disk_new (DISK_BYTES, SEED);
  ts_sim_disk_fill (fill, 0, 1024);
  guint8 piece[128 * TS_KIB];
  TsDisk *ops = ts_sim_disk_ops (fill);
  ops->ops->read (ops, 256 * TS_KIB, piece, sizeof piece, NULL);
  guint64 modelled = TS_SIM_WIRE_FIXED_BYTES + ts_sim_wire_data_bytes (sizeof piece);
  gint64 real = (gint64)really (piece, sizeof piece);
  assert_in_range (((gint64)modelled - real) * 1000 / real + 20, 0, 40);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (it_is_the_published_file),
      cmocka_unit_test (a_log_of_a_larger_disk_changes_nothing),
      cmocka_unit_test (what_it_takes_on_the_wire_is_close),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

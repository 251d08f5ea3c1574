/* A log played onto a disk: whole, or again. */
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/disk/apply.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define SIZE 65536

/* A disk in memory whose n-th write or whose flush fails, leaving half a write behind. */
typedef struct {
  TsDisk disk;
  guint8 data[SIZE];
  guint writes, flushes, writes_at_flush;
  guint fail_write; /* 1: the first; 0: none */
  gboolean fail_flush;
} Memory;

static gboolean
memory_write (TsDisk *disk, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  Memory *memory = (Memory *)disk;
  assert_true (offset_bytes <= disk->size_bytes && len_bytes <= disk->size_bytes - offset_bytes);
  if (++memory->writes == memory->fail_write) {
    memcpy (memory->data + offset_bytes, data, len_bytes / 2);
    return ts_throw (error, TS_ERROR_FULL, "no room");
  }
  memcpy (memory->data + offset_bytes, data, len_bytes);
  return TRUE;
}

static gboolean
memory_flush (TsDisk *disk, GError **error)
{
  Memory *memory = (Memory *)disk;
  memory->flushes++;
  memory->writes_at_flush = memory->writes;
  return !memory->fail_flush || ts_throw (error, TS_ERROR_IO, "no flush");
}

static const TsDiskOps memory_ops = {
    .name = "memory", .write = memory_write, .flush = memory_flush};

static void
memory_init (Memory *memory)
{
  memset (memory, 0, sizeof *memory);
  memory->disk.ops = &memory_ops;
  memory->disk.size_bytes = SIZE;
  memset (memory->data, 0xee, SIZE);
}

/* A log of `writes` overlapping writes; want becomes what a disk of 0xee holds after them. */
static TsHrl *
make_log (guint writes, guint64 seed, guint8 *want)
{
  TsRandom random;
  TsHrlInfo info = {.disk_bytes = SIZE};
  g_autoptr (GByteArray) array = g_byte_array_new ();
  ts_random_init (&random, seed, "apply");
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, array, NULL);
  memset (want, 0xee, SIZE);
  for (guint i = 0; i < writes; i++) {
    guint8 data[8192];
    guint64 len = 512 * (1 + ts_random_below (&random, 16));
    guint64 offset = 512 * ts_random_below (&random, (SIZE - len) / 512 + 1);
    memset (data, (gint)(i + 1), len);
    memcpy (want + offset, data, len);
    assert_true (ts_hrl_writer_add (writer, offset, data, len, i, NULL));
  }
  assert_true (ts_hrl_writer_close (writer, writes, 0, NULL));
  g_autoptr (GBytes) bytes = g_bytes_new (array->data, array->len);
  TsHrl *log = ts_hrl_open (bytes, NULL);
  assert_non_null (log);
  return log;
}

static void
a_log_makes_the_disk_what_the_source_was (void **state)
{
  for (guint writes = 0; writes < 300; writes += 37) {
    Memory memory;
    guint8 want[SIZE];
    memory_init (&memory);
    g_autoptr (TsHrl) log = make_log (writes, writes, want);
    assert_true (ts_apply_log (&memory.disk, log, NULL));
    assert_memory_equal (memory.data, want, SIZE);
    assert_int_equal (memory.flushes, 1);
    assert_int_equal (memory.writes_at_flush, writes); /* the flush is the last thing done */
  }
}

static void
stopped_anywhere_it_can_be_played_again (void **state)
{
  const guint writes = 40;
  for (guint stop = 1; stop <= writes; stop++) {
    Memory memory;
    guint8 want[SIZE];
    g_autoptr (GError) error = NULL;
    memory_init (&memory);
    g_autoptr (TsHrl) log = make_log (writes, 7, want);
    memory.fail_write = stop;
    assert_false (ts_apply_log (&memory.disk, log, &error));
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FULL));
    assert_non_null (strstr (error->message, "of 40"));
    assert_int_equal (memory.writes, stop); /* nothing was written behind the failure */
    assert_int_equal (memory.flushes, 0);

    memory.fail_write = 0;
    assert_true (ts_apply_log (&memory.disk, log, NULL));
    assert_memory_equal (memory.data, want, SIZE);
  }
}

static void
playing_twice_is_playing_once (void **state)
{
  Memory memory;
  guint8 want[SIZE];
  memory_init (&memory);
  g_autoptr (TsHrl) log = make_log (100, 3, want);
  assert_true (ts_apply_log (&memory.disk, log, NULL));
  assert_true (ts_apply_log (&memory.disk, log, NULL));
  assert_memory_equal (memory.data, want, SIZE);
}

static void
a_failed_flush_is_a_failed_apply (void **state)
{
  Memory memory;
  guint8 want[SIZE];
  g_autoptr (GError) error = NULL;
  memory_init (&memory);
  memory.fail_flush = TRUE;
  g_autoptr (TsHrl) log = make_log (3, 1, want);
  assert_false (ts_apply_log (&memory.disk, log, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_IO));
}

static void
a_disk_too_small_is_not_touched (void **state)
{
  Memory memory;
  TsHrlInfo info = {.disk_bytes = SIZE};
  guint8 sector[512] = {1};
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) array = g_byte_array_new ();
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&info, ts_hrl_put_array, array, NULL);
  assert_true (ts_hrl_writer_add (writer, 0, sector, 512, 0, NULL));
  assert_true (ts_hrl_writer_add (writer, SIZE - 512, sector, 512, 0, NULL));
  assert_true (ts_hrl_writer_close (writer, 0, 0, NULL));
  g_autoptr (GBytes) bytes = g_bytes_new (array->data, array->len);
  g_autoptr (TsHrl) log = ts_hrl_open (bytes, NULL);

  memory_init (&memory);
  memory.disk.size_bytes = SIZE - 1;
  assert_false (ts_apply_log (&memory.disk, log, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  assert_int_equal (memory.writes, 0);
  memory.disk.size_bytes = SIZE;
  assert_true (ts_apply_log (&memory.disk, log, NULL));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (a_log_makes_the_disk_what_the_source_was),
      cmocka_unit_test (stopped_anywhere_it_can_be_played_again),
      cmocka_unit_test (playing_twice_is_playing_once),
      cmocka_unit_test (a_failed_flush_is_a_failed_apply),
      cmocka_unit_test (a_disk_too_small_is_not_touched),
  };
  return cmocka_run_group_tests_name ("apply", tests, NULL, NULL);
}

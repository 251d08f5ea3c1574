/* What frames say: hello and manifest, there and back, and nothing else accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "core/base/error.h"
#include "core/relation/wire.h"

static TsGuid
guid (guint8 first)
{
  TsGuid made = {{first}};
  for (guint i = 1; i < sizeof made.bytes; i++)
    made.bytes[i] = (guint8)(0xa0 + i);
  return made;
}

static TsHello
hello_of (guint disks)
{
  TsHello hello = {.vm = guid (1), .name = "app", .interval_us = 30000000, .disks = disks};
  hello.recovery_points = 24;
  hello.time_scale = 180;
  hello.disk[1].excluded = disks > 1;
  for (guint i = 0; i < disks; i++) {
    hello.disk[i].size_bytes = (i + 1) * G_GUINT64_CONSTANT (268435456);
    g_snprintf (hello.disk[i].name, sizeof hello.disk[i].name, "disk-%u", i);
  }
  return hello;
}

static TsManifest
manifest_of (guint disks)
{
  TsManifest manifest = {.instant_us = 31000001, .kind = 1, .disks = disks};
  for (guint i = 0; i < disks; i++) {
    manifest.disk[i].log_bytes = 12288 + i;
    manifest.disk[i].data_bytes = 4096;
    manifest.disk[i].unique = guid ((guint8)(2 * i + 1));
    manifest.disk[i].previous = guid ((guint8)(2 * i + 2));
  }
  return manifest;
}

static void
hello_there_and_back (void **state)
{
  for (guint disks = 1; disks <= TS_WIRE_DISKS_MAX; disks++) {
    TsHello hello = hello_of (disks), back;
    memset (&back, 0xee, sizeof back);
    g_autoptr (GBytes) bytes = ts_hello_pack (&hello);
    assert_int_equal (g_bytes_get_size (bytes), 104 + 40 * disks);
    assert_true (ts_hello_unpack (bytes, &back, NULL));
    assert_memory_equal (&back.vm, &hello.vm, sizeof hello.vm);
    assert_string_equal (back.name, "app");
    assert_int_equal (back.interval_us, 30000000);
    assert_int_equal (back.disks, disks);
    assert_int_equal (back.recovery_points, 24);
    assert_int_equal (back.time_scale, 180);
    for (guint i = 0; i < disks; i++) {
      assert_int_equal (back.disk[i].size_bytes, hello.disk[i].size_bytes);
      assert_string_equal (back.disk[i].name, hello.disk[i].name);
      assert_int_equal (back.disk[i].excluded, i == 1);
    }
  }
}

static void
manifest_there_and_back (void **state)
{
  for (guint disks = 1; disks <= TS_WIRE_DISKS_MAX; disks++) {
    TsManifest manifest = manifest_of (disks), back;
    memset (&back, 0xee, sizeof back);
    g_autoptr (GBytes) bytes = ts_manifest_pack (&manifest);
    assert_int_equal (g_bytes_get_size (bytes), 24 + 48 * disks);
    assert_true (ts_manifest_unpack (bytes, &back, NULL));
    assert_int_equal (back.instant_us, 31000001);
    assert_int_equal (back.kind, 1);
    assert_int_equal (back.disks, disks);
    for (guint i = 0; i < disks; i++) {
      assert_int_equal (back.disk[i].log_bytes, manifest.disk[i].log_bytes);
      assert_int_equal (back.disk[i].data_bytes, manifest.disk[i].data_bytes);
      assert_true (ts_guid_equal (&back.disk[i].unique, &manifest.disk[i].unique));
      assert_true (ts_guid_equal (&back.disk[i].previous, &manifest.disk[i].previous));
    }
  }
}

static void
mark_there_and_back (void **state)
{
  guint disk = 9;
  guint64 offset = 9;
  g_autoptr (GBytes) bytes = ts_mark_pack (2, G_GUINT64_CONSTANT (1) << 45);
  assert_true (ts_mark_unpack (bytes, &disk, &offset));
  assert_int_equal (disk, 2);
  assert_true (offset == G_GUINT64_CONSTANT (1) << 45);
  gsize len = 0;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  for (gsize part = 0; part < len; part++) {
    g_autoptr (GBytes) less = g_bytes_new (data, part);
    assert_false (ts_mark_unpack (less, &disk, &offset));
  }
  guint8 *far = g_memdup2 (data, len);
  far[0] = TS_WIRE_DISKS_MAX + 1; /* one past the last means: all of it */
  g_autoptr (GBytes) nowhere = g_bytes_new_take (far, len);
  assert_false (ts_mark_unpack (nowhere, &disk, &offset));
  assert_false (ts_mark_unpack (NULL, &disk, &offset));
  assert_int_equal (disk, 2);
}

/* What stands behind a name's end in memory is nobody's business: it is not sent. */
static void
rests_of_memory_stay_home (void **state)
{
  TsHello clean = hello_of (1), dirty = hello_of (1);
  memset (dirty.name, 'x', sizeof dirty.name);
  memcpy (dirty.name, "app", 4);
  memset (dirty.disk[0].name + 7, 'y', sizeof dirty.disk[0].name - 7);
  memset (&dirty.disk[1], 'z', sizeof dirty.disk[1]);
  g_autoptr (GBytes) a = ts_hello_pack (&clean);
  g_autoptr (GBytes) b = ts_hello_pack (&dirty);
  assert_true (g_bytes_equal (a, b));
}

/* --- rows: one change to a good payload --------------------------------------------------------
 */

enum { HELLO, MANIFEST };

static const char zeros[48];

static const struct row {
  const char *name;
  guint what;
  gsize at, len_bytes; /* where bytes replace the good ones */
  const char *bytes;
  gboolean accepted;
  TsErrorCode code;
} rows[] = {
    /* two disks: the second one excluded: a hello of 184 bytes, a manifest of 120 */
    {"hello: nothing changed", HELLO, 0, 0, "", TRUE, 0},
    {"hello: another magic", HELLO, 0, 4, "TSMA", FALSE, TS_ERROR_FORMAT},
    {"hello: a version to come", HELLO, 4, 4, "\3\0\0\0", FALSE, TS_ERROR_REFUSED},
    {"hello: version 0", HELLO, 4, 4, "\0\0\0\0", FALSE, TS_ERROR_REFUSED},
    {"hello: no vm", HELLO, 8, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"hello: interval 0", HELLO, 24, 8, "\0\0\0\0\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"hello: interval of a day", HELLO, 24, 8, "\0\x60\xd7\x1d\x14\0\0", TRUE, 0},
    {"hello: interval of a day and 1 us", HELLO, 24, 8, "\1\x60\xd7\x1d\x14\0\0", FALSE,
     TS_ERROR_FORMAT},
    {"hello: interval of ages", HELLO, 24, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", FALSE,
     TS_ERROR_FORMAT},
    {"hello: no disk", HELLO, 32, 2, "\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"hello: a disk less than sent", HELLO, 32, 2, "\1", FALSE, TS_ERROR_FORMAT},
    {"hello: a disk more than sent", HELLO, 32, 2, "\3\0\0", FALSE, TS_ERROR_FORMAT},
    {"hello: 17 disks", HELLO, 32, 2, "\x11\0\0", FALSE, TS_ERROR_FORMAT},
    {"hello: 65535 disks", HELLO, 32, 2, "\xff\xff", FALSE, TS_ERROR_FORMAT},
    {"hello: 25 recovery points", HELLO, 36, 1, "\x19", FALSE, TS_ERROR_FORMAT},
    {"hello: no recovery points", HELLO, 36, 1, "\0", TRUE, 0},
    {"hello: reserved byte used", HELLO, 37, 1, "\1", FALSE, TS_ERROR_FORMAT},
    {"hello: time scale 0", HELLO, 38, 2, "\0", FALSE, TS_ERROR_FORMAT},
    {"hello: time scale 1000", HELLO, 38, 2, "\xe8\3", TRUE, 0},
    {"hello: time scale 1001", HELLO, 38, 2, "\xe9\3", FALSE, TS_ERROR_FORMAT},
    {"hello: no name", HELLO, 40, 3, "\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"hello: bytes behind the name", HELLO, 103, 1, "x", FALSE, TS_ERROR_FORMAT},
    {"hello: a name without end", HELLO, 40, 64,
     "0123456789012345678901234567890123456789012345678901234567890123", FALSE, TS_ERROR_FORMAT},
    {"hello: the longest name", HELLO, 40, 64,
     "012345678901234567890123456789012345678901234567890123456789012", TRUE, 0},
    {"hello: a name that is not UTF-8", HELLO, 40, 3,
     "a\xff"
     "b",
     FALSE, TS_ERROR_FORMAT},
    {"hello: a name in UTF-8", HELLO, 40, 3, "a\xc3\xa9", TRUE, 0},
    {"hello: an escape sequence for a name", HELLO, 40, 3, "\33[m", FALSE, TS_ERROR_FORMAT},
    {"hello: a disk of 0 bytes", HELLO, 104, 8, "\0\0\0\0\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"hello: a disk of 1 byte", HELLO, 104, 8, "\1\0\0\0\0\0\0", TRUE, 0},
    {"hello: a disk of 64 TiB", HELLO, 144, 8, "\0\0\0\0\0\x40\0", TRUE, 0},
    {"hello: a disk of 64 TiB and a byte", HELLO, 144, 8, "\1\0\0\0\0\x40\0", FALSE,
     TS_ERROR_FORMAT},
    {"hello: a disk without a name", HELLO, 152, 6, "\0\0\0\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"hello: both disks replicated", HELLO, 34, 2, "\0", TRUE, 0},
    {"hello: the other disk left out", HELLO, 34, 2, "\1", TRUE, 0},
    {"hello: no disk replicated", HELLO, 34, 2, "\3", FALSE, TS_ERROR_FORMAT},
    {"hello: a third of two disks left out", HELLO, 34, 2, "\4", FALSE, TS_ERROR_FORMAT},
    {"manifest: nothing changed", MANIFEST, 0, 0, "", TRUE, 0},
    {"manifest: another magic", MANIFEST, 0, 4, "TSHE", FALSE, TS_ERROR_FORMAT},
    {"manifest: a version to come", MANIFEST, 4, 4, "\3\0\0\0", FALSE, TS_ERROR_REFUSED},
    {"manifest: the first instant", MANIFEST, 8, 8, "\0\0\0\0\0\0\0", TRUE, 0},
    {"manifest: before the first instant", MANIFEST, 8, 8, "\xff\xff\xff\xff\xff\xff\xff\xff",
     FALSE, TS_ERROR_FORMAT},
    {"manifest: a kind to come", MANIFEST, 16, 4, "\x10\0\0", TRUE, 0},
    {"manifest: no disk", MANIFEST, 20, 4, "\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"manifest: a disk more than sent", MANIFEST, 20, 4, "\3\0\0", FALSE, TS_ERROR_FORMAT},
    {"manifest: 17 disks", MANIFEST, 20, 4, "\x11\0\0", FALSE, TS_ERROR_FORMAT},
    {"manifest: a log of 0 bytes", MANIFEST, 24, 8, "\0\0\0\0\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"manifest: a log of 2^63 bytes", MANIFEST, 24, 8, "\0\0\0\0\0\0\0\x80", FALSE,
     TS_ERROR_FORMAT},
    {"manifest: more data than log", MANIFEST, 32, 8, "\0\x30\0\0\0\0\0", FALSE, TS_ERROR_FORMAT},
    {"manifest: no data", MANIFEST, 32, 8, "\0\0\0\0\0\0\0", TRUE, 0},
    {"manifest: no log of the second disk", MANIFEST, 72, 48, zeros, TRUE, 0},
    {"manifest: a log without a name", MANIFEST, 40, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", FALSE,
     TS_ERROR_FORMAT},
    {"manifest: a log that follows none", MANIFEST, 56, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", TRUE,
     0},
    {"manifest: a log that follows itself", MANIFEST, 56, 1, "\1", FALSE, TS_ERROR_FORMAT},
    {"manifest: two disks name one log", MANIFEST, 88, 1, "\1", FALSE, TS_ERROR_FORMAT},
};

static gboolean
unpack (guint what, GBytes *bytes, GError **error)
{
  union {
    TsHello hello;
    TsManifest manifest;
    guint8 bytes[sizeof (TsHello) + sizeof (TsManifest)];
  } into, before;
  memset (&into, 0xee, sizeof into);
  before = into;
  gboolean good = what == HELLO ? ts_hello_unpack (bytes, &into.hello, error)
                                : ts_manifest_unpack (bytes, &into.manifest, error);
  if (!good) /* then it is as it was */
    assert_memory_equal (&into, &before, sizeof into);
  return good;
}

static GBytes *
good_bytes (guint what)
{
  TsHello hello = hello_of (2);
  TsManifest manifest = manifest_of (2);
  return what == HELLO ? ts_hello_pack (&hello) : ts_manifest_pack (&manifest);
}

static void
one_change (void **state)
{
  const struct row *row = *state;
  g_autoptr (GBytes) good = good_bytes (row->what);
  gsize len_bytes = g_bytes_get_size (good);
  guint8 *data = g_memdup2 (g_bytes_get_data (good, NULL), len_bytes);
  memcpy (data + row->at, row->bytes, row->len_bytes);
  g_autoptr (GBytes) changed = g_bytes_new_take (data, len_bytes);
  g_autoptr (GError) error = NULL;
  if (row->accepted) {
    if (!unpack (row->what, changed, &error))
      fail_msg ("%s", error->message);
    return;
  }
  assert_false (unpack (row->what, changed, &error));
  assert_true (g_error_matches (error, TS_ERROR, row->code));
}

static void
every_other_length (void **state)
{
  for (guint what = HELLO; what <= MANIFEST; what++) {
    g_autoptr (GBytes) good = good_bytes (what);
    gsize len_bytes = g_bytes_get_size (good);
    guint8 *data = g_malloc0 (len_bytes + 64);
    memcpy (data, g_bytes_get_data (good, NULL), len_bytes);
    for (gsize bytes = 0; bytes <= len_bytes + 64; bytes++) {
      if (bytes == len_bytes)
        continue;
      g_autoptr (GBytes) other =
          g_bytes_new (data, bytes); /* exact, so that ASan sees a step past it */
      g_autoptr (GError) error = NULL;
      assert_false (unpack (what, other, &error));
      assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    }
    g_free (data);
    assert_false (unpack (what, NULL, NULL)); /* a frame without a payload */
  }
}

int
main (void)
{
  struct CMUnitTest row_tests[G_N_ELEMENTS (rows)] = {0};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    row_tests[i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = one_change, .initial_state = (void *)&rows[i]};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (hello_there_and_back),
      cmocka_unit_test (manifest_there_and_back),
      cmocka_unit_test (mark_there_and_back),
      cmocka_unit_test (rests_of_memory_stay_home),
      cmocka_unit_test (every_other_length),
  };
  int failed = cmocka_run_group_tests_name ("wire rows", row_tests, NULL, NULL);
  return failed + cmocka_run_group_tests_name ("wire", tests, NULL, NULL);
}

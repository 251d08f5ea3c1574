/* tests/test-medium.c -- the list of a medium: what can be, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/error.h"
#include "core/format/medium.h"

/* Two disks, three pieces; 56 + 16 + 96 bytes. */
static TsMedium *
small (void)
{
  static const TsMediumPiece pieces[] = {
      {0, 4096, 0, {1}}, {4096, 1024 * 1024, 0, {2}}, {8192, 512, 1, {3}}};
  TsMedium *medium = ts_medium_new ();
  medium->vm.bytes[0] = 7;
  medium->run = 42;
  medium->disks = 2;
  medium->size_bytes[0] = 4 * 1024 * 1024;
  medium->size_bytes[1] = 9000;
  g_array_append_vals (medium->pieces, pieces, G_N_ELEMENTS (pieces));
  return medium;
}

static void
there_and_back (void **state)
{
  g_autoptr (TsMedium) medium = small ();
  g_autoptr (GBytes) bytes = ts_medium_pack (medium);
  assert_int_equal (g_bytes_get_size (bytes), 56 + 2 * 8 + 3 * 32);
  g_autoptr (TsMedium) back = ts_medium_unpack (bytes, NULL);
  assert_non_null (back);
  assert_int_equal (back->run, 42);
  assert_int_equal (back->size_bytes[1], 9000);
  assert_int_equal (ts_medium_piece (back, 2)->disk, 1);
  assert_int_equal (ts_medium_piece (back, 2)->hash[0], 3);
  g_autoptr (GBytes) again = ts_medium_pack (back);
  assert_true (g_bytes_equal (bytes, again));
}

static const struct row {
  const char *name;
  gsize at; /* byte that is changed by xor; the checksum is made right unless it says so */
  guint8 by;
  gboolean keep_sum;
  gssize cut; /* bytes less (more when below 0) */
  TsErrorCode code;
  const char *says;
} rows[] = {
    {"another magic", 0, 1, FALSE, 0, TS_ERROR_FORMAT, "not the list of a medium"},
    {"another version", 8, 2, FALSE, 0, TS_ERROR_REFUSED, "of version 3: it should be 1"},
    {"a flipped bit", 100, 1, TRUE, 0, TS_ERROR_FORMAT, "checksum"},
    {"one byte short", 0, 0, FALSE, 1, TS_ERROR_FORMAT, "cannot be 2 disks and 3 pieces"},
    {"one byte long", 0, 0, FALSE, -1, TS_ERROR_FORMAT, "cannot be 2 disks and 3 pieces"},
    {"nothing at all", 0, 0, FALSE, 168, TS_ERROR_FORMAT, "not the list of a medium"},
    {"more pieces than bytes", 46, 1, FALSE, 0, TS_ERROR_FORMAT, "cannot be 2 disks"},
    {"no disks", 12, 2, FALSE, 0, TS_ERROR_FORMAT, "cannot be 0 disks"},
    {"no virtual machine", 16, 7, FALSE, 0, TS_ERROR_FORMAT, "names no virtual machine"},
    {"no attempt", 32, 42, FALSE, 0, TS_ERROR_FORMAT, "names no initial replication"},
    {"a piece of no length", 72 + 9, 16, FALSE, 0, TS_ERROR_FORMAT, "piece 0 of disk 0 has no place"},
    {"a piece that is too long", 72 + 32 + 8, 1, FALSE, 0, TS_ERROR_FORMAT, "piece 1 of disk 0"},
    {"a piece over the one before", 72 + 1, 1, FALSE, 0, TS_ERROR_FORMAT, "piece 1 of disk 0"},
    {"a piece behind the end", 72 + 64 + 2, 1, FALSE, 0, TS_ERROR_FORMAT, "piece 2 of disk 1"},
    {"a piece of a disk that is not there", 72 + 64 + 12, 3, FALSE, 0, TS_ERROR_FORMAT,
     "piece 2 is of disk 2"},
};

/* The checksum that pack would have given: of a medium that pack would not take. */
#include <xxhash.h>
static void
make_right (guint8 *data, gsize len)
{
  XXH3_state_t *state = XXH3_createState ();
  XXH3_64bits_reset (state);
  XXH3_64bits_update (state, data, 48);
  XXH3_64bits_update (state, data + 56, len - 56);
  guint64 sum = GUINT64_TO_LE (XXH3_64bits_digest (state));
  XXH3_freeState (state);
  memcpy (data + 48, &sum, sizeof sum);
}

static void
refused (void **state)
{
  const struct row *row = *state;
  g_autoptr (TsMedium) medium = small ();
  GByteArray *array = g_bytes_unref_to_array (ts_medium_pack (medium));
  array->data[row->at] ^= row->by;
  g_byte_array_set_size (array, (guint)((gssize)array->len - row->cut));
  if (row->cut < 0)
    array->data[array->len - 1] = 0;
  if (!row->keep_sum && array->len >= 56)
    make_right (array->data, array->len);
  g_autoptr (GBytes) bytes = g_byte_array_free_to_bytes (array);
  g_autoptr (GError) error = NULL;
  g_autoptr (TsMedium) back = ts_medium_unpack (bytes, &error);
  assert_null (back);
  assert_int_equal (error->code, row->code);
  if (!strstr (error->message, row->says))
    fail_msg ("\"%s\" does not say \"%s\"", error->message, row->says);
}

int
main (int argc, char **argv)
{
  if (argc == 2) { /* writes one that can be, for the corpus of the fuzz target */
    g_autoptr (TsMedium) medium = small ();
    g_autoptr (GBytes) bytes = ts_medium_pack (medium);
    gsize len;
    const char *data = g_bytes_get_data (bytes, &len);
    return g_file_set_contents (argv[1], data, (gssize)len, NULL) ? 0 : 1;
  }
  struct CMUnitTest tests[1 + G_N_ELEMENTS (rows)] = {cmocka_unit_test (there_and_back)};
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[1 + i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = refused, .initial_state = (void *)&rows[i]};
  return cmocka_run_group_tests (tests, NULL, NULL);
}

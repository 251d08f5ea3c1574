/* tests/test-block-compare.c -- hashes of blocks, and which of them differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/error.h"
#include "core/disk/compare.h"

#define LEN (10 * TS_COMPARE_BLOCK_BYTES + 100) /* the last block is short */

static guint8 a[LEN], b[LEN];

static int
setup (void **state)
{
  for (guint i = 0; i < LEN; i++)
    a[i] = b[i] = (guint8)(i * 31 + i / 251);
  return 0;
}

static char *
differing (void)
{
  g_autoptr (GBytes) mine = ts_compare_hash_data (a, LEN);
  g_autoptr (GBytes) theirs = ts_compare_hash_data (b, LEN);
  g_autoptr (TsExtents) extents = ts_extents_new ();
  assert_true (ts_compare_differing (mine, theirs, 1 << 20, LEN, extents, NULL));
  g_autoptr (GBytes) digest_a = ts_compare_digest (mine);
  g_autoptr (GBytes) digest_b = ts_compare_digest (theirs);
  assert_int_equal (g_bytes_equal (digest_a, digest_b), ts_extents_count (extents) == 0);
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < ts_extents_count (extents); i++) {
    TsExtent e = ts_extents_get (extents, i);
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT, i ? " " : "",
                            e.offset_bytes - (1 << 20), e.len_bytes);
  }
  return g_string_free (text, FALSE);
}

static void
expect_differing (const char *want)
{
  g_autofree char *have = differing ();
  assert_string_equal (have, want);
}

static void
what_is_the_same (void **state)
{
  expect_differing ("");
}

static void
one_bit_is_its_block (void **state)
{
  b[5 * 4096 + 4095] ^= 1;
  expect_differing ("20480+4096");
  b[0] ^= 128;
  expect_differing ("0+4096 20480+4096");
}

static void
neighbours_are_one_range (void **state)
{
  b[2 * 4096] ^= 1;
  b[3 * 4096] ^= 1;
  expect_differing ("8192+8192");
}

static void
the_short_last_block (void **state)
{
  b[LEN - 1] ^= 1;
  expect_differing ("40960+100");
}

static void
swapped_blocks_differ (void **state)
{
  memcpy (b, a + 4096, 4096);
  memcpy (b + 4096, a, 4096);
  expect_differing ("0+8192");
}

/* Both sides' programs, of any machine, must agree on them. */
static void
the_published_value (void **state)
{
  g_autoptr (GBytes) hashes = ts_compare_hash_data ("a", 1);
  static const guint8 want[TS_COMPARE_HASH_BYTES] = {0xa9, 0x6f, 0xaf, 0x70, 0x5a, 0xf1,
                                                     0x68, 0x34, 0xe6, 0xc6, 0x32, 0xb6,
                                                     0x1e, 0x96, 0x4e, 0x1f}; /* XXH3-128 ("a") */
  assert_int_equal (g_bytes_get_size (hashes), sizeof want);
  assert_memory_equal (g_bytes_get_data (hashes, NULL), want, sizeof want);
}

static void
answers_of_another_length_are_refused (void **state)
{
  g_autoptr (GBytes) mine = ts_compare_hash_data (a, LEN);
  g_autoptr (GBytes) theirs = ts_compare_hash_data (b, LEN - 4096);
  g_autoptr (TsExtents) extents = ts_extents_new ();
  g_autoptr (GError) error = NULL;
  assert_false (ts_compare_differing (mine, theirs, 0, LEN, extents, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  assert_int_equal (ts_extents_count (extents), 0);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup (what_is_the_same, setup),
      cmocka_unit_test_setup (one_bit_is_its_block, setup),
      cmocka_unit_test_setup (neighbours_are_one_range, setup),
      cmocka_unit_test_setup (the_short_last_block, setup),
      cmocka_unit_test_setup (swapped_blocks_differ, setup),
      cmocka_unit_test (the_published_value),
      cmocka_unit_test_setup (answers_of_another_length_are_refused, setup),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

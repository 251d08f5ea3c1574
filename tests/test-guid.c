/* Identifiers in the byte order of the published formats. */
#include "core/base/error.h"
#include "core/base/guid.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void
bytes_are_in_published_order (void **state)
{
  static const guint8 want[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
  TsGuid guid;
  assert_true (ts_guid_parse ("00112233-4455-6677-8899-aabbccddeeff", &guid, NULL));
  assert_memory_equal (guid.bytes, want, 16);
}

static void
text_comes_back (void **state)
{
  static const char *const texts[] = {
      "00112233-4455-6677-8899-aabbccddeeff",
      "00000000-0000-0000-0000-000000000000",
      "ffffffff-ffff-ffff-ffff-ffffffffffff",
      "572fc7ff-1f03-49ab-b3c5-30a665b8e20c",
  };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    TsGuid guid;
    char text[TS_GUID_TEXT_SIZE];
    assert_true (ts_guid_parse (texts[i], &guid, NULL));
    ts_guid_format (&guid, text);
    assert_string_equal (text, texts[i]);
  }
}

static void
capitals_are_read (void **state)
{
  TsGuid upper, lower;
  assert_true (ts_guid_parse ("AABBCCDD-EEFF-0011-2233-445566778899", &upper, NULL));
  assert_true (ts_guid_parse ("aabbccdd-eeff-0011-2233-445566778899", &lower, NULL));
  assert_true (ts_guid_equal (&upper, &lower));
}

static void
other_text_is_refused_and_changes_nothing (void **state)
{
  static const char *const texts[] = {
      "",
      "0",
      "00112233",
      "00112233-4455-6677-8899-aabbccddeef",
      "00112233-4455-6677-8899-aabbccddeeff0",
      "00112233-4455-6677-8899-aabbccddeeff ",
      "00112233445566778899aabbccddeeff",
      "00112233-4455-6677-8899_aabbccddeeff",
      "0011223-34455-6677-8899-aabbccddeeff",
      "g0112233-4455-6677-8899-aabbccddeeff",
      "{00112233-4455-6677-8899-aabbccddeeff}",
  };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    TsGuid guid = {{7}}, before = guid;
    assert_false (ts_guid_parse (texts[i], &guid, &error));
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
    assert_true (ts_guid_equal (&guid, &before));
  }
}

static void
drawn_ones_are_random_of_version_4 (void **state)
{
  TsRandom random;
  TsGuid last = {{0}};
  assert_true (ts_guid_is_zero (&last));
  ts_random_init (&random, 1, "guid");
  for (guint i = 0; i < 200; i++) {
    char text[TS_GUID_TEXT_SIZE];
    TsGuid guid = ts_guid_draw (&random);
    ts_guid_format (&guid, text);
    assert_int_equal (text[14], '4');
    assert_non_null (strchr ("89ab", text[19]));
    assert_true (g_uuid_string_is_valid (text));
    assert_false (ts_guid_is_zero (&guid));
    assert_false (ts_guid_equal (&guid, &last));
    last = guid;
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (bytes_are_in_published_order),
      cmocka_unit_test (text_comes_back),
      cmocka_unit_test (capitals_are_read),
      cmocka_unit_test (other_text_is_refused_and_changes_nothing),
      cmocka_unit_test (drawn_ones_are_random_of_version_4),
  };
  return cmocka_run_group_tests_name ("guid", tests, NULL, NULL);
}

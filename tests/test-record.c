/* One line of the journal. */
#include "core/base/error.h"
#include "core/base/record.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static TsRecord *
sample (void)
{
  TsRecord *record = ts_record_new (1500000, "app@hv-lyon", "power");
  ts_record_text (record, "vm", "app");
  ts_record_int (record, "bytes", -7);
  ts_record_bool (record, "on", 42);
  return record;
}

static void
json_keeps_the_order (void **state)
{
  g_autoptr (TsRecord) record = sample ();
  g_autofree char *json = ts_record_to_json (record);
  assert_string_equal (json, "{\"t_us\":1500000,\"source\":\"app@hv-lyon\",\"kind\":\"power\","
                             "\"vm\":\"app\",\"bytes\":-7,\"on\":true}");
}

static void
json_without_fields (void **state)
{
  g_autoptr (TsRecord) record = ts_record_new (-1, "", "end");
  g_autofree char *json = ts_record_to_json (record);
  assert_string_equal (json, "{\"t_us\":-1,\"source\":\"\",\"kind\":\"end\"}");
}

static void
json_is_one_line_of_utf8_whatever_the_text (void **state)
{
  g_autoptr (TsRecord) record = ts_record_new (G_MININT64, "a\"b", "x\\y");
  ts_record_text (record, "reason", "line\nbreak\ttab\rcr\x01 \x7f caf\xc3\xa9 \xff\"");
  ts_record_text (record, "none", NULL);
  g_autofree char *json = ts_record_to_json (record);
  assert_string_equal (json,
                       "{\"t_us\":-9223372036854775808,\"source\":\"a\\\"b\",\"kind\":\"x\\\\y\","
                       "\"reason\":\"line\\nbreak\\ttab\\u000dcr\\u0001 \\u007f caf\xc3\xa9 "
                       "\xef\xbf\xbd\\\"\",\"none\":\"\"}");
}

static void
fields_are_found_by_key (void **state)
{
  g_autoptr (TsRecord) record = sample ();
  assert_int_equal (ts_record_get_int (record, "bytes", 3), -7);
  assert_int_equal (ts_record_get_int (record, "on", 3), 1);
  assert_int_equal (ts_record_get_int (record, "vm", 3), 3);
  assert_int_equal (ts_record_get_int (record, "absent", 3), 3);
  assert_string_equal (ts_record_get_text (record, "vm"), "app");
  assert_null (ts_record_get_text (record, "bytes"));
  assert_null (ts_record_get_text (record, "absent"));
  assert_null (ts_record_field (record, "v"));
}

static void
a_copy_stands_alone (void **state)
{
  TsRecord *record = sample ();
  g_autofree char *before = ts_record_to_json (record);
  g_autoptr (TsRecord) copy = ts_record_copy (record);
  ts_record_int (record, "later", 1);
  ts_record_free (record);
  g_autofree char *after = ts_record_to_json (copy);
  assert_string_equal (before, after);
}

static void
a_variant_comes_back (void **state)
{
  g_autoptr (TsRecord) record = sample ();
  g_autoptr (GVariant) variant = g_variant_ref_sink (ts_record_to_variant (record));
  assert_string_equal (g_variant_get_type_string (variant), "(xssa(sv))");
  g_autoptr (TsRecord) back = ts_record_from_variant (variant, NULL);
  assert_non_null (back);
  g_autofree char *before = ts_record_to_json (record), *after = ts_record_to_json (back);
  assert_string_equal (before, after);
}

static const struct row {
  const char *name, *text, *type;
} strangers[] = {
    {"a variant that is only a text", "'hello'", NULL},
    {"a variant with a time of 32 bits", "(int32 1, 'a', 'b', @a(sv) [])", NULL},
    {"a variant with a dictionary", "(int64 1, 'a', 'b', @a{sv} {})", NULL},
    {"a field of a double", "(int64 1, 'a', 'b', [('k', <1.5>)])", "(xssa(sv))"},
    {"a field of 32 bits", "(int64 1, 'a', 'b', [('k', <1>)])", "(xssa(sv))"},
    {"a field twice", "(int64 1, 'a', 'b', [('k', <int64 1>), ('k', <int64 2>)])", "(xssa(sv))"},
    {"a field with the record's own key", "(int64 1, 'a', 'b', [('t_us', <int64 1>)])",
     "(xssa(sv))"},
    {"a key in capitals", "(int64 1, 'a', 'b', [('K', <int64 1>)])", "(xssa(sv))"},
    {"a key that would break the line", "(int64 1, 'a', 'b', [('k\":', <int64 1>)])", "(xssa(sv))"},
    {"an empty key", "(int64 1, 'a', 'b', [('', <int64 1>)])", "(xssa(sv))"},
};

static void
strange_variants_are_refused (void **state)
{
  const struct row *row = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) variant = g_variant_parse (NULL, row->text, NULL, NULL, &error);
  assert_non_null (variant);
  if (row->type)
    assert_string_equal (g_variant_get_type_string (variant), row->type);
  assert_null (ts_record_from_variant (variant, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
}

static void
bytes_that_are_no_variant_are_refused_or_harmless (void **state)
{
  /* What a damaged pipe could deliver: any bytes, called a record. */
  guint8 bytes[64];
  for (guint n = 0; n < 2000; n++) {
    for (guint i = 0; i < sizeof bytes; i++)
      bytes[i] = (guint8)((n * 2654435761u + i * 40503u) >> (i % 13));
    g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new_from_data (
        G_VARIANT_TYPE ("(xssa(sv))"), bytes, n % sizeof bytes, FALSE, NULL, NULL));
    g_autoptr (GError) error = NULL;
    g_autoptr (TsRecord) record = ts_record_from_variant (variant, &error);
    assert_true ((record != NULL) != (error != NULL));
  }
}

int
main (void)
{
  struct CMUnitTest tests[7 + G_N_ELEMENTS (strangers)] = {
      cmocka_unit_test (json_keeps_the_order),
      cmocka_unit_test (json_without_fields),
      cmocka_unit_test (json_is_one_line_of_utf8_whatever_the_text),
      cmocka_unit_test (fields_are_found_by_key),
      cmocka_unit_test (a_copy_stands_alone),
      cmocka_unit_test (a_variant_comes_back),
      cmocka_unit_test (bytes_that_are_no_variant_are_refused_or_harmless),
  };
  for (gsize i = 0; i < G_N_ELEMENTS (strangers); i++)
    tests[7 + i] = (struct CMUnitTest){.name = strangers[i].name,
                                       .test_func = strange_variants_are_refused,
                                       .initial_state = (void *)&strangers[i]};
  return cmocka_run_group_tests_name ("record", tests, NULL, NULL);
}

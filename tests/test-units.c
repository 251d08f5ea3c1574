/* Quantities in and out of text. */
#include "core/base/error.h"
#include "core/base/units.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { DURATION, SIZE, RATE, FREQUENCY, SHARE };
#define BAD G_MAXUINT64 /* must be refused; says must be in the message */

static const struct row {
  const char *name;
  int what;
  const char *text;
  guint64 want;
  const char *says;
} rows[] = {
    {"seconds", DURATION, "30s", 30000000, NULL},
    {"microseconds", DURATION, "7us", 7, NULL},
    {"milliseconds", DURATION, "20ms", 20000, NULL},
    {"minutes", DURATION, "5m", 300000000, NULL},
    {"hours", DURATION, "2h", G_GUINT64_CONSTANT (7200000000), NULL},
    {"days", DURATION, "1d", G_GUINT64_CONSTANT (86400000000), NULL},
    {"a fraction that comes out", DURATION, "1.5s", 1500000, NULL},
    {"six places of a second", DURATION, "0.000001s", 1, NULL},
    {"zeros behind the fraction are nothing, however many", DURATION,
     "1.50000000000000000000000000s", 1500000, NULL},
    {"a digit behind too many zeros", DURATION, "1.00000000000000000001s", BAD, "digits"},
    {"a few zeros behind the fraction are nothing", DURATION, "1.500000000s", 1500000, NULL},
    {"seven places are too fine", DURATION, "0.0000001s", BAD, "finer"},
    {"zeros inside the fraction count", DURATION, "1.000001s", 1000001, NULL},
    {"zeros in front are nothing", DURATION, "0007s", 7000000, NULL},
    {"zero needs no unit", DURATION, "0", 0, NULL},
    {"neither does zero with places", DURATION, "0.00", 0, NULL},
    {"zero may have one", DURATION, "0ms", 0, NULL},
    {"no unit", DURATION, "30", BAD, "us ms s m h d"},
    {"unknown unit", DURATION, "30sec", BAD, "\"30sec\" is not a duration"},
    {"unit of something else", DURATION, "30MiB", BAD, "us ms s m h d"},
    {"units tell case", DURATION, "30S", BAD, "not a duration"},
    {"white space inside", DURATION, "30 s", BAD, "without a space"},
    {"white space in front", DURATION, " 30s", BAD, "not a duration"},
    {"white space behind", DURATION, "30s ", BAD, "not a duration"},
    {"a sign", DURATION, "-1s", BAD, "not a duration"},
    {"another sign", DURATION, "+1s", BAD, "not a duration"},
    {"an exponent", DURATION, "1e3s", BAD, "not a duration"},
    {"nothing", DURATION, "", BAD, "not a duration"},
    {"only a unit", DURATION, "s", BAD, "not a duration"},
    {"only a point", DURATION, ".", BAD, "not a duration"},
    {"no digit before the point", DURATION, ".5s", BAD, "not a duration"},
    {"no digit behind the point", DURATION, "5.s", BAD, "not a duration"},
    {"two points", DURATION, "1.2.3s", BAD, "not a duration"},
    {"a comma", DURATION, "1,5s", BAD, "not a duration"},
    {"infinity", DURATION, "inf", BAD, "not a duration"},
    {"hexadecimal", DURATION, "0x10s", BAD, "not a duration"},
    {"the longest time", DURATION, "9223372036854ms", G_GUINT64_CONSTANT (9223372036854000), NULL},
    {"never cannot be written", DURATION, "999999999d", BAD, "too large"},
    {"more digits than fit", DURATION, "1111111111111111111s", BAD, "too many digits"},
    {"text of the user's that is not UTF-8", DURATION, "\xff\xfe", BAD, "not a duration"},
    {"text without end", DURATION, "99999999999999999999999999999999999999999999999999", BAD,
     "digits"},
    {"bytes", SIZE, "1B", 1, NULL},
    {"KiB", SIZE, "64KiB", 65536, NULL},
    {"MiB", SIZE, "256MiB", 268435456, NULL},
    {"GiB", SIZE, "1.5GiB", 1610612736, NULL},
    {"TiB", SIZE, "64TiB", G_GUINT64_CONSTANT (70368744177664), NULL},
    {"kB is 1000", SIZE, "1kB", 1000, NULL},
    {"GB is 10^9", SIZE, "2GB", 2000000000, NULL},
    {"half a byte", SIZE, "0.5B", BAD, "finer"},
    {"a tenth of a KiB is no whole byte", SIZE, "0.1KiB", BAD, "finer"},
    {"the largest size", SIZE, "16777215TiB", G_GUINT64_CONSTANT (18446742974197923840), NULL},
    {"a size that does not fit", SIZE, "16777216TiB", BAD, "too large"},
    {"K alone is no unit", SIZE, "1K", BAD, "B KiB MiB GiB TiB kB MB GB TB"},
    {"a disk of nothing is a number", SIZE, "0", 0, NULL},
    {"Mbit/s", RATE, "50Mbit/s", 50000000, NULL},
    {"Gbit/s with a fraction", RATE, "2.5Gbit/s", G_GUINT64_CONSTANT (2500000000), NULL},
    {"bytes a second are no rate", RATE, "5MB/s", BAD, "bit/s kbit/s Mbit/s Gbit/s"},
    {"twenty a second", FREQUENCY, "20/s", 20000000, NULL},
    {"half a second", FREQUENCY, "0.5/s", 500000, NULL},
    {"ninety a minute", FREQUENCY, "90/m", 1500000, NULL},
    {"one a minute is rounded", FREQUENCY, "1/m", 16667, NULL},
    {"six an hour", FREQUENCY, "6/h", 1667, NULL},
    {"rounded to nothing", FREQUENCY, "0.001/h", BAD, "too small"},
    {"a frequency is no number", FREQUENCY, "20", BAD, "/s /m /h"},
    {"half a per cent", SHARE, "0.5%", 5000, NULL},
    {"a millionth", SHARE, "0.0001%", 1, NULL},
    {"all", SHARE, "100%", 1000000, NULL},
    {"more than all", SHARE, "100.0001%", BAD, "more than 100%"},
    {"finer than a millionth", SHARE, "0.00001%", BAD, "finer"},
    {"a share that would wrap around", SHARE, "429496.7297%", BAD, "more than 100%"},
};

static gboolean
parse (int what, const char *text, guint64 *value, GError **error)
{
  gint64 us = -1;
  guint32 ppm = 77;
  gboolean ok;
  switch (what) {
  case DURATION:
    ok = ts_parse_duration (text, &us, error);
    *value = (guint64)us;
    return ok;
  case SIZE:
    return ts_parse_size (text, value, error);
  case RATE:
    return ts_parse_rate (text, value, error);
  case FREQUENCY:
    return ts_parse_frequency (text, value, error);
  default:
    ok = ts_parse_share (text, &ppm, error);
    *value = ppm;
    return ok;
  }
}

static void
parses (void **state)
{
  const struct row *row = *state;
  g_autoptr (GError) error = NULL;
  guint64 value = 0;
  gboolean ok = parse (row->what, row->text, &value, &error);
  if (row->want != BAD) {
    assert_true (ok);
    assert_null (error);
    assert_int_equal (value, row->want);
    return;
  }
  assert_false (ok);
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  if (!strstr (error->message, row->says))
    fail_msg ("\"%s\" does not say \"%s\"", error->message, row->says);
  assert_true (g_utf8_validate (error->message, -1, NULL));
  assert_true (strlen (error->message) < 200);
}

static const struct out {
  const char *name;
  char *(*format_time) (gint64);
  char *(*format) (guint64);
  gint64 value;
  const char *want;
} outs[] = {
    {"no time", ts_format_duration, NULL, 0, "0 us"},
    {"microseconds", ts_format_duration, NULL, 999, "999 us"},
    {"whole milliseconds", ts_format_duration, NULL, 20000, "20 ms"},
    {"milliseconds and more", ts_format_duration, NULL, 20500, "20.500 ms"},
    {"whole seconds", ts_format_duration, NULL, 30000000, "30 s"},
    {"seconds and more", ts_format_duration, NULL, 1500000, "1.500 s"},
    {"seconds are rounded to thousandths", ts_format_duration, NULL, 1500600, "1.501 s"},
    {"rounding up reaches a minute", ts_format_duration, NULL, 59999600, "1 min"},
    {"minutes", ts_format_duration, NULL, 300000000, "5 min"},
    {"minutes and seconds", ts_format_duration, NULL, 95123000, "1 min 35.123 s"},
    {"hours", ts_format_duration, NULL, G_GINT64_CONSTANT (7203000000), "2 h 3 s"},
    {"days", ts_format_duration, NULL, G_GINT64_CONSTANT (90060000000), "1 d 1 h 1 min"},
    {"before", ts_format_duration, NULL, -20000, "-20 ms"},
    {"the earliest time", ts_format_duration, NULL, G_MININT64, "-106751991 d 4 h 54.776 s"},
    {"never", ts_format_duration, NULL, TS_NEVER, "never"},
    {"bytes", NULL, ts_format_size, 1023, "1023 B"},
    {"a KiB", NULL, ts_format_size, 1024, "1.0 KiB"},
    {"MiB", NULL, ts_format_size, 50331648, "48.0 MiB"},
    {"never 1024.0 of a unit", NULL, ts_format_size, 1048575, "1.0 MiB"},
    {"the largest size", NULL, ts_format_size, -1, "16.0 EiB"},
    {"no rate", NULL, ts_format_rate, 0, "0 bit/s"},
    {"Mbit/s", NULL, ts_format_rate, 50000000, "50 Mbit/s"},
    {"a rate with a tenth", NULL, ts_format_rate, 1540000, "1.5 Mbit/s"},
    {"never 1000.0 of a unit", NULL, ts_format_rate, 999999, "1.0 Mbit/s"},
    {"the largest rate", NULL, ts_format_rate, -1, "18446744073.7 Gbit/s"},
};

static void
formats (void **state)
{
  const struct out *out = *state;
  g_autofree char *text =
      out->format_time ? out->format_time (out->value) : out->format ((guint64)out->value);
  assert_string_equal (text, out->want);
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + G_N_ELEMENTS (outs)] = {0};
  gsize n = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[n++] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = parses, .initial_state = (void *)&rows[i]};
  for (gsize i = 0; i < G_N_ELEMENTS (outs); i++)
    tests[n++] = (struct CMUnitTest){
        .name = outs[i].name, .test_func = formats, .initial_state = (void *)&outs[i]};
  return cmocka_run_group_tests_name ("units", tests, NULL, NULL);
}

/* tests/test-console.c -- what is understood of a console, however its bytes arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/base/error.h"
#include "core/site/console.h"

static const TsConsolePatterns patterns = {"PG-UP", "ACK ([0-9]+)", "PG-LAST ([0-9]+)"};

static const struct row {
  const char *name, *said;
  guint64 readies;
  gint64 acked, survived;
} rows[] = {
    {"nothing", "", 0, -1, -1},
    {"a boot", "Linux version 6\r\nPG-LAST 41\r\nPG-UP\r\n", 1, -1, 41},
    {"the last number counts", "ACK 1\nACK 2\nACK 7\n", 0, 7, -1},
    {"and when it is smaller", "ACK 7\nACK 2\n", 0, 2, -1},
    {"every ready is counted", "PG-UP\nx PG-UP y\nPG-U\nPG-UP\n", 3, -1, -1},
    {"a line that has not ended says nothing yet", "ACK 3\nACK 45", 0, 3, -1},
    {"a number that is none", "ACK x\nACK 99999999999999999999999\n", 0, -1, -1},
    {"nought is a number", "PG-LAST 0\n", 0, -1, 0},
    {"bytes of no encoding", "\xff\xfe ACK 5 \x80\n", 0, 5, -1},
    {"two things in one line", "PG-UP ACK 9\n", 1, 9, -1},
};

/* In one piece, and byte by byte. */
static void
is_understood (void **state)
{
  const struct row *row = *state;
  for (gsize piece = 1; piece <= 64; piece += 63) {
    g_autoptr (TsConsole) console = ts_console_new (&patterns, NULL);
    for (gsize at = 0; at < strlen (row->said); at += piece)
      ts_console_hear (console, row->said + at, MIN (piece, strlen (row->said) - at));
    const TsConsoleTold *told = ts_console_told (console);
    assert_int_equal (told->readies, row->readies);
    assert_int_equal (told->acked, row->acked);
    assert_int_equal (told->survived, row->survived);
  }
}

static void
an_endless_line_is_looked_at_in_part (void **state)
{
  g_autoptr (TsConsole) console = ts_console_new (&patterns, NULL);
  ts_console_hear (console, "ACK 1 ", 6);
  for (int i = 0; i < 3 * TS_CONSOLE_LINE_MAX; i++)
    ts_console_hear (console, "x", 1);
  ts_console_hear (console, "PG-UP\nPG-UP\n", 12);
  assert_int_equal (ts_console_told (console)->acked, 1);
  assert_int_equal (ts_console_told (console)->readies, 1); /* the second line's */
}

static void
what_is_not_asked_for_is_not_found (void **state)
{
  static const TsConsolePatterns only = {"login:", NULL, NULL};
  g_autoptr (TsConsole) console = ts_console_new (&only, NULL);
  ts_console_hear (console, "ACK 1\nlogin: \n", 14);
  assert_int_equal (ts_console_told (console)->acked, -1);
  assert_int_equal (ts_console_told (console)->readies, 1);
}

static void
bad_patterns_are_refused (void **state)
{
  static const TsConsolePatterns open = {"(", NULL, NULL}, groupless = {NULL, "ACK [0-9]+", NULL};
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) second = NULL;
  assert_null (ts_console_new (&open, &error));
  assert_int_equal (error->code, TS_ERROR_ARGUMENT);
  assert_null (ts_console_new (&groupless, &second));
  assert_non_null (strstr (second->message, "no group for the number"));
  assert_true (ts_console_pattern_check ("ACK [0-9]+", FALSE, NULL));
  assert_false (ts_console_pattern_check ("ACK [0-9]+", TRUE, NULL));
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 3] = {
      cmocka_unit_test (an_endless_line_is_looked_at_in_part),
      cmocka_unit_test (what_is_not_asked_for_is_not_found),
      cmocka_unit_test (bad_patterns_are_refused),
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[3 + i] = (struct CMUnitTest){rows[i].name, is_understood, NULL, NULL, (void *)&rows[i]};
  return cmocka_run_group_tests (tests, NULL, NULL);
}

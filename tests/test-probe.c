/* tests/test-probe.c -- when a service counts as up, and when as down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/site/probe.h"

static void
one_answer_makes_it_up (void **state)
{
  TsProbe probe;
  guint64 number;
  ts_probe_init (&probe, 0);
  assert_false (ts_probe_tick (&probe, 0, &number));
  assert_int_equal (number, 1);
  assert_int_equal (probe.next_us, TS_PROBE_INTERVAL_US);
  assert_true (ts_probe_answer (&probe, 1));
  assert_false (ts_probe_answer (&probe, 1)); /* told once */
}

static void
three_silences_make_it_down (void **state)
{
  TsProbe probe;
  guint64 number;
  ts_probe_init (&probe, 0);
  ts_probe_tick (&probe, 0, &number);
  ts_probe_answer (&probe, number);
  assert_false (
      ts_probe_tick (&probe, 1, &number)); /* asked; the first silence is heard next time */
  assert_false (ts_probe_tick (&probe, 2, &number));
  assert_false (ts_probe_tick (&probe, 3, &number));
  assert_true (ts_probe_tick (&probe, 4, &number));
  assert_int_equal (probe.state, TS_PROBE_DOWN);
  assert_false (ts_probe_tick (&probe, 5, &number)); /* told once */
}

static void
an_answer_in_between_starts_afresh (void **state)
{
  TsProbe probe;
  guint64 number;
  ts_probe_init (&probe, 0);
  ts_probe_tick (&probe, 0, &number);
  ts_probe_answer (&probe, number);
  for (gint64 t = 1; t < 20; t++) {
    assert_false (ts_probe_tick (&probe, t, &number));
    if (t % 3 == 0)
      assert_false (ts_probe_answer (&probe, number));
  }
}

static void
answers_to_nothing_are_ignored (void **state)
{
  TsProbe probe;
  guint64 number;
  ts_probe_init (&probe, 0);
  assert_false (ts_probe_answer (&probe, 7)); /* never asked */
  ts_probe_tick (&probe, 0, &number);
  assert_false (ts_probe_answer (&probe, 0));
  assert_int_equal (probe.state, TS_PROBE_UNKNOWN);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (one_answer_makes_it_up),
      cmocka_unit_test (three_silences_make_it_down),
      cmocka_unit_test (an_answer_in_between_starts_afresh),
      cmocka_unit_test (answers_to_nothing_are_ignored),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

/* tests/test-sim-clock.c -- virtual time: order, ties, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "sim/clock.h"

static GArray *heard; /* gint */

static void
hear (gpointer user, gpointer data)
{
  gint number = GPOINTER_TO_INT (data);
  g_array_append_val (heard, number);
}

static void
calls_come_in_order_of_time_then_of_asking (void **state)
{
  TsSimClock *clock = ts_sim_clock_new ();
  heard = g_array_new (FALSE, FALSE, sizeof (gint));
  TsRandom random;
  ts_random_init (&random, 1, "test");
  gint64 at[500];
  for (gint i = 0; i < 500; i++) {
    at[i] = (gint64)ts_random_below (&random, 50);
    ts_sim_clock_at (clock, at[i], hear, NULL, GINT_TO_POINTER (i), NULL);
  }
  while (ts_sim_clock_step (clock, 100)) {
  }
  assert_int_equal (heard->len, 500);
  for (guint i = 1; i < 500; i++) {
    gint a = g_array_index (heard, gint, i - 1), b = g_array_index (heard, gint, i);
    assert_true (at[a] < at[b] || (at[a] == at[b] && a < b));
  }
  assert_int_equal (ts_sim_clock_calls (clock), 500);
  g_array_unref (heard);
  ts_sim_clock_free (clock);
}

static void
time_goes_to_the_bound_and_no_further (void **state)
{
  TsSimClock *clock = ts_sim_clock_new ();
  heard = g_array_new (FALSE, FALSE, sizeof (gint));
  ts_sim_clock_at (clock, 10, hear, NULL, GINT_TO_POINTER (1), NULL);
  assert_false (ts_sim_clock_step (clock, 9));
  assert_int_equal (ts_sim_clock_now_us (clock), 9);
  assert_true (ts_sim_clock_step (clock, 10));
  ts_sim_clock_at (clock, 3, hear, NULL, GINT_TO_POINTER (2), NULL); /* past: now */
  assert_true (ts_sim_clock_step (clock, 10));
  assert_int_equal (ts_sim_clock_now_us (clock), 10);
  assert_int_equal (heard->len, 2);
  g_array_unref (heard);
  ts_sim_clock_free (clock);
}

static void
what_was_not_called_is_freed (void **state)
{
  TsSimClock *clock = ts_sim_clock_new ();
  ts_sim_clock_at (clock, 10, hear, NULL, g_strdup ("leak?"), g_free);
  ts_sim_clock_free (clock); /* the leak checker looks */
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (calls_come_in_order_of_time_then_of_asking),
      cmocka_unit_test (time_goes_to_the_bound_and_no_further),
      cmocka_unit_test (what_was_not_called_is_freed),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

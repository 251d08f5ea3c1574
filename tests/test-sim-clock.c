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

/* Calls that ask for calls, from none to a day away, in bounded steps: against a list that is sorted. */
typedef struct {
  TsSimClock *clock;
  TsRandom random;
  GArray *at; /* gint64: by number of asking */
  gint64 last_us;
  gint64 last_number;
  guint played;
} Storm;

static void
storm (gpointer user, gpointer data)
{
  static const guint64 far_us[] = {1, 3, 900, 1024, 5000, 4194303, 4194304, 9000000, 86400000000};
  Storm *s = user;
  gint64 number = GPOINTER_TO_INT (data), now_us = ts_sim_clock_now_us (s->clock);
  assert_int_equal (now_us, g_array_index (s->at, gint64, number));
  assert_true (now_us > s->last_us || (now_us == s->last_us && number > s->last_number));
  assert_int_equal (ts_sim_clock_number (s->clock), number);
  s->last_us = now_us;
  s->last_number = number;
  s->played++;
  for (guint i = 0; i < 3 && s->at->len < 20000; i++) {
    guint64 span = far_us[ts_random_below (&s->random, G_N_ELEMENTS (far_us))];
    gint64 at_us = now_us + (gint64)ts_random_below (&s->random, span);
    assert_int_equal (ts_sim_clock_next_number (s->clock), s->at->len);
    ts_sim_clock_at (s->clock, at_us, storm, s, GUINT_TO_POINTER (s->at->len), NULL);
    g_array_append_val (s->at, at_us);
  }
}

static void
near_and_far_are_in_one_order (void **state)
{
  Storm s = {.clock = ts_sim_clock_new (), .last_us = -1};
  ts_random_init (&s.random, 7, "test");
  s.at = g_array_new (FALSE, FALSE, sizeof (gint64));
  gint64 first_us = 0;
  g_array_append_val (s.at, first_us);
  ts_sim_clock_at (s.clock, 0, storm, &s, GINT_TO_POINTER (0), NULL);
  for (gint64 until_us = 0; s.played < 20000; until_us += 1 + until_us / 7)
    while (ts_sim_clock_step (s.clock, until_us))
      assert_true (ts_sim_clock_now_us (s.clock) <= until_us);
  assert_int_equal (ts_sim_clock_calls (s.clock), 20000);
  g_array_unref (s.at);
  ts_sim_clock_free (s.clock);
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
      cmocka_unit_test (near_and_far_are_in_one_order),
      cmocka_unit_test (what_was_not_called_is_freed),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

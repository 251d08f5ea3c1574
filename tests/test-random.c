/* Named streams of chance. */
#include "core/base/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void
is_xoshiro256starstar (void **state)
{
  /* From s = {1, 2, 3, 4}, as every published implementation gives. */
  static const guint64 want[] = {
      G_GUINT64_CONSTANT (11520),
      0,
      G_GUINT64_CONSTANT (1509978240),
      G_GUINT64_CONSTANT (1215971899390074240),
      G_GUINT64_CONSTANT (1216172134540287360),
      G_GUINT64_CONSTANT (607988272756665600),
      G_GUINT64_CONSTANT (16172922978634559625),
      G_GUINT64_CONSTANT (8476171486693032832),
      G_GUINT64_CONSTANT (10595114339597558777),
      G_GUINT64_CONSTANT (2904607092377533576),
  };
  TsRandom random = {{1, 2, 3, 4}};
  for (guint i = 0; i < G_N_ELEMENTS (want); i++)
    assert_int_equal (ts_random_u64 (&random), want[i]);
}

static void
streams_stay_as_they_are (void **state)
{
  /* What a journal recorded today must come out again tomorrow: these were worked out by another
   * program. */
  TsRandom random;
  ts_random_init (&random, 1, "vm/web");
  assert_int_equal (ts_random_u64 (&random), G_GUINT64_CONSTANT (15731091980004054170));
  assert_int_equal (ts_random_u64 (&random), G_GUINT64_CONSTANT (2284986735992478674));
  ts_random_init (&random, 0, "");
  assert_int_equal (ts_random_u64 (&random), G_GUINT64_CONSTANT (2173012722847780656));
}

static void
name_and_seed_part_streams (void **state)
{
  TsRandom random[4];
  guint64 first[4];
  ts_random_init (&random[0], 1, "link/wan");
  ts_random_init (&random[1], 2, "link/wan");
  ts_random_init (&random[2], 1, "link/wao");
  ts_random_init (&random[3], 1, "");
  for (guint i = 0; i < 4; i++) {
    first[i] = ts_random_u64 (&random[i]);
    for (guint k = 0; k < i; k++)
      assert_int_not_equal (first[i], first[k]);
  }
}

static void
draws_here_do_not_change_the_weather_there (void **state)
{
  TsRandom here, there, alone;
  ts_random_init (&here, 9, "here");
  ts_random_init (&there, 9, "there");
  ts_random_init (&alone, 9, "there");
  for (guint i = 0; i < 100; i++) {
    for (guint k = 0; k < i % 7; k++)
      ts_random_u64 (&here);
    assert_int_equal (ts_random_u64 (&there), ts_random_u64 (&alone));
  }
}

static void
below_is_even (void **state)
{
  TsRandom random;
  guint count[10] = {0};
  ts_random_init (&random, 1, "even");
  for (guint i = 0; i < 100000; i++) {
    guint64 draw = ts_random_below (&random, 10);
    assert_true (draw < 10);
    count[draw]++;
  }
  for (guint i = 0; i < 10; i++) /* 10000 each; 5 standard deviations are 474 */
    assert_in_range (count[i], 9526, 10474);
}

static void
below_has_no_bias_at_large_bounds (void **state)
{
  /* Four draws for three numbers: without drawing again, one of each three comes half the time. */
  TsRandom random;
  guint64 bound = G_GUINT64_CONSTANT (3) << 62;
  guint third = 0;
  ts_random_init (&random, 1, "bias");
  for (guint i = 0; i < 30000; i++) {
    guint64 draw = ts_random_below (&random, bound);
    assert_true (draw < bound);
    third += draw % 3 == 0;
  }
  assert_in_range (third, 9592, 10408);
}

static void
below_one_is_nothing (void **state)
{
  TsRandom random;
  ts_random_init (&random, 1, "one");
  for (guint i = 0; i < 100; i++)
    assert_int_equal (ts_random_below (&random, 1), 0);
}

static void
chance_draws_once_whatever_it_is (void **state)
{
  static const guint32 ppm[] = {0, 1, 500000, 999999, 1000000};
  for (guint i = 0; i < G_N_ELEMENTS (ppm); i++) {
    TsRandom random, beside;
    ts_random_init (&random, 4, "chance");
    ts_random_init (&beside, 4, "chance");
    for (guint k = 0; k < 50; k++) {
      ts_random_chance (&random, ppm[i]);
      ts_random_u64 (&beside);
    }
    assert_int_equal (ts_random_u64 (&random), ts_random_u64 (&beside));
  }
}

static void
chance_is_as_told (void **state)
{
  TsRandom random = {{1, 0, 0, 0}}; /* whose first draw is 0, the least there is */
  guint hits = 0;
  assert_false (ts_random_chance (&random, 0));
  ts_random_init (&random, 1, "hits");
  for (guint i = 0; i < 10000; i++) {
    assert_false (ts_random_chance (&random, 0));
    assert_true (ts_random_chance (&random, 1000000));
  }
  for (guint i = 0; i < 100000; i++)
    hits += ts_random_chance (&random, 10000);
  assert_in_range (hits, 843, 1157); /* 1 %, 5 standard deviations */
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (is_xoshiro256starstar),
      cmocka_unit_test (streams_stay_as_they_are),
      cmocka_unit_test (name_and_seed_part_streams),
      cmocka_unit_test (draws_here_do_not_change_the_weather_there),
      cmocka_unit_test (below_is_even),
      cmocka_unit_test (below_has_no_bias_at_large_bounds),
      cmocka_unit_test (below_one_is_nothing),
      cmocka_unit_test (chance_draws_once_whatever_it_is),
      cmocka_unit_test (chance_is_as_told),
  };
  return cmocka_run_group_tests_name ("random", tests, NULL, NULL);
}

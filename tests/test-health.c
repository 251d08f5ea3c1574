/* tests/test-health.c -- the published health rules (HVR reference 5.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/relation/health.h"

static const struct row {
  const char *name;
  TsRole role;
  TsState state;
  guint64 success, missed;
  gint64 age_us, latency_us;
  TsHealth want;
} rows[] = {
    {"all is well", TS_ROLE_PRIMARY, TS_STATE_REPLICATING, 10, 0, TS_S, TS_S, TS_HEALTH_NORMAL},
    {"20 % missed is still normal", TS_ROLE_PRIMARY, TS_STATE_REPLICATING, 8, 2, TS_S, TS_S,
     TS_HEALTH_NORMAL},
    {"more than 20 % missed", TS_ROLE_PRIMARY, TS_STATE_REPLICATING, 7, 2, TS_S, TS_S,
     TS_HEALTH_WARNING},
    {"an hour behind is normal", TS_ROLE_PRIMARY, TS_STATE_REPLICATING, 10, 0, TS_HOUR, TS_S,
     TS_HEALTH_NORMAL},
    {"more than an hour behind", TS_ROLE_PRIMARY, TS_STATE_REPLICATING, 10, 0, TS_HOUR + 1, TS_S,
     TS_HEALTH_WARNING},
    {"the replica too", TS_ROLE_REPLICA, TS_STATE_REPLICATING, 0, 0, TS_HOUR + 1, 0,
     TS_HEALTH_WARNING},
    {"average latency above five minutes", TS_ROLE_PRIMARY, TS_STATE_REPLICATING, 10, 0, TS_S,
     51 * TS_MIN, TS_HEALTH_WARNING},
    {"trap 5: paused on the primary", TS_ROLE_PRIMARY, TS_STATE_SUSPENDED, 1, 0, TS_S, 0,
     TS_HEALTH_WARNING},
    {"trap 5: paused on the replica", TS_ROLE_REPLICA, TS_STATE_SUSPENDED, 1, 0, TS_S, 0,
     TS_HEALTH_CRITICAL},
    {"trap 2: resynchronization required", TS_ROLE_PRIMARY, TS_STATE_RESYNC_REQUIRED, 1, 0, TS_S, 0,
     TS_HEALTH_CRITICAL},
    {"error", TS_ROLE_PRIMARY, TS_STATE_ERROR, 1, 0, TS_S, 0, TS_HEALTH_CRITICAL},
    {"initial replication not complete", TS_ROLE_PRIMARY, TS_STATE_INITIAL, 0, 0, TS_S, 0,
     TS_HEALTH_WARNING},
    {"failed over, not reversed", TS_ROLE_REPLICA, TS_STATE_COMMITTED, 0, 0, TS_S, 0,
     TS_HEALTH_WARNING},
    {"not enabled", TS_ROLE_PRIMARY, TS_STATE_DISABLED, 0, 0, TS_S, 0, TS_HEALTH_NONE},
};

static void
judge (void **state)
{
  const struct row *row = *state;
  TsStatistics statistics = {.success = row->success,
                             .missed = row->missed,
                             .latency_us = row->latency_us,
                             .last_sync_us = 0};
  TsHealthInput input = {row->role, row->state, &statistics, "app", row->age_us, 300 * TS_S};
  g_autofree char *reason = NULL;
  assert_int_equal (ts_health_judge (&input, &reason), row->want);
  assert_int_equal (*reason != '\0', row->want > TS_HEALTH_NORMAL);
}

static void
limits_scale_with_the_interval (void **state)
{
  TsStatistics statistics = {.success = 1, .last_sync_us = 0};
  TsHealthInput input = {TS_ROLE_PRIMARY, TS_STATE_REPLICATING, &statistics,
                         "app",           6 * TS_MIN,           30 * TS_S};
  g_autofree char *reason = NULL;
  assert_int_equal (ts_health_judge (&input, &reason), TS_HEALTH_NORMAL);
  assert_int_equal (ts_health_wake_us (&input), 6 * TS_MIN + 1);
  input.now_us++;
  g_free (g_steal_pointer (&reason));
  assert_int_equal (ts_health_judge (&input, &reason), TS_HEALTH_WARNING);
  assert_int_equal (ts_health_wake_us (&input), TS_NEVER);
}

static void
a_reset_clears_the_misses (void **state)
{
  TsStatistics statistics = {.success = 1, .missed = 9, .last_sync_us = 5};
  ts_statistics_reset (&statistics, 7);
  assert_int_equal (statistics.missed, 0);
  assert_int_equal (statistics.start_us, 7);
  assert_int_equal (statistics.last_sync_us, 5);
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 2] = {0};
  guint n = 0;
  for (; n < G_N_ELEMENTS (rows); n++)
    tests[n] = (struct CMUnitTest){
        .name = rows[n].name, .test_func = judge, .initial_state = (void *)&rows[n]};
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (limits_scale_with_the_interval);
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (a_reset_clears_the_misses);
  return cmocka_run_group_tests (tests, NULL, NULL);
}

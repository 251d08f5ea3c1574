/* tests/test-schedule.c -- when a resynchronization begins by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/error.h"
#include "core/base/units.h"
#include "core/relation/schedule.h"

#define AT(h, m) ((h)*TS_HOUR + (m)*TS_MIN)

typedef struct {
  const char *name;
  gint64 from_us, until_us, clock_us;
  guint32 scale;
  gint64 now_us, want_us;
} Row;

static const Row rows[] = {
    {"the whole day is at once", AT (7, 0), AT (7, 0), 0, 1, 123, 123},
    {"inside the window at once", AT (1, 0), AT (6, 0), AT (2, 0), 1, TS_MIN, TS_MIN},
    {"its first moment is inside", AT (1, 0), AT (6, 0), AT (1, 0), 1, 0, 0},
    {"its last moment is outside", AT (1, 0), AT (6, 0), AT (6, 0), 1, 0, AT (19, 0)},
    {"before it: when it opens", AT (18, 30), AT (6, 0), AT (18, 0), 1, 10 * TS_MIN, 30 * TS_MIN},
    {"across midnight, before", AT (18, 30), AT (6, 0), AT (23, 59), 1, 0, 0},
    {"across midnight, behind", AT (18, 30), AT (6, 0), AT (23, 59), 1, AT (6, 0), AT (6, 0)},
    {"across midnight, closed again", AT (18, 30), AT (6, 0), AT (23, 59), 1, AT (6, 1),
     AT (18, 31)},
    {"the next day", AT (18, 30), AT (19, 0), AT (12, 0), 1, AT (31, 0), AT (54, 30)},
    {"a day of 1 h at scale 24", AT (12, 0), AT (13, 0), 0, 24, 0, 30 * TS_MIN},
    {"its third day", AT (12, 0), AT (13, 0), 0, 24, 2 * TS_HOUR + 31 * TS_MIN,
     2 * TS_HOUR + 31 * TS_MIN},
};

static void
next (void **state)
{
  const Row *row = *state;
  TsSchedule schedule = {TRUE, row->from_us, row->until_us, row->clock_us};
  assert_int_equal (ts_schedule_next_us (&schedule, row->scale, row->now_us), row->want_us);
}

static void
manual_is_never (void **state)
{
  TsSchedule schedule;
  ts_schedule_init (&schedule);
  assert_true (ts_schedule_next_us (&schedule, 1, 5) == TS_NEVER);
}

static void
packed_and_back (void **state)
{
  TsSchedule schedule = {TRUE, AT (18, 30), AT (6, 0), AT (23, 59) + 59 * TS_S}, back = {0};
  assert_true (ts_schedule_unpack (ts_schedule_pack (&schedule), &back));
  assert_true (back.automatic && back.from_us == schedule.from_us &&
               back.until_us == schedule.until_us && back.clock_us == schedule.clock_us);
  assert_false (
      ts_schedule_unpack (ts_schedule_pack (&schedule) | G_GUINT64_CONSTANT (1) << 60, &back));
  assert_false (ts_schedule_unpack (G_GUINT64_CONSTANT (90000) << 1, &back)); /* 25:00:00 */
}

static void
times_of_no_day_are_refused (void **state)
{
  TsSchedule schedule = {TRUE, AT (24, 0), 0, 0};
  g_autoptr (GError) error = NULL;
  assert_false (ts_schedule_check (&schedule, &error));
  assert_non_null (strstr (error->message, "resync_from"));
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 3] = {
      cmocka_unit_test (manual_is_never),
      cmocka_unit_test (packed_and_back),
      cmocka_unit_test (times_of_no_day_are_refused),
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[3 + i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = next, .initial_state = (void *)&rows[i]};
  return _cmocka_run_group_tests ("schedule", tests, G_N_ELEMENTS (tests), NULL, NULL);
}

#include "core/relation/schedule.h"
#include "core/base/error.h"
#include "core/base/units.h"

#define DAY_US (24 * TS_HOUR)

void
ts_schedule_init (TsSchedule *schedule)
{
  *schedule = (TsSchedule){.from_us = 18 * TS_HOUR + 30 * TS_MIN, .until_us = 6 * TS_HOUR};
}

static gboolean
is_time (gint64 us)
{
  return us >= 0 && us < DAY_US && us % TS_S == 0;
}

gboolean
ts_schedule_check (const TsSchedule *schedule, GError **error)
{
  const struct {
    const char *name;
    gint64 us;
  } times[] = {{"resync_from", schedule->from_us},
               {"resync_until", schedule->until_us},
               {"clock", schedule->clock_us}};
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    if (!is_time (times[i].us))
      return ts_throw (error, TS_ERROR_ARGUMENT,
                       "%s is %" G_GINT64_FORMAT " us: it can be 00:00:00 to 23:59:59",
                       times[i].name, times[i].us);
  return TRUE;
}

/* What the day's clock says. */
static gint64
day_us_at (const TsSchedule *schedule, gint64 scale, gint64 now_us)
{
  return (schedule->clock_us + now_us % (DAY_US / scale) * scale) % DAY_US;
}

gint64
ts_schedule_at_us (const TsSchedule *schedule, guint32 time_scale, gint64 at_us, gint64 now_us)
{
  gint64 scale = MAX (time_scale, 1);
  gint64 until_us = (at_us - day_us_at (schedule, scale, now_us) + DAY_US) % DAY_US;
  return now_us + (until_us + scale - 1) / scale;
}

gint64
ts_schedule_next_us (const TsSchedule *schedule, guint32 time_scale, gint64 now_us)
{
  if (!schedule->automatic)
    return TS_NEVER;
  gint64 scale = MAX (time_scale, 1);
  gint64 day_us = day_us_at (schedule, scale, now_us);
  gint64 open_us = (schedule->until_us - schedule->from_us + DAY_US) % DAY_US;
  gint64 into_us = (day_us - schedule->from_us + DAY_US) % DAY_US; /* since it opened last */
  if (open_us == 0 || into_us < open_us)
    return now_us;
  return now_us + (DAY_US - into_us + scale - 1) / scale;
}

/* bit 0: automatic; from bit 1, 18, 35: seconds of the day */
guint64
ts_schedule_pack (const TsSchedule *schedule)
{
  return (guint64) !!schedule->automatic | (guint64)(schedule->from_us / TS_S) << 1 |
         (guint64)(schedule->until_us / TS_S) << 18 | (guint64)(schedule->clock_us / TS_S) << 35;
}

gboolean
ts_schedule_unpack (guint64 packed, TsSchedule *schedule)
{
  TsSchedule s = {.automatic = packed & 1,
                  .from_us = (gint64)(packed >> 1 & 0x1ffff) * TS_S,
                  .until_us = (gint64)(packed >> 18 & 0x1ffff) * TS_S,
                  .clock_us = (gint64)(packed >> 35 & 0x1ffff) * TS_S};
  if (packed >> 52 || !ts_schedule_check (&s, NULL))
    return FALSE;
  *schedule = s;
  return TRUE;
}

/* core/relation/schedule.h -- when a resynchronization that became necessary begins by itself.
 *
 * HVR reference 2.1 (AutoResynchronizeEnabled, ...IntervalStart, ...IntervalEnd) and 2.9: never, or
 * at once inside a window of the day and else when the next one begins.  The window may cross
 * midnight; from equal to until is the whole day: at once.
 *
 * The day: at the run's start it is clock_us past midnight, and it passes as fast as time_scale
 * divides the policy's interval, so that a quicker run sees the same cycles a day. */
#pragma once
#include <glib.h>

typedef struct {
  gboolean automatic;
  gint64 from_us, until_us; /* of the day: 0 up to 24 h, in whole seconds */
  gint64 clock_us;          /* likewise: the time of day when now_us is 0 */
} TsSchedule;

/* manual (2.1: the WMI page's default); the window 18:30 to 06:00; the run begins at midnight */
void ts_schedule_init (TsSchedule *schedule);
/* TS_ERROR_ARGUMENT; the message names the field and the range. */
gboolean ts_schedule_check (const TsSchedule *schedule, GError **error);
/* The first moment at or behind now_us that lies in the window; TS_NEVER: manual. */
gint64 ts_schedule_next_us (const TsSchedule *schedule, guint32 time_scale, gint64 now_us);
/* The first moment at or behind now_us at which the day's clock says at_us. */
gint64 ts_schedule_at_us (const TsSchedule *schedule, guint32 time_scale, gint64 at_us,
                          gint64 now_us);
/* As one number, to be kept or sent, and back.  FALSE: it is none, and the schedule is unchanged.
 */
guint64 ts_schedule_pack (const TsSchedule *schedule);
gboolean ts_schedule_unpack (guint64 packed, TsSchedule *schedule);

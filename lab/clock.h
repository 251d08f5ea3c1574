/* lab/clock.h -- the run's clock: microseconds since its start, the same in every process of it.
 *
 * CLOCK_MONOTONIC minus an origin that the runner takes and hands to the hosts. */
#pragma once
#include <glib.h>

typedef struct {
  gint64 origin_us; /* CLOCK_MONOTONIC at the run's start */
} TsLabClock;

gint64 ts_lab_clock_now_us (const TsLabClock *clock);
/* A reading of CLOCK_MONOTONIC on this clock. */
gint64 ts_lab_clock_at (const TsLabClock *clock, gint64 monotonic_us);

/* A source in the default main context that calls back when a time has come: once for each
 * ts_lab_timer_set, at the time of the last one.  Nothing is set at first. */
typedef struct _TsLabTimer TsLabTimer;
typedef void (*TsLabTimerFunc) (gpointer user);
TsLabTimer *ts_lab_timer_new (const TsLabClock *clock, TsLabTimerFunc func,
                              gpointer user) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_timer_set (TsLabTimer *timer, gint64 t_us); /* TS_NEVER: not at all; past: at once */
/* Lets what else is ready in the main context go first. */
void ts_lab_timer_be_last (TsLabTimer *timer);
void ts_lab_timer_free (TsLabTimer *timer); /* NULL is fine */

/* lab/clock.c -- see clock.h. */
#include "lab/clock.h"
#include "core/base/units.h"

struct _TsLabTimer {
  GSource source; /* GLib allocates it */
  gint64 origin_us;
};

gint64
ts_lab_clock_at (const TsLabClock *clock, gint64 monotonic_us)
{
  return monotonic_us - clock->origin_us;
}

gint64
ts_lab_clock_now_us (const TsLabClock *clock)
{
  return ts_lab_clock_at (clock, g_get_monotonic_time ());
}

static gboolean
timer_dispatch (GSource *source, GSourceFunc func, gpointer user)
{
  g_source_set_ready_time (source, -1);
  if (func)
    func (user);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = {.dispatch = timer_dispatch};

typedef struct {
  TsLabTimerFunc func;
  gpointer user;
} Callback;

static gboolean
call_back (gpointer data)
{
  Callback *callback = data;
  callback->func (callback->user);
  return G_SOURCE_CONTINUE;
}

TsLabTimer *
ts_lab_timer_new (const TsLabClock *clock, TsLabTimerFunc func, gpointer user)
{
  GSource *source = g_source_new (&timer_funcs, sizeof (TsLabTimer));
  Callback *callback = g_new (Callback, 1);
  *callback = (Callback){func, user};
  TsLabTimer *timer = (TsLabTimer *)source;
  timer->origin_us = clock->origin_us;
  g_source_set_callback (source, call_back, callback, g_free);
  g_source_attach (source, NULL);
  return timer;
}

void
ts_lab_timer_set (TsLabTimer *timer, gint64 t_us)
{
  gint64 ready_us = -1;
  if (t_us < TS_NEVER - timer->origin_us)
    ready_us = MAX (t_us + timer->origin_us, 0);
  g_source_set_ready_time (&timer->source, ready_us);
}

void
ts_lab_timer_be_last (TsLabTimer *timer)
{
  g_source_set_priority (&timer->source, G_PRIORITY_LOW);
}

void
ts_lab_timer_free (TsLabTimer *timer)
{
  if (!timer)
    return;
  g_source_destroy (&timer->source);
  g_source_unref (&timer->source);
}

/* lab/world/hearing.c -- see hearing.h. */
#include "lab/world/hearing.h"
#include "core/base/units.h"

#define HOLD_US (20 * TS_MS) /* CHOICE: a record's way takes 0.1 ms, a busy machine's a few */

struct _TsLabHearing {
  TsLabClock clock;
  TsObserver *observer;
  GQueue held; /* TsRecord *: by time, then order of hearing */
  TsLabTimer *timer;
  gint64 last_us;
};

static void
tell_one (TsLabHearing *hearing)
{
  TsRecord *record = g_queue_pop_head (&hearing->held);
  record->t_us = MAX (record->t_us, hearing->last_us);
  hearing->last_us = record->t_us;
  ts_observe (hearing->observer, record);
}

static void
arm (TsLabHearing *hearing)
{
  const TsRecord *first = g_queue_peek_head (&hearing->held);
  ts_lab_timer_set (hearing->timer, first ? first->t_us + HOLD_US : TS_NEVER);
}

static void
tell_due (gpointer user)
{
  TsLabHearing *hearing = user;
  gint64 until_us = ts_lab_clock_now_us (&hearing->clock) - HOLD_US;
  const TsRecord *first;
  /* An observer that wants to stop hears the rest when it goes on. */
  while (!hearing->observer->stop && (first = g_queue_peek_head (&hearing->held)) &&
         first->t_us <= until_us)
    tell_one (hearing);
  arm (hearing);
}

TsLabHearing *
ts_lab_hearing_new (const TsLabClock *clock, TsObserver *observer)
{
  TsLabHearing *hearing = g_new0 (TsLabHearing, 1);
  hearing->clock = *clock;
  hearing->observer = observer;
  g_queue_init (&hearing->held);
  hearing->timer = ts_lab_timer_new (clock, tell_due, hearing);
  /* After a pause of the main loop, what waits in sockets is heard first. */
  ts_lab_timer_be_last (hearing->timer);
  return hearing;
}

void
ts_lab_hearing_tell (TsLabHearing *hearing, TsRecord *record)
{
  GList *before = hearing->held.tail;
  while (before && ((const TsRecord *)before->data)->t_us > record->t_us)
    before = before->prev;
  g_queue_insert_after (&hearing->held, before, record);
  arm (hearing);
}

void
ts_lab_hearing_flush (TsLabHearing *hearing)
{
  while (hearing->held.length > 0)
    tell_one (hearing);
  arm (hearing);
}

void
ts_lab_hearing_free (TsLabHearing *hearing)
{
  if (!hearing)
    return;
  g_queue_clear_full (&hearing->held, (GDestroyNotify)ts_record_free);
  ts_lab_timer_free (hearing->timer);
  g_free (hearing);
}

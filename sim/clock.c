/* sim/clock.c -- a binary heap.  See clock.h. */
#include "sim/clock.h"

typedef struct {
  gint64 t_us;
  guint64 number;
  TsSimCall call;
  gpointer user, data;
  GDestroyNotify destroy;
} Event;

struct _TsSimClock {
  gint64 now_us;
  guint64 inserted, calls;
  Event *heap;
  guint len, room;
};

static gboolean
before (const Event *a, const Event *b)
{
  return a->t_us < b->t_us || (a->t_us == b->t_us && a->number < b->number);
}

TsSimClock *
ts_sim_clock_new (void)
{
  return g_new0 (TsSimClock, 1);
}

void
ts_sim_clock_free (TsSimClock *clock)
{
  if (!clock)
    return;
  for (guint i = 0; i < clock->len; i++) {
    Event *event = &clock->heap[i];
    if (event->destroy)
      event->destroy (event->data);
  }
  g_free (clock->heap);
  g_free (clock);
}

gint64
ts_sim_clock_now_us (const TsSimClock *clock)
{
  return clock->now_us;
}

guint64
ts_sim_clock_calls (const TsSimClock *clock)
{
  return clock->calls;
}

void
ts_sim_clock_at (TsSimClock *clock, gint64 t_us, TsSimCall call, gpointer user, gpointer data,
                 GDestroyNotify destroy)
{
  Event event = {MAX (t_us, clock->now_us), clock->inserted++, call, user, data, destroy};
  if (clock->len == clock->room) {
    clock->room = MAX (64, 2 * clock->room);
    clock->heap = g_renew (Event, clock->heap, clock->room);
  }
  Event *heap = clock->heap;
  guint i = clock->len++;
  while (i > 0 && before (&event, &heap[(i - 1) / 2])) {
    heap[i] = heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  heap[i] = event;
}

static Event
pop (TsSimClock *clock)
{
  Event *heap = clock->heap;
  Event first = heap[0];
  guint len = --clock->len;
  Event last = heap[len];
  guint i = 0;
  for (;;) {
    guint child = 2 * i + 1;
    if (child >= len)
      break;
    if (child + 1 < len && before (&heap[child + 1], &heap[child]))
      child++;
    if (!before (&heap[child], &last))
      break;
    heap[i] = heap[child];
    i = child;
  }
  if (len > 0)
    heap[i] = last;
  return first;
}

gboolean
ts_sim_clock_step (TsSimClock *clock, gint64 until_us)
{
  if (clock->len == 0 || clock->heap[0].t_us > until_us) {
    clock->now_us = MAX (clock->now_us, until_us);
    return FALSE;
  }
  Event event = pop (clock);
  clock->now_us = event.t_us;
  clock->calls++;
  event.call (event.user, event.data);
  if (event.destroy)
    event.destroy (event.data);
  return TRUE;
}

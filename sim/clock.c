/* sim/clock.c -- see clock.h.
 *
 * A wheel of slots of about a millisecond: what is due in the slot that is being played, or before,
 * is in a small heap, `near`; what is due within a turn of the wheel is in its slot, in no order; what
 * comes later is in the heap `far`.  Whatever the count of machines, `near` holds the few calls of a
 * millisecond, and a call costs the same. */
#include "sim/clock.h"

#define SLOT_BITS 10 /* of microseconds */
#define SLOTS 4096u
#define NONE G_MAXUINT

typedef struct {
  gint64 t_us;
  guint64 number;
  TsSimCall call;
  gpointer user, data;
  GDestroyNotify destroy;
  guint next; /* in its slot, or of the free ones */
} Event;

typedef struct {
  gint64 t_us;
  guint64 number;
  guint event;
} Key;

typedef struct { /* a binary heap */
  Key *key;
  guint len, room;
} Heap;

struct _TsSimClock {
  gint64 now_us;
  guint64 inserted, calls, number;
  Event *events;
  guint made, room, free; /* events there have been at most; allocated; the first free one */
  Heap near, far;
  guint64 slot;        /* that is being played: since the beginning of time, not of the wheel */
  guint waiting;       /* events in the wheel */
  guint first[SLOTS];  /* event; NONE: the slot is empty */
  guint64 used[SLOTS / 64];
};

static gboolean
before (const Key *a, const Key *b)
{
  return a->t_us < b->t_us || (a->t_us == b->t_us && a->number < b->number);
}

static void
heap_add (Heap *heap, Key key)
{
  if (heap->len == heap->room) {
    heap->room = MAX (64, 2 * heap->room);
    heap->key = g_renew (Key, heap->key, heap->room);
  }
  guint i = heap->len++;
  while (i > 0 && before (&key, &heap->key[(i - 1) / 2])) {
    heap->key[i] = heap->key[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  heap->key[i] = key;
}

static Key
heap_take (Heap *heap)
{
  Key *keys = heap->key, first = keys[0], last = keys[--heap->len];
  guint i = 0, len = heap->len;
  for (;;) {
    guint child = 2 * i + 1;
    if (child >= len)
      break;
    if (child + 1 < len && before (&keys[child + 1], &keys[child]))
      child++;
    if (!before (&keys[child], &last))
      break;
    keys[i] = keys[child];
    i = child;
  }
  keys[i] = last;
  return first;
}

static guint64
slot_of (gint64 t_us)
{
  return (guint64)t_us >> SLOT_BITS;
}

TsSimClock *
ts_sim_clock_new (void)
{
  TsSimClock *clock = g_new0 (TsSimClock, 1);
  clock->free = NONE;
  for (guint i = 0; i < SLOTS; i++)
    clock->first[i] = NONE;
  return clock;
}

static void
forget (const Event *event)
{
  if (event->destroy)
    event->destroy (event->data);
}

void
ts_sim_clock_free (TsSimClock *clock)
{
  if (!clock)
    return;
  for (guint i = 0; i < clock->near.len; i++)
    forget (&clock->events[clock->near.key[i].event]);
  for (guint i = 0; i < clock->far.len; i++)
    forget (&clock->events[clock->far.key[i].event]);
  for (guint i = 0; i < SLOTS; i++)
    for (guint e = clock->first[i]; e != NONE; e = clock->events[e].next)
      forget (&clock->events[e]);
  g_free (clock->near.key);
  g_free (clock->far.key);
  g_free (clock->events);
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

guint64
ts_sim_clock_number (const TsSimClock *clock)
{
  return clock->number;
}

guint64
ts_sim_clock_next_number (const TsSimClock *clock)
{
  return clock->inserted;
}

void
ts_sim_clock_take_numbers (TsSimClock *clock, guint64 count)
{
  clock->inserted += count;
}

static guint
take_free (TsSimClock *clock)
{
  guint e = clock->free;
  if (e != NONE) {
    clock->free = clock->events[e].next;
    return e;
  }
  if (clock->made == clock->room) {
    clock->room = MAX (64, 2 * clock->room);
    clock->events = g_renew (Event, clock->events, clock->room);
  }
  return clock->made++;
}

void
ts_sim_clock_at (TsSimClock *clock, gint64 t_us, TsSimCall call, gpointer user, gpointer data,
                 GDestroyNotify destroy)
{
  guint e = take_free (clock);
  Event *event = &clock->events[e];
  t_us = MAX (t_us, clock->now_us);
  *event = (Event){t_us, clock->inserted++, call, user, data, destroy, NONE};
  Key key = {t_us, event->number, e};
  guint64 slot = slot_of (t_us);
  if (slot <= clock->slot)
    heap_add (&clock->near, key);
  else if (slot - clock->slot >= SLOTS)
    heap_add (&clock->far, key);
  else {
    guint *first = &clock->first[slot % SLOTS];
    event->next = *first;
    *first = e;
    clock->used[slot % SLOTS / 64] |= G_GUINT64_CONSTANT (1) << (slot % 64);
    clock->waiting++;
  }
}

/* The next slot of the wheel that holds anything; clock->waiting is not 0. */
static guint64
next_used (const TsSimClock *clock)
{
  guint64 slot = clock->slot + 1;
  guint64 rest = clock->used[slot % SLOTS / 64] >> (slot % 64);
  while (rest == 0) {
    slot = (slot / 64 + 1) * 64;
    rest = clock->used[slot % SLOTS / 64];
  }
  return slot + (guint64)__builtin_ctzll (rest);
}

/* Goes on to the next slot that holds anything; what it holds is near then.  Returns the one event
 * that was in it, if it was alone: that need not be near first.  Else NONE. */
static guint
go_on (TsSimClock *clock, gint64 until_us)
{
  guint64 slot = clock->waiting > 0 ? next_used (clock) : G_MAXUINT64;
  if (clock->far.len > 0)
    slot = MIN (slot, slot_of (clock->far.key[0].t_us));
  if (slot == G_MAXUINT64)
    return NONE;
  clock->slot = slot;
  guint *first = &clock->first[slot % SLOTS], only = *first;
  gboolean is_only = only != NONE && clock->events[only].next == NONE &&
                     clock->events[only].t_us <= until_us &&
                     (clock->far.len == 0 || slot_of (clock->far.key[0].t_us) > slot);
  if (is_only) {
    *first = NONE;
    clock->waiting--;
  }
  for (guint e = *first; e != NONE; e = clock->events[e].next) {
    heap_add (&clock->near, (Key){clock->events[e].t_us, clock->events[e].number, e});
    clock->waiting--;
  }
  *first = NONE;
  clock->used[slot % SLOTS / 64] &= ~(G_GUINT64_CONSTANT (1) << (slot % 64));
  while (clock->far.len > 0 && slot_of (clock->far.key[0].t_us) == slot)
    heap_add (&clock->near, heap_take (&clock->far));
  return is_only ? only : NONE;
}

gboolean
ts_sim_clock_step (TsSimClock *clock, gint64 until_us)
{
  guint e = clock->near.len == 0 ? go_on (clock, until_us) : NONE;
  if (e == NONE) {
    if (clock->near.len == 0 || clock->near.key[0].t_us > until_us) {
      clock->now_us = MAX (clock->now_us, until_us);
      return FALSE;
    }
    e = heap_take (&clock->near).event;
  }
  Event event = clock->events[e];
  clock->events[e].next = clock->free;
  clock->free = e;
  clock->now_us = event.t_us;
  clock->number = event.number;
  clock->calls++;
  event.call (event.user, event.data);
  forget (&event);
  return TRUE;
}

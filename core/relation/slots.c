/* core/relation/slots.c -- see slots.h. */
#include "core/relation/slots.h"

typedef struct { /* who has a slot, or waits for one; in the order of asking */
  char *group;
  guint limit;
  gpointer who;
  gboolean held;
} Place;

struct _TsSlots {
  GQueue places; /* Place * */
};

static void
place_free (gpointer data)
{
  Place *place = data;
  g_free (place->group);
  g_free (place);
}

TsSlots *
ts_slots_new (void)
{
  TsSlots *slots = g_new0 (TsSlots, 1);
  g_queue_init (&slots->places);
  return slots;
}

void
ts_slots_free (TsSlots *slots)
{
  if (!slots)
    return;
  g_queue_clear_full (&slots->places, place_free);
  g_free (slots);
}

guint
ts_slots_held (const TsSlots *slots, const char *group)
{
  guint held = 0;
  for (const GList *l = slots->places.head; l; l = l->next) {
    const Place *place = l->data;
    held += place->held && g_str_equal (place->group, group);
  }
  return held;
}

static GList *
find (const TsSlots *slots, gconstpointer who)
{
  for (GList *l = slots->places.head; l; l = l->next)
    if (((Place *)l->data)->who == who)
      return l;
  return NULL;
}

gboolean
ts_slots_ask (TsSlots *slots, const char *group, guint limit, gpointer who)
{
  GList *there = find (slots, who);
  if (there)
    return ((Place *)there->data)->held;
  Place *place = g_new0 (Place, 1);
  place->group = g_strdup (group);
  place->limit = limit;
  place->who = who;
  place->held = limit == 0 || ts_slots_held (slots, group) < limit;
  g_queue_push_tail (&slots->places, place);
  return place->held;
}

gboolean
ts_slots_has (const TsSlots *slots, gconstpointer who)
{
  const GList *there = find (slots, who);
  return there && ((const Place *)there->data)->held;
}

gpointer
ts_slots_release (TsSlots *slots, gpointer who)
{
  GList *there = find (slots, who);
  if (!there)
    return NULL;
  Place *gone = there->data;
  g_queue_delete_link (&slots->places, there);
  gpointer next = NULL;
  for (GList *l = slots->places.head; l && gone->held && !next; l = l->next) {
    Place *place = l->data;
    if (place->held || !g_str_equal (place->group, gone->group) ||
        ts_slots_held (slots, place->group) >= place->limit)
      continue;
    place->held = TRUE;
    next = place->who;
  }
  place_free (gone);
  return next;
}

TsRecord *
ts_slots_record (const TsSlots *slots, const char *vm, const char *host, const char *group,
                 guint limit, gint64 now_us)
{
  g_autofree char *source = g_strdup_printf ("%s@%s", vm, host);
  TsRecord *record = ts_record_new (now_us, source, "slot");
  ts_record_text (ts_record_text (record, "vm", vm), "host", host);
  ts_record_text (record, "phase", "waiting");
  ts_record_text (record, "what", *group == '\0' ? "transfer" : "apply");
  ts_record_int (record, "held", ts_slots_held (slots, group));
  return ts_record_int (record, "limit", limit);
}

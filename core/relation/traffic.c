/* core/relation/traffic.c -- see traffic.h. */
#include "core/relation/traffic.h"
#include "core/relation/wire.h"

typedef struct {
  guint64 set, bytes;
} Count;

void
ts_traffic_init (TsTraffic *traffic)
{
  traffic->sets = g_array_new (FALSE, FALSE, sizeof (Count));
}

void
ts_traffic_clear (TsTraffic *traffic)
{
  g_clear_pointer (&traffic->sets, g_array_unref);
}

static Count *
find (const TsTraffic *traffic, guint64 set)
{
  for (guint i = traffic->sets->len; i > 0; i--) { /* the newest is asked for most */
    Count *count = &g_array_index (traffic->sets, Count, i - 1);
    if (count->set == set)
      return count;
  }
  return NULL;
}

void
ts_traffic_count (TsTraffic *traffic, guint64 set, guint64 wire_bytes)
{
  Count *count = find (traffic, set);
  if (count)
    count->bytes += wire_bytes;
  else {
    Count first = {set, wire_bytes};
    g_array_append_val (traffic->sets, first);
  }
}

guint64
ts_traffic_of (const TsTraffic *traffic, guint64 set)
{
  const Count *count = find (traffic, set);
  return count ? count->bytes : 0;
}

void
ts_traffic_annotate (const TsTraffic *traffic, TsRecord *record)
{
  if (g_str_equal (record->kind, "sent"))
    ts_record_int (record, "wire_bytes",
                   (gint64)ts_traffic_of (traffic, (guint64)ts_record_get_int (record, "set", 0)));
  else if (g_str_equal (record->kind, "resync") && ts_record_field (record, "run"))
    ts_record_int (
        record, "wire_bytes",
        (gint64)ts_traffic_of (traffic, TS_RESYNC_RUN | (guint64)ts_record_get_int (record, "run", 0)));
  else if (g_str_equal (record->kind, "copy"))
    ts_record_int (record, "wire_bytes", (gint64)ts_traffic_of (traffic, 0));
}

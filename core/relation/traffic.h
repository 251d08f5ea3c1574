/* core/relation/traffic.h -- how many bytes of frames each set took on the wire.
 *
 * Only a driver sees frames encoded, so it counts; the sender's records "sent" and "copy" get the
 * sum when they pass by. */
#pragma once
#include "core/base/record.h"

typedef struct {
  GArray *sets; /* {guint64 set, bytes}; set 0 is the initial copy */
} TsTraffic;

void ts_traffic_init (TsTraffic *traffic);
void ts_traffic_clear (TsTraffic *traffic);
void ts_traffic_count (TsTraffic *traffic, guint64 set, guint64 wire_bytes);
guint64 ts_traffic_of (const TsTraffic *traffic, guint64 set);
/* Adds wire_bytes to a record of kind "sent" (of its set), "copy" or "resync" (of its run); leaves
 * others alone. */
void ts_traffic_annotate (const TsTraffic *traffic, TsRecord *record);

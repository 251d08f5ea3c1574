/* lab/wan/message.h -- what the runner asks of the link's process.  Both are this program, so the
 * packets are plain structs. */
#pragma once
#include <netinet/in.h>
#include "core/seam/shaper.h"

typedef struct { /* the first packet; answered when both devices are there */
  char name[64];
  char address[2][INET_ADDRSTRLEN];
  TsLinkShape shape;
  guint64 seed;
  gint32 site_pid[2];
  guint32 mtu;
} TsWanSetup;

typedef struct { /* every later one */
  enum { TS_WAN_MODE, TS_WAN_UNPLUG, TS_WAN_COUNTERS } ask;
  guint32 value; /* the TsLinkMode, or the side */
} TsWanRequest;

typedef struct { /* the answer to COUNTERS */
  TsShaperCounters counters[2];
} TsWanCounters;

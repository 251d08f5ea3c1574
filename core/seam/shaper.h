/* core/seam/shaper.h -- one direction of a link: when does this packet arrive, if at all?
 *
 * The one link model of both engines: the simulator asks it for every frame's packets, the lab's WAN
 * for every packet that comes out of a TUN device.  A packet waits until the line is free, takes
 * size/rate to go out, then delay plus jitter to arrive; it never overtakes another.  It is dropped
 * when the queue is full (tail drop), by chance (loss), or because the link is a black hole. */
#pragma once
#include "core/base/random.h"
#include "core/seam/order.h"
#include "core/seam/topology.h"

typedef struct {
  guint64 packets, bytes;                 /* that were let through */
  guint64 dropped_queue, dropped_loss, dropped_blackhole; /* packets */
  guint64 blackhole_bytes;
  guint64 resets; /* packets that were answered by a reset; counted by who does so */
} TsShaperCounters;

typedef struct {
  TsLinkShape shape;
  TsLinkMode mode;
  TsRandom random;
  gint64 line_free_us;    /* when the last byte accepted has left */
  gint64 last_arrival_us; /* order is kept */
  guint64 residue;        /* bit-microseconds not yet charged, so that rounding does not add up */
  TsShaperCounters counters;
} TsShaper;

/* name: of the random stream, "link/wan/paris>lyon" */
void ts_shaper_init (TsShaper *shaper, const TsLinkShape *shape, guint64 seed, const char *name);

/* Takes a packet at now_us (never earlier than the last call's).  Returns the microsecond at which it
 * arrives, or -1 when it is dropped. */
gint64 ts_shaper_pass (TsShaper *shaper, gint64 now_us, guint32 packet_bytes);
/* Bytes that wait for the line at now_us. */
guint64 ts_shaper_queued_bytes (const TsShaper *shaper, gint64 now_us);

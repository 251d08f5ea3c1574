/* lab/bench/measure.h -- what a contender costs: wall time, processor time, bytes on the wire.
 *
 * All contenders are measured the same way, from outside: the room (room.h) holds nothing but them
 * and the bench itself, so processor time is that of every other process in the room (living, ended
 * or reaped), and the wire is the room's own loopback interface: bytes of both directions with the
 * headers of IP and TCP.  What goes over unix sockets is not on a wire. */
#pragma once
#include <glib.h>

typedef struct {
  gint64 wall_us, cpu_us;
  guint64 wire_bytes;
} TsBenchCost;

/* What was spent so far, since an instant of no meaning. */
TsBenchCost ts_bench_spent (void);
/* What was spent since from. */
TsBenchCost ts_bench_since (const TsBenchCost *from);

/* lab/bench/measure.h -- what a contender costs: wall time, processor time, bytes on the wire.
 *
 * All contenders are measured the same way, from outside: the room (room.h) holds nothing but them
 * and the bench itself, so processor time is that of every other process in the room (living, ended
 * or reaped), and the wire is the room's own loopback interface: bytes of both directions with the
 * headers of IP and TCP.  What goes over unix sockets is not on a wire.
 *
 * A hypervisor takes back memory that lies idle, and who touches it next waits until it is there again: that
 * is a matter of who comes when, and cost up to half of a contender's processor time.  So before each clock starts
 * the bench touches as much memory as anybody needs in one turn, and frees it: what a contender then
 * allocates (a copy's pages in tmpfs, logs, buffers) is memory that is there. */
#pragma once
#include <glib.h>

typedef struct {
  gint64 wall_us, cpu_us;
  guint64 wire_bytes;
} TsBenchCost;

/* So many bytes from now on, half of what is available at most; 0: none. */
void ts_bench_warm_up (guint64 bytes);
/* Warms up; then what was spent so far, since an instant of no meaning. */
TsBenchCost ts_bench_start_clock (void);
/* What was spent since from. */
TsBenchCost ts_bench_since (const TsBenchCost *from);

/* lab/guest/port.h -- the agent's end of the line protocol (lab/world/guest-channel.h): a virtio-serial
 * port.
 *
 * Writing blocks until the hypervisor has taken every byte (virtio_console waits for the buffer to
 * come back on a port that is not O_NONBLOCK), so what has been said survives a power loss that
 * comes after the call.  While nobody holds the other end, writing waits for somebody.  Plain C:
 * this runs as pid 1 of a machine that has nothing else; the tests run it on a socket pair. */
#pragma once
#include <stddef.h>

#define PORT_LINE_MAX 1024 /* of the runner's lines; a W names up to 16 disks */

typedef struct {
  int fd;
  size_t have, skip; /* bytes in line; lines dropped for their length */
  char line[PORT_LINE_MAX];
  size_t pending; /* bytes in batch */
  char batch[16384];
} Port;

/* Waits up to timeout_ms (-1: for ever) for one line.  1: it is in port->line, zero-terminated and
 * without its line end, until the next call; 0: none came; -1: nobody holds the other end (callers
 * wait a little and try again). */
int port_read (Port *port, int timeout_ms);

/* Says one line (its line end is added here), at once; what was batched goes before it. */
void port_say (Port *port, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
/* Says one line when there is enough for one write, or at port_flush. */
void port_batch (Port *port, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
void port_flush (Port *port);

#include "lab/guest/port.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Takes the first line out of what has been read; the line before it is forgotten. */
static int
take_line (Port *port)
{
  char *end = memchr (port->line, '\n', port->have);
  if (!end)
    return 0;
  *end = 0;
  port->skip = (size_t)(end - port->line) + 1;
  return 1;
}

int
port_read (Port *port, int timeout_ms)
{
  if (port->skip) {
    memmove (port->line, port->line + port->skip, port->have - port->skip);
    port->have -= port->skip;
    port->skip = 0;
  }
  if (take_line (port))
    return 1;
  struct pollfd poll_fd = {.fd = port->fd, .events = POLLIN};
  if (poll (&poll_fd, 1, timeout_ms) <= 0)
    return 0;
  if (port->have == sizeof port->line) {
    port->have =
        0; /* nobody says such a line: what follows is not one either, and will not parse */
    port_say (port, "E a line of %zu bytes has no end", sizeof port->line);
  }
  ssize_t got = read (port->fd, port->line + port->have, sizeof port->line - port->have);
  if (got <= 0) {
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
      return 0;
    port->have = 0; /* half a line of somebody who has gone */
    return -1;
  }
  port->have += (size_t)got;
  return take_line (port);
}

static void
write_all (Port *port, const char *data, size_t len)
{
  while (len) {
    ssize_t put = write (port->fd, data, len);
    if (put < 0) {
      if (errno == EINTR || errno == EAGAIN)
        continue;
      return; /* the port itself is gone: nobody to tell */
    }
    data += put;
    len -= (size_t)put;
  }
}

void
port_flush (Port *port)
{
  write_all (port, port->batch, port->pending);
  port->pending = 0;
}

static void __attribute__ ((format (printf, 2, 0)))
batch_line (Port *port, const char *format, va_list args)
{
  char line[256]; /* the channel's longest */
  int len = vsnprintf (line, sizeof line - 1, format, args);
  if (len < 0)
    return;
  if ((size_t)len > sizeof line - 2)
    len = sizeof line - 2;
  line[len++] = '\n';
  if (port->pending + (size_t)len > sizeof port->batch)
    port_flush (port);
  memcpy (port->batch + port->pending, line, (size_t)len);
  port->pending += (size_t)len;
}

void
port_batch (Port *port, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  batch_line (port, format, args);
  va_end (args);
}

void
port_say (Port *port, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  batch_line (port, format, args);
  va_end (args);
  port_flush (port);
}

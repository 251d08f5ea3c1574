/* lab/world/guest-channel.c -- the runner's end: a unix socket on which QEMU listens. */
#include "lab/world/guest-channel.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TRY_AGAIN_MS 20
/* What is read in one turn of the main loop, so that a guest that talks and talks does not keep it.
 */
#define READ_MAX 65536
#define SAY_MAX (1024 * 1024) /* not taken by the guest: it has stopped listening */

struct _TsGuestChannel {
  struct sockaddr_un address;
  TsGuestChannelEvents events;
  gpointer user;
  gint64 deadline_us;
  int fd;                          /* -1: not connected */
  guint retry, readable, writable; /* sources */
  GString *heard, *said;           /* not yet a line; not yet taken */
  guint64 garbage;
  gboolean is_lost;
  gboolean cut; /* the path is too long for an address */
  guint busy;   /* calls in progress that would see a free */
  gboolean freed;
};

static void
drop_source (guint *source)
{
  if (*source)
    g_source_remove (*source);
  *source = 0;
}

static void
disconnect (TsGuestChannel *channel)
{
  drop_source (&channel->retry);
  drop_source (&channel->readable);
  drop_source (&channel->writable);
  if (channel->fd >= 0)
    close (channel->fd);
  channel->fd = -1;
}

static void
destroy (TsGuestChannel *channel)
{
  g_string_free (channel->heard, TRUE);
  g_string_free (channel->said, TRUE);
  g_free (channel);
}

static void
leave (TsGuestChannel *channel)
{
  if (--channel->busy == 0 && channel->freed)
    destroy (channel);
}

/* Takes ownership of reason.  The caller has entered (busy). */
static void
lose (TsGuestChannel *channel, GError *reason)
{
  disconnect (channel);
  if (!channel->is_lost && !channel->freed) {
    channel->is_lost = TRUE;
    channel->events.lost (channel, reason, channel->user);
  }
  g_error_free (reason);
}

static void
lose_errno (TsGuestChannel *channel, const char *what)
{
  int number = errno;
  lose (channel, g_error_new (TS_ERROR, TS_ERROR_LOST, "guest channel %s: %s: %s",
                              channel->address.sun_path, what, g_strerror (number)));
}

static void
hear_line (TsGuestChannel *channel, const char *line, gsize len)
{
  TsGuestMessage message;
  if (ts_guest_message_parse (line, len, &message, NULL))
    channel->events.message (channel, &message, channel->user);
  else
    channel->garbage++;
}

static void
hear_lines (TsGuestChannel *channel)
{
  const char *line = channel->heard->str, *all = line + channel->heard->len, *end;
  while (!channel->freed && (end = memchr (line, '\n', (gsize)(all - line))) != NULL &&
         end - line <= TS_GUEST_LINE_MAX) {
    hear_line (channel, line, (gsize)(end - line));
    line = end + 1;
  }
  g_string_erase (channel->heard, 0, line - channel->heard->str);
  if (!channel->freed && channel->heard->len > TS_GUEST_LINE_MAX)
    lose (channel,
          g_error_new (TS_ERROR, TS_ERROR_FORMAT, "guest channel %s: a line longer than %d bytes",
                       channel->address.sun_path, TS_GUEST_LINE_MAX));
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user)
{
  TsGuestChannel *channel = user;
  char data[READ_MAX];
  ssize_t got = read (fd, data, sizeof data);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  channel->busy++;
  if (got > 0) {
    g_string_append_len (channel->heard, data, got);
    hear_lines (channel);
  } else if (got == 0)
    lose (channel, g_error_new (TS_ERROR, TS_ERROR_LOST, "guest channel %s: closed by the machine",
                                channel->address.sun_path));
  else
    lose_errno (channel, "read");
  gboolean go_on = channel->readable != 0; /* removed already when not */
  leave (channel);
  return go_on;
}

/* FALSE when it broke; the reader hears of that too, and says so. */
static gboolean
push (TsGuestChannel *channel)
{
  while (channel->said->len) {
    ssize_t put = send (channel->fd, channel->said->str, channel->said->len, MSG_NOSIGNAL);
    if (put < 0)
      return errno == EAGAIN || errno == EINTR;
    g_string_erase (channel->said, 0, put);
  }
  return TRUE;
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user)
{
  TsGuestChannel *channel = user;
  if (push (channel) && channel->said->len)
    return G_SOURCE_CONTINUE;
  channel->writable = 0;
  return G_SOURCE_REMOVE;
}

static void
push_or_wait (TsGuestChannel *channel)
{
  if (push (channel) && channel->said->len && !channel->writable)
    channel->writable = g_unix_fd_add (channel->fd, G_IO_OUT, on_writable, channel);
}

/* TRUE when there is an end to it, good or bad. */
static gboolean
try_connect (TsGuestChannel *channel)
{
  if (channel->cut) {
    errno = ENAMETOOLONG;
    lose_errno (channel, "connect");
    return TRUE;
  }
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    lose_errno (channel, "socket");
    return TRUE;
  }
  if (connect (fd, (const struct sockaddr *)&channel->address, sizeof channel->address) == 0) {
    channel->fd = fd;
    channel->readable = g_unix_fd_add (fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, channel);
    push_or_wait (channel);
    return TRUE;
  }
  int number = errno;
  close (fd);
  errno = number;
  /* Not made yet, made and nobody there yet, or its queue is full. */
  gboolean passing = errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN || errno == EINTR;
  if (passing && g_get_monotonic_time () < channel->deadline_us)
    return FALSE;
  lose_errno (channel, "connect");
  return TRUE;
}

static gboolean
on_retry (gpointer user)
{
  TsGuestChannel *channel = user;
  channel->busy++;
  guint source = channel->retry;
  channel->retry = 0; /* so that nobody removes the source that is running */
  gboolean done = try_connect (channel);
  if (!done)
    channel->retry = source;
  leave (channel);
  return done ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

TsGuestChannel *
ts_guest_channel_open (const char *path, gint64 timeout_us, const TsGuestChannelEvents *events,
                       gpointer user)
{
  TsGuestChannel *channel = g_new0 (TsGuestChannel, 1);
  channel->address.sun_family = AF_UNIX;
  channel->cut = g_strlcpy (channel->address.sun_path, path, sizeof channel->address.sun_path) >=
                 sizeof channel->address.sun_path;
  channel->events = *events;
  channel->user = user;
  channel->deadline_us = g_get_monotonic_time () + timeout_us;
  channel->fd = -1;
  channel->heard = g_string_new (NULL);
  channel->said = g_string_new (NULL);
  channel->retry = g_timeout_add (TRY_AGAIN_MS, on_retry, channel);
  return channel;
}

void
ts_guest_channel_say (TsGuestChannel *channel, const char *format, ...)
{
  va_list args;
  if (channel->is_lost)
    return;
  va_start (args, format);
  g_string_append_vprintf (channel->said, format, args);
  va_end (args);
  g_string_append_c (channel->said, '\n');
  if (channel->fd < 0)
    return;
  push_or_wait (channel);
  if (channel->said->len > SAY_MAX) {
    shutdown (channel->fd, SHUT_RDWR); /* heard as an end, from the main loop */
    g_string_truncate (channel->said, 0);
  }
}

guint64
ts_guest_channel_garbage (const TsGuestChannel *channel)
{
  return channel->garbage;
}

void
ts_guest_channel_free (TsGuestChannel *channel)
{
  if (!channel)
    return;
  disconnect (channel);
  channel->freed = TRUE;
  if (!channel->busy)
    destroy (channel);
}

/* lab/host/control.c -- see control.h. */
#include "lab/host/control.h"
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/base/error.h"

#define MESSAGE_MAX (1024 * 1024)
#define SEND_S 10

struct _TsLabControl {
  int fd;
  guint source;
  GByteArray *heard;
  TsLabControlEvents events;
  gpointer user;
  guint busy; /* inside a callback */
  gboolean freed, is_closed;
};

static gboolean
address_of (const char *path, struct sockaddr_un *address, GError **error)
{
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (g_strlcpy (address->sun_path, path, sizeof address->sun_path) >= sizeof address->sun_path)
    return ts_throw (error, TS_ERROR_ARGUMENT, "socket %s: the path is too long", path);
  return TRUE;
}

int
ts_lab_control_listen (const char *path, GError **error)
{
  struct sockaddr_un address;
  if (!address_of (path, &address, error))
    return -1;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind (fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
      listen (fd, 4) < 0) {
    ts_throw_errno (error, "listen at %s", path);
    if (fd >= 0)
      close (fd);
    return -1;
  }
  return fd;
}

int
ts_lab_control_connect (const char *path, GError **error)
{
  struct sockaddr_un address;
  if (!address_of (path, &address, error))
    return -1;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect (fd, (const struct sockaddr *)&address, sizeof address) < 0) {
    ts_throw_errno (error, "connect to %s", path);
    if (fd >= 0)
      close (fd);
    return -1;
  }
  return fd;
}

static void
destroy (TsLabControl *control)
{
  g_byte_array_unref (control->heard);
  g_free (control);
}

static void
hang_up (TsLabControl *control)
{
  if (control->source)
    g_source_remove (control->source);
  control->source = 0;
  if (control->fd >= 0)
    close (control->fd);
  control->fd = -1;
}

static void
lose (TsLabControl *control)
{
  hang_up (control);
  if (control->is_closed || control->freed)
    return;
  control->is_closed = TRUE;
  control->events.closed (control, control->user);
}

/* One whole message from the front of what was heard.  FALSE: there is none (any more). */
static gboolean
take_message (TsLabControl *control)
{
  guint32 len;
  if (control->freed || control->is_closed || control->heard->len < sizeof len)
    return FALSE;
  memcpy (&len, control->heard->data, sizeof len);
  if (len > MESSAGE_MAX) {
    lose (control);
    return FALSE;
  }
  if (control->heard->len < sizeof len + len)
    return FALSE;
  gpointer data = g_memdup2 (control->heard->data + sizeof len, len);
  g_byte_array_remove_range (control->heard, 0, (guint)sizeof len + len);
  g_autoptr (GVariant) message = g_variant_ref_sink (
      g_variant_new_from_data (G_VARIANT_TYPE ("(sv)"), data, len, FALSE, g_free, data));
  if (!g_variant_is_normal_form (message)) {
    lose (control);
    return FALSE;
  }
  const char *kind;
  g_autoptr (GVariant) body = NULL;
  g_variant_get (message, "(&sv)", &kind, &body);
  control->events.message (control, kind, body, control->user);
  return TRUE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user)
{
  TsLabControl *control = user;
  guint8 data[65536];
  gssize n = recv (fd, data, sizeof data, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  control->busy++;
  if (n > 0) {
    g_byte_array_append (control->heard, data, (guint)n);
    while (take_message (control))
      ;
  } else {
    control->source = 0; /* removed by our answer */
    lose (control);
  }
  gboolean more = control->source != 0;
  if (--control->busy == 0 && control->freed)
    destroy (control);
  return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

TsLabControl *
ts_lab_control_new (int fd, const TsLabControlEvents *events, gpointer user)
{
  TsLabControl *control = g_new0 (TsLabControl, 1);
  struct timeval patience = {.tv_sec = SEND_S};
  g_unix_set_fd_nonblocking (fd, FALSE, NULL);
  (void)setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  control->fd = fd;
  control->events = *events;
  control->user = user;
  control->heard = g_byte_array_new ();
  control->source = g_unix_fd_add (fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, control);
  return control;
}

void
ts_lab_control_free (TsLabControl *control)
{
  if (!control)
    return;
  hang_up (control);
  control->freed = TRUE;
  if (control->busy == 0)
    destroy (control);
}

gboolean
ts_lab_control_send (TsLabControl *control, const char *kind, GVariant *body, GError **error)
{
  g_autoptr (GVariant) message = g_variant_ref_sink (g_variant_new ("(sv)", kind, body));
  guint32 len = (guint32)g_variant_get_size (message);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_byte_array_append (bytes, (const guint8 *)&len, sizeof len);
  g_byte_array_append (bytes, g_variant_get_data (message), len);
  for (guint sent = 0; sent < bytes->len;) {
    gssize n = -1;
    if (control->fd < 0)
      errno = EPIPE;
    else
      n = send (control->fd, bytes->data + sent, bytes->len - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return ts_throw (error, TS_ERROR_LOST, "message %s: %s", kind, g_strerror (errno));
    sent += (guint)n;
  }
  return TRUE;
}

/* --- a descriptor ----------------------------------------------------------------------------- */

typedef union { /* aligned as cmsg(3) wants it */
  char bytes[CMSG_SPACE (sizeof (int))];
  struct cmsghdr align;
} Ancillary;

gboolean
ts_lab_control_give (int fd, int given, GError **error)
{
  char mark = 'F';
  struct iovec piece = {&mark, 1};
  Ancillary room = {0};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room.bytes,
                           .msg_controllen = sizeof room.bytes};
  struct cmsghdr *head = CMSG_FIRSTHDR (&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN (sizeof given);
  memcpy (CMSG_DATA (head), &given, sizeof given);
  return sendmsg (fd, &message, MSG_NOSIGNAL) == 1 || ts_throw_errno (error, "hand over a socket");
}

int
ts_lab_control_receive (int fd, GError **error)
{
  char mark = 0;
  int given = -1;
  struct iovec piece = {&mark, 1};
  Ancillary room = {0};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room.bytes,
                           .msg_controllen = sizeof room.bytes};
  struct timeval patience = {.tv_sec = 10};
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (recvmsg (fd, &message, MSG_CMSG_CLOEXEC) != 1) {
    ts_throw_errno (error, "receive a socket");
    return -1;
  }
  struct cmsghdr *head = CMSG_FIRSTHDR (&message);
  if (head && head->cmsg_type == SCM_RIGHTS)
    memcpy (&given, CMSG_DATA (head), sizeof given);
  else
    ts_throw (error, TS_ERROR_FORMAT, "no socket was handed over");
  return given;
}

/* lab/link/link.c -- see link.h.
 *
 *   main context          reader thread                          writer thread
 *   ------------          -------------                          -------------
 *   connect  ---------->  connect, handshake, start the writer
 *   connected  <-inbox--                                          waits for the outbox
 *   send  ------------------------------------------outbox---->   number, encode, write
 *   frame  <----inbox---  read, decode; waits while the inbox
 *                         is full, so that TCP slows the peer
 *   lost  <-----inbox---  the end, whoever met it first
 *   free: stopping, stop_fd and both conditions wake the threads wherever they wait; then join
 *
 * Payloads are never copied between socket and callee, but where TLS and zstd do it. */
#include "lab/link/link-internal.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Decoded and not yet heard; the reader stops above it, so one frame more at most. */
enum { INBOX_BYTES_MAX = 8 * 1024 * 1024 };
/* What one thing to hear costs beside its payload, so that empty frames are bounded too. */
enum { HEARD_COST_BYTES = 256 };
/* Bytes the kernel may hold that TCP has not sent yet: what is queued below stays in our sight,
 * while what is in flight may grow as the path needs (tcp(7), TCP_NOTSENT_LOWAT). */
enum { UNSENT_BYTES_MAX = 256 * 1024 };
/* A turn in the main context, before other sources get theirs. */
enum { TURN_FRAMES = 64, TURN_BYTES = 2 * 1024 * 1024 };
enum { RECORD_BYTES = 16384 }; /* TLS 1.3 */

typedef struct {
  enum { HEARD_CONNECTED, HEARD_FRAME, HEARD_LOST } kind;
  TsFrame frame;
  GError *reason;
  gsize cost_bytes;
} TsHeard;

typedef struct {
  TsFrame frame;
  gboolean compress;
} TsToSend;

struct _TsLabLink {
  /* main thread only */
  guint refs; /* the owner's, and a dispatch that is under way */
  gboolean freed, heard_connected;
  TsLabLinkEvents events;
  gpointer user;
  GSource *source;

  gboolean held; /* the main loop's: nothing is delivered */
  /* fixed before the reader starts; fd and transport are made by it */
  char *what;          /* prefix of every reason */
  char *expected_peer; /* NULL: accepted */
  TsLabAddress address;
  TsLabTransportKeys *keys;
  gint64 deadline_us;
  int stop_fd;
  int fd;
  TsLabTransport *transport;
  GThread *reader, *writer; /* writer: made by the reader */

  GMutex lock; /* all below */
  GCond room;  /* in the inbox */
  GCond work;  /* in the outbox */
  gboolean stopping;
  GQueue inbox; /* TsHeard */
  gsize inbox_bytes;
  GQueue outbox; /* TsToSend */
  guint64 waiting_bytes, wire_bytes_sent;
};

/* --- what the main context hears -------------------------------------------------------------- */

static void
heard_free (TsHeard *heard)
{
  ts_frame_clear (&heard->frame);
  g_clear_error (&heard->reason);
  g_free (heard);
}

static void
to_send_free (TsToSend *to_send)
{
  ts_frame_clear (&to_send->frame);
  g_free (to_send);
}

static void
link_unref (TsLabLink *link)
{
  if (--link->refs > 0)
    return;
  g_queue_clear_full (&link->inbox, (GDestroyNotify)heard_free);
  g_queue_clear_full (&link->outbox, (GDestroyNotify)to_send_free);
  g_mutex_clear (&link->lock);
  g_cond_clear (&link->room);
  g_cond_clear (&link->work);
  ts_lab_transport_keys_unref (link->keys);
  g_free (link->what);
  g_free (link->expected_peer);
  g_free (link);
}

/* Takes heard.  Waits for room only for frames: the end can always be told.  FALSE: stopping; who
 * floods us must not keep the reader from noticing. */
static gboolean
tell (TsLabLink *link, TsHeard *heard)
{
  heard->cost_bytes = HEARD_COST_BYTES;
  if (heard->frame.payload)
    heard->cost_bytes += g_bytes_get_size (heard->frame.payload);
  g_mutex_lock (&link->lock);
  while (heard->kind == HEARD_FRAME && link->inbox_bytes >= INBOX_BYTES_MAX && !link->stopping)
    g_cond_wait (&link->room, &link->lock);
  gboolean stopping = link->stopping;
  link->inbox_bytes += heard->cost_bytes;
  g_queue_push_tail (&link->inbox, heard);
  g_mutex_unlock (&link->lock);
  g_source_set_ready_time (link->source, 0);
  return !stopping;
}

static void
tell_lost (TsLabLink *link, GError *reason)
{
  TsHeard *heard = g_new0 (TsHeard, 1);
  heard->kind = HEARD_LOST;
  heard->reason = reason;
  g_prefix_error (&heard->reason, "%s: ", link->what);
  tell (link, heard);
}

static void
deliver (TsLabLink *link, TsHeard *heard)
{
  switch (heard->kind) {
  case HEARD_CONNECTED:
    link->heard_connected = TRUE;
    if (link->events.connected)
      link->events.connected (link, ts_lab_transport_peer (link->transport), link->user);
    break;
  case HEARD_FRAME:
    if (link->events.frame)
      link->events.frame (link, &heard->frame, link->user);
    break;
  case HEARD_LOST:
    if (link->events.lost)
      link->events.lost (link, heard->reason, link->user);
    break;
  }
}

static TsHeard *
next_heard (TsLabLink *link)
{
  g_mutex_lock (&link->lock);
  TsHeard *heard = g_queue_pop_head (&link->inbox);
  if (heard) {
    link->inbox_bytes -= heard->cost_bytes;
    g_cond_signal (&link->room);
  }
  g_mutex_unlock (&link->lock);
  return heard;
}

typedef struct {
  GSource source;
  TsLabLink *link;
} TsInboxSource;

static gboolean
inbox_dispatch (GSource *source, GSourceFunc callback, gpointer user)
{
  TsLabLink *link = ((TsInboxSource *)source)->link;
  gsize turn_bytes = 0;
  guint turn_frames = 0;
  TsHeard *heard;
  g_source_set_ready_time (source, -1); /* before the look, so that what comes now wakes us again */
  link->refs++;
  while (!link->freed && !link->held && (heard = next_heard (link))) {
    deliver (link, heard);
    turn_bytes += heard->cost_bytes;
    heard_free (heard);
    if (++turn_frames >= TURN_FRAMES || turn_bytes >= TURN_BYTES) {
      if (!link->freed)
        g_source_set_ready_time (source, 0);
      break;
    }
  }
  link_unref (link);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs inbox_funcs = {.dispatch = inbox_dispatch};

/* --- the writer
 * ------------------------------------------------------------------------------------ */

/* The header travels in one record with the payload's beginning; what is left is not copied. */
static gboolean
write_frame (TsLabLink *link, const TsFrame *frame, gboolean compress, guint8 *record,
             gsize *wire_bytes, GError **error)
{
  g_autoptr (GBytes) body = ts_frame_encode_parts (frame, compress, record);
  gsize body_bytes = 0;
  const guint8 *data = body ? g_bytes_get_data (body, &body_bytes) : NULL;
  gsize first_bytes = MIN (body_bytes, RECORD_BYTES - TS_FRAME_HEADER_BYTES);
  if (first_bytes > 0)
    memcpy (record + TS_FRAME_HEADER_BYTES, data, first_bytes);
  *wire_bytes = TS_FRAME_HEADER_BYTES + body_bytes;
  gboolean more = body_bytes > first_bytes;
  if (!ts_lab_transport_write (link->transport, record, TS_FRAME_HEADER_BYTES + first_bytes, more,
                               error))
    return FALSE;
  return !more || ts_lab_transport_write (link->transport, data + first_bytes,
                                          body_bytes - first_bytes, FALSE, error);
}

static TsToSend *
next_to_send (TsLabLink *link)
{
  g_mutex_lock (&link->lock);
  while (!link->stopping && link->outbox.length == 0)
    g_cond_wait (&link->work, &link->lock);
  TsToSend *to_send = link->stopping ? NULL : g_queue_pop_head (&link->outbox);
  g_mutex_unlock (&link->lock);
  return to_send;
}

static gpointer
write_thread (gpointer data)
{
  TsLabLink *link = data;
  g_autofree guint8 *record = g_malloc (RECORD_BYTES);
  guint64 sequence = 0;
  TsToSend *to_send;
  while ((to_send = next_to_send (link))) {
    gsize wire_bytes = 0;
    gsize payload_bytes = to_send->frame.payload ? g_bytes_get_size (to_send->frame.payload) : 0;
    to_send->frame.sequence = ++sequence;
    gboolean sent =
        write_frame (link, &to_send->frame, to_send->compress, record, &wire_bytes, NULL);
    to_send_free (to_send);
    if (!sent) {
      /* The reader still gets what the peer said before it went, then the end, and tells that. */
      shutdown (link->fd, SHUT_RDWR);
      break;
    }
    g_mutex_lock (&link->lock);
    link->waiting_bytes -= payload_bytes;
    link->wire_bytes_sent += wire_bytes;
    g_mutex_unlock (&link->lock);
  }
  return NULL;
}

/* --- the reader
 * ------------------------------------------------------------------------------------ */

static void
tune_socket (int fd)
{
  int on = 1, unsent_bytes = UNSENT_BYTES_MAX;
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt (fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
}

static gboolean
connect_socket (TsLabLink *link, GError **error)
{
  link->fd =
      socket (link->address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (link->fd < 0)
    return ts_throw_errno (error, "socket");
  const struct sockaddr *to = (const struct sockaddr *)&link->address.storage;
  int failed = connect (link->fd, to, link->address.len_bytes) < 0 ? errno : 0;
  if (failed == EINPROGRESS || failed == EINTR) {
    socklen_t size = sizeof failed;
    if (!ts_lab_wait (link->fd, link->stop_fd, POLLOUT, link->deadline_us, error))
      return FALSE;
    if (getsockopt (link->fd, SOL_SOCKET, SO_ERROR, &failed, &size) < 0)
      failed = errno;
  }
  if (failed != 0)
    return ts_throw (error, TS_ERROR_LOST, "%s", g_strerror (failed));
  return TRUE;
}

static GThread *
start_thread (const char *name, GThreadFunc run, TsLabLink *link, GError **error)
{
  g_autoptr (GError) failed = NULL;
  GThread *thread = g_thread_try_new (name, run, link, &failed);
  if (!thread)
    ts_throw (error, TS_ERROR_IO, "%s", failed->message);
  return thread;
}

static gboolean
establish (TsLabLink *link, GError **error)
{
  if (link->fd < 0 && !connect_socket (link, error))
    return FALSE;
  tune_socket (link->fd);
  link->transport =
      ts_lab_transport_new (link->keys, link->fd, link->stop_fd, link->expected_peer, error);
  if (!link->transport || !ts_lab_transport_handshake (link->transport, link->deadline_us, error))
    return FALSE;
  link->writer = start_thread ("link-writer", write_thread, link, error);
  if (!link->writer)
    return FALSE;
  TsHeard *heard = g_new0 (TsHeard, 1);
  heard->kind = HEARD_CONNECTED;
  tell (link, heard);
  return TRUE;
}

/* Returns only with an error: the end of the stream is one. */
static void
read_frames (TsLabLink *link, TsFrameReader *reader, GError **error)
{
  for (;;) {
    void *room;
    TsHeard *heard = g_new0 (TsHeard, 1);
    heard->kind = HEARD_FRAME;
    if (!ts_frame_reader_pop (reader, &heard->frame, error)) {
      heard_free (heard);
      return;
    }
    if (heard->frame.kind != 0) {
      if (tell (link, heard))
        continue;
      ts_throw (error, TS_ERROR_STATE, "stopped");
      return;
    }
    heard_free (heard);
    gsize room_bytes = ts_frame_reader_room (reader, &room);
    gssize bytes = ts_lab_transport_read (link->transport, room, room_bytes, error);
    if (bytes == 0)
      ts_throw (error, TS_ERROR_LOST, "closed by the peer");
    if (bytes <= 0) {
      if (error && g_error_matches (*error, TS_ERROR, TS_ERROR_LOST) &&
          !ts_frame_reader_at_border (reader)) {
        g_autofree char *why = g_strdup ((*error)->message);
        g_clear_error (error);
        ts_throw (error, TS_ERROR_LOST, "%s in the middle of a frame", why);
      }
      return;
    }
    ts_frame_reader_filled (reader, (gsize)bytes);
  }
}

/* Makes both threads end, wherever they are.  Any thread, any number of times. */
static void
stop (TsLabLink *link)
{
  guint64 one = 1;
  g_mutex_lock (&link->lock);
  link->stopping = TRUE;
  g_cond_broadcast (&link->room);
  g_cond_broadcast (&link->work);
  g_mutex_unlock (&link->lock);
  if (write (link->stop_fd, &one, sizeof one) < 0)
    g_assert (errno == EAGAIN); /* told so often that the counter is full: told */
}

static gpointer
read_thread (gpointer data)
{
  TsLabLink *link = data;
  GError *error = NULL;
  if (establish (link, &error)) {
    g_autoptr (TsFrameReader) reader = ts_frame_reader_new ();
    read_frames (link, reader, &error);
  }
  g_mutex_lock (&link->lock);
  gboolean freed = link->stopping; /* nobody listens any more */
  g_mutex_unlock (&link->lock);
  stop (link); /* the writer */
  if (freed)
    g_error_free (error);
  else
    tell_lost (link, error);
  return NULL;
}

/* --- entry points ------------------------------------------------------------------------------
 */

static TsLabLink *
link_new (const char *what, gint64 timeout_us, const TsLabLinkEvents *events, gpointer user)
{
  TsLabLink *link = g_new0 (TsLabLink, 1);
  link->refs = 1;
  link->what = g_strdup (what);
  link->deadline_us = g_get_monotonic_time () + timeout_us;
  link->fd = -1;
  link->stop_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  g_mutex_init (&link->lock);
  g_cond_init (&link->room);
  g_cond_init (&link->work);
  g_queue_init (&link->inbox);
  g_queue_init (&link->outbox);
  link->source = g_source_new (&inbox_funcs, sizeof (TsInboxSource));
  ((TsInboxSource *)link->source)->link = link;
  g_source_set_static_name (link->source, "link");
  g_source_attach (link->source, NULL);
  ts_lab_link_set_events (link, events, user);
  return link;
}

/* Starts the reader; what keeps it from starting is told like any other end. */
static void
link_start (TsLabLink *link, GError *error)
{
  if (!error && link->stop_fd < 0)
    ts_throw_errno (&error, "eventfd");
  if (!error)
    link->reader = start_thread ("link-reader", read_thread, link, &error);
  if (error)
    tell_lost (link, error);
}

TsLabLink *
ts_lab_link_connect (const char *address, guint16 port, const char *host_name,
                     const TsLabCredentials *credentials, gint64 timeout_us,
                     const TsLabLinkEvents *events, gpointer user)
{
  g_return_val_if_fail (address && host_name && credentials && timeout_us > 0, NULL);
  g_autofree char *what = g_strdup_printf ("%s at %s:%u", host_name, address, port);
  TsLabLink *link = link_new (what, timeout_us, events, user);
  GError *error = NULL;
  link->expected_peer = g_strdup (host_name);
  if (ts_lab_address_parse (address, port, &link->address, &error))
    link->keys = ts_lab_transport_keys_load (credentials, &error);
  link_start (link, error);
  return link;
}

TsLabLink *
ts_lab_link_accept (int fd, const char *what, TsLabTransportKeys *keys, gint64 timeout_us,
                    const TsLabLinkEvents *events, gpointer user)
{
  TsLabLink *link = link_new (what, timeout_us, events, user);
  link->fd = fd;
  link->keys = ts_lab_transport_keys_ref (keys);
  link_start (link, NULL);
  return link;
}

void
ts_lab_link_set_events (TsLabLink *link, const TsLabLinkEvents *events, gpointer user)
{
  link->events = events ? *events : (TsLabLinkEvents){0};
  link->user = user;
}

void
ts_lab_link_send (TsLabLink *link, const TsFrame *frame, gboolean compress)
{
  TsToSend *to_send = g_new0 (TsToSend, 1);
  to_send->frame = *frame;
  to_send->compress = compress;
  if (frame->payload)
    g_bytes_ref (frame->payload);
  g_mutex_lock (&link->lock);
  gboolean dropped = link->stopping;
  if (!dropped) {
    link->waiting_bytes += frame->payload ? g_bytes_get_size (frame->payload) : 0;
    g_queue_push_tail (&link->outbox, to_send);
    g_cond_signal (&link->work);
  }
  g_mutex_unlock (&link->lock);
  if (dropped)
    to_send_free (to_send);
}

static guint64
read_counter (const TsLabLink *link, const guint64 *counter)
{
  GMutex *lock = (GMutex *)&link->lock;
  g_mutex_lock (lock);
  guint64 value = *counter;
  g_mutex_unlock (lock);
  return value;
}

void
ts_lab_link_hold (TsLabLink *link, gboolean on)
{
  link->held = on;
  if (!on)
    g_source_set_ready_time (link->source, 0);
}

guint64
ts_lab_link_wire_bytes_sent (const TsLabLink *link)
{
  return read_counter (link, &link->wire_bytes_sent);
}

guint64
ts_lab_link_waiting_bytes (const TsLabLink *link)
{
  return read_counter (link, &link->waiting_bytes);
}

const char *
ts_lab_link_peer (const TsLabLink *link)
{
  return link->heard_connected ? ts_lab_transport_peer (link->transport) : NULL;
}

void
ts_lab_link_free (TsLabLink *link)
{
  if (!link)
    return;
  g_assert (!link->freed);
  link->freed = TRUE;
  if (link->stop_fd >= 0)
    stop (link);
  g_clear_pointer (&link->reader, g_thread_join); /* first: it makes the writer */
  g_clear_pointer (&link->writer, g_thread_join);
  g_source_destroy (link->source);
  g_source_unref (link->source);
  g_clear_pointer (&link->transport, ts_lab_transport_free);
  if (link->fd >= 0)
    close (link->fd);
  if (link->stop_fd >= 0)
    close (link->stop_fd);
  link_unref (link);
}

/* lab/link/listener.c -- see link.h.
 *
 * Accepts in the main context; each handshake runs on the reader thread of the link that it may
 * become.  Until then the listener itself hears the link's events. */
#include "lab/link/link-internal.h"
#include "core/base/error.h"
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 128 };
/* When no descriptor is left, the waiting peer keeps the socket readable: look away for a while. */
enum { PAUSE_MS = 200 };

struct _TsLabListener {
  int fd;
  guint16 port;
  TsLabTransportKeys *keys;
  gint64 timeout_us;
  TsLabListenerEvents events;
  gpointer user;
  GSource *source; /* accepts; NULL while pausing */
  guint pause_id;
  GPtrArray *shaking; /* TsLabLink: owned */
};

static void
turn_away (TsLabListener *listener, const GError *reason)
{
  if (listener->events.turned_away)
    listener->events.turned_away (listener, reason, listener->user);
}

/* The link is not the listener's any more. */
static void
let_go (TsLabListener *listener, TsLabLink *link)
{
  guint index;
  gboolean found = g_ptr_array_find (listener->shaking, link, &index);
  g_assert (found);
  g_ptr_array_steal_index_fast (listener->shaking, index);
}

static void
shaken (TsLabLink *link, const char *peer, gpointer user)
{
  TsLabListener *listener = user;
  let_go (listener, link);
  ts_lab_link_set_events (link, NULL, NULL);
  if (listener->events.accepted)
    listener->events.accepted (listener, link, peer, listener->user);
  else
    ts_lab_link_free (link);
}

static void
failed (TsLabLink *link, const GError *reason, gpointer user)
{
  TsLabListener *listener = user;
  let_go (listener, link);
  turn_away (listener, reason); /* may free the listener */
  ts_lab_link_free (link);
}

static const TsLabLinkEvents shaking_events = {.connected = shaken, .lost = failed};

static void start_accepting (TsLabListener *listener);

static gboolean
resume (gpointer user)
{
  TsLabListener *listener = user;
  listener->pause_id = 0;
  start_accepting (listener);
  return G_SOURCE_REMOVE;
}

static gboolean
accept_one (gint fd, GIOCondition condition, gpointer user)
{
  TsLabListener *listener = user;
  TsLabAddress from = {.len_bytes = sizeof from.storage};
  g_autoptr (GError) error = NULL;
  int peer_fd =
      accept4 (fd, (struct sockaddr *)&from.storage, &from.len_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (peer_fd < 0) {
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
      return G_SOURCE_CONTINUE; /* the peer was gone before we looked (accept(2)) */
    ts_throw_errno (&error, "accept");
    g_source_destroy (listener->source);
    g_clear_pointer (&listener->source, g_source_unref);
    listener->pause_id = g_timeout_add (PAUSE_MS, resume, listener);
    turn_away (listener, error);
    return G_SOURCE_CONTINUE; /* destroyed already */
  }
  g_autofree char *what = ts_lab_address_format (&from);
  if (listener->shaking->len >= TS_LAB_HANDSHAKES_MAX) {
    close (peer_fd);
    ts_throw (&error, TS_ERROR_FULL, "%s: %d handshakes are under way", what,
              TS_LAB_HANDSHAKES_MAX);
    turn_away (listener, error);
    return G_SOURCE_CONTINUE;
  }
  g_ptr_array_add (listener->shaking,
                   ts_lab_link_accept (peer_fd, what, listener->keys, listener->timeout_us,
                                       &shaking_events, listener));
  return G_SOURCE_CONTINUE;
}

static void
start_accepting (TsLabListener *listener)
{
  listener->source = g_unix_fd_source_new (listener->fd, G_IO_IN);
  g_source_set_callback (listener->source, G_SOURCE_FUNC (accept_one), listener, NULL);
  g_source_set_static_name (listener->source, "listener");
  g_source_attach (listener->source, NULL);
}

static gboolean
open_socket (TsLabListener *listener, const char *address, guint16 port, GError **error)
{
  TsLabAddress at;
  int on = 1;
  if (!ts_lab_address_parse (address, port, &at, error))
    return FALSE;
  if (at.storage.ss_family == AF_UNIX) /* of an earlier life */
    (void)unlink (address + strlen (TS_LAB_UNIX));
  listener->fd = socket (at.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener->fd < 0)
    return ts_throw_errno (error, "socket");
  setsockopt (listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind (listener->fd, (struct sockaddr *)&at.storage, at.len_bytes) < 0)
    return ts_throw_errno (error, "bind");
  if (listen (listener->fd, BACKLOG) < 0)
    return ts_throw_errno (error, "listen");
  if (at.storage.ss_family == AF_UNIX)
    return TRUE;
  at.len_bytes = sizeof at.storage;
  if (getsockname (listener->fd, (struct sockaddr *)&at.storage, &at.len_bytes) < 0)
    return ts_throw_errno (error, "getsockname");
  listener->port =
      g_ntohs (at.storage.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at.storage)->sin6_port
                                                : ((struct sockaddr_in *)&at.storage)->sin_port);
  return TRUE;
}

TsLabListener *
ts_lab_listener_new (const char *address, guint16 port, const TsLabCredentials *credentials,
                     gint64 timeout_us, const TsLabListenerEvents *events, gpointer user,
                     GError **error)
{
  g_return_val_if_fail (address && credentials && timeout_us > 0 && events, NULL);
  TsLabListener *listener = g_new0 (TsLabListener, 1);
  listener->fd = -1;
  listener->timeout_us = timeout_us;
  listener->events = *events;
  listener->user = user;
  listener->shaking = g_ptr_array_new ();
  listener->keys = ts_lab_transport_keys_load (credentials, error);
  if (!listener->keys || !open_socket (listener, address, port, error)) {
    g_prefix_error (error, "listen on %s:%u: ", address, port);
    ts_lab_listener_free (listener);
    return NULL;
  }
  start_accepting (listener);
  return listener;
}

guint16
ts_lab_listener_port (const TsLabListener *listener)
{
  return listener->port;
}

void
ts_lab_listener_free (TsLabListener *listener)
{
  if (!listener)
    return;
  if (listener->source) {
    g_source_destroy (listener->source);
    g_source_unref (listener->source);
  }
  if (listener->pause_id)
    g_source_remove (listener->pause_id);
  if (listener->fd >= 0)
    close (listener->fd);
  g_ptr_array_set_free_func (listener->shaking, (GDestroyNotify)ts_lab_link_free);
  g_ptr_array_unref (listener->shaking);
  ts_lab_transport_keys_unref (listener->keys);
  g_free (listener);
}

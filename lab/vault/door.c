/* lab/vault/door.c -- see door.h.
 *
 * The HTTP library has no limits on time of its own.  The socket's time-out ends a read or a write on which
 * nothing happens; an alarm per connection ends a request that is dripped.  A visitor is found again
 * by the address object that the library hands back with each of his messages.
 *
 * The library keeps a connection for a second request only while it listens somewhere itself: so it
 * is given a socket of its own, whose name is gone before anybody could have connected to it. */
#include "lab/vault/door.h"
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include "core/base/error.h"

#define VISITOR "twinsite-visitor"

typedef struct {
  TsLabDoor *door; /* NULL: it is gone */
  GSocket *socket;
  guint alarm;     /* source; 0: a request is being answered */
} Visitor;

struct _TsLabDoor {
  SoupServer *soup;
  GTlsCertificate *certificate;
  GSocketService *service;
  GPtrArray *visitors; /* Visitor; owned by their address objects */
  guint request_ms, stall_ms;
  gulong started; /* signal handler */
};

static void
hang_up (Visitor *visitor)
{
  g_socket_shutdown (visitor->socket, TRUE, TRUE, NULL);
}

static gboolean
too_late (gpointer user)
{
  Visitor *visitor = user;
  visitor->alarm = 0;
  hang_up (visitor);
  return G_SOURCE_REMOVE;
}

static void
disarm (Visitor *visitor)
{
  if (visitor->alarm)
    g_source_remove (visitor->alarm);
  visitor->alarm = 0;
}

static void
arm (Visitor *visitor)
{
  disarm (visitor);
  if (visitor->door)
    visitor->alarm = g_timeout_add (visitor->door->request_ms, too_late, visitor);
}

static void
visitor_free (gpointer data)
{
  Visitor *visitor = data;
  disarm (visitor);
  if (visitor->door)
    g_ptr_array_remove_fast (visitor->door->visitors, visitor);
  g_object_unref (visitor->socket);
  g_free (visitor);
}

static Visitor *
visitor_of (SoupServerMessage *message)
{
  GSocketAddress *remote = soup_server_message_get_remote_address (message);
  return remote ? g_object_get_data (G_OBJECT (remote), VISITOR) : NULL;
}

void
ts_lab_door_throw_out (SoupServerMessage *message)
{
  Visitor *visitor = visitor_of (message);
  if (visitor)
    hang_up (visitor);
}

/* --- requests --------------------------------------------------------------------------------- */

static void
has_come (SoupServerMessage *message, gpointer user)
{
  Visitor *visitor = visitor_of (message);
  if (visitor)
    disarm (visitor);
}

static void
is_answered (SoupServerMessage *message, gpointer user)
{
  Visitor *visitor = visitor_of (message);
  if (visitor)
    arm (visitor); /* for the next one */
}

static void
begins (SoupServer *soup, SoupServerMessage *message, gpointer user)
{
  g_signal_connect (message, "got-body", G_CALLBACK (has_come), NULL);
  g_signal_connect (message, "finished", G_CALLBACK (is_answered), NULL);
}

/* --- connections ------------------------------------------------------------------------------ */

static gboolean
comes (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer user)
{
  TsLabDoor *door = user;
  g_autoptr (GSocketAddress) local = g_socket_connection_get_local_address (connection, NULL);
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (connection, NULL);
  g_autoptr (GIOStream) stream = g_object_ref (G_IO_STREAM (connection));
  if (!local || !remote || door->visitors->len >= TS_LAB_DOOR_OPEN_MAX)
    return TRUE; /* it is closed with its object */
  if (door->certificate) {
    GIOStream *tls = g_tls_server_connection_new (stream, door->certificate, NULL);
    if (!tls)
      return TRUE;
    g_object_unref (stream);
    stream = tls;
  }
  Visitor *visitor = g_new0 (Visitor, 1);
  visitor->door = door;
  visitor->socket = g_object_ref (g_socket_connection_get_socket (connection));
  g_socket_set_timeout (visitor->socket, MAX (door->stall_ms / 1000, 1));
  g_ptr_array_add (door->visitors, visitor);
  g_object_set_data_full (G_OBJECT (remote), VISITOR, visitor, visitor_free);
  arm (visitor);
  if (!soup_server_accept_iostream (door->soup, stream, local, remote, NULL))
    hang_up (visitor);
  return TRUE;
}

static gboolean
listen_to_nobody (SoupServer *soup, GError **error)
{
  g_autofree char *folder = g_dir_make_tmp ("twinsite-XXXXXX", error);
  if (!folder)
    return FALSE;
  g_autofree char *path = g_build_filename (folder, "s", NULL);
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, error);
  gboolean good = socket && g_socket_bind (socket, address, FALSE, error);
  (void)g_unlink (path);
  (void)g_rmdir (folder);
  return good && g_socket_listen (socket, error) && soup_server_listen_socket (soup, socket, 0, error);
}

TsLabDoor *
ts_lab_door_new (SoupServer *soup, GSocket *socket, GTlsCertificate *certificate, guint request_ms,
                 guint stall_ms, GError **error)
{
  g_autoptr (GSocketService) service = g_socket_service_new ();
  g_autoptr (GError) why = NULL;
  if (!g_socket_listener_add_socket (G_SOCKET_LISTENER (service), socket, NULL, &why) ||
      !listen_to_nobody (soup, &why)) {
    ts_throw (error, TS_ERROR_IO, "%s", why->message);
    return NULL;
  }
  TsLabDoor *door = g_new0 (TsLabDoor, 1);
  door->soup = g_object_ref (soup);
  door->certificate = certificate ? g_object_ref (certificate) : NULL;
  door->service = g_steal_pointer (&service);
  door->visitors = g_ptr_array_new ();
  door->request_ms = request_ms ? request_ms : TS_LAB_DOOR_REQUEST_MS;
  door->stall_ms = stall_ms ? stall_ms : TS_LAB_DOOR_STALL_MS;
  door->started = g_signal_connect (soup, "request-started", G_CALLBACK (begins), NULL);
  g_signal_connect (door->service, "incoming", G_CALLBACK (comes), door);
  g_socket_service_start (door->service);
  return door;
}

guint
ts_lab_door_open (const TsLabDoor *door)
{
  return door->visitors->len;
}

void
ts_lab_door_free (TsLabDoor *door)
{
  if (!door)
    return;
  g_signal_handlers_disconnect_by_data (door->service, door);
  g_socket_service_stop (door->service);
  g_socket_listener_close (G_SOCKET_LISTENER (door->service));
  g_object_unref (door->service);
  g_signal_handler_disconnect (door->soup, door->started);
  for (guint i = 0; i < door->visitors->len; i++) {
    Visitor *visitor = door->visitors->pdata[i];
    disarm (visitor);
    visitor->door = NULL;
  }
  g_ptr_array_unref (door->visitors);
  g_clear_object (&door->certificate);
  g_object_unref (door->soup);
  g_free (door);
}

/* lab/vault/server.c -- see server.h. */
#include "lab/vault/server.h"
#include <libsoup/soup.h>
#include <string.h>
#include "core/base/error.h"
#include "core/vault/routes.h"
#include "lab/vault/door.h"
#include "lab/vault/json.h"
#include "lab/vault/openapi.h"
#include "lab/vault/page.h"
#include "lab/vault/watch.h"

typedef enum { WAITS_PLAIN, WAITS_OPERATION, WAITS_RESULT } WaitKind;

typedef struct { /* a client that is not answered yet */
  TsLabServer *server;
  guint64 id;
  WaitKind kind;
  SoupServerMessage *message;
} Waiting;

struct _TsLabServer {
  TsLabServerEvents events;
  gpointer user;
  SoupServer *soup;
  TsLabDoor *door;
  TsLabWatch *watch;
  GHashTable *waiting; /* guint64 * -> Waiting */
  guint64 next_id;
  char *vault, *prefix, *token, *address;
  guint16 port;
  gboolean tls, loopback;
  const TsLabServerButton *buttons;
  guint button_count;
  char *openapi;
};

/* --- who may ask ------------------------------------------------------------------------------ */

/* Takes as long for any two texts of these lengths. */
static gboolean
same_secret (const char *a, const char *b)
{
  gsize len_a = strlen (a), len_b = strlen (b);
  volatile guchar differ = len_a != len_b;
  for (gsize i = 0; i < len_a; i++)
    differ |= (guchar)(a[i] ^ b[len_b > 0 ? i % len_b : 0]);
  return len_b > 0 && differ == 0;
}

static const char *
header (SoupServerMessage *message, const char *name)
{
  return soup_message_headers_get_one (soup_server_message_get_request_headers (message), name);
}

/* A name that means this machine, whatever a name server says. */
static gboolean
host_is_ours (TsLabServer *server, const char *host)
{
  static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    gsize len = strlen (names[i]);
    if (g_ascii_strncasecmp (host, names[i], len) != 0)
      continue;
    g_autofree char *port = g_strdup_printf (":%u", server->port);
    return g_str_equal (host + len, port) || (host[len] == '\0' && server->port == 80);
  }
  return FALSE;
}

static gboolean
origin_is_ours (TsLabServer *server, SoupServerMessage *message)
{
  const char *origin = header (message, "Origin"), *host = header (message, "Host");
  const char *site = header (message, "Sec-Fetch-Site");
  if (site && !g_str_equal (site, "same-origin") && !g_str_equal (site, "none"))
    return FALSE;
  if (!origin)
    return TRUE; /* no browser, or nothing that it may be tricked into */
  g_autofree char *ours = g_strconcat (server->tls ? "https://" : "http://", host, NULL);
  return g_ascii_strcasecmp (origin, ours) == 0;
}

static gboolean
token_is_right (TsLabServer *server, SoupServerMessage *message)
{
  const char *said = header (message, "Authorization");
  if (!server->token)
    return TRUE;
  return said && g_ascii_strncasecmp (said, "Bearer ", 7) == 0 &&
         same_secret (said + 7, server->token);
}

/* FALSE: answered. */
static gboolean
admit (TsLabServer *server, SoupServerMessage *message, gboolean public)
{
  const char *host = header (message, "Host");
  if (!host || (server->loopback && !server->token && !host_is_ours (server, host))) {
    ts_lab_page_error (message, 403, "ForeignHost",
                       "this is asked for by the name %s, which is none of this server's",
                       host ? host : "(none)");
    return FALSE;
  }
  if (!origin_is_ours (server, message)) {
    ts_lab_page_error (message, 403, "ForeignOrigin", "a page of another origin may not ask");
    return FALSE;
  }
  if (!public && !token_is_right (server, message)) {
    soup_message_headers_replace (soup_server_message_get_response_headers (message),
                                  "WWW-Authenticate", "Bearer realm=\"twinsite vault\"");
    ts_lab_page_error (message, 401, "Unauthorized", "%s",
                       header (message, "Authorization")
                           ? "this token is not the vault's"
                           : "a token is needed: Authorization: Bearer TOKEN");
    return FALSE;
  }
  return TRUE;
}

/* --- before the body is read ------------------------------------------------------------------ */

static void
got_chunk (SoupServerMessage *message, GBytes *chunk, gpointer user)
{
  ts_lab_door_throw_out (message); /* it was told, and goes on */
}

/* Looks at headers, so that no body is read for nothing, and none that is too large at all. */
static void
early (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query,
       gpointer user)
{
  SoupMessageHeaders *in = soup_server_message_get_request_headers (message);
  gboolean large = FALSE;
  ts_lab_page_headers (message);
  if (soup_message_headers_get_encoding (in) == SOUP_ENCODING_CHUNKED) {
    ts_lab_page_error (message, 411, "LengthRequired", "a body must say its Content-Length");
    large = TRUE;
  } else if (soup_message_headers_get_content_length (in) > TS_LAB_SERVER_BODY_MAX) {
    ts_lab_page_error (message, 413, "BodyTooLarge", "a body has %d bytes at most",
                       TS_LAB_SERVER_BODY_MAX);
    large = TRUE;
  }
  if (!large)
    return;
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Connection",
                                "close");
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  if (!(soup_message_headers_get_expectations (in) & SOUP_EXPECTATION_CONTINUE))
    g_signal_connect (message, "got-chunk", G_CALLBACK (got_chunk), NULL);
}

/* --- what is asked ---------------------------------------------------------------------------- */

/* "a%20b/c" decoded; NULL: a segment is empty, a dot or two, or holds what cannot be in a name. */
static char *
decode_path (const char *path)
{
  g_auto (GStrv) segments = g_strsplit (path, "/", -1);
  for (guint i = 0; segments[i]; i++) {
    char *plain = g_uri_unescape_string (segments[i], "/");
    if (!plain)
      return NULL;
    g_free (segments[i]);
    segments[i] = plain;
    gboolean bad = *plain == '\0' || g_str_equal (plain, ".") || g_str_equal (plain, "..") ||
                   !g_utf8_validate (plain, -1, NULL);
    for (const char *c = plain; !bad && *c; c++)
      bad = g_ascii_iscntrl (*c);
    if (bad)
      return NULL;
  }
  return g_strjoinv ("/", segments);
}

static gboolean
method_of (const char *name, TsVaultMethod *method)
{
  static const TsVaultMethod all[] = {TS_VAULT_GET, TS_VAULT_PUT, TS_VAULT_PATCH, TS_VAULT_POST,
                                      TS_VAULT_DELETE};
  if (g_str_equal (name, "HEAD"))
    name = "GET";
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (g_str_equal (ts_vault_method_name (all[i]), name)) {
      *method = all[i];
      return TRUE;
    }
  return FALSE;
}

/* FALSE: answered. */
static gboolean
read_body (SoupServerMessage *message, TsVaultMethod method, GVariant **body)
{
  SoupMessageBody *in = soup_server_message_get_request_body (message);
  g_autoptr (GBytes) bytes = soup_message_body_flatten (in);
  g_autoptr (GError) error = NULL;
  gsize len_bytes;
  const char *text = g_bytes_get_data (bytes, &len_bytes);
  *body = NULL;
  if (len_bytes == 0)
    return TRUE;
  if (method == TS_VAULT_GET || method == TS_VAULT_DELETE) {
    ts_lab_page_error (message, 400, "UnexpectedBody", "this method takes no body");
    return FALSE;
  }
  const char *type = soup_message_headers_get_content_type (
      soup_server_message_get_request_headers (message), NULL);
  if (!type || g_ascii_strcasecmp (type, "application/json") != 0) {
    ts_lab_page_error (message, 415, "UnsupportedMediaType",
                       "a body is application/json, not %s", type ? type : "of no type at all");
    return FALSE;
  }
  *body = ts_json_parse (text, len_bytes, &error);
  if (!*body)
    ts_lab_page_error (message, 400, "MalformedBody", "the body is no JSON object: %s",
                       error->message);
  return *body != NULL;
}

static void
gone (SoupServerMessage *message, gpointer data)
{
  Waiting *waiting = data;
  g_hash_table_remove (waiting->server->waiting, &waiting->id);
}

static void
waiting_free (gpointer data)
{
  Waiting *waiting = data;
  g_signal_handlers_disconnect_by_data (waiting->message, waiting);
  g_object_unref (waiting->message);
  g_free (waiting);
}

static void
ask (TsLabServer *server, SoupServerMessage *message, WaitKind kind, TsVaultMethod method,
     const char *path, GVariant *body)
{
  if (g_hash_table_size (server->waiting) >= TS_LAB_SERVER_WAITING_MAX) {
    soup_message_headers_replace (soup_server_message_get_response_headers (message),
                                  "Retry-After", "1");
    ts_lab_page_error (message, 503, "TooManyRequests", "too many are waiting; try again later");
    return;
  }
  Waiting *waiting = g_new0 (Waiting, 1);
  waiting->server = server;
  waiting->id = server->next_id++;
  waiting->kind = kind;
  waiting->message = g_object_ref (message);
  g_hash_table_insert (server->waiting, &waiting->id, waiting);
  soup_server_message_pause (message);
  g_signal_connect (message, "finished", G_CALLBACK (gone), waiting);
  g_signal_connect (message, "disconnected", G_CALLBACK (gone), waiting);
  const TsVaultRequest request = {waiting->id, method, path, body};
  server->events.request (server, &request, server->user);
}

/* Below /vaults/NAME/. */
static void
ask_vault (TsLabServer *server, SoupServerMessage *message, const char *path)
{
  TsVaultMethod method;
  g_autoptr (GVariant) body = NULL;
  g_autofree char *plain = decode_path (path);
  const char *said = soup_server_message_get_method (message);
  WaitKind kind = WAITS_PLAIN;
  if (!plain) {
    ts_lab_page_error (message, 404, "NotFound", "there is no such path");
    return;
  }
  if (!method_of (said, &method)) {
    ts_lab_page_error (message, 405, "MethodNotAllowed", "%s is not a method of this server", said);
    return;
  }
  if (g_str_has_prefix (plain, "operations/"))
    kind = WAITS_OPERATION;
  else if (g_str_has_prefix (plain, "operationResults/"))
    kind = WAITS_RESULT;
  if (kind != WAITS_PLAIN && method != TS_VAULT_GET) {
    ts_lab_page_error (message, 405, "MethodNotAllowed", "an operation can only be looked at");
    return;
  }
  if (!read_body (message, method, &body))
    return;
  if (kind != WAITS_PLAIN) {
    g_autofree char *job = g_strconcat ("replicationJobs/", strchr (plain, '/') + 1, NULL);
    ask (server, message, kind, method, job, NULL);
  } else
    ask (server, message, kind, method, plain, body);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void
set_place (TsLabServer *server, SoupServerMessage *message, const char *name, const char *below,
           const char *job)
{
  const char *host = header (message, "Host");
  g_autofree char *escaped = g_uri_escape_string (job, "", FALSE);
  g_autofree char *url = g_strdup_printf ("%s://%s%s%s/%s", server->tls ? "https" : "http", host,
                                          server->prefix, below, escaped);
  soup_message_headers_replace (soup_server_message_get_response_headers (message), name, url);
}

static void
set_polling (TsLabServer *server, SoupServerMessage *message, const char *job)
{
  set_place (server, message, "Azure-AsyncOperation", "operations", job);
  set_place (server, message, "Location", "operationResults", job);
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Retry-After",
                                "1");
}

static const char *
job_text (GVariant *properties, const char *name)
{
  const char *text = NULL;
  if (properties)
    g_variant_lookup (properties, name, "&s", &text);
  return text; /* lives in properties, which may be all that holds it */
}

/* A job's state as that of an operation (the published words; a suspended job waits for somebody). */
static const char *
operation_status (GVariant *properties)
{
  const char *state = job_text (properties, "state");
  if (g_strcmp0 (state, "Succeeded") == 0 || g_strcmp0 (state, "Failed") == 0)
    return state;
  return g_strcmp0 (state, "Cancelled") == 0 ? "Canceled" : "InProgress";
}

static void
answer_operation (TsLabServer *server, Waiting *waiting, const TsVaultReply *reply)
{
  g_autoptr (GVariant) properties =
      g_variant_lookup_value (reply->body, "properties", G_VARIANT_TYPE_VARDICT);
  const char *status = operation_status (properties), *name = NULL;
  g_variant_lookup (reply->body, "name", "&s", &name);
  if (waiting->kind == WAITS_RESULT) {
    gboolean under_way = g_str_equal (status, "InProgress");
    ts_lab_page_json (waiting->message, under_way ? 202 : 200, reply->body);
    if (under_way && name)
      set_polling (server, waiting->message, name);
    return;
  }
  GVariantDict out;
  g_variant_dict_init (&out, NULL);
  g_variant_dict_insert (&out, "name", "s", name ? name : "");
  g_variant_dict_insert (&out, "status", "s", status);
  if (job_text (properties, "startTime"))
    g_variant_dict_insert (&out, "startTime", "s", job_text (properties, "startTime"));
  if (job_text (properties, "endTime"))
    g_variant_dict_insert (&out, "endTime", "s", job_text (properties, "endTime"));
  g_autoptr (GVariant) errors = properties ? g_variant_lookup_value (properties, "errors", NULL) : NULL;
  if (errors)
    g_variant_dict_insert_value (&out, "errors", errors);
  g_autoptr (GVariant) body = g_variant_ref_sink (g_variant_dict_end (&out));
  if (g_str_equal (status, "InProgress"))
    soup_message_headers_replace (soup_server_message_get_response_headers (waiting->message),
                                  "Retry-After", "1");
  ts_lab_page_json (waiting->message, 200, body);
}

static const char *
last_segment (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash ? slash + 1 : path;
}

void
ts_lab_server_reply (TsLabServer *server, const TsVaultReply *reply)
{
  Waiting *waiting = g_hash_table_lookup (server->waiting, &reply->id);
  if (!waiting)
    return;
  g_autoptr (SoupServerMessage) message = g_object_ref (waiting->message);
  if (waiting->kind != WAITS_PLAIN && reply->status == 200 && reply->body)
    answer_operation (server, waiting, reply);
  else if (reply->body)
    ts_lab_page_json (message, reply->status, reply->body);
  else
    soup_server_message_set_status (message, reply->status, NULL);
  if (reply->status == 202 && reply->location)
    set_polling (server, message, last_segment (reply->location));
  else if (reply->status == 201 && reply->location) {
    g_autofree char *place = g_strconcat (server->prefix, reply->location, NULL);
    soup_message_headers_replace (soup_server_message_get_response_headers (message), "Location",
                                  place);
  }
  g_hash_table_remove (server->waiting, &reply->id);
  soup_server_message_unpause (message);
}

void
ts_lab_server_fail (TsLabServer *server, guint64 id, const char *reason)
{
  Waiting *waiting = g_hash_table_lookup (server->waiting, &id);
  if (!waiting)
    return;
  g_autoptr (SoupServerMessage) message = g_object_ref (waiting->message);
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Retry-After",
                                "5");
  ts_lab_page_error (message, 503, "VaultUnavailable", "%s", reason);
  g_hash_table_remove (server->waiting, &id);
  soup_server_message_unpause (message);
}

void
ts_lab_server_changed (TsLabServer *server, const char *path)
{
  ts_lab_watch_changed (server->watch, path);
}

/* --- what is not the vault's ------------------------------------------------------------------ */

/* GET /about: what the portal shows at its head, and the buttons of a demo. */
static void
answer_about (TsLabServer *server, SoupServerMessage *message)
{
  GVariantDict out;
  GVariantBuilder buttons;
  g_variant_builder_init (&buttons, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < server->button_count; i++) {
    GVariantDict button;
    g_variant_dict_init (&button, NULL);
    g_variant_dict_insert (&button, "name", "s", server->buttons[i].name);
    g_variant_dict_insert (&button, "label", "s", server->buttons[i].label);
    g_variant_dict_insert (&button, "help", "s", server->buttons[i].help);
    g_variant_builder_add (&buttons, "v", g_variant_dict_end (&button));
  }
  g_variant_dict_init (&out, NULL);
  g_variant_dict_insert (&out, "vault", "s", server->vault);
  g_variant_dict_insert (&out, "version", "s", TS_VERSION);
  g_variant_dict_insert_value (&out, "buttons", g_variant_builder_end (&buttons));
  if (server->events.clock) {
    GVariantDict clock;
    guint speed = 1;
    gint64 now_us = server->events.clock (&speed, server->user);
    g_variant_dict_init (&clock, NULL);
    g_variant_dict_insert (&clock, "nowMs", "x", now_us / 1000);
    g_variant_dict_insert (&clock, "speed", "x", (gint64)speed);
    g_variant_dict_insert_value (&out, "clock", g_variant_dict_end (&clock));
  }
  g_autoptr (GVariant) body = g_variant_ref_sink (g_variant_dict_end (&out));
  ts_lab_page_json (message, 200, body);
}

static void
press (TsLabServer *server, SoupServerMessage *message, const char *name)
{
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < server->button_count; i++) {
    if (!g_str_equal (server->buttons[i].name, name))
      continue;
    if (!g_str_equal (soup_server_message_get_method (message), "POST"))
      ts_lab_page_error (message, 405, "MethodNotAllowed", "a button is pressed by POST");
    else if (server->events.button (i, server->user, &error))
      soup_server_message_set_status (message, 204, NULL);
    else
      ts_lab_page_error (message, 409, "NotNow", "%s", error->message);
    return;
  }
  ts_lab_page_error (message, 404, "NotFound", "there is no button '%s'", name);
}

static gboolean
only_get (SoupServerMessage *message)
{
  const char *method = soup_server_message_get_method (message);
  if (g_str_equal (method, "GET") || g_str_equal (method, "HEAD"))
    return TRUE;
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow",
                                "GET, HEAD");
  ts_lab_page_error (message, 405, "MethodNotAllowed", "this can only be looked at");
  return FALSE;
}

static void
handle (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query,
        gpointer user)
{
  TsLabServer *server = user;
  const char *type, *text;
  gsize len_bytes;
  gboolean page = ts_lab_page_find (path, &type, &text, &len_bytes);
  if (!admit (server, message, page))
    return;
  if (page) {
    if (only_get (message)) {
      soup_server_message_set_status (message, 200, NULL);
      soup_server_message_set_response (message, type, SOUP_MEMORY_STATIC, text, len_bytes);
    }
  } else if (g_str_equal (path, "/openapi.json")) {
    if (only_get (message)) {
      soup_server_message_set_status (message, 200, NULL);
      soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY,
                                        server->openapi, strlen (server->openapi));
    }
  } else if (g_str_equal (path, "/about")) {
    if (only_get (message))
      answer_about (server, message);
  } else if (g_str_equal (path, "/events")) {
    if (only_get (message) && !ts_lab_watch_add (server->watch, message))
      ts_lab_page_error (message, 503, "TooManyWatchers", "%d watch already",
                         TS_LAB_SERVER_WATCHERS_MAX);
  } else if (g_str_has_prefix (path, "/demo/"))
    press (server, message, path + strlen ("/demo/"));
  else if (g_str_has_prefix (path, server->prefix))
    ask_vault (server, message, path + strlen (server->prefix));
  else
    ts_lab_page_error (message, 404, "NotFound", "there is no %s here; resources are below %s",
                       path, server->prefix);
}

/* --- life ------------------------------------------------------------------------------------- */

static gboolean
check (const TsLabServerOptions *options, GInetAddress *address, GError **error)
{
  if (!!options->certificate != !!options->key)
    return ts_throw (error, TS_ERROR_ARGUMENT, "TLS needs a certificate and its key");
  if (options->token && strlen (options->token) < TS_LAB_SERVER_TOKEN_MIN)
    return ts_throw (error, TS_ERROR_ARGUMENT, "a token has at least %d characters",
                     TS_LAB_SERVER_TOKEN_MIN);
  if (!g_inet_address_get_is_loopback (address) && (!options->certificate || !options->token))
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "%s is not loopback: there a vault is served only over TLS, to who has a token",
                     options->address);
  return TRUE;
}

static gboolean
listen_to (TsLabServer *server, const TsLabServerOptions *options, GInetAddress *inet,
           GError **error)
{
  g_autoptr (GTlsCertificate) certificate = NULL;
  g_autoptr (GError) why = NULL;
  if (options->certificate) {
    certificate = g_tls_certificate_new_from_files (options->certificate, options->key, &why);
    if (!certificate)
      return ts_throw (error, TS_ERROR_ARGUMENT, "%s and %s: %s", options->certificate,
                       options->key, why->message);
    server->tls = TRUE;
  }
  server->soup = soup_server_new ("server-header", "twinsite", NULL);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (inet, options->port);
  g_autoptr (GSocket) socket =
      options->listening > 0
          ? g_socket_new_from_fd (options->listening, &why)
          : g_socket_new (g_inet_address_get_family (inet), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &why);
  if (!socket || (options->listening <= 0 &&
                  (!g_socket_bind (socket, address, TRUE, &why) || !g_socket_listen (socket, &why))))
    return ts_throw (error, TS_ERROR_IO, "cannot serve on %s, port %u: %s", server->address,
                     options->port, why->message);
  g_autoptr (GSocketAddress) local = g_socket_get_local_address (socket, NULL);
  server->port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (local));
  server->door = ts_lab_door_new (server->soup, socket, certificate, options->request_ms,
                                  options->stall_ms, error);
  return server->door != NULL;
}

TsLabServer *
ts_lab_server_new (const TsLabServerOptions *options, const TsLabServerEvents *events,
                   gpointer user, GError **error)
{
  const char *told = options->address ? options->address : "127.0.0.1";
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string (told);
  if (!inet) {
    ts_throw (error, TS_ERROR_ARGUMENT, "%s is no numeric address", told);
    return NULL;
  }
  if (!check (options, inet, error))
    return NULL;
  g_autoptr (TsLabServer) server = g_new0 (TsLabServer, 1);
  server->events = *events;
  server->user = user;
  server->next_id = 1;
  server->vault = g_strdup (options->vault);
  server->prefix = g_strdup_printf ("/vaults/%s/", options->vault);
  server->token = g_strdup (options->token);
  server->address = g_strdup (told);
  server->loopback = g_inet_address_get_is_loopback (inet);
  server->buttons = options->buttons;
  server->button_count = options->button_count;
  server->openapi = ts_lab_openapi (options->vault, options->token != NULL);
  server->waiting = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, waiting_free);
  server->watch = ts_lab_watch_new (options->vault, TS_LAB_SERVER_WATCHERS_MAX);
  if (!listen_to (server, options, inet, error))
    return NULL;
  soup_server_add_early_handler (server->soup, NULL, early, server, NULL);
  soup_server_add_handler (server->soup, NULL, handle, server, NULL);
  return g_steal_pointer (&server);
}

void
ts_lab_server_free (TsLabServer *server)
{
  if (!server)
    return;
  if (server->soup) {
    g_autoptr (GList) ids = g_hash_table_get_keys (server->waiting);
    for (GList *at = ids; at; at = at->next)
      ts_lab_server_fail (server, *(guint64 *)at->data, "the vault goes away");
    ts_lab_watch_free (g_steal_pointer (&server->watch));
    ts_lab_door_free (server->door);
    soup_server_disconnect (server->soup);
    g_object_unref (server->soup);
  }
  ts_lab_watch_free (server->watch);
  g_hash_table_unref (server->waiting);
  g_free (server->vault);
  g_free (server->prefix);
  g_free (server->token);
  g_free (server->address);
  g_free (server->openapi);
  g_free (server);
}

guint16
ts_lab_server_port (const TsLabServer *server)
{
  return server->port;
}

char *
ts_lab_server_url (const TsLabServer *server)
{
  gboolean six = strchr (server->address, ':') != NULL;
  return g_strdup_printf ("%s://%s%s%s:%u", server->tls ? "https" : "http", six ? "[" : "",
                          server->address, six ? "]" : "", server->port);
}

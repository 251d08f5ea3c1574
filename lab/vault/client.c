/* lab/vault/client.c -- see client.h. */
#include "lab/vault/client.h"
#include <libsoup/soup.h>
#include <string.h>
#include "core/base/error.h"
#include "lab/vault/json.h"
#include "lab/vault/server.h"

#define ANSWER_MAX (64 << 20)

struct _TsLabClient {
  SoupSession *session;
  char *url, *token, *vault;
  GCancellable *leaving; /* what is under way when the client goes */
};

void
ts_lab_answer_clear (TsLabAnswer *answer)
{
  g_clear_pointer (&answer->body, g_variant_unref);
  g_clear_pointer (&answer->job, g_free);
}

TsLabClient *
ts_lab_client_new (const TsLabClientOptions *options, GError **error)
{
  g_autofree char *standard = g_strdup_printf ("http://127.0.0.1:%d", TS_LAB_SERVER_PORT);
  const char *url = options->url ? options->url : standard;
  g_autoptr (GUri) uri = g_uri_parse (url, SOUP_HTTP_URI_FLAGS, NULL);
  if (!uri || !g_uri_get_host (uri) ||
      (!g_str_equal (g_uri_get_scheme (uri), "http") && !g_str_equal (g_uri_get_scheme (uri), "https"))) {
    ts_throw (error, TS_ERROR_ARGUMENT, "'%s' is no address of a vault, such as %s", url, standard);
    return NULL;
  }
  g_autoptr (TsLabClient) client = g_new0 (TsLabClient, 1);
  client->session = soup_session_new_with_options ("user-agent", "twinsite", "timeout",
                                                   options->timeout_s ? options->timeout_s : 120, NULL);
  client->leaving = g_cancellable_new ();
  client->vault = g_strdup (options->vault);
  client->url = g_strndup (url, strlen (url) - (g_str_has_suffix (url, "/") ? 1 : 0));
  client->token = g_strdup (options->token);
  soup_session_set_proxy_resolver (client->session, NULL); /* a vault is near, or asked for directly */
  if (options->ca) {
    g_autoptr (GError) why = NULL;
    g_autoptr (GTlsDatabase) database = g_tls_file_database_new (options->ca, &why);
    if (!database) {
      ts_throw (error, TS_ERROR_ARGUMENT, "%s: %s", options->ca, why->message);
      return NULL;
    }
    soup_session_set_tls_database (client->session, database);
  }
  return g_steal_pointer (&client);
}

void
ts_lab_client_free (TsLabClient *client)
{
  if (!client)
    return;
  g_cancellable_cancel (client->leaving);
  g_clear_object (&client->leaving);
  g_clear_object (&client->session);
  g_free (client->url);
  g_free (client->token);
  g_free (client->vault);
  g_free (client);
}

static SoupMessage *
new_message (TsLabClient *client, const char *method, const char *path, GError **error)
{
  g_autofree char *escaped = g_uri_escape_string (path, "/", FALSE);
  g_autofree char *url = path[0] == '/' ? g_strconcat (client->url, escaped, NULL)
                                        : g_strdup_printf ("%s/vaults/%s/%s", client->url,
                                                           client->vault, escaped);
  SoupMessage *message = soup_message_new (method, url);
  if (!message) {
    ts_throw (error, TS_ERROR_ARGUMENT, "'%s' is no path", path);
    return NULL;
  }
  if (client->token) {
    g_autofree char *said = g_strconcat ("Bearer ", client->token, NULL);
    soup_message_headers_replace (soup_message_get_request_headers (message), "Authorization", said);
  }
  return message;
}

static gboolean
throw_lost (TsLabClient *client, const GError *why, GError **error)
{
  return ts_throw (error, TS_ERROR_LOST, "the vault at %s does not answer: %s", client->url,
                   why->message);
}

static SoupMessage *
new_request (TsLabClient *client, TsVaultMethod method, const char *path, GVariant *body, GError **error)
{
  SoupMessage *message = new_message (client, ts_vault_method_name (method), path, error);
  if (message && body) {
    g_autofree char *text = ts_json_format (body, FALSE);
    g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
    soup_message_set_request_body_from_bytes (message, "application/json", bytes);
  }
  return message;
}

static gboolean
read_answer (TsLabClient *client, SoupMessage *message, GBytes *bytes, TsLabAnswer *answer, GError **error)
{
  g_autoptr (GError) why = NULL;
  gsize len_bytes;
  const char *text = g_bytes_get_data (bytes, &len_bytes);
  answer->status = soup_message_get_status (message);
  if (len_bytes > 0 && !(answer->body = ts_json_parse (text, MIN (len_bytes, ANSWER_MAX), &why)))
    return ts_throw (error, TS_ERROR_FORMAT, "%s does not answer as a vault (status %u): %s",
                     client->url, answer->status, why->message);
  const char *poll = soup_message_headers_get_one (soup_message_get_response_headers (message),
                                                   "Azure-AsyncOperation");
  if (answer->status == 202 && poll && strrchr (poll, '/'))
    answer->job = g_uri_unescape_string (strrchr (poll, '/') + 1, NULL);
  return TRUE;
}

const char *
ts_lab_client_vault (TsLabClient *client, GError **error)
{
  if (client->vault)
    return client->vault;
  g_autoptr (GVariant) about = ts_lab_client_get (client, TS_VAULT_GET, "/about", NULL, NULL, error);
  if (about && !g_variant_lookup (about, "vault", "s", &client->vault))
    ts_throw (error, TS_ERROR_FORMAT, "%s is no vault", client->url);
  return client->vault;
}

static gboolean
exchange (TsLabClient *client, TsVaultMethod method, const char *path, GVariant *body,
          TsLabAnswer *answer, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (SoupMessage) message = new_request (client, method, path, body, error);
  *answer = (TsLabAnswer){0};
  if (!message)
    return FALSE;
  g_autoptr (GBytes) bytes = soup_session_send_and_read (client->session, message, NULL, &why);
  return bytes ? read_answer (client, message, bytes, answer, error) : throw_lost (client, why, error);
}

typedef struct {
  TsLabClient *client;
  SoupMessage *message;
  void (*done) (TsLabAnswer *answer, const GError *error, gpointer user);
  gpointer user;
} Exchange;

static void
exchanged (GObject *session, GAsyncResult *result, gpointer user)
{
  Exchange *e = user;
  g_autoptr (GError) why = NULL, error = NULL;
  g_autoptr (GBytes) bytes = soup_session_send_and_read_finish (SOUP_SESSION (session), result, &why);
  TsLabAnswer answer = {0};
  if (!g_error_matches (why, G_IO_ERROR, G_IO_ERROR_CANCELLED)) { /* else the client is no more */
    if (!bytes)
      throw_lost (e->client, why, &error);
    else
      read_answer (e->client, e->message, bytes, &answer, &error);
    e->done (&answer, error, e->user);
  }
  ts_lab_answer_clear (&answer);
  g_object_unref (e->message);
  g_free (e);
}

void
ts_lab_client_begin (TsLabClient *client, TsVaultMethod method, const char *path, GVariant *body,
                     void (*done) (TsLabAnswer *answer, const GError *error, gpointer user),
                     gpointer user)
{
  Exchange *e = g_new0 (Exchange, 1);
  g_assert (client->vault || path[0] == '/');
  *e = (Exchange){client, new_request (client, method, path, body, NULL), done, user};
  g_assert (e->message); /* our own paths */
  soup_session_send_and_read_async (client->session, e->message, G_PRIORITY_DEFAULT, client->leaving, exchanged, e);
}

gboolean
ts_lab_client_ask (TsLabClient *client, TsVaultMethod method, const char *path, GVariant *body,
                   TsLabAnswer *answer, GError **error)
{
  return (path[0] == '/' || ts_lab_client_vault (client, error)) &&
         exchange (client, method, path, body, answer, error);
}

static TsErrorCode
code_of (guint status)
{
  switch (status) {
  case 401:
  case 403:
    return TS_ERROR_REFUSED;
  case 409:
  case 412:
    return TS_ERROR_STATE;
  case 503:
    return TS_ERROR_AGAIN;
  default:
    return status >= 500 ? TS_ERROR_INTERNAL : TS_ERROR_ARGUMENT;
  }
}

static void
throw_answer (const TsLabAnswer *answer, GError **error)
{
  const char *message = "it does not say why", *target = "", *advice = "";
  g_autoptr (GVariant) said =
      answer->body ? g_variant_lookup_value (answer->body, "error", G_VARIANT_TYPE_VARDICT) : NULL;
  if (said) {
    g_variant_lookup (said, "message", "&s", &message);
    g_variant_lookup (said, "target", "&s", &target);
    g_variant_lookup (said, "recommendedAction", "&s", &advice);
  }
  ts_throw (error, code_of (answer->status), "%s%s%s%s%s", *target && !strstr (message, target) ? target : "",
            *target && !strstr (message, target) ? ": " : "", message, *advice ? "\n" : "", advice);
}

GVariant *
ts_lab_client_get (TsLabClient *client, TsVaultMethod method, const char *path, GVariant *body,
                   char **job, GError **error)
{
  TsLabAnswer answer;
  GVariant *said = NULL;
  if (job)
    *job = NULL;
  if (!ts_lab_client_ask (client, method, path, body, &answer, error))
    return NULL;
  if (answer.status / 100 != 2)
    throw_answer (&answer, error);
  else {
    said = g_steal_pointer (&answer.body);
    if (job)
      *job = g_steal_pointer (&answer.job);
  }
  ts_lab_answer_clear (&answer);
  return said;
}

GVariant *
ts_lab_client_list (TsLabClient *client, const char *path, GError **error)
{
  g_autoptr (GVariant) said = ts_lab_client_get (client, TS_VAULT_GET, path, NULL, NULL, error);
  if (!said)
    return NULL;
  GVariant *list = g_variant_lookup_value (said, "value", G_VARIANT_TYPE ("av"));
  if (!list)
    ts_throw (error, TS_ERROR_FORMAT, "%s is no list", path);
  return list;
}

gboolean
ts_lab_client_watch (TsLabClient *client,
                     gboolean (*told) (const char *event, const char *data, gpointer user),
                     gpointer user, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (SoupMessage) message = new_message (client, "GET", "/events", error);
  if (!message)
    return FALSE;
  g_autoptr (GInputStream) stream = soup_session_send (client->session, message, NULL, &why);
  if (!stream)
    return throw_lost (client, why, error);
  if (soup_message_get_status (message) != 200)
    return ts_throw (error, code_of (soup_message_get_status (message)),
                     "the vault at %s does not tell events: %s", client->url,
                     soup_message_get_reason_phrase (message));
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (stream);
  g_autofree char *event = NULL;
  char *line;
  while ((line = g_data_input_stream_read_line (lines, NULL, NULL, &why))) {
    if (g_str_has_prefix (line, "event: ")) {
      g_free (event);
      event = g_strdup (line + 7);
    } else if (g_str_has_prefix (line, "data: ") && !told (event ? event : "", line + 6, user)) {
      g_free (line);
      return TRUE;
    }
    g_free (line);
  }
  return ts_throw (error, TS_ERROR_LOST, "the vault at %s has gone", client->url);
}

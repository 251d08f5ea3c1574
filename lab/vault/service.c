/* lab/vault/service.c -- see service.h. */
#include "lab/vault/service.h"
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/vault/vault.h"
#include "lab/clock.h"
#include "lab/host/control.h"
#include "lab/vault/alert.h"
#include "lab/link/talk.h"
#include "lab/vault/store.h"

#define HANDSHAKE_US (10 * TS_S)
#define PARTING_MS 5000 /* CHOICE: for a last word to be read; then it is hung up */

typedef struct _Service Service;

typedef struct { /* somebody who says to be a Provider */
  Service *service;
  guint64 connection;
  TsLabTalk *talk;
  guint parting; /* source; not 0: the vault has closed it, and does not hear it any more */
} Line;

struct _Service {
  const TsLabServiceOptions *options;
  GMainLoop *loop;
  TsLabStore *store;
  TsVault *vault;
  TsLabServer *server;
  TsLabListener *listener;
  TsLabControl *control;
  TsLabAlerts *alerts;
  int given; /* the runner's listening socket; 0: none */
  GHashTable *lines; /* guint64 * -> Line */
  GPtrArray *parting; /* Line */
  guint64 next_line;
  guint wake, signals[2]; /* sources */
  TsLabClock clock;
  GError *failed;
  guint commits; /* durable transactions of this life */
};

static void step (Service *service, TsVaultEvent *event);

static void
give_up (Service *service, GError *reason) /* takes it */
{
  if (service->failed)
    g_error_free (reason);
  else
    service->failed = reason;
  g_main_loop_quit (service->loop);
}

static void
line_free (gpointer data)
{
  Line *line = data;
  if (line->parting)
    g_source_remove (line->parting);
  ts_lab_talk_free (line->talk);
  g_free (line);
}

static gboolean
hang_up (gpointer data)
{
  Line *line = data;
  line->parting = 0;
  g_ptr_array_remove (line->service->parting, line);
  return G_SOURCE_REMOVE;
}

/* What was said last is why: who is refused must hear it, or he comes again and again. */
static void
part (Service *service, guint64 connection)
{
  gpointer key, value;
  if (!g_hash_table_steal_extended (service->lines, &connection, &key, &value))
    return;
  Line *line = value;
  line->parting = g_timeout_add (PARTING_MS, hang_up, line);
  g_ptr_array_add (service->parting, line);
}

/* --- what the vault asks for ------------------------------------------------------------------ */

/* TRUE: durable. */
static gboolean
keep (Service *service, const TsVaultActions *actions)
{
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < actions->len && !error; i++) {
    const TsVaultAction *action = &g_array_index (actions, TsVaultAction, i);
    if (action->kind == TS_VAULT_ACTION_PUT)
      ts_lab_store_put (service->store, action->table, action->key, action->value, &error);
    else if (action->kind == TS_VAULT_ACTION_DELETE)
      ts_lab_store_delete (service->store, action->table, action->key, &error);
  }
  gboolean rows = FALSE;
  for (guint i = 0; i < actions->len; i++) {
    TsVaultActionKind kind = g_array_index (actions, TsVaultAction, i).kind;
    rows |= kind == TS_VAULT_ACTION_PUT || kind == TS_VAULT_ACTION_DELETE;
  }
  if (!error && ts_lab_store_commit (service->store, &error)) {
    service->commits += rows;
    if (rows && service->commits == service->options->die_after)
      kill (getpid (), SIGKILL);
    return TRUE;
  }
  give_up (service, g_steal_pointer (&error));
  return FALSE;
}

static void
report (Service *service, guint64 number, TsRecord *record)
{
  if (!service->control)
    return;
  record->t_us = ts_lab_clock_now_us (&service->clock);
  ts_lab_control_send (service->control, "told",
                       g_variant_new ("(tv)", number, ts_record_to_variant (record)), NULL);
}

static void
perform (Service *service, TsVaultAction *action)
{
  Line *line;
  switch (action->kind) {
  case TS_VAULT_ACTION_PUT:
  case TS_VAULT_ACTION_DELETE:
    break; /* kept already */
  case TS_VAULT_ACTION_REPLY:
    ts_lab_server_reply (service->server, &action->reply);
    break;
  case TS_VAULT_ACTION_SEND:
    line = g_hash_table_lookup (service->lines, &action->connection);
    if (line)
      ts_lab_talk_say (line->talk, action->value);
    break;
  case TS_VAULT_ACTION_CLOSE:
    part (service, action->connection);
    break;
  case TS_VAULT_ACTION_NOTIFY:
    ts_lab_server_changed (service->server, action->path);
    break;
  case TS_VAULT_ACTION_ALERT:
    ts_lab_alerts_raise (service->alerts, action->number, action->value);
    break;
  case TS_VAULT_ACTION_REPORT:
    report (service, action->number, action->record);
    break;
  }
}

static gboolean
tick (gpointer data)
{
  Service *service = data;
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_TICK};
  service->wake = 0;
  step (service, &event);
  return G_SOURCE_REMOVE;
}

static void
set_alarm (Service *service)
{
  gint64 at_us = ts_vault_wake_us (service->vault);
  if (service->wake)
    g_source_remove (service->wake);
  service->wake = 0;
  if (at_us == TS_NEVER)
    return;
  gint64 in_ms = CLAMP ((at_us - g_get_real_time ()) / 1000 + 1, 0, 3600 * 1000);
  service->wake = g_timeout_add ((guint)in_ms, tick, service);
}

static void
step (Service *service, TsVaultEvent *event)
{
  guint8 entropy[TS_VAULT_ENTROPY_BYTES];
  g_autoptr (TsVaultActions) actions = ts_vault_actions_new ();
  if (service->failed)
    return;
  if (getrandom (entropy, sizeof entropy, 0) != sizeof entropy) {
    GError *error = NULL;
    ts_throw_errno (&error, "getrandom");
    give_up (service, error);
    return;
  }
  event->now_us = g_get_real_time ();
  event->entropy = entropy;
  ts_vault_step (service->vault, event, actions);
  if (!keep (service, actions))
    return; /* nobody is answered */
  for (guint i = 0; i < actions->len; i++)
    perform (service, &g_array_index (actions, TsVaultAction, i));
  set_alarm (service);
}

/* --- who asks --------------------------------------------------------------------------------- */

static void
asked (TsLabServer *server, const TsVaultRequest *request, gpointer user)
{
  Service *service = user;
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_REQUEST, .request = request};
  if (service->failed)
    ts_lab_server_fail (server, request->id, service->failed->message);
  else
    step (service, &event);
  if (service->failed) /* not answered by the step */
    ts_lab_server_fail (server, request->id, "the vault cannot keep what it decides");
}

static void
heard (TsLabTalk *talk, GVariant *message, gpointer user)
{
  Line *line = user;
  if (line->parting)
    return;
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_MESSAGE, .connection = line->connection, .message = message};
  step (line->service, &event);
}

static void
lost (TsLabTalk *talk, const GError *reason, gpointer user)
{
  Line *line = user;
  Service *service = line->service;
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_LOST, .connection = line->connection};
  if (line->parting) {
    g_ptr_array_remove (service->parting, line);
    return;
  }
  g_hash_table_remove (service->lines, &line->connection);
  step (service, &event);
}

static void
accepted (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user)
{
  static const TsLabTalkEvents events = {heard, lost};
  Service *service = user;
  Line *line = g_new0 (Line, 1);
  line->service = service;
  line->connection = service->next_line++;
  line->talk = ts_lab_talk_new (link, &events, line);
  g_hash_table_insert (service->lines, &line->connection, line);
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_CONNECTED, .connection = line->connection};
  step (service, &event);
}

static void
turned_away (TsLabListener *listener, const GError *reason, gpointer user)
{
  g_printerr ("twinsite vault: a Provider was turned away: %s\n", reason->message);
}

/* --- life ------------------------------------------------------------------------------------- */

static gboolean
open_vault (Service *service, GError **error)
{
  const TsLabStoreOptions options = {"vault", service->options->name, TS_VAULT_VERSION,
                                     service->options->make};
  service->store = ts_lab_store_open (service->options->store, &options, error);
  if (!service->store)
    return FALSE;
  g_autoptr (GArray) rows = ts_lab_store_rows (service->store, error);
  if (!rows)
    return FALSE;
  service->next_line = ((guint64)ts_lab_store_life (service->store) << 32) + 1; /* never used twice */
  if (rows->len == 0)
    service->vault = ts_vault_new (service->options->name, service->options->time_scale);
  else /* a TsLabStoreRow is what a TsVaultRow is */
    service->vault = ts_vault_restore (service->options->name, service->options->time_scale,
                                       (const TsVaultRow *)(gconstpointer)rows->data, rows->len, error);
  if (!service->vault)
    g_prefix_error (error, "%s: ", service->options->store);
  return service->vault != NULL;
}

G_STATIC_ASSERT (sizeof (TsVaultRow) == sizeof (TsLabStoreRow));
G_STATIC_ASSERT (G_STRUCT_OFFSET (TsVaultRow, value) == G_STRUCT_OFFSET (TsLabStoreRow, value));

static gboolean
listen_for_providers (Service *service, GError **error)
{
  static const TsLabListenerEvents events = {accepted, turned_away};
  const TsLabServiceOptions *options = service->options;
  if (!options->providers)
    return TRUE;
  if (!options->certificates)
    return ts_throw (error, TS_ERROR_ARGUMENT, "Providers connect over TLS: a folder with certificates is needed");
  g_autofree char *ca = g_build_filename (options->certificates, "ca.pem", NULL);
  g_autofree char *pem = g_strdup_printf ("%s/%s.pem", options->certificates, options->name);
  g_autofree char *key = g_strdup_printf ("%s/%s.key", options->certificates, options->name);
  const TsLabCredentials credentials = {.ca = ca, .certificate = pem, .key = key};
  g_autofree char *address = g_strdup (options->providers);
  guint64 port = 0;
  if (!g_str_has_prefix (address, "unix:")) {
    char *colon = strrchr (address, ':');
    if (!colon || !g_ascii_string_to_unsigned (colon + 1, 10, 1, 65535, &port, NULL))
      return ts_throw (error, TS_ERROR_ARGUMENT, "'%s' is neither ADDRESS:PORT nor unix:PATH", address);
    *colon = '\0';
  }
  service->listener = ts_lab_listener_new (address, (guint16)port, &credentials, HANDSHAKE_US, &events,
                                           service, error);
  return service->listener != NULL;
}

static void
let_go (TsLabControl *control, gpointer user)
{
  g_main_loop_quit (((Service *)user)->loop);
}

static void
ordered (TsLabControl *control, const char *kind, GVariant *body, gpointer user)
{
}

static gboolean
meet_runner (Service *service, GError **error)
{
  static const TsLabControlEvents events = {ordered, let_go};
  if (!service->options->control)
    return TRUE;
  int fd = ts_lab_control_connect (service->options->control, error);
  if (fd < 0)
    return FALSE;
  service->given = ts_lab_control_receive (fd, error);
  service->control = ts_lab_control_new (fd, &events, service);
  return service->given > 0;
}

static gboolean
end (gpointer data)
{
  g_main_loop_quit (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
begin (Service *service, GError **error)
{
  static const TsLabServerEvents events = {.request = asked};
  const TsLabServiceOptions *options = service->options;
  if (!meet_runner (service, error) || !open_vault (service, error))
    return FALSE;
  const TsLabServerOptions serve = {.listening = service->given, .address = options->address, .port = options->port,
                                    .vault = options->name, .certificate = options->certificate,
                                    .key = options->key, .token = options->token};
  service->server = ts_lab_server_new (&serve, &events, service, error);
  if (!service->server || !listen_for_providers (service, error))
    return FALSE;
  g_autofree char *url = ts_lab_server_url (service->server);
  if (service->control)
    return ts_lab_control_send (service->control, "ready",
                                g_variant_new ("(q)", ts_lab_server_port (service->server)), error);
  printf ("The vault %s is at %s\n", options->name, url);
  fflush (stdout);
  return TRUE;
}

gboolean
ts_lab_service_run (const TsLabServiceOptions *options, GError **error)
{
  Service service = {.options = options, .loop = g_main_loop_new (NULL, FALSE),
                     .clock = {options->origin_us}};
  service.alerts = ts_lab_alerts_new (options->alerts, options->alert_command);
  service.lines = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, line_free);
  service.parting = g_ptr_array_new_with_free_func (line_free);
  signal (SIGPIPE, SIG_IGN);
  service.signals[0] = g_unix_signal_add (SIGINT, end, service.loop);
  service.signals[1] = g_unix_signal_add (SIGTERM, end, service.loop);
  gboolean good = begin (&service, error);
  if (good) {
    TsVaultEvent event = {.kind = TS_VAULT_EVENT_TICK};
    step (&service, &event);
    if (!service.failed)
      g_main_loop_run (service.loop);
  }
  if (service.failed) {
    good = FALSE;
    g_propagate_error (error, g_steal_pointer (&service.failed));
  }
  if (service.wake)
    g_source_remove (service.wake);
  for (guint i = 0; i < G_N_ELEMENTS (service.signals); i++)
    g_source_remove (service.signals[i]);
  ts_lab_listener_free (service.listener);
  g_hash_table_unref (service.lines);
  g_ptr_array_unref (service.parting);
  ts_lab_server_free (service.server);
  ts_vault_free (service.vault);
  ts_lab_store_free (service.store);
  ts_lab_control_free (service.control);
  ts_lab_alerts_free (service.alerts);
  g_main_loop_unref (service.loop);
  return good;
}

int
ts_lab_service_main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  if (argc != 8) {
    g_printerr ("usage: twinsite vault-process NAME STORE PROVIDERS CERTIFICATES CONTROL ORIGIN_US TIME_SCALE\n");
    return 64;
  }
  g_autofree char *folder = g_path_get_dirname (argv[2]);
  g_autofree char *alerts = g_build_filename (folder, "alerts.jsonl", NULL);
  const TsLabServiceOptions options = {
      .alerts = alerts, .name = argv[1], .store = argv[2], .make = TRUE, .providers = argv[3], .certificates = argv[4],
      .control = argv[5], .origin_us = g_ascii_strtoll (argv[6], NULL, 10),
      .time_scale = (guint32)g_ascii_strtoull (argv[7], NULL, 10)};
  if (ts_lab_service_run (&options, &error))
    return 0;
  g_printerr ("twinsite vault: %s\n", error->message);
  return 70;
}

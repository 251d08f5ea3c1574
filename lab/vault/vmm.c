/* lab/vault/vmm.c -- see vmm.h. */
#include "lab/vault/vmm.h"
#include <signal.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/site/vmm.h"
#include "lab/clock.h"
#include "lab/host/control.h"
#include "lab/link/talk.h"
#include "lab/vault/script.h"
#include "lab/vault/store.h"
#include "lab/vault/vmm-config.h"

#define HANDSHAKE_US (10 * TS_S)

typedef struct {
  char *folder;
  TsLabVmmConfig *config;
  GMainLoop *loop;
  TsLabStore *store;
  TsVmm *vmm;
  TsLabTalk *vault;    /* NULL: not connected, nor being so */
  TsLabListener *listener;
  GHashTable *hosts;   /* name -> TsLabTalk */
  GHashTable *scripts; /* id -> TsLabScript */
  TsLabControl *control;
  TsLabClock clock;
  guint wake;
  int status;
} Server;

static void step (Server *server, TsVmmEvent *event);

static void
give_up (Server *server, const GError *reason)
{
  g_printerr ("twinsite vmm: %s\n", reason->message);
  server->status = 70;
  if (server->control)
    ts_lab_control_send (server->control, "trouble", g_variant_new ("(s)", reason->message), NULL);
  if (server->loop)
    g_main_loop_quit (server->loop);
}

static TsLabCredentials
credentials_of (const TsLabVmmConfig *config)
{
  return (TsLabCredentials){.ca = g_build_filename (config->certificates, "ca.pem", NULL),
                            .certificate = g_strdup_printf ("%s/%s.pem", config->certificates, config->server),
                            .key = g_strdup_printf ("%s/%s.key", config->certificates, config->server)};
}

static void
credentials_clear (TsLabCredentials *credentials)
{
  g_free (credentials->ca);
  g_free (credentials->certificate);
  g_free (credentials->key);
}

/* --- the vault -------------------------------------------------------------------------------- */

static void
vault_connected (TsLabTalk *talk, gpointer user)
{
  TsVmmEvent event = {.kind = TS_VMM_EVENT_CONNECTED};
  step (user, &event);
}

static void
vault_said (TsLabTalk *talk, GVariant *message, gpointer user)
{
  TsVmmEvent event = {.kind = TS_VMM_EVENT_MESSAGE, .message = message};
  step (user, &event);
}

static void
vault_lost (TsLabTalk *talk, const GError *reason, gpointer user)
{
  Server *server = user;
  TsVmmEvent event = {.kind = TS_VMM_EVENT_LOST};
  g_printerr ("twinsite vmm: the vault: %s\n", reason->message);
  g_clear_pointer (&server->vault, ts_lab_talk_free);
  step (server, &event);
}

static void
connect_to_vault (Server *server)
{
  static const TsLabTalkEvents events = {vault_said, vault_lost};
  const TsLabVmmConfig *config = server->config;
  TsLabCredentials credentials = credentials_of (config);
  g_clear_pointer (&server->vault, ts_lab_talk_free);
  TsLabLink *link = ts_lab_link_connect (config->vault_address, config->vault_port, config->vault, &credentials,
                                         HANDSHAKE_US, NULL, NULL);
  server->vault = ts_lab_talk_new (link, &events, server);
  ts_lab_talk_on_connected (server->vault, vault_connected);
  credentials_clear (&credentials);
}

/* --- the hosts' agents ------------------------------------------------------------------------ */

static void
host_said (TsLabTalk *talk, GVariant *message, gpointer user)
{
  TsVmmEvent event = {.kind = TS_VMM_EVENT_HOST_MESSAGE, .host = ts_lab_talk_peer (talk), .message = message};
  step (user, &event);
}

static void
host_lost (TsLabTalk *talk, const GError *reason, gpointer user)
{
  Server *server = user;
  g_autofree char *host = g_strdup (ts_lab_talk_peer (talk));
  TsVmmEvent event = {.kind = TS_VMM_EVENT_HOST_LOST, .host = host};
  g_hash_table_remove (server->hosts, host);
  step (server, &event);
}

static void
accepted (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user)
{
  static const TsLabTalkEvents events = {host_said, host_lost};
  Server *server = user;
  if (!ts_lab_vmm_config_has_host (server->config, peer)) {
    g_printerr ("twinsite vmm: %s is no host of a cloud of this server\n", peer);
    ts_lab_link_free (link);
    return;
  }
  g_autofree char *host = g_strdup (peer);
  g_hash_table_insert (server->hosts, g_strdup (host), ts_lab_talk_new (link, &events, server));
  TsVmmEvent event = {.kind = TS_VMM_EVENT_HOST_CONNECTED, .host = host};
  step (server, &event);
}

static void
turned_away (TsLabListener *listener, const GError *reason, gpointer user)
{
  g_printerr ("twinsite vmm: turned away: %s\n", reason->message);
}

/* --- what the machine asks for ----------------------------------------------------------------- */

static void
script_done (TsLabScript *script, const TsLabScriptEnd *end, gpointer user)
{
  Server *server = user;
  GHashTableIter all;
  gpointer id, value;
  g_autofree char *ended = NULL;
  g_hash_table_iter_init (&all, server->scripts);
  while (g_hash_table_iter_next (&all, &id, &value))
    if (value == script) {
      ended = id;
      g_hash_table_iter_steal (&all); /* it frees itself */
      break;
    }
  TsVmmEvent event = {.kind = TS_VMM_EVENT_SCRIPT_DONE};
  event.script.id = ended;
  event.script.exit_status = end->exit_status;
  event.script.missing = end->missing;
  event.script.killed = end->killed;
  event.script.output = end->output;
  event.script.complaint = end->complaint;
  step (server, &event);
}

static void
run_script (Server *server, const TsVmmAction *action)
{
  g_autofree char *kept = g_build_filename (server->folder, "scripts", NULL);
  g_autofree char *name = g_strdup (action->key);
  g_strdelimit (name, "/ ", '-');
  TsLabScript *script = ts_lab_script_run (server->config->library, action->path, action->arguments,
                                           action->limit_us, kept, name, script_done, server);
  g_hash_table_insert (server->scripts, g_strdup (action->key), script);
}

static gboolean
keep (Server *server, const TsVmmActions *actions)
{
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < actions->len && !error; i++) {
    const TsVmmAction *action = &g_array_index (actions, TsVmmAction, i);
    if (action->kind == TS_VMM_ACTION_PUT)
      ts_lab_store_put (server->store, action->table, action->key, action->value, &error);
    else if (action->kind == TS_VMM_ACTION_DELETE)
      ts_lab_store_delete (server->store, action->table, action->key, &error);
  }
  if (!error && ts_lab_store_commit (server->store, &error))
    return TRUE;
  give_up (server, error);
  return FALSE;
}

static void
report (Server *server, TsRecord *record)
{
  record->t_us = ts_lab_clock_now_us (&server->clock);
  ts_lab_control_send (server->control, "record", g_variant_new ("v", ts_record_to_variant (record)), NULL);
}

static void
perform (Server *server, const TsVmmAction *action)
{
  TsLabTalk *host;
  switch (action->kind) {
  case TS_VMM_ACTION_PUT:
  case TS_VMM_ACTION_DELETE:
    break; /* kept already */
  case TS_VMM_ACTION_CONNECT:
    connect_to_vault (server);
    break;
  case TS_VMM_ACTION_DISCONNECT:
    g_clear_pointer (&server->vault, ts_lab_talk_free);
    break;
  case TS_VMM_ACTION_SEND:
    if (server->vault)
      ts_lab_talk_say (server->vault, action->value);
    break;
  case TS_VMM_ACTION_SEND_HOST:
    if ((host = g_hash_table_lookup (server->hosts, action->host)))
      ts_lab_talk_say (host, action->value);
    break;
  case TS_VMM_ACTION_RUN_SCRIPT:
    run_script (server, action);
    break;
  case TS_VMM_ACTION_REPORT:
    report (server, action->record);
    break;
  }
}

static gint64
now_us (const Server *server)
{
  return g_get_real_time () + server->config->clock_off_us;
}

static gboolean
tick (gpointer data)
{
  Server *server = data;
  TsVmmEvent event = {.kind = TS_VMM_EVENT_TICK};
  server->wake = 0;
  step (server, &event);
  return G_SOURCE_REMOVE;
}

static void
step (Server *server, TsVmmEvent *event)
{
  g_autoptr (TsVmmActions) actions = ts_vmm_actions_new ();
  if (server->status != 0)
    return;
  event->now_us = now_us (server);
  ts_vmm_step (server->vmm, event, actions);
  if (!keep (server, actions))
    return;
  for (guint i = 0; i < actions->len; i++)
    perform (server, &g_array_index (actions, TsVmmAction, i));
  gint64 at_us = ts_vmm_wake_us (server->vmm);
  if (server->wake)
    g_source_remove (server->wake);
  server->wake = 0;
  if (at_us != TS_NEVER)
    server->wake = g_timeout_add ((guint)CLAMP ((at_us - now_us (server)) / 1000 + 1, 0, 3600 * 1000), tick, server);
}

/* --- life ------------------------------------------------------------------------------------- */

G_STATIC_ASSERT (sizeof (TsVmmRow) == sizeof (TsLabStoreRow));
G_STATIC_ASSERT (G_STRUCT_OFFSET (TsVmmRow, value) == G_STRUCT_OFFSET (TsLabStoreRow, value));

static gboolean
open_machine (Server *server, GError **error)
{
  const TsLabStoreOptions options = {"vmm", server->config->server, TS_VMM_VERSION, TRUE};
  g_autofree char *path = g_build_filename (server->folder, "vmm.sqlite", NULL);
  server->store = ts_lab_store_open (path, &options, error);
  g_autoptr (GArray) rows = server->store ? ts_lab_store_rows (server->store, error) : NULL;
  if (!rows)
    return FALSE;
  TsVmmSetup *setup = ts_lab_vmm_config_setup (server->config);
  if (rows->len == 0)
    server->vmm = ts_vmm_new (setup);
  else /* a TsLabStoreRow is what a TsVmmRow is */
    server->vmm = ts_vmm_restore (setup, (const TsVmmRow *)(gconstpointer)rows->data, rows->len, error);
  return server->vmm != NULL;
}

static gboolean
listen_for_hosts (Server *server, GError **error)
{
  static const TsLabListenerEvents events = {accepted, turned_away};
  TsLabCredentials credentials = credentials_of (server->config);
  server->listener = ts_lab_listener_new ("127.0.0.1", server->config->port, &credentials, HANDSHAKE_US,
                                          &events, server, error);
  credentials_clear (&credentials);
  return server->listener != NULL;
}

static void
ordered (TsLabControl *control, const char *kind, GVariant *body, gpointer user)
{
}

static void
let_go (TsLabControl *control, gpointer user)
{
  g_main_loop_quit (((Server *)user)->loop);
}

static gboolean
begin (Server *server, GError **error)
{
  static const TsLabControlEvents events = {ordered, let_go};
  g_autofree char *path = g_build_filename (server->folder, "config", NULL);
  server->config = ts_lab_vmm_config_load (path, error);
  if (!server->config)
    return FALSE;
  server->clock = (TsLabClock){server->config->origin_us};
  int fd = ts_lab_control_connect (server->config->control, error);
  if (fd < 0)
    return FALSE;
  server->control = ts_lab_control_new (fd, &events, server);
  if (!open_machine (server, error) || !listen_for_hosts (server, error))
    return FALSE;
  return ts_lab_control_send (server->control, "ready", g_variant_new ("(s)", server->config->name), error);
}

int
ts_lab_vmm_main (int argc, char **argv)
{
  if (argc < 2) {
    g_printerr ("usage: twinsite vmm FOLDER\n");
    return 64;
  }
  g_autoptr (GError) error = NULL;
  Server server = {.folder = argv[argc - 1], .loop = g_main_loop_new (NULL, FALSE)};
  server.hosts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)ts_lab_talk_free);
  server.scripts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)ts_lab_script_free);
  signal (SIGPIPE, SIG_IGN);
  if (begin (&server, &error)) {
    server.wake = g_timeout_add (1, tick, &server); /* once the main loop runs */
    g_main_loop_run (server.loop);
  } else
    give_up (&server, error);
  if (server.wake)
    g_source_remove (server.wake);
  g_hash_table_unref (server.scripts);
  ts_lab_listener_free (server.listener);
  g_hash_table_unref (server.hosts);
  ts_lab_talk_free (server.vault);
  ts_vmm_free (server.vmm);
  ts_lab_store_free (server.store);
  ts_lab_control_free (server.control);
  ts_lab_vmm_config_free (server.config);
  g_main_loop_unref (server.loop);
  return server.status;
}

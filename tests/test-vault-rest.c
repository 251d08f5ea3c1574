/* tests/test-vault-rest.c -- a real vault, asked over REST: every route answers as it is documented, and
 * what it has said it still knows after a kill.
 *
 * The vault and a VMM server run as processes of their own (those of the lab), joined by TLS; the one
 * host is played here, by the messages of core/site/message.h: it has a machine, and says yes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/site/level.h"
#include "core/site/message.h"
#include "core/vault/routes.h"
#include "lab/host/control.h"
#include "lab/link/certificate.h"
#include "lab/link/talk.h"
#include "lab/site/layout.h"
#include "lab/vault/client.h"
#include "lab/vault/json.h"
#include "lab/vault/service.h"
#include "lab/vault/vmm-config.h"
#include "lab/vault/vmm.h"

typedef struct {
  char *folder, *certificates, *store, *providers, *url;
  pid_t vault, vmm[2], agent[2];
  int control[2]; /* listening: of the VMM servers */
  guint16 port, agents[2];
  TsLabClient *client;
} World;

static World w;
static const char *const fabrics[2] = {"paris", "lyon"};

static guint16
free_port (void)
{
  static guint16 next;
  if (next == 0)
    next = (guint16)(20000 + getpid () % 20000);
  return next++;
}

static void
child_begins (void)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  g_autofree char *log = g_build_filename (w.folder, "log", NULL);
  FILE *out = freopen (log, "a", stderr);
  (void)out;
}

static void
fork_vault (gboolean make, guint die_after)
{
  w.vault = fork ();
  if (w.vault == 0) {
    child_begins ();
    g_autoptr (GError) error = NULL;
    g_autofree char *alerts = g_build_filename (w.folder, "alerts.jsonl", NULL);
    g_autofree char *command = g_strdup_printf ("cat >> %s/told; exit 3", w.folder);
    const TsLabServiceOptions options = {.die_after = die_after, .alerts = alerts, .alert_command = command, .name = "contoso", .store = w.store, .make = make, .port = w.port,
                                         .providers = w.providers, .certificates = w.certificates, .time_scale = 1};
    if (!freopen ("/dev/null", "w", stdout))
      _exit (2);
    if (!ts_lab_service_run (&options, &error))
      fprintf (stderr, "vault: %s\n", error->message);
    _exit (1);
  }
}

static void
start_vault (gboolean make)
{
  fork_vault (make, 0);
  for (guint i = 0; i < 400; i++) { /* until it answers */
    g_autoptr (GError) error = NULL;
    g_autoptr (GVariant) about = ts_lab_client_get (w.client, TS_VAULT_GET, "/about", NULL, NULL, &error);
    if (about)
      return;
    g_usleep (50000);
  }
  fail_msg ("the vault does not answer, see %s/log", w.folder);
}

static void
kill_vault (void)
{
  kill (w.vault, SIGKILL);
  waitpid (w.vault, NULL, 0);
}

static GVariant *
get (const char *path)
{
  g_autoptr (GError) error = NULL;
  GVariant *said = ts_lab_client_get (w.client, TS_VAULT_GET, path, NULL, NULL, &error);
  if (error)
    fail_msg ("%s: %s", path, error->message);
  return said;
}

static char *
text_of (GVariant *from, const char *name)
{
  const char *text = "";
  g_autoptr (GVariant) properties = g_variant_lookup_value (from, "properties", G_VARIANT_TYPE_VARDICT);
  if (!g_variant_lookup (from, name, "&s", &text) && properties)
    g_variant_lookup (properties, name, "&s", &text);
  return g_strdup (text);
}

/* --- the VMM servers, and the hosts that are played ------------------------------------------- */

static void
start_vmm_as (guint i, const char *key, const char *server)
{
  g_autofree char *folder = g_build_filename (w.folder, fabrics[i], NULL);
  g_autofree char *path = g_build_filename (folder, "config", NULL);
  g_autofree char *control = g_build_filename (folder, "control", NULL);
  g_autoptr (TsLabVmmConfig) config = ts_lab_vmm_config_new ();
  const char *const hosts[] = {i == 0 ? "hv-paris" : "hv-lyon", NULL};
  g_autoptr (GError) error = NULL;
  g_mkdir_with_parents (folder, 0755);
  config->name = g_strdup (fabrics[i]);
  config->server = g_strdup (server);
  config->key = g_strdup (key);
  config->vault = g_strdup ("contoso");
  config->vault_address = g_strdup (w.providers);
  config->certificates = g_strdup (w.certificates);
  config->control = g_strdup (control);
  config->port = w.agents[i];
  ts_lab_vmm_config_add_cloud (config, i == 0 ? "gold" : "silver", hosts);
  g_ptr_array_add (config->networks, g_strdup ("prod front"));
  g_ptr_array_add (config->classifications, g_strdup ("fast"));
  if (!ts_lab_vmm_config_save (config, path, &error))
    fail_msg ("%s", error->message);
  if (w.control[i] <= 0)
    w.control[i] = ts_lab_control_listen (control, &error);
  w.vmm[i] = fork ();
  if (w.vmm[i] == 0) {
    child_begins ();
    char *argv[] = {(char *)"vmm", folder, NULL};
    _exit (ts_lab_vmm_main (2, argv));
  }
}

static void
start_vmm (guint i, const char *key)
{
  g_autofree char *server = g_strconcat ("vmm-", fabrics[i], NULL);
  start_vmm_as (i, key, server);
}

typedef struct {
  guint index;
  TsLabTalk *talk;
  GMainLoop *loop;
  gint state; /* of its machine's relation; 0: none */
} Agent;

static void
tell_levels (Agent *agent)
{
  GVariantBuilder items;
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  if (agent->index == 0) {
    g_autoptr (TsLevel) level = ts_level_new ("app", "11111111-2222-3333-4444-555555555555", "hv-paris");
    level->exists = level->on = level->serving = TRUE;
    level->memory_bytes = 64 << 20;
    level->disk_bytes = 64 << 20;
    g_free (level->network);
    level->network = g_strdup ("prod");
    g_free (level->classification);
    level->classification = g_strdup ("fast");
    ts_list_add (&items, ts_level_variant (level));
  }
  TsFields *fields = ts_fields_new ();
  ts_fields_set_bool (fields, "full", TRUE);
  ts_fields_set (fields, "items", g_variant_builder_end (&items));
  ts_lab_talk_say (agent->talk, ts_message_new (TS_MESSAGE_LEVELS, fields));
}

static void
tell_host (Agent *agent)
{
  static const char *const networks[] = {"prod", NULL};
  GVariantBuilder classifications;
  g_variant_builder_init (&classifications, G_VARIANT_TYPE ("av"));
  ts_list_add (&classifications, g_variant_new_string ("fast"));
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "memory", G_GINT64_CONSTANT (8) << 30);
  ts_fields_set_int (fields, "storage", G_GINT64_CONSTANT (1) << 40);
  ts_fields_set (fields, "networks", g_variant_new_strv (networks, -1));
  ts_fields_set (fields, "classifications", g_variant_builder_end (&classifications));
  ts_lab_talk_say (agent->talk, ts_message_new (TS_MESSAGE_HOST, fields));
  tell_levels (agent);
}

static void
agent_said (TsLabTalk *talk, GVariant *message, gpointer user)
{
  Agent *agent = user;
  TsMessageKind kind;
  g_autoptr (GVariant) fields = NULL;
  if (!ts_message_open (message, &kind, &fields, NULL))
    return;
  if (kind == TS_MESSAGE_LOOK)
    tell_host (agent);
  else if (kind == TS_MESSAGE_ASK) {
    TsFields *said = ts_fields_new ();
    ts_fields_set_int (said, "number", ts_variant_int (fields, "number", 0));
    ts_fields_set_bool (said, "ok", TRUE);
    ts_fields_set_int (said, "code", 0);
    ts_fields_set_text (said, "reason", "");
    ts_lab_talk_say (talk, ts_message_new (TS_MESSAGE_SAID, said));
  }
}

static void
agent_connected (TsLabTalk *talk, gpointer user)
{
  tell_host (user);
}

static void
agent_lost (TsLabTalk *talk, const GError *reason, gpointer user)
{
  g_main_loop_quit (((Agent *)user)->loop);
}

static void
start_agent (guint i)
{
  w.agent[i] = fork ();
  if (w.agent[i] != 0)
    return;
  static const TsLabTalkEvents events = {agent_said, agent_lost};
  child_begins ();
  g_autofree char *host = g_strconcat ("hv-", fabrics[i], NULL), *server = g_strconcat ("vmm-", fabrics[i], NULL);
  g_autofree char *ca = g_build_filename (w.certificates, "ca.pem", NULL);
  g_autofree char *pem = g_strdup_printf ("%s/%s.pem", w.certificates, host);
  g_autofree char *key = g_strdup_printf ("%s/%s.key", w.certificates, host);
  const TsLabCredentials credentials = {.ca = ca, .certificate = pem, .key = key};
  for (guint life = 0; life < 600; life++) { /* anew, while its server is not there */
    Agent agent = {.index = i, .loop = g_main_loop_new (NULL, FALSE)};
    TsLabLink *link = ts_lab_link_connect ("127.0.0.1", w.agents[i], server, &credentials, 10 * TS_S, NULL, NULL);
    agent.talk = ts_lab_talk_new (link, &events, &agent);
    ts_lab_talk_on_connected (agent.talk, agent_connected);
    g_main_loop_run (agent.loop);
    ts_lab_talk_free (agent.talk);
    g_main_loop_unref (agent.loop);
    g_usleep (200000);
  }
  _exit (0);
}

/* --- set-up ----------------------------------------------------------------------------------- */

static char *
new_key (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) said = ts_lab_client_get (w.client, TS_VAULT_POST, "registrationKeys", NULL, NULL, &error);
  if (!said)
    fail_msg ("%s", error->message);
  return text_of (said, "registrationKey");
}

static void
wait_for (const char *path, const char *field, const char *value)
{
  g_autofree char *now = NULL;
  for (guint i = 0; i < 600; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GVariant) said = ts_lab_client_get (w.client, TS_VAULT_GET, path, NULL, NULL, &error);
    g_free (now);
    now = said ? text_of (said, field) : g_strdup (error->message);
    if (g_str_equal (now, value) || (g_str_equal (value, "*") && said))
      return;
    g_usleep (100000);
  }
  g_autoptr (GVariant) jobs = ts_lab_client_get (w.client, TS_VAULT_GET, "replicationJobs", NULL, NULL, NULL);
  g_autofree char *shown = jobs ? ts_json_format (jobs, TRUE) : g_strdup ("none");
  fail_msg ("%s: %s is \"%s\", not \"%s\"; jobs: %s; see %s/log", path, field, now, value, shown, w.folder);
}

static void
wait_says (const char *path, const char *text)
{
  for (guint i = 0; i < 600; i++) {
    g_autoptr (GVariant) said = ts_lab_client_get (w.client, TS_VAULT_GET, path, NULL, NULL, NULL);
    g_autofree char *json = said ? ts_json_format (said, FALSE) : g_strdup ("");
    if (strstr (json, text))
      return;
    g_usleep (100000);
  }
  fail_msg ("%s does not say %s; see %s/log", path, text, w.folder);
}

static int
setup (void **state)
{
  static const char *const names[] = {"contoso", "vmm-paris", "vmm-lyon", "hv-paris", "hv-lyon"};
  g_autoptr (GError) error = NULL;
  w.folder = g_dir_make_tmp ("ts-rest-XXXXXX", NULL);
  w.certificates = g_build_filename (w.folder, "certificates", NULL);
  w.store = g_build_filename (w.folder, "vault.sqlite", NULL);
  w.providers = g_strdup_printf ("unix:%s/providers", w.folder);
  w.port = free_port ();
  w.url = g_strdup_printf ("http://127.0.0.1:%u", w.port);
  g_mkdir (w.certificates, 0700);
  assert_true (ts_lab_certificate_authority (w.certificates, &error));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_true (ts_lab_certificate_issue (w.certificates, names[i], &error));
  const TsLabClientOptions options = {.url = w.url};
  w.client = ts_lab_client_new (&options, &error);
  start_vault (TRUE);
  for (guint i = 0; i < 2; i++) {
    g_autofree char *key = new_key ();
    g_autofree char *path = g_strconcat ("replicationFabrics/", fabrics[i], NULL);
    w.agents[i] = free_port ();
    start_vmm (i, key);
    start_agent (i);
    wait_for (path, "connectionStatus", "Connected");
    wait_says (path, "\"connected\": true"); /* its host */
  }
  wait_for ("replicationFabrics/paris/replicationProtectionContainers/gold/replicationProtectableItems/app", "name", "app");
  return 0;
}

static int
teardown (void **state)
{
  const pid_t pids[] = {w.agent[0], w.agent[1], w.vmm[0], w.vmm[1], w.vault};
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++) {
    kill (pids[i], SIGKILL);
    waitpid (pids[i], NULL, 0);
  }
  ts_lab_client_free (w.client);
  if (!g_getenv ("TWINSITE_KEEP"))
    ts_lab_remove_tree (w.folder, NULL);
  return 0;
}

/* --- the walk --------------------------------------------------------------------------------- */

#define GOLD "replicationFabrics/paris/replicationProtectionContainers/gold"
#define SILVER "replicationFabrics/lyon/replicationProtectionContainers/silver"

static GVariant *
body_of (const char *json)
{
  g_autoptr (GError) error = NULL;
  GVariant *body = json ? ts_json_parse (json, strlen (json), &error) : NULL;
  if (error)
    fail_msg ("%s: %s", json, error->message);
  return body;
}

/* Asks, and looks whether the answer is one that the document has for it. */
static guint
ask (TsVaultMethod method, const char *path, const char *json)
{
  TsLabAnswer answer;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) body = body_of (json);
  const TsVaultRoute *route = ts_vault_route_find (method, path, NULL, NULL);
  if (!ts_lab_client_ask (w.client, method, path, body, &answer, &error))
    fail_msg ("%s %s: %s", ts_vault_method_name (method), path, error->message);
  guint status = answer.status;
  const char *name = ts_vault_method_name (method);
  if (status >= 400) {
    const char *code = NULL, *message = NULL;
    g_autoptr (GVariant) said =
        answer.body ? g_variant_lookup_value (answer.body, "error", G_VARIANT_TYPE_VARDICT) : NULL;
    if (!said || !g_variant_lookup (said, "code", "&s", &code) || !g_variant_lookup (said, "message", "&s", &message) || !*message)
      fail_msg ("%s %s: %u without a code and a message", name, path, status);
  } else if (!route)
    fail_msg ("%s %s: answered %u, and is not in the table", name, path, status);
  else if (status == 204)
    assert_null (route->answer);
  else if (status == 202) {
    assert_string_equal (route->answer, "job");
    assert_non_null (answer.job);
  } else {
    assert_non_null (answer.body);
    if (route->list) {
      g_autoptr (GVariant) list = g_variant_lookup_value (answer.body, "value", G_VARIANT_TYPE ("av"));
      if (!list)
        fail_msg ("%s %s: no list", name, path);
    } else {
      static const char *const members[] = {"id", "name", "type"};
      for (guint i = 0; i < G_N_ELEMENTS (members); i++) {
        g_autofree char *text = text_of (answer.body, members[i]);
        if (!*text)
          fail_msg ("%s %s: no %s", name, path, members[i]);
      }
    }
  }
  ts_lab_answer_clear (&answer);
  return status;
}

static void
expect (TsVaultMethod method, const char *path, const char *json, guint status)
{
  guint got = ask (method, path, json);
  if (got != status)
    fail_msg ("%s %s: %u, not %u", ts_vault_method_name (method), path, got, status);
}

typedef struct {
  guint open, begun, refused, other;
} Crowd;

static void
one_of_a_crowd (TsLabAnswer *answer, const GError *error, gpointer user)
{
  Crowd *crowd = user;
  crowd->open--;
  if (!error && answer->status == 202)
    crowd->begun++;
  else if (!error && answer->status == 409)
    crowd->refused++;
  else
    crowd->other++;
}

#define CROWD 8

/* Many ask for the same at once: it is begun once, whoever comes first; all others are told that
 * another operation is in progress. */
static void
at_once (TsVaultMethod method, const char *path, const char *body)
{
  Crowd crowd = {.open = CROWD};
  TsLabClient *clients[CROWD];
  g_autoptr (GVariant) parsed = ts_json_parse (body, strlen (body), NULL);
  const TsLabClientOptions options = {.url = w.url, .vault = "contoso"};
  for (guint i = 0; i < CROWD; i++) {
    clients[i] = ts_lab_client_new (&options, NULL);
    ts_lab_client_begin (clients[i], method, path, parsed, one_of_a_crowd, &crowd);
  }
  for (guint i = 0; i < 10000 && crowd.open > 0; i++) {
    g_main_context_iteration (NULL, FALSE);
    g_usleep (2000);
  }
  if (crowd.begun != 1 || crowd.refused != CROWD - 1)
    fail_msg ("%s: begun %u times, refused %u times, %u of another answer", path, crowd.begun, crowd.refused, crowd.other);
  for (guint i = 0; i < CROWD; i++)
    ts_lab_client_free (clients[i]);
}

static void
makes_what_it_needs (void **state)
{
  expect (TS_VAULT_PUT, "replicationPolicies/thirty",
          "{\"properties\": {\"providerSpecificInput\": {\"replicationFrequencyInSeconds\": 30, \"recoveryPoints\": 2}}}", 201);
  expect (TS_VAULT_PUT, GOLD "/replicationProtectionContainerMappings/pair",
          "{\"properties\": {\"targetProtectionContainerId\": \"" SILVER "\", \"policyId\": \"replicationPolicies/thirty\"}}", 202);
  wait_for (GOLD "/replicationProtectionContainerMappings/pair", "state", "Paired");
  expect (TS_VAULT_PUT, "replicationFabrics/paris/replicationNetworks/prod/replicationNetworkMappings/map",
          "{\"properties\": {\"recoveryNetworkId\": \"replicationFabrics/lyon/replicationNetworks/prod\"}}", 201);
  expect (TS_VAULT_PUT, "replicationFabrics/paris/replicationStorageClassifications/fast/replicationStorageClassificationMappings/map",
          "{\"properties\": {\"targetStorageClassificationId\": \"replicationFabrics/lyon/replicationStorageClassifications/fast\"}}", 201);
  at_once (TS_VAULT_PUT, GOLD "/replicationProtectedItems/app",
           "{\"properties\": {\"policyId\": \"replicationPolicies/thirty\", \"protectableItemId\": \"" GOLD "/replicationProtectableItems/app\"}}");
  expect (TS_VAULT_PUT, "replicationRecoveryPlans/three",
          "{\"properties\": {\"primaryFabricId\": \"replicationFabrics/paris\", \"recoveryFabricId\": \"replicationFabrics/lyon\", "
          "\"groups\": [{\"groupType\": \"Boot\", \"replicationProtectedItems\": [{\"id\": \"" GOLD "/replicationProtectedItems/app\"}]}]}}",
          201);
  expect (TS_VAULT_PUT, "replicationAlertSettings/operators",
          "{\"properties\": {\"customEmailAddresses\": [\"night@example.org\"], \"minimumSeverity\": \"Warning\"}}", 201);
}

/* Until a file of the test's folder has that text in it. */
static void
wait_for_text (const char *file, const char *wanted)
{
  g_autofree char *path = g_build_filename (w.folder, file, NULL);
  for (guint i = 0; i < 400; i++) {
    g_autofree char *text = NULL;
    if (g_file_get_contents (path, &text, NULL, NULL) && strstr (text, wanted))
      return;
    g_usleep (50000);
  }
  fail_msg ("%s never says %s", path, wanted);
}

/* What stands for a segment in braces: the name of something that is there. */
static const char *
name_for (const char *pattern, const char *brace)
{
  static const struct {
    const char *brace, *name;
  } names[] = {{"{fabric}", "paris"}, {"{provider}", NULL}, {"{container}", "gold"}, {"{vm}", "app"},
               {"{item}", "app"}, {"{network}", "prod"}, {"{classification}", "fast"}, {"{policy}", "thirty"},
               {"{plan}", "three"}, {"{setting}", "operators"}, {"{logical}", "front"}};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i].brace, brace) && names[i].name)
      return names[i].name;
  if (g_str_equal (brace, "{mapping}"))
    return strstr (pattern, "Container") ? "pair" : "map";
  return NULL;
}

/* The first of a list, for things whose names the vault makes up. */
static char *
first_of (const char *list_path)
{
  g_autoptr (GVariant) said = get (list_path);
  g_autoptr (GVariant) list = g_variant_lookup_value (said, "value", G_VARIANT_TYPE ("av"));
  if (!list || g_variant_n_children (list) == 0)
    return NULL;
  g_autoptr (GVariant) box = g_variant_get_child_value (list, 0);
  g_autoptr (GVariant) one = g_variant_get_variant (box);
  return text_of (one, "name");
}

static char *
path_for (const char *pattern)
{
  g_auto (GStrv) segments = g_strsplit (pattern, "/", -1);
  g_autoptr (GString) path = g_string_new (NULL);
  for (guint i = 0; segments[i]; i++) {
    g_autofree char *made = segments[i][0] != '{' ? g_strdup (segments[i]) : g_strdup (name_for (pattern, segments[i]));
    if (!made)
      made = first_of (path->str);
    if (!made)
      return NULL;
    g_string_append_printf (path, "%s%s", i > 0 ? "/" : "", made);
  }
  return g_string_free (g_steal_pointer (&path), FALSE);
}

static void
every_route (void **state)
{
  guint count, answered = 0, without = 0;
  const TsVaultRoute *routes = ts_vault_routes (&count);
  for (guint i = 0; i < count; i++) { /* what is only looked at: it is there */
    if (routes[i].method != TS_VAULT_GET)
      continue;
    g_autofree char *path = path_for (routes[i].pattern);
    if (!path) {
      print_message ("nothing to ask for: %s\n", routes[i].pattern);
      without++;
      continue;
    }
    expect (TS_VAULT_GET, path, NULL, 200);
    answered++;
  }
  for (guint i = 0; i < count; i++) { /* things that are not there */
    if (!strstr (routes[i].pattern, "{"))
      continue;
    g_auto (GStrv) segments = g_strsplit (routes[i].pattern, "/", -1);
    for (guint s = 0; segments[s]; s++)
      if (segments[s][0] == '{') {
        g_free (segments[s]);
        segments[s] = g_strdup ("nowhere");
      }
    g_autofree char *path = g_strjoinv ("/", segments);
    guint status = ask (routes[i].method, path, NULL);
    if (routes[i].method == TS_VAULT_GET && status != 404 && !routes[i].list)
      fail_msg ("GET %s: %u, not 404", path, status);
    if (status < 400 && routes[i].method != TS_VAULT_DELETE && routes[i].method != TS_VAULT_GET)
      fail_msg ("%s %s: %u", ts_vault_method_name (routes[i].method), path, status);
    answered++;
  }
  print_message ("%u answered, %u had nothing to ask for\n", answered, without);
  assert_true (without <= 2); /* recovery points: the played host has none */
}

/* Every action, with a body that it takes and with one that it does not. */
static void
every_action (void **state)
{
  guint count;
  const TsVaultRoute *routes = ts_vault_routes (&count);
  for (guint i = 0; i < count; i++) {
    if (routes[i].method == TS_VAULT_GET || routes[i].method == TS_VAULT_DELETE)
      continue;
    g_autofree char *path = path_for (routes[i].pattern);
    if (!path)
      continue;
    guint status = ask (routes[i].method, path, "{\"bogus\": 1}");
    if (status != 400)
      fail_msg ("%s %s: an unknown field gave %u", ts_vault_method_name (routes[i].method), path, status);
    status = ask (routes[i].method, path, "{\"properties\": {\"bogus\": {\"a\": []}}}");
    if (status != 400)
      fail_msg ("%s %s: an unknown field inside gave %u", ts_vault_method_name (routes[i].method), path, status);
  }
  expect (TS_VAULT_PATCH, "replicationJobs", NULL, 405);
  expect (TS_VAULT_GET, "replicationNonsense", NULL, 404);
  /* the item is busy with its enabling: one operation at a time */
  expect (TS_VAULT_POST, GOLD "/replicationProtectedItems/app/testFailover", NULL, 409);
  expect (TS_VAULT_PUT, GOLD "/replicationProtectedItems/app",
          "{\"properties\": {\"policyId\": \"replicationPolicies/thirty\", \"protectableItemId\": \"" GOLD "/replicationProtectableItems/app\"}}", 409);
  expect (TS_VAULT_DELETE, "replicationPolicies/thirty", NULL, 409);
}

static char *
all_of (const char *path)
{
  g_autoptr (GVariant) said = get (path);
  return ts_json_format (said, TRUE);
}

static void
known_after_a_kill (void **state)
{
  static const char *const paths[] = {"replicationPolicies", "replicationRecoveryPlans", "replicationNetworkMappings",
                                      "replicationStorageClassificationMappings"};
  g_autofree char *job = first_of ("replicationJobs");
  g_autoptr (GPtrArray) before = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    g_ptr_array_add (before, all_of (paths[i]));
  for (guint round = 0; round < 3; round++) {
    kill_vault ();
    start_vault (FALSE);
    for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
      g_autofree char *now = all_of (paths[i]);
      assert_string_equal (now, before->pdata[i]);
    }
    g_autofree char *path = g_strconcat ("replicationJobs/", job, NULL);
    wait_for (path, "name", job);
    wait_for ("replicationFabrics/paris", "connectionStatus", "Connected"); /* they come back */
    wait_for ("replicationFabrics/lyon", "connectionStatus", "Connected");
  }
  /* a VMM server, too: it comes back by what it was told once, without a key */
  kill (w.vmm[0], SIGKILL);
  waitpid (w.vmm[0], NULL, 0);
  wait_for ("replicationFabrics/paris", "connectionStatus", "NotConnected");
  wait_for_text ("alerts.jsonl", "ProviderNotConnected"); /* a line in the file, and the command was run */
  wait_for_text ("told", "night@example.org");
  start_vmm (0, NULL);
  wait_for ("replicationFabrics/paris", "connectionStatus", "Connected");
}

/* Killed (by SIGKILL, by its own hand) when its first, second ... transaction is durable and nothing else
 * of that step is done: what it had answered it still knows, and of what it had not answered
 * it knows all or nothing. */
static void
killed_after_each_transaction (void **state)
{
  for (guint n = 1; n <= 10; n++) {
    g_autoptr (GPtrArray) said = g_ptr_array_new_with_free_func (g_free);
    kill_vault ();
    fork_vault (FALSE, n);
    guint tries = 0;
    int status = 0;
    for (guint k = 0; waitpid (w.vault, &status, WNOHANG) == 0; k++) {
      g_autofree char *path = g_strdup_printf ("replicationPolicies/death-%u-%u", n, k);
      g_autoptr (GVariant) body = body_of ("{\"properties\": {\"providerSpecificInput\": {\"recoveryPoints\": 3}}}");
      TsLabAnswer answer;
      assert_true (tries++ < 2000);
      if (!ts_lab_client_ask (w.client, TS_VAULT_PUT, path, body, &answer, NULL)) {
        g_usleep (20000); /* not there yet, or not any more */
        continue;
      }
      if (answer.status == 201)
        g_ptr_array_add (said, g_steal_pointer (&path));
      ts_lab_answer_clear (&answer);
    }
    assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
    start_vault (FALSE);
    for (guint i = 0; i < said->len; i++)
      expect (TS_VAULT_GET, said->pdata[i], NULL, 200);
  }
  wait_for ("replicationFabrics/paris", "connectionStatus", "Connected");
  wait_for ("replicationFabrics/lyon", "connectionStatus", "Connected");
}

/* Another server that says to be paris, with a good key: told no, and nothing changes. */
static void
a_name_is_taken_once (void **state)
{
  g_autofree char *key = new_key ();
  kill (w.vmm[0], SIGKILL);
  waitpid (w.vmm[0], NULL, 0);
  wait_for ("replicationFabrics/paris", "connectionStatus", "NotConnected");
  assert_true (ts_lab_certificate_issue (w.certificates, "vmm-other", NULL));
  g_autofree char *store = g_strdup_printf ("%s/paris/vmm.sqlite", w.folder);
  g_autofree char *aside = g_strconcat (store, ".aside", NULL);
  assert_int_equal (g_rename (store, aside), 0);
  start_vmm_as (0, key, "vmm-other");
  g_usleep (3000000); /* time enough to be taken in, if it were */
  wait_for ("replicationFabrics/paris", "connectionStatus", "NotConnected");
  kill (w.vmm[0], SIGKILL);
  waitpid (w.vmm[0], NULL, 0);
  assert_int_equal (g_rename (aside, store), 0);
  start_vmm (0, NULL);
  wait_for ("replicationFabrics/paris", "connectionStatus", "Connected");
  wait_for ("replicationFabrics/paris", "internalIdentifier", "vmm-paris");
}

int
main (void)
{
  signal (SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (makes_what_it_needs), cmocka_unit_test (every_route), cmocka_unit_test (every_action),
      cmocka_unit_test (known_after_a_kill), cmocka_unit_test (killed_after_each_transaction), cmocka_unit_test (a_name_is_taken_once),
  };
  return cmocka_run_group_tests (tests, setup, teardown);
}

/* tests/test-vault.c -- the vault as a machine: registration, refusals, what is allowed in each state,
 * and a job that goes on from its stored rows.  Providers are played by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/base/error.h"
#include "core/site/level.h"
#include "core/site/message.h"
#include "core/vault/vault.h"

typedef struct {
  TsVault *vault;
  gint64 now_us;
  GPtrArray *rows; /* Row: as a store would have them */
  guint status;
  GVariant *body;
  GPtrArray *said; /* GVariant: to Providers, in order */
  guint closed;
  guint64 number;
  GPtrArray *alerts; /* GVariant, with its number */
  GString *told;     /* "number kind\n" of records */
} Fixture;

typedef struct {
  char *table, *key;
  GVariant *value;
} Row;

static void
row_free (gpointer data)
{
  Row *row = data;
  g_free (row->table);
  g_free (row->key);
  g_variant_unref (row->value);
  g_free (row);
}

static void
store (Fixture *f, const TsVaultAction *action)
{
  for (guint i = 0; i < f->rows->len; i++) {
    Row *row = f->rows->pdata[i];
    if (g_str_equal (row->table, action->table) && g_str_equal (row->key, action->key)) {
      g_ptr_array_remove_index (f->rows, i);
      break;
    }
  }
  if (action->kind == TS_VAULT_ACTION_DELETE)
    return;
  Row *row = g_new0 (Row, 1);
  row->table = g_strdup (action->table);
  row->key = g_strdup (action->key);
  row->value = g_variant_ref (action->value);
  g_ptr_array_add (f->rows, row);
}

static void
step (Fixture *f, TsVaultEvent *event)
{
  guint8 entropy[TS_VAULT_ENTROPY_BYTES] = {(guint8)++f->number, (guint8)(f->number >> 8), 7};
  g_autoptr (TsVaultActions) out = ts_vault_actions_new ();
  event->now_us = f->now_us;
  event->entropy = entropy;
  ts_vault_step (f->vault, event, out);
  gboolean rows_over = FALSE;
  guint replies = 0;
  for (guint i = 0; i < out->len; i++) {
    TsVaultAction *action = &g_array_index (out, TsVaultAction, i);
    gboolean row = action->kind == TS_VAULT_ACTION_PUT || action->kind == TS_VAULT_ACTION_DELETE;
    assert_false (row && rows_over); /* one transaction, in front of all else */
    rows_over |= !row;
    if (row)
      store (f, action);
    else if (action->kind == TS_VAULT_ACTION_REPLY) {
      replies++;
      f->status = action->reply.status;
      g_clear_pointer (&f->body, g_variant_unref);
      f->body = action->reply.body ? g_variant_ref (action->reply.body) : NULL;
    } else if (action->kind == TS_VAULT_ACTION_SEND)
      g_ptr_array_add (f->said, g_variant_ref (action->value));
    else if (action->kind == TS_VAULT_ACTION_CLOSE)
      f->closed++;
    else if (action->kind == TS_VAULT_ACTION_REPORT)
      g_string_append_printf (f->told, "%" G_GUINT64_FORMAT " %s\n", action->number, action->record->kind);
    else if (action->kind == TS_VAULT_ACTION_ALERT)
      g_ptr_array_add (f->alerts, g_variant_ref (action->value));
  }
  assert_int_equal (replies, event->kind == TS_VAULT_EVENT_REQUEST ? 1 : 0);
}

static void
ask (Fixture *f, TsVaultMethod method, const char *path, const char *body)
{
  g_autoptr (GVariant) parsed =
      body ? g_variant_ref_sink (g_variant_parse (G_VARIANT_TYPE_VARDICT, body, NULL, NULL, NULL)) : NULL;
  assert_true (!body || parsed);
  TsVaultRequest request = {.id = 1, .method = method, .path = path, .body = parsed};
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_REQUEST, .request = &request};
  step (f, &event);
}

static const char *
property (Fixture *f, const char *name)
{
  g_autoptr (GVariant) properties = ts_variant_dict (f->body, "properties");
  const char *text = ts_variant_text (properties, name, "");
  return g_intern_string (text);
}

static const char *
error_code (Fixture *f)
{
  g_autoptr (GVariant) error = ts_variant_dict (f->body, "error");
  return g_intern_string (ts_variant_text (error, "code", ""));
}

static const char *
error_target (Fixture *f)
{
  g_autoptr (GVariant) error = ts_variant_dict (f->body, "error");
  return g_intern_string (ts_variant_text (error, "target", ""));
}

static void
say (Fixture *f, guint64 connection, TsMessageKind kind, TsFields *fields)
{
  g_autoptr (GVariant) message = g_variant_ref_sink (ts_message_new (kind, fields));
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_MESSAGE, .connection = connection, .message = message};
  step (f, &event);
}

/* What the vault said last; its fields, the caller's. */
static GVariant *
heard (Fixture *f, TsMessageKind *kind)
{
  GVariant *fields = NULL;
  *kind = TS_MESSAGE_KINDS;
  if (f->said->len > 0)
    ts_message_open (f->said->pdata[f->said->len - 1], kind, &fields, NULL);
  return fields;
}

static void
hello (Fixture *f, guint64 connection, const char *name, const char *server, const char *key,
       const char *secret)
{
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_CONNECTED, .connection = connection};
  step (f, &event);
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "name", name);
  ts_fields_set_text (fields, "server", server);
  ts_fields_set_text (fields, "key", key);
  ts_fields_set_text (fields, "secret", secret);
  ts_fields_set_int (fields, "clock", f->now_us);
  ts_fields_set_text (fields, "version", "1");
  say (f, connection, TS_MESSAGE_HELLO, fields);
}

static const char *
new_key (Fixture *f)
{
  ask (f, TS_VAULT_POST, "registrationKeys", NULL);
  assert_int_equal (f->status, 200);
  return property (f, "registrationKey");
}

static GVariant *
named (const char *name, const char *cloud, const char *hosts)
{
  TsFields *one = ts_fields_new ();
  ts_fields_set_text (one, "name", name);
  if (cloud) {
    ts_fields_set_text (one, "cloud", cloud);
    ts_fields_set_text (one, "id", name);
    ts_fields_set_text (one, "host", "a");
  }
  if (hosts) {
    GVariantBuilder list;
    g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
    ts_list_add (&list, named (hosts, NULL, NULL));
    ts_fields_set (one, "hosts", g_variant_builder_end (&list));
  }
  return ts_fields_end (one);
}

static void
inventory (Fixture *f, guint64 connection, const char *cloud, const char *host, gboolean vms)
{
  static const char *const lists[] = {"hosts", "clouds", "networks", "classifications", "vms"};
  TsFields *fields = ts_fields_new ();
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    GVariantBuilder list;
    g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
    if (i == 0)
      ts_list_add (&list, named (host, NULL, NULL));
    if (i == 1)
      ts_list_add (&list, named (cloud, NULL, host));
    if (i == 4 && vms) {
      ts_list_add (&list, named ("app", cloud, NULL));
      ts_list_add (&list, named ("web", cloud, NULL));
    }
    ts_fields_set (fields, lists[i], g_variant_builder_end (&list));
  }
  say (f, connection, TS_MESSAGE_INVENTORY, fields);
}

static void
level (Fixture *f, guint64 connection, const char *vm, const char *host, TsLevelRole role, TsState state)
{
  g_autoptr (TsLevel) one = ts_level_new (vm, vm, host);
  one->role = role;
  one->state = state;
  one->exists = role != TS_LEVEL_REPLICA;
  GVariantBuilder items;
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  ts_list_add (&items, ts_level_variant (one));
  TsFields *fields = ts_fields_new ();
  ts_fields_set_bool (fields, "full", FALSE);
  ts_fields_set (fields, "items", g_variant_builder_end (&items));
  say (f, connection, TS_MESSAGE_LEVELS, fields);
}

/* Answers every order that was said and not answered yet, but those of that verb. */
static void
answer_orders (Fixture *f, gboolean ok, const char *but)
{
  for (guint i = 0; i < f->said->len; i++) { /* grows */
    TsMessageKind kind;
    g_autoptr (GVariant) fields = NULL;
    if (!ts_message_open (f->said->pdata[i], &kind, &fields, NULL) || kind != TS_MESSAGE_ORDER)
      continue;
    const char *id = ts_variant_text (fields, "id", ""), *verb = ts_variant_text (fields, "verb", "");
    if (g_strcmp0 (verb, but) == 0)
      continue;
    TsFields *result = ts_fields_new (), *output = ts_fields_new ();
    ts_fields_set_text (result, "id", id);
    ts_fields_set_bool (result, "ok", ok);
    ts_fields_set_int (result, "code", ok ? 0 : TS_SITE_FAILED);
    ts_fields_set_text (result, "reason", ok ? "" : "it failed");
    ts_fields_set_text (output, "host", "b");
    ts_fields_set (result, "output", ts_fields_end (output));
    g_autoptr (GVariant) held = g_variant_ref_sink (ts_message_new (TS_MESSAGE_RESULT, result));
    for (guint64 connection = 1; connection <= 2; connection++) { /* only who has the order counts */
      TsVaultEvent event = {.kind = TS_VAULT_EVENT_MESSAGE, .connection = connection, .message = held};
      step (f, &event);
    }
    if (i > 500)
      return;
  }
}

static int
setup (void **state)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->vault = ts_vault_new ("v", 1);
  f->now_us = G_GINT64_CONSTANT (1767225600) * TS_S;
  f->rows = g_ptr_array_new_with_free_func (row_free);
  f->said = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  f->alerts = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  f->told = g_string_new (NULL);
  *state = f;
  return 0;
}

static int
teardown (void **state)
{
  Fixture *f = *state;
  ts_vault_free (f->vault);
  g_ptr_array_unref (f->rows);
  g_ptr_array_unref (f->said);
  g_ptr_array_unref (f->alerts);
  g_string_free (f->told, TRUE);
  g_clear_pointer (&f->body, g_variant_unref);
  g_free (f);
  return 0;
}

#define F1 "replicationFabrics/va"
#define C1 F1 "/replicationProtectionContainers/ca"
#define C2 "replicationFabrics/vb/replicationProtectionContainers/cb"
#define ITEM C1 "/replicationProtectedItems/app"

/* Both servers, paired clouds, two machines. */
static void
furnish (Fixture *f)
{
  hello (f, 1, "va", "server-a", new_key (f), "");
  hello (f, 2, "vb", "server-b", new_key (f), "");
  inventory (f, 1, "ca", "a", TRUE);
  inventory (f, 2, "cb", "b", FALSE);
  ask (f, TS_VAULT_PUT, "replicationPolicies/gold",
       "{'properties': <{'providerSpecificInput': <{'replicationFrequencyInSeconds': <int64 30>}>}>}");
  assert_int_equal (f->status, 201);
  ask (f, TS_VAULT_PUT, C1 "/replicationProtectionContainerMappings/m",
       "{'properties': <{'targetProtectionContainerId': <'" C2 "'>, 'policyId': <'replicationPolicies/gold'>}>}");
  assert_int_equal (f->status, 202);
  answer_orders (f, TRUE, NULL);
  g_ptr_array_set_size (f->said, 0);
}

static void
enable (Fixture *f, const char *vm)
{
  g_autofree char *path = g_strdup_printf (C1 "/replicationProtectedItems/%s", vm);
  g_autofree char *body = g_strdup_printf (
      "{'properties': <{'policyId': <'replicationPolicies/gold'>, 'protectableItemId': <'" C1
      "/replicationProtectableItems/%s'>}>}", vm);
  ask (f, TS_VAULT_PUT, path, body);
}

static void
protect (Fixture *f, const char *vm)
{
  enable (f, vm);
  assert_int_equal (f->status, 202);
  answer_orders (f, TRUE, NULL);
  g_ptr_array_set_size (f->said, 0);
  level (f, 1, vm, "a", TS_LEVEL_PRIMARY, TS_STATE_REPLICATING);
  level (f, 2, vm, "b", TS_LEVEL_REPLICA, TS_STATE_REPLICATING);
}

/* --- registration ----------------------------------------------------------------------------- */

static void
a_key_is_for_one_server_and_five_days (void **state)
{
  Fixture *f = *state;
  TsMessageKind kind;
  const char *key = new_key (f), *other = new_key (f);
  assert_string_not_equal (key, other);
  hello (f, 1, "va", "server-a", key, "");
  g_autoptr (GVariant) welcome = heard (f, &kind);
  assert_int_equal (kind, TS_MESSAGE_WELCOME);
  g_autofree char *secret = g_strdup (ts_variant_text (welcome, "secret", ""));
  assert_int_equal (strlen (secret), 32);

  const struct {
    const char *what, *name, *server, *key, *secret;
    gint64 later_us, code; /* code 0: welcome */
  } rows[] = {
      {"no key at all", "vx", "server-x", "", "", 0, TS_SITE_FOREIGN_KEY},
      {"another vault's key", "vx", "server-x", "0123456789abcdef0123456789abcdef", "", 0, TS_SITE_FOREIGN_KEY},
      {"a key that was used", "vx", "server-x", key, "", 0, TS_SITE_FOREIGN_KEY},
      {"a name that is taken", "va", "server-x", other, "", 0, TS_SITE_NAME_TAKEN},
      {"a secret that is none", "va", "server-a", "", "nonsense", 0, TS_SITE_FOREIGN_KEY},
      {"another's secret", "vx", "server-x", "", secret, 0, TS_SITE_FOREIGN_KEY},
      {"no name", "", "server-x", other, "", 0, TS_SITE_FOREIGN_KEY},
      {"a name with a slash", "a/b", "server-x", other, "", 0, TS_SITE_FOREIGN_KEY},
      {"the welcome was lost: the same key again", "va", "server-a", key, "", 0, 0},
      {"a key on its last day", "vb", "server-b", other, "", 5 * 24 * TS_HOUR - TS_S, 0},
      {"a key of six days ago", "vc", "server-c", other, "", 24 * TS_HOUR, TS_SITE_FOREIGN_KEY},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    f->now_us += rows[i].later_us;
    hello (f, 100 + i, rows[i].name, rows[i].server, rows[i].key, rows[i].secret);
    g_autoptr (GVariant) said = heard (f, &kind);
    if (kind != (rows[i].code ? TS_MESSAGE_REFUSED : TS_MESSAGE_WELCOME) ||
        ts_variant_int (said, "code", 0) != rows[i].code)
      fail_msg ("%s: said %s %" G_GINT64_FORMAT, rows[i].what, ts_message_name (kind),
                ts_variant_int (said, "code", 0));
  }
  const char *late = new_key (f);
  f->now_us += TS_VAULT_KEY_VALID_US + TS_S;
  hello (f, 200, "vd", "server-d", late, "");
  g_autoptr (GVariant) said = heard (f, &kind);
  assert_int_equal (ts_variant_int (said, "code", 0), TS_SITE_EXPIRED_KEY);
}

static void
a_provider_that_is_silent_is_given_up (void **state)
{
  Fixture *f = *state;
  furnish (f);
  ask (f, TS_VAULT_GET, F1, NULL);
  assert_string_equal (property (f, "connectionStatus"), "Connected");
  f->now_us = ts_vault_wake_us (f->vault);
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_TICK};
  step (f, &event);
  assert_int_equal (f->closed, 2);
  ask (f, TS_VAULT_GET, F1, NULL);
  assert_string_equal (property (f, "connectionStatus"), "NotConnected");
}

/* --- requests --------------------------------------------------------------------------------- */

static void
bad_requests_are_refused_by_name (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  protect (f, "web");
#define PLAN(groups)                                                                               \
  "{'properties': <{'primaryFabricId': <'" F1 "'>, 'recoveryFabricId': <'replicationFabrics/vb'>, " \
  "'groups': <" groups ">}>}"
#define ONE "<{'id': <'" ITEM "'>}>"
  static const struct {
    const char *what;
    TsVaultMethod method;
    const char *path, *body;
    guint status;
    const char *target; /* NULL: the path */
  } rows[] = {
      {"no such route", TS_VAULT_GET, "replicationNonsense", NULL, 404, NULL},
      {"another method", TS_VAULT_DELETE, "replicationJobs", NULL, 405, NULL},
      {"no such policy", TS_VAULT_GET, "replicationPolicies/x", NULL, 404, NULL},
      {"a body that is not taken", TS_VAULT_POST, ITEM "/failoverCommit", "{'x': <true>}", 400, ""},
      {"an unknown field", TS_VAULT_PUT, "replicationPolicies/x", "{'properties': <{'providerSpecificInput': <{'points': <int64 1>}>}>}", 400, "properties.providerSpecificInput.points"},
      {"a missing field", TS_VAULT_PUT, "replicationPolicies/x", "{'properties': <@a{sv} {}>}", 400, "properties.providerSpecificInput"},
      {"a wrong type", TS_VAULT_PUT, "replicationPolicies/x", "{'properties': <{'providerSpecificInput': <{'recoveryPoints': <'3'>}>}>}", 400, "properties.providerSpecificInput.recoveryPoints"},
      {"25 points", TS_VAULT_PUT, "replicationPolicies/x", "{'properties': <{'providerSpecificInput': <{'recoveryPoints': <int64 25>}>}>}", 400, "properties.providerSpecificInput.recoveryPoints"},
      {"every 60 s", TS_VAULT_PUT, "replicationPolicies/x", "{'properties': <{'providerSpecificInput': <{'replicationFrequencyInSeconds': <int64 60>}>}>}", 400, "properties.providerSpecificInput.replicationFrequencyInSeconds"},
      {"consistent as often as there are points", TS_VAULT_PUT, "replicationPolicies/x", "{'properties': <{'providerSpecificInput': <{'recoveryPoints': <int64 2>, 'applicationConsistentSnapshotFrequencyInHours': <int64 2>}>}>}", 400, "properties.providerSpecificInput.applicationConsistentSnapshotFrequencyInHours"},
      {"2012 every 30 s", TS_VAULT_PUT, "replicationPolicies/x", "{'properties': <{'providerSpecificInput': <{'instanceType': <'HyperVReplica2012'>, 'replicationFrequencyInSeconds': <int64 30>}>}>}", 400, "properties.providerSpecificInput.replicationFrequencyInSeconds"},
      {"a policy that is used", TS_VAULT_DELETE, "replicationPolicies/gold", NULL, 409, NULL},
      {"a fabric that is used", TS_VAULT_DELETE, F1, NULL, 409, NULL},
      {"a cloud with itself", TS_VAULT_PUT, C1 "/replicationProtectionContainerMappings/n", "{'properties': <{'targetProtectionContainerId': <'" C1 "'>, 'policyId': <'replicationPolicies/gold'>}>}", 400, "properties.targetProtectionContainerId"},
      {"a second pairing", TS_VAULT_PUT, C2 "/replicationProtectionContainerMappings/n", "{'properties': <{'targetProtectionContainerId': <'" C1 "'>, 'policyId': <'replicationPolicies/gold'>}>}", 409, NULL},
      {"protected already", TS_VAULT_PUT, ITEM, "{'properties': <{'policyId': <'replicationPolicies/gold'>, 'protectableItemId': <'" C1 "/replicationProtectableItems/app'>}>}", 409, NULL},
      {"no such machine", TS_VAULT_PUT, C1 "/replicationProtectedItems/x", "{'properties': <{'policyId': <'replicationPolicies/gold'>, 'protectableItemId': <'" C1 "/replicationProtectableItems/x'>}>}", 412, "properties.protectableItemId"},
      {"commit of nothing", TS_VAULT_POST, ITEM "/failoverCommit", NULL, 409, NULL},
      {"no such point", TS_VAULT_POST, ITEM "/unplannedFailover", "{'properties': <{'recoveryPointId': <'" ITEM "/recoveryPoints/point-9'>}>}", 412, "properties.recoveryPointId"},
      {"the other direction", TS_VAULT_POST, ITEM "/plannedFailover", "{'properties': <{'failoverDirection': <'RecoveryToPrimary'>}>}", 409, "properties.failoverDirection"},
      {"a test on no network", TS_VAULT_POST, ITEM "/testFailover", "{'properties': <{'networkType': <'VmNetworkAsInput'>}>}", 400, "properties.networkId"},
      {"an item twice in a plan", TS_VAULT_PUT, "replicationRecoveryPlans/p", PLAN ("[<{'groupType': <'Boot'>, 'replicationProtectedItems': <[" ONE ", " ONE "]>}>]"), 400, "properties.groups[0].replicationProtectedItems[1]"},
      {"a plan without a boot group", TS_VAULT_PUT, "replicationRecoveryPlans/p", PLAN ("[<{'groupType': <'Failover'>}>]"), 400, "properties.groups"},
      {"items in a shutdown group", TS_VAULT_PUT, "replicationRecoveryPlans/p", PLAN ("[<{'groupType': <'Shutdown'>, 'replicationProtectedItems': <[" ONE "]>}>]"), 400, "properties.groups[0].replicationProtectedItems[0]"},
      {"a script without a path", TS_VAULT_PUT, "replicationRecoveryPlans/p", PLAN ("[<{'groupType': <'Boot'>, 'replicationProtectedItems': <[" ONE "]>, 'endGroupActions': <[<{'actionName': <'x'>, 'customDetails': <{'instanceType': <'ScriptActionDetails'>}>}>]>}>]"), 400, "properties.groups[0].endGroupActions[0]"},
      {"a script of 601 s", TS_VAULT_PUT, "replicationRecoveryPlans/p", PLAN ("[<{'groupType': <'Boot'>, 'endGroupActions': <[<{'actionName': <'x'>, 'customDetails': <{'instanceType': <'ScriptActionDetails'>, 'path': <'x'>, 'timeoutInSeconds': <int64 601>}>}>]>}>]"), 400, "properties.groups[0].endGroupActions[0].customDetails.timeoutInSeconds"},
      {"a job that is not there", TS_VAULT_POST, "replicationJobs/job-999999/resume", NULL, 404, NULL},
      {"a job that waits for nobody", TS_VAULT_POST, "replicationJobs/job-000001/resume", NULL, 409, NULL},
      {"a job that has not failed", TS_VAULT_POST, "replicationJobs/job-000001/restart", NULL, 409, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ask (f, rows[i].method, rows[i].path, rows[i].body);
    const char *target = rows[i].target ? rows[i].target : rows[i].path;
    if (f->status != rows[i].status || !g_str_equal (error_target (f), target))
      fail_msg ("%s: %u, target %s", rows[i].what, f->status, error_target (f));
  }
}

static void
one_operation_at_a_time (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  ask (f, TS_VAULT_POST, ITEM "/plannedFailover", NULL);
  assert_int_equal (f->status, 202);
  static const char *const others[] = {"plannedFailover", "unplannedFailover", "testFailover", "failoverCommit",
                                       "failoverCancel", "reProtect", "repairReplication", "remove"};
  for (guint i = 0; i < G_N_ELEMENTS (others); i++) {
    g_autofree char *path = g_strdup_printf (ITEM "/%s", others[i]);
    ask (f, TS_VAULT_POST, path, NULL);
    assert_int_equal (f->status, 409);
    assert_string_equal (error_code (f), "505");
  }
  ask (f, TS_VAULT_DELETE, ITEM, NULL);
  assert_int_equal (f->status, 409);
  enable (f, "app");
  assert_int_equal (f->status, 409);
}

/* --- allowedOperations: every cell ------------------------------------------------------------- */

static gboolean
offered (Fixture *f, const char *operation)
{
  g_autoptr (GVariant) properties = ts_variant_dict (f->body, "properties");
  g_autoptr (GVariant) list = ts_variant_list (properties, "allowedOperations");
  for (gsize i = 0; i < ts_variant_count (list); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (list, i);
    if (g_str_equal (g_variant_get_string (one, NULL), operation))
      return TRUE;
  }
  return FALSE;
}

/* Source state by replica state: what HVR 3.5, 4.2 and 4.4 say, written down anew. */
static void
every_cell_of_allowed_operations (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  guint cells = 0, planned = 0;
  for (TsState s = 0; s < TS_STATE_COUNT; s++)
    for (TsState t = 0; t < TS_STATE_COUNT; t++) {
      level (f, 1, "app", "a", TS_LEVEL_PRIMARY, s);
      level (f, 2, "app", "b", TS_LEVEL_REPLICA, t);
      ask (f, TS_VAULT_GET, ITEM, NULL);
      gboolean taken = t == TS_STATE_RECOVERED || t == TS_STATE_COMMITTED;
      gboolean can_fail_over = t == TS_STATE_REPLICATING || t == TS_STATE_SUSPENDED ||
                               t == TS_STATE_ERROR || t == TS_STATE_RESYNC_REQUIRED;
      gboolean may_turn = s == TS_STATE_PREPARED || s == TS_STATE_ERROR || s == TS_STATE_RESYNC_REQUIRED;
      const struct {
        const char *operation;
        gboolean wanted;
      } wants[] = {
          {"PlannedFailover", s == TS_STATE_REPLICATING && can_fail_over},
          {"UnplannedFailover", can_fail_over},
          {"TestFailover", t == TS_STATE_REPLICATING},
          {"TestFailoverCleanup", FALSE},
          {"Commit", t == TS_STATE_RECOVERED},
          {"ChangePit", t == TS_STATE_RECOVERED},
          {"CancelFailover", t == TS_STATE_RECOVERED || (s == TS_STATE_PREPARED && !taken)},
          {"ReverseReplicate", taken && may_turn},
          {"RepairReplication", !taken && (s == TS_STATE_SUSPENDED || s == TS_STATE_ERROR || s == TS_STATE_RESYNC_REQUIRED)},
          {"DisableProtection", TRUE},
      };
      for (guint i = 0; i < G_N_ELEMENTS (wants); i++)
        if (offered (f, wants[i].operation) != wants[i].wanted)
          fail_msg ("source %s, replica %s: %s is %soffered", ts_state_name (s), ts_state_name (t),
                    wants[i].operation, wants[i].wanted ? "not " : "");
      planned += offered (f, "PlannedFailover") ? 1 : 0;
      cells++;
    }
  assert_int_equal (cells, 22 * 22);
  assert_int_equal (planned, 4);
  /* and when one of them is away */
  level (f, 1, "app", "a", TS_LEVEL_PRIMARY, TS_STATE_REPLICATING);
  level (f, 2, "app", "b", TS_LEVEL_REPLICA, TS_STATE_REPLICATING);
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_LOST, .connection = 1};
  step (f, &event);
  ask (f, TS_VAULT_GET, ITEM, NULL);
  assert_false (offered (f, "PlannedFailover"));
  assert_true (offered (f, "UnplannedFailover"));
  ask (f, TS_VAULT_POST, ITEM "/plannedFailover", NULL);
  assert_int_equal (f->status, 503);
  assert_string_equal (error_code (f), "25018");
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void
restore (Fixture *f)
{
  g_autofree TsVaultRow *rows = g_new0 (TsVaultRow, f->rows->len + 1);
  for (guint i = 0; i < f->rows->len; i++) {
    const Row *row = f->rows->pdata[f->rows->len - 1 - i]; /* in any order */
    rows[i] = (TsVaultRow){row->table, row->key, row->value};
  }
  g_autoptr (GError) error = NULL;
  TsVault *again = ts_vault_restore ("v", 1, rows, f->rows->len, &error);
  assert_null (error);
  ts_vault_free (f->vault);
  f->vault = again;
}

static void
a_vault_that_comes_back_goes_on (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  ask (f, TS_VAULT_POST, ITEM "/plannedFailover", NULL);
  g_autofree char *job = g_strdup_printf ("replicationJobs/%s", ts_variant_text (f->body, "name", ""));
  TsMessageKind kind;
  g_autoptr (GVariant) order = heard (f, &kind);
  assert_int_equal (kind, TS_MESSAGE_ORDER);
  assert_string_equal (ts_variant_text (order, "verb", ""), "shut-down");
  restore (f);
  g_ptr_array_set_size (f->said, 0);
  hello (f, 1, "va", "server-a", new_key (f), "");
  g_autoptr (GVariant) again = heard (f, &kind);
  assert_int_equal (kind, TS_MESSAGE_ORDER); /* the same order, under the same id */
  assert_string_equal (ts_variant_text (again, "id", ""), ts_variant_text (order, "id", "?"));
  hello (f, 2, "vb", "server-b", new_key (f), "");
  answer_orders (f, TRUE, NULL);
  ask (f, TS_VAULT_GET, job, NULL);
  assert_string_equal (property (f, "state"), "Succeeded");
  guint count = 0;
  for (guint i = 0; i < f->said->len; i++) {
    g_autoptr (GVariant) fields = NULL;
    if (ts_message_open (f->said->pdata[i], &kind, &fields, NULL) && kind == TS_MESSAGE_CONFIRM)
      count++;
  }
  assert_true (count >= 4); /* shut down, prepare, fail over, start */
}

static void
a_newer_version_is_refused (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) self = g_variant_ref_sink (g_variant_new_parsed ("{'version': <int64 %x>}", (gint64)TS_VAULT_VERSION + 1));
  TsVaultRow row = {"self", "self", self};
  assert_null (ts_vault_restore ("v", 1, &row, 1, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  assert_non_null (strstr (error->message, "newer version"));
  g_clear_error (&error);
  TsVaultRow odd = {"nonsense", "x", self};
  assert_null (ts_vault_restore ("v", 1, &odd, 1, &error));
  assert_non_null (strstr (error->message, "nonsense"));
}

static void
cancel_and_restart (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  ask (f, TS_VAULT_POST, ITEM "/plannedFailover", NULL);
  g_autofree char *job = g_strdup_printf ("replicationJobs/%s", ts_variant_text (f->body, "name", ""));
  g_autofree char *cancel = g_strdup_printf ("%s/cancel", job), *again = g_strdup_printf ("%s/restart", job);
  answer_orders (f, TRUE, "ask"); /* it has been shut down, no more */
  ask (f, TS_VAULT_POST, cancel, NULL);
  assert_int_equal (f->status, 202);
  assert_string_equal (property (f, "state"), "Cancelled");
  g_ptr_array_set_size (f->said, 0);
  ask (f, TS_VAULT_POST, again, NULL);
  assert_int_equal (f->status, 202);
  TsMessageKind kind;
  g_autoptr (GVariant) order = heard (f, &kind); /* what was done is not done again */
  assert_string_equal (ts_variant_text (order, "verb", ""), "ask");
  answer_orders (f, TRUE, NULL);
  ask (f, TS_VAULT_GET, job, NULL);
  assert_string_equal (property (f, "state"), "Succeeded");
}

/* Both Providers are there meanwhile. */
static void
pass_time (Fixture *f, gint64 us)
{
  for (gint64 until_us = f->now_us + us; f->now_us < until_us;) {
    f->now_us = MIN (f->now_us + 30 * TS_S, until_us);
    for (guint64 connection = 1; connection <= 2; connection++) {
      TsFields *beat = ts_fields_new ();
      ts_fields_set_int (beat, "clock", f->now_us);
      say (f, connection, TS_MESSAGE_HEARTBEAT, beat);
    }
    if (f->said->len > 1000)
      g_ptr_array_set_size (f->said, 0);
  }
}

/* Who is told of what: by severity, by type, of what nobody wants to know. */
static void
alerts_go_to_who_wants_them (void **state)
{
  Fixture *f = *state;
  furnish (f);
  ask (f, TS_VAULT_PUT, "replicationAlertSettings/night",
       "{'properties': <{'customEmailAddresses': <[<'a@example.org'>, <'b@example.org'>]>, 'locale': <'fr_FR'>}>}");
  assert_int_equal (f->status, 201);
  ask (f, TS_VAULT_PUT, "replicationAlertSettings/lines",
       "{'properties': <{'sendToOwners': <'Send'>, 'minimumSeverity': <'Warning'>, 'eventTypes': <[<'ProviderNotConnected'>]>}>}");
  assert_int_equal (f->status, 201);
  ask (f, TS_VAULT_PUT, "replicationAlertSettings/nobody", "{'properties': <{'minimumSeverity': <'Info'>}>}");
  assert_int_equal (f->status, 201);
  protect (f, "app");
  assert_int_equal (f->alerts->len, 0); /* all went well */
  ask (f, TS_VAULT_POST, ITEM "/testFailover", NULL);
  answer_orders (f, FALSE, NULL);
  assert_int_equal (f->alerts->len, 1); /* JobFailed is critical */
  GVariant *alert = f->alerts->pdata[0];
  assert_string_equal (ts_variant_text (alert, "setting", ""), "night");
  assert_string_equal (ts_variant_text (alert, "type", ""), "JobFailed");
  assert_string_equal (ts_variant_text (alert, "locale", ""), "fr_FR");
  g_autoptr (GVariant) to = ts_variant_list (alert, "to");
  assert_int_equal (ts_variant_count (to), 2);
  TsVaultEvent lost = {.kind = TS_VAULT_EVENT_LOST, .connection = 2};
  step (f, &lost);
  assert_int_equal (f->alerts->len, 2);
  assert_string_equal (ts_variant_text (f->alerts->pdata[1], "setting", ""), "lines");
  ask (f, TS_VAULT_GET, "replicationAlertSettings/night", NULL);
  g_autoptr (GVariant) properties = ts_variant_dict (f->body, "properties");
  assert_int_equal (ts_variant_int (properties, "alertCount", -1), 1);
  ask (f, TS_VAULT_DELETE, "replicationAlertSettings/lines", NULL);
  assert_int_equal (f->status, 204);
  ask (f, TS_VAULT_PUT, "replicationAlertSettings/bad", "{'properties': <{'customEmailAddresses': <[<'a@x'>, <'nobody'>]>}>}");
  assert_int_equal (f->status, 400);
  assert_string_equal (error_target (f), "properties.customEmailAddresses[1]");
  ask (f, TS_VAULT_GET, "replicationAlertSettings/bad", NULL);
  assert_int_equal (f->status, 404);
}

static gsize
count_of (Fixture *f)
{
  g_autoptr (GVariant) list = ts_variant_list (f->body, "value");
  return ts_variant_count (list);
}

static void
jobs_are_exported (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  pass_time (f, TS_HOUR);
  ask (f, TS_VAULT_POST, ITEM "/testFailover", NULL);
  answer_orders (f, FALSE, NULL);
  ask (f, TS_VAULT_POST, "replicationJobs/export", NULL);
  assert_int_equal (f->status, 200);
  gsize all = count_of (f);
  assert_true (all >= 3); /* pairing, enabling, the test */
  ask (f, TS_VAULT_POST, "replicationJobs/export", "{'properties': <{'jobStatus': <'Failed'>}>}");
  assert_int_equal (count_of (f), 1);
  ask (f, TS_VAULT_POST, "replicationJobs/export", "{'properties': <{'jobName': <'EnableDr'>}>}");
  assert_int_equal (count_of (f), 1);
  ask (f, TS_VAULT_POST, "replicationJobs/export", "{'properties': <{'startTime': <'2026-01-01T00:30:00Z'>}>}");
  assert_int_equal (count_of (f), 1);
  ask (f, TS_VAULT_POST, "replicationJobs/export", "{'properties': <{'endTime': <'2026-01-01T00:30:00Z'>}>}");
  assert_int_equal (count_of (f), all - 1);
  ask (f, TS_VAULT_POST, "replicationJobs/export", "{'properties': <{'startTime': <'yesterday'>}>}");
  assert_int_equal (f->status, 400);
}

static gsize
jobs_of (Fixture *f, const char *scenario)
{
  g_autofree char *body = g_strdup_printf ("{'properties': <{'jobName': <'%s'>}>}", scenario);
  ask (f, TS_VAULT_POST, "replicationJobs/export", body);
  return count_of (f);
}

/* HVR 4.4: forced completion after 2 weeks. */
static void
a_test_ends_after_two_weeks (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  ask (f, TS_VAULT_POST, ITEM "/testFailover", NULL);
  answer_orders (f, TRUE, NULL);
  g_ptr_array_set_size (f->said, 0);
  TsVaultEvent tick = {.kind = TS_VAULT_EVENT_TICK};
  gint64 end_us = f->now_us + TS_VAULT_TEST_US;
  assert_true (ts_vault_wake_us (f->vault) <= end_us);
  pass_time (f, TS_VAULT_TEST_US - 10 * TS_S);
  assert_int_equal (jobs_of (f, "TestFailoverCleanup"), 0);
  f->now_us = end_us;
  g_ptr_array_set_size (f->said, 0);
  step (f, &tick);
  assert_int_equal (jobs_of (f, "TestFailoverCleanup"), 1);
  answer_orders (f, FALSE, NULL); /* it cannot be done now: again tomorrow */
  g_ptr_array_set_size (f->said, 0);
  pass_time (f, 23 * TS_HOUR);
  assert_int_equal (jobs_of (f, "TestFailoverCleanup"), 1);
  pass_time (f, TS_HOUR);
  assert_int_equal (jobs_of (f, "TestFailoverCleanup"), 2);
  answer_orders (f, TRUE, NULL);
  g_ptr_array_set_size (f->said, 0);
  pass_time (f, 15 * 24 * TS_HOUR);
  assert_int_equal (jobs_of (f, "TestFailoverCleanup"), 2); /* it has ended, once and for all */
}

/* Of the disks that it has; and only errors that are there are resolved. */
static void
disks_and_health_errors (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  g_autoptr (TsLevel) one = ts_level_new ("app", "app", "a");
  const char *const disks[] = {"system", "data", NULL};
  one->role = TS_LEVEL_PRIMARY;
  one->state = TS_STATE_REPLICATING;
  one->exists = TRUE;
  one->health = TS_HEALTH_WARNING;
  one->disks = g_strdupv ((char **)disks);
  one->replicated = 1;
  GVariantBuilder items;
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  ts_list_add (&items, ts_level_variant (one));
  TsFields *fields = ts_fields_new ();
  ts_fields_set_bool (fields, "full", FALSE);
  ts_fields_set (fields, "items", g_variant_builder_end (&items));
  say (f, 1, TS_MESSAGE_LEVELS, fields);
  ask (f, TS_VAULT_POST, ITEM "/addDisks", "{'properties': <{'disks': <[<'system'>, <'tape'>]>}>}");
  assert_int_equal (f->status, 412);
  assert_string_equal (error_target (f), "properties.disks[1]");
  ask (f, TS_VAULT_POST, ITEM "/addDisks", "{'properties': <{'disks': <@av []>}>}");
  assert_int_equal (f->status, 400);
  ask (f, TS_VAULT_POST, ITEM "/resolveHealthErrors", "{'properties': <{'healthErrors': <[<{'healthErrorId': <'replica'>}>]>}>}");
  assert_int_equal (f->status, 412);
  g_ptr_array_set_size (f->said, 0);
  ask (f, TS_VAULT_POST, ITEM "/addDisks", "{'properties': <{'disks': <[<'data'>]>}>}");
  assert_int_equal (f->status, 202);
  TsMessageKind kind;
  {
    g_autoptr (GVariant) order = heard (f, &kind);
    g_autoptr (GVariant) inner = ts_variant_dict (order, "fields");
    g_autoptr (GVariant) add = g_variant_lookup_value (inner, "add", G_VARIANT_TYPE ("as"));
    assert_string_equal (ts_variant_text (inner, "ask", ""), ts_ask_name (TS_ASK_UPDATE_DISKS));
    assert_int_equal (g_variant_n_children (add), 1);
  }
  answer_orders (f, TRUE, NULL);
  g_ptr_array_set_size (f->said, 0);
  ask (f, TS_VAULT_POST, ITEM "/resolveHealthErrors", NULL);
  assert_int_equal (f->status, 202);
  {
    g_autoptr (GVariant) order = heard (f, &kind);
    g_autoptr (GVariant) inner = ts_variant_dict (order, "fields");
    assert_string_equal (ts_variant_text (inner, "ask", ""), ts_ask_name (TS_ASK_RESET_STATISTICS));
    assert_string_equal (ts_variant_text (inner, "role", ""), "primary");
  }
}

/* HVR 4.1: with different paths somebody has to carry the medium, and the job waits for him. */
static void
an_offline_policy_waits_for_the_medium (void **state)
{
  Fixture *f = *state;
  furnish (f);
  ask (f, TS_VAULT_PUT, "replicationPolicies/mail",
       "{'properties': <{'providerSpecificInput': <{'initialReplicationMethod': <'Offline'>}>}>}");
  assert_int_equal (f->status, 400); /* no paths */
  ask (f, TS_VAULT_PUT, "replicationPolicies/seeds",
       "{'properties': <{'providerSpecificInput': <{'initialReplicationMethod': <'Seeded'>}>}>}");
  assert_int_equal (f->status, 201);
  ask (f, TS_VAULT_PUT, "replicationPolicies/mail",
       "{'properties': <{'providerSpecificInput': <{'initialReplicationMethod': <'Offline'>, "
       "'offlineReplicationExportPath': <'/a'>, 'offlineReplicationImportPath': <'/b'>}>}>}");
  assert_int_equal (f->status, 201);
  ask (f, TS_VAULT_PUT, C1 "/replicationProtectionContainerMappings/m",
       "{'properties': <{'targetProtectionContainerId': <'" C2 "'>, 'policyId': <'replicationPolicies/mail'>}>}");
  assert_int_equal (f->status, 202);
  answer_orders (f, TRUE, NULL);
  ask (f, TS_VAULT_PUT, ITEM, "{'properties': <{'policyId': <'replicationPolicies/mail'>, 'protectableItemId': <'" C1
                              "/replicationProtectableItems/app'>}>}");
  assert_int_equal (f->status, 202);
  g_autofree char *job = g_strdup_printf ("replicationJobs/%s", ts_variant_text (f->body, "name", ""));
  g_autofree char *resume = g_strdup_printf ("%s/resume", job);
  answer_orders (f, TRUE, NULL);
  ask (f, TS_VAULT_GET, job, NULL);
  assert_string_equal (property (f, "state"), "Suspended");
  g_ptr_array_set_size (f->said, 0);
  ask (f, TS_VAULT_POST, resume, NULL);
  assert_int_equal (f->status, 202);
  gboolean imported = FALSE;
  for (guint i = 0; i < 5 && !imported; i++) {
    for (guint k = 0; k < f->said->len; k++) {
      TsMessageKind kind;
      g_autoptr (GVariant) said = NULL;
      ts_message_open (f->said->pdata[k], &kind, &said, NULL);
      g_autoptr (GVariant) inner = ts_variant_dict (said, "fields");
      imported |= kind == TS_MESSAGE_ORDER && g_str_equal (ts_variant_text (inner, "path", ""), "/b");
    }
    if (!imported)
      answer_orders (f, TRUE, NULL);
  }
  assert_true (imported);
  answer_orders (f, TRUE, NULL);
  ask (f, TS_VAULT_GET, job, NULL);
  assert_string_equal (property (f, "state"), "Succeeded");
}

/* To a host of the cloud that it, or its replica, is in; it is an order of that side's VMM server. */
static void
moved_within_a_cloud (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  ask (f, TS_VAULT_POST, ITEM "/move", NULL);
  assert_int_equal (f->status, 400);
  ask (f, TS_VAULT_POST, ITEM "/move", "{'properties': <{'host': <'zz'>}>}");
  assert_int_equal (f->status, 412);
  assert_string_equal (error_target (f), "properties.host");
  ask (f, TS_VAULT_POST, ITEM "/move", "{'properties': <{'host': <'b'>, 'side': <'source'>}>}");
  assert_int_equal (f->status, 412);
  g_ptr_array_set_size (f->said, 0);
  ask (f, TS_VAULT_POST, ITEM "/move", "{'properties': <{'host': <'b'>}>}"); /* the replica is in that cloud */
  assert_int_equal (f->status, 202);
  TsMessageKind kind;
  g_autoptr (GVariant) order = heard (f, &kind);
  g_autoptr (GVariant) inner = ts_variant_dict (order, "fields");
  assert_string_equal (ts_variant_text (order, "verb", ""), "move");
  assert_string_equal (ts_variant_text (inner, "role", ""), "replica");
  assert_string_equal (ts_variant_text (inner, "to", ""), "b");
}

/* What was durable and not told when it died is told by its next life, under the same number. */
static void
what_was_not_told_is_told_later (void **state)
{
  Fixture *f = *state;
  furnish (f);
  protect (f, "app");
  ask (f, TS_VAULT_PUT, "replicationAlertSettings/all",
       "{'properties': <{'sendToOwners': <'Send'>, 'minimumSeverity': <'Info'>}>}");
  g_string_truncate (f->told, 0);
  g_ptr_array_set_size (f->alerts, 0);
  TsVaultEvent lost = {.kind = TS_VAULT_EVENT_LOST, .connection = 2};
  step (f, &lost);
  g_autofree char *once = g_strdup (f->told->str);
  assert_non_null (strstr (once, " fabric\n"));
  assert_int_equal (f->alerts->len, 1);
  g_string_truncate (f->told, 0);
  restore (f); /* dead, as soon as that was durable */
  TsVaultEvent tick = {.kind = TS_VAULT_EVENT_TICK};
  step (f, &tick);
  assert_true (g_str_has_prefix (f->told->str, once));
  assert_int_equal (f->alerts->len, 2);
  g_string_truncate (f->told, 0);
  ask (f, TS_VAULT_DELETE, "replicationAlertSettings/all", NULL); /* a transaction later they are settled */
  restore (f);
  step (f, &tick);
  assert_null (strstr (f->told->str, once));
  assert_int_equal (f->alerts->len, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
      TEST (a_key_is_for_one_server_and_five_days),
      TEST (a_provider_that_is_silent_is_given_up),
      TEST (bad_requests_are_refused_by_name),
      TEST (one_operation_at_a_time),
      TEST (every_cell_of_allowed_operations),
      TEST (a_vault_that_comes_back_goes_on),
      TEST (a_newer_version_is_refused),
      TEST (cancel_and_restart),
      TEST (alerts_go_to_who_wants_them),
      TEST (jobs_are_exported),
      TEST (a_test_ends_after_two_weeks),
      TEST (what_was_not_told_is_told_later),
      TEST (disks_and_health_errors),
      TEST (an_offline_policy_waits_for_the_medium),
      TEST (moved_within_a_cloud),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

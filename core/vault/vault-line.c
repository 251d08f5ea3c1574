/* core/vault/vault-line.c -- Providers: who connects, who it proves to be, what it says. */
#include "core/vault/vault-internal.h"
#include "core/site/vmm.h"

#define SKEW_US (5 * TS_MIN) /* CHOICE: clocks that differ by more are worth an event */

void
ts_vault_line_free (gpointer data)
{
  TsVaultLine *line = data;
  g_free (line->fabric);
  g_free (line);
}

static TsVaultLine *
find (const TsVault *vault, guint64 connection)
{
  for (guint i = 0; i < vault->lines->len; i++)
    if (((TsVaultLine *)vault->lines->pdata[i])->connection == connection)
      return vault->lines->pdata[i];
  return NULL;
}

const TsVaultLine *
ts_vault_line (const TsVault *vault, const char *fabric)
{
  for (guint i = 0; i < vault->lines->len; i++)
    if (g_strcmp0 (((TsVaultLine *)vault->lines->pdata[i])->fabric, fabric) == 0)
      return vault->lines->pdata[i];
  return NULL;
}

gboolean
ts_vault_reachable (const TsVault *vault, const char *fabric)
{
  return ts_vault_line (vault, fabric) ||
         (vault->restored && vault->now_us < vault->begun_us + ts_vault_scaled_us (vault, TS_VAULT_FRESH_US));
}

static void
send (TsVault *vault, const TsVaultLine *line, TsMessageKind kind, TsFields *fields)
{
  TsVaultAction action = {.kind = TS_VAULT_ACTION_SEND, .connection = line->connection};
  action.value = g_variant_ref_sink (ts_message_new (kind, fields));
  g_array_append_val (vault->out, action);
}

void
ts_vault_say (TsVault *vault, const char *fabric, TsMessageKind kind, TsFields *fields)
{
  const TsVaultLine *line = ts_vault_line (vault, fabric);
  if (line)
    send (vault, line, kind, fields);
  else
    ts_fields_free (fields);
}

static void
hang_up (TsVault *vault, TsVaultLine *line)
{
  TsVaultAction action = {.kind = TS_VAULT_ACTION_CLOSE, .connection = line->connection};
  g_array_append_val (vault->out, action);
  g_ptr_array_remove (vault->lines, line);
}

static void
fabric_changed (TsVault *vault, const char *fabric)
{
  g_autofree char *path = g_strdup_printf ("replicationFabrics/%s", fabric);
  ts_vault_changed (vault, path);
}

static void
report (TsVault *vault, const char *fabric, const char *phase, const char *reason)
{
  TsRecord *record = ts_record_new (0, "vault", "fabric");
  ts_record_text (record, "vmm", fabric);
  ts_record_text (record, "phase", phase);
  ts_vault_report (vault, ts_record_text (record, "reason", reason));
}

static void
gone (TsVault *vault, const char *fabric, const char *reason)
{
  g_autofree char *path = g_strdup_printf ("replicationFabrics/%s", fabric);
  report (vault, fabric, "lost", reason);
  ts_vault_event (vault, "ProviderNotConnected", "Warning", fabric, path,
                  "The Provider of %s is not connected: %s", fabric, reason);
  fabric_changed (vault, fabric);
  ts_vault_jobs_again (vault);
}

void
ts_vault_line_connected (TsVault *vault, guint64 connection)
{
  TsVaultLine *line = g_new0 (TsVaultLine, 1);
  line->connection = connection;
  line->heard_us = vault->now_us;
  g_ptr_array_add (vault->lines, line);
}

void
ts_vault_line_lost (TsVault *vault, guint64 connection)
{
  TsVaultLine *line = find (vault, connection);
  if (!line)
    return;
  g_autofree char *fabric = g_strdup (line->fabric);
  g_ptr_array_remove (vault->lines, line);
  if (fabric && !ts_vault_line (vault, fabric))
    gone (vault, fabric, "the connection is gone");
}

/* --- registration ----------------------------------------------------------------------------- */

static void
turn_away (TsVault *vault, TsVaultLine *line, const char *name, gint64 code, const char *reason)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "code", code);
  ts_fields_set_text (fields, "reason", reason);
  send (vault, line, TS_MESSAGE_REFUSED, fields);
  report (vault, name, "refused", reason);
  ts_vault_event (vault, "ProviderRefused", "Warning", name, "", "%s: %s", name, reason);
  hang_up (vault, line);
}

static gboolean
is_name (const char *text)
{
  gsize len = strlen (text);
  if (len < 1 || len > 63 || !g_ascii_isalnum (text[0]))
    return FALSE;
  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isalnum (text[i]) && !strchr ("-_.", text[i]))
      return FALSE;
  return TRUE;
}

/* What it may not be welcomed for; 0: it may, and *fabric is its document, perhaps new. */
static gint64
judge_hello (TsVault *vault, GVariant *fields, TsDoc **fabric, const char **reason)
{
  const char *name = ts_variant_text (fields, "name", "");
  const char *server = ts_variant_text (fields, "server", "");
  const char *key = ts_variant_text (fields, "key", "");
  const char *secret = ts_variant_text (fields, "secret", "");
  g_autofree char *path = g_strdup_printf ("replicationFabrics/%s", name);
  TsDoc *known = ts_vault_doc (vault, TS_TABLE_FABRIC, path);
  if (!is_name (name) || !*server) {
    *reason = "that is no name for a VMM server";
    return TS_SITE_FOREIGN_KEY;
  }
  if (known && !g_str_equal (ts_doc_text (known, "server"), server)) {
    *reason = "another VMM server is registered under this name";
    return TS_SITE_NAME_TAKEN;
  }
  if (*secret) {
    g_autofree char *sum = ts_vault_sum (secret);
    if (!known || !g_str_equal (ts_doc_text (known, "secret_sum"), sum)) {
      *reason = "this VMM server is not registered in this vault";
      return TS_SITE_FOREIGN_KEY;
    }
    *fabric = known;
    return 0;
  }
  g_autofree char *sum = ts_vault_sum (key);
  TsDoc *doc = ts_vault_doc (vault, TS_TABLE_KEY, sum);
  const char *used = ts_doc_text (doc, "used_by");
  if (!doc || (*used && !g_str_equal (used, server))) {
    *reason = doc ? "the registration key has been used by another VMM server"
                  : "the registration key is none of this vault's";
    return TS_SITE_FOREIGN_KEY;
  }
  if (vault->now_us > ts_doc_int (doc, "expires_us", 0)) { /* by the vault's own clock alone */
    *reason = "the registration key has expired";
    return TS_SITE_EXPIRED_KEY;
  }
  ts_vault_set_text (vault, doc, "used_by", server);
  *fabric = known ? known : ts_vault_doc_make (vault, TS_TABLE_FABRIC, path);
  return 0;
}

static void
hear_hello (TsVault *vault, TsVaultLine *line, GVariant *fields)
{
  const char *name = ts_variant_text (fields, "name", ""), *reason = "";
  gboolean fresh = !*ts_variant_text (fields, "secret", "");
  TsDoc *fabric = NULL;
  gint64 code = judge_hello (vault, fields, &fabric, &reason);
  if (code != 0) {
    turn_away (vault, line, name, code, reason);
    return;
  }
  for (guint i = vault->lines->len; i > 0; i--) { /* an older one of its own is dead */
    TsVaultLine *other = vault->lines->pdata[i - 1];
    if (other != line && g_strcmp0 (other->fabric, name) == 0)
      hang_up (vault, other);
  }
  g_autofree char *secret = fresh ? ts_vault_secret (vault) : g_strdup ("");
  if (fresh) {
    g_autofree char *sum = ts_vault_sum (secret);
    ts_vault_set_text (vault, fabric, "name", name);
    ts_vault_set_text (vault, fabric, "server", ts_variant_text (fields, "server", ""));
    ts_vault_set_text (vault, fabric, "secret_sum", sum);
    ts_vault_set_int (vault, fabric, "registered_us", vault->now_us);
  }
  ts_vault_set_text (vault, fabric, "version", ts_variant_text (fields, "version", ""));
  g_free (line->fabric);
  line->fabric = g_strdup (name);
  line->skew_us = ts_variant_int (fields, "clock", vault->now_us) - vault->now_us;
  TsFields *welcome = ts_fields_new ();
  ts_fields_set_text (welcome, "vault", vault->name);
  ts_fields_set_text (welcome, "secret", secret);
  ts_fields_set_int (welcome, "clock", vault->now_us);
  send (vault, line, TS_MESSAGE_WELCOME, welcome);
  report (vault, name, "connected", "");
  ts_vault_event (vault, fresh ? "ProviderRegistered" : "ProviderConnected", "Info", name, fabric->key,
                  "The Provider of %s is connected", name);
  if (ABS (line->skew_us) > SKEW_US)
    ts_vault_event (vault, "ClockDifference", "Warning", name, fabric->key,
                    "The clock of %s is %" G_GINT64_FORMAT " s %s the vault's", name,
                    ABS (line->skew_us) / TS_S, line->skew_us > 0 ? "ahead of" : "behind");
  fabric_changed (vault, name);
  ts_vault_jobs_reorder (vault, name);
}

/* --- all -------------------------------------------------------------------------------------- */

static void
hear_inventory (TsVault *vault, const char *fabric, GVariant *fields)
{
  TsDoc *doc = ts_vault_doc (vault, TS_TABLE_INVENTORY, fabric);
  if (!doc)
    doc = ts_vault_doc_make (vault, TS_TABLE_INVENTORY, fabric);
  static const char *const lists[] = {"hosts", "clouds", "networks", "logicals", "classifications", "vms"};
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    g_autoptr (GVariant) list = ts_variant_list (fields, lists[i]);
    ts_vault_set (vault, doc, lists[i], list);
  }
  fabric_changed (vault, fabric);
}

void
ts_vault_line_message (TsVault *vault, guint64 connection, GVariant *message)
{
  TsVaultLine *line = find (vault, connection);
  TsMessageKind kind;
  g_autoptr (GVariant) fields = NULL;
  g_autoptr (GError) error = NULL;
  if (!line)
    return;
  if (!ts_message_open (message, &kind, &fields, &error)) {
    g_autofree char *fabric = g_strdup (line->fabric);
    report (vault, fabric ? fabric : "?", "refused", error->message);
    hang_up (vault, line);
    if (fabric)
      gone (vault, fabric, error->message);
    return;
  }
  line->heard_us = vault->now_us;
  if (kind == TS_MESSAGE_HELLO && !line->fabric)
    hear_hello (vault, line, fields);
  else if (!line->fabric)
    hang_up (vault, line); /* says things before it has said who it is */
  else if (kind == TS_MESSAGE_HEARTBEAT) {
    line->skew_us = ts_variant_int (fields, "clock", vault->now_us) - vault->now_us;
    TsFields *alive = ts_fields_new ();
    ts_fields_set_int (alive, "clock", vault->now_us);
    send (vault, line, TS_MESSAGE_ALIVE, alive);
  } else if (kind == TS_MESSAGE_INVENTORY)
    hear_inventory (vault, line->fabric, fields);
  else if (kind == TS_MESSAGE_LEVELS)
    ts_vault_levels_heard (vault, line->fabric, fields);
  else if (kind == TS_MESSAGE_RESULT)
    ts_vault_job_result (vault, line->fabric, fields);
}

void
ts_vault_lines_tick (TsVault *vault)
{
  for (guint i = vault->lines->len; i > 0; i--) {
    TsVaultLine *line = vault->lines->pdata[i - 1];
    if (vault->now_us < line->heard_us + ts_vault_scaled_us (vault, TS_VMM_SILENCE_US))
      continue;
    g_autofree char *fabric = g_strdup (line->fabric);
    hang_up (vault, line);
    if (fabric)
      gone (vault, fabric, "no heartbeat came");
  }
}

gint64
ts_vault_lines_wake_us (const TsVault *vault)
{
  gint64 wake_us = TS_NEVER;
  for (guint i = 0; i < vault->lines->len; i++) {
    const TsVaultLine *line = vault->lines->pdata[i];
    wake_us = MIN (wake_us, line->heard_us + ts_vault_scaled_us (vault, TS_VMM_SILENCE_US));
  }
  return wake_us;
}

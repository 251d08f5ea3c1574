/* core/vault/vault.c -- see vault.h.  Here: the step, and the way back from stored rows. */
#include "core/vault/vault-internal.h"

/* --- actions ---------------------------------------------------------------------------------- */

void
ts_vault_reply_clear (TsVaultReply *reply)
{
  g_clear_pointer (&reply->body, g_variant_unref);
  g_clear_pointer (&reply->location, g_free);
}

static void
action_clear (gpointer data)
{
  TsVaultAction *action = data;
  g_free (action->key);
  g_clear_pointer (&action->value, g_variant_unref);
  ts_vault_reply_clear (&action->reply);
  g_free (action->path);
  ts_record_free (action->record);
}

TsVaultActions *
ts_vault_actions_new (void)
{
  GArray *actions = g_array_new (FALSE, TRUE, sizeof (TsVaultAction));
  g_array_set_clear_func (actions, action_clear);
  return actions;
}

void
ts_vault_actions_free (TsVaultActions *actions)
{
  if (actions)
    g_array_unref (actions);
}

/* --- making ----------------------------------------------------------------------------------- */

TsVault *
ts_vault_new (const char *name, guint32 time_scale)
{
  TsVault *vault = g_new0 (TsVault, 1);
  vault->name = g_strdup (name);
  vault->time_scale = MAX (time_scale, 1);
  for (guint i = 0; i < TS_TABLES; i++)
    vault->docs[i] = g_ptr_array_new_with_free_func (ts_doc_free);
  vault->marked = g_ptr_array_new ();
  vault->gone = g_ptr_array_new_with_free_func (ts_doc_free);
  vault->changed = g_ptr_array_new_with_free_func (g_free);
  vault->telling = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  vault->lines = g_ptr_array_new_with_free_func (ts_vault_line_free);
  vault->levels =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
  vault->jobs = g_ptr_array_new_with_free_func (ts_vault_job_free);
  return vault;
}

/* One row into memory.  FALSE: it is none. */
static gboolean
load (TsVault *vault, const TsVaultRow *row, GError **error)
{
  for (guint table = 0; table < TS_TABLES; table++) {
    if (!g_str_equal (ts_vault_table_name ((TsVaultTable)table), row->table))
      continue;
    if (!g_variant_is_of_type (row->value, G_VARIANT_TYPE_VARDICT))
      break;
    TsDoc *doc = ts_vault_doc_load (vault, (TsVaultTable)table, row->key, row->value);
    gint64 version = ts_doc_int (doc, "version", 0);
    if (table == TS_TABLE_SELF && version > TS_VAULT_VERSION)
      return ts_throw (error, TS_ERROR_FORMAT,
                       "made by a newer version (%" G_GINT64_FORMAT "; this one knows %d)", version,
                       TS_VAULT_VERSION);
    if (table == TS_TABLE_LEVEL) {
      g_auto (GStrv) parts = g_strsplit (row->key, "/", 3);
      g_autoptr (GVariant) fields = ts_variant_dict (row->value, "level");
      TsLevel *level = fields ? ts_level_parse (fields, NULL) : NULL;
      if (!level)
        break;
      ts_vault_level_keep (vault, parts[0], level);
    }
    return TRUE;
  }
  return ts_throw (error, TS_ERROR_FORMAT, "row %s of table %s is none of a vault's", row->key,
                   row->table);
}

TsVault *
ts_vault_restore (const char *name, guint32 time_scale, const TsVaultRow *rows, guint count,
                  GError **error)
{
  g_autoptr (TsVault) vault = ts_vault_new (name, time_scale);
  for (guint i = 0; i < count; i++)
    if (!load (vault, &rows[i], error))
      return NULL;
  vault->restored = count > 0;
  ts_vault_job_load (vault);
  return g_steal_pointer (&vault);
}

void
ts_vault_free (TsVault *vault)
{
  if (!vault)
    return;
  g_free (vault->name);
  g_ptr_array_unref (vault->jobs);
  for (guint i = 0; i < TS_TABLES; i++)
    g_ptr_array_unref (vault->docs[i]);
  g_ptr_array_unref (vault->marked);
  g_ptr_array_unref (vault->gone);
  g_ptr_array_unref (vault->changed);
  g_ptr_array_unref (vault->telling);
  g_ptr_array_unref (vault->lines);
  g_hash_table_unref (vault->levels);
  g_free (vault);
}

gint64
ts_vault_scaled_us (const TsVault *vault, gint64 us)
{
  return us / vault->time_scale;
}

/* --- requests --------------------------------------------------------------------------------- */

static void
new_key (TsVault *vault, TsVaultCall *call)
{
  g_autofree char *key = ts_vault_secret (vault);
  g_autofree char *sum = ts_vault_sum (key);
  gint64 valid_us = TS_S * ts_variant_int (call->properties, "validForSeconds", TS_VAULT_KEY_VALID_US / TS_S);
  gint64 expires_us = vault->now_us + ts_vault_scaled_us (vault, valid_us);
  for (guint i = vault->docs[TS_TABLE_KEY]->len; i > 0; i--) { /* those that are of no use any more */
    TsDoc *old = vault->docs[TS_TABLE_KEY]->pdata[i - 1];
    if (ts_doc_int (old, "expires_us", 0) + ts_vault_scaled_us (vault, 2 * TS_VAULT_KEY_VALID_US) <
        vault->now_us)
      ts_vault_doc_drop (vault, old);
  }
  TsDoc *doc = ts_vault_doc_make (vault, TS_TABLE_KEY, sum);
  ts_vault_set_int (vault, doc, "expires_us", expires_us);
  ts_vault_set_text (vault, doc, "used_by", "");
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "registrationKey", key);
  ts_vault_set_time (p, "expiryTime", expires_us);
  ts_vault_reply (vault, call, 200, ts_vault_resource (vault, "registrationKeys", "registrationKey", p),
                  NULL);
}

static const struct {
  const char *word; /* in the pattern; the first that fits counts */
  void (*answer) (TsVault *vault, TsVaultCall *call);
} parts[] = {
    {"registrationKeys", new_key},
    {"replicationVaultHealth", ts_vault_event_request},
    {"replicationEvents", ts_vault_event_request},
    {"replicationAlertSettings", ts_vault_alert_request},
    {"replicationJobs", ts_vault_job_request},
    {"replicationRecoveryPlans", ts_vault_plan_request},
    {"replicationPolicies", ts_vault_policy_request},
    {"replicationProtectedItems", ts_vault_item_request},
    {"replicationProtectionContainerMappings", ts_vault_pair_request},
    {"replicationNetworkMappings", ts_vault_site_mapping_request},
    {"replicationStorageClassificationMappings", ts_vault_site_mapping_request},
    {"replication", ts_vault_fabric_request},
};

static void
answer (TsVault *vault, const TsVaultRequest *request)
{
  gboolean other;
  g_auto (GStrv) names = NULL;
  g_autofree char *target = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) properties = NULL;
  TsVaultCall call = {.request = request, .path = (char *)request->path};
  call.route = ts_vault_route_find (request->method, request->path, &names, &other);
  call.names = names;
  if (!call.route) {
    if (other)
      ts_vault_refuse (vault, &call, 405, 0, NULL, "%s is not for this resource",
                       ts_vault_method_name (request->method));
    else
      ts_vault_refuse (vault, &call, 404, 0, NULL, "there is no resource %.200s", request->path);
    return;
  }
  if (!ts_vault_body_check (call.route, request->body, &target, &error)) {
    ts_vault_refuse (vault, &call, 400, 0, target, "%s", error->message);
    return;
  }
  properties = ts_variant_dict (request->body, "properties");
  call.properties = properties;
  for (guint i = 0; i < G_N_ELEMENTS (parts) && !call.answered; i++)
    if (strstr (call.route->pattern, parts[i].word))
      parts[i].answer (vault, &call);
  g_assert (call.answered);
}

/* --- all -------------------------------------------------------------------------------------- */

static void
begin_life (TsVault *vault)
{
  vault->begun = TRUE;
  vault->begun_us = vault->now_us;
  if (!ts_vault_doc (vault, TS_TABLE_SELF, "self")) {
    TsDoc *self = ts_vault_doc_make (vault, TS_TABLE_SELF, "self");
    ts_vault_set_int (vault, self, "version", TS_VAULT_VERSION);
    ts_vault_set_text (vault, self, "name", vault->name);
  }
  ts_vault_tell_again (vault);
}

void
ts_vault_step (TsVault *vault, const TsVaultEvent *event, TsVaultActions *out)
{
  guint before = out->len;
  g_assert (before == 0); /* rows go in front of all else of this step */
  vault->now_us = event->now_us;
  vault->out = out;
  vault->entropy = event->entropy;
  if (!vault->begun)
    begin_life (vault);
  TsDoc *self = ts_vault_doc (vault, TS_TABLE_SELF, "self");
  if (event->entropy && !*ts_doc_text (self, "instance")) {
    g_autofree char *instance = ts_vault_secret (vault);
    instance[8] = '\0';
    ts_vault_set_text (vault, self, "instance", instance);
  }
  switch (event->kind) {
  case TS_VAULT_EVENT_TICK:
    break;
  case TS_VAULT_EVENT_REQUEST:
    answer (vault, event->request);
    break;
  case TS_VAULT_EVENT_CONNECTED:
    ts_vault_line_connected (vault, event->connection);
    break;
  case TS_VAULT_EVENT_LOST:
    ts_vault_line_lost (vault, event->connection);
    break;
  case TS_VAULT_EVENT_MESSAGE:
    ts_vault_line_message (vault, event->connection, event->message);
    break;
  }
  ts_vault_lines_tick (vault);
  ts_vault_tests_end (vault);
  ts_vault_jobs_go_on (vault);
  ts_vault_told_flush (vault);
  ts_vault_docs_flush (vault);
  vault->out = NULL;
  vault->entropy = NULL;
}

gint64
ts_vault_wake_us (const TsVault *vault)
{
  gint64 wake_us = MIN (ts_vault_lines_wake_us (vault), ts_vault_jobs_wake_us (vault));
  return MIN (wake_us, ts_vault_tests_wake_us (vault));
}

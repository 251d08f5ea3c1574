/* core/vault/vault-event.c -- events, and the health of the whole.  HVR reference 4.2. */
#include "core/vault/vault-internal.h"

#define EVENTS_MAX 1000 /* CHOICE: older ones go */

void
ts_vault_event (TsVault *vault, const char *type, const char *severity, const char *object,
                const char *path, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  TsDoc *self = ts_vault_doc (vault, TS_TABLE_SELF, "self");
  gint64 number = ts_doc_int (self, "events", 0) + 1;
  ts_vault_set_int (vault, self, "events", number);
  g_autofree char *key = g_strdup_printf ("replicationEvents/event-%08" G_GINT64_FORMAT, number);
  TsDoc *event = ts_vault_doc_make (vault, TS_TABLE_EVENT, key);
  ts_vault_set_text (vault, event, "type", type);
  ts_vault_set_text (vault, event, "severity", severity);
  ts_vault_set_text (vault, event, "object", object);
  ts_vault_set_text (vault, event, "path", path);
  ts_vault_set_text (vault, event, "text", text);
  ts_vault_set_int (vault, event, "time_us", vault->now_us);
  ts_vault_alert_event (vault, event);
  while (vault->docs[TS_TABLE_EVENT]->len > EVENTS_MAX)
    ts_vault_doc_drop (vault, vault->docs[TS_TABLE_EVENT]->pdata[0]);
}

static GVariant *
show (const TsVault *vault, const TsDoc *event)
{
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "eventType", ts_doc_text (event, "type"));
  ts_fields_set_text (p, "severity", ts_doc_text (event, "severity"));
  ts_fields_set_text (p, "affectedObjectFriendlyName", ts_doc_text (event, "object"));
  ts_vault_set_id (vault, p, "affectedObjectId", ts_doc_text (event, "path"));
  ts_fields_set_text (p, "description", ts_doc_text (event, "text"));
  ts_vault_set_time (p, "timeOfOccurrence", ts_doc_int (event, "time_us", 0));
  return ts_vault_resource (vault, event->key, "event", p);
}

static void
show_health (TsVault *vault, TsVaultCall *call)
{
  gint64 items[4] = {0}, connected = 0, running = 0, failed = 0;
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    TsItemView view;
    ts_item_view_init (vault, vault->docs[TS_TABLE_ITEM]->pdata[i], &view);
    TsHealth health = TS_HEALTH_NONE;
    if (view.source)
      health = MAX (health, view.source->health);
    if (view.target)
      health = MAX (health, view.target->health);
    items[health]++;
    ts_item_view_clear (&view);
  }
  for (guint i = 0; i < vault->docs[TS_TABLE_FABRIC]->len; i++)
    connected += ts_vault_line (vault, ts_doc_text (vault->docs[TS_TABLE_FABRIC]->pdata[i], "name")) != NULL;
  for (guint i = 0; i < vault->docs[TS_TABLE_JOB]->len; i++) {
    const char *state = ts_doc_text (vault->docs[TS_TABLE_JOB]->pdata[i], "state");
    running += !ts_task_state_final (state);
    failed += g_str_equal (state, "Failed");
  }
  TsFields *p = ts_fields_new (), *count = ts_fields_new ();
  ts_fields_set_int (count, "none", items[TS_HEALTH_NONE]);
  ts_fields_set_int (count, "normal", items[TS_HEALTH_NORMAL]);
  ts_fields_set_int (count, "warning", items[TS_HEALTH_WARNING]);
  ts_fields_set_int (count, "critical", items[TS_HEALTH_CRITICAL]);
  ts_fields_set (p, "protectedItemsHealth", ts_fields_end (count));
  ts_fields_set_int (p, "fabricsRegistered", (gint64)vault->docs[TS_TABLE_FABRIC]->len);
  ts_fields_set_int (p, "fabricsConnected", connected);
  ts_fields_set_int (p, "jobsInProgress", running);
  ts_fields_set_int (p, "jobsFailed", failed);
  ts_fields_set_text (p, "health",
                      items[TS_HEALTH_CRITICAL] > 0 ||
                              connected < (gint64)vault->docs[TS_TABLE_FABRIC]->len
                          ? "Critical"
                      : items[TS_HEALTH_WARNING] > 0 ? "Warning"
                                                     : "Normal");
  ts_vault_set_time (p, "now", vault->now_us);
  ts_vault_reply (vault, call, 200, ts_vault_resource (vault, "replicationVaultHealth", "vaultHealth", p),
                  NULL);
}

void
ts_vault_event_request (TsVault *vault, TsVaultCall *call)
{
  if (g_str_equal (call->route->answer, "vaultHealth")) {
    show_health (vault, call);
    return;
  }
  if (!call->route->list) {
    const TsDoc *event = ts_vault_doc (vault, TS_TABLE_EVENT, call->path);
    if (event)
      ts_vault_reply (vault, call, 200, show (vault, event), NULL);
    else
      ts_vault_refuse (vault, call, 404, 0, NULL, "there is no event %s", call->names[0]);
    return;
  }
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = vault->docs[TS_TABLE_EVENT]->len; i > 0; i--)
    ts_list_add (&list, show (vault, vault->docs[TS_TABLE_EVENT]->pdata[i - 1]));
  TsFields *body = ts_fields_new ();
  ts_fields_set (body, "value", g_variant_builder_end (&list));
  ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
}

/* core/vault/vault-alert.c -- alert settings: who is told of which events.  HVR reference 4.2.
 *
 * There is no mail here (CHOICE): an alert leaves the vault as an action with its addressees, and who runs the
 * vault says what is done with it, such as a line in a file or a command.  Which events: those
 * of one severity and above (CHOICE: Critical unless said, as the service tells of what failed), of
 * all types unless some are named (CHOICE: not in the published settings). */
#include "core/vault/vault-internal.h"

static GVariant *
show (const TsVault *vault, const TsDoc *setting)
{
  TsFields *p = ts_fields_of (ts_doc_get (setting, "settings"));
  ts_vault_set_time (p, "lastAlertTime", ts_doc_int (setting, "last_us", 0));
  ts_fields_set_int (p, "alertCount", ts_doc_int (setting, "count", 0));
  return ts_vault_resource (vault, setting->key, "alertSetting", p);
}

static gint
rank (const char *severity)
{
  static const char *const names[] = {"Info", "Warning", "Critical"};
  for (gint i = 0; i < (gint)G_N_ELEMENTS (names); i++)
    if (g_str_equal (names[i], severity))
      return i;
  return 0;
}

static gboolean
wants (const TsDoc *setting, const TsDoc *event)
{
  GVariant *settings = ts_doc_get (setting, "settings");
  g_autoptr (GVariant) types = ts_variant_list (settings, "eventTypes");
  g_autoptr (GVariant) addresses = ts_variant_list (settings, "customEmailAddresses");
  gboolean listed = ts_variant_count (types) == 0;
  for (gsize i = 0; i < ts_variant_count (types); i++) {
    g_autoptr (GVariant) type = ts_variant_entry (types, i);
    listed |= g_str_equal (g_variant_get_string (type, NULL), ts_doc_text (event, "type"));
  }
  return listed &&
         (ts_variant_count (addresses) > 0 ||
          g_str_equal (ts_variant_text (settings, "sendToOwners", ""), "Send")) &&
         rank (ts_doc_text (event, "severity")) >=
             rank (ts_variant_text (settings, "minimumSeverity", "Critical"));
}

static void
tell_of (TsVault *vault, TsDoc *setting, const TsDoc *event)
{
  GVariant *settings = ts_doc_get (setting, "settings");
  g_autofree char *name = ts_path_segment (setting->key, 0), *number = ts_path_segment (event->key, 0);
  g_autoptr (GVariant) addresses = ts_variant_list (settings, "customEmailAddresses");
  gboolean owners = g_str_equal (ts_variant_text (settings, "sendToOwners", ""), "Send");
  GVariantBuilder to;
  g_variant_builder_init (&to, G_VARIANT_TYPE ("av"));
  if (owners)
    ts_list_add (&to, g_variant_new_string ("owners"));
  for (gsize i = 0; i < ts_variant_count (addresses); i++) {
    g_autoptr (GVariant) address = ts_variant_entry (addresses, i);
    ts_list_add (&to, address);
  }
  TsFields *alert = ts_fields_new ();
  ts_fields_set_text (alert, "setting", name);
  ts_fields_set (alert, "to", g_variant_builder_end (&to));
  ts_fields_set_text (alert, "locale", ts_variant_text (settings, "locale", ""));
  ts_fields_set_text (alert, "event", number);
  ts_fields_set_text (alert, "type", ts_doc_text (event, "type"));
  ts_fields_set_text (alert, "severity", ts_doc_text (event, "severity"));
  ts_fields_set_text (alert, "object", ts_doc_text (event, "object"));
  ts_fields_set_text (alert, "description", ts_doc_text (event, "text"));
  ts_vault_set_time (alert, "time", ts_doc_int (event, "time_us", 0));
  ts_vault_alert (vault, alert);
  TsRecord *record = ts_record_new (0, "vault", "alert");
  ts_record_text (record, "setting", name);
  ts_record_text (record, "event", number);
  ts_record_text (record, "type", ts_doc_text (event, "type"));
  ts_record_text (record, "severity", ts_doc_text (event, "severity"));
  ts_vault_report (vault, ts_record_text (record, "object", ts_doc_text (event, "object")));
  ts_vault_set_int (vault, setting, "count", ts_doc_int (setting, "count", 0) + 1);
  ts_vault_set_int (vault, setting, "last_us", vault->now_us);
}

void
ts_vault_alert_event (TsVault *vault, const TsDoc *event)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_ALERT_SETTING]->len; i++)
    if (wants (vault->docs[TS_TABLE_ALERT_SETTING]->pdata[i], event))
      tell_of (vault, vault->docs[TS_TABLE_ALERT_SETTING]->pdata[i], event);
}

static void
put (TsVault *vault, TsVaultCall *call, TsDoc *setting)
{
  g_autoptr (GVariant) addresses = ts_variant_list (call->properties, "customEmailAddresses");
  for (gsize i = 0; i < ts_variant_count (addresses); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (addresses, i);
    const char *text = g_variant_get_string (one, NULL), *at = strchr (text, '@');
    gboolean good = at && at > text && at[1] != '\0' && !strchr (at + 1, '@');
    for (const char *c = text; good && *c; c++)
      good = g_ascii_isgraph (*c) && *c != ',' && *c != ';';
    if (good)
      continue;
    g_autofree char *target = g_strdup_printf ("properties.customEmailAddresses[%" G_GSIZE_FORMAT "]", i);
    ts_vault_refuse (vault, call, 400, 0, target, "%s: \"%.80s\" is no address", target, text);
    return;
  }
  gboolean fresh = !setting;
  if (!setting)
    setting = ts_vault_doc_make (vault, TS_TABLE_ALERT_SETTING, call->path);
  TsFields *f = ts_fields_of (call->properties);
  ts_fields_set_text (f, "sendToOwners", ts_variant_text (call->properties, "sendToOwners", "DoNotSend"));
  ts_fields_set_text (f, "minimumSeverity", ts_variant_text (call->properties, "minimumSeverity", "Critical"));
  ts_fields_set_text (f, "locale", ts_variant_text (call->properties, "locale", ""));
  ts_vault_set (vault, setting, "settings", ts_fields_end (f));
  ts_vault_reply (vault, call, fresh ? 201 : 200, show (vault, setting), NULL);
}

void
ts_vault_alert_request (TsVault *vault, TsVaultCall *call)
{
  TsDoc *setting = ts_vault_doc (vault, TS_TABLE_ALERT_SETTING, call->path);
  if (call->route->method == TS_VAULT_PUT)
    put (vault, call, setting);
  else if (call->route->list) {
    GVariantBuilder list;
    g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < vault->docs[TS_TABLE_ALERT_SETTING]->len; i++)
      ts_list_add (&list, show (vault, vault->docs[TS_TABLE_ALERT_SETTING]->pdata[i]));
    TsFields *body = ts_fields_new ();
    ts_fields_set (body, "value", g_variant_builder_end (&list));
    ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
  } else if (!setting)
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no alert setting %s", call->names[0]);
  else if (call->route->method == TS_VAULT_GET)
    ts_vault_reply (vault, call, 200, show (vault, setting), NULL);
  else {
    ts_vault_doc_drop (vault, setting);
    ts_vault_reply (vault, call, 204, NULL, NULL);
  }
}

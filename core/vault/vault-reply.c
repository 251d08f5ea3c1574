/* core/vault/vault-reply.c -- answers, ids, times, secrets. */
#include "core/vault/vault-internal.h"

#define ROOT "/vaults/"

void
ts_vault_reply (TsVault *vault, TsVaultCall *call, guint status, GVariant *body,
                const char *location)
{
  g_assert (!call->answered);
  call->answered = TRUE;
  TsVaultAction action = {.kind = TS_VAULT_ACTION_REPLY};
  action.reply.id = call->request->id;
  action.reply.status = status;
  action.reply.body = body ? g_variant_ref_sink (body) : NULL;
  action.reply.location = g_strdup (location);
  g_array_append_val (vault->out, action);
}

void
ts_vault_refuse (TsVault *vault, TsVaultCall *call, guint status, gint64 code, const char *target,
                 const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  static const struct {
    guint status;
    const char *code, *causes, *advice;
  } texts[] = {
      {400, "InvalidRequest", "The request is not what this route takes.",
       "Look at the OpenAPI document, and mend the request."},
      {404, "NotFound", "It was never there, or has been deleted.", "Look at the list that it should be in."},
      {405, "MethodNotAllowed", "This resource is not for that method.", "Look at the OpenAPI document."},
      {409, "Conflict", "The state does not allow it.", "Look at the resource, and try again."},
      {412, "PreconditionFailed", "Something that it needs is not there yet.", "Make that first."},
      {503, "NotConnected", "A server that is needed does not answer.", "Start it, and try again."},
  };
  const char *name = "Error", *causes = "", *advice = "";
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (texts[i].status == status) {
      name = texts[i].code;
      causes = texts[i].causes;
      advice = texts[i].advice;
    }
  TsFields *error = ts_fields_new ();
  g_autofree char *number = g_strdup_printf ("%" G_GINT64_FORMAT, code);
  ts_fields_set_text (error, "code", code ? number : name);
  ts_fields_set_text (error, "message", message);
  ts_fields_set_text (error, "target", target ? target : call->path);
  ts_fields_set_text (error, "possibleCauses", code ? ts_site_causes (code) : causes);
  ts_fields_set_text (error, "recommendedAction", code ? ts_site_advice (code) : advice);
  TsFields *body = ts_fields_new ();
  ts_fields_set (body, "error", ts_fields_end (error));
  ts_vault_reply (vault, call, status, ts_fields_end (body), NULL);
}

char *
ts_vault_id (const TsVault *vault, const char *path)
{
  return g_strdup_printf (ROOT "%s/%s", vault->name, path);
}

char *
ts_vault_path (const TsVault *vault, const char *id)
{
  if (id[0] != '/')
    return g_strdup (id);
  g_autofree char *root = g_strdup_printf (ROOT "%s/", vault->name);
  return g_str_has_prefix (id, root) ? g_strdup (id + strlen (root)) : NULL;
}

char *
ts_path_segment (const char *path, guint from_end)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  guint count = g_strv_length (parts);
  return g_strdup (from_end < count ? parts[count - 1 - from_end] : "");
}

char *
ts_path_up (const char *path, guint count)
{
  char *up = g_strdup (path);
  for (guint i = 0; i < count; i++) {
    char *slash = strrchr (up, '/');
    if (slash)
      *slash = '\0';
  }
  return up;
}

char *
ts_vault_time_text (gint64 us)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (us / TS_S);
  if (!time)
    return g_strdup ("");
  g_autofree char *text = g_date_time_format (time, "%Y-%m-%dT%H:%M:%S");
  return g_strdup_printf ("%s.%03dZ", text, (int)(us % TS_S / TS_MS));
}

gboolean
ts_vault_time_parse (const char *text, gint64 *us)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (text, utc);
  if (!time)
    return FALSE;
  *us = g_date_time_to_unix (time) * TS_S;
  return TRUE;
}

GVariant *
ts_vault_resource (const TsVault *vault, const char *path, const char *type, TsFields *properties)
{
  g_autofree char *name = ts_path_segment (path, 0);
  TsFields *fields = ts_fields_new ();
  ts_vault_set_id (vault, fields, "id", path);
  ts_fields_set_text (fields, "name", name);
  ts_fields_set_text (fields, "type", type);
  ts_fields_set (fields, "properties", ts_fields_end (properties));
  return ts_fields_end (fields);
}

void
ts_vault_set_id (const TsVault *vault, TsFields *fields, const char *name, const char *path)
{
  g_autofree char *id = path && *path ? ts_vault_id (vault, path) : g_strdup ("");
  ts_fields_set_text (fields, name, id);
}

void
ts_vault_set_time (TsFields *fields, const char *name, gint64 us)
{
  g_autofree char *text = us > 0 ? ts_vault_time_text (us) : NULL;
  ts_fields_set_text (fields, name, text);
}

/* Of the step's entropy and a number that never comes again, so that two of a step differ. */
char *
ts_vault_secret (TsVault *vault)
{
  TsDoc *self = ts_vault_doc (vault, TS_TABLE_SELF, "self");
  gint64 number = ts_doc_int (self, "secrets", 0) + 1;
  ts_vault_set_int (vault, self, "secrets", number);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  if (vault->entropy)
    g_checksum_update (sum, vault->entropy, TS_VAULT_ENTROPY_BYTES);
  g_checksum_update (sum, (const guchar *)&number, sizeof number);
  return g_strndup (g_checksum_get_string (sum), 32);
}

char *
ts_vault_sum (const char *text)
{
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
}

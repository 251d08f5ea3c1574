/* core/vault/body.c -- is a request's body what its route takes?  See routes.h. */
#include "core/vault/routes.h"
#include "core/base/error.h"

#include <string.h>

static gboolean check_fields (const char *body, GVariant *value, GString *at, GError **error);

static gboolean
check_choice (const char *of, const char *text, const char *at, GError **error)
{
  g_auto (GStrv) words = g_strsplit (of, "|", -1);
  if (g_strv_contains ((const char *const *)words, text))
    return TRUE;
  g_autofree char *list = g_strjoinv (", ", words);
  return ts_throw (error, TS_ERROR_ARGUMENT, "%s: expected one of %s, not \"%s\"", at, list, text);
}

/* 2026-01-31T18:30:00Z */
static gboolean
is_time (const char *text)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (text, utc);
  return time != NULL && strchr (text, 'T') != NULL;
}

static gboolean
is_name (const char *text)
{
  if (!g_ascii_isalnum (text[0]) || strlen (text) > 64)
    return FALSE;
  for (const char *c = text; *c; c++)
    if (!g_ascii_isalnum (*c) && *c != '-' && *c != '_' && *c != '.')
      return FALSE;
  return TRUE;
}

static const char *
type_text (TsVaultFieldType type)
{
  static const char *const texts[] = {
      [TS_VAULT_FIELD_TEXT] = "a text",        [TS_VAULT_FIELD_NAME] = "a name",
      [TS_VAULT_FIELD_ID] = "an id",           [TS_VAULT_FIELD_CHOICE] = "a text",
      [TS_VAULT_FIELD_INTEGER] = "a whole number", [TS_VAULT_FIELD_BOOLEAN] = "true or false",
      [TS_VAULT_FIELD_TIME] = "a time",        [TS_VAULT_FIELD_OBJECT] = "an object",
      [TS_VAULT_FIELD_LIST] = "a list",
  };
  return texts[type];
}

static const GVariantType *
type_of (TsVaultFieldType type)
{
  switch (type) {
  case TS_VAULT_FIELD_INTEGER:
    return G_VARIANT_TYPE_INT64;
  case TS_VAULT_FIELD_BOOLEAN:
    return G_VARIANT_TYPE_BOOLEAN;
  case TS_VAULT_FIELD_OBJECT:
    return G_VARIANT_TYPE_VARDICT;
  case TS_VAULT_FIELD_LIST:
    return G_VARIANT_TYPE ("av");
  case TS_VAULT_FIELD_TEXT:
  case TS_VAULT_FIELD_NAME:
  case TS_VAULT_FIELD_ID:
  case TS_VAULT_FIELD_CHOICE:
  case TS_VAULT_FIELD_TIME:
  default:
    return G_VARIANT_TYPE_STRING;
  }
}

static gboolean
check_list (const TsVaultField *field, GVariant *list, GString *at, GError **error)
{
  gsize count = g_variant_n_children (list), len = at->len;
  if (field->max > 0 && ((gint64)count < field->min || (gint64)count > field->max))
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "%s: expected %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                     " of them, not %" G_GSIZE_FORMAT,
                     at->str, field->min, field->max, count);
  for (gsize i = 0; i < count; i++) {
    g_autoptr (GVariant) box = g_variant_get_child_value (list, i);
    g_autoptr (GVariant) one = g_variant_get_variant (box);
    g_string_append_printf (at, "[%" G_GSIZE_FORMAT "]", i);
    const GVariantType *wanted = field->of ? G_VARIANT_TYPE_VARDICT : G_VARIANT_TYPE_STRING;
    if (!g_variant_is_of_type (one, wanted))
      return ts_throw (error, TS_ERROR_ARGUMENT, "%s: expected %s", at->str,
                       field->of ? "an object" : "a text");
    if (field->of && !check_fields (field->of, one, at, error))
      return FALSE;
    if (!field->of && g_variant_get_size (one) > 4097)
      return ts_throw (error, TS_ERROR_ARGUMENT, "%s: longer than 4096 bytes", at->str);
    g_string_truncate (at, len);
  }
  return TRUE;
}

static gboolean
check_field (const TsVaultField *field, GVariant *value, GString *at, GError **error)
{
  if (!g_variant_is_of_type (value, type_of (field->type)))
    return ts_throw (error, TS_ERROR_ARGUMENT, "%s: expected %s", at->str, type_text (field->type));
  const char *text = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
                         ? g_variant_get_string (value, NULL)
                         : NULL;
  switch (field->type) {
  case TS_VAULT_FIELD_INTEGER: {
    gint64 number = g_variant_get_int64 (value);
    if (field->max > 0 && (number < field->min || number > field->max))
      return ts_throw (error, TS_ERROR_ARGUMENT,
                       "%s: expected %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                       ", not %" G_GINT64_FORMAT,
                       at->str, field->min, field->max, number);
    return TRUE;
  }
  case TS_VAULT_FIELD_CHOICE:
    return check_choice (field->of, text, at->str, error);
  case TS_VAULT_FIELD_TEXT: {
    glong length = g_utf8_strlen (text, -1);
    if (field->max > 0 && (length < field->min || length > field->max))
      return ts_throw (error, TS_ERROR_ARGUMENT,
                       "%s: expected %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                       " characters, not %ld",
                       at->str, field->min, field->max, length);
    return TRUE;
  }
  case TS_VAULT_FIELD_NAME:
    if (!is_name (text))
      return ts_throw (error, TS_ERROR_ARGUMENT, "%s: \"%.70s\" is no name", at->str, text);
    return TRUE;
  case TS_VAULT_FIELD_ID:
    if (text[0] == '\0' || strlen (text) > 1024)
      return ts_throw (error, TS_ERROR_ARGUMENT, "%s: expected an id of 1 to 1024 bytes", at->str);
    return TRUE;
  case TS_VAULT_FIELD_TIME:
    if (!is_time (text))
      return ts_throw (error, TS_ERROR_ARGUMENT,
                       "%s: expected a time as 2026-01-31T18:30:00Z, not \"%.40s\"", at->str, text);
    return TRUE;
  case TS_VAULT_FIELD_OBJECT:
    return check_fields (field->of, value, at, error);
  case TS_VAULT_FIELD_LIST:
    return check_list (field, value, at, error);
  case TS_VAULT_FIELD_BOOLEAN:
  default:
    return TRUE;
  }
}

static gboolean
check_fields (const char *body, GVariant *value, GString *at, GError **error)
{
  gsize len = at->len, count = g_variant_n_children (value);
  guint known;
  const TsVaultField *fields = ts_vault_fields (&known);
  for (gsize i = 0; i < count; i++) {
    g_autoptr (GVariant) entry = g_variant_get_child_value (value, i);
    const char *name;
    g_autoptr (GVariant) one = NULL;
    g_variant_get (entry, "{&sv}", &name, &one);
    const TsVaultField *field = ts_vault_field (body, name);
    g_string_append_printf (at, "%s%.64s", len > 0 ? "." : "", name);
    if (!field)
      return ts_throw (error, TS_ERROR_ARGUMENT, "%s: there is no such field", at->str);
    for (gsize j = 0; j < i; j++) {
      g_autoptr (GVariant) other = g_variant_get_child_value (value, j);
      const char *other_name;
      g_variant_get (other, "{&sv}", &other_name, NULL);
      if (g_str_equal (other_name, name))
        return ts_throw (error, TS_ERROR_ARGUMENT, "%s: is there twice", at->str);
    }
    if (!check_field (field, one, at, error))
      return FALSE;
    g_string_truncate (at, len);
  }
  for (guint i = 0; i < known; i++) {
    if (!fields[i].required || !g_str_equal (fields[i].body, body))
      continue;
    g_autoptr (GVariant) one = g_variant_lookup_value (value, fields[i].name, NULL);
    if (one)
      continue;
    g_string_append_printf (at, "%s%s", len > 0 ? "." : "", fields[i].name);
    return ts_throw (error, TS_ERROR_ARGUMENT, "%s: is missing; %s", at->str, fields[i].help);
  }
  return TRUE;
}

gboolean
ts_vault_body_check (const TsVaultRoute *route, GVariant *body, char **target, GError **error)
{
  g_autoptr (GString) at = g_string_new (NULL);
  g_autoptr (GVariant) empty = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  GError *reason = NULL;
  *target = NULL;
  if (!route->body) {
    if (body && g_variant_n_children (body) > 0)
      ts_throw (&reason, TS_ERROR_ARGUMENT, "this request takes no body");
  } else if (body && !g_variant_is_of_type (body, G_VARIANT_TYPE_VARDICT))
    ts_throw (&reason, TS_ERROR_ARGUMENT, "the body: expected an object");
  else
    check_fields (route->body, body ? body : empty, at, &reason);
  if (!reason)
    return TRUE;
  *target = g_strdup (at->str);
  g_propagate_error (error, reason);
  return FALSE;
}

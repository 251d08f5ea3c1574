#include "core/base/record.h"
#include "core/base/error.h"

#define RECORD_TYPE "(xssa(sv))"

static void
field_clear (gpointer data)
{
  TsField *field = data;
  g_free (field->key);
  g_free (field->text);
}

/* Texts may come from a peer, a guest or the operating system; the journal stays valid JSON. */
static char *
text_dup (const char *text)
{
  return g_utf8_make_valid (text ? text : "", -1);
}

TsRecord *
ts_record_new (gint64 t_us, const char *source, const char *kind)
{
  g_return_val_if_fail (source && kind, NULL);
  TsRecord *record = g_new0 (TsRecord, 1);
  record->t_us = t_us;
  record->source = text_dup (source);
  record->kind = text_dup (kind);
  record->fields = g_array_new (FALSE, FALSE, sizeof (TsField));
  g_array_set_clear_func (record->fields, field_clear);
  return record;
}

TsRecord *
ts_record_copy (const TsRecord *record)
{
  g_return_val_if_fail (record, NULL);
  TsRecord *copy = ts_record_new (record->t_us, record->source, record->kind);
  for (guint i = 0; i < record->fields->len; i++) {
    TsField field = g_array_index (record->fields, TsField, i);
    field.key = g_strdup (field.key);
    field.text = g_strdup (field.text);
    g_array_append_val (copy->fields, field);
  }
  return copy;
}

void
ts_record_free (TsRecord *record)
{
  if (!record)
    return;
  g_free (record->source);
  g_free (record->kind);
  g_array_unref (record->fields);
  g_free (record);
}

static gboolean
key_is_fine (const char *key)
{
  if (!*key || strcmp (key, "t_us") == 0 || strcmp (key, "source") == 0 ||
      strcmp (key, "kind") == 0)
    return FALSE; /* those three are the record's own */
  for (; *key; key++)
    if (!g_ascii_islower (*key) && !g_ascii_isdigit (*key) && *key != '_' && *key != '.')
      return FALSE;
  return TRUE;
}

static TsRecord *
add (TsRecord *record, const char *key, TsFieldType type, gint64 number, const char *text)
{
  g_return_val_if_fail (record && key, record);
  g_return_val_if_fail (key_is_fine (key), record);
  g_return_val_if_fail (!ts_record_field (record, key), record);
  TsField field = {g_strdup (key), type, number, type == TS_FIELD_TEXT ? text_dup (text) : NULL};
  g_array_append_val (record->fields, field);
  return record;
}

TsRecord *
ts_record_int (TsRecord *record, const char *key, gint64 value)
{
  return add (record, key, TS_FIELD_INT, value, NULL);
}

TsRecord *
ts_record_text (TsRecord *record, const char *key, const char *value)
{
  return add (record, key, TS_FIELD_TEXT, 0, value);
}

TsRecord *
ts_record_bool (TsRecord *record, const char *key, gboolean value)
{
  return add (record, key, TS_FIELD_BOOL, value ? 1 : 0, NULL);
}

const TsField *
ts_record_field (const TsRecord *record, const char *key)
{
  g_return_val_if_fail (record && key, NULL);
  for (guint i = 0; i < record->fields->len; i++) {
    const TsField *field = &g_array_index (record->fields, TsField, i);
    if (strcmp (field->key, key) == 0)
      return field;
  }
  return NULL;
}

gint64
ts_record_get_int (const TsRecord *record, const char *key, gint64 fallback)
{
  const TsField *field = ts_record_field (record, key);
  return field && field->type != TS_FIELD_TEXT ? field->number : fallback;
}

const char *
ts_record_get_text (const TsRecord *record, const char *key)
{
  const TsField *field = ts_record_field (record, key);
  return field && field->type == TS_FIELD_TEXT ? field->text : NULL;
}

static void
append_json_text (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (; *text; text++) {
    guchar c = (guchar)*text;
    if (c == '"' || c == '\\')
      g_string_append_printf (out, "\\%c", c);
    else if (c == '\n')
      g_string_append (out, "\\n");
    else if (c == '\t')
      g_string_append (out, "\\t");
    else if (c < 0x20 || c == 0x7f)
      g_string_append_printf (out, "\\u%04x", c);
    else
      g_string_append_c (out, (gchar)c);
  }
  g_string_append_c (out, '"');
}

char *
ts_record_to_json (const TsRecord *record)
{
  g_return_val_if_fail (record, NULL);
  g_autoptr (GString) out = g_string_new (NULL);
  g_string_append_printf (out, "{\"t_us\":%" G_GINT64_FORMAT ",\"source\":", record->t_us);
  append_json_text (out, record->source);
  g_string_append (out, ",\"kind\":");
  append_json_text (out, record->kind);
  for (guint i = 0; i < record->fields->len; i++) {
    const TsField *field = &g_array_index (record->fields, TsField, i);
    g_string_append_printf (out, ",\"%s\":", field->key);
    switch (field->type) {
    case TS_FIELD_INT:
      g_string_append_printf (out, "%" G_GINT64_FORMAT, field->number);
      break;
    case TS_FIELD_TEXT:
      append_json_text (out, field->text);
      break;
    case TS_FIELD_BOOL:
      g_string_append (out, field->number ? "true" : "false");
      break;
    }
  }
  g_string_append_c (out, '}');
  return g_string_free (g_steal_pointer (&out), FALSE);
}

GVariant *
ts_record_to_variant (const TsRecord *record)
{
  g_return_val_if_fail (record, NULL);
  GVariantBuilder fields;
  g_variant_builder_init (&fields, G_VARIANT_TYPE ("a(sv)"));
  for (guint i = 0; i < record->fields->len; i++) {
    const TsField *field = &g_array_index (record->fields, TsField, i);
    GVariant *value = NULL;
    switch (field->type) {
    case TS_FIELD_INT:
      value = g_variant_new_int64 (field->number);
      break;
    case TS_FIELD_TEXT:
      value = g_variant_new_string (field->text);
      break;
    case TS_FIELD_BOOL:
      value = g_variant_new_boolean (field->number != 0);
      break;
    }
    g_variant_builder_add (&fields, "(sv)", field->key, value);
  }
  return g_variant_new (RECORD_TYPE, record->t_us, record->source, record->kind, &fields);
}

TsRecord *
ts_record_from_variant (GVariant *variant, GError **error)
{
  g_return_val_if_fail (variant, NULL);
  if (!g_variant_is_of_type (variant, G_VARIANT_TYPE (RECORD_TYPE))) {
    ts_throw (error, TS_ERROR_FORMAT, "a record has type " RECORD_TYPE ", not %s",
              g_variant_get_type_string (variant));
    return NULL;
  }
  gint64 t_us;
  const char *source, *kind, *key;
  g_autoptr (GVariant) fields = NULL;
  g_variant_get (variant, "(x&s&s@a(sv))", &t_us, &source, &kind, &fields);
  g_autoptr (TsRecord) record = ts_record_new (t_us, source, kind);
  for (gsize i = 0; i < g_variant_n_children (fields); i++) {
    g_autoptr (GVariant) pair = g_variant_get_child_value (fields, i);
    g_autoptr (GVariant) value = NULL;
    g_variant_get (pair, "(&sv)", &key, &value);
    if (!key_is_fine (key) || ts_record_field (record, key)) {
      ts_throw (error, TS_ERROR_FORMAT, "record \"%s\": bad or repeated field \"%s\"", kind, key);
      return NULL;
    }
    if (g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
      ts_record_int (record, key, g_variant_get_int64 (value));
    else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
      ts_record_text (record, key, g_variant_get_string (value, NULL));
    else if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
      ts_record_bool (record, key, g_variant_get_boolean (value));
    else {
      ts_throw (error, TS_ERROR_FORMAT, "record \"%s\": field \"%s\" has type %s", kind, key,
                g_variant_get_type_string (value));
      return NULL;
    }
  }
  return g_steal_pointer (&record);
}

/* core/site/fields.c -- see fields.h. */
#include "core/site/fields.h"

#include <string.h>

/* --- reading ---------------------------------------------------------------------------------- */

const char *
ts_variant_text (GVariant *fields, const char *name, const char *fallback)
{
  const char *text;
  return fields && g_variant_lookup (fields, name, "&s", &text) ? text : fallback;
}

gint64
ts_variant_int (GVariant *fields, const char *name, gint64 fallback)
{
  gint64 number;
  return fields && g_variant_lookup (fields, name, "x", &number) ? number : fallback;
}

gboolean
ts_variant_bool (GVariant *fields, const char *name, gboolean fallback)
{
  gboolean yes;
  return fields && g_variant_lookup (fields, name, "b", &yes) ? yes : fallback;
}

GVariant *
ts_variant_dict (GVariant *fields, const char *name)
{
  return fields ? g_variant_lookup_value (fields, name, G_VARIANT_TYPE_VARDICT) : NULL;
}

GVariant *
ts_variant_list (GVariant *fields, const char *name)
{
  return fields ? g_variant_lookup_value (fields, name, G_VARIANT_TYPE ("av")) : NULL;
}

GVariant *
ts_variant_entry (GVariant *list, gsize index)
{
  g_autoptr (GVariant) box = g_variant_get_child_value (list, index);
  return g_variant_get_variant (box);
}

gsize
ts_variant_count (GVariant *list)
{
  return list ? g_variant_n_children (list) : 0;
}

/* --- making ----------------------------------------------------------------------------------- */

typedef struct {
  char *name;
  GVariant *value;
} Field;

struct _TsFields {
  GArray *fields; /* Field, by name */
};

static void
field_clear (gpointer data)
{
  Field *field = data;
  g_free (field->name);
  g_variant_unref (field->value);
}

TsFields *
ts_fields_new (void)
{
  TsFields *fields = g_new0 (TsFields, 1);
  fields->fields = g_array_new (FALSE, FALSE, sizeof (Field));
  g_array_set_clear_func (fields->fields, field_clear);
  return fields;
}

TsFields *
ts_fields_of (GVariant *variant)
{
  TsFields *fields = ts_fields_new ();
  for (gsize i = 0; variant && i < g_variant_n_children (variant); i++) {
    g_autoptr (GVariant) entry = g_variant_get_child_value (variant, i);
    const char *name;
    g_autoptr (GVariant) value = NULL;
    g_variant_get (entry, "{&sv}", &name, &value);
    ts_fields_set (fields, name, value);
  }
  return fields;
}

void
ts_fields_free (TsFields *fields)
{
  if (!fields)
    return;
  g_array_unref (fields->fields);
  g_free (fields);
}

/* Where name is, or where it would be. */
static gboolean
find (const TsFields *fields, const char *name, guint *index)
{
  guint low = 0, high = fields->fields->len;
  while (low < high) {
    guint middle = (low + high) / 2;
    int order = strcmp (g_array_index (fields->fields, Field, middle).name, name);
    if (order == 0) {
      *index = middle;
      return TRUE;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *index = low;
  return FALSE;
}

gboolean
ts_fields_set (TsFields *fields, const char *name, GVariant *value)
{
  g_autoptr (GVariant) held = value ? g_variant_ref_sink (value) : NULL;
  guint index;
  gboolean there = find (fields, name, &index);
  if (!value) {
    if (there)
      g_array_remove_index (fields->fields, index);
    return there;
  }
  if (!there) {
    Field field = {g_strdup (name), g_steal_pointer (&held)};
    g_array_insert_val (fields->fields, index, field);
    return TRUE;
  }
  Field *field = &g_array_index (fields->fields, Field, index);
  if (g_variant_equal (field->value, held))
    return FALSE;
  g_variant_unref (field->value);
  field->value = g_steal_pointer (&held);
  return TRUE;
}

gboolean
ts_fields_set_text (TsFields *fields, const char *name, const char *text)
{
  return ts_fields_set (fields, name, text ? g_variant_new_string (text) : NULL);
}

gboolean
ts_fields_set_int (TsFields *fields, const char *name, gint64 number)
{
  return ts_fields_set (fields, name, g_variant_new_int64 (number));
}

gboolean
ts_fields_set_bool (TsFields *fields, const char *name, gboolean yes)
{
  return ts_fields_set (fields, name, g_variant_new_boolean (yes));
}

GVariant *
ts_fields_get (const TsFields *fields, const char *name)
{
  guint index;
  return find (fields, name, &index) ? g_array_index (fields->fields, Field, index).value : NULL;
}

const char *
ts_fields_text (const TsFields *fields, const char *name)
{
  GVariant *value = ts_fields_get (fields, name);
  return value && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
             ? g_variant_get_string (value, NULL)
             : NULL;
}

gint64
ts_fields_int (const TsFields *fields, const char *name, gint64 fallback)
{
  GVariant *value = ts_fields_get (fields, name);
  return value && g_variant_is_of_type (value, G_VARIANT_TYPE_INT64) ? g_variant_get_int64 (value)
                                                                     : fallback;
}

gboolean
ts_fields_bool (const TsFields *fields, const char *name)
{
  GVariant *value = ts_fields_get (fields, name);
  return value && g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN) &&
         g_variant_get_boolean (value);
}

GVariant *
ts_fields_variant (const TsFields *fields)
{
  GVariantBuilder builder;
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < fields->fields->len; i++) {
    const Field *field = &g_array_index (fields->fields, Field, i);
    g_variant_builder_add (&builder, "{sv}", field->name, field->value);
  }
  return g_variant_builder_end (&builder);
}

GVariant *
ts_fields_end (TsFields *fields)
{
  GVariant *variant = ts_fields_variant (fields);
  ts_fields_free (fields);
  return variant;
}

void
ts_list_add (GVariantBuilder *list, GVariant *value)
{
  g_variant_builder_add (list, "v", value);
}

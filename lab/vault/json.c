/* lab/vault/json.c -- see json.h. */
#include "lab/vault/json.h"
#include <string.h>
#include "core/base/error.h"

typedef struct {
  const char *at, *begin, *end;
  guint depth;
  GError **error;
} Reader;

static GVariant *read_value (Reader *r); /* NULL: said why */

static gpointer
refuse (Reader *r, const char *at, const char *what)
{
  guint line = 1;
  const char *line_begins = r->begin;
  for (const char *c = r->begin; c < at; c++)
    if (*c == '\n') {
      line++;
      line_begins = c + 1;
    }
  glong column = g_utf8_strlen (line_begins, at - line_begins) + 1;
  ts_throw (r->error, TS_ERROR_FORMAT, "line %u, column %d: %s", line, (int)column, what);
  return NULL;
}

static void
skip_space (Reader *r)
{
  while (r->at < r->end && strchr (" \t\r\n", *r->at) && *r->at)
    r->at++;
}

static gboolean
take (Reader *r, char c)
{
  skip_space (r);
  if (r->at == r->end || *r->at != c)
    return FALSE;
  r->at++;
  return TRUE;
}

static gboolean
read_hex4 (Reader *r, gunichar *unit)
{
  *unit = 0;
  if (r->end - r->at < 4)
    return FALSE;
  for (guint i = 0; i < 4; i++, r->at++) {
    if (!g_ascii_isxdigit (*r->at))
      return FALSE;
    *unit = *unit << 4 | (gunichar)g_ascii_xdigit_value (*r->at);
  }
  return TRUE;
}

static gboolean
read_escape (Reader *r, GString *out)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *begin = r->at - 1, *known;
  gunichar unit, low;
  char c = r->at < r->end ? *r->at++ : '\0';
  if (c && (known = strchr (from, c))) {
    g_string_append_c (out, to[known - from]);
    return TRUE;
  }
  if (c != 'u' || !read_hex4 (r, &unit))
    return refuse (r, begin, "this escape is none of JSON's") != NULL;
  if (unit >= 0xd800 && unit < 0xdc00) { /* the first half of a pair */
    if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
      return refuse (r, begin, "half of a surrogate pair") != NULL;
    r->at += 2;
    if (!read_hex4 (r, &low) || low < 0xdc00 || low > 0xdfff)
      return refuse (r, begin, "half of a surrogate pair") != NULL;
    unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
  }
  if (unit == 0 || !g_unichar_validate (unit))
    return refuse (r, begin, "this character cannot be in a text") != NULL;
  g_string_append_unichar (out, unit);
  return TRUE;
}

static char *
read_text (Reader *r) /* behind the opening quote */
{
  const char *begin = r->at - 1;
  g_autoptr (GString) out = g_string_new (NULL);
  while (r->at < r->end) {
    char c = *r->at++;
    if (c == '"')
      return g_string_free (g_steal_pointer (&out), FALSE);
    if ((guchar)c < 0x20)
      return refuse (r, r->at - 1, "a control character in a text must be escaped");
    if (c != '\\')
      g_string_append_c (out, c);
    else if (!read_escape (r, out))
      return NULL;
  }
  return refuse (r, begin, "this text does not end");
}

static GVariant *
read_number (Reader *r)
{
  const char *begin = r->at;
  if (*r->at == '-')
    r->at++;
  const char *digits = r->at;
  while (r->at < r->end && g_ascii_isdigit (*r->at))
    r->at++;
  if (r->at == digits || (*digits == '0' && r->at - digits > 1))
    return refuse (r, begin, "this is no number");
  if (r->at < r->end && strchr (".eE", *r->at) && *r->at)
    return refuse (r, begin, "only whole numbers are taken, written without a point or an exponent");
  g_autofree char *text = g_strndup (begin, (gsize)(r->at - begin));
  gint64 value;
  if (!g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, &value, NULL))
    return refuse (r, begin, "this number is too large");
  return g_variant_new_int64 (value);
}

static GVariant *
read_array (Reader *r)
{
  GVariantBuilder items;
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  if (take (r, ']'))
    return g_variant_builder_end (&items);
  do {
    GVariant *item = read_value (r);
    if (!item) {
      g_variant_builder_clear (&items);
      return NULL;
    }
    g_variant_builder_add (&items, "v", item);
  } while (take (r, ','));
  if (take (r, ']'))
    return g_variant_builder_end (&items);
  g_variant_builder_clear (&items);
  return refuse (r, r->at, "expected ',' or ']'");
}

static gboolean
read_member (Reader *r, GHashTable *names, GVariantBuilder *members)
{
  skip_space (r);
  const char *begin = r->at;
  if (!take (r, '"'))
    return refuse (r, r->at, "expected a name in quotes") != NULL;
  char *name = read_text (r);
  if (!name)
    return FALSE;
  if (!g_hash_table_add (names, name))
    return refuse (r, begin, "this name is there twice") != NULL;
  if (!take (r, ':'))
    return refuse (r, r->at, "expected ':'") != NULL;
  GVariant *value = read_value (r);
  if (!value)
    return FALSE;
  g_variant_builder_add (members, "{sv}", name, value);
  return TRUE;
}

static GVariant *
read_object (Reader *r)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GVariantBuilder members;
  g_variant_builder_init (&members, G_VARIANT_TYPE_VARDICT);
  if (take (r, '}'))
    return g_variant_builder_end (&members);
  do {
    if (!read_member (r, names, &members)) {
      g_variant_builder_clear (&members);
      return NULL;
    }
  } while (take (r, ','));
  if (take (r, '}'))
    return g_variant_builder_end (&members);
  g_variant_builder_clear (&members);
  return refuse (r, r->at, "expected ',' or '}'");
}

static GVariant *
read_nested (Reader *r, GVariant *(*read) (Reader *r))
{
  const char *begin = r->at++;
  if (r->depth == TS_JSON_DEPTH_MAX)
    return refuse (r, begin, "nested too deeply");
  r->depth++;
  GVariant *value = read (r);
  r->depth--;
  return value;
}

static gboolean
take_word (Reader *r, const char *word)
{
  gsize len = strlen (word);
  if ((gsize)(r->end - r->at) < len || memcmp (r->at, word, len) != 0)
    return FALSE;
  r->at += len;
  return TRUE;
}

static GVariant *
read_value (Reader *r)
{
  skip_space (r);
  if (r->at == r->end)
    return refuse (r, r->at, "expected a value, and the text ends");
  if (*r->at == '{')
    return read_nested (r, read_object);
  if (*r->at == '[')
    return read_nested (r, read_array);
  if (*r->at == '"') {
    r->at++;
    char *text = read_text (r);
    return text ? g_variant_new_take_string (text) : NULL;
  }
  if (*r->at == '-' || g_ascii_isdigit (*r->at))
    return read_number (r);
  if (take_word (r, "true"))
    return g_variant_new_boolean (TRUE);
  if (take_word (r, "false"))
    return g_variant_new_boolean (FALSE);
  if (take_word (r, "null"))
    return refuse (r, r->at - 4, "null is not taken: leave the field out");
  return refuse (r, r->at, "expected a value");
}

GVariant *
ts_json_parse (const char *text, gsize len_bytes, GError **error)
{
  Reader r = {.at = text, .begin = text, .end = text + len_bytes, .error = error};
  const char *valid_to;
  if (!g_utf8_validate (text, (gssize)len_bytes, &valid_to))
    return refuse (&r, valid_to, "this is not UTF-8");
  skip_space (&r);
  if (r.at == r.end || *r.at != '{')
    return refuse (&r, r.at, "expected an object: {...}");
  GVariant *value = read_value (&r);
  if (!value)
    return NULL;
  g_variant_ref_sink (value);
  skip_space (&r);
  if (r.at != r.end) {
    g_variant_unref (value);
    return refuse (&r, r.at, "expected the end");
  }
  return value;
}

/* --- and back --------------------------------------------------------------------------------- */

void
ts_json_append_text (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (const char *c = text; *c; c++) {
    if (*c == '"' || *c == '\\')
      g_string_append_printf (out, "\\%c", *c);
    else if (*c == '\n')
      g_string_append (out, "\\n");
    else if ((guchar)*c < 0x20 || *c == 0x7f)
      g_string_append_printf (out, "\\u%04x", (guint)(guchar)*c);
    else
      g_string_append_c (out, *c);
  }
  g_string_append_c (out, '"');
}

static void
line (GString *out, gint indent)
{
  if (indent < 0)
    return;
  g_string_append_c (out, '\n');
  for (gint i = 0; i < indent; i++)
    g_string_append (out, "  ");
}

static void append_value (GString *out, GVariant *value, gint indent);

static void
append_members (GString *out, GVariant *value, gint indent)
{
  gboolean pairs = g_variant_type_is_subtype_of (g_variant_get_type (value),
                                                 G_VARIANT_TYPE_DICTIONARY);
  gsize count = g_variant_n_children (value);
  gint inner = indent < 0 ? indent : indent + 1;
  g_string_append_c (out, pairs ? '{' : '[');
  for (gsize i = 0; i < count; i++) {
    g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
    if (i > 0)
      g_string_append (out, indent < 0 ? ", " : ",");
    line (out, inner);
    if (pairs) {
      g_autoptr (GVariant) name = g_variant_get_child_value (child, 0);
      g_autoptr (GVariant) member = g_variant_get_child_value (child, 1);
      ts_json_append_text (out, g_variant_get_string (name, NULL));
      g_string_append (out, ": ");
      append_value (out, member, inner);
    } else
      append_value (out, child, inner);
  }
  if (count > 0)
    line (out, indent);
  g_string_append_c (out, pairs ? '}' : ']');
}

static void
append_value (GString *out, GVariant *value, gint indent)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT)) {
    g_autoptr (GVariant) inner = g_variant_get_variant (value);
    append_value (out, inner, indent);
  } else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    ts_json_append_text (out, g_variant_get_string (value, NULL));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    g_string_append (out, g_variant_get_boolean (value) ? "true" : "false");
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
    g_string_append_printf (out, "%" G_GINT64_FORMAT, g_variant_get_int64 (value));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    g_string_append_printf (out, "%" G_GUINT64_FORMAT, g_variant_get_uint64 (value));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_INT32))
    g_string_append_printf (out, "%d", g_variant_get_int32 (value));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    g_string_append_printf (out, "%u", g_variant_get_uint32 (value));
  else if (g_variant_is_container (value) &&
           g_variant_type_is_array (g_variant_get_type (value)))
    append_members (out, value, indent);
  else
    g_string_append (out, "null"); /* the vault's bug; not worth its life */
}

char *
ts_json_format (GVariant *value, gboolean indent)
{
  GString *out = g_string_new (NULL);
  append_value (out, value, indent ? 0 : -1);
  if (indent)
    g_string_append_c (out, '\n');
  return g_string_free (out, FALSE);
}

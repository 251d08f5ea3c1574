/* scenarios/cli/vault-show.c -- see vault-show.h. */
#include "scenarios/cli/vault-show.h"
#include <string.h>
#include "core/vault/routes.h"
#include "lab/vault/json.h"

static GVariant *
unboxed (GVariant *value) /* takes it */
{
  while (value && g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT)) {
    GVariant *inner = g_variant_get_variant (value);
    g_variant_unref (value);
    value = inner;
  }
  return value;
}

static GVariant *
find (GVariant *resource, const char *place)
{
  g_auto (GStrv) names = g_strsplit (place, ".", -1);
  GVariant *at = g_variant_ref (resource);
  for (guint i = 0; names[i] && at; i++) {
    GVariant *inner = g_variant_is_of_type (at, G_VARIANT_TYPE_VARDICT)
                          ? g_variant_lookup_value (at, names[i], NULL)
                          : NULL;
    g_variant_unref (at);
    at = unboxed (inner);
  }
  return at;
}

static char *
plain (GVariant *value)
{
  if (!value)
    return g_strdup ("");
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string (value, NULL);
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE ("av")))
    return ts_json_format (value, FALSE);
  g_autoptr (GString) joined = g_string_new (NULL);
  for (gsize i = 0; i < g_variant_n_children (value); i++) {
    g_autoptr (GVariant) child = unboxed (g_variant_get_child_value (value, i));
    g_autofree char *text = plain (child);
    g_string_append_printf (joined, "%s%s", i > 0 ? ", " : "", text);
  }
  return g_string_free (g_steal_pointer (&joined), FALSE);
}

char *
ts_vault_show_text (GVariant *resource, const char *place)
{
  g_autoptr (GVariant) value = find (resource, place);
  return plain (value);
}

static void
print_line (FILE *out, char **cells, const glong *widths, guint columns)
{
  for (guint c = 0; c < columns; c++) {
    gint pad = c + 1 < columns ? (gint)(widths[c] - g_utf8_strlen (cells[c], -1)) + 2 : 0;
    fprintf (out, "%s%*s", cells[c], pad, "");
  }
  fputc ('\n', out);
}

void
ts_vault_show_table (FILE *out, GVariant *list, const TsVaultColumn *columns)
{
  guint count = 0;
  glong widths[16] = {0};
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);
  while (columns[count].title)
    count++;
  g_assert (count <= G_N_ELEMENTS (widths));
  for (gsize i = 0; i <= g_variant_n_children (list); i++) {
    char **cells = g_new0 (char *, count + 1);
    g_autoptr (GVariant) resource =
        i > 0 ? unboxed (g_variant_get_child_value (list, i - 1)) : NULL;
    for (guint c = 0; c < count; c++) {
      cells[c] = resource ? ts_vault_show_text (resource, columns[c].place)
                          : g_ascii_strup (columns[c].title, -1);
      widths[c] = MAX (widths[c], g_utf8_strlen (cells[c], -1));
    }
    g_ptr_array_add (lines, cells);
  }
  for (guint i = 0; i < lines->len; i++)
    print_line (out, lines->pdata[i], widths, count);
}

void
ts_vault_show_json (FILE *out, GVariant *value)
{
  g_autofree char *text = ts_json_format (value, TRUE);
  fputs (text, out);
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void
show_errors (FILE *out, GVariant *one, gint indent)
{
  g_autoptr (GVariant) errors = find (one, "errors");
  if (!errors || !g_variant_is_of_type (errors, G_VARIANT_TYPE ("av")))
    return;
  static const char *const places[] = {"message", "possibleCauses", "recommendedAction"};
  for (gsize i = 0; i < g_variant_n_children (errors); i++) {
    g_autoptr (GVariant) error = unboxed (g_variant_get_child_value (errors, i));
    g_autoptr (GVariant) service = find (error, "serviceErrorDetails");
    g_autofree char *code = ts_vault_show_text (service ? service : error, "code");
    for (guint p = 0; p < G_N_ELEMENTS (places); p++) {
      g_autofree char *text = ts_vault_show_text (service ? service : error, places[p]);
      if (*text && p == 0)
        fprintf (out, "%*s! %s: %s\n", indent, "", code, text);
      else if (*text)
        fprintf (out, "%*s  %s\n", indent, "", text);
    }
  }
}

static void
show_tasks (FILE *out, GVariant *one, gint indent)
{
  static const char *const places[] = {"tasks", "childTasks", "customDetails.childTasks",
                                       "groupTaskCustomDetails.childTasks"};
  for (guint p = 0; p < G_N_ELEMENTS (places); p++) {
    g_autoptr (GVariant) tasks = find (one, places[p]);
    if (!tasks || !g_variant_is_of_type (tasks, G_VARIANT_TYPE ("av")))
      continue;
    for (gsize i = 0; i < g_variant_n_children (tasks); i++) {
      g_autoptr (GVariant) task = unboxed (g_variant_get_child_value (tasks, i));
      g_autofree char *name = ts_vault_show_text (task, "friendlyName");
      g_autofree char *state = ts_vault_show_text (task, "state");
      g_autofree char *begun = ts_vault_show_text (task, "startTime");
      g_autofree char *ended = ts_vault_show_text (task, "endTime");
      fprintf (out, "%*s%-12s %s%s%s%s%s\n", indent, "", state, name, *begun ? "  " : "", begun,
               *ended ? " to " : "", ended);
      g_autofree char *said = ts_vault_show_text (task, "customDetails.description");
      if (*said)
        fprintf (out, "%*s  %s\n", indent, "", said);
      show_errors (out, task, indent + 2);
      show_tasks (out, task, indent + 2);
    }
  }
}

void
ts_vault_show_job (FILE *out, GVariant *job)
{
  g_autofree char *id = ts_vault_show_text (job, "name");
  g_autofree char *name = ts_vault_show_text (job, "properties.friendlyName");
  g_autofree char *of = ts_vault_show_text (job, "properties.targetObjectName");
  g_autofree char *state = ts_vault_show_text (job, "properties.state");
  g_autofree char *more = ts_vault_show_text (job, "properties.stateDescription");
  g_autofree char *allowed = ts_vault_show_text (job, "properties.allowedActions");
  g_autoptr (GVariant) properties = find (job, "properties");
  fprintf (out, "job %s: %s%s%s: %s%s%s\n", id, name, *of ? " of " : "", of, state,
           *more ? ", " : "", more);
  if (properties) {
    show_errors (out, properties, 2);
    show_tasks (out, properties, 2);
  }
  if (*allowed)
    fprintf (out, "  allowed: %s\n", allowed);
}

/* --- routes ----------------------------------------------------------------------------------- */

static void
show_fields (FILE *out, const char *body, gint indent, guint depth)
{
  guint count;
  const TsVaultField *fields = ts_vault_fields (&count);
  for (guint i = 0; i < count; i++) {
    if (!g_str_equal (fields[i].body, body))
      continue;
    gboolean inner = fields[i].of && (fields[i].type == TS_VAULT_FIELD_OBJECT || fields[i].type == TS_VAULT_FIELD_LIST);
    fprintf (out, "%*s%s%s%s%s: %s\n", indent, "", fields[i].name,
             fields[i].type == TS_VAULT_FIELD_LIST ? "[]" : "", fields[i].required ? " (required)" : "",
             fields[i].type == TS_VAULT_FIELD_CHOICE ? "" : "", fields[i].help);
    if (fields[i].type == TS_VAULT_FIELD_CHOICE)
      fprintf (out, "%*s  %s\n", indent, "", fields[i].of);
    if (inner && depth < 6)
      show_fields (out, fields[i].of, indent + 2, depth + 1);
  }
}

void
ts_vault_show_routes (FILE *out, const char *pattern)
{
  guint count;
  const TsVaultRoute *routes = ts_vault_routes (&count);
  for (guint i = 0; i < count; i++) {
    if (pattern && !strstr (routes[i].pattern, pattern))
      continue;
    fprintf (out, "%-6s %s\n       %s\n", ts_vault_method_name (routes[i].method),
             routes[i].pattern, routes[i].summary);
    if (routes[i].body && pattern)
      show_fields (out, routes[i].body, 9, 0);
  }
}

/* lab/vault/openapi.c -- see openapi.h. */
#include "lab/vault/openapi.h"
#include <string.h>
#include "core/vault/routes.h"
#include "lab/vault/json.h"
#include "lab/vault/server.h"

/* "name": "text", with the comma that stands before it. */
static void
text (GString *out, const char *name, const char *value)
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  ts_json_append_text (out, name);
  g_string_append_c (out, ':');
  ts_json_append_text (out, value);
}

static void
begin (GString *out, const char *name)
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  ts_json_append_text (out, name);
  g_string_append (out, ":{");
}

static void
end (GString *out)
{
  g_string_append_c (out, '}');
}

static void
raw (GString *out, const char *json) /* "name":value */
{
  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  g_string_append (out, json);
}

static void
ref (GString *out, const char *section, const char *name)
{
  g_autofree char *to = g_strdup_printf ("#/components/%s/%s", section, name);
  text (out, "$ref", to);
}

/* --- the bodies that routes take -------------------------------------------------------------- */

static void
choice (GString *out, const char *of)
{
  g_auto (GStrv) words = g_strsplit (of, "|", -1);
  raw (out, "\"type\":\"string\",\"enum\":[");
  for (guint i = 0; words[i]; i++) {
    g_string_append (out, i > 0 ? "," : "");
    ts_json_append_text (out, words[i]);
  }
  g_string_append_c (out, ']');
}

static void
limits (GString *out, const TsVaultField *field, const char *min, const char *max)
{
  if (field->max == 0)
    return;
  g_string_append_printf (out, ",\"%s\":%" G_GINT64_FORMAT ",\"%s\":%" G_GINT64_FORMAT, min,
                          field->min, max, field->max);
}

static void
field_schema (GString *out, const TsVaultField *field)
{
  begin (out, field->name);
  switch (field->type) {
  case TS_VAULT_FIELD_TEXT:
    raw (out, "\"type\":\"string\"");
    limits (out, field, "minLength", "maxLength");
    break;
  case TS_VAULT_FIELD_NAME:
  case TS_VAULT_FIELD_ID:
    raw (out, "\"type\":\"string\"");
    break;
  case TS_VAULT_FIELD_TIME:
    raw (out, "\"type\":\"string\",\"format\":\"date-time\"");
    break;
  case TS_VAULT_FIELD_CHOICE:
    choice (out, field->of);
    break;
  case TS_VAULT_FIELD_INTEGER:
    raw (out, "\"type\":\"integer\",\"format\":\"int64\"");
    limits (out, field, "minimum", "maximum");
    break;
  case TS_VAULT_FIELD_BOOLEAN:
    raw (out, "\"type\":\"boolean\"");
    break;
  case TS_VAULT_FIELD_OBJECT:
    raw (out, "\"allOf\":[{");
    ref (out, "schemas", field->of);
    g_string_append (out, "}]");
    break;
  case TS_VAULT_FIELD_LIST:
    raw (out, "\"type\":\"array\"");
    limits (out, field, "minItems", "maxItems");
    begin (out, "items");
    if (field->of)
      ref (out, "schemas", field->of);
    else
      text (out, "type", "string");
    end (out);
    break;
  }
  g_autofree char *help = field->type == TS_VAULT_FIELD_ID
                              ? g_strdup_printf ("%s (the id of a %s)", field->help, field->of)
                              : g_strdup (field->help);
  text (out, "description", help);
  end (out);
}

static void
body_schema (GString *out, const char *body)
{
  guint count;
  const TsVaultField *fields = ts_vault_fields (&count);
  g_autoptr (GString) required = g_string_new (NULL);
  begin (out, body);
  raw (out, "\"type\":\"object\",\"additionalProperties\":false");
  begin (out, "properties");
  for (guint i = 0; i < count; i++) {
    if (!g_str_equal (fields[i].body, body))
      continue;
    field_schema (out, &fields[i]);
    if (fields[i].required) {
      g_string_append (required, required->len > 0 ? "," : "");
      ts_json_append_text (required, fields[i].name);
    }
  }
  end (out);
  if (required->len > 0)
    g_string_append_printf (out, ",\"required\":[%s]", required->str);
  end (out);
}

/* --- what comes back -------------------------------------------------------------------------- */

/* A resource as all of them are (HVR 4.2): whose fields are in properties. */
static void
kind_schema (GString *out, const char *kind)
{
  begin (out, kind);
  raw (out, "\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"name\":{\"type\":"
            "\"string\"},\"type\":{\"type\":\"string\"},\"properties\":{\"type\":\"object\"}}");
  const char *help = ts_vault_kind_help (kind);
  if (help)
    text (out, "description", help);
  end (out);
}

static void
schemas (GString *out)
{
  guint count;
  const TsVaultField *fields = ts_vault_fields (&count);
  g_autoptr (GHashTable) said = g_hash_table_new (g_str_hash, g_str_equal);
  begin (out, "schemas");
  for (guint i = 0; i < count; i++)
    if (g_hash_table_add (said, (gpointer)fields[i].body))
      body_schema (out, fields[i].body);
  const TsVaultRoute *routes = ts_vault_routes (&count);
  g_hash_table_remove_all (said);
  for (guint i = 0; i < count; i++)
    if (routes[i].answer && g_hash_table_add (said, (gpointer)routes[i].answer)) {
      g_autofree char *name = g_strconcat ("answer.", routes[i].answer, NULL);
      kind_schema (out, name);
    }
  raw (out, "\"error\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{"
            "\"type\":\"object\",\"required\":[\"code\",\"message\"],\"properties\":{\"code\":{"
            "\"type\":\"string\"},\"message\":{\"type\":\"string\"},\"target\":{\"type\":\"string\"},"
            "\"possibleCauses\":{\"type\":\"string\"},\"recommendedAction\":{\"type\":\"string\"}}}}}");
  raw (out, "\"operation\":{\"type\":\"object\",\"required\":[\"name\",\"status\"],\"properties\":{"
            "\"name\":{\"type\":\"string\"},\"status\":{\"type\":\"string\",\"enum\":[\"InProgress\","
            "\"Succeeded\",\"Failed\",\"Canceled\"]}}}");
  end (out);
}

static void
response (GString *out, const char *status, const char *what, const char *schema, gboolean list)
{
  begin (out, status);
  text (out, "description", what);
  if (schema) {
    begin (out, "content");
    begin (out, "application/json");
    begin (out, "schema");
    if (list) {
      raw (out, "\"type\":\"object\",\"required\":[\"value\"],\"properties\":{\"value\":{\"type\":"
                "\"array\",\"items\":{");
      ref (out, "schemas", schema);
      g_string_append (out, "}}}");
    } else
      ref (out, "schemas", schema);
    end (out), end (out), end (out);
  }
  end (out);
}

static void
responses (GString *out, const TsVaultRoute *route)
{
  g_autofree char *answer = route->answer ? g_strconcat ("answer.", route->answer, NULL) : NULL;
  gboolean job = route->method != TS_VAULT_GET && g_strcmp0 (route->answer, "job") == 0;
  begin (out, "responses");
  if (job)
    response (out, "202",
              "A job has begun: Azure-AsyncOperation and Location say where to look, Retry-After when.",
              answer, FALSE);
  if (route->answer)
    response (out, "200", job ? "Nothing was left to do." : "Done.", answer, route->list);
  if (route->method == TS_VAULT_PUT || route->method == TS_VAULT_POST)
    response (out, "201", "Made.", answer, FALSE);
  if (!route->answer)
    response (out, "204", "Done.", NULL, FALSE);
  response (out, "default", "Not done, and why.", "error", FALSE);
  end (out);
}

/* --- paths ------------------------------------------------------------------------------------ */

static void
parameters (GString *out, const char *pattern)
{
  g_auto (GStrv) segments = g_strsplit (pattern, "/", -1);
  gboolean any = FALSE;
  for (guint i = 0; segments[i]; i++) {
    gsize len = strlen (segments[i]);
    if (segments[i][0] != '{')
      continue;
    raw (out, any ? "{" : "\"parameters\":[{");
    g_autofree char *name = g_strndup (segments[i] + 1, len - 2);
    text (out, "name", name);
    raw (out, "\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}");
    any = TRUE;
  }
  if (any)
    g_string_append_c (out, ']');
}

/* "listReplicationJobs", unique: method and the fixed words of the path. */
static char *
operation_id (const TsVaultRoute *route)
{
  g_autofree char *method = g_ascii_strdown (ts_vault_method_name (route->method), -1);
  GString *id = g_string_new (method);
  for (const char *c = route->pattern; *c; c++) {
    gboolean first = c == route->pattern || c[-1] == '/' || c[-1] == '{';
    if (g_ascii_isalnum (*c))
      g_string_append_c (id, first ? g_ascii_toupper (*c) : *c);
    else if (*c == '{')
      g_string_append (id, "By");
  }
  return g_string_free (id, FALSE);
}

static void
operation (GString *out, const TsVaultRoute *route)
{
  g_autofree char *method = g_ascii_strdown (ts_vault_method_name (route->method), -1);
  g_autofree char *id = operation_id (route);
  begin (out, method);
  text (out, "operationId", id);
  text (out, "summary", route->summary);
  if (route->body) {
    guint count;
    const TsVaultField *fields = ts_vault_fields (&count);
    gboolean required = FALSE;
    for (guint i = 0; i < count; i++)
      required |= fields[i].required && g_str_equal (fields[i].body, route->body);
    begin (out, "requestBody");
    raw (out, required ? "\"required\":true" : "\"required\":false");
    begin (out, "content");
    begin (out, "application/json");
    begin (out, "schema");
    ref (out, "schemas", route->body);
    end (out), end (out), end (out), end (out);
  }
  responses (out, route);
  end (out);
}

static void
own_path (GString *out, const char *path, const char *summary, const char *type, const char *schema,
          const char *parameter)
{
  begin (out, path);
  if (parameter)
    parameters (out, parameter);
  begin (out, "get");
  text (out, "summary", summary);
  begin (out, "responses");
  begin (out, "200");
  text (out, "description", summary);
  begin (out, "content");
  begin (out, type);
  if (schema) {
    begin (out, "schema");
    ref (out, "schemas", schema);
    end (out);
  }
  end (out), end (out), end (out);
  response (out, "default", "Not done, and why.", "error", FALSE);
  end (out), end (out), end (out);
}

static void
paths (GString *out, const char *prefix)
{
  guint count;
  const TsVaultRoute *routes = ts_vault_routes (&count);
  begin (out, "paths");
  for (guint i = 0; i < count; i++) {
    gboolean said = FALSE;
    for (guint before = 0; before < i; before++)
      said |= g_str_equal (routes[before].pattern, routes[i].pattern);
    if (said)
      continue;
    g_autofree char *path = g_strconcat (prefix, routes[i].pattern, NULL);
    begin (out, path);
    parameters (out, routes[i].pattern);
    for (guint at = i; at < count; at++)
      if (g_str_equal (routes[at].pattern, routes[i].pattern))
        operation (out, &routes[at]);
    end (out);
  }
  g_autofree char *operation = g_strconcat (prefix, "operations/{job}", NULL);
  g_autofree char *result = g_strconcat (prefix, "operationResults/{job}", NULL);
  own_path (out, operation, "Where a long operation is.", "application/json", "operation", "{job}");
  own_path (out, result, "202 while it is under way, then what it came to.", "application/json",
            "answer.job", "{job}");
  own_path (out, "/events", "Server-sent events: hello, then which resources have changed.",
            "text/event-stream", NULL, NULL);
  own_path (out, "/about", "The vault's name and version.", "application/json", NULL, NULL);
  own_path (out, "/openapi.json", "This document.", "application/json", NULL, NULL);
  end (out);
}

char *
ts_lab_openapi (const char *vault, gboolean token)
{
  GString *out = g_string_new ("{");
  g_autofree char *title = g_strdup_printf ("twinsite vault %s", vault);
  g_autofree char *prefix = g_strdup_printf ("/vaults/%s/", vault);
  text (out, "openapi", "3.0.3");
  begin (out, "info");
  text (out, "title", title);
  text (out, "version", TS_VERSION);
  text (out, "description",
        "Orchestrates the replication of virtual machines between two sites.  Resource names are those of "
        "the published Site Recovery model; long operations answer 202 with an operation to poll.");
  end (out);
  paths (out, prefix);
  begin (out, "components");
  schemas (out);
  if (token)
    raw (out, "\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}}");
  end (out);
  if (token)
    raw (out, "\"security\":[{\"token\":[]}]");
  end (out);
  return g_string_free (out, FALSE);
}

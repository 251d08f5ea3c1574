/* results/study-cell.c -- a cell's file.
 *
 * { "cell", "digest", "seed", "verdict", "exit_code", "headline", "metrics": { KEY: ... } }
 * A metric is a whole number, a text (unit text), "never", or null where the run does not tell. */
#include <json-glib/json-glib.h>
#include <string.h>
#include "core/base/error.h"
#include "results/markup.h"
#include "results/study.h"

#define NEVER "never"

char *
ts_study_cell_name (guint index)
{
  return g_strdup_printf ("%06u.json", index);
}

/* ---- writing ---- */

static void
put_value (JsonBuilder *json, const TsMetric *metric, const TsStudyValue *value)
{
  json_builder_set_member_name (json, metric->key);
  if (value->kind == TS_MEASURE_UNKNOWN)
    json_builder_add_null_value (json);
  else if (value->kind == TS_MEASURE_NEVER)
    json_builder_add_string_value (json, NEVER);
  else if (metric->unit == TS_UNIT_TEXT)
    json_builder_add_string_value (json, value->text);
  else
    json_builder_add_int_value (json, value->number);
}

char *
ts_study_cell_format (const TsStudy *study, guint index, const TsStudyCell *cell)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autofree char *headline = ts_markup_clean (cell->headline);
  json_builder_begin_object (json);
  json_builder_set_member_name (json, "cell");
  json_builder_add_int_value (json, index);
  json_builder_set_member_name (json, "digest");
  json_builder_add_string_value (json, study->digest);
  json_builder_set_member_name (json, "seed");
  json_builder_add_int_value (json, (gint64)ts_study_seed (study, index));
  json_builder_set_member_name (json, "verdict");
  json_builder_add_string_value (json, ts_verdict_name (cell->verdict));
  json_builder_set_member_name (json, "exit_code");
  json_builder_add_int_value (json, cell->exit_code);
  json_builder_set_member_name (json, "headline");
  json_builder_add_string_value (json, headline);
  json_builder_set_member_name (json, "metrics");
  json_builder_begin_object (json);
  for (guint i = 0; i < ts_study_metric_count (study); i++)
    put_value (json, ts_study_metric (study, i), &cell->values[i]);
  json_builder_end_object (json);
  json_builder_end_object (json);
  g_autoptr (JsonNode) root = json_builder_get_root (json);
  g_autofree char *text = json_to_string (root, FALSE);
  return g_strconcat (text, "\n", NULL);
}

/* ---- reading ---- */

static gboolean
get_int (JsonObject *object, const char *key, gint64 *number)
{
  JsonNode *node = json_object_get_member (object, key);
  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) ||
      json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *number = json_node_get_int (node);
  return TRUE;
}

static const char *
get_text (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) &&
                 json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}

static gboolean
read_value (JsonObject *object, const TsMetric *metric, TsStudyValue *value)
{
  const char *text = get_text (object, metric->key);
  JsonNode *node = json_object_get_member (object, metric->key);
  if (node == NULL)
    return FALSE;
  if (JSON_NODE_HOLDS_NULL (node)) {
    value->kind = TS_MEASURE_UNKNOWN;
    return TRUE;
  }
  value->kind = text != NULL && g_str_equal (text, NEVER) ? TS_MEASURE_NEVER : TS_MEASURE_VALUE;
  if (value->kind == TS_MEASURE_NEVER)
    return TRUE;
  if (metric->unit == TS_UNIT_TEXT) {
    value->text = g_strdup (text);
    return text != NULL;
  }
  return get_int (object, metric->key, &value->number) && value->number < G_MAXINT64;
}

static gboolean
read_verdict (const char *name, TsVerdictKind *kind)
{
  for (guint i = TS_VERDICT_PASSED; name != NULL && i <= TS_VERDICT_SKIPPED; i++)
    if (g_str_equal (ts_verdict_name ((TsVerdictKind)i), name)) {
      *kind = (TsVerdictKind)i;
      return TRUE;
    }
  return FALSE;
}

/* What is wrong with it; NULL: nothing. */
static const char *
read_cell (const TsStudy *study, guint index, JsonObject *object, TsStudyCell *cell)
{
  gint64 number, seed, exit_code;
  const char *digest = get_text (object, "digest"), *headline = get_text (object, "headline");
  if (digest == NULL || !g_str_equal (digest, study->digest))
    return "is of another sweep, scenario or commit";
  if (!get_int (object, "cell", &number) || number != (gint64)index ||
      !get_int (object, "seed", &seed) || (guint64)seed != ts_study_seed (study, index))
    return "does not say the cell and seed that its name says";
  if (!read_verdict (get_text (object, "verdict"), &cell->verdict) || headline == NULL ||
      !get_int (object, "exit_code", &exit_code) || exit_code < 0 || exit_code > 255)
    return "has no verdict, exit_code or headline";
  JsonNode *metrics = json_object_get_member (object, "metrics");
  if (metrics == NULL || !JSON_NODE_HOLDS_OBJECT (metrics))
    return "has no metrics";
  cell->exit_code = (int)exit_code;
  cell->headline = g_strdup (headline);
  cell->values = g_new0 (TsStudyValue, ts_study_metric_count (study));
  for (guint i = 0; i < ts_study_metric_count (study); i++)
    if (!read_value (json_node_get_object (metrics), ts_study_metric (study, i), &cell->values[i]))
      return "lacks a metric, or has one of the wrong kind";
  cell->done = TRUE;
  return NULL;
}

gboolean
ts_study_cell_parse (const TsStudy *study, guint index, const char *text, gsize len,
                     TsStudyCell *cell, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  const char *wrong = "is not a line of JSON";
  if (len <= G_MAXSSIZE && g_utf8_validate_len (text, len, NULL) &&
      memchr (text, '\0', len) == NULL &&
      json_parser_load_from_data (parser, text, (gssize)len, NULL)) {
    JsonNode *root = json_parser_get_root (parser);
    if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
      wrong = read_cell (study, index, json_node_get_object (root), cell);
  }
  if (wrong == NULL)
    return TRUE;
  ts_study_cell_clear (cell);
  return ts_throw (error, TS_ERROR_FORMAT, "cell %u %s", index, wrong);
}

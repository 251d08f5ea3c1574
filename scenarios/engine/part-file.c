/* scenarios/engine/part-file.c -- parts of a scenario that come from another file: expectations for
 * a run that was stored, a profile for the simulator */
#include "scenarios/engine/check.h"
#include "scenarios/engine/scenario.h"

static const char *const judged[] = {"expect", "must_fail", "allow", NULL};
static const char *const profiled[] = {"sim", NULL};

/* A whole scenario lends only these sections, the first of which must be there; a file of nothing
 * else must have no slip in them. */
static TsYaml *
load_part (const char *path, const char *const *sections, TsProblems *problems)
{
  g_autoptr (TsYaml) file = ts_yaml_load (path, problems);
  if (file == NULL)
    return NULL;
  if (file->kind != TS_YAML_MAP || ts_yaml_get (file, sections[0]) == NULL) {
    g_autofree char *others = g_strjoinv (", ", (char **)sections + 1);
    ts_problem (problems, file->line, file->column,
                "a map with '%s' is wanted%s%s%s, or a whole scenario", sections[0],
                others[0] ? " (and " : "", others, others[0] ? ")" : "");
    return NULL;
  }
  for (guint i = 0; ts_yaml_get (file, "scenario") == NULL && i < file->keys->len; i++) {
    const TsYaml *key = file->keys->pdata[i];
    if (g_strv_contains (sections, key->text))
      continue;
    g_autofree char *hint = ts_suggest_text (key->text, sections);
    ts_problem (problems, key->line, key->column, "unknown key '%s'%s", key->text, hint);
  }
  return ts_problems_any (problems) ? NULL : g_steal_pointer (&file);
}

/* file's value of the key becomes root's; FALSE: it has none. */
static gboolean
move (TsYaml *root, TsYaml *file, const char *key)
{
  for (guint i = 0; i < file->keys->len; i++)
    if (g_str_equal (((TsYaml *)file->keys->pdata[i])->text, key)) {
      ts_yaml_set (root, key, file->items->pdata[i]);
      file->items->pdata[i] = ts_yaml_new_scalar ("");
      return TRUE;
    }
  return FALSE;
}

gboolean
ts_yaml_take_expectations (TsYaml *root, const char *path, TsProblems *problems)
{
  g_autoptr (TsYaml) file = load_part (path, judged, problems);
  for (guint i = 0; file != NULL && judged[i] != NULL; i++)
    if (!move (root, file, judged[i])) /* what the file leaves out is gone */
      ts_yaml_set (root, judged[i], ts_yaml_new_list ());
  return file != NULL;
}

gboolean
ts_yaml_take_profile (TsYaml *root, const char *path, TsProblems *problems)
{
  g_autoptr (TsYaml) file = load_part (path, profiled, problems);
  return file != NULL && (root->kind != TS_YAML_MAP || move (root, file, "sim"));
}

gboolean
ts_profile_file_check (const char *path, TsProblems *problems)
{
  g_autoptr (TsYaml) file = load_part (path, profiled, problems);
  return file != NULL && ts_schema_check_section (ts_yaml_get (file, "sim"), "sim", problems);
}

/* scenarios/engine/expect-file.c -- other expectations for a scenario that has run already */
#include "scenarios/engine/check.h"

static const char *const sections[] = {"expect", "must_fail", "allow", NULL};

/* A whole scenario lends only these sections; a file of nothing else must have no slip in them. */
static void
check_keys (const TsYaml *file, TsProblems *problems)
{
  for (guint i = 0; ts_yaml_get (file, "scenario") == NULL && i < file->keys->len; i++) {
    const TsYaml *key = file->keys->pdata[i];
    if (g_strv_contains (sections, key->text))
      continue;
    g_autofree char *hint = ts_suggest_text (key->text, sections);
    ts_problem (problems, key->line, key->column, "unknown key '%s'%s", key->text, hint);
  }
}

gboolean
ts_yaml_take_expectations (TsYaml *root, const char *path, TsProblems *problems)
{
  g_autoptr (TsYaml) file = ts_yaml_load (path, problems);
  if (file == NULL)
    return FALSE;
  if (file->kind != TS_YAML_MAP || ts_yaml_get (file, "expect") == NULL) {
    ts_problem (problems, file->line, file->column,
                "a map with 'expect' is wanted (and must_fail, allow), or a whole scenario");
    return FALSE;
  }
  check_keys (file, problems);
  for (guint i = 0; sections[i] != NULL; i++) {
    ts_yaml_set (root, sections[i], ts_yaml_new_list ()); /* what the file leaves out is gone */
    for (guint j = 0; j < file->keys->len; j++)
      if (g_str_equal (((TsYaml *)file->keys->pdata[j])->text, sections[i])) {
        ts_yaml_set (root, sections[i], file->items->pdata[j]);
        file->items->pdata[j] = ts_yaml_new_scalar ("");
        break;
      }
  }
  return !ts_problems_any (problems);
}

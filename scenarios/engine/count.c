#include "scenarios/engine/count.h"
#include <string.h>

static TsYaml *
copy (const TsYaml *node)
{
  TsYaml *to = node->kind == TS_YAML_SCALAR ? ts_yaml_new_scalar (node->text)
               : node->kind == TS_YAML_LIST ? ts_yaml_new_list ()
                                            : ts_yaml_new_map ();
  to->plain = node->plain;
  to->line = node->line;
  to->column = node->column;
  for (guint i = 0; node->kind != TS_YAML_SCALAR && i < node->items->len; i++) {
    if (node->kind == TS_YAML_MAP)
      g_ptr_array_add (to->keys, copy (node->keys->pdata[i]));
    g_ptr_array_add (to->items, copy (node->items->pdata[i]));
  }
  return to;
}

static const char *
text_of (const TsYaml *map, const char *key)
{
  const TsYaml *node = ts_yaml_get (map, key);
  return node && node->kind == TS_YAML_SCALAR ? node->text : NULL;
}

/* How many machines the name stands for; 0: it is not counted. */
static guint
count_of (const TsYaml *root, const char *vm)
{
  const TsYaml *node = vm ? ts_yaml_get (ts_yaml_get (root, "vms"), vm) : NULL;
  const char *text = node ? text_of (node, "count") : NULL;
  guint64 count = text ? g_ascii_strtoull (text, NULL, 10) : 1;
  return count > 1 ? (guint)count : 0;
}

static TsYaml *
numbered (const TsYaml *name, guint number)
{
  g_autofree char *text = g_strdup_printf ("%s-%u", name->text, number);
  TsYaml *node = ts_yaml_new_scalar (text);
  node->plain = name->plain;
  node->line = name->line;
  node->column = name->column;
  return node;
}

static void
put_number (TsYaml *map, const char *key, guint number)
{
  ts_yaml_set (map, key, numbered (ts_yaml_get (map, key), number));
}

/* A map of named things of which some are many.  vm_key: the key that names the machine they go by;
 * NULL: their own name does. */
static TsYaml *
expand_named (const TsYaml *root, const char *section, const char *vm_key)
{
  const TsYaml *from = ts_yaml_get (root, section);
  TsYaml *to = ts_yaml_new_map ();
  to->line = from->line;
  to->column = from->column;
  for (guint i = 0; i < from->items->len; i++) {
    const TsYaml *key = from->keys->pdata[i], *item = from->items->pdata[i];
    guint count = count_of (root, vm_key ? text_of (item, vm_key) : key->text);
    for (guint n = 1; n <= MAX (count, 1); n++) {
      g_ptr_array_add (to->keys, count ? numbered (key, n) : copy (key));
      TsYaml *mine = copy (item);
      if (count && vm_key)
        put_number (mine, vm_key, n);
      g_ptr_array_add (to->items, mine);
    }
  }
  return to;
}

static const char *const places[] = {"wait", "check"};

/* The map that names the step's machine: the step, or what it waits for. */
static TsYaml *
place_of_vm (const TsYaml *step)
{
  if (ts_yaml_get (step, "do"))
    return (TsYaml *)step;
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    if (ts_yaml_get (step, places[i]))
      return ts_yaml_get (step, places[i]);
  return (TsYaml *)step;
}

static guint
count_of_step (const TsYaml *root, const TsYaml *step)
{
  return count_of (root, text_of (place_of_vm (step), "vm"));
}

/* The id that stands for a step of the file: of many, the last. */
static TsYaml *
last_id (const TsYaml *root, const char *id)
{
  const TsYaml *steps = ts_yaml_get (root, "steps");
  for (guint i = 0; i < steps->items->len; i++) {
    const TsYaml *step = steps->items->pdata[i];
    if (g_strcmp0 (text_of (step, "id"), id) == 0) {
      guint count = count_of_step (root, step);
      return count ? numbered (ts_yaml_get (step, "id"), count) : copy (ts_yaml_get (step, "id"));
    }
  }
  return ts_yaml_new_scalar (id);
}

static TsYaml *
expand_step (const TsYaml *root, const TsYaml *step, const char *before, guint number)
{
  TsYaml *mine = copy (step);
  if (number > 0) {
    put_number (mine, "id", number);
    put_number (place_of_vm (mine), "vm", number);
  }
  TsYaml *after = ts_yaml_get (mine, "after");
  const char *waits_for = text_of (ts_yaml_get (mine, "wait"), "step");
  if (after)
    ts_yaml_set (after, "step", last_id (root, text_of (after, "step")));
  if (waits_for)
    ts_yaml_set (ts_yaml_get (mine, "wait"), "step", last_id (root, waits_for));
  if (number > 1 && !after && !ts_yaml_get (mine, "at")) { /* with the first, not behind it */
    if (before) {
      after = ts_yaml_new_map ();
      ts_yaml_set (after, "step", last_id (root, before));
      ts_yaml_set (after, "by", ts_yaml_new_scalar ("0s"));
      ts_yaml_set (mine, "after", after);
    } else
      ts_yaml_set (mine, "at", ts_yaml_new_scalar ("0s"));
  }
  return mine;
}

TsYaml *
ts_count_expand (const TsYaml *root)
{
  const TsYaml *vms = ts_yaml_get (root, "vms"), *steps = ts_yaml_get (root, "steps");
  gboolean any = FALSE;
  for (guint i = 0; i < vms->keys->len; i++)
    any = any || count_of (root, ((TsYaml *)vms->keys->pdata[i])->text) > 0;
  if (!any)
    return NULL;
  TsYaml *to = copy (root);
  ts_yaml_set (to, "vms", expand_named (root, "vms", NULL));
  ts_yaml_set (to, "workloads", expand_named (root, "workloads", "vm"));
  TsYaml *all = ts_yaml_new_list ();
  const char *before = NULL;
  for (guint i = 0; i < steps->items->len; i++) {
    const TsYaml *step = steps->items->pdata[i];
    guint count = count_of_step (root, step);
    for (guint n = count ? 1 : 0; n <= count; n++)
      ts_yaml_add (all, expand_step (root, step, before, n));
    before = text_of (step, "id");
  }
  ts_yaml_set (to, "steps", all);
  return to;
}

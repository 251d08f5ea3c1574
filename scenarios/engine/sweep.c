#include "scenarios/engine/sweep.h"
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/formula.h"
#include "scenarios/engine/check.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/value.h"

typedef struct {
  TsSweep *sweep;
  TsProblems *problems;
  const TsYaml *root;
} Build;

static void G_GNUC_PRINTF (3, 4) tell (Build *build, const TsYaml *node, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  ts_problem (build->problems, node->line, node->column, "%s", message);
}

const TsSweepAxis *
ts_sweep_axis (const TsSweep *sweep, guint index)
{
  return sweep->axes->pdata[index];
}

const TsSweepDraw *
ts_sweep_draw (const TsSweep *sweep, guint index)
{
  return sweep->draws->pdata[index];
}

static void
axis_free (gpointer data)
{
  TsSweepAxis *axis = data;
  g_free (axis->name);
  g_free (axis->path);
  g_free (axis->label);
  g_ptr_array_unref (axis->values);
  g_free (axis);
}

static void
draw_free (gpointer data)
{
  TsSweepDraw *draw = data;
  g_free (draw->name);
  g_free (draw->path);
  g_free (draw);
}

void
ts_sweep_free (TsSweep *sweep)
{
  if (sweep == NULL)
    return;
  g_free (sweep->path);
  g_free (sweep->name);
  g_free (sweep->title);
  g_free (sweep->base_path);
  g_free (sweep->base_name);
  g_free (sweep->base_text);
  g_ptr_array_unref (sweep->set);
  g_ptr_array_unref (sweep->axes);
  g_ptr_array_unref (sweep->draws);
  g_ptr_array_unref (sweep->metrics);
  ts_pairwise_space_free (sweep->space);
  ts_yaml_free (sweep->tree);
  g_free (sweep);
}

static const char *
text_of (const TsYaml *map, const char *key)
{
  const TsYaml *node = ts_yaml_get (map, key);
  return node != NULL ? node->text : NULL;
}

static void
copy_texts (const TsYaml *list, GPtrArray *texts)
{
  for (guint i = 0; i < list->items->len; i++)
    g_ptr_array_add (texts, g_strdup (((TsYaml *)list->items->pdata[i])->text));
}

/* ---- axes, draws, skips ---- */

static void
build_axes (Build *build)
{
  const TsYaml *axes = ts_yaml_get (build->root, "axes");
  for (guint i = 0; i < axes->items->len; i++) {
    const TsYaml *key = axes->keys->pdata[i], *node = axes->items->pdata[i];
    const TsYaml *values = ts_yaml_get (node, "values");
    TsSweepAxis *axis = g_new0 (TsSweepAxis, 1);
    axis->name = g_strdup (key->text);
    axis->path = g_strdup (text_of (node, "path"));
    axis->label = g_strdup (text_of (node, "label"));
    axis->values = g_ptr_array_new_with_free_func (g_free);
    copy_texts (values, axis->values);
    g_ptr_array_add (build->sweep->axes, axis);
    if (axis->values->len == 0 || axis->values->len > TS_SWEEP_VALUES_MAX)
      tell (build, values, "axis %s: values: 1 to %d are needed, there are %u", key->text,
            TS_SWEEP_VALUES_MAX, axis->values->len);
    for (guint j = 0; j < i; j++)
      if (g_str_equal (ts_sweep_axis (build->sweep, j)->path, axis->path))
        tell (build, ts_yaml_get (node, "path"), "axis %s: axis %s sets %s already", key->text,
              ts_sweep_axis (build->sweep, j)->name, axis->path);
  }
}

static void
build_draws (Build *build)
{
  const TsYaml *draws = ts_yaml_get (build->root, "draws");
  for (guint i = 0; i < draws->items->len; i++) {
    const TsYaml *key = draws->keys->pdata[i], *node = draws->items->pdata[i];
    TsSweepDraw *draw = g_new0 (TsSweepDraw, 1);
    draw->name = g_strdup (key->text);
    draw->path = g_strdup (text_of (node, "path"));
    draw->from_us = ts_value_duration (ts_yaml_get (node, "from"));
    draw->to_us = ts_value_duration (ts_yaml_get (node, "to"));
    g_ptr_array_add (build->sweep->draws, draw);
    if (draw->to_us < draw->from_us)
      tell (build, ts_yaml_get (node, "to"), "draw %s: to: %s is before %s, its from", key->text,
            text_of (node, "to"), text_of (node, "from"));
    if (ts_yaml_get (ts_yaml_get (build->root, "axes"), key->text) != NULL)
      tell (build, key, "draw %s: an axis has that name", key->text);
    for (guint j = 0; j < build->sweep->axes->len; j++)
      if (g_str_equal (ts_sweep_axis (build->sweep, j)->path, draw->path))
        tell (build, ts_yaml_get (node, "path"), "draw %s: axis %s sets %s already", key->text,
              ts_sweep_axis (build->sweep, j)->name, draw->path);
  }
}

/* The bit of one value of the axis; 0: told. */
static guint64
value_bit (Build *build, const TsSweepAxis *axis, const TsYaml *node)
{
  if (node->kind != TS_YAML_SCALAR) {
    tell (build, node, "skip: %s: a value is needed here, this is %s", axis->name,
          ts_yaml_kind_name (node));
    return 0;
  }
  for (guint i = 0; i < axis->values->len; i++)
    if (g_str_equal (axis->values->pdata[i], node->text))
      return G_GUINT64_CONSTANT (1) << i;
  g_ptr_array_add (axis->values, NULL);
  g_autofree char *hint = ts_suggest_text (node->text, (const char *const *)axis->values->pdata);
  g_ptr_array_set_size (axis->values, (gint)axis->values->len - 1);
  tell (build, node, "skip: axis %s has no value '%s'%s", axis->name, node->text, hint);
  return 0;
}

static void
build_skip (Build *build, const TsYaml *node)
{
  const TsYaml *axes = ts_yaml_get (build->root, "axes");
  if (node->kind != TS_YAML_MAP || node->items->len == 0) {
    tell (build, node, "skip: a map of axes to values is needed here, this is %s",
          node->kind == TS_YAML_MAP ? "an empty one" : ts_yaml_kind_name (node));
    return;
  }
  guint64 *skip = ts_pairwise_space_skip (build->sweep->space);
  for (guint i = 0; i < node->items->len; i++) {
    const TsYaml *key = node->keys->pdata[i], *value = node->items->pdata[i];
    guint axis = 0;
    while (axis < build->sweep->axes->len &&
           !g_str_equal (ts_sweep_axis (build->sweep, axis)->name, key->text))
      axis++;
    if (axis == build->sweep->axes->len) {
      g_autofree const char **words = ts_yaml_words (axes);
      g_autofree char *hint = ts_suggest_text (key->text, words);
      tell (build, key, "skip: there is no axis '%s'%s", key->text, hint);
      continue;
    }
    skip[axis] = 0;
    if (value->kind != TS_YAML_LIST)
      skip[axis] = value_bit (build, ts_sweep_axis (build->sweep, axis), value);
    else
      for (guint j = 0; j < value->items->len; j++)
        skip[axis] |= value_bit (build, ts_sweep_axis (build->sweep, axis), value->items->pdata[j]);
  }
}

static void
build_space (Build *build)
{
  g_autofree guint *sizes = g_new (guint, build->sweep->axes->len);
  for (guint i = 0; i < build->sweep->axes->len; i++)
    sizes[i] = ts_sweep_axis (build->sweep, i)->values->len;
  build->sweep->space = ts_pairwise_space_new (build->sweep->axes->len, sizes);
  const TsYaml *skip = ts_yaml_get (build->root, "skip");
  if (skip == NULL || ts_yaml_is_nothing (skip))
    return;
  if (skip->kind != TS_YAML_LIST)
    tell (build, skip, "skip: a list of maps is needed here, this is %s", ts_yaml_kind_name (skip));
  else
    for (guint i = 0; i < skip->items->len; i++)
      build_skip (build, skip->items->pdata[i]);
}

/* ---- what is shown ---- */

/* A metric that is a number; NULL: told. */
static const TsMetric *
number_metric (Build *build, const TsYaml *node, const char *what)
{
  const TsMetric *metric = ts_metric_find (node->text);
  if (metric == NULL) {
    g_autofree char *hint = ts_metric_suggest (node->text);
    tell (build, node, "%s: there is no metric '%s'%s", what, node->text, hint);
  } else if (metric->unit == TS_UNIT_TEXT) {
    tell (build, node, "%s: %s is a text; a number is needed here", what, node->text);
    metric = NULL;
  }
  return metric;
}

static gint
axis_index (Build *build, const TsYaml *node)
{
  for (guint i = 0; i < build->sweep->axes->len; i++)
    if (g_str_equal (ts_sweep_axis (build->sweep, i)->name, node->text))
      return (gint)i;
  g_assert_not_reached (); /* the schema's check has found it */
}

static gint64
quantity_of (Build *build, const TsYaml *node, TsUnit unit)
{
  g_autoptr (GError) error = NULL;
  gint64 number = 0;
  if (!ts_quantity_parse (node->text, unit, &number, &error))
    tell (build, node, "show: max: %s", error->message);
  return number;
}

static void
build_show (Build *build)
{
  TsSweep *sweep = build->sweep;
  const TsYaml *show = ts_yaml_get (build->root, "show");
  const TsYaml *x = ts_yaml_get (show, "x"), *y = ts_yaml_get (show, "y");
  const TsYaml *max = ts_yaml_get (show, "max");
  sweep->x = x != NULL ? (guint)axis_index (build, x) : 0;
  sweep->y = y != NULL ? axis_index (build, y) : -1;
  for (guint i = 0; y == NULL && i < sweep->axes->len && sweep->y < 0; i++)
    if (i != sweep->x)
      sweep->y = (gint)i;
  if (y != NULL && sweep->y == (gint)sweep->x)
    tell (build, y, "show: y: axis %s is to the right already", y->text);
  sweep->metric = number_metric (build, ts_yaml_get (show, "metric"), "show: metric");
  sweep->loss = number_metric (build, ts_yaml_get (show, "loss"), "show: loss");
  sweep->max = -1;
  if (max != NULL && sweep->metric != NULL)
    sweep->max = quantity_of (build, max, sweep->metric->unit);
  const TsYaml *metrics = ts_yaml_get (build->root, "metrics");
  for (guint i = 0; i < metrics->items->len; i++) {
    const TsMetric *metric = number_metric (build, metrics->items->pdata[i], "metrics");
    if (metric != NULL)
      g_ptr_array_add (sweep->metrics, (gpointer)metric);
  }
}

/* ---- the base scenario ---- */

static gboolean
load_base (Build *build, const char *base, gsize base_len)
{
  TsSweep *sweep = build->sweep;
  const TsYaml *node = ts_yaml_get (build->root, "base");
  if (g_path_is_absolute (node->text))
    sweep->base_path = g_strdup (node->text);
  else {
    g_autofree char *folder = g_path_get_dirname (sweep->path);
    sweep->base_path = g_str_equal (folder, ".") ? g_strdup (node->text)
                                                 : g_build_filename (folder, node->text, NULL);
  }
  if (base != NULL) {
    sweep->base_text = g_memdup2 (base, base_len + 1);
    sweep->base_len = base_len;
    return TRUE;
  }
  g_autoptr (GError) error = NULL;
  if (!g_file_test (sweep->base_path, G_FILE_TEST_IS_REGULAR) ||
      !g_file_get_contents (sweep->base_path, &sweep->base_text, &sweep->base_len, &error)) {
    tell (build, node, "base: %s",
          error != NULL ? error->message : "there is no such file to read");
    return FALSE;
  }
  return TRUE;
}

/* The base with these assignments; NULL: told at node, with the first thing that is wrong. */
static TsScenario *
try_base (Build *build, const GPtrArray *assignments, const TsYaml *node, const char *what)
{
  const TsSweep *sweep = build->sweep;
  g_autoptr (TsProblems) problems = ts_problems_new (sweep->base_path);
  TsScenarioOptions options = {.assignments = (const char *const *)assignments->pdata};
  TsScenario *scenario =
      ts_scenario_parse (sweep->base_path, sweep->base_text, sweep->base_len, &options, problems);
  if (scenario == NULL) {
    const TsProblem *first = problems->list->pdata[0];
    if (first->line > 0)
      tell (build, node, "%s: %s:%u: %s", what, first->file, first->line, first->message);
    else
      tell (build, node, "%s: %s: %s", what, first->file, first->message);
  }
  return scenario;
}

static char *
assignment_of (const char *path, const char *value)
{
  return g_strdup_printf ("%s=%s", path, value);
}

/* set, and the first value of each axis but one, and each draw at its shortest. */
static GPtrArray *
first_assignments (const TsSweep *sweep, guint but)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < sweep->set->len; i++)
    g_ptr_array_add (all, g_strdup (sweep->set->pdata[i]));
  for (guint i = 0; i < sweep->axes->len; i++) {
    const TsSweepAxis *axis = ts_sweep_axis (sweep, i);
    if (i != but)
      g_ptr_array_add (all, assignment_of (axis->path, axis->values->pdata[0]));
  }
  for (guint i = 0; i < sweep->draws->len; i++) {
    const TsSweepDraw *draw = ts_sweep_draw (sweep, i);
    g_autofree char *value = g_strdup_printf ("%" G_GINT64_FORMAT "us", draw->from_us);
    g_ptr_array_add (all, assignment_of (draw->path, value));
  }
  return all;
}

/* Is each value one that the scenario takes?  One axis at a time: two values that do not go
 * together are told by the cell that has them. */
static void
try_values (Build *build)
{
  TsSweep *sweep = build->sweep;
  const TsYaml *base = ts_yaml_get (build->root, "base");
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  g_ptr_array_add (none, NULL);
  g_autoptr (TsScenario) bare = try_base (build, none, base, "base");
  if (bare == NULL)
    return;
  sweep->base_name = g_strdup (bare->topology->name);
  if ((bare->engines & TS_ENGINE_SIM) == 0)
    tell (build, base, "base: %s is not meant for the simulator, where sweeps run",
          bare->topology->name);
  g_autoptr (GPtrArray) first = first_assignments (sweep, G_MAXUINT);
  g_ptr_array_add (first, NULL);
  const TsYaml *axes = ts_yaml_get (build->root, "axes"), *set = ts_yaml_get (build->root, "set");
  g_autoptr (TsScenario) at_first =
      try_base (build, first, set->items->len > 0 ? set : axes, "with the first values");
  if (at_first == NULL)
    return;
  for (guint i = 0; i < sweep->axes->len; i++) {
    const TsSweepAxis *axis = ts_sweep_axis (sweep, i);
    const TsYaml *values = ts_yaml_get (axes->items->pdata[i], "values");
    for (guint j = 1; j < axis->values->len; j++) {
      g_autoptr (GPtrArray) all = first_assignments (sweep, i);
      g_ptr_array_add (all, assignment_of (axis->path, axis->values->pdata[j]));
      g_ptr_array_add (all, NULL);
      g_autoptr (TsScenario) one = try_base (build, all, values->items->pdata[j], axis->name);
      if (one == NULL)
        return; /* the others would say much the same */
    }
  }
}

/* ---- the whole ---- */

static void
build_head (Build *build)
{
  static const char *const picks[] = {"all", "pairwise", "subset"};
  TsSweep *sweep = build->sweep;
  const TsYaml *root = build->root, *subset = ts_yaml_get (root, "subset");
  const TsYaml *pick = ts_yaml_get (root, "pick");
  sweep->name = g_strdup (text_of (root, "name"));
  sweep->title = g_strdup (text_of (root, "title"));
  sweep->seeds = (guint)ts_value_integer (ts_yaml_get (root, "seeds"));
  sweep->first_seed = (guint64)ts_value_integer (ts_yaml_get (root, "first_seed"));
  sweep->cell_limit_us = ts_value_duration (ts_yaml_get (root, "cell_limit"));
  while (!g_str_equal (picks[sweep->pick], pick->text))
    sweep->pick++;
  if ((sweep->pick == TS_PICK_SUBSET) != (subset != NULL))
    tell (build, subset != NULL ? subset : pick,
          "'pick: subset' and 'subset: NUMBER' belong together");
  if (subset != NULL)
    sweep->subset = (guint)ts_value_integer (subset);
  copy_texts (ts_yaml_get (root, "set"), sweep->set);
}

/* Takes root. */
static TsSweep *
build_sweep (const char *path, TsYaml *root, const char *base, gsize base_len, TsProblems *problems)
{
  if (root == NULL || !ts_schema_check_as (root, "sweep", problems)) {
    ts_yaml_free (root);
    return NULL;
  }
  g_autoptr (TsSweep) sweep = g_new0 (TsSweep, 1);
  sweep->path = g_strdup (path);
  sweep->tree = root;
  sweep->set = g_ptr_array_new_with_free_func (g_free);
  sweep->axes = g_ptr_array_new_with_free_func (axis_free);
  sweep->draws = g_ptr_array_new_with_free_func (draw_free);
  sweep->metrics = g_ptr_array_new ();
  Build build = {sweep, problems, root};
  build_head (&build);
  build_axes (&build);
  if (!ts_problems_any (problems))
    build_space (&build);
  build_draws (&build);
  build_show (&build);
  if (!ts_problems_any (problems) && load_base (&build, base, base_len))
    try_values (&build);
  return ts_problems_any (problems) ? NULL : g_steal_pointer (&sweep);
}

TsSweep *
ts_sweep_parse (const char *path, const char *text, gsize len, const char *base, gsize base_len,
                TsProblems *problems)
{
  return build_sweep (path, ts_yaml_parse (text, len, problems), base, base_len, problems);
}

TsSweep *
ts_sweep_load (const char *path, TsProblems *problems)
{
  return build_sweep (path, ts_yaml_load (path, problems), NULL, 0, problems);
}

char *
ts_sweep_format (const TsSweep *sweep, const char *base)
{
  TsYaml *node = ts_yaml_get (sweep->tree, "base");
  g_autofree char *before = node->text;
  node->text = g_strdup (base);
  char *text = ts_yaml_format (sweep->tree);
  g_free (node->text);
  node->text = g_steal_pointer (&before);
  return text;
}

#include "scenarios/engine/scenario.h"
#include <string.h>
#include "core/base/units.h"
#include "scenarios/engine/check.h"
#include "scenarios/engine/count.h"
#include "scenarios/engine/scenario-build.h"
#include "scenarios/engine/scenario-management.h"
#include "scenarios/engine/schema.h"
#include "scenarios/engine/value.h"

void
ts_build_tell (TsBuild *build, const TsYaml *node, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  ts_problem (build->problems, node->line, node->column, "%s", message);
}

const char *
ts_build_text (const TsYaml *map, const char *key)
{
  const TsYaml *node = ts_yaml_get (map, key);
  return node != NULL ? node->text : NULL;
}

guint
ts_build_index (TsBuild *build, const char *section, const char *name)
{
  const TsYaml *map = ts_yaml_get (build->root, section);
  for (guint i = 0; i < map->keys->len; i++)
    if (g_str_equal (((TsYaml *)map->keys->pdata[i])->text, name))
      return i;
  g_assert_not_reached ();
}

guint
ts_build_choice (const char *const *choices, const char *text)
{
  for (guint i = 0; choices[i] != NULL; i++)
    if (g_str_equal (choices[i], text))
      return i;
  g_assert_not_reached ();
}
TsInitial
ts_build_initial (const char *text)
{
  for (TsInitial method = TS_INITIAL_NETWORK; method <= TS_INITIAL_SEEDED; method++)
    if (g_strcmp0 (text, ts_initial_name (method)) == 0)
      return method;
  return TS_INITIAL_DEFAULT;
}

static void
step_free (gpointer data)
{
  TsStep *step = data;
  g_free (step->id);
  g_free (step);
}

/* ---- expectations ---- */

static char *
limit_of (const TsYaml *node, const char *key)
{
  return g_strdup (ts_build_text (node, key));
}

static void
build_expectation (TsBuild *build, const TsYaml *node)
{
  TsExpectation *expectation =
      ts_expectation_new (ts_build_text (node, "id"), ts_build_text (node, "metric"));
  g_ptr_array_add (build->scenario->expectations->expectations, expectation);
  expectation->vm = limit_of (node, "vm");
  if (expectation->vm && ts_topology_find_vm (build->scenario->topology, expectation->vm) < 0)
    ts_build_tell (build, ts_yaml_get (node, "vm"),
                   "expect %s: %s names many machines; without vm it is asked of each",
                   expectation->id, expectation->vm);
  expectation->min = limit_of (node, "min");
  expectation->max = limit_of (node, "max");
  expectation->equals = limit_of (node, "equals");
  expectation->within = limit_of (node, "within");
  const TsYaml *when = ts_yaml_get (node, "when"), *at = ts_yaml_get (node, "at");
  const TsYaml *during = ts_yaml_get (node, "during");
  if ((when != NULL) + (at != NULL) + (during != NULL) > 1) {
    ts_build_tell (build, node, "expect %s: has more than one of when, at and during",
                   expectation->id);
    return;
  }
  TsWindow *window = &expectation->window;
  window->kind = TS_WINDOW_ALWAYS;
  if (when != NULL && g_str_equal (when->text, "end"))
    window->kind = TS_WINDOW_END;
  if (at != NULL) {
    window->kind = TS_WINDOW_AT;
    window->from = g_strdup (at->text);
  }
  if (during != NULL) {
    const char *dots = strstr (during->text, "..");
    window->kind = TS_WINDOW_DURING;
    window->from = g_strndup (during->text, (gsize)(dots - during->text));
    window->to = g_strdup (dots + 2);
  }
  g_autoptr (GError) error = NULL;
  if (!ts_expectation_check (expectation, &error)) {
    gboolean metric = ts_metric_find (expectation->metric) == NULL;
    ts_build_tell (build, metric ? ts_yaml_get (node, "metric") : node, "expect %s: %s",
                   expectation->id, error->message);
  }
}

static void
build_published (TsBuild *build, const TsYaml *node)
{
  TsPublished *published = ts_published_new (
      ts_build_text (node, "what"), ts_build_text (node, "theirs"), ts_build_text (node, "source"));
  g_ptr_array_add (build->scenario->expectations->published, published);
  published->metric = limit_of (node, "metric");
  published->per = limit_of (node, "per");
  published->vm = limit_of (node, "vm");
  published->why = limit_of (node, "why");
  g_autoptr (GError) error = NULL;
  if (published->vm && ts_topology_find_vm (build->scenario->topology, published->vm) < 0)
    ts_build_tell (build, ts_yaml_get (node, "vm"),
                   "published: %s names many machines; without vm it is of all of them",
                   published->vm);
  if (!ts_published_check (published, &error)) {
    const TsYaml *metric = ts_yaml_get (node, "metric");
    gboolean unknown = published->metric && ts_metric_find (published->metric) == NULL;
    ts_build_tell (build, unknown ? metric : node, "published %s: %s", published->what,
                   error->message);
  }
}

static void
copy_words (const TsYaml *list, GPtrArray *words)
{
  for (guint i = 0; i < list->items->len; i++)
    g_ptr_array_add (words, g_strdup (((TsYaml *)list->items->pdata[i])->text));
}

/* ---- the whole ---- */

static void
build_head (TsBuild *build)
{
  TsScenario *scenario = build->scenario;
  const TsYaml *root = build->root, *limits = ts_yaml_get (root, "limits");
  scenario->topology->name = g_strdup (ts_build_text (root, "name"));
  scenario->topology->seed = (guint64)ts_value_integer (ts_yaml_get (root, "seed"));
  scenario->title = g_strdup (ts_build_text (root, "title"));
  scenario->no_ledger = !ts_value_switch (ts_yaml_get (root, "ledger"));
  copy_words (ts_yaml_get (root, "tags"), scenario->tags);
  const TsYaml *engines = ts_yaml_get (root, "engines");
  for (guint i = 0; i < engines->items->len; i++)
    scenario->engines |= g_str_equal (((TsYaml *)engines->items->pdata[i])->text, "lab")
                             ? TS_ENGINE_LAB
                             : TS_ENGINE_SIM;
  if (scenario->engines == 0)
    ts_build_tell (build, engines, "engines: at least one is needed; there are: sim, lab");
  scenario->run_limit_us = ts_value_duration (ts_yaml_get (limits, "run"));
  scenario->settle_limit_us = ts_value_duration (ts_yaml_get (limits, "settle"));
}

static void
build_profile (TsBuild *build)
{
  const TsYaml *sim = ts_yaml_get (build->root, "sim");
  TsProfile *profile = &build->scenario->topology->profile;
  for (guint i = 0; ts_profile_get (i) != NULL; i++) {
    const TsProfileRow *row = ts_profile_get (i);
    const TsYaml *value = ts_yaml_get (sim, row->name);
    *ts_profile_value (profile, row) =
        row->is_rate ? (gint64)ts_value_size (value) : ts_value_duration (value);
  }
}

static TsScenario *
build_scenario (const char *path, TsYaml *root, const TsScenarioOptions *options,
                TsProblems *problems)
{
  g_autoptr (TsScenario) scenario = g_new0 (TsScenario, 1);
  scenario->path = g_strdup (path);
  scenario->tree = root;
  scenario->topology = ts_topology_new ();
  scenario->tags = g_ptr_array_new_with_free_func (g_free);
  scenario->steps = g_ptr_array_new_with_free_func (step_free);
  scenario->expectations = ts_expectations_new ();
  if (options != NULL && options->profile_path != NULL &&
      !ts_yaml_take_profile (root, options->profile_path, problems))
    return NULL;
  /* what is assigned counts more than a file, and a file more than what the scenario says */
  for (guint i = 0; options != NULL && options->assignments != NULL && options->assignments[i];
       i++) {
    g_autoptr (GError) error = NULL;
    if (!ts_yaml_assign (root, options->assignments[i], &error)) {
      ts_problem (problems, 0, 0, "%s", error->message);
      return NULL;
    }
  }
  if (options != NULL && options->seed_given && root->kind == TS_YAML_MAP) {
    g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, options->seed);
    ts_yaml_set (root, "seed", ts_yaml_new_scalar (seed));
  }
  if (options != NULL && options->expect_path != NULL &&
      !ts_yaml_take_expectations (root, options->expect_path, problems))
    return NULL;
  if (!ts_schema_check (root, problems))
    return NULL;

  TsYaml *expanded = ts_count_expand (root);
  if (expanded != NULL)
    root = scenario->expanded = expanded;
  TsBuild build = {.scenario = scenario, .problems = problems, .root = root};
  build_head (&build);
  ts_build_topology (&build);
  ts_scenario_build_management (scenario, root, problems);
  build_profile (&build);
  const TsYaml *steps = ts_yaml_get (root, "steps"), *expect = ts_yaml_get (root, "expect");
  for (guint i = 0; i < steps->items->len; i++)
    ts_build_step (&build, steps->items->pdata[i]);
  if (!ts_problems_any (problems))
    ts_build_check_cycles (&build);
  for (guint i = 0; i < expect->items->len; i++)
    build_expectation (&build, expect->items->pdata[i]);
  const TsYaml *published = ts_yaml_get (root, "published");
  for (guint i = 0; i < published->items->len; i++)
    build_published (&build, published->items->pdata[i]);
  copy_words (ts_yaml_get (root, "must_fail"), scenario->expectations->must_fail);
  copy_words (ts_yaml_get (root, "allow"), scenario->expectations->allow);
  if (ts_problems_any (problems))
    return NULL;
  const TsYaml *lab = ts_yaml_get (root, "lab");
  ts_scenario_set_time_scale (scenario,
                              (guint32)ts_value_integer (ts_yaml_get (lab, "time_scale")));
  return g_steal_pointer (&scenario);
}

TsScenario *
ts_scenario_load (const char *path, const TsScenarioOptions *options, TsProblems *problems)
{
  TsYaml *root = ts_yaml_load (path, problems);
  return root != NULL ? build_scenario (path, root, options, problems) : NULL;
}

TsScenario *
ts_scenario_parse (const char *path, const char *text, gsize len, const TsScenarioOptions *options,
                   TsProblems *problems)
{
  TsYaml *root = ts_yaml_parse (text, len, problems);
  return root != NULL ? build_scenario (path, root, options, problems) : NULL;
}

void
ts_scenario_free (TsScenario *scenario)
{
  if (scenario == NULL)
    return;
  g_free (scenario->path);
  g_free (scenario->title);
  g_ptr_array_unref (scenario->tags);
  g_ptr_array_unref (scenario->steps);
  ts_topology_free (scenario->topology);
  ts_expectations_free (scenario->expectations);
  ts_yaml_free (scenario->tree);
  ts_yaml_free (scenario->expanded);
  g_free (scenario);
}

const TsStep *
ts_scenario_step (const TsScenario *scenario, guint index)
{
  return scenario->steps->pdata[index];
}

gint
ts_scenario_previous (const TsScenario *scenario, guint index)
{
  const TsStep *step = ts_scenario_step (scenario, index);
  return step->after >= 0 ? step->after : step->at_us >= 0 ? -1 : (gint)index - 1;
}

GPtrArray *
ts_scenario_orders (const TsScenario *scenario)
{
  GPtrArray *orders = g_ptr_array_new ();
  for (guint i = 0; i < scenario->steps->len; i++) {
    TsStep *step = scenario->steps->pdata[i];
    if (step->kind == TS_STEP_DO)
      g_ptr_array_add (orders, &step->order);
  }
  return orders;
}

void
ts_scenario_set_time_scale (TsScenario *scenario, guint32 time_scale)
{
  g_assert (time_scale >= 1);
  scenario->time_scale = time_scale;
  for (guint i = 0; i < scenario->topology->policies->len; i++)
    ts_topology_policy (scenario->topology, i)->policy.time_scale = time_scale;
  g_autofree char *text = g_strdup_printf ("%u", time_scale);
  ts_yaml_set (ts_yaml_get (scenario->tree, "lab"), "time_scale", ts_yaml_new_scalar (text));
}

gint64
ts_scenario_scaled_us (const TsScenario *scenario, gint64 us)
{
  return us / scenario->time_scale;
}

char *
ts_scenario_format (const TsScenario *scenario)
{
  g_autofree char *tree = ts_yaml_format (scenario->tree);
  return g_strconcat (
      "# As it was run: all defaults, the seed and the time scale are written out.\n", tree, NULL);
}

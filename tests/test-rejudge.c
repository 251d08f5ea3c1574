/* A stored run judged again: alike by its own expectations, otherwise by others; what is wrong with
 * a file of expectations is told of that file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include "scenarios/engine/folder.h"
#include "scenarios/engine/run.h"
#include "sim/world.h"

static char *top, *folder; /* of the tests, of the one run they judge */

static int
run_once (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsProblems) problems = ts_problems_new ("scenarios/steady.yaml");
  top = g_dir_make_tmp ("test-rejudge-XXXXXX", NULL);
  folder = g_build_filename (top, "run", NULL);
  g_autoptr (TsScenario) scenario = ts_scenario_load ("scenarios/steady.yaml", NULL, problems);
  if (scenario == NULL)
    return -1;
  TsRunOptions options = {
      .ops = ts_sim_world_ops (), .folder = folder, .replay = "twinsite run it"};
  g_autoptr (TsVerdict) verdict = ts_run (scenario, &options, &error);
  return verdict != NULL && verdict->kind == TS_VERDICT_PASSED ? 0 : -1;
}

static int
clean_up (void **state)
{
  char *argv[] = {(char *)"rm", (char *)"-rf", top, NULL};
  gboolean good =
      g_spawn_sync (NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_free (folder);
  g_free (top);
  return good ? 0 : -1;
}

static char *
stored (const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;
  assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

/* The path of a file of expectations with that text; caller frees. */
static char *
expectations (const char *text)
{
  char *path = g_build_filename (top, "expect.yaml", NULL);
  assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static void
its_own_expectations_give_the_same_again (void **state)
{
  static const char *const files[] = {"verdict.json", "metrics.json", "junit.xml"};
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *before = stored (files[i]);
    g_autofree char *path = g_build_filename (folder, files[i], NULL);
    assert_int_equal (g_unlink (path), 0);
    g_autoptr (TsProblems) problems = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (TsVerdict) verdict = ts_run_judge (folder, NULL, &problems, &error);
    assert_non_null (verdict);
    g_autofree char *after = stored (files[i]);
    assert_string_equal (after, before);
  }
}

static void
another_expectation_another_verdict (void **state)
{
  g_autofree char *scenario = stored ("scenario.yaml");
  g_autofree char *path = expectations ("expect:\n"
                                        "  - {id: hopeless, metric: exposure.max, max: 1ms}\n"
                                        "  - {id: long, metric: exposure.over.1s, min: 1s}\n");
  g_autoptr (TsProblems) problems = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsVerdict) verdict = ts_run_judge (folder, path, &problems, &error);
  assert_non_null (verdict);
  assert_int_equal (verdict->kind, TS_VERDICT_FAILED);
  assert_int_equal (verdict->exit_code, 1);
  assert_int_equal (verdict->findings->len, 2);
  const TsFinding *hopeless = verdict->findings->pdata[0], *over = verdict->findings->pdata[1];
  assert_false (hopeless->passed);
  assert_true (over->passed);
  assert_non_null (strstr (verdict->headline, "hopeless"));
  assert_non_null (strstr (verdict->replay, "--expect"));
  g_autofree char *json = stored ("verdict.json");
  assert_non_null (strstr (json, "hopeless"));
  g_autofree char *same = stored ("scenario.yaml");
  assert_string_equal (same, scenario); /* what was run is not touched */
}

static void
must_fail_and_a_whole_scenario_are_taken (void **state)
{
  g_autofree char *path = expectations ("expect: [{id: hopeless, metric: exposure.max, max: 1ms}]\n"
                                        "must_fail: [hopeless]\n");
  g_autoptr (TsProblems) problems = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsVerdict) guard = ts_run_judge (folder, path, &problems, &error);
  assert_non_null (guard);
  assert_int_equal (guard->kind, TS_VERDICT_PASSED);
  g_autoptr (TsVerdict) whole = ts_run_judge (folder, "scenarios/steady.yaml", &problems, &error);
  assert_non_null (whole);
  assert_int_equal (whole->kind, TS_VERDICT_PASSED);
}

static const struct row {
  const char *name, *text, *want;
} rows[] = {
    {"no such metric", "expect:\n  - {id: a, metric: exposure.most, max: 1s}\n",
     "expect.yaml:2:21: expect a: there is no metric \"exposure.most\" (did you mean "
     "\"exposure.max\"?)\n"},
    {"a step that the run has not",
     "expect:\n  - {id: a, metric: exposure.max, max: 1s, at: nowhere}\n", "expect.yaml:2:"},
    {"another key", "expects: []\nexpect: []\n",
     "expect.yaml:1:1: unknown key 'expects'; did you mean 'expect'?\n"},
    {"nothing to expect", "must_fail: []\n", "a map with 'expect' is wanted"},
    {"no YAML", "expect: [\n", "expect.yaml:"},
    {"must_fail of nothing", "expect: []\nmust_fail: [a]\n", "expect.yaml:2:13:"},
};

static void
what_is_wrong_is_told_of_the_file (void **state)
{
  const struct row *row = *state;
  g_autofree char *path = expectations (row->text);
  g_autofree char *before = stored ("verdict.json");
  g_autoptr (TsProblems) problems = NULL;
  g_autoptr (GError) error = NULL;
  assert_null (ts_run_judge (folder, path, &problems, &error));
  assert_null (error);
  g_autofree char *told = ts_problems_format (problems);
  if (strstr (told, row->want) == NULL || !g_str_has_prefix (told, path))
    fail_msg ("told: %s", told);
  g_autofree char *after = stored ("verdict.json");
  assert_string_equal (after, before); /* no verdict, no file */
}

int
main (void)
{
  struct CMUnitTest tests[3 + G_N_ELEMENTS (rows)] = {
      cmocka_unit_test (its_own_expectations_give_the_same_again),
      cmocka_unit_test (another_expectation_another_verdict),
      cmocka_unit_test (must_fail_and_a_whole_scenario_are_taken),
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[3 + i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = what_is_wrong_is_told_of_the_file,
                                       .initial_state = (void *)&rows[i]};
  return cmocka_run_group_tests_name ("rejudge", tests, run_once, clean_up);
}

/* Every bad input has its place and its message; every good one its meaning.
 *
 * The files in tests/data/bad say themselves what is wrong with them, in their first lines:
 *   # want:LINE:COLUMN: MESSAGE     (all of them, and no other)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "scenarios/engine/check.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/schema.h"

#define GOOD "tests/data/good.yaml"
#define WANT "# want:"

static char *
read_text (const char *path)
{
  char *text = NULL;
  assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static TsScenario *
load_good (const char *path, const TsScenarioOptions *options)
{
  g_autoptr (TsProblems) problems = ts_problems_new (path);
  TsScenario *scenario = ts_scenario_load (path, options, problems);
  g_autofree char *told = ts_problems_format (problems);
  assert_string_equal (told, "");
  assert_non_null (scenario);
  return scenario;
}

/* ---- bad files ---- */

static void
file_is_refused (void **state)
{
  const char *path = *state;
  g_autofree char *text = read_text (path);
  GString *want = g_string_new (NULL);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; g_str_has_prefix (lines[i], WANT); i++)
    g_string_append_printf (want, "%s:%s\n", path, lines[i] + strlen (WANT));
  assert_true (want->len > 0);
  g_autoptr (TsProblems) problems = ts_problems_new (path);
  g_autoptr (TsScenario) scenario = ts_scenario_load (path, NULL, problems);
  g_autofree char *told = ts_problems_format (problems);
  assert_string_equal (told, want->str);
  assert_null (scenario);
  g_string_free (want, TRUE);
}

/* ---- what cannot be a file with a comment ---- */

static const struct text_row {
  const char *name, *text;
  gsize len; /* 0: a C string */
  const char *want;
} texts[] = {
    {"an empty file", "", 0, "f: is empty; a scenario begins with 'scenario: 1'\n"},
    {"only a comment", "# nothing\n", 0, "f: is empty; a scenario begins with 'scenario: 1'\n"},
    {"a word", "hello\n", 0,
     "f:1:1: a scenario is a map that begins with 'scenario: 1', this is a text\n"},
    {"a list", "[1, 2]\n", 0,
     "f:1:1: a scenario is a map that begins with 'scenario: 1', this is a list\n"},
    {"not UTF-8", "scenario: 1\nname: caf\xe9\n", 0, "f:2:10: not YAML: byte 0xe9 is not UTF-8\n"},
    {"UTF-8 counts as characters", "a: \xc3\xa9\xc3\xa9\xff\n", 0,
     "f:1:6: not YAML: byte 0xff is not UTF-8\n"},
    {"a NUL byte", "name: a\0b\n", 10, "f:1:8: not YAML: byte 0x00 is not UTF-8\n"},
    {"a NUL in quotes", "name: \"a\\0b\"\n", 0, "f:1:7: a NUL character has no place in a text\n"},
    {"an escape character", "name: a\x1b[2J\n", 0, "f:1:8: not YAML: control character 0x1b\n"},
    {"a program", "#!/bin/sh\nif true; then echo \"{\"; fi\n\techo }\n", 0, NULL},
    {"a key that is a list", "? [a]\n: b\n", 0, "f:1:3: a key must be a text, this is a list\n"},
    {"an alias to nothing", "a: *b\n", 0,
     "f:1:4: anchors and aliases (&name, *name) are not allowed in a scenario: write it out\n"},
    {"a lone closing brace", "}\n", 0, NULL},
    {"an unclosed quote", "name: \"abc\n", 0, NULL},
};

static void
text_is_refused (void **state)
{
  const struct text_row *row = *state;
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  gsize len = row->len > 0 ? row->len : strlen (row->text);
  g_autoptr (TsScenario) scenario = ts_scenario_parse ("f", row->text, len, NULL, problems);
  assert_null (scenario);
  g_autofree char *told = ts_problems_format (problems);
  if (row->want != NULL)
    assert_string_equal (told, row->want);
  else /* libfyaml words it; but it is said, with a place */
    assert_non_null (strstr (told, "f:"));
  assert_true (problems->list->len > 0);
}

static void
refuse_text (const char *text, gsize len, const char *want)
{
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  g_autoptr (TsScenario) scenario = ts_scenario_parse ("f", text, len, NULL, problems);
  g_autofree char *told = ts_problems_format (problems);
  assert_null (scenario);
  assert_non_null (strstr (told, want));
}

static void
deep_nesting_is_refused (void **state)
{
  GString *flow = g_string_new ("a: ");
  GString *block = g_string_new (NULL);
  for (int i = 0; i < 10000; i++)
    g_string_append_c (flow, '[');
  for (int i = 0; i < 700; i++)
    g_string_append_printf (block, "%*sa:\n", i, "");
  refuse_text (flow->str, flow->len, "f:1:15: nested deeper than 12 levels");
  refuse_text (block->str, block->len, "nested deeper than 12 levels");
  g_string_free (flow, TRUE);
  g_string_free (block, TRUE);
}

static void
many_values_are_refused (void **state)
{
  GString *text = g_string_new ("a: [");
  for (int i = 0; i < 60000; i++)
    g_string_append (text, "1, ");
  g_string_append (text, "1]\n");
  refuse_text (text->str, text->len, "more than 50000 values");
  g_string_free (text, TRUE);
}

static void
many_problems_are_cut_short (void **state)
{
  GString *text = g_string_new (NULL);
  for (int i = 0; i < 100; i++)
    g_string_append_printf (text, "zzz%d: 1\n", i);
  refuse_text (text->str, text->len, "f: only the first 20 problems are shown");
  g_string_free (text, TRUE);
}

/* ---- what is no file ---- */

static void
refuse_path (const char *path, const char *want)
{
  g_autoptr (TsProblems) problems = ts_problems_new (path);
  g_autoptr (TsScenario) scenario = ts_scenario_load (path, NULL, problems);
  g_autofree char *told = ts_problems_format (problems);
  g_autofree char *whole = g_strdup_printf ("%s: %s\n", path, want);
  assert_null (scenario);
  assert_string_equal (told, whole);
}

static void
other_things_than_files_are_refused (void **state)
{
  g_autofree char *dir = g_dir_make_tmp ("ts-reader-XXXXXX", NULL);
  g_autofree char *fifo = g_build_filename (dir, "fifo", NULL);
  g_autofree char *big = g_build_filename (dir, "big", NULL);
  refuse_path (dir, "is a directory; name the scenario files in it");
  refuse_path ("tests/data/there-is-none.yaml", "cannot be read: No such file or directory");
  assert_int_equal (mkfifo (fifo, 0600), 0);
  refuse_path (fifo, "is not a regular file"); /* and does not hang */
  GString *text = g_string_new (NULL);
  while (text->len < 10 * 1024 * 1024)
    g_string_append (text, "- {id: a, do: protect, vm: app, policy: gold, to: hv-lyon}\n");
  assert_true (g_file_set_contents (big, text->str, (gssize)text->len, NULL));
  refuse_path (big, "is larger than 1 MiB: this is no scenario");
  g_string_free (text, TRUE);
  g_unlink (fifo);
  g_unlink (big);
  g_rmdir (dir);
}

/* ---- what is good ---- */

static void
good_file_means_what_it_says (void **state)
{
  g_autoptr (TsScenario) scenario = load_good (GOOD, NULL);
  const TsTopology *topology = scenario->topology;
  assert_string_equal (topology->name, "good");
  assert_int_equal (topology->seed, 1); /* the default */
  assert_int_equal (scenario->engines, TS_ENGINE_SIM | TS_ENGINE_LAB);
  assert_int_equal (scenario->run_limit_us, 30 * TS_MIN);
  assert_int_equal (scenario->settle_limit_us, 2 * TS_MIN);
  assert_int_equal (scenario->time_scale, 1);
  assert_int_equal (topology->hosts->len, 2);
  assert_int_equal (ts_topology_host (topology, 1)->site, 1);
  const TsVmSpec *vm = ts_topology_vm (topology, 0);
  assert_int_equal (vm->host, 0);
  assert_int_equal (vm->memory_bytes, 128 * TS_MIB);
  assert_int_equal (vm->disks->len, 2);
  assert_int_equal (ts_vm_spec_disk (vm, 0)->fill_bytes, 48 * TS_MIB);
  assert_int_equal (ts_vm_spec_disk (vm, 1)->size_bytes, 64 * TS_MIB);
  assert_int_equal (ts_vm_spec_disk (vm, 1)->fill_bytes, 0);
  const TsWorkloadSpec *workload = ts_topology_workload (topology, 0);
  assert_int_equal (workload->kind, TS_WORKLOAD_RANDOM);
  assert_int_equal (workload->rate_per_megasecond, 20000000);
  assert_int_equal (workload->record_bytes, 4096);
  assert_int_equal (workload->flush_every, 8);
  const TsLinkSpec *link = ts_topology_link (topology, 0);
  assert_int_equal (link->site[0], 0);
  assert_int_equal (link->site[1], 1);
  assert_int_equal (link->shape.rate_bits_per_s, 50000000);
  assert_int_equal (link->shape.delay_us, 20 * TS_MS);
  assert_int_equal (link->shape.queue_bytes, 256 * TS_KIB);
  const TsPolicy *policy = &ts_topology_policy (topology, 0)->policy;
  assert_int_equal (policy->frequency_us, 30 * TS_S);
  assert_int_equal (policy->authentication, TS_AUTH_CERTIFICATE);
  assert_true (policy->compression);

  assert_int_equal (scenario->steps->len, 3);
  const TsStep *protect = ts_scenario_step (scenario, 0), *wait = ts_scenario_step (scenario, 1);
  const TsStep *dark = ts_scenario_step (scenario, 2);
  assert_int_equal (protect->order.verb, TS_DO_PROTECT);
  assert_string_equal (protect->order.step, "protect");
  assert_int_equal (protect->order.vm, 0);
  assert_int_equal (protect->order.host, 1);
  assert_int_equal (protect->order.link, -1);
  assert_int_equal (protect->within_us, TS_NEVER);
  assert_int_equal (wait->kind, TS_STEP_WAIT);
  assert_int_equal (wait->predicate.kind, TS_WAIT_STATE);
  assert_int_equal (wait->predicate.value, TS_STATE_REPLICATING);
  assert_int_equal (wait->predicate.role, TS_ROLE_PRIMARY);
  assert_int_equal (wait->within_us, 5 * TS_MIN);
  assert_int_equal (dark->order.link_mode, TS_LINK_BLACKHOLE);
  assert_int_equal (dark->after, 1);
  assert_int_equal (dark->by_us, 10 * TS_S);
  assert_int_equal (ts_scenario_previous (scenario, 0), -1);
  assert_int_equal (ts_scenario_previous (scenario, 1), 0);
  const TsExpectation *rpo = scenario->expectations->expectations->pdata[0];
  assert_string_equal (rpo->metric, "exposure.max");
  assert_string_equal (rpo->max, "2 * interval");
}

/* A VM's identity hangs on the seed and its name, on nothing else. */
static void
ids_come_from_seed_and_name (void **state)
{
  g_autofree char *text = read_text (GOOD);
  g_autoptr (TsScenario) one = load_good (GOOD, NULL);
  g_autoptr (TsScenario) same = load_good (GOOD, NULL);
  TsScenarioOptions options = {.seed_given = TRUE, .seed = 2};
  g_autoptr (TsScenario) other = load_good (GOOD, &options);
  const TsGuid *id = &ts_topology_vm (one->topology, 0)->id;
  assert_true (ts_guid_equal (id, &ts_topology_vm (same->topology, 0)->id));
  assert_false (ts_guid_equal (id, &ts_topology_vm (other->topology, 0)->id));
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  g_auto (GStrv) halves = g_strsplit (text, "vms:\n", 2);
  g_autofree char *more = g_strconcat (
      halves[0], "vms:\n  first: {host: hv-lyon, disks: {d: {size: 4MiB}}}\n", halves[1], NULL);
  g_autoptr (TsScenario) longer = ts_scenario_parse ("f", more, strlen (more), NULL, problems);
  assert_non_null (longer);
  assert_true (ts_guid_equal (id, &ts_topology_vm (longer->topology, 1)->id));
}

static const struct set_row {
  const char *name, *assignment;
  const char *want; /* NULL: good; else part of the message */
} sets[] = {
    {"a rate", "links.wan.rate=10Mbit/s", NULL},
    {"a step, by its id", "steps.dark.after.by=60s", NULL},
    {"an expectation, by its id", "expect.rpo.max=1s", NULL},
    {"a map that is not there, but could be", "limits.run=5min", NULL},
    {"minutes as the product writes them", "policies.gold.frequency=5min", NULL},
    {"minutes as units write them", "policies.gold.frequency=5m", NULL},
    {"minutes as seconds", "policies.gold.frequency=300s", NULL},
    {"a quarter of an hour", "policies.gold.frequency=900s", NULL},
    {"no frequency that was published", "policies.gold.frequency=10m", "is not a replication"},
    {"a link that is not there", "links.lan.rate=1Mbit/s", "the scenario has no 'lan' there"},
    {"a step that is not there", "steps.light.after.by=1s", "the scenario has no 'light' there"},
    {"a key that does not exist", "links.wan.colour=red", "unknown key 'colour' in link wan"},
    {"no equals sign", "links.wan.rate", "write it as PATH=VALUE"},
    {"no path", "=1", "write it as PATH=VALUE"},
    {"a path through a value", "name.x=1", "is not a key of a map"},
    {"a value without unit", "links.wan.delay=20", "is not a duration"},
};

static void
set_changes_one_value (void **state)
{
  const struct set_row *row = *state;
  const char *const assignments[] = {row->assignment, NULL};
  TsScenarioOptions options = {.assignments = assignments};
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  g_autoptr (TsScenario) scenario = ts_scenario_load (GOOD, &options, problems);
  g_autofree char *told = ts_problems_format (problems);
  if (row->want == NULL) {
    assert_string_equal (told, "");
    /* it is in what is written out */
    g_autofree char *text = ts_scenario_format (scenario);
    assert_non_null (strstr (text, strchr (row->assignment, '=') + 1));
    return;
  }
  assert_null (scenario);
  assert_non_null (strstr (told, row->want));
}

/* What is stored in a run's folder reads back as the same scenario. */
static void
written_out_it_reads_back (void **state)
{
  const char *path = *state;
  g_autoptr (TsScenario) scenario = load_good (path, NULL);
  ts_scenario_set_time_scale (scenario, 7);
  g_autofree char *first = ts_scenario_format (scenario);
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  g_autoptr (TsScenario) again = ts_scenario_parse ("f", first, strlen (first), NULL, problems);
  g_autofree char *told = ts_problems_format (problems);
  assert_string_equal (told, "");
  assert_int_equal (again->time_scale, 7);
  for (guint i = 0; i < again->topology->policies->len; i++)
    assert_int_equal (ts_topology_policy (again->topology, i)->policy.time_scale, 7);
  g_autofree char *second = ts_scenario_format (again);
  assert_string_equal (first, second);
  g_autofree char *words = ts_scenario_explain (scenario);
  g_autofree char *words_again = ts_scenario_explain (again);
  assert_string_equal (words, words_again);
}

static const struct suggest_row {
  const char *name, *word, *want;
} suggestions[] = {
    {"one letter wrong", "sitas", "sites"},      {"two swapped", "setps", "steps"},
    {"one missing", "polices", "policies"},      {"one too many", "linkss", "links"},
    {"another case", "Sites", "sites"},          {"nothing near", "elephant", NULL},
    {"a short word must be nearer", "xy", NULL}, {"nothing at all", "", NULL},
};

static void
slip_is_recognized (void **state)
{
  static const char *const words[] = {"sites", "steps", "policies", "links", "vms", NULL};
  const struct suggest_row *row = *state;
  const char *meant = ts_suggest (row->word, words);
  if (row->want == NULL)
    assert_null (meant);
  else
    assert_string_equal (meant, row->want);
}

/* ---- all ---- */

static void
add (GArray *tests, const char *what, const char *name, CMUnitTestFunction run, gconstpointer state)
{
  struct CMUnitTest test = {.name = g_strdup_printf ("%s: %s", what, name),
                            .test_func = run,
                            .initial_state = (void *)state};
  g_array_append_val (tests, test);
}

static gint
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* The YAML files of a folder, in order of name. */
static void
add_folder (GArray *tests, const char *what, const char *folder, CMUnitTestFunction run,
            guint at_least)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".yaml"))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, by_name);
  if (names->len < at_least)
    g_error ("%s: %u files, and there are %u at least", folder, names->len, at_least);
  for (guint i = 0; i < names->len; i++)
    add (tests, what, names->pdata[i], run, g_build_filename (folder, names->pdata[i], NULL));
}

/* ---- the simulator's profile ---- */

static void
profile_and_schema_say_the_same (void **state)
{
  guint in_schema = 0;
  TsProfile defaults, read;
  g_autoptr (TsProblems) problems = ts_problems_new (GOOD);
  g_autoptr (TsScenario) scenario = ts_scenario_load (GOOD, NULL, problems);
  assert_non_null (scenario);
  ts_profile_init (&defaults);
  read = scenario->topology->profile;
  for (guint i = 0; ts_schema_get (i) != NULL; i++)
    in_schema += g_str_equal (ts_schema_get (i)->section, "sim");
  guint count = 0;
  for (const TsProfileRow *row; (row = ts_profile_get (count)) != NULL; count++)
    if (*ts_profile_value (&read, row) != *ts_profile_value (&defaults, row))
      fail_msg ("sim.%s: the schema's default is another", row->name);
  assert_int_equal (in_schema, count);
}

static void
profile_is_taken_from_file_and_set (void **state)
{
  static const char *const set[] = {"sim.cut=7ms", "sim.boot=8s", NULL};
  TsScenarioOptions options = {.profile_path = "tests/data/profile-slow.yaml", .assignments = set};
  g_autoptr (TsProblems) problems = ts_problems_new (GOOD);
  assert_true (ts_profile_file_check (options.profile_path, problems));
  g_autoptr (TsScenario) scenario = ts_scenario_load (GOOD, &options, problems);
  assert_non_null (scenario);
  const TsProfile *profile = &scenario->topology->profile;
  assert_int_equal (profile->boot_us, 8 * TS_S); /* what is set counts more */
  assert_int_equal (profile->branch_us, 500 * TS_MS);
  assert_int_equal (profile->survey_bytes_per_s, 30 * TS_MIB);
  assert_int_equal (profile->cut_us, 7 * TS_MS);
  assert_int_equal (profile->shutdown_us, 600 * TS_MS); /* and what is not said is the default */
  /* it is written out, so that the stored scenario is run as it was */
  g_autofree char *text = ts_scenario_format (scenario);
  g_autoptr (TsScenario) again = ts_scenario_parse ("again", text, strlen (text), NULL, problems);
  assert_non_null (again);
  assert_memory_equal (&again->topology->profile, profile, sizeof *profile);
}

static const struct bad_profile {
  const char *name, *text, *want;
} bad_profiles[] = {
    {"no unit", "sim: {boot: 9}\n", "profile.yaml:1:13:"},
    {"no such key", "sim: {boots: 9s}\n", "profile.yaml:1:7:"},
    {"too slow to be one", "sim: {disk: 1KiB}\n", "profile.yaml:1:13:"},
    {"takes no time at all", "sim: {boot: 0s}\n", "profile.yaml:1:13:"},
    {"no profile", "boot: 9s\n", "a map with 'sim' is wanted"},
    {"something else beside it", "sim: {}\nlab: {}\n", "profile.yaml:2:1: unknown key 'lab'"},
    {"no map", "sim: fast\n", "profile.yaml:1:6:"},
};

static void
bad_profile_is_told (void **state)
{
  const struct bad_profile *row = *state;
  g_autofree char *folder = g_dir_make_tmp ("test-reader-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "profile.yaml", NULL);
  assert_true (g_file_set_contents (path, row->text, -1, NULL));
  g_autoptr (TsProblems) problems = ts_problems_new (path);
  gboolean good = ts_profile_file_check (path, problems);
  g_unlink (path);
  g_rmdir (folder);
  assert_false (good);
  g_autofree char *told = ts_problems_format (problems);
  if (strstr (told, row->want) == NULL)
    fail_msg ("told: %s", told);
}

/* One that is written once and stands for many; and what waits for it waits for the last of them. */
static void
many_are_written_once (void **state)
{
  static const char text[] =
      "scenario: 1\nname: many\nsites: {paris: {}, lyon: {}}\n"
      "hosts: {hv-paris: {site: paris}, hv-lyon: {site: lyon}}\n"
      "vms:\n  one: {host: hv-paris, disks: {data: {size: 64MiB}}}\n"
      "  app: {count: 3, host: hv-paris, disks: {data: {size: 64MiB}}}\n"
      "workloads: {orders: {vm: app, disks: [data], rate: 20/s}}\n"
      "links: {wan: {between: [paris, lyon]}}\npolicies: {gold: {frequency: 30s}}\n"
      "steps:\n  - {id: first, do: protect, vm: one, policy: gold, to: hv-lyon}\n"
      "  - {id: protect, do: protect, vm: app, policy: gold, to: hv-lyon}\n"
      "  - {id: done, wait: {state: replicating, vm: app}, within: 5m}\n"
      "  - {id: later, do: pause, vm: one, after: {step: protect, by: 1s}}\n";
  g_autoptr (TsProblems) problems = ts_problems_new ("many");
  g_autoptr (TsScenario) scenario =
      ts_scenario_parse ("many", text, sizeof text - 1, NULL, problems);
  g_autofree char *told = ts_problems_format (problems);
  assert_string_equal (told, "");
  const TsTopology *topology = scenario->topology;
  assert_int_equal (topology->vms->len, 4);
  assert_string_equal (ts_topology_vm (topology, 0)->name, "one");
  assert_string_equal (ts_topology_vm (topology, 3)->name, "app-3");
  assert_int_equal (topology->workloads->len, 3);
  assert_string_equal (ts_topology_workload (topology, 1)->name, "orders-2");
  assert_int_equal (ts_topology_workload (topology, 1)->vm, 2);
  static const struct {
    const char *id;
    gint vm, previous;
  } want[] = {{"first", 0, -1}, {"protect-1", 1, 0}, {"protect-2", 2, 0}, {"protect-3", 3, 0},
              {"done-1", 1, 3}, {"done-2", 2, 3},    {"done-3", 3, 3},    {"later", 0, 3}};
  assert_int_equal (scenario->steps->len, G_N_ELEMENTS (want));
  for (guint i = 0; i < G_N_ELEMENTS (want); i++) {
    const TsStep *step = ts_scenario_step (scenario, i);
    assert_string_equal (step->id, want[i].id);
    assert_int_equal (step->kind == TS_STEP_DO ? step->order.vm : step->predicate.vm, want[i].vm);
    assert_int_equal (ts_scenario_previous (scenario, i), want[i].previous);
  }
  /* what is stored is short, and reads back to the same */
  g_autofree char *stored = ts_scenario_format (scenario);
  assert_null (strstr (stored, "app-3"));
  g_autoptr (TsScenario) again =
      ts_scenario_parse ("many", stored, strlen (stored), NULL, problems);
  assert_int_equal (again->steps->len, G_N_ELEMENTS (want));
}

int
main (void)
{
  GArray *tests = g_array_new (FALSE, TRUE, sizeof (struct CMUnitTest));
  add_folder (tests, "refused", "tests/data/bad", file_is_refused, 40);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    add (tests, "refused", texts[i].name, text_is_refused, &texts[i]);
  add (tests, "refused", "deep nesting", deep_nesting_is_refused, NULL);
  add (tests, "refused", "very many values", many_values_are_refused, NULL);
  add (tests, "refused", "very many problems", many_problems_are_cut_short, NULL);
  add (tests, "refused", "folder, FIFO, 10 MB, nothing", other_things_than_files_are_refused, NULL);
  add (tests, "good", "all its values", good_file_means_what_it_says, NULL);
  add (tests, "good", "many are written once", many_are_written_once, NULL);
  add (tests, "good", "ids", ids_come_from_seed_and_name, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (sets); i++)
    add (tests, "set", sets[i].name, set_changes_one_value, &sets[i]);
  add_folder (tests, "written out", "scenarios", written_out_it_reads_back, 5);
  add (tests, "written out", "good.yaml", written_out_it_reads_back, GOOD);
  add (tests, "profile", "table and schema", profile_and_schema_say_the_same, NULL);
  add (tests, "profile", "from a file, and set", profile_is_taken_from_file_and_set, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (bad_profiles); i++)
    add (tests, "bad profile", bad_profiles[i].name, bad_profile_is_told, &bad_profiles[i]);
  for (guint i = 0; i < G_N_ELEMENTS (suggestions); i++)
    add (tests, "suggest", suggestions[i].name, slip_is_recognized, &suggestions[i]);
  return _cmocka_run_group_tests ("scenario-reader", (struct CMUnitTest *)tests->data, tests->len,
                                  NULL, NULL);
}

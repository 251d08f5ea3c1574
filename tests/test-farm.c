/* Cells in processes of their own: a crash, a hang and a refusal lose one cell each; what is done
 * is kept, whole, and is not done again; shards make the same as one go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "core/base/error.h"
#include "results/study-files.h"
#include "scenarios/engine/farm.h"
#include "scenarios/engine/sweep-folder.h"
#include "sim/world.h"

/* Six points of two seeds; the seeds' runs of 2Mbit/s and more do what `start` below says. */
static const char base[] =
    "scenario: 1\nname: small\nlimits: {settle: none}\nsites: {a: {}, b: {}}\n"
    "hosts: {ha: {site: a}, hb: {site: b}}\nvms: {app: {host: ha, disks: {data: {size: 1MiB}}}}\n"
    "links: {wan: {between: [a, b], rate: 8Mbit/s}}\npolicies: {gold: {frequency: 30s}}\n"
    "steps:\n- {id: protect, do: protect, vm: app, policy: gold, to: hb}\n"
    "- {id: on, wait: {state: replicating, vm: app}, within: 10m}\n";
static const char text[] = "sweep: 1\nname: s\nbase: b.yaml\nseeds: 2\ncell_limit: 1s\n"
                           "axes: {rate: {path: links.wan.rate, values: [1Mbit/s, 2Mbit/s, "
                           "3Mbit/s, 4Mbit/s, 5Mbit/s, 6Mbit/s]}}\n";

enum { FINE, CRASH, HANG, REFUSE };
static int trouble_at[7]; /* by Mbit/s */

static TsWorld *
start (const TsTopology *topology, const TsWorldOptions *options, TsObserver *observer,
       GError **error)
{
  guint mbit = (guint)(ts_topology_link (topology, 0)->shape.rate_bits_per_s / 1000000);
  switch (topology->seed == 2 ? trouble_at[mbit] : FINE) {
  case CRASH:
    fprintf (stderr, "first line\nit broke here\n");
    abort ();
  case HANG:
    for (;;)
      pause ();
  case REFUSE:
    ts_throw (error, TS_ERROR_IO, "no world today");
    return NULL;
  default:
    return ts_sim_world_ops ()->start (topology, options, observer, error);
  }
}

typedef struct {
  char *folder;
  TsWorldOps ops;
  TsSweep *sweep;
  TsGrid *grid;
} Fixture;

static int
set_up (void **state)
{
  Fixture *fixture = g_new0 (Fixture, 1);
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  const struct rlimit no_core = {0};
  setrlimit (RLIMIT_CORE, &no_core);
  fixture->folder = g_dir_make_tmp ("test-farm-XXXXXX", NULL);
  fixture->ops = *ts_sim_world_ops ();
  fixture->ops.start = start;
  fixture->sweep = ts_sweep_parse ("f", text, sizeof text - 1, base, sizeof base - 1, problems);
  assert_non_null (fixture->sweep);
  fixture->grid = ts_grid_new (fixture->sweep, NULL);
  memset (trouble_at, 0, sizeof trouble_at);
  *state = fixture;
  return 0;
}

static int
remove_one (const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
  return remove (path);
}

static int
tear_down (void **state)
{
  Fixture *fixture = *state;
  nftw (fixture->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  ts_grid_free (fixture->grid);
  ts_sweep_free (fixture->sweep);
  g_free (fixture->folder);
  g_free (fixture);
  return 0;
}

/* Runs what is not done in the folder; returns the study as it is then. */
static TsStudy *
go (Fixture *fixture, const char *name, guint shard, guint shards,
    const volatile sig_atomic_t *stop, guint *ran)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
  TsStudy *study = ts_grid_study (fixture->grid);
  g_autoptr (TsSweepFolder) folder =
      ts_sweep_folder_open (path, fixture->grid, study, FALSE, &error);
  assert_non_null (folder);
  ts_farm_read (study, path);
  g_autoptr (GArray) cells = ts_grid_shard (fixture->grid, shard, shards);
  g_autoptr (GArray) left = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < cells->len; i++)
    if (!study->cells[g_array_index (cells, guint, i)].done)
      g_array_append_val (left, g_array_index (cells, guint, i));
  if (ran != NULL)
    *ran = left->len;
  TsFarmOptions options = {.grid = fixture->grid,
                           .study = study,
                           .ops = &fixture->ops,
                           .folder = path,
                           .cells = left,
                           .jobs = 2,
                           .interrupted = stop};
  assert_true (ts_farm_run (&options, &error));
  return study;
}

static void
trouble_stays_in_its_cell (void **state)
{
  Fixture *fixture = *state;
  trouble_at[2] = CRASH;
  trouble_at[3] = HANG;
  trouble_at[4] = REFUSE;
  g_autoptr (TsStudy) study = go (fixture, "a", 1, 1, NULL, NULL);
  TsStudyCount count;
  ts_study_count (study, &count);
  assert_int_equal (count.passed, 9);
  assert_int_equal (count.troubled, 3);
  assert_string_equal (study->cells[3].trouble, "crashed (Aborted): it broke here");
  assert_string_equal (study->cells[5].trouble, "given up after 1 s");
  assert_string_equal (study->cells[7].trouble, "could not be run: no world today");
  assert_int_equal (study->cells[7].exit_code, 70);
  /* again, in better times: only these three */
  memset (trouble_at, 0, sizeof trouble_at);
  guint ran;
  g_autoptr (TsStudy) again = go (fixture, "a", 1, 1, NULL, &ran);
  assert_int_equal (ran, 3);
  ts_study_count (again, &count);
  assert_int_equal (count.passed, 12);
  g_autoptr (TsStudy) nothing = go (fixture, "a", 1, 1, NULL, &ran);
  assert_int_equal (ran, 0);
  ts_study_count (nothing, &count);
  assert_int_equal (count.passed, 12);
}

static void
values_that_do_not_fit_are_told (void **state)
{
  Fixture *fixture = *state;
  static const char other[] = "sweep: 1\nname: s\nbase: b.yaml\naxes:\n"
                              "  size: {path: vms.app.disks.data.size, values: [2MiB, 1MiB]}\n"
                              "  fill: {path: vms.app.disks.data.fill, values: [0, 1MiB]}\n";
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  ts_grid_free (fixture->grid);
  ts_sweep_free (fixture->sweep);
  fixture->sweep = ts_sweep_parse ("f", other, sizeof other - 1, base, sizeof base - 1, problems);
  fixture->grid = ts_grid_new (fixture->sweep, NULL);
  g_autoptr (TsStudy) study = go (fixture, "a", 1, 1, NULL, NULL);
  assert_true (study->cells[0].done && study->cells[1].done && study->cells[2].done);
  assert_int_equal (study->cells[3].exit_code, 65);
  assert_non_null (strstr (study->cells[3].trouble, "these values do not go together"));
}

/* Interrupted before it began, then killed half way through writing: nothing of it counts. */
static void
half_a_cell_is_none (void **state)
{
  Fixture *fixture = *state;
  volatile sig_atomic_t stop = 1;
  guint ran;
  g_autoptr (TsStudy) none = go (fixture, "a", 1, 1, &stop, NULL);
  TsStudyCount count;
  ts_study_count (none, &count);
  assert_int_equal (count.missing, 12);
  g_autoptr (TsStudy) all = go (fixture, "a", 1, 1, NULL, NULL);
  g_autofree char *cells = g_build_filename (fixture->folder, "a", "cells", NULL);
  g_autofree char *one = g_build_filename (cells, "000004.json", NULL);
  g_autofree char *beside = g_build_filename (cells, "000005.json.new", NULL);
  g_autofree char *gone = g_build_filename (cells, "000005.json", NULL);
  g_autofree char *whole = NULL;
  gsize len;
  assert_true (g_file_get_contents (one, &whole, &len, NULL));
  assert_true (g_file_set_contents (one, whole, (gssize)len / 2, NULL));
  assert_int_equal (g_rename (gone, beside), 0);
  g_autoptr (TsStudy) again = go (fixture, "a", 1, 1, NULL, &ran);
  assert_int_equal (ran, 2);
  g_autofree char *csv = ts_study_cells_csv (all), *csv_again = ts_study_cells_csv (again);
  assert_string_equal (csv_again, csv);
}

static void
shards_make_the_same (void **state)
{
  Fixture *fixture = *state;
  g_autoptr (TsStudy) whole = go (fixture, "whole", 1, 1, NULL, NULL);
  g_autoptr (TsStudy) merged = ts_grid_study (fixture->grid);
  for (guint shard = 1; shard <= 3; shard++) {
    g_autofree char *name = g_strdup_printf ("shard-%u", shard);
    g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
    g_autoptr (TsStudy) part = go (fixture, name, shard, 3, NULL, NULL);
    TsStudyCount count;
    ts_study_count (part, &count);
    assert_int_equal (count.done, 4);
    assert_int_equal (ts_farm_read (merged, path), 4);
  }
  g_autofree char *csv = ts_study_cells_csv (whole), *csv_merged = ts_study_cells_csv (merged);
  assert_string_equal (csv_merged, csv);
  g_autofree char *json = ts_study_summary_json (whole);
  g_autofree char *json_merged = ts_study_summary_json (merged);
  assert_string_equal (json_merged, json);
}

static void
folders_of_others_are_left_alone (void **state)
{
  Fixture *fixture = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsStudy) study = go (fixture, "a", 1, 1, NULL, NULL);
  g_autofree char *path = g_build_filename (fixture->folder, "a", NULL);
  g_autofree char *file = g_build_filename (fixture->folder, "mine", NULL);
  /* of another sweep */
  g_free (study->digest);
  study->digest = g_strdup ("other");
  assert_null (ts_sweep_folder_open (path, fixture->grid, study, FALSE, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  assert_non_null (strstr (error->message, "--fresh"));
  g_clear_error (&error);
  /* of nobody's */
  assert_true (g_file_set_contents (file, "x", 1, NULL));
  assert_null (ts_sweep_folder_open (fixture->folder, fixture->grid, study, TRUE, &error));
  assert_non_null (strstr (error->message, "holds no sweep"));
  g_clear_error (&error);
  /* anew: the cells go; and while one works there, another may not */
  g_autoptr (TsSweepFolder) mine = ts_sweep_folder_open (path, fixture->grid, study, TRUE, &error);
  assert_non_null (mine);
  g_autofree char *cell = g_build_filename (path, "cells", "000000.json", NULL);
  assert_false (g_file_test (cell, G_FILE_TEST_EXISTS));
  assert_null (ts_sweep_folder_open (path, fixture->grid, study, FALSE, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_AGAIN));
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int
main (void)
{
  const struct CMUnitTest tests[] = {
      TEST (trouble_stays_in_its_cell),
      TEST (values_that_do_not_fit_are_told),
      TEST (half_a_cell_is_none),
      TEST (shards_make_the_same),
      TEST (folders_of_others_are_left_alone),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

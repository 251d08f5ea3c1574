/* scenarios/cli/sweep.c -- twinsite sweep FILE, twinsite sweep --merge DIR... */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "core/base/error.h"
#include "results/study-files.h"
#include "results/study-plot.h"
#include "results/study-report.h"
#include "scenarios/cli/bar.h"
#include "scenarios/cli/command.h"
#include "scenarios/cli/engines.h"
#include "scenarios/engine/farm.h"
#include "scenarios/engine/sweep-folder.h"

typedef struct {
  char *out;
  guint jobs, shard, shards; /* shard: 0 when not given */
  gboolean quiet, fresh, list, no_plots, png;
} Options;

static volatile sig_atomic_t interrupted;

/* The first asks for an end; the second one ends us as ever. */
static void
on_signal (int number)
{
  interrupted = 1;
  signal (number, SIG_DFL);
}

static void
catch_signals (void)
{
  struct sigaction action = {.sa_handler = on_signal};
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
}

static TsSweep *
load (const char *path)
{
  g_autoptr (TsProblems) problems = ts_problems_new (path);
  TsSweep *sweep = ts_sweep_load (path, problems);
  if (sweep == NULL)
    ts_command_problems (problems);
  return sweep;
}

/* What is wrong with the points of a file is wrong with the file. */
static TsGrid *
make_grid (const TsSweep *sweep)
{
  g_autoptr (GError) error = NULL;
  TsGrid *grid = ts_grid_new (sweep, &error);
  if (grid == NULL)
    fprintf (stderr, "%s: %s\n", sweep->path, error->message);
  return grid;
}

/* ---- what came of it ---- */

static int
status_of (const TsStudy *study, const GArray *cells)
{
  int status = TS_EXIT_PASSED;
  for (guint i = 0; i < cells->len; i++) {
    const TsStudyCell *cell = &study->cells[g_array_index (cells, guint, i)];
    status = ts_exit_worse (status, cell->done || cell->trouble != NULL ? cell->exit_code
                                                                        : TS_EXIT_INCONCLUSIVE);
  }
  return status;
}

static void
fill_replays (const TsGrid *grid, TsStudy *study)
{
  for (guint i = 0; i < study->cell_count; i++) {
    TsStudyCell *cell = &study->cells[i];
    if (cell->trouble == NULL && (!cell->done || cell->verdict == TS_VERDICT_PASSED))
      continue;
    g_free (cell->replay);
    cell->replay = ts_grid_replay (grid, i);
  }
}

/* What fails here is told, and changes nothing else. */
static void
publish_pictures (const TsStudy *study, const Options *options)
{
  g_autoptr (GError) error = NULL;
  if (!ts_study_report_write (study, options->out, &error))
    fprintf (stderr, "twinsite: no report: %s\n", error->message);
  g_clear_error (&error);
  if (!options->no_plots && (!ts_study_plot_write (study, options->out, &error) ||
                             !ts_study_plot_draw (options->out, options->png, &error)))
    fprintf (stderr, "twinsite: no pictures in plots/ (all else stands): %s\n", error->message);
}

/* Tables and pictures, and how it ends.  cells: those that were asked for. */
static int
publish (const TsGrid *grid, TsStudy *study, const Options *options, const GArray *cells)
{
  const char *folder = options->out;
  g_autoptr (GError) error = NULL;
  fill_replays (grid, study);
  if (!ts_study_write (study, folder, &error))
    return ts_command_error (error);
  publish_pictures (study, options);
  g_autofree char *text = ts_study_format (study);
  printf ("%s%s\n", text, folder);
  fflush (stdout);
  return status_of (study, cells);
}

/* ---- running ---- */

static void
tell (gpointer user, guint finished, guint running)
{
  ts_bar_tell (user, finished, running);
}

static GArray *
those_to_do (const TsStudy *study, const GArray *cells)
{
  GArray *left = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; i < cells->len; i++) {
    guint cell = g_array_index (cells, guint, i);
    if (!study->cells[cell].done)
      g_array_append_val (left, cell);
  }
  return left;
}

static int
finish_shard (const TsGrid *grid, TsStudy *study, const Options *options, const GArray *cells)
{
  int status = status_of (study, cells);
  guint done = 0;
  fill_replays (grid, study);
  for (guint i = 0; i < cells->len; i++) {
    const TsStudyCell *cell = &study->cells[g_array_index (cells, guint, i)];
    done += cell->done;
    if (cell->trouble != NULL)
      fprintf (stderr, "cell %u: %s\n  replay: %s\n", g_array_index (cells, guint, i),
               cell->trouble, cell->replay);
  }
  printf ("%s, shard %u of %u: %u of %u runs done (of %u in all)\n%s\n", study->name,
          options->shard, options->shards, done, cells->len, study->cell_count, options->out);
  return status;
}

static int
run_sweep (const TsGrid *grid, const Options *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsStudy) study = ts_grid_study (grid);
  const TsWorldOps *ops = ts_engine_find ("sim", &error);
  if (ops == NULL)
    return ts_command_error (error);
  g_autoptr (TsSweepFolder) folder =
      ts_sweep_folder_open (options->out, grid, study, options->fresh, &error);
  if (folder == NULL)
    return ts_command_error (error);
  guint kept = ts_farm_read (study, options->out);
  g_autoptr (GArray) cells =
      ts_grid_shard (grid, MAX (options->shard, 1), MAX (options->shards, 1));
  g_autoptr (GArray) left = those_to_do (study, cells);
  if (!options->quiet && kept > 0)
    fprintf (stderr, "  %u runs are here already, %u are left\n", kept, left->len);
  TsBar *bar = options->quiet ? NULL : ts_bar_new ("runs", left->len);
  TsFarmOptions farm = {.grid = grid,
                        .study = study,
                        .ops = ops,
                        .folder = options->out,
                        .cells = left,
                        .jobs = options->jobs,
                        .interrupted = &interrupted,
                        .tell = tell,
                        .user = bar};
  catch_signals ();
  gint64 begun_us = g_get_monotonic_time ();
  gboolean good = ts_farm_run (&farm, &error);
  double took_s = (double)(g_get_monotonic_time () - begun_us) / 1e6;
  ts_bar_free (bar);
  if (!good)
    return ts_command_error (error);
  if (!options->quiet && left->len > 0 && !interrupted)
    fprintf (stderr, "  %u runs in %.1f s, %u at once\n", left->len, took_s,
             MIN (options->jobs, left->len));
  if (interrupted)
    fprintf (stderr,
             "interrupted: what is done is kept in %s; the same command goes on from "
             "there\n",
             options->out);
  return options->shard > 0 ? finish_shard (grid, study, options, cells)
                            : publish (grid, study, options, cells);
}

/* For people: how much it would be. */
static int
list_sweep (const TsGrid *grid)
{
  const TsSweep *sweep = grid->sweep;
  printf ("%s: %u points (of %" G_GUINT64_FORMAT "; %u %s), %u seeds: %u runs of %s\n", sweep->name,
          grid->point_count, grid->possible, grid->skipped,
          sweep->pick == TS_PICK_PAIRWISE ? "pairs are impossible" : "skipped", sweep->seeds,
          grid->cell_count, sweep->base_path);
  for (guint cell = 0; cell < grid->cell_count; cell++) {
    g_autofree char *replay = ts_grid_replay (grid, cell);
    printf ("%6u  %s\n", cell, replay);
  }
  return TS_EXIT_PASSED;
}

/* ---- merging ---- */

/* Takes what the folder holds into study.  FALSE: *status says how to exit. */
static gboolean
merge_one (const TsGrid *grid, TsStudy *study, const char *path, int *status)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *digest = NULL, *commit = NULL;
  if (!ts_sweep_folder_origin (path, &digest, &commit, &error)) {
    *status = ts_command_error (error);
    return FALSE;
  }
  if (!g_str_equal (digest, study->digest)) {
    fprintf (stderr,
             "twinsite: %s holds runs of another sweep file, scenario or commit (%s, not "
             "%s)\n",
             path, commit, study->commit);
    *status = TS_EXIT_USAGE;
    return FALSE;
  }
  g_autoptr (TsStudy) one = ts_grid_study (grid);
  g_free (one->digest);
  one->digest = g_strdup (study->digest);
  ts_farm_read (one, path);
  for (guint i = 0; i < one->cell_count; i++) {
    if (one->cells[i].trouble != NULL)
      fprintf (stderr, "twinsite: left out: %s\n", one->cells[i].trouble);
    if (!one->cells[i].done)
      continue;
    if (study->cells[i].done) {
      g_autofree char *here = ts_study_cell_format (study, i, &study->cells[i]);
      g_autofree char *there = ts_study_cell_format (study, i, &one->cells[i]);
      if (!g_str_equal (here, there)) {
        fprintf (stderr,
                 "twinsite: not deterministic: cell %u of %s is not what another folder "
                 "has\n%s%s",
                 i, path, here, there);
        *status = TS_EXIT_NOT_DETERMINISTIC;
        return FALSE;
      }
      continue;
    }
    study->cells[i] = one->cells[i];
    one->cells[i] = (TsStudyCell){0};
  }
  return TRUE;
}

static int
merge (char **paths, guint count, Options *options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *digest = NULL, *commit = NULL;
  g_autofree char *file = g_build_filename (paths[0], "sweep.yaml", NULL);
  int status = TS_EXIT_PASSED;
  if (!ts_sweep_folder_origin (paths[0], &digest, &commit, &error))
    return ts_command_error (error);
  g_autoptr (TsSweep) sweep = load (file);
  g_autoptr (TsGrid) grid = sweep != NULL ? make_grid (sweep) : NULL;
  if (grid == NULL)
    return TS_EXIT_BAD_SCENARIO;
  g_autoptr (TsStudy) study = ts_grid_study (grid);
  g_free (study->digest); /* another build may merge what one build has run */
  g_free (study->commit);
  study->digest = g_steal_pointer (&digest);
  study->commit = g_steal_pointer (&commit);
  for (guint i = 0; i < count; i++)
    if (!merge_one (grid, study, paths[i], &status))
      return status;
  if (options->out == NULL)
    options->out = g_build_filename ("results", "sweeps", sweep->name, NULL);
  g_autoptr (TsSweepFolder) folder =
      ts_sweep_folder_open (options->out, grid, study, options->fresh, &error);
  if (folder == NULL)
    return ts_command_error (error);
  /* what the folder held before belongs to it, too */
  if (!merge_one (grid, study, options->out, &status))
    return status;
  for (guint i = 0; i < study->cell_count; i++)
    if (study->cells[i].done && !ts_farm_store (study, options->out, i, &study->cells[i], &error))
      return ts_command_error (error);
  g_autoptr (GArray) cells = ts_grid_shard (grid, 1, 1);
  return publish (grid, study, options, cells);
}

/* ---- the command ---- */

/* "3/8" */
static gboolean
parse_shard (const char *text, Options *options)
{
  g_auto (GStrv) parts = g_strsplit (text, "/", 3);
  guint64 shard, shards;
  if (g_strv_length (parts) != 2 ||
      !g_ascii_string_to_unsigned (parts[0], 10, 1, 1000000, &shard, NULL) ||
      !g_ascii_string_to_unsigned (parts[1], 10, 1, 1000000, &shards, NULL) || shard > shards)
    return FALSE;
  options->shard = (guint)shard;
  options->shards = (guint)shards;
  return TRUE;
}

static int
sweep_file (const char *path, Options *options)
{
  g_autoptr (TsSweep) sweep = load (path);
  g_autoptr (TsGrid) grid = sweep != NULL ? make_grid (sweep) : NULL;
  if (grid == NULL)
    return TS_EXIT_BAD_SCENARIO;
  if (options->list)
    return list_sweep (grid);
  if (options->out == NULL) {
    g_autofree char *name = options->shard > 0 ? g_strdup_printf ("%s-%u-of-%u", sweep->name,
                                                                  options->shard, options->shards)
                                               : g_strdup (sweep->name);
    options->out = g_build_filename ("results", "sweeps", name, NULL);
  }
  return run_sweep (grid, options);
}

int
ts_command_sweep (int argc, char **argv)
{
  g_autofree char *out = NULL, *shard = NULL;
  gboolean merging = FALSE;
  gint64 jobs = g_get_num_processors ();
  Options options = {0};
  const GOptionEntry entries[] = {
      {"jobs", 'j', 0, G_OPTION_ARG_INT64, &jobs, "runs at once (as many as processors)", "N"},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "where it is kept (results/sweeps/NAME)", "DIR"},
      {"shard", 0, 0, G_OPTION_ARG_STRING, &shard,
       "only the I-th of N parts, to be merged later (then DIR is NAME-I-of-N)", "I/N"},
      {"merge", 0, 0, G_OPTION_ARG_NONE, &merging, "put together what shards have left in DIR...",
       NULL},
      {"list", 0, 0, G_OPTION_ARG_NONE, &options.list,
       "run nothing, show which runs there would be", NULL},
      {"fresh", 0, 0, G_OPTION_ARG_NONE, &options.fresh,
       "remove the runs that an earlier call has left, and begin anew", NULL},
      {"no-plots", 0, 0, G_OPTION_ARG_NONE, &options.no_plots,
       "no gnuplot; tables and report.html only", NULL},
      {"png", 0, 0, G_OPTION_ARG_NONE, &options.png, "make a PNG of each picture, too", NULL},
      {"quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, "no progress, only the results", NULL},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (
          entries, "FILE, or --merge DIR...",
          "Varies one scenario and runs each variation on the simulator, with several seeds.  What "
          "is done is\nkept: the same command goes on where an earlier one was stopped.  Exit "
          "code: the worst of all runs,\n2 when some are missing, 70 when one crashed.",
          &argc, &argv, &status))
    return status;
  if (jobs < 1 || jobs > 1024)
    return ts_command_usage ("sweep", "--jobs: 1 to 1024");
  if (shard != NULL && !parse_shard (shard, &options))
    return ts_command_usage ("sweep", "--shard: '%s' is not I/N, such as 3/8", shard);
  if (merging && (shard != NULL || options.list))
    return ts_command_usage ("sweep", "--merge takes folders, and runs nothing");
  if (merging ? argc < 2 : argc != 2)
    return ts_command_usage ("sweep", merging ? "name the folders that shards have left"
                                              : "name one sweep file");
  options.out = g_steal_pointer (&out);
  options.jobs = (guint)jobs;
  status = merging ? merge (argv + 1, (guint)argc - 1, &options) : sweep_file (argv[1], &options);
  g_free (options.out);
  return status;
}

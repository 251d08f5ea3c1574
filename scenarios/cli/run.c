/* scenarios/cli/run.c -- twinsite run FILE... */
#include "scenarios/engine/run.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "core/base/error.h"
#include "results/summary.h"
#include "results/verdict-files.h"
#include "scenarios/cli/command.h"
#include "scenarios/cli/engines.h"
#include "scenarios/cli/progress.h"
#include "scenarios/cli/publish.h"
#include "scenarios/engine/folder.h"

typedef struct {
  const char *on;
  char *out;
  char *junit;
  char **assignments;
  char *profile;
  gint64 time_scale; /* -1: not given */
  gboolean seed_given, twice, quiet, no_plots, bytes, strict_skip;
  guint64 seed;
  /* what came of it */
  GPtrArray *verdicts; /* TsVerdict *, of all files */
} Run;

static volatile sig_atomic_t interrupted;

/* The first asks the run to end cleanly; the second one ends us as ever. */
static void
on_signal (int number)
{
  interrupted = 1;
  signal (number, SIG_DFL);
}

static void
catch_signals (void)
{
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
}

/* ---- one scenario on one engine ---- */

static void
append_quoted (GString *command, const char *text)
{
  if (text[strspn (
          text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:+")] == '\0') {
    g_string_append (command, text);
    return;
  }
  g_autofree char *quoted = g_shell_quote (text);
  g_string_append (command, quoted);
}

static char *
replay_command (const Run *run, const TsScenario *scenario, const TsWorldOps *ops)
{
  GString *command = g_string_new ("twinsite run ");
  append_quoted (command, scenario->path);
  g_string_append_printf (command, " --on %s --seed %" G_GUINT64_FORMAT, ops->name,
                          scenario->topology->seed);
  if (scenario->time_scale != 1 || g_str_equal (ops->name, "lab"))
    g_string_append_printf (command, " --time-scale %u", scenario->time_scale);
  if (run->bytes)
    g_string_append (command, " --bytes");
  if (run->profile != NULL && g_str_equal (ops->name, "sim")) {
    g_string_append (command, " --profile ");
    append_quoted (command, run->profile);
  }
  for (guint i = 0; run->assignments != NULL && run->assignments[i] != NULL; i++) {
    g_string_append (command, " --set ");
    append_quoted (command, run->assignments[i]);
  }
  return g_string_free (command, FALSE);
}

static TsVerdict *
run_into (const Run *run, const TsScenario *scenario, const TsWorldOps *ops, const char *folder,
          gboolean quiet, GError **error)
{
  g_autofree char *replay = replay_command (run, scenario, ops);
  TsProgress *progress = quiet ? NULL : ts_progress_new (g_str_equal (ops->name, "sim"));
  TsRunOptions options = {.ops = ops,
                          .folder = folder,
                          .replay = replay,
                          .bytes = run->bytes,
                          .progress = progress,
                          .interrupted = &interrupted};
  TsVerdict *verdict = ts_run (scenario, &options, error);
  ts_progress_free (progress);
  return verdict;
}

/* A second time, elsewhere: the same journal and ledger, to the byte? */
static int
run_again (const Run *run, const TsScenario *scenario, const TsWorldOps *ops, const char *folder)
{
  g_autofree char *second = g_strconcat (folder, ".twice", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (TsVerdict) verdict = run_into (run, scenario, ops, second, TRUE, &error);
  if (verdict == NULL)
    return ts_command_error (error);
  static const char *const files[] = {"journal.jsonl", "ledger.tsv"};
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *a = g_build_filename (folder, files[i], NULL);
    g_autofree char *b = g_build_filename (second, files[i], NULL);
    g_autofree char *difference = NULL;
    if (ts_files_same (a, b, &difference, &error))
      continue;
    if (difference == NULL)
      return ts_command_error (error);
    fprintf (stderr,
             "twinsite: not deterministic: the same scenario and seed gave another %s, %s\n"
             "both are kept: %s and %s\n",
             files[i], difference, a, b);
    return TS_EXIT_NOT_DETERMINISTIC;
  }
  if (!ts_folder_remove (second, &error))
    return ts_command_error (error);
  if (!run->quiet)
    fprintf (stderr, "  run twice: the same journal and ledger, to the byte\n");
  return TS_EXIT_PASSED;
}

static double
processor_s (void)
{
  struct timespec t;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Appends what came of it to verdicts and to paths (of the run's folder). */
static int
run_on (Run *run, const TsScenario *scenario, const char *engine, GPtrArray *verdicts,
        GPtrArray *paths)
{
  g_autoptr (GError) error = NULL;
  const TsWorldOps *ops = ts_engine_find (engine, &error);
  if (ops == NULL)
    return ts_command_error (error);
  g_autofree char *name = ts_run_name (scenario, ops);
  g_autofree char *folder = g_build_filename (run->out, name, NULL);
  gboolean virtual_time = g_str_equal (engine, "sim");
  if (!run->quiet)
    fprintf (stderr, "%s on %s (%s), seed %" G_GUINT64_FORMAT ", time scale %u\n",
             scenario->topology->name, engine, virtual_time ? "virtual time" : "real machines",
             scenario->topology->seed, scenario->time_scale);
  gint64 begun_us = g_get_monotonic_time ();
  double begun_cpu_s = processor_s ();
  TsVerdict *verdict = run_into (run, scenario, ops, folder, run->quiet, &error);
  if (verdict == NULL)
    return ts_command_error (error);
  double wall_s = (double)(g_get_monotonic_time () - begun_us) / 1e6;
  if (!run->quiet && virtual_time)
    fprintf (stderr,
             "  %.1f s in %.2f s: %.0f simulated seconds a second, %.0f a second of processor time\n",
             (double)verdict->end_us / 1e6, wall_s,
             (double)verdict->end_us / 1e6 / MAX (wall_s, 1e-6),
             (double)verdict->end_us / 1e6 / MAX (processor_s () - begun_cpu_s, 1e-6));
  else if (!run->quiet)
    fprintf (stderr, "  took %.1f s\n", wall_s);
  g_ptr_array_add (run->verdicts, verdict);
  g_ptr_array_add (verdicts, verdict);
  g_ptr_array_add (paths, g_strdup (folder));
  int status = verdict->exit_code;
  if (run->strict_skip && verdict->kind == TS_VERDICT_SKIPPED &&
      ts_run_is_meant (scenario, ops)) {
    fprintf (stderr, "twinsite: %s\n", verdict->headline);
    status = TS_EXIT_INCONCLUSIVE;
  }
  ts_publish_machine (folder);
  ts_publish (folder, verdict, scenario->title,
              run->no_plots ? TS_PUBLISH_NO_PLOTS : TS_PUBLISH_SVG);
  if (run->twice && virtual_time && verdict->kind != TS_VERDICT_SKIPPED && !interrupted)
    status = ts_exit_worse (status, run_again (run, scenario, ops, folder));
  return status;
}

/* ---- one scenario ---- */

static int
run_scenario (Run *run, TsScenario *scenario)
{
  gboolean both = g_str_equal (run->on, "both");
  /* one scale for both columns, so that they compare; virtual time alone need not hurry */
  if (run->time_scale > 0)
    ts_scenario_set_time_scale (scenario, (guint32)run->time_scale);
  else if (g_str_equal (run->on, "sim"))
    ts_scenario_set_time_scale (scenario, 1);
  g_autoptr (GPtrArray) verdicts = g_ptr_array_new ();
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  int status = TS_EXIT_PASSED;
  static const char *const engines[] = {"sim", "lab"};
  for (guint i = 0; i < G_N_ELEMENTS (engines) && !interrupted; i++)
    if (both || g_str_equal (run->on, engines[i]))
      status = ts_exit_worse (status, run_on (run, scenario, engines[i], verdicts, paths));
  if (verdicts->len > 0) {
    g_autofree char *table =
        ts_summary_format ((const TsVerdict *const *)verdicts->pdata, verdicts->len);
    printf ("\n%s", table);
    for (guint i = 0; i < paths->len; i++)
      printf ("%s\n", (const char *)paths->pdata[i]);
    fflush (stdout);
  }
  return interrupted ? ts_exit_worse (status, TS_EXIT_INCONCLUSIVE) : status;
}

static gboolean
write_junit (const Run *run, GError **error)
{
  g_autofree char *text =
      ts_verdicts_to_junit ((const TsVerdict *const *)run->verdicts->pdata, run->verdicts->len);
  g_autoptr (GError) why = NULL;
  if (!g_file_set_contents (run->junit, text, -1, &why))
    return ts_throw (error, TS_ERROR_IO, "--junit: %s", why->message);
  return TRUE;
}

static int
run_all (Run *run, char **paths, int count)
{
  /* all are read before the first runs: an hour into a night is late to hear of a slip */
  g_autoptr (GPtrArray) scenarios =
      g_ptr_array_new_with_free_func ((GDestroyNotify)ts_scenario_free);
  TsScenarioOptions options = {.assignments = (const char *const *)run->assignments,
                               .profile_path = run->profile,
                               .seed_given = run->seed_given,
                               .seed = run->seed};
  if (run->profile != NULL) {
    g_autoptr (TsProblems) problems = ts_problems_new (run->profile);
    if (!ts_profile_file_check (run->profile, problems))
      return ts_command_problems (problems);
  }
  gboolean good = TRUE;
  for (int i = 0; i < count; i++) {
    TsScenario *scenario = ts_command_load (paths[i], &options);
    good = good && scenario != NULL;
    if (scenario != NULL)
      g_ptr_array_add (scenarios, scenario);
  }
  if (!good)
    return TS_EXIT_BAD_SCENARIO;
  int status = TS_EXIT_PASSED;
  for (guint i = 0; i < scenarios->len && !interrupted; i++)
    status = ts_exit_worse (status, run_scenario (run, scenarios->pdata[i]));
  g_autoptr (GError) error = NULL;
  if (run->junit != NULL && !write_junit (run, &error))
    status = ts_exit_worse (status, ts_command_error (error));
  if (run->verdicts->len > 2) {
    printf ("\n");
    for (guint i = 0; i < run->verdicts->len; i++) {
      const TsVerdict *verdict = run->verdicts->pdata[i];
      printf ("%-12s %s on %s\n", ts_verdict_name (verdict->kind), verdict->scenario,
              verdict->engine);
    }
  }
  return status;
}

int
ts_command_run (int argc, char **argv)
{
  g_autofree char *on = NULL, *seed = NULL, *out = NULL, *junit = NULL, *profile = NULL;
  g_auto (GStrv) assignments = NULL;
  Run run = {.on = "sim", .time_scale = -1};
  const GOptionEntry entries[] = {
      {"on", 0, 0, G_OPTION_ARG_STRING, &on,
       "sim (unless said), lab, or both: then the two stand side "
       "by side",
       "sim|lab|both"},
      {"seed", 0, 0, G_OPTION_ARG_STRING, &seed, "instead of the scenario's", "N"},
      {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &assignments,
       "change a value, such as links.wan.rate=10Mbit/s; may be repeated", "PATH=VALUE"},
      {"profile", 0, 0, G_OPTION_ARG_FILENAME, &profile,
       "how long things take in the simulator, as `twinsite lab calibrate` wrote it", "FILE"},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "where runs' folders are made (results/runs)",
       "DIR"},
      {"twice", 0, 0, G_OPTION_ARG_NONE, &run.twice,
       "simulate twice and compare to the byte; exit code 3 when they differ", NULL},
      {"bytes", 0, 0, G_OPTION_ARG_NONE, &run.bytes,
       "sim: let disks, logs and frames hold their bytes; slower, with the same outcome", NULL},
      {"time-scale", 0, 0, G_OPTION_ARG_INT64, &run.time_scale,
       "divide policy intervals and waiting times (1 on sim, else lab.time_scale)", "N"},
      {"junit", 0, 0, G_OPTION_ARG_FILENAME, &junit, "write all verdicts to this file too", "FILE"},
      {"strict-skip", 0, 0, G_OPTION_ARG_NONE, &run.strict_skip,
       "exit code 2 when an engine skips a scenario that is meant for it (else 0)", NULL},
      {"no-plots", 0, 0, G_OPTION_ARG_NONE, &run.no_plots, "report.html only, no gnuplot", NULL},
      {"quiet", 'q', 0, G_OPTION_ARG_NONE, &run.quiet, "no progress, only the results", NULL},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (
          entries, "FILE...",
          "Runs scenarios.  Exit code: 0 passed, 1 failed, 2 inconclusive, 3 not "
          "deterministic,\n64 usage, 65 bad scenario, 69 lab not available, 70 internal "
          "error.",
          &argc, &argv, &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("run", "name a scenario file");
  if (on != NULL)
    run.on = on;
  static const char *const engines[] = {"sim", "lab", "both", NULL};
  if (!g_strv_contains (engines, run.on)) {
    g_autofree char *hint = ts_suggest_text (run.on, engines);
    return ts_command_usage ("run", "--on: there is no engine '%s'%s", run.on, hint);
  }
  if (run.twice && g_str_equal (run.on, "lab"))
    return ts_command_usage ("run", "--twice: only virtual time gives the same run twice");
  if (run.time_scale != -1 && (run.time_scale < 1 || run.time_scale > 60))
    return ts_command_usage ("run", "--time-scale: 1 to 60");
  run.seed_given = seed != NULL;
  if (seed != NULL && !g_ascii_string_to_unsigned (seed, 10, 0, G_MAXINT64, &run.seed, NULL))
    return ts_command_usage ("run", "--seed: '%s' is not a whole number", seed);
  g_autofree char *default_out = g_build_filename ("results", "runs", NULL);
  run.out = out != NULL ? out : default_out;
  run.junit = junit;
  run.profile = profile;
  run.assignments = assignments;
  run.verdicts = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_verdict_free);
  catch_signals ();
  status = run_all (&run, argv + 1, argc - 1);
  g_ptr_array_unref (run.verdicts);
  return status;
}

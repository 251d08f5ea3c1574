/* scenarios/cli/check.c -- twinsite check FILE... */
#include <stdio.h>
#include "scenarios/cli/command.h"
#include "scenarios/engine/grid.h"

/* A sweep's file says so with its first key. */
static gboolean
is_sweep (const char *path)
{
  g_autoptr (TsProblems) unheard = ts_problems_new (path);
  g_autoptr (TsYaml) root = ts_yaml_load (path, unheard);
  return ts_yaml_get (root, "sweep") != NULL && ts_yaml_get (root, "scenario") == NULL;
}

static int
check_sweep (const char *path, gboolean quiet)
{
  g_autoptr (TsProblems) problems = ts_problems_new (path);
  g_autoptr (TsSweep) sweep = ts_sweep_load (path, problems);
  g_autoptr (GError) error = NULL;
  if (sweep == NULL)
    return ts_command_problems (problems);
  g_autoptr (TsGrid) grid = ts_grid_new (sweep, &error);
  if (grid == NULL) {
    fprintf (stderr, "%s: %s\n", path, error->message);
    return TS_EXIT_BAD_SCENARIO;
  }
  if (!quiet)
    printf ("%s: fine (%u points, %u runs)\n", path, grid->point_count, grid->cell_count);
  return TS_EXIT_PASSED;
}

static int
check_scenario (const char *path, gboolean quiet)
{
  g_autoptr (TsScenario) scenario = ts_command_load (path, NULL);
  if (scenario == NULL)
    return TS_EXIT_BAD_SCENARIO;
  if (!quiet)
    printf ("%s: fine (%u steps, %u expectations)\n", path, scenario->steps->len,
            scenario->expectations->expectations->len);
  return TS_EXIT_PASSED;
}

int
ts_command_check (int argc, char **argv)
{
  gboolean quiet = FALSE;
  const GOptionEntry entries[] = {
      {"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "say nothing about files that are fine", NULL},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (entries, "FILE...",
                           "Reads scenario files, and sweeps, and tells all that is wrong "
                           "with them.",
                           &argc, &argv, &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("check", "name a scenario file");
  status = TS_EXIT_PASSED;
  for (int i = 1; i < argc; i++)
    status = ts_exit_worse (status, is_sweep (argv[i]) ? check_sweep (argv[i], quiet)
                                                       : check_scenario (argv[i], quiet));
  return status;
}

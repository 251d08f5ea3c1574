/* scenarios/cli/judge.c -- twinsite judge RUN... */
#include <stdio.h>
#include "core/base/error.h"
#include "results/summary.h"
#include "scenarios/cli/command.h"
#include "scenarios/cli/publish.h"
#include "scenarios/engine/run.h"

static int
judge_one (const char *folder, const char *expect_path, TsPublishPlots plots)
{
  g_autofree char *scenario = g_build_filename (folder, "scenario.yaml", NULL);
  g_autoptr (TsProblems) problems = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsVerdict) verdict = ts_run_judge (folder, expect_path, &problems, &error);
  if (verdict == NULL && error == NULL)
    return ts_command_problems (problems);
  if (verdict == NULL) {
    fprintf (stderr, "twinsite: %s\n", error->message);
    return TS_EXIT_BAD_SCENARIO; /* what it was given is not a run */
  }
  problems = ts_problems_new (scenario);
  g_autoptr (TsScenario) loaded = ts_scenario_load (scenario, NULL, problems); /* its title */
  ts_publish (folder, verdict, loaded != NULL ? loaded->title : NULL, plots);
  const TsVerdict *verdicts[] = {verdict};
  g_autofree char *table = ts_summary_format (verdicts, 1);
  printf ("%s%s\n", table, folder);
  return verdict->exit_code;
}

int
ts_command_judge (int argc, char **argv)
{
  int status;
  gboolean no_plots = FALSE;
  g_autofree char *expect = NULL;
  const GOptionEntry entries[] = {
      {"expect", 0, 0, G_OPTION_ARG_FILENAME, &expect,
       "judge by the expectations of this file instead: its expect, must_fail and allow", "FILE"},
      {"no-plots", 0, 0, G_OPTION_ARG_NONE, &no_plots, "report.html only, no gnuplot", NULL},
      G_OPTION_ENTRY_NULL,
  };
  if (!ts_command_options (entries, "RUN...",
                           "Judges stored runs again, from their journal and ledger, and reports "
                           "them.",
                           &argc, &argv, &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("judge", "name the folder of a run");
  status = TS_EXIT_PASSED;
  for (int i = 1; i < argc; i++)
    status = ts_exit_worse (
        status, judge_one (argv[i], expect, no_plots ? TS_PUBLISH_NO_PLOTS : TS_PUBLISH_SVG));
  return status;
}

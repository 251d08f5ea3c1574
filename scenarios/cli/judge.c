/* scenarios/cli/judge.c -- twinsite judge RUN... */
#include <stdio.h>
#include "core/base/error.h"
#include "results/summary.h"
#include "scenarios/cli/command.h"
#include "scenarios/engine/run.h"

static int
judge_one (const char *folder)
{
  g_autofree char *scenario = g_build_filename (folder, "scenario.yaml", NULL);
  g_autoptr (TsProblems) problems = ts_problems_new (scenario);
  g_autoptr (GError) error = NULL;
  g_autoptr (TsVerdict) verdict = ts_run_judge (folder, problems, &error);
  if (verdict == NULL && error == NULL)
    return ts_command_problems (problems);
  if (verdict == NULL) {
    fprintf (stderr, "twinsite: %s\n", error->message);
    return TS_EXIT_BAD_SCENARIO; /* what it was given is not a run */
  }
  const TsVerdict *verdicts[] = {verdict};
  g_autofree char *table = ts_summary_format (verdicts, 1);
  printf ("%s%s\n", table, folder);
  return verdict->exit_code;
}

int
ts_command_judge (int argc, char **argv)
{
  int status;
  if (!ts_command_options (NULL, "RUN...",
                           "Judges stored runs again, from their journal and ledger.", &argc, &argv,
                           &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("judge", "name the folder of a run");
  status = TS_EXIT_PASSED;
  for (int i = 1; i < argc; i++)
    status = ts_exit_worse (status, judge_one (argv[i]));
  return status;
}

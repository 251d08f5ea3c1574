/* scenarios/cli/plot.c -- twinsite plot RUN... */
#include <stdio.h>
#include "core/base/error.h"
#include "results/plot.h"
#include "scenarios/cli/command.h"
#include "scenarios/engine/run.h"

static int
plot_one (const char *folder, gboolean png)
{
  g_autofree char *path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autoptr (TsProblems) problems = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsVerdict) verdict = ts_run_judge (folder, NULL, &problems, &error);
  if (verdict == NULL && error == NULL)
    return ts_command_problems (problems);
  if (verdict == NULL) {
    fprintf (stderr, "twinsite: %s\n", error->message);
    return TS_EXIT_BAD_SCENARIO; /* what it was given is not a run */
  }
  g_autoptr (TsJournal) journal = ts_journal_read (path, &error);
  if (journal == NULL || !ts_plot_write (verdict, journal, folder, &error))
    return ts_command_error (error);
  printf ("%s/plots\n", folder);
  fflush (stdout);
  return ts_plot_draw (folder, png, &error) ? TS_EXIT_PASSED : ts_command_error (error);
}

int
ts_command_plot (int argc, char **argv)
{
  int status;
  gboolean png = FALSE;
  const GOptionEntry entries[] = {
      {"png", 0, 0, G_OPTION_ARG_NONE, &png, "make a PNG of each, too", NULL},
      G_OPTION_ENTRY_NULL,
  };
  if (!ts_command_options (entries, "RUN...",
                           "Plots stored runs again, by gnuplot, from their journal: plots/ in the "
                           "run's folder.\nExit code: 0, or 69 when there is no gnuplot (data and "
                           "scripts are written).",
                           &argc, &argv, &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("plot", "name the folder of a run");
  status = TS_EXIT_PASSED;
  for (int i = 1; i < argc; i++)
    status = ts_exit_worse (status, plot_one (argv[i], png));
  return status;
}

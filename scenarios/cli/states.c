/* scenarios/cli/states.c -- twinsite states [RUN...] */
#include <stdio.h>
#include "results/coverage.h"
#include "scenarios/cli/command.h"

int
ts_command_states (int argc, char **argv)
{
  int status;
  gboolean markdown = FALSE;
  const GOptionEntry entries[] = {
      {"markdown", 0, 0, G_OPTION_ARG_NONE, &markdown, "as a Markdown table", NULL},
      G_OPTION_ENTRY_NULL,
  };
  if (!ts_command_options (
          entries, "[RUN...]",
          "The states of a replication relation, their three numberings, and the verbs that each "
          "side "
          "allows in them;\nevery other verb is refused by 32775. With runs: how often each was "
          "asked there, and how many cells were reached.",
          &argc, &argv, &status))
    return status;
  TsCoverage coverage = {0};
  for (int i = 1; i < argc; i++) {
    g_autofree char *path = g_build_filename (argv[i], "journal.jsonl", NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (TsJournal) journal = ts_journal_read (path, &error);
    if (journal == NULL) {
      fprintf (stderr, "twinsite: %s\n", error->message);
      return TS_EXIT_BAD_SCENARIO; /* what it was given is not a run */
    }
    ts_coverage_add (&coverage, journal);
  }
  g_autofree char *text = ts_coverage_format (argc > 1 ? &coverage : NULL, markdown);
  fputs (text, stdout);
  return TS_EXIT_PASSED;
}

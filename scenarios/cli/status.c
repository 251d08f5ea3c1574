/* scenarios/cli/status.c -- twinsite status RUN... */
#include <stdio.h>
#include "results/status.h"
#include "scenarios/cli/command.h"

int
ts_command_status_of (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (TsJournal) journal = ts_journal_read (path, &error);
  if (journal == NULL) {
    fprintf (stderr, "twinsite: %s\n", error->message);
    return TS_EXIT_BAD_SCENARIO; /* what it was given is not a run */
  }
  g_autoptr (TsStatus) status = ts_status_new (journal);
  g_autofree char *text = ts_status_format (status);
  printf ("%s\n%s", folder, text);
  return TS_EXIT_PASSED;
}

int
ts_command_status (int argc, char **argv)
{
  int status;
  const GOptionEntry entries[] = {G_OPTION_ENTRY_NULL};
  if (!ts_command_options (entries, "RUN...",
                           "How replication stands in runs that go on, or stood at their end: of each side "
                           "state, health, last\nsent or received and applied, what is still to be sent, and "
                           "the counters of its monitoring interval.",
                           &argc, &argv, &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("status", "name the folder of a run");
  status = TS_EXIT_PASSED;
  for (int i = 1; i < argc; i++)
    status = ts_exit_worse (status, ts_command_status_of (argv[i]));
  return status;
}

/* scenarios/cli/hrl.c -- twinsite hrl FILE...: what is in a replication log. */
#include <stdio.h>
#include "core/format/hrl-print.h"
#include "scenarios/cli/command.h"

static int
print_one (const char *path, gint64 entries)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &error);
  if (file == NULL) {
    fprintf (stderr, "twinsite: %s\n", error->message);
    return TS_EXIT_BAD_SCENARIO;
  }
  g_autoptr (GBytes) bytes = g_mapped_file_get_bytes (file);
  gboolean valid = FALSE;
  g_autofree char *text = ts_hrl_describe (bytes, (guint64)entries, &valid);
  printf ("%s\n%s", path, text);
  return valid ? TS_EXIT_PASSED : TS_EXIT_FAILED;
}

int
ts_command_hrl (int argc, char **argv)
{
  gint64 entries_max = 50;
  const GOptionEntry entries[] = {
      {"entries", 'n', 0, G_OPTION_ARG_INT64, &entries_max, "list at most N writes (50)", "N"},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (entries, "FILE...",
                           "Shows what is in a replication log (.hrl); exit code 1 when it is not "
                           "valid.",
                           &argc, &argv, &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("hrl", "name a log file");
  if (entries_max < 0)
    return ts_command_usage ("hrl", "--entries: 0 or more");
  status = TS_EXIT_PASSED;
  for (int i = 1; i < argc; i++)
    status = ts_exit_worse (status, print_one (argv[i], entries_max));
  return status;
}

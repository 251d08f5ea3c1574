/* scenarios/cli/check.c -- twinsite check FILE... */
#include <stdio.h>
#include "scenarios/cli/command.h"

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
                           "Reads scenario files and tells all that is wrong with "
                           "them.",
                           &argc, &argv, &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("check", "name a scenario file");
  status = TS_EXIT_PASSED;
  for (int i = 1; i < argc; i++) {
    g_autoptr (TsScenario) scenario = ts_command_load (argv[i], NULL);
    if (scenario == NULL)
      status = TS_EXIT_BAD_SCENARIO;
    else if (!quiet)
      printf ("%s: fine (%u steps, %u expectations)\n", argv[i], scenario->steps->len,
              scenario->expectations->expectations->len);
  }
  return status;
}

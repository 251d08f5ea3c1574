/* scenarios/cli/command.h -- what the subcommands of twinsite share: exit codes, options, the
 * table.
 *
 * One file per subcommand; main.c has the table that names them. */
#pragma once
#include <glib.h>
#include "scenarios/engine/scenario.h"

/* design.md, section 7; above 63 as in sysexits.h */
typedef enum {
  TS_EXIT_PASSED = 0,
  TS_EXIT_FAILED = 1,
  TS_EXIT_INCONCLUSIVE = 2,
  TS_EXIT_NOT_DETERMINISTIC = 3,
  TS_EXIT_USAGE = 64,
  TS_EXIT_BAD_SCENARIO = 65,
  TS_EXIT_UNAVAILABLE = 69,
  TS_EXIT_INTERNAL = 70,
} TsExit;

/* The worse of two: what the whole command exits with. */
int ts_exit_worse (int a, int b);

/* Reads the options of a subcommand.  FALSE: *status is what to exit with (help was shown, or they
 * are wrong and it was said).  argv keeps what is no option, argv[0] first. */
gboolean ts_command_options (const GOptionEntry *entries, const char *arguments,
                             const char *summary, int *argc, char ***argv, int *status);
/* Says what is wrong with how the command was called; returns TS_EXIT_USAGE. */
int ts_command_usage (const char *command, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Says what went wrong, returns the exit code that it means. */
int ts_command_error (const GError *error);
/* Prints the problems to stderr; returns TS_EXIT_BAD_SCENARIO. */
int ts_command_problems (TsProblems *problems);
/* Loads a scenario file; NULL: said why.  options may be NULL. */
TsScenario *ts_command_load (const char *path, const TsScenarioOptions *options);

/* argv[0] is the subcommand's own name */
int ts_command_run (int argc, char **argv);
int ts_command_check (int argc, char **argv);
int ts_command_explain (int argc, char **argv);
int ts_command_judge (int argc, char **argv);
int ts_command_plot (int argc, char **argv);
int ts_command_compare (int argc, char **argv);
int ts_command_hrl (int argc, char **argv);
int ts_command_lab (int argc, char **argv);

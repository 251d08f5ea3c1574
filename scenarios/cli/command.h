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

/* What an exit code means, for people; NULL past the end. */
typedef struct {
  TsExit code;
  const char *help;
} TsExitRow;
const TsExitRow *ts_exit_get (guint index);

/* The worse of two: what the whole command exits with. */
int ts_exit_worse (int a, int b);

/* A row of the table of subcommands (main.c).  arguments begins with what is no option: "FILE...",
 * "RUN RUN", or the words of a choice joined by '|'. */
typedef struct {
  const char *name, *arguments, *help;
  int (*run) (int argc, char **argv); /* argv[0] is the subcommand's own name */
} TsCommand;
const TsCommand *ts_command_get (guint index); /* NULL past the end */

/* What a subcommand says of itself to ts_command_options: manual pages and completions are made of
 * it, so that they cannot say anything else. */
typedef void (*TsCommandHearer) (const TsCommand *command, const GOptionEntry *entries,
                                 const char *arguments, const char *summary, gpointer data);
/* Has each subcommand tell itself to the hearer, in the table's order, and do nothing. */
void ts_command_describe (TsCommandHearer hearer, gpointer data);

/* Reads the options of a subcommand.  An option whose argument is described as words joined by '|'
 * is completed to these.  FALSE: *status is what to exit with (help was shown, or they
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
int ts_command_states (int argc, char **argv);
int ts_command_status (int argc, char **argv);
/* Prints it for a run's folder; returns an exit code. */
int ts_command_status_of (const char *folder);
int ts_command_sweep (int argc, char **argv);
int ts_command_hrl (int argc, char **argv);
int ts_command_bench (int argc, char **argv);
int ts_command_lab (int argc, char **argv);
int ts_command_demo (int argc, char **argv);
int ts_command_vault (int argc, char **argv);
int ts_command_manual (int argc, char **argv);

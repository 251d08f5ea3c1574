/* scenarios/cli/manual.h -- the manual's pages and the shells' completions, made from the tables
 * that the program itself goes by: commands, options, exit codes, schema, verbs, metrics. */
#pragma once
#include <glib.h>

/* twinsite(1) and twinsite-scenario(5), in roff, and what completes commands in bash and in zsh.
 * Caller frees. */
char *ts_manual_command_page (void);
char *ts_manual_scenario_page (void);
char *ts_completion_bash (void);
char *ts_completion_zsh (void);

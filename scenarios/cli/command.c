#include "scenarios/cli/command.h"
#include <stdio.h>
#include "core/base/error.h"

static const TsExitRow exit_rows[] = {
    {TS_EXIT_PASSED, "passed, or skipped with the reason told"},
    {TS_EXIT_FAILED, "an expectation, an invariant or a step failed"},
    {TS_EXIT_INCONCLUSIVE,
     "inconclusive: a fault left no evidence that it bit, the run does not tell "
     "what was asked, or it was interrupted"},
    {TS_EXIT_NOT_DETERMINISTIC, "not deterministic: the same run twice was not the same"},
    {TS_EXIT_USAGE, "the command was called wrongly"},
    {TS_EXIT_BAD_SCENARIO, "a bad scenario file, or what was given is not a run"},
    {TS_EXIT_UNAVAILABLE, "this machine lacks something: the lab, gnuplot"},
    {TS_EXIT_INTERNAL, "an error of twinsite itself"},
};

const TsExitRow *
ts_exit_get (guint index)
{
  return index < G_N_ELEMENTS (exit_rows) ? &exit_rows[index] : NULL;
}

int
ts_exit_worse (int a, int b)
{
  /* a known failure says more than a lab that could not run; a broken harness more than all */
  static const int worst_first[] = {
      TS_EXIT_INTERNAL,          TS_EXIT_USAGE,       TS_EXIT_BAD_SCENARIO, TS_EXIT_FAILED,
      TS_EXIT_NOT_DETERMINISTIC, TS_EXIT_UNAVAILABLE, TS_EXIT_INCONCLUSIVE};
  for (guint i = 0; i < G_N_ELEMENTS (worst_first); i++)
    if (a == worst_first[i] || b == worst_first[i])
      return worst_first[i];
  return TS_EXIT_PASSED;
}

/* ---- a subcommand that tells of itself instead of running ---- */

static struct {
  TsCommandHearer hearer; /* NULL: subcommands run */
  gpointer data;
  const TsCommand *command;
} describing;

void
ts_command_describe (TsCommandHearer hearer, gpointer data)
{
  for (guint i = 0; ts_command_get (i) != NULL; i++) {
    const TsCommand *command = ts_command_get (i);
    char *name = (char *)command->name, *argv[] = {name, NULL};
    describing.hearer = hearer;
    describing.data = data;
    describing.command = command;
    command->run (1, argv);
  }
  describing.hearer = NULL;
}

gboolean
ts_command_options (const GOptionEntry *entries, const char *arguments, const char *summary,
                    int *argc, char ***argv, int *status)
{
  if (describing.hearer != NULL) {
    describing.hearer (describing.command, entries, arguments, summary, describing.data);
    *status = TS_EXIT_PASSED;
    return FALSE;
  }
  g_autofree char *name = g_strdup_printf ("twinsite %s", (*argv)[0]);
  g_autofree char *usage = g_strdup (arguments);
  g_autoptr (GOptionContext) context = g_option_context_new (usage);
  g_autoptr (GError) error = NULL;
  gboolean help = FALSE;
  const GOptionEntry help_entry[] = {
      {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "show this", NULL},
      G_OPTION_ENTRY_NULL,
  };
  g_option_context_set_help_enabled (context, FALSE); /* it would exit from inside */
  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, help_entry, NULL);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, NULL);
  char *command = (*argv)[0];
  g_set_prgname (name);
  gboolean good = g_option_context_parse (context, argc, argv, &error);
  if (help || !good) {
    if (help) {
      g_autofree char *text = g_option_context_get_help (context, TRUE, NULL);
      fputs (text, stdout);
    } else
      ts_command_usage (command, "%s", error->message);
    *status = help ? TS_EXIT_PASSED : TS_EXIT_USAGE;
    return FALSE;
  }
  if (*argc > 1 &&
      g_str_equal ((*argv)[1], "--")) { /* what follows is files, whatever it looks like */
    for (int i = 1; i + 1 <= *argc; i++)
      (*argv)[i] = (*argv)[i + 1];
    (*argc)--;
  }
  return TRUE;
}

int
ts_command_usage (const char *command, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "twinsite %s: %s\nTry: twinsite %s --help\n", command, message, command);
  return TS_EXIT_USAGE;
}

int
ts_command_error (const GError *error)
{
  fprintf (stderr, "twinsite: %s\n", error->message);
  if (g_error_matches (error, TS_ERROR, TS_ERROR_UNAVAILABLE) ||
      g_error_matches (error, TS_ERROR, TS_ERROR_FULL)) /* no room is not our fault */
    return TS_EXIT_UNAVAILABLE;
  return g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT) ? TS_EXIT_USAGE : TS_EXIT_INTERNAL;
}

int
ts_command_problems (TsProblems *problems)
{
  g_autofree char *text = ts_problems_format (problems);
  fputs (text, stderr);
  return TS_EXIT_BAD_SCENARIO;
}

TsScenario *
ts_command_load (const char *path, const TsScenarioOptions *options)
{
  g_autoptr (TsProblems) problems = ts_problems_new (path);
  TsScenario *scenario = ts_scenario_load (path, options, problems);
  if (scenario == NULL)
    ts_command_problems (problems);
  return scenario;
}

/* scenarios/cli/main.c -- the twinsite command: finds the subcommand, no more. */
#include <locale.h>
#include <stdio.h>
#include "scenarios/cli/command.h"
#ifdef TS_HAVE_LAB
#include "lab/site/helper.h"
#include "lab/host/host.h"
#include "lab/vault/service.h"
#include "lab/vault/vmm.h"
#endif

static const TsCommand commands[] = {
    {"run", "FILE... [--on sim|lab|both] [--seed N] [--twice]",
     "run scenarios, judge and store them", ts_command_run},
    {"check", "FILE...", "tell all that is wrong with scenario files", ts_command_check},
    {"explain", "FILE... | --schema", "tell in words what a scenario does; what one may say",
     ts_command_explain},
    {"judge", "RUN... [--no-plots]", "judge and report stored runs again", ts_command_judge},
    {"plot", "RUN... [--png]", "plot stored runs again", ts_command_plot},
    {"compare", "RUN RUN [--threshold PERCENT]", "compare two runs, metric by metric",
     ts_command_compare},
    {"states", "[RUN...] [--markdown]", "states and verbs of a relation; what runs have reached",
     ts_command_states},
    {"sweep", "FILE [--jobs N] [--shard I/N], or --merge DIR...",
     "vary a scenario, run and compare all of it", ts_command_sweep},
    {"hrl", "FILE...", "show what is in a replication log", ts_command_hrl},
    {"bench", "[--size BYTES] [--rounds N] [--only PART,...]",
     "measure the data path beside what people use today", ts_command_bench},
    {"status", "RUN...", "how replication stands in a run: state, health, times, counters",
     ts_command_status},
    {"lab", "doctor|down|ps|status|calibrate",
     "what real machines need; what is left of runs; how long they take", ts_command_lab},
    {"demo", "[--speed N] [--port PORT]", "play a disaster in a browser, in the simulator", ts_command_demo},
    {"vault", "serve|status|items|jobs|failover ITEM|...",
     "serve a Recovery Services vault, or ask one", ts_command_vault},
    {"manual", "twinsite.1|twinsite-scenario.5|bash|zsh",
     "print the manual's pages, and what completes commands in a shell", ts_command_manual},
};

const TsCommand *
ts_command_get (guint index)
{
  return index < G_N_ELEMENTS (commands) ? &commands[index] : NULL;
}

static void
print_help (FILE *out)
{
  fputs ("twinsite: two sites, one replication core, in virtual time and on real machines\n\n",
         out);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (out, "  twinsite %-8s %-52s\n           %s\n", commands[i].name, commands[i].arguments,
             commands[i].help);
  fputs ("\ntwinsite COMMAND --help tells more; twinsite --version the version.\n", out);
}

int
main (int argc, char **argv)
{
#ifdef TS_HAVE_LAB
  int status;
  /* processes of the lab, not the user's commands: started by the lab itself, not shown */
  if (ts_lab_helper_main (argc, argv, &status))
    return status;
  if (argc > 1 && g_str_equal (argv[1], "host")) /* likewise: a host of a site */
    return ts_lab_host_main (argc, argv);
  if (argc > 1 && g_str_equal (argv[1], "vmm")) /* a site's VMM server */
    return ts_lab_vmm_main (argc - 1, argv + 1);
  if (argc > 1 && g_str_equal (argv[1], "vault-process")) /* a vault of the lab's */
    return ts_lab_service_main (argc - 1, argv + 1);
#endif
  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C"); /* numbers look the same everywhere */
  const char *name = argc > 1 ? argv[1] : NULL;
  if (name == NULL) {
    print_help (stderr);
    return TS_EXIT_USAGE;
  }
  if (g_str_equal (name, "--help") || g_str_equal (name, "-h") || g_str_equal (name, "help")) {
    print_help (stdout);
    return TS_EXIT_PASSED;
  }
  if (g_str_equal (name, "--version")) {
    printf ("twinsite %s\n", TS_VERSION);
    return TS_EXIT_PASSED;
  }
  const char *words[G_N_ELEMENTS (commands) + 1] = {NULL};
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    words[i] = commands[i].name;
    if (g_str_equal (commands[i].name, name))
      return commands[i].run (argc - 1, argv + 1);
  }
  g_autofree char *hint = ts_suggest_text (name, words);
  fprintf (stderr, "twinsite: there is no command '%s'%s\nTry: twinsite --help\n", name, hint);
  return TS_EXIT_USAGE;
}

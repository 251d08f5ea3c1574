/* scenarios/cli/lab.c -- twinsite lab doctor|down|ps|status|calibrate */
#include <stdio.h>
#include "scenarios/cli/command.h"

typedef struct {
  gboolean all;    /* down */
  const char *out; /* calibrate */
  char **from;     /* calibrate; NULL: not given */
  gint64 rounds;   /* calibrate; 0: not given */
} Options;

#ifdef TS_HAVE_LAB
#include "lab/doctor.h"
#include "lab/site/tidy.h"
#include "scenarios/cli/calibrate.h"

static int
doctor (const Options *options)
{
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "twinsite", NULL);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (cache);
  ts_lab_doctor_print (findings, stdout);
  return ts_lab_doctor_pass (findings, NULL) ? TS_EXIT_PASSED : TS_EXIT_UNAVAILABLE;
}

static int
down (const Options *options)
{
  return ts_lab_tidy_down (options->all, stdout) ? TS_EXIT_PASSED : TS_EXIT_INTERNAL;
}

static int
ps (const Options *options)
{
  ts_lab_tidy_ps (stdout);
  return TS_EXIT_PASSED;
}

static int
status_of_runs (const Options *options)
{
  g_auto (GStrv) folders = ts_lab_tidy_running ();
  int status = TS_EXIT_PASSED;
  for (guint i = 0; folders[i]; i++) {
    g_autofree char *run = g_path_get_dirname (folders[i]); /* a run keeps what is the lab's below it */
    status = ts_exit_worse (status, ts_command_status_of (run));
  }
  if (!folders[0])
    puts ("no run of the lab goes on");
  return status;
}

static int
calibrate (const Options *options)
{
  const char *out = options->out != NULL ? options->out : "profile.yaml";
  if (options->from != NULL && options->rounds != 0)
    return ts_command_usage ("lab", "--rounds: nothing is run with --from");
  if (options->from != NULL)
    return ts_calibrate_from (out, (const char *const *)options->from);
  return ts_calibrate (out, options->rounds > 0 ? (guint)options->rounds : 3);
}

static const struct {
  const char *name;
  int (*run) (const Options *options);
} verbs[] = {
    {"doctor", doctor},
    {"down", down},
    {"ps", ps},
    {"status", status_of_runs},
    {"calibrate", calibrate},
};

static int
run_verb (const char *name, const Options *options)
{
  const char *words[G_N_ELEMENTS (verbs) + 1] = {NULL};
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    words[i] = verbs[i].name;
    if (!g_str_equal (verbs[i].name, name))
      continue;
    if (options->all && verbs[i].run != down)
      return ts_command_usage ("lab", "--all: only down knows it");
    if ((options->out != NULL || options->rounds != 0 || options->from != NULL) &&
        verbs[i].run != calibrate)
      return ts_command_usage ("lab", "--out, --rounds and --from: only calibrate knows them");
    if (options->rounds < 0 || options->rounds > 100)
      return ts_command_usage ("lab", "--rounds: 1 to 100");
    return verbs[i].run (options);
  }
  g_autofree char *hint = ts_suggest_text (name, words);
  return ts_command_usage ("lab", "there is no '%s'%s", name, hint);
}
#else
static int
run_verb (const char *name, const Options *options)
{
  fputs ("twinsite: this twinsite was built without the lab; build it with -DTS_LAB=ON\n", stderr);
  return TS_EXIT_UNAVAILABLE;
}
#endif

int
ts_command_lab (int argc, char **argv)
{
  Options options = {0};
  g_autofree char *out = NULL;
  g_auto (GStrv) from = NULL;
  const GOptionEntry entries[] = {
      {"all", 0, 0, G_OPTION_ARG_NONE, &options.all, "down: end runs that live, too", NULL},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "calibrate: where the profile goes (profile.yaml)",
       "FILE"},
      {"from", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &from,
       "calibrate: by this stored run of the lab instead; may be repeated", "RUN"},
      {"rounds", 0, 0, G_OPTION_ARG_INT64, &options.rounds,
       "calibrate: so many failovers of each kind (3)", "N"},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (
          entries, "doctor|down|ps|status|calibrate",
          "doctor: what this machine has of what the lab needs, and what to install\n"
          "down:   remove what dead runs left behind\n"
          "ps:     what runs are there\n"
          "status: how replication stands in those that go on\n"
          "calibrate: measure how long this lab takes for what it does, a minute a failover, and\n"
          "write a profile for the simulator (run --profile)",
          &argc, &argv, &status))
    return status;
  options.out = out;
  options.from = from;
  return argc == 2 ? run_verb (argv[1], &options)
                   : ts_command_usage ("lab", "say what to do: doctor, down, ps, status or calibrate");
}

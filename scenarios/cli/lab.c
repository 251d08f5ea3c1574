/* scenarios/cli/lab.c -- twinsite lab doctor|down|ps */
#include <stdio.h>
#include "scenarios/cli/command.h"

#ifdef TS_HAVE_LAB
#include "lab/doctor.h"
#include "lab/tidy.h"

static int
doctor (gboolean all)
{
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "twinsite", NULL);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (cache);
  ts_lab_doctor_print (findings, stdout);
  return ts_lab_doctor_pass (findings, NULL) ? TS_EXIT_PASSED : TS_EXIT_UNAVAILABLE;
}

static int
down (gboolean all)
{
  return ts_lab_tidy_down (all, stdout) ? TS_EXIT_PASSED : TS_EXIT_INTERNAL;
}

static int
ps (gboolean all)
{
  ts_lab_tidy_ps (stdout);
  return TS_EXIT_PASSED;
}

static const struct {
  const char *name;
  int (*run) (gboolean all);
} verbs[] = {
    {"doctor", doctor},
    {"down", down},
    {"ps", ps},
};

static int
run_verb (const char *name, gboolean all)
{
  const char *words[G_N_ELEMENTS (verbs) + 1] = {NULL};
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    words[i] = verbs[i].name;
    if (!g_str_equal (verbs[i].name, name))
      continue;
    if (all && verbs[i].run != down)
      return ts_command_usage ("lab", "--all: only down knows it");
    return verbs[i].run (all);
  }
  g_autofree char *hint = ts_suggest_text (name, words);
  return ts_command_usage ("lab", "there is no '%s'%s", name, hint);
}
#else
static int
run_verb (const char *name, gboolean all)
{
  fputs ("twinsite: this twinsite was built without the lab; build it with -DTS_LAB=ON\n", stderr);
  return TS_EXIT_UNAVAILABLE;
}
#endif

int
ts_command_lab (int argc, char **argv)
{
  gboolean all = FALSE;
  const GOptionEntry entries[] = {
      {"all", 0, 0, G_OPTION_ARG_NONE, &all, "down: end runs that live, too", NULL},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (
          entries, "doctor|down|ps",
          "doctor: what this machine has of what the lab needs, and what to install\n"
          "down:   remove what dead runs left behind\n"
          "ps:     what runs are there",
          &argc, &argv, &status))
    return status;
  return argc == 2 ? run_verb (argv[1], all)
                   : ts_command_usage ("lab", "say what to do: doctor, down or ps");
}

/* scenarios/cli/lab.c -- twinsite lab doctor|down|ps */
#include <stdio.h>
#include "core/base/error.h"
#include "scenarios/cli/command.h"

#ifdef TS_HAVE_LAB
#include "lab/doctor.h"

static int
doctor (void)
{
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "twinsite", NULL);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (cache);
  for (guint i = 0; i < findings->len; i++) {
    const TsDoctorFinding *finding = findings->pdata[i];
    printf ("%-8s %-20s %s\n",
            finding->found    ? "found"
            : finding->needed ? "MISSING"
                              : "without",
            finding->name, finding->detail);
    if (!finding->found && finding->advice != NULL)
      printf ("%-8s %-20s   %s\n", "", "", finding->advice);
  }
  g_autoptr (GError) error = NULL;
  if (ts_lab_doctor_pass (findings, &error)) {
    printf ("The lab can run here.\n");
    return TS_EXIT_PASSED;
  }
  printf ("The lab cannot run here: %s\n", error->message);
  return TS_EXIT_UNAVAILABLE;
}

static const struct {
  const char *name, *help;
  int (*run) (void);
} verbs[] = {
    {"doctor", "what this machine has of what the lab needs, and what to install", doctor},
};

static int
run_verb (const char *name)
{
  const char *words[G_N_ELEMENTS (verbs) + 1] = {NULL};
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    words[i] = verbs[i].name;
    if (g_str_equal (verbs[i].name, name))
      return verbs[i].run ();
  }
  g_autofree char *hint = ts_suggest_text (name, words);
  return ts_command_usage ("lab", "there is no '%s'%s", name, hint);
}
#else
static int
run_verb (const char *name)
{
  fprintf (stderr,
           "twinsite: this twinsite was built without the lab; build it with -DTS_LAB=ON\n");
  return TS_EXIT_UNAVAILABLE;
}
#endif

int
ts_command_lab (int argc, char **argv)
{
  int status;
  if (!ts_command_options (NULL, "doctor", "The lab of real machines: what it needs.", &argc, &argv,
                           &status))
    return status;
  return argc == 2 ? run_verb (argv[1]) : ts_command_usage ("lab", "say what to do: doctor");
}

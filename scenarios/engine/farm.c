#include "scenarios/engine/farm.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/file.h"
#include "scenarios/engine/run.h"

#define SAID_MAX 2000   /* of what a process wrote to stderr, so much is kept */
#define BAD_SCENARIO 65 /* as twinsite exits with */
#define INTERNAL 70
#define LOOK_MS 200 /* how often somebody is told */

typedef struct {
  pid_t pid; /* 0: free */
  guint cell;
  int said; /* its stderr */
} Slot;

static char *
cells_folder (const char *folder)
{
  return g_build_filename (folder, "cells", NULL);
}

gboolean
ts_farm_store (const TsStudy *study, const char *folder, guint cell, const TsStudyCell *what,
               GError **error)
{
  g_autofree char *into = cells_folder (folder);
  g_autofree char *name = ts_study_cell_name (cell);
  g_autofree char *text = ts_study_cell_format (study, cell, what);
  return ts_file_replace (into, name, text, error);
}

/* FALSE: there is none (no error), or it is not what it should be. */
static gboolean
read_cell (const TsStudy *study, const char *folder, guint index, TsStudyCell *cell, GError **error)
{
  g_autofree char *into = cells_folder (folder);
  g_autofree char *name = ts_study_cell_name (index);
  g_autofree char *path = g_build_filename (into, name, NULL);
  g_autofree char *text = NULL;
  gsize len;
  if (!g_file_get_contents (path, &text, &len, NULL))
    return FALSE;
  if (ts_study_cell_parse (study, index, text, len, cell, error))
    return TRUE;
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

guint
ts_farm_read (TsStudy *study, const char *folder)
{
  guint read = 0;
  for (guint i = 0; i < study->cell_count; i++) {
    g_autoptr (GError) error = NULL;
    TsStudyCell cell = {0};
    if (read_cell (study, folder, i, &cell, &error)) {
      ts_study_cell_clear (&study->cells[i]);
      study->cells[i] = cell;
      read++;
    } else if (error != NULL && !study->cells[i].done) {
      g_free (study->cells[i].trouble);
      study->cells[i].trouble = g_strdup (error->message);
    }
  }
  return read;
}

/* ---- in the process ---- */

gboolean
ts_farm_run_cell (const TsFarmOptions *options, guint cell, GError **error)
{
  const TsSweep *sweep = options->grid->sweep;
  g_auto (GStrv) assignments = ts_grid_assignments (options->grid, cell);
  g_autoptr (TsProblems) problems = ts_problems_new (sweep->base_path);
  TsScenarioOptions wanted = {.assignments = (const char *const *)assignments,
                              .seed_given = TRUE,
                              .seed = ts_grid_seed (options->grid, cell)};
  g_autoptr (TsScenario) scenario =
      ts_scenario_parse (sweep->base_path, sweep->base_text, sweep->base_len, &wanted, problems);
  if (scenario == NULL) {
    g_autofree char *text = ts_problems_format (problems);
    return ts_throw (error, TS_ERROR_ARGUMENT, "these values do not go together: %s",
                     g_strchomp (text));
  }
  ts_scenario_set_time_scale (scenario, 1); /* virtual time need not hurry */
  g_ptr_array_extend (scenario->expectations->also, options->study->families, NULL, NULL);
  g_autofree char *replay = ts_grid_replay (options->grid, cell);
  TsRunOptions run = {.ops = options->ops, .replay = replay, .interrupted = options->interrupted};
  g_autoptr (TsVerdict) verdict = ts_run (scenario, &run, error);
  if (verdict == NULL)
    return FALSE;
  TsStudyCell outcome = {0};
  ts_study_cell_take (&outcome, verdict);
  gboolean good = ts_farm_store (options->study, options->folder, cell, &outcome, error);
  ts_study_cell_clear (&outcome);
  return good;
}

static void G_GNUC_NORETURN
be_process (const TsFarmOptions *options, guint cell, int said, pid_t parent)
{
  static const int usual[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM};
  static const volatile sig_atomic_t never;
  sigset_t none;
  sigemptyset (&none);
  for (guint i = 0; i < G_N_ELEMENTS (usual); i++)
    signal (usual[i], SIG_DFL);
  sigprocmask (SIG_SETMASK, &none, NULL);
  prctl (PR_SET_PDEATHSIG, SIGKILL); /* nobody is left to run for */
  if (getppid () != parent)
    _exit (1);
  gint64 limit_us = options->grid->sweep->cell_limit_us;
  alarm ((unsigned)((limit_us + TS_S - 1) / TS_S));
  dup2 (said, STDERR_FILENO);
  TsFarmOptions here = *options;
  here.interrupted = &never;
  g_autoptr (GError) error = NULL;
  if (ts_farm_run_cell (&here, cell, &error))
    _exit (0);
  fprintf (stderr, "%s\n", error->message);
  fflush (stderr);
  _exit (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT) ? BAD_SCENARIO : 1);
}

/* ---- in the farm ---- */

static gboolean
start_cell (const TsFarmOptions *options, Slot *slot, guint cell, GError **error)
{
  int said[2];
  pid_t parent = getpid ();
  if (pipe2 (said, O_CLOEXEC | O_NONBLOCK) != 0) /* who says too much is not held up */
    return ts_throw_errno (error, "make a pipe");
  pid_t pid = fork ();
  if (pid == 0)
    be_process (options, cell, said[1], parent);
  close (said[1]);
  if (pid < 0) {
    close (said[0]);
    return ts_throw_errno (error, "start a process for a run");
  }
  *slot = (Slot){.pid = pid, .cell = cell, .said = said[0]};
  return TRUE;
}

/* The last line of what a process said: that is where the reason stands. */
static char *
last_said (int fd)
{
  g_autofree char *buffer = g_malloc0 (SAID_MAX + 1);
  GString *all = g_string_new (NULL);
  gssize n;
  while ((n = read (fd, buffer, SAID_MAX)) > 0) {
    g_string_append_len (all, buffer, n);
    if (all->len > SAID_MAX)
      g_string_erase (all, 0, (gssize)(all->len - SAID_MAX));
  }
  g_strchomp (all->str);
  const char *line = strrchr (all->str, '\n');
  char *said = g_utf8_make_valid (line != NULL ? line + 1 : all->str, -1);
  g_string_free (all, TRUE);
  return said;
}

static void
take_outcome (const TsFarmOptions *options, Slot *slot, int status)
{
  TsStudyCell *cell = &options->study->cells[slot->cell];
  g_autofree char *said = last_said (slot->said);
  g_autoptr (GError) error = NULL;
  const char *colon = said[0] != '\0' ? ": " : "";
  close (slot->said);
  slot->pid = 0;
  ts_study_cell_clear (cell);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 0) {
    if (!read_cell (options->study, options->folder, slot->cell, cell, &error))
      cell->trouble = g_strdup (error != NULL ? error->message : "its file is gone");
  } else if (WIFSIGNALED (status) && WTERMSIG (status) == SIGALRM)
    cell->trouble = g_strdup_printf ("given up after %" G_GINT64_FORMAT " s",
                                     options->grid->sweep->cell_limit_us / TS_S);
  else if (WIFSIGNALED (status))
    cell->trouble =
        g_strdup_printf ("crashed (%s)%s%s", g_strsignal (WTERMSIG (status)), colon, said);
  else
    cell->trouble = g_strdup_printf ("could not be run%s%s", colon, said);
  if (cell->trouble != NULL)
    cell->exit_code =
        WIFEXITED (status) && WEXITSTATUS (status) == BAD_SCENARIO ? BAD_SCENARIO : INTERNAL;
}

/* Those that are over, if any. */
static guint
reap (const TsFarmOptions *options, Slot *slots)
{
  guint reaped = 0;
  for (guint i = 0; i < options->jobs; i++) {
    int status;
    if (slots[i].pid != 0 && waitpid (slots[i].pid, &status, WNOHANG) == slots[i].pid) {
      take_outcome (options, &slots[i], status);
      reaped++;
    }
  }
  return reaped;
}

/* What is half written will never be read, but need not lie about. */
static void
stop_all (const TsFarmOptions *options, Slot *slots)
{
  g_autofree char *into = cells_folder (options->folder);
  for (guint i = 0; i < options->jobs; i++)
    if (slots[i].pid != 0)
      kill (slots[i].pid, SIGKILL);
  for (guint i = 0; i < options->jobs; i++) {
    if (slots[i].pid == 0)
      continue;
    waitpid (slots[i].pid, NULL, 0);
    close (slots[i].said);
    g_autofree char *name = ts_study_cell_name (slots[i].cell);
    g_autofree char *beside = g_strdup_printf ("%s/%s.new", into, name);
    unlink (beside);
    slots[i].pid = 0;
    /* it may have been done at the last moment */
    read_cell (options->study, options->folder, slots[i].cell,
               &options->study->cells[slots[i].cell], NULL);
  }
}

static gboolean
is_interrupted (const TsFarmOptions *options)
{
  return options->interrupted != NULL && *options->interrupted != 0;
}

static Slot *
free_slot (const TsFarmOptions *options, Slot *slots)
{
  for (guint i = 0; i < options->jobs; i++)
    if (slots[i].pid == 0)
      return &slots[i];
  return NULL;
}

gboolean
ts_farm_run (const TsFarmOptions *options, GError **error)
{
  g_autofree Slot *slots = g_new0 (Slot, options->jobs);
  sigset_t child, before;
  const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
  guint next = 0, finished = 0;
  gboolean good = TRUE;
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  sigprocmask (SIG_BLOCK, &child, &before); /* so that none is missed between look and wait */
  fflush (stdout); /* or each process would have a copy of what is not written yet */
  fflush (stderr);
  while (good && !is_interrupted (options) && finished < options->cells->len) {
    Slot *slot;
    while (good && next < options->cells->len && (slot = free_slot (options, slots)) != NULL)
      good = start_cell (options, slot, g_array_index (options->cells, guint, next++), error);
    guint reaped = reap (options, slots);
    finished += reaped;
    if (options->tell != NULL)
      options->tell (options->user, finished, MIN (options->jobs, options->cells->len - finished));
    if (good && reaped == 0)
      sigtimedwait (&child, NULL, &look);
  }
  stop_all (options, slots);
  sigprocmask (SIG_SETMASK, &before, NULL);
  return good;
}

/* tests/test-lab-tidy.c -- nothing of a dead run stays, and nothing of a living one is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/units.h"
#include "lab/site/helper.h"
#include "lab/site/layout.h"
#include "lab/site/site.h"
#include "lab/site/tidy.h"

/* A registry of the test's own: that of root is /run/twinsite, where runs of others may be entered;
 * all that is looked at here are our own entries. */

typedef struct {
  pid_t pid;
  char sockets[200];
  pid_t site, bystander;
} Runner;

static void
wait_for_ever (void)
{
  for (;;)
    pause ();
}

/* A process that is entered as part of the run and outlives its runner. */
static pid_t
start_bystander (void)
{
  pid_t pid = fork ();
  if (pid == 0) {
    setsid ();
    wait_for_ever ();
  }
  return pid;
}

/* A runner in the middle of a run: entered, with a site, a socket and a straggler. */
static void
run (int out, gboolean with_site)
{
  Runner told = {.pid = getpid ()};
  g_autoptr (GError) error = NULL;
  TsLabRegistration *registration = ts_lab_register ("/run-folder", &error);
  if (!registration)
    _exit (1);
  g_strlcpy (told.sockets, ts_lab_registration_sockets (registration), sizeof told.sockets);
  g_autofree char *path = g_build_filename (told.sockets, "inner", NULL);
  g_mkdir (path, 0700);
  g_autofree char *file = g_build_filename (path, "file", NULL);
  g_file_set_contents (file, "x", 1, NULL);
  told.bystander = start_bystander ();
  ts_lab_register_process (registration, "straggler", told.bystander, NULL);
  if (with_site) {
    g_autofree char *folder = g_dir_make_tmp ("ts-tidy-XXXXXX", NULL);
    TsLabSite *site = ts_lab_site_start ("a", folder, &error);
    g_autofree char *log = g_build_filename (folder, "site.log", NULL);
    const char *const argv[] = {"sleep", "1000", NULL};
    if (!site || !ts_lab_site_run (site, argv, log, &error))
      _exit (2);
    told.site = ts_lab_site_pid (site);
    ts_lab_register_process (registration, "site.a", told.site, NULL);
    g_unlink (log);
    g_rmdir (folder);
  }
  if (write (out, &told, sizeof told) != sizeof told)
    _exit (3);
  wait_for_ever ();
}

static Runner
start_runner (gboolean with_site)
{
  int ends[2];
  Runner told = {0};
  assert_int_equal (pipe (ends), 0);
  pid_t pid = fork ();
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    close (ends[0]);
    run (ends[1], with_site);
  }
  close (ends[1]);
  assert_int_equal (read (ends[0], &told, sizeof told), sizeof told);
  close (ends[0]);
  return told;
}

static gboolean
gone_within (pid_t pid, gint64 timeout_us)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;
  while (kill (pid, 0) == 0) {
    g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    /* nobody reaps orphans in some containers */
    if (!g_file_get_contents (path, &text, NULL, NULL) || strstr (text, ") Z "))
      return TRUE;
    if (g_get_monotonic_time () > deadline_us)
      return FALSE;
    g_usleep (10000);
  }
  return TRUE;
}

static gboolean
is_entered (const Runner *runner)
{
  g_autofree char *file = g_strconcat (runner->sockets, ".run", NULL);
  return g_file_test (runner->sockets, G_FILE_TEST_EXISTS) ||
         g_file_test (file, G_FILE_TEST_EXISTS);
}

static void
kill_runner (const Runner *runner)
{
  kill (runner->pid, SIGKILL);
  waitpid (runner->pid, NULL, 0);
}

/* kill -9 in the middle of a run: what hangs on the runner goes by itself, the rest by tidying. */
static void
killed_runner (void **state)
{
  g_autofree char *refusal = ts_lab_site_refusal ();
  Runner runner = start_runner (refusal == NULL);
  assert_true (is_entered (&runner));
  kill_runner (&runner);
  if (!refusal)
    assert_true (gone_within (runner.site, 5 * TS_S));
  assert_int_equal (kill (runner.bystander, 0), 0);
  assert_true (is_entered (&runner));
  assert_true (ts_lab_tidy_down (FALSE, NULL));
  assert_true (gone_within (runner.bystander, 5 * TS_S));
  assert_false (is_entered (&runner));
}

static void
living_runner (void **state)
{
  Runner runner = start_runner (FALSE);
  assert_true (ts_lab_tidy_down (FALSE, NULL));
  assert_true (is_entered (&runner));
  assert_int_equal (kill (runner.bystander, 0), 0);
  kill_runner (&runner);
  assert_true (ts_lab_tidy_down (FALSE, NULL));
  assert_false (is_entered (&runner));
}

/* A number that belongs to another process by now: not ours to kill. */
static void
reused_number (void **state)
{
  Runner runner = start_runner (FALSE);
  pid_t stranger = start_bystander ();
  g_autofree char *file = g_strconcat (runner.sockets, ".run", NULL);
  g_autoptr (GKeyFile) entry = g_key_file_new ();
  assert_true (g_key_file_load_from_file (entry, file, G_KEY_FILE_NONE, NULL));
  g_autofree char *claim = g_strdup_printf ("%d 1", (int)stranger);
  g_key_file_set_string (entry, "processes", "site.b", claim);
  assert_true (g_key_file_save_to_file (entry, file, NULL));
  kill_runner (&runner);
  assert_true (ts_lab_tidy_down (FALSE, NULL));
  assert_false (is_entered (&runner));
  g_usleep (50000);
  assert_int_equal (waitpid (stranger, NULL, WNOHANG), 0); /* lives */
  kill (stranger, SIGKILL);
  waitpid (stranger, NULL, 0);
}

/* An entry that a crash or somebody's editor has spoiled is removed with its folder, no more. */
static void
spoiled_entry (void **state)
{
  g_autofree char *outside = g_dir_make_tmp ("ts-outside-XXXXXX", NULL);
  Runner runner = start_runner (FALSE);
  kill_runner (&runner);
  g_autofree char *file = g_strconcat (runner.sockets, ".run", NULL);
  g_autofree char *text =
      g_strdup_printf ("[run]\nsockets=%s\n[processes]\nrunner=-1 0\nx=\n", outside);
  assert_true (g_file_set_contents (file, text, -1, NULL));
  assert_true (ts_lab_tidy_down (FALSE, NULL));
  assert_false (is_entered (&runner));
  assert_true (g_file_test (outside, G_FILE_TEST_EXISTS));
  g_rmdir (outside);
  kill (runner.bystander, SIGKILL);
}

static void
listed (void **state)
{
  Runner runner = start_runner (FALSE);
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream (&text, &len);
  ts_lab_tidy_ps (out);
  fclose (out);
  g_autofree char *number = g_strdup_printf ("%d ", (int)runner.pid);
  char *line = strstr (text, number);
  assert_non_null (line);
  assert_non_null (strstr (line, "runs"));
  assert_non_null (strstr (line, "/run-folder"));
  assert_non_null (strstr (line, "straggler"));
  free (text);
  kill_runner (&runner);
  assert_true (ts_lab_tidy_down (FALSE, NULL));
}

static void
ended_run (void **state)
{
  g_autoptr (GError) error = NULL;
  TsLabRegistration *registration = ts_lab_register ("/run-folder", &error);
  assert_non_null (registration);
  Runner runner = {0};
  g_strlcpy (runner.sockets, ts_lab_registration_sockets (registration), sizeof runner.sockets);
  /* room for libvirt's longest socket below it */
  assert_true (strlen (runner.sockets) + 4 <= 50);
  assert_true (is_entered (&runner));
  ts_lab_registration_free (registration);
  assert_false (is_entered (&runner));
}

int
main (int argc, char **argv)
{
  int status;
  if (ts_lab_helper_main (argc, argv, &status))
    return status;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (ended_run),     cmocka_unit_test (killed_runner),
      cmocka_unit_test (living_runner), cmocka_unit_test (reused_number),
      cmocka_unit_test (spoiled_entry), cmocka_unit_test (listed),
  };
  return cmocka_run_group_tests_name ("lab-tidy", tests, NULL, NULL);
}

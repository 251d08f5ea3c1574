/* tests/test-site.c -- sites for real: what runs in them, and that nothing of them stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/units.h"
#include "lab/site/helper.h"
#include "lab/site/site.h"
#include "tests/lab-support.h"

#define SELF "/proc/self/exe"

typedef struct {
  char *folder;
  char *log; /* of what runs in it */
  TsLabSite *site;
} Fixture;

static int
set_up (void **state)
{
  g_autoptr (GError) error = NULL;
  Fixture *fixture = g_new0 (Fixture, 1);
  fixture->folder = support_make_folder ();
  fixture->log = g_build_filename (fixture->folder, "run.log", NULL);
  fixture->site = ts_lab_site_start ("paris", fixture->folder, &error);
  g_assert_no_error (error);
  *state = fixture;
  return 0;
}

static int
tear_down (void **state)
{
  Fixture *fixture = *state;
  ts_lab_site_free (fixture->site);
  support_remove_folder (fixture->folder);
  g_free (fixture->log);
  g_free (fixture);
  return 0;
}

static void
run (Fixture *fixture, const char *const *argv)
{
  g_autoptr (GError) error = NULL;
  ts_lab_site_run (fixture->site, argv, fixture->log, &error);
  g_assert_no_error (error);
}

/* Waits until the log holds text; returns all of it. */
static char *
wait_for_output (Fixture *fixture, const char *text)
{
  gint64 deadline_us = g_get_monotonic_time () + 20 * TS_S;
  for (;;) {
    char *output = NULL;
    if (g_file_get_contents (fixture->log, &output, NULL, NULL) && strstr (output, text) != NULL)
      return output;
    if (g_get_monotonic_time () > deadline_us)
      fail_msg ("no '%s' in the log: %s", text, output);
    g_free (output);
    g_usleep (10000);
  }
}

static void
has_processes_and_network_of_its_own (void **state)
{
  Fixture *fixture = *state;
  run (fixture, (const char *const[]){"sh", "-c",
                                      "echo first $(cat /proc/1/comm); echo here $$;"
                                      "tail -n +3 /proc/net/dev | wc -l; echo done",
                                      NULL});
  g_autofree char *output = wait_for_output (fixture, "done");
  int number = 0, devices = 0;
  assert_int_equal (sscanf (output, "first ts-site here %d %d done", &number, &devices), 2);
  assert_in_range (number, 2, 9); /* its numbers begin at 1 */
  assert_int_equal (devices, 1);  /* lo */
  g_autofree char *ours = support_namespace (getpid (), "mnt");
  g_autofree char *theirs = support_namespace (ts_lab_site_pid (fixture->site), "mnt");
  assert_string_not_equal (ours, theirs);
}

static void
loopback_is_up (void **state)
{
  Fixture *fixture = *state;
  int listener = support_socket_in (ts_lab_site_pid (fixture->site), SOCK_STREAM);
  int client = support_socket_in (ts_lab_site_pid (fixture->site), SOCK_STREAM);
  support_bind (listener, "127.0.0.1", 8084);
  assert_int_equal (listen (listener, 1), 0);
  assert_true (support_connect (client, "127.0.0.1", 8084));
  close (client);
  close (listener);
}

static void
a_command_that_is_not_there_is_an_error (void **state)
{
  Fixture *fixture = *state;
  g_autoptr (GError) error = NULL;
  const char *const argv[] = {"/no/such/program", NULL};
  assert_false (ts_lab_site_run (fixture->site, argv, fixture->log, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_IO));
  assert_non_null (strstr (error->message, "/no/such/program"));
  assert_non_null (strstr (error->message, "No such file"));
  /* The site goes on. */
  run (fixture, (const char *const[]){"echo", "alive", NULL});
  g_free (wait_for_output (fixture, "alive"));
}

static void
a_command_too_long_is_refused (void **state)
{
  Fixture *fixture = *state;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strnfill (100000, 'x');
  const char *const argv[] = {"echo", text, NULL};
  assert_false (ts_lab_site_run (fixture->site, argv, fixture->log, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
}

static void
orphans_are_reaped (void **state)
{
  Fixture *fixture = *state;
  for (guint i = 0; i < 20; i++)
    run (fixture, (const char *const[]){"sh", "-c", "(sleep 0.2 &) ; exit 3", NULL});
  run (fixture, (const char *const[]){"sh", "-c", "sleep 0.5; ls -d /proc/[0-9]*; echo end", NULL});
  g_autofree char *output = wait_for_output (fixture, "end");
  /* The first process and sh (which expands before it forks); zombies would be listed too. */
  guint listed = 0;
  for (const char *at = output; (at = strstr (at, "/proc/")) != NULL; at++)
    listed++;
  assert_int_equal (listed, 2);
}

static void
power_off_takes_daemons_too (void **state)
{
  Fixture *fixture = *state;
  pid_t first = ts_lab_site_pid (fixture->site);
  g_autofree char *name = support_namespace (first, "pid");
  int watch = support_watch_network (first);

  run (fixture, (const char *const[]){SELF, "daemon", NULL});
  run (fixture, (const char *const[]){"sleep", "1000", NULL});
  g_free (wait_for_output (fixture, "daemon is there"));
  /* Those that made the daemon are on their way out. */
  for (guint i = 0; i < 1000 && support_processes_in (name, "pid") > 3; i++)
    g_usleep (10000);
  assert_int_equal (support_processes_in (name, "pid"), 3);

  assert_int_equal (ts_lab_site_power_off (fixture->site), 3);
  assert_int_equal (support_processes_in (name, "pid"), 0); /* at once, not soon */
  assert_int_equal (ts_lab_site_pid (fixture->site), 0);
  assert_int_equal (support_child_named (getpid (), "ts-site"), 0);
  assert_true (support_network_goes (watch, 10 * TS_S));
  assert_int_equal (ts_lab_site_power_off (fixture->site), 0);

  g_autoptr (GError) error = NULL;
  assert_false (
      ts_lab_site_run (fixture->site, (const char *const[]){"true", NULL}, fixture->log, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_LOST));
}

static void
a_site_that_dies_by_itself_is_lost (void **state)
{
  Fixture *fixture = *state;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = support_namespace (ts_lab_site_pid (fixture->site), "pid");
  const char *const argv[] = {"sleep", "1000", NULL};

  run (fixture, argv);
  kill (ts_lab_site_pid (fixture->site), SIGKILL);
  assert_true (support_empties (name, "pid", 10 * TS_S));
  g_usleep (50000);
  assert_false (ts_lab_site_run (fixture->site, argv, fixture->log, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_LOST));
  assert_int_equal (ts_lab_site_power_off (fixture->site), 0);
}

/* --- the runner dies --- */

/* In a process of its own: makes a site with a daemon in it, says so, and waits for its end. */
static int
runner_main (void)
{
  g_autofree char *folder = support_make_folder ();
  g_autofree char *log = g_build_filename (folder, "run.log", NULL);
  g_autoptr (GError) error = NULL;
  TsLabSite *site = ts_lab_site_start ("paris", folder, &error);
  if (site == NULL ||
      !ts_lab_site_run (site, (const char *const[]){SELF, "daemon", NULL}, log, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  printf ("%d %s\n", (int)ts_lab_site_pid (site), folder);
  fflush (stdout);
  pause ();
  return 0;
}

static void
kill_9_of_the_runner_leaves_nothing (void **state)
{
  int ends[2], first = 0;
  char line[256] = "", folder[200];

  assert_int_equal (pipe2 (ends, O_CLOEXEC), 0);
  pid_t runner = fork ();
  if (runner == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    dup2 (ends[1], 1);
    execl (SELF, "test-site", "runner", NULL);
    _exit (127);
  }
  close (ends[1]);
  assert_true (support_readable (ends[0], 20 * TS_S));
  assert_true (read (ends[0], line, sizeof line - 1) > 0);
  close (ends[0]);
  assert_int_equal (sscanf (line, "%d %199s", &first, folder), 2);
  g_autofree char *name = support_namespace (first, "pid");
  int watch = support_watch_network (first);
  while (support_processes_in (name, "pid") < 2) /* bounded by the test's own time limit */
    g_usleep (10000);

  kill (runner, SIGKILL);
  waitpid (runner, NULL, 0);
  assert_true (support_empties (name, "pid", 10 * TS_S));
  assert_true (support_network_goes (watch, 10 * TS_S));
  support_remove_folder (g_strdup (folder));
}

/* --- who may --- */

/* Runs what in a child; returns its exit status. */
static int
in_child (int (*what) (const char *folder), const char *folder)
{
  int status = 0;
  pid_t child = fork ();
  if (child == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    _exit (what (folder));
  }
  waitpid (child, &status, 0);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

static int
start_as_nobody (const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *log = g_build_filename (folder, "run.log", NULL);
  if (chown (folder, 65534, 65534) < 0 || setresgid (65534, 65534, 65534) < 0 ||
      setresuid (65534, 65534, 65534) < 0)
    return 2;
  g_autoptr (TsLabSite) site = ts_lab_site_start ("paris", folder, &error);
  if (site == NULL) {
    g_print ("%s\n", error->message);
    return 77;
  }
  if (!ts_lab_site_run (site, (const char *const[]){"sleep", "1000", NULL}, log, &error))
    return 3;
  return ts_lab_site_power_off (site) == 2 ? 0 : 4;
}

static void
another_user_than_root_may (void **state)
{
  if (geteuid () != 0)
    skip (); /* then every other test here shows it */
  char *folder = support_make_folder ();
  int status = in_child (start_as_nobody, folder);
  support_remove_folder (folder);
  if (status == 77)
    skip (); /* this machine does not let users make namespaces */
  assert_int_equal (status, 0);
}

/* In a user namespace whose limit is no network namespace at all. */
static int
ask_without_permission (const char *folder)
{
  g_autofree char *map = g_strdup_printf ("0 %u 1", geteuid ());
  if (unshare (CLONE_NEWUSER) < 0)
    return 77;
  int uid_map = open ("/proc/self/uid_map", O_WRONLY);
  int limit = open ("/proc/sys/user/max_net_namespaces", O_WRONLY);
  if (write (uid_map, map, strlen (map)) < 0 || write (limit, "0", 1) != 1)
    return 77;
  g_autofree char *refusal = ts_lab_site_refusal ();
  if (refusal == NULL)
    return 2;
  return strstr (refusal, "run as root") != NULL ? 0 : 3;
}

static void
without_permission_there_is_a_reason (void **state)
{
  int status = in_child (ask_without_permission, NULL);
  if (status == 77)
    skip ();
  assert_int_equal (status, 0);
}

/* Forks twice, leaves its session, and will not be asked to go. */
static int
daemon_main (void)
{
  if (fork () != 0)
    return 0;
  setsid ();
  if (fork () != 0)
    return 0;
  signal (SIGTERM, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  puts ("daemon is there");
  fflush (stdout);
  for (;;)
    pause ();
}

int
main (int argc, char **argv)
{
  int status;
  if (ts_lab_helper_main (argc, argv, &status))
    return status;
  if (argc > 1 && g_str_equal (argv[1], "daemon"))
    return daemon_main ();
  if (argc > 1 && g_str_equal (argv[1], "runner"))
    return runner_main ();

  g_autofree char *refusal = ts_lab_site_refusal ();
  if (refusal != NULL) {
    printf ("skipped: %s\n", refusal);
    return 77;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown (has_processes_and_network_of_its_own, set_up, tear_down),
      cmocka_unit_test_setup_teardown (loopback_is_up, set_up, tear_down),
      cmocka_unit_test_setup_teardown (a_command_that_is_not_there_is_an_error, set_up, tear_down),
      cmocka_unit_test_setup_teardown (a_command_too_long_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown (orphans_are_reaped, set_up, tear_down),
      cmocka_unit_test_setup_teardown (power_off_takes_daemons_too, set_up, tear_down),
      cmocka_unit_test_setup_teardown (a_site_that_dies_by_itself_is_lost, set_up, tear_down),
      cmocka_unit_test (kill_9_of_the_runner_leaves_nothing),
      cmocka_unit_test (another_user_than_root_may),
      cmocka_unit_test (without_permission_there_is_a_reason),
  };
  return cmocka_run_group_tests_name ("site", tests, NULL, NULL);
}

/* tests/test-script.c -- a plan's scripts: real executables, with a limit, from the library and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "lab/site/layout.h"
#include "lab/vault/script.h"

typedef struct {
  char *folder, *library, *kept;
  GMainLoop *loop;
  gboolean missing, killed;
  gint exit_status;
  char *output, *complaint;
} Place;

static void
done (TsLabScript *script, const TsLabScriptEnd *end, gpointer user)
{
  Place *place = user;
  place->missing = end->missing;
  place->killed = end->killed;
  place->exit_status = end->exit_status;
  g_free (place->output);
  g_free (place->complaint);
  place->output = g_strdup (end->output);
  place->complaint = g_strdup (end->complaint);
  g_main_loop_quit (place->loop);
}

static int
setup (void **state)
{
  Place *place = g_new0 (Place, 1);
  place->folder = g_dir_make_tmp ("ts-script-XXXXXX", NULL);
  place->library = g_build_filename (place->folder, "library", NULL);
  place->kept = g_build_filename (place->folder, "kept", NULL);
  place->loop = g_main_loop_new (NULL, FALSE);
  g_mkdir (place->library, 0755);
  *state = place;
  return 0;
}

static int
teardown (void **state)
{
  Place *place = *state;
  assert_true (ts_lab_remove_tree (place->folder, NULL));
  g_main_loop_unref (place->loop);
  g_free (place->folder);
  g_free (place->library);
  g_free (place->kept);
  g_free (place->output);
  g_free (place->complaint);
  g_free (place);
  return 0;
}

static void
write_script (Place *place, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (place->library, name, NULL);
  g_autofree char *whole = g_strconcat ("#!/bin/sh\n", text, "\n", NULL);
  assert_true (g_file_set_contents (path, whole, -1, NULL));
  g_chmod (path, 0755);
}

static void
run (Place *place, const char *path, const char *argument, gint64 limit_us)
{
  char *arguments[] = {(char *)argument, NULL};
  ts_lab_script_run (place->library, path, arguments, limit_us, place->kept, "job-1-4", done, place);
  g_main_loop_run (place->loop);
}

static void
says_what_it_did (void **state)
{
  Place *place = *state;
  write_script (place, "dns", "echo moved $1; echo careful >&2; exit 3");
  run (place, "dns", "app; rm -rf x", 20000000);
  assert_int_equal (place->exit_status, 3);
  assert_string_equal (place->output, "moved app; rm -rf x\n"); /* an argument, no shell's words */
  assert_string_equal (place->complaint, "careful\n");
  assert_false (place->killed || place->missing);
  g_autofree char *kept = g_build_filename (place->kept, "job-1-4.out", NULL);
  assert_true (g_file_test (kept, G_FILE_TEST_EXISTS));
}

static void
killed_at_its_limit (void **state)
{
  Place *place = *state;
  g_autofree char *mark = g_build_filename (place->folder, "child", NULL);
  g_autofree char *text = g_strdup_printf ("echo begun; sleep 1000 & echo $! > %s; wait", mark);
  write_script (place, "hangs", text);
  gint64 begun_us = g_get_monotonic_time ();
  run (place, "hangs", NULL, 700000);
  assert_true (place->killed);
  assert_true (g_get_monotonic_time () - begun_us < 30000000);
  assert_string_equal (place->output, "begun\n");
  g_autofree char *child = NULL;
  assert_true (g_file_get_contents (mark, &child, NULL, NULL));
  pid_t pid = (pid_t)g_ascii_strtoll (child, NULL, 10);
  for (guint i = 0; i < 100 && kill (pid, 0) == 0; i++) { /* what it had started is gone, too */
    g_autofree char *status = g_strdup_printf ("/proc/%d/stat", pid);
    g_autofree char *stat = NULL;
    if (g_file_get_contents (status, &stat, NULL, NULL) && strstr (stat, ") Z "))
      return; /* nobody has reaped it yet */
    g_usleep (50000);
  }
  assert_int_not_equal (kill (pid, 0), 0);
}

static void
only_from_the_library (void **state)
{
  Place *place = *state;
  static const char *const paths[] = {"nothing", "/bin/true", "../library/dns", "a/../../x", "", "a//b"};
  write_script (place, "dns", "true");
  g_autofree char *plain = g_build_filename (place->library, "plain", NULL);
  g_file_set_contents (plain, "not for running", -1, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++) {
    run (place, paths[i], NULL, 5000000);
    assert_true (place->missing);
    assert_int_equal (place->exit_status, 127);
  }
  run (place, "plain", NULL, 5000000);
  assert_true (place->missing);
  run (place, "dns", NULL, 20000000);
  assert_false (place->missing);
  assert_int_equal (place->exit_status, 0);
}

static void
bounded_in_what_it_says (void **state)
{
  Place *place = *state;
  write_script (place, "loud", "yes | head -c 8000000; exit 0");
  run (place, "loud", NULL, 30000000);
  assert_int_equal (strlen (place->output), 4096);
  g_autofree char *kept = g_build_filename (place->kept, "job-1-4.out", NULL);
  GStatBuf st;
  assert_int_equal (g_stat (kept, &st), 0);
  assert_true (st.st_size <= 1 << 20);
}

static void
ends_with_its_server (void **state)
{
  Place *place = *state;
  char *none[] = {NULL};
  write_script (place, "hangs", "echo $$; sleep 1000");
  TsLabScript *script = ts_lab_script_run (place->library, "hangs", none, 60000000, place->kept, "x", done, place);
  ts_lab_script_free (script); /* and is not heard of again */
  assert_null (place->output);
}

int
main (void)
{
#define ROW(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  const struct CMUnitTest tests[] = {
      ROW (says_what_it_did), ROW (killed_at_its_limit), ROW (only_from_the_library),
      ROW (bounded_in_what_it_says), ROW (ends_with_its_server),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

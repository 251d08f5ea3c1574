/* The parts of the bench that need no machine: images, and what is measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/bench/image.h"
#include "lab/bench/measure.h"
#include "lab/bench/peers.h"
#include "lab/bench/room.h"
#include "lab/site/layout.h"

#define SIZE (3 * TS_MIB + 8192)

static char *folder;

static char *
image (const char *name)
{
  char *path = g_build_filename (folder, name, NULL);
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_true (fd >= 0);
  assert_int_equal (ftruncate (fd, SIZE), 0);
  close (fd);
  return path;
}

static void
put (const char *path, guint64 offset_bytes, const char *text)
{
  int fd = open (path, O_WRONLY);
  assert_int_equal (pwrite (fd, text, strlen (text), (off_t)offset_bytes), strlen (text));
  close (fd);
}

static void
differences_are_whole_blocks (void **state)
{
  g_autofree char *a = image ("a");
  g_autofree char *b = image ("b");
  g_autoptr (TsExtents) differ = ts_extents_new ();
  g_autoptr (GError) error = NULL;
  put (b, 4095, "xy");             /* over a border: two blocks */
  put (b, TS_MIB + 5, "z");        /* one */
  put (b, 3 * TS_MIB + 8191, "z"); /* the last byte */
  put (a, 2 * TS_MIB, "same");
  put (b, 2 * TS_MIB, "same");
  assert_true (ts_bench_image_differ (a, b, differ, &error));
  assert_int_equal (ts_extents_count (differ), 3);
  assert_int_equal (ts_extents_bytes (differ), 4 * 4096);
  assert_int_equal (ts_extents_get (differ, 2).offset_bytes, 3 * TS_MIB + 4096);

  /* and where they are laid, there are none any more */
  assert_true (ts_bench_image_patch (b, a, differ, &error));
  ts_extents_clear (differ);
  assert_true (ts_bench_image_differ (a, b, differ, &error));
  assert_int_equal (ts_extents_count (differ), 0);
}

static void
a_copy_is_the_same_and_as_sparse (void **state)
{
  g_autofree char *a = image ("a");
  g_autofree char *copy = g_build_filename (folder, "copy", NULL);
  g_autoptr (TsExtents) differ = ts_extents_new ();
  g_autoptr (GError) error = NULL;
  struct stat status;
  put (a, 2 * TS_MIB, "some");
  assert_true (ts_bench_image_copy (a, copy, &error));
  assert_true (ts_bench_image_differ (a, copy, differ, &error));
  assert_int_equal (ts_extents_count (differ), 0);
  assert_int_equal (stat (copy, &status), 0);
  assert_int_equal (status.st_size, SIZE);
  assert_true ((guint64)status.st_blocks * 512 < TS_MIB);
}

static void
images_of_two_sizes_are_refused (void **state)
{
  g_autofree char *a = image ("a");
  g_autofree char *b = image ("b");
  g_autoptr (TsExtents) differ = ts_extents_new ();
  g_autoptr (GError) error = NULL;
  assert_int_equal (truncate (b, TS_MIB), 0);
  assert_false (ts_bench_image_differ (a, b, differ, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
}

static void
time_of_what_ran_and_ended_counts (void **state)
{
  const char *argv[] = {"sh", "-c", "i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done", NULL};
  g_autofree char *log = g_build_filename (folder, "log", NULL);
  g_autoptr (GError) error = NULL;
  TsBenchCost from = ts_bench_start_clock ();
  assert_true (ts_bench_run (argv, log, 60 * TS_S, &error));
  TsBenchCost cost = ts_bench_since (&from);
  assert_true (cost.wall_us > 0);
  assert_true (cost.cpu_us >= 20 * TS_MS); /* the kernel may count by ticks of 10 ms, where one stands */
}

static void
what_fails_or_hangs_is_told (void **state)
{
  const char *fails[] = {"sh", "-c", "exit 3", NULL};
  const char *hangs[] = {"sleep", "60", NULL};
  const char *missing[] = {"no-such-program-anywhere", NULL};
  g_autofree char *log = g_build_filename (folder, "log", NULL);
  g_autoptr (GError) error = NULL;
  assert_false (ts_bench_run (fails, log, 60 * TS_S, &error));
  assert_non_null (strstr (error->message, "sh ended with 3"));
  g_clear_error (&error);
  assert_false (ts_bench_run (hangs, log, 50 * TS_MS, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_AGAIN));
  g_clear_error (&error);
  assert_false (ts_bench_run (missing, log, TS_S, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_UNAVAILABLE));
}

static void
a_peer_that_is_missing_says_what_to_install (void **state)
{
  const TsBenchPeer peer = {"nobody", "nobody-package", {"sh", "no-such-program-anywhere"}, NULL, FALSE};
  g_autoptr (GError) error = NULL;
  assert_false (ts_bench_peer_is_there (&peer, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_UNAVAILABLE));
  assert_non_null (strstr (error->message, "apt-get install nobody-package"));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (differences_are_whole_blocks),
      cmocka_unit_test (a_copy_is_the_same_and_as_sparse),
      cmocka_unit_test (images_of_two_sizes_are_refused),
      cmocka_unit_test (time_of_what_ran_and_ended_counts),
      cmocka_unit_test (what_fails_or_hangs_is_told),
      cmocka_unit_test (a_peer_that_is_missing_says_what_to_install),
  };
  folder = g_dir_make_tmp ("test-bench-XXXXXX", NULL);
  int failed = cmocka_run_group_tests (tests, NULL, NULL);
  ts_lab_remove_tree (folder, NULL);
  g_free (folder);
  return failed;
}

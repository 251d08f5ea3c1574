/* tests/test-lab-disk.c -- disks that are files, and images over them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/format/stamp.h"
#include "lab/command.h"
#include "lab/machine/disk.h"

static char folder[] = "/tmp/ts-disk-XXXXXX";

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
created_disk_is_sparse (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in_folder ("new");
  struct stat status;
  assert_true (ts_lab_disk_create (path, 256 * TS_MIB, &error));
  assert_int_equal (stat (path, &status), 0);
  assert_int_equal (status.st_size, 256 * TS_MIB);
  assert_true (status.st_blocks < 64);
  assert_false (ts_lab_disk_create (path, 256 * TS_MIB, &error)); /* nothing is overwritten */
  g_assert_error (error, TS_ERROR, TS_ERROR_IO);
  unlink (path);
}

static void
size_must_be_sectors (void **state)
{
  static const guint64 bad[] = {0, 1, 511, 513, G_MAXUINT64};
  g_autofree char *path = in_folder ("bad");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    assert_false (ts_lab_disk_create (path, bad[i], &error));
    g_assert_error (error, TS_ERROR, TS_ERROR_ARGUMENT);
    assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  }
}

static void
holes_are_told (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in_folder ("holes");
  assert_true (ts_lab_disk_create (path, 8 * TS_MIB, &error));
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, &error);
  g_assert_no_error (error);
  assert_true (ts_lab_disk_is_hole (disk, 0, 8 * TS_MIB));
  assert_true (disk->ops->write (disk, 3 * TS_MIB, "x", 1, &error));
  assert_true (ts_lab_disk_is_hole (disk, 0, 3 * TS_MIB));
  assert_false (ts_lab_disk_is_hole (disk, 0, 3 * TS_MIB + 1));
  assert_false (ts_lab_disk_is_hole (disk, 3 * TS_MIB, TS_MIB));
  assert_true (ts_lab_disk_is_hole (disk, 4 * TS_MIB, 4 * TS_MIB));
  assert_false (ts_lab_disk_is_hole (disk, 4 * TS_MIB, 4 * TS_MIB + 1)); /* not all of it is there */
  unlink (path);
}

static void
cleared_is_zero_and_a_hole (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in_folder ("clear");
  g_autofree guint8 *ones = g_malloc (TS_MIB);
  g_autofree guint8 *back = g_malloc (TS_MIB);
  struct stat before, after;
  memset (ones, 1, TS_MIB);
  assert_true (ts_lab_disk_create (path, TS_MIB, &error));
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, &error);
  assert_true (disk->ops->write (disk, 0, ones, TS_MIB, &error));
  assert_true (disk->ops->flush (disk, &error));
  assert_int_equal (stat (path, &before), 0);
  assert_true (ts_lab_disk_clear (disk, 4097, 512 * TS_KIB, &error)); /* also part of a block */
  assert_true (ts_lab_disk_clear (disk, TS_MIB, 0, &error));
  assert_true (disk->ops->flush (disk, &error));
  assert_int_equal (stat (path, &after), 0);
  assert_int_equal (after.st_size, TS_MIB);
  assert_true (after.st_blocks < before.st_blocks);
  assert_true (disk->ops->read (disk, 0, back, TS_MIB, &error));
  memset (ones + 4097, 0, 512 * TS_KIB);
  assert_memory_equal (back, ones, TS_MIB);
  unlink (path);
}

static void
reads_what_was_written (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in_folder ("rw");
  char back[8] = "";
  assert_true (ts_lab_disk_create (path, TS_MIB, &error));
  {
    g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, &error);
    assert_non_null (disk);
    assert_int_equal (disk->size_bytes, TS_MIB);
    assert_true (disk->ops->write (disk, TS_MIB - 8, "the end", 8, &error));
    assert_true (disk->ops->flush (disk, &error));
  }
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, FALSE, &error);
  assert_true (disk->ops->read (disk, TS_MIB - 8, back, 8, &error));
  assert_string_equal (back, "the end");
  assert_false (disk->ops->write (disk, 0, "no", 2, &error)); /* opened for reading */
  g_assert_error (error, TS_ERROR, TS_ERROR_IO);
  g_clear_error (&error);
  assert_int_equal (truncate (path, 4096), 0);
  assert_false (disk->ops->read (disk, TS_MIB - 8, back, 8, &error)); /* shrunk under us */
  g_assert_error (error, TS_ERROR, TS_ERROR_IO);
  unlink (path);
}

static void
map_names_what_is_there (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsExtents) extents = ts_extents_new ();
  g_autofree char *path = in_folder ("map");
  assert_true (ts_lab_disk_create (path, 64 * TS_MIB, &error));
  assert_true (ts_lab_disk_map (path, extents, &error));
  assert_int_equal (ts_extents_count (extents), 0);
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, &error);
  g_autofree char *bytes = g_malloc0 (TS_MIB);
  memset (bytes, 7, TS_MIB);
  assert_true (disk->ops->write (disk, 8 * TS_MIB, bytes, TS_MIB, &error));
  assert_true (disk->ops->write (disk, 63 * TS_MIB, bytes, TS_MIB, &error));
  assert_true (ts_lab_disk_map (path, extents, &error));
  assert_int_equal (ts_extents_count (extents), 2);
  assert_int_equal (ts_extents_get (extents, 0).offset_bytes, 8 * TS_MIB);
  assert_int_equal (ts_extents_get (extents, 1).offset_bytes, 63 * TS_MIB);
  assert_int_equal (ts_extents_bytes (extents), 2 * TS_MIB);
  unlink (path);
}

static void
fill_names_its_blocks (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in_folder ("fill");
  guint64 fill = 3 * TS_MIB + 8192; /* not a multiple of how much is laid at once */
  assert_true (ts_lab_disk_create (path, 8 * TS_MIB, &error));
  assert_true (ts_lab_disk_fill (path, 3, fill, 99, &error));
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, FALSE, &error);
  for (guint64 at = 0; at < disk->size_bytes; at += TS_STAMP_BLOCK) {
    guint8 block[TS_STAMP_BLOCK], want[TS_STAMP_BLOCK] = {0};
    TsStamp stamp = {.disk = 3,
                     .kind = TS_STAMP_FILL,
                     .sequence = at / TS_STAMP_BLOCK + 1,
                     .offset = at,
                     .length = TS_STAMP_BLOCK};
    if (at < fill)
      ts_stamp_lay (want, &stamp, 99);
    assert_true (disk->ops->read (disk, at, block, sizeof block, &error));
    assert_memory_equal (block, want, sizeof block);
  }
  assert_false (ts_lab_disk_fill (path, 3, 8 * TS_MIB + 4096, 99, &error));
  g_assert_error (error, TS_ERROR, TS_ERROR_ARGUMENT);
  unlink (path);
}

static void
compare_counts_blocks (void **state)
{
  static const struct {
    const char *name;
    guint64 at, len, want;
  } rows[] = {
      {"nothing", 0, 0, 0},
      {"one byte is its block", 5, 1, 4096},
      {"two bytes over a border", 4095, 2, 8192},
      {"the short last block counts at its length", TS_MIB + 4096, 512, 512},
      {"over what is read at once", TS_MIB - 1, 2, 8192},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *a = in_folder ("a"), *b = in_folder ("b");
    guint64 size = TS_MIB + 4096 + 512, differ = 77;
    assert_true (ts_lab_disk_create (a, size, &error));
    assert_true (ts_lab_disk_create (b, size, &error));
    g_autoptr (TsDisk) disk = ts_lab_disk_open (b, TRUE, &error);
    g_autofree char *ones = g_malloc (4096);
    memset (ones, 1, 4096);
    assert_true (disk->ops->write (disk, rows[i].at, ones, rows[i].len, &error));
    assert_true (ts_lab_disk_compare (a, b, &differ, &error));
    if (differ != rows[i].want)
      fail_msg ("%s: %" G_GUINT64_FORMAT, rows[i].name, differ);
    assert_int_equal (truncate (b, 4096), 0);
    assert_false (ts_lab_disk_compare (a, b, &differ, &error));
    g_assert_error (error, TS_ERROR, TS_ERROR_ARGUMENT);
    unlink (a);
    unlink (b);
  }
}

static gboolean
run (const char *program, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  va_list args;
  va_start (args, program);
  for (const char *arg = program; arg; arg = va_arg (args, const char *))
    g_ptr_array_add (argv, (gpointer)arg);
  va_end (args);
  g_ptr_array_add (argv, NULL);
  gboolean fine =
      ts_lab_command ((const char *const *)argv->pdata, "qemu-utils", 20 * TS_S, NULL, &error);
  if (!fine)
    print_message ("%s\n", error->message);
  return fine;
}

static gboolean
have_qemu_img (void)
{
  g_autofree char *path = g_find_program_in_path ("qemu-img");
  return path != NULL;
}

static void
tracked_data_lie_plain (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *image = in_folder ("disk,with comma.qcow2");
  g_autofree char *data = in_folder ("data,with comma.raw");
  g_autofree char *want = in_folder ("want.raw");
  guint64 differ = 77;
  if (!have_qemu_img ())
    skip ();
  g_assert_true (ts_lab_disk_create_tracked (image, data, 16 * TS_MIB, &error));
  assert_true (run ("qemu-io", "-f", "qcow2", "-c", "write -P 9 5M 64k", image, NULL));
  assert_true (ts_lab_disk_create (want, 16 * TS_MIB, &error));
  g_autoptr (TsDisk) disk = ts_lab_disk_open (want, TRUE, &error);
  g_autofree char *nines = g_malloc (65536);
  memset (nines, 9, 65536);
  assert_true (disk->ops->write (disk, 5 * TS_MIB, nines, 65536, &error));
  assert_true (ts_lab_disk_compare (data, want, &differ, &error));
  assert_int_equal (differ, 0);
  /* And the other way: what is laid into the data file is on the disk. */
  assert_true (ts_lab_disk_fill (data, 0, 4096, 1, &error));
  assert_true (ts_lab_disk_fill (want, 0, 4096, 1, &error));
  assert_true (run ("qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, want, NULL));
  assert_false (ts_lab_disk_create_tracked (image, data, 16 * TS_MIB, &error));
  g_assert_error (error, TS_ERROR, TS_ERROR_IO);
  unlink (image);
  unlink (data);
  unlink (want);
}

static void
overlay_leaves_its_base (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *base = in_folder ("base"), *same = in_folder ("same"), *top = in_folder ("top");
  guint64 differ = 77;
  if (!have_qemu_img ())
    skip ();
  assert_true (ts_lab_disk_create (base, 16 * TS_MIB, &error));
  assert_true (ts_lab_disk_create (same, 16 * TS_MIB, &error));
  assert_true (ts_lab_disk_fill (base, 0, TS_MIB, 1, &error));
  assert_true (ts_lab_disk_fill (same, 0, TS_MIB, 1, &error));
  assert_true (ts_lab_disk_create_overlay (top, base, &error));
  assert_true (run ("qemu-img", "compare", "-f", "qcow2", "-F", "raw", top, same, NULL));
  assert_true (run ("qemu-io", "-f", "qcow2", "-c", "write -P 9 0 64k", top, NULL));
  assert_true (ts_lab_disk_compare (base, same, &differ, &error));
  assert_int_equal (differ, 0);
  assert_false (run ("qemu-img", "compare", "-f", "qcow2", "-F", "raw", top, same, NULL));
  unlink (top);
  assert_false (ts_lab_disk_create_overlay (top, "/nowhere/base", &error));
  assert_false (g_file_test (top, G_FILE_TEST_EXISTS));
  unlink (base);
  unlink (same);
}

/* A file system of 256 KiB in a mount namespace of a child's own. */
static void
full_disk_is_told (void **state)
{
  pid_t child = fork ();
  if (child == 0) {
    g_autoptr (GError) error = NULL;
    g_autofree char *small = in_folder ("small");
    g_autofree char *raw = g_build_filename (small, "raw", NULL);
    g_autofree char *image = g_build_filename (small, "image", NULL);
    if (unshare (CLONE_NEWNS) < 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mkdir (small, 0700) < 0 || mount ("none", small, "tmpfs", 0, "size=256k,nr_inodes=8") < 0)
      _exit (77);
    if (!ts_lab_disk_create (raw, 64 * TS_MIB, &error)) /* sparse: fits */
      _exit (1);
    if (ts_lab_disk_fill (raw, 0, TS_MIB, 1, &error) ||
        !g_error_matches (error, TS_ERROR, TS_ERROR_FULL))
      _exit (2);
    g_clear_error (&error);
    if (have_qemu_img ()) { /* its tables do not fit */
      unlink (raw);
      if (ts_lab_disk_create_tracked (image, raw, 256 * TS_MIB, &error) ||
          !g_error_matches (error, TS_ERROR, TS_ERROR_FULL))
        _exit (3);
      fprintf (stderr, "as it should: %s\n", error->message);
      g_clear_error (&error);
      if (g_file_test (image, G_FILE_TEST_EXISTS) || g_file_test (raw, G_FILE_TEST_EXISTS))
        _exit (4);
    }
    for (int i = 0; i < 8; i++) { /* no inode left: not even a name */
      g_autofree char *path = g_strdup_printf ("%s/%d", small, i);
      g_clear_error (&error);
      ts_lab_disk_create (path, 4096, &error);
    }
    _exit (g_error_matches (error, TS_ERROR, TS_ERROR_FULL) ? 0 : 5);
  }
  int status = 0;
  assert_int_equal (waitpid (child, &status, 0), child);
  g_autofree char *small = in_folder ("small");
  rmdir (small);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    skip ();
  assert_int_equal (status, 0);
}

static void
commands_are_bounded (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  const char *slow[] = {"sleep", "60", NULL}, *none[] = {"no-such-program", NULL};
  const char *says[] = {"sh", "-c", "echo out; echo err >&2; exit 3", NULL};
  gint64 before_us = g_get_monotonic_time ();
  assert_false (ts_lab_command (slow, "coreutils", 200 * TS_MS, NULL, &error));
  g_assert_error (error, TS_ERROR, TS_ERROR_AGAIN);
  assert_true (g_get_monotonic_time () - before_us < 10 * TS_S);
  g_clear_error (&error);
  assert_false (ts_lab_command (none, "its-package", TS_S, NULL, &error));
  g_assert_error (error, TS_ERROR, TS_ERROR_UNAVAILABLE);
  assert_non_null (strstr (error->message, "apt-get install its-package"));
  g_clear_error (&error);
  assert_false (ts_lab_command (says, "sh", 10 * TS_S, &output, &error));
  assert_non_null (strstr (error->message, "exit code 3: err"));
  assert_null (output);
}

int
main (void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test (holes_are_told),
      cmocka_unit_test (created_disk_is_sparse),  cmocka_unit_test (size_must_be_sectors),
      cmocka_unit_test (reads_what_was_written),  cmocka_unit_test (cleared_is_zero_and_a_hole),
      cmocka_unit_test (map_names_what_is_there), cmocka_unit_test (fill_names_its_blocks),
      cmocka_unit_test (compare_counts_blocks),   cmocka_unit_test (tracked_data_lie_plain),
      cmocka_unit_test (overlay_leaves_its_base), cmocka_unit_test (full_disk_is_told),
      cmocka_unit_test (commands_are_bounded),
  };
  g_assert_nonnull (mkdtemp (folder));
  int failed = cmocka_run_group_tests (tests, NULL, NULL);
  if (rmdir (folder) < 0) {
    perror (folder);
    return 1;
  }
  return failed;
}

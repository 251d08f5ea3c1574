/* tests/test-spool.c -- logs on disk: what is sealed is whole, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include "core/base/units.h"
#include "lab/site/layout.h"
#include "lab/host/spool.h"

#define DISK_BYTES (8 * TS_MIB)
#define DISKS 2

typedef struct {
  char *folder;
  TsLabSpool *primary, *replica;
  TsCutLog logs[DISKS];
} Fixture;

static TsLabSpool *
open_spool (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;
  TsLabSpool *spool = ts_lab_spool_open (path, &error);
  assert_null (error);
  return spool;
}

static TsGuid
guid (guint8 first)
{
  TsGuid made = {{first, 1, 2, 3}};
  return made;
}

/* A log of 200 writes, so that it has more than one metadata block. */
static void
write_log (TsLabSpool *spool, guint64 set, guint disk, guint8 previous, TsCutLog *closed)
{
  g_autoptr (GError) error = NULL;
  guint8 data[4096];
  TsHrlInfo info = {.disk_bytes = DISK_BYTES,
                    .unique = guid ((guint8)(16 * set + disk)),
                    .previous = previous ? guid (previous) : (TsGuid){{0}}};
  TsLabSpoolLog *log = ts_lab_spool_create (spool, set, disk, &info, &error);
  assert_non_null (log);
  for (guint i = 0; i < 200; i++) {
    memset (data, (int)(i + disk), sizeof data);
    assert_true (
        ts_hrl_writer_add (ts_lab_spool_log_writer (log), i * 8192, data, sizeof data, 0, &error));
  }
  assert_true (ts_lab_spool_log_close (log, 0, closed, &error));
  ts_lab_spool_log_free (log);
}

/* Sends a set as frames would bring it. */
static void
carry (Fixture *f, guint64 set)
{
  g_autoptr (GError) error = NULL;
  for (guint d = 0; d < DISKS; d++)
    for (guint64 at = 0; at < f->logs[d].log_bytes;) {
      gsize len = MIN (f->logs[d].log_bytes - at, 100000);
      g_autoptr (GBytes) piece = ts_lab_spool_read (f->primary, set, d, at, len, &error);
      assert_non_null (piece);
      assert_true (ts_lab_spool_store (f->replica, set, d, at, piece, &error));
      at += len;
    }
}

static gboolean
seal (Fixture *f, guint64 set, TsManifest *manifest, GError **error)
{
  return ts_lab_spool_seal (f->replica, set, DISKS, (1u << DISKS) - 1, manifest, error);
}

static int
setup (void **state)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->folder = g_dir_make_tmp ("ts-spool-XXXXXX", NULL);
  f->primary = open_spool (f->folder, "primary");
  f->replica = open_spool (f->folder, "replica");
  for (guint d = 0; d < DISKS; d++)
    write_log (f->primary, 1, d, 0, &f->logs[d]);
  *state = f;
  return 0;
}

static int
teardown (void **state)
{
  Fixture *f = *state;
  ts_lab_spool_free (f->primary);
  ts_lab_spool_free (f->replica);
  assert_true (ts_lab_remove_tree (f->folder, NULL));
  g_free (f->folder);
  g_free (f);
  return 0;
}

static gboolean
is_there (TsLabSpool *spool, guint64 set, guint disk)
{
  g_autofree char *path = ts_lab_spool_path (spool, set, disk);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
carried_whole (void **state)
{
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  TsManifest manifest;
  carry (f, 1);
  assert_true (seal (f, 1, &manifest, &error));
  assert_int_equal (manifest.disks, DISKS);
  for (guint d = 0; d < DISKS; d++) {
    assert_int_equal (manifest.disk[d].log_bytes, f->logs[d].log_bytes);
    assert_int_equal (manifest.disk[d].data_bytes, 200 * 4096);
    assert_true (ts_guid_equal (&manifest.disk[d].unique, &f->logs[d].unique));
    assert_true (ts_guid_is_zero (&manifest.disk[d].previous));
    g_autoptr (TsHrl) log = ts_lab_spool_log (f->replica, 1, d, &error);
    assert_int_equal (ts_hrl_count (log), 200);
    assert_int_equal (ts_hrl_data (log, 3)[0], 3 + d);
  }
}

/* What is done to a carried log before it is sealed. */
typedef struct {
  const char *name;
  void (*harm) (Fixture *f, const char *path);
} Harm;

static void
flip (const char *path, guint64 at)
{
  int fd = open (path, O_RDWR);
  guint8 byte;
  assert_int_equal (pread (fd, &byte, 1, (off_t)at), 1);
  byte ^= 0x40;
  assert_int_equal (pwrite (fd, &byte, 1, (off_t)at), 1);
  close (fd);
}

static void
flip_header (Fixture *f, const char *path)
{
  flip (path, 40);
}

static void
flip_data (Fixture *f, const char *path)
{
  flip (path, 4096 + 4096 + 777);
}

static void
flip_last_metadata (Fixture *f, const char *path)
{
  flip (path, f->logs[1].log_bytes - 4096 + 16);
}

static void
cut_end (Fixture *f, const char *path)
{
  assert_int_equal (truncate (path, (off_t)f->logs[1].log_bytes - 1), 0);
}

static void
cut_middle (Fixture *f, const char *path)
{
  assert_int_equal (truncate (path, (off_t)f->logs[1].log_bytes / 2), 0);
}

static void
cut_all (Fixture *f, const char *path)
{
  assert_int_equal (truncate (path, 0), 0);
}

static void
add_byte (Fixture *f, const char *path)
{
  assert_int_equal (truncate (path, (off_t)f->logs[1].log_bytes + 1), 0);
}

static void
not_closed (Fixture *f, const char *path)
{
  guint8 zeros[4096] = {0};
  int fd = open (path, O_RDWR);
  /* the header as the writer leaves it until it closes: rewritten by an open log's */
  g_autoptr (GError) error = NULL;
  TsHrlInfo info = {.disk_bytes = DISK_BYTES, .unique = f->logs[1].unique};
  g_autoptr (GByteArray) open_log = g_byte_array_new ();
  TsHrlWriter *writer = ts_hrl_writer_new (&info, ts_hrl_put_array, open_log, &error);
  assert_non_null (writer);
  memcpy (zeros, open_log->data, sizeof zeros);
  assert_int_equal (pwrite (fd, zeros, sizeof zeros, 0), sizeof zeros);
  ts_hrl_writer_free (writer);
  close (fd);
}

static void
take_away (Fixture *f, const char *path)
{
  assert_int_equal (g_unlink (path), 0);
}

static const Harm harms[] = {
    {"seal: a flipped bit in the header", flip_header},
    {"seal: a flipped bit in the data", flip_data},
    {"seal: a flipped bit in the last metadata block", flip_last_metadata},
    {"seal: the last byte is missing", cut_end},
    {"seal: half of it is missing", cut_middle},
    {"seal: all of it is missing", cut_all},
    {"seal: the file is missing", take_away},
    {"seal: a byte too many", add_byte},
    {"seal: not closed gracefully", not_closed},
};

static void
harmed (void **state)
{
  const Harm *harm = *state;
  void *fixture = NULL;
  setup (&fixture);
  Fixture *f = fixture;
  g_autoptr (GError) error = NULL;
  TsManifest manifest;
  carry (f, 1);
  assert_true (seal (f, 1, &manifest, &error)); /* it was good */
  g_autofree char *path = ts_lab_spool_path (f->replica, 1, 1);
  harm->harm (f, path);
  assert_false (seal (f, 1, &manifest, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  teardown (&fixture);
}

/* Whether the disk has room for it is for the core to say. */
static void
how_far_it_writes (void **state)
{
  Fixture *f = *state;
  TsManifest manifest;
  carry (f, 1);
  assert_true (seal (f, 1, &manifest, NULL));
  assert_int_equal (manifest.disk[1].end_bytes, 1634304);
}

/* A set holds logs of those disks that are replicated. */
static void
of_one_disk (void **state)
{
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  TsManifest manifest;
  carry (f, 1);
  g_autofree char *other = ts_lab_spool_path (f->replica, 1, 1);
  assert_int_equal (g_unlink (other), 0);
  assert_true (ts_lab_spool_seal (f->replica, 1, DISKS, 1, &manifest, &error));
  assert_int_equal (ts_manifest_disks (&manifest), 1);
  assert_false (ts_lab_spool_seal (f->replica, 1, DISKS, 3, &manifest, &error));
}

/* A log of an earlier try, longer than the new one, must not show through. */
static void
stored_again (void **state)
{
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  TsManifest manifest;
  g_autofree guint8 *junk = g_malloc0 (2 * f->logs[0].log_bytes);
  g_autoptr (GBytes) long_piece = g_bytes_new_static (junk, 2 * f->logs[0].log_bytes);
  assert_true (ts_lab_spool_store (f->replica, 1, 0, 0, long_piece, &error));
  ts_lab_spool_free (f->replica); /* a new life of the host */
  f->replica = open_spool (f->folder, "replica");
  carry (f, 1);
  assert_true (seal (f, 1, &manifest, &error));
}

static void
dropped_behind (void **state)
{
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  for (guint64 set = 2; set <= 12; set++)
    for (guint d = 0; d < DISKS; d++)
      write_log (f->primary, set, d, 0, &f->logs[d]);
  g_autofree char *foreign = g_build_filename (f->folder, "primary", "notes.txt", NULL);
  assert_true (g_file_set_contents (foreign, "x", 1, NULL));
  assert_true (ts_lab_spool_drop (f->primary, 9, &error));
  for (guint64 set = 1; set <= 12; set++)
    for (guint d = 0; d < DISKS; d++)
      assert_int_equal (is_there (f->primary, set, d), set <= 9);
  assert_true (g_file_test (foreign, G_FILE_TEST_EXISTS));
}

static void
deleted_alone (void **state)
{
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  write_log (f->primary, 2, 0, 0, &f->logs[0]);
  assert_true (ts_lab_spool_delete_set (f->primary, 1, &error));
  assert_false (is_there (f->primary, 1, 0));
  assert_false (is_there (f->primary, 1, 1));
  assert_true (is_there (f->primary, 2, 0));
  assert_true (ts_lab_spool_delete_set (f->primary, 1, &error)); /* again is fine */
}

/* A cut that fails leaves no file; the same number is cut again later. */
static void
unfinished_log (void **state)
{
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  TsHrlInfo info = {.disk_bytes = DISK_BYTES, .unique = guid (9)};
  TsLabSpoolLog *log = ts_lab_spool_create (f->primary, 5, 0, &info, &error);
  assert_non_null (log);
  assert_true (is_there (f->primary, 5, 0));
  ts_lab_spool_log_free (log);
  assert_false (is_there (f->primary, 5, 0));
  write_log (f->primary, 5, 0, 0, &f->logs[0]);
  assert_true (is_there (f->primary, 5, 0));
}

static void
short_read (void **state)
{
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) piece =
      ts_lab_spool_read (f->primary, 1, 0, f->logs[0].log_bytes - 10, 11, &error);
  assert_null (piece);
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
}

/* A file system of 1 MiB: the store says so, the state that was there stays. */
static void
full (void **state)
{
  g_autofree char *folder = g_dir_make_tmp ("ts-full-XXXXXX", NULL);
  if (mount ("tmpfs", folder, "tmpfs", 0, "size=1m") < 0) {
    g_rmdir (folder);
    skip ();
  }
  g_autoptr (GError) error = NULL;
  TsLabSpool *spool = open_spool (folder, "spool");
  g_autofree char *path = g_build_filename (folder, "state", NULL);
  g_autoptr (GBytes) small = g_bytes_new_static ("before", 6);
  assert_true (ts_lab_state_save (path, small, &error));
  g_autofree guint8 *data = g_malloc0 (2 * TS_MIB);
  g_autoptr (GBytes) big = g_bytes_new_static (data, 2 * TS_MIB);

  assert_false (ts_lab_spool_store (spool, 1, 0, 0, big, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FULL));
  g_clear_error (&error);
  assert_false (ts_lab_state_save (path, big, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_FULL));
  g_clear_error (&error);
  g_autoptr (GBytes) kept = ts_lab_state_load (path, &error);
  assert_true (kept && g_bytes_equal (kept, small));

  ts_lab_spool_free (spool);
  assert_int_equal (umount (folder), 0);
  g_rmdir (folder);
}

static void
state_replaced (void **state)
{
  Fixture *f = *state;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (f->folder, "state", NULL);
  g_autoptr (GBytes) none = ts_lab_state_load (path, &error);
  assert_null (none);
  assert_null (error);
  g_autoptr (GBytes) first = g_bytes_new_static ("one and more", 12);
  g_autoptr (GBytes) second = g_bytes_new_static ("two", 3);
  assert_true (ts_lab_state_save (path, first, &error));
  assert_true (ts_lab_state_save (path, second, &error));
  g_autoptr (GBytes) got = ts_lab_state_load (path, &error);
  assert_true (got && g_bytes_equal (got, second));
  g_autofree char *fresh = g_strconcat (path, ".new", NULL);
  assert_false (g_file_test (fresh, G_FILE_TEST_EXISTS));
}

int
main (void)
{
  const struct CMUnitTest fixed[] = {
      cmocka_unit_test_setup_teardown (carried_whole, setup, teardown),
      cmocka_unit_test_setup_teardown (how_far_it_writes, setup, teardown),
      cmocka_unit_test_setup_teardown (of_one_disk, setup, teardown),
      cmocka_unit_test_setup_teardown (stored_again, setup, teardown),
      cmocka_unit_test_setup_teardown (dropped_behind, setup, teardown),
      cmocka_unit_test_setup_teardown (deleted_alone, setup, teardown),
      cmocka_unit_test_setup_teardown (unfinished_log, setup, teardown),
      cmocka_unit_test_setup_teardown (short_read, setup, teardown),
      cmocka_unit_test_setup_teardown (state_replaced, setup, teardown),
      cmocka_unit_test (full),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (fixed) + G_N_ELEMENTS (harms)];
  memcpy (tests, fixed, sizeof fixed);
  for (guint i = 0; i < G_N_ELEMENTS (harms); i++)
    tests[G_N_ELEMENTS (fixed) + i] = (struct CMUnitTest){
        .name = harms[i].name, .test_func = harmed, .initial_state = (void *)&harms[i]};
  return cmocka_run_group_tests_name ("spool", tests, NULL, NULL);
}

/* tests/test-lab-image.c -- images of the user's: what is understood of them, and that they are
 * only read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/command.h"
#include "lab/machine/disk.h"
#include "lab/machine/image.h"
#include "lab/site/layout.h"

static char *folder;

static int
make_folder (void **state)
{
  folder = g_dir_make_tmp ("ts-image-XXXXXX", NULL);
  return folder ? 0 : -1;
}

static int
remove_folder (void **state)
{
  ts_lab_remove_tree (folder, NULL);
  g_free (folder);
  return 0;
}

static char *
put (const char *name, const void *data, gsize len)
{
  char *path = g_build_filename (folder, name, NULL);
  assert_true (g_file_set_contents (path, data, (gssize)len, NULL));
  return path;
}

static const struct row {
  const char *name;
  guint8 head[32];
  gsize len;
  const char *format; /* NULL: refused */
  guint64 size_bytes;
} rows[] = {
    {"a raw image", {0}, 1024, "raw", 1024},
    {"half a sector", {0}, 700, NULL, 0},
    {"nothing", {0}, 0, NULL, 0},
    {"a qcow2", {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3, [30] = 4}, 512, "qcow2", 1024},
    {"an old qcow2", {'Q', 'F', 'I', 0xfb, 0, 0, 0, 2, [30] = 4}, 512, "qcow2", 1024},
    {"a qcow of another version", {'Q', 'F', 'I', 0xfb, 0, 0, 0, 1, [30] = 4}, 512, NULL, 0},
    {"a qcow2 of no size", {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3}, 512, NULL, 0},
    {"a qcow2 that is cut off", {'Q', 'F', 'I', 0xfb, 0, 0}, 6, NULL, 0},
};

static void
is_looked_at (void **state)
{
  const struct row *row = *state;
  g_autofree guint8 *data = g_malloc0 (row->len + 32);
  memcpy (data, row->head, sizeof row->head);
  g_autofree char *path = put ("look", data, row->len);
  TsLabImageFile file;
  g_autoptr (GError) error = NULL;
  if (!row->format) {
    assert_false (ts_lab_image_file_look (path, &file, &error));
    assert_int_equal (error->code, TS_ERROR_FORMAT);
    assert_non_null (strstr (error->message, path));
    return;
  }
  assert_true (ts_lab_image_file_look (path, &file, &error));
  assert_string_equal (file.format, row->format);
  assert_int_equal (file.size_bytes, row->size_bytes);
}

static void
what_is_not_there_is_told (void **state)
{
  TsLabImageFile file;
  g_autoptr (GError) error = NULL;
  assert_false (ts_lab_image_file_look ("/nowhere/at/all.raw", &file, &error));
  assert_int_equal (error->code, TS_ERROR_IO);
}

/* Of either format, over the beginning of a larger disk; the file stays as it is. */
static void
a_copy_is_the_same_and_the_image_untouched (void **state)
{
  g_autofree char *data = g_malloc0 (TS_MIB);
  for (gsize i = 0; i < TS_MIB; i += 4096)
    data[i] = (char)(i >> 12);
  g_autofree char *raw = put ("image.raw", data, TS_MIB);
  g_autofree char *qcow2 = g_build_filename (folder, "image.qcow2", NULL);
  const char *const argv[] = {"qemu-img", "convert", "-O", "qcow2", "-f", "raw", raw, qcow2, NULL};
  g_autoptr (GError) error = NULL;
  if (!ts_lab_command (argv, "qemu-utils", 20 * TS_S, NULL, &error)) {
    print_message ("skipped: %s\n", error->message);
    skip ();
  }
  const char *const images[] = {raw, qcow2};
  for (guint i = 0; i < G_N_ELEMENTS (images); i++) {
    g_autofree char *disk = g_strdup_printf ("%s/disk%u.raw", folder, i);
    g_autofree char *before = NULL, *after = NULL, *copied = NULL;
    gsize before_len = 0, after_len = 0, copied_len = 0;
    assert_true (g_chmod (images[i], 0400) == 0);
    assert_true (g_file_get_contents (images[i], &before, &before_len, NULL));
    assert_true (ts_lab_disk_create (disk, 2 * TS_MIB, NULL));
    assert_true (ts_lab_image_file_copy (images[i], disk, &error));
    assert_true (g_file_get_contents (images[i], &after, &after_len, NULL));
    assert_true (g_file_get_contents (disk, &copied, &copied_len, NULL));
    assert_int_equal (before_len, after_len);
    assert_memory_equal (before, after, before_len);
    assert_int_equal (copied_len, 2 * TS_MIB);
    assert_memory_equal (copied, data, TS_MIB);
    for (gsize b = TS_MIB; b < 2 * TS_MIB; b++)
      assert_int_equal (copied[b], 0);
  }
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 2] = {
      cmocka_unit_test (what_is_not_there_is_told),
      cmocka_unit_test (a_copy_is_the_same_and_the_image_untouched),
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[2 + i] = (struct CMUnitTest){rows[i].name, is_looked_at, NULL, NULL, (void *)&rows[i]};
  return cmocka_run_group_tests (tests, make_folder, remove_folder);
}

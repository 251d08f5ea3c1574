#include "scenarios/engine/folder.h"
#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "core/base/error.h"

static int
remove_one (const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
  return remove (path);
}

/* Only what is a run's, or empty, may go. */
static gboolean
check_is_run (const char *folder, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &why);
  if (dir == NULL)
    return ts_throw (error, TS_ERROR_ARGUMENT, "%s is there and is no folder of a run: %s", folder,
                     why->message);
  g_autofree char *scenario = g_build_filename (folder, "scenario.yaml", NULL);
  if (g_dir_read_name (dir) != NULL && !g_file_test (scenario, G_FILE_TEST_IS_REGULAR))
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "%s holds no run (no scenario.yaml): it is left alone; choose another --out",
                     folder);
  return TRUE;
}

gboolean
ts_folder_remove (const char *folder, GError **error)
{
  struct stat st;
  if (lstat (folder, &st) < 0)
    return errno == ENOENT ? TRUE : ts_throw_errno (error, "look at %s", folder);
  if (!check_is_run (folder, error))
    return FALSE;
  /* never follows a link, never leaves the file system: a mount forgotten inside is not emptied */
  if (nftw (folder, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
    return ts_throw_errno (error, "empty %s", folder);
  return TRUE;
}

gboolean
ts_folder_renew (const char *folder, GError **error)
{
  if (!ts_folder_remove (folder, error))
    return FALSE;
  if (g_mkdir_with_parents (folder, 0755) != 0)
    return ts_throw_errno (error, "make folder %s", folder);
  return TRUE;
}

static char *
line_at (const char *text, gsize len, gsize start)
{
  const char *end = memchr (text + start, '\n', len - start);
  gsize length = end != NULL ? (gsize)(end - (text + start)) : len - start;
  return start >= len ? g_strdup ("(the file ends)") : g_strndup (text + start, MIN (length, 200));
}

gboolean
ts_files_same (const char *a, const char *b, char **difference, GError **error)
{
  g_autofree char *left = NULL, *right = NULL;
  gsize left_len, right_len;
  *difference = NULL;
  if (!g_file_get_contents (a, &left, &left_len, error) ||
      !g_file_get_contents (b, &right, &right_len, error))
    return FALSE;
  gsize at = 0, line_start = 0, shorter = MIN (left_len, right_len);
  guint line = 1;
  for (; at < shorter && left[at] == right[at]; at++)
    if (left[at] == '\n') {
      line++;
      line_start = at + 1;
    }
  if (at == left_len && at == right_len)
    return TRUE;
  g_autofree char *left_line = line_at (left, left_len, line_start);
  g_autofree char *right_line = line_at (right, right_len, line_start);
  *difference =
      g_strdup_printf ("line %u:\n  first run:  %s\n  second run: %s", line, left_line, right_line);
  return FALSE;
}

#include "scenarios/engine/sweep-folder.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "core/base/error.h"
#include "results/file.h"

#define DIGEST "# digest: "
#define COMMIT "# commit: "

/* What stands behind key in the line that begins with it; NULL: there is none. */
static char *
value_of (const char *text, const char *key)
{
  const char *at = g_str_has_prefix (text, key) ? text : NULL;
  if (at == NULL) {
    g_autofree char *line = g_strconcat ("\n", key, NULL);
    at = strstr (text, line);
    at = at != NULL ? at + 1 : NULL;
  }
  if (at == NULL)
    return NULL;
  at += strlen (key);
  return g_strndup (at, strcspn (at, "\n"));
}

gboolean
ts_sweep_folder_origin (const char *path, char **digest, char **commit, GError **error)
{
  g_autofree char *file = g_build_filename (path, "sweep.yaml", NULL);
  g_autofree char *text = NULL;
  *digest = *commit = NULL;
  if (g_file_get_contents (file, &text, NULL, NULL)) {
    *digest = value_of (text, DIGEST);
    *commit = value_of (text, COMMIT);
  }
  if (*digest != NULL && *commit != NULL)
    return TRUE;
  g_clear_pointer (digest, g_free);
  g_clear_pointer (commit, g_free);
  return ts_throw (error, TS_ERROR_ARGUMENT,
                   "%s is no folder of a sweep (no sweep.yaml that says "
                   "what its cells were made from)",
                   path);
}

/* Only a sweep's folder, or an empty one, is written to. */
static gboolean
check_folder (const char *path, const char *digest, gboolean fresh, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  gboolean empty = TRUE;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    empty = empty && g_str_equal (name, "lock");
  if (empty)
    return TRUE;
  g_autofree char *other = NULL, *commit = NULL;
  if (!ts_sweep_folder_origin (path, &other, &commit, NULL))
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "%s holds no sweep: it is left alone; choose another --out", path);
  if (fresh || g_str_equal (other, digest))
    return TRUE;
  return ts_throw (error, TS_ERROR_ARGUMENT,
                   "%s holds runs of another sweep file, scenario or commit (%s); --fresh removes "
                   "them and begins anew, --out keeps both",
                   path, commit);
}

static gboolean
remove_cells (const char *cells, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (cells, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    if (!g_str_has_suffix (name, ".json") && !g_str_has_suffix (name, ".json.new"))
      continue;
    g_autofree char *path = g_build_filename (cells, name, NULL);
    if (g_unlink (path) != 0)
      return ts_throw_errno (error, "remove %s", path);
  }
  return TRUE;
}

static gboolean
take_lock (TsSweepFolder *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder->path, "lock", NULL);
  folder->lock = g_open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (folder->lock < 0)
    return ts_throw_errno (error, "make %s", path);
  if (flock (folder->lock, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  return errno == EWOULDBLOCK
             ? ts_throw (error, TS_ERROR_AGAIN, "another twinsite is at work in %s", folder->path)
             : ts_throw_errno (error, "lock %s", path);
}

TsSweepFolder *
ts_sweep_folder_open (const char *path, const TsGrid *grid, const TsStudy *study, gboolean fresh,
                      GError **error)
{
  g_autoptr (TsSweepFolder) folder = g_new0 (TsSweepFolder, 1);
  g_autofree char *cells = g_build_filename (path, "cells", NULL);
  folder->path = g_strdup (path);
  folder->lock = -1;
  if (!check_folder (path, study->digest, fresh, error))
    return NULL;
  if (g_mkdir_with_parents (path, 0755) != 0) {
    ts_throw_errno (error, "make folder %s", path);
    return NULL;
  }
  if (!take_lock (folder, error) || (fresh && !remove_cells (cells, error)))
    return NULL;
  g_autofree char *text = ts_sweep_format (grid->sweep, "base.yaml");
  g_autofree char *whole =
      g_strdup_printf (DIGEST "%s\n" COMMIT "%s\n%s", study->digest, study->commit, text);
  if (!ts_file_replace (path, "base.yaml", grid->sweep->base_text, error) ||
      !ts_file_replace (path, "sweep.yaml", whole, error))
    return NULL;
  if (g_mkdir (cells, 0755) != 0 && errno != EEXIST) {
    ts_throw_errno (error, "make folder %s", cells);
    return NULL;
  }
  return g_steal_pointer (&folder);
}

void
ts_sweep_folder_free (TsSweepFolder *folder)
{
  if (folder == NULL)
    return;
  if (folder->lock >= 0)
    close (folder->lock);
  g_free (folder->path);
  g_free (folder);
}

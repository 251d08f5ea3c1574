/* lab/host/undo.c -- see undo.h. */
#include "lab/host/undo.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>
#include "core/base/error.h"
#include "lab/host/spool.h"
#include "lab/machine/overlay.h"

#define NAME_FORMAT "point-%08" G_GUINT64_FORMAT ".disk-%02u.hru"

struct _TsLabUndo {
  char *folder, *socket;
};

TsLabUndo *
ts_lab_undo_open (const char *folder, const char *socket_path, GError **error)
{
  if (g_mkdir_with_parents (folder, 0755) < 0) {
    ts_throw_errno (error, "make %s", folder);
    return NULL;
  }
  TsLabUndo *undo = g_new0 (TsLabUndo, 1);
  undo->folder = g_strdup (folder);
  undo->socket = g_strdup (socket_path);
  return undo;
}

void
ts_lab_undo_free (TsLabUndo *undo)
{
  if (!undo)
    return;
  g_free (undo->folder);
  g_free (undo->socket);
  g_free (undo);
}

static char *
path_of (const TsLabUndo *undo, guint64 point, guint disk)
{
  return g_strdup_printf ("%s/" NAME_FORMAT, undo->folder, point, disk);
}

/* NULL without error: there is none. */
static TsHru *
load (const char *path, TsHruCheck check, GError **error)
{
  g_autoptr (GError) reason = NULL;
  GMappedFile *file = g_mapped_file_new (path, FALSE, &reason);
  if (!file) {
    if (!g_error_matches (reason, G_FILE_ERROR, G_FILE_ERROR_NOENT))
      ts_throw (error, TS_ERROR_IO, "%s", reason->message);
    return NULL;
  }
  g_autoptr (GBytes) bytes = g_mapped_file_get_bytes (file);
  g_mapped_file_unref (file);
  TsHru *hru = ts_hru_open (bytes, check, error);
  if (!hru)
    g_prefix_error (error, "%s: ", path);
  return hru;
}

typedef struct {
  int fd;
  const char *path;
} File;

static gboolean
put (void *user, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  const File *file = user;
  for (gsize done = 0; done < len_bytes;) {
    gssize n = pwrite (file->fd, (const guint8 *)data + done, len_bytes - done,
                       (off_t)(offset_bytes + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return ts_throw_errno (error, "write %s", file->path);
    done += (gsize)n;
  }
  return TRUE;
}

/* The file, and its name. */
static gboolean
make_durable (const TsLabUndo *undo, const File *file, gboolean is_new, GError **error)
{
  if (fdatasync (file->fd) < 0)
    return ts_throw_errno (error, "sync %s", file->path);
  return !is_new || ts_lab_path_sync (undo->folder, error);
}

gboolean
ts_lab_undo_save (TsLabUndo *undo, const TsPoint *point, guint index, TsDisk *disk,
                  const TsHrl *log, guint64 set, GError **error)
{
  TsHruInfo info = {point->set, point->instant_us, disk->size_bytes};
  g_autofree char *path = path_of (undo, point->set, index);
  g_autoptr (GError) reason = NULL;
  g_autoptr (TsHru) so_far = load (path, TS_HRU_INDEX, &reason);
  /* Before its first set a log that cannot be read is one that was being made. */
  gboolean is_new = !so_far && set == point->set + 1;
  if (!so_far && !is_new)
    return ts_throw (error, TS_ERROR_LOST, "%s", reason ? reason->message : "an undo log is gone");
  File file = {open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644), path};
  if (file.fd < 0)
    return ts_throw_errno (error, "open %s", path);
  guint64 saved_bytes;
  gboolean wrote = FALSE, ok = TRUE;
  if (ftruncate (file.fd, so_far ? (off_t)ts_hru_end (so_far) : 0) < 0)
    ok = ts_throw_errno (error, "cut off %s", path);
  ok = ok &&
       ts_undo_save (disk, log, set, &info, so_far, put, &file, &saved_bytes, &wrote, error) &&
       (!wrote || make_durable (undo, &file, is_new, error));
  close (file.fd);
  return ok;
}

gboolean
ts_lab_undo_play (TsLabUndo *undo, const TsUndo *way, guint index, const char *overlay,
                  GError **error)
{
  if (!way)
    return TRUE;
  g_autoptr (TsDisk) disk = ts_lab_overlay_open (overlay, undo->socket, error);
  if (!disk)
    return FALSE;
  guint64 until = way->until;
  for (guint i = 0; i < way->count; i++) {
    const TsPoint *point = &way->point[i];
    TsHruInfo info = {point->set, point->instant_us, disk->size_bytes};
    g_autofree char *path = path_of (undo, point->set, index);
    g_autoptr (GError) reason = NULL;
    g_autoptr (TsHru) hru = load (path, TS_HRU_WHOLE, &reason);
    if (!hru)
      return ts_throw (error, TS_ERROR_LOST, "%s", reason ? reason->message : "it is gone");
    if (!ts_undo_play (disk, hru, &info, until, error)) {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }
    until = point->set;
  }
  return disk->ops->flush (disk, error);
}

static gboolean
listed (const TsUndo *points, guint64 set)
{
  for (guint i = 0; i < points->count; i++)
    if (points->point[i].set == set)
      return TRUE;
  return FALSE;
}

gboolean
ts_lab_undo_keep (TsLabUndo *undo, const TsUndo *points, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GDir) files = g_dir_open (undo->folder, 0, &reason);
  if (!files)
    return ts_throw (error, TS_ERROR_IO, "%s", reason->message);
  for (const char *name; (name = g_dir_read_name (files));) {
    guint64 point;
    guint disk;
    if (sscanf (name, NAME_FORMAT, &point, &disk) != 2 || listed (points, point))
      continue;
    g_autofree char *path = g_build_filename (undo->folder, name, NULL);
    if (g_unlink (path) < 0 && errno != ENOENT)
      return ts_throw_errno (error, "remove %s", path);
  }
  return TRUE;
}

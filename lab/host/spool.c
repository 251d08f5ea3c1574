/* lab/host/spool.c -- see spool.h. */
#include "lab/host/spool.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

#define GATHER_BYTES (128 * 1024)
#define NAME_FORMAT "set-%08" G_GUINT64_FORMAT ".disk-%02u.hrl"

struct _TsLabSpool {
  char *folder;
  /* The file that STORE is filling; -1: none. */
  int fd;
  guint64 fd_set;
  guint fd_disk;
};

struct _TsLabSpoolLog {
  TsLabSpool *spool;
  char *path;
  int fd;
  TsGuid unique;
  TsHrlWriter *writer;
  gboolean closed;
  /* What small pieces put one behind the other: entries of 4 KiB are not worth a call each. */
  guint8 *gathered;
  gsize gathered_bytes;
  guint64 gathered_at_bytes; /* where it belongs */
};

gboolean
ts_lab_path_sync (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return ts_throw_errno (error, "open %s", path);
  gboolean ok = fsync (fd) == 0 || ts_throw_errno (error, "sync %s", path);
  close (fd);
  return ok;
}

static gboolean
write_all (int fd, guint64 offset, const void *data, gsize len, const char *what, GError **error)
{
  const guint8 *at = data;
  while (len > 0) {
    gssize n = pwrite (fd, at, len, (off_t)offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return ts_throw_errno (error, "write %s", what);
    at += n;
    offset += (guint64)n;
    len -= (gsize)n;
  }
  return TRUE;
}

TsLabSpool *
ts_lab_spool_open (const char *folder, GError **error)
{
  if (g_mkdir_with_parents (folder, 0755) < 0) {
    ts_throw_errno (error, "make %s", folder);
    return NULL;
  }
  TsLabSpool *spool = g_new0 (TsLabSpool, 1);
  spool->folder = g_strdup (folder);
  spool->fd = -1;
  return spool;
}

static void
close_current (TsLabSpool *spool)
{
  if (spool->fd >= 0)
    close (spool->fd);
  spool->fd = -1;
}

void
ts_lab_spool_free (TsLabSpool *spool)
{
  if (!spool)
    return;
  close_current (spool);
  g_free (spool->folder);
  g_free (spool);
}

char *
ts_lab_spool_path (const TsLabSpool *spool, guint64 set, guint disk)
{
  return g_strdup_printf ("%s/" NAME_FORMAT, spool->folder, set, disk);
}

/* --- the primary's -----------------------------------------------------------------------------
 */

static gboolean
log_flush (TsLabSpoolLog *log, GError **error)
{
  gsize bytes = log->gathered_bytes;
  log->gathered_bytes = 0;
  return bytes == 0 ||
         write_all (log->fd, log->gathered_at_bytes, log->gathered, bytes, log->path, error);
}

static gboolean
log_put (void *user, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  TsLabSpoolLog *log = user;
  gboolean follows = log->gathered_at_bytes + log->gathered_bytes == offset_bytes;
  if ((!follows || log->gathered_bytes + len_bytes > GATHER_BYTES) && !log_flush (log, error))
    return FALSE;
  if (len_bytes > GATHER_BYTES / 2)
    return write_all (log->fd, offset_bytes, data, len_bytes, log->path, error);
  if (log->gathered_bytes == 0)
    log->gathered_at_bytes = offset_bytes;
  memcpy (log->gathered + log->gathered_bytes, data, len_bytes);
  log->gathered_bytes += len_bytes;
  return TRUE;
}

TsLabSpoolLog *
ts_lab_spool_create (TsLabSpool *spool, guint64 set, guint disk, const TsHrlInfo *info,
                     GError **error)
{
  TsLabSpoolLog *log = g_new0 (TsLabSpoolLog, 1);
  log->spool = spool;
  log->path = ts_lab_spool_path (spool, set, disk);
  log->unique = info->unique;
  log->gathered = g_malloc (GATHER_BYTES);
  log->fd = open (log->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log->fd < 0)
    ts_throw_errno (error, "make %s", log->path);
  else
    log->writer = ts_hrl_writer_new (info, log_put, log, error);
  if (!log->writer) {
    ts_lab_spool_log_free (log);
    return NULL;
  }
  return log;
}

TsHrlWriter *
ts_lab_spool_log_writer (TsLabSpoolLog *log)
{
  return log->writer;
}

gboolean
ts_lab_spool_log_close (TsLabSpoolLog *log, guint32 time_s, TsCutLog *closed, GError **error)
{
  if (!ts_hrl_writer_close (log->writer, time_s, 0, error) || !log_flush (log, error))
    return FALSE;
  if (fsync (log->fd) < 0)
    return ts_throw_errno (error, "sync %s", log->path);
  if (!ts_lab_path_sync (log->spool->folder, error))
    return FALSE;
  closed->log_bytes = ts_hrl_writer_bytes (log->writer);
  closed->entries = ts_hrl_writer_entries (log->writer);
  closed->unique = log->unique;
  log->closed = TRUE;
  return TRUE;
}

void
ts_lab_spool_log_free (TsLabSpoolLog *log)
{
  if (!log)
    return;
  ts_hrl_writer_free (log->writer);
  if (log->fd >= 0) {
    close (log->fd);
    if (!log->closed)
      (void)g_unlink (log->path);
  }
  g_free (log->gathered);
  g_free (log->path);
  g_free (log);
}

GBytes *
ts_lab_spool_read (const TsLabSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                   gsize len_bytes, GError **error)
{
  g_autofree char *path = ts_lab_spool_path (spool, set, disk);
  return ts_lab_file_read (path, offset_bytes, len_bytes, error);
}

GBytes *
ts_lab_file_read (const char *path, guint64 offset_bytes, gsize len_bytes, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    ts_throw_errno (error, "open %s", path);
    return NULL;
  }
  g_autofree guint8 *data = g_malloc (len_bytes);
  gsize have = 0;
  while (have < len_bytes) {
    gssize n = pread (fd, data + have, len_bytes - have, (off_t)(offset_bytes + have));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      if (n < 0)
        ts_throw_errno (error, "read %s", path);
      else
        ts_throw (error, TS_ERROR_FORMAT, "%s ends at byte %" G_GUINT64_FORMAT, path,
                  offset_bytes + have);
      close (fd);
      return NULL;
    }
    have += (gsize)n;
  }
  close (fd);
  return g_bytes_new_take (g_steal_pointer (&data), len_bytes);
}

/* --- the replica's -----------------------------------------------------------------------------
 */

gboolean
ts_lab_spool_store (TsLabSpool *spool, guint64 set, guint disk, guint64 offset_bytes,
                    GBytes *payload, GError **error)
{
  g_autofree char *path = ts_lab_spool_path (spool, set, disk);
  if (spool->fd < 0 || spool->fd_set != set || spool->fd_disk != disk) {
    close_current (spool);
    /* What an earlier try left behind the offset would make the log too long. */
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (offset_bytes == 0 ? O_TRUNC : 0);
    spool->fd = open (path, flags, 0644);
    if (spool->fd < 0)
      return ts_throw_errno (error, "open %s", path);
    spool->fd_set = set;
    spool->fd_disk = disk;
  }
  gsize len = 0;
  const void *data = g_bytes_get_data (payload, &len);
  return write_all (spool->fd, offset_bytes, data, len, path, error);
}

typedef struct {
  void *data;
  gsize len_bytes;
} Mapped;

static void
unmap (gpointer user)
{
  Mapped *mapped = user;
  munmap (mapped->data, mapped->len_bytes);
  g_free (mapped);
}

/* The file's pages as they lie in the cache: to read a log of 100 MiB into memory of our own cost
 * as much as to apply it, in pages made and cleared for that.  They are faulted in here, where a
 * medium that cannot be read is an error and not a signal.  NULL without error: this kernel cannot.
 */
static GBytes *
map_file (int fd, gsize len, const char *path, GError **error)
{
  void *data = mmap (NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED)
    return NULL;
  if (madvise (data, len, MADV_POPULATE_READ) < 0) {
    if (errno == EFAULT || errno == EHWPOISON)
      ts_throw (error, TS_ERROR_IO, "%s cannot be read", path);
    munmap (data, len);
    return NULL;
  }
  Mapped *mapped = g_new (Mapped, 1);
  *mapped = (Mapped){data, len};
  return g_bytes_new_with_free_func (data, len, unmap, mapped);
}

static GBytes *
load_file (const char *path, GError **error)
{
  struct stat status;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    ts_throw (error, TS_ERROR_FORMAT, "%s is missing", path);
    return NULL;
  }
  if (fd < 0 || fstat (fd, &status) < 0) {
    ts_throw_errno (error, "open %s", path);
    if (fd >= 0)
      close (fd);
    return NULL;
  }
  GError *failed = NULL;
  gsize len = (gsize)status.st_size;
  GBytes *bytes = len > 0 ? map_file (fd, len, path, &failed) : g_bytes_new (NULL, 0);
  close (fd);
  if (!bytes && !failed)
    bytes = ts_lab_file_read (path, 0, len, &failed);
  if (failed)
    g_propagate_error (error, failed);
  return bytes;
}

TsHrl *
ts_lab_spool_log (const TsLabSpool *spool, guint64 set, guint disk, GError **error)
{
  g_autofree char *path = ts_lab_spool_path (spool, set, disk);
  g_autoptr (GBytes) bytes = load_file (path, error);
  TsHrl *hrl = bytes ? ts_hrl_open (bytes, error) : NULL;
  if (bytes && !hrl)
    g_prefix_error (error, "log of disk %u in set %" G_GUINT64_FORMAT ": ", disk, set);
  return hrl;
}

/* Of a set whose logs must all be there. */
static gboolean
sync_file (const char *path, GError **error)
{
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return ts_throw (error, TS_ERROR_FORMAT, "%s is missing", path);
  return ts_lab_path_sync (path, error);
}

gboolean
ts_lab_spool_seal (TsLabSpool *spool, guint64 set, guint disks, guint32 which, TsManifest *manifest,
                   GError **error)
{
  g_return_val_if_fail (disks <= TS_WIRE_DISKS_MAX, FALSE);
  close_current (spool);
  *manifest = (TsManifest){.disks = disks};
  for (guint i = 0; i < disks; i++) {
    g_autofree char *path = ts_lab_spool_path (spool, set, i);
    if ((which >> i & 1) && !sync_file (path, error))
      return FALSE;
  }
  if (!ts_lab_path_sync (spool->folder, error))
    return FALSE;
  for (guint i = 0; i < disks; i++) {
    if (!(which >> i & 1))
      continue;
    g_autofree char *path = ts_lab_spool_path (spool, set, i);
    g_autoptr (TsHrl) hrl = ts_lab_spool_log (spool, set, i, error);
    GStatBuf info;
    if (!hrl)
      return FALSE;
    const TsHrlInfo *says = ts_hrl_info (hrl);
    if (ts_hrl_error_code (hrl) != 0)
      return ts_throw (error, TS_ERROR_FORMAT,
                       "log of disk %u in set %" G_GUINT64_FORMAT " says that tracking failed (%d)",
                       i, set, ts_hrl_error_code (hrl));
    if (g_stat (path, &info) < 0)
      return ts_throw_errno (error, "look at %s", path);
    manifest->disk[i].log_bytes = (guint64)info.st_size;
    manifest->disk[i].data_bytes = ts_hrl_data_bytes (hrl);
    manifest->disk[i].end_bytes = says->disk_bytes; /* whether that fits is the core's to judge */
    manifest->disk[i].unique = says->unique;
    manifest->disk[i].previous = says->previous;
  }
  return TRUE;
}

/* --- both --------------------------------------------------------------------------------------
 */

/* Removes the logs of sets first to last. */
static gboolean
remove_sets (TsLabSpool *spool, guint64 first, guint64 last, GError **error)
{
  if (spool->fd >= 0 && spool->fd_set >= first && spool->fd_set <= last)
    close_current (spool);
  g_autoptr (GError) reason = NULL;
  g_autoptr (GDir) files = g_dir_open (spool->folder, 0, &reason);
  if (!files)
    return ts_throw (error, TS_ERROR_IO, "%s", reason->message);
  for (const char *name; (name = g_dir_read_name (files));) {
    guint64 set;
    guint disk;
    if (sscanf (name, NAME_FORMAT, &set, &disk) != 2 || set < first || set > last)
      continue;
    g_autofree char *path = g_build_filename (spool->folder, name, NULL);
    if (g_unlink (path) < 0 && errno != ENOENT)
      return ts_throw_errno (error, "remove %s", path);
  }
  return TRUE;
}

gboolean
ts_lab_spool_delete_set (TsLabSpool *spool, guint64 set, GError **error)
{
  return remove_sets (spool, set, set, error);
}

gboolean
ts_lab_spool_drop (TsLabSpool *spool, guint64 behind_set, GError **error)
{
  return behind_set == G_MAXUINT64 || remove_sets (spool, behind_set + 1, G_MAXUINT64, error);
}

gboolean
ts_lab_state_save (const char *path, GBytes *state, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *fresh = g_strconcat (path, ".new", NULL);
  int fd = open (fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0)
    return ts_throw_errno (error, "make %s", fresh);
  gsize len = 0;
  const void *data = g_bytes_get_data (state, &len);
  gboolean ok = write_all (fd, 0, data, len, fresh, error);
  if (ok && fsync (fd) < 0)
    ok = ts_throw_errno (error, "sync %s", fresh);
  close (fd);
  if (ok && g_rename (fresh, path) < 0)
    ok = ts_throw_errno (error, "rename %s", fresh);
  if (!ok)
    (void)g_unlink (fresh);
  return ok && ts_lab_path_sync (folder, error);
}

GBytes *
ts_lab_state_load (const char *path, GError **error)
{
  g_autoptr (GError) reason = NULL;
  char *data = NULL;
  gsize len = 0;
  if (g_file_get_contents (path, &data, &len, &reason))
    return g_bytes_new_take (data, len);
  if (!g_error_matches (reason, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    ts_throw (error, TS_ERROR_IO, "%s", reason->message);
  return NULL;
}

/* lab/machine/disk.c -- see disk.h.  Raw files are read and written here; images by qemu-img. */
#include "lab/machine/disk.h"
#include <glib/gstdio.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/units.h"
#include "core/format/stamp.h"
#include "lab/command.h"

#define SECTOR 512
#define CHUNK (1024 * 1024)
#define IMG_TIMEOUT_US (60 * TS_S)

typedef struct {
  TsDisk disk;
  int fd;
  char *path;
} FileDisk;

static gboolean
file_read (TsDisk *disk, guint64 offset_bytes, void *data, gsize len_bytes, GError **error)
{
  FileDisk *file = (FileDisk *)disk;
  g_return_val_if_fail (
      offset_bytes <= disk->size_bytes && len_bytes <= disk->size_bytes - offset_bytes, FALSE);
  for (gsize done = 0; done < len_bytes;) {
    gssize got =
        pread (file->fd, (char *)data + done, len_bytes - done, (off_t)(offset_bytes + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ts_throw_errno (error, "read disk %s at %" G_GUINT64_FORMAT, file->path, offset_bytes);
    if (got == 0)
      return ts_throw (error, TS_ERROR_IO, "disk %s has become shorter", file->path);
    done += (gsize)got;
  }
  return TRUE;
}

static gboolean
file_write (TsDisk *disk, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  FileDisk *file = (FileDisk *)disk;
  g_return_val_if_fail (
      offset_bytes <= disk->size_bytes && len_bytes <= disk->size_bytes - offset_bytes, FALSE);
  for (gsize done = 0; done < len_bytes;) {
    gssize put = pwrite (file->fd, (const char *)data + done, len_bytes - done,
                         (off_t)(offset_bytes + done));
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return ts_throw_errno (error, "write disk %s at %" G_GUINT64_FORMAT, file->path,
                             offset_bytes);
    done += (gsize)put;
  }
  return TRUE;
}

static gboolean
file_flush (TsDisk *disk, GError **error)
{
  FileDisk *file = (FileDisk *)disk;
  if (fdatasync (file->fd) < 0)
    return ts_throw_errno (error, "flush disk %s", file->path);
  return TRUE;
}

static void
file_free (TsDisk *disk)
{
  FileDisk *file = (FileDisk *)disk;
  if (file->fd >= 0)
    close (file->fd);
  g_free (file->path);
  g_free (file);
}

static const TsDiskOps file_ops = {
    .name = "file",
    .read = file_read,
    .write = file_write,
    .flush = file_flush,
    .free = file_free,
};

TsDisk *
ts_lab_disk_open (const char *path, gboolean writable, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  FileDisk *file = g_new0 (FileDisk, 1);
  g_autoptr (TsDisk) disk = &file->disk;
  struct stat status;
  disk->ops = &file_ops;
  file->path = g_strdup (path);
  file->fd = open (path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (file->fd < 0 || fstat (file->fd, &status) < 0) {
    ts_throw_errno (error, "open disk %s", path);
    return NULL;
  }
  if (!S_ISREG (status.st_mode)) {
    ts_throw (error, TS_ERROR_ARGUMENT, "open disk %s: not a plain file", path);
    return NULL;
  }
  disk->size_bytes = (guint64)status.st_size;
  return g_steal_pointer (&disk);
}

gboolean
ts_lab_disk_clear (TsDisk *disk, guint64 offset_bytes, gsize len_bytes, GError **error)
{
  FileDisk *file = (FileDisk *)disk;
  g_return_val_if_fail (
      offset_bytes <= disk->size_bytes && len_bytes <= disk->size_bytes - offset_bytes, FALSE);
  if (len_bytes == 0 || fallocate (file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                   (off_t)offset_bytes, (off_t)len_bytes) == 0)
    return TRUE;
  g_autofree guint8 *zeros = g_malloc0 (len_bytes);
  return disk->ops->write (disk, offset_bytes, zeros, len_bytes, error);
}

gboolean
ts_lab_disk_is_hole (TsDisk *disk, guint64 offset_bytes, gsize len_bytes)
{
  off_t data = lseek (((FileDisk *)disk)->fd, (off_t)offset_bytes, SEEK_DATA);
  return data < 0 ? errno == ENXIO && offset_bytes + len_bytes <= disk->size_bytes
                  : (guint64)data >= offset_bytes + len_bytes;
}

static gboolean
check_size (const char *path, guint64 size_bytes, GError **error)
{
  if (size_bytes == 0 || size_bytes % SECTOR || size_bytes > G_MAXINT64)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "create disk %s: %" G_GUINT64_FORMAT
                     " bytes is not a positive multiple of 512",
                     path, size_bytes);
  return TRUE;
}

gboolean
ts_lab_disk_create (const char *path, guint64 size_bytes, GError **error)
{
  if (!check_size (path, size_bytes, error))
    return FALSE;
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return ts_throw_errno (error, "create disk %s", path);
  if (ftruncate (fd, (off_t)size_bytes) < 0) {
    ts_throw_errno (error, "create disk %s", path);
    close (fd);
    unlink (path);
    return FALSE;
  }
  close (fd);
  return TRUE;
}

/* QEMU gives a dirty bitmap the image's cluster size as its grain, within 4 KiB and 64 KiB, and
 * libvirt has no say in it.  4 KiB is what guests write: with 64 KiB a scattered 4 KiB write costs
 * 16 times its size on the wire.  The price is the mapping table, which data_file_raw wants
 * preallocated: 1.9 s at creation for 4 GiB in 4 KiB clusters, 6.8 s for 16 GiB (0.05 s in 64 KiB).
 */
static guint
grain_kib (guint64 size_bytes)
{
  return size_bytes <= 4 * TS_GIB ? 4 : size_bytes <= 16 * TS_GIB ? 16 : 64;
}

/* A comma in a file name ends an option of qemu-img's; doubled it is a comma. */
static char *
option_text (const char *path)
{
  g_auto (GStrv) part = g_strsplit (path, ",", -1);
  return g_strjoinv (",,", part);
}

gboolean
ts_lab_disk_create_tracked (const char *path, const char *data_path, guint64 size_bytes,
                            GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  if (!ts_lab_disk_create (data_path, size_bytes, error))
    return FALSE;
  if (g_file_test (path, G_FILE_TEST_EXISTS)) {
    unlink (data_path);
    errno = EEXIST;
    return ts_throw_errno (error, "create disk %s", path);
  }
  g_autofree char *full = g_canonicalize_filename (data_path, NULL);
  g_autofree char *text = option_text (full);
  g_autofree char *options = g_strdup_printf (
      "data_file=%s,data_file_raw=on,cluster_size=%uk,compat=1.1", text, grain_kib (size_bytes));
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, size_bytes);
  const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path, size, NULL};
  if (ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, NULL, error))
    return TRUE;
  g_prefix_error (error, "create disk %s: ", path);
  unlink (path);
  unlink (data_path);
  return FALSE;
}

/* qemu-img empties the file of the data: they step aside meanwhile. */
gboolean
ts_lab_disk_unwrap (const char *data_path, GError **error)
{
  g_autofree char *aside = g_strconcat (data_path, ".aside", NULL);
  if (g_rename (aside, data_path) < 0 && errno != ENOENT)
    return ts_throw_errno (error, "put %s back", data_path);
  return TRUE;
}

gboolean
ts_lab_disk_wrap (const char *path, const char *data_path, guint64 size_bytes, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_autofree char *aside = g_strconcat (data_path, ".aside", NULL);
  if (!ts_lab_disk_unwrap (data_path, error))
    return FALSE;
  if ((unlink (path) < 0 && errno != ENOENT) || g_rename (data_path, aside) < 0)
    return ts_throw_errno (error, "wrap disk %s", data_path);
  gboolean fine = ts_lab_disk_create_tracked (path, data_path, size_bytes, error);
  return ts_lab_disk_unwrap (data_path, fine ? error : NULL) && fine;
}

gboolean
ts_lab_disk_create_branch (const char *path, const char *base_path, guint64 size_bytes,
                           GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  if (g_file_test (path, G_FILE_TEST_EXISTS)) { /* qemu-img would empty it */
    errno = EEXIST;
    return ts_throw_errno (error, "create overlay %s", path);
  }
  g_autofree char *full = g_canonicalize_filename (base_path, NULL);
  g_autofree char *options =
      g_strdup_printf ("cluster_size=%uk,compat=1.1", grain_kib (size_bytes));
  const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2",
                        "-o",       options,  "-b", full, path,    NULL};
  if (ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, NULL, error))
    return TRUE;
  g_prefix_error (error, "create overlay %s: ", path);
  unlink (path);
  return FALSE;
}

gboolean
ts_lab_disk_create_blank (const char *path, guint64 size_bytes, GError **error)
{
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, size_bytes);
  const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", path, size, NULL};
  return ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, NULL, error);
}

gboolean
ts_lab_disk_create_overlay (const char *path, const char *base_path, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  if (g_file_test (path, G_FILE_TEST_EXISTS)) { /* qemu-img would empty it */
    errno = EEXIST;
    return ts_throw_errno (error, "create overlay %s", path);
  }
  g_autofree char *full = g_canonicalize_filename (base_path, NULL);
  const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", "-F",
                        "raw",      "-b",     full, path, NULL};
  if (ts_lab_command (argv, "qemu-utils", IMG_TIMEOUT_US, NULL, error))
    return TRUE;
  g_prefix_error (error, "create overlay %s: ", path);
  unlink (path);
  return FALSE;
}

gboolean
ts_lab_disk_map (const char *path, TsExtents *extents, GError **error)
{
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, FALSE, error);
  if (!disk)
    return FALSE;
  int fd = ((FileDisk *)disk)->fd;
  for (off_t at = 0; at < (off_t)disk->size_bytes;) {
    off_t data = lseek (fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) /* no data behind at */
      return TRUE;
    off_t hole = data < 0 ? -1 : lseek (fd, data, SEEK_HOLE);
    if (hole < 0)
      return ts_throw_errno (error, "map disk %s", path);
    ts_extents_add (extents, (guint64)data, (guint64)(hole - data));
    at = hole;
  }
  return TRUE;
}

gboolean
ts_lab_disk_fill (const char *path, guint disk, guint64 fill_bytes, guint64 seed, GError **error)
{
  g_return_val_if_fail (disk <= G_MAXUINT16, FALSE);
  g_autoptr (TsDisk) file = ts_lab_disk_open (path, TRUE, error);
  if (!file)
    return FALSE;
  if (fill_bytes % TS_STAMP_BLOCK || fill_bytes > file->size_bytes)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "fill disk %s: %" G_GUINT64_FORMAT
                     " bytes is not a multiple of 4096 within the disk's %" G_GUINT64_FORMAT,
                     path, fill_bytes, file->size_bytes);
  g_autofree guint8 *chunk = g_malloc (CHUNK);
  for (guint64 at = 0; at < fill_bytes;) {
    guint32 len = (guint32)MIN (fill_bytes - at, CHUNK);
    for (guint32 i = 0; i < len; i += TS_STAMP_BLOCK) {
      TsStamp stamp = {.disk = (guint16)disk,
                       .kind = TS_STAMP_FILL,
                       .sequence = (at + i) / TS_STAMP_BLOCK + 1,
                       .offset = at + i,
                       .length = TS_STAMP_BLOCK};
      ts_stamp_lay (chunk + i, &stamp, seed);
    }
    if (!file->ops->write (file, at, chunk, len, error))
      return FALSE;
    at += len;
  }
  return file->ops->flush (file, error);
}

gboolean
ts_lab_disk_compare (const char *path_a, const char *path_b, guint64 *differing_bytes,
                     GError **error)
{
  g_autoptr (TsDisk) a = ts_lab_disk_open (path_a, FALSE, error);
  g_autoptr (TsDisk) b = a ? ts_lab_disk_open (path_b, FALSE, error) : NULL;
  if (!b)
    return FALSE;
  if (a->size_bytes != b->size_bytes)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "compare disks: %s has %" G_GUINT64_FORMAT " bytes, %s %" G_GUINT64_FORMAT,
                     path_a, a->size_bytes, path_b, b->size_bytes);
  g_autofree guint8 *from_a = g_malloc (CHUNK);
  g_autofree guint8 *from_b = g_malloc (CHUNK);
  *differing_bytes = 0;
  for (guint64 at = 0; at < a->size_bytes;) {
    gsize len = (gsize)MIN (a->size_bytes - at, CHUNK);
    if (!a->ops->read (a, at, from_a, len, error) || !b->ops->read (b, at, from_b, len, error))
      return FALSE;
    if (memcmp (from_a, from_b, len) != 0)
      for (gsize i = 0; i < len; i += TS_STAMP_BLOCK) {
        gsize block = MIN (len - i, TS_STAMP_BLOCK);
        if (memcmp (from_a + i, from_b + i, block) != 0)
          *differing_bytes += block;
      }
    at += len;
  }
  return TRUE;
}

/* lab/machine/image.c -- see image.h.
 *
 * A copy, not an overlay: changes are tracked on plain data (disk.h), and the user's file may then
 * be moved or changed without harm to the run. */
#include "lab/machine/image.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/command.h"

#define SECTOR 512
#define COPY_US (10 * TS_MIN)
#define QCOW2_HEADER                                                                               \
  32 /* magic, version, backing file (8 + 4), cluster bits, size (QEMU,                            \
        docs/interop/qcow2.txt); all big endian */

static gboolean
look_at (int fd, const char *path, TsLabImageFile *file, GError **error)
{
  guint8 head[QCOW2_HEADER] = {0};
  struct stat about;
  if (fstat (fd, &about) < 0 || pread (fd, head, sizeof head, 0) < 0)
    return ts_throw_errno (error, "image %s", path);
  if (!S_ISREG (about.st_mode))
    return ts_throw (error, TS_ERROR_FORMAT, "image %s: it is no file", path);
  *file = (TsLabImageFile){"raw", (guint64)about.st_size};
  if (memcmp (head, "QFI\xfb", 4) == 0) {
    guint32 version;
    guint64 size;
    memcpy (&version, head + 4, sizeof version);
    memcpy (&size, head + 24, sizeof size);
    *file = (TsLabImageFile){"qcow2", GUINT64_FROM_BE (size)};
    version = GUINT32_FROM_BE (version);
    if (version != 2 && version != 3)
      return ts_throw (error, TS_ERROR_FORMAT, "image %s: qcow2 of version %u (expected: 2 or 3)",
                       path, version);
  }
  if (file->size_bytes == 0 || file->size_bytes % SECTOR != 0)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "image %s: %" G_GUINT64_FORMAT
                     " bytes (expected: a whole number of sectors of 512, and at least one)",
                     path, file->size_bytes);
  return TRUE;
}

gboolean
ts_lab_image_file_look (const char *path, TsLabImageFile *file, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return ts_throw_errno (error, "image %s", path);
  gboolean good = look_at (fd, path, file, error);
  close (fd);
  return good;
}

gboolean
ts_lab_image_file_copy (const char *path, const char *raw_path, GError **error)
{
  TsLabImageFile file;
  if (!ts_lab_image_file_look (path, &file, error))
    return FALSE;
  const char *argv[] = {"qemu-img",  "convert", "-q",  "-n", "--target-is-zero", "-f",
                        file.format, "-O",      "raw", path, raw_path,           NULL};
  if (ts_lab_command (argv, "qemu-utils", COPY_US, NULL, error))
    return TRUE;
  g_prefix_error (error, "copy image %s: ", path);
  return FALSE;
}

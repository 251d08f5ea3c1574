#include "lab/machine/measure.h"
#include <fcntl.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/units.h"

#define WHOLE (256 * TS_MIB)
#define PIECE (1 * TS_MIB)
#define STORED (128 * TS_KIB) /* a piece of a log */
#define ROUNDS 32u

static gint
compare_i64 (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return x < y ? -1 : x > y;
}

static gint64
median_of (gint64 *all, guint count)
{
  qsort (all, count, sizeof *all, compare_i64);
  return MAX (all[count / 2], 1);
}

static gboolean
write_at (int fd, const guint8 *data, gsize len, gint64 offset, GError **error)
{
  for (gsize done = 0; done < len;) {
    gssize n = pwrite (fd, data + done, len - done, offset + (gint64)done);
    if (n < 0)
      return ts_throw_errno (error, "write");
    done += (gsize)n;
  }
  return TRUE;
}

static gboolean
write_whole (int fd, const guint8 *data, gint64 *took_us, GError **error)
{
  gint64 begun_us = g_get_monotonic_time ();
  for (guint64 at = 0; at < WHOLE; at += PIECE)
    if (!write_at (fd, data, PIECE, (gint64)at, error))
      return FALSE;
  if (fdatasync (fd) != 0)
    return ts_throw_errno (error, "fdatasync");
  *took_us = g_get_monotonic_time () - begun_us;
  return TRUE;
}

/* From the medium as far as the kernel lets go of what it has cached. */
static gboolean
read_whole (int fd, guint8 *data, gint64 *took_us, GError **error)
{
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  gint64 begun_us = g_get_monotonic_time ();
  for (guint64 at = 0; at < WHOLE; at += PIECE)
    if (pread (fd, data, PIECE, (gint64)at) != (gssize)PIECE)
      return ts_throw_errno (error, "read");
  *took_us = g_get_monotonic_time () - begun_us;
  return TRUE;
}

static gboolean
measure (int fd, guint8 *data, TsLabDiskSpeed *speed, GError **error)
{
  gint64 written_us = 0, read_us = 0, stored_us[ROUNDS], synced_us[ROUNDS];
  if (!write_whole (fd, data, &written_us, error) || !read_whole (fd, data, &read_us, error))
    return FALSE;
  for (guint i = 0; i < ROUNDS; i++) {
    gint64 begun_us = g_get_monotonic_time ();
    if (!write_at (fd, data, STORED, (gint64)(i * PIECE), error))
      return FALSE;
    stored_us[i] = g_get_monotonic_time () - begun_us;
    if (!write_at (fd, data, PIECE, (gint64)(i * PIECE), error))
      return FALSE;
    begun_us = g_get_monotonic_time ();
    if (fdatasync (fd) != 0)
      return ts_throw_errno (error, "fdatasync");
    synced_us[i] = g_get_monotonic_time () - begun_us;
  }
  speed->bytes_per_s =
      (gint64)(WHOLE * (guint64)TS_S / (guint64)MAX (MAX (written_us, read_us), 1));
  speed->store_us = median_of (stored_us, ROUNDS);
  speed->sync_us = median_of (synced_us, ROUNDS);
  return TRUE;
}

gboolean
ts_lab_measure_disk (const char *folder, TsLabDiskSpeed *speed, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "measure-XXXXXX", NULL);
  g_autofree guint8 *data = g_malloc (PIECE);
  TsRandom random;
  ts_random_init (&random, 1, "measure"); /* nothing that a file system could leave out */
  for (gsize i = 0; i < PIECE; i++)
    data[i] = (guint8)ts_random_below (&random, 256);
  int fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    return ts_throw_errno (error, "make a file in %s", folder);
  unlink (path);
  gboolean good = measure (fd, data, speed, error);
  if (!good)
    g_prefix_error (error, "measure the disk of %s: ", folder);
  close (fd);
  return good;
}

/* lab/bench/image.c -- see image.h.
 *
 * mke2fs -d fails when its folder does not fit, so files are gathered up to nine tenths of the
 * size, as hard links where that is possible: in the order of their names, which is the same on
 * each run. */
#include "lab/bench/image.h"
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/bench/room.h"
#include "lab/machine/disk.h"
#include "lab/site/layout.h"

#define PIECE (1024 * 1024)
#define BLOCK 4096
#define MAKE_US (10 * TS_MIN)
#define SOURCE "/usr"

static int
by_name (const FTSENT **a, const FTSENT **b)
{
  return strcmp ((*a)->fts_name, (*b)->fts_name);
}

static gboolean
copy_file (const char *from, const char *to, GError **error)
{
  int in = open (from, O_RDONLY | O_CLOEXEC);
  int out = in < 0 ? -1 : open (to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  gboolean fine = out >= 0;
  for (gssize bytes = 1; fine && bytes > 0;) {
    bytes = copy_file_range (in, NULL, out, NULL, 64 * TS_MIB, 0);
    if (bytes < 0) { /* another file system: by hand */
      guint8 piece[64 * 1024];
      while ((bytes = read (in, piece, sizeof piece)) > 0 && fine)
        fine = write (out, piece, (gsize)bytes) == bytes;
    }
    fine = fine && bytes >= 0;
  }
  if (!fine)
    ts_throw_errno (error, "copy %s to %s", from, to);
  if (in >= 0)
    close (in);
  if (out >= 0)
    close (out);
  return fine;
}

/* Up to room_bytes of files from below SOURCE in folder. */
static gboolean
gather (const char *folder, guint64 room_bytes, GError **error)
{
  char *const roots[] = {(char *)SOURCE, NULL};
  guint64 taken_bytes = 0;
  guint number = 0;
  FTS *tree = fts_open (roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
  if (!tree)
    return ts_throw_errno (error, "read " SOURCE);
  gboolean fine = TRUE;
  for (FTSENT *entry; fine && taken_bytes < room_bytes && (entry = fts_read (tree));) {
    /* small ones cost more i-nodes than they are worth */
    if (entry->fts_info != FTS_F || entry->fts_statp->st_size < 16 * 1024 ||
        (guint64)entry->fts_statp->st_size > room_bytes - taken_bytes)
      continue;
    g_autofree char *to = g_strdup_printf ("%s/%03u/%06u", folder, number / 1000, number);
    g_autofree char *parent = g_path_get_dirname (to);
    if (number % 1000 == 0)
      g_mkdir_with_parents (parent, 0700);
    if (link (entry->fts_path, to) < 0)
      fine = copy_file (entry->fts_path, to, error);
    number++;
    taken_bytes += ((guint64)entry->fts_statp->st_size + BLOCK - 1) / BLOCK * BLOCK;
  }
  fts_close (tree);
  return fine;
}

gboolean
ts_bench_image_make (const char *path, guint64 size_bytes, const char *scratch,
                     const char *log_path, GError **error)
{
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT "k", size_bytes / TS_KIB);
  const char *argv[] = {"mke2fs", "-q", "-F", "-t",    "ext4", "-E", "lazy_itable_init=0,nodiscard",
                        "-m",     "0",  "-d", scratch, path,   size, NULL};
  if (g_mkdir_with_parents (scratch, 0700) < 0)
    return ts_throw_errno (error, "make %s", scratch);
  gboolean fine = gather (scratch, size_bytes / 100 * 88 - 8 * TS_MIB, error) &&
                  ts_bench_run (argv, log_path, MAKE_US, error);
  return ts_lab_remove_tree (scratch, fine ? error : NULL) && fine;
}

gboolean
ts_bench_image_copy (const char *from, const char *to, GError **error)
{
  g_autoptr (TsExtents) map = ts_extents_new ();
  g_autoptr (TsDisk) disk = ts_lab_disk_open (from, FALSE, error);
  if (!disk || !ts_lab_disk_map (from, map, error))
    return FALSE;
  int fd = open (to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate (fd, (off_t)disk->size_bytes) < 0) {
    if (fd >= 0)
      close (fd);
    return ts_throw_errno (error, "make %s", to);
  }
  close (fd);
  return ts_bench_image_patch (from, to, map, error);
}

gboolean
ts_bench_image_differ (const char *a, const char *b, TsExtents *extents, GError **error)
{
  g_autoptr (TsDisk) one = ts_lab_disk_open (a, FALSE, error);
  g_autoptr (TsDisk) other = one ? ts_lab_disk_open (b, FALSE, error) : NULL;
  if (!other)
    return FALSE;
  if (one->size_bytes != other->size_bytes)
    return ts_throw (error, TS_ERROR_ARGUMENT, "%s and %s have different sizes", a, b);
  g_autofree guint8 *from_one = g_malloc (PIECE);
  g_autofree guint8 *from_other = g_malloc (PIECE);
  for (guint64 at = 0; at < one->size_bytes; at += PIECE) {
    gsize len = (gsize)MIN (one->size_bytes - at, PIECE);
    if (!one->ops->read (one, at, from_one, len, error) ||
        !other->ops->read (other, at, from_other, len, error))
      return FALSE;
    if (memcmp (from_one, from_other, len) == 0)
      continue;
    for (gsize i = 0; i < len; i += BLOCK) {
      gsize block = MIN (len - i, BLOCK);
      if (memcmp (from_one + i, from_other + i, block) != 0)
        ts_extents_add (extents, at + i, block);
    }
  }
  return TRUE;
}

gboolean
ts_bench_image_patch (const char *from, const char *to, const TsExtents *extents, GError **error)
{
  g_autoptr (TsDisk) source = ts_lab_disk_open (from, FALSE, error);
  g_autoptr (TsDisk) target = source ? ts_lab_disk_open (to, TRUE, error) : NULL;
  if (!target)
    return FALSE;
  g_autofree guint8 *piece = g_malloc (PIECE);
  TsExtent next;
  for (guint64 at = 0; ts_extents_next (extents, at, PIECE, &next);
       at = next.offset_bytes + next.len_bytes)
    if (!source->ops->read (source, next.offset_bytes, piece, next.len_bytes, error) ||
        !target->ops->write (target, next.offset_bytes, piece, next.len_bytes, error))
      return FALSE;
  return TRUE;
}

gboolean
ts_bench_image_spoil (const char *path, const TsExtents *extents, GError **error)
{
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, error);
  if (!disk)
    return FALSE;
  g_autofree guint8 *piece = g_malloc (PIECE);
  TsExtent next;
  for (guint64 at = 0; ts_extents_next (extents, at, PIECE, &next);
       at = next.offset_bytes + next.len_bytes) {
    if (!disk->ops->read (disk, next.offset_bytes, piece, next.len_bytes, error))
      return FALSE;
    for (guint64 i = 0; i < next.len_bytes; i++)
      piece[i] ^= 0xff;
    if (!disk->ops->write (disk, next.offset_bytes, piece, next.len_bytes, error))
      return FALSE;
  }
  return TRUE;
}

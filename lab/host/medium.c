/* lab/host/medium.c -- see medium.h. */
#include "lab/host/medium.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/format/medium.h"
#include "lab/host/spool.h"
#include "lab/machine/disk.h"
#include <glib/gstdio.h>
#include <string.h>

#define LIST "medium"

char *
ts_lab_medium_folder (const TsLabLayout *layout, const char *host, const char *room, const char *vm,
                      const TsGuid *id)
{
  char text[TS_GUID_TEXT_SIZE];
  ts_guid_format (id, text);
  g_autofree char *name = g_strdup_printf ("%s_%s", vm, text);
  return g_build_filename (layout->run, host, room, name, NULL);
}

static char *
file_of (const char *folder, const char *disk)
{
  return g_strdup_printf ("%s/%s.raw", folder, disk);
}

gboolean
ts_lab_medium_begin (const char *folder, GError **error)
{
  if (!ts_lab_remove_tree (folder, error))
    return FALSE;
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  return TRUE;
}

/* What is zero stays, or becomes, a hole. */
static gboolean
copy_piece (TsDisk *from, TsDisk *to, guint64 offset, guint32 len, GBytes **hash, GError **error)
{
  g_autofree guint8 *data = g_malloc (len);
  if (!from->ops->read (from, offset, data, len, error))
    return FALSE;
  gboolean zero = data[0] == 0 && memcmp (data, data + 1, len - 1) == 0;
  if (!(zero ? ts_lab_disk_clear (to, offset, len, error)
             : to->ops->write (to, offset, data, len, error)))
    return FALSE;
  if (hash)
    *hash = ts_medium_hash (data, len);
  return TRUE;
}

GBytes *
ts_lab_medium_put (const char *folder, const char *disk, const char *path, guint64 offset_bytes,
                   guint32 len_bytes, GError **error)
{
  g_autofree char *file = file_of (folder, disk);
  GBytes *hash = NULL;
  g_autoptr (TsDisk) from = ts_lab_disk_open (path, FALSE, error);
  if (!from || (!g_file_test (file, G_FILE_TEST_EXISTS) &&
                !ts_lab_disk_create (file, from->size_bytes, error)))
    return NULL;
  g_autoptr (TsDisk) to = ts_lab_disk_open (file, TRUE, error);
  if (to && copy_piece (from, to, offset_bytes, len_bytes, &hash, error))
    return hash;
  return NULL;
}

GBytes *
ts_lab_medium_get (const char *folder, const char *disk, const char *path, guint64 offset_bytes,
                   guint32 len_bytes, GError **error)
{
  g_autofree char *file = file_of (folder, disk);
  GBytes *hash = NULL;
  g_autoptr (TsDisk) from = ts_lab_disk_open (file, FALSE, error);
  g_autoptr (TsDisk) to = from ? ts_lab_disk_open (path, TRUE, error) : NULL;
  if (to && copy_piece (from, to, offset_bytes, len_bytes, &hash, error))
    return hash;
  return NULL;
}

/* Calls visit with each disk's file, and with its name in the folder. */
static gboolean
each_file (const char *folder, gboolean (*visit) (const char *path, const char *name, gpointer data,
                                                  GError **error),
           gpointer data, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  if (!dir)
    return ts_throw (error, TS_ERROR_IO, "folder %s cannot be read", folder);
  for (const char *name; (name = g_dir_read_name (dir));) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    if (g_str_has_suffix (name, ".raw") && !visit (path, name, data, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
sync_file (const char *path, const char *name, gpointer data, GError **error)
{
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, error);
  return disk && disk->ops->flush (disk, error);
}

gboolean
ts_lab_medium_end (const char *folder, GBytes *list, GError **error)
{
  g_autofree char *path = g_build_filename (folder, LIST, NULL);
  return each_file (folder, sync_file, NULL, error) && ts_lab_state_save (path, list, error);
}

GBytes *
ts_lab_medium_list (const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, LIST, NULL);
  g_autoptr (GError) reason = NULL;
  GBytes *list = ts_lab_state_load (path, &reason);
  if (!list)
    ts_throw (error, TS_ERROR_STATE, "no medium with a finished export has been brought here%s%s",
              reason ? ": " : "", reason ? reason->message : "");
  return list;
}

static gboolean
carry_file (const char *path, const char *name, gpointer data, GError **error)
{
  g_autofree char *target = g_build_filename (data, name, NULL);
  g_autoptr (TsExtents) map = ts_extents_new ();
  g_autoptr (TsDisk) from = ts_lab_disk_open (path, FALSE, error);
  if (!from || !ts_lab_disk_map (path, map, error) ||
      !ts_lab_disk_create (target, from->size_bytes, error))
    return FALSE;
  g_autoptr (TsDisk) to = ts_lab_disk_open (target, TRUE, error);
  if (!to)
    return FALSE;
  TsExtent piece;
  for (guint64 at = 0; ts_extents_next (map, at, TS_MIB, &piece);
       at = piece.offset_bytes + piece.len_bytes)
    if (!copy_piece (from, to, piece.offset_bytes, (guint32)piece.len_bytes, NULL, error))
      return FALSE;
  return to->ops->flush (to, error);
}

gboolean
ts_lab_medium_carry (const char *from, const char *to, GError **error)
{
  g_autoptr (GBytes) list = ts_lab_medium_list (from, NULL);
  if (!list)
    return TRUE;
  return ts_lab_medium_begin (to, error) && each_file (from, carry_file, (gpointer)to, error) &&
         ts_lab_medium_end (to, list, error);
}

/* path, a pointer to a string: the first by name of the files that hold anything. */
static gboolean
first_file (const char *path, const char *name, gpointer data, GError **error)
{
  char **first = data;
  g_autoptr (TsExtents) map = ts_extents_new ();
  if (!ts_lab_disk_map (path, map, error))
    return FALSE;
  if (ts_extents_bytes (map) > 0 && (!*first || strcmp (path, *first) < 0)) {
    g_free (*first);
    *first = g_strdup (path);
  }
  return TRUE;
}

gboolean
ts_lab_medium_damage (const char *folder, GError **error)
{
  g_autofree char *path = NULL;
  if (!each_file (folder, first_file, &path, error))
    return FALSE;
  if (!path)
    return ts_throw (error, TS_ERROR_STATE, "there is nothing on the medium that could be damaged");
  g_autoptr (TsExtents) map = ts_extents_new ();
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, error);
  TsExtent piece;
  guint8 byte;
  if (!disk || !ts_lab_disk_map (path, map, error) || !ts_extents_next (map, 0, TS_MIB, &piece) ||
      !disk->ops->read (disk, piece.offset_bytes, &byte, 1, error))
    return FALSE;
  byte ^= 0xff;
  return disk->ops->write (disk, piece.offset_bytes, &byte, 1, error) && disk->ops->flush (disk, error);
}

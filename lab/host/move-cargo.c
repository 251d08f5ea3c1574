/* lab/host/move-cargo.c -- what goes along with a VM that moves: see move.h.
 *
 * "data" and the disk's name: its plain data; "kept" and its number: what is marked on it; "nvram";
 * "spool" and "history" with a file's name: logs, undo logs.  The qcow2 around the data does not go: it is
 * made anew. */
#include "core/base/error.h"
#include "lab/host/move.h"
#include "lab/machine/disk.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* version, number, files (room, name, size), relation, tracked, watching, owner, group, storage */
#define CARGO_TYPE "(uta(sst)maybbsss)"
#define VERSION 1
#define FILES_MAX 8192
#define LIST "list"

static void
file_free (gpointer data)
{
  TsLabCargoFile *file = data;
  g_free (file->room);
  g_free (file->name);
  g_free (file);
}

TsLabCargo *
ts_lab_cargo_new (guint64 number)
{
  TsLabCargo *cargo = g_new0 (TsLabCargo, 1);
  cargo->number = number;
  cargo->files = g_ptr_array_new_with_free_func (file_free);
  return cargo;
}

void
ts_lab_cargo_free (TsLabCargo *cargo)
{
  if (!cargo)
    return;
  g_ptr_array_unref (cargo->files);
  g_clear_pointer (&cargo->relation, g_bytes_unref);
  g_free (cargo->owner);
  g_free (cargo->owner_group);
  g_free (cargo->storage);
  g_free (cargo);
}

/* --- what there is ---------------------------------------------------------------------------- */

static char *
room_path (const TsLabVm *vm, const char *room)
{
  const TsLabLayout *layout = &vm->host->layout;
  const char *host = vm->host->config->name, *name = vm->config->name;
  return g_str_equal (room, "spool") ? ts_lab_path_spool (layout, host, name)
                                     : ts_lab_path_history (layout, host, name);
}

static gint
disk_of (const TsLabVmConfig *vm, const char *name)
{
  for (guint i = 0; i < vm->disks; i++)
    if (g_str_equal (vm->disk[i].name, name))
      return (gint)i;
  return -1;
}

char *
ts_lab_cargo_path (const TsLabVm *vm, const TsLabCargoFile *file)
{
  if (g_str_equal (file->room, "data"))
    return ts_lab_vm_data_path (vm, (guint)disk_of (vm->config, file->name));
  if (g_str_equal (file->room, "kept"))
    return vm->tracker ? ts_lab_tracker_aside_path (vm->tracker, (guint)(file->name[0] - 'a')) : NULL;
  if (g_str_equal (file->room, "nvram"))
    return ts_lab_path_nvram (&vm->host->layout, vm->host->config->name, vm->config->name, FALSE);
  g_autofree char *folder = room_path (vm, file->room);
  return g_build_filename (folder, file->name, NULL);
}

static TsLabCargoFile *
add (TsLabCargo *cargo, const char *room, const char *name, guint64 size_bytes)
{
  TsLabCargoFile *file = g_new0 (TsLabCargoFile, 1);
  file->room = g_strdup (room);
  file->name = g_strdup (name);
  file->size_bytes = size_bytes;
  g_ptr_array_add (cargo->files, file);
  return file;
}

/* As large as it is; not at all, when it is not there and need not be. */
static gboolean
add_file (TsLabCargo *cargo, const TsLabVm *vm, const char *room, const char *name, gboolean must,
          GError **error)
{
  TsLabCargoFile *file = add (cargo, room, name, 0);
  g_autofree char *path = ts_lab_cargo_path (vm, file);
  GStatBuf info;
  if (g_stat (path, &info) == 0) {
    file->size_bytes = (guint64)info.st_size;
    return TRUE;
  }
  if (must || errno != ENOENT)
    return ts_throw_errno (error, "carry %s", path);
  g_ptr_array_remove (cargo->files, file);
  return TRUE;
}

static gboolean
add_folder (TsLabCargo *cargo, const TsLabVm *vm, const char *room, GError **error)
{
  g_autofree char *folder = room_path (vm, room);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (ts_lab_name_is_plain (name) && !add_file (cargo, vm, room, name, FALSE, error))
      return FALSE;
  return TRUE;
}

gboolean
ts_lab_cargo_load (TsLabCargo *cargo, TsLabVm *vm, GError **error)
{
  guint disks = 0;
  for (guint i = 0; i < vm->config->disks; i++) {
    disks += ts_lab_vm_has_disk (vm, i);
    if (!add_file (cargo, vm, "data", vm->config->disk[i].name, FALSE, error))
      return FALSE;
  }
  if (cargo->tracked && !ts_lab_tracker_put_aside (vm->tracker, error))
    return FALSE;
  for (guint i = 0; cargo->tracked && i < disks; i++) {
    const char name[] = {(char)('a' + i), '\0'};
    if (!add_file (cargo, vm, "kept", name, TRUE, error))
      return FALSE;
  }
  return add_file (cargo, vm, "nvram", "nvram", FALSE, error) &&
         (!cargo->relation || (add_folder (cargo, vm, "spool", error) && add_folder (cargo, vm, "history", error)));
}

/* --- its list --------------------------------------------------------------------------------- */

GBytes *
ts_lab_cargo_pack (const TsLabCargo *cargo)
{
  GVariantBuilder files;
  g_variant_builder_init (&files, G_VARIANT_TYPE ("a(sst)"));
  for (guint i = 0; i < cargo->files->len; i++) {
    const TsLabCargoFile *file = cargo->files->pdata[i];
    g_variant_builder_add (&files, "(sst)", file->room, file->name, file->size_bytes);
  }
  GVariant *relation =
      cargo->relation ? g_variant_new_from_bytes (G_VARIANT_TYPE ("ay"), cargo->relation, TRUE) : NULL;
  g_autoptr (GVariant) v = g_variant_ref_sink (g_variant_new (
      "(uta(sst)m@aybbsss)", VERSION, cargo->number, &files, relation, cargo->tracked, cargo->watching,
      cargo->owner ? cargo->owner : "", cargo->owner_group ? cargo->owner_group : "",
      cargo->storage ? cargo->storage : ""));
  return g_variant_get_data_as_bytes (v);
}

static gboolean
is_ours (const TsLabVmConfig *vm, const char *room, const char *name)
{
  if (g_str_equal (room, "data"))
    return disk_of (vm, name) >= 0;
  if (g_str_equal (room, "kept"))
    return name[0] >= 'a' && (guint)(name[0] - 'a') < vm->disks && name[1] == '\0';
  if (g_str_equal (room, "nvram"))
    return vm->uefi && g_str_equal (name, "nvram");
  return (g_str_equal (room, "spool") || g_str_equal (room, "history")) && ts_lab_name_is_plain (name);
}

TsLabCargo *
ts_lab_cargo_unpack (GBytes *bytes, const TsLabVmConfig *vm, GError **error)
{
  g_autoptr (GVariant) v =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (CARGO_TYPE), bytes, FALSE));
  g_autoptr (TsLabCargo) cargo = ts_lab_cargo_new (0);
  g_autoptr (GVariantIter) files = NULL;
  g_autoptr (GVariant) relation = NULL;
  guint32 version;
  if (!g_variant_is_normal_form (v)) {
    ts_throw (error, TS_ERROR_FORMAT, "cargo: not in normal form");
    return NULL;
  }
  g_variant_get (v, "(uta(sst)m@aybbsss)", &version, &cargo->number, &files, &relation, &cargo->tracked,
                 &cargo->watching, &cargo->owner, &cargo->owner_group, &cargo->storage);
  gboolean fine = version == VERSION && g_variant_iter_n_children (files) <= FILES_MAX &&
                  (*cargo->storage == '\0' || ts_lab_name_is_plain (cargo->storage));
  const char *room, *name;
  guint64 size_bytes;
  while (fine && g_variant_iter_next (files, "(&s&st)", &room, &name, &size_bytes)) {
    fine = is_ours (vm, room, name) && size_bytes <= G_MAXINT64;
    add (cargo, room, name, size_bytes);
  }
  if (!fine) {
    ts_throw (error, TS_ERROR_FORMAT, "cargo: not of virtual machine %s", vm->name);
    return NULL;
  }
  cargo->relation = relation ? g_variant_get_data_as_bytes (relation) : NULL;
  return g_steal_pointer (&cargo);
}

/* --- one that comes --------------------------------------------------------------------------- */

char *
ts_lab_cargo_folder (const TsLabVm *vm)
{
  g_autofree char *name = g_strdup_printf ("moving.%s", vm->config->name);
  return ts_lab_path_host (&vm->host->layout, vm->host->config->name, name);
}

static char *
lies_at (const TsLabVm *vm, guint file)
{
  g_autofree char *folder = ts_lab_cargo_folder (vm);
  return g_strdup_printf ("%s/%u", folder, file);
}

gboolean
ts_lab_cargo_scrap (const TsLabVm *vm, GError **error)
{
  g_autofree char *folder = ts_lab_cargo_folder (vm);
  return ts_lab_remove_tree (folder, error);
}

gboolean
ts_lab_cargo_open (const TsLabCargo *cargo, const TsLabVm *vm, GError **error)
{
  g_autofree char *folder = ts_lab_cargo_folder (vm);
  if (!ts_lab_cargo_scrap (vm, error))
    return FALSE;
  if (g_mkdir_with_parents (folder, 0700) < 0)
    return ts_throw_errno (error, "make %s", folder);
  for (guint i = 0; i < cargo->files->len; i++) {
    const TsLabCargoFile *file = cargo->files->pdata[i];
    g_autofree char *path = lies_at (vm, i);
    int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate (fd, (off_t)file->size_bytes) < 0) {
      ts_throw_errno (error, "make %s", path);
      if (fd >= 0)
        close (fd);
      return FALSE;
    }
    close (fd);
  }
  return TRUE;
}

gboolean
ts_lab_cargo_write (const TsLabCargo *cargo, const TsLabVm *vm, guint number, guint64 offset_bytes,
                    GBytes *bytes, GError **error)
{
  gsize len = 0;
  const guint8 *data = bytes ? g_bytes_get_data (bytes, &len) : NULL;
  const TsLabCargoFile *file = number < cargo->files->len ? cargo->files->pdata[number] : NULL;
  if (!file || offset_bytes > file->size_bytes || len > file->size_bytes - offset_bytes)
    return ts_throw (error, TS_ERROR_FORMAT, "cargo: a piece of file %u that is not in it", number);
  g_autofree char *path = lies_at (vm, number);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return ts_throw_errno (error, "open %s", path);
  while (len > 0) {
    gssize n = pwrite (fd, data, len, (off_t)offset_bytes);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      ts_throw_errno (error, "write %s", path);
      close (fd);
      return FALSE;
    }
    data += n;
    offset_bytes += (guint64)n;
    len -= (gsize)n;
  }
  close (fd);
  return TRUE;
}

gboolean
ts_lab_cargo_settle (const TsLabCargo *cargo, const TsLabVm *vm, GError **error)
{
  g_autofree char *folder = ts_lab_cargo_folder (vm);
  g_autofree char *list = g_build_filename (folder, LIST, NULL);
  for (guint i = 0; i < cargo->files->len; i++) {
    g_autofree char *path = lies_at (vm, i);
    if (!ts_lab_path_sync (path, error))
      return FALSE;
  }
  g_autoptr (GBytes) bytes = ts_lab_cargo_pack (cargo);
  return ts_lab_path_sync (folder, error) && ts_lab_state_save (list, bytes, error);
}

TsLabCargo *
ts_lab_cargo_recall (const TsLabVm *vm, GError **error)
{
  g_autofree char *folder = ts_lab_cargo_folder (vm);
  g_autofree char *list = g_build_filename (folder, LIST, NULL);
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) bytes = ts_lab_state_load (list, &reason);
  if (!bytes) {
    if (reason)
      g_propagate_error (error, g_steal_pointer (&reason));
    else
      ts_throw (error, TS_ERROR_LOST, "%s is not there", list);
    return NULL;
  }
  return ts_lab_cargo_unpack (bytes, vm->config, error);
}

gboolean
ts_lab_cargo_place (const TsLabCargo *cargo, const TsLabVm *vm, const char *room, GError **error)
{
  for (guint i = 0; i < cargo->files->len; i++) {
    const TsLabCargoFile *file = cargo->files->pdata[i];
    if (!g_str_equal (file->room, room))
      continue;
    g_autofree char *from = lies_at (vm, i);
    g_autofree char *to = ts_lab_cargo_path (vm, file);
    g_autofree char *folder = to ? g_path_get_dirname (to) : NULL;
    if (!to || !g_file_test (from, G_FILE_TEST_EXISTS)) /* before a crash of this host: it is there */
      continue;
    if (g_mkdir_with_parents (folder, 0755) < 0 || g_rename (from, to) < 0)
      return ts_throw_errno (error, "put %s in its place", to);
    if (!ts_lab_path_sync (folder, error))
      return FALSE;
  }
  return TRUE;
}

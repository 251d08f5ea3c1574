/* lab/site/layout.c -- see layout.h. */
#include "lab/site/layout.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/base/error.h"

gboolean
ts_lab_name_is_plain (const char *name)
{
  gsize len = strlen (name);
  return len >= 1 && len <= 40 && g_ascii_isalnum (name[0]) &&
         strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") == len;
}

char *
ts_lab_path_host (const TsLabLayout *layout, const char *host, const char *name)
{
  return g_build_filename (layout->run, host, name, NULL);
}

static char *
disk_file (const TsLabLayout *layout, const char *host, const char *room, const char *vm,
           const char *disk, const char *end)
{
  return g_strdup_printf ("%s/%s/%s/%s.%s.%s", layout->run, host, room, vm, disk, end);
}

char *
ts_lab_path_disk (const TsLabLayout *layout, const char *host, const char *vm, const char *disk)
{
  return disk_file (layout, host, "disks", vm, disk, "qcow2");
}

char *
ts_lab_path_data (const TsLabLayout *layout, const char *host, const char *vm, const char *disk)
{
  return disk_file (layout, host, "disks", vm, disk, "raw");
}

char *
ts_lab_path_replica (const TsLabLayout *layout, const char *host, const char *storage,
                     const char *vm, const char *disk)
{
  return disk_file (layout, host, storage, vm, disk, "raw");
}

char *
ts_lab_path_overlay (const TsLabLayout *layout, const char *host, const char *storage,
                     const char *vm, const char *disk)
{
  return disk_file (layout, host, storage, vm, disk, "overlay.qcow2");
}

char *
ts_lab_path_test (const TsLabLayout *layout, const char *host, const char *storage, const char *vm,
                  const char *disk)
{
  return disk_file (layout, host, storage, vm, disk, "test.qcow2");
}

char *
ts_lab_path_spool (const TsLabLayout *layout, const char *host, const char *vm)
{
  return g_build_filename (layout->run, host, "spool", vm, NULL);
}

char *
ts_lab_path_history (const TsLabLayout *layout, const char *host, const char *vm)
{
  return g_build_filename (layout->run, host, "history", vm, NULL);
}

char *
ts_lab_path_state (const TsLabLayout *layout, const char *host, const char *vm, const char *role)
{
  return g_strdup_printf ("%s/%s/state/%s.%s", layout->run, host, vm, role);
}

char *
ts_lab_path_nvram (const TsLabLayout *layout, const char *host, const char *vm, gboolean test)
{
  return g_strdup_printf ("%s/%s/disks/%s%s", layout->run, host, vm,
                          test ? ".test.nvram" : ".nvram");
}

char *
ts_lab_name_cable (guint host, guint vm, gboolean test)
{
  return g_strdup_printf ("ts%uv%u%s", host, vm, test ? "t" : "");
}

char *
ts_lab_path_hypervisor (const TsLabLayout *layout, guint host)
{
  return g_strdup_printf ("%s/h%u", layout->sockets, host);
}

char *
ts_lab_path_control (const TsLabLayout *layout, guint host)
{
  return g_strdup_printf ("%s/h%uc", layout->sockets, host);
}

char *
ts_lab_path_channel (const TsLabLayout *layout, guint host, guint vm)
{
  return g_strdup_printf ("%s/h%uv%u", layout->sockets, host, vm);
}

char *
ts_lab_path_test_channel (const TsLabLayout *layout, guint host, guint vm)
{
  return g_strdup_printf ("%s/h%uv%ut", layout->sockets, host, vm);
}

char *
ts_lab_path_undo (const TsLabLayout *layout, guint host, guint vm)
{
  return g_strdup_printf ("%s/h%uu%u", layout->sockets, host, vm);
}

char *
ts_lab_path_tracker (const TsLabLayout *layout, guint host, guint vm)
{
  return g_strdup_printf ("%s/h%ut%u", layout->sockets, host, vm);
}

static int
remove_one (const char *path, const struct stat *info, int kind, struct FTW *where)
{
  return remove (path);
}

gboolean
ts_lab_remove_tree (const char *path, GError **error)
{
  if (nftw (path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
    return ts_throw_errno (error, "remove %s", path);
  return TRUE;
}

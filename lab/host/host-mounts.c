/* lab/host/host-mounts.c -- a /run of its own for a host process, and a small store for its logs.
 *
 * libvirt's driver, run by root, makes folders below /run/libvirt whatever its own root is.  With a
 * /run of its own it leaves nothing on the user's machine. */
#include "lab/host/host-internal.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

/* A folder below /run is seen in the new one too. */
static gboolean
keep (const char *folder, int fd)
{
  g_autofree char *same = g_strdup_printf ("/proc/self/fd/%d", fd);
  return g_mkdir_with_parents (folder, 0755) == 0 &&
         mount (same, folder, NULL, MS_BIND | MS_REC, NULL) == 0;
}

gboolean
ts_lab_host_own_run (const char *const *folders, GError **error)
{
  int fds[4] = {-1, -1, -1, -1};
  guint count = 0;
  gboolean ok =
      unshare (CLONE_NEWNS) == 0 && mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
  /* Only now: what was opened in another mount namespace cannot be bound here. */
  for (; folders[count] && count < G_N_ELEMENTS (fds); count++)
    if (g_str_has_prefix (folders[count], "/run/"))
      fds[count] = open (folders[count], O_PATH | O_DIRECTORY | O_CLOEXEC);
  /* Without the right to this, the machine's own /run will have to do; libvirt says so if not. */
  gboolean may = ok;
  ok = ok && mount ("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0;
  for (guint i = 0; ok && i < count; i++)
    ok = fds[i] < 0 || keep (folders[i], fds[i]);
  if (may && !ok)
    ts_throw_errno (error, "make a /run for this host");
  for (guint i = 0; i < count; i++)
    if (fds[i] >= 0)
      close (fds[i]);
  return ok || !may;
}

gboolean
ts_lab_host_own_store (const char *folder, guint64 bytes, GError **error)
{
  g_autofree char *options = g_strdup_printf ("mode=0700,size=%" G_GUINT64_FORMAT, bytes);
  if (g_mkdir_with_parents (folder, 0755) < 0 ||
      mount ("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0)
    return ts_throw_errno (error, "make a file system for the logs of this host");
  return TRUE;
}

/* lab/machine/guest-file.c -- where the guest's kernel and initramfs lie; they belong to no preset and no
 * installation alone, so several places are looked at, in the order of who is most explicit. */
#include <unistd.h>
#include "core/base/error.h"
#include "lab/doctor.h"

/* Folders in which to look, best first. */
static GPtrArray *
places (void)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  const char *told = g_getenv ("TWINSITE_GUEST");
  if (told && *told) { /* who says where does not want to be given another */
    g_ptr_array_add (folders, g_strdup (told));
    return folders;
  }
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self ? g_path_get_dirname (self) : NULL;
  for (int up = 0; folder && up < 4; up++) { /* build/PRESET/scenarios/twinsite -> build/guest */
    g_ptr_array_add (folders, g_build_filename (folder, "guest", NULL));
    char *parent = g_path_get_dirname (folder);
    g_free (folder);
    folder = parent;
  }
  g_ptr_array_add (folders, g_strdup (TS_GUEST_BUILT));
  if (self) {
    g_autofree char *bin = g_path_get_dirname (self);
    g_ptr_array_add (folders, g_build_filename (bin, "..", "share", "twinsite", "guest", NULL));
  }
  g_ptr_array_add (folders, g_strdup (TS_GUEST_INSTALLED));
  return folders;
}

char *
ts_lab_guest_file (const char *name, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_autoptr (GPtrArray) folders = places ();
  for (guint i = 0; i < folders->len; i++) {
    g_autofree char *path = g_build_filename (folders->pdata[i], name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR) && access (path, R_OK) == 0)
      return g_steal_pointer (&path);
  }
  ts_throw (error, TS_ERROR_UNAVAILABLE,
            folders->len == 1 ? "the guest's %s is not in %s (TWINSITE_GUEST)"
                              : "the guest's %s has not been made (looked in %s and elsewhere)",
            name, folders->len == 1 ? (const char *)folders->pdata[0] : TS_GUEST_BUILT);
  return NULL;
}

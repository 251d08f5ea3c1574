#include "results/file.h"
#include "core/base/error.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

gboolean
ts_file_replace (const char *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *beside = g_strdup_printf ("%s.new", path);
  gsize len = strlen (text);
  FILE *file = fopen (beside, "we");
  if (!file)
    return ts_throw_errno (error, "create %s", beside);
  gboolean fine =
      fwrite (text, 1, len, file) == len && fflush (file) == 0 && fsync (fileno (file)) == 0;
  if (!fine)
    ts_throw_errno (error, "write %s", beside);
  if (fclose (file) != 0 && fine)
    fine = ts_throw_errno (error, "write %s", beside);
  if (fine && rename (beside, path) != 0)
    fine = ts_throw_errno (error, "rename %s", beside);
  if (!fine)
    unlink (beside);
  return fine;
}

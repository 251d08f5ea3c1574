/* scenarios/engine/folder.h -- a run's folder: made anew, compared, removed. */
#pragma once
#include <glib.h>

/* Makes the folder, and its parents.  One that is there is emptied first, but only if it is empty
 * or holds a run (scenario.yaml): nobody's other files are ever removed.  TS_ERROR_ARGUMENT, _IO.
 */
gboolean ts_folder_renew (const char *folder, GError **error);
/* The same care, and then nothing is left.  A folder that is not there is fine. */
gboolean ts_folder_remove (const char *folder, GError **error);

/* Are the two files the same, byte for byte?  If not, difference says where: "line 12: ...".
 * Returns FALSE with error set when one cannot be read, with difference set when they differ. */
gboolean ts_files_same (const char *a, const char *b, char **difference, GError **error);

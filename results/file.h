/* results/file.h -- a file that appears whole or not at all.  Private to results/ and the command.
 */
#pragma once
#include <glib.h>

/* Written beside, brought to the disk, renamed: whoever looks sees the old file or the new one.
 * TS_ERROR_IO, TS_ERROR_FULL. */
gboolean ts_file_replace (const char *folder, const char *name, const char *text, GError **error);

/* lab/machine/image.h -- a disk image of the user's, which is only ever read. */
#pragma once
#include <glib.h>

typedef struct {
  const char *format; /* "raw" or "qcow2", by what the file begins with; static */
  guint64 size_bytes; /* of the disk in it */
} TsLabImageFile;

/* TS_ERROR_IO: cannot be read; TS_ERROR_FORMAT: begins like a qcow2 and is none, or is no whole
 * number of sectors. */
gboolean ts_lab_image_file_look (const char *path, TsLabImageFile *file, GError **error);

/* Copies the disk in it over the beginning of a raw file, which is at least as large and all zero.
 * The image is opened for reading only; nobody may write to it meanwhile. */
gboolean ts_lab_image_file_copy (const char *path, const char *raw_path, GError **error);

/* lab/machine/tracker-read.h -- one disk of a cut, read over NBD: its changed blocks, then their data. */
#pragma once
#include "lab/machine/tracker-raw.h"
#include "lab/machine/tracker.h"

/* socket_path, export_name: where the disk is served.  bitmap: NULL-terminated names of the dirty
 * bitmaps served with it; what any of them marks is read.  raw: from where, instead of over NBD; NULL
 * or without a path: over NBD.  Blocks that had to be read twice are in the log twice, the right ones
 * behind the others.  Every wait is bounded: without progress for 30 s it is TS_ERROR_AGAIN. */
gboolean ts_lab_tracker_read (const char *socket_path, const char *export_name,
                              const char *const *bitmap, TsLabRaw *raw, TsHrlWriter *writer,
                              guint32 time_s, TsLabCutDisk *cut, GError **error);

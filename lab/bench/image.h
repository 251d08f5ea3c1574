/* lab/bench/image.h -- the data of a bench: an ext4 file system filled from /usr, and what changed
 * between two images. */
#pragma once
#include "core/disk/extents.h"

/* Makes a raw image at path with a file system of that size, filled from /usr until it is about
 * full (mke2fs -d, nothing is mounted; needs e2fsprogs).  scratch: a folder, emptied again. */
gboolean ts_bench_image_make (const char *path, guint64 size_bytes, const char *scratch,
                              const char *log_path, GError **error);
/* A copy with the same holes. */
gboolean ts_bench_image_copy (const char *from, const char *to, GError **error);
/* Adds to extents the 4 KiB blocks that differ; images of one size. */
gboolean ts_bench_image_differ (const char *a, const char *b, TsExtents *extents, GError **error);
/* Writes these ranges of from into the image at to. */
gboolean ts_bench_image_patch (const char *from, const char *to, const TsExtents *extents,
                               GError **error);
/* Inverts what lies in these ranges. */
gboolean ts_bench_image_spoil (const char *path, const TsExtents *extents, GError **error);

/* lab/machine/overlay.h -- a qcow2 overlay as a disk that can be written, before its machine is started. */
#pragma once
#include "core/disk/disk.h"

/* Serves the image by a qemu-storage-daemon of its own, at the socket (a short path), and writes to
 * it over NBD.  flush makes image and its tables durable.  Free it before anybody else opens the
 * image.  Every wait is bounded: without progress for 30 s it is TS_ERROR_AGAIN. */
TsDisk *ts_lab_overlay_open (const char *path, const char *socket_path,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

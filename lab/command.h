/* lab/command.h -- runs a program of QEMU's (qemu-img, qemu-storage-daemon) for a bounded time.
 *
 * A child dies with the thread that started it (PR_SET_PDEATHSIG), so it cannot be left behind; its
 * standard input is empty, its standard output dropped or kept, the end of its standard error
 * becomes the message of a failure.  Any thread. */
#pragma once
#include <glib.h>
#include <sys/types.h>
#include "core/base/error.h"

typedef struct {
  pid_t pid;    /* 0: none */
  int error_fd; /* what it writes to standard error; -1: none */
} TsLabChild;

/* Starts argv (NULL-terminated, found through PATH).  package: what to install when it is missing
 * (TS_ERROR_UNAVAILABLE). */
gboolean ts_lab_child_start (TsLabChild *child, const char *const *argv, const char *package,
                             GError **error);
/* TRUE while it runs; when it does not, *child is none and error says how it ended. */
gboolean ts_lab_child_alive (TsLabChild *child, GError **error);
/* SIGKILL and reaped.  Fine when none. */
void ts_lab_child_kill (TsLabChild *child);

/* Runs argv to its end.  output: its standard output, at most 1 MiB of it; may be NULL.  A failure
 * for want of room is TS_ERROR_FULL, more time than timeout_us TS_ERROR_AGAIN, else TS_ERROR_IO. */
gboolean ts_lab_command (const char *const *argv, const char *package, gint64 timeout_us,
                         char **output, GError **error);

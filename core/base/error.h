/* core/base/error.h -- what went wrong, told by what the caller will do about it.
 *
 * A caller's bug asserts (g_return_*, g_assert); the world's failure is a GError of this domain. */
#pragma once
#include <errno.h>
#include <glib.h>

#define TS_ERROR (ts_error_quark ())
GQuark ts_error_quark (void);

typedef enum {
  TS_ERROR_ARGUMENT,    /* the user asked for something that is not allowed: tell him what is */
  TS_ERROR_FORMAT,      /* bytes from outside are not what they should be: refuse them */
  TS_ERROR_STATE,       /* not in this state (32775 of HVR reference 3.4): refuse the verb */
  TS_ERROR_REFUSED,     /* the peer or a policy said no: do not try again by itself */
  TS_ERROR_AGAIN,       /* passing: try later */
  TS_ERROR_LOST,        /* the other side is gone */
  TS_ERROR_FULL,        /* no room on a disk or in a queue */
  TS_ERROR_UNAVAILABLE, /* this machine lacks something: say what and which package has it */
  TS_ERROR_IO,          /* the operating system failed us */
  TS_ERROR_INTERNAL,    /* cannot happen, did */
} TsErrorCode;

/* Sets error (if it is not NULL) and returns FALSE, so that a gboolean function fails in one line.
 */
gboolean ts_throw (GError **error, TsErrorCode code, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Like ts_throw with code TS_ERROR_IO (FULL for ENOSPC, AGAIN for EAGAIN) and ": <strerror>"
 * behind. Reads errno before anything else. */
gboolean ts_throw_errno (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

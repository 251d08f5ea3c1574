/* lab/machine/remote.h -- a libvirtd that is not ours: what a runner, who holds no machine there, asks it.
 *
 * Machines that a run has defined there are told from all others by how their names begin: nothing else
 * is ever touched.  Every call connects anew and blocks. */
#pragma once
#include <glib.h>

/* "twinsite-RUN-HOST.": RUN is the registered run's id.  Caller frees. */
char *ts_lab_remote_prefix (const char *run_id, const char *host);

/* Is it there, lets it us in, and does it run QEMU?  TS_ERROR_UNAVAILABLE with its reason. */
gboolean ts_lab_remote_try (const char *uri, GError **error);

/* Pulls the plug of all machines whose names begin with prefix (QEMU is asked by signal, and closes its
 * images: what a power loss breaks in a bitmap, this does not); forget: and undefines them.  *stopped
 * (may be NULL): how many ran. */
gboolean ts_lab_remote_sweep (const char *uri, const char *prefix, gboolean forget, guint *stopped,
                              GError **error);

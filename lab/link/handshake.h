/* lab/link/handshake.h -- how long two hosts need here to prove who they are: for a simulator profile. */
#pragma once
#include <glib.h>

/* Connects to itself over TLS on the loopback interface, with certificates that it makes in folder, so
 * many times; median of the time until both sides know, which is processor time only.  Runs the
 * default main context.  TS_ERROR_LOST: one did not come to an end. */
gboolean ts_lab_measure_handshake (const char *folder, guint rounds, gint64 *median_us,
                                   GError **error);

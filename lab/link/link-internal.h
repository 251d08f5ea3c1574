/* lab/link/link-internal.h -- what listener.c needs of link.c. */
#pragma once
#include "lab/link/address.h"
#include "lab/link/tls.h" /* ts_lab_wait */
#include "lab/link/transport.h"

/* The server's end over an accepted socket (taken, whatever happens).  what: prefix of reasons.
 * Answers in events like ts_lab_link_connect. */
TsLabLink *ts_lab_link_accept (int fd, const char *what, TsLabTransportKeys *keys,
                               gint64 timeout_us, const TsLabLinkEvents *events, gpointer user);

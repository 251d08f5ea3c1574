/* lab/wan/tun.h -- a TUN device in somebody else's network namespace. */
#pragma once
#include <glib.h>
#include <sys/types.h>

#define TS_TUN_NAME "wan%d" /* the first that is free, for a site may have several */
/* At most: packets that wait for us to be scheduled; the shaper's queue is the one that is meant to
 * be full.
 */
#define TS_TUN_QUEUE_PACKETS 5000

/* Makes the device in the namespace of process site, with address (IPv4), a route to peer, and mtu,
 * and brings it up.  Returns its descriptor, one IP packet per read and write, non-blocking; -1 on
 * failure. The device goes when it is closed. */
int ts_tun_make (pid_t site, const char *address, const char *peer, guint mtu, GError **error);

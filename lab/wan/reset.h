/* lab/wan/reset.h -- what a link that tears connections down says to who sends a TCP packet.
 *
 * As a firewall that rejects: a segment with RST, made from the packet alone (RFC 9293, 3.10.7.1), back to
 * its sender and on to its receiver. */
#pragma once
#include <glib.h>

#define TS_RESET_BYTES 40 /* IPv4 and TCP header without options */

/* back: to the sender; else on to the receiver.  FALSE: it is no TCP over IPv4, or is a reset itself. */
gboolean ts_reset_make (const guint8 *packet, gsize packet_bytes, gboolean back,
                        guint8 reset[TS_RESET_BYTES]);

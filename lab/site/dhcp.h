/* lab/site/dhcp.h -- one address, given to whoever asks for one (RFC 2131, as much as one machine on a
 * cable of its own needs).
 *
 * The questions come from a guest: whatever bytes it likes.  No I/O. */
#pragma once
#include <glib.h>

typedef struct {
  guint32 address, server; /* the machine's; ours, which is its router too (base/ipv4.h) */
  guint prefix;
} TsDhcpLease;

#define TS_DHCP_ANSWER_MAX 300 /* the least that every client takes is 300, too */

/* Answers DISCOVER (offer), REQUEST (yes; no, when it is for another address) and INFORM.  Returns
 * the answer's length, to be sent to port 68 of everybody on that cable; 0: there is none. */
gsize ts_dhcp_answer (const TsDhcpLease *lease, const guint8 *question, gsize len,
                      guint8 answer[TS_DHCP_ANSWER_MAX]);

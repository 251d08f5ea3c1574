/* sim/link.h -- connections over a shaped link: a reliable, ordered stream each way.
 *
 * Twin of lab/link/link.h.  A message goes out in packets through core/seam/shaper.h, as fast as the
 * line takes them (an ideal TCP: no more in the link's queue than half of it holds).  A packet that
 * the line loses is sent again one round trip later; into a black hole, again and again with a
 * doubling time-out, from 200 ms to 120 s (RFC 6298), for as long as the connection lives.  Opening
 * a connection costs the packets of TCP and TLS 1.3 with certificates on both sides. */
#pragma once
#include "core/seam/shaper.h"
#include "sim/clock.h"

typedef struct _TsSimLink TsSimLink; /* both directions between two sites */
typedef struct _TsSimConn TsSimConn; /* one end of a connection */

/* profile: what the hosts' own part in it takes; NULL: nothing. */
TsSimLink *ts_sim_link_new (TsSimClock *clock, const TsLinkSpec *spec, const TsProfile *profile,
                            guint64 seed, const char *site_a, const char *site_b);
void ts_sim_link_free (TsSimLink *link); /* after its connections */
void ts_sim_link_set_mode (TsSimLink *link, TsLinkMode mode);
const TsShaper *ts_sim_link_shaper (const TsSimLink *link, guint direction); /* 0: a to b */

typedef struct {
  void (*connected) (TsSimConn *conn, gpointer user);
  /* Bytes as sent, one message a call. */
  void (*message) (TsSimConn *conn, GBytes *bytes, gpointer user);
  void (*lost) (TsSimConn *conn, const char *reason, gpointer user); /* the peer hung up */
} TsSimConnEvents;

/* Asks the far side, which is told by welcome_far when the handshake is done there; NULL events of
 * an end are not heard. from: 0 or 1, the site (as in the link) that connects. */
TsSimConn *ts_sim_link_connect (TsSimLink *link, guint from, const TsSimConnEvents *events,
                                gpointer user, void (*welcome_far) (TsSimConn *far, gpointer user),
                                gpointer far_user);
/* How who connects is called by its certificate or ticket: the far end then knows it.  Right after
 * connecting; name is not copied. */
void ts_sim_conn_introduce (TsSimConn *conn, const char *name);
const char *ts_sim_conn_peer (const TsSimConn *conn); /* the far end's; "": it did not say */
void ts_sim_conn_set_events (TsSimConn *conn, const TsSimConnEvents *events, gpointer user);
/* wire_bytes: what it takes on the line. */
void ts_sim_conn_send (TsSimConn *conn, GBytes *bytes, gsize wire_bytes);
/* Hangs up: the peer hears it, if the packet gets through.  The handle is gone. */
void ts_sim_conn_close (TsSimConn *conn);
/* The end's host has lost power: nothing is said to anyone any more. */
void ts_sim_conn_vanish (TsSimConn *conn);

/* lab/link/link.h -- frames between two host processes: TCP, with mutual TLS (port 8084, HVR reference
 * 1.3) or mutual Kerberos (port 8083).
 *
 * Everything is heard in the default main context, in order; the blocking work (handshake, encode
 * and decode, socket) is done on threads of its own.  A peer is named by its certificate's subject
 * alternative name (DNS), never by its address.  Bytes from a peer whose certificate is not
 * accepted are never looked at; garbage closes the connection with TS_ERROR_FORMAT.
 *
 * A certificate is accepted if and only if it is signed by the authority, not revoked (by a list
 * that is not out of date; when there is one), valid now, its extended key usage names the peer's
 * side (server or client), and its DNS name is the expected one (for who connects; a listener takes
 * any name and tells it).  The reason says what of this failed.
 * With Kerberos a peer is named by its principal's host: hvr/HOST@REALM, of our realm; it has shown
 * a ticket that is good now, and every byte is encrypted and in sequence (gss.h).
 *
 * What a reason's code says: LOST: unreachable, too late, broken, closed; REFUSED: a certificate
 * was not accepted, here or there; FORMAT: the peer does not speak this protocol; FULL: too many at
 * once; IO: a credential's file or the system.
 *
 * All functions are called in the thread of the default main context; a link may be freed in its
 * own events.  Threads of a link end within ts_lab_link_free, whatever the peer does or does not.
 */
#pragma once
#include "core/format/frame.h"

#define TS_LAB_PORT 8084
#define TS_LAB_KERBEROS_PORT 8083

typedef struct _TsLabLink TsLabLink;
typedef struct _TsLabListener TsLabListener;

typedef struct {
  /* certificates: PEM files */
  char *ca, *certificate, *key;
  char *crl; /* what the authority has revoked; NULL: nothing.  One that cannot be read: IO */
  /* Kerberos instead, when principal is not NULL: hvr/HOST@REALM, and the file with its keys.
   * tickets: a file with tickets that somebody has fetched; NULL: they are fetched by the keys.
   * Configuration: as the library finds it ($KRB5_CONFIG). */
  char *principal, *keytab, *tickets;
} TsLabCredentials;

typedef struct {
  /* The handshake is done on this side; peer: the name in its certificate.  A peer that does not
   * accept ours says so after that (TLS 1.3): lost then follows with TS_ERROR_REFUSED. */
  void (*connected) (TsLabLink *link, const char *peer, gpointer user);
  /* A valid frame; the callee may take frame->payload (set it to NULL). */
  void (*frame) (TsLabLink *link, TsFrame *frame, gpointer user);
  /* Once, last: refused, broken, garbage, or closed by the peer.  Not after ts_lab_link_free. */
  void (*lost) (TsLabLink *link, const GError *reason, gpointer user);
} TsLabLinkEvents;

/* Starts to connect and answers in events: connected, or lost (also when nobody answers within
 * timeout_us, which bounds connect and handshake together).  address: numeric, IPv4 or IPv6; a bad
 * one, or credentials that cannot be read, are told by lost too.  host_name: what the peer's
 * certificate must say.  events is copied; any of it may be NULL. */
TsLabLink *ts_lab_link_connect (const char *address, guint16 port, const char *host_name,
                                const TsLabCredentials *credentials, gint64 timeout_us,
                                const TsLabLinkEvents *events, gpointer user);
void ts_lab_link_set_events (TsLabLink *link, const TsLabLinkEvents *events, gpointer user);
/* Encodes (payload referenced) and sends behind what was sent before; sequence is filled in here.
 * compress as in ts_frame_encode.  Never blocks; before connected the frame waits for that, after
 * lost it is dropped. */
void ts_lab_link_send (TsLabLink *link, const TsFrame *frame, gboolean compress);
/* on: no event comes, not even lost, until it is off again; what arrives waits, and when some MiB do, the peer.
 * For who cannot keep up. */
void ts_lab_link_hold (TsLabLink *link, gboolean on);
guint64 ts_lab_link_wire_bytes_sent (const TsLabLink *link); /* frames as encoded, before TLS */
guint64 ts_lab_link_waiting_bytes (const TsLabLink *link); /* payload not yet given to the socket */
const char *ts_lab_link_peer (const TsLabLink *link);      /* NULL before connected */
/* Closes at once, without events; what waits is not sent.  NULL is fine. */
void ts_lab_link_free (TsLabLink *link);

/* accepted: a peer with a good certificate is connected; the callee owns link and sets its events
 * (before returning to the main loop), or frees it to turn it away.
 * turned_away: a peer did not get that far; reason says why, for the journal. */
typedef struct {
  void (*accepted) (TsLabListener *listener, TsLabLink *link, const char *peer, gpointer user);
  void (*turned_away) (TsLabListener *listener, const GError *reason, gpointer user);
} TsLabListenerEvents;
/* A peer that says nothing, or is slow, is turned away after timeout_us; at most
 * TS_LAB_HANDSHAKES_MAX handshakes are under way, who comes then is turned away at once.  port 0:
 * any that is free.  The listener may be freed in its own events. */
#define TS_LAB_HANDSHAKES_MAX 64
TsLabListener *ts_lab_listener_new (const char *address, guint16 port,
                                    const TsLabCredentials *credentials, gint64 timeout_us,
                                    const TsLabListenerEvents *events, gpointer user,
                                    GError **error);
guint16 ts_lab_listener_port (const TsLabListener *listener);
/* Closes, and drops the handshakes under way; links that were accepted live on.  NULL is fine. */
void ts_lab_listener_free (TsLabListener *listener);

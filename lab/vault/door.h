/* lab/vault/door.h -- who comes in to a vault's HTTP server, and for how long.
 *
 * Takes connections from a socket that listens, puts TLS on them where there is a certificate, and hands
 * them to the HTTP server.  It gives nobody for ever: a request's header and body must have come
 * within TS_LAB_DOOR_REQUEST_MS of its beginning (of the connection, for the first one: that includes
 * the TLS handshake), whatever is dripped meanwhile; a connection without a request is kept so long, too;
 * who does not read what is sent to him for TS_LAB_DOOR_STALL_MS is cut off.  A request that has come
 * may be answered late, and a stream of events goes on for ever as long as it is read.  At most
 * TS_LAB_DOOR_OPEN_MAX connections stand open at once; more are hung up on.  All CHOICE. */
#pragma once
#include <libsoup/soup.h>

#define TS_LAB_DOOR_REQUEST_MS 30000
#define TS_LAB_DOOR_STALL_MS 60000
#define TS_LAB_DOOR_OPEN_MAX 512

typedef struct _TsLabDoor TsLabDoor;

/* Listens on socket (kept) for soup; certificate: NULL: no TLS.  limits in milliseconds, 0: as above. */
TsLabDoor *ts_lab_door_new (SoupServer *soup, GSocket *socket, GTlsCertificate *certificate,
                            guint request_ms, guint stall_ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_door_free (TsLabDoor *door); /* NULL is fine; who is inside is not thrown out */
/* Ends the connection on which message came, at once. */
void ts_lab_door_throw_out (SoupServerMessage *message);
guint ts_lab_door_open (const TsLabDoor *door); /* connections that stand open */

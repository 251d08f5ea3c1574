/* lab/link/tls.h -- one mutual TLS session over a socket that does not block; private to link.c and
 * listener.c.
 *
 * Every wait ends with the socket, with its deadline, or when stop_fd (an eventfd) gets readable,
 * so that whoever wants the threads gone only has to write to that.  TLS 1.3 only: there is nobody
 * older to talk to.  One thread may read while another writes (GnuTLS manual, "Thread safety": one
 * for each direction), after the handshake. */
#pragma once
#include "lab/link/link.h"

/* Authority, certificate and key, loaded once for any number of sessions. */
typedef struct _TsLabKeys TsLabKeys;
TsLabKeys *ts_lab_keys_load (const TsLabCredentials *credentials,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
TsLabKeys *ts_lab_keys_ref (TsLabKeys *keys);
void ts_lab_keys_unref (TsLabKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabKeys, ts_lab_keys_unref)

/* TRUE: fd is ready for events (POLLIN, POLLOUT).  FALSE: TS_ERROR_LOST at the deadline (of
 * g_get_monotonic_time, or TS_NEVER), TS_ERROR_STATE when stop_fd told so. */
gboolean ts_lab_wait (int fd, int stop_fd, short events, gint64 deadline_us, GError **error);

typedef struct _TsLabTls TsLabTls;
/* expected_peer: connect to a server of that name; NULL: be the server, for any name.  fd and
 * stop_fd stay the caller's and outlive the session. */
TsLabTls *ts_lab_tls_new (TsLabKeys *keys, int fd, int stop_fd, const char *expected_peer,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Says good-bye if that is possible at once.  NULL is fine. */
void ts_lab_tls_free (TsLabTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabTls, ts_lab_tls_free)

gboolean ts_lab_tls_handshake (TsLabTls *tls, gint64 deadline_us, GError **error);
const char *ts_lab_tls_peer (const TsLabTls *tls); /* after the handshake */

/* 1 or more: bytes read.  0: the peer said good-bye.  -1: broken; TS_ERROR_STATE: stopped. */
gssize ts_lab_tls_read (TsLabTls *tls, void *into, gsize room_bytes, GError **error);
/* more: what follows goes on with it, and is written soon; some of this may wait for that. */
gboolean ts_lab_tls_write (TsLabTls *tls, const void *data, gsize len_bytes, gboolean more,
                           GError **error);

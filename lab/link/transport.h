/* lab/link/transport.h -- what protects a link: TLS with certificates (tls.h) or Kerberos (gss.h), by
 * what the credentials hold; private to link.c and listener.c.  The functions are those of tls.h.
 */
#pragma once
#include "lab/link/link.h"

typedef struct _TsLabTransportKeys TsLabTransportKeys;
TsLabTransportKeys *ts_lab_transport_keys_load (const TsLabCredentials *credentials,
                                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
TsLabTransportKeys *ts_lab_transport_keys_ref (TsLabTransportKeys *keys);
void ts_lab_transport_keys_unref (TsLabTransportKeys *keys); /* NULL is fine */

typedef struct _TsLabTransport TsLabTransport;
TsLabTransport *ts_lab_transport_new (TsLabTransportKeys *keys, int fd, int stop_fd,
                                      const char *expected_peer,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_transport_free (TsLabTransport *transport); /* NULL is fine */
gboolean ts_lab_transport_handshake (TsLabTransport *transport, gint64 deadline_us, GError **error);
const char *ts_lab_transport_peer (const TsLabTransport *transport);
gssize ts_lab_transport_read (TsLabTransport *transport, void *into, gsize room_bytes,
                              GError **error);
/* more: what follows goes on with it, and is written soon; some of this may wait for that. */
gboolean ts_lab_transport_write (TsLabTransport *transport, const void *data, gsize len_bytes,
                                 gboolean more, GError **error);

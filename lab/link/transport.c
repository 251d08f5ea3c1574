/* lab/link/transport.c -- see transport.h. */
#include "lab/link/transport.h"
#include "lab/link/gss.h"
#include "lab/link/tls.h"

struct _TsLabTransportKeys { /* one of the two */
  gatomicrefcount refs;
  TsLabKeys *tls;
  TsLabGssKeys *gss;
};

struct _TsLabTransport { /* one of the two */
  TsLabTls *tls;
  TsLabGss *gss;
};

TsLabTransportKeys *
ts_lab_transport_keys_load (const TsLabCredentials *credentials, GError **error)
{
  TsLabTransportKeys *keys = g_new0 (TsLabTransportKeys, 1);
  g_atomic_ref_count_init (&keys->refs);
  if (credentials->principal)
    keys->gss = ts_lab_gss_keys_load (credentials, error);
  else
    keys->tls = ts_lab_keys_load (credentials, error);
  if (!keys->gss && !keys->tls)
    g_clear_pointer (&keys, ts_lab_transport_keys_unref);
  return keys;
}

TsLabTransportKeys *
ts_lab_transport_keys_ref (TsLabTransportKeys *keys)
{
  g_atomic_ref_count_inc (&keys->refs);
  return keys;
}

void
ts_lab_transport_keys_unref (TsLabTransportKeys *keys)
{
  if (!keys || !g_atomic_ref_count_dec (&keys->refs))
    return;
  ts_lab_keys_unref (keys->tls);
  ts_lab_gss_keys_unref (keys->gss);
  g_free (keys);
}

TsLabTransport *
ts_lab_transport_new (TsLabTransportKeys *keys, int fd, int stop_fd, const char *expected_peer,
                      GError **error)
{
  TsLabTransport *transport = g_new0 (TsLabTransport, 1);
  if (keys->gss)
    transport->gss = ts_lab_gss_new (keys->gss, fd, stop_fd, expected_peer);
  else
    transport->tls = ts_lab_tls_new (keys->tls, fd, stop_fd, expected_peer, error);
  if (!transport->gss && !transport->tls)
    g_clear_pointer (&transport, ts_lab_transport_free);
  return transport;
}

void
ts_lab_transport_free (TsLabTransport *transport)
{
  if (!transport)
    return;
  ts_lab_tls_free (transport->tls);
  ts_lab_gss_free (transport->gss);
  g_free (transport);
}

gboolean
ts_lab_transport_handshake (TsLabTransport *transport, gint64 deadline_us, GError **error)
{
  return transport->gss ? ts_lab_gss_handshake (transport->gss, deadline_us, error)
                        : ts_lab_tls_handshake (transport->tls, deadline_us, error);
}

const char *
ts_lab_transport_peer (const TsLabTransport *transport)
{
  return transport->gss ? ts_lab_gss_peer (transport->gss) : ts_lab_tls_peer (transport->tls);
}

gssize
ts_lab_transport_read (TsLabTransport *transport, void *into, gsize room_bytes, GError **error)
{
  return transport->gss ? ts_lab_gss_read (transport->gss, into, room_bytes, error)
                        : ts_lab_tls_read (transport->tls, into, room_bytes, error);
}

gboolean
ts_lab_transport_write (TsLabTransport *transport, const void *data, gsize len_bytes,
                        gboolean more, GError **error)
{
  return transport->gss ? ts_lab_gss_write (transport->gss, data, len_bytes, error)
                        : ts_lab_tls_write (transport->tls, data, len_bytes, more, error);
}

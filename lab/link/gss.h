/* lab/link/gss.h -- one mutual Kerberos session over a socket that does not block (GSSAPI, RFC 2743 and
 * 4121; the product's port 8083, HVR reference 1.3); private to transport.c.
 *
 * A host is the principal hvr/HOST@REALM; its peer must be one of the same realm.  On the wire,
 * both ways: a length (u32, big endian), then as many bytes of a GSSAPI token: of the handshake
 * first (length 0: the peer does not accept us), then messages as gss_wrap makes them; one that
 * wraps nothing is the good-bye.  CHOICE: the product does not encrypt what crosses this port; here
 * it is always wrapped with confidentiality and integrity, in sequence.
 *
 * Waits end like those of tls.h, but for one: the library's own talk with the KDC, while tickets
 * are fetched, is bounded by the library's time limits only (krb5.conf), not by stop_fd. One thread
 * may read while another writes, after the handshake. */
#pragma once
#include "lab/link/link.h"

/* What a host proves itself with; any number of sessions, any thread. */
typedef struct _TsLabGssKeys TsLabGssKeys;
TsLabGssKeys *ts_lab_gss_keys_load (const TsLabCredentials *credentials,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
TsLabGssKeys *ts_lab_gss_keys_ref (TsLabGssKeys *keys);
void ts_lab_gss_keys_unref (TsLabGssKeys *keys); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabGssKeys, ts_lab_gss_keys_unref)

typedef struct _TsLabGss TsLabGss;
/* As the functions of tls.h. */
TsLabGss *ts_lab_gss_new (TsLabGssKeys *keys, int fd, int stop_fd,
                          const char *expected_peer) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_gss_free (TsLabGss *gss);
gboolean ts_lab_gss_handshake (TsLabGss *gss, gint64 deadline_us, GError **error);
const char *ts_lab_gss_peer (const TsLabGss *gss);
gssize ts_lab_gss_read (TsLabGss *gss, void *into, gsize room_bytes, GError **error);
gboolean ts_lab_gss_write (TsLabGss *gss, const void *data, gsize len_bytes, GError **error);

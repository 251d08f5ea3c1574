/* lab/link/tls.c -- see tls.h.
 *
 * The certificate is judged inside the handshake, so that a peer who has not a good one never gets
 * as far as data; and in an order that names the most telling reason first. */
#include "lab/link/tls.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* AES first: it is what processors have instructions for. */
#define PRIORITY                                                                                   \
  "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"

/* How long a peer that is turned away gets to read why, before the socket is closed under it. */
enum { FAREWELL_US = 500000 };
enum { RECORD_BYTES = 16384 }; /* TLS 1.3 */
/* Read beyond what GnuTLS asks for: it asks twice for each record, for five bytes and for the rest.
 */
enum { AHEAD_BYTES = 64 * 1024 };
/* Records that leave in one call: each wakes the peer, which then has one record to decrypt, and sleeps
 * again. */
enum { GATHER_BYTES = 128 * 1024 };
/* The reader of a long payload is woken when so much has come, or all that is missing. */
enum { WAKE_BYTES = 128 * 1024 };

struct _TsLabKeys {
  gatomicrefcount refs;
  gnutls_certificate_credentials_t credentials;
};

struct _TsLabTls {
  TsLabKeys *keys;
  gnutls_session_t session;
  int fd, stop_fd;
  char *expected_peer; /* NULL: this side is the server */
  char *peer;
  GError *not_accepted; /* by judge_peer */
  gnutls_alert_description_t alert;
  gboolean established;
  gboolean gather;                     /* the writer's: records wait in gathered */
  GByteArray *gathered;
  int wake_bytes;                      /* the reader's: as the socket is set */
  guint8 ahead[AHEAD_BYTES];           /* the reader's: received, and not yet asked for */
  gsize ahead_from_bytes, ahead_bytes; /* what of it */
};

/* --- credentials ------------------------------------------------------------------------------ */

static int judge_peer (gnutls_session_t session);

TsLabKeys *
ts_lab_keys_load (const TsLabCredentials *credentials, GError **error)
{
  g_autoptr (TsLabKeys) keys = g_new0 (TsLabKeys, 1);
  g_atomic_ref_count_init (&keys->refs);
  int code = gnutls_certificate_allocate_credentials (&keys->credentials);
  if (code < 0) {
    ts_throw (error, TS_ERROR_IO, "TLS credentials: %s", gnutls_strerror (code));
    return NULL;
  }
  code = gnutls_certificate_set_x509_trust_file (keys->credentials, credentials->ca,
                                                 GNUTLS_X509_FMT_PEM);
  if (code <= 0) { /* the number of authorities in it */
    ts_throw (error, TS_ERROR_IO, "authority %s: %s", credentials->ca,
              code == 0 ? "holds no certificate" : gnutls_strerror (code));
    return NULL;
  }
  code = gnutls_certificate_set_x509_key_file2 (keys->credentials, credentials->certificate,
                                                credentials->key, GNUTLS_X509_FMT_PEM, NULL, 0);
  if (code < 0) {
    ts_throw (error, TS_ERROR_IO, "certificate %s with key %s: %s", credentials->certificate,
              credentials->key, gnutls_strerror (code));
    return NULL;
  }
  if (credentials->crl) {
    code = gnutls_certificate_set_x509_crl_file (keys->credentials, credentials->crl,
                                                 GNUTLS_X509_FMT_PEM);
    if (code <= 0) { /* the number of lists in it */
      ts_throw (error, TS_ERROR_IO, "revocation list %s: %s", credentials->crl,
                code == 0 ? "holds no list" : gnutls_strerror (code));
      return NULL;
    }
  }
  gnutls_certificate_set_verify_function (keys->credentials, judge_peer);
  return g_steal_pointer (&keys);
}

TsLabKeys *
ts_lab_keys_ref (TsLabKeys *keys)
{
  g_atomic_ref_count_inc (&keys->refs);
  return keys;
}

void
ts_lab_keys_unref (TsLabKeys *keys)
{
  if (!keys || !g_atomic_ref_count_dec (&keys->refs))
    return;
  if (keys->credentials)
    gnutls_certificate_free_credentials (keys->credentials);
  g_free (keys);
}

/* --- judging a peer's certificate
 * ----------------------------------------------------------------- */

typedef struct gnutls_x509_crt_int TsCrt;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsCrt, gnutls_x509_crt_deinit)

/* The extended key usage must name the purpose: a certificate that says nothing is good for nothing
 * here (HVR reference 1.3), though GnuTLS takes it for any. */
static gboolean
has_purpose (TsCrt *certificate, const char *wanted)
{
  for (unsigned i = 0;; i++) {
    char oid[128];
    gsize size = sizeof oid;
    int code = gnutls_x509_crt_get_key_purpose_oid (certificate, i, oid, &size, NULL);
    if (code == GNUTLS_E_SHORT_MEMORY_BUFFER)
      continue; /* none that we want is that long */
    if (code < 0)
      return FALSE;
    if (strcmp (oid, wanted) == 0)
      return TRUE;
  }
}

static gboolean
is_host_name (const char *name, gsize len_bytes)
{
  if (len_bytes == 0 || len_bytes > 253 || strnlen (name, len_bytes) != len_bytes)
    return FALSE;
  for (gsize i = 0; i < len_bytes; i++)
    if (!g_ascii_isalnum (name[i]) && !strchr ("-._", name[i]))
      return FALSE;
  return TRUE;
}

/* The expected one of the certificate's DNS names, or its first one when none is expected or fits.
 * No wildcards: a host has a name.  NULL: there is none. */
static char *
find_name (TsCrt *certificate, const char *expected)
{
  char *first = NULL;
  for (unsigned i = 0;; i++) {
    char name[256];
    gsize size = sizeof name - 1;
    int code = gnutls_x509_crt_get_subject_alt_name (certificate, i, name, &size, NULL);
    if (code == GNUTLS_E_SHORT_MEMORY_BUFFER)
      continue;
    if (code < 0)
      return first;
    if (code != GNUTLS_SAN_DNSNAME || !is_host_name (name, size))
      continue;
    name[size] = 0;
    if (expected && g_ascii_strcasecmp (name, expected) == 0) {
      g_free (first);
      return g_strdup (expected);
    }
    if (!first)
      first = g_strdup (name);
  }
}

static const struct {
  unsigned status;
  const char *reason;
  gnutls_alert_description_t alert;
} reasons[] = {
    /* the most telling first: what is not signed may claim any date */
    {GNUTLS_CERT_SIGNER_NOT_FOUND, "signed by an unknown authority", GNUTLS_A_UNKNOWN_CA},
    {GNUTLS_CERT_SIGNER_NOT_CA, "signed by what is no authority", GNUTLS_A_UNKNOWN_CA},
    {GNUTLS_CERT_SIGNATURE_FAILURE, "its signature does not fit", GNUTLS_A_BAD_CERTIFICATE},
    {GNUTLS_CERT_REVOKED, "revoked", GNUTLS_A_CERTIFICATE_REVOKED},
    {GNUTLS_CERT_EXPIRED, "expired", GNUTLS_A_CERTIFICATE_EXPIRED},
    {GNUTLS_CERT_NOT_ACTIVATED, "not valid yet", GNUTLS_A_CERTIFICATE_EXPIRED},
    {GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED, "not known whether revoked: our list is out of date",
     GNUTLS_A_CERTIFICATE_UNKNOWN},
    {GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE,
     "not known whether revoked: our list is of the future", GNUTLS_A_CERTIFICATE_UNKNOWN},
    {GNUTLS_CERT_INSECURE_ALGORITHM, "made with a weak algorithm", GNUTLS_A_BAD_CERTIFICATE},
};

static gboolean
not_accepted (TsLabTls *tls, gnutls_alert_description_t alert, const char *name, const char *reason)
{
  tls->alert = alert;
  return ts_throw (&tls->not_accepted, TS_ERROR_REFUSED, "the peer's certificate (%s): %s",
                   name ? name : "no DNS name", reason);
}

static gboolean
judge_certificate (TsLabTls *tls)
{
  unsigned status = 0, count = 0;
  const gnutls_datum_t *chain = gnutls_certificate_get_peers (tls->session, &count);
  TsCrt *made = NULL;
  if (!chain || count == 0)
    return not_accepted (tls, GNUTLS_A_CERTIFICATE_REQUIRED, NULL, "there is none");
  int code = gnutls_x509_crt_init (&made);
  g_autoptr (TsCrt) certificate = made;
  if (code >= 0)
    code = gnutls_x509_crt_import (certificate, &chain[0], GNUTLS_X509_FMT_DER);
  if (code < 0)
    return not_accepted (tls, GNUTLS_A_BAD_CERTIFICATE, NULL, gnutls_strerror (code));
  g_autofree char *name = find_name (certificate, tls->expected_peer);

  /* chain and dates; name and purpose are judged below, in words of our own */
  code = gnutls_certificate_verify_peers2 (tls->session, &status);
  if (code < 0)
    return not_accepted (tls, GNUTLS_A_BAD_CERTIFICATE, name, gnutls_strerror (code));
  for (guint i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (status & reasons[i].status)
      return not_accepted (tls, reasons[i].alert, name, reasons[i].reason);
  if (status != 0)
    return not_accepted (tls, GNUTLS_A_BAD_CERTIFICATE, name, "not valid");

  gboolean peer_is_server = tls->expected_peer != NULL;
  if (!has_purpose (certificate,
                    peer_is_server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT))
    return not_accepted (tls, GNUTLS_A_UNSUPPORTED_CERTIFICATE, name,
                         peer_is_server ? "not for server use" : "not for client use");
  if (!name)
    return not_accepted (tls, GNUTLS_A_BAD_CERTIFICATE, NULL, "it names no host");
  if (tls->expected_peer && g_ascii_strcasecmp (name, tls->expected_peer) != 0) {
    g_autofree char *reason = g_strdup_printf ("name is %s, expected %s", name, tls->expected_peer);
    return not_accepted (tls, GNUTLS_A_BAD_CERTIFICATE, name, reason);
  }
  tls->peer = g_steal_pointer (&name);
  return TRUE;
}

static int
judge_peer (gnutls_session_t session)
{
  TsLabTls *tls = gnutls_session_get_ptr (session);
  g_clear_error (&tls->not_accepted);
  g_clear_pointer (&tls->peer, g_free);
  return judge_certificate (tls) ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* --- a session
 * ------------------------------------------------------------------------------------ */

gboolean
ts_lab_wait (int fd, int stop_fd, short events, gint64 deadline_us, GError **error)
{
  for (;;) {
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = stop_fd, .events = POLLIN}};
    int timeout_ms = -1;
    if (deadline_us != TS_NEVER) {
      gint64 left_us = MAX (deadline_us - g_get_monotonic_time (), 0);
      timeout_ms = (int)MIN ((left_us + TS_MS - 1) / TS_MS, G_MAXINT);
    }
    int ready = poll (fds, G_N_ELEMENTS (fds), timeout_ms);
    if (ready < 0 && errno != EINTR)
      return ts_throw_errno (error, "poll");
    if (ready > 0 && fds[1].revents)
      return ts_throw (error, TS_ERROR_STATE, "stopped");
    if (ready > 0)
      return TRUE; /* ready, or broken: the call that follows will say */
    if (deadline_us != TS_NEVER && g_get_monotonic_time () >= deadline_us)
      return ts_throw (error, TS_ERROR_LOST, "no answer in time");
  }
}

static ssize_t
push (gnutls_transport_ptr_t user, const giovec_t *pieces, int count)
{
  TsLabTls *tls = user;
  struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count};
  if (!tls->gather)
    return sendmsg (tls->fd, &message, MSG_NOSIGNAL);
  ssize_t bytes = 0;
  for (int i = 0; i < count; i++) {
    g_byte_array_append (tls->gathered, pieces[i].iov_base, (guint)pieces[i].iov_len);
    bytes += (ssize_t)pieces[i].iov_len;
  }
  return bytes;
}

static gboolean
send_gathered (TsLabTls *tls, GError **error)
{
  for (guint done = 0; done < tls->gathered->len;) {
    gssize bytes =
        send (tls->fd, tls->gathered->data + done, tls->gathered->len - done, MSG_NOSIGNAL);
    if (bytes >= 0)
      done += (guint)bytes;
    else if (errno == EAGAIN) {
      if (!ts_lab_wait (tls->fd, tls->stop_fd, POLLOUT, TS_NEVER, error))
        return FALSE;
    } else if (errno != EINTR)
      return ts_throw (error, TS_ERROR_LOST, "the connection broke: %s", g_strerror (errno));
  }
  g_byte_array_set_size (tls->gathered, 0);
  return TRUE;
}

/* room_bytes more have to come at least, less one record that GnuTLS may hold a part of: a peer sends
 * a payload whole or goes away, which wakes us in any case. */
static void
wake_late (TsLabTls *tls, gsize room_bytes)
{
  int bytes = room_bytes >= WAKE_BYTES + RECORD_BYTES ? WAKE_BYTES : 1;
  if (bytes != tls->wake_bytes &&
      setsockopt (tls->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) == 0)
    tls->wake_bytes = bytes;
}

static ssize_t
pull (gnutls_transport_ptr_t user, void *into, size_t room_bytes)
{
  TsLabTls *tls = user;
  if (tls->ahead_bytes == 0) {
    struct iovec pieces[] = {{into, room_bytes}, {tls->ahead, AHEAD_BYTES}};
    ssize_t bytes = readv (tls->fd, pieces, G_N_ELEMENTS (pieces));
    if (bytes <= (ssize_t)room_bytes)
      return bytes;
    tls->ahead_from_bytes = 0;
    tls->ahead_bytes = (gsize)bytes - room_bytes;
    return (ssize_t)room_bytes;
  }
  gsize bytes = MIN (tls->ahead_bytes, room_bytes);
  memcpy (into, tls->ahead + tls->ahead_from_bytes, bytes);
  tls->ahead_from_bytes += bytes;
  tls->ahead_bytes -= bytes;
  return (ssize_t)bytes;
}

TsLabTls *
ts_lab_tls_new (TsLabKeys *keys, int fd, int stop_fd, const char *expected_peer, GError **error)
{
  g_autoptr (TsLabTls) tls = g_new0 (TsLabTls, 1);
  tls->keys = ts_lab_keys_ref (keys);
  tls->fd = fd;
  tls->stop_fd = stop_fd;
  tls->expected_peer = g_strdup (expected_peer);
  tls->gathered = g_byte_array_new ();
  tls->wake_bytes = 1;
  unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS;
  int code = gnutls_init (&tls->session, flags | (expected_peer ? GNUTLS_CLIENT : GNUTLS_SERVER));
  if (code >= 0)
    code = gnutls_priority_set_direct (tls->session, PRIORITY, NULL);
  if (code >= 0)
    code = gnutls_credentials_set (tls->session, GNUTLS_CRD_CERTIFICATE, keys->credentials);
  if (code < 0) {
    ts_throw (error, TS_ERROR_IO, "TLS session: %s", gnutls_strerror (code));
    return NULL;
  }
  gnutls_session_set_ptr (tls->session, tls);
  gnutls_transport_set_ptr (tls->session, tls);
  gnutls_transport_set_vec_push_function (tls->session, push);
  gnutls_transport_set_pull_function (tls->session, pull);
  gnutls_handshake_set_timeout (tls->session, 0); /* ours, which bounds the whole, not a read */
  if (!expected_peer) {
    gnutls_certificate_server_set_request (tls->session, GNUTLS_CERT_REQUIRE);
    /* Without the list of our authorities, so that a client of another one shows its certificate
     * instead of none, and the reason can be told. */
    gnutls_certificate_send_x509_rdn_sequence (tls->session, 1);
  }
  return g_steal_pointer (&tls);
}

void
ts_lab_tls_free (TsLabTls *tls)
{
  if (!tls)
    return;
  if (tls->session) {
    if (tls->established && tls->gathered->len == 0)
      gnutls_bye (tls->session, GNUTLS_SHUT_WR); /* one try: the socket does not block */
    gnutls_deinit (tls->session);
  }
  ts_lab_keys_unref (tls->keys);
  g_byte_array_unref (tls->gathered);
  g_free (tls->expected_peer);
  g_free (tls->peer);
  g_clear_error (&tls->not_accepted);
  g_free (tls);
}

const char *
ts_lab_tls_peer (const TsLabTls *tls)
{
  return tls->peer;
}

static gboolean
throw_alert (TsLabTls *tls, GError **error)
{
  const char *name = gnutls_alert_get_name (gnutls_alert_get (tls->session));
  return ts_throw (error, TS_ERROR_REFUSED, "the peer does not accept us: %s",
                   name ? name : "an unknown alert");
}

static gboolean
throw_handshake (TsLabTls *tls, int code, GError **error)
{
  switch (code) {
  case GNUTLS_E_FATAL_ALERT_RECEIVED:
    return throw_alert (tls, error);
  case GNUTLS_E_NO_CERTIFICATE_FOUND:
  case GNUTLS_E_CERTIFICATE_REQUIRED:
    return ts_throw (error, TS_ERROR_REFUSED, "the peer shows no certificate");
  case GNUTLS_E_PREMATURE_TERMINATION:
  case GNUTLS_E_PULL_ERROR:
  case GNUTLS_E_PUSH_ERROR:
    return ts_throw (error, TS_ERROR_LOST, "the peer went away during the handshake");
  default:
    return ts_throw (error, TS_ERROR_FORMAT, "the peer does not speak TLS 1.3 as we do: %s",
                     gnutls_strerror (code));
  }
}

/* Tells the peer why, and waits a little until it has read it: closing over bytes that were not
 * read resets the connection, and the alert with it. */
static void
say_why (TsLabTls *tls, int code)
{
  if (tls->not_accepted)
    gnutls_alert_send (tls->session, GNUTLS_AL_FATAL, tls->alert);
  else if (code != GNUTLS_E_FATAL_ALERT_RECEIVED)
    gnutls_alert_send_appropriate (tls->session, code);
  shutdown (tls->fd, SHUT_WR);
  gint64 until_us = g_get_monotonic_time () + FAREWELL_US;
  guint8 unread[4096];
  while (g_get_monotonic_time () < until_us &&
         ts_lab_wait (tls->fd, tls->stop_fd, POLLIN, until_us, NULL)) {
    gssize bytes = recv (tls->fd, unread, sizeof unread, MSG_DONTWAIT);
    if (bytes == 0 || (bytes < 0 && errno != EAGAIN && errno != EINTR))
      return;
  }
}

gboolean
ts_lab_tls_handshake (TsLabTls *tls, gint64 deadline_us, GError **error)
{
  for (;;) {
    int code = gnutls_handshake (tls->session);
    if (code == GNUTLS_E_SUCCESS)
      break;
    if (gnutls_error_is_fatal (code)) {
      say_why (tls, code);
      if (!tls->not_accepted)
        return throw_handshake (tls, code, error);
      g_propagate_error (error, g_steal_pointer (&tls->not_accepted));
      return FALSE;
    }
    /* The deadline also counts for a peer that is never quite silent. */
    if (g_get_monotonic_time () >= deadline_us)
      return ts_throw (error, TS_ERROR_LOST, "the handshake takes too long");
    short events = gnutls_record_get_direction (tls->session) ? POLLOUT : POLLIN;
    if (code == GNUTLS_E_AGAIN && !ts_lab_wait (tls->fd, tls->stop_fd, events, deadline_us, error))
      return FALSE;
  }
  if (!tls->peer) /* judge_peer was not asked: cannot be, and must not */
    return ts_throw (error, TS_ERROR_REFUSED, "the peer shows no certificate");
  tls->established = TRUE;
  return TRUE;
}

gssize
ts_lab_tls_read (TsLabTls *tls, void *into, gsize room_bytes, GError **error)
{
  for (;;) {
    gssize bytes = gnutls_record_recv (tls->session, into, room_bytes);
    if (bytes >= 0)
      return bytes;
    if (bytes == GNUTLS_E_AGAIN) {
      wake_late (tls, room_bytes);
      if (!ts_lab_wait (tls->fd, tls->stop_fd, POLLIN, TS_NEVER, error))
        return -1;
    } else if (gnutls_error_is_fatal ((int)bytes)) {
      if (bytes == GNUTLS_E_FATAL_ALERT_RECEIVED)
        throw_alert (tls, error);
      else if (bytes == GNUTLS_E_PREMATURE_TERMINATION || bytes == GNUTLS_E_PULL_ERROR)
        ts_throw (error, TS_ERROR_LOST, "the connection broke");
      else
        ts_throw (error, TS_ERROR_FORMAT, "TLS: %s", gnutls_strerror ((int)bytes));
      return -1;
    }
  }
}

gboolean
ts_lab_tls_write (TsLabTls *tls, const void *data, gsize len_bytes, gboolean more, GError **error)
{
  tls->gather = TRUE;
  while (len_bytes > 0) {
    gssize bytes = gnutls_record_send (tls->session, data, len_bytes); /* asks push, which takes all */
    if (bytes < 0 && bytes != GNUTLS_E_AGAIN && bytes != GNUTLS_E_INTERRUPTED)
      return ts_throw (error, TS_ERROR_LOST, "the connection broke: %s",
                       gnutls_strerror ((int)bytes));
    if (bytes > 0) {
      data = (const guint8 *)data + bytes;
      len_bytes -= (gsize)bytes;
    }
    if (tls->gathered->len >= GATHER_BYTES && !send_gathered (tls, error))
      return FALSE;
  }
  tls->gather = FALSE;
  return more || send_gathered (tls, error);
}

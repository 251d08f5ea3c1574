/* lab/link/gss.c -- see gss.h. */
#include "lab/link/gss.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/link/tls.h"
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVICE "hvr/"

enum { LENGTH_BYTES = 4 };
enum { TOKEN_TAG = 0x60 };
enum { TOKEN_BYTES_MAX = 64 * 1024 }; /* of the handshake: a ticket with all that may be in it */
enum { MESSAGE_BYTES = 16 * 1024 };   /* wrapped at once */
enum { WRAPPED_BYTES_MAX = MESSAGE_BYTES + 1024 };
enum { FAREWELL_US = 500000 }; /* as in tls.c: until who is turned away has read it */
enum {
  FLAGS = GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_CONF_FLAG |
          GSS_C_INTEG_FLAG
};

struct _TsLabGssKeys {
  gatomicrefcount refs;
  char *principal, *realm; /* realm: points into principal */
  char *keytab;            /* with its kind before: FILE:PATH */
  char *tickets;           /* likewise; where tickets are found and kept */
  char *replays;           /* likewise */
  gboolean fetches;        /* tickets, by the keytab; else it has only what is there */
};

struct _TsLabGss {
  TsLabGssKeys *keys;
  int fd, stop_fd;
  char *expected_peer; /* NULL: this side is the acceptor */
  char *peer;
  gss_ctx_id_t context;
  GMutex lock;     /* the context, which reader and writer share (its sequence numbers, its keys) */
  guint8 *message; /* being read, and what has been unwrapped of it */
  gss_buffer_desc plain;
  gsize given_bytes;          /* of plain */
  gboolean established, torn; /* torn: a message was sent in part */
};

/* --- what went wrong -------------------------------------------------------------------------- */

static void
append_status (GString *text, OM_uint32 status, int kind)
{
  OM_uint32 minor, more = 0;
  do {
    gss_buffer_desc part = GSS_C_EMPTY_BUFFER;
    if (GSS_ERROR (gss_display_status (&minor, status, kind, gss_mech_krb5, &more, &part)))
      return;
    g_string_append_printf (text, "%s%.*s", text->len > 0 ? ": " : "", (int)part.length,
                            (const char *)part.value);
    gss_release_buffer (&minor, &part);
  } while (more != 0);
}

/* What the library says is more telling in its minor status; the major one is for when that is 0.
 */
static gboolean
throw_gss (GError **error, TsErrorCode code, OM_uint32 major, OM_uint32 minor, const char *what)
{
  g_autoptr (GString) text = g_string_new (NULL);
  if (minor != 0)
    append_status (text, minor, GSS_C_MECH_CODE);
  else
    append_status (text, major, GSS_C_GSS_CODE);
  if (minor == (OM_uint32)KRB5_KDC_UNREACH || minor == (OM_uint32)KRB5_REALM_UNKNOWN)
    code = TS_ERROR_LOST; /* nobody said no */
  return ts_throw (error, code, "%s: %s", what, text->str);
}

/* --- credentials ------------------------------------------------------------------------------ */

/* The host in hvr/HOST@REALM; NULL: it is not of that form. */
static char *
host_of (const char *principal, const char **realm)
{
  const char *at = strchr (principal, '@');
  if (!g_str_has_prefix (principal, SERVICE) || !at || !at[1])
    return NULL;
  const char *host = principal + strlen (SERVICE);
  for (const char *c = host; c < at; c++)
    if (!g_ascii_isalnum (*c) && !strchr ("-._", *c))
      return NULL;
  *realm = at + 1;
  return at > host && !strpbrk (*realm, "@/\\") ? g_strndup (host, (gsize)(at - host)) : NULL;
}

TsLabGssKeys *
ts_lab_gss_keys_load (const TsLabCredentials *credentials, GError **error)
{
  g_autoptr (TsLabGssKeys) keys = g_new0 (TsLabGssKeys, 1);
  g_atomic_ref_count_init (&keys->refs);
  keys->principal = g_strdup (credentials->principal);
  const char *realm = NULL;
  g_autofree char *host = host_of (keys->principal, &realm);
  if (!host) {
    ts_throw (error, TS_ERROR_ARGUMENT, "principal %s: a host's is hvr/HOST@REALM",
              keys->principal);
    return NULL;
  }
  keys->realm = (char *)realm;
  if (!credentials->keytab || access (credentials->keytab, R_OK) < 0) {
    ts_throw_errno (error, "keytab %s", credentials->keytab ? credentials->keytab : "(none)");
    return NULL;
  }
  keys->keytab = g_strdup_printf ("FILE:%s", credentials->keytab);
  keys->replays = g_strdup_printf ("file2:%s.replays", credentials->keytab);
  keys->fetches = credentials->tickets == NULL;
  /* Tickets that are fetched are kept for the process's next sessions. */
  keys->tickets = keys->fetches
                      ? g_strdup_printf ("MEMORY:%s %s", keys->principal, credentials->keytab)
                      : g_strdup_printf ("FILE:%s", credentials->tickets);
  return g_steal_pointer (&keys);
}

TsLabGssKeys *
ts_lab_gss_keys_ref (TsLabGssKeys *keys)
{
  g_atomic_ref_count_inc (&keys->refs);
  return keys;
}

void
ts_lab_gss_keys_unref (TsLabGssKeys *keys)
{
  if (!keys || !g_atomic_ref_count_dec (&keys->refs))
    return;
  g_free (keys->principal);
  g_free (keys->keytab);
  g_free (keys->tickets);
  g_free (keys->replays);
  g_free (keys);
}

static gboolean
import_principal (const char *principal, gss_name_t *name, GError **error)
{
  OM_uint32 minor;
  gss_buffer_desc text = {strlen (principal), (void *)principal};
  /* by its full name: no DNS, no guessing of realms */
  OM_uint32 major = gss_import_name (&minor, &text, GSS_KRB5_NT_PRINCIPAL_NAME, name);
  return !GSS_ERROR (major) || throw_gss (error, TS_ERROR_ARGUMENT, major, minor, principal);
}

static gboolean
acquire (TsLabGss *gss, gss_cred_id_t *credential, GError **error)
{
  TsLabGssKeys *keys = gss->keys;
  gboolean initiates = gss->expected_peer != NULL;
  gss_key_value_element_desc initiator[] = {{"ccache", keys->tickets},
                                            {"client_keytab", keys->keytab}};
  gss_key_value_element_desc acceptor[] = {{"keytab", keys->keytab}, {"rcache", keys->replays}};
  gss_key_value_set_desc store = {initiates && !keys->fetches ? 1 : 2,
                                  initiates ? initiator : acceptor};
  gss_OID_set_desc mechanisms = {1, gss_mech_krb5};
  gss_name_t name = GSS_C_NO_NAME;
  OM_uint32 minor, ignored;
  if (!import_principal (keys->principal, &name, error))
    return FALSE;
  OM_uint32 major = gss_acquire_cred_from (&minor, name, GSS_C_INDEFINITE, &mechanisms,
                                           initiates ? GSS_C_INITIATE : GSS_C_ACCEPT, &store,
                                           credential, NULL, NULL);
  gss_release_name (&ignored, &name);
  g_autofree char *what = g_strdup_printf ("our credentials (%s)", keys->principal);
  return !GSS_ERROR (major) || throw_gss (error, TS_ERROR_REFUSED, major, minor, what);
}

/* --- tokens on the wire ----------------------------------------------------------------------- */

static gboolean
send_all (TsLabGss *gss, const guint8 *data, gsize len_bytes, gint64 deadline_us, GError **error)
{
  while (len_bytes > 0) {
    gssize bytes = send (gss->fd, data, len_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (bytes > 0) {
      data += bytes;
      len_bytes -= (gsize)bytes;
    } else if (errno == EAGAIN) {
      if (!ts_lab_wait (gss->fd, gss->stop_fd, POLLOUT, deadline_us, error))
        return FALSE;
    } else if (errno != EINTR)
      return ts_throw (error, TS_ERROR_LOST, "the connection broke: %s", g_strerror (errno));
  }
  return TRUE;
}

/* Length and token in one piece, so that they travel in one packet when they can. */
static gboolean
send_token (TsLabGss *gss, const gss_buffer_desc *token, gint64 deadline_us, GError **error)
{
  guint32 length = GUINT32_TO_BE ((guint32)token->length);
  g_autofree guint8 *piece = g_malloc (LENGTH_BYTES + token->length);
  memcpy (piece, &length, LENGTH_BYTES);
  if (token->length > 0)
    memcpy (piece + LENGTH_BYTES, token->value, token->length);
  gss->torn = TRUE;
  if (!send_all (gss, piece, LENGTH_BYTES + token->length, deadline_us, error))
    return FALSE;
  gss->torn = FALSE;
  return TRUE;
}

static gboolean
receive_all (TsLabGss *gss, guint8 *into, gsize len_bytes, gint64 deadline_us, GError **error)
{
  while (len_bytes > 0) {
    /* The deadline also counts for a peer that is never quite silent. */
    if (deadline_us != TS_NEVER && g_get_monotonic_time () >= deadline_us)
      return ts_throw (error, TS_ERROR_LOST, "the handshake takes too long");
    gssize bytes = recv (gss->fd, into, len_bytes, MSG_DONTWAIT);
    if (bytes > 0) {
      into += bytes;
      len_bytes -= (gsize)bytes;
    } else if (bytes == 0)
      return ts_throw (error, TS_ERROR_LOST, "the peer went away%s",
                       gss->established ? "" : " during the handshake");
    else if (errno == EAGAIN) {
      if (!ts_lab_wait (gss->fd, gss->stop_fd, POLLIN, deadline_us, error))
        return FALSE;
    } else if (errno != EINTR)
      return ts_throw (error, TS_ERROR_LOST, "the connection broke: %s", g_strerror (errno));
  }
  return TRUE;
}

/* Into gss->message. */
static gboolean
receive_token (TsLabGss *gss, gsize max_bytes, gsize *len_bytes, gint64 deadline_us, GError **error)
{
  guint32 length;
  if (!receive_all (gss, (guint8 *)&length, LENGTH_BYTES, deadline_us, error))
    return FALSE;
  *len_bytes = GUINT32_FROM_BE (length);
  if (*len_bytes > max_bytes)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "the peer does not speak Kerberos as we do: a token of %" G_GSIZE_FORMAT
                     " bytes",
                     *len_bytes);
  return receive_all (gss, gss->message, *len_bytes, deadline_us, error);
}

/* --- the handshake ---------------------------------------------------------------------------- */

TsLabGss *
ts_lab_gss_new (TsLabGssKeys *keys, int fd, int stop_fd, const char *expected_peer)
{
  TsLabGss *gss = g_new0 (TsLabGss, 1);
  gss->keys = ts_lab_gss_keys_ref (keys);
  gss->fd = fd;
  gss->stop_fd = stop_fd;
  gss->expected_peer = g_strdup (expected_peer);
  gss->context = GSS_C_NO_CONTEXT;
  gss->message = g_malloc (TOKEN_BYTES_MAX);
  g_mutex_init (&gss->lock);
  return gss;
}

/* Says no, and waits a little until the peer has read it (as in tls.c). */
static void
say_no (TsLabGss *gss)
{
  static const gss_buffer_desc nothing = GSS_C_EMPTY_BUFFER;
  gint64 until_us = g_get_monotonic_time () + FAREWELL_US;
  guint8 unread[4096];
  if (!send_token (gss, &nothing, until_us, NULL))
    return;
  shutdown (gss->fd, SHUT_WR);
  while (g_get_monotonic_time () < until_us &&
         ts_lab_wait (gss->fd, gss->stop_fd, POLLIN, until_us, NULL)) {
    gssize bytes = recv (gss->fd, unread, sizeof unread, MSG_DONTWAIT);
    if (bytes == 0 || (bytes < 0 && errno != EAGAIN && errno != EINTR))
      return;
  }
}

static gboolean
check_flags (OM_uint32 flags, GError **error)
{
  return (flags & FLAGS) == FLAGS ||
         ts_throw (error, TS_ERROR_REFUSED, "the session is not mutual or not protected");
}

static gboolean
initiate (TsLabGss *gss, gss_cred_id_t credential, gint64 deadline_us, GError **error)
{
  g_autofree char *target = g_strdup_printf (SERVICE "%s@%s", gss->expected_peer, gss->keys->realm);
  gss_name_t name = GSS_C_NO_NAME;
  gss_buffer_desc in = GSS_C_EMPTY_BUFFER;
  OM_uint32 major = GSS_S_CONTINUE_NEEDED, minor, ignored, flags = 0;
  gboolean good = import_principal (target, &name, error);
  while (good && major == GSS_S_CONTINUE_NEEDED) {
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    major = gss_init_sec_context (&minor, credential, &gss->context, name, gss_mech_krb5, FLAGS, 0,
                                  GSS_C_NO_CHANNEL_BINDINGS, in.length > 0 ? &in : NULL, NULL, &out,
                                  &flags, NULL);
    if (GSS_ERROR (major))
      good = throw_gss (error, TS_ERROR_REFUSED, major, minor,
                        in.length > 0 ? "the peer does not accept us, or is not who it should be"
                                      : target);
    else if (out.length > 0)
      good = send_token (gss, &out, deadline_us, error);
    gss_release_buffer (&ignored, &out);
    if (good && major == GSS_S_CONTINUE_NEEDED) {
      in.value = gss->message;
      good = receive_token (gss, TOKEN_BYTES_MAX, &in.length, deadline_us, error);
      if (good && in.length == 0)
        good = ts_throw (error, TS_ERROR_REFUSED, "the peer does not accept us");
    }
  }
  gss_release_name (&ignored, &name);
  if (!good || !check_flags (flags, error))
    return FALSE;
  gss->peer = g_strdup (gss->expected_peer);
  return TRUE;
}

/* Who has proved to be name: one of us? */
static gboolean
judge_peer (TsLabGss *gss, gss_name_t name, GError **error)
{
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor;
  OM_uint32 major = gss_display_name (&minor, name, &text, NULL);
  if (GSS_ERROR (major))
    return throw_gss (error, TS_ERROR_REFUSED, major, minor, "the peer's name");
  g_autofree char *principal = g_strndup (text.value, text.length);
  gss_release_buffer (&minor, &text);
  const char *realm = NULL;
  g_autofree char *host = host_of (principal, &realm);
  if (!host)
    return ts_throw (error, TS_ERROR_REFUSED,
                     "the peer is %s, which is no host's principal (hvr/HOST@REALM)", principal);
  if (!g_str_equal (realm, gss->keys->realm)) /* CHOICE: realms do not trust each other here */
    return ts_throw (error, TS_ERROR_REFUSED, "the peer is %s, of another realm than %s", principal,
                     gss->keys->realm);
  gss->peer = g_steal_pointer (&host);
  return TRUE;
}

static gboolean
accept_peer (TsLabGss *gss, gss_cred_id_t credential, gint64 deadline_us, GError **error)
{
  OM_uint32 major = GSS_S_CONTINUE_NEEDED, minor, ignored, flags = 0;
  while (major == GSS_S_CONTINUE_NEEDED) {
    gss_buffer_desc in = {0, gss->message}, out = GSS_C_EMPTY_BUFFER;
    gss_name_t name = GSS_C_NO_NAME;
    gboolean good = TRUE;
    if (!receive_token (gss, TOKEN_BYTES_MAX, &in.length, deadline_us, error))
      return FALSE;
    /* The library takes what is no token (RFC 2743, 3.1) for one of a mechanism that we lack. */
    if (!gss->context && (in.length == 0 || gss->message[0] != TOKEN_TAG)) {
      say_no (gss);
      return ts_throw (error, TS_ERROR_FORMAT, "the peer does not speak Kerberos as we do");
    }
    major =
        gss_accept_sec_context (&minor, &gss->context, credential, &in, GSS_C_NO_CHANNEL_BINDINGS,
                                &name, NULL, &out, &flags, NULL, NULL);
    if (GSS_ERROR (major))
      good = throw_gss (error,
                        GSS_ROUTINE_ERROR (major) == GSS_S_DEFECTIVE_TOKEN ? TS_ERROR_FORMAT
                                                                           : TS_ERROR_REFUSED,
                        major, minor, "the peer's ticket");
    else if (major == GSS_S_COMPLETE)
      good = check_flags (flags, error) && judge_peer (gss, name, error);
    /* A token with an error in it says more to the peer than our plain no. */
    if (out.length > 0 && (good || GSS_ERROR (major)))
      good = send_token (gss, &out, deadline_us, good ? error : NULL) && good;
    gss_release_name (&ignored, &name);
    gss_release_buffer (&ignored, &out);
    if (!good) {
      say_no (gss);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
ts_lab_gss_handshake (TsLabGss *gss, gint64 deadline_us, GError **error)
{
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  OM_uint32 ignored;
  if (!acquire (gss, &credential, error))
    return FALSE;
  gss->established = gss->expected_peer ? initiate (gss, credential, deadline_us, error)
                                        : accept_peer (gss, credential, deadline_us, error);
  gss_release_cred (&ignored, &credential);
  return gss->established;
}

const char *
ts_lab_gss_peer (const TsLabGss *gss)
{
  return gss->peer;
}

/* --- messages --------------------------------------------------------------------------------- */

static gboolean
wrap (TsLabGss *gss, const void *data, gsize len_bytes, gss_buffer_desc *wrapped, GError **error)
{
  gss_buffer_desc plain = {len_bytes, (void *)data};
  OM_uint32 minor;
  int confidential = 0;
  g_mutex_lock (&gss->lock);
  OM_uint32 major =
      gss_wrap (&minor, gss->context, 1, GSS_C_QOP_DEFAULT, &plain, &confidential, wrapped);
  g_mutex_unlock (&gss->lock);
  if (GSS_ERROR (major))
    return throw_gss (error, TS_ERROR_LOST, major, minor, "protecting a message");
  return confidential || ts_throw (error, TS_ERROR_LOST, "a message cannot be protected");
}

static gboolean
unwrap (TsLabGss *gss, gsize len_bytes, GError **error)
{
  gss_buffer_desc wrapped = {len_bytes, gss->message};
  OM_uint32 minor;
  int confidential = 0;
  gss_release_buffer (&minor, &gss->plain);
  gss->given_bytes = 0;
  g_mutex_lock (&gss->lock);
  OM_uint32 major = gss_unwrap (&minor, gss->context, &wrapped, &gss->plain, &confidential, NULL);
  g_mutex_unlock (&gss->lock);
  if (major != GSS_S_COMPLETE) /* also what came twice, too late, or not in turn */
    return throw_gss (error, TS_ERROR_FORMAT, major, minor, "the peer's message");
  return confidential || ts_throw (error, TS_ERROR_FORMAT, "the peer's message is not protected");
}

gssize
ts_lab_gss_read (TsLabGss *gss, void *into, gsize room_bytes, GError **error)
{
  if (gss->given_bytes == gss->plain.length) {
    gsize len_bytes;
    if (!receive_token (gss, WRAPPED_BYTES_MAX, &len_bytes, TS_NEVER, error) ||
        !unwrap (gss, len_bytes, error))
      return -1;
    if (gss->plain.length == 0)
      return 0;
  }
  gsize bytes = MIN (room_bytes, gss->plain.length - gss->given_bytes);
  memcpy (into, (const guint8 *)gss->plain.value + gss->given_bytes, bytes);
  gss->given_bytes += bytes;
  return (gssize)bytes;
}

gboolean
ts_lab_gss_write (TsLabGss *gss, const void *data, gsize len_bytes, GError **error)
{
  while (len_bytes > 0) {
    gss_buffer_desc wrapped = GSS_C_EMPTY_BUFFER;
    gsize bytes = MIN (len_bytes, MESSAGE_BYTES);
    OM_uint32 ignored;
    gboolean sent =
        wrap (gss, data, bytes, &wrapped, error) && send_token (gss, &wrapped, TS_NEVER, error);
    gss_release_buffer (&ignored, &wrapped);
    if (!sent)
      return FALSE;
    data = (const guint8 *)data + bytes;
    len_bytes -= bytes;
  }
  return TRUE;
}

void
ts_lab_gss_free (TsLabGss *gss)
{
  OM_uint32 ignored;
  if (!gss)
    return;
  if (gss->established && !gss->torn) { /* one try: nobody waits for a good-bye */
    gss_buffer_desc wrapped = GSS_C_EMPTY_BUFFER;
    if (wrap (gss, "", 0, &wrapped, NULL))
      send_token (gss, &wrapped, 0, NULL);
    gss_release_buffer (&ignored, &wrapped);
  }
  gss_delete_sec_context (&ignored, &gss->context, GSS_C_NO_BUFFER);
  gss_release_buffer (&ignored, &gss->plain);
  g_mutex_clear (&gss->lock);
  ts_lab_gss_keys_unref (gss->keys);
  g_free (gss->expected_peer);
  g_free (gss->peer);
  g_free (gss->message);
  g_free (gss);
}

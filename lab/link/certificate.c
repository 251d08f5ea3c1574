/* lab/link/certificate.c -- see certificate.h. */
#include "lab/link/certificate.h"
#include "core/base/error.h"
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S, SERIAL_BYTES = 16, NAME_MAX_BYTES = 63 };

typedef struct gnutls_x509_crt_int TsCrt;
typedef struct gnutls_x509_privkey_int TsKey;
typedef struct gnutls_x509_crl_int TsCrl;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsCrt, gnutls_x509_crt_deinit)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsKey, gnutls_x509_privkey_deinit)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsCrl, gnutls_x509_crl_deinit)

static gboolean
throw_tls (GError **error, int code, const char *what)
{
  return ts_throw (error, TS_ERROR_IO, "%s: %s", what, gnutls_strerror (code));
}

static gboolean
check_name (const char *name, GError **error)
{
  gsize len_bytes = strlen (name);
  gboolean good = len_bytes > 0 && len_bytes <= NAME_MAX_BYTES && g_ascii_isalnum (name[0]) &&
                  g_ascii_strcasecmp (name, "ca") != 0;
  for (const char *at = name; good && *at; at++)
    good = g_ascii_isalnum (*at) || *at == '-' || *at == '.';
  if (!good)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "certificate: \"%s\" cannot be a host's name (letters, digits, '-' and '.', "
                     "at most %d, not \"ca\")",
                     name, NAME_MAX_BYTES);
  return TRUE;
}

/* The whole file or none, and a key never readable by others, not even for a moment. */
static gboolean
save (const char *folder, const char *name, const char *suffix, const gnutls_datum_t *pem, int mode,
      GError **error)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.%s", folder, name, suffix);
  g_autoptr (GError) failed = NULL;
  if (!g_file_set_contents_full (path, (const char *)pem->data, (gssize)pem->size,
                                 G_FILE_SET_CONTENTS_CONSISTENT, mode, &failed))
    return ts_throw (error, TS_ERROR_IO, "write %s: %s", path, failed->message);
  return TRUE;
}

static gboolean
save_both (const char *folder, const char *name, TsCrt *certificate, TsKey *key, GError **error)
{
  gnutls_datum_t pem = {0};
  int code = gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, NULL, 0, &pem);
  if (code < 0)
    return throw_tls (error, code, "export key");
  gboolean good = save (folder, name, "key", &pem, 0600, error);
  gnutls_memset (pem.data, 0, pem.size);
  gnutls_free (pem.data);
  if (!good)
    return FALSE;

  code = gnutls_x509_crt_export2 (certificate, GNUTLS_X509_FMT_PEM, &pem);
  if (code < 0)
    return throw_tls (error, code, "export certificate");
  good = save (folder, name, "pem", &pem, 0644, error);
  gnutls_free (pem.data);
  return good;
}

static TsKey *
make_key (GError **error)
{
  TsKey *made = NULL;
  int code = gnutls_x509_privkey_init (&made);
  g_autoptr (TsKey) key = made;
  if (code >= 0)
    code = gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0);
  if (code < 0) {
    throw_tls (error, code, "make a key");
    return NULL;
  }
  return g_steal_pointer (&key);
}

/* What every certificate has: version, serial, subject, validity, key. */
static TsCrt *
make_certificate (const char *subject, TsKey *key, gint64 from_s, gint64 until_s, GError **error)
{
  guint8 serial[SERIAL_BYTES];
  TsCrt *made = NULL;
  int code = gnutls_x509_crt_init (&made);
  g_autoptr (TsCrt) certificate = made;
  gint64 now_s = g_get_real_time () / G_USEC_PER_SEC;
  guint8 key_id[64];
  gsize key_id_bytes = sizeof key_id;
  if (code >= 0)
    code = gnutls_rnd (GNUTLS_RND_NONCE, serial, sizeof serial);
  serial[0] = (guint8)((serial[0] & 0x7f) | 0x40); /* positive and of full length (RFC 5280) */
  if (code < 0 || (code = gnutls_x509_crt_set_version (certificate, 3)) < 0 ||
      (code = gnutls_x509_crt_set_serial (certificate, serial, sizeof serial)) < 0 ||
      (code = gnutls_x509_crt_set_dn_by_oid (certificate, GNUTLS_OID_X520_COMMON_NAME, 0, subject,
                                             (unsigned)strlen (subject))) < 0 ||
      (code = gnutls_x509_crt_set_activation_time (certificate, (time_t)(now_s + from_s))) < 0 ||
      (code = gnutls_x509_crt_set_expiration_time (certificate, (time_t)(now_s + until_s))) < 0 ||
      (code = gnutls_x509_crt_set_key (certificate, key)) < 0 ||
      (code = gnutls_x509_crt_get_key_id (certificate, 0, key_id, &key_id_bytes)) < 0 ||
      (code = gnutls_x509_crt_set_subject_key_id (certificate, key_id, key_id_bytes)) < 0) {
    throw_tls (error, code, "make a certificate");
    return NULL;
  }
  return g_steal_pointer (&certificate);
}

gboolean
ts_lab_certificate_authority (const char *folder, GError **error)
{
  g_autoptr (TsKey) key = make_key (error);
  g_autoptr (TsCrt) ca =
      key ? make_certificate ("twinsite lab authority", key, -HOUR_S, 30 * DAY_S, error) : NULL;
  if (!ca)
    return FALSE;
  int code = gnutls_x509_crt_set_basic_constraints (ca, 1, 0);
  if (code >= 0)
    code = gnutls_x509_crt_set_key_usage (ca, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
  if (code >= 0)
    code = gnutls_x509_crt_sign2 (ca, ca, key, GNUTLS_DIG_SHA256, 0);
  if (code < 0)
    return throw_tls (error, code, "sign the authority's certificate");
  return save_both (folder, "ca", ca, key, error);
}

static gboolean
load_authority (const char *folder, TsCrt **ca, TsKey **ca_key, GError **error)
{
  g_autofree char *pem_path = g_strdup_printf ("%s/ca.pem", folder);
  g_autofree char *key_path = g_strdup_printf ("%s/ca.key", folder);
  g_autofree char *pem_text = NULL;
  g_autofree char *key_text = NULL;
  gsize pem_bytes = 0, key_bytes = 0;
  g_autoptr (GError) failed = NULL;
  if (!g_file_get_contents (pem_path, &pem_text, &pem_bytes, &failed) ||
      !g_file_get_contents (key_path, &key_text, &key_bytes, &failed))
    return ts_throw (error, TS_ERROR_IO, "read the authority: %s", failed->message);
  gnutls_datum_t pem = {(guint8 *)pem_text, (unsigned)pem_bytes};
  gnutls_datum_t key = {(guint8 *)key_text, (unsigned)key_bytes};
  int code = gnutls_x509_crt_init (ca);
  if (code >= 0)
    code = gnutls_x509_crt_import (*ca, &pem, GNUTLS_X509_FMT_PEM);
  if (code < 0)
    return throw_tls (error, code, pem_path);
  code = gnutls_x509_privkey_init (ca_key);
  if (code >= 0)
    code = gnutls_x509_privkey_import2 (*ca_key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
  gnutls_memset (key_text, 0, key_bytes);
  if (code < 0)
    return throw_tls (error, code, key_path);
  return TRUE;
}

static int
set_purposes (TsCrt *certificate, TsLabCertificateKind kind)
{
  int code = 0;
  if (kind == TS_LAB_CERTIFICATE_ANY_USE)
    return 0;
  if (kind != TS_LAB_CERTIFICATE_CLIENT_ONLY)
    code = gnutls_x509_crt_set_key_purpose_oid (certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
  if (code >= 0 && kind != TS_LAB_CERTIFICATE_SERVER_ONLY)
    code = gnutls_x509_crt_set_key_purpose_oid (certificate, GNUTLS_KP_TLS_WWW_CLIENT, 0);
  return code;
}

gboolean
ts_lab_certificate_issue_kind (const char *folder, const char *name, TsLabCertificateKind kind,
                               GError **error)
{
  gint64 from_s = kind == TS_LAB_CERTIFICATE_NOT_YET ? HOUR_S : -HOUR_S;
  gint64 until_s = kind == TS_LAB_CERTIFICATE_EXPIRED ? -60 : 30 * DAY_S;
  g_autoptr (TsCrt) ca = NULL;
  g_autoptr (TsKey) ca_key = NULL;
  if (!check_name (name, error) || !load_authority (folder, &ca, &ca_key, error))
    return FALSE;
  g_autoptr (TsKey) key = make_key (error);
  g_autoptr (TsCrt) host = key ? make_certificate (name, key, from_s, until_s, error) : NULL;
  if (!host)
    return FALSE;

  guint8 ca_id[64];
  gsize ca_id_bytes = sizeof ca_id;
  unsigned critical;
  int code = gnutls_x509_crt_set_basic_constraints (host, 0, -1);
  if (code >= 0)
    code = gnutls_x509_crt_set_key_usage (
        host, GNUTLS_KEY_DIGITAL_SIGNATURE |
                  (kind == TS_LAB_CERTIFICATE_LIBVIRT ? GNUTLS_KEY_KEY_ENCIPHERMENT : 0U));
  if (code >= 0)
    code = set_purposes (host, kind);
  if (code >= 0 && kind != TS_LAB_CERTIFICATE_NAMELESS)
    code = gnutls_x509_crt_set_subject_alt_name (host, GNUTLS_SAN_DNSNAME, name,
                                                 (unsigned)strlen (name), GNUTLS_FSAN_SET);
  if (code >= 0)
    code = gnutls_x509_crt_get_subject_key_id (ca, ca_id, &ca_id_bytes, &critical);
  if (code >= 0)
    code = gnutls_x509_crt_set_authority_key_id (host, ca_id, ca_id_bytes);
  if (code >= 0)
    code = gnutls_x509_crt_sign2 (host, ca, ca_key, GNUTLS_DIG_SHA256, 0);
  if (code < 0) {
    throw_tls (error, code, "sign a host's certificate");
    g_prefix_error (error, "certificate of %s: ", name);
    return FALSE;
  }
  return save_both (folder, name, host, key, error);
}

gboolean
ts_lab_certificate_issue (const char *folder, const char *name, GError **error)
{
  return ts_lab_certificate_issue_kind (folder, name, TS_LAB_CERTIFICATE_GOOD, error);
}

/* --- what is revoked -------------------------------------------------------------------------- */

/* An object of GnuTLS from a file. */
static gboolean
load_pem (const char *path, int (*import) (void *into, const gnutls_datum_t *pem), void *into,
          GError **error)
{
  g_autofree char *text = NULL;
  gsize len_bytes = 0;
  g_autoptr (GError) failed = NULL;
  if (!g_file_get_contents (path, &text, &len_bytes, &failed))
    return ts_throw (error, TS_ERROR_IO, "read %s: %s", path, failed->message);
  gnutls_datum_t pem = {(guint8 *)text, (unsigned)len_bytes};
  int code = import (into, &pem);
  return code >= 0 || throw_tls (error, code, path);
}

static int
import_certificate (void *into, const gnutls_datum_t *pem)
{
  return gnutls_x509_crt_import (into, pem, GNUTLS_X509_FMT_PEM);
}

static int
import_list (void *into, const gnutls_datum_t *pem)
{
  return gnutls_x509_crl_import (into, pem, GNUTLS_X509_FMT_PEM);
}

/* Version 2, with the extensions that RFC 5280, 5.2 demands: key identifier and number.  CHOICE:
 * the number is the time, so that a later list has a greater one. */
static int
sign_list (TsCrl *list, TsCrt *ca, TsKey *ca_key)
{
  gint64 now_us = g_get_real_time ();
  guint64 number = GUINT64_TO_BE ((guint64)now_us);
  guint8 ca_id[64];
  gsize ca_id_bytes = sizeof ca_id;
  unsigned critical;
  int code = gnutls_x509_crl_set_version (list, 2);
  if (code >= 0)
    code = gnutls_x509_crl_set_this_update (list, (time_t)(now_us / G_USEC_PER_SEC - HOUR_S));
  if (code >= 0)
    code = gnutls_x509_crl_set_next_update (list, (time_t)(now_us / G_USEC_PER_SEC + 30 * DAY_S));
  if (code >= 0)
    code = gnutls_x509_crl_set_number (list, &number, sizeof number);
  if (code >= 0)
    code = gnutls_x509_crt_get_subject_key_id (ca, ca_id, &ca_id_bytes, &critical);
  if (code >= 0)
    code = gnutls_x509_crl_set_authority_key_id (list, ca_id, ca_id_bytes);
  if (code >= 0)
    code = gnutls_x509_crl_sign2 (list, ca, ca_key, GNUTLS_DIG_SHA256, 0);
  return code;
}

gboolean
ts_lab_certificate_revoke (const char *folder, const char *name, GError **error)
{
  g_autofree char *certificate_path = g_strdup_printf ("%s/%s.pem", folder, name);
  g_autofree char *list_path = g_strdup_printf ("%s/ca.crl", folder);
  g_autoptr (TsCrt) ca = NULL;
  g_autoptr (TsKey) ca_key = NULL;
  TsCrt *made = NULL;
  TsCrl *made_list = NULL;
  if (!check_name (name, error) || !load_authority (folder, &ca, &ca_key, error))
    return FALSE;
  int code = gnutls_x509_crt_init (&made);
  g_autoptr (TsCrt) certificate = made;
  if (code >= 0)
    code = gnutls_x509_crl_init (&made_list);
  g_autoptr (TsCrl) list = made_list;
  if (code < 0)
    return throw_tls (error, code, "revoke");
  if (!load_pem (certificate_path, import_certificate, certificate, error))
    return FALSE;
  if (g_file_test (list_path, G_FILE_TEST_EXISTS) &&
      !load_pem (list_path, import_list, list, error))
    return FALSE;

  gnutls_datum_t pem = {0};
  code = gnutls_x509_crl_set_crt (list, certificate, time (NULL));
  if (code >= 0)
    code = sign_list (list, ca, ca_key);
  if (code >= 0)
    code = gnutls_x509_crl_export2 (list, GNUTLS_X509_FMT_PEM, &pem);
  if (code < 0) {
    throw_tls (error, code, "sign what is revoked");
    g_prefix_error (error, "certificate of %s: ", name);
    return FALSE;
  }
  gboolean good = save (folder, "ca", "crl", &pem, 0644, error);
  gnutls_free (pem.data);
  return good;
}

/* The lab's own certificates: what they say, who may read the keys, what names are allowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <glib/gstdio.h>
#include "core/base/error.h"
#include "lab/link/certificate.h"

static char *
path_of (const char *folder, const char *file)
{
  return g_build_filename (folder, file, NULL);
}

static gnutls_x509_crt_t
load (const char *folder, const char *file)
{
  g_autofree char *path = path_of (folder, file);
  gnutls_datum_t pem;
  gnutls_x509_crt_t certificate;
  assert_int_equal (gnutls_load_file (path, &pem), 0);
  gnutls_x509_crt_init (&certificate);
  assert_int_equal (gnutls_x509_crt_import (certificate, &pem, GNUTLS_X509_FMT_PEM), 0);
  gnutls_free (pem.data);
  return certificate;
}

static guint
mode_of (const char *folder, const char *file)
{
  g_autofree char *path = path_of (folder, file);
  struct stat status;
  assert_int_equal (stat (path, &status), 0);
  return status.st_mode & 07777;
}

static int
setup (void **state)
{
  *state = g_dir_make_tmp ("ts-certificate-XXXXXX", NULL);
  return *state && ts_lab_certificate_authority (*state, NULL) ? 0 : -1;
}

static int
teardown (void **state)
{
  char *folder = *state;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));) {
    g_autofree char *file = path_of (folder, name);
    g_unlink (file);
  }
  int left = g_rmdir (folder);
  g_free (folder);
  return left;
}

static void
a_host (void **state)
{
  const char *folder = *state;
  assert_true (ts_lab_certificate_issue (folder, "hv-paris", NULL));
  assert_int_equal (mode_of (folder, "ca.key"), 0600);
  assert_int_equal (mode_of (folder, "hv-paris.key"), 0600);

  gnutls_x509_crt_t ca = load (folder, "ca.pem"), host = load (folder, "hv-paris.pem");
  unsigned status = 0, critical = 0, usage = 0;
  assert_int_equal (gnutls_x509_crt_verify (host, &ca, 1, 0, &status), 0);
  assert_int_equal (status, 0);
  assert_int_equal (gnutls_x509_crt_get_ca_status (ca, &critical), 1);
  assert_true (critical);
  assert_int_equal (gnutls_x509_crt_get_ca_status (host, &critical), 0);
  assert_int_equal (gnutls_x509_crt_get_key_usage (ca, &usage, &critical), 0);
  assert_int_equal (usage, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
  assert_int_equal (gnutls_x509_crt_get_key_usage (host, &usage, &critical), 0);
  assert_int_equal (usage, GNUTLS_KEY_DIGITAL_SIGNATURE);

  unsigned bits = 0;
  assert_int_equal (gnutls_x509_crt_get_pk_algorithm (host, &bits), GNUTLS_PK_ECDSA);
  assert_int_equal (bits, 256);
  assert_int_equal (gnutls_x509_crt_get_signature_algorithm (host), GNUTLS_SIGN_ECDSA_SHA256);
  assert_true (gnutls_x509_crt_check_hostname2 (host, "hv-paris", 0));
  assert_false (gnutls_x509_crt_check_hostname2 (host, "hv-lyon", 0));
  assert_true (gnutls_x509_crt_check_key_purpose (host, GNUTLS_KP_TLS_WWW_SERVER, 0));
  assert_true (gnutls_x509_crt_check_key_purpose (host, GNUTLS_KP_TLS_WWW_CLIENT, 0));
  assert_false (gnutls_x509_crt_check_key_purpose (host, GNUTLS_KP_CODE_SIGNING, 0));
  char name[64];
  gsize size = sizeof name;
  assert_int_equal (
      gnutls_x509_crt_get_dn_by_oid (host, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size), 0);
  assert_string_equal (name, "hv-paris");

  gint64 now_s = g_get_real_time () / G_USEC_PER_SEC;
  for (guint i = 0; i < 2; i++) {
    gint64 from_s = gnutls_x509_crt_get_activation_time (i ? ca : host);
    gint64 until_s = gnutls_x509_crt_get_expiration_time (i ? ca : host);
    assert_in_range (now_s - from_s, 3590, 3700);
    assert_in_range (until_s - now_s, 30 * 86400 - 100, 30 * 86400);
  }
  gnutls_x509_crt_deinit (ca);
  gnutls_x509_crt_deinit (host);
}

static void
serial_of (const char *folder, const char *file, guint8 serial[16])
{
  gsize size = 16;
  gnutls_x509_crt_t certificate = load (folder, file);
  assert_int_equal (gnutls_x509_crt_get_serial (certificate, serial, &size), 0);
  assert_int_equal (size, 16);
  assert_true (serial[0] < 0x80);
  gnutls_x509_crt_deinit (certificate);
}

static void
serials_and_keys_differ (void **state)
{
  const char *folder = *state;
  guint8 first[16], second[16];
  assert_true (ts_lab_certificate_issue (folder, "hv-paris", NULL));
  g_autofree char *key_path = path_of (folder, "hv-paris.key");
  g_autofree char *first_key = NULL;
  g_autofree char *second_key = NULL;
  assert_true (g_file_get_contents (key_path, &first_key, NULL, NULL));
  serial_of (folder, "hv-paris.pem", first);
  assert_int_equal (g_chmod (key_path, 0644), 0); /* an old one that was too open */
  assert_true (ts_lab_certificate_issue (folder, "hv-paris", NULL));
  assert_true (g_file_get_contents (key_path, &second_key, NULL, NULL));
  serial_of (folder, "hv-paris.pem", second);
  assert_memory_not_equal (first, second, sizeof first);
  assert_string_not_equal (first_key, second_key);
  assert_int_equal (mode_of (folder, "hv-paris.key"), 0600);
}

static void
names_that_are_none (void **state)
{
  static const char *const names[] = {"",
                                      "ca",
                                      "CA",
                                      "../ca",
                                      "a/b",
                                      "-a",
                                      ".a",
                                      "a b",
                                      "a\nb",
                                      "*.net",
                                      "h\xc3\xa9",
                                      "0123456789012345678901234567890123456789"
                                      "012345678901234567890123"};
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GError) error = NULL;
    assert_false (ts_lab_certificate_issue (*state, names[i], &error));
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  }
  assert_true (ts_lab_certificate_issue (*state, "hv-1.lyon.example", NULL));
}

static void
folders_that_are_none (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *nowhere = path_of (*state, "nowhere");
  assert_false (ts_lab_certificate_authority (nowhere, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_IO));
  assert_non_null (strstr (error->message, "nowhere/ca."));
  g_clear_error (&error);
  assert_false (ts_lab_certificate_issue (nowhere, "hv-paris", &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_IO));
  g_clear_error (&error);

  g_autofree char *key = path_of (*state, "ca.key");
  assert_true (g_file_set_contents (key, "not a key", -1, NULL));
  assert_false (ts_lab_certificate_issue (*state, "hv-paris", &error));
  assert_non_null (strstr (error->message, "ca.key"));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown (a_host, setup, teardown),
      cmocka_unit_test_setup_teardown (serials_and_keys_differ, setup, teardown),
      cmocka_unit_test_setup_teardown (names_that_are_none, setup, teardown),
      cmocka_unit_test_setup_teardown (folders_that_are_none, setup, teardown),
  };
  return cmocka_run_group_tests_name ("certificate", tests, NULL, NULL);
}

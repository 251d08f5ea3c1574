/* lab/link/certificate.h -- the certificates that the lab makes for itself: an authority per run, one
 * certificate per host (both server and client usage, HVR reference 1.3).
 *
 * ECDSA on P-256 with SHA-256; serial numbers are random.  Keys are written with mode 0600, each
 * file at once or not at all.  A name is what a host name can be: letters, digits, '-' and '.', 63
 * bytes at most, not starting with '-' or '.', and not "ca" (TS_ERROR_ARGUMENT). */
#pragma once
#include <glib.h>

/* Writes folder/ca.pem and folder/ca.key, replacing what was there. Valid from an hour ago, for 30
 * days. */
gboolean ts_lab_certificate_authority (const char *folder, GError **error);
/* Writes folder/NAME.pem and folder/NAME.key (mode 0600), signed by folder/ca.key, with NAME as
 * subject and DNS name. */
gboolean ts_lab_certificate_issue (const char *folder, const char *name, GError **error);

/* Adds the serial number of folder/NAME.pem to the list of what the authority has revoked,
 * folder/ca.crl, which is made if it is not there; it is good for 30 days.  Who has loaded the list
 * before does not see that. */
gboolean ts_lab_certificate_revoke (const char *folder, const char *name, GError **error);

/* The same with something wrong, or otherwise, for tests and faults. */
typedef enum {
  TS_LAB_CERTIFICATE_GOOD,
  TS_LAB_CERTIFICATE_EXPIRED,     /* a minute ago */
  TS_LAB_CERTIFICATE_NOT_YET,     /* valid in an hour */
  TS_LAB_CERTIFICATE_CLIENT_ONLY, /* extended key usage without server */
  TS_LAB_CERTIFICATE_SERVER_ONLY, /* without client */
  TS_LAB_CERTIFICATE_ANY_USE,     /* no extended key usage at all */
  TS_LAB_CERTIFICATE_NAMELESS,    /* no DNS name, only a subject */
  TS_LAB_CERTIFICATE_LIBVIRT,     /* good for key encipherment too: libvirt takes no other */
} TsLabCertificateKind;
gboolean ts_lab_certificate_issue_kind (const char *folder, const char *name,
                                        TsLabCertificateKind kind, GError **error);

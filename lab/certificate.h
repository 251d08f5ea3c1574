/* lab/certificate.h -- the certificates that the lab makes for itself: an authority per run, one
 * certificate per host (both server and client usage, HVR reference 1.3). */
#pragma once
#include <glib.h>

/* Writes folder/ca.pem and folder/ca.key. Valid from an hour ago, for 30 days. */
gboolean ts_lab_certificate_authority (const char *folder, GError **error);
/* Writes folder/NAME.pem and folder/NAME.key (mode 0600), signed by folder/ca.key, with NAME as
 * subject and DNS name. */
gboolean ts_lab_certificate_issue (const char *folder, const char *name, GError **error);

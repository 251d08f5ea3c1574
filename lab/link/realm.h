/* lab/link/realm.h -- a Kerberos realm of the run's own: principals, keytabs and a KDC in each site.
 *
 * As in a domain with a controller at each site, every site has a real MIT KDC with a copy of the
 * database of its own, on its loopback: tickets are had when the link between the sites is dark,
 * and a site's KDC goes with the site's power.  A host is the principal hvr/HOST@TWINSITE.LAB, its
 * keys are in FOLDER/HOST.keytab.  Nothing of the machine's own Kerberos is read or written. */
#pragma once
#include <glib.h>
#include "lab/site/site.h"

#define TS_LAB_REALM "TWINSITE.LAB"

/* Why there can be no realm here, with what to install; NULL: there can.  Caller frees. */
char *ts_lab_realm_refusal (void);

/* Makes folder (which exists) a realm: krb5.conf, the database, and a keytab per host.  hosts:
 * NULL-terminated, plain names (layout.h).  About 0.3 s and 0.1 s a host. */
gboolean ts_lab_realm_create (const char *folder, const char *const *hosts, GError **error);

/* Starts a KDC in the site, which ends with it; returns when it listens (at most 20 s).  name: the
 * site's, plain; log_path: what it logs, and its output, is appended there. */
gboolean ts_lab_realm_serve (const char *folder, TsLabSite *site, const char *name,
                             const char *log_path, GError **error);

/* What the Kerberos library of a process is to read ($KRB5_CONFIG), and where a host's keys lie.
 * The result is the caller's. */
char *ts_lab_realm_config (const char *folder);
char *ts_lab_realm_keytab (const char *folder, const char *host);

/* lab/machine/remote.c -- see remote.h. */
#include "lab/machine/remote.h"
#include <string.h>
#include "lab/machine/machine-internal.h"

char *
ts_lab_remote_prefix (const char *run_id, const char *host)
{
  return g_strdup_printf ("twinsite-%s-%s.", run_id, host);
}

static virConnectPtr
open_quietly (const char *uri, GError **error)
{
  g_autoptr (GError) why = NULL;
  virConnectPtr connection = ts_lab_virt_quiet () ? virConnectOpen (uri) : NULL;
  if (!connection) {
    ts_lab_throw_virt (&why, "libvirt at %s", uri);
    ts_throw (error, TS_ERROR_UNAVAILABLE, "%s", why->message);
  }
  return connection;
}

gboolean
ts_lab_remote_try (const char *uri, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  virConnectPtr connection = open_quietly (uri, error);
  if (!connection)
    return FALSE;
  const char *kind = virConnectGetType (connection);
  gboolean good = g_strcmp0 (kind, "QEMU") == 0 ||
                  ts_throw (error, TS_ERROR_UNAVAILABLE, "libvirt at %s: runs %s (expected: QEMU)",
                            uri, kind ? kind : "?");
  virConnectClose (connection);
  return good;
}

/* FALSE: it is there still. */
static gboolean
stop_and_forget (virDomainPtr domain, gboolean forget, guint *stopped, GError **error)
{
  const char *name = virDomainGetName (domain);
  if (virDomainIsActive (domain) != 0) {
    ++*stopped;
    if (virDomainDestroy (domain) < 0 && virDomainIsActive (domain) != 0)
      return ts_lab_throw_virt (error, "stop machine %s", name);
  }
  if (forget && virDomainIsPersistent (domain) != 0 &&
      virDomainUndefineFlags (domain, VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
                                          VIR_DOMAIN_UNDEFINE_KEEP_NVRAM) < 0)
    return ts_lab_throw_virt (error, "forget machine %s", name);
  return TRUE;
}

gboolean
ts_lab_virt_sweep (virConnectPtr connection, const char *prefix, gboolean forget, guint *stopped,
                   GError **error)
{
  virDomainPtr *domain = NULL;
  int count = virConnectListAllDomains (connection, &domain, 0);
  gboolean fine = count >= 0 || ts_lab_throw_virt (error, "list machines");
  guint ran = 0;
  for (int i = 0; i < count; i++) {
    if (g_str_has_prefix (virDomainGetName (domain[i]), prefix) &&
        !stop_and_forget (domain[i], forget, &ran, fine ? error : NULL))
      fine = FALSE; /* and the others all the same */
    virDomainFree (domain[i]);
  }
  free (domain); /* libvirt's, from malloc */
  if (stopped)
    *stopped = ran;
  return fine;
}

gboolean
ts_lab_remote_sweep (const char *uri, const char *prefix, gboolean forget, guint *stopped,
                     GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_return_val_if_fail (*prefix, FALSE);
  virConnectPtr connection = open_quietly (uri, error);
  if (!connection)
    return FALSE;
  gboolean fine = ts_lab_virt_sweep (connection, prefix, forget, stopped, error);
  virConnectClose (connection);
  return fine;
}

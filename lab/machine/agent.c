/* lab/machine/agent.c -- QEMU's guest agent, talked to by libvirt (machine.h). */
#include "lab/machine/machine-internal.h"
#include <libvirt/libvirt-qemu.h>

#define PING_S 2
#define FREEZE_S 20 /* file systems are written back first */

/* Caller frees; NULL with error. */
static virDomainPtr
find (TsLabHypervisor *hypervisor, const char *name, GError **error)
{
  g_autofree char *full = g_strconcat (hypervisor->prefix, name, NULL);
  virDomainPtr domain = virDomainLookupByName (hypervisor->connection, full);
  if (!domain)
    ts_throw (error, TS_ERROR_AGAIN, "there is no machine %s now", name);
  return domain;
}

/* FALSE: what libvirt says of its last failure.  It knows of the guest whether an agent has ever opened
 * its port, so that "not there" and "does not answer" are told apart. */
static gboolean
no_answer (const char *name, GError **error)
{
  TsErrorCode code = virGetLastErrorCode () == VIR_ERR_AGENT_UNRESPONSIVE ? TS_ERROR_AGAIN
                                                                          : TS_ERROR_STATE;
  return ts_throw (error, code, "guest agent of machine %s: %s", name, virGetLastErrorMessage ());
}

gboolean
ts_lab_agent_ping (TsLabHypervisor *hypervisor, const char *name, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  virDomainPtr domain = find (hypervisor, name, error);
  if (!domain)
    return FALSE;
  char *said = virDomainQemuAgentCommand (domain, "{\"execute\":\"guest-ping\"}", PING_S, 0);
  gboolean fine = said != NULL || no_answer (name, error);
  free (said); /* libvirt's, from malloc */
  virDomainFree (domain);
  return fine;
}

gboolean
ts_lab_agent_freeze (TsLabHypervisor *hypervisor, const char *name, gboolean freeze, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  virDomainPtr domain = find (hypervisor, name, error);
  if (!domain)
    return FALSE;
  (void)virDomainAgentSetResponseTimeout (domain, FREEZE_S, 0);
  int count = freeze ? virDomainFSFreeze (domain, NULL, 0, 0) : virDomainFSThaw (domain, NULL, 0, 0);
  gboolean fine = count >= 0 || no_answer (name, error);
  if (fine && freeze && count == 0)
    fine = ts_throw (error, TS_ERROR_STATE, "guest agent of machine %s: it has frozen nothing", name);
  virDomainFree (domain);
  return fine;
}

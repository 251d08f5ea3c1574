/* lab/site/cable.h -- the cable of a machine's network card, inside a site.
 *
 * A TAP device in the site's network namespace, one for each machine, with the gateway's address on
 * it: machine and site reach each other, and nobody else (CHOICE: machines of one site do not; nor
 * does anything leave the site, since nothing is forwarded).  Whoever asks by DHCP is given the
 * machine's address.  It goes with the site. */
#pragma once
#include <glib.h>
#include <sys/types.h>
#include "lab/site/dhcp.h"

typedef struct _TsLabCable TsLabCable;

/* device: at most 15 bytes.  Answers DHCP in the default main context until it is freed.
 * TS_ERROR_UNAVAILABLE: there are no TAP devices here. */
TsLabCable *ts_lab_cable_new (pid_t site, const char *device, const TsDhcpLease *lease,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Lets go of the site's network; the device stays as long as the site.  NULL is fine. */
void ts_lab_cable_free (TsLabCable *cable);

/* A TCP connection over that device to an address, begun and perhaps not there yet; from outside the
 * site.  The caller closes it; -1 on failure. */
int ts_lab_cable_connect (pid_t site, const char *device, guint32 address, guint16 port,
                          GError **error);

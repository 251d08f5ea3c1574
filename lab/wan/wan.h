/* lab/wan/wan.h -- the link between two sites: two TUN devices and a user-space shaper between
 * them.
 *
 * Runs as a process of its own outside both sites (it dies with the runner).  Each packet that
 * leaves one device is passed through core/seam/shaper.h, the simulator's link model, and written
 * to the other when its time has come. */
#pragma once
#include <sys/types.h>
#include "core/seam/shaper.h"

typedef struct _TsLabWan TsLabWan;

/* Why there can be no TUN device here (/dev/net/tun missing, no permission), or NULL. */
char *ts_lab_wan_refusal (void);

/* Makes a device "wanN" in both sites with address[i] (IPv4 text), a host route to the other's, MTU
 * 1500, and starts shaping.  Link up.  site_pid[i]: of ts_lab_site_pid.  The random streams are
 * "link/NAME/0>1" and "link/NAME/1>0".  To be called from a thread that lives as long as the link
 * (helper.h).  TS_ERROR_UNAVAILABLE: no TUN device to be had. */
TsLabWan *ts_lab_wan_start (const char *name, const TsLinkShape *shape, guint64 seed,
                            const pid_t site_pid[2], const char *const address[2], GError **error);
/* In force when it returns, for packets that leave a site from then on; what was on its way
 * arrives. */
gboolean ts_lab_wan_set_mode (TsLabWan *wan, TsLinkMode mode, GError **error);

/* Takes the device out of site 0 or 1, for good: what comes from there has ended (what was on its
 * way arrives), what goes there vanishes, counted as blackhole.  To be called before
 * ts_lab_site_power_off, for a dying kernel closes its connections (FIN, RST) and a site without
 * power says nothing.  Happens by itself when the site's first process ends, so that the device
 * does not keep the network namespace alive.  Fine when it has happened already. */
gboolean ts_lab_wan_unplug (TsLabWan *wan, guint side, GError **error);

/* [0] from site 0 to site 1, [1] back. */
gboolean ts_lab_wan_counters (TsLabWan *wan, TsShaperCounters counters[2], GError **error);
void ts_lab_wan_free (TsLabWan *wan); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabWan, ts_lab_wan_free)

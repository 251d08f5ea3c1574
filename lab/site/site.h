/* lab/site/site.h -- a site: namespaces of its own (process, network, mount), in which its hosts run.
 *
 * The site's first process is pid 1 of its process namespace.  When it dies, the kernel kills every
 * process in the site at once: that is how a site loses power, and why nothing of it can be left
 * behind, whoever is killed in whatever order.  It dies with the runner too (PR_SET_PDEATHSIG). The
 * network namespace has no name: it goes with its last process. */
#pragma once
#include <glib.h>
#include <sys/types.h>

typedef struct _TsLabSite TsLabSite;

/* Why no site can be made here ("... : permission for namespaces is missing, run as root or ..."),
 * or NULL.  Tries it for real.  Caller frees. */
char *ts_lab_site_refusal (void);

/* Makes the namespaces, /proc for them, loopback up.  As another user than root it also makes a
 * user namespace.  folder: the site's, exists; log of its first process there (site.log).  To be
 * called from a thread that lives as long as the site (helper.h).  TS_ERROR_UNAVAILABLE: not
 * permitted here. */
TsLabSite *ts_lab_site_start (const char *name, const char *folder, GError **error);

/* The first process, seen from outside (for /proc/PID/ns/net); 0 after power loss. */
pid_t ts_lab_site_pid (const TsLabSite *site);

/* Runs argv (NULL-terminated; argv[0] a path, or looked for in PATH) inside the site, its output
 * appended to log_path.  Returns when it has been started; it ends with the site.  The files are
 * the runner's.  TS_ERROR_LOST: the site has no power. */
gboolean ts_lab_site_run (TsLabSite *site, const char *const *argv, const char *log_path,
                          GError **error);

/* SIGKILL to all of it; returns when every process is gone (bounded: 10 s).  Returns how many
 * processes there were, the evidence that it bit; the first process counts, so an empty site is 1,
 * and 0 says that it had ended before.  A dying kernel says goodbye on its connections and a power
 * loss does not: unplug the site's links first (ts_lab_wan_unplug). */
guint ts_lab_site_power_off (TsLabSite *site);

/* Inside: a descriptor of the runner's network namespace, closed on exec; -1 when that is not known. */
int ts_lab_outer_network (void);

void ts_lab_site_free (TsLabSite *site); /* powers off first; NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabSite, ts_lab_site_free)

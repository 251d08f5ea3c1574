/* lab/site/enter.h -- something is made inside a site, by somebody who stays outside.
 *
 * A child goes into the site's user and network namespaces and hands back a descriptor: who has gone
 * into a user namespace (sites of an unprivileged runner have one) cannot come back out of it.  The
 * descriptor belongs to the site's network and keeps it alive: close it when the site loses power. */
#pragma once
#include <glib.h>
#include <sys/types.h>

/* Runs make in the child, which ends after it; what it returns, a descriptor or -1 with error, is
 * ours.  site: its first process.  TS_ERROR_UNAVAILABLE and others: make's own, or that the site
 * cannot be entered. */
int ts_lab_site_enter (pid_t site, int (*make) (gpointer user, GError **error), gpointer user,
                       GError **error);

/* lab/world/store.h -- hosts whose libvirtd is not ours: what of them lies where that libvirtd sees it.
 *
 *   STORE/twinsite-RUN/HOST/   all of the host's files (site/layout.h); RUN/HOST is a link to it
 *   STORE/twinsite-RUN/s/      sockets that QEMU makes; the run's own folder for sockets has links
 *
 * Both are the run's, and go with it; logs and consoles go back into the run's folder.  What cannot be
 * taken along by the runner's end, the registry remembers (site/tidy.h). */
#pragma once
#include "lab/world/world-internal.h"

/* "hosts: NAME: ..." that cannot be: no such store, no such libvirtd.  Caller frees; NULL: all can. */
char *ts_lab_stores_refusal (const TsTopology *topology);
gboolean ts_lab_stores_make (TsWorld *world, GError **error);
/* Tells the host's configuration where its files lie and whose machines it drives. */
gboolean ts_lab_store_configure (TsWorld *world, guint host, TsLabHostConfig *config,
                                 GError **error);
/* A site (-1: all of them) has lost power: so have its hosts' machines, which no process of it holds.
 * forget: they are gone for good. */
void ts_lab_stores_power_off (TsWorld *world, gint site, gboolean forget);
void ts_lab_stores_remove (TsWorld *world);

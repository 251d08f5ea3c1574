/* lab/world/world.h -- the lab as an engine: real sites, hosts, machines and links behind one table.
 *
 * The runner's side, outside both sites: it makes everything, gives orders to the host processes,
 * talks with the guests, and holds the ledger's and the probes' ends.  One world at a time per
 * process; its calls are made in the thread of the default main context, which runs inside them.
 *
 * The program's main() must serve ts_lab_helper_main (helper.h) and `host FOLDER` (host.h).
 *
 * Kept in the run's folder: lab/HOST/host.log, VM.console, lab/SITE.site/site.log.  Disks, logs and
 * keys are removed with the world, unless TWINSITE_KEEP is set. */
#pragma once
#include "core/seam/death.h"
#include "core/seam/world.h"

const TsWorldOps *ts_lab_world_ops (void);

/* For tests: that host's process kills itself at the n-th such action from now on; the rest of its
 * site is killed then, as by TS_DO_SITE_DOWN, and TS_DO_SITE_UP brings it back.  Again: instead. */
void ts_lab_world_die_at (TsWorld *world, guint host, const TsDeath *death);
/* Is it dead? */
gboolean ts_lab_world_died (const TsWorld *world, guint host);

/* sim/world.h -- the engine that performs a scenario in virtual time.
 *
 * Deterministic: the same topology, seed and orders give the same records, to the byte.  After
 * every event every checker of sim/check/ looks at the world; a breach is journalled once as
 * "invariant". */
#pragma once
#include "core/seam/world.h"

const TsWorldOps *ts_sim_world_ops (void);

/* For tests of what no scenario verb says yet: a site's hosts lose power, or get it back. */
void ts_sim_world_power (TsWorld *world, guint site, gboolean on);
/* Calls made by the clock so far. */
guint64 ts_sim_world_events (const TsWorld *world);

/* sim/world.h -- the engine that performs a scenario in virtual time.
 *
 * Deterministic: the same topology, seed and orders give the same records, to the byte.  After
 * every event every checker of sim/check/ looks at the world; a breach is journalled once as
 * "invariant". */
#pragma once
#include "core/seam/death.h"
#include "core/seam/world.h"
#include "core/vault/request.h"

const TsWorldOps *ts_sim_world_ops (void);

/* A client's request to the world's vault, as its REST interface takes them: answered through
 * observer->reply, perhaps before this returns.  Not answered while the vault is dead: TS_ERROR_LOST;
 * TS_ERROR_STATE: this world has no vault.  (A vault of the lab is a process, and is asked over REST.) */
gboolean ts_sim_world_request (TsWorld *world, const TsVaultRequest *request, GError **error);

/* For tests of what no scenario verb says yet: a site's hosts lose power, or get it back. */
void ts_sim_world_power (TsWorld *world, guint site, gboolean on);
/* That host dies at the n-th such action from now on, and comes back after down_us; again: instead. */
void ts_sim_world_die_at (TsWorld *world, guint host, const TsDeath *death, gint64 down_us);
/* Has it struck? */
gboolean ts_sim_world_died (TsWorld *world, guint host);
/* How many such moments there have been on that host since the world began. */
guint ts_sim_world_moments (TsWorld *world, guint host, TsActionKind action, TsDeathMoment moment);
/* Calls made by the clock so far. */
guint64 ts_sim_world_events (const TsWorld *world);

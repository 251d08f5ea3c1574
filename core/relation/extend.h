/* core/relation/extend.h -- extended (chained) replication: from a replica to a third host.
 *
 * HVR reference 2.11.  The middle host's sender is a sender like any other; what it tracks is what is
 * applied to the replica's disks, and it cuts between two applies, so a set of it is the sets that were
 * applied since its last one, merged, and its instant is that of the newest of them. */
#pragma once
#include "core/relation/policy.h"
#include "core/relation/state.h"

/* Why a replica in that state cannot be extended by policy; primary: its own.  NULL: it can.  The
 * caller's. */
char *ts_extend_refusal (const TsPolicy *policy, const TsPolicy *primary, TsState replica);

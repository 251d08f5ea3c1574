/* core/relation/extend.h -- extended (chained) replication: from a replica to a third host.
 *
 * HVR reference 2.11.  The middle host's sender is a sender like any other; what it tracks is what is
 * applied to the replica's disks, and it cuts between two applies, so a set of it is the sets that were
 * applied since its last one, merged, and its instant is that of the newest of them. */
#pragma once
#include "core/relation/policy.h"
#include "core/relation/state.h"

#include "core/seam/order.h"

/* Why a replica in that state cannot be extended by policy; primary: its own.  NULL: it can.  The
 * caller's. */
char *ts_extend_refusal (const TsPolicy *policy, const TsPolicy *primary, TsState replica);
/* Why that is not to be had of an extended relation; NULL: it is. */
const char *ts_extend_order_refusal (const TsOrder *order);

/* What its cut, and its tracking, are told while the replica's disks are of no instant
 * (ts_receiver_whole): it tries again. */
#define TS_EXTEND_NOT_WHOLE "the replica's disks are of no instant just now"
/* Why a host turns a primary away that wants to begin: the copy here is a primary itself. */
#define TS_EXTEND_GOES_ON "the copy of the virtual machine here goes on as a primary"

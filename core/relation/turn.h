/* core/relation/turn.h -- reverse replication: the two sides of a relation change places.
 *
 * HVR reference 3.5 and 3.6.  Each side is asked (TS_ASK_REVERSE) and, when it may, asks its driver
 * for TS_ACTION_TURN.  The driver makes disks and VM ready for the new part, then the new machine
 * from the old one here, puts it in the old one's place, performs `out`, and steps the new machine
 * with MACHINE (whether the VM is on) and TICK.  When that cannot be done, the old machine goes on,
 * and hears DONE of TURN, not ok.
 *
 * After a planned failover both sides hold the same instant, and every write since is tracked: set
 * numbers and chains of logs go on where they were, and nothing is copied.
 *
 * After an unplanned one the old primary's disks are compared with the copy's, and only what
 * differs is sent (sender-resync.c); states go 1, 2, 3 as of any initial replication.
 *
 * The record that says so is of kind "reverse": {vm, host, role: the new one, phase: "turned"}. */
#pragma once
#include "core/relation/receiver.h"
#include "core/relation/sender.h"

/* The primary that this failed-over replica becomes; options as for ts_sender_new. */
TsSender *ts_turn_receiver (const TsReceiver *receiver, const TsSenderOptions *options,
                            gint64 now_us, TsActions *out) G_GNUC_WARN_UNUSED_RESULT;
/* The replica that this primary becomes. */
TsReceiver *ts_turn_sender (const TsSender *sender, gint64 now_us,
                            TsActions *out) G_GNUC_WARN_UNUSED_RESULT;
/* That a side's relation has been forgotten: kind "removed", {vm, host, role}. */
TsRecord *ts_turn_removed (const char *vm, const char *host, TsRole role, gint64 now_us);
/* That a side has its new role. */
TsRecord *ts_turn_record (const char *vm, const char *host, TsRole role, gint64 now_us);

/* A host that dies between keeping what it has become and telling it: told again when it is there
 * again.  role, state: of what was told last; TS_STATE_DISABLED: nothing ever was.  Nothing is added
 * when that is still so. */
void ts_turn_tell_sender (const TsSender *sender, TsRole role, TsState state, gint64 now_us,
                          TsActions *out);
void ts_turn_tell_receiver (const TsReceiver *receiver, TsRole role, TsState state, gint64 now_us,
                            TsActions *out);

/* core/relation/move.h -- one side of a relation goes to another host of its cloud, with its VM.
 *
 * HVR reference 2.6, "Live migration / storage migration": replication and statistics go on; the other
 * side has to let the new host in (1.3, trust groups).  Asked for it (TS_ASK_MOVE), a machine comes to
 * rest: it hangs up, begins nothing any more, and what is under way ends.  Then it asks for
 * TS_ACTION_MOVE, and hears nothing but DONE of that, not ok, when it is to stay after all.
 *
 * What of it goes along beside its logs, disks and what tracks them is its baggage: unlike what it
 * persists for a crash it holds its statistics and when its next cycle is due, and it does not ask for
 * a resynchronization.  The first that the machine which is made of it hears on the new host is
 * MACHINE and TICK. */
#pragma once
#include "core/relation/receiver.h"
#include "core/relation/sender.h"

GBytes *ts_move_pack_sender (const TsSender *sender) G_GNUC_WARN_UNUSED_RESULT;
GBytes *ts_move_pack_receiver (const TsReceiver *receiver) G_GNUC_WARN_UNUSED_RESULT;

/* To be performed behind it: out, which persists it there.  options as for ts_sender_new.  NULL with
 * TS_ERROR_FORMAT. */
TsSender *ts_move_unpack_sender (const TsSenderOptions *options, GBytes *baggage, TsActions *out,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
TsReceiver *ts_move_unpack_receiver (const char *host, const TsHostSettings *settings, GBytes *baggage,
                                     TsActions *out, GError **error) G_GNUC_WARN_UNUSED_RESULT;

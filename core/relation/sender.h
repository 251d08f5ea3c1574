/* core/relation/sender.h -- the primary's side of one protected VM.
 *
 * Enable, initial replication over the network, delta cycles, retry, planned failover's last log.
 * One event in, actions out; no I/O, no clock, no chance, no failure of its own.
 *
 * Initial replication copies the source disks as they are read, while tracking runs, so the copy is
 * not of one instant; the first log set, cut when the copy is whole, makes it so.  Only then is the
 * replica usable (CHOICE: Hyper-V takes a checkpoint instead; this needs none, and the guest pays
 * no copy-before-write for as long as the WAN takes). */
#pragma once
#include "core/relation/event.h"
#include "core/relation/health.h"
#include "core/relation/policy.h"
#include "core/relation/settings.h"

/* Payload of one frame: the large one pays where the link is fast (each costs some wake-ups on either
 * side), and where it is slow it would be an age until it is answered.  CHOICE: large as long as a window is
 * answered within TS_SENDER_FAST_US. */
#define TS_SENDER_CHUNK_BYTES (128 * 1024)
#define TS_SENDER_CHUNK_LARGE_BYTES (512 * 1024)
#define TS_SENDER_FAST_US (250 * TS_MS)
#define TS_SENDER_WINDOW_BYTES (4 * 1024 * 1024) /* sent and not acknowledged, at most */

typedef struct _TsSender TsSender;

typedef struct {
  const char *vm, *host; /* for the journal */
  const TsPolicy *policy;
  TsHello hello; /* what the replica has to be: VM, disks (interval_us is filled in) */
  const TsHostSettings *settings; /* of this host; NULL: as they are by default */
  gboolean take_turns; /* logs are sent with one of the host's slots; else whenever there are any */
} TsSenderOptions;

TsSender *ts_sender_new (const TsSenderOptions *options) G_GNUC_WARN_UNUSED_RESULT;
void ts_sender_free (TsSender *sender); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsSender, ts_sender_free)

void ts_sender_step (TsSender *sender, const TsEvent *event, TsActions *out);
/* TICK by then; TS_NEVER: not needed. */
gint64 ts_sender_wake_us (const TsSender *sender);

/* Is its first copy whole on a medium, and waits to be imported? */
gboolean ts_sender_is_exported (const TsSender *sender);
/* Which disks are replicated now: bit 1 << disk.  Those that are being included are not yet. */
guint32 ts_sender_disks (const TsSender *sender);
TsState ts_sender_state (const TsSender *sender);
/* What ReplicationState shows: while a change is under way that was asked for, what it will be (trap 17).
 */
TsState ts_sender_shown_state (const TsSender *sender);
TsHealth ts_sender_health (const TsSender *sender);
guint64 ts_sender_pending_bytes (const TsSender *sender);
/* Disks that are being included, of which the replica has no instant yet: bit 1 << disk. */
guint32 ts_sender_updating (const TsSender *sender);
/* The id of the last log that was cut of a disk; zero: none was. */
const TsGuid *ts_sender_chain (const TsSender *sender, guint disk);
/* Where the replica has gone since the driver was told; "": it has not.  Borrowed. */
const char *ts_sender_peer (const TsSender *sender);
const TsStatistics *ts_sender_statistics (const TsSender *sender);

/* What PERSIST carries, and back.  A restored sender has no connection, and does not know whether
 * its tracking survived: the driver says so by a MACHINE event; HVR reference 2.6.
 * CHOICE (reference section 9, 9): a primary that returns asks its replica first.  Welcomed, it
 * starts its VM if that was on when the host crashed; refused, since the replica has failed over,
 * it goes to Error and its VM stays off, unless the operator starts it.  NULL with
 * TS_ERROR_FORMAT when the bytes are not such a state. */
GBytes *ts_sender_save (const TsSender *sender) G_GNUC_WARN_UNUSED_RESULT;
TsSender *ts_sender_restore (const TsSenderOptions *options, GBytes *state,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Host to host back-off, attempt 1, 2, 3 ...: 1, 2, 4, 8, 10 minutes, then 30, of a 5-minute
 * interval (HVR reference 2.6), scaled with the interval (CHOICE). */
gint64 ts_sender_backoff_us (guint attempt, gint64 interval_us);

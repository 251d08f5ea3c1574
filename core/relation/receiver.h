/* core/relation/receiver.h -- the replica's side of one protected VM.
 *
 * Takes the initial copy and log sets, makes them durable, acknowledges, applies; fails over on an
 * overlay, commits, or cancels that and takes data again.  One event in, actions out; no I/O, no
 * clock, no chance, no failure of its own.
 *
 * A set is a recovery point once all its logs are stored durably, checked whole, and follow the
 * last stored set (log ids); only then is it acknowledged.  It is applied later (from WS2012 R2 on
 * receiving and applying are two times: trap 7), whole or not at all: a crash in the middle is made
 * good by playing the stored logs again. */
#pragma once
#include "core/relation/event.h"
#include "core/relation/health.h"
#include "core/relation/settings.h"

typedef struct _TsReceiver TsReceiver;

TsReceiver *ts_receiver_new (const char *host) G_GNUC_WARN_UNUSED_RESULT;
void ts_receiver_free (TsReceiver *receiver); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsReceiver, ts_receiver_free)

/* Of its host; until then as they are by default. */
void ts_receiver_set_settings (TsReceiver *receiver, const TsHostSettings *settings);

/* CONNECTED is a new connection; it replaces an older one.  The VM is named by the first HELLO. */
void ts_receiver_step (TsReceiver *receiver, const TsEvent *event, TsActions *out);
/* TICK by then; TS_NEVER: not needed. */
gint64 ts_receiver_wake_us (const TsReceiver *receiver);

TsState ts_receiver_state (const TsReceiver *receiver);
TsHealth ts_receiver_health (const TsReceiver *receiver);
/* What HELLO said; NULL before the first. */
const TsHello *ts_receiver_hello (const TsReceiver *receiver);
guint64 ts_receiver_stored_set (const TsReceiver *receiver);
/* Is the first copy still awaited on a medium?  Then what was applied is not on the disks. */
gboolean ts_receiver_aside (const TsReceiver *receiver);
/* Can a medium be imported now, as far as the replica is concerned? */
gboolean ts_receiver_awaits_medium (const TsReceiver *receiver);
/* Sets up to this number are none of the replica's: they were an earlier attempt's. */
guint64 ts_receiver_base_set (const TsReceiver *receiver);
/* The instant that the disks are of, once one set is applied; after a restart not before the next. */
gint64 ts_receiver_applied_us (const TsReceiver *receiver);
/* Are its disks of that instant, and changed by nothing but what it applies?  Not while they are copied,
 * merged, or another one is included; not when an apply has begun and is to be done again; nor when the
 * VM runs on them. */
gboolean ts_receiver_whole (const TsReceiver *receiver);
guint64 ts_receiver_applied_set (const TsReceiver *receiver);
/* Is there a test VM (TEST_START asked, TEST_STOP not done)?  Then also of which point it is. */
gboolean ts_receiver_test (const TsReceiver *receiver, guint64 *set, gint64 *instant_us);
/* The set that was applied last when it began; nothing is applied until it ends. */
guint64 ts_receiver_test_base (const TsReceiver *receiver);
/* The point that the failover took (from its "promoted" record on). */
TsPoint ts_receiver_copy_point (const TsReceiver *receiver);
/* Kept points, oldest first; the last may be the latest.  Borrowed until the next step. */
guint ts_receiver_points (const TsReceiver *receiver, const TsPoint **points);
/* The undo logs to that kept point; NULL: none is needed.  The caller's (g_free). */
TsUndo *ts_receiver_way_to (const TsReceiver *receiver, guint64 set);
/* LastTestFailoverTime; -1: never. */
gint64 ts_receiver_last_test_us (const TsReceiver *receiver);
/* The newest point's instant; -1: none. */
gint64 ts_receiver_point_us (const TsReceiver *receiver);

/* What PERSIST carries, and back.  A restored receiver has no connection and, on its first TICK,
 * plays again what was stored and not known to be applied. */
GBytes *ts_receiver_save (const TsReceiver *receiver) G_GNUC_WARN_UNUSED_RESULT;
TsReceiver *ts_receiver_restore (const char *host, GBytes *state,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

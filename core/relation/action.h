/* core/relation/action.h -- what sender and receiver ask for.
 *
 * A driver (sim/host, lab/host) performs actions in the order given.  Those marked (done) answer
 * with one TS_EVENT_DONE each, later; those of one kind answer in the order they were asked.
 * PERSIST does not answer: the driver makes the state durable before it performs what stands behind
 * it. */
#pragma once
#include "core/base/record.h"
#include "core/format/frame.h"
#include "core/relation/point.h"

typedef enum { /* how a set came about; in cut records and manifests */
               TS_SET_INITIAL = 1,
               TS_SET_REGULAR = 2,
               TS_SET_PLANNED = 3, /* the last one of a planned failover */
               TS_SET_RESYNC = 4,  /* the first one behind a resynchronization: a new chain */
               TS_SET_CONSISTENT = 5, /* regular, of a guest that had stopped and flushed */
               TS_SET_DISKS = 6, /* the first that is of one instant with disks that were included */
} TsSetKind;

typedef enum {
  TS_ACTION_REPORT,     /* record to the journal */
  TS_ACTION_PERSIST,    /* state: replaces what was persisted before */
  TS_ACTION_CONNECT,    /* to the peer; heard as CONNECTED or LOST */
  TS_ACTION_DISCONNECT, /* at once; not heard */
  TS_ACTION_SEND,       /* frame, with bytes of its own, of a log, or of the source disk */

  /* the sender's */
  TS_ACTION_TRACK,      /* (done) start to track every disk, at one instant */
  TS_ACTION_UNTRACK,    /* stop it and forget */
  TS_ACTION_MAP,        /* (done) which ranges of a disk hold anything */
  TS_ACTION_CUT,        /* (done) close the logs of all disks at one instant as set number `set` */
  TS_ACTION_DELETE_SET, /* the replica has it; also the receiver's, once it is applied */
  TS_ACTION_HASH,       /* (done) of len_bytes at offset of a disk (core/disk/compare.h); receiver too */
  TS_ACTION_FREEZE,     /* (done) the guest stops writing and flushes; its memory of writes is on disk */
  TS_ACTION_THAW,       /* it goes on; fine when it is not frozen, and while FREEZE is not answered
                           (then its answer is void) */
  TS_ACTION_RESIZE,     /* (done) disk is offset_bytes large from now on, what tracks it likewise; receiver
                           too: behind the applies that were asked for */
  TS_ACTION_EXPORT,      /* (done) len_bytes at offset of a disk go to the medium of attempt `set`; one
                            of another attempt goes first */
  TS_ACTION_EXPORT_END,  /* (done) all of it is durable, then payload, its list (format/medium.h) */
  TS_ACTION_EXPORT_DROP, /* forget the medium; fine when there is none */
  TS_ACTION_LOCK,       /* the VM must not be switched on (HVR 3.6, planned failover) */

  /* the receiver's */
  TS_ACTION_CREATE,     /* (done) those replica disks, empty, as hello says; the others stay.  With adopt
                           those that are there already (TS_ERROR_STATE: there are none, or others) */
  TS_ACTION_WRITE,      /* (done) payload at offset of a replica disk: initial copy */
  TS_ACTION_IMPORT_OPEN, /* (done) the list of the medium that was brought here.  TS_ERROR_STATE: there
                            is none that is whole */
  TS_ACTION_IMPORT,      /* (done) len_bytes at offset of the medium's disk go to the replica's */
  TS_ACTION_FLUSH,      /* (done) the replica disks are durable */
  TS_ACTION_STORE,      /* (done) payload at offset of the log of (set, disk) */
  TS_ACTION_SEAL,       /* (done) make the logs of a set durable and check them whole */
  TS_ACTION_DROP,       /* forget every log behind set: received in part or damaged */
  TS_ACTION_APPLY,      /* (done) play set's logs onto the replica disks, redo after a crash; what
                           they overwrite goes to the undo log first.  TS_ERROR_LOST: that cannot be
                           gone on with, the disks are as they were; _STATE: they are not as
                           the last apply left them.  With aside: onto the overlays that
                           RESYNC_OPEN made, durable */
  TS_ACTION_KEEP,       /* delete the undo logs of every point but these */
  TS_ACTION_BRANCH,     /* (done) put an overlay over every replica disk, undone to a point */
  TS_ACTION_MERGE,      /* (done) fold the overlays into the disks */
  TS_ACTION_POWER_ON,   /* (done) start the VM on the overlays (the sender's: at home); track: its writes are tracked from
                           the first one on, so that it can become the primary without a copy */
  TS_ACTION_DISCARD,    /* (done) turn the VM off if it runs, forget the overlays; fine twice */
  TS_ACTION_TEST_START, /* (done) a second VM on overlays of its own: the disks below stand still */
  TS_ACTION_TEST_STOP,  /* (done) turn that off, forget its overlays; fine when there is nothing */

  /* either's */
  TS_ACTION_SLOT,     /* (done, when there is one) one of the host's slots (slots.h): to send logs, to
                         apply.  Answered once more is fine, and after SLOT_END it is void */
  TS_ACTION_SLOT_END, /* gives it back, or waits no more */
  TS_ACTION_FORGET, /* the relation is gone, with all that is persisted and all logs; disks and VM stay.
                       The driver says so by a record "removed" (turn.h) */
  TS_ACTION_CONTINUE, /* the receiver's: its VM is the primary of the extended relation from now on, and
                         this one is gone as by FORGET */
  TS_ACTION_TURN, /* (done, only when it fails) this machine's part is over: the driver makes the
                     other one of it (turn.h), and of the disks and the VM what that one needs */
  TS_ACTION_MOVE, /* (done, only when it fails) at rest: the driver may give it to another host (move.h);
                     nothing is asked for until that has failed */
  TS_ACTION_PEER, /* the replica is on that host from now on: payload, its name.  A new connection goes there */
  /* who has the VM, between two hosts of one cloud (core/site/handover.h) */
  TS_ACTION_HAND_CONNECT, /* to the other host; heard as CONNECTED or LOST */
  TS_ACTION_HAND_HANG_UP, /* at once; not heard */
  TS_ACTION_HAND_SAY,     /* payload: a message to the other host */
  TS_ACTION_HAND_KEEP,    /* payload: replaces what was persisted of the handover; NULL: nothing stays */
  TS_ACTION_HAND_HOLD,    /* (done) the machine stands still, with what is in its memory, and all that is
                             to go is durable */
  TS_ACTION_HAND_LET_GO,  /* it goes on where it was, as if nothing had been; fine when it was not held */
  TS_ACTION_HAND_CARRY,   /* (done) all of it goes to the other host, which has heard it when that is done */
  TS_ACTION_HAND_SETTLE,  /* (done) what came is whole and durable */
  TS_ACTION_HAND_TAKE,    /* (done) what came is this host's: relation and machine are here, and that runs
                             when it did */
  TS_ACTION_HAND_LEAVE,   /* all of it goes from this host: disks, logs, machine, relation */
  TS_ACTION_HAND_SCRAP,   /* what came goes; fine when there is nothing */
  /* the receiver's, of a resynchronization: what differs lies beside the replica disks until all of
   * it is there */
  TS_ACTION_RESYNC_OPEN,  /* (done) an empty overlay for each replica disk; older ones go */
  TS_ACTION_RESYNC_WRITE, /* (done) payload at offset of the overlay of a disk */
  TS_ACTION_RESYNC_FLUSH, /* (done) the overlays are durable */
  TS_ACTION_RESYNC_MERGE, /* (done) fold the overlays into the disks; redo after a crash */
  TS_ACTION_RESYNC_DROP,  /* forget the overlays; fine when there are none */
  TS_ACTION_KINDS
} TsActionKind;

/* Undo logs are named by their point's set (format/hru.h). */
typedef struct {
  guint count;
  /* APPLY: the one that is open, to save into before the set is applied (count 0: none).
   * BRANCH, TEST_START: to be played onto the overlays, in this order; each reaches to the point
   * before it in this list, the first to `until`.
   * KEEP: not to be deleted. */
  guint32 disks; /* APPLY: whose overwritten blocks are saved; bit 1 << disk */
  TsPoint point[TS_POINTS_MAX + 1];
  guint64 until; /* the newest set that is applied */
} TsUndo;

typedef enum { TS_SOURCE_NONE, TS_SOURCE_PAYLOAD, TS_SOURCE_LOG, TS_SOURCE_DISK } TsSource;

typedef struct {
  TsActionKind kind;
  TsFrame frame;     /* SEND; its payload is owned */
  TsSource source;   /* SEND: where the payload comes from; (set, disk, offset) are the frame's */
  guint32 len_bytes; /* SEND from LOG or DISK; HASH */
  gboolean compress; /* SEND */
  guint64 set;
  TsSetKind set_kind; /* CUT */
  guint32 disks;      /* bit 1 << disk: which of them it is about; CUT, SEAL, APPLY: those of the set; else
                         those that are replicated */
  guint32 held;       /* the receiver's: those that nobody but its own applies may have written to */
  gboolean track;     /* POWER_ON */
  gboolean adopt;     /* CREATE */
  gboolean aside;     /* APPLY */
  gint64 instant_us;  /* APPLY: which past of the source the disks are when it is done */
  TsUndo *undo;       /* APPLY, BRANCH, TEST_START, KEEP; owned; NULL: nothing */
  guint disk;
  guint64 offset_bytes;
  GBytes *payload;  /* WRITE, RESYNC_WRITE, STORE, PERSIST (state); owned */
  TsRecord *record; /* REPORT; owned */
} TsAction;

typedef GArray TsActions; /* TsAction, cleared when removed */

TsActions *ts_actions_new (void);
void ts_actions_free (TsActions *actions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsActions, ts_actions_free)
/* Appends an action of that kind, all else zero; valid until the next call. */
TsAction *ts_actions_add (TsActions *actions, TsActionKind kind);
/* REPORT; takes the record. */
void ts_actions_report (TsActions *actions, TsRecord *record);
const char *ts_action_name (TsActionKind kind);

/* core/relation/receiver-internal.h -- the receiver's memory, shared by the files
 * receiver*.c: receiver.c steps, the others each own a part of it.  Nobody else includes it. */
#pragma once
#include "core/disk/compare.h"
#include "core/format/medium.h"
#include "core/relation/receiver.h"
#include "core/relation/slots.h"
#include <string.h>

typedef struct { /* a whole set: waiting to be sealed, or stored and waiting to be applied */
  guint64 number;
  TsManifest manifest;
} TsReceiverSet;

typedef struct { /* how far the initial copy has come */
  guint disk;
  guint64 offset_bytes;
} TsCopyMark;

typedef enum {
  FAILOVER_NONE,
  FAILOVER_APPLYING, /* what was received is applied first (trap 7) */
  FAILOVER_BRANCHING,
  FAILOVER_DONE,
} TsFailoverStage;

/* A test failover (HVR 3.6).  CHOICE: while its VM stands on overlays over the replica's disks,
 * sets are received, stored, and are points as ever, but not applied: applying would change the
 * disks under the VM.  Receiving and applying are two times anyway (trap 7). */
typedef enum {
  TEST_NONE,
  TEST_APPLYING, /* what was received is applied first, as in a failover */
  TEST_STARTING,
  TEST_RUNNING,
  TEST_STOPPING,
} TsTestStage;

/* A resynchronization (HVR 2.9): receiver-resync.c. */
typedef enum {
  RESYNC_NONE,
  RESYNC_OPENING, /* the overlays are being made */
  RESYNC_COPYING, /* compared, and what differs is received */
  RESYNC_COPIED,  /* all of it is durable; the set behind it is not */
  RESYNC_MERGING, /* that is, too: no way back */
} TsResyncStage;

/* The first copy comes on a medium, and sets before it: receiver-initial.c. */
typedef enum {
  ASIDE_NONE,
  ASIDE_WANTED,  /* the disks are being made first */
  ASIDE_OPENING, /* the placeholder is being made */
  ASIDE_WAITING, /* for the import; sets are played onto the placeholder */
  ASIDE_MERGING, /* it is imported: no way back */
} TsAsideStage;

#define TS_RECEIVER_APPLY_RETRY_US (5 * TS_S) /* CHOICE: reference 2.4.5: it is retried, no more */
#define TS_RECEIVER_PAUSED "replication is paused on the replica server"
#define TS_RECEIVER_MOVING "the replica is being moved to another host"
#define TS_RECEIVER_QUESTIONS_MAX 256 /* far more than a sender asks at once */

struct _TsReceiver {
  char *host, *source; /* source: "vm@host" once the VM is known */
  gboolean known;      /* hello is filled in */
  TsHello hello;
  TsState state;
  TsStatistics statistics;
  TsHealth health;

  TsHostSettings settings;
  TsSlot slot; /* to apply (HVR 2.13, ApplyVMLimit) */
  gint64 monitor_us; /* the end of the monitoring interval; TS_NEVER: not known yet */

  gboolean connected, greeted;
  gboolean welcome_due; /* HELLO came while a set was being sealed, or disks were being made */
  gboolean creating;    /* the replica disks are being made */
  gboolean created;     /* the replica disks are there */
  gboolean restored;    /* from saved state; nothing has been done since */

  /* initial replication: receiver-initial.c */
  guint64 copy_run;    /* the primary's attempt (wire.h) that what there is belongs to; 0: not told */
  TsAsideStage aside;
  guint64 aside_first; /* number of the first set */
  TsPoint aside_point; /* of the newest set that was played onto the placeholder; set 0: none */
  TsMedium *medium;    /* being imported; NULL: not yet judged */
  gboolean importing, import_flushing, imported;
  guint import_next, import_done; /* pieces asked for, and answered */
  guint64 import_bytes, import_total, import_told;

  /* the initial copy */
  gboolean copy_done, copy_ending, flushing;
  TsCopyMark copy_mark;     /* written up to */
  TsCopyMark copy_flushing; /* what the flush under way covers */
  TsCopyMark copy_durable;
  guint64 copy_since_flush;
  guint64 copy_first_set; /* COPY_END's: the number of the set behind it */
  gboolean flush_void; /* the flush under way is of a copy that was given up */

  /* log sets */
  guint64 stored, applied;
  TsGuid chain[TS_WIRE_DISKS_MAX]; /* of the last stored set */
  guint64 recv_set;                /* the set that frames now belong to */
  guint recv_disk;
  guint64 recv_offset;
  GQueue seals;   /* TsReceiverSet *: whole, not yet durable; head is sealing */
  GQueue applies; /* TsReceiverSet *: stored, not yet applied */
  gboolean applying;
  gboolean backup;         /* of its disks, by somebody else: nothing is applied (not persisted) */
  guint64 backup_told;     /* the newest set of which that was told */
  gint64 apply_retry_us;
  gint64 point_us; /* instant of the newest point; -1: none */
  guint64 point_set;
  TsPointType point_type;

  /* receiver-history.c */
  TsPoint kept[TS_POINTS_MAX + 2]; /* oldest first; the last may be the latest; one to be dropped */
  guint kept_count;
  gboolean history_told, history_kept; /* of the newest point: it is one that is kept */
  guint history_dropped, history_older; /* older: points told of last */

  TsFailoverStage failover;
  TsPoint chosen;    /* the failover's point; set 0: the latest, once all is applied */
  gboolean changing; /* failed over already: to another point (not persisted but as `branched`) */
  gboolean planned;
  gboolean machine_on;                    /* the copy is */
  gboolean starting, merging, discarding; /* the copy; under way */
  gboolean reversing; /* merges first, if need be */
  gboolean turning;   /* becomes the primary; under way */
  gboolean moving;     /* comes to rest, to go to another host: move.c */
  gboolean move_asked; /* it is at rest */
  gboolean extended;  /* there is a relation from here to a third host; the driver says so */
  gint64 applied_us;  /* the instant of the set that was applied last */
  gboolean removing;  /* as soon as nothing is under way */

  TsResyncStage resync;
  guint64 resync_run;    /* the newest that was begun here; 0: none */
  guint64 resync_wanted; /* to be begun when what was received is applied; 0: none */
  guint64 resync_set;    /* the set behind the copy; 0: not known yet */
  guint64 redo;          /* not persisted: a set that may be half on the disks; 0: none */
  gboolean spoilt;       /* the disks are of no instant of the primary: only a run repairs that */
  gboolean merged;       /* not persisted: done again after a crash */
  GQueue questions;      /* being hashed, in order */

  /* the VM's disks: receiver-disks.c */
  gboolean resizing;  /* one of them; under way */
  guint32 updating;   /* those that are being included: bit 1 << disk; hello calls them excluded */
  guint64 update_run; /* as HELLO said it */
  gboolean update_made; /* the disks are there, empty */
  gboolean update_ending, update_whole, update_flushing;
  TsCopyMark update_mark, update_durable;
  guint32 told_disks; /* of the last record of them; 0: none was told.  Not persisted */

  /* Not persisted: a test VM does not outlive its host's crash (CHOICE). */
  TsTestStage test;
  gboolean test_over; /* to be stopped as soon as it has started */
  guint64 test_set; /* 0: the latest, once all is applied */
  gint64 test_us;    /* its point's instant */
  guint64 test_base; /* set that was applied when it began: nothing is until it ends */
};

/* --- receiver.c ------------------------------------------------------------------------------- */
void ts_receiver_persist (TsReceiver *receiver, TsActions *out);
/* A record of this kind, about this VM on this host. */
TsRecord *ts_receiver_record (const TsReceiver *receiver, gint64 now_us, const char *kind);
/* Says to the peer where to go on, if it still waits for that. */
void ts_receiver_welcome (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_forget_unsealed (TsReceiver *receiver, TsActions *out);
/* Ends the test failover, if there is one: now, or as soon as that is possible. */
void ts_receiver_end_test (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_go_on_applying (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_acknowledge (TsReceiver *receiver, TsAckKind what, guint64 set, guint disk,
                              guint64 offset_bytes, TsActions *out);
/* Says why, to the peer and to the journal; nothing more is taken from this connection. */
void ts_receiver_refuse_peer (TsReceiver *receiver, gint64 now_us, TsRefusal why, const char *text,
                              TsActions *out);
/* The peer does not keep to the protocol: hangs up on it. */
void ts_receiver_protocol_error (TsReceiver *receiver, gint64 now_us, const char *what,
                                 TsActions *out);

/* A record of this kind, about this VM on this host. */
TsRecord *ts_receiver_record (const TsReceiver *receiver, gint64 now_us, const char *kind);

/* May a set be applied?  If not, asks for a slot. */
gboolean ts_receiver_slot_take (TsReceiver *receiver, TsActions *out);

/* --- move.c ----------------------------------------------------------------------------------- */
const char *ts_receiver_move_refusal (const TsReceiver *receiver);
void ts_receiver_move (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_move_settle (TsReceiver *receiver, TsActions *out);

/* --- receiver-history.c ----------------------------------------------------------------------- */
/* The set is the latest point from now on, and may be one that is kept.  To be persisted; then
 * ts_receiver_history_tell. */
void ts_receiver_history_take (TsReceiver *receiver, const TsReceiverSet *set);
void ts_receiver_history_tell (TsReceiver *receiver, gint64 now_us, TsActions *out);
/* First thing after a restart: nothing of a point that is not listed stays. */
void ts_receiver_history_restored (TsReceiver *receiver, TsActions *out);
/* For APPLY of set: the undo log that is open; NULL: none.  The caller's. */
TsUndo *ts_receiver_history_open (const TsReceiver *receiver, guint64 set);
gboolean ts_receiver_history_choose (const TsReceiver *receiver, const TsPointChoice *choice,
                                     gint64 now_us, TsPoint *point);
/* Can that point still be reached? */
gboolean ts_receiver_history_has (const TsReceiver *receiver, guint64 set);
/* For BRANCH and TEST_START: the way from the disks as they are to that point; NULL: they are it.
 * The caller's. */
TsUndo *ts_receiver_history_way (const TsReceiver *receiver, guint64 set);
/* All kept points go, the latest stays: by commit, resynchronization, reverse (HVR 2.7).  why: for
 * the journal. */
void ts_receiver_forget_points (TsReceiver *receiver, gint64 now_us, const char *why,
                                TsActions *out);
/* The undo log that was open for the apply of set is damaged: points before set are lost. */
void ts_receiver_history_broken (TsReceiver *receiver, gint64 now_us, guint64 set, TsActions *out);

/* --- receiver-copy.c -------------------------------------------------------------------------- */
void ts_receiver_copy_frame (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_copy_end (TsReceiver *receiver, TsActions *out);
/* A write or flush of the copy has failed. */
void ts_receiver_copy_trouble (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_copy_flushed (TsReceiver *receiver, const TsEvent *event, TsActions *out);

/* --- receiver-disks.c ------------------------------------------------------------------------- */
/* Why that cannot be; NULL: it can.  The caller's. */
char *ts_receiver_resize_refusal (const TsReceiver *receiver, const TsDiskChange *change);
void ts_receiver_resize (TsReceiver *receiver, const TsDiskChange *change, TsActions *out);
void ts_receiver_resized (TsReceiver *receiver, const TsEvent *event, TsActions *out);
/* Which disks it holds, if that is news. */
void ts_receiver_report_disks (TsReceiver *receiver, gint64 now_us, TsActions *out);
/* Takes over which disks the primary has.  TRUE: answered, or to be answered later. */
gboolean ts_receiver_update_hello (TsReceiver *receiver, const TsEvent *event, const TsHello *said,
                                   TsActions *out);
/* WELCOME's payload; NULL: no disk is being included. */
GBytes *ts_receiver_update_mark (const TsReceiver *receiver);
/* COPY or COPY_END.  FALSE: it is of another copy. */
gboolean ts_receiver_update_frame (TsReceiver *receiver, const TsEvent *event, TsActions *out);
/* A write or flush of it has failed. */
void ts_receiver_update_trouble (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_update_flushed (TsReceiver *receiver, const TsEvent *event, TsActions *out);
/* The set that makes all disks one instant is applied; to be persisted. */
void ts_receiver_update_applied (TsReceiver *receiver);
/* Nothing of it is kept. */
void ts_receiver_update_forget (TsReceiver *receiver);
/* --- receiver-initial.c ----------------------------------------------------------------------- */
/* The HELLO by which the primary becomes known. */
void ts_receiver_initial_first (TsReceiver *receiver, const TsFrame *frame);
/* What a later HELLO says of an attempt.  TRUE: it was refused. */
gboolean ts_receiver_initial_hello (TsReceiver *receiver, const TsEvent *event, TsActions *out);
/* Asks for the disks. */
TsAction *ts_receiver_create (TsReceiver *receiver, TsActions *out);
void ts_receiver_initial_created (TsReceiver *receiver, TsActions *out);
gboolean ts_receiver_aside_opened (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_aside_applied (TsReceiver *receiver, const TsReceiverSet *set);
gboolean ts_receiver_aside_go_on (TsReceiver *receiver, TsActions *out);
gboolean ts_receiver_aside_merged (TsReceiver *receiver, const TsEvent *event, TsActions *out);
/* Placeholder and import go. */
void ts_receiver_aside_forget (TsReceiver *receiver, TsActions *out);
/* NULL: nothing speaks against it. */
const char *ts_receiver_import_why_not (const TsReceiver *receiver);
void ts_receiver_import_begin (TsReceiver *receiver, TsActions *out);
void ts_receiver_import_opened (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_import_piece (TsReceiver *receiver, const TsEvent *event, TsActions *out);
gboolean ts_receiver_import_flushed (TsReceiver *receiver, const TsEvent *event, TsActions *out);

/* --- receiver-resync.c ------------------------------------------------------------------------ */
/* Is what is received kept beside the disks? */
gboolean ts_receiver_resync_copying (const TsReceiver *receiver);
/* The number that the next set must have. */
guint64 ts_receiver_next_set (const TsReceiver *receiver);
/* HELLO's run.  TRUE: answered, or to be answered later; FALSE: go on as without. */
gboolean ts_receiver_resync_hello (TsReceiver *receiver, const TsEvent *event, TsActions *out);
/* Begins the run that waits for it, if it can now. */
void ts_receiver_resync_go_on (TsReceiver *receiver, TsActions *out);
/* Ends a run that can still be ended: the disks stay what they are. */
void ts_receiver_resync_cancel (TsReceiver *receiver, gint64 now_us, const char *why,
                                TsActions *out);
/* The connection is gone. */
void ts_receiver_resync_lost (TsReceiver *receiver);
/* The disks are not what was received: whatever waits to be applied goes. */
void ts_receiver_resync_spoil (TsReceiver *receiver, gint64 now_us, const char *why,
                               TsActions *out);
void ts_receiver_resync_void (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_resync_compare (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_resync_hashed (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_resync_opened (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_resync_sealed (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_resync_applied (TsReceiver *receiver, gint64 now_us, TsActions *out);

/* --- receiver.c ------------------------------------------------------------------------------- */
void ts_receiver_change_state (TsReceiver *receiver, gint64 now_us, TsState to, TsActions *out);
void ts_receiver_own_failure (TsReceiver *receiver, const TsEvent *event, TsActions *out);

/* --- receiver-failover.c ---------------------------------------------------------------------- */
gboolean ts_receiver_test_stands (const TsReceiver *receiver);
void ts_receiver_report_test (TsReceiver *receiver, gint64 now_us, const char *phase,
                              TsActions *out);
void ts_receiver_start_test (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_branch (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_report_failover (const TsReceiver *receiver, gint64 now_us, const char *phase,
                                  TsActions *out);
void ts_receiver_test_started (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_test_stopped (TsReceiver *receiver, const TsEvent *event, TsActions *out);

/* --- receiver-ask.c --------------------------------------------------------------------------- */
void ts_receiver_refuse (TsReceiver *receiver, gint64 now_us, TsAsk ask, const char *why,
                         TsActions *out);
/* The backup that is under way, if there is one, has ended or was cut off by `why`. */
void ts_receiver_end_backup (TsReceiver *receiver, gint64 now_us, const char *why, TsActions *out);
void ts_receiver_go_on_removing (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_ask_reverse (TsReceiver *receiver, gint64 now_us, TsActions *out);
void ts_receiver_asked (TsReceiver *receiver, const TsEvent *event, TsActions *out);

/* --- receiver-set.c --------------------------------------------------------------------------- */
/* SEAL or APPLY of a set. */
TsAction *ts_receiver_set_action (TsActions *out, TsActionKind kind, const TsReceiverSet *set);
void ts_receiver_sealed (TsReceiver *receiver, const TsEvent *event, TsActions *out);
void ts_receiver_report_point (TsReceiver *receiver, gint64 now_us, const TsReceiverSet *set,
                               TsActions *out);
void ts_receiver_applied (TsReceiver *receiver, const TsEvent *event, TsActions *out);

/* --- receiver-link.c -------------------------------------------------------------------------- */
void ts_receiver_frame_in (TsReceiver *receiver, const TsEvent *event, TsActions *out);

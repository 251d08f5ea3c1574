/* core/relation/sender-internal.h -- the sender's memory, shared by the files
 * sender*.c: sender.c steps, the others each own a part of it.  Beside them only a checker of the
 * simulator looks into it. */
#pragma once
#include "core/disk/compare.h"
#include "core/format/medium.h"
#include "core/relation/sender.h"
#include "core/relation/slots.h"

typedef struct { /* a closed log set that the replica has not acknowledged as stored */
  guint64 number;
  TsManifest manifest;
  guint64 data_bytes;
  gint64 first_sent_us; /* -1: nothing of it was sent */
  guint64 wire_data_bytes;
  gboolean counted; /* as missed */
} TsSenderSet;

#define TS_SENDER_LOG_ATTEMPTS 5 /* to send a log that arrives damaged */

typedef enum { LINK_DOWN, LINK_CONNECTING, LINK_GREETING, LINK_UP } TsSenderLink;

typedef enum {
  COPY_NONE,  /* not asked for */
  COPY_TRACK, /* waiting for tracking to start */
  COPY_MAP,   /* waiting for the maps of the disks */
  COPY_COMPARE, /* instead of MAP, where there is something at the replica already */
  COPY_EXPORTING, /* to a medium: sender-initial.c */
  COPY_SENDING,
  COPY_ENDING, /* COPY_END is out */
  COPY_DONE,
} TsSenderCopy;

typedef enum { /* disks are included: sender-disks.c */
  UPDATE_NONE,
  UPDATE_WAIT,    /* for a cut under way to end, so that another can begin */
  UPDATE_CUT,     /* the last one without them is under way */
  UPDATE_MAP,     /* waiting for the maps of the disks */
  UPDATE_SENDING,
  UPDATE_ENDING,  /* COPY_END is out */
  UPDATE_COPIED,  /* the set that makes all disks one instant is to be cut, or is on its way */
} TsSenderUpdate;

typedef enum { FREEZE_NONE, FREEZE_ASKED, FREEZE_HELD } TsSenderFreeze;

struct _TsSender {
  char *vm, *host, *source;
  TsPolicy policy;
  gint64 interval_us;
  TsHello hello;

  /* sender-limits.c */
  TsHostSettings settings;
  gboolean take_turns;
  TsSlot slot;
  guint64 tracked_bytes; /* since the last cut, as far as the tracker has told */
  gint64 monitor_us;     /* the end of the monitoring interval; TS_NEVER: there is no relation */

  TsState state;
  gboolean machine_on;
  TsStatistics statistics;
  TsHealth health;

  /* the connection */
  TsSenderLink link;
  guint attempt;
  gint64 retry_us;    /* TS_NEVER: none planned */
  gint64 deadline_us; /* an acknowledgement is due by then; TS_NEVER: nothing is out */
  guint64 in_flight;
  gboolean fast;        /* the last window that was answered was in time: sender.h */
  gint64 window_us;     /* since then a window is being answered */
  guint64 window_bytes; /* so much of it is */
  guint64 log_set;      /* which log, and how much of it, is answered */
  guint log_disk;
  guint64 log_acked;
  gboolean refused; /* a final refusal: no retry until the operator resumes */

  /* the copy */
  TsSenderCopy copy;
  guint maps; /* disks whose map is known */
  TsExtents *map[TS_WIRE_DISKS_MAX];
  guint copy_disk; /* next to send */
  guint64 copy_offset;
  guint64 copy_total, copy_acked, copy_reported;

  /* initial replication: sender-initial.c */
  TsInitial initial;     /* the method of the attempt that is scheduled or under way; DEFAULT: none is */
  gint64 initial_due_us; /* begins then; TS_NEVER: it is not scheduled */
  guint64 copy_run;      /* what HELLO says of the attempt */
  gboolean attempted;    /* one has been begun: the next has another number */
  guint64 first_set;     /* of the log set that makes the copy an instant; 0: not copied yet */
  gboolean exported;     /* the medium is whole: only its import ends the attempt */
  TsMedium *medium;      /* what of it has been written, while it is */
  guint export_done;     /* so many of its pieces are answered */

  /* a resynchronization: sender-resync.c */
  guint64 resync_run;    /* what HELLO says of it; 0: none is under way */
  guint64 resync_set;    /* its log set; 0: not cut yet */
  guint compare_disk;    /* next to hash */
  guint64 compare_offset;
  guint64 compared_bytes, compared_reported;
  gint64 resync_due_us;   /* of one that begins by itself; TS_NEVER: none */
  guint resync_attempt;   /* that began by themselves since the last one that ended well */
  GQueue batches; /* hashed or being hashed, not yet answered; in order */

  /* the sets */
  GQueue sets;             /* TsSenderSet *, oldest first */
  guint64 next_set;        /* number of the next cut */
  guint64 stored, applied; /* the replica's newest */
  gboolean cutting;
  gboolean cut_void; /* the cut under way is of tracking that was stopped since */
  TsSetKind cut_kind;
  TsSenderFreeze freeze;  /* of the cycle that is being cut (cutting) */
  gint64 freeze_by_us;    /* the guest has to be frozen by then; TS_NEVER: none is awaited */
  gint64 frozen_us;       /* since then; -1: it is not */
  gint64 consistent_slot; /* of the last application-consistent cycle that was tried.  Not persisted:
                             a sender that starts anew tries at its first cycle (CHOICE) */
  gint64 due_us; /* of the next cycle; TS_NEVER: cycles do not run */
  TsGuid last_unique[TS_WIRE_DISKS_MAX];
  guint64 send_set; /* number of the set being sent */
  guint send_disk;
  guint64 send_offset;

  /* the VM's disks: sender-disks.c */
  gboolean resizing;    /* one of them; under way */
  gboolean resized_off; /* one was, while the VM was off */
  guint32 updating;     /* those that are being included: bit 1 << disk */
  TsSenderUpdate update;
  gboolean update_greeted; /* on this connection the replica has said how far it is */
  guint64 update_run, update_set; /* set: the one that makes it whole; 0: not cut yet */

  gboolean crashed;    /* restored after a crash of the host: see ts_sender_restore */
  gboolean stopped;    /* the host was shut down gracefully: tracking was closed; persisted */
  gboolean returning;  /* ... and asks the replica whether it has failed over meanwhile */
  gboolean auto_start; /* the VM was on when the host crashed */
  gboolean track_due;  /* TRACK has failed, or is to be asked for after a restart: at retry_us */
  gboolean welcomed;   /* the replica is there: the copy may have been sent to it in part */
  gboolean begin;      /* to compare with the old primary's disks, at the first tick */
  gboolean preparing;  /* planned failover: asked for, not yet prepared */
  guint64 planned_set; /* its last set; 0: not cut yet */
  gint64 planned_us;   /* the instant of that */
  gboolean turning;    /* becomes the replica; under way */
  gboolean moving;     /* comes to rest, to go to another host: move.c */
  gboolean move_asked; /* it is at rest */
  char peer[64];       /* where the replica has gone; "": it is where the driver was told */
  guint hops;          /* that it went since it was last reached */
  gboolean starting;   /* the VM; under way */
};

/* --- sender.c --------------------------------------------------------------------------------- */
/* A record of this kind, about this VM on this host. */
TsRecord *ts_sender_record (const TsSender *sender, gint64 now_us, const char *kind);
/* A SEND of an otherwise empty frame. */
TsAction *ts_sender_frame (TsActions *out, TsFrameKind kind);
/* Persists and tells it; asserts that it may follow. */
void ts_sender_change_state (TsSender *sender, gint64 now_us, TsState to, TsActions *out);
void ts_sender_expect_answer (TsSender *sender, gint64 now_us);
/* One of the triggers of HVR 2.9: tracking stops, nothing is sent any more. */
void ts_sender_require_resync (TsSender *sender, gint64 now_us, const char *why, TsActions *out);

/* --- sender-limits.c -------------------------------------------------------------------------- */
/* May logs be sent?  If not, asks for a slot. */
gboolean ts_sender_slot_take (TsSender *sender, TsActions *out);
/* It has come. */
void ts_sender_slot_granted (TsSender *sender, gint64 now_us, TsActions *out);
/* The end of every step: a slot that is of no use goes back; the monitoring interval is known. */
void ts_sender_limits_settle (TsSender *sender, gint64 now_us, TsActions *out);
/* The monitoring interval has ended (5.1). */
void ts_sender_monitor_end (TsSender *sender, gint64 now_us, TsActions *out);
/* Is more tracked, or waits to be sent, than half of what the disks hold?  Then that has been told and
 * resynchronization is required (2.4, trap 6). */
gboolean ts_sender_too_much (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_tracked (TsSender *sender, const TsEvent *event, TsActions *out);

/* --- move.c ----------------------------------------------------------------------------------- */
/* NULL: it can be moved. */
const char *ts_sender_move_refusal (const TsSender *sender);
void ts_sender_move (TsSender *sender, TsActions *out);
/* The end of every step: is it at rest? */
void ts_sender_move_settle (TsSender *sender, TsActions *out);
/* It stays here. */
void ts_sender_moved_not (TsSender *sender, gint64 now_us);

/* --- sender-stop.c ---------------------------------------------------------------------------- */
/* This host is being shut down: the last that it hears. */
void ts_sender_host_stops (TsSender *sender, gint64 now_us, gboolean was_on, TsActions *out);
/* The replica's is: replication is suspended if that is in the middle of a transfer. */
void ts_sender_peer_stops (TsSender *sender, gint64 now_us, const char *reason, TsActions *out);
/* Not recoverable (2.6): nothing is sent until the operator resumes; tracking goes on. */
void ts_sender_suspend (TsSender *sender, gint64 now_us, const char *reason, TsActions *out);

/* --- sender-freeze.c -------------------------------------------------------------------------- */
/* A regular cycle is due.  TRUE: it is an application-consistent one, and begins by a freeze. */
gboolean ts_sender_freeze_begin (TsSender *sender, gint64 now_us, TsActions *out);
/* The guest is frozen, or is not, or has not answered in time.  What is to be cut now. */
TsSetKind ts_sender_freeze_done (TsSender *sender, gint64 now_us, gboolean ok, const char *reason,
                                 TsActions *out);
/* The cut of a frozen guest is done, or has failed: it goes on.  What the set is. */
TsSetKind ts_sender_freeze_cut (TsSender *sender, gint64 now_us, gboolean ok, gint64 instant_us,
                                TsActions *out);
/* It goes on, if it was frozen or asked to be. */
void ts_sender_freeze_end (TsSender *sender, TsActions *out);

/* --- sender-copy.c ---------------------------------------------------------------------------- */
void ts_sender_copy_report (TsSender *sender, gint64 now_us, const char *phase, TsActions *out);
/* A disk's map has come.  TRUE: it was the last, and the copy can begin. */
gboolean ts_sender_copy_mapped (TsSender *sender, const TsEvent *event, TsActions *out);
/* Sends the next piece, or COPY_END behind the last.  FALSE: nothing more to take. */
gboolean ts_sender_copy_send (TsSender *sender, TsActions *out);
/* The next piece that maps name, of that run; FALSE: there is none. */
gboolean ts_sender_copy_piece (TsSender *sender, guint64 run, TsActions *out);
/* How much of the copy lies before (disk, offset). */
guint64 ts_sender_copy_bytes_until (const TsSender *sender, guint disk, guint64 offset_bytes);

/* --- sender-disks.c --------------------------------------------------------------------------- */
/* Why that cannot be; NULL: it can.  The caller's. */
char *ts_sender_resize_refusal (const TsSender *sender, const TsDiskChange *change);
void ts_sender_resize (TsSender *sender, const TsDiskChange *change, TsActions *out);
void ts_sender_resized (TsSender *sender, const TsEvent *event, TsActions *out);
void ts_sender_resized_switched_on (TsSender *sender, gint64 now_us, TsActions *out);
char *ts_sender_update_refusal (const TsSender *sender, const TsDiskChange *change);
void ts_sender_update_disks (TsSender *sender, gint64 now_us, const TsDiskChange *change,
                             TsActions *out);
/* What HELLO says: with the disks that are being included. */
TsHello ts_sender_update_hello (const TsSender *sender);
/* Of which disks the next cut is. */
guint32 ts_sender_cut_disks (const TsSender *sender);
/* A comparison of all disks comes, and brings those that are being included, too. */
void ts_sender_update_absorb (TsSender *sender);
/* It is given up. */
void ts_sender_update_forget (TsSender *sender);
/* A cut has ended, well or not; and it may be time for another. */
void ts_sender_update_cut (TsSender *sender, const TsEvent *event, TsActions *out);
void ts_sender_update_tick (TsSender *sender, TsActions *out);
/* A map has come.  TRUE: it was the last, and copying can begin. */
gboolean ts_sender_update_mapped (TsSender *sender, const TsEvent *event, TsActions *out);
/* Sends the next piece, or COPY_END behind the last.  FALSE: nothing more to take. */
gboolean ts_sender_update_send (TsSender *sender, TsActions *out);
void ts_sender_update_copied (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_update_welcome (TsSender *sender, const TsEvent *event, TsActions *out);
void ts_sender_update_progress (TsSender *sender, gint64 now_us, TsActions *out);
/* The replica cannot take it for now. */
void ts_sender_update_trouble (TsSender *sender, gint64 now_us, const char *reason,
                               TsActions *out);
void ts_sender_update_applied (TsSender *sender, gint64 now_us, guint64 number, TsActions *out);
/* The copy is whole: cycles begin, and the set is cut that makes an instant of it. */
void ts_sender_copy_whole (TsSender *sender, gint64 now_us, const char *phase, TsActions *out);

/* --- sender-initial.c ------------------------------------------------------------------------- */
guint64 ts_sender_hello_value (const TsSender *sender);
void ts_sender_initial_enable (TsSender *sender, gint64 now_us, const TsInitialChoice *choice);
/* Why it cannot be; NULL: it can.  The caller's. */
char *ts_sender_initial_why_not (const TsInitialChoice *choice);
/* In state 1: begins, or will. */
void ts_sender_initial_start (TsSender *sender, gint64 now_us, const TsInitialChoice *choice,
                              TsActions *out);
gint64 ts_sender_initial_wake_us (const TsSender *sender);
void ts_sender_initial_tick (TsSender *sender, gint64 now_us, TsActions *out);
/* The replica has answered, by yes or no. */
void ts_sender_initial_welcome (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_initial_refused (TsSender *sender, gint64 now_us, const char *reason,
                                TsActions *out);
/* NULL: done, else why not.  The caller's. */
char *ts_sender_initial_cancel (TsSender *sender, gint64 now_us, TsActions *out);
/* The attempt is no more, or has ended well. */
void ts_sender_initial_forget (TsSender *sender, TsActions *out);
void ts_sender_initial_done (TsSender *sender, gint64 now_us, TsActions *out);
/* The maps are known: what they name goes to the medium. */
void ts_sender_export_begin (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_exported (TsSender *sender, const TsEvent *event, TsActions *out);
void ts_sender_export_ended (TsSender *sender, const TsEvent *event, TsActions *out);
/* The end may have waited for a cut that was void. */
void ts_sender_export_go_on (TsSender *sender, gint64 now_us, TsActions *out);

/* --- sender-resync.c -------------------------------------------------------------------------- */
/* Begins a run: tracking starts, the disks are compared, what differs is sent, a set is cut.  The
 * caller has stopped tracking and forgotten its sets (ts_sender_require_resync does). */
void ts_sender_resync_begin (TsSender *sender, gint64 now_us, TsActions *out);
/* Whatever is known of a run goes: nothing of it is under way. */
void ts_sender_resync_forget (TsSender *sender);
/* In state 9: a run will begin by itself when the policy says so. */
void ts_sender_resync_plan (TsSender *sender, gint64 now_us);
/* The time that was planned has come. */
void ts_sender_resync_tick (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_resync_tracked (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_resync_hashed (TsSender *sender, const TsEvent *event, TsActions *out);
void ts_sender_resync_welcome (TsSender *sender);
gboolean ts_sender_resync_compared (TsSender *sender, const TsEvent *event, TsActions *out);
void ts_sender_resync_pump (TsSender *sender, gint64 now_us, TsActions *out);
/* Is a batch out that the replica has to answer? */
gboolean ts_sender_resync_waiting (const TsSender *sender);
/* Does the replica have all of it?  Then there is no way back. */
gboolean ts_sender_resync_merging (const TsSender *sender);
void ts_sender_resync_done (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_resync_pause (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_resync_resume (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_resync_report (TsSender *sender, gint64 now_us, const char *phase, TsActions *out);

/* --- sender.c --------------------------------------------------------------------------------- */
void ts_sender_persist (TsSender *sender, TsActions *out);
void ts_sender_stop_tracking (TsSender *sender, TsActions *out);
void ts_sender_own_failure (TsSender *sender, gint64 now_us, const TsEvent *event, TsActions *out);

/* --- sender-cycle.c --------------------------------------------------------------------------- */
void ts_sender_report_pending (TsSender *sender, gint64 now_us, TsActions *out);
TsSenderSet *ts_sender_find_set (TsSender *sender, guint64 number);
void ts_sender_pump (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_report_cycle (TsSender *sender, gint64 now_us, guint64 set, const char *outcome,
                             TsActions *out);
void ts_sender_ask_cut (TsSender *sender, TsSetKind kind, TsActions *out);
void ts_sender_cycle_due (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_cut_done (TsSender *sender, const TsEvent *event, TsActions *out);
void ts_sender_start_cycles (TsSender *sender, gint64 now_us);

/* --- sender-link.c ---------------------------------------------------------------------------- */
gboolean ts_sender_waiting (const TsSender *sender);
guint64 ts_sender_chunk_bytes (const TsSender *sender);
/* Something is sent after nothing was out: what is answered from here on tells how fast it goes. */
void ts_sender_window_begin (TsSender *sender, gint64 now_us);
void ts_sender_connect_peer (TsSender *sender, gint64 now_us, TsActions *out);
void ts_sender_link_lost (TsSender *sender, gint64 now_us, const char *reason, TsActions *out);
void ts_sender_hang_up (TsSender *sender, TsActions *out);
void ts_sender_peer_refused (TsSender *sender, const TsEvent *event, TsActions *out);
/* The replica is on that host. */
void ts_sender_peer_told (TsSender *sender, gint64 now_us, const char *to, TsActions *out);
void ts_sender_frame_in (TsSender *sender, const TsEvent *event, TsActions *out);

/* --- sender-ask.c ----------------------------------------------------------------------------- */
void ts_sender_refuse (TsSender *sender, gint64 now_us, TsAsk ask, const char *why,
                       TsActions *out);
void ts_sender_asked (TsSender *sender, const TsEvent *event, TsActions *out);

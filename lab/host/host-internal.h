/* lab/host/host-internal.h -- a host process seen from inside: host, its VMs, its relations.
 *
 * Everything lives in the main loop's thread; what blocks runs on workers (worker.h), which touch
 * only what their job owns and what never changes.  Twin of the same rooms in sim/internal.h. */
#pragma once
#include "core/relation/receiver.h"
#include "core/relation/sender.h"
#include "core/relation/slots.h"
#include "core/relation/traffic.h"
#include "core/seam/death.h"
#include "lab/clock.h"
#include "lab/host/control.h"
#include "lab/host/host-config.h"
#include "lab/host/managed.h"
#include "lab/link/link.h"
#include "lab/machine/machine.h"
#include "lab/host/spool.h"
#include "lab/machine/tracker.h"
#include "lab/host/undo.h"
#include "lab/host/worker.h"

typedef struct _TsLabHost TsLabHost;
typedef struct _TsLabVm TsLabVm;
typedef struct _TsLabRelation TsLabRelation;
typedef struct _TsLabApplied TsLabApplied;
typedef struct _TsLabMove TsLabMove;

struct _TsLabHost {
  TsLabHostConfig *config;
  TsLabLayout layout;
  TsLabClock clock;
  TsLabHypervisor *hypervisor;
  TsLabCredentials credentials, kerberos; /* kerberos.principal NULL: there is no realm */
  TsLabListener *listener, *kerberos_listener;
  TsLabControl *control;
  TsLabManaged *managed; /* NULL: by nobody */
  GPtrArray *vms;       /* TsLabVm, as in the config */
  GPtrArray *relations; /* TsLabRelation */
  TsSlots *slots;       /* who sends, who applies */
  GList *callers;       /* Caller (host.c): connected, have not said HELLO */
  GMainLoop *loop;
  int status; /* to exit with */
  gboolean leaving; /* it is being shut down */
  TsDeath death; /* a fault by count, ordered by the runner; never armed otherwise */
};

typedef struct { /* a file as it was left: watch.c */
  gboolean known;
  guint64 inode, size_bytes;
  gint64 changed_s, changed_ns;
} TsLabSeen;

struct _TsLabVm { /* the machine of one VM on this host, at home or as a copy */
  TsLabHost *host;
  guint index;
  const TsLabVmConfig *config;
  TsLabMachine *machine; /* NULL: not defined; set on the worker, before it is used elsewhere */
  TsLabMachine *test;    /* of a test failover; only the worker */
  /* Once it is to be tracked; only the relation's storage worker, and before the relation is a
   * sender the machine's. */
  TsLabTracker *tracker;
  gboolean branched; /* its overlays are empty; only the worker */
  TsLabWorker *worker;
  TsLabWorker *agent; /* talks to its guest agent, which may take long */
  guint asking;       /* pings that wait for it */
  char *share[2]; /* where an export goes, where an import comes from; NULL: the host's own folder */
  TsLabTimer *watch;
  TsLabSeen off[TS_WIRE_DISKS_MAX]; /* the disks at home, when it was switched off: watch.c */
  gboolean edited; /* since: what tracks them does not know all that was changed */
  gboolean on, looking;   /* looking: a look is on the worker */
  gint64 shut_down_by_us; /* TS_NEVER: not asked */
  /* Of an extended relation, on the host where it begins: whose replica's disks are its source, and what
   * was applied to them; and of such a replica, whose that is (extend.c).  They do not change. */
  TsLabVm *base, *third;
  TsLabApplied *applied;
  char *owner, *owner_group, *storage; /* of the replica here (owner.c); NULL: there is none */
  TsLabMove *move; /* move.c */
};

typedef struct _TsLabJob TsLabJob;

/* One side of one VM's replication: a sender or a receiver with what performs its actions. */
struct _TsLabRelation {
  TsLabHost *host;
  TsLabVm *vm;
  TsSender *sender; /* one of the two */
  TsReceiver *receiver;
  /* Sender's; receiver's: with whom and how it is to go on when it becomes the primary. */
  const TsLabPeer *peer;
  TsPolicy policy;
  char *state_path;
  TsLabSpool *spool;
  TsLabUndo *undo; /* used while it is a receiver */
  TsLabTimer *timer;
  TsLabLink *link;
  gboolean spoken;  /* it has told its state in this life of the host */
  guint connection; /* counts connections: what was begun for an earlier one is void */
  TsTraffic traffic;
  guint64 traffic_set; /* to which what the link has sent since is counted */
  guint64 traffic_sent;
  TsGuid chain[TS_WIRE_DISKS_MAX]; /* sender's: id of the last log that was cut, per disk */
  TsLabWorker *storage;            /* tracking and cuts; or the replica's disks and logs */
  TsLabWorker *output;             /* sender's: what is sent, in order, read where it lies */
  TsLabWorker *apply;              /* receiver's */
  guint64 create_bytes[TS_WIRE_DISKS_MAX]; /* receiver's: of the disks that are to be made */
  /* receiver's, all only whoever works on the disks: watch.c */
  TsLabSeen seen[TS_WIRE_DISKS_MAX];
  TsDisk *own[TS_WIRE_DISKS_MAX];      /* open for writing as long as they are watched; or NULL */
  int watch_fd;                        /* inotify; -1: not yet, -2: not to be had */
  int watched[TS_WIRE_DISKS_MAX];      /* its number for each disk of own */
  gboolean touched[TS_WIRE_DISKS_MAX]; /* somebody else has had it open for writing */
  /* receiver's; only the storage worker, and the apply worker while a medium is awaited */
  TsExtents *resync_map[TS_WIRE_DISKS_MAX];
  guint64 export_run; /* sender's; only the storage worker: whose medium is being written; 0: none */
  TsLabTimer *measure;             /* sender's: when its tracker is asked next; NULL: not tracked */
  guint32 measured_disks;          /* those that were cut last */
  guint slot_source;               /* tells it that it has a slot; 0: nothing to tell */
  guint64 freeze;                  /* sender's: counts freezes */
  gboolean freezing;               /* the newest one is not answered */
  char *move_to; /* the host, when it has been asked to move last; or NULL */
};

/* --- host.c ----------------------------------------------------------------------------------- */
gint64 ts_lab_host_now_us (const TsLabHost *host);
/* Takes the record; the runner hears it. */
void ts_lab_host_report (TsLabHost *host, TsRecord *record);
/* A record of this host about a VM, from now. */
TsRecord *ts_lab_host_record (const TsLabHost *host, const TsLabVm *vm, const char *kind);
/* This process cannot go on: says why, and ends. */
void ts_lab_host_give_up (TsLabHost *host, const GError *reason);
/* An order as the runner gives it (control.h). */
void ts_lab_host_obey (TsLabHost *host, const char *kind, GVariant *body);
/* The relation of that VM on this host, or NULL. */
TsLabRelation *ts_lab_host_relation (const TsLabHost *host, const TsLabVm *vm);

/* A moment of an action: this process is killed there, without a word, if it was told to be. */
void ts_lab_host_moment (TsLabHost *host, TsActionKind action, TsDeathMoment moment);

/* --- reboot.c --------------------------------------------------------------------------------- */
/* Its machines are off; machines ("as"): those that were on before.  The loop ends soon. */
void ts_lab_host_shut_down (TsLabHost *host, GVariant *machines);
/* How this VM is tracked is kept for the next life of the host; nobody works on it any more. */
void ts_lab_tracking_keep (TsLabVm *vm);
/* Goes on with what was kept; fine when nothing was.  Blocks; before anything else is done to it. */
gboolean ts_lab_tracking_resume (TsLabVm *vm, GError **error);

/* --- owner.c ---------------------------------------------------------------------------------- */
/* The folder in which its replica's disks lie. */
const char *ts_lab_vm_storage (const TsLabVm *vm);
/* Whether peer may replicate this VM to here: by an entry, and of the owner's trust group when
 * there is a replica.  TS_ERROR_REFUSED with the reason. */
gboolean ts_lab_vm_admit (const TsLabVm *vm, const char *peer, TsGrant *grant, GError **error);
/* The replica that is made now is peer's, by that grant: kept on disk, and reported. */
gboolean ts_lab_vm_own (TsLabVm *vm, const char *peer, const TsGrant *grant, GError **error);
/* The replica was another host's, which had let it in by that: kept on disk. */
gboolean ts_lab_vm_inherit (TsLabVm *vm, const char *server, const char *trust_group, const char *storage,
                            GError **error);
/* After a start of the host: whose it was.  Fine when there is none. */
gboolean ts_lab_vm_recall_owner (TsLabVm *vm, GError **error);
void ts_lab_vm_forget_owner (TsLabVm *vm); /* in memory only */

/* --- host-mounts.c ---------------------------------------------------------------------------- */
/* Gives this process, which has one thread yet, an empty /run, with these folders (NULL-terminated,
 * at most 4) where they lie below it.  TRUE without doing so where that is not permitted. */
/* A file system of so many bytes on that folder, which is made; in this process's own mounts. */
gboolean ts_lab_host_own_store (const char *folder, guint64 bytes, GError **error);
gboolean ts_lab_host_own_run (const char *const *folders, GError **error);

#define TS_LAB_TEST_NAME_END " - Test" /* HVR reference 3.6 */

/* --- vm.c ------------------------------------------------------------------------------------- */
TsLabVm *ts_lab_vm_new (TsLabHost *host, guint index);
void ts_lab_vm_free (TsLabVm *vm);
/* Plain data, on this host, whichever part it has now. */
char *ts_lab_vm_data_path (const TsLabVm *vm, guint disk);
/* The qcow2 around them, which holds what tracks them, while the VM has run here. */
char *ts_lab_vm_wrap_path (const TsLabVm *vm, guint disk);
/* As large as it is now; what the configuration says while it is not there. */
guint64 ts_lab_vm_disk_bytes (const TsLabVm *vm, guint disk);
/* At home: has it been attached? */
gboolean ts_lab_vm_has_disk (const TsLabVm *vm, guint disk);
/* Blocks; on vm's worker.  Makes it, if it is not there, and gives it to the machine. */
gboolean ts_lab_vm_attach (TsLabVm *vm, guint disk, GError **error);
char *ts_lab_vm_overlay_path (const TsLabVm *vm, guint disk);
/* Makes its disks if they are not there, and starts it at home; reports "power". */
void ts_lab_vm_boot (TsLabVm *vm);
/* The guest was told to power off: reports "power" when it is, "failure" when it takes too long. */
void ts_lab_vm_expect_off (TsLabVm *vm);
/* Blocks; on vm's worker.  Makes its disks if they are not there, and starts it on them. */
gboolean ts_lab_vm_start_home (TsLabVm *vm, GError **error);
gboolean ts_lab_vm_define_home (TsLabVm *vm, GError **error); /* only that */
/* Both block; on vm's worker.  Puts overlays over its disks, those in the mask `which` undone by way
 * (NULL: not at all); in the place of the others, which are not replicated, an empty disk is put (HVR
 * 2.6; CHOICE).  Starts it on them, or on what they were merged into.  track: its writes are tracked from the first one on. */
gboolean ts_lab_vm_branch (TsLabVm *vm, guint32 which, TsLabUndo *undo, const TsUndo *way,
                           GError **error);
gboolean ts_lab_vm_start_copy (TsLabVm *vm, gboolean track, GError **error);
/* Blocks; on vm's worker.  Merges the overlays; what tracks it goes on. */
gboolean ts_lab_vm_merge_copy (TsLabVm *vm, GError **error);
/* Blocks; it is off.  Around the plain data that another host has sent: what holds what tracks them. */
gboolean ts_lab_vm_wrap (TsLabVm *vm, GError **error);
/* Blocks; it is off, and is another host's now, with all that was here of it. */
gboolean ts_lab_vm_go (TsLabVm *vm, GError **error);
/* Blocks; it is off, and its home is another host now: only its plain data stay. */
gboolean ts_lab_vm_leave (TsLabVm *vm, GError **error);
/* Blocks; its machine is defined.  Makes its tracker, if it has none. */
gboolean ts_lab_vm_make_tracker (TsLabVm *vm, GError **error);
/* Blocks; on vm's worker.  Pulls its plug, if it runs, and deletes the overlays.  Fine twice. */
gboolean ts_lab_vm_discard_copy (TsLabVm *vm, GError **error);
/* Asks its guest agent, not on its worker: reports to the runner (agent.c). */
void ts_lab_vm_ping (TsLabVm *vm, gboolean test, guint64 number);
/* Likewise; tells the relation's sender when a freeze is done or not. */
void ts_lab_vm_freeze (TsLabVm *vm, guint64 number, gboolean on);
/* Both block; on vm's worker.  A second machine, "VM - Test", on overlays of its own, undone by way
 * (NULL: not at all). */
gboolean ts_lab_vm_start_test (TsLabVm *vm, guint32 which, TsLabUndo *undo, const TsUndo *way,
                               GError **error);
gboolean ts_lab_vm_stop_test (TsLabVm *vm, GError **error); /* fine when there is none */
/* Was switched on (by whom: `why` of the record): reports it and watches it from now on. */
void ts_lab_vm_is_on (TsLabVm *vm, const char *why);
/* Was switched off, or stopped: reports it, if it was on. */
void ts_lab_vm_is_off (TsLabVm *vm, const char *why);

/* --- relation.c ------------------------------------------------------------------------------- */
/* Either fails when its folders cannot be made. */
TsLabRelation *ts_lab_relation_new_sender (TsLabVm *vm, const TsLabPeer *peer,
                                           const TsPolicy *policy, GError **error);
TsLabRelation *ts_lab_relation_new_receiver (TsLabVm *vm, GError **error);
/* What the relation's sender is told. */
TsSenderOptions ts_lab_relation_options (const TsLabRelation *relation);
/* What this host's last life persisted of a VM's relation; NULL without error: nothing. */
TsLabRelation *ts_lab_relation_restore (TsLabVm *vm, GError **error);
void ts_lab_relation_free (TsLabRelation *relation);
/* What of it goes to another host, beside files; and what is made of it there, whose files are in their
 * places: out is to be performed behind it. */
GBytes *ts_lab_relation_pack (const TsLabRelation *relation);
TsLabRelation *ts_lab_relation_unpack (TsLabVm *vm, TsRole role, GBytes *packed, TsActions *out,
                                       GError **error);
void ts_lab_relation_ask (TsLabRelation *relation, TsAsk ask, gboolean planned,
                          const TsPointChoice *point, const TsInitialChoice *initial);
void ts_lab_relation_ask_disks (TsLabRelation *relation, TsAsk ask, const TsDiskChange *disks);
void ts_lab_relation_machine (TsLabRelation *relation, gboolean on);
/* The receiver's new connection, and what it said first. Takes link. */
void ts_lab_relation_adopt (TsLabRelation *relation, TsLabLink *link, TsFrame *hello);
TsState ts_lab_relation_state (const TsLabRelation *relation);
TsRole ts_lab_relation_role (const TsLabRelation *relation);

/* After a start of the host: what was told last of it; if it is something else now, that is told. */
void ts_lab_relation_tell (TsLabRelation *relation, TsRole role, TsState state);

/* What came out of the core beside a step is performed. */
void ts_lab_relation_perform (TsLabRelation *relation, TsActions *actions);
/* Gives its slot back, if it has or wants one. */
void ts_lab_relation_slot_end (TsLabRelation *relation);
/* One event in, the actions performed. */
void ts_lab_relation_step (TsLabRelation *relation, const TsEvent *event);
/* The connection is gone or worth nothing: closes it and steps. */
void ts_lab_relation_lose (TsLabRelation *relation, const GError *reason);

/* --- turn.c ----------------------------------------------------------------------------------- */
/* TURN: the relation takes the other part (core/relation/turn.h). */
void ts_lab_turn (TsLabRelation *relation);
/* FORGET, CONTINUE: the relation goes, with its logs and what it has persisted. */
void ts_lab_forget (TsLabRelation *relation, TsActionKind kind);

/* --- extend.c: a replica that is replicated further ------------------------------------------- */
/* Once all VMs are there: who is whose. */
void ts_lab_extend_pair (TsLabHost *host);
void ts_lab_applied_free (TsLabApplied *applied); /* NULL is fine */
/* Once what the host's last life left is there again. */
void ts_lab_extended_restored (TsLabHost *host);
/* Why the relation of vm, which extends another, cannot begin here by policy; NULL: it can.  The caller's. */
char *ts_lab_extend_refusal (const TsLabVm *vm, const TsPolicy *policy);
/* Tells the replica below vm whether it is extended. */
void ts_lab_extended_tell (const TsLabVm *vm, gboolean on);
/* That VM is failed over here for good, and is the primary of its extended relation. */
gboolean ts_lab_extended_goes_on (const TsLabVm *vm);
/* The machine whose disks a relation's are: its VM's, or that of a copy that goes on. */
TsLabVm *ts_lab_relation_source (const TsLabRelation *relation);
/* On a worker: nothing is applied to, nothing wrapped of, and nothing cut from disks that are replicated
 * further, until the release.  Neither does anything for other VMs. */
void ts_lab_extended_hold (const TsLabVm *vm);
void ts_lab_extended_release (const TsLabVm *vm);
/* Around an apply, on its worker; the lock is held from one to the other.  logs: TsHrl, NULL: none of
 * that disk.  ok: it is done, and the disks are as `seen` says. */
void ts_lab_extended_apply_begin (const TsLabVm *vm, const GPtrArray *logs);
void ts_lab_extended_apply_end (const TsLabRelation *replica, gboolean ok, gint64 instant_us);
/* On a worker: that was written to a disk beside any set; it is tracked likewise. */
void ts_lab_extended_wrote (const TsLabVm *vm, guint disk, guint64 offset_bytes, guint64 len_bytes);
/* On a worker, before and after the replica's disks become others: nobody knows what has changed. */
void ts_lab_extended_spoil (const TsLabVm *vm);
guint64 ts_lab_applied_bytes (const TsLabVm *vm, guint32 disks); /* tracked since the last cut */
/* An action of an extended relation's sender; FALSE: it is as any other's. */
gboolean ts_lab_extended_perform (TsLabRelation *relation, TsAction *action);

/* --- job.c: an action on a worker ------------------------------------------------------------- */
struct _TsLabJob {
  TsLabRelation *relation;
  TsLabVm *source;  /* ts_lab_relation_source, when it was asked */
  TsAction action;  /* what it owns is ours */
  guint connection; /* of the relation when it was asked */
  /* what came out; error NULL: it went well */
  GError *error;
  TsExtents *map;                   /* MAP */
  gint64 instant_us;                /* CUT */
  TsCutLog logs[TS_WIRE_DISKS_MAX]; /* CUT */
  TsManifest manifest;              /* SEAL */
  GBytes *hashes;                   /* HASH, EXPORT, IMPORT */
  GBytes *medium;                   /* IMPORT_OPEN */
  guint64 tracked_bytes;
};

/* Takes what action owns, runs run on worker, then (in the main loop) done, or, when that is NULL,
 * steps with the DONE event. */
void ts_lab_job_start (TsLabRelation *relation, TsAction *action, TsLabWorker *worker,
                       void (*run) (TsLabJob *job), void (*done) (TsLabJob *job));
void ts_lab_job_done (TsLabJob *job);
/* Says in the journal that an action without answer went wrong. */
void ts_lab_job_complain (TsLabJob *job);

/* --- watch.c ---------------------------------------------------------------------------------- */
/* Are these of its disks (bit 1 << disk) as they were seen, where that is known?  Else TS_ERROR_STATE. */
gboolean ts_lab_watch_is_same (const TsLabVm *vm, guint32 disks, const TsLabSeen *seen, GError **error);
/* What the disks are now is our own work, or does not matter. */
void ts_lab_watch_begin (TsLabRelation *relation);
/* One of them, open for writing, for as long as it is watched: who else opens it is noticed.  Its bytes
 * are flushed by whoever writes. */
TsDisk *ts_lab_watch_disk (TsLabRelation *relation, guint disk, GError **error);
/* They will be changed by ourselves, through ts_lab_watch_disk, until the next go_on. */
void ts_lab_watch_write (TsLabRelation *relation);
/* That is done.  One of the mask that somebody else has written to meanwhile is changed. */
void ts_lab_watch_go_on (TsLabRelation *relation, guint32 held);
/* They will be changed otherwise: not to be believed until the next begin, and not open here. */
void ts_lab_watch_end (TsLabRelation *relation);
void ts_lab_watch_let_go (TsLabRelation *relation);
gboolean ts_lab_watch_is_on (const TsLabRelation *relation);
/* TS_ERROR_STATE when somebody else has written to one of the mask since; again and again, until the next end:
 * who has heard it may forget it in a crash. */
gboolean ts_lab_watch_look (TsLabRelation *relation, guint32 held, GError **error);
/* After a start of the host: what was seen before. */
void ts_lab_watch_recall (TsLabRelation *relation);
void ts_lab_watch_recall_off (TsLabVm *vm);
/* The next three in the main loop.  The machine of a source is off, or its disks are tracked anew while
 * it is: what they are now is known. */
void ts_lab_watch_off (TsLabVm *vm);
/* It is still off, or about to be started: has anybody changed them (vm->edited)? */
void ts_lab_watch_source (TsLabVm *vm);
/* It is started, or not a source any more. */
void ts_lab_watch_forget_off (TsLabVm *vm);

/* --- relation-source.c, relation-replica.c: what only one side does ----------------------------
 */
/* The tracker is asked no more how much there is. */
void ts_lab_source_measure_end (TsLabRelation *relation);
/* What the log of that disk says of itself; on the storage worker. */
TsHrlInfo ts_lab_source_log_info (const TsLabRelation *relation, guint64 set, guint disk);
void ts_lab_source_cut_done (TsLabJob *job);
void ts_lab_source_perform (TsLabRelation *relation, TsAction *action);
/* The guest's answer to a freeze; one that is not awaited any more is ignored. */
void ts_lab_source_frozen (TsLabRelation *relation, guint64 number, gboolean ok,
                           const char *reason);
void ts_lab_replica_perform (TsLabRelation *relation, TsAction *action);
/* relation-initial.c: disks that are there already, export, import. */
void ts_lab_initial_adopt (TsLabJob *job);
void ts_lab_initial_perform (TsLabRelation *relation, TsAction *action);
/* relation-resync.c: a log of a set onto the overlay of a disk, durable. */
gboolean ts_lab_resync_apply (TsLabRelation *relation, guint disk, const TsHrl *log,
                              GError **error);
/* relation-resync.c: hashes, and the overlays of a resynchronization. */
void ts_lab_resync_perform (TsLabRelation *relation, TsAction *action);

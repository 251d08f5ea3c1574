/* sim/internal.h -- the simulator's rooms seen from inside: world, hosts, VMs, machines, relations.
 *
 * One thread, one clock; everything here is owned by the world. */
#pragma once
#include "core/format/frame.h"
#include "core/relation/receiver.h"
#include "core/relation/sender.h"
#include "core/relation/slots.h"
#include "core/relation/traffic.h"
#include "core/seam/death.h"
#include "core/seam/world.h"
#include "core/site/probe.h"
#include "core/vault/operation.h"
#include "sim/clock.h"
#include "sim/disk.h"
#include "sim/link.h"
#include "sim/medium.h"
#include "sim/spool.h"
#include "sim/tracker.h"
#include "sim/undo.h"

typedef struct _TsSimHost TsSimHost;
typedef struct _TsSimVm TsSimVm;
typedef struct _TsSimMachine TsSimMachine;
typedef struct _TsSimRelation TsSimRelation;
typedef struct _TsSimCheck TsSimCheck;
typedef struct _TsSimProbes TsSimProbes;
typedef struct _TsSimManagement TsSimManagement; /* management.h */
typedef struct _TsSimMove TsSimMove;             /* move.h */

struct _TsWorld { /* the simulator's */
  const TsTopology *topology;
  TsObserver *observer;
  TsSimClock *clock;
  GPtrArray *links;  /* TsSimLink, as in the topology */
  GPtrArray *hosts;  /* TsSimHost, as in the topology */
  GPtrArray *vms;    /* TsSimVm, as in the topology */
  GArray *breached;  /* gboolean per checker */
  GPtrArray *touched; /* TsSimVm: something that a checker looks at may have changed */
  gint64 due_us;     /* some checker's answer may change by then, even if nothing happens */
  GHashTable *by_name; /* VMs; looked up, never walked */
  GHashTable *by_id;   /* likewise */
  GPtrArray *faults; /* fault.c's: begun, evidence not told yet */
  TsSimProbes *probes;
  TsSimManagement *management; /* NULL: hosts are spoken to directly */
  gboolean finished;
  gboolean bytes; /* disks and logs hold bytes, and frames are encoded: see parcel.h */
};

struct _TsSimHost {
  TsWorld *world;
  guint index;
  const TsHostSpec *spec;
  gboolean up;
  gboolean full;        /* nothing more can be written where it keeps logs and replicas */
  gboolean stopping;    /* it is being shut down */
  guint64 life;         /* counts power losses: calls of an earlier life are void */
  gint64 read_free_us;  /* until when it reads disks for copies and comparisons */
  TsDeath death;
  guint moments[TS_ACTION_KINDS][TS_DEATH_MOMENTS]; /* that it might have died at */
  gboolean dying;       /* struck: it does nothing any more, and loses power when the event is over */
  gint64 death_us;      /* how long it stays dark then */
  GPtrArray *relations; /* TsSimRelation */
  TsSimRelation **by_vm; /* of the same, by the VM's index; NULL: none */
  TsAuthorization *authorization;
  TsSlots *slots;       /* who sends, who applies */
  TsSimMove **moves;    /* by the VM's index; NULL: none */
  GPtrArray *removed;   /* TsSimRelation: calls may still name them, disks may be in use */
};

typedef struct { /* what the source was at the instant of a cut */
  guint64 set;
  gint64 instant_us;
  guint32 which;    /* disks that the cut was of: bit 1 << disk */
  GPtrArray *disks; /* TsSimDisk snapshots, of all */
} TsSimImage;

/* Bytes in which the image's replicated disks, but for those that are blank, differ from these; of disks
 * of two sizes, as far as both go. */
guint64 ts_sim_image_differing (const TsSimImage *image, const GPtrArray *disks, guint32 blank);

struct _TsSimVm {
  TsWorld *world;
  guint index;
  const TsVmSpec *spec;
  guint primary, replica; /* hosts, as they are now; replica G_MAXUINT: not protected */
  const TsPolicy *policy; /* of its protection; NULL: not protected */
  TsSimMachine *source, *copy;
  TsSimMachine *test;   /* of a test failover; is not the service, and not an active copy */
  GPtrArray *discarded; /* TsSimMachine: copies of cancelled failovers, machines that have moved away;
                           calls may still name them */
  TsSimMachine *service; /* whom the probe asks */
  TsProbe probe;
  TsOperation *operation; /* one at a time; NULL: none */
  TsSimVm *base, *third;  /* of whose replica this is the extended relation; and whose is this one's */
  guint32 detached;       /* disks that are not attached yet: bit 1 << disk */
  gboolean forced;        /* an unplanned failover was ordered while the source ran */
  gboolean touched;       /* it is in the world's list */
  TsSimMedium *exported;  /* with its primary's host; NULL: none */
  TsSimMedium *carried;   /* with its replica's host; of it, or of whom the operator took for it */
  GQueue images;          /* TsSimImage *: cuts not applied yet */
  GPtrArray *kept;        /* TsSimImage *: of recovery points that are kept */
  guint64 kept_seen;      /* kept-point-is-past's: what it looked at last */
  gint64 newest_point_us;
  GPtrArray *aside; /* TsSimDisk: a copy of its disks on host aside_host (edit.c); NULL: none */
  guint aside_host;
};

typedef struct { /* a guest's write */
  guint disk;
  guint64 offset_bytes, sequence;
} TsSimWrite;

struct _TsSimMachine {
  TsSimVm *vm;
  TsSimHost *host;
  GPtrArray *disks; /* TsSimDisk, borrowed from a relation or owned by `owned` */
  GPtrArray *owned;
  TsSimTracker *tracker; /* borrowed; NULL: not tracked */
  gboolean on, ready, is_copy, working;
  gboolean is_test;   /* is_copy too */
  gboolean held;      /* on, and stands still: it is on its way to another host (move.c) */
  guint32 blank;      /* a copy's: disks that are not replicated; an empty one stands in each's place */
  const GPtrArray *off_disks; /* it was switched off with these; NULL: not known (watch.c) */
  guint64 off_writes[TS_WIRE_DISKS_MAX];
  gboolean defined;   /* on its host, in this life of it: before that it cannot be tracked */
  gboolean edited;    /* while it was off: what tracks it does not know all that was changed */
  gboolean frozen;    /* asked to stop writing */
  gboolean held_back; /* a write was due while it was frozen */
  guint64 life;       /* counts switchings */
  guint64 next_write; /* n of core/format/plan.h */
  gint64 workload_from_us;
  guint64 workload_base;
  TsSimWrite write; /* one at a time */
  gboolean writing; /* it, or the flush behind it, is under way, in life write_life */
  guint64 write_life;
  guint64 plan;     /* counts starts of the workload: a write planned by an earlier one is void */
  const TsWorkloadSpec *workload;
  guint turns; /* disks that the workload writes to, and how much room each has, since its start */
  guint turn_disk[TS_WIRE_DISKS_MAX];
  guint64 turn_slots[TS_WIRE_DISKS_MAX];
};

/* One side of one VM's replication: a sender or a receiver with what performs its actions. */
struct _TsSimRelation {
  TsSimHost *host;
  TsSimVm *vm;
  TsSender *sender; /* one of the two */
  TsReceiver *receiver;
  TsSimSpool *spool;
  TsSimUndo *undo;          /* receiver's */
  TsSimTracker *tracker;    /* sender's; receiver's, of a copy that is tracked from its start */
  GPtrArray *disks;         /* source (borrowed) or replica (owned) disks */
  GPtrArray *overlays;      /* TsSimDisk, while failed over */
  GPtrArray *test_overlays; /* TsSimDisk, during a test failover */
  guint64 known_writes[TS_WIRE_DISKS_MAX]; /* of the replica's disks, ours; see watch.c */
  gboolean watching;
  TsRole told_role; /* of the last state that was told */
  TsState told_state;
  GPtrArray *resync_overlays; /* TsSimDisk, during a resynchronization: relation-resync.c */
  GBytes *persisted;
  guint peer;    /* sender's: the host to which it connects */
  guint move_to; /* the host to which it goes when it has come to rest */
  const char *owner; /* receiver's: the server that created the replica, a host's name; NULL: the
                        replica was at home here before */
  char *owner_group; /* and of which trust group it was then */
  TsSimConn *conn;
  TsFrameReader *reader; /* when bytes travel */
  GQueue held;          /* Held: frames that wait for a disk to be read, and those behind them */
  guint64 conns;        /* counts connections that are gone: what was held for them is void */
  guint64 sent_frames;
  TsTraffic traffic;
  gboolean removed; /* nothing is heard any more */
  gboolean turning; /* taking the other part: all of it or nothing, here */
  guint64 timer; /* the newest TICK call; older ones are void */
  gint64 armed_us;
  gint64 storage_free_us, apply_free_us; /* two serial workers */
  guint64 log_writes, log_bytes, apply_writes, apply_bytes; /* a replica's, to its storage */
};

/* --- world.c ---------------------------------------------------------------------------------- */
gint64 ts_sim_now_us (const TsWorld *world);
/* Does a machine of it run, but for that one? */
gboolean ts_sim_vm_runs (const TsSimVm *vm, const TsSimMachine *but);
TsSimHost *ts_sim_host (const TsWorld *world, guint index);
TsSimVm *ts_sim_vm (const TsWorld *world, guint index);
/* Something about the VM has changed, or may have: checkers look at it when the event is over.  What
 * a guest writes is no such thing, nor what the probe asks: no checker looks at that; a step of a
 * relation, a machine's switching are. */
void ts_sim_touch (TsSimVm *vm);
/* What cuts were like, that have not been applied yet. */
void ts_sim_forget_images (TsSimVm *vm);
/* ... of sets of that number and above: they are cut anew. */
void ts_sim_forget_images_from (TsSimVm *vm, guint64 set);
/* Takes the record; tells the observer and whoever waits for it. */
void ts_sim_report (TsWorld *world, TsRecord *record);

/* Records of a step, of a fault's begin, of its evidence. */
void ts_sim_report_step (TsWorld *world, const char *id, const char *verb, const char *phase,
                         const char *reason);
void ts_sim_tell_fault (TsWorld *world, const char *id, const char *fault, const char *target,
                        const char *mode);
void ts_sim_tell_evidence (TsWorld *world, const char *id, const char *fault, const char *target,
                           const char *what, guint64 count);

/* --- edit.c ----------------------------------------------------------------------------------- */
/* EDIT_DISK, KEEP_DISKS, RESTORE_DISKS. */
void ts_sim_edit (TsSimVm *vm, const TsOrder *order);

/* --- fault.c ---------------------------------------------------------------------------------- */
/* What happens to one host, or to a log on it.  FALSE: the order is none of these. */
gboolean ts_sim_fault (TsWorld *world, const TsOrder *order);
void ts_sim_fault_finish (TsWorld *world); /* evidence of what lasts until the end */
void ts_sim_fault_free (gpointer fault);

/* --- order.c ---------------------------------------------------------------------------------- */
void ts_sim_operation_begin (TsSimVm *vm, const TsOrder *order);
/* Gives every order that is due; ends the operation when it has ended. */
void ts_sim_operation_go_on (TsSimVm *vm);
TsSimMachine *ts_sim_running (TsSimVm *vm); /* its copy, where that runs; else its source */
/* What is asked of a VM's machines, their load, their disks.  FALSE: is no such order. */
gboolean ts_sim_machine_order (TsSimVm *vm, const TsOrder *order);

/* --- host.c ----------------------------------------------------------------------------------- */
TsSimHost *ts_sim_host_new (TsWorld *world, guint index);
void ts_sim_host_free (TsSimHost *host);
/* The relation of that VM on this host, or NULL. */
TsSimRelation *ts_sim_host_relation (const TsSimHost *host, const TsSimVm *vm);
/* The relation is no more; what its disks hold stays. */
void ts_sim_host_forget (TsSimHost *host, TsSimRelation *relation);
/* It is on another host now: nothing is heard of it here any more. */
void ts_sim_host_move_away (TsSimHost *host, TsSimRelation *relation);
/* A peer of another host has connected: its first frame says which VM it speaks for. */
void ts_sim_host_accept (TsSimConn *conn, gpointer host);
/* Everything in memory is gone; disks keep what was flushed.  Returns how many things died. */
guint ts_sim_host_power_loss (TsSimHost *host);
/* TRUE when it dies at that moment of an action (core/seam/death.h), or has done so in this event:
 * it does nothing any more. */
gboolean ts_sim_host_dies (TsSimHost *host, TsActionKind action, TsDeathMoment moment);
/* The event is over: who was struck loses power, and gets it back after death_us. */
void ts_sim_host_bury (TsSimHost *host);
/* Comes up again and reads what was persisted. */
/* Is there no room for one more byte of logs? */
gboolean ts_sim_host_is_full (const TsSimHost *host);
/* Everything is durable, and its connections are closed; then it is down.  VMs of it are off. */
void ts_sim_host_stop (TsSimHost *host, const gboolean *was_on);
void ts_sim_host_power_on (TsSimHost *host);

/* --- relation.c ------------------------------------------------------------------------------- */
TsSimRelation *ts_sim_relation_new_sender (TsSimHost *host, TsSimVm *vm, const TsPolicy *policy);
TsSimRelation *ts_sim_relation_new_receiver (TsSimHost *host, TsSimVm *vm);
/* One that has neither part yet: it comes from another host (move.c). */
TsSimRelation *ts_sim_relation_arrive (TsSimHost *host, TsSimVm *vm);
void ts_sim_relation_free (TsSimRelation *relation);
void ts_sim_relation_ask (TsSimRelation *relation, const TsSideOrder *order);
/* Its tracker has grown. */
void ts_sim_relation_tracked (TsSimRelation *relation);
void ts_sim_relation_machine (TsSimRelation *relation, gboolean on);
/* One event in, the actions performed. */
void ts_sim_relation_step (TsSimRelation *relation, TsEvent *event);
/* What came out of the core beside a step is performed. */
void ts_sim_relation_perform (TsSimRelation *relation, TsActions *actions);
/* What a sender of this VM on this host is told. */
TsSenderOptions ts_sim_relation_options (const TsSimHost *host, const TsSimVm *vm,
                                         const TsPolicy *policy);
/* The relation's new connection (receiver); its first message has been read by the host. */
void ts_sim_relation_adopt (TsSimRelation *relation, TsSimConn *conn, GBytes *first);
TsState ts_sim_relation_state (const TsSimRelation *relation);
/* It has one of its host's slots now. */
void ts_sim_relation_slot (TsSimRelation *relation);
/* Gives it back, if it has or wants one. */
void ts_sim_relation_slot_end (TsSimRelation *relation);
/* The host is being shut down: the last that its machine hears.  was_on: the VM was, before. */
void ts_sim_relation_stop (TsSimRelation *relation, gboolean was_on);
void ts_sim_relation_power_loss (TsSimRelation *relation, TsRandom *random);
void ts_sim_relation_restore (TsSimRelation *relation);

/* --- extend.c --------------------------------------------------------------------------------- */
/* The relation from the replica that `relation` keeps to a third host, or NULL. */
TsSimRelation *ts_sim_extended (const TsSimRelation *relation);
/* That was written to a disk of the replica beside any set: it is tracked likewise. */
void ts_sim_extended_wrote (TsSimRelation *relation, guint disk, guint64 offset_bytes, guint64 len_bytes);
/* A set was applied to the replica's disks: it is what the extended relation tracks. */
void ts_sim_extended_applied (TsSimRelation *relation, guint64 set, guint32 disks);
/* They were changed in another way: nobody knows what of it the third host has not. */
void ts_sim_extended_spoil (TsSimRelation *relation);
/* Gets the VM of an extended relation ready for it; why it cannot be, or NULL.  The caller's. */
char *ts_sim_extend (TsSimVm *vm, const TsPolicy *policy);
/* The replica's VM, which has taken over, is what that relation replicates from now on. */
void ts_sim_extended_continue (TsSimRelation *relation);
/* The replica whose disks are the source of that relation; NULL: it is an ordinary one, or goes on alone. */
TsSimRelation *ts_sim_extended_replica (const TsSimRelation *relation);
/* That VM is failed over on that host for good, and is the primary of its extended relation there. */
gboolean ts_sim_extended_goes_on (const TsSimHost *host, const TsSimVm *vm);
/* The host has power again: its replicas hear that they are extended, what had begun is ended. */
void ts_sim_extended_restored (TsSimHost *host);
/* Tells the replica whether it is extended. */
void ts_sim_extended_tell (TsSimVm *vm, gboolean on);

/* --- watch.c ---------------------------------------------------------------------------------- */
/* What the replica's disks are now is our own work. */
void ts_sim_watch_begin (TsSimRelation *relation);
/* All that was written to this disk was ours. */
void ts_sim_watch_wrote (TsSimRelation *relation, guint disk);
/* They will be changed by ourselves: not to be believed until the next begin. */
void ts_sim_watch_end (TsSimRelation *relation);
/* TS_ERROR_STATE when somebody else has written to one of the mask since; again and again, until the next end:
 * who has heard it may forget it in a crash. */
gboolean ts_sim_watch_look (TsSimRelation *relation, guint32 held, GError **error);

/* --- relation-initial.c ----------------------------------------------------------------------- */
/* The disks of a replica that was removed here; TS_ERROR_STATE: there are none, or others. */
gboolean ts_sim_initial_adopt (TsSimRelation *relation, GError **error);
/* The newest replica of that VM that was removed here, whose disks stay; NULL: none. */
TsSimRelation *ts_sim_initial_removed (const TsSimHost *host, const TsSimVm *vm);
/* A piece to the medium of the attempt `run`: its hash; NULL with error. */
GBytes *ts_sim_initial_export (TsSimRelation *relation, guint64 run, guint disk,
                               guint64 offset_bytes, guint32 len_bytes, GError **error);
void ts_sim_initial_export_end (TsSimRelation *relation, guint64 run, GBytes *list);
/* Of the medium that was brought here; borrowed. */
GBytes *ts_sim_initial_list (TsSimRelation *relation, GError **error);
GBytes *ts_sim_initial_import (TsSimRelation *relation, guint disk, guint64 offset_bytes,
                               guint32 len_bytes, GError **error);
/* A medium that is not whole is worth nothing. */
void ts_sim_initial_power_loss (TsSimVm *vm);
/* The medium that was exported of `of` goes to where that of vm is looked for; one that is not whole
 * stays.  damaged: a byte changes on the way, of what is carried only; FALSE: there is none to change. */
gboolean ts_sim_initial_carry (TsSimVm *vm, TsSimVm *of, gboolean damaged);

/* --- watch.c, the primary's side ------------------------------------------------------------- */
#define TS_SIM_EDITED "the disks were changed while the virtual machine was off"
/* A source is off, or tracked anew while it is: what its disks are now is known. */
void ts_sim_watch_off (TsSimMachine *machine);
/* It is still off, or about to be started: has anybody changed them (machine->edited)? */
void ts_sim_watch_source (TsSimMachine *machine);

/* --- relation-resync.c ------------------------------------------------------------------------ */
/* Empty ones, in place of those that are there. */
void ts_sim_resync_open (TsSimRelation *relation);
/* Fine when there are none. */
void ts_sim_resync_drop (TsSimRelation *relation);
gboolean ts_sim_resync_write (TsSimRelation *relation, guint disk, guint64 offset_bytes,
                              GBytes *payload, GError **error);
void ts_sim_resync_merge (TsSimRelation *relation);
guint64 ts_sim_resync_bytes (const TsSimRelation *relation); /* that a merge has to move */
void ts_sim_resync_flush (TsSimRelation *relation);
void ts_sim_resync_power_loss (TsSimRelation *relation, TsRandom *random);
/* Overlays on the replica's disks, those of the mask undone by way (NULL: not at all); NULL with error. */
GPtrArray *ts_sim_relation_overlays (TsSimRelation *relation, guint32 which, const TsUndo *way,
                                     GError **error);
/* Disks that the replica has no content of. */
guint32 ts_sim_relation_blank (const TsSimRelation *relation);

/* --- service.c -------------------------------------------------------------------------------- */
TsSimProbes *ts_sim_probes_new (TsWorld *world);
void ts_sim_probes_free (TsSimProbes *probes);
/* Asks the next machine of those that are due at this instant; FALSE: none is. */
gboolean ts_sim_probes_step (TsSimProbes *probes);
/* The probe asks that machine from now on. */
void ts_sim_serve (TsSimVm *vm, TsSimMachine *machine);
/* The machine does not answer any more, from now on. */
void ts_sim_probes_silent (TsSimMachine *machine);

/* --- machine.c -------------------------------------------------------------------------------- */
/* A source machine with disks of its own, filled (format/stamp.h); or, with disks, a copy on them.
 */
TsSimMachine *ts_sim_machine_new (TsSimVm *vm, TsSimHost *host, GPtrArray *disks);
void ts_sim_machine_free (TsSimMachine *machine);
void ts_sim_machine_power_on (TsSimMachine *machine, const char *why);
/* It goes on with what is in its memory. */
void ts_sim_machine_resume (TsSimMachine *machine, const char *why);
void ts_sim_machine_shut_down (TsSimMachine *machine);
/* Pulls the plug, if it is on. */
void ts_sim_machine_turn_off (TsSimMachine *machine, const char *why);
void ts_sim_machine_power_loss (TsSimMachine *machine, TsRandom *random);

/* --- turn.c ----------------------------------------------------------------------------------- */
/* The relation's machine and the VM's take the other part (core/relation/turn.h). */
void ts_sim_turn (TsSimRelation *relation);

/* --- test-vm.c -------------------------------------------------------------------------------- */
/* On overlays undone by way (NULL: of the newest point). */
gboolean ts_sim_test_start (TsSimRelation *relation, guint32 which, const TsUndo *way,
                            GError **error);
void ts_sim_test_stop (TsSimRelation *relation); /* fine when there is none */
TsRecord *ts_sim_test_record (const TsSimMachine *machine, const char *phase);

/* --- workload.c ------------------------------------------------------------------------------- */
void ts_sim_workload_start (TsSimMachine *machine);
void ts_sim_workload_stop (TsSimMachine *machine);
/* The guest stops writing.  Returns how long until it has flushed too (then call
 * ts_sim_workload_flush); -1: it says no, or does not run; G_MAXINT64: it does not answer. */
gint64 ts_sim_workload_freeze (TsSimMachine *machine);
void ts_sim_workload_flush (TsSimMachine *machine);
void ts_sim_workload_thaw (TsSimMachine *machine); /* fine when it is not frozen */
/* Reads a copy's disks back into the ledger, then reports it (record "survey"). */
void ts_sim_workload_survey (TsSimMachine *machine);

/* --- check/ ----------------------------------------------------------------------------------- */
struct _TsSimCheck {
  const char *name;
  /* NULL: holds now; else what is wrong.  Looks at one VM as it stands after an event that touched
   * it. */
  char *(*look) (TsSimVm *vm);
  /* When that may change though nothing happens; NULL or TS_NEVER: it may not. */
  gint64 (*due_us) (const TsSimVm *vm);
};
extern const TsSimCheck ts_sim_check_one_active_copy;
extern const TsSimCheck ts_sim_check_point_is_past;
extern const TsSimCheck ts_sim_check_point_never_moves_back;
extern const TsSimCheck ts_sim_check_acknowledged_survives;
extern const TsSimCheck ts_sim_check_planned_loses_nothing;
extern const TsSimCheck ts_sim_check_health_is_honest;
extern const TsSimCheck ts_sim_check_test_stands_on_still_disks;
extern const TsSimCheck ts_sim_check_kept_point_is_past;
/* Takes the image: it is of a point that is kept. */
void ts_sim_check_keep_image (TsSimVm *vm, TsSimImage *image);

/* lab/world/world-internal.h -- the lab's world seen from inside: hosts, VMs, guests, faults.
 *
 * One thread; everything here is owned by the world. */
#pragma once
#include "core/seam/world.h"
#include "core/site/probe.h"
#include "core/vault/operation.h"
#include "lab/clock.h"
#include "lab/host/control.h"
#include "lab/world/guest-channel.h"
#include "lab/world/hearing.h"
#include "lab/host/host-config.h"
#include "lab/site/layout.h"
#include "lab/site/site.h"
#include "lab/site/tidy.h"
#include "lab/wan/wan.h"
#include "lab/host/worker.h"
#include "lab/vault/client.h"

typedef struct _TsLabManagement TsLabManagement;

typedef struct { /* a host process, seen by the runner */
  TsWorld *world;
  guint index;
  const TsHostSpec *spec;
  int listening;         /* -1: it has connected */
  guint accepting;       /* source */
  TsLabControl *control; /* NULL: not yet, or gone */
  gboolean ready;
  gboolean dead; /* lost power, as ordered */
  gboolean leaving; /* it is being shut down: it may end */
  gboolean mortal; /* it was told to die at some action: when it is gone, its site loses power */
  pid_t pid;     /* of the process; 0: not known yet */
} TsLabSeat;

typedef struct _TsLabOwnGuest TsLabOwnGuest;
typedef struct _TsLabAsker TsLabAsker;

typedef struct { /* a VM on one host, as its guest is heard */
  TsWorld *world;
  guint vm, host;
  gboolean is_copy;
  gboolean is_test;        /* of a test failover: tells "test_failover" records, and nothing else */
  TsGuestChannel *channel; /* NULL: machine is off, or the channel was lost */
  TsLabOwnGuest *own;      /* of a machine of the user's own, which has no channel; kept when off */
  gboolean own_off;        /* its machine */
  TsLabAsker *asker;       /* of such a machine, whose console does not tell; NULL: it does */
  gboolean ready, working, surveyed, served;
  TsProbe probe;
  TsLabTimer *probing;
  gint64 point_set, point_us; /* a test's */
  guint64 torn, corrupt;      /* a test's survey so far: not in the ledger */
  gint64 power_lost_us;       /* TS_NEVER: has not; nothing it said is later than this */
} TsLabGuest;

typedef struct { /* a VM over all hosts */
  guint primary; /* as it is now */
  gint replica;               /* -1: not protected */
  gint policy;                /* of its protection; -1: not protected */
  gboolean failed_over;       /* and neither cancelled nor reversed */
  char *storage;              /* the folder of its replica there; NULL: not told yet */
  gint state[2];              /* as the sides have told, by TsRole */
  struct {
    TsRole role;
    gint state;
  } *told; /* by host: what it has said of its side last; nothing: 0, disabled */
  guint64 next_write;         /* n of core/format/plan.h */
  gboolean works_on;          /* it is off for a move, and worked before */
  gboolean planned;           /* of the last failover */
  gint64 point_set, point_us; /* that the failover took */
  guint32 excluded; /* disks that are not replicated: bit 1 << disk */
  guint32 attached; /* those that were not from the start, and are now */
  char *attaching;  /* the step that waits for one; NULL: none */
  GHashTable *resized; /* "HOST/DISK" -> guint64 *: how large it is there now; looked up, never walked */
} TsLabVmView;

typedef struct { /* of a link, over the lives of the sites that it joins */
  TsLinkMode mode;
  TsShaperCounters before[2]; /* of the devices that went with a site */
} TsLabLine;

typedef struct { /* begun; its evidence has not been told */
  char *step;
  guint link;
  TsLinkMode mode;
  TsShaperCounters before[2];
  gboolean told;
} TsLabLinkFault;

struct _TsWorld { /* the lab's */
  const TsTopology *topology;
  TsWorldOptions options;
  TsObserver *observer;
  TsLabClock clock;
  TsLabHearing *hearing;
  TsLabTimer *wake; /* so that waiting ends in time */
  TsLabRegistration *registration;
  char *run, *certificates;
  char *realm; /* folder; NULL: no policy asks for Kerberos */
  TsLabLayout layout;
  GPtrArray *sites;      /* TsLabSite, as in the topology */
  GPtrArray *wans;       /* TsLabWan, as in the topology's links */
  TsLabLine *lines;      /* likewise */
  GPtrArray *nics;       /* Nic (nics.c): of machines of the user's own */
  GPtrArray *seats;      /* TsLabSeat, as in the topology's hosts */
  GPtrArray *guests;     /* TsLabGuest, as they were switched on */
  TsLabVmView *vms;      /* as in the topology */
  gboolean going_on;     /* operations are looked at */
  GPtrArray *operations; /* Running (world-order.c): operations under way */
  TsLabManagement *management; /* NULL: hosts are spoken to directly */
  GPtrArray *errands;    /* Errand (world-errand.c) */
  gboolean prepared;     /* the vault is */
  GPtrArray *faults;     /* TsLabLinkFault */
  TsLabWorker *worker;   /* for comparing disks */
  GError *broken;        /* the lab itself failed: the run is worth nothing */
  gboolean booted, finished;
};

/* --- world.c ---------------------------------------------------------------------------------- */
gint64 ts_lab_world_now_us (const TsWorld *world);
/* Takes the record; tells whoever waits for it, then the observer. */
void ts_lab_world_report (TsWorld *world, TsRecord *record);
/* A record from now; source "lab". */
TsRecord *ts_lab_world_record (const TsWorld *world, const char *kind);
/* The lab itself failed; the first time counts. */
void ts_lab_world_break (TsWorld *world, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Lets the main loop run until done says TRUE, at most timeout_us.  FALSE: it did not, or the world
 * is broken (then error is that). */
gboolean ts_lab_world_wait (TsWorld *world, gboolean (*done) (TsWorld *world), gint64 timeout_us,
                            const char *what, GError **error);

/* --- world-build.c ---------------------------------------------------------------------------- */
char *ts_lab_world_refusal (const TsTopology *topology, const GPtrArray *orders);
/* Where what was found out about this machine is kept. */
char *ts_lab_world_cache (void);
/* Makes folders, certificates, sites, links and host processes; boots; starts workloads. */
gboolean ts_lab_world_build (TsWorld *world, GPtrArray *findings, GError **error);
/* One of them, at first or again.  A host's config has been written. */
TsLabSite *ts_lab_world_start_site (TsWorld *world, guint index, GError **error);
TsLabWan *ts_lab_world_start_link (TsWorld *world, guint index, GError **error);
TsLabSeat *ts_lab_world_start_host (TsWorld *world, guint index, GError **error);
/* The site's controller, if there is a domain. */
gboolean ts_lab_world_serve_realm (TsWorld *world, guint site, GError **error);
gboolean ts_lab_world_wait_hosts (TsWorld *world, GError **error);
/* Takes all of it down again, in whatever state it is. */
void ts_lab_world_demolish (TsWorld *world);

/* Of a link's end in its site; caller frees. */
char *ts_lab_world_link_address (guint link, guint side);
/* This program, by a path that means the same inside a site; caller frees. */
char *ts_lab_world_self (GError **error);

/* --- world-manage.c --------------------------------------------------------------------------- */
/* With a vault: starts it and its VMM servers, and makes it ready as the scenario says. */
gboolean ts_lab_management_begin (TsWorld *world, GError **error);
void ts_lab_management_free (TsLabManagement *management); /* NULL is fine */
/* Writes who manages a host; fine when nobody does. */
gboolean ts_lab_management_tell_host (TsWorld *world, guint host, GError **error);
gboolean ts_lab_management_up (const TsLabManagement *management); /* the vault answers */
TsLabClient *ts_lab_management_client (const TsLabManagement *management);
void ts_lab_management_give_key (TsWorld *world, const char *vmm, const char *key);
/* VAULT_DOWN, VMM_UP and the like, of whom. */
gboolean ts_lab_management_fate (TsWorld *world, const TsOrder *order, guint *killed, GError **error);
const char *ts_lab_management_name (const TsWorld *world, const TsOrder *order);
void ts_lab_management_site_down (TsWorld *world, guint site); /* before it is: ends are expected */
gboolean ts_lab_management_site_up (TsWorld *world, guint site, GError **error);

/* --- world-errand.c --------------------------------------------------------------------------- */
void ts_lab_errand_begin (TsWorld *world, const TsOrder *order);
void ts_lab_errands_prepare (TsWorld *world);
gboolean ts_lab_errands_prepared (TsWorld *world);
void ts_lab_errands_unheard (TsWorld *world); /* what was asked and is not answered will not be */
void ts_lab_errand_free (gpointer errand);

/* --- world-host.c ----------------------------------------------------------------------------- */
TsLabSeat *ts_lab_seat_new (TsWorld *world, guint index, GError **error); /* listens */
void ts_lab_seat_free (TsLabSeat *seat);
/* body is sunk.  TS_ERROR_LOST: the host has no power. */
gboolean ts_lab_seat_order (TsLabSeat *seat, const char *kind, GVariant *body, GError **error);

/* --- world-guest.c ---------------------------------------------------------------------------- */
void ts_lab_guest_free (TsLabGuest *guest);
/* What a "power" record means for the guests. */
void ts_lab_guests_hear (TsWorld *world, const TsRecord *record);
/* Does it run, as far as is known here? */
gboolean ts_lab_guest_on (const TsLabGuest *guest);
/* Of an own machine: its service answers, for the first time perhaps; or does not any more. */
void ts_lab_guest_answers (TsLabGuest *guest, gboolean up);
/* It has answered that question. */
void ts_lab_guest_answered (TsLabGuest *guest, guint64 number);
/* A host has asked its guest agent. */
void ts_lab_guest_pong (TsLabSeat *seat, const char *vm, gboolean test, guint64 number, gboolean ok,
                        const char *reason);
/* Lets go of what it has in its site, which is gone. */
void ts_lab_guest_rest (TsLabGuest *guest);
/* Of machines of the user's own that have not answered yet: why.  Caller frees; NULL: none. */
char *ts_lab_guests_trouble (const TsWorld *world);
/* A record of that guest, from now, or from when it lost power. */
TsRecord *ts_lab_guest_record (const TsLabGuest *guest, const char *kind);
/* Its machine has lost power, which is told: nothing it has said is later than t_us. */
void ts_lab_guest_lost_power (TsLabGuest *guest, gint64 t_us);
/* The guest that serves the VM now: its newest that is on, or NULL. */
TsLabGuest *ts_lab_guest_of (const TsWorld *world, guint vm);
/* That of a host, or NULL. */
TsLabGuest *ts_lab_guest_at (const TsWorld *world, guint vm, guint host);
/* A host asks that the guest of its VM freezes, or goes on. */
void ts_lab_guest_freeze (TsLabSeat *seat, const char *vm, guint64 number, gboolean on);
gboolean ts_lab_guest_start_work (TsLabGuest *guest, GError **error);
void ts_lab_guest_stop_work (TsLabGuest *guest);

/* --- nics.c ----------------------------------------------------------------------------------- */
/* pid: the site's first process. */
gboolean ts_lab_nics_plug_in (TsWorld *world, guint site, pid_t pid, GError **error);
/* The site has no power: nothing of ours keeps its network. */
void ts_lab_nics_let_go (TsWorld *world, guint site);
void ts_lab_nic_free (gpointer nic);

/* --- world-order.c ---------------------------------------------------------------------------- */
gboolean ts_lab_world_order (TsWorld *world, const TsOrder *order, GError **error);
void ts_lab_world_step (TsWorld *world, const char *id, TsVerb verb, const char *phase,
                        const char *reason);
/* A record came: operations that wait for it go on. */
void ts_lab_operations_hear (TsWorld *world, const TsRecord *record);
void ts_lab_operations_fail (TsWorld *world, const char *reason);
/* Those that wait for this host have failed. */
void ts_lab_operations_host_lost (TsWorld *world, const char *host);
void ts_lab_running_free (gpointer running);

/* --- world-fault.c ---------------------------------------------------------------------------- */
gboolean ts_lab_fault_link (TsWorld *world, const TsOrder *order, GError **error);
/* Tells its step when its hosts are ready. */
gboolean ts_lab_fault_site_up (TsWorld *world, const TsOrder *order, GError **error);
/* Changes disks; fails where the machine runs. */
gboolean ts_lab_fault_edit_disk (TsWorld *world, const TsOrder *order, guint64 *edited,
                                 GError **error);
gboolean ts_lab_fault_keep_disks (TsWorld *world, const TsOrder *order, GError **error);
gboolean ts_lab_fault_restore_disks (TsWorld *world, const TsOrder *order, guint64 *blocks,
                                     GError **error);
/* What happens to one host, or to a log on it, with fault and evidence told: lab/world/fault-host.c. */
gboolean ts_lab_fault_host (TsWorld *world, const TsOrder *order, GError **error);
void ts_lab_tell_fault (TsWorld *world, const char *id, const char *fault, const char *target,
                        const char *mode);
void ts_lab_tell_evidence (TsWorld *world, const char *id, const char *fault, const char *target,
                           const char *what, guint64 count);
/* The same, with fault and evidence told. */
void ts_lab_fault_edit (TsWorld *world, const TsOrder *order, GError **error);
/* Where a host has the plain data of a disk, whichever part it has now. */
char *ts_lab_world_plain_path (const TsWorld *world, guint vm, guint host, const char *disk);
/* A process of the management is killed, or comes back. */
gboolean ts_lab_fault_process (TsWorld *world, const TsOrder *order, GError **error);
gboolean ts_lab_fault_site_down (TsWorld *world, const TsOrder *order, GError **error);
/* A host process that was told to die is gone: whatever runs in its site is killed, too. */
void ts_lab_fault_died (TsWorld *world, guint host);
/* All that a link has passed and dropped so far. */
gboolean ts_lab_fault_counters (TsWorld *world, guint link, TsShaperCounters counters[2],
                                GError **error);
/* Evidence of what has not been told yet, and "traffic". */
void ts_lab_faults_finish (TsWorld *world);
void ts_lab_link_fault_free (TsLabLinkFault *fault);

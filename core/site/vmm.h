/* core/site/vmm.h -- a VMM server with its Provider: manages the hosts of a site for the vault.
 *
 * A machine: one event in, actions out; no I/O, no clock, no chance, no failure of its own.  It
 * connects out to the vault, proves who it is, tells what there is (hosts, clouds, networks, storage,
 * machines) and how it stands (level.h), places replicas, and carries out orders.  The vault unreachable:
 * replication goes on, it is no part of it; orders that have been taken are carried out, their
 * results kept.  HVR reference 1.1, 1.6, 1.7.
 *
 * Orders have an id and end with one result.  An order is a level to be reached: "prepare" has been
 * carried out when the primary is in state 4, whoever asked.  So it can be taken up by a server that
 * was killed in the middle, on a host that was; it is asked for again when the host has forgotten it.
 * The result is remembered until the vault confirms it.
 *
 *   verb            fields                              done when, and what it answers
 *   place           item s, vm s, memory x, disk x,     a host of the cloud was chosen that has room
 *                   cloud s, network s, classification s,               and reaches network and classification: host, network, classification;
 *                   host s ("": any), address s                         address (reserved; "": by DHCP), exhausted b (the pool has none left)
 *   release         item s                              the place is given up
 *   configure       cloud s, receive b, policy a{sv}    every host of the cloud that answers has it.  policy:
 *                                                       name s, port x, packed (core/relation/policy.h; its day begins when the engine says)
 *   relate          vm, peer s (host), policy a{sv}     the host knows with whom and how
 *   ask             vm, role s, ask s, planned b, point_how x, point_number x; level by that (below);
                                                       update-disks: add, remove as (names of disks);
                                                       import: path s (where the medium is)
 *   shut-down       vm                                  the machine is off
 *   wait            vm, role s, state x, exported b     that state is reached (initial replication), or with exported its
 *                                                       first copy is whole on a medium
 *   connect         vm, network s, test b, address s    the machine's (or its test's) network is that one, with that static address; "": none
 *   make-network    name s, logical s                   a VM network of that name is there, part of that logical network
 *   drop-network    name s                              it is not there any more, unless a test still uses it
 *   delete          vm                                  no relation, and the replica's disks are gone
 *   script          path s, arguments as av, limit x    it has ended: output s
 */
#pragma once
#include "core/base/record.h"
#include "core/site/level.h"
#include "core/site/message.h"

#define TS_VMM_VERSION 1                                       /* of the stored rows */
#define TS_VMM_HEARTBEAT_US G_GINT64_CONSTANT (15000000)       /* CHOICE */
#define TS_VMM_SILENCE_US G_GINT64_CONSTANT (45000000)         /* CHOICE: then the line is given up */
#define TS_VMM_RETRY_US G_GINT64_CONSTANT (10000000)           /* CHOICE: then it is tried anew */
#define TS_VMM_HOST_WAIT_US G_GINT64_CONSTANT (300000000)      /* CHOICE: for a host that has gone */
#define TS_VMM_SCRIPT_LIMIT_US G_GINT64_CONSTANT (600000000)   /* HVR 4.5: 600 s */

typedef struct {
  char *name;
  GPtrArray *hosts; /* char * */
} TsVmmCloud;

typedef struct {
  char *name, *logical; /* logical: the logical network of which it is part; "": none */
  gboolean made;        /* for a test failover, to go with it */
  guint32 pool_from, pool_to; /* its pool of static addresses (core/base/ipv4.h); 0: none */
} TsVmmNetwork;

typedef struct { /* what its administrator has told it; texts and arrays are the server's from ts_vmm_new on */
  char *name;   /* friendly name; a fabric's in the vault */
  char *server; /* who it is, for ever: no other server has it */
  char *key;    /* a registration key; NULL: none */
  guint32 time_scale; /* divides limits and heartbeats, as it does a policy's intervals */
  GPtrArray *clouds;          /* TsVmmCloud */
  GPtrArray *networks;        /* TsVmmNetwork: VM networks */
  GPtrArray *classifications; /* char *: storage classifications */
} TsVmmSetup;

TsVmmSetup *ts_vmm_setup_new (const char *name, const char *server) G_GNUC_WARN_UNUSED_RESULT;
void ts_vmm_setup_free (TsVmmSetup *setup); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsVmmSetup, ts_vmm_setup_free)
/* logical: NULL: none.  Its pool is the caller's to fill in. */
TsVmmNetwork *ts_vmm_setup_add_network (TsVmmSetup *setup, const char *name, const char *logical);
/* hosts: names, NULL-terminated. */
void ts_vmm_setup_add_cloud (TsVmmSetup *setup, const char *name, const char *const *hosts);

typedef enum {
  TS_VMM_EVENT_TICK,
  TS_VMM_EVENT_CONNECTED, /* to the vault, which has proved who it is */
  TS_VMM_EVENT_LOST,      /* that connection is gone, or could not be made */
  TS_VMM_EVENT_MESSAGE,   /* from the vault */
  TS_VMM_EVENT_HOST_CONNECTED, /* a host's agent, authenticated; a newer one replaces it */
  TS_VMM_EVENT_HOST_LOST,
  TS_VMM_EVENT_HOST_MESSAGE,
  TS_VMM_EVENT_SCRIPT_DONE, /* of RUN_SCRIPT id.  What runs when the server is killed is not heard of
                               again: the script is run anew (CHOICE: at least once) */
} TsVmmEventKind;

typedef struct {
  gint64 now_us; /* since 1970-01-01 UTC, by this server's own clock, which may be wrong */
  TsVmmEventKind kind;
  const char *host;  /* HOST_* */
  GVariant *message; /* MESSAGE, HOST_MESSAGE */
  struct {           /* SCRIPT_DONE */
    const char *id;
    gint exit_status;     /* 0: well */
    gboolean missing;     /* there is no such executable */
    gboolean killed;      /* it was still running at its limit */
    const char *output, *complaint; /* its standard output and error, at most 4 KiB each; UTF-8 */
  } script;
} TsVmmEvent;

typedef enum {
  TS_VMM_ACTION_PUT,    /* as the vault's: one transaction a step, durable before all else of it */
  TS_VMM_ACTION_DELETE,
  TS_VMM_ACTION_CONNECT,    /* to the vault: answered by CONNECTED or LOST */
  TS_VMM_ACTION_DISCONNECT, /* not heard as LOST */
  TS_VMM_ACTION_SEND,       /* message to the vault */
  TS_VMM_ACTION_SEND_HOST,  /* message to a host's agent; lost when there is none */
  TS_VMM_ACTION_RUN_SCRIPT, /* id, path, arguments, limit_us: kill it then */
  TS_VMM_ACTION_REPORT,
} TsVmmActionKind;

typedef struct {
  TsVmmActionKind kind;
  const char *table; /* static */
  char *key;         /* owned; PUT, DELETE, RUN_SCRIPT (id) */
  GVariant *value;   /* owned; PUT, SEND, SEND_HOST */
  char *host;        /* owned; SEND_HOST */
  char *path;        /* owned; RUN_SCRIPT */
  char **arguments;  /* owned; RUN_SCRIPT */
  gint64 limit_us;   /* RUN_SCRIPT; from now */
  TsRecord *record;  /* owned; REPORT; the driver sets its time */
} TsVmmAction;

typedef GArray TsVmmActions; /* TsVmmAction, cleared when removed */
TsVmmActions *ts_vmm_actions_new (void);
void ts_vmm_actions_free (TsVmmActions *actions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsVmmActions, ts_vmm_actions_free)

typedef struct { /* one stored row */
  const char *table, *key;
  GVariant *value;
} TsVmmRow;

typedef struct _TsVmm TsVmm;

/* Takes the setup. */
TsVmm *ts_vmm_new (TsVmmSetup *setup) G_GNUC_WARN_UNUSED_RESULT;
/* Out of all rows that were PUT and not DELETEd.  Takes the setup, which counts in place of an
 * older one.  TS_ERROR_FORMAT names the row. */
TsVmm *ts_vmm_restore (TsVmmSetup *setup, const TsVmmRow *rows, guint count,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_vmm_free (TsVmm *vmm); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsVmm, ts_vmm_free)

void ts_vmm_step (TsVmm *vmm, const TsVmmEvent *event, TsVmmActions *out);
gint64 ts_vmm_wake_us (const TsVmm *vmm); /* TICK by then; begin with one at once */
gboolean ts_vmm_registered (const TsVmm *vmm); /* welcomed, now */

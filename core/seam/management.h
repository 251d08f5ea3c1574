/* core/seam/management.h -- who manages the hosts of a topology: a vault, VMM servers, clouds,
 * networks, storage, recovery plans, scripts.
 *
 * Plain data, as the topology (topology.h) of which it is a part; things refer to each other by index
 * into these arrays and into the topology's. */
#pragma once
#include <glib.h>

/* EXPIRED: the vault's own, good for a second, given to the server TS_KEY_LATE_US after it was made. */
typedef enum { TS_KEY_GOOD, TS_KEY_FOREIGN, TS_KEY_EXPIRED } TsKeyKind;
#define TS_KEY_LATE_US (3 * G_GINT64_CONSTANT (1000000))

typedef struct {
  char *name;
  guint site;
  gint64 clock_us; /* its clock is so much ahead; below 0: behind */
  TsKeyKind key;   /* with which it is registered */
  char *claims;    /* name under which it registers; its own, unless it claims another's */
} TsVmmSpec;

typedef struct {
  char *name;
  guint vmm;
  GArray *hosts;    /* guint: of the topology; of the VMM server's site */
  gint to, policy;  /* the cloud with which it is paired as the source, and by which policy; -1: not */
} TsCloudSpec;

typedef struct { /* a VM network, or a storage classification */
  char *name;
  guint vmm;
  gint to; /* to what it is mapped at another VMM server; -1: to nothing */
  char *logical; /* of a VM network: the logical network that it is part of; NULL: none */
  guint32 pool_from, pool_to; /* of a VM network: its pool of static addresses (core/base/ipv4.h); 0: none */
} TsFarSpec;

typedef struct { /* a script of a library; both VMM servers have it, unless missing */
  char *name;
  char *file;       /* in the lab: the executable, absolute; NULL: it makes believe, as below */
  gint64 takes_us;  /* in the simulator: how long it runs */
  char *complains;  /* and what it writes to its standard error; NULL: nothing */
  guint fails;      /* so many times it complains, then no more; 0: each time */
  gboolean hangs, missing;
} TsScriptSpec;

typedef struct {
  char *name;
  gint script;      /* -1: it is a manual one */
  char *manual;     /* what people are to do */
  gboolean primary; /* the script runs on the primary's VMM server */
  gboolean planned, unplanned, test; /* in which failovers */
  gboolean away, home;               /* in which direction */
  gint64 limit_us;  /* of the script; 0: the published 600 s */
} TsActionSpec;

typedef struct {
  GArray *vms; /* guint: of the topology; empty: of shutdown and failover, which are of all */
  GPtrArray *before, *after; /* TsActionSpec */
} TsGroupSpec;

typedef struct {
  char *name;
  guint from, to; /* VMM servers */
  TsGroupSpec *shutdown, *failover;
  GPtrArray *groups; /* TsGroupSpec, 1 to 7 */
} TsPlanSpec;

typedef struct {
  guint site;                                     /* the vault's */
  GPtrArray *vmms, *clouds, *networks, *storages; /* TsVmmSpec, TsCloudSpec, TsFarSpec twice */
  GPtrArray *plans, *scripts;                     /* TsPlanSpec, TsScriptSpec */
} TsManagement;

TsManagement *ts_management_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_management_free (TsManagement *management); /* NULL is fine */

/* Each appends a thing of that name with its defaults, and returns it. */
TsVmmSpec *ts_management_add_vmm (TsManagement *management, const char *name);
TsCloudSpec *ts_management_add_cloud (TsManagement *management, const char *name);
TsFarSpec *ts_management_add_far (GPtrArray *far, const char *name);
TsPlanSpec *ts_management_add_plan (TsManagement *management, const char *name);
TsScriptSpec *ts_management_add_script (TsManagement *management, const char *name);
TsGroupSpec *ts_group_spec_new (void) G_GNUC_WARN_UNUSED_RESULT;
TsActionSpec *ts_group_spec_add_action (GPtrArray *actions, const char *name);

/* The cloud to which a host belongs; -1: to none. */
gint ts_management_cloud_of (const TsManagement *management, guint host);
/* The VMM server that manages a host; -1: none. */
gint ts_management_vmm_of (const TsManagement *management, guint host);
const TsScriptSpec *ts_management_script (const TsManagement *management, const char *name); /* NULL */

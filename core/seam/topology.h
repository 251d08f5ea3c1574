/* core/seam/topology.h -- what a world is made of: sites, hosts, VMs, workloads, links, policies.
 *
 * Plain data, made by the scenario reader, read by every engine.  Things refer to each other by
 * index into these arrays, in the order of the file, so that no hash decides an order. */
#pragma once
#include <glib.h>
#include "core/base/guid.h"
#include "core/relation/policy.h"
#include "core/relation/settings.h"
#include "core/seam/management.h"
#include "core/seam/profile.h"
#include "core/site/authorization.h"

typedef struct {
  char *name;
} TsSiteSpec;

typedef struct { /* an authorization entry (site/authorization.h) */
  char *server;  /* that may replicate to the host, perhaps with a wildcard */
  char *storage; /* name of a place of its own for its replicas; NULL: the host's default */
  char *trust_group;
} TsEntrySpec;

typedef struct {
  char *name;
  guint site;
  char *libvirt, *store; /* of a host that an other libvirtd drives: its URI, and the absolute path of
                            a folder that it and we see alike; NULL: the lab's own.  Only in the lab */
  GPtrArray *entries; /* TsEntrySpec; NULL: an entry for every other host of the topology */
  TsHostSettings settings;
  guint64 memory_bytes, storage_bytes; /* what it has for machines; matters where they are placed */
  guint64 log_store_bytes; /* of the file system on which it keeps logs; 0: large enough */
} TsHostSpec;

typedef struct {
  char *name;         /* "system" */
  guint64 size_bytes; /* a multiple of 4 KiB, 1 MiB to 64 TiB */
  guint64 fill_bytes; /* the first so many bytes hold the initial fill (format/stamp.h); the
                         workload writes behind them.  A multiple of 4 KiB, below size_bytes */
  gboolean replicated; /* when its VM is protected; FALSE: HVR reference 2.6, "Disk excluded" */
  gboolean attached;   /* from the start; FALSE: not until it is attached, and only the last ones */
} TsDiskSpec;

typedef enum { TS_PROBE_CONSOLE, TS_PROBE_TCP, TS_PROBE_AGENT } TsProbeKind;

typedef struct { /* the network card of a machine of the user's own */
  gboolean e1000;               /* an Intel 82540EM; else virtio */
  guint32 address, gateway;     /* of the machine, and of its site, in one network (base/ipv4.h) */
  guint prefix;                 /* how many of their bits that network's addresses have in common */
  guint32 copy_address;         /* at the other host ("failover TCP/IP", HVR reference 2.12) */
  gboolean copy_connected;      /* of a copy that has taken over; else its cable is not plugged in */
  gboolean test_isolated;       /* of a test failover's: in a network of its own; else likewise */
} TsNicSpec;

typedef struct {                  /* a machine of the user's own: none of our agents is in it */
  char *file;                     /* disk image, absolute; only ever read */
  gboolean uefi;                  /* it boots by UEFI, else, without a kernel, by BIOS */
  gboolean agent;                 /* it has QEMU's guest agent */
  TsNicSpec *nic;                 /* NULL: it has none */
  TsProbeKind probe;
  guint16 port;                   /* TCP: that its service listens on */
  char *kernel, *initrd;          /* absolute; NULL: the image boots by itself; initrd may be
                                     NULL alone */
  char *cmdline, *copy_cmdline;   /* of the kernel; of a copy that takes over or is tested */
  char *ready, *acked, *survived; /* patterns for its console (site/console.h); may be NULL,
                                     but ready where the probe is the console */
  gint64 every_us;                /* it says ready at least so often; 0: perhaps once */
} TsImageSpec;

typedef enum {       /* what a guest does that is asked to freeze (HVR reference 2.8) */
  TS_FREEZE_WORKS,
  TS_FREEZE_FAILS,   /* says no, as a VSS writer that fails */
  TS_FREEZE_HANGS,   /* does not answer, and writes on */
} TsFreezeMode;

typedef enum {         /* how it is known what a guest has written (HVR reference 2.4) */
  TS_TRACKING_BITMAP, /* which blocks have changed, as QEMU: the default */
  TS_TRACKING_LOG,    /* every write, as it happens, as Hyper-V; in the simulator alone */
} TsTracking;

typedef struct {
  char *name;
  guint host; /* where it runs first */
  TsTracking tracking;
  gint network, storage; /* of its management; -1: none */
  guint32 address;       /* static, on that network; 0: by DHCP */
  TsFreezeMode freeze;
  guint64 memory_bytes;
  gint extends; /* another VM, whose replica (on `host`) this is the extended relation of: HVR reference
                   2.11, instance 1.  -1: it is a machine of its own */
  GArray *disks;      /* TsDiskSpec, 1 to 16 (HVR reference 1.8) */
  TsImageSpec *image; /* what is on its first disk at the start; NULL: our own guest runs in it */
  TsGuid id;          /* the same on both sides (HVR reference 1.1); drawn from stream "vm/NAME" */
} TsVmSpec;

typedef enum {
  TS_WORKLOAD_APPEND, /* one record behind the other, from the region's start when it is full */
  TS_WORKLOAD_RANDOM, /* slots drawn evenly */
  TS_WORKLOAD_HOT,    /* slots drawn unevenly: a few are hot (format/plan.h) */
} TsWorkloadKind;

typedef struct {
  char *name;
  guint vm;
  GArray *disks; /* guint: indices into the VM's disks; a write goes to each in turn */
  TsWorkloadKind kind;
  guint32 record_bytes;        /* 4 KiB to 1 MiB, a multiple of 4 KiB */
  guint64 rate_per_megasecond; /* writes per 1,000,000 s */
  guint32 flush_every;         /* a flush of all disks after so many writes; 0: never */
  guint64 region_bytes;        /* it writes to so much behind each disk's fill; 0: to all of it */
} TsWorkloadSpec;

typedef struct {
  guint64 rate_bits_per_s; /* 0: no limit */
  gint64 delay_us;         /* one way */
  gint64 jitter_us;        /* added, evenly in [0, jitter_us); order is kept */
  guint32 loss_ppm;        /* per packet */
  guint64 queue_bytes;     /* what waits for the rate; more is dropped.  0: 256 KiB */
} TsLinkShape;

typedef struct {
  char *name;
  guint site[2];
  TsLinkShape shape; /* the same both ways */
} TsLinkSpec;

typedef struct {
  char *name;
  TsPolicy policy;
} TsPolicySpec;

typedef struct {
  char *name; /* the scenario's */
  guint64 seed;
  GPtrArray *sites;     /* TsSiteSpec */
  GPtrArray *hosts;     /* TsHostSpec */
  GPtrArray *vms;       /* TsVmSpec */
  GPtrArray *workloads; /* TsWorkloadSpec; one VM has at most one */
  GPtrArray *links;     /* TsLinkSpec */
  GPtrArray *policies;  /* TsPolicySpec */
  TsManagement *management; /* NULL: hosts are spoken to directly */
  TsProfile profile;    /* of the machines that the simulator makes believe */
} TsTopology;

TsTopology *ts_topology_new (void);
void ts_topology_free (TsTopology *topology); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsTopology, ts_topology_free)

/* Each appends a thing that owns a copy of name, with its defaults, and returns it.  What is not
 * listed is zero: seed 1; disk attached and replicated; VM 256 MiB of memory; workload append, records of 4 KiB, one a second,
 * each flushed; policy as ts_policy_init; profile as ts_profile_init. */
TsSiteSpec *ts_topology_add_site (TsTopology *topology, const char *name);
TsHostSpec *ts_topology_add_host (TsTopology *topology, const char *name);
/* Also makes the host's list of entries, so that only who is in it may replicate there. */
void ts_host_spec_restrict (TsHostSpec *host);
/* storage: NULL is fine. */
void ts_host_spec_authorize (TsHostSpec *host, const char *server, const char *storage,
                             const char *trust_group);
TsVmSpec *ts_topology_add_vm (TsTopology *topology, const char *name);
TsDiskSpec *ts_vm_spec_add_disk (TsVmSpec *vm, const char *name); /* valid until the next one */
TsWorkloadSpec *ts_topology_add_workload (TsTopology *topology, const char *name);
TsLinkSpec *ts_topology_add_link (TsTopology *topology, const char *name);
TsPolicySpec *ts_topology_add_policy (TsTopology *topology, const char *name);

/* By index, asserted to be in range. */
TsSiteSpec *ts_topology_site (const TsTopology *topology, guint index);
TsHostSpec *ts_topology_host (const TsTopology *topology, guint index);
TsVmSpec *ts_topology_vm (const TsTopology *topology, guint index);
TsWorkloadSpec *ts_topology_workload (const TsTopology *topology, guint index);
TsLinkSpec *ts_topology_link (const TsTopology *topology, guint index);
TsPolicySpec *ts_topology_policy (const TsTopology *topology, guint index);
TsDiskSpec *ts_vm_spec_disk (const TsVmSpec *vm, guint index);

/* Who may replicate to a host: its entries, or those that stand for them.  The storage location of
 * each is the name of a folder: "replica", or "replica.NAME" for a place of its own.
 * TS_ERROR_ARGUMENT: an entry cannot be. */
TsAuthorization *ts_topology_authorization (const TsTopology *topology, guint host,
                                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
#define TS_STORAGE_DEFAULT "replica"

/* The VM's workload, or NULL. */
TsWorkloadSpec *ts_topology_workload_of (const TsTopology *topology, guint vm);
/* The link between two sites, or -1. */
gint ts_topology_link_between (const TsTopology *topology, guint site_a, guint site_b);

/* By name; -1 when there is none. */
gint ts_topology_find_site (const TsTopology *topology, const char *name);
gint ts_topology_find_host (const TsTopology *topology, const char *name);
gint ts_topology_find_vm (const TsTopology *topology, const char *name);
gint ts_topology_find_link (const TsTopology *topology, const char *name);
gint ts_topology_find_policy (const TsTopology *topology, const char *name);

/* core/seam/order.h -- what the operator, or fate, asks of a world: one step's verb and its
 * objects.
 *
 * Objects are indices into the topology; -1 where the verb has none. */
#pragma once
#include <glib.h>
#include "core/relation/point.h"
#include "core/relation/policy.h"

typedef enum {
  /* the operator's */
  TS_DO_PROTECT,       /* vm, policy, host (the replica's), initial: enable, then initial replication.
                          Done when that has begun, or is scheduled */
  TS_DO_START_INITIAL, /* vm, initial: begins it again, or one that is scheduled at another time */
  TS_DO_CANCEL_INITIAL, /* vm */
  TS_DO_IMPORT,        /* vm, medium_of: the medium that was exported of that VM is carried to the
                          replica's host, and imported */
  TS_DO_FAILOVER,      /* vm, planned, point: HVR 3.6.  Done when the copy has been started */
  TS_DO_COMMIT,        /* vm */
  TS_DO_TEST_FAILOVER, /* vm, point: a second VM beside the replica.  Done when it has started */
  TS_DO_STOP_TEST_FAILOVER, /* vm */
  TS_DO_CANCEL_FAILOVER,    /* vm: the copy is turned off, what it wrote is thrown away */
  TS_DO_REVERSE,            /* vm: the failed-over copy becomes the primary, the source its replica */
  TS_DO_CHANGE_POINT,       /* vm, point: cancel, and failover to another point at one go */
  TS_DO_PAUSE,              /* vm, sides: replication, on the primary or on the replica */
  TS_DO_RESUME,             /* vm, sides */
  TS_DO_RESYNC,             /* vm: on the primary.  Done when it has begun */
  TS_DO_CANCEL_RESYNC,      /* vm */
  TS_DO_REMOVE,             /* vm, sides: replication ends there; disks and VM stay */
  TS_DO_POWER_ON,           /* vm, sides: Start-VM, where it is off; on its primary, or its copy */
  TS_DO_POWER_OFF,          /* vm: its guest shuts down, on its primary; fine when it is off */
  TS_DO_MOVE,               /* vm, host, sides: that side's machine, disks and relation go to another host
                               of its cloud.  Done when it is there */
  TS_DO_CONTINUE,           /* vm: its copy, committed, is the primary of its extended relation (HVR 2.11) */
  TS_DO_RESIZE_DISK,        /* vm, disk, amount, sides: each side's disk is resized apart (HVR 2.6) */
  TS_DO_REPLICATE_DISKS,    /* vm, disks: from now on exactly those.  Done when that has begun */
  TS_DO_ATTACH_DISK,        /* vm, disk: of a running machine; it is not replicated until it is included */
  TS_DO_RESET_STATISTICS,   /* vm: both sides (Reset-VMReplicationStatistics) */
  TS_DO_BACKUP,             /* vm: of the replica's disks; nothing is applied until it ends (HVR 2.12) */
  TS_DO_END_BACKUP,         /* vm */
  TS_DO_WORKLOAD_START,     /* vm */
  TS_DO_WORKLOAD_STOP,      /* vm */
  TS_DO_COMPARE,            /* vm: source disks against the replica's, block by block, journalled */
  /* fate's */
  TS_DO_LINK,      /* link, link_mode */
  TS_DO_EDIT_DISK, /* vm, host, amount: so many bytes of its disks there change, by nobody's order */
  TS_DO_KEEP_DISKS,    /* vm, host: a copy of its disks there is put aside */
  TS_DO_RESTORE_DISKS, /* vm, host: and put back, by nobody's order */
  TS_DO_CORRUPT_LOG, /* vm, host, log_fault: the newest log of it that waits there changes */
  TS_DO_DISK_FULL,   /* host: nothing more can be written where it keeps logs and replicas */
  TS_DO_DISK_FREE,   /* host: there is room again */
  TS_DO_HOST_CRASH,  /* host: it and its VMs lose power at once; others of its site do not */
  TS_DO_HOST_UP,     /* host: it has power again */
  TS_DO_HOST_REBOOT, /* host: it is shut down gracefully, its VMs first, and starts again */
  TS_DO_SITE_DOWN, /* site: every host and VM in it loses power at once */
  TS_DO_SITE_UP,   /* site: power is back; hosts find what they had made durable */
  /* of a vault (management.h) */
  TS_DO_CONFIRM,    /* plan: the manual action that its job waits for, or will */
  TS_DO_VAULT_DOWN, /* its process is killed */
  TS_DO_VAULT_UP,   /* and begun again, with what it had made durable */
  TS_DO_VMM_DOWN,   /* vmm: likewise a VMM server's */
  TS_DO_VMM_UP,     /* vmm */
  TS_DO_COUNT
} TsVerb;

typedef enum {
  TS_LINK_UP,        /* works as shaped */
  TS_LINK_BLACKHOLE, /* packets vanish; peers learn by timeout */
  TS_LINK_RESET,     /* every connection is torn down at once, and every new one */
  TS_LINK_MODES
} TsLinkMode;

typedef enum {
  TS_LOG_BYTES, /* a byte in its middle: it is not valid any more */
  TS_LOG_ORDER, /* valid, but it follows another log than the one before it */
} TsLogFault;

typedef enum { /* of a relation, of whom it is asked: the verb's own choice, or these */
               TS_SIDES_DEFAULT = 0,
               TS_SIDES_PRIMARY = 1,
               TS_SIDES_REPLICA = 2,
               TS_SIDES_BOTH = 3,
} TsSides;

typedef struct {
  const char *step; /* the scenario step's id; owned by the scenario */
  TsVerb verb;
  gint vm, host, site, link, policy;
  guint plan, vmm; /* of the management: 1 is the first; 0: none */
  gboolean planned;
  gboolean shut_down_first; /* FAILOVER that is not planned: try to, and to send what is left */
  TsSides sides;
  guint64 amount_bytes; /* EDIT_DISK; RESIZE_DISK: the new size */
  guint disk;           /* RESIZE_DISK, ATTACH_DISK: its number */
  guint32 disks;        /* REPLICATE_DISKS: bit 1 << number */
  TsPointChoice point;
  TsInitialChoice initial;
  gint medium_of;       /* IMPORT: the VM that was exported; -1: itself */
  gboolean damaged;     /* IMPORT: a byte of the medium changes on the way; what was exported stays as it is */
  TsLinkMode link_mode;
  TsLogFault log_fault; /* CORRUPT_LOG */
} TsOrder;

/* "protect", "site_down": as written behind `do:`.  NULL past the end. */
const char *ts_verb_name (TsVerb verb);
const char *ts_link_mode_name (TsLinkMode mode);

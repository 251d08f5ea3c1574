/* core/relation/state.h -- the 22 states of a replication relation, in one table.
 *
 * HVR reference 3.1 (WMI numbers, which are this enum), 3.2 (PowerShell's other order) and 3.7 (the
 * third order, of collections).  Trap 1: never mix them.  The verbs that a state allows and the
 * states that may follow come from 3.5; code, documents and coverage are made from this table. */
#pragma once
#include "core/base/record.h"

typedef enum {
  TS_STATE_DISABLED = 0,
  TS_STATE_READY = 1,   /* "Pending Initial Replication", primary only */
  TS_STATE_INITIAL = 2, /* initial replication runs (primary) or is awaited (replica) */
  TS_STATE_REPLICATING = 3,
  TS_STATE_PREPARED = 4,  /* primary: last log sent, VM locked against power-on */
  TS_STATE_RECOVERED = 5, /* replica: failed over, revertible */
  TS_STATE_COMMITTED = 6, /* replica: failed over for good */
  TS_STATE_SUSPENDED = 7,
  TS_STATE_ERROR = 8,
  TS_STATE_RESYNC_REQUIRED = 9,
  TS_STATE_RESYNCHRONIZING = 10,
  TS_STATE_RESYNC_SUSPENDED = 11,
  TS_STATE_FAILOVER_IN_PROGRESS = 12,
  TS_STATE_FAILBACK_IN_PROGRESS = 13,
  TS_STATE_FAILBACK_COMPLETE = 14,
  TS_STATE_DISK_UPDATE = 15,
  TS_STATE_DISK_UPDATE_CRITICAL = 16,
  TS_STATE_UNKNOWN = 17,
  TS_STATE_REPURPOSE = 18,
  TS_STATE_PREPARED_SYNC = 19,
  TS_STATE_PREPARED_GROUP_REVERSE = 20,
  TS_STATE_FIREDRILL = 21,
  TS_STATE_COUNT
} TsState;

typedef enum { TS_ROLE_PRIMARY, TS_ROLE_REPLICA } TsRole;

/* What an operator may ask of one side (HVR reference 3.4). */
typedef enum {
  TS_ASK_ENABLE,             /* P  CreateReplicationRelationship */
  TS_ASK_START,              /* P  StartReplication: by one of three methods, now or later */
  TS_ASK_CANCEL_INITIAL,     /* P  RequestReplicationStateChange (1): Stop-VMInitialReplication */
  TS_ASK_IMPORT,             /* R  ImportInitialReplica: of an export that was brought here */
  TS_ASK_SUSPEND,            /* either  RequestReplicationStateChange (7) */
  TS_ASK_RESUME,             /* either  RequestReplicationStateChange (3) */
  TS_ASK_PREPARE,            /* P  RequestReplicationStateChange (4): planned failover */
  TS_ASK_FAILOVER,           /* R  InitiateFailover (a point, or null for the latest) */
  TS_ASK_COMMIT,             /* R  CommitFailover */
  TS_ASK_TEST_FAILOVER,      /* R  TestReplicaSystem (a point, or null for the latest) */
  TS_ASK_STOP_TEST_FAILOVER, /* R  DestroySystem of the test VM (Stop-VMFailover) */
  TS_ASK_CANCEL_FAILOVER,    /* R  RevertFailover: the copy goes, with what it wrote; P  Stop-VMFailover */
  TS_ASK_REVERSE,            /* P  Set-VMReplication -AsReplica; R  ReverseReplicationRelationship */
  TS_ASK_RESYNC,             /* P  Resynchronize: now */
  TS_ASK_CANCEL_RESYNC,      /* P  RequestReplicationStateChange (9) */
  TS_ASK_CHANGE_POINT,       /* R  RevertFailover, InitiateFailover (another point) at one go (4.4) */
  TS_ASK_BACKUP,             /* R  a backup product begins (HVR 2.12): nothing is applied meanwhile */
  TS_ASK_END_BACKUP,         /* R */
  TS_ASK_POWER_ON,           /* either: Start-VM */
  TS_ASK_RESET_STATISTICS,   /* either: ResetReplicationStatistics */
  TS_ASK_RESIZE,             /* either: Resize-VHD of one disk of that side (HVR 2.6) */
  TS_ASK_UPDATE_DISKS,       /* P  ModifyReplicationSettings: Set-VMReplication -ReplicatedDisks */
  TS_ASK_CONTINUE,           /* R  ChangeReplicationModeToPrimary: Resume-VMReplication -Continue */
  TS_ASK_MOVE,               /* either: that side's VM is to go to another host of its cloud (HVR 2.6):
                                MigrateVirtualSystemToHost, with its storage */
  TS_ASK_REMOVE,             /* either: RemoveReplicationRelationship, on that side alone */
  TS_ASK_COUNT
} TsAsk;

typedef struct { /* of a VM's disks, by their numbers */
  guint32 replicated; /* UPDATE_DISKS: all of those that are to be; bit 1 << disk */
  guint disk;         /* RESIZE */
  guint64 size_bytes; /* RESIZE: how large it is to be; a multiple of 4 KiB */
} TsDiskChange;

typedef struct {
  const char *name;        /* WMI's, as in the journal: "replicating" */
  const char *ui;          /* Hyper-V Manager's text, or "-" */
  gint powershell;         /* -1: it has no such value */
  gint powershell_replica; /* where the replica's differs (state 2) */
  gint collection;         /* -1: it has no such value */
  guint32 primary_asks;    /* bit 1 << TsAsk: allowed on the primary */
  guint32 replica_asks;    /* bit 1 << TsAsk: allowed on the replica */
  guint32 next;            /* bit 1 << TsState: may follow by a change of state */
} TsStateRow;

const TsStateRow *ts_state_row (TsState state);
const char *ts_state_name (TsState state);
/* The number by which PowerShell knows it on that side; -1: none. */
gint ts_state_powershell (TsState state, TsRole role);
gboolean ts_state_allows (TsState state, TsRole role, TsAsk ask);
gboolean ts_state_may_follow (TsState from, TsState to);
const char *ts_ask_name (TsAsk ask);
const char *ts_role_name (TsRole role);
/* -1 when there is none of that name. */
gint ts_ask_find (const char *name);
/* Adds that this was asked of that side in that state: to "verb" (it was begun) and "refused", from
 * which the cells of the table that runs have reached are counted.  Returns record. */
TsRecord *ts_state_verb_record (TsRecord *record, TsState state, TsRole role, TsAsk ask);
/* -1 when there is none. */
gint ts_state_find (const char *name);

/* Return codes of HVR reference 3.4. */
#define TS_CODE_FAILED 32768
#define TS_CODE_DENIED 32769
#define TS_CODE_INVALID_STATE 32775
#define TS_CODE_NOT_AVAILABLE 32777

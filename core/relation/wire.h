/* core/relation/wire.h -- what frames of sender and receiver say: acknowledgements, refusals, and the
 * two payloads that are not raw data. */
#pragma once
#include "core/format/frame.h"
#include "core/base/guid.h"

typedef enum { /* value of TS_FRAME_ACK */
  TS_ACK_ENABLED = 1, /* the replica exists: its disks are there, empty */
  TS_ACK_COPY = 2,    /* copy data up to (disk, offset_bytes) are durable */
  TS_ACK_COPY_END = 3,
  TS_ACK_LOG = 4,     /* log data of (set, disk) up to offset_bytes are stored */
  TS_ACK_STORED = 5,  /* the whole set is durable and checked: a recovery point */
  TS_ACK_APPLIED = 6, /* the set is on the replica disks */
} TsAckKind;

typedef enum { /* value of TS_FRAME_REFUSE */
  TS_REFUSE_VERSION = 1,
  TS_REFUSE_STATE = 2,    /* the replica is not in a state to take data: failed over, paused, removed */
  TS_REFUSE_SEQUENCE = 3, /* a log does not follow the last one: resynchronization (HVR 2.9) */
  TS_REFUSE_LOG = 4,      /* a log is damaged: send it again */
  TS_REFUSE_STORAGE = 5,  /* the replica cannot store: full, failing */
} TsRefusal;

#define TS_WIRE_DISKS_MAX 16 /* HVR reference 1.8 */

typedef struct { /* payload of HELLO */
  TsGuid vm;
  char name[64];
  guint64 interval_us;
  guint disks;
  struct {
    guint64 size_bytes;
    char name[32];
  } disk[TS_WIRE_DISKS_MAX];
} TsHello;

typedef struct { /* payload of SET_END: the whole set, one log per disk */
  gint64 instant_us; /* what past of the source the point is */
  guint32 kind;      /* TsSetKind */
  guint disks;
  struct {
    guint64 log_bytes, data_bytes;
    TsGuid unique, previous;
  } disk[TS_WIRE_DISKS_MAX];
} TsManifest;

GBytes *ts_hello_pack (const TsHello *hello);
gboolean ts_hello_unpack (GBytes *bytes, TsHello *hello, GError **error);
GBytes *ts_manifest_pack (const TsManifest *manifest);
gboolean ts_manifest_unpack (GBytes *bytes, TsManifest *manifest, GError **error);

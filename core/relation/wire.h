/* core/relation/wire.h -- what frames of sender and receiver say: acknowledgements, refusals, and
 * the two payloads that are not raw data. */
#pragma once
#include "core/format/frame.h"
#include "core/base/guid.h"
#include "core/relation/policy.h"

typedef enum {                     /* value of TS_FRAME_ACK */
               TS_ACK_ENABLED = 1, /* the replica exists: its disks are there, empty */
               TS_ACK_COPY = 2,    /* copy data up to (disk, offset_bytes) are durable */
               TS_ACK_COPY_END = 3,
               TS_ACK_LOG = 4,     /* log data of (set, disk) up to offset_bytes are stored */
               TS_ACK_STORED = 5,  /* the whole set is durable and checked: a recovery point */
               TS_ACK_APPLIED = 6, /* the set is on the replica disks */
} TsAckKind;

typedef enum { /* value of TS_FRAME_REFUSE */
               TS_REFUSE_VERSION = 1,
               TS_REFUSE_STATE =
                   2, /* the replica is not in a state to take data: failed over, paused, removed */
               TS_REFUSE_SEQUENCE =
                   3, /* a log does not follow the last one: resynchronization (HVR 2.9) */
               TS_REFUSE_LOG = 4,     /* a log is damaged: send it again */
               TS_REFUSE_STORAGE = 5, /* the replica cannot store: full, failing */
               TS_REFUSE_PAUSED = 6,  /* replication is paused on the replica: passes */
               TS_REFUSE_BOUNDS = 7, /* a write lies behind the end of a replica disk (HVR 2.6): stays so
                                        until that is resized */
               TS_REFUSE_STOPPING = 8, /* the replica's host is being shut down */
               TS_REFUSE_MOVED = 9, /* the replica is on another host of its cloud: payload, its name */
} TsRefusal;

/* A resynchronization's run is numbered as no set is: HELLO says it as value, its frames as set. */
#define TS_RESYNC_RUN (G_GUINT64_CONSTANT (1) << 63)
/* So is the run that brings disks to the replica which were not replicated before; its copy's frames
 * say it as set.  WELCOME then has a payload: how far that copy has come (ts_mark_pack). */
#define TS_UPDATE_RUN (G_GUINT64_CONSTANT (1) << 62)
/* Bits of HELLO's value, when it is no run: the primary has still to copy its disks, so a host that
 * knows of no replica may begin one (without: it has lost it, or it was removed there).  The bits
 * below number the attempt: a replica that holds part of another one begins anew.
 * SEEDED: with the disks that are there already; EXPORTED: the copy comes on a medium, and sets (the
 * first is HELLO's set) come before it. */
#define TS_HELLO_FRESH (G_GUINT64_CONSTANT (1) << 61)
#define TS_HELLO_SEEDED (G_GUINT64_CONSTANT (1) << 60)
#define TS_HELLO_EXPORTED (G_GUINT64_CONSTANT (1) << 59)
/* Does a primary say so that still has to copy? */
gboolean ts_hello_is_fresh (guint64 value);

#define TS_WIRE_DISKS_MAX 16 /* HVR reference 1.8 */

typedef struct { /* payload of HELLO */
  TsGuid vm;
  char name[64];
  guint64 interval_us;
  guint recovery_points; /* to keep beside the latest: 0 to TS_POINTS_MAX */
  guint32 time_scale;    /* of the hours between them: 1 to TS_POLICY_TIME_SCALE_MAX */
  guint disks;
  struct {
    guint64 size_bytes;
    char name[32];
    gboolean excluded; /* it is not replicated (HVR 2.6): only its place is known */
  } disk[TS_WIRE_DISKS_MAX];
} TsHello;

/* Which disks those are: bit 1 << disk. */
guint32 ts_hello_disks (const TsHello *hello);

typedef struct {     /* payload of SET_END: the whole set, one log per replicated disk */
  gint64 instant_us; /* what past of the source the point is */
  guint32 kind;      /* TsSetKind */
  guint disks;
  struct {
    guint64 log_bytes; /* 0: the set holds nothing of that disk, and all else here is 0 */
    guint64 data_bytes;
    guint64 end_bytes; /* where the furthest write ends; does not travel: the stored log says it */
    TsGuid unique, previous;
  } disk[TS_WIRE_DISKS_MAX];
} TsManifest;

/* Which disks have a log in it: bit 1 << disk. */
guint32 ts_manifest_disks (const TsManifest *manifest);

/* HELLO, version 2.  Every integer is unsigned and little-endian.
 *
 *   OFFSET  SIZE
 *        0     4  magic "TSHE"
 *        4     4  version, 2
 *        8    16  vm, not zero
 *       24     8  interval_us: 1 to TS_WIRE_INTERVAL_US_MAX
 *       32     2  disks: 1 to TS_WIRE_DISKS_MAX
 *       34     2  which of them are not replicated: bit 1 << disk; one at least is
 *       36     1  recovery_points: 0 to TS_POINTS_MAX
 *       37     1  zero
 *       38     2  time_scale: 1 to TS_POLICY_TIME_SCALE_MAX
 *       40    64  name: a text
 *      104        disks times
 *       +0     8  size_bytes: 1 to TS_WIRE_DISK_BYTES_MAX
 *       +8    32  name: a text
 *
 * MANIFEST, version 2.
 *
 *        0     4  magic "TSMA"
 *        4     4  version, 2
 *        8     8  instant_us: 0 to G_MAXINT64
 *       16     4  kind (TsSetKind): carried, the receiver judges it
 *       20     4  disks: 1 to TS_WIRE_DISKS_MAX
 *       24        disks times
 *       +0     8  log_bytes: up to TS_WIRE_LOG_BYTES_MAX; 0: then all of this disk's is zero
 *       +8     8  data_bytes: less than log_bytes
 *      +16    16  unique: not zero, and no other disk's
 *      +32    16  previous: not unique; zero: the first log of the chain
 *
 * A text is UTF-8 of 1 byte or more without control characters, then NULs up to its size, at least
 * one.  A payload is valid if and only if it is exactly that long and every field is as said.
 *
 * pack: a value that unpack would refuse is the caller's bug (asserted); what stands behind a
 * text's first NUL is not sent.
 * unpack: FALSE leaves the target unchanged, with TS_ERROR_REFUSED when it is another version
 * (answer TS_REFUSE_VERSION) and TS_ERROR_FORMAT for anything else. */
#define TS_WIRE_INTERVAL_US_MAX (G_GINT64_CONSTANT (86400) * 1000000)
#define TS_WIRE_DISK_BYTES_MAX (G_GUINT64_CONSTANT (64) << 40) /* a VHDX disk's limit */
#define TS_WIRE_LOG_BYTES_MAX (2 * TS_WIRE_DISK_BYTES_MAX) /* a log may hold more than the disk */
/* WELCOME's payload while disks are included: 16 bytes, disk and offset, little-endian.  A disk past
 * the last one: all of it is there. */
GBytes *ts_mark_pack (guint disk, guint64 offset_bytes);
gboolean ts_mark_unpack (GBytes *bytes, guint *disk, guint64 *offset_bytes); /* FALSE: it is none */
GBytes *ts_hello_pack (const TsHello *hello);
gboolean ts_hello_unpack (GBytes *bytes, TsHello *hello, GError **error);
GBytes *ts_manifest_pack (const TsManifest *manifest);
gboolean ts_manifest_unpack (GBytes *bytes, TsManifest *manifest, GError **error);

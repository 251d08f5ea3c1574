/* core/relation/event.h -- what sender and receiver hear. */
#pragma once
#include "core/base/error.h"
#include "core/disk/extents.h"
#include "core/format/frame.h"
#include "core/relation/action.h"
#include "core/relation/state.h"
#include "core/relation/wire.h"

typedef enum {
  TS_EVENT_TICK,      /* the time that ts_*_wake_us named has come; harmless at any other time */
  TS_EVENT_ASK,       /* an operator's verb */
  TS_EVENT_CONNECTED, /* the peer is authenticated and connected (receiver: before its HELLO) */
  TS_EVENT_LOST,      /* the connection is gone, or could not be made */
  TS_EVENT_FRAME,     /* from the peer, decoded and checked */
  TS_EVENT_DONE,      /* an action that answers has ended */
  TS_EVENT_TRACKED,   /* so much has been tracked since the last cut; told now and then */
  TS_EVENT_STOP,      /* the host is being shut down: its VMs are off, this is the last event; what was
                         asked of the driver is not waited for, but what is persisted is kept */
  TS_EVENT_EXTENDED,  /* receiver: its replica has an extended relation (machine.on), or has none any more */
  TS_EVENT_PEER,      /* sender: whoever knows says that the replica is on another host (peer.name) */
  TS_EVENT_MACHINE,   /* the VM of this side was switched on or off */
} TsEventKind;

typedef struct { /* what TS_ACTION_CUT answers, per disk */
  guint64 log_bytes; /* 0: no log of that disk was asked for */
  guint64 data_bytes, entries;
  TsGuid unique;
} TsCutLog;

typedef struct {
  gint64 now_us; /* the only clock the core sees */
  TsEventKind kind;
  union {
    struct {
      TsAsk ask;
      gboolean planned; /* FAILOVER: as part of a planned failover */
      TsPointChoice point; /* FAILOVER, TEST_FAILOVER, CHANGE_POINT */
      TsDiskChange disks;  /* RESIZE, UPDATE_DISKS */
      TsInitialChoice initial; /* ENABLE, START */
    } ask;
    struct {
      const char *reason;
      gboolean final; /* refused by certificate or authorization: do not retry (HVR 2.6) */
    } lost;
    struct {
      TsFrame *frame; /* the machine may take the payload: set it to NULL */
    } frame;
    struct {
      TsActionKind action;
      guint64 set;
      guint disk;
      guint64 offset_bytes; /* STORE, WRITE: the end of what was written; HASH, RESIZE: as asked */
      gboolean ok;
      TsErrorCode code;         /* when not ok; CUT: LOST when the changes are not known any more;
                                   APPLY: STATE when the disks were changed by somebody else,
                                   FORMAT when a log is damaged */
      const char *reason;       /* when not ok */
      gint64 instant_us;        /* CUT */
      const TsCutLog *logs;     /* CUT: one per disk */
      const TsExtents *map;     /* MAP */
      GBytes *hashes;           /* HASH; EXPORT, IMPORT: of the piece (medium.h); borrowed */
      GBytes *medium;           /* IMPORT_OPEN: its list; borrowed */
      const TsManifest *sealed; /* SEAL: what the stored logs say of themselves */
    } done;
    struct {
      gboolean was_on; /* the VM, when the host began to shut down: it starts it again */
    } stop;
    struct {
      guint64 bytes;
    } tracked;
    struct {
      const char *name;
    } peer;
    struct {
      gboolean on;
    } machine;
  };
} TsEvent;

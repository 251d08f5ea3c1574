/* core/seam/observer.h -- where a world tells what happens: the only way back from an engine.
 *
 * The journal hears records; the ledger hears what the guests were promised.  The ledger lives
 * outside both sites: what it knows, no disaster takes away. */
#pragma once
#include "core/base/record.h"
#include "core/vault/request.h"

typedef enum {
  TS_LEDGER_WRITE, /* the guest's write was acknowledged to it */
  TS_LEDGER_FLUSH, /* the guest's flush was acknowledged: all earlier writes of that disk */
  TS_LEDGER_HELD,  /* read back on a copy: this block range holds the record `sequence` */
} TsLedgerKind;

typedef enum {
  TS_HELD_WHOLE,   /* every sector carries the same record, every checksum fits */
  TS_HELD_TORN,    /* sectors of different records, each whole */
  TS_HELD_CORRUPT, /* a sector with a checksum that does not fit, or garbage */
  TS_HELD_FILL,    /* a run of blocks of the initial fill, as it was laid; sequence counts blocks */
} TsHeldState;

typedef struct {
  TsLedgerKind kind;
  gint64 t_us;       /* when the ledger heard of it, since the run's start */
  const char *vm;    /* the observer copies what it keeps */
  const char *disk;  /* "" where kind is FLUSH of all disks */
  guint64 offset_bytes, length_bytes;
  guint64 sequence;  /* 1, 2, 3 ... over all disks of the VM; FLUSH: the newest write it covers */
  const char *copy;  /* HELD: the host on which it was read; else "" */
  TsHeldState held;  /* HELD only */
} TsLedgerEntry;

typedef struct _TsObserver TsObserver;
struct _TsObserver {
  /* Hears every record in order of time.  The record is the world's; copy what is kept. */
  void (*record) (TsObserver *observer, const TsRecord *record);
  void (*ledger) (TsObserver *observer, const TsLedgerEntry *entry);
  /* Of ts_sim_world_request (sim/world.h); NULL: nobody asks.  The reply is the world's. */
  void (*reply) (TsObserver *observer, const TsVaultReply *reply);
  /* A resource of the vault has changed (TS_VAULT_ACTION_NOTIFY); NULL: nobody watches. */
  void (*changed) (TsObserver *observer, const char *path);
  /* Set by the observer inside record(): run_until returns as soon as it can. */
  gboolean stop;
};

static inline void
ts_observe (TsObserver *observer, TsRecord *record) /* takes the record */
{
  observer->record (observer, record);
  ts_record_free (record);
}

/* lab/bench/storage.h -- what replication costs who writes as fast as the storage goes: no guest, no
 * emulation, a storage daemon in QEMU's place with a disk as the lab's machines have it. */
#pragma once
#include "lab/bench/peers.h"
#include "lab/bench/writer.h"

typedef struct {
  TsBenchPace untracked, tracked, /* no bitmap; one, between two cuts */
      cut;                        /* while a cut is made: copy-before-write, and the log being read */
  gint64 cut_us;                  /* how long that was */
  guint64 cut_bytes;              /* in the log */
} TsBenchStorage;

/* stage->source: what is on the disk.  region_bytes: so much of it is written to until the cut, so that this is
 * what the cycle has changed; during the cut writes go anywhere.  TS_ERROR_UNAVAILABLE: no qemu-storage-daemon. */
gboolean ts_bench_storage (const TsBenchStage *stage, guint64 region_bytes, guint64 seed,
                           TsBenchStorage *found, GError **error);

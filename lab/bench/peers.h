/* lab/bench/peers.h -- what people use today, in a table: each brings one image up to another over
 * an encrypted connection on the loopback of the room. */
#pragma once
#include "core/disk/extents.h"
#include "lab/bench/measure.h"

typedef struct {
  char *folder;             /* for what they need; made */
  char *tls;                /* ca-cert.pem, server-cert.pem ... as GnuTLS's users name them */
  char *log;                /* what all of them say */
  const char *source;       /* the image as it is to be */
  const char *before;       /* as it was; the same as source: nothing of it is at the target */
  const char *target;       /* holds what is in before; of the source's size */
  const TsExtents *changes; /* where source and before differ */
} TsBenchStage;

typedef struct {
  const char *name, *package;
  const char *programs[4]; /* NULL-terminated: what it needs */
  gboolean (*run) (const TsBenchStage *stage, TsBenchCost *cost, GError **error);
  gboolean tracks; /* an updater that has to have seen the changes being made */
} TsBenchPeer;

/* Makes the folder, with certificates and keys in it. */
gboolean ts_bench_stage_make (TsBenchStage *stage, GError **error);
void ts_bench_stage_clear (TsBenchStage *stage);

extern const TsBenchPeer ts_bench_copiers[];  /* a whole image; last: name NULL */
extern const TsBenchPeer ts_bench_updaters[]; /* what changed; last: name NULL */
/* TS_ERROR_UNAVAILABLE with what is missing. */
gboolean ts_bench_peer_is_there (const TsBenchPeer *peer, GError **error);

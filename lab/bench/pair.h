/* lab/bench/pair.h -- our own contender: two real host processes (lab/host/host.h) over TLS, one VM
 * between them, as in a run of the lab, but without sites: both live in the bench's room.
 *
 * What the VM's disk holds is the bench's image; the guest itself changes it.  Every wait is
 * bounded. */
#pragma once
#include "lab/bench/measure.h"

typedef struct _TsBenchPair TsBenchPair;

/* folder: made; short, sockets lie in it.  image: copied.  Boots the VM.  TS_ERROR_UNAVAILABLE when
 * there is no guest, QEMU or libvirt. */
TsBenchPair *ts_bench_pair_new (const char *folder, const char *image, gboolean compress,
                                GError **error);
void ts_bench_pair_free (TsBenchPair *pair); /* ends all of it; NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsBenchPair, ts_bench_pair_free)

const char *ts_bench_pair_source (const TsBenchPair *pair);  /* the VM's disk, plain data */
const char *ts_bench_pair_replica (const TsBenchPair *pair); /* the copy */

/* Where the time of a cycle or a copy went; from the order on. */
typedef struct {
  TsBenchCost cost;
  gint64 first_us;  /* copy: tracked and mapped; cycle: the log is closed, durable at the primary */
  gint64 stored_us; /* cycle: stored durably, a recovery point */
  gint64 applied_us;
  guint64 data_bytes;
} TsBenchTook;

/* Enables and starts replication: until the copy is whole and durable.  Then waits, not measured,
 * until it is of one instant, and pauses. */
gboolean ts_bench_pair_copy (TsBenchPair *pair, TsBenchTook *took, GError **error);
/* The guest overwrites random slots of record_bytes, as fast as it goes, until as many different
 * ones as make up percent of the disk. */
gboolean ts_bench_pair_change (TsBenchPair *pair, guint record_bytes, guint percent,
                               GError **error);
/* Resumes: one cycle from the order to cut until it is applied; pauses again. */
gboolean ts_bench_pair_cycle (TsBenchPair *pair, TsBenchTook *took, GError **error);
/* The operator's Resynchronize, of a paused pair: until the copy is one instant again; pauses
 * again. */
gboolean ts_bench_pair_resync (TsBenchPair *pair, TsBenchTook *took, GError **error);

/* How fast the guest writes 4 KiB at random places, one after the other. */
typedef struct {
  guint64 writes;
  gint64 wall_us;
} TsBenchRate;
/* For that long. */
gboolean ts_bench_pair_rate (TsBenchPair *pair, gint64 for_us, TsBenchRate *rate, GError **error);
/* While a cut is made: from the order until the log is closed; then the cycle ends, and it pauses.
 */
gboolean ts_bench_pair_rate_in_cut (TsBenchPair *pair, TsBenchRate *rate, GError **error);

/* core/seam/world.h -- one table of calls behind which an engine performs a scenario.
 *
 * sim/ and lab/ each fill one.  Whoever asks (scenarios/) sees only this, and hears back only
 * through the observer.  Times are microseconds since the run's start: virtual in the simulator,
 * CLOCK_MONOTONIC in the lab.
 *
 * What became of an order is told by records of kind "step": {id, phase: "begun" | "done" | "failed"
 * | "refused", reason}. */
#pragma once
#include "core/seam/observer.h"
#include "core/seam/order.h"
#include "core/seam/topology.h"

typedef struct _TsWorld TsWorld; /* each engine's own */

typedef struct {
  const char *folder; /* the run's folder, exists, for what an engine keeps; may be NULL in sim */
  gint64 limit_us;    /* the whole run: an engine gives up work of its own accord after that */
  gboolean bytes;     /* sim: disks, logs and frames hold real bytes, not what they stand for; slower,
                         and the same journal and ledger */
} TsWorldOptions;

typedef struct {
  const char *name; /* "sim", "lab" */

  /* Why this engine cannot run this topology with these orders (const TsOrder *), as a sentence for
   * the report; NULL when it can.  Caller frees. */
  char *(*refusal) (const TsTopology *topology, const GPtrArray *orders);

  /* Builds everything and boots the VMs; their workloads run when it returns.  topology, observer
   * and the texts in options must outlive the world.  TS_ERROR_UNAVAILABLE: this machine cannot. */
  TsWorld *(*start) (const TsTopology *topology, const TsWorldOptions *options,
                     TsObserver *observer, GError **error);

  gint64 (*now_us) (TsWorld *world);

  /* Begins an order; the rest is heard in the journal.  Fails only when it could not be begun. */
  gboolean (*order) (TsWorld *world, const TsOrder *order, GError **error);

  /* Lets time pass until t_us, or until observer->stop is set (which it clears). */
  gboolean (*run_until) (TsWorld *world, gint64 t_us, GError **error);

  /* Stops workloads and machines, and journals what only the end can tell (traffic counters,
   * invariants).  Idempotent. */
  gboolean (*finish) (TsWorld *world, GError **error);

  /* Leaves nothing behind.  NULL is fine. */
  void (*free) (TsWorld *world);
} TsWorldOps;

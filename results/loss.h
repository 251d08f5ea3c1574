/* results/loss.h -- the ledger against the copy that took over: what is missing, what should not
 * be.
 *
 * Private to results/.  Definitions: results/README.md, "Loss". */
#pragma once
#include "results/facts.h"
#include "results/ledger.h"
#include "results/metrics.h"

typedef struct {
  TsMeasureKind kind; /* not VALUE: why says why, and all counts are 0 */
  const char *why;    /* static */

  guint64 lost, lost_bytes;           /* flushed writes that are missing */
  guint64 unflushed, unflushed_bytes; /* missing ones that the guest never flushed */
  guint64 torn, corrupt, stale, phantom, order, point, instant;
  guint64 beyond, unsettled; /* of the point: held though acknowledged later; held or not, never
                                flushed by then */
  guint64 fill;            /* blocks of the initial fill that are missing or bad */
  guint64 held_records;    /* whole ones */
  gint64 first_missing_us; /* when the first missing write was acknowledged; -1: none is missing */
  GArray *losses;          /* TsLoss */

  /* For the failover behind this one: the writes that are still promised (TsLedgerEntry; texts are the
   * ledger's), and since when those that are heard are new ones. */
  GArray *promised;
  gint64 since_us;
} TsLossCount;

/* before: of the failover before this one; NULL: this is the first.  What that one has lost is not lost
 * again. */
TsLossCount *ts_loss_count (const TsFacts *facts, const TsLedger *ledger,
                            const TsLossCount *before) G_GNUC_WARN_UNUSED_RESULT;
void ts_loss_count_free (TsLossCount *count); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLossCount, ts_loss_count_free)

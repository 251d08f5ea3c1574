/* results/status.h -- how replication stands: what Get-VMReplication and Measure-VMReplication show, of every
 * side of every relation, from the journal of a run that goes on or has ended.
 *
 * HVR reference 3.3, 5.1, 5.2.  "Last received" and "last applied" are two times (trap 7); what
 * ReplicationState shows is what was asked for, while that is under way (trap 17). */
#pragma once
#include "core/relation/health.h"
#include "results/journal.h"

typedef struct {
  char *vm, *host, *peer; /* peer: the other side's host, "" when it is not known */
  TsRole role;
  TsState state, shown; /* shown: what it will be when what was asked for is done */
  char *health, *reason;
  gint64 sent_us;               /* primary: a set was acknowledged last; -1: never */
  gint64 received_us, applied_us; /* replica, likewise */
  gint64 point_us;              /* replica: the instant of the newest point */
  gint64 pending_bytes;         /* primary */
  gboolean connected;           /* primary */
  gint64 test_us;               /* replica: LastTestFailoverTime; -1 */
  /* of the monitoring interval; counters of the perf set "Hyper-V Replica VM" are made of them */
  gint64 from_us;
  guint64 success, missed, bytes, bytes_max, wire_bytes, resync_bytes;
  guint64 network_failures, failures, freeze_failures;
  gint64 latency_us, latency_us_max, last_bytes;
} TsStatusSide;

typedef struct {
  GPtrArray *sides; /* TsStatusSide, by VM, then the primary first */
  gint64 now_us;    /* the journal's end */
} TsStatus;

TsStatus *ts_status_new (const TsJournal *journal) G_GNUC_WARN_UNUSED_RESULT;
void ts_status_free (TsStatus *status); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsStatus, ts_status_free)
/* NULL: there is none. */
const TsStatusSide *ts_status_side (const TsStatus *status, const char *vm, TsRole role);
/* Lines for people. */
char *ts_status_format (const TsStatus *status) G_GNUC_WARN_UNUSED_RESULT;

/* core/relation/statistics.h -- what Measure-VMReplication counts over the monitoring interval.
 *
 * HVR reference 5.1.  A cycle is one cut; it is a success when the replica has stored it before the
 * next cycle is due, else it is missed: counted once, sent all the same (2.4.5). */
#pragma once
#include "core/base/record.h"
#include "core/relation/state.h"

typedef struct {
  gint64 start_us;          /* StartStatisticTime */
  guint64 success, missed;  /* ReplicationSuccessCount, ReplicationMissCount */
  guint64 bytes, bytes_max; /* ReplicationSize, MaxReplicationSize */
  gint64 latency_us,
      latency_us_max;       /* ReplicationLatency, MaxReplicationLatency: sums and largest */
  guint64 network_failures; /* NetworkFailureCount */
  guint64 failures;         /* ReplicationFailureCount */
  guint64 freeze_failures;  /* ApplicationConsistentSnapshotFailureCount */
  gint64 last_sync_us;      /* LastReplicationTime; survives a reset; -1: never */
  gint64 last_applied_us;   /* LastApplyTime; likewise; on the replica */
  gint64 last_test_us;      /* LastTestFailoverTime; likewise; on the replica */
} TsStatistics;

/* Zeroes the interval, keeps the last times (Reset-VMReplicationStatistics). */
void ts_statistics_reset (TsStatistics *statistics, gint64 now_us);
/* Nothing has happened yet. */
void ts_statistics_init (TsStatistics *statistics);
/* The end of a monitoring interval: event 29174 with all that was counted in it. */
void ts_statistics_record (TsRecord *record, const TsStatistics *statistics, TsRole role,
                           gint64 now_us);
/* A set was acknowledged (primary) or has become durable (replica, latency 0). */
void ts_statistics_sent (TsStatistics *statistics, gint64 now_us, guint64 bytes, gint64 latency_us);

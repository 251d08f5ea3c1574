/* core/relation/statistics.c -- see statistics.h. */
#include "core/relation/statistics.h"

void
ts_statistics_init (TsStatistics *statistics)
{
  *statistics = (TsStatistics){.last_sync_us = -1, .last_applied_us = -1, .last_test_us = -1};
}

void
ts_statistics_record (TsRecord *r, const TsStatistics *st, TsRole role, gint64 now_us)
{
  ts_record_text (r, "role", ts_role_name (role));
  ts_record_int (r, "event", 29174); /* 5.3 */
  ts_record_int (r, "from_us", st->start_us);
  ts_record_int (r, "to_us", now_us);
  ts_record_int (r, "success", (gint64)st->success);
  ts_record_int (r, "missed", (gint64)st->missed);
  ts_record_int (r, "bytes", (gint64)st->bytes);
  ts_record_int (r, "bytes_max", (gint64)st->bytes_max);
  ts_record_int (r, "latency_us", st->latency_us);
  ts_record_int (r, "latency_us_max", st->latency_us_max);
  ts_record_int (r, "network_failures", (gint64)st->network_failures);
  ts_record_int (r, "failures", (gint64)st->failures);
  ts_record_int (r, "freeze_failures", (gint64)st->freeze_failures);
  ts_record_int (r, "last_sync_us", st->last_sync_us);
  if (role == TS_ROLE_PRIMARY)
    return;
  ts_record_int (r, "last_applied_us", st->last_applied_us);
  ts_record_int (r, "last_test_us", st->last_test_us);
}

void
ts_statistics_reset (TsStatistics *statistics, gint64 now_us)
{
  TsStatistics old = *statistics;
  *statistics = (TsStatistics){
      .start_us = now_us, .last_sync_us = old.last_sync_us,
      .last_applied_us = old.last_applied_us, .last_test_us = old.last_test_us};
}

void
ts_statistics_sent (TsStatistics *statistics, gint64 now_us, guint64 bytes, gint64 latency_us)
{
  statistics->bytes += bytes;
  statistics->bytes_max = MAX (statistics->bytes_max, bytes);
  statistics->latency_us += latency_us;
  statistics->latency_us_max = MAX (statistics->latency_us_max, latency_us);
  statistics->last_sync_us = now_us;
}

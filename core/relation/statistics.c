/* core/relation/statistics.c -- see statistics.h. */
#include "core/relation/statistics.h"

void
ts_statistics_reset (TsStatistics *statistics, gint64 now_us)
{
  TsStatistics old = *statistics;
  *statistics = (TsStatistics){
      .start_us = now_us, .last_sync_us = old.last_sync_us, .last_test_us = old.last_test_us};
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

/* core/site/probe.c -- see probe.h. */
#include "core/site/probe.h"

void
ts_probe_init (TsProbe *probe, gint64 now_us)
{
  *probe = (TsProbe){.next_us = now_us};
}

gboolean
ts_probe_tick (TsProbe *probe, gint64 now_us, guint64 *number)
{
  gboolean changed = FALSE;
  if (probe->asked > probe->answered && ++probe->misses >= TS_PROBE_MISSES &&
      probe->state == TS_PROBE_UP) {
    probe->state = TS_PROBE_DOWN;
    changed = TRUE;
  }
  *number = ++probe->asked;
  probe->next_us = now_us + TS_PROBE_INTERVAL_US;
  return changed;
}

gboolean
ts_probe_answer (TsProbe *probe, guint64 number)
{
  if (number > probe->asked || number <= probe->answered)
    return FALSE;
  probe->answered = number;
  probe->misses = 0;
  if (probe->state == TS_PROBE_UP)
    return FALSE;
  probe->state = TS_PROBE_UP;
  return TRUE;
}

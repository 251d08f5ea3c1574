/* core/relation/health.c -- the published rules, worst first.  See health.h. */
#include "core/relation/health.h"
#include "core/base/units.h"

/* The published limits, for the published five-minute interval, at this one. */
static gint64
scaled (const TsHealthInput *in, gint64 published_us)
{
  return published_us / (300 * TS_MS) * (in->interval_us / TS_MS);
}

static gboolean
behind (const TsHealthInput *in)
{
  return in->statistics->last_sync_us >= 0 &&
         in->now_us - in->statistics->last_sync_us > scaled (in, TS_HOUR);
}

TsHealth
ts_health_judge (const TsHealthInput *in, char **reason)
{
  const TsStatistics *st = in->statistics;
  guint64 cycles = st->success + st->missed;
  const char *vm = in->vm;

  switch (in->state) {
  case TS_STATE_DISABLED:
    *reason = g_strdup ("");
    return TS_HEALTH_NONE;
  case TS_STATE_ERROR:
    *reason = g_strdup_printf ("Replication for virtual machine '%s' is in error. Fix the error(s) "
                               "and resume replication.",
                               vm);
    return TS_HEALTH_CRITICAL;
  case TS_STATE_RESYNC_REQUIRED:
    *reason = g_strdup_printf ("Resynchronization is required for the virtual machine %s. Resume "
                               "replication to start resynchronization.",
                               vm);
    return TS_HEALTH_CRITICAL;
  case TS_STATE_SUSPENDED:
    *reason = g_strdup_printf ("Replication for virtual machine '%s' is paused.", vm);
    return in->role == TS_ROLE_REPLICA ? TS_HEALTH_CRITICAL : TS_HEALTH_WARNING;
  case TS_STATE_READY:
  case TS_STATE_INITIAL:
    *reason = g_strdup_printf ("Initial replication of virtual machine '%s' is not complete.", vm);
    return TS_HEALTH_WARNING;
  case TS_STATE_RECOVERED:
  case TS_STATE_COMMITTED:
    *reason = g_strdup_printf ("Virtual machine '%s' has failed over and reverse replication has "
                               "not been started.",
                               vm);
    return TS_HEALTH_WARNING;
  case TS_STATE_RESYNCHRONIZING:
  case TS_STATE_RESYNC_SUSPENDED:
    *reason = g_strdup_printf ("Virtual machine '%s' is resynchronizing.", vm);
    return TS_HEALTH_WARNING;
  case TS_STATE_DISK_UPDATE_CRITICAL: /* CHOICE: named so; no text is published */
    *reason = g_strdup_printf ("The disks of virtual machine '%s' cannot be brought to the replica.", vm);
    return TS_HEALTH_CRITICAL;
  case TS_STATE_REPLICATING:
  case TS_STATE_PREPARED:
  case TS_STATE_FAILOVER_IN_PROGRESS:
  case TS_STATE_FAILBACK_IN_PROGRESS:
  case TS_STATE_FAILBACK_COMPLETE:
  case TS_STATE_DISK_UPDATE:
  case TS_STATE_UNKNOWN:
  case TS_STATE_REPURPOSE:
  case TS_STATE_PREPARED_SYNC:
  case TS_STATE_PREPARED_GROUP_REVERSE:
  case TS_STATE_FIREDRILL:
  case TS_STATE_COUNT:
    break;
  }
  if (in->role == TS_ROLE_PRIMARY && cycles > 0 && st->missed * 5 > cycles) {
    *reason = g_strdup_printf ("More than 20 percent of replication cycles have been missed for "
                               "virtual machine '%s'. Replication might be encountering problems.",
                               vm);
    return TS_HEALTH_WARNING;
  }
  if (behind (in)) {
    *reason = g_strdup_printf ("Replica virtual machine '%s' is behind the primary by more than an "
                               "hour.",
                               vm);
    return TS_HEALTH_WARNING;
  }
  if (in->role == TS_ROLE_PRIMARY && st->success > 0 &&
      st->latency_us / (gint64)st->success > scaled (in, 5 * TS_MIN)) {
    /* CHOICE: what a long latency alone gives is not published (reference 5.2). */
    *reason =
        g_strdup_printf ("Average latency of replication of virtual machine '%s' is above the "
                         "limit.",
                         vm);
    return TS_HEALTH_WARNING;
  }
  *reason = g_strdup ("");
  return TS_HEALTH_NORMAL;
}

gint64
ts_health_wake_us (const TsHealthInput *in)
{
  if (in->state != TS_STATE_REPLICATING || in->statistics->last_sync_us < 0 || behind (in))
    return TS_NEVER;
  return in->statistics->last_sync_us + scaled (in, TS_HOUR) + 1;
}

const char *
ts_health_name (TsHealth health)
{
  static const char *const names[] = {"none", "normal", "warning", "critical"};
  return names[health];
}

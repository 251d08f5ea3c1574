/* core/relation/settings.c -- see settings.h. */
#include "core/relation/settings.h"
#include "core/base/error.h"
#include "core/base/units.h"

#define DAY_US (24 * TS_HOUR)

void
ts_host_settings_init (TsHostSettings *settings)
{
  *settings = (TsHostSettings){.transfers_max = 3,
                               .stop_suspends = TRUE,
                               .monitoring_us = 12 * TS_HOUR,
                               .monitoring_from_us = 9 * TS_HOUR};
}

/* 1,2,3,4,6,8,12,24 h, 2-7 d (5.1) */
static gboolean
is_interval (gint64 us)
{
  static const guint8 hours[] = {1, 2, 3, 4, 6, 8, 12};
  for (guint i = 0; i < G_N_ELEMENTS (hours); i++)
    if (us == hours[i] * TS_HOUR)
      return TRUE;
  return us >= DAY_US && us <= 7 * DAY_US && us % DAY_US == 0;
}

gboolean
ts_host_settings_check (const TsHostSettings *s, GError **error)
{
  if (s->transfers_max < 1 || s->transfers_max > 1024)
    return ts_throw (error, TS_ERROR_ARGUMENT, "max_transfers is %u: it can be 1 to 1024",
                     s->transfers_max);
  if (s->apply_disks_max > 260)
    return ts_throw (error, TS_ERROR_ARGUMENT, "apply_disks is %u: it can be 0 to 260",
                     s->apply_disks_max);
  if (!is_interval (s->monitoring_us))
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "monitoring_interval is %" G_GINT64_FORMAT
                     " s: it can be 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1 to 7 days",
                     s->monitoring_us / TS_S);
  if (s->monitoring_from_us < 0 || s->monitoring_from_us >= DAY_US || s->clock_us < 0 ||
      s->clock_us >= DAY_US)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "monitoring_start and clock are times of the day, 00:00 to 23:59:59");
  return TRUE;
}

guint
ts_host_settings_apply_lanes (const TsHostSettings *s, guint disks)
{
  guint lanes = s->apply_disks_max ? s->apply_disks_max : TS_APPLY_DISKS_DEFAULT;
  if (s->apply_queue_depth)
    lanes = MIN (lanes, s->apply_queue_depth);
  return MAX (MIN (lanes, disks), 1);
}

gint64
ts_host_settings_monitor_us (const TsHostSettings *s, guint32 time_scale, gint64 now_us)
{
  gint64 scale = MAX (time_scale, 1);
  if (now_us > G_MAXINT64 / 4 / scale) /* no run is that long */
    return TS_NEVER;
  gint64 since_us = s->clock_us + now_us * scale - s->monitoring_from_us; /* of the day's own time */
  gint64 into_us = since_us % s->monitoring_us;
  if (into_us < 0)
    into_us += s->monitoring_us;
  return now_us + (s->monitoring_us - into_us + scale - 1) / scale;
}

GVariant *
ts_host_settings_pack (const TsHostSettings *s)
{
  return g_variant_new (TS_HOST_SETTINGS_TYPE, s->transfers_max, s->apply_disks_max,
                        s->apply_vms_max, s->apply_queue_depth, s->skip_revocation,
                        s->stop_suspends, s->monitoring_us, s->monitoring_from_us, s->clock_us);
}

gboolean
ts_host_settings_unpack (GVariant *packed, TsHostSettings *settings, GError **error)
{
  TsHostSettings s;
  if (!g_variant_is_of_type (packed, G_VARIANT_TYPE (TS_HOST_SETTINGS_TYPE)))
    return ts_throw (error, TS_ERROR_FORMAT, "host settings: not of type " TS_HOST_SETTINGS_TYPE);
  g_variant_get (packed, TS_HOST_SETTINGS_TYPE, &s.transfers_max, &s.apply_disks_max,
                 &s.apply_vms_max, &s.apply_queue_depth, &s.skip_revocation, &s.stop_suspends,
                 &s.monitoring_us, &s.monitoring_from_us, &s.clock_us);
  if (!ts_host_settings_check (&s, error))
    return FALSE;
  *settings = s;
  return TRUE;
}

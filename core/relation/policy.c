#include "core/relation/policy.h"
#include "core/base/error.h"
#include "core/base/units.h"

/* HVR reference 2.1 ReplicationInterval */
static const gint64 frequencies_us[] = {30 * TS_S, 300 * TS_S, 900 * TS_S};

void
ts_policy_init (TsPolicy *policy)
{
  *policy = (TsPolicy){
      .frequency_us = 300 * TS_S,
      .time_scale = 1,
      .authentication = TS_AUTH_CERTIFICATE,
      .compression = TRUE,
  };
  ts_schedule_init (&policy->resync);
}

gboolean
ts_policy_check (const TsPolicy *policy, GError **error)
{
  gboolean published = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (frequencies_us); i++)
    published |= policy->frequency_us == frequencies_us[i];
  if (!published) {
    g_autofree char *text = ts_format_duration (policy->frequency_us);
    return ts_throw (error, TS_ERROR_ARGUMENT, "frequency is %s: it can be 30s, 5m or 15m", text);
  }
  if (policy->time_scale < 1 || policy->time_scale > TS_POLICY_TIME_SCALE_MAX)
    return ts_throw (error, TS_ERROR_ARGUMENT, "time_scale is %u: it can be 1 to %u",
                     policy->time_scale, TS_POLICY_TIME_SCALE_MAX);
  if (policy->authentication != TS_AUTH_KERBEROS && policy->authentication != TS_AUTH_CERTIFICATE)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "authentication is %d: it can be 1 (kerberos) or 2 (certificate)",
                     (int)policy->authentication);
  if (policy->recovery_points > TS_POINTS_MAX)
    return ts_throw (error, TS_ERROR_ARGUMENT, "recovery_points is %u: it can be 0 to %d",
                     policy->recovery_points, TS_POINTS_MAX);
  if (policy->app_consistent_us == 0)
    return ts_schedule_check (&policy->resync, error);
  g_autofree char *every = ts_format_duration (policy->app_consistent_us);
  if (policy->app_consistent_us < TS_HOUR || policy->app_consistent_us > 12 * TS_HOUR ||
      policy->app_consistent_us % TS_HOUR != 0)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "app_consistent is %s: it can be 1h to 12h in whole hours, or 0", every);
  /* 2.1: only with history; 4.1: and less than the number of points */
  if (policy->app_consistent_us / TS_HOUR >= policy->recovery_points)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "app_consistent is %s: in hours it must be less than recovery_points, which "
                     "is %u",
                     every, policy->recovery_points);
  return ts_schedule_check (&policy->resync, error);
}

gint64
ts_policy_hour_us (guint32 time_scale)
{
  return TS_HOUR / MAX (time_scale, 1);
}

gint64
ts_policy_interval_us (const TsPolicy *policy)
{
  g_return_val_if_fail (policy->time_scale > 0, policy->frequency_us);
  return policy->frequency_us / policy->time_scale;
}

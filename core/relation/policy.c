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
      .initial = TS_INITIAL_NETWORK,
      .initial_at_us = -1,
  };
  ts_schedule_init (&policy->resync);
}

static gboolean
check_initial (const TsPolicy *policy, GError **error)
{
  if (policy->initial < TS_INITIAL_NETWORK || policy->initial > TS_INITIAL_SEEDED)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "initial is %d: it can be 1 (network), 2 (export) or 3 (seeded)",
                     (int)policy->initial);
  if (policy->initial_at_us == -1)
    return TRUE;
  if (policy->initial == TS_INITIAL_EXPORT) /* 2.2: StartTime is ignored for export */
    return ts_throw (error, TS_ERROR_ARGUMENT, "initial_at: an export begins when it is asked for");
  if (policy->initial_at_us < -1 || policy->initial_at_us >= 24 * TS_HOUR ||
      policy->initial_at_us % TS_S != 0)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "initial_at is %" G_GINT64_FORMAT " us: it can be 00:00:00 to 23:59:59",
                     policy->initial_at_us);
  return TRUE;
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
  if (!check_initial (policy, error) || !ts_schedule_check (&policy->resync, error))
    return FALSE;
  if (policy->app_consistent_us == 0)
    return TRUE;
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
  return TRUE;
}

GVariant *
ts_policy_pack (const TsPolicy *policy)
{
  return g_variant_new (TS_POLICY_TYPE, TS_POLICY_VERSION, policy->frequency_us, policy->time_scale,
                        (guint32)policy->authentication, policy->compression,
                        policy->recovery_points, policy->app_consistent_us,
                        ts_schedule_pack (&policy->resync), (guint32)policy->initial,
                        policy->initial_at_us);
}

gboolean
ts_policy_unpack (GVariant *packed, TsPolicy *policy, GError **error)
{
  guint32 version, authentication, initial;
  guint64 schedule;
  TsPolicy p;
  ts_policy_init (&p);
  if (!g_variant_is_of_type (packed, G_VARIANT_TYPE (TS_POLICY_TYPE)))
    return ts_throw (error, TS_ERROR_FORMAT, "a policy of type %s: it should be %s",
                     g_variant_get_type_string (packed), TS_POLICY_TYPE);
  g_variant_get (packed, TS_POLICY_TYPE, &version, &p.frequency_us, &p.time_scale, &authentication,
                 &p.compression, &p.recovery_points, &p.app_consistent_us, &schedule, &initial,
                 &p.initial_at_us);
  if (version != TS_POLICY_VERSION)
    return ts_throw (error, TS_ERROR_FORMAT, "a policy of version %u: it should be %u", version,
                     TS_POLICY_VERSION);
  p.authentication = (TsAuthentication)authentication;
  p.initial = (TsInitial)initial;
  if (!ts_schedule_unpack (schedule, &p.resync))
    return ts_throw (error, TS_ERROR_FORMAT, "a policy with a schedule that is none");
  if (!ts_policy_check (&p, error))
    return FALSE;
  *policy = p;
  return TRUE;
}

const char *
ts_initial_name (TsInitial initial)
{
  static const char *const names[] = {"default", "network", "export", "seeded"};
  return (guint)initial < G_N_ELEMENTS (names) ? names[initial] : names[0];
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

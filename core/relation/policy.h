/* core/relation/policy.h -- the replication policy: the published fields, ranges and defaults.
 *
 * HVR reference 2.1 (Msvm_ReplicationSettingData) and 4.1 (Site Recovery policy). */
#pragma once
#include <glib.h>
#include "core/relation/point.h"
#include "core/relation/schedule.h"

typedef enum { TS_AUTH_KERBEROS = 1, TS_AUTH_CERTIFICATE = 2 } TsAuthentication; /* 2.1 */

/* CHOICE: cycles 30 ms apart are as quick as a lab can want. */
#define TS_POLICY_TIME_SCALE_MAX 1000u

typedef struct {
  gint64 frequency_us; /* 30 s, 300 s or 900 s: the published value */
  guint32 time_scale;  /* 1 to TS_POLICY_TIME_SCALE_MAX: cycles come every frequency_us / time_scale
                          (lab only) */
  TsAuthentication authentication;
  gboolean compression;
  guint32 recovery_points;  /* 0 to TS_POINTS_MAX, beside the latest; hourly (2.7) */
  gint64 app_consistent_us; /* every so often: 1 h to 12 h, whole hours; 0: never (2.8) */
  TsSchedule resync; /* whether a resynchronization begins by itself */
} TsPolicy;

/* frequency 300 s (2.1), time_scale 1, certificate (4.1 "recommended"), compression on (UI
 * default), no recovery points but the latest (2.1, 4.1) */
void ts_policy_init (TsPolicy *policy);
/* TS_ERROR_ARGUMENT; the message names the field, its value and the range. */
gboolean ts_policy_check (const TsPolicy *policy, GError **error);
/* How long from one cycle to the next: frequency_us / time_scale. */
gint64 ts_policy_interval_us (const TsPolicy *policy);
/* Recovery points are kept an hour apart, scaled as the interval is. */
gint64 ts_policy_hour_us (guint32 time_scale);

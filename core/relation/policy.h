/* core/relation/policy.h -- the replication policy: the published fields, ranges and defaults.
 *
 * HVR reference 2.1 (Msvm_ReplicationSettingData) and 4.1 (Site Recovery policy). */
#pragma once
#include <glib.h>
#include "core/relation/point.h"
#include "core/relation/schedule.h"

typedef enum { TS_AUTH_KERBEROS = 1, TS_AUTH_CERTIFICATE = 2 } TsAuthentication; /* 2.1 */

/* How the first copy comes to the replica: StartReplication's types (2.2, 2.3). */
typedef enum {
  TS_INITIAL_DEFAULT = 0, /* in an order: as the policy says */
  TS_INITIAL_NETWORK = 1,
  TS_INITIAL_EXPORT = 2, /* on a medium, imported at the replica */
  TS_INITIAL_SEEDED = 3, /* there is a copy already: what differs, over the network */
} TsInitial;
typedef struct { /* in an order; all zero: as the policy says */
  TsInitial method;
  gint64 in_us; /* begins so long from now: 0 to TS_INITIAL_AHEAD_US_MAX; not of an export */
} TsInitialChoice;
#define TS_INITIAL_AHEAD_US_MAX (G_GINT64_CONSTANT (7) * 86400 * 1000000) /* 2.1: up to 7 days */

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
  TsSchedule resync;        /* whether a resynchronization begins by itself */
  TsInitial initial;        /* not TS_INITIAL_DEFAULT */
  gint64 initial_at_us;     /* network, seeded: begins at this time of the day (its clock is that of
                               resync), 0 up to 24 h in whole seconds; -1: at once (4.1) */
} TsPolicy;

/* frequency 300 s (2.1), time_scale 1, certificate (4.1 "recommended"), compression on (UI
 * default), no recovery points but the latest (2.1, 4.1), initial replication over the network at
 * once */
void ts_policy_init (TsPolicy *policy);
/* TS_ERROR_ARGUMENT; the message names the field, its value and the range. */
gboolean ts_policy_check (const TsPolicy *policy, GError **error);
/* As one value, to be kept or sent, and back.  unpack: FALSE, with TS_ERROR_FORMAT or what check
 * says, leaves policy unchanged. */
#define TS_POLICY_TYPE "(uxuubuxtux)"
#define TS_POLICY_VERSION 1
GVariant *ts_policy_pack (const TsPolicy *policy) G_GNUC_WARN_UNUSED_RESULT; /* floating */
gboolean ts_policy_unpack (GVariant *packed, TsPolicy *policy, GError **error);
/* "network", "export", "seeded"; "default" for what is none. */
const char *ts_initial_name (TsInitial initial);
/* How long from one cycle to the next: frequency_us / time_scale. */
gint64 ts_policy_interval_us (const TsPolicy *policy);
/* Recovery points are kept an hour apart, scaled as the interval is. */
gint64 ts_policy_hour_us (guint32 time_scale);

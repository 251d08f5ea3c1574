/* core/relation/health.h -- replication health: normal, warning, critical, and why.
 *
 * HVR reference 5.2, with its published texts. */
#pragma once
#include "core/relation/state.h"
#include "core/relation/statistics.h"

typedef enum { /* Msvm_ReplicationRelationship.ReplicationHealth */
               TS_HEALTH_NONE = 0,
               TS_HEALTH_NORMAL = 1,
               TS_HEALTH_WARNING = 2,
               TS_HEALTH_CRITICAL = 3,
} TsHealth;

typedef struct {
  TsRole role;
  TsState state;
  const TsStatistics *statistics;
  const char *vm;
  gint64 now_us;
  gint64 interval_us; /* CHOICE: the published limits (1 h, 5 min) are for a 5-minute interval and
                         scale with it here (reference 5.2: SILENT) */
} TsHealthInput;

/* reason: why it is not normal, "" when it is; caller frees. */
TsHealth ts_health_judge (const TsHealthInput *input, char **reason);
const char *ts_health_name (TsHealth health);
/* When the judgement may change by itself next, for lack of news; TS_NEVER if it cannot. */
gint64 ts_health_wake_us (const TsHealthInput *input);

/* core/seam/death.h -- a host dies at the n-th action of a kind: a fault by count, for tests.
 *
 * Both engines ask ts_death_strikes at the same moments of every action that they perform for the
 * core; whoever hears TRUE loses everything in memory there and then: in the simulator the host's
 * power with what was not flushed, in the lab the process by SIGKILL.  Nothing strikes in a host
 * that was not told to (TsOrder, TS_DO_DIE_AT). */
#pragma once
#include "core/relation/action.h"

typedef enum {
  TS_DEATH_BEFORE, /* what stands before the action is done, it is not begun */
  TS_DEATH_DURING, /* it is asked for and not done; or done in part (an apply) */
  TS_DEATH_AFTER,  /* it is done, and nobody has heard of it */
  TS_DEATH_MOMENTS
} TsDeathMoment;

typedef struct {
  gboolean armed;
  TsActionKind action;
  TsDeathMoment moment;
  guint count; /* which one; 1: the next */
  guint seen;
} TsDeath;

/* Counts; TRUE once: at the one that is meant.  The death is not armed any more then. */
gboolean ts_death_strikes (TsDeath *death, TsActionKind action, TsDeathMoment moment);
/* "before", "during", "after"; NULL past the end. */
const char *ts_death_moment_name (TsDeathMoment moment);

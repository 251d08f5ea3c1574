/* scenarios/engine/timeline.h -- plays a scenario's steps on a world.
 *
 * A step begins when the step before it is done, or `by` after another one, or `at` an instant.
 * What is done is ordered from the world, which tells the outcome in the journal; what is waited
 * for is judged on every journal record.  The first step that fails, is refused or comes too late
 * ends the timeline.  Bounded by the run's limit.
 *
 * The timeline tells records of kind "step" from source "engine": the begin of every step, and the
 * end of those that it judges itself. */
#pragma once
#include <signal.h>
#include "core/seam/world.h"
#include "results/recorder.h"
#include "scenarios/engine/scenario.h"

typedef enum {
  TS_PHASE_BEGUN,
  TS_PHASE_DONE,
  TS_PHASE_FAILED,  /* or refused, or too late */
  TS_PHASE_GOES_ON, /* time has passed, nothing else */
} TsPhase;

/* Tells people how far a run is. */
typedef struct _TsProgress TsProgress;
struct _TsProgress {
  /* name: of the phase, a step's id or "boot", "settle" ...; text: it in words, or why it failed.
   * t_us: of the world */
  void (*tell) (TsProgress *progress, TsPhase phase, const char *name, const char *text,
                gint64 t_us);
};

typedef struct {
  const TsScenario *scenario;
  const TsWorldOps *ops;
  TsWorld *world;
  TsRecorder *recorder;                     /* whose observer the world has; its hook is taken */
  TsProgress *progress;                     /* NULL: none */
  const volatile sig_atomic_t *interrupted; /* NULL: cannot be */
} TsTimelineOptions;

typedef enum {
  TS_TIMELINE_DONE,
  TS_TIMELINE_FAILED,      /* a step did; told in the journal */
  TS_TIMELINE_INTERRUPTED, /* by the user */
  TS_TIMELINE_BROKEN,      /* the world itself could not go on: error */
} TsTimelineEnd;

/* Plays steps and settling.  reason: of an end that is not DONE, a sentence; the caller's. */
TsTimelineEnd ts_timeline_run (const TsTimelineOptions *options, char **reason);

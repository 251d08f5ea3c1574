/* scenarios/engine/run.h -- one scenario on one engine, from an empty folder to a verdict. */
#pragma once
#include "results/judge.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/timeline.h"

typedef struct {
  const TsWorldOps *ops;
  const char *folder; /* the run's: made anew; NULL: nothing is kept but the verdict (virtual time) */
  const char *replay; /* one command that does this run again */
  gboolean bytes;     /* as in TsWorldOptions */
  TsProgress *progress;
  const volatile sig_atomic_t *interrupted;
} TsRunOptions;

/* The folder's name: "SCENARIO-ENGINE-SEED".  Caller frees. */
char *ts_run_name (const TsScenario *scenario, const TsWorldOps *ops);

/* Is the scenario meant for that engine (its `engines`)?  One that is may be skipped all the same. */
gboolean ts_run_is_meant (const TsScenario *scenario, const TsWorldOps *ops);

/* Makes the folder, plays, judges and writes; the world is gone when it returns.
 * NULL: there is no verdict.  TS_ERROR_UNAVAILABLE, FULL: this machine cannot (exit 69); others:
 * the harness itself failed (exit 70). */
TsVerdict *ts_run (const TsScenario *scenario, const TsRunOptions *options,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Judges a stored run's folder again, from its scenario.yaml, journal and ledger, and writes the
 * verdict's files anew.  expect_path: NULL, or a file whose expectations count instead (see
 * ts_yaml_take_expectations); the run's scenario.yaml stays.  NULL with *problems (the caller's):
 * what is wrong with either file; else with error. */
TsVerdict *ts_run_judge (const char *folder, const char *expect_path, TsProblems **problems,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

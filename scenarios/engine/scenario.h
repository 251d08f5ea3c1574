/* scenarios/engine/scenario.h -- a scenario, read and checked: what there is, what happens, what is
 * expected.
 *
 * Everything that can be told wrong about a file is told while it is read, each thing with its
 * place; who holds a TsScenario need not check anything again. */
#pragma once
#include "core/seam/order.h"
#include "core/seam/topology.h"
#include "results/judge.h"
#include "scenarios/engine/predicate.h"
#include "scenarios/engine/yaml.h"

typedef enum {
  TS_STEP_DO,
  TS_STEP_WAIT,
  TS_STEP_CHECK,
} TsStepKind;

typedef struct {
  char *id;
  TsStepKind kind;
  TsOrder order;         /* DO */
  TsPredicate predicate; /* WAIT, CHECK */
  gint64 within_us;      /* TS_NEVER: only the run's limit */
  gint after;            /* the step that must be done first; -1: none */
  gint64 by_us;          /* how long after that; unscaled */
  gint64 at_us;          /* since the run's start, unscaled; -1: not given */
  gboolean expect_refused, expect_failed;
  guint line;
} TsStep;

typedef enum { TS_ENGINE_SIM = 1, TS_ENGINE_LAB = 2 } TsEngineBit;

typedef struct {
  char *path; /* of the file, as it was given */
  char *title;
  GPtrArray *tags;    /* char * */
  guint engines;      /* TsEngineBit */
  guint32 time_scale; /* as in the file, or set since */
  gint64 run_limit_us;
  gint64 settle_limit_us; /* -1: none */
  TsTopology *topology;   /* its name and seed are the scenario's */
  GPtrArray *steps;       /* TsStep *, in the file's order */
  TsExpectations *expectations;
  TsYaml *tree; /* as checked, with all defaults */
  TsYaml *expanded; /* the same with counts written out (count.h); NULL: there are none */
  gboolean no_ledger;
} TsScenario;

typedef struct {
  const char *const *assignments; /* "PATH=VALUE", NULL-terminated; NULL: none */
  gboolean seed_given;
  guint64 seed;
  const char *expect_path; /* NULL, or the file whose expectations count; problems are then its */
  const char
      *profile_path; /* NULL, or a file whose `sim` counts: ts_profile_file_check has said yes */
} TsScenarioOptions;

/* A simulator profile: a file whose `sim` is fine, and which holds nothing else or is a scenario.
 * FALSE: told in problems. */
gboolean ts_profile_file_check (const char *path, TsProblems *problems);

/* NULL: told in problems.  options may be NULL. */
TsScenario *ts_scenario_load (const char *path, const TsScenarioOptions *options,
                              TsProblems *problems) G_GNUC_WARN_UNUSED_RESULT;
TsScenario *ts_scenario_parse (const char *path, const char *text, gsize len,
                               const TsScenarioOptions *options,
                               TsProblems *problems) G_GNUC_WARN_UNUSED_RESULT;
void ts_scenario_free (TsScenario *scenario); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsScenario, ts_scenario_free)

const TsStep *ts_scenario_step (const TsScenario *scenario, guint index);
/* The step before which this one cannot begin, said or implied; -1: it waits for none (first, or
 * at). */
gint ts_scenario_previous (const TsScenario *scenario, guint index);
/* All orders, as an engine's refusal() wants them: const TsOrder *.  Caller unrefs. */
GPtrArray *ts_scenario_orders (const TsScenario *scenario);
/* time_scale: 1 or more.  Also sets it in every policy. */
void ts_scenario_set_time_scale (TsScenario *scenario, guint32 time_scale);
/* by or at, as long as it really is at the scenario's time scale */
gint64 ts_scenario_scaled_us (const TsScenario *scenario, gint64 us);

/* The file written out: all defaults, the seed and time scale that count.  Caller frees. */
char *ts_scenario_format (const TsScenario *scenario);
/* For people: topology, timeline and expectations in words.  Caller frees. */
char *ts_scenario_explain (const TsScenario *scenario);
/* "blackhole wan", "unplanned failover of app": a step in words.  Caller frees. */
char *ts_step_text (const TsScenario *scenario, const TsStep *step);

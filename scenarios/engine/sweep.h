/* scenarios/engine/sweep.h -- a sweep's file: one scenario, what is varied in it, and how often.
 *
 * Read like a scenario: all that is wrong is told with its place.  A *point* is a choice of one
 * value of each axis; a *cell* is one run of a point, with a seed of its own.  Which points and
 * cells there are is grid.h's. */
#pragma once
#include "results/metrics.h"
#include "scenarios/engine/pairwise.h"
#include "scenarios/engine/yaml.h"

#define TS_SWEEP_VALUES_MAX 64 /* of one axis: a skip holds them as bits */

typedef struct {
  char *name, *path, *label; /* label: "" when none is given */
  GPtrArray *values;         /* char *, 1 to TS_SWEEP_VALUES_MAX */
} TsSweepAxis;

/* A duration drawn evenly from [from_us, to_us], from a stream named by it and the cell's seed. */
typedef struct {
  char *name, *path;
  gint64 from_us, to_us;
} TsSweepDraw;

typedef enum { TS_PICK_ALL, TS_PICK_PAIRWISE, TS_PICK_SUBSET } TsSweepPick;

typedef struct {
  char *path, *name, *title;
  char *base_path, *base_name; /* the scenario's file, as reached from here; its name */
  char *base_text;
  gsize base_len;
  GPtrArray *set;         /* char *: "PATH=VALUE" for all cells */
  GPtrArray *axes;        /* TsSweepAxis *, in the file's order */
  GPtrArray *draws;       /* TsSweepDraw * */
  TsPairwiseSpace *space; /* sizes of the axes, and what is skipped */
  guint seeds;
  guint64 first_seed;
  TsSweepPick pick;
  guint subset; /* with PICK_SUBSET */
  gint64 cell_limit_us;
  GPtrArray *metrics; /* const TsMetric *: what tables show */
  guint x;
  gint y; /* -1: there is one axis */
  const TsMetric *metric, *loss;
  gint64 max; /* the objective, in metric's unit; -1: none */
  TsYaml *tree;
} TsSweep;

/* NULL: told in problems.  The base scenario is read too, and each value of each axis is tried in
 * it: what is wrong with one is told at its place. */
TsSweep *ts_sweep_load (const char *path, TsProblems *problems) G_GNUC_WARN_UNUSED_RESULT;
/* base: the scenario's text; NULL: read from the file that the sweep names. */
TsSweep *ts_sweep_parse (const char *path, const char *text, gsize len, const char *base,
                         gsize base_len, TsProblems *problems) G_GNUC_WARN_UNUSED_RESULT;
void ts_sweep_free (TsSweep *sweep); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsSweep, ts_sweep_free)

const TsSweepAxis *ts_sweep_axis (const TsSweep *sweep, guint index);
const TsSweepDraw *ts_sweep_draw (const TsSweep *sweep, guint index);
/* The file written out with all defaults; base: what it names as its scenario.  Caller frees. */
char *ts_sweep_format (const TsSweep *sweep, const char *base);

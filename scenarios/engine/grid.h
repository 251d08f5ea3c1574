/* scenarios/engine/grid.h -- the points and cells of a sweep, in one order.
 *
 * The same file gives the same cells with the same numbers everywhere: so shards that never heard
 * of each other share the work.  Cell i is seed i % seeds of point i / seeds. */
#pragma once
#include "results/study.h"
#include "scenarios/engine/sweep.h"

#define TS_GRID_CELLS_MAX 1000000u

typedef struct {
  const TsSweep *sweep; /* must outlive the grid */
  GByteArray *points;   /* a value index for each axis, point by point */
  guint point_count, cell_count;
  guint skipped;    /* points that skip left out; pairwise: pairs that no allowed point has */
  guint64 possible; /* points there would be without skip and pick (at most G_MAXINT64) */
} TsGrid;

/* NULL with TS_ERROR_ARGUMENT: too many cells, or none. */
TsGrid *ts_grid_new (const TsSweep *sweep, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_grid_free (TsGrid *grid); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsGrid, ts_grid_free)

guint ts_grid_value (const TsGrid *grid, guint point, guint axis);
guint64 ts_grid_seed (const TsGrid *grid, guint cell);
/* "links.wan.rate=1Mbit/s", ...: what makes the cell of the base scenario, besides its seed.
 * NULL-terminated; caller frees. */
char **ts_grid_assignments (const TsGrid *grid, guint cell) G_GNUC_WARN_UNUSED_RESULT;
/* "twinsite run FILE --on sim --seed 3 --set ...".  Caller frees. */
char *ts_grid_replay (const TsGrid *grid, guint cell);

/* SHA-256 over everything that decides what the cells are: file, base scenario, commit.  Caller
 * frees. */
char *ts_grid_digest (const TsGrid *grid);
/* A study of it, all cells missing. */
TsStudy *ts_grid_study (const TsGrid *grid) G_GNUC_WARN_UNUSED_RESULT;

/* The cells of shard `shard` (from 1) of `shards`: every shards-th one, since neighbours cost much
 * the same.  guint each; caller unrefs. */
GArray *ts_grid_shard (const TsGrid *grid, guint shard, guint shards) G_GNUC_WARN_UNUSED_RESULT;

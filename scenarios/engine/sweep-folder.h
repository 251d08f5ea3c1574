/* scenarios/engine/sweep-folder.h -- where a sweep's cells are kept, so that it can go on later.
 *
 *   sweep.yaml   the sweep, with all defaults; its first lines name what the cells were made from
 *   base.yaml    its scenario
 *   cells/       a file for each cell that is done
 *   lock         held while somebody works here
 * and what is made from them: cells.csv, points.csv, summary.json, report.html, plots/. */
#pragma once
#include "scenarios/engine/grid.h"

typedef struct {
  char *path;
  int lock; /* -1: not held */
} TsSweepFolder;

/* Makes it, or opens what an earlier call has begun.  fresh: cells that are there are removed.
 * TS_ERROR_ARGUMENT: it holds something else, or cells of another sweep, scenario or commit;
 * TS_ERROR_AGAIN: somebody is at work there. */
TsSweepFolder *ts_sweep_folder_open (const char *path, const TsGrid *grid, const TsStudy *study,
                                     gboolean fresh, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_sweep_folder_free (TsSweepFolder *folder); /* lets the lock go; NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsSweepFolder, ts_sweep_folder_free)

/* The digest and commit that a folder's cells were made from; FALSE with TS_ERROR_ARGUMENT when it
 * is no sweep's folder. */
gboolean ts_sweep_folder_origin (const char *path, char **digest, char **commit, GError **error);

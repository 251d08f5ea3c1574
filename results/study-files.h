/* results/study-files.h -- a study as tables: for terminals, spreadsheets and programs. */
#pragma once
#include "results/study.h"

/* Each returns a text that the caller frees. */

/* RFC 4180, one row a cell: cell, point, seed, the axes, verdict, exit_code, every metric that is a
 * number under its key (unit in it), "never" and "" for what is not told, and the headline. */
char *ts_study_cells_csv (const TsStudy *study);
/* One row a point and shown metric: count, unknown, never, min, median, low, high, sure, p95, max.
 */
char *ts_study_points_csv (const TsStudy *study);
/* All of it but the cells: counts, axes, per point each shown metric's sample, the groups of the
 * pictures, and for each row where the objective begins to be met and where all cycles are kept. */
char *ts_study_summary_json (const TsStudy *study);
/* For a terminal: counts, the heat map as a table, what follows from it, and what went wrong. */
char *ts_study_format (const TsStudy *study);

/* cells.csv, points.csv and summary.json in the folder, each whole or not at all. */
gboolean ts_study_write (const TsStudy *study, const char *folder, GError **error);

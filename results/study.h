/* results/study.h -- what a sweep found: the outcome of every cell, and what they say together.
 *
 * A cell is one run: a seed of a point; a point is one value of each axis.  Cell i is seed
 * i % seeds of point i / seeds.  What a cell keeps is every metric of its verdict, and
 * those of families (exposure.over.15m) that the sweep asks for; it is stored as a file of its own (study-cell.c), so that it is there whole or not at all. */
#pragma once
#include "results/judge.h"

typedef struct {
  char *name, *label;
  GPtrArray *values; /* char *, as in the sweep's file */
  double *numbers;   /* what the values amount to, in bit/s, us, bytes or per second; NULL when one
                        of them is no quantity, or they are of several kinds */
} TsStudyAxis;

typedef struct {
  TsMeasureKind kind;
  gint64 number; /* of VALUE, unless the metric is a text */
  char *text;    /* of VALUE, when it is */
} TsStudyValue;

typedef struct {
  gboolean done;
  TsVerdictKind verdict;
  int exit_code; /* also with trouble: 65 bad scenario, 70 all else */
  char *headline;
  TsStudyValue *values; /* index as ts_study_metric (); NULL unless done */
  char *trouble;        /* not done, although tried: why; else NULL */
  char *replay;         /* one command that runs it again, where somebody has filled it in */
} TsStudyCell;

typedef struct {
  char *name, *title, *scenario;
  char *digest, *commit; /* what its cells were made from (grid.h); commit: this program's, unless
                            they were made elsewhere */
  GPtrArray *axes;       /* TsStudyAxis * */
  guint8 *points;        /* a value index for each axis, point by point */
  guint point_count, seeds;
  guint64 first_seed;
  TsStudyCell *cells; /* [cell_count] */
  guint cell_count;
  GPtrArray *metrics; /* const TsMetric *: what tables show */
  GPtrArray *families; /* const TsMetric *: kept beside those of the table (ts_study_keep) */
  guint x;            /* axis to the right */
  gint y;             /* axis upwards; -1: none */
  const TsMetric *metric, *loss;
  gint64 max; /* the objective, in metric's unit; -1: none */
} TsStudy;

TsStudy *ts_study_new (const char *name, const char *title, const char *scenario,
                       const char *digest) G_GNUC_WARN_UNUSED_RESULT;
void ts_study_free (TsStudy *study); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsStudy, ts_study_free)
void ts_study_add_axis (TsStudy *study, const char *name, const char *label,
                        const char *const *values, guint count);
/* After the axes.  Copies points; all cells are missing then. */
void ts_study_set_points (TsStudy *study, const guint8 *points, guint count, guint seeds,
                          guint64 first_seed);

/* Before the first cell: every cell has this metric, too; nothing to do for one of the table. */
void ts_study_keep (TsStudy *study, const TsMetric *metric);
/* What a cell has: the table's metrics, then those of families. */
guint ts_study_metric_count (const TsStudy *study);
const TsMetric *ts_study_metric (const TsStudy *study, guint index);

const char *ts_study_commit (void); /* what this program was built from */
const TsStudyAxis *ts_study_axis (const TsStudy *study, guint index);
guint ts_study_value_index (const TsStudy *study, guint point, guint axis);
/* The axis's value at the point, as text */
const char *ts_study_value (const TsStudy *study, guint point, guint axis);
guint64 ts_study_seed (const TsStudy *study, guint cell);

/* Fills a cell from its run's verdict, which has been told of the study's families (TsExpectations). */
void ts_study_cell_take (TsStudyCell *cell, const TsVerdict *verdict);
void ts_study_cell_clear (TsStudyCell *cell);

/* ---- a cell's file (study-cell.c) ---- */

/* "000042.json" */
char *ts_study_cell_name (guint index);
/* One line of JSON: cell, digest, seed, verdict, exit_code, headline, metrics.  Caller frees. */
char *ts_study_cell_format (const TsStudy *study, guint index, const TsStudyCell *cell);
/* Strict: TS_ERROR_FORMAT when it is not a cell of this study with that number.  cell is empty
 * before, and filled on success only. */
gboolean ts_study_cell_parse (const TsStudy *study, guint index, const char *text, gsize len,
                              TsStudyCell *cell, GError **error);

/* ---- what they say together ---- */

typedef struct {
  guint count;             /* samples that are told, those that never came included */
  guint never, unknown;    /* never: counted as past any value */
  gint64 min, median, p95; /* nearest rank; G_MAXINT64: never came */
  gint64 max;
  gint64 low, high; /* encloses the true median */
  double sure;      /* with this probability (bounds.h) */
  guint within;     /* samples not above the study's objective, when it has one for this metric */
  double within_low, within_high; /* 95 % bounds of their share (Wilson) */
} TsSample;

/* The samples of a metric, sorted into groups by x and y: one group for each pair of values.
 * Another axis is not told apart: its runs are samples, too. */
typedef struct {
  const TsStudy *study;
  const TsMetric *metric;
  guint columns, rows; /* values of x; of y, or 1 */
  GArray **groups;     /* [rows * columns] of gint64, sorted; G_MAXINT64: never */
  guint *unknown;      /* [rows * columns] */
} TsGroups;

TsGroups *ts_groups_new (const TsStudy *study, const TsMetric *metric) G_GNUC_WARN_UNUSED_RESULT;
void ts_groups_free (TsGroups *groups); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsGroups, ts_groups_free)
/* The samples of a column, of all its rows together, sorted; caller unrefs. */
GArray *ts_groups_column (const TsGroups *groups, guint column) G_GNUC_WARN_UNUSED_RESULT;
const GArray *ts_groups_get (const TsGroups *groups, guint column, guint row);
void ts_groups_sample (const TsGroups *groups, guint column, guint row, TsSample *sample);
/* Of one point's runs. */
void ts_study_point_sample (const TsStudy *study, guint point, const TsMetric *metric,
                            TsSample *sample);

/* Does the link (whatever x is) keep up there: runs in which no cycle was missed, of those that
 * tell it; and the share of cycles missed, of all that were counted (-1: none was). */
typedef struct {
  guint count, kept;
  double kept_low, kept_high; /* Wilson */
  double missed_share;
} TsKeeping;
void ts_study_keeping (const TsStudy *study, guint column, guint row, TsKeeping *keeping);

/* For each row: the least column from which on every run of every column (that has runs) is within
 * the objective; -1: none is.  kept: from which on no cycle is missed, instead.  Only for an x of
 * quantities in rising order (else -1): more must be better. */
gint ts_study_least (const TsStudy *study, guint row, gboolean kept);

typedef struct {
  guint done, passed, failed, inconclusive, skipped, troubled, missing;
} TsStudyCount;
void ts_study_count (const TsStudy *study, TsStudyCount *count);

/* "5 min 1.2 s", "never", "-" when no sample tells it.  Caller frees. */
char *ts_study_text (const TsMetric *metric, gint64 number, guint count);

/* results/metrics.h -- every number of a run, each with one definition, from journal and ledger
 * alone.
 *
 * Per VM.  Whole microseconds, bytes and counts.  The table (ts_metric_get) names each metric, its
 * unit and its meaning; results/README.md shows it. */
#pragma once
#include "results/journal.h"
#include "results/ledger.h"

typedef enum { TS_UNIT_US, TS_UNIT_BYTES, TS_UNIT_COUNT, TS_UNIT_RATE, TS_UNIT_TEXT } TsUnit;

/* What a window [from, to] means to a metric. */
typedef enum {
  TS_SCOPE_CURVE, /* has a value at each instant; the window clips the curve */
  TS_SCOPE_TALLY, /* counts events with from <= t <= to; "at" and "end" count from the run's start
                   */
  TS_SCOPE_RUN,   /* one value a run: only "always" and "end" make sense */
} TsScope;

typedef struct {
  const char *name; /* "exposure.max": as expectations write it */
  const char *key;  /* "exposure_us_max": as metrics.json and verdict.json write it */
  TsUnit unit;
  TsScope scope;
  const char *help;
} TsMetric;

guint ts_metric_count (void);
const TsMetric *ts_metric_get (guint index); /* index < ts_metric_count () */
/* By name: of the table, or of a family with what it asks filled in ("exposure.over.15m"), or what the
 * table has of a failover, of the N-th one ("rto@2") or of the worst ("loss.lost@worst").  NULL: no such
 * metric. */
const TsMetric *ts_metric_find (const char *name);
/* The families: their names end with what is to be filled in, "exposure.over.TIME".  Only for
 * showing; NULL past the end. */
const TsMetric *ts_metric_family (guint index);
const char *ts_unit_name (TsUnit unit); /* "us" "bytes" "count" "bytes/s" "text" */

typedef enum {
  TS_MEASURE_VALUE,   /* number or text says it */
  TS_MEASURE_NEVER,   /* it was due and did not come (a service that never answered): no limit but a
                         minimum holds for it */
  TS_MEASURE_UNKNOWN, /* the run does not tell (no failover, no survey): nothing can be concluded */
} TsMeasureKind;

typedef struct {
  TsMeasureKind kind;
  gint64 number;
  char *text;  /* unit TEXT */
  gint64 t_us; /* when it came about: of a maximum its instant, else the window's end */
  char *why;   /* NEVER, UNKNOWN: a reason for people */
} TsMeasure;

void ts_measure_clear (TsMeasure *measure);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TsMeasure, ts_measure_clear)
/* "12.5 s", "48.0 MiB", "7", "never: ...", "unknown: ..."; caller frees. */
char *ts_measure_format (const TsMeasure *measure, TsUnit unit);

/* One thing that was lost or should not be there.  Texts are the ledger's. */
typedef struct {
  const char *class; /* "lost" "unflushed" "torn" "corrupt" "stale" "phantom" */
  const char *disk;
  guint64 offset_bytes, length_bytes, sequence;
  gint64 t_us; /* lost, unflushed, stale: when the missing write was acknowledged; else of the
                  survey */
} TsLoss;

typedef struct _TsMetrics TsMetrics;

/* Both must outlive the result and not grow while it is used. */
TsMetrics *ts_metrics_new (const TsJournal *journal,
                           const TsLedger *ledger) G_GNUC_WARN_UNUSED_RESULT;
void ts_metrics_free (TsMetrics *metrics); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsMetrics, ts_metrics_free)

guint ts_metrics_vm_count (const TsMetrics *metrics);
const char *ts_metrics_vm (const TsMetrics *metrics, guint index); /* by name, in its order */
gint64 ts_metrics_end_us (const TsMetrics *metrics);
/* TsLoss, by class in the order above, then by sequence; empty when nothing is known.  Owned by
 * metrics. */
const GArray *ts_metrics_losses (const TsMetrics *metrics, const char *vm);

/* How many failovers the VM had; 0 also when the journal does not name it. */
guint ts_metrics_failovers (const TsMetrics *metrics, const char *vm);
typedef struct {
  gboolean planned;
  const char *copy; /* host; NULL: none was promoted */
  gint64 commanded_us, instant_us; /* instant_us: of the point taken; -1: none */
  const char *end; /* "not promoted" "cancelled" "reversed" "stands" */
} TsFailoverStory;
/* n from 1 up to that.  Texts are metrics' own. */
void ts_metrics_failover (const TsMetrics *metrics, const char *vm, guint n, TsFailoverStory *story);

/* The metric over [from_us, to_us]; 0 and TS_NEVER are the whole run.  Always fills measure (clear
 * it).  vm: one that the journal does not name gives UNKNOWN. */
void ts_metrics_measure (const TsMetrics *metrics, const TsMetric *metric, const char *vm,
                         gint64 from_us, gint64 to_us, TsMeasure *measure);

/* results/compare.h -- two runs, metric by metric; and whether a simulation agrees with the lab.
 *
 * Differences are the second run's minus the first's; shares are of the first's value.  When one
 * run is of the simulator and one of the lab, of the same scenario, four questions are answered per
 * VM, the lab being the measure:
 *   states  the same sequence of replication states, on both sides
 *   loss    the same classes of loss occur (unflushed writes are counted apart, and are none)
 *   RPO     within 10 % or 1 s, whichever is more
 *   RTO     within 15 % or 2 s, whichever is more
 * What neither run tells is no disagreement; what one tells and the other does not, is one. */
#pragma once
#include "results/judge.h"

typedef struct {
  const char *name; /* how the run is called in texts: its folder's name */
  const TsVerdict *verdict;
  const TsJournal *journal;
} TsCompareSide;

typedef enum { TS_PAST_NOT, TS_PAST_DIFFERS, TS_PAST_LIMIT } TsPast;

typedef struct {
  const char *vm; /* the first run's text, or the second's */
  const TsMetric *metric;
  const TsMeasure *a, *b; /* UNKNOWN where the run does not have the VM */
  gboolean counts;        /* both are numbers: difference is one */
  gint64 difference;
  gint64 share_ppm; /* difference / a, rounded to nearest, halves away from zero; G_MAXINT64 and
                       G_MININT64: a is 0 and b is not */
  TsPast past;      /* PAST_LIMIT: a difference of more than the threshold; a text or a kind that
                       differs is past any */
} TsCompareRow;

typedef struct {
  const char *vm, *question; /* "states", "loss", "RPO", "RTO" */
  gboolean told, agrees;     /* told: FALSE when neither run tells; agrees is TRUE then */
  char *text;                /* both answers */
} TsAgreement;

typedef struct {
  TsCompareSide a, b;
  gint64 threshold_ppm; /* -1: none */
  GArray *rows;         /* TsCompareRow, by VM and metric; what neither tells is left out */
  GArray *agreements;   /* TsAgreement; NULL when the two are no simulation and lab of one file */
  guint differing, past, disagreeing;
} TsComparison;

/* The sides' verdicts and journals must outlive the result. */
TsComparison *ts_compare (const TsCompareSide *a, const TsCompareSide *b,
                          gint64 threshold_ppm) G_GNUC_WARN_UNUSED_RESULT;
void ts_comparison_free (TsComparison *comparison); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsComparison, ts_comparison_free)

/* For people; lines end with '\n'.  Metrics that do not differ are left out unless all. */
char *ts_comparison_format (const TsComparison *comparison, gboolean all) G_GNUC_WARN_UNUSED_RESULT;
/* The exposure curves of both runs in one picture, an SVG file's text. */
char *ts_comparison_to_svg (const TsComparison *comparison) G_GNUC_WARN_UNUSED_RESULT;

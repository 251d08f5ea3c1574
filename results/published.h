/* results/published.h -- somebody else's published figures beside ours.
 *
 * A scenario that plays a published test names its figures, their source, and why ours may differ.  A
 * verdict carries the comparison, report and summary show it; nothing is judged by it: a figure
 * that others measured on other machines is no promise of ours. */
#pragma once
#include "results/metrics.h"

/* As a scenario writes it; all but what, theirs and source may be NULL. */
typedef struct {
  char *what;   /* for people: "resynchronization, 1 Gbit/s" */
  char *metric; /* what of ours compares; NULL: nothing of ours does, theirs is told all the same */
  char *per;    /* another metric of the same unit: ours is metric / per, theirs a plain number */
  char *vm;     /* NULL: times of the worst machine, counts and bytes of all together */
  char *theirs; /* "2h", "1h..1.5h", "1.5"; without a metric any text */
  char *source, *why;
} TsPublished;

TsPublished *ts_published_new (const char *what, const char *theirs,
                               const char *source) G_GNUC_WARN_UNUSED_RESULT;
void ts_published_free (TsPublished *published); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsPublished, ts_published_free)
/* Can it be compared: metrics exist, units fit, theirs parses.  TS_ERROR_ARGUMENT. */
gboolean ts_published_check (const TsPublished *published, GError **error);

/* All texts; what is not known is "".  difference: "within", "12 % less", "4.1 times as much". */
typedef struct {
  char *what, *metric, *theirs, *ours, *difference, *source, *why;
} TsPublishedFinding;

/* published: one that ts_published_check () has let pass (asserted). */
TsPublishedFinding *ts_published_compare (const TsPublished *published,
                                          const TsMetrics *metrics) G_GNUC_WARN_UNUSED_RESULT;
void ts_published_finding_free (TsPublishedFinding *finding); /* NULL is fine */

/* results/series.h -- what a run looks like over time: fault periods, lanes, and curves.
 *
 * Private to results/: plots, reports and comparisons are drawn from these.  From the journal
 * alone; the exposure curve is the one that exposure.c measures. */
#pragma once
#include "results/facts.h"

/* From a `fault` to the next record of the same family and target, else to the journal's end.
 * Records of mode "up" (a link is healed) end a period and begin none. */
typedef struct {
  const char *id, *fault, *target, *mode; /* the journal's; "" where it does not tell */
  gint64 from_us, to_us;
  const char *what; /* of its evidence; NULL: there is none */
  gint64 count;     /* summed over its evidence */
} TsPeriod;

/* TsPeriod, by begin.  Caller frees; texts are the journal's. */
GArray *ts_periods (const TsJournal *journal) G_GNUC_WARN_UNUSED_RESULT;

/* A value that lasted. */
typedef struct {
  const char *host, *value; /* the journal's */
  gint64 from_us, to_us;
} TsStretch;

/* What kind ("state" or "health") was told of the VM's side ("primary" or "replica"): TsStretch, in
 * order, each to the next one's begin or the journal's end; equal neighbours are one.  A side whose
 * machine lost power says nothing until it tells again. */
GArray *ts_lane (const TsFacts *facts, const char *kind,
                 const char *role) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
  gint64 t_us, value;
} TsVertex;

/* TsVertex: the corners of the exposure curve in microseconds (two at each recovery point: just
 * before it, and at it); empty when there is none. */
GArray *ts_curve_exposure (const TsFacts *facts) G_GNUC_WARN_UNUSED_RESULT;
/* TsVertex: pending bytes as they were told; each holds until the next. */
GArray *ts_curve_pending (const TsFacts *facts) G_GNUC_WARN_UNUSED_RESULT;

/* TsVertex: bytes a second on the wire; each holds until the next.  A set's bytes are spread evenly
 * over its transfer, a copy's over the time between what it told of its progress; what overlaps is
 * added.  Begins with the first byte and ends at 0; empty when nothing was sent. */
GArray *ts_curve_rate (const TsFacts *facts) G_GNUC_WARN_UNUSED_RESULT;

/* An acknowledged set. */
typedef struct {
  gint64 t_us, set, data_bytes, wire_bytes, transfer_us;
  gint64 wire_bytes_per_s; /* -1: it took no time */
} TsSent;
GArray *ts_curve_sent (const TsFacts *facts) G_GNUC_WARN_UNUSED_RESULT; /* TsSent */

/* results/measures-resync.c -- what resynchronizations were begun, and what they cost.
 *
 * The primary tells running sums, each run from 0; a record without "run" is a trigger's, or the
 * replica's. */
#include "results/measures.h"

static gboolean
in_window (const TsAsk *ask, const TsRecord *record)
{
  return record->t_us >= ask->from_us && record->t_us <= ask->to_us;
}

static const TsRecord *
record_at (const TsAsk *ask, guint i)
{
  return i < ask->facts->records->len ? ask->facts->records->pdata[i] : NULL;
}

static void
answer (const TsAsk *ask, gint64 number)
{
  ask->out->kind = TS_MEASURE_VALUE;
  ask->out->number = number;
}

/* Counts records of that phase; only the primary's own runs when of_runs. */
static void
count (TsAsk *ask, const char *phase, gboolean of_runs)
{
  gint64 n = 0;
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)); i++)
    if (in_window (ask, record) && ts_record_is (record, "resync") &&
        ts_record_says (record, "phase", phase) &&
        (ts_record_field (record, "run") != NULL) == of_runs)
      n++;
  answer (ask, n);
}

/* What the window added to a run's sums. */
static void
sum (TsAsk *ask, const char *key)
{
  gint64 total = 0, before = 0, run = -1;
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)); i++) {
    if (!ts_record_is (record, "resync") || !ts_record_field (record, "run"))
      continue;
    gint64 of = ts_record_get_int (record, "run", 0);
    if (of != run) {
      run = of;
      before = 0;
    }
    gint64 now = MAX (ts_record_get_int (record, key, 0), 0);
    if (in_window (ask, record) && now > before)
      total = now - before > G_MAXINT64 - total ? G_MAXINT64 : total + (now - before);
    before = MAX (before, now);
  }
  answer (ask, total);
}

void
ts_measure_resync_required (TsAsk *ask)
{
  count (ask, "required", FALSE);
}

void
ts_measure_resync_done (TsAsk *ask)
{
  count (ask, "done", TRUE);
}

void
ts_measure_resync_differing (TsAsk *ask)
{
  sum (ask, "differing_bytes");
}

void
ts_measure_resync_bytes (TsAsk *ask)
{
  sum (ask, "bytes");
}

void
ts_measure_resync_wire (TsAsk *ask)
{
  sum (ask, "wire_bytes");
}

/* The longest of those that ended in the window. */
void
ts_measure_resync_duration (TsAsk *ask)
{
  gint64 run = -1, from_us = 0, longest = -1;
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)); i++) {
    if (!ts_record_is (record, "resync") || !ts_record_field (record, "run"))
      continue;
    gint64 of = ts_record_get_int (record, "run", 0);
    if (ts_record_says (record, "phase", "begun")) {
      run = of;
      from_us = record->t_us;
    } else if (ts_record_says (record, "phase", "done") && of == run && in_window (ask, record) &&
               record->t_us - from_us > longest) {
      longest = record->t_us - from_us;
      ask->out->t_us = record->t_us;
    }
  }
  if (longest < 0)
    ts_answer_unknown (ask, "no resynchronization has ended");
  else
    answer (ask, longest);
}

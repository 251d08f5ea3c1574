/* results/measures-load.c -- what a machine wrote, and what keeping its replica cost the other site's
 * storage: record "load", told at a run's end by the simulator. */
#include "results/measures.h"

static const TsRecord *
load_of (TsAsk *ask)
{
  for (guint i = ask->facts->records->len; i > 0; i--) {
    const TsRecord *record = ask->facts->records->pdata[i - 1];
    if (ts_record_is (record, "load"))
      return record;
  }
  ts_answer_unknown (ask, "only the simulator counts what storage is asked for");
  return NULL;
}

static void
answer (TsAsk *ask, gint64 number)
{
  ask->out->kind = TS_MEASURE_VALUE;
  ask->out->number = number;
}

void
ts_measure_load_writes (TsAsk *ask)
{
  const TsRecord *load = load_of (ask);
  if (load)
    answer (ask, ts_record_get_int (load, "writes", 0));
}

/* A piece of a log is written when it comes and read when it is applied. */
void
ts_measure_load_replica (TsAsk *ask)
{
  const TsRecord *load = load_of (ask);
  if (load)
    answer (ask, 2 * ts_record_get_int (load, "log_writes", 0) +
                     ts_record_get_int (load, "apply_writes", 0));
}

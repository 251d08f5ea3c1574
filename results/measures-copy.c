/* results/measures-copy.c -- how long initial replication took. */
#include "results/measures.h"

/* From a copy's begin to the first point behind its end: only then is there anything to fail over
 * to.  The longest, when the machine was protected more than once. */
void
ts_measure_copy_duration (TsAsk *ask)
{
  gint64 begun_us = -1, longest_us = -1;
  gboolean done = FALSE;
  for (guint i = 0; i < ask->facts->records->len; i++) {
    const TsRecord *record = ask->facts->records->pdata[i];
    if (record->t_us < ask->from_us || record->t_us > ask->to_us)
      continue;
    if (ts_record_is (record, "copy") && ts_record_says (record, "phase", "begun")) {
      begun_us = record->t_us;
      done = FALSE;
    } else if (ts_record_is (record, "copy") && ts_record_says (record, "phase", "done"))
      done = begun_us >= 0;
    else if (ts_record_is (record, "point") && done && record->t_us - begun_us > longest_us) {
      longest_us = record->t_us - begun_us;
      ask->out->t_us = record->t_us;
      begun_us = -1;
      done = FALSE;
    }
  }
  if (longest_us < 0) {
    ts_answer_unknown (ask, "no initial replication was completed");
    return;
  }
  ask->out->kind = TS_MEASURE_VALUE;
  ask->out->number = longest_us;
}

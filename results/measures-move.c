/* results/measures-move.c -- machines and replicas that went to another host of their cloud, and for how
 * long they stood still (records "move": core/site/handover.h). */
#include "results/measures.h"

static const TsRecord *
move_at (const TsAsk *ask, guint i, const char *phase)
{
  const TsRecord *record = ask->facts->records->pdata[i];
  gboolean in = record->t_us >= ask->from_us && record->t_us <= ask->to_us;
  return in && ts_record_is (record, "move") && ts_record_says (record, "phase", phase) ? record : NULL;
}

static void
count (TsAsk *ask, const char *phase)
{
  ask->out->kind = TS_MEASURE_VALUE;
  for (guint i = 0; i < ask->facts->records->len; i++)
    ask->out->number += move_at (ask, i, phase) ? 1 : 0;
}

void
ts_measure_moves (TsAsk *ask)
{
  count (ask, "arrived");
}

void
ts_measure_moves_failed (TsAsk *ask)
{
  count (ask, "failed");
}

/* A replica, and a machine that was off, stand still at no cost: their records have no pause. */
void
ts_measure_move_pause (TsAsk *ask)
{
  gint64 longest = -1;
  for (guint i = 0; i < ask->facts->records->len; i++) {
    const TsRecord *record = move_at (ask, i, "arrived");
    if (!record)
      record = move_at (ask, i, "failed");
    gint64 pause_us = record ? ts_record_get_int (record, "pause_us", -1) : -1;
    if (pause_us > longest) {
      longest = pause_us;
      ask->out->t_us = record->t_us;
    }
  }
  if (longest < 0) {
    ts_answer_unknown (ask, "no machine was moved while it ran");
    return;
  }
  ask->out->kind = TS_MEASURE_VALUE;
  ask->out->number = longest;
}

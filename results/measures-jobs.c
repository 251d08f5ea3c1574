/* results/measures-jobs.c -- what a vault's jobs came to.
 *
 * Of the whole run, so the same for every VM: a job of a plan is of many. */
#include "results/measures.h"

static gboolean
in_window (const TsAsk *ask, const TsRecord *record)
{
  return record->t_us >= ask->from_us && record->t_us <= ask->to_us;
}

/* Records of that kind that say one of two things in "phase". */
static void
count (TsAsk *ask, const char *kind, const char *phase, const char *other)
{
  gint64 n = 0;
  for (guint i = 0; i < ask->facts->managed->len; i++) {
    const TsRecord *record = ask->facts->managed->pdata[i];
    if (in_window (ask, record) && ts_record_is (record, kind) &&
        (ts_record_says (record, "phase", phase) || (other && ts_record_says (record, "phase", other))))
      n++;
  }
  ask->out->kind = TS_MEASURE_VALUE;
  ask->out->number = n;
}

void
ts_measure_jobs_done (TsAsk *ask)
{
  count (ask, "job", "done", NULL);
}

void
ts_measure_jobs_failed (TsAsk *ask)
{
  count (ask, "job", "failed", "cancelled");
}

void
ts_measure_tasks_failed (TsAsk *ask)
{
  count (ask, "task", "failed", NULL);
}

void
ts_measure_scripts_failed (TsAsk *ask)
{
  count (ask, "script", "failed", NULL);
}

void
ts_measure_manual_confirmed (TsAsk *ask)
{
  count (ask, "manual_action", "done", NULL);
}

void
ts_measure_providers_refused (TsAsk *ask)
{
  count (ask, "fabric", "refused", NULL);
}

void
ts_measure_providers_lost (TsAsk *ask)
{
  count (ask, "fabric", "lost", NULL);
}

static gboolean
begins_plan (const TsRecord *record)
{
  return ts_record_is (record, "job") && ts_record_says (record, "phase", "begun") &&
         (ts_record_says (record, "scenario", "PlanPlannedFailover") ||
          ts_record_says (record, "scenario", "PlanUnplannedFailover"));
}

/* From the first plan's command to the last copy that serves, until another plan begins that is not
 * the same one again. */
void
ts_measure_rto_plan (TsAsk *ask)
{
  const TsRecord *first = NULL;
  gint64 served_us = -1;
  for (guint i = 0; i < ask->facts->managed->len; i++) {
    const TsRecord *record = ask->facts->managed->pdata[i];
    if (begins_plan (record)) {
      if (first && !ts_record_says (record, "scenario", ts_record_get_text (first, "scenario")))
        break;
      first = first ? first : record;
    } else if (first && ts_record_is (record, "failover") && ts_record_says (record, "phase", "serving"))
      served_us = record->t_us;
  }
  if (!first)
    ts_answer_unknown (ask, "no recovery plan has failed over");
  else if (served_us < 0) {
    ask->out->kind = TS_MEASURE_NEVER;
    ask->out->why = g_strdup ("no copy has served");
  } else {
    ask->out->kind = TS_MEASURE_VALUE;
    ask->out->number = served_us - first->t_us;
    ask->out->t_us = served_us;
  }
}

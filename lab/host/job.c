/* lab/host/job.c -- an action that blocks: performed on a worker, answered in the main loop. */
#include "lab/host/host-internal.h"

typedef struct {
  TsLabJob job; /* first */
  void (*run) (TsLabJob *job);
  void (*done) (TsLabJob *job);
} Job;

static void
job_run (gpointer data)
{
  Job *job = data;
  job->run (&job->job);
}

static void
job_done (gpointer data)
{
  Job *job = data;
  ts_lab_host_moment (job->job.relation->host, job->job.action.kind, TS_DEATH_AFTER);
  job->done (&job->job);
}

static void
job_drop (gpointer data)
{
  Job *job = data;
  ts_frame_clear (&job->job.action.frame);
  g_clear_pointer (&job->job.action.payload, g_bytes_unref);
  g_free (job->job.action.undo);
  g_clear_error (&job->job.error);
  ts_extents_free (job->job.map);
  g_clear_pointer (&job->job.hashes, g_bytes_unref);
  g_clear_pointer (&job->job.medium, g_bytes_unref);
  g_free (job);
}

void
ts_lab_job_start (TsLabRelation *relation, TsAction *action, TsLabWorker *worker,
                  void (*run) (TsLabJob *job), void (*done) (TsLabJob *job))
{
  Job *job = g_new0 (Job, 1);
  job->job.relation = relation;
  job->job.source = ts_lab_relation_source (relation);
  job->job.connection = relation->connection;
  job->job.action = *action;
  action->payload = NULL;
  action->frame.payload = NULL;
  action->undo = NULL;
  job->run = run;
  job->done = done ? done : ts_lab_job_done;
  ts_lab_worker_push (worker, job_run, job_done, job_drop, job);
}

void
ts_lab_job_done (TsLabJob *job)
{
  const TsAction *action = &job->action;
  gsize len = action->payload ? g_bytes_get_size (action->payload) : 0;
  TsEvent event = {
      .now_us = ts_lab_host_now_us (job->relation->host),
      .kind = TS_EVENT_DONE,
      .done = {.action = action->kind,
               .set = action->set,
               .disk = action->disk,
               .offset_bytes = action->offset_bytes + len,
               .ok = !job->error,
               .instant_us = job->instant_us,
               .logs = job->logs,
               .map = job->map,
               .hashes = job->hashes,
               .medium = job->medium,
               .sealed = &job->manifest},
  };
  if (job->error) {
    event.done.code = job->error->domain == TS_ERROR ? (TsErrorCode)job->error->code : TS_ERROR_IO;
    event.done.reason = job->error->message;
  }
  ts_lab_relation_step (job->relation, &event);
}

void
ts_lab_job_complain (TsLabJob *job)
{
  if (!job->error)
    return;
  TsLabRelation *relation = job->relation;
  TsRecord *record = ts_lab_host_record (relation->host, relation->vm, "failure");
  ts_record_text (record, "action", ts_action_name (job->action.kind));
  ts_lab_host_report (relation->host, ts_record_text (record, "reason", job->error->message));
}

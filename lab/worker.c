/* lab/worker.c -- see worker.h. */
#include "lab/worker.h"

struct _TsLabWorker {
  GThread *thread;
  GAsyncQueue *jobs; /* Job */
  gint stopping;     /* atomic: run nothing more */
};

typedef struct {
  TsLabWorker *worker; /* NULL in the job that ends the thread */
  TsLabWork run, done, drop;
  gpointer data;
} Job;

/* Jobs outlive their worker in the main context, so that they share this with it. */
static void
job_free (gpointer data)
{
  Job *job = data;
  job->drop (job->data);
  g_atomic_rc_box_release (job->worker);
  g_free (job);
}

static gboolean
job_done (gpointer data)
{
  Job *job = data;
  if (job->done && !g_atomic_int_get (&job->worker->stopping))
    job->done (job->data);
  return G_SOURCE_REMOVE;
}

static gpointer
work (gpointer data)
{
  GAsyncQueue *jobs = data;
  for (;;) {
    Job *job = g_async_queue_pop (jobs);
    if (!job->worker) {
      g_free (job);
      break;
    }
    if (!g_atomic_int_get (&job->worker->stopping))
      job->run (job->data);
    /* An idle source, not g_main_context_invoke: that may call from here.  Equal priorities keep
     * their order. */
    GSource *source = g_idle_source_new ();
    g_source_set_priority (source, G_PRIORITY_DEFAULT);
    g_source_set_callback (source, job_done, job, job_free);
    g_source_attach (source, NULL);
    g_source_unref (source);
  }
  g_async_queue_unref (jobs);
  return NULL;
}

TsLabWorker *
ts_lab_worker_new (const char *name)
{
  TsLabWorker *worker = g_atomic_rc_box_new0 (TsLabWorker);
  worker->jobs = g_async_queue_new ();
  worker->thread = g_thread_new (name, work, g_async_queue_ref (worker->jobs));
  return worker;
}

void
ts_lab_worker_push (TsLabWorker *worker, TsLabWork run, TsLabWork done, TsLabWork drop,
                    gpointer data)
{
  Job *job = g_new (Job, 1);
  *job = (Job){g_atomic_rc_box_acquire (worker), run, done, drop, data};
  g_async_queue_push (worker->jobs, job);
}

void
ts_lab_worker_free (TsLabWorker *worker)
{
  if (!worker)
    return;
  g_atomic_int_set (&worker->stopping, TRUE);
  g_async_queue_push (worker->jobs, g_new0 (Job, 1));
  g_thread_join (worker->thread);
  g_async_queue_unref (worker->jobs);
  g_atomic_rc_box_release (worker);
}

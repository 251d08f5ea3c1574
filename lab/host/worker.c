/* lab/host/worker.c -- see worker.h. */
#include "lab/host/worker.h"

struct _TsLabWorker {
  GThread *thread;
  GAsyncQueue *jobs; /* Job */
  gint stopping;     /* atomic: run nothing more */
  GSource *source;   /* tells the main context of what is in ended */
  GMutex lock;
  GQueue ended; /* Job, under lock: has run, or will not */
};

typedef struct {
  gboolean last; /* ends the thread; nothing else is in it */
  TsLabWork run, done, drop;
  gpointer data;
} Job;

typedef struct {
  GSource source;
  TsLabWorker *worker; /* referenced */
} EndedSource;

static void
worker_clear (gpointer data)
{
  TsLabWorker *worker = data;
  g_mutex_clear (&worker->lock);
}

static void
worker_unref (TsLabWorker *worker)
{
  g_atomic_rc_box_release_full (worker, worker_clear);
}

/* Takes all that has ended. */
static GQueue
take_ended (TsLabWorker *worker)
{
  g_mutex_lock (&worker->lock);
  GQueue ended = worker->ended;
  g_queue_init (&worker->ended);
  g_mutex_unlock (&worker->lock);
  return ended;
}

static void
settle (TsLabWorker *worker, GQueue *ended)
{
  for (Job *job; (job = g_queue_pop_head (ended));) {
    if (job->done && !g_atomic_int_get (&worker->stopping))
      job->done (job->data);
    job->drop (job->data);
    g_free (job);
  }
}

static gboolean
ended_dispatch (GSource *source, GSourceFunc callback, gpointer user)
{
  TsLabWorker *worker = g_atomic_rc_box_acquire (((EndedSource *)source)->worker);
  g_source_set_ready_time (source, -1); /* before the look, so that what comes now wakes us again */
  GQueue ended = take_ended (worker);
  settle (worker, &ended); /* may free the worker */
  worker_unref (worker);
  return G_SOURCE_CONTINUE;
}

static void
ended_finalize (GSource *source)
{
  worker_unref (((EndedSource *)source)->worker);
}

static GSourceFuncs ended_funcs = {.dispatch = ended_dispatch, .finalize = ended_finalize};

static gpointer
work (gpointer data)
{
  TsLabWorker *worker = data;
  for (;;) {
    Job *job = g_async_queue_pop (worker->jobs);
    if (job->last) {
      g_free (job);
      return NULL;
    }
    if (!g_atomic_int_get (&worker->stopping))
      job->run (job->data);
    /* One wake-up for all that has ended meanwhile: an own source for each cost more than the job.
     */
    g_mutex_lock (&worker->lock);
    gboolean first = worker->ended.length == 0;
    g_queue_push_tail (&worker->ended, job);
    g_mutex_unlock (&worker->lock);
    if (first)
      g_source_set_ready_time (worker->source, 0);
  }
}

TsLabWorker *
ts_lab_worker_new (const char *name)
{
  TsLabWorker *worker = g_atomic_rc_box_new0 (TsLabWorker);
  g_mutex_init (&worker->lock);
  g_queue_init (&worker->ended);
  worker->jobs = g_async_queue_new ();
  worker->source = g_source_new (&ended_funcs, sizeof (EndedSource));
  ((EndedSource *)worker->source)->worker = g_atomic_rc_box_acquire (worker);
  g_source_set_static_name (worker->source, "worker");
  g_source_attach (worker->source, NULL);
  worker->thread = g_thread_new (name, work, worker);
  return worker;
}

void
ts_lab_worker_push (TsLabWorker *worker, TsLabWork run, TsLabWork done, TsLabWork drop,
                    gpointer data)
{
  Job *job = g_new (Job, 1);
  *job = (Job){FALSE, run, done, drop, data};
  g_async_queue_push (worker->jobs, job);
}

void
ts_lab_worker_free (TsLabWorker *worker)
{
  if (!worker)
    return;
  Job *last = g_new0 (Job, 1);
  last->last = TRUE;
  g_atomic_int_set (&worker->stopping, TRUE);
  g_async_queue_push (worker->jobs, last);
  g_thread_join (worker->thread);
  g_async_queue_unref (worker->jobs);
  GQueue ended = take_ended (worker);
  settle (worker, &ended);
  g_source_destroy (worker->source);
  g_source_unref (worker->source);
  worker_unref (worker);
}

/* lab/host/worker.h -- a thread that does blocking work, one job after the other, for the main loop. */
#pragma once
#include <glib.h>

typedef struct _TsLabWorker TsLabWorker;
typedef void (*TsLabWork) (gpointer job);

TsLabWorker *ts_lab_worker_new (const char *name) G_GNUC_WARN_UNUSED_RESULT;
/* run: on the thread; done (may be NULL): then in the default main context; drop: at last, there
 * too, whatever happened.  All in the order of the pushes.  To be called from the main loop's
 * thread. */
void ts_lab_worker_push (TsLabWorker *worker, TsLabWork run, TsLabWork done, TsLabWork drop,
                         gpointer job);
/* Waits for the job that runs; what has not run is not run, and no done comes any more. */
void ts_lab_worker_free (TsLabWorker *worker); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabWorker, ts_lab_worker_free)

/* lab/bench/qmp.h -- orders for a qemu-storage-daemon: QMP over a unix socket, one at a time. */
#pragma once
#include <glib.h>

typedef struct _TsBenchQmp TsBenchQmp;

/* Connects (trying for timeout_us) and greets. */
TsBenchQmp *ts_bench_qmp_open (const char *path, gint64 timeout_us, GError **error);
void ts_bench_qmp_free (TsBenchQmp *qmp); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsBenchQmp, ts_bench_qmp_free)
/* One command, as JSON; what QEMU says against it is the error. */
gboolean ts_bench_qmp_do (TsBenchQmp *qmp, const char *command, GError **error);
/* Waits for the end of the block job that runs; TS_ERROR_IO when it failed. */
gboolean ts_bench_qmp_job_end (TsBenchQmp *qmp, gint64 timeout_us, GError **error);

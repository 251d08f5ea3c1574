/* lab/bench/room.h -- where a bench runs: a room of its own, and what is run in it.
 *
 * The room is three namespaces: processes (all of them end with the bench, whatever happens),
 * mounts, and a network that has nothing but a loopback interface. */
#pragma once
#include <glib.h>
#include <sys/types.h>

/* Goes on as the first process of a new room; the process that called waits, removes folder with
 * all that is in it, and exits with our exit code; interrupted, it ends the room first.  To be
 * called before there are threads.  TS_ERROR_UNAVAILABLE where that is not permitted. */
gboolean ts_bench_room_enter (const char *folder, GError **error);

/* Starts argv, found through PATH, with its output appended to log_path.  A pid, or -1. */
pid_t ts_bench_start (const char *const *argv, const char *log_path, GError **error);
/* Runs argv to its end: TRUE when that was exit code 0.  At most timeout_us. */
gboolean ts_bench_run (const char *const *argv, const char *log_path, gint64 timeout_us,
                       GError **error);
/* Waits until it has ended; TS_ERROR_AGAIN: it has not in time, and was killed. */
gboolean ts_bench_wait (pid_t pid, const char *what, gint64 timeout_us, GError **error);
/* SIGKILL, and reaped.  Fine with 0 and -1. */
void ts_bench_kill (pid_t pid);
/* Every process in the room but us, as it is now. */
GArray *ts_bench_processes (void); /* pid_t */
/* Stops them, or lets them go on: a contender whose turn it is not costs nothing. */
void ts_bench_hold (const GArray *pids /* pid_t */, gboolean hold);
/* Waits until somebody listens on that port of 127.0.0.1. */
gboolean ts_bench_wait_port (guint16 port, gint64 timeout_us, GError **error);

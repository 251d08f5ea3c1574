/* lab/site/helper.h -- this program, started again as a process that serves the runner: site-init, wan.
 *
 * A helper dies with the runner in two ways: by signal (PR_SET_PDEATHSIG) and because its end of
 * the socket tells it so; either alone would do.  The signal is tied to the thread that started the
 * helper: start helpers from a thread that lives as long as the run (the main thread).
 *
 * The program started is this one (/proc/self/exe), or $TWINSITE_SELF.  Its main() must begin with
 *     int status;
 *     if (ts_lab_helper_main (argc, argv, &status))
 *       return status;
 * One owner, no locks. */
#pragma once
#include <glib.h>
#include <sys/types.h>
#include "core/base/error.h"

/* Runs the helper that argv[1] names, if it names one: TRUE, and the process's exit status. */
gboolean ts_lab_helper_main (int argc, char **argv, int *status);

/* --- the runner's side --- */

typedef struct {
  const char *role; /* for messages */
  pid_t pid;        /* our child; 0: none */
  int fd;           /* packets, to and fro; -1: none */
} TsLabHelper;

#define TS_LAB_HELPER_NONE                                                                         \
  {                                                                                                \
    NULL, 0, -1                                                                                    \
  }

/* role: argv[1], a static text; name: argv[2], only for who looks at the process list.  log_path:
 * its output is appended there; NULL: it shares ours. */
gboolean ts_lab_helper_start (TsLabHelper *helper, const char *role, const char *name,
                              const char *log_path, GError **error);

/* Sends request (nothing when it is NULL) and waits for one answer, at most timeout_us.  Returns
 * the answer's length; -1 on failure: the helper's own error, or TS_ERROR_LOST when it is gone or
 * does not answer (it is given up then: every later call says LOST). */
gssize ts_lab_helper_call (TsLabHelper *helper, const void *request, gsize request_bytes,
                           void *answer, gsize answer_bytes, gint64 timeout_us, GError **error);

/* Lets go of it, waits until it has ended, at most timeout_us, then kills it.  Fine when none. */
void ts_lab_helper_stop (TsLabHelper *helper, gint64 timeout_us);

/* TRUE when the process behind pidfd has ended, waiting at most timeout_us. */
gboolean ts_lab_pidfd_wait (int pidfd, gint64 timeout_us);

/* --- the helper's side --- */

#define TS_LAB_HELPER_FD 3 /* its end of the socket; closed on exec */

/* Dies when the parent does.  Returns FALSE when the parent (as it was when we were started) is
 * already gone.  parent: its pid, or 0 when it cannot be seen (another process namespace). */
gboolean ts_lab_die_with_parent (pid_t parent);

gboolean ts_lab_helper_answer (const void *answer, gsize answer_bytes);
/* Answers with an error. */
void ts_lab_helper_refuse (const GError *reason);

int ts_lab_site_main (int argc, char **argv);
int ts_lab_wan_main (int argc, char **argv);

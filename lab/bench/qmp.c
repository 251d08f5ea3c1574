/* lab/bench/qmp.c -- see qmp.h.  Each message is one line, of which only its kind is looked at. */
#include "lab/bench/qmp.h"
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"

#define ANSWER_US (30 * TS_S)

struct _TsBenchQmp {
  int fd;
  GString *text;  /* received, not yet a whole line */
  gboolean ended; /* a job has */
  char *failed;   /* how */
};

/* The next line; NULL: none in time, or the daemon is gone. */
static char *
next_line (TsBenchQmp *qmp, gint64 until_us, GError **error)
{
  for (;;) {
    char *end = strchr (qmp->text->str, '\n');
    if (end) {
      char *line = g_strndup (qmp->text->str, (gsize)(end - qmp->text->str));
      g_string_erase (qmp->text, 0, end - qmp->text->str + 1);
      return line;
    }
    gint64 left_us = MAX (until_us - g_get_monotonic_time (), 1);
    struct timeval patience = {.tv_sec = left_us / TS_S, .tv_usec = left_us % TS_S};
    char piece[4096];
    setsockopt (qmp->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    gssize bytes = recv (qmp->fd, piece, sizeof piece, 0);
    if (bytes <= 0) {
      ts_throw (error, TS_ERROR_LOST, "the storage daemon does not answer");
      return NULL;
    }
    g_string_append_len (qmp->text, piece, bytes);
  }
}

static void
note_event (TsBenchQmp *qmp, const char *line)
{
  if (!strstr (line, "\"BLOCK_JOB_COMPLETED\"") && !strstr (line, "\"BLOCK_JOB_CANCELLED\""))
    return;
  qmp->ended = TRUE;
  if (strstr (line, "\"error\"") || strstr (line, "CANCELLED")) {
    g_free (qmp->failed);
    qmp->failed = g_strdup (line);
  }
}

gboolean
ts_bench_qmp_do (TsBenchQmp *qmp, const char *command, GError **error)
{
  gint64 until_us = g_get_monotonic_time () + ANSWER_US;
  gsize len = strlen (command);
  if (send (qmp->fd, command, len, MSG_NOSIGNAL) != (gssize)len ||
      send (qmp->fd, "\n", 1, MSG_NOSIGNAL) != 1)
    return ts_throw_errno (error, "tell the storage daemon");
  for (;;) {
    g_autofree char *line = next_line (qmp, until_us, error);
    if (!line)
      return FALSE;
    if (strstr (line, "\"event\""))
      note_event (qmp, line);
    else if (g_str_has_prefix (line, "{\"error\"") || strstr (line, "\"desc\""))
      return ts_throw (error, TS_ERROR_IO, "the storage daemon: %s", line);
    else if (strstr (line, "\"return\""))
      return TRUE;
  }
}

gboolean
ts_bench_qmp_job_end (TsBenchQmp *qmp, gint64 timeout_us, GError **error)
{
  gint64 until_us = g_get_monotonic_time () + timeout_us;
  while (!qmp->ended) {
    g_autofree char *line = next_line (qmp, until_us, error);
    if (!line)
      return FALSE;
    note_event (qmp, line);
  }
  qmp->ended = FALSE;
  g_autofree char *failed = g_steal_pointer (&qmp->failed);
  return !failed || ts_throw (error, TS_ERROR_IO, "the storage daemon's job: %s", failed);
}

TsBenchQmp *
ts_bench_qmp_open (const char *path, gint64 timeout_us, GError **error)
{
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  gint64 end_us = g_get_monotonic_time () + timeout_us;
  g_autoptr (TsBenchQmp) qmp = g_new0 (TsBenchQmp, 1);
  qmp->text = g_string_new (NULL);
  qmp->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_strlcpy (to.sun_path, path, sizeof to.sun_path);
  while (connect (qmp->fd, (struct sockaddr *)&to, sizeof to) < 0) {
    if (g_get_monotonic_time () >= end_us) {
      ts_throw_errno (error, "connect to %s", path);
      return NULL;
    }
    g_usleep (5000);
  }
  return ts_bench_qmp_do (qmp, "{\"execute\":\"qmp_capabilities\"}", error) ? g_steal_pointer (&qmp)
                                                                            : NULL;
}

void
ts_bench_qmp_free (TsBenchQmp *qmp)
{
  if (!qmp)
    return;
  close (qmp->fd);
  g_string_free (qmp->text, TRUE);
  g_free (qmp->failed);
  g_free (qmp);
}

/* lab/command.c -- see command.h. */
#include "lab/command.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (1024 * 1024)
#define ERROR_MAX 2048

static void
die_with_parent (gpointer user)
{
  (void)user;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static gboolean
spawn (const char *const *argv, const char *package, pid_t *pid, int *output_fd, int *error_fd,
       GError **error)
{
  g_autoptr (GError) why = NULL;
  GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD;
  if (!output_fd)
    flags |= G_SPAWN_STDOUT_TO_DEV_NULL;
  if (g_spawn_async_with_pipes (NULL, (char **)argv, NULL, flags, die_with_parent, NULL, pid, NULL,
                                output_fd, error_fd, &why)) {
    fcntl (*error_fd, F_SETFL, O_NONBLOCK);
    return TRUE;
  }
  if (g_error_matches (why, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
    return ts_throw (error, TS_ERROR_UNAVAILABLE, "%s is missing: apt-get install %s", argv[0],
                     package);
  return ts_throw (error, TS_ERROR_IO, "start %s: %s", argv[0], why->message);
}

/* What is there is appended to text, as long as it is shorter than max; FALSE at the end. */
static gboolean
drain (int fd, GString *text, gsize max)
{
  char bytes[4096];
  gssize got = read (fd, bytes, sizeof bytes);
  if (got < 0)
    return errno == EINTR || errno == EAGAIN;
  if (got > 0 && text->len < max)
    g_string_append_len (text, bytes, (gssize)MIN ((gsize)got, max - text->len));
  return got > 0;
}

static gboolean
throw_end (const char *name, int status, GString *said, GError **error)
{
  g_strdelimit (g_strchomp (said->str), "\n", ' ');
  TsErrorCode code = strstr (said->str, "No space left") ? TS_ERROR_FULL : TS_ERROR_IO;
  if (WIFSIGNALED (status))
    return ts_throw (error, code, "%s: ended by signal %d: %s", name, WTERMSIG (status), said->str);
  return ts_throw (error, code, "%s: exit code %d: %s", name, WEXITSTATUS (status), said->str);
}

gboolean
ts_lab_child_start (TsLabChild *child, const char *const *argv, const char *package, GError **error)
{
  *child = (TsLabChild){0, -1};
  return spawn (argv, package, &child->pid, NULL, &child->error_fd, error);
}

gboolean
ts_lab_child_alive (TsLabChild *child, GError **error)
{
  int status;
  if (child->pid <= 0)
    return ts_throw (error, TS_ERROR_LOST, "the program is not running");
  pid_t ended = waitpid (child->pid, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR))
    return TRUE;
  if (ended < 0)
    status = 0;
  g_autoptr (GString) said = g_string_new (NULL);
  while (said->len < ERROR_MAX && drain (child->error_fd, said, ERROR_MAX)) {
    struct pollfd ready = {child->error_fd, POLLIN, 0};
    if (poll (&ready, 1, 0) <= 0)
      break;
  }
  close (child->error_fd);
  *child = (TsLabChild){0, -1};
  return throw_end ("program", status, said, error);
}

void
ts_lab_child_kill (TsLabChild *child)
{
  if (child->pid > 0) {
    kill (child->pid, SIGKILL);
    while (waitpid (child->pid, NULL, 0) < 0 && errno == EINTR)
      continue;
    close (child->error_fd);
  }
  *child = (TsLabChild){0, -1};
}

gboolean
ts_lab_command (const char *const *argv, const char *package, gint64 timeout_us, char **output,
                GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  pid_t pid;
  int fd[2] = {-1, -1};
  if (!spawn (argv, package, &pid, output ? &fd[0] : NULL, &fd[1], error))
    return FALSE;
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GString) said = g_string_new (NULL);
  GString *text[2] = {out, said};
  gsize max[2] = {OUTPUT_MAX, ERROR_MAX};
  gint64 end_us = g_get_monotonic_time () + timeout_us;
  gboolean late = FALSE;
  /* Both pipes closed means that it is ending; it has no children that could hold them. */
  while (!late && (fd[0] >= 0 || fd[1] >= 0)) {
    gint64 left_us = end_us - g_get_monotonic_time ();
    struct pollfd ready[2] = {{fd[0], POLLIN, 0}, {fd[1], POLLIN, 0}};
    late = left_us <= 0;
    if (late || poll (ready, 2, (int)MIN (left_us / 1000 + 1, 60000)) <= 0)
      continue;
    for (int i = 0; i < 2; i++)
      if (fd[i] >= 0 && ready[i].revents && !drain (fd[i], text[i], max[i])) {
        close (fd[i]);
        fd[i] = -1;
      }
  }
  for (int i = 0; i < 2; i++)
    if (fd[i] >= 0)
      close (fd[i]);
  if (late)
    kill (pid, SIGKILL);
  int status = 0;
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    continue;
  if (late)
    return ts_throw (error, TS_ERROR_AGAIN, "%s: not done after %" G_GINT64_FORMAT " ms, ended",
                     argv[0], timeout_us / 1000);
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    return throw_end (argv[0], status, said, error);
  if (output)
    *output = g_string_free (g_steal_pointer (&out), FALSE);
  return TRUE;
}

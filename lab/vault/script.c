/* lab/vault/script.c -- see script.h. */
#include "lab/vault/script.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX 4096
#define KEPT_MAX (1 << 20) /* bytes of a file that a script may write */

struct _TsLabScript {
  void (*done) (TsLabScript *script, const TsLabScriptEnd *end, gpointer user);
  gpointer user;
  char *files[2]; /* output, complaint */
  GPid pid;       /* 0: none */
  guint watch, limit, idle; /* sources */
  gboolean killed, missing;
};

static void
set_up_child (gpointer user)
{
  struct rlimit file = {KEPT_MAX, KEPT_MAX};
  setpgid (0, 0); /* so that all that it starts can be killed with it */
  setrlimit (RLIMIT_FSIZE, &file);
  signal (SIGPIPE, SIG_DFL);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static char *
said (const char *path)
{
  char *text = NULL;
  gsize len = 0;
  if (!g_file_get_contents (path, &text, &len, NULL))
    return g_strdup ("");
  char *valid = g_utf8_make_valid (text, (gssize)MIN (len, SAID_MAX));
  g_free (text);
  return valid;
}

static void
tell (TsLabScript *script, gint exit_status)
{
  g_autofree char *output = said (script->files[0]), *complaint = said (script->files[1]);
  const TsLabScriptEnd end = {script->missing, script->killed, exit_status, output, complaint};
  script->done (script, &end, script->user);
  ts_lab_script_free (script);
}

static void
ended (GPid pid, gint status, gpointer user)
{
  TsLabScript *script = user;
  script->watch = 0;
  kill (-pid, SIGKILL); /* what it has left behind */
  g_spawn_close_pid (pid);
  script->pid = 0;
  tell (script, WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status));
}

static gboolean
too_long (gpointer user)
{
  TsLabScript *script = user;
  script->limit = 0;
  script->killed = TRUE;
  kill (-script->pid, SIGKILL);
  return G_SOURCE_REMOVE;
}

static gboolean
tell_missing (gpointer user)
{
  TsLabScript *script = user;
  script->idle = 0;
  tell (script, 127);
  return G_SOURCE_REMOVE;
}

/* The executable; NULL: it is not in the library. */
static char *
find (const char *library, const char *path)
{
  g_auto (GStrv) segments = g_strsplit (path, "/", -1);
  if (!*library || path[0] == '/')
    return NULL;
  for (guint i = 0; segments[i]; i++)
    if (g_str_equal (segments[i], "..") || *segments[i] == '\0')
      return NULL;
  char *full = g_build_filename (library, path, NULL);
  if (g_file_test (full, G_FILE_TEST_IS_REGULAR) && g_access (full, X_OK) == 0)
    return full;
  g_free (full);
  return NULL;
}

static gboolean
start (TsLabScript *script, const char *executable, const char *library, char **arguments)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  int fds[2];
  g_ptr_array_add (argv, (gpointer)executable);
  for (guint i = 0; arguments && arguments[i]; i++)
    g_ptr_array_add (argv, arguments[i]);
  g_ptr_array_add (argv, NULL);
  for (guint i = 0; i < 2; i++)
    fds[i] = g_open (script->files[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  gboolean good = fds[0] >= 0 && fds[1] >= 0 &&
                  g_spawn_async_with_fds (library, (char **)argv->pdata, NULL,
                                          G_SPAWN_DO_NOT_REAP_CHILD, set_up_child, NULL, &script->pid,
                                          -1, fds[0], fds[1], &error);
  for (guint i = 0; i < 2; i++)
    if (fds[i] >= 0)
      close (fds[i]);
  if (!good && error) /* for people: no interpreter, not for this processor ... */
    g_file_set_contents (script->files[1], error->message, -1, NULL);
  return good;
}

TsLabScript *
ts_lab_script_run (const char *library, const char *path, char **arguments, gint64 limit_us,
                   const char *kept, const char *name,
                   void (*done) (TsLabScript *script, const TsLabScriptEnd *end, gpointer user),
                   gpointer user)
{
  TsLabScript *script = g_new0 (TsLabScript, 1);
  script->done = done;
  script->user = user;
  g_mkdir_with_parents (kept, 0755);
  script->files[0] = g_strdup_printf ("%s/%s.out", kept, name);
  script->files[1] = g_strdup_printf ("%s/%s.err", kept, name);
  g_autofree char *executable = find (library, path);
  if (executable && start (script, executable, library, arguments)) {
    script->watch = g_child_watch_add (script->pid, ended, script);
    script->limit = g_timeout_add ((guint)CLAMP (limit_us / 1000, 1, G_MAXINT), too_long, script);
  } else {
    script->missing = executable == NULL;
    script->idle = g_idle_add (tell_missing, script);
  }
  return script;
}

void
ts_lab_script_free (TsLabScript *script)
{
  if (!script)
    return;
  if (script->watch)
    g_source_remove (script->watch);
  if (script->limit)
    g_source_remove (script->limit);
  if (script->idle)
    g_source_remove (script->idle);
  if (script->pid > 0) {
    kill (-script->pid, SIGKILL);
    kill (script->pid, SIGKILL);
    waitpid (script->pid, NULL, 0);
  }
  g_free (script->files[0]);
  g_free (script->files[1]);
  g_free (script);
}

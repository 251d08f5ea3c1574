/* lab/bench/room.c -- see room.h. */
#include "lab/bench/room.h"
#include "core/base/error.h"
#include "lab/site/layout.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_US 1000

static int
exit_code (int status)
{
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

static gboolean
raise_loopback (GError **error)
{
  struct ifreq request = {0};
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_strlcpy (request.ifr_name, "lo", sizeof request.ifr_name);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  gboolean up = fd >= 0 && ioctl (fd, SIOCSIFFLAGS, &request) == 0;
  if (!up)
    ts_throw_errno (error, "loopback of the bench's room");
  if (fd >= 0)
    close (fd);
  return up;
}

static volatile pid_t room; /* its first process, for who interrupts us */

static void
end_room (int signal_number)
{
  (void)signal_number;
  kill (room, SIGKILL);
}

static G_GNUC_NORETURN void
watch_room (pid_t first, const char *folder)
{
  struct sigaction action = {.sa_handler = end_room};
  int status = 0;
  room = first;
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGHUP, &action, NULL);
  while (waitpid (first, &status, 0) < 0 && errno == EINTR)
    continue;
  g_autoptr (GError) error = NULL;
  if (!g_getenv ("TWINSITE_KEEP") && !ts_lab_remove_tree (folder, &error))
    g_printerr ("twinsite bench: %s\n", error->message);
  exit (exit_code (status));
}

gboolean
ts_bench_room_enter (const char *folder, GError **error)
{
  if (unshare (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) < 0)
    return ts_throw (error, TS_ERROR_UNAVAILABLE,
                     "a bench needs namespaces of its own, and they are not permitted (%s): run as "
                     "root",
                     g_strerror (errno));
  pid_t first = fork ();
  if (first < 0)
    return ts_throw_errno (error, "fork");
  if (first > 0)
    watch_room (first, folder);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
      mount ("proc", "/proc", "proc", 0, NULL) < 0 || mount ("none", "/run", "tmpfs", 0, NULL) < 0)
    return ts_throw_errno (error, "mount /proc and /run of the bench's room");
  return raise_loopback (error);
}

/* --- processes -------------------------------------------------------------------------------- */

pid_t
ts_bench_start (const char *const *argv, const char *log_path, GError **error)
{
  g_autofree char *program = g_find_program_in_path (argv[0]);
  if (!program) {
    ts_throw (error, TS_ERROR_UNAVAILABLE, "%s is not installed", argv[0]);
    return -1;
  }
  int log = open (log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  int nothing = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_t pid = log < 0 || nothing < 0 ? -1 : fork ();
  if (pid < 0)
    ts_throw_errno (error, "start %s (log %s)", argv[0], log_path);
  if (pid == 0) {
    dup2 (nothing, 0);
    dup2 (log, 1);
    dup2 (log, 2);
    execv (program, (char *const *)argv);
    _exit (127);
  }
  if (log >= 0)
    close (log);
  if (nothing >= 0)
    close (nothing);
  return pid;
}

gboolean
ts_bench_wait (pid_t pid, const char *what, gint64 timeout_us, GError **error)
{
  gint64 end_us = g_get_monotonic_time () + timeout_us;
  int status = 0;
  for (;;) {
    pid_t ended = waitpid (pid, &status, WNOHANG);
    if (ended == pid)
      break;
    if (ended < 0 && errno != EINTR)
      return ts_throw_errno (error, "wait for %s", what);
    if (g_get_monotonic_time () >= end_us) {
      ts_bench_kill (pid);
      return ts_throw (error, TS_ERROR_AGAIN, "%s has not ended in time", what);
    }
    g_usleep (POLL_US);
  }
  return exit_code (status) == 0 ||
         ts_throw (error, TS_ERROR_IO, "%s ended with %d", what, exit_code (status));
}

gboolean
ts_bench_run (const char *const *argv, const char *log_path, gint64 timeout_us, GError **error)
{
  pid_t pid = ts_bench_start (argv, log_path, error);
  if (pid < 0)
    return FALSE;
  if (ts_bench_wait (pid, argv[0], timeout_us, error))
    return TRUE;
  g_prefix_error (error, "see %s: ", log_path);
  return FALSE;
}

void
ts_bench_kill (pid_t pid)
{
  if (pid <= 0)
    return;
  kill (pid, SIGKILL);
  while (waitpid (pid, NULL, 0) < 0 && errno == EINTR)
    continue;
}

GArray *
ts_bench_processes (void)
{
  GArray *pids = g_array_new (FALSE, FALSE, sizeof (pid_t));
  DIR *processes = opendir ("/proc");
  for (struct dirent *entry; processes && (entry = readdir (processes));) {
    pid_t pid = (pid_t)g_ascii_strtoll (entry->d_name, NULL, 10);
    if (pid > 0 && pid != getpid ())
      g_array_append_val (pids, pid);
  }
  if (processes)
    closedir (processes);
  return pids;
}

void
ts_bench_hold (const GArray *pids, gboolean hold)
{
  for (guint i = 0; i < pids->len; i++)
    kill (g_array_index (pids, pid_t, i), hold ? SIGSTOP : SIGCONT);
}

gboolean
ts_bench_wait_port (guint16 port, gint64 timeout_us, GError **error)
{
  gint64 end_us = g_get_monotonic_time () + timeout_us;
  for (;;) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons (port)};
    to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean there = fd >= 0 && connect (fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (fd >= 0)
      close (fd);
    if (there)
      return TRUE;
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_LOST, "nobody listens on port %u", port);
    g_usleep (10 * POLL_US);
  }
}

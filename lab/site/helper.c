/* lab/site/helper.c -- see helper.h.  Answers are packets: 'A' and the answer, or 'E', a TsErrorCode and
 * the text. */
#include "lab/site/helper.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/units.h"

#define TEXT_MAX 1024

gboolean
ts_lab_helper_main (int argc, char **argv, int *status)
{
  static const struct {
    const char *role;
    int (*main) (int argc, char **argv);
  } roles[] = {{"site-init", ts_lab_site_main}, {"wan", ts_lab_wan_main}};

  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (roles); i++) {
    int type = 0;
    socklen_t size = sizeof type;
    if (strcmp (argv[1], roles[i].role) != 0)
      continue;
    if (getsockopt (TS_LAB_HELPER_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        type != SOCK_SEQPACKET) {
      g_printerr ("twinsite: %s is started by the lab, not by hand\n", argv[1]);
      *status = 64;
      return TRUE;
    }
    (void)fcntl (TS_LAB_HELPER_FD, F_SETFD, FD_CLOEXEC);
    *status = roles[i].main (argc, argv);
    return TRUE;
  }
  return FALSE;
}

gboolean
ts_lab_die_with_parent (pid_t parent)
{
  if (prctl (PR_SET_PDEATHSIG, SIGKILL) < 0)
    return FALSE;
  return parent == 0 || getppid () == parent;
}

/* In the child, between fork and exec: the runner may have threads, so nothing here may allocate.
 */
static void G_GNUC_NORETURN
become_helper (pid_t parent, int fd, int in, int out, const char *path, char *const *argv)
{
  static const char failed[] = "E\0the program cannot be started again";
  sigset_t none;

  if (!ts_lab_die_with_parent (parent))
    _exit (1);
  /* A session of its own: Ctrl-C is the runner's to answer. */
  setsid ();
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  signal (SIGPIPE, SIG_DFL);
  if (dup2 (in, 0) < 0 || (out >= 0 && (dup2 (out, 1) < 0 || dup2 (out, 2) < 0)))
    _exit (1);
  /* From here on fd may be overwritten by itself only: it lies above 3, see below. */
  if (dup2 (fd, TS_LAB_HELPER_FD) < 0)
    _exit (1);
  /* A forgotten copy of another helper's socket would keep that one from hearing of our end. */
  close_range (TS_LAB_HELPER_FD + 1, ~0U, 0);
  execv (path, argv);
  (void)!send (TS_LAB_HELPER_FD, failed, sizeof failed - 1, MSG_NOSIGNAL);
  _exit (127);
}

/* Moves fd out of the way of the fixed numbers. */
static int
lift (int fd)
{
  if (fd < 0 || fd > TS_LAB_HELPER_FD)
    return fd;
  int high = fcntl (fd, F_DUPFD_CLOEXEC, TS_LAB_HELPER_FD + 1);
  int saved = errno;
  close (fd);
  errno = saved;
  return high;
}

static void
close_if_open (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

gboolean
ts_lab_helper_start (TsLabHelper *helper, const char *role, const char *name, const char *log_path,
                     GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  const char *self = g_getenv ("TWINSITE_SELF");
  const char *path = self != NULL && *self != '\0' ? self : "/proc/self/exe";
  char *argv[] = {(char *)"twinsite", (char *)role, (char *)name, NULL};
  int ends[2] = {-1, -1}, in = -1, out = -1;

  *helper = (TsLabHelper){.role = role, .fd = -1};
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return ts_throw_errno (error, "socket for %s", role);
  ends[1] = lift (ends[1]);
  in = lift (open ("/dev/null", O_RDONLY | O_CLOEXEC));
  if (log_path != NULL)
    out = lift (open (log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  pid_t pid = -1;
  if (ends[1] < 0 || in < 0) {
    ts_throw_errno (error, "start %s", role);
  } else if (log_path != NULL && out < 0) {
    ts_throw_errno (error, "open %s", log_path);
  } else {
    pid_t parent = getpid ();
    pid = fork ();
    if (pid == 0)
      become_helper (parent, ends[1], in, out, path, argv);
    if (pid < 0)
      ts_throw_errno (error, "fork %s", role);
  }
  close_if_open (&ends[1]);
  close_if_open (&in);
  close_if_open (&out);
  if (pid < 0) {
    close_if_open (&ends[0]);
    return FALSE;
  }
  helper->pid = pid;
  helper->fd = ends[0];
  return TRUE;
}

static gboolean
readable_within (int fd, gint64 timeout_us)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;
  for (;;) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    gint64 left_us = MAX (0, deadline_us - g_get_monotonic_time ());
    struct timespec left = {.tv_sec = left_us / TS_S, .tv_nsec = left_us % TS_S * 1000};
    int n = ppoll (&entry, 1, &left, NULL);
    if (n > 0)
      return TRUE;
    if (n == 0 || errno != EINTR)
      return FALSE;
  }
}

gssize
ts_lab_helper_call (TsLabHelper *helper, const void *request, gsize request_bytes, void *answer,
                    gsize answer_bytes, gint64 timeout_us, GError **error)
{
  char packet[4096];
  gssize n;

  if (helper->fd < 0) {
    ts_throw (error, TS_ERROR_LOST, "%s is gone", helper->role);
    return -1;
  }
  /* Non-blocking: a helper that does not read must not hold us; its buffer takes our few requests.
   */
  if (request != NULL &&
      send (helper->fd, request, request_bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    int saved = errno;
    if (saved == EMSGSIZE || saved == ENOBUFS) /* nothing has been sent */
      ts_throw (error, TS_ERROR_ARGUMENT, "request to %s of %zu bytes: %s", helper->role,
                request_bytes, g_strerror (saved));
    else
      ts_throw (error, TS_ERROR_LOST, "%s is gone: %s", helper->role, g_strerror (saved));
    return -1;
  }
  if (!readable_within (helper->fd, timeout_us)) {
    /* A late answer would be taken for the next one's. */
    close_if_open (&helper->fd);
    ts_throw (error, TS_ERROR_LOST, "%s gave no answer within %" G_GINT64_FORMAT " ms",
              helper->role, timeout_us / TS_MS);
    return -1;
  }
  do
    n = recv (helper->fd, packet, sizeof packet, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n <= 0) {
    close_if_open (&helper->fd);
    ts_throw (error, TS_ERROR_LOST, "%s is gone", helper->role);
    return -1;
  }
  if (packet[0] == 'E' && n >= 2) {
    ts_throw (error, (TsErrorCode)packet[1], "%.*s", (int)(n - 2), packet + 2);
    return -1;
  }
  if (packet[0] != 'A' || (gsize)(n - 1) > answer_bytes) {
    ts_throw (error, TS_ERROR_INTERNAL, "%s gave a wrong answer", helper->role);
    return -1;
  }
  if (n > 1)
    memcpy (answer, packet + 1, (gsize)(n - 1));
  return n - 1;
}

gboolean
ts_lab_pidfd_wait (int pidfd, gint64 timeout_us)
{
  return readable_within (pidfd, timeout_us);
}

void
ts_lab_helper_stop (TsLabHelper *helper, gint64 timeout_us)
{
  close_if_open (&helper->fd); /* it hears of that and ends */
  if (helper->pid == 0)
    return;
  /* Our child, not yet waited for: the number is still its own. */
  int pidfd = pidfd_open (helper->pid, 0);
  if (pidfd < 0 || !ts_lab_pidfd_wait (pidfd, timeout_us))
    kill (helper->pid, SIGKILL);
  if (pidfd < 0 || ts_lab_pidfd_wait (pidfd, 10 * TS_S)) {
    while (waitpid (helper->pid, NULL, 0) < 0 && errno == EINTR)
      ;
  } else {
    g_warning ("%s (process %d) does not end, though killed", helper->role, (int)helper->pid);
  }
  close_if_open (&pidfd);
  helper->pid = 0;
}

gboolean
ts_lab_helper_answer (const void *answer, gsize answer_bytes)
{
  struct iovec parts[] = {{(char *)"A", 1}, {(void *)answer, answer_bytes}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  return sendmsg (TS_LAB_HELPER_FD, &message, MSG_NOSIGNAL) >= 0;
}

void
ts_lab_helper_refuse (const GError *reason)
{
  char code = (char)reason->code;
  size_t text_bytes = MIN (strlen (reason->message), TEXT_MAX);
  struct iovec parts[] = {{(char *)"E", 1}, {&code, 1}, {reason->message, text_bytes}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
  (void)!sendmsg (TS_LAB_HELPER_FD, &message, MSG_NOSIGNAL);
}

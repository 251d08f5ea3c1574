/* lab/site/site-init.c -- the helper that is a site: makes the namespaces and is their first process.
 *
 *   runner -> site-init (outer: holds the namespaces' making, waits) -> site-init (pid 1 inside)
 *
 * Only a child can be the first process of a new process namespace, so there are two.  Each dies
 * with the one before it.  When pid 1 has been waited for, the kernel has already killed and reaped
 * every process of the site, daemons and orphans too.
 *
 * A request to pid 1 is the log's path and argv, each with its NUL; the answer is empty. */
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lab/site/helper.h"
#include "lab/site/site.h"

#define REQUEST_MAX (64 * 1024)
#define ARGV_MAX 256
#define OUTER_NETWORK "TWINSITE_OUTER_NETWORK"

static gboolean
write_text (const char *path, const char *text, GError **error)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return ts_throw_errno (error, "open %s", path);
  gboolean done = write (fd, text, strlen (text)) == (gssize)strlen (text);
  if (!done)
    ts_throw_errno (error, "write %s", path);
  close (fd);
  return done;
}

static gboolean
no_permission (GError **error, const char *what)
{
  int saved = errno;
  return ts_throw (error, TS_ERROR_UNAVAILABLE,
                   "%s: %s (permission for namespaces is missing: run as root, or allow user "
                   "namespaces: sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
                   "kernel.apparmor_restrict_unprivileged_userns)",
                   what, g_strerror (saved));
}

static gboolean
make_namespaces (GError **error)
{
  int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET;
  uid_t uid = geteuid ();
  gid_t gid = getegid ();

  if (uid == 0)
    return unshare (flags) == 0 || no_permission (error, "make namespaces");

  if (unshare (flags | CLONE_NEWUSER) < 0)
    return no_permission (error, "make namespaces");
  /* As ourselves, not as root: we keep our capabilities in here until we exec, and what we run then is
   * nobody special.  libvirt told that it is root would want /run and other groups, and get neither. */
  g_autofree char *uids = g_strdup_printf ("%u %u 1", uid, uid);
  g_autofree char *gids = g_strdup_printf ("%u %u 1", gid, gid);
  return write_text ("/proc/self/setgroups", "deny", error) &&
         write_text ("/proc/self/uid_map", uids, error) &&
         write_text ("/proc/self/gid_map", gids, error);
}

static gboolean
bring_loopback_up (GError **error)
{
  struct ifreq request = {.ifr_name = "lo"};
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return ts_throw_errno (error, "socket");
  gboolean up = ioctl (fd, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags |= IFF_UP;
  up = up && ioctl (fd, SIOCSIFFLAGS, &request) == 0;
  if (!up)
    ts_throw_errno (error, "bring up loopback");
  close (fd);
  return up;
}

static gboolean
mount_proc (GError **error)
{
  /* Without this the mounts made here would be seen outside. */
  if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return no_permission (error, "make mounts private");
  if (mount ("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
    return no_permission (error, "mount /proc");
  return TRUE;
}

/* Sockets that killed processes have left behind go on sending their FIN, and hold the network
 * namespace meanwhile: 8 tries, 100 s and more, to a peer that does not answer.  With 3 it is gone
 * a few seconds after a power loss.  Where this may not be set it only takes longer. */
static void
let_orphaned_sockets_go (void)
{
  g_autoptr (GError) reason = NULL;
  if (!write_text ("/proc/sys/net/ipv4/tcp_orphan_retries", "3", &reason))
    g_printerr ("site: %s\n", reason->message);
}

/* The runner's network, for who has to reach another machine from in here; -1: not known. */
static int outer_network = -1;

int
ts_lab_outer_network (void)
{
  const char *told = g_getenv (OUTER_NETWORK);
  int fd = told != NULL ? (int)g_ascii_strtoll (told, NULL, 10) : -1;
  if (fd < 3 || fcntl (fd, F_SETFD, FD_CLOEXEC) < 0)
    return -1;
  return fd;
}

/* In the forked child: the command, and not what others have started, is given it. */
static void
hand_over_network (void)
{
  if (outer_network < 0 || fcntl (outer_network, F_SETFD, 0) < 0)
    return;
  g_autofree char *number = g_strdup_printf ("%d", outer_network);
  g_setenv (OUTER_NETWORK, number, TRUE);
}

/* In the forked child; pid 1 has one thread, so that everything is allowed here. */
static void G_GNUC_NORETURN
become_command (const char *log_path, char **argv, int report)
{
  sigset_t none;
  int in = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  int out = open (log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

  setsid ();
  hand_over_network ();
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  if (in >= 0 && out >= 0 && dup2 (in, 0) == 0 && dup2 (out, 1) == 1 && dup2 (out, 2) == 2)
    execvp (argv[0], argv);
  int saved = errno;
  (void)!write (report, &saved, sizeof saved);
  _exit (127);
}

static gboolean
run_command (const char *log_path, char **argv, GError **error)
{
  int report[2], failure = 0;
  gssize n;

  if (pipe2 (report, O_CLOEXEC) < 0)
    return ts_throw_errno (error, "pipe");
  pid_t pid = fork ();
  if (pid == 0)
    become_command (log_path, argv, report[1]);
  int saved = errno;
  close (report[1]);
  if (pid < 0) {
    close (report[0]);
    errno = saved;
    return ts_throw_errno (error, "fork for %s", argv[0]);
  }
  do /* closed by the exec that succeeds */
    n = read (report[0], &failure, sizeof failure);
  while (n < 0 && errno == EINTR);
  close (report[0]);
  if (n == sizeof failure) {
    errno = failure;
    return ts_throw_errno (error, "start %s (output to %s)", argv[0], log_path);
  }
  return TRUE;
}

static gboolean
serve_request (const char *request, gsize bytes, GError **error)
{
  char *texts[ARGV_MAX + 2] = {NULL}; /* the log's path, argv, NULL */
  guint count = 0;

  for (gsize at = 0; at < bytes; at += strlen (request + at) + 1) {
    if (count == ARGV_MAX + 1)
      return ts_throw (error, TS_ERROR_ARGUMENT, "more than %d arguments", ARGV_MAX);
    texts[count++] = (char *)request + at;
  }
  if (count < 2)
    return ts_throw (error, TS_ERROR_ARGUMENT, "no command");
  return run_command (texts[0], texts + 1, error);
}

/* Until the runner lets go. */
static void
serve (int children)
{
  g_autofree char *request = g_malloc (REQUEST_MAX + 1);

  for (;;) {
    struct pollfd entries[] = {{.fd = TS_LAB_HELPER_FD, .events = POLLIN},
                               {.fd = children, .events = POLLIN}};
    if (poll (entries, G_N_ELEMENTS (entries), -1) < 0 && errno != EINTR)
      return;
    if (entries[1].revents != 0) {
      struct signalfd_siginfo info;
      (void)!read (children, &info, sizeof info);
      while (waitpid (-1, NULL, WNOHANG) > 0)
        ;
    }
    if (entries[0].revents == 0)
      continue;
    gssize n = recv (TS_LAB_HELPER_FD, request, REQUEST_MAX, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n <= 0)
      return;
    request[n] = '\0';
    g_autoptr (GError) reason = NULL;
    if (serve_request (request, (gsize)n, &reason))
      ts_lab_helper_answer ("", 0);
    else
      ts_lab_helper_refuse (reason);
  }
}

/* go: a pipe of which the outer process holds the other end as long as it lives. */
static int
be_first_process (int go)
{
  g_autoptr (GError) reason = NULL;
  sigset_t set;
  char byte;

  /* Our parent cannot be seen from here, so the pipe says whether it still lived after this. */
  if (!ts_lab_die_with_parent (0) || read (go, &byte, 1) != 1)
    return 1;
  struct pollfd entry = {.fd = go, .events = POLLIN};
  if (poll (&entry, 1, 0) > 0)
    return 1;

  sigemptyset (&set);
  sigaddset (&set, SIGCHLD);
  sigprocmask (SIG_BLOCK, &set, NULL);
  int children = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (children < 0)
    ts_throw_errno (&reason, "signalfd");
  if (children < 0 || !mount_proc (&reason) || !bring_loopback_up (&reason)) {
    ts_lab_helper_refuse (reason);
    return 1;
  }
  let_orphaned_sockets_go ();
  if (ts_lab_helper_answer ("", 0))
    serve (children);
  return 0; /* and with us the site */
}

/* Answers twice: the first process's pid when it exists, nothing when it is ready. */
int
ts_lab_site_main (int argc, char **argv)
{
  g_autoptr (GError) reason = NULL;
  int go[2];

  prctl (PR_SET_NAME, "ts-site");
  outer_network = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (!make_namespaces (&reason)) {
    ts_lab_helper_refuse (reason);
    return 1;
  }
  /* Credentials changed with a user namespace, and that may have cleared it. */
  pid_t runner = getppid ();
  if (!ts_lab_die_with_parent (runner))
    return 1;
  if (pipe2 (go, O_CLOEXEC) < 0) {
    ts_throw_errno (&reason, "pipe");
    ts_lab_helper_refuse (reason);
    return 1;
  }
  gint32 first = fork ();
  if (first == 0) {
    close (go[1]);
    _exit (be_first_process (go[0]));
  }
  close (go[0]);
  if (first < 0) {
    ts_throw_errno (&reason, "fork the site's first process");
    ts_lab_helper_refuse (reason);
    return 1;
  }
  /* The first process alone talks from now on; when it ends, the runner must see the socket end. */
  gboolean told = ts_lab_helper_answer (&first, sizeof first) && write (go[1], "", 1) == 1;
  close (TS_LAB_HELPER_FD);
  if (!told)
    kill (first, SIGKILL);
  while (waitpid (first, NULL, 0) < 0 && errno == EINTR)
    ;
  /* Not through exit: a process whose process namespace is dead cannot make a thread any more, and
   * leak checkers try. */
  _exit (0);
}

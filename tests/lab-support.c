/* tests/lab-support.c -- see lab-support.h. */
#include "tests/lab-support.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/units.h"

char *
support_make_folder (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("ts-test-XXXXXX", &error);
  g_assert_no_error (error);
  return folder;
}

void
support_remove_folder (char *folder)
{
  DIR *entries = opendir (folder);
  for (struct dirent *entry; entries != NULL && (entry = readdir (entries)) != NULL;) {
    g_autofree char *path = g_build_filename (folder, entry->d_name, NULL);
    if (entry->d_name[0] != '.')
      unlink (path);
  }
  if (entries != NULL)
    closedir (entries);
  g_assert_cmpint (rmdir (folder), ==, 0);
  g_free (folder);
}

static gboolean
go_into (pid_t pid, const char *kind, int type)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/ns/%s", (int)pid, kind);
  g_autofree char *theirs = support_namespace (pid, kind);
  g_autofree char *ours = support_namespace (getpid (), kind);
  if (g_strcmp0 (theirs, ours) == 0)
    return TRUE;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  return fd >= 0 && setns (fd, type) == 0;
}

int
support_socket_in (pid_t pid, int type)
{
  int ends[2], fd = -1;
  char byte = 0;
  struct iovec part = {&byte, 1};
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE (sizeof (int))];
  } control = {0};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
  pid_t child = fork ();
  if (child == 0) {
    if (!go_into (pid, "user", CLONE_NEWUSER) || !go_into (pid, "net", CLONE_NEWNET))
      _exit (1);
    fd = socket (AF_INET, type | SOCK_CLOEXEC, 0);
    struct cmsghdr *rights = CMSG_FIRSTHDR (&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN (sizeof (int));
    memcpy (CMSG_DATA (rights), &fd, sizeof fd);
    _exit (fd >= 0 && sendmsg (ends[1], &message, 0) == 1 ? 0 : 1);
  }
  close (ends[1]);
  if (recvmsg (ends[0], &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR (&message) != NULL)
    memcpy (&fd, CMSG_DATA (CMSG_FIRSTHDR (&message)), sizeof fd);
  close (ends[0]);
  waitpid (child, NULL, 0);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static struct sockaddr_in
to_address (const char *text, guint16 port)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = g_htons (port)};
  g_assert_cmpint (inet_pton (AF_INET, text, &address.sin_addr), ==, 1);
  return address;
}

void
support_bind (int fd, const char *address, guint16 port)
{
  struct sockaddr_in in = to_address (address, port);
  int yes = 1;
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&in, sizeof in), ==, 0);
}

gboolean
support_connect (int fd, const char *address, guint16 port)
{
  struct sockaddr_in in = to_address (address, port);
  struct pollfd entry = {.fd = fd, .events = POLLOUT};
  int flags = fcntl (fd, F_GETFL), failure = 0;
  socklen_t size = sizeof failure;

  fcntl (fd, F_SETFL, flags | O_NONBLOCK);
  int connected = connect (fd, (struct sockaddr *)&in, sizeof in);
  if (connected < 0 && errno == EINPROGRESS && poll (&entry, 1, 5000) == 1 &&
      getsockopt (fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0)
    connected = 0;
  fcntl (fd, F_SETFL, flags);
  return connected == 0;
}

gboolean
support_readable (int fd, gint64 timeout_us)
{
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  return poll (&entry, 1, (int)(timeout_us / TS_MS)) > 0;
}

char *
support_namespace (pid_t pid, const char *kind)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/ns/%s", (int)pid, kind);
  return g_file_read_link (path, NULL);
}

/* Calls look for each process until it says TRUE, and returns that one. */
static pid_t
find_process (gboolean (*look) (pid_t pid, gpointer user), gpointer user)
{
  DIR *processes = opendir ("/proc");
  pid_t found = 0;
  g_assert_nonnull (processes);
  for (struct dirent *entry; found == 0 && (entry = readdir (processes)) != NULL;) {
    pid_t pid = (pid_t)g_ascii_strtoll (entry->d_name, NULL, 10);
    if (pid > 0 && look (pid, user))
      found = pid;
  }
  closedir (processes);
  return found;
}

typedef struct {
  const char *name, *kind;
  guint count;
} Count;

static gboolean
count_one (pid_t pid, gpointer user)
{
  Count *count = user;
  g_autofree char *name = support_namespace (pid, count->kind);
  count->count += g_strcmp0 (name, count->name) == 0;
  return FALSE;
}

guint
support_processes_in (const char *namespace_name, const char *kind)
{
  Count count = {namespace_name, kind, 0};
  find_process (count_one, &count);
  return count.count;
}

gboolean
support_empties (const char *namespace_name, const char *kind, gint64 timeout_us)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;
  while (support_processes_in (namespace_name, kind) > 0) {
    if (g_get_monotonic_time () > deadline_us)
      return FALSE;
    g_usleep (10000);
  }
  return TRUE;
}

/* One request about network namespaces; returns 0 or the kernel's -errno. */
static int
ask_kernel (guint16 type, int first, guint32 first_value, int second, guint32 second_value)
{
  struct {
    struct nlmsghdr header;
    struct rtgenmsg body;
    char pad[3];
    struct {
      struct nlattr header;
      guint32 value;
    } attribute[2];
  } request = {
      .header = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .attribute = {{{8, (guint16)first}, first_value}, {{8, (guint16)second}, second_value}},
  };
  char answer[4096];
  int result = -EIO;

  request.header.nlmsg_len = second < 0 ? sizeof request - 8 : sizeof request;
  int fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (send (fd, &request, request.header.nlmsg_len, 0), >, 0);
  if (support_readable (fd, 5 * TS_S) && recv (fd, answer, sizeof answer, 0) > 0) {
    const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)answer;
    result = 0;
    if (header->nlmsg_type == NLMSG_ERROR)
      result = ((const struct nlmsgerr *)NLMSG_DATA (header))->error;
  }
  close (fd);
  return result;
}

int
support_watch_network (pid_t pid)
{
  static guint32 last = 0;
  /* The numbers are per network namespace: in one of our own nobody else gives any. */
  if (last == 0 && unshare (CLONE_NEWNET) < 0)
    return -1;
  last++;
  g_assert_cmpint (ask_kernel (RTM_NEWNSID, NETNSA_PID, (guint32)pid, NETNSA_NSID, last), ==, 0);
  g_assert_cmpint (ask_kernel (RTM_GETNSID, NETNSA_NSID, last, -1, 0), ==, 0);
  return (int)last;
}

gboolean
support_network_goes (int watch, gint64 timeout_us)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;
  if (watch < 0) {
    g_print ("not root: cannot see whether a network namespace is gone\n");
    return TRUE;
  }
  while (ask_kernel (RTM_GETNSID, NETNSA_NSID, (guint32)watch, -1, 0) == 0) {
    if (g_get_monotonic_time () > deadline_us)
      return FALSE;
    g_usleep (10000);
  }
  return TRUE;
}

typedef struct {
  pid_t parent;
  const char *comm;
} Wanted;

static gboolean
is_child_named (pid_t pid, gpointer user)
{
  const Wanted *wanted = user;
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int)pid);
  g_autofree char *stat = NULL;
  g_autofree char *start = g_strdup_printf ("%d (%s) ", (int)pid, wanted->comm);
  int parent = 0;

  return g_file_get_contents (path, &stat, NULL, NULL) && g_str_has_prefix (stat, start) &&
         sscanf (stat + strlen (start), "%*c %d", &parent) == 1 && parent == wanted->parent;
}

pid_t
support_child_named (pid_t parent, const char *comm)
{
  Wanted wanted = {parent, comm};
  return find_process (is_child_named, &wanted);
}

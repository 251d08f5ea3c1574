/* lab/wan/tun.c -- see tun.h.
 *
 * A child goes into the site, makes the device and hands its descriptor back: a process that has
 * gone into a user namespace (sites of an unprivileged runner have one) cannot come back out of it.
 */
#include "lab/wan/tun.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lab/site/helper.h"

static gboolean
enter_namespace (pid_t pid, const char *kind, int type, GError **error)
{
  g_autofree char *theirs = g_strdup_printf ("/proc/%d/ns/%s", (int)pid, kind);
  g_autofree char *ours = g_strdup_printf ("/proc/self/ns/%s", kind);
  g_autofree char *their_id = g_file_read_link (theirs, NULL);
  g_autofree char *our_id = g_file_read_link (ours, NULL);

  /* Going into the user namespace that one is in already is refused by the kernel. */
  if (their_id != NULL && g_strcmp0 (their_id, our_id) == 0)
    return TRUE;
  int fd = open (theirs, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return ts_throw_errno (error, "open %s", theirs);
  gboolean entered = setns (fd, type) == 0;
  if (!entered)
    ts_throw_errno (error, "enter %s", theirs);
  close (fd);
  return entered;
}

static gboolean
to_address (const char *text, struct sockaddr *address, GError **error)
{
  struct sockaddr_in in = {.sin_family = AF_INET};
  if (inet_pton (AF_INET, text, &in.sin_addr) != 1)
    return ts_throw (error, TS_ERROR_ARGUMENT, "'%s' is not an IPv4 address", text);
  G_STATIC_ASSERT (sizeof in == sizeof *address);
  memcpy (address, &in, sizeof in);
  return TRUE;
}

static gboolean
configure (int fd, const char *address, const char *peer, guint mtu, GError **error)
{
  struct ifreq request = {.ifr_name = TS_TUN_NAME};
  char device[] = TS_TUN_NAME;
  struct rtentry route = {.rt_flags = RTF_UP | RTF_HOST, .rt_dev = device};

  request.ifr_mtu = (int)mtu;
  if (ioctl (fd, SIOCSIFMTU, &request) < 0)
    return ts_throw_errno (error, "set MTU %u", mtu);
  /* Not permitted in a user namespace; the usual 500 then. */
  request.ifr_qlen = TS_TUN_QUEUE_PACKETS;
  (void)!ioctl (fd, SIOCSIFTXQLEN, &request);
  if (!to_address (address, &request.ifr_addr, error) || !to_address (peer, &route.rt_dst, error))
    return FALSE;
  /* The device is point-to-point: the address comes as /32. */
  if (ioctl (fd, SIOCSIFADDR, &request) < 0)
    return ts_throw_errno (error, "set address %s", address);
  if (ioctl (fd, SIOCGIFFLAGS, &request) < 0)
    return ts_throw_errno (error, "read flags");
  request.ifr_flags |= IFF_UP;
  if (ioctl (fd, SIOCSIFFLAGS, &request) < 0)
    return ts_throw_errno (error, "bring up");
  if (ioctl (fd, SIOCADDRT, &route) < 0)
    return ts_throw_errno (error, "route to %s", peer);
  return TRUE;
}

/* In the child. */
static int
make_here (pid_t site, const char *address, const char *peer, guint mtu, GError **error)
{
  struct ifreq request = {.ifr_name = TS_TUN_NAME, .ifr_flags = IFF_TUN | IFF_NO_PI};

  if (!enter_namespace (site, "user", CLONE_NEWUSER, error) ||
      !enter_namespace (site, "net", CLONE_NEWNET, error))
    return -1;
  int tun = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (tun < 0 || ioctl (tun, TUNSETIFF, &request) < 0) {
    int saved = errno;
    ts_throw (error, TS_ERROR_UNAVAILABLE, "TUN device: %s", g_strerror (saved));
    return -1;
  }
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    ts_throw_errno (error, "socket");
    return -1;
  }
  return configure (fd, address, peer, mtu, error) ? tun : -1;
}

typedef struct {
  gint32 code; /* TsErrorCode; -1: it worked and the descriptor comes along */
  char text[256];
} Outcome;

static void
hand_back (int fd, int tun, const GError *failure)
{
  Outcome outcome = {.code = failure == NULL ? -1 : failure->code};
  struct iovec part = {&outcome, sizeof outcome};
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE (sizeof (int))];
  } control = {0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

  if (failure != NULL) {
    g_strlcpy (outcome.text, failure->message, sizeof outcome.text);
  } else {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *rights = CMSG_FIRSTHDR (&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN (sizeof (int));
    memcpy (CMSG_DATA (rights), &tun, sizeof tun);
  }
  (void)!sendmsg (fd, &message, MSG_NOSIGNAL);
}

static int
take (int fd, GError **error)
{
  Outcome outcome;
  struct iovec part = {&outcome, sizeof outcome};
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE (sizeof (int))];
  } control = {0};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  gssize n;
  int tun = -1;

  do
    n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n != sizeof outcome) {
    ts_throw (error, TS_ERROR_INTERNAL, "the process that makes the TUN device failed");
    return -1;
  }
  if (outcome.code >= 0) {
    ts_throw (error, (TsErrorCode)outcome.code, "%s", outcome.text);
    return -1;
  }
  struct cmsghdr *rights = CMSG_FIRSTHDR (&message);
  if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
    memcpy (&tun, CMSG_DATA (rights), sizeof tun);
  if (tun < 0)
    ts_throw (error, TS_ERROR_INTERNAL, "the TUN device's descriptor did not come");
  return tun;
}

int
ts_tun_make (pid_t site, const char *address, const char *peer, guint mtu, GError **error)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    ts_throw_errno (error, "socket");
    return -1;
  }
  pid_t parent = getpid ();
  pid_t child = fork ();
  if (child == 0) {
    g_autoptr (GError) failure = NULL;
    if (!ts_lab_die_with_parent (parent))
      _exit (1);
    int tun = make_here (site, address, peer, mtu, &failure);
    hand_back (ends[1], tun, failure);
    _exit (0);
  }
  close (ends[1]);
  int tun = -1;
  if (child < 0)
    ts_throw_errno (error, "fork");
  else
    tun = take (ends[0], error);
  close (ends[0]);
  while (child > 0 && waitpid (child, NULL, 0) < 0 && errno == EINTR)
    ;
  return tun;
}

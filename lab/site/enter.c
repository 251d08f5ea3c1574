/* lab/site/enter.c -- see enter.h. */
#include "lab/site/enter.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "lab/site/helper.h"

#define ENTER_S 20 /* it takes a millisecond */

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

typedef struct {
  gint32 code; /* TsErrorCode; -1: it worked and the descriptor comes along */
  char text[256];
} Outcome;

static void
hand_back (int fd, int made, const GError *failure)
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
    memcpy (CMSG_DATA (rights), &made, sizeof made);
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
  int made = -1;

  do
    n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n != sizeof outcome) {
    ts_throw (error, TS_ERROR_INTERNAL, "the process that enters the site failed");
    return -1;
  }
  if (outcome.code >= 0) {
    ts_throw (error, (TsErrorCode)outcome.code, "%s", outcome.text);
    return -1;
  }
  struct cmsghdr *rights = CMSG_FIRSTHDR (&message);
  if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
    memcpy (&made, CMSG_DATA (rights), sizeof made);
  if (made < 0)
    ts_throw (error, TS_ERROR_INTERNAL, "what was made in the site did not come");
  return made;
}

/* In the child. */
static int
make_inside (pid_t site, int (*make) (gpointer user, GError **error), gpointer user, GError **error)
{
  if (!enter_namespace (site, "user", CLONE_NEWUSER, error) ||
      !enter_namespace (site, "net", CLONE_NEWNET, error))
    return -1;
  return make (user, error);
}

int
ts_lab_site_enter (pid_t site, int (*make) (gpointer user, GError **error), gpointer user,
                   GError **error)
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
    int made = make_inside (site, make, user, &failure);
    hand_back (ends[1], made, failure);
    _exit (0);
  }
  close (ends[1]);
  struct timeval patience = {.tv_sec = ENTER_S};
  (void)setsockopt (ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int made = -1;
  if (child < 0)
    ts_throw_errno (error, "fork");
  else
    made = take (ends[0], error);
  close (ends[0]);
  if (child > 0 && made < 0) /* it may hang: we have threads, and one may have held a lock */
    kill (child, SIGKILL);
  while (child > 0 && waitpid (child, NULL, 0) < 0 && errno == EINTR)
    ;
  return made;
}

/* tests/machine-support.c -- see machine-support.h. */
#include "tests/machine-support.h"
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/units.h"
#include "lab/doctor.h"

static int
remove_one (const char *path, const struct stat *status, int type, struct FTW *where)
{
  (void)status;
  (void)type;
  (void)where;
  return remove (path);
}

static int
exit_code (int status)
{
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

/* Reaps whatever ends until test has. */
static G_GNUC_NORETURN void
be_first (pid_t test)
{
  int status = 0;
  for (;;) {
    pid_t ended = wait (&status);
    if (ended == test)
      _exit (exit_code (status));
    if (ended < 0 && errno != EINTR)
      _exit (99);
  }
}

static G_GNUC_NORETURN void
skip (const char *reason)
{
  fprintf (stderr, "skipped: %s\n", reason);
  _exit (77);
}

char *
support_enter_site (void)
{
  char *folder = g_strdup ("/tmp/tsm-XXXXXX");
  if (!mkdtemp (folder))
    skip (g_strerror (errno));
  pid_t outer = fork ();
  g_assert_cmpint (outer, >=, 0);
  if (outer > 0) {
    int status = 0;
    while (waitpid (outer, &status, 0) < 0 && errno == EINTR)
      continue;
    nftw (folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    _exit (exit_code (status));
  }
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (unshare (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) < 0)
    skip ("no permission for namespaces (run as root)");
  pid_t first = fork ();
  g_assert_cmpint (first, >=, 0);
  if (first > 0) {
    int status = 0;
    while (waitpid (first, &status, 0) < 0 && errno == EINTR)
      continue;
    _exit (exit_code (status));
  }
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
      mount ("proc", "/proc", "proc", 0, NULL) < 0)
    skip ("cannot mount /proc of a process namespace");
  pid_t test = fork ();
  g_assert_cmpint (test, >=, 0);
  if (test > 0)
    be_first (test);
  return folder;
}

guint
support_strangers (void)
{
  guint count = 0;
  DIR *processes = opendir ("/proc");
  for (struct dirent *entry; processes && (entry = readdir (processes));) {
    pid_t pid = (pid_t)g_ascii_strtoll (entry->d_name, NULL, 10);
    if (pid > 1 && pid != getpid ())
      count++;
  }
  if (processes)
    closedir (processes);
  return count;
}

char *
support_cache (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = g_path_get_dirname (self);
  return g_build_filename (folder, "lab-cache", NULL);
}

char *
support_guest (const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *qemu = g_find_program_in_path ("qemu-system-x86_64");
  if (!qemu)
    skip ("qemu-system-x86_64 is missing: apt-get install qemu-system-x86");
  char *path = ts_lab_guest_file (name, &error);
  if (!path)
    skip (error->message);
  return path;
}

/* --- the guest -------------------------------------------------------------------------------- */

static gpointer
listen_to (gpointer user)
{
  SupportGuest *guest = user;
  FILE *lines = fdopen (dup (guest->fd), "r");
  char line[300];
  while (lines && fgets (line, sizeof line, lines)) {
    if (g_str_has_prefix (line, "R "))
      g_atomic_int_inc (&guest->ready);
    else if (g_str_has_prefix (line, "W "))
      __atomic_add_fetch (&guest->writes, 1, __ATOMIC_SEQ_CST);
    else if (g_str_has_prefix (line, "E ")) {
      fprintf (stderr, "guest: %s", line);
      __atomic_add_fetch (&guest->trouble, 1, __ATOMIC_SEQ_CST);
    }
  }
  if (lines)
    fclose (lines);
  return NULL;
}

SupportGuest *
support_guest_meet (const char *path, gint64 timeout_us)
{
  SupportGuest *guest = g_new0 (SupportGuest, 1);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  gint64 end_us = g_get_monotonic_time () + timeout_us;
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  guest->path = g_strdup (path);
  guest->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  while (connect (guest->fd, (struct sockaddr *)&address, sizeof address) < 0) {
    g_assert_cmpint (g_get_monotonic_time (), <, end_us);
    g_usleep (10000);
  }
  guest->listener = g_thread_new ("guest", listen_to, guest);
  while (!g_atomic_int_get (&guest->ready)) {
    g_assert_cmpint (g_get_monotonic_time (), <, end_us);
    g_usleep (10000);
  }
  return guest;
}

void
support_guest_say (SupportGuest *guest, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *line = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *bytes = g_strconcat (line, "\n", NULL);
  gsize len = strlen (bytes);
  g_assert_cmpint (send (guest->fd, bytes, len, MSG_NOSIGNAL), ==, len);
}

gint64
support_guest_writes (SupportGuest *guest)
{
  return __atomic_load_n (&guest->writes, __ATOMIC_SEQ_CST);
}

gboolean
support_guest_reaches (SupportGuest *guest, gint64 writes, gint64 timeout_us)
{
  gint64 end_us = g_get_monotonic_time () + timeout_us;
  while (support_guest_writes (guest) < writes) {
    if (g_get_monotonic_time () >= end_us)
      return FALSE;
    g_usleep (5000);
  }
  return TRUE;
}

void
support_guest_part (SupportGuest *guest)
{
  shutdown (guest->fd, SHUT_RDWR);
  g_thread_join (guest->listener);
  close (guest->fd);
  g_free (guest->path);
  g_free (guest);
}

TsLabMachine *
support_machine (TsLabHypervisor *hypervisor, const char *folder, const char *name, guint disks,
                 char *const *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *kernel = support_guest ("vmlinuz");
  g_autofree char *initrd = support_guest ("initramfs");
  g_autofree char *channel = g_strdup_printf ("%s/%s.agent", folder, name);
  g_autofree char *console = g_strdup_printf ("%s/%s.console", folder, name);
  TsRandom random;
  ts_random_init (&random, 1, name);
  TsLabMachineSpec spec = {.name = name,
                           .id = ts_guid_draw (&random),
                           .memory_bytes = 128 * TS_MIB,
                           .kernel = kernel,
                           .initrd = initrd,
                           .cmdline = "console=ttyS0 quiet panic=-1",
                           .channel_path = channel,
                           .console_path = console,
                           .disks = disks};
  for (guint d = 0; d < disks; d++) {
    spec.disk[d].name = d == 0 ? "system" : d == 1 ? "data" : "more";
    spec.disk[d].path = path[d];
  }
  TsLabMachine *machine = ts_lab_machine_define (hypervisor, &spec, &error);
  g_assert_no_error (error);
  return machine;
}

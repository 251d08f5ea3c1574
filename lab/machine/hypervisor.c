/* lab/machine/hypervisor.c -- libvirt's QEMU driver: embedded (one per process, no daemon), or that of a
 * libvirtd elsewhere.  See machine.h. */
#include "lab/machine/machine-internal.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* Sockets are root/lib/qemu/domain-N-NAME/monitor.sock, NAME cut at 20 bytes by libvirt, and a unix
 * socket's path ends at 107. */
#define ROOT_MAX 50
#define KEEP_ALIVE_S 5 /* CHOICE: gone after three that were not answered */
#define KEEP_ALIVE_COUNT 3

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#ifdef SANITIZED
/* libvirt 9.0 forgets 24 bytes with every backup job; that is not ours to find again and again. */
const char *__lsan_default_suppressions (void);
const char *
__lsan_default_suppressions (void)
{
  return "leak:libvirt_driver_qemu";
}
#endif

gboolean
ts_lab_throw_virt (GError **error, const char *format, ...)
{
  g_autoptr (GString) text = g_string_new (NULL);
  virErrorPtr why = virGetLastError ();
  va_list args;
  va_start (args, format);
  g_string_append_vprintf (text, format, args);
  va_end (args);
  const char *said = why && why->message ? why->message : "libvirt does not say why";
  TsErrorCode code = strstr (said, "No space left") ? TS_ERROR_FULL : TS_ERROR_IO;
  return ts_throw (error, code, "%s: %s", text->str, said);
}

static void
be_quiet (void *user, virErrorPtr why)
{
  /* libvirt would print every failure on standard error; each is told by ts_lab_throw_virt. */
  (void)user;
  (void)why;
}

gboolean
ts_lab_virt_quiet (void)
{
  if (virInitialize () < 0)
    return FALSE;
  virSetErrorFunc (NULL, be_quiet);
  return TRUE;
}

static gpointer
event_loop (gpointer user)
{
  (void)user;
  for (;;)
    if (virEventRunDefaultImpl () < 0)
      g_usleep (10000);
  return NULL;
}

/* The loop cannot be taken back from libvirt, so it runs until the process ends. */
static gboolean
start_library (const char *root, GError **error)
{
  static GMutex lock;
  static gboolean started; /* under lock */
  g_autoptr (GMutexLocker) locked G_GNUC_UNUSED = g_mutex_locker_new (&lock);
  if (started)
    return TRUE;
  /* Its log would go to standard error. */
  g_autofree char *log = g_strdup_printf ("3:file:%s/libvirt.log", root);
  g_setenv ("LIBVIRT_LOG_OUTPUTS", log, FALSE);
  if (virInitialize () < 0 || virEventRegisterDefaultImpl () < 0)
    return ts_lab_throw_virt (error, "start libvirt");
  virSetErrorFunc (NULL, be_quiet);
  g_thread_unref (g_thread_new ("libvirt-events", event_loop, NULL));
  started = TRUE;
  return TRUE;
}

/* When root runs it, libvirt's QEMU driver wants the user and group that Debian's package of the
 * daemon would make to exist (it looks them up before it reads qemu.conf, which then names others).
 */
static gboolean
check_user (GError **error)
{
  if (geteuid () != 0 || (getpwnam ("libvirt-qemu") && getgrnam ("libvirt-qemu")))
    return TRUE;
  return ts_throw (error, TS_ERROR_UNAVAILABLE,
                   "no user libvirt-qemu, without whom libvirt's QEMU driver does not start: "
                   "adduser --system --group --no-create-home libvirt-qemu");
}

static gboolean
prepare_root (const char *root, const char *cache, GError **error)
{
  g_autofree char *etc = g_build_filename (root, "etc", NULL);
  g_autofree char *conf = g_build_filename (etc, "qemu.conf", NULL);
  g_autofree char *link = g_build_filename (root, "cache", NULL);
  if (g_mkdir_with_parents (etc, 0700) < 0)
    return ts_throw_errno (error, "make folder %s", etc);
  if (cache && !g_file_test (link, G_FILE_TEST_IS_SYMLINK)) {
    g_autofree char *full = g_canonicalize_filename (cache, NULL);
    if (g_mkdir_with_parents (full, 0700) < 0)
      return ts_throw_errno (error, "make folder %s", full);
    if (symlink (full, link) < 0 && errno != EEXIST)
      return ts_throw_errno (error, "link %s", link);
  }
  /* No virtlogd, no security driver, no namespace of QEMU's own, no control groups (there is no
   * systemd in a site), and QEMU runs as the user that we are: files keep their owner. */
  static const char text[] = "stdio_handler = \"file\"\n"
                             "security_driver = \"none\"\n"
                             "namespaces = []\n"
                             "cgroup_controllers = []\n"
                             "remember_owner = 0\n"
                             "dynamic_ownership = 0\n";
  /* Only a privileged driver may choose, and it would choose another user than root. */
  const char *user = geteuid () == 0 ? "user = \"+0\"\ngroup = \"+0\"\n" : "";
  g_autofree char *all = g_strconcat (text, user, NULL);
  g_autoptr (GError) why = NULL;
  if (!g_file_set_contents (conf, all, -1, &why))
    return ts_throw (error, TS_ERROR_IO, "%s", why->message);
  return TRUE;
}

TsLabHypervisor *
ts_lab_hypervisor_open (const char *root, const char *cache, TsLabAccel accel, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_autofree char *full = g_canonicalize_filename (root, NULL);
  if (strlen (full) > ROOT_MAX) {
    ts_throw (error, TS_ERROR_ARGUMENT,
              "hypervisor folder %s: longer than %d bytes, its sockets would not fit", full,
              ROOT_MAX);
    return NULL;
  }
  g_autoptr (TsLabHypervisor) hypervisor = g_new0 (TsLabHypervisor, 1);
  hypervisor->accel = accel;
  hypervisor->emulator = g_find_program_in_path ("qemu-system-x86_64");
  if (!hypervisor->emulator) {
    ts_throw (error, TS_ERROR_UNAVAILABLE,
              "qemu-system-x86_64 is missing: apt-get install qemu-system-x86");
    return NULL;
  }
  if (!check_user (error) || !prepare_root (full, cache, error) || !start_library (full, error))
    return NULL;
  g_autofree char *path = g_uri_escape_string (full, "/", FALSE);
  g_autofree char *uri = g_strdup_printf ("qemu:///embed?root=%s", path);
  hypervisor->connection = virConnectOpen (uri);
  if (!hypervisor->connection) {
    ts_lab_throw_virt (error,
                       "open %s (is libvirt's QEMU driver there? apt-get install "
                       "libvirt-daemon-driver-qemu)",
                       uri);
    return NULL;
  }
  hypervisor->prefix = g_strdup ("");
  /* What a killed process left defined: nobody owns it any more. */
  if (!ts_lab_virt_sweep (hypervisor->connection, "", TRUE, NULL, error))
    return NULL;
  return g_steal_pointer (&hypervisor);
}

/* Only this thread goes there; what it starts to reach libvirtd (ssh) stays there. */
static virConnectPtr
open_from (const char *uri, int network, GError **error)
{
  virConnectPtr connection = NULL;
  int here = network >= 0 ? open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
  gboolean there = network < 0 || (here >= 0 && setns (network, CLONE_NEWNET) == 0);
  /* An unprivileged user's site has no way out; a socket in the file system needs none. */
  if (there || errno == EPERM)
    connection = virConnectOpen (uri);
  if (!connection && !there)
    ts_throw (error, TS_ERROR_UNAVAILABLE,
              "open %s: only root reaches other machines from a site's network", uri);
  else if (!connection)
    ts_lab_throw_virt (error, "open libvirt at %s", uri);
  if (network >= 0 && there && setns (here, CLONE_NEWNET) < 0)
    g_error ("come back to the site's network: %s", g_strerror (errno));
  if (here >= 0)
    close (here);
  return connection;
}

TsLabHypervisor *
ts_lab_hypervisor_open_remote (const char *uri, const char *prefix, int network, const char *folder,
                               TsLabAccel accel, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_return_val_if_fail (*prefix, NULL);
  g_autoptr (TsLabHypervisor) hypervisor = g_new0 (TsLabHypervisor, 1);
  hypervisor->accel = accel;
  hypervisor->prefix = g_strdup (prefix);
  if (!start_library (folder, error))
    return NULL;
  hypervisor->connection = open_from (uri, network, error);
  if (!hypervisor->connection)
    return NULL;
  /* A libvirtd that is gone without a word is noticed. */
  (void)virConnectSetKeepAlive (hypervisor->connection, KEEP_ALIVE_S, KEEP_ALIVE_COUNT);
  if (!ts_lab_virt_sweep (hypervisor->connection, prefix, TRUE, NULL, error))
    return NULL;
  return g_steal_pointer (&hypervisor);
}

void
ts_lab_hypervisor_free (TsLabHypervisor *hypervisor)
{
  if (!hypervisor)
    return;
  if (hypervisor->connection)
    virConnectClose (hypervisor->connection);
  g_free (hypervisor->emulator);
  g_free (hypervisor->prefix);
  g_free (hypervisor);
}

/* lab/doctor.c -- looks at everything and stops at nothing: who installs packages wants the whole
 * list at once. */
#include "lab/doctor.h"
#include <dlfcn.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/machine/acceleration.h"
#include "lab/command.h"
#include "lab/site/site.h"
#include "lab/wan/wan.h"

#define QEMU "qemu-system-x86_64"
#define QEMU_MAJOR_MIN 7 /* what Debian 12 has; older ones were never tried */
#define ROOM_MIN TS_GIB  /* CHOICE: a run of the shipped scenarios takes 0.4 to 0.8 GiB */

static const char ACCELERATION[] = "acceleration";
static const char HARDWARE[] = "hardware: "; /* starts the detail when it is used */

static void
finding_free (gpointer data)
{
  TsDoctorFinding *finding = data;
  g_free (finding->detail);
  g_free (finding->advice);
  g_free (finding);
}

/* Takes ownership of detail; advice is a copy of a text, kept only when it was not found. */
static void
add (GPtrArray *findings, const char *name, gboolean found, char *detail, const char *advice)
{
  TsDoctorFinding *finding = g_new0 (TsDoctorFinding, 1);
  finding->name = name;
  finding->needed = TRUE;
  finding->found = found;
  finding->detail = detail;
  finding->advice = found ? NULL : g_strdup (advice);
  g_ptr_array_add (findings, finding);
}

static gboolean
found (GPtrArray *findings, const char *name)
{
  for (guint i = 0; i < findings->len; i++) {
    const TsDoctorFinding *finding = findings->pdata[i];
    if (g_str_equal (finding->name, name))
      return finding->found;
  }
  return FALSE;
}

/* A program that says its version; major_min: 0 for any. */
static void
look_for_program (GPtrArray *findings, const char *name, const char *program, guint major_min,
                  const char *package)
{
  const char *argv[] = {program, "--version", NULL};
  g_autofree char *advice = g_strdup_printf ("apt-get install %s", package);
  g_autofree char *path = g_find_program_in_path (program);
  g_autofree char *said = NULL;
  g_autoptr (GError) error = NULL;
  if (!path) {
    add (findings, name, FALSE, g_strdup_printf ("%s is not in PATH", program), advice);
    return;
  }
  if (!ts_lab_command (argv, package, 10 * TS_S, &said, &error)) {
    add (findings, name, FALSE, g_strdup_printf ("%s does not run: %s", path, error->message),
         advice);
    return;
  }
  said[strcspn (said, "\n(")] = 0;
  g_strchomp (said);
  const char *version = strstr (said, "version ");
  guint64 major = version ? g_ascii_strtoull (version + strlen ("version "), NULL, 10) : 0;
  if (major < major_min)
    add (findings, name, FALSE,
         g_strdup_printf ("%s: %s is too old, %u is needed", path, said, major_min), advice);
  else
    add (findings, name, TRUE,
         g_strdup_printf ("%s %s", path, version ? version + strlen ("version ") : said), NULL);
}

/* libvirt loads its drivers from beside its own library, wherever that is. */
static void
look_for_driver (GPtrArray *findings)
{
  const char *told = g_getenv ("LIBVIRT_DRIVER_DIR");
  void *libvirt = dlopen ("libvirt.so.0", RTLD_LAZY);
  void *symbol = libvirt ? dlsym (libvirt, "virInitialize") : NULL;
  g_autofree char *folder = NULL;
  Dl_info library;
  if (told && *told)
    folder = g_strdup (told);
  else if (symbol && dladdr (symbol, &library) && library.dli_fname) {
    g_autofree char *real = realpath (library.dli_fname, NULL);
    g_autofree char *beside = g_path_get_dirname (real ? real : library.dli_fname);
    folder = g_build_filename (beside, "libvirt", "connection-driver", NULL);
  }
  if (libvirt)
    dlclose (libvirt);
  g_autofree char *path = g_build_filename (folder ? folder : "", "libvirt_driver_qemu.so", NULL);
  /* Run by root, the driver does not open without this account, whatever qemu.conf says. */
  gboolean account = geteuid () != 0 || (getpwnam ("libvirt-qemu") && getgrnam ("libvirt-qemu"));
  if (g_file_test (path, G_FILE_TEST_EXISTS) && account)
    add (findings, "libvirt", TRUE, g_steal_pointer (&path), NULL);
  else if (!account)
    add (findings, "libvirt", FALSE, g_strdup ("user and group libvirt-qemu do not exist"),
         "adduser --system --group --no-create-home libvirt-qemu");
  else
    add (findings, "libvirt", FALSE, g_strdup_printf ("its QEMU driver %s is missing", path),
         "apt-get install libvirt-daemon-driver-qemu");
}

/* Takes ownership of refusal: NULL when it works. */
static void
look_at_refusal (GPtrArray *findings, const char *name, char *refusal, const char *good,
                 const char *advice)
{
  add (findings, name, !refusal, refusal ? refusal : g_strdup (good), advice);
}

static void
look_at_room (GPtrArray *findings, const char *folder)
{
  struct statvfs fs;
  /* The folder may not be there yet: then its nearest ancestor tells. */
  g_autofree char *at = g_canonicalize_filename (folder ? folder : g_get_tmp_dir (), NULL);
  while (statvfs (at, &fs) != 0 && strcmp (at, "/") != 0) {
    char *parent = g_path_get_dirname (at);
    g_free (at);
    at = parent;
  }
  guint64 room = (guint64)fs.f_bavail * fs.f_frsize;
  g_autofree char *size = ts_format_size (room);
  g_autofree char *least = ts_format_size (ROOM_MIN);
  if (room >= ROOM_MIN)
    add (findings, "disk space", TRUE, g_strdup_printf ("%s free in %s", size, at), NULL);
  else
    add (findings, "disk space", FALSE,
         g_strdup_printf ("only %s free in %s, a run needs %s", size, at, least),
         "make room, or use another folder (--out)");
}

static void
look_at_guest (GPtrArray *findings, char **kernel, char **initramfs)
{
  g_autoptr (GError) error = NULL;
  const char *advice = "lab/setup build (fetches the kernel once, without installing it)";
  *kernel = ts_lab_guest_file ("vmlinuz", &error);
  *initramfs = *kernel ? ts_lab_guest_file ("initramfs", &error) : NULL;
  if (*initramfs)
    add (findings, "guest", TRUE, g_strdup (*kernel), NULL);
  else
    add (findings, "guest", FALSE, g_strdup (error->message), advice);
}

static void
look_at_acceleration (GPtrArray *findings, const char *kernel, const char *initramfs,
                      const char *cache)
{
  g_autoptr (GError) error = NULL;
  TsLabAcceleration answer;
  if (!found (findings, "QEMU") || !kernel || !initramfs) {
    add (findings, ACCELERATION, FALSE, g_strdup ("not tried: QEMU or the guest is missing"), NULL);
    return;
  }
  g_autofree char *qemu = g_find_program_in_path (QEMU);
  if (!ts_lab_acceleration_probe (qemu, kernel, initramfs, cache, &answer, &error)) {
    add (findings, ACCELERATION, FALSE, g_strdup (error->message),
         "see whether " QEMU " runs by hand; lab/guest/README.md has the command");
    return;
  }
  g_autofree char *time = ts_format_duration (answer.boot_us);
  const char *known = answer.known ? ", known from before" : "";
  if (answer.accel == TS_ACCEL_KVM)
    add (findings, ACCELERATION, TRUE,
         g_strdup_printf ("%sa guest is ready and off again in %s%s", HARDWARE, time, known), NULL);
  else
    add (findings, ACCELERATION, TRUE,
         g_strdup_printf ("TCG: a guest is ready and off again in %s%s (%s)", time, known,
                          answer.hardware),
         NULL);
  ts_lab_acceleration_clear (&answer);
}

GPtrArray *
ts_lab_doctor (const char *cache)
{
  GPtrArray *findings = g_ptr_array_new_with_free_func (finding_free);
  g_autofree char *kernel = NULL;
  g_autofree char *initramfs = NULL;
  look_for_program (findings, "QEMU", QEMU, QEMU_MAJOR_MIN, "qemu-system-x86");
  look_for_program (findings, "qemu-img", "qemu-img", 0, "qemu-utils");
  look_for_program (findings, "QEMU storage", "qemu-storage-daemon", 0, "qemu-system-common");
  look_for_driver (findings);
  look_at_refusal (
      findings, "namespaces", ts_lab_site_refusal (), "a site can be made",
      "run as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1");
  look_at_refusal (findings, "TUN device", ts_lab_wan_refusal (), "/dev/net/tun",
                   "modprobe tun; in a container give it the device /dev/net/tun");
  look_at_guest (findings, &kernel, &initramfs);
  look_at_room (findings, cache);
  look_at_acceleration (findings, kernel, initramfs, cache);
  return findings;
}

gboolean
ts_lab_doctor_pass (GPtrArray *findings, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  for (guint i = 0; i < findings->len; i++) {
    const TsDoctorFinding *finding = findings->pdata[i];
    if (finding->needed && !finding->found)
      return ts_throw (error, TS_ERROR_UNAVAILABLE, "%s: %s%s%s", finding->name, finding->detail,
                       finding->advice ? "; " : "", finding->advice ? finding->advice : "");
  }
  return TRUE;
}

TsLabAccel
ts_lab_doctor_accel (GPtrArray *findings)
{
  for (guint i = 0; i < findings->len; i++) {
    const TsDoctorFinding *finding = findings->pdata[i];
    if (g_str_equal (finding->name, ACCELERATION) && finding->found &&
        g_str_has_prefix (finding->detail, HARDWARE))
      return TS_ACCEL_KVM;
  }
  return TS_ACCEL_TCG;
}

void
ts_lab_doctor_print (GPtrArray *findings, FILE *out)
{
  guint missing = 0;
  for (guint i = 0; i < findings->len; i++) {
    const TsDoctorFinding *finding = findings->pdata[i];
    const char *mark = finding->found ? "ok" : finding->needed ? "MISSING" : "absent";
    fprintf (out, "%-13s %-8s %s\n", finding->name, mark, finding->detail);
    if (finding->advice)
      fprintf (out, "%-22s -> %s\n", "", finding->advice);
    missing += finding->needed && !finding->found;
  }
  if (missing)
    fprintf (out, "the lab cannot run here: %u thing%s missing\n", missing, missing > 1 ? "s" : "");
  else
    fprintf (out, "the lab can run here\n");
}

/* lab/machine/acceleration.c -- boots the agent with "twinsite.probe", which says so on the console and
 * powers off; and remembers the outcome under a key of everything that it depends on. */
#include "lab/machine/acceleration.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/command.h"

#define BOOT_US_MAX (20 * TS_S)
#define READY "twinsite guest ready" /* lab/guest/agent.c */
#define GROUP "acceleration"

void
ts_lab_acceleration_clear (TsLabAcceleration *acceleration)
{
  g_clear_pointer (&acceleration->hardware, g_free);
}

static gboolean
boot (const char *qemu, TsLabAccel accel, const char *kernel, const char *initramfs,
      gint64 timeout_us, gint64 *boot_us, GError **error)
{
  /* The processors that lab/machine/machine.c gives: what boots with another one proves nothing. */
  static const char *const with[] = {
      [TS_ACCEL_TCG] = "-accel tcg -cpu qemu64", [TS_ACCEL_KVM] = "-accel kvm -cpu host"};
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) hardware = g_strsplit (with[accel], " ", -1);
  g_auto (GStrv) bare = g_strsplit ("-m 128 -nodefaults -no-user-config -display none -no-reboot "
                                    "-serial file:/dev/stdout",
                                    " ", -1);
  g_strv_builder_add (builder, qemu);
  g_strv_builder_addv (builder, (const char **)hardware);
  g_strv_builder_addv (builder, (const char **)bare);
  g_strv_builder_add_many (builder, "-kernel", kernel, "-initrd", initramfs, "-append",
                           "console=ttyS0 quiet panic=-1 twinsite.probe", NULL);
  g_auto (GStrv) argv = g_strv_builder_end (builder);
  g_autofree char *console = NULL;
  gint64 start_us = g_get_monotonic_time ();
  if (!ts_lab_command ((const char *const *)argv, "qemu-system-x86", timeout_us, &console, error))
    return FALSE;
  *boot_us = g_get_monotonic_time () - start_us;
  if (strstr (console, READY))
    return TRUE;
  g_strchomp (console);
  gsize len = strlen (console);
  return ts_throw (error, TS_ERROR_UNAVAILABLE, "the guest ended before it was ready: %s",
                   len ? console + (len > 200 ? len - 200 : 0) : "not a word on its console");
}

/* Whatever the answer hangs on: programs and files as they are now, the device, this boot. */
static char *
key_of (const char *const *files)
{
  GString *key = g_string_new (NULL);
  g_autofree char *boot_id = NULL;
  for (; *files; files++) {
    struct stat st;
    if (stat (*files, &st) == 0)
      g_string_append_printf (key, "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %u %u; ", *files,
                              (gint64)st.st_size, (gint64)st.st_mtime, (guint)st.st_rdev,
                              (guint)st.st_mode);
    else
      g_string_append_printf (key, "%s none; ", *files);
  }
  if (g_file_get_contents ("/proc/sys/kernel/random/boot_id", &boot_id, NULL, NULL))
    g_string_append (key, g_strchomp (boot_id));
  return g_string_free (key, FALSE);
}

static gboolean
recall (const char *path, const char *key, TsLabAcceleration *answer)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    return FALSE;
  g_autofree char *known = g_key_file_get_string (file, GROUP, "key", NULL);
  g_autofree char *accel = g_key_file_get_string (file, GROUP, "accel", NULL);
  answer->boot_us = g_key_file_get_int64 (file, GROUP, "boot_us", NULL);
  if (g_strcmp0 (known, key) != 0 || !accel || answer->boot_us <= 0)
    return FALSE;
  answer->accel = g_str_equal (accel, "kvm") ? TS_ACCEL_KVM : TS_ACCEL_TCG;
  answer->hardware = g_key_file_get_string (file, GROUP, "hardware", NULL);
  answer->known = answer->hardware != NULL;
  return answer->known;
}

/* A cache that cannot be written costs time at the next run, no more. */
static void
remember (const char *cache, const char *path, const char *key, const TsLabAcceleration *answer)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_key_file_set_string (file, GROUP, "key", key);
  g_key_file_set_string (file, GROUP, "accel", answer->accel == TS_ACCEL_KVM ? "kvm" : "tcg");
  g_key_file_set_int64 (file, GROUP, "boot_us", answer->boot_us);
  g_key_file_set_string (file, GROUP, "hardware", answer->hardware);
  g_mkdir_with_parents (cache, 0755);
  g_key_file_save_to_file (file, path, NULL);
}

static void
try_hardware (const char *qemu, const char *kernel, const char *initramfs,
              TsLabAcceleration *answer)
{
  g_autoptr (GError) why = NULL;
  gint64 boot_us = 0;
  int fd = open ("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    answer->hardware = g_strdup_printf ("/dev/kvm: %s", g_strerror (errno));
    return;
  }
  close (fd);
  /* CHOICE: hardware that takes three times as long as TCG is none: where virtualization is nested
   * and broken a guest hangs for ever, and 20 s are only spent where TCG is slow too. */
  gint64 timeout_us = CLAMP (3 * answer->boot_us, 5 * TS_S, BOOT_US_MAX);
  if (boot (qemu, TS_ACCEL_KVM, kernel, initramfs, timeout_us, &boot_us, &why)) {
    answer->accel = TS_ACCEL_KVM;
    answer->boot_us = boot_us;
    answer->hardware = g_strdup ("/dev/kvm boots a guest");
  } else if (g_error_matches (why, TS_ERROR, TS_ERROR_AGAIN))
    answer->hardware = g_strdup_printf ("/dev/kvm is there, but booted no guest within %d s",
                                        (int)(timeout_us / TS_S));
  else
    answer->hardware =
        g_strdup_printf ("/dev/kvm is there, but boots no guest: %.160s", why->message);
}

gboolean
ts_lab_acceleration_probe (const char *qemu, const char *kernel, const char *initramfs,
                           const char *cache, TsLabAcceleration *answer, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  const char *const files[] = {qemu, kernel, initramfs, "/dev/kvm", NULL};
  g_autofree char *key = key_of (files);
  g_autofree char *path = cache ? g_build_filename (cache, GROUP, NULL) : NULL;

  *answer = (TsLabAcceleration){.accel = TS_ACCEL_TCG};
  if (path && recall (path, key, answer))
    return TRUE;
  ts_lab_acceleration_clear (answer);
  *answer = (TsLabAcceleration){.accel = TS_ACCEL_TCG};
  if (!boot (qemu, TS_ACCEL_TCG, kernel, initramfs, BOOT_US_MAX, &answer->boot_us, error)) {
    g_prefix_error (error, "no guest boots here: ");
    return FALSE;
  }
  try_hardware (qemu, kernel, initramfs, answer);
  if (path)
    remember (cache, path, key, answer);
  return TRUE;
}

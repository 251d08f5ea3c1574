/* The doctor on this machine, and on machines that lack something: each lack is found, named with
 * what to install, and keeps the lab from running. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/machine/acceleration.h"
#include "lab/doctor.h"
#include "lab/site/helper.h"
#include "lab/site/site.h"
#include "lab/wan/wan.h"

typedef struct {
  char *folder; /* scratch, also PATH and TWINSITE_GUEST of who wants */
  char *path, *guest, *driver;
} Place;

static int
setup (void **state)
{
  Place *place = g_new0 (Place, 1);
  place->folder = g_dir_make_tmp ("ts-doctor-XXXXXX", NULL);
  place->path = g_strdup (g_getenv ("PATH"));
  place->guest = g_strdup (g_getenv ("TWINSITE_GUEST"));
  place->driver = g_strdup (g_getenv ("LIBVIRT_DRIVER_DIR"));
  *state = place;
  return 0;
}

static void
restore (const char *name, char *value)
{
  if (value)
    g_setenv (name, value, TRUE);
  else
    g_unsetenv (name);
  g_free (value);
}

static int
teardown (void **state)
{
  Place *place = *state;
  g_autoptr (GDir) files = g_dir_open (place->folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name (files));) {
    g_autofree char *file = g_build_filename (place->folder, name, NULL);
    g_unlink (file);
  }
  g_rmdir (place->folder);
  restore ("PATH", place->path);
  restore ("TWINSITE_GUEST", place->guest);
  restore ("LIBVIRT_DRIVER_DIR", place->driver);
  g_free (place->folder);
  g_free (place);
  return 0;
}

static const TsDoctorFinding *
find (GPtrArray *findings, const char *name)
{
  for (guint i = 0; i < findings->len; i++) {
    const TsDoctorFinding *finding = findings->pdata[i];
    if (g_str_equal (finding->name, name))
      return finding;
  }
  fail_msg ("no finding %s", name);
  return NULL;
}

static void
write_file (const Place *place, const char *name, const char *text, int mode)
{
  g_autofree char *path = g_build_filename (place->folder, name, NULL);
  assert_true (g_file_set_contents (path, text, -1, NULL));
  assert_int_equal (chmod (path, (mode_t)mode), 0);
}

/* What is missing is told by the finding and by pass; what is there has no advice. */
static void
assert_missing (GPtrArray *findings, const char *name, const char *advice)
{
  g_autoptr (GError) error = NULL;
  const TsDoctorFinding *finding = find (findings, name);
  assert_false (finding->found);
  assert_non_null (finding->advice);
  assert_non_null (strstr (finding->advice, advice));
  assert_false (ts_lab_doctor_pass (findings, &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_UNAVAILABLE));
  assert_int_equal (ts_lab_doctor_accel (findings), TS_ACCEL_TCG);
}

static void
without_programs (void **state)
{
  Place *place = *state;
  g_setenv ("PATH", place->folder, TRUE);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (NULL);
  g_autoptr (GError) error = NULL;
  assert_missing (findings, "QEMU", "apt-get install qemu-system-x86");
  assert_missing (findings, "qemu-img", "apt-get install qemu-utils");
  assert_missing (findings, "QEMU storage", "apt-get install qemu-system-common");
  assert_false (find (findings, "acceleration")->found);
  ts_lab_doctor_pass (findings, &error);
  assert_non_null (strstr (error->message, "apt-get install qemu-system-x86"));
}

static void
with_a_qemu_that_is_old (void **state)
{
  Place *place = *state;
  write_file (place, "qemu-system-x86_64", "#!/bin/sh\necho QEMU emulator version 5.2.0 '(x)'\n",
              0755);
  g_setenv ("PATH", place->folder, TRUE);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (NULL);
  assert_missing (findings, "QEMU", "qemu-system-x86");
  assert_non_null (strstr (find (findings, "QEMU")->detail, "too old"));
}

static void
with_a_qemu_that_does_not_run (void **state)
{
  Place *place = *state;
  write_file (place, "qemu-system-x86_64", "#!/bin/sh\necho no such library >&2\nexit 127\n", 0755);
  g_setenv ("PATH", place->folder, TRUE);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (NULL);
  assert_missing (findings, "QEMU", "qemu-system-x86");
  assert_non_null (strstr (find (findings, "QEMU")->detail, "no such library"));
}

static void
without_a_guest (void **state)
{
  Place *place = *state;
  g_autoptr (GError) error = NULL;
  g_setenv ("TWINSITE_GUEST", place->folder, TRUE);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (NULL);
  assert_missing (findings, "guest", "lab/setup build");
  assert_non_null (strstr (find (findings, "guest")->detail, place->folder));
  assert_null (ts_lab_guest_file ("vmlinuz", &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_UNAVAILABLE));
}

static void
with_half_a_guest (void **state)
{
  Place *place = *state;
  g_autoptr (GError) error = NULL;
  g_setenv ("TWINSITE_GUEST", place->folder, TRUE);
  write_file (place, "vmlinuz", "x", 0644);
  g_autofree char *kernel = ts_lab_guest_file ("vmlinuz", &error);
  assert_null (error);
  assert_true (g_str_has_prefix (kernel, place->folder));
  g_autoptr (GPtrArray) findings = ts_lab_doctor (NULL);
  assert_missing (findings, "guest", "lab/setup build");
  assert_non_null (strstr (find (findings, "guest")->detail, "initramfs"));
}

static void
without_the_driver (void **state)
{
  Place *place = *state;
  g_setenv ("LIBVIRT_DRIVER_DIR", place->folder, TRUE);
  g_setenv ("TWINSITE_GUEST", place->folder, TRUE); /* no need to boot anything */
  g_autoptr (GPtrArray) findings = ts_lab_doctor (NULL);
  assert_missing (findings, "libvirt", "libvirt-daemon-driver-qemu");
}

/* --- acceleration, with programs that only say they are QEMU -------------------------------------
 */

static gboolean
probe (const Place *place, const char *script, const char *cache, TsLabAcceleration *answer,
       GError **error)
{
  g_autofree char *text =
      g_strdup_printf ("#!/bin/sh\necho x >> '%s/calls'\n%s", place->folder, script);
  g_autofree char *qemu = g_build_filename (place->folder, "qemu", NULL);
  write_file (place, "qemu", text, 0755);
  return ts_lab_acceleration_probe (qemu, "/kernel", "/initramfs", cache, answer, error);
}

static guint
calls (const Place *place)
{
  struct stat st;
  g_autofree char *path = g_build_filename (place->folder, "calls", NULL);
  return stat (path, &st) == 0 ? (guint)st.st_size / 2 : 0;
}

static void
a_guest_that_does_not_boot (void **state)
{
  TsLabAcceleration answer;
  g_autoptr (GError) error = NULL;
  assert_false (probe (*state, "echo Kernel panic\n", NULL, &answer, &error));
  assert_non_null (strstr (error->message, "Kernel panic"));
}

static void
a_machine_that_does_not_start (void **state)
{
  TsLabAcceleration answer;
  g_autoptr (GError) error = NULL;
  assert_false (
      probe (*state, "echo cannot set up guest memory >&2; exit 1\n", NULL, &answer, &error));
  assert_non_null (strstr (error->message, "cannot set up guest memory"));
}

/* Hardware counts only when it boots; what was found is kept, until the program is another one. */
static void
hardware_that_boots_nothing (void **state)
{
  Place *place = *state;
  static const char tcg_only[] = "case $* in *'-accel tcg'*) echo twinsite guest ready ;; *) echo "
                                 "broken >&2; exit 1 ;; esac\n";
  TsLabAcceleration answer;
  assert_true (probe (place, tcg_only, place->folder, &answer, NULL));
  assert_int_equal (answer.accel, TS_ACCEL_TCG);
  assert_false (answer.known);
  assert_non_null (strstr (answer.hardware, "/dev/kvm"));
  ts_lab_acceleration_clear (&answer);

  guint before = calls (place);
  g_autofree char *qemu = g_build_filename (place->folder, "qemu", NULL);
  assert_true (
      ts_lab_acceleration_probe (qemu, "/kernel", "/initramfs", place->folder, &answer, NULL));
  assert_true (answer.known);
  assert_int_equal (answer.accel, TS_ACCEL_TCG);
  assert_int_equal (calls (place), before); /* nothing was started */
  ts_lab_acceleration_clear (&answer);

  assert_true (
      probe (place, "echo twinsite guest ready # another\n", place->folder, &answer, NULL));
  assert_false (answer.known);
  assert_int_equal (answer.accel,
                    access ("/dev/kvm", R_OK | W_OK) == 0 ? TS_ACCEL_KVM : TS_ACCEL_TCG);
  ts_lab_acceleration_clear (&answer);
}

static void
a_cache_that_holds_nonsense (void **state)
{
  Place *place = *state;
  TsLabAcceleration answer;
  write_file (place, "acceleration", "[acceleration]\nkey=\naccel=kvm\nboot_us=-1\n\xff", 0644);
  assert_true (probe (place, "echo twinsite guest ready\n", place->folder, &answer, NULL));
  assert_false (answer.known);
  ts_lab_acceleration_clear (&answer);
}

/* What is said to a person: a line per finding, advice where something is missing, one sum. */
static void
prints_what_it_found (void **state)
{
  Place *place = *state;
  g_setenv ("PATH", place->folder, TRUE);
  g_setenv ("TWINSITE_GUEST", place->folder, TRUE);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (NULL);
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream (&text, &len);
  ts_lab_doctor_print (findings, out);
  fclose (out);
  assert_non_null (strstr (text, "QEMU          MISSING  qemu-system-x86_64 is not in PATH\n"));
  assert_non_null (strstr (text, " -> apt-get install qemu-system-x86\n"));
  assert_non_null (strstr (text, "the lab cannot run here: "));
  free (text);
}

/* On a machine that has everything, a guest boots, and the second look is quick. */
static void
looks_twice_here (void **state)
{
  Place *place = *state;
  g_autoptr (GPtrArray) findings = ts_lab_doctor (place->folder);
  ts_lab_doctor_print (findings, stdout);
  g_autoptr (GError) error = NULL;
  if (!ts_lab_doctor_pass (findings, &error))
    fail_msg ("%s", error->message);
  gint64 start_us = g_get_monotonic_time ();
  g_autoptr (GPtrArray) again = ts_lab_doctor (place->folder);
  gint64 took_us = g_get_monotonic_time () - start_us;
  assert_true (ts_lab_doctor_pass (again, NULL));
  assert_int_equal (ts_lab_doctor_accel (again), ts_lab_doctor_accel (findings));
  assert_non_null (strstr (find (again, "acceleration")->detail, "known from before"));
  assert_true (took_us < 2 * TS_S);
}

/* Of what only the machine's owner can give: without it there is nothing to look at. */
static gboolean
can_look_here (void)
{
  g_autofree char *site = ts_lab_site_refusal ();
  g_autofree char *wan = ts_lab_wan_refusal ();
  g_autofree char *guest = ts_lab_guest_file ("initramfs", NULL);
  if (site || wan || !guest)
    print_message ("skipped: %s\n", site ? site : wan ? wan : "no guest has been built");
  return !site && !wan && guest;
}

int
main (int argc, char **argv)
{
  int status;
  if (ts_lab_helper_main (argc, argv, &status))
    return status;
#define PLACE_TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  static const struct CMUnitTest here[] = {PLACE_TEST (looks_twice_here)};
  static const struct CMUnitTest lacks[] = {
      PLACE_TEST (without_programs),
      PLACE_TEST (with_a_qemu_that_is_old),
      PLACE_TEST (with_a_qemu_that_does_not_run),
      PLACE_TEST (without_a_guest),
      PLACE_TEST (with_half_a_guest),
      PLACE_TEST (without_the_driver),
      PLACE_TEST (a_guest_that_does_not_boot),
      PLACE_TEST (a_machine_that_does_not_start),
      PLACE_TEST (hardware_that_boots_nothing),
      PLACE_TEST (a_cache_that_holds_nonsense),
      PLACE_TEST (prints_what_it_found),
  };
  if (argc == 2 && g_str_equal (argv[1], "--here"))
    return can_look_here () ? cmocka_run_group_tests_name ("here", here, NULL, NULL) : 77;
  return cmocka_run_group_tests_name ("lacks", lacks, NULL, NULL);
}

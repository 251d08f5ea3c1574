/* tests/test-machine.c -- machines start, end in every way, merge their overlays, and leave
 * nothing. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/machine/disk.h"
#include "tests/machine-support.h"

#define BOOT_US (60 * TS_S)
#define SIZE (16 * TS_MIB)

static char *site_folder, *root, *cache;
static TsLabHypervisor *hypervisor;

typedef struct {
  TsLabMachine *machine;
  SupportGuest *guest;
  char *name, *base, *overlay, *channel;
} Vm;

/* A machine with one disk: an overlay on a raw base. */
static Vm
make_vm (const char *name)
{
  g_autoptr (GError) error = NULL;
  Vm vm = {.name = g_strdup (name)};
  vm.base = g_strdup_printf ("%s/%s.raw", site_folder, name);
  vm.overlay = g_strdup_printf ("%s/%s.qcow2", site_folder, name);
  vm.channel = g_strdup_printf ("%s/%s.agent", site_folder, name);
  ts_lab_disk_create (vm.base, SIZE, &error);
  g_assert_no_error (error);
  ts_lab_disk_create_overlay (vm.overlay, vm.base, &error);
  g_assert_no_error (error);
  vm.machine = support_machine (hypervisor, site_folder, name, 1, &vm.overlay);
  return vm;
}

static void
boot (Vm *vm)
{
  g_autoptr (GError) error = NULL;
  ts_lab_machine_start (vm->machine, &error);
  g_assert_no_error (error);
  vm->guest = support_guest_meet (vm->channel, BOOT_US);
}

static void
hang_up (Vm *vm)
{
  support_guest_part (vm->guest);
  vm->guest = NULL;
}

static void
free_vm (Vm *vm)
{
  if (vm->guest)
    hang_up (vm);
  ts_lab_machine_free (vm->machine);
  assert_false (g_file_test (vm->channel, G_FILE_TEST_EXISTS));
  unlink (vm->base);
  unlink (vm->overlay);
  g_free (vm->name);
  g_free (vm->base);
  g_free (vm->overlay);
  g_free (vm->channel);
}

static void
write_records (Vm *vm, gint64 count)
{
  support_guest_say (vm->guest, "W 0 5 4096 500 4 0 1 0:0:%d", (int)(SIZE / 4096));
  assert_true (
      support_guest_reaches (vm->guest, support_guest_writes (vm->guest) + count, BOOT_US));
}

static void
power_off (Vm *vm)
{
  g_autoptr (GError) error = NULL;
  support_guest_say (vm->guest, "Q");
  ts_lab_machine_wait_off (vm->machine, 30 * TS_S, &error);
  g_assert_no_error (error);
  hang_up (vm);
}

/* Bytes of the base that are written. */
static guint64
in_base (const Vm *vm)
{
  g_autoptr (TsExtents) extents = ts_extents_new ();
  assert_true (ts_lab_disk_map (vm->base, extents, NULL));
  return ts_extents_bytes (extents);
}

static void
lives_and_ends (void **state)
{
  g_autoptr (GError) error = NULL;
  Vm vm = make_vm ("one");
  assert_false (ts_lab_machine_running (vm.machine));
  assert_true (ts_lab_machine_destroy (vm.machine, &error)); /* off: fine */
  gint64 before_us = g_get_monotonic_time ();
  boot (&vm);
  print_message ("agent ready after %.2f s\n",
                 (double)(g_get_monotonic_time () - before_us) / TS_S);
  assert_true (ts_lab_machine_running (vm.machine));
  assert_false (ts_lab_machine_start (vm.machine, &error));
  g_assert_error (error, TS_ERROR, TS_ERROR_STATE);
  g_clear_error (&error);
  assert_false (ts_lab_machine_wait_off (vm.machine, 100 * TS_MS, &error));
  g_assert_error (error, TS_ERROR, TS_ERROR_AGAIN);
  g_clear_error (&error);
  power_off (&vm);
  assert_false (ts_lab_machine_running (vm.machine));
  boot (&vm);
  before_us = g_get_monotonic_time ();
  assert_true (ts_lab_machine_destroy (vm.machine, &error));
  print_message ("plug pulled in %.2f s\n", (double)(g_get_monotonic_time () - before_us) / TS_S);
  assert_false (ts_lab_machine_running (vm.machine));
  assert_int_equal (support_strangers (), 0);
  free_vm (&vm);
}

static void
kill_qemus (void)
{
  for (int pid = 2; pid < 4096; pid++) { /* a young process namespace */
    g_autofree char *path = g_strdup_printf ("/proc/%d/comm", pid);
    g_autofree char *comm = NULL;
    if (g_file_get_contents (path, &comm, NULL, NULL) && g_str_has_prefix (comm, "qemu-system"))
      kill (pid, SIGKILL);
  }
}

static void
crash_is_seen (void **state)
{
  g_autoptr (GError) error = NULL;
  Vm vm = make_vm ("crash");
  boot (&vm);
  kill_qemus ();
  assert_true (ts_lab_machine_wait_off (vm.machine, 10 * TS_S, &error));
  hang_up (&vm);
  boot (&vm); /* and starts again over what it left */
  assert_true (ts_lab_machine_running (vm.machine));
  free_vm (&vm); /* running: destroyed */
  assert_int_equal (support_strangers (), 0);
}

static void
freed_name_is_free (void **state)
{
  for (int i = 0; i < 2; i++) {
    Vm vm = make_vm ("again");
    boot (&vm);
    free_vm (&vm);
  }
}

static gpointer
whole_life (gpointer user)
{
  Vm *vm = user;
  g_autoptr (GError) error = NULL;
  ts_lab_machine_start (vm->machine, &error);
  g_assert_no_error (error);
  vm->guest = support_guest_meet (vm->channel, BOOT_US);
  write_records (vm, 20);
  support_guest_say (vm->guest, "Q");
  ts_lab_machine_wait_off (vm->machine, 30 * TS_S, &error);
  g_assert_no_error (error);
  return NULL;
}

static void
several_at_once (void **state)
{
  Vm vm[3] = {make_vm ("a"), make_vm ("b"), make_vm ("c")};
  GThread *thread[3];
  for (int i = 0; i < 3; i++)
    thread[i] = g_thread_new ("life", whole_life, &vm[i]);
  for (int i = 0; i < 3; i++)
    g_thread_join (thread[i]);
  for (int i = 0; i < 3; i++)
    free_vm (&vm[i]);
  assert_int_equal (support_strangers (), 0);
}

static void
commit_while_it_runs (void **state)
{
  g_autoptr (GError) error = NULL;
  Vm vm = make_vm ("live");
  boot (&vm);
  write_records (&vm, 100);
  assert_int_equal (in_base (&vm), 0);
  assert_true (ts_lab_machine_commit_overlays (vm.machine, &error));
  g_assert_no_error (error);
  assert_true (in_base (&vm) >= 100 * 4096);
  unlink (vm.overlay); /* nobody needs it any more */
  /* The guest never stopped writing, now to the base. */
  gint64 writes = support_guest_writes (vm.guest);
  assert_true (support_guest_reaches (vm.guest, writes + 100, BOOT_US));
  assert_true (ts_lab_machine_commit_overlays (vm.machine, &error)); /* nothing to merge: fine */
  assert_int_equal (vm.guest->trouble, 0);
  power_off (&vm);
  assert_true (in_base (&vm) >= 200 * 4096);
  boot (&vm); /* on the base, which is all there is */
  power_off (&vm);
  free_vm (&vm);
}

static void
commit_when_off (void **state)
{
  g_autoptr (GError) error = NULL;
  Vm vm = make_vm ("off");
  boot (&vm);
  write_records (&vm, 100);
  power_off (&vm);
  assert_int_equal (in_base (&vm), 0);
  assert_true (ts_lab_machine_commit_overlays (vm.machine, &error));
  g_assert_no_error (error);
  assert_true (in_base (&vm) >= 100 * 4096);
  unlink (vm.overlay);
  boot (&vm);
  power_off (&vm);
  free_vm (&vm);
}

static void
clear_errors (void **state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *deep = g_strnfill (60, 'x');
  g_autofree char *path = g_build_filename (site_folder, deep, NULL);
  assert_null (ts_lab_hypervisor_open (path, NULL, TS_ACCEL_TCG, &error));
  g_assert_error (error, TS_ERROR, TS_ERROR_ARGUMENT);
  g_clear_error (&error);
  Vm vm = make_vm ("lost");
  unlink (vm.overlay);
  assert_false (ts_lab_machine_start (vm.machine, &error));
  assert_non_null (strstr (error->message, "lost.qcow2"));
  free_vm (&vm);
}

/* A host process is killed with a machine running: the next one that opens its folder finds none.
 * (In a site QEMU dies with the host; here it is ended on purpose, or left.) */
static void
root_of_a_killed_host (void **state)
{
  g_autofree char *mine = g_build_filename (site_folder, "old", NULL);
  pid_t host = fork ();
  if (host == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    g_autoptr (GError) error = NULL;
    hypervisor = ts_lab_hypervisor_open (mine, cache, TS_ACCEL_TCG, &error);
    g_assert_no_error (error);
    Vm vm = make_vm ("orphan");
    boot (&vm);
    kill (getpid (), SIGKILL);
  }
  int status;
  assert_int_equal (waitpid (host, &status, 0), host);
  assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  assert_true (support_strangers () > 0); /* its QEMU */
  host = fork ();
  if (host == 0) {
    g_autoptr (GError) error = NULL;
    hypervisor = ts_lab_hypervisor_open (mine, cache, TS_ACCEL_TCG, &error);
    g_assert_no_error (error);
    g_autofree char *overlay = g_build_filename (site_folder, "orphan.qcow2", NULL);
    Vm vm = {.channel = g_build_filename (site_folder, "orphan.agent", NULL)};
    vm.machine = support_machine (hypervisor, site_folder, "orphan", 1, &overlay);
    boot (&vm);
    hang_up (&vm);
    ts_lab_machine_free (vm.machine);
    ts_lab_hypervisor_free (hypervisor);
    _exit (0);
  }
  assert_int_equal (waitpid (host, &status, 0), host);
  assert_int_equal (status, 0);
  assert_int_equal (support_strangers (), 0);
}

static int
open_hypervisor (void **state)
{
  g_autoptr (GError) error = NULL;
  hypervisor = ts_lab_hypervisor_open (root, cache, TS_ACCEL_TCG, &error);
  g_assert_no_error (error);
  return 0;
}

int
main (void)
{
  static const struct CMUnitTest alone[] = {
      /* forks, so before this process has threads */
      cmocka_unit_test (root_of_a_killed_host),
  };
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test (lives_and_ends),       cmocka_unit_test (crash_is_seen),
      cmocka_unit_test (freed_name_is_free),   cmocka_unit_test (several_at_once),
      cmocka_unit_test (commit_while_it_runs), cmocka_unit_test (commit_when_off),
      cmocka_unit_test (clear_errors),
  };
  g_free (support_guest ("vmlinuz"));
  site_folder = support_enter_site ();
  root = g_build_filename (site_folder, "virt", NULL);
  cache = support_cache ();
  int failed = cmocka_run_group_tests (alone, NULL, NULL);
  failed += cmocka_run_group_tests (tests, open_hypervisor, NULL);
  ts_lab_hypervisor_free (hypervisor);
  g_free (site_folder);
  g_free (root);
  g_free (cache);
  return failed;
}

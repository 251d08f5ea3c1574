/* tests/test-lab-world.c -- the lab end to end, on real machines: a disaster, a planned failover, a
 * runner that is killed, and machines on which there can be no lab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/doctor.h"
#include "lab/site/helper.h"
#include "lab/host/host.h"
#include "lab/site/layout.h"
#include "lab/link/realm.h"
#include "lab/site/tidy.h"
#include "tests/world-support.h"

typedef struct {
  TsTopology *topology;
  Heard *heard;
  char *folder;
  TsWorld *world;
} Run;

static TsOrder
order (const char *step, TsVerb verb)
{
  return (TsOrder){
      .step = step, .verb = verb, .vm = 0, .host = -1, .site = -1, .link = -1, .policy = -1};
}

static TsWorld *
start (Run *run, GError **error)
{
  TsWorldOptions options = {.folder = run->folder, .limit_us = 300 * TS_S};
  return ts_lab_world_ops ()->start (run->topology, &options, &run->heard->observer, error);
}

static int
prepare (void **state)
{
  Run *run = g_new0 (Run, 1);
  run->topology = world_topology ();
  run->heard = heard_new (run->topology);
  run->folder = g_dir_make_tmp ("ts-world-XXXXXX", NULL);
  *state = run;
  return 0;
}

static int
clear (void **state)
{
  Run *run = *state;
  ts_lab_world_ops ()->free (run->world);
  ts_lab_remove_tree (run->folder, NULL);
  heard_free (run->heard);
  ts_topology_free (run->topology);
  g_free (run->folder);
  g_free (run);
  return 0;
}

static void
protect (Run *run, guint applied)
{
  g_autoptr (GError) error = NULL;
  run->world = start (run, &error);
  if (!run->world)
    print_error ("%s\n", error->message);
  assert_non_null (run->world);
  TsOrder protect = order ("protect", TS_DO_PROTECT);
  protect.host = 1;
  protect.policy = 0;
  world_do (run->world, run->heard, protect, 30 * TS_S);
  world_wait (run->world, run->heard, "applied", NULL, NULL, applied, 60 * TS_S);
}

static gint64
point_taken (Run *run)
{
  const TsRecord *promoted = heard_record (run->heard, "failover", "phase", "promoted", 0);
  assert_non_null (promoted);
  return ts_record_get_int (promoted, "instant_us", -1);
}

static void
finish (Run *run)
{
  const TsWorldOps *ops = ts_lab_world_ops ();
  assert_true (ops->finish (run->world, NULL));
  assert_true (ops->finish (run->world, NULL)); /* again is fine */
  assert_int_equal (heard_count (run->heard, "traffic", NULL, NULL), 2);
  assert_false (run->heard->backwards);
  g_clear_pointer (&run->world, ops->free);
  assert_int_equal (processes_with (run->folder), 0);
}

/* The sequence of the newest write that the ledger knows. */
static guint64
newest_write (const Heard *heard)
{
  for (guint i = heard->entries->len; i-- > 0;) {
    const TsLedgerEntry *entry = &g_array_index (heard->entries, TsLedgerEntry, i);
    if (entry->kind == TS_LEDGER_WRITE)
      return entry->sequence;
  }
  return 0;
}

/* Protect, cycles, a dark link, a dead site, failover, read back, commit. */
static void
disaster (void **state)
{
  Run *run = *state;
  Heard *heard = run->heard;
  protect (run, 3);
  TsOrder dark = order ("dark", TS_DO_LINK);
  dark.link = 0;
  dark.link_mode = TS_LINK_BLACKHOLE;
  world_do (run->world, heard, dark, 10 * TS_S);
  guint cuts = heard_count (heard, "cut", NULL, NULL);
  world_wait (run->world, heard, "cut", NULL, NULL, cuts + 2, 20 * TS_S);
  TsOrder down = order ("down", TS_DO_SITE_DOWN);
  down.site = 0;
  world_do (run->world, heard, down, 20 * TS_S);
  const TsRecord *lost = heard_record (heard, "power", "why", "power lost", 0);
  assert_non_null (lost);
  world_do (run->world, heard, order ("failover", TS_DO_FAILOVER), 30 * TS_S);
  world_wait (run->world, heard, "survey", "phase", "done", 1, 60 * TS_S);
  assert_non_null (heard_record (heard, "failover", "phase", "serving", 0));
  world_do (run->world, heard, order ("commit", TS_DO_COMMIT), 30 * TS_S);

  gint64 instant_us = point_taken (run);
  assert_true (instant_us > 0 && instant_us < lost->t_us);
  assert_true (world_check_copy (heard, instant_us) > 50);
  /* the ledger knows writes that the copy cannot have: it was a disaster */
  const TsLedgerEntry *last = NULL;
  for (guint i = 0; i < heard->entries->len; i++) {
    const TsLedgerEntry *entry = &g_array_index (heard->entries, TsLedgerEntry, i);
    if (entry->kind == TS_LEDGER_WRITE)
      last = entry;
  }
  assert_true (last->t_us > instant_us + 3 * TS_S && last->t_us <= lost->t_us);
  /* both faults bit */
  const TsRecord *killed = heard_record (heard, "evidence", "id", "down", 0);
  const TsRecord *swallowed = heard_record (heard, "evidence", "id", "dark", 0);
  assert_true (ts_record_get_int (killed, "count", 0) >= 3); /* first process, host, machine */
  assert_non_null (swallowed);
  assert_true (ts_record_get_int (swallowed, "count", 0) > 0);
  /* the workload starts again on the copy, where it was left */
  guint64 before = last->sequence; /* new entries may move the old ones */
  world_do (run->world, heard, order ("work", TS_DO_WORKLOAD_START), 20 * TS_S);
  world_wait (run->world, heard, "workload", "host", "hv-west", 1, 20 * TS_S);
  /* every record ends run_until, so time is asked for again until a new write has been heard of */
  const TsWorldOps *ops = ts_lab_world_ops ();
  gint64 deadline_us = ops->now_us (run->world) + 20 * TS_S;
  while (newest_write (heard) <= before && ops->now_us (run->world) < deadline_us)
    assert_true (ops->run_until (run->world, ops->now_us (run->world) + TS_S / 5, NULL));
  finish (run);
  assert_true (newest_write (heard) > before);
}

static gint64
cpu_us (void)
{
  struct rusage used;
  getrusage (RUSAGE_SELF, &used);
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * TS_S + used.ru_utime.tv_usec +
         used.ru_stime.tv_usec;
}

/* Two seconds in slices: a runner whose alarms go off early turns round and round, and has no time
 * to hear the hosts. */
static void
waits_asleep (Run *run)
{
  const TsWorldOps *ops = ts_lab_world_ops ();
  gint64 end_us = ops->now_us (run->world) + 2 * TS_S, before_us = cpu_us ();
  while (ops->now_us (run->world) < end_us)
    assert_true (ops->run_until (run->world, ops->now_us (run->world) + TS_S / 10, NULL));
  assert_in_range (cpu_us () - before_us, 0, TS_S / 2);
}

/* The source is shut down, its last log sent: nothing is lost and the disks are identical. */
static void
planned (void **state)
{
  Run *run = *state;
  protect (run, 2);
  waits_asleep (run);
  TsOrder failover = order ("failover", TS_DO_FAILOVER);
  failover.planned = TRUE;
  world_do (run->world, run->heard, failover, 90 * TS_S);
  assert_non_null (heard_record (run->heard, "power", "why", "shutdown", 0));
  world_do (run->world, run->heard, order ("compare", TS_DO_COMPARE), 30 * TS_S);
  assert_int_equal (heard_count (run->heard, "compare", NULL, NULL), 2);
  for (guint i = 0; i < 2; i++)
    assert_int_equal (
        ts_record_get_int (heard_record (run->heard, "compare", NULL, NULL, i), "identical", 0), 1);
  world_wait (run->world, run->heard, "survey", "phase", "done", 1, 60 * TS_S);
  assert_true (world_check_copy (run->heard, TS_NEVER) > 20);

  /* the old primary is locked, and what is not protected cannot be failed over twice */
  TsOrder again = order ("again", TS_DO_FAILOVER);
  assert_true (ts_lab_world_ops ()->order (run->world, &again, NULL));
  world_wait (run->world, run->heard, "step", "id", "again", 1, 5 * TS_S);
  const TsRecord *step = heard_record (run->heard, "step", "id", "again", 0);
  assert_string_equal (ts_record_get_text (step, "phase"), "refused");
  finish (run);
}

/* --- a runner that is killed -------------------------------------------------------------------
 */

static void
killed_runner (void **state)
{
  Run *run = *state;
  int ends[2];
  char byte;
  assert_int_equal (pipe (ends), 0);
  pid_t pid = fork ();
  if (pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    close (ends[0]);
    run->world = start (run, NULL); /* no asserts: they would jump back into the test's own run */
    if (!run->world || write (ends[1], "x", 1) != 1)
      _exit (1);
    for (;;)
      ts_lab_world_ops ()->run_until (run->world, TS_NEVER, NULL);
  }
  close (ends[1]);
  assert_int_equal (read (ends[0], &byte, 1), 1);
  close (ends[0]);
  assert_true (processes_with (run->folder) > 0);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  for (guint i = 0; i < 500 && processes_with (run->folder) > 0; i++)
    g_usleep (10000);
  assert_int_equal (processes_with (run->folder), 0);
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream (&text, &len);
  ts_lab_tidy_ps (out);
  fflush (out);
  assert_non_null (strstr (text, run->folder));
  assert_true (ts_lab_tidy_down (FALSE, NULL));
  rewind (out);
  ts_lab_tidy_ps (out);
  fclose (out);
  assert_null (strstr (text, run->folder));
  free (text);
}

/* --- no lab here -------------------------------------------------------------------------------
 */

static void
without_guest (void)
{
  g_setenv ("TWINSITE_GUEST", "/nonexistent", TRUE);
}

static void
without_qemu (void)
{
  g_setenv ("PATH", "/nonexistent", TRUE);
}

static void
without_tun (void)
{
  if (unshare (CLONE_NEWNS) < 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
      mount ("tmpfs", "/dev/net", "tmpfs", 0, NULL) < 0)
    _exit (77);
}

static void
without_permission (void)
{
  /* What we start has no right to make namespaces, though it is root. */
  if (geteuid () != 0 || prctl (PR_CAPBSET_DROP, CAP_SYS_ADMIN) < 0)
    _exit (77);
}

static const struct lack {
  const char *name;
  void (*cause) (void);
  const char *says; /* in the reason: what is missing, or what to do */
} lacks[] = {
    {"unavailable: no guest kernel", without_guest, "vmlinuz"},
    {"unavailable: no QEMU", without_qemu, "apt-get install"},
    {"unavailable: no TUN device", without_tun, "/dev/net/tun"},
    {"unavailable: no permission", without_permission, "permission"},
};

static void
unavailable (void **state)
{
  const struct lack *lack = *state;
  void *prepared = NULL;
  prepare (&prepared);
  Run *run = prepared;
  pid_t pid = fork ();
  if (pid == 0) {
    g_autoptr (GError) error = NULL;
    lack->cause ();
    if (start (run, &error))
      _exit (1);
    print_message ("%s\n", error->message);
    if (!g_error_matches (error, TS_ERROR, TS_ERROR_UNAVAILABLE))
      _exit (2);
    _exit (strstr (error->message, lack->says) ? 0 : 3);
  }
  int status = -1;
  waitpid (pid, &status, 0);
  g_autofree char *lab = g_build_filename (run->folder, "lab", NULL);
  gboolean left = g_file_test (lab, G_FILE_TEST_EXISTS) || processes_with (run->folder) > 0;
  clear (&prepared);
  assert_true (WIFEXITED (status));
  if (WEXITSTATUS (status) == 77)
    skip ();
  assert_int_equal (WEXITSTATUS (status), 0);
  assert_false (left);
}

/* --- refusal -----------------------------------------------------------------------------------
 */

static void
refused (void **state)
{
  const TsWorldOps *ops = ts_lab_world_ops ();
  g_autoptr (TsTopology) topology = world_topology ();
  g_autoptr (GPtrArray) orders = g_ptr_array_new ();
  TsOrder protect = order ("protect", TS_DO_PROTECT);
  protect.host = 1;
  g_ptr_array_add (orders, &protect);
  g_autofree char *fine = ops->refusal (topology, orders);
  assert_null (fine);

  ts_topology_add_policy (topology, "kerberos")->policy.authentication = TS_AUTH_KERBEROS;
  protect.policy = (gint)topology->policies->len - 1;
  g_autofree char *kerberos = ops->refusal (topology, orders);
  g_autofree char *why = ts_lab_realm_refusal (); /* Kerberos where there can be a KDC, else not */
  assert_true ((kerberos == NULL) == (why == NULL));
  assert_true (!kerberos || strstr (kerberos, "policy kerberos asks for Kerberos"));
  protect.policy = -1;

  ts_topology_add_host (topology, "../evil");
  g_autofree char *name = ops->refusal (topology, orders);
  assert_non_null (strstr (name, "'../evil'"));
  g_ptr_array_set_size (topology->hosts, 2);

  ts_topology_add_link (topology, "second")->site[1] = 1; /* a site may have several */
  g_autofree char *links = ops->refusal (topology, orders);
  assert_null (links);
  g_ptr_array_set_size (topology->links, 0);
  g_autofree char *none = ops->refusal (topology, orders);
  assert_non_null (strstr (none, "no link joins"));

  for (guint i = 0; i < 8; i++) {
    g_autofree char *vm = g_strdup_printf ("vm%u", i);
    ts_topology_add_vm (topology, vm);
  }
  g_autofree char *many = ops->refusal (topology, orders);
  assert_non_null (strstr (many, "9 VMs"));
}

int
main (int argc, char **argv)
{
  int status;
  if (ts_lab_helper_main (argc, argv, &status))
    return status;
  if (argc == 3 && g_str_equal (argv[1], "host"))
    return ts_lab_host_main (argc, argv);

  struct CMUnitTest tests[16] = {cmocka_unit_test (refused)};
  guint count = 1;
  g_autofree char *cache = g_build_filename (g_get_user_cache_dir (), "twinsite", NULL);
  g_autoptr (GPtrArray) findings = ts_lab_doctor (cache);
  g_autoptr (GError) error = NULL;
  gboolean can = ts_lab_doctor_pass (findings, &error);
  for (guint i = 0; i < G_N_ELEMENTS (lacks); i++)
    tests[count++] = (struct CMUnitTest){
        .name = lacks[i].name, .test_func = unavailable, .initial_state = (void *)&lacks[i]};
  if (can) {
    const struct CMUnitTest real[] = {
        cmocka_unit_test_setup_teardown (disaster, prepare, clear),
        cmocka_unit_test_setup_teardown (planned, prepare, clear),
        cmocka_unit_test_setup_teardown (killed_runner, prepare, clear),
    };
    memcpy (&tests[count], real, sizeof real);
    count += G_N_ELEMENTS (real);
  } else
    print_message ("no machines: %s\n", error->message);
  int failed = _cmocka_run_group_tests ("lab-world", tests, count, NULL, NULL);
  return failed ? failed : can ? 0 : 77;
}

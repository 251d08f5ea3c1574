/* A profile is read back out of what was run with it: runs of the simulator, whose times are known
 * to the microsecond, tell the calibration what the profile said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include "results/calibration.h"
#include "scenarios/engine/folder.h"
#include "scenarios/engine/run.h"
#include "sim/world.h"

#define SIM                                                                                        \
  "sim: {boot: 5s, shutdown: 900ms, define: 450ms, flush: 5ms, track: 270ms, cut: 220ms, apply: 33ms, "          \
  "branch: 130ms, merge: 410ms, disk: 200MiB, survey: 80MiB}\n"
#define DISK_BYTES (64 * TS_MIB)
#define HEAD                                                                                       \
  "scenario: 1\n"                                                                                  \
  "name: calibrated\n" SIM "limits: {settle: none}\n"                                              \
  "sites: {near: {}, far: {}}\n"                                                                   \
  "hosts: {here: {site: near}, there: {site: far}}\n"                                              \
  "vms: {app: {host: here, disks: {system: {size: 64MiB, fill: 8MiB}}}}\n"                         \
  "workloads: {load: {vm: app, disks: [system], rate: 40/s, flush_every: 4}}\n"                    \
  "links: {wan: {between: [near, far], delay: 1ms}}\n"                                             \
  "policies: {often: {frequency: 30s}}\n"                                                          \
  "steps:\n"                                                                                       \
  "  - {id: protect, do: protect, vm: app, policy: often, to: there, within: 1m}\n"                \
  "  - {id: replicating, wait: {state: replicating, vm: app}, within: 2m}\n"                       \
  "  - {id: cycles, wait: {cycles: 4, vm: app}, within: 5m}\n"
#define TAIL                                                                                       \
  "  - {id: serving, wait: {probe: up, vm: app, host: there}, within: 2m}\n"                       \
  "  - {id: surveyed, wait: {survey: done, vm: app}, within: 2m}\n"                                \
  "  - {id: commit, do: commit, vm: app, within: 1m}\n"

static void
add (TsCalibration *calibration, const char *text, gboolean writes)
{
  g_autofree char *folder = g_dir_make_tmp ("test-calibration-XXXXXX", NULL);
  g_autofree char *journal_path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autofree char *ledger_path = g_build_filename (folder, "ledger.tsv", NULL);
  g_autoptr (TsProblems) problems = ts_problems_new ("text");
  g_autoptr (GError) error = NULL;
  g_autoptr (TsScenario) scenario = ts_scenario_parse ("text", text, strlen (text), NULL, problems);
  assert_non_null (scenario);
  TsRunOptions options = {.ops = ts_sim_world_ops (), .folder = folder, .replay = "again"};
  g_autoptr (TsVerdict) verdict = ts_run (scenario, &options, &error);
  if (verdict == NULL || verdict->kind != TS_VERDICT_PASSED)
    fail_msg ("%s", verdict != NULL ? verdict->headline : error->message);
  g_autoptr (TsJournal) journal = ts_journal_read (journal_path, &error);
  g_autoptr (TsLedger) ledger = ts_ledger_read (ledger_path, &error);
  assert_non_null (journal);
  assert_non_null (ledger);
  if (writes)
    ts_calibration_add_writes (calibration, ledger);
  else
    ts_calibration_add_run (calibration, journal, ledger, DISK_BYTES);
  assert_true (ts_folder_remove (folder, &error));
}

/* Both runs, and the disk as it is. */
static TsCalibration *
calibrated (void)
{
  TsCalibration *calibration = ts_calibration_new ();
  ts_calibration_sample (calibration, "disk", 200 * (gint64)TS_MIB);
  add (calibration,
       HEAD "  - {id: gone, do: site_down, site: near, after: {step: cycles, by: 12s}}\n"
            "  - {id: failover, do: failover, vm: app, kind: unplanned, within: 1m}\n" TAIL,
       FALSE);
  add (calibration,
       HEAD "  - {id: failover, do: failover, vm: app, kind: planned, within: 1m}\n" TAIL,
       FALSE);
  return calibration;
}

static void
assert_about (const char *name, gint64 value, gint64 want, gint64 within)
{
  if (ABS (value - want) > within)
    fail_msg ("%s is %" G_GINT64_FORMAT ", want %" G_GINT64_FORMAT, name, value, want);
}

static void
times_are_read_back (void **state)
{
  g_autoptr (TsCalibration) calibration = calibrated ();
  TsProfile profile = ts_calibration_profile (calibration);
  assert_int_equal (profile.boot_us, 5 * TS_S);
  assert_int_equal (profile.define_us, 450 * TS_MS);
  assert_int_equal (profile.branch_us, 130 * TS_MS);
  assert_int_equal (profile.flush_us, 5 * TS_MS);
  assert_int_equal (profile.disk_bytes_per_s, 200 * (gint64)TS_MIB);
  assert_about ("shutdown", profile.shutdown_us, 900 * TS_MS, 50 * TS_MS); /* words on the way */
  assert_about ("track", profile.track_us, 270 * TS_MS, 5 * TS_MS); /* and a look at what is there */
  assert_about ("cut", profile.cut_us, 220 * TS_MS, 2 * TS_MS);
  assert_about ("apply", profile.apply_us, 33 * TS_MS, 2 * TS_MS);
  assert_about ("merge", profile.merge_us, 410 * TS_MS, 60 * TS_MS); /* with its data */
  assert_about ("survey", profile.survey_bytes_per_s, 80 * (gint64)TS_MIB, (gint64)TS_MIB);
  static const char *const unseen[] = {"probe", "write", "store", "sync"};
  TsProfile defaults;
  ts_profile_init (&defaults);
  for (guint i = 0; i < G_N_ELEMENTS (unseen); i++)
    assert_int_equal (ts_calibration_samples (calibration, unseen[i]), 0);
  assert_int_equal (profile.probe_us, defaults.probe_us);
}

/* In the lab a guest is asked when it is ready; one of your own is ready when it has answered. */
static void
first_answers_are_the_probes (void **state)
{
  static const char text[] =
      "{\"t_us\":0,\"source\":\"engine\",\"kind\":\"run\",\"scenario\":\"x\",\"engine\":\"lab\",\"seed\":1}\n"
      "{\"t_us\":100,\"source\":\"h\",\"kind\":\"guest\",\"vm\":\"app\",\"host\":\"h\",\"phase\":\"ready\"}\n"
      "{\"t_us\":2600,\"source\":\"h\",\"kind\":\"probe\",\"vm\":\"app\",\"host\":\"h\",\"up\":true}\n"
      "{\"t_us\":9000,\"source\":\"h\",\"kind\":\"probe\",\"vm\":\"app\",\"host\":\"h\",\"up\":false}\n"
      "{\"t_us\":9900,\"source\":\"h\",\"kind\":\"probe\",\"vm\":\"app\",\"host\":\"h\",\"up\":true}\n"
      "{\"t_us\":20000,\"source\":\"h\",\"kind\":\"guest\",\"vm\":\"own\",\"host\":\"h\",\"phase\":\"ready\"}\n"
      "{\"t_us\":20000,\"source\":\"h\",\"kind\":\"probe\",\"vm\":\"own\",\"host\":\"h\",\"up\":true}\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (TsJournal) journal = ts_journal_parse (text, strlen (text), &error);
  assert_non_null (journal);
  g_autoptr (TsLedger) ledger = ts_ledger_new ();
  g_autoptr (TsCalibration) calibration = ts_calibration_new ();
  ts_calibration_add_run (calibration, journal, ledger, DISK_BYTES);
  assert_int_equal (ts_calibration_samples (calibration, "probe"), 1);
  assert_int_equal (ts_calibration_profile (calibration).probe_us, 2500);
}

/* A guest that is asked for more than it can do tells how long a write takes. */
static void
writes_are_read_back (void **state)
{
  static const char text[] =
      "scenario: 1\n"
      "name: writes\n"
      "sim: {write: 1700us, flush: 9ms}\n"
      "limits: {settle: none}\n"
      "sites: {near: {}}\n"
      "hosts: {here: {site: near}}\n"
      "vms: {app: {host: here, disks: {system: {size: 64MiB, fill: 8MiB}}}}\n"
      "workloads: {load: {vm: app, disks: [system], rate: 100000/s, flush_every: 64}}\n"
      "steps:\n"
      "  - {id: ready, wait: {probe: up, vm: app}, within: 2m}\n"
      "  - {id: wrote, check: {probe: up, vm: app}, after: {step: ready, by: 5s}}\n";
  g_autoptr (TsCalibration) calibration = ts_calibration_new ();
  add (calibration, text, TRUE);
  assert_true (ts_calibration_samples (calibration, "write") > 20);
  assert_int_equal (ts_calibration_profile (calibration).write_us, 1700);
  assert_int_equal (ts_calibration_samples (calibration, "flush"), 0);
}

/* What it writes is a profile, and means what was measured. */
static void
file_is_read_as_a_profile (void **state)
{
  g_autoptr (TsCalibration) calibration = calibrated ();
  TsProfile want = ts_calibration_profile (calibration);
  g_autofree char *text = ts_calibration_format (calibration, "one\ntwo # three");
  g_autofree char *folder = g_dir_make_tmp ("test-calibration-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "profile.yaml", NULL);
  assert_true (g_file_set_contents (path, text, -1, NULL));
  g_autoptr (TsProblems) problems = ts_problems_new (path);
  TsScenarioOptions options = {.profile_path = path};
  gboolean good = ts_profile_file_check (path, problems);
  g_autoptr (TsScenario) scenario =
      ts_scenario_load ("scenarios/first-disaster.yaml", &options, problems);
  g_unlink (path);
  g_rmdir (folder);
  assert_true (good);
  assert_non_null (scenario);
  assert_memory_equal (&scenario->topology->profile, &want, sizeof want);
  assert_non_null (strstr (text, "# one\n# two # three\n"));
  assert_non_null (strstr (text, "# not measured: the default"));
}

static void
median_is_a_value_that_was_seen (void **state)
{
  g_autoptr (TsCalibration) calibration = ts_calibration_new ();
  static const gint64 boots[] = {9 * TS_S, 3 * TS_S, 50 * TS_S, 4 * TS_S};
  for (guint i = 0; i < G_N_ELEMENTS (boots); i++)
    ts_calibration_sample (calibration, "boot", boots[i]);
  ts_calibration_sample (calibration, "sync", 0); /* what a profile cannot hold */
  ts_calibration_sample (calibration, "survey", G_MAXINT64);
  TsProfile profile = ts_calibration_profile (calibration);
  assert_int_equal (profile.boot_us, 4 * TS_S);
  assert_int_equal (profile.sync_us, 1);
  assert_int_equal (profile.survey_bytes_per_s, 1024 * (gint64)TS_GIB);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (times_are_read_back),
      cmocka_unit_test (first_answers_are_the_probes),
      cmocka_unit_test (writes_are_read_back),
      cmocka_unit_test (file_is_read_as_a_profile),
      cmocka_unit_test (median_is_a_value_that_was_seen),
  };
  return cmocka_run_group_tests_name ("calibration", tests, NULL, NULL);
}

#include "scenarios/cli/calibrate.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/link/handshake.h"
#include "lab/machine/measure.h"
#include "lab/site/layout.h"
#include "results/calibration.h"
#include "results/file.h"
#include "results/series.h"
#include "scenarios/cli/command.h"
#include "scenarios/cli/engines.h"
#include "scenarios/cli/progress.h"
#include "scenarios/engine/folder.h"
#include "scenarios/engine/run.h"

/* One machine at a time, so that machines are not measured against each other; a line without a
 * limit, so that the link is not. */
#define WORLD(name, load)                                                                          \
  "scenario: 1\n"                                                                                  \
  "name: " name "\n"                                                                               \
  "limits: {run: 6m, settle: none}\n"                                                              \
  "sites: {near: {}, far: {}}\n"                                                                   \
  "hosts: {here: {site: near}, there: {site: far}}\n"                                              \
  "vms: {app: {host: here, disks: {system: {size: 256MiB, fill: 48MiB}}}}\n"                       \
  "workloads: {load: {vm: app, disks: [system], " load "}}\n"                                      \
  "links: {wan: {between: [near, far], delay: 1ms}}\n"                                             \
  "policies: {often: {frequency: 30s}}\n"                                                          \
  "lab: {time_scale: 6}\n"                                                                         \
  "steps:\n"
#define HEAD(name)                                                                                 \
  WORLD (name, "rate: 40/s, flush_every: 4")                                                       \
  "  - {id: protect, do: protect, vm: app, policy: often, to: there, within: 1m}\n"                \
  "  - {id: replicating, wait: {state: replicating, vm: app}, within: 2m}\n"                       \
  "  - {id: cycles, wait: {cycles: 4, vm: app}, within: 2m}\n"
#define TAIL                                                                                       \
  "  - {id: serving, wait: {probe: up, vm: app, host: there}, within: 2m}\n"                       \
  "  - {id: surveyed, wait: {survey: done, vm: app}, within: 2m}\n"                                \
  "  - {id: commit, do: commit, vm: app, within: 1m}\n"

/* Nothing but writes, more than any guest can do: each begins when the one before it is through. */
static const struct {
  const char *name, *text;
  gboolean writes;
} plays[] = {
    {"calibrate-writes",
     WORLD ("calibrate-writes", "rate: 100000/s, flush_every: 64")
     "  - {id: ready, wait: {probe: up, vm: app}, within: 2m}\n"
     "  - {id: wrote, check: {probe: up, vm: app}, after: {step: ready, by: 30s}}\n",
     TRUE},
    {"calibrate-unplanned",
     HEAD ("calibrate-unplanned") "  - {id: gone, do: site_down, site: near, after: {step: cycles, "
                                  "by: 12s}}\n"
                                  "  - {id: failover, do: failover, vm: app, kind: unplanned, "
                                  "within: 1m}\n" TAIL,
     FALSE},
    {"calibrate-planned",
     HEAD ("calibrate-planned") "  - {id: failover, do: failover, vm: app, kind: planned, within: "
                                "1m}\n" TAIL,
     FALSE},
};

static volatile sig_atomic_t interrupted;

static void
on_signal (int number)
{
  interrupted = 1;
  signal (number, SIG_DFL);
}

static guint64
disks_of (const TsScenario *scenario)
{
  const TsVmSpec *vm = ts_topology_vm (scenario->topology, 0);
  guint64 bytes = 0;
  for (guint i = 0; i < vm->disks->len; i++)
    bytes += ts_vm_spec_disk (vm, i)->size_bytes;
  return bytes;
}

/* The most that two hosts got through a link that does not limit them. */
static void
add_link (TsCalibration *calibration, const TsJournal *journal, const TsLedger *ledger,
          const TsScenario *scenario)
{
  const TsTopology *topology = scenario->topology;
  for (guint i = 0; i < topology->links->len; i++)
    if (ts_topology_link (topology, i)->shape.rate_bits_per_s != 0)
      return;
  g_autoptr (TsMetrics) metrics = ts_metrics_new (journal, ledger);
  g_auto (TsMeasure) fastest = {0};
  ts_metrics_measure (metrics, ts_metric_find ("throughput.max"), ts_topology_vm (topology, 0)->name,
                      0, TS_NEVER, &fastest);
  if (fastest.kind == TS_MEASURE_VALUE && fastest.number > 0)
    ts_calibration_sample (calibration, "link", fastest.number);
}

/* writes: of what it tells only that is wanted. */
static gboolean
add_run (TsCalibration *calibration, const char *folder, const TsScenario *scenario, gboolean writes,
         GError **error)
{
  g_autofree char *journal_path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autofree char *ledger_path = g_build_filename (folder, "ledger.tsv", NULL);
  g_autoptr (TsJournal) journal = ts_journal_read (journal_path, error);
  g_autoptr (TsLedger) ledger = journal != NULL ? ts_ledger_read (ledger_path, error) : NULL;
  if (ledger == NULL)
    return FALSE;
  if (writes) {
    ts_calibration_add_writes (calibration, ledger);
    return TRUE;
  }
  ts_calibration_add_run (calibration, journal, ledger, disks_of (scenario));
  add_link (calibration, journal, ledger, scenario);
  return TRUE;
}

/* Plays one of them; a run that did not pass is kept, and nothing is taken from it. */
static int
play (TsCalibration *calibration, guint index, const TsWorldOps *ops, const char *top)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsProblems) problems = ts_problems_new (plays[index].name);
  g_autoptr (TsScenario) scenario = ts_scenario_parse (plays[index].name, plays[index].text,
                                                       strlen (plays[index].text), NULL, problems);
  if (scenario == NULL)
    return ts_command_problems (problems);
  g_autofree char *folder = g_build_filename (top, plays[index].name, NULL);
  TsProgress *progress = ts_progress_new (FALSE);
  TsRunOptions options = {.ops = ops,
                          .folder = folder,
                          .replay = "twinsite lab calibrate",
                          .progress = progress,
                          .interrupted = &interrupted};
  fprintf (stderr, "%s on lab (real machines)\n", plays[index].name);
  g_autoptr (TsVerdict) verdict = ts_run (scenario, &options, &error);
  ts_progress_free (progress);
  if (verdict == NULL)
    return ts_command_error (error);
  if (verdict->kind != TS_VERDICT_PASSED) {
    fprintf (stderr, "twinsite: %s\n", verdict->headline);
    return verdict->exit_code != 0 ? verdict->exit_code : TS_EXIT_UNAVAILABLE;
  }
  if (!add_run (calibration, folder, scenario, plays[index].writes, &error) ||
      !ts_folder_remove (folder, &error))
    return ts_command_error (error);
  return TS_EXIT_PASSED;
}

#define HANDSHAKES 25

static gboolean
measure_handshake (TsCalibration *calibration, const char *top, GError **error)
{
  g_autofree char *folder = g_build_filename (top, "handshake", NULL);
  gint64 median_us = 0;
  if (g_mkdir_with_parents (folder, 0700) < 0)
    return ts_throw_errno (error, "make %s", folder);
  if (!ts_lab_measure_handshake (folder, HANDSHAKES, &median_us, error) ||
      !ts_lab_remove_tree (folder, error))
    return FALSE;
  ts_calibration_sample (calibration, "handshake", median_us);
  return TRUE;
}

static gboolean
measure_disk (TsCalibration *calibration, const char *folder, GError **error)
{
  TsLabDiskSpeed speed;
  if (!ts_lab_measure_disk (folder, &speed, error))
    return FALSE;
  ts_calibration_sample (calibration, "disk", speed.bytes_per_s);
  ts_calibration_sample (calibration, "store", speed.store_us);
  ts_calibration_sample (calibration, "sync", speed.sync_us);
  return TRUE;
}

/* what: of how many runs it is made, in words. */
static gboolean
write_profile (const TsCalibration *calibration, const char *out, const char *what, GError **error)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *when = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *comment =
      g_strdup_printf ("Made by twinsite lab calibrate at %s, %u processors, of %s", when,
                       g_get_num_processors (), what);
  g_autofree char *text = ts_calibration_format (calibration, comment);
  g_autofree char *folder = g_path_get_dirname (out), *name = g_path_get_basename (out);
  if (!ts_file_replace (folder, name, text, error))
    return FALSE;
  fputs (text, stdout);
  return TRUE;
}

int
ts_calibrate (const char *out, guint rounds)
{
  g_autoptr (GError) error = NULL;
  const TsWorldOps *ops = ts_engine_find ("lab", &error);
  g_autofree char *top = ops != NULL ? g_dir_make_tmp ("twinsite-calibrate-XXXXXX", &error) : NULL;
  if (top == NULL)
    return ts_command_error (error);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  g_autoptr (TsCalibration) calibration = ts_calibration_new ();
  gboolean measured =
      measure_disk (calibration, top, &error) && measure_handshake (calibration, top, &error);
  int status = measured ? TS_EXIT_PASSED : ts_command_error (error);
  for (guint i = 0; i < rounds * G_N_ELEMENTS (plays) && status == TS_EXIT_PASSED; i++)
    status = interrupted
                 ? TS_EXIT_INCONCLUSIVE
                 : play (calibration, i % G_N_ELEMENTS (plays), ops, top);
  if (status != TS_EXIT_PASSED) {
    fprintf (stderr, "twinsite: no profile; what was run is in %s\n", top);
    return status;
  }
  g_autofree char *what =
      g_strdup_printf ("%u unplanned and %u planned failovers.", rounds, rounds);
  if (!ts_folder_remove (top, &error) || !write_profile (calibration, out, what, &error))
    return ts_command_error (error);
  return TS_EXIT_PASSED;
}

int
ts_calibrate_from (const char *out, const char *const *runs)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsCalibration) calibration = ts_calibration_new ();
  g_autoptr (GString) what = g_string_new ("stored runs:");
  for (guint i = 0; runs[i] != NULL; i++) {
    g_autofree char *path = g_build_filename (runs[i], "scenario.yaml", NULL);
    g_autoptr (TsProblems) problems = ts_problems_new (path);
    g_autoptr (TsScenario) scenario = ts_scenario_load (path, NULL, problems);
    if (scenario == NULL)
      return ts_command_problems (problems);
    if (scenario->topology->vms->len != 1)
      return ts_command_usage ("lab", "--from: %s has %u machines, and would tell of them mixed",
                               runs[i], scenario->topology->vms->len);
    if (!add_run (calibration, runs[i], scenario, FALSE, &error)) {
      fprintf (stderr, "twinsite: %s\n", error->message);
      return TS_EXIT_BAD_SCENARIO; /* what it was given is not a run */
    }
    g_autofree char *name = g_path_get_basename (runs[i]);
    g_string_append_printf (what, " %s", name);
  }
  return write_profile (calibration, out, what->str, &error) ? TS_EXIT_PASSED
                                                             : ts_command_error (error);
}

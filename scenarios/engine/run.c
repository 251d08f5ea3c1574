#include "scenarios/engine/run.h"
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/recorder.h"
#include "results/verdict-files.h"
#include "scenarios/engine/folder.h"

#define REPLAY "# replay: "

char *
ts_run_name (const TsScenario *scenario, const TsWorldOps *ops)
{
  return g_strdup_printf ("%s-%s-%" G_GUINT64_FORMAT, scenario->topology->name, ops->name,
                          scenario->topology->seed);
}

static gboolean
write_scenario (const TsScenario *scenario, const TsRunOptions *options, GError **error)
{
  g_autofree char *path = g_build_filename (options->folder, "scenario.yaml", NULL);
  g_autofree char *text = ts_scenario_format (scenario);
  g_autofree char *whole = g_strdup_printf (REPLAY "%s\n%s", options->replay, text);
  g_autoptr (GError) why = NULL;
  if (!g_file_set_contents (path, whole, -1, &why))
    return ts_throw (error, TS_ERROR_IO, "%s", why->message);
  return TRUE;
}

static void
tell_run (TsRecorder *recorder, const TsScenario *scenario, const TsWorldOps *ops)
{
  TsRecord *record = ts_record_new (0, "engine", "run");
  ts_record_text (record, "scenario", scenario->topology->name);
  ts_record_text (record, "engine", ops->name);
  ts_record_int (record, "seed", (gint64)scenario->topology->seed);
  ts_record_int (record, "time_scale", scenario->time_scale);
  ts_observe (ts_recorder_observer (recorder), record);
}

/* t_us: not before what was told last, or the journal could not be read back. */
static void
tell_end (TsRecorder *recorder, gint64 t_us, const char *reason)
{
  t_us = MAX (t_us, ts_journal_end_us (ts_recorder_journal (recorder)));
  TsRecord *record = ts_record_new (t_us, "engine", "end");
  ts_record_text (record, "reason", reason);
  ts_observe (ts_recorder_observer (recorder), record);
}

static void
progress (const TsRunOptions *options, TsPhase phase, const char *name, const char *text,
          gint64 t_us)
{
  if (options->progress != NULL)
    options->progress->tell (options->progress, phase, name, text, t_us);
}

gboolean
ts_run_is_meant (const TsScenario *scenario, const TsWorldOps *ops)
{
  guint bit = g_str_equal (ops->name, "lab") ? TS_ENGINE_LAB : TS_ENGINE_SIM;
  return (scenario->engines & bit) != 0;
}

/* Why this engine does not run it; NULL when it does. */
static char *
find_refusal (const TsScenario *scenario, const TsWorldOps *ops)
{
  if (!ts_run_is_meant (scenario, ops))
    return g_strdup_printf ("the scenario is not meant for engine %s", ops->name);
  g_autoptr (GPtrArray) orders = ts_scenario_orders (scenario);
  return ops->refusal != NULL ? ops->refusal (scenario->topology, orders) : NULL;
}

/* From the world's start to its end; everything it has to tell is in the recorder then.  FALSE:
 * there was no world. */
static gboolean
perform (const TsScenario *scenario, const TsRunOptions *options, TsRecorder *recorder,
         GError **error)
{
  const TsWorldOps *ops = options->ops;
  TsWorldOptions world_options = {.folder = options->folder,
                                  .limit_us = scenario->run_limit_us,
                                  .bytes = options->bytes};
  progress (options, TS_PHASE_BEGUN, "start", "hosts and machines start", 0);
  TsWorld *world =
      ops->start (scenario->topology, &world_options, ts_recorder_observer (recorder), error);
  if (world == NULL) {
    progress (options, TS_PHASE_FAILED, "start", error != NULL ? (*error)->message : "", 0);
    tell_end (recorder, 0, "the engine could not start");
    return FALSE;
  }
  progress (options, TS_PHASE_DONE, "start", "", ops->now_us (world));
  TsTimelineOptions timeline = {.scenario = scenario,
                                .ops = ops,
                                .world = world,
                                .recorder = recorder,
                                .progress = options->progress,
                                .interrupted = options->interrupted};
  g_autofree char *reason = NULL;
  TsTimelineEnd end = ts_timeline_run (&timeline, &reason);
  g_autoptr (GError) unfinished = NULL;
  progress (options, TS_PHASE_BEGUN, "finish", "machines stop", ops->now_us (world));
  if (!ops->finish (world, &unfinished)) {
    if (end == TS_TIMELINE_DONE) {
      reason = g_strdup_printf ("the engine could not finish: %s", unfinished->message);
      end = TS_TIMELINE_BROKEN;
    }
    progress (options, TS_PHASE_FAILED, "finish", unfinished->message, ops->now_us (world));
  } else
    progress (options, TS_PHASE_DONE, "finish", "", ops->now_us (world));
  tell_end (recorder, ops->now_us (world), end == TS_TIMELINE_DONE ? TS_END_COMPLETED : reason);
  ops->free (world);
  return TRUE;
}

static TsVerdict *
judge (const TsScenario *scenario, const TsRunOptions *options, const TsRecorder *recorder,
       const char *skipped)
{
  TsJudgeContext context = {
      .scenario = scenario->topology->name,
      .engine = options->ops->name,
      .seed = scenario->topology->seed,
      .time_scale = scenario->time_scale,
      .replay = options->replay,
      .skipped = skipped,
  };
  return ts_judge (ts_recorder_journal (recorder), ts_recorder_ledger (recorder),
                   scenario->expectations, &context);
}

TsVerdict *
ts_run (const TsScenario *scenario, const TsRunOptions *options, GError **error)
{
  g_autoptr (GError) why = NULL;
  if (options->folder != NULL && (!ts_folder_renew (options->folder, error) ||
                                  !write_scenario (scenario, options, error)))
    return NULL;
  g_autoptr (TsRecorder) recorder = ts_recorder_new (options->folder, error);
  if (recorder == NULL)
    return NULL;
  if (g_str_equal (options->ops->name, "sim"))
    ts_recorder_set_buffered (recorder);
  if (scenario->no_ledger)
    ts_recorder_set_no_ledger (recorder);
  tell_run (recorder, scenario, options->ops);
  g_autofree char *refusal = find_refusal (scenario, options->ops);
  if (refusal != NULL) {
    g_autofree char *reason = g_strdup_printf ("skipped: %s", refusal);
    tell_end (recorder, 0, reason);
  } else if (!perform (scenario, options, recorder, &why)) {
    ts_recorder_finish (recorder, NULL);
    g_propagate_error (error, g_steal_pointer (&why));
    return NULL;
  }
  if (!ts_recorder_finish (recorder, error))
    return NULL;
  g_autoptr (TsVerdict) verdict = judge (scenario, options, recorder, refusal);
  if (options->folder != NULL && !ts_verdict_write (verdict, options->folder, error))
    return NULL;
  return g_steal_pointer (&verdict);
}

/* ---- again ---- */

/* The command in the stored scenario's first line. */
static char *
stored_replay (const char *scenario_path)
{
  g_autofree char *text = NULL;
  if (g_file_get_contents (scenario_path, &text, NULL, NULL) && g_str_has_prefix (text, REPLAY)) {
    text[strcspn (text, "\n")] = '\0';
    return g_strdup (text + strlen (REPLAY));
  }
  return g_strdup_printf ("twinsite run %s", scenario_path);
}

/* As stored, then, when that is fine, with the expectations of a file: what is wrong is told of the
 * file that it is wrong in. */
static TsScenario *
load_stored (const char *path, const char *expect_path, TsProblems **problems)
{
  g_autoptr (TsProblems) told = ts_problems_new (path);
  g_autoptr (TsScenario) scenario = ts_scenario_load (path, NULL, told);
  if (scenario != NULL && expect_path != NULL) {
    ts_problems_free (told);
    ts_scenario_free (scenario);
    told = ts_problems_new (expect_path);
    scenario = ts_scenario_load (path, &(TsScenarioOptions){.expect_path = expect_path}, told);
  }
  *problems = scenario == NULL ? g_steal_pointer (&told) : NULL;
  return g_steal_pointer (&scenario);
}

TsVerdict *
ts_run_judge (const char *folder, const char *expect_path, TsProblems **problems, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "scenario.yaml", NULL);
  g_autofree char *journal_path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autofree char *ledger_path = g_build_filename (folder, "ledger.tsv", NULL);
  g_autoptr (TsScenario) scenario = load_stored (path, expect_path, problems);
  if (scenario == NULL)
    return NULL;
  g_autoptr (TsJournal) journal = ts_journal_read (journal_path, error);
  if (journal == NULL)
    return NULL;
  g_autoptr (TsLedger) ledger = ts_ledger_read (ledger_path, error);
  if (ledger == NULL)
    return NULL;
  const TsRecord *first = journal->records->len > 0 ? journal->records->pdata[0] : NULL;
  const char *engine = first != NULL && g_str_equal (first->kind, "run")
                           ? ts_record_get_text (first, "engine")
                           : NULL;
  if (engine == NULL) {
    ts_throw (error, TS_ERROR_FORMAT, "%s: the first line does not tell which engine ran",
              journal_path);
    return NULL;
  }
  g_autofree char *replay = stored_replay (path);
  if (expect_path != NULL) { /* playing it again would judge by the old expectations */
    g_autofree char *quoted = g_shell_quote (folder), *file = g_shell_quote (expect_path);
    g_free (replay);
    replay = g_strdup_printf ("twinsite judge %s --expect %s", quoted, file);
  }
  const TsRecord *last = journal->records->pdata[journal->records->len - 1];
  const char *reason = g_str_equal (last->kind, "end") ? ts_record_get_text (last, "reason") : NULL;
  TsJudgeContext context = {
      .scenario = scenario->topology->name,
      .engine = engine,
      .seed = scenario->topology->seed,
      .time_scale = scenario->time_scale,
      .replay = replay,
      .skipped = reason != NULL && g_str_has_prefix (reason, "skipped: ") ? reason + 9 : NULL,
  };
  g_autoptr (TsVerdict) verdict = ts_judge (journal, ledger, scenario->expectations, &context);
  if (!ts_verdict_write (verdict, folder, error))
    return NULL;
  return g_steal_pointer (&verdict);
}

#include "scenarios/engine/timeline.h"
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "scenarios/engine/settle.h"

/* Time is let pass in slices of this, so that Ctrl-C and the progress line are never far. */
#define SLICE_US (TS_S / 4)

typedef enum { PENDING, BEGUN, DONE, FAILED } Phase;

typedef struct {
  const TsStep *step;
  Phase phase;
  gint64 begun_us, done_us;
  TsPredicateMark mark;
} Progressing;

typedef struct {
  const TsTimelineOptions *with;
  const TsScenario *scenario;
  TsBoard *board;
  Progressing *steps;
  guint count;
  gint64 limit_us;
  char *failure; /* the first one, a sentence */
} Timeline;

static gint64
now_us (const Timeline *timeline)
{
  return timeline->with->ops->now_us (timeline->with->world);
}

static void
progress (const Timeline *timeline, TsPhase phase, const char *name, const char *text, gint64 t_us)
{
  if (timeline->with->progress != NULL)
    timeline->with->progress->tell (timeline->with->progress, phase, name, text, t_us);
}

static const char *
verb_of (const TsStep *step)
{
  return step->kind == TS_STEP_DO     ? ts_verb_name (step->order.verb)
         : step->kind == TS_STEP_WAIT ? "wait"
                                      : "check";
}

static void
tell_step (const Timeline *timeline, gint64 t_us, const char *id, const char *verb,
           const char *phase, const char *reason)
{
  TsRecord *record = ts_record_new (t_us, "engine", "step");
  ts_record_text (record, "id", id);
  ts_record_text (record, "verb", verb);
  ts_record_text (record, "phase", phase);
  if (reason != NULL)
    ts_record_text (record, "reason", reason);
  ts_observe (ts_recorder_observer (timeline->with->recorder), record);
}

/* ---- outcomes ---- */

static void
step_done (Timeline *timeline, Progressing *at, gint64 t_us)
{
  at->phase = DONE;
  at->done_us = t_us;
  progress (timeline, TS_PHASE_DONE, at->step->id, "", t_us);
}

static void
step_failed (Timeline *timeline, Progressing *at, gint64 t_us, const char *reason)
{
  at->phase = FAILED;
  at->done_us = t_us;
  if (timeline->failure == NULL)
    timeline->failure = g_strdup_printf ("step %s: %s", at->step->id, reason);
  progress (timeline, TS_PHASE_FAILED, at->step->id, reason, t_us);
}

/* What the world says of an order of ours. */
static void
hear_outcome (Timeline *timeline, const TsRecord *record)
{
  const char *id = ts_record_get_text (record, "id");
  const char *phase = ts_record_get_text (record, "phase");
  const char *reason = ts_record_get_text (record, "reason");
  if (id == NULL || phase == NULL || g_str_equal (record->source, "engine"))
    return;
  for (guint i = 0; i < timeline->count; i++) {
    Progressing *at = &timeline->steps[i];
    if (at->phase != BEGUN || at->step->kind != TS_STEP_DO || !g_str_equal (at->step->id, id))
      continue;
    gboolean refused = g_str_equal (phase, "refused");
    gboolean failed = g_str_equal (phase, "failed");
    if (g_str_equal (phase, "done") && (at->step->expect_refused || at->step->expect_failed)) {
      const char *why = at->step->expect_failed ? "it was done, and must fail"
                                                : "it was done, and must be refused";
      tell_step (timeline, record->t_us, id, verb_of (at->step), "failed", why);
      step_failed (timeline, at, record->t_us, why);
    } else if (g_str_equal (phase, "done") || (refused && at->step->expect_refused) ||
               (failed && at->step->expect_failed))
      step_done (timeline, at, record->t_us);
    else if (refused || failed) {
      g_autofree char *text =
          g_strdup_printf ("%s%s%s", refused ? "refused" : "failed", reason != NULL ? ": " : "",
                           reason != NULL ? reason : "");
      step_failed (timeline, at, record->t_us, text);
    } else
      return;
    ts_recorder_observer (timeline->with->recorder)->stop = TRUE;
    return;
  }
}

static gboolean
judge_wait (Timeline *timeline, Progressing *at, gint64 t_us)
{
  if (at->phase != BEGUN || at->step->kind != TS_STEP_WAIT ||
      !ts_predicate_holds (&at->step->predicate, timeline->board, &at->mark))
    return FALSE;
  at->phase = DONE; /* before the record, which comes back here */
  tell_step (timeline, t_us, at->step->id, "wait", "done", NULL);
  step_done (timeline, at, t_us);
  return TRUE;
}

static void
on_record (TsRecorder *recorder, const TsRecord *record, gpointer data)
{
  Timeline *timeline = data;
  ts_board_hear (timeline->board, record);
  if (g_str_equal (record->kind, "step"))
    hear_outcome (timeline, record);
  for (guint i = 0; i < timeline->count; i++)
    if (judge_wait (timeline, &timeline->steps[i], record->t_us))
      ts_recorder_observer (recorder)->stop = TRUE;
}

/* ---- beginning ---- */

/* When the step may begin: TS_NEVER while that is not known. */
static gint64
due_us (const Timeline *timeline, guint index)
{
  const TsStep *step = timeline->steps[index].step;
  if (step->at_us >= 0)
    return ts_scenario_scaled_us (timeline->scenario, step->at_us);
  gint previous = ts_scenario_previous (timeline->scenario, index);
  if (previous < 0)
    return 0;
  const Progressing *before = &timeline->steps[previous];
  return before->phase == DONE
             ? before->done_us + ts_scenario_scaled_us (timeline->scenario, step->by_us)
             : TS_NEVER;
}

static void
begin_check (Timeline *timeline, Progressing *at, gint64 t_us)
{
  if (ts_predicate_holds (&at->step->predicate, timeline->board, &at->mark)) {
    at->phase = DONE;
    tell_step (timeline, t_us, at->step->id, "check", "done", NULL);
    step_done (timeline, at, t_us);
    return;
  }
  g_autofree char *text = ts_predicate_text (&at->step->predicate, timeline->board->topology);
  g_autofree char *is = ts_predicate_now (&at->step->predicate, timeline->board, &at->mark);
  g_autofree char *reason = g_strdup_printf ("does not hold: %s; %s", text, is);
  at->phase = FAILED;
  tell_step (timeline, t_us, at->step->id, "check", "failed", reason);
  step_failed (timeline, at, t_us, reason);
}

static void
begin_order (Timeline *timeline, Progressing *at, gint64 t_us)
{
  g_autoptr (GError) error = NULL;
  TsOrder order = at->step->order;
  if (order.point.how == TS_CHOOSE_AGE)
    order.point.number = ts_scenario_scaled_us (timeline->scenario, order.point.number);
  order.initial.in_us = ts_scenario_scaled_us (timeline->scenario, order.initial.in_us);
  if (timeline->with->ops->order (timeline->with->world, &order, &error) ||
      at->phase != BEGUN) /* it told the outcome itself */
    return;
  at->phase = FAILED;
  tell_step (timeline, t_us, at->step->id, verb_of (at->step), "failed", error->message);
  step_failed (timeline, at, t_us, error->message);
}

static void
begin_step (Timeline *timeline, Progressing *at)
{
  gint64 t_us = now_us (timeline);
  g_autofree char *text = ts_step_text (timeline->scenario, at->step);
  at->phase = BEGUN;
  at->begun_us = t_us;
  if (at->step->kind != TS_STEP_DO)
    at->mark = ts_predicate_mark (&at->step->predicate, timeline->board);
  progress (timeline, TS_PHASE_BEGUN, at->step->id, text, t_us);
  /* this record is heard by the step itself too: a wait that holds already is done at once */
  tell_step (timeline, t_us, at->step->id, verb_of (at->step), "begun", NULL);
  if (at->step->kind == TS_STEP_CHECK)
    begin_check (timeline, at, t_us);
  else if (at->step->kind == TS_STEP_DO)
    begin_order (timeline, at, t_us);
}

/* Begins all that is due, until nothing more is: a check may free the next step at once. */
static void
begin_due (Timeline *timeline)
{
  for (gboolean again = TRUE; again && timeline->failure == NULL;) {
    again = FALSE;
    for (guint i = 0; i < timeline->count && timeline->failure == NULL; i++)
      if (timeline->steps[i].phase == PENDING && due_us (timeline, i) <= now_us (timeline)) {
        begin_step (timeline, &timeline->steps[i]);
        again = TRUE;
      }
  }
}

/* ---- time ---- */

static gint64
deadline_us (const Progressing *at)
{
  gint64 within = at->step->within_us;
  return within == TS_NEVER ? TS_NEVER : at->begun_us + within;
}

static void
fail_late_step (Timeline *timeline, Progressing *at, gint64 t_us, gint64 allowed_us)
{
  g_autofree char *allowed = ts_format_duration (allowed_us);
  g_autofree char *reason = NULL;
  if (at->step->kind == TS_STEP_WAIT) {
    g_autofree char *text = ts_predicate_text (&at->step->predicate, timeline->board->topology);
    g_autofree char *is = ts_predicate_now (&at->step->predicate, timeline->board, &at->mark);
    reason = g_strdup_printf ("not within %s: %s; %s", allowed, text, is);
  } else
    reason = g_strdup_printf ("not done within %s", allowed);
  at->phase = FAILED;
  tell_step (timeline, t_us, at->step->id, verb_of (at->step), "timeout", reason);
  step_failed (timeline, at, t_us, reason);
}

static void
fail_what_is_late (Timeline *timeline)
{
  gint64 t_us = now_us (timeline);
  for (guint i = 0; i < timeline->count; i++) {
    Progressing *at = &timeline->steps[i];
    if (at->phase == BEGUN && deadline_us (at) <= t_us)
      fail_late_step (timeline, at, t_us, at->step->within_us);
  }
  if (t_us < timeline->limit_us || timeline->failure != NULL)
    return;
  for (guint i = 0; i < timeline->count; i++) {
    Progressing *at = &timeline->steps[i];
    if (at->phase != BEGUN)
      continue;
    fail_late_step (timeline, at, t_us, t_us - at->begun_us);
    g_free (timeline->failure);
    g_autofree char *limit = ts_format_duration (timeline->limit_us);
    timeline->failure =
        g_strdup_printf ("the run's limit of %s is over in step %s", limit, at->step->id);
    return;
  }
  /* no step runs: the next one was to begin after the limit */
  g_autofree char *limit = ts_format_duration (timeline->limit_us);
  timeline->failure = g_strdup_printf ("the run's limit of %s is over", limit);
  tell_step (timeline, t_us, "limits", "wait", "timeout", timeline->failure);
}

/* The next instant at which there is something to do of our own accord. */
static gint64
next_us (const Timeline *timeline)
{
  gint64 next = timeline->limit_us;
  for (guint i = 0; i < timeline->count; i++) {
    const Progressing *at = &timeline->steps[i];
    if (at->phase == PENDING)
      next = MIN (next, due_us (timeline, i));
    else if (at->phase == BEGUN)
      next = MIN (next, deadline_us (at));
  }
  return next;
}

static gboolean
is_interrupted (const Timeline *timeline)
{
  return timeline->with->interrupted != NULL && *timeline->with->interrupted;
}

static gboolean
is_over (const Timeline *timeline)
{
  for (guint i = 0; i < timeline->count; i++)
    if (timeline->steps[i].phase != DONE)
      return FALSE;
  return TRUE;
}

/* Plays steps until all are done, one fails, or something ends it. */
static TsTimelineEnd
play (Timeline *timeline, char **reason)
{
  for (;;) {
    begin_due (timeline);
    if (timeline->failure == NULL)
      fail_what_is_late (timeline);
    if (timeline->failure != NULL) {
      *reason = g_steal_pointer (&timeline->failure);
      return TS_TIMELINE_FAILED;
    }
    if (is_over (timeline))
      return TS_TIMELINE_DONE;
    if (is_interrupted (timeline)) {
      *reason = g_strdup ("interrupted");
      return TS_TIMELINE_INTERRUPTED;
    }
    gint64 until = MIN (next_us (timeline), now_us (timeline) + SLICE_US);
    g_autoptr (GError) error = NULL;
    /* what is set already was heard while steps began: it must not cut the time short */
    ts_recorder_observer (timeline->with->recorder)->stop = FALSE;
    if (!timeline->with->ops->run_until (timeline->with->world, until, &error)) {
      *reason = g_strdup (error->message);
      return TS_TIMELINE_BROKEN;
    }
    progress (timeline, TS_PHASE_GOES_ON, "", "", now_us (timeline));
  }
}

/* ---- settling ---- */

static void
set_steps (Timeline *timeline, const TsScenario *scenario)
{
  g_free (timeline->steps);
  timeline->scenario = scenario;
  timeline->count = scenario->steps->len;
  timeline->steps = g_new0 (Progressing, timeline->count);
  for (guint i = 0; i < timeline->count; i++)
    timeline->steps[i].step = ts_scenario_step (scenario, i);
}

static TsTimelineEnd
settle (Timeline *timeline, const TsScenario *scenario, char **reason)
{
  g_autoptr (GPtrArray) steps = ts_settle_steps (scenario);
  if (steps->len == 0)
    return TS_TIMELINE_DONE;
  /* the same scenario with other steps; a step without after begins when the one before is done */
  TsScenario settling = *scenario;
  settling.steps = steps;
  set_steps (timeline, &settling);
  timeline->limit_us = MIN (scenario->run_limit_us, now_us (timeline) + scenario->settle_limit_us);
  for (guint i = 0; i < steps->len; i++) {
    TsStep *step = steps->pdata[i];
    step->within_us = timeline->limit_us - now_us (timeline);
  }
  guint vms = scenario->topology->vms->len;
  g_autofree TsBoardVm *before = g_memdup2 (timeline->board->vms, vms * sizeof *before);
  TsTimelineEnd end = play (timeline, reason);
  for (guint vm = 0; end == TS_TIMELINE_DONE && vm < vms; vm++) {
    const TsVmSpec *spec = ts_topology_vm (scenario->topology, vm);
    const TsBoardVm *now = &timeline->board->vms[vm];
    if (!ts_settle_concerns (scenario, vm))
      continue;
    /* an engine that answers "done" and compares nothing must not pass for one that found them
     * equal */
    if (now->differing > before[vm].differing)
      *reason = g_strdup_printf ("after settling, the two sites' disks of %s differ", spec->name);
    else if (now->compared - before[vm].compared + now->excluded < spec->disks->len)
      *reason = g_strdup_printf ("after settling, not all disks of %s were compared", spec->name);
    if (*reason == NULL)
      continue;
    tell_step (timeline, now_us (timeline), "settle", "compare", "failed", *reason);
    progress (timeline, TS_PHASE_FAILED, "settle", *reason, now_us (timeline));
    end = TS_TIMELINE_FAILED;
  }
  timeline->scenario = scenario;
  timeline->count = 0; /* the plan's steps go */
  return end;
}

TsTimelineEnd
ts_timeline_run (const TsTimelineOptions *options, char **reason)
{
  const TsScenario *scenario = options->scenario;
  *reason = NULL;
  g_autoptr (TsBoard) board = ts_board_new (scenario->topology);
  Timeline timeline = {.with = options, .board = board, .limit_us = scenario->run_limit_us};
  set_steps (&timeline, scenario);
  /* what the world told while it started is part of what there is */
  const TsJournal *journal = ts_recorder_journal (options->recorder);
  for (guint i = 0; i < journal->records->len; i++)
    ts_board_hear (board, journal->records->pdata[i]);
  ts_recorder_set_hook (options->recorder, on_record, &timeline);
  TsTimelineEnd end = play (&timeline, reason);
  if (end == TS_TIMELINE_DONE && scenario->settle_limit_us >= 0)
    end = settle (&timeline, scenario, reason);
  ts_recorder_set_hook (options->recorder, NULL, NULL);
  g_free (timeline.failure);
  g_free (timeline.steps);
  return end;
}

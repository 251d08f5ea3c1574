#include "scenarios/engine/settle.h"
#include "core/base/units.h"

#define SETTLE_CYCLES 2

/* A few steps more, which the scenario did not write down. */
static TsStep *
settle_step (GPtrArray *steps, TsStepKind kind, const char *what, const char *name)
{
  TsStep *step = g_new0 (TsStep, 1);
  step->id = g_strdup_printf ("settle-%s-%s", what, name);
  step->kind = kind;
  step->within_us = TS_NEVER;
  step->after = -1;
  step->at_us = -1;
  step->order =
      (TsOrder){.step = step->id, .vm = -1, .host = -1, .site = -1, .link = -1, .policy = -1};
  step->predicate = (TsPredicate){.vm = -1, .host = -1};
  g_ptr_array_add (steps, step);
  return step;
}

static void
settle_vm (GPtrArray *steps, const TsScenario *scenario, guint vm)
{
  const char *name = ts_topology_vm (scenario->topology, vm)->name;
  TsStep *wait = settle_step (steps, TS_STEP_WAIT, "healthy", name);
  wait->predicate.kind = TS_WAIT_SETTLED;
  wait->predicate.vm = (gint)vm;
  if (ts_topology_workload_of (scenario->topology, vm) != NULL) {
    TsStep *stop = settle_step (steps, TS_STEP_DO, "rest", name);
    stop->order.verb = TS_DO_WORKLOAD_STOP;
    stop->order.vm = (gint)vm;
  }
  /* The first set cut from now on may have been cut while the last write was on its way to the
   * disk; the one after it holds everything. */
  TsStep *applied = settle_step (steps, TS_STEP_WAIT, "applied", name);
  applied->predicate.kind = TS_WAIT_APPLIED;
  applied->predicate.vm = (gint)vm;
  applied->predicate.amount = SETTLE_CYCLES;
  TsStep *compare = settle_step (steps, TS_STEP_DO, "compare", name);
  compare->order.verb = TS_DO_COMPARE;
  compare->order.vm = (gint)vm;
}

static void
step_free (gpointer data)
{
  TsStep *step = data;
  g_free (step->id);
  g_free (step);
}

gboolean
ts_settle_concerns (const TsScenario *scenario, guint vm)
{
  for (guint i = 0; i < scenario->steps->len; i++) {
    const TsStep *step = ts_scenario_step (scenario, i);
    if (step->kind == TS_STEP_DO && !step->expect_refused && !step->expect_failed && step->order.verb == TS_DO_PROTECT &&
        step->order.vm == (gint)vm)
      return TRUE;
  }
  return FALSE;
}

GPtrArray *
ts_settle_steps (const TsScenario *scenario)
{
  GPtrArray *steps = g_ptr_array_new_with_free_func (step_free);
  for (guint l = 0; l < scenario->topology->links->len; l++) {
    const TsStep *last = NULL;
    for (guint i = 0; i < scenario->steps->len; i++) {
      const TsStep *step = ts_scenario_step (scenario, i);
      if (step->kind == TS_STEP_DO && step->order.verb == TS_DO_LINK && step->order.link == (gint)l)
        last = step;
    }
    if (last == NULL || last->order.link_mode == TS_LINK_UP)
      continue;
    TsStep *heal =
        settle_step (steps, TS_STEP_DO, "heal", ts_topology_link (scenario->topology, l)->name);
    heal->order.verb = TS_DO_LINK;
    heal->order.link = (gint)l;
    heal->order.link_mode = TS_LINK_UP;
  }
  for (guint vm = 0; vm < scenario->topology->vms->len; vm++)
    if (ts_settle_concerns (scenario, vm))
      settle_vm (steps, scenario, vm);
  return steps;
}

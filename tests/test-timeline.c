/* The timeline against a world of a few lines: what is ordered when, what is waited for how long,
 * and what an unruly world does to it.  Transcripts in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "scenarios/engine/timeline.h"

/* ---- a world that says what its script tells it to ---- */

typedef struct {
  const char *on; /* the step whose order sets it off; "" : the start */
  gint64 after_us;
  const char *kind;  /* of the record */
  const char *texts; /* "key=value key=value": whole numbers become numbers */
} Line;

typedef struct {
  gint64 t_us;
  TsRecord *record;
} Due;

struct _TsWorld {
  const Line *script;
  TsObserver *observer;
  gint64 now_us;
  GArray *due;         /* Due, in order of hearing */
  const char *refuses; /* step whose order cannot even be begun */
  gint64 breaks_us;    /* the world itself fails then; 0: never */
  GString *transcript;
};

static void
set_off (TsWorld *world, const char *step)
{
  for (const Line *line = world->script; line->on != NULL; line++) {
    if (!g_str_equal (line->on, step))
      continue;
    Due due = {.t_us = world->now_us + line->after_us};
    due.record = ts_record_new (due.t_us, "world", line->kind);
    g_auto (GStrv) fields = g_strsplit (line->texts, " ", -1);
    for (guint i = 0; fields[i] != NULL; i++) {
      char *value = strchr (fields[i], '=');
      *value++ = '\0';
      if (value[strspn (value, "0123456789")] == '\0')
        ts_record_int (due.record, fields[i], g_ascii_strtoll (value, NULL, 10));
      else
        ts_record_text (due.record, fields[i], value);
    }
    g_array_append_val (world->due, due);
  }
}

static gint64
world_now_us (TsWorld *world)
{
  return world->now_us;
}

static gboolean
world_order (TsWorld *world, const TsOrder *order, GError **error)
{
  g_string_append_printf (world->transcript, "%7.3f order %s (%s)\n", (double)world->now_us / 1e6,
                          order->step, ts_verb_name (order->verb));
  if (g_strcmp0 (world->refuses, order->step) == 0)
    return ts_throw (error, TS_ERROR_STATE, "the world does not like it");
  set_off (world, order->step);
  return TRUE;
}

static gboolean
world_run_until (TsWorld *world, gint64 t_us, GError **error)
{
  assert_true (t_us >= world->now_us);
  assert_true (world->now_us <= TS_HOUR); /* a stall fails, no hang */
  while (!world->observer->stop) {
    gint next = -1;
    for (guint i = 0; i < world->due->len; i++)
      if (next < 0 || g_array_index (world->due, Due, i).t_us <
                          g_array_index (world->due, Due, (guint)next).t_us)
        next = (gint)i;
    gint64 next_us = next >= 0 ? g_array_index (world->due, Due, (guint)next).t_us : TS_NEVER;
    if (world->breaks_us > 0 && MIN (next_us, t_us) >= world->breaks_us)
      return ts_throw (error, TS_ERROR_LOST, "the world broke");
    if (next_us > t_us) {
      world->now_us = t_us;
      break;
    }
    TsRecord *record = g_array_index (world->due, Due, (guint)next).record;
    g_array_remove_index (world->due, (guint)next);
    world->now_us = next_us;
    ts_observe (world->observer, record);
  }
  world->observer->stop = FALSE;
  return TRUE;
}

static const TsWorldOps ops = {
    .name = "script",
    .now_us = world_now_us,
    .order = world_order,
    .run_until = world_run_until,
};

/* ---- running one ---- */

#define HEAD                                                                                       \
  "scenario: 1\nname: t\nsites: {a: {}, b: {}}\nhosts: {ha: {site: a}, hb: {site: b}}\n"           \
  "vms: {app: {host: ha, disks: {d: {size: 4MiB}}}}\n"                                             \
  "workloads: {w: {vm: app, disks: [d], rate: 1/s}}\n"                                             \
  "links: {wan: {between: [a, b]}}\npolicies: {gold: {frequency: 30s}}\n"
#define NO_SETTLE "limits: {run: 10m, settle: none}\n"
#define PROTECT "  - {id: protect, do: protect, vm: app, policy: gold, to: hb}\n"
#define DONE(step, us)                                                                             \
  {                                                                                                \
    step, us, "step", "id=" step " phase=done"                                                     \
  }

typedef struct {
  const char *name, *yaml;
  guint32 time_scale;
  Line script[24];
  const char *refuses;
  gint64 breaks_us;
  gint64 interrupt_us;
  TsTimelineEnd end;
  const char *reason;     /* NULL: none */
  const char *transcript; /* orders, and the timeline's own records of kind step */
} Row;

typedef struct {
  TsProgress progress;
  volatile sig_atomic_t interrupted;
  gint64 interrupt_us;
  GString *transcript;
} Watch;

static void
on_progress (TsProgress *progress, TsPhase phase, const char *name, const char *text, gint64 t_us)
{
  Watch *watch = (Watch *)progress;
  if (watch->interrupt_us > 0 && t_us >= watch->interrupt_us)
    watch->interrupted = 1;
}

static void
add_own_records (const TsJournal *journal, GString *transcript)
{
  for (guint i = 0; i < journal->records->len; i++) {
    const TsRecord *record = journal->records->pdata[i];
    const char *reason = ts_record_get_text (record, "reason");
    if (!g_str_equal (record->source, "engine") || !g_str_equal (record->kind, "step"))
      continue;
    g_string_append_printf (transcript, "%7.3f %s %s%s%s\n", (double)record->t_us / 1e6,
                            ts_record_get_text (record, "id"), ts_record_get_text (record, "phase"),
                            reason ? ": " : "", reason ? reason : "");
  }
}

static void
play (void **state)
{
  const Row *row = *state;
  g_autoptr (TsProblems) problems = ts_problems_new (row->name);
  g_autoptr (TsScenario) scenario =
      ts_scenario_parse (row->name, row->yaml, strlen (row->yaml), NULL, problems);
  g_autofree char *told = ts_problems_format (problems);
  assert_string_equal (told, "");
  if (row->time_scale > 0)
    ts_scenario_set_time_scale (scenario, row->time_scale);
  g_autoptr (TsRecorder) recorder = ts_recorder_new (NULL, NULL);
  GString *transcript = g_string_new (NULL);
  TsWorld world = {.script = row->script,
                   .observer = ts_recorder_observer (recorder),
                   .due = g_array_new (FALSE, FALSE, sizeof (Due)),
                   .refuses = row->refuses,
                   .breaks_us = row->breaks_us,
                   .transcript = transcript};
  set_off (&world, "");
  Watch watch = {.progress.tell = on_progress, .interrupt_us = row->interrupt_us};
  TsTimelineOptions options = {.scenario = scenario,
                               .ops = &ops,
                               .world = &world,
                               .recorder = recorder,
                               .progress = &watch.progress,
                               .interrupted = &watch.interrupted};
  g_autofree char *reason = NULL;
  TsTimelineEnd end = ts_timeline_run (&options, &reason);
  add_own_records (ts_recorder_journal (recorder), transcript);
  assert_string_equal (transcript->str, row->transcript);
  assert_int_equal (end, row->end);
  assert_string_equal (reason != NULL ? reason : "", row->reason != NULL ? row->reason : "");
  for (guint i = 0; i < world.due->len; i++)
    ts_record_free (g_array_index (world.due, Due, i).record);
  g_array_unref (world.due);
  g_string_free (transcript, TRUE);
}

static const Row rows[] = {
    {
        .name = "a step begins when the one before it is done",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {state: replicating, vm: app}, within: 5m}\n"
                               "  - {id: stop, do: workload_stop, vm: app}\n",
        .script = {DONE ("protect", 2 * TS_S),
                   {"protect", 9 * TS_S, "state", "vm=app host=ha role=primary to=replicating"},
                   DONE ("stop", TS_S),
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  9.000 order stop (workload_stop)\n"
                      "  0.000 protect begun\n"
                      "  2.000 w begun\n"
                      "  9.000 w done\n"
                      "  9.000 stop begun\n",
    },
    {
        .name = "what holds already is done at once",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {probe: up, vm: app, host: ha}, within: 5m}\n",
        .script = {DONE ("protect", 2 * TS_S),
                   {"", TS_S, "probe", "vm=app host=ha up=1"},
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  2.000 w begun\n"
                      "  2.000 w done\n",
    },
    {
        .name = "the replica's word is not the primary's, another host's probe not this one's",
        .yaml = HEAD NO_SETTLE
        "steps:\n" PROTECT
        "  - {id: w, wait: {state: recovered, vm: app, role: replica}, within: 5m}\n"
        "  - {id: p, wait: {probe: up, vm: app, host: hb}, within: 5m}\n",
        .script = {DONE ("protect", 0),
                   {"", TS_S, "probe", "vm=app host=ha up=1"},
                   {"", TS_S, "state", "vm=app host=ha role=primary to=recovered"},
                   {"", 2 * TS_S, "state", "vm=app host=hb role=replica to=recovered"},
                   {"", 3 * TS_S, "probe", "vm=other host=hb up=1"},
                   {"", 4 * TS_S, "probe", "vm=app host=hb up=1"},
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 w begun\n"
                      "  2.000 w done\n"
                      "  2.000 p begun\n"
                      "  4.000 p done\n",
    },
    {
        .name = "cycles count from the step's begin; missed ones are no successes",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {cycles: 2, vm: app}, within: 5m}\n",
        .script = {DONE ("protect", 5 * TS_S),
                   {"", TS_S, "cycle", "vm=app host=ha outcome=success"},
                   {"", 2 * TS_S, "cycle", "vm=app host=ha outcome=success"},
                   {"", 6 * TS_S, "cycle", "vm=app host=ha outcome=success"},
                   {"", 7 * TS_S, "cycle", "vm=app host=ha outcome=missed"},
                   {"", 8 * TS_S, "cycle", "vm=app host=ha outcome=success"},
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  5.000 w begun\n"
                      "  8.000 w done\n",
    },
    {
        .name = "applied means cut after the step's begin",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {applied: 1, vm: app}, within: 5m}\n",
        .script = {DONE ("protect", 5 * TS_S),
                   {"", TS_S, "cut", "vm=app set=7"},
                   {"", 6 * TS_S, "applied", "vm=app set=7"},
                   {"", 7 * TS_S, "cut", "vm=app set=8"},
                   {"", 8 * TS_S, "applied", "vm=app set=8"},
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  5.000 w begun\n"
                      "  8.000 w done\n",
    },
    {
        .name = "a test failover is whole when its survey says so, and off when it is stopped",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: s, wait: {test: started, vm: app}, within: 5m}\n"
                               "  - {id: w, wait: {test: whole, vm: app}, within: 5m}\n"
                               "  - {id: still, check: {test: serving, vm: app}}\n"
                               "  - {id: off, wait: {test: off, vm: app}, within: 5m}\n",
        .script = {DONE ("protect", 0),
                   {"", TS_S, "test_failover", "vm=app host=hb phase=begun"},
                   {"", 2 * TS_S, "test_failover", "vm=app host=hb phase=started"},
                   {"", 3 * TS_S, "test_failover", "vm=app host=hb phase=serving"},
                   {"", 4 * TS_S, "test_failover",
                    "vm=app host=hb phase=surveyed records=9 torn=0 corrupt=0 fill_bad=0"},
                   {"", 5 * TS_S, "test_failover", "vm=app host=hb phase=stopped"},
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 s begun\n"
                      "  2.000 s done\n"
                      "  2.000 w begun\n"
                      "  4.000 w done\n"
                      "  4.000 still begun\n"
                      "  4.000 still done\n"
                      "  4.000 off begun\n"
                      "  5.000 off done\n",
    },
    {
        .name = "a test failover that holds torn records, or none at all, is not whole",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {test: whole, vm: app}, within: 9s}\n",
        .script = {DONE ("protect", 0),
                   {"", 2 * TS_S, "test_failover", "vm=app host=hb phase=serving"},
                   {"", 3 * TS_S, "test_failover", "vm=app host=hb phase=surveyed records=0"},
                   {"", 4 * TS_S, "test_failover", "vm=app host=hb phase=serving"},
                   {"", 5 * TS_S, "test_failover",
                    "vm=app host=hb phase=surveyed records=9 torn=2 corrupt=0 fill_bad=1"},
                   {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 w begun\n"
                      "  9.000 w timeout: not within 9 s: the test failover of app is whole; its "
                      "disks are not whole: 3 broken\n",
        .reason = "step w: not within 9 s: the test failover of app is whole; its disks are not "
                  "whole: 3 broken",
    },
    {
        .name = "of a copy that takes over anew nothing has been read back yet",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {survey: done, vm: app}, within: 9s}\n"
                               "  - {id: again, wait: {power: on, vm: app, host: hb}, within: 9s}\n"
                               "  - {id: x, wait: {survey: done, vm: app}, within: 9s}\n",
        .script = {DONE ("protect", 0),
                   {"", TS_S, "survey", "vm=app host=hb phase=done"},
                   {"", 2 * TS_S, "failover", "vm=app host=hb phase=promoted"},
                   {"", 3 * TS_S, "power", "vm=app host=hb on=1"},
                   {"", 4 * TS_S, "survey", "vm=app host=hb phase=begun"},
                   {"", 5 * TS_S, "survey", "vm=app host=hb phase=done"},
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 w begun\n"
                      "  1.000 w done\n"
                      "  1.000 again begun\n"
                      "  3.000 again done\n"
                      "  3.000 x begun\n"
                      "  5.000 x done\n",
    },
    {
        .name = "after places a step beside the others, at to the run's clock",
        .yaml = HEAD NO_SETTLE
        "steps:\n" PROTECT "  - {id: dark, do: link, link: wan, mode: blackhole, after: {step: "
        "protect, by: 10s}}\n"
        "  - {id: rest, do: workload_stop, vm: app, after: {step: protect, by: 3s}}\n"
        "  - {id: late, do: workload_start, vm: app, at: 90s}\n"
        "  - {id: both, wait: {step: dark}, within: 1m}\n",
        .script = {DONE ("protect", 2 * TS_S),
                   DONE ("dark", 0),
                   DONE ("rest", 0),
                   DONE ("late", 0),
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  5.000 order rest (workload_stop)\n"
                      " 12.000 order dark (link)\n"
                      " 90.000 order late (workload_start)\n"
                      "  0.000 protect begun\n"
                      "  5.000 rest begun\n"
                      " 12.000 dark begun\n"
                      " 90.000 late begun\n"
                      " 90.000 both begun\n"
                      " 90.000 both done\n",
    },
    {
        .name = "time scale divides by and at, not within",
        .yaml = HEAD NO_SETTLE
        "steps:\n" PROTECT
        "  - {id: rest, do: workload_stop, vm: app, after: {step: protect, by: 30s}}\n"
        "  - {id: late, do: workload_start, vm: app, at: 90s}\n"
        "  - {id: w, wait: {survey: done, vm: app}, within: 60s}\n",
        .time_scale = 3,
        .script = {DONE ("protect", 2 * TS_S), DONE ("rest", 0), DONE ("late", 0), {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason =
            "step w: not within 1 min: the copy of app has read its disks back; no survey was "
            "begun",
        .transcript = "  0.000 order protect (protect)\n"
                      " 12.000 order rest (workload_stop)\n"
                      " 30.000 order late (workload_start)\n"
                      "  0.000 protect begun\n"
                      " 12.000 rest begun\n"
                      " 30.000 late begun\n"
                      " 30.000 w begun\n"
                      " 90.000 w timeout: not within 1 min: the copy of app has read its disks "
                      "back; no survey was begun\n",
    },
    {
        .name = "a wait that is not met in time says what is instead",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {health: normal, vm: app}, within: 20s}\n"
                               "  - {id: never, do: workload_stop, vm: app}\n",
        .script = {DONE ("protect", 0),
                   {"", TS_S, "health", "vm=app role=primary health=warning reason=tired"},
                   {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "step w: not within 20 s: the health of app is normal on the primary; it is "
                  "warning: tired",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 w begun\n"
                      " 20.000 w timeout: not within 20 s: the health of app is normal on the "
                      "primary; it is warning: tired\n",
    },
    {
        .name = "a step that the product refuses ends the run",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT "  - {id: commit, do: commit, vm: app}\n"
                               "  - {id: never, do: workload_stop, vm: app}\n",
        .script = {DONE ("protect", 0),
                   {"commit", TS_S, "step", "id=commit phase=refused reason=32775"},
                   {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "step commit: refused",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 order commit (commit)\n"
                      "  0.000 protect begun\n"
                      "  0.000 commit begun\n",
    },
    {
        .name = "unless it must be refused",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: commit, do: commit, vm: app, expect_refused: on}\n"
                               "  - {id: next, do: workload_stop, vm: app}\n",
        .script = {DONE ("protect", 0),
                   {"commit", TS_S, "step", "id=commit phase=refused reason=no"},
                   DONE ("next", 0),
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 order commit (commit)\n"
                      "  1.000 order next (workload_stop)\n"
                      "  0.000 protect begun\n"
                      "  0.000 commit begun\n"
                      "  1.000 next begun\n",
    },
    {
        .name = "and then doing it is the failure",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: commit, do: commit, vm: app, expect_refused: on}\n",
        .script = {DONE ("protect", 0), DONE ("commit", TS_S), {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "step commit: it was done, and must be refused",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 order commit (commit)\n"
                      "  0.000 protect begun\n"
                      "  0.000 commit begun\n"
                      "  1.000 commit failed: it was done, and must be refused\n",
    },
    {
        .name = "an order that cannot be begun",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT,
        .script = {{.on = NULL}},
        .refuses = "protect",
        .end = TS_TIMELINE_FAILED,
        .reason = "step protect: the world does not like it",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 protect failed: the world does not like it\n",
    },
    {
        .name = "an order that nobody answers, with within",
        .yaml = HEAD NO_SETTLE
        "steps:\n"
        "  - {id: protect, do: protect, vm: app, policy: gold, to: hb, within: 7s}\n",
        .script = {{.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "step protect: not done within 7 s",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  7.000 protect timeout: not done within 7 s\n",
    },
    {
        .name = "and without it the run's limit ends it",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT,
        .script = {{.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "the run's limit of 10 min is over in step protect",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "600.000 protect timeout: not done within 10 min\n",
    },
    {
        .name = "a step that would begin after the run's limit",
        .yaml = HEAD NO_SETTLE
        "steps:\n" PROTECT
        "  - {id: late, do: workload_stop, vm: app, after: {step: protect, by: 1h}}\n",
        .script = {DONE ("protect", 0), {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "the run's limit of 10 min is over",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "600.000 limits timeout: the run's limit of 10 min is over\n",
    },
    {
        .name = "check looks once",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: c, check: {power: off, vm: app, host: ha}}\n"
                               "  - {id: d, check: {power: off, vm: app, host: hb}}\n",
        .script = {DONE ("protect", 2 * TS_S),
                   {"", TS_S, "power", "vm=app host=ha on=0"},
                   {"", TS_S, "power", "vm=app host=hb on=1"},
                   {"", 3 * TS_S, "power", "vm=app host=hb on=0"},
                   {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "step d: does not hold: app is off on hb; it is on",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  2.000 c begun\n"
                      "  2.000 c done\n"
                      "  2.000 d begun\n"
                      "  2.000 d failed: does not hold: app is off on hb; it is on\n",
    },
    {
        .name = "a world that breaks is not the scenario's failure",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {cycles: 1, vm: app}, within: 5m}\n",
        .script = {DONE ("protect", 0), {.on = NULL}},
        .breaks_us = 30 * TS_S,
        .end = TS_TIMELINE_BROKEN,
        .reason = "the world broke",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 w begun\n",
    },
    {
        .name = "the user ends it",
        .yaml = HEAD NO_SETTLE "steps:\n" PROTECT
                               "  - {id: w, wait: {cycles: 1, vm: app}, within: 5m}\n",
        .script = {DONE ("protect", 0), {.on = NULL}},
        .interrupt_us = 30 * TS_S,
        .end = TS_TIMELINE_INTERRUPTED,
        .reason = "interrupted",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 w begun\n",
    },
    {
        .name = "settling heals, rests, waits for two cuts and compares",
        .yaml = HEAD "steps:\n" PROTECT "  - {id: dark, do: link, link: wan, mode: blackhole}\n",
        .script = {DONE ("protect", 0),
                   DONE ("dark", 0),
                   DONE ("settle-heal-wan", TS_S),
                   {"", 2 * TS_S, "state", "vm=app role=primary to=replicating"},
                   {"", 3 * TS_S, "health", "vm=app role=primary health=normal"},
                   {"", 4 * TS_S, "cut", "vm=app set=1"},
                   {"", 5 * TS_S, "applied", "vm=app set=1"},
                   DONE ("settle-rest-app", TS_S),
                   {"settle-rest-app", 2 * TS_S, "cut", "vm=app set=2"},
                   {"settle-rest-app", 3 * TS_S, "applied", "vm=app set=2"},
                   {"settle-rest-app", 4 * TS_S, "cut", "vm=app set=3"},
                   {"settle-rest-app", 5 * TS_S, "applied", "vm=app set=3"},
                   {"settle-compare-app", TS_S, "compare", "vm=app disk=d identical=1"},
                   DONE ("settle-compare-app", TS_S),
                   {.on = NULL}},
        .end = TS_TIMELINE_DONE,
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 order dark (link)\n"
                      "  0.000 order settle-heal-wan (link)\n"
                      "  5.000 order settle-rest-app (workload_stop)\n"
                      " 10.000 order settle-compare-app (compare)\n"
                      "  0.000 protect begun\n"
                      "  0.000 dark begun\n"
                      "  0.000 settle-heal-wan begun\n"
                      "  1.000 settle-healthy-app begun\n"
                      "  5.000 settle-healthy-app done\n"
                      "  5.000 settle-rest-app begun\n"
                      "  6.000 settle-applied-app begun\n"
                      " 10.000 settle-applied-app done\n"
                      " 10.000 settle-compare-app begun\n",
    },
    {
        .name = "settling fails when the disks differ",
        .yaml = HEAD "steps:\n" PROTECT,
        .script = {DONE ("protect", 0),
                   {"", 0, "state", "vm=app role=primary to=replicating"},
                   {"", 0, "health", "vm=app role=primary health=normal"},
                   {"", 0, "cut", "vm=app set=1"},
                   {"", 0, "applied", "vm=app set=1"},
                   DONE ("settle-rest-app", 0),
                   {"settle-rest-app", TS_S, "cut", "vm=app set=3"},
                   {"settle-rest-app", TS_S, "applied", "vm=app set=3"},
                   {"settle-compare-app", TS_S, "compare", "vm=app disk=d identical=0"},
                   DONE ("settle-compare-app", TS_S),
                   {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "after settling, the two sites' disks of app differ",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 order settle-rest-app (workload_stop)\n"
                      "  1.000 order settle-compare-app (compare)\n"
                      "  0.000 protect begun\n"
                      "  0.000 settle-healthy-app begun\n"
                      "  0.000 settle-healthy-app done\n"
                      "  0.000 settle-rest-app begun\n"
                      "  0.000 settle-applied-app begun\n"
                      "  1.000 settle-applied-app done\n"
                      "  1.000 settle-compare-app begun\n"
                      "  2.000 settle failed: after settling, the two sites' disks of app differ\n",
    },
    {
        .name = "settling fails when nothing was compared",
        .yaml = HEAD "steps:\n" PROTECT,
        .script = {DONE ("protect", 0),
                   {"", 0, "state", "vm=app role=primary to=replicating"},
                   {"", 0, "health", "vm=app role=primary health=normal"},
                   {"", 0, "cut", "vm=app set=1"},
                   {"", 0, "applied", "vm=app set=1"},
                   DONE ("settle-rest-app", 0),
                   {"settle-rest-app", TS_S, "cut", "vm=app set=3"},
                   {"settle-rest-app", TS_S, "applied", "vm=app set=3"},
                   DONE ("settle-compare-app", 0),
                   {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "after settling, not all disks of app were compared",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 order settle-rest-app (workload_stop)\n"
                      "  1.000 order settle-compare-app (compare)\n"
                      "  0.000 protect begun\n"
                      "  0.000 settle-healthy-app begun\n"
                      "  0.000 settle-healthy-app done\n"
                      "  0.000 settle-rest-app begun\n"
                      "  0.000 settle-applied-app begun\n"
                      "  1.000 settle-applied-app done\n"
                      "  1.000 settle-compare-app begun\n"
                      "  1.000 settle failed: after settling, not all disks of app were compared\n",
    },
    {
        .name = "settling is bounded",
        .yaml = HEAD "limits: {settle: 30s}\nsteps:\n" PROTECT,
        .script = {DONE ("protect", 0), {.on = NULL}},
        .end = TS_TIMELINE_FAILED,
        .reason = "step settle-healthy-app: not within 30 s: app is replicating, healthy, and all "
                  "its logs are applied; state not told yet, health not told yet, newest set cut "
                  "-1, applied -1",
        .transcript = "  0.000 order protect (protect)\n"
                      "  0.000 protect begun\n"
                      "  0.000 settle-healthy-app begun\n"
                      " 30.000 settle-healthy-app timeout: not within 30 s: app is replicating, "
                      "healthy, and all its logs are applied; state not told yet, health not told "
                      "yet, newest set cut -1, applied -1\n",
    },
};

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows)] = {0};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    tests[i].name = rows[i].name;
    tests[i].test_func = play;
    tests[i].initial_state = (void *)&rows[i];
  }
  return cmocka_run_group_tests_name ("timeline", tests, NULL, NULL);
}

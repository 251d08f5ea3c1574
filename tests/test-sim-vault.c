/* tests/test-sim-vault.c -- a recovery plan during which the vault, or a VMM server, is killed after
 * each of its transactions in turn: whatever the instant, the same job comes to its end, every task once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "scenarios/engine/scenario.h"
#include "sim/management.h"
#include "sim/world.h"

static const char text[] =
    "scenario: 1\n"
    "name: deaths\n"
    "sites: {paris: {}, lyon: {}, azure: {}}\n"
    "hosts: {a: {site: paris}, b: {site: lyon}}\n"
    "vms:\n"
    "  db: {host: a, disks: {system: {size: 4MiB, fill: 1MiB}}}\n"
    "  web: {host: a, disks: {system: {size: 4MiB, fill: 1MiB}}}\n"
    "links:\n"
    "  wan: {between: [paris, lyon], rate: 100Mbit/s, delay: 5ms}\n"
    "  up-a: {between: [paris, azure], rate: 10Mbit/s, delay: 5ms}\n"
    "  up-b: {between: [lyon, azure], rate: 10Mbit/s, delay: 5ms}\n"
    "policies: {gold: {frequency: 30s}}\n"
    "vault: {site: azure}\n"
    "vmms: {va: {site: paris}, vb: {site: lyon}}\n"
    "clouds: {ca: {vmm: va, hosts: [a], to: cb, policy: gold}, cb: {vmm: vb, hosts: [b]}}\n"
    "scripts: {warm: {takes: 2s}}\n"
    "plans:\n"
    "  shop:\n"
    "    from: va\n"
    "    to: vb\n"
    "    groups:\n"
    "      - {vms: [db], after: [{name: Warm, script: warm}]}\n"
    "      - {vms: [web]}\n"
    "steps:\n"
    "  - {id: p1, do: protect, vm: db, policy: gold}\n"
    "  - {id: p2, do: protect, vm: web, policy: gold}\n"
    "  - {id: go, do: failover, plan: shop, kind: planned}\n"
    "  - {id: commit, do: commit, plan: shop}\n"
    "  - {id: crash-a, do: host_crash, on: a}\n"
    "  - {id: crash-b, do: host_crash, on: b}\n"
    "  - {id: up-a, do: host_up, on: a}\n"
    "  - {id: up-b, do: host_up, on: b}\n"
    "  - {id: again, do: failover, plan: shop, kind: planned}\n"
    "  - {id: forced, do: failover, plan: shop, kind: unplanned}\n";

typedef struct {
  TsObserver base;
  const char *step;
  char *phase, *reason; /* of that step's end */
  guint jobs_done, jobs_failed, broken, promoted, scripts;
} Seen;

static void
record (TsObserver *observer, const TsRecord *r)
{
  Seen *seen = (Seen *)observer;
  const char *phase = ts_record_get_text (r, "phase");
  if (g_str_equal (r->kind, "step") && seen->step && !seen->phase &&
      g_strcmp0 (ts_record_get_text (r, "id"), seen->step) == 0) {
    seen->phase = g_strdup (phase);
    seen->reason = g_strdup (ts_record_get_text (r, "reason"));
    observer->stop = TRUE;
  }
  seen->broken += g_str_equal (r->kind, "invariant") && ts_record_get_int (r, "holds", 1) == 0;
  seen->jobs_done += g_str_equal (r->kind, "job") && g_strcmp0 (phase, "done") == 0;
  seen->jobs_failed += g_str_equal (r->kind, "job") && g_strcmp0 (phase, "failed") == 0;
  seen->promoted += g_str_equal (r->kind, "failover") && g_strcmp0 (phase, "promoted") == 0;
  seen->scripts += g_str_equal (r->kind, "script") && g_strcmp0 (phase, "done") == 0;
}

static void
ledger (TsObserver *observer, const TsLedgerEntry *entry)
{
}

typedef struct {
  TsScenario *scenario;
  TsWorld *world;
  Seen seen;
} Run;

static void
run_begin (Run *run)
{
  g_autoptr (TsProblems) problems = ts_problems_new ("deaths");
  run->scenario = ts_scenario_parse ("deaths.yaml", text, sizeof text - 1, NULL, problems);
  if (!run->scenario)
    fail_msg ("the scenario of this test is none");
  run->seen = (Seen){.base = {.record = record, .ledger = ledger}};
  TsWorldOptions options = {.limit_us = TS_HOUR};
  run->world = ts_sim_world_ops ()->start (run->scenario->topology, &options, &run->seen.base, NULL);
  assert_non_null (run->world);
}

static void
play (Run *run, guint step)
{
  const TsOrder *order = &ts_scenario_step (run->scenario, step)->order;
  g_clear_pointer (&run->seen.phase, g_free);
  g_clear_pointer (&run->seen.reason, g_free);
  run->seen.step = order->step;
  const TsWorldOps *ops = ts_sim_world_ops ();
  assert_true (ops->order (run->world, order, NULL));
  gint64 limit_us = ops->now_us (run->world) + 30 * TS_MIN;
  while (!run->seen.phase && ops->now_us (run->world) < limit_us)
    ops->run_until (run->world, limit_us, NULL);
}

static void
run_end (Run *run)
{
  ts_sim_world_ops ()->finish (run->world, NULL);
  assert_int_equal (run->seen.broken, 0);
  ts_sim_world_ops ()->free (run->world);
  g_clear_pointer (&run->seen.phase, g_free);
  g_clear_pointer (&run->seen.reason, g_free);
  ts_scenario_free (run->scenario);
}

static TsSimManagement *
management (const Run *run)
{
  return run->world->management;
}

/* who: 0 the vault, 1 and 2 the VMM servers.  Returns how many transactions it had during the plan. */
static guint64
commits (const Run *run, guint who)
{
  return who == 0 ? ts_sim_vault_commits (management (run)->vault)
                  : ts_sim_vmm_commits (management (run)->vmms->pdata[who - 1]);
}

static guint64
plan_with_death (guint who, guint64 at)
{
  Run run = {0};
  run_begin (&run);
  play (&run, 0);
  play (&run, 1);
  assert_string_equal (run.seen.phase, "done");
  ts_sim_world_ops ()->run_until (run.world, ts_sim_world_ops ()->now_us (run.world) + 40 * TS_S, NULL);
  guint64 before = commits (&run, who);
  guint done = run.seen.jobs_done;
  if (at > 0 && who == 0)
    ts_sim_vault_die_at (management (&run)->vault, at, 2 * TS_S);
  else if (at > 0)
    ts_sim_vmm_die_at (management (&run)->vmms->pdata[who - 1], at, 2 * TS_S);
  play (&run, 2);
  guint64 count = commits (&run, who) - before;
  if (g_strcmp0 (run.seen.phase, "done") != 0)
    fail_msg ("killed after transaction %" G_GUINT64_FORMAT " of process %u: %s %s", at, who,
              run.seen.phase ? run.seen.phase : "no end", run.seen.reason ? run.seen.reason : "");
  assert_int_equal (run.seen.promoted, 2); /* once each, whoever was asked twice */
  assert_in_range (run.seen.scripts, at > 0 ? 0 : 1, 2); /* who dies may not have told of it */
  ts_sim_world_ops ()->run_until (run.world, ts_sim_world_ops ()->now_us (run.world) + 30 * TS_S, NULL);
  play (&run, 3);
  if (g_strcmp0 (run.seen.phase, "done") != 0)
    fail_msg ("commit after a death at %" G_GUINT64_FORMAT " of process %u: %s", at, who,
              run.seen.reason ? run.seen.reason : "no end");
  /* who dies tells when it is back, once, what it had not: the vault, not a VMM server */
  assert_int_equal (run.seen.jobs_done, done + 2);
  assert_int_equal (run.seen.jobs_failed, 0);
  run_end (&run);
  return count;
}

/* The host loses its power so long after the plan began, and comes back 4 s later: the job comes to an
 * end, and a failover that has failed can be had in the end.  FALSE: the plan was over before. */
static gboolean
plan_with_host_death (guint host, gint64 after_us)
{
  Run run = {0};
  const TsWorldOps *ops = ts_sim_world_ops ();
  run_begin (&run);
  play (&run, 0);
  play (&run, 1);
  ops->run_until (run.world, ops->now_us (run.world) + 40 * TS_S, NULL);
  const TsOrder *order = &ts_scenario_step (run.scenario, 2)->order;
  g_clear_pointer (&run.seen.phase, g_free);
  g_clear_pointer (&run.seen.reason, g_free);
  run.seen.step = order->step;
  assert_true (ops->order (run.world, order, NULL));
  gint64 die_us = ops->now_us (run.world) + after_us;
  while (!run.seen.phase && ops->now_us (run.world) < die_us)
    ops->run_until (run.world, die_us, NULL);
  gboolean early = !run.seen.phase;
  assert_true (ops->order (run.world, &ts_scenario_step (run.scenario, 4 + host)->order, NULL));
  gint64 up_us = ops->now_us (run.world) + 4 * TS_S, limit_us = up_us + 30 * TS_MIN;
  while (ops->now_us (run.world) < up_us)
    ops->run_until (run.world, up_us, NULL);
  assert_true (ops->order (run.world, &ts_scenario_step (run.scenario, 6 + host)->order, NULL));
  while (!run.seen.phase && ops->now_us (run.world) < limit_us)
    ops->run_until (run.world, limit_us, NULL);
  if (!run.seen.phase)
    fail_msg ("host %u dead after %" G_GINT64_FORMAT " ms: the job does not end", host, after_us / TS_MS);
  gboolean done = g_str_equal (run.seen.phase, "done");
  if (!done && !(run.seen.reason && *run.seen.reason))
    fail_msg ("host %u dead after %" G_GINT64_FORMAT " ms: it has failed and says no reason", host, after_us / TS_MS);
  for (guint i = 0; i < 3 && !done; i++) { /* run again, when all is well again; then by force */
    ops->run_until (run.world, ops->now_us (run.world) + 3 * TS_MIN, NULL);
    play (&run, i < 2 ? 8 : 9);
    done = g_strcmp0 (run.seen.phase, "done") == 0;
  }
  if (!done)
    fail_msg ("host %u dead after %" G_GINT64_FORMAT " ms: no failover in the end: %s", host, after_us / TS_MS,
              run.seen.reason ? run.seen.reason : "");
  assert_true (run.seen.promoted >= 2);
  run_end (&run);
  return early;
}

static void
a_host_dies_in_the_middle (void **state)
{
  guint host = GPOINTER_TO_UINT (*state), deaths = 0;
  for (gint64 after_us = 50 * TS_MS; plan_with_host_death (host, after_us); after_us += 250 * TS_MS)
    deaths++;
  assert_in_range (deaths, 8, 100);
}

static void
killed_after_each_transaction (void **state)
{
  guint who = GPOINTER_TO_UINT (*state);
  guint64 count = plan_with_death (who, 0);
  assert_in_range (count, 5, 500);
  for (guint64 at = 1; at <= count; at++)
    plan_with_death (who, at);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      {"the vault is killed after each transaction of a plan", killed_after_each_transaction, NULL, NULL, GUINT_TO_POINTER (0)},
      {"the primary's VMM server is", killed_after_each_transaction, NULL, NULL, GUINT_TO_POINTER (1)},
      {"the recovery site's VMM server is", killed_after_each_transaction, NULL, NULL, GUINT_TO_POINTER (2)},
      {"the primary's host loses its power at each moment", a_host_dies_in_the_middle, NULL, NULL, GUINT_TO_POINTER (0)},
      {"the replica's host does", a_host_dies_in_the_middle, NULL, NULL, GUINT_TO_POINTER (1)},
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

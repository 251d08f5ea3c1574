/* tests/test-sim-swarm.c -- many small worlds with random links, loads and faults: whatever
 * happens, no checker finds a breach, and once all is healed both sides hold the same bytes.
 *
 * One named seed each, so that a failure is a seed: run it alone with its number as argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "sim-fixture.h"
#include "sim/world.h"

#define SEEDS 60
#define FAULTS 8

static guint64 only_seed; /* 0: all */

static gint64
between (TsRandom *random, gint64 low, gint64 high)
{
  return low + (gint64)ts_random_below (random, (guint64)(high - low + 1));
}

static Fixture *
draw_world (TsRandom *random, guint64 seed)
{
  Fixture *f = fixture_new ();
  TsTopology *t = f->topology;
  t->seed = seed;
  f->stamped = seed % 4 != 0; /* every fourth carries its bytes */
  TsLinkShape *shape = &ts_topology_link (t, 0)->shape;
  shape->rate_bits_per_s = (guint64)between (random, 2, 200) * 1000000;
  shape->delay_us = between (random, 0, 150) * TS_MS;
  shape->jitter_us = between (random, 0, 20) * TS_MS;
  shape->loss_ppm = ts_random_chance (random, 500000) ? (guint32)between (random, 0, 30000) : 0;
  shape->queue_bytes = (guint64)between (random, 8, 512) * TS_KIB;
  TsWorkloadSpec *workload = ts_topology_workload (t, 0);
  workload->kind = (TsWorkloadKind)between (random, TS_WORKLOAD_APPEND, TS_WORKLOAD_HOT);
  workload->record_bytes = 4096u << between (random, 0, 1);
  workload->rate_per_megasecond =
      (guint64)between (random, 1, 3) * 1000000; /* far below the 50 % rule */
  workload->flush_every = (guint32)between (random, 0, 9);
  ts_topology_policy (t, 0)->policy.compression = ts_random_chance (random, 500000);
  TsSchedule *resync = &ts_topology_policy (t, 0)->policy.resync;
  resync->automatic = TRUE; /* at once, so that all ends well by itself */
  resync->until_us = resync->from_us;
  return f;
}

static void
harm (Fixture *f, TsRandom *random)
{
  switch (ts_random_below (random, 7)) {
  case 0:
    fixture_link (f, TS_LINK_BLACKHOLE);
    fixture_run (f, between (random, 1, 70 * TS_S));
    fixture_link (f, TS_LINK_UP);
    break;
  case 1: /* the replica's site loses power for a while */
    ts_sim_world_power (f->world, 1, FALSE);
    fixture_run (f, between (random, 1, 40 * TS_S));
    ts_sim_world_power (f->world, 1, TRUE);
    break;
  case 2: /* both at once */
    fixture_link (f, TS_LINK_BLACKHOLE);
    fixture_run (f, between (random, 1, 20 * TS_S));
    ts_sim_world_power (f->world, 1, FALSE);
    fixture_run (f, between (random, 1, 20 * TS_S));
    fixture_link (f, TS_LINK_UP);
    fixture_run (f, between (random, 1, 20 * TS_S));
    ts_sim_world_power (f->world, 1, TRUE);
    break;
  case 3: /* a test failover, perhaps across a break; refused while the copy runs */
    fixture_do (f, TS_DO_TEST_FAILOVER);
    fixture_run (f, between (random, 1, 40 * TS_S));
    if (ts_random_chance (random, 300000)) { /* it ends with its host */
      ts_sim_world_power (f->world, 1, FALSE);
      fixture_run (f, between (random, 1, 20 * TS_S));
      ts_sim_world_power (f->world, 1, TRUE);
      fixture_run (f, TS_S);
    }
    fixture_do (f, TS_DO_STOP_TEST_FAILOVER);
    break;
  case 4: /* failed over by mistake, taken back: the primary was turned away meanwhile */
    fixture_failover (f, FALSE);
    fixture_run (f, between (random, 5 * TS_S, 60 * TS_S));
    fixture_do (f, TS_DO_CANCEL_FAILOVER);
    fixture_run (f, 10 * TS_S);
    fixture_do (f, TS_DO_RESUME);
    break;
  case 5: /* paused, and all of it compared, perhaps across a break of the link or of the replica */
    fixture_do (f, TS_DO_PAUSE);
    fixture_run (f, between (random, 1, 10 * TS_S));
    fixture_do (f, TS_DO_RESYNC);
    fixture_run (f, between (random, 1, 2 * TS_S));
    if (ts_random_chance (random, 300000)) {
      ts_sim_world_power (f->world, 1, FALSE);
      fixture_run (f, between (random, 1, 20 * TS_S));
      ts_sim_world_power (f->world, 1, TRUE);
    } else if (ts_random_chance (random, 300000)) {
      fixture_link (f, TS_LINK_BLACKHOLE);
      fixture_run (f, between (random, 1, 20 * TS_S));
      fixture_link (f, TS_LINK_UP);
    } else if (ts_random_chance (random, 300000)) {
      fixture_do (f, TS_DO_CANCEL_RESYNC);
      fixture_do (f, TS_DO_RESYNC);
    }
    fixture_run (f, between (random, 1, 2 * TS_MIN));
    fixture_do (f, TS_DO_RESUME);
    break;
  default: /* paused, with whatever is under way; refused while the copy runs */
    fixture_do (f, TS_DO_PAUSE);
    fixture_run (f, between (random, 1, 40 * TS_S));
    fixture_do (f, TS_DO_RESUME);
    break;
  }
  fixture_run (f, between (random, 1, 50 * TS_S));
}

/* A write of the ledger is on the copy, or a newer one is in its place. */
static void
expect_all_held (Fixture *f)
{
  for (guint i = 0; i < f->ledger->len; i++) {
    const TsLedgerEntry *w = &g_array_index (f->ledger, TsLedgerEntry, i);
    if (w->kind != TS_LEDGER_WRITE)
      continue;
    gboolean held = FALSE;
    for (guint k = f->ledger->len; k > 0 && !held; k--) {
      const TsLedgerEntry *h = &g_array_index (f->ledger, TsLedgerEntry, k - 1);
      held = h->kind == TS_LEDGER_HELD && h->disk == w->disk && h->held == TS_HELD_WHOLE &&
             h->offset_bytes == w->offset_bytes && h->sequence >= w->sequence;
    }
    if (!held)
      fail_msg ("write %" G_GUINT64_FORMAT " is lost in a planned failover", w->sequence);
  }
}

static void
one_seed (guint64 seed)
{
  TsRandom random;
  ts_random_init (&random, seed, "swarm");
  Fixture *f = draw_world (&random, seed);
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_run (f, between (&random, 0, 20 * TS_S));
  for (guint i = 0; i < FAULTS; i++)
    harm (f, &random);
  fixture_run (f, 10 * TS_MIN); /* the longest back-off is three minutes */
  const TsRecord *state = fixture_last (f, "state", NULL, NULL, "hv-paris");
  if (g_strcmp0 (ts_record_get_text (state, "to"), "replicating") != 0) {
    const TsRecord *why = fixture_last (f, "resync", NULL, NULL, NULL);
    fail_msg ("seed %" G_GUINT64_FORMAT ": ends in state %s: %s", seed,
              ts_record_get_text (state, "to"), why ? ts_record_get_text (why, "reason") : "");
  }
  fixture_failover (f, TRUE);
  fixture_wait (f, 5 * TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_do (f, TS_DO_COMPARE);
  if (fixture_count (f, "compare", "identical", "true", NULL) != 2)
    fail_msg ("seed %" G_GUINT64_FORMAT ": the disks differ", seed);
  expect_all_held (f);
  fixture_expect_clean (f);
  fixture_free (f);
}

static void
whatever_happens_nothing_is_lost (void **state)
{
  for (guint64 seed = only_seed ? only_seed : 1; seed <= (only_seed ? only_seed : SEEDS); seed++)
    one_seed (seed);
}

int
main (int argc, char **argv)
{
  only_seed = argc > 1 ? g_ascii_strtoull (argv[1], NULL, 10) : 0;
  const struct CMUnitTest tests[] = {cmocka_unit_test (whatever_happens_nothing_is_lost)};
  return cmocka_run_group_tests (tests, NULL, NULL);
}

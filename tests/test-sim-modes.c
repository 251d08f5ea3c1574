/* tests/test-sim-modes.c -- whether disks, logs and frames hold bytes or only what they stand for,
 * the journal and the ledger are the same, record for record: the same core ran, and nothing that
 * it could see was different. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/world.h"

typedef void (*Story) (Fixture *f);

static void
disaster (Fixture *f)
{
  fixture_wait (f, TS_MIN, "cycle", "set", "2", NULL);
  fixture_run (f, 7 * TS_S);
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_run (f, 20 * TS_S);
  fixture_site_down (f, 0);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_do (f, TS_DO_COMPARE);
}

/* The replica's power goes in the middle of a copy, of a log, and of an apply: torn pages and all.
 */
static void
crashes (Fixture *f)
{
  static const gint64 after_us[] = {330 * TS_MS, 31 * TS_S, 30200 * TS_MS, 30300 * TS_MS};
  for (guint i = 0; i < G_N_ELEMENTS (after_us); i++) {
    fixture_run (f, after_us[i]);
    ts_sim_world_power (f->world, 1, FALSE);
    fixture_run (f, TS_S);
    ts_sim_world_power (f->world, 1, TRUE);
  }
  fixture_run (f, 10 * TS_MIN);
  fixture_do (f, TS_DO_TEST_FAILOVER);
  fixture_run (f, TS_MIN);
  fixture_do (f, TS_DO_STOP_TEST_FAILOVER);
  fixture_run (f, TS_MIN);
  fixture_failover (f, TRUE);
  fixture_wait (f, 5 * TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_do (f, TS_DO_COMPARE);
}

/* The source's power, with much that was not flushed, and the copy's again while it writes. */
static void
torn_source (Fixture *f)
{
  fixture_run (f, 50 * TS_S);
  ts_sim_world_power (f->world, 0, FALSE);
  fixture_do (f, TS_DO_COMPARE); /* now with torn pages on one side */
  fixture_run (f, 5 * TS_S);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
}

static Fixture *
play (Story story, gboolean stamped, gboolean compression)
{
  Fixture *f = fixture_new ();
  f->stamped = stamped;
  ts_topology_policy (f->topology, 0)->policy.compression = compression;
  ts_topology_workload (f->topology, 0)->record_bytes = 8192;
  ts_topology_workload (f->topology, 0)->flush_every = 7;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  story (f);
  fixture_expect_clean (f);
  return f;
}

static void
expect_same (Story story, gboolean compression)
{
  Fixture *a = play (story, FALSE, compression), *b = play (story, TRUE, compression);
  for (guint i = 0; i < MIN (a->records->len, b->records->len); i++) {
    g_autofree char *ja = ts_record_to_json (g_ptr_array_index (a->records, i));
    g_autofree char *jb = ts_record_to_json (g_ptr_array_index (b->records, i));
    assert_string_equal (ja, jb);
  }
  assert_int_equal (a->records->len, b->records->len);
  assert_int_equal (a->ledger->len, b->ledger->len);
  assert_true (a->ledger->len > 100);
  for (guint i = 0; i < a->ledger->len; i++) {
    const TsLedgerEntry *x = &g_array_index (a->ledger, TsLedgerEntry, i);
    const TsLedgerEntry *y = &g_array_index (b->ledger, TsLedgerEntry, i);
    assert_true (x->kind == y->kind && x->t_us == y->t_us && x->vm == y->vm && x->disk == y->disk &&
                 x->offset_bytes == y->offset_bytes && x->length_bytes == y->length_bytes &&
                 x->sequence == y->sequence && x->copy == y->copy && x->held == y->held);
  }
  fixture_free (a);
  fixture_free (b);
}

static void
a_disaster (void **state)
{
  expect_same (disaster, TRUE);
  expect_same (disaster, FALSE);
}

static void
crashes_of_the_replica (void **state)
{
  expect_same (crashes, TRUE);
}

static void
a_torn_source (void **state)
{
  expect_same (torn_source, TRUE);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (a_disaster),
      cmocka_unit_test (crashes_of_the_replica),
      cmocka_unit_test (a_torn_source),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

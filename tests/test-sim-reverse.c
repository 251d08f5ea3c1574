/* tests/test-sim-reverse.c -- the two sides change places: transcripts in virtual time, with every
 * checker on.  HVR reference 3.5, 3.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/world.h"

static int
setup (void **state)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  *state = f;
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_wait (f, TS_MIN, "cycle", "set", "2", NULL);
  return 0;
}

static int
teardown (void **state)
{
  fixture_free (*state);
  return 0;
}

static gint64
now_us (Fixture *f)
{
  return f->ops->now_us (f->world);
}

/* Moves the VM there by a planned failover; it works there afterwards. */
static void
move (Fixture *f, const char *to)
{
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", to);
  fixture_do (f, TS_DO_WORKLOAD_START);
  fixture_run (f, 5 * TS_S);
}

static void
reverse (Fixture *f, const char *primary)
{
  fixture_do (f, TS_DO_REVERSE);
  fixture_wait (f, 10 * TS_S, "step", "verb", "reverse", NULL);
  const TsRecord *done = fixture_last (f, "step", "verb", "reverse", NULL);
  assert_string_equal (ts_record_get_text (done, "phase"), "done");
  const TsRecord *turned = fixture_last (f, "reverse", NULL, NULL, NULL);
  assert_string_equal (ts_record_get_text (turned, "host"), primary);
  assert_string_equal (ts_record_get_text (turned, "role"), "primary");
}

/* Disks are alike once the VM rests and all that it wrote has been applied. */
static void
expect_identical (Fixture *f)
{
  fixture_do (f, TS_DO_WORKLOAD_STOP);
  fixture_run (f, 70 * TS_S);
  gint64 from_us = now_us (f);
  fixture_do (f, TS_DO_COMPARE);
  const TsRecord *compared = fixture_last (f, "compare", NULL, NULL, NULL);
  assert_non_null (compared);
  assert_true (compared->t_us >= from_us);
  assert_int_equal (fixture_count (f, "compare", "identical", "false", NULL), 0);
}

static void
expect_refused (Fixture *f, TsVerb verb, const char *reason)
{
  fixture_do (f, verb);
  fixture_run (f, TS_S);
  const TsRecord *step = fixture_last (f, "step", "verb", ts_verb_name (verb), NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "refused");
  assert_non_null (strstr (ts_record_get_text (step, "reason"), reason));
}

/* The records of those kinds from from_us on, one per line, with what they say of roles, states and
 * phases; when, is the simulator's business. */
static void
expect_order (Fixture *f, gint64 from_us, const char *kinds, const char *want)
{
  static const char *const keys[] = {"role", "from", "to", "phase"};
  g_auto (GStrv) wanted = g_strsplit (kinds, " ", -1);
  g_autoptr (GString) have = g_string_new ("");
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = g_ptr_array_index (f->records, i);
    if (r->t_us < from_us || !g_strv_contains ((const char *const *)wanted, r->kind))
      continue;
    g_string_append_printf (have, "%s %s", r->source, r->kind);
    for (guint k = 0; k < G_N_ELEMENTS (keys); k++)
      if (ts_record_get_text (r, keys[k]))
        g_string_append_printf (have, " %s=%s", keys[k], ts_record_get_text (r, keys[k]));
    g_string_append_c (have, '\n');
  }
  assert_string_equal (have->str, want);
}

/* Trap 10: reverse after a planned failover needs no initial replication. */
static void
trap_10_a_planned_failover_is_reversed_without_a_copy (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  fixture_do (f, TS_DO_COMMIT);
  fixture_wait (f, 10 * TS_S, "state", "to", "committed", "hv-lyon");
  fixture_run (f, TS_S);
  gint64 from_us = now_us (f) + 1;
  guint copied = fixture_count (f, "copy", NULL, NULL, NULL);
  reverse (f, "hv-lyon");
  fixture_wait (f, 2 * TS_MIN, "cycle", "set", "4", NULL);
  expect_order (f, from_us, "state reverse connection copy point failure resync step",
                "app@hv-paris state role=replica from=prepared to=replicating\n"
                "app@hv-paris reverse role=replica phase=turned\n"
                "app@hv-lyon state role=primary from=committed to=replicating\n"
                "app@hv-lyon reverse role=primary phase=turned\n"
                "sim step phase=done\n"
                "app@hv-lyon connection\n"
                "app@hv-paris point\n");
  assert_int_equal (fixture_count (f, "copy", NULL, NULL, NULL), copied);
  expect_identical (f);
  fixture_expect_clean (f);
}

/* HVR 3.5: from 5 or 6; what is not merged is merged first (trap 8). */
static void
trap_8_reversing_commits_what_is_not_committed (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  reverse (f, "hv-lyon");
  assert_int_equal (fixture_count (f, "state", "to", "committed", "hv-lyon"), 1);
  expect_refused (f, TS_DO_CANCEL_FAILOVER, "is not possible in state 'replicating'");
  expect_identical (f);
  fixture_expect_clean (f);
}

static void
two_round_trips_home (void **state)
{
  Fixture *f = *state;
  for (guint trip = 0; trip < 2; trip++) {
    move (f, "hv-lyon");
    reverse (f, "hv-lyon");
    fixture_run (f, 95 * TS_S);
    move (f, "hv-paris");
    reverse (f, "hv-paris");
    fixture_run (f, 95 * TS_S);
  }
  const TsRecord *on = fixture_last (f, "power", NULL, NULL, NULL);
  assert_string_equal (ts_record_get_text (on, "host"), "hv-paris");
  expect_identical (f);
  fixture_expect_clean (f);
}

static void
nothing_is_reversed_before_a_failover (void **state)
{
  Fixture *f = *state;
  expect_refused (f, TS_DO_REVERSE, "has not failed over");
  fixture_do (f, TS_DO_WORKLOAD_START);
  expect_identical (f);
  fixture_expect_clean (f);
}

/* The old primary's side is asked first: when it cannot be, nothing has changed. */
static void
a_dead_old_primary_stops_it (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  fixture_site_down (f, 0);
  fixture_do (f, TS_DO_REVERSE);
  fixture_run (f, TS_S);
  const TsRecord *step = fixture_last (f, "step", "verb", "reverse", NULL);
  assert_string_equal (ts_record_get_text (step, "phase"), "failed");
  assert_int_equal (fixture_count (f, "reverse", NULL, NULL, NULL), 0);
  fixture_do (f, TS_DO_COMMIT);
  fixture_wait (f, 10 * TS_S, "state", "to", "committed", "hv-lyon");
  fixture_expect_clean (f);
}

/* What the copy wrote was tracked in the memory of a host that has lost power: there is no cut of
 * it, and no silent difference either. */
static void
a_copy_whose_host_lost_power_asks_for_resync (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  ts_sim_world_power (f->world, 1, FALSE);
  fixture_run (f, 2 * TS_S);
  ts_sim_world_power (f->world, 1, TRUE);
  fixture_run (f, TS_S);
  reverse (f, "hv-lyon");
  fixture_wait (f, TS_MIN, "state", "to", "resync-required", "hv-lyon");
  fixture_expect_clean (f);
}

/* The link is dark while the sides change places: each does its part, and they find each other
 * when it is up again. */
static void
the_new_primary_waits_for_the_link (void **state)
{
  Fixture *f = *state;
  move (f, "hv-lyon");
  fixture_link (f, TS_LINK_BLACKHOLE);
  reverse (f, "hv-lyon");
  fixture_run (f, 40 * TS_S);
  assert_int_equal (fixture_count (f, "point", "set", "4", NULL), 0);
  fixture_link (f, TS_LINK_UP);
  fixture_wait (f, TS_MIN, "point", "set", "4", "hv-paris");
  expect_identical (f);
  fixture_expect_clean (f);
}

#define T(test) cmocka_unit_test_setup_teardown (test, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
      T (trap_10_a_planned_failover_is_reversed_without_a_copy),
      T (trap_8_reversing_commits_what_is_not_committed),
      T (two_round_trips_home),
      T (nothing_is_reversed_before_a_failover),
      T (a_dead_old_primary_stops_it),
      T (a_copy_whose_host_lost_power_asks_for_resync),
      T (the_new_primary_waits_for_the_link),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

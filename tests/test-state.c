/* tests/test-state.c -- the table of 22 states and its three numberings (HVR
 * reference 3.1, 3.2, 3.7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/relation/state.h"

static const struct row {
  const char *name;
  TsState state;
  gint powershell, powershell_replica, collection;
} rows[] = {
    {"disabled", TS_STATE_DISABLED, 0, 0, 0},
    {"ready", TS_STATE_READY, 1, 1, 1},
    {"initial: two numbers in PowerShell", TS_STATE_INITIAL, 2, 3, 2},
    {"replicating is 3, 4 and 3", TS_STATE_REPLICATING, 4, 4, 3},
    {"prepared", TS_STATE_PREPARED, 5, 5, 11},
    {"recovered", TS_STATE_RECOVERED, 6, 6, 5},
    {"committed", TS_STATE_COMMITTED, 7, 7, 6},
    {"suspended", TS_STATE_SUSPENDED, 8, 8, 7},
    {"error", TS_STATE_ERROR, 9, 9, 8},
    {"resync required", TS_STATE_RESYNC_REQUIRED, 10, 10, 9},
    {"resynchronizing", TS_STATE_RESYNCHRONIZING, 11, 11, 10},
    {"resync suspended", TS_STATE_RESYNC_SUSPENDED, 12, 12, -1},
    {"failover in progress", TS_STATE_FAILOVER_IN_PROGRESS, 13, 13, 4},
    {"failback in progress", TS_STATE_FAILBACK_IN_PROGRESS, 14, 14, -1},
    {"failback complete", TS_STATE_FAILBACK_COMPLETE, 15, 15, -1},
    {"disk update", TS_STATE_DISK_UPDATE, 16, 16, -1},
    {"disk update critical", TS_STATE_DISK_UPDATE_CRITICAL, 17, 17, -1},
    {"unknown has no PowerShell number", TS_STATE_UNKNOWN, -1, -1, -1},
    {"repurpose", TS_STATE_REPURPOSE, 18, 18, 12},
    {"prepared sync", TS_STATE_PREPARED_SYNC, 19, 19, -1},
    {"prepared group reverse", TS_STATE_PREPARED_GROUP_REVERSE, 20, 20, -1},
    {"firedrill", TS_STATE_FIREDRILL, 21, 21, 13},
};

static void
numberings (void **state)
{
  const struct row *row = *state;
  assert_int_equal (ts_state_powershell (row->state, TS_ROLE_PRIMARY), row->powershell);
  assert_int_equal (ts_state_powershell (row->state, TS_ROLE_REPLICA), row->powershell_replica);
  assert_int_equal (ts_state_row (row->state)->collection, row->collection);
  assert_int_equal (ts_state_find (ts_state_name (row->state)), row->state);
}

static void
trap_1_three_numberings_differ (void **state)
{
  assert_int_equal (G_N_ELEMENTS (rows), TS_STATE_COUNT);
  assert_int_equal (TS_STATE_COUNT, 22);
  guint same = 0;
  guint64 seen = 0;
  for (TsState s = 0; s < TS_STATE_COUNT; s++) {
    gint ps = ts_state_powershell (s, TS_ROLE_PRIMARY);
    same += ps == (gint)s;
    if (ps >= 0) {
      assert_false (seen >> ps & 1);
      seen |= G_GUINT64_CONSTANT (1) << ps;
    }
  }
  seen |= 1 << ts_state_powershell (TS_STATE_INITIAL, TS_ROLE_REPLICA);
  assert_int_equal (seen, (1 << 22) - 1); /* every PowerShell number is some state's */
  assert_true (same < 22);
}

static void
what_may_follow_closes (void **state)
{
  for (TsState s = 0; s < TS_STATE_COUNT; s++) {
    assert_false (ts_state_may_follow (s, s));
    assert_true (s == TS_STATE_DISABLED || ts_state_may_follow (s, TS_STATE_DISABLED));
  }
  assert_false (ts_state_may_follow (TS_STATE_COMMITTED, TS_STATE_RECOVERED)); /* trap 8 */
  assert_false (ts_state_may_follow (TS_STATE_DISABLED, TS_STATE_REPLICATING));
}

/* Trap 8, HVR reference 3.5: 5 -> 3 by a revert, until the commit makes 6 of it. */
static void
trap_8_failover_can_be_undone_until_commit (void **state)
{
  for (TsState s = 0; s < TS_STATE_COUNT; s++) {
    assert_int_equal (ts_state_allows (s, TS_ROLE_REPLICA, TS_ASK_CANCEL_FAILOVER),
                      s == TS_STATE_RECOVERED);
    /* the primary's: of one that is being prepared, or is (3.6) */
    assert_int_equal (ts_state_allows (s, TS_ROLE_PRIMARY, TS_ASK_CANCEL_FAILOVER),
                      s == TS_STATE_REPLICATING || s == TS_STATE_PREPARED);
  }
  assert_true (ts_state_may_follow (TS_STATE_RECOVERED, TS_STATE_REPLICATING));
}

/* Trap 4 (no test failover in 10), HVR reference 3.5: from 3, on the replica, which stays 3. */
static void
trap_4_test_failover_only_while_replicating (void **state)
{
  for (TsState s = 0; s < TS_STATE_COUNT; s++) {
    assert_int_equal (ts_state_allows (s, TS_ROLE_REPLICA, TS_ASK_TEST_FAILOVER),
                      s == TS_STATE_REPLICATING);
    assert_false (ts_state_allows (s, TS_ROLE_PRIMARY, TS_ASK_TEST_FAILOVER));
  }
}

static void
trap_11_replica_starts_only_through_failover (void **state)
{
  for (TsState s = 0; s < TS_STATE_COUNT; s++)
    assert_int_equal (ts_state_allows (s, TS_ROLE_REPLICA, TS_ASK_POWER_ON),
                      s == TS_STATE_RECOVERED || s == TS_STATE_COMMITTED);
  assert_false (
      ts_state_allows (TS_STATE_PREPARED, TS_ROLE_PRIMARY, TS_ASK_POWER_ON)); /* trap 10 */
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 5] = {0};
  guint n = 0;
  for (; n < G_N_ELEMENTS (rows); n++)
    tests[n] = (struct CMUnitTest){
        .name = rows[n].name, .test_func = numberings, .initial_state = (void *)&rows[n]};
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (trap_1_three_numberings_differ);
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (what_may_follow_closes);
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (trap_8_failover_can_be_undone_until_commit);
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (trap_4_test_failover_only_while_replicating);
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (trap_11_replica_starts_only_through_failover);
  return cmocka_run_group_tests (tests, NULL, NULL);
}

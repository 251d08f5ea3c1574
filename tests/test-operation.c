/* tests/test-operation.c -- the orders of an operation, in order, each when the one before is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault/operation.h"

static TsRecord *
report (const char *kind, const char *vm, const char *host)
{
  TsRecord *r = ts_record_new (1, host, kind);
  return ts_record_text (ts_record_text (r, "vm", vm), "host", host);
}

static void
hear_state (TsOperation *op, const char *host, TsState state)
{
  g_autoptr (TsRecord) r = report ("state", "app", host);
  ts_record_int (r, "wmi", state);
  ts_operation_hear (op, r);
}

static void
hear_power (TsOperation *op, const char *host, gboolean on)
{
  g_autoptr (TsRecord) r = report ("power", "app", host);
  ts_record_bool (r, "on", on);
  ts_operation_hear (op, r);
}

static TsOperation *
planned_failover (void)
{
  TsOrder order = {.step = "go", .verb = TS_DO_FAILOVER, .planned = TRUE};
  return ts_operation_new (&order, "app", "a", "b");
}

#define GIVE(op, wanted_side, wanted_ask)                                                          \
  do {                                                                                             \
    TsSideOrder due;                                                                               \
    assert_int_equal (ts_operation_phase (op, &due), TS_OPERATION_ORDER);                          \
    assert_int_equal (due.side, wanted_side);                                                      \
    assert_int_equal (due.ask, wanted_ask);                                                        \
    ts_operation_given (op);                                                                       \
  } while (0)

static void
trap_10_order_of_a_planned_failover (void **state)
{
  g_autoptr (TsOperation) op = planned_failover ();
  TsSideOrder o;
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_ORDER);
  assert_true (o.shut_down);
  ts_operation_given (op);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
  hear_power (op, "b", FALSE); /* of the other host: not what it waits for */
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
  hear_power (op, "a", FALSE);
  GIVE (op, TS_ROLE_PRIMARY, TS_ASK_PREPARE);
  hear_state (op, "a", TS_STATE_PREPARED);
  GIVE (op, TS_ROLE_REPLICA, TS_ASK_FAILOVER);
  hear_state (op, "b", TS_STATE_RECOVERED);
  GIVE (op, TS_ROLE_REPLICA, TS_ASK_POWER_ON);
  hear_power (op, "b", TRUE);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_DONE);
}

static void
a_refusal_ends_it (void **state)
{
  g_autoptr (TsOperation) op = planned_failover ();
  TsSideOrder o;
  ts_operation_given (op);
  hear_power (op, "a", FALSE);
  ts_operation_given (op);
  g_autoptr (TsRecord) r = report ("refused", "app", "a");
  ts_record_text (r, "verb", ts_ask_name (TS_ASK_PREPARE));
  ts_record_text (r, "reason", "not now");
  ts_operation_hear (op, r);
  gboolean refused = FALSE;
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_FAILED);
  assert_string_equal (ts_operation_reason (op, &refused), "not now");
  assert_true (refused);
}

static void
an_error_meanwhile_ends_it (void **state)
{
  g_autoptr (TsOperation) op = planned_failover ();
  TsSideOrder o;
  ts_operation_given (op);
  hear_power (op, "a", FALSE);
  ts_operation_given (op);
  hear_state (op, "a", TS_STATE_ERROR);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_FAILED);
}

static void
a_host_without_power_ends_what_waits_for_it (void **state)
{
  g_autoptr (TsOperation) op = planned_failover ();
  TsSideOrder o;
  ts_operation_given (op);
  ts_operation_host_lost (op, "b"); /* it waits for a */
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
  ts_operation_host_lost (op, "a");
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_FAILED);
  assert_string_equal (ts_operation_reason (op, NULL), "the host has lost power");
}

static void
another_vm_is_not_heard (void **state)
{
  g_autoptr (TsOperation) op = planned_failover ();
  TsSideOrder o;
  ts_operation_given (op);
  g_autoptr (TsRecord) r = report ("power", "other", "a");
  ts_record_bool (r, "on", FALSE);
  ts_operation_hear (op, r);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
}

static void
cancel_is_done_when_the_replica_replicates_again (void **state)
{
  TsOrder order = {.step = "go", .verb = TS_DO_CANCEL_FAILOVER};
  g_autoptr (TsOperation) op = ts_operation_new (&order, "app", "a", "b");
  TsSideOrder o;
  GIVE (op, TS_ROLE_REPLICA, TS_ASK_CANCEL_FAILOVER);
  hear_power (op, "b", FALSE); /* the copy is off: not all of it */
  hear_state (op, "a", TS_STATE_REPLICATING);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
  hear_state (op, "b", TS_STATE_REPLICATING);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_DONE);
}

static void
cancel_fails_with_its_discard (void **state)
{
  TsOrder order = {.step = "go", .verb = TS_DO_CANCEL_FAILOVER};
  g_autoptr (TsOperation) op = ts_operation_new (&order, "app", "a", "b");
  TsSideOrder o;
  ts_operation_given (op);
  g_autoptr (TsRecord) r = report ("failure", "app", "b");
  ts_record_text (r, "action", "discard");
  ts_record_text (r, "reason", "no way");
  ts_operation_hear (op, r);
  gboolean refused = TRUE;
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_FAILED);
  assert_string_equal (ts_operation_reason (op, &refused), "no way");
  assert_false (refused);
}

static void
hear_test (TsOperation *op, const char *phase)
{
  g_autoptr (TsRecord) r = report ("test_failover", "app", "b");
  ts_record_text (r, "phase", phase);
  ts_operation_hear (op, r);
}

static void
a_test_failover_is_done_when_it_has_started (void **state)
{
  TsOrder order = {.step = "go", .verb = TS_DO_TEST_FAILOVER};
  g_autoptr (TsOperation) op = ts_operation_new (&order, "app", "a", "b");
  TsSideOrder o;
  GIVE (op, TS_ROLE_REPLICA, TS_ASK_TEST_FAILOVER);
  hear_test (op, "begun");
  hear_power (op, "b", TRUE); /* not of the test VM */
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
  hear_test (op, "started");
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_DONE);
}

static void
stopping_a_test_is_done_when_it_is_gone (void **state)
{
  TsOrder order = {.step = "go", .verb = TS_DO_STOP_TEST_FAILOVER};
  g_autoptr (TsOperation) op = ts_operation_new (&order, "app", "a", "b");
  TsSideOrder o;
  GIVE (op, TS_ROLE_REPLICA, TS_ASK_STOP_TEST_FAILOVER);
  hear_test (op, "serving");
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
  hear_test (op, "stopped");
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_DONE);
}

static TsRecord *
turned (const char *host, TsRole role)
{
  TsRecord *record = report ("reverse", "app", host);
  return ts_record_text (record, "role", ts_role_name (role));
}

/* The old primary gives up its part first: until then it would turn the new one away. */
static void
reverse_asks_the_old_primary_first (void **state)
{
  TsOrder order = {.step = "go", .verb = TS_DO_REVERSE};
  g_autoptr (TsOperation) op = ts_operation_new (&order, "app", "a", "b");
  TsSideOrder o;
  GIVE (op, TS_ROLE_PRIMARY, TS_ASK_REVERSE);
  g_autoptr (TsRecord) early = turned ("b", TS_ROLE_PRIMARY);
  ts_operation_hear (op, early);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
  g_autoptr (TsRecord) old = turned ("a", TS_ROLE_REPLICA);
  ts_operation_hear (op, old);
  GIVE (op, TS_ROLE_REPLICA, TS_ASK_REVERSE);
  g_autoptr (TsRecord) fresh = turned ("b", TS_ROLE_PRIMARY);
  ts_operation_hear (op, fresh);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_DONE);
}

static void
reset_waits_for_nobody (void **state)
{
  TsOrder order = {.step = "go", .verb = TS_DO_RESET_STATISTICS};
  g_autoptr (TsOperation) op = ts_operation_new (&order, "app", "a", "b");
  TsSideOrder o;
  GIVE (op, TS_ROLE_PRIMARY, TS_ASK_RESET_STATISTICS);
  GIVE (op, TS_ROLE_REPLICA, TS_ASK_RESET_STATISTICS);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_DONE);
}

static void
power_off_waits_until_it_is_off (void **state)
{
  TsOrder order = {.verb = TS_DO_POWER_OFF, .step = "s"};
  g_autoptr (TsOperation) op = ts_operation_new (&order, "app", "a", "b");
  TsSideOrder o;
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_ORDER);
  assert_true (o.shut_down && o.side == TS_ROLE_PRIMARY);
  ts_operation_given (op);
  hear_power (op, "a", TRUE);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_WAITING);
  hear_power (op, "a", FALSE);
  assert_int_equal (ts_operation_phase (op, &o), TS_OPERATION_DONE);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (trap_10_order_of_a_planned_failover),
      cmocka_unit_test (a_refusal_ends_it),
      cmocka_unit_test (an_error_meanwhile_ends_it),
      cmocka_unit_test (a_host_without_power_ends_what_waits_for_it),
    cmocka_unit_test (another_vm_is_not_heard),
      cmocka_unit_test (reverse_asks_the_old_primary_first),
      cmocka_unit_test (cancel_is_done_when_the_replica_replicates_again),
      cmocka_unit_test (cancel_fails_with_its_discard),
      cmocka_unit_test (a_test_failover_is_done_when_it_has_started),
      cmocka_unit_test (stopping_a_test_is_done_when_it_is_gone),
      cmocka_unit_test (reset_waits_for_nobody),
      cmocka_unit_test (power_off_waits_until_it_is_off),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

/* tests/test-status.c -- how replication stands, from a journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "results/status.h"
#include "sim-fixture.h"

static TsStatus *
status_of (Fixture *f)
{
  g_autoptr (TsJournal) journal = ts_journal_new ();
  for (guint i = 0; i < f->records->len; i++)
    ts_journal_add (journal, g_ptr_array_index (f->records, i));
  return ts_status_new (journal);
}

static Fixture *
replicating (void)
{
  Fixture *f = fixture_new ();
  f->topology->profile.apply_us = 5 * TS_S;
  fixture_begin (f);
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
  fixture_wait (f, TS_MIN, "cycle", "set", "3", NULL);
  fixture_wait (f, TS_MIN, "point", "set", "4", NULL);
  return f;
}

static void
trap_7_received_and_applied_are_two_times (void **state)
{
  Fixture *f = replicating ();
  g_autoptr (TsStatus) status = status_of (f);
  assert_int_equal (status->sides->len, 2);
  const TsStatusSide *replica = ts_status_side (status, "app", TS_ROLE_REPLICA);
  assert_int_equal (replica->received_us, fixture_last (f, "point", "set", "4", NULL)->t_us);
  assert_int_equal (replica->applied_us, fixture_last (f, "applied", "set", "3", NULL)->t_us);
  assert_true (replica->received_us > replica->applied_us);
  const TsStatusSide *primary = ts_status_side (status, "app", TS_ROLE_PRIMARY);
  assert_int_equal (primary->sent_us, fixture_last (f, "sent", NULL, NULL, NULL)->t_us);
  assert_true (primary->pending_bytes > 0); /* set 4 is received, and the primary has not heard it */
  assert_int_equal (primary->success, 3);
  assert_string_equal (primary->health, "normal");
  assert_true (primary->wire_bytes > 0 && primary->wire_bytes < primary->bytes);
  g_autofree char *text = ts_status_format (status);
  assert_non_null (strstr (text, "app on hv-paris, primary: Replication Enabled (WMI 3, PowerShell 4), normal"));
  assert_non_null (strstr (text, "last received"));
  assert_non_null (strstr (text, "3 out of 3"));
  fixture_free (f);
}

static void
trap_17_what_was_asked_for_is_shown (void **state)
{
  Fixture *f = replicating ();
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "prepare", "phase", "begun", NULL);
  g_autoptr (TsStatus) status = status_of (f);
  const TsStatusSide *primary = ts_status_side (status, "app", TS_ROLE_PRIMARY);
  assert_int_equal (primary->state, TS_STATE_REPLICATING);
  assert_int_equal (primary->shown, TS_STATE_PREPARED);
  fixture_free (f);
}

static void
a_new_interval_counts_anew (void **state)
{
  Fixture *f = replicating ();
  fixture_do (f, TS_DO_RESET_STATISTICS);
  g_autoptr (TsStatus) status = status_of (f);
  const TsStatusSide *primary = ts_status_side (status, "app", TS_ROLE_PRIMARY);
  assert_int_equal (primary->success, 0);
  assert_int_equal (primary->bytes, 0);
  assert_int_equal (primary->from_us, f->ops->now_us (f->world));
  assert_true (primary->sent_us > 0); /* the last times stay */
  fixture_free (f);
}

static void
what_is_removed_is_not_shown (void **state)
{
  Fixture *f = replicating ();
  fixture_do (f, TS_DO_REMOVE);
  fixture_run (f, 30 * TS_S);
  g_autoptr (TsStatus) status = status_of (f);
  assert_int_equal (status->sides->len, 0);
  fixture_free (f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (trap_7_received_and_applied_are_two_times),
      cmocka_unit_test (trap_17_what_was_asked_for_is_shown),
      cmocka_unit_test (a_new_interval_counts_anew),
      cmocka_unit_test (what_is_removed_is_not_shown),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

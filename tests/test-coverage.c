/* tests/test-coverage.c -- which cells of states x verbs a journal has reached. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "results/coverage.h"

static void
tell (TsJournal *journal, TsState state, TsRole role, TsAsk ask)
{
  g_autoptr (TsRecord) record =
      ts_state_verb_record (ts_record_new (1, "app@a", "verb"), state, role, ask);
  ts_journal_add (journal, record);
}

static void
counts_what_was_asked (void **state)
{
  g_autoptr (TsJournal) journal = ts_journal_new ();
  TsCoverage coverage = {0};
  tell (journal, TS_STATE_REPLICATING, TS_ROLE_PRIMARY, TS_ASK_SUSPEND);
  tell (journal, TS_STATE_REPLICATING, TS_ROLE_PRIMARY, TS_ASK_SUSPEND);
  tell (journal, TS_STATE_REPLICATING, TS_ROLE_REPLICA, TS_ASK_COMMIT); /* refused there */
  ts_coverage_add (&coverage, journal);
  g_autofree char *text = ts_coverage_format (&coverage, FALSE);
  assert_non_null (strstr (text, "suspend (2)"));
  assert_null (strstr (text, "commit ("));
  assert_non_null (strstr (text, "cells reached: 1 of "));
  assert_non_null (strstr (text, " allowed, 1 of "));
}

static void
every_state_has_a_line (void **state)
{
  g_autofree char *text = ts_coverage_format (NULL, TRUE);
  for (guint s = 0; s < TS_STATE_COUNT; s++) {
    g_autofree char *row = g_strdup_printf ("\n| %s | %u |", ts_state_name ((TsState)s), s);
    assert_non_null (strstr (text, row));
  }
  assert_null (strstr (text, "cells reached"));
}

static void
what_is_no_verb_or_state_is_passed_over (void **state)
{
  g_autoptr (TsJournal) journal = ts_journal_new ();
  g_autoptr (TsRecord) odd = ts_record_text (
      ts_record_text (ts_record_new (1, "x", "verb"), "verb", "dance"), "state", "replicating");
  g_autoptr (TsRecord) bare = ts_record_new (1, "x", "verb");
  TsCoverage coverage = {0}, none = {0};
  ts_journal_add (journal, odd);
  ts_journal_add (journal, bare);
  ts_coverage_add (&coverage, journal);
  assert_memory_equal (&coverage, &none, sizeof none);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (counts_what_was_asked),
      cmocka_unit_test (every_state_has_a_line),
      cmocka_unit_test (what_is_no_verb_or_state_is_passed_over),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

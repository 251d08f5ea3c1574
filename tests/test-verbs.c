/* tests/test-verbs.c -- every cell of the table states x verbs, on both sides, asked of the real
 * machines: what the table allows is begun, what it does not is refused by 32775 with the state
 * named, and changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/relation/receiver-internal.h"
#include "core/relation/sender-internal.h"

typedef struct {
  TsRole role;
  TsState state;
  TsAsk ask;
  char *name;
} Cell;

static TsHello
hello (void)
{
  TsHello hello = {
      .vm = {{1}}, .disks = 1, .interval_us = (guint64)(30 * TS_S), .time_scale = 1};
  g_strlcpy (hello.name, "app", sizeof hello.name);
  hello.disk[0].size_bytes = TS_MIB;
  g_strlcpy (hello.disk[0].name, "system", sizeof hello.disk[0].name);
  return hello;
}

/* A side in that state, as it was asked: what came out of it, and the state after. */
static TsState
ask_sender (const Cell *cell, TsActions *out)
{
  TsPolicy policy;
  ts_policy_init (&policy);
  TsSenderOptions options = {.vm = "app", .host = "a", .policy = &policy, .hello = hello ()};
  TsSender *sender = ts_sender_new (&options);
  TsEvent event = {.now_us = TS_S, .kind = TS_EVENT_ASK, .ask = {.ask = cell->ask}};
  sender->state = cell->state;
  ts_sender_step (sender, &event, out);
  TsState after = ts_sender_state (sender);
  ts_sender_free (sender);
  return after;
}

static TsState
ask_receiver (const Cell *cell, TsActions *out)
{
  TsReceiver *receiver = ts_receiver_new ("b");
  TsEvent event = {.now_us = TS_S, .kind = TS_EVENT_ASK, .ask = {.ask = cell->ask}};
  receiver->known = TRUE;
  receiver->hello = hello ();
  receiver->source = g_strdup ("app@b");
  receiver->state = cell->state;
  ts_receiver_step (receiver, &event, out);
  TsState after = ts_receiver_state (receiver);
  ts_receiver_free (receiver);
  return after;
}

static void
walk (void **state)
{
  const Cell *cell = *state;
  TsActions *out = ts_actions_new ();
  TsState after = cell->role == TS_ROLE_PRIMARY ? ask_sender (cell, out) : ask_receiver (cell, out);
  const TsRecord *refusal = NULL;
  guint others = 0;
  for (guint i = 0; i < out->len; i++) {
    const TsAction *action = &g_array_index (out, TsAction, i);
    if (action->kind != TS_ACTION_REPORT)
      others++;
    else if (g_str_equal (action->record->kind, "refused"))
      refusal = action->record;
  }
  const char *reason = refusal ? ts_record_get_text (refusal, "reason") : "";
  gboolean by_table = g_str_has_prefix (reason, "Could not change the replication state");
  if (ts_state_allows (cell->state, cell->role, cell->ask)) {
    assert_false (by_table); /* it may be refused all the same, for a better reason */
    assert_true (after == cell->state || ts_state_may_follow (cell->state, after));
  } else {
    assert_true (by_table);
    assert_int_equal (ts_record_get_int (refusal, "code", 0), TS_CODE_INVALID_STATE);
    assert_string_equal (ts_record_get_text (refusal, "state"), ts_state_name (cell->state));
    assert_string_equal (ts_record_get_text (refusal, "verb"), ts_ask_name (cell->ask));
    assert_non_null (strstr (reason, ts_state_name (cell->state)));
    assert_int_equal (after, cell->state);
    assert_int_equal (others, 0);
  }
  ts_actions_free (out);
}

int
main (void)
{
  enum { CELLS = 2 * TS_STATE_COUNT * TS_ASK_COUNT };
  struct CMUnitTest *tests = g_new0 (struct CMUnitTest, CELLS);
  Cell *cells = g_new0 (Cell, CELLS);
  guint n = 0;
  for (int role = TS_ROLE_PRIMARY; role <= TS_ROLE_REPLICA; role++)
    for (int state = 0; state < TS_STATE_COUNT; state++)
      for (int ask = 0; ask < TS_ASK_COUNT; ask++, n++) {
        Cell *cell = &cells[n];
        *cell = (Cell){(TsRole)role, (TsState)state, (TsAsk)ask, NULL};
        cell->name = g_strdup_printf ("%s in %s: %s", ts_role_name (cell->role),
                                      ts_state_name (cell->state), ts_ask_name (cell->ask));
        tests[n] =
            (struct CMUnitTest){.name = cell->name, .test_func = walk, .initial_state = cell};
      }
  int failed = _cmocka_run_group_tests ("verbs", tests, n, NULL, NULL);
  for (guint i = 0; i < n; i++)
    g_free (cells[i].name);
  g_free (cells);
  g_free (tests);
  return failed;
}

/* Application-consistent cycles of the sender: freeze, cut, thaw, and what becomes of a freeze that
 * fails.  HVR reference 2.8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/relation/sender-internal.h"

typedef struct {
  TsSender *sender;
  TsActions *out;
  gint64 now_us;
  guint8 logs;
} Bench;

static void
step (Bench *b, TsEvent event)
{
  event.now_us = b->now_us;
  ts_actions_free (b->out);
  b->out = ts_actions_new ();
  ts_sender_step (b->sender, &event, b->out);
}

static const TsAction *
find (const Bench *b, TsActionKind kind)
{
  for (guint i = 0; i < b->out->len; i++)
    if (g_array_index (b->out, TsAction, i).kind == kind)
      return &g_array_index (b->out, TsAction, i);
  return NULL;
}

static const char *
outcome (const Bench *b)
{
  for (guint i = 0; i < b->out->len; i++) {
    const TsAction *a = &g_array_index (b->out, TsAction, i);
    if (a->kind == TS_ACTION_REPORT && g_str_equal (a->record->kind, "freeze"))
      return ts_record_get_text (a->record, "outcome");
  }
  return NULL;
}

static void
tick (Bench *b, gint64 now_us)
{
  b->now_us = now_us;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
}

static void
frozen (Bench *b, gboolean ok)
{
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_FREEZE;
  event.done.ok = ok;
  event.done.reason = "a writer has failed";
  step (b, event);
}

static void
cut (Bench *b, gint64 instant_us)
{
  TsCutLog log = {.log_bytes = 9000, .data_bytes = 4096, .entries = 1};
  log.unique.bytes[0] = ++b->logs;
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_CUT;
  event.done.ok = TRUE;
  event.done.instant_us = instant_us;
  event.done.logs = &log;
  step (b, event);
}

/* Replicating since 10 s, the machine on, first cycle due at 310 s; a consistent point an hour. */
static Bench *
bench_new (void)
{
  Bench *b = g_new0 (Bench, 1);
  TsPolicy policy;
  ts_policy_init (&policy);
  policy.recovery_points = 4;
  policy.app_consistent_us = TS_HOUR;
  TsSenderOptions options = {.vm = "app", .host = "a", .policy = &policy};
  g_strlcpy (options.hello.name, "app", sizeof options.hello.name);
  options.hello.vm.bytes[0] = 7;
  options.hello.disks = 1;
  options.hello.disk[0].size_bytes = 64 * TS_MIB;
  g_strlcpy (options.hello.disk[0].name, "system", sizeof options.hello.disk[0].name);
  b->sender = ts_sender_new (&options);
  b->out = ts_actions_new ();
  step (b, (TsEvent){.kind = TS_EVENT_MACHINE, .machine = {TRUE}});
  b->sender->state = TS_STATE_REPLICATING;
  b->sender->copy = COPY_DONE;
  b->sender->due_us = 310 * TS_S;
  return b;
}

static void
bench_free (Bench *b)
{
  ts_sender_free (b->sender);
  ts_actions_free (b->out);
  g_free (b);
}

static guint32
kind_of_last (const Bench *b)
{
  return ((const TsSenderSet *)g_queue_peek_tail (&b->sender->sets))->manifest.kind;
}

static void
the_first_cycle_of_each_period_is_frozen (void **state)
{
  Bench *b = bench_new ();
  tick (b, 310 * TS_S);
  assert_non_null (find (b, TS_ACTION_FREEZE));
  assert_null (find (b, TS_ACTION_CUT)); /* not before it is frozen */
  b->now_us += TS_S;
  frozen (b, TRUE);
  assert_non_null (find (b, TS_ACTION_CUT));
  assert_null (find (b, TS_ACTION_THAW)); /* not before it is cut */
  b->now_us += TS_S;
  cut (b, b->now_us - TS_S / 2);
  assert_non_null (find (b, TS_ACTION_THAW));
  assert_string_equal (outcome (b), "consistent");
  assert_int_equal (kind_of_last (b), TS_SET_CONSISTENT);
  tick (b, 610 * TS_S); /* the same hour */
  assert_null (find (b, TS_ACTION_FREEZE));
  assert_int_equal (find (b, TS_ACTION_CUT)->set_kind, TS_SET_REGULAR);
  cut (b, b->now_us);
  assert_int_equal (kind_of_last (b), TS_SET_REGULAR);
  tick (b, 3610 * TS_S); /* the next one */
  assert_non_null (find (b, TS_ACTION_FREEZE));
  bench_free (b);
}

static void
a_failed_freeze_makes_a_standard_cycle (void **state)
{
  Bench *b = bench_new ();
  tick (b, 310 * TS_S);
  frozen (b, FALSE);
  assert_string_equal (outcome (b), "failed");
  assert_non_null (find (b, TS_ACTION_THAW));
  assert_int_equal (find (b, TS_ACTION_CUT)->set_kind, TS_SET_REGULAR);
  cut (b, b->now_us);
  assert_int_equal (kind_of_last (b), TS_SET_REGULAR);
  assert_int_equal (ts_sender_statistics (b->sender)->freeze_failures, 1);
  tick (b, 610 * TS_S); /* tried again when the next one is due (CHOICE) */
  assert_null (find (b, TS_ACTION_FREEZE));
  bench_free (b);
}

static void
a_guest_that_does_not_answer_is_not_waited_for (void **state)
{
  Bench *b = bench_new ();
  tick (b, 310 * TS_S);
  assert_int_equal (ts_sender_wake_us (b->sender), 320 * TS_S);
  tick (b, 320 * TS_S - 1);
  assert_null (find (b, TS_ACTION_CUT));
  tick (b, 320 * TS_S);
  assert_non_null (find (b, TS_ACTION_THAW));
  assert_int_equal (find (b, TS_ACTION_CUT)->set_kind, TS_SET_REGULAR);
  frozen (b, TRUE); /* after all */
  assert_int_equal (b->out->len, 0);
  cut (b, b->now_us);
  assert_int_equal (kind_of_last (b), TS_SET_REGULAR);
  bench_free (b);
}

static void
a_cut_that_came_too_late_is_not_believed (void **state)
{
  Bench *b = bench_new ();
  tick (b, 310 * TS_S);
  frozen (b, TRUE);
  b->now_us += 11 * TS_S;
  cut (b, 310 * TS_S + 10 * TS_S + 1);
  assert_string_equal (outcome (b), "failed");
  assert_non_null (find (b, TS_ACTION_THAW));
  assert_int_equal (kind_of_last (b), TS_SET_REGULAR);
  bench_free (b);
}

/* Nobody to ask, nothing that writes: a standard cycle, and no failure. */
static void
a_machine_that_is_off_is_not_frozen (void **state)
{
  Bench *b = bench_new ();
  step (b, (TsEvent){.kind = TS_EVENT_MACHINE, .machine = {FALSE}});
  tick (b, 310 * TS_S);
  assert_null (find (b, TS_ACTION_FREEZE));
  assert_non_null (find (b, TS_ACTION_CUT));
  assert_int_equal (ts_sender_statistics (b->sender)->freeze_failures, 0);
  bench_free (b);
}

static void
switched_off_in_the_middle_of_it (void **state)
{
  Bench *b = bench_new ();
  tick (b, 310 * TS_S);
  step (b, (TsEvent){.kind = TS_EVENT_MACHINE, .machine = {FALSE}});
  assert_int_equal (find (b, TS_ACTION_CUT)->set_kind, TS_SET_REGULAR);
  bench_free (b);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (the_first_cycle_of_each_period_is_frozen),
      cmocka_unit_test (a_failed_freeze_makes_a_standard_cycle),
      cmocka_unit_test (a_guest_that_does_not_answer_is_not_waited_for),
      cmocka_unit_test (a_cut_that_came_too_late_is_not_believed),
      cmocka_unit_test (a_machine_that_is_off_is_not_frozen),
      cmocka_unit_test (switched_off_in_the_middle_of_it),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

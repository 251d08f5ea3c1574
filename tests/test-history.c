/* Recovery points on the replica: which are kept, the way back, who takes them away.
 *
 * HVR reference 2.7; the disks behind it are tests/test-undo.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/relation/receiver-internal.h"

typedef struct {
  TsReceiver *receiver;
  TsActions *out;
  gint64 now_us;
  guint64 set;
} Bench;

static void
step (Bench *b, TsEvent event)
{
  event.now_us = b->now_us;
  ts_actions_free (b->out);
  b->out = ts_actions_new ();
  ts_receiver_step (b->receiver, &event, b->out);
}

static const TsAction *
asked (const Bench *b, TsActionKind kind)
{
  for (guint i = 0; i < b->out->len; i++)
    if (g_array_index (b->out, TsAction, i).kind == kind)
      return &g_array_index (b->out, TsAction, i);
  return NULL;
}

static const TsRecord *
told (const Bench *b, const char *kind)
{
  for (guint i = 0; i < b->out->len; i++) {
    const TsAction *a = &g_array_index (b->out, TsAction, i);
    if (a->kind == TS_ACTION_REPORT && g_str_equal (a->record->kind, kind))
      return a->record;
  }
  return NULL;
}

static void
done (Bench *b, TsActionKind action, guint64 set, gboolean ok, TsErrorCode code)
{
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = action;
  event.done.set = set;
  event.done.ok = ok;
  event.done.code = code;
  event.done.reason = "it is broken";
  step (b, event);
}

static void
frame (Bench *b, TsFrame f)
{
  step (b, (TsEvent){.kind = TS_EVENT_FRAME, .frame = {&f}});
  ts_frame_clear (&f);
}

static void
ask (Bench *b, TsAsk what, TsPointChoice point)
{
  step (b, (TsEvent){.kind = TS_EVENT_ASK, .ask = {what, FALSE, point}});
}

/* A set is received and sealed; the APPLY that is asked for (or not) stays in b->out. */
static void
receive (Bench *b, gint64 instant_us, TsSetKind kind)
{
  TsManifest m = {.instant_us = instant_us, .kind = kind, .disks = 1};
  b->set++;
  m.disk[0].log_bytes = 100;
  m.disk[0].data_bytes = 10;
  m.disk[0].unique.bytes[0] = (guint8)b->set;
  m.disk[0].previous.bytes[0] = (guint8)(b->set - 1);
  b->now_us = instant_us + TS_S;
  TsFrame log = {.kind = TS_FRAME_LOG, .set = b->set, .payload = g_bytes_new ("x", 1)};
  frame (b, log);
  frame (b, (TsFrame){.kind = TS_FRAME_SET_END, .set = b->set, .payload = ts_manifest_pack (&m)});
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_SEAL;
  event.done.set = b->set;
  event.done.ok = TRUE;
  event.done.sealed = &m;
  step (b, event);
}

static void
take (Bench *b, gint64 instant_us, TsSetKind kind)
{
  receive (b, instant_us, kind);
  done (b, TS_ACTION_APPLY, b->set, TRUE, 0);
}

/* Replicating, with its first point (set 1) at 10 s. */
static Bench *
bench_new (guint points)
{
  Bench *b = g_new0 (Bench, 1);
  b->receiver = ts_receiver_new ("b");
  b->out = ts_actions_new ();
  TsHello hello = {.vm = {{1}},
                   .disks = 1,
                   .interval_us = (guint64)(300 * TS_S),
                   .recovery_points = points,
                   .time_scale = 1};
  g_strlcpy (hello.name, "app", sizeof hello.name);
  hello.disk[0].size_bytes = TS_MIB;
  g_strlcpy (hello.disk[0].name, "system", sizeof hello.disk[0].name);
  step (b, (TsEvent){.kind = TS_EVENT_CONNECTED});
  frame (b, (TsFrame){.kind = TS_FRAME_HELLO, .payload = ts_hello_pack (&hello)});
  done (b, TS_ACTION_CREATE, 0, TRUE, 0);
  frame (b, (TsFrame){.kind = TS_FRAME_COPY_END});
  done (b, TS_ACTION_FLUSH, 0, TRUE, 0);
  take (b, 10 * TS_S, TS_SET_INITIAL);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_REPLICATING);
  return b;
}

static void
bench_free (Bench *b)
{
  ts_receiver_free (b->receiver);
  ts_actions_free (b->out);
  g_free (b);
}

static void
expect_kept (const Bench *b, const char *want)
{
  g_autoptr (GString) have = g_string_new ("");
  const TsPoint *points;
  guint count = ts_receiver_points (b->receiver, &points);
  for (guint i = 0; i < count; i++)
    g_string_append_printf (have, "%s%u", i > 0 ? " " : "", (guint)points[i].set);
  assert_string_equal (have->str, want);
}

/* "7 4 2 until 9": the logs to play, in order, and from which set on. */
static void
expect_way (const TsAction *a, const char *want)
{
  g_autoptr (GString) have = g_string_new ("");
  assert_non_null (a);
  for (guint i = 0; a->undo && i < a->undo->count; i++)
    g_string_append_printf (have, "%u ", (guint)a->undo->point[i].set);
  if (a->undo)
    g_string_append_printf (have, "until %u", (guint)a->undo->until);
  assert_string_equal (have->str, want);
}

static const TsPointChoice latest = {TS_CHOOSE_LATEST, 0};

/* Cycles at 20 and 40 minutes, then of hours 1, 2 and 3. */
static void
three_hours (Bench *b)
{
  take (b, 20 * TS_MIN, TS_SET_REGULAR);          /* 2 */
  take (b, 40 * TS_MIN, TS_SET_REGULAR);          /* 3 */
  take (b, TS_HOUR + 1, TS_SET_REGULAR);          /* 4: the hour's first */
  take (b, TS_HOUR + TS_MIN, TS_SET_REGULAR);     /* 5 */
  take (b, 2 * TS_HOUR + TS_MIN, TS_SET_REGULAR); /* 6 */
  take (b, 3 * TS_HOUR - 1, TS_SET_REGULAR);      /* 7 */
  take (b, 3 * TS_HOUR, TS_SET_REGULAR);          /* 8 */
}

static void
the_first_of_each_hour_is_kept (void **state)
{
  Bench *b = bench_new (24);
  three_hours (b);
  expect_kept (b, "1 4 6 8");
  bench_free (b);
}

static void
none_is_kept_when_none_is_wanted (void **state)
{
  Bench *b = bench_new (0);
  receive (b, TS_HOUR, TS_SET_REGULAR);
  const TsAction *apply = asked (b, TS_ACTION_APPLY);
  assert_non_null (apply);
  assert_null (apply->undo);
  done (b, TS_ACTION_APPLY, b->set, TRUE, 0);
  expect_kept (b, "");
  assert_null (asked (b, TS_ACTION_KEEP));
  bench_free (b);
}

/* Beside the latest, whether or not that is one to be kept itself. */
static void
the_oldest_goes_when_there_are_too_many (void **state)
{
  Bench *b = bench_new (2);
  three_hours (b);
  expect_kept (b, "4 6 8"); /* 8 is the latest: two beside it */
  receive (b, 3 * TS_HOUR + TS_MIN, TS_SET_REGULAR);
  expect_kept (b, "6 8");
  const TsAction *keep = asked (b, TS_ACTION_KEEP);
  assert_non_null (keep);
  assert_int_equal (keep->undo->count, 2);
  assert_int_equal (keep->undo->point[0].set, 6);
  assert_int_equal (ts_record_get_int (told (b, "history"), "older", -1), 2);
  /* Persisted first: a point that is listed has its logs. */
  assert_true (asked (b, TS_ACTION_PERSIST) < keep);
  bench_free (b);
}

static void
twenty_four_fit (void **state)
{
  Bench *b = bench_new (24);
  for (guint hour = 1; hour <= 40; hour++)
    take (b, hour * TS_HOUR, TS_SET_REGULAR);
  const TsPoint *points;
  assert_int_equal (ts_receiver_points (b->receiver, &points), 25); /* and the latest */
  assert_int_equal (points[0].set, 17);
  bench_free (b);
}

static void
an_application_consistent_one_is_kept_within_the_hour (void **state)
{
  Bench *b = bench_new (24);
  take (b, 20 * TS_MIN, TS_SET_CONSISTENT); /* 2 */
  assert_string_equal (ts_record_get_text (told (b, "applied"), "vm"), "app");
  take (b, 40 * TS_MIN, TS_SET_REGULAR);
  expect_kept (b, "1 2");
  ask (b, TS_ASK_TEST_FAILOVER, (TsPointChoice){TS_CHOOSE_CONSISTENT, 0});
  assert_int_equal (asked (b, TS_ACTION_TEST_START)->set, 2);
  expect_way (asked (b, TS_ACTION_TEST_START), "2 until 3");
  bench_free (b);
}

/* An apply saves to the log of the newest kept point that it lies behind. */
static void
an_apply_saves_to_the_open_log (void **state)
{
  Bench *b = bench_new (24);
  three_hours (b);
  receive (b, 3 * TS_HOUR + 1, TS_SET_REGULAR); /* 9 */
  const TsAction *apply = asked (b, TS_ACTION_APPLY);
  assert_int_equal (apply->undo->count, 1);
  assert_int_equal (apply->undo->point[0].set, 8);
  assert_int_equal (apply->undo->point[0].instant_us, 3 * TS_HOUR);
  bench_free (b);
}

static const struct way {
  const char *name;
  TsPointChoice choice;
  guint64 set; /* 0: refused */
  const char *way;
} ways[] = {
    /* kept 1 4 6 8, latest 9 at 3 h 1 min; asked a second later */
    {"the latest needs no way", {TS_CHOOSE_LATEST, 0}, 9, ""},
    {"number 0 is the latest", {TS_CHOOSE_INDEX, 0}, 9, ""},
    {"number 1 is the newest older one", {TS_CHOOSE_INDEX, 1}, 8, "8 until 9"},
    {"number 3", {TS_CHOOSE_INDEX, 3}, 4, "8 6 4 until 9"},
    {"number 4 is the oldest", {TS_CHOOSE_INDEX, 4}, 1, "8 6 4 1 until 9"},
    {"there is no number 5", {TS_CHOOSE_INDEX, 5}, 0, NULL},
    {"an hour old", {TS_CHOOSE_AGE, TS_HOUR}, 6, "8 6 until 9"},
    {"a second old is the latest", {TS_CHOOSE_AGE, TS_S}, 9, ""},
    {"none is a day old", {TS_CHOOSE_AGE, 24 * TS_HOUR}, 0, NULL},
    {"none is application-consistent", {TS_CHOOSE_CONSISTENT, 0}, 0, NULL},
};

static void
failover_to (void **state)
{
  const struct way *row = *state;
  Bench *b = bench_new (24);
  three_hours (b);
  take (b, 3 * TS_HOUR + TS_MIN, TS_SET_REGULAR);
  ask (b, TS_ASK_FAILOVER, row->choice);
  const TsAction *branch = asked (b, TS_ACTION_BRANCH);
  if (!row->set) {
    assert_null (branch);
    assert_non_null (told (b, "refused"));
    assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_REPLICATING);
    bench_free (b);
    return;
  }
  assert_int_equal (branch->set, row->set);
  expect_way (branch, row->way);
  done (b, TS_ACTION_BRANCH, 0, TRUE, 0);
  const TsRecord *r = told (b, "failover");
  assert_string_equal (ts_record_get_text (r, "phase"), "promoted");
  assert_int_equal (ts_record_get_int (r, "set", 0), row->set);
  assert_int_equal (ts_receiver_copy_point (b->receiver).set, row->set);
  bench_free (b);
}

static Bench *
failed_over (void)
{
  Bench *b = bench_new (24);
  three_hours (b);
  take (b, 3 * TS_HOUR + TS_MIN, TS_SET_REGULAR);
  ask (b, TS_ASK_FAILOVER, (TsPointChoice){TS_CHOOSE_INDEX, 2});
  done (b, TS_ACTION_BRANCH, 0, TRUE, 0);
  return b;
}

static void
another_point_can_be_chosen (void **state)
{
  Bench *b = failed_over ();
  ask (b, TS_ASK_CHANGE_POINT, (TsPointChoice){TS_CHOOSE_INDEX, 3});
  assert_non_null (asked (b, TS_ACTION_DISCARD));
  assert_null (asked (b, TS_ACTION_BRANCH));
  ask (b, TS_ASK_POWER_ON, latest); /* there is nothing to start */
  assert_non_null (told (b, "refused"));
  done (b, TS_ACTION_DISCARD, 0, TRUE, 0);
  expect_way (asked (b, TS_ACTION_BRANCH), "8 6 4 until 9");
  done (b, TS_ACTION_BRANCH, 0, TRUE, 0);
  assert_string_equal (ts_record_get_text (told (b, "failover"), "phase"), "changed");
  assert_int_equal (ts_record_get_int (told (b, "failover"), "set", 0), 4);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_RECOVERED);
  ask (b, TS_ASK_CHANGE_POINT, latest); /* and the latest again */
  done (b, TS_ACTION_DISCARD, 0, TRUE, 0);
  assert_int_equal (asked (b, TS_ACTION_BRANCH)->set, 9);
  bench_free (b);
}

/* The host dies between the copy's disks and those of the other point. */
static void
a_change_is_finished_after_a_crash (void **state)
{
  Bench *b = failed_over ();
  ask (b, TS_ASK_CHANGE_POINT, (TsPointChoice){TS_CHOOSE_INDEX, 3});
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) saved = ts_receiver_save (b->receiver);
  ts_receiver_free (b->receiver);
  b->receiver = ts_receiver_restore ("b", saved, &error);
  assert_non_null (b->receiver);
  assert_int_equal (ts_receiver_wake_us (b->receiver), 0);
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_non_null (asked (b, TS_ACTION_DISCARD));
  done (b, TS_ACTION_DISCARD, 0, TRUE, 0);
  expect_way (asked (b, TS_ACTION_BRANCH), "8 6 4 until 9");
  bench_free (b);
}

static void
an_undo_log_that_is_broken_leaves_newer_points (void **state)
{
  Bench *b = failed_over ();
  ask (b, TS_ASK_CHANGE_POINT, (TsPointChoice){TS_CHOOSE_INDEX, 4});
  done (b, TS_ACTION_DISCARD, 0, TRUE, 0);
  done (b, TS_ACTION_BRANCH, 0, FALSE, TS_ERROR_LOST);
  assert_string_equal (ts_record_get_text (told (b, "failure"), "action"), "branch");
  ask (b, TS_ASK_COMMIT, latest); /* of what? */
  assert_non_null (told (b, "refused"));
  ask (b, TS_ASK_CHANGE_POINT, (TsPointChoice){TS_CHOOSE_INDEX, 1});
  done (b, TS_ACTION_DISCARD, 0, TRUE, 0);
  expect_way (asked (b, TS_ACTION_BRANCH), "8 until 9");
  done (b, TS_ACTION_BRANCH, 0, TRUE, 0);
  ask (b, TS_ASK_POWER_ON, latest);
  assert_non_null (asked (b, TS_ACTION_POWER_ON));
  bench_free (b);
}

static void
commit_takes_all_others_away (void **state)
{
  Bench *b = failed_over ();
  ask (b, TS_ASK_COMMIT, latest);
  done (b, TS_ACTION_MERGE, 0, TRUE, 0);
  expect_kept (b, "");
  assert_int_equal (asked (b, TS_ACTION_KEEP)->undo->count, 0);
  assert_string_equal (ts_record_get_text (told (b, "history"), "why"), "commit");
  bench_free (b);
}

static void
cancel_takes_none_away (void **state)
{
  Bench *b = failed_over ();
  ask (b, TS_ASK_CANCEL_FAILOVER, latest);
  done (b, TS_ACTION_DISCARD, 0, TRUE, 0);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_REPLICATING);
  expect_kept (b, "1 4 6 8");
  bench_free (b);
}

/* HVR 2.7: only older points suffer; replication goes on at once. */
static void
a_log_that_cannot_be_gone_on_with_costs_its_points (void **state)
{
  Bench *b = bench_new (24);
  three_hours (b);
  receive (b, 3 * TS_HOUR + TS_MIN, TS_SET_REGULAR); /* 9, into 8's log */
  done (b, TS_ACTION_APPLY, 9, FALSE, TS_ERROR_LOST);
  expect_kept (b, "");
  assert_non_null (asked (b, TS_ACTION_KEEP));
  assert_non_null (asked (b, TS_ACTION_APPLY));
  assert_null (asked (b, TS_ACTION_APPLY)->undo);
  done (b, TS_ACTION_APPLY, 9, TRUE, 0);
  take (b, 4 * TS_HOUR, TS_SET_REGULAR);
  expect_kept (b, "10");
  bench_free (b);
}

static void
a_restart_remembers_points_and_cleans_up (void **state)
{
  Bench *b = bench_new (3);
  three_hours (b);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) saved = ts_receiver_save (b->receiver);
  ts_receiver_free (b->receiver);
  b->receiver = ts_receiver_restore ("b", saved, &error);
  assert_non_null (b->receiver);
  expect_kept (b, "1 4 6 8");
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_int_equal (asked (b, TS_ACTION_KEEP)->undo->count, 4);
  bench_free (b);
}

int
main (void)
{
  enum { FIXED = 13 };
  struct CMUnitTest tests[FIXED + G_N_ELEMENTS (ways)] = {
      cmocka_unit_test (the_first_of_each_hour_is_kept),
      cmocka_unit_test (none_is_kept_when_none_is_wanted),
      cmocka_unit_test (the_oldest_goes_when_there_are_too_many),
      cmocka_unit_test (twenty_four_fit),
      cmocka_unit_test (an_application_consistent_one_is_kept_within_the_hour),
      cmocka_unit_test (an_apply_saves_to_the_open_log),
      cmocka_unit_test (another_point_can_be_chosen),
      cmocka_unit_test (a_change_is_finished_after_a_crash),
      cmocka_unit_test (an_undo_log_that_is_broken_leaves_newer_points),
      cmocka_unit_test (commit_takes_all_others_away),
      cmocka_unit_test (cancel_takes_none_away),
      cmocka_unit_test (a_log_that_cannot_be_gone_on_with_costs_its_points),
      cmocka_unit_test (a_restart_remembers_points_and_cleans_up),
  };
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    tests[FIXED + i] = (struct CMUnitTest){ways[i].name, failover_to, NULL, NULL, (void *)&ways[i]};
  return cmocka_run_group_tests (tests, NULL, NULL);
}

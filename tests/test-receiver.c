/* tests/test-receiver.c -- the replica's side, one event at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/format/medium.h"
#include "core/relation/receiver.h"

typedef struct {
  TsReceiver *receiver;
  TsActions *out;
  gint64 now_us;
} Bench;

static void
step (Bench *b, TsEvent event)
{
  event.now_us = b->now_us;
  g_array_set_size (b->out, 0);
  ts_receiver_step (b->receiver, &event, b->out);
}

static TsAction *
find (Bench *b, TsActionKind kind)
{
  for (guint i = 0; i < b->out->len; i++)
    if (g_array_index (b->out, TsAction, i).kind == kind)
      return &g_array_index (b->out, TsAction, i);
  return NULL;
}

static int
setup (void **state)
{
  Bench *b = g_new0 (Bench, 1);
  b->receiver = ts_receiver_new ("b");
  b->out = ts_actions_new ();
  *state = b;
  return 0;
}

static int
teardown (void **state)
{
  Bench *b = *state;
  ts_receiver_free (b->receiver);
  ts_actions_free (b->out);
  g_free (b);
  return 0;
}

static void
frame (Bench *b, TsFrame f)
{
  step (b, (TsEvent){.kind = TS_EVENT_FRAME, .frame = {&f}});
  ts_frame_clear (&f);
}

static void
done_set (Bench *b, TsActionKind action, guint64 set, gboolean ok, const TsManifest *sealed)
{
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = action;
  event.done.set = set;
  event.done.ok = ok;
  event.done.code = TS_ERROR_FORMAT;
  event.done.reason = "it is broken";
  event.done.sealed = sealed;
  step (b, event);
}

static void
ask (Bench *b, TsAsk what)
{
  step (b, (TsEvent){.kind = TS_EVENT_ASK, .ask = {what, FALSE}});
}

static TsHello
hello_of (guint8 vm)
{
  TsHello hello = {.disks = 1, .interval_us = (guint64)(30 * TS_S), .time_scale = 1};
  hello.vm.bytes[0] = vm;
  g_strlcpy (hello.name, "app", sizeof hello.name);
  hello.disk[0].size_bytes = TS_MIB;
  g_strlcpy (hello.disk[0].name, "system", sizeof hello.disk[0].name);
  return hello;
}

static void
connect_with (Bench *b, guint8 vm)
{
  TsHello hello = hello_of (vm);
  step (b, (TsEvent){.kind = TS_EVENT_CONNECTED});
  frame (b, (TsFrame){.kind = TS_FRAME_HELLO, .payload = ts_hello_pack (&hello)});
}

static TsManifest
manifest_of (guint8 id, guint8 previous)
{
  TsManifest m = {
      .instant_us = id * TS_S, .kind = id == 1 ? TS_SET_INITIAL : TS_SET_REGULAR, .disks = 1};
  m.disk[0].log_bytes = 100;
  m.disk[0].data_bytes = 10;
  m.disk[0].unique.bytes[0] = id;
  m.disk[0].previous.bytes[0] = previous;
  return m;
}

static void
log_and_end (Bench *b, guint64 set, const TsManifest *m)
{
  guint8 log[100] = {0};
  frame (b, (TsFrame){.kind = TS_FRAME_LOG, .set = set, .payload = g_bytes_new (log, 100)});
  assert_non_null (find (b, TS_ACTION_STORE));
  frame (b, (TsFrame){.kind = TS_FRAME_SET_END, .set = set, .payload = ts_manifest_pack (m)});
}

/* Created, copied, set 1 stored and applied. */
static void
replicating (Bench *b)
{
  connect_with (b, 7);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_INITIAL);
  assert_non_null (find (b, TS_ACTION_CREATE));
  done_set (b, TS_ACTION_CREATE, 0, TRUE, NULL);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_WELCOME);
  guint8 block[4096] = {1};
  frame (b, (TsFrame){.kind = TS_FRAME_COPY, .payload = g_bytes_new (block, sizeof block)});
  assert_non_null (find (b, TS_ACTION_WRITE));
  frame (b, (TsFrame){.kind = TS_FRAME_COPY_END});
  assert_non_null (find (b, TS_ACTION_FLUSH));
  done_set (b, TS_ACTION_FLUSH, 0, TRUE, NULL);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_ACK_COPY_END);
  TsManifest m = manifest_of (1, 0);
  log_and_end (b, 1, &m);
  assert_int_equal (find (b, TS_ACTION_SEAL)->set, 1);
  done_set (b, TS_ACTION_SEAL, 1, TRUE, &m);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_INITIAL);
  assert_int_equal (ts_receiver_point_us (b->receiver),
                    -1); /* a copy of no instant: no point yet */
  done_set (b, TS_ACTION_APPLY, 1, TRUE, NULL);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_REPLICATING);
  assert_int_equal (ts_receiver_point_us (b->receiver), TS_S);
}

static void
initial_replication (void **state)
{
  replicating (*state);
}

static void
persists_before_it_acknowledges (void **state)
{
  Bench *b = *state;
  replicating (b);
  TsManifest m = manifest_of (2, 1);
  log_and_end (b, 2, &m);
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &m);
  gboolean persisted = FALSE;
  for (guint i = 0; i < b->out->len; i++) {
    TsAction *a = &g_array_index (b->out, TsAction, i);
    persisted |= a->kind == TS_ACTION_PERSIST;
    if (a->kind == TS_ACTION_SEND)
      assert_true (persisted && a->frame.value == TS_ACK_STORED);
  }
  assert_true (persisted);
}

static void
an_out_of_sequence_log_is_refused (void **state)
{
  Bench *b = *state;
  replicating (b);
  TsManifest m = manifest_of (2, 9); /* claims another predecessor */
  log_and_end (b, 2, &m);
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &m);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_REFUSE);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_SEQUENCE);
  assert_int_equal (find (b, TS_ACTION_DROP)->set, 1);
  assert_null (find (b, TS_ACTION_APPLY));
}

/* Announced as what follows; but of itself it says something else. */
static void
a_log_that_says_it_follows_another_is_out_of_sequence (void **state)
{
  Bench *b = *state;
  replicating (b);
  TsManifest announced = manifest_of (2, 1), stored = manifest_of (2, 9);
  log_and_end (b, 2, &announced);
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &stored);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_REFUSE);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_SEQUENCE);
  assert_null (find (b, TS_ACTION_APPLY));
}

static void
a_damaged_log_is_asked_for_again (void **state)
{
  Bench *b = *state;
  replicating (b);
  TsManifest m = manifest_of (2, 1);
  log_and_end (b, 2, &m);
  done_set (b, TS_ACTION_SEAL, 2, FALSE, NULL);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_LOG);
  assert_null (find (b, TS_ACTION_APPLY));
  connect_with (b, 7);
  TsAction *welcome = find (b, TS_ACTION_SEND);
  assert_int_equal (welcome->frame.kind, TS_FRAME_WELCOME);
  assert_int_equal (welcome->frame.set, 1);
  assert_int_equal (welcome->frame.offset_bytes, 0);
}

static void
a_log_that_is_not_the_announced_one_is_refused (void **state)
{
  Bench *b = *state;
  replicating (b);
  TsManifest announced = manifest_of (2, 1), stored = manifest_of (3, 1);
  log_and_end (b, 2, &announced);
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &stored);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_LOG);
}

static void
a_gap_in_a_log_breaks_the_connection (void **state)
{
  Bench *b = *state;
  replicating (b);
  guint8 log[8] = {0};
  frame (b,
         (TsFrame){
             .kind = TS_FRAME_LOG, .set = 2, .offset_bytes = 8, .payload = g_bytes_new (log, 8)});
  assert_non_null (find (b, TS_ACTION_DISCONNECT));
  assert_null (find (b, TS_ACTION_STORE));
}

static void
a_copy_past_the_end_of_the_disk_breaks_the_connection (void **state)
{
  Bench *b = *state;
  connect_with (b, 7);
  done_set (b, TS_ACTION_CREATE, 0, TRUE, NULL);
  guint8 block[4096] = {1};
  frame (b, (TsFrame){.kind = TS_FRAME_COPY,
                      .offset_bytes = TS_MIB - 1,
                      .payload = g_bytes_new (block, sizeof block)});
  assert_non_null (find (b, TS_ACTION_DISCONNECT));
  assert_null (find (b, TS_ACTION_WRITE));
}

static void
another_vm_gets_nothing (void **state)
{
  Bench *b = *state;
  replicating (b);
  connect_with (b, 8);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_REFUSE);
}

static void
trap_7_failover_applies_what_was_received_first (void **state)
{
  Bench *b = *state;
  replicating (b);
  TsManifest m = manifest_of (2, 1);
  log_and_end (b, 2, &m);
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &m);
  assert_non_null (find (b, TS_ACTION_APPLY));
  ask (b, TS_ASK_FAILOVER);
  assert_null (find (b, TS_ACTION_BRANCH)); /* not before set 2 is on the disks */
  done_set (b, TS_ACTION_APPLY, 2, TRUE, NULL);
  assert_non_null (find (b, TS_ACTION_BRANCH));
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_RECOVERED);
  assert_int_equal (ts_receiver_point_us (b->receiver), 2 * TS_S);
}

static void
a_set_that_is_whole_counts_in_a_failover (void **state)
{
  Bench *b = *state;
  replicating (b);
  TsManifest m = manifest_of (2, 1);
  log_and_end (b, 2, &m);
  ask (b, TS_ASK_FAILOVER); /* while it is being sealed */
  assert_null (find (b, TS_ACTION_BRANCH));
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &m);
  assert_non_null (find (b, TS_ACTION_APPLY));
  done_set (b, TS_ACTION_APPLY, 2, TRUE, NULL);
  assert_non_null (find (b, TS_ACTION_BRANCH));
}

static void
trap_11_no_power_on_before_a_failover (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_POWER_ON);
  assert_null (find (b, TS_ACTION_POWER_ON));
  ask (b, TS_ASK_FAILOVER);
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  ask (b, TS_ASK_POWER_ON);
  assert_non_null (find (b, TS_ACTION_POWER_ON));
}

static void
commit_only_after_failover_and_once (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_COMMIT);
  assert_null (find (b, TS_ACTION_MERGE));
  ask (b, TS_ASK_FAILOVER);
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  ask (b, TS_ASK_COMMIT);
  assert_non_null (find (b, TS_ACTION_MERGE));
  ask (b, TS_ASK_COMMIT);
  assert_null (find (b, TS_ACTION_MERGE)); /* one is under way */
  done_set (b, TS_ACTION_MERGE, 0, TRUE, NULL);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_COMMITTED);
}

/* The "refused" record, which must be there and name code and state. */
static void
expect_refused (Bench *b, const char *state, const char *reason)
{
  TsAction *report = find (b, TS_ACTION_REPORT);
  assert_non_null (report);
  assert_string_equal (report->record->kind, "refused");
  assert_int_equal (ts_record_get_int (report->record, "code", 0), TS_CODE_INVALID_STATE);
  assert_string_equal (ts_record_get_text (report->record, "state"), state);
  assert_string_equal (ts_record_get_text (report->record, "reason"), reason);
}

static void
trap_8_cancel_only_between_failover_and_commit (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  assert_null (find (b, TS_ACTION_DISCARD));
  expect_refused (b, "replicating",
                  "Could not change the replication state: 'cancel failover' is not possible in "
                  "state 'replicating'");
  ask (b, TS_ASK_FAILOVER);
  ask (b, TS_ASK_CANCEL_FAILOVER); /* it has not come to state 5 yet */
  assert_null (find (b, TS_ACTION_DISCARD));
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  ask (b, TS_ASK_POWER_ON);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  assert_null (find (b, TS_ACTION_DISCARD));
  expect_refused (b, "recovered", "the virtual machine is being started");
  done_set (b, TS_ACTION_POWER_ON, 0, TRUE, NULL);
  ask (b, TS_ASK_COMMIT);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  assert_null (find (b, TS_ACTION_DISCARD));
  expect_refused (b, "recovered", "a commit is under way");
  done_set (b, TS_ACTION_MERGE, 0, TRUE, NULL);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  assert_null (find (b, TS_ACTION_DISCARD));
  expect_refused (b, "committed",
                  "Could not change the replication state: 'cancel failover' is not possible in "
                  "state 'committed'");
}

static void
trap_8_after_a_cancel_all_goes_on (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_FAILOVER);
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  assert_non_null (find (b, TS_ACTION_DISCARD));
  static const TsAsk verbs[] = {TS_ASK_CANCEL_FAILOVER, TS_ASK_COMMIT, TS_ASK_POWER_ON};
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    ask (b, verbs[i]);
    expect_refused (b, "recovered", "the failover is being cancelled");
    assert_int_equal (b->out->len, 1);
  }
  connect_with (b, 7);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_STATE);
  done_set (b, TS_ACTION_DISCARD, 0, TRUE, NULL);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_REPLICATING);
  assert_non_null (find (b, TS_ACTION_PERSIST));
  connect_with (b, 7); /* the primary is welcome, from the last stored set on */
  TsAction *welcome = find (b, TS_ACTION_SEND);
  assert_int_equal (welcome->frame.kind, TS_FRAME_WELCOME);
  assert_int_equal (welcome->frame.set, 1);
  TsManifest m = manifest_of (2, 1);
  log_and_end (b, 2, &m);
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &m);
  done_set (b, TS_ACTION_APPLY, 2, TRUE, NULL);
  assert_int_equal (ts_receiver_applied_set (b->receiver), 2);
  ask (b, TS_ASK_FAILOVER); /* may be called again */
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_RECOVERED);
  assert_int_equal (ts_receiver_point_us (b->receiver), 2 * TS_S);
}

static void
a_discard_that_fails_can_be_tried_again (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_FAILOVER);
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  done_set (b, TS_ACTION_DISCARD, 0, FALSE, NULL);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_RECOVERED);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  assert_non_null (find (b, TS_ACTION_DISCARD));
}

/* The host dies before the discard is done: the failover is still there, and still revertible. */
static void
a_crash_in_a_cancel_leaves_the_failover (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_FAILOVER);
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  g_autoptr (GBytes) saved = ts_receiver_save (b->receiver);
  g_clear_pointer (&b->receiver, ts_receiver_free);
  b->receiver = ts_receiver_restore ("b", saved, NULL);
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  connect_with (b, 7);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_STATE);
  ask (b, TS_ASK_CANCEL_FAILOVER);
  assert_non_null (find (b, TS_ACTION_DISCARD));
}

/* A set received and sealed; TRUE: APPLY was asked at once. */
static gboolean
receive (Bench *b, guint8 set)
{
  TsManifest m = manifest_of (set, set - 1);
  log_and_end (b, set, &m);
  done_set (b, TS_ACTION_SEAL, set, TRUE, &m);
  assert_int_equal (ts_receiver_stored_set (b->receiver), set);
  assert_int_equal (ts_receiver_point_us (b->receiver), set * TS_S);
  return find (b, TS_ACTION_APPLY) != NULL;
}

static void
trap_7_apply_waits_for_a_test_failover (void **state)
{
  Bench *b = *state;
  replicating (b);
  assert_true (receive (b, 2));
  ask (b, TS_ASK_TEST_FAILOVER); /* what was received is applied first */
  assert_null (find (b, TS_ACTION_TEST_START));
  done_set (b, TS_ACTION_APPLY, 2, TRUE, NULL);
  assert_non_null (find (b, TS_ACTION_TEST_START));
  assert_false (receive (b, 3)); /* acknowledged, a point, not applied */
  done_set (b, TS_ACTION_TEST_START, 0, TRUE, NULL);
  assert_null (find (b, TS_ACTION_APPLY));
  assert_false (receive (b, 4));
  guint64 set;
  gint64 instant_us;
  assert_true (ts_receiver_test (b->receiver, &set, &instant_us));
  assert_int_equal (set, 2);
  assert_int_equal (instant_us, 2 * TS_S);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_REPLICATING);
  ask (b, TS_ASK_STOP_TEST_FAILOVER);
  assert_non_null (find (b, TS_ACTION_TEST_STOP));
  assert_null (find (b, TS_ACTION_APPLY)); /* it stands until it is off */
  done_set (b, TS_ACTION_TEST_STOP, 0, TRUE, NULL);
  assert_int_equal (find (b, TS_ACTION_APPLY)->set, 3); /* catches up */
  done_set (b, TS_ACTION_APPLY, 3, TRUE, NULL);
  done_set (b, TS_ACTION_APPLY, 4, TRUE, NULL);
  assert_int_equal (ts_receiver_applied_set (b->receiver), 4);
  assert_false (ts_receiver_test (b->receiver, &set, &instant_us));
}

static void
one_test_failover_at_a_time (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_STOP_TEST_FAILOVER);
  expect_refused (b, "replicating", "no test failover is running");
  b->now_us = 5 * TS_S;
  ask (b, TS_ASK_TEST_FAILOVER);
  assert_int_equal (ts_receiver_last_test_us (b->receiver), 5 * TS_S);
  ask (b, TS_ASK_RESET_STATISTICS);
  assert_int_equal (ts_receiver_last_test_us (b->receiver), 5 * TS_S);
  ask (b, TS_ASK_TEST_FAILOVER);
  expect_refused (b, "replicating", "a test failover is running already");
  done_set (b, TS_ACTION_TEST_START, 0, TRUE, NULL);
  ask (b, TS_ASK_TEST_FAILOVER);
  expect_refused (b, "replicating", "a test failover is running already");
  ask (b, TS_ASK_STOP_TEST_FAILOVER);
  ask (b, TS_ASK_STOP_TEST_FAILOVER);
  expect_refused (b, "replicating", "the test failover is being stopped");
  done_set (b, TS_ACTION_TEST_STOP, 0, TRUE, NULL);
  ask (b, TS_ASK_TEST_FAILOVER);
  assert_non_null (find (b, TS_ACTION_TEST_START));
}

static void
no_test_failover_during_a_failover (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_FAILOVER);
  ask (b, TS_ASK_TEST_FAILOVER);
  expect_refused (b, "replicating", "a failover is under way");
  done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
  ask (b, TS_ASK_TEST_FAILOVER);
  assert_null (find (b, TS_ACTION_TEST_START));
  expect_refused (b, "recovered",
                  "Could not change the replication state: 'test failover' is not possible in "
                  "state 'recovered'");
}

static void
a_failover_ends_the_test_first (void **state)
{
  Bench *b = *state;
  for (int started = 0; started <= 1; started++) {
    ts_receiver_free (b->receiver);
    b->receiver = ts_receiver_new ("b");
    replicating (b);
    ask (b, TS_ASK_TEST_FAILOVER);
    if (started)
      done_set (b, TS_ACTION_TEST_START, 0, TRUE, NULL);
    assert_false (receive (b, 2));
    ask (b, TS_ASK_FAILOVER);
    assert_null (find (b, TS_ACTION_APPLY));
    if (!started) {
      assert_null (find (b, TS_ACTION_TEST_STOP));
      done_set (b, TS_ACTION_TEST_START, 0, TRUE, NULL);
    }
    assert_non_null (find (b, TS_ACTION_TEST_STOP));
    assert_null (find (b, TS_ACTION_APPLY));
    done_set (b, TS_ACTION_TEST_STOP, 0, TRUE, NULL);
    assert_int_equal (find (b, TS_ACTION_APPLY)->set, 2);
    assert_null (find (b, TS_ACTION_BRANCH));
    done_set (b, TS_ACTION_APPLY, 2, TRUE, NULL);
    assert_non_null (find (b, TS_ACTION_BRANCH));
    done_set (b, TS_ACTION_BRANCH, 0, TRUE, NULL);
    assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_RECOVERED);
  }
}

/* The primary of a planned failover waits until its last set is applied. */
static void
a_planned_set_ends_the_test (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_TEST_FAILOVER);
  done_set (b, TS_ACTION_TEST_START, 0, TRUE, NULL);
  TsManifest m = manifest_of (2, 1);
  m.kind = TS_SET_PLANNED;
  log_and_end (b, 2, &m);
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &m);
  assert_non_null (find (b, TS_ACTION_TEST_STOP));
  done_set (b, TS_ACTION_TEST_STOP, 0, TRUE, NULL);
  assert_int_equal (find (b, TS_ACTION_APPLY)->set, 2);
}

static void
a_test_that_cannot_start_leaves_nothing (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_TEST_FAILOVER);
  assert_false (receive (b, 2));
  done_set (b, TS_ACTION_TEST_START, 0, FALSE, NULL);
  assert_non_null (find (b, TS_ACTION_TEST_STOP));
  done_set (b, TS_ACTION_TEST_STOP, 0, TRUE, NULL);
  assert_int_equal (find (b, TS_ACTION_APPLY)->set, 2);
}

static void
a_test_that_does_not_stop_stops_the_failover (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_TEST_FAILOVER);
  done_set (b, TS_ACTION_TEST_START, 0, TRUE, NULL);
  ask (b, TS_ASK_FAILOVER);
  done_set (b, TS_ACTION_TEST_STOP, 0, FALSE, NULL);
  assert_null (find (b, TS_ACTION_BRANCH));
  ask (b, TS_ASK_FAILOVER); /* again: it may be stopped this time */
  assert_non_null (find (b, TS_ACTION_TEST_STOP));
  done_set (b, TS_ACTION_TEST_STOP, 0, TRUE, NULL);
  assert_non_null (find (b, TS_ACTION_BRANCH));
}

static void
the_old_primary_is_turned_away_after_a_failover (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_FAILOVER);
  connect_with (b, 7);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_STATE);
}

static void
a_restored_replica_plays_its_logs_again (void **state)
{
  Bench *b = *state;
  replicating (b);
  TsManifest m = manifest_of (2, 1);
  log_and_end (b, 2, &m);
  done_set (b, TS_ACTION_SEAL, 2, TRUE, &m);
  g_autoptr (GBytes) saved = ts_receiver_save (b->receiver); /* crash in the middle of the apply */
  g_clear_pointer (&b->receiver, ts_receiver_free);
  g_autoptr (GError) error = NULL;
  b->receiver = ts_receiver_restore ("b", saved, &error);
  assert_non_null (b->receiver);
  assert_int_equal (ts_receiver_stored_set (b->receiver), 2);
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_int_equal (find (b, TS_ACTION_DROP)->set, 2);
  assert_int_equal (find (b, TS_ACTION_APPLY)->set, 2);
}

static void
damaged_state_is_refused (void **state)
{
  Bench *b = *state;
  replicating (b);
  g_autoptr (GBytes) saved = ts_receiver_save (b->receiver);
  for (gsize len = 0; len < g_bytes_get_size (saved); len += 7) {
    g_autoptr (GBytes) cut = g_bytes_new_from_bytes (saved, 0, len);
    g_autoptr (GError) error = NULL;
    g_autoptr (TsReceiver) none = ts_receiver_restore ("b", cut, &error);
    assert_null (none);
    assert_int_equal (error->code, TS_ERROR_FORMAT);
  }
}

/* --- initial replication (HVR reference 2.2, 2.3) --------------------------------------------- */

static void
hello_says (Bench *b, guint64 value, guint64 set)
{
  TsHello hello = hello_of (7);
  step (b, (TsEvent){.kind = TS_EVENT_CONNECTED});
  frame (b, (TsFrame){.kind = TS_FRAME_HELLO, .value = value, .set = set,
                      .payload = ts_hello_pack (&hello)});
}

#define ATTEMPT(n) (TS_HELLO_FRESH | (n))

/* What is there of another attempt is of no use: nobody tracked what changed between the two. */
static void
another_attempt_empties_the_disks (void **state)
{
  Bench *b = *state;
  hello_says (b, ATTEMPT (1), 0);
  done_set (b, TS_ACTION_CREATE, 0, TRUE, NULL);
  guint8 block[4096] = {1};
  frame (b, (TsFrame){.kind = TS_FRAME_COPY, .payload = g_bytes_new (block, sizeof block)});
  hello_says (b, ATTEMPT (1), 0); /* the same: from where it was */
  assert_null (find (b, TS_ACTION_CREATE));
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.offset_bytes, 4096);
  hello_says (b, ATTEMPT (2), 0);
  assert_non_null (find (b, TS_ACTION_CREATE));
  assert_null (find (b, TS_ACTION_SEND));
  done_set (b, TS_ACTION_CREATE, 0, TRUE, NULL);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_WELCOME);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.offset_bytes, 0);
}

static void
a_replica_that_replicates_is_not_begun_anew (void **state)
{
  Bench *b = *state;
  replicating (b);
  hello_says (b, ATTEMPT (2), 0);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_REFUSE);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_STATE);
  assert_null (find (b, TS_ACTION_CREATE));
}

static void
a_copy_that_is_not_there_cannot_be_adopted (void **state)
{
  Bench *b = *state;
  hello_says (b, ATTEMPT (1) | TS_HELLO_SEEDED, 0);
  assert_true (find (b, TS_ACTION_CREATE)->adopt);
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_CREATE;
  event.done.code = TS_ERROR_STATE;
  event.done.reason = "there is none";
  step (b, event);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_REFUSE_STATE); /* for good */
}

static void
sets_before_the_medium_are_played_aside (void **state)
{
  Bench *b = *state;
  hello_says (b, ATTEMPT (1) | TS_HELLO_EXPORTED, 3);
  done_set (b, TS_ACTION_CREATE, 0, TRUE, NULL);
  assert_non_null (find (b, TS_ACTION_RESYNC_OPEN));
  ask (b, TS_ASK_IMPORT); /* too early */
  assert_null (find (b, TS_ACTION_IMPORT_OPEN));
  done_set (b, TS_ACTION_RESYNC_OPEN, 0, TRUE, NULL);
  TsAction *welcome = find (b, TS_ACTION_SEND);
  assert_int_equal (welcome->frame.kind, TS_FRAME_WELCOME);
  assert_int_equal (welcome->frame.value, 1); /* no copy wanted, nothing applied */
  assert_int_equal (welcome->frame.set, 2);
  TsManifest m = manifest_of (1, 0);
  log_and_end (b, 3, &m);
  done_set (b, TS_ACTION_SEAL, 3, TRUE, &m);
  assert_true (find (b, TS_ACTION_APPLY)->aside);
  done_set (b, TS_ACTION_APPLY, 3, TRUE, NULL);
  assert_null (find (b, TS_ACTION_SEND)); /* not "applied": it is not on the disks */
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_INITIAL);
  assert_int_equal (ts_receiver_point_us (b->receiver), -1);
  ask (b, TS_ASK_IMPORT);
  assert_non_null (find (b, TS_ACTION_IMPORT_OPEN));
  g_autoptr (TsMedium) list = ts_medium_new (); /* of a disk that holds nothing */
  list->vm.bytes[0] = 7;
  list->run = ATTEMPT (1);
  list->disks = 1;
  list->size_bytes[0] = TS_MIB;
  g_autoptr (GBytes) packed = ts_medium_pack (list);
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_IMPORT_OPEN;
  event.done.ok = TRUE;
  event.done.medium = packed;
  step (b, event);
  done_set (b, TS_ACTION_FLUSH, 0, TRUE, NULL);
  assert_non_null (find (b, TS_ACTION_RESYNC_MERGE));
  done_set (b, TS_ACTION_RESYNC_MERGE, 0, TRUE, NULL);
  assert_int_equal (ts_receiver_state (b->receiver), TS_STATE_REPLICATING);
  assert_int_equal (ts_receiver_point_us (b->receiver), TS_S);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.value, TS_ACK_APPLIED);
}

int
main (void)
{
#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  const struct CMUnitTest tests[] = {
      T (initial_replication),
      T (persists_before_it_acknowledges),
      T (an_out_of_sequence_log_is_refused),
      T (a_log_that_says_it_follows_another_is_out_of_sequence),
      T (a_damaged_log_is_asked_for_again),
      T (a_log_that_is_not_the_announced_one_is_refused),
      T (a_gap_in_a_log_breaks_the_connection),
      T (a_copy_past_the_end_of_the_disk_breaks_the_connection),
      T (another_vm_gets_nothing),
      T (trap_7_failover_applies_what_was_received_first),
      T (a_set_that_is_whole_counts_in_a_failover),
      T (trap_11_no_power_on_before_a_failover),
      T (commit_only_after_failover_and_once),
      T (trap_8_cancel_only_between_failover_and_commit),
      T (trap_8_after_a_cancel_all_goes_on),
      T (a_discard_that_fails_can_be_tried_again),
      T (a_crash_in_a_cancel_leaves_the_failover),
      T (trap_7_apply_waits_for_a_test_failover),
      T (one_test_failover_at_a_time),
      T (no_test_failover_during_a_failover),
      T (a_failover_ends_the_test_first),
      T (a_planned_set_ends_the_test),
      T (a_test_that_cannot_start_leaves_nothing),
      T (a_test_that_does_not_stop_stops_the_failover),
      T (the_old_primary_is_turned_away_after_a_failover),
      T (a_restored_replica_plays_its_logs_again),
      T (damaged_state_is_refused),
      T (another_attempt_empties_the_disks),
      T (a_replica_that_replicates_is_not_begun_anew),
      T (a_copy_that_is_not_there_cannot_be_adopted),
      T (sets_before_the_medium_are_played_aside),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

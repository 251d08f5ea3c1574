/* tests/test-sender.c -- the primary's side, one event at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/format/medium.h"
#include "core/relation/sender.h"

typedef struct {
  TsSender *sender;
  TsActions *out;
  TsPolicy policy;
  guint8 logs; /* named so far */
  gint64 now_us;
} Bench;

static void
step (Bench *b, TsEvent event)
{
  event.now_us = b->now_us;
  g_array_set_size (b->out, 0);
  ts_sender_step (b->sender, &event, b->out);
}

static TsAction *
find (Bench *b, TsActionKind kind)
{
  for (guint i = 0; i < b->out->len; i++)
    if (g_array_index (b->out, TsAction, i).kind == kind)
      return &g_array_index (b->out, TsAction, i);
  return NULL;
}

static const TsRecord *
told (Bench *b, const char *kind)
{
  for (guint i = 0; i < b->out->len; i++) {
    TsAction *a = &g_array_index (b->out, TsAction, i);
    if (a->kind == TS_ACTION_REPORT && g_str_equal (a->record->kind, kind))
      return a->record;
  }
  return NULL;
}

static TsSenderOptions
options_of (Bench *b)
{
  TsSenderOptions options = {.vm = "app", .host = "a", .policy = &b->policy};
  g_strlcpy (options.hello.name, "app", sizeof options.hello.name);
  options.hello.vm.bytes[0] = 7;
  options.hello.disks = 1;
  options.hello.disk[0].size_bytes = TS_MIB;
  g_strlcpy (options.hello.disk[0].name, "system", sizeof options.hello.disk[0].name);
  return options;
}

static int
setup (void **state)
{
  Bench *b = g_new0 (Bench, 1);
  ts_policy_init (&b->policy);
  b->policy.frequency_us = 30 * TS_S;
  TsSenderOptions options = options_of (b);
  b->sender = ts_sender_new (&options);
  b->out = ts_actions_new ();
  *state = b;
  return 0;
}

static int
teardown (void **state)
{
  Bench *b = *state;
  ts_sender_free (b->sender);
  ts_actions_free (b->out);
  g_free (b);
  return 0;
}

static void
ask (Bench *b, TsAsk what)
{
  step (b, (TsEvent){.kind = TS_EVENT_ASK, .ask = {what, FALSE}});
}

static void
frame (Bench *b, TsFrame f)
{
  step (b, (TsEvent){.kind = TS_EVENT_FRAME, .frame = {&f}});
  ts_frame_clear (&f);
}

static void
done (Bench *b, TsActionKind action)
{
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = action;
  event.done.ok = TRUE;
  step (b, event);
}

static void
cut_done (Bench *b, guint64 data_bytes)
{
  TsCutLog log = {.log_bytes = 8192 + data_bytes, .data_bytes = data_bytes, .entries = 1};
  log.unique.bytes[0] = ++b->logs;
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_CUT;
  event.done.ok = TRUE;
  event.done.instant_us = b->now_us;
  event.done.logs = &log;
  step (b, event);
}

/* Enabled, connected, copied, first set applied: replicating, at 10 s. */
static void
replicating (Bench *b)
{
  ask (b, TS_ASK_ENABLE);
  assert_non_null (find (b, TS_ACTION_CONNECT));
  step (b, (TsEvent){.kind = TS_EVENT_CONNECTED});
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_HELLO);
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 0});
  ask (b, TS_ASK_START);
  done (b, TS_ACTION_TRACK);
  g_autoptr (TsExtents) map = ts_extents_new ();
  ts_extents_add (map, 0, 4096);
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_MAP;
  event.done.ok = TRUE;
  event.done.map = map;
  step (b, event);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_COPY);
  b->now_us = 10 * TS_S;
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_COPY_END});
  assert_int_equal (find (b, TS_ACTION_CUT)->set_kind, TS_SET_INITIAL);
  cut_done (b, 4096);
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_STORED, .set = 1});
  assert_int_equal (find (b, TS_ACTION_DELETE_SET)->set, 1);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_INITIAL);
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_APPLIED, .set = 1});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_REPLICATING);
}

static void
back_off_is_the_published_one_scaled (void **state)
{
  static const gint64 minutes[] = {1, 2, 4, 8, 10, 30, 30};
  for (guint i = 0; i < G_N_ELEMENTS (minutes); i++) {
    assert_int_equal (ts_sender_backoff_us (i + 1, 300 * TS_S), minutes[i] * TS_MIN);
    assert_int_equal (ts_sender_backoff_us (i + 1, 30 * TS_S), minutes[i] * TS_MIN / 10);
    assert_int_equal (ts_sender_backoff_us (i + 1, 900 * TS_S), minutes[i] * TS_MIN * 3);
  }
}

static void
initial_replication_needs_its_first_set (void **state)
{
  replicating (*state);
}

static void
persists_a_set_before_it_sends_it (void **state)
{
  Bench *b = *state;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  cut_done (b, 8192);
  guint persisted = G_MAXUINT, sent = G_MAXUINT;
  for (guint i = 0; i < b->out->len; i++) {
    TsAction *a = &g_array_index (b->out, TsAction, i);
    if (a->kind == TS_ACTION_PERSIST && persisted == G_MAXUINT)
      persisted = i;
    if (a->kind == TS_ACTION_SEND && sent == G_MAXUINT)
      sent = i;
  }
  assert_true (persisted < sent && sent < G_MAXUINT);
}

static void
a_late_set_is_missed_once_and_still_sent (void **state)
{
  Bench *b = *state;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  cut_done (b, 4096);
  for (b->now_us = 50 * TS_S; b->now_us < 70 * TS_S; b->now_us += 10 * TS_S) /* slow, not dead */
    frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_LOG, .set = 2, .offset_bytes = 1});
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_int_equal (ts_sender_statistics (b->sender)->missed, 1);
  cut_done (b, 4096);
  b->now_us = 71 * TS_S;
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_STORED, .set = 2});
  assert_null (told (b, "cycle")); /* it was counted: not a success as well */
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_STORED, .set = 3});
  assert_int_equal (ts_sender_statistics (b->sender)->success, 2);
  assert_int_equal (ts_sender_statistics (b->sender)->missed, 1);
}

static void
silence_breaks_the_connection_and_it_goes_on_where_the_replica_is (void **state)
{
  Bench *b = *state;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  cut_done (b, 300000);
  b->now_us = ts_sender_wake_us (b->sender);
  assert_int_equal (b->now_us, 55 * TS_S); /* half an interval */
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_non_null (find (b, TS_ACTION_DISCONNECT));
  assert_int_equal (ts_record_get_int (told (b, "retry"), "after_us", 0), 6 * TS_S);
  b->now_us += 6 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_non_null (find (b, TS_ACTION_CONNECT));
  step (b, (TsEvent){.kind = TS_EVENT_CONNECTED});
  frame (b, (TsFrame){
                .kind = TS_FRAME_WELCOME, .value = 2, .set = 1, .disk = 0, .offset_bytes = 131072});
  TsAction *send = find (b, TS_ACTION_SEND);
  assert_int_equal (send->frame.set, 2);
  assert_int_equal (send->frame.offset_bytes, 131072);
}

/* Sums up the pieces of a log that were sent in this step; all are of one length. */
static guint64
pieces (Bench *b, guint64 *piece_bytes)
{
  guint64 bytes = 0;
  *piece_bytes = 0;
  for (guint i = 0; i < b->out->len; i++) {
    TsAction *a = &g_array_index (b->out, TsAction, i);
    if (a->kind != TS_ACTION_SEND || a->frame.kind != TS_FRAME_LOG)
      continue;
    assert_true (*piece_bytes == 0 || *piece_bytes == a->len_bytes);
    *piece_bytes = a->len_bytes;
    bytes += a->len_bytes;
  }
  return bytes;
}

static void
stored_until (Bench *b, guint64 offset_bytes)
{
  frame (b, (TsFrame){
                .kind = TS_FRAME_ACK, .value = TS_ACK_LOG, .set = 2, .offset_bytes = offset_bytes});
}

static void
pieces_are_large_where_it_goes_fast (void **state)
{
  Bench *b = *state;
  guint64 piece, window = TS_SENDER_WINDOW_BYTES;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  TsCutLog log = {.log_bytes = 8 * window, .data_bytes = 4096, .entries = 1};
  log.unique.bytes[0] = ++b->logs;
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done = (typeof (event.done)){
      .action = TS_ACTION_CUT, .ok = TRUE, .instant_us = b->now_us, .logs = &log};
  step (b, event);
  assert_int_equal (pieces (b, &piece), window);
  assert_int_equal (piece, TS_SENDER_CHUNK_BYTES);
  stored_until (b, TS_SENDER_CHUNK_BYTES); /* what is answered makes room for as much */
  assert_int_equal (pieces (b, &piece), TS_SENDER_CHUNK_BYTES);
  b->now_us += TS_SENDER_FAST_US;
  stored_until (b, window);
  assert_int_equal (pieces (b, &piece), window - TS_SENDER_CHUNK_BYTES + TS_SENDER_CHUNK_LARGE_BYTES -
                                            (window - TS_SENDER_CHUNK_BYTES) % TS_SENDER_CHUNK_LARGE_BYTES);
  assert_int_equal (piece, TS_SENDER_CHUNK_LARGE_BYTES);
  b->now_us += TS_SENDER_FAST_US + 1; /* the next window is late */
  stored_until (b, 2 * window);
  assert_true (pieces (b, &piece) > 0);
  assert_int_equal (piece, TS_SENDER_CHUNK_BYTES);
  b->now_us += 1;
  stored_until (b, 3 * window);
  assert_true (pieces (b, &piece) > 0);
  assert_int_equal (piece, TS_SENDER_CHUNK_LARGE_BYTES);
  /* of a connection that is new nothing is known */
  step (b, (TsEvent){.kind = TS_EVENT_LOST, .lost = {.reason = "cut"}});
  b->now_us = ts_sender_wake_us (b->sender);
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  step (b, (TsEvent){.kind = TS_EVENT_CONNECTED});
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 2, .set = 1, .offset_bytes = 3 * window});
  assert_int_equal (pieces (b, &piece), window);
  assert_int_equal (piece, TS_SENDER_CHUNK_BYTES);
  stored_until (b, 3 * window + piece);
  assert_int_equal (pieces (b, &piece), TS_SENDER_CHUNK_BYTES); /* of it, no more */
}

static void
trap_5_pausing_keeps_what_was_cut (void **state)
{
  Bench *b = *state;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  ask (b, TS_ASK_SUSPEND);
  assert_int_equal (ts_sender_health (b->sender), TS_HEALTH_WARNING);
  cut_done (b, 8192); /* the cut was under way: its changes must not be lost */
  assert_null (find (b, TS_ACTION_SEND));
  assert_int_equal (ts_sender_pending_bytes (b->sender), 8192);
  ask (b, TS_ASK_RESUME);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.set, 2);
}

static void
trap_6_more_than_half_the_disks_needs_resynchronization (void **state)
{
  Bench *b = *state;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  cut_done (b, TS_MIB / 2); /* exactly half is not more than half */
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_REPLICATING);
  b->now_us = 70 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  cut_done (b, 4096);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_RESYNC_REQUIRED);
  assert_non_null (find (b, TS_ACTION_UNTRACK)); /* trap 2 */
  assert_int_equal (ts_sender_health (b->sender), TS_HEALTH_CRITICAL);
  assert_int_equal (ts_sender_pending_bytes (b->sender), 0);
}

static void
a_replica_that_has_failed_over_is_left_alone (void **state)
{
  Bench *b = *state;
  replicating (b);
  frame (b, (TsFrame){.kind = TS_FRAME_REFUSE, .value = TS_REFUSE_STATE});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_ERROR);
  assert_int_equal (ts_sender_wake_us (b->sender), 9 * TS_HOUR); /* the monitoring interval's end */
}

static void
an_out_of_sequence_log_needs_resynchronization (void **state)
{
  Bench *b = *state;
  replicating (b);
  frame (b, (TsFrame){.kind = TS_FRAME_REFUSE, .value = TS_REFUSE_SEQUENCE});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_RESYNC_REQUIRED);
}

static void
prepare_is_refused_while_the_machine_runs (void **state)
{
  Bench *b = *state;
  step (b, (TsEvent){.kind = TS_EVENT_MACHINE, .machine = {TRUE}});
  replicating (b);
  ask (b, TS_ASK_PREPARE);
  assert_int_equal (ts_record_get_int (told (b, "refused"), "code", 0), TS_CODE_INVALID_STATE);
  assert_null (find (b, TS_ACTION_CUT));
}

static void
prepared_when_the_last_set_is_applied (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_PREPARE);
  assert_non_null (find (b, TS_ACTION_LOCK));
  assert_int_equal (find (b, TS_ACTION_CUT)->set_kind, TS_SET_PLANNED);
  cut_done (b, 4096);
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_STORED, .set = 2});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_REPLICATING);
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_APPLIED, .set = 2});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_PREPARED);
}

static void
cut_failed (Bench *b, TsErrorCode code)
{
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_CUT;
  event.done.code = code;
  event.done.reason = "the test says so";
  step (b, event);
}

static void
a_cut_that_fails_is_made_again_and_one_that_loses_needs_resynchronization (void **state)
{
  Bench *b = *state;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  cut_failed (b, TS_ERROR_FULL);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_REPLICATING);
  assert_int_equal (ts_record_get_int (told (b, "cycle"), "missed", 0), 1);
  b->now_us = 70 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_non_null (find (b, TS_ACTION_CUT));
  cut_failed (b, TS_ERROR_LOST);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_RESYNC_REQUIRED);
  assert_non_null (find (b, TS_ACTION_UNTRACK));
}

static void
a_planned_cut_that_fails_is_made_again_later (void **state)
{
  Bench *b = *state;
  replicating (b);
  ask (b, TS_ASK_PREPARE);
  cut_failed (b, TS_ERROR_AGAIN);
  assert_null (find (b, TS_ACTION_CUT)); /* not at once, again and again */
  assert_true (ts_sender_wake_us (b->sender) > b->now_us);
  b->now_us = ts_sender_wake_us (b->sender);
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_int_equal (find (b, TS_ACTION_CUT)->set_kind, TS_SET_PLANNED);
}

static void
a_log_refused_again_and_again_is_sent_less_and_less_often (void **state)
{
  Bench *b = *state;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  cut_done (b, 8192);
  for (gint64 attempt = 1; attempt <= 3; attempt++) {
    frame (b, (TsFrame){.kind = TS_FRAME_REFUSE, .value = TS_REFUSE_LOG});
    assert_int_equal (ts_record_get_int (told (b, "retry"), "attempt", 0), attempt);
    b->now_us += ts_record_get_int (told (b, "retry"), "after_us", 0);
    step (b, (TsEvent){.kind = TS_EVENT_TICK});
    step (b, (TsEvent){.kind = TS_EVENT_CONNECTED});
    frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .set = 1, .value = 2});
  }
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_STORED, .set = 2});
  step (b, (TsEvent){.kind = TS_EVENT_LOST, .lost = {.reason = "gone"}});
  assert_int_equal (ts_record_get_int (told (b, "retry"), "attempt", 0), 1);
}

static void
trap_13_a_crashed_host_needs_resynchronization (void **state)
{
  Bench *b = *state;
  replicating (b);
  b->now_us = 40 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  cut_done (b, 8192);
  g_autoptr (GBytes) saved = ts_sender_save (b->sender);
  g_clear_pointer (&b->sender, ts_sender_free);
  TsSenderOptions options = options_of (b);
  g_autoptr (GError) error = NULL;
  b->sender = ts_sender_restore (&options, saved, &error);
  assert_non_null (b->sender);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_REPLICATING);
  assert_int_equal (ts_sender_pending_bytes (b->sender), 8192);
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_RESYNC_REQUIRED);
}

static void
damaged_state_is_refused (void **state)
{
  Bench *b = *state;
  replicating (b);
  g_autoptr (GBytes) saved = ts_sender_save (b->sender);
  TsSenderOptions options = options_of (b);
  for (gsize len = 0; len < g_bytes_get_size (saved); len += 7) {
    g_autoptr (GBytes) cut = g_bytes_new_from_bytes (saved, 0, len);
    g_autoptr (GError) error = NULL;
    g_autoptr (TsSender) none = ts_sender_restore (&options, cut, &error);
    assert_null (none);
    assert_int_equal (error->code, TS_ERROR_FORMAT);
  }
}

/* --- initial replication (HVR reference 2.2, 2.3) --------------------------------------------- */

static void
start (Bench *b, TsInitial method, gint64 in_us)
{
  step (b, (TsEvent){.kind = TS_EVENT_ASK,
                     .ask = {.ask = TS_ASK_START, .initial = {method, in_us}}});
}

/* HELLO's value, on a new connection. */
static guint64
says_hello (Bench *b)
{
  step (b, (TsEvent){.kind = TS_EVENT_CONNECTED});
  TsAction *hello = find (b, TS_ACTION_SEND);
  assert_int_equal (hello->frame.kind, TS_FRAME_HELLO);
  return hello->frame.value;
}

static void
mapped (Bench *b, guint64 bytes)
{
  done (b, TS_ACTION_TRACK);
  g_autoptr (TsExtents) map = ts_extents_new ();
  ts_extents_add (map, 0, bytes);
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_MAP;
  event.done.ok = TRUE;
  event.done.map = map;
  step (b, event);
}

static void
each_attempt_has_a_number_of_its_own (void **state)
{
  Bench *b = *state;
  ask (b, TS_ASK_ENABLE);
  guint64 first = says_hello (b);
  assert_true (ts_hello_is_fresh (first));
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 0});
  ask (b, TS_ASK_START); /* the first goes on with the connection there is */
  mapped (b, 4096);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_COPY);
  b->now_us = TS_S;
  ask (b, TS_ASK_CANCEL_INITIAL);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_READY);
  assert_non_null (find (b, TS_ACTION_UNTRACK));
  assert_non_null (find (b, TS_ACTION_DISCONNECT));
  assert_string_equal (ts_record_get_text (told (b, "copy"), "phase"), "cancelled");
  ask (b, TS_ASK_START);
  mapped (b, 4096);
  assert_null (find (b, TS_ACTION_SEND)); /* not a byte before the replica has heard of it */
  assert_non_null (find (b, TS_ACTION_CONNECT));
  guint64 second = says_hello (b);
  assert_true (ts_hello_is_fresh (second) && second != first);
}

static void
no_cancel_once_the_replica_may_have_it (void **state)
{
  Bench *b = *state;
  ask (b, TS_ASK_ENABLE);
  says_hello (b);
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 0});
  ask (b, TS_ASK_START);
  mapped (b, 4096);
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_COPY_END});
  cut_done (b, 4096); /* its end goes out at once */
  ask (b, TS_ASK_CANCEL_INITIAL);
  assert_non_null (told (b, "refused"));
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_INITIAL);
}

static void
a_plan_wakes_it_and_is_saved (void **state)
{
  Bench *b = *state;
  ask (b, TS_ASK_ENABLE);
  says_hello (b);
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 0});
  start (b, TS_INITIAL_NETWORK, TS_HOUR);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_READY);
  assert_int_equal (ts_sender_wake_us (b->sender), TS_HOUR);
  assert_non_null (find (b, TS_ACTION_PERSIST));
  g_autoptr (GBytes) saved = ts_sender_save (b->sender);
  ts_sender_free (b->sender);
  TsSenderOptions options = options_of (b);
  b->sender = ts_sender_restore (&options, saved, NULL);
  b->now_us = 10 * TS_S;
  step (b, (TsEvent){.kind = TS_EVENT_TICK}); /* it asks its replica first */
  assert_non_null (find (b, TS_ACTION_CONNECT));
  says_hello (b);
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 0});
  b->now_us = TS_HOUR;
  step (b, (TsEvent){.kind = TS_EVENT_TICK});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_INITIAL);
  assert_non_null (find (b, TS_ACTION_TRACK));
}

static void
start_again_takes_the_place_of_a_plan (void **state)
{
  Bench *b = *state;
  ask (b, TS_ASK_ENABLE);
  start (b, TS_INITIAL_NETWORK, TS_HOUR);
  start (b, TS_INITIAL_NETWORK, TS_MIN);
  assert_true (ts_sender_wake_us (b->sender) <= TS_MIN);
  ask (b, TS_ASK_CANCEL_INITIAL);
  assert_null (told (b, "refused"));
  ask (b, TS_ASK_CANCEL_INITIAL);
  assert_string_equal (ts_record_get_text (told (b, "refused"), "reason"),
                       "no initial replication is scheduled");
}

static void
eight_days_ahead_is_refused (void **state)
{
  Bench *b = *state;
  ask (b, TS_ASK_ENABLE);
  start (b, TS_INITIAL_NETWORK, TS_INITIAL_AHEAD_US_MAX + 1);
  assert_non_null (strstr (ts_record_get_text (told (b, "refused"), "reason"), "up to 7 days"));
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_READY);
}

static void
export_done (Bench *b, TsActionKind action, guint64 run, gboolean ok)
{
  g_autoptr (GBytes) hash = ts_medium_hash ("x", 1);
  TsEvent event = {.kind = TS_EVENT_DONE};
  event.done.action = action;
  event.done.set = run;
  event.done.ok = ok;
  event.done.code = TS_ERROR_FULL;
  event.done.reason = "the medium is full";
  event.done.hashes = hash;
  step (b, event);
}

static void
an_export_then_sets_then_the_import (void **state)
{
  Bench *b = *state;
  ask (b, TS_ASK_ENABLE);
  guint64 run = says_hello (b);
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 0});
  start (b, TS_INITIAL_EXPORT, 0);
  mapped (b, 8192);
  TsAction *piece = find (b, TS_ACTION_EXPORT);
  assert_int_equal (piece->len_bytes, 8192);
  assert_true (piece->set == run);
  assert_null (find (b, TS_ACTION_SEND)); /* nothing of it crosses */
  export_done (b, TS_ACTION_EXPORT, run + 1, TRUE); /* of another attempt */
  assert_null (find (b, TS_ACTION_EXPORT_END));
  export_done (b, TS_ACTION_EXPORT, run, TRUE);
  g_autoptr (TsMedium) list =
      ts_medium_unpack (find (b, TS_ACTION_EXPORT_END)->payload, NULL);
  assert_true (list && list->run == run && list->pieces->len == 1);
  export_done (b, TS_ACTION_EXPORT_END, run, TRUE);
  assert_int_equal (find (b, TS_ACTION_CUT)->set_kind, TS_SET_INITIAL);
  assert_int_equal (says_hello (b), run | TS_HELLO_EXPORTED);
  ask (b, TS_ASK_CANCEL_INITIAL);
  assert_non_null (strstr (ts_record_get_text (told (b, "refused"), "reason"), "is finished"));
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 1});
  cut_done (b, 4096);
  assert_int_equal (find (b, TS_ACTION_SEND)->frame.kind, TS_FRAME_LOG);
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_STORED, .set = 1});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_INITIAL);
  b->now_us = 20 * TS_S;
  assert_true (ts_sender_wake_us (b->sender) > b->now_us); /* the medium may take days */
  frame (b, (TsFrame){.kind = TS_FRAME_ACK, .value = TS_ACK_APPLIED, .set = 1}); /* imported */
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_REPLICATING);
  assert_null (find (b, TS_ACTION_EXPORT_DROP)); /* the folder is the operator's */
}

static void
an_export_that_fails_leads_back (void **state)
{
  Bench *b = *state;
  ask (b, TS_ASK_ENABLE);
  guint64 run = says_hello (b);
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 0});
  start (b, TS_INITIAL_EXPORT, 0);
  mapped (b, 8192);
  export_done (b, TS_ACTION_EXPORT, run, FALSE);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_READY);
  assert_non_null (find (b, TS_ACTION_EXPORT_DROP));
  assert_string_equal (ts_record_get_text (told (b, "copy"), "reason"), "the medium is full");
}

static void
seeded_waits_for_the_replicas_word (void **state)
{
  Bench *b = *state;
  step (b, (TsEvent){.kind = TS_EVENT_ASK,
                     .ask = {.ask = TS_ASK_ENABLE, .initial = {TS_INITIAL_SEEDED, 0}}});
  start (b, TS_INITIAL_SEEDED, 0);
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_READY);
  assert_true ((says_hello (b) & TS_HELLO_SEEDED) != 0);
  frame (b, (TsFrame){.kind = TS_FRAME_WELCOME, .value = 0});
  assert_int_equal (ts_sender_state (b->sender), TS_STATE_INITIAL);
  done (b, TS_ACTION_TRACK);
  assert_non_null (find (b, TS_ACTION_HASH));
  assert_true ((says_hello (b) & TS_RESYNC_RUN) != 0);
}

int
main (void)
{
#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (back_off_is_the_published_one_scaled),
      T (initial_replication_needs_its_first_set),
      T (persists_a_set_before_it_sends_it),
      T (a_late_set_is_missed_once_and_still_sent),
      T (silence_breaks_the_connection_and_it_goes_on_where_the_replica_is),
      T (pieces_are_large_where_it_goes_fast),
      T (trap_5_pausing_keeps_what_was_cut),
      T (trap_6_more_than_half_the_disks_needs_resynchronization),
      T (a_replica_that_has_failed_over_is_left_alone),
      T (an_out_of_sequence_log_needs_resynchronization),
      T (prepare_is_refused_while_the_machine_runs),
      T (prepared_when_the_last_set_is_applied),
      T (a_cut_that_fails_is_made_again_and_one_that_loses_needs_resynchronization),
      T (a_planned_cut_that_fails_is_made_again_later),
      T (a_log_refused_again_and_again_is_sent_less_and_less_often),
      T (trap_13_a_crashed_host_needs_resynchronization),
      T (damaged_state_is_refused),
      T (each_attempt_has_a_number_of_its_own),
      T (no_cancel_once_the_replica_may_have_it),
      T (a_plan_wakes_it_and_is_saved),
      T (start_again_takes_the_place_of_a_plan),
      T (eight_days_ahead_is_refused),
      T (an_export_then_sets_then_the_import),
      T (an_export_that_fails_leads_back),
      T (seeded_waits_for_the_replicas_word),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

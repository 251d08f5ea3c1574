/* core/relation/receiver.c -- see receiver.h. */
#include "core/relation/receiver-internal.h"
#include "core/base/units.h"
#include "core/relation/turn.h"

#define APPLY_RETRY_US (5 * TS_S) /* CHOICE: reference 2.4.5 says only that it is retried */

/* --- telling ---------------------------------------------------------------------------------- */

TsRecord *
ts_receiver_record (const TsReceiver *r, gint64 now_us, const char *kind)
{
  TsRecord *rec = ts_record_new (now_us, r->source ? r->source : r->host, kind);
  if (r->known)
    ts_record_text (rec, "vm", r->hello.name);
  return ts_record_text (rec, "host", r->host);
}

void
ts_receiver_persist (TsReceiver *r, TsActions *out)
{
  ts_actions_add (out, TS_ACTION_PERSIST)->payload = ts_receiver_save (r);
}

static void
change_state (TsReceiver *r, gint64 now_us, TsState to, TsActions *out)
{
  if (r->state == to)
    return;
  g_assert (ts_state_may_follow (r->state, to));
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "state"), "role", "replica");
  ts_record_text (rec, "from", ts_state_name (r->state));
  ts_record_text (rec, "to", ts_state_name (to));
  ts_record_int (rec, "wmi", to);
  ts_record_int (rec, "ps", ts_state_powershell (to, TS_ROLE_REPLICA));
  r->state = to;
  ts_receiver_persist (r, out);
  ts_actions_report (out, rec);
}

static TsHealthInput
health_input (const TsReceiver *r, gint64 now_us)
{
  return (TsHealthInput){TS_ROLE_REPLICA, r->state, &r->statistics,
                         r->hello.name,   now_us,   (gint64)r->hello.interval_us};
}

static void
judge_health (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (!r->known)
    return;
  TsHealthInput input = health_input (r, now_us);
  g_autofree char *reason = NULL;
  TsHealth health = ts_health_judge (&input, &reason);
  if (health == r->health)
    return;
  r->health = health;
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "health"), "role", "replica");
  ts_record_text (rec, "health", ts_health_name (health));
  ts_actions_report (out, ts_record_text (rec, "reason", reason));
}

static TsAction *
send_frame (TsActions *out, TsFrameKind kind, guint64 value)
{
  TsAction *a = ts_actions_add (out, TS_ACTION_SEND);
  a->frame.kind = kind;
  a->frame.value = value;
  return a;
}

void
ts_receiver_acknowledge (TsReceiver *r, TsAckKind what, guint64 set, guint disk, guint64 offset,
                         TsActions *out)
{
  if (!r->greeted)
    return;
  TsAction *a = send_frame (out, TS_FRAME_ACK, what);
  a->frame.set = set;
  a->frame.disk = (guint16)disk;
  a->frame.offset_bytes = offset;
}

void
ts_receiver_refuse_peer (TsReceiver *r, gint64 now_us, TsRefusal why, const char *text,
                         TsActions *out)
{
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "refused"), "verb", "receive");
  ts_record_int (rec, "code", TS_CODE_INVALID_STATE);
  ts_record_text (rec, "state", ts_state_name (r->state));
  ts_actions_report (out, ts_record_text (rec, "reason", text));
  TsAction *a = send_frame (out, TS_FRAME_REFUSE, why);
  a->source = TS_SOURCE_PAYLOAD;
  a->frame.payload = g_bytes_new (text, strlen (text));
  r->greeted = FALSE;
}

/* --- log sets: stored, sealed, applied -------------------------------------------------------- */

void
ts_receiver_forget_unsealed (TsReceiver *r, TsActions *out)
{
  ts_actions_add (out, TS_ACTION_DROP)->set = r->stored;
  g_queue_clear_full (&r->seals, g_free);
  r->recv_set = ts_receiver_next_set (r);
  r->recv_disk = 0;
  r->recv_offset = 0;
}

static void
report_point (TsReceiver *r, gint64 now_us, const TsReceiverSet *set, TsActions *out)
{
  TsRecord *rec = ts_record_int (ts_receiver_record (r, now_us, "point"), "set", (gint64)set->number);
  ts_record_int (rec, "instant_us", set->manifest.instant_us);
  ts_actions_report (out, ts_record_text (rec, "type", ts_point_type_name (r->point_type)));
}

/* Is (or comes) there a VM whose disks must not change below it? */
static gboolean
test_stands (const TsReceiver *r)
{
  return r->test == TEST_STARTING || r->test == TEST_RUNNING || r->test == TEST_STOPPING;
}

static void
report_test (TsReceiver *r, gint64 now_us, const char *phase, TsActions *out)
{
  g_autofree char *name = g_strdup_printf ("%s - Test", r->hello.name);
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "test_failover"), "test", name);
  ts_record_text (rec, "phase", phase);
  if (test_stands (r)) {
    ts_record_int (rec, "set", (gint64)r->test_set);
    ts_record_int (rec, "instant_us", r->test_us);
  }
  ts_actions_report (out, rec);
}

/* Ends the test failover, if there is one: now, or as soon as that is possible. */
void
ts_receiver_end_test (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->test == TEST_APPLYING) {
    r->test = TEST_NONE;
    report_test (r, now_us, "stopped", out);
  } else if (r->test == TEST_STARTING)
    r->test_over = TRUE;
  else if (r->test == TEST_RUNNING) {
    r->test = TEST_STOPPING;
    ts_actions_add (out, TS_ACTION_TEST_STOP);
  }
}

static void go_on_removing (TsReceiver *r, gint64 now_us, TsActions *out);
static void
refuse (TsReceiver *r, gint64 now_us, TsAsk ask, const char *why, TsActions *out)
{
  TsRecord *rec = ts_receiver_record (r, now_us, "refused");
  ts_state_verb_record (rec, r->state, TS_ROLE_REPLICA, ask);
  ts_record_int (rec, "code", TS_CODE_INVALID_STATE);
  ts_actions_report (out, ts_record_text (rec, "reason", why));
}

/* Everything that was received is applied: the way to the point can be gone. */
static void
start_test (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->test_set == 0) {
    r->test_set = r->point_set;
    r->test_us = r->point_us;
  } else if (!ts_receiver_history_has (r, r->test_set)) {
    r->test = TEST_NONE;
    refuse (r, now_us, TS_ASK_TEST_FAILOVER, "the recovery point has gone meanwhile", out);
    return;
  }
  r->test = TEST_STARTING;
  r->test_base = r->applied;
  TsAction *a = ts_actions_add (out, TS_ACTION_TEST_START);
  a->set = r->test_set;
  a->undo = ts_receiver_history_way (r, r->test_set);
}

static void
branch (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->chosen.set == 0)
    r->chosen = (TsPoint){r->point_set, r->point_us, r->point_type};
  else if (!ts_receiver_history_has (r, r->chosen.set)) {
    r->failover = FAILOVER_NONE;
    refuse (r, now_us, TS_ASK_FAILOVER, "the recovery point has gone meanwhile", out);
    return;
  }
  r->failover = FAILOVER_BRANCHING;
  TsAction *a = ts_actions_add (out, TS_ACTION_BRANCH);
  a->set = r->chosen.set;
  a->undo = ts_receiver_history_way (r, r->chosen.set);
}

void
ts_receiver_go_on_applying (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->removing) {
    go_on_removing (r, now_us, out);
    return;
  }
  gboolean may = (r->state == TS_STATE_INITIAL || r->state == TS_STATE_REPLICATING ||
                  r->failover == FAILOVER_APPLYING) &&
                 !test_stands (r);
  if (may && !r->applying && r->apply_retry_us == TS_NEVER && r->applies.length > 0) {
    TsReceiverSet *set = g_queue_peek_head (&r->applies);
    r->applying = TRUE;
    if (set->manifest.kind == TS_SET_RESYNC && !r->merged)
      ts_actions_add (out, TS_ACTION_RESYNC_MERGE);
    else {
      TsAction *a = ts_actions_add (out, TS_ACTION_APPLY);
      a->set = set->number;
      a->undo = ts_receiver_history_open (r, set->number);
    }
  }
  if (r->test == TEST_APPLYING && !r->applying && r->applies.length == 0)
    start_test (r, now_us, out);
  if (r->failover == FAILOVER_APPLYING && !r->applying && r->applies.length == 0 &&
      r->seals.length == 0 && !test_stands (r)) {
    ts_receiver_resync_cancel (r, now_us, "failover", out); /* HVR 2.9: what was whole is taken */
    branch (r, now_us, out);
  }
  ts_receiver_resync_go_on (r, out);
}

/* Which of the announced logs is not what was stored; NULL: all are. */
static char *
seal_mismatch (const TsManifest *want, const TsManifest *have)
{
  if (want->disks != have->disks)
    return g_strdup_printf ("%u logs were announced, %u are stored", want->disks, have->disks);
  for (guint i = 0; i < want->disks; i++)
    if (want->disk[i].log_bytes != have->disk[i].log_bytes ||
        want->disk[i].data_bytes != have->disk[i].data_bytes ||
        !ts_guid_equal (&want->disk[i].unique, &have->disk[i].unique) ||
        !ts_guid_equal (&want->disk[i].previous, &have->disk[i].previous))
      return g_strdup_printf ("the stored log of disk %u is not the one that was announced", i);
  return NULL;
}

static const char paused[] = "replication is paused on the replica server";

static void
sealed (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  TsReceiverSet *set = g_queue_peek_head (&r->seals);
  if (!set || set->number != ev->done.set)
    return; /* dropped meanwhile */
  g_autofree char *trouble = NULL;
  TsRefusal refusal = TS_REFUSE_LOG;
  if (!ev->done.ok) {
    trouble = g_strdup (ev->done.reason);
    if (ev->done.code == TS_ERROR_FULL || ev->done.code == TS_ERROR_IO)
      refusal = TS_REFUSE_STORAGE;
  } else
    trouble = seal_mismatch (&set->manifest, ev->done.sealed);
  /* HVR 2.9, secondary: out-of-sequence log */
  gboolean new_chain = set->manifest.kind == TS_SET_RESYNC && r->resync == RESYNC_COPIED;
  for (guint i = 0; !trouble && !new_chain && i < set->manifest.disks; i++)
    if (!ts_guid_equal (&set->manifest.disk[i].previous, &r->chain[i])) {
      refusal = TS_REFUSE_SEQUENCE;
      trouble = g_strdup_printf ("the log of disk %u in set %" G_GUINT64_FORMAT
                                 " does not follow the last one received",
                                 i, set->number);
    }
  if (trouble) {
    ts_receiver_forget_unsealed (r, out);
    if (r->greeted)
      ts_receiver_refuse_peer (r, now_us, refusal, trouble, out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  }
  g_queue_pop_head (&r->seals);
  r->stored = set->number;
  for (guint i = 0; i < set->manifest.disks; i++)
    r->chain[i] = set->manifest.disk[i].unique;
  g_queue_push_tail (&r->applies, set);
  gboolean is_point = set->manifest.kind != TS_SET_INITIAL && set->manifest.kind != TS_SET_RESYNC;
  /* Before it is persisted, so that a crash does not take the newest point back. */
  if (is_point)
    ts_receiver_history_take (r, set);
  if (set->manifest.kind == TS_SET_RESYNC)
    ts_receiver_resync_sealed (r, now_us, out);
  ts_receiver_persist (r, out);
  r->statistics.last_sync_us = now_us;
  if (is_point) {
    report_point (r, now_us, set, out);
    ts_receiver_history_tell (r, now_us, out);
  }
  ts_receiver_acknowledge (r, TS_ACK_STORED, set->number, 0, 0, out);
  if (set->manifest.kind == TS_SET_PLANNED) /* the primary waits for it to be applied (CHOICE) */
    ts_receiver_end_test (r, now_us, out);
  TsReceiverSet *next = g_queue_peek_head (&r->seals);
  if (next)
    ts_actions_add (out, TS_ACTION_SEAL)->set = next->number;
  else if (r->welcome_due)
    ts_receiver_welcome (r, now_us, out);
  ts_receiver_go_on_applying (r, now_us, out);
}

static void
applied (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  r->applying = FALSE;
  TsReceiverSet *set = g_queue_peek_head (&r->applies);
  if (!set || set->number != ev->done.set)
    return;
  if (!ev->done.ok && ev->done.code == TS_ERROR_STATE) { /* not as we left them */
    ts_receiver_resync_spoil (r, now_us, ev->done.reason, out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  }
  if (!ev->done.ok) { /* HVR 2.4.5, event 32032: state, health and RPO stay; retried */
    TsRecord *rec = ts_record_int (ts_receiver_record (r, now_us, "failure"), "event", 32032);
    ts_record_text (rec, "action", "apply");
    ts_actions_report (out, ts_record_text (rec, "reason", ev->done.reason));
    r->apply_retry_us = now_us + APPLY_RETRY_US;
    if (ev->done.code == TS_ERROR_LOST) { /* HVR 2.7: only older points suffer */
      ts_receiver_history_broken (r, now_us, set->number, out);
      r->apply_retry_us = TS_NEVER;
      ts_receiver_go_on_applying (r, now_us, out);
    }
    return;
  }
  g_queue_pop_head (&r->applies);
  r->applied = set->number;
  gboolean is_point = set->manifest.kind == TS_SET_INITIAL || set->manifest.kind == TS_SET_RESYNC;
  if (is_point)
    ts_receiver_history_take (r, set);
  if (set->manifest.kind == TS_SET_RESYNC)
    ts_receiver_resync_applied (r, now_us, out);
  ts_receiver_persist (r, out);
  if (set->manifest.kind == TS_SET_RESYNC)
    ts_actions_add (out, TS_ACTION_RESYNC_DROP);
  TsRecord *rec = ts_record_int (ts_receiver_record (r, now_us, "applied"), "set", (gint64)set->number);
  ts_actions_report (out, ts_record_int (rec, "instant_us", set->manifest.instant_us));
  if (is_point) { /* before, the copy was of no instant at all */
    report_point (r, now_us, set, out);
    ts_receiver_history_tell (r, now_us, out);
  }
  ts_actions_add (out, TS_ACTION_DELETE_SET)->set = set->number;
  ts_receiver_acknowledge (r, TS_ACK_APPLIED, set->number, 0, 0, out);
  g_free (set);
  if (r->state == TS_STATE_INITIAL)
    change_state (r, now_us, TS_STATE_REPLICATING, out);
  ts_receiver_go_on_applying (r, now_us, out);
}

/* --- what the primary says -------------------------------------------------------------------- */

void
ts_receiver_welcome (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->resync_wanted || r->resync == RESYNC_OPENING)
    return; /* it is due when that has begun */
  r->welcome_due = FALSE;
  if (!r->connected)
    return;
  r->greeted = TRUE;
  TsAction *a = send_frame (out, TS_FRAME_WELCOME, r->copy_done ? 1 + r->applied : 0);
  a->frame.set = ts_receiver_next_set (r) - 1;
  a->frame.disk = (guint16)(r->copy_done ? r->recv_disk : r->copy_mark.disk);
  a->frame.offset_bytes = r->copy_done ? r->recv_offset : r->copy_mark.offset_bytes;
}

static gboolean
same_vm (const TsHello *a, const TsHello *b)
{
  if (!ts_guid_equal (&a->vm, &b->vm) || a->disks != b->disks)
    return FALSE;
  for (guint i = 0; i < a->disks; i++)
    if (a->disk[i].size_bytes != b->disk[i].size_bytes)
      return FALSE;
  return TRUE;
}

static void
create (TsReceiver *r, TsActions *out)
{
  if (r->creating)
    return;
  r->creating = TRUE;
  ts_actions_add (out, TS_ACTION_CREATE);
}

static void
hello (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  g_autoptr (GError) error = NULL;
  TsHello said;
  g_autoptr (GBytes) none = g_bytes_new_static ("", 0);
  GBytes *payload = ev->frame.frame->payload ? ev->frame.frame->payload : none;
  if (!ts_hello_unpack (payload, &said, &error)) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_VERSION, error->message, out);
    return;
  }
  if (!r->known) {
    r->known = TRUE;
    r->hello = said;
    r->source = g_strdup_printf ("%s@%s", said.name, r->host);
    change_state (r, ev->now_us, TS_STATE_INITIAL, out); /* HVR 2.2.3: at once */
    r->welcome_due = TRUE;
    create (r, out);
    return;
  }
  if (!same_vm (&r->hello, &said)) {
    ts_receiver_refuse_peer (
        r, ev->now_us, TS_REFUSE_STATE,
        "the replica belongs to another virtual machine, or its disks have other sizes", out);
    return;
  }
  if (r->failover != FAILOVER_NONE || r->state == TS_STATE_RECOVERED ||
      r->state == TS_STATE_COMMITTED) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STATE, "the replica has failed over", out);
    return;
  }
  if (r->state == TS_STATE_SUSPENDED || r->removing) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_PAUSED, paused, out);
    return;
  }
  if (r->created && ts_receiver_resync_hello (r, ev, out))
    return;
  if (!r->created)
    create (r, out); /* again, if the host crashed in the middle of it */
  if (!r->created || r->seals.length > 0)
    r->welcome_due = TRUE;
  else
    ts_receiver_welcome (r, ev->now_us, out);
}

void
ts_receiver_protocol_error (TsReceiver *r, gint64 now_us, const char *what, TsActions *out)
{
  ts_actions_report (out, ts_record_text (ts_receiver_record (r, now_us, "failure"), "reason", what));
  ts_actions_add (out, TS_ACTION_DISCONNECT);
  r->connected = r->greeted = r->welcome_due = FALSE;
}

static void
log_frame (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  TsFrame *f = ev->frame.frame;
  gsize len = f->payload ? g_bytes_get_size (f->payload) : 0;
  gboolean next_disk = f->disk == r->recv_disk + 1 && f->offset_bytes == 0 && r->recv_offset > 0;
  gboolean follows = f->disk == r->recv_disk && f->offset_bytes == r->recv_offset;
  if (!r->copy_done || len == 0 || f->disk >= r->hello.disks || f->set != r->recv_set ||
      !(follows || next_disk)) {
    ts_receiver_protocol_error (r, ev->now_us, "a piece of a log that does not follow the last one",
                                out);
    return;
  }
  r->recv_disk = f->disk;
  r->recv_offset = f->offset_bytes + len;
  TsAction *a = ts_actions_add (out, TS_ACTION_STORE);
  a->set = f->set;
  a->disk = f->disk;
  a->offset_bytes = f->offset_bytes;
  a->payload = g_steal_pointer (&f->payload);
}

static void
set_end (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  TsFrame *f = ev->frame.frame;
  g_autoptr (GError) error = NULL;
  g_autofree TsReceiverSet *set = g_new0 (TsReceiverSet, 1);
  if (!f->payload || f->set != r->recv_set || !r->copy_done ||
      !ts_manifest_unpack (f->payload, &set->manifest, &error)) {
    ts_receiver_protocol_error (
        r, ev->now_us, error ? error->message : "the end of a set that did not begin", out);
    return;
  }
  set->number = f->set;
  r->recv_set++;
  r->recv_disk = 0;
  r->recv_offset = 0;
  if (r->seals.length == 0)
    ts_actions_add (out, TS_ACTION_SEAL)->set = set->number;
  g_queue_push_tail (&r->seals, g_steal_pointer (&set));
}

static void
frame_in (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  TsFrameKind kind = ev->frame.frame->kind;
  if (!r->connected)
    return;
  if (kind == TS_FRAME_HELLO && !r->greeted && !r->welcome_due) {
    hello (r, ev, out);
    return;
  }
  if (kind == TS_FRAME_ALIVE)
    return;
  if (!r->greeted) /* of a stream that was refused in its middle: what is still on its way */
    return;
  switch (kind) {
  case TS_FRAME_COPY:
    ts_receiver_copy_frame (r, ev, out);
    return;
  case TS_FRAME_COPY_END:
    if (r->resync == RESYNC_COPYING)
      r->resync_set = ev->frame.frame->value;
    ts_receiver_copy_end (r, out);
    return;
  case TS_FRAME_LOG:
    log_frame (r, ev, out);
    return;
  case TS_FRAME_SET_END:
    set_end (r, ev, out);
    return;
  case TS_FRAME_COMPARE:
    ts_receiver_resync_compare (r, ev, out);
    return;
  case TS_FRAME_COMPARED:
  case TS_FRAME_HELLO:
  case TS_FRAME_WELCOME:
  case TS_FRAME_ACK:
  case TS_FRAME_REFUSE:
  case TS_FRAME_ALIVE:
  case TS_FRAME_KINDS:
    ts_receiver_protocol_error (r, ev->now_us, "a frame that a primary does not send here", out);
    return;
  }
}

/* --- what the operator says ------------------------------------------------------------------- */

/* HVR 2.12: the relation goes, the VM stays as an ordinary one that is off, or runs when it had
 * failed over.  CHOICE: its disks must be of one instant, so what was received is applied first;
 * and a failover that is not committed is. */
static void
go_on_removing (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->applying || r->merging || r->starting || r->seals.length > 0 || test_stands (r))
    return;
  if (r->state == TS_STATE_RECOVERED) {
    r->merging = TRUE;
    ts_actions_add (out, TS_ACTION_MERGE);
    return;
  }
  if (r->applies.length > 0 && r->apply_retry_us == TS_NEVER) {
    r->applying = TRUE;
    ts_actions_add (out, TS_ACTION_APPLY)->set =
        ((TsReceiverSet *)g_queue_peek_head (&r->applies))->number;
    return;
  }
  if (r->applies.length > 0)
    return;
  r->removing = FALSE;
  change_state (r, now_us, TS_STATE_DISABLED, out);
  ts_actions_add (out, TS_ACTION_FORGET);
}

static void
ask_remove (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->connected)
    ts_actions_add (out, TS_ACTION_DISCONNECT);
  r->connected = r->greeted = r->welcome_due = FALSE;
  if (r->seals.length == 0)
    ts_receiver_forget_unsealed (r, out);
  ts_receiver_forget_points (r, now_us, "removed", out);
  r->failover = r->failover == FAILOVER_DONE ? FAILOVER_DONE : FAILOVER_NONE;
  r->removing = TRUE;
  ts_receiver_end_test (r, now_us, out);
  go_on_removing (r, now_us, out);
}

/* HVR 3.5: from 5 or 6.  Recovery points are merged first (trap 8).  On a side that is a replica
 * already it is Set-VMReplication -AsReplica, which changes nothing: said again, so that a reversal
 * that failed half-way can be asked for again. */
static void
ask_reverse (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->state == TS_STATE_RECOVERED) {
    r->reversing = r->merging = TRUE;
    ts_actions_add (out, TS_ACTION_MERGE);
  } else if (r->state == TS_STATE_COMMITTED) {
    r->turning = TRUE;
    ts_actions_add (out, TS_ACTION_TURN);
  } else
    ts_actions_report (out, ts_turn_record (r->hello.name, r->host, TS_ROLE_REPLICA, now_us));
}

static void
asked (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  TsAsk ask = ev->ask.ask;
  g_autofree char *why = NULL;
  TsPoint point = {0};
  gboolean of_point = ask == TS_ASK_FAILOVER || ask == TS_ASK_TEST_FAILOVER ||
                      ask == TS_ASK_CHANGE_POINT;
  if (!ts_state_allows (r->state, TS_ROLE_REPLICA, ask))
    why = g_strdup_printf ("Could not change the replication state: '%s' is not possible in state "
                           "'%s'",
                           ts_ask_name (ask), ts_state_name (r->state));
  else if ((ask == TS_ASK_FAILOVER || ask == TS_ASK_SUSPEND) && r->failover != FAILOVER_NONE)
    why = g_strdup ("a failover is under way");
  else if (ask == TS_ASK_TEST_FAILOVER && r->failover != FAILOVER_NONE)
    why = g_strdup ("a failover is under way");
  else if (ask == TS_ASK_TEST_FAILOVER && (r->resync != RESYNC_NONE || r->resync_wanted))
    why = g_strdup ("a resynchronization is under way"); /* trap 4 */
  else if (ask == TS_ASK_FAILOVER && ev->ask.planned && r->resync != RESYNC_NONE)
    why = g_strdup ("a resynchronization is under way");
  else if (ask == TS_ASK_TEST_FAILOVER && r->test != TEST_NONE) /* HVR 3.6: one at a time */
    why = g_strdup ("a test failover is running already");
  else if (ask == TS_ASK_STOP_TEST_FAILOVER &&
           (r->test == TEST_NONE || r->test == TEST_STOPPING || r->test_over))
    why = g_strdup (r->test == TEST_NONE ? "no test failover is running"
                                         : "the test failover is being stopped");
  else if (r->merging &&
           (ask == TS_ASK_COMMIT || ask == TS_ASK_CANCEL_FAILOVER || ask == TS_ASK_REVERSE))
    why = g_strdup ("a commit is under way");
  else if (r->discarding && ask != TS_ASK_RESET_STATISTICS)
    why = g_strdup ("the failover is being cancelled");
  else if (r->removing)
    why = g_strdup ("replication is being removed");
  else if ((r->reversing || r->turning) && ask != TS_ASK_RESET_STATISTICS)
    why = g_strdup ("replication is being reversed");
  else if (r->starting && (ask == TS_ASK_CANCEL_FAILOVER || ask == TS_ASK_REVERSE ||
                           ask == TS_ASK_CHANGE_POINT))
    why = g_strdup ("the virtual machine is being started");
  else if (r->merging && ask == TS_ASK_CHANGE_POINT)
    why = g_strdup ("a commit is under way");
  else if (r->failover == FAILOVER_BRANCHING && (ask == TS_ASK_POWER_ON || ask == TS_ASK_COMMIT))
    why = g_strdup ("the copy has no disks: another recovery point is to be chosen");
  else if (ask == TS_ASK_CHANGE_POINT && r->planned) /* HVR 3.6: it has one point, the last log's */
    why = g_strdup ("a planned failover is of its last log alone");
  else if (of_point && !ts_receiver_history_choose (r, &ev->ask.point, now_us, &point)) {
    g_autofree char *text = ts_point_choice_text (&ev->ask.point);
    why = g_strdup_printf ("there is no recovery point '%s'", text);
  }
  if (why) {
    refuse (r, now_us, ask, why, out);
    return;
  }
  ts_actions_report (out, ts_state_verb_record (ts_receiver_record (r, now_us, "verb"), r->state,
                                                TS_ROLE_REPLICA, ask));
  if (ev->ask.point.how == TS_CHOOSE_LATEST) /* with what is still being stored */
    point = (TsPoint){0};
  switch (ask) {
  case TS_ASK_FAILOVER: {
    if (r->connected)
      ts_actions_add (out, TS_ACTION_DISCONNECT);
    r->connected = r->greeted = r->welcome_due = FALSE;
    r->resync_wanted = 0;
    /* What is whole is still sealed and taken (HVR 3.6: received logs are applied first); what came
     * in part is forgotten. */
    if (r->seals.length == 0)
      ts_receiver_forget_unsealed (r, out);
    r->failover = FAILOVER_APPLYING;
    /* of an older point the two sides' disks are not the same, whatever was sent before */
    r->planned = ev->ask.planned && point.set == 0;
    r->chosen = point;
    r->apply_retry_us = TS_NEVER;
    ts_receiver_end_test (r, now_us, out); /* CHOICE: what is real goes before what is tried */
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  }
  case TS_ASK_TEST_FAILOVER:
    r->test = TEST_APPLYING;
    r->test_set = point.set;
    r->test_us = point.instant_us;
    r->statistics.last_test_us = now_us;
    report_test (r, now_us, "begun", out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ASK_STOP_TEST_FAILOVER:
    ts_receiver_end_test (r, now_us, out);
    return;
  case TS_ASK_COMMIT:
    r->merging = TRUE;
    ts_actions_add (out, TS_ACTION_MERGE);
    return;
  case TS_ASK_POWER_ON: /* trap 11: the table lets nobody in but through a failover */
    r->starting = TRUE;
    ts_actions_add (out, TS_ACTION_POWER_ON)->track = r->planned;
    return;
  case TS_ASK_REVERSE:
    ask_reverse (r, now_us, out);
    return;
  case TS_ASK_CHANGE_POINT: /* 4.4; the disks below are as they were */
    r->changing = r->discarding = TRUE;
    r->failover = FAILOVER_BRANCHING;
    r->chosen = point;
    ts_receiver_persist (r, out);
    ts_actions_add (out, TS_ACTION_DISCARD);
    return;
  case TS_ASK_CANCEL_FAILOVER: /* trap 8; HVR 3.6, unplanned failover, 4a */
    r->discarding = TRUE;
    ts_actions_add (out, TS_ACTION_DISCARD);
    return;
  case TS_ASK_RESET_STATISTICS:
    ts_statistics_reset (&r->statistics, now_us);
    return;
  case TS_ASK_SUSPEND: /* HVR 2.10: nothing is taken, nothing is applied */
    if (r->connected)
      ts_receiver_refuse_peer (r, now_us, TS_REFUSE_PAUSED, paused, out);
    if (r->seals.length == 0)
      ts_receiver_forget_unsealed (r, out);
    change_state (r, now_us, TS_STATE_SUSPENDED, out);
    return;
  case TS_ASK_RESUME:
    change_state (r, now_us, TS_STATE_REPLICATING, out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ASK_REMOVE:
    ask_remove (r, now_us, out);
    return;
  case TS_ASK_ENABLE:
  case TS_ASK_START:
  case TS_ASK_PREPARE:
  case TS_ASK_RESYNC:
  case TS_ASK_CANCEL_RESYNC:
  case TS_ASK_COUNT:
    return;
  }
}

static void
report_failover (TsReceiver *r, gint64 now_us, const char *phase, TsActions *out)
{
  TsRecord *rec = ts_record_bool (ts_receiver_record (r, now_us, "failover"), "planned", r->planned);
  ts_record_text (rec, "phase", phase);
  ts_record_int (rec, "set", (gint64)r->chosen.set);
  ts_record_int (rec, "instant_us", r->chosen.instant_us);
  ts_actions_report (out, ts_record_text (rec, "type", ts_point_type_name (r->chosen.type)));
}

static void
own_failure (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  TsRecord *rec = ts_record_int (ts_receiver_record (r, ev->now_us, "failure"), "event", 33680);
  ts_record_text (rec, "action", ts_action_name (ev->done.action));
  ts_actions_report (out, ts_record_text (rec, "reason", ev->done.reason));
}

/* CHOICE: the test VM is created and started (HVR 3.6: the sources disagree). */
static void
test_started (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  r->test = TEST_RUNNING;
  if (ev->done.ok)
    report_test (r, ev->now_us, "started", out);
  else {
    own_failure (r, ev, out);
    r->test_over = TRUE; /* what was made of it goes */
  }
  if (r->test_over)
    ts_receiver_end_test (r, ev->now_us, out);
  r->test_over = FALSE;
}

static void
test_stopped (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  if (ev->done.ok) {
    report_test (r, ev->now_us, "stopped", out);
    r->test = TEST_NONE;
  } else {
    r->test = TEST_RUNNING; /* stopping it can be tried again */
    own_failure (r, ev, out);
    r->failover = FAILOVER_NONE; /* if one waited for it: its disks are not free */
  }
  ts_receiver_go_on_applying (r, ev->now_us, out);
}

static void
done (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  switch ((int)ev->done.action) { /* only those that a receiver asks for */
  case TS_ACTION_CREATE:
    r->creating = FALSE;
    if (!ev->done.ok) {
      r->known = FALSE;
      g_clear_pointer (&r->source, g_free);
      r->state = TS_STATE_DISABLED;
      r->welcome_due = FALSE;
      ts_receiver_refuse_peer (r, now_us, TS_REFUSE_STORAGE, ev->done.reason, out);
      return;
    }
    r->created = TRUE;
    ts_receiver_persist (r, out);
    if (r->welcome_due)
      ts_receiver_welcome (r, now_us, out);
    return;
  case TS_ACTION_HASH:
    ts_receiver_resync_hashed (r, ev, out);
    return;
  case TS_ACTION_RESYNC_OPEN:
    ts_receiver_resync_opened (r, ev, out);
    return;
  case TS_ACTION_RESYNC_MERGE:
    r->applying = FALSE;
    if (ev->done.ok)
      r->merged = TRUE;
    else {
      own_failure (r, ev, out);
      r->apply_retry_us = now_us + APPLY_RETRY_US;
    }
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ACTION_RESYNC_WRITE:
    if (!ts_receiver_resync_copying (r))
      return;
    /* fall through */
  case TS_ACTION_WRITE:
    if (!ev->done.ok)
      ts_receiver_copy_trouble (r, ev, out);
    else
      ts_receiver_acknowledge (r, TS_ACK_COPY, 0, ev->done.disk, ev->done.offset_bytes, out);
    return;
  case TS_ACTION_FLUSH:
  case TS_ACTION_RESYNC_FLUSH:
    ts_receiver_copy_flushed (r, ev, out);
    return;
  case TS_ACTION_STORE:
    if (ev->done.ok)
      ts_receiver_acknowledge (r, TS_ACK_LOG, ev->done.set, ev->done.disk, ev->done.offset_bytes,
                               out);
    else if (r->greeted) {
      ts_receiver_forget_unsealed (r, out);
      ts_receiver_refuse_peer (r, now_us, TS_REFUSE_STORAGE, ev->done.reason, out);
    }
    return;
  case TS_ACTION_SEAL:
    sealed (r, ev, out);
    return;
  case TS_ACTION_APPLY:
    applied (r, ev, out);
    return;
  case TS_ACTION_BRANCH:
    if (r->failover != FAILOVER_BRANCHING)
      return;
    if (!ev->done.ok) { /* once failed over: another point can be chosen, or none (cancel) */
      if (!r->changing)
        r->failover = FAILOVER_NONE;
      r->changing = FALSE;
      own_failure (r, ev, out);
      return;
    }
    r->failover = FAILOVER_DONE;
    if (r->changing) {
      r->changing = FALSE;
      ts_receiver_persist (r, out);
      report_failover (r, now_us, "changed", out);
      return;
    }
    change_state (r, now_us, TS_STATE_RECOVERED, out);
    report_failover (r, now_us, "promoted", out);
    return;
  case TS_ACTION_POWER_ON:
    r->starting = FALSE;
    if (ev->done.ok)
      report_failover (r, now_us, "started", out);
    else
      own_failure (r, ev, out);
    ts_receiver_go_on_applying (r, now_us, out); /* being removed */
    return;
  case TS_ACTION_MERGE:
    r->merging = FALSE;
    if (!ev->done.ok) {
      r->reversing = r->removing = FALSE;
      own_failure (r, ev, out);
      return;
    }
    change_state (r, now_us, TS_STATE_COMMITTED, out);
    ts_receiver_forget_points (r, now_us, "commit", out); /* trap 8 */
    report_failover (r, now_us, "committed", out);
    if (r->reversing) {
      r->reversing = FALSE;
      ask_reverse (r, now_us, out);
    }
    ts_receiver_go_on_applying (r, now_us, out); /* being removed */
    return;
  case TS_ACTION_TURN: /* heard only when it has failed */
    r->turning = FALSE;
    own_failure (r, ev, out);
    return;
  case TS_ACTION_TEST_START:
    test_started (r, ev, out);
    return;
  case TS_ACTION_TEST_STOP:
    test_stopped (r, ev, out);
    return;
  case TS_ACTION_DISCARD:
    r->discarding = FALSE;
    if (!ev->done.ok) {
      if (r->changing)
        r->failover = FAILOVER_DONE;
      r->changing = FALSE;
      own_failure (r, ev, out);
      return;
    }
    if (r->changing) {
      branch (r, now_us, out);
      return;
    }
    /* The disks below are as they were: the primary is welcome again, from the last stored set on.
     */
    r->failover = FAILOVER_NONE;
    change_state (r, now_us, TS_STATE_REPLICATING, out);
    report_failover (r, now_us, "cancelled", out);
    r->planned = FALSE;
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  default:
    return;
  }
}

void
ts_receiver_step (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  switch (ev->kind) {
  case TS_EVENT_TICK:
    if (r->restored) { /* logs received in part are of no use without the mark of how far */
      r->restored = FALSE;
      ts_receiver_forget_unsealed (r, out);
      ts_receiver_history_restored (r, out);
      if (r->changing)
        ts_actions_add (out, TS_ACTION_DISCARD);
    }
    if (ev->now_us >= r->apply_retry_us) {
      r->apply_retry_us = TS_NEVER;
      ts_receiver_go_on_applying (r, ev->now_us, out);
    }
    break;
  case TS_EVENT_ASK:
    asked (r, ev, out);
    break;
  case TS_EVENT_CONNECTED:
    r->connected = TRUE;
    r->greeted = r->welcome_due = FALSE;
    ts_receiver_resync_lost (r);
    break;
  case TS_EVENT_LOST:
    r->connected = r->greeted = r->welcome_due = FALSE;
    r->resync_wanted = 0;
    ts_receiver_resync_lost (r);
    break;
  case TS_EVENT_FRAME:
    frame_in (r, ev, out);
    break;
  case TS_EVENT_DONE:
    done (r, ev, out);
    break;
  case TS_EVENT_MACHINE:
    break;
  }
  judge_health (r, ev->now_us, out);
}

gint64
ts_receiver_wake_us (const TsReceiver *r)
{
  TsHealthInput input = health_input (r, 0);
  gint64 health_us =
      r->known && r->health == TS_HEALTH_NORMAL ? ts_health_wake_us (&input) : TS_NEVER;
  return MIN (r->apply_retry_us, health_us);
}

TsState
ts_receiver_state (const TsReceiver *r)
{
  return r->state;
}

TsHealth
ts_receiver_health (const TsReceiver *r)
{
  return r->health;
}

const TsHello *
ts_receiver_hello (const TsReceiver *r)
{
  return r->known ? &r->hello : NULL;
}

guint64
ts_receiver_stored_set (const TsReceiver *r)
{
  return r->stored;
}

guint64
ts_receiver_applied_set (const TsReceiver *r)
{
  return r->applied;
}

gboolean
ts_receiver_test (const TsReceiver *r, guint64 *set, gint64 *instant_us)
{
  *set = r->test_set;
  *instant_us = r->test_us;
  return test_stands (r);
}

guint64
ts_receiver_test_base (const TsReceiver *r)
{
  return r->test_base;
}

TsPoint
ts_receiver_copy_point (const TsReceiver *r)
{
  return r->chosen;
}

guint
ts_receiver_points (const TsReceiver *r, const TsPoint **points)
{
  *points = r->kept;
  return r->kept_count;
}

TsUndo *
ts_receiver_way_to (const TsReceiver *r, guint64 set)
{
  return ts_receiver_history_way (r, set);
}

gint64
ts_receiver_last_test_us (const TsReceiver *r)
{
  return r->statistics.last_test_us;
}

gint64
ts_receiver_point_us (const TsReceiver *r)
{
  return r->point_us;
}

TsReceiver *
ts_receiver_new (const char *host)
{
  TsReceiver *r = g_new0 (TsReceiver, 1);
  r->host = g_strdup (host);
  r->recv_set = 1;
  r->apply_retry_us = TS_NEVER;
  r->point_us = -1;
  r->statistics.last_sync_us = r->statistics.last_test_us = -1;
  g_queue_init (&r->seals);
  g_queue_init (&r->applies);
  g_queue_init (&r->questions);
  return r;
}

void
ts_receiver_free (TsReceiver *r)
{
  if (!r)
    return;
  g_queue_clear_full (&r->seals, g_free);
  g_queue_clear_full (&r->applies, g_free);
  ts_receiver_resync_lost (r);
  g_free (r->host);
  g_free (r->source);
  g_free (r);
}

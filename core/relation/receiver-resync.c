/* core/relation/receiver-resync.c -- a resynchronization, on the replica: hash what is asked, keep
 * what differs beside the disks, and only when all of it and the log set behind it are durable,
 * merge (HVR reference 2.9).
 *
 * Until that set is sealed the disks are what they were: a failover ends the run and takes them.
 * From then on there is no way back: merge, apply, and again from the start after a crash, since
 * both are absolute. */
#include "core/relation/receiver-internal.h"

typedef struct {
  guint disk;
  guint64 offset_bytes;
  guint32 len_bytes;
  GBytes *digest; /* the primary's */
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;
  g_bytes_unref (question->digest);
  g_free (question);
}

static void
report (TsReceiver *r, gint64 now_us, const char *phase, const char *reason, TsActions *out)
{
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "resync"), "phase", phase);
  ts_actions_report (out, ts_record_text (rec, "reason", reason));
}

/* Does what is received belong into the overlays? */
gboolean
ts_receiver_resync_copying (const TsReceiver *r)
{
  return r->resync == RESYNC_COPYING || r->resync == RESYNC_COPIED;
}

guint64
ts_receiver_next_set (const TsReceiver *r)
{
  return r->resync == RESYNC_COPIED ? r->resync_set : r->stored + 1;
}

void
ts_receiver_resync_lost (TsReceiver *r)
{
  g_queue_clear_full (&r->questions, question_free);
}

static void
begin (TsReceiver *r, guint64 run, TsActions *out)
{
  ts_receiver_aside_forget (r, out); /* CHOICE: a copy that is still on its way is not awaited any more */
  r->resync = RESYNC_OPENING;
  r->resync_run = run;
  r->resync_wanted = r->resync_set = 0;
  r->copy_done = r->copy_ending = FALSE;
  r->copy_mark = r->copy_durable = (TsCopyMark){0};
  r->copy_since_flush = 0;
  r->flush_void = r->flushing;
  ts_receiver_forget_unsealed (r, out);
  ts_actions_add (out, TS_ACTION_RESYNC_OPEN);
}

/* A set that was received before must be on the disks before they are compared: what is equal now
 * would else be changed by it later. */
void
ts_receiver_resync_go_on (TsReceiver *r, TsActions *out)
{
  if (r->resync_wanted && !r->applying && r->applies.length == 0 && r->seals.length == 0 &&
      r->test == TEST_NONE && !r->importing && r->aside != ASIDE_MERGING)
    begin (r, r->resync_wanted, out);
}

void
ts_receiver_resync_spoil (TsReceiver *r, gint64 now_us, const char *why, TsActions *out)
{
  TsReceiverSet *set;
  r->spoilt = TRUE;
  while ((set = g_queue_pop_head (&r->applies))) {
    ts_actions_add (out, TS_ACTION_DELETE_SET)->set = set->number;
    g_free (set);
  }
  ts_receiver_persist (r, out);
  report (r, now_us, "spoilt", why, out);
  if (r->greeted)
    ts_receiver_refuse_peer (r, now_us, TS_REFUSE_SEQUENCE, why, out);
}

gboolean
ts_receiver_resync_hello (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  guint64 said = ev->frame.frame->value, run = said & TS_RESYNC_RUN ? said : 0;
  r->resync_wanted = 0;
  if (run == 0 && r->spoilt) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_SEQUENCE,
                             "the replica's disks are not what was received", out);
    return TRUE;
  }
  if (run == 0 && (r->resync == RESYNC_OPENING || ts_receiver_resync_copying (r))) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_SEQUENCE,
                             "a resynchronization was begun and has not ended", out);
    return TRUE;
  }
  /* CHOICE: whoever backs up loses what he has read; the primary does not wait for him. */
  if (run != 0)
    ts_receiver_end_backup (r, ev->now_us, "resynchronization", out);
  if (run == 0 || run == r->resync_run) {
    if (r->resync != RESYNC_OPENING)
      return FALSE;
    r->welcome_due = TRUE;
    return TRUE;
  }
  r->resync_wanted = run;
  r->welcome_due = TRUE;
  ts_receiver_end_test (r, ev->now_us, out); /* CHOICE: nothing may stand on disks that change */
  if (r->seals.length == 0)
    ts_receiver_forget_unsealed (r, out);
  ts_receiver_go_on_applying (r, ev->now_us, out);
  return TRUE;
}

/* The run ends, the disks stay what they are. */
void
ts_receiver_resync_cancel (TsReceiver *r, gint64 now_us, const char *why, TsActions *out)
{
  r->resync_wanted = 0;
  if (r->resync == RESYNC_NONE || r->resync == RESYNC_MERGING)
    return;
  r->resync = RESYNC_NONE;
  r->resync_run = r->resync_set = 0;
  r->copy_done = r->state != TS_STATE_INITIAL;
  r->copy_ending = FALSE;
  ts_receiver_resync_lost (r);
  ts_receiver_forget_unsealed (r, out);
  ts_receiver_persist (r, out);
  ts_actions_add (out, TS_ACTION_RESYNC_DROP);
  report (r, now_us, "cancelled", why, out);
}

/* --- comparing -------------------------------------------------------------------------------- */

void
ts_receiver_resync_compare (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  TsFrame *f = ev->frame.frame;
  guint64 size = f->disk < r->hello.disks ? r->hello.disk[f->disk].size_bytes : 0;
  if (r->resync != RESYNC_COPYING || f->set != r->resync_run || f->value == 0 ||
      f->value > TS_COMPARE_BATCH_BYTES || f->offset_bytes > size ||
      f->value > size - f->offset_bytes || !f->payload ||
      g_bytes_get_size (f->payload) != TS_COMPARE_HASH_BYTES ||
      r->questions.length >= TS_RECEIVER_QUESTIONS_MAX) {
    ts_receiver_protocol_error (r, ev->now_us, "a comparison that has no place", out);
    return;
  }
  Question *question = g_new0 (Question, 1);
  question->disk = f->disk;
  question->offset_bytes = f->offset_bytes;
  question->len_bytes = (guint32)f->value;
  question->digest = g_steal_pointer (&f->payload);
  g_queue_push_tail (&r->questions, question);
  TsAction *a = ts_actions_add (out, TS_ACTION_HASH);
  a->disk = question->disk;
  a->offset_bytes = question->offset_bytes;
  a->len_bytes = question->len_bytes;
}

void
ts_receiver_resync_hashed (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  Question *question = g_queue_peek_head (&r->questions);
  if (!question || question->disk != ev->done.disk ||
      question->offset_bytes != ev->done.offset_bytes)
    return; /* asked on a connection that is gone */
  if (!ev->done.ok) {
    ts_receiver_resync_lost (r);
    if (r->greeted)
      ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STORAGE, ev->done.reason, out);
    return;
  }
  g_autoptr (GBytes) digest = ts_compare_digest (ev->done.hashes);
  TsAction *a = ts_actions_add (out, TS_ACTION_SEND);
  a->source = TS_SOURCE_PAYLOAD;
  a->frame.kind = TS_FRAME_COMPARED;
  a->frame.set = r->resync_run;
  a->frame.disk = (guint16)question->disk;
  a->frame.offset_bytes = question->offset_bytes;
  a->frame.value = question->len_bytes;
  if (!g_bytes_equal (digest, question->digest))
    a->frame.payload = g_bytes_ref (ev->done.hashes);
  question_free (g_queue_pop_head (&r->questions));
}

/* --- the overlays ----------------------------------------------------------------------------- */

void
ts_receiver_resync_opened (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  if (r->resync != RESYNC_OPENING)
    return; /* ended meanwhile */
  if (!ev->done.ok) {
    ts_receiver_resync_cancel (r, ev->now_us, ev->done.reason, out);
    if (r->welcome_due)
      ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STORAGE, ev->done.reason, out);
    r->welcome_due = FALSE;
    return;
  }
  r->resync = RESYNC_COPYING;
  ts_receiver_persist (r, out);
  report (r, ev->now_us, "begun", "", out);
  if (r->welcome_due)
    ts_receiver_welcome (r, ev->now_us, out);
}

/* The set behind the copy is durable: what there is beside the disks is now worth more than they.
 */
void
ts_receiver_resync_sealed (TsReceiver *r, gint64 now_us, TsActions *out)
{
  r->resync = RESYNC_MERGING;
  report (r, now_us, "merging", "", out);
  ts_receiver_forget_points (r, now_us, "resynchronization", out); /* trap 3 */
}

/* Nothing was merged: somebody else has written to the disks since they were compared, so what was equal
 * may not be any more.  Only another run can tell. */
void
ts_receiver_resync_void (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  r->resync = RESYNC_NONE;
  r->resync_set = 0;
  ts_receiver_resync_spoil (r, ev->now_us, ev->done.reason, out);
  ts_actions_add (out, TS_ACTION_RESYNC_DROP);
}

/* Merged, and the set is on the disks. */
void
ts_receiver_resync_applied (TsReceiver *r, gint64 now_us, TsActions *out)
{
  r->resync =
      RESYNC_NONE; /* resync_run stays: who asks for that run again is told that it is done */
  r->resync_set = 0;
  r->merged = r->spoilt = FALSE;
  report (r, now_us, "done", "", out);
}

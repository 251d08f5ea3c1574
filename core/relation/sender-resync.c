/* core/relation/sender-resync.c -- a resynchronization, on the primary: track anew, compare, send
 * what differs, then one log set that makes it an instant (HVR reference 2.9).
 *
 * It is an initial copy of only those blocks that differ: when the last batch has been compared,
 * maps hold them, and sender-copy.c sends them as it sends any copy.  What is written meanwhile is
 * tracked; the set that is cut behind the copy (TS_SET_RESYNC) has it, and begins a new chain.
 *
 * Whoever wants to bring any pair of disks together begins here: ts_sender_resync_begin, from a
 * state that may be followed by "resynchronizing" (or "initial": an existing copy, an old primary's
 * disks).  The rest goes by itself: state "replicating" is the end of it, "resync-required" means
 * that it has to be begun again. */
#include "core/relation/sender-internal.h"
#include "core/base/units.h"

#define BATCHES_OUT 32 /* hashed or being hashed, and not yet answered */

typedef struct {
  guint disk;
  guint64 offset_bytes;
  guint32 len_bytes;
  GBytes *hashes; /* NULL: being hashed */
  gboolean sent;  /* on this connection */
} Batch;

static void
batch_free (gpointer data)
{
  Batch *batch = data;
  g_clear_pointer (&batch->hashes, g_bytes_unref);
  g_free (batch);
}

static guint64
disks_bytes (const TsSender *s)
{
  guint64 bytes = 0;
  for (guint i = 0; i < s->hello.disks; i++)
    bytes += s->hello.disk[i].excluded ? 0 : s->hello.disk[i].size_bytes;
  return bytes;
}

static guint64
differing_bytes (const TsSender *s)
{
  guint64 bytes = 0;
  for (guint i = 0; i < s->hello.disks; i++)
    bytes += s->map[i] ? ts_extents_bytes (s->map[i]) : 0;
  return bytes;
}

/* Per cent: comparing and sending are half of it each, as long as nobody knows how much differs. */
void
ts_sender_resync_report (TsSender *s, gint64 now_us, const char *phase, TsActions *out)
{
  guint64 total = disks_bytes (s);
  guint64 percent = total == 0 ? 50 : 50 * s->compared_bytes / total;
  if (s->copy > COPY_COMPARE)
    percent += s->copy_total == 0 ? 50 : 50 * s->copy_acked / s->copy_total;
  TsRecord *r = ts_sender_record (s, now_us, "resync");
  ts_record_text (r, "phase", phase);
  ts_record_int (r, "run", (gint64)(s->resync_run & G_MAXINT64));
  ts_record_int (r, "percent", (gint64)percent);
  ts_record_int (r, "compared_bytes", (gint64)s->compared_bytes);
  ts_record_int (r, "total_bytes", (gint64)total);
  ts_record_int (r, "differing_bytes", (gint64)differing_bytes (s));
  ts_actions_report (out, ts_record_int (r, "bytes", (gint64)s->copy_acked));
  s->compared_reported = s->compared_bytes;
}

/* --- begin, end ------------------------------------------------------------------------------- */

void
ts_sender_resync_forget (TsSender *s)
{
  g_queue_clear_full (&s->batches, batch_free);
  for (guint i = 0; i < TS_WIRE_DISKS_MAX; i++)
    g_clear_pointer (&s->map[i], ts_extents_free);
  s->resync_run = s->resync_set = 0;
  s->compare_disk = 0;
  s->compare_offset = s->compared_bytes = s->compared_reported = 0;
  s->copy_total = s->copy_acked = s->copy_reported = 0;
  s->copy = COPY_DONE;
}

void
ts_sender_resync_plan (TsSender *s, gint64 now_us)
{
  /* One that ends as it began is tried again as a link is (CHOICE: SILENT in HVR 2.9). */
  gint64 from_us =
      now_us + (s->resync_attempt ? ts_sender_backoff_us (s->resync_attempt, s->interval_us) : 0);
  s->resync_due_us = ts_schedule_next_us (&s->policy.resync, s->policy.time_scale, from_us);
}

void
ts_sender_resync_tick (TsSender *s, gint64 now_us, TsActions *out)
{
  s->resync_due_us = TS_NEVER;
  if (s->state != TS_STATE_RESYNC_REQUIRED)
    return;
  gint64 next_us = ts_schedule_next_us (&s->policy.resync, s->policy.time_scale, now_us);
  if (next_us > now_us) { /* the window has closed, or this process has just begun */
    s->resync_due_us = next_us;
    return;
  }
  s->resync_attempt++;
  ts_sender_resync_begin (s, now_us, out);
}

void
ts_sender_resync_begin (TsSender *s, gint64 now_us, TsActions *out)
{
  ts_sender_resync_forget (s);
  /* Unlike any other run's, and unlike any set's number: frames of it are counted under it. */
  s->resync_run = TS_RESYNC_RUN | (guint64)(now_us + 1);
  s->resync_due_us = TS_NEVER;
  s->refused = FALSE;
  s->attempt = 0;
  s->copy = COPY_TRACK;
  if (s->state != TS_STATE_INITIAL)
    ts_sender_change_state (s, now_us, TS_STATE_RESYNCHRONIZING, out);
  ts_sender_resync_report (s, now_us, "begun", out);
  ts_actions_add (out, TS_ACTION_TRACK);
}

gboolean
ts_sender_resync_merging (const TsSender *s)
{
  return s->resync_set > 0 && s->stored >= s->resync_set;
}

void
ts_sender_resync_done (TsSender *s, gint64 now_us, TsActions *out)
{
  TsRecord *r = ts_sender_record (s, now_us, "event"); /* HVR 5.3 */
  ts_record_int (r, "event", 29244);
  ts_record_int (r, "bytes", (gint64)s->copy_total);
  ts_record_int (r, "duration_us", now_us + 1 - (gint64)(s->resync_run & ~TS_RESYNC_RUN));
  ts_actions_report (out, ts_record_text (r, "result", "completed"));
  ts_sender_resync_report (s, now_us, "done", out);
  s->resync_attempt = 0;
  ts_sender_resync_forget (s);
}

/* --- comparing -------------------------------------------------------------------------------- */

/* Keeps the hashing of batches and their sending going. */
void
ts_sender_resync_pump (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->copy != COPY_COMPARE || s->state == TS_STATE_RESYNC_SUSPENDED)
    return;
  while (s->batches.length < BATCHES_OUT && s->compare_disk < s->hello.disks) {
    guint64 left = s->hello.disk[s->compare_disk].size_bytes - s->compare_offset;
    if (left == 0 || s->hello.disk[s->compare_disk].excluded) {
      s->compare_disk++;
      s->compare_offset = 0;
      continue;
    }
    Batch *batch = g_new0 (Batch, 1);
    batch->disk = s->compare_disk;
    batch->offset_bytes = s->compare_offset;
    batch->len_bytes = (guint32)MIN (left, TS_COMPARE_BATCH_BYTES);
    g_queue_push_tail (&s->batches, batch);
    TsAction *a = ts_actions_add (out, TS_ACTION_HASH);
    a->disk = batch->disk;
    a->offset_bytes = batch->offset_bytes;
    a->len_bytes = batch->len_bytes;
    s->compare_offset += batch->len_bytes;
  }
  if (s->link != LINK_UP)
    return;
  gboolean any = FALSE;
  for (GList *l = s->batches.head; l; l = l->next) {
    Batch *batch = l->data;
    if (!batch->hashes) /* the replica answers in order: so they go in order */
      break;
    if (batch->sent)
      continue;
    TsAction *a = ts_sender_frame (out, TS_FRAME_COMPARE);
    a->source = TS_SOURCE_PAYLOAD;
    a->frame.set = s->resync_run;
    a->frame.disk = (guint16)batch->disk;
    a->frame.offset_bytes = batch->offset_bytes;
    a->frame.value = batch->len_bytes;
    a->frame.payload = ts_compare_digest (batch->hashes);
    batch->sent = any = TRUE;
  }
  if (any && s->deadline_us == TS_NEVER)
    ts_sender_expect_answer (s, now_us);
}

gboolean
ts_sender_resync_waiting (const TsSender *s)
{
  for (const GList *l = s->batches.head; l; l = l->next)
    if (((const Batch *)l->data)->sent)
      return TRUE;
  return FALSE;
}

/* Tracking has begun: from here on nothing that is written is lost. */
void
ts_sender_resync_tracked (TsSender *s, gint64 now_us, TsActions *out)
{
  s->copy = COPY_COMPARE;
  for (guint i = 0; i < s->hello.disks; i++)
    s->map[i] = ts_extents_new ();
  TsRecord *r = ts_sender_record (s, now_us, "event"); /* HVR 5.3 */
  ts_record_int (r, "event", 29242);
  ts_actions_report (
      out, ts_record_int (r, "blocks", (gint64)(disks_bytes (s) / TS_COMPARE_BLOCK_BYTES)));
  ts_sender_resync_pump (s, now_us, out);
}

void
ts_sender_resync_hashed (TsSender *s, const TsEvent *ev, TsActions *out)
{
  for (GList *l = s->batches.head; l; l = l->next) {
    Batch *batch = l->data;
    if (batch->hashes || batch->disk != ev->done.disk ||
        batch->offset_bytes != ev->done.offset_bytes)
      continue;
    if (!ev->done.ok) {
      g_autofree char *why = g_strdup_printf ("the disks cannot be compared: %s", ev->done.reason);
      ts_sender_require_resync (s, ev->now_us, why, out);
      return;
    }
    batch->hashes = g_bytes_ref (ev->done.hashes);
    ts_sender_resync_pump (s, ev->now_us, out);
    return;
  } /* else: of a run that was cancelled */
}

/* A new connection: what was out on the old one is asked again. */
void
ts_sender_resync_welcome (TsSender *s)
{
  for (GList *l = s->batches.head; l; l = l->next)
    ((Batch *)l->data)->sent = FALSE;
}

/* FALSE: not an answer to anything. */
gboolean
ts_sender_resync_compared (TsSender *s, const TsEvent *ev, TsActions *out)
{
  const TsFrame *frame = ev->frame.frame;
  Batch *batch = g_queue_peek_head (&s->batches);
  if (s->copy != COPY_COMPARE || !batch || !batch->sent || batch->disk != frame->disk ||
      batch->offset_bytes != frame->offset_bytes || batch->len_bytes != frame->value)
    return FALSE;
  if (frame->payload && g_bytes_get_size (frame->payload) > 0 &&
      !ts_compare_differing (batch->hashes, frame->payload, batch->offset_bytes, batch->len_bytes,
                             s->map[batch->disk], NULL))
    return FALSE;
  s->compared_bytes += batch->len_bytes;
  s->attempt = 0;
  batch_free (g_queue_pop_head (&s->batches));
  ts_sender_resync_pump (s, ev->now_us, out);
  guint64 total = disks_bytes (s);
  if (s->batches.length == 0 && s->compared_bytes == total) {
    s->copy_total = differing_bytes (s);
    s->copy = COPY_SENDING;
    s->copy_disk = 0;
    s->copy_offset = 0;
    ts_sender_resync_report (s, ev->now_us, "compared", out);
  } else if (s->compared_bytes - s->compared_reported >= MAX (total / 10, 64 * TS_MIB))
    ts_sender_resync_report (s, ev->now_us, "comparing", out);
  return TRUE;
}

/* --- the operator ----------------------------------------------------------------------------- */

void
ts_sender_resync_pause (TsSender *s, gint64 now_us, TsActions *out)
{
  s->due_us = TS_NEVER;
  s->deadline_us = TS_NEVER;
  ts_sender_change_state (s, now_us, TS_STATE_RESYNC_SUSPENDED, out);
  ts_sender_resync_report (s, now_us, "paused", out);
}

void
ts_sender_resync_resume (TsSender *s, gint64 now_us, TsActions *out)
{
  ts_sender_change_state (s, now_us, TS_STATE_RESYNCHRONIZING, out);
  ts_sender_resync_report (s, now_us, "resumed", out);
}

/* core/relation/receiver-link.c -- what the primary says: who it is, pieces of logs, ends of sets. */
#include "core/base/units.h"
#include "core/relation/receiver-internal.h"

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

void
ts_receiver_welcome (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->resync_wanted || r->resync == RESYNC_OPENING || r->aside == ASIDE_WANTED ||
      r->aside == ASIDE_OPENING)
    return; /* it is due when that has begun */
  r->welcome_due = FALSE;
  if (!r->connected)
    return;
  r->greeted = TRUE;
  guint64 applied = ts_receiver_aside (r) ? 0 : r->applied; /* nothing is on the disks yet */
  TsAction *a = send_frame (out, TS_FRAME_WELCOME, r->copy_done ? 1 + applied : 0);
  a->frame.set = ts_receiver_next_set (r) - 1;
  a->frame.disk = (guint16)(r->copy_done ? r->recv_disk : r->copy_mark.disk);
  a->frame.offset_bytes = r->copy_done ? r->recv_offset : r->copy_mark.offset_bytes;
  a->frame.payload = r->copy_done ? ts_receiver_update_mark (r) : NULL;
  if (a->frame.payload)
    a->source = TS_SOURCE_PAYLOAD;
}

static gboolean
same_vm (const TsHello *a, const TsHello *b)
{
  return ts_guid_equal (&a->vm, &b->vm) && a->disks == b->disks;
}

/* Sides' disks are resized apart (HVR 2.6); what goes from end to end has to have the same ones. */
static gboolean
same_sizes (const TsHello *a, const TsHello *b)
{
  for (guint i = 0; i < a->disks; i++)
    if (!b->disk[i].excluded && a->disk[i].size_bytes != b->disk[i].size_bytes)
      return FALSE;
  return TRUE;
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
    ts_receiver_initial_first (r, ev->frame.frame);
    ts_receiver_change_state (r, ev->now_us, TS_STATE_INITIAL, out); /* HVR 2.2.3: at once */
    r->welcome_due = TRUE;
    if (!r->creating)
      ts_receiver_create (r, out);
    return;
  }
  if (!same_vm (&r->hello, &said)) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STATE,
                             "the replica belongs to another virtual machine, or has other disks", out);
    return;
  }
  gboolean whole = !r->copy_done || (ev->frame.frame->value & TS_RESYNC_RUN) != 0;
  if (whole && !same_sizes (&r->hello, &said)) { /* HVR 2.9, algorithm, step 1 */
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STATE,
                             "the disks of the two sides have different sizes", out);
    return;
  }
  if (r->moving) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_PAUSED, TS_RECEIVER_MOVING, out);
    return;
  }
  if (r->failover != FAILOVER_NONE || r->state == TS_STATE_RECOVERED ||
      r->state == TS_STATE_COMMITTED) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STATE, "the replica has failed over", out);
    return;
  }
  if (r->state == TS_STATE_SUSPENDED || r->removing) {
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_PAUSED, TS_RECEIVER_PAUSED, out);
    return;
  }
  if (ts_receiver_initial_hello (r, ev, out))
    return;
  if (r->created && r->copy_done && ts_receiver_update_hello (r, ev, &said, out))
    return;
  if (r->created && ts_receiver_resync_hello (r, ev, out))
    return;
  if (!r->created && !r->creating)
    ts_receiver_create (r, out); /* again, if the host crashed in the middle of it */
  if (!r->created || r->creating || r->seals.length > 0 || r->aside == ASIDE_WANTED ||
      r->aside == ASIDE_OPENING)
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
  /* Logs come in order of their disks; of which disks, the set's end says. */
  gboolean next_disk = f->disk > r->recv_disk && f->offset_bytes == 0;
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
    ts_receiver_set_action (out, TS_ACTION_SEAL, set);
  g_queue_push_tail (&r->seals, g_steal_pointer (&set));
}

void
ts_receiver_frame_in (TsReceiver *r, const TsEvent *ev, TsActions *out)
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
    if (!ts_receiver_update_frame (r, ev, out))
      ts_receiver_copy_frame (r, ev, out);
    return;
  case TS_FRAME_COPY_END:
    if (ts_receiver_update_frame (r, ev, out))
      return;
    if (r->resync == RESYNC_COPYING)
      r->resync_set = ev->frame.frame->value;
    else if (!r->copy_done)
      r->copy_first_set = ev->frame.frame->value;
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
  case TS_FRAME_MESSAGE:
  case TS_FRAME_KINDS:
    ts_receiver_protocol_error (r, ev->now_us, "a frame that a primary does not send here", out);
    return;
  }
}

/* core/relation/sender-link.c -- the primary's connection to its replica, and what that says.
 *
 * After a break what is not acknowledged is sent again, from where the replica's WELCOME says. */
#include "core/base/units.h"
#include "core/relation/sender-internal.h"

gint64
ts_sender_backoff_us (guint attempt, gint64 interval_us)
{
  static const gint64 minutes[] = {1, 2, 4, 8, 10};
  gint64 base = attempt >= 1 && attempt <= G_N_ELEMENTS (minutes) ? minutes[attempt - 1] : 30;
  return base * TS_MIN / (300 * TS_MS) * (interval_us / TS_MS);
}

/* Is there anything that the replica still has to answer? */
gboolean
ts_sender_waiting (const TsSender *s)
{
  if (s->state == TS_STATE_RESYNC_SUSPENDED)
    return FALSE;
  gboolean for_copy = s->copy == COPY_SENDING || s->copy == COPY_ENDING;
  gboolean for_update = s->update == UPDATE_SENDING || s->update == UPDATE_ENDING ||
                        (s->update_set && s->applied < s->update_set);
  gboolean for_compare = s->copy == COPY_COMPARE && ts_sender_resync_waiting (s);
  /* what waits for a medium is applied when that is there, in days perhaps */
  gboolean for_apply = (s->state == TS_STATE_INITIAL && !s->exported && s->stored > s->applied) ||
                       (s->resync_set && s->applied < s->resync_set) ||
                       (s->preparing && s->planned_set && s->applied < s->planned_set);
  return for_copy || for_update || for_compare || for_apply ||
         (s->sets.length > 0 && s->slot != TS_SLOT_ASKED);
}

/* How long the replica may be silent while something is out.  CHOICE (reference section 9, 1). */
static gint64
patience_us (const TsSender *s)
{
  gint64 half = s->interval_us / 2;
  return half > 5 * TS_S ? half : 5 * TS_S;
}

void
ts_sender_expect_answer (TsSender *s, gint64 now_us)
{
  s->deadline_us = now_us + patience_us (s);
}

guint64
ts_sender_chunk_bytes (const TsSender *s)
{
  return s->fast ? TS_SENDER_CHUNK_LARGE_BYTES : TS_SENDER_CHUNK_BYTES;
}

void
ts_sender_window_begin (TsSender *s, gint64 now_us)
{
  s->window_us = now_us;
  s->window_bytes = 0;
}

static void
window_answered (TsSender *s, gint64 now_us, guint64 bytes)
{
  s->window_bytes += bytes;
  if (s->window_bytes < TS_SENDER_WINDOW_BYTES)
    return;
  s->fast = now_us - s->window_us <= TS_SENDER_FAST_US;
  ts_sender_window_begin (s, now_us);
}

/* How much more of a log is stored than was known.  0: of one that is out no more. */
static guint64
log_answered (TsSender *s, const TsFrame *frame)
{
  if (s->log_set != frame->set || s->log_disk != frame->disk) {
    s->log_set = frame->set;
    s->log_disk = frame->disk;
    s->log_acked = 0;
  }
  guint64 before = s->log_acked;
  s->log_acked = MAX (before, frame->offset_bytes);
  return s->log_acked - before;
}

void
ts_sender_connect_peer (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->link != LINK_DOWN || s->refused || s->moving)
    return;
  s->link = LINK_CONNECTING;
  s->retry_us = TS_NEVER;
  ts_sender_expect_answer (s, now_us);
  ts_actions_add (out, TS_ACTION_CONNECT);
}

static void
report_connection (TsSender *s, gint64 now_us, gboolean up, const char *reason, TsActions *out)
{
  TsRecord *r = ts_record_bool (ts_sender_record (s, now_us, "connection"), "up", up);
  ts_actions_report (out, ts_record_text (r, "reason", reason));
}

/* The connection is gone or given up: whatever was out is sent again. */
void
ts_sender_link_lost (TsSender *s, gint64 now_us, const char *reason, TsActions *out)
{
  if (s->copy > COPY_NONE && ts_sender_waiting (s)) { /* HVR 5.3: could not replicate changes */
    TsRecord *failed = ts_record_int (ts_sender_record (s, now_us, "failure"), "event", 32022);
    ts_record_text (failed, "action", "send");
    ts_actions_report (out, ts_record_text (failed, "reason", reason));
  }
  report_connection (s, now_us, FALSE, reason, out);
  s->link = LINK_DOWN;
  s->deadline_us = TS_NEVER;
  s->in_flight = 0;
  s->fast = FALSE;
  s->statistics.network_failures++;
  s->attempt++;
  gint64 after_us = ts_sender_backoff_us (s->attempt, s->interval_us);
  s->retry_us = now_us + after_us;
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "retry"), "attempt", s->attempt);
  ts_record_int (r, "event", 32315); /* HVR 5.3: will retry after ... */
  ts_actions_report (out, ts_record_int (r, "after_us", after_us));
}

void
ts_sender_hang_up (TsSender *s, TsActions *out)
{
  if (s->link != LINK_DOWN)
    ts_actions_add (out, TS_ACTION_DISCONNECT);
  s->link = LINK_DOWN;
  s->deadline_us = s->retry_us = TS_NEVER;
  s->in_flight = 0;
}

TsAction *
ts_sender_frame (TsActions *out, TsFrameKind kind)
{
  TsAction *a = ts_actions_add (out, TS_ACTION_SEND);
  a->frame.kind = kind;
  return a;
}

static void
set_stored (TsSender *s, gint64 now_us, guint64 number, TsActions *out)
{
  TsSenderSet *set;
  while ((set = g_queue_peek_head (&s->sets)) && set->number <= number) {
    gint64 transfer_us = set->first_sent_us < 0 ? 0 : now_us - set->first_sent_us;
    ts_statistics_sent (&s->statistics, now_us, set->data_bytes, transfer_us);
    s->stored = set->number;
    TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "sent"), "set", (gint64)set->number);
    ts_record_int (r, "data_bytes", (gint64)set->data_bytes);
    ts_actions_report (out, ts_record_int (r, "transfer_us", transfer_us));
    if (!set->counted) {
      s->statistics.success++;
      ts_sender_report_cycle (s, now_us, set->number, "success", out);
    }
    g_queue_pop_head (&s->sets);
    ts_sender_persist (s, out);
    ts_actions_add (out, TS_ACTION_DELETE_SET)->set = set->number;
    g_free (set);
    ts_sender_report_pending (s, now_us, out);
  }
}

static void
set_applied (TsSender *s, gint64 now_us, guint64 number, TsActions *out)
{
  if (number <= s->applied)
    return;
  s->applied = number;
  if (s->resync_run) {
    if (s->resync_set == 0 || number < s->resync_set)
      return;
    if (s->state == TS_STATE_INITIAL)
      ts_sender_initial_done (s, now_us, out);
    ts_sender_resync_done (s, now_us, out);
    ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
  }
  if (s->state == TS_STATE_INITIAL) {
    ts_sender_initial_done (s, now_us, out);
    ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
  }
  ts_sender_update_applied (s, now_us, number, out);
  if (s->preparing && s->planned_set && number >= s->planned_set) {
    s->preparing = FALSE;
    s->due_us = TS_NEVER;
    ts_sender_change_state (s, now_us, TS_STATE_PREPARED, out);
    /* From here on the replica takes over; there is nothing more to say to it. */
    ts_sender_hang_up (s, out);
  }
}

static void
copy_ended (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->copy == COPY_DONE)
    return;
  ts_sender_copy_whole (s, now_us, "done", out);
}

/* The replica has not failed over: this is where the VM runs. */
static void
returned (TsSender *s, gint64 now_us, TsActions *out)
{
  s->returning = FALSE;
  s->attempt = 0;
  if (s->auto_start && !s->machine_on && !s->starting) {
    s->starting = TRUE;
    ts_actions_add (out, TS_ACTION_POWER_ON);
  }
  s->auto_start = FALSE;
  ts_sender_hang_up (s, out);
  /* What was asked for before that was known goes on, on a connection of its own. */
  if (s->state == TS_STATE_ERROR)
    return; /* until somebody resumes it */
  if (s->state == TS_STATE_REPLICATING)
    ts_sender_start_cycles (s, now_us);
  if (s->state != TS_STATE_RESYNC_REQUIRED && s->copy != COPY_TRACK && s->copy != COPY_MAP)
    ts_sender_connect_peer (s, now_us, out);
  if (s->track_due)
    s->retry_us = now_us + ts_sender_backoff_us (1, s->interval_us);
}

static void
welcome (TsSender *s, const TsEvent *ev, TsActions *out)
{
  const TsFrame *frame = ev->frame.frame;
  s->link = LINK_UP;
  s->hops = 0;
  s->deadline_us = TS_NEVER;
  report_connection (s, ev->now_us, TRUE, "", out);
  if (s->returning) {
    returned (s, ev->now_us, out);
    return;
  }
  if (s->resync_run && s->copy < COPY_DONE && frame->set >= s->next_set)
    s->next_set = frame->set + 1; /* this primary was taken back to the past: never mind */
  if (!s->welcomed) {
    if (frame->value != 0 && !s->resync_run && s->copy < COPY_DONE) {
      ts_sender_require_resync (s, ev->now_us, "the replica has a copy that is not of this primary", out);
      return;
    }
    s->welcomed = TRUE;
    ts_sender_persist (s, out); /* before the first byte of the copy is sent */
  }
  ts_sender_resync_welcome (s);
  if (s->resync_run && frame->value != 0 && s->copy < COPY_ENDING) {
    ts_sender_require_resync (s, ev->now_us, "the replica knows nothing of a copy under way", out);
    return;
  }
  if (frame->value == 0) { /* the replica still wants the copy, from (disk, offset) on */
    if (s->copy >= COPY_DONE) {
      ts_sender_require_resync (s, ev->now_us, "the replica has lost its initial copy", out);
      return;
    }
    if (s->copy == COPY_ENDING)
      s->copy = COPY_SENDING;
    if (s->copy != COPY_EXPORTING) {
      s->copy_disk = frame->disk;
      s->copy_offset = frame->offset_bytes;
      s->copy_acked = ts_sender_copy_bytes_until (s, s->copy_disk, s->copy_offset);
    }
  } else {
    if (s->copy == COPY_ENDING)
      copy_ended (s, ev->now_us, out);
    set_stored (s, ev->now_us, frame->set, out);
    if (frame->set + 1 < s->next_set && !ts_sender_find_set (s, frame->set + 1)) {
      ts_sender_require_resync (s, ev->now_us, "the replica is older than the oldest log that is kept", out);
      return;
    }
    if (frame->set >= s->next_set) {
      ts_sender_require_resync (s, ev->now_us, "the replica is newer than this primary", out);
      return;
    }
    s->send_set = frame->set + 1;
    s->send_disk = frame->disk;
    s->send_offset = frame->offset_bytes;
    s->log_set = s->send_set; /* what is out goes on from there */
    s->log_disk = s->send_disk;
    s->log_acked = s->send_offset;
    set_applied (s, ev->now_us, frame->value - 1, out);
    ts_sender_update_welcome (s, ev, out);
  }
  /* a replica that welcomes us and refuses what we send is no better than one that is away: else
   * attempts count until it has taken something */
  if (!ts_sender_waiting (s))
    s->attempt = 0;
  ts_sender_pump (s, ev->now_us, out);
  if (s->welcomed)
    ts_sender_initial_welcome (s, ev->now_us, out);
}

static void
acknowledged (TsSender *s, const TsEvent *ev, TsActions *out)
{
  const TsFrame *frame = ev->frame.frame;
  guint64 amount = 0;
  switch ((TsAckKind)frame->value) {
  case TS_ACK_COPY: {
    guint64 until = ts_sender_copy_bytes_until (s, frame->disk, frame->offset_bytes);
    if (until > s->copy_acked) {
      amount = until - s->copy_acked;
      s->copy_acked = until;
      s->attempt = 0;
    }
    if (s->copy_acked - s->copy_reported < 8 * TS_MIB)
      break;
    if (s->updating)
      ts_sender_update_progress (s, ev->now_us, out);
    else if (s->resync_run) {
      s->copy_reported = s->copy_acked;
      ts_sender_resync_report (s, ev->now_us, "sending", out);
    } else
      ts_sender_copy_report (s, ev->now_us, "progress", out);
    break;
  }
  case TS_ACK_COPY_END:
    if (s->updating) {
      ts_sender_update_copied (s, ev->now_us, out);
      s->in_flight = 0;
      break;
    }
    copy_ended (s, ev->now_us, out);
    s->in_flight = 0;
    break;
  case TS_ACK_LOG:
    amount = log_answered (s, frame);
    break;
  case TS_ACK_STORED:
    s->attempt = 0;
    set_stored (s, ev->now_us, frame->set, out);
    break;
  case TS_ACK_APPLIED:
    set_applied (s, ev->now_us, frame->set, out);
    break;
  case TS_ACK_ENABLED:
    break;
  }
  window_answered (s, ev->now_us, MIN (amount, s->in_flight));
  s->in_flight = amount < s->in_flight ? s->in_flight - amount : 0;
  if (!ts_sender_waiting (s))
    s->in_flight = 0;
  if (ts_sender_waiting (s) && s->link == LINK_UP)
    ts_sender_expect_answer (s, ev->now_us);
  else
    s->deadline_us = TS_NEVER;
  ts_sender_pump (s, ev->now_us, out);
}

#define HOPS_MAX 8 /* CHOICE: hosts that send us to each other know nothing */

/* HVR reference 1.5: the primary asks the replica's broker where it is, and goes on with no operator's
 * action.  CHOICE: the host that it has left is asked, which any node of a cluster stands for. */
static void
set_peer (TsSender *s, gint64 now_us, const char *to, TsActions *out)
{
  g_strlcpy (s->peer, to, sizeof s->peer);
  TsAction *peer = ts_actions_add (out, TS_ACTION_PEER);
  peer->payload = g_bytes_new (s->peer, strlen (s->peer) + 1);
  ts_sender_persist (s, out);
  ts_actions_report (out, ts_record_text (ts_sender_record (s, now_us, "peer"), "to", s->peer));
}

static gboolean
is_name (const TsSender *s, const char *to)
{
  return *to != '\0' && strlen (to) < sizeof s->peer && g_str_is_ascii (to);
}

void
ts_sender_peer_told (TsSender *s, gint64 now_us, const char *to, TsActions *out)
{
  if (!is_name (s, to) || g_str_equal (s->peer, to) || s->state == TS_STATE_DISABLED)
    return;
  gboolean tries = s->link != LINK_DOWN || s->retry_us != TS_NEVER;
  ts_sender_hang_up (s, out);
  set_peer (s, now_us, to, out);
  s->attempt = 0;
  if (tries) /* and not when there is nothing to say to it now */
    ts_sender_connect_peer (s, now_us, out);
}

static void
peer_moved (TsSender *s, gint64 now_us, const char *to, TsActions *out)
{
  ts_actions_add (out, TS_ACTION_DISCONNECT);
  if (!is_name (s, to) || ++s->hops > HOPS_MAX) {
    ts_sender_link_lost (s, now_us, "the replica is nowhere to be found", out);
    return;
  }
  set_peer (s, now_us, to, out);
  s->link = LINK_DOWN;
  s->deadline_us = TS_NEVER;
  s->in_flight = 0;
  ts_sender_connect_peer (s, now_us, out);
}

void
ts_sender_peer_refused (TsSender *s, const TsEvent *ev, TsActions *out)
{
  const TsFrame *frame = ev->frame.frame;
  gsize len = 0;
  const char *text = frame->payload ? g_bytes_get_data (frame->payload, &len) : "";
  g_autofree char *reason = g_utf8_make_valid (text, (gssize)len);
  switch ((TsRefusal)frame->value) {
  case TS_REFUSE_SEQUENCE:
    if (s->returning) /* it is still a replica, though one that has to be compared */
      returned (s, ev->now_us, out);
    ts_sender_require_resync (s, ev->now_us, reason, out);
    return;
  case TS_REFUSE_LOG:
    /* CHOICE: a log that is damaged here will be so tomorrow (HVR 2.9: an invalid log) */
    if (s->attempt >= TS_SENDER_LOG_ATTEMPTS) {
      ts_sender_require_resync (s, ev->now_us, reason, out);
      return;
    }
    /* fall through */
  case TS_REFUSE_STORAGE: /* passing: from the replica's position again, after the back-off */
    ts_actions_add (out, TS_ACTION_DISCONNECT);
    ts_sender_link_lost (s, ev->now_us, reason, out);
    if (frame->value == TS_REFUSE_STORAGE)
      ts_sender_update_trouble (s, ev->now_us, reason, out);
    s->statistics.failures++;
    return;
  case TS_REFUSE_PAUSED:
    ts_actions_add (out, TS_ACTION_DISCONNECT);
    ts_sender_link_lost (s, ev->now_us, reason, out);
    return;
  case TS_REFUSE_MOVED:
    peer_moved (s, ev->now_us, reason, out);
    return;
  case TS_REFUSE_STOPPING:
    ts_sender_peer_stops (s, ev->now_us, reason, out);
    return;
  case TS_REFUSE_VERSION:
  case TS_REFUSE_STATE:
  case TS_REFUSE_BOUNDS: /* the set stays queued: it goes again when the operator resumes */
    break;
  }
  if (s->resync_run && !s->returning) { /* sizes differ, failed over ...: HVR 2.9.1, the run ends */
    ts_sender_require_resync (s, ev->now_us, reason, out);
    s->resync_due_us = TS_NEVER; /* CHOICE: it would be refused again */
    return;
  }
  ts_sender_initial_refused (s, ev->now_us, reason, out);
  /* HVR 2.6: not recoverable; event 32086.  Tracking goes on; nothing is sent. */
  ts_sender_suspend (s, ev->now_us, reason, out);
}

void
ts_sender_frame_in (TsSender *s, const TsEvent *ev, TsActions *out)
{
  if (s->link != LINK_GREETING && s->link != LINK_UP)
    return; /* of a connection that was given up */
  switch (ev->frame.frame->kind) {
  case TS_FRAME_WELCOME:
    if (s->link == LINK_GREETING)
      welcome (s, ev, out);
    return;
  case TS_FRAME_ACK:
    if (s->link == LINK_UP)
      acknowledged (s, ev, out);
    return;
  case TS_FRAME_REFUSE:
    ts_sender_peer_refused (s, ev, out);
    return;
  case TS_FRAME_COMPARED:
    if (!ts_sender_resync_compared (s, ev, out))
      break;
    s->deadline_us = TS_NEVER;
    if (ts_sender_waiting (s))
      ts_sender_expect_answer (s, ev->now_us);
    ts_sender_pump (s, ev->now_us, out);
    return;
  case TS_FRAME_ALIVE:
    return;
  case TS_FRAME_HELLO:
  case TS_FRAME_COPY:
  case TS_FRAME_COPY_END:
  case TS_FRAME_LOG:
  case TS_FRAME_SET_END:
  case TS_FRAME_COMPARE:
  case TS_FRAME_MESSAGE:
  case TS_FRAME_KINDS:
    break;
  }
  ts_actions_add (out, TS_ACTION_DISCONNECT);
  ts_sender_link_lost (s, ev->now_us, "the replica sent a frame that has no place here", out);
}

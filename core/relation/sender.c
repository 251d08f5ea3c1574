/* core/relation/sender.c -- see sender.h.
 *
 * What goes over the wire is a queue of sets in order; the copy of the disks stands before them.
 * Two positions walk along it: `sent` is where the next chunk is taken from, and what is not
 * acknowledged behind it is sent again after a break, from where the replica's WELCOME says. */
#include "core/relation/sender-internal.h"
#include "core/base/units.h"

static gint64
min_us (gint64 a, gint64 b)
{
  return a < b ? a : b;
}

/* --- telling ---------------------------------------------------------------------------------- */

TsRecord *
ts_sender_record (const TsSender *s, gint64 now_us, const char *kind)
{
  return ts_record_text (ts_record_text (ts_record_new (now_us, s->source, kind), "vm", s->vm),
                         "host", s->host);
}

static TsHealthInput
health_input (const TsSender *s, gint64 now_us)
{
  return (TsHealthInput){TS_ROLE_PRIMARY, s->state, &s->statistics, s->vm, now_us, s->interval_us};
}

static void
judge_health (TsSender *s, gint64 now_us, TsActions *out)
{
  TsHealthInput input = health_input (s, now_us);
  g_autofree char *reason = NULL;
  TsHealth health = ts_health_judge (&input, &reason);
  if (health == s->health)
    return;
  s->health = health;
  TsRecord *r = ts_sender_record (s, now_us, "health");
  ts_record_text (r, "role", "primary");
  ts_record_text (r, "health", ts_health_name (health));
  ts_actions_report (out, ts_record_text (r, "reason", reason));
}

static void
persist (TsSender *s, TsActions *out)
{
  ts_actions_add (out, TS_ACTION_PERSIST)->payload = ts_sender_save (s);
}

void
ts_sender_change_state (TsSender *s, gint64 now_us, TsState to, TsActions *out)
{
  if (s->state == to)
    return;
  g_assert (ts_state_may_follow (s->state, to));
  TsRecord *r = ts_sender_record (s, now_us, "state");
  ts_record_text (r, "role", "primary");
  ts_record_text (r, "from", ts_state_name (s->state));
  ts_record_text (r, "to", ts_state_name (to));
  ts_record_int (r, "wmi", to);
  ts_record_int (r, "ps", ts_state_powershell (to, TS_ROLE_PRIMARY));
  s->state = to;
  persist (s, out);
  ts_actions_report (out, r);
}

guint64
ts_sender_pending_bytes (const TsSender *s)
{
  guint64 bytes = 0;
  for (const GList *l = s->sets.head; l; l = l->next)
    bytes += ((const TsSenderSet *)l->data)->data_bytes;
  return bytes;
}

static void
report_pending (TsSender *s, gint64 now_us, TsActions *out)
{
  ts_actions_report (out, ts_record_int (ts_sender_record (s, now_us, "pending"), "bytes",
                                         (gint64)ts_sender_pending_bytes (s)));
}

static void
refuse (TsSender *s, gint64 now_us, TsAsk ask, const char *why, TsActions *out)
{
  TsRecord *r = ts_sender_record (s, now_us, "refused");
  ts_state_verb_record (r, s->state, TS_ROLE_PRIMARY, ask);
  ts_record_int (r, "code", TS_CODE_INVALID_STATE);
  ts_actions_report (out, ts_record_text (r, "reason", why));
}

/* --- the connection --------------------------------------------------------------------------- */

gint64
ts_sender_backoff_us (guint attempt, gint64 interval_us)
{
  static const gint64 minutes[] = {1, 2, 4, 8, 10};
  gint64 base = attempt >= 1 && attempt <= G_N_ELEMENTS (minutes) ? minutes[attempt - 1] : 30;
  return base * TS_MIN / (300 * TS_MS) * (interval_us / TS_MS);
}

/* Is there anything that the replica still has to answer? */
static gboolean
waiting (const TsSender *s)
{
  if (s->state == TS_STATE_RESYNC_SUSPENDED)
    return FALSE;
  gboolean for_copy = s->copy == COPY_SENDING || s->copy == COPY_ENDING;
  gboolean for_compare = s->copy == COPY_COMPARE && ts_sender_resync_waiting (s);
  gboolean for_apply = (s->state == TS_STATE_INITIAL && s->stored > s->applied) ||
                       (s->resync_set && s->applied < s->resync_set) ||
                       (s->preparing && s->planned_set && s->applied < s->planned_set);
  return for_copy || for_compare || for_apply || s->sets.length > 0;
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

static void
connect_peer (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->link != LINK_DOWN || s->refused)
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
static void
link_lost (TsSender *s, gint64 now_us, const char *reason, TsActions *out)
{
  report_connection (s, now_us, FALSE, reason, out);
  s->link = LINK_DOWN;
  s->deadline_us = TS_NEVER;
  s->in_flight = 0;
  s->statistics.network_failures++;
  s->attempt++;
  gint64 after_us = ts_sender_backoff_us (s->attempt, s->interval_us);
  s->retry_us = now_us + after_us;
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "retry"), "attempt", s->attempt);
  ts_actions_report (out, ts_record_int (r, "after_us", after_us));
}

static void
hang_up (TsSender *s, TsActions *out)
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

/* --- sending ---------------------------------------------------------------------------------- */

static TsSenderSet *
find_set (TsSender *s, guint64 number)
{
  for (GList *l = s->sets.head; l; l = l->next)
    if (((TsSenderSet *)l->data)->number == number)
      return l->data;
  return NULL;
}

static gboolean
send_log_chunk (TsSender *s, gint64 now_us, TsActions *out)
{
  TsSenderSet *set = find_set (s, s->send_set);
  if (!set)
    return FALSE;
  if (set->first_sent_us < 0)
    set->first_sent_us = now_us;
  while (s->send_disk < set->manifest.disks) {
    guint64 log_bytes = set->manifest.disk[s->send_disk].log_bytes;
    if (s->send_offset < log_bytes) {
      guint64 len = MIN (log_bytes - s->send_offset, TS_SENDER_CHUNK_BYTES);
      TsAction *a = ts_sender_frame (out, TS_FRAME_LOG);
      a->source = TS_SOURCE_LOG;
      a->frame.set = set->number;
      a->frame.disk = (guint16)s->send_disk;
      a->frame.offset_bytes = s->send_offset;
      a->len_bytes = (guint32)len;
      a->compress = s->policy.compression;
      s->send_offset += len;
      s->in_flight += len;
      return TRUE;
    }
    s->send_disk++;
    s->send_offset = 0;
  }
  TsAction *a = ts_sender_frame (out, TS_FRAME_SET_END);
  a->source = TS_SOURCE_PAYLOAD;
  a->frame.set = set->number;
  a->frame.payload = ts_manifest_pack (&set->manifest);
  s->send_set++;
  s->send_disk = 0;
  s->send_offset = 0;
  return TRUE;
}

static void
pump (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->link != LINK_UP || s->state == TS_STATE_SUSPENDED ||
      s->state == TS_STATE_RESYNC_SUSPENDED)
    return;
  ts_sender_resync_pump (s, now_us, out);
  gboolean was_idle = s->deadline_us == TS_NEVER;
  gboolean any = FALSE;
  while (s->in_flight < TS_SENDER_WINDOW_BYTES) {
    gboolean more = FALSE;
    if (s->copy == COPY_SENDING)
      more = ts_sender_copy_send (s, out);
    else if (s->copy == COPY_DONE)
      more = send_log_chunk (s, now_us, out);
    if (!more)
      break;
    any = TRUE;
  }
  if (any && was_idle)
    ts_sender_expect_answer (s, now_us);
}

/* --- cycles ----------------------------------------------------------------------------------- */

static void
report_cycle (TsSender *s, gint64 now_us, guint64 set, const char *outcome, TsActions *out)
{
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "cycle"), "set", (gint64)set);
  ts_record_text (r, "outcome", outcome);
  ts_record_int (r, "success", (gint64)s->statistics.success);
  ts_actions_report (out, ts_record_int (r, "missed", (gint64)s->statistics.missed));
}

static void
ask_cut (TsSender *s, TsSetKind kind, TsActions *out)
{
  s->cutting = TRUE;
  s->cut_kind = kind;
  TsAction *a = ts_actions_add (out, TS_ACTION_CUT);
  a->set = s->next_set;
  a->set_kind = kind;
}

static void
cycle_due (TsSender *s, gint64 now_us, TsActions *out)
{
  /* Whatever is not stored by now is late: missed, once, and sent all the same (HVR 2.4.5). */
  for (GList *l = s->sets.head; l; l = l->next) {
    TsSenderSet *set = l->data;
    if (!set->counted) {
      set->counted = TRUE;
      s->statistics.missed++;
      report_cycle (s, now_us, set->number, "missed", out);
    }
  }
  while (s->due_us <= now_us)
    s->due_us += s->interval_us;
  if (s->cutting) { /* the cut itself takes longer than a cycle */
    s->statistics.missed++;
    report_cycle (s, now_us, s->next_set, "missed", out);
    return;
  }
  if (ts_sender_freeze_begin (s, now_us, out))
    s->cutting = TRUE;
  else
    ask_cut (s, TS_SET_REGULAR, out);
}

static void
frozen (TsSender *s, gint64 now_us, gboolean ok, const char *reason, TsActions *out)
{
  if (s->freeze != FREEZE_ASKED) /* too late an answer */
    return;
  if (s->state == TS_STATE_DISABLED) { /* removed */
    ts_sender_freeze_end (s, out);
    s->cutting = FALSE;
    return;
  }
  ask_cut (s, ts_sender_freeze_done (s, now_us, ok, reason, out), out);
}

/* Whatever is tracked, queued or being compared is given up. */
static void
stop_tracking (TsSender *s, TsActions *out)
{
  hang_up (s, out);
  ts_actions_add (out, TS_ACTION_UNTRACK);
  for (GList *l = s->sets.head; l; l = l->next)
    ts_actions_add (out, TS_ACTION_DELETE_SET)->set = ((TsSenderSet *)l->data)->number;
  g_queue_clear_full (&s->sets, g_free);
  s->due_us = TS_NEVER;
  s->preparing = FALSE;
  if (s->freeze == FREEZE_ASKED) { /* no cut has been asked for yet */
    ts_sender_freeze_end (s, out);
    s->cutting = FALSE;
  }
  s->cut_void = s->cutting;
  ts_sender_resync_forget (s);
}

/* HVR 2.9: the trigger stops tracking, nothing is sent any more, health is critical. */
void
ts_sender_require_resync (TsSender *s, gint64 now_us, const char *why, TsActions *out)
{
  if (!ts_state_may_follow (s->state, TS_STATE_RESYNC_REQUIRED))
    return;
  TsRecord *r = ts_record_text (ts_sender_record (s, now_us, "resync"), "phase", "required");
  ts_actions_report (out, ts_record_text (r, "reason", why));
  stop_tracking (s, out);
  ts_sender_change_state (s, now_us, TS_STATE_RESYNC_REQUIRED, out);
  ts_sender_resync_plan (s, now_us);
  report_pending (s, now_us, out);
}

/* A passing failure of our own (cut, tracking): events 32022 and 32315 of HVR 2.6. */
static void
own_failure (TsSender *s, gint64 now_us, const TsEvent *ev, TsActions *out)
{
  s->statistics.failures++;
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "failure"), "event", 32022);
  ts_record_text (r, "action", ts_action_name (ev->done.action));
  ts_actions_report (out, ts_record_text (r, "reason", ev->done.reason));
}

static void
cut_done (TsSender *s, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  s->cutting = FALSE;
  if (s->cut_kind == TS_SET_CONSISTENT)
    s->cut_kind = ts_sender_freeze_cut (s, now_us, ev->done.ok, ev->done.instant_us, out);
  if (s->state == TS_STATE_DISABLED) { /* removed */
    if (ev->done.ok)
      ts_actions_add (out, TS_ACTION_DELETE_SET)->set = s->next_set;
    return;
  }
  if (s->cut_void) { /* of tracking that was stopped since */
    s->cut_void = FALSE;
    if (!ev->done.ok)
      return;
    for (guint i = 0; i < s->hello.disks; i++) /* the engine's chain has gone on to here */
      s->last_unique[i] = ev->done.logs[i].unique;
    ts_actions_add (out, TS_ACTION_DELETE_SET)->set = s->next_set++;
    pump (s, now_us, out); /* the end of a copy may have waited to know that number */
    return;
  }
  if (!ev->done.ok) { /* what changed stays tracked: the next cut has it; but when that is LOST */
    own_failure (s, now_us, ev, out);
    if (ev->done.code == TS_ERROR_LOST &&
        ts_state_may_follow (s->state, TS_STATE_RESYNC_REQUIRED)) {
      ts_sender_require_resync (s, now_us, "what has changed since the last log is not known any more", out);
      return;
    }
    if (s->cut_kind != TS_SET_REGULAR)
      s->retry_us = now_us + ts_sender_backoff_us (1, s->interval_us);
    else {
      s->statistics.missed++;
      report_cycle (s, now_us, s->next_set, "missed", out);
    }
    return;
  }
  TsSenderSet *set = g_new0 (TsSenderSet, 1);
  set->number = s->next_set++;
  set->first_sent_us = -1;
  set->manifest.instant_us = ev->done.instant_us;
  set->manifest.kind = s->cut_kind;
  set->manifest.disks = s->hello.disks;
  guint64 log_bytes = 0, entries = 0;
  for (guint i = 0; i < s->hello.disks; i++) {
    const TsCutLog *log = &ev->done.logs[i];
    set->manifest.disk[i].log_bytes = log->log_bytes;
    set->manifest.disk[i].data_bytes = log->data_bytes;
    set->manifest.disk[i].unique = log->unique;
    set->manifest.disk[i].previous = s->last_unique[i];
    s->last_unique[i] = log->unique;
    set->data_bytes += log->data_bytes;
    log_bytes += log->log_bytes;
    entries += log->entries;
  }
  g_queue_push_tail (&s->sets, set);
  if (s->cut_kind == TS_SET_PLANNED) {
    s->planned_set = set->number;
    s->planned_us = set->manifest.instant_us;
  }
  if (s->cut_kind == TS_SET_RESYNC)
    s->resync_set = set->number;
  persist (s, out);

  static const char *const types[] = {"-",       "initial", "regular",
                                      "planned", "resync",  "app-consistent"};
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "cut"), "set", (gint64)set->number);
  ts_record_text (r, "type", types[s->cut_kind]);
  ts_record_int (r, "instant_us", set->manifest.instant_us);
  ts_record_int (r, "log_bytes", (gint64)log_bytes);
  ts_record_int (r, "data_bytes", (gint64)set->data_bytes);
  ts_actions_report (out, ts_record_int (r, "entries", (gint64)entries));
  report_pending (s, now_us, out);

  /* The 50 % rule: HVR 2.4 and trap 6, per VM; CHOICE: of the virtual sizes (2.4: SILENT). */
  guint64 virtual_bytes = 0;
  for (guint i = 0; i < s->hello.disks; i++)
    virtual_bytes += s->hello.disk[i].size_bytes;
  if (ts_sender_pending_bytes (s) > virtual_bytes / 2) {
    ts_sender_require_resync (s, now_us, "tracked changes exceed 50 % of the size of the disks", out);
    return;
  }
  pump (s, now_us, out);
}

static void
start_cycles (TsSender *s, gint64 now_us)
{
  s->due_us = now_us + s->interval_us;
}

/* --- what the replica says -------------------------------------------------------------------- */

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
      report_cycle (s, now_us, set->number, "success", out);
    }
    g_queue_pop_head (&s->sets);
    persist (s, out);
    ts_actions_add (out, TS_ACTION_DELETE_SET)->set = set->number;
    g_free (set);
    report_pending (s, now_us, out);
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
    ts_sender_resync_done (s, now_us, out);
    ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
  }
  if (s->state == TS_STATE_INITIAL)
    ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
  if (s->preparing && s->planned_set && number >= s->planned_set) {
    s->preparing = FALSE;
    s->due_us = TS_NEVER;
    ts_sender_change_state (s, now_us, TS_STATE_PREPARED, out);
    /* From here on the replica takes over; there is nothing more to say to it. */
    hang_up (s, out);
  }
}

static void
copy_ended (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->copy == COPY_DONE)
    return;
  s->copy = COPY_DONE;
  s->copy_acked = s->copy_total;
  if (s->resync_run)
    ts_sender_resync_report (s, now_us, "sent", out);
  else
    ts_sender_copy_report (s, now_us, "done", out);
  s->send_set = s->next_set;
  s->send_disk = 0;
  s->send_offset = 0;
  start_cycles (s, now_us);
  if (!s->cutting)
    ask_cut (s, s->resync_run ? TS_SET_RESYNC : TS_SET_INITIAL, out);
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
  hang_up (s, out);
}

static void
welcome (TsSender *s, const TsEvent *ev, TsActions *out)
{
  const TsFrame *frame = ev->frame.frame;
  s->link = LINK_UP;
  s->deadline_us = TS_NEVER;
  report_connection (s, ev->now_us, TRUE, "", out);
  if (s->returning) {
    returned (s, ev->now_us, out);
    return;
  }
  if (s->resync_run && s->copy < COPY_DONE && frame->set >= s->next_set)
    s->next_set = frame->set + 1; /* this primary was taken back to the past: never mind */
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
    s->copy_disk = frame->disk;
    s->copy_offset = frame->offset_bytes;
    if (s->copy == COPY_ENDING)
      s->copy = COPY_SENDING;
    s->copy_acked = ts_sender_copy_bytes_until (s, s->copy_disk, s->copy_offset);
  } else {
    if (s->copy == COPY_ENDING)
      copy_ended (s, ev->now_us, out);
    set_stored (s, ev->now_us, frame->set, out);
    if (frame->set + 1 < s->next_set && !find_set (s, frame->set + 1)) {
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
    set_applied (s, ev->now_us, frame->value - 1, out);
  }
  /* a replica that welcomes us and refuses what we send is no better than one that is away: else
   * attempts count until it has taken something */
  if (!waiting (s))
    s->attempt = 0;
  pump (s, ev->now_us, out);
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
    if (s->resync_run) {
      s->copy_reported = s->copy_acked;
      ts_sender_resync_report (s, ev->now_us, "sending", out);
    } else
      ts_sender_copy_report (s, ev->now_us, "progress", out);
    break;
  }
  case TS_ACK_COPY_END:
    copy_ended (s, ev->now_us, out);
    s->in_flight = 0;
    break;
  case TS_ACK_LOG:
    amount = (frame->offset_bytes + TS_SENDER_CHUNK_BYTES - 1) % TS_SENDER_CHUNK_BYTES + 1;
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
  s->in_flight = amount < s->in_flight ? s->in_flight - amount : 0;
  if (!waiting (s))
    s->in_flight = 0;
  if (waiting (s) && s->link == LINK_UP)
    ts_sender_expect_answer (s, ev->now_us);
  else
    s->deadline_us = TS_NEVER;
  pump (s, ev->now_us, out);
}

static void
peer_refused (TsSender *s, const TsEvent *ev, TsActions *out)
{
  const TsFrame *frame = ev->frame.frame;
  gsize len = 0;
  const char *text = frame->payload ? g_bytes_get_data (frame->payload, &len) : "";
  g_autofree char *reason = g_utf8_make_valid (text, (gssize)len);
  switch ((TsRefusal)frame->value) {
  case TS_REFUSE_SEQUENCE:
    ts_sender_require_resync (s, ev->now_us, reason, out);
    return;
  case TS_REFUSE_LOG:
  case TS_REFUSE_STORAGE: /* passing: from the replica's position again, after the back-off */
    ts_actions_add (out, TS_ACTION_DISCONNECT);
    link_lost (s, ev->now_us, reason, out);
    s->statistics.failures++;
    return;
  case TS_REFUSE_PAUSED:
    ts_actions_add (out, TS_ACTION_DISCONNECT);
    link_lost (s, ev->now_us, reason, out);
    return;
  case TS_REFUSE_VERSION:
  case TS_REFUSE_STATE:
    break;
  }
  if (s->resync_run && !s->returning) { /* sizes differ, failed over ...: HVR 2.9.1, the run ends */
    ts_sender_require_resync (s, ev->now_us, reason, out);
    s->resync_due_us = TS_NEVER; /* CHOICE: it would be refused again */
    return;
  }
  /* HVR 2.6: not recoverable; event 32086.  Tracking goes on; nothing is sent. */
  s->returning = s->auto_start = FALSE;
  hang_up (s, out);
  s->refused = TRUE;
  s->due_us = TS_NEVER;
  TsRecord *r = ts_record_int (ts_sender_record (s, ev->now_us, "failure"), "event", 32086);
  ts_actions_report (out, ts_record_text (r, "reason", reason));
  if (ts_state_may_follow (s->state, TS_STATE_ERROR))
    ts_sender_change_state (s, ev->now_us, TS_STATE_ERROR, out);
}

static void
frame_in (TsSender *s, const TsEvent *ev, TsActions *out)
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
    peer_refused (s, ev, out);
    return;
  case TS_FRAME_COMPARED:
    if (!ts_sender_resync_compared (s, ev, out))
      break;
    s->deadline_us = TS_NEVER;
    if (waiting (s))
      ts_sender_expect_answer (s, ev->now_us);
    pump (s, ev->now_us, out);
    return;
  case TS_FRAME_ALIVE:
    return;
  case TS_FRAME_HELLO:
  case TS_FRAME_COPY:
  case TS_FRAME_COPY_END:
  case TS_FRAME_LOG:
  case TS_FRAME_SET_END:
  case TS_FRAME_COMPARE:
  case TS_FRAME_KINDS:
    break;
  }
  ts_actions_add (out, TS_ACTION_DISCONNECT);
  link_lost (s, ev->now_us, "the replica sent a frame that has no place here", out);
}

/* --- what the operator says ------------------------------------------------------------------- */

/* The VM may be started again; what was sent as the last log is one like any other now. */
static void
cancel_planned (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->state == TS_STATE_REPLICATING && !s->preparing) {
    refuse (s, now_us, TS_ASK_CANCEL_FAILOVER, "no planned failover is under way", out);
    return;
  }
  s->preparing = FALSE;
  s->planned_set = 0;
  ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
  persist (s, out);
  ts_actions_report (
      out, ts_record_text (ts_sender_record (s, now_us, "prepare"), "phase", "cancelled"));
  start_cycles (s, now_us);
  connect_peer (s, now_us, out);
  pump (s, now_us, out);
}

static void
start_resync (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->state != TS_STATE_RESYNC_REQUIRED) /* of a healthy VM: paused, then this (HVR 2.9) */
    stop_tracking (s, out);
  ts_sender_resync_begin (s, now_us, out);
}

static void
asked (TsSender *s, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  if (!ts_state_allows (s->state, TS_ROLE_PRIMARY, ev->ask.ask)) {
    g_autofree char *why = g_strdup_printf ("Could not change the replication state: '%s' is not "
                                            "possible in state '%s'",
                                            ts_ask_name (ev->ask.ask), ts_state_name (s->state));
    refuse (s, now_us, ev->ask.ask, why, out);
    return;
  }
  ts_actions_report (out, ts_state_verb_record (ts_sender_record (s, now_us, "verb"), s->state,
                                                TS_ROLE_PRIMARY, ev->ask.ask));
  switch (ev->ask.ask) {
  case TS_ASK_ENABLE:
    ts_sender_change_state (s, now_us, TS_STATE_READY, out);
    connect_peer (s, now_us, out);
    return;
  case TS_ASK_START:
    ts_sender_change_state (s, now_us, TS_STATE_INITIAL, out);
    s->copy = COPY_TRACK;
    ts_actions_add (out, TS_ACTION_TRACK);
    return;
  case TS_ASK_RESYNC:
    start_resync (s, now_us, out);
    return;
  case TS_ASK_CANCEL_RESYNC: /* the next run starts from the beginning (HVR 2.9) */
    if (ts_sender_resync_merging (s)) {
      refuse (s, now_us, ev->ask.ask, "the replica has all of it: it is being merged", out);
      return;
    }
    ts_sender_resync_report (s, now_us, "cancelled", out);
    ts_sender_require_resync (s, now_us, "the resynchronization was cancelled", out);
    s->resync_due_us = TS_NEVER; /* CHOICE: who cancels it will begin it again */
    return;
  case TS_ASK_SUSPEND: /* tracking goes on, nothing is sent (trap 5) */
    if (s->state == TS_STATE_RESYNCHRONIZING) {
      if (ts_sender_resync_merging (s))
        refuse (s, now_us, ev->ask.ask, "the replica has all of it: it is being merged", out);
      else
        ts_sender_resync_pause (s, now_us, out);
      return;
    }
    s->due_us = TS_NEVER;
    ts_sender_change_state (s, now_us, TS_STATE_SUSPENDED, out);
    return;
  case TS_ASK_RESUME:
    if (s->state == TS_STATE_RESYNC_REQUIRED) { /* CHOICE: as the health text says, HVR 5.2 */
      start_resync (s, now_us, out);
      return;
    }
    if (s->state == TS_STATE_RESYNC_SUSPENDED) {
      ts_sender_resync_resume (s, now_us, out);
      if (s->copy == COPY_DONE)
        start_cycles (s, now_us);
      if (s->copy == COPY_DONE && !s->resync_set && !s->cutting)
        ask_cut (s, TS_SET_RESYNC, out);
      connect_peer (s, now_us, out);
      if (waiting (s) && s->link == LINK_UP)
        ts_sender_expect_answer (s, now_us);
      pump (s, now_us, out);
      return;
    }
    s->refused = FALSE;
    ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
    start_cycles (s, now_us);
    if (!s->cutting)
      ask_cut (s, TS_SET_REGULAR, out);
    connect_peer (s, now_us, out);
    pump (s, now_us, out);
    return;
  case TS_ASK_PREPARE:
    if (s->machine_on) { /* HVR 3.6, planned failover, step 1 */
      refuse (s, now_us, ev->ask.ask, "the virtual machine is running: shut it down first", out);
      return;
    }
    s->preparing = TRUE;
    s->planned_set = 0;
    s->due_us = TS_NEVER;
    ts_actions_add (out, TS_ACTION_LOCK);
    if (!s->cutting)
      ask_cut (s, TS_SET_PLANNED, out);
    return;
  case TS_ASK_RESET_STATISTICS:
    ts_statistics_reset (&s->statistics, now_us);
    return;
  case TS_ASK_REVERSE: /* HVR 3.6: the replica has taken over, this side becomes its replica */
    if (s->machine_on || s->turning) {
      refuse (s, now_us, ev->ask.ask,
              s->turning ? "it is becoming the replica" : "the virtual machine is running", out);
      return;
    }
    s->turning = TRUE;
    hang_up (s, out);
    ts_actions_add (out, TS_ACTION_TURN);
    return;
  case TS_ASK_CANCEL_FAILOVER: /* HVR 3.6, planned failover, cancel: 4 -> 3 */
    cancel_planned (s, now_us, out);
    return;
  case TS_ASK_POWER_ON:
    if (s->machine_on || s->starting || s->preparing || s->turning) {
      refuse (s, now_us, ev->ask.ask,
              s->machine_on || s->starting ? "the virtual machine is running"
                                           : "a failover is being prepared: it must stay off",
              out);
      return;
    }
    s->starting = TRUE;
    ts_actions_add (out, TS_ACTION_POWER_ON);
    return;
  case TS_ASK_REMOVE: /* HVR 2.12: this side only; the VM goes on */
    hang_up (s, out);
    ts_actions_add (out, TS_ACTION_UNTRACK);
    s->due_us = TS_NEVER;
    ts_sender_change_state (s, now_us, TS_STATE_DISABLED, out);
    ts_actions_add (out, TS_ACTION_FORGET);
    return;
  case TS_ASK_FAILOVER:
  case TS_ASK_COMMIT:
  case TS_ASK_CHANGE_POINT:
  case TS_ASK_TEST_FAILOVER:
  case TS_ASK_STOP_TEST_FAILOVER:
  case TS_ASK_COUNT:
    return;
  }
}

/* --- what our own actions answer -------------------------------------------------------------- */

static void
done (TsSender *s, const TsEvent *ev, TsActions *out)
{
  switch ((int)ev->done.action) { /* only those that a sender asks for */
  case TS_ACTION_TRACK:
    if (s->copy != COPY_TRACK)
      return;
    if (!ev->done.ok) {
      own_failure (s, ev->now_us, ev, out);
      s->retry_us = ev->now_us + ts_sender_backoff_us (1, s->interval_us);
      return;
    }
    if (s->resync_run) {
      ts_sender_resync_tracked (s, ev->now_us, out);
      connect_peer (s, ev->now_us, out);
      return;
    }
    s->copy = COPY_MAP;
    s->maps = 0;
    for (guint i = 0; i < s->hello.disks; i++)
      ts_actions_add (out, TS_ACTION_MAP)->disk = i;
    return;
  case TS_ACTION_MAP:
    if (s->copy == COPY_MAP && ts_sender_copy_mapped (s, ev, out)) {
      connect_peer (s, ev->now_us, out);
      pump (s, ev->now_us, out);
    }
    return;
  case TS_ACTION_HASH:
    ts_sender_resync_hashed (s, ev, out);
    return;
  case TS_ACTION_FREEZE:
    frozen (s, ev->now_us, ev->done.ok, ev->done.reason, out);
    return;
  case TS_ACTION_CUT:
    cut_done (s, ev, out);
    if (s->resync_run && s->copy == COPY_DONE && !s->resync_set && !s->cutting &&
        s->retry_us == TS_NEVER)
      ask_cut (s, TS_SET_RESYNC, out);
    /* a regular cut was under way when the planned one was asked for; one that failed waits */
    if (s->preparing && !s->planned_set && !s->cutting && s->cut_kind != TS_SET_PLANNED)
      ask_cut (s, TS_SET_PLANNED, out);
    return;
  case TS_ACTION_POWER_ON:
    s->starting = FALSE;
    if (!ev->done.ok)
      own_failure (s, ev->now_us, ev, out);
    return;
  case TS_ACTION_TURN: /* heard only when it has failed */
    s->turning = FALSE;
    own_failure (s, ev->now_us, ev, out);
    return;
  default:
    return;
  }
}

static void
tick (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->begin) { /* HVR 3.6: the old primary's disks are the base, what differs is sent */
    s->begin = FALSE;
    ts_sender_change_state (s, now_us, TS_STATE_INITIAL, out);
    ts_sender_resync_begin (s, now_us, out);
    return;
  }
  if (s->crashed) { /* trap 13; HVR 2.9, primary: log not closed gracefully */
    s->crashed = FALSE;
    ts_sender_require_resync (s, now_us, "tracking was not closed gracefully: the host crashed", out);
    if (s->returning)
      connect_peer (s, now_us, out);
    return;
  }
  if (now_us >= s->resync_due_us)
    ts_sender_resync_tick (s, now_us, out);
  if (now_us >= s->deadline_us) {
    ts_actions_add (out, TS_ACTION_DISCONNECT);
    link_lost (s, now_us, "no answer from the replica", out);
  }
  if (now_us >= s->retry_us) {
    s->retry_us = TS_NEVER;
    if (s->copy == COPY_TRACK)
      ts_actions_add (out, TS_ACTION_TRACK);
    if (s->copy == COPY_DONE && s->next_set == 1 && !s->cutting && !s->resync_run)
      ask_cut (s, TS_SET_INITIAL, out);
    if (s->resync_run && s->copy == COPY_DONE && !s->resync_set && !s->cutting)
      ask_cut (s, TS_SET_RESYNC, out);
    if (s->preparing && !s->planned_set && !s->cutting)
      ask_cut (s, TS_SET_PLANNED, out);
    connect_peer (s, now_us, out);
  }
  if (now_us >= s->freeze_by_us)
    frozen (s, now_us, FALSE, "the guest has not answered in time", out);
  if (now_us >= s->due_us)
    cycle_due (s, now_us, out);
}

void
ts_sender_step (TsSender *s, const TsEvent *ev, TsActions *out)
{
  switch (ev->kind) {
  case TS_EVENT_TICK:
    tick (s, ev->now_us, out);
    break;
  case TS_EVENT_ASK:
    asked (s, ev, out);
    break;
  case TS_EVENT_CONNECTED:
    if (s->link == LINK_CONNECTING) {
      s->link = LINK_GREETING;
      ts_sender_expect_answer (s, ev->now_us);
      TsAction *a = ts_sender_frame (out, TS_FRAME_HELLO);
      a->source = TS_SOURCE_PAYLOAD;
      a->frame.value = s->resync_run ? s->resync_run : s->copy < COPY_DONE ? TS_HELLO_FRESH : 0;
      a->frame.payload = ts_hello_pack (&s->hello);
    }
    break;
  case TS_EVENT_LOST:
    if (s->link == LINK_DOWN)
      break;
    if (ev->lost.final) {
      TsFrame frame = {.kind = TS_FRAME_REFUSE, .value = TS_REFUSE_STATE};
      frame.payload = g_bytes_new (ev->lost.reason, strlen (ev->lost.reason));
      TsEvent as_refusal = {.now_us = ev->now_us, .kind = TS_EVENT_FRAME, .frame = {&frame}};
      peer_refused (s, &as_refusal, out);
      ts_frame_clear (&frame);
    } else
      link_lost (s, ev->now_us, ev->lost.reason, out);
    break;
  case TS_EVENT_FRAME:
    frame_in (s, ev, out);
    break;
  case TS_EVENT_DONE:
    done (s, ev, out);
    break;
  case TS_EVENT_MACHINE:
    s->machine_on = ev->machine.on;
    if (s->machine_on)
      s->auto_start = FALSE;
    if (s->state != TS_STATE_DISABLED)
      persist (s, out);
    if (!s->machine_on)
      frozen (s, ev->now_us, FALSE, "the virtual machine was switched off", out);
    break;
  }
  judge_health (s, ev->now_us, out);
}

gint64
ts_sender_wake_us (const TsSender *s)
{
  if (s->crashed || s->begin)
    return 0;
  TsHealthInput input = health_input (s, 0);
  gint64 health_us = s->health == TS_HEALTH_NORMAL ? ts_health_wake_us (&input) : TS_NEVER;
  return min_us (min_us (min_us (min_us (s->deadline_us, s->retry_us), s->freeze_by_us), s->resync_due_us),
                 min_us (s->due_us, health_us));
}

TsState
ts_sender_state (const TsSender *s)
{
  return s->state;
}

TsHealth
ts_sender_health (const TsSender *s)
{
  return s->health;
}

const TsGuid *
ts_sender_chain (const TsSender *s, guint disk)
{
  return &s->last_unique[disk];
}

const TsStatistics *
ts_sender_statistics (const TsSender *s)
{
  return &s->statistics;
}

TsSender *
ts_sender_new (const TsSenderOptions *options)
{
  TsSender *s = g_new0 (TsSender, 1);
  s->vm = g_strdup (options->vm);
  s->host = g_strdup (options->host);
  s->source = g_strdup_printf ("%s@%s", options->vm, options->host);
  s->policy = *options->policy;
  s->interval_us = ts_policy_interval_us (options->policy);
  s->hello = options->hello;
  s->hello.interval_us = (guint64)s->interval_us;
  s->hello.recovery_points = options->policy->recovery_points;
  s->hello.time_scale = options->policy->time_scale;
  s->deadline_us = s->retry_us = s->due_us = s->freeze_by_us = s->resync_due_us = TS_NEVER;
  s->frozen_us = s->consistent_slot = -1;
  s->next_set = s->send_set = 1;
  s->statistics.last_sync_us = -1;
  g_queue_init (&s->sets);
  g_queue_init (&s->batches);
  return s;
}

void
ts_sender_free (TsSender *s)
{
  if (!s)
    return;
  ts_sender_resync_forget (s);
  g_queue_clear_full (&s->sets, g_free);
  g_free (s->vm);
  g_free (s->host);
  g_free (s->source);
  g_free (s);
}

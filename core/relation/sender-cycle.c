/* core/relation/sender-cycle.c -- cycles: cutting a set, queueing it, sending it.
 *
 * What goes over the wire is a queue of sets in order; the copy of the disks stands before them. */
#include "core/base/units.h"
#include "core/relation/sender-internal.h"

guint64
ts_sender_pending_bytes (const TsSender *s)
{
  guint64 bytes = 0;
  for (const GList *l = s->sets.head; l; l = l->next)
    bytes += ((const TsSenderSet *)l->data)->data_bytes;
  return bytes;
}

void
ts_sender_report_pending (TsSender *s, gint64 now_us, TsActions *out)
{
  ts_actions_report (out, ts_record_int (ts_sender_record (s, now_us, "pending"), "bytes",
                                         (gint64)ts_sender_pending_bytes (s)));
}

TsSenderSet *
ts_sender_find_set (TsSender *s, guint64 number)
{
  for (GList *l = s->sets.head; l; l = l->next)
    if (((TsSenderSet *)l->data)->number == number)
      return l->data;
  return NULL;
}

static gboolean
send_log_chunk (TsSender *s, gint64 now_us, TsActions *out)
{
  TsSenderSet *set = ts_sender_find_set (s, s->send_set);
  if (!set || !ts_sender_slot_take (s, out))
    return FALSE;
  if (set->first_sent_us < 0)
    set->first_sent_us = now_us;
  while (s->send_disk < set->manifest.disks) {
    guint64 log_bytes = set->manifest.disk[s->send_disk].log_bytes;
    if (s->send_offset < log_bytes) {
      guint64 len = MIN (log_bytes - s->send_offset, ts_sender_chunk_bytes (s));
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

void
ts_sender_pump (TsSender *s, gint64 now_us, TsActions *out)
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
      more = send_log_chunk (s, now_us, out) || ts_sender_update_send (s, out);
    if (!more)
      break;
    any = TRUE;
  }
  if (any && was_idle) {
    ts_sender_expect_answer (s, now_us);
    ts_sender_window_begin (s, now_us);
  }
}

void
ts_sender_report_cycle (TsSender *s, gint64 now_us, guint64 set, const char *outcome, TsActions *out)
{
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "cycle"), "set", (gint64)set);
  ts_record_text (r, "outcome", outcome);
  ts_record_int (r, "success", (gint64)s->statistics.success);
  ts_actions_report (out, ts_record_int (r, "missed", (gint64)s->statistics.missed));
}

void
ts_sender_ask_cut (TsSender *s, TsSetKind kind, TsActions *out)
{
  s->cutting = TRUE;
  s->cut_kind = kind;
  TsAction *a = ts_actions_add (out, TS_ACTION_CUT);
  a->set = s->next_set;
  a->set_kind = kind;
  a->disks = ts_sender_cut_disks (s);
}

void
ts_sender_cycle_due (TsSender *s, gint64 now_us, TsActions *out)
{
  /* Whatever is not stored by now is late: missed, once, and sent all the same (HVR 2.4.5). */
  for (GList *l = s->sets.head; l; l = l->next) {
    TsSenderSet *set = l->data;
    if (!set->counted) {
      set->counted = TRUE;
      s->statistics.missed++;
      ts_sender_report_cycle (s, now_us, set->number, "missed", out);
    }
  }
  while (s->due_us <= now_us)
    s->due_us += s->interval_us;
  if (s->cutting) { /* the cut itself takes longer than a cycle */
    s->statistics.missed++;
    ts_sender_report_cycle (s, now_us, s->next_set, "missed", out);
    return;
  }
  if (ts_sender_freeze_begin (s, now_us, out))
    s->cutting = TRUE;
  else
    ts_sender_ask_cut (s, TS_SET_REGULAR, out);
}

void
ts_sender_cut_done (TsSender *s, const TsEvent *ev, TsActions *out)
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
      if (ev->done.logs[i].log_bytes > 0)
        s->last_unique[i] = ev->done.logs[i].unique;
    ts_actions_add (out, TS_ACTION_DELETE_SET)->set = s->next_set++;
    ts_sender_pump (s, now_us, out); /* the end of a copy may have waited to know that number */
    ts_sender_export_go_on (s, now_us, out);
    return;
  }
  if (!ev->done.ok) { /* what changed stays tracked: the next cut has it; but when that is LOST */
    ts_sender_own_failure (s, now_us, ev, out);
    if (ev->done.code == TS_ERROR_LOST &&
        ts_state_may_follow (s->state, TS_STATE_RESYNC_REQUIRED)) {
      ts_sender_require_resync (s, now_us, "what has changed since the last log is not known any more", out);
      return;
    }
    if (s->cut_kind != TS_SET_REGULAR)
      s->retry_us = now_us + ts_sender_backoff_us (1, s->interval_us);
    else {
      s->statistics.missed++;
      ts_sender_report_cycle (s, now_us, s->next_set, "missed", out);
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
    if (log->log_bytes == 0)
      continue;
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
  s->tracked_bytes = 0;
  if (s->cut_kind == TS_SET_PLANNED) {
    s->planned_set = set->number;
    s->planned_us = set->manifest.instant_us;
  }
  if (s->cut_kind == TS_SET_RESYNC)
    s->resync_set = set->number;
  if (s->cut_kind == TS_SET_DISKS)
    s->update_set = set->number;
  ts_sender_persist (s, out);

  static const char *const types[] = {"-",       "initial", "regular",
                                      "planned", "resync",  "app-consistent", "disk-update"};
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "cut"), "set", (gint64)set->number);
  ts_record_text (r, "type", types[s->cut_kind]);
  ts_record_int (r, "instant_us", set->manifest.instant_us);
  ts_record_int (r, "log_bytes", (gint64)log_bytes);
  ts_record_int (r, "data_bytes", (gint64)set->data_bytes);
  ts_actions_report (out, ts_record_int (r, "entries", (gint64)entries));
  ts_sender_report_pending (s, now_us, out);

  if (ts_sender_too_much (s, now_us, out))
    return;
  ts_sender_pump (s, now_us, out);
}

void
ts_sender_start_cycles (TsSender *s, gint64 now_us)
{
  s->due_us = now_us + s->interval_us;
}

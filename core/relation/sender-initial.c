/* core/relation/sender-initial.c -- initial replication, on the primary: when it begins, by which of
 * the three methods, how it is cancelled, and the export to a medium (HVR reference 2.2, 2.3).
 *
 * Each attempt has a number of its own (wire.h), which HELLO says: a replica that holds part of
 * another attempt empties its disks, since what changed between the two was tracked by nobody.
 *
 * An export is read and written piece by piece; the list of its pieces (core/format/medium.h) is
 * what makes it whole.  From then on sets are cut and sent as ever: the replica plays them onto a
 * placeholder, and merges that with what the medium brings.  CHOICE (reference 3.5: SILENT): the
 * primary stays in state 2 until the replica says that the first set is on its disks, which cannot
 * be before the import. */
#include "core/relation/sender-internal.h"
#include "core/base/units.h"
#include <string.h>

#define EXPORTS_OUT 4 /* pieces asked for and not answered, at most */

static void
new_attempt (TsSender *s, gint64 now_us, guint64 flags)
{
  s->copy_run = TS_HELLO_FRESH | flags | (guint64)(now_us + 1);
  s->welcomed = FALSE;
}

guint64
ts_sender_hello_value (const TsSender *s)
{
  if (s->resync_run)
    return s->resync_run;
  if (s->exported)
    return s->copy_run | TS_HELLO_EXPORTED;
  return s->copy < COPY_DONE ? s->copy_run : s->update_run;
}

static TsInitial
method_of (const TsSender *s, const TsInitialChoice *choice)
{
  TsInitial method =
      choice->method != TS_INITIAL_DEFAULT ? choice->method : s->policy.initial;
  return method == TS_INITIAL_DEFAULT ? TS_INITIAL_NETWORK : method;
}

void
ts_sender_initial_enable (TsSender *s, gint64 now_us, const TsInitialChoice *choice)
{
  new_attempt (s, now_us, method_of (s, choice) == TS_INITIAL_SEEDED ? TS_HELLO_SEEDED : 0);
}

static void
begin (TsSender *s, gint64 now_us, TsActions *out)
{
  s->initial_due_us = TS_NEVER;
  gboolean other = s->attempted || (s->copy_run & TS_HELLO_SEEDED) || s->copy_run == 0;
  if (s->initial != TS_INITIAL_SEEDED && other)
    new_attempt (s, now_us, 0);
  if (s->initial == TS_INITIAL_SEEDED || other)
    ts_sender_hang_up (s, out); /* HELLO is to be said anew */
  s->refused = FALSE;
  s->attempted = TRUE;
  s->first_set = 0;
  ts_sender_change_state (s, now_us, TS_STATE_INITIAL, out);
  if (s->initial == TS_INITIAL_SEEDED) {
    ts_sender_resync_begin (s, now_us, out);
    ts_sender_copy_report (s, now_us, "begun", out);
    return;
  }
  s->copy = COPY_TRACK;
  if (s->initial == TS_INITIAL_EXPORT) /* 2.3: there is a placeholder from the start */
    ts_sender_connect_peer (s, now_us, out);
  ts_actions_add (out, TS_ACTION_TRACK);
}

static void
report_scheduled (TsSender *s, gint64 now_us, TsActions *out)
{
  TsRecord *r = ts_record_text (ts_sender_record (s, now_us, "copy"), "phase", "scheduled");
  ts_record_text (r, "method", ts_initial_name (s->initial));
  ts_actions_report (out, ts_record_int (r, "at_us", s->initial_due_us));
}

char *
ts_sender_initial_why_not (const TsInitialChoice *choice)
{
  if ((guint)choice->method > TS_INITIAL_SEEDED)
    return g_strdup_printf ("initial replication by method %d: it can be 1 (network), 2 (export) "
                            "or 3 (seeded)",
                            (int)choice->method);
  if (choice->in_us < 0 || choice->in_us > TS_INITIAL_AHEAD_US_MAX)
    return g_strdup_printf ("initial replication in %" G_GINT64_FORMAT
                            " us: it can begin now, or up to 7 days ahead",
                            choice->in_us);
  return NULL;
}

void
ts_sender_initial_start (TsSender *s, gint64 now_us, const TsInitialChoice *choice, TsActions *out)
{
  s->initial = method_of (s, choice);
  gint64 at_us = now_us + choice->in_us;
  if (choice->in_us == 0 && s->policy.initial_at_us >= 0)
    at_us = ts_schedule_at_us (&s->policy.resync, s->policy.time_scale, s->policy.initial_at_us,
                               now_us);
  if (s->initial == TS_INITIAL_EXPORT) /* 2.2: it knows no start time */
    at_us = now_us;
  s->initial_due_us = at_us;
  if (at_us > now_us) {
    ts_sender_persist (s, out);
    report_scheduled (s, now_us, out);
    return;
  }
  ts_sender_initial_tick (s, now_us, out);
  if (s->state == TS_STATE_READY)
    ts_sender_connect_peer (s, now_us, out);
}

gint64
ts_sender_initial_wake_us (const TsSender *s)
{
  /* a comparison needs somebody who has taken the copy that is there for his own */
  gboolean may = s->state == TS_STATE_READY && (s->initial != TS_INITIAL_SEEDED || s->welcomed);
  return may ? s->initial_due_us : TS_NEVER;
}

void
ts_sender_initial_welcome (TsSender *s, gint64 now_us, TsActions *out)
{
  s->welcomed = TRUE;
  ts_sender_initial_tick (s, now_us, out);
}

void
ts_sender_initial_refused (TsSender *s, gint64 now_us, const char *reason, TsActions *out)
{
  if (s->state != TS_STATE_READY || s->initial == TS_INITIAL_DEFAULT)
    return;
  ts_sender_refuse (s, now_us, TS_ASK_START, reason, out);
  ts_sender_initial_forget (s, out);
}

void
ts_sender_initial_tick (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->initial_due_us != TS_NEVER && now_us >= ts_sender_initial_wake_us (s))
    begin (s, now_us, out);
}

/* --- the end of an attempt -------------------------------------------------------------------- */

void
ts_sender_initial_forget (TsSender *s, TsActions *out)
{
  if (s->initial == TS_INITIAL_EXPORT && !s->exported && s->copy != COPY_NONE)
    ts_actions_add (out, TS_ACTION_EXPORT_DROP);
  g_clear_pointer (&s->medium, ts_medium_free);
  s->export_done = 0;
  s->exported = FALSE;
  s->initial = TS_INITIAL_DEFAULT;
  s->initial_due_us = TS_NEVER;
}

void
ts_sender_initial_done (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->initial == TS_INITIAL_SEEDED) {
    s->copy_acked = s->copy_total;
    ts_sender_copy_report (s, now_us, "done", out);
  }
  ts_sender_initial_forget (s, out);
}

/* Back to state 1; the replica stays in 2 and waits for another attempt. */
static void
give_up (TsSender *s, gint64 now_us, const char *phase, const char *reason, TsActions *out)
{
  TsRecord *r = ts_record_text (ts_sender_record (s, now_us, "copy"), "phase", phase);
  ts_record_text (r, "method", ts_initial_name (s->initial));
  ts_record_int (r, "bytes", (gint64)s->copy_acked);
  ts_record_int (r, "total_bytes", (gint64)s->copy_total);
  ts_record_text (r, "reason", reason);
  if (s->state == TS_STATE_INITIAL)
    ts_sender_stop_tracking (s, out); /* forgets the attempt, too */
  else
    ts_sender_initial_forget (s, out);
  s->copy = COPY_NONE;
  s->first_set = 0;
  ts_sender_change_state (s, now_us, TS_STATE_READY, out);
  ts_sender_persist (s, out);
  ts_actions_report (out, r);
  ts_sender_report_pending (s, now_us, out);
}

/* Once the replica may have all of it, it goes to state 3 by itself. */
static gboolean
replica_may_have_it (const TsSender *s)
{
  guint64 last = s->resync_run ? s->resync_set : s->first_set;
  return s->copy == COPY_DONE && last && s->send_set > last;
}

char *
ts_sender_initial_cancel (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->state == TS_STATE_READY && s->initial_due_us == TS_NEVER)
    return g_strdup ("no initial replication is scheduled");
  if (s->exported) /* 2.3: after the export is finished it cannot be stopped */
    return g_strdup ("the export is finished: its import at the replica is what ends it");
  if (s->state == TS_STATE_INITIAL && replica_may_have_it (s))
    return g_strdup ("the replica has all of it");
  give_up (s, now_us, "cancelled", "", out);
  return NULL;
}

gboolean
ts_sender_is_exported (const TsSender *s)
{
  return s->exported;
}

/* --- export ----------------------------------------------------------------------------------- */

static void
pump (TsSender *s, gint64 now_us, TsActions *out)
{
  while (s->copy_disk < s->hello.disks && s->medium->pieces->len - s->export_done < EXPORTS_OUT) {
    TsExtent next;
    if (!s->map[s->copy_disk] || /* left out */
        !ts_extents_next (s->map[s->copy_disk], s->copy_offset, TS_MEDIUM_PIECE_BYTES_MAX, &next)) {
      s->copy_disk++;
      s->copy_offset = 0;
      continue;
    }
    TsMediumPiece piece = {.offset_bytes = next.offset_bytes,
                           .len_bytes = (guint32)next.len_bytes,
                           .disk = s->copy_disk};
    g_array_append_val (s->medium->pieces, piece);
    s->copy_offset = next.offset_bytes + next.len_bytes;
    TsAction *a = ts_actions_add (out, TS_ACTION_EXPORT);
    a->set = s->copy_run;
    a->disk = piece.disk;
    a->offset_bytes = piece.offset_bytes;
    a->len_bytes = piece.len_bytes;
  }
  if (s->copy_disk < s->hello.disks || s->export_done < s->medium->pieces->len || s->cut_void)
    return;
  TsAction *a = ts_actions_add (out, TS_ACTION_EXPORT_END);
  a->set = s->copy_run;
  a->payload = ts_medium_pack (s->medium);
}

void
ts_sender_export_go_on (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->copy == COPY_EXPORTING)
    pump (s, now_us, out);
}

void
ts_sender_export_begin (TsSender *s, gint64 now_us, TsActions *out)
{
  s->copy = COPY_EXPORTING;
  s->export_done = 0;
  g_clear_pointer (&s->medium, ts_medium_free);
  s->medium = ts_medium_new ();
  s->medium->vm = s->hello.vm;
  s->medium->run = s->copy_run;
  s->medium->disks = s->hello.disks;
  for (guint i = 0; i < s->hello.disks; i++)
    s->medium->size_bytes[i] = s->hello.disk[i].size_bytes;
  pump (s, now_us, out);
}

static gboolean
failed (TsSender *s, const TsEvent *ev, TsActions *out)
{
  if (ev->done.ok)
    return FALSE;
  ts_sender_own_failure (s, ev->now_us, ev, out);
  give_up (s, ev->now_us, "failed", ev->done.reason, out);
  return TRUE;
}

void
ts_sender_exported (TsSender *s, const TsEvent *ev, TsActions *out)
{
  if (s->copy != COPY_EXPORTING || ev->done.set != s->copy_run || failed (s, ev, out))
    return; /* else: of an attempt that was cancelled */
  TsMediumPiece *piece = &g_array_index (s->medium->pieces, TsMediumPiece, s->export_done);
  gsize len = 0;
  const void *hash = g_bytes_get_data (ev->done.hashes, &len);
  g_assert (s->export_done < s->medium->pieces->len && len == sizeof piece->hash);
  memcpy (piece->hash, hash, len);
  s->export_done++;
  s->copy_acked += piece->len_bytes;
  if (s->copy_acked - s->copy_reported >= 8 * TS_MIB)
    ts_sender_copy_report (s, ev->now_us, "progress", out);
  pump (s, ev->now_us, out);
}

/* The medium is whole.  From now on there is something that sets can follow. */
void
ts_sender_export_ended (TsSender *s, const TsEvent *ev, TsActions *out)
{
  if (s->copy != COPY_EXPORTING || ev->done.set != s->copy_run || failed (s, ev, out))
    return;
  s->exported = TRUE;
  g_clear_pointer (&s->medium, ts_medium_free);
  ts_sender_copy_whole (s, ev->now_us, "exported", out);
  ts_sender_persist (s, out);
  ts_sender_hang_up (s, out); /* HELLO says so */
  ts_sender_connect_peer (s, ev->now_us, out);
}

/* core/relation/receiver-initial.c -- initial replication, on the replica: another attempt of the
 * primary, and a copy that comes on a medium (HVR reference 2.2, 2.3).
 *
 * While the medium is on its way, sets are stored and played onto a placeholder: overlays over disks
 * that are empty (those of a resynchronization, which cannot be under way as well).  An import writes
 * the medium's pieces to the disks, below the overlays, each checked against the medium's list; what
 * is half imported is of no use and is imported again.  When all of it is durable the overlays are
 * merged, and the disks are what the newest set says: a recovery point, and state 3.  From the
 * merge on there is no way back, and a crash does it again: both are absolute. */
#include "core/relation/receiver-internal.h"
#include "core/base/units.h"

#define IMPORTS_OUT 4 /* pieces asked for and not answered, at most */

gboolean
ts_receiver_aside (const TsReceiver *r)
{
  return r->aside != ASIDE_NONE;
}

guint64
ts_receiver_base_set (const TsReceiver *r)
{
  return r->copy_first_set > 0 ? r->copy_first_set - 1 : 0;
}

/* --- attempts --------------------------------------------------------------------------------- */

static void
drop_medium (TsReceiver *r)
{
  g_clear_pointer (&r->medium, ts_medium_free);
  r->importing = r->imported = r->import_flushing = FALSE;
  r->import_next = r->import_done = 0;
  r->import_bytes = r->import_total = r->import_told = 0;
}

void
ts_receiver_aside_forget (TsReceiver *r, TsActions *out)
{
  if (r->aside != ASIDE_NONE) {
    ts_actions_add (out, TS_ACTION_RESYNC_DROP);
    r->copy_first_set = r->applied + 1; /* what was played onto it is nowhere */
  }
  r->aside = ASIDE_NONE;
  drop_medium (r);
}

static void
forget_all (TsReceiver *r, gint64 now_us, TsActions *out)
{
  TsReceiverSet *set;
  ts_receiver_resync_cancel (r, now_us, "another initial replication", out);
  ts_receiver_aside_forget (r, out);
  ts_receiver_forget_unsealed (r, out);
  while ((set = g_queue_pop_head (&r->applies))) {
    ts_actions_add (out, TS_ACTION_DELETE_SET)->set = set->number;
    g_free (set);
  }
  r->copy_done = r->copy_ending = FALSE;
  r->copy_mark = r->copy_durable = (TsCopyMark){0};
  r->copy_since_flush = 0;
  r->flush_void = r->flushing;
  r->stored = r->applied = r->copy_first_set = 0;
  r->recv_set = 1;
  memset (r->chain, 0, sizeof r->chain);
}

TsAction *
ts_receiver_create (TsReceiver *r, TsActions *out)
{
  TsAction *a = ts_actions_add (out, TS_ACTION_CREATE);
  a->adopt = (r->copy_run & TS_HELLO_SEEDED) != 0;
  r->creating = TRUE;
  return a;
}

static void
open_placeholder (TsReceiver *r, TsActions *out)
{
  if (r->aside != ASIDE_WANTED || !r->created || r->creating)
    return;
  r->aside = ASIDE_OPENING;
  ts_actions_add (out, TS_ACTION_RESYNC_OPEN);
}

/* Its sets come before the medium does. */
static void
want_placeholder (TsReceiver *r, guint64 first_set)
{
  r->aside = ASIDE_WANTED;
  r->aside_first = MAX (first_set, 1);
  r->aside_point = (TsPoint){0};
  r->copy_done = TRUE;
  r->copy_first_set = r->aside_first;
  r->stored = r->applied = r->aside_first - 1;
  r->recv_set = r->aside_first;
  r->recv_disk = 0;
  r->recv_offset = 0;
}

void
ts_receiver_initial_first (TsReceiver *r, const TsFrame *frame)
{
  r->copy_run = ts_hello_is_fresh (frame->value) ? frame->value & ~TS_HELLO_EXPORTED : 0;
  if (r->copy_run && (frame->value & TS_HELLO_EXPORTED))
    want_placeholder (r, frame->set);
}

gboolean
ts_receiver_initial_hello (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  const TsFrame *frame = ev->frame.frame;
  guint64 run = frame->value & ~TS_HELLO_EXPORTED;
  if (!ts_hello_is_fresh (frame->value))
    return FALSE;
  if (r->state != TS_STATE_INITIAL) {
    if (run == r->copy_run) /* it has not heard yet that it is done */
      return FALSE;
    ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STATE,
                             "there is a replica already: remove it here before it is begun anew",
                             out);
    return TRUE;
  }
  if (run != r->copy_run) {
    if (r->creating || r->applying || r->importing || r->seals.length > 0 ||
        r->aside == ASIDE_MERGING || r->resync == RESYNC_MERGING) {
      ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_PAUSED,
                               "the replica is busy with an earlier initial replication", out);
      return TRUE;
    }
    forget_all (r, ev->now_us, out);
    r->copy_run = run;
    r->created = FALSE;
  } else if (ts_receiver_resync_copying (r) || r->resync == RESYNC_OPENING)
    ts_receiver_resync_cancel (r, ev->now_us, "it was cancelled on the primary", out);
  if ((frame->value & TS_HELLO_EXPORTED) && r->aside == ASIDE_NONE && !r->copy_done)
    want_placeholder (r, frame->set);
  open_placeholder (r, out);
  return FALSE;
}

void
ts_receiver_initial_created (TsReceiver *r, TsActions *out)
{
  open_placeholder (r, out);
}

/* TRUE: it was the placeholder that was opened. */
gboolean
ts_receiver_aside_opened (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  if (r->aside != ASIDE_OPENING)
    return FALSE;
  r->aside = ev->done.ok ? ASIDE_WAITING : ASIDE_WANTED;
  if (!ev->done.ok) {
    if (r->welcome_due && r->connected)
      ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STORAGE, ev->done.reason, out);
    r->welcome_due = FALSE;
    return TRUE;
  }
  ts_receiver_persist (r, out);
  if (r->welcome_due)
    ts_receiver_welcome (r, ev->now_us, out);
  return TRUE;
}

/* A set has been played onto the placeholder. */
void
ts_receiver_aside_applied (TsReceiver *r, const TsReceiverSet *set)
{
  r->aside_point = (TsPoint){set->number, set->manifest.instant_us,
                             set->manifest.kind == TS_SET_CONSISTENT ? TS_POINT_CONSISTENT
                                                                     : TS_POINT_STANDARD};
}

/* --- import ----------------------------------------------------------------------------------- */

static void
report (TsReceiver *r, gint64 now_us, const char *phase, TsActions *out)
{
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "import"), "phase", phase);
  ts_record_int (rec, "bytes", (gint64)r->import_bytes);
  ts_record_int (rec, "total_bytes", (gint64)r->import_total);
  guint64 percent = r->import_total == 0 ? 0 : 100 * r->import_bytes / r->import_total;
  if (g_str_equal (phase, "done"))
    percent = 100;
  ts_actions_report (out, ts_record_int (rec, "percent", (gint64)percent));
  r->import_told = r->import_bytes;
}

/* It is not imported; another medium can be. */
static void
turn_down (TsReceiver *r, gint64 now_us, const char *why, TsActions *out)
{
  drop_medium (r);
  ts_receiver_refuse (r, now_us, TS_ASK_IMPORT, why, out);
}

gboolean
ts_receiver_awaits_medium (const TsReceiver *r)
{
  return ts_receiver_import_why_not (r) == NULL;
}

const char *
ts_receiver_import_why_not (const TsReceiver *r)
{
  if (r->importing || r->aside == ASIDE_MERGING)
    return "an import is under way";
  if (r->aside != ASIDE_WAITING)
    return "no medium is awaited: the primary has not finished an export for this replica";
  return NULL;
}

void
ts_receiver_import_begin (TsReceiver *r, TsActions *out)
{
  r->importing = TRUE;
  ts_actions_add (out, TS_ACTION_IMPORT_OPEN);
}

static char *
judge (const TsReceiver *r, const TsMedium *medium)
{
  if (!ts_guid_equal (&medium->vm, &r->hello.vm))
    return g_strdup ("the medium is of another virtual machine");
  if (medium->disks != r->hello.disks)
    return g_strdup_printf ("the medium has %u disks, the virtual machine has %u", medium->disks,
                            r->hello.disks);
  for (guint i = 0; i < medium->disks; i++)
    if (!r->hello.disk[i].excluded && medium->size_bytes[i] != r->hello.disk[i].size_bytes)
      return g_strdup_printf ("disk %s of the medium has %" G_GUINT64_FORMAT
                              " bytes, the virtual machine's has %" G_GUINT64_FORMAT,
                              r->hello.disk[i].name, medium->size_bytes[i],
                              r->hello.disk[i].size_bytes);
  if (medium->run != r->copy_run)
    return g_strdup ("the medium is of another initial replication of this virtual machine");
  return NULL;
}

static void
pump (TsReceiver *r, TsActions *out)
{
  while (r->import_next < r->medium->pieces->len && r->import_next - r->import_done < IMPORTS_OUT) {
    const TsMediumPiece *piece = ts_medium_piece (r->medium, r->import_next++);
    TsAction *a = ts_actions_add (out, TS_ACTION_IMPORT);
    a->disk = piece->disk;
    a->offset_bytes = piece->offset_bytes;
    a->len_bytes = piece->len_bytes;
  }
  if (r->import_done < r->medium->pieces->len)
    return;
  r->import_flushing = TRUE;
  ts_actions_add (out, TS_ACTION_FLUSH);
}

void
ts_receiver_import_opened (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  g_autoptr (GError) error = NULL;
  if (!r->importing || r->medium)
    return;
  if (!ev->done.ok) {
    turn_down (r, ev->now_us, ev->done.reason, out);
    return;
  }
  r->medium = ts_medium_unpack (ev->done.medium, &error);
  g_autofree char *why =
      r->medium ? judge (r, r->medium) : g_strdup_printf ("the medium is damaged: %s", error->message);
  if (why) {
    turn_down (r, ev->now_us, why, out);
    return;
  }
  r->import_next = r->import_done = 0;
  r->import_bytes = r->import_total = 0;
  for (guint i = 0; i < r->medium->pieces->len; i++)
    r->import_total += ts_medium_piece (r->medium, i)->len_bytes;
  report (r, ev->now_us, "begun", out);
  pump (r, out);
}

void
ts_receiver_import_piece (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  if (!r->importing || !r->medium || r->import_done >= r->import_next)
    return; /* of an import that was turned down */
  const TsMediumPiece *piece = ts_medium_piece (r->medium, r->import_done);
  if (piece->disk != ev->done.disk)
    return;
  gsize len = 0;
  const void *hash = ev->done.ok ? g_bytes_get_data (ev->done.hashes, &len) : NULL;
  if (!ev->done.ok || len != sizeof piece->hash || memcmp (hash, piece->hash, len) != 0) {
    g_autofree char *why =
        ev->done.ok
            ? g_strdup_printf ("the medium is damaged: what it holds of disk %s at byte %" G_GUINT64_FORMAT
                               " is not what was exported",
                               r->hello.disk[piece->disk].name, piece->offset_bytes)
            : g_strdup_printf ("the medium cannot be imported: %s", ev->done.reason);
    turn_down (r, ev->now_us, why, out);
    return;
  }
  r->import_done++;
  r->import_bytes += piece->len_bytes;
  if (r->import_bytes - r->import_told >= 8 * TS_MIB)
    report (r, ev->now_us, "progress", out);
  pump (r, out);
}

/* TRUE: it was the import's flush. */
gboolean
ts_receiver_import_flushed (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  if (!r->import_flushing)
    return FALSE;
  r->import_flushing = FALSE;
  if (!ev->done.ok) {
    g_autofree char *why = g_strdup_printf ("the medium cannot be imported: %s", ev->done.reason);
    turn_down (r, ev->now_us, why, out);
    return TRUE;
  }
  r->imported = TRUE;
  ts_receiver_go_on_applying (r, ev->now_us, out);
  return TRUE;
}

/* All of the medium is on the disks and nothing is being played onto the placeholder: merges. TRUE:
 * nothing else is to be applied now. */
gboolean
ts_receiver_aside_go_on (TsReceiver *r, TsActions *out)
{
  if (r->aside == ASIDE_WAITING && r->imported && !r->applying) {
    r->aside = ASIDE_MERGING;
    r->imported = FALSE;
    ts_receiver_persist (r, out);
  }
  if (r->aside == ASIDE_MERGING && !r->applying && r->apply_retry_us == TS_NEVER) {
    r->applying = TRUE;
    ts_actions_add (out, TS_ACTION_RESYNC_MERGE);
  }
  return r->aside != ASIDE_NONE && r->aside != ASIDE_WAITING;
}

/* TRUE: it was the placeholder that was merged. */
gboolean
ts_receiver_aside_merged (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  if (r->aside != ASIDE_MERGING)
    return FALSE;
  r->applying = FALSE;
  if (!ev->done.ok) {
    ts_receiver_own_failure (r, ev, out);
    r->apply_retry_us = ev->now_us + TS_RECEIVER_APPLY_RETRY_US;
    return TRUE;
  }
  r->aside = ASIDE_NONE;
  report (r, ev->now_us, "done", out);
  drop_medium (r);
  if (r->aside_point.set) { /* of one instant: the newest set's */
    TsReceiverSet set = {.number = r->aside_point.set};
    set.manifest.instant_us = r->aside_point.instant_us;
    set.manifest.kind =
        r->aside_point.type == TS_POINT_CONSISTENT ? TS_SET_CONSISTENT : TS_SET_REGULAR;
    ts_receiver_history_take (r, &set);
    ts_receiver_change_state (r, ev->now_us, TS_STATE_REPLICATING, out);
    ts_receiver_report_point (r, ev->now_us, &set, out);
    ts_receiver_history_tell (r, ev->now_us, out);
    ts_receiver_acknowledge (r, TS_ACK_APPLIED, set.number, 0, 0, out);
  } else
    ts_receiver_persist (r, out);
  ts_actions_add (out, TS_ACTION_RESYNC_DROP);
  ts_receiver_go_on_applying (r, ev->now_us, out);
  return TRUE;
}

/* core/relation/receiver-set.c -- log sets: stored, sealed, applied. */
#include "core/base/units.h"
#include "core/relation/receiver-internal.h"

TsAction *
ts_receiver_set_action (TsActions *out, TsActionKind kind, const TsReceiverSet *set)
{
  TsAction *a = ts_actions_add (out, kind);
  a->set = set->number;
  a->disks = ts_manifest_disks (&set->manifest);
  a->instant_us = set->manifest.instant_us;
  return a;
}

void
ts_receiver_forget_unsealed (TsReceiver *r, TsActions *out)
{
  ts_actions_add (out, TS_ACTION_DROP)->set = r->stored;
  g_queue_clear_full (&r->seals, g_free);
  r->recv_set = ts_receiver_next_set (r);
  r->recv_disk = 0;
  r->recv_offset = 0;
}

void
ts_receiver_report_point (TsReceiver *r, gint64 now_us, const TsReceiverSet *set, TsActions *out)
{
  TsRecord *rec = ts_record_int (ts_receiver_record (r, now_us, "point"), "set", (gint64)set->number);
  ts_record_int (rec, "instant_us", set->manifest.instant_us);
  ts_actions_report (out, ts_record_text (rec, "type", ts_point_type_name (r->point_type)));
}

/* HVR 2.6, "backup of the replica takes long": events, once for each set; state, health and what is
 * received stay as they are. */
static void
tell_blocked (TsReceiver *r, gint64 now_us, TsActions *out)
{
  static const guint16 events[] = {19050, 32546, 32032, 33680};
  const TsReceiverSet *newest = g_queue_peek_tail (&r->applies);
  if (!newest || newest->number <= r->backup_told)
    return;
  r->backup_told = newest->number;
  for (guint i = 0; i < G_N_ELEMENTS (events); i++) {
    TsRecord *rec = ts_record_int (ts_receiver_record (r, now_us, "failure"), "event", events[i]);
    ts_record_text (rec, "action", "apply");
    ts_actions_report (out, ts_record_text (rec, "reason",
                                            "Operation aborted (0x80004004): the replica is being "
                                            "backed up"));
  }
}

void
ts_receiver_go_on_applying (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->removing) {
    ts_receiver_go_on_removing (r, now_us, out);
    return;
  }
  gboolean may = (r->state == TS_STATE_INITIAL || r->state == TS_STATE_REPLICATING ||
                  r->failover == FAILOVER_APPLYING) &&
                 !ts_receiver_test_stands (r) && !r->resizing && !r->creating && !r->moving;
  if (ts_receiver_aside_go_on (r, out))
    may = FALSE;
  if (may && r->backup) {
    tell_blocked (r, now_us, out);
    may = FALSE;
  }
  if (may && !r->applying && r->apply_retry_us == TS_NEVER && r->applies.length > 0 &&
      ts_receiver_slot_take (r, out)) {
    TsReceiverSet *set = g_queue_peek_head (&r->applies);
    r->applying = TRUE;
    if (set->manifest.kind == TS_SET_RESYNC && !r->merged)
      ts_actions_add (out, TS_ACTION_RESYNC_MERGE);
    else {
      TsAction *a = ts_receiver_set_action (out, TS_ACTION_APPLY, set);
      a->disks &= ts_hello_disks (&r->hello) | r->updating; /* one may have been left out since */
      a->aside = r->aside == ASIDE_WAITING;
      a->undo = a->aside ? NULL : ts_receiver_history_open (r, set->number);
    }
  }
  if (r->test == TEST_APPLYING && !r->applying && r->applies.length == 0)
    ts_receiver_start_test (r, now_us, out);
  if (r->failover == FAILOVER_APPLYING && !r->applying && r->applies.length == 0 &&
      r->seals.length == 0 && !ts_receiver_test_stands (r)) {
    ts_receiver_resync_cancel (r, now_us, "failover", out); /* HVR 2.9: what was whole is taken */
    ts_receiver_branch (r, now_us, out);
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

/* The stored log is the announced one, and says that it follows another than last. */
static gboolean
follows_another (const TsManifest *want, const TsManifest *have, guint disk, const TsGuid *last)
{
  return have->disk[disk].log_bytes > 0 &&
         ts_guid_equal (&want->disk[disk].unique, &have->disk[disk].unique) &&
         !ts_guid_equal (&have->disk[disk].previous, last);
}

/* A set that makes the disks of one instant: it is a point only when it is applied. */
static gboolean
is_made_one (const TsReceiverSet *set)
{
  return set->manifest.kind == TS_SET_INITIAL || set->manifest.kind == TS_SET_RESYNC ||
         set->manifest.kind == TS_SET_DISKS;
}

/* One of them is stored and not applied yet: what came behind it is no point either until it is, or the
 * newest point would move back. */
static gboolean
waits_to_be_made_one (const TsReceiver *r)
{
  for (const GList *l = r->applies.head; l; l = l->next)
    if (is_made_one (l->data))
      return TRUE;
  return FALSE;
}

/* No set has been stored of this attempt. */
static gboolean
no_chain (const TsReceiver *r)
{
  for (guint i = 0; i < r->hello.disks; i++)
    if (!ts_guid_is_zero (&r->chain[i]))
      return FALSE;
  return TRUE;
}

void
ts_receiver_sealed (TsReceiver *r, const TsEvent *ev, TsActions *out)
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
  /* HVR 2.9, secondary: out-of-sequence log.  Either may show it, what was announced of a log or the log:
   * one that itself follows another would do so however often it came (CHOICE). */
  gboolean new_chain = set->manifest.kind == TS_SET_RESYNC && r->resync == RESYNC_COPIED;
  /* of an attempt behind one that was cancelled */
  new_chain |= set->manifest.kind == TS_SET_INITIAL && no_chain (r);
  for (guint i = 0; ev->done.ok && !new_chain && i < set->manifest.disks; i++)
    if (set->manifest.disk[i].log_bytes > 0 &&
        (trouble ? follows_another (&set->manifest, ev->done.sealed, i, &r->chain[i])
                 : !ts_guid_equal (&set->manifest.disk[i].previous, &r->chain[i]))) {
      refusal = TS_REFUSE_SEQUENCE;
      g_free (trouble);
      trouble = g_strdup_printf ("the log of disk %u in set %" G_GUINT64_FORMAT
                                 " does not follow the last one received",
                                 i, set->number);
      break;
    }
  for (guint i = 0; !trouble && i < set->manifest.disks; i++)
    if (ev->done.sealed->disk[i].end_bytes > r->hello.disk[i].size_bytes) { /* HVR 2.6, disk resize */
      refusal = TS_REFUSE_BOUNDS;
      trouble = g_strdup_printf (
          "An out-of-bounds write was encountered on the Replica virtual machine '%s': disk %s of the "
          "primary is written up to byte %" G_GUINT64_FORMAT ", the replica's has %" G_GUINT64_FORMAT
          ". Resize the replica's disk, then resume replication",
          r->hello.name, r->hello.disk[i].name, ev->done.sealed->disk[i].end_bytes,
          r->hello.disk[i].size_bytes);
    }
  if (trouble) {
    ts_receiver_forget_unsealed (r, out);
    if (r->greeted)
      ts_receiver_refuse_peer (r, now_us, refusal, trouble, out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  }
  if (set->manifest.kind == TS_SET_DISKS && !(r->updating && r->update_whole))
    set->manifest.kind = TS_SET_REGULAR; /* of an update that was given up here */
  g_queue_pop_head (&r->seals);
  r->stored = set->number;
  for (guint i = 0; i < set->manifest.disks; i++)
    if (set->manifest.disk[i].log_bytes > 0)
      r->chain[i] = set->manifest.disk[i].unique;
  g_queue_push_tail (&r->applies, set);
  gboolean is_point = !waits_to_be_made_one (r) && !ts_receiver_aside (r);
  /* Before it is persisted, so that a crash does not take the newest point back. */
  if (is_point)
    ts_receiver_history_take (r, set);
  if (set->manifest.kind == TS_SET_RESYNC)
    ts_receiver_resync_sealed (r, now_us, out);
  if (set->manifest.kind == TS_SET_DISKS) /* CHOICE: the older ones know nothing of a disk that is new */
    ts_receiver_forget_points (r, now_us, "the replicated disks have changed", out);
  ts_receiver_persist (r, out);
  guint64 bytes = 0;
  for (guint i = 0; i < set->manifest.disks; i++)
    bytes += set->manifest.disk[i].data_bytes;
  r->statistics.success++;
  ts_statistics_sent (&r->statistics, now_us, bytes, 0);
  if (is_point) {
    ts_receiver_report_point (r, now_us, set, out);
    ts_receiver_history_tell (r, now_us, out);
  }
  ts_receiver_acknowledge (r, TS_ACK_STORED, set->number, 0, 0, out);
  if (set->manifest.kind == TS_SET_PLANNED) /* the primary waits for it to be ts_receiver_applied (CHOICE) */
    ts_receiver_end_test (r, now_us, out);
  TsReceiverSet *next = g_queue_peek_head (&r->seals);
  if (next)
    ts_receiver_set_action (out, TS_ACTION_SEAL, next);
  else if (r->welcome_due)
    ts_receiver_welcome (r, now_us, out);
  ts_receiver_go_on_applying (r, now_us, out);
}

void
ts_receiver_applied (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  r->applying = FALSE;
  TsReceiverSet *set = g_queue_peek_head (&r->applies);
  if (!set || set->number != ev->done.set)
    return;
  /* not as we left them, or (HVR 2.9, secondary) a log that is not valid any more */
  if (!ev->done.ok && (ev->done.code == TS_ERROR_STATE || ev->done.code == TS_ERROR_FORMAT)) {
    ts_receiver_resync_spoil (r, now_us, ev->done.reason, out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  }
  if (!ev->done.ok) { /* HVR 2.4.5, event 32032: state, health and RPO stay; retried */
    TsRecord *rec = ts_record_int (ts_receiver_record (r, now_us, "failure"), "event", 32032);
    ts_record_text (rec, "action", "apply");
    ts_actions_report (out, ts_record_text (rec, "reason", ev->done.reason));
    r->apply_retry_us = now_us + TS_RECEIVER_APPLY_RETRY_US;
    r->redo = set->number;
    if (ev->done.code == TS_ERROR_LOST) { /* HVR 2.7: only older points suffer */
      ts_receiver_history_broken (r, now_us, set->number, out);
      r->apply_retry_us = TS_NEVER;
      ts_receiver_go_on_applying (r, now_us, out);
    }
    return;
  }
  g_queue_pop_head (&r->applies);
  r->applied = set->number;
  r->applied_us = set->manifest.instant_us;
  gboolean aside = r->aside == ASIDE_WAITING;
  if (aside)
    ts_receiver_aside_applied (r, set);
  else
    r->statistics.last_applied_us = now_us;
  /* also one that was stored while the medium, or a set that makes one, was awaited */
  gboolean is_point = !aside && (is_made_one (set) || set->number > r->point_set);
  if (is_point)
    ts_receiver_history_take (r, set);
  if (set->manifest.kind == TS_SET_DISKS)
    ts_receiver_update_applied (r);
  if (set->manifest.kind == TS_SET_RESYNC)
    ts_receiver_resync_applied (r, now_us, out);
  ts_receiver_report_disks (r, now_us, out);
  ts_receiver_persist (r, out);
  if (set->manifest.kind == TS_SET_RESYNC)
    ts_actions_add (out, TS_ACTION_RESYNC_DROP);
  TsRecord *rec = ts_record_int (ts_receiver_record (r, now_us, "applied"), "set", (gint64)set->number);
  ts_actions_report (out, ts_record_int (rec, "instant_us", set->manifest.instant_us));
  if (is_point) { /* before, the copy was of no instant at all */
    ts_receiver_report_point (r, now_us, set, out);
    ts_receiver_history_tell (r, now_us, out);
  }
  ts_actions_add (out, TS_ACTION_DELETE_SET)->set = set->number;
  if (!aside)
    ts_receiver_acknowledge (r, TS_ACK_APPLIED, set->number, 0, 0, out);
  g_free (set);
  if (r->state == TS_STATE_INITIAL && !aside)
    ts_receiver_change_state (r, now_us, TS_STATE_REPLICATING, out);
  ts_receiver_go_on_applying (r, now_us, out);
}

/* core/relation/receiver.c -- see receiver.h. */
#include "core/relation/receiver-internal.h"
#include "core/base/units.h"
#include "core/relation/turn.h"

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

void
ts_receiver_change_state (TsReceiver *r, gint64 now_us, TsState to, TsActions *out)
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

/* --- what bounds it, and is counted ----------------------------------------------------------- */

gboolean
ts_receiver_slot_take (TsReceiver *r, TsActions *out)
{
  if (r->settings.apply_vms_max == 0 || r->slot == TS_SLOT_HELD)
    return TRUE;
  if (r->slot == TS_SLOT_NONE) {
    r->slot = TS_SLOT_ASKED;
    ts_actions_add (out, TS_ACTION_SLOT);
  }
  return FALSE;
}

/* HVR 5.1 */
static void
monitor_end (TsReceiver *r, gint64 now_us, TsActions *out)
{
  TsRecord *rec = ts_receiver_record (r, now_us, "statistics");
  ts_statistics_record (rec, &r->statistics, TS_ROLE_REPLICA, now_us);
  ts_actions_report (out, ts_record_text (rec, "health", ts_health_name (r->health)));
  ts_statistics_reset (&r->statistics, now_us);
  r->monitor_us = TS_NEVER;
}

/* CHOICE: a slot is held for one set, so that VMs take turns. */
static void
limits_settle (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if ((r->slot == TS_SLOT_HELD && !r->applying) ||
      (r->slot == TS_SLOT_ASKED && r->applies.length == 0)) {
    r->slot = TS_SLOT_NONE;
    ts_actions_add (out, TS_ACTION_SLOT_END);
  }
  if (!r->known || r->state == TS_STATE_DISABLED)
    r->monitor_us = TS_NEVER;
  else if (r->monitor_us == TS_NEVER)
    r->monitor_us = ts_host_settings_monitor_us (&r->settings, r->hello.time_scale, now_us);
}

void
ts_receiver_set_settings (TsReceiver *r, const TsHostSettings *settings)
{
  r->settings = *settings;
  r->monitor_us = TS_NEVER;
}

/* --- what our own actions answer -------------------------------------------------------------- */

void
ts_receiver_own_failure (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  TsRecord *rec = ts_record_int (ts_receiver_record (r, ev->now_us, "failure"), "event", 33680);
  ts_record_text (rec, "action", ts_action_name (ev->done.action));
  ts_actions_report (out, ts_record_text (rec, "reason", ev->done.reason));
}

static void
done (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  switch ((int)ev->done.action) { /* only those that a receiver asks for */
  case TS_ACTION_CREATE:
    r->creating = FALSE;
    if (!ev->done.ok && r->created) { /* of a disk that was to be included; it is asked for again */
      ts_receiver_update_forget (r);
      ts_receiver_persist (r, out);
      r->welcome_due = FALSE;
      ts_receiver_refuse_peer (r, now_us, TS_REFUSE_STORAGE, ev->done.reason, out);
      return;
    }
    if (!ev->done.ok) {
      r->known = FALSE;
      g_clear_pointer (&r->source, g_free);
      r->state = TS_STATE_DISABLED;
      r->welcome_due = FALSE;
      /* there is no copy to go on from: that does not pass */
      ts_receiver_refuse_peer (r, now_us,
                               ev->done.code == TS_ERROR_STATE ? TS_REFUSE_STATE : TS_REFUSE_STORAGE,
                               ev->done.reason, out);
      return;
    }
    r->created = TRUE;
    r->update_made = r->updating != 0;
    ts_receiver_persist (r, out);
    ts_receiver_report_disks (r, now_us, out);
    ts_receiver_initial_created (r, out);
    if (r->welcome_due)
      ts_receiver_welcome (r, now_us, out);
    return;
  case TS_ACTION_SLOT:
    if (r->slot == TS_SLOT_ASKED)
      r->slot = TS_SLOT_HELD;
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ACTION_HASH:
    ts_receiver_resync_hashed (r, ev, out);
    return;
  case TS_ACTION_RESYNC_OPEN:
    if (!ts_receiver_aside_opened (r, ev, out))
      ts_receiver_resync_opened (r, ev, out);
    return;
  case TS_ACTION_IMPORT_OPEN:
    ts_receiver_import_opened (r, ev, out);
    return;
  case TS_ACTION_IMPORT:
    ts_receiver_import_piece (r, ev, out);
    return;
  case TS_ACTION_RESYNC_MERGE:
    if (ts_receiver_aside_merged (r, ev, out))
      return;
    r->applying = FALSE;
    if (ev->done.ok)
      r->merged = TRUE;
    else if (ev->done.code == TS_ERROR_STATE)
      ts_receiver_resync_void (r, ev, out);
    else {
      ts_receiver_own_failure (r, ev, out);
      r->apply_retry_us = now_us + TS_RECEIVER_APPLY_RETRY_US;
    }
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ACTION_RESYNC_WRITE:
    if (!ts_receiver_resync_copying (r))
      return;
    /* fall through */
  case TS_ACTION_WRITE:
    if (!ev->done.ok && r->updating)
      ts_receiver_update_trouble (r, ev, out);
    else if (!ev->done.ok)
      ts_receiver_copy_trouble (r, ev, out);
    else
      ts_receiver_acknowledge (r, TS_ACK_COPY, 0, ev->done.disk, ev->done.offset_bytes, out);
    return;
  case TS_ACTION_RESIZE:
    ts_receiver_resized (r, ev, out);
    return;
  case TS_ACTION_FLUSH:
    if (r->update_flushing) {
      ts_receiver_update_flushed (r, ev, out);
      return;
    }
    /* fall through */
  case TS_ACTION_RESYNC_FLUSH:
    if (!ts_receiver_import_flushed (r, ev, out))
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
    ts_receiver_sealed (r, ev, out);
    return;
  case TS_ACTION_APPLY:
    ts_receiver_applied (r, ev, out);
    return;
  case TS_ACTION_BRANCH:
    if (r->failover != FAILOVER_BRANCHING)
      return;
    if (!ev->done.ok) { /* once failed over: another point can be chosen, or none (cancel) */
      if (!r->changing)
        r->failover = FAILOVER_NONE;
      r->changing = FALSE;
      ts_receiver_own_failure (r, ev, out);
      return;
    }
    r->failover = FAILOVER_DONE;
    if (r->changing) {
      r->changing = FALSE;
      ts_receiver_persist (r, out);
      ts_receiver_report_failover (r, now_us, "changed", out);
      return;
    }
    ts_receiver_change_state (r, now_us, TS_STATE_RECOVERED, out);
    ts_receiver_report_failover (r, now_us, "promoted", out);
    return;
  case TS_ACTION_POWER_ON:
    r->starting = FALSE;
    if (ev->done.ok)
      ts_receiver_report_failover (r, now_us, "started", out);
    else
      ts_receiver_own_failure (r, ev, out);
    ts_receiver_go_on_applying (r, now_us, out); /* being removed */
    return;
  case TS_ACTION_MERGE:
    r->merging = FALSE;
    if (!ev->done.ok) {
      r->reversing = r->removing = FALSE;
      ts_receiver_own_failure (r, ev, out);
      return;
    }
    ts_receiver_change_state (r, now_us, TS_STATE_COMMITTED, out);
    ts_receiver_forget_points (r, now_us, "commit", out); /* trap 8 */
    ts_receiver_report_failover (r, now_us, "committed", out);
    if (r->reversing) {
      r->reversing = FALSE;
      ts_receiver_ask_reverse (r, now_us, out);
    }
    ts_receiver_go_on_applying (r, now_us, out); /* being removed */
    return;
  case TS_ACTION_MOVE: /* heard only when it has failed */
    r->moving = r->move_asked = FALSE;
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ACTION_TURN: /* heard only when it has failed */
    r->turning = FALSE;
    ts_receiver_own_failure (r, ev, out);
    return;
  case TS_ACTION_TEST_START:
    ts_receiver_test_started (r, ev, out);
    return;
  case TS_ACTION_TEST_STOP:
    ts_receiver_test_stopped (r, ev, out);
    return;
  case TS_ACTION_DISCARD:
    r->discarding = FALSE;
    if (!ev->done.ok) {
      if (r->changing)
        r->failover = FAILOVER_DONE;
      r->changing = FALSE;
      ts_receiver_own_failure (r, ev, out);
      return;
    }
    if (r->changing) {
      ts_receiver_branch (r, now_us, out);
      return;
    }
    /* The disks below are as they were: the primary is welcome again, from the last stored set on.
     */
    r->failover = FAILOVER_NONE;
    ts_receiver_change_state (r, now_us, TS_STATE_REPLICATING, out);
    ts_receiver_report_failover (r, now_us, "cancelled", out);
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
    if (r->moving)
      break;
    if (ev->now_us >= r->monitor_us)
      monitor_end (r, ev->now_us, out);
    if (ev->now_us >= r->apply_retry_us) {
      r->apply_retry_us = TS_NEVER;
      ts_receiver_go_on_applying (r, ev->now_us, out);
    }
    break;
  case TS_EVENT_ASK:
    ts_receiver_asked (r, ev, out);
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
    ts_receiver_frame_in (r, ev, out);
    break;
  case TS_EVENT_DONE:
    done (r, ev, out);
    break;
  case TS_EVENT_STOP: /* HVR 2.6: the peer is told; what is persisted is all that stays */
    if (r->connected)
      ts_receiver_refuse_peer (r, ev->now_us, TS_REFUSE_STOPPING, "the replica server is being shut down",
                               out);
    break;
  case TS_EVENT_EXTENDED:
    r->extended = ev->machine.on;
    break;
  case TS_EVENT_MACHINE:
    r->machine_on = ev->machine.on;
    break;
  case TS_EVENT_TRACKED:
  case TS_EVENT_PEER:
    break;
  }
  limits_settle (r, ev->now_us, out);
  ts_receiver_move_settle (r, out);
  judge_health (r, ev->now_us, out);
  for (guint i = 0; r->known && i < out->len; i++) {
    TsAction *a = &g_array_index (out, TsAction, i);
    a->held = ts_hello_disks (&r->hello);
    if (a->disks == 0)
      a->disks = a->held;
  }
}

gint64
ts_receiver_wake_us (const TsReceiver *r)
{
  if (r->moving)
    return TS_NEVER;
  TsHealthInput input = health_input (r, 0);
  gint64 health_us =
      r->known && r->health == TS_HEALTH_NORMAL ? ts_health_wake_us (&input) : TS_NEVER;
  return MIN (MIN (r->apply_retry_us, r->monitor_us), health_us);
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

gint64
ts_receiver_applied_us (const TsReceiver *r)
{
  return r->applied == r->point_set ? r->point_us : r->applied_us;
}

gboolean
ts_receiver_whole (const TsReceiver *r)
{
  return r->state != TS_STATE_DISABLED && r->state != TS_STATE_INITIAL &&
         r->state != TS_STATE_COMMITTED && !r->merging && r->resync != RESYNC_MERGING &&
         r->updating == 0 && !ts_receiver_aside (r) && r->applied >= r->redo;
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
  return ts_receiver_test_stands (r);
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
  ts_statistics_init (&r->statistics);
  ts_host_settings_init (&r->settings);
  r->monitor_us = TS_NEVER;
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
  ts_medium_free (r->medium);
  g_free (r->host);
  g_free (r->source);
  g_free (r);
}

/* core/relation/sender.c -- see sender.h. */
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

void
ts_sender_persist (TsSender *s, TsActions *out)
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
  ts_sender_persist (s, out);
  ts_actions_report (out, r);
}

/* --- tracking that ends ----------------------------------------------------------------------- */

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
  ts_sender_ask_cut (s, ts_sender_freeze_done (s, now_us, ok, reason, out), out);
}

/* Whatever is tracked, queued or being compared is given up. */
void
ts_sender_stop_tracking (TsSender *s, TsActions *out)
{
  ts_sender_hang_up (s, out);
  ts_sender_initial_forget (s, out);
  ts_actions_add (out, TS_ACTION_UNTRACK);
  for (GList *l = s->sets.head; l; l = l->next)
    ts_actions_add (out, TS_ACTION_DELETE_SET)->set = ((TsSenderSet *)l->data)->number;
  g_queue_clear_full (&s->sets, g_free);
  s->tracked_bytes = 0;
  s->due_us = TS_NEVER;
  s->preparing = FALSE;
  ts_sender_update_absorb (s);
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
  ts_sender_stop_tracking (s, out);
  ts_sender_change_state (s, now_us, TS_STATE_RESYNC_REQUIRED, out);
  ts_sender_resync_plan (s, now_us);
  ts_sender_report_pending (s, now_us, out);
}

/* A passing failure of our own (cut, tracking): events 32022 and 32315 of HVR 2.6. */
void
ts_sender_own_failure (TsSender *s, gint64 now_us, const TsEvent *ev, TsActions *out)
{
  s->statistics.failures++;
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "failure"), "event", 32022);
  ts_record_text (r, "action", ts_action_name (ev->done.action));
  ts_actions_report (out, ts_record_text (r, "reason", ev->done.reason));
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
      ts_sender_own_failure (s, ev->now_us, ev, out);
      s->track_due = TRUE;
      s->retry_us = ev->now_us + ts_sender_backoff_us (1, s->interval_us);
      return;
    }
    if (s->resync_run) {
      ts_sender_resync_tracked (s, ev->now_us, out);
      ts_sender_connect_peer (s, ev->now_us, out);
      return;
    }
    s->copy = COPY_MAP;
    s->maps = 0;
    for (guint i = 0; i < s->hello.disks; i++)
      if (!s->hello.disk[i].excluded)
        ts_actions_add (out, TS_ACTION_MAP)->disk = i;
    return;
  case TS_ACTION_RESIZE:
    ts_sender_resized (s, ev, out);
    return;
  case TS_ACTION_MAP:
    if (ts_sender_update_mapped (s, ev, out))
      ts_sender_pump (s, ev->now_us, out);
    else if (s->copy == COPY_MAP && ts_sender_copy_mapped (s, ev, out)) {
      ts_sender_connect_peer (s, ev->now_us, out);
      ts_sender_pump (s, ev->now_us, out);
    }
    return;
  case TS_ACTION_SLOT:
    ts_sender_slot_granted (s, ev->now_us, out);
    return;
  case TS_ACTION_HASH:
    ts_sender_resync_hashed (s, ev, out);
    return;
  case TS_ACTION_EXPORT:
    ts_sender_exported (s, ev, out);
    return;
  case TS_ACTION_EXPORT_END:
    ts_sender_export_ended (s, ev, out);
    return;
  case TS_ACTION_FREEZE:
    frozen (s, ev->now_us, ev->done.ok, ev->done.reason, out);
    return;
  case TS_ACTION_CUT:
    ts_sender_cut_done (s, ev, out);
    if (s->updating)
      ts_sender_update_cut (s, ev, out);
    if (s->resync_run && s->copy == COPY_DONE && !s->resync_set && !s->cutting &&
        s->retry_us == TS_NEVER)
      ts_sender_ask_cut (s, TS_SET_RESYNC, out);
    /* a regular cut was under way when the planned one was asked for; one that failed waits */
    if (s->preparing && !s->planned_set && !s->cutting && s->cut_kind != TS_SET_PLANNED)
      ts_sender_ask_cut (s, TS_SET_PLANNED, out);
    return;
  case TS_ACTION_POWER_ON:
    s->starting = FALSE;
    if (!ev->done.ok)
      ts_sender_own_failure (s, ev->now_us, ev, out);
    return;
  case TS_ACTION_MOVE: /* heard only when it has failed */
    ts_sender_moved_not (s, ev->now_us);
    return;
  case TS_ACTION_TURN: /* heard only when it has failed */
    s->turning = FALSE;
    ts_sender_own_failure (s, ev->now_us, ev, out);
    return;
  default:
    return;
  }
}

static void
tick (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->begin) { /* HVR 3.6: the old primary's disks are the base, what differs is sent */
    ts_sender_change_state (s, now_us, TS_STATE_INITIAL, out);
    s->begin = FALSE; /* now: what was persisted says that there is something to compare with */
    ts_sender_resync_begin (s, now_us, out);
    return;
  }
  if (s->crashed) { /* trap 13; HVR 2.9, primary: log not closed gracefully */
    s->crashed = FALSE;
    ts_sender_require_resync (s, now_us, "tracking was not closed gracefully: the host crashed", out);
    if (s->returning)
      ts_sender_connect_peer (s, now_us, out);
    return;
  }
  if (now_us >= s->freeze_by_us)
    frozen (s, now_us, FALSE, "the guest has not answered in time", out);
  if (s->moving) /* nothing begins any more */
    return;
  if (now_us >= s->monitor_us)
    ts_sender_monitor_end (s, now_us, out);
  if (now_us >= s->resync_due_us)
    ts_sender_resync_tick (s, now_us, out);
  ts_sender_initial_tick (s, now_us, out);
  if (now_us >= s->deadline_us) {
    ts_actions_add (out, TS_ACTION_DISCONNECT);
    ts_sender_link_lost (s, now_us, "no answer from the replica", out);
  }
  if (now_us >= s->retry_us) {
    s->retry_us = TS_NEVER;
    if (s->copy == COPY_TRACK && s->track_due) /* not one that is under way: what was tracked would go */
      ts_actions_add (out, TS_ACTION_TRACK);
    s->track_due = FALSE;
    if (s->copy == COPY_DONE && s->next_set == s->first_set && !s->cutting && !s->resync_run)
      ts_sender_ask_cut (s, TS_SET_INITIAL, out);
    if (s->resync_run && s->copy == COPY_DONE && !s->resync_set && !s->cutting)
      ts_sender_ask_cut (s, TS_SET_RESYNC, out);
    if (s->preparing && !s->planned_set && !s->cutting)
      ts_sender_ask_cut (s, TS_SET_PLANNED, out);
    ts_sender_update_tick (s, out);
    ts_sender_connect_peer (s, now_us, out);
  }
  if (now_us >= s->due_us)
    ts_sender_cycle_due (s, now_us, out);
}

void
ts_sender_step (TsSender *s, const TsEvent *ev, TsActions *out)
{
  switch (ev->kind) {
  case TS_EVENT_TICK:
    tick (s, ev->now_us, out);
    break;
  case TS_EVENT_ASK:
    ts_sender_asked (s, ev, out);
    break;
  case TS_EVENT_CONNECTED:
    if (s->link == LINK_CONNECTING) {
      s->link = LINK_GREETING;
      ts_sender_expect_answer (s, ev->now_us);
      TsAction *a = ts_sender_frame (out, TS_FRAME_HELLO);
      a->source = TS_SOURCE_PAYLOAD;
      TsHello hello = ts_sender_update_hello (s);
      a->frame.value = ts_sender_hello_value (s);
      a->frame.set = s->exported ? s->first_set : 0;
      a->frame.payload = ts_hello_pack (&hello);
    }
    break;
  case TS_EVENT_LOST:
    if (s->link == LINK_DOWN)
      break;
    if (ev->lost.final) {
      TsFrame frame = {.kind = TS_FRAME_REFUSE, .value = TS_REFUSE_STATE};
      frame.payload = g_bytes_new (ev->lost.reason, strlen (ev->lost.reason));
      TsEvent as_refusal = {.now_us = ev->now_us, .kind = TS_EVENT_FRAME, .frame = {&frame}};
      ts_sender_peer_refused (s, &as_refusal, out);
      ts_frame_clear (&frame);
    } else
      ts_sender_link_lost (s, ev->now_us, ev->lost.reason, out);
    break;
  case TS_EVENT_FRAME:
    ts_sender_frame_in (s, ev, out);
    break;
  case TS_EVENT_DONE:
    done (s, ev, out);
    break;
  case TS_EVENT_STOP:
    ts_sender_host_stops (s, ev->now_us, ev->stop.was_on, out);
    break;
  case TS_EVENT_TRACKED:
    ts_sender_tracked (s, ev, out);
    break;
  case TS_EVENT_PEER:
    ts_sender_peer_told (s, ev->now_us, ev->peer.name, out);
    break;
  case TS_EVENT_EXTENDED:
    break;
  case TS_EVENT_MACHINE:
    s->machine_on = ev->machine.on;
    if (s->machine_on)
      s->auto_start = FALSE;
    if (s->machine_on && s->track_due) /* there is something to track now */
      s->retry_us = ev->now_us;
    if (s->state != TS_STATE_DISABLED)
      ts_sender_persist (s, out);
    if (s->machine_on)
      ts_sender_resized_switched_on (s, ev->now_us, out);
    else
      frozen (s, ev->now_us, FALSE, "the virtual machine was switched off", out);
    break;
  }
  ts_sender_limits_settle (s, ev->now_us, out);
  ts_sender_move_settle (s, out);
  judge_health (s, ev->now_us, out);
  for (guint i = 0; i < out->len; i++) {
    TsAction *a = &g_array_index (out, TsAction, i);
    if (a->disks == 0)
      a->disks = ts_hello_disks (&s->hello);
  }
}

gint64
ts_sender_wake_us (const TsSender *s)
{
  if (s->crashed || s->begin)
    return 0;
  if (s->moving)
    return s->freeze_by_us;
  TsHealthInput input = health_input (s, 0);
  gint64 health_us = s->health == TS_HEALTH_NORMAL ? ts_health_wake_us (&input) : TS_NEVER;
  health_us = min_us (health_us, ts_sender_initial_wake_us (s));
  return min_us (min_us (min_us (min_us (s->deadline_us, s->retry_us), s->freeze_by_us), s->resync_due_us),
                 min_us (min_us (s->due_us, s->monitor_us), health_us));
}

TsState
ts_sender_state (const TsSender *s)
{
  return s->state;
}

TsState
ts_sender_shown_state (const TsSender *s)
{
  return s->preparing ? TS_STATE_PREPARED : s->state;
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

const char *
ts_sender_peer (const TsSender *s)
{
  return s->peer;
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
  s->monitor_us = s->initial_due_us = TS_NEVER;
  ts_host_settings_init (&s->settings);
  if (options->settings)
    s->settings = *options->settings;
  s->take_turns = options->take_turns;
  s->frozen_us = s->consistent_slot = -1;
  s->next_set = s->send_set = 1;
  ts_statistics_init (&s->statistics);
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
  ts_medium_free (s->medium);
  g_queue_clear_full (&s->sets, g_free);
  g_free (s->vm);
  g_free (s->host);
  g_free (s->source);
  g_free (s);
}

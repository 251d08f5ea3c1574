/* core/relation/sender-ask.c -- what the operator asks of a primary (HVR reference 3.4). */
#include "core/base/units.h"
#include "core/relation/sender-internal.h"

/* Back to where the error came from. */
static TsState
resumed (const TsSender *s)
{
  if (s->state != TS_STATE_ERROR || s->copy == COPY_DONE)
    return s->initial != TS_INITIAL_DEFAULT ? TS_STATE_INITIAL
           : s->updating                    ? TS_STATE_DISK_UPDATE
                                            : TS_STATE_REPLICATING;
  return s->copy == COPY_NONE ? TS_STATE_READY : TS_STATE_INITIAL;
}

void
ts_sender_refuse (TsSender *s, gint64 now_us, TsAsk ask, const char *why, TsActions *out)
{
  TsRecord *r = ts_sender_record (s, now_us, "refused");
  ts_state_verb_record (r, s->state, TS_ROLE_PRIMARY, ask);
  ts_record_int (r, "code", TS_CODE_INVALID_STATE);
  ts_actions_report (out, ts_record_text (r, "reason", why));
}

/* The VM may be started again; what was sent as the last log is one like any other now. */
static void
cancel_planned (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->state == TS_STATE_REPLICATING && !s->preparing) {
    ts_sender_refuse (s, now_us, TS_ASK_CANCEL_FAILOVER, "no planned failover is under way", out);
    return;
  }
  s->preparing = FALSE;
  s->planned_set = 0;
  ts_sender_change_state (s, now_us, TS_STATE_REPLICATING, out);
  ts_sender_persist (s, out);
  ts_actions_report (
      out, ts_record_text (ts_sender_record (s, now_us, "prepare"), "phase", "cancelled"));
  ts_sender_start_cycles (s, now_us);
  ts_sender_connect_peer (s, now_us, out);
  ts_sender_pump (s, now_us, out);
}

static void
start_resync (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->state != TS_STATE_RESYNC_REQUIRED) /* of a healthy VM: paused, then this (HVR 2.9) */
    ts_sender_stop_tracking (s, out);
  ts_sender_resync_begin (s, now_us, out);
}

void
ts_sender_asked (TsSender *s, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  if (!ts_state_allows (s->state, TS_ROLE_PRIMARY, ev->ask.ask)) {
    g_autofree char *why = g_strdup_printf ("Could not change the replication state: '%s' is not "
                                            "possible in state '%s'",
                                            ts_ask_name (ev->ask.ask), ts_state_name (s->state));
    ts_sender_refuse (s, now_us, ev->ask.ask, why, out);
    return;
  }
  g_autofree char *why_not =
      ev->ask.ask == TS_ASK_RESIZE         ? ts_sender_resize_refusal (s, &ev->ask.disks)
      : ev->ask.ask == TS_ASK_UPDATE_DISKS ? ts_sender_update_refusal (s, &ev->ask.disks)
      : s->moving && ev->ask.ask != TS_ASK_RESET_STATISTICS
          ? g_strdup ("the virtual machine is being moved")
      : ev->ask.ask == TS_ASK_MOVE ? g_strdup (ts_sender_move_refusal (s))
                                           : NULL;
  if (why_not) {
    ts_sender_refuse (s, now_us, ev->ask.ask, why_not, out);
    return;
  }
  ts_actions_report (out, ts_state_verb_record (ts_sender_record (s, now_us, "verb"), s->state,
                                                TS_ROLE_PRIMARY, ev->ask.ask));
  switch (ev->ask.ask) {
  case TS_ASK_ENABLE:
  case TS_ASK_START: {
    g_autofree char *why = ts_sender_initial_why_not (&ev->ask.initial);
    if (why) {
      ts_sender_refuse (s, now_us, ev->ask.ask, why, out);
      return;
    }
    if (ev->ask.ask == TS_ASK_START) {
      ts_sender_initial_start (s, now_us, &ev->ask.initial, out);
      return;
    }
    ts_sender_initial_enable (s, now_us, &ev->ask.initial);
    ts_sender_change_state (s, now_us, TS_STATE_READY, out);
    ts_sender_connect_peer (s, now_us, out);
    return;
  }
  case TS_ASK_CANCEL_INITIAL: {
    g_autofree char *why = ts_sender_initial_cancel (s, now_us, out);
    if (why)
      ts_sender_refuse (s, now_us, ev->ask.ask, why, out);
    return;
  }
  case TS_ASK_RESYNC:
    start_resync (s, now_us, out);
    return;
  case TS_ASK_CANCEL_RESYNC: /* the next run starts from the beginning (HVR 2.9) */
    if (ts_sender_resync_merging (s)) {
      ts_sender_refuse (s, now_us, ev->ask.ask, "the replica has all of it: it is being merged", out);
      return;
    }
    ts_sender_resync_report (s, now_us, "cancelled", out);
    ts_sender_require_resync (s, now_us, "the resynchronization was cancelled", out);
    s->resync_due_us = TS_NEVER; /* CHOICE: who cancels it will begin it again */
    return;
  case TS_ASK_SUSPEND: /* tracking goes on, nothing is sent (trap 5) */
    if (s->state == TS_STATE_RESYNCHRONIZING) {
      if (ts_sender_resync_merging (s))
        ts_sender_refuse (s, now_us, ev->ask.ask, "the replica has all of it: it is being merged", out);
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
        ts_sender_start_cycles (s, now_us);
      if (s->copy == COPY_DONE && !s->resync_set && !s->cutting)
        ts_sender_ask_cut (s, TS_SET_RESYNC, out);
      ts_sender_connect_peer (s, now_us, out);
      if (ts_sender_waiting (s) && s->link == LINK_UP)
        ts_sender_expect_answer (s, now_us);
      ts_sender_pump (s, now_us, out);
      return;
    }
    s->refused = FALSE;
    ts_sender_change_state (s, now_us, resumed (s), out);
    gboolean cycles = s->state == TS_STATE_REPLICATING || s->state == TS_STATE_DISK_UPDATE;
    if (cycles || s->copy == COPY_DONE)
      ts_sender_start_cycles (s, now_us);
    if (cycles && !s->cutting)
      ts_sender_ask_cut (s, TS_SET_REGULAR, out);
    if (s->state == TS_STATE_READY) /* what was refused is not asked for again before it is begun */
      return;
    ts_sender_connect_peer (s, now_us, out);
    ts_sender_pump (s, now_us, out);
    return;
  case TS_ASK_PREPARE:
    if (s->machine_on) { /* HVR 3.6, planned failover, step 1 */
      ts_sender_refuse (s, now_us, ev->ask.ask, "the virtual machine is running: shut it down first", out);
      return;
    }
    s->preparing = TRUE;
    s->planned_set = 0;
    s->due_us = TS_NEVER;
    ts_actions_report (out, ts_record_text (ts_record_text (ts_sender_record (s, now_us, "prepare"),
                                                            "phase", "begun"),
                                            "shows", ts_state_name (TS_STATE_PREPARED)));
    ts_actions_add (out, TS_ACTION_LOCK);
    if (!s->cutting)
      ts_sender_ask_cut (s, TS_SET_PLANNED, out);
    return;
  case TS_ASK_RESET_STATISTICS:
    ts_statistics_reset (&s->statistics, now_us);
    return;
  case TS_ASK_RESIZE:
    ts_sender_resize (s, &ev->ask.disks, out);
    return;
  case TS_ASK_UPDATE_DISKS:
    ts_sender_update_disks (s, now_us, &ev->ask.disks, out);
    return;
  case TS_ASK_REVERSE: /* HVR 3.6: the replica has taken over, this side becomes its replica */
    if (s->machine_on || s->turning) {
      ts_sender_refuse (s, now_us, ev->ask.ask,
              s->turning ? "it is becoming the replica" : "the virtual machine is running", out);
      return;
    }
    s->turning = TRUE;
    ts_sender_hang_up (s, out);
    ts_actions_add (out, TS_ACTION_TURN);
    return;
  case TS_ASK_CANCEL_FAILOVER: /* HVR 3.6, planned failover, cancel: 4 -> 3 */
    cancel_planned (s, now_us, out);
    return;
  case TS_ASK_POWER_ON:
    if (s->machine_on || s->starting || s->preparing || s->turning) {
      ts_sender_refuse (s, now_us, ev->ask.ask,
              s->machine_on || s->starting ? "the virtual machine is running"
                                           : "a failover is being prepared: it must stay off",
              out);
      return;
    }
    s->starting = TRUE;
    ts_actions_add (out, TS_ACTION_POWER_ON);
    return;
  case TS_ASK_MOVE:
    ts_sender_move (s, out);
    return;
  case TS_ASK_REMOVE: /* HVR 2.12: this side only; the VM goes on */
    ts_sender_hang_up (s, out);
    ts_actions_add (out, TS_ACTION_UNTRACK);
    ts_sender_initial_forget (s, out);
    s->due_us = TS_NEVER;
    ts_sender_change_state (s, now_us, TS_STATE_DISABLED, out);
    ts_actions_add (out, TS_ACTION_FORGET);
    return;
  case TS_ASK_IMPORT:
  case TS_ASK_FAILOVER:
  case TS_ASK_COMMIT:
  case TS_ASK_CHANGE_POINT:
  case TS_ASK_TEST_FAILOVER:
  case TS_ASK_STOP_TEST_FAILOVER:
  case TS_ASK_BACKUP:
  case TS_ASK_END_BACKUP:
  case TS_ASK_CONTINUE:
  case TS_ASK_COUNT:
    return;
  }
}

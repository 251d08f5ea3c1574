/* core/relation/receiver-ask.c -- what the operator asks of a replica (HVR reference 3.4). */
#include "core/base/units.h"
#include "core/relation/receiver-internal.h"
#include "core/relation/turn.h"

void
ts_receiver_refuse (TsReceiver *r, gint64 now_us, TsAsk ask, const char *why, TsActions *out)
{
  TsRecord *rec = ts_receiver_record (r, now_us, "refused");
  ts_state_verb_record (rec, r->state, TS_ROLE_REPLICA, ask);
  ts_record_int (rec, "code", TS_CODE_INVALID_STATE);
  ts_actions_report (out, ts_record_text (rec, "reason", why));
}

/* HVR 2.12: the relation goes, the VM stays as an ordinary one that is off, or runs when it had
 * failed over.  CHOICE: its disks must be of one instant, so what was received is applied first;
 * and a failover that is not committed is. */
void
ts_receiver_go_on_removing (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->applying || r->merging || r->starting || r->seals.length > 0 || ts_receiver_test_stands (r))
    return;
  if (r->state == TS_STATE_RECOVERED) {
    r->merging = TRUE;
    ts_actions_add (out, TS_ACTION_MERGE);
    return;
  }
  if (r->applies.length > 0 && r->apply_retry_us == TS_NEVER) {
    r->applying = TRUE;
    ts_receiver_set_action (out, TS_ACTION_APPLY, g_queue_peek_head (&r->applies));
    return;
  }
  if (r->applies.length > 0)
    return;
  r->removing = FALSE;
  ts_receiver_change_state (r, now_us, TS_STATE_DISABLED, out);
  ts_actions_add (out, TS_ACTION_FORGET);
}

static void
ask_remove (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->connected)
    ts_actions_add (out, TS_ACTION_DISCONNECT);
  r->connected = r->greeted = r->welcome_due = FALSE;
  if (r->seals.length == 0)
    ts_receiver_forget_unsealed (r, out);
  if (ts_receiver_aside (r)) { /* what lies aside is of nothing */
    ts_receiver_aside_forget (r, out);
    for (TsReceiverSet *set; (set = g_queue_pop_head (&r->applies)); g_free (set))
      ts_actions_add (out, TS_ACTION_DELETE_SET)->set = set->number;
  }
  ts_receiver_forget_points (r, now_us, "removed", out);
  r->failover = r->failover == FAILOVER_DONE ? FAILOVER_DONE : FAILOVER_NONE;
  r->removing = TRUE;
  ts_receiver_end_test (r, now_us, out);
  ts_receiver_go_on_removing (r, now_us, out);
}

/* HVR 3.5: from 5 or 6.  Recovery points are merged first (trap 8).  On a side that is a replica
 * already it is Set-VMReplication -AsReplica, which changes nothing: said again, so that a reversal
 * that failed half-way can be asked for again. */
void
ts_receiver_ask_reverse (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->state == TS_STATE_RECOVERED) {
    r->reversing = r->merging = TRUE;
    ts_actions_add (out, TS_ACTION_MERGE);
  } else if (r->state == TS_STATE_COMMITTED) {
    r->turning = TRUE;
    ts_actions_add (out, TS_ACTION_TURN);
  } else
    ts_actions_report (out, ts_turn_record (r->hello.name, r->host, TS_ROLE_REPLICA, now_us));
}

static void
report_backup (TsReceiver *r, gint64 now_us, const char *phase, const char *why, TsActions *out)
{
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "backup"), "phase", phase);
  ts_actions_report (out, ts_record_text (rec, "reason", why));
}

void
ts_receiver_end_backup (TsReceiver *r, gint64 now_us, const char *why, TsActions *out)
{
  if (!r->backup)
    return;
  r->backup = FALSE;
  report_backup (r, now_us, *why == '\0' ? "ended" : "cut off", why, out);
}

void
ts_receiver_asked (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  gint64 now_us = ev->now_us;
  TsAsk ask = ev->ask.ask;
  g_autofree char *why = NULL;
  TsPoint point = {0};
  gboolean of_point = ask == TS_ASK_FAILOVER || ask == TS_ASK_TEST_FAILOVER ||
                      ask == TS_ASK_CHANGE_POINT;
  if (!ts_state_allows (r->state, TS_ROLE_REPLICA, ask))
    why = g_strdup_printf ("Could not change the replication state: '%s' is not possible in state "
                           "'%s'",
                           ts_ask_name (ask), ts_state_name (r->state));
  else if ((ask == TS_ASK_FAILOVER || ask == TS_ASK_SUSPEND) && r->failover != FAILOVER_NONE)
    why = g_strdup ("a failover is under way");
  else if (ask == TS_ASK_IMPORT && ts_receiver_import_why_not (r))
    why = g_strdup (ts_receiver_import_why_not (r));
  else if (ask == TS_ASK_TEST_FAILOVER && r->failover != FAILOVER_NONE)
    why = g_strdup ("a failover is under way");
  else if (ask == TS_ASK_TEST_FAILOVER && (r->resync != RESYNC_NONE || r->resync_wanted))
    why = g_strdup ("a resynchronization is under way"); /* trap 4 */
  else if (ask == TS_ASK_FAILOVER && ev->ask.planned && r->resync != RESYNC_NONE)
    why = g_strdup ("a resynchronization is under way");
  else if (ask == TS_ASK_REMOVE && r->extended) /* HVR 2.11 */
    why = g_strdup ("the virtual machine has extended replication, which has to be removed first");
  else if (ask == TS_ASK_REVERSE && r->extended) /* CHOICE: else there were two ways on */
    why = g_strdup ("the virtual machine has extended replication, which has to be removed first");
  else if (ask == TS_ASK_CONTINUE && !r->extended)
    why = g_strdup ("the virtual machine has no extended replication");
  else if (ask == TS_ASK_RESIZE && r->extended) /* CHOICE: HVR 2.11, the same disks */
    why = g_strdup ("the replica's disks are replicated further");
  else if (ask == TS_ASK_RESIZE)
    why = ts_receiver_resize_refusal (r, &ev->ask.disks);
  else if (r->resizing && (ask == TS_ASK_FAILOVER || ask == TS_ASK_TEST_FAILOVER))
    why = g_strdup ("a disk is being resized");
  else if (ask == TS_ASK_TEST_FAILOVER && r->test != TEST_NONE) /* HVR 3.6: one at a time */
    why = g_strdup ("a test failover is running already");
  else if (ask == TS_ASK_POWER_ON && r->machine_on && !r->discarding)
    why = g_strdup ("the virtual machine is running");
  else if (ask == TS_ASK_BACKUP && r->backup)
    why = g_strdup ("the replica is being backed up already");
  else if (ask == TS_ASK_END_BACKUP && !r->backup)
    why = g_strdup ("no backup is under way");
  else if (ask == TS_ASK_BACKUP && (r->applying || r->applies.length > 0 || r->failover != FAILOVER_NONE ||
                                    r->resync != RESYNC_NONE || r->resync_wanted || r->spoilt))
    why = g_strdup (r->failover != FAILOVER_NONE ? "a failover is under way" /* HVR 2.12 */
                    : r->applies.length > 0      ? "logs are being applied"
                                                 : "the replica has to be resynchronized");
  else if (ask == TS_ASK_STOP_TEST_FAILOVER &&
           (r->test == TEST_NONE || r->test == TEST_STOPPING || r->test_over))
    why = g_strdup (r->test == TEST_NONE ? "no test failover is running"
                                         : "the test failover is being stopped");
  else if (r->merging &&
           (ask == TS_ASK_COMMIT || ask == TS_ASK_CANCEL_FAILOVER || ask == TS_ASK_REVERSE))
    why = g_strdup ("a commit is under way");
  else if (r->discarding && ask != TS_ASK_RESET_STATISTICS)
    why = g_strdup ("the failover is being cancelled");
  else if (r->importing && ask != TS_ASK_RESET_STATISTICS)
    why = g_strdup ("an import is under way");
  else if (r->moving && ask != TS_ASK_RESET_STATISTICS)
    why = g_strdup ("the virtual machine is being moved");
  else if (ask == TS_ASK_MOVE && ts_receiver_move_refusal (r))
    why = g_strdup (ts_receiver_move_refusal (r));
  else if (r->removing)
    why = g_strdup ("replication is being removed");
  else if ((r->reversing || r->turning) && ask != TS_ASK_RESET_STATISTICS)
    why = g_strdup ("replication is being reversed");
  else if (r->starting && (ask == TS_ASK_CANCEL_FAILOVER || ask == TS_ASK_REVERSE ||
                           ask == TS_ASK_CHANGE_POINT))
    why = g_strdup ("the virtual machine is being started");
  else if (r->merging && ask == TS_ASK_CHANGE_POINT)
    why = g_strdup ("a commit is under way");
  else if (r->failover == FAILOVER_BRANCHING && (ask == TS_ASK_POWER_ON || ask == TS_ASK_COMMIT))
    why = g_strdup ("the copy has no disks: another recovery point is to be chosen");
  else if (ask == TS_ASK_CHANGE_POINT && r->planned) /* HVR 3.6: it has one point, the last log's */
    why = g_strdup ("a planned failover is of its last log alone");
  else if (of_point && !ts_receiver_history_choose (r, &ev->ask.point, now_us, &point)) {
    g_autofree char *text = ts_point_choice_text (&ev->ask.point);
    why = g_strdup_printf ("there is no recovery point '%s'", text);
  }
  if (why) {
    ts_receiver_refuse (r, now_us, ask, why, out);
    return;
  }
  ts_actions_report (out, ts_state_verb_record (ts_receiver_record (r, now_us, "verb"), r->state,
                                                TS_ROLE_REPLICA, ask));
  if (ev->ask.point.how == TS_CHOOSE_LATEST) /* with what is still being stored */
    point = (TsPoint){0};
  switch (ask) {
  case TS_ASK_BACKUP:
    r->backup = TRUE;
    report_backup (r, now_us, "begun", "", out);
    return;
  case TS_ASK_END_BACKUP:
    ts_receiver_end_backup (r, now_us, "", out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ASK_FAILOVER: {
    ts_receiver_end_backup (r, now_us, "failover", out);
    if (r->connected)
      ts_actions_add (out, TS_ACTION_DISCONNECT);
    r->connected = r->greeted = r->welcome_due = FALSE;
    r->resync_wanted = 0;
    /* What is whole is still sealed and taken (HVR 3.6: received logs are applied first); what came
     * in part is forgotten. */
    if (r->seals.length == 0)
      ts_receiver_forget_unsealed (r, out);
    r->failover = FAILOVER_APPLYING;
    /* of an older point the two sides' disks are not the same, whatever was sent before */
    r->planned = ev->ask.planned && point.set == 0;
    r->chosen = point;
    r->apply_retry_us = TS_NEVER;
    ts_receiver_end_test (r, now_us, out); /* CHOICE: what is real goes before what is tried */
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  }
  case TS_ASK_TEST_FAILOVER:
    r->test = TEST_APPLYING;
    r->test_set = point.set;
    r->test_us = point.instant_us;
    r->statistics.last_test_us = now_us;
    ts_receiver_report_test (r, now_us, "begun", out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ASK_STOP_TEST_FAILOVER:
    ts_receiver_end_test (r, now_us, out);
    return;
  case TS_ASK_COMMIT:
    r->merging = TRUE;
    ts_actions_add (out, TS_ACTION_MERGE);
    return;
  case TS_ASK_POWER_ON: /* trap 11: the table lets nobody in but through a failover */
    r->starting = TRUE;
    ts_actions_add (out, TS_ACTION_POWER_ON)->track = r->planned;
    return;
  case TS_ASK_REVERSE:
    ts_receiver_ask_reverse (r, now_us, out);
    return;
  case TS_ASK_CHANGE_POINT: /* 4.4; the disks below are as they were */
    r->changing = r->discarding = TRUE;
    r->failover = FAILOVER_BRANCHING;
    r->chosen = point;
    ts_receiver_persist (r, out);
    ts_actions_add (out, TS_ACTION_DISCARD);
    return;
  case TS_ASK_CANCEL_FAILOVER: /* trap 8; HVR 3.6, unplanned failover, 4a */
    r->discarding = TRUE;
    ts_actions_add (out, TS_ACTION_DISCARD);
    return;
  case TS_ASK_RESET_STATISTICS:
    ts_statistics_reset (&r->statistics, now_us);
    return;
  case TS_ASK_SUSPEND: /* HVR 2.10: nothing is taken, nothing is applied */
    if (r->connected)
      ts_receiver_refuse_peer (r, now_us, TS_REFUSE_PAUSED, TS_RECEIVER_PAUSED, out);
    if (r->seals.length == 0)
      ts_receiver_forget_unsealed (r, out);
    ts_receiver_change_state (r, now_us, TS_STATE_SUSPENDED, out);
    return;
  case TS_ASK_RESUME:
    ts_receiver_change_state (r, now_us, TS_STATE_REPLICATING, out);
    ts_receiver_go_on_applying (r, now_us, out);
    return;
  case TS_ASK_MOVE:
    ts_receiver_move (r, now_us, out);
    return;
  case TS_ASK_REMOVE:
    ask_remove (r, now_us, out);
    return;
  case TS_ASK_RESIZE:
    ts_receiver_resize (r, &ev->ask.disks, out);
    return;
  case TS_ASK_CONTINUE: /* HVR 2.11 */
    if (r->connected)
      ts_actions_add (out, TS_ACTION_DISCONNECT);
    r->connected = r->greeted = r->welcome_due = FALSE;
    ts_receiver_change_state (r, now_us, TS_STATE_DISABLED, out);
    ts_actions_add (out, TS_ACTION_CONTINUE);
    return;
  case TS_ASK_UPDATE_DISKS:
  case TS_ASK_IMPORT:
    ts_receiver_import_begin (r, out);
    return;
  case TS_ASK_CANCEL_INITIAL:
  case TS_ASK_ENABLE:
  case TS_ASK_START:
  case TS_ASK_PREPARE:
  case TS_ASK_RESYNC:
  case TS_ASK_CANCEL_RESYNC:
  case TS_ASK_COUNT:
    return;
  }
}

/* core/relation/action.c -- lists of actions.  See action.h. */
#include "core/relation/action.h"

static const char *const names[TS_ACTION_KINDS] = {
    [TS_ACTION_REPORT] = "report",
    [TS_ACTION_PERSIST] = "persist",
    [TS_ACTION_CONNECT] = "connect",
    [TS_ACTION_DISCONNECT] = "disconnect",
    [TS_ACTION_SEND] = "send",
    [TS_ACTION_TRACK] = "track",
    [TS_ACTION_UNTRACK] = "untrack",
    [TS_ACTION_MAP] = "map",
    [TS_ACTION_CUT] = "cut",
    [TS_ACTION_DELETE_SET] = "delete-set",
    [TS_ACTION_FREEZE] = "freeze",
    [TS_ACTION_THAW] = "thaw",
    [TS_ACTION_RESIZE] = "resize",
    [TS_ACTION_EXPORT] = "export",
    [TS_ACTION_EXPORT_END] = "export-end",
    [TS_ACTION_EXPORT_DROP] = "export-drop",
    [TS_ACTION_IMPORT_OPEN] = "import-open",
    [TS_ACTION_IMPORT] = "import",
    [TS_ACTION_LOCK] = "lock",
    [TS_ACTION_CREATE] = "create",
    [TS_ACTION_WRITE] = "write",
    [TS_ACTION_FLUSH] = "flush",
    [TS_ACTION_STORE] = "store",
    [TS_ACTION_SEAL] = "seal",
    [TS_ACTION_DROP] = "drop",
    [TS_ACTION_APPLY] = "apply",
    [TS_ACTION_KEEP] = "keep-points",
    [TS_ACTION_BRANCH] = "branch",
    [TS_ACTION_MERGE] = "merge",
    [TS_ACTION_POWER_ON] = "power-on",
    [TS_ACTION_DISCARD] = "discard",
    [TS_ACTION_TEST_START] = "test-start",
    [TS_ACTION_TEST_STOP] = "test-stop",
    [TS_ACTION_SLOT] = "slot",
    [TS_ACTION_SLOT_END] = "slot-end",
    [TS_ACTION_FORGET] = "forget",
    [TS_ACTION_CONTINUE] = "continue",
    [TS_ACTION_TURN] = "turn",
    [TS_ACTION_MOVE] = "move",
    [TS_ACTION_PEER] = "peer",
    [TS_ACTION_HAND_CONNECT] = "hand-connect",
    [TS_ACTION_HAND_HANG_UP] = "hand-hang-up",
    [TS_ACTION_HAND_SAY] = "hand-say",
    [TS_ACTION_HAND_KEEP] = "hand-keep",
    [TS_ACTION_HAND_HOLD] = "hand-hold",
    [TS_ACTION_HAND_LET_GO] = "hand-let-go",
    [TS_ACTION_HAND_CARRY] = "hand-carry",
    [TS_ACTION_HAND_SETTLE] = "hand-settle",
    [TS_ACTION_HAND_TAKE] = "hand-take",
    [TS_ACTION_HAND_LEAVE] = "hand-leave",
    [TS_ACTION_HAND_SCRAP] = "hand-scrap",
    [TS_ACTION_HASH] = "hash",
    [TS_ACTION_RESYNC_OPEN] = "resync-open",
    [TS_ACTION_RESYNC_WRITE] = "resync-write",
    [TS_ACTION_RESYNC_FLUSH] = "resync-flush",
    [TS_ACTION_RESYNC_MERGE] = "resync-merge",
    [TS_ACTION_RESYNC_DROP] = "resync-drop",
};

static void
action_clear (gpointer data)
{
  TsAction *action = data;
  ts_frame_clear (&action->frame);
  g_clear_pointer (&action->payload, g_bytes_unref);
  g_clear_pointer (&action->record, ts_record_free);
  g_clear_pointer (&action->undo, g_free);
}

TsActions *
ts_actions_new (void)
{
  GArray *actions = g_array_new (FALSE, TRUE, sizeof (TsAction));
  g_array_set_clear_func (actions, action_clear);
  return actions;
}

void
ts_actions_free (TsActions *actions)
{
  if (actions)
    g_array_unref (actions);
}

TsAction *
ts_actions_add (TsActions *actions, TsActionKind kind)
{
  g_array_set_size (actions, actions->len + 1);
  TsAction *action = &g_array_index (actions, TsAction, actions->len - 1);
  action->kind = kind;
  return action;
}

void
ts_actions_report (TsActions *actions, TsRecord *record)
{
  ts_actions_add (actions, TS_ACTION_REPORT)->record = record;
}

const char *
ts_action_name (TsActionKind kind)
{
  g_assert (kind < TS_ACTION_KINDS);
  return names[kind];
}

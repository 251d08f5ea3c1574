/* core/relation/state.c -- the table of states.  See state.h. */
#include "core/relation/state.h"

#define S(state) (1u << TS_STATE_##state)
#define A(ask) (1u << TS_ASK_##ask)
/* Any state can be left by a loss of the relation (Remove) or by a failure. */
#define ANY (S (DISABLED) | S (ERROR))

static const TsStateRow rows[TS_STATE_COUNT] = {
    [TS_STATE_DISABLED] = {"disabled", "Not enabled", 0, 0, 0, A (ENABLE) | A (POWER_ON),
                           A (ENABLE), S (READY) | S (INITIAL)},
    [TS_STATE_READY] = {"ready", "Pending Initial Replication", 1, 1, 1,
                        A (START) | A (CANCEL_INITIAL) | A (POWER_ON) | A (MOVE) | A (RESET_STATISTICS), 0,
                        ANY | S (INITIAL)},
    [TS_STATE_INITIAL] = {"initial", "Pending Initial Replication", 2, 3, 2,
                          A (CANCEL_INITIAL) | A (POWER_ON) | A (RESET_STATISTICS),
                          A (IMPORT) | A (REVERSE) | A (RESET_STATISTICS),
                          ANY | S (READY) | S (REPLICATING) | S (RESYNC_REQUIRED)},
    [TS_STATE_REPLICATING] = {"replicating", "Replication Enabled", 4, 4, 3,
                              A (SUSPEND) | A (PREPARE) | A (CANCEL_FAILOVER) | A (POWER_ON) |
                                  A (RESIZE) | A (UPDATE_DISKS) | A (MOVE) | A (RESET_STATISTICS),
                              A (SUSPEND) | A (FAILOVER) | A (TEST_FAILOVER) | A (STOP_TEST_FAILOVER) |
                                  A (BACKUP) | A (END_BACKUP) |
                                  A (REVERSE) | A (RESIZE) | A (MOVE) | A (RESET_STATISTICS),
                              ANY | S (PREPARED) | S (RECOVERED) | S (SUSPENDED) |
                                  S (DISK_UPDATE) | S (RESYNC_REQUIRED)},
    [TS_STATE_PREPARED] = {"prepared", "Prepared for planned failover", 5, 5, 11,
                           A (CANCEL_FAILOVER) | A (REVERSE) | A (RESET_STATISTICS), 0,
                           ANY | S (REPLICATING)},
    [TS_STATE_RECOVERED] = {"recovered", "Failover Complete", 6, 6, 5, 0,
                            A (COMMIT) | A (CANCEL_FAILOVER) | A (REVERSE) | A (CHANGE_POINT) |
                                A (POWER_ON) |
                                A (RESET_STATISTICS),
                            ANY | S (REPLICATING) | S (COMMITTED)},
    [TS_STATE_COMMITTED] = {"committed", "Failover Complete", 7, 7, 6, 0,
                            A (REVERSE) | A (CONTINUE) | A (POWER_ON) | A (RESET_STATISTICS),
                            ANY | S (READY) | S (REPLICATING)},
    [TS_STATE_SUSPENDED] = {"suspended", "Replication Paused", 8, 8, 7,
                            A (RESUME) | A (RESYNC) | A (POWER_ON) | A (RESIZE) | A (MOVE) |
                                A (RESET_STATISTICS),
                            A (RESUME) | A (FAILOVER) | A (BACKUP) | A (END_BACKUP) | A (RESIZE) |
                                A (MOVE) | A (RESET_STATISTICS),
                            ANY | S (REPLICATING) | S (RESYNC_REQUIRED) | S (RESYNCHRONIZING) |
                                S (RECOVERED)},
    [TS_STATE_ERROR] = {"error", "Replication Error", 9, 9, 8,
                        A (RESUME) | A (RESYNC) | A (REVERSE) | A (POWER_ON) | A (RESIZE) |
                            A (MOVE) | A (RESET_STATISTICS),
                        A (FAILOVER) | A (RESIZE) | A (MOVE) | A (RESET_STATISTICS),
                        S (DISABLED) | S (READY) | S (INITIAL) | S (REPLICATING) | S (DISK_UPDATE) | S (RESYNC_REQUIRED) | S (RESYNCHRONIZING) |
                            S (RECOVERED)},
    [TS_STATE_RESYNC_REQUIRED] = {"resync-required", "Resynchronization Required", 10, 10, 9,
                                  A (RESYNC) | A (RESUME) | A (REVERSE) | A (POWER_ON) |
                                      A (RESIZE) | A (MOVE) | A (RESET_STATISTICS),
                                  A (FAILOVER) | A (RESIZE) | A (MOVE) | A (RESET_STATISTICS),
                                  ANY | S (INITIAL) | S (RESYNCHRONIZING) | S (RECOVERED)},
    [TS_STATE_RESYNCHRONIZING] = {"resynchronizing", "Resynchronizing", 11, 11, 10,
                                  A (SUSPEND) | A (CANCEL_RESYNC) | A (POWER_ON) |
                                      A (RESET_STATISTICS),
                                  A (RESET_STATISTICS),
                                  ANY | S (REPLICATING) | S (RESYNC_REQUIRED) |
                                      S (RESYNC_SUSPENDED) | S (RECOVERED)},
    [TS_STATE_RESYNC_SUSPENDED] = {"resync-suspended", "Resynchronize Suspended", 12, 12, -1,
                                   A (RESUME) | A (CANCEL_RESYNC) | A (POWER_ON) |
                                       A (RESET_STATISTICS),
                                   A (RESET_STATISTICS),
                                   ANY | S (RESYNCHRONIZING) | S (RESYNC_REQUIRED)},
    /* CHOICE: which of the collection's later states matches is not published (3.7); by name. */
    [TS_STATE_FAILOVER_IN_PROGRESS] = {"failover-in-progress", "-", 13, 13, 4, 0, 0,
                                       ANY | S (RECOVERED)},
    [TS_STATE_FAILBACK_IN_PROGRESS] = {"failback-in-progress", "-", 14, 14, -1, 0, 0,
                                       ANY | S (FAILBACK_COMPLETE)},
    [TS_STATE_FAILBACK_COMPLETE] = {"failback-complete", "-", 15, 15, -1, 0, 0, ANY},
    /* CHOICE: what may be asked meanwhile is not published: another set of disks, which takes this one
     * back; the rest when it has ended. */
    [TS_STATE_DISK_UPDATE] = {"disk-update", "-", 16, 16, -1,
                              A (UPDATE_DISKS) | A (POWER_ON) | A (RESET_STATISTICS), 0,
                              ANY | S (REPLICATING) | S (DISK_UPDATE_CRITICAL) |
                                  S (RESYNC_REQUIRED)},
    [TS_STATE_DISK_UPDATE_CRITICAL] = {"disk-update-critical", "-", 17, 17, -1,
                                       A (UPDATE_DISKS) | A (POWER_ON) | A (RESET_STATISTICS), 0,
                                       ANY | S (DISK_UPDATE) | S (REPLICATING) |
                                           S (RESYNC_REQUIRED)},
    [TS_STATE_UNKNOWN] = {"unknown", "-", -1, -1, -1, 0, 0, ANY},
    [TS_STATE_REPURPOSE] = {"repurpose", "-", 18, 18, 12, 0, 0, ANY},
    [TS_STATE_PREPARED_SYNC] = {"prepared-sync", "-", 19, 19, -1, 0, 0, ANY},
    [TS_STATE_PREPARED_GROUP_REVERSE] = {"prepared-group-reverse", "-", 20, 20, -1, 0, 0, ANY},
    [TS_STATE_FIREDRILL] = {"firedrill", "-", 21, 21, 13, 0, 0, ANY},
};

static const char *const ask_names[TS_ASK_COUNT] = {
    [TS_ASK_ENABLE] = "enable",
    [TS_ASK_START] = "start initial replication",
    [TS_ASK_CANCEL_INITIAL] = "cancel initial replication",
    [TS_ASK_IMPORT] = "import initial replication",
    [TS_ASK_SUSPEND] = "suspend",
    [TS_ASK_RESUME] = "resume",
    [TS_ASK_PREPARE] = "prepare planned failover",
    [TS_ASK_FAILOVER] = "failover",
    [TS_ASK_COMMIT] = "commit",
    [TS_ASK_CANCEL_FAILOVER] = "cancel failover",
    [TS_ASK_CHANGE_POINT] = "change recovery point",
    [TS_ASK_TEST_FAILOVER] = "test failover",
    [TS_ASK_STOP_TEST_FAILOVER] = "stop test failover",
    [TS_ASK_REVERSE] = "reverse replication",
    [TS_ASK_RESYNC] = "resynchronize",
    [TS_ASK_CANCEL_RESYNC] = "cancel resynchronization",
    [TS_ASK_RESIZE] = "resize disk",
    [TS_ASK_UPDATE_DISKS] = "change replicated disks",
    [TS_ASK_CONTINUE] = "continue as primary",
    [TS_ASK_MOVE] = "move",
    [TS_ASK_REMOVE] = "remove",
    [TS_ASK_BACKUP] = "backup",
    [TS_ASK_END_BACKUP] = "end backup",
    [TS_ASK_POWER_ON] = "power on",
    [TS_ASK_RESET_STATISTICS] = "reset statistics",
};

const TsStateRow *
ts_state_row (TsState state)
{
  g_assert (state < TS_STATE_COUNT);
  return &rows[state];
}

const char *
ts_state_name (TsState state)
{
  return ts_state_row (state)->name;
}

gint
ts_state_powershell (TsState state, TsRole role)
{
  const TsStateRow *row = ts_state_row (state);
  return role == TS_ROLE_REPLICA ? row->powershell_replica : row->powershell;
}

gboolean
ts_state_allows (TsState state, TsRole role, TsAsk ask)
{
  const TsStateRow *row = ts_state_row (state);
  guint32 asks = role == TS_ROLE_PRIMARY ? row->primary_asks : row->replica_asks;
  if (state != TS_STATE_DISABLED) /* HVR 3.5: any state */
    asks |= A (REMOVE);
  return (asks >> ask & 1u) != 0;
}

gboolean
ts_state_may_follow (TsState from, TsState to)
{
  return (ts_state_row (from)->next >> to & 1u) != 0;
}

const char *
ts_ask_name (TsAsk ask)
{
  g_assert (ask < TS_ASK_COUNT);
  return ask_names[ask];
}

const char *
ts_role_name (TsRole role)
{
  return role == TS_ROLE_PRIMARY ? "primary" : "replica";
}

gint
ts_ask_find (const char *name)
{
  for (guint i = 0; i < TS_ASK_COUNT; i++)
    if (g_strcmp0 (ask_names[i], name) == 0)
      return (gint)i;
  return -1;
}

TsRecord *
ts_state_verb_record (TsRecord *record, TsState state, TsRole role, TsAsk ask)
{
  ts_record_text (record, "role", ts_role_name (role));
  ts_record_text (record, "verb", ts_ask_name (ask));
  return ts_record_text (record, "state", ts_state_name (state));
}

gint
ts_state_find (const char *name)
{
  for (guint i = 0; i < TS_STATE_COUNT; i++)
    if (g_str_equal (rows[i].name, name))
      return (gint)i;
  return -1;
}

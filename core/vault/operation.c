/* core/vault/operation.c -- see operation.h. */
#include "core/vault/operation.h"

#include <string.h>

typedef struct {
  TsRole side;
  gboolean shut_down;
  TsAsk ask;
  /* The report that ends the stage, from this side's host: a state reached, the power switched, a
   * test VM started or stopped, the other part taken, the
   * copy's disks of another point. */
  enum {
    UNTIL_GIVEN,
    UNTIL_STATE,
    UNTIL_ON,
    UNTIL_OFF,
    UNTIL_TEST_ON,
    UNTIL_TEST_OFF,
    UNTIL_TURNED,
    UNTIL_REMOVED,
    UNTIL_CANCELLED, /* told, that it is under way no more */
    UNTIL_CHANGED,
    UNTIL_RESIZED,
    UNTIL_DISKS, /* told, that it has begun, or that there was nothing to do */
    UNTIL_BEGUN,    /* initial replication has, or is scheduled */
    UNTIL_GIVEN_UP, /* it is no more */
    UNTIL_IMPORTED,
    UNTIL_BACKUP, /* begun, or ended */
    UNTIL_MOVED,  /* told, that it is on the other host, and gone from this one */
  } until;
  TsState state;
} Stage;

#define P TS_ROLE_PRIMARY
#define R TS_ROLE_REPLICA

static const Stage protect[] = {
    {P, FALSE, TS_ASK_ENABLE, UNTIL_STATE, TS_STATE_READY},
    {P, FALSE, TS_ASK_START, UNTIL_BEGUN, TS_STATE_INITIAL},
};
static const Stage start_initial[] = {{P, FALSE, TS_ASK_START, UNTIL_BEGUN, TS_STATE_INITIAL}};
static const Stage cancel_initial[] = {{P, FALSE, TS_ASK_CANCEL_INITIAL, UNTIL_GIVEN_UP, 0}};
static const Stage import[] = {{R, FALSE, TS_ASK_IMPORT, UNTIL_IMPORTED, 0}};
static const Stage unplanned[] = {
    {R, FALSE, TS_ASK_FAILOVER, UNTIL_STATE, TS_STATE_RECOVERED},
    {R, FALSE, TS_ASK_POWER_ON, UNTIL_ON, 0},
};
static const Stage planned[] = {
    {P, TRUE, 0, UNTIL_OFF, 0},
    {P, FALSE, TS_ASK_PREPARE, UNTIL_STATE, TS_STATE_PREPARED},
    {R, FALSE, TS_ASK_FAILOVER, UNTIL_STATE, TS_STATE_RECOVERED},
    {R, FALSE, TS_ASK_POWER_ON, UNTIL_ON, 0},
};
/* HVR 4.4, "shut down and synchronize first": what can be done of it is done, then the failover
 * comes all the same. */
static const Stage synced[] = {
    {P, TRUE, 0, UNTIL_OFF, 0},
    {P, FALSE, TS_ASK_PREPARE, UNTIL_STATE, TS_STATE_PREPARED},
    {R, FALSE, TS_ASK_FAILOVER, UNTIL_STATE, TS_STATE_RECOVERED},
    {R, FALSE, TS_ASK_POWER_ON, UNTIL_ON, 0},
};
static const Stage commit[] = {{R, FALSE, TS_ASK_COMMIT, UNTIL_STATE, TS_STATE_COMMITTED}};
static const Stage test[] = {{R, FALSE, TS_ASK_TEST_FAILOVER, UNTIL_TEST_ON, 0}};
static const Stage stop_test[] = {{R, FALSE, TS_ASK_STOP_TEST_FAILOVER, UNTIL_TEST_OFF, 0}};
/* HVR 3.6: after a planned one on both sides, the replica first: until it has given up its copy the
 * primary would be turned away. */
static const Stage cancel[] = {
    {R, FALSE, TS_ASK_CANCEL_FAILOVER, UNTIL_STATE, TS_STATE_REPLICATING},
    {P, FALSE, TS_ASK_CANCEL_FAILOVER, UNTIL_CANCELLED, 0},
};
/* The old primary first: until it has given up its part, the new one would be turned away. */
static const Stage reverse[] = {
    {P, FALSE, TS_ASK_REVERSE, UNTIL_TURNED, 0},
    {R, FALSE, TS_ASK_REVERSE, UNTIL_TURNED, 0},
};
static const Stage change[] = {
    {R, FALSE, TS_ASK_CHANGE_POINT, UNTIL_CHANGED, 0},
    {R, FALSE, TS_ASK_POWER_ON, UNTIL_ON, 0},
};
static const Stage pause_it[] = {
    {P, FALSE, TS_ASK_SUSPEND, UNTIL_STATE, TS_STATE_SUSPENDED},
    {R, FALSE, TS_ASK_SUSPEND, UNTIL_STATE, TS_STATE_SUSPENDED},
};
static const Stage resume[] = {
    {P, FALSE, TS_ASK_RESUME, UNTIL_STATE, TS_STATE_REPLICATING},
    {R, FALSE, TS_ASK_RESUME, UNTIL_STATE, TS_STATE_REPLICATING},
};
static const Stage remove_it[] = {
    {P, FALSE, TS_ASK_REMOVE, UNTIL_REMOVED, 0},
    {R, FALSE, TS_ASK_REMOVE, UNTIL_REMOVED, 0},
};
static const Stage power_on[] = {
    {P, FALSE, TS_ASK_POWER_ON, UNTIL_ON, 0},
    {R, FALSE, TS_ASK_POWER_ON, UNTIL_ON, 0},
};
static const Stage power_off[] = {{P, TRUE, 0, UNTIL_OFF, 0}};
static const Stage backup[] = {{R, FALSE, TS_ASK_BACKUP, UNTIL_BACKUP, 0}};
static const Stage end_backup[] = {{R, FALSE, TS_ASK_END_BACKUP, UNTIL_BACKUP, 0}};
static const Stage resync[] = {{P, FALSE, TS_ASK_RESYNC, UNTIL_STATE, TS_STATE_RESYNCHRONIZING}};
static const Stage cancel_resync[] = {
    {P, FALSE, TS_ASK_CANCEL_RESYNC, UNTIL_STATE, TS_STATE_RESYNC_REQUIRED}};
static const Stage move[] = { /* of one side; the order says of which */
    {P, FALSE, TS_ASK_MOVE, UNTIL_MOVED, 0},
    {R, FALSE, TS_ASK_MOVE, UNTIL_MOVED, 0},
};
static const Stage reset[] = {
    {P, FALSE, TS_ASK_RESET_STATISTICS, UNTIL_GIVEN, 0},
    {R, FALSE, TS_ASK_RESET_STATISTICS, UNTIL_GIVEN, 0},
};

/* The replica first: then nothing that is written behind the old end is too far for it. */
static const Stage resize[] = {
    {R, FALSE, TS_ASK_RESIZE, UNTIL_RESIZED, 0},
    {P, FALSE, TS_ASK_RESIZE, UNTIL_RESIZED, 0},
};
static const Stage continue_it[] = {{R, FALSE, TS_ASK_CONTINUE, UNTIL_REMOVED, 0}};
static const Stage replicate_disks[] = {{P, FALSE, TS_ASK_UPDATE_DISKS, UNTIL_DISKS, 0}};

typedef struct {
  const Stage *stages;
  guint count;
  TsSides sides; /* of whom it is asked, unless the order says; DEFAULT: every stage's */
} Course;
#define COURSE(stages)                                                                             \
  {                                                                                                \
    stages, G_N_ELEMENTS (stages), TS_SIDES_DEFAULT                                                \
  }
#define COURSE_OF(stages, sides)                                                                   \
  {                                                                                                \
    stages, G_N_ELEMENTS (stages), TS_SIDES_##sides                                                \
  }

static const Course courses[TS_DO_COUNT] = {
    [TS_DO_PROTECT] = COURSE (protect),        [TS_DO_FAILOVER] = COURSE (unplanned),
    [TS_DO_START_INITIAL] = COURSE (start_initial), [TS_DO_CANCEL_INITIAL] = COURSE (cancel_initial),
    [TS_DO_IMPORT] = COURSE (import),
    [TS_DO_TEST_FAILOVER] = COURSE (test),     [TS_DO_STOP_TEST_FAILOVER] = COURSE (stop_test),
    [TS_DO_CANCEL_FAILOVER] = COURSE_OF (cancel, REPLICA), [TS_DO_COMMIT] = COURSE (commit),
    [TS_DO_PAUSE] = COURSE_OF (pause_it, PRIMARY), [TS_DO_RESUME] = COURSE_OF (resume, PRIMARY),
    [TS_DO_REMOVE] = COURSE_OF (remove_it, BOTH),  [TS_DO_POWER_ON] = COURSE_OF (power_on, PRIMARY),
    [TS_DO_CHANGE_POINT] = COURSE (change),
    [TS_DO_CONTINUE] = COURSE (continue_it),
    [TS_DO_RESIZE_DISK] = COURSE (resize),     [TS_DO_REPLICATE_DISKS] = COURSE (replicate_disks),
    [TS_DO_POWER_OFF] = COURSE (power_off),    [TS_DO_MOVE] = COURSE_OF (move, PRIMARY),
    [TS_DO_BACKUP] = COURSE (backup),          [TS_DO_END_BACKUP] = COURSE (end_backup),
    [TS_DO_RESET_STATISTICS] = COURSE (reset), [TS_DO_REVERSE] = COURSE (reverse),
    [TS_DO_RESYNC] = COURSE (resync),          [TS_DO_CANCEL_RESYNC] = COURSE (cancel_resync),
};
static const Course planned_course = COURSE (planned);
static const Course synced_course = COURSE (synced);

struct _TsOperation {
  char *step, *vm, *host[2]; /* by TsRole */
  TsVerb verb;
  Course course;
  TsSides sides; /* DEFAULT: both */
  gboolean planned, synced;
  TsPointChoice point;
  TsDiskChange disks;
  TsInitialChoice initial;
  guint to; /* a host */
  guint at;
  gboolean given, refused;
  gboolean prepared; /* the primary is */
  char *reason; /* not NULL: failed */
};

gboolean
ts_operation_is (TsVerb verb)
{
  return verb < TS_DO_COUNT && courses[verb].count > 0;
}

/* Stages of a side that is not asked are none. */
static void
skip_others (TsOperation *op)
{
  while (op->at < op->course.count && op->sides != TS_SIDES_DEFAULT &&
         !(op->sides &
           (op->course.stages[op->at].side == TS_ROLE_PRIMARY ? TS_SIDES_PRIMARY
                                                              : TS_SIDES_REPLICA)))
    op->at++;
}

TsOperation *
ts_operation_new (const TsOrder *order, const char *vm, const char *primary, const char *replica)
{
  g_assert (ts_operation_is (order->verb));
  TsOperation *op = g_new0 (TsOperation, 1);
  op->step = g_strdup (order->step);
  op->verb = order->verb;
  op->vm = g_strdup (vm);
  op->host[TS_ROLE_PRIMARY] = g_strdup (primary);
  op->host[TS_ROLE_REPLICA] = g_strdup (replica);
  op->planned = order->verb == TS_DO_FAILOVER && order->planned;
  op->synced = order->verb == TS_DO_FAILOVER && !order->planned && order->shut_down_first;
  op->course = op->planned  ? planned_course
               : op->synced ? synced_course
                            : courses[order->verb];
  op->point = order->point;
  op->disks = (TsDiskChange){order->disks, order->disk, order->amount_bytes};
  op->initial = order->initial;
  op->to = order->host < 0 ? 0 : (guint)order->host;
  op->sides = order->sides != TS_SIDES_DEFAULT ? order->sides : op->course.sides;
  skip_others (op);
  return op;
}

void
ts_operation_free (TsOperation *op)
{
  if (!op)
    return;
  g_free (op->step);
  g_free (op->vm);
  g_free (op->host[0]);
  g_free (op->host[1]);
  g_free (op->reason);
  g_free (op);
}

const char *
ts_operation_step_id (const TsOperation *op)
{
  return op->step;
}

const char *
ts_operation_verb (const TsOperation *op)
{
  return ts_verb_name (op->verb);
}

TsOperationPhase
ts_operation_phase (const TsOperation *op, TsSideOrder *order)
{
  if (op->reason)
    return TS_OPERATION_FAILED;
  if (op->at == op->course.count)
    return TS_OPERATION_DONE;
  if (op->given)
    return TS_OPERATION_WAITING;
  const Stage *stage = &op->course.stages[op->at];
  /* after a shut down and a last log it is as good as a planned one */
  gboolean whole = op->planned || (op->synced && op->prepared);
  *order = (TsSideOrder){stage->side, stage->shut_down, stage->ask, whole, op->point,
                         op->disks,   op->initial, op->to};
  return TS_OPERATION_ORDER;
}

/* Is it the failure of something that stages ask for?  Replication's own troubles are retried. */
static gboolean
is_ours (const char *action)
{
  static const char *const ours[] = {"branch",    "merge",      "power-on", "discard",
                                     "shut-down", "test-start", "test-stop", "turn", "resize"};
  for (guint i = 0; i < G_N_ELEMENTS (ours); i++)
    if (g_strcmp0 (action, ours[i]) == 0)
      return TRUE;
  return FALSE;
}

static void
next_stage (TsOperation *op)
{
  op->at++;
  op->given = FALSE;
  skip_others (op);
}

void
ts_operation_given (TsOperation *op)
{
  op->given = TRUE;
  if (op->course.stages[op->at].until == UNTIL_GIVEN)
    next_stage (op);
}

void
ts_operation_fail (TsOperation *op, const char *reason)
{
  if (op->reason)
    return;
  if (op->synced && op->at < op->course.count && op->course.stages[op->at].side == TS_ROLE_PRIMARY) {
    op->refused = FALSE;
    while (op->course.stages[op->at].side == TS_ROLE_PRIMARY)
      op->at++;
    op->given = FALSE;
    return;
  }
  op->reason = g_strdup (reason);
}

void
ts_operation_refuse (TsOperation *op, const char *reason)
{
  op->refused = TRUE;
  ts_operation_fail (op, reason);
}

gboolean
ts_operation_may_cancel (const TsOperation *op)
{
  return op->planned && !op->reason && op->at < op->course.count &&
         op->course.stages[op->at].ask == TS_ASK_PREPARE;
}

/* Pausing and resuming a resynchronization lead to states of its own (HVR 3.5); an error during
 * initial replication, or before it, leads back there. */
static gboolean
reaches (const Stage *stage, gint64 state)
{
  return state == (gint64)stage->state ||
         (stage->ask == TS_ASK_SUSPEND && state == TS_STATE_RESYNC_SUSPENDED) ||
         (stage->ask == TS_ASK_RESUME &&
          (state == TS_STATE_RESYNCHRONIZING || state == TS_STATE_DISK_UPDATE ||
           state == TS_STATE_READY || state == TS_STATE_INITIAL));
}

void
ts_operation_hear (TsOperation *op, const TsRecord *record)
{
  if (op->reason || !op->given || op->at == op->course.count)
    return;
  const Stage *stage = &op->course.stages[op->at];
  if (g_strcmp0 (ts_record_get_text (record, "vm"), op->vm) != 0 ||
      g_strcmp0 (ts_record_get_text (record, "host"), op->host[stage->side]) != 0)
    return;
  if (g_str_equal (record->kind, "refused") &&
      g_strcmp0 (ts_record_get_text (record, "verb"), ts_ask_name (stage->ask)) == 0) {
    ts_operation_refuse (op, ts_record_get_text (record, "reason"));
  } else if (g_str_equal (record->kind, "failure")) {
    if (is_ours (ts_record_get_text (record, "action")))
      ts_operation_fail (op, ts_record_get_text (record, "reason"));
  } else if (g_str_equal (record->kind, "state") &&
             (stage->until == UNTIL_STATE || stage->until == UNTIL_BEGUN)) {
    gint64 state = ts_record_get_int (record, "wmi", -1);
    if (reaches (stage, state)) {
      op->prepared |= state == TS_STATE_PREPARED;
      next_stage (op);
    }
    else if (state == TS_STATE_ERROR || state == TS_STATE_RESYNC_REQUIRED)
      ts_operation_fail (op, "replication has failed meanwhile");
  } else if (g_str_equal (record->kind, "power")) {
    gboolean on = ts_record_get_int (record, "on", 0) != 0;
    if ((stage->until == UNTIL_ON && on) || (stage->until == UNTIL_OFF && !on))
      next_stage (op);
  } else if (g_str_equal (record->kind, "copy")) {
    const char *phase = ts_record_get_text (record, "phase");
    if ((stage->until == UNTIL_BEGUN && g_strcmp0 (phase, "scheduled") == 0) ||
        (stage->until == UNTIL_GIVEN_UP && g_strcmp0 (phase, "cancelled") == 0))
      next_stage (op);
  } else if (g_str_equal (record->kind, "import")) {
    if (stage->until == UNTIL_IMPORTED && g_strcmp0 (ts_record_get_text (record, "phase"), "done") == 0)
      next_stage (op);
  } else if (g_str_equal (record->kind, "removed")) {
    if (stage->until == UNTIL_REMOVED)
      next_stage (op);
  } else if (g_str_equal (record->kind, "resized")) {
    if (stage->until == UNTIL_RESIZED)
      next_stage (op);
  } else if (g_str_equal (record->kind, "disk_update")) {
    const char *phase = ts_record_get_text (record, "phase");
    if (stage->until == UNTIL_DISKS &&
        (g_strcmp0 (phase, "begun") == 0 || g_strcmp0 (phase, "done") == 0))
      next_stage (op);
  } else if (g_str_equal (record->kind, "prepare")) {
    if (stage->until == UNTIL_CANCELLED)
      next_stage (op);
  } else if (g_str_equal (record->kind, "reverse")) {
    TsRole other = stage->side == TS_ROLE_PRIMARY ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY;
    if (stage->until == UNTIL_TURNED &&
        g_strcmp0 (ts_record_get_text (record, "role"), ts_role_name (other)) == 0)
      next_stage (op);
  } else if (g_str_equal (record->kind, "move")) {
    const char *phase = ts_record_get_text (record, "phase");
    if (stage->until == UNTIL_MOVED && g_strcmp0 (phase, "done") == 0)
      next_stage (op);
    else if (stage->until == UNTIL_MOVED && g_strcmp0 (phase, "failed") == 0)
      ts_operation_fail (op, ts_record_get_text (record, "reason"));
  } else if (g_str_equal (record->kind, "backup")) {
    if (stage->until == UNTIL_BACKUP)
      next_stage (op);
  } else if (g_str_equal (record->kind, "failover")) {
    if (stage->until == UNTIL_CHANGED &&
        g_strcmp0 (ts_record_get_text (record, "phase"), "changed") == 0)
      next_stage (op);
  } else if (g_str_equal (record->kind, "test_failover")) {
    const char *phase = ts_record_get_text (record, "phase");
    if ((stage->until == UNTIL_TEST_ON && g_strcmp0 (phase, "started") == 0) ||
        (stage->until == UNTIL_TEST_OFF && g_strcmp0 (phase, "stopped") == 0))
      next_stage (op);
  }
}

void
ts_operation_host_lost (TsOperation *op, const char *host)
{
  if (op->given && op->at < op->course.count
      && g_strcmp0 (op->host[op->course.stages[op->at].side], host) == 0)
    ts_operation_fail (op, "the host has lost power");
}

const char *
ts_operation_reason (const TsOperation *op, gboolean *refused)
{
  if (refused)
    *refused = op->refused;
  return op->reason ? op->reason : "";
}

/* sim/move.c -- a VM goes from one host to another of its site.  Twin of lab/host/move.c.
 *
 * Who has it is the core's (core/site/handover.h); here what it asks for is performed, between two
 * hosts that have nothing in common but a local network.  What is carried lies in a cargo: it is of
 * use to the taker once that has made it durable, and goes with its power before. */
#include "sim/move.h"
#include "core/base/error.h"
#include "core/relation/move.h"
#include "sim/profile.h"

#define LAN_US (TS_MS / 2)     /* CHOICE: a message within a site */
#define CONNECT_US (5 * TS_MS) /* and a handshake */
#define NOTICE_US TS_S         /* until one sees that the other has no power */
#define SILENT_US (3 * TS_S)   /* until who connects gives up */

typedef struct { /* what goes from one host to the other */
  guint refs;
  GPtrArray *disks; /* TsSimDisk: as they were when the machine stood still; NULL: it has none here */
  TsSimMachine machine; /* its memory, when there is a machine */
  gboolean has_machine;
  GBytes *baggage; /* of its relation (core/relation/move.h); NULL: it has none */
  gboolean of_primary;
  TsSimSpool *spool; /* all three given back when it stays */
  TsSimUndo *undo;
  TsSimTracker *tracker;
  TsTraffic traffic;
  guint peer;
  const char *owner;
  char *owner_group;
  gboolean watching;
  gboolean taken;
} Cargo;

struct _TsSimMove {
  TsSimHost *host;
  TsSimVm *vm;
  TsHandover *core;
  GBytes *kept;     /* durable */
  TsSimMove *other; /* the far end of the connection; NULL: there is none */
  guint64 line;     /* counts connections: what goes on an older one is void */
  Cargo *out, *in;
  gboolean in_durable;
  gboolean held; /* the machine here is */
  guint64 timer;
  gint64 armed_us;
};

static void step (TsSimMove *move, TsHandoverEvent *event);

static TsWorld *
world_of (const TsSimMove *move)
{
  return move->host->world;
}

static gint64
now_of (const TsSimMove *move)
{
  return ts_sim_now_us (world_of (move));
}

static const TsProfile *
profile_of (const TsSimMove *move)
{
  return &world_of (move)->topology->profile;
}

/* --- cargo ------------------------------------------------------------------------------------ */

static void
cargo_unref (Cargo *cargo)
{
  if (!cargo || --cargo->refs > 0)
    return;
  g_clear_pointer (&cargo->disks, g_ptr_array_unref);
  g_clear_pointer (&cargo->baggage, g_bytes_unref);
  ts_sim_spool_free (cargo->spool);
  ts_sim_undo_free (cargo->undo);
  ts_sim_tracker_free (cargo->tracker);
  ts_traffic_clear (&cargo->traffic);
  g_free (cargo->owner_group);
  g_free (cargo);
}

/* The machine that the VM is here; a replica has none. */
static TsSimMachine *
machine_of (const TsSimMove *move)
{
  TsSimMachine *source = move->vm->source;
  return source->host == move->host && !source->is_copy ? source : NULL;
}

#define SWAP(type, a, b)                                                                           \
  do {                                                                                             \
    type swapped = (a);                                                                            \
    (a) = (b);                                                                                     \
    (b) = swapped;                                                                                 \
  } while (0)

/* Logs and what tracks the disks go to the cargo, or back. */
static void
exchange (TsSimRelation *rel, Cargo *cargo)
{
  SWAP (TsSimSpool *, rel->spool, cargo->spool);
  SWAP (TsSimUndo *, rel->undo, cargo->undo);
  SWAP (TsSimTracker *, rel->tracker, cargo->tracker);
  SWAP (TsTraffic, rel->traffic, cargo->traffic);
}

static guint64
bytes_of (const TsSimMove *move)
{
  TsSimMachine *machine = machine_of (move);
  TsSimRelation *rel = ts_sim_host_relation (move->host, move->vm);
  const GPtrArray *disks = machine ? machine->disks : rel ? rel->disks : NULL;
  guint64 bytes = machine && machine->on ? move->vm->spec->memory_bytes : 0;
  for (guint i = 0; disks && i < disks->len; i++)
    bytes += ts_sim_disk_own_bytes (g_ptr_array_index (disks, i));
  return bytes + (rel ? ts_sim_spool_bytes (rel->spool) : 0);
}

static Cargo *
load (TsSimMove *move)
{
  TsSimMachine *machine = machine_of (move);
  TsSimRelation *rel = ts_sim_host_relation (move->host, move->vm);
  const GPtrArray *disks = machine ? machine->disks : rel->disks;
  Cargo *cargo = g_new0 (Cargo, 1);
  cargo->refs = 1;
  cargo->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  for (guint i = 0; i < disks->len; i++)
    g_ptr_array_add (cargo->disks, ts_sim_disk_snapshot (g_ptr_array_index (disks, i)));
  cargo->has_machine = machine != NULL;
  if (machine)
    cargo->machine = *machine;
  cargo->spool = ts_sim_spool_new (world_of (move)->bytes);
  cargo->undo = ts_sim_undo_new ();
  ts_traffic_init (&cargo->traffic);
  if (!rel)
    return cargo;
  cargo->of_primary = rel->sender != NULL;
  cargo->baggage = rel->sender ? ts_move_pack_sender (rel->sender) : ts_move_pack_receiver (rel->receiver);
  cargo->peer = rel->peer;
  cargo->owner = rel->owner;
  cargo->owner_group = g_strdup (rel->owner_group);
  cargo->watching = rel->watching;
  exchange (rel, cargo);
  return cargo;
}

/* It stays: what was taken for the cargo comes back.  Fine when nothing was. */
static void
unload (TsSimMove *move)
{
  TsSimRelation *rel = ts_sim_host_relation (move->host, move->vm);
  Cargo *cargo = g_steal_pointer (&move->out);
  if (!cargo)
    return;
  if (rel && cargo->baggage && !cargo->taken) {
    exchange (rel, cargo);
    cargo->taken = TRUE; /* of no use to anybody else */
  }
  cargo_unref (cargo);
}

/* --- the machine ------------------------------------------------------------------------------ */

static void
hold (TsSimMove *move)
{
  TsSimMachine *machine = machine_of (move);
  if (!machine || !machine->on)
    return;
  move->held = machine->held = TRUE;
  machine->ready = FALSE; /* nobody is answered */
  machine->frozen = TRUE;
  machine->held_back = FALSE;
  ts_sim_probes_silent (machine);
  ts_sim_touch (move->vm);
}

static void
wake (TsSimMachine *machine)
{
  machine->held = FALSE;
  machine->ready = TRUE;
  ts_sim_workload_thaw (machine);
  ts_sim_touch (machine->vm);
}

static void
flush_all (TsSimMove *move)
{
  TsSimMachine *machine = machine_of (move);
  TsSimRelation *rel = ts_sim_host_relation (move->host, move->vm);
  GPtrArray *disks = machine ? machine->disks : rel ? rel->disks : NULL;
  for (guint i = 0; disks && i < disks->len; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (disks, i));
    disk->ops->flush (disk, NULL);
  }
  if (rel)
    ts_sim_undo_sync (rel->undo);
}

static void
let_go (TsSimMove *move)
{
  TsSimMachine *machine = machine_of (move);
  TsSimRelation *rel = ts_sim_host_relation (move->host, move->vm);
  unload (move);
  if (move->held && machine && machine->held)
    wake (machine);
  move->held = FALSE;
  if (!rel || rel->removed)
    return;
  TsEvent event = {.now_us = now_of (move), .kind = TS_EVENT_DONE};
  event.done.action = TS_ACTION_MOVE;
  event.done.reason = "the virtual machine stays";
  ts_sim_relation_step (rel, &event);
}

/* From now on it is the other host's: here it is as good as off. */
static void
give_up (TsSimMove *move)
{
  TsSimMachine *machine = machine_of (move);
  if (machine && machine->on)
    ts_sim_machine_turn_off (machine, "moved");
  if (machine)
    machine->held = FALSE;
  move->held = FALSE;
}

static void
leave (TsSimMove *move)
{
  TsSimRelation *rel = ts_sim_host_relation (move->host, move->vm);
  if (rel)
    ts_sim_host_move_away (move->host, rel);
  g_clear_pointer (&move->out, cargo_unref);
}

/* What came is this host's. */
static void
take_machine (TsSimMove *move, Cargo *cargo)
{
  TsSimVm *vm = move->vm;
  TsSimMachine *old = vm->source, *machine = g_memdup2 (&cargo->machine, sizeof cargo->machine);
  machine->host = move->host;
  machine->disks = g_ptr_array_ref (cargo->disks);
  machine->owned = g_ptr_array_ref (cargo->disks);
  machine->tracker = NULL;
  machine->life = old->life + 1;
  machine->writing = FALSE;
  machine->on = FALSE;
  machine->defined = TRUE;
  machine->off_disks = NULL;
  old->tracker = NULL;
  g_ptr_array_add (vm->discarded, old);
  vm->source = machine;
  vm->primary = move->host->index;
  if (vm->service == old)
    ts_sim_serve (vm, machine);
  if (!cargo->machine.on) {
    if (cargo->machine.off_disks)
      ts_sim_watch_off (machine);
    machine->held = machine->frozen = FALSE;
  }
}

static void
take_relation (TsSimMove *move, Cargo *cargo)
{
  TsSimVm *vm = move->vm;
  g_autoptr (GError) error = NULL;
  g_autoptr (TsActions) out = ts_actions_new ();
  TsSimRelation *rel = ts_sim_relation_arrive (move->host, vm);
  exchange (rel, cargo);
  rel->disks = g_ptr_array_ref (cargo->disks);
  rel->peer = cargo->peer;
  if (cargo->of_primary) {
    TsSenderOptions options = ts_sim_relation_options (move->host, vm, vm->policy);
    rel->sender = ts_move_unpack_sender (&options, cargo->baggage, out, &error);
    ts_sim_tracker_move (rel->tracker, rel->disks);
    vm->source->tracker = rel->tracker;
  } else {
    rel->receiver = ts_move_unpack_receiver (move->host->spec->name, &move->host->spec->settings,
                                             cargo->baggage, out, &error);
    rel->owner = cargo->owner;
    rel->owner_group = g_strdup (cargo->owner_group);
    vm->replica = move->host->index;
    if (cargo->watching)
      ts_sim_watch_begin (rel);
  }
  if (error)
    g_error ("%s", error->message); /* we wrote it ourselves */
  rel->told_role = cargo->of_primary ? TS_ROLE_PRIMARY : TS_ROLE_REPLICA;
  rel->told_state = ts_sim_relation_state (rel);
  rel->turning = TRUE; /* all of it or nothing, here: the cargo is durable until then */
  ts_sim_relation_perform (rel, out);
  rel->turning = FALSE;
}

static void
take (TsSimMove *move)
{
  Cargo *cargo = g_steal_pointer (&move->in);
  if (!cargo || cargo->taken) { /* before a crash of this host: it is here */
    cargo_unref (cargo);
    return;
  }
  cargo->taken = TRUE;
  if (cargo->has_machine)
    take_machine (move, cargo);
  if (cargo->baggage)
    take_relation (move, cargo);
  if (cargo->has_machine && cargo->machine.on) {
    ts_sim_machine_resume (move->vm->source, "moved");
    wake (move->vm->source);
  }
  TsSimRelation *rel = ts_sim_host_relation (move->host, move->vm);
  TsEvent tick = {.now_us = now_of (move), .kind = TS_EVENT_TICK};
  if (rel)
    ts_sim_relation_step (rel, &tick);
  cargo_unref (cargo);
  ts_sim_touch (move->vm);
}

/* --- the line between the two ------------------------------------------------------------------ */

typedef struct { /* on its way */
  guint64 life, line;
  TsSimMove *from;
  GBytes *message; /* NULL: the end of the line */
  const char *reason;
  TsActionKind action; /* of a completion */
  gboolean ok;
} Parcel;

static void
parcel_free (gpointer data)
{
  Parcel *parcel = data;
  g_clear_pointer (&parcel->message, g_bytes_unref);
  g_free (parcel);
}

static Parcel *
parcel_of (TsSimMove *to)
{
  Parcel *parcel = g_new0 (Parcel, 1);
  parcel->life = to->host->life;
  parcel->line = to->line;
  return parcel;
}

static void
later (TsSimMove *move, gint64 after_us, TsSimCall call, Parcel *parcel)
{
  ts_sim_clock_at (world_of (move)->clock, now_of (move) + after_us, call, move, parcel, parcel_free);
}

static void
line_lost (gpointer user, gpointer data)
{
  TsSimMove *move = user;
  const Parcel *parcel = data;
  if (parcel->life != move->host->life || parcel->line != move->line)
    return;
  move->other = NULL;
  move->line++;
  TsHandoverEvent event = {.kind = TS_HANDOVER_LOST, .reason = parcel->reason};
  step (move, &event);
}

/* The far end hears of it, later. */
static void
hang_up (TsSimMove *move, gint64 after_us, const char *reason)
{
  TsSimMove *other = g_steal_pointer (&move->other);
  move->line++;
  if (!other || other->other != move)
    return;
  Parcel *parcel = parcel_of (other);
  parcel->reason = reason;
  later (other, after_us, line_lost, parcel);
}

static void
connected (gpointer user, gpointer data)
{
  TsSimMove *move = user, *other = NULL;
  const Parcel *parcel = data;
  if (parcel->life != move->host->life || parcel->line != move->line)
    return;
  gint to = ts_topology_find_host (world_of (move)->topology, ts_handover_peer (move->core));
  TsSimHost *host = to < 0 ? NULL : ts_sim_host (world_of (move), (guint)to);
  if (host && host->up)
    other = ts_sim_move_of (host, move->vm);
  if (!other) {
    Parcel *silence = parcel_of (move);
    silence->reason = "it does not answer";
    later (move, SILENT_US, line_lost, silence);
    return;
  }
  hang_up (other, LAN_US, "another connection has come");
  move->other = other;
  other->other = move;
  TsHandoverEvent event = {.kind = TS_HANDOVER_CONNECTED};
  step (move, &event);
}

/* Why an offered VM has no place here; NULL: it has. */
static const char *
why_not (const TsSimMove *move)
{
  if (ts_sim_host_relation (move->host, move->vm) || machine_of (move))
    return "that virtual machine is on this host";
  return ts_sim_host_is_full (move->host) ? "no space left on the disk of this host" : NULL;
}

static void
arrived (gpointer user, gpointer data)
{
  TsSimMove *move = user;
  const Parcel *parcel = data;
  if (parcel->life != move->host->life || parcel->line != move->line || move->other != parcel->from)
    return;
  TsHandoverEvent event = {.kind = TS_HANDOVER_HEARD,
                           .peer = parcel->from->host->spec->name,
                           .message = parcel->message,
                           .why_not = why_not (move)};
  step (move, &event);
}

static void
say (TsSimMove *move, GBytes *message)
{
  if (!move->other)
    return;
  Parcel *parcel = parcel_of (move->other);
  parcel->from = move;
  parcel->message = g_bytes_ref (message);
  later (move->other, LAN_US, arrived, parcel);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void
completed (gpointer user, gpointer data)
{
  TsSimMove *move = user;
  const Parcel *parcel = data;
  if (parcel->life != move->host->life)
    return;
  TsHandoverEvent event = {.kind = TS_HANDOVER_DONE,
                           .action = parcel->action,
                           .ok = parcel->ok,
                           .reason = parcel->reason};
  switch ((int)parcel->action) {
  case TS_ACTION_HAND_HOLD:
    flush_all (move);
    break;
  case TS_ACTION_HAND_CARRY:
    if (!move->other || ts_handover_stage (move->core) != TS_HANDOVER_OUT) {
      event.ok = FALSE;
      event.reason = "the connection is gone";
      break;
    }
    move->out = load (move);
    cargo_unref (move->other->in);
    move->other->in = move->out;
    move->other->in_durable = FALSE;
    move->out->refs++;
    break;
  case TS_ACTION_HAND_SETTLE:
    event.ok = move->in != NULL;
    event.reason = "nothing came";
    move->in_durable = TRUE;
    break;
  case TS_ACTION_HAND_TAKE:
    take (move);
    break;
  default:
    break;
  }
  if (!ts_sim_host_dies (move->host, parcel->action, TS_DEATH_AFTER))
    step (move, &event);
}

static void
complete_in (TsSimMove *move, TsActionKind kind, gboolean ok, const char *reason, gint64 after_us)
{
  Parcel *parcel = parcel_of (move);
  parcel->action = kind;
  parcel->ok = ok;
  parcel->reason = reason;
  later (move, after_us, completed, parcel);
}

static void
perform_hold (TsSimMove *move)
{
  const TsProfile *profile = profile_of (move);
  TsSimMachine *machine = machine_of (move);
  if (machine && machine->on && !machine->ready) { /* CHOICE: a guest that boots is let boot */
    complete_in (move, TS_ACTION_HAND_HOLD, FALSE, "the guest is not up yet", 0);
    return;
  }
  hold (move); /* a write and a flush may be under way */
  complete_in (move, TS_ACTION_HAND_HOLD, TRUE, NULL,
               profile->sync_us + (move->held ? profile->write_us + 2 * profile->flush_us : 0));
}

static gboolean
answers (TsActionKind kind)
{
  return kind == TS_ACTION_HAND_HOLD || kind == TS_ACTION_HAND_CARRY ||
         kind == TS_ACTION_HAND_SETTLE || kind == TS_ACTION_HAND_TAKE;
}

static void
perform_now (TsSimMove *move, TsAction *action)
{
  const TsProfile *profile = profile_of (move);
  switch ((int)action->kind) {
  case TS_ACTION_REPORT:
    ts_sim_report (world_of (move), g_steal_pointer (&action->record));
    break;
  case TS_ACTION_HAND_CONNECT:
    hang_up (move, LAN_US, "the peer has connected anew");
    later (move, CONNECT_US, connected, parcel_of (move));
    break;
  case TS_ACTION_HAND_HANG_UP:
    hang_up (move, LAN_US, "the peer has hung up");
    break;
  case TS_ACTION_HAND_SAY:
    say (move, action->payload);
    break;
  case TS_ACTION_HAND_KEEP:
    g_clear_pointer (&move->kept, g_bytes_unref);
    move->kept = g_steal_pointer (&action->payload);
    if (ts_handover_stage (move->core) == TS_HANDOVER_GIVEN)
      give_up (move);
    break;
  case TS_ACTION_HAND_HOLD:
    perform_hold (move);
    break;
  case TS_ACTION_HAND_CARRY: /* read there, written here */
    complete_in (move, action->kind, TRUE, NULL, ts_profile_disk_us (profile, 2 * bytes_of (move)));
    break;
  case TS_ACTION_HAND_SETTLE:
    complete_in (move, action->kind, TRUE, NULL, profile->sync_us);
    break;
  case TS_ACTION_HAND_TAKE:
    complete_in (move, action->kind, TRUE, NULL, profile->define_us);
    break;
  case TS_ACTION_HAND_LET_GO:
    let_go (move);
    break;
  case TS_ACTION_HAND_LEAVE:
    leave (move);
    break;
  case TS_ACTION_HAND_SCRAP:
    g_clear_pointer (&move->in, cargo_unref);
    break;
  default:
    g_assert_not_reached ();
  }
}

static void
perform (TsSimMove *move, TsAction *action)
{
  TsActionKind kind = action->kind;
  if (ts_sim_host_dies (move->host, kind, TS_DEATH_BEFORE))
    return;
  perform_now (move, action);
  ts_sim_host_dies (move->host, kind, answers (kind) ? TS_DEATH_DURING : TS_DEATH_AFTER);
}

/* --- steps ------------------------------------------------------------------------------------ */

typedef struct {
  guint64 life, timer;
} Tick;

static void
ticked (gpointer user, gpointer data)
{
  TsSimMove *move = user;
  const Tick *tick = data;
  if (tick->life != move->host->life || tick->timer != move->timer)
    return;
  move->armed_us = TS_NEVER;
  TsHandoverEvent event = {.kind = TS_HANDOVER_TICK};
  step (move, &event);
}

static void
arm (TsSimMove *move)
{
  gint64 wake_us = ts_handover_wake_us (move->core);
  if (wake_us == move->armed_us)
    return;
  move->armed_us = wake_us;
  move->timer++;
  if (wake_us == TS_NEVER)
    return;
  Tick *tick = g_new (Tick, 1);
  *tick = (Tick){move->host->life, move->timer};
  ts_sim_clock_at (world_of (move)->clock, MAX (wake_us, now_of (move)), ticked, move, tick, g_free);
}

static void
step (TsSimMove *move, TsHandoverEvent *event)
{
  g_autoptr (TsActions) out = ts_actions_new ();
  ts_sim_touch (move->vm);
  if (move->host->dying)
    return;
  event->now_us = now_of (move);
  ts_handover_step (move->core, event, out);
  for (guint i = 0; i < out->len; i++)
    perform (move, &g_array_index (out, TsAction, i));
  if (!move->host->dying)
    arm (move);
}

/* --- entry points ----------------------------------------------------------------------------- */

TsSimMove *
ts_sim_move_of (TsSimHost *host, TsSimVm *vm)
{
  TsSimMove *move = host->moves[vm->index];
  if (move)
    return move;
  move = host->moves[vm->index] = g_new0 (TsSimMove, 1);
  move->host = host;
  move->vm = vm;
  move->core = ts_handover_new (vm->spec->name, host->spec->name);
  move->armed_us = TS_NEVER;
  return move;
}

void
ts_sim_move_free (TsSimMove *move)
{
  if (!move)
    return;
  cargo_unref (move->in);
  cargo_unref (move->out);
  ts_handover_free (move->core);
  g_clear_pointer (&move->kept, g_bytes_unref);
  g_free (move);
}

gboolean
ts_sim_move_forbids (const TsSimHost *host, const TsSimVm *vm)
{
  const TsSimMove *move = host->moves[vm->index];
  return move && ts_handover_forbids (move->core);
}

const char *
ts_sim_move_went_to (const TsSimHost *host, const TsSimVm *vm)
{
  const TsSimMove *move = host->moves[vm->index];
  return move ? ts_handover_went_to (move->core) : "";
}

char *
ts_sim_move_why_not (TsSimHost *host, TsSimVm *vm, guint to)
{
  const TsSimHost *target = ts_sim_host (host->world, to);
  if (target == host)
    return g_strdup_printf ("the virtual machine is on host %s already", host->spec->name);
  if (target->spec->site != host->spec->site)
    return g_strdup_printf ("host %s is of another cloud", target->spec->name);
  if (vm->base || vm->third)
    return g_strdup ("not of an extended relation");
  if (ts_handover_stage (ts_sim_move_of (host, vm)->core) != TS_HANDOVER_NONE)
    return g_strdup ("the last move of the virtual machine is not over");
  return NULL;
}

void
ts_sim_move_begin (TsSimHost *host, TsSimVm *vm, guint to)
{
  TsSimMove *move = ts_sim_move_of (host, vm);
  TsSimRelation *rel = ts_sim_host_relation (host, vm);
  TsSimMachine *machine = machine_of (move);
  TsHandoverEvent event = {.kind = TS_HANDOVER_BEGIN,
                           .peer = ts_sim_host (host->world, to)->spec->name,
                           .replicated = rel != NULL,
                           .role = rel && rel->receiver ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY,
                           .was_on = machine && machine->on};
  step (move, &event);
}

void
ts_sim_moves_power_loss (TsSimHost *host)
{
  for (guint i = 0; i < host->world->vms->len; i++) {
    TsSimMove *move = host->moves[i];
    if (!move)
      continue;
    move->held = FALSE;
    hang_up (move, NOTICE_US, "the connection is gone");
    move->timer++;
    move->armed_us = TS_NEVER;
  }
}

void
ts_sim_moves_restore (TsSimHost *host)
{
  for (guint i = 0; i < host->world->vms->len; i++) {
    TsSimMove *move = host->moves[i];
    g_autoptr (GError) error = NULL;
    if (!move)
      continue;
    const char *vm = move->vm->spec->name;
    g_clear_pointer (&move->core, ts_handover_free);
    move->core = move->kept ? ts_handover_restore (vm, host->spec->name, move->kept, &error)
                            : ts_handover_new (vm, host->spec->name);
    if (error)
      g_error ("%s", error->message); /* we wrote it ourselves */
    TsHandoverStage stage = ts_handover_stage (move->core);
    if (stage != TS_HANDOVER_WHOLE && stage != TS_HANDOVER_TAKEN) /* what is not named is nothing */
      g_clear_pointer (&move->in, cargo_unref);
    if (stage != TS_HANDOVER_GIVEN && move->out) { /* it is still ours, and its host has crashed */
      TsSimRelation *rel = ts_sim_host_relation (host, move->vm);
      unload (move);
      if (rel && rel->tracker)
        ts_sim_tracker_stop (rel->tracker);
    }
    arm (move);
  }
}

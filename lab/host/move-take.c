/* lab/host/move-take.c -- a VM comes from another host: it is received, settled, taken. */
#include "lab/host/move-internal.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/relation/move.h"

#define UNWRITTEN_MAX                                                                              \
  ((guint64)16 * TS_MIB) /* more is not heard: a disk may be slower than the link */

char *
ts_lab_take_why_no_room (const TsLabMove *move)
{
  const TsLabVm *vm = move->vm;
  if (ts_lab_host_relation (move->host, vm) || vm->on)
    return g_strdup ("that virtual machine is on this host");
  for (guint i = 0; i < vm->config->disks; i++) {
    g_autofree char *wrap = ts_lab_vm_wrap_path (vm, i);
    g_autofree char *data = ts_lab_vm_data_path (vm, i);
    if (g_file_test (wrap, G_FILE_TEST_EXISTS) || g_file_test (data, G_FILE_TEST_EXISTS))
      return g_strdup_printf ("there is a disk %s of that virtual machine on this host",
                              vm->config->disk[i].name);
  }
  return NULL;
}

static void
open_cargo (gpointer data)
{
  TsLabMoveJob *job = data;
  g_clear_error (&job->move->in_error);
  ts_lab_cargo_open (job->cargo, job->move->vm, &job->move->in_error);
}

static void
write_piece (gpointer data)
{
  TsLabMoveJob *job = data;
  if (!job->move->in_error)
    ts_lab_cargo_write (job->cargo, job->move->vm, job->file, job->at_bytes, job->bytes,
                        &job->move->in_error);
}

/* Jobs before it may still use it: it goes behind them. */
void
ts_lab_take_forget (TsLabMove *move)
{
  move->in_whole = FALSE;
  if (move->in)
    ts_lab_move_free_later (move, g_steal_pointer (&move->in));
}

void
ts_lab_take_list (TsLabMove *move, GBytes *list)
{
  g_autoptr (GError) error = NULL;
  TsLabCargo *cargo = ts_lab_cargo_unpack (list, move->vm->config, &error);
  if (!cargo || cargo->number != ts_handover_number (move->core)) {
    ts_lab_move_lost (move, error ? error->message : "a cargo of another move");
    ts_lab_cargo_free (cargo);
    return;
  }
  ts_lab_take_forget (move);
  move->in = cargo;
  TsLabMoveJob *job = ts_lab_move_job (move, TS_ACTION_HAND_SETTLE);
  job->cargo = cargo;
  ts_lab_worker_push (ts_lab_move_worker (move), open_cargo, NULL, ts_lab_move_job_drop, job);
}

static void
piece_written (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabMove *move = job->move;
  move->in_bytes -= g_bytes_get_size (job->bytes);
  if (move->link && move->in_bytes <= UNWRITTEN_MAX)
    ts_lab_link_hold (move->link, FALSE);
}

void
ts_lab_take_piece (TsLabMove *move, TsFrame *frame)
{
  TsLabMoveJob *job = ts_lab_move_job (move, TS_ACTION_HAND_SETTLE);
  job->cargo = move->in;
  job->file = frame->disk;
  job->at_bytes = frame->offset_bytes;
  job->bytes = frame->payload ? g_steal_pointer (&frame->payload) : g_bytes_new_static ("", 0);
  move->in_bytes += g_bytes_get_size (job->bytes);
  ts_lab_link_hold (move->link, move->in_bytes > UNWRITTEN_MAX);
  ts_lab_worker_push (ts_lab_move_worker (move), write_piece, piece_written, ts_lab_move_job_drop,
                      job);
}

static void
settle (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabMove *move = job->move;
  if (move->in_error)
    job->error = g_error_copy (move->in_error);
  else if (!job->cargo)
    ts_throw (&job->error, TS_ERROR_FORMAT, "nothing has come, or not all");
  else
    ts_lab_cargo_settle (job->cargo, move->vm, &job->error);
}

void
ts_lab_take_settle (TsLabMove *move)
{
  TsLabMoveJob *job = ts_lab_move_job (move, TS_ACTION_HAND_SETTLE);
  job->cargo = move->in_whole ? move->in : NULL;
  ts_lab_worker_push (ts_lab_move_worker (move), settle, ts_lab_move_job_done, ts_lab_move_job_drop,
                      job);
}

static void
scrap (gpointer data)
{
  TsLabMoveJob *job = data;
  ts_lab_cargo_scrap (job->move->vm, &job->error);
}

void
ts_lab_take_scrap (TsLabMove *move, TsLabWorker *worker)
{
  ts_lab_worker_push (worker, scrap, ts_lab_move_job_complain, ts_lab_move_job_drop,
                      ts_lab_move_job (move, TS_ACTION_HAND_SCRAP));
}

/* On the VM's worker.  What was there before a crash of this host stays as it is. */
static void
put_in_place (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabMove *move = job->move;
  TsLabVm *vm = move->vm;
  const TsLabCargo *cargo = job->cargo;
  static const char *const rooms[] = {"data", "nvram", "spool", "history"};
  for (guint i = 0; !job->resumed && i < G_N_ELEMENTS (rooms); i++)
    if (!ts_lab_cargo_place (cargo, vm, rooms[i], &job->error))
      return;
  gboolean has_machine = !cargo->relation || ts_handover_role (move->core) == TS_ROLE_PRIMARY;
  job->placed = !has_machine;
  if (!has_machine)
    return;
  if (!job->resumed &&
      (!ts_lab_vm_wrap (vm, &job->error) || !ts_lab_vm_define_home (vm, &job->error)))
    return;
  if (!job->resumed && cargo->tracked) {
    g_autoptr (GError) error = NULL; /* the next cut says that nothing is tracked */
    if (!ts_lab_vm_make_tracker (vm, &error) || !ts_lab_cargo_place (cargo, vm, "kept", &error) ||
        !ts_lab_tracker_take_aside (vm->tracker, &error))
      g_printerr ("twinsite host: what was tracked of %s is lost: %s\n", vm->config->name,
                  error->message);
  }
  job->placed = TRUE;
  if (job->start)
    ts_lab_vm_start_home (vm, &job->error);
}

static gboolean
take_relation (TsLabMove *move, const TsLabCargo *cargo, GError **error)
{
  TsLabVm *vm = move->vm;
  TsRole role = ts_handover_role (move->core);
  g_autoptr (TsActions) out = ts_actions_new ();
  if (role == TS_ROLE_REPLICA && *cargo->owner != '\0' &&
      !ts_lab_vm_inherit (vm, cargo->owner, cargo->owner_group, cargo->storage, error))
    return FALSE;
  TsLabRelation *relation = ts_lab_relation_unpack (vm, role, cargo->relation, out, error);
  if (!relation)
    return FALSE;
  g_ptr_array_add (move->host->relations, relation);
  if (cargo->watching)
    ts_lab_watch_begin (relation);
  ts_lab_relation_perform (relation, out);
  return TRUE;
}

static void
taken (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabMove *move = job->move;
  TsLabVm *vm = move->vm;
  const TsLabCargo *cargo = job->cargo;
  gboolean started = job->start && !job->error;
  if (!job->placed) { /* it is ours, and not usable: what is missing is put in place by the next
                         life */
    ts_lab_host_give_up (move->host, job->error);
    return;
  }
  vm->edited = FALSE;
  if (!started)
    ts_lab_watch_off (vm);
  if (cargo->relation && !job->resumed) {
    g_autoptr (GError) error = NULL;
    if (!take_relation (move, cargo, &error)) { /* it was whole when it was settled */
      g_prefix_error (&error, "the relation of %s that has come: ", ts_lab_move_name (move));
      ts_lab_host_give_up (move->host, error);
      return;
    }
  }
  TsLabRelation *relation = ts_lab_host_relation (move->host, vm);
  if (started)
    ts_lab_vm_is_on (vm, "moved");
  else if (relation && relation->sender)
    ts_lab_relation_machine (relation, FALSE);
  TsEvent tick = {.now_us = ts_lab_move_now_us (move), .kind = TS_EVENT_TICK};
  if (relation)
    ts_lab_relation_step (relation, &tick);
  ts_lab_take_scrap (move, ts_lab_move_worker (move));
  ts_lab_move_done (move, TS_ACTION_HAND_TAKE, job->error);
}

void
ts_lab_take (TsLabMove *move)
{
  TsLabVm *vm = move->vm;
  g_autoptr (GError) error = NULL;
  ts_lab_take_forget (move);
  TsLabCargo *cargo = ts_lab_cargo_recall (vm, &error);
  if (!cargo) {
    g_autofree char *data = ts_lab_vm_data_path (vm, 0);
    if (g_file_test (data, G_FILE_TEST_EXISTS)) {          /* all of it was done before a crash */
      ts_lab_take_scrap (move, ts_lab_move_worker (move)); /* perhaps not this */
      ts_lab_move_done (move, TS_ACTION_HAND_TAKE, NULL);
      return;
    }
    g_prefix_error (&error, "virtual machine %s: ", ts_lab_move_name (move));
    ts_lab_host_give_up (move->host, error);
    return;
  }
  if (*cargo->storage != '\0' && !vm->storage) /* before it is asked where the disks lie */
    vm->storage = g_strdup (cargo->storage);
  ts_lab_watch_forget_off (vm);
  TsLabMoveJob *job = ts_lab_move_job (move, TS_ACTION_HAND_TAKE);
  job->cargo = job->owned = cargo;
  job->start = ts_handover_was_on (move->core) && !vm->on;
  job->resumed = cargo->relation && ts_lab_host_relation (move->host, vm);
  ts_lab_worker_push (vm->worker, put_in_place, taken, ts_lab_move_job_drop, job);
}

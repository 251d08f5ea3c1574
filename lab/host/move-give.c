/* lab/host/move-give.c -- a VM goes to another host: it is held still, carried, and stays or is
 * gone. */
#include "lab/host/move-internal.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define PIECE_BYTES ((gsize)512 * 1024)
#define LOAD_PIECES 16                    /* read at once */
#define WAITING_MAX ((guint64)8 * TS_MIB) /* not yet sent: more is not read */
#define WAIT_US (10 * TS_MS)              /* until that is looked at again */

typedef struct {
  guint file;
  guint64 at_bytes;
  GBytes *bytes;
} Piece;

static void
piece_free (gpointer data)
{
  Piece *piece = data;
  g_bytes_unref (piece->bytes);
  g_free (piece);
}

static void
sync_disks (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabVm *vm = job->move->vm;
  for (guint i = 0; i < vm->config->disks && !job->error; i++) {
    g_autofree char *path = ts_lab_vm_data_path (vm, i);
    if (g_file_test (path, G_FILE_TEST_EXISTS))
      ts_lab_path_sync (path, &job->error);
  }
}

static void
hold_still (TsLabMove *move)
{
  ts_lab_worker_push (ts_lab_move_worker (move), sync_disks, ts_lab_move_job_done,
                      ts_lab_move_job_drop, ts_lab_move_job (move, TS_ACTION_HAND_HOLD));
}

void
ts_lab_give_hold (TsLabMove *move)
{
  TsLabVm *vm = move->vm;
  if (!vm->on) {
    hold_still (move);
    return;
  }
  move->holding = TRUE;
  if (move->host->control) /* tells our own guest, and has it work again later */
    ts_lab_control_send (move->host->control, "hold",
                         g_variant_new ("(s)", ts_lab_move_name (move)), NULL);
  ts_lab_vm_expect_off (vm);
}

void
ts_lab_move_machine_off (TsLabMove *move)
{
  if (!move->holding)
    return;
  move->holding = FALSE;
  move->held = TRUE;
  if (ts_handover_stage (move->core) != TS_HANDOVER_OUT) { /* broken off meanwhile */
    move->held = FALSE;
    ts_lab_vm_boot (move->vm);
  }
  hold_still (move);
}

void
ts_lab_move_machine_stays_on (TsLabMove *move, const char *why_not)
{
  if (!move->holding)
    return;
  move->holding = FALSE;
  g_autoptr (GError) error = g_error_new_literal (TS_ERROR, TS_ERROR_AGAIN, why_not);
  ts_lab_move_done (move, TS_ACTION_HAND_HOLD, error);
}

static void
carry_ends (TsLabMove *move, const GError *error)
{
  if (move->out)
    ts_lab_move_free_later (move, g_steal_pointer (&move->out));
  ts_lab_move_done (move, TS_ACTION_HAND_CARRY, error);
}

/* A job of carrying has ended: is there anything to go on with? */
static gboolean
goes_on (TsLabMoveJob *job)
{
  TsLabMove *move = job->move;
  if (!job->error && (!move->link || move->line != job->line))
    ts_throw (&job->error, TS_ERROR_LOST, "the connection is gone");
  if (job->error)
    carry_ends (move, job->error);
  return job->error == NULL;
}

static void
load (gpointer data)
{
  TsLabMoveJob *job = data;
  ts_lab_cargo_load (job->cargo, job->move->vm, &job->error);
}

static void
loaded (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabMove *move = job->move;
  if (!goes_on (job))
    return;
  g_autoptr (GBytes) list = ts_lab_cargo_pack (job->cargo);
  if (g_bytes_get_size (list) > TS_FRAME_PAYLOAD_MAX) {
    ts_throw (&job->error, TS_ERROR_FULL, "it has more logs than can be carried");
    carry_ends (move, job->error);
    return;
  }
  ts_lab_move_say (move, TS_LAB_MOVE_CARGO, list);
  move->out_file = 0;
  move->out_at_bytes = 0;
  ts_lab_give_pump (move);
}

void
ts_lab_give_carry (TsLabMove *move)
{
  TsLabVm *vm = move->vm;
  TsLabRelation *relation = ts_lab_host_relation (move->host, vm);
  g_autoptr (GError) error = NULL;
  TsLabCargo *cargo = move->out = ts_lab_cargo_new (ts_handover_number (move->core));
  if (relation) {
    cargo->relation = ts_lab_relation_pack (relation);
    cargo->owner = g_strdup (vm->owner);
    cargo->owner_group = g_strdup (vm->owner_group);
    cargo->storage = g_strdup (vm->storage);
  }
  if (relation && relation->sender) {
    ts_lab_source_measure_end (relation); /* the next cut begins it again */
    ts_lab_watch_source (vm);
    cargo->tracked = vm->tracker && ts_lab_tracker_base (vm->tracker) && !vm->edited;
  } else if (relation) {
    cargo->watching = ts_lab_watch_is_on (relation);
    if (!ts_lab_watch_look (relation, ~0u, &error)) { /* its next apply says so, too */
      carry_ends (move, error);
      return;
    }
  }
  TsLabMoveJob *job = ts_lab_move_job (move, TS_ACTION_HAND_CARRY);
  job->cargo = cargo;
  ts_lab_worker_push (ts_lab_move_worker (move), load, loaded, ts_lab_move_job_drop, job);
}

/* The next data of the file from *at_bytes on, without what is a hole; NULL without error: there is
 * no more. */
static GBytes *
read_data (const char *path, guint64 size_bytes, guint64 *at_bytes, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    ts_throw_errno (error, "open %s", path);
    return NULL;
  }
  off_t data = lseek (fd, (off_t)*at_bytes, SEEK_DATA);
  if (data < 0 && errno != ENXIO)
    data = (off_t)*at_bytes; /* a file system that does not know */
  off_t hole = data < 0 ? -1 : lseek (fd, data, SEEK_HOLE);
  close (fd);
  if (data < 0 || (guint64)data >= size_bytes)
    return NULL;
  guint64 end = hole < 0 ? size_bytes : MIN ((guint64)hole, size_bytes);
  *at_bytes = (guint64)data;
  return ts_lab_file_read (path, *at_bytes, MIN (PIECE_BYTES, end - (guint64)data), error);
}

static void
read_pieces (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabMove *move = job->move;
  job->pieces = g_ptr_array_new_with_free_func (piece_free);
  while (job->pieces->len < LOAD_PIECES && job->file < job->cargo->files->len) {
    const TsLabCargoFile *file = job->cargo->files->pdata[job->file];
    g_autofree char *path = ts_lab_cargo_path (move->vm, file);
    GBytes *bytes = job->at_bytes < file->size_bytes
                        ? read_data (path, file->size_bytes, &job->at_bytes, &job->error)
                        : NULL;
    if (job->error)
      return;
    if (!bytes) {
      job->file++;
      job->at_bytes = 0;
      continue;
    }
    Piece *piece = g_new (Piece, 1);
    *piece = (Piece){job->file, job->at_bytes, bytes};
    job->at_bytes += g_bytes_get_size (bytes);
    g_ptr_array_add (job->pieces, piece);
  }
}

static void
pieces_read (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabMove *move = job->move;
  if (!goes_on (job))
    return;
  for (guint i = 0; i < job->pieces->len; i++) {
    const Piece *piece = job->pieces->pdata[i];
    TsFrame frame = {.kind = TS_FRAME_COPY,
                     .disk = (guint16)piece->file,
                     .set = TS_LAB_MOVE_CARGO,
                     .offset_bytes = piece->at_bytes,
                     .payload = g_bytes_ref (piece->bytes)};
    ts_lab_link_send (move->link, &frame, FALSE);
    ts_frame_clear (&frame);
  }
  move->out_file = job->file;
  move->out_at_bytes = job->at_bytes;
  if (move->out_file < move->out->files->len) {
    ts_lab_give_pump (move);
    return;
  }
  TsFrame end = {.kind = TS_FRAME_COPY_END, .set = TS_LAB_MOVE_CARGO};
  ts_lab_link_send (move->link, &end, FALSE);
  carry_ends (move, NULL);
}

void
ts_lab_give_pump (gpointer user)
{
  TsLabMove *move = user;
  move->waiting = FALSE;
  if (move->link && ts_lab_link_waiting_bytes (move->link) > WAITING_MAX) {
    move->waiting = TRUE;
    ts_lab_timer_set (move->pump, ts_lab_move_now_us (move) + WAIT_US);
    return;
  }
  TsLabMoveJob *job = ts_lab_move_job (move, TS_ACTION_HAND_CARRY);
  job->cargo = move->out;
  job->file = move->out_file;
  job->at_bytes = move->out_at_bytes;
  ts_lab_worker_push (ts_lab_move_worker (move), read_pieces, pieces_read, ts_lab_move_job_drop,
                      job);
}

gboolean
ts_lab_give_stay (gpointer user)
{
  TsLabMove *move = user;
  TsLabRelation *relation = ts_lab_host_relation (move->host, move->vm);
  if (move->held && !move->vm->on)
    ts_lab_vm_boot (move->vm);
  move->held = FALSE;
  if (relation) {
    TsEvent event = {.now_us = ts_lab_move_now_us (move), .kind = TS_EVENT_DONE};
    event.done.action = TS_ACTION_MOVE;
    event.done.reason = "the virtual machine stays";
    ts_lab_relation_step (relation, &event);
  }
  return G_SOURCE_REMOVE;
}

static void
go_away (gpointer data)
{
  TsLabMoveJob *job = data;
  TsLabVm *vm = job->move->vm;
  const TsLabLayout *layout = &vm->host->layout;
  const char *host = vm->host->config->name, *name = vm->config->name;
  g_autofree char *spool = ts_lab_path_spool (layout, host, name);
  g_autofree char *history = ts_lab_path_history (layout, host, name);
  if (ts_lab_vm_go (vm, &job->error) && ts_lab_remove_tree (spool, &job->error))
    ts_lab_remove_tree (history, &job->error);
}

static void
gone (gpointer data)
{
  TsLabMoveJob *job = data;
  ts_lab_move_job_complain (job);
  TsLabMove *move = job->move;
  move->going = FALSE;
  ts_lab_vm_forget_owner (move->vm);
  while (move->link && move->later->len > 0) {
    g_autoptr (GBytes) message = g_ptr_array_steal_index (move->later, 0);
    ts_lab_move_hear (move, message);
  }
}

void
ts_lab_give_leave (TsLabMove *move)
{
  static const char *const kept[] = {"sender", "receiver", "owner", "watch", "tracked"};
  TsLabHost *host = move->host;
  TsLabVm *vm = move->vm;
  TsLabRelation *relation = ts_lab_host_relation (host, vm);
  move->held = FALSE;
  move->going = TRUE;
  if (relation)
    g_ptr_array_remove (host->relations, relation);
  for (guint i = 0; i < G_N_ELEMENTS (kept); i++) {
    g_autofree char *path =
        ts_lab_path_state (&host->layout, host->config->name, ts_lab_move_name (move), kept[i]);
    if (g_unlink (path) < 0 && errno != ENOENT)
      g_printerr ("twinsite host: delete %s: %s\n", path, g_strerror (errno));
  }
  ts_lab_watch_forget_off (vm);
  vm->edited = FALSE;
  TsLabMoveJob *job = ts_lab_move_job (move, TS_ACTION_HAND_LEAVE);
  ts_lab_worker_push (vm->worker, go_away, gone, ts_lab_move_job_drop, job);
}

/* lab/host/move.c -- see move.h.  Twin of sim/move.c.
 *
 * Who has the VM is the core's (core/site/handover.h); here what it asks for is performed.  Files are read and
 * written on a worker, one job after the other; all else is the main loop's. */
#include "lab/host/move.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/relation/move.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_US (15 * TS_S)
#define PIECE_BYTES ((gsize)512 * 1024)
#define LOAD_PIECES 16                       /* read at once */
#define WAITING_MAX ((guint64)8 * TS_MIB)    /* not yet sent: more is not read */
#define WAIT_US (10 * TS_MS)                 /* until that is looked at again */
#define SET_HANDOVER 0                       /* of a MESSAGE frame */
#define SET_CARGO 1

struct _TsLabMove {
  TsLabHost *host;
  TsLabVm *vm;
  TsHandover *core;
  TsLabTimer *timer, *pump;
  TsLabLink *link;
  guint line; /* counts connections: what was begun for an earlier one is void */
  TsLabWorker *worker;
  gboolean holding; /* the guest is being shut down for it */
  gboolean held;    /* it was */
  gboolean going;   /* what was here is being deleted */
  GPtrArray *later; /* GBytes: messages that came meanwhile, perhaps it comes back: heard then */
  /* giver's: what is being read, and how far */
  TsLabCargo *out;
  gboolean waiting; /* until less waits to be sent */
  guint out_file;
  guint64 out_at_bytes;
  /* taker's */
  TsLabCargo *in;
  gboolean in_whole;
  GError *in_error; /* only the worker */
};

static void step (TsLabMove *move, TsHandoverEvent *event);
static void pump (gpointer user);

static gint64
now_of (const TsLabMove *move)
{
  return ts_lab_host_now_us (move->host);
}

static const char *
name_of (const TsLabMove *move)
{
  return move->vm->config->name;
}

static char *
kept_path (const TsLabMove *move)
{
  return ts_lab_path_state (&move->host->layout, move->host->config->name, name_of (move), "handover");
}

static TsLabWorker *
worker_of (TsLabMove *move)
{
  if (!move->worker)
    move->worker = ts_lab_worker_new ("move");
  return move->worker;
}

static void
done (TsLabMove *move, TsActionKind action, const GError *error)
{
  ts_lab_host_moment (move->host, action, TS_DEATH_AFTER);
  TsHandoverEvent event = {.kind = TS_HANDOVER_DONE, .action = action, .ok = error == NULL};
  event.reason = error ? error->message : NULL;
  step (move, &event);
}

/* --- jobs ------------------------------------------------------------------------------------- */

typedef struct {
  TsLabMove *move;
  guint line;
  TsActionKind action;
  TsLabCargo *cargo; /* taken along */
  guint file;        /* of a piece that has come, or was read; with where it belongs */
  guint64 at_bytes;
  GBytes *bytes;
  GPtrArray *pieces; /* Piece: of a load */
  gboolean start, resumed, placed; /* of a take */
  GError *error;
} Job;

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
job_drop (gpointer data)
{
  Job *job = data;
  g_clear_pointer (&job->bytes, g_bytes_unref);
  g_clear_pointer (&job->pieces, g_ptr_array_unref);
  g_clear_error (&job->error);
  g_free (job);
}

static Job *
job_new (TsLabMove *move, TsActionKind action)
{
  Job *job = g_new0 (Job, 1);
  job->move = move;
  job->line = move->line;
  job->action = action;
  return job;
}

static void
job_done (gpointer data)
{
  Job *job = data;
  done (job->move, job->action, job->error);
}

static void
job_complain (gpointer data)
{
  Job *job = data;
  if (job->error)
    g_printerr ("twinsite host: move of %s: %s\n", name_of (job->move), job->error->message);
}

/* --- the connection --------------------------------------------------------------------------- */

static void
hang_up (TsLabMove *move)
{
  move->line++;
  g_ptr_array_set_size (move->later, 0);
  g_clear_pointer (&move->link, ts_lab_link_free);
  if (move->waiting) /* to find that out */
    ts_lab_timer_set (move->pump, now_of (move));
}

static void
lost (TsLabMove *move, const char *reason)
{
  hang_up (move);
  TsHandoverEvent event = {.kind = TS_HANDOVER_LOST, .reason = reason};
  step (move, &event);
}

static void
link_connected (TsLabLink *link, const char *peer, gpointer user)
{
  TsHandoverEvent event = {.kind = TS_HANDOVER_CONNECTED};
  step (user, &event);
}

static void
link_lost (TsLabLink *link, const GError *reason, gpointer user)
{
  lost (user, reason->message);
}

static void
say (TsLabMove *move, guint64 set, GBytes *message)
{
  if (!move->link)
    return;
  TsFrame frame = {.kind = TS_FRAME_MESSAGE, .set = set, .payload = g_bytes_ref (message)};
  ts_lab_link_send (move->link, &frame, TRUE);
  ts_frame_clear (&frame);
}

/* --- the taker: what comes -------------------------------------------------------------------- */

static char *
why_no_room (const TsLabMove *move)
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
  Job *job = data;
  g_clear_error (&job->move->in_error);
  ts_lab_cargo_open (job->cargo, job->move->vm, &job->move->in_error);
}

static void
write_piece (gpointer data)
{
  Job *job = data;
  if (!job->move->in_error)
    ts_lab_cargo_write (job->cargo, job->move->vm, job->file, job->at_bytes, job->bytes,
                        &job->move->in_error);
}

static void
free_cargo (gpointer data)
{
  Job *job = data;
  ts_lab_cargo_free (job->cargo);
}

/* Jobs before it may still use it: it goes behind them. */
static void
forget_in (TsLabMove *move)
{
  move->in_whole = FALSE;
  if (!move->in)
    return;
  Job *job = job_new (move, TS_ACTION_HAND_SCRAP);
  job->cargo = g_steal_pointer (&move->in);
  ts_lab_worker_push (worker_of (move), free_cargo, NULL, job_drop, job);
}

static void
hear_list (TsLabMove *move, GBytes *list)
{
  g_autoptr (GError) error = NULL;
  TsLabCargo *cargo = ts_lab_cargo_unpack (list, move->vm->config, &error);
  if (!cargo || cargo->number != ts_handover_number (move->core)) {
    lost (move, error ? error->message : "a cargo of another move");
    ts_lab_cargo_free (cargo);
    return;
  }
  forget_in (move);
  move->in = cargo;
  Job *job = job_new (move, TS_ACTION_HAND_SETTLE);
  job->cargo = cargo;
  ts_lab_worker_push (worker_of (move), open_cargo, NULL, job_drop, job);
}

static void
hear_piece (TsLabMove *move, TsFrame *frame)
{
  Job *job = job_new (move, TS_ACTION_HAND_SETTLE);
  job->cargo = move->in;
  job->file = frame->disk;
  job->at_bytes = frame->offset_bytes;
  job->bytes = g_steal_pointer (&frame->payload);
  ts_lab_worker_push (worker_of (move), write_piece, NULL, job_drop, job);
}

static void
hear (TsLabMove *move, GBytes *message)
{
  g_autofree char *why_not = why_no_room (move);
  g_autofree char *peer = g_strdup (ts_lab_link_peer (move->link));
  TsHandoverEvent event = {
      .kind = TS_HANDOVER_HEARD, .peer = peer, .message = message, .why_not = why_not};
  step (move, &event);
}

static void
link_frame (TsLabLink *link, TsFrame *frame, gpointer user)
{
  TsLabMove *move = user;
  g_autoptr (GBytes) none = g_bytes_new_static ("", 0);
  GBytes *payload = frame->payload ? frame->payload : none;
  gboolean coming = ts_handover_stage (move->core) == TS_HANDOVER_IN && !move->in_whole;
  if (frame->kind == TS_FRAME_MESSAGE && frame->set == SET_HANDOVER && move->going)
    g_ptr_array_add (move->later, g_bytes_ref (payload));
  else if (frame->kind == TS_FRAME_MESSAGE && frame->set == SET_HANDOVER)
    hear (move, payload);
  else if (frame->kind == TS_FRAME_MESSAGE && coming)
    hear_list (move, payload);
  else if (frame->kind == TS_FRAME_COPY && coming && move->in)
    hear_piece (move, frame);
  else if (frame->kind == TS_FRAME_COPY_END && coming && move->in)
    move->in_whole = TRUE;
  else
    lost (move, "the peer says what does not belong here");
}

static const TsLabLinkEvents link_events = {link_connected, link_frame, link_lost};

static void
connect_peer (TsLabMove *move)
{
  const TsLabPeer *peer = ts_lab_host_config_peer (move->host->config, ts_handover_peer (move->core));
  hang_up (move);
  if (peer) /* else it is silent, and the core's patience ends */
    move->link = ts_lab_link_connect (peer->address, peer->port, peer->name, &move->host->credentials,
                                      CONNECT_US, &link_events, move);
}

gboolean
ts_lab_move_adopt (TsLabHost *host, TsLabLink *link, TsFrame *first)
{
  const TsLabPeer *peer = ts_lab_host_config_peer (host->config, ts_lab_link_peer (link));
  g_autofree char *name =
      first->payload && first->set == SET_HANDOVER ? ts_handover_message_vm (first->payload) : NULL;
  for (guint i = 0; peer && peer->same_cloud && name && i < host->vms->len; i++) {
    TsLabMove *move = ((TsLabVm *)host->vms->pdata[i])->move;
    if (!g_str_equal (name_of (move), name))
      continue;
    if (move->link)
      lost (move, "another connection has come");
    move->link = link;
    ts_lab_link_set_events (link, &link_events, move);
    link_frame (link, first, move);
    return TRUE;
  }
  return FALSE;
}

/* --- the giver: hold, carry ------------------------------------------------------------------- */

static void
sync_disks (gpointer data)
{
  Job *job = data;
  TsLabVm *vm = job->move->vm;
  for (guint i = 0; i < vm->config->disks && !job->error; i++) {
    g_autofree char *path = ts_lab_vm_data_path (vm, i);
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
      continue;
    if (fd < 0 || fsync (fd) < 0)
      ts_throw_errno (&job->error, "sync %s", path);
    if (fd >= 0)
      close (fd);
  }
}

static void
hold_still (TsLabMove *move)
{
  ts_lab_worker_push (worker_of (move), sync_disks, job_done, job_drop,
                      job_new (move, TS_ACTION_HAND_HOLD));
}

static void
hold (TsLabMove *move)
{
  TsLabVm *vm = move->vm;
  if (!vm->on) {
    hold_still (move);
    return;
  }
  move->holding = TRUE;
  if (move->host->control) /* our own guest is told by the runner, which goes on with its work later */
    ts_lab_control_send (move->host->control, "hold", g_variant_new ("(s)", name_of (move)), NULL);
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
  done (move, TS_ACTION_HAND_HOLD, error);
}

static void
forget_out (TsLabMove *move)
{
  if (!move->out)
    return;
  Job *job = job_new (move, TS_ACTION_HAND_CARRY);
  job->cargo = g_steal_pointer (&move->out);
  ts_lab_worker_push (worker_of (move), free_cargo, NULL, job_drop, job);
}

static void
carry_ends (TsLabMove *move, const GError *error)
{
  forget_out (move);
  done (move, TS_ACTION_HAND_CARRY, error);
}

static void
load (gpointer data)
{
  Job *job = data;
  ts_lab_cargo_load (job->cargo, job->move->vm, &job->error);
}

static void
loaded (gpointer data)
{
  Job *job = data;
  TsLabMove *move = job->move;
  if (!job->error && (!move->link || move->line != job->line))
    ts_throw (&job->error, TS_ERROR_LOST, "the connection is gone");
  if (job->error) {
    carry_ends (move, job->error);
    return;
  }
  g_autoptr (GBytes) list = ts_lab_cargo_pack (job->cargo);
  if (g_bytes_get_size (list) > TS_FRAME_PAYLOAD_MAX) {
    ts_throw (&job->error, TS_ERROR_FULL, "it has more logs than can be carried");
    carry_ends (move, job->error);
    return;
  }
  say (move, SET_CARGO, list);
  move->out_file = 0;
  move->out_at_bytes = 0;
  pump (move);
}

static void
carry (TsLabMove *move)
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
  Job *job = job_new (move, TS_ACTION_HAND_CARRY);
  job->cargo = cargo;
  ts_lab_worker_push (worker_of (move), load, loaded, job_drop, job);
}

/* The next data of the file from *at_bytes on, without what is a hole; NULL without error: there is no more. */
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
  Job *job = data;
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
  Job *job = data;
  TsLabMove *move = job->move;
  if (!job->error && (!move->link || move->line != job->line))
    ts_throw (&job->error, TS_ERROR_LOST, "the connection is gone");
  if (job->error) {
    carry_ends (move, job->error);
    return;
  }
  for (guint i = 0; i < job->pieces->len; i++) {
    const Piece *piece = job->pieces->pdata[i];
    TsFrame frame = {.kind = TS_FRAME_COPY,
                     .disk = (guint16)piece->file,
                     .set = SET_CARGO,
                     .offset_bytes = piece->at_bytes,
                     .payload = g_bytes_ref (piece->bytes)};
    ts_lab_link_send (move->link, &frame, FALSE);
    ts_frame_clear (&frame);
  }
  move->out_file = job->file;
  move->out_at_bytes = job->at_bytes;
  if (move->out_file < move->out->files->len) {
    pump (move);
    return;
  }
  TsFrame end = {.kind = TS_FRAME_COPY_END, .set = SET_CARGO};
  ts_lab_link_send (move->link, &end, FALSE);
  carry_ends (move, NULL);
}

static void
pump (gpointer user)
{
  TsLabMove *move = user;
  move->waiting = FALSE;
  if (move->link && ts_lab_link_waiting_bytes (move->link) > WAITING_MAX) {
    move->waiting = TRUE;
    ts_lab_timer_set (move->pump, now_of (move) + WAIT_US);
    return;
  }
  Job *job = job_new (move, TS_ACTION_HAND_CARRY);
  job->cargo = move->out;
  job->file = move->out_file;
  job->at_bytes = move->out_at_bytes;
  ts_lab_worker_push (worker_of (move), read_pieces, pieces_read, job_drop, job);
}

/* --- the giver: it stays, or is gone ---------------------------------------------------------- */

static gboolean
stay (gpointer user)
{
  TsLabMove *move = user;
  TsLabRelation *relation = ts_lab_host_relation (move->host, move->vm);
  if (move->held && !move->vm->on)
    ts_lab_vm_boot (move->vm);
  move->held = FALSE;
  if (relation) {
    TsEvent event = {.now_us = now_of (move), .kind = TS_EVENT_DONE};
    event.done.action = TS_ACTION_MOVE;
    event.done.reason = "the virtual machine stays";
    ts_lab_relation_step (relation, &event);
  }
  return G_SOURCE_REMOVE;
}

static void
go_away (gpointer data)
{
  Job *job = data;
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
  Job *job = data;
  job_complain (job);
  TsLabMove *move = job->move;
  move->going = FALSE;
  ts_lab_vm_forget_owner (move->vm);
  while (move->link && move->later->len > 0) {
    g_autoptr (GBytes) message = g_ptr_array_steal_index (move->later, 0);
    hear (move, message);
  }
}

static void
leave (TsLabMove *move)
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
    g_autofree char *path = ts_lab_path_state (&host->layout, host->config->name, name_of (move), kept[i]);
    if (g_unlink (path) < 0 && errno != ENOENT)
      g_printerr ("twinsite host: delete %s: %s\n", path, g_strerror (errno));
  }
  ts_lab_watch_forget_off (vm);
  vm->edited = FALSE;
  Job *job = job_new (move, TS_ACTION_HAND_LEAVE);
  ts_lab_worker_push (vm->worker, go_away, gone, job_drop, job);
}

/* --- the taker: settle, take ------------------------------------------------------------------ */

static void
settle (gpointer data)
{
  Job *job = data;
  TsLabMove *move = job->move;
  if (move->in_error)
    job->error = g_error_copy (move->in_error);
  else if (!job->cargo)
    ts_throw (&job->error, TS_ERROR_FORMAT, "nothing has come, or not all");
  else
    ts_lab_cargo_settle (job->cargo, move->vm, &job->error);
}

static void
scrap (gpointer data)
{
  Job *job = data;
  ts_lab_cargo_scrap (job->move->vm, &job->error);
}

/* On the VM's worker.  What was there before a crash of this host stays as it is. */
static void
put_in_place (gpointer data)
{
  Job *job = data;
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
  if (!job->resumed && (!ts_lab_vm_wrap (vm, &job->error) || !ts_lab_vm_define_home (vm, &job->error)))
    return;
  if (!job->resumed && cargo->tracked) {
    g_autoptr (GError) error = NULL; /* the next cut says that nothing is tracked */
    if (!ts_lab_vm_make_tracker (vm, &error) || !ts_lab_cargo_place (cargo, vm, "kept", &error) ||
        !ts_lab_tracker_take_aside (vm->tracker, &error))
      g_printerr ("twinsite host: what was tracked of %s is lost: %s\n", vm->config->name, error->message);
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
  Job *job = data;
  TsLabMove *move = job->move;
  TsLabVm *vm = move->vm;
  g_autoptr (TsLabCargo) cargo = job->cargo;
  gboolean started = job->start && !job->error;
  if (!job->placed) { /* it is ours, and not usable: what is missing is put in place by the next life */
    ts_lab_host_give_up (move->host, job->error);
    return;
  }
  vm->edited = FALSE;
  if (!started)
    ts_lab_watch_off (vm);
  if (cargo->relation && !job->resumed) {
    g_autoptr (GError) error = NULL;
    if (!take_relation (move, cargo, &error)) { /* it was whole when it was settled */
      g_prefix_error (&error, "the relation of %s that has come: ", name_of (move));
      ts_lab_host_give_up (move->host, error);
      return;
    }
  }
  TsLabRelation *relation = ts_lab_host_relation (move->host, vm);
  if (started)
    ts_lab_vm_is_on (vm, "moved");
  else if (relation && relation->sender)
    ts_lab_relation_machine (relation, FALSE);
  TsEvent tick = {.now_us = now_of (move), .kind = TS_EVENT_TICK};
  if (relation)
    ts_lab_relation_step (relation, &tick);
  ts_lab_worker_push (worker_of (move), scrap, job_complain, job_drop,
                      job_new (move, TS_ACTION_HAND_SCRAP));
  done (move, TS_ACTION_HAND_TAKE, job->error);
}

static void
take (TsLabMove *move)
{
  TsLabVm *vm = move->vm;
  g_autoptr (GError) error = NULL;
  forget_in (move);
  TsLabCargo *cargo = ts_lab_cargo_recall (vm, &error);
  if (!cargo) {
    g_autofree char *data = ts_lab_vm_data_path (vm, 0);
    if (g_file_test (data, G_FILE_TEST_EXISTS)) { /* all of it was done before a crash */
      ts_lab_worker_push (worker_of (move), scrap, job_complain, job_drop,
                          job_new (move, TS_ACTION_HAND_SCRAP)); /* perhaps not this */
      done (move, TS_ACTION_HAND_TAKE, NULL);
      return;
    }
    g_prefix_error (&error, "virtual machine %s: ", name_of (move));
    ts_lab_host_give_up (move->host, error);
    return;
  }
  if (*cargo->storage != '\0' && !vm->storage) /* before it is asked where the disks lie */
    vm->storage = g_strdup (cargo->storage);
  ts_lab_watch_forget_off (vm);
  Job *job = job_new (move, TS_ACTION_HAND_TAKE);
  job->cargo = cargo;
  job->start = ts_handover_was_on (move->core) && !vm->on;
  job->resumed = cargo->relation && ts_lab_host_relation (move->host, vm);
  ts_lab_worker_push (vm->worker, put_in_place, taken, job_drop, job);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void
keep (TsLabMove *move, GBytes *state)
{
  g_autofree char *path = kept_path (move);
  g_autoptr (GError) error = NULL;
  if (state)
    ts_lab_state_save (path, state, &error);
  else if (g_unlink (path) < 0 && errno != ENOENT)
    ts_throw_errno (&error, "delete %s", path);
  if (!error)
    return;
  g_prefix_error (&error, "where %s is cannot be kept: ", name_of (move));
  ts_lab_host_give_up (move->host, error);
}

static void
perform_now (TsLabMove *move, TsAction *action)
{
  switch ((int)action->kind) {
  case TS_ACTION_REPORT:
    ts_lab_host_report (move->host, g_steal_pointer (&action->record));
    return;
  case TS_ACTION_HAND_CONNECT:
    connect_peer (move);
    return;
  case TS_ACTION_HAND_HANG_UP:
    hang_up (move);
    return;
  case TS_ACTION_HAND_SAY:
    say (move, SET_HANDOVER, action->payload);
    return;
  case TS_ACTION_HAND_KEEP:
    keep (move, action->payload);
    return;
  case TS_ACTION_HAND_HOLD:
    hold (move);
    return;
  case TS_ACTION_HAND_CARRY:
    carry (move);
    return;
  case TS_ACTION_HAND_SETTLE: {
    Job *job = job_new (move, action->kind);
    job->cargo = move->in_whole ? move->in : NULL;
    ts_lab_worker_push (worker_of (move), settle, job_done, job_drop, job);
    return;
  }
  case TS_ACTION_HAND_TAKE:
    take (move);
    return;
  case TS_ACTION_HAND_LET_GO: /* perhaps within a step of its relation */
    g_idle_add (stay, move);
    return;
  case TS_ACTION_HAND_LEAVE:
    leave (move);
    return;
  case TS_ACTION_HAND_SCRAP:
    forget_in (move);
    ts_lab_worker_push (worker_of (move), scrap, job_complain, job_drop, job_new (move, action->kind));
    return;
  default:
    g_assert_not_reached ();
  }
}

static void
step (TsLabMove *move, TsHandoverEvent *event)
{
  g_autoptr (TsActions) out = ts_actions_new ();
  event->now_us = now_of (move);
  ts_handover_step (move->core, event, out);
  for (guint i = 0; i < out->len && move->host->status == 0; i++) {
    TsActionKind kind = g_array_index (out, TsAction, i).kind;
    ts_lab_host_moment (move->host, kind, TS_DEATH_BEFORE);
    perform_now (move, &g_array_index (out, TsAction, i));
    ts_lab_host_moment (move->host, kind, TS_DEATH_DURING);
    if (kind == TS_ACTION_HAND_KEEP)
      ts_lab_host_moment (move->host, kind, TS_DEATH_AFTER);
  }
  ts_lab_timer_set (move->timer, ts_handover_wake_us (move->core));
}

/* --- entry points ----------------------------------------------------------------------------- */

static void
tick (gpointer user)
{
  TsHandoverEvent event = {.kind = TS_HANDOVER_TICK};
  step (user, &event);
}

TsLabMove *
ts_lab_move_new (TsLabVm *vm)
{
  TsLabMove *move = g_new0 (TsLabMove, 1);
  move->host = vm->host;
  move->vm = vm;
  move->core = ts_handover_new (vm->config->name, vm->host->config->name);
  move->timer = ts_lab_timer_new (&vm->host->clock, tick, move);
  move->later = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  move->pump = ts_lab_timer_new (&vm->host->clock, pump, move);
  return move;
}

void
ts_lab_move_free (TsLabMove *move)
{
  if (!move)
    return;
  while (g_idle_remove_by_data (move)) {
  }
  ts_lab_link_free (move->link);
  ts_lab_timer_free (move->timer);
  ts_lab_timer_free (move->pump);
  ts_lab_worker_free (move->worker);
  ts_lab_cargo_free (move->out);
  ts_lab_cargo_free (move->in);
  g_clear_error (&move->in_error);
  g_ptr_array_unref (move->later);
  ts_handover_free (move->core);
  g_free (move);
}

gboolean
ts_lab_move_restore (TsLabMove *move, GError **error)
{
  g_autofree char *path = kept_path (move);
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) kept = ts_lab_state_load (path, &reason);
  if (kept) {
    TsHandover *core =
        ts_handover_restore (name_of (move), move->host->config->name, kept, &reason);
    if (core) {
      ts_handover_free (move->core);
      move->core = core;
    }
  }
  if (!reason)
    return TRUE;
  g_propagate_prefixed_error (error, g_steal_pointer (&reason), "%s: ", path);
  return FALSE;
}

void
ts_lab_move_resume (TsLabMove *move)
{
  TsHandoverStage stage = ts_handover_stage (move->core);
  if (stage != TS_HANDOVER_WHOLE && stage != TS_HANDOVER_TAKEN) /* what is not named is nothing */
    ts_lab_worker_push (move->vm->worker, scrap, job_complain, job_drop,
                        job_new (move, TS_ACTION_HAND_SCRAP));
  ts_lab_timer_set (move->timer, ts_handover_wake_us (move->core));
}

char *
ts_lab_move_why_not (const TsLabMove *move, const char *to)
{
  const TsLabHostConfig *config = move->host->config;
  const TsLabPeer *peer = ts_lab_host_config_peer (config, to);
  if (g_str_equal (to, config->name))
    return g_strdup_printf ("the virtual machine is on host %s already", to);
  if (!peer || !peer->same_cloud)
    return g_strdup_printf ("host %s is of another cloud", to);
  if (move->vm->base || move->vm->third)
    return g_strdup ("not of an extended relation");
  if (ts_handover_stage (move->core) != TS_HANDOVER_NONE)
    return g_strdup ("the last move of the virtual machine is not over");
  return NULL;
}

void
ts_lab_move_begin (TsLabMove *move, const char *to)
{
  TsLabRelation *relation = ts_lab_host_relation (move->host, move->vm);
  TsHandoverEvent event = {.kind = TS_HANDOVER_BEGIN,
                           .peer = to,
                           .replicated = relation != NULL,
                           .role = relation && relation->receiver ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY,
                           .was_on = move->vm->on};
  step (move, &event);
}

gboolean
ts_lab_move_forbids (const TsLabMove *move)
{
  return ts_handover_forbids (move->core);
}

const char *
ts_lab_move_went_to (const TsLabMove *move)
{
  return ts_handover_went_to (move->core);
}

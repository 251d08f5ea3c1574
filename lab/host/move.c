/* lab/host/move.c -- see move.h.  Twin of sim/move.c.
 *
 * Who has the VM is the core's (core/site/handover.h); here what it asks for is performed. */
#include "lab/host/move-internal.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/relation/move.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_US (15 * TS_S)

static void step (TsLabMove *move, TsHandoverEvent *event);

gint64
ts_lab_move_now_us (const TsLabMove *move)
{
  return ts_lab_host_now_us (move->host);
}

const char *
ts_lab_move_name (const TsLabMove *move)
{
  return move->vm->config->name;
}

static char *
kept_path (const TsLabMove *move)
{
  return ts_lab_path_state (&move->host->layout, move->host->config->name, ts_lab_move_name (move),
                            "handover");
}

TsLabWorker *
ts_lab_move_worker (TsLabMove *move)
{
  if (!move->worker)
    move->worker = ts_lab_worker_new ("move");
  return move->worker;
}

void
ts_lab_move_done (TsLabMove *move, TsActionKind action, const GError *error)
{
  ts_lab_host_moment (move->host, action, TS_DEATH_AFTER);
  TsHandoverEvent event = {.kind = TS_HANDOVER_DONE, .action = action, .ok = error == NULL};
  event.reason = error ? error->message : NULL;
  step (move, &event);
}

/* --- jobs ------------------------------------------------------------------------------------- */

void
ts_lab_move_job_drop (gpointer data)
{
  TsLabMoveJob *job = data;
  g_clear_pointer (&job->bytes, g_bytes_unref);
  g_clear_pointer (&job->pieces, g_ptr_array_unref);
  ts_lab_cargo_free (job->owned);
  g_clear_error (&job->error);
  g_free (job);
}

TsLabMoveJob *
ts_lab_move_job (TsLabMove *move, TsActionKind action)
{
  TsLabMoveJob *job = g_new0 (TsLabMoveJob, 1);
  job->move = move;
  job->line = move->line;
  job->action = action;
  return job;
}

void
ts_lab_move_job_done (gpointer data)
{
  TsLabMoveJob *job = data;
  ts_lab_move_done (job->move, job->action, job->error);
}

void
ts_lab_move_job_complain (gpointer data)
{
  TsLabMoveJob *job = data;
  if (job->error)
    g_printerr ("twinsite host: move of %s: %s\n", ts_lab_move_name (job->move),
                job->error->message);
}

static void
nothing (gpointer job)
{
}

void
ts_lab_move_free_later (TsLabMove *move, TsLabCargo *cargo)
{
  TsLabMoveJob *job = ts_lab_move_job (move, TS_ACTION_HAND_SCRAP);
  job->owned = cargo;
  ts_lab_worker_push (ts_lab_move_worker (move), nothing, NULL, ts_lab_move_job_drop, job);
}

/* --- the connection --------------------------------------------------------------------------- */

static void
hang_up (TsLabMove *move)
{
  move->line++;
  g_ptr_array_set_size (move->later, 0);
  g_clear_pointer (&move->link, ts_lab_link_free);
  if (move->waiting) /* to find that out */
    ts_lab_timer_set (move->pump, ts_lab_move_now_us (move));
}

void
ts_lab_move_lost (TsLabMove *move, const char *reason)
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
  ts_lab_move_lost (user, reason->message);
}

void
ts_lab_move_say (TsLabMove *move, guint64 set, GBytes *message)
{
  if (!move->link)
    return;
  TsFrame frame = {.kind = TS_FRAME_MESSAGE, .set = set, .payload = g_bytes_ref (message)};
  ts_lab_link_send (move->link, &frame, TRUE);
  ts_frame_clear (&frame);
}

void
ts_lab_move_hear (TsLabMove *move, GBytes *message)
{
  g_autofree char *why_not = ts_lab_take_why_no_room (move);
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
  if (frame->kind == TS_FRAME_MESSAGE && frame->set == TS_LAB_MOVE_HANDOVER && move->going)
    g_ptr_array_add (move->later, g_bytes_ref (payload));
  else if (frame->kind == TS_FRAME_MESSAGE && frame->set == TS_LAB_MOVE_HANDOVER)
    ts_lab_move_hear (move, payload);
  else if (frame->kind == TS_FRAME_MESSAGE && coming)
    ts_lab_take_list (move, payload);
  else if (frame->kind == TS_FRAME_COPY && coming && move->in)
    ts_lab_take_piece (move, frame);
  else if (frame->kind == TS_FRAME_COPY_END && coming && move->in)
    move->in_whole = TRUE;
  else
    ts_lab_move_lost (move, "the peer says what does not belong here");
}

static const TsLabLinkEvents link_events = {link_connected, link_frame, link_lost};

static void
connect_peer (TsLabMove *move)
{
  const TsLabPeer *peer =
      ts_lab_host_config_peer (move->host->config, ts_handover_peer (move->core));
  hang_up (move);
  if (peer) /* else it is silent, and the core's patience ends */
    move->link = ts_lab_link_connect (peer->address, peer->port, peer->name,
                                      &move->host->credentials, CONNECT_US, &link_events, move);
}

gboolean
ts_lab_move_adopt (TsLabHost *host, TsLabLink *link, TsFrame *first)
{
  const TsLabPeer *peer = ts_lab_host_config_peer (host->config, ts_lab_link_peer (link));
  g_autofree char *name = first->payload && first->set == TS_LAB_MOVE_HANDOVER
                              ? ts_handover_message_vm (first->payload)
                              : NULL;
  for (guint i = 0; peer && peer->same_cloud && name && i < host->vms->len; i++) {
    TsLabMove *move = ((TsLabVm *)host->vms->pdata[i])->move;
    if (!g_str_equal (ts_lab_move_name (move), name))
      continue;
    if (move->link)
      ts_lab_move_lost (move, "another connection has come");
    move->link = link;
    ts_lab_link_set_events (link, &link_events, move);
    link_frame (link, first, move);
    return TRUE;
  }
  return FALSE;
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
  g_prefix_error (&error, "where %s is cannot be kept: ", ts_lab_move_name (move));
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
    ts_lab_move_say (move, TS_LAB_MOVE_HANDOVER, action->payload);
    return;
  case TS_ACTION_HAND_KEEP:
    keep (move, action->payload);
    return;
  case TS_ACTION_HAND_HOLD:
    ts_lab_give_hold (move);
    return;
  case TS_ACTION_HAND_CARRY:
    ts_lab_give_carry (move);
    return;
  case TS_ACTION_HAND_SETTLE:
    ts_lab_take_settle (move);
    return;
  case TS_ACTION_HAND_TAKE:
    ts_lab_take (move);
    return;
  case TS_ACTION_HAND_LET_GO: /* perhaps within a step of its relation */
    g_idle_add (ts_lab_give_stay, move);
    return;
  case TS_ACTION_HAND_LEAVE:
    ts_lab_give_leave (move);
    return;
  case TS_ACTION_HAND_SCRAP:
    ts_lab_take_forget (move);
    ts_lab_take_scrap (move, ts_lab_move_worker (move));
    return;
  default:
    g_assert_not_reached ();
  }
}

static void
step (TsLabMove *move, TsHandoverEvent *event)
{
  g_autoptr (TsActions) out = ts_actions_new ();
  event->now_us = ts_lab_move_now_us (move);
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
  move->pump = ts_lab_timer_new (&vm->host->clock, ts_lab_give_pump, move);
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
        ts_handover_restore (ts_lab_move_name (move), move->host->config->name, kept, &reason);
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
    ts_lab_take_scrap (move, move->vm->worker);
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
                           .role =
                               relation && relation->receiver ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY,
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

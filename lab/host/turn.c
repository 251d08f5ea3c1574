/* lab/host/turn.c -- reverse replication: a relation, its VM and their files take the other part.  Twin
 * of sim/turn.c. */
#include "core/relation/turn.h"
#include "lab/host/host-internal.h"
#include <errno.h>
#include <glib/gstdio.h>

/* What is saved in the new part's file is durable by now.  With both there the sender's counts
 * (ts_lab_relation_restore): the old primary's until it is gone, the new one's at once. */
static void
forget_state (TsLabRelation *relation, const char *path)
{
  g_autoptr (GError) error = NULL;
  if (relation->host->status == 0 && g_unlink (path) < 0 && errno != ENOENT) {
    ts_throw_errno (&error, "delete %s", path);
    ts_lab_host_give_up (relation->host, error);
  }
}

static void
take_over (TsLabRelation *relation, const char *role, TsActions *out)
{
  TsLabHost *host = relation->host;
  ts_lab_watch_forget_off (relation->vm);
  relation->vm->edited = FALSE;
  g_autofree char *old = g_steal_pointer (&relation->state_path);
  relation->state_path =
      ts_lab_path_state (&host->layout, host->config->name, relation->vm->config->name, role);
  ts_lab_relation_perform (relation, out);
  forget_state (relation, old);
  ts_lab_relation_machine (relation, relation->vm->on);
  TsEvent tick = {.now_us = ts_lab_host_now_us (host), .kind = TS_EVENT_TICK};
  ts_lab_relation_step (relation, &tick);
}

/* --- the old primary -------------------------------------------------------------------------- */

/* On the storage worker, behind all that the sender has asked for; its VM is off. */
static void
leave (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  if (ts_lab_spool_drop (relation->spool, 0, &job->error))
    ts_lab_vm_leave (relation->vm, &job->error);
}

static void
become_replica (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  g_autoptr (TsActions) out = ts_actions_new ();
  if (job->error) {
    ts_lab_job_done (job);
    return;
  }
  ts_lab_source_measure_end (relation);
  relation->receiver = ts_turn_sender (relation->sender, ts_lab_host_now_us (relation->host), out);
  g_clear_pointer (&relation->sender, ts_sender_free);
  g_clear_pointer (&relation->output, ts_lab_worker_free);
  relation->apply = ts_lab_worker_new ("apply");
  relation->peer = NULL;
  take_over (relation, "receiver", out);
}

/* --- the new primary -------------------------------------------------------------------------- */

static void
settle_in (TsLabJob *job)
{
  ts_lab_watch_end (job->relation);
  ts_lab_spool_drop (job->relation->spool, 0, &job->error);
}

static void
become_primary (TsLabJob *job)
{
  TsLabRelation *relation = job->relation;
  g_autoptr (TsActions) out = ts_actions_new ();
  if (!job->error && !relation->peer)
    ts_throw (&job->error, TS_ERROR_STATE, "nobody has said with whom it is to replicate");
  if (job->error) {
    ts_lab_job_done (job);
    return;
  }
  TsSenderOptions options = ts_lab_relation_options (relation);
  relation->sender =
      ts_turn_receiver (relation->receiver, &options, ts_lab_host_now_us (relation->host), out);
  g_clear_pointer (&relation->receiver, ts_receiver_free);
  g_clear_pointer (&relation->apply, ts_lab_worker_free);
  relation->output = ts_lab_worker_new ("output");
  for (guint i = 0; i < relation->vm->config->disks; i++)
    relation->chain[i] = *ts_sender_chain (relation->sender, i);
  take_over (relation, "sender", out);
}

/* --- removing --------------------------------------------------------------------------------- */

static void
clear_out (TsLabJob *job)
{
  if (job->relation->receiver)
    ts_lab_watch_end (job->relation);
  ts_lab_spool_drop (job->relation->spool, 0, &job->error);
}

/* Not within a job of the relation's own. */
static gboolean
free_it (gpointer user)
{
  TsLabRelation *relation = user;
  TsLabHost *host = relation->host;
  const TsLabVm *vm = relation->vm;
  gboolean further = vm->base && relation->sender;
  TsRecord *removed = ts_turn_removed (relation->vm->config->name, host->config->name,
                                       ts_lab_relation_role (relation), ts_lab_host_now_us (host));
  g_ptr_array_remove (host->relations, relation);
  if (further)
    ts_lab_extended_tell (vm, FALSE);
  ts_lab_host_report (host, removed);
  return G_SOURCE_REMOVE;
}

static void
cleared_out (TsLabJob *job)
{
  ts_lab_job_complain (job);
  forget_state (job->relation, job->relation->state_path);
  g_idle_add (free_it, job->relation);
}

void
ts_lab_forget (TsLabRelation *relation, TsActionKind kind)
{
  TsAction forget = {.kind = kind};
  ts_lab_job_start (relation, &forget, relation->storage, clear_out, cleared_out);
}

void
ts_lab_turn (TsLabRelation *relation)
{
  TsAction turn = {.kind = TS_ACTION_TURN};
  if (relation->sender)
    ts_lab_job_start (relation, &turn, relation->storage, leave, become_replica);
  else
    ts_lab_job_start (relation, &turn, relation->storage, settle_in, become_primary);
}

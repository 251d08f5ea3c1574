/* sim/turn.c -- reverse replication: a relation and its VM's machines take the other part.  Twin of
 * lab/host/turn.c. */
#include "core/relation/turn.h"
#include "sim/internal.h"

/* The source's disks become the replica's: nothing but the relation holds them any more. */
static void
become_replica (TsSimRelation *rel, gint64 now_us, TsActions *out)
{
  TsSimMachine *source = rel->vm->source;
  rel->receiver = ts_turn_sender (rel->sender, now_us, out);
  g_clear_pointer (&rel->sender, ts_sender_free);
  source->tracker = NULL;
  g_clear_pointer (&source->owned, g_ptr_array_unref);
  g_clear_pointer (&rel->tracker, ts_sim_tracker_free);
  ts_sim_spool_drop_after (rel->spool, 0);
}

/* The copy is the source from now on, and the disks are its own. */
static void
become_primary (TsSimRelation *rel, gint64 now_us, TsActions *out)
{
  TsSimVm *vm = rel->vm;
  TsSenderOptions options = ts_sim_relation_options (rel->host, vm, vm->policy);
  rel->sender = ts_turn_receiver (rel->receiver, &options, now_us, out);
  g_clear_pointer (&rel->receiver, ts_receiver_free);
  g_ptr_array_add (vm->discarded, vm->source);
  vm->source = vm->copy ? g_steal_pointer (&vm->copy)
                        : ts_sim_machine_new (vm, rel->host, rel->disks); /* was never started */
  vm->source->is_copy = FALSE;
  vm->source->off_disks = NULL;
  vm->source->owned = g_ptr_array_ref (rel->disks);
  if (!rel->tracker) { /* or not since its start: the first cut will find that out */
    g_autofree char *name = g_strdup_printf ("hrl/%s@%s/turn/%" G_GINT64_FORMAT, vm->spec->name,
                                             rel->host->spec->name, now_us);
    rel->tracker = ts_sim_tracker_new (vm->spec->tracking, rel->disks, vm->world->topology->seed, name);
  }
  for (guint i = 0; i < rel->disks->len; i++)
    ts_sim_tracker_follow (rel->tracker, i, ts_sender_chain (rel->sender, i));
  vm->source->tracker = rel->tracker;
  vm->replica = vm->primary;
  vm->primary = rel->host->index;
  rel->peer = vm->replica;
  vm->forced = FALSE;
  vm->newest_point_us = -1;
  ts_sim_forget_images (vm); /* numbers of sets may begin anew */
}

void
ts_sim_turn (TsSimRelation *rel)
{
  gint64 now_us = ts_sim_now_us (rel->host->world);
  g_autoptr (TsActions) out = ts_actions_new ();
  gboolean to_primary = rel->receiver != NULL;
  if (to_primary)
    become_primary (rel, now_us, out);
  else
    become_replica (rel, now_us, out);
  rel->turning = TRUE; /* of the states between, which only files have, the lab's loop knows */
  ts_sim_relation_perform (rel, out);
  rel->turning = FALSE;
  if (to_primary)
    ts_sim_relation_machine (rel, rel->vm->source->on);
  TsEvent tick = {.now_us = now_us, .kind = TS_EVENT_TICK};
  ts_sim_relation_step (rel, &tick);
}

/* sim/extend.c -- extended replication (HVR reference 2.11): a replica's disks are the source of another
 * relation, and what is applied to them is what that one tracks. */
#include "core/relation/extend.h"
#include "sim/internal.h"

TsSimRelation *
ts_sim_extended (const TsSimRelation *rel)
{
  TsSimVm *third = rel->vm->third;
  TsSimRelation *further = third ? ts_sim_host_relation (rel->host, third) : NULL;
  return further && further->sender ? further : NULL;
}

TsSimRelation *
ts_sim_extended_replica (const TsSimRelation *rel)
{
  TsSimRelation *replica = rel->vm->base ? ts_sim_host_relation (rel->host, rel->vm->base) : NULL;
  return rel->sender && replica && replica->receiver ? replica : NULL;
}

gboolean
ts_sim_extended_goes_on (const TsSimHost *host, const TsSimVm *vm)
{
  const TsSimRelation *further = vm->third ? ts_sim_host_relation (host, vm->third) : NULL;
  return further && further->sender && !ts_sim_host_relation (host, vm);
}

void
ts_sim_extended_wrote (TsSimRelation *rel, guint disk, guint64 offset, guint64 len)
{
  TsSimRelation *further = ts_sim_extended (rel);
  if (further && disk < rel->disks->len)
    ts_sim_tracker_mark (further->tracker, disk, offset, len,
                         (guint32)(ts_sim_now_us (rel->host->world) / TS_S));
}

void
ts_sim_extended_applied (TsSimRelation *rel, guint64 set, guint32 disks)
{
  TsSimRelation *further = ts_sim_extended (rel);
  gboolean grown = FALSE;
  guint32 time_s = (guint32)(ts_sim_now_us (rel->host->world) / TS_S);
  for (guint d = 0; further && d < rel->disks->len; d++) {
    if (!(disks >> d & 1))
      continue;
    g_autoptr (GBytes) bytes = ts_sim_spool_get (rel->spool, set, d);
    g_autoptr (TsHrl) log = bytes ? ts_hrl_open (bytes, NULL) : NULL;
    for (guint64 i = 0; log && i < ts_hrl_count (log); i++) {
      TsHrlEntry entry = ts_hrl_entry (log, i);
      grown |= ts_sim_tracker_mark (further->tracker, d, entry.disk_offset_bytes, entry.len_bytes,
                                    time_s);
    }
  }
  if (grown)
    ts_sim_relation_tracked (further);
}

void
ts_sim_extended_spoil (TsSimRelation *rel)
{
  TsSimRelation *further = ts_sim_extended (rel);
  if (further) /* its next cut says so, and it asks for a resynchronization */
    ts_sim_tracker_stop (further->tracker);
}

char *
ts_sim_extend (TsSimVm *vm, const TsPolicy *policy)
{
  TsSimVm *base = vm->base;
  TsSimHost *host = ts_sim_host (vm->world, vm->primary);
  TsSimRelation *replica = host->up ? ts_sim_host_relation (host, base) : NULL;
  if (!replica || !replica->receiver || !replica->disks)
    return g_strdup_printf ("there is no replica of %s on %s", base->spec->name, host->spec->name);
  char *why = ts_extend_refusal (policy, base->policy, ts_receiver_state (replica->receiver));
  if (why)
    return why;
  g_ptr_array_unref (vm->source->disks);
  vm->source->disks = g_ptr_array_ref (replica->disks);
  return NULL;
}

void
ts_sim_extended_tell (TsSimVm *vm, gboolean on)
{
  TsSimRelation *replica = ts_sim_host_relation (ts_sim_host (vm->world, vm->primary), vm->base);
  TsEvent event = {.now_us = ts_sim_now_us (vm->world), .kind = TS_EVENT_EXTENDED, .machine = {on}};
  if (replica && replica->receiver)
    ts_sim_relation_step (replica, &event);
}

/* What a replica's machine knows of that it does not persist; and a `continue` that was cut off is done. */
void
ts_sim_extended_restored (TsSimHost *host)
{
  for (guint i = host->relations->len; i > 0; i--) {
    TsSimRelation *rel = g_ptr_array_index (host->relations, i - 1);
    if (!rel->receiver || !ts_sim_extended (rel))
      continue;
    if (ts_receiver_state (rel->receiver) == TS_STATE_DISABLED)
      ts_sim_host_forget (host, rel);
    else
      ts_sim_extended_tell (rel->vm->third, TRUE);
  }
}

/* CHOICE: what the copy has written since the failover was not tracked: the next cut says so, and the
 * relation asks for a resynchronization. */
void
ts_sim_extended_continue (TsSimRelation *rel)
{
  TsSimRelation *further = ts_sim_extended (rel);
  if (further && rel->vm->copy)
    rel->vm->copy->tracker = further->tracker;
}

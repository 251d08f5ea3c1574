/* sim/relation-initial.c -- initial replication: disks that are there already, and a copy that comes on a
 * medium.  Twin of lab/host/relation-initial.c. */
#include "core/base/error.h"
#include "sim/internal.h"

/* The disks of a relation that was removed here. */
TsSimRelation *
ts_sim_initial_removed (const TsSimHost *host, const TsSimVm *vm)
{
  TsSimRelation *old = NULL;
  for (guint i = 0; i < host->removed->len; i++) {
    TsSimRelation *other = g_ptr_array_index (host->removed, i);
    if (other->vm == vm && other->disks)
      old = other;
  }
  return old;
}

gboolean
ts_sim_initial_adopt (TsSimRelation *rel, GError **error)
{
  const TsHello *hello = ts_receiver_hello (rel->receiver);
  TsSimRelation *old = ts_sim_initial_removed (rel->host, rel->vm);
  if (!old)
    return ts_throw (error, TS_ERROR_STATE, "there is no copy of the virtual machine here");
  if (rel->vm->copy && rel->vm->copy->on && rel->vm->copy->host == rel->host)
    return ts_throw (error, TS_ERROR_STATE, "the copy of the virtual machine here is running");
  gboolean same = old->disks->len == hello->disks;
  for (guint i = 0; same && i < hello->disks; i++)
    same = hello->disk[i].excluded || ts_sim_disk_ops (g_ptr_array_index (old->disks, i))->size_bytes ==
           hello->disk[i].size_bytes;
  if (!same)
    return ts_throw (error, TS_ERROR_STATE, "the copy here has other disks");
  g_clear_pointer (&rel->disks, g_ptr_array_unref);
  rel->disks = g_ptr_array_ref (old->disks);
  return TRUE;
}

/* What an export writes is of one attempt. */
static TsSimMedium *
medium_of (TsSimRelation *rel, guint64 run)
{
  TsSimVm *vm = rel->vm;
  if (vm->exported && ts_sim_medium_run (vm->exported) != run)
    g_clear_pointer (&vm->exported, ts_sim_medium_unref);
  if (!vm->exported)
    vm->exported = ts_sim_medium_new (run, rel->disks);
  return vm->exported;
}

GBytes *
ts_sim_initial_export (TsSimRelation *rel, guint64 run, guint disk, guint64 offset_bytes,
                       guint32 len_bytes, GError **error)
{
  return ts_sim_medium_put (medium_of (rel, run), disk, g_ptr_array_index (rel->disks, disk),
                            offset_bytes, len_bytes, error);
}

void
ts_sim_initial_export_end (TsSimRelation *rel, guint64 run, GBytes *list)
{
  ts_sim_medium_end (medium_of (rel, run), list);
}

GBytes *
ts_sim_initial_list (TsSimRelation *rel, GError **error)
{
  GBytes *list = rel->vm->carried ? ts_sim_medium_list (rel->vm->carried) : NULL;
  if (!list)
    ts_throw (error, TS_ERROR_STATE, "no medium with a finished export has been brought here");
  return list;
}

GBytes *
ts_sim_initial_import (TsSimRelation *rel, guint disk, guint64 offset_bytes, guint32 len_bytes,
                       GError **error)
{
  ts_sim_watch_end (rel);
  return ts_sim_medium_get (rel->vm->carried, disk, g_ptr_array_index (rel->disks, disk),
                            offset_bytes, len_bytes, error);
}

void
ts_sim_initial_power_loss (TsSimVm *vm)
{
  if (vm->exported && !ts_sim_medium_list (vm->exported))
    g_clear_pointer (&vm->exported, ts_sim_medium_unref);
}

gboolean
ts_sim_initial_carry (TsSimVm *vm, TsSimVm *of, gboolean damaged)
{
  if (!of->exported || !ts_sim_medium_list (of->exported))
    return !damaged;
  ts_sim_medium_unref (vm->carried);
  vm->carried = damaged ? ts_sim_medium_copy (of->exported) : ts_sim_medium_ref (of->exported);
  return !damaged || ts_sim_medium_damage (vm->carried, 1) == 1;
}

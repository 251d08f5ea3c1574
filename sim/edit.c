/* sim/edit.c -- somebody writes to a machine's disks, or puts an older copy of them back, behind
 * everybody's back.  Twin of lab/world/world-edit.c. */
#include "core/disk/compare.h"
#include "sim/internal.h"

#define PIECE_BYTES (64 * 1024)

/* Its disks on that host; NULL with a reason. */
static GPtrArray *
disks_of (TsSimVm *vm, guint index, const char **why)
{
  TsSimHost *host = ts_sim_host (vm->world, index);
  TsSimRelation *rel = ts_sim_host_relation (host, vm);
  if (!rel)
    rel = ts_sim_initial_removed (host, vm); /* its disks are still there */
  GPtrArray *disks = vm->source->host == host && !vm->source->is_copy ? vm->source->disks
                     : rel                                            ? rel->disks
                                                                      : NULL;
  if (!disks)
    *why = "there are no disks of it on this host";
  else if ((vm->source->on && vm->source->host == host) ||
           (vm->copy && vm->copy->on && vm->copy->host == host))
    *why = "the virtual machine runs there";
  return *why ? NULL : disks;
}

/* A byte in each of so many blocks, evenly over all disks. */
static guint64
edit (GPtrArray *disks, guint64 edits)
{
  guint64 blocks = 0;
  for (guint i = 0; i < disks->len; i++)
    blocks += ts_sim_disk_ops (g_ptr_array_index (disks, i))->size_bytes / TS_COMPARE_BLOCK_BYTES;
  edits = MIN (edits, blocks);
  for (guint64 n = 0; n < edits; n++) {
    guint64 block = n * (blocks / edits);
    guint i = 0;
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (disks, 0));
    while (block >= disk->size_bytes / TS_COMPARE_BLOCK_BYTES) {
      block -= disk->size_bytes / TS_COMPARE_BLOCK_BYTES;
      disk = ts_sim_disk_ops (g_ptr_array_index (disks, ++i));
    }
    guint8 byte;
    guint64 at = block * TS_COMPARE_BLOCK_BYTES + 17;
    disk->ops->read (disk, at, &byte, 1, NULL);
    byte ^= 0xff;
    disk->ops->write (disk, at, &byte, 1, NULL);
    disk->ops->flush (disk, NULL);
  }
  return edits;
}

/* Returns how many blocks were others. */
static guint64
restore (GPtrArray *disks, GPtrArray *aside)
{
  guint64 blocks = 0;
  g_autofree guint8 *now = g_malloc (PIECE_BYTES), *then = g_malloc (PIECE_BYTES);
  for (guint i = 0; i < disks->len; i++) {
    TsDisk *disk = ts_sim_disk_ops (g_ptr_array_index (disks, i));
    TsDisk *old = ts_sim_disk_ops (g_ptr_array_index (aside, i));
    for (guint64 at = 0; at < disk->size_bytes; at += PIECE_BYTES) {
      guint64 len = MIN (disk->size_bytes - at, PIECE_BYTES);
      disk->ops->read (disk, at, now, len, NULL);
      old->ops->read (old, at, then, len, NULL);
      if (memcmp (now, then, len) == 0)
        continue;
      for (guint64 b = 0; b < len; b += TS_COMPARE_BLOCK_BYTES)
        blocks += memcmp (now + b, then + b, MIN (len - b, TS_COMPARE_BLOCK_BYTES)) != 0;
      disk->ops->write (disk, at, then, len, NULL);
    }
    disk->ops->flush (disk, NULL);
  }
  return blocks;
}

void
ts_sim_edit (TsSimVm *vm, const TsOrder *order)
{
  TsWorld *world = vm->world;
  const char *why = NULL, *verb = ts_verb_name (order->verb);
  GPtrArray *disks = disks_of (vm, (guint)order->host, &why);
  if (!why && order->verb == TS_DO_RESTORE_DISKS &&
      (!vm->aside || vm->aside_host != (guint)order->host || vm->aside->len != disks->len))
    why = "no copy of these disks was put aside";
  if (why) {
    ts_sim_report_step (world, order->step, verb, "failed", why);
    return;
  }
  if (order->verb == TS_DO_KEEP_DISKS) {
    g_clear_pointer (&vm->aside, g_ptr_array_unref);
    vm->aside = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
    vm->aside_host = (guint)order->host;
    for (guint i = 0; i < disks->len; i++)
      g_ptr_array_add (vm->aside, ts_sim_disk_snapshot (g_ptr_array_index (disks, i)));
  } else {
    ts_sim_tell_fault (world, order->step, verb, vm->spec->name,
                       ts_sim_host (world, (guint)order->host)->spec->name);
    guint64 blocks = order->verb == TS_DO_EDIT_DISK
                         ? edit (disks, order->amount_bytes / TS_COMPARE_BLOCK_BYTES)
                         : restore (disks, vm->aside);
    ts_sim_tell_evidence (world, order->step, verb, vm->spec->name, "blocks changed", blocks);
  }
  ts_sim_report_step (world, order->step, verb, "done", "");
}

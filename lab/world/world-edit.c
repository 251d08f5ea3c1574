/* lab/world/world-edit.c -- somebody writes to a machine's disks, or puts an older copy of them back,
 * behind everybody's back.  Twin of sim/edit.c. */
#include "core/base/error.h"
#include "core/disk/compare.h"
#include "core/base/units.h"
#include "lab/command.h"
#include "lab/machine/disk.h"
#include "lab/world/world-internal.h"

static gboolean
edit_block (const char *path, guint64 block, GError **error)
{
  guint8 byte;
  guint64 at = block * TS_COMPARE_BLOCK_BYTES + 17;
  g_autoptr (TsDisk) disk = ts_lab_disk_open (path, TRUE, error);
  if (!disk || !disk->ops->read (disk, at, &byte, 1, error))
    return FALSE;
  byte ^= 0xff;
  return disk->ops->write (disk, at, &byte, 1, error) && disk->ops->flush (disk, error);
}

static gboolean
is_off (TsWorld *world, const TsOrder *order, GError **error)
{
  TsLabGuest *guest = ts_lab_guest_at (world, (guint)order->vm, (guint)order->host);
  if (guest && guest->power_lost_us == TS_NEVER && guest->channel)
    return ts_throw (error, TS_ERROR_STATE, "the virtual machine runs there");
  return TRUE;
}

gboolean
ts_lab_fault_edit_disk (TsWorld *world, const TsOrder *order, guint64 *edited, GError **error)
{
  const TsVmSpec *vm = ts_topology_vm (world->topology, (guint)order->vm);
  guint64 blocks = 0, edits = order->amount_bytes / TS_COMPARE_BLOCK_BYTES;
  if (!is_off (world, order, error))
    return FALSE;
  for (guint i = 0; i < vm->disks->len; i++)
    blocks += ts_vm_spec_disk (vm, i)->size_bytes / TS_COMPARE_BLOCK_BYTES;
  edits = MIN (edits, blocks);
  for (*edited = 0; *edited < edits; (*edited)++) {
    guint64 block = *edited * (blocks / edits);
    guint i = 0;
    while (block >= ts_vm_spec_disk (vm, i)->size_bytes / TS_COMPARE_BLOCK_BYTES)
      block -= ts_vm_spec_disk (vm, i++)->size_bytes / TS_COMPARE_BLOCK_BYTES;
    g_autofree char *path = ts_lab_world_plain_path (world, (guint)order->vm, (guint)order->host,
                                                     ts_vm_spec_disk (vm, i)->name);
    if (!edit_block (path, block, error))
      return FALSE;
  }
  return TRUE;
}

/* --- an older copy ---------------------------------------------------------------------------- */

#define COPY_US (5 * TS_MIN)

/* Not ".aside": that is a disk's own name while it is wrapped (lab/machine/disk.c), and whoever finds it takes it
 * for one that a crash has left. */
static char *
aside_path (const char *path)
{
  return g_strconcat (path, ".kept", NULL);
}

static gboolean
copy_file (const char *from, const char *to, GError **error)
{
  const char *const argv[] = {"cp", "--sparse=always", from, to, NULL};
  return ts_lab_command (argv, "coreutils", COPY_US, NULL, error);
}

gboolean
ts_lab_fault_keep_disks (TsWorld *world, const TsOrder *order, GError **error)
{
  const TsVmSpec *vm = ts_topology_vm (world->topology, (guint)order->vm);
  for (guint i = 0; i < vm->disks->len; i++) {
    g_autofree char *path = ts_lab_world_plain_path (world, (guint)order->vm, (guint)order->host,
                                                     ts_vm_spec_disk (vm, i)->name);
    g_autofree char *aside = aside_path (path);
    if (!is_off (world, order, error) || !copy_file (path, aside, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ts_lab_fault_restore_disks (TsWorld *world, const TsOrder *order, guint64 *blocks, GError **error)
{
  const TsVmSpec *vm = ts_topology_vm (world->topology, (guint)order->vm);
  for (guint i = 0; i < vm->disks->len; i++) {
    guint64 bytes = 0;
    g_autofree char *path = ts_lab_world_plain_path (world, (guint)order->vm, (guint)order->host,
                                                     ts_vm_spec_disk (vm, i)->name);
    g_autofree char *aside = aside_path (path);
    if (!g_file_test (aside, G_FILE_TEST_EXISTS))
      return ts_throw (error, TS_ERROR_STATE, "no copy of these disks was put aside");
    if (!is_off (world, order, error) || !ts_lab_disk_compare (path, aside, &bytes, error) ||
        !copy_file (aside, path, error))
      return FALSE;
    *blocks += (bytes + TS_COMPARE_BLOCK_BYTES - 1) / TS_COMPARE_BLOCK_BYTES;
  }
  return TRUE;
}

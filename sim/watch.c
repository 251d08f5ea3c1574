/* sim/watch.c -- has anybody but us written to the replica's disks?  Twin of lab/host/watch.c.
 *
 * HVR reference 2.9 asks for a resynchronization when the replica was restored, reverted or imported
 * from an older copy; how that is found out is SILENT.  CHOICE: writes are counted, and looked at
 * before each set is applied and before a resynchronization is merged.  The count that is known outlives
 * the host's crashes, and our own writes are in it as they are made. */
#include "core/base/error.h"
#include "sim/internal.h"

void
ts_sim_watch_begin (TsSimRelation *rel)
{
  rel->watching = TRUE;
  for (guint i = 0; i < rel->disks->len; i++)
    rel->known_writes[i] = ts_sim_disk_writes (g_ptr_array_index (rel->disks, i));
}

void
ts_sim_watch_wrote (TsSimRelation *rel, guint disk)
{
  rel->known_writes[disk] = ts_sim_disk_writes (g_ptr_array_index (rel->disks, disk));
}

void
ts_sim_watch_end (TsSimRelation *rel)
{
  rel->watching = FALSE;
}

gboolean
ts_sim_watch_look (TsSimRelation *rel, guint32 held, GError **error)
{
  for (guint i = 0; rel->watching && i < rel->disks->len; i++)
    if ((held >> i & 1) &&
        ts_sim_disk_writes (g_ptr_array_index (rel->disks, i)) != rel->known_writes[i])
      return ts_throw (error, TS_ERROR_STATE, "disk %u of the replica was changed behind our back",
                       i);
  return TRUE;
}

/* --- the primary's, while its machine is off (HVR 2.9: mounted, edited, patched, restored) -------
 *
 * CHOICE: looked at whenever a cycle cuts, and when the machine is started. */

void
ts_sim_watch_off (TsSimMachine *machine)
{
  machine->off_disks = machine->disks;
  for (guint i = 0; i < machine->disks->len; i++)
    machine->off_writes[i] = ts_sim_disk_writes (g_ptr_array_index (machine->disks, i));
}

void
ts_sim_watch_source (TsSimMachine *machine)
{
  if (machine->off_disks != machine->disks)
    return;
  for (guint i = 0; i < machine->disks->len; i++)
    machine->edited |=
        ts_sim_disk_writes (g_ptr_array_index (machine->disks, i)) != machine->off_writes[i];
}

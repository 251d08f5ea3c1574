/* A planned failover loses nothing: when the copy takes over, its disks that are
 * replicated are the source's disks. */
#include "sim/internal.h"

static char *
look (TsSimVm *vm)
{
  TsWorld *world = vm->world;
  if (vm->replica == G_MAXUINT)
    return NULL;
  TsSimRelation *from = ts_sim_host_relation (ts_sim_host (world, vm->primary), vm);
  TsSimRelation *to = ts_sim_host_relation (ts_sim_host (world, vm->replica), vm);
  if (!from || !from->sender || ts_sender_state (from->sender) != TS_STATE_PREPARED || !to ||
      !to->receiver || ts_receiver_state (to->receiver) != TS_STATE_RECOVERED || !vm->copy ||
      vm->copy->life != 1 || vm->copy->ready)
    return NULL; /* looked at while the copy boots: before its first write, after its last chance */
  for (guint d = 0; d < to->disks->len; d++) {
    if (!(ts_sender_disks (from->sender) >> d & 1))
      continue; /* it is left out: the copy has an empty one */
    guint64 differing = ts_sim_disk_differing_bytes (g_ptr_array_index (from->disks, d),
                                                     g_ptr_array_index (to->disks, d));
    if (differing > 0)
      return g_strdup_printf ("%" G_GUINT64_FORMAT " bytes of disk %u of %s differ after a planned "
                              "failover",
                              differing, d, vm->spec->name);
  }
  return NULL;
}

const TsSimCheck ts_sim_check_planned_loses_nothing = {"planned-loses-nothing", look, NULL};

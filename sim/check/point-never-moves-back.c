/* No recovery point is lost that policy keeps: the newest one's instant never moves back. */
#include "sim/internal.h"

static char *
look (TsSimVm *vm)
{
  TsWorld *world = vm->world;
  if (vm->replica == G_MAXUINT)
    return NULL;
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (world, vm->replica), vm);
  if (!rel || !rel->receiver || !rel->host->up) /* what was in memory is gone */
    return NULL;
  gint64 point_us = ts_receiver_point_us (rel->receiver);
  if (point_us < vm->newest_point_us)
    return g_strdup_printf ("the newest point of %s went from %" G_GINT64_FORMAT
                            " us back to %" G_GINT64_FORMAT " us",
                            vm->spec->name, vm->newest_point_us, point_us);
  vm->newest_point_us = point_us;
  return NULL;
}

const TsSimCheck ts_sim_check_point_never_moves_back = {"point-never-moves-back", look, NULL};

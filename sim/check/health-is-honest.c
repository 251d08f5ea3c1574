/* Health never says Normal over stale data: with the primary's health Normal, the newest point at
 * the other site is not older than the limit of HVR reference 5.2 (1 h, scaled with the interval).
 */
#include "core/base/units.h"
#include "core/relation/sender-internal.h"
#include "sim/internal.h"

static char *
look (TsWorld *world)
{
  gint64 now_us = ts_sim_now_us (world);
  for (guint i = 0; i < world->vms->len; i++) {
    TsSimVm *vm = ts_sim_vm (world, i);
    if (vm->replica == G_MAXUINT || !ts_sim_host (world, vm->primary)->up)
      continue;
    TsSimRelation *from = ts_sim_host_relation (ts_sim_host (world, vm->primary), vm);
    if (!from || !from->sender || ts_sender_health (from->sender) != TS_HEALTH_NORMAL ||
        ts_sender_state (from->sender) != TS_STATE_REPLICATING)
      continue;
    gint64 interval_us = from->sender->interval_us;
    /* The limit runs from the last acknowledgement; that point was cut up to a transfer before. */
    gint64 limit_us = 12 * interval_us + 2 * interval_us;
    if (vm->newest_point_us >= 0 && now_us - vm->newest_point_us > limit_us)
      return g_strdup_printf ("health of %s is Normal, its newest point is %" G_GINT64_FORMAT
                              " us old",
                              vm->spec->name, now_us - vm->newest_point_us);
  }
  return NULL;
}

const TsSimCheck ts_sim_check_health_is_honest = {"health-is-honest", look};

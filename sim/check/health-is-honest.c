/* Health never says Normal over stale data: with the primary's health Normal, the newest point at
 * the other site is not older than the limit of HVR reference 5.2 (1 h, scaled with the interval).
 */
#include "core/base/units.h"
#include "core/relation/sender-internal.h"
#include "sim/internal.h"

/* When the newest point will be too old; TS_NEVER: health does not say Normal, or nothing asks. */
static gint64
due_us (const TsSimVm *vm)
{
  TsWorld *world = vm->world;
  if (vm->replica == G_MAXUINT || vm->newest_point_us < 0 || !ts_sim_host (world, vm->primary)->up)
    return TS_NEVER;
  TsSimRelation *from = ts_sim_host_relation (ts_sim_host (world, vm->primary), vm);
  if (!from || !from->sender || ts_sender_health (from->sender) != TS_HEALTH_NORMAL ||
      ts_sender_state (from->sender) != TS_STATE_REPLICATING)
    return TS_NEVER;
  gint64 interval_us = from->sender->interval_us;
  /* The limit runs from the last acknowledgement; that point was cut up to a transfer before. */
  return vm->newest_point_us + 12 * interval_us + 2 * interval_us;
}

static char *
look (TsSimVm *vm)
{
  gint64 now_us = ts_sim_now_us (vm->world);
  if (now_us <= due_us (vm))
    return NULL;
  return g_strdup_printf ("health of %s is Normal, its newest point is %" G_GINT64_FORMAT " us old",
                          vm->spec->name, now_us - vm->newest_point_us);
}

const TsSimCheck ts_sim_check_health_is_honest = {"health-is-honest", look, due_us};

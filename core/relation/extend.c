#include "core/relation/extend.h"
#include "core/base/units.h"

char *
ts_extend_refusal (const TsPolicy *policy, const TsPolicy *primary, TsState replica)
{
  if (replica != TS_STATE_REPLICATING) /* CHOICE: its disks have to be of one instant */
    return g_strdup_printf ("a replica in state '%s' cannot be extended", ts_state_name (replica));
  if (policy->frequency_us < 300 * TS_S)
    return g_strdup ("extended replication has an interval of 5 or 15 minutes");
  if (policy->frequency_us < primary->frequency_us)
    return g_strdup ("extended replication cannot be more frequent than that of the primary");
  if (policy->app_consistent_us != 0)
    return g_strdup ("extended replication has no application-consistent recovery points");
  return NULL;
}

/* Its source has no machine that could be switched, and its disks are the replica's.  CHOICE: so it is
 * neither planned nor reversed; `continue` is the way on. */
const char *
ts_extend_order_refusal (const TsOrder *order)
{
  gboolean planned = order->verb == TS_DO_FAILOVER && order->planned;
  if (planned || order->verb == TS_DO_REVERSE || order->verb == TS_DO_POWER_ON ||
      order->verb == TS_DO_POWER_OFF ||
      (order->verb == TS_DO_RESIZE_DISK && order->sides != TS_SIDES_REPLICA))
    return "not of an extended relation";
  return NULL;
}

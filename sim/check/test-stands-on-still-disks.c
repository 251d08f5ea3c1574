/* While a test VM runs, nothing is applied to the replica disks that it stands on. */
#include "sim/internal.h"

static char *
look (TsSimVm *vm)
{
  if (!vm->test || !vm->test->on)
    return NULL;
  const TsReceiver *receiver = ts_sim_host_relation (vm->test->host, vm)->receiver;
  guint64 set;
  gint64 instant_us;
  if (!ts_receiver_test (receiver, &set, &instant_us))
    return g_strdup_printf ("a test VM of %s runs, and its replica does not know", vm->spec->name);
  guint64 base = ts_receiver_test_base (receiver);
  if (ts_receiver_applied_set (receiver) != base)
    return g_strdup_printf ("the test VM of %s stands on disks of set %" G_GUINT64_FORMAT
                            ", and set %" G_GUINT64_FORMAT " has been applied below it",
                            vm->spec->name, base, ts_receiver_applied_set (receiver));
  return NULL;
}

const TsSimCheck ts_sim_check_test_stands_on_still_disks = {"test-stands-on-still-disks", look,
                                                            NULL};

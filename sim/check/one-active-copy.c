/* At most one copy of a VM runs, unless the operator forced a failover while the source ran.  The
 * VM of a test failover is isolated: it is no active copy. */
#include "sim/internal.h"

static gboolean
runs (const TsSimMachine *machine)
{
  return machine->on && !machine->held;
}

/* Of those that have moved away or were thrown away, none does. */
static const TsSimMachine *
ghost (const TsSimVm *vm)
{
  for (guint i = 0; i < vm->discarded->len; i++)
    if (runs (vm->discarded->pdata[i]))
      return vm->discarded->pdata[i];
  return NULL;
}

static char *
look (TsSimVm *vm)
{
  if (vm->base && vm->copy && vm->copy->on && !vm->forced && ts_sim_vm_runs (vm->base, NULL))
    return g_strdup_printf ("%s runs, and its third copy on %s", vm->base->spec->name,
                            vm->copy->host->spec->name);
  const TsSimMachine *other = ghost (vm);
  if (other)
    return g_strdup_printf ("%s runs on %s, which it has left", vm->spec->name, other->host->spec->name);
  if (vm->source->on && vm->copy && vm->copy->on && !vm->forced)
    return g_strdup_printf ("%s runs on %s and on %s", vm->spec->name, vm->source->host->spec->name,
                            vm->copy->host->spec->name);
  return NULL;
}

const TsSimCheck ts_sim_check_one_active_copy = {"one-active-copy", look, NULL};

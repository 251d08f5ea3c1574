/* What the primary was told is stored, the replica has, also after it lost power: the primary has
 * deleted those logs. */
#include "core/relation/sender-internal.h"
#include "sim/internal.h"

static char *
look (TsSimVm *vm)
{
  TsWorld *world = vm->world;
  if (vm->replica == G_MAXUINT)
    return NULL;
  TsSimRelation *from = ts_sim_host_relation (ts_sim_host (world, vm->primary), vm);
  TsSimRelation *to = ts_sim_host_relation (ts_sim_host (world, vm->replica), vm);
  if (!from || !from->sender || !to || !to->receiver)
    return NULL;
  guint64 stored = ts_receiver_stored_set (to->receiver);
  if (from->sender->stored > stored)
    return g_strdup_printf ("the primary of %s was told that set %" G_GUINT64_FORMAT
                            " is stored; the replica has %" G_GUINT64_FORMAT,
                            vm->spec->name, from->sender->stored, stored);
  return NULL;
}

const TsSimCheck ts_sim_check_acknowledged_survives = {"acknowledged-survives", look, NULL};

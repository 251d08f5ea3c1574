#include "scenarios/cli/engines.h"
#include "core/base/error.h"
#include "sim/world.h"
#ifdef TS_HAVE_LAB
#include "lab/world/world.h"
#define LAB_OPS ts_lab_world_ops
#else
#define LAB_OPS NULL
#endif

static const struct {
  const char *name;
  const TsWorldOps *(*ops) (void);
} engines[] = {
    {"sim", ts_sim_world_ops},
    {"lab", LAB_OPS},
};

const TsWorldOps *
ts_engine_find (const char *name, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (engines); i++)
    if (g_str_equal (engines[i].name, name) && engines[i].ops != NULL)
      return engines[i].ops ();
  ts_throw (error, TS_ERROR_UNAVAILABLE,
            "this twinsite was built without the %s; build it with "
            "-DTS_LAB=ON",
            name);
  return NULL;
}

/* scenarios/cli/engines.h -- the engines there are, by name: the only place that knows both. */
#pragma once
#include "core/seam/world.h"

/* NULL with TS_ERROR_UNAVAILABLE: this program was built without it. */
const TsWorldOps *ts_engine_find (const char *name, GError **error);

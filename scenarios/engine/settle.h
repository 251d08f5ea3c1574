/* scenarios/engine/settle.h -- what is done after a scenario's last step, without its writing it
 * down.
 *
 * Faults that are left are healed; then every protected VM must be replicating and healthy, its
 * workload rests, everything it wrote is cut and applied, and both sides' disks are compared. */
#pragma once
#include "scenarios/engine/scenario.h"

/* TsStep *, owned by the array; each begins when the one before it is done. */
GPtrArray *ts_settle_steps (const TsScenario *scenario) G_GNUC_WARN_UNUSED_RESULT;
/* Is the VM protected by a step of the scenario?  Then settling compares its disks. */
gboolean ts_settle_concerns (const TsScenario *scenario, guint vm);

/* scenarios/engine/scenario-management.h -- the part of a scenario that says who manages its hosts:
 * vault, VMM servers, clouds, networks, storage, recovery plans, scripts. */
#pragma once
#include "scenarios/engine/scenario.h"

/* root has been checked; the scenario's topology has its sites, hosts, machines and policies.
 * Nothing is made without a `vault`; then nothing of the rest may be there.  Problems are told. */
void ts_scenario_build_management (TsScenario *scenario, const TsYaml *root, TsProblems *problems);
/* Can this step's order be given to what there is?  Problems are told. */
void ts_scenario_check_managed_order (TsScenario *scenario, const TsStep *step, const TsYaml *node,
                                      TsProblems *problems);

/* scenarios/engine/count.h -- many machines of one kind, written once.
 *
 * `vms: {app: {count: 3, ...}}` stands for app-1, app-2 and app-3, all alike.  A workload of app is
 * one for each, with the same endings; a step with `vm: app` is one for each, all begun when the
 * one would have begun, and what waits for the step waits for the last of them. */
#pragma once
#include "scenarios/engine/yaml.h"

/* root: checked against the schema.  Returns the same with every count written out, the caller's;
 * NULL when nothing is counted. */
TsYaml *ts_count_expand (const TsYaml *root);

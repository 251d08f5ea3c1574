/* scenarios/engine/scenario-build.h -- what the parts of the reader share: `scenario.c` (head,
 * expectations, the whole), `scenario-topology.c` (what there is), `scenario-steps.c` (what
 * happens).
 *
 * The schema has looked at each value before; here it is what several values are to each other. */
#pragma once
#include "scenarios/engine/scenario.h"

typedef struct {
  TsScenario *scenario; /* being made */
  TsProblems *problems;
  const TsYaml *root; /* checked, counts written out */
} TsBuild;

void ts_build_tell (TsBuild *build, const TsYaml *node, const char *format, ...)
    G_GNUC_PRINTF (3, 4);
const char *ts_build_text (const TsYaml *map, const char *key); /* the tree's; NULL: not there */
/* Where a value of this key stands in the section's map; it does (checked before). */
guint ts_build_index (TsBuild *build, const char *section, const char *name);
guint ts_build_choice (const char *const *choices, const char *text);
TsInitial ts_build_initial (const char *text); /* NULL: the policy's */

void ts_build_topology (TsBuild *build);
void ts_build_step (TsBuild *build, const TsYaml *node);
/* Do steps wait for each other?  All must have been read without a problem. */
void ts_build_check_cycles (TsBuild *build);

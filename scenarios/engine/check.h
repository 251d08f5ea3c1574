/* scenarios/engine/check.h -- does a tree say what the schema allows?  And its defaults, filled in.
 *
 * Afterwards every value is of its type and every reference points to something; what concerns
 * several values at once (a disk's fill against its size, cycles in `after`) is scenario.c's. */
#pragma once
#include "scenarios/engine/yaml.h"

/* FALSE: told in problems.  root is changed: defaults are added, "key:" becomes an empty map or
 * list where one belongs. */
gboolean ts_schema_check (TsYaml *root, TsProblems *problems);
/* The same for a file of another kind: root is a map of that section ("sweep"). */
gboolean ts_schema_check_as (TsYaml *root, const char *section, TsProblems *problems);

/* Changes one value before the check: "links.wan.rate=10Mbit/s", "steps.dark.after.by=60s",
 * "expect.rpo.max=5s" (a list's maps are named by their id), "tags=[a]" is not possible: scalars
 * only.  Every part but the last must be there.  TS_ERROR_ARGUMENT. */
gboolean ts_yaml_assign (TsYaml *root, const char *assignment, GError **error);

/* Before the check: root's expect, must_fail and allow become those of the file, which holds
 * nothing else or is a scenario.  FALSE: told in problems, which are the file's. */
gboolean ts_yaml_take_expectations (TsYaml *root, const char *path, TsProblems *problems);

/* Likewise root's sim. */
gboolean ts_yaml_take_profile (TsYaml *root, const char *path, TsProblems *problems);
/* Is that map one of the section, by itself?  Its defaults are added. */
gboolean ts_schema_check_section (TsYaml *map, const char *section, TsProblems *problems);

/* Any bytes as a sweep's file: a sweep or problems with places, never both, never neither; its
 * points are allowed ones; written out it is the same sweep.  And as a cell's file: a cell that is
 * written out the same, or an error. */
#include <stdint.h>
#include <string.h>
#include "scenarios/engine/grid.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);
const char *__lsan_default_suppressions (void);

static const char base[] =
    "scenario: 1\nname: small\nsites: {a: {}, b: {}}\nhosts: {ha: {site: a}, hb: {site: b}}\n"
    "vms: {app: {host: ha, disks: {data: {size: 1MiB}}}}\n"
    "links: {wan: {between: [a, b], rate: 8Mbit/s}}\npolicies: {gold: {frequency: 30s}}\n"
    "steps:\n- {id: protect, do: protect, vm: app, policy: gold, to: hb}\n"
    "- {id: later, wait: {cycles: 1, vm: app}, within: 10m, after: {step: protect, by: 1s}}\n";

/* see fuzz-scenario.c */
const char *
__lsan_default_suppressions (void)
{
  return "leak:libfyaml.so";
}

static void
play_sweep (const char *text, size_t len)
{
  g_autoptr (TsProblems) problems = ts_problems_new ("f");
  g_autoptr (TsSweep) sweep = ts_sweep_parse ("f", text, len, base, sizeof base - 1, problems);
  g_autofree char *told = ts_problems_format (problems);
  g_assert ((sweep != NULL) != ts_problems_any (problems));
  g_assert (g_utf8_validate (told, -1, NULL));
  if (sweep == NULL)
    return;
  g_autofree char *written = ts_sweep_format (sweep, "b");
  g_autoptr (TsProblems) none = ts_problems_new ("f");
  g_autoptr (TsSweep) again =
      ts_sweep_parse ("f", written, strlen (written), base, sizeof base - 1, none);
  g_assert (again != NULL);
  g_autofree char *written_again = ts_sweep_format (again, "b");
  g_assert (g_str_equal (written, written_again));
  /* many axes are slow in pairs, and no more than that */
  guint values = 0;
  for (guint i = 0; i < sweep->space->axes; i++)
    values += sweep->space->sizes[i];
  g_autoptr (GError) error = NULL;
  g_autoptr (TsGrid) grid = values <= 24 ? ts_grid_new (sweep, &error) : NULL;
  for (guint i = 0; grid != NULL && i < grid->point_count; i++)
    g_assert (ts_pairwise_allowed (sweep->space, grid->points->data + i * sweep->axes->len));
}

static void
play_cell (const char *text, size_t len)
{
  static const char *const values[] = {"1Mbit/s"};
  static const guint8 point = 0;
  g_autoptr (TsStudy) study = ts_study_new ("s", "", "b", "d");
  g_autoptr (GError) error = NULL;
  TsStudyCell cell = {0};
  ts_study_add_axis (study, "a", "a", values, 1);
  ts_study_set_points (study, &point, 1, 1, 1);
  if (!ts_study_cell_parse (study, 0, text, len, &cell, &error)) {
    g_assert (error != NULL && cell.values == NULL);
    return;
  }
  TsStudyCell again = {0};
  g_autofree char *written = ts_study_cell_format (study, 0, &cell);
  g_assert (ts_study_cell_parse (study, 0, written, strlen (written), &again, NULL));
  g_autofree char *written_again = ts_study_cell_format (study, 0, &again);
  g_assert (g_str_equal (written, written_again));
  ts_study_cell_clear (&cell);
  ts_study_cell_clear (&again);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  g_autofree char *text = g_malloc (len_bytes + 1);
  if (len_bytes > 0)
    memcpy (text, data, len_bytes);
  text[len_bytes] = '\0';
  play_sweep (text, len_bytes);
  play_cell (text, len_bytes);
  return 0;
}

#include "scenarios/engine/grid.h"
#include <string.h>
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/units.h"

#define DIGITS "%" G_GUINT64_FORMAT

void
ts_grid_free (TsGrid *grid)
{
  if (grid == NULL)
    return;
  g_byte_array_unref (grid->points);
  g_free (grid);
}

guint
ts_grid_value (const TsGrid *grid, guint point, guint axis)
{
  return grid->points->data[(gsize)point * grid->sweep->axes->len + axis];
}

guint64
ts_grid_seed (const TsGrid *grid, guint cell)
{
  return grid->sweep->first_seed + cell % grid->sweep->seeds;
}

/* ---- which points ---- */

static guint64
count_possible (const TsPairwiseSpace *space)
{
  guint64 count = 1;
  for (guint i = 0; i < space->axes; i++)
    count = count > (guint64)G_MAXINT64 / space->sizes[i] ? (guint64)G_MAXINT64
                                                          : count * space->sizes[i];
  return count;
}

/* All that are allowed, the last axis fastest. */
static void
add_all (TsGrid *grid)
{
  const TsPairwiseSpace *space = grid->sweep->space;
  guint8 point[256] = {0};
  for (;;) {
    if (ts_pairwise_allowed (space, point))
      g_byte_array_append (grid->points, point, space->axes);
    else
      grid->skipped++;
    guint axis = space->axes;
    while (axis > 0 && ++point[axis - 1] == space->sizes[axis - 1])
      point[--axis] = 0;
    if (axis == 0)
      return;
  }
}

static int
by_number (gconstpointer a, gconstpointer b)
{
  guint left = *(const guint *)a, right = *(const guint *)b;
  return left < right ? -1 : left > right;
}

/* So many of the points that are there, by a stream of the sweep's own; they keep their order. */
static void
keep_subset (TsGrid *grid)
{
  const TsSweep *sweep = grid->sweep;
  guint axes = sweep->axes->len, all = grid->points->len / axes, kept = MIN (sweep->subset, all);
  g_autofree guint *order = g_new (guint, MAX (all, 1));
  for (guint i = 0; i < all; i++)
    order[i] = i;
  TsRandom random;
  ts_random_init (&random, sweep->first_seed, "sweep/subset");
  for (guint i = 0; i < kept; i++) {
    guint with = i + (guint)ts_random_below (&random, all - i), swap = order[i];
    order[i] = order[with];
    order[with] = swap;
  }
  qsort (order, kept, sizeof *order, by_number);
  GByteArray *points = g_byte_array_new ();
  for (guint i = 0; i < kept; i++)
    g_byte_array_append (points, grid->points->data + (gsize)order[i] * axes, axes);
  g_byte_array_unref (grid->points);
  grid->points = points;
}

static gboolean
pick_points (TsGrid *grid, GError **error)
{
  const TsSweep *sweep = grid->sweep;
  if (sweep->pick == TS_PICK_PAIRWISE) {
    GByteArray *points = ts_pairwise (sweep->space, &grid->skipped, error);
    if (points == NULL)
      return FALSE;
    g_byte_array_unref (grid->points);
    grid->points = points;
    return TRUE;
  }
  if (grid->possible > TS_GRID_CELLS_MAX)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     DIGITS " points are more than %u; 'pick: pairwise' needs few of so many",
                     grid->possible, TS_GRID_CELLS_MAX);
  add_all (grid);
  if (sweep->pick == TS_PICK_SUBSET)
    keep_subset (grid);
  return TRUE;
}

TsGrid *
ts_grid_new (const TsSweep *sweep, GError **error)
{
  g_autoptr (TsGrid) grid = g_new0 (TsGrid, 1);
  grid->sweep = sweep;
  grid->points = g_byte_array_new ();
  grid->possible = count_possible (sweep->space);
  if (!pick_points (grid, error))
    return NULL;
  grid->point_count = grid->points->len / sweep->axes->len;
  guint64 cells = (guint64)grid->point_count * sweep->seeds;
  if (cells > TS_GRID_CELLS_MAX) {
    ts_throw (error, TS_ERROR_ARGUMENT, "%u points with %u seeds each are more than %u runs",
              grid->point_count, sweep->seeds, TS_GRID_CELLS_MAX);
    return NULL;
  }
  if (cells == 0) {
    ts_throw (error, TS_ERROR_ARGUMENT, "skip leaves no point");
    return NULL;
  }
  grid->cell_count = (guint)cells;
  return g_steal_pointer (&grid);
}

/* ---- a cell ---- */

static gint64
draw_us (const TsSweepDraw *draw, guint64 seed)
{
  g_autofree char *stream = g_strdup_printf ("sweep/draw/%s", draw->name);
  TsRandom random;
  ts_random_init (&random, seed, stream);
  return draw->from_us +
         (gint64)ts_random_below (&random, (guint64)(draw->to_us - draw->from_us) + 1);
}

char **
ts_grid_assignments (const TsGrid *grid, guint cell)
{
  const TsSweep *sweep = grid->sweep;
  GPtrArray *all = g_ptr_array_new ();
  for (guint i = 0; i < sweep->set->len; i++)
    g_ptr_array_add (all, g_strdup (sweep->set->pdata[i]));
  for (guint i = 0; i < sweep->axes->len; i++) {
    const TsSweepAxis *axis = ts_sweep_axis (sweep, i);
    guint value = ts_grid_value (grid, cell / sweep->seeds, i);
    g_ptr_array_add (all,
                     g_strdup_printf ("%s=%s", axis->path, (char *)axis->values->pdata[value]));
  }
  for (guint i = 0; i < sweep->draws->len; i++) {
    const TsSweepDraw *draw = ts_sweep_draw (sweep, i);
    g_ptr_array_add (all, g_strdup_printf ("%s=%" G_GINT64_FORMAT "us", draw->path,
                                           draw_us (draw, ts_grid_seed (grid, cell))));
  }
  g_ptr_array_add (all, NULL);
  return (char **)g_ptr_array_free (all, FALSE);
}

char *
ts_grid_replay (const TsGrid *grid, guint cell)
{
  GString *command = g_string_new ("twinsite run ");
  g_auto (GStrv) assignments = ts_grid_assignments (grid, cell);
  g_autofree char *path = g_shell_quote (grid->sweep->base_path);
  g_string_append_printf (command, "%s --on sim --seed " DIGITS,
                          strpbrk (grid->sweep->base_path, " '\"\\$`!&;()<>|*?[]#~") != NULL
                              ? path
                              : grid->sweep->base_path,
                          ts_grid_seed (grid, cell));
  for (guint i = 0; assignments[i] != NULL; i++) {
    g_autofree char *quoted = g_shell_quote (assignments[i]);
    g_string_append_printf (
        command, " --set %s",
        strpbrk (assignments[i], " '\"\\$`!&;()<>|*?[]#~") != NULL ? quoted : assignments[i]);
  }
  return g_string_free (command, FALSE);
}

GArray *
ts_grid_shard (const TsGrid *grid, guint shard, guint shards)
{
  GArray *cells = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint cell = shard - 1; cell < grid->cell_count; cell += shards)
    g_array_append_val (cells, cell);
  return cells;
}

/* ---- for the study ---- */

char *
ts_grid_digest (const TsGrid *grid)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  /* where the files lie does not matter: a shard's folder names its own copy */
  g_autofree char *text = ts_sweep_format (grid->sweep, "base.yaml");
  const char *commit = ts_study_commit ();
  g_checksum_update (sum, (const guchar *)text, (gssize)strlen (text) + 1);
  g_checksum_update (sum, (const guchar *)grid->sweep->base_text, (gssize)grid->sweep->base_len);
  g_checksum_update (sum, (const guchar *)commit, (gssize)strlen (commit));
  return g_strdup (g_checksum_get_string (sum));
}

TsStudy *
ts_grid_study (const TsGrid *grid)
{
  const TsSweep *sweep = grid->sweep;
  g_autofree char *digest = ts_grid_digest (grid);
  TsStudy *study = ts_study_new (sweep->name, sweep->title, sweep->base_name, digest);
  for (guint i = 0; i < sweep->axes->len; i++) {
    const TsSweepAxis *axis = ts_sweep_axis (sweep, i);
    ts_study_add_axis (study, axis->name, axis->label[0] != '\0' ? axis->label : axis->name,
                       (const char *const *)axis->values->pdata, axis->values->len);
  }
  ts_study_set_points (study, grid->points->data, grid->point_count, sweep->seeds,
                       sweep->first_seed);
  study->x = sweep->x;
  study->y = sweep->y;
  study->metric = sweep->metric;
  study->loss = sweep->loss;
  study->max = sweep->max;
  for (guint i = 0; i < sweep->metrics->len; i++)
    g_ptr_array_add (study->metrics, sweep->metrics->pdata[i]);
  ts_study_keep (study, study->metric);
  ts_study_keep (study, study->loss);
  for (guint i = 0; i < sweep->metrics->len; i++)
    ts_study_keep (study, sweep->metrics->pdata[i]);
  return study;
}

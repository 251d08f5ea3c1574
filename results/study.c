#include "results/study.h"
#include <string.h>
#include "core/base/units.h"
#include "results/bounds.h"
#include "results/commit.h"

/* ---- making ---- */

static void
axis_free (gpointer data)
{
  TsStudyAxis *axis = data;
  g_free (axis->name);
  g_free (axis->label);
  g_free (axis->numbers);
  g_ptr_array_unref (axis->values);
  g_free (axis);
}

TsStudy *
ts_study_new (const char *name, const char *title, const char *scenario, const char *digest)
{
  TsStudy *study = g_new0 (TsStudy, 1);
  study->name = g_strdup (name);
  study->title = g_strdup (title);
  study->scenario = g_strdup (scenario);
  study->digest = g_strdup (digest);
  study->commit = g_strdup (TS_COMMIT);
  study->axes = g_ptr_array_new_with_free_func (axis_free);
  study->metrics = g_ptr_array_new ();
  study->families = g_ptr_array_new ();
  study->y = -1;
  study->max = -1;
  return study;
}

void
ts_study_free (TsStudy *study)
{
  if (study == NULL)
    return;
  for (guint i = 0; i < study->cell_count; i++)
    ts_study_cell_clear (&study->cells[i]);
  g_free (study->cells);
  g_free (study->points);
  g_free (study->name);
  g_free (study->title);
  g_free (study->scenario);
  g_free (study->digest);
  g_free (study->commit);
  g_ptr_array_unref (study->axes);
  g_ptr_array_unref (study->metrics);
  g_ptr_array_unref (study->families);
  g_free (study);
}

static gboolean
number_of (guint kind, const char *text, double *number)
{
  gint64 us;
  guint64 amount;
  guint32 ppm;
  gboolean good;
  char *end;
  switch (kind) {
  case 0:
    *number = g_ascii_strtod (text, &end);
    return end != text && *end == '\0';
  case 1:
    good = ts_parse_rate (text, &amount, NULL);
    break;
  case 2:
    good = ts_parse_frequency (text, &amount, NULL);
    break;
  case 3:
    good = ts_parse_size (text, &amount, NULL);
    break;
  case 4:
    good = ts_parse_share (text, &ppm, NULL);
    amount = ppm;
    break;
  default:
    if (g_str_has_suffix (text, "min")) {
      g_autofree char *shorter = g_strndup (text, strlen (text) - 2);
      good = ts_parse_duration (shorter, &us, NULL);
    } else
      good = ts_parse_duration (text, &us, NULL);
    amount = good ? (guint64)us : 0;
  }
  if (good)
    *number = kind == 2 ? (double)amount / 1e6 : (double)amount;
  return good;
}

void
ts_study_add_axis (TsStudy *study, const char *name, const char *label, const char *const *values,
                   guint count)
{
  TsStudyAxis *axis = g_new0 (TsStudyAxis, 1);
  axis->name = g_strdup (name);
  axis->label = g_strdup (label);
  axis->values = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < count; i++)
    g_ptr_array_add (axis->values, g_strdup (values[i]));
  g_ptr_array_add (study->axes, axis);
  for (guint kind = 0; kind <= 5 && axis->numbers == NULL; kind++) {
    g_autofree double *numbers = g_new (double, count);
    guint good = 0;
    while (good < count && number_of (kind, values[good], &numbers[good]))
      good++;
    if (good == count)
      axis->numbers = g_steal_pointer (&numbers);
  }
}

void
ts_study_set_points (TsStudy *study, const guint8 *points, guint count, guint seeds,
                     guint64 first_seed)
{
  study->points = g_memdup2 (points, (gsize)count * study->axes->len);
  study->point_count = count;
  study->seeds = seeds;
  study->first_seed = first_seed;
  study->cell_count = count * seeds;
  study->cells = g_new0 (TsStudyCell, study->cell_count);
}

const char *
ts_study_commit (void)
{
  return TS_COMMIT;
}

const TsStudyAxis *
ts_study_axis (const TsStudy *study, guint index)
{
  return study->axes->pdata[index];
}

guint
ts_study_value_index (const TsStudy *study, guint point, guint axis)
{
  return study->points[(gsize)point * study->axes->len + axis];
}

const char *
ts_study_value (const TsStudy *study, guint point, guint axis)
{
  return ts_study_axis (study, axis)->values->pdata[ts_study_value_index (study, point, axis)];
}

guint64
ts_study_seed (const TsStudy *study, guint cell)
{
  return study->first_seed + cell % study->seeds;
}

/* ---- a cell ---- */

void
ts_study_cell_clear (TsStudyCell *cell)
{
  for (guint i = 0; cell->values != NULL && i < ts_metric_count (); i++)
    g_free (cell->values[i].text); /* families have none */
  g_free (cell->values);
  g_free (cell->headline);
  g_free (cell->trouble);
  g_free (cell->replay);
  *cell = (TsStudyCell){0};
}

void
ts_study_cell_take (TsStudyCell *cell, const TsVerdict *verdict)
{
  ts_study_cell_clear (cell);
  cell->done = TRUE;
  cell->verdict = verdict->kind;
  cell->exit_code = verdict->exit_code;
  cell->headline = g_strdup (verdict->headline);
  guint table = ts_metric_count (), count = table + verdict->also->len;
  cell->values = g_new0 (TsStudyValue, count);
  for (guint i = 0; i < count; i++) {
    g_auto (TsMeasure) measure = {0};
    const TsMetric *metric = i < table ? ts_metric_get (i) : verdict->also->pdata[i - table];
    ts_verdict_figure (verdict, metric, &measure);
    cell->values[i] = (TsStudyValue){.kind = measure.kind, .number = measure.number};
    if (measure.kind == TS_MEASURE_VALUE && metric->unit == TS_UNIT_TEXT)
      cell->values[i].text = g_strdup (measure.text);
  }
}

guint
ts_study_metric_count (const TsStudy *study)
{
  return ts_metric_count () + study->families->len;
}

const TsMetric *
ts_study_metric (const TsStudy *study, guint index)
{
  guint table = ts_metric_count ();
  return index < table ? ts_metric_get (index) : study->families->pdata[index - table];
}

static guint
metric_index (const TsStudy *study, const TsMetric *metric)
{
  guint index = 0;
  while (index < ts_study_metric_count (study) && ts_study_metric (study, index) != metric)
    index++;
  return index;
}

void
ts_study_keep (TsStudy *study, const TsMetric *metric)
{
  if (metric_index (study, metric) == ts_study_metric_count (study))
    g_ptr_array_add (study->families, (gpointer)metric);
}

/* ---- samples ---- */

static int
by_number (gconstpointer a, gconstpointer b)
{
  gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;
  return left < right ? -1 : left > right;
}

static void
add_value (const TsStudyCell *cell, guint index, GArray *numbers, guint *unknown)
{
  const TsStudyValue *value = &cell->values[index];
  gint64 number = value->kind == TS_MEASURE_NEVER ? G_MAXINT64 : value->number;
  if (value->kind == TS_MEASURE_UNKNOWN)
    ++*unknown;
  else
    g_array_append_val (numbers, number);
}

static gint64
ranked (const GArray *sorted, guint rank)
{
  return g_array_index (sorted, gint64, rank - 1);
}

/* numbers is sorted. */
static void
take_sample (const TsStudy *study, const TsMetric *metric, const GArray *numbers, guint unknown,
             TsSample *sample)
{
  guint n = numbers->len, k;
  *sample = (TsSample){.count = n, .unknown = unknown, .within_high = 1};
  if (n == 0)
    return;
  while (sample->never < n && ranked (numbers, n - sample->never) == G_MAXINT64)
    sample->never++;
  sample->min = ranked (numbers, 1);
  sample->max = ranked (numbers, n);
  sample->median = ranked (numbers, (n + 1) / 2);
  sample->p95 = ranked (numbers, (guint)(((guint64)n * 95 + 99) / 100));
  sample->sure = ts_bounds_median (n, &k);
  sample->low = ranked (numbers, k);
  sample->high = ranked (numbers, n + 1 - k);
  if (metric != study->metric || study->max < 0)
    return;
  while (sample->within < n && ranked (numbers, sample->within + 1) <= study->max)
    sample->within++;
  ts_bounds_share (sample->within, n, &sample->within_low, &sample->within_high);
}

/* Where the point's runs belong. */
static guint
group_of (const TsStudy *study, guint columns, guint point)
{
  guint column = ts_study_value_index (study, point, study->x);
  guint row = study->y < 0 ? 0 : ts_study_value_index (study, point, (guint)study->y);
  return row * columns + column;
}

TsGroups *
ts_groups_new (const TsStudy *study, const TsMetric *metric)
{
  TsGroups *groups = g_new0 (TsGroups, 1);
  groups->study = study;
  groups->metric = metric;
  groups->columns = ts_study_axis (study, study->x)->values->len;
  groups->rows = study->y < 0 ? 1 : ts_study_axis (study, (guint)study->y)->values->len;
  guint count = groups->columns * groups->rows, index = metric_index (study, metric);
  groups->groups = g_new0 (GArray *, count);
  groups->unknown = g_new0 (guint, count);
  for (guint i = 0; i < count; i++)
    groups->groups[i] = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (guint cell = 0; cell < study->cell_count; cell++) {
    guint group = group_of (study, groups->columns, cell / study->seeds);
    if (study->cells[cell].done)
      add_value (&study->cells[cell], index, groups->groups[group], &groups->unknown[group]);
  }
  for (guint i = 0; i < count; i++)
    g_array_sort (groups->groups[i], by_number);
  return groups;
}

void
ts_groups_free (TsGroups *groups)
{
  if (groups == NULL)
    return;
  for (guint i = 0; i < groups->columns * groups->rows; i++)
    g_array_unref (groups->groups[i]);
  g_free (groups->groups);
  g_free (groups->unknown);
  g_free (groups);
}

GArray *
ts_groups_column (const TsGroups *groups, guint column)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (guint row = 0; row < groups->rows; row++) {
    const GArray *some = ts_groups_get (groups, column, row);
    if (some->len > 0)
      g_array_append_vals (all, some->data, some->len);
  }
  g_array_sort (all, by_number);
  return all;
}

const GArray *
ts_groups_get (const TsGroups *groups, guint column, guint row)
{
  return groups->groups[row * groups->columns + column];
}

void
ts_groups_sample (const TsGroups *groups, guint column, guint row, TsSample *sample)
{
  take_sample (groups->study, groups->metric, ts_groups_get (groups, column, row),
               groups->unknown[row * groups->columns + column], sample);
}

void
ts_study_point_sample (const TsStudy *study, guint point, const TsMetric *metric, TsSample *sample)
{
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (gint64));
  guint unknown = 0, index = metric_index (study, metric);
  for (guint i = 0; i < study->seeds; i++) {
    const TsStudyCell *cell = &study->cells[point * study->seeds + i];
    if (cell->done)
      add_value (cell, index, numbers, &unknown);
  }
  g_array_sort (numbers, by_number);
  take_sample (study, metric, numbers, unknown, sample);
}

/* ---- keeping up ---- */

void
ts_study_keeping (const TsStudy *study, guint column, guint row, TsKeeping *keeping)
{
  guint missed_at = metric_index (study, ts_metric_find ("cycles.missed"));
  guint success_at = metric_index (study, ts_metric_find ("cycles.success"));
  guint columns = ts_study_axis (study, study->x)->values->len;
  gint64 missed = 0, all = 0;
  *keeping = (TsKeeping){0};
  for (guint i = 0; i < study->cell_count; i++) {
    const TsStudyCell *cell = &study->cells[i];
    if (!cell->done || group_of (study, columns, i / study->seeds) != row * columns + column ||
        cell->values[missed_at].kind != TS_MEASURE_VALUE ||
        cell->values[success_at].kind != TS_MEASURE_VALUE)
      continue;
    keeping->count++;
    keeping->kept += cell->values[missed_at].number == 0;
    missed += cell->values[missed_at].number;
    all += cell->values[missed_at].number + cell->values[success_at].number;
  }
  ts_bounds_share (keeping->kept, keeping->count, &keeping->kept_low, &keeping->kept_high);
  keeping->missed_share = all > 0 ? (double)missed / (double)all : -1;
}

static gboolean
column_is_good (const TsGroups *groups, guint column, guint row, gboolean kept, gboolean *told)
{
  if (kept) {
    TsKeeping keeping;
    ts_study_keeping (groups->study, column, row, &keeping);
    *told = keeping.count > 0;
    return keeping.kept == keeping.count;
  }
  TsSample sample;
  ts_groups_sample (groups, column, row, &sample);
  *told = sample.count + sample.unknown > 0;
  return sample.unknown == 0 && sample.within == sample.count;
}

gint
ts_study_least (const TsStudy *study, guint row, gboolean kept)
{
  const TsStudyAxis *axis = ts_study_axis (study, study->x);
  if (axis->numbers == NULL || (!kept && study->max < 0))
    return -1;
  for (guint i = 1; i < axis->values->len; i++)
    if (axis->numbers[i] <= axis->numbers[i - 1])
      return -1;
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  gint least = -1;
  for (guint column = axis->values->len; column > 0; column--) {
    gboolean told;
    gboolean good = column_is_good (groups, column - 1, row, kept, &told);
    if (told && !good)
      return least;
    if (told)
      least = (gint)column - 1;
  }
  return least;
}

/* ---- for tables ---- */

void
ts_study_count (const TsStudy *study, TsStudyCount *count)
{
  *count = (TsStudyCount){0};
  for (guint i = 0; i < study->cell_count; i++) {
    const TsStudyCell *cell = &study->cells[i];
    guint *const kinds[] = {&count->passed, &count->failed, &count->inconclusive, &count->skipped};
    if (cell->done) {
      count->done++;
      ++*kinds[cell->verdict];
    } else if (cell->trouble != NULL)
      count->troubled++;
    else
      count->missing++;
  }
}

char *
ts_study_text (const TsMetric *metric, gint64 number, guint count)
{
  if (count == 0)
    return g_strdup ("-");
  if (number == G_MAXINT64)
    return g_strdup ("never");
  TsMeasure measure = {.kind = TS_MEASURE_VALUE, .number = number};
  return ts_measure_format (&measure, metric->unit);
}

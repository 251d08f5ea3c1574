#include "results/study-files.h"
#include <json-glib/json-glib.h>
#include <string.h>
#include "core/base/units.h"
#include "results/file.h"
#include "results/markup.h"

#define TROUBLES_SHOWN 10u
#define WIDTH_CHARS 120u

/* ---- CSV ---- */

static void
put_csv (GString *csv, const char *text)
{
  if (strpbrk (text, ",\"\r\n") == NULL) {
    g_string_append (csv, text);
    return;
  }
  g_string_append_c (csv, '"');
  for (const char *at = text; *at != '\0'; at++) {
    if (*at == '"')
      g_string_append_c (csv, '"');
    g_string_append_c (csv, *at);
  }
  g_string_append_c (csv, '"');
}

static void
put_axes_header (const TsStudy *study, GString *csv)
{
  for (guint i = 0; i < study->axes->len; i++) {
    g_string_append_c (csv, ',');
    put_csv (csv, ts_study_axis (study, i)->name);
  }
}

static void
put_axes (const TsStudy *study, guint point, GString *csv)
{
  for (guint i = 0; i < study->axes->len; i++) {
    g_string_append_c (csv, ',');
    put_csv (csv, ts_study_value (study, point, i));
  }
}

static void
put_number (GString *csv, gint64 number)
{
  if (number == G_MAXINT64)
    g_string_append (csv, "never");
  else
    g_string_append_printf (csv, "%" G_GINT64_FORMAT, number);
}

/* Nothing that decides differs between machines: troubles are told on the terminal. */
static void
put_cell (const TsStudy *study, guint index, GString *csv)
{
  const TsStudyCell *cell = &study->cells[index];
  g_string_append_printf (csv, "%u,%u,%" G_GUINT64_FORMAT, index, index / study->seeds,
                          ts_study_seed (study, index));
  put_axes (study, index / study->seeds, csv);
  g_string_append_printf (csv, ",%s,%d", cell->done ? ts_verdict_name (cell->verdict) : "missing",
                          cell->done ? cell->exit_code : 2);
  for (guint i = 0; i < ts_study_metric_count (study); i++) {
    if (ts_study_metric (study, i)->unit == TS_UNIT_TEXT)
      continue;
    g_string_append_c (csv, ',');
    if (cell->done && cell->values[i].kind != TS_MEASURE_UNKNOWN)
      put_number (csv,
                  cell->values[i].kind == TS_MEASURE_NEVER ? G_MAXINT64 : cell->values[i].number);
  }
  g_string_append_c (csv, ',');
  put_csv (csv, cell->done ? cell->headline : "");
  g_string_append (csv, "\r\n");
}

char *
ts_study_cells_csv (const TsStudy *study)
{
  GString *csv = g_string_new ("cell,point,seed");
  put_axes_header (study, csv);
  g_string_append (csv, ",verdict,exit_code");
  for (guint i = 0; i < ts_study_metric_count (study); i++)
    if (ts_study_metric (study, i)->unit != TS_UNIT_TEXT)
      g_string_append_printf (csv, ",%s", ts_study_metric (study, i)->key);
  g_string_append (csv, ",headline\r\n");
  for (guint i = 0; i < study->cell_count; i++)
    put_cell (study, i, csv);
  return g_string_free (csv, FALSE);
}

char *
ts_study_points_csv (const TsStudy *study)
{
  GString *csv = g_string_new ("point");
  put_axes_header (study, csv);
  g_string_append (csv, ",metric,unit,count,unknown,never,min,median,low,high,sure,p95,max\r\n");
  for (guint point = 0; point < study->point_count; point++)
    for (guint i = 0; i < study->metrics->len; i++) {
      const TsMetric *metric = study->metrics->pdata[i];
      TsSample sample;
      ts_study_point_sample (study, point, metric, &sample);
      g_string_append_printf (csv, "%u", point);
      put_axes (study, point, csv);
      g_string_append_printf (csv, ",%s,%s,%u,%u,%u", metric->name, ts_unit_name (metric->unit),
                              sample.count, sample.unknown, sample.never);
      const gint64 numbers[] = {sample.min, sample.median, sample.low, sample.high};
      for (guint n = 0; n < G_N_ELEMENTS (numbers); n++) {
        g_string_append_c (csv, ',');
        if (sample.count > 0)
          put_number (csv, numbers[n]);
      }
      g_string_append_printf (csv, ",%.4f,", sample.sure);
      if (sample.count > 0)
        put_number (csv, sample.p95);
      g_string_append_c (csv, ',');
      if (sample.count > 0)
        put_number (csv, sample.max);
      g_string_append (csv, "\r\n");
    }
  return g_string_free (csv, FALSE);
}

/* ---- JSON ---- */

static void
json_text (JsonBuilder *json, const char *key, const char *value)
{
  g_autofree char *clean = ts_markup_clean (value);
  json_builder_set_member_name (json, key);
  json_builder_add_string_value (json, clean);
}

static void
json_int (JsonBuilder *json, const char *key, gint64 value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_int_value (json, value);
}

/* Shares are rounded here, so that the last bit of a libm does not show. */
static void
json_share (JsonBuilder *json, const char *key, double value)
{
  g_autofree char *text = g_strdup_printf ("%.4f", value);
  json_builder_set_member_name (json, key);
  json_builder_add_double_value (json, g_ascii_strtod (text, NULL));
}

static void
json_number (JsonBuilder *json, const char *key, gint64 number, guint count)
{
  json_builder_set_member_name (json, key);
  if (count == 0)
    json_builder_add_null_value (json);
  else if (number == G_MAXINT64)
    json_builder_add_string_value (json, "never");
  else
    json_builder_add_int_value (json, number);
}

static void
json_sample (JsonBuilder *json, const TsStudy *study, const TsMetric *metric,
             const TsSample *sample)
{
  json_builder_begin_object (json);
  json_text (json, "metric", metric->name);
  json_text (json, "unit", ts_unit_name (metric->unit));
  json_int (json, "count", sample->count);
  json_int (json, "unknown", sample->unknown);
  json_int (json, "never", sample->never);
  json_number (json, "min", sample->min, sample->count);
  json_number (json, "median", sample->median, sample->count);
  json_number (json, "median_low", sample->low, sample->count);
  json_number (json, "median_high", sample->high, sample->count);
  json_share (json, "median_sure", sample->sure);
  json_number (json, "p95", sample->p95, sample->count);
  json_number (json, "max", sample->max, sample->count);
  if (metric == study->metric && study->max >= 0) {
    json_int (json, "within", sample->within);
    json_share (json, "within_low", sample->within_low);
    json_share (json, "within_high", sample->within_high);
  }
  json_builder_end_object (json);
}

static void
json_axes (JsonBuilder *json, const TsStudy *study)
{
  json_builder_set_member_name (json, "axes");
  json_builder_begin_array (json);
  for (guint i = 0; i < study->axes->len; i++) {
    const TsStudyAxis *axis = ts_study_axis (study, i);
    json_builder_begin_object (json);
    json_text (json, "name", axis->name);
    json_text (json, "label", axis->label);
    json_builder_set_member_name (json, "values");
    json_builder_begin_array (json);
    for (guint j = 0; j < axis->values->len; j++)
      json_builder_add_string_value (json, axis->values->pdata[j]);
    json_builder_end_array (json);
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
}

static void
json_points (JsonBuilder *json, const TsStudy *study)
{
  json_builder_set_member_name (json, "points");
  json_builder_begin_array (json);
  for (guint point = 0; point < study->point_count; point++) {
    json_builder_begin_object (json);
    for (guint i = 0; i < study->axes->len; i++)
      json_text (json, ts_study_axis (study, i)->name, ts_study_value (study, point, i));
    json_builder_set_member_name (json, "samples");
    json_builder_begin_array (json);
    for (guint i = 0; i < study->metrics->len; i++) {
      TsSample sample;
      ts_study_point_sample (study, point, study->metrics->pdata[i], &sample);
      json_sample (json, study, study->metrics->pdata[i], &sample);
    }
    json_builder_end_array (json);
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
}

static void
json_groups (JsonBuilder *json, const TsStudy *study)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  const TsStudyAxis *x = ts_study_axis (study, study->x);
  const TsStudyAxis *y = study->y < 0 ? NULL : ts_study_axis (study, (guint)study->y);
  json_builder_set_member_name (json, "groups");
  json_builder_begin_array (json);
  for (guint row = 0; row < groups->rows; row++)
    for (guint column = 0; column < groups->columns; column++) {
      TsSample sample;
      TsKeeping keeping;
      ts_groups_sample (groups, column, row, &sample);
      ts_study_keeping (study, column, row, &keeping);
      json_builder_begin_object (json);
      json_text (json, x->name, x->values->pdata[column]);
      if (y != NULL)
        json_text (json, y->name, y->values->pdata[row]);
      json_builder_set_member_name (json, "sample");
      json_sample (json, study, study->metric, &sample);
      json_int (json, "runs_without_missed_cycle", keeping.kept);
      json_share (json, "kept_low", keeping.kept_low);
      json_share (json, "kept_high", keeping.kept_high);
      if (keeping.missed_share >= 0)
        json_share (json, "missed_share", keeping.missed_share);
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
}

static void
json_least (JsonBuilder *json, const TsStudy *study)
{
  const TsStudyAxis *x = ts_study_axis (study, study->x);
  const TsStudyAxis *y = study->y < 0 ? NULL : ts_study_axis (study, (guint)study->y);
  static const char *const names[] = {"least_within", "least_kept"};
  json_builder_set_member_name (json, "answers");
  json_builder_begin_array (json);
  for (guint row = 0; row < (y != NULL ? y->values->len : 1); row++) {
    json_builder_begin_object (json);
    if (y != NULL)
      json_text (json, y->name, y->values->pdata[row]);
    for (guint kept = 0; kept < 2; kept++) {
      gint least = ts_study_least (study, row, kept == 1);
      json_builder_set_member_name (json, names[kept]);
      if (least < 0)
        json_builder_add_null_value (json);
      else
        json_builder_add_string_value (json, x->values->pdata[least]);
    }
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
}

char *
ts_study_summary_json (const TsStudy *study)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  TsStudyCount count;
  ts_study_count (study, &count);
  json_builder_begin_object (json);
  json_text (json, "sweep", study->name);
  json_text (json, "title", study->title);
  json_text (json, "scenario", study->scenario);
  json_text (json, "commit", study->commit);
  json_text (json, "digest", study->digest);
  json_int (json, "points", study->point_count);
  json_int (json, "seeds", study->seeds);
  json_int (json, "cells", study->cell_count);
  json_int (json, "done", count.done);
  json_int (json, "passed", count.passed);
  json_int (json, "failed", count.failed);
  json_int (json, "inconclusive", count.inconclusive);
  json_int (json, "skipped", count.skipped);
  json_text (json, "shown", study->metric->name);
  json_number (json, "objective", study->max, study->max >= 0);
  json_axes (json, study);
  json_least (json, study);
  json_groups (json, study);
  json_points (json, study);
  json_builder_end_object (json);
  g_autoptr (JsonNode) root = json_builder_get_root (json);
  g_autofree char *text = json_to_string (root, TRUE);
  return g_strconcat (text, "\n", NULL);
}

/* ---- terminal ---- */

/* "4 min 59 s", and '!' where a run broke the objective, '?' where one could not tell. */
static char *
heat_cell (const TsGroups *groups, guint column, guint row)
{
  TsSample sample;
  ts_groups_sample (groups, column, row, &sample);
  g_autofree char *text = ts_study_text (groups->metric, sample.p95, sample.count);
  gboolean broken = groups->study->max >= 0 && sample.within < sample.count;
  return g_strdup_printf ("%s%s", text, broken ? " !" : sample.unknown > 0 ? " ?" : "");
}

static void
put_padded (GString *out, const char *text, guint width)
{
  g_string_append (out, text);
  for (guint i = (guint)g_utf8_strlen (text, -1); i < width; i++)
    g_string_append_c (out, ' ');
}

static void
put_heat (const TsStudy *study, GString *out)
{
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  const TsStudyAxis *x = ts_study_axis (study, study->x);
  const TsStudyAxis *y = study->y < 0 ? NULL : ts_study_axis (study, (guint)study->y);
  guint head = y != NULL ? (guint)g_utf8_strlen (y->label, -1) : 0, width = 0;
  for (guint i = 0; y != NULL && i < y->values->len; i++)
    head = MAX (head, (guint)g_utf8_strlen (y->values->pdata[i], -1));
  g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);
  for (guint row = 0; row < groups->rows; row++)
    for (guint column = 0; column < groups->columns; column++) {
      char *text = heat_cell (groups, column, row);
      g_ptr_array_add (cells, text);
      width = MAX (width, (guint)g_utf8_strlen (text, -1));
    }
  for (guint i = 0; i < x->values->len; i++)
    width = MAX (width, (guint)g_utf8_strlen (x->values->pdata[i], -1));
  width += 2;
  guint shown =
      MAX (1, MIN (groups->columns, (WIDTH_CHARS - MIN (head + 2, WIDTH_CHARS / 2)) / width));
  g_string_append_printf (out, "%s, 95th percentile of the runs, by %s%s%s%s\n",
                          study->metric->name, x->label, y != NULL ? " and " : "",
                          y != NULL ? y->label : "",
                          study->max >= 0 ? " (!: a run broke the objective)" : "");
  put_padded (out, y != NULL ? y->label : "", head + 2);
  for (guint column = 0; column < shown; column++)
    put_padded (out, x->values->pdata[column], width);
  g_string_append (out, shown < groups->columns ? "...\n" : "\n");
  for (guint row = 0; row < groups->rows; row++) {
    put_padded (out, y != NULL ? (const char *)y->values->pdata[row] : "", head + 2);
    for (guint column = 0; column < shown; column++)
      put_padded (out, cells->pdata[row * groups->columns + column], width);
    g_string_append_c (out, '\n');
  }
}

static void
put_answer (const TsStudy *study, guint row, gboolean kept, GString *out)
{
  const TsStudyAxis *x = ts_study_axis (study, study->x);
  gint least = ts_study_least (study, row, kept);
  if (least < 0) {
    g_string_append_printf (out, "no %s shown", x->label);
    return;
  }
  g_string_append (out, x->values->pdata[least]);
  if (kept)
    return;
  g_autoptr (TsGroups) groups = ts_groups_new (study, study->metric);
  TsSample sample;
  ts_groups_sample (groups, (guint)least, row, &sample);
  g_string_append_printf (out, " (%u of %u runs within; 95 %% sure of at least %.0f %% of all)",
                          sample.within, sample.count, sample.within_low * 100);
}

static void
put_answers (const TsStudy *study, GString *out)
{
  const TsStudyAxis *x = ts_study_axis (study, study->x);
  const TsStudyAxis *y = study->y < 0 ? NULL : ts_study_axis (study, (guint)study->y);
  if (x->numbers == NULL)
    return;
  g_autofree char *objective = ts_study_text (study->metric, study->max, 1);
  for (guint row = 0; row < (y != NULL ? y->values->len : 1); row++) {
    if (y != NULL)
      g_string_append_printf (out, "%s %s: ", y->label, (const char *)y->values->pdata[row]);
    if (study->max >= 0) {
      g_string_append_printf (out, "%s within %s from ", study->metric->name, objective);
      put_answer (study, row, FALSE, out);
      g_string_append (out, "; ");
    }
    g_string_append (out, "no cycle missed from ");
    put_answer (study, row, TRUE, out);
    g_string_append_c (out, '\n');
  }
}

static void
put_bad_cells (const TsStudy *study, GString *out)
{
  guint shown = 0, more = 0;
  for (guint i = 0; i < study->cell_count; i++) {
    const TsStudyCell *cell = &study->cells[i];
    gboolean bad =
        cell->trouble != NULL || (cell->done && (cell->verdict == TS_VERDICT_FAILED ||
                                                 cell->verdict == TS_VERDICT_INCONCLUSIVE));
    if (!bad)
      continue;
    if (shown++ >= TROUBLES_SHOWN) {
      more++;
      continue;
    }
    g_string_append_printf (out, "cell %u: %s\n", i,
                            cell->trouble != NULL ? cell->trouble : cell->headline);
    if (cell->replay != NULL && cell->trouble != NULL)
      g_string_append_printf (out, "  replay: %s\n", cell->replay);
  }
  if (more > 0)
    g_string_append_printf (out, "... and %u more: cells.csv\n", more);
}

char *
ts_study_format (const TsStudy *study)
{
  GString *out = g_string_new (NULL);
  TsStudyCount count;
  ts_study_count (study, &count);
  const struct {
    const char *name;
    guint count;
  } kinds[] = {{"passed", count.passed},
               {"failed", count.failed},
               {"inconclusive", count.inconclusive},
               {"skipped", count.skipped},
               {"crashed or given up", count.troubled},
               {"missing", count.missing}};
  g_string_append_printf (out, "%s: %u of %u runs (%u points, %u seeds), commit %s:", study->name,
                          count.done, study->cell_count, study->point_count, study->seeds,
                          study->commit);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kinds[i].count > 0)
      g_string_append_printf (out, " %u %s", kinds[i].count, kinds[i].name);
  g_string_append (out, "\n\n");
  if (count.done > 0) {
    put_heat (study, out);
    g_string_append_c (out, '\n');
    put_answers (study, out);
  }
  put_bad_cells (study, out);
  return g_string_free (out, FALSE);
}

/* ---- the folder ---- */

gboolean
ts_study_write (const TsStudy *study, const char *folder, GError **error)
{
  static const struct {
    const char *name;
    char *(*make) (const TsStudy *study);
  } files[] = {{"cells.csv", ts_study_cells_csv},
               {"points.csv", ts_study_points_csv},
               {"summary.json", ts_study_summary_json}};
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *text = files[i].make (study);
    if (!ts_file_replace (folder, files[i].name, text, error))
      return FALSE;
  }
  return TRUE;
}

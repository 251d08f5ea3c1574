#include "results/verdict-files.h"
#include "core/base/units.h"
#include "results/file.h"
#include "results/finding.h"
#include "results/markup.h"
#include <json-glib/json-glib.h>
#include <string.h>

#define LOSSES_MAX 1000u /* as many are listed; the counts are of all */

/* --- JSON ------------------------------------------------------------------------------------- */

static void
put_text (JsonBuilder *json, const char *key, const char *value)
{
  json_builder_set_member_name (json, key);
  if (value)
    json_builder_add_string_value (json, value);
  else
    json_builder_add_null_value (json);
}

static void
put_int (JsonBuilder *json, const char *key, gint64 value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_int_value (json, value);
}

/* JSON's whole numbers are signed in json-glib. */
static void
put_u64 (JsonBuilder *json, const char *key, guint64 value)
{
  put_int (json, key, (gint64)MIN (value, (guint64)G_MAXINT64));
}

static void
put_bool (JsonBuilder *json, const char *key, gboolean value)
{
  json_builder_set_member_name (json, key);
  json_builder_add_boolean_value (json, value);
}

/* A number or a text; null when it never came or is not known. */
static void
put_measure (JsonBuilder *json, const char *key, const TsMeasure *measure, TsUnit unit)
{
  if (measure->kind == TS_MEASURE_VALUE && unit != TS_UNIT_TEXT)
    put_int (json, key, measure->number);
  else
    put_text (json, key, measure->kind == TS_MEASURE_VALUE ? measure->text : NULL);
}

static void
put_array (JsonBuilder *json, const char *key)
{
  json_builder_set_member_name (json, key);
  json_builder_begin_array (json);
}

static void
put_head (JsonBuilder *json, const TsVerdict *verdict)
{
  put_text (json, "scenario", verdict->scenario);
  put_text (json, "engine", verdict->engine);
  put_u64 (json, "seed", verdict->seed);
  put_text (json, "commit", verdict->commit);
}

static char *
generate (JsonBuilder *json)
{
  g_autoptr (JsonNode) root = json_builder_get_root (json);
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  g_autofree char *text = json_generator_to_data (generator, NULL);
  return g_strconcat (text, "\n", NULL);
}

static void
put_finding (JsonBuilder *json, const TsFinding *finding)
{
  json_builder_begin_object (json);
  put_text (json, "id", finding->id);
  put_text (json, "metric", finding->metric->name);
  put_measure (json, "measured", &finding->measured, finding->metric->unit);
  if (finding->limit_known)
    put_int (json, "limit", finding->limit);
  else
    put_text (json, "limit", finding->metric->unit == TS_UNIT_TEXT ? finding->formula : NULL);
  put_text (json, "unit", ts_unit_name (finding->metric->unit));
  put_bool (json, "passed", finding->passed);
  put_int (json, "t_us", finding->measured.t_us);
  put_text (json, "vm", finding->vm);
  put_text (json, "bound", finding->bound);
  put_text (json, "formula", finding->formula);
  if (finding->limit_known && strcmp (finding->bound, "equals") == 0)
    put_int (json, "within", finding->within);
  put_bool (json, "must_fail", finding->must_fail);
  put_bool (json, "conclusive", finding->conclusive);
  if (finding->measured.why)
    put_text (json, "reason", finding->measured.why);
  json_builder_end_object (json);
}

static void
put_published (JsonBuilder *json, const TsPublishedFinding *published)
{
  json_builder_begin_object (json);
  put_text (json, "what", published->what);
  put_text (json, "metric", published->metric);
  put_text (json, "theirs", published->theirs);
  put_text (json, "ours", published->ours);
  put_text (json, "difference", published->difference);
  put_text (json, "why", published->why);
  put_text (json, "source", published->source);
  json_builder_end_object (json);
}

static void
put_invariant (JsonBuilder *json, const TsInvariantFinding *invariant)
{
  json_builder_begin_object (json);
  put_text (json, "name", invariant->name);
  put_bool (json, "holds", invariant->holds);
  put_bool (json, "allowed", invariant->allowed);
  put_text (json, "detail", invariant->detail ? invariant->detail : "");
  put_int (json, "t_us", invariant->t_us);
  json_builder_end_object (json);
}

char *
ts_verdict_to_json (const TsVerdict *verdict)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  json_builder_begin_object (json);
  put_head (json, verdict);
  put_text (json, "verdict", ts_verdict_name (verdict->kind));
  put_int (json, "exit_code", verdict->exit_code);
  put_text (json, "replay", verdict->replay);
  put_text (json, "headline", verdict->headline);
  put_array (json, "reasons");
  for (guint i = 0; i < verdict->reasons->len; i++)
    json_builder_add_string_value (json, verdict->reasons->pdata[i]);
  json_builder_end_array (json);
  put_array (json, "expectations");
  for (guint i = 0; i < verdict->findings->len; i++)
    put_finding (json, verdict->findings->pdata[i]);
  json_builder_end_array (json);
  put_array (json, "invariants");
  for (guint i = 0; i < verdict->invariants->len; i++)
    put_invariant (json, verdict->invariants->pdata[i]);
  json_builder_end_array (json);
  if (verdict->published->len > 0) {
    put_array (json, "published");
    for (guint i = 0; i < verdict->published->len; i++)
      put_published (json, verdict->published->pdata[i]);
    json_builder_end_array (json);
  }
  json_builder_set_member_name (json, "metrics");
  json_builder_begin_object (json);
  for (guint i = 0; i < ts_metric_count (); i++) {
    g_auto (TsMeasure) measure = {0};
    ts_verdict_figure (verdict, ts_metric_get (i), &measure);
    put_measure (json, ts_metric_get (i)->key, &measure, ts_metric_get (i)->unit);
  }
  json_builder_end_object (json);
  json_builder_end_object (json);
  return generate (json);
}

static void
put_failover (JsonBuilder *json, guint number, const TsFailoverFigures *failover)
{
  const TsFailoverStory *story = &failover->story;
  json_builder_begin_object (json);
  put_int (json, "number", number);
  put_bool (json, "planned", story->planned);
  put_text (json, "copy", story->copy ? story->copy : "");
  put_int (json, "commanded_us", story->commanded_us);
  put_int (json, "instant_us", story->instant_us);
  put_text (json, "end", story->end);
  for (guint m = 0; m < TS_FAILOVER_MEASURES; m++)
    put_measure (json, ts_failover_metric (m)->key, &failover->measures[m],
                 ts_failover_metric (m)->unit);
  json_builder_end_object (json);
}

static void
put_figures (JsonBuilder *json, const TsVmFigures *figures)
{
  json_builder_begin_object (json);
  put_text (json, "vm", figures->vm);
  put_array (json, "metrics");
  for (guint i = 0; i < ts_metric_count (); i++) {
    const TsMetric *metric = ts_metric_get (i);
    const TsMeasure *measure = &figures->measures[i];
    json_builder_begin_object (json);
    put_text (json, "name", metric->name);
    put_text (json, "unit", ts_unit_name (metric->unit));
    put_measure (json, "value", measure, metric->unit);
    put_int (json, "t_us", measure->t_us);
    if (measure->kind != TS_MEASURE_VALUE) {
      put_text (json, "told", measure->kind == TS_MEASURE_NEVER ? "never" : "unknown");
      put_text (json, "reason", measure->why);
    }
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
  put_array (json, "failovers");
  for (guint n = 1; n <= figures->failovers->len; n++)
    put_failover (json, n, figures->failovers->pdata[n - 1]);
  json_builder_end_array (json);
  put_int (json, "losses_total", figures->losses->len);
  put_array (json, "losses");
  for (guint i = 0; i < MIN (figures->losses->len, LOSSES_MAX); i++) {
    const TsLoss *loss = &g_array_index (figures->losses, TsFigureLoss, i).loss;
    json_builder_begin_object (json);
    put_text (json, "class", loss->class);
    put_text (json, "disk", loss->disk);
    put_u64 (json, "offset_bytes", loss->offset_bytes);
    put_u64 (json, "length_bytes", loss->length_bytes);
    put_u64 (json, "sequence", loss->sequence);
    put_int (json, "t_us", loss->t_us);
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
  json_builder_end_object (json);
}

char *
ts_verdict_metrics_to_json (const TsVerdict *verdict)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  json_builder_begin_object (json);
  put_head (json, verdict);
  put_int (json, "time_scale", verdict->time_scale);
  put_int (json, "end_us", verdict->end_us);
  put_array (json, "vms");
  for (guint i = 0; i < verdict->figures->len; i++)
    put_figures (json, verdict->figures->pdata[i]);
  json_builder_end_array (json);
  json_builder_end_object (json);
  return generate (json);
}

/* --- JUnit ------------------------------------------------------------------------------------ */

/* One case; element is NULL (passed), "failure", "error" or "skipped". */
static void
put_case (GString *xml, const TsVerdict *verdict, const char *name, const char *element,
          const char *message, gint64 t_us)
{
  g_autofree char *shown = ts_markup_clean (message), *called = ts_markup_clean (name);
  ts_markup_put (xml,
                 "    <testcase classname=\"%s.%s\" name=\"%s\" time=\"%" G_GINT64_FORMAT ".%06d\"",
                 verdict->scenario, verdict->engine, called, t_us / TS_S, (int)(t_us % TS_S));
  if (element)
    ts_markup_put (xml, ">\n      <%s type=\"%s\" message=\"%s\"/>\n    </testcase>\n", element,
                   ts_verdict_name (verdict->kind), shown);
  else
    g_string_append (xml, "/>\n");
}

typedef struct {
  guint tests, failures, errors, skipped;
} Tally;

static void
count_case (Tally *tally, const char *element)
{
  tally->tests++;
  tally->failures += g_strcmp0 (element, "failure") == 0;
  tally->errors += g_strcmp0 (element, "error") == 0;
  tally->skipped += g_strcmp0 (element, "skipped") == 0;
}

/* A case for the run as a whole, which carries every reason; then one per expectation and
 * invariant. */
static void
put_cases (GString *xml, const TsVerdict *verdict, Tally *tally)
{
  static const char *const elements[] = {NULL, "failure", "error", "skipped"};
  g_autoptr (GString) reasons = g_string_new (verdict->headline);
  for (guint i = 0; i < verdict->reasons->len; i++)
    g_string_append_printf (reasons, "\n%s", (const char *)verdict->reasons->pdata[i]);
  put_case (xml, verdict, "run", elements[verdict->kind], reasons->str, verdict->end_us);
  count_case (tally, elements[verdict->kind]);
  for (guint i = 0; i < verdict->findings->len; i++) {
    const TsFinding *finding = verdict->findings->pdata[i];
    const char *element = !finding->conclusive                    ? "error"
                          : finding->passed == finding->must_fail ? "failure"
                                                                  : NULL;
    g_autofree char *name = g_strdup_printf ("expect %s", finding->id);
    g_autofree char *text = ts_finding_text (finding);
    g_autofree char *message = g_strdup_printf (
        "%s%s; replay: %s", text, finding->must_fail ? " (must fail)" : "", verdict->replay);
    put_case (xml, verdict, name, element, message, finding->measured.t_us);
    count_case (tally, element);
  }
  for (guint i = 0; i < verdict->invariants->len; i++) {
    const TsInvariantFinding *invariant = verdict->invariants->pdata[i];
    const char *element = invariant->holds || invariant->allowed ? NULL : "failure";
    g_autofree char *name = g_strdup_printf ("invariant %s", invariant->name);
    put_case (xml, verdict, name, element, invariant->detail, invariant->t_us);
    count_case (tally, element);
  }
}

static void
put_property (GString *xml, const char *name, const char *value)
{
  g_autofree char *shown = ts_markup_clean (value);
  ts_markup_put (xml, "      <property name=\"%s\" value=\"%s\"/>\n", name, shown);
}

/* The schemas that there are want a timestamp and a hostname.  The file is made from journal and
 * ledger, again and again alike: CHOICE: the run's own clock, which begins at 0, and no host.  When
 * and where it ran is in machine.txt. */
static void
put_suite (GString *xml, const TsVerdict *verdict, guint id)
{
  Tally tally = {0};
  g_autoptr (GString) cases = g_string_new (NULL);
  g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, verdict->seed);
  put_cases (cases, verdict, &tally);
  ts_markup_put (xml,
                 "  <testsuite id=\"%u\" package=\"twinsite\" name=\"%s.%s\" "
                 "timestamp=\"1970-01-01T00:00:00\" hostname=\"localhost\" tests=\"%u\" "
                 "failures=\"%u\" errors=\"%u\" skipped=\"%u\" "
                 "time=\"%" G_GINT64_FORMAT ".%06d\">\n    <properties>\n",
                 id, verdict->scenario, verdict->engine, tally.tests, tally.failures, tally.errors,
                 tally.skipped, verdict->end_us / TS_S, (int)(verdict->end_us % TS_S));
  put_property (xml, "seed", seed);
  put_property (xml, "commit", verdict->commit);
  put_property (xml, "replay", verdict->replay);
  put_property (xml, "verdict", ts_verdict_name (verdict->kind));
  g_string_append (xml, "    </properties>\n");
  g_string_append (xml, cases->str);
  g_string_append (xml, "    <system-out/>\n    <system-err/>\n  </testsuite>\n");
}

char *
ts_verdicts_to_junit (const TsVerdict *const *verdicts, guint count)
{
  g_autoptr (GString) suites = g_string_new (NULL);
  for (guint i = 0; i < count; i++)
    put_suite (suites, verdicts[i], i);
  return g_strdup_printf ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                          "<testsuites>\n%s</testsuites>\n",
                          suites->str);
}

/* --- files ------------------------------------------------------------------------------------ */

gboolean
ts_verdict_write (const TsVerdict *verdict, const char *folder, GError **error)
{
  g_autofree char *metrics = ts_verdict_metrics_to_json (verdict);
  g_autofree char *junit = ts_verdicts_to_junit (&verdict, 1);
  g_autofree char *json = ts_verdict_to_json (verdict);
  g_autofree char *csv = ts_verdict_to_csv (verdict);
  g_autofree char *tap = ts_verdict_to_tap (verdict);
  /* the verdict last: where it is, the rest is */
  return ts_file_replace (folder, "metrics.json", metrics, error) &&
         ts_file_replace (folder, "metrics.csv", csv, error) &&
         ts_file_replace (folder, "tap.txt", tap, error) &&
         ts_file_replace (folder, "junit.xml", junit, error) &&
         ts_file_replace (folder, "verdict.json", json, error);
}

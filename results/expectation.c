/* results/expectation.c -- what a scenario expects, as data, and whether it can be judged at all.
 */
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/formula.h"
#include "results/judge.h"

TsExpectation *
ts_expectation_new (const char *id, const char *metric)
{
  TsExpectation *expectation = g_new0 (TsExpectation, 1);
  expectation->id = g_strdup (id);
  expectation->metric = g_strdup (metric);
  return expectation;
}

void
ts_expectation_free (TsExpectation *expectation)
{
  if (!expectation)
    return;
  char *texts[] = {
      expectation->id,          expectation->metric,    expectation->vm,
      expectation->window.from, expectation->min,       expectation->max,
      expectation->equals,      expectation->window.to, expectation->within,
  };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_free (expectation);
}

static gboolean
check_limit (const char *name, const char *limit, TsUnit unit, GError **error)
{
  if (!limit)
    return TRUE;
  g_autoptr (TsFormula) formula = ts_formula_parse (limit, unit, error);
  if (formula)
    return TRUE;
  g_prefix_error (error, "%s: ", name);
  return FALSE;
}

static gboolean
check_limits (const TsExpectation *e, const TsMetric *metric, GError **error)
{
  if (!e->min && !e->max && !e->equals)
    return ts_throw (error, TS_ERROR_ARGUMENT, "min, max or equals is missing");
  if (e->equals && (e->min || e->max))
    return ts_throw (error, TS_ERROR_ARGUMENT, "equals stands alone, without min and max");
  if (e->within && !e->equals)
    return ts_throw (error, TS_ERROR_ARGUMENT, "within goes with equals");
  if (metric->unit == TS_UNIT_TEXT) {
    if (e->min || e->max || e->within)
      return ts_throw (error, TS_ERROR_ARGUMENT, "%s is a text: only equals goes with it",
                       metric->name);
    return TRUE;
  }
  return check_limit ("min", e->min, metric->unit, error) &&
         check_limit ("max", e->max, metric->unit, error) &&
         check_limit ("equals", e->equals, metric->unit, error) &&
         check_limit ("within", e->within, metric->unit, error);
}

/* What begins with a digit is a time. */
static gboolean
check_mark (const char *name, const char *mark, GError **error)
{
  gint64 t_us;
  if (!mark || !*mark)
    return ts_throw (error, TS_ERROR_ARGUMENT, "window: %s is missing", name);
  if (!g_ascii_isdigit (*mark) || ts_parse_duration (mark, &t_us, error))
    return TRUE;
  g_prefix_error (error, "window: ");
  return FALSE;
}

static gboolean
check_window (const TsWindow *window, const TsMetric *metric, GError **error)
{
  gboolean whole = window->kind == TS_WINDOW_ALWAYS || window->kind == TS_WINDOW_END;
  if (whole)
    return TRUE;
  if (metric->scope == TS_SCOPE_RUN)
    return ts_throw (error, TS_ERROR_ARGUMENT, "%s has one value a run: no at and no during",
                     metric->name);
  return check_mark ("from", window->from, error) &&
         (window->kind == TS_WINDOW_AT || check_mark ("to", window->to, error));
}

gboolean
ts_expectation_check (const TsExpectation *expectation, GError **error)
{
  const TsMetric *metric = ts_metric_find (expectation->metric);
  if (!metric) {
    g_autofree char *suggestion = ts_metric_suggest (expectation->metric);
    return ts_throw (error, TS_ERROR_ARGUMENT, "there is no metric \"%s\"%s", expectation->metric,
                     suggestion);
  }
  return check_limits (expectation, metric, error) &&
         check_window (&expectation->window, metric, error);
}

TsExpectations *
ts_expectations_new (void)
{
  TsExpectations *all = g_new0 (TsExpectations, 1);
  all->expectations = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_expectation_free);
  all->must_fail = g_ptr_array_new_with_free_func (g_free);
  all->allow = g_ptr_array_new_with_free_func (g_free);
  all->allow_refused = g_ptr_array_new_with_free_func (g_free);
  all->allow_failed = g_ptr_array_new_with_free_func (g_free);
  all->also = g_ptr_array_new ();
  all->published = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_published_free);
  return all;
}

void
ts_expectations_free (TsExpectations *all)
{
  if (!all)
    return;
  g_ptr_array_unref (all->expectations);
  g_ptr_array_unref (all->must_fail);
  g_ptr_array_unref (all->allow);
  g_ptr_array_unref (all->allow_refused);
  g_ptr_array_unref (all->allow_failed);
  g_ptr_array_unref (all->also);
  g_ptr_array_unref (all->published);
  g_free (all);
}

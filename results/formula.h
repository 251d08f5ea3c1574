/* results/formula.h -- a limit: a sum of quantities and metrics ("interval + transfer.max +
 * 500ms").
 *
 * Grammar: results/judge.h, TsExpectation. */
#pragma once
#include "results/metrics.h"

typedef struct _TsFormula TsFormula;

/* unit: of every term; not TEXT.  TS_ERROR_ARGUMENT says which term is wrong, and what it might be.
 */
TsFormula *ts_formula_parse (const char *text, TsUnit unit,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_formula_free (TsFormula *formula); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsFormula, ts_formula_free)

/* With vm's metrics over the whole run.  FALSE: a metric in it is never or unknown, or the sum is
 * past 64 bits; *why says it (caller frees). */
gboolean ts_formula_value (const TsFormula *formula, const TsMetrics *metrics, const char *vm,
                           gint64 *value, char **why);

/* A quantity in that unit, not TEXT: "500ms", "64KiB", "275Mbit/s", "3".  TS_ERROR_ARGUMENT. */
gboolean ts_quantity_parse (const char *word, TsUnit unit, gint64 *value, GError **error);

/* " (did you mean \"x\"?)" for the metric whose name is nearest, or "".  Caller frees. */
char *ts_metric_suggest (const char *name);

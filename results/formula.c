#include "results/formula.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include <string.h>

typedef struct {
  gint64 factor;          /* its sign is the term's */
  const TsMetric *metric; /* NULL: a constant */
  gint64 constant;
} Term;

struct _TsFormula {
  GArray *terms; /* Term */
};

#define NAME_MAX_CHARS 64u

/* Levenshtein's distance, for short names. */
static guint
distance (const char *a, const char *b)
{
  guint row[NAME_MAX_CHARS + 1];
  guint len = (guint)strlen (b);
  for (guint j = 0; j <= len; j++)
    row[j] = j;
  for (guint i = 1; a[i - 1]; i++) {
    guint diagonal = row[0];
    row[0] = i;
    for (guint j = 1; j <= len; j++) {
      guint change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = MIN (change, MIN (row[j], row[j - 1]) + 1);
    }
  }
  return row[len];
}

char *
ts_metric_suggest (const char *name)
{
  const char *best = NULL;
  guint best_distance = 4; /* further away is another word */
  if (strlen (name) > NAME_MAX_CHARS)
    return g_strdup ("");
  for (guint i = 0; i < ts_metric_count (); i++) {
    const char *candidate = ts_metric_get (i)->name;
    g_assert (strlen (candidate) <= NAME_MAX_CHARS);
    guint d = distance (name, candidate);
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best ? g_strdup_printf (" (did you mean \"%s\"?)", best) : g_strdup ("");
}

gboolean
ts_quantity_parse (const char *word, TsUnit unit, gint64 *value, GError **error)
{
  guint64 size;
  switch (unit) {
  case TS_UNIT_US:
    return ts_parse_duration (word, value, error);
  case TS_UNIT_BYTES:
    if (!ts_parse_size (word, &size, error))
      return FALSE;
    if (size > G_MAXINT64)
      return ts_throw (error, TS_ERROR_ARGUMENT, "\"%s\" is past 64 bits", word);
    *value = (gint64)size;
    return TRUE;
  case TS_UNIT_RATE:
    if (!ts_parse_rate (word, &size, error))
      return FALSE;
    *value = (gint64)(size / 8); /* written in bits, as links are */
    return TRUE;
  case TS_UNIT_COUNT:
    if (g_ascii_string_to_signed (word, 10, 0, G_MAXINT64, value, NULL))
      return TRUE;
    return ts_throw (error, TS_ERROR_ARGUMENT, "\"%s\" is not a count (0, 1, 2 ...)", word);
  case TS_UNIT_TEXT:
    break;
  }
  return ts_throw (error, TS_ERROR_ARGUMENT, "a text has no sum");
}

static gboolean
parse_metric (const char *word, TsUnit unit, const TsMetric **metric, GError **error)
{
  *metric = ts_metric_find (word);
  if (!*metric) {
    g_autofree char *suggestion = ts_metric_suggest (word);
    return ts_throw (error, TS_ERROR_ARGUMENT, "there is no metric \"%s\"%s", word, suggestion);
  }
  if ((*metric)->unit != unit)
    return ts_throw (error, TS_ERROR_ARGUMENT, "\"%s\" is in %s, the limit is in %s", word,
                     ts_unit_name ((*metric)->unit), ts_unit_name (unit));
  return TRUE;
}

static void
skip_space (const char **at)
{
  while (**at == ' ')
    (*at)++;
}

/* The next word, or NULL. */
static char *
take_word (const char **at)
{
  skip_space (at);
  gsize len = strcspn (*at, " +-*");
  if (len == 0)
    return NULL;
  char *word = g_strndup (*at, len);
  *at += len;
  skip_space (at);
  return word;
}

static gboolean
parse_term (const char **at, gint64 sign, TsUnit unit, GArray *terms, GError **error)
{
  Term term = {.factor = sign};
  g_autofree char *word = take_word (at);
  if (word && **at == '*') {
    gint64 factor;
    if (!g_ascii_string_to_signed (word, 10, 0, 1000000, &factor, NULL))
      return ts_throw (error, TS_ERROR_ARGUMENT, "\"%s\" in front of * is not a whole number",
                       word);
    term.factor *= factor;
    (*at)++;
    g_free (word);
    word = take_word (at);
  }
  if (!word)
    return ts_throw (error, TS_ERROR_ARGUMENT, "a quantity or a metric is missing");
  gboolean fine = g_ascii_isdigit (*word) ? ts_quantity_parse (word, unit, &term.constant, error)
                                          : parse_metric (word, unit, &term.metric, error);
  if (fine)
    g_array_append_val (terms, term);
  return fine;
}

TsFormula *
ts_formula_parse (const char *text, TsUnit unit, GError **error)
{
  g_autoptr (TsFormula) formula = g_new0 (TsFormula, 1);
  formula->terms = g_array_new (FALSE, FALSE, sizeof (Term));
  gint64 sign = 1;
  for (const char *at = text;; at++) {
    if (!parse_term (&at, sign, unit, formula->terms, error)) {
      g_prefix_error (error, "\"%s\": ", text);
      return NULL;
    }
    if (!*at)
      return g_steal_pointer (&formula);
    if (*at != '+' && *at != '-') {
      ts_throw (error, TS_ERROR_ARGUMENT, "\"%s\": + or - is wanted in front of \"%s\"", text, at);
      return NULL;
    }
    sign = *at == '-' ? -1 : 1;
  }
}

void
ts_formula_free (TsFormula *formula)
{
  if (!formula)
    return;
  g_array_unref (formula->terms);
  g_free (formula);
}

gboolean
ts_formula_value (const TsFormula *formula, const TsMetrics *metrics, const char *vm, gint64 *value,
                  char **why)
{
  *value = 0;
  *why = NULL;
  for (guint i = 0; i < formula->terms->len; i++) {
    const Term *term = &g_array_index (formula->terms, Term, i);
    gint64 amount = term->constant;
    if (term->metric) {
      g_auto (TsMeasure) measure = {0};
      ts_metrics_measure (metrics, term->metric, vm, 0, TS_NEVER, &measure);
      if (measure.kind != TS_MEASURE_VALUE) {
        g_autofree char *shown = ts_measure_format (&measure, term->metric->unit);
        *why = g_strdup_printf ("%s in the limit is %s", term->metric->name, shown);
        return FALSE;
      }
      amount = measure.number;
    }
    if (__builtin_mul_overflow (amount, term->factor, &amount) ||
        __builtin_add_overflow (*value, amount, value)) {
      *why = g_strdup ("the limit is past 64 bits");
      return FALSE;
    }
  }
  return TRUE;
}

#include "scenarios/engine/problem.h"
#include <string.h>

static void
problem_free (gpointer data)
{
  TsProblem *problem = data;
  g_free (problem->file);
  g_free (problem->message);
  g_free (problem);
}

TsProblems *
ts_problems_new (const char *file)
{
  TsProblems *problems = g_new0 (TsProblems, 1);
  problems->file = g_strdup (file);
  problems->list = g_ptr_array_new_with_free_func (problem_free);
  return problems;
}

void
ts_problems_free (TsProblems *problems)
{
  if (problems == NULL)
    return;
  g_free (problems->file);
  g_ptr_array_unref (problems->list);
  g_free (problems);
}

void
ts_problem (TsProblems *problems, guint line, guint column, const char *format, ...)
{
  if (problems->list->len >= TS_PROBLEMS_MAX)
    return;
  TsProblem *problem = g_new0 (TsProblem, 1);
  va_list args;
  va_start (args, format);
  problem->file = g_strdup (problems->file);
  problem->line = line;
  problem->column = column;
  problem->message = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_add (problems->list, problem);
}

gboolean
ts_problems_any (const TsProblems *problems)
{
  return problems->list->len > 0;
}

static gint
by_place (gconstpointer a, gconstpointer b)
{
  const TsProblem *left = *(TsProblem *const *)a, *right = *(TsProblem *const *)b;
  if (left->line != right->line)
    return left->line < right->line ? -1 : 1;
  return left->column < right->column ? -1 : left->column > right->column;
}

char *
ts_problems_format (TsProblems *problems)
{
  g_ptr_array_sort (problems->list, by_place);
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < problems->list->len; i++) {
    const TsProblem *problem = problems->list->pdata[i];
    g_string_append (out, problem->file);
    if (problem->line > 0)
      g_string_append_printf (out, ":%u:%u", problem->line, problem->column);
    g_string_append_printf (out, ": %s\n", problem->message);
  }
  if (problems->list->len >= TS_PROBLEMS_MAX)
    g_string_append_printf (out, "%s: only the first %d problems are shown\n", problems->file,
                            TS_PROBLEMS_MAX);
  return g_string_free (out, FALSE);
}

/* Optimal string alignment distance (Damerau-Levenshtein without nested edits). */
static guint
distance (const char *a, const char *b)
{
  enum { MAX = 40 };
  gsize m = strlen (a), n = strlen (b);
  if (m > MAX || n > MAX)
    return G_MAXUINT;
  guint d[MAX + 1][MAX + 1];
  for (gsize i = 0; i <= m; i++)
    d[i][0] = (guint)i;
  for (gsize j = 0; j <= n; j++)
    d[0][j] = (guint)j;
  for (gsize i = 1; i <= m; i++)
    for (gsize j = 1; j <= n; j++) {
      char x = g_ascii_tolower (a[i - 1]), y = g_ascii_tolower (b[j - 1]);
      guint best = d[i - 1][j - 1] + (x != y);
      best = MIN (best, MIN (d[i - 1][j], d[i][j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = MIN (best, d[i - 2][j - 2] + 1);
      d[i][j] = best;
    }
  return d[m][n];
}

const char *
ts_suggest (const char *word, const char *const *words)
{
  const char *nearest = NULL;
  guint nearest_distance = G_MAXUINT;
  for (; *words != NULL; words++) {
    guint here = distance (word, *words);
    gsize longer = MAX (strlen (word), strlen (*words));
    if (here < nearest_distance && here <= MAX (1, longer / 3)) {
      nearest = *words;
      nearest_distance = here;
    }
  }
  return nearest;
}

char *
ts_suggest_text (const char *word, const char *const *words)
{
  const char *meant = ts_suggest (word, words);
  if (meant != NULL)
    return g_strdup_printf ("; did you mean '%s'?", meant);
  guint count = g_strv_length ((char **)words);
  if (count == 0 || count > 16)
    return g_strdup ("");
  g_autofree char *all = g_strjoinv (", ", (char **)words);
  return g_strdup_printf ("; there %s %s", count == 1 ? "is only" : "are:", all);
}

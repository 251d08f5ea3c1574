/* scenarios/engine/problem.h -- what is wrong with a scenario file, and where.
 *
 * A reader collects all it finds, so that a file is mended in one go.  Told as compilers do, so
 * that editors can jump there: "FILE:LINE:COLUMN: what is wrong". */
#pragma once
#include <glib.h>

#define TS_PROBLEMS_MAX 20 /* after so many the rest is noise */

typedef struct {
  char *file;
  guint line, column; /* from 1; 0: the file as a whole */
  char *message;
} TsProblem;

typedef struct {
  char *file;
  GPtrArray *list; /* TsProblem * */
} TsProblems;

TsProblems *ts_problems_new (const char *file) G_GNUC_WARN_UNUSED_RESULT;
void ts_problems_free (TsProblems *problems); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsProblems, ts_problems_free)

void ts_problem (TsProblems *problems, guint line, guint column, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

gboolean ts_problems_any (const TsProblems *problems);
/* One line each, ending in '\n', in order of place.  Caller frees. */
char *ts_problems_format (TsProblems *problems);

/* The word of words (NULL-terminated) that was probably meant, or NULL: at most one slip for each
 * three letters (insertion, deletion, change, two letters swapped). */
const char *ts_suggest (const char *word, const char *const *words);
/* "; did you mean 'x'?", or "; there are: a, b, c" (short lists), or "".  Caller frees. */
char *ts_suggest_text (const char *word, const char *const *words);

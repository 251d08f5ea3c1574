/* scenarios/cli/compare.c -- twinsite compare RUN RUN */
#include "results/compare.h"
#include <stdio.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/file.h"
#include "scenarios/cli/command.h"

typedef struct {
  char *name;
  TsJournal *journal;
  TsVerdict *verdict; /* of no expectations: only its figures matter */
} Stored;

static void
stored_free (Stored *stored)
{
  g_free (stored->name);
  ts_journal_free (stored->journal);
  ts_verdict_free (stored->verdict);
  g_free (stored);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Stored, stored_free)

/* Reads and measures; writes nothing.  NULL: said why. */
static Stored *
stored_read (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autofree char *ledger_path = g_build_filename (folder, "ledger.tsv", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (TsExpectations) none = ts_expectations_new ();
  g_autoptr (TsLedger) ledger = NULL;
  g_autoptr (Stored) stored = g_new0 (Stored, 1);
  stored->name = g_path_get_basename (folder);
  stored->journal = ts_journal_read (path, &error);
  ledger = stored->journal != NULL ? ts_ledger_read (ledger_path, &error) : NULL;
  if (ledger == NULL) {
    fprintf (stderr, "twinsite: %s\n", error->message);
    return NULL;
  }
  const TsRecord *first =
      stored->journal->records->len > 0 ? stored->journal->records->pdata[0] : NULL;
  const char *scenario = first != NULL ? ts_record_get_text (first, "scenario") : NULL;
  const char *engine = first != NULL ? ts_record_get_text (first, "engine") : NULL;
  if (scenario == NULL || engine == NULL) {
    fprintf (stderr, "twinsite: %s: the first line does not tell which scenario and engine ran\n",
             path);
    return NULL;
  }
  TsJudgeContext context = {
      .scenario = scenario,
      .engine = engine,
      .seed = (guint64)ts_record_get_int (first, "seed", 0),
      .time_scale = (guint32)CLAMP (ts_record_get_int (first, "time_scale", 1), 1, 60),
      .replay = "",
  };
  stored->verdict = ts_judge (stored->journal, ledger, none, &context);
  return g_steal_pointer (&stored);
}

static gboolean
write_svg (const TsComparison *comparison, const char *path)
{
  g_autofree char *svg = ts_comparison_to_svg (comparison);
  g_autofree char *folder = g_path_get_dirname (path), *name = g_path_get_basename (path);
  g_autoptr (GError) error = NULL;
  if (!ts_file_replace (folder, name, svg, &error)) {
    fprintf (stderr, "twinsite: no picture (the comparison stands): %s\n", error->message);
    return FALSE;
  }
  printf ("%s\n", path);
  return TRUE;
}

/* Percent, with or without its sign; at most 100. */
static gboolean
parse_threshold (const char *text, gint64 *ppm)
{
  g_autofree char *share =
      g_str_has_suffix (text, "%") ? g_strdup (text) : g_strconcat (text, "%", NULL);
  guint32 parsed;
  if (!ts_parse_share (share, &parsed, NULL))
    return FALSE;
  *ppm = parsed;
  return TRUE;
}

int
ts_command_compare (int argc, char **argv)
{
  int status;
  gboolean all = FALSE;
  gint64 threshold_ppm = -1;
  g_autofree char *threshold = NULL, *svg = NULL;
  const GOptionEntry entries[] = {
      {"threshold", 0, 0, G_OPTION_ARG_STRING, &threshold,
       "exit with 1 when a metric differs by more than that of the first run's (0 to 100)",
       "PERCENT"},
      {"all", 0, 0, G_OPTION_ARG_NONE, &all, "show the metrics that do not differ, too", NULL},
      {"svg", 0, 0, G_OPTION_ARG_FILENAME, &svg,
       "draw both exposure curves into this file (compare.svg in the second run's folder)", "FILE"},
      G_OPTION_ENTRY_NULL,
  };
  if (!ts_command_options (entries, "RUN RUN",
                           "Compares two stored runs, metric by metric; a simulator's and a lab's "
                           "run of one scenario\nare also asked whether they agree (results/"
                           "compare.h).  Exit code: 1 past the threshold, or\nwhen simulator and "
                           "lab do not agree; else 0.",
                           &argc, &argv, &status))
    return status;
  if (argc != 3)
    return ts_command_usage ("compare", "name the folders of two runs");
  if (threshold != NULL && !parse_threshold (threshold, &threshold_ppm))
    return ts_command_usage ("compare", "--threshold: '%s' is no percentage from 0 to 100",
                             threshold);
  g_autoptr (Stored) first = stored_read (argv[1]);
  g_autoptr (Stored) second = stored_read (argv[2]);
  if (first == NULL || second == NULL)
    return TS_EXIT_BAD_SCENARIO; /* what it was given is not a run */
  TsCompareSide a = {first->name, first->verdict, first->journal};
  TsCompareSide b = {second->name, second->verdict, second->journal};
  g_autoptr (TsComparison) comparison = ts_compare (&a, &b, threshold_ppm);
  g_autofree char *text = ts_comparison_format (comparison, all);
  fputs (text, stdout);
  g_autofree char *beside = g_build_filename (argv[2], "compare.svg", NULL);
  write_svg (comparison, svg != NULL ? svg : beside);
  return comparison->past > 0 || comparison->disagreeing > 0 ? TS_EXIT_FAILED : TS_EXIT_PASSED;
}

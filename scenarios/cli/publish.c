#include "scenarios/cli/publish.h"
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "core/base/error.h"
#include "results/file.h"
#include "results/plot.h"
#include "results/report.h"

/* The value of the first line of a /proc file that begins with key; NULL: there is none. */
static char *
proc_value (const char *path, const char *key)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  const char *at = strstr (text, key);
  if (at == NULL || (at != text && at[-1] != '\n'))
    return NULL;
  at += strlen (key);
  at += strspn (at, " \t:");
  return g_strndup (at, strcspn (at, "\n"));
}

void
ts_publish_machine (const char *folder)
{
  struct utsname name;
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *when = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *processor = proc_value ("/proc/cpuinfo", "model name");
  g_autofree char *memory = proc_value ("/proc/meminfo", "MemTotal");
  g_autoptr (GError) error = NULL;
  if (uname (&name) != 0)
    return;
  g_autofree char *text = g_strdup_printf (
      "run at: %s\nsystem: %s %s %s %s\nprocessors: %u x %s\nmemory: %s\n", when, name.sysname,
      name.release, name.version, name.machine, g_get_num_processors (),
      processor != NULL ? processor : "not told", memory != NULL ? memory : "not told");
  if (!ts_file_replace (folder, "machine.txt", text, &error))
    fprintf (stderr, "twinsite: %s\n", error->message);
}

static gboolean
plot (const char *folder, const TsVerdict *verdict, const TsJournal *journal, gboolean png)
{
  static gboolean told_missing;
  g_autoptr (GError) error = NULL;
  if (ts_plot_write (verdict, journal, folder, &error) && ts_plot_draw (folder, png, &error))
    return TRUE;
  gboolean missing = g_error_matches (error, TS_ERROR, TS_ERROR_UNAVAILABLE);
  if (!missing || !told_missing)
    fprintf (stderr, "twinsite: no pictures in plots/ (the verdict stands): %s\n", error->message);
  told_missing = told_missing || missing;
  return FALSE;
}

gboolean
ts_publish (const char *folder, const TsVerdict *verdict, const char *title, TsPublishPlots plots)
{
  g_autofree char *path = g_build_filename (folder, "journal.jsonl", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (TsJournal) journal = ts_journal_read (path, &error);
  gboolean good = journal != NULL && ts_report_write (verdict, journal, folder, title, &error);
  if (!good)
    fprintf (stderr, "twinsite: no report (the verdict stands): %s\n", error->message);
  if (journal != NULL && plots != TS_PUBLISH_NO_PLOTS)
    good = plot (folder, verdict, journal, plots == TS_PUBLISH_PNG) && good;
  return good;
}

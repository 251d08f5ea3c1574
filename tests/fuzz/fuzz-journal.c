/* Any bytes: the reader says a journal or FORMAT; what it accepts, it writes and reads again alike;
 * and whatever a journal says, measuring it ends. */
#include "core/base/error.h"
#include "results/metrics.h"
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static char *
write_all (const TsJournal *journal)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < journal->records->len; i++) {
    g_autofree char *line = ts_record_to_json (journal->records->pdata[i]);
    g_string_append_printf (text, "%s\n", line);
  }
  return g_string_free (text, FALSE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsJournal) journal = ts_journal_parse ((const char *)data, len_bytes, &error);
  g_assert ((journal == NULL) == (error != NULL));
  g_assert (journal || g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  if (!journal)
    return 0;
  g_autofree char *once = write_all (journal);
  g_autoptr (TsJournal) again = ts_journal_parse (once, strlen (once), &error);
  g_assert_no_error (error);
  g_autofree char *twice = write_all (again);
  g_assert_cmpstr (once, ==, twice);

  g_autoptr (TsLedger) ledger = ts_ledger_new ();
  g_autoptr (TsMetrics) metrics = ts_metrics_new (journal, ledger);
  for (guint v = 0; v < ts_metrics_vm_count (metrics); v++)
    for (guint m = 0; m < ts_metric_count (); m++) {
      g_auto (TsMeasure) measure = {0};
      ts_metrics_measure (metrics, ts_metric_get (m), ts_metrics_vm (metrics, v), 0, G_MAXINT64,
                          &measure);
      g_autofree char *text = ts_measure_format (&measure, ts_metric_get (m)->unit);
      g_assert (text);
    }
  return 0;
}

/* Any bytes: the reader says a ledger or FORMAT; what it accepts, it writes and reads again alike;
 * and whatever a ledger says, a failover can be judged by it. */
#include "core/base/error.h"
#include "results/metrics.h"
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

static const char failover[] =
    "{\"t_us\":5,\"source\":\"x\",\"kind\":\"power\",\"vm\":\"app\",\"host\":\"hv-a\",\"on\":false,"
    "\"why\":\"power lost\"}\n"
    "{\"t_us\":6,\"source\":\"x\",\"kind\":\"failover\",\"vm\":\"app\",\"host\":\"hv-b\","
    "\"planned\":false,\"phase\":\"commanded\"}\n"
    "{\"t_us\":7,\"source\":\"x\",\"kind\":\"failover\",\"vm\":\"app\",\"host\":\"hv-b\","
    "\"planned\":false,\"phase\":\"promoted\",\"instant_us\":4}\n"
    "{\"t_us\":8,\"source\":\"x\",\"kind\":\"survey\",\"vm\":\"app\",\"host\":\"hv-b\","
    "\"phase\":\"begun\"}\n"
    "{\"t_us\":9,\"source\":\"x\",\"kind\":\"survey\",\"vm\":\"app\",\"host\":\"hv-b\","
    "\"phase\":\"done\",\"fill_blocks\":9,\"fill_bad\":1}\n";

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TsLedger) ledger = ts_ledger_parse ((const char *)data, len_bytes, &error);
  g_assert ((ledger == NULL) == (error != NULL));
  g_assert (ledger || g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  if (!ledger)
    return 0;
  g_autofree char *once = ts_ledger_to_text (ledger);
  g_autoptr (TsLedger) again = ts_ledger_parse (once, strlen (once), &error);
  g_assert_no_error (error);
  g_autofree char *twice = ts_ledger_to_text (again);
  g_assert_cmpstr (once, ==, twice);

  g_autoptr (TsJournal) journal = ts_journal_parse (failover, strlen (failover), NULL);
  g_autoptr (TsMetrics) metrics = ts_metrics_new (journal, ledger);
  for (guint m = 0; m < ts_metric_count (); m++) {
    g_auto (TsMeasure) measure = {0};
    ts_metrics_measure (metrics, ts_metric_get (m), "app", 0, G_MAXINT64, &measure);
  }
  return 0;
}

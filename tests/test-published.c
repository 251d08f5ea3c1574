/* tests/test-published.c -- somebody else's figures beside ours: what is compared, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/error.h"
#include "results/published.h"

/* Two machines; b's last cycle took longer. */
static const char journal_text[] =
    "{\"t_us\":1,\"source\":\"p\",\"kind\":\"policy\",\"vm\":\"a\",\"interval_us\":30000000}\n"
    "{\"t_us\":1,\"source\":\"p\",\"kind\":\"policy\",\"vm\":\"b\",\"interval_us\":30000000}\n"
    "{\"t_us\":5,\"source\":\"p\",\"kind\":\"sent\",\"vm\":\"a\",\"set\":1,\"data_bytes\":1000000,"
    "\"wire_bytes\":500000,\"transfer_us\":1500000}\n"
    "{\"t_us\":9,\"source\":\"p\",\"kind\":\"sent\",\"vm\":\"b\",\"set\":1,\"data_bytes\":1000000,"
    "\"wire_bytes\":500000,\"transfer_us\":2500000}\n"
    "{\"t_us\":10,\"source\":\"sim\",\"kind\":\"load\",\"vm\":\"a\",\"writes\":100,\"bytes\":1,"
    "\"log_writes\":20,\"log_bytes\":1,\"apply_writes\":60,\"apply_bytes\":1}\n"
    "{\"t_us\":10,\"source\":\"sim\",\"kind\":\"load\",\"vm\":\"b\",\"writes\":100,\"bytes\":1,"
    "\"log_writes\":30,\"log_bytes\":1,\"apply_writes\":80,\"apply_bytes\":1}\n"
    "{\"t_us\":10,\"source\":\"engine\",\"kind\":\"end\",\"reason\":\"completed\"}\n";

static const struct row {
  const char *name, *metric, *per, *vm, *theirs;
  const char *ours, *difference; /* ours NULL: refused, and difference is part of the message */
} rows[] = {
    {"the worst machine's time, the same", "transfer.max", NULL, NULL, "2.5s", "2.500 s",
     "the same"},
    {"a machine's own", "transfer.max", NULL, "a", "2s", "1.500 s", "25 % less"},
    {"inside a range", "transfer.max", NULL, NULL, "2s..3s", "2.500 s", "within"},
    {"above a range: of its upper end", "transfer.max", NULL, NULL, "1s..2s", "2.500 s",
     "25 % more"},
    {"below a range: of its lower end", "transfer.max", NULL, NULL, "4s..9s", "2.500 s",
     "38 % less"},
    {"many times as much", "transfer.max", NULL, NULL, "500ms", "2.500 s", "5.0 times as much"},
    {"a fraction", "transfer.max", NULL, NULL, "10s", "2.500 s", "1/4.0 of it"},
    {"bytes of all together", "bytes.data", NULL, NULL, "2MB", "2 MB", "the same"},
    {"bytes as theirs are written", "bytes.data", NULL, "a", "2MiB", "976.6 KiB", "1/2.1 of it"},
    {"a rate, in bits as links are", "throughput.max", NULL, "a", "800Gbit/s", "800 Gbit/s",
     "the same"},
    {"a ratio of sums: (2*50 + 140) / 200", "load.replica", "load.writes", NULL, "1.5", "1.20",
     "20 % less"},
    {"of a family", "transfer.p50", NULL, "b", "2500ms", "2.500 s", "the same"},
    {"nothing of ours", NULL, NULL, NULL, "about 5 %", "not measured", ""},
    {"what the run does not tell", "rto", NULL, NULL, "1m", "unknown: no disaster and no failover", ""},
    {"no such metric", "transfer.mux", NULL, NULL, "1s", NULL, "did you mean \"transfer.max\""},
    {"a text", "states", NULL, NULL, "1", NULL, "states is a text"},
    {"another unit", "transfer.max", NULL, NULL, "5MB", NULL, "theirs: "},
    {"a range upside down", "transfer.max", NULL, NULL, "3s..2s", NULL, "begins above its end"},
    {"a ratio with too many decimals", "load.replica", "load.writes", NULL, "1.2345", NULL,
     "is not a ratio"},
    {"a ratio of two units", "load.replica", "transfer.max", NULL, "1", NULL,
     "per: transfer.max is in us, load.replica is in count"},
    {"a ratio of nothing", NULL, "load.writes", NULL, "1", NULL, "per goes with metric"},
};

static void
is_compared (void **state)
{
  const struct row *row = *state;
  g_autoptr (TsPublished) published = ts_published_new ("what it is", row->theirs, "where");
  published->metric = g_strdup (row->metric);
  published->per = g_strdup (row->per);
  published->vm = g_strdup (row->vm);
  g_autoptr (GError) error = NULL;
  if (!row->ours) {
    assert_false (ts_published_check (published, &error));
    assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
    if (!strstr (error->message, row->difference))
      fail_msg ("\"%s\" does not hold \"%s\"", error->message, row->difference);
    return;
  }
  assert_true (ts_published_check (published, &error));
  g_autoptr (TsJournal) journal = ts_journal_parse (journal_text, strlen (journal_text), &error);
  assert_null (error);
  g_autoptr (TsLedger) ledger = ts_ledger_new ();
  g_autoptr (TsMetrics) metrics = ts_metrics_new (journal, ledger);
  TsPublishedFinding *finding = ts_published_compare (published, metrics);
  assert_string_equal (finding->ours, row->ours);
  assert_string_equal (finding->difference, row->difference);
  assert_string_equal (finding->theirs, row->theirs);
  ts_published_finding_free (finding);
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows)];
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[i] = (struct CMUnitTest){rows[i].name, is_compared, NULL, NULL, (void *)&rows[i]};
  return cmocka_run_group_tests (tests, NULL, NULL);
}

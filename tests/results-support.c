#include "results-support.h"
#include <string.h>

Run *
run_new (void)
{
  Run *run = g_new0 (Run, 1);
  run->journal = ts_journal_new ();
  run->ledger = ts_ledger_new ();
  run_tell (run, 0, "\"kind\":\"run\",\"scenario\":\"made-up\",\"engine\":\"sim\",\"seed\":7");
  run_tell (run, 0, "\"kind\":\"policy\",\"vm\":\"app\",\"interval_us\":30000000");
  return run;
}

void
run_free (Run *run)
{
  ts_metrics_free (run->metrics);
  ts_journal_free (run->journal);
  ts_ledger_free (run->ledger);
  g_free (run);
}

void
run_tell (Run *run, gint64 t_us, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *fields = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *line =
      g_strdup_printf ("{\"t_us\":%" G_GINT64_FORMAT ",\"source\":\"test\",%s}", t_us, fields);
  g_autoptr (GError) error = NULL;
  TsRecord *record = ts_journal_parse_line (line, strlen (line), &error);
  g_assert_no_error (error);
  g_ptr_array_add (run->journal->records, record);
}

void
run_point (Run *run, gint64 t_us, gint64 instant_us)
{
  run_tell (run, t_us,
            "\"kind\":\"point\",\"vm\":\"app\",\"host\":\"hv-b\",\"set\":1,"
            "\"instant_us\":%" G_GINT64_FORMAT ",\"type\":\"standard\"",
            instant_us);
}

void
run_power (Run *run, gint64 t_us, const char *host, gboolean on, const char *why)
{
  run_tell (run, t_us, "\"kind\":\"power\",\"vm\":\"app\",\"host\":\"%s\",\"on\":%s,\"why\":\"%s\"",
            host, on ? "true" : "false", why);
}

void
run_probe (Run *run, gint64 t_us, const char *host, gboolean up)
{
  run_tell (run, t_us, "\"kind\":\"probe\",\"vm\":\"app\",\"host\":\"%s\",\"up\":%s", host,
            up ? "true" : "false");
}

void
run_failover (Run *run, gint64 t_us, const char *phase, gboolean planned, gint64 instant_us)
{
  run_tell (run, t_us,
            "\"kind\":\"failover\",\"vm\":\"app\",\"host\":\"hv-b\",\"planned\":%s,"
            "\"phase\":\"%s\",\"instant_us\":%" G_GINT64_FORMAT,
            planned ? "true" : "false", phase, instant_us);
}

void
run_ready (Run *run, gint64 t_us)
{
  run_tell (run, t_us, "\"kind\":\"guest\",\"vm\":\"app\",\"host\":\"hv-b\",\"phase\":\"ready\"");
}

void
run_survey (Run *run, gint64 t_us, const char *phase, gint64 fill_blocks, gint64 fill_bad)
{
  run_tell (run, t_us,
            "\"kind\":\"survey\",\"vm\":\"app\",\"host\":\"hv-b\",\"phase\":\"%s\","
            "\"records\":0,\"fill_blocks\":%" G_GINT64_FORMAT ",\"fill_bad\":%" G_GINT64_FORMAT,
            phase, fill_blocks, fill_bad);
}

void
run_step (Run *run, gint64 t_us, const char *id, const char *phase)
{
  run_tell (run, t_us, "\"kind\":\"step\",\"id\":\"%s\",\"verb\":\"x\",\"phase\":\"%s\"", id,
            phase);
}

void
run_end (Run *run, gint64 t_us)
{
  run_tell (run, t_us, "\"kind\":\"end\",\"reason\":\"%s\"", TS_END_COMPLETED);
}

void
run_write (Run *run, gint64 t_us, const char *disk, guint64 slot, guint64 sequence)
{
  TsLedgerEntry entry = {.kind = TS_LEDGER_WRITE,
                         .t_us = t_us,
                         .vm = "app",
                         .disk = disk,
                         .offset_bytes = slot * SLOT_BYTES,
                         .length_bytes = SLOT_BYTES,
                         .sequence = sequence,
                         .copy = ""};
  ts_ledger_add (run->ledger, &entry);
}

void
run_flush (Run *run, gint64 t_us, const char *disk, guint64 sequence)
{
  TsLedgerEntry entry = {.kind = TS_LEDGER_FLUSH,
                         .t_us = t_us,
                         .vm = "app",
                         .disk = disk,
                         .sequence = sequence,
                         .copy = ""};
  ts_ledger_add (run->ledger, &entry);
}

void
run_held (Run *run, gint64 t_us, const char *disk, guint64 slot, guint64 sequence, TsHeldState held)
{
  TsLedgerEntry entry = {.kind = TS_LEDGER_HELD,
                         .t_us = t_us,
                         .vm = "app",
                         .disk = disk,
                         .offset_bytes = slot * SLOT_BYTES,
                         .length_bytes = SLOT_BYTES,
                         .sequence = sequence,
                         .copy = "hv-b",
                         .held = held};
  ts_ledger_add (run->ledger, &entry);
}

static void
measure (Run *run, const char *name, gint64 from_us, gint64 to_us, TsMeasure *out)
{
  const TsMetric *metric = ts_metric_find (name);
  if (!metric)
    g_error ("no metric %s", name);
  if (!run->metrics)
    run->metrics = ts_metrics_new (run->journal, run->ledger);
  ts_metrics_measure (run->metrics, metric, "app", from_us, to_us, out);
}

gint64
run_number_in (Run *run, const char *metric, gint64 from_us, gint64 to_us)
{
  g_auto (TsMeasure) out = {0};
  measure (run, metric, from_us, to_us, &out);
  if (out.kind != TS_MEASURE_VALUE)
    g_error ("%s is not told: %s", metric, out.why);
  return out.number;
}

gint64
run_number (Run *run, const char *metric)
{
  return run_number_in (run, metric, 0, TS_NEVER);
}

char *
run_text_in (Run *run, const char *metric, gint64 from_us, gint64 to_us)
{
  g_auto (TsMeasure) out = {0};
  measure (run, metric, from_us, to_us, &out);
  if (out.kind != TS_MEASURE_VALUE)
    g_error ("%s is not told: %s", metric, out.why);
  return g_strdup (out.text);
}

TsMeasureKind
run_kind_in (Run *run, const char *metric, gint64 from_us, gint64 to_us)
{
  g_auto (TsMeasure) out = {0};
  measure (run, metric, from_us, to_us, &out);
  return out.kind;
}

gint64
run_when_in (Run *run, const char *metric, gint64 from_us, gint64 to_us)
{
  g_auto (TsMeasure) out = {0};
  measure (run, metric, from_us, to_us, &out);
  return out.t_us;
}

#include "results/recorder.h"
#include "core/base/error.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LEDGER_BUFFER_BYTES (1024 * 1024)

typedef struct {
  char *path;
  FILE *file; /* NULL: memory only, or closed */
} Sink;

struct _TsRecorder {
  TsObserver observer; /* first, so that the two are one pointer */
  TsJournal *journal;
  TsLedger *ledger;
  Sink journal_sink, ledger_sink;
  GString *line;
  GString *rows; /* of the ledger, kept back; NULL: each is written as it comes */
  gboolean no_ledger;
  GError *failure; /* the first write that failed */
  TsRecorderHook hook;
  gpointer hook_data;
};

static void
sink_write (TsRecorder *recorder, Sink *sink, const char *text, gsize len)
{
  if (!sink->file || recorder->failure)
    return;
  errno = 0;
  if (fwrite (text, 1, len, sink->file) != len || fflush (sink->file) != 0)
    ts_throw_errno (&recorder->failure, "write %s", sink->path);
}

static void
write_rows (TsRecorder *recorder)
{
  if (!recorder->rows || recorder->rows->len == 0)
    return;
  sink_write (recorder, &recorder->ledger_sink, recorder->rows->str, recorder->rows->len);
  g_string_truncate (recorder->rows, 0);
}

static void
on_record (TsObserver *observer, const TsRecord *record)
{
  TsRecorder *recorder = (TsRecorder *)observer;
  g_autofree char *line = ts_record_to_json (record);
  ts_journal_add (recorder->journal, record);
  g_string_assign (recorder->line, line);
  g_string_append_c (recorder->line, '\n');
  sink_write (recorder, &recorder->journal_sink, recorder->line->str, recorder->line->len);
  if (recorder->hook)
    recorder->hook (recorder, record, recorder->hook_data);
}

static void
on_ledger (TsObserver *observer, const TsLedgerEntry *entry)
{
  TsRecorder *recorder = (TsRecorder *)observer;
  if (recorder->no_ledger)
    return;
  if (!recorder->ledger_sink.file) {
    ts_ledger_add (recorder->ledger, entry);
    return;
  }
  if (recorder->rows) {
    ts_ledger_add_row (recorder->ledger, entry, recorder->rows);
    if (recorder->rows->len >= LEDGER_BUFFER_BYTES)
      write_rows (recorder);
    return;
  }
  g_string_truncate (recorder->line, 0);
  ts_ledger_add_row (recorder->ledger, entry, recorder->line);
  sink_write (recorder, &recorder->ledger_sink, recorder->line->str, recorder->line->len);
}

static gboolean
sink_open (Sink *sink, const char *folder, const char *name, GError **error)
{
  sink->path = g_build_filename (folder, name, NULL);
  sink->file = fopen (sink->path, "we");
  if (!sink->file)
    return ts_throw_errno (error, "create %s", sink->path);
  return TRUE;
}

TsRecorder *
ts_recorder_new (const char *folder, GError **error)
{
  g_autoptr (TsRecorder) recorder = g_new0 (TsRecorder, 1);
  recorder->observer.record = on_record;
  recorder->observer.ledger = on_ledger;
  recorder->journal = ts_journal_new ();
  recorder->ledger = ts_ledger_new ();
  recorder->line = g_string_new (NULL);
  if (folder) {
    if (!sink_open (&recorder->journal_sink, folder, "journal.jsonl", error) ||
        !sink_open (&recorder->ledger_sink, folder, "ledger.tsv", error))
      return NULL;
    sink_write (recorder, &recorder->ledger_sink, TS_LEDGER_HEADER, strlen (TS_LEDGER_HEADER));
    if (recorder->failure) {
      g_propagate_error (error, g_steal_pointer (&recorder->failure));
      return NULL;
    }
  }
  return g_steal_pointer (&recorder);
}

void
ts_recorder_free (TsRecorder *recorder)
{
  if (!recorder)
    return;
  write_rows (recorder);
  Sink *sinks[] = {&recorder->journal_sink, &recorder->ledger_sink};
  for (guint i = 0; i < G_N_ELEMENTS (sinks); i++) {
    if (sinks[i]->file)
      fclose (sinks[i]->file);
    g_free (sinks[i]->path);
  }
  ts_journal_free (recorder->journal);
  ts_ledger_free (recorder->ledger);
  g_string_free (recorder->line, TRUE);
  if (recorder->rows)
    g_string_free (recorder->rows, TRUE);
  g_clear_error (&recorder->failure);
  g_free (recorder);
}

void
ts_recorder_set_hook (TsRecorder *recorder, TsRecorderHook hook, gpointer data)
{
  recorder->hook = hook;
  recorder->hook_data = data;
}

void
ts_recorder_set_buffered (TsRecorder *recorder)
{
  if (!recorder->rows)
    recorder->rows = g_string_sized_new (LEDGER_BUFFER_BYTES + 1024);
}

void
ts_recorder_set_no_ledger (TsRecorder *recorder)
{
  recorder->no_ledger = TRUE;
}

TsObserver *
ts_recorder_observer (TsRecorder *recorder)
{
  return &recorder->observer;
}

const TsJournal *
ts_recorder_journal (const TsRecorder *recorder)
{
  return recorder->journal;
}

const TsLedger *
ts_recorder_ledger (const TsRecorder *recorder)
{
  return recorder->ledger;
}

gboolean
ts_recorder_finish (TsRecorder *recorder, GError **error)
{
  write_rows (recorder);
  Sink *sinks[] = {&recorder->journal_sink, &recorder->ledger_sink};
  for (guint i = 0; i < G_N_ELEMENTS (sinks); i++) {
    if (!sinks[i]->file || recorder->failure)
      continue;
    if (fflush (sinks[i]->file) != 0 || fsync (fileno (sinks[i]->file)) != 0)
      ts_throw_errno (&recorder->failure, "write %s", sinks[i]->path);
  }
  if (recorder->failure && error)
    *error = g_error_copy (recorder->failure);
  return !recorder->failure;
}

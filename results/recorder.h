/* results/recorder.h -- the observer of a run: keeps journal and ledger, in memory and in its
 * folder.
 *
 * Hand ts_recorder_observer () to a world; tell your own records (steps, end) through it too, so
 * that everything is in one journal.  Lines reach the file system as they are told (a run that is
 * killed keeps what it had). */
#pragma once
#include "results/journal.h"
#include "results/ledger.h"

typedef struct _TsRecorder TsRecorder;

/* Sees each record after it was kept.  May set ts_recorder_observer (recorder)->stop. */
typedef void (*TsRecorderHook) (TsRecorder *recorder, const TsRecord *record, gpointer data);

/* folder exists; journal.jsonl and ledger.tsv in it are started anew.  NULL: memory only.
 * Errors: TS_ERROR_IO, TS_ERROR_FULL. */
TsRecorder *ts_recorder_new (const char *folder, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_recorder_free (TsRecorder *recorder); /* NULL is fine; closes without telling errors */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsRecorder, ts_recorder_free)

void ts_recorder_set_hook (TsRecorder *recorder, TsRecorderHook hook, gpointer data);
TsObserver *ts_recorder_observer (TsRecorder *recorder); /* lives as long as recorder */

/* Keeps ledger.tsv's rows back until there are many: for a world that cannot be lost but with this
 * process.  The journal's lines are written as they come, either way. */
void ts_recorder_set_buffered (TsRecorder *recorder);

/* Neither keeps nor writes what it is told for the ledger. */
void ts_recorder_set_no_ledger (TsRecorder *recorder);

/* What was heard so far; the recorder's, growing. */
const TsJournal *ts_recorder_journal (const TsRecorder *recorder);
const TsLedger *ts_recorder_ledger (const TsRecorder *recorder);

/* Flushes to the disk.  Tells the first write that failed since the start (an observer has no way
 * to say it then): such a run's files cannot be judged.  Idempotent. */
gboolean ts_recorder_finish (TsRecorder *recorder, GError **error);

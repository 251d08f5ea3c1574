/* results/journal.h -- what happened in a run: records in memory, and journal.jsonl on disk.
 *
 * One flat JSON object per line (results/README.md lists the kinds).  Both engines write it, one
 * reader judges it. */
#pragma once
#include "core/base/record.h"

/* No run is longer (285 years), so that times can be subtracted without a thought. */
#define TS_TIME_MAX_US (G_GINT64_CONSTANT (1) << 53)

typedef struct {
  GPtrArray *records; /* TsRecord *, in the order they were heard; owned */
  char *damage;       /* NULL, or what is wrong with the last line (the writer was killed in it):
                         "line 812: not finished"; the line is left out of records */
  GHashTable *by_vm;  /* private: name to indices */
  guint indexed;      /* private: so many of the records are in it, and in end_us */
  gint64 end_us;      /* private */
} TsJournal;

TsJournal *ts_journal_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_journal_free (TsJournal *journal); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsJournal, ts_journal_free)

/* Appends a copy of record. */
void ts_journal_add (TsJournal *journal, const TsRecord *record);
/* Indices of the records about that machine, in the order they were heard: guint, the journal's, valid
 * until something is added.  NULL: there are none. */
const GArray *ts_journal_of_vm (const TsJournal *journal, const char *vm);
/* When the last record was told; 0 while empty. */
gint64 ts_journal_end_us (const TsJournal *journal);

/* One line, without its line end.  Strict: one object; t_us, source and kind are there; other
 * values are whole numbers, texts and booleans; keys as core/base/record.h allows, each once.
 * Errors: TS_ERROR_FORMAT. */
TsRecord *ts_journal_parse_line (const char *line, gsize len,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A whole file's text.  A bad line is TS_ERROR_FORMAT with its number, except the last one when it
 * has no line end: that is told in damage.  Lines stay in the order of hearing, in which a lab's
 * hosts may overtake each other by a little; metrics order them by time. */
TsJournal *ts_journal_parse (const char *text, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Same, from a file; messages begin with its path.  TS_ERROR_IO: it cannot be read. */
TsJournal *ts_journal_read (const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* results/ledger.h -- what the guests were promised and what was found: in memory, and ledger.tsv.
 *
 * The ledger lives outside both sites; an entry is core/seam/observer.h's.  ledger.tsv: a header
 * row, then one row per entry in the order of hearing, columns kind t_us vm disk offset_bytes
 * length_bytes sequence copy held with "-" for an empty text and where a column does not apply. */
#pragma once
#include "core/seam/observer.h"

#define TS_LEDGER_HEADER "kind\tt_us\tvm\tdisk\toffset_bytes\tlength_bytes\tsequence\tcopy\theld\n"

typedef struct {
  GArray *entries;     /* TsLedgerEntry, in the order of hearing; their texts are the ledger's */
  char *damage;        /* as in TsJournal */
  GStringChunk *texts; /* private */
  const char *recent[64]; /* private: some of the texts, by a hash */
} TsLedger;

TsLedger *ts_ledger_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_ledger_free (TsLedger *ledger); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLedger, ts_ledger_free)

/* Appends a copy of entry. */
void ts_ledger_add (TsLedger *ledger, const TsLedgerEntry *entry);
const TsLedgerEntry *ts_ledger_get (const TsLedger *ledger, guint index);

/* One row with its line end, appended to out.  Names must not hold tabs or line ends (asserted). */
void ts_ledger_format (const TsLedgerEntry *entry, GString *out);
/* Strict: nine columns, known words, plain decimal numbers.
 * Errors: TS_ERROR_FORMAT with the line's number; an unfinished last line is told in damage. */
TsLedger *ts_ledger_parse (const char *text, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
TsLedger *ts_ledger_read (const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "write", "whole", ... */
const char *ts_ledger_kind_name (TsLedgerKind kind);
const char *ts_held_state_name (TsHeldState held);

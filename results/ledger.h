/* results/ledger.h -- what the guests were promised and what was found: in memory, and ledger.tsv.
 *
 * The ledger lives outside both sites; an entry is core/seam/observer.h's.  ledger.tsv: a header
 * row, then one row per entry in the order of hearing, columns kind t_us vm disk offset_bytes
 * length_bytes sequence copy held with "-" for an empty text and where a column does not apply.
 *
 * In memory an entry takes some ten bytes: a planning run has millions of them. */
#pragma once
#include "core/seam/observer.h"

#define TS_LEDGER_HEADER "kind\tt_us\tvm\tdisk\toffset_bytes\tlength_bytes\tsequence\tcopy\theld\n"

typedef struct _TsLedgerForms TsLedgerForms; /* private */

typedef struct {
  guint len;             /* how many entries */
  char *damage;          /* as in TsJournal */
  TsLedgerForms *forms;  /* private, and so is all below */
  GPtrArray *blocks;     /* of packed entries */
  gsize last_block_used; /* bytes of the last one */
  gint64 t_us;           /* of the last entry */
} TsLedger;

TsLedger *ts_ledger_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_ledger_free (TsLedger *ledger); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLedger, ts_ledger_free)

/* Appends a copy of entry.  Names must not hold tabs or line ends (asserted), t_us is 0 or more. */
void ts_ledger_add (TsLedger *ledger, const TsLedgerEntry *entry);
/* The same, and its row of ledger.tsv, with its line end, to out. */
void ts_ledger_add_row (TsLedger *ledger, const TsLedgerEntry *entry, GString *out);

/* Walks the entries in the order of hearing:
 *   g_auto (TsLedgerReader) reader = ts_ledger_reader (ledger);
 *   TsLedgerEntry entry;
 *   while (ts_ledger_next (&reader, &entry)) ...
 * An entry's texts live as long as the ledger.  Entries that are added meanwhile are not seen. */
typedef struct {
  const TsLedger *ledger;
  guint left, block; /* private, and so is all below */
  gsize at;
  gint64 t_us;
  guint64 *state;
} TsLedgerReader;
TsLedgerReader ts_ledger_reader (const TsLedger *ledger);
gboolean ts_ledger_next (TsLedgerReader *reader, TsLedgerEntry *entry);
void ts_ledger_reader_clear (TsLedgerReader *reader);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TsLedgerReader, ts_ledger_reader_clear)

/* The rows of all entries, with the header. */
char *ts_ledger_to_text (const TsLedger *ledger) G_GNUC_WARN_UNUSED_RESULT;
/* Strict: nine columns, known words, plain decimal numbers.
 * Errors: TS_ERROR_FORMAT with the line's number; an unfinished last line is told in damage. */
TsLedger *ts_ledger_parse (const char *text, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
TsLedger *ts_ledger_read (const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "write", "whole", ... */
const char *ts_ledger_kind_name (TsLedgerKind kind);
const char *ts_held_state_name (TsHeldState held);

/* results/coverage.h -- the table states x verbs of HVR reference 3.4 and 3.5, and which of its
 * cells runs have reached.
 *
 * A cell is (side, state, verb): what an operator asks of one side of a relation.  It is reached
 * when the verb was asked in that state, also when it was refused there, as the table says it must.
 */
#pragma once
#include "core/relation/state.h"
#include "results/journal.h"

typedef struct {
  guint64 reached[2][TS_STATE_COUNT][TS_ASK_COUNT]; /* how often; side as TsRole */
} TsCoverage;

/* Adds what a run's journal tells. */
void ts_coverage_add (TsCoverage *coverage, const TsJournal *journal);
/* The table, a line per state and side that allow anything; what was reached is marked, and the
 * cells are counted. coverage NULL: the table alone. */
char *ts_coverage_format (const TsCoverage *coverage, gboolean markdown) G_GNUC_WARN_UNUSED_RESULT;

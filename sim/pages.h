/* sim/pages.h -- the content of a disk, a word for each page of 4 KiB: a shared, sparse tree.
 *
 * A page is known by what it holds, not by its bytes: "page 3 of record 1207 of disk 0", "initial
 * fill".  From that word its bytes can be made whenever somebody wants to see them
 * (format/stamp.h). Only what no word can say (a torn page, something that was not stamped) is kept
 * as bytes.
 *
 *   WORD  bits 0..1   0: the page's bytes by pointer, NULL: never written; 1: record; 2: fill
 *         record      2..5 disk  6..13 page within the record  14..21 pages of the record - 1
 *                     22..63 sequence
 *         fill        2..5 disk, the rest 0: equal for every page, so that a filled disk of any
 * size is one word
 *
 * Nodes are shared between trees until one of them is written, so a copy of a tree costs nothing
 * and two trees that share much are compared quickly.  One thread. */
#pragma once
#include "core/format/stamp.h"
#include <glib.h>

#define TS_SIM_PAGE_BYTES 4096

typedef guint64 TsSimWord;

typedef struct {
  guint64 pages;
  guint levels; /* of nodes above the words; 0: there is one word */
  TsSimWord root;
} TsSimPages;

void ts_sim_pages_init (TsSimPages *tree, guint64 pages);
void ts_sim_pages_copy (TsSimPages *to, const TsSimPages *from); /* to: not initialized */
void ts_sim_pages_clear (TsSimPages *tree);

/* The word of a page, borrowed. */
TsSimWord ts_sim_pages_get (const TsSimPages *tree, guint64 page);
/* Puts a word, takes the reference; the old one is the caller's. */
TsSimWord ts_sim_pages_put (TsSimPages *tree, guint64 page, TsSimWord word);
/* Puts one stamped word on pages [first, end). */
void ts_sim_pages_fill (TsSimPages *tree, guint64 first, guint64 end, TsSimWord word);
/* Makes nodes around page that hold one word only that word; call behind a run of puts. */
void ts_sim_pages_fold (TsSimPages *tree, guint64 page);
/* The first page at or behind page whose word is not 0, in *page.  FALSE: there is none. */
gboolean ts_sim_pages_next (const TsSimPages *tree, guint64 *page);
/* The same, and how many pages from there on hold that same word, at least 1. */
gboolean ts_sim_pages_next_run (const TsSimPages *tree, guint64 *page, guint64 *count);
/* Pages whose contents differ; the trees are of one size.  seed: of both. */
guint64 ts_sim_pages_differing (const TsSimPages *a, const TsSimPages *b, guint64 seed);

/* --- words ------------------------------------------------------------------------------------ */

/* Page `in` of a record that is `count` pages long. */
static inline TsSimWord
ts_sim_word_record (guint disk, guint64 sequence, guint in, guint count)
{
  return 1 | (guint64)disk << 2 | (guint64)in << 6 | (guint64)(count - 1) << 14 | sequence << 22;
}

static inline TsSimWord
ts_sim_word_fill (guint disk)
{
  return 2 | (guint64)disk << 2;
}

static inline gboolean
ts_sim_word_is_bytes (TsSimWord word)
{
  return (word & 3) == 0 && word != 0;
}

TsSimWord ts_sim_word_ref (TsSimWord word);
void ts_sim_word_unref (TsSimWord word);
/* A word for bytes. */
TsSimWord ts_sim_word_bytes (const guint8 data[TS_SIM_PAGE_BYTES]);
/* What the stamped word of that page says, for a record or fill; FALSE for bytes and nothing. */
gboolean ts_sim_word_stamp (TsSimWord word, guint64 page, TsStamp *stamp);
/* The page's bytes: a pointer to them where they are kept, else laid into buffer. */
const guint8 *ts_sim_word_look (TsSimWord word, guint64 page, guint64 seed,
                                guint8 buffer[TS_SIM_PAGE_BYTES]);

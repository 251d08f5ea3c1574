/* sim/dirty.c -- see dirty.h. */
#include "sim/dirty.h"

#define CHUNK_WORDS 128u
#define CHUNK_PAGES (CHUNK_WORDS * 64u)

struct _TsSimDirty {
  guint64 pages, chunks;
  guint64 **chunk; /* CHUNK_WORDS words each; NULL: nothing is marked there */
};

TsSimDirty *
ts_sim_dirty_new (guint64 pages)
{
  TsSimDirty *dirty = g_new0 (TsSimDirty, 1);
  dirty->pages = pages;
  dirty->chunks = (pages + CHUNK_PAGES - 1) / CHUNK_PAGES;
  dirty->chunk = g_new0 (guint64 *, dirty->chunks);
  return dirty;
}

void
ts_sim_dirty_free (TsSimDirty *dirty)
{
  if (!dirty)
    return;
  ts_sim_dirty_clear (dirty);
  g_free (dirty->chunk);
  g_free (dirty);
}

guint64
ts_sim_dirty_mark (TsSimDirty *dirty, guint64 page, guint64 count)
{
  g_assert (page <= dirty->pages && count <= dirty->pages - page);
  guint64 fresh = 0;
  for (guint64 end = page + count; page < end; page++) {
    guint64 **chunk = &dirty->chunk[page / CHUNK_PAGES];
    if (!*chunk)
      *chunk = g_new0 (guint64, CHUNK_WORDS);
    guint64 *word = &(*chunk)[page % CHUNK_PAGES / 64], bit = G_GUINT64_CONSTANT (1) << (page % 64);
    fresh += !(*word & bit);
    *word |= bit;
  }
  return fresh;
}

static gboolean
is_marked (const TsSimDirty *dirty, guint64 page)
{
  const guint64 *chunk = dirty->chunk[page / CHUNK_PAGES];
  return chunk && (chunk[page % CHUNK_PAGES / 64] >> (page % 64) & 1) != 0;
}

gboolean
ts_sim_dirty_next (const TsSimDirty *dirty, guint64 max, guint64 *page, guint64 *count)
{
  guint64 at = *page;
  while (at < dirty->pages) {
    const guint64 *chunk = dirty->chunk[at / CHUNK_PAGES];
    if (!chunk) {
      at = (at / CHUNK_PAGES + 1) * CHUNK_PAGES;
      continue;
    }
    guint64 rest = chunk[at % CHUNK_PAGES / 64] >> (at % 64);
    if (rest != 0) {
      at += (guint64)__builtin_ctzll (rest);
      break;
    }
    at = (at / 64 + 1) * 64;
  }
  if (at >= dirty->pages)
    return FALSE;
  *page = at;
  *count = 1;
  while (*count < max && at + *count < dirty->pages && is_marked (dirty, at + *count))
    (*count)++;
  return TRUE;
}

void
ts_sim_dirty_clear (TsSimDirty *dirty)
{
  for (guint64 i = 0; i < dirty->chunks; i++)
    g_clear_pointer (&dirty->chunk[i], g_free);
}

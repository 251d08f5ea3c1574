/* sim/disk.c -- see disk.h.
 *
 * What a power loss would bring back is kept as a list of what was overwritten since the last
 * flush, oldest first; a page may stand in it more than once, and its first entry counts. */
#include "sim/disk.h"

#define UNIQUE_FROM 4096 /* entries; below, duplicates are left until somebody has to know */

typedef struct {
  guint64 page;
  TsSimWord word; /* owned; of this disk, not of its base: 0 may mean "read through" */
} Old;

struct _TsSimDisk {
  TsDisk disk;
  guint64 seed;
  TsSimPages pages;
  guint64 writes;
  Old *unflushed;
  guint unflushed_len, unflushed_room;
  guint unique_until; /* so many of its first entries name each page once */
  gboolean rising;    /* each of its entries names a page behind the one before: all differ */
  TsSimDisk *base;
};

static TsSimWord
look (const TsSimDisk *disk, guint64 number)
{
  for (; disk; disk = disk->base) {
    TsSimWord word = ts_sim_pages_get (&disk->pages, number);
    if (word)
      return word;
  }
  return 0;
}

static gboolean
disk_read (TsDisk *ops, guint64 offset, void *data, gsize len, GError **error)
{
  TsSimDisk *disk = (TsSimDisk *)ops;
  g_assert (offset <= ops->size_bytes && len <= ops->size_bytes - offset);
  guint8 buffer[TS_SIM_PAGE_BYTES], *to = data;
  while (len > 0) {
    guint64 number = offset / TS_SIM_PAGE_BYTES;
    gsize in = (gsize)(offset % TS_SIM_PAGE_BYTES);
    gsize part = MIN (len, TS_SIM_PAGE_BYTES - in);
    memcpy (to, ts_sim_word_look (look (disk, number), number, disk->seed, buffer) + in, part);
    to += part;
    offset += part;
    len -= part;
  }
  return TRUE;
}

/* Leaves each page's first entry, in the order of the list. */
static void
make_unique (TsSimDisk *disk)
{
  if (disk->rising)
    disk->unique_until = disk->unflushed_len;
  if (disk->unique_until == disk->unflushed_len)
    return;
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, NULL);
  Old *kept = g_new (Old, disk->unflushed_len); /* keys of the table: they stay where they are */
  guint count = 0;
  for (guint i = 0; i < disk->unflushed_len; i++) {
    const Old *old = &disk->unflushed[i];
    if (g_hash_table_contains (seen, &old->page)) {
      ts_sim_word_unref (old->word);
      continue;
    }
    kept[count] = *old;
    g_hash_table_add (seen, &kept[count++].page);
  }
  g_free (disk->unflushed);
  disk->unflushed = kept;
  disk->unflushed_room = disk->unflushed_len;
  disk->unflushed_len = disk->unique_until = count;
}

void
ts_sim_disk_put_word (TsSimDisk *disk, guint64 page, TsSimWord word)
{
  static const guint8 zeros[TS_SIM_PAGE_BYTES];
  disk->writes++;
  if (!word && disk->base) /* else one would read through to what it replaces */
    word = ts_sim_word_bytes (zeros);
  if (disk->unflushed_len == disk->unflushed_room) {
    disk->unflushed_room = MAX (16, 2 * disk->unflushed_room);
    disk->unflushed = g_renew (Old, disk->unflushed, disk->unflushed_room);
  }
  disk->rising = disk->unflushed_len == 0 ||
                 (disk->rising && disk->unflushed[disk->unflushed_len - 1].page < page);
  disk->unflushed[disk->unflushed_len++] = (Old){page, ts_sim_pages_put (&disk->pages, page, word)};
  if (disk->unflushed_len >= UNIQUE_FROM && disk->unflushed_len / 2 >= disk->unique_until)
    make_unique (disk);
}

static gboolean
disk_write (TsDisk *ops, guint64 offset, const void *data, gsize len, GError **error)
{
  TsSimDisk *disk = (TsSimDisk *)ops;
  g_assert (offset <= ops->size_bytes && len <= ops->size_bytes - offset);
  const guint8 *from = data;
  while (len > 0) {
    guint64 number = offset / TS_SIM_PAGE_BYTES;
    gsize in = (gsize)(offset % TS_SIM_PAGE_BYTES);
    gsize part = MIN (len, TS_SIM_PAGE_BYTES - in);
    guint8 buffer[TS_SIM_PAGE_BYTES], page[TS_SIM_PAGE_BYTES];
    if (part < TS_SIM_PAGE_BYTES)
      memcpy (page, ts_sim_word_look (look (disk, number), number, disk->seed, buffer),
              TS_SIM_PAGE_BYTES);
    memcpy (page + in, from, part);
    ts_sim_disk_put_word (disk, number, ts_sim_word_bytes (page));
    from += part;
    offset += part;
    len -= part;
  }
  return TRUE;
}

static void
forget_unflushed (TsSimDisk *disk)
{
  for (guint i = 0; i < disk->unflushed_len; i++)
    ts_sim_word_unref (disk->unflushed[i].word);
  disk->unflushed_len = disk->unique_until = 0;
  if (disk->unflushed_room > UNIQUE_FROM) { /* after a bulk load */
    g_clear_pointer (&disk->unflushed, g_free);
    disk->unflushed_room = 0;
  }
}

static gboolean
disk_flush (TsDisk *ops, GError **error)
{
  forget_unflushed ((TsSimDisk *)ops);
  return TRUE;
}

static void
disk_free (TsDisk *ops)
{
  ts_sim_disk_free ((TsSimDisk *)ops);
}

static const TsDiskOps memory_ops = {
    .name = "memory",
    .read = disk_read,
    .write = disk_write,
    .flush = disk_flush,
    .free = disk_free,
};

TsSimDisk *
ts_sim_disk_new (guint64 size_bytes, guint64 seed)
{
  TsSimDisk *disk = g_new0 (TsSimDisk, 1);
  disk->disk.ops = &memory_ops;
  disk->disk.size_bytes = size_bytes;
  disk->seed = seed;
  ts_sim_pages_init (&disk->pages, (size_bytes + TS_SIM_PAGE_BYTES - 1) / TS_SIM_PAGE_BYTES);
  return disk;
}

TsSimDisk *
ts_sim_disk_new_overlay (TsSimDisk *base)
{
  TsSimDisk *disk = ts_sim_disk_new (base->disk.size_bytes, base->seed);
  disk->base = base;
  return disk;
}

TsSimDisk *
ts_sim_disk_snapshot (const TsSimDisk *disk)
{
  TsSimDisk *copy = ts_sim_disk_new (disk->disk.size_bytes, disk->seed);
  if (!disk->base) {
    ts_sim_pages_copy (&copy->pages, &disk->pages);
    return copy;
  }
  guint64 page = 0, count;
  for (; ts_sim_disk_next_run (disk, &page, &count); page++)
    ts_sim_pages_put (&copy->pages, page, ts_sim_word_ref (look (disk, page)));
  return copy;
}

void
ts_sim_disk_free (TsSimDisk *disk)
{
  if (!disk)
    return;
  forget_unflushed (disk);
  g_free (disk->unflushed);
  ts_sim_pages_clear (&disk->pages);
  g_free (disk);
}

TsDisk *
ts_sim_disk_ops (TsSimDisk *disk)
{
  return &disk->disk;
}

guint64
ts_sim_disk_seed (const TsSimDisk *disk)
{
  return disk->seed;
}

TsSimWord
ts_sim_disk_word (const TsSimDisk *disk, guint64 page)
{
  return look (disk, page);
}

guint64
ts_sim_disk_writes (const TsSimDisk *disk)
{
  return disk->writes;
}

void
ts_sim_disk_fill (TsSimDisk *disk, guint index, guint64 pages)
{
  ts_sim_pages_fill (&disk->pages, 0, pages, ts_sim_word_fill (index));
}

void
ts_sim_disk_fold (TsSimDisk *disk, guint64 page)
{
  ts_sim_pages_fold (&disk->pages, page);
}

/* Through to a base: where both hold something, the shorter of the two runs. */
gboolean
ts_sim_disk_next_run (const TsSimDisk *disk, guint64 *page, guint64 *count)
{
  guint64 below = *page, below_count = 0;
  gboolean mine = ts_sim_pages_next_run (&disk->pages, page, count);
  if (!disk->base || !ts_sim_disk_next_run (disk->base, &below, &below_count))
    return mine;
  if (!mine || below < *page) {
    *count = mine ? MIN (below_count, *page - below) : below_count;
    *page = below;
  }
  return TRUE;
}

void
ts_sim_disk_power_loss (TsSimDisk *disk, TsRandom *random)
{
  make_unique (disk);
  for (guint i = 0; i < disk->unflushed_len; i++) {
    Old *old = &disk->unflushed[i];
    switch (ts_random_below (random, 3)) {
    case 0: /* lost */
      ts_sim_word_unref (ts_sim_pages_put (&disk->pages, old->page, old->word));
      break;
    case 1: /* made it */
      ts_sim_word_unref (old->word);
      break;
    default: { /* torn between sectors */
      gsize kept = (gsize)(1 + ts_random_below (random, TS_SIM_PAGE_BYTES / 512 - 1)) * 512;
      guint8 torn[TS_SIM_PAGE_BYTES], buffer[TS_SIM_PAGE_BYTES];
      TsSimWord fresh = ts_sim_pages_get (&disk->pages, old->page);
      TsSimWord under = old->word || !disk->base ? old->word : look (disk->base, old->page);
      memcpy (torn, ts_sim_word_look (under, old->page, disk->seed, buffer), sizeof torn);
      memcpy (torn, ts_sim_word_look (fresh, old->page, disk->seed, buffer), kept);
      ts_sim_word_unref (ts_sim_pages_put (&disk->pages, old->page, ts_sim_word_bytes (torn)));
      ts_sim_word_unref (old->word);
      break;
    }
    }
  }
  disk->unflushed_len = disk->unique_until = 0;
}

void
ts_sim_disk_merge (TsSimDisk *overlay)
{
  TsSimDisk *base = overlay->base;
  guint64 page = 0;
  for (; ts_sim_pages_next (&overlay->pages, &page); page++)
    ts_sim_disk_put_word (base, page, ts_sim_word_ref (ts_sim_pages_get (&overlay->pages, page)));
  forget_unflushed (overlay);
  ts_sim_pages_clear (&overlay->pages);
  disk_flush (&base->disk, NULL);
}

guint64
ts_sim_disk_own_bytes (const TsSimDisk *disk)
{
  guint64 page = 0, count, pages = 0;
  for (; ts_sim_pages_next_run (&disk->pages, &page, &count); page += count)
    pages += count;
  return pages * TS_SIM_PAGE_BYTES;
}

void
ts_sim_disk_map (const TsSimDisk *disk, TsExtents *extents)
{
  guint64 page = 0, count;
  for (; ts_sim_disk_next_run (disk, &page, &count); page += count) {
    guint64 offset = page * TS_SIM_PAGE_BYTES;
    ts_extents_add (extents, offset,
                    MIN (count * TS_SIM_PAGE_BYTES, disk->disk.size_bytes - offset));
  }
}

/* Of disks of two sizes: page by page, where either holds anything. */
static guint64
differing_so_far (const TsSimDisk *a, const TsSimDisk *b)
{
  guint64 pages = MIN (a->pages.pages, b->pages.pages), differing = 0;
  for (guint64 page = 0; page < pages; page++) {
    guint64 next_a = page, next_b = page, count;
    gboolean any_a = ts_sim_disk_next_run (a, &next_a, &count);
    gboolean any_b = ts_sim_disk_next_run (b, &next_b, &count);
    if (!any_a && !any_b)
      break;
    page = MIN (any_a ? next_a : pages, any_b ? next_b : pages);
    if (page >= pages)
      break;
    guint8 of_a[TS_SIM_PAGE_BYTES], of_b[TS_SIM_PAGE_BYTES];
    TsSimWord word_a = look (a, page), word_b = look (b, page);
    differing += word_a != word_b && memcmp (ts_sim_word_look (word_a, page, a->seed, of_a),
                                             ts_sim_word_look (word_b, page, b->seed, of_b),
                                             TS_SIM_PAGE_BYTES) != 0;
  }
  return differing * TS_SIM_PAGE_BYTES;
}

gboolean
ts_sim_disk_is_overlay (const TsSimDisk *disk)
{
  return disk->base != NULL;
}

void
ts_sim_disk_resize (TsSimDisk *disk, guint64 size_bytes)
{
  g_assert (!disk->base && size_bytes % TS_SIM_PAGE_BYTES == 0);
  disk_flush (&disk->disk, NULL);
  TsSimPages old = disk->pages;
  guint64 pages = size_bytes / TS_SIM_PAGE_BYTES, page = 0, count;
  ts_sim_pages_init (&disk->pages, pages);
  for (; ts_sim_pages_next_run (&old, &page, &count) && page < pages; page += count) {
    TsSimWord word = ts_sim_pages_get (&old, page);
    count = MIN (count, pages - page);
    if (!ts_sim_word_is_bytes (word))
      ts_sim_pages_fill (&disk->pages, page, page + count, word);
    else
      for (guint64 i = 0; i < count; i++)
        ts_sim_pages_put (&disk->pages, page + i, ts_sim_word_ref (ts_sim_pages_get (&old, page + i)));
  }
  ts_sim_pages_clear (&old);
  disk->disk.size_bytes = size_bytes;
}

guint64
ts_sim_disk_differing_bytes (const TsSimDisk *a, const TsSimDisk *b)
{
  if (a->pages.pages != b->pages.pages) /* as far as both go */
    return differing_so_far (a, b);
  g_autoptr (TsSimDisk) flat_a = a->base ? ts_sim_disk_snapshot (a) : NULL;
  g_autoptr (TsSimDisk) flat_b = b->base ? ts_sim_disk_snapshot (b) : NULL;
  return TS_SIM_PAGE_BYTES * ts_sim_pages_differing (flat_a ? &flat_a->pages : &a->pages,
                                                     flat_b ? &flat_b->pages : &b->pages, a->seed);
}

void
ts_sim_disk_share (TsSimDisk *disk, const TsSimDisk *with)
{
  if (disk->base || with->base || disk->pages.pages != with->pages.pages)
    return;
  TsSimPages old = disk->pages;
  ts_sim_pages_copy (&disk->pages, &with->pages);
  ts_sim_pages_clear (&old);
}

guint64
ts_sim_disk_dirty_bytes (const TsSimDisk *disk)
{
  make_unique ((TsSimDisk *)disk); /* says the same, shorter */
  return (guint64)disk->unflushed_len * TS_SIM_PAGE_BYTES;
}

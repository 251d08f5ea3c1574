/* sim/disk.c -- see disk.h. */
#include "sim/disk.h"

typedef struct {
  guint refs; /* one thread */
  guint8 data[TS_SIM_PAGE_BYTES];
} Page;

struct _TsSimDisk {
  TsDisk disk;
  guint64 pages;
  Page **page;    /* the newest content; NULL: never written here */
  Page **durable; /* what a power loss leaves; equal to page where it is clean */
  GArray *dirty;  /* guint64 page numbers written since the last flush, in order, each once */
  TsSimDisk *base;
};

static Page *
page_ref (Page *page)
{
  if (page)
    page->refs++;
  return page;
}

static void
page_unref (Page *page)
{
  if (page && --page->refs == 0)
    g_free (page);
}

static const Page *
look (const TsSimDisk *disk, guint64 number)
{
  for (; disk; disk = disk->base)
    if (disk->page[number])
      return disk->page[number];
  return NULL;
}

static gboolean
disk_read (TsDisk *ops, guint64 offset, void *data, gsize len, GError **error)
{
  TsSimDisk *disk = (TsSimDisk *)ops;
  g_assert (offset <= ops->size_bytes && len <= ops->size_bytes - offset);
  guint8 *to = data;
  while (len > 0) {
    guint64 number = offset / TS_SIM_PAGE_BYTES;
    gsize in = (gsize)(offset % TS_SIM_PAGE_BYTES);
    gsize part = MIN (len, TS_SIM_PAGE_BYTES - in);
    const Page *page = look (disk, number);
    if (page)
      memcpy (to, page->data + in, part);
    else
      memset (to, 0, part);
    to += part;
    offset += part;
    len -= part;
  }
  return TRUE;
}

/* A page of the disk's own that may be written: not shared with a snapshot or the durable copy. */
static Page *
own_page (TsSimDisk *disk, guint64 number, gboolean whole)
{
  Page *old = disk->page[number];
  if (old == disk->durable[number]) /* clean so far */
    g_array_append_val (disk->dirty, number);
  if (old && old->refs == 1)
    return old;
  Page *page = g_new (Page, 1);
  page->refs = 1;
  const Page *from = whole ? NULL : look (disk, number);
  if (from)
    memcpy (page->data, from->data, TS_SIM_PAGE_BYTES);
  else if (!whole)
    memset (page->data, 0, TS_SIM_PAGE_BYTES);
  page_unref (old);
  disk->page[number] = page;
  return page;
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
    Page *page = own_page (disk, number, part == TS_SIM_PAGE_BYTES);
    memcpy (page->data + in, from, part);
    from += part;
    offset += part;
    len -= part;
  }
  return TRUE;
}

static gboolean
disk_flush (TsDisk *ops, GError **error)
{
  TsSimDisk *disk = (TsSimDisk *)ops;
  for (guint i = 0; i < disk->dirty->len; i++) {
    guint64 number = g_array_index (disk->dirty, guint64, i);
    page_unref (disk->durable[number]);
    disk->durable[number] = page_ref (disk->page[number]);
  }
  g_array_set_size (disk->dirty, 0);
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
ts_sim_disk_new (guint64 size_bytes)
{
  TsSimDisk *disk = g_new0 (TsSimDisk, 1);
  disk->disk.ops = &memory_ops;
  disk->disk.size_bytes = size_bytes;
  disk->pages = (size_bytes + TS_SIM_PAGE_BYTES - 1) / TS_SIM_PAGE_BYTES;
  disk->page = g_new0 (Page *, disk->pages);
  disk->durable = g_new0 (Page *, disk->pages);
  disk->dirty = g_array_new (FALSE, FALSE, sizeof (guint64));
  return disk;
}

TsSimDisk *
ts_sim_disk_new_overlay (TsSimDisk *base)
{
  TsSimDisk *disk = ts_sim_disk_new (base->disk.size_bytes);
  disk->base = base;
  return disk;
}

TsSimDisk *
ts_sim_disk_snapshot (const TsSimDisk *disk)
{
  TsSimDisk *copy = ts_sim_disk_new (disk->disk.size_bytes);
  for (guint64 i = 0; i < disk->pages; i++) {
    Page *page = (Page *)look (disk, i);
    copy->page[i] = page_ref (page);
    copy->durable[i] = page_ref (page);
  }
  return copy;
}

void
ts_sim_disk_free (TsSimDisk *disk)
{
  if (!disk)
    return;
  for (guint64 i = 0; i < disk->pages; i++) {
    page_unref (disk->page[i]);
    page_unref (disk->durable[i]);
  }
  g_array_unref (disk->dirty);
  g_free (disk->page);
  g_free (disk->durable);
  g_free (disk);
}

TsDisk *
ts_sim_disk_ops (TsSimDisk *disk)
{
  return &disk->disk;
}

void
ts_sim_disk_power_loss (TsSimDisk *disk, TsRandom *random)
{
  for (guint i = 0; i < disk->dirty->len; i++) {
    guint64 number = g_array_index (disk->dirty, guint64, i);
    Page *fresh = disk->page[number];
    Page *old = disk->durable[number];
    switch (ts_random_below (random, 3)) {
    case 0: /* lost */
      page_unref (fresh);
      disk->page[number] = page_ref (old);
      break;
    case 1: /* made it */
      page_unref (old);
      disk->durable[number] = page_ref (fresh);
      break;
    default: { /* torn between sectors */
      Page *torn = g_new0 (Page, 1);
      torn->refs = 2;
      gsize kept = (gsize)(1 + ts_random_below (random, TS_SIM_PAGE_BYTES / 512 - 1)) * 512;
      if (old)
        memcpy (torn->data, old->data, TS_SIM_PAGE_BYTES);
      memcpy (torn->data, fresh->data, kept);
      page_unref (fresh);
      page_unref (old);
      disk->page[number] = disk->durable[number] = torn;
      break;
    }
    }
  }
  g_array_set_size (disk->dirty, 0);
}

void
ts_sim_disk_merge (TsSimDisk *overlay)
{
  TsSimDisk *base = overlay->base;
  for (guint64 i = 0; i < overlay->pages; i++) {
    Page *page = overlay->page[i];
    if (!page)
      continue;
    own_page (base, i, TRUE);
    page_unref (base->page[i]);
    base->page[i] = page; /* moves */
    overlay->page[i] = NULL;
    page_unref (overlay->durable[i]);
    overlay->durable[i] = NULL;
  }
  g_array_set_size (overlay->dirty, 0);
  disk_flush (&base->disk, NULL);
}

void
ts_sim_disk_map (const TsSimDisk *disk, TsExtents *extents)
{
  for (guint64 i = 0; i < disk->pages; i++)
    if (look (disk, i))
      ts_extents_add (extents, i * TS_SIM_PAGE_BYTES,
                      MIN (TS_SIM_PAGE_BYTES, disk->disk.size_bytes - i * TS_SIM_PAGE_BYTES));
}

guint64
ts_sim_disk_differing_bytes (const TsSimDisk *a, const TsSimDisk *b)
{
  static const guint8 zeros[TS_SIM_PAGE_BYTES];
  guint64 bytes = 0;
  g_assert (a->pages == b->pages);
  for (guint64 i = 0; i < a->pages; i++) {
    const Page *pa = look (a, i);
    const Page *pb = look (b, i);
    if (pa != pb && memcmp (pa ? pa->data : zeros, pb ? pb->data : zeros, TS_SIM_PAGE_BYTES) != 0)
      bytes += TS_SIM_PAGE_BYTES;
  }
  return bytes;
}

guint64
ts_sim_disk_dirty_bytes (const TsSimDisk *disk)
{
  return (guint64)disk->dirty->len * TS_SIM_PAGE_BYTES;
}

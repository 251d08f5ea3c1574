/* sim/pages.c -- see pages.h. */
#include "sim/pages.h"

#define FAN_BITS 7
#define FAN (1u << FAN_BITS)

typedef struct {
  guint refs;
  guint8 data[TS_SIM_PAGE_BYTES];
} Bytes;

typedef struct {
  guint refs;
  guint pointers;      /* at the lowest level: words that are bytes.  Above it: not counted */
  TsSimWord word[FAN]; /* of pages at the lowest level; else a node, or one word for all below */
} Node;

G_STATIC_ASSERT (sizeof (gpointer) <= sizeof (TsSimWord));

static gpointer
pointer_of (TsSimWord word)
{
  return (gpointer)(guintptr)word;
}

static TsSimWord
word_of (gpointer pointer)
{
  return (TsSimWord)(guintptr)pointer;
}

/* --- words ------------------------------------------------------------------------------------ */

TsSimWord
ts_sim_word_ref (TsSimWord word)
{
  if (ts_sim_word_is_bytes (word))
    ((Bytes *)pointer_of (word))->refs++;
  return word;
}

void
ts_sim_word_unref (TsSimWord word)
{
  if (ts_sim_word_is_bytes (word) && --((Bytes *)pointer_of (word))->refs == 0)
    g_free (pointer_of (word));
}

TsSimWord
ts_sim_word_bytes (const guint8 data[TS_SIM_PAGE_BYTES])
{
  Bytes *bytes = g_new (Bytes, 1);
  bytes->refs = 1;
  memcpy (bytes->data, data, TS_SIM_PAGE_BYTES);
  return word_of (bytes);
}

gboolean
ts_sim_word_stamp (TsSimWord word, guint64 page, TsStamp *stamp)
{
  if ((word & 3) == 0)
    return FALSE;
  guint64 in = word >> 6 & 0xff, count = (word >> 14 & 0xff) + 1;
  *stamp = (TsStamp){.disk = (guint16)(word >> 2 & 0xf), .kind = (guint16)(word & 3)};
  if (stamp->kind == TS_STAMP_FILL) {
    in = 0;
    count = 1;
  }
  stamp->sequence = stamp->kind == TS_STAMP_FILL ? page + 1 : word >> 22;
  stamp->offset = (page - in) * TS_SIM_PAGE_BYTES;
  stamp->length = (guint32)(count * TS_SIM_PAGE_BYTES);
  return TRUE;
}

const guint8 *
ts_sim_word_look (TsSimWord word, guint64 page, guint64 seed, guint8 buffer[TS_SIM_PAGE_BYTES])
{
  static const guint8 zeros[TS_SIM_PAGE_BYTES];
  TsStamp stamp;
  if (word == 0)
    return zeros;
  if (!ts_sim_word_stamp (word, page, &stamp))
    return ((const Bytes *)pointer_of (word))->data;
  guint64 first = stamp.offset / TS_SIM_PAGE_BYTES;
  ts_stamp_lay_part (buffer, &stamp, seed,
                     (guint32)(page - first) * (TS_SIM_PAGE_BYTES / TS_STAMP_SECTOR),
                     TS_SIM_PAGE_BYTES / TS_STAMP_SECTOR);
  return buffer;
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* Nodes come and go with every cut: some that are gone are kept for the next ones. */
#define SPARE_MAX 256u
static Node *spare[SPARE_MAX];
static guint spares;

static Node *
node_new (void)
{
  return spares > 0 ? spare[--spares] : g_new (Node, 1);
}

static void
node_free (Node *node)
{
  if (spares < SPARE_MAX)
    spare[spares++] = node;
  else
    g_free (node);
}

static gboolean
is_node (TsSimWord word)
{
  return ts_sim_word_is_bytes (word); /* above the lowest level a pointer is to a node */
}

static TsSimWord
ref (TsSimWord word, guint level)
{
  if (level == 0)
    return ts_sim_word_ref (word);
  if (is_node (word))
    ((Node *)pointer_of (word))->refs++;
  return word;
}

/* level: how many levels of nodes the word may have below it. */
static void
unref (TsSimWord word, guint level)
{
  if (level == 0) {
    ts_sim_word_unref (word);
    return;
  }
  Node *node = is_node (word) ? pointer_of (word) : NULL;
  if (!node || --node->refs > 0)
    return;
  if (level > 1 || node->pointers > 0)
    for (guint i = 0; i < FAN; i++)
      unref (node->word[i], level - 1);
  node_free (node);
}

/* A node of the tree's own in that place, to write below. */
static Node *
own_node (TsSimWord *place, guint level)
{
  Node *old = is_node (*place) ? pointer_of (*place) : NULL;
  if (old && old->refs == 1)
    return old;
  Node *node = node_new ();
  node->refs = 1;
  node->pointers = old ? old->pointers : 0;
  if (old) {
    memcpy (node->word, old->word, sizeof node->word);
    if (level > 1 || old->pointers > 0)
      for (guint i = 0; i < FAN; i++)
        ref (node->word[i], level - 1);
    old->refs--;
  } else
    for (guint i = 0; i < FAN; i++)
      node->word[i] = *place;
  *place = word_of (node);
  return node;
}

static guint
slot (guint64 page, guint level)
{
  return (guint)(page >> (FAN_BITS * (level - 1))) & (FAN - 1);
}

void
ts_sim_pages_init (TsSimPages *tree, guint64 pages)
{
  *tree = (TsSimPages){.pages = pages};
  while (pages > G_GUINT64_CONSTANT (1) << (FAN_BITS * tree->levels))
    tree->levels++;
}

void
ts_sim_pages_copy (TsSimPages *to, const TsSimPages *from)
{
  *to = *from;
  ref (to->root, to->levels);
}

void
ts_sim_pages_clear (TsSimPages *tree)
{
  unref (tree->root, tree->levels);
  tree->root = 0;
}

TsSimWord
ts_sim_pages_get (const TsSimPages *tree, guint64 page)
{
  TsSimWord word = tree->root;
  for (guint level = tree->levels; level > 0 && is_node (word); level--)
    word = ((const Node *)pointer_of (word))->word[slot (page, level)];
  return word;
}

TsSimWord
ts_sim_pages_put (TsSimPages *tree, guint64 page, TsSimWord word)
{
  TsSimWord *place = &tree->root;
  Node *node = NULL;
  for (guint level = tree->levels; level > 0; level--) {
    node = own_node (place, level);
    place = &node->word[slot (page, level)];
  }
  TsSimWord old = *place;
  *place = word;
  if (node) {
    node->pointers += ts_sim_word_is_bytes (word) ? 1 : 0;
    node->pointers -= ts_sim_word_is_bytes (old) ? 1 : 0;
  }
  return old;
}

static void
fill (TsSimWord *place, guint level, guint64 base, guint64 first, guint64 end, TsSimWord word)
{
  guint64 span = G_GUINT64_CONSTANT (1) << (FAN_BITS * level);
  if (first <= base && base + span <= end) {
    unref (*place, level);
    *place = word;
    return;
  }
  Node *node = own_node (place, level);
  if (level == 1) /* what is overwritten may have been bytes */
    for (guint i = 0; i < FAN; i++)
      node->pointers -=
          base + i >= first && base + i < end && ts_sim_word_is_bytes (node->word[i]) ? 1 : 0;
  guint64 step = span >> FAN_BITS;
  for (guint i = 0; i < FAN; i++) {
    guint64 at = base + i * step;
    if (at < end && first < at + step)
      fill (&node->word[i], level - 1, at, first, end, word);
  }
}

void
ts_sim_pages_fill (TsSimPages *tree, guint64 first, guint64 end, TsSimWord word)
{
  g_assert (end <= tree->pages && (word & 3) != 0);
  if (first < end)
    fill (&tree->root, tree->levels, 0, first, end, word);
}

void
ts_sim_pages_fold (TsSimPages *tree, guint64 page)
{
  TsSimWord *path[16];
  guint depth = 0;
  TsSimWord *place = &tree->root;
  for (guint level = tree->levels; level > 0 && is_node (*place); level--) {
    path[depth++] = place;
    place = &((Node *)pointer_of (*place))->word[slot (page, level)];
  }
  for (; depth > 0; depth--) {
    Node *node = pointer_of (*path[depth - 1]);
    TsSimWord first = node->word[0];
    if ((first & 3) == 0 || node->refs > 1)
      return;
    for (guint i = 1; i < FAN; i++)
      if (node->word[i] != first)
        return;
    node_free (node);
    *path[depth - 1] = first;
  }
}

static gboolean
next_run (TsSimWord word, guint level, guint64 base, guint64 *page, guint64 *count)
{
  guint64 span = G_GUINT64_CONSTANT (1) << (FAN_BITS * level);
  if (word == 0)
    return FALSE;
  if (level == 0 || !is_node (word)) {
    *page = MAX (*page, base);
    *count = base + span - *page;
    return TRUE;
  }
  const Node *node = pointer_of (word);
  guint64 step = span >> FAN_BITS;
  for (guint i = *page > base ? (guint)((*page - base) / step) : 0; i < FAN; i++)
    if (next_run (node->word[i], level - 1, base + i * step, page, count))
      return TRUE;
  return FALSE;
}

gboolean
ts_sim_pages_next_run (const TsSimPages *tree, guint64 *page, guint64 *count)
{
  if (*page >= tree->pages || !next_run (tree->root, tree->levels, 0, page, count) ||
      *page >= tree->pages)
    return FALSE;
  *count = MIN (*count, tree->pages - *page);
  return TRUE;
}

gboolean
ts_sim_pages_next (const TsSimPages *tree, guint64 *page)
{
  guint64 count;
  return ts_sim_pages_next_run (tree, page, &count);
}

/* --- comparing -------------------------------------------------------------------------------- */

typedef struct {
  guint64 pages, seed;
} Both;

static gboolean
same_content (TsSimWord a, TsSimWord b, guint64 page, guint64 seed)
{
  if (a == b)
    return TRUE;
  if ((a & 3) != 0 && (b & 3) != 0) /* two stamps that are not the same */
    return FALSE;
  guint8 buffer[2][TS_SIM_PAGE_BYTES];
  return memcmp (ts_sim_word_look (a, page, seed, buffer[0]),
                 ts_sim_word_look (b, page, seed, buffer[1]), TS_SIM_PAGE_BYTES) == 0;
}

static guint64
differing (TsSimWord a, TsSimWord b, guint level, guint64 base, const Both *both)
{
  if (a == b || base >= both->pages)
    return 0;
  if (level == 0)
    return same_content (a, b, base, both->seed) ? 0 : 1;
  const Node *na = is_node (a) ? pointer_of (a) : NULL;
  const Node *nb = is_node (b) ? pointer_of (b) : NULL;
  if (!na && !nb) /* nothing and a stamp, or two stamps: never the same bytes */
    return MIN (G_GUINT64_CONSTANT (1) << (FAN_BITS * level), both->pages - base);
  if (na && nb && memcmp (na->word, nb->word, sizeof na->word) == 0)
    return 0;
  guint64 step = G_GUINT64_CONSTANT (1) << (FAN_BITS * (level - 1)), count = 0;
  for (guint i = 0; i < FAN; i++)
    count +=
        differing (na ? na->word[i] : a, nb ? nb->word[i] : b, level - 1, base + i * step, both);
  return count;
}

guint64
ts_sim_pages_differing (const TsSimPages *a, const TsSimPages *b, guint64 seed)
{
  g_assert (a->pages == b->pages);
  Both both = {a->pages, seed};
  return differing (a->root, b->root, a->levels, 0, &both);
}

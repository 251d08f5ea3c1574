#include "core/disk/compare.h"
#include "core/base/error.h"
#include <string.h>
#include <xxhash.h>

static void
put_hash (guint8 *at, const void *data, gsize len_bytes)
{
  XXH128_canonical_t canonical; /* the same bytes on every machine */
  XXH128_canonicalFromHash (&canonical, XXH3_128bits (data, len_bytes));
  G_STATIC_ASSERT (sizeof canonical == TS_COMPARE_HASH_BYTES);
  memcpy (at, &canonical, sizeof canonical);
}

static guint32
blocks_of (guint32 len_bytes)
{
  return (len_bytes + TS_COMPARE_BLOCK_BYTES - 1) / TS_COMPARE_BLOCK_BYTES;
}

GBytes *
ts_compare_hash_data (const void *data, guint32 len_bytes)
{
  g_assert (len_bytes >= 1 && len_bytes <= TS_COMPARE_BATCH_BYTES);
  guint32 blocks = blocks_of (len_bytes);
  guint8 *hashes = g_malloc (blocks * TS_COMPARE_HASH_BYTES);
  for (guint32 i = 0; i < blocks; i++) {
    guint32 at = i * TS_COMPARE_BLOCK_BYTES;
    put_hash (hashes + i * TS_COMPARE_HASH_BYTES, (const guint8 *)data + at,
              MIN (len_bytes - at, TS_COMPARE_BLOCK_BYTES));
  }
  return g_bytes_new_take (hashes, blocks * TS_COMPARE_HASH_BYTES);
}

GBytes *
ts_compare_hash (TsDisk *disk, guint64 offset_bytes, guint32 len_bytes, GError **error)
{
  g_assert (len_bytes >= 1 && len_bytes <= TS_COMPARE_BATCH_BYTES);
  g_autofree guint8 *data = g_malloc (len_bytes);
  if (!disk->ops->read (disk, offset_bytes, data, len_bytes, error))
    return NULL;
  return ts_compare_hash_data (data, len_bytes);
}

GBytes *
ts_compare_digest (GBytes *hashes)
{
  gsize len;
  const void *data = g_bytes_get_data (hashes, &len);
  guint8 *digest = g_malloc (TS_COMPARE_HASH_BYTES);
  put_hash (digest, data, len);
  return g_bytes_new_take (digest, TS_COMPARE_HASH_BYTES);
}

gboolean
ts_compare_differing (GBytes *mine, GBytes *theirs, guint64 offset_bytes, guint32 len_bytes,
                      TsExtents *differing, GError **error)
{
  guint32 blocks = blocks_of (len_bytes);
  gsize mine_len, theirs_len;
  const guint8 *a = g_bytes_get_data (mine, &mine_len);
  const guint8 *b = g_bytes_get_data (theirs, &theirs_len);
  g_assert (mine_len == blocks * TS_COMPARE_HASH_BYTES);
  if (theirs_len != mine_len)
    return ts_throw (error, TS_ERROR_FORMAT,
                     "%zu bytes of hashes came for %u blocks: there should be %zu", theirs_len,
                     blocks, mine_len);
  for (guint32 i = 0; i < blocks; i++)
    if (memcmp (a + i * TS_COMPARE_HASH_BYTES, b + i * TS_COMPARE_HASH_BYTES,
                TS_COMPARE_HASH_BYTES) != 0) {
      guint32 at = i * TS_COMPARE_BLOCK_BYTES;
      ts_extents_add (differing, offset_bytes + at, MIN (len_bytes - at, TS_COMPARE_BLOCK_BYTES));
    }
  return TRUE;
}

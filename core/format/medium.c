#include "core/format/medium.h"
#include <string.h>
#include <xxhash.h>
#include "core/base/error.h"

#define HEADER_BYTES 56
#define ROW_BYTES 32
static const char magic[8] = "TSMEDIUM";

static void
put32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static void
put64 (guint8 *at, guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static guint32
get32 (const guint8 *at)
{
  guint32 value;
  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_LE (value);
}

static guint64
get64 (const guint8 *at)
{
  guint64 value;
  memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

static guint64
checksum (const guint8 *data, gsize len)
{
  XXH3_state_t *state = XXH3_createState ();
  XXH3_64bits_reset (state);
  XXH3_64bits_update (state, data, 48);
  XXH3_64bits_update (state, data + HEADER_BYTES, len - HEADER_BYTES);
  guint64 sum = XXH3_64bits_digest (state);
  XXH3_freeState (state);
  return sum;
}

TsMedium *
ts_medium_new (void)
{
  TsMedium *medium = g_new0 (TsMedium, 1);
  medium->pieces = g_array_new (FALSE, FALSE, sizeof (TsMediumPiece));
  return medium;
}

void
ts_medium_free (TsMedium *medium)
{
  if (!medium)
    return;
  g_array_unref (medium->pieces);
  g_free (medium);
}

const TsMediumPiece *
ts_medium_piece (const TsMedium *medium, guint index)
{
  return &g_array_index (medium->pieces, TsMediumPiece, index);
}

GBytes *
ts_medium_hash (const void *data, gsize len_bytes)
{
  XXH128_canonical_t canonical; /* the same bytes on every machine */
  XXH128_canonicalFromHash (&canonical, XXH3_128bits (data, len_bytes));
  G_STATIC_ASSERT (sizeof canonical == TS_MEDIUM_HASH_BYTES);
  return g_bytes_new (&canonical, sizeof canonical);
}

/* NULL: all of it can be. */
static char *
what_is_wrong (const TsMedium *medium)
{
  static const guint8 none[16];
  if (medium->disks < 1 || medium->disks > TS_MEDIUM_DISKS_MAX)
    return g_strdup_printf ("it has %u disks", medium->disks);
  if (memcmp (medium->vm.bytes, none, sizeof none) == 0)
    return g_strdup ("it names no virtual machine");
  if (medium->run == 0)
    return g_strdup ("it names no initial replication");
  for (guint i = 0; i < medium->disks; i++)
    if (medium->size_bytes[i] == 0)
      return g_strdup_printf ("disk %u has no size", i);
  guint32 disk = 0;
  guint64 until = 0;
  for (guint i = 0; i < medium->pieces->len; i++) {
    const TsMediumPiece *piece = ts_medium_piece (medium, i);
    if (piece->disk >= medium->disks || piece->disk < disk)
      return g_strdup_printf ("piece %u is of disk %u", i, piece->disk);
    if (piece->disk > disk) {
      disk = piece->disk;
      until = 0;
    }
    guint64 size = medium->size_bytes[disk];
    if (piece->len_bytes < 1 || piece->len_bytes > TS_MEDIUM_PIECE_BYTES_MAX ||
        piece->offset_bytes < until || piece->offset_bytes > size ||
        piece->len_bytes > size - piece->offset_bytes)
      return g_strdup_printf ("piece %u of disk %u has no place on it", i, disk);
    until = piece->offset_bytes + piece->len_bytes;
  }
  return NULL;
}

GBytes *
ts_medium_pack (const TsMedium *medium)
{
  g_autofree char *wrong = what_is_wrong (medium);
  g_assert (!wrong);
  gsize len = HEADER_BYTES + medium->disks * 8 + medium->pieces->len * (gsize)ROW_BYTES;
  guint8 *data = g_malloc0 (len), *at = data + HEADER_BYTES;
  memcpy (data, magic, sizeof magic);
  put32 (data + 8, 1);
  put32 (data + 12, medium->disks);
  memcpy (data + 16, medium->vm.bytes, 16);
  put64 (data + 32, medium->run);
  put64 (data + 40, medium->pieces->len);
  for (guint i = 0; i < medium->disks; i++, at += 8)
    put64 (at, medium->size_bytes[i]);
  for (guint i = 0; i < medium->pieces->len; i++, at += ROW_BYTES) {
    const TsMediumPiece *piece = ts_medium_piece (medium, i);
    put64 (at, piece->offset_bytes);
    put32 (at + 8, piece->len_bytes);
    put32 (at + 12, piece->disk);
    memcpy (at + 16, piece->hash, TS_MEDIUM_HASH_BYTES);
  }
  put64 (data + 48, checksum (data, len));
  return g_bytes_new_take (data, len);
}

TsMedium *
ts_medium_unpack (GBytes *bytes, GError **error)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len), *at = data + HEADER_BYTES;
  if (len < HEADER_BYTES || memcmp (data, magic, sizeof magic) != 0) {
    ts_throw (error, TS_ERROR_FORMAT, "it is not the list of a medium");
    return NULL;
  }
  if (get32 (data + 8) != 1) {
    ts_throw (error, TS_ERROR_REFUSED, "it is of version %u: it should be 1", get32 (data + 8));
    return NULL;
  }
  g_autoptr (TsMedium) medium = ts_medium_new ();
  medium->disks = get32 (data + 12);
  medium->run = get64 (data + 32);
  memcpy (medium->vm.bytes, data + 16, 16);
  guint64 pieces = get64 (data + 40);
  if (medium->disks < 1 || medium->disks > TS_MEDIUM_DISKS_MAX || pieces > len / ROW_BYTES ||
      len != HEADER_BYTES + medium->disks * 8 + pieces * ROW_BYTES) {
    ts_throw (error, TS_ERROR_FORMAT,
              "%zu bytes cannot be %u disks and %" G_GUINT64_FORMAT " pieces", len, medium->disks,
              pieces);
    return NULL;
  }
  if (get64 (data + 48) != checksum (data, len)) {
    ts_throw (error, TS_ERROR_FORMAT, "its checksum does not match");
    return NULL;
  }
  for (guint i = 0; i < medium->disks; i++, at += 8)
    medium->size_bytes[i] = get64 (at);
  for (guint64 i = 0; i < pieces; i++, at += ROW_BYTES) {
    TsMediumPiece piece = {
        .offset_bytes = get64 (at), .len_bytes = get32 (at + 8), .disk = get32 (at + 12)};
    memcpy (piece.hash, at + 16, TS_MEDIUM_HASH_BYTES);
    g_array_append_val (medium->pieces, piece);
  }
  g_autofree char *wrong = what_is_wrong (medium);
  if (wrong) {
    ts_throw (error, TS_ERROR_FORMAT, "%s", wrong);
    return NULL;
  }
  return g_steal_pointer (&medium);
}

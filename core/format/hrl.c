/* Reads a log: the header, then backwards along the chain of blocks, then forwards over the
 * entries. */
#include "core/format/hrl-internal.h"
#include "core/base/error.h"

struct _TsHrl {
  GBytes *bytes;
  const guint8 *data;
  guint64 len_bytes;
  TsHrlGlance header;
  GArray *entries; /* TsHrlEntry */
  guint64 data_bytes, unguarded;
};

#define REFUSE(...) ts_throw (error, TS_ERROR_FORMAT, __VA_ARGS__)
#define U64 G_GUINT64_FORMAT

static gboolean
all_zero (const guint8 *data, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (data[i])
      return FALSE;
  return TRUE;
}

gboolean
ts_hrl_glance (const void *data, gsize len_bytes, TsHrlGlance *glance, GError **error)
{
  g_return_val_if_fail (glance && (data || !len_bytes), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  const guint8 *header = data;
  *glance = (TsHrlGlance){0};
  if (len_bytes < TS_HRL_HEADER_BYTES)
    return REFUSE ("%" G_GSIZE_FORMAT " bytes are too few for a log's header of %d", len_bytes,
                   TS_HRL_HEADER_BYTES);
  if (memcmp (header + H_COOKIE, "msctlog", 7) != 0 ||
      (header[H_COOKIE + 7] != '\0' && header[H_COOKIE + 7] != ' '))
    return REFUSE ("not a replica log: it does not begin with \"msctlog\"");
  guint32 version = hrl_get32 (header + H_VERSION);
  if (version != TS_HRL_VERSION)
    return REFUSE ("log version 0x%08x, only 0x%08x can be read", version, TS_HRL_VERSION);

  glance->info.time_s = hrl_get32 (header + H_TIME);
  memcpy (glance->info.unique.bytes, header + H_UNIQUE, 16);
  memcpy (glance->info.previous.bytes, header + H_PREVIOUS, 16);
  memcpy (glance->info.disk_write.bytes, header + H_DISK_WRITE, 16);
  glance->eol_bytes = hrl_get64 (header + H_EOL);
  glance->log_bytes = hrl_get64 (header + H_CURRENT_SIZE);
  glance->entries = hrl_get64 (header + H_ENTRIES);
  glance->modified_s = hrl_get32 (header + H_MODIFIED);
  glance->block_bytes = hrl_get32 (header + H_METADATA_SIZE);
  glance->error_code = (gint32)hrl_get32 (header + H_ERROR);
  glance->checksum_ok =
      hrl_get32 (header + H_CHECKSUM) == hrl_checksum (header, TS_HRL_HEADER_BYTES, H_CHECKSUM);
  return TRUE;
}

static gboolean
check_header (TsHrl *hrl, GError **error)
{
  TsHrlGlance *header = &hrl->header;
  if (!ts_hrl_glance (hrl->data, hrl->len_bytes, header, error))
    return FALSE;
  if (!header->checksum_ok)
    return REFUSE ("the header's checksum does not fit");
  if (header->eol_bytes == 0)
    return REFUSE ("the log was not closed gracefully");
  if (header->eol_bytes != hrl->len_bytes)
    return REFUSE ("the log is %" U64 " bytes long, and should be %" U64, hrl->len_bytes,
                   header->eol_bytes);
  if (header->log_bytes != header->eol_bytes)
    return REFUSE ("the header gives two lengths, %" U64 " and %" U64, header->log_bytes,
                   header->eol_bytes);
  if (header->block_bytes < 512 || header->block_bytes % 512)
    return REFUSE ("metadata blocks of %u bytes: not a multiple of 512", header->block_bytes);
  if (hrl_get32 (hrl->data + H_FILE_TYPE) != 0 ||
      !all_zero (hrl->data + H_FLAGS, H_DISK_WRITE - H_FLAGS) ||
      !all_zero (hrl->data + H_RESERVED, TS_HRL_HEADER_BYTES - H_RESERVED))
    return REFUSE ("the header holds something where zeros belong");
  return TRUE;
}

/* Walks back from the end; blocks gets the offsets, last first.  Each step goes back by a block's
 * size or more, so the walk ends. */
static gboolean
find_blocks (const TsHrl *hrl, GArray *blocks, GError **error)
{
  guint64 size = hrl->header.block_bytes, at = hrl->len_bytes, total = 0, back = size;
  guint64 most = (size - M_HEADER_BYTES) / E_BYTES;
  do {
    if (back < size || back > at || at - back < TS_HRL_HEADER_BYTES)
      return REFUSE ("the metadata block at %" U64 " has its predecessor %" U64 " bytes before it",
                     at, back);
    at -= back;
    const guint8 *block = hrl->data + at;
    guint64 entries = hrl_get32 (block + M_ENTRIES);
    if (hrl_get32 (block + M_CHECKSUM) != hrl_checksum (block, M_HEADER_BYTES, M_CHECKSUM))
      return REFUSE ("the metadata block at %" U64 ": its checksum does not fit", at);
    if (entries > most)
      return REFUSE ("the metadata block at %" U64 " claims %" U64
                     " entries, and has room for %" U64,
                     at, entries, most);
    gsize used = M_HEADER_BYTES + (gsize)entries * E_BYTES;
    if (!all_zero (block + M_RESERVED, M_HEADER_BYTES - M_RESERVED) ||
        !all_zero (block + used, size - used))
      return REFUSE ("the metadata block at %" U64 " holds something where zeros belong", at);
    g_array_append_val (blocks, at);
    total += entries;
    back = hrl_get64 (block + M_PREVIOUS);
  } while (back != 0);
  if (total != hrl->header.entries)
    return REFUSE ("the blocks hold %" U64 " entries, the header says %" U64, total,
                   hrl->header.entries);
  return TRUE;
}

/* at: where the entry's data begins; up to: where its block begins */
static gboolean
read_entry (TsHrl *hrl, const guint8 *raw, guint64 at, guint64 up_to, GError **error)
{
  guint64 number = hrl->entries->len + 1;
  TsHrlEntry entry = {
      .disk_offset_bytes = hrl_get64 (raw + E_OFFSET),
      .len_bytes = hrl_get32 (raw + E_LENGTH),
      .time_s = hrl_get32 (raw + E_TIME),
      .log_offset_bytes = at,
  };
  if (hrl_get32 (raw + E_CHECKSUM) != hrl_checksum (raw, E_BYTES, E_CHECKSUM))
    return REFUSE ("entry %" U64 ": its checksum does not fit", number);
  if (raw[E_OPERATION] != HRL_WRITE)
    return REFUSE ("entry %" U64 ": operation %u, only %u (write) is known", number,
                   raw[E_OPERATION], HRL_WRITE);
  if (!all_zero (raw + E_LOCATION, E_BYTES - E_LOCATION))
    return REFUSE ("entry %" U64 " holds something where zeros belong", number);
  if (entry.len_bytes == 0)
    return REFUSE ("entry %" U64 " is empty", number);
  if (entry.disk_offset_bytes > G_MAXINT64 - (guint64)entry.len_bytes)
    return REFUSE ("entry %" U64 ": no disk has an offset %" U64, number, entry.disk_offset_bytes);
  if (entry.len_bytes > up_to - at)
    return REFUSE ("entry %" U64 ": its %u bytes of data run into the metadata behind them", number,
                   entry.len_bytes);
  guint32 want = hrl_get32 (raw + E_DATA_CHECKSUM);
  if (want == 0)
    hrl->unguarded++;
  else if (want != hrl_checksum (hrl->data + at, entry.len_bytes, HRL_NO_FIELD))
    return REFUSE ("entry %" U64 ": the checksum of its data does not fit", number);
  hrl->header.info.disk_bytes =
      MAX (hrl->header.info.disk_bytes, entry.disk_offset_bytes + entry.len_bytes);
  hrl->data_bytes += entry.len_bytes;
  g_array_append_val (hrl->entries, entry);
  return TRUE;
}

static gboolean
read_entries (TsHrl *hrl, const GArray *blocks, GError **error)
{
  guint64 at = TS_HRL_HEADER_BYTES; /* the first byte not accounted for */
  for (guint i = blocks->len; i-- > 0;) {
    guint64 block = g_array_index (blocks, guint64, i);
    const guint8 *raw = hrl->data + block + M_HEADER_BYTES;
    guint32 entries = hrl_get32 (hrl->data + block + M_ENTRIES);
    for (guint32 k = 0; k < entries; k++, raw += E_BYTES) {
      if (!read_entry (hrl, raw, at, block, error))
        return FALSE;
      at += g_array_index (hrl->entries, TsHrlEntry, hrl->entries->len - 1).len_bytes;
    }
    if (at != block)
      return REFUSE ("%" U64 " bytes before the metadata block at %" U64 " belong to no entry",
                     block - at, block);
    at += hrl->header.block_bytes;
  }
  return TRUE;
}

TsHrl *
ts_hrl_open (GBytes *bytes, GError **error)
{
  g_return_val_if_fail (bytes, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_autoptr (TsHrl) hrl = g_new0 (TsHrl, 1);
  gsize len;
  hrl->bytes = g_bytes_ref (bytes);
  hrl->data = g_bytes_get_data (bytes, &len);
  hrl->len_bytes = len;
  hrl->entries = g_array_new (FALSE, FALSE, sizeof (TsHrlEntry));
  g_autoptr (GArray) blocks = g_array_new (FALSE, FALSE, sizeof (guint64));
  if (!check_header (hrl, error) || !find_blocks (hrl, blocks, error) ||
      !read_entries (hrl, blocks, error))
    return NULL;
  return g_steal_pointer (&hrl);
}

void
ts_hrl_free (TsHrl *hrl)
{
  if (!hrl)
    return;
  g_bytes_unref (hrl->bytes);
  g_array_unref (hrl->entries);
  g_free (hrl);
}

const TsHrlInfo *
ts_hrl_info (const TsHrl *hrl)
{
  return &hrl->header.info;
}

gint32
ts_hrl_error_code (const TsHrl *hrl)
{
  return hrl->header.error_code;
}

guint64
ts_hrl_count (const TsHrl *hrl)
{
  return hrl->entries->len;
}

TsHrlEntry
ts_hrl_entry (const TsHrl *hrl, guint64 index)
{
  g_assert (index < hrl->entries->len);
  return g_array_index (hrl->entries, TsHrlEntry, index);
}

const guint8 *
ts_hrl_data (const TsHrl *hrl, guint64 index)
{
  return hrl->data + ts_hrl_entry (hrl, index).log_offset_bytes;
}

guint64
ts_hrl_data_bytes (const TsHrl *hrl)
{
  return hrl->data_bytes;
}

guint64
ts_hrl_unguarded (const TsHrl *hrl)
{
  return hrl->unguarded;
}

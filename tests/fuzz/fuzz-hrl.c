/* Any bytes as a replica log: refused with FORMAT, or read, applied, described and written again
 * alike.
 *
 * Checksums would stop nearly everything at the door, so the bytes are played twice: as they are,
 * and as a log whose header is the first 128 bytes (the rest of it is zero anyway) and whose
 * checksums, length and number of entries are made right. */
#include <stdint.h>
#include <string.h>
#include "core/base/error.h"
#include "core/disk/apply.h"
#include "core/format/hrl-internal.h"
#include "core/format/hrl-print.h"

#define SHORT_HEADER 128
#define DISK_BYTES 65536

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

typedef struct {
  TsDisk disk;
  guint8 data[DISK_BYTES];
  guint64 written;
} Memory;

static gboolean
memory_write (TsDisk *disk, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  Memory *memory = (Memory *)disk;
  g_assert (offset_bytes <= DISK_BYTES && len_bytes <= DISK_BYTES - offset_bytes);
  memcpy (memory->data + offset_bytes, data, len_bytes);
  memory->written += len_bytes;
  return TRUE;
}

static gboolean
memory_flush (TsDisk *disk, GError **error)
{
  return TRUE;
}

static const TsDiskOps memory_ops = {
    .name = "memory", .write = memory_write, .flush = memory_flush};

static void
apply (const TsHrl *hrl)
{
  GError *error = NULL;
  Memory *memory = g_new0 (Memory, 1);
  memory->disk = (TsDisk){&memory_ops, DISK_BYTES};
  if (ts_apply_log (&memory->disk, hrl, &error))
    g_assert (memory->written == ts_hrl_data_bytes (hrl));
  else {
    g_assert (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
    g_assert (memory->written == 0); /* whole or not at all */
    g_assert (ts_hrl_info (hrl)->disk_bytes > DISK_BYTES);
  }
  g_clear_error (&error);
  g_free (memory);
}

/* The same writes through the writer are the same writes again. */
static void
write_again (const TsHrl *hrl)
{
  GByteArray *array = g_byte_array_new ();
  TsHrlInfo info = *ts_hrl_info (hrl);
  info.disk_bytes = MAX (info.disk_bytes, 1);
  TsHrlWriter *writer = ts_hrl_writer_new (&info, ts_hrl_put_array, array, NULL);
  for (guint64 i = 0; i < ts_hrl_count (hrl); i++) {
    TsHrlEntry entry = ts_hrl_entry (hrl, i);
    g_assert (ts_hrl_writer_add (writer, entry.disk_offset_bytes, ts_hrl_data (hrl, i),
                                 entry.len_bytes, entry.time_s, NULL));
  }
  g_assert (ts_hrl_writer_close (writer, 0, ts_hrl_error_code (hrl), NULL));
  ts_hrl_writer_free (writer);
  GBytes *bytes = g_byte_array_free_to_bytes (array);
  TsHrl *again = ts_hrl_open (bytes, NULL);
  g_assert (again && ts_hrl_count (again) == ts_hrl_count (hrl));
  g_assert (ts_hrl_data_bytes (again) == ts_hrl_data_bytes (hrl));
  g_assert (ts_hrl_unguarded (again) == 0);
  for (guint64 i = 0; i < ts_hrl_count (hrl); i++) {
    TsHrlEntry a = ts_hrl_entry (hrl, i), b = ts_hrl_entry (again, i);
    g_assert (a.disk_offset_bytes == b.disk_offset_bytes && a.len_bytes == b.len_bytes);
    g_assert (memcmp (ts_hrl_data (hrl, i), ts_hrl_data (again, i), a.len_bytes) == 0);
  }
  ts_hrl_free (again);
  g_bytes_unref (bytes);
}

static void
play (const guint8 *data, gsize len_bytes)
{
  GError *error = NULL;
  GBytes *bytes = g_bytes_new (data, len_bytes); /* a copy of its own length */
  TsHrl *hrl = ts_hrl_open (bytes, &error);
  gboolean valid = FALSE;
  char *text = ts_hrl_describe (bytes, 3, &valid);
  g_assert (valid == (hrl != NULL) && g_utf8_validate (text, -1, NULL));
  g_free (text);
  if (hrl) {
    apply (hrl);
    write_again (hrl);
  } else
    g_assert (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
  g_clear_error (&error);
  ts_hrl_free (hrl);
  g_bytes_unref (bytes);
}

/* Signs every block that the chain from the end reaches, and their entries. */
static void
sign (guint8 *log, gsize len_bytes)
{
  guint64 size = hrl_get32 (log + H_METADATA_SIZE), at = len_bytes, back = size, total = 0;
  while (size >= M_HEADER_BYTES && back >= size && back <= at && at - back >= TS_HRL_HEADER_BYTES) {
    at -= back;
    guint8 *block = log + at;
    guint64 entries = MIN (hrl_get32 (block + M_ENTRIES), (size - M_HEADER_BYTES) / E_BYTES);
    for (guint64 i = 0; i < entries; i++) {
      guint8 *entry = block + M_HEADER_BYTES + i * E_BYTES;
      memset (entry + E_DATA_CHECKSUM, 0, 4);
      hrl_put32 (entry + E_CHECKSUM, hrl_checksum (entry, E_BYTES, E_CHECKSUM));
    }
    hrl_put32 (block + M_CHECKSUM, hrl_checksum (block, M_HEADER_BYTES, M_CHECKSUM));
    total += entries;
    back = hrl_get64 (block + M_PREVIOUS);
  }
  hrl_put64 (log + H_EOL, len_bytes);
  hrl_put64 (log + H_CURRENT_SIZE, len_bytes);
  hrl_put64 (log + H_ENTRIES, total);
  hrl_put32 (log + H_CHECKSUM, hrl_checksum (log, TS_HRL_HEADER_BYTES, H_CHECKSUM));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  play (data, len_bytes);
  if (len_bytes < SHORT_HEADER)
    return 0;
  gsize signed_bytes = len_bytes - SHORT_HEADER + TS_HRL_HEADER_BYTES;
  guint8 *log = g_malloc0 (signed_bytes);
  memcpy (log, data, SHORT_HEADER);
  memcpy (log + TS_HRL_HEADER_BYTES, data + SHORT_HEADER, len_bytes - SHORT_HEADER);
  sign (log, signed_bytes);
  play (log, signed_bytes);
  g_free (log);
  return 0;
}

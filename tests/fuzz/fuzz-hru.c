/* Any bytes as an undo log: refused with FORMAT, or read up to its last valid segment; then what
 * was read is played, and gone on with.
 *
 * Checksums would stop nearly everything at the door, so the bytes are played twice: as they are,
 * and with every checksum that the chain of segments reaches made right. */
#include <stdint.h>
#include <string.h>
#include <xxhash.h>
#include "core/base/error.h"
#include "core/disk/undo.h"

#define DISK_BYTES 65536

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

typedef struct {
  TsDisk disk;
  guint8 data[DISK_BYTES];
  guint64 written;
} Memory;

static gboolean
memory_read (TsDisk *disk, guint64 offset_bytes, void *data, gsize len_bytes, GError **error)
{
  Memory *memory = (Memory *)disk;
  g_assert (offset_bytes <= DISK_BYTES && len_bytes <= DISK_BYTES - offset_bytes);
  memcpy (data, memory->data + offset_bytes, len_bytes);
  return TRUE;
}

static gboolean
memory_write (TsDisk *disk, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  Memory *memory = (Memory *)disk;
  g_assert (offset_bytes <= DISK_BYTES && len_bytes <= DISK_BYTES - offset_bytes);
  memcpy (memory->data + offset_bytes, data, len_bytes);
  memory->written += len_bytes;
  return TRUE;
}

static const TsDiskOps memory_ops = {.name = "memory", .read = memory_read, .write = memory_write};

/* Whatever can be read is whole: its entries lie apart, within the disk and within the log. */
static void
look (const TsHru *hru, gsize len_bytes)
{
  guint64 sum = 0;
  guint8 last = 0;
  g_assert (ts_hru_end (hru) <= len_bytes && ts_hru_last_set (hru) >= ts_hru_info (hru)->point);
  for (guint64 i = 0; i < ts_hru_count (hru); i++) {
    TsExtent e = ts_hru_entry (hru, i);
    g_assert (e.len_bytes > 0 && e.offset_bytes + e.len_bytes <= ts_hru_info (hru)->disk_bytes);
    last ^= ts_hru_data (hru, i)[0] ^ ts_hru_data (hru, i)[e.len_bytes - 1];
    sum += e.len_bytes;
  }
  g_assert (sum == ts_hru_data_bytes (hru));
  g_assert (sum == ts_extents_bytes (ts_hru_saved (hru))); /* none twice */
  (void)last;
}

/* One more set behind what is there: it reads back with that set, and nothing else is changed. */
static void
go_on (GBytes *bytes, const TsHru *hru, Memory *memory)
{
  const TsHruInfo *info = ts_hru_info (hru);
  gsize len;
  const void *data = g_bytes_get_data (bytes, &len);
  if (ts_hru_last_set (hru) == G_MAXUINT64)
    return;
  GByteArray *array = g_byte_array_new ();
  g_byte_array_append (array, data, (guint)ts_hru_end (hru));
  GByteArray *log = g_byte_array_new ();
  TsHrlInfo hrl_info = {.disk_bytes = DISK_BYTES, .unique = {{1}}};
  TsHrlWriter *writer = ts_hrl_writer_new (&hrl_info, ts_hrl_put_array, log, NULL);
  guint8 block[4096] = {7};
  ts_hrl_writer_add (writer, 8192, block, sizeof block, 0, NULL);
  g_assert (ts_hrl_writer_close (writer, 0, 0, NULL));
  ts_hrl_writer_free (writer);
  GBytes *log_bytes = g_byte_array_free_to_bytes (log);
  TsHrl *hrl = ts_hrl_open (log_bytes, NULL);
  guint64 saved;
  gboolean wrote;
  g_assert (ts_undo_save (&memory->disk, hrl, ts_hru_last_set (hru) + 1, info, hru,
                          ts_hru_put_array, array, &saved, &wrote, NULL));
  GBytes *after = g_byte_array_free_to_bytes (array);
  TsHru *again = ts_hru_open (after, TS_HRU_WHOLE, NULL);
  g_assert (again && ts_hru_last_set (again) == ts_hru_last_set (hru) + 1);
  g_assert (ts_hru_data_bytes (again) == ts_hru_data_bytes (hru) + saved);
  g_assert (ts_hru_end (again) == g_bytes_get_size (after));
  ts_hru_free (again);
  g_bytes_unref (after);
  ts_hrl_free (hrl);
  g_bytes_unref (log_bytes);
}

static void
play (const guint8 *data, gsize len_bytes)
{
  GError *error = NULL;
  GBytes *bytes = g_bytes_new (data, len_bytes); /* a copy of its own length */
  TsHru *hru = ts_hru_open (bytes, TS_HRU_WHOLE, &error);
  TsHru *index = ts_hru_open (bytes, TS_HRU_INDEX, NULL);
  g_assert ((hru != NULL) == (index != NULL));
  if (!hru) {
    g_assert (g_error_matches (error, TS_ERROR, TS_ERROR_FORMAT));
    g_clear_error (&error);
  } else {
    look (hru, len_bytes);
    look (index, len_bytes);
    g_assert (ts_hru_last_set (index) >= ts_hru_last_set (hru)); /* it takes data on trust */
    Memory *memory = g_new0 (Memory, 1);
    memory->disk = (TsDisk){&memory_ops, DISK_BYTES};
    if (ts_hru_info (hru)->disk_bytes == DISK_BYTES) {
      g_assert (ts_undo_play (&memory->disk, hru, ts_hru_info (hru), ts_hru_last_set (hru), NULL));
      g_assert (memory->written == ts_hru_data_bytes (hru));
      go_on (bytes, hru, memory);
    }
    g_free (memory);
  }
  ts_hru_free (hru);
  ts_hru_free (index);
  g_bytes_unref (bytes);
}

static guint64
get (const guint8 *at)
{
  guint64 value = 0;
  for (guint i = 0; i < 8; i++)
    value |= (guint64)at[i] << (8 * i);
  return value;
}

static void
put (guint8 *at, guint64 value)
{
  for (guint i = 0; i < 8; i++)
    at[i] = (guint8)(value >> (8 * i));
}

static void
sign (guint8 *log, gsize len_bytes)
{
  put (log + 56, XXH3_64bits (log, 56));
  for (guint64 at = TS_HRU_HEADER_BYTES; len_bytes - at >= TS_HRU_SEGMENT_BYTES;) {
    guint64 room = len_bytes - at - TS_HRU_SEGMENT_BYTES, entries = get (log + at + 16);
    guint64 bytes = get (log + at + 24);
    if (entries > room / TS_HRU_ENTRY_BYTES || bytes > room - entries * TS_HRU_ENTRY_BYTES)
      return;
    guint8 *table = log + at + TS_HRU_SEGMENT_BYTES;
    put (log + at + 32, XXH3_64bits (table, (gsize)(entries * TS_HRU_ENTRY_BYTES)));
    put (log + at + 40, XXH3_64bits (table + entries * TS_HRU_ENTRY_BYTES, (gsize)bytes));
    put (log + at + 56, XXH3_64bits (log + at, 56));
    at += TS_HRU_SEGMENT_BYTES + entries * TS_HRU_ENTRY_BYTES + bytes;
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  play (data, len_bytes);
  if (len_bytes < TS_HRU_HEADER_BYTES)
    return 0;
  guint8 *log = g_memdup2 (data, len_bytes);
  sign (log, len_bytes);
  play (log, len_bytes);
  g_free (log);
  return 0;
}

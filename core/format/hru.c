/* core/format/hru.c -- see hru.h. */
#include "core/format/hru.h"
#include "core/base/error.h"
#include <string.h>
#include <xxhash.h>

#define VERSION 1
#define PIECE (1024 * 1024) /* of data, read and put at once */

static const guint8 log_magic[8] = "TSUNDO\r\n";
static const guint8 segment_magic[8] = "TSUSEG\r\n";

typedef struct {
  TsExtent extent;
  guint64 at; /* its data, in the log */
} Entry;

struct _TsHru {
  GBytes *bytes;
  TsHruInfo info;
  guint64 last_set, end, data_bytes;
  GArray *entries; /* Entry */
  TsExtents *saved;
};

static guint64
get (const guint8 *at)
{
  guint64 value = 0;
  for (guint i = 0; i < 8; i++)
    value |= (guint64)at[i] << (8 * i);
  return value;
}

static void
set64 (guint8 *at, guint64 value)
{
  for (guint i = 0; i < 8; i++)
    at[i] = (guint8)(value >> (8 * i));
}

static gboolean
all_zero (const guint8 *at, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (at[i] != 0)
      return FALSE;
  return TRUE;
}

/* --- reading ---------------------------------------------------------------------------------- */

static gboolean
read_header (TsHru *hru, const guint8 *data, gsize len, GError **error)
{
  if (len < TS_HRU_HEADER_BYTES || memcmp (data, log_magic, sizeof log_magic) != 0)
    return ts_throw (error, TS_ERROR_FORMAT, "undo log: %" G_GSIZE_FORMAT " bytes that are not one",
                     len);
  if (get (data + 8) != VERSION) /* with the zero behind it */
    return ts_throw (error, TS_ERROR_FORMAT, "undo log: of another version than %d", VERSION);
  if (get (data + 56) != XXH3_64bits (data, 56))
    return ts_throw (error, TS_ERROR_FORMAT, "undo log: the header's checksum does not fit");
  guint64 instant = get (data + 24);
  hru->info = (TsHruInfo){
      .point = get (data + 16), .instant_us = (gint64)instant, .disk_bytes = get (data + 32)};
  if (hru->info.point == 0 || instant > G_MAXINT64 || hru->info.disk_bytes == 0 ||
      hru->info.disk_bytes > G_MAXINT64 || !all_zero (data + 40, 16))
    return ts_throw (error, TS_ERROR_FORMAT, "undo log: its header has values that cannot be");
  return TRUE;
}

/* Does the table hold what it must?  Adds its entries; whoever hears FALSE takes them off again. */
static gboolean
read_table (TsHru *hru, const guint8 *table, guint64 entries, guint64 data_at, guint64 data_bytes)
{
  guint64 behind = 0, sum = 0;
  for (guint64 i = 0; i < entries; i++) {
    TsExtent e = {get (table + i * TS_HRU_ENTRY_BYTES), get (table + i * TS_HRU_ENTRY_BYTES + 8)};
    TsExtent before;
    if (e.len_bytes == 0 || e.offset_bytes < behind || e.offset_bytes >= hru->info.disk_bytes ||
        e.len_bytes > hru->info.disk_bytes - e.offset_bytes || e.len_bytes > data_bytes - sum)
      return FALSE;
    if (ts_extents_next (hru->saved, e.offset_bytes, 1, &before) &&
        before.offset_bytes < e.offset_bytes + e.len_bytes)
      return FALSE; /* saved already: then this is not what stood there at the point */
    Entry entry = {e, data_at + sum};
    g_array_append_val (hru->entries, entry);
    behind = e.offset_bytes + e.len_bytes;
    sum += e.len_bytes;
  }
  return sum == data_bytes;
}

/* TRUE: a valid segment stands at hru->end, and hru has been moved on behind it.  *unchecked: where
 * its data lie, when they are not looked at. */
static gboolean
read_segment (TsHru *hru, const guint8 *data, gsize len, gboolean look)
{
  guint64 room = len - hru->end;
  const guint8 *at = data + hru->end;
  if (room < TS_HRU_SEGMENT_BYTES || memcmp (at, segment_magic, sizeof segment_magic) != 0 ||
      get (at + 56) != XXH3_64bits (at, 56) || get (at + 48) != 0)
    return FALSE;
  guint64 set = get (at + 8), entries = get (at + 16), data_bytes = get (at + 24);
  room -= TS_HRU_SEGMENT_BYTES;
  if (set != hru->last_set + 1 || entries > room / TS_HRU_ENTRY_BYTES ||
      data_bytes > room - entries * TS_HRU_ENTRY_BYTES)
    return FALSE;
  const guint8 *table = at + TS_HRU_SEGMENT_BYTES;
  gsize table_bytes = (gsize)(entries * TS_HRU_ENTRY_BYTES);
  if (get (at + 32) != XXH3_64bits (table, table_bytes) ||
      (look && get (at + 40) != XXH3_64bits (table + table_bytes, (gsize)data_bytes)))
    return FALSE;
  guint old = hru->entries->len;
  guint64 data_at = hru->end + TS_HRU_SEGMENT_BYTES + table_bytes;
  if (!read_table (hru, table, entries, data_at, data_bytes)) {
    g_array_set_size (hru->entries, old);
    return FALSE;
  }
  g_autoptr (TsExtents) fresh = ts_extents_new ();
  for (guint i = old; i < hru->entries->len; i++) {
    const TsExtent *e = &g_array_index (hru->entries, Entry, i).extent;
    ts_extents_add (fresh, e->offset_bytes, e->len_bytes);
  }
  ts_extents_add_all (hru->saved, fresh);
  hru->last_set = set;
  hru->data_bytes += data_bytes;
  hru->end = data_at + data_bytes;
  return TRUE;
}

/* Where the segment at `at` ends by what its header says; 0: no telling. */
static guint64
next_segment (const guint8 *data, gsize len, guint64 at)
{
  if (len - at < TS_HRU_SEGMENT_BYTES || get (data + at + 56) != XXH3_64bits (data + at, 56))
    return 0;
  guint64 entries = get (data + at + 16), bytes = get (data + at + 24);
  guint64 room = len - at - TS_HRU_SEGMENT_BYTES;
  if (entries > room / TS_HRU_ENTRY_BYTES || bytes > room - entries * TS_HRU_ENTRY_BYTES)
    return 0;
  return at + TS_HRU_SEGMENT_BYTES + entries * TS_HRU_ENTRY_BYTES + bytes;
}

TsHru *
ts_hru_open (GBytes *bytes, TsHruCheck check, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  g_autoptr (TsHru) hru = g_new0 (TsHru, 1);
  hru->bytes = g_bytes_ref (bytes);
  hru->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  hru->saved = ts_extents_new ();
  if (!read_header (hru, data, len, error))
    return NULL;
  hru->last_set = hru->info.point;
  hru->end = TS_HRU_HEADER_BYTES;
  for (gboolean more = TRUE; more;) {
    /* Only the last one can be torn: those before were made durable before the next was begun. */
    guint64 next = next_segment (data, len, hru->end);
    gboolean last = next == 0 || next_segment (data, len, next) == 0;
    more = read_segment (hru, data, len, check == TS_HRU_WHOLE || last);
  }
  return g_steal_pointer (&hru);
}

void
ts_hru_free (TsHru *hru)
{
  if (!hru)
    return;
  g_bytes_unref (hru->bytes);
  g_array_unref (hru->entries);
  ts_extents_free (hru->saved);
  g_free (hru);
}

const TsHruInfo *
ts_hru_info (const TsHru *hru)
{
  return &hru->info;
}

guint64
ts_hru_last_set (const TsHru *hru)
{
  return hru->last_set;
}

guint64
ts_hru_end (const TsHru *hru)
{
  return hru->end;
}

guint64
ts_hru_data_bytes (const TsHru *hru)
{
  return hru->data_bytes;
}

guint64
ts_hru_count (const TsHru *hru)
{
  return hru->entries->len;
}

TsExtent
ts_hru_entry (const TsHru *hru, guint64 index)
{
  g_assert (index < hru->entries->len);
  return g_array_index (hru->entries, Entry, index).extent;
}

const guint8 *
ts_hru_data (const TsHru *hru, guint64 index)
{
  g_assert (index < hru->entries->len);
  return (const guint8 *)g_bytes_get_data (hru->bytes, NULL) +
         g_array_index (hru->entries, Entry, index).at;
}

const TsExtents *
ts_hru_saved (const TsHru *hru)
{
  return hru->saved;
}

/* --- writing ---------------------------------------------------------------------------------- */

gboolean
ts_hru_put_header (const TsHruInfo *info, TsHruPut put, void *user, GError **error)
{
  g_assert (info->point > 0 && info->instant_us >= 0 && info->disk_bytes > 0);
  guint8 header[TS_HRU_HEADER_BYTES] = {0};
  memcpy (header, log_magic, sizeof log_magic);
  set64 (header + 8, VERSION);
  set64 (header + 16, info->point);
  set64 (header + 24, (guint64)info->instant_us);
  set64 (header + 32, info->disk_bytes);
  set64 (header + 56, XXH3_64bits (header, 56));
  return put (user, 0, header, sizeof header, error);
}

gboolean
ts_hru_put_segment (guint64 at, guint64 set, const TsExtents *extents, TsHruTake take,
                    void *take_user, TsHruPut put, void *put_user, guint64 *end, GError **error)
{
  guint entries = ts_extents_count (extents);
  gsize table_bytes = (gsize)entries * TS_HRU_ENTRY_BYTES;
  g_autofree guint8 *table = g_malloc (MAX (table_bytes, 1));
  g_autofree guint8 *piece = g_malloc (PIECE);
  XXH3_state_t *sum = XXH3_createState ();
  XXH3_64bits_reset (sum);
  guint64 to = at + TS_HRU_SEGMENT_BYTES + table_bytes;
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < entries; i++) {
    TsExtent e = ts_extents_get (extents, i);
    set64 (table + (gsize)i * TS_HRU_ENTRY_BYTES, e.offset_bytes);
    set64 (table + (gsize)i * TS_HRU_ENTRY_BYTES + 8, e.len_bytes);
    for (guint64 done = 0; ok && done < e.len_bytes;) {
      gsize part = (gsize)MIN (e.len_bytes - done, PIECE);
      ok = take (take_user, e.offset_bytes + done, piece, part, error) &&
           put (put_user, to, piece, part, error);
      if (ok)
        XXH3_64bits_update (sum, piece, part);
      done += part;
      to += part;
    }
  }
  guint8 header[TS_HRU_SEGMENT_BYTES] = {0};
  memcpy (header, segment_magic, sizeof segment_magic);
  set64 (header + 8, set);
  set64 (header + 16, entries);
  set64 (header + 24, to - at - TS_HRU_SEGMENT_BYTES - table_bytes);
  set64 (header + 32, XXH3_64bits (table, table_bytes));
  set64 (header + 40, XXH3_64bits_digest (sum));
  set64 (header + 56, XXH3_64bits (header, 56));
  XXH3_freeState (sum);
  *end = to;
  return ok &&
         (table_bytes == 0 ||
          put (put_user, at + TS_HRU_SEGMENT_BYTES, table, table_bytes, error)) &&
         put (put_user, at, header, sizeof header, error);
}

gboolean
ts_hru_put_array (void *user, guint64 offset_bytes, const void *data, gsize len_bytes,
                  GError **error)
{
  GByteArray *array = user;
  if (offset_bytes + len_bytes > G_MAXUINT)
    return ts_throw (error, TS_ERROR_FULL, "undo log: too large for memory");
  if (array->len < offset_bytes + len_bytes) {
    guint old = array->len;
    g_byte_array_set_size (array, (guint)(offset_bytes + len_bytes));
    memset (array->data + old, 0, array->len - old);
  }
  if (len_bytes > 0)
    memcpy (array->data + offset_bytes, data, len_bytes);
  return TRUE;
}

/* sim/log.c -- see log.h. */
#include "sim/log.h"
#include "core/base/error.h"
#include "sim/profile.h"

typedef struct {
  guint64 page;
  guint32 count, time_s;
} Entry;

typedef struct { /* up to here in the file it takes so much on the wire */
  guint64 file_bytes, wire_bytes;
} Mark;

struct _TsSimLog {
  guint refs;
  TsHrlInfo info;
  guint64 seed;
  guint32 closed_s;
  guint64 data_bytes;
  GArray *entries; /* Entry */
  GArray *words;   /* TsSimWord, of all entries in order; owned */
  GArray *marks;   /* Mark */
};

TsSimLog *
ts_sim_log_new (const TsHrlInfo *info, guint64 seed)
{
  TsSimLog *log = g_new0 (TsSimLog, 1);
  log->refs = 1;
  log->info = *info;
  log->seed = seed;
  log->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  log->words = g_array_new (FALSE, FALSE, sizeof (TsSimWord));
  log->marks = g_array_new (FALSE, FALSE, sizeof (Mark));
  return log;
}

TsSimLog *
ts_sim_log_ref (TsSimLog *log)
{
  log->refs++;
  return log;
}

void
ts_sim_log_unref (TsSimLog *log)
{
  if (!log || --log->refs > 0)
    return;
  for (guint i = 0; i < log->words->len; i++)
    ts_sim_word_unref (g_array_index (log->words, TsSimWord, i));
  g_array_unref (log->entries);
  g_array_unref (log->words);
  g_array_unref (log->marks);
  g_free (log);
}

void
ts_sim_log_add (TsSimLog *log, const TsSimDisk *disk, guint64 page, guint64 count, guint32 time_s)
{
  g_assert (count * TS_SIM_PAGE_BYTES <= TS_HRL_DATA_MAX);
  Entry entry = {page, (guint32)count, time_s};
  g_array_append_val (log->entries, entry);
  guint first = log->words->len;
  g_array_set_size (log->words, first + (guint)count);
  for (guint i = 0; i < (guint)count; i++)
    g_array_index (log->words, TsSimWord, first + i) =
        ts_sim_word_ref (ts_sim_disk_word (disk, page + i));
  log->data_bytes += count * TS_SIM_PAGE_BYTES;
}

static void
mark (TsSimLog *log, guint64 file_bytes, guint64 wire_bytes)
{
  Mark last = {0};
  if (log->marks->len)
    last = g_array_index (log->marks, Mark, log->marks->len - 1);
  Mark next = {last.file_bytes + file_bytes, last.wire_bytes + wire_bytes};
  g_array_append_val (log->marks, next);
}

void
ts_sim_log_close (TsSimLog *log, guint32 time_s)
{
  log->closed_s = time_s;
  mark (log, TS_HRL_HEADER_BYTES + TS_HRL_METADATA_BYTES, TS_SIM_WIRE_LOG_HEAD_BYTES);
  for (guint i = 0; i < log->entries->len;) {
    guint64 data_bytes = 0;
    guint in = 0;
    for (; in < TS_HRL_ENTRIES_PER_BLOCK && i < log->entries->len; in++, i++)
      data_bytes += g_array_index (log->entries, Entry, i).count * TS_SIM_PAGE_BYTES;
    mark (log, data_bytes, ts_sim_wire_data_bytes (data_bytes));
    mark (log, TS_HRL_METADATA_BYTES, TS_SIM_WIRE_LOG_ENTRY_BYTES * (in + 1));
  }
}

const TsHrlInfo *
ts_sim_log_info (const TsSimLog *log)
{
  return &log->info;
}

guint64
ts_sim_log_length_bytes (const TsSimLog *log)
{
  return g_array_index (log->marks, Mark, log->marks->len - 1).file_bytes;
}

guint64
ts_sim_log_data_bytes (const TsSimLog *log)
{
  return log->data_bytes;
}

guint64
ts_sim_log_end_bytes (const TsSimLog *log)
{
  guint64 end = 0;
  for (guint i = 0; i < log->entries->len; i++) {
    const Entry *entry = &g_array_index (log->entries, Entry, i);
    end = MAX (end, entry->page + entry->count);
  }
  return end * TS_SIM_PAGE_BYTES;
}

guint64
ts_sim_log_entries (const TsSimLog *log)
{
  return log->entries->len;
}

GBytes *
ts_sim_log_bytes (const TsSimLog *log, GError **error)
{
  g_autoptr (GByteArray) file = g_byte_array_new ();
  g_autoptr (TsHrlWriter) writer = ts_hrl_writer_new (&log->info, ts_hrl_put_array, file, error);
  if (!writer)
    return NULL;
  g_autoptr (GByteArray) data = g_byte_array_new ();
  guint next = 0;
  for (guint i = 0; i < log->entries->len; i++) {
    const Entry *entry = &g_array_index (log->entries, Entry, i);
    g_byte_array_set_size (data, 0);
    for (guint k = 0; k < entry->count; k++) {
      guint8 buffer[TS_SIM_PAGE_BYTES];
      TsSimWord word = g_array_index (log->words, TsSimWord, next++);
      g_byte_array_append (data, ts_sim_word_look (word, entry->page + k, log->seed, buffer),
                           TS_SIM_PAGE_BYTES);
    }
    if (!ts_hrl_writer_add (writer, entry->page * TS_SIM_PAGE_BYTES, data->data, data->len,
                            entry->time_s, error))
      return NULL;
  }
  if (!ts_hrl_writer_close (writer, log->closed_s, 0, error))
    return NULL;
  return g_byte_array_free_to_bytes (g_steal_pointer (&file));
}

gboolean
ts_sim_log_apply (const TsSimLog *log, TsSimDisk *disk, GError **error)
{
  TsDisk *ops = ts_sim_disk_ops (disk);
  for (guint i = 0; i < log->entries->len; i++) { /* before the first page, so nothing changes */
    const Entry *entry = &g_array_index (log->entries, Entry, i);
    guint64 end = (entry->page + entry->count) * TS_SIM_PAGE_BYTES;
    if (end > ops->size_bytes)
      return ts_throw (error, TS_ERROR_ARGUMENT,
                       "the log writes up to byte %" G_GUINT64_FORMAT
                       ", the disk has %" G_GUINT64_FORMAT,
                       end, ops->size_bytes);
  }
  guint next = 0;
  for (guint i = 0; i < log->entries->len; i++) {
    const Entry *entry = &g_array_index (log->entries, Entry, i);
    for (guint k = 0; k < entry->count; k++)
      ts_sim_disk_put_word (disk, entry->page + k,
                            ts_sim_word_ref (g_array_index (log->words, TsSimWord, next++)));
  }
  return ops->ops->flush (ops, error);
}

/* Between two marks what the wire takes is spread evenly. */
static guint64
wire_until (const TsSimLog *log, guint64 file_bytes)
{
  Mark before = {0};
  for (guint i = 0; i < log->marks->len; i++) {
    Mark next = g_array_index (log->marks, Mark, i);
    if (file_bytes <= next.file_bytes)
      return before.wire_bytes + (next.wire_bytes - before.wire_bytes) *
                                     (file_bytes - before.file_bytes) /
                                     MAX (next.file_bytes - before.file_bytes, 1);
    before = next;
  }
  return before.wire_bytes;
}

guint64
ts_sim_log_wire_bytes (const TsSimLog *log, guint64 offset_bytes, guint64 len_bytes)
{
  guint64 wire_bytes = TS_SIM_WIRE_FIXED_BYTES + wire_until (log, offset_bytes + len_bytes) -
                       wire_until (log, offset_bytes);
  return MIN (wire_bytes, len_bytes);
}

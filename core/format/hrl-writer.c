/* Writes a log as it grows: data goes out at once, the entries of up to 127 writes are kept here
 * and go out as one block behind their data. */
#include "core/format/hrl-internal.h"
#include "core/base/error.h"

struct _TsHrlWriter {
  TsHrlInfo info;
  TsHrlPut put;
  void *user;
  guint64 end_bytes;        /* where the next byte goes */
  guint64 last_block_bytes; /* where the last block starts */
  guint64 data_bytes, entries;
  guint pending; /* entries in block that have not gone out */
  gboolean failed, closed;
  guint8 block[TS_HRL_METADATA_BYTES];
};

gboolean
ts_hrl_put_array (void *user, guint64 offset_bytes, const void *data, gsize len_bytes,
                  GError **error)
{
  GByteArray *array = user;
  g_return_val_if_fail (offset_bytes <= array->len, FALSE);
  if (len_bytes > G_MAXUINT - (guint)offset_bytes)
    return ts_throw (error, TS_ERROR_FULL, "a log in memory ends at 4 GiB");
  if (offset_bytes + len_bytes > array->len)
    g_byte_array_set_size (array, (guint)(offset_bytes + len_bytes));
  memcpy (array->data + offset_bytes, data, len_bytes);
  return TRUE;
}

static gboolean
put (TsHrlWriter *writer, guint64 offset_bytes, const void *data, gsize len_bytes, GError **error)
{
  if (!writer->put (writer->user, offset_bytes, data, len_bytes, error)) {
    writer->failed = TRUE; /* nobody knows what is on the medium now */
    g_prefix_error (error, "write %" G_GSIZE_FORMAT " bytes of the log at %" G_GUINT64_FORMAT ": ",
                    len_bytes, offset_bytes);
    return FALSE;
  }
  return TRUE;
}

static gboolean
put_header (TsHrlWriter *writer, guint64 eol_bytes, guint32 time_s, gint32 error_code,
            GError **error)
{
  guint8 header[TS_HRL_HEADER_BYTES] = {0};
  memcpy (header + H_COOKIE, "msctlog", 8);
  hrl_put32 (header + H_VERSION, TS_HRL_VERSION);
  hrl_put32 (header + H_TIME, writer->info.time_s);
  memcpy (header + H_APPLICATION, "ct", 2);
  hrl_put32 (header + H_APPLICATION_VERSION, 0xA0000); /* as in the published example: 10.0 */
  hrl_put64 (header + H_ORIGINAL_SIZE, 0);
  hrl_put64 (header + H_CURRENT_SIZE, eol_bytes);
  hrl_put64 (header + H_EOL, eol_bytes);
  hrl_put32 (header + H_ERROR, (guint32)error_code);
  hrl_put32 (header + H_METADATA_SIZE, TS_HRL_METADATA_BYTES);
  memcpy (header + H_UNIQUE, writer->info.unique.bytes, 16);
  memcpy (header + H_PREVIOUS, writer->info.previous.bytes, 16);
  hrl_put32 (header + H_MODIFIED, time_s);
  hrl_put64 (header + H_ENTRIES, writer->entries);
  memcpy (header + H_DISK_WRITE, writer->info.disk_write.bytes, 16);
  hrl_put32 (header + H_CHECKSUM, hrl_checksum (header, sizeof header, H_CHECKSUM));
  return put (writer, 0, header, sizeof header, error);
}

static gboolean
put_block (TsHrlWriter *writer, GError **error)
{
  guint64 previous = writer->last_block_bytes ? writer->end_bytes - writer->last_block_bytes : 0;
  hrl_put64 (writer->block + M_PREVIOUS, previous);
  hrl_put32 (writer->block + M_ENTRIES, writer->pending);
  hrl_put32 (writer->block + M_CHECKSUM, hrl_checksum (writer->block, M_HEADER_BYTES, M_CHECKSUM));
  if (!put (writer, writer->end_bytes, writer->block, sizeof writer->block, error))
    return FALSE;
  writer->last_block_bytes = writer->end_bytes;
  writer->end_bytes += sizeof writer->block;
  writer->pending = 0;
  memset (writer->block, 0, sizeof writer->block);
  return TRUE;
}

TsHrlWriter *
ts_hrl_writer_new (const TsHrlInfo *info, TsHrlPut put_, void *user, GError **error)
{
  g_return_val_if_fail (info && put_ && info->disk_bytes > 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_autoptr (TsHrlWriter) writer = g_new0 (TsHrlWriter, 1);
  writer->info = *info;
  writer->put = put_;
  writer->user = user;
  if (!put_header (writer, 0, info->time_s, 0, error))
    return NULL;
  writer->end_bytes = TS_HRL_HEADER_BYTES;
  if (!put_block (writer, error))
    return NULL;
  return g_steal_pointer (&writer);
}

void
ts_hrl_writer_free (TsHrlWriter *writer)
{
  g_free (writer);
}

static gboolean
add_one (TsHrlWriter *writer, guint64 offset_bytes, const guint8 *data, guint32 len_bytes,
         guint32 time_s, GError **error)
{
  if (!put (writer, writer->end_bytes, data, len_bytes, error))
    return FALSE;
  writer->end_bytes += len_bytes;
  writer->data_bytes += len_bytes;
  writer->entries++;

  guint8 *entry = writer->block + M_HEADER_BYTES + writer->pending++ * E_BYTES;
  hrl_put64 (entry + E_OFFSET, offset_bytes);
  hrl_put32 (entry + E_LENGTH, len_bytes);
  hrl_put32 (entry + E_TIME, time_s);
  entry[E_OPERATION] = HRL_WRITE;
  hrl_put32 (entry + E_DATA_CHECKSUM, hrl_checksum (data, len_bytes, HRL_NO_FIELD));
  hrl_put32 (entry + E_CHECKSUM, hrl_checksum (entry, E_BYTES, E_CHECKSUM));
  return writer->pending < TS_HRL_ENTRIES_PER_BLOCK || put_block (writer, error);
}

static gboolean
usable (const TsHrlWriter *writer, GError **error)
{
  return !writer->failed || ts_throw (error, TS_ERROR_IO, "this log could not be written before");
}

gboolean
ts_hrl_writer_add (TsHrlWriter *writer, guint64 offset_bytes, const void *data, gsize len_bytes,
                   guint32 time_s, GError **error)
{
  g_return_val_if_fail (writer && !writer->closed && (data || !len_bytes), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  if (!usable (writer, error))
    return FALSE;
  if (offset_bytes > writer->info.disk_bytes || len_bytes > writer->info.disk_bytes - offset_bytes)
    return ts_throw (error, TS_ERROR_ARGUMENT,
                     "a write of %" G_GSIZE_FORMAT " bytes at %" G_GUINT64_FORMAT
                     " ends behind the disk of %" G_GUINT64_FORMAT " bytes",
                     len_bytes, offset_bytes, writer->info.disk_bytes);
  for (gsize done = 0; done < len_bytes;) {
    gsize part = MIN (len_bytes - done, TS_HRL_DATA_MAX);
    if (!add_one (writer, offset_bytes + done, (const guint8 *)data + done, (guint32)part, time_s,
                  error))
      return FALSE;
    done += part;
  }
  return TRUE;
}

gboolean
ts_hrl_writer_close (TsHrlWriter *writer, guint32 time_s, gint32 error_code, GError **error)
{
  g_return_val_if_fail (writer && !writer->closed, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  writer->closed = TRUE;
  if (!usable (writer, error) || (writer->pending && !put_block (writer, error)))
    return FALSE;
  return put_header (writer, writer->end_bytes, time_s, error_code, error);
}

gboolean
ts_hrl_follow_another (guint8 *header, gsize len_bytes, const TsGuid *previous, GError **error)
{
  TsHrlGlance glance;
  if (!ts_hrl_glance (header, len_bytes, &glance, error))
    return FALSE;
  if (glance.eol_bytes == 0 || !glance.checksum_ok)
    return ts_throw (error, TS_ERROR_FORMAT, "the log was not closed gracefully, or is damaged");
  memcpy (header + H_PREVIOUS, previous->bytes, sizeof previous->bytes);
  hrl_put32 (header + H_CHECKSUM, hrl_checksum (header, TS_HRL_HEADER_BYTES, H_CHECKSUM));
  return TRUE;
}

guint64
ts_hrl_writer_bytes (const TsHrlWriter *writer)
{
  return writer->end_bytes;
}

guint64
ts_hrl_writer_data_bytes (const TsHrlWriter *writer)
{
  return writer->data_bytes;
}

guint64
ts_hrl_writer_entries (const TsHrlWriter *writer)
{
  return writer->entries;
}

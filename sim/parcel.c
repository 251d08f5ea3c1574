/* sim/parcel.c -- see parcel.h. */
#include "sim/parcel.h"

static const guint8 magic[16] = {0xd1, 0x7a, 0x3e, 0x91, 0x5c, 0x08, 0xb6, 0x42,
                                 0x8f, 0xe7, 0x23, 0x6d, 0xfa, 0x10, 0xc9, 0x54};

typedef enum { PAGES, LOG, FRAME } Kind;

typedef struct {
  guint8 magic[16];
  Kind kind;
  guint count;          /* PAGES */
  guint64 offset_bytes; /* LOG */
  TsSimLog *log;
  TsFrame frame;
  TsSimWord word[]; /* PAGES */
} Parcel;

static Parcel *
parcel_new (Kind kind, guint count)
{
  Parcel *parcel = g_malloc0 (sizeof (Parcel) + count * sizeof (TsSimWord));
  memcpy (parcel->magic, magic, sizeof magic);
  parcel->kind = kind;
  parcel->count = count;
  return parcel;
}

static void
parcel_free (gpointer data)
{
  Parcel *parcel = data;
  for (guint i = 0; i < parcel->count; i++)
    ts_sim_word_unref (parcel->word[i]);
  ts_sim_log_unref (parcel->log);
  ts_frame_clear (&parcel->frame);
  memset (parcel->magic, 0, sizeof parcel->magic);
  g_free (parcel);
}

static GBytes *
wrap (Parcel *parcel, guint64 len_bytes)
{
  g_assert (len_bytes >= sizeof magic);
  return g_bytes_new_with_free_func (parcel, len_bytes, parcel_free, parcel);
}

gboolean
ts_sim_parcel_is (GBytes *bytes)
{
  gsize len;
  const void *data = g_bytes_get_data (bytes, &len);
  return len >= sizeof magic && memcmp (data, magic, sizeof magic) == 0;
}

static const Parcel *
parcel_of (GBytes *bytes, Kind kind)
{
  if (!ts_sim_parcel_is (bytes))
    return NULL;
  const Parcel *parcel = g_bytes_get_data (bytes, NULL);
  return parcel->kind == kind ? parcel : NULL;
}

GBytes *
ts_sim_parcel_pages (const TsSimDisk *disk, guint64 offset_bytes, guint64 len_bytes)
{
  if (len_bytes == 0 || offset_bytes % TS_SIM_PAGE_BYTES || len_bytes % TS_SIM_PAGE_BYTES)
    return NULL;
  Parcel *parcel = parcel_new (PAGES, (guint)(len_bytes / TS_SIM_PAGE_BYTES));
  for (guint i = 0; i < parcel->count; i++)
    parcel->word[i] =
        ts_sim_word_ref (ts_sim_disk_word (disk, offset_bytes / TS_SIM_PAGE_BYTES + i));
  return wrap (parcel, len_bytes);
}

gboolean
ts_sim_parcel_write (TsSimDisk *disk, guint64 offset_bytes, GBytes *payload, GError **error)
{
  const Parcel *parcel = parcel_of (payload, PAGES);
  if (!parcel) {
    gsize len;
    const void *data = g_bytes_get_data (payload, &len);
    TsDisk *ops = ts_sim_disk_ops (disk);
    return ops->ops->write (ops, offset_bytes, data, len, error);
  }
  guint64 first = offset_bytes / TS_SIM_PAGE_BYTES;
  g_assert (offset_bytes % TS_SIM_PAGE_BYTES == 0);
  for (guint i = 0; i < parcel->count; i++)
    ts_sim_disk_put_word (disk, first + i, ts_sim_word_ref (parcel->word[i]));
  ts_sim_disk_fold (disk, first);
  return TRUE;
}

GBytes *
ts_sim_parcel_log (TsSimLog *log, guint64 offset_bytes, guint64 len_bytes)
{
  Parcel *parcel = parcel_new (LOG, 0);
  parcel->log = ts_sim_log_ref (log);
  parcel->offset_bytes = offset_bytes;
  return wrap (parcel, len_bytes);
}

TsSimLog *
ts_sim_parcel_open_log (GBytes *payload, guint64 *offset_bytes)
{
  const Parcel *parcel = parcel_of (payload, LOG);
  if (!parcel)
    return NULL;
  *offset_bytes = parcel->offset_bytes;
  return parcel->log;
}

GBytes *
ts_sim_parcel_frame (const TsFrame *frame, guint64 wire_bytes)
{
  Parcel *parcel = parcel_new (FRAME, 0);
  parcel->frame = *frame;
  if (frame->payload)
    g_bytes_ref (frame->payload);
  return wrap (parcel, wire_bytes);
}

gboolean
ts_sim_parcel_open_frame (GBytes *message, TsFrame *frame)
{
  const Parcel *parcel = parcel_of (message, FRAME);
  if (!parcel)
    return FALSE;
  *frame = parcel->frame;
  if (frame->payload)
    g_bytes_ref (frame->payload);
  return TRUE;
}

/* sim/spool.c -- see spool.h. */
#include "sim/spool.h"
#include "core/base/error.h"
#include "core/format/hrl.h"
#include "sim/parcel.h"

typedef struct {
  guint64 set;
  guint disk;
  gboolean durable;
  GByteArray *bytes; /* the file; NULL: what log says, up to got_bytes */
  TsSimLog *log;     /* beside bytes: of our own logs, for what they take on the wire */
  guint64 got_bytes;
} Log;

struct _TsSimSpool {
  gboolean bytes, full;
  GPtrArray *logs; /* Log */
};

static void
log_free (gpointer data)
{
  Log *log = data;
  g_clear_pointer (&log->bytes, g_byte_array_unref);
  ts_sim_log_unref (log->log);
  g_free (log);
}

TsSimSpool *
ts_sim_spool_new (gboolean bytes)
{
  TsSimSpool *spool = g_new0 (TsSimSpool, 1);
  spool->bytes = bytes;
  spool->logs = g_ptr_array_new_with_free_func (log_free);
  return spool;
}

void
ts_sim_spool_free (TsSimSpool *spool)
{
  if (!spool)
    return;
  g_ptr_array_unref (spool->logs);
  g_free (spool);
}

static Log *
find (const TsSimSpool *spool, guint64 set, guint disk)
{
  for (guint i = spool->logs->len; i > 0; i--) {
    Log *log = g_ptr_array_index (spool->logs, i - 1);
    if (log->set == set && log->disk == disk)
      return log;
  }
  return NULL;
}

static Log *
find_or_add (TsSimSpool *spool, guint64 set, guint disk)
{
  Log *log = find (spool, set, disk);
  if (log)
    return log;
  log = g_new0 (Log, 1);
  log->set = set;
  log->disk = disk;
  g_ptr_array_add (spool->logs, log);
  return log;
}

/* Its bytes, as far as they are there. */
static GBytes *
bytes_of (const Log *log)
{
  if (log->bytes)
    return g_bytes_new (log->bytes->data, log->bytes->len);
  g_autoptr (GBytes) whole = ts_sim_log_bytes (log->log, NULL);
  g_assert (whole); /* it was written onto a disk of its size */
  return g_bytes_new_from_bytes (whole, 0, log->got_bytes);
}

void
ts_sim_spool_set_full (TsSimSpool *spool, gboolean full)
{
  spool->full = full;
}

gboolean
ts_sim_spool_add (TsSimSpool *spool, guint64 set, guint disk, TsSimLog *log, GError **error)
{
  if (spool->full)
    return ts_throw (error, TS_ERROR_FULL, "no space left on the disk");
  Log *mine = find_or_add (spool, set, disk);
  ts_sim_log_unref (mine->log);
  mine->log = ts_sim_log_ref (log);
  mine->got_bytes = ts_sim_log_length_bytes (log);
  g_clear_pointer (&mine->bytes, g_byte_array_unref);
  if (!spool->bytes)
    return TRUE;
  GBytes *bytes = ts_sim_log_bytes (log, error);
  if (!bytes)
    return FALSE;
  g_assert (g_bytes_get_size (bytes) == mine->got_bytes);
  mine->bytes = g_bytes_unref_to_array (bytes);
  return TRUE;
}

void
ts_sim_spool_put (TsSimSpool *spool, guint64 set, guint disk, guint64 offset, const void *data,
                  gsize len)
{
  Log *log = find_or_add (spool, set, disk);
  if (!log->bytes && log->log)
    log->bytes = g_bytes_unref_to_array (bytes_of (log));
  else if (!log->bytes)
    log->bytes = g_byte_array_new ();
  if (log->bytes->len < offset + len) {
    guint old = log->bytes->len;
    g_byte_array_set_size (log->bytes, (guint)(offset + len));
    if (old < offset)
      memset (log->bytes->data + old, 0, offset - old);
  }
  memcpy (log->bytes->data + offset, data, len);
}

void
ts_sim_spool_store (TsSimSpool *spool, guint64 set, guint disk, guint64 offset, GBytes *payload)
{
  gsize len = g_bytes_get_size (payload);
  guint64 from;
  TsSimLog *said = ts_sim_parcel_open_log (payload, &from);
  if (!said) {
    ts_sim_spool_put (spool, set, disk, offset, g_bytes_get_data (payload, NULL), len);
    return;
  }
  Log *log = find_or_add (spool, set, disk);
  if (log->log == said && !log->bytes && from == offset && offset <= log->got_bytes) {
    log->got_bytes = MAX (log->got_bytes, offset + len);
    return;
  }
  if (offset == 0 && from == 0) { /* from its start: whatever was there is replaced */
    ts_sim_log_unref (log->log);
    log->log = ts_sim_log_ref (said);
    log->got_bytes = len;
    g_clear_pointer (&log->bytes, g_byte_array_unref);
    return;
  }
  /* a piece of one log in another: only bytes can say that */
  g_autoptr (GBytes) whole = ts_sim_log_bytes (said, NULL);
  const guint8 *data = g_bytes_get_data (whole, NULL);
  ts_sim_spool_put (spool, set, disk, offset, data + from, len);
}

GBytes *
ts_sim_spool_get (const TsSimSpool *spool, guint64 set, guint disk)
{
  Log *log = find (spool, set, disk);
  return log ? bytes_of (log) : NULL;
}

const TsSimLog *
ts_sim_spool_log (const TsSimSpool *spool, guint64 set, guint disk)
{
  Log *log = find (spool, set, disk);
  return log && !log->bytes && log->got_bytes == ts_sim_log_length_bytes (log->log) ? log->log
                                                                                    : NULL;
}

GBytes *
ts_sim_spool_slice (const TsSimSpool *spool, guint64 set, guint disk, guint64 offset, gsize len,
                    guint64 *wire_bytes)
{
  Log *log = find (spool, set, disk);
  g_assert (log && log->log && offset + len <= log->got_bytes);
  *wire_bytes = ts_sim_log_wire_bytes (log->log, offset, len);
  return log->bytes ? g_bytes_new (log->bytes->data + offset, len)
                    : ts_sim_parcel_log (log->log, offset, len);
}

guint64
ts_sim_spool_log_bytes (const TsSimSpool *spool, guint64 set, guint disk)
{
  const Log *log = find (spool, set, disk);
  return log ? log->bytes ? log->bytes->len : log->got_bytes : 0;
}

guint64
ts_sim_spool_bytes (const TsSimSpool *spool)
{
  guint64 bytes = 0;
  for (guint i = 0; i < spool->logs->len; i++) {
    const Log *log = g_ptr_array_index (spool->logs, i);
    bytes += log->bytes ? log->bytes->len : log->got_bytes;
  }
  return bytes;
}

guint64
ts_sim_spool_set_bytes (const TsSimSpool *spool, guint64 set)
{
  guint64 bytes = 0;
  for (guint i = 0; i < spool->logs->len; i++) {
    Log *log = g_ptr_array_index (spool->logs, i);
    if (log->set == set)
      bytes += log->bytes ? log->bytes->len : log->got_bytes;
  }
  return bytes;
}

gboolean
ts_sim_spool_seal (TsSimSpool *spool, guint64 set, guint disks, guint32 which,
                   TsManifest *manifest, GError **error)
{
  *manifest = (TsManifest){.disks = disks};
  for (guint i = 0; i < disks; i++) {
    if (!(which >> i & 1))
      continue;
    const TsSimLog *said = ts_sim_spool_log (spool, set, i);
    if (said) { /* whole: as a file it would be too */
      manifest->disk[i].log_bytes = ts_sim_log_length_bytes (said);
      manifest->disk[i].data_bytes = ts_sim_log_data_bytes (said);
      manifest->disk[i].end_bytes = ts_sim_log_end_bytes (said);
      manifest->disk[i].unique = ts_sim_log_info (said)->unique;
      manifest->disk[i].previous = ts_sim_log_info (said)->previous;
      continue;
    }
    g_autoptr (GBytes) bytes = ts_sim_spool_get (spool, set, i);
    if (!bytes)
      return ts_throw (error, TS_ERROR_FORMAT, "the log of disk %u is missing", i);
    g_autoptr (TsHrl) log = ts_hrl_open (bytes, error);
    if (!log) {
      g_prefix_error (error, "log of disk %u: ", i);
      return FALSE;
    }
    manifest->disk[i].log_bytes = g_bytes_get_size (bytes);
    manifest->disk[i].data_bytes = ts_hrl_data_bytes (log);
    manifest->disk[i].end_bytes = ts_hrl_info (log)->disk_bytes;
    manifest->disk[i].unique = ts_hrl_info (log)->unique;
    manifest->disk[i].previous = ts_hrl_info (log)->previous;
  }
  for (guint i = 0; i < disks; i++)
    if (which >> i & 1)
      find (spool, set, i)->durable = TRUE;
  return TRUE;
}

static void
remove_if (TsSimSpool *spool, gboolean (*which) (const Log *log, guint64 set), guint64 set)
{
  for (guint i = spool->logs->len; i > 0; i--)
    if (which (g_ptr_array_index (spool->logs, i - 1), set))
      g_ptr_array_remove_index (spool->logs, i - 1);
}

static gboolean
is_set (const Log *log, guint64 set)
{
  return log->set == set;
}

static gboolean
is_after (const Log *log, guint64 set)
{
  return log->set > set;
}

static gboolean
is_volatile (const Log *log, guint64 set)
{
  return !log->durable;
}

void
ts_sim_spool_delete (TsSimSpool *spool, guint64 set)
{
  remove_if (spool, is_set, set);
}

void
ts_sim_spool_drop_after (TsSimSpool *spool, guint64 set)
{
  remove_if (spool, is_after, set);
}

gboolean
ts_sim_spool_corrupt (TsSimSpool *spool, gboolean own, TsLogFault fault)
{
  Log *newest = NULL;
  for (guint i = 0; i < spool->logs->len; i++) {
    Log *log = g_ptr_array_index (spool->logs, i);
    if ((own || log->durable) && (!newest || log->set > newest->set))
      newest = log;
  }
  if (!newest)
    return FALSE;
  if (!newest->bytes)
    newest->bytes = g_bytes_unref_to_array (bytes_of (newest));
  guint8 *data = newest->bytes->data;
  if (fault == TS_LOG_BYTES) {
    data[newest->bytes->len / 2] ^= 0xff;
    return TRUE;
  }
  TsHrlGlance glance;
  if (!ts_hrl_glance (data, newest->bytes->len, &glance, NULL))
    return FALSE;
  /* itself: no log that there has ever been follows from it */
  return ts_hrl_follow_another (data, newest->bytes->len, &glance.info.unique, NULL);
}

void
ts_sim_spool_power_loss (TsSimSpool *spool)
{
  remove_if (spool, is_volatile, 0);
}

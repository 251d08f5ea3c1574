/* sim/spool.c -- see spool.h. */
#include "sim/spool.h"
#include "core/base/error.h"
#include "core/format/hrl.h"

typedef struct {
  guint64 set;
  guint disk;
  gboolean durable;
  GByteArray *bytes;
} Log;

struct _TsSimSpool {
  GPtrArray *logs; /* Log */
};

static void
log_free (gpointer data)
{
  Log *log = data;
  g_byte_array_unref (log->bytes);
  g_free (log);
}

TsSimSpool *
ts_sim_spool_new (void)
{
  TsSimSpool *spool = g_new0 (TsSimSpool, 1);
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

void
ts_sim_spool_put (TsSimSpool *spool, guint64 set, guint disk, guint64 offset, const void *data,
                  gsize len)
{
  Log *log = find (spool, set, disk);
  if (!log) {
    log = g_new0 (Log, 1);
    log->set = set;
    log->disk = disk;
    log->bytes = g_byte_array_new ();
    g_ptr_array_add (spool->logs, log);
  }
  if (log->bytes->len < offset + len) {
    guint old = log->bytes->len;
    g_byte_array_set_size (log->bytes, (guint)(offset + len));
    if (old < offset)
      memset (log->bytes->data + old, 0, offset - old);
  }
  memcpy (log->bytes->data + offset, data, len);
}

GBytes *
ts_sim_spool_get (const TsSimSpool *spool, guint64 set, guint disk)
{
  Log *log = find (spool, set, disk);
  return log ? g_bytes_new (log->bytes->data, log->bytes->len) : NULL;
}

GBytes *
ts_sim_spool_slice (const TsSimSpool *spool, guint64 set, guint disk, guint64 offset, gsize len)
{
  Log *log = find (spool, set, disk);
  g_assert (log && offset + len <= log->bytes->len);
  return g_bytes_new (log->bytes->data + offset, len);
}

guint64
ts_sim_spool_set_bytes (const TsSimSpool *spool, guint64 set)
{
  guint64 bytes = 0;
  for (guint i = 0; i < spool->logs->len; i++) {
    Log *log = g_ptr_array_index (spool->logs, i);
    if (log->set == set)
      bytes += log->bytes->len;
  }
  return bytes;
}

gboolean
ts_sim_spool_seal (TsSimSpool *spool, guint64 set, guint disks, TsManifest *manifest,
                   GError **error)
{
  *manifest = (TsManifest){.disks = disks};
  for (guint i = 0; i < disks; i++) {
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
    manifest->disk[i].unique = ts_hrl_info (log)->unique;
    manifest->disk[i].previous = ts_hrl_info (log)->previous;
  }
  for (guint i = 0; i < disks; i++)
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

void
ts_sim_spool_power_loss (TsSimSpool *spool)
{
  remove_if (spool, is_volatile, 0);
}

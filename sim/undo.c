/* sim/undo.c -- see undo.h. */
#include "sim/undo.h"
#include "core/base/error.h"

typedef struct {
  guint64 point;
  guint disk;
  guint durable; /* bytes */
  GByteArray *bytes;
} Log;

struct _TsSimUndo {
  GPtrArray *logs; /* Log */
};

static void
log_free (gpointer data)
{
  Log *log = data;
  g_byte_array_unref (log->bytes);
  g_free (log);
}

TsSimUndo *
ts_sim_undo_new (void)
{
  TsSimUndo *undo = g_new0 (TsSimUndo, 1);
  undo->logs = g_ptr_array_new_with_free_func (log_free);
  return undo;
}

void
ts_sim_undo_free (TsSimUndo *undo)
{
  if (!undo)
    return;
  g_ptr_array_unref (undo->logs);
  g_free (undo);
}

static Log *
find (const TsSimUndo *undo, guint64 point, guint disk)
{
  for (guint i = 0; i < undo->logs->len; i++) {
    Log *log = g_ptr_array_index (undo->logs, i);
    if (log->point == point && log->disk == disk)
      return log;
  }
  return NULL;
}

/* For as long as the log does not change. */
static TsHru *
open_log (const Log *log, TsHruCheck check, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new (log->bytes->data, log->bytes->len);
  TsHru *hru = ts_hru_open (bytes, check, error);
  if (!hru)
    g_prefix_error (error, "point %" G_GUINT64_FORMAT ", disk %u: ", log->point, log->disk);
  return hru;
}

gboolean
ts_sim_undo_save (TsSimUndo *undo, const TsPoint *point, guint index, TsDisk *disk,
                  const TsHrl *hrl, guint64 set, GError **error)
{
  TsHruInfo info = {point->set, point->instant_us, disk->size_bytes};
  Log *log = find (undo, point->set, index);
  g_autoptr (GError) damaged = NULL;
  g_autoptr (TsHru) so_far = log ? open_log (log, TS_HRU_INDEX, &damaged) : NULL;
  /* Before its first set a log that cannot be read is one that was being made. */
  if (!so_far && set != point->set + 1)
    return ts_throw (error, TS_ERROR_LOST, "%s",
                     damaged ? damaged->message : "an undo log is gone");
  if (!log) {
    log = g_new0 (Log, 1);
    log->point = point->set;
    log->disk = index;
    log->bytes = g_byte_array_new ();
    g_ptr_array_add (undo->logs, log);
  }
  g_byte_array_set_size (log->bytes, so_far ? (guint)ts_hru_end (so_far) : 0);
  log->durable = MIN (log->durable, log->bytes->len);
  guint64 saved_bytes;
  gboolean wrote;
  return ts_undo_save (disk, hrl, set, &info, so_far, ts_hru_put_array, log->bytes, &saved_bytes,
                       &wrote, error);
}

void
ts_sim_undo_sync (TsSimUndo *undo)
{
  for (guint i = 0; i < undo->logs->len; i++) {
    Log *log = g_ptr_array_index (undo->logs, i);
    log->durable = log->bytes->len;
  }
}

gboolean
ts_sim_undo_play (const TsSimUndo *undo, const TsUndo *way, guint index, TsDisk *disk,
                  GError **error)
{
  guint64 until = way->until;
  for (guint i = 0; i < way->count; i++) {
    const TsPoint *point = &way->point[i];
    TsHruInfo info = {point->set, point->instant_us, disk->size_bytes};
    Log *log = find (undo, point->set, index);
    if (!log)
      return ts_throw (error, TS_ERROR_LOST, "the undo log of point %" G_GUINT64_FORMAT " is gone",
                       point->set);
    g_autoptr (TsHru) hru = open_log (log, TS_HRU_WHOLE, error);
    if (!hru || !ts_undo_play (disk, hru, &info, until, error))
      return FALSE;
    until = point->set;
  }
  return TRUE;
}

static gboolean
listed (const TsUndo *points, guint64 set)
{
  for (guint i = 0; i < points->count; i++)
    if (points->point[i].set == set)
      return TRUE;
  return FALSE;
}

void
ts_sim_undo_keep (TsSimUndo *undo, const TsUndo *points)
{
  for (guint i = undo->logs->len; i > 0; i--)
    if (!listed (points, ((Log *)g_ptr_array_index (undo->logs, i - 1))->point))
      g_ptr_array_remove_index (undo->logs, i - 1);
}

guint64
ts_sim_undo_bytes (const TsSimUndo *undo, const TsUndo *way)
{
  guint64 bytes = 0;
  for (guint i = 0; i < undo->logs->len; i++) {
    const Log *log = g_ptr_array_index (undo->logs, i);
    if (listed (way, log->point))
      bytes += log->bytes->len;
  }
  return bytes;
}

guint
ts_sim_undo_count (const TsSimUndo *undo)
{
  return undo->logs->len;
}

void
ts_sim_undo_power_loss (TsSimUndo *undo, TsRandom *random)
{
  for (guint i = undo->logs->len; i > 0; i--) {
    Log *log = g_ptr_array_index (undo->logs, i - 1);
    if (log->bytes->len > log->durable)
      g_byte_array_set_size (
          log->bytes,
          log->durable + (guint)ts_random_below (random, log->bytes->len - log->durable + 1));
    log->durable = log->bytes->len; /* what is there after it stays there */
  }
}

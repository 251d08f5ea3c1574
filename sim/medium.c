/* sim/medium.c -- see medium.h. */
#include "sim/medium.h"
#include "core/base/error.h"
#include "sim/parcel.h"

struct _TsSimMedium {
  guint refs;
  guint64 run;
  GPtrArray *disks; /* TsSimDisk */
  GBytes *list;
};

TsSimMedium *
ts_sim_medium_new (guint64 run, GPtrArray *like)
{
  TsSimMedium *medium = g_new0 (TsSimMedium, 1);
  medium->refs = 1;
  medium->run = run;
  medium->disks = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  for (guint i = 0; i < like->len; i++) {
    TsSimDisk *disk = g_ptr_array_index (like, i);
    g_ptr_array_add (medium->disks, ts_sim_disk_new (ts_sim_disk_ops (disk)->size_bytes,
                                                     ts_sim_disk_seed (disk)));
  }
  return medium;
}

TsSimMedium *
ts_sim_medium_ref (TsSimMedium *medium)
{
  medium->refs++;
  return medium;
}

void
ts_sim_medium_unref (TsSimMedium *medium)
{
  if (!medium || --medium->refs > 0)
    return;
  g_ptr_array_unref (medium->disks);
  g_clear_pointer (&medium->list, g_bytes_unref);
  g_free (medium);
}

guint64
ts_sim_medium_run (const TsSimMedium *medium)
{
  return medium->run;
}

/* Pages travel as what they are known to hold. */
static GBytes *
copy_piece (TsSimDisk *from, TsSimDisk *to, guint64 offset, guint32 len, GError **error)
{
  TsDisk *source = ts_sim_disk_ops (from), *target = ts_sim_disk_ops (to);
  g_autofree guint8 *data = g_malloc (len);
  g_autoptr (GBytes) parcel = ts_sim_parcel_pages (from, offset, len);
  if (!source->ops->read (source, offset, data, len, error) ||
      !(parcel ? ts_sim_parcel_write (to, offset, parcel, error)
               : target->ops->write (target, offset, data, len, error)))
    return NULL;
  return ts_medium_hash (data, len);
}

GBytes *
ts_sim_medium_put (TsSimMedium *medium, guint disk, TsSimDisk *from, guint64 offset_bytes,
                   guint32 len_bytes, GError **error)
{
  return copy_piece (from, g_ptr_array_index (medium->disks, disk), offset_bytes, len_bytes, error);
}

GBytes *
ts_sim_medium_get (const TsSimMedium *medium, guint disk, TsSimDisk *to, guint64 offset_bytes,
                   guint32 len_bytes, GError **error)
{
  if (disk >= medium->disks->len) {
    ts_throw (error, TS_ERROR_FORMAT, "the medium has no disk %u", disk);
    return NULL;
  }
  return copy_piece (g_ptr_array_index (medium->disks, disk), to, offset_bytes, len_bytes, error);
}

void
ts_sim_medium_end (TsSimMedium *medium, GBytes *list)
{
  g_clear_pointer (&medium->list, g_bytes_unref);
  medium->list = g_bytes_ref (list);
}

GBytes *
ts_sim_medium_list (const TsSimMedium *medium)
{
  return medium->list;
}

TsSimMedium *
ts_sim_medium_copy (const TsSimMedium *medium)
{
  TsSimMedium *copy = ts_sim_medium_new (medium->run, medium->disks);
  for (guint i = 0; i < medium->disks->len; i++) {
    TsSimDisk *from = g_ptr_array_index (medium->disks, i);
    guint64 page = 0, count;
    for (; ts_sim_disk_next_run (from, &page, &count); page += count)
      for (guint64 k = 0; k < count; k++) {
        GError *error = NULL;
        GBytes *hash = copy_piece (from, g_ptr_array_index (copy->disks, i),
                                   (page + k) * TS_SIM_PAGE_BYTES, TS_SIM_PAGE_BYTES, &error);
        g_assert_no_error (error); /* both are of one size */
        g_bytes_unref (hash);
      }
  }
  if (medium->list)
    ts_sim_medium_end (copy, medium->list);
  return copy;
}

guint64
ts_sim_medium_damage (TsSimMedium *medium, guint64 blocks)
{
  guint64 done = 0;
  for (guint i = 0; i < medium->disks->len; i++) {
    TsSimDisk *disk = g_ptr_array_index (medium->disks, i);
    TsDisk *ops = ts_sim_disk_ops (disk);
    guint64 page = 0, count;
    for (; done < blocks && ts_sim_disk_next_run (disk, &page, &count); page += count)
      for (guint64 k = 0; k < count && done < blocks; k++, done++) {
        guint64 at = (page + k) * TS_SIM_PAGE_BYTES + 17;
        guint8 byte;
        ops->ops->read (ops, at, &byte, 1, NULL);
        byte ^= 0xff;
        ops->ops->write (ops, at, &byte, 1, NULL);
      }
  }
  return done;
}

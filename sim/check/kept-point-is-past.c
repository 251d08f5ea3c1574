/* Every recovery point that is kept can be gone back to, and is then, byte for byte, what the
 * source was when it was cut: undone from the replica's disks as they are; and what a copy or a
 * test VM was started on was that too.  Looked at when points come or go, and at each failover. */
#include "core/disk/undo.h"
#include "sim/internal.h"

static void
image_free (gpointer data)
{
  TsSimImage *image = data;
  g_ptr_array_unref (image->disks);
  g_free (image);
}

static TsSimImage *
image_of (const TsSimVm *vm, guint64 set)
{
  for (guint i = 0; i < vm->kept->len; i++) {
    TsSimImage *image = g_ptr_array_index (vm->kept, i);
    if (image->set == set)
      return image;
  }
  return NULL;
}

void
ts_sim_check_keep_image (TsSimVm *vm, TsSimImage *image)
{
  g_ptr_array_set_free_func (vm->kept, image_free);
  g_ptr_array_add (vm->kept, image);
}

/* Bytes by which disks, undone by way, differ from the image; -1 with error: they cannot be. */
static gint64
differing (TsSimRelation *rel, const TsUndo *way, const TsSimImage *image, GError **error)
{
  g_autoptr (GPtrArray) undone = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_sim_disk_free);
  for (guint d = 0; d < rel->disks->len; d++) {
    TsSimDisk *scratch = ts_sim_disk_new_overlay (g_ptr_array_index (rel->disks, d));
    g_ptr_array_add (undone, scratch);
    if (((image->which & ~ts_sim_relation_blank (rel)) >> d & 1) &&
        !ts_sim_undo_play (rel->undo, way, d, ts_sim_disk_ops (scratch), error))
      return -1;
  }
  return (gint64)ts_sim_image_differing (image, undone, ts_sim_relation_blank (rel));
}

static char *
look_points (TsSimVm *vm, TsSimRelation *rel)
{
  const TsPoint *points;
  guint count = ts_receiver_points (rel->receiver, &points);
  guint64 applied = ts_receiver_applied_set (rel->receiver);
  for (guint i = 0; i < count; i++) {
    if (points[i].set >= applied)
      continue; /* not on the disks yet: nothing to undo */
    const TsSimImage *image = image_of (vm, points[i].set);
    g_autofree TsUndo *way = ts_receiver_way_to (rel->receiver, points[i].set);
    g_autoptr (GError) error = NULL;
    gint64 bytes = image && way ? differing (rel, way, image, &error) : 0;
    if (bytes < 0)
      return g_strdup_printf ("point %" G_GUINT64_FORMAT " of %s cannot be gone back to: %s",
                              points[i].set, vm->spec->name, error->message);
    if (bytes > 0)
      return g_strdup_printf ("%" G_GINT64_FORMAT " bytes of point %" G_GUINT64_FORMAT
                              " of %s are not what the source was then",
                              bytes, points[i].set, vm->spec->name);
  }
  return NULL;
}

/* A copy that boots stands on its point: before its first write. */
static char *
look_copy (TsSimVm *vm, const TsSimMachine *machine, guint64 set)
{
  const TsSimImage *image =
      machine && machine->on && !machine->ready && machine->life == 1 ? image_of (vm, set) : NULL;
  guint64 bytes = image ? ts_sim_image_differing (image, machine->disks, machine->blank) : 0;
  return bytes == 0 ? NULL
                    : g_strdup_printf ("%s runs on point %" G_GUINT64_FORMAT
                                       ", and %" G_GUINT64_FORMAT " bytes are not of it",
                                       vm->spec->name, set, bytes);
}

/* Points that went take their images with them. */
static void
forget_images (TsSimVm *vm, TsSimRelation *rel)
{
  const TsPoint *points;
  guint count = ts_receiver_points (rel->receiver, &points);
  for (guint i = vm->kept->len; i > 0; i--) {
    guint64 set = ((TsSimImage *)g_ptr_array_index (vm->kept, i - 1))->set;
    guint k = 0;
    while (k < count && points[k].set != set)
      k++;
    if (k == count)
      g_ptr_array_remove_index (vm->kept, i - 1);
  }
}

static char *
look (TsSimVm *vm)
{
  if (vm->kept->len == 0 || vm->replica == G_MAXUINT)
    return NULL;
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (vm->world, vm->replica), vm);
  if (!rel || !rel->receiver || !rel->disks || !rel->host->up || ts_receiver_aside (rel->receiver))
    return NULL;
  const TsPoint *points;
  guint count = ts_receiver_points (rel->receiver, &points);
  guint64 newest = count > 0 ? points[count - 1].set : 0;
  guint64 stamp = newest + count, set;
  gint64 instant_us;
  char *detail = NULL;
  if (stamp != vm->kept_seen && ts_receiver_applied_set (rel->receiver) > newest) {
    vm->kept_seen = stamp;
    forget_images (vm, rel);
    detail = look_points (vm, rel);
  }
  if (!detail && ts_receiver_test (rel->receiver, &set, &instant_us))
    detail = look_copy (vm, vm->test, set);
  if (!detail)
    detail = look_copy (vm, vm->copy, ts_receiver_copy_point (rel->receiver).set);
  return detail;
}

const TsSimCheck ts_sim_check_kept_point_is_past = {"kept-point-is-past", look, NULL};

/* Every recovery point equals the source at one past instant: after a set is applied, the replica
 * disks are, byte for byte and all of them, what the source disks were when the set was cut. */
#include "sim/internal.h"

static void
image_free (TsSimImage *image)
{
  g_ptr_array_unref (image->disks);
  g_free (image);
}

static gboolean
is_kept (const TsReceiver *receiver, guint64 set)
{
  const TsPoint *points;
  guint count = ts_receiver_points (receiver, &points);
  for (guint i = 0; i < count; i++)
    if (points[i].set == set)
      return TRUE;
  return FALSE;
}

static char *
look (TsSimVm *vm)
{
  if (vm->replica == G_MAXUINT || vm->images.length == 0)
    return NULL;
  TsSimRelation *rel = ts_sim_host_relation (ts_sim_host (vm->world, vm->replica), vm);
  if (!rel || !rel->receiver || !rel->disks || ts_receiver_aside (rel->receiver))
    return NULL;
  guint64 applied = ts_receiver_applied_set (rel->receiver);
  TsSimImage *image;
  while ((image = g_queue_peek_head (&vm->images)) && image->set <= applied) {
    g_queue_pop_head (&vm->images);
    guint64 differing = 0;
    gboolean ours = image->set == applied && applied > ts_receiver_base_set (rel->receiver);
    if (ours)
      differing = ts_sim_image_differing (image, rel->disks, ts_sim_relation_blank (rel));
    if (differing == 0 && ours) /* the next comparison is of what changes now */
      for (guint i = 0; i < rel->disks->len; i++)
        if ((image->which & ~ts_sim_relation_blank (rel)) >> i & 1)
          ts_sim_disk_share (g_ptr_array_index (rel->disks, i),
                             g_ptr_array_index (image->disks, i));
    guint64 set = image->set;
    if (is_kept (rel->receiver, set))
      ts_sim_check_keep_image (vm, image);
    else
      image_free (image);
    if (differing > 0)
      return g_strdup_printf ("set %" G_GUINT64_FORMAT " of %s is applied, and %" G_GUINT64_FORMAT
                              " bytes differ from the source at its instant",
                              set, vm->spec->name, differing);
  }
  return NULL;
}

const TsSimCheck ts_sim_check_point_is_past = {"point-is-past", look, NULL};

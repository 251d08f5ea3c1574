/* lab/host/watch.c -- has anybody but us written to the replica's disks?  Twin of sim/watch.c.
 *
 * By the times that the file system keeps.  Only what happens while this process runs is seen: after
 * a restart the first set is applied unseen.  A change within the clock tick of our own last write
 * (a few ms) is missed. */
#include "core/base/error.h"
#include "lab/host/host-internal.h"
#include <sys/stat.h>

static TsLabSeen
look_at (const TsLabVm *vm, guint disk)
{
  g_autofree char *path = ts_lab_vm_data_path (vm, disk);
  struct stat st;
  if (stat (path, &st) < 0)
    return (TsLabSeen){.known = FALSE};
  return (TsLabSeen){TRUE, st.st_ino, (guint64)st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
}

void
ts_lab_watch_begin (TsLabRelation *relation)
{
  for (guint i = 0; i < relation->vm->config->disks; i++)
    relation->seen[i] = look_at (relation->vm, i);
}

void
ts_lab_watch_end (TsLabRelation *relation)
{
  for (guint i = 0; i < relation->vm->config->disks; i++)
    relation->seen[i].known = FALSE;
}

gboolean
ts_lab_watch_look (TsLabRelation *relation, guint32 held, GError **error)
{
  for (guint i = 0; i < relation->vm->config->disks; i++) {
    const TsLabSeen *was = &relation->seen[i];
    TsLabSeen now = look_at (relation->vm, i);
    if (!(held >> i & 1) || !was->known || (now.known && now.inode == was->inode && now.size_bytes == was->size_bytes &&
                        now.changed_s == was->changed_s && now.changed_ns == was->changed_ns))
      continue;
    ts_lab_watch_end (relation);
    return ts_throw (error, TS_ERROR_STATE, "disk %s of the replica was changed behind our back",
                     relation->vm->config->disk[i].name);
  }
  return TRUE;
}

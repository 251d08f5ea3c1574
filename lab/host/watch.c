/* lab/host/watch.c -- has anybody but us written to disks that nobody writes to now?  Twin of
 * sim/watch.c.
 *
 * By inode, size and the time of the last change, as the file system keeps them.  What was seen is
 * kept on disk and outlives this process.  Not seen: a change while we write ourselves (a set is being
 * applied) or within the clock tick of our last write (a few ms), one that puts the time back, and one
 * between an apply that was cut off and its redo. */
#include "core/base/error.h"
#include "lab/host/host-internal.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#define SEEN_TYPE "a(bttxx)" /* per disk: known, inode, size, seconds, nanoseconds */

static TsLabSeen
look_at (const TsLabVm *vm, guint disk)
{
  g_autofree char *path = ts_lab_vm_data_path (vm, disk);
  struct stat st;
  if (stat (path, &st) < 0)
    return (TsLabSeen){.known = FALSE};
  return (TsLabSeen){TRUE, st.st_ino, (guint64)st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
}

static gboolean
is_same (const TsLabSeen *was, const TsLabSeen *now)
{
  return now->known && now->inode == was->inode && now->size_bytes == was->size_bytes &&
         now->changed_s == was->changed_s && now->changed_ns == was->changed_ns;
}

/* --- on disk ---------------------------------------------------------------------------------- */

static char *
seen_path (const TsLabVm *vm, const char *what)
{
  return ts_lab_path_state (&vm->host->layout, vm->host->config->name, vm->config->name, what);
}

/* One that cannot be kept is one that is not known after a crash: as bad as it was before it was
 * kept at all, so it is said and no more. */
static void
save (const TsLabVm *vm, const char *what, const TsLabSeen *seen)
{
  g_autofree char *path = seen_path (vm, what);
  g_autoptr (GError) error = NULL;
  GVariantBuilder all;
  g_variant_builder_init (&all, G_VARIANT_TYPE (SEEN_TYPE));
  for (guint i = 0; i < vm->config->disks; i++)
    g_variant_builder_add (&all, "(bttxx)", seen[i].known, seen[i].inode, seen[i].size_bytes,
                           seen[i].changed_s, seen[i].changed_ns);
  g_autoptr (GVariant) packed = g_variant_ref_sink (g_variant_builder_end (&all));
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (packed);
  if (!ts_lab_state_save (path, bytes, &error))
    g_warning ("%s", error->message);
}

static void
load (const TsLabVm *vm, const char *what, TsLabSeen *seen)
{
  g_autofree char *path = seen_path (vm, what);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ts_lab_state_load (path, &error);
  if (error)
    g_warning ("%s", error->message);
  if (!bytes)
    return;
  g_autoptr (GVariant) packed =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (SEEN_TYPE), bytes, FALSE));
  if (!g_variant_is_normal_form (packed) || g_variant_n_children (packed) != vm->config->disks) {
    g_warning ("%s: not what was kept there", path);
    return;
  }
  for (guint i = 0; i < vm->config->disks; i++)
    g_variant_get_child (packed, i, "(bttxx)", &seen[i].known, &seen[i].inode, &seen[i].size_bytes,
                         &seen[i].changed_s, &seen[i].changed_ns);
}

/* --- the replica's ---------------------------------------------------------------------------- */

void
ts_lab_watch_recall (TsLabRelation *relation)
{
  load (relation->vm, "watch", relation->seen);
}

void
ts_lab_watch_begin (TsLabRelation *relation)
{
  for (guint i = 0; i < relation->vm->config->disks; i++)
    relation->seen[i] = look_at (relation->vm, i);
  save (relation->vm, "watch", relation->seen);
}

void
ts_lab_watch_end (TsLabRelation *relation)
{
  gboolean any = FALSE;
  for (guint i = 0; i < relation->vm->config->disks; i++) {
    any |= relation->seen[i].known;
    relation->seen[i].known = FALSE;
  }
  if (any) /* durable before the first write of ours */
    save (relation->vm, "watch", relation->seen);
}

gboolean
ts_lab_watch_look (TsLabRelation *relation, guint32 held, GError **error)
{
  for (guint i = 0; i < relation->vm->config->disks; i++) {
    const TsLabSeen *was = &relation->seen[i];
    TsLabSeen now = look_at (relation->vm, i);
    if ((held >> i & 1) && was->known && !is_same (was, &now))
      return ts_throw (error, TS_ERROR_STATE, "disk %s of the replica was changed behind our back",
                       relation->vm->config->disk[i].name);
  }
  return TRUE;
}

/* --- the primary's, while its machine is off (HVR 2.9: mounted, edited, patched, restored) -------
 *
 * Hyper-V keeps a GUID that every writer of a VHDX changes (Vhd2DataWriteGuid, HVR 2.5); a raw file
 * has none.  CHOICE: looked at whenever a cycle cuts, and when the machine is started. */

void
ts_lab_watch_recall_off (TsLabVm *vm)
{
  load (vm, "off", vm->off);
}

void
ts_lab_watch_off (TsLabVm *vm)
{
  for (guint i = 0; i < vm->config->disks; i++)
    vm->off[i] = look_at (vm, i);
  save (vm, "off", vm->off);
}

void
ts_lab_watch_source (TsLabVm *vm)
{
  for (guint i = 0; i < vm->config->disks; i++) {
    TsLabSeen now = look_at (vm, i);
    vm->edited |= vm->off[i].known && !is_same (&vm->off[i], &now);
  }
}

void
ts_lab_watch_forget_off (TsLabVm *vm)
{
  g_autofree char *path = seen_path (vm, "off");
  if (g_unlink (path) < 0 && errno != ENOENT)
    g_warning ("%s: %s", path, g_strerror (errno));
  for (guint i = 0; i < vm->config->disks; i++)
    vm->off[i].known = FALSE;
}

/* lab/host/watch.c -- has anybody but us written to disks that nobody writes to now?  Twin of
 * sim/watch.c.
 *
 * By inode, size and the time of the last change, as the file system keeps them.  What was seen is
 * kept on disk and outlives this process.  While we write ourselves (a set is being applied) that says
 * nothing, so the kernel tells who else has had a disk open for writing, when he closes it (inotify,
 * IN_CLOSE_WRITE; also what is mapped, also when he is killed).  Ours stay open meanwhile: a close is
 * never our own.  CHOICE: whoever opened a disk for writing has changed it.
 * Not seen: a change that puts the time back while this process is not there, one between an apply
 * that was cut off by its death and the redo, and one by a file that was open then and is still. */
#include "core/base/error.h"
#include "lab/host/host-internal.h"
#include <errno.h>
#include "lab/machine/disk.h"
#include <glib/gstdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

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

gboolean
ts_lab_watch_is_same (const TsLabVm *vm, guint32 disks, const TsLabSeen *seen, GError **error)
{
  for (guint i = 0; i < vm->config->disks; i++) {
    TsLabSeen now = look_at (vm, i);
    if ((disks >> i & 1) && seen[i].known && !is_same (&seen[i], &now))
      return ts_throw (error, TS_ERROR_STATE, "disk %s of the replica was changed behind our back",
                       vm->config->disk[i].name);
  }
  return TRUE;
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

/* Who has closed a disk that he could write to? */
static void
hear (TsLabRelation *relation)
{
  union {
    struct inotify_event event;
    char bytes[4096];
  } heard;
  gssize len;
  while (relation->watch_fd >= 0 &&
         (len = read (relation->watch_fd, &heard, sizeof heard)) > 0)
    for (const char *at = heard.bytes; at < heard.bytes + len;) {
      const struct inotify_event *event = (const struct inotify_event *)at;
      for (guint i = 0; i < relation->vm->config->disks; i++)
        relation->touched[i] |= (event->mask & IN_Q_OVERFLOW) != 0 ||
                                ((event->mask & IN_CLOSE_WRITE) != 0 && relation->own[i] &&
                                 event->wd == relation->watched[i]);
      at += sizeof *event + event->len;
    }
}

/* Where the kernel has no such thing, or no more of them, the times must do: it is said once. */
static void
listen_to (TsLabRelation *relation, guint disk, const char *path)
{
  if (relation->watch_fd == -1) {
    relation->watch_fd = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
    if (relation->watch_fd < 0) {
      g_warning ("disks are not watched while sets are applied: %s", g_strerror (errno));
      relation->watch_fd = -2;
    }
  }
  relation->watched[disk] =
      relation->watch_fd < 0 ? -1 : inotify_add_watch (relation->watch_fd, path, IN_CLOSE_WRITE);
  if (relation->watch_fd >= 0 && relation->watched[disk] < 0)
    g_warning ("%s is not watched: %s", path, g_strerror (errno));
}

TsDisk *
ts_lab_watch_disk (TsLabRelation *relation, guint disk, GError **error)
{
  if (!relation->own[disk]) {
    g_autofree char *path = ts_lab_vm_data_path (relation->vm, disk);
    relation->own[disk] = ts_lab_disk_open (path, TRUE, error);
    if (relation->own[disk])
      listen_to (relation, disk, path);
  }
  return relation->own[disk];
}

static void
let_go (TsLabRelation *relation)
{
  for (guint i = 0; i < TS_WIRE_DISKS_MAX; i++) {
    g_clear_pointer (&relation->own[i], ts_disk_free);
    relation->touched[i] = FALSE;
  }
  if (relation->watch_fd >= 0)
    close (relation->watch_fd);
  relation->watch_fd = -1;
}

void
ts_lab_watch_let_go (TsLabRelation *relation)
{
  let_go (relation);
}

gboolean
ts_lab_watch_is_on (const TsLabRelation *relation)
{
  for (guint i = 0; i < relation->vm->config->disks; i++)
    if (relation->seen[i].known)
      return TRUE;
  return FALSE;
}

void
ts_lab_watch_go_on (TsLabRelation *relation, guint32 held)
{
  hear (relation);
  for (guint i = 0; i < relation->vm->config->disks; i++) {
    relation->seen[i] = look_at (relation->vm, i);
    if (relation->touched[i] && (held >> i & 1))
      relation->seen[i].inode = 0; /* no file has that: whoever looks finds it changed */
    relation->touched[i] = FALSE;
  }
  save (relation->vm, "watch", relation->seen);
}

void
ts_lab_watch_begin (TsLabRelation *relation)
{
  ts_lab_watch_go_on (relation, 0);
}

void
ts_lab_watch_write (TsLabRelation *relation)
{
  gboolean any = FALSE;
  for (guint i = 0; i < relation->vm->config->disks; i++) {
    any |= relation->seen[i].known;
    relation->seen[i].known = FALSE;
  }
  if (any) /* durable before the first write of ours */
    save (relation->vm, "watch", relation->seen);
}

void
ts_lab_watch_end (TsLabRelation *relation)
{
  ts_lab_watch_write (relation);
  let_go (relation);
}

gboolean
ts_lab_watch_look (TsLabRelation *relation, guint32 held, GError **error)
{
  hear (relation);
  for (guint i = 0; i < relation->vm->config->disks; i++) {
    const TsLabSeen *was = &relation->seen[i];
    TsLabSeen now = look_at (relation->vm, i);
    if ((held >> i & 1) && (relation->touched[i] || (was->known && !is_same (was, &now))))
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

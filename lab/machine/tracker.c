/* lab/machine/tracker.c -- see tracker.h.
 *
 * Every cut begins at base, the last checkpoint whose changes are safe with the caller, and makes a
 * new one.  Only when all was read does the new one become base.  What other checkpoints there are
 * (the old base after success, the new one after a failure) is only housekeeping, done when it can
 * be: libvirt makes the job's bitmap from base's and all later ones, and deleting a checkpoint
 * merges its bitmap into the one before it, so nothing is ever lost by deleting any but base. */
#include "lab/machine/machine-internal.h"
#include "lab/machine/tracker.h"
#include <glib/gstdio.h>
#include <libvirt/libvirt-qemu.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "lab/command.h"
#include "lab/machine/tracker-read.h"

#define FOLDER_MAX 80
#define POLL_US 2000
#define END_TIMEOUT_US (30 * TS_S)
/* When the scratch file cannot grow, QEMU fails the guest's write for the sake of the job.  With
 * less room than this (or than the disks need at worst) no job is begun. */
#define SCRATCH_ROOM (64 * TS_MIB)

struct _TsLabTracker {
  TsLabMachine *machine;
  char *folder;
  char *socket, *pidfile;
  char *base;   /* name of the checkpoint that the next cut begins at; NULL: not tracking */
  guint number; /* of the last checkpoint */
};

/* --- checkpoints ------------------------------------------------------------------------------ */

/* Names never come again, also not over a restart of the process: what an earlier life left in an
 * image cannot be taken for ours. */
static char *
new_name (TsLabTracker *tracker)
{
  return g_strdup_printf ("ts-%" G_GINT64_FORMAT "-%u", g_get_real_time (), ++tracker->number);
}

static char *
checkpoint_xml (const TsLabMachine *machine, const char *name)
{
  GString *xml = g_string_new (NULL);
  g_string_printf (xml, "<domaincheckpoint><name>%s</name><disks>", name);
  for (guint d = 0; d < machine->disks; d++)
    g_string_append_printf (xml, "<disk name='%s' checkpoint='bitmap'/>", machine->disk[d].target);
  g_string_append (xml, "</disks></domaincheckpoint>");
  return g_string_free (xml, FALSE);
}

/* Deletes every checkpoint but one.  but: NULL for none. */
static gboolean
delete_others (TsLabTracker *tracker, const char *but, guint flags, GError **error)
{
  virDomainCheckpointPtr *point = NULL;
  int count = virDomainListAllCheckpoints (tracker->machine->domain, &point, 0);
  gboolean fine = count >= 0 || ts_lab_throw_virt (error, "list checkpoints");
  for (int i = 0; i < count; i++) {
    const char *name = virDomainCheckpointGetName (point[i]);
    if (fine && g_strcmp0 (name, but) != 0 && virDomainCheckpointDelete (point[i], flags) < 0)
      fine = ts_lab_throw_virt (error, "delete checkpoint %s", name);
    virDomainCheckpointFree (point[i]);
  }
  free (point); /* libvirt's, from malloc */
  return fine;
}

static gboolean
base_is_there (TsLabTracker *tracker)
{
  virDomainCheckpointPtr point =
      virDomainCheckpointLookupByName (tracker->machine->domain, tracker->base, 0);
  if (point)
    virDomainCheckpointFree (point);
  return point != NULL;
}

/* --- a cut of a running machine --------------------------------------------------------------- */

static char *
scratch_path (const TsLabTracker *tracker, guint disk)
{
  return g_strdup_printf ("%s/scratch-%s", tracker->folder, tracker->machine->disk[disk].target);
}

static void
clean_folder (TsLabTracker *tracker)
{
  unlink (tracker->socket);
  unlink (tracker->pidfile);
  for (guint d = 0; d < tracker->machine->disks; d++) {
    g_autofree char *path = scratch_path (tracker, d);
    unlink (path);
  }
}

/* Of the disks that have a writer; the others' changes are let go with the old checkpoint. */
static char *
backup_xml (const TsLabTracker *tracker, TsHrlWriter *const *writer)
{
  g_autofree char *head =
      g_markup_printf_escaped ("<domainbackup mode='pull'><incremental>%s</incremental>"
                               "<server transport='unix' socket='%s'/><disks>",
                               tracker->base, tracker->socket);
  GString *xml = g_string_new (head);
  for (guint d = 0; d < tracker->machine->disks; d++) {
    const char *target = tracker->machine->disk[d].target;
    if (!writer[d]) {
      g_string_append_printf (xml, "<disk name='%s' backup='no'/>", target);
      continue;
    }
    g_autofree char *scratch = scratch_path (tracker, d);
    g_autofree char *disk = g_markup_printf_escaped (
        "<disk name='%s' backup='yes' type='file' backupmode='incremental' exportname='%s'"
        " exportbitmap='backup-%s'><driver type='qcow2'/><scratch file='%s'/></disk>",
        target, target, target, scratch);
    g_string_append (xml, disk);
  }
  g_string_append (xml, "</disks></domainbackup>");
  return g_string_free (xml, FALSE);
}

static gboolean
check_room (const TsLabTracker *tracker, GError **error)
{
  struct statvfs fs;
  guint64 need_bytes = 0;
  for (guint d = 0; d < tracker->machine->disks; d++) {
    virDomainBlockInfo info;
    if (virDomainGetBlockInfo (tracker->machine->domain, tracker->machine->disk[d].target, &info,
                               0) < 0)
      return ts_lab_throw_virt (error, "size of disk %s", tracker->machine->disk[d].name);
    need_bytes += info.capacity;
  }
  need_bytes = MIN (need_bytes, SCRATCH_ROOM);
  if (statvfs (tracker->folder, &fs) < 0)
    return ts_throw_errno (error, "room in %s", tracker->folder);
  guint64 free_bytes = (guint64)fs.f_bavail * fs.f_frsize;
  if (free_bytes < need_bytes)
    return ts_throw (error, TS_ERROR_FULL,
                     "%s has room for %" G_GUINT64_FORMAT
                     " bytes, a cut may need %" G_GUINT64_FORMAT,
                     tracker->folder, free_bytes, need_bytes);
  return TRUE;
}

static gboolean
job_open (TsLabTracker *tracker)
{
  char *xml = virDomainBackupGetXMLDesc (tracker->machine->domain, 0);
  free (xml); /* libvirt's, from malloc */
  return xml != NULL;
}

/* Closes the job, whatever state it is in, and waits until libvirt has let go of it. */
static gboolean
close_job (TsLabTracker *tracker, GError **error)
{
  gint64 end_us = g_get_monotonic_time () + END_TIMEOUT_US;
  virDomainAbortJob (tracker->machine->domain); /* fails when it has ended already: we see below */
  while (job_open (tracker)) {
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_AGAIN, "backup job of machine %s does not end",
                       tracker->machine->name);
    g_usleep (POLL_US);
  }
  return TRUE;
}

static gboolean
cut_running (TsLabTracker *tracker, TsHrlWriter *const *writer, guint32 time_s, gint64 *instant_us,
             TsLabCutDisk *cut, GError **error)
{
  TsLabMachine *machine = tracker->machine;
  if (!base_is_there (tracker))
    return ts_throw (error, TS_ERROR_LOST, "its bitmaps did not survive QEMU's end");
  if (!check_room (tracker, error))
    return FALSE;
  if (job_open (tracker) && !close_job (tracker, error)) /* of a cut that could not close it */
    return FALSE;
  clean_folder (tracker);

  g_autofree char *name = new_name (tracker);
  g_autofree char *backup = backup_xml (tracker, writer);
  g_autofree char *checkpoint = checkpoint_xml (machine, name);
  *instant_us = g_get_monotonic_time ();
  gboolean fine = virDomainBackupBegin (machine->domain, backup, checkpoint, 0) == 0 ||
                  ts_lab_throw_virt (error, "begin backup job");
  TsLabRaw raw[TS_LAB_MACHINE_DISKS] = {{NULL, NULL, NULL, NULL, NULL}};
  if (fine) {
    for (guint d = 0; fine && d < machine->disks; d++) {
      if (!writer[d])
        continue;
      ts_lab_raw_find (&raw[d], machine, d, name);
      g_autofree char *bitmap = g_strdup_printf ("backup-%s", machine->disk[d].target);
      const char *const bitmaps[] = {bitmap, NULL};
      fine = ts_lab_tracker_read (tracker->socket, machine->disk[d].target, bitmaps, &raw[d],
                                  writer[d], time_s, &cut[d], error);
      if (!fine)
        g_prefix_error (error, "disk %s%s: ", machine->disk[d].name,
                        /* a socket's name may be seen where nobody listens */
                        *machine->hypervisor->prefix ? " (its libvirtd must run on this machine)"
                                                     : "");
    }
    fine = close_job (tracker, fine ? error : NULL) && fine;
  }
  for (guint d = 0; d < machine->disks; d++)
    ts_lab_raw_clear (&raw[d]);
  clean_folder (tracker);
  if (fine) {
    g_free (tracker->base);
    tracker->base = g_steal_pointer (&name);
  }
  /* After success the old base, after a failure the new checkpoint.  What cannot be deleted now
   * (the machine may just have died) goes at the next cut. */
  g_autoptr (GError) later = NULL;
  if (!delete_others (tracker, tracker->base, 0, &later))
    g_info ("machine %s: %s", machine->name, later->message);
  return fine;
}

/* --- a cut of a machine that is off ----------------------------------------------------------- */

/* The daemon writes its pid file when export and socket are both there, before it serves (QEMU 7.2
 * storage-daemon/qemu-storage-daemon.c); the socket alone comes too early. */
static gboolean
wait_for_daemon (TsLabChild *daemon, const char *path, GError **error)
{
  gint64 end_us = g_get_monotonic_time () + END_TIMEOUT_US;
  while (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    if (!ts_lab_child_alive (daemon, error))
      return FALSE;
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_AGAIN, "qemu-storage-daemon does not listen");
    g_usleep (POLL_US);
  }
  return TRUE;
}

/* A comma in a value ends it; doubled it is a comma. */
static char *
option_text (const char *path)
{
  g_auto (GStrv) part = g_strsplit (path, ",", -1);
  return g_strjoinv (",,", part);
}

static gboolean
read_closed (TsLabTracker *tracker, guint d, GPtrArray *bitmaps, TsHrlWriter *writer,
             guint32 time_s, TsLabCutDisk *cut, GError **error)
{
  const TsLabMachineDisk *disk = &tracker->machine->disk[d];
  g_autofree char *path = option_text (disk->path);
  g_autofree char *socket = option_text (tracker->socket);
  g_autofree char *node =
      g_strdup_printf ("driver=qcow2,node-name=disk,read-only=on,file.driver=file,file.filename=%s,"
                       "file.read-only=on",
                       path);
  g_autofree char *server =
      g_strdup_printf ("addr.type=unix,addr.path=%s,max-connections=1", socket);
  g_autoptr (GString) export = g_string_new (NULL);
  g_string_printf (export, "type=nbd,id=export,node-name=disk,name=%s", disk->target);
  for (guint i = 0; bitmaps->pdata[i]; i++)
    g_string_append_printf (export, ",bitmaps.%u=%s", i, (char *)bitmaps->pdata[i]);
  const char *argv[] = {"qemu-storage-daemon",
                        "--blockdev",
                        node,
                        "--nbd-server",
                        server,
                        "--export",
                        export->str,
                        "--pidfile",
                        tracker->pidfile,
                        NULL};
  TsLabChild daemon = {0, -1};
  gboolean fine =
      ts_lab_child_start (&daemon, argv, "qemu-system-common", error) &&
      wait_for_daemon (&daemon, tracker->pidfile, error) &&
      ts_lab_tracker_read (tracker->socket, disk->target, (const char *const *)bitmaps->pdata,
                           NULL, writer, time_s, cut, error);
  ts_lab_child_kill (&daemon); /* it only reads: nothing of it can be half done */
  unlink (tracker->socket);
  unlink (tracker->pidfile);
  if (!fine)
    g_prefix_error (error, "disk %s: ", disk->name);
  return fine;
}

/* The bitmaps of base and of later checkpoints (of cuts that failed): their union is what changed.
 * NULL-terminated. */
static GPtrArray *
bitmaps_since_base (TsLabTracker *tracker, const TsLabMachineDisk *disk, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_auto (TsLabImage) image = {NULL, NULL, NULL, FALSE};
  gboolean found = FALSE;
  if (!ts_lab_image_look (disk->path, &image, error))
    return NULL;
  for (guint i = 0; i < image.whole->len; i++) {
    const char *name = image.whole->pdata[i];
    found |= strcmp (name, tracker->base) == 0;
    g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_add (names, NULL);
  if (!found || image.torn->len > 0) {
    ts_throw (error, TS_ERROR_LOST, "disk %s: its bitmaps did not survive QEMU's end", disk->name);
    return NULL;
  }
  return g_steal_pointer (&names);
}

/* Nothing is tracked any more than "no change since".  Failing here is no harm: what stays marked
 * is sent once more. */
static void
clear_closed (TsLabTracker *tracker)
{
  TsLabMachine *machine = tracker->machine;
  g_autoptr (GError) later = NULL;
  gboolean fine = TRUE;
  for (guint d = 0; fine && d < machine->disks; d++)
    fine = ts_lab_image_bitmap (machine->disk[d].path, "--clear", tracker->base, &later);
  if (!fine)
    g_info ("machine %s: %s", machine->name, later->message);
}

static gboolean
cut_closed (TsLabTracker *tracker, TsHrlWriter *const *writer, guint32 time_s, gint64 *instant_us,
            TsLabCutDisk *cut, GError **error)
{
  TsLabMachine *machine = tracker->machine;
  clean_folder (tracker);
  *instant_us = g_get_monotonic_time ();
  for (guint d = 0; d < machine->disks; d++) {
    if (!writer[d])
      continue;
    g_autoptr (GPtrArray) bitmaps = bitmaps_since_base (tracker, &machine->disk[d], error);
    if (!bitmaps || !read_closed (tracker, d, bitmaps, writer[d], time_s, &cut[d], error)) {
      return FALSE;
    }
  }
  clear_closed (tracker);
  return TRUE;
}

/* --- entry points ----------------------------------------------------------------------------- */

TsLabTracker *
ts_lab_tracker_new (TsLabMachine *machine, const char *folder, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_autofree char *full = g_canonicalize_filename (folder, NULL);
  if (strlen (full) > FOLDER_MAX) {
    ts_throw (error, TS_ERROR_ARGUMENT,
              "tracker folder %s: longer than %d bytes, its socket would not fit", full,
              FOLDER_MAX);
    return NULL;
  }
  TsLabTracker *tracker = g_new0 (TsLabTracker, 1);
  tracker->machine = machine;
  tracker->folder = g_steal_pointer (&full);
  tracker->socket = g_build_filename (tracker->folder, "backup.sock", NULL);
  tracker->pidfile = g_build_filename (tracker->folder, "backup.pid", NULL);
  return tracker;
}

void
ts_lab_tracker_free (TsLabTracker *tracker)
{
  if (!tracker)
    return;
  g_free (tracker->folder);
  g_free (tracker->socket);
  g_free (tracker->pidfile);
  g_free (tracker->base);
  g_free (tracker);
}

static gboolean
start_running (TsLabTracker *tracker, GError **error)
{
  TsLabMachine *machine = tracker->machine;
  for (guint d = 0; d < machine->disks; d++)
    if (machine->disk[d].raw)
      return ts_throw (error, TS_ERROR_ARGUMENT,
                       "track machine %s: disk %s is raw, which holds no bitmaps", machine->name,
                       machine->disk[d].name);
  if (!ts_lab_tracker_stop (tracker, error))
    return FALSE;
  g_autofree char *name = new_name (tracker);
  g_autofree char *xml = checkpoint_xml (machine, name);
  virDomainCheckpointPtr point = virDomainCheckpointCreateXML (machine->domain, xml, 0);
  if (!point)
    return ts_lab_throw_virt (error, "track machine %s", machine->name);
  virDomainCheckpointFree (point);
  tracker->base = g_steal_pointer (&name);
  return TRUE;
}

gboolean
ts_lab_tracker_start (TsLabTracker *tracker, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  TsLabMachine *machine = tracker->machine;
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  if (ts_lab_machine_running (machine))
    return start_running (tracker, error);
  /* libvirt makes checkpoints of a running domain only.  One that runs no instruction is enough: when
   * it goes, QEMU leaves the bitmaps in the images. */
  if (!ts_lab_machine_start_paused (machine, error))
    return FALSE;
  gboolean fine = start_running (tracker, error);
  return ts_lab_machine_destroy (machine, fine ? error : NULL) && fine;
}

gboolean
ts_lab_tracker_stop (TsLabTracker *tracker, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  TsLabMachine *machine = tracker->machine;
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  gboolean running = ts_lab_machine_running (machine);
  gboolean fine = (!running || !job_open (tracker) || close_job (tracker, error)) &&
                  delete_others (tracker, NULL,
                                 running ? 0 : VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY, error) &&
                  (running || ts_lab_machine_settle_bitmaps (machine, error));
  clean_folder (tracker);
  if (!fine) {
    g_prefix_error (error, "stop tracking machine %s: ", machine->name);
    return FALSE;
  }
  g_clear_pointer (&tracker->base, g_free);
  return TRUE;
}

const char *
ts_lab_tracker_base (const TsLabTracker *tracker)
{
  return tracker->base;
}

char *
ts_lab_tracker_aside_path (const TsLabTracker *tracker, guint disk)
{
  return g_strdup_printf ("%s/kept-%s", tracker->folder, tracker->machine->disk[disk].target);
}

gboolean
ts_lab_tracker_put_aside (TsLabTracker *tracker, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  TsLabMachine *machine = tracker->machine;
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  if (!tracker->base)
    return ts_throw (error, TS_ERROR_STATE, "machine %s is not tracked", machine->name);
  for (guint d = 0; d < machine->disks; d++) {
    g_autofree char *aside = ts_lab_tracker_aside_path (tracker, d);
    g_autoptr (GPtrArray) names = bitmaps_since_base (tracker, &machine->disk[d], error);
    if (!names || !ts_lab_image_keep_bitmaps (machine->disk[d].path, (char **)names->pdata, aside, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ts_lab_tracker_take_aside (TsLabTracker *tracker, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  TsLabMachine *machine = tracker->machine;
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  gboolean fine = ts_lab_tracker_start (tracker, error);
  for (guint d = 0; d < machine->disks; d++) {
    g_autofree char *aside = ts_lab_tracker_aside_path (tracker, d);
    fine = fine && ts_lab_image_give_bitmap (aside, machine->disk[d].path, tracker->base, error);
    unlink (aside);
  }
  if (!fine)
    g_clear_pointer (&tracker->base, g_free); /* what is marked now is not all */
  return fine;
}

/* libvirt forgets a checkpoint with its host process, and a bitmap that no checkpoint names is removed
 * when the machine starts (machine-image.c): so what was marked is put aside, tracking begins anew, and
 * the new bitmap is given what is aside. */
gboolean
ts_lab_tracker_resume (TsLabTracker *tracker, const char *base, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  TsLabMachine *machine = tracker->machine;
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  g_free (tracker->base);
  tracker->base = g_strdup (base);
  gboolean fine = ts_lab_tracker_put_aside (tracker, error);
  g_clear_pointer (&tracker->base, g_free);
  if (fine && ts_lab_tracker_take_aside (tracker, error))
    return TRUE;
  for (guint d = 0; d < machine->disks; d++) {
    g_autofree char *aside = ts_lab_tracker_aside_path (tracker, d);
    unlink (aside);
  }
  g_prefix_error (error, "go on tracking machine %s: ", machine->name);
  return FALSE;
}

/* Of each device the bitmap that says most: that since base, of which later ones are a part.  Devices
 * are told in the order of the disks. */
static guint64
count_bitmaps (const char *reply, guint32 disks)
{
  guint64 bytes = 0;
  g_autoptr (GRegex) bitmap =
      g_regex_new ("\\{[^{}]*\"name\":\\s*\"ts-[^{}]*\\}", 0, 0, NULL);
  g_autoptr (GRegex) number = g_regex_new ("\"count\":\\s*([0-9]+)", 0, 0, NULL);
  g_auto (GStrv) lists = g_strsplit (reply, "\"dirty-bitmaps\"", -1);
  for (guint i = 1; lists[0] && lists[i]; i++) {
    guint64 most = 0;
    g_autoptr (GMatchInfo) each = NULL;
    *strchrnul (lists[i], ']') = '\0'; /* of this device alone */
    for (g_regex_match (bitmap, lists[i], 0, &each); g_match_info_matches (each);
         g_match_info_next (each, NULL)) {
      g_autofree char *text = g_match_info_fetch (each, 0);
      g_autoptr (GMatchInfo) found = NULL;
      if (!g_regex_match (number, text, 0, &found))
        continue;
      g_autofree char *count = g_match_info_fetch (found, 1);
      most = MAX (most, g_ascii_strtoull (count, NULL, 10));
    }
    bytes += disks >> (i - 1) & 1 ? most : 0;
  }
  return bytes;
}

gboolean
ts_lab_tracker_bytes (TsLabTracker *tracker, guint32 disks, guint64 *bytes, GError **error)
{
  TsLabMachine *machine = tracker->machine;
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  char *reply = NULL;
  *bytes = 0;
  if (!tracker->base || !ts_lab_machine_running (machine))
    return TRUE;
  if (virDomainQemuMonitorCommand (machine->domain, "{\"execute\":\"query-block\"}", &reply, 0) < 0)
    return ts_lab_throw_virt (error, "ask machine %s for its bitmaps", machine->name);
  *bytes = count_bitmaps (reply, disks);
  free (reply);
  return TRUE;
}

gboolean
ts_lab_tracker_cut (TsLabTracker *tracker, TsHrlWriter *const *writer, guint32 time_s,
                    gint64 *instant_us, TsLabCutDisk *cut, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  TsLabMachine *machine = tracker->machine;
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  if (!tracker->base)
    return ts_throw (error, TS_ERROR_STATE, "cut machine %s: it is not tracked", machine->name);
  gboolean fine = ts_lab_machine_running (machine)
                      ? cut_running (tracker, writer, time_s, instant_us, cut, error)
                      : cut_closed (tracker, writer, time_s, instant_us, cut, error);
  if (!fine)
    g_prefix_error (error, "cut machine %s: ", machine->name);
  return fine;
}

/* lab/machine/tracker.h -- change tracking of a machine's disks by dirty bitmaps, and cuts at one instant.
 *
 * Tracking starts with a checkpoint.  A cut is one pull-mode backup job from the last checkpoint
 * with a new checkpoint in the same call: QEMU holds the old data of what the guest overwrites
 * meanwhile (copy-before-write), the changed blocks are read at disk speed into .hrl logs (over NBD, or
 * from the file of the disk's data: tracker-raw.h), and the job is closed at once; it is never held open for the network.  Blocks until done. */
#pragma once
#include "core/format/hrl.h"
#include "lab/machine/machine.h"

typedef struct _TsLabTracker TsLabTracker;

/* folder: for the job's socket and scratch files; short path (at most 80 bytes), exists.  machine
 * outlives the tracker. */
TsLabTracker *ts_lab_tracker_new (TsLabMachine *machine, const char *folder,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_tracker_free (TsLabTracker *tracker); /* stops nothing; NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabTracker, ts_lab_tracker_free)

/* The first checkpoint, all disks at one instant.  From here on every write is tracked.  Its
 * disks are qcow2 (TS_ERROR_ARGUMENT); a machine that is off is started for it, without running an
 * instruction, and is off again.  Starting again forgets what
 * was tracked before. */
gboolean ts_lab_tracker_start (TsLabTracker *tracker, GError **error);
/* The checkpoint that the next cut begins at; NULL: nothing is tracked. */
const char *ts_lab_tracker_base (const TsLabTracker *tracker);
/* Goes on where another tracker of this machine, of an earlier life of its host, was: base is what that
 * one said.  The machine is off, and its images were closed.  TS_ERROR_LOST: that is not in them any
 * more, or not whole. */
gboolean ts_lab_tracker_resume (TsLabTracker *tracker, const char *base, GError **error);
/* The two halves of that, for a machine that goes to another host: what is marked, in a file for each
 * disk; tracking begins anew, of a machine that is off, with what is in those files, which go.  After
 * the first nothing has changed yet. */
gboolean ts_lab_tracker_put_aside (TsLabTracker *tracker, GError **error);
gboolean ts_lab_tracker_take_aside (TsLabTracker *tracker, GError **error);
/* Of disk number d of the machine; caller frees. */
char *ts_lab_tracker_aside_path (const TsLabTracker *tracker, guint disk);
/* Deletes checkpoints and bitmaps.  Fine when nothing is tracked. */
gboolean ts_lab_tracker_stop (TsLabTracker *tracker, GError **error);

/* How much has been marked on these disks (bit 1 << i) since the last cut, as QEMU counts it; 0: nothing is tracked, or the
 * machine is off. */
gboolean ts_lab_tracker_bytes (TsLabTracker *tracker, guint32 disks, guint64 *bytes, GError **error);

typedef struct { /* of one disk */
  guint64 data_bytes, entries;
} TsLabCutDisk;

/* Writes what changed on disk i since the last cut to writer[i] (the caller closes it; NULL: that is
 * not asked for, and lost), at one instant for all disks: *instant_us (CLOCK_MONOTONIC) is taken before the job begins, so every
 * write acknowledged until then is in it.  time_s: for the entries, which are at most 256 KiB each.
 * Works on a running machine by a backup job, on one that is off by reading the closed images with
 * their bitmaps (qemu-storage-daemon).  cut[i]: of disk i. On failure the changes stay tracked: a
 * later cut has them, and the logs are worth nothing.  After success they do not: a caller who then
 * loses a log must copy or compare the disks anew. TS_ERROR_LOST: the tracking itself is gone (QEMU
 * was killed, so its bitmaps are inconsistent): resynchronize, starting again.  TS_ERROR_FULL: no
 * room in folder or log. TS_ERROR_STATE: never started. */
gboolean ts_lab_tracker_cut (TsLabTracker *tracker, TsHrlWriter *const *writer, guint32 time_s,
                             gint64 *instant_us, TsLabCutDisk *cut, GError **error);

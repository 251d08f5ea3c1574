/* sim/tracker.h -- which blocks of a machine's disks changed since the last cut, and the cut.
 *
 * Twin of lab/machine/tracker.h for bitmap tracking, as QEMU's dirty bitmaps do it (blocks of 4 KiB): a
 * cut reads each block that changed, once.  Log tracking is Hyper-V's (HVR reference 2.4): each write
 * goes to the open log as it happens, so what is written twice is sent twice, and a cut closes what is
 * there already. */
#pragma once
#include "core/relation/event.h"
#include "core/seam/topology.h"
#include "sim/disk.h"
#include "sim/spool.h"

typedef struct _TsSimTracker TsSimTracker;

/* disks: TsSimDisk *, referenced.  seed, name: of the log ids' random stream. */
TsSimTracker *ts_sim_tracker_new (TsTracking kind, GPtrArray *disks, guint64 seed,
                                  const char *name);
void ts_sim_tracker_free (TsSimTracker *tracker);
void ts_sim_tracker_start (TsSimTracker *tracker);
void ts_sim_tracker_stop (TsSimTracker *tracker);
/* The guest has written here, at time_s; ignored while tracking is off.  TRUE: that is so much that the
 * sender should hear of it (TS_EVENT_TRACKED), a 64th of the disks more than the last time (CHOICE). */
gboolean ts_sim_tracker_mark (TsSimTracker *tracker, guint disk, guint64 offset_bytes,
                              guint64 len_bytes, guint32 time_s);
/* Of what was tracked since the last cut: bytes of blocks, or of logged writes. */
gboolean ts_sim_tracker_tracks (const TsSimTracker *tracker); /* started, and not stopped since */
guint64 ts_sim_tracker_bytes (const TsSimTracker *tracker);
/* The tracked machine runs on these disks from now on, which hold the same. */
void ts_sim_tracker_move (TsSimTracker *tracker, GPtrArray *disks);
/* The next log of the disk follows this one. */
void ts_sim_tracker_follow (TsSimTracker *tracker, guint disk, const TsGuid *previous);
/* The disk has another size now: what lay behind is not marked any more. */
void ts_sim_tracker_resize (TsSimTracker *tracker, guint disk);
/* Puts one closed log per disk of the mask into the spool, all at this instant, and starts all disks
 * afresh: what changed on the others is forgotten.  logs: by disk; of the others zero.  TS_ERROR_LOST: changes are not tracked. */
gboolean ts_sim_tracker_cut (TsSimTracker *tracker, guint64 set, guint32 disks, guint32 time_s,
                             TsSimSpool *spool, TsCutLog *logs, GError **error);

/* core/disk/undo.h -- before a log is applied, what it overwrites is saved; and put back later.
 *
 * The order that survives a crash at any step: (1) the undo segment of the set is written, (2) made
 * durable, (3) the set is applied.  Dying before (2) is done leaves a disk that the set has not
 * touched and at most a torn segment, which is written anew; dying after it leaves a segment that
 * is found again, and only (3) is done again: the disk is not read a second time, when it is partly
 * new already.  HVR reference 2.4.4, 2.7. */
#pragma once
#include "core/disk/disk.h"
#include "core/format/hrl.h"
#include "core/format/hru.h"

/* (1) for one disk.  so_far: the undo log as it is, opened for TS_HRU_INDEX; NULL: there is none
 * yet, info says what it is to be.  put: writes into the log, whose bytes behind so_far's end the
 * caller has cut off.  *saved_bytes: old content that was put; *wrote: FALSE: the segment was there
 * already, nothing is to be made durable.
 * TS_ERROR_LOST: the log misses a set before this one, or is of another point or disk: its point
 * cannot be reached any more, nor those before it. */
gboolean ts_undo_save (TsDisk *disk, const TsHrl *log, guint64 set, const TsHruInfo *info,
                       const TsHru *so_far, TsHruPut put, void *user, guint64 *saved_bytes,
                       gboolean *wrote, GError **error);

/* Writes what the log saved.  Logs are played from the newest point's to that of the point wanted.
 * until: the set that was applied last while this log was open; TS_ERROR_LOST, and nothing written,
 * when the log does not reach it or is of another point or disk. */
gboolean ts_undo_play (TsDisk *disk, const TsHru *undo, const TsHruInfo *info, guint64 until,
                       GError **error);

/* core/disk/apply.h -- plays one replication log onto a replica disk.
 *
 * The log is checked whole before the first byte is written (ts_hrl_open), so a bad log changes
 * nothing.  A crash in the middle leaves a disk that is neither old nor new; playing the same log
 * again from its start makes it new, because every write is absolute (redo).  Whoever calls keeps
 * the log until the flush at the end has returned. */
#pragma once
#include "core/disk/disk.h"
#include "core/format/hrl.h"

/* Writes every entry in order of time, then flushes.  TS_ERROR_ARGUMENT, and nothing written, when
 * the log writes behind the disk's end (HVR reference 2.6: out-of-bounds write). */
gboolean ts_apply_log (TsDisk *disk, const TsHrl *log, GError **error);

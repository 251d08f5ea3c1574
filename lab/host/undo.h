/* lab/host/undo.h -- undo logs on disk: RUN/HOST/history/VM/point-00000012.disk-01.hru.  Twin of
 * sim/undo.h.
 *
 * Every call blocks; all of a VM on one worker (apply), but playing, which is done when nothing is
 * being applied. */
#pragma once
#include "core/disk/undo.h"
#include "core/relation/action.h"

typedef struct _TsLabUndo TsLabUndo;

/* Makes the folder if it is not there.  socket_path: for playing; short. */
TsLabUndo *ts_lab_undo_open (const char *folder, const char *socket_path,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_undo_free (TsLabUndo *undo); /* NULL is fine; leaves the files */

/* What log (of set) is about to overwrite on disk number `index` goes to the undo log of point, and
 * is durable.  Fine when it is there already.  As ts_undo_save. */
gboolean ts_lab_undo_save (TsLabUndo *undo, const TsPoint *point, guint index, TsDisk *disk,
                           const TsHrl *log, guint64 set, GError **error);
/* Plays the logs of way onto an overlay of disk number `index`; NULL: nothing.  As ts_undo_play. */
gboolean ts_lab_undo_play (TsLabUndo *undo, const TsUndo *way, guint index, const char *overlay,
                           GError **error);
/* Deletes the logs of all points but these. */
gboolean ts_lab_undo_keep (TsLabUndo *undo, const TsUndo *points, GError **error);

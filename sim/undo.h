/* sim/undo.h -- undo logs in memory, with what power loss takes.  Twin of lab/host/undo.h. */
#pragma once
#include "core/base/random.h"
#include "core/disk/undo.h"
#include "core/relation/action.h"

typedef struct _TsSimUndo TsSimUndo;

TsSimUndo *ts_sim_undo_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_sim_undo_free (TsSimUndo *undo); /* NULL is fine */

/* What log (of set) is about to overwrite on disk number `index` goes to the undo log of point; not
 * durable yet.  Fine when it is there already.  As ts_undo_save. */
gboolean ts_sim_undo_save (TsSimUndo *undo, const TsPoint *point, guint index, TsDisk *disk,
                           const TsHrl *log, guint64 set, GError **error);
void ts_sim_undo_sync (TsSimUndo *undo); /* all of them */
/* Plays the logs of way onto disk number `index`.  As ts_undo_play. */
gboolean ts_sim_undo_play (const TsSimUndo *undo, const TsUndo *way, guint index, TsDisk *disk,
                           GError **error);
/* Deletes the logs of all points but these. */
void ts_sim_undo_keep (TsSimUndo *undo, const TsUndo *points);
/* Bytes of the logs of way: what playing them takes. */
guint64 ts_sim_undo_bytes (const TsSimUndo *undo, const TsUndo *way);
guint ts_sim_undo_count (const TsSimUndo *undo); /* logs, of all points and disks */
/* Of what was not synced some leading part stays. */
void ts_sim_undo_power_loss (TsSimUndo *undo, TsRandom *random);

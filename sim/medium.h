/* sim/medium.h -- a medium on which a VM's disks are carried to the replica.  Twin of
 * lab/host/medium.h.
 *
 * Being written it lies with the primary's host; without its list (format/medium.h) it is not whole,
 * and worth nothing.  Carried is another reference to it: nobody changes it any more. */
#pragma once
#include "core/format/medium.h"
#include "sim/disk.h"

typedef struct _TsSimMedium TsSimMedium;

/* Of disks of those sizes, empty. */
TsSimMedium *ts_sim_medium_new (guint64 run, GPtrArray *like) G_GNUC_WARN_UNUSED_RESULT;
TsSimMedium *ts_sim_medium_ref (TsSimMedium *medium);
void ts_sim_medium_unref (TsSimMedium *medium); /* NULL is fine */
guint64 ts_sim_medium_run (const TsSimMedium *medium);
/* Copies a piece, and tells its hash; NULL with error. */
GBytes *ts_sim_medium_put (TsSimMedium *medium, guint disk, TsSimDisk *from, guint64 offset_bytes,
                           guint32 len_bytes, GError **error);
GBytes *ts_sim_medium_get (const TsSimMedium *medium, guint disk, TsSimDisk *to,
                           guint64 offset_bytes, guint32 len_bytes, GError **error);
void ts_sim_medium_end (TsSimMedium *medium, GBytes *list);
/* Borrowed; NULL: it is not whole. */
GBytes *ts_sim_medium_list (const TsSimMedium *medium);
/* Another with the same on it. */
TsSimMedium *ts_sim_medium_copy (const TsSimMedium *medium) G_GNUC_WARN_UNUSED_RESULT;
/* So many bytes of what it holds change, one in each of so many blocks of 4 KiB. */
guint64 ts_sim_medium_damage (TsSimMedium *medium, guint64 blocks);

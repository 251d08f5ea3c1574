/* lab/host/medium.h -- a medium on which a VM's disks are carried to the replica: a folder of files.
 * Twin of sim/medium.h.
 *
 *   RUN/HOST/export/VM_GUID/   DISK.raw, sparse, as large as the disk; "medium": their list, last
 *   RUN/HOST/import/VM_GUID/   the same, once it has been brought here
 *   RUN/shares/PATH/VM_GUID/   either, where a vault's policy names a path: it is taken below the run's folder (CHOICE)
 *
 * Every call blocks. */
#pragma once
#include "core/base/guid.h"
#include "core/disk/disk.h"
#include "lab/site/layout.h"

/* room: "export" or "import".  As Hyper-V names them: <VMName>_<GUID> (HVR reference 2.3). */
char *ts_lab_medium_folder (const TsLabLayout *layout, const char *host, const char *room,
                            const char *vm, const TsGuid *id);
/* An empty one, in place of what is there. */
gboolean ts_lab_medium_begin (const char *folder, GError **error);
/* Copies a piece of the disk at path to, or from, the medium's: its hash.  NULL with error. */
GBytes *ts_lab_medium_put (const char *folder, const char *disk, const char *path,
                           guint64 offset_bytes, guint32 len_bytes,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes *ts_lab_medium_get (const char *folder, const char *disk, const char *path,
                           guint64 offset_bytes, guint32 len_bytes,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* All of it is durable, and then its list. */
gboolean ts_lab_medium_end (const char *folder, GBytes *list, GError **error);
/* TS_ERROR_STATE: there is no medium there that is whole. */
GBytes *ts_lab_medium_list (const char *folder, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Brings a medium from one folder to another, in place of what is there.  One that is not whole is
 * left where it is, and `to` as it was. */
gboolean ts_lab_medium_carry (const char *from, const char *to, GError **error);
/* A byte of what it holds changes.  TS_ERROR_STATE: it holds nothing. */
gboolean ts_lab_medium_damage (const char *folder, GError **error);

/* lab/machine/tracker-raw.h -- the disk of a running machine, read beside QEMU within a cut.
 *
 * QEMU serves what a cut is of block by block, some 40 us of its time for each, however small.  Where
 * the disk's data lie in a plain file (disk.h: tracked), that is read instead.  What the guest has
 * overwritten since the instant of the cut may be new in there, or half new; those blocks are read again
 * from QEMU's export, which has them as they were.  Which they are, the bitmap of the checkpoint
 * says that the cut has made: it is looked at after the last such read, and behind every write that was
 * under way then.  Tells and changes nothing of the backup job itself. */
#pragma once
#include "lab/machine/machine.h"

typedef struct {
  TsLabMachine *machine;
  char *checkpoint; /* the one that the cut has made */
  char *node;       /* QEMU's name of the image */
  char *path;       /* the file of its data; NULL: it has none, or nobody can tell */
  char *export;     /* of what was overwritten, once that has been looked at; NULL: it is not there */
} TsLabRaw;

/* Disk d of a running machine in a backup job that has made checkpoint.  Where anything stands against reading it
 * beside QEMU, path is NULL. */
void ts_lab_raw_find (TsLabRaw *raw, TsLabMachine *machine, guint d, const char *checkpoint);

/* After the last read of path: has QEMU serve, on the job's own socket, export as a disk and under bitmap
 * ts_lab_raw_bitmap() what was written to it since the checkpoint. */
gboolean ts_lab_raw_serve (TsLabRaw *raw, GError **error);
char *ts_lab_raw_bitmap (const TsLabRaw *raw) G_GNUC_WARN_UNUSED_RESULT;

/* When the job has been closed, and its server with it: takes the bitmap away. */
void ts_lab_raw_clear (TsLabRaw *raw);

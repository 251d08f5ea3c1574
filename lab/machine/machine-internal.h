/* lab/machine/machine-internal.h -- what hypervisor.c, machine.c, machine-image.c and tracker.c share. */
#pragma once
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/machine/machine.h"

struct _TsLabHypervisor {
  virConnectPtr connection;
  TsLabAccel accel;
  char *emulator; /* path of qemu-system-x86_64; NULL: libvirt's choice */
  char *prefix;   /* begins the names of its machines; "" when all are its own */
};

typedef struct {
  char *name;
  char *path;      /* of the active layer */
  gboolean raw;    /* its format, else qcow2 */
  char target[16]; /* vda, vdb ... */
} TsLabMachineDisk;

struct _TsLabMachine {
  TsLabHypervisor *hypervisor;
  GRecMutex lock; /* over every call that changes something */
  virDomainPtr domain;
  char *name, *kernel, *initrd, *cmdline, *channel_path, *console_path;
  char *nvram_path, *nic_device; /* NULL: none */
  gboolean own, hotplug, agent, nic_e1000, nic_connected;
  TsGuid id;
  guint64 memory_bytes;
  guint disks;
  TsLabMachineDisk disk[TS_LAB_MACHINE_DISKS];
};

/* Sets error to what libvirt says of its last failure on this thread; returns FALSE. */
gboolean ts_lab_throw_virt (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Its failures are not printed.  FALSE: libvirt cannot be started at all. */
gboolean ts_lab_virt_quiet (void);
/* As ts_lab_remote_sweep; prefix "": all of them. */
gboolean ts_lab_virt_sweep (virConnectPtr connection, const char *prefix, gboolean forget,
                            guint *stopped, GError **error);

/* The domain's XML with its disks as they are now.  Caller frees. */
char *ts_lab_machine_xml (const TsLabMachine *machine);
/* Tells libvirt how its disks are now (again). */
gboolean ts_lab_machine_redefine (TsLabMachine *machine, GError **error);

/* --- closed images (machine-image.c) --- */

typedef struct {
  char *base_path;  /* NULL: it is no overlay */
  GPtrArray *whole; /* char *: names of its consistent bitmaps, in the image's order */
  GPtrArray *torn;  /* char *: of those left in use by a QEMU that was killed */
  gboolean base_raw;
} TsLabImage;
gboolean ts_lab_image_look (const char *path, TsLabImage *image, GError **error);
void ts_lab_image_clear (TsLabImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TsLabImage, ts_lab_image_clear)
/* action: "--remove" or "--clear". */
gboolean ts_lab_image_bitmap (const char *path, const char *action, const char *bitmap,
                              GError **error);

/* The union of its bitmaps (NULL-terminated names) as the one bitmap of a new, empty image. */
gboolean ts_lab_image_keep_bitmaps (const char *path, char *const *names, const char *aside,
                                    GError **error);
/* And to a bitmap of an image. */
gboolean ts_lab_image_give_bitmap (const char *aside, const char *path, const char *bitmap,
                                   GError **error);

/* With its data file; bitmaps go on. */
gboolean ts_lab_image_resize (const char *path, guint64 size_bytes, GError **error);

/* Gives an overlay's bitmaps, under the same names, to its base, which has none of them. */
gboolean ts_lab_image_hand_down (const char *path, const TsLabImage *image, GError **error);

/* Machine is off: makes images and libvirt's checkpoints agree.  Bitmaps that are torn or that no
 * checkpoint names are removed, checkpoints that have not a whole bitmap in every image likewise.
 */
gboolean ts_lab_machine_settle_bitmaps (TsLabMachine *machine, GError **error);

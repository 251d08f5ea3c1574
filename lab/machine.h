/* lab/machine.h -- one virtual machine under libvirt, and the connection it lives on.
 *
 * Every call blocks and may be made from any thread; the calls on one machine are serialized.  The
 * embedded driver (qemu:///embed?root=DIR) needs no daemon; one per process, and it needs a libvirt
 * event loop, which runs on a thread of its own here. */
#pragma once
#include <glib.h>
#include "core/base/guid.h"

typedef struct _TsLabHypervisor TsLabHypervisor;

typedef enum { TS_ACCEL_TCG, TS_ACCEL_KVM } TsLabAccel;

/* root: short path (sockets lie in it), made if missing.  cache: folder for QEMU's capabilities, kept
 * between runs (the first probe takes 4 s). */
TsLabHypervisor *ts_lab_hypervisor_open (const char *root, const char *cache, TsLabAccel accel,
                                         GError **error);
void ts_lab_hypervisor_free (TsLabHypervisor *hypervisor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabHypervisor, ts_lab_hypervisor_free)

typedef struct {
  const char *name;
  TsGuid id;
  guint64 memory_bytes;
  const char *kernel, *initrd, *cmdline;
  const char *channel_path;          /* unix socket QEMU listens on: the agent's virtio-serial port */
  const char *console_path;          /* file for the serial console */
  guint disks;
  struct {
    const char *name;                /* target name is vda, vdb ... in this order; serial = name */
    const char *path;                /* qcow2 */
  } disk[16];
} TsLabMachineSpec;

typedef struct _TsLabMachine TsLabMachine;

/* Defines the machine, off.  gone: called from the libvirt thread when it stops by itself. */
TsLabMachine *ts_lab_machine_define (TsLabHypervisor *hypervisor, const TsLabMachineSpec *spec,
                                     GError **error);
gboolean ts_lab_machine_start (TsLabMachine *machine, GError **error);
gboolean ts_lab_machine_running (TsLabMachine *machine);
/* Asks the guest to power off (ACPI is not there: the caller also sends "Q" on the channel) and waits
 * until it is off, at most timeout_us; TS_ERROR_AGAIN when it is not. */
gboolean ts_lab_machine_wait_off (TsLabMachine *machine, gint64 timeout_us, GError **error);
/* Pulls the plug. Fine when it is off. */
gboolean ts_lab_machine_destroy (TsLabMachine *machine, GError **error);
/* Merges the running machine's overlays into their bases and goes on running on the bases
 * (active block commit and pivot); of a machine that is off, with qemu-img commit. */
gboolean ts_lab_machine_commit_overlays (TsLabMachine *machine, GError **error);
/* Undefines; destroys first.  NULL is fine. */
void ts_lab_machine_free (TsLabMachine *machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabMachine, ts_lab_machine_free)

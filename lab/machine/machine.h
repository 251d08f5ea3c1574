/* lab/machine/machine.h -- one virtual machine under libvirt, and the connection it lives on.
 *
 * Every call blocks and may be made from any thread; the calls on one machine are serialized (but
 * for ts_lab_machine_running and ts_lab_machine_wait_off, which only look).  The embedded driver
 * (qemu:///embed?root=DIR) needs no daemon; one per process, and it needs a libvirt event loop,
 * which runs on a thread of its own here. */
#pragma once
#include <glib.h>
#include "core/base/guid.h"

typedef struct _TsLabHypervisor TsLabHypervisor;

typedef enum { TS_ACCEL_TCG, TS_ACCEL_KVM } TsLabAccel;

/* root: short path (sockets lie in it: at most 50 bytes), made if missing.  cache: folder for
 * QEMU's capabilities, kept between runs (the first probe takes 4 s); may be shared by hosts; NULL:
 * in root. A root whose last user was killed can be opened again: its machines are off then, and
 * undefined. */
TsLabHypervisor *ts_lab_hypervisor_open (const char *root, const char *cache, TsLabAccel accel,
                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Likewise any other libvirtd's QEMU driver, by its URI.  Only machines whose names it makes begin with
 * prefix (not "") are touched; left-over ones are forgotten.  network: a network namespace from which
 * it is reached; -1: ours.  folder: for its log. */
TsLabHypervisor *ts_lab_hypervisor_open_remote (const char *uri, const char *prefix, int network,
                                                const char *folder, TsLabAccel accel,
                                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Free the machines first.  NULL is fine. */
void ts_lab_hypervisor_free (TsLabHypervisor *hypervisor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabHypervisor, ts_lab_hypervisor_free)

#define TS_LAB_MACHINE_DISKS 16

typedef struct {
  const char *name;
  TsGuid id;
  guint64 memory_bytes;
  const char *kernel, *initrd, *cmdline; /* kernel NULL: it boots from its first disk, by BIOS */
  gboolean own;                          /* the user's: has ACPI, and a power button */
  const char *nvram_path;                /* it boots by UEFI, whose variables these are (made when
                                            there is no such file); NULL: it does not */
  gboolean agent;                        /* QEMU's guest agent is to be talked to */
  const char *nic_device;                /* the TAP device of its network card (cable.h); NULL: none */
  gboolean nic_e1000, nic_connected;
  gboolean hotplug;                      /* disks will come: "pc" takes them only with ACPI */
  const char *channel_path; /* unix socket QEMU listens on: the agent's virtio-serial port */
  const char *console_path; /* file for the serial console; appended to */
  guint disks;
  struct {
    const char *name; /* target name is vda, vdb ... in this order; serial = name */
    const char *path; /* qcow2, absolute */
  } disk[TS_LAB_MACHINE_DISKS];
} TsLabMachineSpec;

typedef struct _TsLabMachine TsLabMachine;

/* Defines the machine, off.  Copies spec. */
TsLabMachine *ts_lab_machine_define (TsLabHypervisor *hypervisor, const TsLabMachineSpec *spec,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Dirty bitmaps that a killed QEMU left inconsistent in the images, and checkpoints that have lost
 * theirs, are removed together first.  TS_ERROR_STATE when it runs. */
gboolean ts_lab_machine_start (TsLabMachine *machine, GError **error);
/* Starts it, and lets it run with the second call: in between it can be tracked, so that its first
 * write is. */
gboolean ts_lab_machine_start_paused (TsLabMachine *machine, GError **error);
gboolean ts_lab_machine_go_on (TsLabMachine *machine, GError **error);
gboolean ts_lab_machine_running (TsLabMachine *machine);
/* Asks nothing of the guest (ACPI is not there: the caller sends "Q" on the channel, the guest
 * resets and that ends it): waits until it is off, at most timeout_us; TS_ERROR_AGAIN when it is
 * not. */
gboolean ts_lab_machine_wait_off (TsLabMachine *machine, gint64 timeout_us, GError **error);
/* Presses the power button; its guest does what it does then. */
gboolean ts_lab_machine_shut_down (TsLabMachine *machine, GError **error);
/* What its guest agent says (qemu-ga), by the machine's name: whoever asks need not hold it.  Each
 * waits a few seconds at most.  TS_ERROR_AGAIN: it does not answer, or there is none; the reason says
 * which.  freeze: every file system, TRUE, or all of them thawed; TS_ERROR_STATE: it says no. */
gboolean ts_lab_agent_ping (TsLabHypervisor *hypervisor, const char *name, GError **error);
gboolean ts_lab_agent_freeze (TsLabHypervisor *hypervisor, const char *name, gboolean freeze,
                              GError **error);
/* Pulls the plug: the guest has no say, QEMU closes its images.  Fine when it is off. */
gboolean ts_lab_machine_destroy (TsLabMachine *machine, GError **error);
/* Merges the running machine's overlays into their bases and goes on running on the bases
 * (active block commit and pivot); of a machine that is off, with qemu-img commit.  Disks without a
 * base are left as they are; what tracks them (tracker.h) goes down with them, where the base can
 * hold it.  The overlay files are the caller's to delete. */
gboolean ts_lab_machine_commit_overlays (TsLabMachine *machine, GError **error);
/* Disk number d is that large from now on, whether it runs or not; its bitmaps go on. */
gboolean ts_lab_machine_resize (TsLabMachine *machine, guint d, guint64 size_bytes, GError **error);
/* One disk more, behind the others; also while it runs (a guest without ACPI has to look for it). */
gboolean ts_lab_machine_attach (TsLabMachine *machine, const char *name, const char *path,
                                GError **error);
/* Undefines; destroys first.  NULL is fine. */
void ts_lab_machine_free (TsLabMachine *machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabMachine, ts_lab_machine_free)

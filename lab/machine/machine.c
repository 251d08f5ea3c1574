/* lab/machine/machine.c -- see machine.h. */
#include "lab/machine/machine-internal.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lab/command.h"
#include "lab/machine/firmware.h"

#define POLL_US 5000
#define COMMIT_TIMEOUT_US (10 * TS_MIN)
#define SOCKET_PATH_MAX 107

/* --- its XML ---------------------------------------------------------------------------------- */

static void
add_disk (GString *xml, const TsLabMachineDisk *disk)
{
  /* The guest sees a write error as such (CHOICE: libvirt's default pauses the machine when the
   * host's file system is full; then a write is neither acknowledged nor refused, for ever). */
  g_autofree char *text = g_markup_printf_escaped (
      "<disk type='file' device='disk'>"
      "<driver name='qemu' type='%s' cache='writeback' discard='ignore' error_policy='report'"
      " rerror_policy='report'/>"
      "<source file='%s'/><target dev='%s' bus='virtio'/><serial>%s</serial></disk>",
      disk->raw ? "raw" : "qcow2", disk->path, disk->target, disk->name);
  g_string_append (xml, text);
}

/* UEFI: its own copy of the variables is made by libvirt, from those that a new machine has. */
static char *
firmware_xml (const TsLabMachine *machine)
{
  const char *code, *variables;
  if (!machine->nvram_path || !ts_lab_firmware (&code, &variables, NULL)) /* define has looked */
    return g_strdup ("<boot dev='hd'/>");
  return g_markup_printf_escaped ("<loader readonly='yes' type='pflash'>%s</loader>"
                                  "<nvram template='%s'>%s</nvram><boot dev='hd'/>",
                                  code, variables, machine->nvram_path);
}

/* Stable over its lives and places, as replication keeps it (HVR reference 2.12). */
static void
add_nic (GString *xml, const TsLabMachine *machine)
{
  const guint8 *id = machine->id.bytes;
  g_autofree char *text = g_markup_printf_escaped (
      "<interface type='ethernet'><mac address='52:54:00:%02x:%02x:%02x'/>"
      "<target dev='%s' managed='no'/><model type='%s'/><link state='%s'/></interface>",
      id[13], id[14], id[15], machine->nic_device, machine->nic_e1000 ? "e1000" : "virtio",
      machine->nic_connected ? "up" : "down");
  g_string_append (xml, text);
}

static char *
boot_xml (const TsLabMachine *machine)
{
  if (!machine->kernel)
    return firmware_xml (machine);
  g_autofree char *kernel = g_markup_printf_escaped ("<kernel>%s</kernel><cmdline>%s</cmdline>",
                                                     machine->kernel, machine->cmdline);
  g_autofree char *initrd = machine->initrd
                                ? g_markup_printf_escaped ("<initrd>%s</initrd>", machine->initrd)
                                : g_strdup ("");
  return g_strconcat (kernel, initrd, NULL);
}

/* A libvirtd that is not ours may have both sites' machines of one VM. */
static TsGuid
id_there (const TsLabMachine *machine)
{
  TsGuid id = machine->id;
  guint8 digest[20];
  gsize len = sizeof digest;
  if (!*machine->hypervisor->prefix)
    return id;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  g_checksum_update (sum, (const guchar *)machine->hypervisor->prefix, -1);
  g_checksum_get_digest (sum, digest, &len);
  for (guint i = 0; i < sizeof id.bytes; i++)
    id.bytes[i] ^= digest[i];
  return id;
}

char *
ts_lab_machine_xml (const TsLabMachine *machine)
{
  gboolean kvm = machine->hypervisor->accel == TS_ACCEL_KVM;
  char id[TS_GUID_TEXT_SIZE];
  TsGuid unique = id_there (machine);
  ts_guid_format (&unique, id);
  /* Nothing that the guest does not need: each device and ACPI cost boot time under TCG (kernel up
   * in 1.5 s without ACPI, 2.2 s with).  The old "pc" needs no PCIe root ports for its disks.
   * Without ACPI a guest cannot power off; it resets, and a reset ends it. */
  g_autofree char *boot = boot_xml (machine);
  g_autofree char *name = g_strconcat (machine->hypervisor->prefix, machine->name, NULL);
  g_autofree char *head =
      g_markup_printf_escaped ("<domain type='%s'><name>%s</name><uuid>%s</uuid>"
                               "<memory unit='b'>%" G_GUINT64_FORMAT "</memory><vcpu>1</vcpu>"
                               "<os><type arch='x86_64' machine='pc'>hvm</type>",
                               kvm ? "kvm" : "qemu", name, id, machine->memory_bytes);
  g_autofree char *emulator =
      machine->hypervisor->emulator
          ? g_markup_printf_escaped ("<emulator>%s</emulator>", machine->hypervisor->emulator)
          : g_strdup ("");
  g_autofree char *devices = g_markup_printf_escaped (
      "%s<clock offset='utc'><timer name='hpet' present='no'/></clock>"
      "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot>"
      "<on_crash>destroy</on_crash>"
      "<devices><controller type='usb' model='none'/>"
      "<memballoon model='none'/>"
      "<serial type='file'><source path='%s' append='on'/><target port='0'/></serial>"
      "<channel type='unix'><source mode='bind' path='%s'/>"
      "<target type='virtio' name='org.twinsite.agent'/></channel>",
      kvm ? "<cpu mode='host-passthrough'/>"
          : "<cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>",
      machine->console_path, machine->channel_path);
  GString *xml = g_string_new (head);
  g_string_append_printf (xml, "%s</os>%s", boot,
                          machine->own || machine->hotplug ? "<features><acpi/></features>" : "");
  g_string_append (xml, devices);
  g_string_append (xml, emulator);
  for (guint d = 0; d < machine->disks; d++)
    add_disk (xml, &machine->disk[d]);
  if (machine->nic_device)
    add_nic (xml, machine);
  if (machine->agent) /* libvirt itself talks to it */
    g_string_append (xml, "<channel type='unix'>"
                          "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>");
  g_string_append (xml, "</devices></domain>");
  return g_string_free (xml, FALSE);
}

gboolean
ts_lab_machine_redefine (TsLabMachine *machine, GError **error)
{
  g_autofree char *xml = ts_lab_machine_xml (machine);
  virDomainPtr domain = virDomainDefineXML (machine->hypervisor->connection, xml);
  if (!domain)
    return ts_lab_throw_virt (error, "define machine %s", machine->name);
  if (machine->domain) /* the same; others may be looking at it without the lock */
    virDomainFree (domain);
  else
    machine->domain = domain;
  return TRUE;
}

/* --- life ------------------------------------------------------------------------------------- */

TsLabMachine *
ts_lab_machine_define (TsLabHypervisor *hypervisor, const TsLabMachineSpec *spec, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);
  g_return_val_if_fail (spec->disks <= TS_LAB_MACHINE_DISKS, NULL);
  if (strlen (spec->channel_path) > SOCKET_PATH_MAX) {
    ts_throw (error, TS_ERROR_ARGUMENT, "machine %s: socket path %s is longer than %d bytes",
              spec->name, spec->channel_path, SOCKET_PATH_MAX);
    return NULL;
  }
  g_autoptr (TsLabMachine) machine = g_new0 (TsLabMachine, 1);
  g_rec_mutex_init (&machine->lock);
  machine->hypervisor = hypervisor;
  machine->name = g_strdup (spec->name);
  machine->id = spec->id;
  machine->memory_bytes = spec->memory_bytes;
  machine->own = spec->own;
  const char *code, *variables;
  if (spec->nvram_path && !ts_lab_firmware (&code, &variables, error))
    return NULL;
  machine->nvram_path =
      spec->nvram_path ? g_canonicalize_filename (spec->nvram_path, NULL) : NULL;
  machine->agent = spec->agent;
  machine->nic_device = g_strdup (spec->nic_device);
  machine->nic_e1000 = spec->nic_e1000;
  machine->nic_connected = spec->nic_connected;
  machine->hotplug = spec->hotplug;
  machine->kernel = spec->kernel ? g_canonicalize_filename (spec->kernel, NULL) : NULL;
  machine->initrd = spec->initrd ? g_canonicalize_filename (spec->initrd, NULL) : NULL;
  machine->cmdline = g_strdup (spec->cmdline ? spec->cmdline : "");
  machine->channel_path = g_canonicalize_filename (spec->channel_path, NULL);
  machine->console_path = g_canonicalize_filename (spec->console_path, NULL);
  machine->disks = spec->disks;
  for (guint d = 0; d < spec->disks; d++) {
    machine->disk[d].name = g_strdup (spec->disk[d].name);
    machine->disk[d].path = g_canonicalize_filename (spec->disk[d].path, NULL);
    g_snprintf (machine->disk[d].target, sizeof machine->disk[d].target, "vd%c", 'a' + (int)d);
  }
  if (!ts_lab_machine_redefine (machine, error))
    return NULL;
  return g_steal_pointer (&machine);
}

gboolean
ts_lab_machine_running (TsLabMachine *machine)
{
  /* Asks libvirt, not QEMU: does not wait for what another thread is doing with the machine. */
  int state;
  return virDomainGetState (machine->domain, &state, NULL, 0) == 0 && state != VIR_DOMAIN_SHUTOFF &&
         state != VIR_DOMAIN_CRASHED && state != VIR_DOMAIN_NOSTATE;
}

static gboolean
start (TsLabMachine *machine, guint flags, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  if (ts_lab_machine_running (machine))
    return ts_throw (error, TS_ERROR_STATE, "start machine %s: it runs", machine->name);
  if (!ts_lab_machine_settle_bitmaps (machine, error)) {
    g_prefix_error (error, "start machine %s: ", machine->name);
    return FALSE;
  }
  unlink (machine->channel_path); /* of a QEMU that was killed */
  if (virDomainCreateWithFlags (machine->domain, flags) < 0)
    return ts_lab_throw_virt (error, "start machine %s", machine->name);
  return TRUE;
}

gboolean
ts_lab_machine_start (TsLabMachine *machine, GError **error)
{
  return start (machine, 0, error);
}

gboolean
ts_lab_machine_start_paused (TsLabMachine *machine, GError **error)
{
  return start (machine, VIR_DOMAIN_START_PAUSED, error);
}

gboolean
ts_lab_machine_go_on (TsLabMachine *machine, GError **error)
{
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  if (virDomainResume (machine->domain) < 0)
    return ts_lab_throw_virt (error, "let machine %s run", machine->name);
  return TRUE;
}

gboolean
ts_lab_machine_resize (TsLabMachine *machine, guint d, guint64 size_bytes, GError **error)
{
  g_return_val_if_fail (d < machine->disks, FALSE);
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  if (!ts_lab_machine_running (machine))
    return ts_lab_image_resize (machine->disk[d].path, size_bytes, error);
  if (virDomainBlockResize (machine->domain, machine->disk[d].target, size_bytes,
                            VIR_DOMAIN_BLOCK_RESIZE_BYTES) < 0)
    return ts_lab_throw_virt (error, "resize disk %s of machine %s", machine->disk[d].name,
                              machine->name);
  return TRUE;
}

gboolean
ts_lab_machine_attach (TsLabMachine *machine, const char *name, const char *path, GError **error)
{
  g_return_val_if_fail (machine->disks < TS_LAB_MACHINE_DISKS, FALSE);
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  TsLabMachineDisk *disk = &machine->disk[machine->disks];
  *disk = (TsLabMachineDisk){.name = g_strdup (name), .path = g_canonicalize_filename (path, NULL)};
  g_snprintf (disk->target, sizeof disk->target, "vd%c", 'a' + (int)machine->disks);
  g_autoptr (GString) xml = g_string_new (NULL);
  add_disk (xml, disk);
  guint flags = VIR_DOMAIN_AFFECT_CONFIG | (ts_lab_machine_running (machine) ? VIR_DOMAIN_AFFECT_LIVE : 0);
  if (virDomainAttachDeviceFlags (machine->domain, xml->str, flags) < 0) {
    ts_lab_throw_virt (error, "attach disk %s to machine %s", name, machine->name);
    g_clear_pointer (&disk->name, g_free);
    g_clear_pointer (&disk->path, g_free);
    return FALSE;
  }
  machine->disks++;
  return TRUE;
}

gboolean
ts_lab_machine_wait_off (TsLabMachine *machine, gint64 timeout_us, GError **error)
{
  gint64 end_us = g_get_monotonic_time () + timeout_us;
  while (ts_lab_machine_running (machine)) {
    if (g_get_monotonic_time () >= end_us)
      return ts_throw (error, TS_ERROR_AGAIN,
                       "machine %s has not powered off within %" G_GINT64_FORMAT " ms",
                       machine->name, timeout_us / 1000);
    g_usleep (POLL_US);
  }
  return TRUE;
}

gboolean
ts_lab_machine_shut_down (TsLabMachine *machine, GError **error)
{
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  if (ts_lab_machine_running (machine) &&
      virDomainShutdownFlags (machine->domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0 &&
      ts_lab_machine_running (machine))
    return ts_lab_throw_virt (error, "press the power button of machine %s", machine->name);
  return TRUE;
}

gboolean
ts_lab_machine_destroy (TsLabMachine *machine, GError **error)
{
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  /* It may have stopped by itself meanwhile: then all is well. */
  if (ts_lab_machine_running (machine) && virDomainDestroy (machine->domain) < 0 &&
      ts_lab_machine_running (machine))
    return ts_lab_throw_virt (error, "stop machine %s", machine->name);
  return TRUE;
}

/* --- merging overlays ------------------------------------------------------------------------- */

static gboolean
pivot (TsLabMachine *machine, const TsLabMachineDisk *disk, GError **error)
{
  const char *target = disk->target;
  gint64 end_us = g_get_monotonic_time () + COMMIT_TIMEOUT_US;
  if (virDomainBlockCommit (machine->domain, target, NULL, NULL, 0,
                            VIR_DOMAIN_BLOCK_COMMIT_ACTIVE) < 0)
    return ts_lab_throw_virt (error, "merge disk %s", disk->name);
  for (;;) {
    virDomainBlockJobInfo info;
    int jobs = virDomainGetBlockJobInfo (machine->domain, target, &info, 0);
    if (jobs < 0)
      return ts_lab_throw_virt (error, "merge disk %s", disk->name);
    if (jobs == 0) /* it ended by itself: only a failure does that */
      return ts_throw (error, TS_ERROR_IO, "merge disk %s: QEMU gave up", disk->name);
    /* cur == end may be seen a moment before the job is ready; then pivot says so: ask again. */
    if (info.cur == info.end &&
        virDomainBlockJobAbort (machine->domain, target, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) == 0)
      return TRUE;
    if (info.cur == info.end && virGetLastErrorCode () != VIR_ERR_BLOCK_COPY_ACTIVE) {
      ts_lab_throw_virt (error, "merge disk %s: pivot", disk->name);
      break;
    }
    if (g_get_monotonic_time () >= end_us) {
      ts_throw (error, TS_ERROR_AGAIN, "merge disk %s: not done in time", disk->name);
      break;
    }
    g_usleep (POLL_US);
  }
  virDomainBlockJobAbort (machine->domain, target, 0); /* it goes on running on the overlay */
  return FALSE;
}

gboolean
ts_lab_machine_commit_overlays (TsLabMachine *machine, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_autoptr (GRecMutexLocker) locked G_GNUC_UNUSED = g_rec_mutex_locker_new (&machine->lock);
  gboolean running = ts_lab_machine_running (machine);
  for (guint d = 0; d < machine->disks; d++) {
    TsLabMachineDisk *disk = &machine->disk[d];
    g_auto (TsLabImage) image = {NULL, NULL, NULL, FALSE};
    if (disk->raw)
      continue;
    if (!ts_lab_image_look (disk->path, &image, error))
      return FALSE;
    if (!image.base_path)
      continue;
    const char *argv[] = {"qemu-img", "commit", "-q", "-f", "qcow2", disk->path, NULL};
    if (running ? !pivot (machine, disk, error)
                : !ts_lab_image_hand_down (disk->path, &image, error) ||
                      !ts_lab_command (argv, "qemu-utils", COMMIT_TIMEOUT_US, NULL, error)) {
      g_prefix_error (error, "machine %s: ", machine->name);
      return FALSE;
    }
    g_free (disk->path);
    disk->path = g_steal_pointer (&image.base_path);
    disk->raw = image.base_raw;
  }
  /* So that the next start finds the bases (libvirt itself forgets that they are raw, or is not
   * told when qemu-img did it). */
  return ts_lab_machine_redefine (machine, error);
}

void
ts_lab_machine_free (TsLabMachine *machine)
{
  if (!machine)
    return;
  if (machine->domain) {
    g_autoptr (GError) error = NULL;
    if (!ts_lab_machine_destroy (machine, &error))
      g_warning ("%s", error->message);
    if (virDomainUndefineFlags (machine->domain, VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
                                                     VIR_DOMAIN_UNDEFINE_KEEP_NVRAM) < 0)
      g_warning ("forget machine %s: %s", machine->name, virGetLastErrorMessage ());
    virDomainFree (machine->domain);
    unlink (machine->channel_path);
  }
  for (guint d = 0; d < machine->disks; d++) {
    g_free (machine->disk[d].name);
    g_free (machine->disk[d].path);
  }
  g_free (machine->name);
  g_free (machine->kernel);
  g_free (machine->initrd);
  g_free (machine->cmdline);
  g_free (machine->nvram_path);
  g_free (machine->nic_device);
  g_free (machine->channel_path);
  g_free (machine->console_path);
  g_rec_mutex_clear (&machine->lock);
  g_free (machine);
}

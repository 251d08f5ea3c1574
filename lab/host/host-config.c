/* lab/host/host-config.c -- see host-config.h. */
#include "lab/host/host-config.h"
#include <string.h>
#include "core/base/error.h"

/* version, name, index, run, sockets, cache, certificates, realm, kernel, initrd, origin, seed,
 * accel, two ports, the host's settings, its log store, peers (name, address, two ports, of the same cloud), authorization (server,
 * storage, trust group), control, libvirt, prefix, VMs (name, home, whom it
 * extends, id, memory, image, kernel,
 * initrd, two command lines, uefi, agent, four of its network card, disks (name, size, fill, is it
 * replicated, attached))
 */
#define VM_TYPE "(sssaytsssssbbbbbba(sttbb))"
#define BEHIND_SETTINGS "ta(ssqqb)a(sss)sssa" VM_TYPE ")"
#define CONFIG_TYPE "(ususssssssxtuqq" TS_HOST_SETTINGS_TYPE BEHIND_SETTINGS
#define CONFIG_PARTS "(ususssssssxtuqq@" TS_HOST_SETTINGS_TYPE BEHIND_SETTINGS
#define CONFIG_VERSION 12

static void
peer_free (gpointer data)
{
  TsLabPeer *peer = data;
  g_free (peer->name);
  g_free (peer->address);
  g_free (peer);
}

static void
vm_free (gpointer data)
{
  TsLabVmConfig *vm = data;
  g_free (vm->name);
  g_free (vm->home);
  g_free (vm->extends);
  g_free (vm->image);
  g_free (vm->kernel);
  g_free (vm->initrd);
  g_free (vm->cmdline);
  g_free (vm->copy_cmdline);
  for (guint i = 0; i < vm->disks; i++)
    g_free (vm->disk[i].name);
  g_free (vm);
}

TsLabHostConfig *
ts_lab_host_config_new (void)
{
  TsLabHostConfig *config = g_new0 (TsLabHostConfig, 1);
  ts_host_settings_init (&config->settings);
  config->peers = g_ptr_array_new_with_free_func (peer_free);
  config->authorization = ts_authorization_new ();
  config->vms = g_ptr_array_new_with_free_func (vm_free);
  return config;
}

void
ts_lab_host_config_free (TsLabHostConfig *config)
{
  if (!config)
    return;
  g_free (config->name);
  g_free (config->run);
  g_free (config->sockets);
  g_free (config->control);
  g_free (config->libvirt);
  g_free (config->prefix);
  g_free (config->cache);
  g_free (config->certificates);
  g_free (config->realm);
  g_free (config->kernel);
  g_free (config->initrd);
  g_ptr_array_unref (config->peers);
  ts_authorization_free (config->authorization);
  g_ptr_array_unref (config->vms);
  g_free (config);
}

TsLabPeer *
ts_lab_host_config_add_peer (TsLabHostConfig *config, const char *name, const char *address,
                             guint16 port, guint16 kerberos_port)
{
  TsLabPeer *peer = g_new0 (TsLabPeer, 1);
  *peer = (TsLabPeer){g_strdup (name), g_strdup (address), port, kerberos_port, FALSE};
  g_ptr_array_add (config->peers, peer);
  return peer;
}

TsLabVmConfig *
ts_lab_host_config_add_vm (TsLabHostConfig *config, const char *name, const char *home)
{
  TsLabVmConfig *vm = g_new0 (TsLabVmConfig, 1);
  vm->name = g_strdup (name);
  vm->home = g_strdup (home);
  g_ptr_array_add (config->vms, vm);
  return vm;
}

void
ts_lab_vm_config_add_disk (TsLabVmConfig *vm, const char *name, guint64 size_bytes,
                           guint64 fill_bytes)
{
  g_return_if_fail (vm->disks < TS_WIRE_DISKS_MAX);
  vm->disk[vm->disks].name = g_strdup (name);
  vm->disk[vm->disks].size_bytes = size_bytes;
  vm->disk[vm->disks].fill_bytes = fill_bytes;
  vm->disk[vm->disks].replicated = vm->disk[vm->disks].attached = TRUE;
  vm->disks++;
}

const TsLabPeer *
ts_lab_host_config_peer (const TsLabHostConfig *config, const char *name)
{
  for (guint i = 0; i < config->peers->len; i++) {
    const TsLabPeer *peer = config->peers->pdata[i];
    if (g_str_equal (peer->name, name))
      return peer;
  }
  return NULL;
}

TsLabLayout
ts_lab_host_config_layout (const TsLabHostConfig *config)
{
  return (TsLabLayout){config->run, config->sockets};
}

static const char *
or_empty (const char *text)
{
  return text ? text : "";
}

gboolean
ts_lab_host_config_save (const TsLabHostConfig *config, const char *path, GError **error)
{
  GVariantBuilder peers, entries, vms;
  g_variant_builder_init (&peers, G_VARIANT_TYPE ("a(ssqqb)"));
  for (guint i = 0; i < config->peers->len; i++) {
    const TsLabPeer *peer = config->peers->pdata[i];
    g_variant_builder_add (&peers, "(ssqqb)", peer->name, peer->address, peer->port,
                           peer->kerberos_port, peer->same_cloud);
  }
  g_variant_builder_init (&entries, G_VARIANT_TYPE ("a(sss)"));
  TsGrant entry;
  for (guint i = 0; ts_authorization_get (config->authorization, i, &entry); i++)
    g_variant_builder_add (&entries, "(sss)", entry.allowed_primary_server, entry.storage_location,
                           entry.trust_group);
  g_variant_builder_init (&vms, G_VARIANT_TYPE ("a" VM_TYPE));
  for (guint i = 0; i < config->vms->len; i++) {
    const TsLabVmConfig *vm = config->vms->pdata[i];
    GVariantBuilder disks;
    g_variant_builder_init (&disks, G_VARIANT_TYPE ("a(sttbb)"));
    for (guint d = 0; d < vm->disks; d++)
      g_variant_builder_add (&disks, "(sttbb)", vm->disk[d].name, vm->disk[d].size_bytes,
                             vm->disk[d].fill_bytes, vm->disk[d].replicated, vm->disk[d].attached);
    g_variant_builder_add (&vms, "(sss@aytsssssbbbbbba(sttbb))", vm->name, vm->home,
                           or_empty (vm->extends),
                           g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, vm->id.bytes, 16, 1),
                           vm->memory_bytes, or_empty (vm->image), or_empty (vm->kernel),
                           or_empty (vm->initrd), or_empty (vm->cmdline),
                           or_empty (vm->copy_cmdline), vm->uefi, vm->agent, vm->nic, vm->nic_e1000,
                           vm->nic_copy_connected, vm->nic_test_isolated, &disks);
  }
  g_autoptr (GVariant) all = g_variant_ref_sink (g_variant_new (
      CONFIG_PARTS, CONFIG_VERSION,
      config->name, config->index, config->run, config->sockets,
      config->cache, config->certificates, config->realm ? config->realm : "", config->kernel,
      config->initrd, config->origin_us, config->seed, (guint32)config->accel, config->port,
      config->kerberos_port, ts_host_settings_pack (&config->settings),
      config->log_store_bytes, &peers, &entries,
      or_empty (config->control), or_empty (config->libvirt), or_empty (config->prefix), &vms));
  g_autoptr (GError) reason = NULL;
  if (!g_file_set_contents (path, g_variant_get_data (all), (gssize)g_variant_get_size (all),
                            &reason)) {
    gboolean full = g_error_matches (reason, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
    return ts_throw (error, full ? TS_ERROR_FULL : TS_ERROR_IO, "%s", reason->message);
  }
  return TRUE;
}

static gboolean
load_vm (TsLabHostConfig *config, GVariant *child, GError **error)
{
  const char *name, *home, *extends, *disk, *image, *kernel, *initrd, *cmdline, *copy_cmdline;
  g_autoptr (GVariant) id = NULL;
  g_autoptr (GVariantIter) disks = NULL;
  guint64 memory, size, fill;
  gboolean uefi, agent, nic, nic_e1000, nic_copy_connected, nic_test_isolated;
  g_variant_get (child, "(&s&s&s@ayt&s&s&s&s&sbbbbbba(sttbb))", &name, &home, &extends, &id, &memory, &image,
                 &kernel, &initrd, &cmdline, &copy_cmdline, &uefi, &agent, &nic, &nic_e1000,
                 &nic_copy_connected, &nic_test_isolated, &disks);
  TsLabVmConfig *vm = ts_lab_host_config_add_vm (config, name, home);
  gsize len = 0;
  const void *bytes = g_variant_get_fixed_array (id, &len, 1);
  if (len != sizeof vm->id.bytes || g_variant_iter_n_children (disks) > TS_WIRE_DISKS_MAX)
    return ts_throw (error, TS_ERROR_FORMAT, "VM %s: not an id, or too many disks", name);
  memcpy (vm->id.bytes, bytes, sizeof vm->id.bytes);
  vm->memory_bytes = memory;
  vm->extends = g_strdup (extends);
  vm->image = g_strdup (image);
  vm->kernel = g_strdup (kernel);
  vm->initrd = g_strdup (initrd);
  vm->cmdline = g_strdup (cmdline);
  vm->copy_cmdline = g_strdup (copy_cmdline);
  vm->uefi = uefi;
  vm->agent = agent;
  vm->nic = nic;
  vm->nic_e1000 = nic_e1000;
  vm->nic_copy_connected = nic_copy_connected;
  vm->nic_test_isolated = nic_test_isolated;
  gboolean replicated, attached;
  while (g_variant_iter_next (disks, "(&sttbb)", &disk, &size, &fill, &replicated, &attached)) {
    ts_lab_vm_config_add_disk (vm, disk, size, fill);
    vm->disk[vm->disks - 1].replicated = replicated;
    vm->disk[vm->disks - 1].attached = attached;
  }
  return TRUE;
}

TsLabHostConfig *
ts_lab_host_config_load (const char *path, GError **error)
{
  g_autoptr (GError) reason = NULL;
  char *data = NULL;
  gsize len = 0;
  if (!g_file_get_contents (path, &data, &len, &reason)) {
    ts_throw (error, TS_ERROR_IO, "%s", reason->message);
    return NULL;
  }
  g_autoptr (GVariant) all = g_variant_ref_sink (
      g_variant_new_from_data (G_VARIANT_TYPE (CONFIG_TYPE), data, len, FALSE, g_free, data));
  guint32 version = 0, accel = 0;
  if (g_variant_is_normal_form (all))
    g_variant_get_child (all, 0, "u", &version);
  if (version != CONFIG_VERSION) {
    ts_throw (error, TS_ERROR_FORMAT, "%s is no host's configuration", path);
    return NULL;
  }
  g_autoptr (TsLabHostConfig) config = ts_lab_host_config_new ();
  g_autoptr (GVariant) settings = NULL;
  g_autoptr (GVariantIter) peers = NULL;
  g_autoptr (GVariantIter) entries = NULL;
  g_autoptr (GVariantIter) vms = NULL;
  g_variant_get (all, CONFIG_PARTS, &version, &config->name, &config->index, &config->run,
                 &config->sockets, &config->cache, &config->certificates, &config->realm,
                 &config->kernel, &config->initrd, &config->origin_us, &config->seed, &accel,
                 &config->port, &config->kerberos_port, &settings,
                 &config->log_store_bytes, &peers, &entries,
                 &config->control, &config->libvirt, &config->prefix, &vms);
  if (!ts_host_settings_unpack (settings, &config->settings, error))
    return NULL;
  config->accel = (TsLabAccel)accel;
  const char *name, *address;
  guint16 port, kerberos_port;
  gboolean same_cloud;
  while (g_variant_iter_next (peers, "(&s&sqqb)", &name, &address, &port, &kerberos_port, &same_cloud))
    ts_lab_host_config_add_peer (config, name, address, port, kerberos_port)->same_cloud = same_cloud;
  const char *server, *storage, *trust_group;
  while (g_variant_iter_next (entries, "(&s&s&s)", &server, &storage, &trust_group)) {
    if (!ts_lab_name_is_plain (storage)) { /* it becomes part of a path */
      ts_throw (error, TS_ERROR_FORMAT, "%s: \"%s\" is no storage location", path, storage);
      return NULL;
    }
    if (!ts_authorization_add (config->authorization, server, storage, trust_group, error))
      return NULL;
  }
  for (gsize n = g_variant_iter_n_children (vms); n > 0; n--) {
    g_autoptr (GVariant) child = g_variant_iter_next_value (vms);
    if (!load_vm (config, child, error))
      return NULL;
  }
  return g_steal_pointer (&config);
}

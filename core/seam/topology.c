#include "core/seam/topology.h"
#include "core/base/units.h"

#define TS_TOPOLOGY_MEMORY (256 * TS_GIB)
#define TS_TOPOLOGY_STORAGE (100 * 1024 * TS_GIB)

static void
site_free (gpointer data)
{
  TsSiteSpec *site = data;
  g_free (site->name);
  g_free (site);
}

static void
entry_free (gpointer data)
{
  TsEntrySpec *entry = data;
  g_free (entry->server);
  g_free (entry->storage);
  g_free (entry->trust_group);
  g_free (entry);
}

static void
host_free (gpointer data)
{
  TsHostSpec *host = data;
  g_clear_pointer (&host->entries, g_ptr_array_unref);
  g_free (host->libvirt);
  g_free (host->store);
  g_free (host->name);
  g_free (host);
}

static void
disk_clear (gpointer data)
{
  TsDiskSpec *disk = data;
  g_free (disk->name);
}

static void
image_free (TsImageSpec *image)
{
  if (!image)
    return;
  char *texts[] = {image->file,         image->kernel, image->initrd, image->cmdline,
                   image->copy_cmdline, image->ready,  image->acked,  image->survived};
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  g_free (image->nic);
  g_free (image);
}

static void
vm_free (gpointer data)
{
  TsVmSpec *vm = data;
  g_free (vm->name);
  image_free (vm->image);
  g_array_unref (vm->disks);
  g_free (vm);
}

static void
workload_free (gpointer data)
{
  TsWorkloadSpec *workload = data;
  g_free (workload->name);
  g_array_unref (workload->disks);
  g_free (workload);
}

static void
link_free (gpointer data)
{
  TsLinkSpec *link = data;
  g_free (link->name);
  g_free (link);
}

static void
policy_free (gpointer data)
{
  TsPolicySpec *policy = data;
  g_free (policy->name);
  g_free (policy);
}

TsTopology *
ts_topology_new (void)
{
  TsTopology *topology = g_new0 (TsTopology, 1);
  topology->seed = 1;
  ts_profile_init (&topology->profile);
  topology->sites = g_ptr_array_new_with_free_func (site_free);
  topology->hosts = g_ptr_array_new_with_free_func (host_free);
  topology->vms = g_ptr_array_new_with_free_func (vm_free);
  topology->workloads = g_ptr_array_new_with_free_func (workload_free);
  topology->links = g_ptr_array_new_with_free_func (link_free);
  topology->policies = g_ptr_array_new_with_free_func (policy_free);
  return topology;
}

void
ts_topology_free (TsTopology *topology)
{
  if (!topology)
    return;
  g_free (topology->name);
  g_ptr_array_unref (topology->sites);
  g_ptr_array_unref (topology->hosts);
  g_ptr_array_unref (topology->vms);
  g_ptr_array_unref (topology->workloads);
  g_ptr_array_unref (topology->links);
  g_ptr_array_unref (topology->policies);
  ts_management_free (topology->management);
  g_free (topology);
}

TsSiteSpec *
ts_topology_add_site (TsTopology *topology, const char *name)
{
  TsSiteSpec *site = g_new0 (TsSiteSpec, 1);
  site->name = g_strdup (name);
  g_ptr_array_add (topology->sites, site);
  return site;
}

TsHostSpec *
ts_topology_add_host (TsTopology *topology, const char *name)
{
  TsHostSpec *host = g_new0 (TsHostSpec, 1);
  host->name = g_strdup (name);
  ts_host_settings_init (&host->settings);
  host->memory_bytes = TS_TOPOLOGY_MEMORY;
  host->storage_bytes = TS_TOPOLOGY_STORAGE;
  g_ptr_array_add (topology->hosts, host);
  return host;
}

void
ts_host_spec_restrict (TsHostSpec *host)
{
  if (!host->entries)
    host->entries = g_ptr_array_new_with_free_func (entry_free);
}

void
ts_host_spec_authorize (TsHostSpec *host, const char *server, const char *storage,
                        const char *trust_group)
{
  TsEntrySpec *entry = g_new0 (TsEntrySpec, 1);
  *entry = (TsEntrySpec){g_strdup (server), g_strdup (storage), g_strdup (trust_group)};
  ts_host_spec_restrict (host);
  g_ptr_array_add (host->entries, entry);
}

TsAuthorization *
ts_topology_authorization (const TsTopology *topology, guint index, GError **error)
{
  const TsHostSpec *host = ts_topology_host (topology, index);
  g_autoptr (TsAuthorization) authorization = ts_authorization_new ();
  for (guint i = 0; !host->entries && i < topology->hosts->len; i++)
    if (i != index && !ts_authorization_add (authorization, ts_topology_host (topology, i)->name,
                                             TS_STORAGE_DEFAULT, TS_TRUST_GROUP_DEFAULT, error))
      return NULL;
  for (guint i = 0; host->entries && i < host->entries->len; i++) {
    const TsEntrySpec *entry = host->entries->pdata[i];
    g_autofree char *storage = entry->storage
                                   ? g_strconcat (TS_STORAGE_DEFAULT ".", entry->storage, NULL)
                                   : g_strdup (TS_STORAGE_DEFAULT);
    if (!ts_authorization_add (authorization, entry->server, storage, entry->trust_group, error))
      return NULL;
  }
  return g_steal_pointer (&authorization);
}

TsVmSpec *
ts_topology_add_vm (TsTopology *topology, const char *name)
{
  TsVmSpec *vm = g_new0 (TsVmSpec, 1);
  vm->extends = -1;
  vm->name = g_strdup (name);
  vm->memory_bytes = 256 * TS_MIB;
  vm->disks = g_array_new (FALSE, TRUE, sizeof (TsDiskSpec));
  g_array_set_clear_func (vm->disks, disk_clear);
  vm->network = vm->storage = -1;
  g_ptr_array_add (topology->vms, vm);
  return vm;
}

TsDiskSpec *
ts_vm_spec_add_disk (TsVmSpec *vm, const char *name)
{
  TsDiskSpec disk = {.name = g_strdup (name), .replicated = TRUE, .attached = TRUE};
  g_array_append_val (vm->disks, disk);
  return &g_array_index (vm->disks, TsDiskSpec, vm->disks->len - 1);
}

TsWorkloadSpec *
ts_topology_add_workload (TsTopology *topology, const char *name)
{
  TsWorkloadSpec *workload = g_new0 (TsWorkloadSpec, 1);
  workload->name = g_strdup (name);
  workload->disks = g_array_new (FALSE, FALSE, sizeof (guint));
  workload->kind = TS_WORKLOAD_APPEND;
  workload->record_bytes = 4096;
  workload->rate_per_megasecond = 1000000; /* one a second */
  workload->flush_every = 1;
  g_ptr_array_add (topology->workloads, workload);
  return workload;
}

TsLinkSpec *
ts_topology_add_link (TsTopology *topology, const char *name)
{
  TsLinkSpec *link = g_new0 (TsLinkSpec, 1);
  link->name = g_strdup (name);
  g_ptr_array_add (topology->links, link);
  return link;
}

TsPolicySpec *
ts_topology_add_policy (TsTopology *topology, const char *name)
{
  TsPolicySpec *policy = g_new0 (TsPolicySpec, 1);
  policy->name = g_strdup (name);
  ts_policy_init (&policy->policy);
  g_ptr_array_add (topology->policies, policy);
  return policy;
}

static gpointer
nth (const GPtrArray *array, guint index)
{
  g_assert (index < array->len);
  return array->pdata[index];
}

TsSiteSpec *
ts_topology_site (const TsTopology *topology, guint index)
{
  return nth (topology->sites, index);
}

TsHostSpec *
ts_topology_host (const TsTopology *topology, guint index)
{
  return nth (topology->hosts, index);
}

TsVmSpec *
ts_topology_vm (const TsTopology *topology, guint index)
{
  return nth (topology->vms, index);
}

TsWorkloadSpec *
ts_topology_workload (const TsTopology *topology, guint index)
{
  return nth (topology->workloads, index);
}

TsLinkSpec *
ts_topology_link (const TsTopology *topology, guint index)
{
  return nth (topology->links, index);
}

TsPolicySpec *
ts_topology_policy (const TsTopology *topology, guint index)
{
  return nth (topology->policies, index);
}

TsDiskSpec *
ts_vm_spec_disk (const TsVmSpec *vm, guint index)
{
  g_assert (index < vm->disks->len);
  return &g_array_index (vm->disks, TsDiskSpec, index);
}

TsWorkloadSpec *
ts_topology_workload_of (const TsTopology *topology, guint vm)
{
  for (guint i = 0; i < topology->workloads->len; i++)
    if (ts_topology_workload (topology, i)->vm == vm)
      return ts_topology_workload (topology, i);
  return NULL;
}

gint
ts_topology_link_between (const TsTopology *topology, guint site_a, guint site_b)
{
  for (guint i = 0; i < topology->links->len; i++) {
    const TsLinkSpec *link = ts_topology_link (topology, i);
    if ((link->site[0] == site_a && link->site[1] == site_b) ||
        (link->site[0] == site_b && link->site[1] == site_a))
      return (gint)i;
  }
  return -1;
}

/* Every spec begins with its name. */
G_STATIC_ASSERT (G_STRUCT_OFFSET (TsSiteSpec, name) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (TsHostSpec, name) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (TsVmSpec, name) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (TsLinkSpec, name) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (TsPolicySpec, name) == 0);

static gint
find (const GPtrArray *array, const char *name)
{
  g_return_val_if_fail (name, -1);
  for (guint i = 0; i < array->len; i++)
    if (strcmp (*(char *const *)array->pdata[i], name) == 0)
      return (gint)i;
  return -1;
}

gint
ts_topology_find_site (const TsTopology *topology, const char *name)
{
  return find (topology->sites, name);
}

gint
ts_topology_find_host (const TsTopology *topology, const char *name)
{
  return find (topology->hosts, name);
}

gint
ts_topology_find_vm (const TsTopology *topology, const char *name)
{
  return find (topology->vms, name);
}

gint
ts_topology_find_link (const TsTopology *topology, const char *name)
{
  return find (topology->links, name);
}

gint
ts_topology_find_policy (const TsTopology *topology, const char *name)
{
  return find (topology->policies, name);
}

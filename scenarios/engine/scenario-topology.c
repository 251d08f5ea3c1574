/* What there is: sites, hosts, machines, workloads, links, policies. */
#include "scenarios/engine/scenario-build.h"
#include <string.h>
#include "core/base/ipv4.h"
#include "core/base/units.h"
#include "core/site/console.h"
#include "scenarios/engine/schema.h"
#include "scenarios/engine/value.h"

/* What an entry can be, the one who judges it knows best. */
static void
build_entries (TsBuild *build, TsHostSpec *host, const TsYaml *list)
{
  g_autoptr (TsAuthorization) trial = ts_authorization_new ();
  if (list == NULL)
    return;
  ts_host_spec_restrict (host);
  for (guint i = 0; i < list->items->len; i++) {
    const TsYaml *node = list->items->pdata[i], *server = ts_yaml_get (node, "server");
    const char *group = ts_build_text (node, "trust_group");
    g_autoptr (GError) error = NULL;
    if (!ts_authorization_add (trial, server->text, TS_STORAGE_DEFAULT, group, &error))
      ts_build_tell (build, server, "host %s: authorize: %s", host->name, error->message);
    ts_host_spec_authorize (host, server->text, ts_build_text (node, "storage"), group);
  }
}

static char *file_of (TsBuild *build, TsYaml *map, const char *key);

/* A host that another libvirtd drives. */
static void
build_remote (TsBuild *build, TsHostSpec *host, TsYaml *node)
{
  const TsYaml *uri = ts_yaml_get (node, "libvirt"), *store = ts_yaml_get (node, "store");
  if (uri == NULL && store != NULL)
    ts_build_tell (build, store, "host %s: store: only with 'libvirt'", host->name);
  if (uri == NULL)
    return;
  if (!g_str_has_prefix (uri->text, "qemu:///") && !g_str_has_prefix (uri->text, "qemu+"))
    ts_build_tell (
        build, uri,
        "host %s: libvirt: '%s' is no URI of a libvirtd that runs QEMU (expected: such as "
        "qemu+ssh://root@there/system)",
        host->name, uri->text);
  else if (g_str_has_prefix (uri->text, "qemu:///embed"))
    ts_build_tell (build, uri, "host %s: libvirt: '%s' is what a host without 'libvirt' has",
                   host->name, uri->text);
  if (store == NULL) {
    ts_build_tell (build, uri,
                   "host %s: libvirt: needs 'store', a folder that this libvirtd sees, too",
                   host->name);
    return;
  }
  host->libvirt = g_strdup (uri->text);
  host->store = file_of (build, node, "store");
}

static void
build_settings (TsBuild *build, TsHostSpec *host, const TsYaml *node)
{
  TsHostSettings *s = &host->settings;
  const TsYaml *interval = ts_yaml_get (node, "monitoring_interval");
  g_autoptr (GError) error = NULL;
  host->log_store_bytes = ts_value_size (ts_yaml_get (node, "log_store"));
  s->transfers_max = (guint32)ts_value_integer (ts_yaml_get (node, "max_transfers"));
  s->apply_disks_max = (guint32)ts_value_integer (ts_yaml_get (node, "apply_disks"));
  s->apply_vms_max = (guint32)ts_value_integer (ts_yaml_get (node, "apply_vms"));
  s->apply_queue_depth = (guint32)ts_value_integer (ts_yaml_get (node, "apply_queue_depth"));
  s->skip_revocation = !ts_value_switch (ts_yaml_get (node, "check_revocation"));
  s->stop_suspends = ts_value_switch (ts_yaml_get (node, "stop_suspends"));
  s->monitoring_us = ts_value_duration (interval);
  s->monitoring_from_us = ts_value_clock (ts_yaml_get (node, "monitoring_start"));
  s->clock_us = ts_value_clock (ts_yaml_get (build->root, "clock"));
  if (!ts_host_settings_check (s, &error))
    ts_build_tell (build, interval, "host %s: %s", host->name, error->message);
}

static void
build_sites_and_hosts (TsBuild *build)
{
  TsTopology *topology = build->scenario->topology;
  const TsYaml *sites = ts_yaml_get (build->root, "sites");
  for (guint i = 0; i < sites->items->len; i++)
    ts_topology_add_site (topology, ((TsYaml *)sites->keys->pdata[i])->text);
  const TsYaml *hosts = ts_yaml_get (build->root, "hosts");
  for (guint i = 0; i < hosts->items->len; i++) {
    TsHostSpec *host = ts_topology_add_host (topology, ((TsYaml *)hosts->keys->pdata[i])->text);
    host->site = ts_build_index (build, "sites", ts_build_text (hosts->items->pdata[i], "site"));
    build_settings (build, host, hosts->items->pdata[i]);
    build_entries (build, host, ts_yaml_get (hosts->items->pdata[i], "authorize"));
    build_remote (build, host, hosts->items->pdata[i]);
  }
}

static void
build_disk (TsBuild *build, TsVmSpec *vm, const TsYaml *key, const TsYaml *node)
{
  TsDiskSpec *disk = ts_vm_spec_add_disk (vm, key->text);
  const TsYaml *size = ts_yaml_get (node, "size"), *fill = ts_yaml_get (node, "fill");
  disk->size_bytes = ts_value_size (size);
  disk->fill_bytes = ts_value_size (fill);
  disk->replicated = ts_value_switch (ts_yaml_get (node, "replicated"));
  disk->attached = ts_value_switch (ts_yaml_get (node, "attached"));
  guint number = vm->disks->len - 1;
  if (disk->attached && number > 0 && !ts_vm_spec_disk (vm, number - 1)->attached)
    ts_build_tell (build, key,
                   "disk %s: it is attached from the start, and stands behind %s, which is not",
                   key->text, ts_vm_spec_disk (vm, number - 1)->name);
  if (disk->size_bytes % 4096 != 0)
    ts_build_tell (build, size, "disk %s: size: %s is not a multiple of 4 KiB", key->text,
                   size->text);
  if (disk->fill_bytes % 4096 != 0)
    ts_build_tell (build, fill, "disk %s: fill: %s is not a multiple of 4 KiB", key->text,
                   fill->text);
  else if (disk->fill_bytes >= disk->size_bytes)
    ts_build_tell (build, fill, "disk %s: fill: %s leaves nothing of %s to write to", key->text,
                   fill->text, size->text);
}

/* A file that the scenario names: beside the scenario's own.  From here on by its full path, also
 * where the scenario is written out. */
static char *
file_of (TsBuild *build, TsYaml *map, const char *key)
{
  const char *text = ts_build_text (map, key);
  if (text == NULL)
    return NULL;
  g_autofree char *folder = g_path_get_dirname (build->scenario->path);
  g_autofree char *base = g_canonicalize_filename (folder, NULL);
  char *path = g_canonicalize_filename (text, base);
  TsYaml *value = ts_yaml_new_scalar (path);
  value->line = ts_yaml_get (map, key)->line;
  value->column = ts_yaml_get (map, key)->column;
  ts_yaml_set (map, key, value);
  return path;
}

/* An address of the network that is built; NULL node: 0. */
static guint32
nic_address (TsBuild *build, TsVmSpec *vm, const TsYaml *node, const char *key)
{
  const TsNicSpec *nic = vm->image->nic;
  const TsYaml *text = ts_yaml_get (node, key);
  guint32 address = 0;
  g_autoptr (GError) error = NULL;
  if (text == NULL)
    return 0;
  if (!ts_ipv4_parse (text->text, &address, NULL, &error))
    ts_build_tell (build, text, "vm %s: nic: %s: %s", vm->name, key, error->message);
  else if (!ts_ipv4_is_host (address, nic->address, nic->prefix))
    ts_build_tell (build, text, "vm %s: nic: %s: %s is no machine's address in the network of %s",
                   vm->name, key, text->text, ts_yaml_get (node, "address")->text);
  return address;
}

static void
build_nic (TsBuild *build, TsVmSpec *vm, const TsYaml *node)
{
  TsNicSpec *nic = vm->image->nic = g_new0 (TsNicSpec, 1);
  const TsYaml *address = ts_yaml_get (node, "address");
  g_autoptr (GError) error = NULL;
  nic->e1000 = g_str_equal (ts_build_text (node, "model"), "e1000");
  nic->copy_connected = g_str_equal (ts_build_text (node, "copy"), "connected");
  nic->test_isolated = g_str_equal (ts_build_text (node, "test"), "isolated");
  if (!ts_ipv4_parse (address->text, &nic->address, &nic->prefix, &error)) {
    ts_build_tell (build, address, "vm %s: nic: address: %s", vm->name, error->message);
    return;
  }
  if (!ts_ipv4_is_host (nic->address, nic->address, nic->prefix))
    ts_build_tell (build, address,
                   "vm %s: nic: address: %s is the network's first or last, no machine's", vm->name,
                   address->text);
  nic->gateway = nic_address (build, vm, node, "gateway");
  nic->copy_address = nic_address (build, vm, node, "copy_address");
  if (nic->gateway == 0)
    nic->gateway = (nic->address & ts_ipv4_mask (nic->prefix)) + 1;
  if (nic->copy_address == 0)
    nic->copy_address = nic->address;
  if (nic->gateway == nic->address || nic->gateway == nic->copy_address)
    ts_build_tell (
        build, address,
        "vm %s: nic: the machine and its gateway have the same address (expected: another one, "
        "or 'gateway')",
        vm->name);
}

/* What only some kinds of probe have. */
static void
check_probe (TsBuild *build, const TsVmSpec *vm, const TsYaml *node)
{
  static const char *const kinds[] = {"console", "tcp", "agent"}; /* TsProbeKind */
  static const struct {
    const char *key;
    TsProbeKind kind;
    gboolean required;
  } keys[] = {{"ready", TS_PROBE_CONSOLE, TRUE},
              {"every", TS_PROBE_CONSOLE, FALSE},
              {"port", TS_PROBE_TCP, TRUE}};
  const TsImageSpec *image = vm->image;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    const TsYaml *value = ts_yaml_get (node, keys[i].key);
    if (value == NULL && keys[i].required && image->probe == keys[i].kind)
      ts_build_tell (build, node, "vm %s: probe: kind %s needs '%s'", vm->name, kinds[image->probe],
                     keys[i].key);
    else if (value != NULL && image->probe != keys[i].kind)
      ts_build_tell (build, value, "vm %s: probe: %s: only of kind %s", vm->name, keys[i].key,
                     kinds[keys[i].kind]);
  }
  if (image->probe == TS_PROBE_TCP && image->nic == NULL)
    ts_build_tell (build, node,
                   "vm %s: probe: kind tcp needs 'nic': the machine has no network card", vm->name);
}

static void
build_probe (TsBuild *build, TsVmSpec *vm, const TsYaml *node)
{
  static const char *const kinds[] = {"console", "tcp", "agent", NULL};
  const TsYaml *port = ts_yaml_get (node, "port");
  vm->image->probe = (TsProbeKind)ts_build_choice (kinds, ts_build_text (node, "kind"));
  vm->image->port = port != NULL ? (guint16)ts_value_integer (port) : 0;
  vm->image->agent |= vm->image->probe == TS_PROBE_AGENT;
  check_probe (build, vm, node);
  static const char *const patterns[] = {"ready", "acked", "survived"};
  char **into[] = {&vm->image->ready, &vm->image->acked, &vm->image->survived};
  for (guint i = 0; i < G_N_ELEMENTS (patterns); i++) {
    const TsYaml *pattern = ts_yaml_get (node, patterns[i]);
    g_autoptr (GError) error = NULL;
    if (pattern == NULL)
      continue;
    *into[i] = g_strdup (pattern->text);
    if (!ts_console_pattern_check (pattern->text, i > 0, &error))
      ts_build_tell (build, pattern, "vm %s: probe: %s: %s", vm->name, patterns[i], error->message);
  }
  const TsYaml *every = ts_yaml_get (node, "every");
  vm->image->every_us = every != NULL ? ts_value_duration (every) : 0;
}

static void
build_image (TsBuild *build, TsVmSpec *vm, TsYaml *node)
{
  static const char *const with_image[] = {"kernel", "initrd",   "cmdline", "copy_cmdline",
                                           "probe",  "firmware", "agent",   "nic"};
  const TsYaml *place = ts_yaml_get (node, "image"), *probe = ts_yaml_get (node, "probe");
  const TsYaml *firmware = ts_yaml_get (node, "firmware"), *nic = ts_yaml_get (node, "nic");
  gboolean kernel = ts_yaml_get (node, "kernel") != NULL;
  for (guint i = 0; i < G_N_ELEMENTS (with_image); i++) {
    const TsYaml *other = ts_yaml_get (node, with_image[i]);
    if (other != NULL && place == NULL)
      ts_build_tell (build, other, "vm %s: %s: only with 'image', for a machine of your own",
                     vm->name, with_image[i]);
    else if (other != NULL && !kernel && i > 0 && i < 4)
      ts_build_tell (build, other, "vm %s: %s: only with 'kernel'", vm->name, with_image[i]);
  }
  if (place == NULL)
    return;
  if (firmware != NULL && kernel)
    ts_build_tell (build, firmware, "vm %s: firmware: a machine with 'kernel' boots that directly",
                   vm->name);
  vm->image = g_new0 (TsImageSpec, 1);
  vm->image->uefi = firmware != NULL && g_str_equal (firmware->text, "uefi");
  vm->image->agent = g_strcmp0 (ts_build_text (node, "agent"), "on") == 0;
  if (nic != NULL)
    build_nic (build, vm, nic);
  vm->image->file = file_of (build, node, "image");
  vm->image->kernel = file_of (build, node, "kernel");
  vm->image->initrd = file_of (build, node, "initrd");
  vm->image->cmdline = g_strdup (ts_build_text (node, "cmdline"));
  vm->image->copy_cmdline = g_strdup (ts_build_text (node, "copy_cmdline"));
  if (probe != NULL)
    build_probe (build, vm, probe);
  else
    ts_build_tell (build, node,
                   "vm %s: a machine with 'image' needs 'probe': nothing else tells that it serves",
                   vm->name);
  for (guint d = 0; d < vm->disks->len; d++)
    if (ts_vm_spec_disk (vm, d)->fill_bytes > 0)
      ts_build_tell (build, ts_yaml_get (node, "disks"),
                     "vm %s: disk %s: fill: a machine of your own has its own data", vm->name,
                     ts_vm_spec_disk (vm, d)->name);
}

static void
build_vms (TsBuild *build)
{
  static const char *const freezes[] = {"works", "fails", "hangs", NULL};
  static const char *const trackings[] = {"bitmap", "log", NULL};
  TsTopology *topology = build->scenario->topology;
  const TsYaml *vms = ts_yaml_get (build->root, "vms");
  for (guint i = 0; i < vms->items->len; i++) {
    const TsYaml *key = vms->keys->pdata[i];
    TsYaml *node = vms->items->pdata[i];
    if (ts_topology_find_vm (topology, key->text) >= 0)
      ts_build_tell (build, key, "vms: %s is there twice, once as one of many", key->text);
    TsVmSpec *vm = ts_topology_add_vm (topology, key->text);
    vm->host = ts_build_index (build, "hosts", ts_build_text (node, "host"));
    vm->memory_bytes = ts_value_size (ts_yaml_get (node, "memory"));
    vm->tracking = (TsTracking)ts_build_choice (trackings, ts_build_text (node, "tracking"));
    vm->freeze = (TsFreezeMode)ts_build_choice (freezes, ts_build_text (node, "freeze"));
    /* a stream of its own, so that another VM more does not rename this one */
    TsRandom random;
    g_autofree char *stream = g_strdup_printf ("vm/%s", key->text);
    ts_random_init (&random, topology->seed, stream);
    vm->id = ts_guid_draw (&random);
    const TsYaml *disks = ts_yaml_get (node, "disks");
    for (guint d = 0; d < disks->items->len; d++)
      build_disk (build, vm, disks->keys->pdata[d], disks->items->pdata[d]);
    const TsYaml *extends = ts_yaml_get (node, "extends");
    if (extends != NULL)
      vm->extends = (gint)ts_build_index (build, "vms", extends->text);
    guint replicated = 0;
    for (guint d = 0; d < vm->disks->len; d++)
      replicated += ts_vm_spec_disk (vm, d)->replicated && ts_vm_spec_disk (vm, d)->attached;
    if (replicated == 0)
      ts_build_tell (build, disks, "vm %s: no disk of it is replicated; one at least has to be",
                     key->text);
    build_image (build, vm, node);
  }
}

/* HVR reference 2.11: what it extends is a machine of its own, and has the same disks. */
static void
check_extended (TsBuild *build)
{
  const TsTopology *topology = build->scenario->topology;
  const TsYaml *vms = ts_yaml_get (build->root, "vms");
  for (guint i = 0; i < topology->vms->len; i++) {
    const TsVmSpec *vm = ts_topology_vm (topology, i);
    if (vm->extends < 0 || i >= vms->items->len)
      continue;
    const TsVmSpec *base = ts_topology_vm (topology, (guint)vm->extends);
    const TsYaml *key = ts_yaml_get (vms->items->pdata[i], "extends");
    gboolean same = base->disks->len == vm->disks->len;
    if (base->extends >= 0 || base == vm || vm->image != NULL || base->image != NULL)
      ts_build_tell (build, key, "vm %s: extends: %s is no machine of ours that can be replicated",
                     vm->name, base->name);
    for (guint d = 0; same && d < vm->disks->len; d++)
      same = g_str_equal (ts_vm_spec_disk (vm, d)->name, ts_vm_spec_disk (base, d)->name) &&
             ts_vm_spec_disk (vm, d)->size_bytes == ts_vm_spec_disk (base, d)->size_bytes &&
             ts_vm_spec_disk (vm, d)->fill_bytes == ts_vm_spec_disk (base, d)->fill_bytes &&
             ts_vm_spec_disk (vm, d)->replicated == ts_vm_spec_disk (base, d)->replicated;
    if (!same)
      ts_build_tell (build, key, "vm %s: extends: it has other disks than %s", vm->name,
                     base->name);
    if (ts_yaml_get (build->root, "vault") != NULL) /* HVR reference 7 */
      ts_build_tell (build, key, "vm %s: extends: a vault knows no extended replication", vm->name);
    if (base->host == vm->host)
      ts_build_tell (build, key,
                     "vm %s: host: %s runs there itself; it is to be where its replica is",
                     vm->name, base->name);
  }
}

static void
build_workload_disks (TsBuild *build, TsWorkloadSpec *workload, const TsYaml *disks)
{
  const TsVmSpec *vm = ts_topology_vm (build->scenario->topology, workload->vm);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  for (guint d = 0; d < vm->disks->len; d++)
    g_ptr_array_add (words, ts_vm_spec_disk (vm, d)->name);
  g_ptr_array_add (words, NULL);
  for (guint i = 0; i < disks->items->len; i++) {
    const TsYaml *item = disks->items->pdata[i];
    guint d = 0;
    while (d < vm->disks->len && !g_str_equal (words->pdata[d], item->text))
      d++;
    if (d == vm->disks->len) {
      g_autofree char *hint = ts_suggest_text (item->text, (const char *const *)words->pdata);
      ts_build_tell (build, item, "workload %s: VM %s has no disk '%s'%s", workload->name, vm->name,
                     item->text, hint);
      continue;
    }
    const TsDiskSpec *disk = ts_vm_spec_disk (vm, d);
    if (disk->size_bytes > disk->fill_bytes &&
        disk->size_bytes - disk->fill_bytes < workload->record_bytes)
      ts_build_tell (build, item,
                     "workload %s: behind the fill of disk %s there is no room for one record",
                     workload->name, disk->name);
    g_array_append_val (workload->disks, d);
  }
}

static void
build_workloads (TsBuild *build)
{
  static const char *const kinds[] = {"append", "random", "hot", NULL};
  TsTopology *topology = build->scenario->topology;
  const TsYaml *workloads = ts_yaml_get (build->root, "workloads");
  for (guint i = 0; i < workloads->items->len; i++) {
    const TsYaml *key = workloads->keys->pdata[i], *node = workloads->items->pdata[i];
    const TsYaml *vm = ts_yaml_get (node, "vm"), *record = ts_yaml_get (node, "record");
    guint vm_index = ts_build_index (build, "vms", vm->text);
    const TsWorkloadSpec *other = ts_topology_workload_of (topology, vm_index);
    if (other != NULL)
      ts_build_tell (build, vm, "workload %s: VM %s has workload %s already; a VM has one at most",
                     key->text, vm->text, other->name);
    if (ts_topology_vm (topology, vm_index)->extends >= 0)
      ts_build_tell (build, vm, "workload %s: VM %s is no machine, but the third copy of one",
                     key->text, vm->text);
    if (ts_topology_vm (topology, vm_index)->image != NULL)
      ts_build_tell (
          build, vm,
          "workload %s: VM %s is a machine of your own: what writes in it is its own matter",
          key->text, vm->text);
    TsWorkloadSpec *workload = ts_topology_add_workload (topology, key->text);
    workload->vm = vm_index;
    workload->kind = (TsWorkloadKind)ts_build_choice (kinds, ts_build_text (node, "kind"));
    workload->record_bytes = (guint32)ts_value_size (record);
    if (workload->record_bytes % 4096 != 0)
      ts_build_tell (build, record, "workload %s: record: %s is not a multiple of 4 KiB", key->text,
                     record->text);
    const TsYaml *region = ts_yaml_get (node, "region");
    workload->region_bytes = ts_value_size (region);
    if (workload->region_bytes > 0 && workload->region_bytes < workload->record_bytes)
      ts_build_tell (build, region, "workload %s: region: %s does not hold one record", key->text,
                     region->text);
    workload->rate_per_megasecond = ts_value_frequency (ts_yaml_get (node, "rate"));
    workload->flush_every = (guint32)ts_value_integer (ts_yaml_get (node, "flush_every"));
    build_workload_disks (build, workload, ts_yaml_get (node, "disks"));
  }
}

static void
build_links (TsBuild *build)
{
  TsTopology *topology = build->scenario->topology;
  const TsYaml *links = ts_yaml_get (build->root, "links");
  for (guint i = 0; i < links->items->len; i++) {
    const TsYaml *key = links->keys->pdata[i], *node = links->items->pdata[i];
    const TsYaml *between = ts_yaml_get (node, "between");
    guint site[2];
    for (guint end = 0; end < 2; end++)
      site[end] = ts_build_index (build, "sites", ((TsYaml *)between->items->pdata[end])->text);
    gint other = ts_topology_link_between (topology, site[0], site[1]);
    if (other >= 0)
      ts_build_tell (build, between, "link %s: link %s joins these sites already", key->text,
                     ts_topology_link (topology, (guint)other)->name);
    TsLinkSpec *link = ts_topology_add_link (topology, key->text);
    memcpy (link->site, site, sizeof site);
    link->shape = (TsLinkShape){
        .rate_bits_per_s = ts_value_rate (ts_yaml_get (node, "rate")),
        .delay_us = ts_value_duration (ts_yaml_get (node, "delay")),
        .jitter_us = ts_value_duration (ts_yaml_get (node, "jitter")),
        .loss_ppm = ts_value_share (ts_yaml_get (node, "loss")),
        .queue_bytes = ts_value_size (ts_yaml_get (node, "queue")),
    };
  }
}

static void
build_policies (TsBuild *build)
{
  const TsYaml *policies = ts_yaml_get (build->root, "policies");
  for (guint i = 0; i < policies->items->len; i++) {
    const TsYaml *key = policies->keys->pdata[i], *node = policies->items->pdata[i];
    TsPolicySpec *spec = ts_topology_add_policy (build->scenario->topology, key->text);
    ts_policy_init (&spec->policy);
    spec->policy.frequency_us = ts_value_interval (ts_yaml_get (node, "frequency"));
    spec->policy.authentication = g_str_equal (ts_build_text (node, "authentication"), "kerberos")
                                      ? TS_AUTH_KERBEROS
                                      : TS_AUTH_CERTIFICATE;
    spec->policy.recovery_points =
        (guint32)ts_value_integer (ts_yaml_get (node, "recovery_points"));
    spec->policy.app_consistent_us = ts_value_duration (ts_yaml_get (node, "app_consistent"));
    const TsYaml *at = ts_yaml_get (node, "initial_at");
    spec->policy.initial = ts_build_initial (ts_build_text (node, "initial"));
    spec->policy.initial_at_us = at != NULL ? ts_value_clock (at) : -1;
    spec->policy.compression = ts_value_switch (ts_yaml_get (node, "compression"));
    spec->policy.resync.automatic = !g_str_equal (ts_build_text (node, "auto_resync"), "manual");
    spec->policy.resync.from_us = ts_value_clock (ts_yaml_get (node, "resync_from"));
    spec->policy.resync.until_us = g_str_equal (ts_build_text (node, "auto_resync"), "immediate")
                                       ? spec->policy.resync.from_us
                                       : ts_value_clock (ts_yaml_get (node, "resync_until"));
    spec->policy.resync.clock_us = ts_value_clock (ts_yaml_get (build->root, "clock"));
    g_autoptr (GError) error = NULL;
    if (!ts_policy_check (&spec->policy, &error))
      ts_build_tell (build, node, "policy %s: %s", key->text, error->message);
  }
}
void
ts_build_topology (TsBuild *build)
{
  build_sites_and_hosts (build);
  build_vms (build);
  check_extended (build);
  build_workloads (build);
  build_links (build);
  build_policies (build);
}

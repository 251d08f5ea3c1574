#include "scenarios/engine/scenario.h"
#include <string.h>
#include "core/base/ipv4.h"
#include "core/base/units.h"
#include "core/site/console.h"
#include "scenarios/engine/check.h"
#include "scenarios/engine/count.h"
#include "scenarios/engine/scenario-management.h"
#include "scenarios/engine/schema.h"

typedef struct {
  TsScenario *scenario;
  TsProblems *problems;
  const TsYaml *root;
} Build;

static void G_GNUC_PRINTF (3, 4) tell (Build *build, const TsYaml *node, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  ts_problem (build->problems, node->line, node->column, "%s", message);
}

static const char *
text_of (const TsYaml *map, const char *key)
{
  const TsYaml *node = ts_yaml_get (map, key);
  return node != NULL ? node->text : NULL;
}

/* Where a value of this key stands in the map, 0 if it names none (checked before). */
static guint
index_of (Build *build, const char *section, const char *name)
{
  const TsYaml *map = ts_yaml_get (build->root, section);
  for (guint i = 0; i < map->keys->len; i++)
    if (g_str_equal (((TsYaml *)map->keys->pdata[i])->text, name))
      return i;
  g_assert_not_reached ();
}

static guint
choice_of (const char *const *choices, const char *text)
{
  for (guint i = 0; choices[i] != NULL; i++)
    if (g_str_equal (choices[i], text))
      return i;
  g_assert_not_reached ();
}

/* ---- topology ---- */

/* What an entry can be, the one who judges it knows best. */
static void
build_entries (Build *build, TsHostSpec *host, const TsYaml *list)
{
  g_autoptr (TsAuthorization) trial = ts_authorization_new ();
  if (list == NULL)
    return;
  ts_host_spec_restrict (host);
  for (guint i = 0; i < list->items->len; i++) {
    const TsYaml *node = list->items->pdata[i], *server = ts_yaml_get (node, "server");
    const char *group = text_of (node, "trust_group");
    g_autoptr (GError) error = NULL;
    if (!ts_authorization_add (trial, server->text, TS_STORAGE_DEFAULT, group, &error))
      tell (build, server, "host %s: authorize: %s", host->name, error->message);
    ts_host_spec_authorize (host, server->text, text_of (node, "storage"), group);
  }
}

static char *file_of (Build *build, TsYaml *map, const char *key);

/* A host that another libvirtd drives. */
static void
build_remote (Build *build, TsHostSpec *host, TsYaml *node)
{
  const TsYaml *uri = ts_yaml_get (node, "libvirt"), *store = ts_yaml_get (node, "store");
  if (uri == NULL && store != NULL)
    tell (build, store, "host %s: store: only with 'libvirt'", host->name);
  if (uri == NULL)
    return;
  if (!g_str_has_prefix (uri->text, "qemu:///") && !g_str_has_prefix (uri->text, "qemu+"))
    tell (build, uri,
          "host %s: libvirt: '%s' is no URI of a libvirtd that runs QEMU (expected: such as "
          "qemu+ssh://root@there/system)",
          host->name, uri->text);
  else if (g_str_has_prefix (uri->text, "qemu:///embed"))
    tell (build, uri, "host %s: libvirt: '%s' is what a host without 'libvirt' has", host->name,
          uri->text);
  if (store == NULL) {
    tell (build, uri, "host %s: libvirt: needs 'store', a folder that this libvirtd sees, too",
          host->name);
    return;
  }
  host->libvirt = g_strdup (uri->text);
  host->store = file_of (build, node, "store");
}

static void
build_settings (Build *build, TsHostSpec *host, const TsYaml *node)
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
    tell (build, interval, "host %s: %s", host->name, error->message);
}

static void
build_sites_and_hosts (Build *build)
{
  TsTopology *topology = build->scenario->topology;
  const TsYaml *sites = ts_yaml_get (build->root, "sites");
  for (guint i = 0; i < sites->items->len; i++)
    ts_topology_add_site (topology, ((TsYaml *)sites->keys->pdata[i])->text);
  const TsYaml *hosts = ts_yaml_get (build->root, "hosts");
  for (guint i = 0; i < hosts->items->len; i++) {
    TsHostSpec *host = ts_topology_add_host (topology, ((TsYaml *)hosts->keys->pdata[i])->text);
    host->site = index_of (build, "sites", text_of (hosts->items->pdata[i], "site"));
    build_settings (build, host, hosts->items->pdata[i]);
    build_entries (build, host, ts_yaml_get (hosts->items->pdata[i], "authorize"));
    build_remote (build, host, hosts->items->pdata[i]);
  }
}

static void
build_disk (Build *build, TsVmSpec *vm, const TsYaml *key, const TsYaml *node)
{
  TsDiskSpec *disk = ts_vm_spec_add_disk (vm, key->text);
  const TsYaml *size = ts_yaml_get (node, "size"), *fill = ts_yaml_get (node, "fill");
  disk->size_bytes = ts_value_size (size);
  disk->fill_bytes = ts_value_size (fill);
  disk->replicated = ts_value_switch (ts_yaml_get (node, "replicated"));
  disk->attached = ts_value_switch (ts_yaml_get (node, "attached"));
  guint number = vm->disks->len - 1;
  if (disk->attached && number > 0 && !ts_vm_spec_disk (vm, number - 1)->attached)
    tell (build, key, "disk %s: it is attached from the start, and stands behind %s, which is not",
          key->text, ts_vm_spec_disk (vm, number - 1)->name);
  if (disk->size_bytes % 4096 != 0)
    tell (build, size, "disk %s: size: %s is not a multiple of 4 KiB", key->text, size->text);
  if (disk->fill_bytes % 4096 != 0)
    tell (build, fill, "disk %s: fill: %s is not a multiple of 4 KiB", key->text, fill->text);
  else if (disk->fill_bytes >= disk->size_bytes)
    tell (build, fill, "disk %s: fill: %s leaves nothing of %s to write to", key->text, fill->text,
          size->text);
}

/* A file that the scenario names: beside the scenario's own.  From here on by its full path, also
 * where the scenario is written out. */
static char *
file_of (Build *build, TsYaml *map, const char *key)
{
  const char *text = text_of (map, key);
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
nic_address (Build *build, TsVmSpec *vm, const TsYaml *node, const char *key)
{
  const TsNicSpec *nic = vm->image->nic;
  const TsYaml *text = ts_yaml_get (node, key);
  guint32 address = 0;
  g_autoptr (GError) error = NULL;
  if (text == NULL)
    return 0;
  if (!ts_ipv4_parse (text->text, &address, NULL, &error))
    tell (build, text, "vm %s: nic: %s: %s", vm->name, key, error->message);
  else if (!ts_ipv4_is_host (address, nic->address, nic->prefix))
    tell (build, text, "vm %s: nic: %s: %s is no machine's address in the network of %s", vm->name,
          key, text->text, ts_yaml_get (node, "address")->text);
  return address;
}

static void
build_nic (Build *build, TsVmSpec *vm, const TsYaml *node)
{
  TsNicSpec *nic = vm->image->nic = g_new0 (TsNicSpec, 1);
  const TsYaml *address = ts_yaml_get (node, "address");
  g_autoptr (GError) error = NULL;
  nic->e1000 = g_str_equal (text_of (node, "model"), "e1000");
  nic->copy_connected = g_str_equal (text_of (node, "copy"), "connected");
  nic->test_isolated = g_str_equal (text_of (node, "test"), "isolated");
  if (!ts_ipv4_parse (address->text, &nic->address, &nic->prefix, &error)) {
    tell (build, address, "vm %s: nic: address: %s", vm->name, error->message);
    return;
  }
  if (!ts_ipv4_is_host (nic->address, nic->address, nic->prefix))
    tell (build, address, "vm %s: nic: address: %s is the network's first or last, no machine's",
          vm->name, address->text);
  nic->gateway = nic_address (build, vm, node, "gateway");
  nic->copy_address = nic_address (build, vm, node, "copy_address");
  if (nic->gateway == 0)
    nic->gateway = (nic->address & ts_ipv4_mask (nic->prefix)) + 1;
  if (nic->copy_address == 0)
    nic->copy_address = nic->address;
  if (nic->gateway == nic->address || nic->gateway == nic->copy_address)
    tell (build, address,
          "vm %s: nic: the machine and its gateway have the same address (expected: another one, "
          "or 'gateway')",
          vm->name);
}

/* What only some kinds of probe have. */
static void
check_probe (Build *build, const TsVmSpec *vm, const TsYaml *node)
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
      tell (build, node, "vm %s: probe: kind %s needs '%s'", vm->name, kinds[image->probe],
            keys[i].key);
    else if (value != NULL && image->probe != keys[i].kind)
      tell (build, value, "vm %s: probe: %s: only of kind %s", vm->name, keys[i].key,
            kinds[keys[i].kind]);
  }
  if (image->probe == TS_PROBE_TCP && image->nic == NULL)
    tell (build, node, "vm %s: probe: kind tcp needs 'nic': the machine has no network card",
          vm->name);
}

static void
build_probe (Build *build, TsVmSpec *vm, const TsYaml *node)
{
  static const char *const kinds[] = {"console", "tcp", "agent", NULL};
  const TsYaml *port = ts_yaml_get (node, "port");
  vm->image->probe = (TsProbeKind)choice_of (kinds, text_of (node, "kind"));
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
      tell (build, pattern, "vm %s: probe: %s: %s", vm->name, patterns[i], error->message);
  }
  const TsYaml *every = ts_yaml_get (node, "every");
  vm->image->every_us = every != NULL ? ts_value_duration (every) : 0;
}

static void
build_image (Build *build, TsVmSpec *vm, TsYaml *node)
{
  static const char *const with_image[] = {"kernel", "initrd", "cmdline", "copy_cmdline",
                                           "probe",  "firmware", "agent", "nic"};
  const TsYaml *place = ts_yaml_get (node, "image"), *probe = ts_yaml_get (node, "probe");
  const TsYaml *firmware = ts_yaml_get (node, "firmware"), *nic = ts_yaml_get (node, "nic");
  gboolean kernel = ts_yaml_get (node, "kernel") != NULL;
  for (guint i = 0; i < G_N_ELEMENTS (with_image); i++) {
    const TsYaml *other = ts_yaml_get (node, with_image[i]);
    if (other != NULL && place == NULL)
      tell (build, other, "vm %s: %s: only with 'image', for a machine of your own", vm->name,
            with_image[i]);
    else if (other != NULL && !kernel && i > 0 && i < 4)
      tell (build, other, "vm %s: %s: only with 'kernel'", vm->name, with_image[i]);
  }
  if (place == NULL)
    return;
  if (firmware != NULL && kernel)
    tell (build, firmware, "vm %s: firmware: a machine with 'kernel' boots that directly",
          vm->name);
  vm->image = g_new0 (TsImageSpec, 1);
  vm->image->uefi = firmware != NULL && g_str_equal (firmware->text, "uefi");
  vm->image->agent = g_strcmp0 (text_of (node, "agent"), "on") == 0;
  if (nic != NULL)
    build_nic (build, vm, nic);
  vm->image->file = file_of (build, node, "image");
  vm->image->kernel = file_of (build, node, "kernel");
  vm->image->initrd = file_of (build, node, "initrd");
  vm->image->cmdline = g_strdup (text_of (node, "cmdline"));
  vm->image->copy_cmdline = g_strdup (text_of (node, "copy_cmdline"));
  if (probe != NULL)
    build_probe (build, vm, probe);
  else
    tell (build, node,
          "vm %s: a machine with 'image' needs 'probe': nothing else tells that it serves",
          vm->name);
  for (guint d = 0; d < vm->disks->len; d++)
    if (ts_vm_spec_disk (vm, d)->fill_bytes > 0)
      tell (build, ts_yaml_get (node, "disks"),
            "vm %s: disk %s: fill: a machine of your own has its own data", vm->name,
            ts_vm_spec_disk (vm, d)->name);
}

static void
build_vms (Build *build)
{
  static const char *const freezes[] = {"works", "fails", "hangs", NULL};
  static const char *const trackings[] = {"bitmap", "log", NULL};
  TsTopology *topology = build->scenario->topology;
  const TsYaml *vms = ts_yaml_get (build->root, "vms");
  for (guint i = 0; i < vms->items->len; i++) {
    const TsYaml *key = vms->keys->pdata[i];
    TsYaml *node = vms->items->pdata[i];
    if (ts_topology_find_vm (topology, key->text) >= 0)
      tell (build, key, "vms: %s is there twice, once as one of many", key->text);
    TsVmSpec *vm = ts_topology_add_vm (topology, key->text);
    vm->host = index_of (build, "hosts", text_of (node, "host"));
    vm->memory_bytes = ts_value_size (ts_yaml_get (node, "memory"));
    vm->tracking = (TsTracking)choice_of (trackings, text_of (node, "tracking"));
    vm->freeze = (TsFreezeMode)choice_of (freezes, text_of (node, "freeze"));
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
      vm->extends = (gint)index_of (build, "vms", extends->text);
    guint replicated = 0;
    for (guint d = 0; d < vm->disks->len; d++)
      replicated += ts_vm_spec_disk (vm, d)->replicated && ts_vm_spec_disk (vm, d)->attached;
    if (replicated == 0)
      tell (build, disks, "vm %s: no disk of it is replicated; one at least has to be", key->text);
    build_image (build, vm, node);
  }
}

/* HVR reference 2.11: what it extends is a machine of its own, and has the same disks. */
static void
check_extended (Build *build)
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
      tell (build, key, "vm %s: extends: %s is no machine of ours that can be replicated", vm->name,
            base->name);
    for (guint d = 0; same && d < vm->disks->len; d++)
      same = g_str_equal (ts_vm_spec_disk (vm, d)->name, ts_vm_spec_disk (base, d)->name) &&
             ts_vm_spec_disk (vm, d)->size_bytes == ts_vm_spec_disk (base, d)->size_bytes &&
             ts_vm_spec_disk (vm, d)->fill_bytes == ts_vm_spec_disk (base, d)->fill_bytes &&
             ts_vm_spec_disk (vm, d)->replicated == ts_vm_spec_disk (base, d)->replicated;
    if (!same)
      tell (build, key, "vm %s: extends: it has other disks than %s", vm->name, base->name);
    if (base->host == vm->host)
      tell (build, key, "vm %s: host: %s runs there itself; it is to be where its replica is", vm->name,
            base->name);
  }
}

static void
build_workload_disks (Build *build, TsWorkloadSpec *workload, const TsYaml *disks)
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
      tell (build, item, "workload %s: VM %s has no disk '%s'%s", workload->name, vm->name,
            item->text, hint);
      continue;
    }
    const TsDiskSpec *disk = ts_vm_spec_disk (vm, d);
    if (disk->size_bytes > disk->fill_bytes &&
        disk->size_bytes - disk->fill_bytes < workload->record_bytes)
      tell (build, item, "workload %s: behind the fill of disk %s there is no room for one record",
            workload->name, disk->name);
    g_array_append_val (workload->disks, d);
  }
}

static void
build_workloads (Build *build)
{
  static const char *const kinds[] = {"append", "random", "hot", NULL};
  TsTopology *topology = build->scenario->topology;
  const TsYaml *workloads = ts_yaml_get (build->root, "workloads");
  for (guint i = 0; i < workloads->items->len; i++) {
    const TsYaml *key = workloads->keys->pdata[i], *node = workloads->items->pdata[i];
    const TsYaml *vm = ts_yaml_get (node, "vm"), *record = ts_yaml_get (node, "record");
    guint vm_index = index_of (build, "vms", vm->text);
    const TsWorkloadSpec *other = ts_topology_workload_of (topology, vm_index);
    if (other != NULL)
      tell (build, vm, "workload %s: VM %s has workload %s already; a VM has one at most",
            key->text, vm->text, other->name);
    if (ts_topology_vm (topology, vm_index)->extends >= 0)
      tell (build, vm, "workload %s: VM %s is no machine, but the third copy of one", key->text,
            vm->text);
    if (ts_topology_vm (topology, vm_index)->image != NULL)
      tell (build, vm,
            "workload %s: VM %s is a machine of your own: what writes in it is its own matter",
            key->text, vm->text);
    TsWorkloadSpec *workload = ts_topology_add_workload (topology, key->text);
    workload->vm = vm_index;
    workload->kind = (TsWorkloadKind)choice_of (kinds, text_of (node, "kind"));
    workload->record_bytes = (guint32)ts_value_size (record);
    if (workload->record_bytes % 4096 != 0)
      tell (build, record, "workload %s: record: %s is not a multiple of 4 KiB", key->text,
            record->text);
    const TsYaml *region = ts_yaml_get (node, "region");
    workload->region_bytes = ts_value_size (region);
    if (workload->region_bytes > 0 && workload->region_bytes < workload->record_bytes)
      tell (build, region, "workload %s: region: %s does not hold one record", key->text,
            region->text);
    workload->rate_per_megasecond = ts_value_frequency (ts_yaml_get (node, "rate"));
    workload->flush_every = (guint32)ts_value_integer (ts_yaml_get (node, "flush_every"));
    build_workload_disks (build, workload, ts_yaml_get (node, "disks"));
  }
}

static void
build_links (Build *build)
{
  TsTopology *topology = build->scenario->topology;
  const TsYaml *links = ts_yaml_get (build->root, "links");
  for (guint i = 0; i < links->items->len; i++) {
    const TsYaml *key = links->keys->pdata[i], *node = links->items->pdata[i];
    const TsYaml *between = ts_yaml_get (node, "between");
    guint site[2];
    for (guint end = 0; end < 2; end++)
      site[end] = index_of (build, "sites", ((TsYaml *)between->items->pdata[end])->text);
    gint other = ts_topology_link_between (topology, site[0], site[1]);
    if (other >= 0)
      tell (build, between, "link %s: link %s joins these sites already", key->text,
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

static TsInitial
initial_of (const char *text)
{
  for (TsInitial method = TS_INITIAL_NETWORK; method <= TS_INITIAL_SEEDED; method++)
    if (g_strcmp0 (text, ts_initial_name (method)) == 0)
      return method;
  return TS_INITIAL_DEFAULT;
}

static void
build_policies (Build *build)
{
  const TsYaml *policies = ts_yaml_get (build->root, "policies");
  for (guint i = 0; i < policies->items->len; i++) {
    const TsYaml *key = policies->keys->pdata[i], *node = policies->items->pdata[i];
    TsPolicySpec *spec = ts_topology_add_policy (build->scenario->topology, key->text);
    ts_policy_init (&spec->policy);
    spec->policy.frequency_us = ts_value_interval (ts_yaml_get (node, "frequency"));
    spec->policy.authentication = g_str_equal (text_of (node, "authentication"), "kerberos")
                                      ? TS_AUTH_KERBEROS
                                      : TS_AUTH_CERTIFICATE;
    spec->policy.recovery_points =
        (guint32)ts_value_integer (ts_yaml_get (node, "recovery_points"));
    spec->policy.app_consistent_us = ts_value_duration (ts_yaml_get (node, "app_consistent"));
    const TsYaml *at = ts_yaml_get (node, "initial_at");
    spec->policy.initial = initial_of (text_of (node, "initial"));
    spec->policy.initial_at_us = at != NULL ? ts_value_clock (at) : -1;
    spec->policy.compression = ts_value_switch (ts_yaml_get (node, "compression"));
    spec->policy.resync.automatic = !g_str_equal (text_of (node, "auto_resync"), "manual");
    spec->policy.resync.from_us = ts_value_clock (ts_yaml_get (node, "resync_from"));
    spec->policy.resync.until_us = g_str_equal (text_of (node, "auto_resync"), "immediate")
                                       ? spec->policy.resync.from_us
                                       : ts_value_clock (ts_yaml_get (node, "resync_until"));
    spec->policy.resync.clock_us = ts_value_clock (ts_yaml_get (build->root, "clock"));
    g_autoptr (GError) error = NULL;
    if (!ts_policy_check (&spec->policy, &error))
      tell (build, node, "policy %s: %s", key->text, error->message);
  }
}

/* ---- steps ---- */

static void
step_free (gpointer data)
{
  TsStep *step = data;
  g_free (step->id);
  g_free (step);
}

static gint
optional_index (Build *build, const char *section, const TsYaml *map, const char *key)
{
  const char *name = text_of (map, key);
  return name != NULL ? (gint)index_of (build, section, name) : -1;
}

static gint
step_index (Build *build, const char *id)
{
  const TsYaml *steps = ts_yaml_get (build->root, "steps");
  for (guint i = 0; i < steps->items->len; i++)
    if (g_strcmp0 (text_of (steps->items->pdata[i], "id"), id) == 0)
      return (gint)i;
  g_assert_not_reached ();
}

static TsSides
sides_of (const char *text)
{
  return g_strcmp0 (text, "primary") == 0   ? TS_SIDES_PRIMARY
         : g_strcmp0 (text, "replica") == 0 ? TS_SIDES_REPLICA
         : g_strcmp0 (text, "both") == 0    ? TS_SIDES_BOTH
                                            : TS_SIDES_DEFAULT;
}

/* A disk of the step's VM by its name. */
static gboolean
find_disk (Build *build, const TsStep *step, const TsYaml *name, guint *number)
{
  const TsVmSpec *vm = ts_topology_vm (build->scenario->topology, (guint)step->order.vm);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  for (*number = 0; *number < vm->disks->len; (*number)++) {
    g_ptr_array_add (words, ts_vm_spec_disk (vm, *number)->name);
    if (g_str_equal (words->pdata[*number], name->text))
      return TRUE;
  }
  g_ptr_array_add (words, NULL);
  g_autofree char *hint = ts_suggest_text (name->text, (const char *const *)words->pdata);
  tell (build, name, "step %s: VM %s has no disk '%s'%s", step->id, vm->name, name->text, hint);
  return FALSE;
}

static void
build_step_disks (Build *build, TsStep *step, const TsYaml *node)
{
  const TsYaml *disk = ts_yaml_get (node, "disk"), *size = ts_yaml_get (node, "size");
  const TsYaml *disks = ts_yaml_get (node, "disks");
  guint number;
  if (disk != NULL && find_disk (build, step, disk, &step->order.disk) &&
      step->order.verb == TS_DO_ATTACH_DISK &&
      ts_vm_spec_disk (ts_topology_vm (build->scenario->topology, (guint)step->order.vm),
                       step->order.disk)
          ->attached)
    tell (build, disk, "step %s: disk %s is attached from the start", step->id, disk->text);
  if (size != NULL) {
    step->order.amount_bytes = ts_value_size (size);
    if (step->order.amount_bytes % 4096 != 0)
      tell (build, size, "step %s: size: %s is not a multiple of 4 KiB", step->id, size->text);
  }
  for (guint i = 0; disks != NULL && i < disks->items->len; i++)
    if (find_disk (build, step, disks->items->pdata[i], &number))
      step->order.disks |= 1u << number;
}

static void
build_order (Build *build, TsStep *step, const TsYaml *node)
{
  const char *kind = text_of (node, "kind"), *mode = text_of (node, "mode");
  const TsYaml *first = ts_yaml_get (node, "shut_down_first");
  step->order = (TsOrder){
      .step = step->id,
      .verb = (TsVerb)ts_verb_find (text_of (node, "do")),
      .vm = optional_index (build, "vms", node, "vm"),
      .host = optional_index (build, "hosts", node, text_of (node, "on") ? "on" : "to"),
      .amount_bytes = ts_yaml_get (node, "bytes") ? ts_value_size (ts_yaml_get (node, "bytes")) : 0,
      .site = optional_index (build, "sites", node, "site"),
      .link = optional_index (build, "links", node, "link"),
      .policy = optional_index (build, "policies", node, "policy"),
      .plan = (guint)(optional_index (build, "plans", node, "plan") + 1),
      .vmm = (guint)(optional_index (build, "vmms", node, "vmm") + 1),
      .planned = g_strcmp0 (kind, "planned") == 0,
      .shut_down_first = first != NULL && ts_value_switch (first),
      .sides = sides_of (text_of (node, "side")),
      .initial.method = initial_of (text_of (node, "initial")),
      .medium_of = optional_index (build, "vms", node, "medium_of"),
      .link_mode = g_strcmp0 (mode, "blackhole") == 0 ? TS_LINK_BLACKHOLE
                   : g_strcmp0 (mode, "reset") == 0   ? TS_LINK_RESET
                                                      : TS_LINK_UP,
  };
  build_step_disks (build, step, node);
  const TsYaml *point = ts_yaml_get (node, "point");
  if (point != NULL)
    step->order.point = ts_value_point (point);
  if (step->order.planned && step->order.point.how != TS_CHOOSE_LATEST)
    tell (build, point, "step %s: point: a planned failover is of its last log (HVR 3.6)",
          step->id);
  const TsTopology *topology = build->scenario->topology;
  if (step->order.verb == TS_DO_FAILOVER && build->scenario->no_ledger)
    tell (build, node, "step %s: a failover is judged by the ledger, and this file has 'ledger: off'",
          step->id);
  ts_scenario_check_managed_order (build->scenario, step, node, build->problems);
  if (step->order.verb == TS_DO_PROTECT && step->order.host >= 0) {
    const TsVmSpec *vm = ts_topology_vm (topology, (guint)step->order.vm);
    guint from = ts_topology_host (topology, vm->host)->site;
    guint to = ts_topology_host (topology, (guint)step->order.host)->site;
    const TsYaml *place = ts_yaml_get (node, "to");
    if (vm->host == (guint)step->order.host)
      tell (build, place, "step %s: to: %s runs on %s itself; the replica needs another host",
            step->id, vm->name, place->text);
    else if (from != to && ts_topology_link_between (topology, from, to) < 0)
      tell (build, place, "step %s: to: no link joins sites %s and %s", step->id,
            ts_topology_site (topology, from)->name, ts_topology_site (topology, to)->name);
  }
  const TsYaml *later = ts_yaml_get (node, "start_in");
  step->order.initial.in_us = later != NULL ? ts_value_duration (later) : 0;
  if (later != NULL && step->order.initial.method == TS_INITIAL_EXPORT)
    tell (build, later, "step %s: start_in: an export begins when it is asked for (HVR 2.2)",
          step->id);
  if (step->order.verb == TS_DO_POWER_ON)
    step->order.host = optional_index (build, "hosts", node, "host");
  if (step->order.shut_down_first && step->order.planned)
    tell (build, ts_yaml_get (node, "shut_down_first"),
          "step %s: shut_down_first: a planned failover always does", step->id);
  if ((step->order.verb == TS_DO_WORKLOAD_START || step->order.verb == TS_DO_WORKLOAD_STOP) &&
      ts_topology_workload_of (topology, (guint)step->order.vm) == NULL)
    tell (build, ts_yaml_get (node, "vm"), "step %s: VM %s has no workload", step->id,
          text_of (node, "vm"));
}

/* What the test failover of a machine of the user's own never comes to. */
static void
check_test_of_own (Build *build, const TsStep *step, const TsYaml *value)
{
  const TsVmSpec *vm = ts_topology_vm (build->scenario->topology, (guint)step->predicate.vm);
  if (vm->image == NULL)
    return;
  if (step->predicate.value == TS_BOARD_TEST_WHOLE)
    tell (build, value,
          "step %s: VM %s is a machine of your own: nothing of ours in it reads its disks back "
          "(expected: serving)",
          step->id, vm->name);
  else if (step->predicate.value == TS_BOARD_TEST_SERVING && vm->image->probe == TS_PROBE_TCP &&
           vm->image->nic != NULL && !vm->image->nic->test_isolated)
    tell (build, value,
          "step %s: the card of VM %s is not connected in a test failover, so its port is not "
          "reached (expected: nic: test: isolated)",
          step->id, vm->name);
}

static void
build_predicate (Build *build, TsStep *step, const TsYaml *node)
{
  TsPredicate *predicate = &step->predicate;
  *predicate = (TsPredicate){.kind = TS_WAIT_COUNT};
  const TsYaml *value = NULL;
  for (guint i = 0; i < node->keys->len; i++) {
    gint kind = ts_predicate_find (((TsYaml *)node->keys->pdata[i])->text);
    if (kind < 0)
      continue;
    predicate->kind = (TsPredicateKind)kind;
    value = node->items->pdata[i];
  }
  g_assert (value != NULL);
  predicate->vm = optional_index (build, "vms", node, "vm");
  predicate->host = optional_index (build, "hosts", node, "host");
  predicate->role =
      g_strcmp0 (text_of (node, "role"), "replica") == 0 ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY;
  switch (predicate->kind) {
  case TS_WAIT_STATE:
    predicate->value = ts_state_find (value->text);
    break;
  case TS_WAIT_HEALTH:
    while (!g_str_equal (ts_health_name ((TsHealth)predicate->value), value->text))
      predicate->value++;
    break;
  case TS_WAIT_CYCLES:
  case TS_WAIT_MISSED:
  case TS_WAIT_POINTS:
  case TS_WAIT_KEPT:
  case TS_WAIT_APPLIED:
    predicate->amount = (guint64)ts_value_integer (value);
    break;
  case TS_WAIT_PENDING:
    predicate->amount = ts_value_size (value);
    break;
  case TS_WAIT_CONNECTION:
  case TS_WAIT_PROBE:
    predicate->value = g_str_equal (value->text, "up");
    break;
  case TS_WAIT_POWER:
    predicate->value = g_str_equal (value->text, "on");
    break;
  case TS_WAIT_STEP: {
    gint other = step_index (build, value->text);
    const TsYaml *steps = ts_yaml_get (build->root, "steps");
    predicate->step = text_of (steps->items->pdata[other], "id"); /* the tree lives as long */
    break;
  }
  case TS_WAIT_COPY:
    predicate->value = ts_board_copy_find (value->text);
    break;
  case TS_WAIT_TEST:
    predicate->value = ts_board_test_find (value->text);
    check_test_of_own (build, step, value);
    break;
  case TS_WAIT_SURVEY:
  case TS_WAIT_SETTLED:
    break;
  case TS_WAIT_COUNT:
  default:
    g_assert_not_reached ();
  }
}

static void
build_step (Build *build, const TsYaml *node)
{
  static const char *const whats[] = {"do", "wait", "check"};
  TsStep *step = g_new0 (TsStep, 1);
  step->id = g_strdup (text_of (node, "id"));
  step->line = node->line;
  g_ptr_array_add (build->scenario->steps, step);

  guint given = 0;
  for (guint i = 0; i < G_N_ELEMENTS (whats); i++)
    if (ts_yaml_get (node, whats[i]) != NULL) {
      given++;
      step->kind = (TsStepKind)i;
    }
  if (given != 1) {
    tell (build, node,
          given == 0 ? "step %s: says nothing to do; give it one of do, wait, check"
                     : "step %s: has more than one of do, wait and check",
          step->id);
    return;
  }
  if (step->kind == TS_STEP_DO)
    build_order (build, step, node);
  else
    build_predicate (build, step, ts_yaml_get (node, whats[step->kind]));

  const TsYaml *within = ts_yaml_get (node, "within"), *at = ts_yaml_get (node, "at");
  const TsYaml *after = ts_yaml_get (node, "after");
  const TsYaml *refused = ts_yaml_get (node, "expect_refused");
  const TsYaml *failed = ts_yaml_get (node, "expect_failed");
  if (step->kind == TS_STEP_WAIT && within == NULL)
    tell (build, ts_yaml_get (node, "wait"),
          "step %s: wait needs 'within: DURATION', or it could wait for ever", step->id);
  if (step->kind == TS_STEP_CHECK && within != NULL)
    tell (build, within, "step %s: check looks once; 'within' belongs to wait", step->id);
  if (step->kind != TS_STEP_DO && refused != NULL)
    tell (build, refused, "step %s: only what is done can be refused", step->id);
  if (at != NULL && after != NULL)
    tell (build, at, "step %s: has both 'at' and 'after'; give it one", step->id);
  step->within_us = within != NULL ? ts_value_duration (within) : TS_NEVER;
  step->at_us = at != NULL ? ts_value_duration (at) : -1;
  step->after = after != NULL ? step_index (build, text_of (after, "step")) : -1;
  step->by_us = after != NULL ? ts_value_duration (ts_yaml_get (after, "by")) : 0;
  step->expect_refused = refused != NULL && ts_value_switch (refused);
  step->expect_failed = failed != NULL && ts_value_switch (failed);
  if (step->kind != TS_STEP_DO && failed != NULL)
    tell (build, failed, "step %s: only what is done can fail", step->id);
  if (step->expect_failed)
    g_ptr_array_add (build->scenario->expectations->allow_failed, g_strdup (step->id));
  if (step->expect_refused)
    g_ptr_array_add (build->scenario->expectations->allow_refused, g_strdup (step->id));
}

const TsStep *
ts_scenario_step (const TsScenario *scenario, guint index)
{
  return scenario->steps->pdata[index];
}

gint
ts_scenario_previous (const TsScenario *scenario, guint index)
{
  const TsStep *step = ts_scenario_step (scenario, index);
  return step->after >= 0 ? step->after : step->at_us >= 0 ? -1 : (gint)index - 1;
}

/* Follows who waits for whom.  A step waits for one other to begin, and a `wait: {step}` for one
 * more to end: at most two ways on from each.  On a cycle path holds it. */
static gboolean
find_cycle (const TsScenario *scenario, gint at, guint8 *seen, GArray *path)
{
  enum { UNSEEN, OPEN, CLOSED };
  if (at < 0 || seen[at] == CLOSED)
    return FALSE;
  g_array_append_val (path, at);
  if (seen[at] == OPEN)
    return TRUE;
  seen[at] = OPEN;
  const TsStep *step = ts_scenario_step (scenario, (guint)at);
  if (find_cycle (scenario, ts_scenario_previous (scenario, (guint)at), seen, path))
    return TRUE;
  if (step->kind != TS_STEP_DO && step->predicate.kind == TS_WAIT_STEP)
    for (guint i = 0; i < scenario->steps->len; i++)
      if (g_str_equal (ts_scenario_step (scenario, i)->id, step->predicate.step) &&
          find_cycle (scenario, (gint)i, seen, path))
        return TRUE;
  seen[at] = CLOSED;
  g_array_set_size (path, path->len - 1);
  return FALSE;
}

static void
check_cycles (Build *build)
{
  const TsScenario *scenario = build->scenario;
  g_autofree guint8 *seen = g_new0 (guint8, scenario->steps->len);
  g_autoptr (GArray) path = g_array_new (FALSE, FALSE, sizeof (gint));
  for (guint i = 0; i < scenario->steps->len; i++) {
    g_array_set_size (path, 0);
    if (!find_cycle (scenario, (gint)i, seen, path))
      continue;
    gint end = g_array_index (path, gint, path->len - 1);
    guint start = 0;
    while (g_array_index (path, gint, start) != end)
      start++;
    GString *text = g_string_new (NULL);
    for (guint p = start; p < path->len; p++)
      g_string_append_printf (
          text, "%s%s", p > start ? " waits for " : "",
          ts_scenario_step (scenario, (guint)g_array_index (path, gint, p))->id);
    const TsYaml *steps = ts_yaml_get (build->root, "steps");
    tell (build, steps->items->pdata[end], "steps wait for each other: %s", text->str);
    g_string_free (text, TRUE);
    return;
  }
}

/* ---- expectations ---- */

static char *
limit_of (const TsYaml *node, const char *key)
{
  return g_strdup (text_of (node, key));
}

static void
build_expectation (Build *build, const TsYaml *node)
{
  TsExpectation *expectation = ts_expectation_new (text_of (node, "id"), text_of (node, "metric"));
  g_ptr_array_add (build->scenario->expectations->expectations, expectation);
  expectation->vm = limit_of (node, "vm");
  if (expectation->vm && ts_topology_find_vm (build->scenario->topology, expectation->vm) < 0)
    tell (build, ts_yaml_get (node, "vm"),
          "expect %s: %s names many machines; without vm it is asked of each", expectation->id,
          expectation->vm);
  expectation->min = limit_of (node, "min");
  expectation->max = limit_of (node, "max");
  expectation->equals = limit_of (node, "equals");
  expectation->within = limit_of (node, "within");
  const TsYaml *when = ts_yaml_get (node, "when"), *at = ts_yaml_get (node, "at");
  const TsYaml *during = ts_yaml_get (node, "during");
  if ((when != NULL) + (at != NULL) + (during != NULL) > 1) {
    tell (build, node, "expect %s: has more than one of when, at and during", expectation->id);
    return;
  }
  TsWindow *window = &expectation->window;
  window->kind = TS_WINDOW_ALWAYS;
  if (when != NULL && g_str_equal (when->text, "end"))
    window->kind = TS_WINDOW_END;
  if (at != NULL) {
    window->kind = TS_WINDOW_AT;
    window->from = g_strdup (at->text);
  }
  if (during != NULL) {
    const char *dots = strstr (during->text, "..");
    window->kind = TS_WINDOW_DURING;
    window->from = g_strndup (during->text, (gsize)(dots - during->text));
    window->to = g_strdup (dots + 2);
  }
  g_autoptr (GError) error = NULL;
  if (!ts_expectation_check (expectation, &error)) {
    gboolean metric = ts_metric_find (expectation->metric) == NULL;
    tell (build, metric ? ts_yaml_get (node, "metric") : node, "expect %s: %s", expectation->id,
          error->message);
  }
}

static void
build_published (Build *build, const TsYaml *node)
{
  TsPublished *published = ts_published_new (text_of (node, "what"), text_of (node, "theirs"),
                                             text_of (node, "source"));
  g_ptr_array_add (build->scenario->expectations->published, published);
  published->metric = limit_of (node, "metric");
  published->per = limit_of (node, "per");
  published->vm = limit_of (node, "vm");
  published->why = limit_of (node, "why");
  g_autoptr (GError) error = NULL;
  if (published->vm && ts_topology_find_vm (build->scenario->topology, published->vm) < 0)
    tell (build, ts_yaml_get (node, "vm"),
          "published: %s names many machines; without vm it is of all of them", published->vm);
  if (!ts_published_check (published, &error)) {
    const TsYaml *metric = ts_yaml_get (node, "metric");
    gboolean unknown = published->metric && ts_metric_find (published->metric) == NULL;
    tell (build, unknown ? metric : node, "published %s: %s", published->what, error->message);
  }
}

static void
copy_words (const TsYaml *list, GPtrArray *words)
{
  for (guint i = 0; i < list->items->len; i++)
    g_ptr_array_add (words, g_strdup (((TsYaml *)list->items->pdata[i])->text));
}

/* ---- the whole ---- */

static void
build_head (Build *build)
{
  TsScenario *scenario = build->scenario;
  const TsYaml *root = build->root, *limits = ts_yaml_get (root, "limits");
  scenario->topology->name = g_strdup (text_of (root, "name"));
  scenario->topology->seed = (guint64)ts_value_integer (ts_yaml_get (root, "seed"));
  scenario->title = g_strdup (text_of (root, "title"));
  scenario->no_ledger = !ts_value_switch (ts_yaml_get (root, "ledger"));
  copy_words (ts_yaml_get (root, "tags"), scenario->tags);
  const TsYaml *engines = ts_yaml_get (root, "engines");
  for (guint i = 0; i < engines->items->len; i++)
    scenario->engines |= g_str_equal (((TsYaml *)engines->items->pdata[i])->text, "lab")
                             ? TS_ENGINE_LAB
                             : TS_ENGINE_SIM;
  if (scenario->engines == 0)
    tell (build, engines, "engines: at least one is needed; there are: sim, lab");
  scenario->run_limit_us = ts_value_duration (ts_yaml_get (limits, "run"));
  scenario->settle_limit_us = ts_value_duration (ts_yaml_get (limits, "settle"));
}

static void
build_profile (Build *build)
{
  const TsYaml *sim = ts_yaml_get (build->root, "sim");
  TsProfile *profile = &build->scenario->topology->profile;
  for (guint i = 0; ts_profile_get (i) != NULL; i++) {
    const TsProfileRow *row = ts_profile_get (i);
    const TsYaml *value = ts_yaml_get (sim, row->name);
    *ts_profile_value (profile, row) =
        row->is_rate ? (gint64)ts_value_size (value) : ts_value_duration (value);
  }
}

static TsScenario *
build_scenario (const char *path, TsYaml *root, const TsScenarioOptions *options,
                TsProblems *problems)
{
  g_autoptr (TsScenario) scenario = g_new0 (TsScenario, 1);
  scenario->path = g_strdup (path);
  scenario->tree = root;
  scenario->topology = ts_topology_new ();
  scenario->tags = g_ptr_array_new_with_free_func (g_free);
  scenario->steps = g_ptr_array_new_with_free_func (step_free);
  scenario->expectations = ts_expectations_new ();
  if (options != NULL && options->profile_path != NULL &&
      !ts_yaml_take_profile (root, options->profile_path, problems))
    return NULL;
  /* what is assigned counts more than a file, and a file more than what the scenario says */
  for (guint i = 0; options != NULL && options->assignments != NULL && options->assignments[i];
       i++) {
    g_autoptr (GError) error = NULL;
    if (!ts_yaml_assign (root, options->assignments[i], &error)) {
      ts_problem (problems, 0, 0, "%s", error->message);
      return NULL;
    }
  }
  if (options != NULL && options->seed_given && root->kind == TS_YAML_MAP) {
    g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, options->seed);
    ts_yaml_set (root, "seed", ts_yaml_new_scalar (seed));
  }
  if (options != NULL && options->expect_path != NULL &&
      !ts_yaml_take_expectations (root, options->expect_path, problems))
    return NULL;
  if (!ts_schema_check (root, problems))
    return NULL;

  TsYaml *expanded = ts_count_expand (root);
  if (expanded != NULL)
    root = scenario->expanded = expanded;
  Build build = {.scenario = scenario, .problems = problems, .root = root};
  build_head (&build);
  build_sites_and_hosts (&build);
  build_vms (&build);
  check_extended (&build);
  build_workloads (&build);
  build_links (&build);
  build_policies (&build);
  ts_scenario_build_management (scenario, root, problems);
  build_profile (&build);
  const TsYaml *steps = ts_yaml_get (root, "steps"), *expect = ts_yaml_get (root, "expect");
  for (guint i = 0; i < steps->items->len; i++)
    build_step (&build, steps->items->pdata[i]);
  if (!ts_problems_any (problems))
    check_cycles (&build);
  for (guint i = 0; i < expect->items->len; i++)
    build_expectation (&build, expect->items->pdata[i]);
  const TsYaml *published = ts_yaml_get (root, "published");
  for (guint i = 0; i < published->items->len; i++)
    build_published (&build, published->items->pdata[i]);
  copy_words (ts_yaml_get (root, "must_fail"), scenario->expectations->must_fail);
  copy_words (ts_yaml_get (root, "allow"), scenario->expectations->allow);
  if (ts_problems_any (problems))
    return NULL;
  const TsYaml *lab = ts_yaml_get (root, "lab");
  ts_scenario_set_time_scale (scenario,
                              (guint32)ts_value_integer (ts_yaml_get (lab, "time_scale")));
  return g_steal_pointer (&scenario);
}

TsScenario *
ts_scenario_load (const char *path, const TsScenarioOptions *options, TsProblems *problems)
{
  TsYaml *root = ts_yaml_load (path, problems);
  return root != NULL ? build_scenario (path, root, options, problems) : NULL;
}

TsScenario *
ts_scenario_parse (const char *path, const char *text, gsize len, const TsScenarioOptions *options,
                   TsProblems *problems)
{
  TsYaml *root = ts_yaml_parse (text, len, problems);
  return root != NULL ? build_scenario (path, root, options, problems) : NULL;
}

void
ts_scenario_free (TsScenario *scenario)
{
  if (scenario == NULL)
    return;
  g_free (scenario->path);
  g_free (scenario->title);
  g_ptr_array_unref (scenario->tags);
  g_ptr_array_unref (scenario->steps);
  ts_topology_free (scenario->topology);
  ts_expectations_free (scenario->expectations);
  ts_yaml_free (scenario->tree);
  ts_yaml_free (scenario->expanded);
  g_free (scenario);
}

GPtrArray *
ts_scenario_orders (const TsScenario *scenario)
{
  GPtrArray *orders = g_ptr_array_new ();
  for (guint i = 0; i < scenario->steps->len; i++) {
    TsStep *step = scenario->steps->pdata[i];
    if (step->kind == TS_STEP_DO)
      g_ptr_array_add (orders, &step->order);
  }
  return orders;
}

void
ts_scenario_set_time_scale (TsScenario *scenario, guint32 time_scale)
{
  g_assert (time_scale >= 1);
  scenario->time_scale = time_scale;
  for (guint i = 0; i < scenario->topology->policies->len; i++)
    ts_topology_policy (scenario->topology, i)->policy.time_scale = time_scale;
  g_autofree char *text = g_strdup_printf ("%u", time_scale);
  ts_yaml_set (ts_yaml_get (scenario->tree, "lab"), "time_scale", ts_yaml_new_scalar (text));
}

gint64
ts_scenario_scaled_us (const TsScenario *scenario, gint64 us)
{
  return us / scenario->time_scale;
}

char *
ts_scenario_format (const TsScenario *scenario)
{
  g_autofree char *tree = ts_yaml_format (scenario->tree);
  return g_strconcat (
      "# As it was run: all defaults, the seed and the time scale are written out.\n", tree, NULL);
}

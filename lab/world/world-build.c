/* lab/world/world-build.c -- makes a lab world and takes it down again. */
#include "lab/world/world-internal.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/link/certificate.h"
#include "lab/doctor.h"
#include "lab/machine/firmware.h"
#include "lab/machine/image.h"
#include "lab/link/link.h"
#include "lab/link/realm.h"
#include "lab/world/store.h"

/* CHOICE: what a small machine without hardware acceleration can carry at all. */
#define VMS_MAX 8
#define HOSTS_MAX 8
#define HOST_READY_US (60 * TS_S)
#define BOOT_OWN_US (10 * TS_MIN) /* CHOICE: a machine of the user's own, copied first, emulated */
#define BOOT_US (180 * TS_S) /* disks are made and filled first; a guest takes 3 s alone */

/* --- refusal ---------------------------------------------------------------------------------- */

static char *
refuse_names (const TsTopology *topology)
{
#define PLAIN                                                                                      \
  "'%s' cannot be the name of a %s in the lab: at most 40 letters, digits, '.', '_', '-'"
  for (guint i = 0; i < topology->sites->len; i++)
    if (!ts_lab_name_is_plain (ts_topology_site (topology, i)->name))
      return g_strdup_printf (PLAIN, ts_topology_site (topology, i)->name, "site");
  for (guint i = 0; i < topology->hosts->len; i++)
    if (!ts_lab_name_is_plain (ts_topology_host (topology, i)->name))
      return g_strdup_printf (PLAIN, ts_topology_host (topology, i)->name, "host");
  for (guint i = 0; i < topology->vms->len; i++) {
    const TsVmSpec *vm = ts_topology_vm (topology, i);
    if (!ts_lab_name_is_plain (vm->name))
      return g_strdup_printf (PLAIN, vm->name, "VM");
    for (guint d = 0; d < vm->disks->len; d++)
      if (!ts_lab_name_is_plain (ts_vm_spec_disk (vm, d)->name))
        return g_strdup_printf (PLAIN, ts_vm_spec_disk (vm, d)->name, "disk");
  }
  return NULL;
}

static const TsPolicySpec *
kerberos_policy (const TsTopology *topology)
{
  for (guint i = 0; i < topology->policies->len; i++) {
    const TsPolicySpec *policy = ts_topology_policy (topology, i);
    if (policy->policy.authentication == TS_AUTH_KERBEROS)
      return policy;
  }
  return NULL;
}

static char *
refuse_kerberos (const TsTopology *topology)
{
  const TsPolicySpec *policy = kerberos_policy (topology);
  g_autofree char *why = policy ? ts_lab_realm_refusal () : NULL;
  return why ? g_strdup_printf ("policy %s asks for Kerberos: %s", policy->name, why) : NULL;
}

/* Machines of the user's own: is there what they begin as? */
static char *
refuse_images (const TsTopology *topology)
{
  for (guint i = 0; i < topology->vms->len; i++) {
    const TsVmSpec *vm = ts_topology_vm (topology, i);
    g_autoptr (GError) error = NULL;
    TsLabImageFile file;
    if (!vm->image)
      continue;
    if (!ts_lab_image_file_look (vm->image->file, &file, &error))
      return g_strdup_printf ("VM %s: %s", vm->name, error->message);
    const TsDiskSpec *disk = ts_vm_spec_disk (vm, 0);
    if (file.size_bytes > disk->size_bytes)
      return g_strdup_printf ("VM %s: disk %s has %" G_GUINT64_FORMAT
                              " bytes, its image %" G_GUINT64_FORMAT,
                              vm->name, disk->name, disk->size_bytes, file.size_bytes);
    const char *code, *variables;
    if (vm->image->uefi && !ts_lab_firmware (&code, &variables, &error))
      return g_strdup_printf ("VM %s: %s", vm->name, error->message);
    const char *const others[] = {vm->image->kernel, vm->image->initrd};
    for (guint f = 0; f < G_N_ELEMENTS (others); f++)
      if (others[f] && g_access (others[f], R_OK) < 0)
        return g_strdup_printf ("VM %s: %s: %s", vm->name, others[f], g_strerror (errno));
  }
  return NULL;
}

static char *
refuse_fault (const TsTopology *topology, const TsOrder *order)
{
  const TsHostSpec *host = order->host >= 0 ? ts_topology_host (topology, (guint)order->host) : NULL;
  gboolean gone = order->verb == TS_DO_HOST_CRASH || order->verb == TS_DO_HOST_REBOOT;
  if (host && host->libvirt && (gone || order->verb == TS_DO_DISK_FULL))
    return g_strdup_printf ("step %s: the machines of host %s are another libvirtd's", order->step,
                            host->name);
  if (order->verb == TS_DO_DISK_FULL && host->log_store_bytes == 0)
    return g_strdup_printf ("step %s: host %s has no log_store of its own that could be full",
                            order->step, host->name);
  if (gone && host->log_store_bytes > 0)
    return g_strdup_printf ("step %s: the log_store of host %s is in memory and would not survive that",
                            order->step, host->name);
  for (guint i = 0; order->verb == TS_DO_SITE_DOWN && i < topology->hosts->len; i++)
    if (ts_topology_host (topology, i)->site == (guint)order->site &&
        ts_topology_host (topology, i)->log_store_bytes > 0)
      return g_strdup_printf ("step %s: the log_store of host %s is in memory and would not survive "
                              "that",
                              order->step, ts_topology_host (topology, i)->name);
  return NULL;
}

char *
ts_lab_world_refusal (const TsTopology *topology, const GPtrArray *orders)
{
  if (topology->vms->len > VMS_MAX)
    return g_strdup_printf ("%u VMs are more than the %u that the lab runs", topology->vms->len,
                            VMS_MAX);
  if (topology->hosts->len > HOSTS_MAX)
    return g_strdup_printf ("%u hosts are more than the %u that the lab runs", topology->hosts->len,
                            HOSTS_MAX);
  char *refusal = refuse_names (topology);
  if (!refusal)
    refusal = refuse_kerberos (topology);
  for (guint i = 0; !refusal && i < topology->vms->len; i++)
    if (ts_topology_vm (topology, i)->tracking == TS_TRACKING_LOG)
      refusal = g_strdup_printf ("VM %s is tracked by logs; QEMU tracks by bitmaps alone",
                                 ts_topology_vm (topology, i)->name);
  for (guint i = 0; !refusal && i < topology->workloads->len; i++)
    if (ts_topology_workload (topology, i)->region_bytes > 0)
      refusal = g_strdup_printf ("workload %s has a region, which the guest does not know",
                                 ts_topology_workload (topology, i)->name);
  if (!refusal)
    refusal = refuse_images (topology);
  if (!refusal)
    refusal = ts_lab_stores_refusal (topology);
  for (guint i = 0; !refusal && orders && i < orders->len; i++) {
    const TsOrder *order = orders->pdata[i];
    refusal = refuse_fault (topology, order);
    if (refusal || order->verb != TS_DO_PROTECT || order->host < 0)
      continue;
    guint home = ts_topology_vm (topology, (guint)order->vm)->host;
    guint from = ts_topology_host (topology, home)->site;
    guint to = ts_topology_host (topology, (guint)order->host)->site;
    if (from != to && ts_topology_link_between (topology, from, to) < 0)
      refusal = g_strdup_printf ("step %s: no link joins the sites %s and %s", order->step,
                                 ts_topology_site (topology, from)->name,
                                 ts_topology_site (topology, to)->name);
  }
  return refusal;
}

/* --- what a host is told ---------------------------------------------------------------------- */

/* Hosts of one site share its address: the first has the product's ports, the next ones those
 * above (certificates) and below (Kerberos). */
static guint16
port_of (const TsTopology *topology, guint host, TsAuthentication authentication)
{
  guint before = 0;
  for (guint i = 0; i < host; i++)
    before += ts_topology_host (topology, i)->site == ts_topology_host (topology, host)->site;
  return (guint16)(authentication == TS_AUTH_KERBEROS ? TS_LAB_KERBEROS_PORT - before
                                                      : TS_LAB_PORT + before);
}

char *
ts_lab_world_link_address (guint link, guint side)
{
  return g_strdup_printf ("10.77.%u.%u", link, side + 1);
}

/* Where `to` is found from `from`; "" when there is no way. */
static char *
address_for (const TsTopology *topology, guint from, guint to)
{
  guint here = ts_topology_host (topology, from)->site;
  guint there = ts_topology_host (topology, to)->site;
  if (here == there)
    return g_strdup ("127.0.0.1");
  gint link = ts_topology_link_between (topology, here, there);
  if (link < 0)
    return g_strdup ("");
  return ts_lab_world_link_address ((guint)link, ts_topology_link (topology, (guint)link)->site[0] != there);
}

static gboolean
write_config (TsWorld *world, guint index, const char *cache, TsLabAccel accel, GError **error)
{
  const TsTopology *topology = world->topology;
  const char *name = ts_topology_host (topology, index)->name;
  g_autoptr (TsLabHostConfig) config = ts_lab_host_config_new ();
  config->kernel = ts_lab_guest_file ("vmlinuz", error);
  config->initrd = config->kernel ? ts_lab_guest_file ("initramfs", error) : NULL;
  if (!config->initrd)
    return FALSE;
  config->name = g_strdup (name);
  config->index = index;
  config->run = g_strdup (world->run);
  config->sockets = g_strdup (world->layout.sockets);
  config->control = ts_lab_path_control (&world->layout, index);
  config->cache = g_build_filename (cache, "qemu", NULL);
  config->certificates = g_strdup (world->certificates);
  config->realm = g_strdup (world->realm);
  config->origin_us = world->clock.origin_us;
  config->seed = topology->seed;
  config->settings = ts_topology_host (topology, index)->settings;
  config->log_store_bytes = ts_topology_host (topology, index)->log_store_bytes;
  config->accel = accel;
  config->port = port_of (topology, index, TS_AUTH_CERTIFICATE);
  config->kerberos_port = port_of (topology, index, TS_AUTH_KERBEROS);
  for (guint i = 0; i < topology->hosts->len; i++) {
    g_autofree char *address = address_for (topology, index, i);
    if (i == index)
      continue;
    TsLabPeer *peer = ts_lab_host_config_add_peer (config, ts_topology_host (topology, i)->name,
                                                   address, port_of (topology, i, TS_AUTH_CERTIFICATE),
                                                   port_of (topology, i, TS_AUTH_KERBEROS));
    peer->same_cloud = ts_topology_host (topology, i)->site == ts_topology_host (topology, index)->site;
  }
  ts_authorization_free (config->authorization);
  config->authorization = ts_topology_authorization (topology, index, error);
  if (!config->authorization) {
    g_prefix_error (error, "host %s: ", name);
    return FALSE;
  }
  for (guint i = 0; i < topology->vms->len; i++) {
    const TsVmSpec *spec = ts_topology_vm (topology, i);
    TsLabVmConfig *vm = ts_lab_host_config_add_vm (config, spec->name,
                                                   ts_topology_host (topology, spec->host)->name);
    vm->id = spec->id;
    if (spec->extends >= 0)
      vm->extends = g_strdup (ts_topology_vm (topology, (guint)spec->extends)->name);
    vm->memory_bytes = spec->memory_bytes;
    if (spec->image) {
      vm->image = g_strdup (spec->image->file);
      vm->kernel = g_strdup (spec->image->kernel);
      vm->initrd = g_strdup (spec->image->initrd);
      vm->cmdline = g_strdup (spec->image->cmdline);
      vm->copy_cmdline = g_strdup (spec->image->copy_cmdline);
      vm->uefi = spec->image->uefi;
      vm->agent = spec->image->agent;
    }
    if (spec->image && spec->image->nic) {
      vm->nic = TRUE;
      vm->nic_e1000 = spec->image->nic->e1000;
      vm->nic_copy_connected = spec->image->nic->copy_connected;
      vm->nic_test_isolated = spec->image->nic->test_isolated;
    }
    for (guint d = 0; d < spec->disks->len; d++) {
      const TsDiskSpec *disk = ts_vm_spec_disk (spec, d);
      ts_lab_vm_config_add_disk (vm, disk->name, disk->size_bytes, disk->fill_bytes);
      vm->disk[d].replicated = disk->replicated;
      vm->disk[d].attached = disk->attached;
    }
  }
  if (!ts_lab_store_configure (world, index, config, error))
    return FALSE;
  g_autofree char *folder = ts_lab_path_host (&world->layout, name, NULL);
  g_autofree char *path = ts_lab_path_host (&world->layout, name, "config");
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  return ts_lab_host_config_save (config, path, error) && ts_lab_management_tell_host (world, index, error);
}

/* --- building --------------------------------------------------------------------------------- */

static gboolean
make_folders (TsWorld *world, GError **error)
{
  g_autofree char *folder = g_canonicalize_filename (world->options.folder, NULL);
  world->run = g_build_filename (folder, "lab", NULL);
  world->certificates = g_build_filename (world->run, "certificates", NULL);
  world->registration = ts_lab_register (world->run, error);
  if (!world->registration)
    return FALSE;
  world->layout = (TsLabLayout){world->run, ts_lab_registration_sockets (world->registration)};
  if (!ts_lab_remove_tree (world->run, error)) /* of an earlier run into the same folder */
    return FALSE;
  if (g_mkdir_with_parents (world->certificates, 0700) < 0)
    return ts_throw_errno (error, "make %s", world->certificates);
  if (!ts_lab_stores_make (world, error))
    return FALSE;
  if (!ts_lab_certificate_authority (world->certificates, error))
    return FALSE;
  for (guint i = 0; i < world->topology->hosts->len; i++)
    if (!ts_lab_certificate_issue (world->certificates, ts_topology_host (world->topology, i)->name,
                                   error))
      return FALSE;
  return TRUE;
}

TsLabSite *
ts_lab_world_start_site (TsWorld *world, guint index, GError **error)
{
  const char *name = ts_topology_site (world->topology, index)->name;
  g_autofree char *folder = g_strdup_printf ("%s/%s.site", world->run, name);
  g_autofree char *what = g_strconcat ("site.", name, NULL);
  if (g_mkdir_with_parents (folder, 0755) < 0) {
    ts_throw_errno (error, "make %s", folder);
    return NULL;
  }
  g_autoptr (TsLabSite) site = ts_lab_site_start (name, folder, error);
  if (!site ||
      !ts_lab_register_process (world->registration, what, ts_lab_site_pid (site), error) ||
      !ts_lab_nics_plug_in (world, index, ts_lab_site_pid (site), error))
    return NULL;
  return g_steal_pointer (&site);
}

TsLabWan *
ts_lab_world_start_link (TsWorld *world, guint index, GError **error)
{
  const TsLinkSpec *spec = ts_topology_link (world->topology, index);
  const pid_t pids[2] = {ts_lab_site_pid (world->sites->pdata[spec->site[0]]),
                         ts_lab_site_pid (world->sites->pdata[spec->site[1]])};
  g_autofree char *first = ts_lab_world_link_address (index, 0);
  g_autofree char *second = ts_lab_world_link_address (index, 1);
  const char *const addresses[2] = {first, second};
  return ts_lab_wan_start (spec->name, &spec->shape, world->topology->seed, pids, addresses, error);
}

static gboolean
start_sites (TsWorld *world, GError **error)
{
  for (guint i = 0; i < world->topology->sites->len; i++) {
    TsLabSite *site = ts_lab_world_start_site (world, i, error);
    if (!site)
      return FALSE;
    g_ptr_array_add (world->sites, site);
  }
  for (guint i = 0; i < world->topology->links->len; i++) {
    TsLabWan *wan = ts_lab_world_start_link (world, i, error);
    if (!wan)
      return FALSE;
    g_ptr_array_add (world->wans, wan);
  }
  return TRUE;
}

gboolean
ts_lab_world_serve_realm (TsWorld *world, guint site, GError **error)
{
  if (!world->realm)
    return TRUE;
  const char *name = ts_topology_site (world->topology, site)->name;
  g_autofree char *log = g_strdup_printf ("%s/%s.site/kdc.log", world->run, name);
  return ts_lab_realm_serve (world->realm, world->sites->pdata[site], name, log, error);
}

/* A domain for the hosts, with a controller at each site. */
static gboolean
make_realm (TsWorld *world, GError **error)
{
  const TsTopology *topology = world->topology;
  if (!kerberos_policy (topology))
    return TRUE;
  g_autoptr (GPtrArray) hosts = g_ptr_array_new ();
  for (guint i = 0; i < topology->hosts->len; i++)
    g_ptr_array_add (hosts, ts_topology_host (topology, i)->name);
  g_ptr_array_add (hosts, NULL);
  world->realm = g_build_filename (world->certificates, "realm", NULL);
  if (g_mkdir_with_parents (world->realm, 0700) < 0)
    return ts_throw_errno (error, "make %s", world->realm);
  if (!ts_lab_realm_create (world->realm, (const char *const *)hosts->pdata, error))
    return FALSE;
  for (guint i = 0; i < topology->sites->len; i++)
    if (!ts_lab_world_serve_realm (world, i, error))
      return FALSE;
  return TRUE;
}

/* This program, by a path that means the same inside a site. */
char *
ts_lab_world_self (GError **error)
{
  const char *told = g_getenv ("TWINSITE_SELF");
  char *path = told && *told ? g_canonicalize_filename (told, NULL)
                             : g_file_read_link ("/proc/self/exe", NULL);
  if (!path)
    ts_throw (error, TS_ERROR_UNAVAILABLE, "/proc/self/exe cannot be read: is /proc mounted?");
  return path;
}

static gboolean
all_ready (TsWorld *world)
{
  for (guint i = 0; i < world->seats->len; i++)
    if (!((const TsLabSeat *)world->seats->pdata[i])->ready)
      return FALSE;
  return TRUE;
}

TsLabSeat *
ts_lab_world_start_host (TsWorld *world, guint index, GError **error)
{
  const TsHostSpec *spec = ts_topology_host (world->topology, index);
  g_autofree char *self = ts_lab_world_self (error);
  if (!self)
    return NULL;
  g_autofree char *folder = ts_lab_path_host (&world->layout, spec->name, NULL);
  g_autofree char *log = ts_lab_path_host (&world->layout, spec->name, "host.log");
  const char *const argv[] = {self, "host", folder, NULL};
  g_autofree char *control = ts_lab_path_control (&world->layout, index);
  (void)g_unlink (control); /* of an earlier life */
  TsLabSeat *seat = ts_lab_seat_new (world, index, error);
  if (seat && !ts_lab_site_run (world->sites->pdata[spec->site], argv, log, error))
    g_clear_pointer (&seat, ts_lab_seat_free);
  return seat;
}

gboolean
ts_lab_world_wait_hosts (TsWorld *world, GError **error)
{
  if (ts_lab_world_wait (world, all_ready, HOST_READY_US, "starting the hosts", error))
    return TRUE;
  if (!world->broken)
    g_prefix_error (error, "see %s/*/host.log: ", world->run);
  return FALSE;
}

static gboolean
start_hosts (TsWorld *world, const char *cache, TsLabAccel accel, GError **error)
{
  for (guint i = 0; i < world->topology->hosts->len; i++) {
    if (!write_config (world, i, cache, accel, error))
      return FALSE;
    TsLabSeat *seat = ts_lab_world_start_host (world, i, error);
    if (!seat)
      return FALSE;
    g_ptr_array_add (world->seats, seat);
  }
  return ts_lab_world_wait_hosts (world, error);
}

/* A VM that cannot be started breaks the world (ts_lab_world_report). */
static gboolean
all_guests_ready (TsWorld *world)
{
  guint ready = 0, machines = 0;
  for (guint i = 0; i < world->guests->len; i++)
    ready += ((const TsLabGuest *)world->guests->pdata[i])->ready;
  for (guint i = 0; i < world->topology->vms->len; i++) /* an extended relation is none */
    machines += ts_topology_vm (world->topology, i)->extends < 0;
  return ready >= machines;
}

static gboolean
boot (TsWorld *world, GError **error)
{
  const TsTopology *topology = world->topology;
  for (guint i = 0; i < topology->vms->len; i++) {
    const TsVmSpec *vm = ts_topology_vm (topology, i);
    if (vm->extends < 0 &&
        !ts_lab_seat_order (world->seats->pdata[vm->host], "boot", g_variant_new ("(s)", vm->name),
                            error))
      return FALSE;
  }
  gboolean own = FALSE;
  for (guint i = 0; i < topology->vms->len; i++)
    own |= ts_topology_vm (topology, i)->image != NULL;
  gint64 patience_us = own ? BOOT_OWN_US : BOOT_US;
  if (world->options.limit_us > 0) /* of the whole run */
    patience_us = MIN (patience_us, world->options.limit_us);
  if (!ts_lab_world_wait (world, all_guests_ready, patience_us, "booting the VMs", error)) {
    g_autofree char *trouble = world->broken ? NULL : ts_lab_guests_trouble (world);
    if (trouble)
      g_prefix_error (error, "%s: ", trouble);
    return FALSE;
  }
  world->booted = TRUE;
  return TRUE;
}

static gboolean
work (TsWorld *world, GError **error)
{
  const TsTopology *topology = world->topology;
  for (guint i = 0; i < topology->vms->len; i++) {
    const TsWorkloadSpec *work = ts_topology_workload_of (topology, i);
    if (work && work->rate_per_megasecond > 0 &&
        !ts_lab_guest_start_work (ts_lab_guest_of (world, i), error))
      return FALSE;
  }
  return TRUE;
}

char *
ts_lab_world_cache (void)
{
  return g_build_filename (g_get_user_cache_dir (), "twinsite", NULL);
}

gboolean
ts_lab_world_build (TsWorld *world, GPtrArray *findings, GError **error)
{
  world->sites = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_lab_site_free);
  world->wans = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_lab_wan_free);
  world->nics = g_ptr_array_new_with_free_func (ts_lab_nic_free);
  world->seats = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_lab_seat_free);
  world->guests = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_lab_guest_free);
  world->operations = g_ptr_array_new_with_free_func (ts_lab_running_free);
  world->errands = g_ptr_array_new_with_free_func (ts_lab_errand_free);
  world->faults = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_lab_link_fault_free);
  world->worker = ts_lab_worker_new ("compare");
  world->lines = g_new0 (TsLabLine, world->topology->links->len);
  world->vms = g_new0 (TsLabVmView, world->topology->vms->len);
  for (guint i = 0; i < world->topology->vms->len; i++)
    world->vms[i] = (TsLabVmView){.primary = ts_topology_vm (world->topology, i)->host,
                                  .replica = -1,
                                  .policy = -1,
                                  .point_us = -1,
                                  .told = g_malloc0_n (world->topology->hosts->len,
                                                       sizeof *world->vms->told)};
  if (!world->options.folder)
    return ts_throw (error, TS_ERROR_ARGUMENT, "the lab needs a folder for the run");

  g_autofree char *cache = ts_lab_world_cache ();
  return make_folders (world, error) && start_sites (world, error) && make_realm (world, error) &&
         start_hosts (world, cache, ts_lab_doctor_accel (findings), error) && boot (world, error) && ts_lab_management_begin (world, error) &&
         work (world, error);
}

/* --- and down again --------------------------------------------------------------------------- */

/* Places of their own that entries name. */
static void
add_storage (TsWorld *world, guint host, GPtrArray *bulk)
{
  g_autoptr (TsAuthorization) authorization =
      ts_topology_authorization (world->topology, host, NULL);
  const char *name = ts_topology_host (world->topology, host)->name;
  TsGrant entry;
  for (guint i = 0; authorization && ts_authorization_get (authorization, i, &entry); i++)
    if (!g_str_equal (entry.storage_location, TS_STORAGE_DEFAULT))
      g_ptr_array_add (bulk, ts_lab_path_host (&world->layout, name, entry.storage_location));
}

static void
remove_bulk (TsWorld *world)
{
  if (g_getenv ("TWINSITE_KEEP"))
    return;
  g_autoptr (GPtrArray) bulk = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (bulk, g_strdup (world->certificates)); /* keys */
  for (guint i = 0; i < world->topology->hosts->len; i++) {
    static const char *const rooms[] = {"disks", "replica", "spool", "state", "config"};
    const char *host = ts_topology_host (world->topology, i)->name;
    for (guint r = 0; r < G_N_ELEMENTS (rooms); r++)
      g_ptr_array_add (bulk, ts_lab_path_host (&world->layout, host, rooms[r]));
    add_storage (world, i, bulk);
    for (guint v = 0; v < world->topology->vms->len; v++) {
      g_autofree char *scratch =
          g_strconcat ("scratch.", ts_topology_vm (world->topology, v)->name, NULL);
      g_ptr_array_add (bulk, ts_lab_path_host (&world->layout, host, scratch));
    }
  }
  for (guint i = 0; i < bulk->len; i++) {
    g_autoptr (GError) error = NULL;
    if (!ts_lab_remove_tree (bulk->pdata[i], &error))
      g_warning ("%s", error->message);
  }
}

void
ts_lab_world_demolish (TsWorld *world)
{
  /* Hosts first hear nothing more from us, then all of a site is killed at once. */
  g_clear_pointer (&world->management, ts_lab_management_free);
  g_clear_pointer (&world->errands, g_ptr_array_unref);
  g_clear_pointer (&world->guests, g_ptr_array_unref);
  g_clear_pointer (&world->seats, g_ptr_array_unref);
  g_clear_pointer (&world->nics, g_ptr_array_unref);
  g_clear_pointer (&world->wans, g_ptr_array_unref);
  g_clear_pointer (&world->sites, g_ptr_array_unref);
  g_clear_pointer (&world->worker, ts_lab_worker_free);
  g_clear_pointer (&world->operations, g_ptr_array_unref);
  g_clear_pointer (&world->faults, g_ptr_array_unref);
  if (world->registration) {
    ts_lab_stores_power_off (world, -1, TRUE);
    remove_bulk (world);
    ts_lab_stores_remove (world);
  }
  g_clear_pointer (&world->registration, ts_lab_registration_free);
  g_clear_pointer (&world->run, g_free);
  g_clear_pointer (&world->certificates, g_free);
  g_clear_pointer (&world->realm, g_free);
  for (guint i = 0; world->vms && i < world->topology->vms->len; i++) {
    g_free (world->vms[i].storage);
    g_free (world->vms[i].told);
    g_free (world->vms[i].attaching);
    g_clear_pointer (&world->vms[i].resized, g_hash_table_unref);
  }
  g_clear_pointer (&world->lines, g_free);
  g_clear_pointer (&world->vms, g_free);
}

/* lab/world/store.c -- see store.h. */
#include "lab/world/store.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/error.h"
#include "lab/machine/remote.h"

static const char *
run_id (const TsWorld *world)
{
  return strrchr (world->layout.sockets, '/') + 1;
}

/* STORE/twinsite-RUN; NULL: the host is an ordinary one. */
static char *
folder_of (const TsWorld *world, guint host)
{
  const TsHostSpec *spec = ts_topology_host (world->topology, host);
  return spec->libvirt ? g_strdup_printf ("%s/twinsite-%s", spec->store, run_id (world)) : NULL;
}

char *
ts_lab_stores_refusal (const TsTopology *topology)
{
  for (guint i = 0; i < topology->hosts->len; i++) {
    const TsHostSpec *host = ts_topology_host (topology, i);
    g_autoptr (GError) error = NULL;
    if (!host->libvirt)
      continue;
    if (!g_file_test (host->store, G_FILE_TEST_IS_DIR))
      return g_strdup_printf ("host %s: store %s: no such folder", host->name, host->store);
    if (access (host->store, W_OK | X_OK) < 0)
      return g_strdup_printf ("host %s: store %s: %s", host->name, host->store, g_strerror (errno));
    for (guint v = 0; v < topology->vms->len; v++) {
      const TsVmSpec *vm = ts_topology_vm (topology, v);
      if (vm->image && vm->image->nic)
        return g_strdup_printf ("VM %s: nic: its cable would lie in the site on this machine, and host %s "
                                "is driven elsewhere",
                                vm->name, host->name);
    }
    if (!ts_lab_remote_try (host->libvirt, &error))
      return g_strdup_printf ("host %s: %s", host->name, error->message);
  }
  return NULL;
}

static gboolean
make_folder (const char *path, GError **error)
{
  /* another user's QEMU may have to go through */
  return g_mkdir (path, 0755) == 0 || errno == EEXIST || ts_throw_errno (error, "make %s", path);
}

static gboolean
make_link (const char *target, const char *path, GError **error)
{
  return symlink (target, path) == 0 || ts_throw_errno (error, "link %s", path);
}

/* QEMU's ends of the channels are not there yet: links to where they will be. */
static gboolean
link_channels (TsWorld *world, guint host, const TsLabLayout *store, GError **error)
{
  for (guint vm = 0; vm < world->topology->vms->len; vm++) {
    g_autofree char *channel = ts_lab_path_channel (store, host, vm);
    g_autofree char *test = ts_lab_path_test_channel (store, host, vm);
    g_autofree char *here = ts_lab_path_channel (&world->layout, host, vm);
    g_autofree char *test_here = ts_lab_path_test_channel (&world->layout, host, vm);
    if (!make_link (channel, here, error) || !make_link (test, test_here, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
make_store (TsWorld *world, guint host, GError **error)
{
  const TsHostSpec *spec = ts_topology_host (world->topology, host);
  g_autofree char *folder = folder_of (world, host);
  if (!folder)
    return TRUE;
  g_autofree char *prefix = ts_lab_remote_prefix (run_id (world), spec->name);
  g_autofree char *files = g_build_filename (folder, spec->name, NULL);
  g_autofree char *sockets = g_build_filename (folder, "s", NULL);
  g_autofree char *here = g_build_filename (world->run, spec->name, NULL);
  const TsLabLayout store = {folder, sockets};
  /* Entered before there is anything. */
  return ts_lab_register_remote (world->registration, spec->name, spec->libvirt, prefix, folder,
                                 error) &&
         make_folder (folder, error) && make_folder (files, error) &&
         make_folder (sockets, error) && make_link (files, here, error) &&
         link_channels (world, host, &store, error);
}

gboolean
ts_lab_stores_make (TsWorld *world, GError **error)
{
  for (guint i = 0; i < world->topology->hosts->len; i++)
    if (!make_store (world, i, error)) {
      g_prefix_error (error, "host %s: ", ts_topology_host (world->topology, i)->name);
      return FALSE;
    }
  return TRUE;
}

/* What QEMU is started with must be where its libvirtd sees it, too. */
static gboolean
bring (const char *folder, const char *host, const char *name, char **path, GError **error)
{
  g_autofree char *data = NULL;
  gsize len = 0;
  g_autoptr (GError) why = NULL;
  if (!*path)
    return TRUE;
  g_autofree char *there = g_build_filename (folder, host, name, NULL);
  if (!g_file_get_contents (*path, &data, &len, &why) ||
      !g_file_set_contents_full (there, data, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0644, &why))
    return ts_throw (error, TS_ERROR_IO, "%s", why->message);
  g_free (*path);
  *path = g_steal_pointer (&there);
  return TRUE;
}

gboolean
ts_lab_store_configure (TsWorld *world, guint host, TsLabHostConfig *config, GError **error)
{
  const TsHostSpec *spec = ts_topology_host (world->topology, host);
  g_autofree char *folder = folder_of (world, host);
  if (!folder)
    return TRUE;
  config->libvirt = g_strdup (spec->libvirt);
  config->prefix = ts_lab_remote_prefix (run_id (world), spec->name);
  g_free (config->run);
  g_free (config->sockets);
  config->run = g_strdup (folder);
  config->sockets = g_build_filename (folder, "s", NULL);
  gboolean fine = bring (folder, spec->name, "vmlinuz", &config->kernel, error) &&
                  bring (folder, spec->name, "initramfs", &config->initrd, error);
  for (guint i = 0; fine && i < config->vms->len; i++) {
    TsLabVmConfig *vm = config->vms->pdata[i];
    g_autofree char *kernel = g_strconcat (vm->name, ".vmlinuz", NULL);
    g_autofree char *initrd = g_strconcat (vm->name, ".initrd", NULL);
    fine = bring (folder, spec->name, kernel, &vm->kernel, error) &&
           bring (folder, spec->name, initrd, &vm->initrd, error);
  }
  return fine;
}

void
ts_lab_stores_power_off (TsWorld *world, gint site, gboolean forget)
{
  for (guint i = 0; world->registration && i < world->topology->hosts->len; i++) {
    const TsHostSpec *spec = ts_topology_host (world->topology, i);
    g_autoptr (GError) error = NULL;
    if (!spec->libvirt || (site >= 0 && spec->site != (guint)site))
      continue;
    g_autofree char *prefix = ts_lab_remote_prefix (run_id (world), spec->name);
    if (!ts_lab_remote_sweep (spec->libvirt, prefix, forget, NULL, &error))
      g_warning ("host %s: machines %s* may still be there: %s", spec->name, prefix,
                 error->message);
  }
}

/* Its logs and consoles come back into the run's folder. */
static void
gather (const char *from, const char *to)
{
  g_autoptr (GDir) files = g_dir_open (from, 0, NULL);
  for (const char *name; files && (name = g_dir_read_name (files));) {
    g_autofree char *path = g_build_filename (from, name, NULL);
    g_autofree char *copy = g_build_filename (to, name, NULL);
    g_autofree char *text = NULL;
    gsize len = 0;
    if ((g_str_has_suffix (name, ".log") || g_str_has_suffix (name, ".console")) &&
        g_file_get_contents (path, &text, &len, NULL))
      g_file_set_contents (copy, text, (gssize)len, NULL);
  }
}

void
ts_lab_stores_remove (TsWorld *world)
{
  for (guint i = 0; world->registration && i < world->topology->hosts->len; i++) {
    g_autofree char *folder = folder_of (world, i);
    g_autoptr (GError) error = NULL;
    const char *name = ts_topology_host (world->topology, i)->name;
    if (!folder || g_getenv ("TWINSITE_KEEP"))
      continue;
    g_autofree char *from = g_build_filename (folder, name, NULL);
    g_autofree char *here = g_build_filename (world->run, name, NULL);
    if (g_file_test (here, G_FILE_TEST_IS_SYMLINK) && g_unlink (here) == 0 &&
        g_mkdir (here, 0755) == 0)
      gather (from, here);
    if (!ts_lab_remove_tree (folder, &error))
      g_warning ("%s", error->message);
  }
}

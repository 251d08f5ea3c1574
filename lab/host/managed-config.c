/* lab/host/managed-config.c -- who manages a host: see managed.h. */
#include "core/base/error.h"
#include "lab/host/managed.h"

/* version, server, port, clock's error, memory, storage, networks, classifications, VMs (name, network,
 * classification) */
#define CONFIG_TYPE "(usqxttasasa(sss))"
#define CONFIG_VERSION 1

static void
vm_free (gpointer data)
{
  TsLabManagedVm *vm = data;
  g_free (vm->name);
  g_free (vm->network);
  g_free (vm->classification);
  g_free (vm);
}

TsLabManagedConfig *
ts_lab_managed_config_new (void)
{
  TsLabManagedConfig *config = g_new0 (TsLabManagedConfig, 1);
  config->networks = g_ptr_array_new_with_free_func (g_free);
  config->classifications = g_ptr_array_new_with_free_func (g_free);
  config->vms = g_ptr_array_new_with_free_func (vm_free);
  return config;
}

void
ts_lab_managed_config_free (TsLabManagedConfig *config)
{
  if (!config)
    return;
  g_free (config->vmm);
  g_ptr_array_unref (config->networks);
  g_ptr_array_unref (config->classifications);
  g_ptr_array_unref (config->vms);
  g_free (config);
}

void
ts_lab_managed_config_add_vm (TsLabManagedConfig *config, const char *name, const char *network,
                              const char *classification)
{
  TsLabManagedVm *vm = g_new0 (TsLabManagedVm, 1);
  *vm = (TsLabManagedVm){g_strdup (name), g_strdup (network), g_strdup (classification)};
  g_ptr_array_add (config->vms, vm);
}

static GVariant *
texts (const GPtrArray *all)
{
  return g_variant_new_strv ((const char *const *)all->pdata, (gssize)all->len);
}

gboolean
ts_lab_managed_config_save (const TsLabManagedConfig *config, const char *path, GError **error)
{
  GVariantBuilder vms;
  g_variant_builder_init (&vms, G_VARIANT_TYPE ("a(sss)"));
  for (guint i = 0; i < config->vms->len; i++) {
    const TsLabManagedVm *vm = config->vms->pdata[i];
    g_variant_builder_add (&vms, "(sss)", vm->name, vm->network, vm->classification);
  }
  g_autoptr (GVariant) all = g_variant_ref_sink (g_variant_new (
      "(usqxtt@as@asa(sss))", CONFIG_VERSION, config->vmm, config->port, config->clock_off_us,
      config->memory_bytes, config->storage_bytes, texts (config->networks), texts (config->classifications),
      &vms));
  return g_file_set_contents (path, g_variant_get_data (all), (gssize)g_variant_get_size (all), error);
}

static void
take_texts (GVariant *from, GPtrArray *into)
{
  g_autofree const char **all = g_variant_get_strv (from, NULL);
  for (guint i = 0; all[i]; i++)
    g_ptr_array_add (into, g_strdup (all[i]));
}

TsLabManagedConfig *
ts_lab_managed_config_load (const char *path, GError **error)
{
  g_autofree char *data = NULL;
  gsize len = 0;
  if (!g_file_test (path, G_FILE_TEST_EXISTS) || !g_file_get_contents (path, &data, &len, error))
    return NULL;
  g_autoptr (GBytes) bytes = g_bytes_new (data, len);
  g_autoptr (GVariant) all =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (CONFIG_TYPE), bytes, FALSE));
  guint32 version = 0;
  if (g_variant_is_normal_form (all))
    g_variant_get_child (all, 0, "u", &version);
  if (version != CONFIG_VERSION) {
    ts_throw (error, TS_ERROR_FORMAT, "%s is not what a runner of this version writes", path);
    return NULL;
  }
  TsLabManagedConfig *config = ts_lab_managed_config_new ();
  g_autoptr (GVariant) networks = NULL, classifications = NULL, vms = NULL;
  g_variant_get (all, "(usqxtt@as@as@a(sss))", NULL, &config->vmm, &config->port, &config->clock_off_us,
                 &config->memory_bytes, &config->storage_bytes, &networks, &classifications, &vms);
  take_texts (networks, config->networks);
  take_texts (classifications, config->classifications);
  for (gsize i = 0; i < g_variant_n_children (vms); i++) {
    const char *name, *network, *classification;
    g_variant_get_child (vms, i, "(&s&s&s)", &name, &network, &classification);
    ts_lab_managed_config_add_vm (config, name, network, classification);
  }
  return config;
}

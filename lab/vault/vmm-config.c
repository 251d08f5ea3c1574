/* lab/vault/vmm-config.c -- see vmm-config.h. */
#include "lab/vault/vmm-config.h"
#include "core/base/ipv4.h"
#include "core/base/error.h"

/* version, name, server, key, vault, its address and port, certificates, control, library, port, time scale,
 * origin, clock's error, clouds (name, hosts), networks, classifications */
#define CONFIG_TYPE "(usssssqsssquxxa(sas)asas)"
#define CONFIG_VERSION 1

static void
cloud_free (gpointer data)
{
  TsVmmCloud *cloud = data;
  g_free (cloud->name);
  g_ptr_array_unref (cloud->hosts);
  g_free (cloud);
}

TsLabVmmConfig *
ts_lab_vmm_config_new (void)
{
  TsLabVmmConfig *config = g_new0 (TsLabVmmConfig, 1);
  config->time_scale = 1;
  config->clouds = g_ptr_array_new_with_free_func (cloud_free);
  config->networks = g_ptr_array_new_with_free_func (g_free);
  config->classifications = g_ptr_array_new_with_free_func (g_free);
  return config;
}

void
ts_lab_vmm_config_free (TsLabVmmConfig *config)
{
  if (!config)
    return;
  g_free (config->name);
  g_free (config->server);
  g_free (config->key);
  g_free (config->vault);
  g_free (config->vault_address);
  g_free (config->certificates);
  g_free (config->control);
  g_free (config->library);
  g_ptr_array_unref (config->clouds);
  g_ptr_array_unref (config->networks);
  g_ptr_array_unref (config->classifications);
  g_free (config);
}

void
ts_lab_vmm_config_add_cloud (TsLabVmmConfig *config, const char *name, const char *const *hosts)
{
  TsVmmCloud *cloud = g_new0 (TsVmmCloud, 1);
  cloud->name = g_strdup (name);
  cloud->hosts = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; hosts[i]; i++)
    g_ptr_array_add (cloud->hosts, g_strdup (hosts[i]));
  g_ptr_array_add (config->clouds, cloud);
}

gboolean
ts_lab_vmm_config_has_host (const TsLabVmmConfig *config, const char *host)
{
  for (guint c = 0; c < config->clouds->len; c++) {
    const TsVmmCloud *cloud = config->clouds->pdata[c];
    for (guint h = 0; h < cloud->hosts->len; h++)
      if (g_str_equal (cloud->hosts->pdata[h], host))
        return TRUE;
  }
  return FALSE;
}

TsVmmSetup *
ts_lab_vmm_config_setup (const TsLabVmmConfig *config)
{
  TsVmmSetup *setup = ts_vmm_setup_new (config->name, config->server);
  setup->time_scale = config->time_scale;
  if (config->key && *config->key) {
    g_free (setup->key);
    setup->key = g_strdup (config->key);
  }
  for (guint c = 0; c < config->clouds->len; c++) {
    const TsVmmCloud *cloud = config->clouds->pdata[c];
    g_autoptr (GPtrArray) hosts = g_ptr_array_new ();
    for (guint h = 0; h < cloud->hosts->len; h++)
      g_ptr_array_add (hosts, cloud->hosts->pdata[h]);
    g_ptr_array_add (hosts, NULL);
    ts_vmm_setup_add_cloud (setup, cloud->name, (const char *const *)hosts->pdata);
  }
  for (guint i = 0; i < config->networks->len; i++)
    {
      g_auto (GStrv) words = g_strsplit (config->networks->pdata[i], " ", 3);
      guint count = g_strv_length (words);
      const char *logical = count > 1 && !g_str_equal (words[1], "-") ? words[1] : NULL;
      TsVmmNetwork *network = ts_vmm_setup_add_network (setup, words[0], logical);
      g_auto (GStrv) ends = g_strsplit (count > 2 ? words[2] : "", "-", 2);
      if (g_strv_length (ends) == 2 && ts_ipv4_parse (ends[0], &network->pool_from, NULL, NULL))
        (void)ts_ipv4_parse (ends[1], &network->pool_to, NULL, NULL);
    }
  for (guint i = 0; i < config->classifications->len; i++)
    g_ptr_array_add (setup->classifications, g_strdup (config->classifications->pdata[i]));
  return setup;
}

/* --- the file --------------------------------------------------------------------------------- */

static GVariant *
texts (const GPtrArray *array)
{
  GVariantBuilder all;
  g_variant_builder_init (&all, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < array->len; i++)
    g_variant_builder_add (&all, "s", array->pdata[i]);
  return g_variant_builder_end (&all);
}

static const char *
or_empty (const char *text)
{
  return text ? text : "";
}

gboolean
ts_lab_vmm_config_save (const TsLabVmmConfig *config, const char *path, GError **error)
{
  GVariantBuilder clouds;
  g_variant_builder_init (&clouds, G_VARIANT_TYPE ("a(sas)"));
  for (guint i = 0; i < config->clouds->len; i++) {
    const TsVmmCloud *cloud = config->clouds->pdata[i];
    g_variant_builder_add (&clouds, "(s@as)", cloud->name, texts (cloud->hosts));
  }
  g_autoptr (GVariant) packed = g_variant_ref_sink (g_variant_new (
      "(usssssqsssquxx@a(sas)@as@as)", CONFIG_VERSION, config->name, config->server,
      or_empty (config->key), config->vault, config->vault_address, config->vault_port, config->certificates,
      config->control, or_empty (config->library), config->port, config->time_scale,
      config->origin_us, config->clock_off_us, g_variant_builder_end (&clouds),
      texts (config->networks), texts (config->classifications)));
  return g_file_set_contents_full (path, g_variant_get_data (packed), (gssize)g_variant_get_size (packed),
                                   G_FILE_SET_CONTENTS_CONSISTENT, 0600, error); /* there is a key in it */
}

static void
take_texts (GVariant *from, GPtrArray *into)
{
  g_autofree const char **all = g_variant_get_strv (from, NULL);
  for (guint i = 0; all[i]; i++)
    g_ptr_array_add (into, g_strdup (all[i]));
}

TsLabVmmConfig *
ts_lab_vmm_config_load (const char *path, GError **error)
{
  g_autofree char *data = NULL;
  gsize len_bytes;
  if (!g_file_get_contents (path, &data, &len_bytes, error))
    return NULL;
  g_autoptr (GBytes) bytes = g_bytes_new (data, len_bytes);
  g_autoptr (GVariant) packed =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (CONFIG_TYPE), bytes, FALSE));
  guint32 version = 0;
  if (g_variant_is_normal_form (packed))
    g_variant_get_child (packed, 0, "u", &version);
  if (version != CONFIG_VERSION) {
    ts_throw (error, TS_ERROR_FORMAT, "%s is not what a runner of this version writes", path);
    return NULL;
  }
  TsLabVmmConfig *config = ts_lab_vmm_config_new ();
  g_autoptr (GVariant) clouds = NULL, networks = NULL, classifications = NULL;
  g_variant_get (packed, "(usssssqsssquxx@a(sas)@as@as)", NULL, &config->name, &config->server,
                 &config->key, &config->vault, &config->vault_address, &config->vault_port, &config->certificates,
                 &config->control, &config->library, &config->port, &config->time_scale,
                 &config->origin_us, &config->clock_off_us, &clouds, &networks, &classifications);
  for (gsize i = 0; i < g_variant_n_children (clouds); i++) {
    const char *name;
    g_autofree const char **hosts = NULL;
    g_variant_get_child (clouds, i, "(&s^a&s)", &name, &hosts);
    ts_lab_vmm_config_add_cloud (config, name, hosts);
  }
  take_texts (networks, config->networks);
  take_texts (classifications, config->classifications);
  return config;
}

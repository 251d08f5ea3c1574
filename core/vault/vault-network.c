/* core/vault/vault-network.c -- the network of a test, and what a changed mapping means for replicas.
 * HVR reference 1.6, 4.4. */
#include "core/vault/vault-internal.h"

/* --- tests ------------------------------------------------------------------------------------ */

/* The name behind prefix "replicationFabrics/FABRIC/FOLDER/", in the path; NULL: it is none. */
static const char *
below (const char *path, const char *fabric, const char *folder)
{
  g_autofree char *prefix = g_strdup_printf ("replicationFabrics/%s/%s/", fabric, folder);
  return path && g_str_has_prefix (path, prefix) ? path + strlen (prefix) : NULL;
}

gboolean
ts_vault_read_test_network (TsVault *vault, TsVaultCall *call, const char *target_fabric,
                            TsFailoverHow *how)
{
  const char *type = ts_variant_text (call->properties, "networkType", "NoNetworkAttachAsInput");
  const char *id = ts_variant_text (call->properties, "networkId", NULL);
  gboolean create = g_str_equal (type, "CreateNetworkAsInput");
  how->network = "";
  if (g_str_equal (type, "NoNetworkAttachAsInput"))
    return TRUE;
  g_autofree char *path = id ? ts_vault_path (vault, id) : NULL;
  const char *name = below (path, target_fabric, "replicationNetworks");
  const char *logical = create ? below (path, target_fabric, "replicationLogicalNetworks") : NULL;
  if (!name && !logical) {
    ts_vault_refuse (vault, call, 400, 0, "properties.networkId", "%s needs a %snetwork of %s", type,
                     create ? "logical " : "", target_fabric);
    return FALSE;
  }
  g_autoptr (GVariant) entry =
      ts_vault_inventory_entry (vault, target_fabric, name ? "networks" : "logicals", name ? name : logical);
  if (!entry) {
    ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, "properties.networkId",
                     "there is no such network");
    return FALSE;
  }
  if (create && name && !*ts_variant_text (entry, "logical", "")) {
    ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, "properties.networkId",
                     "network %s is part of no logical network of which another one could be made", name);
    return FALSE;
  }
  how->network = create ? NULL : g_intern_string (name);
  how->logical = create ? g_intern_string (name ? ts_variant_text (entry, "logical", "") : logical) : NULL;
  return TRUE;
}

/* --- a mapping that changes ------------------------------------------------------------------- */

/* HVR 1.6: changing a mapping later re-connects the affected replicas.  An item that is busy is left
 * alone: what it does next goes by the mapping that counts then. */
void
ts_vault_reconnect (TsVault *vault, const TsDoc *mapping)
{
  const char *source = ts_doc_text (mapping, "source");
  g_autofree char *from = ts_path_segment (source, 0), *fabric = ts_path_segment (source, 2);
  g_autofree char *to = ts_path_segment (ts_doc_text (mapping, "target"), 0);
  g_autofree char *other = ts_path_segment (ts_doc_text (mapping, "target"), 2);
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    TsItemView view;
    ts_item_view_init (vault, item, &view);
    const char *vm = ts_doc_text (item, "vm");
    gboolean concerned = view.source && view.target && !view.failed_over && !*view.job &&
                         g_str_equal (view.source_fabric, fabric) && g_str_equal (view.target_fabric, other) &&
                         g_str_equal (view.source->network, from) && !g_str_equal (view.target->network, to);
    if (concerned) {
      TsVaultJob *job = ts_vault_job_new (vault, "UpdateNetworkMapping", "Connect the replica", item->key, vm,
                                          "ProtectedItem");
      TsFields *fields = ts_fields_new ();
      ts_vault_job_take (vault, job, item);
      ts_fields_set_text (fields, "role", "replica");
      ts_fields_set_text (fields, "network", to);
      ts_fields_set_bool (fields, "test", FALSE);
      ts_vault_task_order (vault, job, 0, "Connecting the replica's network", item, view.target_fabric, "connect",
                           fields);
      ts_vault_job_begin (vault, job, NULL);
    }
    ts_item_view_clear (&view);
  }
}

/* core/vault/vault-pair.c -- clouds paired with clouds, networks with networks, storage with
 * storage.  HVR reference 1.1, 1.6, 1.7: a cloud takes part in one pairing, as source or as target. */
#include "core/vault/vault-internal.h"

static TsDoc *
fabric_of (const TsVault *vault, const char *path)
{
  g_auto (GStrv) parts = g_strsplit (path, "/", 3);
  if (g_strv_length (parts) < 2)
    return NULL;
  g_autofree char *key = g_strdup_printf ("%s/%s", parts[0], parts[1]);
  return ts_vault_doc (vault, TS_TABLE_FABRIC, key);
}

/* Is there a thing of that kind at that path? */
static gboolean
there (const TsVault *vault, const char *path, const char *folder, const char *list)
{
  const TsDoc *fabric = fabric_of (vault, path);
  g_auto (GStrv) parts = g_strsplit (path, "/", -1);
  if (!fabric || g_strv_length (parts) != 4 || !g_str_equal (parts[2], folder))
    return FALSE;
  g_autoptr (GVariant) entry =
      ts_vault_inventory_entry (vault, ts_doc_text (fabric, "name"), list, parts[3]);
  return entry != NULL;
}

TsDoc *
ts_vault_pair_of (const TsVault *vault, const char *container, gboolean *is_source)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_MAPPING]->len; i++) {
    TsDoc *pair = vault->docs[TS_TABLE_MAPPING]->pdata[i];
    *is_source = g_str_equal (ts_doc_text (pair, "source"), container);
    if (*is_source || g_str_equal (ts_doc_text (pair, "target"), container))
      return pair;
  }
  return NULL;
}

static GVariant *
show_pair (const TsVault *vault, const TsDoc *pair)
{
  TsFields *p = ts_fields_new ();
  g_autofree char *source = ts_path_segment (ts_doc_text (pair, "source"), 0);
  g_autofree char *target = ts_path_segment (ts_doc_text (pair, "target"), 0);
  g_autofree char *policy = ts_path_segment (ts_doc_text (pair, "policy"), 0);
  ts_vault_set_id (vault, p, "targetProtectionContainerId", ts_doc_text (pair, "target"));
  ts_fields_set_text (p, "sourceProtectionContainerFriendlyName", source);
  ts_fields_set_text (p, "targetProtectionContainerFriendlyName", target);
  ts_vault_set_id (vault, p, "policyId", ts_doc_text (pair, "policy"));
  ts_fields_set_text (p, "policyFriendlyName", policy);
  ts_fields_set_text (p, "state", ts_doc_text (pair, "state"));
  ts_fields_set_text (p, "health", g_str_equal (ts_doc_text (pair, "state"), "Paired") ? "Normal" : "Warning");
  return ts_vault_resource (vault, pair->key, "mapping", p);
}

static guint
items_of (const TsVault *vault, const char *container)
{
  g_autofree char *prefix = g_strdup_printf ("%s/", container);
  guint count = 0;
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++)
    count += g_str_has_prefix (((TsDoc *)vault->docs[TS_TABLE_ITEM]->pdata[i])->key, prefix) ? 1 : 0;
  return count;
}

static void
begin_job (TsVault *vault, TsVaultCall *call, const TsDoc *pair, gboolean remove)
{
  g_autofree char *name = ts_path_segment (pair->key, 0);
  TsVaultJob *job = ts_vault_job_new (vault, remove ? "DissociatePolicy" : "AssociatePolicy",
                                      remove ? "Dissociate policy" : "Associate policy", pair->key,
                                      name, "ProtectionContainerMapping");
  ts_build_pair (vault, job, pair, remove);
  ts_vault_job_begin (vault, job, call);
}

static void
put_pair (TsVault *vault, TsVaultCall *call)
{
  g_autofree char *source = ts_path_up (call->path, 2);
  g_autofree char *target =
      ts_vault_path (vault, ts_variant_text (call->properties, "targetProtectionContainerId", ""));
  g_autofree char *policy = ts_vault_path (vault, ts_variant_text (call->properties, "policyId", ""));
  const char *folder = "replicationProtectionContainers";
  if (!there (vault, source, folder, "clouds")) {
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no cloud %s", source);
    return;
  }
  if (!target || !there (vault, target, folder, "clouds")) {
    ts_vault_refuse (vault, call, 412, 0, "properties.targetProtectionContainerId",
                     "there is no such cloud");
    return;
  }
  if (!policy || !ts_vault_doc (vault, TS_TABLE_POLICY, policy)) {
    ts_vault_refuse (vault, call, 412, 0, "properties.policyId", "there is no such policy");
    return;
  }
  if (g_str_equal (source, target)) {
    ts_vault_refuse (vault, call, 400, 0, "properties.targetProtectionContainerId",
                     "a cloud is not paired with itself");
    return;
  }
  gboolean is_source;
  TsDoc *old = ts_vault_pair_of (vault, source, &is_source);
  TsDoc *other = ts_vault_pair_of (vault, target, &is_source);
  if ((old && !g_str_equal (old->key, call->path)) || (other && other != old)) {
    const TsDoc *has = old && !g_str_equal (old->key, call->path) ? old : other;
    ts_vault_refuse (vault, call, 409, 0, NULL, "a cloud takes part in one pairing; it has %s",
                     has->key);
    return;
  }
  if (old && items_of (vault, source) > 0 &&
      (!g_str_equal (ts_doc_text (old, "target"), target) ||
       !g_str_equal (ts_doc_text (old, "policy"), policy))) {
    ts_vault_refuse (vault, call, 409, 0, NULL,
                     "items are protected by this pairing; remove it and make it anew");
    return;
  }
  if (old && !g_str_equal (ts_doc_text (old, "state"), "Paired") && *ts_doc_text (old, "job")) {
    ts_vault_refuse (vault, call, 409, TS_SITE_BUSY, NULL, "another operation is in progress");
    return;
  }
  TsDoc *pair = old ? old : ts_vault_doc_make (vault, TS_TABLE_MAPPING, call->path);
  ts_vault_set_text (vault, pair, "source", source);
  ts_vault_set_text (vault, pair, "target", target);
  ts_vault_set_text (vault, pair, "policy", policy);
  ts_vault_set_text (vault, pair, "state", "Pairing");
  begin_job (vault, call, pair, FALSE);
}

void
ts_vault_pair_request (TsVault *vault, TsVaultCall *call)
{
  TsVaultMethod method = call->route->method;
  if (method == TS_VAULT_PUT) {
    put_pair (vault, call);
    return;
  }
  if (call->route->list) {
    g_autofree char *prefix = g_strdup_printf ("%s/", call->path);
    GVariantBuilder list;
    g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < vault->docs[TS_TABLE_MAPPING]->len; i++) {
      const TsDoc *pair = vault->docs[TS_TABLE_MAPPING]->pdata[i];
      if (g_str_has_prefix (pair->key, prefix))
        ts_list_add (&list, show_pair (vault, pair));
    }
    TsFields *body = ts_fields_new ();
    ts_fields_set (body, "value", g_variant_builder_end (&list));
    ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
    return;
  }
  g_autofree char *path = method == TS_VAULT_POST ? ts_path_up (call->path, 1) : g_strdup (call->path);
  TsDoc *pair = ts_vault_doc (vault, TS_TABLE_MAPPING, path);
  if (!pair)
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no pairing %s", path);
  else if (method == TS_VAULT_GET)
    ts_vault_reply (vault, call, 200, show_pair (vault, pair), NULL);
  else if (items_of (vault, ts_doc_text (pair, "source")) > 0)
    ts_vault_refuse (vault, call, 409, 0, NULL, "items are protected by this pairing");
  else if (method == TS_VAULT_DELETE) {
    ts_vault_doc_drop (vault, pair);
    ts_vault_reply (vault, call, 204, NULL, NULL);
  } else {
    ts_vault_set_text (vault, pair, "state", "Removing");
    begin_job (vault, call, pair, TRUE);
  }
}

/* --- networks and storage --------------------------------------------------------------------- */

char *
ts_vault_mapped (const TsVault *vault, TsVaultTable table, const char *from_fabric, const char *name,
                 const char *to_fabric)
{
  gboolean network = table == TS_TABLE_NETWORK_MAPPING;
  const char *folder = network ? "replicationNetworks" : "replicationStorageClassifications";
  g_autofree char *from = g_strdup_printf ("replicationFabrics/%s/%s/%s", from_fabric, folder, name);
  g_autofree char *to = g_strdup_printf ("replicationFabrics/%s/%s/", to_fabric, folder);
  for (guint i = 0; name && *name && i < vault->docs[table]->len; i++) {
    const TsDoc *mapping = vault->docs[table]->pdata[i];
    const char *source = ts_doc_text (mapping, "source"), *target = ts_doc_text (mapping, "target");
    if (g_str_equal (source, from) && g_str_has_prefix (target, to))
      return g_strdup (target + strlen (to));
    if (g_str_equal (target, from) && g_str_has_prefix (source, to)) /* and back (HVR 1.6, failback) */
      return g_strdup (source + strlen (to));
  }
  return g_strdup ("");
}

static GVariant *
show_mapping (const TsVault *vault, const TsDoc *mapping, gboolean network)
{
  TsFields *p = ts_fields_new ();
  g_autofree char *source = ts_path_segment (ts_doc_text (mapping, "source"), 0);
  g_autofree char *target = ts_path_segment (ts_doc_text (mapping, "target"), 0);
  ts_vault_set_id (vault, p, network ? "primaryNetworkId" : "storageClassificationId",
                   ts_doc_text (mapping, "source"));
  ts_vault_set_id (vault, p, network ? "recoveryNetworkId" : "targetStorageClassificationId",
                   ts_doc_text (mapping, "target"));
  ts_fields_set_text (p, network ? "primaryNetworkFriendlyName" : "friendlyName", source);
  ts_fields_set_text (p, network ? "recoveryNetworkFriendlyName" : "targetFriendlyName", target);
  ts_fields_set_text (p, "state", "Mapped");
  return ts_vault_resource (vault, mapping->key, network ? "networkMapping" : "storageMapping", p);
}

void
ts_vault_site_mapping_request (TsVault *vault, TsVaultCall *call)
{
  const char *kind = call->route->answer;
  gboolean network = kind ? g_str_equal (kind, "networkMapping")
                          : strstr (call->path, "/replicationNetworkMappings/") != NULL;
  TsVaultTable table = network ? TS_TABLE_NETWORK_MAPPING : TS_TABLE_STORAGE_MAPPING;
  TsDoc *mapping = ts_vault_doc (vault, table, call->path);
  if (call->route->method == TS_VAULT_PUT) {
    const char *field = network ? "recoveryNetworkId" : "targetStorageClassificationId";
    const char *folder = network ? "replicationNetworks" : "replicationStorageClassifications";
    const char *list = network ? "networks" : "classifications";
    g_autofree char *source = ts_path_up (call->path, 2);
    g_autofree char *target = ts_vault_path (vault, ts_variant_text (call->properties, field, ""));
    g_autofree char *at = g_strdup_printf ("properties.%s", field);
    if (!there (vault, source, folder, list)) {
      ts_vault_refuse (vault, call, 404, 0, NULL, "there is no %s", source);
      return;
    }
    if (!target || !there (vault, target, folder, list)) {
      ts_vault_refuse (vault, call, 412, 0, at, "%s: there is no such thing", at);
      return;
    }
    for (guint i = 0; i < vault->docs[table]->len; i++) {
      const TsDoc *other = vault->docs[table]->pdata[i];
      if (other != mapping && g_str_equal (ts_doc_text (other, "source"), source)) {
        ts_vault_refuse (vault, call, 409, 0, NULL, "it is mapped already: %s", other->key);
        return;
      }
    }
    gboolean fresh = !mapping, moved = mapping && !g_str_equal (ts_doc_text (mapping, "target"), target);
    if (!mapping)
      mapping = ts_vault_doc_make (vault, table, call->path);
    ts_vault_set_text (vault, mapping, "source", source);
    ts_vault_set_text (vault, mapping, "target", target);
    if (network && moved)
      ts_vault_reconnect (vault, mapping);
    ts_vault_reply (vault, call, fresh ? 201 : 200, show_mapping (vault, mapping, network), NULL);
    return;
  }
  if (call->route->list) {
    g_autofree char *prefix = call->names[0] ? g_strdup_printf ("%s/", call->path) : g_strdup ("");
    GVariantBuilder all;
    g_variant_builder_init (&all, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < vault->docs[table]->len; i++) {
      const TsDoc *one = vault->docs[table]->pdata[i];
      if (g_str_has_prefix (one->key, prefix))
        ts_list_add (&all, show_mapping (vault, one, network));
    }
    TsFields *body = ts_fields_new ();
    ts_fields_set (body, "value", g_variant_builder_end (&all));
    ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
  } else if (!mapping)
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no mapping %s", call->path);
  else if (call->route->method == TS_VAULT_GET)
    ts_vault_reply (vault, call, 200, show_mapping (vault, mapping, network), NULL);
  else {
    ts_vault_doc_drop (vault, mapping);
    ts_vault_reply (vault, call, 204, NULL, NULL);
  }
}

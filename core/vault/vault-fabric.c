/* core/vault/vault-fabric.c -- what VMM servers have: clouds, hosts, machines, networks, storage. */
#include "core/vault/vault-internal.h"

/* --- levels ----------------------------------------------------------------------------------- */

static GPtrArray *
levels_of (const TsVault *vault, const char *fabric, const char *vm)
{
  g_autofree char *name = g_strdup_printf ("%s/%s", fabric, vm);
  return g_hash_table_lookup (vault->levels, name);
}

TsLevel *
ts_vault_level (const TsVault *vault, const char *fabric, const char *vm, TsLevelRole role)
{
  GPtrArray *levels = levels_of (vault, fabric, vm);
  for (guint i = 0; levels && i < levels->len; i++)
    if (((TsLevel *)levels->pdata[i])->role == role)
      return levels->pdata[i];
  return NULL;
}

void
ts_vault_level_keep (TsVault *vault, const char *fabric, TsLevel *level)
{
  GPtrArray *levels = levels_of (vault, fabric, level->vm);
  if (!levels) {
    levels = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_level_free);
    g_hash_table_insert (vault->levels, g_strdup_printf ("%s/%s", fabric, level->vm), levels);
  }
  for (guint i = 0; i < levels->len; i++)
    if (g_str_equal (((TsLevel *)levels->pdata[i])->host, level->host)) {
      ts_level_free (levels->pdata[i]);
      levels->pdata[i] = level;
      return;
    }
  g_ptr_array_add (levels, level);
}

static TsDoc *
item_of_vm (const TsVault *vault, const char *fabric, const char *vm)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    if (g_str_equal (ts_doc_text (item, "vm"), vm) &&
        (g_str_equal (ts_doc_text (item, "primary_fabric"), fabric) ||
         g_str_equal (ts_doc_text (item, "recovery_fabric"), fabric)))
      return item;
  }
  return NULL;
}

/* Health that has changed is an event of the published type. */
static void
tell_health (TsVault *vault, const TsLevel *old, const TsLevel *new, const TsDoc *item)
{
  if (!item || (old && old->health == new->health) || new->role == TS_LEVEL_NONE ||
      (!old && new->health <= TS_HEALTH_NORMAL))
    return;
  ts_vault_event (vault, "VmHealth",
                  new->health == TS_HEALTH_CRITICAL  ? "Critical"
                  : new->health == TS_HEALTH_WARNING ? "Warning"
                                                     : "Info",
                  new->vm, item->key, "Replication health of %s on %s is %s%s%s", new->vm, new->host,
                  ts_health_name (new->health), *new->reason ? ": " : "", new->reason);
}

void
ts_vault_levels_heard (TsVault *vault, const char *fabric, GVariant *fields)
{
  g_autoptr (GVariant) items = ts_variant_list (fields, "items");
  for (gsize i = 0; i < ts_variant_count (items); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (items, i);
    TsLevel *level = ts_level_parse (one, NULL);
    if (!level)
      continue;
    GPtrArray *known = levels_of (vault, fabric, level->vm);
    const TsLevel *old = NULL;
    for (guint k = 0; known && k < known->len; k++)
      if (g_str_equal (((TsLevel *)known->pdata[k])->host, level->host))
        old = known->pdata[k];
    TsDoc *item = item_of_vm (vault, fabric, level->vm);
    tell_health (vault, old, level, item);
    if (!old || !ts_level_same_state (old, level)) {
      g_autofree char *key = g_strdup_printf ("%s/%s/%s", fabric, level->host, level->vm);
      TsDoc *row = ts_vault_doc (vault, TS_TABLE_LEVEL, key);
      if (!row)
        row = ts_vault_doc_make (vault, TS_TABLE_LEVEL, key);
      ts_vault_set (vault, row, "level", ts_level_variant (level));
    }
    if (item)
      ts_vault_changed (vault, item->key);
    ts_vault_level_keep (vault, fabric, level);
  }
}

/* --- inventory -------------------------------------------------------------------------------- */

static GVariant *
list_of (const TsVault *vault, const char *fabric, const char *list)
{
  return ts_doc_get (ts_vault_doc (vault, TS_TABLE_INVENTORY, fabric), list);
}

GVariant *
ts_vault_inventory_entry (const TsVault *vault, const char *fabric, const char *name_of_list,
                          const char *name)
{
  GVariant *list = list_of (vault, fabric, name_of_list);
  for (gsize i = 0; i < ts_variant_count (list); i++) {
    g_autoptr (GVariant) entry = ts_variant_entry (list, i);
    if (g_variant_is_of_type (entry, G_VARIANT_TYPE_VARDICT) &&
        g_strcmp0 (ts_variant_text (entry, "name", NULL), name) == 0)
      return g_steal_pointer (&entry);
  }
  return NULL;
}

static gboolean
cloud_has_host (GVariant *cloud, const char *host)
{
  g_autoptr (GVariant) hosts = ts_variant_list (cloud, "hosts");
  for (gsize i = 0; i < ts_variant_count (hosts); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (hosts, i);
    if (g_strcmp0 (ts_variant_text (one, "name", NULL), host) == 0)
      return TRUE;
  }
  return FALSE;
}

char *
ts_vault_cloud_of_host (const TsVault *vault, const char *fabric, const char *host)
{
  GVariant *clouds = list_of (vault, fabric, "clouds");
  for (gsize i = 0; i < ts_variant_count (clouds); i++) {
    g_autoptr (GVariant) cloud = ts_variant_entry (clouds, i);
    if (cloud_has_host (cloud, host))
      return g_strdup (ts_variant_text (cloud, "name", ""));
  }
  return g_strdup ("");
}

/* --- resources -------------------------------------------------------------------------------- */

static GVariant *
show_fabric (const TsVault *vault, const TsDoc *fabric)
{
  const char *name = ts_doc_text (fabric, "name");
  const TsVaultLine *line = ts_vault_line (vault, name);
  TsFields *p = ts_fields_new ();
  GVariant *hosts = list_of (vault, name, "hosts");
  GVariantBuilder shown;
  g_variant_builder_init (&shown, G_VARIANT_TYPE ("av"));
  for (gsize i = 0; i < ts_variant_count (hosts); i++) {
    g_autoptr (GVariant) host = ts_variant_entry (hosts, i);
    TsFields *one = ts_fields_of (host);
    g_autofree char *cloud = ts_vault_cloud_of_host (vault, name, ts_variant_text (host, "name", ""));
    ts_fields_set_text (one, "cloud", cloud);
    ts_list_add (&shown, ts_fields_end (one));
  }
  ts_fields_set_text (p, "friendlyName", name);
  ts_fields_set_text (p, "health", line ? "Normal" : "Critical");
  ts_fields_set_text (p, "connectionStatus", line ? "Connected" : "NotConnected");
  ts_fields_set_text (p, "internalIdentifier", ts_doc_text (fabric, "server"));
  TsFields *custom = ts_fields_new ();
  ts_fields_set_text (custom, "instanceType", "VMM");
  ts_fields_set (custom, "hosts", g_variant_builder_end (&shown));
  ts_fields_set (p, "customDetails", ts_fields_end (custom));
  return ts_vault_resource (vault, fabric->key, "fabric", p);
}

static guint
items_of_fabric (const TsVault *vault, const char *fabric)
{
  guint count = 0;
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    const TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    count += g_str_equal (ts_doc_text (item, "primary_fabric"), fabric) ||
             g_str_equal (ts_doc_text (item, "recovery_fabric"), fabric);
  }
  return count;
}

static GVariant *
show_provider (const TsVault *vault, const TsDoc *fabric)
{
  const char *name = ts_doc_text (fabric, "name");
  const TsVaultLine *line = ts_vault_line (vault, name);
  g_autofree char *path = g_strdup_printf ("%s/replicationRecoveryServicesProviders/%s", fabric->key, name);
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "friendlyName", name);
  ts_fields_set_text (p, "fabricType", "VMM");
  ts_fields_set_text (p, "providerVersion", ts_doc_text (fabric, "version"));
  ts_fields_set_text (p, "connectionStatus", line ? "Connected" : "NotConnected");
  ts_fields_set_int (p, "protectedItemCount", (gint64)items_of_fabric (vault, name));
  ts_vault_set_time (p, "lastHeartBeat", line ? line->heard_us : 0);
  ts_fields_set_int (p, "clockDifferenceInSeconds", line ? line->skew_us / TS_S : 0);
  return ts_vault_resource (vault, path, "provider", p);
}

static GVariant *
show_cloud (const TsVault *vault, const TsDoc *fabric, GVariant *cloud)
{
  const char *name = ts_variant_text (cloud, "name", "");
  g_autofree char *path =
      g_strdup_printf ("%s/replicationProtectionContainers/%s", fabric->key, name);
  gboolean source = FALSE;
  const TsDoc *pair = ts_vault_pair_of (vault, path, &source);
  guint count = 0;
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++)
    count += g_str_has_prefix (((TsDoc *)vault->docs[TS_TABLE_ITEM]->pdata[i])->key, path) ? 1 : 0;
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "friendlyName", name);
  ts_fields_set_text (p, "fabricFriendlyName", ts_doc_text (fabric, "name"));
  ts_fields_set_text (p, "fabricType", "VMM");
  ts_fields_set_int (p, "protectedItemCount", (gint64)count);
  ts_fields_set_text (p, "pairingStatus", pair ? ts_doc_text (pair, "state") : "NotPaired");
  ts_fields_set_text (p, "role", !pair ? "" : source ? "Primary" : "Recovery");
  g_autoptr (GVariant) hosts = ts_variant_list (cloud, "hosts");
  ts_fields_set (p, "hosts", hosts);
  return ts_vault_resource (vault, path, "container", p);
}

static GVariant *
show_vm (const TsVault *vault, const TsDoc *fabric, GVariant *vm)
{
  const char *name = ts_variant_text (vm, "name", "");
  g_autofree char *path =
      g_strdup_printf ("%s/replicationProtectionContainers/%s/replicationProtectableItems/%s",
                       fabric->key, ts_variant_text (vm, "cloud", ""), name);
  const TsDoc *item = item_of_vm (vault, ts_doc_text (fabric, "name"), name);
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "friendlyName", name);
  ts_fields_set_text (p, "protectionStatus", item ? "Protected" : "Unprotected");
  ts_vault_set_id (vault, p, "replicationProtectedItemId", item ? item->key : "");
  TsFields *custom = ts_fields_new ();
  ts_fields_set_text (custom, "instanceType", "HyperVVirtualMachine");
  ts_fields_set_text (custom, "sourceItemId", ts_variant_text (vm, "id", ""));
  ts_fields_set_text (custom, "hostName", ts_variant_text (vm, "host", ""));
  ts_fields_set_int (custom, "memoryBytes", ts_variant_int (vm, "memory", 0));
  ts_fields_set_int (custom, "diskBytes", ts_variant_int (vm, "disk", 0));
  ts_fields_set_text (custom, "network", ts_variant_text (vm, "network", ""));
  ts_fields_set_text (custom, "staticAddress", ts_variant_text (vm, "address", ""));
  ts_fields_set_text (custom, "storageClassification", ts_variant_text (vm, "classification", ""));
  ts_fields_set (p, "customDetails", ts_fields_end (custom));
  return ts_vault_resource (vault, path, "protectableItem", p);
}

static GVariant *
show_named (const TsVault *vault, const TsDoc *fabric, GVariant *entry, gboolean network)
{
  const char *name = ts_variant_text (entry, "name", "");
  g_autofree char *path = g_strdup_printf (
      "%s/%s/%s", fabric->key,
      network ? "replicationNetworks" : "replicationStorageClassifications", name);
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "friendlyName", name);
  if (network) {
    ts_fields_set_text (p, "networkType", "VmNetwork");
    ts_fields_set_text (p, "logicalNetwork", ts_variant_text (entry, "logical", ""));
    ts_fields_set_text (p, "addressPool", ts_variant_text (entry, "pool", ""));
    ts_fields_set_bool (p, "madeForTest", ts_variant_bool (entry, "made", FALSE));
    ts_fields_set_text (p, "fabricType", "VMM");
  } else
    ts_fields_set_text (p, "storageClassificationFriendlyName", name);
  return ts_vault_resource (vault, path, network ? "network" : "classification", p);
}

static GVariant *
show_logical (const TsVault *vault, const TsDoc *fabric, GVariant *entry)
{
  const char *name = ts_variant_text (entry, "name", "");
  g_autofree char *path = g_strdup_printf ("%s/replicationLogicalNetworks/%s", fabric->key, name);
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "friendlyName", name);
  ts_fields_set_text (p, "networkVirtualizationStatus", "Disabled"); /* there is none here */
  ts_fields_set_text (p, "logicalNetworkDefinitionsStatus", "Enabled");
  ts_fields_set_text (p, "logicalNetworkUsage", "DirectlyConnected");
  return ts_vault_resource (vault, path, "logicalNetwork", p);
}

/* Every entry of a list of a fabric, or of all of them; only: NULL, or its name. */
static void
list_entries (const TsVault *vault, const TsDoc *fabric, const char *kind, const char *cloud,
              const char *only, GVariantBuilder *out, guint *count)
{
  gboolean logical = g_str_equal (kind, "logicalNetwork");
  const char *list_name = logical                                 ? "logicals"
                          : g_str_equal (kind, "container")       ? "clouds"
                          : g_str_equal (kind, "protectableItem") ? "vms"
                          : g_str_equal (kind, "network")         ? "networks"
                                                                  : "classifications";
  GVariant *list = list_of (vault, ts_doc_text (fabric, "name"), list_name);
  for (gsize i = 0; i < ts_variant_count (list); i++) {
    g_autoptr (GVariant) entry = ts_variant_entry (list, i);
    if (!g_variant_is_of_type (entry, G_VARIANT_TYPE_VARDICT))
      continue;
    const char *name = ts_variant_text (entry, "name", "");
    if ((only && !g_str_equal (only, name)) ||
        (cloud && g_strcmp0 (ts_variant_text (entry, "cloud", ""), cloud) != 0))
      continue;
    (*count)++;
    ts_list_add (out, logical                                 ? show_logical (vault, fabric, entry)
                      : g_str_equal (kind, "container")       ? show_cloud (vault, fabric, entry)
                      : g_str_equal (kind, "protectableItem") ? show_vm (vault, fabric, entry)
                                                              : show_named (vault, fabric, entry,
                                                                            g_str_equal (kind, "network")));
  }
}

static void
answer (TsVault *vault, TsVaultCall *call, GVariantBuilder *list, guint count)
{
  g_autoptr (GVariant) all = g_variant_ref_sink (g_variant_builder_end (list));
  if (call->route->list) {
    TsFields *body = ts_fields_new ();
    ts_fields_set (body, "value", all);
    ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
  } else if (count == 0)
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no %s %s", call->route->answer, call->path);
  else {
    g_autoptr (GVariant) one = ts_variant_entry (all, 0);
    ts_vault_reply (vault, call, 200, one, NULL);
  }
}

/* Nothing of it may be in use. */
static void
delete_fabric (TsVault *vault, TsVaultCall *call, TsDoc *fabric)
{
  const char *name = ts_doc_text (fabric, "name");
  if (items_of_fabric (vault, name) > 0) {
    ts_vault_refuse (vault, call, 409, 0, NULL, "%s has protected items", name);
    return;
  }
  g_autofree char *prefix = g_strdup_printf ("%s/", fabric->key);
  for (guint i = 0; i < vault->docs[TS_TABLE_MAPPING]->len; i++) {
    const TsDoc *pair = vault->docs[TS_TABLE_MAPPING]->pdata[i];
    if (g_str_has_prefix (pair->key, prefix) ||
        g_str_has_prefix (ts_doc_text (pair, "target"), prefix)) {
      ts_vault_refuse (vault, call, 409, 0, NULL, "a cloud of %s is paired", name);
      return;
    }
  }
  const TsVaultLine *line = ts_vault_line (vault, name);
  if (line) {
    TsVaultAction action = {.kind = TS_VAULT_ACTION_CLOSE, .connection = line->connection};
    g_array_append_val (vault->out, action);
    g_ptr_array_remove (vault->lines, (gpointer)line);
  }
  TsDoc *inventory = ts_vault_doc (vault, TS_TABLE_INVENTORY, name);
  if (inventory)
    ts_vault_doc_drop (vault, inventory);
  ts_vault_doc_drop (vault, fabric);
  ts_vault_reply (vault, call, 204, NULL, NULL);
}

void
ts_vault_fabric_request (TsVault *vault, TsVaultCall *call)
{
  const char *kind = call->route->answer;
  GVariantBuilder list;
  guint count = 0;
  if (!call->names[0]) { /* of all fabrics */
    g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < vault->docs[TS_TABLE_FABRIC]->len; i++) {
      const TsDoc *fabric = vault->docs[TS_TABLE_FABRIC]->pdata[i];
      if (g_str_equal (kind, "fabric"))
        ts_list_add (&list, show_fabric (vault, fabric));
      else
        list_entries (vault, fabric, kind, NULL, NULL, &list, &count);
    }
    answer (vault, call, &list, count);
    return;
  }
  g_autofree char *key = g_strdup_printf ("replicationFabrics/%s", call->names[0]);
  TsDoc *fabric = ts_vault_doc (vault, TS_TABLE_FABRIC, key);
  if (!fabric) {
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no VMM server %s", call->names[0]);
    return;
  }
  const char *name = call->names[1];
  if (call->route->method == TS_VAULT_DELETE) {
    delete_fabric (vault, call, fabric);
    return;
  }
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  if (g_str_equal (kind, "fabric")) {
    count = 1;
    ts_list_add (&list, show_fabric (vault, fabric));
  } else if (g_str_equal (kind, "provider")) {
    if (!name || g_str_equal (name, ts_doc_text (fabric, "name"))) {
      count = 1;
      ts_list_add (&list, show_provider (vault, fabric));
    }
    if (call->route->method == TS_VAULT_POST && count > 0)
      ts_vault_say (vault, ts_doc_text (fabric, "name"), TS_MESSAGE_REFRESH, ts_fields_new ());
  } else if (g_str_equal (kind, "protectableItem"))
    list_entries (vault, fabric, kind, name, call->names[2], &list, &count);
  else
    list_entries (vault, fabric, kind, NULL, name, &list, &count);
  answer (vault, call, &list, count);
}

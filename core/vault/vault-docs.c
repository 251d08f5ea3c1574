/* core/vault/vault-docs.c -- documents: found by key, marked when changed, put at a step's end. */
#include "core/vault/vault-internal.h"

const char *
ts_vault_table_name (TsVaultTable table)
{
  static const char *const names[TS_TABLES] = {
      [TS_TABLE_SELF] = "self",
      [TS_TABLE_KEY] = "key",
      [TS_TABLE_FABRIC] = "fabric",
      [TS_TABLE_INVENTORY] = "inventory",
      [TS_TABLE_LEVEL] = "level",
      [TS_TABLE_POLICY] = "policy",
      [TS_TABLE_MAPPING] = "mapping",
      [TS_TABLE_NETWORK_MAPPING] = "network_mapping",
      [TS_TABLE_STORAGE_MAPPING] = "storage_mapping",
      [TS_TABLE_ITEM] = "item",
      [TS_TABLE_PLAN] = "plan",
      [TS_TABLE_JOB] = "job",
      [TS_TABLE_TASK] = "task",
      [TS_TABLE_EVENT] = "event",
      [TS_TABLE_ALERT_SETTING] = "alert_setting",
      [TS_TABLE_TOLD] = "told",
  };
  return names[table];
}

void
ts_doc_free (gpointer data)
{
  TsDoc *doc = data;
  g_free (doc->key);
  ts_fields_free (doc->fields);
  g_free (doc);
}

static gboolean
find (const GPtrArray *docs, const char *key, guint *index)
{
  guint low = 0, high = docs->len;
  while (low < high) {
    guint middle = (low + high) / 2;
    int order = strcmp (((const TsDoc *)docs->pdata[middle])->key, key);
    if (order == 0) {
      *index = middle;
      return TRUE;
    }
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *index = low;
  return FALSE;
}

TsDoc *
ts_vault_doc (const TsVault *vault, TsVaultTable table, const char *key)
{
  guint index;
  return key && find (vault->docs[table], key, &index) ? vault->docs[table]->pdata[index] : NULL;
}

static TsDoc *
insert (TsVault *vault, TsVaultTable table, const char *key, TsFields *fields)
{
  guint index;
  if (find (vault->docs[table], key, &index)) {
    ts_fields_free (fields);
    return vault->docs[table]->pdata[index];
  }
  TsDoc *doc = g_new0 (TsDoc, 1);
  doc->table = table;
  doc->key = g_strdup (key);
  doc->fields = fields;
  g_ptr_array_insert (vault->docs[table], (gint)index, doc);
  return doc;
}

TsDoc *
ts_vault_doc_make (TsVault *vault, TsVaultTable table, const char *key)
{
  TsDoc *doc = insert (vault, table, key, ts_fields_new ());
  ts_vault_mark (vault, doc);
  return doc;
}

TsDoc *
ts_vault_doc_load (TsVault *vault, TsVaultTable table, const char *key, GVariant *value)
{
  return insert (vault, table, key, ts_fields_of (value));
}

void
ts_vault_doc_drop (TsVault *vault, TsDoc *doc)
{
  guint index;
  if (doc->gone || !find (vault->docs[doc->table], doc->key, &index))
    return;
  ts_vault_mark (vault, doc);
  doc->gone = TRUE;
  g_ptr_array_steal_index (vault->docs[doc->table], index);
  g_ptr_array_add (vault->gone, doc);
}

void
ts_vault_mark (TsVault *vault, TsDoc *doc)
{
  if (doc->marked)
    return;
  doc->marked = TRUE;
  g_ptr_array_add (vault->marked, doc);
}

void
ts_vault_set_text (TsVault *vault, TsDoc *doc, const char *name, const char *text)
{
  if (ts_fields_set_text (doc->fields, name, text))
    ts_vault_mark (vault, doc);
}

void
ts_vault_set_int (TsVault *vault, TsDoc *doc, const char *name, gint64 number)
{
  if (ts_fields_set_int (doc->fields, name, number))
    ts_vault_mark (vault, doc);
}

void
ts_vault_set_bool (TsVault *vault, TsDoc *doc, const char *name, gboolean yes)
{
  if (ts_fields_set_bool (doc->fields, name, yes))
    ts_vault_mark (vault, doc);
}

void
ts_vault_set (TsVault *vault, TsDoc *doc, const char *name, GVariant *value)
{
  if (ts_fields_set (doc->fields, name, value))
    ts_vault_mark (vault, doc);
}

const char *
ts_doc_text (const TsDoc *doc, const char *name)
{
  const char *text = doc ? ts_fields_text (doc->fields, name) : NULL;
  return text ? text : "";
}

gint64
ts_doc_int (const TsDoc *doc, const char *name, gint64 fallback)
{
  return doc ? ts_fields_int (doc->fields, name, fallback) : fallback;
}

gboolean
ts_doc_bool (const TsDoc *doc, const char *name)
{
  return doc && ts_fields_bool (doc->fields, name);
}

GVariant *
ts_doc_get (const TsDoc *doc, const char *name)
{
  return doc ? ts_fields_get (doc->fields, name) : NULL;
}

void
ts_vault_changed (TsVault *vault, const char *path)
{
  if (!g_ptr_array_find_with_equal_func (vault->changed, path, g_str_equal, NULL))
    g_ptr_array_add (vault->changed, g_strdup (path));
}

static TsVaultAction
row_of (const TsDoc *doc)
{
  TsVaultAction action = {.kind = doc->gone ? TS_VAULT_ACTION_DELETE : TS_VAULT_ACTION_PUT};
  action.table = ts_vault_table_name (doc->table);
  action.key = g_strdup (doc->key);
  if (!doc->gone)
    action.value = g_variant_ref_sink (ts_fields_variant (doc->fields));
  return action;
}

void
ts_vault_docs_flush (TsVault *vault)
{
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (TsVaultAction));
  for (guint i = 0; i < vault->marked->len; i++) {
    TsDoc *doc = vault->marked->pdata[i];
    TsVaultAction action = row_of (doc);
    g_array_append_val (rows, action);
    doc->marked = FALSE;
    switch (doc->table) {
    case TS_TABLE_TASK: {
      ts_vault_changed (vault, ts_doc_text (doc, "job"));
      break;
    }
    case TS_TABLE_SELF:
    case TS_TABLE_KEY:
    case TS_TABLE_INVENTORY:
    case TS_TABLE_LEVEL:
    case TS_TABLE_TOLD:
      break;
    case TS_TABLE_FABRIC:
    case TS_TABLE_POLICY:
    case TS_TABLE_MAPPING:
    case TS_TABLE_NETWORK_MAPPING:
    case TS_TABLE_STORAGE_MAPPING:
    case TS_TABLE_ITEM:
    case TS_TABLE_PLAN:
    case TS_TABLE_JOB:
    case TS_TABLE_EVENT:
    case TS_TABLE_ALERT_SETTING:
    case TS_TABLES:
    default:
      ts_vault_changed (vault, doc->key);
    }
  }
  if (rows->len > 0)
    g_array_insert_vals (vault->out, 0, rows->data, rows->len);
  g_ptr_array_set_size (vault->marked, 0);
  g_ptr_array_set_size (vault->gone, 0);
  for (guint i = 0; i < vault->changed->len; i++) {
    TsVaultAction action = {.kind = TS_VAULT_ACTION_NOTIFY};
    action.path = g_strdup (vault->changed->pdata[i]);
    g_array_append_val (vault->out, action);
  }
  g_ptr_array_set_size (vault->changed, 0);
}

/* core/vault/vault-told.c -- what leaves the vault and is no answer: records for the journal, alerts.
 *
 * Each has a number that never comes again and is a row until a later step is durable.  A vault that
 * dies between a transaction and its telling tells it anew, under the same number, when it comes back;
 * so all of it is told at least once, and who remembers the highest number hears it once. */
#include "core/vault/vault-internal.h"

static guint64
next_number (TsVault *vault)
{
  TsDoc *self = ts_vault_doc (vault, TS_TABLE_SELF, "self");
  gint64 number = ts_doc_int (self, "told", 0) + 1;
  ts_vault_set_int (vault, self, "told", number);
  return (guint64)number;
}

static void
keep (TsVault *vault, guint64 number, const char *kind, GVariant *what)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "number", (gint64)number);
  ts_fields_set (fields, kind, what);
  g_ptr_array_add (vault->telling, g_variant_ref_sink (ts_fields_end (fields)));
}

void
ts_vault_report (TsVault *vault, TsRecord *record)
{
  TsVaultAction action = {.kind = TS_VAULT_ACTION_REPORT, .record = record};
  action.number = next_number (vault);
  keep (vault, action.number, "record", ts_record_to_variant (record));
  g_array_append_val (vault->out, action);
}

void
ts_vault_alert (TsVault *vault, TsFields *alert)
{
  TsVaultAction action = {.kind = TS_VAULT_ACTION_ALERT};
  action.number = next_number (vault);
  action.value = g_variant_ref_sink (ts_fields_end (alert));
  keep (vault, action.number, "alert", action.value);
  g_array_append_val (vault->out, action);
}

/* Of an earlier life: perhaps it has been told, perhaps not. */
void
ts_vault_tell_again (TsVault *vault)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_TOLD]->len; i++) {
    GVariant *items = ts_doc_get (vault->docs[TS_TABLE_TOLD]->pdata[i], "items");
    for (gsize k = 0; k < ts_variant_count (items); k++) {
      g_autoptr (GVariant) item = ts_variant_entry (items, k);
      g_autoptr (GVariant) alert = ts_variant_dict (item, "alert");
      g_autoptr (GVariant) record = g_variant_lookup_value (item, "record", NULL);
      TsVaultAction action = {.kind = alert ? TS_VAULT_ACTION_ALERT : TS_VAULT_ACTION_REPORT};
      action.number = (guint64)ts_variant_int (item, "number", 0);
      action.value = alert ? g_variant_ref (alert) : NULL;
      action.record = record ? ts_record_from_variant (record, NULL) : NULL;
      if (action.value || action.record)
        g_array_append_val (vault->out, action);
    }
  }
}

/* At a step's end: what it tells is a row of it; rows of what was told before this step go, with a
 * transaction that is made anyway. */
void
ts_vault_told_flush (TsVault *vault)
{
  gint64 last = ts_doc_int (ts_vault_doc (vault, TS_TABLE_SELF, "self"), "told", 0);
  for (guint i = vault->marked->len > 0 ? vault->docs[TS_TABLE_TOLD]->len : 0; i > 0; i--) {
    TsDoc *old = vault->docs[TS_TABLE_TOLD]->pdata[i - 1];
    if (ts_doc_int (old, "last", 0) <= vault->settled)
      ts_vault_doc_drop (vault, old);
  }
  if (vault->telling->len > 0) {
    GVariantBuilder items;
    g_autofree char *key = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", last);
    g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < vault->telling->len; i++)
      ts_list_add (&items, vault->telling->pdata[i]);
    TsDoc *doc = ts_vault_doc_make (vault, TS_TABLE_TOLD, key);
    ts_vault_set_int (vault, doc, "last", last);
    ts_vault_set (vault, doc, "items", g_variant_builder_end (&items));
    g_ptr_array_set_size (vault->telling, 0);
  }
  vault->settled = last; /* by the next step all of this one has been performed */
}

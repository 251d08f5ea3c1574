/* core/vault/vault-effect.c -- what tasks need to know when they begin, and what they change when they
 * have been done. */
#include "core/vault/vault-internal.h"

static TsDoc *
item_of (const TsVault *vault, const TsDoc *task)
{
  const char *path = ts_doc_text (task, "item");
  return *path ? ts_vault_doc (vault, TS_TABLE_ITEM, path) : NULL;
}

/* Where the replica is to be asked for: beside who the primary is. */
static void
add_peer (const TsVault *vault, const TsDoc *item, TsFields *fields)
{
  gboolean replica = g_strcmp0 (ts_fields_text (fields, "role"), "replica") == 0;
  TsItemView view;
  ts_item_view_init (vault, item, &view);
  const char *peer = ts_doc_text (item, "recovery_host");
  const TsLevel *source = view.source;
  if (!source) /* of a reversal, in which it has taken the other part already */
    source = ts_vault_level (vault, view.source_fabric, ts_doc_text (item, "vm"), TS_LEVEL_REPLICA);
  if (replica && source)
    peer = source->host;
  else if (!replica && view.target)
    peer = view.target->host;
  ts_fields_set_text (fields, "peer", peer);
  ts_item_view_clear (&view);
}

static void
add_place (const TsVault *vault, const TsDoc *item, TsFields *fields)
{
  const char *primary = ts_doc_text (item, "primary_fabric");
  const char *recovery = ts_doc_text (item, "recovery_fabric");
  g_autoptr (GVariant) vm =
      ts_vault_inventory_entry (vault, primary, "vms", ts_doc_text (item, "vm"));
  g_autofree char *network =
      ts_vault_mapped (vault, TS_TABLE_NETWORK_MAPPING, primary,
                       ts_variant_text (vm, "network", ""), recovery);
  g_autofree char *storage =
      ts_vault_mapped (vault, TS_TABLE_STORAGE_MAPPING, primary,
                       ts_variant_text (vm, "classification", ""), recovery);
  ts_fields_set_text (fields, "item", item->key);
  ts_fields_set_int (fields, "memory", ts_variant_int (vm, "memory", 0));
  ts_fields_set_int (fields, "disk", ts_variant_int (vm, "disk", 0));
  ts_fields_set_text (fields, "cloud", ts_doc_text (item, "recovery_cloud"));
  ts_fields_set_text (fields, "network", network);
  ts_fields_set_text (fields, "classification", storage);
  ts_fields_set_text (fields, "host", ts_doc_text (item, "wanted_host"));
  ts_fields_set_text (fields, "address", ts_variant_text (vm, "address", ""));
}

GVariant *
ts_vault_order_fields (const TsVault *vault, const TsVaultJob *job, const TsDoc *task)
{
  TsFields *fields = ts_fields_of (ts_doc_get (task, "arguments"));
  const TsDoc *item = item_of (vault, task);
  const char *verb = ts_doc_text (task, "verb");
  if (item)
    ts_fields_set_text (fields, "vm", ts_doc_text (item, "vm"));
  if (g_str_equal (verb, "place") && item)
    add_place (vault, item, fields);
  else if (g_str_equal (verb, "release") && item)
    ts_fields_set_text (fields, "item", item->key);
  else if (g_str_equal (verb, "relate") && item) {
    if (!ts_variant_text (ts_doc_get (task, "arguments"), "peer", NULL))
      add_peer (vault, item, fields);
    ts_fields_set (fields, "policy", ts_vault_policy_order (vault, ts_doc_text (item, "policy")));
  }
  gint64 whole = ts_doc_int (task, "planned_if", -1); /* after a last log it is as good as planned */
  if (whole >= 0)
    ts_fields_set_bool (fields, "planned",
                        g_str_equal (ts_doc_text (job->tasks->pdata[whole], "state"), "Succeeded"));
  return ts_fields_end (fields);
}

/* --- effects ---------------------------------------------------------------------------------- */

static void
placed (TsVault *vault, TsDoc *item, const TsDoc *task)
{
  GVariant *output = ts_doc_get (task, "output");
  ts_vault_set_text (vault, item, "recovery_host", ts_variant_text (output, "host", ""));
  ts_vault_set_text (vault, item, "recovery_network", ts_variant_text (output, "network", ""));
  ts_vault_set_text (vault, item, "recovery_storage", ts_variant_text (output, "classification", ""));
  ts_vault_set_text (vault, item, "recovery_address", ts_variant_text (output, "address", ""));
  if (ts_variant_bool (output, "exhausted", FALSE))
    ts_vault_event (vault, "AddressPoolExhausted", "Warning", ts_doc_text (item, "vm"), item->key,
                    "No static address is left on network %s for the replica of %s",
                    ts_variant_text (output, "network", ""), ts_doc_text (item, "vm"));
}

static void
failed_over (TsVault *vault, TsDoc *item, const TsVaultJob *job, const TsDoc *task)
{
  gint64 whole = ts_doc_int (task, "planned_if", -1);
  gboolean planned = ts_variant_bool (ts_doc_get (task, "arguments"), "planned", FALSE) ||
                     (whole >= 0 && g_str_equal (ts_doc_text (job->tasks->pdata[whole], "state"),
                                                 "Succeeded"));
  ts_vault_set_text (vault, item, "failed_over", planned ? "planned" : "unplanned");
  ts_vault_set_bool (vault, item, "committed", FALSE);
  ts_vault_set_int (vault, item, "last_failover_us", vault->now_us);
}

static void
reversed (TsVault *vault, TsDoc *item)
{
  gboolean home = g_str_equal (ts_doc_text (item, "source_side"), "Recovery");
  ts_vault_set_text (vault, item, "source_side", home ? "Primary" : "Recovery");
  ts_vault_set_text (vault, item, "failed_over", "");
  ts_vault_set_bool (vault, item, "committed", FALSE);
}

void
ts_vault_job_effect (TsVault *vault, TsVaultJob *job, TsDoc *task)
{
  if (!task) { /* the job has ended: whose making was its matter */
    TsDoc *pair = ts_vault_doc (vault, TS_TABLE_MAPPING, ts_doc_text (job->doc, "target"));
    if (pair) /* one that was removed is no more */
      ts_vault_set_text (vault, pair, "state",
                         g_str_equal (ts_doc_text (job->doc, "state"), "Succeeded") ? "Paired"
                                                                                    : "PairingFailed");
    TsDoc *item = ts_vault_doc (vault, TS_TABLE_ITEM, ts_doc_text (job->doc, "target"));
    const char *phase = ts_doc_text (item, "phase");
    if (item && !g_str_equal (ts_doc_text (job->doc, "state"), "Succeeded") &&
        (g_str_equal (phase, "enabling") || g_str_equal (phase, "disabling")))
      ts_vault_set_text (vault, item, "phase",
                         g_str_equal (phase, "enabling") ? "enabling-failed" : "disabling-failed");
    return;
  }
  const char *effect = ts_doc_text (task, "effect");
  TsDoc *item = item_of (vault, task);
  if (g_str_equal (effect, "unpaired")) {
    TsDoc *pair = ts_vault_doc (vault, TS_TABLE_MAPPING, ts_doc_text (job->doc, "target"));
    if (pair)
      ts_vault_doc_drop (vault, pair);
  }
  if (!item || !*effect)
    return;
  if (g_str_equal (effect, "placed"))
    placed (vault, item, task);
  else if (g_str_equal (effect, "protected"))
    ts_vault_set_text (vault, item, "phase", "protected");
  else if (g_str_equal (effect, "failed-over"))
    failed_over (vault, item, job, task);
  else if (g_str_equal (effect, "committed"))
    ts_vault_set_bool (vault, item, "committed", TRUE);
  else if (g_str_equal (effect, "cancelled"))
    ts_vault_set_text (vault, item, "failed_over", "");
  else if (g_str_equal (effect, "reversed"))
    reversed (vault, item);
  else if (g_str_equal (effect, "test-started")) {
    ts_vault_set_bool (vault, item, "test", TRUE);
    ts_vault_set_int (vault, item, "test_end_us",
                      vault->now_us + ts_vault_scaled_us (vault, TS_VAULT_TEST_US));
  } else if (g_str_equal (effect, "test-stopped")) {
    ts_vault_set_bool (vault, item, "test", FALSE);
    ts_vault_set (vault, item, "test_end_us", NULL);
    ts_vault_set_int (vault, item, "last_test_us", vault->now_us);
  } else if (g_str_equal (effect, "removed"))
    ts_vault_doc_drop (vault, item);
}

/* core/vault/vault-policy.c -- replication policies.  HVR reference 4.1. */
#include "core/vault/vault-internal.h"
#include "core/relation/policy.h"

#define AHEAD_US (7 * 24 * TS_HOUR) /* HVR 2.1 InitialReplicationStartTime */

static GVariant *
show (const TsVault *vault, const TsDoc *policy)
{
  TsFields *p = ts_fields_new ();
  g_autofree char *name = ts_path_segment (policy->key, 0);
  ts_fields_set_text (p, "friendlyName", name);
  ts_fields_set (p, "providerSpecificDetails", ts_doc_get (policy, "input"));
  return ts_vault_resource (vault, policy->key, "policy", p);
}

static gboolean
used (const TsVault *vault, const char *path)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_MAPPING]->len; i++)
    if (g_str_equal (ts_doc_text (vault->docs[TS_TABLE_MAPPING]->pdata[i], "policy"), path))
      return TRUE;
  return FALSE;
}

/* Defaults filled in; NULL: refused. */
static GVariant *
fill (TsVault *vault, TsVaultCall *call, GVariant *input)
{
  TsFields *f = ts_fields_of (input);
  const char *at = "properties.providerSpecificInput";
  gboolean old = g_str_equal (ts_variant_text (input, "instanceType", ""), "HyperVReplica2012");
  gint64 authentication = ts_variant_int (input, "allowedAuthenticationType", 2);
  gint64 frequency = ts_variant_int (input, "replicationFrequencyInSeconds", 300);
  gint64 points = ts_variant_int (input, "recoveryPoints", 0);
  gint64 consistent = ts_variant_int (input, "applicationConsistentSnapshotFrequencyInHours", 0);
  const char *method = ts_variant_text (input, "initialReplicationMethod", "OverNetwork");
  const char *start = ts_variant_text (input, "onlineReplicationStartTime", NULL);
  gboolean offline = g_str_equal (method, "Offline");
  gint64 start_us = 0;
  const char *why = NULL, *field = "";
  if (frequency != 30 && frequency != 300 && frequency != 900) {
    field = "replicationFrequencyInSeconds";
    why = "expected 30, 300 or 900";
  } else if (old && frequency != 300) {
    field = "replicationFrequencyInSeconds";
    why = "hosts of 2012 replicate every 300 s";
  } else if (old && points > 15) {
    field = "recoveryPoints";
    why = "hosts of 2012 keep at most 15 additional ones";
  } else if (consistent > 0 && consistent >= points) { /* HVR 4.1 */
    field = "applicationConsistentSnapshotFrequencyInHours";
    why = "must be less than recoveryPoints";
  } else if (offline && (!ts_variant_text (input, "offlineReplicationExportPath", NULL) ||
                         !ts_variant_text (input, "offlineReplicationImportPath", NULL))) {
    field = "initialReplicationMethod";
    why = "Offline needs offlineReplicationExportPath and offlineReplicationImportPath";
  } else if (start && (!ts_vault_time_parse (start, &start_us) || start_us > vault->now_us + AHEAD_US)) {
    field = "onlineReplicationStartTime";
    why = "at most 7 days ahead";
  }
  if (why) {
    g_autofree char *target = g_strdup_printf ("%s.%s", at, field);
    ts_vault_refuse (vault, call, 400, 0, target, "%s: %s", target, why);
    ts_fields_free (f);
    return NULL;
  }
  ts_fields_set_text (f, "instanceType", old ? "HyperVReplica2012" : "HyperVReplica2012R2");
  ts_fields_set_int (f, "allowedAuthenticationType", authentication);
  ts_fields_set_int (f, "replicationPort",
                     ts_variant_int (input, "replicationPort", authentication == 1 ? 8083 : 8084));
  ts_fields_set_int (f, "replicationFrequencyInSeconds", frequency);
  ts_fields_set_int (f, "recoveryPoints", points);
  ts_fields_set_int (f, "applicationConsistentSnapshotFrequencyInHours", consistent);
  ts_fields_set_text (f, "compression", ts_variant_text (input, "compression", "Disable"));
  ts_fields_set_text (f, "replicaDeletion", ts_variant_text (input, "replicaDeletion", "NotRequired"));
  ts_fields_set_text (f, "initialReplicationMethod", method);
  ts_fields_set_text (f, "autoResynchronize", ts_variant_text (input, "autoResynchronize", "Manual"));
  ts_fields_set_int (f, "autoResynchronizeStart", ts_variant_int (input, "autoResynchronizeStart", 66600));
  ts_fields_set_int (f, "autoResynchronizeEnd", ts_variant_int (input, "autoResynchronizeEnd", 21600));
  return g_variant_ref_sink (ts_fields_end (f));
}

GVariant *
ts_vault_policy_order (const TsVault *vault, const char *path)
{
  GVariant *input = ts_doc_get (ts_vault_doc (vault, TS_TABLE_POLICY, path), "input");
  g_autofree char *name = ts_path_segment (path, 0);
  const char *resync = ts_variant_text (input, "autoResynchronize", "Manual");
  const char *start = ts_variant_text (input, "onlineReplicationStartTime", NULL);
  gint64 start_us = -1;
  TsPolicy policy;
  ts_policy_init (&policy);
  policy.frequency_us = TS_S * ts_variant_int (input, "replicationFrequencyInSeconds", 300);
  policy.time_scale = vault->time_scale;
  policy.authentication = ts_variant_int (input, "allowedAuthenticationType", 2) == 1
                              ? TS_AUTH_KERBEROS
                              : TS_AUTH_CERTIFICATE;
  policy.compression = g_str_equal (ts_variant_text (input, "compression", ""), "Enable");
  policy.recovery_points = (guint32)ts_variant_int (input, "recoveryPoints", 0);
  policy.app_consistent_us =
      TS_HOUR * ts_variant_int (input, "applicationConsistentSnapshotFrequencyInHours", 0);
  policy.resync.automatic = !g_str_equal (resync, "Manual");
  policy.resync.from_us = TS_S * ts_variant_int (input, "autoResynchronizeStart", 66600);
  policy.resync.until_us = g_str_equal (resync, "Immediate")
                               ? policy.resync.from_us
                               : TS_S * ts_variant_int (input, "autoResynchronizeEnd", 21600);
  const char *method = ts_variant_text (input, "initialReplicationMethod", "");
  policy.initial = g_str_equal (method, "Offline")  ? TS_INITIAL_EXPORT
                   : g_str_equal (method, "Seeded") ? TS_INITIAL_SEEDED
                                                    : TS_INITIAL_NETWORK;
  if (policy.initial != TS_INITIAL_EXPORT && start && ts_vault_time_parse (start, &start_us))
    policy.initial_at_us = start_us % (24 * TS_HOUR) / TS_S * TS_S;
  TsFields *f = ts_fields_new ();
  ts_fields_set_text (f, "name", name);
  ts_fields_set_int (f, "port", ts_variant_int (input, "replicationPort", 8084));
  ts_fields_set_text (f, "export_path", ts_variant_text (input, "offlineReplicationExportPath", ""));
  ts_fields_set (f, "packed", ts_policy_pack (&policy));
  return ts_fields_end (f);
}

void
ts_vault_policy_request (TsVault *vault, TsVaultCall *call)
{
  TsDoc *policy = ts_vault_doc (vault, TS_TABLE_POLICY, call->path);
  if (call->route->method == TS_VAULT_PUT) {
    g_autoptr (GVariant) input = ts_variant_dict (call->properties, "providerSpecificInput");
    g_autoptr (GVariant) filled = fill (vault, call, input);
    if (!filled)
      return;
    if (policy && used (vault, call->path) &&
        !g_variant_equal (ts_doc_get (policy, "input"), filled)) {
      ts_vault_refuse (vault, call, 409, 0, NULL,
                       "the policy is associated with clouds; make another one");
      return;
    }
    gboolean fresh = !policy;
    if (!policy)
      policy = ts_vault_doc_make (vault, TS_TABLE_POLICY, call->path);
    ts_vault_set (vault, policy, "input", filled);
    ts_vault_reply (vault, call, fresh ? 201 : 200, show (vault, policy), NULL);
    return;
  }
  if (call->route->list) {
    GVariantBuilder list;
    g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < vault->docs[TS_TABLE_POLICY]->len; i++)
      ts_list_add (&list, show (vault, vault->docs[TS_TABLE_POLICY]->pdata[i]));
    TsFields *body = ts_fields_new ();
    ts_fields_set (body, "value", g_variant_builder_end (&list));
    ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
  } else if (!policy)
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no policy %s", call->names[0]);
  else if (call->route->method == TS_VAULT_GET)
    ts_vault_reply (vault, call, 200, show (vault, policy), NULL);
  else if (used (vault, call->path))
    ts_vault_refuse (vault, call, 409, 0, NULL, "the policy is associated with clouds");
  else {
    ts_vault_doc_drop (vault, policy);
    ts_vault_reply (vault, call, 204, NULL, NULL);
  }
}

/* core/vault/vault-item.c -- a protected item: how it stands, what may be asked of it, how it is shown.
 *
 * allowedOperations is the state machine that a client sees (HVR 4.2).  It is computed from how both
 * sides stand (core/relation/state.c says which verb each state allows), never stored. */
#include "core/vault/vault-internal.h"
#include "core/relation/policy.h"

void
ts_item_view_init (const TsVault *vault, const TsDoc *item, TsItemView *view)
{
  *view = (TsItemView){.item = item};
  const char *vm = ts_doc_text (item, "vm"), *failed_over = ts_doc_text (item, "failed_over");
  view->source_is_primary = !g_str_equal (ts_doc_text (item, "source_side"), "Recovery");
  const char *primary = ts_doc_text (item, "primary_fabric");
  const char *recovery = ts_doc_text (item, "recovery_fabric");
  view->source_fabric = g_strdup (view->source_is_primary ? primary : recovery);
  view->target_fabric = g_strdup (view->source_is_primary ? recovery : primary);
  view->source = ts_vault_level (vault, view->source_fabric, vm, TS_LEVEL_PRIMARY);
  view->target = ts_vault_level (vault, view->target_fabric, vm, TS_LEVEL_REPLICA);
  view->source_connected = ts_vault_reachable (vault, view->source_fabric);
  view->target_connected = ts_vault_reachable (vault, view->target_fabric);
  view->failed_over = *failed_over != '\0';
  view->planned = g_str_equal (failed_over, "planned");
  view->committed = ts_doc_bool (item, "committed");
  view->test = view->target ? view->target->test : ts_doc_bool (item, "test");
  view->job = ts_doc_text (item, "job");
}

void
ts_item_view_clear (TsItemView *view)
{
  g_free (view->source_fabric);
  g_free (view->target_fabric);
}

/* --- what is allowed -------------------------------------------------------------------------- */

static gboolean
source_may (const TsItemView *view, TsAsk ask)
{
  return view->source && ts_state_allows (view->source->state, TS_ROLE_PRIMARY, ask);
}

static gboolean
target_may (const TsItemView *view, TsAsk ask)
{
  return view->target && ts_state_allows (view->target->state, TS_ROLE_REPLICA, ask);
}

static gboolean
target_taken (const TsItemView *view)
{
  return view->target && (view->target->state == TS_STATE_RECOVERED ||
                          view->target->state == TS_STATE_COMMITTED);
}

static gboolean
may_plan (const TsItemView *v)
{
  return !target_taken (v) && source_may (v, TS_ASK_PREPARE) && target_may (v, TS_ASK_FAILOVER) &&
         v->source->state == TS_STATE_REPLICATING;
}

static gboolean
may_fail_over (const TsItemView *v)
{
  return !target_taken (v) && target_may (v, TS_ASK_FAILOVER);
}

static gboolean
may_test (const TsItemView *v)
{
  return !v->test && target_may (v, TS_ASK_TEST_FAILOVER);
}

static gboolean
may_clean_up (const TsItemView *v)
{
  return v->test;
}

static gboolean
may_commit (const TsItemView *v)
{
  return target_may (v, TS_ASK_COMMIT);
}

static gboolean
may_cancel (const TsItemView *v)
{
  return target_may (v, TS_ASK_CANCEL_FAILOVER) ||
         (v->source && v->source->state == TS_STATE_PREPARED && !target_taken (v));
}

static gboolean
may_change (const TsItemView *v)
{
  return !v->planned && target_may (v, TS_ASK_CHANGE_POINT);
}

static gboolean
may_reverse (const TsItemView *v)
{
  return target_taken (v) && target_may (v, TS_ASK_REVERSE) && source_may (v, TS_ASK_REVERSE);
}

static gboolean
may_repair (const TsItemView *v)
{
  return source_may (v, TS_ASK_RESYNC) && !target_taken (v);
}

static gboolean
may_pause (const TsItemView *v)
{
  return source_may (v, TS_ASK_SUSPEND);
}

static gboolean
may_resume (const TsItemView *v)
{
  return source_may (v, TS_ASK_RESUME);
}

static gboolean
may_update_disks (const TsItemView *v)
{
  return source_may (v, TS_ASK_UPDATE_DISKS) && !target_taken (v);
}

static gboolean
may_move (const TsItemView *v)
{
  return source_may (v, TS_ASK_MOVE) || target_may (v, TS_ASK_MOVE);
}

static gboolean
unwell (const TsLevel *level, TsRole role)
{
  return level && level->health > TS_HEALTH_NORMAL &&
         ts_state_allows (level->state, role, TS_ASK_RESET_STATISTICS);
}

static gboolean
may_resolve (const TsItemView *v)
{
  return unwell (v->source, TS_ROLE_PRIMARY) || unwell (v->target, TS_ROLE_REPLICA);
}

static gboolean
always (const TsItemView *v)
{
  return v != NULL;
}

#define SOURCE 1u
#define TARGET 2u
static const struct {
  const char *name;
  gboolean (*may) (const TsItemView *view);
  guint needs;        /* whose Provider must be connected */
  gboolean published; /* in the enumeration of HVR 4.2; the others have routes of their own */
} operations[] = {
    {"PlannedFailover", may_plan, SOURCE | TARGET, TRUE},
    {"UnplannedFailover", may_fail_over, TARGET, TRUE},
    {"TestFailover", may_test, TARGET, TRUE},
    {"TestFailoverCleanup", may_clean_up, TARGET, TRUE},
    {"Commit", may_commit, TARGET, TRUE},
    {"ChangePit", may_change, TARGET, TRUE},
    {"CancelFailover", may_cancel, 0, TRUE}, /* looked at more closely below */
    {"ReverseReplicate", may_reverse, SOURCE | TARGET, TRUE},
    {"RepairReplication", may_repair, SOURCE, TRUE},
    {"DisableProtection", always, SOURCE | TARGET, TRUE},
    {"AddDisks", may_update_disks, SOURCE, FALSE},
    {"RemoveDisks", may_update_disks, SOURCE, FALSE},
    {"ResolveHealthErrors", may_resolve, SOURCE | TARGET, FALSE},
    {"Move", may_move, 0, FALSE}, /* of which side is looked at when that is known */
    {"Pause", may_pause, SOURCE, FALSE},
    {"Resume", may_resume, SOURCE, FALSE},
};

static guint
needed (const TsItemView *view, guint index)
{
  if (!g_str_equal (operations[index].name, "CancelFailover"))
    return operations[index].needs;
  guint needs = view->target && view->target->state == TS_STATE_RECOVERED ? TARGET : 0;
  return view->source && view->source->state == TS_STATE_PREPARED ? needs | SOURCE : needs;
}

static gboolean
connected (const TsItemView *view, guint needs)
{
  return (!(needs & SOURCE) || view->source_connected) &&
         (!(needs & TARGET) || view->target_connected);
}

static gboolean
phase_allows (const TsItemView *view, const char *operation)
{
  return g_str_equal (ts_doc_text (view->item, "phase"), "protected") ||
         g_str_equal (operation, "DisableProtection");
}

gboolean
ts_item_allows (const TsItemView *view, const char *operation)
{
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    if (g_str_equal (operations[i].name, operation))
      return !*view->job && phase_allows (view, operation) && operations[i].may (view) &&
             connected (view, needed (view, i));
  return FALSE;
}

GPtrArray *
ts_item_allowed (const TsItemView *view)
{
  GPtrArray *allowed = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    if (operations[i].published && ts_item_allows (view, operations[i].name))
      g_ptr_array_add (allowed, (gpointer)operations[i].name);
  g_ptr_array_add (allowed, NULL);
  return allowed;
}

char *
ts_item_why_not (const TsItemView *view, const char *operation, guint *status, gint64 *code)
{
  const char *vm = ts_doc_text (view->item, "vm");
  *status = 409;
  if (*view->job) {
    *code = TS_SITE_BUSY;
    return g_strdup_printf ("another operation is in progress on %s: %s", vm, view->job);
  }
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++) {
    if (!g_str_equal (operations[i].name, operation))
      continue;
    guint needs = needed (view, i);
    const char *away = (needs & SOURCE) && !view->source_connected   ? view->source_fabric
                       : (needs & TARGET) && !view->target_connected ? view->target_fabric
                                                                     : NULL;
    if (phase_allows (view, operation) && operations[i].may (view) && !away)
      return NULL;
    if (away && phase_allows (view, operation) && operations[i].may (view)) {
      *status = 503;
      *code = TS_SITE_NOT_CONNECTED;
      return g_strdup_printf ("the Provider of %s is not connected", away);
    }
    break;
  }
  *code = TS_SITE_INVALID_STATE;
  return g_strdup_printf ("%s is not allowed for %s: its source is in state %s, its replica in %s",
                          operation, vm, view->source ? ts_state_name (view->source->state) : "none",
                          view->target ? ts_state_name (view->target->state) : "none");
}

/* --- how it is shown -------------------------------------------------------------------------- */

/* Names of states that are published are those; the rest is CHOICE (HVR 4.2: list SILENT). */
const char *
ts_item_protection_state (const TsItemView *view, const char **description)
{
  static const struct {
    const char *phase, *state, *description;
  } phases[] = {
      {"enabling", "EnablingProtection", "Protection is being enabled"},
      {"enabling-failed", "EnablingFailed", "Protection could not be enabled"},
      {"disabling", "DisablingProtection", "Protection is being disabled"},
      {"disabling-failed", "DisablingFailed", "Protection could not be disabled"},
  };
  static const struct {
    TsState source;
    const char *state, *description;
  } states[] = {
      {TS_STATE_READY, "InitialReplicationPending", "Waiting for initial replication"},
      {TS_STATE_INITIAL, "InitialReplicationInProgress", "Initial replication in progress"},
      {TS_STATE_REPLICATING, "Protected", "Protected"},
      {TS_STATE_PREPARED, "PlannedFailoverInProgress", "Prepared for planned failover"},
      {TS_STATE_SUSPENDED, "ReplicationPaused", "Replication paused"},
      {TS_STATE_ERROR, "ReplicationError", "Replication error"},
      {TS_STATE_RESYNC_REQUIRED, "ResynchronizationRequired", "Resynchronization required"},
      {TS_STATE_RESYNCHRONIZING, "ResynchronizationInProgress", "Resynchronizing"},
      {TS_STATE_RESYNC_SUSPENDED, "ResynchronizationPaused", "Resynchronization paused"},
  };
  const char *phase = ts_doc_text (view->item, "phase");
  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    if (g_str_equal (phases[i].phase, phase)) {
      *description = phases[i].description;
      return phases[i].state;
    }
  if (target_taken (view)) {
    gboolean committed = view->target->state == TS_STATE_COMMITTED;
    *description = committed ? "Failover committed" : "Failover completed";
    return view->planned ? committed ? "PlannedFailoverCommitted"
                                     : "PlannedFailoverCommitPendingStatesBegin"
           : committed   ? "UnplannedFailoverCommitted"
                         : "UnplannedFailoverCommitPendingStatesBegin";
  }
  for (guint i = 0; view->source && i < G_N_ELEMENTS (states); i++)
    if (states[i].source == view->source->state) {
      *description = states[i].description;
      return states[i].state;
    }
  *description = "Not protected";
  return "UnprotectedStatesBegin";
}

static const char *
health_text (TsHealth health)
{
  static const char *const names[] = {"None", "Normal", "Warning", "Critical"};
  return names[health];
}

static TsHealth
health_of (const TsItemView *view)
{
  TsHealth health = view->source ? view->source->health : TS_HEALTH_NONE;
  return view->target ? MAX (health, view->target->health) : health;
}

static void
add_health_errors (const TsItemView *view, TsFields *p)
{
  GVariantBuilder errors;
  g_variant_builder_init (&errors, G_VARIANT_TYPE ("av"));
  const TsLevel *levels[] = {view->source, view->target};
  for (guint i = 0; i < 2; i++) {
    if (!levels[i] || levels[i]->health <= TS_HEALTH_NORMAL || !*levels[i]->reason)
      continue;
    TsFields *error = ts_fields_new ();
    ts_fields_set_text (error, "healthErrorId", i == 0 ? "source" : "replica");
    ts_fields_set_text (error, "errorSource", i == 0 ? "Primary" : "Replica");
    ts_fields_set_text (error, "errorLevel", health_text (levels[i]->health));
    ts_fields_set_text (error, "errorMessage", levels[i]->reason);
    ts_fields_set_text (error, "entityId", levels[i]->host);
    ts_list_add (&errors, ts_fields_end (error));
  }
  ts_fields_set (p, "healthErrors", g_variant_builder_end (&errors));
}

/* By the vault's clock: the sites' may be wrong, and by how much is known. */
static gint64
point_us (const TsVault *vault, const TsItemView *view)
{
  const TsLevel *level = view->target ? view->target : view->source;
  const TsVaultLine *line =
      ts_vault_line (vault, view->target ? view->target_fabric : view->source_fabric);
  return !level || level->point_us < 0 ? -1 : level->point_us - (line ? line->skew_us : 0);
}

static GVariant *
show_details (const TsVault *vault, const TsItemView *view)
{
  const TsLevel *source = view->source, *target = view->target;
  gint64 at_us = point_us (vault, view);
  TsFields *d = ts_fields_new (), *initial = ts_fields_new ();
  ts_fields_set_text (d, "instanceType", "HyperVReplica2012R2");
  ts_fields_set_text (d, "vmId", ts_doc_text (view->item, "vm_id"));
  ts_fields_set_text (d, "vmName", ts_doc_text (view->item, "vm"));
  ts_fields_set_text (d, "vmProtectionState", source ? ts_state_name (source->state) : "");
  ts_fields_set_text (d, "replicaProtectionState", target ? ts_state_name (target->state) : "");
  ts_vault_set_time (d, "lastReplicatedTime", at_us);
  ts_fields_set_int (d, "exposureInSeconds", at_us < 0 ? -1 : MAX (vault->now_us - at_us, 0) / TS_S);
  ts_fields_set_int (d, "pendingBytes", source ? source->pending_bytes : 0);
  ts_fields_set_text (d, "sourceHost", source ? source->host : "");
  ts_fields_set_text (d, "replicaHost", target ? target->host : ts_doc_text (view->item, "recovery_host"));
  ts_fields_set_text (d, "replicaNetwork", target ? target->network : ts_doc_text (view->item, "recovery_network"));
  GVariantBuilder nics;
  TsFields *nic = ts_fields_new ();
  g_variant_builder_init (&nics, G_VARIANT_TYPE ("av"));
  ts_fields_set_text (nic, "vMNetworkName", source ? source->network : "");
  ts_fields_set_text (nic, "primaryNicStaticIPAddress", ts_doc_text (view->item, "primary_address"));
  ts_fields_set_text (nic, "recoveryVMNetworkName", ts_doc_text (view->item, "recovery_network"));
  ts_fields_set_text (nic, "replicaNicStaticIPAddress", ts_doc_text (view->item, "recovery_address"));
  ts_fields_set_text (nic, "sourceAddress", source ? source->address : "");
  ts_fields_set_text (nic, "replicaAddress", target ? target->address : "");
  ts_list_add (&nics, ts_fields_end (nic));
  ts_fields_set (d, "vmNics", g_variant_builder_end (&nics));
  ts_fields_set_text (d, "testNetwork", target ? target->test_network : "");
  ts_fields_set_text (d, "sourceNetwork", source ? source->network : "");
  ts_fields_set_text (d, "replicaStorage", ts_doc_text (view->item, "recovery_storage"));
  ts_fields_set_bool (d, "sourceOn", source && source->on);
  ts_fields_set_bool (d, "replicaOn", target && target->on);
  GVariant *how =
      ts_doc_get (ts_vault_doc (vault, TS_TABLE_POLICY, ts_doc_text (view->item, "policy")), "input");
  ts_fields_set_text (initial, "initialReplicationType",
                      ts_variant_text (how, "initialReplicationMethod", "OverNetwork"));
  gint64 percent = !source || source->state == TS_STATE_READY ? 0
                   : source->state == TS_STATE_INITIAL        ? MAX (source->percent, 0)
                                                              : 100;
  ts_fields_set_int (initial, "initialReplicationProgressPercentage", percent);
  ts_fields_set (d, "initialReplicationDetails", ts_fields_end (initial));
  GVariantBuilder disks;
  g_variant_builder_init (&disks, G_VARIANT_TYPE ("av"));
  for (guint i = 0; source && source->disks && source->disks[i]; i++) {
    TsFields *disk = ts_fields_new ();
    ts_fields_set_text (disk, "vhdName", source->disks[i]);
    ts_fields_set_bool (disk, "replicated", source->replicated >> i & 1);
    ts_list_add (&disks, ts_fields_end (disk));
  }
  ts_fields_set (d, "vMDiskDetails", g_variant_builder_end (&disks));
  return ts_fields_end (d);
}

GVariant *
ts_vault_item_resource (const TsVault *vault, const TsDoc *item)
{
  TsItemView view;
  ts_item_view_init (vault, item, &view);
  const char *description = "";
  const char *state = ts_item_protection_state (&view, &description);
  g_autoptr (GPtrArray) allowed = ts_item_allowed (&view);
  GVariantBuilder operations_list;
  g_variant_builder_init (&operations_list, G_VARIANT_TYPE ("av"));
  for (guint i = 0; allowed->pdata[i]; i++)
    ts_list_add (&operations_list, g_variant_new_string (allowed->pdata[i]));
  g_autofree char *policy = ts_path_segment (ts_doc_text (item, "policy"), 0);
  g_autofree char *container = ts_path_up (item->key, 2);
  g_autofree char *vm_path =
      g_strdup_printf ("%s/replicationProtectableItems/%s", container, ts_doc_text (item, "vm"));
  g_autofree char *recovery_container =
      g_strdup_printf ("replicationFabrics/%s/replicationProtectionContainers/%s",
                       ts_doc_text (item, "recovery_fabric"), ts_doc_text (item, "recovery_cloud"));
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "friendlyName", ts_doc_text (item, "vm"));
  ts_fields_set_text (p, "label", ts_doc_text (item, "label"));
  ts_fields_set_text (p, "protectedItemType", "HyperVVirtualMachine");
  ts_vault_set_id (vault, p, "protectableItemId", vm_path);
  ts_fields_set_text (p, "primaryFabricFriendlyName", ts_doc_text (item, "primary_fabric"));
  ts_fields_set_text (p, "recoveryFabricFriendlyName", ts_doc_text (item, "recovery_fabric"));
  ts_fields_set_text (p, "primaryProtectionContainerFriendlyName", ts_doc_text (item, "primary_cloud"));
  ts_fields_set_text (p, "recoveryProtectionContainerFriendlyName", ts_doc_text (item, "recovery_cloud"));
  ts_vault_set_id (vault, p, "recoveryContainerId", recovery_container);
  ts_vault_set_id (vault, p, "policyId", ts_doc_text (item, "policy"));
  ts_fields_set_text (p, "policyFriendlyName", policy);
  ts_fields_set_text (p, "protectionState", state);
  ts_fields_set_text (p, "protectionStateDescription", description);
  ts_fields_set_text (p, "activeLocation",
                      view.source_is_primary != view.failed_over ? "Primary" : "Recovery");
  ts_fields_set_text (p, "testFailoverState", view.test ? "TestFailoverInProgress" : "None");
  ts_fields_set (p, "allowedOperations", g_variant_builder_end (&operations_list));
  ts_fields_set_text (p, "replicationHealth", health_text (health_of (&view)));
  ts_fields_set_text (p, "failoverHealth",
                      !view.target_connected                              ? "Critical"
                      : may_fail_over (&view) || target_taken (&view) ? "Normal"
                                                                          : "Warning");
  add_health_errors (&view, p);
  ts_vault_set_time (p, "lastSuccessfulFailoverTime", ts_doc_int (item, "last_failover_us", 0));
  ts_vault_set_time (p, "lastSuccessfulTestFailoverTime", ts_doc_int (item, "last_test_us", 0));
  const TsDoc *job = ts_vault_doc (vault, TS_TABLE_JOB, view.job);
  TsFields *current = ts_fields_new ();
  ts_fields_set_text (current, "scenarioName", ts_doc_text (job, "scenario"));
  ts_vault_set_id (vault, current, "jobId", view.job);
  ts_vault_set_time (current, "startTime", ts_doc_int (job, "started_us", 0));
  ts_fields_set (p, "currentScenario", ts_fields_end (current));
  g_autofree char *point =
      view.target && view.target->copy_set > 0
          ? g_strdup_printf ("%s/recoveryPoints/point-%" G_GUINT64_FORMAT, item->key, view.target->copy_set)
          : g_strdup ("");
  ts_vault_set_id (vault, p, "failoverRecoveryPointId", point);
  ts_fields_set (p, "providerSpecificDetails", show_details (vault, &view));
  GVariant *resource = ts_vault_resource (vault, item->key, "item", p);
  ts_item_view_clear (&view);
  return resource;
}

/* core/vault/vault-item-ask.c -- what is asked of protected items.  HVR reference 4.2 to 4.4. */
#include "core/vault/vault-internal.h"

/* --- enable ----------------------------------------------------------------------------------- */

static TsDoc *
item_of_vm_id (const TsVault *vault, const char *vm_id)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    if (g_str_equal (ts_doc_text (item, "vm_id"), vm_id))
      return item;
  }
  return NULL;
}

static void
enable (TsVault *vault, TsVaultCall *call)
{
  const char *fabric = call->names[0], *cloud = call->names[1];
  g_autofree char *container = ts_path_up (call->path, 2);
  g_autofree char *vm_path =
      ts_vault_path (vault, ts_variant_text (call->properties, "protectableItemId", ""));
  g_autofree char *policy = ts_vault_path (vault, ts_variant_text (call->properties, "policyId", ""));
  g_autofree char *vm_prefix = g_strdup_printf ("%s/replicationProtectableItems/", container);
  gboolean is_source = FALSE;
  const TsDoc *pair = ts_vault_pair_of (vault, container, &is_source);
  if (!pair || !is_source || !g_str_equal (ts_doc_text (pair, "state"), "Paired")) {
    ts_vault_refuse (vault, call, 412, 0, NULL, "cloud %s is not paired as a source", cloud);
    return;
  }
  if (g_strcmp0 (policy, ts_doc_text (pair, "policy")) != 0) {
    ts_vault_refuse (vault, call, 412, 0, "properties.policyId",
                     "the cloud is paired by policy %s", ts_doc_text (pair, "policy"));
    return;
  }
  if (!vm_path || !g_str_has_prefix (vm_path, vm_prefix)) {
    ts_vault_refuse (vault, call, 400, 0, "properties.protectableItemId",
                     "expected a virtual machine of cloud %s", cloud);
    return;
  }
  const char *vm = vm_path + strlen (vm_prefix);
  g_autoptr (GVariant) known = ts_vault_inventory_entry (vault, fabric, "vms", vm);
  if (!known || g_strcmp0 (ts_variant_text (known, "cloud", ""), cloud) != 0) {
    ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, "properties.protectableItemId",
                     "there is no virtual machine %s in cloud %s", vm, cloud);
    return;
  }
  TsDoc *item = ts_vault_doc (vault, TS_TABLE_ITEM, call->path);
  TsDoc *same = item_of_vm_id (vault, ts_variant_text (known, "id", ""));
  if (item && *ts_doc_text (item, "job")) {
    ts_vault_refuse (vault, call, 409, TS_SITE_BUSY, NULL, "another operation is in progress: %s",
                     ts_doc_text (item, "job"));
    return;
  }
  if ((same && same != item) || (item && !g_str_equal (ts_doc_text (item, "phase"), "enabling-failed"))) {
    ts_vault_refuse (vault, call, 409, 0, NULL, "the virtual machine is protected already: %s",
                     same ? same->key : item->key);
    return;
  }
  g_autofree char *target_fabric = ts_path_segment (ts_doc_text (pair, "target"), 2);
  const char *ends[] = {fabric, target_fabric};
  for (guint i = 0; i < 2; i++)
    if (!ts_vault_reachable (vault, ends[i])) {
      ts_vault_refuse (vault, call, 503, TS_SITE_NOT_CONNECTED, NULL,
                       "the Provider of %s is not connected", ends[i]);
      return;
    }
  g_autofree char *target_cloud = ts_path_segment (ts_doc_text (pair, "target"), 0);
  item = ts_vault_doc_make (vault, TS_TABLE_ITEM, call->path);
  ts_vault_set_text (vault, item, "vm", vm);
  ts_vault_set_text (vault, item, "primary_address", ts_variant_text (known, "address", ""));
  ts_vault_set_text (vault, item, "vm_id", ts_variant_text (known, "id", ""));
  ts_vault_set_text (vault, item, "policy", policy);
  ts_vault_set_text (vault, item, "primary_fabric", fabric);
  ts_vault_set_text (vault, item, "primary_cloud", cloud);
  ts_vault_set_text (vault, item, "recovery_fabric", target_fabric);
  ts_vault_set_text (vault, item, "recovery_cloud", target_cloud);
  ts_vault_set_text (vault, item, "wanted_host", ts_variant_text (call->properties, "recoveryHost", ""));
  ts_vault_set_text (vault, item, "source_side", "Primary");
  ts_vault_set_text (vault, item, "phase", "enabling");
  TsVaultJob *job =
      ts_vault_job_new (vault, "EnableDr", "Enable protection", item->key, vm, "ProtectedItem");
  ts_vault_job_take (vault, job, item);
  ts_build_enable (vault, job, item);
  ts_vault_job_begin (vault, job, call);
}

/* --- failovers -------------------------------------------------------------------------------- */

static const TsPoint *
find_point (const TsItemView *view, const char *path)
{
  const char *name = strrchr (path, '/');
  g_autofree char *prefix = g_strdup_printf ("%s/recoveryPoints/", view->item->key);
  guint64 set = 0;
  if (!name || !g_str_has_prefix (path, prefix) || !g_str_has_prefix (name, "/point-") ||
      !g_ascii_string_to_unsigned (name + 7, 10, 1, G_MAXINT64, &set, NULL))
    return NULL;
  for (guint i = 0; view->target && i < view->target->points->len; i++)
    if (g_array_index (view->target->points, TsPoint, i).set == set)
      return &g_array_index (view->target->points, TsPoint, i);
  return NULL;
}

/* Which recovery point the body asks for; FALSE: refused. */
static gboolean
read_point (TsVault *vault, TsVaultCall *call, const TsItemView *view, TsFailoverHow *how)
{
  const char *id = ts_variant_text (call->properties, "recoveryPointId", NULL);
  how->point_type = ts_variant_text (call->properties, "recoveryPointType", "Latest");
  if (!id)
    return TRUE;
  g_autofree char *path = ts_vault_path (vault, id);
  const TsPoint *point = path ? find_point (view, path) : NULL;
  if (!point) {
    ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, "properties.recoveryPointId",
                     "there is no such recovery point");
    return FALSE;
  }
  how->point_set = (gint64)point->set;
  return TRUE;
}

/* HVR 4.4: the direction is shown, not chosen; the other one is refused. */
static gboolean
read_direction (TsVault *vault, TsVaultCall *call, const TsItemView *view)
{
  const char *has = view->source_is_primary ? "PrimaryToRecovery" : "RecoveryToPrimary";
  const char *wanted = ts_variant_text (call->properties, "failoverDirection", has);
  if (g_str_equal (has, wanted))
    return TRUE;
  ts_vault_refuse (vault, call, 409, TS_SITE_INVALID_STATE, "properties.failoverDirection",
                   "it replicates %s; reverse replication first", has);
  return FALSE;
}

static const struct {
  const char *verb, *operation, *scenario, *friendly;
} verbs[] = {
    {"plannedFailover", "PlannedFailover", "PlannedFailover", "Planned failover"},
    {"unplannedFailover", "UnplannedFailover", "UnplannedFailover", "Failover"},
    {"testFailover", "TestFailover", "TestFailover", "Test failover"},
    {"testFailoverCleanup", "TestFailoverCleanup", "TestFailoverCleanup", "Clean up test failover"},
    {"failoverCommit", "Commit", "CommitFailover", "Commit"},
    {"failoverCancel", "CancelFailover", "CancelFailover", "Cancel failover"},
    {"applyRecoveryPoint", "ChangePit", "ChangeRecoveryPoint", "Change recovery point"},
    {"reProtect", "ReverseReplicate", "ReverseReplicate", "Reverse replicate"},
    {"repairReplication", "RepairReplication", "RepairReplication", "Repair replication"},
    {"addDisks", "AddDisks", "AddDisks", "Add disks"},
    {"removeDisks", "RemoveDisks", "RemoveDisks", "Remove disks"},
    {"resolveHealthErrors", "ResolveHealthErrors", "ResolveHealthErrors", "Resolve health errors"},
    {"move", "Move", "Move", "Move"},
    {"pauseReplication", "Pause", "PauseReplication", "Pause replication"},
    {"resumeReplication", "Resume", "ResumeReplication", "Resume replication"},
    {"remove", "DisableProtection", "DisableDr", "Disable protection"},
};

static void
report_commanded (TsVault *vault, const TsItemView *view, gboolean planned)
{
  const char *vm = ts_doc_text (view->item, "vm");
  const char *host = view->target ? view->target->host : "";
  g_autofree char *source = g_strdup_printf ("%s@%s", vm, host);
  TsRecord *record = ts_record_new (0, source, "failover");
  ts_record_text (record, "vm", vm);
  ts_record_text (record, "host", host);
  ts_record_bool (record, "planned", planned);
  ts_vault_report (vault, ts_record_text (record, "phase", "commanded"));
}

/* Are they all disks of it?  FALSE: refused. */
static gboolean
read_disks (TsVault *vault, TsVaultCall *call, const TsItemView *view)
{
  g_autoptr (GVariant) names = ts_variant_list (call->properties, "disks");
  for (gsize i = 0; i < ts_variant_count (names); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (names, i);
    const char *name = g_variant_get_string (one, NULL);
    if (view->source->disks && g_strv_contains ((const char *const *)view->source->disks, name))
      continue;
    g_autofree char *target = g_strdup_printf ("properties.disks[%" G_GSIZE_FORMAT "]", i);
    ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, target, "%s: %s has no disk %.64s", target,
                     ts_doc_text (view->item, "vm"), name);
    return FALSE;
  }
  return TRUE;
}

/* May that side of it go?  FALSE: refused. */
static gboolean
read_move (TsVault *vault, TsVaultCall *call, const TsItemView *view, TsRole *role)
{
  const char *host = ts_variant_text (call->properties, "host", "");
  const char *side = ts_variant_text (call->properties, "side", NULL);
  g_autofree char *there = ts_vault_cloud_of_host (vault, view->target_fabric, host);
  g_autofree char *of_target = ts_vault_cloud_of_host (vault, view->target_fabric, view->target ? view->target->host : "");
  /* unless said it is the one that is in that host's cloud */
  gboolean replica = side ? g_str_equal (side, "replica") : *there != '\0' && g_str_equal (there, of_target);
  g_autofree char *to = ts_vault_cloud_of_host (vault, replica ? view->target_fabric : view->source_fabric, host);
  const TsLevel *level = replica ? view->target : view->source;
  const char *fabric = replica ? view->target_fabric : view->source_fabric;
  *role = replica ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY;
  if (!(replica ? view->target_connected : view->source_connected)) {
    ts_vault_refuse (vault, call, 503, TS_SITE_NOT_CONNECTED, NULL, "the Provider of %s is not connected", fabric);
    return FALSE;
  }
  g_autofree char *from = ts_vault_cloud_of_host (vault, fabric, level ? level->host : "");
  if (*to == '\0' || !g_str_equal (to, from)) {
    ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, "properties.host", "properties.host: %.64s is no host of cloud %s",
                     host, from);
    return FALSE;
  }
  if (level && ts_state_allows (level->state, *role, TS_ASK_MOVE))
    return TRUE;
  ts_vault_refuse (vault, call, 409, TS_SITE_INVALID_STATE, NULL, "Move is not allowed for %s: its %s is in state %s",
                   ts_doc_text (view->item, "vm"), replica ? "replica" : "source",
                   level ? ts_state_name (level->state) : "none");
  return FALSE;
}

/* Are those errors there?  FALSE: refused. */
static gboolean
read_errors (TsVault *vault, TsVaultCall *call, const TsItemView *view, gboolean *source, gboolean *target)
{
  g_autoptr (GVariant) list = ts_variant_list (call->properties, "healthErrors");
  gboolean all = ts_variant_count (list) == 0;
  gboolean bad_source = view->source && view->source->health > TS_HEALTH_NORMAL;
  gboolean bad_target = view->target && view->target->health > TS_HEALTH_NORMAL;
  *source = all && bad_source;
  *target = all && bad_target;
  for (gsize i = 0; i < ts_variant_count (list); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (list, i);
    const char *id = ts_variant_text (one, "healthErrorId", "");
    if (g_str_equal (id, "source") && bad_source)
      *source = TRUE;
    else if (g_str_equal (id, "replica") && bad_target)
      *target = TRUE;
    else {
      g_autofree char *at = g_strdup_printf ("properties.healthErrors[%" G_GSIZE_FORMAT "].healthErrorId", i);
      ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, at, "%s: there is no such error now", at);
      return FALSE;
    }
  }
  return TRUE;
}

static void
begin (TsVault *vault, TsVaultCall *call, TsDoc *item, const TsItemView *view, guint index)
{
  const char *operation = verbs[index].operation;
  TsFailoverHow how = {0};
  gboolean planned = g_str_equal (operation, "PlannedFailover");
  gboolean unplanned = g_str_equal (operation, "UnplannedFailover");
  gboolean test = g_str_equal (operation, "TestFailover");
  gboolean change = g_str_equal (operation, "ChangePit");
  gboolean disks = g_str_equal (operation, "AddDisks") || g_str_equal (operation, "RemoveDisks");
  gboolean resolve = g_str_equal (operation, "ResolveHealthErrors"), source = FALSE, target = FALSE;
  gboolean move = g_str_equal (operation, "Move");
  TsRole role = TS_ROLE_PRIMARY;
  if ((disks && !read_disks (vault, call, view)) || (move && !read_move (vault, call, view, &role)) ||
      (resolve && !read_errors (vault, call, view, &source, &target)))
    return;
  how.type = planned ? TS_FAILOVER_PLANNED : test ? TS_FAILOVER_TEST : TS_FAILOVER_UNPLANNED;
  how.shut_down_first =
      unplanned && g_str_equal (ts_variant_text (call->properties, "sourceSiteOperations", ""), "Required");
  if (((planned || unplanned || test) && !read_direction (vault, call, view)) ||
      ((unplanned || test || change) && !read_point (vault, call, view, &how)) ||
      (test && !ts_vault_read_test_network (vault, call, view->target_fabric, &how)))
    return;
  if (change && how.point_set == 0) { /* by its name, so that it can be seen when it is there */
    gboolean consistent = g_str_equal (how.point_type, "LatestApplicationConsistent");
    for (guint i = 0; i < view->target->points->len; i++) {
      const TsPoint *point = &g_array_index (view->target->points, TsPoint, i);
      if (!consistent || point->type == TS_POINT_CONSISTENT)
        how.point_set = (gint64)point->set;
    }
    if (how.point_set == 0) {
      ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, "properties.recoveryPointType",
                       "there is no such recovery point");
      return;
    }
  }
  TsVaultJob *job = ts_vault_job_new (vault, verbs[index].scenario, verbs[index].friendly, item->key,
                                      ts_doc_text (item, "vm"), "ProtectedItem");
  ts_vault_job_take (vault, job, item);
  if (g_str_equal (operation, "DisableProtection")) {
    ts_vault_set_text (vault, item, "phase", "disabling");
    ts_build_remove (vault, job, item);
  } else if (disks) {
    g_autoptr (GVariant) names = ts_variant_list (call->properties, "disks");
    ts_build_disks (vault, job, item, names, g_str_equal (operation, "AddDisks"));
  } else if (move)
    ts_build_move (vault, job, item, role, ts_variant_text (call->properties, "host", ""));
  else if (resolve)
    ts_build_resolve (vault, job, item, source, target);
  else if (planned || unplanned || test) {
    if (!test)
      report_commanded (vault, view, planned);
    ts_build_failover (vault, job, item, &how);
  } else {
    const char *comments = ts_variant_text (call->properties, "comments", NULL);
    if (comments)
      ts_vault_set_text (vault, job->doc, "comments", comments);
    ts_build_simple (vault, job, 0, item, operation, how.point_set);
  }
  ts_vault_job_begin (vault, job, call);
}

/* --- tests that nobody ends ------------------------------------------------------------------- */

/* HVR 4.4: a test is completed by force after two weeks.  CHOICE: when it cannot be done then it is
 * tried again each day; an operation that is in progress is waited for. */
void
ts_vault_tests_end (TsVault *vault)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    gint64 end_us = ts_doc_int (item, "test_end_us", TS_NEVER);
    if (!ts_doc_bool (item, "test") || vault->now_us < end_us || *ts_doc_text (item, "job"))
      continue;
    const char *vm = ts_doc_text (item, "vm");
    ts_vault_set_int (vault, item, "test_end_us", vault->now_us + ts_vault_scaled_us (vault, 24 * TS_HOUR));
    ts_vault_event (vault, "TestFailoverExpired", "Warning", vm, item->key,
                    "The test failover of %s has run for two weeks and is ended", vm);
    TsVaultJob *job = ts_vault_job_new (vault, "TestFailoverCleanup", "Clean up test failover", item->key, vm,
                                        "ProtectedItem");
    ts_vault_job_take (vault, job, item);
    ts_vault_set_text (vault, job->doc, "comments", "by the vault: two weeks have passed");
    ts_build_simple (vault, job, 0, item, "TestFailoverCleanup", 0);
    ts_vault_job_begin (vault, job, NULL);
  }
}

gint64
ts_vault_tests_wake_us (const TsVault *vault)
{
  gint64 wake_us = TS_NEVER;
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    const TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    if (ts_doc_bool (item, "test") && !*ts_doc_text (item, "job"))
      wake_us = MIN (wake_us, ts_doc_int (item, "test_end_us", TS_NEVER));
  }
  return wake_us;
}

/* --- recovery points -------------------------------------------------------------------------- */

static GVariant *
show_point (const TsVault *vault, const TsItemView *view, const TsPoint *point)
{
  const TsVaultLine *line = ts_vault_line (vault, view->target_fabric);
  g_autofree char *path =
      g_strdup_printf ("%s/recoveryPoints/point-%" G_GUINT64_FORMAT, view->item->key, point->set);
  TsFields *p = ts_fields_new ();
  ts_vault_set_time (p, "recoveryPointTime", point->instant_us - (line ? line->skew_us : 0));
  gint64 at_us = point->instant_us - (line ? line->skew_us : 0);
  ts_fields_set_int (p, "ageInMicroseconds", MAX (vault->now_us - at_us, 0)); /* not published */
  ts_fields_set_text (p, "recoveryPointType",
                      point->type == TS_POINT_CONSISTENT ? "ApplicationConsistent" : "CrashConsistent");
  return ts_vault_resource (vault, path, "recoveryPoint", p);
}

static void
points (TsVault *vault, TsVaultCall *call, const TsItemView *view)
{
  if (!call->route->list) {
    const TsPoint *point = find_point (view, call->path);
    if (point)
      ts_vault_reply (vault, call, 200, show_point (vault, view, point), NULL);
    else
      ts_vault_refuse (vault, call, 404, 0, NULL, "there is no recovery point %s", call->names[3]);
    return;
  }
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = view->target ? view->target->points->len : 0; i > 0; i--)
    ts_list_add (&list, show_point (vault, view, &g_array_index (view->target->points, TsPoint, i - 1)));
  TsFields *body = ts_fields_new ();
  ts_fields_set (body, "value", g_variant_builder_end (&list));
  ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
}

/* --- all -------------------------------------------------------------------------------------- */

static void
list_items (TsVault *vault, TsVaultCall *call)
{
  g_autofree char *prefix = call->names[0] ? g_strdup_printf ("%s/", call->path) : g_strdup ("");
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    const TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    if (g_str_has_prefix (item->key, prefix))
      ts_list_add (&list, ts_vault_item_resource (vault, item));
  }
  TsFields *body = ts_fields_new ();
  ts_fields_set (body, "value", g_variant_builder_end (&list));
  ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
}

static void
purge (TsVault *vault, TsVaultCall *call, TsDoc *item)
{
  if (*ts_doc_text (item, "job")) {
    ts_vault_refuse (vault, call, 409, TS_SITE_BUSY, NULL, "another operation is in progress: %s",
                     ts_doc_text (item, "job"));
    return;
  }
  ts_vault_doc_drop (vault, item);
  ts_vault_reply (vault, call, 204, NULL, NULL);
}

static void
ask (TsVault *vault, TsVaultCall *call, TsDoc *item, const TsItemView *view)
{
  g_autofree char *verb = ts_path_segment (call->path, 0);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    if (!g_str_equal (verbs[i].verb, verb))
      continue;
    guint status = 409;
    gint64 code = 0;
    g_autofree char *why_not = ts_item_why_not (view, verbs[i].operation, &status, &code);
    if (why_not)
      ts_vault_refuse (vault, call, status, code, NULL, "%s", why_not);
    else
      begin (vault, call, item, view, i);
    return;
  }
  g_assert_not_reached ();
}

void
ts_vault_item_request (TsVault *vault, TsVaultCall *call)
{
  TsVaultMethod method = call->route->method;
  if (method == TS_VAULT_PUT) {
    enable (vault, call);
    return;
  }
  if (!call->names[0] || !call->names[1] || !call->names[2]) {
    list_items (vault, call);
    return;
  }
  g_autofree char *path =
      g_strdup_printf ("replicationFabrics/%s/replicationProtectionContainers/%s/replicationProtectedItems/%s",
                       call->names[0], call->names[1], call->names[2]);
  TsDoc *item = ts_vault_doc (vault, TS_TABLE_ITEM, path);
  if (!item) {
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no protected item %s", call->names[2]);
    return;
  }
  TsItemView view;
  ts_item_view_init (vault, item, &view);
  if (strstr (call->route->pattern, "/recoveryPoints"))
    points (vault, call, &view);
  else if (method == TS_VAULT_GET)
    ts_vault_reply (vault, call, 200, ts_vault_item_resource (vault, item), NULL);
  else if (method == TS_VAULT_PATCH) {
    const char *label = ts_variant_text (call->properties, "recoveryAzureVMName", NULL);
    if (label)
      ts_vault_set_text (vault, item, "label", label);
    ts_vault_reply (vault, call, 200, ts_vault_item_resource (vault, item), NULL);
  } else if (method == TS_VAULT_DELETE)
    purge (vault, call, item);
  else
    ask (vault, call, item, &view);
  ts_item_view_clear (&view);
}

/* core/vault/vault-plan.c -- recovery plans.  HVR reference 4.5. */
#include "core/vault/vault-internal.h"

#define ITEMS_MAX 100 /* HVR 4.5 */
#define GROUPS_MAX 7

static GVariant *
show (const TsVault *vault, const TsDoc *plan)
{
  TsFields *p = ts_fields_new ();
  g_autofree char *name = ts_path_segment (plan->key, 0);
  g_autofree char *primary = g_strdup_printf ("replicationFabrics/%s", ts_doc_text (plan, "primary_fabric"));
  g_autofree char *recovery = g_strdup_printf ("replicationFabrics/%s", ts_doc_text (plan, "recovery_fabric"));
  ts_fields_set_text (p, "friendlyName", name);
  ts_vault_set_id (vault, p, "primaryFabricId", primary);
  ts_fields_set_text (p, "primaryFabricFriendlyName", ts_doc_text (plan, "primary_fabric"));
  ts_vault_set_id (vault, p, "recoveryFabricId", recovery);
  ts_fields_set_text (p, "recoveryFabricFriendlyName", ts_doc_text (plan, "recovery_fabric"));
  ts_fields_set (p, "groups", ts_doc_get (plan, "groups"));
  const TsDoc *job = ts_vault_doc (vault, TS_TABLE_JOB, ts_doc_text (plan, "last_job"));
  ts_fields_set_text (p, "lastJob", ts_doc_text (plan, "last_job"));
  ts_fields_set_text (p, "currentJobState",
                      job && !ts_task_state_final (ts_doc_text (job, "state")) ? "running" : "");
  ts_vault_set_time (p, "lastPlannedFailoverTime", ts_doc_int (plan, "last_planned_us", 0));
  ts_vault_set_time (p, "lastUnplannedFailoverTime", ts_doc_int (plan, "last_unplanned_us", 0));
  ts_vault_set_time (p, "lastTestFailoverTime", ts_doc_int (plan, "last_test_us", 0));
  return ts_vault_resource (vault, plan->key, "plan", p);
}

/* --- making ----------------------------------------------------------------------------------- */

static const char *
bad_action (GVariant *action)
{
  static const char *const types[] = {"PlannedFailover", "UnplannedFailover", "TestFailover", NULL};
  static const char *const directions[] = {"PrimaryToRecovery", "RecoveryToPrimary", NULL};
  g_autoptr (GVariant) details = ts_variant_dict (action, "customDetails");
  gboolean script = g_str_equal (ts_variant_text (details, "instanceType", ""), "ScriptActionDetails");
  if (script && !ts_variant_text (details, "path", NULL))
    return "a script needs a path";
  const struct {
    const char *name;
    const char *const *words;
  } lists[] = {{"failoverTypes", types}, {"failoverDirections", directions}};
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    g_autoptr (GVariant) list = ts_variant_list (action, lists[i].name);
    for (gsize w = 0; w < ts_variant_count (list); w++) {
      g_autoptr (GVariant) word = ts_variant_entry (list, w);
      if (!g_strv_contains (lists[i].words, g_variant_get_string (word, NULL)))
        return i == 0 ? "failoverTypes are PlannedFailover, UnplannedFailover, TestFailover"
                      : "failoverDirections are PrimaryToRecovery, RecoveryToPrimary";
    }
  }
  return NULL;
}

static gboolean
check_actions (TsVault *vault, TsVaultCall *call, GVariant *group, gsize at)
{
  static const char *const lists[] = {"startGroupActions", "endGroupActions"};
  for (guint l = 0; l < 2; l++) {
    g_autoptr (GVariant) list = ts_variant_list (group, lists[l]);
    for (gsize i = 0; i < ts_variant_count (list); i++) {
      g_autoptr (GVariant) action = ts_variant_entry (list, i);
      const char *bad = bad_action (action);
      if (!bad)
        continue;
      g_autofree char *target = g_strdup_printf (
          "properties.groups[%" G_GSIZE_FORMAT "].%s[%" G_GSIZE_FORMAT "]", at, lists[l], i);
      ts_vault_refuse (vault, call, 400, 0, target, "%s: %s", target, bad);
      return FALSE;
    }
  }
  return TRUE;
}

/* The items of a group go to seen; FALSE: refused. */
static gboolean
check_items (TsVault *vault, TsVaultCall *call, GVariant *group, gsize at, const char *primary,
             const char *recovery, GPtrArray *seen)
{
  g_autoptr (GVariant) items = ts_variant_list (group, "replicationProtectedItems");
  gboolean boot = g_str_equal (ts_variant_text (group, "groupType", ""), "Boot");
  for (gsize i = 0; i < ts_variant_count (items); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (items, i);
    g_autofree char *target = g_strdup_printf (
        "properties.groups[%" G_GSIZE_FORMAT "].replicationProtectedItems[%" G_GSIZE_FORMAT "]", at, i);
    g_autofree char *path = ts_vault_path (vault, ts_variant_text (one, "id", ""));
    const TsDoc *item = path ? ts_vault_doc (vault, TS_TABLE_ITEM, path) : NULL;
    if (!boot) {
      ts_vault_refuse (vault, call, 400, 0, target, "%s: only groups of type Boot have items", target);
      return FALSE;
    }
    if (!item) {
      ts_vault_refuse (vault, call, 412, TS_SITE_NOT_FOUND, target, "%s: there is no such item", target);
      return FALSE;
    }
    if (!g_str_equal (ts_doc_text (item, "primary_fabric"), primary) ||
        !g_str_equal (ts_doc_text (item, "recovery_fabric"), recovery)) {
      ts_vault_refuse (vault, call, 400, 0, target, "%s: %s does not replicate from %s to %s", target,
                       ts_doc_text (item, "vm"), primary, recovery);
      return FALSE;
    }
    if (g_ptr_array_find_with_equal_func (seen, path, g_str_equal, NULL)) {
      ts_vault_refuse (vault, call, 400, 0, target, "%s: %s is in the plan twice", target,
                       ts_doc_text (item, "vm"));
      return FALSE;
    }
    g_ptr_array_add (seen, g_steal_pointer (&path));
  }
  return TRUE;
}

static gboolean
check_groups (TsVault *vault, TsVaultCall *call, GVariant *groups, const char *primary,
              const char *recovery)
{
  g_autoptr (GPtrArray) seen = g_ptr_array_new_with_free_func (g_free);
  guint boots = 0, shutdowns = 0, failovers = 0;
  for (gsize i = 0; i < ts_variant_count (groups); i++) {
    g_autoptr (GVariant) group = ts_variant_entry (groups, i);
    const char *type = ts_variant_text (group, "groupType", "");
    boots += g_str_equal (type, "Boot");
    shutdowns += g_str_equal (type, "Shutdown");
    failovers += g_str_equal (type, "Failover");
    if (!check_items (vault, call, group, i, primary, recovery, seen) ||
        !check_actions (vault, call, group, i))
      return FALSE;
  }
  const char *bad = boots < 1 || boots > GROUPS_MAX       ? "1 to 7 groups of type Boot"
                    : shutdowns > 1 || failovers > 1 ? "Shutdown and Failover once at most"
                    : seen->len < 1 || seen->len > ITEMS_MAX ? "1 to 100 items"
                                                             : NULL;
  if (bad)
    ts_vault_refuse (vault, call, 400, 0, "properties.groups", "a plan has %s", bad);
  return !bad;
}

static void
put (TsVault *vault, TsVaultCall *call, TsDoc *plan, gboolean patch)
{
  g_autofree char *primary_path =
      patch ? NULL : ts_vault_path (vault, ts_variant_text (call->properties, "primaryFabricId", ""));
  g_autofree char *recovery_path =
      patch ? NULL : ts_vault_path (vault, ts_variant_text (call->properties, "recoveryFabricId", ""));
  const char *primary = ts_doc_text (
      patch ? plan : ts_vault_doc (vault, TS_TABLE_FABRIC, primary_path), patch ? "primary_fabric" : "name");
  const char *recovery = ts_doc_text (
      patch ? plan : ts_vault_doc (vault, TS_TABLE_FABRIC, recovery_path), patch ? "recovery_fabric" : "name");
  g_autoptr (GVariant) groups = ts_variant_list (call->properties, "groups");
  if (!*primary || !*recovery) {
    ts_vault_refuse (vault, call, 412, 0,
                     *primary ? "properties.recoveryFabricId" : "properties.primaryFabricId",
                     "there is no such VMM server");
    return;
  }
  const TsDoc *job = ts_vault_doc (vault, TS_TABLE_JOB, ts_doc_text (plan, "last_job"));
  if (job && !ts_task_state_final (ts_doc_text (job, "state"))) {
    ts_vault_refuse (vault, call, 409, TS_SITE_BUSY, NULL, "another operation is in progress: %s", job->key);
    return;
  }
  if (!check_groups (vault, call, groups, primary, recovery))
    return;
  gboolean fresh = !plan;
  if (!plan)
    plan = ts_vault_doc_make (vault, TS_TABLE_PLAN, call->path);
  ts_vault_set_text (vault, plan, "primary_fabric", primary);
  ts_vault_set_text (vault, plan, "recovery_fabric", recovery);
  ts_vault_set (vault, plan, "groups", groups);
  ts_vault_reply (vault, call, fresh ? 201 : 200, show (vault, plan), NULL);
}

/* --- running ---------------------------------------------------------------------------------- */

static const struct {
  const char *verb, *operation, *scenario, *friendly, *when;
} verbs[] = {
    {"plannedFailover", "PlannedFailover", "PlanPlannedFailover", "Planned failover", "last_planned_us"},
    {"unplannedFailover", "UnplannedFailover", "PlanUnplannedFailover", "Failover", "last_unplanned_us"},
    {"testFailover", "TestFailover", "PlanTestFailover", "Test failover", "last_test_us"},
    {"testFailoverCleanup", "TestFailoverCleanup", "PlanTestFailoverCleanup", "Clean up test failover", NULL},
    {"failoverCommit", "Commit", "PlanCommitFailover", "Commit", NULL},
    {"failoverCancel", "CancelFailover", "PlanCancelFailover", "Cancel failover", NULL},
    {"reProtect", "ReverseReplicate", "PlanReverseReplicate", "Reverse replicate", NULL},
};

static GPtrArray *
items_of (const TsVault *vault, const TsDoc *plan)
{
  GPtrArray *items = g_ptr_array_new ();
  GVariant *groups = ts_doc_get (plan, "groups");
  for (gsize g = 0; g < ts_variant_count (groups); g++) {
    g_autoptr (GVariant) group = ts_variant_entry (groups, g);
    g_autoptr (GVariant) list = ts_variant_list (group, "replicationProtectedItems");
    for (gsize i = 0; i < ts_variant_count (list); i++) {
      g_autoptr (GVariant) one = ts_variant_entry (list, i);
      g_autofree char *path = ts_vault_path (vault, ts_variant_text (one, "id", ""));
      TsDoc *item = path ? ts_vault_doc (vault, TS_TABLE_ITEM, path) : NULL;
      if (item)
        g_ptr_array_add (items, item);
    }
  }
  return items;
}

gboolean
ts_vault_plans_use (const TsVault *vault, const char *item_path)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_PLAN]->len; i++) {
    g_autoptr (GPtrArray) items = items_of (vault, vault->docs[TS_TABLE_PLAN]->pdata[i]);
    for (guint n = 0; n < items->len; n++)
      if (g_str_equal (((TsDoc *)items->pdata[n])->key, item_path))
        return TRUE;
  }
  return FALSE;
}

/* Has this item what the operation leads to already?  Then it is passed over (HVR 4.5: may be in
 * several plans; a planned plan is run again). */
static gboolean
has_it (const TsItemView *view, const char *operation)
{
  if (g_str_has_suffix (operation, "Failover") && !g_str_equal (operation, "TestFailover") &&
      !g_str_equal (operation, "CancelFailover"))
    return view->failed_over && view->target && view->target->state == TS_STATE_RECOVERED;
  if (g_str_equal (operation, "TestFailoverCleanup"))
    return !view->test;
  if (g_str_equal (operation, "Commit"))
    return view->committed || !view->failed_over;
  return FALSE;
}

static void
refuse_item (TsVault *vault, TsVaultCall *call, const TsItemView *view, const char *operation,
             guint *refused)
{
  guint status = 409;
  gint64 code = 0;
  if (*refused > 0)
    return;
  g_autofree char *why_not = ts_item_why_not (view, operation, &status, &code);
  if (!why_not)
    return;
  (*refused)++;
  ts_vault_refuse (vault, call, status, code, NULL, "%s", why_not);
}

static void
report_commanded (TsVault *vault, const GPtrArray *items, gboolean planned)
{
  for (guint i = 0; i < items->len; i++) {
    TsItemView view;
    ts_item_view_init (vault, items->pdata[i], &view);
    const char *vm = ts_doc_text (view.item, "vm"), *host = view.target ? view.target->host : "";
    g_autofree char *source = g_strdup_printf ("%s@%s", vm, host);
    if (!view.failed_over) {
      TsRecord *record = ts_record_new (0, source, "failover");
      ts_record_text (record, "vm", vm);
      ts_record_text (record, "host", host);
      ts_record_bool (record, "planned", planned);
      ts_vault_report (vault, ts_record_text (record, "phase", "commanded"));
    }
    ts_item_view_clear (&view);
  }
}

/* All items must replicate the same way. */
static const char *
direction_of (const GPtrArray *items)
{
  guint home = 0;
  for (guint i = 0; i < items->len; i++)
    home += g_str_equal (ts_doc_text (items->pdata[i], "source_side"), "Recovery");
  return home == 0 ? "PrimaryToRecovery" : home == items->len ? "RecoveryToPrimary" : NULL;
}

static gboolean
read_how (TsVault *vault, TsVaultCall *call, const char *operation, const GPtrArray *items,
          TsFailoverHow *how)
{
  how->type = g_str_equal (operation, "PlannedFailover") ? TS_FAILOVER_PLANNED
              : g_str_equal (operation, "TestFailover")  ? TS_FAILOVER_TEST
                                                         : TS_FAILOVER_UNPLANNED;
  how->shut_down_first =
      g_str_equal (ts_variant_text (call->properties, "sourceSiteOperations", ""), "Required");
  how->point_type = ts_variant_text (call->properties, "recoveryPointType", "Latest");
  how->network = "";
  if (how->type != TS_FAILOVER_TEST)
    return TRUE;
  TsItemView view;
  ts_item_view_init (vault, items->pdata[0], &view);
  gboolean good = ts_vault_read_test_network (vault, call, view.target_fabric, how);
  ts_item_view_clear (&view);
  return good;
}

static void
run (TsVault *vault, TsVaultCall *call, TsDoc *plan, guint index)
{
  const char *operation = verbs[index].operation;
  g_autoptr (GPtrArray) items = items_of (vault, plan);
  g_autoptr (GPtrArray) wanting = g_ptr_array_new ();
  guint refused = 0;
  for (guint i = 0; i < items->len; i++) {
    TsItemView view;
    ts_item_view_init (vault, items->pdata[i], &view);
    if (*view.job || !has_it (&view, operation)) {
      refuse_item (vault, call, &view, operation, &refused);
      g_ptr_array_add (wanting, items->pdata[i]);
    }
    ts_item_view_clear (&view);
  }
  if (refused > 0)
    return;
  const char *direction = direction_of (items);
  gboolean failover = verbs[index].when != NULL;
  const TsDoc *last = ts_vault_doc (vault, TS_TABLE_JOB, ts_doc_text (plan, "last_job"));
  gboolean again = failover && last && !g_str_equal (ts_doc_text (last, "state"), "Succeeded") &&
                   g_str_equal (ts_doc_text (last, "scenario"), verbs[index].scenario);
  if (items->len == 0 || (wanting->len == 0 && !again)) {
    ts_vault_refuse (vault, call, 409, TS_SITE_INVALID_STATE, NULL, "no item of the plan wants it");
    return;
  }
  const char *wanted = direction ? ts_variant_text (call->properties, "failoverDirection", direction) : "";
  if (failover && (!direction || !g_str_equal (direction, wanted))) {
    ts_vault_refuse (vault, call, 409, TS_SITE_INVALID_STATE, "properties.failoverDirection",
                     "%s", direction ? "the items replicate the other way; reverse replication first"
                                     : "the items replicate different ways");
    return;
  }
  TsFailoverHow how = {0};
  if (failover && !read_how (vault, call, operation, items, &how))
    return;
  g_autofree char *name = ts_path_segment (plan->key, 0);
  TsVaultJob *job = ts_vault_job_new (vault, verbs[index].scenario, verbs[index].friendly, plan->key,
                                      name, "RecoveryPlan");
  ts_vault_set_text (vault, job->doc, "direction", direction ? direction : "");
  ts_vault_set_text (vault, plan, "last_job", job->doc->key);
  for (guint i = 0; i < items->len; i++)
    ts_vault_job_take (vault, job, items->pdata[i]);
  if (failover) {
    ts_vault_set_int (vault, plan, verbs[index].when, vault->now_us);
    if (how.type != TS_FAILOVER_TEST)
      report_commanded (vault, items, how.type == TS_FAILOVER_PLANNED);
    ts_build_plan (vault, job, plan, items, &how);
  } else {
    const char *comments = ts_variant_text (call->properties, "comments", NULL);
    if (comments)
      ts_vault_set_text (vault, job->doc, "comments", comments);
    gint all = ts_vault_task (vault, job, 0, "parallel", "All items");
    for (guint i = 0; i < wanting->len; i++)
      ts_build_simple (vault, job, all, wanting->pdata[i], operation, 0);
  }
  ts_vault_job_begin (vault, job, call);
}

void
ts_vault_plan_request (TsVault *vault, TsVaultCall *call)
{
  TsVaultMethod method = call->route->method;
  if (call->route->list) {
    GVariantBuilder list;
    g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < vault->docs[TS_TABLE_PLAN]->len; i++)
      ts_list_add (&list, show (vault, vault->docs[TS_TABLE_PLAN]->pdata[i]));
    TsFields *body = ts_fields_new ();
    ts_fields_set (body, "value", g_variant_builder_end (&list));
    ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
    return;
  }
  g_autofree char *path = g_strdup_printf ("replicationRecoveryPlans/%s", call->names[0]);
  TsDoc *plan = ts_vault_doc (vault, TS_TABLE_PLAN, path);
  if (method == TS_VAULT_PUT) {
    put (vault, call, plan, FALSE);
    return;
  }
  if (!plan) {
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no recovery plan %s", call->names[0]);
    return;
  }
  if (method == TS_VAULT_GET)
    ts_vault_reply (vault, call, 200, show (vault, plan), NULL);
  else if (method == TS_VAULT_PATCH)
    put (vault, call, plan, TRUE);
  else if (method == TS_VAULT_DELETE) {
    const TsDoc *job = ts_vault_doc (vault, TS_TABLE_JOB, ts_doc_text (plan, "last_job"));
    if (job && !ts_task_state_final (ts_doc_text (job, "state"))) {
      ts_vault_refuse (vault, call, 409, TS_SITE_BUSY, NULL, "another operation is in progress: %s", job->key);
      return;
    }
    ts_vault_doc_drop (vault, plan);
    ts_vault_reply (vault, call, 204, NULL, NULL);
  } else {
    g_autofree char *verb = ts_path_segment (call->path, 0);
    for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
      if (g_str_equal (verbs[i].verb, verb)) {
        run (vault, call, plan, i);
        return;
      }
    g_assert_not_reached ();
  }
}

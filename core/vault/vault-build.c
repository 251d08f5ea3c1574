/* core/vault/vault-build.c -- of which tasks each operation is made.  HVR reference 3.6, 4.3 to 4.5. */
#include "core/vault/vault-internal.h"

static TsFields *
side_fields (const char *role)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "role", role);
  return fields;
}

/* An order "ask" to the source's or the target's VMM server. */
static gint
ask (TsVault *vault, TsVaultJob *job, gint parent, const char *name, const TsItemView *view,
     TsRole role, TsAsk what, TsFields *more)
{
  TsFields *fields = more ? more : ts_fields_new ();
  ts_fields_set_text (fields, "role", ts_role_name (role));
  ts_fields_set_text (fields, "ask", ts_ask_name (what));
  return ts_vault_task_order (vault, job, parent, name, view->item,
                              role == TS_ROLE_PRIMARY ? view->source_fabric : view->target_fabric,
                              "ask", fields);
}

static TsDoc *
task_of (const TsVaultJob *job, gint index)
{
  return job->tasks->pdata[index];
}

static void
optional (TsVault *vault, TsVaultJob *job, gint task)
{
  ts_vault_task_may_fail (vault, job, task);
  ts_vault_set_bool (vault, task_of (job, task), "optional", TRUE);
}

/* --- enable, remove --------------------------------------------------------------------------- */

/* HVR 2.3, 4.1: the first copy goes to the export path and comes from the import path.  Where those
 * are one share nobody need carry anything. */
static void
carry (TsVault *vault, TsVaultJob *job, gint parent, const TsItemView *view, GVariant *policy)
{
  const char *from = ts_variant_text (policy, "offlineReplicationExportPath", "");
  const char *to = ts_variant_text (policy, "offlineReplicationImportPath", "");
  TsFields *wait = side_fields ("primary"), *import = ts_fields_new ();
  ts_fields_set_int (wait, "state", TS_STATE_REPLICATING);
  ts_fields_set_bool (wait, "exported", TRUE);
  ts_vault_task_order (vault, job, parent, "Exporting the initial replica", view->item, view->source_fabric,
                       "wait", wait);
  if (!g_str_equal (from, to)) {
    gint manual = ts_vault_task (vault, job, parent, "manual", "Carry the medium");
    g_autofree char *what = g_strdup_printf ("Bring the exported replica of %s from %s to %s.",
                                             ts_doc_text (view->item, "vm"), from, to);
    ts_vault_set_text (vault, task_of (job, manual), "description", what);
  }
  wait = side_fields ("replica"); /* it has been told of it, too */
  ts_fields_set_int (wait, "state", TS_STATE_REPLICATING);
  ts_fields_set_bool (wait, "exported", TRUE);
  ts_vault_task_order (vault, job, parent, "Waiting for the replica to await it", view->item,
                       view->target_fabric, "wait", wait);
  ts_fields_set_text (import, "path", to);
  ask (vault, job, parent, "Importing the initial replica", view, TS_ROLE_REPLICA, TS_ASK_IMPORT, import);
}

void
ts_build_enable (TsVault *vault, TsVaultJob *job, TsDoc *item)
{
  TsItemView view;
  ts_item_view_init (vault, item, &view);
  gint enable = ts_vault_task (vault, job, 0, "sequence", "Enable protection");
  gint task = ts_vault_task_order (vault, job, enable, "Placing the replica", item,
                                   view.target_fabric, "place", NULL);
  ts_vault_task_effect (vault, job, task, "placed");
  ts_vault_task_order (vault, job, enable, "Preparing the source host", item, view.source_fabric,
                       "relate", side_fields ("primary"));
  ask (vault, job, enable, "Enabling replication", &view, TS_ROLE_PRIMARY, TS_ASK_ENABLE, NULL);
  ask (vault, job, enable, "Starting initial replication", &view, TS_ROLE_PRIMARY, TS_ASK_START, NULL);
  gint initial = ts_vault_task (vault, job, 0, "sequence", "Initial replication");
  GVariant *policy = ts_doc_get (ts_vault_doc (vault, TS_TABLE_POLICY, ts_doc_text (item, "policy")), "input");
  if (g_str_equal (ts_variant_text (policy, "initialReplicationMethod", ""), "Offline"))
    carry (vault, job, initial, &view, policy);
  TsFields *wait = side_fields ("primary");
  ts_fields_set_int (wait, "state", TS_STATE_REPLICATING);
  ts_vault_task_order (vault, job, initial, "Waiting for initial replication", item,
                       view.source_fabric, "wait", wait);
  gint finalize = ts_vault_task (vault, job, 0, "sequence", "Finalize protection");
  wait = side_fields ("replica");
  ts_fields_set_int (wait, "state", TS_STATE_REPLICATING);
  task = ts_vault_task_order (vault, job, finalize, "Finalizing protection on the replica", item,
                              view.target_fabric, "wait", wait);
  ts_vault_task_effect (vault, job, task, "protected");
  ts_item_view_clear (&view);
}

void
ts_build_remove (TsVault *vault, TsVaultJob *job, TsDoc *item)
{
  TsItemView view;
  ts_item_view_init (vault, item, &view);
  GVariant *policy = ts_doc_get (ts_vault_doc (vault, TS_TABLE_POLICY, ts_doc_text (item, "policy")), "input");
  gboolean delete = g_str_equal (ts_variant_text (policy, "replicaDeletion", ""), "Required");
  if (view.test)
    ask (vault, job, 0, "Ending the test failover", &view, TS_ROLE_REPLICA, TS_ASK_STOP_TEST_FAILOVER, NULL);
  gint both = ts_vault_task (vault, job, 0, "parallel", "Removing replication");
  ask (vault, job, both, "Removing replication on the source", &view, TS_ROLE_PRIMARY, TS_ASK_REMOVE, NULL);
  ask (vault, job, both, "Removing replication on the replica", &view, TS_ROLE_REPLICA, TS_ASK_REMOVE, NULL);
  if (delete && !view.failed_over)
    ts_vault_task_order (vault, job, 0, "Deleting the replica", item, view.target_fabric, "delete",
                         side_fields ("none"));
  gint release = ts_vault_task_order (vault, job, 0, "Giving up the place", item,
                                      ts_doc_text (item, "recovery_fabric"), "release", NULL);
  ts_vault_task_effect (vault, job, release, "removed");
  ts_item_view_clear (&view);
}

/* --- failover --------------------------------------------------------------------------------- */

typedef struct { /* where an item's tasks of the phases are */
  gint shut_down, prepare, failover;
} Parts;

static TsFields *
point_fields (const TsFailoverHow *how)
{
  TsFields *fields = ts_fields_new ();
  gboolean consistent = g_strcmp0 (how->point_type, "LatestApplicationConsistent") == 0;
  ts_fields_set_int (fields, "point_how",
                     how->point_set > 0 ? TS_CHOOSE_SET
                     : consistent       ? TS_CHOOSE_CONSISTENT
                                        : TS_CHOOSE_LATEST);
  ts_fields_set_int (fields, "point_number", how->point_set);
  return fields;
}

static gint
shut_down (TsVault *vault, TsVaultJob *job, gint parent, const TsItemView *view,
           const TsFailoverHow *how)
{
  gint task = ts_vault_task_order (vault, job, parent, "Shutting down the virtual machine", view->item,
                                   view->source_fabric, "shut-down", side_fields ("primary"));
  if (how->type == TS_FAILOVER_UNPLANNED)
    optional (vault, job, task);
  return task;
}

/* Sends what is left, and takes it over there. */
static void
switch_over (TsVault *vault, TsVaultJob *job, gint parent, const TsItemView *view,
             const TsFailoverHow *how, Parts *parts)
{
  gboolean planned = how->type == TS_FAILOVER_PLANNED;
  parts->prepare = -1;
  if (planned || how->shut_down_first) {
    parts->prepare = ask (vault, job, parent, "Sending the last changes", view, TS_ROLE_PRIMARY,
                          TS_ASK_PREPARE, NULL);
    if (!planned) {
      optional (vault, job, parts->prepare);
      ts_vault_task_needs (vault, job, parts->prepare, parts->shut_down);
    }
  }
  TsFields *fields = point_fields (how);
  ts_fields_set_bool (fields, "planned", planned);
  parts->failover = ask (vault, job, parent, "Failing over", view, TS_ROLE_REPLICA, TS_ASK_FAILOVER, fields);
  ts_vault_task_effect (vault, job, parts->failover, "failed-over");
  if (!planned && parts->prepare >= 0)
    ts_vault_set_int (vault, task_of (job, parts->failover), "planned_if", parts->prepare);
}

/* Network first: the machine begins with it (HVR 1.6).  It is no reason not to begin.  One that comes
 * home goes by the published table: the network that is mapped now, which is the original one
 * unless that was changed; disconnected, or on a network that is not mapped: disconnected. */
static void
start (TsVault *vault, TsVaultJob *job, gint parent, const TsItemView *view, gint needs)
{
  const TsLevel *level = view->source;
  g_autofree char *network =
      ts_vault_mapped (vault, TS_TABLE_NETWORK_MAPPING, view->source_fabric,
                       level ? level->network : "", view->target_fabric);
  if (*network || (level && !view->source_is_primary)) {
    TsFields *fields = side_fields ("replica");
    ts_fields_set_text (fields, "network", network);
    ts_fields_set_bool (fields, "test", FALSE);
    /* HVR 1.6: the address is set on the host only just before failover */
    ts_fields_set_text (fields, "address",
                        !*network ? ""
                                  : ts_doc_text (view->item, view->source_is_primary ? "recovery_address"
                                                                                     : "primary_address"));
    gint connect = ts_vault_task_order (vault, job, parent, "Connecting its network", view->item,
                                        view->target_fabric, "connect", fields);
    ts_vault_task_may_fail (vault, job, connect);
    ts_vault_task_needs (vault, job, connect, needs);
  }
  gint on = ask (vault, job, parent, "Starting the virtual machine", view, TS_ROLE_REPLICA,
                 TS_ASK_POWER_ON, NULL);
  ts_vault_task_needs (vault, job, on, needs);
}

static void
test (TsVault *vault, TsVaultJob *job, gint parent, const TsItemView *view, const TsFailoverHow *how)
{
  TsFields *fields = point_fields (how);
  g_autofree char *of = ts_path_segment (job->doc->key, 0);
  g_autofree char *made = how->network ? g_strdup (how->network) : g_strdup_printf ("test-%s", of);
  TsDoc *item = ts_vault_doc (vault, TS_TABLE_ITEM, view->item->key);
  if (!how->network) { /* the machines of a plan share it: it is made once */
    TsFields *network = ts_fields_new ();
    ts_fields_set_text (network, "name", made);
    ts_fields_set_text (network, "logical", how->logical);
    ts_vault_task_order (vault, job, parent, "Making a test network", view->item, view->target_fabric,
                         "make-network", network);
  }
  ts_vault_set_text (vault, item, "test_network", how->network ? NULL : made);
  ts_fields_set_text (fields, "network", made);
  gint task = ask (vault, job, parent, "Starting the test virtual machine", view, TS_ROLE_REPLICA,
                   TS_ASK_TEST_FAILOVER, fields);
  ts_vault_task_effect (vault, job, task, "test-started");
}

void
ts_build_failover (TsVault *vault, TsVaultJob *job, TsDoc *item, const TsFailoverHow *how)
{
  TsItemView view;
  Parts parts = {-1, -1, -1};
  ts_item_view_init (vault, item, &view);
  if (how->type == TS_FAILOVER_TEST)
    test (vault, job, 0, &view, how);
  else {
    if (how->type == TS_FAILOVER_PLANNED || how->shut_down_first)
      parts.shut_down = shut_down (vault, job, 0, &view, how);
    switch_over (vault, job, 0, &view, how, &parts);
    start (vault, job, 0, &view, parts.failover);
  }
  ts_item_view_clear (&view);
}

/* --- all other operations of one item ---------------------------------------------------------- */

/* The old primary first: until it has given up its part, the new one would be turned away. */
static gint
reverse (TsVault *vault, TsVaultJob *job, gint parent, const TsItemView *view)
{
  gint group = ts_vault_task (vault, job, parent, "sequence", "Reversing replication");
  ask (vault, job, group, "Making the old primary the replica", view, TS_ROLE_PRIMARY, TS_ASK_REVERSE, NULL);
  ts_vault_task_order (vault, job, group, "Preparing the new primary's host", view->item,
                       view->target_fabric, "relate", side_fields ("replica"));
  gint last = ask (vault, job, group, "Making the copy the primary", view, TS_ROLE_REPLICA,
                   TS_ASK_REVERSE, NULL);
  ts_vault_task_effect (vault, job, last, "reversed");
  return group;
}

void
ts_build_simple (TsVault *vault, TsVaultJob *job, gint parent, TsDoc *item, const char *operation,
                 gint64 point_set)
{
  TsItemView view;
  gint task = -1;
  ts_item_view_init (vault, item, &view);
  if (g_str_equal (operation, "Commit")) {
    gint group = ts_vault_task (vault, job, parent, "sequence", "Commit");
    task = ask (vault, job, group, "Committing the failover", &view, TS_ROLE_REPLICA, TS_ASK_COMMIT, NULL);
    ts_vault_task_effect (vault, job, task, "committed");
    if (view.planned) /* HVR 4.4, trap 15: after a planned one they are protected, the other way */
      optional (vault, job, reverse (vault, job, group, &view));
  } else if (g_str_equal (operation, "CancelFailover")) {
    /* HVR 3.6: the replica first: until it has given up its copy the primary would be turned away */
    gint group = ts_vault_task (vault, job, parent, "sequence", "Cancel failover");
    gboolean copy = view.target && view.target->state == TS_STATE_RECOVERED;
    if (copy) {
      task = ask (vault, job, group, "Taking back the failover", &view, TS_ROLE_REPLICA,
                  TS_ASK_CANCEL_FAILOVER, NULL);
      ts_vault_task_effect (vault, job, task, "cancelled");
    }
    if (!copy || (view.source && view.source->state == TS_STATE_PREPARED)) {
      task = ask (vault, job, group, "Unlocking the source", &view, TS_ROLE_PRIMARY,
                  TS_ASK_CANCEL_FAILOVER, NULL);
      ts_vault_task_effect (vault, job, task, "cancelled");
    }
  } else if (g_str_equal (operation, "ChangePit")) {
    gint group = ts_vault_task (vault, job, parent, "sequence", "Change recovery point");
    TsFields *fields = ts_fields_new ();
    ts_fields_set_int (fields, "point_how", TS_CHOOSE_SET);
    ts_fields_set_int (fields, "point_number", point_set);
    ask (vault, job, group, "Changing the recovery point", &view, TS_ROLE_REPLICA, TS_ASK_CHANGE_POINT, fields);
    ask (vault, job, group, "Starting the virtual machine", &view, TS_ROLE_REPLICA, TS_ASK_POWER_ON, NULL);
  } else if (g_str_equal (operation, "TestFailoverCleanup")) {
    const char *network = ts_doc_text (item, "test_network");
    gint group = *network ? ts_vault_task (vault, job, parent, "sequence", "Clean up test failover") : parent;
    task = ask (vault, job, group, "Deleting the test virtual machine", &view, TS_ROLE_REPLICA,
                TS_ASK_STOP_TEST_FAILOVER, NULL);
    ts_vault_task_effect (vault, job, task, "test-stopped");
    if (*network) {
      TsFields *fields = ts_fields_new ();
      ts_fields_set_text (fields, "name", network);
      ts_vault_task_order (vault, job, group, "Deleting the test network", item, view.target_fabric,
                           "drop-network", fields);
    }
  } else if (g_str_equal (operation, "ReverseReplicate"))
    reverse (vault, job, parent, &view);
  else if (g_str_equal (operation, "RepairReplication"))
    ask (vault, job, parent, "Resynchronizing", &view, TS_ROLE_PRIMARY, TS_ASK_RESYNC, NULL);
  else if (g_str_equal (operation, "Pause"))
    ask (vault, job, parent, "Pausing replication", &view, TS_ROLE_PRIMARY, TS_ASK_SUSPEND, NULL);
  else
    ask (vault, job, parent, "Resuming replication", &view, TS_ROLE_PRIMARY, TS_ASK_RESUME, NULL);
  ts_item_view_clear (&view);
}

void
ts_build_disks (TsVault *vault, TsVaultJob *job, TsDoc *item, GVariant *names, gboolean add)
{
  TsItemView view;
  GVariantBuilder list;
  TsFields *fields = ts_fields_new ();
  g_variant_builder_init (&list, G_VARIANT_TYPE ("as"));
  for (gsize i = 0; i < ts_variant_count (names); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (names, i);
    g_variant_builder_add (&list, "s", g_variant_get_string (one, NULL));
  }
  ts_fields_set (fields, add ? "add" : "remove", g_variant_builder_end (&list));
  ts_item_view_init (vault, item, &view);
  ask (vault, job, 0, add ? "Including the disks" : "Leaving the disks out", &view, TS_ROLE_PRIMARY,
       TS_ASK_UPDATE_DISKS, fields);
  ts_item_view_clear (&view);
}

/* HVR reference 2.6: its VMM server sees to it.  The other side would find out by itself as long as the
 * host that was left is there; it is told all the same, if its VMM server can be reached. */
void
ts_build_move (TsVault *vault, TsVaultJob *job, TsDoc *item, TsRole role, const char *host)
{
  TsItemView view;
  ts_item_view_init (vault, item, &view);
  TsFields *fields = side_fields (ts_role_name (role));
  ts_fields_set_text (fields, "to", host);
  ts_vault_task_order (vault, job, 0, role == TS_ROLE_PRIMARY ? "Moving the virtual machine" : "Moving the replica",
                       item, role == TS_ROLE_PRIMARY ? view.source_fabric : view.target_fabric, "move", fields);
  TsRole other = role == TS_ROLE_PRIMARY ? TS_ROLE_REPLICA : TS_ROLE_PRIMARY;
  fields = side_fields (ts_role_name (other));
  ts_fields_set_text (fields, "peer", host);
  optional (vault, job,
            ts_vault_task_order (vault, job, 0, "Telling the other side", item,
                                 other == TS_ROLE_PRIMARY ? view.source_fabric : view.target_fabric, "relate", fields));
  ts_item_view_clear (&view);
}

void
ts_build_resolve (TsVault *vault, TsVaultJob *job, TsDoc *item, gboolean source, gboolean target)
{
  TsItemView view;
  ts_item_view_init (vault, item, &view);
  if (source)
    ask (vault, job, 0, "Resetting the source's statistics", &view, TS_ROLE_PRIMARY,
         TS_ASK_RESET_STATISTICS, NULL);
  if (target)
    ask (vault, job, 0, "Resetting the replica's statistics", &view, TS_ROLE_REPLICA,
         TS_ASK_RESET_STATISTICS, NULL);
  ts_item_view_clear (&view);
}

/* --- clouds ----------------------------------------------------------------------------------- */

void
ts_build_pair (TsVault *vault, TsVaultJob *job, const TsDoc *pair, gboolean remove)
{
  gint both = ts_vault_task (vault, job, 0, remove ? "sequence" : "parallel", "Configuring the hosts");
  const char *ends[] = {ts_doc_text (pair, "source"), ts_doc_text (pair, "target")};
  gint last = -1;
  for (guint i = 0; i < 2; i++) {
    g_autofree char *cloud = ts_path_segment (ends[i], 0), *fabric = ts_path_segment (ends[i], 2);
    g_autofree char *name = g_strdup_printf ("Configuring the hosts of %s", cloud);
    TsFields *fields = ts_fields_new ();
    ts_fields_set_text (fields, "cloud", cloud);
    ts_fields_set_bool (fields, "receive", !remove);
    ts_fields_set (fields, "policy", ts_vault_policy_order (vault, ts_doc_text (pair, "policy")));
    last = ts_vault_task_order (vault, job, both, name, NULL, fabric, "configure", fields);
  }
  if (remove)
    ts_vault_task_effect (vault, job, last, "unpaired");
}

/* --- recovery plans --------------------------------------------------------------------------- */

static gboolean
listed (GVariant *action, const char *list_name, const char *word)
{
  g_autoptr (GVariant) list = ts_variant_list (action, list_name);
  gsize count = ts_variant_count (list);
  for (gsize i = 0; i < count; i++) {
    g_autoptr (GVariant) one = ts_variant_entry (list, i);
    if (g_str_equal (g_variant_get_string (one, NULL), word))
      return TRUE;
  }
  return count == 0;
}

static const char *
type_name (const TsFailoverHow *how)
{
  return how->type == TS_FAILOVER_PLANNED     ? "PlannedFailover"
         : how->type == TS_FAILOVER_UNPLANNED ? "UnplannedFailover"
                                              : "TestFailover";
}

typedef struct {
  TsVault *vault;
  TsVaultJob *job;
  const TsDoc *plan;
  const GPtrArray *items; /* TsDoc: of the plan, those that take part now */
  const TsFailoverHow *how;
  const char *direction;
  GArray *parts; /* Parts, as items */
} PlanBuild;

/* HVR 4.5: a planned plan stops at an error, another one goes on. */
static void
may_go_on (const PlanBuild *build, gint task)
{
  if (build->how->type != TS_FAILOVER_PLANNED)
    ts_vault_task_may_fail (build->vault, build->job, task);
}

static void
add_actions (const PlanBuild *build, gint parent, GVariant *group, const char *list_name)
{
  g_autoptr (GVariant) list = ts_variant_list (group, list_name);
  for (gsize i = 0; i < ts_variant_count (list); i++) {
    g_autoptr (GVariant) action = ts_variant_entry (list, i);
    g_autoptr (GVariant) details = ts_variant_dict (action, "customDetails");
    const char *name = ts_variant_text (action, "actionName", "");
    if (!listed (action, "failoverTypes", type_name (build->how)) ||
        !listed (action, "failoverDirections", build->direction))
      continue;
    if (g_str_equal (ts_variant_text (details, "instanceType", ""), "ManualActionDetails")) {
      gint manual = ts_vault_task (build->vault, build->job, parent, "manual", name);
      ts_vault_set_text (build->vault, task_of (build->job, manual), "description",
                         ts_variant_text (details, "description", ""));
      continue;
    }
    gboolean primary = g_str_equal (ts_variant_text (details, "fabricLocation", "Recovery"), "Primary");
    g_autoptr (GVariant) arguments = ts_variant_list (details, "arguments");
    TsFields *fields = ts_fields_new ();
    ts_fields_set_text (fields, "path", ts_variant_text (details, "path", ""));
    ts_fields_set (fields, "arguments", arguments);
    ts_fields_set_int (fields, "limit", TS_S * ts_variant_int (details, "timeoutInSeconds", 600));
    gint script = ts_vault_task_order (
        build->vault, build->job, parent, name, NULL,
        ts_doc_text (build->plan, primary ? "primary_fabric" : "recovery_fabric"), "script", fields);
    may_go_on (build, script);
  }
}

static gint
add_group (const PlanBuild *build, const char *kind, const char *name)
{
  gint group = ts_vault_task (build->vault, build->job, 0, kind, name);
  ts_vault_set_text (build->vault, task_of (build->job, group), "group", name);
  may_go_on (build, group);
  return group;
}

static GVariant *
group_of (GVariant *groups, const char *type)
{
  for (gsize i = 0; i < ts_variant_count (groups); i++) {
    g_autoptr (GVariant) group = ts_variant_entry (groups, i);
    if (g_str_equal (ts_variant_text (group, "groupType", ""), type))
      return g_steal_pointer (&group);
  }
  return NULL;
}

static void
add_shutdown (const PlanBuild *build, GVariant *groups)
{
  g_autoptr (GVariant) group = group_of (groups, "Shutdown");
  gint sequence = add_group (build, "sequence", "Shutdown");
  add_actions (build, sequence, group, "startGroupActions");
  gint all = ts_vault_task (build->vault, build->job, sequence, "parallel", "Shutting down all");
  for (guint i = 0; i < build->items->len; i++) {
    TsItemView view;
    ts_item_view_init (build->vault, build->items->pdata[i], &view);
    if (!view.failed_over) /* by an earlier run of the plan */
      g_array_index (build->parts, Parts, i).shut_down =
          shut_down (build->vault, build->job, all, &view, build->how);
    ts_item_view_clear (&view);
  }
  add_actions (build, sequence, group, "endGroupActions");
}

static void
add_failover (const PlanBuild *build, GVariant *groups)
{
  g_autoptr (GVariant) group = group_of (groups, "Failover");
  gint sequence = add_group (build, "sequence", "Failover");
  add_actions (build, sequence, group, "startGroupActions");
  gint all = ts_vault_task (build->vault, build->job, sequence, "parallel", "Failing over all");
  for (guint i = 0; i < build->items->len; i++) {
    TsItemView view;
    ts_item_view_init (build->vault, build->items->pdata[i], &view);
    if (!view.failed_over) {
      const char *vm = ts_doc_text (view.item, "vm");
      gint one = ts_vault_task (build->vault, build->job, all, "sequence", vm);
      ts_vault_task_item (build->vault, build->job, one, view.item);
      may_go_on (build, one);
      switch_over (build->vault, build->job, one, &view, build->how,
                   &g_array_index (build->parts, Parts, i));
    }
    ts_item_view_clear (&view);
  }
  add_actions (build, sequence, group, "endGroupActions");
}

static void
add_boot (const PlanBuild *build, GVariant *group, guint number)
{
  g_autofree char *name = g_strdup_printf ("Group %u", number);
  gint sequence = add_group (build, "sequence", name);
  add_actions (build, sequence, group, "startGroupActions");
  g_autoptr (GVariant) members = ts_variant_list (group, "replicationProtectedItems");
  gint all = ts_vault_task (build->vault, build->job, sequence, "parallel", "Starting all");
  for (gsize m = 0; m < ts_variant_count (members); m++) {
    g_autoptr (GVariant) member = ts_variant_entry (members, m);
    g_autofree char *path = ts_vault_path (build->vault, ts_variant_text (member, "id", ""));
    for (guint i = 0; i < build->items->len; i++) {
      TsDoc *item = build->items->pdata[i];
      if (g_strcmp0 (item->key, path) != 0)
        continue;
      TsItemView view;
      ts_item_view_init (build->vault, item, &view);
      gint one = ts_vault_task (build->vault, build->job, all, "sequence", ts_doc_text (item, "vm"));
      ts_vault_task_item (build->vault, build->job, one, item);
      may_go_on (build, one);
      if (build->how->type == TS_FAILOVER_TEST)
        test (build->vault, build->job, one, &view, build->how);
      else
        start (build->vault, build->job, one, &view, g_array_index (build->parts, Parts, i).failover);
      ts_item_view_clear (&view);
    }
  }
  add_actions (build, sequence, group, "endGroupActions");
}

void
ts_build_plan (TsVault *vault, TsVaultJob *job, const TsDoc *plan, const GPtrArray *items,
               const TsFailoverHow *how)
{
  g_autoptr (GArray) parts = g_array_new (FALSE, TRUE, sizeof (Parts));
  g_array_set_size (parts, items->len);
  for (guint i = 0; i < items->len; i++)
    g_array_index (parts, Parts, i) = (Parts){-1, -1, -1};
  PlanBuild build = {vault, job, plan, items, how, ts_doc_text (job->doc, "direction"), parts};
  GVariant *groups = ts_doc_get (plan, "groups");
  if (how->type == TS_FAILOVER_PLANNED || (how->type == TS_FAILOVER_UNPLANNED && how->shut_down_first))
    add_shutdown (&build, groups);
  if (how->type != TS_FAILOVER_TEST)
    add_failover (&build, groups);
  guint number = 0;
  for (gsize i = 0; i < ts_variant_count (groups); i++) {
    g_autoptr (GVariant) group = ts_variant_entry (groups, i);
    if (g_str_equal (ts_variant_text (group, "groupType", ""), "Boot"))
      add_boot (&build, group, ++number);
  }
}

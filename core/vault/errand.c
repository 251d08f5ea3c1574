/* core/vault/errand.c -- see errand.h. */
#include "core/vault/errand-internal.h"

#include <string.h>

#define POLL_US TS_S         /* CHOICE: how often a job is looked at */
#define AGAIN_US (2 * TS_S)  /* CHOICE: after nobody has answered */

static gint64
scaled_us (const TsErrand *errand, gint64 us)
{
  const GPtrArray *policies = errand->topology->policies;
  guint32 scale = policies->len > 0 ? ts_topology_policy (errand->topology, 0)->policy.time_scale : 1;
  return us / MAX (scale, 1);
}

static void
call_free (gpointer data)
{
  TsErrandCall *call = data;
  g_free (call->path);
  g_clear_pointer (&call->body, g_variant_unref);
  g_free (call->vmm);
  g_free (call);
}

TsErrandCall *
ts_errand_add (TsErrand *errand, TsCallKind kind, TsVaultMethod method, char *path,
               TsFields *properties)
{
  TsErrandCall *call = g_new0 (TsErrandCall, 1);
  call->kind = kind;
  call->method = method;
  call->path = path;
  if (properties) {
    TsFields *body = ts_fields_new ();
    ts_fields_set (body, "properties", ts_fields_end (properties));
    call->body = g_variant_ref_sink (ts_fields_end (body));
  }
  g_ptr_array_add (errand->calls, call);
  return call;
}

/* --- what a verb is made of ------------------------------------------------------------------- */

static const struct {
  TsVerb verb;
  const char *action; /* of an item, or a plan; NULL: neither of its own */
} verbs[] = {
    {TS_DO_PROTECT, NULL},
    {TS_DO_FAILOVER, NULL},
    {TS_DO_COMMIT, "failoverCommit"},
    {TS_DO_TEST_FAILOVER, "testFailover"},
    {TS_DO_STOP_TEST_FAILOVER, "testFailoverCleanup"},
    {TS_DO_CANCEL_FAILOVER, "failoverCancel"},
    {TS_DO_REVERSE, "reProtect"},
    {TS_DO_CHANGE_POINT, "applyRecoveryPoint"},
    {TS_DO_PAUSE, "pauseReplication"},
    {TS_DO_RESUME, "resumeReplication"},
    {TS_DO_RESYNC, "repairReplication"},
    {TS_DO_REMOVE, "remove"},
    {TS_DO_REPLICATE_DISKS, NULL},
    {TS_DO_MOVE, "move"},
    {TS_DO_CONFIRM, NULL},
};

gboolean
ts_errand_is (TsVerb verb)
{
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (verbs[i].verb == verb)
      return TRUE;
  return FALSE;
}

static const char *
action_of (const TsOrder *order)
{
  if (order->verb == TS_DO_FAILOVER)
    return order->planned ? "plannedFailover" : "unplannedFailover";
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (verbs[i].verb == order->verb)
      return verbs[i].action;
  return NULL;
}

static void
fail (TsErrand *errand, TsErrandPhase phase, const char *reason)
{
  errand->phase = phase;
  g_free (errand->reason);
  errand->reason = g_strdup (reason);
}

static void
fill_protect (TsErrand *errand, const char *path)
{
  const TsOrder *order = &errand->order;
  const TsVmSpec *vm = ts_topology_vm (errand->topology, (guint)order->vm);
  g_autofree char *up = g_strndup (path, strlen (path) - strlen (strstr (path, "/replicationProtectedItems/")));
  g_autofree char *vm_id = g_strdup_printf ("%s/replicationProtectableItems/%s", up, vm->name);
  g_autofree char *policy = g_strdup_printf (
      "replicationPolicies/%s", ts_topology_policy (errand->topology, (guint)order->policy)->name);
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "policyId", policy);
  ts_fields_set_text (p, "protectableItemId", vm_id);
  if (order->host >= 0)
    ts_fields_set_text (p, "recoveryHost", ts_topology_host (errand->topology, (guint)order->host)->name);
  ts_errand_add (errand, TS_CALL_JOB, TS_VAULT_PUT, g_strdup (path), p);
}

static void
fill_action (TsErrand *errand, const char *path)
{
  const TsOrder *order = &errand->order;
  const char *action = action_of (order);
  gboolean plan = order->plan > 0;
  gboolean choice = !plan && (order->point.how == TS_CHOOSE_INDEX || order->point.how == TS_CHOOSE_AGE);
  TsFields *p = NULL;
  if (choice)
    ts_errand_add (errand, TS_CALL_POINTS, TS_VAULT_GET, g_strdup_printf ("%s/recoveryPoints", path), NULL);
  if (order->verb == TS_DO_FAILOVER && !order->planned) {
    p = ts_fields_new ();
    ts_fields_set_text (p, "sourceSiteOperations", order->shut_down_first ? "Required" : "NotRequired");
  }
  if (order->verb == TS_DO_MOVE) {
    p = ts_fields_new ();
    ts_fields_set_text (p, "host", ts_topology_host (errand->topology, (guint)order->host)->name);
    if (order->sides != TS_SIDES_DEFAULT)
      ts_fields_set_text (p, "side", order->sides == TS_SIDES_REPLICA ? "replica" : "source");
  }
  if (order->verb == TS_DO_CHANGE_POINT)
    p = ts_fields_new ();
  if (order->point.how == TS_CHOOSE_CONSISTENT) {
    p = p ? p : ts_fields_new ();
    ts_fields_set_text (p, "recoveryPointType", "LatestApplicationConsistent");
  }
  ts_errand_add (errand, TS_CALL_JOB, TS_VAULT_POST, g_strdup_printf ("%s/%s", path, action), p);
}

/* Those that are to be, then those that are not. */
static void
fill_disks (TsErrand *errand, const char *path)
{
  const TsVmSpec *vm = ts_topology_vm (errand->topology, (guint)errand->order.vm);
  for (guint part = 0; part < 2; part++) {
    GVariantBuilder names;
    guint count = 0, add = 1 - part;
    g_variant_builder_init (&names, G_VARIANT_TYPE ("av"));
    for (guint i = 0; i < vm->disks->len; i++)
      if ((errand->order.disks >> i & 1) == add) {
        ts_list_add (&names, g_variant_new_string (ts_vm_spec_disk (vm, i)->name));
        count++;
      }
    TsFields *p = ts_fields_new ();
    ts_fields_set (p, "disks", g_variant_builder_end (&names));
    if (count > 0)
      ts_errand_add (errand, TS_CALL_JOB, TS_VAULT_POST,
                     g_strdup_printf ("%s/%s", path, add ? "addDisks" : "removeDisks"), p);
    else
      ts_fields_free (p);
  }
}

TsErrand *
ts_errand_prepare (const TsTopology *topology)
{
  TsErrand *errand = g_new0 (TsErrand, 1);
  errand->topology = topology;
  errand->calls = g_ptr_array_new_with_free_func (call_free);
  errand->order.verb = TS_DO_COUNT;
  ts_errand_fill_preparation (errand);
  if (errand->calls->len == 0)
    errand->phase = TS_ERRAND_DONE;
  return errand;
}

TsErrand *
ts_errand_new (const TsTopology *topology, const TsOrder *order)
{
  TsErrand *errand = g_new0 (TsErrand, 1);
  errand->topology = topology;
  errand->calls = g_ptr_array_new_with_free_func (call_free);
  errand->order = *order;
  errand->step = g_strdup (order->step);
  if (order->plan > 0) {
    const TsPlanSpec *plan = topology->management->plans->pdata[order->plan - 1];
    g_autofree char *path = g_strdup_printf ("replicationRecoveryPlans/%s", plan->name);
    if (order->verb == TS_DO_CONFIRM)
      ts_errand_add (errand, TS_CALL_CONFIRM, TS_VAULT_GET, g_strdup (path), NULL);
    else {
      ts_errand_fill_plan (errand, plan);
      fill_action (errand, path);
    }
    return errand;
  }
  g_autofree char *path = order->vm >= 0 ? ts_errand_item_path (topology, (guint)order->vm) : NULL;
  if (!path)
    fail (errand, TS_ERRAND_REFUSED, "the virtual machine is in no cloud");
  else if (order->sides == TS_SIDES_REPLICA && order->verb != TS_DO_MOVE)
    fail (errand, TS_ERRAND_REFUSED, "through a vault it is asked of the primary");
  else if (order->verb == TS_DO_PROTECT)
    fill_protect (errand, path);
  else if (order->verb == TS_DO_REPLICATE_DISKS)
    fill_disks (errand, path);
  else
    fill_action (errand, path);
  return errand;
}

void
ts_errand_free (TsErrand *errand)
{
  if (!errand)
    return;
  g_free (errand->step);
  g_ptr_array_unref (errand->calls);
  g_free (errand->job);
  g_free (errand->chosen);
  g_free (errand->key);
  g_free (errand->key_vmm);
  g_free (errand->reason);
  g_free (errand);
}

/* --- asking ----------------------------------------------------------------------------------- */

static TsErrandCall *
call_at (const TsErrand *errand)
{
  return errand->at < errand->calls->len ? errand->calls->pdata[errand->at] : NULL;
}

/* With the recovery point that was chosen meanwhile. */
static void
choose_point (TsErrand *errand, TsErrandCall *call)
{
  if (!errand->chosen)
    return;
  g_autoptr (GVariant) old = ts_variant_dict (call->body, "properties");
  TsFields *p = ts_fields_of (old), *body = ts_fields_new ();
  ts_fields_set_text (p, "recoveryPointId", errand->chosen);
  ts_fields_set (body, "properties", ts_fields_end (p));
  g_clear_pointer (&call->body, g_variant_unref);
  call->body = g_variant_ref_sink (ts_fields_end (body));
  g_clear_pointer (&errand->chosen, g_free);
}

/* What begins a job at item or plan: where that is to be looked at. */
static char *
looked_at (const TsErrandCall *call)
{
  if (call->method == TS_VAULT_PUT)
    return g_strdup (call->path);
  char *path = g_strdup (call->path);
  *strrchr (path, '/') = '\0';
  return path;
}

gboolean
ts_errand_next (TsErrand *errand, gint64 now_us, TsVaultRequest *request)
{
  TsErrandCall *call = call_at (errand);
  if (errand->phase != TS_ERRAND_RUNNING || errand->waiting || now_us < errand->due_us || !call)
    return FALSE;
  errand->waiting = TRUE;
  *request = (TsVaultRequest){.method = TS_VAULT_GET};
  if (errand->job)
    request->path = errand->job;
  else if (errand->looking) {
    g_free (errand->chosen); /* its text lives until the reply */
    errand->chosen = looked_at (call);
    request->path = errand->chosen;
  } else {
    if (call->kind == TS_CALL_JOB)
      choose_point (errand, call);
    request->method = call->method;
    request->path = call->path;
    request->body = call->body;
  }
  return TRUE;
}

gint64
ts_errand_wake_us (const TsErrand *errand)
{
  return errand->phase != TS_ERRAND_RUNNING || errand->waiting ? TS_NEVER : errand->due_us;
}

/* --- hearing ---------------------------------------------------------------------------------- */

static void
next (TsErrand *errand, guint steps)
{
  errand->at += steps;
  g_clear_pointer (&errand->job, g_free);
  errand->due_us = 0;
  if (errand->at >= errand->calls->len)
    errand->phase = TS_ERRAND_DONE;
}

static void
heard_error (TsErrand *errand, const TsVaultReply *reply)
{
  g_autoptr (GVariant) error = ts_variant_dict (reply->body, "error");
  g_autofree char *reason = g_strdup_printf ("%s (%s)", ts_variant_text (error, "message", "refused"),
                                             ts_variant_text (error, "code", ""));
  fail (errand, reply->status == 409 || reply->status == 412 ? TS_ERRAND_REFUSED : TS_ERRAND_FAILED,
        reason);
}

static char *
first_error (GVariant *properties)
{
  g_autoptr (GVariant) errors = ts_variant_list (properties, "errors");
  for (gsize i = 0; i < ts_variant_count (errors); i++) {
    g_autoptr (GVariant) error = ts_variant_entry (errors, i);
    g_autoptr (GVariant) service = ts_variant_dict (error, "serviceErrorDetails");
    if (!g_str_equal (ts_variant_text (error, "errorLevel", ""), "Error") && i + 1 < ts_variant_count (errors))
      continue;
    return g_strdup_printf ("%s: %s (%s)", ts_variant_text (error, "taskId", ""),
                            ts_variant_text (service, "message", ""),
                            ts_variant_text (service, "code", ""));
  }
  return g_strdup ("the job has failed");
}

static void
heard_job (TsErrand *errand, gint64 now_us, const TsVaultReply *reply)
{
  g_autoptr (GVariant) properties = ts_variant_dict (reply->body, "properties");
  const char *state = ts_variant_text (properties, "state", "");
  TsErrandCall *call = call_at (errand);
  if (reply->status != 200)
    heard_error (errand, reply);
  else if (call->kind == TS_CALL_CONFIRM && g_str_equal (state, "Suspended")) {
    ts_errand_add (errand, TS_CALL_PLAIN, TS_VAULT_POST, g_strdup_printf ("%s/resume", errand->job), NULL);
    next (errand, 1);
  } else if (call->kind == TS_CALL_CONFIRM &&
             (g_str_equal (state, "Succeeded") || g_str_equal (state, "Failed"))) {
    errand->due_us = now_us + scaled_us (errand, POLL_US); /* an older one: another will begin */
    g_clear_pointer (&errand->job, g_free);
  } else if (g_str_equal (state, "Succeeded"))
    next (errand, 1);
  else if (g_str_equal (state, "Failed")) {
    g_autofree char *reason = first_error (properties);
    fail (errand, TS_ERRAND_FAILED, reason);
  } else if (g_str_equal (state, "Cancelled"))
    fail (errand, TS_ERRAND_FAILED, "the job was cancelled");
  else
    errand->due_us = now_us + scaled_us (errand, POLL_US);
}

static char *
path_of_id (const char *id) /* "/vaults/NAME/path" */
{
  g_auto (GStrv) parts = g_strsplit (id, "/", 4);
  return g_strv_length (parts) == 4 ? g_strdup (parts[3]) : NULL;
}

/* Has the job begun whose request's reply was not heard? */
static void
heard_look (TsErrand *errand, const TsVaultReply *reply)
{
  g_autoptr (GVariant) properties = ts_variant_dict (reply->body, "properties");
  g_autoptr (GVariant) current = ts_variant_dict (properties, "currentScenario");
  errand->looking = FALSE;
  g_clear_pointer (&errand->chosen, g_free);
  errand->job = path_of_id (ts_variant_text (current, "jobId", ""));
  if (!errand->job && g_str_equal (ts_variant_text (properties, "currentJobState", ""), "running"))
    errand->job = g_strdup (ts_variant_text (properties, "lastJob", ""));
  if (!errand->job && errand->order.verb == TS_DO_PROTECT && reply->status == 200 &&
      g_str_equal (ts_variant_text (properties, "protectionState", ""), "Protected"))
    next (errand, 1); /* it has been done already */
}

/* The list is newest first; its times are the vault's. */
static void
heard_points (TsErrand *errand, const TsVaultReply *reply)
{
  g_autoptr (GVariant) list = ts_variant_list (reply->body, "value");
  const TsPointChoice *choice = &errand->order.point;
  for (gsize i = 0; i < ts_variant_count (list); i++) {
    g_autoptr (GVariant) point = ts_variant_entry (list, i);
    g_autoptr (GVariant) properties = ts_variant_dict (point, "properties");
    gint64 age_us = ts_variant_int (properties, "ageInMicroseconds", -1);
    if (choice->how == TS_CHOOSE_INDEX ? (gint64)i != choice->number
                                       : age_us < 0 || age_us < choice->number)
      continue;
    errand->chosen = g_strdup (ts_variant_text (point, "id", ""));
    next (errand, 1);
    return;
  }
  fail (errand, TS_ERRAND_REFUSED, "there is no such recovery point");
}

static void
heard_call (TsErrand *errand, gint64 now_us, const TsVaultReply *reply)
{
  TsErrandCall *call = call_at (errand);
  g_autoptr (GVariant) properties = ts_variant_dict (reply->body, "properties");
  gboolean fine = reply->status >= 200 && reply->status < 300;
  switch (call->kind) {
  case TS_CALL_UNTIL:
    if (fine)
      next (errand, 1);
    else
      errand->due_us = now_us + scaled_us (errand, POLL_US);
    return;
  case TS_CALL_ABSENT:
    if (fine || reply->status == 404)
      next (errand, fine ? 2 : 1);
    else
      heard_error (errand, reply);
    return;
  case TS_CALL_CONFIRM: {
    const char *job = ts_variant_text (properties, "lastJob", "");
    if (fine && *job)
      errand->job = g_strdup (job);
    else
      errand->due_us = now_us + scaled_us (errand, POLL_US); /* it is about to begin */
    return;
  }
  case TS_CALL_PLAIN:
  case TS_CALL_JOB:
  case TS_CALL_KEY:
  case TS_CALL_POINTS:
  default:
    break;
  }
  if (!fine) {
    heard_error (errand, reply);
    return;
  }
  if (call->kind == TS_CALL_JOB && reply->location) {
    errand->job = g_strdup (reply->location);
    errand->due_us = now_us + scaled_us (errand, POLL_US);
  } else if (call->kind == TS_CALL_KEY) {
    errand->key = g_strdup (ts_variant_text (properties, "registrationKey", ""));
    errand->key_vmm = g_strdup (call->vmm);
    next (errand, 1);
  } else if (call->kind == TS_CALL_POINTS)
    heard_points (errand, reply);
  else
    next (errand, 1);
}

void
ts_errand_hear (TsErrand *errand, gint64 now_us, const TsVaultReply *reply)
{
  if (!errand->waiting || errand->phase != TS_ERRAND_RUNNING)
    return;
  errand->waiting = FALSE;
  if (errand->job)
    heard_job (errand, now_us, reply);
  else if (errand->looking)
    heard_look (errand, reply);
  else
    heard_call (errand, now_us, reply);
}

void
ts_errand_unheard (TsErrand *errand, gint64 now_us)
{
  if (!errand->waiting || errand->phase != TS_ERRAND_RUNNING)
    return;
  errand->waiting = FALSE;
  const TsErrandCall *call = call_at (errand);
  if (!errand->job && call->kind == TS_CALL_JOB)
    errand->looking = TRUE;
  errand->due_us = now_us + scaled_us (errand, AGAIN_US);
}

char *
ts_errand_take_key (TsErrand *errand, char **vmm)
{
  *vmm = g_steal_pointer (&errand->key_vmm);
  return g_steal_pointer (&errand->key);
}

const char *
ts_errand_step_id (const TsErrand *errand)
{
  return errand->step;
}

TsVerb
ts_errand_verb (const TsErrand *errand)
{
  return errand->order.verb;
}

TsErrandPhase
ts_errand_phase (const TsErrand *errand)
{
  return errand->phase;
}

const char *
ts_errand_reason (const TsErrand *errand)
{
  return errand->reason ? errand->reason : "";
}

/* core/vault/vault-job.c -- jobs: trees of tasks, walked from the root each time something happens.
 *
 * A job knows all its tasks when it begins.  A sequence does its tasks in order and ends at one
 * that fails, unless that may; a parallel does all at once; an order is an order to a VMM server; a manual
 * one waits for people.  Every state is a row, so a vault that comes back walks on where it was, and
 * gives an order again under its old id. */
#include "core/vault/vault-internal.h"

#define GIVEN_PATIENCE_US (5 * TS_MIN) /* CHOICE: for one that has taken it */
#define JOBS_MAX 1000                  /* CHOICE: older ones that have ended go */

/* --- making ----------------------------------------------------------------------------------- */

void
ts_vault_job_free (gpointer data)
{
  TsVaultJob *job = data;
  g_ptr_array_unref (job->tasks);
  g_free (job);
}

gboolean
ts_task_state_final (const char *state)
{
  return g_str_equal (state, "Succeeded") || g_str_equal (state, "Failed") ||
         g_str_equal (state, "Cancelled") || g_str_equal (state, "Skipped");
}

static void
drop_job (TsVault *vault, TsDoc *job)
{
  g_autofree char *name = ts_path_segment (job->key, 0);
  g_autofree char *prefix = g_strdup_printf ("%s/", name);
  for (guint i = vault->docs[TS_TABLE_TASK]->len; i > 0; i--) {
    TsDoc *task = vault->docs[TS_TABLE_TASK]->pdata[i - 1];
    if (g_str_has_prefix (task->key, prefix))
      ts_vault_doc_drop (vault, task);
  }
  ts_vault_doc_drop (vault, job);
}

static void
drop_old_jobs (TsVault *vault)
{
  while (vault->docs[TS_TABLE_JOB]->len > JOBS_MAX) {
    TsDoc *old = vault->docs[TS_TABLE_JOB]->pdata[0];
    if (!ts_task_state_final (ts_doc_text (old, "state")))
      return;
    drop_job (vault, old);
  }
}

TsVaultJob *
ts_vault_job_new (TsVault *vault, const char *scenario, const char *friendly, const char *target,
                  const char *target_name, const char *target_type)
{
  TsDoc *self = ts_vault_doc (vault, TS_TABLE_SELF, "self");
  gint64 number = ts_doc_int (self, "jobs", 0) + 1;
  ts_vault_set_int (vault, self, "jobs", number);
  g_autofree char *key = g_strdup_printf ("replicationJobs/job-%06" G_GINT64_FORMAT, number);
  TsVaultJob *job = g_new0 (TsVaultJob, 1);
  job->doc = ts_vault_doc_make (vault, TS_TABLE_JOB, key);
  job->tasks = g_ptr_array_new ();
  ts_vault_set_text (vault, job->doc, "scenario", scenario);
  ts_vault_set_text (vault, job->doc, "friendly", friendly);
  ts_vault_set_text (vault, job->doc, "target", target);
  ts_vault_set_text (vault, job->doc, "target_name", target_name);
  ts_vault_set_text (vault, job->doc, "target_type", target_type);
  ts_vault_set_text (vault, job->doc, "state", "InProgress");
  ts_vault_set_int (vault, job->doc, "started_us", vault->now_us);
  g_ptr_array_add (vault->jobs, job);
  ts_vault_task (vault, job, -1, "sequence", friendly);
  drop_old_jobs (vault);
  return job;
}

static TsDoc *
task_at (const TsVaultJob *job, gint index)
{
  return job->tasks->pdata[index];
}

gint
ts_vault_task (TsVault *vault, TsVaultJob *job, gint parent, const char *kind, const char *name)
{
  gint index = (gint)job->tasks->len;
  g_autofree char *of = ts_path_segment (job->doc->key, 0);
  g_autofree char *key = g_strdup_printf ("%s/%04d", of, index);
  TsDoc *task = ts_vault_doc_make (vault, TS_TABLE_TASK, key);
  g_ptr_array_add (job->tasks, task);
  ts_vault_set_text (vault, task, "job", job->doc->key);
  ts_vault_set_int (vault, task, "parent", parent);
  ts_vault_set_text (vault, task, "kind", kind);
  ts_vault_set_text (vault, task, "name", name);
  ts_vault_set_text (vault, task, "state", "NotStarted");
  return index;
}

gint
ts_vault_task_order (TsVault *vault, TsVaultJob *job, gint parent, const char *name,
                     const TsDoc *item, const char *fabric, const char *verb, TsFields *arguments)
{
  gint index = ts_vault_task (vault, job, parent, "order", name);
  TsDoc *task = task_at (job, index);
  ts_vault_set_text (vault, task, "fabric", fabric);
  ts_vault_set_text (vault, task, "verb", verb);
  ts_vault_set (vault, task, "arguments", ts_fields_end (arguments ? arguments : ts_fields_new ()));
  if (item)
    ts_vault_task_item (vault, job, index, item);
  return index;
}

void
ts_vault_task_item (TsVault *vault, TsVaultJob *job, gint task, const TsDoc *item)
{
  ts_vault_set_text (vault, task_at (job, task), "item", item->key);
  ts_vault_set_text (vault, task_at (job, task), "vm", ts_doc_text (item, "vm"));
}

void
ts_vault_task_may_fail (TsVault *vault, TsVaultJob *job, gint task)
{
  ts_vault_set_bool (vault, task_at (job, task), "may_fail", TRUE);
}

void
ts_vault_task_needs (TsVault *vault, TsVaultJob *job, gint task, gint other)
{
  ts_vault_set_int (vault, task_at (job, task), "needs", other);
}

void
ts_vault_task_effect (TsVault *vault, TsVaultJob *job, gint task, const char *effect)
{
  ts_vault_set_text (vault, task_at (job, task), "effect", effect);
}

void
ts_vault_job_take (TsVault *vault, TsVaultJob *job, TsDoc *item)
{
  ts_vault_set_text (vault, item, "job", job->doc->key);
  ts_vault_set_text (vault, item, "last_job", job->doc->key);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void
report_job (TsVault *vault, const TsVaultJob *job, const char *phase)
{
  g_autofree char *name = ts_path_segment (job->doc->key, 0);
  TsRecord *record = ts_record_new (0, "vault", "job");
  ts_record_text (record, "job", name);
  ts_record_text (record, "scenario", ts_doc_text (job->doc, "scenario"));
  ts_record_text (record, "target", ts_doc_text (job->doc, "target_name"));
  ts_record_text (record, "target_type", ts_doc_text (job->doc, "target_type"));
  ts_record_text (record, "phase", phase);
  ts_vault_report (vault, ts_record_text (record, "description", ts_doc_text (job->doc, "description")));
}

static void
report_task (TsVault *vault, const TsVaultJob *job, const TsDoc *task, const char *phase)
{
  g_autofree char *name = ts_path_segment (job->doc->key, 0);
  const char *kind = ts_doc_text (task, "kind");
  gboolean group = *ts_doc_text (task, "group") != '\0', manual = g_str_equal (kind, "manual");
  TsRecord *record =
      ts_record_new (0, "vault", group ? "plan_group" : manual ? "manual_action" : "task");
  ts_record_text (record, "job", name);
  if (group) {
    ts_record_text (record, "plan", ts_doc_text (job->doc, "target_name"));
    ts_record_text (record, "group", ts_doc_text (task, "group"));
  } else {
    ts_record_text (record, "task", ts_doc_text (task, "name"));
    ts_record_text (record, "vm", ts_doc_text (task, "vm"));
  }
  ts_record_text (record, "phase", phase);
  if (g_str_equal (phase, "failed")) {
    ts_record_int (record, "code", ts_doc_int (task, "code", 0));
    ts_record_text (record, "reason", ts_doc_text (task, "reason"));
  }
  ts_vault_report (vault, record);
}

static const char *
phase_of (const char *state)
{
  static const char *const phases[][2] = {
      {"InProgress", "begun"}, {"Succeeded", "done"},      {"Failed", "failed"},
      {"Skipped", "skipped"},  {"Cancelled", "cancelled"}, {"Suspended", "waiting"},
  };
  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    if (g_str_equal (phases[i][0], state))
      return phases[i][1];
  return "";
}

static void
set_state (TsVault *vault, TsVaultJob *job, TsDoc *task, const char *state)
{
  if (g_str_equal (ts_doc_text (task, "state"), state))
    return;
  if (ts_doc_int (task, "started_us", 0) == 0 && !g_str_equal (state, "Skipped"))
    ts_vault_set_int (vault, task, "started_us", vault->now_us);
  ts_vault_set_text (vault, task, "state", state);
  if (ts_task_state_final (state))
    ts_vault_set_int (vault, task, "ended_us", vault->now_us);
  if (ts_doc_int (task, "parent", -1) >= 0)
    report_task (vault, job, task, phase_of (state));
}

static void
fail (TsVault *vault, TsVaultJob *job, TsDoc *task, gint64 code, const char *reason)
{
  ts_vault_set_int (vault, task, "code", code);
  ts_vault_set_text (vault, task, "reason", reason);
  set_state (vault, job, task, "Failed");
}

/* --- walking ---------------------------------------------------------------------------------- */

static void advance (TsVault *vault, TsVaultJob *job, gint index);

static gboolean
is_state (const TsDoc *task, const char *state)
{
  return g_str_equal (ts_doc_text (task, "state"), state);
}

static gboolean
is_over (const TsDoc *task)
{
  return ts_task_state_final (ts_doc_text (task, "state"));
}

/* Next child of parent behind index `after`; -1: there is none. */
static gint
child (const TsVaultJob *job, gint parent, gint after)
{
  for (gint i = MAX (after, parent) + 1; i < (gint)job->tasks->len; i++)
    if (ts_doc_int (task_at (job, i), "parent", -1) == parent)
      return i;
  return -1;
}

static void
skip (TsVault *vault, TsVaultJob *job, gint index)
{
  TsDoc *task = task_at (job, index);
  if (is_over (task))
    return;
  for (gint i = child (job, index, -1); i >= 0; i = child (job, index, i))
    skip (vault, job, i);
  set_state (vault, job, task, "Skipped");
}

static gboolean
ends_parent (const TsDoc *task)
{
  return (is_state (task, "Failed") || is_state (task, "Cancelled")) && !ts_doc_bool (task, "may_fail");
}

static void
advance_sequence (TsVault *vault, TsVaultJob *job, gint index)
{
  TsDoc *task = task_at (job, index);
  for (gint i = child (job, index, -1); i >= 0; i = child (job, index, i)) {
    advance (vault, job, i);
    if (!is_over (task_at (job, i)))
      return;
    if (!ends_parent (task_at (job, i)))
      continue;
    for (gint rest = child (job, index, i); rest >= 0; rest = child (job, index, rest))
      skip (vault, job, rest);
    set_state (vault, job, task, "Failed");
    return;
  }
  set_state (vault, job, task, "Succeeded");
}

static void
advance_parallel (TsVault *vault, TsVaultJob *job, gint index)
{
  TsDoc *task = task_at (job, index);
  gboolean over = TRUE, failed = FALSE;
  for (gint i = child (job, index, -1); i >= 0; i = child (job, index, i)) {
    advance (vault, job, i);
    over &= is_over (task_at (job, i));
    failed |= ends_parent (task_at (job, i));
  }
  if (over)
    set_state (vault, job, task, failed ? "Failed" : "Succeeded");
}

static void
say_order (TsVault *vault, const TsVaultJob *job, const TsDoc *task)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "id", ts_doc_text (task, "order"));
  ts_fields_set_text (fields, "verb", ts_doc_text (task, "verb"));
  ts_fields_set (fields, "fields", ts_vault_order_fields (vault, job, task));
  ts_vault_say (vault, ts_doc_text (task, "fabric"), TS_MESSAGE_ORDER, fields);
}

/* Its VMM server is not connected: for how long is it waited for? */
static void
wait_for_fabric (TsVault *vault, TsVaultJob *job, TsDoc *task)
{
  gboolean given = *ts_doc_text (task, "order") != '\0';
  gint64 since_us = ts_doc_int (task, "silent_us", 0);
  if (since_us == 0) {
    since_us = vault->now_us;
    ts_vault_set_int (vault, task, "silent_us", since_us);
  }
  since_us = MAX (since_us, vault->begun_us); /* a vault that comes back gives them time anew */
  gint64 patience_us = given && !ts_doc_bool (task, "may_fail") ? GIVEN_PATIENCE_US : TS_VAULT_FRESH_US;
  if (!given && ts_doc_bool (task, "may_fail") && vault->now_us > vault->begun_us + TS_VAULT_FRESH_US)
    patience_us = 0; /* it is only to be tried */
  if (vault->now_us < since_us + ts_vault_scaled_us (vault, patience_us))
    return;
  g_autofree char *reason =
      g_strdup_printf ("the Provider of %s is not connected", ts_doc_text (task, "fabric"));
  fail (vault, job, task, TS_SITE_NOT_CONNECTED, reason);
}

static void
advance_order (TsVault *vault, TsVaultJob *job, gint index)
{
  TsDoc *task = task_at (job, index);
  const char *fabric = ts_doc_text (task, "fabric");
  set_state (vault, job, task, "InProgress");
  if (!ts_vault_line (vault, fabric)) {
    wait_for_fabric (vault, job, task);
    return;
  }
  ts_vault_set_int (vault, task, "silent_us", 0);
  if (*ts_doc_text (task, "order"))
    return;
  g_autofree char *name = ts_path_segment (job->doc->key, 0);
  gint64 attempt = ts_doc_int (task, "attempt", 0) + 1;
  g_autofree char *id = g_strdup_printf (
      "%s/%s/%04d.%" G_GINT64_FORMAT,
      ts_doc_text (ts_vault_doc (vault, TS_TABLE_SELF, "self"), "instance"), name, index, attempt);
  ts_vault_set_int (vault, task, "attempt", attempt);
  ts_vault_set_text (vault, task, "order", id);
  say_order (vault, job, task);
}

static void
advance (TsVault *vault, TsVaultJob *job, gint index)
{
  TsDoc *task = task_at (job, index);
  const char *kind = ts_doc_text (task, "kind");
  if (is_over (task))
    return;
  gint64 needs = ts_doc_int (task, "needs", -1);
  if (is_state (task, "NotStarted") && needs >= 0 && !is_state (task_at (job, (gint)needs), "Succeeded")) {
    skip (vault, job, index);
    return;
  }
  if (g_str_equal (kind, "order"))
    advance_order (vault, job, index);
  else if (g_str_equal (kind, "manual"))
    set_state (vault, job, task, "Suspended");
  else {
    set_state (vault, job, task, "InProgress");
    if (g_str_equal (kind, "parallel"))
      advance_parallel (vault, job, index);
    else
      advance_sequence (vault, job, index);
  }
}

/* --- ending ----------------------------------------------------------------------------------- */

static const char *
describe_end (const TsVaultJob *job)
{
  const TsDoc *root = task_at (job, 0);
  gboolean partly = FALSE, information = FALSE;
  if (is_state (root, "Failed"))
    return "Failed";
  if (is_state (root, "Cancelled"))
    return "Cancelled";
  for (guint i = 1; i < job->tasks->len; i++) {
    const TsDoc *task = job->tasks->pdata[i];
    if (!is_state (task, "Failed"))
      continue;
    if (ts_doc_bool (task, "optional"))
      information = TRUE;
    else
      partly = TRUE;
  }
  return partly ? "PartiallySucceeded" : information ? "CompletedWithInformation" : "Completed";
}

/* Of a plan that runs to its end: did no item fail over at all? */
static gboolean
all_failed (const TsVaultJob *job)
{
  guint failed = 0, done = 0;
  for (guint i = 1; i < job->tasks->len; i++) {
    const TsDoc *task = job->tasks->pdata[i];
    if (!g_str_equal (ts_doc_text (task, "effect"), "failed-over") &&
        !g_str_equal (ts_doc_text (task, "effect"), "test-started"))
      continue;
    failed += is_state (task, "Failed") || is_state (task, "Skipped") ? 1 : 0;
    done += is_state (task, "Succeeded") ? 1 : 0;
  }
  return failed > 0 && done == 0;
}

static void
free_items (TsVault *vault, const TsVaultJob *job)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    if (g_str_equal (ts_doc_text (item, "job"), job->doc->key))
      ts_vault_set_text (vault, item, "job", "");
  }
}

static void
end_job (TsVault *vault, TsVaultJob *job)
{
  TsDoc *root = task_at (job, 0);
  if (is_state (root, "Succeeded") && all_failed (job))
    ts_vault_set_text (vault, root, "state", "Failed");
  const char *state = ts_doc_text (root, "state");
  ts_vault_set_text (vault, job->doc, "description", describe_end (job));
  ts_vault_set_text (vault, job->doc, "state", state);
  ts_vault_set_int (vault, job->doc, "ended_us", vault->now_us);
  ts_vault_job_effect (vault, job, NULL);
  free_items (vault, job);
  report_job (vault, job, phase_of (state));
  if (!is_state (root, "Succeeded"))
    ts_vault_event (vault, "JobFailed", g_str_equal (state, "Failed") ? "Critical" : "Warning",
                    ts_doc_text (job->doc, "target_name"), job->doc->key, "%s of %s: %s",
                    ts_doc_text (job->doc, "friendly"), ts_doc_text (job->doc, "target_name"),
                    ts_doc_text (job->doc, "description"));
  g_ptr_array_remove (vault->jobs, job);
}

/* What people see: it waits for them, when all that could run has. */
static void
show_waiting (TsVault *vault, TsVaultJob *job)
{
  gboolean waits = FALSE;
  for (guint i = 0; i < job->tasks->len; i++)
    waits |= is_state (job->tasks->pdata[i], "Suspended");
  const char *state = waits ? "Suspended" : "InProgress";
  if (g_str_equal (ts_doc_text (job->doc, "state"), state))
    return;
  ts_vault_set_text (vault, job->doc, "state", state);
  report_job (vault, job, waits ? "suspended" : "resumed");
}

void
ts_vault_jobs_go_on (TsVault *vault)
{
  for (guint i = 0; i < vault->jobs->len;) {
    TsVaultJob *job = vault->jobs->pdata[i];
    gboolean again = job->again || vault->now_us >= ts_doc_int (job->doc, "look_us", 0);
    job->again = FALSE;
    if (again) {
      advance (vault, job, 0);
      if (is_over (task_at (job, 0))) {
        end_job (vault, job);
        continue;
      }
      show_waiting (vault, job);
    }
    i++;
  }
}

void
ts_vault_jobs_again (TsVault *vault)
{
  for (guint i = 0; i < vault->jobs->len; i++)
    ((TsVaultJob *)vault->jobs->pdata[i])->again = TRUE;
}

void
ts_vault_jobs_reorder (TsVault *vault, const char *fabric)
{
  for (guint i = 0; i < vault->jobs->len; i++) {
    TsVaultJob *job = vault->jobs->pdata[i];
    job->again = TRUE;
    for (guint t = 0; t < job->tasks->len; t++) {
      const TsDoc *task = job->tasks->pdata[t];
      if (is_state (task, "InProgress") && *ts_doc_text (task, "order") &&
          g_str_equal (ts_doc_text (task, "fabric"), fabric))
        say_order (vault, job, task);
    }
  }
}

/* Only tasks whose VMM server is away need the clock. */
gint64
ts_vault_jobs_wake_us (const TsVault *vault)
{
  for (guint i = 0; i < vault->jobs->len; i++) {
    const TsVaultJob *job = vault->jobs->pdata[i];
    for (guint t = 0; t < job->tasks->len; t++) {
      const TsDoc *task = job->tasks->pdata[t];
      if (is_state (task, "InProgress") && ts_doc_int (task, "silent_us", 0) > 0)
        return vault->now_us + ts_vault_scaled_us (vault, TS_S);
    }
  }
  return TS_NEVER;
}

/* --- what comes back -------------------------------------------------------------------------- */

static TsVaultJob *
job_of_order (const TsVault *vault, const char *id, gint *task)
{
  for (guint i = 0; i < vault->jobs->len; i++) {
    TsVaultJob *job = vault->jobs->pdata[i];
    g_autofree char *name = ts_path_segment (job->doc->key, 0);
    g_autofree char *part = g_strdup_printf ("/%s/", name);
    if (!strstr (id, part))
      continue;
    for (guint t = 0; t < job->tasks->len; t++)
      if (g_str_equal (ts_doc_text (job->tasks->pdata[t], "order"), id)) {
        *task = (gint)t;
        return job;
      }
  }
  return NULL;
}

void
ts_vault_job_result (TsVault *vault, const char *fabric, GVariant *fields)
{
  const char *id = ts_variant_text (fields, "id", "");
  gint index = 0;
  TsVaultJob *job = job_of_order (vault, id, &index);
  TsFields *confirm = ts_fields_new ();
  ts_fields_set_text (confirm, "id", id);
  ts_vault_say (vault, fabric, TS_MESSAGE_CONFIRM, confirm); /* is said when the rows are durable */
  if (!job || !is_state (task_at (job, index), "InProgress") ||
      !g_str_equal (ts_doc_text (task_at (job, index), "fabric"), fabric))
    return;
  TsDoc *task = task_at (job, index);
  g_autoptr (GVariant) output = ts_variant_dict (fields, "output");
  ts_vault_set (vault, task, "output", output);
  job->again = TRUE;
  if (ts_variant_bool (fields, "ok", FALSE)) {
    ts_vault_job_effect (vault, job, task);
    set_state (vault, job, task, "Succeeded");
  } else
    fail (vault, job, task, ts_variant_int (fields, "code", TS_SITE_FAILED),
          ts_variant_text (fields, "reason", ""));
}

void
ts_vault_job_load (TsVault *vault)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_JOB]->len; i++) {
    TsDoc *doc = vault->docs[TS_TABLE_JOB]->pdata[i];
    if (ts_task_state_final (ts_doc_text (doc, "state")))
      continue;
    TsVaultJob *job = g_new0 (TsVaultJob, 1);
    job->doc = doc;
    job->tasks = g_ptr_array_new ();
    job->again = TRUE;
    g_autofree char *name = ts_path_segment (doc->key, 0);
    for (guint t = 0;; t++) {
      g_autofree char *key = g_strdup_printf ("%s/%04u", name, t);
      TsDoc *task = ts_vault_doc (vault, TS_TABLE_TASK, key);
      if (!task)
        break;
      g_ptr_array_add (job->tasks, task);
    }
    if (job->tasks->len > 0)
      g_ptr_array_add (vault->jobs, job);
    else
      ts_vault_job_free (job);
  }
}

/* --- what people ask of a job ------------------------------------------------------------------ */

void
ts_vault_job_begin (TsVault *vault, TsVaultJob *job, TsVaultCall *call)
{
  job->again = TRUE;
  report_job (vault, job, "begun");
  if (call)
    ts_vault_reply (vault, call, 202, ts_vault_job_resource (vault, job->doc), job->doc->key);
}

static TsVaultJob *
running (const TsVault *vault, const TsDoc *doc)
{
  for (guint i = 0; i < vault->jobs->len; i++)
    if (((TsVaultJob *)vault->jobs->pdata[i])->doc == doc)
      return vault->jobs->pdata[i];
  return NULL;
}

static void
cancel (TsVault *vault, TsVaultJob *job)
{
  for (guint i = 0; i < job->tasks->len; i++) {
    TsDoc *task = job->tasks->pdata[i];
    if (is_over (task))
      continue;
    if (is_state (task, "InProgress") && *ts_doc_text (task, "order")) { /* it need not be told */
      TsFields *confirm = ts_fields_new ();
      ts_fields_set_text (confirm, "id", ts_doc_text (task, "order"));
      ts_vault_say (vault, ts_doc_text (task, "fabric"), TS_MESSAGE_CONFIRM, confirm);
    }
    ts_vault_set_int (vault, task, "code", TS_SITE_CANCELLED);
    set_state (vault, job, task, is_state (task, "NotStarted") ? "Skipped" : "Cancelled");
  }
  ts_vault_set_text (vault, task_at (job, 0), "state", "Cancelled");
}

/* Whose job it was and who has another one by now. */
static const TsDoc *
busy_item (const TsVault *vault, const char *job)
{
  for (guint i = 0; i < vault->docs[TS_TABLE_ITEM]->len; i++) {
    const TsDoc *item = vault->docs[TS_TABLE_ITEM]->pdata[i];
    if (g_str_equal (ts_doc_text (item, "last_job"), job) && *ts_doc_text (item, "job"))
      return item;
  }
  return NULL;
}

/* Its items must still be those whose last job this was: else the tasks are of another time. */
static gboolean
still_its_own (const TsVault *vault, const TsVaultJob *job)
{
  for (guint t = 0; t < job->tasks->len; t++) {
    const char *path = ts_doc_text (job->tasks->pdata[t], "item");
    const TsDoc *item = *path ? ts_vault_doc (vault, TS_TABLE_ITEM, path) : NULL;
    if (*path && (!item || !g_str_equal (ts_doc_text (item, "last_job"), job->doc->key)))
      return FALSE;
  }
  return TRUE;
}

static void
restart (TsVault *vault, TsVaultCall *call, TsDoc *doc)
{
  ts_vault_set_text (vault, doc, "state", "InProgress");
  TsVaultJob *job = NULL;
  {
    g_autoptr (GPtrArray) before = g_steal_pointer (&vault->jobs);
    vault->jobs = g_ptr_array_new_with_free_func (ts_vault_job_free);
    ts_vault_job_load (vault); /* all that run anew; only this one is wanted */
    for (guint i = 0; i < vault->jobs->len; i++)
      if (((TsVaultJob *)vault->jobs->pdata[i])->doc == doc)
        job = g_ptr_array_steal_index (vault->jobs, i--);
    g_ptr_array_unref (vault->jobs);
    vault->jobs = g_steal_pointer (&before);
  }
  if (!job || busy_item (vault, doc->key) || !still_its_own (vault, job)) {
    ts_vault_set_text (vault, doc, "state", "Failed");
    ts_vault_refuse (vault, call, 409, TS_SITE_BUSY, NULL,
                     "other operations have been made on its items since");
    g_clear_pointer (&job, ts_vault_job_free);
    return;
  }
  g_ptr_array_add (vault->jobs, job);
  for (guint t = 0; t < job->tasks->len; t++) {
    TsDoc *task = job->tasks->pdata[t];
    if (is_state (task, "Succeeded"))
      continue;
    ts_vault_set_text (vault, task, "state", "NotStarted");
    ts_vault_set_text (vault, task, "order", NULL);
    ts_vault_set_int (vault, task, "silent_us", 0);
    ts_vault_set_int (vault, task, "started_us", 0);
    ts_vault_set (vault, task, "code", NULL);
    ts_vault_set (vault, task, "reason", NULL);
    const char *path = ts_doc_text (task, "item");
    TsDoc *item = *path ? ts_vault_doc (vault, TS_TABLE_ITEM, path) : NULL;
    if (item)
      ts_vault_job_take (vault, job, item);
  }
  ts_vault_set_text (vault, doc, "description", "");
  ts_vault_set (vault, doc, "ended_us", NULL);
  ts_vault_job_begin (vault, job, call);
}

static void
resume (TsVault *vault, TsVaultCall *call, TsVaultJob *job)
{
  for (guint t = 0; t < job->tasks->len; t++) {
    TsDoc *task = job->tasks->pdata[t];
    if (!is_state (task, "Suspended"))
      continue;
    ts_vault_set_text (vault, task, "comments", ts_variant_text (call->properties, "comments", ""));
    set_state (vault, job, task, "Succeeded");
    break; /* one at a time: each is confirmed for itself */
  }
  job->again = TRUE;
  ts_vault_reply (vault, call, 202, ts_vault_job_resource (vault, job->doc), job->doc->key);
}

static void
list_jobs (TsVault *vault, TsVaultCall *call)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = vault->docs[TS_TABLE_JOB]->len; i > 0; i--)
    ts_list_add (&list, ts_vault_job_resource (vault, vault->docs[TS_TABLE_JOB]->pdata[i - 1]));
  TsFields *body = ts_fields_new ();
  ts_fields_set (body, "value", g_variant_builder_end (&list));
  ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
}

/* Which jobs a body of exportJobs means. */
static gboolean
fits (const TsDoc *job, GVariant *wanted)
{
  const char *start = ts_variant_text (wanted, "startTime", NULL);
  const char *end = ts_variant_text (wanted, "endTime", NULL);
  gint64 begun_us = ts_doc_int (job, "started_us", 0), from_us = 0, to_us = TS_NEVER;
  if ((start && !ts_vault_time_parse (start, &from_us)) || (end && !ts_vault_time_parse (end, &to_us)))
    return FALSE;
  const struct {
    const char *field, *has;
  } texts[] = {{"jobStatus", ts_doc_text (job, "state")},
               {"jobName", ts_doc_text (job, "scenario")},
               {"affectedObjectTypes", ts_doc_text (job, "target_type")}};
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    if (!g_str_equal (ts_variant_text (wanted, texts[i].field, texts[i].has), texts[i].has))
      return FALSE;
  return begun_us >= from_us && begun_us <= to_us;
}

static void
export (TsVault *vault, TsVaultCall *call)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < vault->docs[TS_TABLE_JOB]->len; i++)
    if (fits (vault->docs[TS_TABLE_JOB]->pdata[i], call->properties))
      ts_list_add (&list, ts_vault_job_resource (vault, vault->docs[TS_TABLE_JOB]->pdata[i]));
  TsFields *body = ts_fields_new ();
  ts_fields_set (body, "value", g_variant_builder_end (&list));
  ts_vault_reply (vault, call, 200, ts_fields_end (body), NULL);
}

void
ts_vault_job_request (TsVault *vault, TsVaultCall *call)
{
  if (call->route->list && call->route->method == TS_VAULT_POST) {
    export (vault, call);
    return;
  }
  if (call->route->list) {
    list_jobs (vault, call);
    return;
  }
  gboolean get = call->route->method == TS_VAULT_GET;
  g_autofree char *key = g_strdup_printf ("replicationJobs/%s", call->names[0]);
  TsDoc *doc = ts_vault_doc (vault, TS_TABLE_JOB, key);
  TsVaultJob *job = doc ? running (vault, doc) : NULL;
  g_autofree char *verb = ts_path_segment (call->path, 0);
  if (!doc)
    ts_vault_refuse (vault, call, 404, 0, NULL, "there is no job %s", call->names[0]);
  else if (get)
    ts_vault_reply (vault, call, 200, ts_vault_job_resource (vault, doc), NULL);
  else if (g_str_equal (verb, "restart")) {
    if (job || g_str_equal (ts_doc_text (doc, "state"), "Succeeded"))
      ts_vault_refuse (vault, call, 409, TS_SITE_INVALID_STATE, NULL, "the job has not failed");
    else
      restart (vault, call, doc);
  } else if (!job)
    ts_vault_refuse (vault, call, 409, TS_SITE_INVALID_STATE, NULL, "the job has ended");
  else if (g_str_equal (verb, "cancel")) {
    ts_vault_set_text (vault, doc, "comments", ts_variant_text (call->properties, "comments", ""));
    cancel (vault, job);
    end_job (vault, job);
    ts_vault_reply (vault, call, 202, ts_vault_job_resource (vault, doc), doc->key);
  } else if (!g_str_equal (ts_doc_text (doc, "state"), "Suspended"))
    ts_vault_refuse (vault, call, 409, TS_SITE_INVALID_STATE, NULL, "the job waits for nobody");
  else
    resume (vault, call, job);
}

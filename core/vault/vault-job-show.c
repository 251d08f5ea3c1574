/* core/vault/vault-job-show.c -- a job as clients see it: states, times, tasks in tasks, errors. */
#include "core/vault/vault-internal.h"

static TsDoc *
task_of (const TsVault *vault, const char *job, guint index)
{
  g_autofree char *key = g_strdup_printf ("%s/%04u", job, index);
  return ts_vault_doc (vault, TS_TABLE_TASK, key);
}

static GVariant *
show_error (const TsDoc *task)
{
  gint64 code = ts_doc_int (task, "code", 0);
  g_autofree char *number = g_strdup_printf ("%" G_GINT64_FORMAT, code);
  TsFields *service = ts_fields_new ();
  ts_fields_set_text (service, "code", number);
  ts_fields_set_text (service, "message", ts_doc_text (task, "reason"));
  ts_fields_set_text (service, "possibleCauses", ts_site_causes (code));
  ts_fields_set_text (service, "recommendedAction", ts_site_advice (code));
  TsFields *error = ts_fields_new ();
  ts_fields_set (error, "serviceErrorDetails", ts_fields_end (service));
  ts_fields_set_text (error, "errorLevel", ts_doc_bool (task, "may_fail") ? "Warning" : "Error");
  ts_fields_set_text (error, "taskId", ts_doc_text (task, "name"));
  ts_fields_set_text (error, "affectedObject", ts_doc_text (task, "vm"));
  ts_vault_set_time (error, "creationTime", ts_doc_int (task, "ended_us", 0));
  return ts_fields_end (error);
}

static gboolean
has_error (const TsDoc *task)
{
  return g_str_equal (ts_doc_text (task, "state"), "Failed") && *ts_doc_text (task, "reason");
}

static GVariant *show_children (const TsVault *vault, const char *job, guint count, gint parent);

static GVariant *
show_task (const TsVault *vault, const char *job, guint count, guint index)
{
  const TsDoc *task = task_of (vault, job, index);
  const char *kind = ts_doc_text (task, "kind"), *state = ts_doc_text (task, "state");
  gboolean group = g_str_equal (kind, "sequence") || g_str_equal (kind, "parallel");
  g_autofree char *id = g_strdup_printf ("%u", index);
  TsFields *t = ts_fields_new ();
  ts_fields_set_text (t, "taskId", id);
  ts_fields_set_text (t, "name", ts_doc_text (task, "name"));
  ts_fields_set_text (t, "friendlyName", ts_doc_text (task, "name"));
  ts_fields_set_text (t, "taskType",
                      group                             ? "GroupTask"
                      : g_str_equal (kind, "manual")    ? "ManualActionTask"
                      : g_str_equal (ts_doc_text (task, "verb"), "script") ? "ScriptActionTask"
                                                                            : "Task");
  ts_fields_set_text (t, "state", state);
  ts_fields_set_text (t, "stateDescription",
                      g_str_equal (state, "Succeeded") ? "Completed" : state);
  ts_vault_set_time (t, "startTime", ts_doc_int (task, "started_us", 0));
  ts_vault_set_time (t, "endTime", ts_doc_int (task, "ended_us", 0));
  if (*ts_doc_text (task, "description"))
    ts_fields_set_text (t, "description", ts_doc_text (task, "description"));
  if (*ts_doc_text (task, "vm"))
    ts_fields_set_text (t, "affectedObject", ts_doc_text (task, "vm"));
  if (*ts_doc_text (task, "fabric"))
    ts_fields_set_text (t, "fabric", ts_doc_text (task, "fabric"));
  const char *said = ts_variant_text (ts_doc_get (task, "output"), "output", "");
  if (*said)
    ts_fields_set_text (t, "output", said);
  GVariantBuilder errors;
  g_variant_builder_init (&errors, G_VARIANT_TYPE ("av"));
  if (has_error (task))
    ts_list_add (&errors, show_error (task));
  ts_fields_set (t, "errors", g_variant_builder_end (&errors));
  if (group) {
    TsFields *details = ts_fields_new ();
    ts_fields_set (details, "childTasks", show_children (vault, job, count, (gint)index));
    ts_fields_set (t, "groupTaskCustomDetails", ts_fields_end (details));
  }
  return ts_fields_end (t);
}

static GVariant *
show_children (const TsVault *vault, const char *job, guint count, gint parent)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = (guint)(parent + 1); i < count; i++)
    if (ts_doc_int (task_of (vault, job, i), "parent", -1) == parent)
      ts_list_add (&list, show_task (vault, job, count, i));
  return g_variant_builder_end (&list);
}

GVariant *
ts_vault_job_resource (const TsVault *vault, const TsDoc *job)
{
  g_autofree char *name = ts_path_segment (job->key, 0);
  const char *state = ts_doc_text (job, "state");
  guint count = 0, leaves = 0, over = 0;
  GVariantBuilder errors, actions;
  g_variant_builder_init (&errors, G_VARIANT_TYPE ("av"));
  g_variant_builder_init (&actions, G_VARIANT_TYPE ("av"));
  for (TsDoc *task; (task = task_of (vault, name, count)) != NULL; count++) {
    gboolean leaf = *ts_doc_text (task, "verb") || g_str_equal (ts_doc_text (task, "kind"), "manual");
    leaves += leaf ? 1 : 0;
    over += leaf && ts_task_state_final (ts_doc_text (task, "state")) ? 1 : 0;
    if (has_error (task))
      ts_list_add (&errors, show_error (task));
  }
  if (!ts_task_state_final (state))
    ts_list_add (&actions, g_variant_new_string ("Cancel"));
  if (g_str_equal (state, "Suspended"))
    ts_list_add (&actions, g_variant_new_string ("Resume"));
  if (g_str_equal (state, "Failed") || g_str_equal (state, "Cancelled"))
    ts_list_add (&actions, g_variant_new_string ("Restart"));
  TsFields *p = ts_fields_new ();
  ts_fields_set_text (p, "scenarioName", ts_doc_text (job, "scenario"));
  ts_fields_set_text (p, "friendlyName", ts_doc_text (job, "friendly"));
  ts_fields_set_text (p, "state", state);
  ts_fields_set_text (p, "stateDescription",
                      *ts_doc_text (job, "description") ? ts_doc_text (job, "description") : state);
  ts_vault_set_id (vault, p, "targetObjectId", ts_doc_text (job, "target"));
  ts_fields_set_text (p, "targetObjectName", ts_doc_text (job, "target_name"));
  ts_fields_set_text (p, "targetInstanceType", ts_doc_text (job, "target_type"));
  ts_fields_set_int (p, "progressPercentage", leaves ? (gint64)over * 100 / leaves : 100);
  ts_fields_set_text (p, "comments", ts_doc_text (job, "comments"));
  ts_vault_set_time (p, "startTime", ts_doc_int (job, "started_us", 0));
  ts_vault_set_time (p, "endTime", ts_doc_int (job, "ended_us", 0));
  ts_fields_set (p, "errors", g_variant_builder_end (&errors));
  ts_fields_set (p, "allowedActions", g_variant_builder_end (&actions));
  ts_fields_set (p, "tasks", show_children (vault, name, count, 0));
  return ts_vault_resource (vault, job->key, "job", p);
}

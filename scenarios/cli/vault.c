/* scenarios/cli/vault.c -- twinsite vault VERB: serves a vault, and asks one over its REST interface. */
#include <stdio.h>
#include <string.h>
#include "scenarios/cli/command.h"

#ifndef TS_HAVE_LAB
int
ts_command_vault (int argc, char **argv)
{
  int status;
  if (!ts_command_options (NULL, "VERB", "Needs a twinsite that was built with the lab.", &argc, &argv,
                           &status))
    return status;
  fputs ("twinsite: this twinsite was built without the lab; build it with -DTS_LAB=ON\n", stderr);
  return TS_EXIT_UNAVAILABLE;
}
#else

#include "core/base/error.h"
#include "core/vault/routes.h"
#include "lab/vault/client.h"
#include "lab/vault/json.h"
#include "lab/vault/service.h"
#include "scenarios/cli/vault-show.h"

#define POLL_US 300000

typedef struct {
  const char *url, *token_file, *ca;
  gboolean json, no_wait;
  gboolean planned, sync;                        /* failover */
  const char *point, *network, *comment, *file;  /* failover, test; most; put, post, patch */
  const char *name, *store, *address, *providers, *certificates, *certificate, *key,
      *alerts, *alert_command; /* serve */
  gint port;
  gboolean make;
  TsLabClient *client;
} Ask;

static int
fail (const GError *error)
{
  fprintf (stderr, "twinsite: %s\n", error->message);
  if (error->domain != TS_ERROR)
    return TS_EXIT_INTERNAL;
  switch ((TsErrorCode)error->code) {
  case TS_ERROR_LOST:
  case TS_ERROR_AGAIN:
  case TS_ERROR_UNAVAILABLE:
    return TS_EXIT_UNAVAILABLE;
  case TS_ERROR_ARGUMENT:
    return TS_EXIT_USAGE;
  case TS_ERROR_STATE:
  case TS_ERROR_REFUSED:
    return TS_EXIT_FAILED;
  case TS_ERROR_FORMAT:
  case TS_ERROR_FULL:
  case TS_ERROR_IO:
  case TS_ERROR_INTERNAL:
  default:
    return TS_EXIT_INTERNAL;
  }
}

/* --- lists ------------------------------------------------------------------------------------ */

#define P "properties."
static const TsVaultColumn item_columns[] = {
    {"name", P "friendlyName"},     {"state", P "protectionState"},
    {"health", P "replicationHealth"}, {"runs at", P "activeLocation"},
    {"newest point", P "providerSpecificDetails.lastReplicatedTime"},
    {"allowed", P "allowedOperations"}, {NULL, NULL}};
static const TsVaultColumn job_columns[] = {
    {"job", "name"},           {"what", P "friendlyName"}, {"of", P "targetObjectName"},
    {"state", P "state"},      {"began", P "startTime"},   {"ended", P "endTime"},
    {"allowed", P "allowedActions"}, {NULL, NULL}};
static const TsVaultColumn fabric_columns[] = {
    {"name", P "friendlyName"}, {"health", P "health"}, {"id", "id"}, {NULL, NULL}};
static const TsVaultColumn plan_columns[] = {
    {"name", P "friendlyName"}, {"from", P "primaryFabricFriendlyName"},
    {"to", P "recoveryFabricFriendlyName"}, {"allowed", P "allowedOperations"}, {NULL, NULL}};
static const TsVaultColumn event_columns[] = {
    {"when", P "timeOfOccurrence"}, {"severity", P "severity"},
    {"of", P "affectedObjectFriendlyName"}, {"what", P "description"}, {NULL, NULL}};
static const TsVaultColumn alert_columns[] = {
    {"name", "name"}, {"from", P "minimumSeverity"}, {"types", P "eventTypes"}, {"owners", P "sendToOwners"},
    {"to", P "customEmailAddresses"}, {"told", P "alertCount"}, {NULL, NULL}};
static const TsVaultColumn named_columns[] = {
    {"name", P "friendlyName"}, {"id", "id"}, {NULL, NULL}};
static const TsVaultColumn point_columns[] = {
    {"point", "name"}, {"time", P "recoveryPointTime"}, {"kind", P "recoveryPointType"}, {NULL, NULL}};
#undef P

static int
show_list (Ask *ask, const char *path, const TsVaultColumn *columns)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) list = ts_lab_client_list (ask->client, path, &error);
  if (!list)
    return fail (error);
  if (ask->json)
    ts_vault_show_json (stdout, list);
  else
    ts_vault_show_table (stdout, list, columns);
  return TS_EXIT_PASSED;
}

static int
show_said (Ask *ask, TsVaultMethod method, const char *path, const TsVaultColumn *columns)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) said = ts_lab_client_get (ask->client, method, path, NULL, NULL, &error);
  g_autoptr (GVariant) list = said ? g_variant_lookup_value (said, "value", G_VARIANT_TYPE ("av")) : NULL;
  if (!list)
    return fail (error);
  if (ask->json)
    ts_vault_show_json (stdout, list);
  else
    ts_vault_show_table (stdout, list, columns);
  return TS_EXIT_PASSED;
}

static int
verb_export_jobs (Ask *ask, char **words)
{
  return show_said (ask, TS_VAULT_POST, "replicationJobs/export", job_columns);
}

/* --- jobs ------------------------------------------------------------------------------------- */

/* Until it has ended, or waits for somebody. */
static int
follow (Ask *ask, const char *job)
{
  g_autofree char *path = g_strconcat ("replicationJobs/", job, NULL);
  g_autofree char *said = NULL;
  for (;; g_usleep (POLL_US)) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GVariant) now = ts_lab_client_get (ask->client, TS_VAULT_GET, path, NULL, NULL, &error);
    if (!now && g_error_matches (error, TS_ERROR, TS_ERROR_AGAIN))
      continue; /* it is being started again, and will know the job */
    if (!now)
      return fail (error);
    g_autofree char *state = ts_vault_show_text (now, "properties.state");
    if (!ask->json && g_strcmp0 (said, state) != 0)
      fprintf (stderr, "job %s: %s\n", job, state);
    g_free (said);
    said = g_strdup (state);
    if (g_str_equal (state, "InProgress") || g_str_equal (state, "NotStarted"))
      continue;
    if (ask->json)
      ts_vault_show_json (stdout, now);
    else
      ts_vault_show_job (stdout, now);
    if (g_str_equal (state, "Suspended")) {
      fprintf (stderr, "It waits for somebody.  When that is done: twinsite vault resume-job %s\n", job);
      return TS_EXIT_INCONCLUSIVE;
    }
    return g_str_equal (state, "Succeeded") ? TS_EXIT_PASSED : TS_EXIT_FAILED;
  }
}

/* body is sunk; NULL: none. */
static int
request (Ask *ask, TsVaultMethod method, const char *path, GVariant *body)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) sunk = body ? g_variant_ref_sink (body) : NULL;
  g_autofree char *job = NULL;
  g_autoptr (GVariant) said = ts_lab_client_get (ask->client, method, path, sunk, &job, &error);
  if (error)
    return fail (error);
  if (job && !ask->no_wait)
    return follow (ask, job);
  if (said)
    ts_vault_show_json (stdout, said);
  return TS_EXIT_PASSED;
}

/* --- things by their name --------------------------------------------------------------------- */

/* The id of the resource of that name, friendly name or id in a list; NULL: said why. */
static char *
find (Ask *ask, const char *list_path, const char *what, const char *name, int *status)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) list = ts_lab_client_list (ask->client, list_path, &error);
  g_autofree char *found = NULL;
  if (!list) {
    *status = fail (error);
    return NULL;
  }
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (gsize i = 0; i < g_variant_n_children (list); i++) {
    g_autoptr (GVariant) boxed = g_variant_get_child_value (list, i);
    g_autoptr (GVariant) one = g_variant_get_variant (boxed);
    static const char *const places[] = {"id", "name", "properties.friendlyName"};
    g_autofree char *id = ts_vault_show_text (one, "id");
    g_ptr_array_add (names, ts_vault_show_text (one, "properties.friendlyName"));
    for (guint p = 0; p < G_N_ELEMENTS (places); p++) {
      g_autofree char *text = ts_vault_show_text (one, places[p]);
      if (!g_str_equal (text, name))
        continue;
      if (found && !g_str_equal (found, id)) {
        *status = ts_command_usage ("vault", "'%s' is the name of several; say which: %s or %s", name, found, id);
        return NULL;
      }
      g_free (found);
      found = g_strdup (id);
    }
  }
  g_ptr_array_add (names, NULL);
  if (!found) {
    g_autofree char *hint = ts_suggest_text (name, (const char *const *)names->pdata);
    *status = ts_command_usage ("vault", "there is no %s '%s'%s", what, name, hint);
  }
  return g_steal_pointer (&found);
}

static GVariant *
properties (GVariantDict *fields)
{
  GVariantDict body;
  g_autoptr (GVariant) inner = g_variant_ref_sink (g_variant_dict_end (fields));
  if (g_variant_n_children (inner) == 0)
    return NULL;
  g_variant_dict_init (&body, NULL);
  g_variant_dict_insert_value (&body, "properties", inner);
  return g_variant_dict_end (&body);
}

/* --point: latest, app-consistent, or a recovery point's id or name. */
static void
put_point (const Ask *ask, const char *item, GVariantDict *fields)
{
  if (!ask->point || g_str_equal (ask->point, "latest"))
    g_variant_dict_insert (fields, "recoveryPointType", "s", "Latest");
  else if (g_str_equal (ask->point, "app-consistent"))
    g_variant_dict_insert (fields, "recoveryPointType", "s", "LatestApplicationConsistent");
  else if (ask->point[0] == '/')
    g_variant_dict_insert (fields, "recoveryPointId", "s", ask->point);
  else {
    g_autofree char *id = g_strdup_printf ("%s/recoveryPoints/%s", item, ask->point);
    g_variant_dict_insert (fields, "recoveryPointId", "s", id);
  }
}

/* --- what is done to an item, or to a plan ----------------------------------------------------- */

typedef struct {
  const char *name, *action;
  const char *help;
  enum { TAKES_NOTHING = 0, TAKES_POINT = 1, TAKES_SYNC = 2, TAKES_NETWORK = 4, TAKES_COMMENT = 8 } takes;
  gboolean plan; /* a plan can do it, too */
} Action;

static const Action actions[] = {
    {"failover", "unplannedFailover", "start the copy (--point, --sync); --planned: shut down and send all first", TAKES_POINT | TAKES_SYNC, TRUE},
    {"test", "testFailover", "start a second, isolated machine (--point, --network)", TAKES_POINT | TAKES_NETWORK, TRUE},
    {"end-test", "testFailoverCleanup", "delete the test machine (--comment)", TAKES_COMMENT, TRUE},
    {"commit", "failoverCommit", "make a failover final", TAKES_NOTHING, TRUE},
    {"cancel", "failoverCancel", "undo a failover that is not committed: what the copy wrote is thrown away", TAKES_NOTHING, TRUE},
    {"change-point", "applyRecoveryPoint", "start the copy anew from --point", TAKES_POINT, FALSE},
    {"reverse", "reProtect", "replicate the other way from now on", TAKES_NOTHING, TRUE},
    {"resync", "repairReplication", "compare both sides and send what differs", TAKES_NOTHING, FALSE},
    {"pause", "pauseReplication", "suspend replication; changes are tracked", TAKES_NOTHING, FALSE},
    {"resume", "resumeReplication", "go on with it", TAKES_NOTHING, FALSE},
    {"remove", "remove", "disable protection on both sides", TAKES_NOTHING, FALSE},
};

static int
do_action (Ask *ask, const Action *action, const char *name, gboolean plan)
{
  int status = TS_EXIT_PASSED;
  g_autofree char *id = plan ? find (ask, "replicationRecoveryPlans", "recovery plan", name, &status)
                             : find (ask, "replicationProtectedItems", "protected machine", name, &status);
  if (!id)
    return status;
  gboolean planned = ask->planned && g_str_equal (action->name, "failover");
  GVariantDict fields;
  g_variant_dict_init (&fields, NULL);
  if ((action->takes & TAKES_POINT) && !planned && (!plan || ask->point) &&
      !(plan && g_str_equal (action->name, "test")))
    put_point (ask, id, &fields);
  if ((action->takes & TAKES_SYNC) && !planned)
    g_variant_dict_insert (&fields, "sourceSiteOperations", "s", ask->sync ? "Required" : "NotRequired");
  if (action->takes & TAKES_NETWORK) {
    g_variant_dict_insert (&fields, "networkType", "s", ask->network ? "VmNetworkAsInput" : "NoNetworkAttachAsInput");
    if (ask->network)
      g_variant_dict_insert (&fields, "networkId", "s", ask->network);
  }
  if ((action->takes & TAKES_COMMENT) && ask->comment)
    g_variant_dict_insert (&fields, "comments", "s", ask->comment);
  g_autofree char *path = g_strdup_printf ("%s/%s", id, planned ? "plannedFailover" : action->action);
  return request (ask, TS_VAULT_POST, path, properties (&fields));
}

static const Action *
action_of (const char *name, gboolean plan)
{
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    if (g_str_equal (actions[i].name, name) && (!plan || actions[i].plan))
      return &actions[i];
  return NULL;
}

/* --- verbs ------------------------------------------------------------------------------------ */

static int
verb_status (Ask *ask, char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) health =
      ts_lab_client_get (ask->client, TS_VAULT_GET, "replicationVaultHealth", NULL, NULL, &error);
  if (!health)
    return fail (error);
  ts_vault_show_json (stdout, health);
  return TS_EXIT_PASSED;
}

#define LIST(verb, path, columns)                                                                  \
  static int verb (Ask *ask, char **words) { return show_list (ask, path, columns); }
LIST (verb_fabrics, "replicationFabrics", fabric_columns)
LIST (verb_items, "replicationProtectedItems", item_columns)
LIST (verb_policies, "replicationPolicies", named_columns)
LIST (verb_networks, "replicationNetworks", named_columns)
LIST (verb_plans, "replicationRecoveryPlans", plan_columns)
LIST (verb_jobs, "replicationJobs", job_columns)
LIST (verb_happened, "replicationEvents", event_columns)
LIST (verb_alerts, "replicationAlertSettings", alert_columns)

/* Below each VMM server, each cloud. */
static int
verb_vms (Ask *ask, char **words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) fabrics = ts_lab_client_list (ask->client, "replicationFabrics", &error);
  for (gsize f = 0; fabrics && f < g_variant_n_children (fabrics); f++) {
    g_autoptr (GVariant) box = g_variant_get_child_value (fabrics, f);
    g_autoptr (GVariant) fabric = g_variant_get_variant (box);
    g_autofree char *id = ts_vault_show_text (fabric, "id");
    g_autofree char *below = g_strconcat (id, "/replicationProtectionContainers", NULL);
    g_autoptr (GVariant) clouds = ts_lab_client_list (ask->client, below, &error);
    for (gsize c = 0; clouds && c < g_variant_n_children (clouds); c++) {
      g_autoptr (GVariant) cloud_box = g_variant_get_child_value (clouds, c);
      g_autoptr (GVariant) cloud = g_variant_get_variant (cloud_box);
      g_autofree char *cloud_id = ts_vault_show_text (cloud, "id");
      g_autofree char *vms = g_strconcat (cloud_id, "/replicationProtectableItems", NULL);
      int status = show_list (ask, vms, named_columns);
      if (status != TS_EXIT_PASSED)
        return status;
    }
  }
  return error ? fail (error) : TS_EXIT_PASSED;
}

static int
verb_points (Ask *ask, char **words)
{
  int status = TS_EXIT_PASSED;
  g_autofree char *id = find (ask, "replicationProtectedItems", "protected machine", words[0], &status);
  g_autofree char *path = id ? g_strconcat (id, "/recoveryPoints", NULL) : NULL;
  return id ? show_list (ask, path, point_columns) : status;
}

/* ITEM HOST, and perhaps source or replica. */
static int
verb_move (Ask *ask, char **words)
{
  int status = TS_EXIT_PASSED;
  g_autofree char *id = find (ask, "replicationProtectedItems", "protected machine", words[0], &status);
  if (!id)
    return status;
  GVariantDict fields;
  g_variant_dict_init (&fields, NULL);
  g_variant_dict_insert (&fields, "host", "s", words[1]);
  if (words[2])
    g_variant_dict_insert (&fields, "side", "s", words[2]);
  g_autofree char *path = g_strconcat (id, "/move", NULL);
  return request (ask, TS_VAULT_POST, path, properties (&fields));
}

static int
verb_job (Ask *ask, char **words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strconcat ("replicationJobs/", words[0], NULL);
  g_autoptr (GVariant) job = ts_lab_client_get (ask->client, TS_VAULT_GET, path, NULL, NULL, &error);
  if (!job)
    return fail (error);
  if (ask->json)
    ts_vault_show_json (stdout, job);
  else
    ts_vault_show_job (stdout, job);
  return TS_EXIT_PASSED;
}

static int
verb_wait (Ask *ask, char **words)
{
  return follow (ask, words[0]);
}

static int
job_action (Ask *ask, const char *job, const char *action)
{
  GVariantDict fields;
  g_variant_dict_init (&fields, NULL);
  if (ask->comment)
    g_variant_dict_insert (&fields, "comments", "s", ask->comment);
  g_autofree char *path = g_strdup_printf ("replicationJobs/%s/%s", job, action);
  return request (ask, TS_VAULT_POST, path, properties (&fields));
}

static int verb_cancel_job (Ask *ask, char **words) { return job_action (ask, words[0], "cancel"); }
static int verb_resume_job (Ask *ask, char **words) { return job_action (ask, words[0], "resume"); }
static int verb_restart_job (Ask *ask, char **words) { return job_action (ask, words[0], "restart"); }

static int
verb_plan (Ask *ask, char **words)
{
  const Action *action = action_of (words[1], TRUE);
  if (!action)
    return ts_command_usage ("vault", "a plan cannot '%s': failover, test, end-test, commit, cancel or reverse", words[1]);
  return do_action (ask, action, words[0], TRUE);
}

static int
verb_key (Ask *ask, char **words)
{
  return request (ask, TS_VAULT_POST, "registrationKeys", NULL);
}

static int verb_get (Ask *ask, char **words) { return request (ask, TS_VAULT_GET, words[0], NULL); }
static int verb_delete (Ask *ask, char **words) { return request (ask, TS_VAULT_DELETE, words[0], NULL); }

/* A body from --file, or from what stands behind the path. */
static int
with_body (Ask *ask, TsVaultMethod method, char **words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strdup (words[1]);
  if (ask->file && text)
    return ts_command_usage ("vault", "a body, or --file, not both");
  if (ask->file && !g_file_get_contents (g_str_equal (ask->file, "-") ? "/dev/stdin" : ask->file, &text, NULL, &error))
    return fail (error);
  g_autoptr (GVariant) body = text ? ts_json_parse (text, strlen (text), &error) : NULL;
  if (error)
    return ts_command_usage ("vault", "the body is no JSON object: %s", error->message);
  return request (ask, method, words[0], body);
}

static int verb_put (Ask *ask, char **words) { return with_body (ask, TS_VAULT_PUT, words); }
static int verb_post (Ask *ask, char **words) { return with_body (ask, TS_VAULT_POST, words); }
static int verb_patch (Ask *ask, char **words) { return with_body (ask, TS_VAULT_PATCH, words); }

static int
verb_routes (Ask *ask, char **words)
{
  ts_vault_show_routes (stdout, words[0]);
  return TS_EXIT_PASSED;
}

static gboolean
told (const char *event, const char *data, gpointer user)
{
  printf ("%s %s\n", event, data);
  return fflush (stdout) == 0;
}

static int
verb_watch (Ask *ask, char **words)
{
  g_autoptr (GError) error = NULL;
  return ts_lab_client_watch (ask->client, told, NULL, &error) ? TS_EXIT_PASSED : fail (error);
}

/* A token's file holds it on its first line. */
static char *
read_token (const char *path, GError **error)
{
  char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, error))
    return NULL;
  text[strcspn (text, "\r\n")] = '\0';
  return g_strstrip (text);
}

static int
verb_serve (Ask *ask, char **words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *token = ask->token_file ? read_token (ask->token_file, &error) : NULL;
  if (error)
    return fail (error);
  const TsLabServiceOptions options = {
      .name = ask->name ? ask->name : "vault",
      .store = ask->store ? ask->store : "vault.sqlite",
      .make = ask->make,
      .address = ask->address,
      .port = (guint16)(ask->port ? ask->port : TS_LAB_SERVER_PORT),
      .token = token,
      .certificate = ask->certificate,
      .key = ask->key,
      .providers = ask->providers,
      .certificates = ask->certificates,
      .alerts = ask->alerts,
      .alert_command = ask->alert_command,
      .time_scale = 1,
  };
  return ts_lab_service_run (&options, &error) ? TS_EXIT_PASSED : fail (error);
}

static const struct {
  const char *name, *takes, *help;
  guint least, most; /* words behind the name */
  int (*run) (Ask *ask, char **words);
} verbs[] = {
    {"serve", "", "serve a vault (--name, --store, --new, --address, --port, --providers)", 0, 0, verb_serve},
    {"status", "", "how the vault, its VMM servers and its machines are", 0, 0, verb_status},
    {"fabrics", "", "the registered VMM servers", 0, 0, verb_fabrics},
    {"vms", "", "the machines that can be protected", 0, 0, verb_vms},
    {"items", "", "the protected machines, and what is allowed now", 0, 0, verb_items},
    {"points", "ITEM", "its recovery points", 1, 1, verb_points},
    {"move", "ITEM HOST [source|replica]", "to another host of the cloud it, or its replica, is in; replication goes on", 2, 3, verb_move},
    {"policies", "", "replication policies", 0, 0, verb_policies},
    {"networks", "", "VM networks", 0, 0, verb_networks},
    {"plans", "", "recovery plans", 0, 0, verb_plans},
    {"plan", "PLAN ACTION", "failover, test, end-test, commit, cancel or reverse a recovery plan", 2, 2, verb_plan},
    {"jobs", "", "all jobs", 0, 0, verb_jobs},
    {"job", "JOB", "a job with its tasks", 1, 1, verb_job},
    {"wait", "JOB", "until it has ended", 1, 1, verb_wait},
    {"cancel-job", "JOB", "end it where it is (--comment)", 1, 1, verb_cancel_job},
    {"resume-job", "JOB", "confirm the manual action that it waits for (--comment)", 1, 1, verb_resume_job},
    {"restart-job", "JOB", "run again what failed, and what is behind it", 1, 1, verb_restart_job},
    {"export-jobs", "", "all jobs with their tasks, oldest first (--json: to be kept)", 0, 0, verb_export_jobs},
    {"alerts", "", "who is told of which events", 0, 0, verb_alerts},
    {"events", "", "what has happened", 0, 0, verb_happened},
    {"watch", "", "tell what changes, until it is interrupted", 0, 0, verb_watch},
    {"key", "", "a registration key for a VMM server", 0, 0, verb_key},
    {"get", "PATH", "any resource", 1, 1, verb_get},
    {"put", "PATH [BODY]", "make or replace one (or --file)", 1, 2, verb_put},
    {"post", "PATH [BODY]", "any action", 1, 2, verb_post},
    {"patch", "PATH [BODY]", "change one", 1, 2, verb_patch},
    {"delete", "PATH", "delete one", 1, 1, verb_delete},
    {"routes", "[PART]", "every path and method; with PART (as in 'plan') also the fields", 0, 1, verb_routes},
};

static char *
summary (void)
{
  GString *text = g_string_new ("Serves a Recovery Services vault, or asks one over its REST interface.\n");
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_string_append_printf (text, "%s%s%s: %s\n", verbs[i].name, *verbs[i].takes ? " " : "", verbs[i].takes, verbs[i].help);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    g_string_append_printf (text, "%s ITEM: %s\n", actions[i].name, actions[i].help);
  g_string_append (text, "A long operation is waited for unless --no-wait; a failed one ends with 1, one that waits for somebody with 2.");
  return g_string_free (text, FALSE);
}

static char *
choices (void)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_string_append_printf (text, "%s%s", i > 0 ? "|" : "", verbs[i].name);
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    g_string_append_printf (text, "|%s", actions[i].name);
  return g_string_free (text, FALSE);
}

static gboolean
connect_to (Ask *ask, int *status)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *token = ask->token_file ? read_token (ask->token_file, &error) : NULL;
  const TsLabClientOptions options = {.url = ask->url, .token = token, .ca = ask->ca};
  if (!error)
    ask->client = ts_lab_client_new (&options, &error);
  if (error)
    *status = fail (error);
  return ask->client != NULL;
}

static int
run_verb (Ask *ask, int argc, char **words)
{
  int status = TS_EXIT_PASSED;
  const char *name = words[0];
  const Action *action = action_of (name, FALSE);
  guint behind = (guint)argc - 1;
  if (action && behind != 1)
    return ts_command_usage ("vault", "%s: say which machine", name);
  if (action)
    return connect_to (ask, &status) ? do_action (ask, action, words[1], FALSE) : status;
  g_autoptr (GPtrArray) known = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++) {
    g_ptr_array_add (known, (gpointer)verbs[i].name);
    if (!g_str_equal (verbs[i].name, name))
      continue;
    if (behind < verbs[i].least || behind > verbs[i].most)
      return ts_command_usage ("vault", "%s takes %s", name, *verbs[i].takes ? verbs[i].takes : "nothing more");
    if (verbs[i].run == verb_serve || verbs[i].run == verb_routes)
      return verbs[i].run (ask, words + 1);
    return connect_to (ask, &status) ? verbs[i].run (ask, words + 1) : status;
  }
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    g_ptr_array_add (known, (gpointer)actions[i].name);
  g_ptr_array_add (known, NULL);
  g_autofree char *hint = ts_suggest_text (name, (const char *const *)known->pdata);
  return ts_command_usage ("vault", "there is no '%s'%s", name, hint);
}

int
ts_command_vault (int argc, char **argv)
{
  Ask ask = {0};
  g_autofree char *url = NULL, *token_file = NULL, *ca = NULL, *point = NULL, *network = NULL,
                  *comment = NULL, *file = NULL, *name = NULL, *store = NULL, *address = NULL,
                  *providers = NULL, *certificates = NULL, *certificate = NULL, *key = NULL, *alerts = NULL, *alert_command = NULL;
  const GOptionEntry entries[] = {
      {"url", 0, 0, G_OPTION_ARG_STRING, &url, "where the vault is (http://127.0.0.1:8480)", "URL"},
      {"token-file", 0, 0, G_OPTION_ARG_FILENAME, &token_file, "file with the bearer token", "FILE"},
      {"ca", 0, 0, G_OPTION_ARG_FILENAME, &ca, "who has signed the vault's certificate (PEM)", "FILE"},
      {"json", 0, 0, G_OPTION_ARG_NONE, &ask.json, "what the vault says, as JSON", NULL},
      {"no-wait", 0, 0, G_OPTION_ARG_NONE, &ask.no_wait, "do not wait for a job to end", NULL},
      {"planned", 0, 0, G_OPTION_ARG_NONE, &ask.planned, "failover: shut down and send all first, or stop", NULL},
      {"sync", 0, 0, G_OPTION_ARG_NONE, &ask.sync, "failover: try to shut down and to send the rest first", NULL},
      {"point", 0, 0, G_OPTION_ARG_STRING, &point, "failover, test, change-point: latest, app-consistent, or a recovery point", "POINT"},
      {"network", 0, 0, G_OPTION_ARG_STRING, &network, "test: id of the VM network (not connected)", "ID"},
      {"comment", 0, 0, G_OPTION_ARG_STRING, &comment, "kept with the job", "TEXT"},
      {"file", 0, 0, G_OPTION_ARG_FILENAME, &file, "put, post, patch: the body (- for standard input)", "FILE"},
      {"name", 0, 0, G_OPTION_ARG_STRING, &name, "serve: the vault's name (vault)", "NAME"},
      {"store", 0, 0, G_OPTION_ARG_FILENAME, &store, "serve: its file (vault.sqlite)", "FILE"},
      {"new", 0, 0, G_OPTION_ARG_NONE, &ask.make, "serve: make the file if it is not there", NULL},
      {"address", 0, 0, G_OPTION_ARG_STRING, &address, "serve: of the REST interface (127.0.0.1); another one than loopback needs --certificate, --key and --token-file", "ADDRESS"},
      {"port", 0, 0, G_OPTION_ARG_INT, &ask.port, "serve: of the REST interface (8480)", "PORT"},
      {"certificate", 0, 0, G_OPTION_ARG_FILENAME, &certificate, "serve: of the REST interface (PEM)", "FILE"},
      {"key", 0, 0, G_OPTION_ARG_FILENAME, &key, "serve: its key (PEM)", "FILE"},
      {"providers", 0, 0, G_OPTION_ARG_STRING, &providers, "serve: where Providers connect, ADDRESS:PORT or unix:PATH", "WHERE"},
      {"certificates", 0, 0, G_OPTION_ARG_FILENAME, &certificates, "serve: folder with ca.pem, NAME.pem and NAME.key for Providers", "DIR"},
      {"alerts", 0, 0, G_OPTION_ARG_FILENAME, &alerts, "serve: alerts are appended here, a JSON object a line (replicationAlertSettings says which)", "FILE"},
      {"alert-command", 0, 0, G_OPTION_ARG_STRING, &alert_command, "serve: run for each alert, which it reads on its standard input", "COMMAND"},
      G_OPTION_ENTRY_NULL,
  };
  g_autofree char *words = choices (), *told_of = summary ();
  int status;
  if (!ts_command_options (entries, words, told_of, &argc, &argv, &status))
    return status;
  if (argc < 2)
    return ts_command_usage ("vault", "say what to do");
  if (ask.port < 0 || ask.port > 65535)
    return ts_command_usage ("vault", "--port: 1 to 65535");
  ask.url = url, ask.token_file = token_file, ask.ca = ca, ask.point = point, ask.network = network;
  ask.comment = comment, ask.file = file, ask.name = name, ask.store = store, ask.address = address;
  ask.providers = providers, ask.certificates = certificates, ask.certificate = certificate, ask.key = key;
  ask.alerts = alerts, ask.alert_command = alert_command;
  status = run_verb (&ask, argc - 1, argv + 1);
  ts_lab_client_free (ask.client);
  return status;
}
#endif

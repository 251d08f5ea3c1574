/* core/vault/vault-internal.h -- a vault's memory, for its own files.
 *
 * All that it must not forget are documents: a key (the path of the resource, where it is one) and
 * fields, one stored row each.  Who changes a field marks the document; at the end of a step the marked ones
 * are PUT.  Beside them there is only what can be heard anew: connections, heartbeats, how machines
 * stand. */
#pragma once
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/site/level.h"
#include "core/site/message.h"
#include "core/vault/routes.h"
#include "core/vault/vault.h"

#include <string.h>

typedef enum {
  TS_TABLE_SELF,
  TS_TABLE_KEY,    /* registration keys, by the sum of their text */
  TS_TABLE_FABRIC,
  TS_TABLE_INVENTORY, /* of a fabric, as it told it last */
  TS_TABLE_LEVEL,  /* "fabric/host/vm": how a machine stood */
  TS_TABLE_POLICY,
  TS_TABLE_MAPPING,
  TS_TABLE_NETWORK_MAPPING,
  TS_TABLE_STORAGE_MAPPING,
  TS_TABLE_ITEM,
  TS_TABLE_PLAN,
  TS_TABLE_JOB,
  TS_TABLE_TASK,   /* "job/number" */
  TS_TABLE_EVENT,
  TS_TABLE_ALERT_SETTING,
  TS_TABLE_TOLD, /* what a step tells, until it surely has been */
  TS_TABLES
} TsVaultTable;

typedef struct {
  TsVaultTable table;
  char *key;
  TsFields *fields;
  gboolean marked, gone;
} TsDoc;

typedef struct { /* a connection of somebody who says to be a Provider */
  guint64 connection;
  char *fabric;    /* its name, once it has proved it; NULL: not yet */
  gint64 heard_us;
  gint64 skew_us;  /* its clock less ours, when it said so */
} TsVaultLine;

typedef struct { /* a job that runs, with its tasks in order */
  TsDoc *doc;
  GPtrArray *tasks; /* TsDoc */
  gboolean again;   /* something has happened to it in this step */
} TsVaultJob;

struct _TsVault {
  char *name;
  guint32 time_scale;
  gint64 now_us;
  const guint8 *entropy;
  TsVaultActions *out;        /* during a step */
  GPtrArray *docs[TS_TABLES]; /* TsDoc, by key */
  GPtrArray *marked;          /* TsDoc, as they were */
  GPtrArray *gone;            /* TsDoc that were dropped in this step */
  GPtrArray *changed;         /* char *: paths to notify */
  GPtrArray *telling;         /* GVariant: what this step tells */
  gint64 settled;             /* what has a number up to this was told in an earlier step of this life */
  GPtrArray *lines;           /* TsVaultLine */
  GHashTable *levels;         /* "fabric/vm" to GPtrArray of TsLevel; looked up, never walked */
  GPtrArray *jobs;            /* TsVaultJob, running or suspended */
  gboolean begun;             /* a step of this life was made */
  gboolean restored;          /* it is not its first */
  gint64 begun_us;            /* when */
};

#define TS_VAULT_FRESH_US TS_MIN /* CHOICE: for a VMM server that is to come, or to take an order */

gint64 ts_vault_scaled_us (const TsVault *vault, gint64 us);

/* --- documents: vault-docs.c ------------------------------------------------------------------ */
const char *ts_vault_table_name (TsVaultTable table);
TsDoc *ts_vault_doc (const TsVault *vault, TsVaultTable table, const char *key); /* NULL: none */
TsDoc *ts_vault_doc_make (TsVault *vault, TsVaultTable table, const char *key);  /* or as it is */
void ts_vault_doc_drop (TsVault *vault, TsDoc *doc); /* it lives until the step ends */
TsDoc *ts_vault_doc_load (TsVault *vault, TsVaultTable table, const char *key, GVariant *value);
void ts_doc_free (gpointer doc);
void ts_vault_mark (TsVault *vault, TsDoc *doc);
void ts_vault_set_text (TsVault *vault, TsDoc *doc, const char *name, const char *text);
void ts_vault_set_int (TsVault *vault, TsDoc *doc, const char *name, gint64 number);
void ts_vault_set_bool (TsVault *vault, TsDoc *doc, const char *name, gboolean yes);
void ts_vault_set (TsVault *vault, TsDoc *doc, const char *name, GVariant *value);
const char *ts_doc_text (const TsDoc *doc, const char *name); /* "" when there is none */
gint64 ts_doc_int (const TsDoc *doc, const char *name, gint64 fallback);
gboolean ts_doc_bool (const TsDoc *doc, const char *name);
GVariant *ts_doc_get (const TsDoc *doc, const char *name); /* borrowed */
/* The resource at path is to be looked at again by who watches. */
void ts_vault_changed (TsVault *vault, const char *path);
/* Emits rows, in front of all else, and notifications. */
void ts_vault_docs_flush (TsVault *vault);

/* --- replies, ids: vault-reply.c --------------------------------------------------------------- */
typedef struct {
  const TsVaultRequest *request;
  const TsVaultRoute *route;
  char **names; /* of the route's braces */
  char *path;   /* of the request */
  GVariant *properties; /* of the body; NULL: none */
  gboolean answered;
} TsVaultCall;

void ts_vault_reply (TsVault *vault, TsVaultCall *call, guint status, GVariant *body,
                     const char *location);
/* code 0: the status stands for it.  causes and advice: those of the code. */
void ts_vault_refuse (TsVault *vault, TsVaultCall *call, guint status, gint64 code,
                      const char *target, const char *format, ...) G_GNUC_PRINTF (6, 7);
/* "/vaults/NAME/path", and back: NULL when it is none of this vault's.  A path is taken as it is. */
char *ts_vault_id (const TsVault *vault, const char *path);
char *ts_vault_path (const TsVault *vault, const char *id);
/* The last n-th segment of a path, 0 the last; the caller's. */
char *ts_path_segment (const char *path, guint from_end);
/* The path without its last so many segments. */
char *ts_path_up (const char *path, guint count);
char *ts_vault_time_text (gint64 us);
gboolean ts_vault_time_parse (const char *text, gint64 *us);
/* {id, name, type, properties}. */
GVariant *ts_vault_resource (const TsVault *vault, const char *path, const char *type,
                             TsFields *properties);
void ts_vault_set_id (const TsVault *vault, TsFields *fields, const char *name, const char *path);
void ts_vault_set_time (TsFields *fields, const char *name, gint64 us); /* below 1: none */
/* 32 hexadecimal digits that nobody can guess; another each time in a step. */
char *ts_vault_secret (TsVault *vault);
char *ts_vault_sum (const char *text); /* SHA-256, as text */

typedef struct { /* how a failover is to be made */
  enum { TS_FAILOVER_PLANNED, TS_FAILOVER_UNPLANNED, TS_FAILOVER_TEST } type;
  gboolean shut_down_first;
  const char *point_type; /* "Latest" or "LatestApplicationConsistent" */
  gint64 point_set;       /* not 0: that recovery point */
  const char *network;    /* TEST: name at the target's site; "": not connected; NULL: one is made */
  const char *logical;    /* of which it is made */
} TsFailoverHow;

/* --- providers: vault-line.c ------------------------------------------------------------------ */
void ts_vault_line_connected (TsVault *vault, guint64 connection);
void ts_vault_line_lost (TsVault *vault, guint64 connection);
void ts_vault_line_message (TsVault *vault, guint64 connection, GVariant *message);
void ts_vault_lines_tick (TsVault *vault);
gint64 ts_vault_lines_wake_us (const TsVault *vault);
const TsVaultLine *ts_vault_line (const TsVault *vault, const char *fabric); /* NULL: not connected */
/* Connected, or about to be: a vault that has just come back gives them a minute. */
gboolean ts_vault_reachable (const TsVault *vault, const char *fabric);
void ts_vault_line_free (gpointer line);
void ts_vault_say (TsVault *vault, const char *fabric, TsMessageKind kind, TsFields *fields);

/* --- what fabrics have: vault-fabric.c -------------------------------------------------------- */
GVariant *ts_vault_inventory (const TsVault *vault, const char *fabric); /* borrowed; NULL */
/* An entry of that name in a list of the inventory ("clouds", "vms", "networks" ...); the caller's. */
GVariant *ts_vault_inventory_entry (const TsVault *vault, const char *fabric, const char *list,
                                    const char *name);
/* In which cloud of the fabric a host is; "" in none.  The caller's. */
char *ts_vault_cloud_of_host (const TsVault *vault, const char *fabric, const char *host);
TsLevel *ts_vault_level (const TsVault *vault, const char *fabric, const char *vm, TsLevelRole role);
void ts_vault_levels_heard (TsVault *vault, const char *fabric, GVariant *fields);
void ts_vault_level_keep (TsVault *vault, const char *fabric, TsLevel *level); /* takes it */
void ts_vault_fabric_request (TsVault *vault, TsVaultCall *call);
void ts_vault_fabric_fields (const TsVault *vault, const char *fabric, TsFields *health);

/* --- vault-policy.c, vault-pair.c ------------------------------------------------------------- */
void ts_vault_policy_request (TsVault *vault, TsVaultCall *call);
GVariant *ts_vault_policy_order (const TsVault *vault, const char *policy_path); /* as hosts take it */
void ts_vault_pair_request (TsVault *vault, TsVaultCall *call);
void ts_vault_site_mapping_request (TsVault *vault, TsVaultCall *call); /* networks and storage */
/* The pairing in which the cloud at that path is the source, or the target; NULL: it has none. */
TsDoc *ts_vault_pair_of (const TsVault *vault, const char *container, gboolean *is_source);
/* To what a network ("" or NULL: none) of one fabric is mapped in another; "" nothing; caller's. */
char *ts_vault_mapped (const TsVault *vault, TsVaultTable table, const char *from_fabric,
                       const char *name, const char *to_fabric);

/* What a PUT of a network mapping has changed: replicas that it concerns connect anew (HVR 1.6). */
void ts_vault_reconnect (TsVault *vault, const TsDoc *mapping);
gboolean ts_vault_read_test_network (TsVault *vault, TsVaultCall *call, const char *target_fabric,
                                     TsFailoverHow *how); /* FALSE: refused */

/* --- items: vault-item.c, vault-item-ask.c ----------------------------------------------------- */
typedef struct { /* how an item stands, from both sides' levels */
  const TsDoc *item;
  gboolean source_is_primary;        /* replication goes from the primary site to the recovery site */
  char *source_fabric, *target_fabric;
  const TsLevel *source, *target;    /* NULL: not known */
  gboolean source_connected, target_connected;
  gboolean failed_over, planned, committed, test;
  const char *job;                   /* that has it; "" */
} TsItemView;
void ts_item_view_init (const TsVault *vault, const TsDoc *item, TsItemView *view);
void ts_item_view_clear (TsItemView *view);
/* Names of the published enumeration, NULL-terminated; texts are static. */
GPtrArray *ts_item_allowed (const TsItemView *view);
gboolean ts_item_allows (const TsItemView *view, const char *operation);
const char *ts_item_protection_state (const TsItemView *view, const char **description);
GVariant *ts_vault_item_resource (const TsVault *vault, const TsDoc *item);
void ts_vault_item_request (TsVault *vault, TsVaultCall *call);
/* Why that operation cannot be begun now, as an error of code; NULL: it can. */
char *ts_item_why_not (const TsItemView *view, const char *operation, guint *status, gint64 *code);

/* --- plans: vault-plan.c ----------------------------------------------------------------------- */
void ts_vault_plan_request (TsVault *vault, TsVaultCall *call);
gboolean ts_vault_plans_use (const TsVault *vault, const char *item_path);

/* --- jobs: vault-job.c (running), vault-job-show.c, vault-build.c (what they are made of) -------- */
TsVaultJob *ts_vault_job_new (TsVault *vault, const char *scenario, const char *friendly,
                              const char *target, const char *target_name, const char *target_type);
gint ts_vault_task (TsVault *vault, TsVaultJob *job, gint parent, const char *kind, const char *name);
/* "sequence", "parallel", "order", "manual" */
gint ts_vault_task_order (TsVault *vault, TsVaultJob *job, gint parent, const char *name,
                          const TsDoc *item, const char *fabric, const char *verb, TsFields *arguments);
void ts_vault_task_may_fail (TsVault *vault, TsVaultJob *job, gint task);
void ts_vault_task_needs (TsVault *vault, TsVaultJob *job, gint task, gint other);
void ts_vault_task_effect (TsVault *vault, TsVaultJob *job, gint task, const char *effect);
void ts_vault_task_item (TsVault *vault, TsVaultJob *job, gint task, const TsDoc *item);
/* Takes an item until the job ends. */
void ts_vault_job_take (TsVault *vault, TsVaultJob *job, TsDoc *item);
/* Begins it and answers 202; call NULL: nobody has asked. */
void ts_vault_job_begin (TsVault *vault, TsVaultJob *job, TsVaultCall *call);
void ts_vault_job_result (TsVault *vault, const char *fabric, GVariant *fields);
void ts_vault_jobs_go_on (TsVault *vault);
void ts_vault_jobs_again (TsVault *vault); /* all of them look again */
void ts_vault_jobs_reorder (TsVault *vault, const char *fabric); /* it is connected: orders anew */
gint64 ts_vault_jobs_wake_us (const TsVault *vault);
void ts_vault_tests_end (TsVault *vault); /* those that have run for two weeks (vault-item-ask.c) */
gint64 ts_vault_tests_wake_us (const TsVault *vault);
void ts_vault_job_load (TsVault *vault); /* after all rows */
void ts_vault_job_request (TsVault *vault, TsVaultCall *call);
GVariant *ts_vault_job_resource (const TsVault *vault, const TsDoc *job);
void ts_vault_job_free (gpointer job);
gboolean ts_task_state_final (const char *state);

void ts_vault_job_effect (TsVault *vault, TsVaultJob *job, TsDoc *task); /* vault-effect.c */
/* What an order says beside what it was made with. */
GVariant *ts_vault_order_fields (const TsVault *vault, const TsVaultJob *job, const TsDoc *task);

void ts_build_enable (TsVault *vault, TsVaultJob *job, TsDoc *item);
void ts_build_remove (TsVault *vault, TsVaultJob *job, TsDoc *item);
void ts_build_failover (TsVault *vault, TsVaultJob *job, TsDoc *item, const TsFailoverHow *how);
void ts_build_simple (TsVault *vault, TsVaultJob *job, gint parent, TsDoc *item, const char *operation,
                      gint64 point_set);
void ts_build_disks (TsVault *vault, TsVaultJob *job, TsDoc *item, GVariant *names, gboolean add);
void ts_build_resolve (TsVault *vault, TsVaultJob *job, TsDoc *item, gboolean source, gboolean target);
/* That side of it to a host of its cloud. */
void ts_build_move (TsVault *vault, TsVaultJob *job, TsDoc *item, TsRole role, const char *host);
void ts_build_plan (TsVault *vault, TsVaultJob *job, const TsDoc *plan, const GPtrArray *items,
                    const TsFailoverHow *how);
void ts_build_pair (TsVault *vault, TsVaultJob *job, const TsDoc *mapping, gboolean remove);

/* --- events and health: vault-event.c --------------------------------------------------------- */
/* severity: "Info", "Warning", "Critical". */
void ts_vault_event (TsVault *vault, const char *type, const char *severity, const char *object,
                     const char *path, const char *format, ...) G_GNUC_PRINTF (6, 7);
void ts_vault_event_request (TsVault *vault, TsVaultCall *call);

/* --- alerts, what is told: vault-alert.c, vault-told.c ------------------------------------------ */
void ts_vault_alert_request (TsVault *vault, TsVaultCall *call);
void ts_vault_alert_event (TsVault *vault, const TsDoc *event); /* whoever wants to know of it is told */
void ts_vault_alert (TsVault *vault, TsFields *alert);    /* takes it */
void ts_vault_report (TsVault *vault, TsRecord *record);  /* takes it */
void ts_vault_tell_again (TsVault *vault);
void ts_vault_told_flush (TsVault *vault); /* before the documents are */

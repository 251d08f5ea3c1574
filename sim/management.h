/* sim/management.h -- who manages the hosts, in virtual time: vault, VMM servers, agents, and the
 * operator who asks the vault.  Twin of lab/management/.
 *
 * Each is a process with a core machine, a store that keeps what was committed, and connections over
 * the world's links.  A process that is killed loses its memory and what it was about to commit;
 * one whose site loses power says no farewell either. */
#pragma once
#include "core/site/vmm.h"
#include "core/vault/errand.h"
#include "core/vault/vault.h"
#include "sim/internal.h"

#define TS_SIM_EPOCH_US (G_GINT64_CONSTANT (1767225600) * 1000000) /* 2026-01-01: the run's first midnight */
#define TS_SIM_COMMIT_US (2 * G_GINT64_CONSTANT (1000))  /* CHOICE: a durable transaction */
#define TS_SIM_LAN_US (G_GINT64_CONSTANT (300))          /* CHOICE: one way within a site */

typedef struct _TsSimStore TsSimStore;
typedef struct _TsSimVault TsSimVault;
typedef struct _TsSimVmm TsSimVmm;
typedef struct _TsSimAgent TsSimAgent;

struct _TsSimManagement {
  TsWorld *world;
  const TsManagement *spec;
  GPtrArray *lans;  /* TsSimLink, by site: between processes of one site */
  TsSimVault *vault;
  GPtrArray *vmms;  /* TsSimVmm */
  GPtrArray *agents; /* TsSimAgent, by host; NULL: it is in no cloud */
  GPtrArray *errands; /* Errand of operator.c */
  GHashTable *asked;  /* request numbers to errands; looked up, never walked */
  gboolean ready;    /* prepared */
  guint64 next_request;
};

TsSimManagement *ts_sim_management_new (TsWorld *world);
void ts_sim_management_free (TsSimManagement *management); /* NULL is fine; after the clock */
/* A connection from one site to another, or within one. */
TsSimConn *ts_sim_management_connect (TsSimManagement *management, guint from, guint to,
                                      const TsSimConnEvents *events, gpointer user,
                                      void (*welcome_far) (TsSimConn *far, gpointer user),
                                      gpointer far_user);
void ts_sim_management_site_power (TsSimManagement *management, guint site, gboolean on);
/* By the clock of a site: the run's first midnight plus the time of day at which it begins. */
gint64 ts_sim_management_clock_us (const TsSimManagement *management, gint64 ahead_us);
/* Agents look at a VM of which something may have changed, or hear a record of it. */
void ts_sim_management_look (TsSimManagement *management, TsSimVm *vm);
void ts_sim_management_hear (TsSimManagement *management, const TsRecord *record);
void ts_sim_management_host_power (TsSimManagement *management, const TsSimHost *host, gboolean on);

/* --- operator.c ------------------------------------------------------------------------------- */
void ts_sim_operator_begin (TsSimManagement *management, const TsOrder *order);
void ts_sim_operator_prepare (TsSimManagement *management);
void ts_sim_operator_reply (TsSimManagement *management, const TsVaultReply *reply);
/* What was asked and is not answered will not be. */
void ts_sim_operator_unheard (TsSimManagement *management);
void ts_sim_operator_free (gpointer errand);

/* --- store.c ---------------------------------------------------------------------------------- */
TsSimStore *ts_sim_store_new (TsSimClock *clock);
void ts_sim_store_free (TsSimStore *store);
/* When what a step answers may be performed: behind what was queued before, and when it has rows
 * (dirty) a commit later. */
gint64 ts_sim_store_due_us (TsSimStore *store, gboolean dirty);
void ts_sim_store_put (TsSimStore *store, const char *table, const char *key, GVariant *value);
void ts_sim_store_delete (TsSimStore *store, const char *table, const char *key);
guint ts_sim_store_count (const TsSimStore *store);
void ts_sim_store_row (const TsSimStore *store, guint index, const char **table, const char **key,
                       GVariant **value);
void ts_sim_store_restart (TsSimStore *store); /* nothing is queued any more */

/* --- vault.c ---------------------------------------------------------------------------------- */
TsSimVault *ts_sim_vault_new (TsSimManagement *management);
void ts_sim_vault_free (TsSimVault *vault);
gboolean ts_sim_vault_up (const TsSimVault *vault);
void ts_sim_vault_request (TsSimVault *vault, const TsVaultRequest *request);
void ts_sim_vault_accept (TsSimConn *conn, gpointer vault);
guint ts_sim_vault_kill (TsSimVault *vault, gboolean power); /* how many died */
void ts_sim_vault_start (TsSimVault *vault);
/* It dies when so many more transactions are durable, before anything that stands behind the last of
 * them is done, and comes back after down_us. */
void ts_sim_vault_die_at (TsSimVault *vault, guint64 commits, gint64 down_us);
guint64 ts_sim_vault_commits (const TsSimVault *vault);

/* --- vmm.c ------------------------------------------------------------------------------------ */
TsSimVmm *ts_sim_vmm_new (TsSimManagement *management, guint index);
void ts_sim_vmm_free (TsSimVmm *vmm);
void ts_sim_vmm_set_key (TsSimVmm *vmm, const char *key);
guint ts_sim_vmm_kill (TsSimVmm *vmm, gboolean power);
void ts_sim_vmm_start (TsSimVmm *vmm);
void ts_sim_vmm_die_at (TsSimVmm *vmm, guint64 commits, gint64 down_us);
guint64 ts_sim_vmm_commits (const TsSimVmm *vmm);
gboolean ts_sim_vmm_up (const TsSimVmm *vmm);
guint ts_sim_vmm_site (const TsSimVmm *vmm);
gint64 ts_sim_vmm_ahead_us (const TsSimVmm *vmm);
/* Of its hosts' agents; within the site, so they arrive. */
void ts_sim_vmm_host_line (TsSimVmm *vmm, const char *host, gboolean up);
void ts_sim_vmm_host_message (TsSimVmm *vmm, const char *host, GVariant *message); /* sinks it */

/* --- agent.c ---------------------------------------------------------------------------------- */
TsSimAgent *ts_sim_agent_new (TsSimManagement *management, TsSimHost *host, TsSimVmm *vmm);
void ts_sim_agent_free (TsSimAgent *agent);
void ts_sim_agent_message (TsSimAgent *agent, GVariant *message); /* from the VMM server */
void ts_sim_agent_host_power (TsSimAgent *agent, gboolean on);
void ts_sim_agent_vmm_power (TsSimAgent *agent, gboolean on);
/* Something about the VM may have changed. */
void ts_sim_agent_look (TsSimAgent *agent, TsSimVm *vm);
void ts_sim_agent_hear (TsSimAgent *agent, const TsRecord *record);

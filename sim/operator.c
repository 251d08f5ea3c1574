/* sim/operator.c -- the operator outside both sites, who plays a scenario's steps against the vault
 * (core/vault/errand.h). */
#include "sim/management.h"

#define WAN_US (20 * TS_MS) /* CHOICE: from his desk to the vault and back */

typedef struct {
  TsSimManagement *management;
  TsErrand *errand;
  gboolean over;
} Errand;

void
ts_sim_operator_free (gpointer data)
{
  Errand *errand = data;
  ts_errand_free (errand->errand);
  g_free (errand);
}

static void go_on (Errand *errand);

static void
again (gpointer user, gpointer data)
{
  go_on (user);
}

static void
report (TsSimManagement *management, TsErrand *errand)
{
  TsWorld *world = management->world;
  static const char *const phases[] = {"begun", "done", "refused", "failed"};
  TsRecord *record = ts_record_new (ts_sim_now_us (world), "sim", "step");
  ts_record_text (record, "id", ts_errand_step_id (errand));
  ts_record_text (record, "verb", ts_verb_name (ts_errand_verb (errand)));
  ts_record_text (record, "phase", phases[ts_errand_phase (errand)]);
  ts_sim_report (world, ts_record_text (record, "reason", ts_errand_reason (errand)));
}

typedef struct {
  TsSimVmm *vmm;
  char *key;
} LateKey;

static void
late_free (gpointer data)
{
  LateKey *late = data;
  g_free (late->key);
  g_free (late);
}

static void
give_late (gpointer user, gpointer data)
{
  LateKey *late = data;
  ts_sim_vmm_set_key (late->vmm, late->key);
}

static void
give_key (Errand *errand)
{
  TsSimManagement *m = errand->management;
  char *name = NULL;
  g_autofree char *key = ts_errand_take_key (errand->errand, &name);
  g_autofree char *vmm = name;
  for (guint i = 0; key && i < m->vmms->len; i++) {
    const TsVmmSpec *spec = m->spec->vmms->pdata[i];
    if (!g_str_equal (spec->name, vmm))
      continue;
    if (spec->key != TS_KEY_EXPIRED) {
      ts_sim_vmm_set_key (m->vmms->pdata[i], key);
      continue;
    }
    LateKey *late = g_new0 (LateKey, 1);
    *late = (LateKey){m->vmms->pdata[i], g_strdup (key)};
    ts_sim_clock_at (m->world->clock, ts_sim_now_us (m->world) + TS_KEY_LATE_US, give_late, NULL, late,
                     late_free);
  }
}

static void
ended (Errand *errand)
{
  TsSimManagement *m = errand->management;
  errand->over = TRUE;
  if (ts_errand_step_id (errand->errand)) {
    report (m, errand->errand);
    return;
  }
  m->ready = TRUE;
  if (ts_errand_phase (errand->errand) != TS_ERRAND_DONE) {
    TsRecord *record = ts_record_new (ts_sim_now_us (m->world), "sim", "invariant");
    ts_record_text (record, "name", "vault-is-prepared");
    ts_record_bool (record, "holds", FALSE);
    ts_sim_report (m->world, ts_record_text (record, "detail", ts_errand_reason (errand->errand)));
  }
}

static void
go_on (Errand *errand)
{
  TsSimManagement *m = errand->management;
  TsVaultRequest request;
  if (errand->over)
    return;
  gint64 now_us = ts_sim_now_us (m->world);
  while (ts_errand_next (errand->errand, now_us, &request)) {
    if (!ts_sim_vault_up (m->vault)) {
      ts_errand_unheard (errand->errand, now_us);
      continue;
    }
    request.id = ++m->next_request;
    g_hash_table_insert (m->asked, GSIZE_TO_POINTER (request.id), errand);
    ts_sim_vault_request (m->vault, &request);
  }
  if (ts_errand_phase (errand->errand) != TS_ERRAND_RUNNING) {
    ended (errand);
    return;
  }
  gint64 wake_us = ts_errand_wake_us (errand->errand);
  if (wake_us != TS_NEVER)
    ts_sim_clock_at (m->world->clock, MAX (wake_us, now_us + 1), again, errand, NULL, NULL);
}

static void
begin (TsSimManagement *m, TsErrand *what)
{
  Errand *errand = g_new0 (Errand, 1);
  errand->management = m;
  errand->errand = what;
  g_ptr_array_add (m->errands, errand);
  ts_sim_clock_at (m->world->clock, ts_sim_now_us (m->world) + WAN_US, again, errand, NULL, NULL);
}

void
ts_sim_operator_begin (TsSimManagement *m, const TsOrder *order)
{
  begin (m, ts_errand_new (m->world->topology, order));
}

void
ts_sim_operator_prepare (TsSimManagement *m)
{
  begin (m, ts_errand_prepare (m->world->topology));
}

void
ts_sim_operator_reply (TsSimManagement *m, const TsVaultReply *reply)
{
  Errand *errand = g_hash_table_lookup (m->asked, GSIZE_TO_POINTER (reply->id));
  if (!errand) { /* of somebody outside the scenario */
    TsObserver *observer = m->world->observer;
    if (observer->reply)
      observer->reply (observer, reply);
    return;
  }
  g_hash_table_remove (m->asked, GSIZE_TO_POINTER (reply->id));
  ts_errand_hear (errand->errand, ts_sim_now_us (m->world), reply);
  give_key (errand);
  go_on (errand);
}

void
ts_sim_operator_unheard (TsSimManagement *m)
{
  g_hash_table_remove_all (m->asked);
  for (guint i = 0; i < m->errands->len; i++) {
    Errand *errand = m->errands->pdata[i];
    if (errand->over)
      continue;
    ts_errand_unheard (errand->errand, ts_sim_now_us (m->world));
    go_on (errand);
  }
}

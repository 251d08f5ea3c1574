/* sim/vmm.c -- a VMM server's process, with its Provider.  Twin of lab/vmm/process.c. */
#include "sim/management.h"

struct _TsSimVmm {
  TsSimManagement *management;
  guint index;
  const TsVmmSpec *spec;
  TsVmm *vmm; /* NULL: down */
  TsSimStore *store;
  char *key;
  guint64 life, timer;
  gint64 armed_us;
  guint64 commits, dies_at; /* of all lives; 0: it does not */
  gint64 down_us;
  TsSimConn *conn;
  GHashTable *runs; /* how often a script was run here; looked up, never walked */
};

static gint64
clock_us (const TsSimVmm *vmm)
{
  return ts_sim_management_clock_us (vmm->management, vmm->spec->clock_us);
}

static void step (TsSimVmm *vmm, TsVmmEvent *event);

gint64
ts_sim_vmm_ahead_us (const TsSimVmm *vmm)
{
  return vmm->spec->clock_us;
}

guint
ts_sim_vmm_site (const TsSimVmm *vmm)
{
  return vmm->spec->site;
}

gboolean
ts_sim_vmm_up (const TsSimVmm *vmm)
{
  return vmm->vmm != NULL;
}

/* --- the line to the vault -------------------------------------------------------------------- */

static void
connected (TsSimConn *conn, gpointer user)
{
  TsVmmEvent event = {.kind = TS_VMM_EVENT_CONNECTED};
  step (user, &event);
}

static void
message (TsSimConn *conn, GBytes *bytes, gpointer user)
{
  TsSimVmm *vmm = user;
  g_autoptr (GVariant) said = ts_message_decode (bytes, NULL);
  if (!said || !vmm->vmm || vmm->conn != conn)
    return;
  TsVmmEvent event = {.kind = TS_VMM_EVENT_MESSAGE, .message = said};
  step (vmm, &event);
}

static void
lost (TsSimConn *conn, const char *reason, gpointer user)
{
  TsSimVmm *vmm = user;
  if (vmm->conn == conn)
    vmm->conn = NULL;
  ts_sim_conn_close (conn);
  TsVmmEvent event = {.kind = TS_VMM_EVENT_LOST};
  if (vmm->vmm)
    step (vmm, &event);
}

static const TsSimConnEvents line_events = {connected, message, lost};

/* --- actions ---------------------------------------------------------------------------------- */

typedef struct {
  guint64 life;
  char *id, *complaint;
  gboolean missing, killed;
} Run;

static void
run_free (gpointer data)
{
  Run *run = data;
  g_free (run->id);
  g_free (run->complaint);
  g_free (run);
}

static void
run_over (gpointer user, gpointer data)
{
  TsSimVmm *vmm = user;
  Run *run = data;
  if (run->life != vmm->life || !vmm->vmm)
    return;
  TsVmmEvent event = {.kind = TS_VMM_EVENT_SCRIPT_DONE};
  event.script.id = run->id;
  event.script.missing = run->missing;
  event.script.killed = run->killed;
  event.script.output = "";
  event.script.complaint = run->complaint;
  step (vmm, &event);
}

/* As the scenario says that it behaves. */
static void
run_script (TsSimVmm *vmm, const TsVmmAction *action)
{
  TsWorld *world = vmm->management->world;
  const TsManagement *management = vmm->management->spec;
  const TsScriptSpec *script = ts_management_script (management, action->path);
  for (guint i = 0; !script && i < management->scripts->len; i++)
    if (g_strcmp0 (((TsScriptSpec *)management->scripts->pdata[i])->file, action->path) == 0)
      script = management->scripts->pdata[i];
  Run *run = g_new0 (Run, 1);
  run->life = vmm->life;
  run->id = g_strdup (action->key);
  run->missing = !script || script->missing;
  gint64 takes_us = run->missing ? 0 : script->takes_us;
  if (!run->missing) {
    guint times = GPOINTER_TO_UINT (g_hash_table_lookup (vmm->runs, script->name)) + 1;
    g_hash_table_insert (vmm->runs, script->name, GUINT_TO_POINTER (times));
    if (script->complains && (script->fails == 0 || times <= script->fails))
      run->complaint = g_strdup (script->complains);
    run->killed = script->hangs || takes_us > action->limit_us;
    if (run->killed)
      takes_us = action->limit_us;
  }
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + takes_us, run_over, vmm, run, run_free);
}

static TsSimAgent *
agent_of (const TsSimVmm *vmm, const char *host)
{
  gint index = ts_topology_find_host (vmm->management->world->topology, host);
  return index < 0 ? NULL : vmm->management->agents->pdata[index];
}

typedef struct {
  TsSimAgent *agent;
  GVariant *message;
} Letter;

static void
letter_free (gpointer data)
{
  Letter *letter = data;
  g_variant_unref (letter->message);
  g_free (letter);
}

static void
letter_came (gpointer user, gpointer data)
{
  Letter *letter = data;
  ts_sim_agent_message (letter->agent, letter->message);
}

static void
perform (TsSimVmm *vmm, TsVmmAction *action)
{
  TsWorld *world = vmm->management->world;
  switch (action->kind) {
  case TS_VMM_ACTION_PUT:
    ts_sim_store_put (vmm->store, action->table, action->key, action->value);
    break;
  case TS_VMM_ACTION_DELETE:
    ts_sim_store_delete (vmm->store, action->table, action->key);
    break;
  case TS_VMM_ACTION_CONNECT:
    if (vmm->conn)
      ts_sim_conn_close (vmm->conn);
    vmm->conn = ts_sim_management_connect (vmm->management, vmm->spec->site, vmm->management->spec->site,
                                           &line_events, vmm, ts_sim_vault_accept,
                                           vmm->management->vault);
    ts_sim_conn_introduce (vmm->conn, vmm->spec->name);
    break;
  case TS_VMM_ACTION_DISCONNECT:
    g_clear_pointer (&vmm->conn, ts_sim_conn_close);
    break;
  case TS_VMM_ACTION_SEND:
    if (vmm->conn) {
      g_autoptr (GBytes) bytes = ts_message_encode (action->value);
      ts_sim_conn_send (vmm->conn, bytes, g_bytes_get_size (bytes));
    }
    break;
  case TS_VMM_ACTION_SEND_HOST: {
    Letter *letter = g_new0 (Letter, 1);
    letter->agent = agent_of (vmm, action->host);
    letter->message = g_variant_ref (action->value);
    if (letter->agent)
      ts_sim_clock_at (world->clock, ts_sim_now_us (world) + TS_SIM_LAN_US, letter_came, NULL, letter,
                       letter_free);
    else
      letter_free (letter);
    break;
  }
  case TS_VMM_ACTION_RUN_SCRIPT:
    run_script (vmm, action);
    break;
  case TS_VMM_ACTION_REPORT:
    action->record->t_us = ts_sim_now_us (world);
    ts_sim_report (world, g_steal_pointer (&action->record));
    break;
  }
}

typedef struct {
  guint64 life;
  TsVmmActions *actions;
} Batch;

static void
batch_free (gpointer data)
{
  Batch *batch = data;
  ts_vmm_actions_free (batch->actions);
  g_free (batch);
}

static void
rise (gpointer user, gpointer data)
{
  ts_sim_vmm_start (user);
}

/* One more transaction: the one at which it is to die? */
static void
committed (TsSimVmm *vmm)
{
  TsWorld *world = vmm->management->world;
  vmm->commits++;
  if (vmm->commits != vmm->dies_at)
    return;
  ts_sim_vmm_kill (vmm, FALSE);
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + vmm->down_us, rise, vmm, NULL, NULL);
}

static void
performed (gpointer user, gpointer data)
{
  TsSimVmm *vmm = user;
  Batch *batch = data;
  gboolean dirty = FALSE; /* its rows are durable, and nothing else of it has been done */
  for (guint i = 0; i < batch->actions->len && batch->life == vmm->life; i++) {
    TsVmmAction *action = &g_array_index (batch->actions, TsVmmAction, i);
    gboolean row = action->kind == TS_VMM_ACTION_PUT || action->kind == TS_VMM_ACTION_DELETE;
    if (dirty && !row)
      committed (vmm);
    dirty = row;
    if (batch->life == vmm->life)
      perform (vmm, action);
  }
  if (dirty && batch->life == vmm->life)
    committed (vmm);
}

static void
ticked (gpointer user, gpointer data)
{
  TsSimVmm *vmm = user;
  if (GPOINTER_TO_SIZE (data) != vmm->timer || !vmm->vmm)
    return;
  vmm->armed_us = TS_NEVER;
  TsVmmEvent event = {.kind = TS_VMM_EVENT_TICK};
  step (vmm, &event);
}

static void
step (TsSimVmm *vmm, TsVmmEvent *event)
{
  TsWorld *world = vmm->management->world;
  event->now_us = clock_us (vmm);
  Batch *batch = g_new0 (Batch, 1);
  batch->life = vmm->life;
  batch->actions = ts_vmm_actions_new ();
  ts_vmm_step (vmm->vmm, event, batch->actions);
  gboolean dirty = FALSE;
  for (guint i = 0; i < batch->actions->len; i++) {
    TsVmmActionKind kind = g_array_index (batch->actions, TsVmmAction, i).kind;
    dirty |= kind == TS_VMM_ACTION_PUT || kind == TS_VMM_ACTION_DELETE;
  }
  if (batch->actions->len > 0)
    ts_sim_clock_at (world->clock, ts_sim_store_due_us (vmm->store, dirty), performed, vmm, batch,
                     batch_free);
  else
    batch_free (batch);
  gint64 wake_us = ts_vmm_wake_us (vmm->vmm);
  if (wake_us == TS_NEVER || wake_us == vmm->armed_us)
    return;
  vmm->armed_us = wake_us;
  vmm->timer++;
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + MAX (wake_us - event->now_us, 1), ticked, vmm,
                   GSIZE_TO_POINTER (vmm->timer), NULL);
}

/* --- hosts ------------------------------------------------------------------------------------ */

void
ts_sim_vmm_host_line (TsSimVmm *vmm, const char *host, gboolean up)
{
  TsVmmEvent event = {.kind = up ? TS_VMM_EVENT_HOST_CONNECTED : TS_VMM_EVENT_HOST_LOST, .host = host};
  if (vmm->vmm)
    step (vmm, &event);
}

typedef struct {
  guint64 life;
  const char *host;
  GVariant *message;
} Said;

static void
said_free (gpointer data)
{
  Said *said = data;
  g_variant_unref (said->message);
  g_free (said);
}

static void
said_came (gpointer user, gpointer data)
{
  TsSimVmm *vmm = user;
  Said *said = data;
  TsVmmEvent event = {.kind = TS_VMM_EVENT_HOST_MESSAGE, .host = said->host, .message = said->message};
  if (vmm->vmm && vmm->life == said->life)
    step (vmm, &event);
}

void
ts_sim_vmm_host_message (TsSimVmm *vmm, const char *host, GVariant *what)
{
  TsWorld *world = vmm->management->world;
  Said *said = g_new0 (Said, 1);
  said->life = vmm->life;
  said->host = host;
  said->message = g_variant_ref_sink (what);
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + TS_SIM_LAN_US, said_came, vmm, said, said_free);
}

/* --- life ------------------------------------------------------------------------------------- */

static TsVmmSetup *
setup_of (const TsSimVmm *vmm)
{
  const TsTopology *topology = vmm->management->world->topology;
  const TsManagement *spec = vmm->management->spec;
  g_autofree char *server = g_strdup_printf ("server-%s", vmm->spec->name);
  TsVmmSetup *setup = ts_vmm_setup_new (vmm->spec->claims, server);
  setup->key = g_strdup (vmm->key);
  if (topology->policies->len > 0)
    setup->time_scale = ((TsPolicySpec *)topology->policies->pdata[0])->policy.time_scale;
  for (guint c = 0; c < spec->clouds->len; c++) {
    const TsCloudSpec *cloud = spec->clouds->pdata[c];
    if (cloud->vmm != vmm->index)
      continue;
    g_autoptr (GPtrArray) hosts = g_ptr_array_new ();
    for (guint h = 0; h < cloud->hosts->len; h++)
      g_ptr_array_add (hosts, ts_topology_host (topology, g_array_index (cloud->hosts, guint, h))->name);
    g_ptr_array_add (hosts, NULL);
    ts_vmm_setup_add_cloud (setup, cloud->name, (const char *const *)hosts->pdata);
  }
  for (guint i = 0; i < spec->networks->len; i++)
    if (((TsFarSpec *)spec->networks->pdata[i])->vmm == vmm->index)
    {
      const TsFarSpec *far = spec->networks->pdata[i];
      TsVmmNetwork *network = ts_vmm_setup_add_network (setup, far->name, far->logical);
      network->pool_from = far->pool_from;
      network->pool_to = far->pool_to;
    }
  for (guint i = 0; i < spec->storages->len; i++)
    if (((TsFarSpec *)spec->storages->pdata[i])->vmm == vmm->index)
      g_ptr_array_add (setup->classifications, g_strdup (((TsFarSpec *)spec->storages->pdata[i])->name));
  return setup;
}

static void
tell_agents (TsSimVmm *vmm, gboolean on)
{
  const TsManagement *spec = vmm->management->spec;
  for (guint i = 0; i < vmm->management->agents->len; i++)
    if (ts_management_vmm_of (spec, i) == (gint)vmm->index)
      ts_sim_agent_vmm_power (vmm->management->agents->pdata[i], on);
}

void
ts_sim_vmm_start (TsSimVmm *vmm)
{
  if (vmm->vmm)
    return;
  guint count = ts_sim_store_count (vmm->store);
  g_autofree TsVmmRow *rows = g_new0 (TsVmmRow, MAX (count, 1));
  for (guint i = 0; i < count; i++)
    ts_sim_store_row (vmm->store, i, &rows[i].table, &rows[i].key, &rows[i].value);
  g_autoptr (GError) error = NULL;
  vmm->vmm = ts_vmm_restore (setup_of (vmm), rows, count, &error);
  if (!vmm->vmm)
    g_error ("VMM server %s: %s", vmm->spec->name, error->message);
  TsVmmEvent event = {.kind = TS_VMM_EVENT_TICK};
  step (vmm, &event);
  tell_agents (vmm, TRUE);
}

/* Its administrator gives it the key, and it begins. */
void
ts_sim_vmm_set_key (TsSimVmm *vmm, const char *key)
{
  g_free (vmm->key);
  vmm->key = g_strdup (key);
  ts_sim_vmm_kill (vmm, FALSE);
  ts_sim_vmm_start (vmm);
}

guint
ts_sim_vmm_kill (TsSimVmm *vmm, gboolean power)
{
  if (!vmm->vmm)
    return 0;
  vmm->life++;
  vmm->timer++;
  vmm->armed_us = TS_NEVER;
  if (vmm->conn) {
    if (power)
      ts_sim_conn_vanish (vmm->conn);
    else
      ts_sim_conn_close (vmm->conn);
    vmm->conn = NULL;
  }
  g_clear_pointer (&vmm->vmm, ts_vmm_free);
  ts_sim_store_restart (vmm->store);
  tell_agents (vmm, FALSE);
  return 1;
}

TsSimVmm *
ts_sim_vmm_new (TsSimManagement *management, guint index)
{
  TsSimVmm *vmm = g_new0 (TsSimVmm, 1);
  vmm->management = management;
  vmm->index = index;
  vmm->spec = management->spec->vmms->pdata[index];
  vmm->store = ts_sim_store_new (management->world->clock);
  vmm->armed_us = TS_NEVER;
  vmm->runs = g_hash_table_new (g_str_hash, g_str_equal);
  return vmm;
}

void
ts_sim_vmm_free (TsSimVmm *vmm)
{
  if (!vmm)
    return;
  ts_vmm_free (vmm->vmm);
  ts_sim_store_free (vmm->store);
  g_hash_table_unref (vmm->runs);
  g_free (vmm->key);
  g_free (vmm);
}

void
ts_sim_vmm_die_at (TsSimVmm *vmm, guint64 commits, gint64 down_us)
{
  vmm->dies_at = vmm->commits + commits;
  vmm->down_us = down_us;
}

guint64
ts_sim_vmm_commits (const TsSimVmm *vmm)
{
  return vmm->commits;
}

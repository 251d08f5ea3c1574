/* sim/vault.c -- the vault's process.  Twin of lab/vault/service.c. */
#include "sim/management.h"

typedef struct {
  guint64 number;
  TsSimConn *conn;
} Line;

struct _TsSimVault {
  TsSimManagement *management;
  TsVault *vault; /* NULL: down */
  TsSimStore *store;
  guint64 life;  /* calls of an earlier one are void */
  guint64 connections; /* so far, of all lives */
  guint64 timer;
  gint64 armed_us;
  guint64 told; /* of all lives: the highest number of what has been told */
  guint64 commits, dies_at; /* of all lives; 0: it does not */
  gint64 down_us;
  TsRandom random;
  GPtrArray *lines; /* Line */
};

static gint64
clock_us (const TsSimVault *vault)
{
  return ts_sim_management_clock_us (vault->management, 0);
}

static void step (TsSimVault *vault, TsVaultEvent *event);

/* --- connections ------------------------------------------------------------------------------ */

static Line *
line_of (TsSimVault *vault, const TsSimConn *conn, guint64 number)
{
  for (guint i = 0; i < vault->lines->len; i++) {
    Line *line = vault->lines->pdata[i];
    if ((conn && line->conn == conn) || line->number == number)
      return line;
  }
  return NULL;
}

static void
message (TsSimConn *conn, GBytes *bytes, gpointer user)
{
  TsSimVault *vault = user;
  Line *line = line_of (vault, conn, 0);
  g_autoptr (GVariant) said = ts_message_decode (bytes, NULL);
  if (!line || !said || !vault->vault)
    return;
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_MESSAGE, .connection = line->number, .message = said};
  step (vault, &event);
}

static void
lost (TsSimConn *conn, const char *reason, gpointer user)
{
  TsSimVault *vault = user;
  Line *line = line_of (vault, conn, 0);
  ts_sim_conn_close (conn);
  if (!line)
    return;
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_LOST, .connection = line->number};
  g_ptr_array_remove (vault->lines, line);
  step (vault, &event);
}

static const TsSimConnEvents line_events = {NULL, message, lost};

void
ts_sim_vault_accept (TsSimConn *conn, gpointer user)
{
  TsSimVault *vault = user;
  if (!vault->vault) {
    ts_sim_conn_close (conn); /* nobody listens */
    return;
  }
  Line *line = g_new0 (Line, 1);
  line->number = ++vault->connections;
  line->conn = conn;
  g_ptr_array_add (vault->lines, line);
  ts_sim_conn_set_events (conn, &line_events, vault);
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_CONNECTED, .connection = line->number};
  step (vault, &event);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void
perform (TsSimVault *vault, TsVaultAction *action)
{
  TsWorld *world = vault->management->world;
  Line *line;
  switch (action->kind) {
  case TS_VAULT_ACTION_PUT:
    ts_sim_store_put (vault->store, action->table, action->key, action->value);
    break;
  case TS_VAULT_ACTION_DELETE:
    ts_sim_store_delete (vault->store, action->table, action->key);
    break;
  case TS_VAULT_ACTION_REPLY:
    ts_sim_operator_reply (vault->management, &action->reply);
    break;
  case TS_VAULT_ACTION_SEND:
    if ((line = line_of (vault, NULL, action->connection)) != NULL) {
      g_autoptr (GBytes) bytes = ts_message_encode (action->value);
      ts_sim_conn_send (line->conn, bytes, g_bytes_get_size (bytes));
    }
    break;
  case TS_VAULT_ACTION_CLOSE:
    if ((line = line_of (vault, NULL, action->connection)) != NULL) {
      ts_sim_conn_close (line->conn);
      g_ptr_array_remove (vault->lines, line);
    }
    break;
  case TS_VAULT_ACTION_NOTIFY:
    if (world->observer->changed)
      world->observer->changed (world->observer, action->path);
    break;
  case TS_VAULT_ACTION_ALERT:
    break; /* its record is all that there is of it here */
  case TS_VAULT_ACTION_REPORT:
    if (action->number <= vault->told) /* by an earlier life */
      break;
    vault->told = action->number;
    action->record->t_us = ts_sim_now_us (world);
    ts_sim_report (world, g_steal_pointer (&action->record));
    break;
  }
}

typedef struct {
  guint64 life;
  TsVaultActions *actions;
} Batch;

static void
batch_free (gpointer data)
{
  Batch *batch = data;
  ts_vault_actions_free (batch->actions);
  g_free (batch);
}

static void
rise (gpointer user, gpointer data)
{
  ts_sim_vault_start (user);
}

/* One more transaction: the one at which it is to die? */
static void
committed (TsSimVault *vault)
{
  TsWorld *world = vault->management->world;
  vault->commits++;
  if (vault->commits != vault->dies_at)
    return;
  ts_sim_vault_kill (vault, FALSE);
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + vault->down_us, rise, vault, NULL, NULL);
}

static void
performed (gpointer user, gpointer data)
{
  TsSimVault *vault = user;
  Batch *batch = data;
  gboolean dirty = FALSE; /* its rows are durable, and nothing else of it has been done */
  for (guint i = 0; i < batch->actions->len && batch->life == vault->life; i++) {
    TsVaultAction *action = &g_array_index (batch->actions, TsVaultAction, i);
    gboolean row = action->kind == TS_VAULT_ACTION_PUT || action->kind == TS_VAULT_ACTION_DELETE;
    if (dirty && !row)
      committed (vault);
    dirty = row;
    if (batch->life == vault->life)
      perform (vault, action);
  }
  if (dirty && batch->life == vault->life)
    committed (vault);
}

static void
ticked (gpointer user, gpointer data)
{
  TsSimVault *vault = user;
  if (GPOINTER_TO_SIZE (data) != vault->timer || !vault->vault)
    return;
  vault->armed_us = TS_NEVER;
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_TICK};
  step (vault, &event);
}

static void
arm (TsSimVault *vault)
{
  gint64 wake_us = ts_vault_wake_us (vault->vault);
  if (wake_us == TS_NEVER || wake_us == vault->armed_us)
    return;
  vault->armed_us = wake_us;
  vault->timer++;
  gint64 in_us = MAX (wake_us - clock_us (vault), 1);
  TsWorld *world = vault->management->world;
  ts_sim_clock_at (world->clock, ts_sim_now_us (world) + in_us, ticked, vault,
                   GSIZE_TO_POINTER (vault->timer), NULL);
}

static void
step (TsSimVault *vault, TsVaultEvent *event)
{
  guint8 entropy[TS_VAULT_ENTROPY_BYTES];
  for (guint i = 0; i < sizeof entropy; i += 8) {
    guint64 word = ts_random_u64 (&vault->random);
    memcpy (entropy + i, &word, 8);
  }
  event->now_us = clock_us (vault);
  event->entropy = entropy;
  Batch *batch = g_new0 (Batch, 1);
  batch->life = vault->life;
  batch->actions = ts_vault_actions_new ();
  ts_vault_step (vault->vault, event, batch->actions);
  gboolean dirty = FALSE;
  for (guint i = 0; i < batch->actions->len; i++) {
    TsVaultActionKind kind = g_array_index (batch->actions, TsVaultAction, i).kind;
    dirty |= kind == TS_VAULT_ACTION_PUT || kind == TS_VAULT_ACTION_DELETE;
  }
  if (batch->actions->len > 0)
    ts_sim_clock_at (vault->management->world->clock, ts_sim_store_due_us (vault->store, dirty),
                     performed, vault, batch, batch_free);
  else
    batch_free (batch);
  arm (vault);
}

void
ts_sim_vault_request (TsSimVault *vault, const TsVaultRequest *request)
{
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_REQUEST, .request = request};
  step (vault, &event);
}

/* --- life ------------------------------------------------------------------------------------- */

static void
load (TsSimVault *vault)
{
  guint count = ts_sim_store_count (vault->store);
  g_autofree TsVaultRow *rows = g_new0 (TsVaultRow, MAX (count, 1));
  for (guint i = 0; i < count; i++)
    ts_sim_store_row (vault->store, i, &rows[i].table, &rows[i].key, &rows[i].value);
  g_autoptr (GError) error = NULL;
  const GPtrArray *policies = vault->management->world->topology->policies;
  guint32 scale =
      policies->len > 0 ? ((TsPolicySpec *)policies->pdata[0])->policy.time_scale : 1;
  vault->vault = ts_vault_restore ("vault", MAX (scale, 1), rows, count, &error);
  if (!vault->vault)
    g_error ("vault: %s", error->message);
}

TsSimVault *
ts_sim_vault_new (TsSimManagement *management)
{
  TsSimVault *vault = g_new0 (TsSimVault, 1);
  vault->management = management;
  vault->store = ts_sim_store_new (management->world->clock);
  vault->lines = g_ptr_array_new_with_free_func (g_free);
  vault->armed_us = TS_NEVER;
  ts_random_init (&vault->random, management->world->topology->seed, "vault");
  load (vault);
  return vault;
}

void
ts_sim_vault_free (TsSimVault *vault)
{
  if (!vault)
    return;
  ts_vault_free (vault->vault);
  ts_sim_store_free (vault->store);
  g_ptr_array_unref (vault->lines);
  g_free (vault);
}

gboolean
ts_sim_vault_up (const TsSimVault *vault)
{
  return vault->vault != NULL;
}

guint
ts_sim_vault_kill (TsSimVault *vault, gboolean power)
{
  if (!vault->vault)
    return 0;
  vault->life++;
  vault->timer++;
  vault->armed_us = TS_NEVER;
  for (guint i = 0; i < vault->lines->len; i++) {
    TsSimConn *conn = ((Line *)vault->lines->pdata[i])->conn;
    if (power)
      ts_sim_conn_vanish (conn);
    else
      ts_sim_conn_close (conn);
  }
  g_ptr_array_set_size (vault->lines, 0);
  g_clear_pointer (&vault->vault, ts_vault_free);
  ts_sim_store_restart (vault->store);
  ts_sim_operator_unheard (vault->management);
  return 1;
}

void
ts_sim_vault_start (TsSimVault *vault)
{
  if (vault->vault)
    return;
  load (vault);
  TsVaultEvent event = {.kind = TS_VAULT_EVENT_TICK};
  step (vault, &event);
}

void
ts_sim_vault_die_at (TsSimVault *vault, guint64 commits, gint64 down_us)
{
  vault->dies_at = vault->commits + commits;
  vault->down_us = down_us;
}

guint64
ts_sim_vault_commits (const TsSimVault *vault)
{
  return vault->commits;
}

/* core/site/vmm-order.c -- orders of the vault: taken, carried out, answered once.  See vmm.h. */
#include "core/site/vmm-internal.h"

/* CHOICE: an order that nobody has begun does not wait long.  Not divided by the time scale: that is
 * how long a real host's agent takes to come back. */
#define FRESH_HOST_WAIT_US (10 * TS_S)

void
ts_vmm_order_free (gpointer data)
{
  TsVmmOrder *order = data;
  g_free (order->id);
  g_free (order->verb);
  g_clear_pointer (&order->fields, g_variant_unref);
  g_free (order->reason);
  ts_fields_free (order->output);
  g_free (order->host);
  g_clear_pointer (&order->pending, g_ptr_array_unref);
  g_free (order);
}

static void
put_order (TsVmm *vmm, const TsVmmOrder *order)
{
  TsFields *row = ts_fields_new ();
  ts_fields_set_text (row, "verb", order->verb);
  ts_fields_set (row, "fields", order->fields);
  ts_fields_set_int (row, "begun", order->begun_us);
  ts_fields_set_bool (row, "ended", order->ended);
  ts_fields_set_bool (row, "ok", order->ok);
  ts_fields_set_int (row, "code", order->code);
  ts_fields_set_text (row, "reason", order->reason ? order->reason : "");
  ts_fields_set (row, "output", ts_fields_variant (order->output));
  ts_fields_set_int (row, "number", order->number);
  ts_fields_set_text (row, "host", order->host);
  ts_vmm_put (vmm, "order", order->id, ts_fields_end (row));
}

static TsVmmOrder *
order_new (const char *id, const char *verb, GVariant *fields)
{
  TsVmmOrder *order = g_new0 (TsVmmOrder, 1);
  order->id = g_strdup (id);
  order->verb = g_strdup (verb);
  order->fields = fields;
  order->output = ts_fields_new ();
  return order;
}

TsVmmOrder *
ts_vmm_order_restore (const char *id, GVariant *value)
{
  GVariant *fields = ts_variant_dict (value, "fields");
  const char *verb = ts_variant_text (value, "verb", NULL);
  if (!fields || !verb) {
    g_clear_pointer (&fields, g_variant_unref);
    return NULL;
  }
  TsVmmOrder *order = order_new (id, verb, fields);
  order->begun_us = ts_variant_int (value, "begun", 0);
  order->ended = ts_variant_bool (value, "ended", FALSE);
  order->ok = ts_variant_bool (value, "ok", FALSE);
  order->code = ts_variant_int (value, "code", 0);
  order->reason = g_strdup (ts_variant_text (value, "reason", ""));
  g_autoptr (GVariant) output = ts_variant_dict (value, "output");
  ts_fields_free (order->output);
  order->output = ts_fields_of (output);
  order->number = ts_variant_int (value, "number", 0);
  order->host = g_strdup (ts_variant_text (value, "host", NULL));
  return order;
}

static void
tell_result (TsVmm *vmm, const TsVmmOrder *order)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "id", order->id);
  ts_fields_set_bool (fields, "ok", order->ok);
  ts_fields_set_int (fields, "code", order->code);
  ts_fields_set_text (fields, "reason", order->reason ? order->reason : "");
  ts_fields_set (fields, "output", ts_fields_variant (order->output));
  ts_vmm_say (vmm, TS_MESSAGE_RESULT, fields);
}

static void
end (TsVmm *vmm, TsVmmOrder *order, gint64 code, const char *reason)
{
  order->ended = TRUE;
  order->ok = code == 0;
  order->code = code;
  g_free (order->reason);
  order->reason = g_strdup (reason);
  put_order (vmm, order);
  TsRecord *record = ts_record_new (0, vmm->setup->name, "order");
  ts_record_text (record, "vmm", vmm->setup->name);
  ts_record_text (record, "id", order->id);
  ts_record_text (record, "verb", order->verb);
  ts_record_text (record, "vm", ts_variant_text (order->fields, "vm", ""));
  ts_record_text (record, "ask", ts_variant_text (order->fields, "ask", ""));
  ts_record_text (record, "phase", order->ok ? "done" : "failed");
  ts_record_int (record, "code", code);
  ts_vmm_report (vmm, ts_record_text (record, "reason", reason));
  tell_result (vmm, order);
}

static TsVmmOrder *
find (const TsVmm *vmm, const char *id)
{
  for (guint i = 0; i < vmm->orders->len; i++)
    if (g_str_equal (((TsVmmOrder *)vmm->orders->pdata[i])->id, id))
      return vmm->orders->pdata[i];
  return NULL;
}

void
ts_vmm_order_take (TsVmm *vmm, GVariant *said)
{
  TsVmmOrder *order = find (vmm, ts_variant_text (said, "id", ""));
  if (order) { /* said twice: what came of it, if it has ended */
    if (order->ended)
      tell_result (vmm, order);
    return;
  }
  order = order_new (ts_variant_text (said, "id", ""), ts_variant_text (said, "verb", ""),
                     ts_variant_dict (said, "fields"));
  order->begun_us = vmm->now_us;
  g_ptr_array_add (vmm->orders, order);
  put_order (vmm, order);
}

void
ts_vmm_order_confirm (TsVmm *vmm, const char *id)
{
  TsVmmOrder *order = find (vmm, id);
  if (!order)
    return;
  ts_vmm_delete (vmm, "order", id);
  g_ptr_array_remove (vmm->orders, order);
}

void
ts_vmm_orders_tell (TsVmm *vmm)
{
  for (guint i = 0; i < vmm->orders->len; i++) {
    const TsVmmOrder *order = vmm->orders->pdata[i];
    if (order->ended)
      tell_result (vmm, order);
  }
}

/* --- asking a host ---------------------------------------------------------------------------- */

/* The host does not answer: for how long is it waited for? */
static void
host_away (TsVmm *vmm, TsVmmOrder *order, const TsVmmHost *host)
{
  gint64 patience_us =
      order->number > 0 ? ts_vmm_scaled_us (vmm, TS_VMM_HOST_WAIT_US) : FRESH_HOST_WAIT_US;
  gint64 since_us = MAX (host ? host->lost_us : 0, order->begun_us);
  if (host && vmm->now_us < since_us + patience_us)
    return;
  g_autofree char *reason = g_strdup_printf ("host %s does not answer", host ? host->name : "?");
  end (vmm, order, TS_SITE_HOST_DOWN, reason);
}

/* Asks, unless it has: with one number for ever, by which the host knows it again. */
static void
ask_host (TsVmm *vmm, TsVmmOrder *order, const char *name, const char *verb)
{
  TsVmmHost *host = ts_vmm_host (vmm, name);
  if (!host || !host->connected) {
    host_away (vmm, order, host);
    return;
  }
  if (order->asked)
    return;
  if (order->number == 0) {
    order->number = vmm->next_number++;
    vmm->self_changed = TRUE;
  }
  if (g_strcmp0 (order->host, name) != 0) {
    g_free (order->host);
    order->host = g_strdup (name);
  }
  order->asked = TRUE;
  put_order (vmm, order);
  ts_vmm_ask (vmm, name, order->number, verb, ts_fields_of (order->fields));
}

void
ts_vmm_orders_host_connected (TsVmm *vmm, const char *host)
{
  for (guint i = 0; i < vmm->orders->len; i++) {
    TsVmmOrder *order = vmm->orders->pdata[i];
    if (g_strcmp0 (order->host, host) == 0)
      order->asked = order->said = FALSE;
    if (!order->ended) /* of many hosts: all are asked anew, who has done it says so again */
      g_clear_pointer (&order->pending, g_ptr_array_unref);
  }
}

void
ts_vmm_orders_said (TsVmm *vmm, const char *host, GVariant *fields)
{
  gint64 number = ts_variant_int (fields, "number", 0);
  for (guint i = 0; i < vmm->orders->len; i++) {
    TsVmmOrder *order = vmm->orders->pdata[i];
    if (order->ended || order->number != number)
      continue;
    guint index;
    if (order->pending) { /* of many hosts */
      if (ts_variant_bool (fields, "ok", FALSE) &&
          g_ptr_array_find_with_equal_func (order->pending, host, g_str_equal, &index))
        g_ptr_array_remove_index (order->pending, index);
      continue;
    }
    if (g_strcmp0 (order->host, host) != 0)
      continue;
    order->said = TRUE;
    if (!ts_variant_bool (fields, "ok", FALSE)) {
      gint64 code = ts_variant_int (fields, "code", 0);
      end (vmm, order, code > 0 ? code : TS_SITE_HOST_REFUSED, ts_variant_text (fields, "reason", ""));
    }
  }
}

/* Are these disks replicated (or none of them)? */
static gboolean
disks_are (const TsLevel *level, GVariant *fields, const char *list, gboolean replicated)
{
  g_autoptr (GVariant) names = g_variant_lookup_value (fields, list, G_VARIANT_TYPE ("as"));
  gsize count = names ? g_variant_n_children (names) : 0;
  for (gsize i = 0; i < count; i++) {
    const char *name;
    g_variant_get_child (names, i, "&s", &name);
    for (guint d = 0; level->disks && level->disks[d]; d++)
      if (g_str_equal (level->disks[d], name) && ((level->replicated >> d & 1) != 0) != replicated)
        return FALSE;
  }
  return TRUE;
}

/* --- levels that end an order ----------------------------------------------------------------- */

static gboolean
ask_reached (const TsVmmOrder *order, TsAsk ask, const TsLevel *level)
{
  TsState state = level->state;
  switch (ask) {
  case TS_ASK_ENABLE:
    return level->role == TS_LEVEL_PRIMARY && state != TS_STATE_DISABLED;
  case TS_ASK_START:
    return state != TS_STATE_DISABLED && state != TS_STATE_READY;
  case TS_ASK_CANCEL_INITIAL: /* a plan that is dropped looks like none */
    return order->said && state == TS_STATE_READY;
  case TS_ASK_IMPORT:
    return state == TS_STATE_REPLICATING;
  case TS_ASK_SUSPEND:
    return state == TS_STATE_SUSPENDED || state == TS_STATE_RESYNC_SUSPENDED;
  case TS_ASK_RESUME:
    return order->said && state != TS_STATE_SUSPENDED && state != TS_STATE_RESYNC_SUSPENDED &&
           state != TS_STATE_ERROR;
  case TS_ASK_PREPARE:
    return state == TS_STATE_PREPARED;
  case TS_ASK_FAILOVER:
    return state == TS_STATE_RECOVERED || state == TS_STATE_COMMITTED;
  case TS_ASK_COMMIT:
    return state == TS_STATE_COMMITTED;
  case TS_ASK_TEST_FAILOVER:
    return level->test;
  case TS_ASK_STOP_TEST_FAILOVER:
    return !level->test;
  case TS_ASK_CANCEL_FAILOVER: /* one that is being prepared looks like none */
    return order->said && state != TS_STATE_PREPARED && state != TS_STATE_RECOVERED;
  case TS_ASK_REVERSE:
    return level->role == (g_strcmp0 (ts_variant_text (order->fields, "role", ""), "primary") == 0
                               ? TS_LEVEL_REPLICA
                               : TS_LEVEL_PRIMARY);
  case TS_ASK_RESYNC:
    return state == TS_STATE_RESYNCHRONIZING || (order->said && state == TS_STATE_REPLICATING);
  case TS_ASK_CANCEL_RESYNC:
    return state == TS_STATE_RESYNC_REQUIRED;
  case TS_ASK_CHANGE_POINT:
    return order->said && level->copy_set == (guint64)ts_variant_int (order->fields, "point_number", 0);
  case TS_ASK_POWER_ON:
    return level->on;
  case TS_ASK_REMOVE:
    return level->role == TS_LEVEL_NONE;
  case TS_ASK_UPDATE_DISKS:
    return order->said && state != TS_STATE_DISK_UPDATE && state != TS_STATE_DISK_UPDATE_CRITICAL &&
           disks_are (level, order->fields, "add", TRUE) && disks_are (level, order->fields, "remove", FALSE);
  case TS_ASK_MOVE: /* an order of its own */
  case TS_ASK_RESIZE:
  case TS_ASK_CONTINUE:
  case TS_ASK_BACKUP:
  case TS_ASK_END_BACKUP:
  case TS_ASK_RESET_STATISTICS:
  case TS_ASK_COUNT:
  default:
    return order->said;
  }
}

/* It cannot be reached any more, whatever is waited for. */
static const char *
ask_lost (TsAsk ask, const TsLevel *level)
{
  gboolean broken = level->state == TS_STATE_ERROR || level->state == TS_STATE_RESYNC_REQUIRED;
  switch ((int)ask) {
  case TS_ASK_PREPARE:
  case TS_ASK_START:
    return broken ? "replication has failed meanwhile" : NULL;
  default:
    return NULL;
  }
}

static TsLevelRole
role_of (GVariant *fields)
{
  const char *role = ts_variant_text (fields, "role", "primary");
  return g_str_equal (role, "replica") ? TS_LEVEL_REPLICA
         : g_str_equal (role, "none")  ? TS_LEVEL_NONE
                                       : TS_LEVEL_PRIMARY;
}

/* On the host that was asked it may have another part by now. */
static TsLevel *
on_host (const TsVmm *vmm, const char *vm, const char *host)
{
  for (TsLevelRole role = TS_LEVEL_NONE; role <= TS_LEVEL_REPLICA; role++) {
    TsLevel *level = host ? ts_vmm_level (vmm, vm, role, host) : NULL;
    if (level)
      return level;
  }
  return NULL;
}

static gboolean
hosts_known (const TsVmm *vmm)
{
  for (guint h = 0; h < vmm->hosts->len; h++) {
    const TsVmmHost *host = vmm->hosts->pdata[h];
    if (host->connected && !host->known)
      return FALSE;
  }
  return TRUE;
}

/* Nobody has that machine, as far as is known: a host that is away may. */
static void
not_there (TsVmm *vmm, TsVmmOrder *order)
{
  const char *vm = ts_variant_text (order->fields, "vm", "");
  const TsVmmHost *away = NULL;
  for (guint h = 0; h < vmm->hosts->len; h++)
    if (!((TsVmmHost *)vmm->hosts->pdata[h])->connected)
      away = vmm->hosts->pdata[h];
  if (away) {
    host_away (vmm, order, away);
    return;
  }
  if (!hosts_known (vmm))
    return;
  if (vmm->now_us < order->begun_us + FRESH_HOST_WAIT_US)
    return; /* its host may be about to tell of it */
  g_autofree char *reason =
      g_strdup_printf ("no host of %s has a virtual machine %s in that part", vmm->setup->name, vm);
  end (vmm, order, TS_SITE_NOT_FOUND, reason);
}

static void
go_on_ask (TsVmm *vmm, TsVmmOrder *order)
{
  const char *vm = ts_variant_text (order->fields, "vm", "");
  gint ask = ts_ask_find (ts_variant_text (order->fields, "ask", ""));
  if (ask < 0) {
    end (vmm, order, TS_SITE_FAILED, "no host knows how to do that");
    return;
  }
  TsLevelRole role = role_of (order->fields);
  TsLevel *level = on_host (vmm, vm, order->host);
  if (!level)
    level = ts_vmm_level (vmm, vm, role, NULL);
  if (!level && ask == TS_ASK_ENABLE)
    level = ts_vmm_level (vmm, vm, TS_LEVEL_NONE, NULL);
  if (!level && ask == TS_ASK_REMOVE && hosts_known (vmm)) {
    end (vmm, order, 0, "");
    return;
  }
  if (!level) {
    not_there (vmm, order);
    return;
  }
  const TsVmmHost *host = ts_vmm_host (vmm, level->host);
  if (host->connected && !host->known)
    return; /* what is known of it is old */
  if (!host->connected)
    host_away (vmm, order, host);
  else if (ask_reached (order, (TsAsk)ask, level))
    end (vmm, order, 0, "");
  else if (ask_lost ((TsAsk)ask, level))
    end (vmm, order, TS_SITE_FAILED, ask_lost ((TsAsk)ask, level));
  else
    ask_host (vmm, order, level->host, "ask");
}

/* A verb that a host's agent has for itself, done at a level of the machine. */
static void
go_on_machine (TsVmm *vmm, TsVmmOrder *order)
{
  const char *vm = ts_variant_text (order->fields, "vm", ""), *verb = order->verb;
  gboolean relate = g_str_equal (verb, "relate"), remove = g_str_equal (verb, "delete");
  TsLevelRole role = role_of (order->fields);
  TsLevel *level = on_host (vmm, vm, order->host);
  if (!level)
    level = ts_vmm_level (vmm, vm, role, NULL);
  if (!level && (relate || remove))
    level = ts_vmm_level (vmm, vm, TS_LEVEL_NONE, NULL);
  if (!level && relate)
    level = ts_vmm_level (vmm, vm, TS_LEVEL_REPLICA, NULL);
  if (!level && remove && hosts_known (vmm)) {
    end (vmm, order, 0, "");
    return;
  }
  if (!level) {
    not_there (vmm, order);
    return;
  }
  const TsVmmHost *host = ts_vmm_host (vmm, level->host);
  if (host->connected && !host->known)
    return;
  gboolean done = FALSE;
  if (g_str_equal (verb, "shut-down"))
    done = !level->on;
  else if (g_str_equal (verb, "connect") && !ts_variant_bool (order->fields, "test", FALSE))
    done = g_strcmp0 (level->network, ts_variant_text (order->fields, "network", "")) == 0 &&
           g_strcmp0 (level->address, ts_variant_text (order->fields, "address", level->address)) == 0;
  else if (remove)
    done = level->role == TS_LEVEL_NONE && !level->exists;
  else
    done = order->said;
  if (!host->connected)
    host_away (vmm, order, host);
  else if (done)
    end (vmm, order, 0, "");
  else
    ask_host (vmm, order, level->host, verb);
}

/* From the host on which it is to another one of the same cloud: done when it is there. */
static void
go_on_move (TsVmm *vmm, TsVmmOrder *order)
{
  const char *vm = ts_variant_text (order->fields, "vm", "");
  const char *to = ts_variant_text (order->fields, "to", "");
  TsLevelRole role = role_of (order->fields);
  const char *cloud = ts_vmm_host (vmm, to) ? ts_vmm_cloud_of (vmm, to) : NULL;
  if (!cloud) {
    g_autofree char *reason = g_strdup_printf ("%.64s is no host of a cloud of %s", to, vmm->setup->name);
    end (vmm, order, TS_SITE_NOT_FOUND, reason);
    return;
  }
  if (ts_vmm_level (vmm, vm, role, to)) {
    end (vmm, order, 0, "");
    return;
  }
  const TsLevel *level = ts_vmm_level (vmm, vm, role, NULL);
  if (!level) { /* between the two, when it has been asked for */
    if (!order->said)
      not_there (vmm, order);
    return;
  }
  if (g_strcmp0 (ts_vmm_cloud_of (vmm, level->host), cloud) != 0) {
    g_autofree char *reason = g_strdup_printf ("host %s is of another cloud", to);
    end (vmm, order, TS_SITE_HOST_REFUSED, reason);
    return;
  }
  const TsVmmHost *host = ts_vmm_host (vmm, level->host);
  if (host->connected && !host->known)
    return;
  if (!host->connected)
    host_away (vmm, order, host);
  else
    ask_host (vmm, order, level->host, "move");
}

static void
go_on_wait (TsVmm *vmm, TsVmmOrder *order)
{
  const char *vm = ts_variant_text (order->fields, "vm", "");
  TsState wanted = (TsState)ts_variant_int (order->fields, "state", TS_STATE_REPLICATING);
  TsLevel *level = ts_vmm_level (vmm, vm, role_of (order->fields), NULL);
  if (!level) {
    not_there (vmm, order);
    return;
  }
  if (level->state == wanted ||
      (ts_variant_bool (order->fields, "exported", FALSE) && level->exported))
    end (vmm, order, 0, "");
}

/* --- other orders ----------------------------------------------------------------------------- */

static void
go_on_place (TsVmm *vmm, TsVmmOrder *order)
{
  g_autoptr (GError) error = NULL;
  const TsVmmPlace *place = ts_vmm_place (vmm, order->fields, &error);
  if (place) {
    ts_fields_set_text (order->output, "host", place->host);
    ts_fields_set_text (order->output, "network", place->network);
    ts_fields_set_text (order->output, "classification", place->classification);
    ts_fields_set_text (order->output, "address", place->address);
    ts_fields_set_bool (order->output, "exhausted", place->exhausted);
    end (vmm, order, 0, "");
  } else if (vmm->now_us >= order->begun_us + FRESH_HOST_WAIT_US)
    end (vmm, order, TS_SITE_NO_PLACE, error->message); /* hosts may be about to come */
}

static void
go_on_make_network (TsVmm *vmm, TsVmmOrder *order)
{
  const char *name = ts_variant_text (order->fields, "name", "");
  const char *logical = ts_variant_text (order->fields, "logical", "");
  GPtrArray *networks = vmm->setup->networks;
  for (guint i = 0; i < networks->len; i++)
    if (g_str_equal (((TsVmmNetwork *)networks->pdata[i])->name, name)) {
      end (vmm, order, 0, "");
      return;
    }
  TsFields *row = ts_fields_new ();
  ts_fields_set_text (row, "logical", logical);
  ts_vmm_put (vmm, "network", name, ts_fields_end (row));
  ts_vmm_setup_add_network (vmm->setup, name, logical)->made = TRUE;
  ts_vmm_tell_inventory (vmm); /* before the result: who hears that can find it */
  end (vmm, order, 0, "");
}

static gboolean
test_uses (const TsVmm *vmm, const char *network)
{
  for (guint h = 0; h < vmm->hosts->len; h++) {
    const TsVmmHost *host = vmm->hosts->pdata[h];
    for (guint i = 0; i < host->levels->len; i++) {
      const TsLevel *level = host->levels->pdata[i];
      if (level->test && g_str_equal (level->test_network, network))
        return TRUE;
    }
  }
  return FALSE;
}

/* Only what was made for a test; who uses it last takes it away. */
static void
go_on_drop_network (TsVmm *vmm, TsVmmOrder *order)
{
  const char *name = ts_variant_text (order->fields, "name", "");
  GPtrArray *networks = vmm->setup->networks;
  for (guint i = 0; i < networks->len && !test_uses (vmm, name); i++) {
    const TsVmmNetwork *network = networks->pdata[i];
    if (!network->made || !g_str_equal (network->name, name))
      continue;
    ts_vmm_delete (vmm, "network", name);
    g_ptr_array_remove_index (networks, i);
    ts_vmm_tell_inventory (vmm);
    break;
  }
  end (vmm, order, 0, "");
}

static void
go_on_configure (TsVmm *vmm, TsVmmOrder *order)
{
  const TsVmmCloud *cloud = ts_vmm_cloud (vmm, ts_variant_text (order->fields, "cloud", ""));
  if (!cloud) {
    end (vmm, order, TS_SITE_NOT_FOUND, "there is no such cloud");
    return;
  }
  if (!order->pending) {
    order->pending = g_ptr_array_new_with_free_func (g_free);
    if (order->number == 0) {
      order->number = vmm->next_number++;
      vmm->self_changed = TRUE;
      put_order (vmm, order);
    }
    for (guint i = 0; i < cloud->hosts->len; i++) {
      g_ptr_array_add (order->pending, g_strdup (cloud->hosts->pdata[i]));
      ts_vmm_ask (vmm, cloud->hosts->pdata[i], order->number, "configure",
                  ts_fields_of (order->fields));
    }
  }
  if (order->pending->len == 0)
    end (vmm, order, 0, "");
  else if (vmm->now_us >= order->begun_us + FRESH_HOST_WAIT_US) {
    g_autofree char *reason =
        g_strdup_printf ("host %s does not answer", (char *)order->pending->pdata[0]);
    end (vmm, order, TS_SITE_HOST_DOWN, reason);
  }
}

static void
go_on_script (TsVmm *vmm, TsVmmOrder *order)
{
  if (order->scripting)
    return;
  order->scripting = TRUE;
  g_autoptr (GVariant) list = ts_variant_list (order->fields, "arguments");
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  for (gsize i = 0; i < ts_variant_count (list); i++) {
    g_autoptr (GVariant) word = ts_variant_entry (list, i);
    if (g_variant_is_of_type (word, G_VARIANT_TYPE_STRING))
      g_ptr_array_add (words, g_variant_dup_string (word, NULL));
  }
  g_ptr_array_add (words, NULL);
  TsVmmAction action = {.kind = TS_VMM_ACTION_RUN_SCRIPT, .key = g_strdup (order->id)};
  action.path = g_strdup (ts_variant_text (order->fields, "path", ""));
  action.arguments = (char **)g_ptr_array_free (g_steal_pointer (&words), FALSE);
  action.limit_us =
      ts_vmm_scaled_us (vmm, MIN (ts_variant_int (order->fields, "limit", TS_VMM_SCRIPT_LIMIT_US),
                                  TS_VMM_SCRIPT_LIMIT_US));
  TsRecord *record = ts_record_new (0, vmm->setup->name, "script");
  ts_record_text (record, "vmm", vmm->setup->name);
  ts_record_text (record, "id", order->id);
  ts_record_text (record, "path", action.path);
  ts_vmm_report (vmm, ts_record_text (record, "phase", "begun"));
  g_array_append_val (vmm->out, action);
}

void
ts_vmm_orders_script_done (TsVmm *vmm, const TsVmmEvent *event)
{
  TsVmmOrder *order = find (vmm, event->script.id);
  if (!order || order->ended)
    return;
  const char *complaint = event->script.complaint ? event->script.complaint : "";
  ts_fields_set_text (order->output, "output", event->script.output ? event->script.output : "");
  gint64 code = 0;
  g_autofree char *reason = NULL;
  if (event->script.missing) {
    code = TS_SITE_SCRIPT_MISSING;
    reason = g_strdup_printf ("there is no script %s in the library of %s",
                              ts_variant_text (order->fields, "path", ""), vmm->setup->name);
  } else if (event->script.killed) {
    code = TS_SITE_SCRIPT_HANGS;
    reason = g_strdup ("the script was still running at its limit, and was killed");
  } else if (*complaint || event->script.exit_status != 0) { /* HVR 4.5: anything on STDERR */
    code = TS_SITE_SCRIPT_FAILED;
    reason = *complaint ? g_strdup (complaint)
                        : g_strdup_printf ("exit status %d", event->script.exit_status);
  }
  TsRecord *record = ts_record_new (0, vmm->setup->name, "script");
  ts_record_text (record, "vmm", vmm->setup->name);
  ts_record_text (record, "id", order->id);
  ts_record_text (record, "path", ts_variant_text (order->fields, "path", ""));
  ts_record_text (record, "phase", code == 0 ? "done" : "failed");
  ts_vmm_report (vmm, ts_record_text (record, "reason", reason ? reason : ""));
  end (vmm, order, code, reason ? reason : "");
}

/* --- all -------------------------------------------------------------------------------------- */

static const struct {
  const char *verb;
  void (*go_on) (TsVmm *vmm, TsVmmOrder *order);
} verbs[] = {
    {"place", go_on_place},        {"configure", go_on_configure}, {"relate", go_on_machine},
    {"ask", go_on_ask},            {"shut-down", go_on_machine},   {"wait", go_on_wait},
    {"make-network", go_on_make_network}, {"drop-network", go_on_drop_network},
    {"connect", go_on_machine},    {"delete", go_on_machine},      {"move", go_on_move},
          {"script", go_on_script},
};

static void
go_on (TsVmm *vmm, TsVmmOrder *order)
{
  if (g_str_equal (order->verb, "release")) {
    ts_vmm_release (vmm, ts_variant_text (order->fields, "item", ""));
    end (vmm, order, 0, "");
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i].verb, order->verb)) {
      verbs[i].go_on (vmm, order);
      return;
    }
  g_autofree char *reason = g_strdup_printf ("unknown order \"%.32s\"", order->verb);
  end (vmm, order, TS_SITE_FAILED, reason);
}

void
ts_vmm_orders_go_on (TsVmm *vmm)
{
  for (guint i = 0; i < vmm->orders->len; i++) {
    TsVmmOrder *order = vmm->orders->pdata[i];
    if (!order->ended)
      go_on (vmm, order);
  }
}

/* Where one waits for somebody who may not come, it is looked again each second or so. */
gint64
ts_vmm_orders_wake_us (const TsVmm *vmm)
{
  for (guint i = 0; i < vmm->orders->len; i++) {
    const TsVmmOrder *order = vmm->orders->pdata[i];
    if (order->ended || order->scripting)
      continue;
    const TsVmmHost *host = order->host ? ts_vmm_host (vmm, order->host) : NULL;
    if (!order->asked || (host && !host->connected) || order->pending)
      return vmm->now_us + ts_vmm_scaled_us (vmm, TS_S);
  }
  return TS_NEVER;
}

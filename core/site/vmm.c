/* core/site/vmm.c -- see vmm.h.  Here: the line to the vault, and what the hosts say. */
#include "core/base/ipv4.h"
#include "core/site/vmm-internal.h"

/* --- setup ------------------------------------------------------------------------------------ */

static void
cloud_free (gpointer data)
{
  TsVmmCloud *cloud = data;
  g_free (cloud->name);
  g_ptr_array_unref (cloud->hosts);
  g_free (cloud);
}

static void
network_free (gpointer data)
{
  TsVmmNetwork *network = data;
  g_free (network->name);
  g_free (network->logical);
  g_free (network);
}

TsVmmSetup *
ts_vmm_setup_new (const char *name, const char *server)
{
  TsVmmSetup *setup = g_new0 (TsVmmSetup, 1);
  setup->name = g_strdup (name);
  setup->server = g_strdup (server);
  setup->time_scale = 1;
  setup->clouds = g_ptr_array_new_with_free_func (cloud_free);
  setup->networks = g_ptr_array_new_with_free_func (network_free);
  setup->classifications = g_ptr_array_new_with_free_func (g_free);
  return setup;
}

void
ts_vmm_setup_free (TsVmmSetup *setup)
{
  if (!setup)
    return;
  g_free (setup->name);
  g_free (setup->server);
  g_free (setup->key);
  g_ptr_array_unref (setup->clouds);
  g_ptr_array_unref (setup->networks);
  g_ptr_array_unref (setup->classifications);
  g_free (setup);
}

TsVmmNetwork *
ts_vmm_setup_add_network (TsVmmSetup *setup, const char *name, const char *logical)
{
  TsVmmNetwork *network = g_new0 (TsVmmNetwork, 1);
  network->name = g_strdup (name);
  network->logical = g_strdup (logical ? logical : "");
  g_ptr_array_add (setup->networks, network);
  return network;
}

void
ts_vmm_setup_add_cloud (TsVmmSetup *setup, const char *name, const char *const *hosts)
{
  TsVmmCloud *cloud = g_new0 (TsVmmCloud, 1);
  cloud->name = g_strdup (name);
  cloud->hosts = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; hosts[i]; i++)
    g_ptr_array_add (cloud->hosts, g_strdup (hosts[i]));
  g_ptr_array_add (setup->clouds, cloud);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void
action_clear (gpointer data)
{
  TsVmmAction *action = data;
  g_free (action->key);
  g_clear_pointer (&action->value, g_variant_unref);
  g_free (action->host);
  g_free (action->path);
  g_strfreev (action->arguments);
  ts_record_free (action->record);
}

TsVmmActions *
ts_vmm_actions_new (void)
{
  GArray *actions = g_array_new (FALSE, TRUE, sizeof (TsVmmAction));
  g_array_set_clear_func (actions, action_clear);
  return actions;
}

void
ts_vmm_actions_free (TsVmmActions *actions)
{
  if (actions)
    g_array_unref (actions);
}

/* Rows first: all of a step's are durable before anything else of it is done. */
static void
add (TsVmm *vmm, TsVmmAction action)
{
  guint at = vmm->out->len;
  if (action.kind == TS_VMM_ACTION_PUT || action.kind == TS_VMM_ACTION_DELETE)
    for (at = 0; at < vmm->out->len; at++) {
      TsVmmActionKind kind = g_array_index (vmm->out, TsVmmAction, at).kind;
      if (kind != TS_VMM_ACTION_PUT && kind != TS_VMM_ACTION_DELETE)
        break;
    }
  g_array_insert_val (vmm->out, at, action);
}

void
ts_vmm_put (TsVmm *vmm, const char *table, const char *key, GVariant *value)
{
  TsVmmAction action = {.kind = TS_VMM_ACTION_PUT, .table = table};
  action.key = g_strdup (key);
  action.value = g_variant_ref_sink (value);
  add (vmm, action);
}

void
ts_vmm_delete (TsVmm *vmm, const char *table, const char *key)
{
  TsVmmAction action = {.kind = TS_VMM_ACTION_DELETE, .table = table, .key = g_strdup (key)};
  add (vmm, action);
}

void
ts_vmm_report (TsVmm *vmm, TsRecord *record)
{
  TsVmmAction action = {.kind = TS_VMM_ACTION_REPORT, .record = record};
  add (vmm, action);
}

void
ts_vmm_say (TsVmm *vmm, TsMessageKind kind, TsFields *fields)
{
  GVariant *message = g_variant_ref_sink (ts_message_new (kind, fields));
  if (vmm->line != TS_VMM_WELCOME && kind != TS_MESSAGE_HELLO) {
    g_variant_unref (message);
    return;
  }
  TsVmmAction action = {.kind = TS_VMM_ACTION_SEND, .value = message};
  add (vmm, action);
}

void
ts_vmm_ask (TsVmm *vmm, const char *host, gint64 number, const char *verb, TsFields *fields)
{
  TsFields *ask = ts_fields_new ();
  ts_fields_set_int (ask, "number", number);
  ts_fields_set_text (ask, "verb", verb);
  ts_fields_set (ask, "fields", ts_fields_end (fields ? fields : ts_fields_new ()));
  TsVmmAction action = {.kind = TS_VMM_ACTION_SEND_HOST, .host = g_strdup (host)};
  action.value = g_variant_ref_sink (ts_message_new (TS_MESSAGE_ASK, ask));
  add (vmm, action);
}

static void
report_line (TsVmm *vmm, const char *phase, const char *reason)
{
  TsRecord *record = ts_record_new (0, vmm->setup->name, "provider");
  ts_record_text (record, "vmm", vmm->setup->name);
  ts_record_text (record, "phase", phase);
  ts_vmm_report (vmm, ts_record_text (record, "reason", reason));
}

/* --- making ----------------------------------------------------------------------------------- */

static void
host_free (gpointer data)
{
  TsVmmHost *host = data;
  g_free (host->name);
  g_clear_pointer (&host->networks, g_variant_unref);
  g_clear_pointer (&host->classifications, g_variant_unref);
  g_ptr_array_unref (host->levels);
  g_free (host);
}

TsVmm *
ts_vmm_new (TsVmmSetup *setup)
{
  TsVmm *vmm = g_new0 (TsVmm, 1);
  vmm->setup = setup;
  vmm->next_number = 1;
  vmm->hosts = g_ptr_array_new_with_free_func (host_free);
  vmm->orders = g_ptr_array_new_with_free_func (ts_vmm_order_free);
  vmm->places = g_ptr_array_new_with_free_func (ts_vmm_place_free);
  vmm->stale = g_ptr_array_new_with_free_func (g_free);
  for (guint c = 0; c < setup->clouds->len; c++) {
    const TsVmmCloud *cloud = setup->clouds->pdata[c];
    for (guint h = 0; h < cloud->hosts->len; h++) {
      if (ts_vmm_host (vmm, cloud->hosts->pdata[h]))
        continue;
      TsVmmHost *host = g_new0 (TsVmmHost, 1);
      host->name = g_strdup (cloud->hosts->pdata[h]);
      host->levels = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_level_free);
      g_ptr_array_add (vmm->hosts, host);
    }
  }
  return vmm;
}

TsVmm *
ts_vmm_restore (TsVmmSetup *setup, const TsVmmRow *rows, guint count, GError **error)
{
  g_autoptr (TsVmm) vmm = ts_vmm_new (setup);
  for (guint i = 0; i < count; i++) {
    const TsVmmRow *row = &rows[i];
    gboolean fine = g_variant_is_of_type (row->value, G_VARIANT_TYPE_VARDICT);
    if (fine && g_str_equal (row->table, "self")) {
      gint64 version = ts_variant_int (row->value, "version", 0);
      if (version > TS_VMM_VERSION) {
        ts_throw (error, TS_ERROR_FORMAT,
                  "made by a newer version (%" G_GINT64_FORMAT "; this one knows %d)", version,
                  TS_VMM_VERSION);
        return NULL;
      }
      vmm->secret = g_strdup (ts_variant_text (row->value, "secret", NULL));
      vmm->next_number = ts_variant_int (row->value, "next", 1);
    } else if (fine && g_str_equal (row->table, "order")) {
      TsVmmOrder *order = ts_vmm_order_restore (row->key, row->value);
      fine = order != NULL;
      if (order)
        g_ptr_array_add (vmm->orders, order);
    } else if (fine && g_str_equal (row->table, "network")) {
      ts_vmm_setup_add_network (vmm->setup, row->key, ts_variant_text (row->value, "logical", ""))->made = TRUE;
    } else if (fine && g_str_equal (row->table, "place")) {
      TsVmmPlace *place = ts_vmm_place_restore (row->key, row->value);
      fine = place != NULL;
      if (place)
        g_ptr_array_add (vmm->places, place);
    } else
      fine = FALSE;
    if (!fine) {
      ts_throw (error, TS_ERROR_FORMAT, "row %s of table %s is none of a VMM server's", row->key,
                row->table);
      return NULL;
    }
  }
  return g_steal_pointer (&vmm);
}

void
ts_vmm_free (TsVmm *vmm)
{
  if (!vmm)
    return;
  ts_vmm_setup_free (vmm->setup);
  g_free (vmm->secret);
  g_ptr_array_unref (vmm->hosts);
  g_ptr_array_unref (vmm->orders);
  g_ptr_array_unref (vmm->places);
  g_ptr_array_unref (vmm->stale);
  g_clear_pointer (&vmm->inventory, g_variant_unref);
  g_free (vmm);
}

/* --- looking up ------------------------------------------------------------------------------- */

gint64
ts_vmm_scaled_us (const TsVmm *vmm, gint64 us)
{
  return us / vmm->setup->time_scale;
}

TsVmmHost *
ts_vmm_host (const TsVmm *vmm, const char *name)
{
  for (guint i = 0; i < vmm->hosts->len; i++)
    if (g_strcmp0 (((TsVmmHost *)vmm->hosts->pdata[i])->name, name) == 0)
      return vmm->hosts->pdata[i];
  return NULL;
}

TsLevel *
ts_vmm_level (const TsVmm *vmm, const char *vm, TsLevelRole role, const char *on)
{
  for (guint h = 0; h < vmm->hosts->len; h++) {
    const TsVmmHost *host = vmm->hosts->pdata[h];
    if (on && !g_str_equal (host->name, on))
      continue;
    for (guint i = 0; i < host->levels->len; i++) {
      TsLevel *level = host->levels->pdata[i];
      if (level->role == role && g_str_equal (level->vm, vm))
        return level;
    }
  }
  return NULL;
}

const TsVmmCloud *
ts_vmm_cloud (const TsVmm *vmm, const char *name)
{
  for (guint c = 0; c < vmm->setup->clouds->len; c++)
    if (g_strcmp0 (((TsVmmCloud *)vmm->setup->clouds->pdata[c])->name, name) == 0)
      return vmm->setup->clouds->pdata[c];
  return NULL;
}

const char *
ts_vmm_cloud_of (const TsVmm *vmm, const char *host)
{
  for (guint c = 0; c < vmm->setup->clouds->len; c++) {
    const TsVmmCloud *cloud = vmm->setup->clouds->pdata[c];
    if (g_ptr_array_find_with_equal_func (cloud->hosts, host, g_str_equal, NULL))
      return cloud->name;
  }
  return NULL;
}

gboolean
ts_vmm_registered (const TsVmm *vmm)
{
  return vmm->line == TS_VMM_WELCOME;
}

/* --- what it tells the vault ------------------------------------------------------------------ */

static GVariant *
list_of_names (const GPtrArray *names)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < names->len; i++) {
    TsFields *one = ts_fields_new ();
    ts_fields_set_text (one, "name", names->pdata[i]);
    ts_list_add (&list, ts_fields_end (one));
  }
  return g_variant_builder_end (&list);
}

static GVariant *
list_of_networks (const TsVmm *vmm)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < vmm->setup->networks->len; i++) {
    const TsVmmNetwork *network = vmm->setup->networks->pdata[i];
    TsFields *one = ts_fields_new ();
    ts_fields_set_text (one, "name", network->name);
    ts_fields_set_text (one, "logical", network->logical);
    ts_fields_set_bool (one, "made", network->made);
    if (network->pool_from) {
      char from[TS_IPV4_TEXT_SIZE], to[TS_IPV4_TEXT_SIZE];
      ts_ipv4_format (network->pool_from, from);
      ts_ipv4_format (network->pool_to, to);
      g_autofree char *pool = g_strdup_printf ("%s-%s", from, to);
      ts_fields_set_text (one, "pool", pool);
    }
    ts_list_add (&list, ts_fields_end (one));
  }
  return g_variant_builder_end (&list);
}

static GVariant *
list_of_logicals (const TsVmm *vmm)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (guint i = 0; i < vmm->setup->networks->len; i++) {
    const TsVmmNetwork *network = vmm->setup->networks->pdata[i];
    if (*network->logical &&
        !g_ptr_array_find_with_equal_func (names, network->logical, g_str_equal, NULL))
      g_ptr_array_add (names, network->logical);
  }
  return list_of_names (names);
}

static GVariant *
list_of_clouds (const TsVmm *vmm)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint c = 0; c < vmm->setup->clouds->len; c++) {
    const TsVmmCloud *cloud = vmm->setup->clouds->pdata[c];
    TsFields *one = ts_fields_new ();
    ts_fields_set_text (one, "name", cloud->name);
    ts_fields_set (one, "hosts", list_of_names (cloud->hosts));
    ts_list_add (&list, ts_fields_end (one));
  }
  return g_variant_builder_end (&list);
}

static GVariant *
list_of_hosts (const TsVmm *vmm)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint h = 0; h < vmm->hosts->len; h++) {
    const TsVmmHost *host = vmm->hosts->pdata[h];
    TsFields *one = ts_fields_new ();
    ts_fields_set_text (one, "name", host->name);
    ts_fields_set_bool (one, "connected", host->connected);
    ts_fields_set_int (one, "memory", host->memory_bytes);
    ts_fields_set_int (one, "storage", host->storage_bytes);
    ts_list_add (&list, ts_fields_end (one));
  }
  return g_variant_builder_end (&list);
}

/* The machines that can be protected, or are: where they run, not where they are copied to. */
static GVariant *
list_of_vms (const TsVmm *vmm)
{
  GVariantBuilder list;
  g_variant_builder_init (&list, G_VARIANT_TYPE ("av"));
  for (guint h = 0; h < vmm->hosts->len; h++) {
    const TsVmmHost *host = vmm->hosts->pdata[h];
    for (guint i = 0; i < host->levels->len; i++) {
      const TsLevel *level = host->levels->pdata[i];
      if (!level->exists || level->role == TS_LEVEL_REPLICA)
        continue;
      TsFields *one = ts_fields_new ();
      ts_fields_set_text (one, "name", level->vm);
      ts_fields_set_text (one, "id", level->id);
      ts_fields_set_text (one, "host", host->name);
      ts_fields_set_text (one, "cloud", ts_vmm_cloud_of (vmm, host->name));
      ts_fields_set_int (one, "memory", (gint64)level->memory_bytes);
      ts_fields_set_int (one, "disk", (gint64)level->disk_bytes);
      ts_fields_set_text (one, "network", level->network);
      ts_fields_set_text (one, "classification", level->classification);
      ts_fields_set_text (one, "address", level->address);
      ts_list_add (&list, ts_fields_end (one));
    }
  }
  return g_variant_builder_end (&list);
}

static void
tell_inventory (TsVmm *vmm, gboolean anew)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set (fields, "hosts", list_of_hosts (vmm));
  ts_fields_set (fields, "clouds", list_of_clouds (vmm));
  ts_fields_set (fields, "networks", list_of_networks (vmm));
  ts_fields_set (fields, "logicals", list_of_logicals (vmm));
  ts_fields_set (fields, "classifications", list_of_names (vmm->setup->classifications));
  ts_fields_set (fields, "vms", list_of_vms (vmm));
  g_autoptr (GVariant) now = g_variant_ref_sink (ts_fields_variant (fields));
  if (!anew && vmm->inventory && g_variant_equal (now, vmm->inventory)) {
    ts_fields_free (fields);
    return;
  }
  g_clear_pointer (&vmm->inventory, g_variant_unref);
  vmm->inventory = g_steal_pointer (&now);
  ts_vmm_say (vmm, TS_MESSAGE_INVENTORY, fields);
}

void
ts_vmm_tell_inventory (TsVmm *vmm)
{
  tell_inventory (vmm, FALSE);
}

static void
tell_levels (TsVmm *vmm, const GPtrArray *levels, gboolean full)
{
  GVariantBuilder items;
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < levels->len; i++)
    ts_list_add (&items, ts_level_variant (levels->pdata[i]));
  TsFields *fields = ts_fields_new ();
  ts_fields_set_bool (fields, "full", full);
  ts_fields_set (fields, "items", g_variant_builder_end (&items));
  ts_vmm_say (vmm, TS_MESSAGE_LEVELS, fields);
}

/* Never as a full list: hosts that have not told yet are not spoken for. */
static void
tell_all_levels (TsVmm *vmm)
{
  g_autoptr (GPtrArray) levels = g_ptr_array_new ();
  for (guint h = 0; h < vmm->hosts->len; h++) {
    const TsVmmHost *host = vmm->hosts->pdata[h];
    for (guint i = 0; i < host->levels->len; i++)
      g_ptr_array_add (levels, host->levels->pdata[i]);
  }
  tell_levels (vmm, levels, FALSE);
  g_ptr_array_set_size (vmm->stale, 0);
}

static void
tell_stale_levels (TsVmm *vmm)
{
  g_autoptr (GPtrArray) levels = g_ptr_array_new ();
  for (guint h = 0; h < vmm->hosts->len; h++) {
    const TsVmmHost *host = vmm->hosts->pdata[h];
    for (guint i = 0; i < host->levels->len; i++) {
      const TsLevel *level = host->levels->pdata[i];
      g_autofree char *name = g_strdup_printf ("%s\n%s", level->host, level->vm);
      if (g_ptr_array_find_with_equal_func (vmm->stale, name, g_str_equal, NULL))
        g_ptr_array_add (levels, host->levels->pdata[i]);
    }
  }
  g_ptr_array_set_size (vmm->stale, 0);
  if (levels->len > 0)
    tell_levels (vmm, levels, FALSE);
}

/* --- the line to the vault -------------------------------------------------------------------- */

static void
put_self (TsVmm *vmm)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "version", TS_VMM_VERSION);
  ts_fields_set_text (fields, "secret", vmm->secret);
  ts_fields_set_int (fields, "next", vmm->next_number);
  ts_vmm_put (vmm, "self", "self", ts_fields_end (fields));
}

static void
line_down (TsVmm *vmm, const char *reason, gboolean hang_up)
{
  if (hang_up) {
    TsVmmAction action = {.kind = TS_VMM_ACTION_DISCONNECT};
    add (vmm, action);
  }
  if (vmm->line == TS_VMM_WELCOME)
    report_line (vmm, "lost", reason);
  vmm->line = TS_VMM_AWAY;
  vmm->retry_us = vmm->now_us + ts_vmm_scaled_us (vmm, TS_VMM_RETRY_US);
}

static void
say_hello (TsVmm *vmm)
{
  vmm->line = TS_VMM_ASKING;
  vmm->heard_us = vmm->now_us;
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "name", vmm->setup->name);
  ts_fields_set_text (fields, "server", vmm->setup->server);
  ts_fields_set_text (fields, "key", vmm->secret || !vmm->setup->key ? "" : vmm->setup->key);
  ts_fields_set_text (fields, "secret", vmm->secret ? vmm->secret : "");
  ts_fields_set_int (fields, "clock", vmm->now_us);
  ts_fields_set_text (fields, "version", "5.1.19"); /* HVR 1.8 */
  ts_vmm_say (vmm, TS_MESSAGE_HELLO, fields);
}

static void
welcomed (TsVmm *vmm, GVariant *fields)
{
  const char *secret = ts_variant_text (fields, "secret", "");
  vmm->line = TS_VMM_WELCOME;
  vmm->beat_us = vmm->now_us + ts_vmm_scaled_us (vmm, TS_VMM_HEARTBEAT_US);
  if (*secret && g_strcmp0 (secret, vmm->secret) != 0) {
    g_free (vmm->secret);
    vmm->secret = g_strdup (secret);
    vmm->self_changed = TRUE;
  }
  report_line (vmm, "welcome", "");
  tell_inventory (vmm, TRUE);
  tell_all_levels (vmm);
  ts_vmm_orders_tell (vmm);
}

static void
turned_away (TsVmm *vmm, GVariant *fields)
{
  gint64 code = ts_variant_int (fields, "code", 0);
  report_line (vmm, "refused", ts_variant_text (fields, "reason", ""));
  vmm->turned_away = code == TS_SITE_FOREIGN_KEY || code == TS_SITE_EXPIRED_KEY ||
                     code == TS_SITE_NAME_TAKEN;
  line_down (vmm, "refused", TRUE);
}

static void
hear_vault (TsVmm *vmm, GVariant *message)
{
  TsMessageKind kind;
  g_autoptr (GVariant) fields = NULL;
  g_autoptr (GError) error = NULL;
  if (vmm->line < TS_VMM_ASKING)
    return;
  if (!ts_message_open (message, &kind, &fields, &error)) {
    line_down (vmm, error->message, TRUE);
    return;
  }
  vmm->heard_us = vmm->now_us;
  if (kind == TS_MESSAGE_WELCOME && vmm->line == TS_VMM_ASKING)
    welcomed (vmm, fields);
  else if (kind == TS_MESSAGE_REFUSED)
    turned_away (vmm, fields);
  else if (vmm->line != TS_VMM_WELCOME)
    line_down (vmm, "the vault does not keep to the order of messages", TRUE);
  else if (kind == TS_MESSAGE_ORDER)
    ts_vmm_order_take (vmm, fields);
  else if (kind == TS_MESSAGE_CONFIRM)
    ts_vmm_order_confirm (vmm, ts_variant_text (fields, "id", ""));
  else if (kind == TS_MESSAGE_REFRESH) {
    tell_inventory (vmm, TRUE);
    tell_all_levels (vmm);
  }
}

static void
tick (TsVmm *vmm)
{
  if (vmm->line == TS_VMM_AWAY && !vmm->turned_away && vmm->now_us >= vmm->retry_us &&
      (vmm->secret || vmm->setup->key)) {
    vmm->line = TS_VMM_CONNECTING;
    vmm->heard_us = vmm->now_us;
    TsVmmAction action = {.kind = TS_VMM_ACTION_CONNECT};
    add (vmm, action);
  }
  if (vmm->line != TS_VMM_AWAY &&
      vmm->now_us >= vmm->heard_us + ts_vmm_scaled_us (vmm, TS_VMM_SILENCE_US))
    line_down (vmm, "the vault is silent", TRUE);
  if (vmm->line == TS_VMM_WELCOME && vmm->now_us >= vmm->beat_us) {
    vmm->beat_us = vmm->now_us + ts_vmm_scaled_us (vmm, TS_VMM_HEARTBEAT_US);
    TsFields *fields = ts_fields_new ();
    ts_fields_set_int (fields, "clock", vmm->now_us);
    ts_vmm_say (vmm, TS_MESSAGE_HEARTBEAT, fields);
    tell_stale_levels (vmm);
  }
}

/* --- what hosts say --------------------------------------------------------------------------- */

static void
take_level (TsVmm *vmm, TsVmmHost *host, TsLevel *level, GPtrArray *changed)
{
  for (guint i = 0; i < host->levels->len; i++) {
    const TsLevel *old = host->levels->pdata[i];
    if (!g_str_equal (old->vm, level->vm))
      continue;
    if (!ts_level_same_state (old, level) || old->percent != level->percent)
      g_ptr_array_add (changed, level);
    else {
      char *name = g_strdup_printf ("%s\n%s", level->host, level->vm);
      if (g_ptr_array_find_with_equal_func (vmm->stale, name, g_str_equal, NULL))
        g_free (name);
      else
        g_ptr_array_add (vmm->stale, name);
    }
    ts_level_free (host->levels->pdata[i]);
    host->levels->pdata[i] = level;
    return;
  }
  g_ptr_array_add (host->levels, level);
  g_ptr_array_add (changed, level);
}

/* What a full list does not name is not there any more: told as a machine that does not exist. */
static void
drop_unnamed (TsVmmHost *host, const GPtrArray *named, GPtrArray *gone)
{
  for (guint i = host->levels->len; i > 0; i--) {
    TsLevel *level = host->levels->pdata[i - 1];
    if (g_ptr_array_find_with_equal_func ((GPtrArray *)named, level->vm, g_str_equal, NULL))
      continue;
    TsLevel *none = ts_level_new (level->vm, level->id, level->host);
    g_ptr_array_add (gone, none);
    g_ptr_array_remove_index (host->levels, i - 1);
  }
}

static void
hear_levels (TsVmm *vmm, TsVmmHost *host, GVariant *fields)
{
  gboolean full = ts_variant_bool (fields, "full", FALSE);
  g_autoptr (GVariant) items = ts_variant_list (fields, "items");
  g_autoptr (GPtrArray) changed = g_ptr_array_new ();
  g_autoptr (GPtrArray) named = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func ((GDestroyNotify)ts_level_free);
  for (gsize i = 0; i < ts_variant_count (items); i++) {
    g_autoptr (GVariant) item = ts_variant_entry (items, i);
    g_autoptr (GError) error = NULL;
    TsLevel *level = ts_level_parse (item, &error);
    if (!level)
      continue;
    g_free (level->host); /* it speaks for itself alone */
    level->host = g_strdup (host->name);
    g_ptr_array_add (named, g_strdup (level->vm));
    take_level (vmm, host, level, changed);
  }
  if (full)
    drop_unnamed (host, named, gone);
  host->known |= full;
  for (guint i = 0; i < gone->len; i++)
    g_ptr_array_add (changed, gone->pdata[i]);
  if (changed->len > 0)
    tell_levels (vmm, changed, FALSE);
  tell_inventory (vmm, FALSE);
}

static void
hear_host (TsVmm *vmm, TsVmmHost *host, GVariant *message)
{
  TsMessageKind kind;
  g_autoptr (GVariant) fields = NULL;
  if (!host->connected || !ts_message_open (message, &kind, &fields, NULL))
    return;
  if (kind == TS_MESSAGE_HOST) {
    host->memory_bytes = ts_variant_int (fields, "memory", 0);
    host->storage_bytes = ts_variant_int (fields, "storage", 0);
    g_clear_pointer (&host->networks, g_variant_unref);
    g_clear_pointer (&host->classifications, g_variant_unref);
    host->networks = g_variant_lookup_value (fields, "networks", G_VARIANT_TYPE ("as"));
    host->classifications = ts_variant_list (fields, "classifications");
    tell_inventory (vmm, FALSE);
  } else if (kind == TS_MESSAGE_LEVELS)
    hear_levels (vmm, host, fields);
  else if (kind == TS_MESSAGE_SAID)
    ts_vmm_orders_said (vmm, host->name, fields);
}

static void
host_line (TsVmm *vmm, TsVmmHost *host, gboolean up)
{
  if (host->connected && !up)
    host->lost_us = vmm->now_us;
  host->connected = up;
  host->known = FALSE;
  TsRecord *record = ts_record_new (0, vmm->setup->name, "agent");
  ts_record_text (record, "vmm", vmm->setup->name);
  ts_record_text (record, "host", host->name);
  ts_vmm_report (vmm, ts_record_bool (record, "connected", up));
  if (up) {
    TsVmmAction action = {.kind = TS_VMM_ACTION_SEND_HOST, .host = g_strdup (host->name)};
    action.value = g_variant_ref_sink (ts_message_new (TS_MESSAGE_LOOK, NULL));
    add (vmm, action);
    ts_vmm_orders_host_connected (vmm, host->name);
  }
  tell_inventory (vmm, FALSE);
}

/* --- all -------------------------------------------------------------------------------------- */

void
ts_vmm_step (TsVmm *vmm, const TsVmmEvent *event, TsVmmActions *out)
{
  vmm->now_us = event->now_us;
  vmm->out = out;
  vmm->self_changed = FALSE;
  TsVmmHost *host = event->host ? ts_vmm_host (vmm, event->host) : NULL;
  switch (event->kind) {
  case TS_VMM_EVENT_TICK:
    for (guint h = 0; vmm->retry_us == 0 && h < vmm->hosts->len; h++)
      ((TsVmmHost *)vmm->hosts->pdata[h])->lost_us = vmm->now_us; /* the first one of this life */
    if (vmm->retry_us == 0)
      vmm->retry_us = vmm->now_us;
    break;
  case TS_VMM_EVENT_CONNECTED:
    if (vmm->line == TS_VMM_CONNECTING)
      say_hello (vmm);
    break;
  case TS_VMM_EVENT_LOST:
    if (vmm->line != TS_VMM_AWAY)
      line_down (vmm, "the connection is gone", FALSE);
    break;
  case TS_VMM_EVENT_MESSAGE:
    hear_vault (vmm, event->message);
    break;
  case TS_VMM_EVENT_HOST_CONNECTED:
    if (host)
      host_line (vmm, host, TRUE);
    break;
  case TS_VMM_EVENT_HOST_LOST:
    if (host)
      host_line (vmm, host, FALSE);
    break;
  case TS_VMM_EVENT_HOST_MESSAGE:
    if (host)
      hear_host (vmm, host, event->message);
    break;
  case TS_VMM_EVENT_SCRIPT_DONE:
    ts_vmm_orders_script_done (vmm, event);
    break;
  }
  tick (vmm);
  ts_vmm_orders_go_on (vmm);
  if (vmm->self_changed)
    put_self (vmm);
  vmm->out = NULL;
}

gint64
ts_vmm_wake_us (const TsVmm *vmm)
{
  gint64 wake_us = ts_vmm_orders_wake_us (vmm);
  if (vmm->line == TS_VMM_AWAY)
    return vmm->turned_away || !(vmm->secret || vmm->setup->key) ? wake_us
                                                                 : MIN (wake_us, vmm->retry_us);
  wake_us = MIN (wake_us, vmm->heard_us + ts_vmm_scaled_us (vmm, TS_VMM_SILENCE_US));
  return vmm->line == TS_VMM_WELCOME ? MIN (wake_us, vmm->beat_us) : wake_us;
}

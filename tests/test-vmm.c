/* tests/test-vmm.c -- a VMM server as a machine: where replicas go, orders that are carried out once,
 * scripts.  Vault and hosts are played by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/site/vmm.h"

typedef struct {
  TsVmm *vmm;
  gint64 now_us;
  GPtrArray *rows;  /* Row */
  GPtrArray *said;  /* GVariant: to the vault */
  GPtrArray *asked; /* GVariant: to hosts */
  char *script, *path;
  gint64 limit_us;
} Fixture;

typedef struct {
  char *table, *key;
  GVariant *value;
} Row;

static void
row_free (gpointer data)
{
  Row *row = data;
  g_free (row->table);
  g_free (row->key);
  g_variant_unref (row->value);
  g_free (row);
}

static void
store (Fixture *f, const TsVmmAction *action)
{
  for (guint i = 0; i < f->rows->len; i++) {
    Row *row = f->rows->pdata[i];
    if (g_str_equal (row->table, action->table) && g_str_equal (row->key, action->key)) {
      g_ptr_array_remove_index (f->rows, i);
      break;
    }
  }
  if (action->kind == TS_VMM_ACTION_DELETE)
    return;
  Row *row = g_new0 (Row, 1);
  row->table = g_strdup (action->table);
  row->key = g_strdup (action->key);
  row->value = g_variant_ref (action->value);
  g_ptr_array_add (f->rows, row);
}

static void
step (Fixture *f, TsVmmEvent *event)
{
  g_autoptr (TsVmmActions) out = ts_vmm_actions_new ();
  event->now_us = f->now_us;
  ts_vmm_step (f->vmm, event, out);
  gboolean rows_over = FALSE;
  for (guint i = 0; i < out->len; i++) {
    const TsVmmAction *action = &g_array_index (out, TsVmmAction, i);
    gboolean row = action->kind == TS_VMM_ACTION_PUT || action->kind == TS_VMM_ACTION_DELETE;
    assert_false (row && rows_over);
    rows_over |= !row;
    if (row)
      store (f, action);
    else if (action->kind == TS_VMM_ACTION_SEND)
      g_ptr_array_add (f->said, g_variant_ref (action->value));
    else if (action->kind == TS_VMM_ACTION_SEND_HOST)
      g_ptr_array_add (f->asked, g_variant_ref (action->value));
    else if (action->kind == TS_VMM_ACTION_RUN_SCRIPT) {
      g_free (f->script);
      g_free (f->path);
      f->script = g_strdup (action->key);
      f->path = g_strdup (action->path);
      f->limit_us = action->limit_us;
    }
  }
}

static void
hear (Fixture *f, TsMessageKind kind, TsFields *fields)
{
  g_autoptr (GVariant) message = g_variant_ref_sink (ts_message_new (kind, fields));
  TsVmmEvent event = {.kind = TS_VMM_EVENT_MESSAGE, .message = message};
  step (f, &event);
}

static void
hear_host (Fixture *f, const char *host, TsMessageKind kind, TsFields *fields)
{
  g_autoptr (GVariant) message = g_variant_ref_sink (ts_message_new (kind, fields));
  TsVmmEvent event = {.kind = TS_VMM_EVENT_HOST_MESSAGE, .host = host, .message = message};
  step (f, &event);
}

static void
tick (Fixture *f, gint64 later_us)
{
  f->now_us += later_us;
  TsVmmEvent event = {.kind = TS_VMM_EVENT_TICK};
  step (f, &event);
}

static TsVmmSetup *
setup_of (void)
{
  static const char *const hosts[] = {"h1", "h2", "h3", NULL};
  TsVmmSetup *setup = ts_vmm_setup_new ("vb", "server-b");
  setup->key = g_strdup ("key");
  ts_vmm_setup_add_cloud (setup, "cb", hosts);
  return setup;
}

static void
welcome (Fixture *f)
{
  tick (f, 0);
  TsVmmEvent connected = {.kind = TS_VMM_EVENT_CONNECTED};
  step (f, &connected);
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "vault", "v");
  ts_fields_set_text (fields, "secret", "secret");
  ts_fields_set_int (fields, "clock", f->now_us);
  hear (f, TS_MESSAGE_WELCOME, fields);
  assert_true (ts_vmm_registered (f->vmm));
}

static void
host_up (Fixture *f, const char *name, gint64 memory, gint64 storage, const char *network,
         const char *classification)
{
  TsVmmEvent event = {.kind = TS_VMM_EVENT_HOST_CONNECTED, .host = name};
  step (f, &event);
  GVariantBuilder networks, storages, none;
  g_variant_builder_init (&networks, G_VARIANT_TYPE ("as"));
  g_variant_builder_init (&storages, G_VARIANT_TYPE ("av"));
  g_variant_builder_init (&none, G_VARIANT_TYPE ("av"));
  if (network)
    g_variant_builder_add (&networks, "s", network);
  if (classification) {
    TsFields *one = ts_fields_new ();
    ts_fields_set_text (one, "name", classification);
    ts_list_add (&storages, ts_fields_end (one));
  }
  TsFields *fields = ts_fields_new ();
  ts_fields_set_int (fields, "memory", memory);
  ts_fields_set_int (fields, "storage", storage);
  ts_fields_set (fields, "networks", g_variant_builder_end (&networks));
  ts_fields_set (fields, "classifications", g_variant_builder_end (&storages));
  hear_host (f, name, TS_MESSAGE_HOST, fields);
  fields = ts_fields_new ();
  ts_fields_set_bool (fields, "full", TRUE);
  ts_fields_set (fields, "items", g_variant_builder_end (&none));
  hear_host (f, name, TS_MESSAGE_LEVELS, fields);
}

static void
level (Fixture *f, const char *host, const char *vm, TsLevelRole role, TsState state, gboolean on)
{
  g_autoptr (TsLevel) one = ts_level_new (vm, vm, host);
  one->role = role;
  one->state = state;
  one->on = one->exists = on;
  GVariantBuilder items;
  g_variant_builder_init (&items, G_VARIANT_TYPE ("av"));
  ts_list_add (&items, ts_level_variant (one));
  TsFields *fields = ts_fields_new ();
  ts_fields_set_bool (fields, "full", FALSE);
  ts_fields_set (fields, "items", g_variant_builder_end (&items));
  hear_host (f, host, TS_MESSAGE_LEVELS, fields);
}

static void
order (Fixture *f, const char *id, const char *verb, TsFields *fields)
{
  TsFields *said = ts_fields_new ();
  ts_fields_set_text (said, "id", id);
  ts_fields_set_text (said, "verb", verb);
  ts_fields_set (said, "fields", ts_fields_end (fields));
  hear (f, TS_MESSAGE_ORDER, said);
}

/* The results of that order so far; the last one's fields in *last (the caller's), if it is not NULL. */
static guint
results (Fixture *f, const char *id, GVariant **last)
{
  guint count = 0;
  for (guint i = 0; i < f->said->len; i++) {
    TsMessageKind kind;
    g_autoptr (GVariant) fields = NULL;
    if (!ts_message_open (f->said->pdata[i], &kind, &fields, NULL) || kind != TS_MESSAGE_RESULT ||
        !g_str_equal (ts_variant_text (fields, "id", ""), id))
      continue;
    count++;
    if (last) {
      g_clear_pointer (last, g_variant_unref);
      *last = g_variant_ref (fields);
    }
  }
  return count;
}

static guint
asks (Fixture *f)
{
  guint count = 0;
  for (guint i = 0; i < f->asked->len; i++) {
    TsMessageKind kind;
    g_autoptr (GVariant) fields = NULL;
    count += ts_message_open (f->asked->pdata[i], &kind, &fields, NULL) && kind == TS_MESSAGE_ASK ? 1 : 0;
  }
  return count;
}

static gint64
last_number (Fixture *f)
{
  gint64 number = 0;
  for (guint i = 0; i < f->asked->len; i++) {
    TsMessageKind kind;
    g_autoptr (GVariant) fields = NULL;
    if (ts_message_open (f->asked->pdata[i], &kind, &fields, NULL) && kind == TS_MESSAGE_ASK)
      number = ts_variant_int (fields, "number", 0);
  }
  return number;
}

static int
setup (void **state)
{
  Fixture *f = g_new0 (Fixture, 1);
  f->vmm = ts_vmm_new (setup_of ());
  f->now_us = 1000 * TS_S;
  f->rows = g_ptr_array_new_with_free_func (row_free);
  f->said = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  f->asked = g_ptr_array_new_with_free_func ((GDestroyNotify)g_variant_unref);
  *state = f;
  return 0;
}

static int
teardown (void **state)
{
  Fixture *f = *state;
  ts_vmm_free (f->vmm);
  g_ptr_array_unref (f->rows);
  g_ptr_array_unref (f->said);
  g_ptr_array_unref (f->asked);
  g_free (f->script);
  g_free (f->path);
  g_free (f);
  return 0;
}

/* --- placement -------------------------------------------------------------------------------- */

static TsFields *
wanted (const char *item, gint64 memory, gint64 disk, const char *host)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "item", item);
  ts_fields_set_text (fields, "vm", item);
  ts_fields_set_int (fields, "memory", memory);
  ts_fields_set_int (fields, "disk", disk);
  ts_fields_set_text (fields, "cloud", "cb");
  ts_fields_set_text (fields, "network", "lan");
  ts_fields_set_text (fields, "classification", "fast");
  ts_fields_set_text (fields, "host", host);
  return fields;
}

static void
a_replica_goes_where_network_and_storage_are (void **state)
{
  Fixture *f = *state;
  welcome (f);
  host_up (f, "h1", 100, 1000, NULL, NULL);   /* the most storage, and neither of both */
  host_up (f, "h2", 100, 500, "lan", NULL);   /* its network */
  host_up (f, "h3", 100, 100, "lan", "fast"); /* both, and little room */
  const struct {
    const char *what, *item;
    gint64 memory, disk;
    const char *host, *want_host, *want_network, *want_storage;
  } rows[] = {
      {"both mappings count most", "a", 40, 60, "", "h3", "lan", "fast"},
      {"the same item keeps its place", "a", 40, 60, "", "h3", "lan", "fast"},
      {"then room: the network's host", "b", 40, 60, "", "h2", "lan", ""},
      {"a wish counts", "c", 40, 60, "h1", "h1", "", ""},
      {"what is promised is used", "d", 70, 10, "h1", NULL, NULL, NULL},
      {"memory for one more", "e", 60, 10, "h1", "h1", "", ""},
      {"nobody has so much storage", "f", 1, 5000, "", NULL, NULL, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *id = g_strdup_printf ("o%u", i);
    g_autoptr (GVariant) result = NULL;
    order (f, id, "place", wanted (rows[i].item, rows[i].memory, rows[i].disk, rows[i].host));
    tick (f, 11 * TS_S);
    assert_int_equal (results (f, id, &result), 1);
    g_autoptr (GVariant) output = ts_variant_dict (result, "output");
    if (!rows[i].want_host) {
      assert_int_equal (ts_variant_int (result, "code", 0), TS_SITE_NO_PLACE);
      continue;
    }
    if (g_strcmp0 (ts_variant_text (output, "host", NULL), rows[i].want_host) != 0 ||
        g_strcmp0 (ts_variant_text (output, "network", NULL), rows[i].want_network) != 0 ||
        g_strcmp0 (ts_variant_text (output, "classification", NULL), rows[i].want_storage) != 0)
      fail_msg ("%s: on %s", rows[i].what, ts_variant_text (output, "host", "nowhere"));
  }
}

/* --- orders ----------------------------------------------------------------------------------- */

static TsFields *
fail_it_over (void)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "vm", "app");
  ts_fields_set_text (fields, "role", "replica");
  ts_fields_set_text (fields, "ask", "failover");
  return fields;
}

static void
restart (Fixture *f)
{
  g_autofree TsVmmRow *rows = g_new0 (TsVmmRow, f->rows->len + 1);
  for (guint i = 0; i < f->rows->len; i++) {
    const Row *row = f->rows->pdata[i];
    rows[i] = (TsVmmRow){row->table, row->key, row->value};
  }
  g_autoptr (GError) error = NULL;
  TsVmm *again = ts_vmm_restore (setup_of (), rows, f->rows->len, &error);
  assert_null (error);
  ts_vmm_free (f->vmm);
  f->vmm = again;
}

static void
an_order_ends_when_its_level_is_reached (void **state)
{
  Fixture *f = *state;
  welcome (f);
  host_up (f, "h1", 100, 1000, NULL, NULL);
  host_up (f, "h2", 100, 1000, NULL, NULL);
  host_up (f, "h3", 100, 1000, NULL, NULL);
  level (f, "h1", "app", TS_LEVEL_REPLICA, TS_STATE_REPLICATING, FALSE);
  order (f, "o1", "ask", fail_it_over ());
  assert_int_equal (asks (f), 1);
  order (f, "o1", "ask", fail_it_over ()); /* said twice */
  assert_int_equal (asks (f), 1);
  assert_int_equal (results (f, "o1", NULL), 0);
  level (f, "h1", "app", TS_LEVEL_REPLICA, TS_STATE_RECOVERED, FALSE);
  assert_int_equal (results (f, "o1", NULL), 1);
  order (f, "o1", "ask", fail_it_over ()); /* and once more: what came of it */
  assert_int_equal (results (f, "o1", NULL), 2);
  assert_int_equal (asks (f), 1);
  TsFields *confirm = ts_fields_new ();
  ts_fields_set_text (confirm, "id", "o1");
  hear (f, TS_MESSAGE_CONFIRM, confirm);
  for (guint i = 0; i < f->rows->len; i++)
    assert_string_not_equal (((Row *)f->rows->pdata[i])->table, "order");
}

static TsFields *
move_to (const char *host)
{
  TsFields *fields = ts_fields_new ();
  ts_fields_set_text (fields, "vm", "app");
  ts_fields_set_text (fields, "role", "replica");
  ts_fields_set_text (fields, "to", host);
  return fields;
}

/* Asked of the host on which it is; done when it is on the other one, whoever says so. */
static void
a_machine_moves_within_its_cloud (void **state)
{
  Fixture *f = *state;
  welcome (f);
  host_up (f, "h1", 100, 1000, NULL, NULL);
  host_up (f, "h2", 100, 1000, NULL, NULL);
  host_up (f, "h3", 100, 1000, NULL, NULL);
  level (f, "h1", "app", TS_LEVEL_REPLICA, TS_STATE_REPLICATING, FALSE);
  order (f, "o1", "move", move_to ("elsewhere"));
  assert_int_equal (results (f, "o1", NULL), 1);
  assert_int_equal (asks (f), 0);
  order (f, "o2", "move", move_to ("h2"));
  assert_int_equal (asks (f), 1);
  level (f, "h1", "app", TS_LEVEL_NONE, TS_STATE_DISABLED, FALSE); /* on its way */
  tick (f, TS_S);
  assert_int_equal (results (f, "o2", NULL), 0);
  level (f, "h2", "app", TS_LEVEL_REPLICA, TS_STATE_REPLICATING, FALSE);
  assert_int_equal (results (f, "o2", NULL), 1);
  order (f, "o3", "move", move_to ("h2")); /* there already */
  assert_int_equal (results (f, "o3", NULL), 1);
  assert_int_equal (asks (f), 1);
}

static void
a_server_that_comes_back_asks_under_the_same_number (void **state)
{
  Fixture *f = *state;
  welcome (f);
  host_up (f, "h1", 100, 1000, NULL, NULL);
  level (f, "h1", "app", TS_LEVEL_REPLICA, TS_STATE_REPLICATING, FALSE);
  order (f, "o1", "ask", fail_it_over ());
  gint64 number = last_number (f);
  assert_true (number > 0);
  restart (f);
  welcome (f);
  host_up (f, "h1", 100, 1000, NULL, NULL);
  level (f, "h1", "app", TS_LEVEL_REPLICA, TS_STATE_REPLICATING, FALSE);
  assert_int_equal (asks (f), 2);
  assert_int_equal (last_number (f), number);
  restart (f); /* it was carried out while nobody listened */
  welcome (f);
  host_up (f, "h1", 100, 1000, NULL, NULL);
  level (f, "h1", "app", TS_LEVEL_REPLICA, TS_STATE_RECOVERED, FALSE);
  assert_int_equal (asks (f), 2);
  assert_int_equal (results (f, "o1", NULL), 1);
}

static void
a_host_that_refuses_or_is_gone (void **state)
{
  Fixture *f = *state;
  g_autoptr (GVariant) result = NULL;
  welcome (f);
  host_up (f, "h1", 100, 1000, NULL, NULL);
  level (f, "h1", "app", TS_LEVEL_REPLICA, TS_STATE_INITIAL, FALSE);
  order (f, "o1", "ask", fail_it_over ());
  TsFields *said = ts_fields_new ();
  ts_fields_set_int (said, "number", last_number (f));
  ts_fields_set_bool (said, "ok", FALSE);
  ts_fields_set_int (said, "code", TS_SITE_HOST_REFUSED);
  ts_fields_set_text (said, "reason", "not now");
  hear_host (f, "h1", TS_MESSAGE_SAID, said);
  assert_int_equal (results (f, "o1", &result), 1);
  assert_int_equal (ts_variant_int (result, "code", 0), TS_SITE_HOST_REFUSED);
  assert_string_equal (ts_variant_text (result, "reason", ""), "not now");

  order (f, "o2", "ask", fail_it_over ()); /* asked, then the host is gone: it is waited for */
  TsVmmEvent lost = {.kind = TS_VMM_EVENT_HOST_LOST, .host = "h1"};
  step (f, &lost);
  tick (f, TS_VMM_HOST_WAIT_US - TS_S);
  assert_int_equal (results (f, "o2", NULL), 0);
  tick (f, 2 * TS_S);
  g_autoptr (GVariant) late = NULL;
  f->said->len > 0 ? (void)0 : fail ();
  results (f, "o2", &late);
  restart (f);
  welcome (f); /* whatever happened to the line meanwhile */
  assert_true (results (f, "o2", &late) >= 1);
  assert_int_equal (ts_variant_int (late, "code", 0), TS_SITE_HOST_DOWN);
}

/* --- scripts ---------------------------------------------------------------------------------- */

static void
what_a_script_came_to (void **state)
{
  Fixture *f = *state;
  welcome (f);
  const struct {
    const char *what;
    gint exit_status;
    gboolean missing, killed;
    const char *complaint;
    gint64 code;
  } rows[] = {
      {"well", 0, FALSE, FALSE, "", 0},
      {"a word on standard error", 0, FALSE, FALSE, "oops", TS_SITE_SCRIPT_FAILED},
      {"a status", 3, FALSE, FALSE, "", TS_SITE_SCRIPT_FAILED},
      {"missing", 127, TRUE, FALSE, "", TS_SITE_SCRIPT_MISSING},
      {"killed at its limit", 0, FALSE, TRUE, "", TS_SITE_SCRIPT_HANGS},
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *id = g_strdup_printf ("s%u", i);
    g_autoptr (GVariant) result = NULL;
    TsFields *fields = ts_fields_new ();
    ts_fields_set_text (fields, "path", "warm-up");
    ts_fields_set_int (fields, "limit", 9999 * TS_S);
    order (f, id, "script", fields);
    assert_string_equal (f->script, id);
    assert_string_equal (f->path, "warm-up");
    assert_int_equal (f->limit_us, 600 * TS_S); /* HVR 4.5: at most */
    TsVmmEvent event = {.kind = TS_VMM_EVENT_SCRIPT_DONE};
    event.script.id = id;
    event.script.exit_status = rows[i].exit_status;
    event.script.missing = rows[i].missing;
    event.script.killed = rows[i].killed;
    event.script.output = "out";
    event.script.complaint = rows[i].complaint;
    step (f, &event);
    assert_int_equal (results (f, id, &result), 1);
    if (ts_variant_int (result, "code", -1) != rows[i].code)
      fail_msg ("%s: %" G_GINT64_FORMAT, rows[i].what, ts_variant_int (result, "code", -1));
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
      TEST (a_replica_goes_where_network_and_storage_are),
      TEST (an_order_ends_when_its_level_is_reached),
      TEST (a_machine_moves_within_its_cloud),
      TEST (a_server_that_comes_back_asks_under_the_same_number),
      TEST (a_host_that_refuses_or_is_gone),
      TEST (what_a_script_came_to),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

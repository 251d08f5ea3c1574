/* tests/test-sim-network.c -- networks of machines that fail over, are tested, and come home (HVR reference 1.6,
 * 4.4), asked for by requests as a client makes them, in a simulated world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/site/fields.h"
#include "scenarios/engine/scenario.h"
#include "sim/management.h"
#include "sim/world.h"

static const char text[] =
    "scenario: 1\n"
    "name: networks\n"
    "sites: {paris: {}, lyon: {}, azure: {}}\n"
    "hosts: {a: {site: paris}, b: {site: lyon}}\n"
    "vms:\n"
    "  db: {host: a, network: shop-a, address: 10.1.0.11, disks: {system: {size: 4MiB, fill: 1MiB}}}\n"
    "  web: {host: a, network: shop-a, address: 10.9.0.9, disks: {system: {size: 4MiB, fill: 1MiB}}}\n"
    "  app: {host: a, network: shop-a, address: 10.1.0.10, disks: {system: {size: 4MiB, fill: 1MiB}}}\n"
    "  free: {host: a, network: shop-a, disks: {system: {size: 4MiB, fill: 1MiB}}}\n"
    "links:\n"
    "  wan: {between: [paris, lyon], rate: 100Mbit/s, delay: 5ms}\n"
    "  up-a: {between: [paris, azure], rate: 10Mbit/s, delay: 5ms}\n"
    "  up-b: {between: [lyon, azure], rate: 10Mbit/s, delay: 5ms}\n"
    "policies: {gold: {frequency: 30s}}\n"
    "vault: {site: azure}\n"
    "vmms: {va: {site: paris}, vb: {site: lyon}}\n"
    "clouds: {ca: {vmm: va, hosts: [a], to: cb, policy: gold}, cb: {vmm: vb, hosts: [b]}}\n"
    "networks:\n"
    "  shop-a: {vmm: va, to: shop-b, logical: front-a}\n"
    "  spare-a: {vmm: va}\n"
    "  shop-b: {vmm: vb, logical: front-b, pool: 10.1.0.10-10.1.0.11}\n"
    "  spare-b: {vmm: vb}\n"
    "plans: {shop: {from: va, to: vb, groups: [{vms: [db]}, {vms: [web]}]}}\n"
    "steps:\n"
    "  - {id: p1, do: protect, vm: db, policy: gold}\n"
    "  - {id: p2, do: protect, vm: web, policy: gold}\n"
    "  - {id: away, do: failover, vm: db, kind: planned}\n"
    "  - {id: commit, do: commit, vm: db}\n"
    "  - {id: test, do: test_failover, plan: shop}\n"
    "  - {id: test-end, do: stop_test_failover, plan: shop}\n"
    "  - {id: p3, do: protect, vm: app, policy: gold}\n"
    "  - {id: p4, do: protect, vm: free, policy: gold}\n";

#define FA "replicationFabrics/va"
#define FB "replicationFabrics/vb"
#define ITEMS FA "/replicationProtectionContainers/ca/replicationProtectedItems/"
#define MAPPING FA "/replicationNetworks/shop-a/replicationNetworkMappings/shop-a-shop-b"

typedef struct {
  TsObserver base;
  const char *step;
  char *phase;
  guint status;
  GVariant *body;
} Seen;

typedef struct {
  TsScenario *scenario;
  TsWorld *world;
  Seen seen;
} Run;

static void
record (TsObserver *observer, const TsRecord *r)
{
  Seen *seen = (Seen *)observer;
  if (!g_str_equal (r->kind, "step") || seen->phase || g_strcmp0 (ts_record_get_text (r, "id"), seen->step) != 0)
    return;
  seen->phase = g_strdup (ts_record_get_text (r, "phase"));
  observer->stop = TRUE;
}

static void
ledger (TsObserver *observer, const TsLedgerEntry *entry)
{
}

static void
reply (TsObserver *observer, const TsVaultReply *said)
{
  Seen *seen = (Seen *)observer;
  seen->status = said->status;
  g_clear_pointer (&seen->body, g_variant_unref);
  seen->body = said->body ? g_variant_ref (said->body) : NULL;
  observer->stop = TRUE;
}

static void
pass (Run *run, gint64 us)
{
  const TsWorldOps *ops = ts_sim_world_ops ();
  gint64 until_us = ops->now_us (run->world) + us;
  while (ops->now_us (run->world) < until_us)
    ops->run_until (run->world, until_us, NULL);
}

/* Asks, and waits for what has begun by it. */
static guint
ask (Run *run, TsVaultMethod method, const char *path, const char *body)
{
  static guint64 id = G_GUINT64_CONSTANT (1) << 50;
  g_autoptr (GVariant) parsed =
      body ? g_variant_ref_sink (g_variant_parse (G_VARIANT_TYPE_VARDICT, body, NULL, NULL, NULL)) : NULL;
  TsVaultRequest request = {.id = ++id, .method = method, .path = path, .body = parsed};
  run->seen.status = 0;
  assert_true (ts_sim_world_request (run->world, &request, NULL));
  for (guint i = 0; i < 100 && run->seen.status == 0; i++)
    pass (run, 10 * TS_MS);
  guint status = run->seen.status;
  if (method != TS_VAULT_GET)
    pass (run, 20 * TS_S);
  return status;
}

/* A detail of an item. */
static char *
detail (Run *run, const char *vm, const char *name)
{
  g_autofree char *path = g_strconcat (ITEMS, vm, NULL);
  assert_int_equal (ask (run, TS_VAULT_GET, path, NULL), 200);
  g_autoptr (GVariant) properties = ts_variant_dict (run->seen.body, "properties");
  g_autoptr (GVariant) details = ts_variant_dict (properties, "providerSpecificDetails");
  return g_strdup (ts_variant_text (details, name, "(none)"));
}

static void
expect_detail (Run *run, const char *vm, const char *name, const char *wanted)
{
  g_autofree char *has = detail (run, vm, name);
  if (g_strcmp0 (has, wanted) != 0)
    fail_msg ("%s of %s is \"%s\", not \"%s\"", name, vm, has, wanted);
}

/* A field of the item's one network card. */
static void
expect_nic (Run *run, const char *vm, const char *name, const char *wanted)
{
  g_autofree char *path = g_strconcat (ITEMS, vm, NULL);
  assert_int_equal (ask (run, TS_VAULT_GET, path, NULL), 200);
  g_autoptr (GVariant) properties = ts_variant_dict (run->seen.body, "properties");
  g_autoptr (GVariant) details = ts_variant_dict (properties, "providerSpecificDetails");
  g_autoptr (GVariant) nics = ts_variant_list (details, "vmNics");
  g_autoptr (GVariant) nic = ts_variant_entry (nics, 0);
  const char *has = ts_variant_text (nic, name, "(none)");
  if (g_strcmp0 (has, wanted) != 0)
    fail_msg ("%s of %s is \"%s\", not \"%s\"", name, vm, has, wanted);
}

/* How many networks of the recovery site were made for a test. */
static guint
made (Run *run)
{
  guint count = 0;
  assert_int_equal (ask (run, TS_VAULT_GET, FB "/replicationNetworks", NULL), 200);
  g_autoptr (GVariant) list = ts_variant_list (run->seen.body, "value");
  for (gsize i = 0; i < ts_variant_count (list); i++) {
    g_autoptr (GVariant) one = ts_variant_entry (list, i);
    g_autoptr (GVariant) properties = ts_variant_dict (one, "properties");
    count += ts_variant_bool (properties, "madeForTest", FALSE);
  }
  return count;
}

static void
play (Run *run, guint step)
{
  const TsOrder *order = &ts_scenario_step (run->scenario, step)->order;
  const TsWorldOps *ops = ts_sim_world_ops ();
  g_clear_pointer (&run->seen.phase, g_free);
  run->seen.step = order->step;
  assert_true (ops->order (run->world, order, NULL));
  gint64 limit_us = ops->now_us (run->world) + 10 * TS_MIN;
  while (!run->seen.phase && ops->now_us (run->world) < limit_us)
    ops->run_until (run->world, limit_us, NULL);
  assert_string_equal (run->seen.phase ? run->seen.phase : "no end", "done");
}

static int
setup (void **state)
{
  Run *run = g_new0 (Run, 1);
  g_autoptr (TsProblems) problems = ts_problems_new ("networks");
  run->scenario = ts_scenario_parse ("networks.yaml", text, sizeof text - 1, NULL, problems);
  if (!run->scenario)
    return -1;
  run->seen = (Seen){.base = {.record = record, .ledger = ledger, .reply = reply}};
  TsWorldOptions options = {.limit_us = 10 * TS_HOUR};
  run->world = ts_sim_world_ops ()->start (run->scenario->topology, &options, &run->seen.base, NULL);
  *state = run;
  play (run, 0);
  play (run, 1);
  pass (run, 60 * TS_S);
  return 0;
}

static int
teardown (void **state)
{
  Run *run = *state;
  ts_sim_world_ops ()->free (run->world);
  ts_scenario_free (run->scenario);
  g_clear_pointer (&run->seen.body, g_variant_unref);
  g_free (run->seen.phase);
  g_free (run);
  return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void
networks_of_a_test (void **state)
{
  static const struct {
    const char *what, *properties;
    guint status, made;
    const char *network; /* NULL: one that was made */
  } rows[] = {
      {"none", "{}", 202, 0, ""},
      {"an existing one", "{'networkType': <'VmNetworkAsInput'>, 'networkId': <'" FB "/replicationNetworks/spare-b'>}", 202, 0, "spare-b"},
      {"made of a logical network", "{'networkType': <'CreateNetworkAsInput'>, 'networkId': <'" FB "/replicationLogicalNetworks/front-b'>}", 202, 1, NULL},
      {"made like another one", "{'networkType': <'CreateNetworkAsInput'>, 'networkId': <'" FB "/replicationNetworks/shop-b'>}", 202, 1, NULL},
      {"made like one that is of no logical network", "{'networkType': <'CreateNetworkAsInput'>, 'networkId': <'" FB "/replicationNetworks/spare-b'>}", 412, 0, ""},
      {"of the other site", "{'networkType': <'VmNetworkAsInput'>, 'networkId': <'" FA "/replicationNetworks/shop-a'>}", 400, 0, ""},
      {"that is not there", "{'networkType': <'VmNetworkAsInput'>, 'networkId': <'" FB "/replicationNetworks/nowhere'>}", 412, 0, ""},
  };
  Run *run = *state;
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *body = g_strdup_printf ("{'properties': <@a{sv} %s>}", rows[i].properties);
    guint status = ask (run, TS_VAULT_POST, ITEMS "db/testFailover", body);
    if (status != rows[i].status)
      fail_msg ("%s: %u", rows[i].what, status);
    guint there = made (run);
    if (there != rows[i].made)
      fail_msg ("%s: %u networks were made", rows[i].what, there);
    if (status != 202)
      continue;
    g_autofree char *has = detail (run, "db", "testNetwork");
    if (rows[i].network ? g_strcmp0 (has, rows[i].network) != 0 : !g_str_has_prefix (has, "test-job-"))
      fail_msg ("%s: the test is on \"%s\"", rows[i].what, has);
    assert_int_equal (ask (run, TS_VAULT_POST, ITEMS "db/testFailoverCleanup", NULL), 202);
    assert_int_equal (made (run), 0); /* deleted at clean-up */
    expect_detail (run, "db", "testNetwork", "");
  }
}

/* The machines of a plan share the network, and the last one to go takes it away. */
static void
network_of_a_plan_test (void **state)
{
  Run *run = *state;
  play (run, 4); /* makes the plan, too */
  play (run, 5);
  assert_int_equal (ask (run, TS_VAULT_POST, "replicationRecoveryPlans/shop/testFailover",
                         "{'properties': <{'networkType': <'CreateNetworkAsInput'>, 'networkId': <'" FB
                         "/replicationLogicalNetworks/front-b'>}>}"), 202);
  assert_int_equal (made (run), 1);
  g_autofree char *one = detail (run, "db", "testNetwork"), *other = detail (run, "web", "testNetwork");
  assert_string_equal (one, other);
  assert_int_equal (ask (run, TS_VAULT_POST, ITEMS "db/testFailoverCleanup", NULL), 202);
  assert_int_equal (made (run), 1);
  assert_int_equal (ask (run, TS_VAULT_POST, ITEMS "web/testFailoverCleanup", NULL), 202);
  assert_int_equal (made (run), 0);
}

static void
a_mapping_that_changes_reconnects_replicas (void **state)
{
  Run *run = *state;
  assert_int_equal (ask (run, TS_VAULT_PUT, MAPPING, "{'properties': <{'recoveryNetworkId': <'" FB "/replicationNetworks/spare-b'>}>}"), 200);
  expect_detail (run, "db", "replicaNetwork", "spare-b");
  expect_detail (run, "web", "replicaNetwork", "spare-b");
}

/* Somebody on the host takes the cable out, or puts it into another network. */
static void
plug (Run *run, guint host, const char *vm, const char *network)
{
  TsFields *inner = ts_fields_new (), *fields = ts_fields_new ();
  ts_fields_set_text (inner, "vm", vm);
  ts_fields_set_text (inner, "network", network);
  ts_fields_set_int (fields, "number", 1 << 30);
  ts_fields_set_text (fields, "verb", "connect");
  ts_fields_set (fields, "fields", ts_fields_end (inner));
  g_autoptr (GVariant) message = g_variant_ref_sink (ts_message_new (TS_MESSAGE_ASK, fields));
  ts_sim_agent_message (run->world->management->agents->pdata[host], message);
  pass (run, 2 * TS_S);
}

/* The published table of what a returning machine is connected to. */
static void
the_table_of_failback (void **state)
{
  enum { UNCHANGED, DISCONNECTED, UNMAPPED, REMAPPED, ROWS };
  static const char *const comes_home_to[ROWS] = {"shop-a", "", "", "spare-a"};
  for (guint row = UNCHANGED; row < ROWS; row++) {
    Run *run = *state;
    play (run, 2);
    expect_detail (run, "db", "replicaNetwork", "shop-b");
    play (run, 3);
    pass (run, 60 * TS_S);
    if (row == DISCONNECTED)
      plug (run, 1, "db", "");
    else if (row == UNMAPPED || row == REMAPPED)
      assert_int_equal (ask (run, TS_VAULT_DELETE, MAPPING, NULL), 204);
    if (row == REMAPPED)
      assert_int_equal (ask (run, TS_VAULT_PUT, FA "/replicationNetworks/spare-a/replicationNetworkMappings/m",
                             "{'properties': <{'recoveryNetworkId': <'" FB "/replicationNetworks/shop-b'>}>}"), 201);
    assert_int_equal (ask (run, TS_VAULT_POST, ITEMS "db/plannedFailover", NULL), 202);
    g_autofree char *has = detail (run, "db", "replicaNetwork");
    if (g_strcmp0 (has, comes_home_to[row]) != 0)
      fail_msg ("row %u: it comes home to \"%s\", not \"%s\"", row, has, comes_home_to[row]);
    teardown (state);
    assert_int_equal (setup (state), 0);
  }
}

/* HVR 1.6: the same address if it is free, else another one; reserved at once, set just before the
 * failover; given back when protection ends.  What comes by DHCP is not managed. */
static void
addresses_of_a_pool (void **state)
{
  Run *run = *state;
  expect_nic (run, "db", "replicaNicStaticIPAddress", "10.1.0.11");  /* the same */
  expect_nic (run, "web", "replicaNicStaticIPAddress", "10.1.0.10"); /* its own is not of the pool */
  expect_nic (run, "db", "replicaAddress", "");                      /* reserved, not set */
  play (run, 6);
  play (run, 7);
  expect_nic (run, "app", "replicaNicStaticIPAddress", ""); /* none is left, and that is told */
  expect_nic (run, "free", "replicaNicStaticIPAddress", "");
  assert_int_equal (ask (run, TS_VAULT_GET, "replicationEvents", NULL), 200);
  g_autofree char *events = g_variant_print (run->seen.body, FALSE);
  assert_non_null (strstr (events, "No static address is left on network shop-b for the replica of app"));
  assert_null (strstr (events, "for the replica of free"));
  play (run, 2); /* db away */
  expect_nic (run, "db", "replicaAddress", "10.1.0.11");
  play (run, 3);
  pass (run, 60 * TS_S);
  assert_int_equal (ask (run, TS_VAULT_POST, ITEMS "db/plannedFailover", NULL), 202);
  expect_nic (run, "db", "replicaAddress", "10.1.0.11"); /* at home it has its own again */
  expect_detail (run, "db", "replicaNetwork", "shop-a");
  assert_int_equal (ask (run, TS_VAULT_POST, ITEMS "web/remove", NULL), 202);
  pass (run, 60 * TS_S);
  assert_int_equal (ask (run, TS_VAULT_POST, ITEMS "app/remove", NULL), 202);
  pass (run, 60 * TS_S);
  play (run, 6);
  expect_nic (run, "app", "replicaNicStaticIPAddress", "10.1.0.10"); /* it was given back */
}

#define ROW(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
      ROW (networks_of_a_test),
      ROW (network_of_a_plan_test),
      ROW (a_mapping_that_changes_reconnects_replicas),
      ROW (the_table_of_failback),
      ROW (addresses_of_a_pool),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

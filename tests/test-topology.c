/* What a world is made of, and what is asked of it. */
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/seam/order.h"
#include "core/seam/topology.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* Three sites, hosts in two of them, one link. */
static TsTopology *
sample (void)
{
  TsTopology *topology = ts_topology_new ();
  ts_topology_add_site (topology, "paris");
  ts_topology_add_site (topology, "lyon");
  ts_topology_add_site (topology, "nice");
  ts_topology_add_host (topology, "hv-paris")->site = 0;
  ts_topology_add_host (topology, "hv-lyon")->site = 1;
  TsVmSpec *vm = ts_topology_add_vm (topology, "app");
  ts_vm_spec_add_disk (vm, "system")->size_bytes = 256 * TS_MIB;
  ts_vm_spec_add_disk (vm, "data")->size_bytes = 64 * TS_MIB;
  ts_topology_add_vm (topology, "idle")->host = 1;
  TsWorkloadSpec *workload = ts_topology_add_workload (topology, "writes");
  guint disk = 1;
  g_array_append_val (workload->disks, disk);
  TsLinkSpec *link = ts_topology_add_link (topology, "wan");
  link->site[0] = 0;
  link->site[1] = 1;
  ts_topology_add_policy (topology, "gold");
  return topology;
}

static void
things_are_found_by_name_in_file_order (void **state)
{
  g_autoptr (TsTopology) topology = sample ();
  assert_int_equal (ts_topology_find_site (topology, "paris"), 0);
  assert_int_equal (ts_topology_find_site (topology, "nice"), 2);
  assert_int_equal (ts_topology_find_host (topology, "hv-lyon"), 1);
  assert_int_equal (ts_topology_find_vm (topology, "idle"), 1);
  assert_int_equal (ts_topology_find_link (topology, "wan"), 0);
  assert_int_equal (ts_topology_find_policy (topology, "gold"), 0);
  assert_int_equal (ts_topology_find_site (topology, "hv-paris"), -1);
  assert_int_equal (ts_topology_find_vm (topology, "ap"), -1);
  assert_int_equal (ts_topology_find_vm (topology, ""), -1);
  assert_string_equal (ts_topology_site (topology, 1)->name, "lyon");
  assert_string_equal (ts_topology_host (topology, 0)->name, "hv-paris");
  assert_string_equal (ts_topology_link (topology, 0)->name, "wan");
  assert_string_equal (ts_topology_policy (topology, 0)->name, "gold");
  assert_string_equal (ts_topology_workload (topology, 0)->name, "writes");
}

static void
entries_say_who_may_replicate (void **state)
{
  g_autoptr (TsTopology) topology = sample ();
  g_autoptr (GError) error = NULL;
  g_autoptr (TsAuthorization) all = ts_topology_authorization (topology, 1, &error);
  TsGrant grant;
  assert_non_null (all); /* without entries: every other host, but not itself */
  assert_true (ts_authorization_admit (all, "hv-paris", &grant, NULL));
  assert_string_equal (grant.storage_location, "replica");
  assert_false (ts_authorization_admit (all, "hv-lyon", &grant, NULL));
  assert_false (ts_authorization_get (all, 1, &grant));

  ts_host_spec_restrict (ts_topology_host (topology, 1));
  g_autoptr (TsAuthorization) nobody = ts_topology_authorization (topology, 1, &error);
  assert_false (ts_authorization_admit (nobody, "hv-paris", &grant, NULL));

  ts_host_spec_authorize (ts_topology_host (topology, 1), "*.nice", "fast", "south");
  g_autoptr (TsAuthorization) nice = ts_topology_authorization (topology, 1, &error);
  assert_true (ts_authorization_admit (nice, "hv.nice", &grant, NULL));
  assert_string_equal (grant.storage_location, "replica.fast");
  assert_string_equal (grant.trust_group, "south");
  assert_false (ts_authorization_admit (nice, "hv-paris", &grant, NULL));

  ts_host_spec_authorize (ts_topology_host (topology, 1), "hv.*", NULL, "south");
  assert_null (ts_topology_authorization (topology, 1, &error));
  assert_int_equal (error->code, TS_ERROR_ARGUMENT);
}

static void
names_are_copies (void **state)
{
  g_autoptr (TsTopology) topology = ts_topology_new ();
  char name[] = "paris";
  ts_topology_add_site (topology, name);
  name[0] = 'x';
  assert_int_equal (ts_topology_find_site (topology, "paris"), 0);
}

static void
disks_keep_their_names_while_more_come (void **state)
{
  g_autoptr (TsTopology) topology = ts_topology_new ();
  TsVmSpec *vm = ts_topology_add_vm (topology, "app");
  for (guint i = 0; i < 16; i++) {
    g_autofree char *name = g_strdup_printf ("disk%u", i);
    TsDiskSpec *disk = ts_vm_spec_add_disk (vm, name);
    assert_int_equal (disk->size_bytes, 0);
    disk->size_bytes = i;
  }
  for (guint i = 0; i < 16; i++) {
    g_autofree char *name = g_strdup_printf ("disk%u", i);
    assert_string_equal (ts_vm_spec_disk (vm, i)->name, name);
    assert_int_equal (ts_vm_spec_disk (vm, i)->size_bytes, i);
  }
}

static void
links_join_both_ways (void **state)
{
  g_autoptr (TsTopology) topology = sample ();
  assert_int_equal (ts_topology_link_between (topology, 0, 1), 0);
  assert_int_equal (ts_topology_link_between (topology, 1, 0), 0);
  assert_int_equal (ts_topology_link_between (topology, 0, 2), -1);
  assert_int_equal (ts_topology_link_between (topology, 0, 0), -1);
}

static void
a_vm_has_its_workload_or_none (void **state)
{
  g_autoptr (TsTopology) topology = sample ();
  assert_ptr_equal (ts_topology_workload_of (topology, 0), ts_topology_workload (topology, 0));
  assert_null (ts_topology_workload_of (topology, 1));
}

static void
defaults (void **state)
{
  g_autoptr (TsTopology) topology = sample ();
  const TsWorkloadSpec *workload = ts_topology_workload (topology, 0);
  assert_int_equal (topology->seed, 1);
  assert_null (topology->name);
  assert_int_equal (ts_topology_vm (topology, 0)->memory_bytes, 256 * TS_MIB);
  assert_int_equal (workload->kind, TS_WORKLOAD_APPEND);
  assert_int_equal (workload->record_bytes, 4096);
  assert_int_equal (workload->rate_per_megasecond, 1000000);
  assert_int_equal (workload->flush_every, 1);
  assert_true (ts_policy_check (&ts_topology_policy (topology, 0)->policy, NULL));
  ts_topology_free (NULL);
}

static void
every_verb_has_one_name (void **state)
{
  for (guint i = 0; i < TS_DO_COUNT; i++) {
    assert_non_null (ts_verb_name ((TsVerb)i));
    for (guint k = 0; k < i; k++)
      assert_string_not_equal (ts_verb_name ((TsVerb)i), ts_verb_name ((TsVerb)k));
  }
  assert_string_equal (ts_verb_name (TS_DO_PROTECT), "protect");
  assert_string_equal (ts_verb_name (TS_DO_SITE_DOWN), "site_down");
  assert_null (ts_verb_name (TS_DO_COUNT));
  assert_null (ts_verb_name ((TsVerb)-1));
  assert_string_equal (ts_link_mode_name (TS_LINK_BLACKHOLE), "blackhole");
  assert_string_equal (ts_link_mode_name (TS_LINK_UP), "up");
  assert_null (ts_link_mode_name (TS_LINK_MODES));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (things_are_found_by_name_in_file_order),
      cmocka_unit_test (entries_say_who_may_replicate),
      cmocka_unit_test (names_are_copies),
      cmocka_unit_test (disks_keep_their_names_while_more_come),
      cmocka_unit_test (links_join_both_ways),
      cmocka_unit_test (a_vm_has_its_workload_or_none),
      cmocka_unit_test (defaults),
      cmocka_unit_test (every_verb_has_one_name),
  };
  return cmocka_run_group_tests_name ("topology", tests, NULL, NULL);
}

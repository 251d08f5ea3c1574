/* tests/test-sim-world.c -- a protected VM's life in virtual time: transcripts, with every checker
 * on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim-fixture.h"
#include "sim/world.h"

static int
setup (void **state)
{
  Fixture *f = fixture_new ();
  fixture_begin (f);
  *state = f;
  return 0;
}

static int
teardown (void **state)
{
  fixture_free (*state);
  return 0;
}

static void
protect (Fixture *f)
{
  fixture_do (f, TS_DO_PROTECT);
  fixture_wait (f, TS_MIN, "state", "to", "replicating", "hv-paris");
}

static void
initial_replication_then_cycles (void **state)
{
  Fixture *f = *state;
  protect (f);
  fixture_run (f, 70 * TS_S);
  fixture_expect_trace (
      f, 0, "state copy cut point cycle",
      "[  3.200] app@hv-paris state role=primary from=disabled to=ready wmi=1 ps=1\n"
      "[  3.200] app@hv-paris state role=primary from=ready to=initial wmi=2 ps=2\n"
      "[  3.300] app@hv-lyon state role=replica from=disabled to=initial wmi=2 ps=3\n"
      "[  3.350] app@hv-paris copy phase=begun method=network bytes=0 total_bytes=4202496 percent=0 wire_bytes=248\n"
      "[  3.768] app@hv-paris copy phase=done method=network bytes=4202496 total_bytes=4202496 percent=100 "
      "wire_bytes=2039528\n"
      "[  3.918] app@hv-paris cut set=1 type=initial instant_us=3768743 log_bytes=49152 "
      "data_bytes=24576 entries=6\n"
      "[  3.961] app@hv-lyon point set=1 instant_us=3768743 type=standard\n"
      "[  3.961] app@hv-lyon state role=replica from=initial to=replicating wmi=3 ps=4\n"
      "[  3.971] app@hv-paris cycle set=1 outcome=success success=1 missed=0\n"
      "[  3.981] app@hv-paris state role=primary from=initial to=replicating wmi=3 ps=4\n"
      "[ 33.921] app@hv-paris cut set=2 type=regular instant_us=33768743 log_bytes=1196032 "
      "data_bytes=1171456 entries=242\n"
      "[ 34.046] app@hv-lyon point set=2 instant_us=33768743 type=standard\n"
      "[ 34.066] app@hv-paris cycle set=2 outcome=success success=2 missed=0\n"
      "[ 63.921] app@hv-paris cut set=3 type=regular instant_us=63768743 log_bytes=1142784 "
      "data_bytes=1118208 entries=232\n"
      "[ 64.042] app@hv-lyon point set=3 instant_us=63768743 type=standard\n"
      "[ 64.062] app@hv-paris cycle set=3 outcome=success success=3 missed=0\n");
  fixture_expect_clean (f);
}

/* Logs queue, cycles count as missed, nothing is dropped, all drains after healing. */
static void
dark_link_queues_logs (void **state)
{
  Fixture *f = *state;
  protect (f);
  fixture_wait (f, TS_MIN, "cycle", "outcome", "success", NULL);
  gint64 from_us = f->ops->now_us (f->world) + 1;
  fixture_link (f, TS_LINK_BLACKHOLE);
  fixture_run (f, 100 * TS_S);
  fixture_link (f, TS_LINK_UP);
  fixture_run (f, 50 * TS_S);
  fixture_expect_trace (
      f, from_us, "connection retry cycle point health evidence",
      "[ 78.921] app@hv-paris connection up=false reason=no answer from the replica\n"
      "[ 78.921] app@hv-paris retry attempt=1 event=32315 after_us=6000000\n"
      "[ 93.768] app@hv-paris cycle set=3 outcome=missed success=2 missed=1\n"
      "[ 93.768] app@hv-paris health role=primary health=warning reason=More than 20 percent of "
      "replication cycles have been missed for virtual machine 'app'. Replication might be "
      "encountering problems.\n"
      "[ 99.921] app@hv-paris connection up=false reason=no answer from the replica\n"
      "[ 99.921] app@hv-paris retry attempt=2 event=32315 after_us=12000000\n"
      "[123.768] app@hv-paris cycle set=4 outcome=missed success=2 missed=2\n"
      "[126.921] app@hv-paris connection up=false reason=no answer from the replica\n"
      "[126.921] app@hv-paris retry attempt=3 event=32315 after_us=24000000\n"
      "[134.066] sim evidence id=test fault=link target=wan what=packets swallowed count=23\n"
      "[151.042] app@hv-paris connection up=true reason=\n"
      "[151.162] app@hv-lyon point set=3 instant_us=63768743 type=standard\n"
      "[151.253] app@hv-lyon point set=4 instant_us=93768743 type=standard\n"
      "[151.346] app@hv-lyon point set=5 instant_us=123768743 type=standard\n"
      "[151.366] app@hv-paris cycle set=5 outcome=success success=3 missed=2\n"
      "[154.043] app@hv-lyon point set=6 instant_us=153768743 type=standard\n"
      "[154.063] app@hv-paris cycle set=6 outcome=success success=4 missed=2\n"
      "[184.045] app@hv-lyon point set=7 instant_us=183768743 type=standard\n"
      "[184.065] app@hv-paris cycle set=7 outcome=success success=5 missed=2\n");
  fixture_expect_clean (f);
}

static void
unplanned_failover (void **state)
{
  Fixture *f = *state;
  protect (f);
  fixture_wait (f, 2 * TS_MIN, "cycle", "set", "3", NULL);
  fixture_run (f, 10 * TS_S);
  gint64 from_us = f->ops->now_us (f->world);
  fixture_site_down (f, 0);
  fixture_run (f, 5 * TS_S);
  fixture_failover (f, FALSE);
  fixture_wait (f, TS_MIN, "survey", "phase", "done", "hv-lyon");
  fixture_do (f, TS_DO_COMMIT);
  fixture_wait (f, TS_MIN, "state", "to", "committed", "hv-lyon");
  fixture_expect_trace (
      f, from_us, "fault evidence power probe failover state guest survey step",
      "[ 74.062] sim fault id=test fault=site_down target=paris mode=power\n"
      "[ 74.062] hv-paris power on=false why=power lost\n"
      "[ 74.062] sim evidence id=test fault=site_down target=paris what=hosts and machines gone "
      "count=2\n"
      "[ 74.062] sim step id=test verb=site_down phase=done reason=\n"
      "[ 76.000] probe probe up=false\n"
      "[ 79.062] app@hv-lyon failover planned=false phase=commanded\n"
      "[ 79.122] app@hv-lyon state role=replica from=replicating to=recovered wmi=5 ps=6\n"
      "[ 79.122] app@hv-lyon failover planned=false phase=promoted set=3 instant_us=63768743 type=standard\n"
      "[ 79.422] hv-lyon power on=true why=failover\n"
      "[ 79.422] app@hv-lyon failover planned=false phase=started set=3 instant_us=63768743 type=standard\n"
      "[ 79.422] sim step id=test verb=failover phase=done reason=\n"
      "[ 82.622] hv-lyon guest phase=ready\n"
      "[ 82.622] hv-lyon survey phase=begun records=0 fill_blocks=0 fill_bad=0\n"
      "[ 82.702] hv-lyon survey phase=done records=531 fill_blocks=1024 fill_bad=0\n"
      "[ 83.002] probe probe up=true\n"
      "[ 83.002] app@hv-lyon failover phase=serving set=3 instant_us=63768743\n"
      "[ 83.002] app@hv-lyon state role=replica from=recovered to=committed wmi=6 ps=7\n"
      "[ 83.002] app@hv-lyon failover planned=false phase=committed set=3 instant_us=63768743 type=standard\n"
      "[ 83.002] sim step id=test verb=commit phase=done reason=\n");
  fixture_run (f, 2 * TS_MIN); /* a host without power does nothing any more */
  for (guint i = 0; i < f->records->len; i++) {
    const TsRecord *r = g_ptr_array_index (f->records, i);
    assert_false (r->t_us > from_us && g_str_equal (r->source, "app@hv-paris"));
  }
  fixture_expect_clean (f);
}

static void
planned_failover (void **state)
{
  Fixture *f = *state;
  protect (f);
  fixture_run (f, 40 * TS_S);
  gint64 from_us = f->ops->now_us (f->world);
  fixture_failover (f, TRUE);
  fixture_wait (f, TS_MIN, "probe", "up", "true", "hv-lyon");
  fixture_do (f, TS_DO_COMPARE);
  fixture_expect_trace (
      f, from_us, "power cut point applied failover state compare step",
      "[ 43.981] app@hv-lyon failover planned=true phase=commanded\n"
      "[ 44.581] hv-paris power on=false why=shutdown\n"
      "[ 44.732] app@hv-paris cut set=3 type=planned instant_us=44581172 log_bytes=434176 "
      "data_bytes=409600 entries=93\n"
      "[ 44.795] app@hv-lyon point set=3 instant_us=44581172 type=planned\n"
      "[ 44.806] app@hv-lyon applied set=3 instant_us=44581172\n"
      "[ 44.826] app@hv-paris state role=primary from=replicating to=prepared wmi=4 ps=5\n"
      "[ 44.886] app@hv-lyon state role=replica from=replicating to=recovered wmi=5 ps=6\n"
      "[ 44.886] app@hv-lyon failover planned=true phase=promoted set=3 instant_us=44581172 type=planned\n"
      "[ 45.186] hv-lyon power on=true why=failover\n"
      "[ 45.186] app@hv-lyon failover planned=true phase=started set=3 instant_us=44581172 type=planned\n"
      "[ 45.186] sim step id=test verb=failover phase=done reason=\n"
      "[ 48.502] app@hv-lyon failover phase=serving set=3 instant_us=44581172\n"
      "[ 48.502] sim compare disk=system identical=true differing_bytes=0 bytes=8388608\n"
      "[ 48.502] sim compare disk=data identical=true differing_bytes=0 bytes=4194304\n"
      "[ 48.502] sim step id=test verb=compare phase=done reason=\n");
  fixture_expect_clean (f);
}

int
main (void)
{
#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  const struct CMUnitTest tests[] = {
      T (initial_replication_then_cycles),
      T (dark_link_queues_logs),
      T (unplanned_failover),
      T (planned_failover),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

/* tests/sim-scale.c -- how fast is the simulator, and how much room does a machine take?  Not a
 * test: prints a row for each number of machines.
 *
 *   sim-scale [COUNT...]      1 10 100 1000 10000 unless said
 *
 * Each machine: one disk of 64 MiB with 16 MiB of fill, 1 write of 4 KiB a second, a cycle every
 * five minutes over a link of 10 Gbit/s; twenty virtual minutes from the moment all are protected,
 * every checker on, nothing recorded but counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/units.h"
#include "sim/world.h"

#define LASTS_US (20 * TS_MIN)

typedef struct {
  TsObserver observer; /* first */
  guint64 records, rows, breaches;
} Counts;

static void
heard (TsObserver *observer, const TsRecord *record)
{
  Counts *counts = (Counts *)observer;
  counts->records++;
  if (strcmp (record->kind, "invariant") == 0 && !ts_record_get_int (record, "holds", 1))
    counts->breaches++;
}

static void
ledgered (TsObserver *observer, const TsLedgerEntry *entry)
{
  ((Counts *)observer)->rows++;
}

static TsTopology *
make (guint machines)
{
  TsTopology *t = ts_topology_new ();
  t->name = g_strdup ("scale");
  ts_topology_add_site (t, "a");
  ts_topology_add_site (t, "b");
  ts_topology_add_host (t, "ha")->site = 0;
  ts_topology_add_host (t, "hb")->site = 1;
  TsLinkSpec *link = ts_topology_add_link (t, "wan");
  link->site[0] = 0;
  link->site[1] = 1;
  link->shape = (TsLinkShape){.rate_bits_per_s = G_GUINT64_CONSTANT (10000000000),
                              .delay_us = TS_MS,
                              .queue_bytes = 64 * TS_MIB};
  ts_topology_add_policy (t, "p")->policy.frequency_us = 5 * TS_MIN;
  for (guint i = 0; i < machines; i++) {
    g_autofree char *name = g_strdup_printf ("vm-%u", i), *load = g_strdup_printf ("load-%u", i);
    TsVmSpec *vm = ts_topology_add_vm (t, name);
    TsRandom random;
    ts_random_init (&random, t->seed, name);
    vm->id = ts_guid_draw (&random);
    TsDiskSpec *disk = ts_vm_spec_add_disk (vm, "data");
    disk->size_bytes = 64 * TS_MIB;
    disk->fill_bytes = 16 * TS_MIB;
    TsWorkloadSpec *workload = ts_topology_add_workload (t, load);
    guint first = 0;
    workload->vm = i;
    g_array_append_val (workload->disks, first);
    workload->kind = TS_WORKLOAD_RANDOM;
    workload->record_bytes = 4096;
    workload->rate_per_megasecond = 1000000;
    workload->flush_every = 8;
  }
  return t;
}

static guint64
memory_bytes (const char *key)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;
  const char *at = strstr (text, key);
  return at ? g_ascii_strtoull (at + strlen (key) + strspn (at + strlen (key), ": \t"), NULL, 10) *
                  1024
            : 0;
}

static double
cpu_s (void)
{
  struct timespec t;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
measure (guint machines)
{
  Counts counts = {.observer = {.record = heard, .ledger = ledgered}};
  const TsWorldOps *ops = ts_sim_world_ops ();
  g_autoptr (TsTopology) topology = make (machines);
  guint64 before_bytes = memory_bytes ("VmRSS");
  double begun_s = cpu_s ();
  gint64 wall_us = g_get_monotonic_time ();
  TsWorldOptions options = {.limit_us = TS_HOUR};
  TsWorld *world = ops->start (topology, &options, &counts.observer, NULL);
  for (guint i = 0; i < machines; i++) {
    TsOrder order = {
        .step = "protect", .verb = TS_DO_PROTECT, .vm = (gint)i, .host = 1, .site = -1, .link = -1};
    ops->order (world, &order, NULL);
  }
  ops->run_until (world, LASTS_US, NULL);
  double took_s = cpu_s () - begun_s;
  double wall_s = (double)(g_get_monotonic_time () - wall_us) / 1e6;
  guint64 room_bytes = memory_bytes ("VmHWM");
  ops->finish (world, NULL);
  guint64 events = ts_sim_world_events (world);
  ops->free (world);
  printf ("%8u %12.0f %12.0f %12.0f %10.1f %10.1f %10" G_GUINT64_FORMAT "%s\n", machines,
          (double)LASTS_US / 1e6 / took_s, (double)LASTS_US / 1e6 / wall_s, (double)events / took_s,
          (double)room_bytes / 1048576.0, (double)(room_bytes - before_bytes) / 1024.0 / machines,
          counts.records, counts.breaches > 0 ? "  A CHECKER HAS FOUND A BREACH" : "");
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  static const guint usual[] = {1, 10, 100, 1000, 10000};
  printf ("machines  virtual s per   same per     events per  most room  room of a     records\n"
          "          CPU s         wall s       CPU s       MiB        machine KiB\n");
  if (argc > 1)
    for (int i = 1; i < argc; i++)
      measure ((guint)strtoul (argv[i], NULL, 10));
  else
    for (guint i = 0; i < G_N_ELEMENTS (usual); i++)
      measure (usual[i]);
  return 0;
}

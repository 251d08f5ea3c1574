/* scenarios/cli/bench-simulator.c -- see bench-simulator.h.
 *
 * Each row is a world of its own in a process of its own, so that what it takes of memory is its own.
 * Growth: each machine has one disk of 64 MiB with 16 MiB of fill, 1 write of 4 KiB a second, a
 * cycle every five minutes over a link of 10 Gbit/s; twenty virtual minutes from the start, every
 * checker on, nothing recorded but counted.  The first row is another load: four machines at 50
 * writes a second, for two virtual hours, journal and ledger recorded, as a run does it. */
#include "scenarios/cli/bench-simulator.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/recorder.h"
#include "sim/world.h"

#define MACHINES_MAX 20000u

typedef struct {
  guint machines, writes_per_s;
  gint64 lasts_us;
  gboolean recorded;
} Load;

typedef struct { /* as a process tells it: plain bytes through a pipe */
  double cpu_s, wall_s;
  guint64 events, records, most_bytes, before_bytes;
  guint breaches;
} Outcome;

typedef struct {
  TsObserver observer; /* first */
  TsObserver *next;    /* hears all of it, too; NULL: nobody */
  guint64 records;
  guint breaches;
} Ear;

static void
heard (TsObserver *observer, const TsRecord *record)
{
  Ear *ear = (Ear *)observer;
  ear->records++;
  if (strcmp (record->kind, "invariant") == 0 && !ts_record_get_int (record, "holds", 1))
    ear->breaches++;
  if (ear->next)
    ear->next->record (ear->next, record);
}

static void
ledgered (TsObserver *observer, const TsLedgerEntry *entry)
{
  Ear *ear = (Ear *)observer;
  if (ear->next)
    ear->next->ledger (ear->next, entry);
}

static TsTopology *
make_topology (const Load *load)
{
  TsTopology *t = ts_topology_new ();
  t->name = g_strdup ("bench");
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
  for (guint i = 0; i < load->machines; i++) {
    g_autofree char *name = g_strdup_printf ("vm-%u", i), *who = g_strdup_printf ("load-%u", i);
    TsVmSpec *vm = ts_topology_add_vm (t, name);
    TsRandom random;
    ts_random_init (&random, t->seed, name);
    vm->id = ts_guid_draw (&random);
    TsDiskSpec *disk = ts_vm_spec_add_disk (vm, "data");
    disk->size_bytes = 64 * TS_MIB;
    disk->fill_bytes = 16 * TS_MIB;
    TsWorkloadSpec *workload = ts_topology_add_workload (t, who);
    guint first = 0;
    workload->vm = i;
    g_array_append_val (workload->disks, first);
    workload->kind = TS_WORKLOAD_RANDOM;
    workload->record_bytes = 4096;
    workload->rate_per_megasecond = (guint64)load->writes_per_s * 1000000;
    workload->flush_every = 8;
  }
  return t;
}

static guint64
most_memory_bytes (void)
{
  struct rusage usage;
  getrusage (RUSAGE_SELF, &usage);
  return (guint64)usage.ru_maxrss * 1024;
}

static double
cpu_s (void)
{
  struct timespec t;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
play (const Load *load, const char *folder, Outcome *outcome)
{
  const TsWorldOps *ops = ts_sim_world_ops ();
  g_autoptr (TsRecorder) recorder = load->recorded ? ts_recorder_new (folder, NULL) : NULL;
  Ear ear = {.observer = {.record = heard, .ledger = ledgered}};
  if (recorder) {
    ts_recorder_set_buffered (recorder);
    ear.next = ts_recorder_observer (recorder);
  }
  g_autoptr (TsTopology) topology = make_topology (load);
  outcome->before_bytes = most_memory_bytes ();
  double begun_s = cpu_s ();
  gint64 begun_us = g_get_monotonic_time ();
  TsWorldOptions options = {.limit_us = load->lasts_us + TS_HOUR};
  TsWorld *world = ops->start (topology, &options, &ear.observer, NULL);
  for (guint i = 0; i < load->machines; i++) {
    TsOrder order = {
        .step = "protect", .verb = TS_DO_PROTECT, .vm = (gint)i, .host = 1, .site = -1, .link = -1};
    ops->order (world, &order, NULL);
  }
  ops->run_until (world, load->lasts_us, NULL);
  ops->finish (world, NULL);
  outcome->cpu_s = cpu_s () - begun_s;
  outcome->wall_s = (double)(g_get_monotonic_time () - begun_us) / 1e6;
  outcome->most_bytes = most_memory_bytes ();
  outcome->events = ts_sim_world_events (world);
  outcome->records = ear.records;
  outcome->breaches = ear.breaches;
  ops->free (world);
}

static gboolean
play_apart (const Load *load, const char *folder, Outcome *outcome, GError **error)
{
  int ends[2], status = 0;
  fflush (NULL);
  if (pipe (ends) < 0)
    return ts_throw_errno (error, "make a pipe");
  pid_t pid = fork ();
  if (pid == 0) {
    Outcome mine = {0};
    play (load, folder, &mine);
    _exit (write (ends[1], &mine, sizeof mine) == (gssize)sizeof mine ? 0 : 1);
  }
  close (ends[1]);
  gssize got = pid > 0 ? read (ends[0], outcome, sizeof *outcome) : -1;
  close (ends[0]);
  if (pid < 0)
    return ts_throw_errno (error, "make a process");
  if (waitpid (pid, &status, 0) != pid || status != 0 || got != (gssize)sizeof *outcome)
    return ts_throw (error, TS_ERROR_INTERNAL, "the simulator of %u machines died (of memory?)",
                     load->machines);
  return outcome->breaches == 0 ||
         ts_throw (error, TS_ERROR_INTERNAL, "of %u machines: a checker has found a breach",
                   load->machines);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void
put_head (FILE *out)
{
  fprintf (out, "\n%-24s %9s %11s %11s %11s %9s %11s\n", "simulator", "machines", "sim s/CPU s",
           "sim s/s", "events/CPU", "most MiB", "KiB/machine");
}

static void
put_row (FILE *out, const char *name, const Load *load, const Outcome *o)
{
  double lasts_s = (double)load->lasts_us / 1e6;
  fprintf (out, "  %-22s %9u %11.0f %11.0f %11.0f %9.1f %11.1f\n", name, load->machines,
           lasts_s / o->cpu_s, lasts_s / o->wall_s, (double)o->events / o->cpu_s,
           (double)o->most_bytes / (double)TS_MIB,
           (double)(o->most_bytes - o->before_bytes) / 1024.0 / load->machines);
  fflush (out);
}

static void
put_values (GString *out, char separator, const char *name, const Load *load, const Outcome *o)
{
  double lasts_s = (double)load->lasts_us / 1e6;
  const double values[] = {lasts_s, o->cpu_s, o->wall_s, lasts_s / o->cpu_s, lasts_s / o->wall_s,
                           (double)o->events, (double)o->events / o->cpu_s,
                           (double)o->most_bytes,
                           (double)(o->most_bytes - o->before_bytes) / load->machines};
  g_string_append_printf (out, "%s%c%u%c%u", name, separator, load->machines, separator,
                          load->writes_per_s);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_string_append_printf (out, "%c%.6g", separator, values[i]);
  g_string_append_c (out, '\n');
}

static const char columns[] = "load,machines,writes_per_s,simulated_s,cpu_s,wall_s,"
                              "simulated_s_per_cpu_s,simulated_s_per_wall_s,events,events_per_cpu_s,"
                              "most_bytes,bytes_per_machine\n";

static const char script[] =
    "# how the simulator grows; by hand: gnuplot bench-simulator.gp\n"
    "set terminal svg size 800,900 font 'sans,12' background '#ffffff'\n"
    "set output 'bench-simulator.svg'\n"
    "set datafile separator tab\n"
    "set key top right\nset grid\nset logscale x\nset xlabel 'machines'\n"
    "set multiplot layout 3,1 title 'The simulator, by number of machines'\n"
    "set logscale y\nset ylabel 'simulated seconds a second'\n"
    "plot 'bench-simulator.tsv' every ::1 using 2:7 with linespoints lw 2 lc rgb '#4477aa' "
    "title 'of processor time', \\\n"
    "     '' every ::1 using 2:8 with linespoints lw 2 lc rgb '#cc6677' title 'of the clock'\n"
    "set ylabel 'events a second of processor time'\nset yrange [1e5:*]\n"
    "plot 'bench-simulator.tsv' every ::1 using 2:10 with linespoints lw 2 lc rgb '#4477aa' notitle\n"
    "unset logscale y\nset ylabel 'KiB a machine'\nset yrange [0:*]\n"
    "plot 'bench-simulator.tsv' every ::1 using 2:($12/1024) with linespoints lw 2 lc rgb "
    "'#4477aa' notitle\n"
    "unset multiplot\n";

static gboolean
put_file (const char *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) why = NULL;
  return g_file_set_contents (path, text, -1, &why) ||
         ts_throw (error, TS_ERROR_IO, "%s", why->message);
}

/* Of the growth only: a point is a row of the same load. */
static gboolean
draw (const char *folder, const GString *growth, GError **error)
{
  g_autofree char *tabs = g_strdup (columns);
  g_strdelimit (tabs, ",", '\t');
  g_autofree char *tsv = g_strconcat (tabs, growth->str, NULL);
  g_autoptr (GError) why = NULL;
  char program[] = "gnuplot", file[] = "bench-simulator.gp", *argv[] = {program, file, NULL};
  int status = 0;
  if (!put_file (folder, "bench-simulator.tsv", tsv, error) ||
      !put_file (folder, "bench-simulator.gp", script, error))
    return FALSE;
  const char *first_end = strchr (growth->str, '\n');
  gboolean grows = first_end && first_end[1] != '\0'; /* one row is no curve */
  if (grows &&
      (!g_spawn_sync (folder, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                      &why) ||
       !g_spawn_check_wait_status (status, &why)))
    fprintf (stderr, "twinsite bench: no picture of the simulator: %s\n", why->message);
  return TRUE;
}

static gboolean
measure (const char *folder, const char *name, const Load *load, GString *csv, GString *growth,
         FILE *text, GError **error)
{
  Outcome outcome = {0};
  g_autofree char *room = g_build_filename (folder, "bench-simulator.run", NULL);
  if (load->recorded && g_mkdir_with_parents (room, 0755) < 0)
    return ts_throw_errno (error, "make %s", room);
  gboolean fine = play_apart (load, room, &outcome, error);
  static const char *const left[] = {"journal.jsonl", "ledger.tsv", ""};
  for (guint i = 0; load->recorded && i < G_N_ELEMENTS (left); i++) {
    g_autofree char *path = g_build_filename (room, left[i], NULL);
    g_remove (path);
  }
  if (!fine)
    return FALSE;
  put_row (stdout, name, load, &outcome);
  put_row (text, name, load, &outcome);
  put_values (csv, ',', name, load, &outcome);
  if (growth)
    put_values (growth, '\t', name, load, &outcome);
  return TRUE;
}

gboolean
ts_bench_simulator (const char *folder, const char *machines, FILE *text, GError **error)
{
  g_auto (GStrv) words = g_strsplit (machines, ",", -1);
  g_autoptr (GString) csv = g_string_new (columns), growth = g_string_new (NULL);
  for (guint i = 0; words[i] || i == 0; i++) {
    guint64 count;
    if (!words[i] || !g_ascii_string_to_unsigned (words[i], 10, 1, MACHINES_MAX, &count, NULL))
      return ts_throw (error, TS_ERROR_ARGUMENT, "--machines: numbers from 1 to %u, such as 1,10,100",
                       MACHINES_MAX);
  }
  put_head (stdout);
  put_head (text);
  Load four = {4, 50, 2 * TS_HOUR, TRUE};
  if (!measure (folder, "50 writes/s, recorded", &four, csv, NULL, text, error))
    return FALSE;
  for (guint i = 0; words[i]; i++) {
    Load load = {(guint)strtoul (words[i], NULL, 10), 1, 20 * TS_MIN, FALSE};
    if (!measure (folder, "1 write/s", &load, csv, growth, text, error))
      return FALSE;
  }
  return put_file (folder, "bench-simulator.csv", csv->str, error) && draw (folder, growth, error);
}

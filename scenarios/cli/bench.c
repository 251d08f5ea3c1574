/* scenarios/cli/bench.c -- twinsite bench: our data path beside what people use today, and the
 * simulator (bench-simulator.c), which needs no lab. */
#include "scenarios/cli/command.h"
#include <glib/gstdio.h>
#include <string.h>
#include "core/base/error.h"
#include "scenarios/cli/bench-simulator.h"

/* Takes the word out of a list "a,b,c"; FALSE: it is not in it. */
static gboolean
take_word (char **list, const char *word)
{
  g_auto (GStrv) words = g_strsplit (*list, ",", -1);
  GString *rest = g_string_new (NULL);
  gboolean found = FALSE;
  for (guint i = 0; words[i]; i++)
    if (g_str_equal (words[i], word))
      found = TRUE;
    else
      g_string_append_printf (rest, "%s%s", rest->len > 0 ? "," : "", words[i]);
  g_free (*list);
  *list = g_string_free (rest, FALSE);
  return found;
}

/* Begins the folder's bench.txt anew: what is measured behind this adds to it. */
static gboolean
bench_simulator (const char *folder, const char *machines, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "bench.txt", NULL);
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  FILE *text = g_fopen (path, "w");
  if (!text)
    return ts_throw_errno (error, "make %s", path);
  gboolean fine = ts_bench_simulator (folder, machines, text, error);
  return (fclose (text) == 0 && fine) || (fine && ts_throw_errno (error, "write %s", path));
}

#ifdef TS_HAVE_LAB
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include "core/base/units.h"
#include "lab/bench/bench.h"

#define MIB ((double)TS_MIB)

typedef struct { /* one contender in one part */
  const char *part, *contender, *skipped;
  guint turns;
  double wall_s[3], cpu_s[3], wire_mib[3]; /* median, least, most */
  double data_mib;
} Row;

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void
spread (double *value, guint count, double out[3])
{
  qsort (value, count, sizeof *value, by_value);
  out[0] = count % 2 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
  out[1] = value[0];
  out[2] = value[count - 1];
}

static Row
row_of (const GPtrArray *samples, const TsBenchSample *first)
{
  Row row = {.part = first->part, .contender = first->contender};
  g_autofree double *value = g_new (double, samples->len * 4);
  double *wall = value, *cpu = value + samples->len, *wire = cpu + samples->len,
         *data = wire + samples->len;
  for (guint i = 0; i < samples->len; i++) {
    const TsBenchSample *s = samples->pdata[i];
    if (!g_str_equal (s->part, row.part) || !g_str_equal (s->contender, row.contender))
      continue;
    if (s->skipped) {
      row.skipped = s->skipped;
      continue;
    }
    wall[row.turns] = (double)s->wall_us / TS_S;
    cpu[row.turns] = (double)s->cpu_us / TS_S;
    wire[row.turns] = (double)s->wire_bytes / MIB;
    data[row.turns++] = (double)s->data_bytes / MIB;
  }
  if (row.turns > 0) {
    double middle[3];
    spread (wall, row.turns, row.wall_s);
    spread (cpu, row.turns, row.cpu_s);
    spread (wire, row.turns, row.wire_mib);
    spread (data, row.turns, middle);
    row.data_mib = middle[0];
  }
  return row;
}

/* One row per contender and part, those of a part together, in the order in which they first came.
 */
static GArray *
rows_of (const GPtrArray *samples)
{
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (Row));
  for (guint i = 0; i < samples->len; i++) {
    const TsBenchSample *sample = samples->pdata[i];
    gboolean seen = FALSE;
    guint behind = rows->len;
    for (guint k = 0; k < rows->len && !seen; k++) {
      const Row *row = &g_array_index (rows, Row, k);
      seen =
          g_str_equal (row->part, sample->part) && g_str_equal (row->contender, sample->contender);
    }
    if (!seen) {
      Row row = row_of (samples, sample);
      g_array_insert_val (rows, behind, row);
    }
  }
  return rows;
}

static void
print_table (const GArray *rows, FILE *out)
{
  const char *part = NULL;
  for (guint i = 0; i < rows->len; i++) {
    const Row *row = &g_array_index (rows, Row, i);
    if (!part || !g_str_equal (part, row->part)) {
      part = row->part;
      fprintf (out, "\n%-24s %9s %19s %9s %9s %10s %7s\n", part, "median s", "least..most", "MiB/s",
               "CPU s/GiB", "wire MiB", "x data");
    }
    if (row->turns == 0) {
      fprintf (out, "  %-22s skipped: %s\n", row->contender, row->skipped);
      continue;
    }
    g_autofree char *range = g_strdup_printf ("%.3f..%.3f", row->wall_s[1], row->wall_s[2]);
    if (row->wire_mib[0] <= 0) { /* of a part of something, or of the guest */
      fprintf (out, "  %-22s %9.3f %19s %9.1f\n", row->contender, row->wall_s[0], range,
               row->data_mib / row->wall_s[0]);
      continue;
    }
    fprintf (out, "  %-22s %9.3f %19s %9.1f %9.2f %10.1f %7.2f\n", row->contender, row->wall_s[0],
             range, row->data_mib / row->wall_s[0], row->cpu_s[0] / row->data_mib * 1024,
             row->wire_mib[0], row->wire_mib[0] / row->data_mib);
  }
}

/* --- files ------------------------------------------------------------------------------------ */

static gboolean
write_csv (const char *folder, const GPtrArray *samples, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "bench.csv", NULL);
  FILE *out = g_fopen (path, "w");
  if (!out)
    return ts_throw_errno (error, "make %s", path);
  fputs ("part,contender,round,wall_us,cpu_us,data_bytes,wire_bytes,stages,skipped\n", out);
  for (guint i = 0; i < samples->len; i++) {
    const TsBenchSample *s = samples->pdata[i];
    g_autofree char *why = g_strdup (s->skipped ? s->skipped : "");
    g_strdelimit (why, "\"\n", '\'');
    fprintf (out,
             "\"%s\",\"%s\",%u,%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%" G_GUINT64_FORMAT
             ",%" G_GUINT64_FORMAT ",\"%s\",\"%s\"\n",
             s->part, s->contender, s->round, s->wall_us, s->cpu_us, s->data_bytes, s->wire_bytes,
             s->stages ? s->stages : "", why);
  }
  return fclose (out) == 0 || ts_throw_errno (error, "write %s", path);
}

/* A bar per contender: throughput, with its spread.  Data and script are kept beside it. */
static gboolean
write_plot (const char *folder, const GArray *rows, guint part, const char *name, GError **error)
{
  g_autofree char *base = g_strdup_printf ("bench-%02u", part);
  g_autofree char *tsv = g_strdup_printf ("%s/%s.tsv", folder, base);
  g_autofree char *gp = g_strdup_printf ("%s/%s.gp", folder, base);
  guint bars = 0;
  GString *data = g_string_new ("contender\tMiB_per_s\tleast\tmost\tcpu_s_per_GiB\n");
  for (guint i = 0; i < rows->len; i++) {
    const Row *row = &g_array_index (rows, Row, i);
    if (row->turns == 0 || !g_str_equal (row->part, name))
      continue;
    bars++;
    g_string_append_printf (data, "%s\t%.3f\t%.3f\t%.3f\t%.4f\n", row->contender,
                            row->data_mib / row->wall_s[0], row->data_mib / row->wall_s[2],
                            row->data_mib / row->wall_s[1], row->cpu_s[0] / row->data_mib * 1024);
  }
  g_autofree char *script = g_strdup_printf (
      "set terminal svg size 800,420 font 'sans,12' background '#ffffff'\n"
      "set output '%s.svg'\nset title \"%s: medians, least and most\"\n"
      "set datafile separator tab\nset style fill solid 0.6\nset boxwidth 0.6\nunset key\n"
      "set yrange [0:*]\nset ylabel 'MiB/s'\nset xtics rotate by -20\nset grid ytics\n"
      "plot '%s.tsv' every ::1 using 0:2:xtic(1) with boxes lc rgb '#4477aa', \\\n"
      "     '' every ::1 using 0:2:3:4 with yerrorbars pt 0 lc rgb '#000000', \\\n"
      "     '' every ::1 using 0:2:(sprintf('%%.2f CPU s/GiB', $5)) with labels offset 0,1\n",
      base, name, base);
  g_autoptr (GError) reason = NULL;
  gboolean fine = g_file_set_contents (tsv, data->str, -1, &reason) &&
                  g_file_set_contents (gp, script, -1, &reason);
  g_string_free (data, TRUE);
  if (!fine)
    return ts_throw (error, TS_ERROR_IO, "%s", reason->message);
  g_autofree char *file = g_path_get_basename (gp);
  g_autofree char *program = g_strdup ("gnuplot");
  char *argv[] = {program, file, NULL};
  if (bars == 0) /* nothing to see */
    return TRUE;
  int status = 0;
  if (!g_spawn_sync (folder, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                     &reason) ||
      !g_spawn_check_wait_status (status, &reason))
    fprintf (stderr, "twinsite bench: no picture of '%s': %s\n", name, reason->message);
  return TRUE;
}

static void
print_machine (const TsBenchOptions *options, FILE *out)
{
  struct utsname system;
  struct statfs fs;
  g_autofree char *load = NULL;
  g_file_get_contents ("/proc/loadavg", &load, NULL, NULL);
  uname (&system);
  const char *kind = statfs (options->folder, &fs) == 0 && fs.f_type == 0x01021994
                         ? "tmpfs: a flush costs nothing there"
                         : "not tmpfs: flushes go to a device";
  fprintf (out, "twinsite %s, Linux %s, %u processors, load %.4s; images in %s (%s)\n", TS_VERSION,
           system.release, g_get_num_processors (), load ? load : "?", options->folder, kind);
}

static gboolean
publish (const char *folder, const char *mode, const TsBenchOptions *options,
         const GPtrArray *samples, GError **error)
{
  g_autoptr (GArray) rows = rows_of (samples);
  g_autofree char *path = g_build_filename (folder, "bench.txt", NULL);
  if (g_mkdir_with_parents (folder, 0755) < 0)
    return ts_throw_errno (error, "make %s", folder);
  FILE *out = g_fopen (path, mode);
  if (!out)
    return ts_throw_errno (error, "make %s", path);
  print_machine (options, out);
  print_table (rows, out);
  fclose (out);
  print_table (rows, stdout);
  if (!write_csv (folder, samples, error))
    return FALSE;
  guint parts = 0;
  for (guint i = 0; i < rows->len; i++) {
    const char *part = g_array_index (rows, Row, i).part;
    if (i == 0 || !g_str_equal (part, g_array_index (rows, Row, i - 1).part))
      if (!write_plot (folder, rows, ++parts, part, error))
        return FALSE;
  }
  printf ("\nall turns, table and plots: %s\n", folder);
  return TRUE;
}

/* Ours has to have figures; a peer may be missing. */
static int
judge (const GPtrArray *samples)
{
  int status = TS_EXIT_PASSED;
  for (guint i = 0; i < samples->len; i++) {
    const TsBenchSample *s = samples->pdata[i];
    if (s->skipped && g_str_has_prefix (s->contender, TS_BENCH_OURS))
      status = ts_exit_worse (status, s->failed ? TS_EXIT_FAILED : TS_EXIT_UNAVAILABLE);
  }
  return status;
}

/* --- the command ------------------------------------------------------------------------------ */

static void
heard (const TsBenchSample *sample, gpointer user)
{
  if (sample->skipped)
    printf ("  %u  %-22s %-22s skipped: %s\n", sample->round, sample->part, sample->contender,
            sample->skipped);
  else
    printf ("  %u  %-22s %-22s %8.3f s, %7.3f s of CPU, %8.1f MiB on the wire%s%s\n", sample->round,
            sample->part, sample->contender, (double)sample->wall_us / TS_S,
            (double)sample->cpu_us / TS_S, (double)sample->wire_bytes / MIB,
            sample->stages ? "; " : "", sample->stages ? sample->stages : "");
  fflush (stdout);
}

static gboolean
parse_parts (const char *text, guint *parts)
{
  static const struct {
    const char *name;
    guint part;
  } known[] = {{"initial", TS_BENCH_INITIAL},
               {"delta", TS_BENCH_DELTA},
               {"resync", TS_BENCH_RESYNC},
               {"guest", TS_BENCH_GUEST},
               {"storage", TS_BENCH_STORAGE}};
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  *parts = 0;
  for (guint i = 0; words[i]; i++) {
    guint found = 0;
    for (guint k = 0; k < G_N_ELEMENTS (known); k++)
      if (g_str_equal (words[i], known[k].name))
        found = known[k].part;
    if (!found)
      return FALSE;
    *parts |= found;
  }
  return *parts != 0;
}

int
ts_command_bench (int argc, char **argv)
{
  g_autofree char *size = NULL, *folder = NULL, *out = NULL, *only = NULL, *cases = NULL,
                  *image = NULL, *machines = NULL;
  int rounds = 3;
  gboolean no_peers = FALSE, compress = FALSE;
  const GOptionEntry entries[] = {
      {"size", 0, 0, G_OPTION_ARG_STRING, &size, "of the image (2GiB)", "BYTES"},
      {"rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "turns of each contender (3)", "N"},
      {"only", 0, 0, G_OPTION_ARG_STRING, &only,
       "simulator, initial, delta, resync, guest, storage", "PART,..."},
      {"machines", 0, 0, G_OPTION_ARG_STRING, &machines,
       "simulator: how many (" TS_BENCH_MACHINES "); 10000 takes minutes", "N,..."},
      {"cases", 0, 0, G_OPTION_ARG_STRING, &cases,
       "deltas, in percent and KiB (1:64,5:64,20:64,1:4,5:4,20:4)", "P:K,..."},
      {"no-peers", 0, 0, G_OPTION_ARG_NONE, &no_peers, "only ours", NULL},
      {"compressed", 0, 0, G_OPTION_ARG_NONE, &compress, "ours also with compression", NULL},
      {"folder", 0, 0, G_OPTION_ARG_FILENAME, &folder, "where images lie (/dev/shm)", "DIR"},
      {"image", 0, 0, G_OPTION_ARG_FILENAME, &image, "a raw image instead of one made of /usr",
       "FILE"},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "for table, CSV and plots (results/runs/bench)",
       "DIR"},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (entries, "",
                           "Measures the data path beside what people use today (as root), and the simulator.", &argc,
                           &argv, &status))
    return status;
  if (argc > 1)
    return ts_command_usage ("bench", "'%s' is nothing that it takes", argv[1]);
  TsBenchOptions options = {.size_bytes = 2048 * TS_MIB,
                            .rounds = (guint)rounds,
                            .folder = folder ? folder : "/dev/shm",
                            .image = image,
                            .cases = cases ? cases : "1:64,5:64,20:64,1:4,5:4,20:4",
                            .compress = compress,
                            .no_peers = no_peers};
  g_autoptr (GError) error = NULL;
  g_autofree char *parts = g_strdup (only ? only : "simulator,initial,delta,resync,guest,storage");
  gboolean simulator = take_word (&parts, "simulator");
  if (*parts != '\0' && !parse_parts (parts, &options.parts))
    return ts_command_usage (
        "bench", "--only takes simulator, initial, delta, resync, guest and storage, not '%s'", only);
  if (size && !ts_parse_size (size, &options.size_bytes, &error))
    return ts_command_usage ("bench", "--size: %s", error->message);
  if (options.size_bytes < 64 * TS_MIB || options.size_bytes % TS_MIB)
    return ts_command_usage ("bench", "--size: a multiple of 1 MiB, 64 MiB or more");
  if (rounds < 1)
    return ts_command_usage ("bench", "--rounds: 1 or more");
  g_autofree char *results = g_canonicalize_filename (out ? out : "results/runs/bench", NULL);
  if (simulator && !bench_simulator (results, machines ? machines : TS_BENCH_MACHINES, &error))
    return ts_command_error (error);
  if (options.parts == 0) {
    printf ("\ntable, figures and picture: %s\n", results);
    return TS_EXIT_PASSED;
  }
  print_machine (&options, stdout);
  fflush (stdout);
  if (!ts_bench_enter (&options, &error))
    return ts_command_error (error);
  g_autoptr (GPtrArray) samples =
      g_ptr_array_new_with_free_func ((GDestroyNotify)ts_bench_sample_free);
  gboolean fine = ts_bench_run_all (&options, samples, heard, NULL, &error);
  if (samples->len > 0 && !publish (results, simulator ? "a" : "w", &options, samples,
                                      fine ? &error : NULL))
    fine = FALSE;
  return fine ? judge (samples) : ts_command_error (error);
}

#else

int
ts_command_bench (int argc, char **argv)
{
  g_autofree char *out = NULL, *only = NULL, *machines = NULL;
  const GOptionEntry entries[] = {
      {"only", 0, 0, G_OPTION_ARG_STRING, &only, "simulator: this twinsite was built without the lab",
       "simulator"},
      {"machines", 0, 0, G_OPTION_ARG_STRING, &machines,
       "how many (" TS_BENCH_MACHINES "); 10000 takes minutes", "N,..."},
      {"out", 0, 0, G_OPTION_ARG_FILENAME, &out, "for table, CSV and plots (results/runs/bench)",
       "DIR"},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  g_autoptr (GError) error = NULL;
  if (!ts_command_options (entries, "", "Measures the simulator.", &argc, &argv, &status))
    return status;
  if (argc > 1 || !only || !take_word (&only, "simulator") || *only != '\0')
    return ts_command_usage ("bench", "this twinsite was built without the lab: only --only simulator");
  g_autofree char *results = g_canonicalize_filename (out ? out : "results/runs/bench", NULL);
  if (!bench_simulator (results, machines ? machines : TS_BENCH_MACHINES, &error))
    return ts_command_error (error);
  printf ("\ntable, figures and picture: %s\n", results);
  return TS_EXIT_PASSED;
}
#endif

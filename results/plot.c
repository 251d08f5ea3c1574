#include "results/plot.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "results/file.h"
#include "results/preamble-text.h"
#include "results/series.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAW_LIMIT_S 60

/* --- data ------------------------------------------------------------------------------------- */

/* A cell: what would end it, or its row, becomes a space; an empty one is "-". */
static void
put_cell (GString *tsv, const char *text)
{
  for (const char *at = text; *at; at++)
    g_string_append_c (tsv, (guchar)*at < 0x20 || *at == '"' ? ' ' : *at);
  if (!*text)
    g_string_append_c (tsv, '-');
}

static char *
curve_tsv (const TsJournal *journal, const char *header, GArray *(*curve) (const TsFacts *))
{
  g_autoptr (GString) tsv = g_string_new (header);
  g_auto (GStrv) vms = ts_facts_vms (journal);
  for (guint i = 0; vms[i]; i++) {
    g_autoptr (TsFacts) facts = ts_facts_new (journal, vms[i]);
    g_autoptr (GArray) vertices = curve (facts);
    for (guint j = 0; j < vertices->len; j++) {
      const TsVertex *vertex = &g_array_index (vertices, TsVertex, j);
      put_cell (tsv, vms[i]);
      g_string_append_printf (tsv, "\t%" G_GINT64_FORMAT "\t%" G_GINT64_FORMAT "\n", vertex->t_us,
                              vertex->value);
    }
  }
  return g_string_free (g_steal_pointer (&tsv), FALSE);
}

char *
ts_plot_exposure_tsv (const TsJournal *journal)
{
  return curve_tsv (journal, "vm\tt_us\texposure_us\n", ts_curve_exposure);
}

char *
ts_plot_pending_tsv (const TsJournal *journal)
{
  return curve_tsv (journal, "vm\tt_us\tpending_bytes\n", ts_curve_pending);
}

char *
ts_plot_bandwidth_tsv (const TsJournal *journal)
{
  return curve_tsv (journal, "vm\tt_us\twire_bytes_per_s\n", ts_curve_rate);
}

char *
ts_plot_throughput_tsv (const TsJournal *journal)
{
  g_autoptr (GString) tsv =
      g_string_new ("vm\tt_us\tset\tdata_bytes\twire_bytes\ttransfer_us\twire_bytes_per_s\n");
  g_auto (GStrv) vms = ts_facts_vms (journal);
  for (guint i = 0; vms[i]; i++) {
    g_autoptr (TsFacts) facts = ts_facts_new (journal, vms[i]);
    g_autoptr (GArray) sets = ts_curve_sent (facts);
    for (guint j = 0; j < sets->len; j++) {
      const TsSent *sent = &g_array_index (sets, TsSent, j);
      const gint64 numbers[] = {sent->t_us,       sent->set,         sent->data_bytes,
                                sent->wire_bytes, sent->transfer_us, sent->wire_bytes_per_s};
      put_cell (tsv, vms[i]);
      for (guint k = 0; k < G_N_ELEMENTS (numbers); k++)
        g_string_append_printf (tsv, "\t%" G_GINT64_FORMAT, numbers[k]);
      g_string_append_c (tsv, '\n');
    }
  }
  return g_string_free (g_steal_pointer (&tsv), FALSE);
}

static const char *const lane_kinds[] = {"state", "health"};
static const char *const lane_roles[] = {"primary", "replica"};

static void
put_lane (GString *tsv, guint lane, const char *vm, const char *role, const char *kind,
          const GArray *stretches)
{
  for (guint i = 0; i < stretches->len; i++) {
    const TsStretch *stretch = &g_array_index (stretches, TsStretch, i);
    g_string_append_printf (tsv, "%u\t", lane);
    put_cell (tsv, vm);
    g_string_append_printf (tsv, "\t%s\t%s\t", role, kind);
    put_cell (tsv, stretch->value);
    g_string_append_printf (tsv, "\t%" G_GINT64_FORMAT "\t%" G_GINT64_FORMAT "\n", stretch->from_us,
                            stretch->to_us);
  }
}

char *
ts_plot_lanes_tsv (const TsJournal *journal)
{
  g_autoptr (GString) tsv = g_string_new ("lane\tvm\trole\twhat\tvalue\tfrom_us\tto_us\n");
  g_auto (GStrv) vms = ts_facts_vms (journal);
  guint lane = 0;
  for (guint i = 0; vms[i]; i++) {
    g_autoptr (TsFacts) facts = ts_facts_new (journal, vms[i]);
    for (guint r = 0; r < G_N_ELEMENTS (lane_roles); r++)
      for (guint k = 0; k < G_N_ELEMENTS (lane_kinds); k++) {
        g_autoptr (GArray) stretches = ts_lane (facts, lane_kinds[k], lane_roles[r]);
        if (stretches->len > 0)
          put_lane (tsv, lane++, vms[i], lane_roles[r], lane_kinds[k], stretches);
      }
  }
  return g_string_free (g_steal_pointer (&tsv), FALSE);
}

char *
ts_plot_faults_tsv (const TsJournal *journal)
{
  g_autoptr (GString) tsv = g_string_new ("id\tfault\ttarget\tmode\tfrom_us\tto_us\twhat\tcount\n");
  g_autoptr (GArray) periods = ts_periods (journal);
  for (guint i = 0; i < periods->len; i++) {
    const TsPeriod *period = &g_array_index (periods, TsPeriod, i);
    const char *const texts[] = {period->id, period->fault, period->target, period->mode};
    for (guint j = 0; j < G_N_ELEMENTS (texts); j++) {
      put_cell (tsv, texts[j]);
      g_string_append_c (tsv, '\t');
    }
    g_string_append_printf (tsv, "%" G_GINT64_FORMAT "\t%" G_GINT64_FORMAT "\t", period->from_us,
                            period->to_us);
    put_cell (tsv, period->what ? period->what : "");
    g_string_append_printf (tsv, "\t%" G_GINT64_FORMAT "\n", period->count);
  }
  return g_string_free (g_steal_pointer (&tsv), FALSE);
}

/* --- scripts ---------------------------------------------------------------------------------- */

/* In single quotes: there gnuplot runs no `command` and knows no escape but the doubled quote. */
static void
put_quoted (GString *gp, const char *text)
{
  g_string_append_c (gp, '\'');
  for (const char *at = text; *at; at++) {
    if (*at == '\'')
      g_string_append_c (gp, '\'');
    g_string_append_c (gp, (guchar)*at < 0x20 ? ' ' : *at);
  }
  g_string_append_c (gp, '\'');
}

static void
put_seconds (GString *gp, gint64 us)
{
  g_string_append_printf (gp, "%" G_GINT64_FORMAT ".%06d", us / TS_S, (int)(us % TS_S));
}

static void
put_shade (GString *gp, guint number, const TsPeriod *period, gint64 end_us)
{
  g_autofree char *label = g_strdup_printf ("%s: %s %s", period->id, period->target, period->mode);
  g_string_append_printf (gp, "set object %u rectangle from first ", number);
  put_seconds (gp, period->from_us);
  g_string_append (gp, ", graph 0 to first ");
  put_seconds (gp, period->to_us);
  g_string_append (gp, ", graph 1 behind fillcolor rgb '#f6d8b8' fillstyle solid 0.55 noborder\n");
  g_string_append_printf (gp, "set label %u ", number);
  put_quoted (gp, label);
  g_string_append (gp, " at first ");
  put_seconds (gp, period->from_us);
  gboolean late = period->from_us > end_us / 4 * 3; /* a label to the right would leave the plot */
  g_string_append_printf (gp, ", graph %.2f %s textcolor rgb '#8a4b00' noenhanced\n",
                          0.96 - 0.05 * ((number - 1) % 4),
                          late ? "right offset -0.4,0" : "left offset 0.4,0");
}

char *
ts_plot_run_gp (const TsVerdict *verdict, const TsJournal *journal)
{
  g_autoptr (GString) gp = g_string_new ("# title and fault periods of this run\nset title ");
  g_autofree char *title = g_strdup_printf ("%s on %s, seed %" G_GUINT64_FORMAT ", commit %s: %s",
                                            verdict->scenario, verdict->engine, verdict->seed,
                                            verdict->commit, ts_verdict_name (verdict->kind));
  g_autoptr (GArray) periods = ts_periods (journal);
  g_auto (GStrv) vms = ts_facts_vms (journal);
  put_quoted (gp, title);
  g_string_append (gp, " noenhanced\nend_s = ");
  put_seconds (gp, MAX (ts_journal_end_us (journal), TS_S));
  g_string_append_printf (gp, "\nset xrange [0:end_s]\nvms = %u\narray vm[%u]\n",
                          g_strv_length (vms), MAX (g_strv_length (vms), 1));
  for (guint i = 0; vms[i]; i++) {
    g_string_append_printf (gp, "vm[%u] = ", i + 1);
    put_quoted (gp, vms[i]);
    g_string_append_c (gp, '\n');
  }
  for (guint i = 0; i < periods->len; i++)
    put_shade (gp, i + 1, &g_array_index (periods, TsPeriod, i), ts_journal_end_us (journal));
  return g_string_free (g_steal_pointer (&gp), FALSE);
}

#define HEAD(name) "name = '" name "'\nload 'preamble.gp'\nload 'run.gp'\n"
/* A row of another VM is no number, and a line ends there. */
#define OF_VM "(strcol(1) eq vm[i] ? column(2)/1e6 : NaN)"
#define EACH "plot for [i=1:vms] "

static const struct {
  const char *name;
  char *(*data) (const TsJournal *journal);
  const char *script; /* NULL: data only */
} plots[] = {
    {"exposure", ts_plot_exposure_tsv,
     HEAD ("exposure") "set ylabel 'exposure [s]'\n" EACH "'exposure.tsv' skip 1 using " OF_VM
                       ":(column(3)/1e6) with lines linetype i title vm[i]\n"},
    {"pending", ts_plot_pending_tsv,
     HEAD ("pending") "set ylabel 'pending [MiB]'\n" EACH "'pending.tsv' skip 1 using " OF_VM
                      ":(column(3)/1048576.0) with steps linetype i title vm[i]\n"},
    {"bandwidth", ts_plot_bandwidth_tsv,
     HEAD ("bandwidth") "set ylabel 'on the wire [MiB/s]'\n" EACH
                        "'bandwidth.tsv' skip 1 using " OF_VM
                        ":(column(3)/1048576.0) with steps linetype i title vm[i]\n"},
    {"throughput", ts_plot_throughput_tsv,
     HEAD ("throughput") "set ylabel 'wire bytes of a set [MiB]'\n" EACH
                         "'throughput.tsv' skip 1 using " OF_VM
                         ":(column(5)/1048576.0) with impulses linetype i title vm[i], for "
                         "[i=1:vms] 'throughput.tsv' skip 1 using " OF_VM
                         ":(column(5)/1048576.0) with points linetype i pointtype 7 pointsize 0.5 "
                         "notitle\n"},
    {"lanes", ts_plot_lanes_tsv,
     HEAD ("lanes") "set yrange [*:*] reverse\nset offsets 0,0,0.6,0.6\nset key off\n"
                    "set lmargin 30\n"
                    "colour(v) = v eq 'normal' || v eq 'replicating' ? 0x009e73 : v eq 'warning' "
                    "|| v eq 'initial' || v eq 'suspended' || v eq 'resynchronizing' ? 0xe69f00 : "
                    "v eq 'critical' || v eq 'error' || v eq 'resync-required' ? 0xd55e00 : "
                    "v eq 'recovered' || v eq 'committed' || v eq 'prepared' ? 0x0072b2 : "
                    "0x999999\n"
                    "plot 'lanes.tsv' skip 1 using (column(6)/1e6):1:((column(7)-column(6))/1e6):"
                    "(0):(colour(strcol(5))):ytic(strcol(2).' '.strcol(3).' '.strcol(4)) with "
                    "vectors nohead linewidth 14 linecolor rgb variable, "
                    "'lanes.tsv' skip 1 using (column(7)-column(6) < end_s*8e4 ? NaN : "
                    "column(6)/1e6):(column(1)-0.42):5 with labels left "
                    "font ',9' textcolor rgb '#444444'\n"},
    {"faults", ts_plot_faults_tsv, NULL},
};

static gboolean
write_one (const char *folder, const char *name, const char *suffix, const char *text,
           GError **error)
{
  g_autofree char *file = g_strconcat (name, suffix, NULL);
  return ts_file_replace (folder, file, text, error);
}

gboolean
ts_plot_write (const TsVerdict *verdict, const TsJournal *journal, const char *folder,
               GError **error)
{
  g_autofree char *into = g_build_filename (folder, "plots", NULL);
  g_autofree char *run = ts_plot_run_gp (verdict, journal);
  if (g_mkdir (into, 0755) != 0 && errno != EEXIST)
    return ts_throw_errno (error, "make folder %s", into);
  if (!write_one (into, "preamble", ".gp", preamble_text, error) ||
      !write_one (into, "run", ".gp", run, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (plots); i++) {
    g_autofree char *data = plots[i].data (journal);
    if (!write_one (into, plots[i].name, ".tsv", data, error) ||
        (plots[i].script && !write_one (into, plots[i].name, ".gp", plots[i].script, error)))
      return FALSE;
  }
  return TRUE;
}

/* --- gnuplot ---------------------------------------------------------------------------------- */

/* Between fork and exec.  The alarm stays over exec and ends a gnuplot that hangs. */
static void
limit_child (gpointer data)
{
  alarm (DRAW_LIMIT_S);
}

static gboolean
draw_one (const char *gnuplot, const char *into, const char *name, gboolean png, GError **error)
{
  g_autofree char *script = g_strconcat (name, ".gp", NULL);
  const char *const argv[] = {gnuplot, "-d", "-e", png ? "png = 1" : "set encoding utf8",
                              script,  NULL};
  g_autofree char *said = NULL;
  g_autoptr (GError) why = NULL;
  int status;
  if (!g_spawn_sync (into, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, limit_child, NULL, NULL,
                     &said, &status, &why))
    return ts_throw (error, TS_ERROR_IO, "start %s: %s", gnuplot, why->message);
  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGALRM)
    return ts_throw (error, TS_ERROR_IO, "gnuplot %s: not done after %d s", script, DRAW_LIMIT_S);
  if (g_spawn_check_wait_status (status, &why))
    return TRUE;
  g_strstrip (said);
  const char *line = strrchr (said, '\n'); /* what precedes it shows the place */
  line = line ? line + 1 : said;
  return ts_throw (error, TS_ERROR_IO, "gnuplot %s: %s", script, *line ? line : why->message);
}

gboolean
ts_plot_draw_script (const char *folder, const char *name, gboolean png, GError **error)
{
  g_autofree char *gnuplot = g_find_program_in_path ("gnuplot");
  g_autofree char *into = g_build_filename (folder, "plots", NULL);
  if (!gnuplot)
    return ts_throw (error, TS_ERROR_UNAVAILABLE, "gnuplot is not in PATH (package gnuplot-nox)");
  return draw_one (gnuplot, into, name, FALSE, error) &&
         (!png || draw_one (gnuplot, into, name, TRUE, error));
}

gboolean
ts_plot_draw (const char *folder, gboolean png, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (plots); i++)
    if (plots[i].script && !ts_plot_draw_script (folder, plots[i].name, png, error))
      return FALSE;
  return TRUE;
}

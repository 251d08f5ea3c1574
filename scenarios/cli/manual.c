/* scenarios/cli/manual.c -- twinsite manual PAGE, and the two pages */
#include "scenarios/cli/manual.h"
#include <stdio.h>
#include <string.h>
#include "results/metrics.h"
#include "scenarios/cli/command.h"
#include "scenarios/engine/predicate.h"
#include "scenarios/engine/schema.h"

/* ---- roff ---- */

/* Appends text as words: nothing in it is taken for a request or an escape. */
static void
roff_words (GString *out, const char *text)
{
  gboolean line_begins = out->len == 0 || out->str[out->len - 1] == '\n';
  for (const char *at = text; *at != '\0'; at++) {
    if (line_begins && (*at == '.' || *at == '\''))
      g_string_append (out, "\\&");
    line_begins = *at == '\n';
    if (*at == '\\')
      g_string_append (out, "\\e");
    else if (*at == '-')
      g_string_append (out, "\\-");
    else if (*at == '|')
      g_string_append (out, "|\\:"); /* a long choice may be broken here */
    else
      g_string_append_c (out, *at);
  }
}

/* Prose: a line that begins with a word and a colon is a line of its own on the page, too. */
static void
roff_prose (GString *out, const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    const char *line = g_strstrip (lines[i]);
    gsize word = strspn (line, "abcdefghijklmnopqrstuvwxyz");
    if (i > 0 && word > 0 && line[word] == ':')
      g_string_append (out, ".br\n");
    roff_words (out, line);
    g_string_append_c (out, '\n');
  }
}

/* A section's heading, from any text: as all manual pages have it, in capitals. */
static void
roff_section (GString *out, const char *title)
{
  g_autofree char *upper = g_ascii_strup (title, -1);
  g_string_append (out, ".SH \"");
  roff_words (out, upper);
  g_string_append (out, "\"\n");
}

/* A term in bold, what qualifies it in roman, and below it what it means. */
static void
roff_term (GString *out, const char *term, const char *qualifies, const char *meaning)
{
  g_string_append (out, ".TP\n\\fB");
  roff_words (out, term);
  g_string_append (out, "\\fR");
  if (qualifies[0] != '\0') {
    g_string_append_c (out, ' ');
    roff_words (out, qualifies);
  }
  g_string_append_c (out, '\n');
  roff_prose (out, meaning);
}

static void
roff_head (GString *out, const char *name, int section, const char *title, const char *summary)
{
  g_autofree char *upper = g_ascii_strup (name, -1);
  g_string_append_printf (out, ".\\\" made from the program's own tables: twinsite manual %s.%d\n",
                          name, section);
  g_string_append_printf (out, ".TH %s %d \"\" \"twinsite %s\" \"%s\"\n.SH NAME\n", upper, section,
                          TS_VERSION, title);
  roff_words (out, name);
  g_string_append (out, " \\- ");
  roff_words (out, summary);
  g_string_append_c (out, '\n');
}

/* ---- twinsite(1) ---- */

static void
append_synopsis (GString *out, const TsCommand *command, const char *arguments)
{
  g_string_append_printf (out, ".na\n.B twinsite %s\n", command->name); /* words are few and long */
  g_string_append (out, "[\\fIOPTION\\fR...] \\fI");
  roff_words (out, arguments);
  g_string_append (out, "\\fR\n.br\n.ad\n");
}

static void
hear_synopsis (const TsCommand *command, const GOptionEntry *entries, const char *arguments,
               const char *summary, gpointer data)
{
  GString *out = data;
  append_synopsis (out, command, arguments);
  g_string_append (out, ".br\n");
}

static void
append_option (GString *out, const GOptionEntry *entry)
{
  g_autoptr (GString) term = g_string_new (NULL);
  if (entry->short_name != '\0')
    g_string_append_printf (term, "-%c, ", entry->short_name);
  g_string_append_printf (term, "--%s%s%s", entry->long_name,
                          entry->arg_description != NULL ? "=" : "",
                          entry->arg_description != NULL ? entry->arg_description : "");
  roff_term (out, term->str, "", entry->description);
}

static void
hear_command (const TsCommand *command, const GOptionEntry *entries, const char *arguments,
              const char *summary, gpointer data)
{
  GString *out = data;
  g_string_append_printf (out, ".SS \"twinsite %s\"\n", command->name);
  append_synopsis (out, command, arguments);
  g_string_append (out, ".PP\n");
  roff_prose (out, summary);
  for (const GOptionEntry *entry = entries; entry != NULL && entry->long_name != NULL; entry++)
    append_option (out, entry);
}

char *
ts_manual_command_page (void)
{
  GString *out = g_string_new (NULL);
  roff_head (out, "twinsite", 1, "User commands",
             "two sites, one replication core, in virtual time and on real machines");
  roff_section (out, "synopsis");
  ts_command_describe (hear_synopsis, out);
  g_string_append (out, ".B twinsite\n\\-\\-help | \\-\\-version\n");
  roff_section (out, "description");
  roff_prose (
      out,
      "Replicates virtual machines from one site to another as Hyper-V Replica does, and tests "
      "how that ends: one scenario file, run by one replication core in virtual time and "
      "on real machines, judged by a ledger of acknowledged writes kept outside both "
      "sites. The language of the files is in twinsite-scenario(5).");
  roff_section (out, "commands");
  ts_command_describe (hear_command, out);
  roff_section (out, "exit status");
  for (guint i = 0; ts_exit_get (i) != NULL; i++) {
    g_autofree char *code = g_strdup_printf ("%d", (int)ts_exit_get (i)->code);
    roff_term (out, code, "", ts_exit_get (i)->help);
  }
  roff_section (out, "files");
  roff_term (
      out, "results/runs/SCENARIO-ENGINE-SEED/", "",
      "a run's folder, below the current one or below --out: scenario.yaml (as it was run), "
      "journal.jsonl, ledger.tsv, metrics.json, metrics.csv, verdict.json, junit.xml, tap.txt, "
      "machine.txt, report.html, plots/");
  roff_section (out, "environment");
  roff_term (
      out, "TWINSITE_GUEST", "",
      "the folder with the guest's vmlinuz and initramfs, when they are elsewhere than where "
      "they were built or installed");
  roff_term (out, "TWINSITE_KEEP", "",
             "when set, the lab leaves a run's working files where they are");
  roff_section (out, "examples");
  g_string_append (out, ".nf\n");
  roff_words (out, "twinsite run scenarios/first-disaster.yaml\n"
                   "twinsite run --on both scenarios/first-disaster.yaml\n"
                   "twinsite run my.yaml --set links.wan.rate=1Mbit/s --seed 7 --twice\n"
                   "twinsite judge results/runs/first-disaster-sim-1\n");
  g_string_append (out, ".fi\n");
  roff_section (out, "see also");
  g_string_append (out, ".BR twinsite\\-scenario (5)\n");
  return g_string_free (out, FALSE);
}

/* ---- twinsite-scenario(5) ---- */

static void
append_row (GString *out, const TsSchemaRow *row)
{
  g_autofree char *type = ts_schema_type_text (row);
  g_autofree char *need = ts_schema_need_text (row);
  g_autofree char *when = ts_schema_when_text (row);
  g_autofree char *qualifies = g_strdup_printf ("%s; %s%s", type, need, when);
  roff_term (out, row->key, qualifies, row->help);
}

static void
append_sections (GString *out)
{
  const char *last = NULL;
  for (guint i = 0; ts_schema_get (i) != NULL; i++) {
    const TsSchemaRow *row = ts_schema_get (i);
    if (last == NULL || !g_str_equal (last, row->section)) {
      last = row->section;
      roff_section (out, last[0] != '\0' ? last : "the file");
    }
    append_row (out, row);
  }
}

char *
ts_manual_scenario_page (void)
{
  GString *out = g_string_new (NULL);
  roff_head (out, "twinsite-scenario", 5, "File formats", "the scenario files of twinsite");
  roff_section (out, "description");
  roff_prose (
      out, "A scenario is one YAML file: what there is, what happens, what must be true of it. It "
           "is data, not a program; the same file runs in virtual time and on real machines. "
           "Unknown and duplicate keys, quantities without unit, names that are not there, steps "
           "that wait for each other, anchors and tags are refused, each with its place.");
  g_string_append (out, ".PP\n");
  roff_prose (out,
              "A step begins when the one before it is done, unless it says after or at. After the "
              "last step all faults are healed and every protected machine must settle within "
              "limits.settle. A limit of an expectation is a quantity (5s), another metric of the "
              "same unit (exposure.at_disaster), or a sum of them (2 * interval + 500ms).");
  append_sections (out);
  roff_section (out, "actions");
  for (gint verb = 0; verb < TS_DO_COUNT; verb++)
    roff_term (out, ts_verb_name ((TsVerb)verb), "", ts_verb_help ((TsVerb)verb));
  roff_section (out, "metrics");
  guint count = ts_metric_count ();
  const TsMetric *metric;
  for (guint i = 0; (metric = i < count ? ts_metric_get (i) : ts_metric_family (i - count)) != NULL;
       i++) {
    g_autofree char *unit = g_strdup_printf ("(%s)", ts_unit_name (metric->unit));
    roff_term (out, metric->name, unit, metric->help);
  }
  roff_section (out, "example");
  g_string_append (out, ".nf\n");
  roff_words (out, "scenario: 1\n"
                   "name: my-first\n"
                   "sites: {paris: {}, lyon: {}}\n"
                   "hosts: {hv-paris: {site: paris}, hv-lyon: {site: lyon}}\n"
                   "vms:\n"
                   "  app: {host: hv-paris, disks: {system: {size: 64MiB, fill: 4MiB}}}\n"
                   "workloads: {orders: {vm: app, disks: [system], rate: 20/s}}\n"
                   "links: {wan: {between: [paris, lyon], rate: 10Mbit/s, delay: 40ms}}\n"
                   "policies: {gold: {frequency: 30s}}\n"
                   "steps:\n"
                   "  - {id: protect, do: protect, vm: app, policy: gold, to: hv-lyon}\n"
                   "  - {id: replicating, wait: {state: replicating, vm: app}, within: 10m}\n"
                   "  - {id: cycles, wait: {cycles: 5, vm: app}, within: 10m}\n"
                   "expect:\n"
                   "  - {id: in-time, metric: cycles.missed, equals: 0}\n");
  g_string_append (out, ".fi\n");
  roff_section (out, "see also");
  g_string_append (out, ".BR twinsite (1)\n");
  return g_string_free (out, FALSE);
}

/* ---- twinsite manual ---- */

static const struct {
  const char *name;
  char *(*make) (void);
} pages[] = {
    {"twinsite.1", ts_manual_command_page},
    {"twinsite-scenario.5", ts_manual_scenario_page},
    {"bash", ts_completion_bash},
    {"zsh", ts_completion_zsh},
};

int
ts_command_manual (int argc, char **argv)
{
  int status;
  if (!ts_command_options (
          NULL, "twinsite.1|twinsite-scenario.5|bash|zsh",
          "Prints a page of the manual in roff (man -l shows it), or what completes "
          "this command in a shell.",
          &argc, &argv, &status))
    return status;
  if (argc != 2)
    return ts_command_usage ("manual", "name a page");
  const char *words[G_N_ELEMENTS (pages) + 1] = {NULL};
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++) {
    words[i] = pages[i].name;
    if (!g_str_equal (pages[i].name, argv[1]))
      continue;
    g_autofree char *text = pages[i].make ();
    fputs (text, stdout);
    return fflush (stdout) == 0 ? TS_EXIT_PASSED : TS_EXIT_INTERNAL;
  }
  g_autofree char *hint = ts_suggest_text (argv[1], words);
  return ts_command_usage ("manual", "there is no '%s'%s", argv[1], hint);
}

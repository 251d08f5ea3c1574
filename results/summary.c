#include "results/summary.h"
#include <string.h>

#define LABEL_CHARS 22
#define WIDTH_CHARS 100
#define GAP_CHARS 2
#define COLUMNS_MAX 3

/* --- cells ------------------------------------------------------------------------------------ */

/* The metric for people; "-" when the run does not tell it. */
static char *
figure (const TsVerdict *verdict, const char *name)
{
  const TsMetric *metric = ts_metric_find (name);
  g_auto (TsMeasure) measure = {0};
  g_assert (metric);
  ts_verdict_figure (verdict, metric, &measure);
  if (measure.kind == TS_MEASURE_UNKNOWN)
    return g_strdup ("-");
  if (measure.kind == TS_MEASURE_NEVER)
    return g_strdup ("never");
  return ts_measure_format (&measure, metric->unit);
}

/* Every metric in names, "a / b / c". */
static char *
figures (const TsVerdict *verdict, const char *const *names)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; names[i]; i++) {
    g_autofree char *one = figure (verdict, names[i]);
    g_string_append_printf (text, "%s%s", i > 0 ? " / " : "", one);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
invariants_cell (const TsVerdict *verdict)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint hold = 0;
  for (guint i = 0; i < verdict->invariants->len; i++) {
    const TsInvariantFinding *one = verdict->invariants->pdata[i];
    hold += one->holds;
    if (!one->holds)
      g_string_append_printf (text, "; %s %s", one->name,
                              one->allowed ? "broke (allowed)" : "BROKE");
  }
  if (verdict->invariants->len == 0)
    return g_strdup ("-");
  g_autofree char *head = g_strdup_printf ("%u of %u hold", hold, verdict->invariants->len);
  g_string_prepend (text, head);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
expectations_cell (const TsVerdict *verdict)
{
  guint met = 0, must_fail = 0;
  for (guint i = 0; i < verdict->findings->len; i++) {
    const TsFinding *one = verdict->findings->pdata[i];
    gboolean as_wanted = one->conclusive && one->passed != one->must_fail;
    met += as_wanted;
    must_fail += one->must_fail && as_wanted;
  }
  g_autofree char *note =
      must_fail > 0 ? g_strdup_printf (" (%u failed, as it must)", must_fail) : g_strdup ("");
  return g_strdup_printf ("%u of %u met%s", met, verdict->findings->len, note);
}

static char *
verdict_cell (const TsVerdict *verdict)
{
  g_autofree char *name = g_ascii_strup (ts_verdict_name (verdict->kind), -1);
  return g_strdup_printf ("%s (exit code %d)", name, verdict->exit_code);
}

/* A machine of the user's own: what its own records tell, and what nothing does. */
static char *
not_judged_cell (const TsVerdict *verdict)
{
  g_auto (TsMeasure) records = {0}, writes = {0};
  ts_verdict_figure (verdict, ts_metric_find ("records.acked"), &records);
  ts_verdict_figure (verdict, ts_metric_find ("loss.lost"), &writes);
  if (records.kind != TS_MEASURE_VALUE || writes.kind != TS_MEASURE_UNKNOWN)
    return g_strdup ("-");
  return g_strdup_printf ("writes and blocks: %s", writes.why);
}

static char *
engine_cell (const TsVerdict *verdict)
{
  g_autofree char *scale = verdict->time_scale > 1
                               ? g_strdup_printf (" (time / %u)", verdict->time_scale)
                               : g_strdup ("");
  const char *name = strcmp (verdict->engine, "sim") == 0 ? "simulator" : verdict->engine;
  return g_strdup_printf ("%s%s", name, scale);
}

/* Those behind the first of each VM: "2: RPO 0, RTO 4.2 s, lost 0". */
static char *
failovers_cell (const TsVerdict *verdict)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < verdict->figures->len; i++) {
    const TsVmFigures *figures = verdict->figures->pdata[i];
    for (guint n = 2; n <= figures->failovers->len; n++) {
      const TsFailoverFigures *failover = figures->failovers->pdata[n - 1];
      g_autofree char *rpo = ts_measure_format (&failover->measures[TS_FAILOVER_RPO], TS_UNIT_US);
      g_autofree char *rto = ts_measure_format (&failover->measures[TS_FAILOVER_RTO], TS_UNIT_US);
      g_autofree char *lost =
          ts_measure_format (&failover->measures[TS_FAILOVER_LOST], TS_UNIT_COUNT);
      g_string_append_printf (text, "%s%s%s%u: RPO %s, RTO %s, lost %s", text->len ? "; " : "",
                              verdict->figures->len > 1 ? figures->vm : "",
                              verdict->figures->len > 1 ? " " : "", n, rpo, rto, lost);
    }
  }
  return text->len ? g_string_free (g_steal_pointer (&text), FALSE) : g_strdup ("-");
}

static char *
vms_cell (const TsVerdict *verdict)
{
  return g_strdup_printf ("%u", verdict->figures->len);
}

/* --- rows ------------------------------------------------------------------------------------- */

typedef struct {
  const char *label;
  const char *metrics[6];                   /* NULL-terminated, or ... */
  char *(*cell) (const TsVerdict *verdict); /* ... what makes the cell */
} Row;

static const Row rows[] = {
    {"states, primary", {"states.primary"}, NULL},
    {"states, replica", {"states.replica"}, NULL},
    {"health worst / end", {"health.worst", "health.end"}, NULL},
    {"cycles ok/missed/due", {"cycles.success", "cycles.missed", "cycles.due"}, NULL},
    {"recovery points", {"points"}, NULL},
    {"bytes", {NULL}, NULL},
    {"  copy/changed/wire", {"bytes.copy", "bytes.data", "bytes.wire"}, NULL},
    {"  pending, most", {"pending.max"}, NULL},
    {"transfer max / p95", {"transfer.max", "transfer.p95"}, NULL},
    {"exposure max / p95", {"exposure.max", "exposure.p95"}, NULL},
    {"  at the disaster", {"exposure.at_disaster"}, NULL},
    {"achieved RPO", {"rpo.achieved"}, NULL},
    {"RTO", {"rto"}, NULL},
    {"  detect / decide", {"rto.detect", "rto.decide"}, NULL},
    {"  promote/boot/probe", {"rto.promote", "rto.boot", "rto.probe"}, NULL},
    {"lost writes, flushed", {"loss.lost", "loss.bytes"}, NULL},
    {"  unflushed, apart", {"loss.unflushed", "loss.unflushed_bytes"}, NULL},
    {"  torn / corrupt", {"loss.torn", "loss.corrupt"}, NULL},
    {"  stale / phantom", {"loss.stale", "loss.phantom"}, NULL},
    {"  order / instant", {"loss.order", "loss.instant"}, NULL},
    {"  of the point / fill", {"loss.point", "loss.fill"}, NULL},
    {"later failovers", {NULL}, failovers_cell},
    {"lost records", {"loss.records"}, NULL},
    {"  acked / survived", {"records.acked", "records.survived"}, NULL},
    {"  not judged", {NULL}, not_judged_cell},
    {"sites differ, bytes", {"compare.differing"}, NULL},
    {"invariants", {NULL}, invariants_cell},
    {"expectations", {NULL}, expectations_cell},
    {"verdict", {NULL}, verdict_cell},
};

/* --- the table -------------------------------------------------------------------------------- */

/* How many bytes of text fit into width characters: up to a space, or hard when there is none. */
static gsize
fit (const char *text, glong width)
{
  if (g_utf8_strlen (text, -1) <= width)
    return strlen (text);
  const char *limit = g_utf8_offset_to_pointer (text, width);
  for (const char *at = limit; at > text; at--)
    if (*at == ' ')
      return (gsize)(at - text);
  return (gsize)(limit - text);
}

static void
put_padded (GString *out, const char *text, gsize len, glong width)
{
  g_string_append_len (out, text, (gssize)len);
  for (glong i = g_utf8_strlen (text, (gssize)len); i < width; i++)
    g_string_append_c (out, ' ');
}

/* A row of cells, as many lines as its longest cell needs. */
static void
put_row (GString *out, const char *label, char *const *cells, guint count)
{
  glong width = (WIDTH_CHARS - LABEL_CHARS) / (glong)count - GAP_CHARS;
  const char *rest[COLUMNS_MAX];
  gboolean more = TRUE;
  for (guint i = 0; i < count; i++)
    rest[i] = cells[i];
  while (more) {
    more = FALSE;
    put_padded (out, label, strlen (label), LABEL_CHARS);
    label = "";
    for (guint i = 0; i < count; i++) {
      gsize len = fit (rest[i], width);
      g_string_append (out, "  ");
      put_padded (out, rest[i], len, width);
      rest[i] += len;
      while (*rest[i] == ' ')
        rest[i]++;
      more = more || *rest[i];
    }
    while (out->str[out->len - 1] == ' ')
      g_string_truncate (out, out->len - 1);
    g_string_append_c (out, '\n');
  }
}

static void
put_made_row (GString *out, const Row *row, const TsVerdict *const *verdicts, guint count)
{
  char *cells[COLUMNS_MAX];
  gboolean told = FALSE;
  if (!row->cell && !row->metrics[0]) {
    g_string_append_printf (out, "%s\n", row->label); /* a heading */
    return;
  }
  for (guint i = 0; i < count; i++) {
    cells[i] = row->cell ? row->cell (verdicts[i]) : figures (verdicts[i], row->metrics);
    told = told || strspn (cells[i], "-/ ") < strlen (cells[i]);
  }
  if (told) /* a row that no run tells says nothing */
    put_row (out, row->label, cells, count);
  for (guint i = 0; i < count; i++)
    g_free (cells[i]);
}

static void
put_rule (GString *out)
{
  for (int i = 0; i < WIDTH_CHARS; i++)
    g_string_append_c (out, '-');
  g_string_append_c (out, '\n');
}

/* Theirs against ours, and below each by how much and why. */
static void
put_published (GString *out, const TsVerdict *verdict, gboolean named)
{
  if (verdict->published->len == 0)
    return;
  g_autofree char *heading =
      named ? g_strdup_printf ("published, %s", verdict->engine) : g_strdup ("published figures");
  char *heads[] = {(char *)"theirs", (char *)"ours", (char *)"difference"};
  put_row (out, heading, heads, G_N_ELEMENTS (heads));
  for (guint i = 0; i < verdict->published->len; i++) {
    const TsPublishedFinding *one = verdict->published->pdata[i];
    char *cells[] = {one->theirs, one->ours, one->difference};
    glong width = WIDTH_CHARS - 2;
    const char *lines[] = {one->what, one->why};
    for (guint l = 0; l < G_N_ELEMENTS (lines); l++) {
      for (const char *rest = lines[l]; *rest;) {
        gsize len = fit (rest, width - (l > 0 ? 2 : 0));
        g_string_append_printf (out, "%s%.*s\n", l > 0 ? "    " : "  ", (int)len, rest);
        for (rest += len; *rest == ' ';)
          rest++;
      }
      if (l == 0)
        put_row (out, "", cells, G_N_ELEMENTS (cells));
    }
  }
  put_rule (out);
}

char *
ts_summary_format (const TsVerdict *const *verdicts, guint count)
{
  g_return_val_if_fail (count >= 1 && count <= COLUMNS_MAX, NULL);
  static const Row engine = {"", {NULL}, engine_cell},
                   vms = {"VMs (worst or sum)", {NULL}, vms_cell};
  g_autoptr (GString) out = g_string_new (NULL);
  gboolean several = FALSE;
  g_string_append_printf (out, "%s, seed %" G_GUINT64_FORMAT ", commit %s\n", verdicts[0]->scenario,
                          verdicts[0]->seed, verdicts[0]->commit);
  put_rule (out);
  put_made_row (out, &engine, verdicts, count);
  put_rule (out);
  for (guint i = 0; i < count; i++)
    several = several || verdicts[i]->figures->len > 1;
  if (several)
    put_made_row (out, &vms, verdicts, count);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    put_made_row (out, &rows[i], verdicts, count);
  put_rule (out);
  for (guint i = 0; i < count; i++)
    put_published (out, verdicts[i], count > 1);
  for (guint i = 0; i < count; i++)
    if (verdicts[i]->kind != TS_VERDICT_PASSED)
      g_string_append_printf (out, "%s\n", verdicts[i]->headline);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* results/coverage.c -- see coverage.h. */
#include "results/coverage.h"

void
ts_coverage_add (TsCoverage *coverage, const TsJournal *journal)
{
  for (guint i = 0; i < journal->records->len; i++) {
    const TsRecord *record = journal->records->pdata[i];
    if (!g_str_equal (record->kind, "verb") && !g_str_equal (record->kind, "refused"))
      continue;
    const char *state_name = ts_record_get_text (record, "state");
    gint state = state_name != NULL ? ts_state_find (state_name) : -1;
    gint ask = ts_ask_find (ts_record_get_text (record, "verb"));
    TsRole role = g_strcmp0 (ts_record_get_text (record, "role"), "replica") == 0 ? TS_ROLE_REPLICA
                                                                                  : TS_ROLE_PRIMARY;
    if (state >= 0 && ask >= 0)
      coverage->reached[role][state][ask]++;
  }
}

/* A number that only some states have. */
static const char *
number (gint value, char text[16])
{
  g_snprintf (text, 16, "%d", value);
  return value < 0 ? "-" : text;
}

/* The verbs that the state allows there, comma between; those reached with how often. */
static char *
verbs (const TsCoverage *coverage, TsRole role, TsState state)
{
  GString *text = g_string_new (NULL);
  for (guint ask = 0; ask < TS_ASK_COUNT; ask++) {
    if (!ts_state_allows (state, role, (TsAsk)ask))
      continue;
    guint64 times = coverage != NULL ? coverage->reached[role][state][ask] : 0;
    g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", ts_ask_name ((TsAsk)ask));
    if (times > 0)
      g_string_append_printf (text, " (%" G_GUINT64_FORMAT ")", times);
  }
  return g_string_free (text, FALSE);
}

static void
format_row (GString *out, const TsCoverage *coverage, TsState state, TsRole role, gboolean markdown)
{
  const TsStateRow *row = ts_state_row (state);
  g_autofree char *allowed = verbs (coverage, role, state);
  char powershell[16], collection[16];
  if (*allowed == '\0' && role == TS_ROLE_REPLICA)
    return; /* a state is shown at least once */
  g_string_append_printf (
      out, markdown ? "| %s | %d | %s | %s | %s | %s |\n" : "%-23s %3d  %3s  %3s  %-8s %s\n",
      row->name, (int)state, number (ts_state_powershell (state, role), powershell),
      number (row->collection, collection), ts_role_name (role), *allowed != '\0' ? allowed : "-");
}

static void
format_count (GString *out, const TsCoverage *coverage)
{
  guint cells[2] = {0}, reached[2] = {0}; /* refused, allowed */
  for (guint role = 0; role < 2; role++)
    for (guint state = 0; state < TS_STATE_COUNT; state++)
      for (guint ask = 0; ask < TS_ASK_COUNT; ask++) {
        gboolean allowed = ts_state_allows ((TsState)state, (TsRole)role, (TsAsk)ask);
        cells[allowed]++;
        reached[allowed] += coverage->reached[role][state][ask] > 0;
      }
  g_string_append_printf (out, "\ncells reached: %u of %u allowed, %u of %u refused\n", reached[1],
                          cells[1], reached[0], cells[0]);
}

char *
ts_coverage_format (const TsCoverage *coverage, gboolean markdown)
{
  GString *out = g_string_new (
      markdown
          ? "| state | WMI | PowerShell | collection | side | verbs |\n|---|---|---|---|---|---|\n"
          : "state                   WMI   PS  coll side     verbs\n");
  for (guint state = 0; state < TS_STATE_COUNT; state++)
    for (guint role = 0; role < 2; role++)
      format_row (out, coverage, (TsState)state, (TsRole)role, markdown);
  if (coverage != NULL)
    format_count (out, coverage);
  return g_string_free (out, FALSE);
}

#include "results/facts.h"
#include <string.h>

gboolean
ts_record_is (const TsRecord *record, const char *kind)
{
  return strcmp (record->kind, kind) == 0;
}

gboolean
ts_record_says (const TsRecord *record, const char *key, const char *text)
{
  return g_strcmp0 (ts_record_get_text (record, key), text) == 0;
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

char **
ts_facts_vms (const TsJournal *journal)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *names = g_ptr_array_new ();
  for (guint i = 0; i < journal->records->len; i++) {
    const char *vm = ts_record_get_text (journal->records->pdata[i], "vm");
    if (vm && *vm && g_hash_table_add (seen, (gpointer)vm))
      g_ptr_array_add (names, g_strdup (vm));
  }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (names, FALSE);
}

typedef struct {
  const TsRecord *record;
  guint index;
} Heard;

static gint
compare_heard (gconstpointer a, gconstpointer b)
{
  const Heard *x = a, *y = b;
  if (x->record->t_us != y->record->t_us)
    return x->record->t_us < y->record->t_us ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static GPtrArray *
records_of (const TsJournal *journal, const char *vm)
{
  g_autoptr (GArray) heard = g_array_new (FALSE, FALSE, sizeof (Heard));
  const GArray *indices = ts_journal_of_vm (journal, vm);
  for (guint i = 0; indices && i < indices->len; i++) {
    guint index = g_array_index (indices, guint, i);
    Heard one = {journal->records->pdata[index], index};
    g_array_append_val (heard, one);
  }
  g_array_sort (heard, compare_heard);
  GPtrArray *records = g_ptr_array_new ();
  for (guint i = 0; i < heard->len; i++)
    g_ptr_array_add (records, (gpointer)g_array_index (heard, Heard, i).record);
  return records;
}

/* The first record from from_us on that is told of kind, on host (NULL: any), with key saying text
 * (NULL: whatever it says).  -1: there is none. */
static gint64
first_time (const TsFacts *facts, gint64 from_us, const char *kind, const char *host,
            const char *key, const char *text)
{
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (record->t_us >= from_us && ts_record_is (record, kind) &&
        (!host || ts_record_says (record, "host", host)) &&
        (!key || ts_record_says (record, key, text)))
      return record->t_us;
  }
  return -1;
}

/* Same for a boolean field. */
static gint64
first_claim (const TsFacts *facts, gint64 from_us, const char *kind, const char *host,
             const char *key, gboolean claim)
{
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (record->t_us >= from_us && ts_record_is (record, kind) &&
        (!host || ts_record_says (record, "host", host)) &&
        ts_record_get_int (record, key, -1) == (claim ? 1 : 0))
      return record->t_us;
  }
  return -1;
}

/* Who is turned away has not said for which VM it speaks. */
static void
gather_turned_away (TsFacts *facts, const TsJournal *journal)
{
  facts->turned_away = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (guint i = 0; i < journal->records->len; i++) {
    const TsRecord *record = journal->records->pdata[i];
    if (ts_record_is (record, "refused") && ts_record_says (record, "verb", "connect"))
      g_array_append_val (facts->turned_away, record->t_us);
  }
}

static void
gather_managed (TsFacts *facts, const TsJournal *journal)
{
  static const char *const kinds[] = {"job", "task", "plan_group", "manual_action", "script", "fabric", "failover"};
  facts->managed = g_ptr_array_new ();
  for (guint i = 0; i < journal->records->len; i++)
    for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
      if (ts_record_is (journal->records->pdata[i], kinds[k])) {
        g_ptr_array_add (facts->managed, journal->records->pdata[i]);
        break;
      }
}

static void
gather_points (TsFacts *facts)
{
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (ts_record_is (record, "policy")) {
      facts->is_protected = TRUE;
      facts->interval_us =
          CLAMP (ts_record_get_int (record, "interval_us", -1), -1, TS_TIME_MAX_US);
    }
    if (!ts_record_is (record, "point"))
      continue;
    facts->is_protected = TRUE;
    TsPointStep step = {record->t_us, ts_record_get_int (record, "instant_us", record->t_us)};
    step.instant_us = CLAMP (step.instant_us, -TS_TIME_MAX_US, TS_TIME_MAX_US);
    if (facts->points->len > 0) {
      TsPointStep *last = &g_array_index (facts->points, TsPointStep, facts->points->len - 1);
      if (step.instant_us <= last->instant_us)
        continue; /* an older point that came late takes nothing away */
      if (last->t_us == step.t_us) {
        *last = step;
        continue;
      }
    }
    g_array_append_val (facts->points, step);
  }
}

static void
gather_failover (TsFacts *facts)
{
  const TsRecord *commanded = NULL, *promoted = NULL;
  for (guint i = 0; i < facts->records->len && !promoted; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (!ts_record_is (record, "failover"))
      continue;
    if (ts_record_says (record, "phase", "commanded")) {
      /* until one is promoted, a new command is a new try: the operator's clock runs from the first
       */
      if (!commanded)
        commanded = record;
    } else if (ts_record_says (record, "phase", "promoted")) {
      promoted = record;
    }
  }
  if (!commanded)
    commanded = promoted;
  if (!commanded)
    return;
  facts->commanded_us = commanded->t_us;
  facts->planned = ts_record_get_int (commanded, "planned", 0) != 0;
  if (!promoted)
    return;
  facts->promoted_us = promoted->t_us;
  facts->instant_us = ts_record_get_int (promoted, "instant_us", -1);
  facts->copy = g_strdup (ts_record_get_text (promoted, "host"));
  /* Another recovery point was chosen: what is judged is the copy that stands on that one. */
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (record->t_us >= facts->promoted_us && ts_record_is (record, "failover") &&
        ts_record_says (record, "phase", "changed") && ts_record_says (record, "host", facts->copy))
    {
      facts->instant_us = ts_record_get_int (record, "instant_us", -1);
      facts->changed_us = record->t_us;
    }
  }
}

static void
gather_disaster (TsFacts *facts)
{
  gint64 until_us = facts->commanded_us >= 0 ? facts->commanded_us : G_MAXINT64;
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (record->t_us > until_us)
      break;
    if (!ts_record_is (record, "power") || ts_record_get_int (record, "on", 1) != 0 ||
        !ts_record_says (record, "why", "power lost"))
      continue;
    facts->power_lost_us = record->t_us;
    if (facts->commanded_us < 0)
      break; /* nobody took over: the first is the disaster */
  }
  facts->disaster_us = facts->power_lost_us >= 0 ? facts->power_lost_us : facts->commanded_us;
  if (facts->power_lost_us >= 0)
    facts->probe_failed_us = first_claim (facts, facts->disaster_us, "probe", NULL, "up", FALSE);
}

/* What was told only after a time was not told. */
static void
forget_after (gint64 *t_us, gint64 until_us)
{
  if (*t_us > until_us)
    *t_us = -1;
}

static void
gather_copy (TsFacts *facts)
{
  if (!facts->copy)
    return;
  gint64 from_us = facts->commanded_us;
  gint64 cancelled_us =
      first_time (facts, facts->promoted_us, "failover", facts->copy, "phase", "cancelled");
  gint64 until_us = cancelled_us >= 0 ? cancelled_us : G_MAXINT64;
  facts->copy_on_us = first_claim (facts, from_us, "power", facts->copy, "on", TRUE);
  gint64 last_us = MAX (from_us, facts->changed_us); /* since then the copy is what counts */
  facts->ready_us = first_time (facts, last_us, "guest", facts->copy, "phase", "ready");
  facts->served_us = first_claim (facts, last_us, "probe", facts->copy, "up", TRUE);
  facts->first_survey_us = first_time (facts, from_us, "survey", facts->copy, "phase", "begun");
  gint64 *told[] = {&facts->copy_on_us, &facts->ready_us, &facts->served_us,
                    &facts->first_survey_us};
  for (guint i = 0; i < G_N_ELEMENTS (told); i++)
    forget_after (told[i], until_us);
  for (guint i = 0; i < facts->records->len; i++) { /* disks that it was not to have */
    const TsRecord *record = facts->records->pdata[i];
    const char *names = ts_record_get_text (record, "excluded");
    if (record->t_us > facts->promoted_us || !ts_record_is (record, "disks") || !names ||
        !ts_record_says (record, "host", facts->copy))
      continue;
    g_strfreev (facts->excluded);
    facts->excluded = g_strsplit (names, " ", -1);
  }
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (record->t_us < last_us || record->t_us > until_us || !ts_record_is (record, "survey") ||
        !ts_record_says (record, "host", facts->copy))
      continue;
    if (ts_record_says (record, "phase", "begun")) {
      facts->survey_begun_us = record->t_us;
      facts->survey_done_us = -1;
    } else if (ts_record_says (record, "phase", "done")) {
      facts->survey_done_us = record->t_us;
      facts->fill_blocks = ts_record_get_int (record, "fill_blocks", 0);
      facts->fill_bad = ts_record_get_int (record, "fill_bad", 0);
    }
  }
}

/* Which of the source's promises count: as with the ledger's, those before the operator's command
 * when he took over from a machine that still ran; else all. */
static void
gather_counters (TsFacts *facts)
{
  gboolean running = facts->power_lost_us < 0 && !facts->planned;
  gint64 until_us = running && facts->commanded_us >= 0 ? facts->commanded_us : G_MAXINT64;
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    facts->own |= ts_record_is (record, "image");
    if (!ts_record_is (record, "counter"))
      continue;
    gint64 value = ts_record_get_int (record, "value", -1);
    gboolean copy = facts->copy && ts_record_says (record, "host", facts->copy) &&
                    record->t_us >= facts->commanded_us;
    if (ts_record_says (record, "counter", "acked") && !copy && record->t_us <= until_us &&
        (facts->served_us < 0 || record->t_us <= facts->served_us))
      facts->acked = value;
    else if (ts_record_says (record, "counter", "survived") && copy && facts->survived < 0)
      facts->survived = value; /* of its first start */
  }
}

TsFacts *
ts_facts_new (const TsJournal *journal, const char *vm)
{
  TsFacts *facts = g_new0 (TsFacts, 1);
  gint64 *unknown[] = {
      &facts->interval_us,     &facts->commanded_us,    &facts->promoted_us,
      &facts->instant_us,      &facts->copy_on_us,      &facts->ready_us,
      &facts->served_us,       &facts->power_lost_us,   &facts->probe_failed_us,
      &facts->disaster_us,     &facts->survey_begun_us, &facts->survey_done_us,
      &facts->first_survey_us, &facts->changed_us,      &facts->acked, &facts->survived,
  };
  for (guint i = 0; i < G_N_ELEMENTS (unknown); i++)
    *unknown[i] = -1;
  facts->vm = g_strdup (vm);
  facts->end_us = ts_journal_end_us (journal);
  facts->records = records_of (journal, vm);
  facts->points = g_array_new (FALSE, FALSE, sizeof (TsPointStep));
  gather_turned_away (facts, journal);
  gather_managed (facts, journal);
  gather_points (facts);
  gather_failover (facts);
  gather_disaster (facts);
  gather_copy (facts);
  gather_counters (facts);
  return facts;
}

void
ts_facts_free (TsFacts *facts)
{
  if (!facts)
    return;
  g_free (facts->vm);
  g_free (facts->copy);
  g_strfreev (facts->excluded);
  g_ptr_array_unref (facts->records);
  g_array_unref (facts->points);
  g_array_unref (facts->turned_away);
  g_ptr_array_unref (facts->managed);
  g_free (facts);
}

gint64
ts_facts_protected_until_us (const TsFacts *facts)
{
  return facts->commanded_us >= 0 ? facts->disaster_us : facts->end_us;
}

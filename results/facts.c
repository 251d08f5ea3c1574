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
  for (guint i = facts->from; i < facts->heard_to; i++) {
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
  for (guint i = facts->from; i < facts->heard_to; i++) {
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

/* --- failovers -------------------------------------------------------------------------------- */

typedef struct {
  guint from, to, heard_to;
  gboolean commanded, reversed, cancelled;
  gint64 over_us;
} Episode;

/* The VM's life in episodes: each ends when a failover is taken back or gone on from; the last may hold
 * none. */
static GArray *
episodes (const GPtrArray *records)
{
  GArray *all = g_array_new (FALSE, TRUE, sizeof (Episode));
  Episode now = {.over_us = -1};
  gboolean promoted = FALSE;
  for (guint i = 0; i < records->len; i++) {
    const TsRecord *record = records->pdata[i];
    gboolean of_failover = ts_record_is (record, "failover");
    now.commanded |= of_failover && (ts_record_says (record, "phase", "commanded") ||
                                     ts_record_says (record, "phase", "promoted"));
    promoted |= of_failover && ts_record_says (record, "phase", "promoted");
    now.cancelled = promoted && of_failover && ts_record_says (record, "phase", "cancelled");
    now.reversed =
        promoted && ts_record_is (record, "reverse") && ts_record_says (record, "role", "primary");
    if (!now.cancelled && !now.reversed)
      continue;
    now.over_us = record->t_us;
    now.to = i + 1;
    g_array_append_val (all, now);
    now = (Episode){.from = i + 1, .over_us = -1};
    promoted = FALSE;
  }
  now.to = records->len;
  g_array_append_val (all, now);
  return all;
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
hear_out (GArray *all, const GPtrArray *records)
{
  for (guint e = 0; e < all->len; e++) {
    Episode *episode = &g_array_index (all, Episode, e);
    guint i = episode->to;
    while (episode->reversed && i < records->len &&
           !(ts_record_is (records->pdata[i], "failover") &&
             ts_record_says (records->pdata[i], "phase", "commanded")))
      i++; /* it may still be reading its disks when it becomes the primary */
    episode->heard_to = i;
  }
}

static void
gather_policy (TsFacts *facts)
{
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    facts->own |= ts_record_is (record, "image");
    facts->is_protected |= ts_record_is (record, "point") || ts_record_is (record, "policy");
    if (ts_record_is (record, "policy"))
      facts->interval_us =
          CLAMP (ts_record_get_int (record, "interval_us", -1), -1, TS_TIME_MAX_US);
  }
}

/* The points of an episode; those before `first` are of another leg. */
static void
gather_points (TsFacts *facts, const Episode *episode, guint first)
{
  for (guint i = episode->from; i < episode->to; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (!ts_record_is (record, "point"))
      continue;
    TsPointStep step = {record->t_us, ts_record_get_int (record, "instant_us", record->t_us)};
    step.instant_us = CLAMP (step.instant_us, -TS_TIME_MAX_US, TS_TIME_MAX_US);
    if (facts->points->len > first) {
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
  for (guint i = facts->from; i < facts->to && !promoted; i++) {
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
  for (guint i = facts->from; i < facts->to; i++) {
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
  for (guint i = facts->from; i < facts->to; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (record->t_us > until_us)
      break;
    if (!ts_record_is (record, "power"))
      continue;
    if (facts->commanded_us >= 0 && record->t_us < until_us &&
        ts_record_get_int (record, "on", 0) != 0)
      facts->power_lost_us = -1; /* it had come back: what was commanded later is another matter */
    if (ts_record_get_int (record, "on", 1) != 0 || !ts_record_says (record, "why", "power lost"))
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
  for (guint i = facts->from; i < facts->heard_to; i++) {
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
  for (guint i = facts->from; i < facts->heard_to; i++) {
    const TsRecord *record = facts->records->pdata[i];
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

static void
gather_episode (TsFacts *facts, const Episode *episode)
{
  gint64 *unknown[] = {
      &facts->commanded_us,    &facts->promoted_us,   &facts->instant_us,
      &facts->copy_on_us,      &facts->ready_us,      &facts->served_us,
      &facts->power_lost_us,   &facts->probe_failed_us, &facts->disaster_us,
      &facts->survey_begun_us, &facts->survey_done_us, &facts->first_survey_us,
      &facts->changed_us,      &facts->acked,         &facts->survived,
  };
  for (guint i = 0; i < G_N_ELEMENTS (unknown); i++)
    *unknown[i] = -1;
  facts->from = episode->from;
  facts->to = episode->to;
  facts->heard_to = episode->heard_to;
  facts->reversed = episode->reversed;
  facts->cancelled = episode->cancelled;
  facts->over_us = episode->over_us;
  gather_failover (facts);
  gather_disaster (facts);
  gather_copy (facts);
  gather_counters (facts);
}

/* Between a failover's disaster and the first point that comes after it the VM has no leg to stand
 * on; taken back, it stands on the points that it had. */
static void
gather_legs (TsFacts *facts, const GArray *all)
{
  guint first = 0;
  gint64 since_us = 0;
  for (guint e = 0; e < all->len; e++) {
    const Episode *episode = &g_array_index (all, Episode, e);
    g_autoptr (TsFacts) its = g_new0 (TsFacts, 1);
    its->records = g_ptr_array_ref (facts->records);
    gather_episode (its, episode);
    gather_points (facts, episode, first);
    TsLeg leg = {.first = first,
                 .count = facts->points->len - first,
                 .to_us = its->commanded_us >= 0 ? its->disaster_us : facts->end_us};
    if (leg.count > 0) {
      leg.from_us = MAX (g_array_index (facts->points, TsPointStep, first).t_us, since_us);
      if (leg.from_us <= leg.to_us)
        g_array_append_val (facts->legs, leg);
    }
    since_us = episode->over_us;
    if (episode->reversed)
      first = facts->points->len;
  }
}

static GArray *
all_episodes (const TsFacts *facts)
{
  GArray *all = episodes (facts->records);
  hear_out (all, facts->records);
  return all;
}

TsFacts *
ts_facts_new (const TsJournal *journal, const char *vm)
{
  TsFacts *facts = g_new0 (TsFacts, 1);
  facts->vm = g_strdup (vm);
  facts->end_us = ts_journal_end_us (journal);
  facts->interval_us = -1;
  facts->records = records_of (journal, vm);
  facts->points = g_array_new (FALSE, FALSE, sizeof (TsPointStep));
  facts->legs = g_array_new (FALSE, FALSE, sizeof (TsLeg));
  gather_turned_away (facts, journal);
  gather_managed (facts, journal);
  for (guint i = 0; i < facts->records->len && !facts->of; i++)
    if (ts_record_is (facts->records->pdata[i], "extends"))
      facts->of = g_strdup (ts_record_get_text (facts->records->pdata[i], "of"));
  gather_policy (facts);
  g_autoptr (GArray) all = all_episodes (facts);
  for (guint e = 0; e < all->len; e++)
    facts->failovers += g_array_index (all, Episode, e).commanded;
  facts->failover = MIN (facts->failovers, 1);
  gather_legs (facts, all);
  gather_episode (facts, &g_array_index (all, Episode, 0));
  return facts;
}

TsFacts *
ts_facts_of_failover (const TsFacts *facts, guint n)
{
  g_autoptr (GArray) all = all_episodes (facts);
  g_assert (n >= 1 && n <= facts->failovers);
  TsFacts *its = g_memdup2 (facts, sizeof *facts);
  its->vm = g_strdup (facts->vm);
  its->of = g_strdup (facts->of);
  its->copy = NULL;
  its->excluded = NULL;
  its->planned = FALSE;
  its->fill_blocks = its->fill_bad = 0;
  its->failover = n;
  g_ptr_array_ref (its->records);
  g_array_ref (its->points);
  g_array_ref (its->legs);
  g_array_ref (its->turned_away);
  g_ptr_array_ref (its->managed);
  gather_episode (its, &g_array_index (all, Episode, n - 1));
  return its;
}

void
ts_facts_free (TsFacts *facts)
{
  if (!facts)
    return;
  g_free (facts->vm);
  g_free (facts->of);
  g_free (facts->copy);
  g_strfreev (facts->excluded);
  g_ptr_array_unref (facts->records);
  g_clear_pointer (&facts->points, g_array_unref);
  g_clear_pointer (&facts->legs, g_array_unref);
  g_clear_pointer (&facts->turned_away, g_array_unref);
  g_free (facts);
}

static const TsLeg *
leg_at (const TsFacts *facts, guint index)
{
  return &g_array_index (facts->legs, TsLeg, index);
}

gint64
ts_facts_protected_until_us (const TsFacts *facts)
{
  if (facts->legs->len > 0)
    return leg_at (facts, facts->legs->len - 1)->to_us;
  return facts->commanded_us >= 0 ? facts->disaster_us : facts->end_us;
}

gint64
ts_facts_protected_us (const TsFacts *facts, gint64 from_us, gint64 to_us)
{
  gint64 sum = 0;
  if (facts->legs->len == 0)
    return MAX (MIN (to_us, ts_facts_protected_until_us (facts)) - from_us, 0);
  for (guint i = 0; i < facts->legs->len; i++) {
    const TsLeg *leg = leg_at (facts, i);
    gint64 begin_us = i == 0 ? from_us : MAX (from_us, leg->from_us);
    sum += MAX (MIN (to_us, leg->to_us) - begin_us, 0);
  }
  return sum;
}

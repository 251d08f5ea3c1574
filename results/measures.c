#include "results/measures.h"
#include "results/exposure.h"
#include "results/series.h"
#include <string.h>

/* --- answers ---------------------------------------------------------------------------------- */

static void
answer (const TsAsk *ask, gint64 number)
{
  ask->out->kind = TS_MEASURE_VALUE;
  ask->out->number = number;
}

static void
answer_at (const TsAsk *ask, gint64 number, gint64 t_us)
{
  answer (ask, number);
  ask->out->t_us = t_us;
}

static void
answer_text (const TsAsk *ask, char *text /* taken */)
{
  ask->out->kind = TS_MEASURE_VALUE;
  ask->out->text = text;
}

static void
answer_never (const TsAsk *ask, const char *why)
{
  ask->out->kind = TS_MEASURE_NEVER;
  ask->out->why = g_strdup (why);
}

void
ts_answer_unknown (const TsAsk *ask, const char *why)
{
  ask->out->kind = TS_MEASURE_UNKNOWN;
  ask->out->why = g_strdup (why);
}

static gboolean
in_window (const TsAsk *ask, const TsRecord *record)
{
  return record->t_us >= ask->from_us && record->t_us <= ask->to_us;
}

/* The i-th of the VM's records, by time. */
static const TsRecord *
record_at (const TsAsk *ask, guint i)
{
  return i < ask->facts->records->len ? ask->facts->records->pdata[i] : NULL;
}

/* --- exposure --------------------------------------------------------------------------------- */

/* Clips the window to the curve; FALSE when the answer is given already. */
static gboolean
clip (TsAsk *ask)
{
  const char *why;
  if (ts_exposure_clip (ask->facts, &ask->from_us, &ask->to_us, &why)) {
    ask->out->t_us = ask->to_us;
    return TRUE;
  }
  if (ask->facts->is_protected && ask->facts->points->len == 0)
    answer_never (ask, why);
  else
    ts_answer_unknown (ask, why);
  return FALSE;
}

void
ts_measure_exposure (TsAsk *ask)
{
  if (clip (ask))
    answer_at (ask, ts_exposure_at (ask->facts, ask->to_us), ask->to_us);
}

void
ts_measure_exposure_max (TsAsk *ask)
{
  gint64 t_us = 0;
  if (!clip (ask))
    return;
  gint64 max_us = ts_exposure_max (ask->facts, ask->from_us, ask->to_us, &t_us);
  answer_at (ask, max_us, t_us);
}

void
ts_measure_exposure_percentile (TsAsk *ask)
{
  if (clip (ask))
    answer (ask,
            ts_exposure_percentile (ask->facts, ask->from_us, ask->to_us, (guint)ask->parameter));
}

void
ts_measure_exposure_p95 (TsAsk *ask)
{
  ask->parameter = 95;
  ts_measure_exposure_percentile (ask);
}

void
ts_measure_exposure_over (TsAsk *ask)
{
  gint64 t_us = ask->to_us;
  if (!clip (ask))
    return;
  gint64 over_us = ts_exposure_over (ask->facts, ask->from_us, ask->to_us, ask->parameter, &t_us);
  answer_at (ask, over_us, over_us > 0 ? t_us : ask->to_us);
}

void
ts_measure_exposure_at_disaster (TsAsk *ask)
{
  gint64 t_us = ask->facts->disaster_us;
  if (t_us < 0) {
    ts_answer_unknown (ask, "no disaster and no failover");
    return;
  }
  ask->from_us = ask->to_us = t_us;
  if (clip (ask))
    answer_at (ask, ts_exposure_at (ask->facts, t_us), t_us);
}

void
ts_measure_rpo_achieved (TsAsk *ask)
{
  const TsFacts *facts = ask->facts;
  if (ask->loss->kind != TS_MEASURE_VALUE) {
    ask->out->kind = ask->loss->kind;
    ask->out->why = g_strdup (ask->loss->why);
    return;
  }
  gint64 first_us = ask->loss->first_missing_us;
  answer_at (ask, first_us < 0 ? 0 : MAX (facts->disaster_us - first_us, 0), facts->disaster_us);
}

/* --- recovery time ---------------------------------------------------------------------------- */

enum { DISASTER, DETECTED, DECIDED, PROMOTED, BOOTED, SERVED, STAMPS };

/* The stages' borders, none before the one in front of it, so that the stages add up to the whole.
 * FALSE: the answer is given already. */
static gboolean
rto_stamps (const TsAsk *ask, gint64 stamps[STAMPS])
{
  const TsFacts *facts = ask->facts;
  if (facts->disaster_us < 0) {
    ts_answer_unknown (ask, "no disaster and no failover");
    return FALSE;
  }
  if (facts->commanded_us < 0 || facts->promoted_us < 0 || facts->served_us < 0) {
    answer_never (ask, facts->commanded_us < 0  ? "nobody failed over"
                       : facts->promoted_us < 0 ? "the failover promoted no copy"
                                                : "the copy's service never answered its probe");
    return FALSE;
  }
  /* a bad probe that comes after the command was not what made the operator decide */
  gint64 detected_us = MIN (facts->probe_failed_us, facts->commanded_us);
  stamps[DISASTER] = facts->disaster_us;
  stamps[DETECTED] = facts->probe_failed_us >= 0 ? detected_us : facts->disaster_us;
  stamps[DECIDED] = facts->commanded_us;
  stamps[PROMOTED] = facts->promoted_us;
  stamps[BOOTED] = facts->ready_us >= 0 ? facts->ready_us : facts->promoted_us;
  stamps[SERVED] = facts->served_us;
  for (int i = 1; i < STAMPS; i++)
    stamps[i] = MIN (MAX (stamps[i], stamps[i - 1]), MAX (facts->served_us, facts->disaster_us));
  ask->out->t_us = stamps[SERVED];
  return TRUE;
}

static void
measure_stage (TsAsk *ask, int from, int to)
{
  gint64 stamps[STAMPS];
  if (rto_stamps (ask, stamps))
    answer_at (ask, stamps[to] - stamps[from], stamps[to]);
}

void
ts_measure_rto (TsAsk *ask)
{
  measure_stage (ask, DISASTER, SERVED);
}
void
ts_measure_rto_detect (TsAsk *ask)
{
  measure_stage (ask, DISASTER, DETECTED);
}
void
ts_measure_rto_decide (TsAsk *ask)
{
  measure_stage (ask, DETECTED, DECIDED);
}
void
ts_measure_rto_promote (TsAsk *ask)
{
  measure_stage (ask, DECIDED, PROMOTED);
}
void
ts_measure_rto_boot (TsAsk *ask)
{
  measure_stage (ask, PROMOTED, BOOTED);
}
void
ts_measure_rto_probe (TsAsk *ask)
{
  measure_stage (ask, BOOTED, SERVED);
}
void
ts_measure_rto_action (TsAsk *ask)
{
  measure_stage (ask, DECIDED, SERVED);
}

/* --- cycles and bytes ------------------------------------------------------------------------- */

/* Sums of what a journal says, which may be anything: they stop at the end of 64 bits. */
static gint64
add (gint64 a, gint64 b)
{
  gint64 sum;
  if (__builtin_add_overflow (a, b, &sum))
    return b > 0 ? G_MAXINT64 : G_MININT64;
  return sum;
}

static gint64
count_records (const TsAsk *ask, const char *kind, const char *key, const char *text)
{
  gint64 count = 0;
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)); i++)
    count += in_window (ask, record) && ts_record_is (record, kind) &&
             (!key || ts_record_says (record, key, text));
  return count;
}

static gint64
sum_records (const TsAsk *ask, const char *kind, const char *key)
{
  gint64 sum = 0;
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)); i++)
    if (in_window (ask, record) && ts_record_is (record, kind))
      sum = add (sum, ts_record_get_int (record, key, 0));
  return sum;
}

/* `copy` tells running sums, from 0 at each `begun`: what the window added to them. */
static gint64
sum_copy (const TsAsk *ask, const char *key)
{
  gint64 sum = 0, before = 0;
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)); i++) {
    if (!ts_record_is (record, "copy"))
      continue;
    gint64 now = MAX (ts_record_get_int (record, key, before), 0);
    /* a copy that is resumed may begin above 0: what it had is counted where it was told */
    if (in_window (ask, record) && now > before)
      sum = add (sum, now - before);
    before = now;
  }
  return sum;
}

void
ts_measure_cycles_success (TsAsk *ask)
{
  answer (ask, count_records (ask, "cycle", "outcome", "success"));
}

void
ts_measure_cycles_missed (TsAsk *ask)
{
  answer (ask, count_records (ask, "cycle", "outcome", "missed"));
}

void
ts_measure_cycles_due (TsAsk *ask)
{
  const TsFacts *facts = ask->facts;
  if (facts->interval_us <= 0) {
    ts_answer_unknown (ask, "no policy was told");
    return;
  }
  if (facts->points->len == 0) {
    answer (ask, 0);
    return;
  }
  gint64 due = 0;
  for (guint i = 0; i < facts->legs->len; i++) {
    const TsLeg *leg = &g_array_index (facts->legs, TsLeg, i);
    gint64 to_us = MIN (ask->to_us, leg->to_us) - leg->from_us;
    gint64 from_us = ask->from_us - leg->from_us;
    gint64 until = to_us > 0 ? to_us / facts->interval_us : 0;
    gint64 before = from_us > 0 ? (from_us - 1) / facts->interval_us : 0;
    due += MAX (until - before, 0);
  }
  answer (ask, due);
}

void
ts_measure_interval (TsAsk *ask)
{
  if (ask->facts->interval_us >= 0)
    answer (ask, ask->facts->interval_us);
  else
    ts_answer_unknown (ask, "no policy was told");
}

void
ts_measure_bytes_copy (TsAsk *ask)
{
  answer (ask, sum_copy (ask, "bytes"));
}

void
ts_measure_bytes_data (TsAsk *ask)
{
  answer (ask, sum_records (ask, "sent", "data_bytes"));
}

void
ts_measure_bytes_wire (TsAsk *ask)
{
  answer (ask, add (sum_records (ask, "sent", "wire_bytes"), sum_copy (ask, "wire_bytes")));
}

void
ts_measure_points (TsAsk *ask)
{
  answer (ask, count_records (ask, "point", NULL, NULL));
}

void
ts_measure_freeze_consistent (TsAsk *ask)
{
  answer (ask, count_records (ask, "freeze", "outcome", "consistent"));
}

void
ts_measure_freeze_failed (TsAsk *ask)
{
  answer (ask, count_records (ask, "freeze", "outcome", "failed"));
}

void
ts_measure_throughput_max (TsAsk *ask)
{
  g_autoptr (GArray) curve = ts_curve_rate (ask->facts);
  gint64 max = -1, t_us = ask->to_us;
  for (guint i = 0; i < curve->len; i++) {
    const TsVertex *vertex = &g_array_index (curve, TsVertex, i);
    if (vertex->t_us > ask->to_us)
      break;
    /* what stands when the window opens is in it */
    if (vertex->t_us <= ask->from_us || vertex->value > max) {
      max = vertex->value;
      t_us = MAX (vertex->t_us, ask->from_us);
    }
  }
  if (max >= 0)
    answer_at (ask, max, t_us);
  else
    ts_answer_unknown (ask, "nothing was sent");
}

void
ts_measure_peers_refused (TsAsk *ask)
{
  const GArray *times = ask->facts->turned_away;
  gint64 count = 0;
  for (guint i = 0; i < times->len; i++) {
    gint64 t_us = g_array_index (times, gint64, i);
    count += t_us >= ask->from_us && t_us <= ask->to_us;
  }
  answer (ask, count);
}

static gint
compare_i64 (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return x < y ? -1 : x > y;
}

/* transfer_us of every set in the window, ascending; t_us of the largest. */
static GArray *
transfers (const TsAsk *ask, gint64 *t_us)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (gint64));
  const TsRecord *record;
  gint64 max = -1;
  for (guint i = 0; (record = record_at (ask, i)); i++) {
    gint64 transfer_us = ts_record_get_int (record, "transfer_us", -1);
    if (!in_window (ask, record) || !ts_record_is (record, "sent") || transfer_us < 0)
      continue;
    g_array_append_val (all, transfer_us);
    if (transfer_us > max) {
      max = transfer_us;
      *t_us = record->t_us;
    }
  }
  g_array_sort (all, compare_i64);
  return all;
}

static void
measure_transfer (TsAsk *ask, guint percent)
{
  gint64 t_us = ask->to_us;
  g_autoptr (GArray) all = transfers (ask, &t_us);
  if (all->len == 0) {
    ts_answer_unknown (ask, "no set was sent");
    return;
  }
  guint rank = (guint)(((guint64)all->len * percent + 99) / 100); /* nearest rank: 1 .. len */
  answer_at (ask, g_array_index (all, gint64, rank - 1), percent == 100 ? t_us : ask->to_us);
}

void
ts_measure_transfer_max (TsAsk *ask)
{
  measure_transfer (ask, 100);
}

void
ts_measure_transfer_percentile (TsAsk *ask)
{
  measure_transfer (ask, (guint)ask->parameter);
}

void
ts_measure_transfer_p95 (TsAsk *ask)
{
  ask->parameter = 95;
  ts_measure_transfer_percentile (ask);
}

void
ts_measure_pending_max (TsAsk *ask)
{
  gint64 max = -1, t_us = ask->to_us;
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)) && record->t_us <= ask->to_us; i++) {
    if (!ts_record_is (record, "pending"))
      continue;
    gint64 bytes = ts_record_get_int (record, "bytes", 0);
    /* what stands when the window opens is in it */
    if (record->t_us <= ask->from_us || bytes > max) {
      max = bytes;
      t_us = MAX (record->t_us, ask->from_us);
    }
  }
  if (max >= 0)
    answer_at (ask, max, t_us);
  else
    ts_answer_unknown (ask, "nothing was told of pending bytes");
}

/* Steps: what was told stands until the next word, at most until protection ended. */
void
ts_measure_pending_over (TsAsk *ask)
{
  gint64 to_us = MIN (ask->to_us, ts_facts_protected_until_us (ask->facts));
  gint64 over_us = 0, first_us = -1, stands = -1, since_us = 0;
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)) && record->t_us <= to_us; i++) {
    if (!ts_record_is (record, "pending"))
      continue;
    gint64 begin_us = MAX (since_us, ask->from_us);
    if (stands > ask->parameter && record->t_us > begin_us) {
      over_us += ts_facts_protected_us (ask->facts, begin_us, record->t_us);
      first_us = first_us < 0 ? begin_us : first_us;
    }
    stands = ts_record_get_int (record, "bytes", 0);
    since_us = record->t_us;
  }
  gint64 begin_us = MAX (since_us, ask->from_us);
  if (stands > ask->parameter && to_us > begin_us) {
    over_us += ts_facts_protected_us (ask->facts, begin_us, to_us);
    first_us = first_us < 0 ? begin_us : first_us;
  }
  if (stands < 0)
    ts_answer_unknown (ask, "nothing was told of pending bytes");
  else
    answer_at (ask, over_us, first_us < 0 ? ask->to_us : first_us);
}

/* --- health and states ------------------------------------------------------------------------ */

static const char *const healths[] = {"none", "normal", "warning", "critical"};
#define NORMAL 1u

static guint
health_rank (const char *text)
{
  for (guint i = 0; i < G_N_ELEMENTS (healths); i++)
    if (g_strcmp0 (text, healths[i]) == 0)
      return i;
  return 0;
}

/* The VM's health is the worse of its two sides'.  It is told when it changes, and begins normal.
 */
static void
measure_health (TsAsk *ask, gboolean worst)
{
  guint sides[2] = {NORMAL, NORMAL}, now = NORMAL, max = 0;
  gint64 since_us = ask->from_us, max_us = ask->from_us;
  const TsRecord *record;
  if (!ask->facts->is_protected) {
    ts_answer_unknown (ask, "the VM was not protected");
    return;
  }
  for (guint i = 0; (record = record_at (ask, i)) && record->t_us <= ask->to_us; i++) {
    if (!ts_record_is (record, "health"))
      continue;
    if (record->t_us > ask->from_us && now > max) {
      max = now; /* stood in the window until this record */
      max_us = since_us;
    }
    sides[ts_record_says (record, "role", "replica")] =
        health_rank (ts_record_get_text (record, "health"));
    now = MAX (sides[0], sides[1]);
    since_us = MAX (record->t_us, ask->from_us);
  }
  if (!worst || now > max) {
    max = now;
    max_us = worst ? since_us : ask->to_us;
  }
  answer_text (ask, g_strdup (healths[max]));
  ask->out->t_us = max_us;
}

void
ts_measure_health_worst (TsAsk *ask)
{
  measure_health (ask, TRUE);
}

void
ts_measure_health_end (TsAsk *ask)
{
  measure_health (ask, FALSE);
}

static char *
state_sequence (const TsAsk *ask, const char *role)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const TsRecord *record;
  for (guint i = 0; (record = record_at (ask, i)); i++) {
    if (!in_window (ask, record) || !ts_record_is (record, "state") ||
        !ts_record_says (record, "role", role))
      continue;
    const char *from = ts_record_get_text (record, "from");
    const char *to = ts_record_get_text (record, "to");
    if (text->len == 0)
      g_string_append (text, from ? from : "?");
    g_string_append_printf (text, " > %s", to ? to : "?");
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
ts_measure_states_primary (TsAsk *ask)
{
  answer_text (ask, state_sequence (ask, "primary"));
}

void
ts_measure_states_replica (TsAsk *ask)
{
  answer_text (ask, state_sequence (ask, "replica"));
}

void
ts_measure_states (TsAsk *ask)
{
  g_autofree char *primary = state_sequence (ask, "primary");
  g_autofree char *replica = state_sequence (ask, "replica");
  answer_text (ask, g_strdup_printf ("primary: %s; replica: %s", *primary ? primary : "-",
                                     *replica ? replica : "-"));
}

/* --- comparison and loss ---------------------------------------------------------------------- */

/* Over the last comparison of each disk in the window. */
static void
measure_compare (TsAsk *ask, gboolean bytes)
{
  gint64 sum = 0, seen = 0;
  const TsRecord *record, *later;
  for (guint i = 0; (record = record_at (ask, i)); i++) {
    if (!in_window (ask, record) || !ts_record_is (record, "compare"))
      continue;
    gboolean last = TRUE;
    for (guint j = i + 1; last && (later = record_at (ask, j)); j++)
      last = !(in_window (ask, later) && ts_record_is (later, "compare") &&
               ts_record_says (later, "disk", ts_record_get_text (record, "disk")));
    if (!last)
      continue;
    seen++;
    sum = add (sum, bytes ? ts_record_get_int (record, "differing_bytes", 0)
                          : !ts_record_get_int (record, "identical", 0));
  }
  if (seen > 0)
    answer (ask, sum);
  else
    ts_answer_unknown (ask, "the sites' disks were not compared");
}

void
ts_measure_compare_differing (TsAsk *ask)
{
  measure_compare (ask, TRUE);
}

void
ts_measure_loss_divergent (TsAsk *ask)
{
  measure_compare (ask, FALSE);
}

void
ts_measure_records_acked (TsAsk *ask)
{
  if (ask->facts->acked >= 0)
    answer (ask, ask->facts->acked);
  else
    ts_answer_unknown (ask, "no console told of a record that is acknowledged");
}

void
ts_measure_records_survived (TsAsk *ask)
{
  const TsFacts *facts = ask->facts;
  if (facts->survived >= 0)
    answer (ask, facts->survived);
  else
    ts_answer_unknown (ask, facts->copy ? "the copy's console told of no record that survived"
                                        : "no copy took over");
}

/* CHOICE: a copy may hold more than was acknowledged, what was committed and not yet told: that is
 * no loss, and no gain either. */
void
ts_measure_loss_records (TsAsk *ask)
{
  const TsFacts *facts = ask->facts;
  if (facts->acked < 0)
    ts_measure_records_acked (ask);
  else if (facts->survived < 0)
    ts_measure_records_survived (ask);
  else
    answer_at (ask, MAX (facts->acked - facts->survived, 0), facts->disaster_us);
}

static void
answer_loss (TsAsk *ask, guint64 count)
{
  if (ask->loss->kind == TS_MEASURE_VALUE) {
    answer_at (ask, (gint64)MIN (count, (guint64)G_MAXINT64), ask->facts->disaster_us);
    return;
  }
  ask->out->kind = ask->loss->kind;
  ask->out->why = g_strdup (ask->loss->why);
}

#define LOSS(name)                                                                                 \
  void ts_measure_loss_##name (TsAsk *ask) { answer_loss (ask, ask->loss->name); }
LOSS (lost)
LOSS (lost_bytes)
LOSS (unflushed)
LOSS (unflushed_bytes)
LOSS (torn)
LOSS (corrupt)
LOSS (stale)
LOSS (phantom)
LOSS (order)
LOSS (point)
LOSS (instant)
LOSS (beyond)
LOSS (unsettled)
LOSS (fill)
LOSS (held_records)
#undef LOSS

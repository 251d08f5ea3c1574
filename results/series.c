#include "results/series.h"
#include "core/base/units.h"
#include "results/exposure.h"
#include <string.h>

/* --- fault periods ---------------------------------------------------------------------------- */

static const char *
text_of (const TsRecord *record, const char *key)
{
  const char *text = ts_record_get_text (record, key);
  return text ? text : "";
}

/* "site_down" and a later "site_up" are of one family. */
static gboolean
same_family (const char *a, const char *b)
{
  gsize a_len = strcspn (a, "_"), b_len = strcspn (b, "_");
  return a_len == b_len && strncmp (a, b, a_len) == 0;
}

static void
begin_period (GArray *periods, GArray *open, const TsRecord *record, gint64 end_us)
{
  TsPeriod period = {text_of (record, "id"),
                     text_of (record, "fault"),
                     text_of (record, "target"),
                     text_of (record, "mode"),
                     record->t_us,
                     MAX (record->t_us, end_us),
                     NULL,
                     0};
  for (guint i = 0; i < open->len;) {
    TsPeriod *other = &g_array_index (periods, TsPeriod, g_array_index (open, guint, i));
    if (strcmp (other->target, period.target) == 0 && same_family (other->fault, period.fault)) {
      other->to_us = MAX (other->from_us, record->t_us);
      g_array_remove_index (open, i);
    } else
      i++;
  }
  if (strcmp (period.mode, "up") == 0)
    return;
  g_array_append_val (open, periods->len);
  g_array_append_val (periods, period);
}

/* To the last period of that id; a step can bite more than once. */
static void
add_evidence (GArray *periods, const TsRecord *record)
{
  for (guint i = periods->len; i > 0; i--) {
    TsPeriod *period = &g_array_index (periods, TsPeriod, i - 1);
    if (strcmp (period->id, text_of (record, "id")) != 0)
      continue;
    period->what = text_of (record, "what");
    period->count += ts_record_get_int (record, "count", 0);
    return;
  }
}

static gint
compare_periods (gconstpointer a, gconstpointer b)
{
  const TsPeriod *x = a, *y = b;
  return x->from_us < y->from_us ? -1 : x->from_us > y->from_us;
}

GArray *
ts_periods (const TsJournal *journal)
{
  GArray *periods = g_array_new (FALSE, FALSE, sizeof (TsPeriod));
  g_autoptr (GArray) open = g_array_new (FALSE, FALSE, sizeof (guint));
  gint64 end_us = ts_journal_end_us (journal);
  for (guint i = 0; i < journal->records->len; i++)
    if (ts_record_is (journal->records->pdata[i], "fault"))
      begin_period (periods, open, journal->records->pdata[i], end_us);
  /* afterwards: a lab's evidence may be heard before its fault */
  for (guint i = 0; i < journal->records->len; i++)
    if (ts_record_is (journal->records->pdata[i], "evidence"))
      add_evidence (periods, journal->records->pdata[i]);
  g_array_sort (periods, compare_periods);
  return periods;
}

/* --- lanes ------------------------------------------------------------------------------------ */

/* The machine's power went, and its host's with it: from then on the side says nothing. */
static gboolean
is_silenced (const TsRecord *record, const TsStretch *last)
{
  return ts_record_is (record, "power") && ts_record_get_int (record, "on", 1) == 0 &&
         ts_record_says (record, "why", "power lost") &&
         ts_record_says (record, "host", last->host);
}

GArray *
ts_lane (const TsFacts *facts, const char *kind, const char *role)
{
  GArray *lane = g_array_new (FALSE, FALSE, sizeof (TsStretch));
  const char *key = strcmp (kind, "state") == 0 ? "to" : "health";
  gboolean lasts = FALSE;
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    TsStretch *last = lasts ? &g_array_index (lane, TsStretch, lane->len - 1) : NULL;
    if (last && is_silenced (record, last)) {
      last->to_us = record->t_us;
      lasts = FALSE;
    }
    if (last && ts_record_is (record, "move") && ts_record_says (record, "phase", "arrived") &&
        ts_record_says (record, "role", role) && ts_record_says (record, "from", last->host)) {
      TsStretch moved = {text_of (record, "host"), last->value, record->t_us, MAX (record->t_us, facts->end_us)};
      last->to_us = record->t_us;
      g_array_append_val (lane, moved);
      continue;
    }
    if (!ts_record_is (record, kind) || !ts_record_says (record, "role", role))
      continue;
    TsStretch stretch = {text_of (record, "host"), text_of (record, key), record->t_us,
                         MAX (record->t_us, facts->end_us)};
    if (last && strcmp (last->value, stretch.value) == 0 && strcmp (last->host, stretch.host) == 0)
      continue;
    if (last)
      last->to_us = stretch.from_us;
    g_array_append_val (lane, stretch);
    lasts = TRUE;
  }
  return lane;
}

/* --- curves ----------------------------------------------------------------------------------- */

static void
add_vertex (GArray *curve, gint64 t_us, gint64 value)
{
  TsVertex vertex = {t_us, value};
  g_array_append_val (curve, vertex);
}

GArray *
ts_curve_exposure (const TsFacts *facts)
{
  GArray *curve = g_array_new (FALSE, FALSE, sizeof (TsVertex));
  for (guint l = 0; l < facts->legs->len; l++) {
    const TsLeg *leg = &g_array_index (facts->legs, TsLeg, l);
    const TsPointStep *before = NULL;
    if (curve->len > 0) { /* no leg to stand on: drawn as nothing */
      add_vertex (curve, g_array_index (curve, TsVertex, curve->len - 1).t_us, 0);
      add_vertex (curve, leg->from_us, 0);
    }
    for (guint i = leg->first; i < leg->first + leg->count; i++) {
      const TsPointStep *point = &g_array_index (facts->points, TsPointStep, i);
      if (point->t_us > leg->to_us)
        break;
      gint64 at_us = MAX (point->t_us, leg->from_us);
      const TsPointStep *next = i + 1 < leg->first + leg->count ? point + 1 : NULL;
      if (next && next->t_us <= leg->from_us)
        continue; /* the newest by then is a later one */
      if (before)
        add_vertex (curve, at_us, at_us - before->instant_us);
      add_vertex (curve, at_us, at_us - point->instant_us);
      before = point;
    }
    if (g_array_index (curve, TsVertex, curve->len - 1).t_us < leg->to_us)
      add_vertex (curve, leg->to_us, ts_exposure_at (facts, leg->to_us));
  }
  return curve;
}

GArray *
ts_curve_pending (const TsFacts *facts)
{
  GArray *curve = g_array_new (FALSE, FALSE, sizeof (TsVertex));
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (ts_record_is (record, "pending"))
      add_vertex (curve, record->t_us, MAX (ts_record_get_int (record, "bytes", 0), 0));
  }
  return curve;
}

/* From from_us to to_us so many bytes: the rate goes up, and down again. */
static void
add_stretch (GArray *changes, gint64 from_us, gint64 to_us, gint64 bytes)
{
  if (to_us <= from_us || bytes <= 0)
    return; /* what took no time has no rate */
  gint64 rate = (gint64)MIN ((__int128)bytes * TS_S / (to_us - from_us), (__int128)TS_GIB * 1024);
  add_vertex (changes, from_us, rate);
  add_vertex (changes, to_us, -rate);
}

static gint
compare_time (gconstpointer a, gconstpointer b)
{
  gint64 x = ((const TsVertex *)a)->t_us, y = ((const TsVertex *)b)->t_us;
  return x < y ? -1 : x > y;
}

GArray *
ts_curve_rate (const TsFacts *facts)
{
  g_autoptr (GArray) changes = g_array_new (FALSE, FALSE, sizeof (TsVertex));
  GArray *curve = g_array_new (FALSE, FALSE, sizeof (TsVertex));
  gint64 copied = 0, copied_us = 0, rate = 0;
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    gint64 bytes = MAX (ts_record_get_int (record, "wire_bytes", 0), 0);
    if (ts_record_is (record, "sent")) {
      gint64 took_us = CLAMP (ts_record_get_int (record, "transfer_us", 0), 0, record->t_us);
      add_stretch (changes, record->t_us - took_us, record->t_us, bytes);
    } else if (ts_record_is (record, "copy")) {
      if (!ts_record_says (record, "phase", "begun")) /* running sums, anew from each begin */
        add_stretch (changes, copied_us, record->t_us, bytes - MIN (copied, bytes));
      copied = bytes;
      copied_us = record->t_us;
    }
  }
  g_array_sort (changes, compare_time);
  for (guint i = 0; i < changes->len; i++) {
    const TsVertex *change = &g_array_index (changes, TsVertex, i);
    rate += change->value;
    if (i + 1 == changes->len || change[1].t_us > change->t_us)
      add_vertex (curve, change->t_us, rate);
  }
  return curve;
}

GArray *
ts_curve_sent (const TsFacts *facts)
{
  GArray *sets = g_array_new (FALSE, FALSE, sizeof (TsSent));
  for (guint i = 0; i < facts->records->len; i++) {
    const TsRecord *record = facts->records->pdata[i];
    if (!ts_record_is (record, "sent"))
      continue;
    TsSent sent = {record->t_us,
                   ts_record_get_int (record, "set", 0),
                   MAX (ts_record_get_int (record, "data_bytes", 0), 0),
                   MAX (ts_record_get_int (record, "wire_bytes", 0), 0),
                   ts_record_get_int (record, "transfer_us", 0),
                   -1};
    if (sent.transfer_us > 0)
      sent.wire_bytes_per_s = (gint64)((__int128)sent.wire_bytes * TS_S / sent.transfer_us);
    g_array_append_val (sets, sent);
  }
  return sets;
}

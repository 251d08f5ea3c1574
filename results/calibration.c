#include "results/calibration.h"
#include <string.h>
#include "results/facts.h"

struct _TsCalibration {
  GPtrArray *samples; /* GArray of gint64, in the order of ts_profile_get */
};

TsCalibration *
ts_calibration_new (void)
{
  TsCalibration *calibration = g_new0 (TsCalibration, 1);
  calibration->samples = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  for (guint i = 0; ts_profile_get (i) != NULL; i++)
    g_ptr_array_add (calibration->samples, g_array_new (FALSE, FALSE, sizeof (gint64)));
  return calibration;
}

void
ts_calibration_free (TsCalibration *calibration)
{
  if (!calibration)
    return;
  g_ptr_array_unref (calibration->samples);
  g_free (calibration);
}

static guint
index_of (const char *name)
{
  for (guint i = 0; ts_profile_get (i) != NULL; i++)
    if (strcmp (ts_profile_get (i)->name, name) == 0)
      return i;
  g_assert_not_reached ();
}

static GArray *
samples_of (const TsCalibration *calibration, const char *name)
{
  return calibration->samples->pdata[index_of (name)];
}

void
ts_calibration_sample (TsCalibration *calibration, const char *name, gint64 value)
{
  g_array_append_val (samples_of (calibration, name), value);
}

guint
ts_calibration_samples (const TsCalibration *calibration, const char *name)
{
  return samples_of (calibration, name)->len;
}

static gint
compare_i64 (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
  return x < y ? -1 : x > y;
}

/* The lower one of two in the middle: a value that was seen. */
static gint64
median_of (const GArray *samples)
{
  g_autoptr (GArray) sorted = g_array_copy ((GArray *)samples);
  g_array_sort (sorted, compare_i64);
  return g_array_index (sorted, gint64, (sorted->len - 1) / 2);
}

TsProfile
ts_calibration_profile (const TsCalibration *calibration)
{
  TsProfile profile;
  ts_profile_init (&profile);
  for (guint i = 0; ts_profile_get (i) != NULL; i++) {
    const TsProfileRow *row = ts_profile_get (i);
    const GArray *samples = calibration->samples->pdata[i];
    if (samples->len > 0)
      *ts_profile_value (&profile, row) =
          CLAMP (median_of (samples), row->is_rate ? (gint64)TS_MIB : 1,
                 row->is_rate ? (gint64)(1024 * TS_GIB) : TS_HOUR);
  }
  return profile;
}

/* --- what a run tells ------------------------------------------------------------------------- */

typedef struct {
  gint64 t_us; /* -1: not yet */
} Mark;

static void
mark (Mark *mark, const TsRecord *record)
{
  mark->t_us = record->t_us;
}

/* The time since then, once. */
static void
sample_since (TsCalibration *calibration, const char *name, Mark *since, const TsRecord *record)
{
  if (since->t_us >= 0 && record->t_us >= since->t_us)
    ts_calibration_sample (calibration, name, record->t_us - since->t_us);
  since->t_us = -1;
}

/* Beside the time for its data; never less than a microsecond. */
static void
sample_beside (TsCalibration *calibration, const char *name, gint64 took_us, guint64 bytes)
{
  TsProfile profile = ts_calibration_profile (calibration); /* with the disk as it is known */
  ts_calibration_sample (calibration, name,
                         MAX (took_us - ts_profile_disk_us (&profile, bytes), 1));
}

typedef struct {
  Mark power_on, promoted, commanded, planned, commit, survey, tracking, ready;
  gboolean asked_at_once; /* a guest that is ready: in the lab.  The simulator asks all at one beat */
  gint64 set, stored_us; /* the newest point */
  GHashTable *log_bytes; /* set -> bytes of its log; only asked */
} Hearing;

static void
hear_failover (TsCalibration *calibration, Hearing *hearing, const TsRecord *record)
{
  gboolean planned = ts_record_get_int (record, "planned", 0) != 0;
  if (ts_record_says (record, "phase", "commanded"))
    mark (planned ? &hearing->planned : &hearing->commanded, record);
  else if (ts_record_says (record, "phase", "promoted")) {
    sample_since (calibration, "branch", &hearing->commanded, record);
    mark (&hearing->promoted, record);
  } else if (ts_record_says (record, "phase", "committed"))
    sample_since (calibration, "merge", &hearing->commit, record);
}

static void
hear_power (TsCalibration *calibration, Hearing *hearing, const TsRecord *record)
{
  if (ts_record_get_int (record, "on", 0)) {
    sample_since (calibration, "define", &hearing->promoted, record);
    mark (&hearing->power_on, record);
  } else if (ts_record_says (record, "why", "shutdown"))
    sample_since (calibration, "shutdown", &hearing->planned, record);
}

static void
hear_sets (TsCalibration *calibration, Hearing *hearing, const TsRecord *record)
{
  gint64 set = ts_record_get_int (record, "set", -1);
  gpointer key = GSIZE_TO_POINTER ((gsize)set);
  if (ts_record_is (record, "cut")) {
    guint64 bytes = (guint64)MAX (ts_record_get_int (record, "log_bytes", 0), 0);
    g_hash_table_insert (hearing->log_bytes, key, GSIZE_TO_POINTER ((gsize)bytes));
    /* the first and the last one have other work beside them */
    if (ts_record_says (record, "type", "regular"))
      sample_beside (calibration, "cut",
                     record->t_us - ts_record_get_int (record, "instant_us", record->t_us), bytes);
  } else if (ts_record_is (record, "point")) {
    hearing->set = set;
    hearing->stored_us = record->t_us;
  } else if (set == hearing->set) /* applied: each byte is read, and written */
    sample_beside (calibration, "apply", record->t_us - hearing->stored_us,
                   2 * GPOINTER_TO_SIZE (g_hash_table_lookup (hearing->log_bytes, key)));
}

static void
hear_survey (TsCalibration *calibration, Hearing *hearing, const TsRecord *record,
             guint64 disk_bytes)
{
  if (ts_record_says (record, "phase", "begun"))
    mark (&hearing->survey, record);
  else if (hearing->survey.t_us >= 0 && record->t_us > hearing->survey.t_us)
    ts_calibration_sample (
        calibration, "survey",
        (gint64)((__int128)disk_bytes * TS_S / (record->t_us - hearing->survey.t_us)));
}

/* The first question is asked when a guest is ready; of a machine of your own the answer is what makes
 * it so. */
static void
hear_probe (TsCalibration *calibration, Hearing *hearing, const TsRecord *record)
{
  gint64 ready_us = hearing->ready.t_us;
  hearing->ready.t_us = -1;
  if (hearing->asked_at_once && ts_record_get_int (record, "up", 0) && ready_us >= 0 &&
      record->t_us > ready_us)
    ts_calibration_sample (calibration, "probe", record->t_us - ready_us);
}

/* Initial replication: from the order to track to the first word of the copy, which is read at once. */
static void
hear_tracking (TsCalibration *calibration, Hearing *hearing, const TsRecord *record)
{
  if (ts_record_is (record, "state")) {
    if (ts_record_says (record, "role", "primary") && ts_record_says (record, "to", "initial"))
      mark (&hearing->tracking, record);
  } else if (ts_record_says (record, "phase", "begun"))
    sample_since (calibration, "track", &hearing->tracking, record);
}

void
ts_calibration_add_writes (TsCalibration *calibration, const TsLedger *ledger)
{
  gint64 first_us = 0, last_us = 0, count = 0;
  g_auto (TsLedgerReader) reader = ts_ledger_reader (ledger);
  TsLedgerEntry entry;
  while (ts_ledger_next (&reader, &entry)) {
    if (entry.kind == TS_LEDGER_WRITE) {
      first_us = count++ == 0 ? entry.t_us : first_us;
      last_us = entry.t_us;
      continue;
    }
    if (entry.kind == TS_LEDGER_FLUSH && count > 1) /* a stretch: words may be heard several at once */
      ts_calibration_sample (calibration, "write", MAX ((last_us - first_us) / (count - 1), 1));
    count = 0;
  }
}

static void
hear_flushes (TsCalibration *calibration, const TsLedger *ledger)
{
  gint64 written_us = -1;
  g_auto (TsLedgerReader) reader = ts_ledger_reader (ledger);
  TsLedgerEntry entry;
  while (ts_ledger_next (&reader, &entry)) {
    if (entry.kind == TS_LEDGER_WRITE)
      written_us = entry.t_us;
    else if (entry.kind == TS_LEDGER_FLUSH && written_us >= 0) {
      ts_calibration_sample (calibration, "flush", MAX (entry.t_us - written_us, 1));
      written_us = -1;
    }
  }
}

void
ts_calibration_add_run (TsCalibration *calibration, const TsJournal *journal,
                        const TsLedger *ledger, guint64 disk_bytes)
{
  Hearing hearing = {{-1}, {-1}, {-1}, {-1}, {-1}, {-1}, {-1}, {-1}, FALSE, -1, 0, NULL};
  g_autoptr (GHashTable) log_bytes = g_hash_table_new (NULL, NULL);
  hearing.log_bytes = log_bytes;
  for (guint i = 0; i < journal->records->len; i++) {
    const TsRecord *record = journal->records->pdata[i];
    if (ts_record_is (record, "failover"))
      hear_failover (calibration, &hearing, record);
    else if (ts_record_is (record, "power"))
      hear_power (calibration, &hearing, record);
    else if (ts_record_is (record, "guest") && ts_record_says (record, "phase", "ready")) {
      sample_since (calibration, "boot", &hearing.power_on, record);
      mark (&hearing.ready, record);
    } else if (ts_record_is (record, "probe"))
      hear_probe (calibration, &hearing, record);
    else if (ts_record_is (record, "run"))
      hearing.asked_at_once = ts_record_says (record, "engine", "lab");
    else if (ts_record_is (record, "step") && ts_record_says (record, "verb", "commit") &&
             ts_record_says (record, "phase", "begun"))
      mark (&hearing.commit, record);
    else if (ts_record_is (record, "state") || ts_record_is (record, "copy"))
      hear_tracking (calibration, &hearing, record);
    else if (ts_record_is (record, "survey"))
      hear_survey (calibration, &hearing, record, disk_bytes);
    else if (ts_record_is (record, "cut") || ts_record_is (record, "point") ||
             ts_record_is (record, "applied"))
      hear_sets (calibration, &hearing, record);
  }
  hear_flushes (calibration, ledger);
}

/* --- the file --------------------------------------------------------------------------------- */

/* As the reader reads it back, to the unit. */
static char *
value_text (const TsProfileRow *row, gint64 value)
{
  return g_strdup_printf ("%" G_GINT64_FORMAT "%s", value, row->is_rate ? "B" : "us");
}

static char *
shown (const TsProfileRow *row, gint64 value)
{
  return row->is_rate ? ts_format_size ((guint64)value) : ts_format_duration (value);
}

char *
ts_calibration_format (const TsCalibration *calibration, const char *comment)
{
  TsProfile profile = ts_calibration_profile (calibration);
  GString *out = g_string_new ("# A profile for the simulator: how long this lab takes.\n");
  g_auto (GStrv) lines = g_strsplit (comment, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (lines[i][0] != '\0')
      g_string_append_printf (out, "# %s\n", lines[i]);
  g_string_append (out, "# Medians; bytes a second for disk, survey and link.\nsim:\n");
  for (guint i = 0; ts_profile_get (i) != NULL; i++) {
    const TsProfileRow *row = ts_profile_get (i);
    g_autoptr (GArray) sorted = g_array_copy (calibration->samples->pdata[i]);
    gint64 value = *ts_profile_value (&profile, row);
    g_autofree char *text = value_text (row, value);
    g_autofree char *line = g_strdup_printf ("  %s: %s", row->name, text);
    if (sorted->len == 0) {
      g_string_append_printf (out, "%-28s # not measured: the default\n", line);
      continue;
    }
    g_array_sort (sorted, compare_i64);
    g_autofree char *median = shown (row, value);
    g_autofree char *least = shown (row, g_array_index (sorted, gint64, 0));
    g_autofree char *most = shown (row, g_array_index (sorted, gint64, sorted->len - 1));
    g_string_append_printf (out, "%-28s # %s; of %u: %s to %s\n", line, median, sorted->len, least,
                            most);
  }
  return g_string_free (out, FALSE);
}

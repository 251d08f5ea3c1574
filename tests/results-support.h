/* tests/results-support.h -- made-up runs for the tests of results/: VM "app", from hv-a to hv-b.
 */
#pragma once
#include "core/base/units.h"
#include "results/judge.h"

typedef struct {
  TsJournal *journal;
  TsLedger *ledger;
  TsMetrics *metrics; /* made at the first measure: tell everything before */
} Run;

Run *run_new (void); /* with the first record and a policy of 30 s */
void run_free (Run *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Run, run_free)

/* A record as JSON without t_us and source: run_tell (run, S (2), "\"kind\":\"end\"").  A VM "app"
 * is not added. */
void run_tell (Run *run, gint64 t_us, const char *format, ...) G_GNUC_PRINTF (3, 4);
void run_point (Run *run, gint64 t_us, gint64 instant_us);
void run_power (Run *run, gint64 t_us, const char *host, gboolean on, const char *why);
void run_probe (Run *run, gint64 t_us, const char *host, gboolean up);
void run_failover (Run *run, gint64 t_us, const char *phase, gboolean planned, gint64 instant_us);
void run_ready (Run *run, gint64 t_us);
void run_survey (Run *run, gint64 t_us, const char *phase, gint64 fill_blocks, gint64 fill_bad);
void run_step (Run *run, gint64 t_us, const char *id, const char *phase);
void run_end (Run *run, gint64 t_us);

#define SLOT_BYTES G_GUINT64_CONSTANT (8192)
void run_write (Run *run, gint64 t_us, const char *disk, guint64 slot, guint64 sequence);
void run_flush (Run *run, gint64 t_us, const char *disk, guint64 sequence);
void run_held (Run *run, gint64 t_us, const char *disk, guint64 slot, guint64 sequence,
               TsHeldState held);

/* Whole-run measures of app, asserted to be told. */
gint64 run_number (Run *run, const char *metric);
gint64 run_number_in (Run *run, const char *metric, gint64 from_us, gint64 to_us);
char *run_text_in (Run *run, const char *metric, gint64 from_us, gint64 to_us);
TsMeasureKind run_kind_in (Run *run, const char *metric, gint64 from_us, gint64 to_us);
/* t_us of the measure. */
gint64 run_when_in (Run *run, const char *metric, gint64 from_us, gint64 to_us);

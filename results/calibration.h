/* results/calibration.h -- a simulator profile out of lab runs: how long real machines took.
 *
 * Samples come from journals and ledgers, and from what was measured directly; of each value the
 * median counts.  What was never seen keeps its default, and the file says so. */
#pragma once
#include "core/seam/profile.h"
#include "results/journal.h"
#include "results/ledger.h"

typedef struct _TsCalibration TsCalibration;

TsCalibration *ts_calibration_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_calibration_free (TsCalibration *calibration); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsCalibration, ts_calibration_free)

/* One sample of the profile's value of that name ("sync").  Of "disk" first, if at all: what runs
 * tell of is cleaned of the time that its bytes took. */
void ts_calibration_sample (TsCalibration *calibration, const char *name, gint64 value);

/* What a run with one VM tells, whose disks are so big together: boot, define, shutdown, branch,
 * cut, apply, merge, survey, flush, track; a run of the lab probe, too. */
void ts_calibration_add_run (TsCalibration *calibration, const TsJournal *journal,
                             const TsLedger *ledger, guint64 disk_bytes);

/* What a run tells whose guest is asked for more writes than it can do: each begins when the one
 * before it is through. */
void ts_calibration_add_writes (TsCalibration *calibration, const TsLedger *ledger);

guint ts_calibration_samples (const TsCalibration *calibration, const char *name);
/* Medians, and defaults where there is no sample; within what a profile may hold. */
TsProfile ts_calibration_profile (const TsCalibration *calibration);
/* The file, as `twinsite run --profile` reads it.  comment: lines for its head, each without "# ";
 * may be "".  Caller frees. */
char *ts_calibration_format (const TsCalibration *calibration, const char *comment);

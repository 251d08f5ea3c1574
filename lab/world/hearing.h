/* lab/world/hearing.h -- brings what is heard from several processes into order of time.
 *
 * All hosts share one clock, but a record needs a moment to get here.  Each is held back that long,
 * so that the observer hears them in order of their own times; one that is later still is told with
 * the time of the last one told. */
#pragma once
#include "core/seam/observer.h"
#include "lab/clock.h"

typedef struct _TsLabHearing TsLabHearing;

TsLabHearing *ts_lab_hearing_new (const TsLabClock *clock,
                                  TsObserver *observer) G_GNUC_WARN_UNUSED_RESULT;
/* Takes the record. */
void ts_lab_hearing_tell (TsLabHearing *hearing, TsRecord *record);
/* Tells all that is held back, whatever the observer says. */
void ts_lab_hearing_flush (TsLabHearing *hearing);
/* Drops what was not told.  NULL is fine. */
void ts_lab_hearing_free (TsLabHearing *hearing);

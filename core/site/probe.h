/* core/site/probe.h -- is the service of this VM answering?  From outside both sites.
 *
 * Asks every TS_PROBE_INTERVAL_US; one answer makes it up, TS_PROBE_MISSES questions in a row
 * without one make it down.  This is what "detect" in the recovery time is measured by. */
#pragma once
#include <glib.h>

#define TS_PROBE_INTERVAL_US G_GINT64_CONSTANT (500000) /* CHOICE */
#define TS_PROBE_MISSES 3                               /* CHOICE */

typedef enum { TS_PROBE_UNKNOWN, TS_PROBE_UP, TS_PROBE_DOWN } TsProbeState;

typedef struct {
  TsProbeState state;
  guint64 asked;    /* number of the last question */
  guint64 answered; /* newest question that was answered */
  guint misses;
  gint64 next_us; /* call ts_probe_tick by then */
} TsProbe;

void ts_probe_init (TsProbe *probe, gint64 now_us);
/* Counts a miss if the last question has no answer yet, then asks question *number (starting with
 * 1). TRUE when the state has changed. */
gboolean ts_probe_tick (TsProbe *probe, gint64 now_us, guint64 *number);
/* An answer to question number; older ones than the last answer are ignored.  TRUE: now up, was
 * not. */
gboolean ts_probe_answer (TsProbe *probe, guint64 number);

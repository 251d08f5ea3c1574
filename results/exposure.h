/* results/exposure.h -- the curve of what a disaster would cost: a sawtooth of slope 1.
 *
 * Private to results/.  exposure (t) = t - instant of the newest point that was usable at t.  The
 * curve begins with the first point and ends when the VM was no longer protected; after a failover
 * that is taken back it goes on from the points that there were, after one that is reversed with the
 * first point of the other direction (TsLeg). */
#pragma once
#include "results/facts.h"

/* Clips [*from_us, *to_us] to the curve.  FALSE: nothing is left, *why says so (static). */
gboolean ts_exposure_clip (const TsFacts *facts, gint64 *from_us, gint64 *to_us, const char **why);
/* For clipped windows only. */
gint64 ts_exposure_at (const TsFacts *facts, gint64 t_us);
/* The supremum: just before a point arrives the curve is at its top; *t_us is that moment. */
gint64 ts_exposure_max (const TsFacts *facts, gint64 from_us, gint64 to_us, gint64 *t_us);
/* For how long of the window exposure is above limit_us; *t_us is when it first rises above it (set
 * only when it does). */
gint64 ts_exposure_over (const TsFacts *facts, gint64 from_us, gint64 to_us, gint64 limit_us,
                         gint64 *t_us);
/* The least whole v such that exposure <= v during percent/100 of the window; of a window of no
 * length, the value there. */
gint64 ts_exposure_percentile (const TsFacts *facts, gint64 from_us, gint64 to_us, guint percent);

/* sim/clock.h -- virtual time: a queue of calls, ordered by (time, insertion number).
 *
 * Time stands still while a call runs and jumps to the next one.  Nothing else moves it. */
#pragma once
#include <glib.h>

typedef struct _TsSimClock TsSimClock;
typedef void (*TsSimCall) (gpointer user, gpointer data);

TsSimClock *ts_sim_clock_new (void) G_GNUC_WARN_UNUSED_RESULT;
void ts_sim_clock_free (TsSimClock *clock); /* calls not made are forgotten, their data freed */

gint64 ts_sim_clock_now_us (const TsSimClock *clock);
/* Calls call (user, data) at t_us, or now if that is past; destroy (data) afterwards if given. */
void ts_sim_clock_at (TsSimClock *clock, gint64 t_us, TsSimCall call, gpointer user, gpointer data,
                      GDestroyNotify destroy);
/* Makes the next call if it is due by until_us; else moves time to until_us and returns FALSE. */
gboolean ts_sim_clock_step (TsSimClock *clock, gint64 until_us);
guint64 ts_sim_clock_calls (const TsSimClock *clock); /* made so far */
/* Insertion numbers: of the call that is being made, or was the last; and of the next one that
 * somebody will ask for. */
guint64 ts_sim_clock_number (const TsSimClock *clock);
guint64 ts_sim_clock_next_number (const TsSimClock *clock);
/* Takes so many insertion numbers for calls that the one asked for last stands for: who makes several
 * calls in one keeps the order that they would have had. */
void ts_sim_clock_take_numbers (TsSimClock *clock, guint64 count);

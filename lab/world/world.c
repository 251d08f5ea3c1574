/* lab/world/world.c -- see world.h.  Twin of sim/world.c. */
#include "lab/world/world.h"
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/doctor.h"
#include "lab/world/world-internal.h"

#define SETTLE_US (300 * TS_MS) /* for what the guests have just written to be heard */

/* --- for the other files ---------------------------------------------------------------------- */

gint64
ts_lab_world_now_us (const TsWorld *world)
{
  return ts_lab_clock_now_us (&world->clock);
}

TsRecord *
ts_lab_world_record (const TsWorld *world, const char *kind)
{
  return ts_record_new (ts_lab_world_now_us (world), "lab", kind);
}

void
ts_lab_world_report (TsWorld *world, TsRecord *record)
{
  g_autoptr (TsRecord) copy = ts_record_copy (record);
  if (!world->booted && g_str_equal (record->kind, "failure"))
    ts_lab_world_break (world, "%s: %s", record->source, ts_record_get_text (record, "reason"));
  ts_lab_hearing_tell (world->hearing, record);
  ts_lab_guests_hear (world, copy);
  ts_lab_operations_hear (world, copy);
}

void
ts_lab_world_break (TsWorld *world, const char *format, ...)
{
  va_list args;
  if (world->broken)
    return;
  va_start (args, format);
  world->broken = g_error_new_valist (TS_ERROR, TS_ERROR_LOST, format, args);
  va_end (args);
}

static gboolean
throw_broken (TsWorld *world, GError **error)
{
  if (!world->broken)
    return FALSE;
  g_propagate_error (error, g_error_copy (world->broken));
  return TRUE;
}

static void
wake_up (gpointer user)
{
}

/* Until then, or until something happens.  The alarm is set anew each time: one that went off for
 * an earlier wait must not let this one sleep on. */
static void
sleep_until (TsWorld *world, gint64 t_us)
{
  ts_lab_timer_set (world->wake, t_us);
  g_main_context_iteration (NULL, TRUE);
}

gboolean
ts_lab_world_wait (TsWorld *world, gboolean (*done) (TsWorld *world), gint64 timeout_us,
                   const char *what, GError **error)
{
  gint64 deadline_us = ts_lab_world_now_us (world) + timeout_us;
  while (!done (world)) {
    if (throw_broken (world, error))
      return FALSE;
    if (ts_lab_world_now_us (world) >= deadline_us)
      return ts_throw (error, TS_ERROR_LOST, "%s took longer than %d s", what,
                       (int)(timeout_us / TS_S));
    sleep_until (world, deadline_us);
  }
  return TRUE;
}

/* --- the table of calls ----------------------------------------------------------------------- */

static void
lab_free (TsWorld *world)
{
  if (!world)
    return;
  world->finished = TRUE;
  ts_lab_world_demolish (world);
  ts_lab_hearing_free (world->hearing);
  ts_lab_timer_free (world->wake);
  g_clear_error (&world->broken);
  g_free (world);
}

static TsWorld *
lab_start (const TsTopology *topology, const TsWorldOptions *options, TsObserver *observer,
           GError **error)
{
  ts_lab_tidy_down (FALSE, NULL); /* what a killed run has left */
  g_autofree char *cache = ts_lab_world_cache ();
  g_autoptr (GPtrArray) findings = ts_lab_doctor (cache);
  if (!ts_lab_doctor_pass (findings, error))
    return NULL;
  TsWorld *world = g_new0 (TsWorld, 1);
  world->topology = topology;
  world->options = *options;
  world->observer = observer;
  /* Only now, and never again: finding out may take a while, and timers are set on this clock. */
  world->clock.origin_us = g_get_monotonic_time ();
  world->hearing = ts_lab_hearing_new (&world->clock, observer);
  world->wake = ts_lab_timer_new (&world->clock, wake_up, NULL);
  if (!ts_lab_world_build (world, findings, error)) {
    ts_lab_hearing_flush (world->hearing); /* what there was to tell says more than an error */
    lab_free (world);
    return NULL;
  }
  return world;
}

static gint64
lab_now_us (TsWorld *world)
{
  return ts_lab_world_now_us (world);
}

static gboolean
lab_run_until (TsWorld *world, gint64 t_us, GError **error)
{
  gint64 limit_us = world->options.limit_us > 0 ? world->options.limit_us : TS_NEVER;
  while (!world->observer->stop && !throw_broken (world, error)) {
    gint64 now_us = ts_lab_world_now_us (world);
    if (now_us >= limit_us)
      ts_lab_operations_fail (world, "the time limit of the run is over");
    if (now_us >= t_us)
      break;
    sleep_until (world, now_us >= limit_us ? t_us : MIN (t_us, limit_us));
  }
  world->observer->stop = FALSE;
  return !world->broken;
}

static gboolean
nothing (TsWorld *world)
{
  return FALSE;
}

static gboolean
lab_finish (TsWorld *world, GError **error)
{
  if (world->finished)
    return TRUE;
  gboolean any = FALSE;
  for (guint i = 0; i < world->guests->len; i++) {
    TsLabGuest *guest = world->guests->pdata[i];
    any |= guest->working;
    ts_lab_guest_stop_work (guest);
  }
  /* The last writes are still on their way from the guests. */
  if (any)
    ts_lab_world_wait (world, nothing, SETTLE_US, "settling", NULL);
  ts_lab_operations_fail (world, "the run has ended");
  ts_lab_faults_finish (world);
  world->finished = TRUE;
  ts_lab_hearing_flush (world->hearing);
  ts_lab_world_demolish (world);
  return TRUE;
}

static const TsWorldOps lab_ops = {
    .name = "lab",
    .refusal = ts_lab_world_refusal,
    .start = lab_start,
    .now_us = lab_now_us,
    .order = ts_lab_world_order,
    .run_until = lab_run_until,
    .finish = lab_finish,
    .free = lab_free,
};

const TsWorldOps *
ts_lab_world_ops (void)
{
  return &lab_ops;
}

/* core/relation/sender-limits.c -- what bounds a sender, and what is counted of it: slots of its host,
 * the 50 % rule, the monitoring interval. */
#include "core/relation/sender-internal.h"
#include "core/base/units.h"

/* --- slots (HVR 2.13) ------------------------------------------------------------------------- */

/* CHOICE: only logs take a slot, as the setting's text says; an initial copy would hold one for days.
 * It is held until all that waits has been acknowledged. */
gboolean
ts_sender_slot_take (TsSender *s, TsActions *out)
{
  if (!s->take_turns || s->slot == TS_SLOT_HELD)
    return TRUE;
  if (s->slot == TS_SLOT_NONE) {
    s->slot = TS_SLOT_ASKED;
    ts_actions_add (out, TS_ACTION_SLOT);
  }
  return FALSE;
}

void
ts_sender_slot_granted (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->slot != TS_SLOT_ASKED)
    return;
  s->slot = TS_SLOT_HELD;
  ts_sender_pump (s, now_us, out);
}

/* --- the 50 % rule ---------------------------------------------------------------------------- */

/* HVR 2.4 and trap 6, per VM; CHOICE: of the virtual sizes (2.4: SILENT). */
gboolean
ts_sender_too_much (TsSender *s, gint64 now_us, TsActions *out)
{
  guint64 virtual_bytes = 0;
  for (guint i = 0; i < s->hello.disks; i++)
    virtual_bytes += s->hello.disk[i].excluded ? 0 : s->hello.disk[i].size_bytes;
  if (ts_sender_pending_bytes (s) + s->tracked_bytes <= virtual_bytes / 2)
    return FALSE;
  ts_sender_require_resync (s, now_us, "tracked changes exceed 50 % of the size of the disks", out);
  return TRUE;
}

/* CHOICE: between two cuts the rule is not asked of an initial replication, whose logs may have the
 * size of the disks (2.6). */
void
ts_sender_tracked (TsSender *s, const TsEvent *ev, TsActions *out)
{
  s->tracked_bytes = ev->tracked.bytes;
  if (s->moving) /* looked at where it goes on */
    return;
  if (s->state == TS_STATE_REPLICATING || s->state == TS_STATE_SUSPENDED ||
      s->state == TS_STATE_ERROR || s->state == TS_STATE_RESYNCHRONIZING ||
      s->state == TS_STATE_RESYNC_SUSPENDED)
    ts_sender_too_much (s, ev->now_us, out);
}

/* --- the monitoring interval (HVR 5.1) -------------------------------------------------------- */

void
ts_sender_monitor_end (TsSender *s, gint64 now_us, TsActions *out)
{
  TsRecord *r = ts_sender_record (s, now_us, "statistics");
  ts_statistics_record (r, &s->statistics, TS_ROLE_PRIMARY, now_us);
  ts_record_int (r, "pending_bytes", (gint64)(ts_sender_pending_bytes (s) + s->tracked_bytes));
  ts_actions_report (out, ts_record_text (r, "health", ts_health_name (s->health)));
  ts_statistics_reset (&s->statistics, now_us);
  s->monitor_us = TS_NEVER; /* the next one: settle */
}

void
ts_sender_limits_settle (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->slot != TS_SLOT_NONE && (s->link != LINK_UP || s->state == TS_STATE_SUSPENDED ||
                               s->state == TS_STATE_RESYNC_SUSPENDED || s->sets.length == 0)) {
    s->slot = TS_SLOT_NONE;
    ts_actions_add (out, TS_ACTION_SLOT_END);
  }
  if (s->state == TS_STATE_DISABLED)
    s->monitor_us = TS_NEVER;
  else if (s->monitor_us == TS_NEVER) /* the first interval is cut short by the grid */
    s->monitor_us = ts_host_settings_monitor_us (&s->settings, s->policy.time_scale, now_us);
}

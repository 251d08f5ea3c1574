/* core/relation/sender-freeze.c -- application-consistent cycles: the guest is frozen, the logs are
 * cut, the guest goes on.
 *
 * HVR reference 2.8: every so many hours a cycle is made of a guest that has stopped writing and
 * flushed.  How long that may take is not told of replication; a VSS freeze holds 10 s at most, so
 * that is how long the guest may take, and how long a freeze is believed (CHOICE).  When it fails
 * the cycle is a standard one and the failure is counted (CHOICE: the count is published, what
 * becomes of the cycle is not); it is tried again when the next such point is due (CHOICE). */
#include "core/relation/sender-internal.h"
#include "core/base/units.h"

#define FREEZE_US (10 * TS_S) /* to get it frozen */

static gint64
slot_of (const TsSender *s, gint64 now_us)
{
  return now_us / (s->policy.app_consistent_us / s->policy.time_scale);
}

static void
report (TsSender *s, gint64 now_us, const char *outcome, const char *reason, TsActions *out)
{
  TsRecord *r = ts_record_text (ts_sender_record (s, now_us, "freeze"), "outcome", outcome);
  ts_record_int (r, "held_us", s->frozen_us >= 0 ? now_us - s->frozen_us : 0);
  ts_record_int (r, "failures", (gint64)s->statistics.freeze_failures);
  ts_actions_report (out, ts_record_text (r, "reason", reason));
}

gboolean
ts_sender_freeze_begin (TsSender *s, gint64 now_us, TsActions *out)
{
  if (s->policy.app_consistent_us == 0 || slot_of (s, now_us) == s->consistent_slot)
    return FALSE;
  if (!s->machine_on) /* nothing writes; and nobody to ask */
    return FALSE;
  s->consistent_slot = slot_of (s, now_us);
  s->freeze = FREEZE_ASKED;
  s->frozen_us = -1;
  s->freeze_by_us = now_us + FREEZE_US;
  ts_actions_add (out, TS_ACTION_FREEZE);
  return TRUE;
}

static void
failed (TsSender *s, gint64 now_us, const char *reason, TsActions *out)
{
  s->statistics.freeze_failures++;
  report (s, now_us, "failed", reason, out);
}

void
ts_sender_freeze_end (TsSender *s, TsActions *out)
{
  if (s->freeze == FREEZE_NONE)
    return;
  s->freeze = FREEZE_NONE;
  s->freeze_by_us = TS_NEVER;
  ts_actions_add (out, TS_ACTION_THAW);
}

TsSetKind
ts_sender_freeze_done (TsSender *s, gint64 now_us, gboolean ok, const char *reason, TsActions *out)
{
  s->freeze_by_us = TS_NEVER;
  if (ok) {
    s->freeze = FREEZE_HELD;
    s->frozen_us = now_us;
    return TS_SET_CONSISTENT;
  }
  failed (s, now_us, reason, out);
  ts_sender_freeze_end (s, out);
  return TS_SET_REGULAR;
}

TsSetKind
ts_sender_freeze_cut (TsSender *s, gint64 now_us, gboolean ok, gint64 instant_us, TsActions *out)
{
  gboolean good = ok && s->freeze == FREEZE_HELD && instant_us >= s->frozen_us &&
                  instant_us - s->frozen_us <= FREEZE_US;
  if (good)
    report (s, now_us, "consistent", "", out);
  else
    failed (s, now_us, ok ? "the guest was frozen for too long" : "the logs could not be cut", out);
  ts_sender_freeze_end (s, out);
  return good ? TS_SET_CONSISTENT : TS_SET_REGULAR;
}

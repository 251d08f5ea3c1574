/* core/relation/sender-stop.c -- a host is shut down gracefully (HVR reference 2.6, trap 13).
 *
 * Unlike a crash it closes what is tracked, so nothing has to be resynchronized.  In the middle of a
 * transfer Windows Server 2012 R2 gives up with "Operation aborted" and leaves replication suspended
 * until somebody resumes it; from 2016 on it goes on (host setting stop_suspends).  CHOICE: in the
 * middle of a transfer is when the replica has something to answer. */
#include "core/base/units.h"
#include "core/relation/sender-internal.h"

#define ABORTED "Operation aborted (0x80004004): "

void
ts_sender_suspend (TsSender *s, gint64 now_us, const char *reason, TsActions *out)
{
  s->returning = s->auto_start = FALSE;
  ts_sender_hang_up (s, out);
  s->refused = TRUE;
  s->due_us = TS_NEVER;
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "failure"), "event", 32086);
  ts_actions_report (out, ts_record_text (r, "reason", reason));
  if (ts_state_may_follow (s->state, TS_STATE_ERROR))
    ts_sender_change_state (s, now_us, TS_STATE_ERROR, out);
}

/* TRUE: that was it. */
static gboolean
aborted (TsSender *s, gint64 now_us, const char *reason, TsActions *out)
{
  if (!s->settings.stop_suspends || s->state != TS_STATE_REPLICATING || s->link != LINK_UP ||
      !ts_sender_waiting (s))
    return FALSE;
  g_autofree char *why = g_strconcat (ABORTED, reason, NULL);
  TsRecord *r = ts_record_int (ts_sender_record (s, now_us, "failure"), "event", 32022);
  ts_record_text (r, "action", "send");
  ts_actions_report (out, ts_record_text (r, "reason", why));
  gboolean starts = s->auto_start;
  ts_sender_suspend (s, now_us, why, out);
  s->auto_start = starts;
  return TRUE;
}

void
ts_sender_host_stops (TsSender *s, gint64 now_us, gboolean was_on, TsActions *out)
{
  if (s->state == TS_STATE_DISABLED)
    return;
  aborted (s, now_us, "the host is being shut down", out);
  ts_sender_hang_up (s, out);
  /* What is being cut is in no log yet, and tracked no more: that is no better than a crash. */
  s->auto_start = was_on;
  s->stopped = !s->cutting && s->copy != COPY_TRACK;
  ts_sender_persist (s, out);
}

void
ts_sender_peer_stops (TsSender *s, gint64 now_us, const char *reason, TsActions *out)
{
  if (aborted (s, now_us, reason, out))
    return;
  ts_actions_add (out, TS_ACTION_DISCONNECT);
  ts_sender_link_lost (s, now_us, reason, out);
}

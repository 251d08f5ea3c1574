/* core/relation/turn.c -- see turn.h. */
#include "core/relation/turn.h"
#include "core/base/units.h"
#include "core/relation/receiver-internal.h"
#include "core/relation/sender-internal.h"

TsRecord *
ts_turn_removed (const char *vm, const char *host, TsRole role, gint64 now_us)
{
  g_autofree char *source = g_strdup_printf ("%s@%s", vm, host);
  TsRecord *record = ts_record_new (now_us, source, "removed");
  ts_record_text (ts_record_text (record, "vm", vm), "host", host);
  return ts_record_text (record, "role", ts_role_name (role));
}

TsRecord *
ts_turn_record (const char *vm, const char *host, TsRole role, gint64 now_us)
{
  g_autofree char *source = g_strdup_printf ("%s@%s", vm, host);
  TsRecord *record = ts_record_new (now_us, source, "reverse");
  ts_record_text (ts_record_text (record, "vm", vm), "host", host);
  ts_record_text (record, "role", ts_role_name (role));
  return ts_record_text (record, "phase", "turned");
}

static void
report_state (const char *vm, const char *host, TsRole role, TsState from, TsState to, gint64 now_us,
              TsActions *out)
{
  g_autofree char *source = g_strdup_printf ("%s@%s", vm, host);
  TsRecord *record = ts_record_new (now_us, source, "state");
  ts_record_text (ts_record_text (record, "vm", vm), "host", host);
  ts_record_text (record, "role", ts_role_name (role));
  ts_record_text (record, "from", ts_state_name (from));
  ts_record_text (record, "to", ts_state_name (to));
  ts_record_int (record, "wmi", to);
  ts_actions_report (out, ts_record_int (record, "ps", ts_state_powershell (to, role)));
}

/* The new side speaks: its state as that side counts it (the other side's was `from`). */
static void
report (const char *vm, const char *host, TsRole role, TsState from, TsState to, gint64 now_us,
        TsActions *out)
{
  g_assert (ts_state_may_follow (from, to));
  report_state (vm, host, role, from, to, now_us, out);
  ts_actions_report (out, ts_turn_record (vm, host, role, now_us));
}

/* Both sides hold the same, and what was written since is tracked. */
static void
go_on (TsSender *s, const TsReceiver *r, gint64 now_us)
{
  s->state = TS_STATE_REPLICATING;
  s->copy = COPY_DONE;
  s->stored = s->applied = r->stored;
  s->next_set = s->send_set = r->stored + 1;
  for (guint i = 0; i < s->hello.disks; i++)
    s->last_unique[i] = r->chain[i];
  s->statistics.last_sync_us = now_us;
  s->retry_us = now_us;
  s->due_us = now_us + s->interval_us;
}

TsSender *
ts_turn_receiver (const TsReceiver *r, const TsSenderOptions *options, gint64 now_us,
                  TsActions *out)
{
  TsSender *s = ts_sender_new (options);
  g_assert (r->state == TS_STATE_COMMITTED && r->hello.disks == s->hello.disks);
  for (guint i = 0; i < s->hello.disks; i++) { /* they may have been resized; which are left out stays */
    s->hello.disk[i].size_bytes = r->hello.disk[i].size_bytes;
    s->hello.disk[i].excluded = r->hello.disk[i].excluded;
  }
  ts_statistics_reset (&s->statistics, now_us);
  if (r->planned)
    go_on (s, r, now_us);
  else { /* HVR 3.5: 6 R, after unplanned: 1, then initial replication */
    s->state = TS_STATE_READY;
    s->begin = TRUE;
  }
  ts_actions_add (out, TS_ACTION_PERSIST)->payload = ts_sender_save (s);
  report (s->vm, s->host, TS_ROLE_PRIMARY, r->state, s->state, now_us, out);
  return s;
}

TsReceiver *
ts_turn_sender (const TsSender *s, gint64 now_us, TsActions *out)
{
  TsReceiver *r = ts_receiver_new (s->host);
  r->settings = s->settings;
  r->known = TRUE;
  r->hello = s->hello;
  r->source = g_strdup (s->source);
  if (s->state == TS_STATE_PREPARED) {
    g_assert (s->sets.length == 0);
    r->created = r->copy_done = TRUE;
    r->state = TS_STATE_REPLICATING;
    r->stored = r->applied = r->point_set = s->stored;
    r->recv_set = s->stored + 1;
    r->point_us = s->planned_us; /* it has been off since */
    for (guint i = 0; i < s->hello.disks; i++)
      r->chain[i] = s->last_unique[i];
    r->statistics.last_sync_us = now_us;
  } else { /* its disks are compared: what they hold is of no instant that the other side knows */
    r->created = r->copy_done = TRUE;
    r->state = TS_STATE_INITIAL;
  }
  ts_actions_add (out, TS_ACTION_PERSIST)->payload = ts_receiver_save (r);
  report (s->vm, s->host, TS_ROLE_REPLICA, s->state, r->state, now_us, out);
  return r;
}

/* --- told again ------------------------------------------------------------------------------- */

void
ts_turn_tell_sender (const TsSender *s, TsRole role, TsState state, gint64 now_us, TsActions *out)
{
  if (role == TS_ROLE_PRIMARY && state == s->state)
    return;
  report_state (s->vm, s->host, TS_ROLE_PRIMARY, state, s->state, now_us, out);
  if (role != TS_ROLE_PRIMARY && state != TS_STATE_DISABLED)
    ts_actions_report (out, ts_turn_record (s->vm, s->host, TS_ROLE_PRIMARY, now_us));
}

void
ts_turn_tell_receiver (const TsReceiver *r, TsRole role, TsState state, gint64 now_us, TsActions *out)
{
  if (!r->known || (role == TS_ROLE_REPLICA && state == r->state))
    return;
  report_state (r->hello.name, r->host, TS_ROLE_REPLICA, state, r->state, now_us, out);
  if (role != TS_ROLE_REPLICA && state != TS_STATE_DISABLED)
    ts_actions_report (out, ts_turn_record (r->hello.name, r->host, TS_ROLE_REPLICA, now_us));
  if (r->state == TS_STATE_RECOVERED)
    ts_receiver_report_failover (r, now_us, "promoted", out);
  else if (r->state == TS_STATE_COMMITTED)
    ts_receiver_report_failover (r, now_us, "committed", out);
  else if (role == TS_ROLE_REPLICA &&
           (state == TS_STATE_RECOVERED || state == TS_STATE_COMMITTED))
    ts_receiver_report_failover (r, now_us, "cancelled", out);
}

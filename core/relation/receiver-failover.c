/* core/relation/receiver-failover.c -- the VM of a replica: failover, test failover, commit, cancel
 * (HVR reference 3.6). */
#include "core/base/units.h"
#include "core/relation/receiver-internal.h"

/* Is (or comes) there a VM whose disks must not change below it? */
gboolean
ts_receiver_test_stands (const TsReceiver *r)
{
  return r->test == TEST_STARTING || r->test == TEST_RUNNING || r->test == TEST_STOPPING;
}

void
ts_receiver_report_test (TsReceiver *r, gint64 now_us, const char *phase, TsActions *out)
{
  g_autofree char *name = g_strdup_printf ("%s - Test", r->hello.name);
  TsRecord *rec = ts_record_text (ts_receiver_record (r, now_us, "test_failover"), "test", name);
  ts_record_text (rec, "phase", phase);
  if (ts_receiver_test_stands (r)) {
    ts_record_int (rec, "set", (gint64)r->test_set);
    ts_record_int (rec, "instant_us", r->test_us);
  }
  ts_actions_report (out, rec);
}

/* Ends the test failover, if there is one: now, or as soon as that is possible. */
void
ts_receiver_end_test (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->test == TEST_APPLYING) {
    r->test = TEST_NONE;
    ts_receiver_report_test (r, now_us, "stopped", out);
  } else if (r->test == TEST_STARTING)
    r->test_over = TRUE;
  else if (r->test == TEST_RUNNING) {
    r->test = TEST_STOPPING;
    ts_actions_add (out, TS_ACTION_TEST_STOP);
  }
}

/* Everything that was received is applied: the way to the point can be gone. */
void
ts_receiver_start_test (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->test_set == 0) {
    r->test_set = r->point_set;
    r->test_us = r->point_us;
  } else if (!ts_receiver_history_has (r, r->test_set)) {
    r->test = TEST_NONE;
    ts_receiver_refuse (r, now_us, TS_ASK_TEST_FAILOVER, "the recovery point has gone meanwhile", out);
    return;
  }
  r->test = TEST_STARTING;
  r->test_base = r->applied;
  TsAction *a = ts_actions_add (out, TS_ACTION_TEST_START);
  a->set = r->test_set;
  a->undo = ts_receiver_history_way (r, r->test_set);
}

void
ts_receiver_branch (TsReceiver *r, gint64 now_us, TsActions *out)
{
  if (r->chosen.set == 0)
    r->chosen = (TsPoint){r->point_set, r->point_us, r->point_type};
  else if (!ts_receiver_history_has (r, r->chosen.set)) {
    r->failover = FAILOVER_NONE;
    ts_receiver_refuse (r, now_us, TS_ASK_FAILOVER, "the recovery point has gone meanwhile", out);
    return;
  }
  r->failover = FAILOVER_BRANCHING;
  ts_receiver_update_forget (r); /* what has come of a disk is of no instant */
  TsAction *a = ts_actions_add (out, TS_ACTION_BRANCH);
  a->set = r->chosen.set;
  a->undo = ts_receiver_history_way (r, r->chosen.set);
}

void
ts_receiver_report_failover (const TsReceiver *r, gint64 now_us, const char *phase, TsActions *out)
{
  TsRecord *rec = ts_record_bool (ts_receiver_record (r, now_us, "failover"), "planned", r->planned);
  ts_record_text (rec, "phase", phase);
  ts_record_int (rec, "set", (gint64)r->chosen.set);
  ts_record_int (rec, "instant_us", r->chosen.instant_us);
  ts_actions_report (out, ts_record_text (rec, "type", ts_point_type_name (r->chosen.type)));
}

/* CHOICE: the test VM is created and started (HVR 3.6: the sources disagree). */
void
ts_receiver_test_started (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  r->test = TEST_RUNNING;
  if (ev->done.ok)
    ts_receiver_report_test (r, ev->now_us, "started", out);
  else {
    ts_receiver_own_failure (r, ev, out);
    r->test_over = TRUE; /* what was made of it goes */
  }
  if (r->test_over)
    ts_receiver_end_test (r, ev->now_us, out);
  r->test_over = FALSE;
}

void
ts_receiver_test_stopped (TsReceiver *r, const TsEvent *ev, TsActions *out)
{
  if (ev->done.ok) {
    ts_receiver_report_test (r, ev->now_us, "stopped", out);
    r->test = TEST_NONE;
  } else {
    r->test = TEST_RUNNING; /* stopping it can be tried again */
    ts_receiver_own_failure (r, ev, out);
    r->failover = FAILOVER_NONE; /* if one waited for it: its disks are not free */
  }
  ts_receiver_go_on_applying (r, ev->now_us, out);
}

/* Numbers with a closed form, to the microsecond. */
#include "core/base/random.h"
#include "results-support.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define S(n) ((gint64)(n)*TS_S)
#define MINUTES(n) ((gint64)(n)*TS_MIN)

/* --- exposure --------------------------------------------------------------------------------- */

/* The arithmetic of vSphere Replication's documentation: an RPO of 15 min, copies that take 10 min,
 * one behind the other from 12:00.  What begins at 12:00 is usable at 12:10; the next at 12:20.
 * From 12:15 to 12:20 the newest usable copy is older than 15 min: the objective is broken in each
 * second half. */
static void
back_to_back_copies_break_the_objective (void **state)
{
  g_autoptr (Run) run = run_new ();
  for (gint64 begin = 0; begin <= 50; begin += 10)
    run_point (run, MINUTES (begin + 10), MINUTES (begin));
  run_end (run, MINUTES (60));

  assert_int_equal (run_number_in (run, "exposure.max", MINUTES (10), MINUTES (15)), MINUTES (15));
  assert_int_equal (run_number_in (run, "exposure", MINUTES (15), MINUTES (15)), MINUTES (15));
  assert_int_equal (run_number_in (run, "exposure", MINUTES (15) + 1, MINUTES (15) + 1),
                    MINUTES (15) + 1);
  assert_int_equal (run_number_in (run, "exposure.max", MINUTES (15), MINUTES (20)), MINUTES (20));
  assert_int_equal (run_when_in (run, "exposure.max", MINUTES (15), MINUTES (20)), MINUTES (20));
  assert_int_equal (run_number_in (run, "exposure", MINUTES (20) - 1, MINUTES (20) - 1),
                    MINUTES (20) - 1);
  assert_int_equal (run_number_in (run, "exposure", MINUTES (20), MINUTES (20)), MINUTES (10));
  /* evenly between 10 and 20 min: 95 % of the time at most 19.5 */
  assert_int_equal (run_number (run, "exposure.p95"), MINUTES (39) / 2);
  assert_int_equal (run_number (run, "exposure.max"), MINUTES (20));
  /* broken from 12:15 to 12:20, and so in each of the five copies' second halves */
  assert_int_equal (run_number_in (run, "exposure.over.15m", MINUTES (10), MINUTES (15)), 0);
  assert_int_equal (run_number_in (run, "exposure.over.15m", 0, MINUTES (20)), MINUTES (5));
  assert_int_equal (run_when_in (run, "exposure.over.15m", 0, MINUTES (20)), MINUTES (15));
  assert_int_equal (run_number_in (run, "exposure.over.15m", MINUTES (15), MINUTES (15) + 1), 1);
  assert_int_equal (run_number_in (run, "exposure.over.15m", MINUTES (20), MINUTES (25)), 0);
  assert_int_equal (run_number_in (run, "exposure.over.15m", MINUTES (17), MINUTES (27)),
                    MINUTES (5));
  assert_int_equal (run_number (run, "exposure.over.15m"), MINUTES (25));
  assert_int_equal (run_number (run, "exposure.over.20m"), 0);
  assert_int_equal (run_number (run, "exposure.over.0"), MINUTES (50));
}

/* Cuts every 30 s, stored 2 s later: between 2 and 32 s. */
static void
steady_cycles_are_between_transfer_and_interval_plus_transfer (void **state)
{
  g_autoptr (Run) run = run_new ();
  for (gint64 cut = 30; cut <= 300; cut += 30)
    run_point (run, S (cut + 2), S (cut));
  run_end (run, S (332));
  assert_int_equal (run_number (run, "exposure.max"), S (32));
  assert_int_equal (run_number (run, "exposure.p95"), S (2) + S (30) * 95 / 100);
  assert_int_equal (run_number_in (run, "exposure.max", S (40), S (50)), S (20));
  assert_int_equal (run_number (run, "cycles.due"), 10);
  assert_int_equal (run_number_in (run, "cycles.due", S (63), S (92)), 1);
  assert_int_equal (run_number (run, "points"), 10);
  assert_int_equal (run_number_in (run, "points", S (32), S (62)), 2);
}

/* One cycle of 10 s and one of 30 s: of 40 s, 38 are at or below v when 10 + v = 38. */
static void
percentile_weighs_by_time (void **state)
{
  g_autoptr (Run) run = run_new ();
  run_point (run, 0, 0);
  run_point (run, S (10), S (10));
  run_end (run, S (40));
  assert_int_equal (run_number (run, "exposure.p95"), S (28));
  assert_int_equal (run_number (run, "exposure.p50"),
                    S (10)); /* 10 s of the one, 10 of the other */
  assert_int_equal (run_number (run, "exposure.p100"), run_number (run, "exposure.max"));
  assert_int_equal (run_number (run, "exposure.p1"), S (2) / 10); /* 0.4 s of 40, both cycles' */
  assert_int_equal (run_number_in (run, "exposure.p95", S (5), S (5)), S (5));
  /* 95 % of 1 us is not a whole microsecond: the next one up */
  assert_int_equal (run_number_in (run, "exposure.p95", 0, 1), 1);
}

/* Against the definition, microsecond by microsecond, on curves drawn by chance. */
static void
curve_equals_its_definition (void **state)
{
  TsRandom random;
  ts_random_init (&random, 1, "test-metrics");
  for (int round = 0; round < 300; round++) {
    g_autoptr (Run) run = run_new ();
    gint64 usable[8], instants[8], at = 0;
    for (int i = 0; i < 8; i++) {
      at += (gint64)ts_random_below (&random, 9); /* some at the same time */
      usable[i] = at;
      instants[i] = at - (gint64)ts_random_below (&random, (guint64)MIN (at, 12) + 1);
      run_point (run, usable[i], instants[i]);
    }
    gint64 end = at + (gint64)ts_random_below (&random, 20);
    run_end (run, end);
    gint64 from = usable[0] + (gint64)ts_random_below (&random, (guint64)(end - usable[0]) + 1);
    gint64 to = from + (gint64)ts_random_below (&random, (guint64)(end - from) + 1);

    gint64 max = G_MININT64, in_a_row[512], count = 0;
    for (gint64 t = from; t <= to; t++) {
      gint64 newest = G_MININT64, before = G_MININT64; /* at t, and just before t */
      for (int i = 0; i < 8; i++) {
        newest = usable[i] <= t ? MAX (newest, instants[i]) : newest;
        before = usable[i] < t ? MAX (before, instants[i]) : before;
      }
      assert_int_equal (run_number_in (run, "exposure", t, t), t - newest);
      max = MAX (max, t - newest);
      if (t > from) {
        max = MAX (max, t - before);
        in_a_row[count++] = t - before; /* the top of the microsecond that ends at t */
      }
    }
    assert_int_equal (run_number_in (run, "exposure.max", from, to), max);
    if (count == 0)
      continue;
    gint64 p95 = run_number_in (run, "exposure.p95", from, to), below = 0, least = 0;
    for (gint64 i = 0; i < count; i++) {
      below += in_a_row[i] <= p95;     /* whole microseconds at or below p95 */
      least += in_a_row[i] <= p95 - 1; /* and with a smaller p95 there are too few */
    }
    assert_true (below * 100 >= count * 95);
    assert_true (least * 100 < count * 95);
  }
}

static void
point_that_is_older_takes_nothing_away (void **state)
{
  g_autoptr (Run) run = run_new ();
  run_point (run, S (10), S (9));
  run_point (run, S (20), S (4));
  run_end (run, S (30));
  assert_int_equal (run_number_in (run, "exposure", S (25), S (25)), S (16));
}

static void
without_a_point_exposure_is_never_or_unknown (void **state)
{
  g_autoptr (Run) run = run_new ();
  run_end (run, S (30));
  assert_int_equal (run_kind_in (run, "exposure.max", 0, TS_NEVER), TS_MEASURE_NEVER);
  g_autoptr (Run) late = run_new ();
  run_point (late, S (20), S (20));
  run_end (late, S (30));
  assert_int_equal (run_kind_in (late, "exposure.max", 0, S (19)), TS_MEASURE_UNKNOWN);
  assert_int_equal (run_kind_in (late, "exposure.max", 0, S (20)), TS_MEASURE_VALUE);
  assert_int_equal (run_kind_in (late, "exposure.at_disaster", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
  assert_int_equal (run_kind_in (late, "rpo.achieved", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
  assert_int_equal (run_kind_in (late, "rto", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
}

/* --- disaster --------------------------------------------------------------------------------- */

static Run *
disaster (gint64 bad_probe_us)
{
  Run *run = run_new ();
  run_power (run, 0, "hv-a", TRUE, "boot");
  run_probe (run, S (3), "hv-a", TRUE);
  run_point (run, S (62), S (60));
  run_power (run, S (75), "hv-a", FALSE, "power lost");
  if (bad_probe_us >= 0)
    run_probe (run, bad_probe_us, "hv-a", FALSE);
  run_failover (run, S (90), "commanded", FALSE, 0);
  run_failover (run, S (92), "promoted", FALSE, S (60));
  run_power (run, S (93), "hv-b", TRUE, "failover");
  run_failover (run, S (93), "started", FALSE, S (60));
  run_ready (run, S (97));
  run_probe (run, S (97) + 250000, "hv-b", TRUE);
  run_failover (run, S (98), "serving", FALSE, S (60));
  return run;
}

static void
assert_stages (Run *run, gint64 detect, gint64 decide, gint64 promote, gint64 boot, gint64 probe)
{
  assert_int_equal (run_number (run, "rto.detect"), detect);
  assert_int_equal (run_number (run, "rto.decide"), decide);
  assert_int_equal (run_number (run, "rto.promote"), promote);
  assert_int_equal (run_number (run, "rto.boot"), boot);
  assert_int_equal (run_number (run, "rto.probe"), probe);
  assert_int_equal (run_number (run, "rto"), detect + decide + promote + boot + probe);
  assert_int_equal (run_number (run, "rto.action"), promote + boot + probe);
}

static void
rto_has_five_stages (void **state)
{
  g_autoptr (Run) run = disaster (S (77));
  run_end (run, S (120));
  assert_stages (run, S (2), S (13), S (2), S (5), 250000);
  assert_int_equal (run_number (run, "rto"), S (22) + 250000);
  assert_int_equal (run_number (run, "exposure.at_disaster"), S (15));
  /* the curve ends with the disaster: what comes after is measured as loss and RTO */
  assert_int_equal (run_number (run, "exposure.max"), S (15));
  assert_int_equal (run_kind_in (run, "exposure", S (80), S (80)), TS_MEASURE_UNKNOWN);
}

static void
stages_are_never_negative_and_add_up (void **state)
{
  g_autoptr (Run) late = disaster (S (91)); /* the probe fails after the command */
  assert_stages (late, S (15), 0, S (2), S (5), 250000);
  g_autoptr (Run) none = disaster (-1);
  assert_stages (none, 0, S (15), S (2), S (5), 250000);
  g_autoptr (Run) tardy = run_new (); /* the guest says "ready" after the probe was good */
  run_power (tardy, S (10), "hv-a", FALSE, "power lost");
  run_failover (tardy, S (12), "commanded", FALSE, 0);
  run_failover (tardy, S (13), "promoted", FALSE, 0);
  run_probe (tardy, S (15), "hv-b", TRUE);
  run_ready (tardy, S (16));
  assert_stages (tardy, 0, S (2), S (1), S (2), 0);
  g_autoptr (Run) hasty = run_new (); /* and before it was promoted */
  run_power (hasty, S (10), "hv-a", FALSE, "power lost");
  run_failover (hasty, S (12), "commanded", FALSE, 0);
  run_ready (hasty, S (13));
  run_failover (hasty, S (14), "promoted", FALSE, 0);
  run_probe (hasty, S (15), "hv-b", TRUE);
  assert_stages (hasty, 0, S (2), S (2), 0, S (1));
}

static void
planned_failover_begins_with_its_command (void **state)
{
  g_autoptr (Run) run = run_new ();
  run_point (run, S (62), S (60));
  run_failover (run, S (70), "commanded", TRUE, 0);
  run_power (run, S (71), "hv-a", FALSE, "shutdown");
  run_probe (run, S (72), "hv-a", FALSE);
  run_failover (run, S (75), "promoted", TRUE, S (71));
  run_ready (run, S (80));
  run_probe (run, S (81), "hv-b", TRUE);
  run_end (run, S (90));
  assert_stages (run, 0, 0, S (5), S (5), S (1));
  assert_int_equal (run_number (run, "exposure.at_disaster"), S (10));
}

static void
service_that_never_comes_is_never (void **state)
{
  g_autoptr (Run) run = run_new ();
  run_power (run, S (10), "hv-a", FALSE, "power lost");
  run_failover (run, S (12), "commanded", FALSE, 0);
  run_probe (run, S (13), "hv-a", TRUE); /* another host's answer is not the copy's */
  run_end (run, S (100));
  assert_int_equal (run_kind_in (run, "rto", 0, TS_NEVER), TS_MEASURE_NEVER);
  assert_int_equal (run_kind_in (run, "loss.lost", 0, TS_NEVER), TS_MEASURE_NEVER);
}

/* --- several failovers ------------------------------------------------------------------------ */

static void
failover (Run *run, gint64 t_us, const char *host, const char *phase, gboolean planned,
          gint64 instant_us)
{
  run_tell (run, t_us,
            "\"kind\":\"failover\",\"vm\":\"app\",\"host\":\"%s\",\"phase\":\"%s\",\"planned\":%s,"
            "\"set\":1,\"instant_us\":%" G_GINT64_FORMAT,
            host, phase, planned ? "true" : "false", instant_us);
}

static void
survey_of (Run *run, gint64 t_us, const char *host, const char *phase)
{
  run_tell (run, t_us,
            "\"kind\":\"survey\",\"vm\":\"app\",\"host\":\"%s\",\"phase\":\"%s\",\"fill_blocks\":0,"
            "\"fill_bad\":0",
            host, phase);
}

static void
held_on (Run *run, gint64 t_us, const char *host, guint64 slot, guint64 sequence)
{
  TsLedgerEntry held = {.kind = TS_LEDGER_HELD,
                        .vm = "app",
                        .disk = "system",
                        .offset_bytes = slot * SLOT_BYTES,
                        .length_bytes = SLOT_BYTES,
                        .sequence = sequence,
                        .t_us = t_us,
                        .copy = host,
                        .held = TS_HELD_WHOLE};
  ts_ledger_add (run->ledger, &held);
}

/* hv-a dies with writes 3 and 4 not replicated; reversed; hv-b moves back to hv-a as planned, and loses
 * nothing of what it had: not what was lost before. */
static Run *
there_and_back (void)
{
  Run *run = run_new ();
  run_point (run, S (62), S (60));
  for (guint n = 1; n <= 4; n++)
    run_write (run, S (50 + 5 * (gint64)n), "system", n, n); /* 55 60 65 70 */
  run_flush (run, S (71), "system", 4);
  run_power (run, S (75), "hv-a", FALSE, "power lost");
  failover (run, S (80), "hv-b", "commanded", FALSE, -1);
  failover (run, S (81), "hv-b", "promoted", FALSE, S (60));
  run_power (run, S (82), "hv-b", TRUE, "failover");
  survey_of (run, S (84), "hv-b", "begun");
  held_on (run, S (84), "hv-b", 1, 1);
  held_on (run, S (84), "hv-b", 2, 2);
  survey_of (run, S (85), "hv-b", "done");
  run_probe (run, S (86), "hv-b", TRUE);
  run_tell (run, S (90), "\"kind\":\"reverse\",\"vm\":\"app\",\"host\":\"hv-b\",\"role\":\"primary\","
                         "\"phase\":\"turned\"");
  run_write (run, S (95), "system", 5, 5);
  run_flush (run, S (96), "system", 5);
  run_point (run, S (103), S (100));
  run_point (run, S (133), S (130));
  failover (run, S (140), "hv-a", "commanded", TRUE, -1);
  run_power (run, S (141), "hv-b", FALSE, "shutdown");
  failover (run, S (142), "hv-a", "promoted", TRUE, S (141));
  run_power (run, S (143), "hv-a", TRUE, "failover");
  survey_of (run, S (147), "hv-a", "begun");
  held_on (run, S (147), "hv-a", 1, 1);
  held_on (run, S (147), "hv-a", 2, 2);
  held_on (run, S (147), "hv-a", 5, 5);
  survey_of (run, S (148), "hv-a", "done");
  run_probe (run, S (149), "hv-a", TRUE);
  run_end (run, S (200));
  return run;
}

static void
each_failover_is_measured_by_itself (void **state)
{
  g_autoptr (Run) run = there_and_back ();
  assert_int_equal (run_number (run, "rto"), S (11));
  assert_int_equal (run_number (run, "rto@1"), S (11));
  assert_int_equal (run_number (run, "rto@2"), S (9));
  assert_int_equal (run_number (run, "rto@worst"), S (11));
  assert_int_equal (run_number (run, "rpo.achieved"), S (10)); /* 75 - 65 */
  assert_int_equal (run_number (run, "rpo.achieved@2"), 0);
  assert_int_equal (run_number (run, "loss.lost"), 2);
  assert_int_equal (run_number (run, "loss.lost@2"), 0);
  assert_int_equal (run_number (run, "loss.lost@worst"), 2);
  assert_int_equal (run_number (run, "loss.phantom@2"), 0);
  assert_int_equal (run_number (run, "held.records@2"), 3);
  assert_int_equal (run_number (run, "exposure.at_disaster"), S (15));
  assert_int_equal (run_number (run, "exposure.at_disaster@2"), S (10));
  assert_int_equal (run_kind_in (run, "rto@3", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
  /* the curve stands on 62..75, then on the other direction's points, 103..140 */
  assert_int_equal (run_number (run, "exposure.max"), S (33));
  assert_int_equal (run_number_in (run, "exposure.max", 0, S (90)), S (15));
  assert_int_equal (run_number_in (run, "exposure", S (110), S (110)), S (10));
  assert_int_equal (run_kind_in (run, "exposure", S (90), S (100)), TS_MEASURE_UNKNOWN);
  assert_int_equal (run_number (run, "exposure.over.14s"), S (1 + 19)); /* 74..75, 114..133 */
  assert_int_equal (run_number (run, "cycles.due"), 1); /* of 30 s: 13 s, then 37 s */
}

static void
what_the_second_one_loses_is_its_own (void **state)
{
  g_autoptr (Run) run = there_and_back ();
  g_clear_pointer (&run->ledger, ts_ledger_free); /* the copy on hv-a does not have write 2 after all */
  run->ledger = ts_ledger_new ();
  for (guint n = 1; n <= 4; n++)
    run_write (run, S (50 + 5 * (gint64)n), "system", n, n);
  run_flush (run, S (71), "system", 4);
  held_on (run, S (84), "hv-b", 1, 1);
  held_on (run, S (84), "hv-b", 2, 2);
  run_write (run, S (95), "system", 5, 5);
  run_flush (run, S (96), "system", 5);
  held_on (run, S (147), "hv-a", 1, 1);
  held_on (run, S (147), "hv-a", 5, 5);
  assert_int_equal (run_number (run, "loss.lost@1"), 2);
  assert_int_equal (run_number (run, "loss.lost@2"), 1);
  assert_int_equal (run_number (run, "loss.order@2"), 1);
  assert_int_equal (run_number (run, "rpo.achieved@2"), S (80)); /* 140 - 60 */
  assert_int_equal (run_number (run, "rpo.achieved@worst"), S (80));
}

/* Taken back, protection goes on from the points that there were; what the copy wrote was promised by
 * nobody. */
static void
after_a_cancelled_failover_the_source_goes_on (void **state)
{
  g_autoptr (Run) run = run_new ();
  run_point (run, S (62), S (60));
  run_write (run, S (65), "system", 1, 1);
  run_power (run, S (70), "hv-a", FALSE, "power lost");
  failover (run, S (71), "hv-b", "commanded", FALSE, -1);
  failover (run, S (72), "hv-b", "promoted", FALSE, S (60));
  run_write (run, S (75), "system", 2, 2); /* on the copy */
  failover (run, S (80), "hv-b", "cancelled", FALSE, S (60));
  run_power (run, S (85), "hv-a", TRUE, "start");
  run_write (run, S (90), "system", 3, 3);
  run_flush (run, S (91), "system", 3);
  failover (run, S (100), "hv-b", "commanded", TRUE, -1);
  run_power (run, S (101), "hv-a", FALSE, "shutdown");
  failover (run, S (102), "hv-b", "promoted", TRUE, S (101));
  survey_of (run, S (105), "hv-b", "begun");
  held_on (run, S (105), "hv-b", 3, 3);
  held_on (run, S (105), "hv-b", 1, 1);
  survey_of (run, S (106), "hv-b", "done");
  run_end (run, S (120));
  assert_int_equal (run_number_in (run, "exposure", S (90), S (90)), S (30));
  assert_int_equal (run_number (run, "exposure.max"), S (40));
  assert_int_equal (run_number (run, "loss.lost@2"), 0);
  assert_int_equal (run_number (run, "loss.unflushed@2"), 0);
  assert_int_equal (run_number (run, "exposure.at_disaster@2"), S (40));
}

/* --- machines of the user's own --------------------------------------------------------------- */

static void
count_record (Run *run, gint64 t_us, const char *host, const char *counter, gint64 value)
{
  run_tell (run, t_us,
            "\"kind\":\"counter\",\"vm\":\"app\",\"host\":\"%s\",\"counter\":\"%s\","
            "\"value\":%" G_GINT64_FORMAT,
            host, counter, value);
}

static Run *
own_machine (gboolean planned, gint64 survived)
{
  Run *run = run_new ();
  run_tell (run, S (1), "\"kind\":\"image\",\"vm\":\"app\",\"host\":\"hv-a\"");
  count_record (run, S (2), "hv-a", "survived", 5); /* of its first boot: no copy's */
  count_record (run, S (60), "hv-a", "acked", 90);
  count_record (run, S (70), "hv-a", "acked", 100);
  if (!planned)
    run_power (run, S (71), "hv-a", FALSE, "power lost");
  run_failover (run, S (72), "commanded", planned, 0);
  count_record (run, S (73), "hv-a", "acked", 104); /* heard late, or before it was shut down */
  run_failover (run, S (75), "promoted", planned, S (62));
  if (survived >= 0)
    count_record (run, S (80), "hv-b", "survived", survived);
  run_probe (run, S (81), "hv-b", TRUE);
  count_record (run, S (82), "hv-b", "acked", 120); /* the copy's own promises */
  count_record (run, S (99), "hv-b", "survived", 119);
  run_end (run, S (100));
  return run;
}

static void
records_of_the_application_are_counted (void **state)
{
  g_autoptr (Run) lost = own_machine (FALSE, 91);
  assert_int_equal (run_number (lost, "records.acked"), 104);
  assert_int_equal (run_number (lost, "records.survived"), 91);
  assert_int_equal (run_number (lost, "loss.records"), 13);
  g_autoptr (Run) moved = own_machine (TRUE, 104);
  assert_int_equal (run_number (moved, "loss.records"), 0);
  g_autoptr (Run) more = own_machine (TRUE, 105); /* committed, not yet told: no gain */
  assert_int_equal (run_number (more, "loss.records"), 0);
  /* of its blocks nothing is known, and nothing is claimed */
  assert_int_equal (run_kind_in (lost, "loss.lost", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
  assert_int_equal (run_kind_in (lost, "rpo.achieved", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
}

/* --- counts ----------------------------------------------------------------------------------- */

static void
bytes_cycles_and_transfers_keep_to_their_window (void **state)
{
  g_autoptr (Run) run = run_new ();
  for (int i = 0; i <= 4; i++)
    run_tell (run, S (i),
              "\"kind\":\"copy\",\"vm\":\"app\",\"phase\":\"%s\",\"bytes\":%d,"
              "\"total_bytes\":400,\"wire_bytes\":%d",
              i == 0   ? "begun"
              : i == 4 ? "done"
                       : "progress",
              i * 100, i * 50);
  for (int i = 1; i <= 20; i++) {
    run_tell (run, S (10 * i),
              "\"kind\":\"sent\",\"vm\":\"app\",\"data_bytes\":1000,\"wire_bytes\":600,"
              "\"transfer_us\":%d",
              (i * 7 % 20 + 1) * 1000); /* 1 .. 20 ms in some order */
    run_tell (run, S (10 * i), "\"kind\":\"cycle\",\"vm\":\"app\",\"outcome\":\"%s\"",
              i % 5 ? "success" : "missed");
    run_tell (run, S (10 * i), "\"kind\":\"pending\",\"vm\":\"app\",\"bytes\":%d",
              i == 7 ? 9000 : 10 * i);
  }
  run_tell (run, S (50), "\"kind\":\"sent\",\"vm\":\"other\",\"data_bytes\":5,\"transfer_us\":1");
  run_end (run, S (300));
  assert_int_equal (run_number (run, "bytes.copy"), 400);
  assert_int_equal (run_number_in (run, "bytes.copy", S (2), S (3)), 200);
  assert_int_equal (run_number (run, "bytes.data"), 20000);
  assert_int_equal (run_number (run, "bytes.wire"), 20 * 600 + 200);
  assert_int_equal (run_number_in (run, "bytes.data", S (20), S (40)), 3000);
  assert_int_equal (run_number (run, "cycles.success"), 16);
  assert_int_equal (run_number (run, "cycles.missed"), 4);
  assert_int_equal (run_number_in (run, "cycles.missed", S (51), S (100)), 1);
  assert_int_equal (run_number (run, "transfer.max"), 20000);
  assert_int_equal (run_number (run, "transfer.p95"), 19000); /* the 19th of 20 */
  assert_int_equal (run_number (run, "transfer.p50"), 10000);
  assert_int_equal (run_number (run, "transfer.p51"), 11000);
  assert_int_equal (run_number (run, "transfer.p1"), 1000);
  /* above 100 bytes: from the 7th to the 8th word, and from the 11th on, to the end at 300 s */
  assert_int_equal (run_number (run, "pending.over.100B"), S (10) + S (190));
  assert_int_equal (run_when_in (run, "pending.over.100B", 0, TS_NEVER), S (70));
  assert_int_equal (run_number_in (run, "pending.over.100B", S (75), S (112)), S (5) + S (2));
  assert_int_equal (run_number (run, "pending.over.9000B"), 0);
  assert_int_equal (run_number (run, "pending.max"), 9000);
  assert_int_equal (run_when_in (run, "pending.max", 0, TS_NEVER), S (70));
  assert_int_equal (run_number_in (run, "pending.max", S (75), S (76)), 9000); /* still stands */
  assert_int_equal (run_number_in (run, "pending.max", S (80), S (99)), 90);
  assert_int_equal (run_number (run, "interval"), S (30));
}

/* A copy of 1000 bytes in 2 s, then 3000 in 1 s; a set of 500 in its last half second, one of 90 in
 * no time. */
static void
throughput_adds_what_overlaps (void **state)
{
  g_autoptr (Run) run = run_new ();
  static const struct {
    int s, bytes;
    const char *phase;
  } copies[] = {{1, 0, "begun"}, {3, 1000, "progress"}, {4, 4000, "done"}};
  for (guint i = 0; i < G_N_ELEMENTS (copies); i++)
    run_tell (run, S (copies[i].s),
              "\"kind\":\"copy\",\"vm\":\"app\",\"phase\":\"%s\",\"bytes\":0,\"total_bytes\":9,"
              "\"wire_bytes\":%d",
              copies[i].phase, copies[i].bytes);
  run_tell (run, S (4),
            "\"kind\":\"sent\",\"vm\":\"app\",\"data_bytes\":1,\"wire_bytes\":500,"
            "\"transfer_us\":500000");
  run_tell (run, S (5),
            "\"kind\":\"sent\",\"vm\":\"app\",\"data_bytes\":1,\"wire_bytes\":90,"
            "\"transfer_us\":0");
  run_end (run, S (9));
  assert_int_equal (run_number (run, "throughput.max"), 4000);
  assert_int_equal (run_when_in (run, "throughput.max", 0, TS_NEVER), S (7) / 2);
  assert_int_equal (run_number_in (run, "throughput.max", 0, S (2)), 500);
  assert_int_equal (run_number_in (run, "throughput.max", S (3), S (7) / 2 - 1), 3000);
  assert_int_equal (run_number_in (run, "throughput.max", S (4), S (9)), 0);
  g_autoptr (Run) idle = run_new ();
  assert_int_equal (run_kind_in (idle, "throughput.max", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
}

static void
health (Run *run, gint64 t_us, const char *role, const char *what)
{
  run_tell (run, t_us, "\"kind\":\"health\",\"vm\":\"app\",\"role\":\"%s\",\"health\":\"%s\"", role,
            what);
}

static void
health_is_the_worse_side_and_stands_until_told (void **state)
{
  static const struct {
    gint64 from_s, to_s;
    const char *worst, *end;
  } rows[] = {
      {0, 300, "critical", "warning"},  {0, 9, "normal", "normal"},
      {0, 10, "warning", "warning"},    {11, 12, "warning", "warning"},
      {20, 25, "critical", "critical"}, {20, 35, "critical", "warning"},
      {40, 45, "normal", "normal"},     {35, 45, "warning", "normal"},
      {50, 300, "warning", "warning"},
  };
  g_autoptr (Run) run = run_new ();
  health (run, S (10), "primary", "warning");
  health (run, S (20), "replica", "critical");
  health (run, S (30), "replica", "normal");
  health (run, S (40), "primary", "normal");
  health (run, S (50), "primary", "warning");
  run_end (run, S (300));
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *worst =
        run_text_in (run, "health.worst", S (rows[i].from_s), S (rows[i].to_s));
    g_autofree char *end = run_text_in (run, "health.end", S (rows[i].from_s), S (rows[i].to_s));
    assert_string_equal (worst, rows[i].worst);
    assert_string_equal (end, rows[i].end);
  }
  assert_int_equal (run_when_in (run, "health.worst", 0, TS_NEVER), S (20));
}

static void
states_are_told_in_order (void **state)
{
  g_autoptr (Run) run = run_new ();
  const char *const walk[] = {"disabled", "ready", "initial", "replicating"};
  for (int i = 0; i < 3; i++)
    run_tell (
        run, S (i + 1),
        "\"kind\":\"state\",\"vm\":\"app\",\"role\":\"primary\",\"from\":\"%s\",\"to\":\"%s\"",
        walk[i], walk[i + 1]);
  run_tell (run, S (9),
            "\"kind\":\"state\",\"vm\":\"app\",\"role\":\"replica\",\"from\":\"x\","
            "\"to\":\"recovered\"");
  g_autofree char *both = run_text_in (run, "states", 0, TS_NEVER);
  g_autofree char *part = run_text_in (run, "states.primary", S (2), S (2));
  assert_string_equal (both,
                       "primary: disabled > ready > initial > replicating; replica: x > recovered");
  assert_string_equal (part, "ready > initial");
}

static void
compare (Run *run, gint64 t_us, const char *disk, int differing_bytes)
{
  run_tell (run, t_us,
            "\"kind\":\"compare\",\"vm\":\"app\",\"disk\":\"%s\",\"identical\":%s,"
            "\"differing_bytes\":%d,\"bytes\":65536",
            disk, differing_bytes ? "false" : "true", differing_bytes);
}

static void
last_comparison_of_each_disk_counts (void **state)
{
  g_autoptr (Run) run = run_new ();
  assert_int_equal (run_kind_in (run, "compare.differing", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
  g_autoptr (Run) two = run_new ();
  compare (two, S (1), "system", 4096);
  compare (two, S (1), "data", 8192);
  compare (two, S (2), "system", 0);
  assert_int_equal (run_number (two, "compare.differing"), 8192);
  assert_int_equal (run_number (two, "loss.divergent"), 1);
  assert_int_equal (run_number_in (two, "compare.differing", 0, S (1)), 12288);
}

static void
every_metric_has_a_name_a_key_and_a_value_for_a_bare_journal (void **state)
{
  g_autoptr (Run) run = run_new ();
  for (guint i = 0; i < ts_metric_count (); i++) {
    const TsMetric *metric = ts_metric_get (i);
    g_auto (TsMeasure) none = {0};
    assert_ptr_equal (ts_metric_find (metric->name), metric);
    for (guint j = 0; j < i; j++)
      assert_string_not_equal (ts_metric_get (j)->key, metric->key);
    if (run_kind_in (run, metric->name, 0, TS_NEVER) == TS_MEASURE_VALUE)
      continue;
    ts_metrics_measure (run->metrics, metric, "nobody", 0, TS_NEVER, &none);
    assert_int_equal (none.kind, TS_MEASURE_UNKNOWN);
    assert_non_null (none.why);
  }
}

/* What a family's name may be filled in with; what it is then is in its name and its key. */
static void
family_is_filled_in_or_is_no_metric (void **state)
{
  static const char *const none[] = {
      "exposure.p",        "exposure.p0",      "exposure.p101",        "exposure.p050",
      "exposure.p9.5",     "exposure.pN",      "exposure.over",        "exposure.over.",
      "rto@0",             "rto@",             "rto@1.5",              "interval@2",
      "states@2",          "exposure@2",       "rto@100",              "rto@best",
      "exposure.over.-5s", "exposure.over.15", "pending.over.5apples", "transfer.p 5",
  };
  for (guint i = 0; i < G_N_ELEMENTS (none); i++)
    if (ts_metric_find (none[i]) != NULL)
      fail_msg ("%s is a metric", none[i]);
  const TsMetric *metric = ts_metric_find ("exposure.over.1m");
  assert_string_equal (metric->name, "exposure.over.1m");
  assert_string_equal (metric->key, "exposure_us_over_1m");
  assert_int_equal (metric->unit, TS_UNIT_US);
  assert_ptr_equal (ts_metric_find ("exposure.over.1m"), metric);
  assert_ptr_not_equal (ts_metric_find ("exposure.over.60s"), metric);
  assert_string_equal (ts_metric_find ("exposure.p95")->key, "exposure_us_p95"); /* the table's */
  assert_string_equal (ts_metric_find ("exposure.p99")->key, "exposure_us_p99");
  for (guint i = 0; ts_metric_family (i) != NULL; i++)
    assert_null (ts_metric_find (ts_metric_family (i)->name));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (back_to_back_copies_break_the_objective),
      cmocka_unit_test (steady_cycles_are_between_transfer_and_interval_plus_transfer),
      cmocka_unit_test (percentile_weighs_by_time),
      cmocka_unit_test (curve_equals_its_definition),
      cmocka_unit_test (point_that_is_older_takes_nothing_away),
      cmocka_unit_test (without_a_point_exposure_is_never_or_unknown),
      cmocka_unit_test (rto_has_five_stages),
      cmocka_unit_test (stages_are_never_negative_and_add_up),
      cmocka_unit_test (planned_failover_begins_with_its_command),
      cmocka_unit_test (service_that_never_comes_is_never),
      cmocka_unit_test (each_failover_is_measured_by_itself),
      cmocka_unit_test (what_the_second_one_loses_is_its_own),
      cmocka_unit_test (after_a_cancelled_failover_the_source_goes_on),
      cmocka_unit_test (records_of_the_application_are_counted),
      cmocka_unit_test (bytes_cycles_and_transfers_keep_to_their_window),
      cmocka_unit_test (throughput_adds_what_overlaps),
      cmocka_unit_test (health_is_the_worse_side_and_stands_until_told),
      cmocka_unit_test (states_are_told_in_order),
      cmocka_unit_test (last_comparison_of_each_disk_counts),
      cmocka_unit_test (family_is_filled_in_or_is_no_metric),
      cmocka_unit_test (every_metric_has_a_name_a_key_and_a_value_for_a_bare_journal),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

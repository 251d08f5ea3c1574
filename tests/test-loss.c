/* Each class of loss, by exact count.
 *
 * Twelve writes, one a second, in turn on "system" (odd) and "data" (even), each to the next slot;
 * the last two rewrite slot 0 of each.  A flush covers the first eight.  The machine loses power
 * at 12.5 s. */
#include "results-support.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define S(n) ((gint64)(n)*TS_S)
#define DISASTER_US (S (12) + 500000)
enum { NOTHING = 0, TORN = -1, CORRUPT = -2 };
#define PLACES 10

typedef struct {
  const char *name;
  int held[PLACES]; /* slots 0 to 4 of system, then of data */
  int more[2][3];   /* more records: disk (1 system, 2 data), slot, sequence */
  gint64 instant_s; /* of the point taken; 0: 10 s */
  gint64 rpo_us;
  int lost, unflushed, torn, corrupt, stale, phantom, order, point, instant, records;
} Case;

static const Case cases[] = {
    {.name = "everything is there", .held = {11, 3, 5, 7, 9, 12, 4, 6, 8, 10}, .records = 10},
    {.name = "a crash-consistent point loses what came behind it",
     .held = {1, 3, 5, 7, 9, 2, 4, 6, 8, 10},
     .rpo_us = 1500000,
     .unflushed = 2,
     .records = 10},
    {.name = "a flushed write in the middle is gone",
     .held = {1, 3, 5, NOTHING, 9, 2, 4, 6, 8, 10},
     .rpo_us = 5500000,
     .lost = 1,
     .unflushed = 2,
     .order = 1,
     .point = 1,
     .instant = 1,
     .records = 9},
    {.name = "an unflushed write in the middle is gone: no barrier broken, yet no common instant",
     .held = {1, 3, 5, 7, NOTHING, 2, 4, 6, 8, 10},
     .rpo_us = 3500000,
     .unflushed = 3,
     .point = 1,
     .instant = 1,
     .records = 9},
    {.name =
         "the tail is gone, with a flushed write in it: older than its point, still one instant",
     .held = {1, 3, 5, 7, NOTHING, 2, 4, 6, NOTHING, NOTHING},
     .rpo_us = 4500000,
     .lost = 1,
     .unflushed = 4,
     .point = 3,
     .records = 7},
    {.name = "one disk is older than the other",
     .held = {1, 3, 5, NOTHING, NOTHING, 2, 4, 6, 8, 10},
     .rpo_us = 5500000,
     .lost = 1,
     .unflushed = 3,
     .order = 1,
     .point = 2,
     .instant = 2,
     .records = 8},
    {.name = "an older record is back",
     .held = {1, 3, 5, 7, 9, 12, 4, 6, 8, 10},
     .instant_s = 12,
     .rpo_us = 1500000,
     .unflushed = 1,
     .stale = 1,
     .point = 1,
     .instant = 1,
     .records = 10},
    {.name = "older records on both disks",
     .held = {1, 3, 5, 7, 9, 2, 4, 6, 8, 10},
     .instant_s = 12,
     .rpo_us = 1500000,
     .unflushed = 2,
     .stale = 2,
     .point = 2,
     .records = 10},
    {.name = "a torn place",
     .held = {11, TORN, 5, 7, 9, 12, 4, 6, 8, 10},
     .rpo_us = 9500000,
     .lost = 1,
     .torn = 1,
     .order = 1,
     .point = 1,
     .instant = 1,
     .records = 9},
    {.name = "a corrupt place",
     .held = {11, 3, 5, 7, 9, 12, CORRUPT, 6, 8, 10},
     .rpo_us = 8500000,
     .lost = 1,
     .corrupt = 1,
     .order = 1,
     .point = 1,
     .instant = 1,
     .records = 9},
    {.name = "a record that nobody wrote",
     .more = {{1, 5, 99}},
     .held = {11, 3, 5, 7, 9, 12, 4, 6, 8, 10},
     .phantom = 1,
     .records = 11},
    {.name = "a phantom does not move the common instant",
     .more = {{1, 5, 99}},
     .held = {1, 3, 5, 7, 9, 2, 4, 6, 8, 10},
     .rpo_us = 1500000,
     .unflushed = 2,
     .phantom = 1,
     .records = 11},
    {.name = "the write in flight may be there",
     .more = {{1, 5, 13}},
     .held = {11, 3, 5, 7, 9, 12, 4, 6, 8, 10},
     .records = 11},
    {.name = "only one write was in flight",
     .more = {{1, 5, 13}, {2, 5, 13}},
     .held = {11, 3, 5, 7, 9, 12, 4, 6, 8, 10},
     .phantom = 1,
     .records = 12},
    {.name = "two behind the last is no write in flight",
     .more = {{1, 5, 14}},
     .held = {11, 3, 5, 7, 9, 12, 4, 6, 8, 10},
     .phantom = 1,
     .records = 11},
    {.name = "the write in flight over an acknowledged one replaces it",
     .held = {11, 3, 5, 7, 13, 12, 4, 6, 8, 10},
     .records = 10},
    {.name = "a record at another's place is a phantom",
     .more = {{1, 5, 9}},
     .held = {11, 3, 5, 7, 9, 12, 4, 6, 8, 10},
     .phantom = 1,
     .records = 11},
    {.name = "nothing at all",
     .held = {NOTHING},
     .rpo_us = 11500000,
     .lost = 8,
     .unflushed = 4,
     .point = 10},
};

static Run *
until_the_survey (gint64 instant_us)
{
  Run *run = run_new ();
  for (int i = 1; i <= 12; i++) {
    run_write (run, S (i), i % 2 ? "system" : "data", i > 10 ? 0 : (guint64)(i - 1) / 2,
               (guint64)i);
    if (i == 8)
      run_flush (run, S (8) + 100, "", 8);
  }
  run_power (run, DISASTER_US, "hv-a", FALSE, "power lost");
  run_failover (run, S (20), "commanded", FALSE, 0);
  run_failover (run, S (21), "promoted", FALSE, instant_us);
  run_power (run, S (22), "hv-b", TRUE, "failover");
  run_ready (run, S (25));
  return run;
}

static void
hold (Run *run, gint64 t_us, const int *held)
{
  for (guint i = 0; i < PLACES; i++) {
    const char *disk = i < 5 ? "system" : "data";
    if (held[i] != NOTHING)
      run_held (run, t_us, disk, i % 5, held[i] > 0 ? (guint64)held[i] : 0,
                held[i] == TORN      ? TS_HELD_TORN
                : held[i] == CORRUPT ? TS_HELD_CORRUPT
                                     : TS_HELD_WHOLE);
  }
}

static void
count (void **state)
{
  const Case *c = *state;
  g_autoptr (Run) run = until_the_survey (S (c->instant_s ? c->instant_s : 10));
  run_survey (run, S (26), "begun", 0, 0);
  hold (run, S (27), c->held);
  for (guint i = 0; i < 2; i++)
    if (c->more[i][0])
      run_held (run, S (27), c->more[i][0] == 1 ? "system" : "data", (guint64)c->more[i][1],
                (guint64)c->more[i][2], TS_HELD_WHOLE);
  run_survey (run, S (28), "done", 0, 0);
  run_end (run, S (30));
  assert_int_equal (run_number (run, "loss.lost"), c->lost);
  assert_int_equal (run_number (run, "loss.bytes"), c->lost * (int)SLOT_BYTES);
  assert_int_equal (run_number (run, "loss.unflushed"), c->unflushed);
  assert_int_equal (run_number (run, "loss.unflushed_bytes"), c->unflushed * (int)SLOT_BYTES);
  assert_int_equal (run_number (run, "loss.torn"), c->torn);
  assert_int_equal (run_number (run, "loss.corrupt"), c->corrupt);
  assert_int_equal (run_number (run, "loss.stale"), c->stale);
  assert_int_equal (run_number (run, "loss.phantom"), c->phantom);
  assert_int_equal (run_number (run, "loss.order"), c->order);
  assert_int_equal (run_number (run, "loss.point"), c->point);
  assert_int_equal (run_number (run, "loss.instant"), c->instant);
  assert_int_equal (run_number (run, "held.records"), c->records);
  assert_int_equal (run_number (run, "rpo.achieved"), c->rpo_us);
  const GArray *losses = ts_metrics_losses (run->metrics, "app");
  assert_int_equal (losses->len,
                    c->lost + c->unflushed + c->torn + c->corrupt + c->stale + c->phantom);
}

static const int all_held[PLACES] = {11, 3, 5, 7, 9, 12, 4, 6, 8, 10};
static const int old_held[PLACES] = {1, 3, 5, 7, 9, 2, 4, 6, 8, 10};

static void
only_the_last_survey_of_the_copy_counts (void **state)
{
  g_autoptr (Run) run = until_the_survey (S (10));
  run_survey (run, S (26), "begun", 0, 0);
  hold (run, S (27), old_held);
  run_survey (run, S (28), "done", 0, 0);
  run_survey (run, S (36), "begun", 0, 0);
  hold (run, S (37), all_held);
  run_survey (run, S (38), "done", 0, 0);
  run_held (run, S (40), "system", 5, 77, TS_HELD_WHOLE); /* outside of any survey */
  assert_int_equal (run_number (run, "held.records"), 10);
  assert_int_equal (run_number (run, "loss.unflushed"), 0);
  assert_int_equal (run_number (run, "loss.phantom"), 0);
}

static void
a_survey_that_is_missing_or_not_done_tells_nothing (void **state)
{
  g_autoptr (Run) none = until_the_survey (S (10));
  assert_int_equal (run_kind_in (none, "loss.lost", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
  g_autoptr (Run) half = until_the_survey (S (10));
  run_survey (half, S (26), "begun", 0, 0);
  hold (half, S (27), all_held);
  assert_int_equal (run_kind_in (half, "loss.lost", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
  assert_int_equal (run_kind_in (half, "rpo.achieved", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
  g_autoptr (Run) second = until_the_survey (S (10));
  run_survey (second, S (26), "begun", 0, 0);
  hold (second, S (27), all_held);
  run_survey (second, S (28), "done", 0, 0);
  run_survey (second, S (29), "begun", 0, 0);
  assert_int_equal (run_kind_in (second, "loss.lost", 0, TS_NEVER), TS_MEASURE_UNKNOWN);
}

/* The word of write 13 arrives after the power went, write 14 is the copy's own. */
static void
late_words_are_the_old_machines_and_the_copys_writes_are_not (void **state)
{
  g_autoptr (Run) run = until_the_survey (S (10));
  run_write (run, DISASTER_US + 1, "system", 5, 13);
  run_write (run, S (40), "data", 5, 14);
  run_survey (run, S (26), "begun", 0, 0);
  hold (run, S (27), all_held);
  run_survey (run, S (28), "done", 0, 0);
  assert_int_equal (run_number (run, "loss.unflushed"), 1);
  assert_int_equal (run_number (run, "loss.instant"), 0);
  assert_int_equal (run_number (run, "rpo.achieved"), 0); /* never negative */
}

/* No power was lost: the old machine writes on, which nobody promised to carry over. */
static void
forced_failover_counts_up_to_its_command (void **state)
{
  g_autoptr (Run) run = run_new ();
  run_write (run, S (1), "system", 0, 1);
  run_write (run, S (2), "system", 1, 2);
  run_write (run, S (4), "system", 2, 3);
  run_failover (run, S (3), "commanded", FALSE, 0);
  run_failover (run, S (5), "promoted", FALSE, S (1));
  run_survey (run, S (6), "begun", 0, 0);
  run_held (run, S (6), "system", 0, 1, TS_HELD_WHOLE);
  run_survey (run, S (7), "done", 0, 0);
  assert_int_equal (run_number (run, "loss.unflushed"), 1);
  assert_int_equal (run_number (run, "rpo.achieved"), S (1));
}

/* The first failover is the one that is measured: another copy on the same host is not its copy. */
static void
a_survey_after_a_cancel_is_not_of_that_copy (void **state)
{
  g_autoptr (Run) run = run_new ();
  run_write (run, S (1), "system", 0, 1);
  run_write (run, S (2), "system", 1, 2);
  run_failover (run, S (3), "commanded", FALSE, 0);
  run_failover (run, S (5), "promoted", FALSE, S (1));
  run_survey (run, S (6), "begun", 0, 0);
  run_held (run, S (6), "system", 0, 1, TS_HELD_WHOLE);
  run_survey (run, S (7), "done", 0, 0);
  run_failover (run, S (8), "cancelled", FALSE, S (1));
  run_write (run, S (9), "system", 2, 3);
  run_failover (run, S (10), "commanded", FALSE, 0);
  run_failover (run, S (11), "promoted", FALSE, S (9));
  run_survey (run, S (12), "begun", 0, 0);
  for (int i = 1; i <= 3; i++)
    run_held (run, S (12), "system", (guint)i - 1, (guint64)i, TS_HELD_WHOLE);
  run_survey (run, S (13), "done", 0, 0);
  assert_int_equal (run_number (run, "loss.unflushed"), 1);
  assert_int_equal (run_number (run, "held.records"), 1);
  assert_int_equal (run_number (run, "rpo.achieved"), S (1));
}

static void
a_flush_of_one_disk_covers_that_disk (void **state)
{
  g_autoptr (Run) run = until_the_survey (S (10));
  run_flush (run, S (12) + 1, "data", 12);
  run_survey (run, S (26), "begun", 0, 0);
  hold (run, S (27), old_held);
  run_survey (run, S (28), "done", 0, 0);
  assert_int_equal (run_number (run, "loss.lost"), 1);      /* 12, on data */
  assert_int_equal (run_number (run, "loss.unflushed"), 1); /* 11, on system */
}

/* A record of two slots over two records of one: gone when either half is older. */
static void
a_wide_write_wants_its_whole_place (void **state)
{
  for (int newer_halves = 0; newer_halves <= 2; newer_halves++) {
    g_autoptr (Run) run = run_new ();
    TsLedgerEntry wide = {.kind = TS_LEDGER_WRITE,
                          .t_us = S (1),
                          .vm = "app",
                          .disk = "system",
                          .length_bytes = 2 * SLOT_BYTES,
                          .sequence = 1,
                          .copy = ""};
    ts_ledger_add (run->ledger, &wide);
    run_write (run, S (2), "system", 0, 2);
    run_write (run, S (3), "system", 1, 3);
    run_flush (run, S (3), "", 3);
    run_failover (run, S (4), "commanded", TRUE, 0);
    run_failover (run, S (5), "promoted", TRUE, S (4));
    run_survey (run, S (6), "begun", 0, 0);
    for (guint64 i = 0; i < (guint64)newer_halves; i++)
      run_held (run, S (6), "system", i, i + 2, TS_HELD_WHOLE);
    run_survey (run, S (7), "done", 0, 0);
    assert_int_equal (run_number (run, "loss.lost"), newer_halves == 2 ? 0 : 3 - newer_halves);
  }
}

/* One place, written three times by the point's instant, and the first is back: one stale place. */
static void
stale_counts_places (void **state)
{
  g_autoptr (Run) run = run_new ();
  for (guint64 i = 1; i <= 3; i++)
    run_write (run, S (i), "system", 0, i);
  run_failover (run, S (4), "commanded", TRUE, 0);
  run_failover (run, S (5), "promoted", TRUE, S (4));
  run_survey (run, S (6), "begun", 0, 0);
  run_held (run, S (6), "system", 0, 1, TS_HELD_WHOLE);
  run_survey (run, S (7), "done", 0, 0);
  assert_int_equal (run_number (run, "loss.stale"), 1);
  assert_int_equal (run_number (run, "loss.point"), 2);
}

static void
fill_is_counted_by_blocks (void **state)
{
  g_autoptr (Run) run = until_the_survey (S (10));
  run_survey (run, S (26), "begun", 0, 0);
  hold (run, S (27), all_held);
  run_held (run, S (27), "system", 100, 60, TS_HELD_FILL);
  run_held (run, S (27), "data", 100, 30, TS_HELD_FILL);
  run_survey (run, S (28), "done", 100, 3);
  assert_int_equal (run_number (run, "loss.fill"), 10); /* 3 bad, 7 missing */
  assert_int_equal (run_number (run, "held.records"), 10);
}

/* Twelve flushed writes; what is done to the copy, and the one class that it makes, by count. */
static const struct alone {
  const char *name;
  int gone;              /* so many of the last writes are missing */
  gboolean flushed;      /* all were flushed */
  TsHeldState elsewhere; /* what is held where nobody wrote, in so many places */
  int places;
  int fill_bad;
  const char *metric;
} alones[] = {
    {"lost: the flushed tail", 3, TRUE, TS_HELD_WHOLE, 0, 0, "loss.lost"},
    {"unflushed: the same tail, never flushed", 3, FALSE, TS_HELD_WHOLE, 0, 0, "loss.unflushed"},
    {"torn: where nothing was promised", 0, TRUE, TS_HELD_TORN, 3, 0, "loss.torn"},
    {"corrupt: where nothing was promised", 0, TRUE, TS_HELD_CORRUPT, 3, 0, "loss.corrupt"},
    {"phantom: records of nobody", 0, TRUE, TS_HELD_WHOLE, 3, 0, "loss.phantom"},
    {"fill: blocks that went bad", 0, TRUE, TS_HELD_WHOLE, 0, 3, "loss.fill"},
};

static void
exactly_one_class_occurs (void **state)
{
  const struct alone *alone = *state;
  static const char *const classes[] = {
      "loss.lost",    "loss.unflushed", "loss.torn",  "loss.corrupt", "loss.stale",
      "loss.phantom", "loss.order",     "loss.point", "loss.instant", "loss.fill",
  };
  g_autoptr (Run) run = run_new ();
  for (int i = 1; i <= 12; i++)
    run_write (run, S (i), "system", (guint64)i, (guint64)i);
  if (alone->flushed)
    run_flush (run, S (12), "", 12);
  run_power (run, DISASTER_US, "hv-a", FALSE, "power lost");
  run_failover (run, S (20), "commanded", FALSE, 0);
  run_failover (run, S (21), "promoted", FALSE, S (12 - alone->gone));
  run_power (run, S (22), "hv-b", TRUE, "failover");
  run_survey (run, S (26), "begun", 0, 0);
  for (int i = 1; i <= 12 - alone->gone; i++)
    run_held (run, S (27), "system", (guint64)i, (guint64)i, TS_HELD_WHOLE);
  for (int i = 0; i < alone->places; i++)
    run_held (run, S (27), "system", (guint64)(50 + i),
              alone->elsewhere == TS_HELD_WHOLE ? (guint64)(70 + i) : 0, alone->elsewhere);
  if (alone->fill_bad > 0)
    run_held (run, S (27), "system", 100, (guint64)(20 - alone->fill_bad), TS_HELD_FILL);
  run_survey (run, S (28), "done", alone->fill_bad > 0 ? 20 : 0, alone->fill_bad);
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    assert_int_equal (run_number (run, classes[i]),
                      g_str_equal (classes[i], alone->metric) ? 3 : 0);
}

int
main (void)
{
  static const struct CMUnitTest others[] = {
      cmocka_unit_test (only_the_last_survey_of_the_copy_counts),
      cmocka_unit_test (a_survey_that_is_missing_or_not_done_tells_nothing),
      cmocka_unit_test (late_words_are_the_old_machines_and_the_copys_writes_are_not),
      cmocka_unit_test (forced_failover_counts_up_to_its_command),
      cmocka_unit_test (a_survey_after_a_cancel_is_not_of_that_copy),
      cmocka_unit_test (a_flush_of_one_disk_covers_that_disk),
      cmocka_unit_test (a_wide_write_wants_its_whole_place),
      cmocka_unit_test (stale_counts_places),
      cmocka_unit_test (fill_is_counted_by_blocks),
  };
  struct CMUnitTest tests[G_N_ELEMENTS (cases) + G_N_ELEMENTS (others) + G_N_ELEMENTS (alones)];
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    tests[i] = (struct CMUnitTest){
        .name = cases[i].name, .test_func = count, .initial_state = (void *)&cases[i]};
  memcpy (tests + G_N_ELEMENTS (cases), others, sizeof others);
  for (guint i = 0; i < G_N_ELEMENTS (alones); i++)
    tests[G_N_ELEMENTS (cases) + G_N_ELEMENTS (others) + i] =
        (struct CMUnitTest){.name = alones[i].name,
                            .test_func = exactly_one_class_occurs,
                            .initial_state = (void *)&alones[i]};
  return cmocka_run_group_tests (tests, NULL, NULL);
}

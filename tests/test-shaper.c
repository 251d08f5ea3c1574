/* tests/test-shaper.c -- arrival times that can be worked out on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/base/units.h"
#include "core/seam/shaper.h"

#define MBIT (G_GUINT64_CONSTANT (1000000))
#define DROP (-1)
#define PACKETS 6

/* 1000 bytes at 8 Mbit/s take 1000 us. */
static const struct row {
  const char *name;
  TsLinkShape shape;
  TsLinkMode mode;
  gint64 sent_us[PACKETS]; /* ascending; the row ends with the first packet of 0 bytes */
  guint32 bytes[PACKETS];
  gint64 want_us[PACKETS];
} rows[] = {
    {"no limit at all: arrives when it leaves",
     {0},
     TS_LINK_UP,
     {5, 5, 9},
     {1500, 1, 65535},
     {5, 5, 9}},
    {"delay only: each is late by the delay, none waits",
     {.delay_us = 20000},
     TS_LINK_UP,
     {0, 0, 7},
     {1500, 1500, 1500},
     {20000, 20000, 20007}},
    {"rate only: each waits for the one before it",
     {.rate_bits_per_s = 8 * MBIT},
     TS_LINK_UP,
     {100, 100, 100, 1500},
     {1000, 500, 1000, 1000},
     {1100, 1600, 2600, 3600}},
    {"a line that has become free counts from the packet, not from the last one",
     {.rate_bits_per_s = 8 * MBIT},
     TS_LINK_UP,
     {0, 1000, 5000},
     {1000, 1000, 1000},
     {1000, 2000, 6000}},
    {"rate and delay add up, delays overlap",
     {.rate_bits_per_s = 8 * MBIT, .delay_us = 20000},
     TS_LINK_UP,
     {0, 0, 0},
     {1000, 1000, 1000},
     {21000, 22000, 23000}},
    {"a queue that is full drops the last to come, and takes the next when there is room",
     {.rate_bits_per_s = 8 * MBIT, .queue_bytes = 2000},
     TS_LINK_UP,
     {0, 0, 0, 999, 1000, 1000},
     {1000, 1000, 1000, 1000, 1000, 1000},
     {1000, 2000, DROP, DROP, 3000, DROP}},
    {"one byte of room is not room for two",
     {.rate_bits_per_s = 8 * MBIT, .queue_bytes = 1001},
     TS_LINK_UP,
     {0, 0, 0, 0},
     {1000, 2, 1, 1},
     {1000, DROP, 1001, DROP}},
    {"a packet larger than the queue passes when the line is free",
     {.rate_bits_per_s = 8 * MBIT, .queue_bytes = 100},
     TS_LINK_UP,
     {0, 1, 2000},
     {1000, 1000, 1000},
     {1000, DROP, 3000}},
    {"a queue of 0 bytes means 256 KiB",
     {.rate_bits_per_s = 8 * MBIT},
     TS_LINK_UP,
     {0, 0, 0},
     {256 * 1024, 1, 1},
     {262144, DROP, DROP}},
    {"a fraction of a microsecond is owed, not lost: 7 Mbit/s, 1 byte is 1 1/7 us",
     {.rate_bits_per_s = 7 * MBIT},
     TS_LINK_UP,
     {0, 0, 0, 0, 0, 0},
     {1, 1, 1, 4, 1, 1},
     {1, 2, 3, 8, 9, 10}},
    {"the owed fraction is forgotten when the line has been idle",
     {.rate_bits_per_s = 7 * MBIT},
     TS_LINK_UP,
     {0, 0, 100, 100},
     {3, 3, 3, 3},
     {3, 6, 103, 106}},
    {"all lost", {.loss_ppm = 1000000}, TS_LINK_UP, {0, 1}, {10, 10}, {DROP, DROP}},
    {"a black hole swallows all",
     {.delay_us = 1},
     TS_LINK_BLACKHOLE,
     {0, 1},
     {10, 10},
     {DROP, DROP}},
    {"the slowest of lines does not overflow",
     {.rate_bits_per_s = 1, .queue_bytes = G_MAXUINT64},
     TS_LINK_UP,
     {0, 0},
     {G_MAXUINT32, G_MAXUINT32},
     {G_GINT64_CONSTANT (34359738360000000), G_GINT64_CONSTANT (68719476720000000)}},
};

static void
arrives (void **state)
{
  const struct row *row = *state;
  TsShaper shaper;

  ts_shaper_init (&shaper, &row->shape, 1, "link/wan/a>b");
  shaper.mode = row->mode;
  for (guint i = 0; i < PACKETS && row->bytes[i] > 0; i++) {
    gint64 arrival_us = ts_shaper_pass (&shaper, row->sent_us[i], row->bytes[i]);
    if (arrival_us != row->want_us[i])
      fail_msg ("packet %u arrives at %" G_GINT64_FORMAT ", not %" G_GINT64_FORMAT, i, arrival_us,
                row->want_us[i]);
  }
}

/* 1500 bytes at 7 Mbit/s take 1714 2/7 us; a million of them 1,714,285,714 us and not
 * 1,714,000,000. */
static void
rounding_does_not_add_up (void **state)
{
  TsLinkShape shape = {.rate_bits_per_s = 7 * MBIT, .queue_bytes = G_MAXUINT64};
  TsShaper shaper;
  gint64 arrival_us = 0;

  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  for (guint i = 0; i < 1000000; i++)
    arrival_us = ts_shaper_pass (&shaper, 0, 1500);
  assert_int_equal (arrival_us, 1714285714);
  assert_int_equal (shaper.counters.packets, 1000000);
  assert_int_equal (shaper.counters.bytes, 1500000000);
}

/* The same when each comes just as the line becomes free: there is a fraction still to go. */
static void
rounding_does_not_add_up_in_lockstep (void **state)
{
  TsLinkShape shape = {.rate_bits_per_s = 7 * MBIT};
  TsShaper shaper;
  gint64 arrival_us = 0;

  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  for (guint i = 0; i < 1000000; i++)
    arrival_us = ts_shaper_pass (&shaper, arrival_us, 1500);
  /* Every seventh time the line is free to the microsecond, else it owes; nothing is forgotten. */
  assert_int_equal (arrival_us, 1714285714);
}

static void
queue_drains_at_the_rate (void **state)
{
  TsLinkShape shape = {.rate_bits_per_s = 8 * MBIT, .delay_us = 50000};
  TsShaper shaper;

  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 0), 0);
  ts_shaper_pass (&shaper, 0, 3000);
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 0), 3000);
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 1000), 2000);
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 2999), 1);
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 3000), 0); /* on the way, not waiting */
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 9000), 0);

  /* 1 byte takes 1 1/7 us: after 1 us a part of it still waits. */
  shape = (TsLinkShape){.rate_bits_per_s = 7 * MBIT};
  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  ts_shaper_pass (&shaper, 0, 1);
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 1), 1);
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 2), 0);

  /* More than 64 bits of bit-microseconds. */
  shape = (TsLinkShape){.rate_bits_per_s = 1000 * MBIT, .queue_bytes = G_MAXUINT64};
  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  for (guint i = 0; i < 1000; i++)
    ts_shaper_pass (&shaper, 0, G_MAXUINT32);
  assert_int_equal (ts_shaper_queued_bytes (&shaper, 0), G_GUINT64_CONSTANT (4294967295000));
}

static void
drops_are_counted_by_cause (void **state)
{
  TsLinkShape shape = {.rate_bits_per_s = 8 * MBIT, .queue_bytes = 1000};
  TsShaper shaper;

  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  ts_shaper_pass (&shaper, 0, 1000);
  ts_shaper_pass (&shaper, 0, 1000);
  shaper.mode = TS_LINK_BLACKHOLE;
  ts_shaper_pass (&shaper, 1, 700);
  ts_shaper_pass (&shaper, 2, 77);
  /* The hole took no time of the line: the first packet is out at 1000. */
  shaper.mode = TS_LINK_UP;
  assert_int_equal (ts_shaper_pass (&shaper, 1000, 1000), 2000);
  assert_int_equal (shaper.counters.packets, 2);
  assert_int_equal (shaper.counters.bytes, 2000);
  assert_int_equal (shaper.counters.dropped_queue, 1);
  assert_int_equal (shaper.counters.dropped_loss, 0);
  assert_int_equal (shaper.counters.dropped_blackhole, 2);
  assert_int_equal (shaper.counters.blackhole_bytes, 777);
}

static void
loss_has_its_share (void **state)
{
  TsLinkShape shape = {.rate_bits_per_s = 8 * MBIT, .loss_ppm = 10000, .queue_bytes = G_MAXUINT64};
  TsShaper shaper;
  gint64 last_us = 0;

  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  for (guint i = 0; i < 1000000; i++) {
    gint64 arrival_us = ts_shaper_pass (&shaper, 0, 1000);
    last_us = MAX (last_us, arrival_us);
  }
  /* 10,000 of a million with a deviation of 99.5: five of them are never left by chance. */
  assert_in_range (shaper.counters.dropped_loss, 9500, 10500);
  assert_int_equal (shaper.counters.packets + shaper.counters.dropped_loss, 1000000);
  /* What is lost on the way has taken its time on the line (the last few may be lost). */
  assert_in_range (last_us, 999990000, 1000000000);
}

static void
jitter_keeps_order_and_bounds (void **state)
{
  TsLinkShape shape = {.delay_us = 20000, .jitter_us = 5000};
  TsShaper shaper;
  gint64 last_us = 0, least_us = G_MAXINT64, most_us = 0;

  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  for (gint64 now_us = 0; now_us < 10000000; now_us += 1000) {
    gint64 arrival_us = ts_shaper_pass (&shaper, now_us, 1500);
    assert_true (arrival_us >= last_us);
    last_us = arrival_us;
    least_us = MIN (least_us, arrival_us - now_us);
    most_us = MAX (most_us, arrival_us - now_us);
  }
  /* Evenly in [20000, 25000), so that ten thousand draws come near both ends. */
  assert_in_range (least_us, 20000, 20400);
  assert_in_range (most_us, 24900, 24999);
}

/* A gust holds back one packet; those behind it must not pass it. */
static void
jitter_beyond_the_gap_keeps_order (void **state)
{
  TsLinkShape shape = {.jitter_us = 50000};
  TsShaper shaper;
  gint64 last_us = 0;
  guint together = 0;

  ts_shaper_init (&shaper, &shape, 1, "link/wan/a>b");
  for (gint64 now_us = 0; now_us < 1000000; now_us += 1000) {
    gint64 arrival_us = ts_shaper_pass (&shaper, now_us, 1500);
    assert_true (arrival_us >= last_us);
    together += arrival_us == last_us;
    last_us = arrival_us;
  }
  assert_true (together > 500); /* most are held back by one before them */
}

static void
same_seed_and_name_same_weather (void **state)
{
  TsLinkShape shape = {.delay_us = 1000, .jitter_us = 900, .loss_ppm = 200000};
  TsShaper a, same, other;
  guint differ = 0;

  ts_shaper_init (&a, &shape, 7, "link/wan/a>b");
  ts_shaper_init (&same, &shape, 7, "link/wan/a>b");
  ts_shaper_init (&other, &shape, 7, "link/wan/b>a");
  for (gint64 now_us = 0; now_us < 1000000; now_us += 1000) {
    gint64 arrival_us = ts_shaper_pass (&a, now_us, 1500);
    assert_int_equal (ts_shaper_pass (&same, now_us, 1500), arrival_us);
    differ += ts_shaper_pass (&other, now_us, 1500) != arrival_us;
  }
  assert_true (differ > 500);
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 8] = {
      cmocka_unit_test (rounding_does_not_add_up),
      cmocka_unit_test (rounding_does_not_add_up_in_lockstep),
      cmocka_unit_test (queue_drains_at_the_rate),
      cmocka_unit_test (drops_are_counted_by_cause),
      cmocka_unit_test (loss_has_its_share),
      cmocka_unit_test (jitter_keeps_order_and_bounds),
      cmocka_unit_test (jitter_beyond_the_gap_keeps_order),
      cmocka_unit_test (same_seed_and_name_same_weather),
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[8 + i] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = arrives, .initial_state = (void *)&rows[i]};
  return cmocka_run_group_tests_name ("shaper", tests, NULL, NULL);
}

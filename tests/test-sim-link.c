/* tests/test-sim-link.c -- connections over a shaped link: when bytes arrive, and when they do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "sim/link.h"

typedef struct {
  TsSimClock *clock;
  TsSimLink *link;
  TsLinkSpec spec;
  TsSimConn *near, *far;
  gint64 connected_us, accepted_us, last_us;
  gsize bytes;
  guint messages;
  gboolean lost;
} Bench;

static void
connected (TsSimConn *conn, gpointer user)
{
  ((Bench *)user)->connected_us = ts_sim_clock_now_us (((Bench *)user)->clock);
}

static void
message (TsSimConn *conn, GBytes *bytes, gpointer user)
{
  Bench *b = user;
  const guint8 *data = g_bytes_get_data (bytes, NULL);
  assert_int_equal (data[0], b->messages % 256); /* order is kept */
  b->bytes += g_bytes_get_size (bytes);
  b->messages++;
  b->last_us = ts_sim_clock_now_us (b->clock);
}

static void
lost (TsSimConn *conn, const char *reason, gpointer user)
{
  ((Bench *)user)->lost = TRUE;
}

static const TsSimConnEvents events = {connected, message, lost};

static void
welcome_far (TsSimConn *far, gpointer user)
{
  Bench *b = user;
  b->far = far;
  b->accepted_us = ts_sim_clock_now_us (b->clock);
  ts_sim_conn_set_events (far, &events, b);
}

static void
run (Bench *b, gint64 until_us)
{
  while (ts_sim_clock_step (b->clock, until_us)) {
  }
}

static Bench *
bench_new_of (guint64 rate, gint64 delay_us, guint32 loss_ppm, const TsProfile *profile)
{
  Bench *b = g_new0 (Bench, 1);
  b->clock = ts_sim_clock_new ();
  b->spec =
      (TsLinkSpec){.name = (char *)"wan",
                   .site = {0, 1},
                   .shape = {.rate_bits_per_s = rate, .delay_us = delay_us, .loss_ppm = loss_ppm}};
  b->link = ts_sim_link_new (b->clock, &b->spec, profile, 1, "a", "b");
  b->near = ts_sim_link_connect (b->link, 0, &events, b, welcome_far, b);
  return b;
}

static Bench *
bench_new (guint64 rate, gint64 delay_us, guint32 loss_ppm)
{
  return bench_new_of (rate, delay_us, loss_ppm, NULL);
}

static void
bench_free (Bench *b)
{
  ts_sim_clock_free (b->clock);
  ts_sim_link_free (b->link);
  g_free (b);
}

static void
send (Bench *b, guint count, gsize size)
{
  for (guint i = 0; i < count; i++) {
    guint8 *data = g_malloc0 (size);
    data[0] = (guint8)i;
    g_autoptr (GBytes) bytes = g_bytes_new_take (data, size);
    ts_sim_conn_send (b->near, bytes, g_bytes_get_size (bytes));
  }
}

static void
a_handshake_takes_two_and_a_half_round_trips (void **state)
{
  Bench *b = bench_new (0, 20 * TS_MS, 0);
  run (b, TS_S);
  assert_int_equal (b->connected_us, 80 * TS_MS); /* TCP 1, TLS 1.3 1 */
  assert_int_equal (b->accepted_us, 100 * TS_MS);
  bench_free (b);
}

/* Half of it on each side: the server's before it answers, the client's before it knows. */
static void
a_handshake_takes_the_hosts_time_too (void **state)
{
  TsProfile profile = {.handshake_us = 6 * TS_MS};
  Bench *b = bench_new_of (0, 20 * TS_MS, 0, &profile);
  run (b, TS_S);
  assert_int_equal (b->connected_us, 86 * TS_MS);
  assert_int_equal (b->accepted_us, 106 * TS_MS);
  bench_free (b);
}

/* No more gets through a link than two hosts can say, however quick it is. */
static void
hosts_are_no_quicker_than_they_are (void **state)
{
  static const guint64 rates[] = {0, 80 * 1000 * 1000}; /* no limit; ten times what they do */
  TsProfile profile = {.link_bytes_per_s = 1000 * 1000};
  for (guint i = 0; i < G_N_ELEMENTS (rates); i++) {
    Bench *b = bench_new_of (rates[i], 10 * TS_MS, 0, &profile);
    run (b, TS_S);
    send (b, 16, 65536);
    run (b, 5 * TS_S);
    assert_int_equal (b->bytes, TS_MIB);
    gint64 want_us = TS_S + (gint64)TS_MIB + 16 * 46 * 52 + 10 * TS_MS;
    assert_true (ABS (b->last_us - want_us) < TS_MS);
    bench_free (b);
  }
}

static void
a_megabyte_takes_size_over_rate (void **state)
{
  Bench *b = bench_new (8 * 1000 * 1000, 10 * TS_MS, 0);
  run (b, TS_S);
  send (b, 16, 65536);
  run (b, 5 * TS_S);
  assert_int_equal (b->bytes, TS_MIB);
  /* 46 packets a message, 52 bytes of headers each, at 1 byte per us, and the delay */
  gint64 want_us = TS_S + (gint64)TS_MIB + 16 * 46 * 52 + 10 * TS_MS;
  assert_true (ABS (b->last_us - want_us) < TS_MS);
  assert_int_equal (ts_sim_link_shaper (b->link, 0)->counters.dropped_queue, 0);
  bench_free (b);
}

static void
loss_costs_time_and_nothing_else (void **state)
{
  Bench *b = bench_new (8 * 1000 * 1000, 10 * TS_MS, 20000);
  run (b, 5 * TS_S);
  send (b, 16, 65536);
  run (b, 60 * TS_S);
  assert_int_equal (b->messages, 16);
  assert_int_equal (b->bytes, TS_MIB);
  guint64 dropped = ts_sim_link_shaper (b->link, 0)->counters.dropped_loss;
  assert_true (dropped > 5);
  gint64 clean_us = (gint64)TS_MIB + 16 * 46 * 52 + 10 * TS_MS; /* as above */
  assert_true (b->last_us - 5 * TS_S > clean_us + (gint64)dropped * 1000);
  bench_free (b);
}

static void
a_black_hole_delays_until_the_doubled_time_out (void **state)
{
  Bench *b = bench_new (0, 20 * TS_MS, 0);
  run (b, TS_S);
  ts_sim_link_set_mode (b->link, TS_LINK_BLACKHOLE);
  send (b, 1, 100);
  run (b, 3 * TS_S);
  assert_int_equal (b->messages, 0);
  ts_sim_link_set_mode (b->link, TS_LINK_UP);
  run (b, 10 * TS_S);
  /* tries after 0.2, 0.6, 1.4 and 3 s: the fourth gets through */
  assert_int_equal (b->last_us, TS_S + 3 * TS_S + 20 * TS_MS);
  bench_free (b);
}

static void
hanging_up_is_heard (void **state)
{
  Bench *b = bench_new (0, 20 * TS_MS, 0);
  run (b, TS_S);
  ts_sim_conn_close (b->near);
  run (b, 2 * TS_S);
  assert_true (b->lost);
  ts_sim_conn_close (b->far);
  run (b, 3 * TS_S);
  bench_free (b);
}

static void
a_vanished_end_says_nothing (void **state)
{
  Bench *b = bench_new (0, 20 * TS_MS, 0);
  run (b, TS_S);
  ts_sim_conn_vanish (b->near);
  run (b, 100 * TS_S);
  assert_false (b->lost);
  bench_free (b);
}

/* Neither of two that send at once waits until the other is done. */
static void
two_streams_share_the_line (void **state)
{
  Bench *a = bench_new (8 * 1000 * 1000, 10 * TS_MS, 0);
  Bench *b = g_new0 (Bench, 1);
  b->clock = a->clock;
  b->link = a->link;
  b->near = ts_sim_link_connect (b->link, 0, &events, b, welcome_far, b);
  run (a, TS_S);
  send (a, 64, 65536);
  send (b, 64, 65536);
  run (a, 5 * TS_S); /* 4 MB of 8 have had time */
  assert_in_range (a->bytes, 1700 * TS_KIB, 2200 * TS_KIB);
  assert_in_range (b->bytes, 1700 * TS_KIB, 2200 * TS_KIB);
  run (a, 20 * TS_S);
  gint64 want_us = TS_S + 2 * 64 * (65536 + 46 * 52) + 10 * TS_MS;
  assert_int_equal (a->bytes, 4 * TS_MIB);
  assert_int_equal (b->bytes, 4 * TS_MIB);
  assert_true (ABS (MAX (a->last_us, b->last_us) - want_us) < 20 * TS_MS);
  assert_int_equal (ts_sim_link_shaper (a->link, 0)->counters.dropped_queue, 0);
  bench_free (a);
  g_free (b);
}

/* Many wait for the line, and some of them go meanwhile: those that stay get through in turn, the
 * line never rests, and who waits in vain costs no call of the clock. */
static void
of_many_that_wait_some_go (void **state)
{
  enum { COUNT = 300, SIZE = 20 * 1024 };
  Bench *b[COUNT];
  b[0] = bench_new (10000000, TS_MS, 0);
  for (guint i = 1; i < COUNT; i++) {
    b[i] = g_new0 (Bench, 1);
    b[i]->clock = b[0]->clock;
    b[i]->link = b[0]->link;
    b[i]->near = ts_sim_link_connect (b[0]->link, 0, &events, b[i], welcome_far, b[i]);
  }
  run (b[0], 30 * TS_S);
  gint64 begun_us = ts_sim_clock_now_us (b[0]->clock);
  guint64 calls = ts_sim_clock_calls (b[0]->clock);
  for (guint i = 0; i < COUNT; i++)
    send (b[i], 3, SIZE);
  run (b[0], begun_us + 200 * TS_MS); /* all wait now, but a few */
  for (guint i = 5; i < COUNT; i += 10) {
    if (i % 20 == 5)
      ts_sim_conn_vanish (b[i]->near);
    else
      ts_sim_conn_close (b[i]->near);
  }
  run (b[0], begun_us + 120 * TS_S);
  gsize bytes = 0;
  gint64 last_us = 0;
  for (guint i = 0; i < COUNT; i++) {
    gboolean gone = i % 10 == 5;
    assert_true (gone || b[i]->messages == 3);
    assert_int_equal (b[i]->lost, gone && i % 20 != 5);
    bytes += b[i]->bytes;
    last_us = MAX (last_us, b[i]->last_us);
  }
  gint64 least_us = (gint64)(bytes * 8 / 10) * 1500 / 1448; /* 10 bits are a microsecond */
  assert_true (last_us - begun_us > least_us && last_us - begun_us < least_us + least_us / 20);
  /* as many as packets, or nearly: each that looked in vain would make it ten times that */
  assert_true (ts_sim_clock_calls (b[0]->clock) - calls < 2 * bytes / 1448);
  for (guint i = 1; i < COUNT; i++)
    g_free (b[i]);
  bench_free (b[0]);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (a_handshake_takes_two_and_a_half_round_trips),
      cmocka_unit_test (a_handshake_takes_the_hosts_time_too),
      cmocka_unit_test (hosts_are_no_quicker_than_they_are),
      cmocka_unit_test (a_megabyte_takes_size_over_rate),
      cmocka_unit_test (two_streams_share_the_line),
      cmocka_unit_test (loss_costs_time_and_nothing_else),
      cmocka_unit_test (a_black_hole_delays_until_the_doubled_time_out),
      cmocka_unit_test (of_many_that_wait_some_go),
      cmocka_unit_test (hanging_up_is_heard),
      cmocka_unit_test (a_vanished_end_says_nothing),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

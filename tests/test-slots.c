/* tests/test-slots.c -- a host's slots, and its settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/relation/settings.h"
#include "core/relation/slots.h"

static void
others_wait_in_order (void **state)
{
  g_autoptr (TsSlots) slots = ts_slots_new ();
  char a, b, c, d;
  assert_true (ts_slots_ask (slots, "", 2, &a));
  assert_true (ts_slots_ask (slots, "", 2, &b));
  assert_false (ts_slots_ask (slots, "", 2, &c));
  assert_false (ts_slots_ask (slots, "", 2, &d));
  assert_int_equal (ts_slots_held (slots, ""), 2);
  assert_ptr_equal (ts_slots_release (slots, &b), &c);
  assert_true (ts_slots_has (slots, &c));
  assert_false (ts_slots_has (slots, &d));
  assert_ptr_equal (ts_slots_release (slots, &a), &d);
  assert_null (ts_slots_release (slots, &c));
  assert_null (ts_slots_release (slots, &a)); /* has none */
  assert_int_equal (ts_slots_held (slots, ""), 1);
}

static void
asking_twice_keeps_the_place (void **state)
{
  g_autoptr (TsSlots) slots = ts_slots_new ();
  char a, b, c;
  assert_true (ts_slots_ask (slots, "", 1, &a));
  assert_true (ts_slots_ask (slots, "", 1, &a));
  assert_false (ts_slots_ask (slots, "", 1, &b));
  assert_false (ts_slots_ask (slots, "", 1, &c));
  assert_false (ts_slots_ask (slots, "", 1, &b));
  assert_ptr_equal (ts_slots_release (slots, &a), &b);
}

static void
who_waits_may_give_up (void **state)
{
  g_autoptr (TsSlots) slots = ts_slots_new ();
  char a, b, c;
  assert_true (ts_slots_ask (slots, "", 1, &a));
  assert_false (ts_slots_ask (slots, "", 1, &b));
  assert_false (ts_slots_ask (slots, "", 1, &c));
  assert_null (ts_slots_release (slots, &b));
  assert_ptr_equal (ts_slots_release (slots, &a), &c);
}

static void
servers_have_slots_of_their_own (void **state)
{
  g_autoptr (TsSlots) slots = ts_slots_new ();
  char a, b, c;
  assert_true (ts_slots_ask (slots, "hv1", 1, &a));
  assert_true (ts_slots_ask (slots, "hv2", 1, &b));
  assert_false (ts_slots_ask (slots, "hv2", 1, &c));
  assert_null (ts_slots_release (slots, &a));
  assert_ptr_equal (ts_slots_release (slots, &b), &c);
}

static void
no_limit (void **state)
{
  g_autoptr (TsSlots) slots = ts_slots_new ();
  char who[100];
  for (guint i = 0; i < G_N_ELEMENTS (who); i++)
    assert_true (ts_slots_ask (slots, "hv1", 0, &who[i]));
}

static void
settings_have_ranges (void **state)
{
  TsHostSettings s;
  ts_host_settings_init (&s);
  assert_true (ts_host_settings_check (&s, NULL));
  assert_int_equal (s.transfers_max, 3); /* HVR 2.13 */
  s.transfers_max = 0;
  assert_false (ts_host_settings_check (&s, NULL));
  s.transfers_max = 1025;
  assert_false (ts_host_settings_check (&s, NULL));
  s.transfers_max = 1024;
  s.apply_disks_max = 261;
  assert_false (ts_host_settings_check (&s, NULL));
  s.apply_disks_max = 260;
  assert_true (ts_host_settings_check (&s, NULL));
  static const struct {
    gint64 us;
    gboolean good;
  } intervals[] = {{TS_HOUR, TRUE},       {5 * TS_HOUR, FALSE},  {8 * TS_HOUR, TRUE},
                   {12 * TS_HOUR, TRUE},  {24 * TS_HOUR, TRUE},  {36 * TS_HOUR, FALSE},
                   {168 * TS_HOUR, TRUE}, {192 * TS_HOUR, FALSE}, {TS_HOUR / 2, FALSE}};
  for (guint i = 0; i < G_N_ELEMENTS (intervals); i++) {
    s.monitoring_us = intervals[i].us;
    assert_int_equal (ts_host_settings_check (&s, NULL), intervals[i].good);
  }
}

static void
four_disks_at_once_unless_it_is_said (void **state)
{
  TsHostSettings s;
  ts_host_settings_init (&s);
  assert_int_equal (ts_host_settings_apply_lanes (&s, 16), 4);
  assert_int_equal (ts_host_settings_apply_lanes (&s, 2), 2);
  s.apply_disks_max = 6;
  assert_int_equal (ts_host_settings_apply_lanes (&s, 16), 6);
  s.apply_queue_depth = 1;
  assert_int_equal (ts_host_settings_apply_lanes (&s, 16), 1);
}

static void
the_grid_of_monitoring (void **state)
{
  TsHostSettings s;
  ts_host_settings_init (&s);
  /* from 09:00, 12 h; a run that begins at midnight: the first is cut short */
  assert_int_equal (ts_host_settings_monitor_us (&s, 1, 0), 9 * TS_HOUR);
  assert_int_equal (ts_host_settings_monitor_us (&s, 1, 9 * TS_HOUR - 1), 9 * TS_HOUR);
  assert_int_equal (ts_host_settings_monitor_us (&s, 1, 9 * TS_HOUR), 21 * TS_HOUR);
  assert_int_equal (ts_host_settings_monitor_us (&s, 1, 21 * TS_HOUR), 33 * TS_HOUR);
  s.clock_us = 20 * TS_HOUR;
  assert_int_equal (ts_host_settings_monitor_us (&s, 1, 0), TS_HOUR);
  s.monitoring_us = 48 * TS_HOUR;
  assert_int_equal (ts_host_settings_monitor_us (&s, 1, 0), 37 * TS_HOUR);
  ts_host_settings_init (&s);
  assert_int_equal (ts_host_settings_monitor_us (&s, 60, 0), 9 * TS_MIN); /* a quicker run */
  assert_int_equal (ts_host_settings_monitor_us (&s, 60, 9 * TS_MIN), 21 * TS_MIN);
}

static void
settings_are_packed_and_come_back (void **state)
{
  TsHostSettings s, t;
  ts_host_settings_init (&s);
  s.transfers_max = 17;
  s.apply_vms_max = 5;
  s.skip_revocation = TRUE;
  s.monitoring_us = 3 * TS_HOUR;
  g_autoptr (GVariant) packed = g_variant_ref_sink (ts_host_settings_pack (&s));
  assert_true (ts_host_settings_unpack (packed, &t, NULL));
  assert_int_equal (t.transfers_max, 17);
  assert_int_equal (t.apply_vms_max, 5);
  assert_true (t.skip_revocation);
  assert_int_equal (t.monitoring_us, 3 * TS_HOUR);
  s.transfers_max = 0;
  g_autoptr (GVariant) bad = g_variant_ref_sink (ts_host_settings_pack (&s));
  assert_false (ts_host_settings_unpack (bad, &t, NULL));
  assert_int_equal (t.transfers_max, 17);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (others_wait_in_order),
      cmocka_unit_test (asking_twice_keeps_the_place),
      cmocka_unit_test (who_waits_may_give_up),
      cmocka_unit_test (servers_have_slots_of_their_own),
      cmocka_unit_test (no_limit),
      cmocka_unit_test (settings_have_ranges),
      cmocka_unit_test (four_disks_at_once_unless_it_is_said),
      cmocka_unit_test (the_grid_of_monitoring),
      cmocka_unit_test (settings_are_packed_and_come_back),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}

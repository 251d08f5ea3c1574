/* The replication policy's ranges and defaults. */
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/relation/policy.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define POLICY(frequency, scale, how, compress)                                                    \
  {                                                                                                \
    .frequency_us = frequency, .time_scale = scale, .authentication = how,                         \
    .compression = compress, .initial = TS_INITIAL_NETWORK, .initial_at_us = -1                    \
  }

#define HISTORY(points, every)                                                                     \
  {                                                                                                \
    .frequency_us = 300 * TS_S, .time_scale = 1, .authentication = TS_AUTH_CERTIFICATE,            \
    .recovery_points = points, .app_consistent_us = every, .initial = TS_INITIAL_NETWORK,          \
    .initial_at_us = -1                                                                            \
  }

#define INITIAL(how, at)                                                                           \
  {                                                                                                \
    .frequency_us = 300 * TS_S, .time_scale = 1, .authentication = TS_AUTH_CERTIFICATE,            \
    .initial = how, .initial_at_us = at                                                            \
  }

static const struct row {
  const char *name;
  TsPolicy policy;
  gint64 interval_us; /* 0: refused */
  const char *says;
} rows[] = {
    {"30 s", POLICY (30 * TS_S, 1, TS_AUTH_CERTIFICATE, TRUE), 30 * TS_S, NULL},
    {"5 min", POLICY (300 * TS_S, 1, TS_AUTH_KERBEROS, FALSE), 300 * TS_S, NULL},
    {"15 min", POLICY (900 * TS_S, 1, TS_AUTH_KERBEROS, TRUE), 900 * TS_S, NULL},
    {"a lab in a hurry", POLICY (30 * TS_S, 10, TS_AUTH_CERTIFICATE, TRUE), 3 * TS_S, NULL},
    {"the greatest hurry", POLICY (30 * TS_S, 1000, TS_AUTH_CERTIFICATE, TRUE), 30 * TS_MS, NULL},
    {"10 s", POLICY (10 * TS_S, 1, TS_AUTH_CERTIFICATE, TRUE), 0,
     "frequency is 10 s: it can be 30s, 5m or 15m"},
    {"no time", POLICY (0, 1, TS_AUTH_CERTIFICATE, TRUE), 0, "frequency is 0 us"},
    {"a microsecond off", POLICY (30 * TS_S + 1, 1, TS_AUTH_CERTIFICATE, TRUE), 0, "frequency"},
    {"backwards", POLICY (-30 * TS_S, 1, TS_AUTH_CERTIFICATE, TRUE), 0, "frequency is -30 s"},
    {"no scale", POLICY (30 * TS_S, 0, TS_AUTH_CERTIFICATE, TRUE), 0,
     "time_scale is 0: it can be 1 to 1000"},
    {"too great a hurry", POLICY (30 * TS_S, 1001, TS_AUTH_CERTIFICATE, TRUE), 0,
     "time_scale is 1001"},
    {"no authentication", POLICY (30 * TS_S, 1, (TsAuthentication)0, TRUE), 0,
     "authentication is 0"},
    {"unknown authentication", POLICY (30 * TS_S, 1, (TsAuthentication)3, TRUE), 0,
     "authentication is 3"},
    {"24 points", HISTORY (24, 12 * TS_HOUR), 300 * TS_S, NULL},
    {"25 points", HISTORY (25, 0), 0, "recovery_points is 25: it can be 0 to 24"},
    {"application-consistent every half hour", HISTORY (24, 30 * TS_MIN), 0,
     "app_consistent is 30 min: it can be 1h to 12h"},
    {"application-consistent every 13 hours", HISTORY (24, 13 * TS_HOUR), 0,
     "app_consistent is 13 h: it can be"},
    {"application-consistent every 90 minutes", HISTORY (24, 90 * TS_MIN), 0, "in whole hours"},
    {"application-consistent without history", HISTORY (0, TS_HOUR), 0,
     "must be less than recovery_points, which is 0"},
    {"application-consistent as seldom as points are kept", HISTORY (4, 4 * TS_HOUR), 0,
     "must be less than recovery_points, which is 4"},
    {"an existing copy", INITIAL (TS_INITIAL_SEEDED, -1), 300 * TS_S, NULL},
    {"by night", INITIAL (TS_INITIAL_NETWORK, 2 * TS_HOUR), 300 * TS_S, NULL},
    {"at the last second of the day", INITIAL (TS_INITIAL_SEEDED, 24 * TS_HOUR - TS_S), 300 * TS_S,
     NULL},
    {"no method", INITIAL ((TsInitial)0, -1), 0, "initial is 0: it can be 1 (network)"},
    {"a fourth method", INITIAL ((TsInitial)4, -1), 0, "initial is 4: it can be 1 (network)"},
    {"at 24:00", INITIAL (TS_INITIAL_NETWORK, 24 * TS_HOUR), 0,
     "initial_at is 86400000000 us: it can be 00:00:00 to 23:59:59"},
    {"between two seconds", INITIAL (TS_INITIAL_NETWORK, 1), 0, "initial_at is 1 us: it can be"},
    {"an export by night", INITIAL (TS_INITIAL_EXPORT, TS_HOUR), 0,
     "initial_at: an export begins when it is asked for"},
};

/* What can be is the same behind pack and unpack; what cannot be is refused there, too. */
static void
packed (void **state)
{
  const struct row *row = *state;
  g_autoptr (GVariant) value = g_variant_ref_sink (ts_policy_pack (&row->policy));
  TsPolicy back, before;
  ts_policy_init (&back);
  before = back;
  g_autoptr (GError) error = NULL;
  gboolean ok = ts_policy_unpack (value, &back, &error);
  g_autoptr (GVariant) again = g_variant_ref_sink (ts_policy_pack (&back));
  g_autoptr (GVariant) old = g_variant_ref_sink (ts_policy_pack (&before));
  assert_int_equal (ok, row->interval_us != 0);
  assert_true (g_variant_equal (again, ok ? value : old));
}

static void
another_version_is_refused (void **state)
{
  g_autoptr (GError) error = NULL;
  TsPolicy policy;
  g_autoptr (GVariant) value = g_variant_ref_sink (
      g_variant_new (TS_POLICY_TYPE, TS_POLICY_VERSION + 1, 300 * TS_S, 1u, 2u, TRUE, 0u,
                     (gint64)0, (guint64)0, 1u, (gint64)-1));
  assert_false (ts_policy_unpack (value, &policy, &error));
  assert_non_null (strstr (error->message, "a policy of version 2: it should be 1"));
}

static void
check (void **state)
{
  const struct row *row = *state;
  g_autoptr (GError) error = NULL;
  gboolean ok = ts_policy_check (&row->policy, &error);
  if (row->interval_us) {
    assert_true (ok);
    assert_int_equal (ts_policy_interval_us (&row->policy), row->interval_us);
    return;
  }
  assert_false (ok);
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  if (!strstr (error->message, row->says))
    fail_msg ("\"%s\" does not say \"%s\"", error->message, row->says);
}

static void
defaults_are_published_and_valid (void **state)
{
  TsPolicy policy;
  memset (&policy, 0xff, sizeof policy);
  ts_policy_init (&policy);
  assert_int_equal (policy.frequency_us, 300 * TS_S);
  assert_int_equal (policy.time_scale, 1);
  assert_int_equal (policy.authentication, TS_AUTH_CERTIFICATE);
  assert_true (policy.compression);
  assert_true (ts_policy_check (&policy, NULL));
}

int
main (void)
{
  struct CMUnitTest tests[2 + 2 * G_N_ELEMENTS (rows)] = {
      cmocka_unit_test (defaults_are_published_and_valid),
      cmocka_unit_test (another_version_is_refused),
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    for (guint as = 0; as < 2; as++)
      tests[2 + 2 * i + as] = (struct CMUnitTest){.name = rows[i].name,
                                                  .test_func = as ? packed : check,
                                                  .initial_state = (void *)&rows[i]};
  return cmocka_run_group_tests_name ("policy", tests, NULL, NULL);
}

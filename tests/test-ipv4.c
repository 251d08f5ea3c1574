/* tests/test-ipv4.c -- what is an IPv4 address, and what is a machine's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/base/error.h"
#include "core/base/ipv4.h"

static const struct row {
  const char *text;
  gboolean with_prefix;
  gint64 address; /* -1: refused */
  guint prefix;
} rows[] = {
    {"10.20.0.10", FALSE, 0x0a14000a, 0},
    {"0.0.0.0", FALSE, 0, 0},
    {"255.255.255.255", FALSE, 0xffffffff, 0},
    {"10.20.0.10/24", TRUE, 0x0a14000a, 24},
    {"10.20.0.10/8", TRUE, 0x0a14000a, 8},
    {"10.20.0.10/30", TRUE, 0x0a14000a, 30},
    {"10.20.0.10/7", TRUE, -1, 0},
    {"10.20.0.10/31", TRUE, -1, 0},
    {"10.20.0.10", TRUE, -1, 0},
    {"10.20.0.10/24", FALSE, -1, 0},
    {"10.20.0.256", FALSE, -1, 0},
    {"10.20.0.99999999999", FALSE, -1, 0},
    {"10.20.0", FALSE, -1, 0},
    {"10.20.0.", FALSE, -1, 0},
    {"10.20.0.1.", FALSE, -1, 0},
    {"10.20.0.010", FALSE, -1, 0},
    {" 10.20.0.1", FALSE, -1, 0},
    {"10.-20.0.1", FALSE, -1, 0},
    {"", FALSE, -1, 0},
    {"10.20.0.1/24x", TRUE, -1, 0},
    {"10.20.0.1/", TRUE, -1, 0},
};

static void
parses (void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const struct row *row = &rows[i];
    g_autoptr (GError) error = NULL;
    guint32 address = 0;
    guint prefix = 0;
    gboolean good = ts_ipv4_parse (row->text, &address, row->with_prefix ? &prefix : NULL, &error);
    if (good != (row->address >= 0))
      fail_msg ("'%s' is %s", row->text, good ? "taken" : "refused");
    if (!good) {
      assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
      continue;
    }
    assert_int_equal (address, row->address);
    assert_int_equal (prefix, row->prefix);
    char text[TS_IPV4_TEXT_SIZE];
    ts_ipv4_format (address, text);
    assert_memory_equal (text, row->text, strlen (text));
  }
}

static void
knows_who_may_have_it (void **state)
{
  guint32 network = 0x0a140000;
  assert_int_equal (ts_ipv4_mask (24), 0xffffff00);
  assert_true (ts_ipv4_is_host (network + 1, network, 24));
  assert_true (ts_ipv4_is_host (network + 254, network, 24));
  assert_false (ts_ipv4_is_host (network, network, 24));
  assert_false (ts_ipv4_is_host (network + 255, network, 24));
  assert_false (ts_ipv4_is_host (network + 256 + 1, network, 24));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test (parses),
                                     cmocka_unit_test (knows_who_may_have_it)};
  return cmocka_run_group_tests (tests, NULL, NULL);
}

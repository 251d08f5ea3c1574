/* tests/test-dhcp.c -- the one address that a machine's cable gives: to whom, and to what questions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <glib.h>
#include "lab/site/dhcp.h"

static const TsDhcpLease lease = {.address = 0x0a14000a, .server = 0x0a140001, .prefix = 24};

#define NO_ANSWER 0
enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

static const struct row {
  const char *name;
  guint8 options[16];
  guint8 has[4]; /* ciaddr */
  guint8 answer; /* its kind */
  gboolean given; /* yiaddr is the lease's */
} rows[] = {
    {"discover is offered the address", {53, 1, DISCOVER, 255}, {0}, OFFER, TRUE},
    {"pads are skipped", {0, 0, 53, 1, DISCOVER, 255}, {0}, OFFER, TRUE},
    {"no end, all the same", {53, 1, DISCOVER}, {0}, OFFER, TRUE},
    {"a request for it is granted", {53, 1, REQUEST, 50, 4, 10, 20, 0, 10, 255}, {0}, ACK, TRUE},
    {"of this server",
     {53, 1, REQUEST, 50, 4, 10, 20, 0, 10, 54, 4, 10, 20, 0, 1, 255},
     {0},
     ACK,
     TRUE},
    {"of another one: it is not ours to answer",
     {53, 1, REQUEST, 50, 4, 10, 20, 0, 10, 54, 4, 10, 20, 0, 2, 255},
     {0},
     NO_ANSWER,
     FALSE},
    {"a request for another address is refused",
     {53, 1, REQUEST, 50, 4, 10, 20, 0, 11, 255},
     {0},
     NAK,
     FALSE},
    {"it is renewed", {53, 1, REQUEST, 255}, {10, 20, 0, 10}, ACK, TRUE},
    {"what is had from elsewhere is not", {53, 1, REQUEST, 255}, {10, 9, 9, 9}, NAK, FALSE},
    {"inform is told, and given nothing", {53, 1, INFORM, 255}, {10, 20, 0, 10}, ACK, FALSE},
    {"release has no answer", {53, 1, RELEASE, 255}, {10, 20, 0, 10}, NO_ANSWER, FALSE},
    {"decline has no answer", {53, 1, DECLINE, 255}, {0}, NO_ANSWER, FALSE},
    {"no kind, no answer", {50, 4, 10, 20, 0, 10, 255}, {0}, NO_ANSWER, FALSE},
    {"an option that is cut off", {53, 1, DISCOVER, 50, 40, 1, 2}, {0}, NO_ANSWER, FALSE},
};

static gsize
ask (const struct row *row, guint8 *answer)
{
  guint8 question[256] = {1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef};
  memcpy (question + 12, row->has, 4);
  memcpy (question + 28, "\x52\x54\x00\x01\x02\x03", 6);
  memcpy (question + 236, "\x63\x82\x53\x63", 4);
  memcpy (question + 240, row->options, 16);
  return ts_dhcp_answer (&lease, question, sizeof question, answer);
}

static void
answers (void **state)
{
  const struct row *row = *state;
  static const guint8 ours[] = {10, 20, 0, 10}, nothing[4] = {0};
  guint8 answer[TS_DHCP_ANSWER_MAX];
  gsize len = ask (row, answer);
  if (row->answer == NO_ANSWER) {
    assert_int_equal (len, 0);
    return;
  }
  assert_int_equal (len, TS_DHCP_ANSWER_MAX);
  assert_int_equal (answer[0], 2);
  assert_memory_equal (answer + 4, "\xde\xad\xbe\xef", 4);
  assert_memory_equal (answer + 28, "\x52\x54\x00\x01\x02\x03", 6);
  static const guint8 head[] = {53, 1};
  assert_memory_equal (answer + 240, head, 2);
  assert_int_equal (answer[242], row->answer);
  assert_memory_equal (answer + 16, row->given ? ours : nothing, 4);
}

static void
what_is_none_has_no_answer (void **state)
{
  guint8 answer[TS_DHCP_ANSWER_MAX], question[256] = {1, 1, 6};
  memcpy (question + 236, "\x63\x82\x53\x63\x35\x01\x01", 7);
  assert_int_equal (ts_dhcp_answer (&lease, question, 256, answer), TS_DHCP_ANSWER_MAX);
  for (gsize len = 0; len < 243; len++)
    assert_int_equal (ts_dhcp_answer (&lease, question, len, answer), 0);
  question[0] = 2; /* an answer is not a question */
  assert_int_equal (ts_dhcp_answer (&lease, question, 256, answer), 0);
  question[0] = 1;
  question[237] ^= 1;
  assert_int_equal (ts_dhcp_answer (&lease, question, 256, answer), 0);
}

int
main (void)
{
  struct CMUnitTest tests[G_N_ELEMENTS (rows) + 1] = {
      cmocka_unit_test (what_is_none_has_no_answer)};
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    tests[i + 1] = (struct CMUnitTest){
        .name = rows[i].name, .test_func = answers, .initial_state = (void *)&rows[i]};
  return cmocka_run_group_tests (tests, NULL, NULL);
}

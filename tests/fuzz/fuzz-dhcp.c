/* tests/fuzz/fuzz-dhcp.c -- what a guest may send to port 67 of its cable. */
#include <stdint.h>
#include <string.h>
#include "lab/site/dhcp.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len_bytes)
{
  static const TsDhcpLease lease = {.address = 0x0a14000a, .server = 0x0a140001, .prefix = 24};
  guint8 *exact = g_memdup2 (data, len_bytes), answer[TS_DHCP_ANSWER_MAX];
  gsize len = ts_dhcp_answer (&lease, exact, len_bytes, answer);
  g_assert (len == 0 || len == TS_DHCP_ANSWER_MAX);
  if (len > 0) {
    static const guint8 ours[] = {10, 20, 0, 10}, nothing[4] = {0};
    g_assert (answer[0] == 2 && memcmp (answer + 4, exact + 4, 4) == 0);
    g_assert (memcmp (answer + 16, ours, 4) == 0 || memcmp (answer + 16, nothing, 4) == 0);
    g_assert (answer[242] == 2 || answer[242] == 5 || answer[242] == 6);
  }
  g_free (exact);
  return 0;
}

/* lab/site/dhcp.c -- see dhcp.h.
 *
 *   OFFSET  SIZE                              (RFC 2131, section 2; big-endian)
 *        0     1  op: 1 question, 2 answer         28   16  chaddr: the asker's card
 *        1     1  htype 1      2  1  hlen 6        44  192  names, not used
 *        4     4  xid         10  2  flags        236    4  99, 130, 83, 99
 *       12     4  ciaddr: it has that already     240       options (RFC 2132): code, length, value
 *       16     4  yiaddr: it is given */
#include "lab/site/dhcp.h"
#include <string.h>
#include "core/base/ipv4.h"

#define OPTIONS 240
#define LEASE_S 86400 /* CHOICE: longer than any run */

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };
enum {
  OPTION_PAD = 0,
  OPTION_MASK = 1,
  OPTION_ROUTER = 3,
  OPTION_WANTED = 50,
  OPTION_TIME = 51,
  OPTION_KIND = 53,
  OPTION_SERVER = 54,
  OPTION_END = 255
};

static const guint8 cookie[] = {99, 130, 83, 99};

typedef struct {
  guint8 kind;
  guint32 wanted, server; /* 0: not said */
} Asked;

static guint32
number_at (const guint8 *bytes)
{
  return (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8 | bytes[3];
}

static void
put_number (guint8 *bytes, guint32 value)
{
  for (guint i = 0; i < 4; i++)
    bytes[i] = (guint8)(value >> (24 - 8 * i));
}

/* FALSE: they are cut off, or do not say what is asked. */
static gboolean
read_options (const guint8 *bytes, gsize len, Asked *asked)
{
  for (gsize at = 0; at < len && bytes[at] != OPTION_END;) {
    guint8 code = bytes[at++];
    if (code == OPTION_PAD)
      continue;
    if (at >= len || bytes[at] > len - at - 1)
      return FALSE;
    guint8 size = bytes[at++];
    if (code == OPTION_KIND && size == 1)
      asked->kind = bytes[at];
    else if (code == OPTION_WANTED && size == 4)
      asked->wanted = number_at (bytes + at);
    else if (code == OPTION_SERVER && size == 4)
      asked->server = number_at (bytes + at);
    at += size;
  }
  return asked->kind != 0;
}

static guint8 *
put_option (guint8 *at, guint8 code, guint32 value)
{
  *at++ = code;
  *at++ = 4;
  put_number (at, value);
  return at + 4;
}

gsize
ts_dhcp_answer (const TsDhcpLease *lease, const guint8 *question, gsize len,
                guint8 answer[TS_DHCP_ANSWER_MAX])
{
  Asked asked = {0};
  if (len < OPTIONS || question[0] != 1 || question[1] != 1 || question[2] != 6 ||
      memcmp (question + OPTIONS - 4, cookie, sizeof cookie) != 0 ||
      !read_options (question + OPTIONS, len - OPTIONS, &asked))
    return 0;
  if (asked.server != 0 && asked.server != lease->server) /* it has chosen somebody else */
    return 0;
  guint32 has = number_at (question + 12);
  guint8 kind;
  if (asked.kind == DISCOVER)
    kind = OFFER;
  else if (asked.kind == REQUEST)
    kind = (asked.wanted ? asked.wanted : has) == lease->address ? ACK : NAK;
  else if (asked.kind == INFORM)
    kind = ACK;
  else
    return 0;

  memset (answer, 0, TS_DHCP_ANSWER_MAX);
  memcpy (answer, question, 12); /* htype, hlen, xid, flags */
  answer[0] = 2;
  answer[3] = 0;
  answer[8] = answer[9] = 0;
  memcpy (answer + 28, question + 28, 6);
  memcpy (answer + OPTIONS - 4, cookie, sizeof cookie);
  guint8 *at = answer + OPTIONS;
  *at++ = OPTION_KIND;
  *at++ = 1;
  *at++ = kind;
  at = put_option (at, OPTION_SERVER, lease->server);
  if (kind != NAK) {
    if (asked.kind == INFORM)
      put_number (answer + 12, has);
    else {
      put_number (answer + 16, lease->address);
      at = put_option (at, OPTION_TIME, LEASE_S);
    }
    at = put_option (at, OPTION_MASK, ts_ipv4_mask (lease->prefix));
    at = put_option (at, OPTION_ROUTER, lease->server);
  }
  *at = OPTION_END;
  return TS_DHCP_ANSWER_MAX;
}

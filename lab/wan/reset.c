/* lab/wan/reset.c -- see reset.h. */
#include "lab/wan/reset.h"
#include <string.h>

enum { IP_PROTOCOL = 9, IP_CHECKSUM = 10, IP_FROM = 12, IP_TO = 16, IP_BYTES = 20 };
enum { TCP_SEQ = 4, TCP_ACK = 8, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, TCP_BYTES = 20 };
enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_ACK = 16 };

static guint32
get (const guint8 *at, guint bytes)
{
  guint32 value = 0;
  for (guint i = 0; i < bytes; i++)
    value = value << 8 | at[i];
  return value;
}

static void
put (guint8 *at, guint bytes, guint32 value)
{
  for (guint i = 0; i < bytes; i++)
    at[i] = (guint8)(value >> (8 * (bytes - 1 - i)));
}

/* The Internet checksum (RFC 1071) of data, on top of sum; an even number of bytes. */
static guint32
add_up (guint32 sum, const guint8 *data, gsize bytes)
{
  for (gsize i = 0; i < bytes; i += 2)
    sum += get (data + i, 2);
  return sum;
}

static guint16
fold (guint32 sum)
{
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (guint16)~sum;
}

gboolean
ts_reset_make (const guint8 *packet, gsize packet_bytes, gboolean back, guint8 reset[TS_RESET_BYTES])
{
  gsize ip = packet_bytes >= IP_BYTES ? (packet[0] & 15) * 4u : 0;
  if (ip < IP_BYTES || packet[0] >> 4 != 4 || packet[IP_PROTOCOL] != 6 ||
      packet_bytes < ip + TCP_BYTES)
    return FALSE;
  const guint8 *tcp = packet + ip;
  gsize head = (tcp[TCP_OFFSET] >> 4) * 4u;
  gsize total = get (packet + 2, 2);
  if ((tcp[TCP_FLAGS] & FLAG_RST) || head < TCP_BYTES || total > packet_bytes || total < ip + head)
    return FALSE;
  guint32 seq = get (tcp + TCP_SEQ, 4), ack = get (tcp + TCP_ACK, 4);
  guint32 length = (guint32)(total - ip - head) + !!(tcp[TCP_FLAGS] & FLAG_SYN) +
                   !!(tcp[TCP_FLAGS] & FLAG_FIN);
  gboolean acks = (tcp[TCP_FLAGS] & FLAG_ACK) != 0;

  memset (reset, 0, TS_RESET_BYTES);
  guint8 *out = reset + IP_BYTES;
  reset[0] = 4 << 4 | IP_BYTES / 4;
  put (reset + 2, 2, TS_RESET_BYTES);
  reset[8] = 64; /* time to live */
  reset[IP_PROTOCOL] = 6;
  memcpy (reset + IP_FROM, packet + (back ? IP_TO : IP_FROM), 4);
  memcpy (reset + IP_TO, packet + (back ? IP_FROM : IP_TO), 4);
  put (reset + IP_CHECKSUM, 2, fold (add_up (0, reset, IP_BYTES)));
  memcpy (out, tcp + (back ? 2 : 0), 2);
  memcpy (out + 2, tcp + (back ? 0 : 2), 2);
  out[TCP_OFFSET] = TCP_BYTES / 4 << 4;
  if (!back) { /* in its sender's name, where the receiver expects the next byte */
    put (out + TCP_SEQ, 4, seq);
    put (out + TCP_ACK, 4, ack);
    out[TCP_FLAGS] = (guint8)(FLAG_RST | (acks ? FLAG_ACK : 0));
  } else if (acks) {
    put (out + TCP_SEQ, 4, ack);
    out[TCP_FLAGS] = FLAG_RST;
  } else {
    put (out + TCP_ACK, 4, seq + length);
    out[TCP_FLAGS] = FLAG_RST | FLAG_ACK;
  }
  guint32 sum = add_up (0, reset + IP_FROM, 8) + 6 + TCP_BYTES;
  put (out + TCP_CHECKSUM, 2, fold (add_up (sum, out, TCP_BYTES)));
  return TRUE;
}

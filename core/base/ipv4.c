/* core/base/ipv4.c -- see ipv4.h. */
#include "core/base/ipv4.h"
#include "core/base/error.h"

#define PREFIX_MIN 8
#define PREFIX_MAX 30

/* Takes a decimal number up to max from *at; -1: there is none. */
static gint
take_number (const char **at, gint max)
{
  const char *from = *at;
  gint value = 0;
  while (g_ascii_isdigit (**at) && value <= max)
    value = value * 10 + g_ascii_digit_value (*(*at)++);
  gboolean good = *at > from && value <= max && (*from != '0' || *at == from + 1);
  return good ? value : -1;
}

gboolean
ts_ipv4_parse (const char *text, guint32 *address, guint *prefix, GError **error)
{
  const char *at = text;
  guint32 sum = 0;
  gboolean good = TRUE;
  for (guint i = 0; good && i < 4; i++) {
    gint part = take_number (&at, 255);
    good = part >= 0 && (i == 3 || *at++ == '.');
    sum = sum << 8 | (guint32)MAX (part, 0);
  }
  gint bits = 0;
  if (good && prefix) {
    good = *at == '/';
    at += good;
    bits = good ? take_number (&at, PREFIX_MAX) : -1;
    good = bits >= PREFIX_MIN;
  }
  if (!good || *at)
    return ts_throw (error, TS_ERROR_ARGUMENT, "'%s' is no IPv4 address%s", text,
                     prefix ? " with the length of its network (expected: such as 10.20.0.10/24)"
                            : " (expected: such as 10.20.0.10)");
  *address = sum;
  if (prefix)
    *prefix = (guint)bits;
  return TRUE;
}

void
ts_ipv4_format (guint32 address, char text[TS_IPV4_TEXT_SIZE])
{
  g_snprintf (text, TS_IPV4_TEXT_SIZE, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
              address >> 8 & 255, address & 255);
}

guint32
ts_ipv4_mask (guint prefix)
{
  return prefix == 0 ? 0 : G_MAXUINT32 << (32 - prefix);
}

gboolean
ts_ipv4_is_host (guint32 address, guint32 of_network, guint prefix)
{
  guint32 mask = ts_ipv4_mask (prefix);
  return (address & mask) == (of_network & mask) && (address & ~mask) != 0 &&
         (address & ~mask) != ~mask;
}

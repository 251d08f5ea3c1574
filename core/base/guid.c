#include "core/base/guid.h"
#include "core/base/error.h"

/* Where the text's byte pairs lie: the first three fields are little-endian (MS-DTYP 2.3.4). */
static const guint8 place[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

static gboolean
dash_before (guint pair)
{
  return pair == 4 || pair == 6 || pair == 8 || pair == 10;
}

TsGuid
ts_guid_draw (TsRandom *random)
{
  TsGuid guid;
  for (guint half = 0; half < 2; half++) {
    guint64 draw = ts_random_u64 (random);
    for (guint i = 0; i < 8; i++)
      guid.bytes[half * 8 + i] = (guint8)(draw >> (8 * i));
  }
  guid.bytes[7] = (guint8)((guid.bytes[7] & 0x0f) | 0x40); /* RFC 4122: version 4 */
  guid.bytes[8] = (guint8)((guid.bytes[8] & 0x3f) | 0x80); /* its variant */
  return guid;
}

gboolean
ts_guid_equal (const TsGuid *a, const TsGuid *b)
{
  return memcmp (a->bytes, b->bytes, sizeof a->bytes) == 0;
}

gboolean
ts_guid_is_zero (const TsGuid *guid)
{
  static const TsGuid zero;
  return ts_guid_equal (guid, &zero);
}

void
ts_guid_format (const TsGuid *guid, char text[TS_GUID_TEXT_SIZE])
{
  static const char digits[] = "0123456789abcdef";
  for (guint i = 0; i < G_N_ELEMENTS (place); i++) {
    if (dash_before (i))
      *text++ = '-';
    *text++ = digits[guid->bytes[place[i]] >> 4];
    *text++ = digits[guid->bytes[place[i]] & 15];
  }
  *text = '\0';
}

gboolean
ts_guid_parse (const char *text, TsGuid *guid, GError **error)
{
  g_return_val_if_fail (text && guid, FALSE);
  const char *at = text;
  TsGuid parsed;
  for (guint i = 0; i < G_N_ELEMENTS (place); i++) {
    if (dash_before (i) && *at++ != '-')
      goto refuse;
    gint high = g_ascii_xdigit_value (at[0]);
    gint low = high < 0 ? -1 : g_ascii_xdigit_value (at[1]);
    if (low < 0)
      goto refuse;
    parsed.bytes[place[i]] = (guint8)(high << 4 | low);
    at += 2;
  }
  if (*at)
    goto refuse;
  *guid = parsed;
  return TRUE;
refuse:
  return ts_throw (
      error, TS_ERROR_ARGUMENT,
      "a GUID looks like 01234567-89ab-cdef-0123-456789abcdef, this does not: \"%.40s\"", text);
}

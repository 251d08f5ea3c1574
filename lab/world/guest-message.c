/* lab/world/guest-message.c -- the grammar of what an agent says, as a table: a letter, then fields. */
#include "lab/world/guest-channel.h"
#include "core/base/error.h"
#include "core/format/stamp.h"
#include <string.h>

#define DISKS_MAX 16 /* of a VM, HVR reference 1.8 */

/* One character per field: n number, + number from 1, d disk, o offset, l length, b blocks,
 * h 'w', 't' or 'c', r f e the three counts of a survey, * the rest as text. */
static const struct grammar {
  char letter;
  TsGuestSaid said;
  const char *fields;
} grammar[] = {
    {'R', TS_GUEST_READY, "n"},      {'p', TS_GUEST_ALIVE, "n"},    {'W', TS_GUEST_WROTE, "+dol"},
    {'F', TS_GUEST_FLUSHED, "+"},    {'S', TS_GUEST_HELD, "dolnh"}, {'L', TS_GUEST_FILL, "dob"},
    {'s', TS_GUEST_SURVEYED, "rfe"}, {'E', TS_GUEST_TROUBLE, "*"},
    {'Z', TS_GUEST_FROZEN, "n"},    {'z', TS_GUEST_NOT_FROZEN, "n"},
};

static gboolean
take_number (const char **at, const char *end, guint64 *number)
{
  guint64 value = 0;
  const char *start = *at;
  for (; *at < end && g_ascii_isdigit (**at); (*at)++) {
    guint64 digit = (guint64)(**at - '0');
    if (value > (G_MAXINT64 - digit) / 10)
      return FALSE;
    value = value * 10 + digit;
  }
  *number = value;
  return *at > start;
}

static gboolean
take_field (char field, const char **at, const char *end, TsGuestMessage *message)
{
  guint64 number;
  if (field == 'h') {
    if (*at == end || !strchr ("wtc", **at) || **at == 0)
      return FALSE;
    message->held = *(*at)++;
    return TRUE;
  }
  if (field == '*') {
    gsize len = MIN ((gsize)(end - *at), sizeof message->text - 1);
    for (gsize i = 0; i < len; i++)
      message->text[i] = g_ascii_isprint ((*at)[i]) ? (*at)[i] : '?';
    *at = end;
    return TRUE;
  }
  if (!take_number (at, end, &number))
    return FALSE;
  switch (field) {
  case 'n':
    message->number = number;
    return TRUE;
  case '+':
    message->number = number;
    return number > 0;
  case 'd':
    message->disk = (guint)MIN (number, DISKS_MAX);
    return number < DISKS_MAX;
  case 'o':
    message->offset_bytes = number;
    return number % TS_STAMP_BLOCK == 0;
  case 'l':
    message->length_bytes = number;
    return number > 0 && number % TS_STAMP_BLOCK == 0 &&
           number <= G_MAXINT64 - message->offset_bytes;
  case 'b':
    message->number = number;
    message->length_bytes = number * TS_STAMP_BLOCK;
    return number > 0 && number <= (G_MAXINT64 - message->offset_bytes) / TS_STAMP_BLOCK;
  case 'r':
    message->records = number;
    return TRUE;
  case 'f':
    message->fill = number;
    return TRUE;
  default:
    g_assert (field == 'e');
    message->bad = number;
    return TRUE;
  }
}

static gboolean
parse (const struct grammar *rule, const char *at, const char *end, TsGuestMessage *message)
{
  *message = (TsGuestMessage){.said = rule->said};
  for (const char *field = rule->fields; *field; field++) {
    if (at == end || *at++ != ' ' || !take_field (*field, &at, end, message))
      return FALSE;
  }
  /* Only what is corrupt may be without a name. */
  return at == end && !(rule->said == TS_GUEST_HELD && message->held != 'c' && !message->number);
}

gboolean
ts_guest_message_parse (const char *line, gsize len, TsGuestMessage *message, GError **error)
{
  if (len > 0 && len <= TS_GUEST_LINE_MAX)
    for (guint i = 0; i < G_N_ELEMENTS (grammar); i++)
      if (grammar[i].letter == line[0] && parse (&grammar[i], line + 1, line + len, message))
        return TRUE;
  g_autofree char *shown = g_strndup (line, MIN (len, 40));
  for (char *c = shown; *c; c++)
    if (!g_ascii_isprint (*c))
      *c = '?';
  return ts_throw (error, TS_ERROR_FORMAT, "not a line of the guest's: \"%s\"%s", shown,
                   len > 40 ? "..." : "");
}
